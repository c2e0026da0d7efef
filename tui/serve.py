"""The app in a browser: textual-serve behind a token, on loopback unless told otherwise.

Whoever gets past this door decides in the vetter's name, so it is locked even on loopback: other people may
have accounts on the same host, and any page in the same browser may open a socket to it.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import os
import secrets
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from store.project import StoreError

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp.typedefs import Middleware

    from store.project import Project

TOKEN_VARIABLE = "JWST_VET_TOKEN"  # noqa: S105 - the name of the variable
COOKIE = "jwst-vet-token"
SHORTEST = 16
ABSENT = (
    "serve needs textual-serve, which is not installed: install jwst-vet with its extra `web`, "
    "for example pip install 'jwst-vet[web]', or pip install textual-serve"
)
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'"
)
"""What the page may load: itself. Fonts from elsewhere would tell others where and when somebody vets."""

Handler = Callable[["web.Request"], Awaitable["web.StreamResponse"]]


@dataclass(frozen=True)
class Door:
    """Where the app is offered, and the token that opens it; an empty token leaves it open."""

    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def check(self) -> None:
        """Refuse what would let anybody in; StoreError then."""
        if not self.token and not self.local:
            raise StoreError(f"--no-token is for loopback; {self.host} is reached from elsewhere")
        if self.token and len(self.token) < SHORTEST:
            raise StoreError(f"{TOKEN_VARIABLE}: {len(self.token)} characters; give at least {SHORTEST}")
        if not 0 <= self.port < 65536:
            raise StoreError(f"--port {self.port}: must be from 0 to 65535; 0 takes a free one")

    def address(self, port: int) -> str:
        """Write the address to open, with the token in it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{port}/" + (f"?token={self.token}" if self.token else "")

    def admits(self, given: str) -> bool:
        """Compare a token without telling by its time how much of it was right."""
        return not self.token or hmac.compare_digest(given.encode(), self.token.encode())


def make_door(host: str, port: int, *, no_token: bool) -> Door:
    """Make the door: a token out of the environment, or a new one, or none where that is allowed."""
    token = "" if no_token else os.environ.get(TOKEN_VARIABLE) or secrets.token_urlsafe(18)
    door = Door(host, port, token)
    door.check()
    return door


def refusal(door: Door, request: web.Request) -> str:
    """Say why a request is refused; empty where it is not."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        return "this page may not open the app"
    if not door.token and urlsplit(f"//{request.host}").hostname not in {"localhost", "127.0.0.1", "::1"}:
        return "ask for localhost: another name may be somebody's trick"
    given = request.query.get("token") or request.cookies.get(f"{COOKIE}-{_port(request)}", "")
    if not door.admits(given):
        return "the token is missing or wrong: open the address that `jwst-vet serve` printed"
    return ""


def _port(request: web.Request) -> int:
    """Give the port in the address: cookies are shared by all ports of a host."""
    return urlsplit(f"//{request.host}").port or 80


def guard(door: Door) -> Middleware:
    """Make the middleware through which every request goes."""
    from aiohttp import web

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if reason := refusal(door, request):
            return web.Response(status=403, text=f"403: {reason}\n")
        if "token" in request.query and request.path == "/":
            # Out of the address, so that it stays out of the history.
            moved = web.HTTPSeeOther(request.rel_url.without_query_params("token"))
            moved.set_cookie(
                f"{COOKIE}-{_port(request)}", door.token, httponly=True, samesite="Strict", path="/"
            )
            return moved
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = POLICY
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return guarded


async def make_application(project: Project, door: Door) -> web.Application:
    """Make textual-serve's pages with our door before them; every visitor gets a process of the app."""
    import aiohttp_jinja2
    from textual_serve.server import Server

    class Guarded(Server):
        """Addresses as the browser has them, so that it works through a tunnel under another port."""

        async def guarded(self) -> web.Application:
            app: web.Application = await self._make_app()
            app.middlewares.append(guard(door))
            return app

        async def on_startup(self, app: web.Application) -> None:
            """Say nothing: the address is printed once the port is known."""

        async def handle_index(self, request: web.Request) -> web.Response:
            scheme = "wss" if request.scheme == "https" else "ws"
            size = request.query.get("fontsize", "")
            context: dict[str, Any] = {
                "font_size": int(size) if size.isdecimal() and 4 <= int(size) <= 64 else 16,
                "app_websocket_url": f"{scheme}://{request.host}/ws",
                "config": {"static": {"url": "/static/"}},
                "application": {"name": self.title},
            }
            return aiohttp_jinja2.render_template("app_index.html", request, context)

    command = shlex.join([sys.executable, "-P", "-m", "tui", "-C", str(project.root)])
    return await Guarded(
        command, host=door.host, port=door.port, title=f"jwst-vet: {project.root.name}"
    ).guarded()


async def _serve(project: Project, door: Door) -> None:
    """Serve until a signal comes."""
    from aiohttp import web

    logging.getLogger("textual-serve").setLevel(logging.ERROR)
    runner = web.AppRunner(await make_application(project, door), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, door.host, door.port).start()
    except OSError as error:
        await runner.cleanup()
        reason = error.strerror or str(error)
        raise StoreError(f"{door.host}, port {door.port}: {reason}; --port 0 takes a free one") from None
    port = runner.addresses[0][1]
    print(f"open {door.address(port)}", flush=True)
    if door.local:
        print(f"from another machine: ssh -L {port}:localhost:{port} HOST, then the same address", flush=True)
    else:
        print("not encrypted: anybody on the way can read it and the token; prefer ssh -L", flush=True)
    print("Ctrl-C ends it; runs and verdicts stay", flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await runner.cleanup()


def serve(project: Project, door: Door) -> None:
    """Offer the app of a project until Ctrl-C; StoreError where that cannot be done."""
    try:
        import textual_serve.server  # noqa: F401
    except ImportError:
        raise StoreError(ABSENT) from None
    asyncio.run(_serve(project, door))
