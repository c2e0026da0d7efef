"""A real headless browser for tests: Chromium by its DevTools protocol, what it said and asked for."""

import asyncio
import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def found():
    """The browser's program, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One page: commands go out, events are kept; `errors` are what the console would show in red."""

    def __init__(self, socket):
        self._socket = socket
        self._number = 0
        self.events = []

    async def send(self, method, **parameters):
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            said = await self._heard()
            if said.get("id") == self._number:
                assert "error" not in said, said
                return said["result"]

    async def wait(self, method):
        while not any(event["method"] == method for event in self.events):
            await self._heard()

    async def _heard(self):
        said = json.loads((await asyncio.wait_for(self._socket.receive(), 60)).data)
        if "method" in said:
            self.events.append(said)
        return said

    async def evaluate(self, expression):
        result = await self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def open(self, address):
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.send(f"{domain}.enable")
        await self.send("Page.navigate", url=address)
        await self.wait("Page.loadEventFired")

    async def picture(self, path, width, height, *, whole=False):
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        shot = await self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        await asyncio.to_thread(Path(path).write_bytes, base64.b64decode(shot["data"]))

    @property
    def errors(self):
        red = []
        for event in self.events:
            said = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                red.append(said["exceptionDetails"])
            elif event["method"] == "Runtime.consoleAPICalled" and said["type"] in {
                "error",
                "assert",
                "warning",
            }:
                red.append(said["args"])
            elif event["method"] == "Log.entryAdded" and said["entry"]["level"] in {"error", "warning"}:
                red.append(said["entry"]["text"])
        return red

    @property
    def requests(self):
        return [
            e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"
        ]


@contextlib.asynccontextmanager
async def page():
    """A fresh browser with one page, gone afterwards with all that it kept."""
    rooted = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as kept:
        process = await asyncio.to_thread(
            subprocess.Popen,
            [
                found(), "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                "--remote-debugging-port=0", f"--user-data-dir={kept}", *rooted, "about:blank",
            ],
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        try:
            address = await asyncio.to_thread(_door, process)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://{address}/json/list") as answer:
                    target = next(one for one in await answer.json() if one["type"] == "page")
                async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    yield Page(socket)
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _door(process):
    """Where it listens: it says so on its standard error."""
    for line in process.stderr:
        if line.startswith("DevTools listening on ws://"):
            return line.split("//")[1].split("/")[0]
    raise AssertionError(f"{found()} ended with {process.wait()} before it listened")
