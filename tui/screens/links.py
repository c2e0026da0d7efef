"""Elsewhere: the position in archives and atlases, in the clipboard, and in DS9, Aladin or TOPCAT."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Static

from store.project import StoreError
from tui import messages, samp
from tui.links import LINKS
from tui.screens.base import Question
from tui.widgets.palette import Palette

if TYPE_CHECKING:
    from store.candidates import CandidateRow

SENDS = {"p": "position", "i": "image", "t": "table"}
"""Keys, and what goes out: the position, the image with the best detection, the table as last exported."""


def browser_here(*, web: bool, environ: dict[str, str] | None = None) -> bool:
    """Say whether the person sees a browser that opens: it is served there, or on this machine's screen."""
    environ = dict(os.environ) if environ is None else environ
    if web:
        return True
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        return False
    return sys.platform == "darwin" or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def links_text(row: CandidateRow, width: int, colours: Palette) -> Text:
    """List the addresses, each one a link for terminals that follow links (OSC 8)."""
    lines = []
    if row.simulated:
        lines.append(Text("A SIMULATED candidate: these pages show the real sky there.", colours.alert))
    for number, link in enumerate(LINKS, 1):
        address = link.address(row.ra, row.dec)
        lines.append(
            Text.assemble(
                (f" {number}  ", colours.good), (link.name, colours.strong), (f"  {link.what}", colours.quiet)
            )
        )
        style = colours.plain + Style(link=address, underline=True)
        lines += [
            Text(f"    {address[start : start + width - 6]}", style)
            for start in range(0, len(address), width - 6)
        ]
    lines.append(Text.assemble((" c  ", colours.good), (position_text(row), colours.plain)))
    offers = [
        part
        for key, kind in SENDS.items()
        for part in ((f" {key} ", colours.good), (f"{kind} ", colours.plain))
    ]
    lines.append(Text.assemble(*offers, ("to DS9, Aladin, TOPCAT over SAMP", colours.quiet)))
    return Text("\n").join(lines)


def position_text(row: CandidateRow) -> str:
    """Write name and position as they are copied: ICRS degrees."""
    return f"{row.candidate} {row.ra:.7f} {row.dec:+.7f}"


class LinksScreen(Question[None]):
    """A number copies an address, and opens it where a browser is at hand; letters copy and send."""

    def __init__(self, row: CandidateRow) -> None:
        super().__init__()
        self.row = row

    def compose(self) -> ComposeResult:
        """Show the addresses, and a line on what happened."""
        with Vertical(classes="card"):
            yield Static(f"Elsewhere: {self.row.candidate}", classes="title", markup=False)
            yield Static(id="links", markup=False)
            yield Static("", id="said", markup=False)
            yield Static("number: copy the address (and open it, at hand)   esc: back", classes="quiet")

    def on_mount(self) -> None:
        """Write the list for the width there is."""
        width = min(72, max(40, self.app.size.width * 96 // 100)) - 4
        self.query_one("#links", Static).update(links_text(self.row, width, self.colours))

    def say(self, words: str) -> None:
        """Tell what happened."""
        self.query_one("#said", Static).update(Text(words, self.colours.good))

    def on_key(self, event: Key) -> None:
        """Copy, open or send."""
        if event.key == "c":
            self._copy(position_text(self.row), "")
        elif event.key.isdigit() and 0 < int(event.key) <= len(LINKS):
            address = LINKS[int(event.key) - 1].address(self.row.ra, self.row.dec)
            opened = ""
            if browser_here(web=self.app.is_web):
                self.app.open_url(address)
                opened = "opened, and "
            self._copy(address, opened)
        elif event.key in SENDS:
            self.say("SAMP: looking for a hub …")
            self._start(partial(self._send, SENDS[event.key]), "SAMP")

    def _start(self, work: partial[None], what: str) -> None:
        self.run_worker(work, thread=True, exclusive=True, exit_on_error=False, group=what, description=what)

    def _copy(self, text: str, before: str) -> None:
        self._start(partial(self._copy_in_thread, text, before), "copy")

    def _copy_in_thread(self, text: str, before: str) -> None:
        words = self.vet.copy(text)
        self.post_message(messages.Said(f"{before}{words}: {text}"))

    def _send(self, kind: str) -> None:
        try:
            words = self._words(kind)
        except StoreError as error:
            self.post_message(messages.Said(str(error)))
        else:
            self.post_message(messages.Said(samp.send((kind, *words))))

    def _words(self, kind: str) -> tuple[str, ...]:
        if kind == "position":
            return f"{self.row.ra:.7f}", f"{self.row.dec:.7f}"
        if kind == "image":
            from store.frames import frame_records

            records = frame_records(self.vet.desk.database, "done")
            paths = [record.path for record in records if record.frame == self.row.best_frame]
            if not paths:
                raise StoreError(f"{self.row.best_frame}: no such image is measured here")
            return (str(self.vet.project.root / paths[0]),)
        table = self.vet.project.tables / "ranked_candidates.csv"
        if not table.exists():
            raise StoreError("no table was exported yet: e writes it")
        return (str(table),)

    @on(messages.Said)
    def _said(self, message: messages.Said) -> None:
        message.stop()
        self.say(message.words)
