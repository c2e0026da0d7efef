"""Textual's Linux driver with five habits of our own.

Late replies of the terminal are dropped, keys typed before the start are replayed, Escape and the next key
are two keys however they arrive, a terminal that is gone ends the program, and a stopped one holds nothing.
"""

from __future__ import annotations

import os
import re
import selectors
from codecs import getincrementaldecoder
from typing import Any, ClassVar

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from tui.terminal import ReplyFilter, Terminal

ESCAPE_KEY = "\x1b[27u"
"""Escape where it cannot be taken for the begin of anything: kitty's keyboard protocol."""
# Second characters of what a terminal may send after an escape: CSI, SS2, SS3, DCS, OSC, SOS, PM, APC, ST.
_LONE_ESCAPE = re.compile(r"\x1b(?=[^\[NOP\]X^_\\\x1b])")


class Escapes:
    """Tells the Escape key from the begin of a sequence.

    Over a slow link Escape and the next key arrive as one packet. Textual takes the two for one sequence, and
    both keys are lost; nothing here is bound to alt, so they are two keys.
    """

    def __init__(self) -> None:
        self.held = ""

    def feed(self, text: str) -> str:
        """Give the text with lone escapes made plain, holding back one at the very end."""
        text = _LONE_ESCAPE.sub(ESCAPE_KEY, self.held + text)
        self.held = "\x1b" if text.endswith("\x1b") else ""
        return text.removesuffix("\x1b")

    def flush(self) -> str:
        """Give the escape held back: nothing followed it."""
        held, self.held = self.held, ""
        return ESCAPE_KEY if held else ""


class Driver(LinuxDriver):
    """Keyboard in, screen out."""

    terminal: ClassVar[Terminal] = Terminal()

    def run_input_thread(self) -> None:
        """Wait for input and dispatch events until the end, or until the terminal is gone."""
        decode = getincrementaldecoder("utf-8")("surrogateescape").decode
        parser = XTermParser(self._debug)
        typed = decode(self.terminal.typed)
        replies = ReplyFilter(waiting=not self.terminal.answered)
        escapes = Escapes()
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            self._take(parser, escapes.feed(replies.feed(typed)))
            while not self.exit_event.is_set():
                if not selector.select(0.1):
                    self._take(parser, escapes.feed(replies.flush()) + escapes.flush())
                    continue
                try:
                    data = os.read(self.fileno, 4096)
                except OSError:
                    data = b""
                if not data:
                    self._app.call_later(self._app.exit, return_code=1)
                    return
                self._take(parser, escapes.feed(replies.feed(decode(data))))

    def _sigtstp_application(self, *facts: Any) -> None:
        """Stop as the shell asks, holding no database: others would wait for one that is not going on."""
        from store.leases import at_rest

        with at_rest():
            super()._sigtstp_application(*facts)

    def _take(self, parser: XTermParser, text: str) -> None:
        if text:
            for message in parser.feed(text):
                self.process_message(message)
        for message in parser.tick():
            self.process_message(message)
