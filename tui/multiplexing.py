"""Multiplexers: which one is between us and the terminal, and what tmux lets through."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

PATIENCE = 0.2
ASKED = [
    "allow-passthrough",
    "client_termname",
    "client_termfeatures",
    "client_cell_width",
    "client_cell_height",
]
KITTY_TERMS = ("xterm-kitty", "xterm-ghostty")


@dataclass(frozen=True)
class Tmux:
    """What tmux says: whether graphics are handed on, the terminal outside, its features and cells."""

    passthrough: bool = False
    terminal: str = ""
    features: frozenset[str] = frozenset()
    cell: tuple[int, int] | None = None


def multiplexer(environ: Mapping[str, str]) -> str:
    """Name the multiplexer between us and the terminal, if any."""
    term = environ.get("TERM", "")
    if environ.get("TMUX") or term.startswith("tmux"):
        return "tmux"
    if environ.get("STY") or term.startswith("screen"):
        return "screen"
    return ""


def parse_tmux(answer: str) -> Tmux:
    """Read the answer; older versions leave unknown fields empty."""
    allowed, terminal, features, width, height = (answer.strip().split("|") + [""] * 5)[:5]
    cell = (int(width), int(height)) if width.isdigit() and height.isdigit() else None
    return Tmux(
        allowed in {"on", "all", "1"},
        terminal,
        frozenset(features.split(",")) if features else frozenset(),
        cell if cell and all(cell) else None,
    )


class Asked:
    """A question to tmux, on its way while other things are done."""

    def __init__(self) -> None:
        try:
            self._process: subprocess.Popen[str] | None = subprocess.Popen(
                ["tmux", "display-message", "-p", "|".join(f"#{{{name}}}" for name in ASKED)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        except OSError:
            self._process = None  # no tmux here: it runs on the other side of SSH

    def answer(self) -> Tmux:
        """Give what tmux said, or nothing known."""
        if self._process is None:
            return Tmux()
        try:
            said, _ = self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return Tmux()
        return parse_tmux(said)


def inside(tmux: Tmux | None, between: str) -> tuple[str, str]:
    """Choose how to draw in a multiplexer, and say why: graphics only where they are let through."""
    if tmux is not None and tmux.passthrough and tmux.terminal.startswith(KITTY_TERMS):
        return "kitty", f"tmux passes graphics on to {tmux.terminal}"
    if tmux is not None and "sixel" in tmux.features:
        return "sixel", "tmux draws sixel"
    return "half", f"inside {between}"
