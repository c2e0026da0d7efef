"""What the vetting screen opens beside itself: filters, saved views, bulk verdicts, the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from textual import on

from store.project import StoreError
from tui import messages
from tui.listing import CONFLICT, Query, query_of
from tui.screens.deciding import Deciding, describe

if TYPE_CHECKING:
    from tui.screens.bulk import BulkAnswer
    from tui.screens.views import ViewAnswer
    from tui.screens.weights import WeightsAnswer

PREVIEWED = 64
NEIGHBOURS = 24


class Queueing(Deciding):
    """Each action reads in a thread what its screen shows, and then opens it."""

    _before = Query()

    def action_filter(self) -> None:
        """Ask what to list, and in which order."""
        from tui.screens.filtering import FilterScreen

        if self.opened:
            rankings = [kept.name for kept in self.vet.desk.book.kept("ranking")]
            columns = self.vet.desk.column_names
            self.ask(FilterScreen(self.table.listing.query, rankings, columns), self.relist)

    def action_conflicts(self) -> None:
        """List the candidates on which vetters differ; once more lists what was listed before."""
        if not self.opened:
            return
        query = self.table.listing.query
        if query.label == CONFLICT:
            self.relist(self._before)
            return
        self._before = query
        self._start(self._list_conflicts, "list", "list conflicts")

    def _list_conflicts(self) -> None:
        self._list(Query(label=CONFLICT), self.vet.desk.agreement)

    def action_views(self) -> None:
        """Show the saved views."""
        if not self.opened:
            return
        from tui.screens.views import View, ViewsScreen

        book = self.vet.desk.book
        views = [
            View(kept.name, query_of(kept.value), kept.vetter, kept.vetter == book.vetter)
            for kept in book.kept("view")
        ]
        self.ask(ViewsScreen(views, self.table.listing.query), self._take_view)

    def _take_view(self, answer: ViewAnswer) -> None:
        if answer.keep:
            self.keep("view", answer.keep, answer.query.as_value())
        elif answer.drop:
            self.keep("view", answer.drop, None)
        else:
            self.relist(answer.query)

    def keep(self, action: str, name: str, value: dict[str, object] | None) -> None:
        """Write a view or a ranking into the journal, in a thread."""
        self.vet.run_worker(
            partial(self._keep, action, name, value),
            thread=True,
            exit_on_error=False,
            group="keep",
            description=f"keep the {action} {name}",
        )

    def _keep(self, action: str, name: str, value: dict[str, object] | None) -> None:
        try:
            self.vet.desk.book.keep(action, name, value)
        except (StoreError, OSError, ValueError) as error:
            self.post_message(messages.Trouble(f"{action} {name} was NOT kept", str(error)))
        else:
            self.post_message(messages.KeptSaid(f"{action} {name} {'given up' if value is None else 'kept'}"))

    @on(messages.KeptSaid)
    def _kept(self, message: messages.KeptSaid) -> None:
        self.say(message.words)

    def action_bulk(self) -> None:
        """Ask for one verdict on all that is listed."""
        if self.opened and len(self.table.listing):
            self._start(self._count_bulk, "bulk", "count what is listed")

    def _count_bulk(self) -> None:
        from tui.queues import undecided_of

        names: Sequence[str] = list(self.table.listing.names)
        try:
            states = self.vet.desk.book.states()
            undecided = undecided_of(names, states)
            wanted = dict.fromkeys([*names[:PREVIEWED], *undecided[:PREVIEWED]])
            first = list(self.vet.desk.rows(list(wanted)).values())
        except StoreError as error:
            self.post_message(messages.Trouble("no preview of this list", str(error)))
            return
        self.post_message(messages.BulkCounted(names, undecided, first))

    @on(messages.BulkCounted)
    def _bulk_counted(self, message: messages.BulkCounted) -> None:
        from tui.screens.bulk import BulkScreen

        labels = {
            key.shown(all_keys=False): key.action.split("'")[1] if "'" in key.action else "artifact"
            for key in self.vet.keys
            if key.id in {name for name, _ in self.vet.config.vetting.label_keys()}
            or key.id.startswith("label_")
        }
        self.ask(BulkScreen(message, self.table.listing.query.words(), labels), self._decide_all)

    def _decide_all(self, answer: BulkAnswer) -> None:
        what = f"{describe('label', answer.payload)} on {len(answer.names)} candidates"
        if self.writing:
            self.say(f"the decision before is still being saved: {what} was NOT decided", alert=True)
            return
        self._write(partial(self.vet.desk.decide_all, answer.names, answer.payload), what)

    def action_weights(self) -> None:
        """Show the score in parts, and try other weights."""
        name = self.table.candidate
        if name is None or not self.opened:
            return
        from tui.screens.loading import weights_of
        from tui.screens.weights import NamedWeights, WeightsScreen

        book = self.vet.desk.book
        kept = [NamedWeights(k.name, k.value, k.vetter == book.vetter) for k in book.kept("ranking")]
        weights = self.info.get("weights") or weights_of(self.vet.config)
        self.ask(WeightsScreen(name, weights, kept), self._take_weights)

    def _take_weights(self, answer: WeightsAnswer) -> None:
        if answer.keep:
            self.keep("ranking", answer.keep, dict(answer.weights or {}))
        elif answer.drop:
            self.keep("ranking", answer.drop, None)
        else:
            self.relist(replace(self.table.listing.query, ranking=answer.list_by, order=0))

    def action_plots(self) -> None:
        """Show plots of the list."""
        name = self.table.candidate
        if name is not None and self.opened:
            from tui.screens.plots import PlotScreen

            self.ask(PlotScreen(name, self.table.listing), self.go_to)

    def action_gallery(self) -> None:
        """Show the list as a contact sheet."""
        if len(self.table.listing) and self.opened:
            from tui.screens.gallery import GalleryScreen

            listing = self.table.listing
            title = listing.query.words() or "all candidates by rank"
            self.ask(GalleryScreen(title, listing.names, self.table.cursor), self.go_to)

    def action_alike(self) -> None:
        """Show the nearest neighbours of the candidate."""
        name = self.table.candidate
        if name is not None and self.opened:
            self._start(partial(self._find_alike, name), "alike", "find its neighbours")

    def _find_alike(self, name: str) -> None:
        try:
            names, distances = self.vet.desk.queue.alike(name, NEIGHBOURS)
        except StoreError as error:
            self.post_message(messages.AlikeFound(name, (), (), str(error)))
        else:
            self.post_message(messages.AlikeFound(name, names, distances))

    @on(messages.AlikeFound)
    def _alike_found(self, message: messages.AlikeFound) -> None:
        if not message.names:
            self.say(message.problem or "nothing to compare it with", alert=True)
            return
        from tui.screens.gallery import AlikeScreen

        notes = {n: f"Δ{d:.2f}" for n, d in zip(message.names, message.distances, strict=True)}
        names = [message.candidate, *message.names]
        self.ask(AlikeScreen("More like this: itself, then the nearest", names, 0, notes), self.go_to)

    def go_to(self, name: str) -> None:
        """Put the cursor on a candidate of the list."""
        place = self.table.listing.places.get(name)
        if place is None:
            self.say(f"{name} is not in this list", alert=True)
        else:
            self.table.move_to(place)

    def action_history(self) -> None:
        """Show every decision on the candidate."""
        name = self.table.candidate
        if name is not None and self.opened:
            self._start(partial(self._read_history, name), "history", "read the history")

    def _read_history(self, name: str) -> None:
        book = self.vet.desk.book
        states = [book.state(name, vetter) for vetter in book.vetters]
        standing = [state for state in states if state.decisions]
        self.post_message(messages.HistoryRead(name, book.history(name), standing))

    @on(messages.HistoryRead)
    def _history_read(self, message: messages.HistoryRead) -> None:
        from tui.screens.history import HistoryScreen

        self.app.push_screen(HistoryScreen(message.candidate, message.lines, message.states))
