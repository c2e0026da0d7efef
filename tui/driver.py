"""Textual's Linux driver with three habits of our own.

Late replies of the terminal are dropped, keys typed before the start are replayed, and a terminal that is
gone ends the program.
"""

from __future__ import annotations

import os
import selectors
from codecs import getincrementaldecoder
from typing import ClassVar

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from tui.terminal import ReplyFilter, Terminal


class Driver(LinuxDriver):
    """Keyboard in, screen out."""

    terminal: ClassVar[Terminal] = Terminal()

    def run_input_thread(self) -> None:
        """Wait for input and dispatch events until the end, or until the terminal is gone."""
        decode = getincrementaldecoder("utf-8")("surrogateescape").decode
        parser = XTermParser(self._debug)
        typed = decode(self.terminal.typed)
        replies = ReplyFilter(waiting=not self.terminal.answered)
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            self._take(parser, replies.feed(typed))
            while not self.exit_event.is_set():
                if not selector.select(0.1):
                    self._take(parser, replies.flush())
                    continue
                try:
                    data = os.read(self.fileno, 4096)
                except OSError:
                    data = b""
                if not data:
                    self._app.call_later(self._app.exit, return_code=1)
                    return
                self._take(parser, replies.feed(decode(data)))

    def _take(self, parser: XTermParser, text: str) -> None:
        if text:
            for message in parser.feed(text):
                self.process_message(message)
        for message in parser.tick():
            self.process_message(message)
