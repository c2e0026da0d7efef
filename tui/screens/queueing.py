"""What the vetting screen opens beside itself: history, saved views, bulk verdicts, plots, neighbours."""

from __future__ import annotations

from functools import partial

from textual import on

from tui import messages
from tui.screens.deciding import Deciding


class Queueing(Deciding):
    """Each action reads in a thread what its screen shows, and then opens it."""

    def action_history(self) -> None:
        """Show every decision on the candidate."""
        name = self.table.candidate
        if name is not None and self.opened:
            self._start(partial(self._read_history, name), "history", "read the history")

    def _read_history(self, name: str) -> None:
        self.post_message(messages.HistoryRead(name, self.vet.desk.book.history(name)))

    @on(messages.HistoryRead)
    def _history_read(self, message: messages.HistoryRead) -> None:
        from tui.screens.history import HistoryScreen

        self.app.push_screen(HistoryScreen(message.candidate, message.lines))
