"""What the terminal can draw: asked once, before Textual starts; environment in, `Terminal` out.

The question is written before the slow imports and its answer read after them, so that a terminal that never
answers costs nothing. Nothing here imports Textual.
"""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tui.multiplexing import Asked, Tmux, inside, multiplexer

if TYPE_CHECKING:
    from analysis.config_tables import Ui

PATIENCE = 0.2
SSH_BUDGET, LOCAL_BUDGET = 131_072, 2_097_152
KITTY_BRANDS = ("kitty", "ghostty")
SIXEL_BRANDS = ("iterm2", "wezterm", "foot", "konsole", "vscode", "mlterm", "contour", "warp")

XTVERSION = b"\x1b[>q"
KITTY_QUERY = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
CELL_SIZE = b"\x1b[16t"
DEVICE_ATTRIBUTES = b"\x1b[c"

_VERSION = re.compile(rb"\x1bP>\|([^\x1b]*)\x1b\\")
_GRAPHICS = re.compile(rb"\x1b_G([^\x1b]*)\x1b\\")
_CELL = re.compile(rb"\x1b\[6;(\d+);(\d+)t")
_ATTRIBUTES = re.compile(rb"\x1b\[\?([\d;]*)c")
_REPLIES = (_VERSION, _GRAPHICS, _CELL, _ATTRIBUTES)
# What a reply looks like while it is still on its way.
_BEGUN = re.compile(r"\x1b(?:P[^\x1b]*(?:\x1b)?|_[^\x1b]*(?:\x1b)?|\[\?[\d;]*|\[6?(?:;[\d;]*)?)?\Z")


@dataclass(frozen=True)
class Replies:
    """What a terminal said of itself; `typed` is everything else that came in meanwhile."""

    brand: str = ""
    graphics: bool = False
    cell: tuple[int, int] | None = None
    attributes: tuple[int, ...] | None = None
    typed: bytes = b""


@dataclass(frozen=True)
class Terminal:
    """How to draw: `preview` is kitty, sixel, half, plain or words; `cell` is (width, height) in pixels."""

    preview: str = "half"
    cell: tuple[int, int] = (10, 20)
    brand: str = ""
    multiplexer: str = ""
    passthrough: bool = False
    typed: bytes = b""
    answered: bool = True
    why: str = ""


def parse(data: bytes) -> Replies:
    """Split what came in into the terminal's replies and the keys typed meanwhile."""
    brand, graphics, cell, attributes = "", False, None, None
    if match := _VERSION.search(data):
        brand = match[1].decode("utf-8", "replace").strip()
    if match := _GRAPHICS.search(data):
        graphics = match[1].endswith(b";OK")
    if (match := _CELL.search(data)) and int(match[1]) and int(match[2]):
        cell = (int(match[2]), int(match[1]))
    if match := _ATTRIBUTES.search(data):
        attributes = tuple(int(part) for part in match[1].split(b";") if part)
    rest = data
    for pattern in _REPLIES:
        rest = pattern.sub(b"", rest)
    return Replies(brand, graphics, cell, attributes, rest)


def choose(
    setting: str, replies: Replies, environ: Mapping[str, str], tmux: Tmux | None = None
) -> tuple[str, str]:
    """Choose how to draw, and say why in a few words."""
    if setting != "auto":
        return setting, f"{setting} was asked for"
    if environ.get("NO_COLOR"):
        return "plain", "NO_COLOR is set"
    if environ.get("TERM", "") in {"dumb", "vt100", "vt220"}:
        return "plain", f"TERM={environ.get('TERM')}"
    if between := multiplexer(environ):
        return inside(tmux, between)
    brand = replies.brand.lower()
    if replies.graphics and brand.startswith(KITTY_BRANDS):
        return "kitty", f"{replies.brand} answered"
    if brand.startswith(SIXEL_BRANDS):
        return "sixel", f"{replies.brand} answered"
    if replies.attributes is not None and 4 in replies.attributes:
        return "sixel", "the terminal says that it draws sixel"
    return "half", "works everywhere" if replies.attributes is not None else "the terminal did not answer"


def budget_of(ui: Ui, environ: Mapping[str, str] | None = None) -> int:
    """Give the most bytes of a panel of pictures: as configured, else less over SSH than on this machine."""
    if ui.byte_budget:
        return ui.byte_budget
    over_ssh = (environ if environ is not None else os.environ).get("SSH_CONNECTION")
    return SSH_BUDGET if over_ssh else LOCAL_BUDGET


def in_browser(environ: Mapping[str, str] | None = None) -> bool:
    """Say whether `jwst-vet serve` started the app for a browser; textual-serve names its driver then."""
    return (environ or os.environ).get("TEXTUAL_DRIVER", "").endswith(":WebDriver")


@dataclass
class Probe:
    """A question to the terminal: `begin`, do something else, then `finish`; keys are quiet in between.

    As a context it gives the terminal its modes back at the end, whatever happened.
    """

    setting: str = "auto"
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    _modes: list[object] | None = None
    _tmux: Asked | None = None
    _asked_at: float | None = None

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._modes is not None:
            try:
                termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSANOW, self._modes)  # type: ignore[union-attr,arg-type]
            except termios.error:
                return  # the terminal is gone: there is nothing left to restore

    def asks(self) -> bool:
        """Say whether there is anything to ask: two ends on a terminal, and an open choice."""
        if self.environ.get("TERM", "") in {"dumb", "linux", ""}:
            return False
        return self.setting in {"auto", "kitty", "sixel"} and not multiplexer(self.environ)

    def begin(self) -> None:
        """Silence the keyboard's echo and write every question at once; DA1 comes last, as the fence."""
        if not (sys.__stdin__ and sys.__stdout__ and sys.__stdin__.isatty() and sys.__stdout__.isatty()):
            return
        descriptor = sys.__stdin__.fileno()
        try:
            self._modes = list(termios.tcgetattr(descriptor))
            quiet = termios.tcgetattr(descriptor)
            quiet[3] &= ~(termios.ECHO | termios.ICANON)
            termios.tcsetattr(descriptor, termios.TCSANOW, quiet)
        except termios.error:
            self._modes = None
            return
        if self.environ.get("TMUX") and self.setting in {"auto", "kitty", "sixel"}:
            self._tmux = Asked()
        if not self.asks():
            return
        # Apple's terminal prints unknown APC strings as text.
        graphics = b"" if self.environ.get("TERM_PROGRAM") == "Apple_Terminal" else KITTY_QUERY
        os.write(sys.__stdout__.fileno(), XTVERSION + graphics + CELL_SIZE + DEVICE_ATTRIBUTES)
        self._asked_at = time.monotonic()

    def finish(self) -> Terminal:
        """Read the answer, waiting at most until 0.2 s after the question."""
        data = b"" if self._asked_at is None else _read_until_fence(self._asked_at + PATIENCE)
        replies = parse(data)
        tmux = self._tmux.answer() if self._tmux is not None else Tmux()
        preview, why = choose(self.setting, replies, self.environ, tmux)
        between = multiplexer(self.environ)
        passthrough = between == "tmux" and preview == "kitty" and tmux.passthrough
        if preview == "kitty" and between and not passthrough:
            preview, why = "half", f"{between} does not pass graphics on: set allow-passthrough on"
        return Terminal(
            preview=preview,
            cell=replies.cell or tmux.cell or (10, 20),
            brand=replies.brand,
            multiplexer=between,
            passthrough=passthrough,
            typed=replies.typed,
            answered=self._asked_at is None or replies.attributes is not None,
            why=why,
        )


def probe(setting: str = "auto") -> Terminal:
    """Ask and wait for the answer at once, for whoever has nothing to do meanwhile."""
    with Probe(setting) as question:
        return question.finish()


def _read_until_fence(deadline: float) -> bytes:
    descriptor = sys.__stdin__.fileno()  # type: ignore[union-attr]
    data = b""
    while not _ATTRIBUTES.search(data):
        rest = max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([descriptor], [], [], rest)
        if not ready:
            break
        chunk = os.read(descriptor, 4096)
        if not chunk:
            break
        data += chunk
    return data


class ReplyFilter:
    """Takes late replies out of the keyboard's stream: a reply read as keys would give verdicts.

    `feed` text as it comes in; `flush` gives back what was held in case it was the begin of a reply.
    It lets everything pass once the fence (DA1) came by, or when nothing had been asked.
    """

    def __init__(self, *, waiting: bool, begun: str = "") -> None:
        self.waiting = waiting
        self.held = begun if waiting else ""

    def feed(self, text: str) -> str:
        """Give the text without replies, holding back the unfinished begin of one."""
        if not self.waiting:
            return text
        text = self.held + text
        self.held = ""
        data = text.encode("utf-8", "surrogateescape")
        if _ATTRIBUTES.search(data):
            self.waiting = False
        for pattern in _REPLIES:
            data = pattern.sub(b"", data)
        text = data.decode("utf-8", "surrogateescape")
        if self.waiting and (match := _BEGUN.search(text)):
            self.held = text[match.start() :]
            text = text[: match.start()]
        return text

    def flush(self) -> str:
        """Give back a lone escape, which is a key; keep what can only be a reply."""
        held = self.held
        if held in {"\x1b", "\x1b["}:
            self.held = ""
            return held
        return ""
