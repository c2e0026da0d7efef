"""What the command line prints while stages run: a bar on a terminal, lines in a pipe, JSON for programs."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from tui.text import clean

_BAR = 24


class Console:
    """Turns the events of a run into lines: results on stdout, refusals on stderr, the bar on a terminal."""

    def __init__(
        self, *, as_json: bool = False, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.as_json = as_json
        self.live = not as_json and self.err.isatty()
        self._parts: dict[str, tuple[int, int]] = {}
        self._shown = ""

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Show one event."""
        if self.as_json:
            self.out.write(json.dumps(event, ensure_ascii=False, sort_keys=True) + "\n")
            self.out.flush()
            if event["event"] == "frame_failed":
                self.err.write(clean(str(event["text"])) + "\n")
            return
        handler = getattr(self, "_" + str(event["event"]), None)
        if handler is not None:
            handler(event)

    def _stage_started(self, event: Mapping[str, Any]) -> None:
        self._parts.clear()
        self._bar(f"{event['stage']}: starting")

    def _progress(self, event: Mapping[str, Any]) -> None:
        if event.get("unit") == "bytes":
            filled = _BAR * int(event["done"]) // max(int(event["total"]), 1)
            self._bar(f"{event['stage']} [{'#' * filled}{'.' * (_BAR - filled)}] {event.get('text', '')}")
            return
        if not event.get("frame"):
            self._bar(f"{event['stage']} {event['done']}/{event['total']} {event.get('text', '')}")
            return
        self._parts[str(event["frame"])] = (int(event["done"]), int(event["total"]))
        done = sum(part for part, _ in self._parts.values())
        total = sum(parts for _, parts in self._parts.values())
        filled = _BAR * done // max(total, 1)
        if event.get("text"):
            self._bar(f"{event['stage']} [{'#' * filled}{'.' * (_BAR - filled)}] {event['text']}")
            return
        names = f"{len(self._parts)} in hand" if len(self._parts) > 1 else next(iter(self._parts))
        self._bar(f"{event['stage']} [{'#' * filled}{'.' * (_BAR - filled)}] {done}/{total} {names}")

    def _frame_done(self, event: Mapping[str, Any]) -> None:
        self._parts.pop(str(event["frame"]), None)
        at = f"[{event['done']}/{event['total']}] " if event.get("total") else ""
        self._line(f"{at}{event['frame']}: {event.get('text', '')}")

    def _frame_skipped(self, event: Mapping[str, Any]) -> None:
        self._line(f"{event['frame']}: {event.get('text', '')}")

    def _frame_failed(self, event: Mapping[str, Any]) -> None:
        self._bar("")
        self.err.write(clean(str(event["text"])) + "\n")
        self.err.flush()

    def _note(self, event: Mapping[str, Any]) -> None:
        self._line(str(event.get("text", "")))

    def _stage_done(self, event: Mapping[str, Any]) -> None:
        failed = f", {event['failed']} refused" if event.get("failed") else ""
        left = f", {event['left']} not begun" if event.get("left") else ""
        ready = int(event["total"]) - int(event.get("failed", 0)) - int(event.get("left", 0))
        text = event.get("text") or f"{ready} ready{failed}{left}"
        self._line(f"{event['stage']}: {text}")

    def _run_stopped(self, event: Mapping[str, Any]) -> None:
        self._line(f"stopped: {event.get('text', '')}; the same command goes on from here")

    def _line(self, text: str) -> None:
        self._bar("")
        self.out.write(clean(text) + "\n")
        self.out.flush()

    def _bar(self, text: str) -> None:
        """Draw the bar in place, or wipe it with an empty text; nothing where there is no terminal."""
        if not self.live or text == self._shown:
            return
        width = shutil.get_terminal_size().columns - 1
        self.err.write("\r\x1b[2K" + clean(text)[:width])
        self.err.flush()
        self._shown = text
