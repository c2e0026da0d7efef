"""The vetting screen: the ranked list, pictures, evidence, and what each key does here."""

from __future__ import annotations

from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.containers import Container
from textual.events import Click

from store.project import StoreError
from tui import keys, messages
from tui.clicks import choice_in
from tui.label_keys import fit
from tui.screens.arrivals import Arriving
from tui.screens.picturing import Picturing
from tui.screens.queueing import Queueing
from tui.terminal import budget_of
from tui.widgets.cutouts import Cutouts
from tui.widgets.evidence import EvidencePanel
from tui.widgets.lines import HintLine, KeyBar, StatusLine


class VetScreen(Arriving, Queueing, Picturing):
    """Walk the candidates and decide; every action here is named in the table of keys."""

    WHERE = keys.VET
    BINDINGS = keys.bindings(keys.VET)

    def compose(self) -> ComposeResult:
        """Lay out the parts; the style sheet places them by width and height."""
        fit(self._bindings, self.vet.keys, keys.VET)
        yield StatusLine()
        with Container(id="body"):
            yield self.table
            yield Cutouts(self.vet.terminal, budget_of(self.vet.config.ui), self.vet.config.ui.blink)
            yield EvidencePanel()
        yield HintLine()
        yield KeyBar(self.vet.keys, keys.VET)

    def _ready(self) -> None:
        super()._ready()
        if self.table.listing.total:
            self.show_hint()

    def on_click(self, event: Click) -> None:
        """Take a click on a check as a press of its number."""
        panel = event.widget
        place = event.get_content_offset(panel) if isinstance(panel, EvidencePanel) else None
        if panel is not None and place is not None:
            name = choice_in(panel.render_line(place.y).text)
            if name in {"1", "2", "3", "4", "5"}:
                event.stop()
                self.app.simulate_key(name)

    def show_hint(self) -> None:
        """Show the hint that is due, if any."""
        hints = self.vet.hints
        words = hints.words(self.vet.keys) if hints is not None else ""
        self.query_one(HintLine).show(words)
        self.set_class(bool(words), "-hint")  # its line comes from the pictures, not from the words

    def action_move(self, step: int) -> None:
        """Move the cursor; it never decides."""
        self.table.move_to(self.table.cursor + step)

    def action_page(self, step: int) -> None:
        """Move by one page."""
        self.table.move_to(self.table.cursor + step * self.table.page)

    def action_first(self) -> None:
        """Move to the first candidate."""
        self.table.move_to(0)

    def action_last(self) -> None:
        """Move to the last candidate."""
        self.table.move_to(len(self.table.listing) - 1)

    def action_undecided(self, step: int) -> None:
        """Move to the nearest candidate without a label."""
        self.go_to_undecided(step)

    def action_label(self, label: str) -> None:
        """Give a label, or take it away."""
        self.decide("label", {"label": label})

    def action_artifact(self) -> None:
        """Ask which kind of artefact it is, then label it."""
        if self.row is None:
            return
        from tui.screens.choices import ReasonScreen

        self.ask(ReasonScreen(), lambda reason: self.decide("label", {"label": "artifact", "reason": reason}))

    def action_grade(self) -> None:
        """Ask for a grade."""
        if self.row is None:
            return
        from tui.screens.choices import GradeScreen

        self.ask(GradeScreen(), lambda grade: self.decide("grade", {"grade": grade}))

    def action_note(self) -> None:
        """Edit the note."""
        row = self.row
        if row is None:
            return
        from tui.screens.note import NoteScreen

        state = self.states.get(row.candidate)
        before = state.note if state else ""

        def take(text: str) -> None:
            if text != before:
                self.decide("note", {"text": text})

        self.ask(NoteScreen(row.candidate, before), take)

    def action_undo(self) -> None:
        """Take the last decision back."""
        self.take_back("undo")

    def action_redo(self) -> None:
        """Restore what was taken back."""
        self.take_back("redo")

    def action_check(self, number: int) -> None:
        """State the outcome of one check."""
        self.state_check(number)

    def action_evidence(self) -> None:
        """Open the whole evidence of a check, the first that is not settled; overruling is done there."""
        row = self.row
        if row is None:
            return
        from tui.screens.evidence import EvidenceScreen, payload_of
        from tui.widgets.palette import CHECK_WORDS

        detail = self._details.get((row.candidate, self.stretch))
        found = detail.findings if detail else {}
        unsettled = [name for name in CHECK_WORDS if name in found and found[name].outcome == "fail"]
        screen = EvidenceScreen(row.candidate, unsettled[0] if unsettled else next(iter(CHECK_WORDS)))
        screen.take(detail, self.states.get(row.candidate))

        def take(answer: dict[str, str]) -> None:
            name = answer["check"]
            self.decide("check", payload_of(answer, found[name].digest if name in found else ""))

        self.ask(screen, take)
        if row.kind == "image" and not set(CHECK_WORDS) <= set(found):
            self.vet.examine(row.candidate)

    @on(messages.Examined)
    def _examined(self, message: messages.Examined) -> None:
        """Read a candidate again whose checks were computed, and show them where it is looked at."""
        if message.problem:
            self.say(f"checks of {message.candidate}: {message.problem}", alert=True)
            self._show_evidence(message.candidate, message.problem)
        for key in [key for key in self._details if key[0] == message.candidate]:
            del self._details[key]
        self._start(partial(self._read_again, message.candidate, self.stretch), "examined", "read checks")

    def _read_again(self, candidate: str, stretch: str) -> None:
        self.post_message(messages.DetailRead(self.vet.desk.detail(candidate, stretch)))

    def detail_shown(self, candidate: str) -> None:
        """Bring an open evidence screen up to date."""
        self._show_evidence(candidate)

    def _show_evidence(self, candidate: str, problem: str = "") -> None:
        from tui.screens.evidence import EvidenceScreen

        for screen in self.app.screen_stack:
            if isinstance(screen, EvidenceScreen) and screen.candidate == candidate:
                screen.take(self._details.get((candidate, self.stretch)), self.states.get(candidate), problem)

    def action_confirm_checks(self) -> None:
        """Confirm all computed outcomes."""
        self.confirm_checks()

    def action_go_to(self) -> None:
        """Ask where to go."""
        from tui.screens.goto import GoToScreen

        self.ask(
            GoToScreen(), lambda text: self._start(partial(self._find, text), "find", "find a candidate")
        )

    def _find(self, text: str) -> None:
        try:
            candidate, words = self.vet.desk.find(text, self.table.listing)
        except StoreError as error:
            candidate, words = None, str(error)
        self.post_message(messages.Found(candidate, words))

    @on(messages.Found)
    def _found(self, message: messages.Found) -> None:
        if message.candidate is None or message.candidate not in self.table.listing.places:
            self.say(message.words or "it is not in this list", alert=True)
            return
        self.table.move_to(self.table.listing.places[message.candidate])
        self.say(message.words)

    def action_copy(self) -> None:
        """Copy name and position through the terminal."""
        if self.row is not None:
            from tui.screens.links import position_text

            text = position_text(self.row)
            self._start(partial(self._copy, text), "copy", "copy the position")

    def _copy(self, text: str) -> None:
        self.post_message(messages.Said(f"{self.vet.copy(text)}: {text}"))

    @on(messages.Said)
    def _said(self, message: messages.Said) -> None:
        self.say(message.words)

    def action_links(self) -> None:
        """Show where else to look at this position."""
        if self.row is not None:
            from tui.screens.links import LinksScreen

            self.app.push_screen(LinksScreen(self.row))

    def action_spectrum(self) -> None:
        """Draw the spectra of the candidate over the whole screen."""
        if self.row is not None:
            from tui.screens.spectrum import SpectrumScreen

            self.app.push_screen(SpectrumScreen(self.row.candidate))

    def action_export(self) -> None:
        """Say what is open, then write tables and report."""
        from tui.screens.export import ExportScreen

        self.app.push_screen(ExportScreen())

    def action_runs(self) -> None:
        """Show the runs."""
        from tui.screens.run import RunScreen

        self.app.push_screen(RunScreen())
