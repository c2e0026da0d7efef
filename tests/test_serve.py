"""The app in a browser: over loopback http and a web socket, and closed to whoever has no token."""

import asyncio
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pyte
import pytest
from vet_project import make_vet_project, name_of

from store.journal import read_journal
from store.project import StoreError
from tui.serve import Door, make_door, refusal

aiohttp = pytest.importorskip("aiohttp", reason="the extra `web` is not installed")

TOKEN = "a-token-of-some-length"
PATIENCE = 30


@pytest.fixture
def project(tmp_path):
    """A project of twelve candidates."""
    return make_vet_project(tmp_path / "field")[0]


@asynccontextmanager
async def served(project, *words, **environment):
    """Serve a project; give the address that is printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "tui", "-C", str(project.root), "serve", "--port", "0", *words,
        env=os.environ | {"JWST_VET_TOKEN": TOKEN, "TEXTUAL_ANIMATIONS": "none"} | environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode()
        assert line.startswith("open http://"), line
        yield line.split()[1]
    finally:
        process.terminate()
        await process.communicate()
        assert process.returncode == 0


async def until(socket, words, screen, stream):
    """Read what the app draws until the words are on the screen."""
    while words not in "\n".join(screen.display):
        message = await asyncio.wait_for(socket.receive(), PATIENCE)
        assert message.type is aiohttp.WSMsgType.BINARY, message
        stream.feed(message.data)


async def test_a_browser_with_the_token_vets_and_the_verdict_is_on_disk(project):
    """The page, its scripts, the socket: candidates are drawn, y decides, leaving ends the app's process."""
    # This client takes no cookies from numbers unless told to; browsers do.
    jar = aiohttp.CookieJar(unsafe=True)
    async with served(project) as address, aiohttp.ClientSession(cookie_jar=jar) as browser:
        assert f"?token={TOKEN}" in address
        async with browser.get(address) as page:
            assert page.status == 200
            assert "token" not in page.url.query
            text = await page.text()
        base = address.partition("?")[0]
        assert f"ws://{base.split('/')[2]}/ws" in text
        async with browser.get(f"{base}static/js/textual.js") as script:
            assert script.status == 200
            assert "script-src 'self'" in script.headers["Content-Security-Policy"]
        screen = pyte.Screen(100, 40)
        stream = pyte.ByteStream(screen)
        async with browser.ws_connect(f"{base}ws?width=100&height=40") as socket:
            await until(socket, "12 left", screen, stream)
            await until(socket, "▀", screen, stream)
            await socket.send_json(["stdin", "y"])
            await until(socket, "saved: interesting", screen, stream)
            await socket.send_json(["resize", {"width": 50, "height": 16}])
            await until(socket, "Terminal too small", screen, stream)
    (line,) = read_journal(project.verdicts / "vera.jsonl")[0]
    assert (line.candidate, line.payload["label"]) == (name_of(0), "interesting")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("", {}),
        ("?token=a-token-of-some-lengtH", {}),
        ("ws", {}),
        ("static/js/textual.js", {}),
        ("download/x", {}),
        (f"?token={TOKEN}", {"Origin": "http://evil.example"}),
        (f"ws?token={TOKEN}", {"Origin": "http://evil.example"}),
    ],
)
async def test_without_the_token_or_from_another_page_nothing_is_served(door, path, headers):
    """403 and the reason, for every address there is, and for sockets opened by other pages."""
    base, browser = door
    async with browser.get(base + path, headers=headers, allow_redirects=False) as answer:
        assert answer.status == 403
        assert (await answer.text()).startswith("403: ")


@pytest.fixture
async def door(tmp_path):
    """A server whose app is never started: its address, and a browser without a cookie."""
    from aiohttp.test_utils import TestServer

    from store.project import Project
    from tui.serve import make_application

    server = TestServer(await make_application(Project(tmp_path), Door(token=TOKEN)), host="127.0.0.1")
    await server.start_server()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as browser:
        yield str(server.make_url("/")), browser
    await server.close()


def asking(host, origin=None, **query):
    """Make as much of a request as the door looks at."""
    headers = {} if origin is None else {"Origin": origin}
    return SimpleNamespace(host=host, headers=headers, query=query, cookies={})


def test_an_open_door_still_asks_by_what_name_it_was_called():
    """A page elsewhere whose name was made to mean this machine gets nothing."""
    door = Door(token="")
    assert refusal(door, asking("127.0.0.1:8000")) == ""
    assert refusal(door, asking("localhost:8000", "http://localhost:8000")) == ""
    assert "localhost" in refusal(door, asking("evil.example:8000", "http://evil.example:8000"))
    assert "may not" in refusal(door, asking("localhost:8000", "http://evil.example"))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "login.example"])
def test_elsewhere_than_loopback_there_is_always_a_token(host, monkeypatch):
    """--no-token is refused there; without it a token is made, a new one each time."""
    monkeypatch.delenv("JWST_VET_TOKEN", raising=False)
    with pytest.raises(StoreError, match="no-token"):
        make_door(host, 8000, no_token=True)
    first, second = (make_door(host, 8000, no_token=False) for _ in range(2))
    assert len(first.token) >= 16
    assert first.token != second.token
    assert not first.local


def test_a_short_token_is_refused(monkeypatch):
    """It could be guessed."""
    monkeypatch.setenv("JWST_VET_TOKEN", "short")
    with pytest.raises(StoreError, match="at least 16"):
        make_door("127.0.0.1", 8000, no_token=False)


def test_a_port_in_use_and_a_missing_project_are_one_line(project, jwst_vet, tmp_path):
    """Exit code 2, no traceback."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = jwst_vet("serve", "--port", taken.getsockname()[1], cwd=project.root, timeout=60)
    assert done.returncode == 2
    assert "--port 0" in done.stderr
    assert done.stderr.count("\n") == 1
    assert jwst_vet("serve", cwd=tmp_path).returncode == 2


def test_without_the_extra_it_says_what_to_install(project, monkeypatch):
    """The rest of the program needs no web server."""
    from tui.serve import serve

    monkeypatch.setitem(sys.modules, "textual_serve.server", None)
    with pytest.raises(StoreError, match=r"jwst-vet\[web\]"):
        serve(project, Door(token=TOKEN))


def test_the_extra_is_named_where_it_is_told(jwst_vet, tmp_path):
    """Help knows the command, and that it stays on this machine unless told otherwise."""
    done = jwst_vet("serve", "--help", cwd=tmp_path)
    assert "127.0.0.1" in done.stdout
    assert "--no-token" in done.stdout
