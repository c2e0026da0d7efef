"""New candidates: what a run found announces itself, and never moves the one that is being looked at."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on

from store.project import StoreError
from tui import messages
from tui.screens.loading import Loading

if TYPE_CHECKING:
    from tui.following import RunView


def arrival_words(ended: str, new: int, gone: int) -> str:
    """Say what a new ranking brought."""
    words = f"{ended}: the list was read again"
    if new:
        words += f", {new} new: A goes to {'it' if new == 1 else 'them in turn'}"
    return words + (f", {gone} ranked no more" if gone else "")


class Arriving(Loading):
    """Takes a new ranking when a run ends, or holds it back while it lacks the candidate on screen."""

    news: tuple[str, ...] = ()
    waiting: messages.Arrived | None = None

    def run_seen(self, view: RunView | None, *, ended: bool) -> None:
        """Take note of a run; read the list again when one has ended."""
        self.refresh_status()
        if ended and view is not None:
            words = f"the run ended ({view.state})"
            self._start(partial(self._look, words), "arrivals", "look for new candidates")

    def _look(self, words: str) -> None:
        try:
            listing, rows = self.vet.desk.listed(self.table.listing.query)
        except StoreError as error:
            self.post_message(messages.Trouble(f"{words}, but the list was not read", str(error)))
        else:
            self.post_message(messages.Arrived(listing, rows, words))

    @on(messages.Arrived)
    def _arrived(self, message: messages.Arrived) -> None:
        if not self.opened:
            self.relist(self.table.listing.query)
            return
        before, name = set(self.table.listing.names), self.table.candidate
        if name is not None and name not in message.listing.places:
            self.waiting = message
            self.say(f"{message.words}: this candidate is ranked no more; A takes the new list", alert=True)
            return
        self._take(message)
        if name is not None:
            self.news = tuple(one for one in message.listing.names if one not in before)
        gone = len(before - set(message.listing.names))
        self.say(arrival_words(message.words, len(self.news), gone))

    def _take(self, message: messages.Arrived) -> None:
        """Take the list; the candidate stays under the cursor, and its line where it is on the screen."""
        self.waiting = None
        table, desk = self.table, self.vet.desk
        name, line = table.candidate, table.cursor - round(table.scroll_y)
        shown = self._details.get((name or "", self.stretch))
        desk.forget_cutouts()
        self._details.clear()
        if shown is not None:
            self._details[shown.candidate, shown.stretch] = shown
        self.take_listing(message.listing, message.rows, fresh=True)
        table.scroll_to(y=table.cursor - line, animate=False, force=True)
        if shown is not None:  # its pictures stay until those of the new ranking are read
            self.read_again()

    def action_new(self) -> None:
        """Go to the next new candidate, or take the list that was held back."""
        if self.waiting is not None:
            message = self.waiting
            self.news = tuple(one for one in message.listing.names if one not in self.table.listing.places)
            self._take(message)
            self.say(f"the new list; {len(self.news)} are new")
            return
        places = self.table.listing.places
        self.news = tuple(name for name in self.news if name in places)
        if not self.news:
            self.say("nothing new since the last run")
            return
        first, *rest = self.news
        self.news = tuple(rest)
        self.table.move_to(places[first])
        self.say(
            f"new: rank {self.table.cursor + 1} in this list; {len(rest)} more: A"
            if rest
            else "the last new one"
        )
