"""The plan of the download: every product with its size, ticked off and on, before the first byte."""

from __future__ import annotations

import threading
from functools import partial

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import get_current_worker

from analysis.choices import GB, NotPossible, tick, totals
from store.products import TICKED_OFF, ProductRecord
from store.project import StoreError
from tui import keys, messages
from tui.following import RunView
from tui.planning import keep_choice, read_plan
from tui.screens.base import VetterScreen
from tui.widgets.lines import KeyBar, Status, StatusLine
from tui.widgets.products import HEAD, detail_text, product_line, totals_text


class PlanScreen(VetterScreen):
    """Asks for the plan in a thread, which asks a process; what is ticked is kept in the store."""

    WHERE = keys.PLAN
    BINDINGS = keys.bindings(keys.PLAN)

    def __init__(self) -> None:
        super().__init__()
        self.records: list[ProductRecord] = []
        self.lines: tuple[str, ...] = ()
        self.message = ""
        self.alert = False
        self.asking = False
        self._unsaved: dict[str, ProductRecord] = {}
        self._writing = threading.Lock()

    def compose(self) -> ComposeResult:
        """Totals above, products below them, all about one of them at the end."""
        yield StatusLine()
        yield Static(id="totals", markup=False)
        yield Static(Text(HEAD), id="head", markup=False)
        products = OptionList(id="products", markup=False, compact=True)
        products.can_focus = False
        yield products
        yield Static(id="detail", markup=False)
        yield KeyBar(self.vet.keys, keys.PLAN)

    def on_mount(self) -> None:
        """Ask for the plan there is, or a first one."""
        self._ask()

    def on_resize(self) -> None:
        """Write the lines for the new size."""
        self.call_after_refresh(self._show)

    @property
    def going(self) -> bool:
        """Whether a run is working on the plan."""
        return self.vet.run_view is not None and self.vet.run_view.going

    @property
    def current(self) -> ProductRecord | None:
        """The product under the cursor."""
        place = self.query_one("#products", OptionList).highlighted
        return self.records[place] if place is not None and place < len(self.records) else None

    def _ask(self, *, anew: bool = False, quiet: bool = False) -> None:
        # The dry run keeps nothing, so it may be asked while a run is going on.
        words = ("--dry-run",) if self.going else ("--plan", *(("--replan",) if anew else ()))
        self.asking = True
        if not quiet:
            self.say("asking the archive …" if anew else "reading the plan; a first one is asked for …")
        self.run_worker(
            partial(self._plan, words),
            thread=True,
            exclusive=True,
            exit_on_error=False,
            group="plan",
            description="make the plan of the download",
        )

    def _plan(self, words: tuple[str, ...]) -> None:
        app, worker = self.vet, get_current_worker()
        answer = app.ask_plan(words, lambda: worker.is_cancelled or app.leaving.is_set())
        try:
            records, lines = read_plan(app.desk.database, answer)
        except StoreError as error:
            if not worker.is_cancelled:
                self.post_message(messages.Planned((), (), str(error)))
        else:
            self.post_message(messages.Planned(records, lines))

    @on(messages.Planned)
    def _planned(self, message: messages.Planned) -> None:
        self.asking = False
        if message.problem:
            self.say(message.problem, alert=True)
            self._show()
            return
        before = self.current
        self.records, self.lines = list(message.records), tuple(message.lines)
        products = self.query_one("#products", OptionList)
        products.set_options([Option("", id=str(place)) for place in range(len(self.records))])
        uris = [record.uri for record in self.records]
        products.highlighted = uris.index(before.uri) if before and before.uri in uris else 0
        if not self.alert:
            self.say("")
        self._show()

    def _show(self) -> None:
        """Write everything anew."""
        width = max(20, self.size.width - 2)
        products = self.query_one("#products", OptionList)
        for place, record in enumerate(self.records):
            products.replace_option_prompt_at_index(place, product_line(record, width, self.colours))
        self._show_totals()

    def _show_totals(self) -> None:
        text = totals_text(totals(self.records), self.vet.config, self.colours)
        if not self.records:
            text = Text("" if self.asking else "There is no plan. R asks the archive.", self.colours.quiet)
        self.query_one("#totals", Static).update(text)
        problem = [self.message] if self.alert and not self.records else []
        detail = detail_text(self.current, [*self.lines, *problem], self.colours)
        self.query_one("#detail", Static).update(detail)

    @on(OptionList.OptionHighlighted)
    def _highlighted(self) -> None:
        self._show_totals()

    @on(OptionList.OptionSelected)
    def _clicked(self) -> None:
        self.action_tick()

    def say(self, words: str, *, alert: bool = False) -> None:
        """Put a message into the status line."""
        self.message, self.alert = words, alert
        self.query_one(StatusLine).show(
            Status(project=f"{self.vet.project.root.name} · plan", message=words, alert=alert)
        )

    def run_seen(self, view: RunView | None, *, ended: bool) -> None:
        """Read the plan again when a run has ended: its products are on disk now, or failed."""
        self.query_one(KeyBar).hide(frozenset({"plan_start", "plan_tick"} if view and view.going else ()))
        if ended:
            self._ask()

    def action_move(self, lines: int) -> None:
        """Move the cursor."""
        products = self.query_one("#products", OptionList)
        if products.option_count:
            place = (products.highlighted or 0) + lines
            products.highlighted = min(max(place, 0), products.option_count - 1)

    def action_tick(self) -> None:
        """Tick the product off, or on, and say what the total becomes."""
        record = self.current
        if record is None or self.asking:
            return
        if self.going:
            self.say("a run is going on; ticks are for before it", alert=True)
            return
        try:
            after = tick(self.records, record.uri, self.vet.config)
        except NotPossible as reason:
            self.say(str(reason), alert=True)
            return
        place = self.records.index(record)
        self.records[place] = self._unsaved[after.uri] = after
        line = product_line(after, max(20, self.size.width - 2), self.colours)
        self.query_one("#products", OptionList).replace_option_prompt_at_index(place, line)
        self._show_totals()
        size = totals(self.records).size / GB
        done = "off" if after.reason == TICKED_OFF else "on"
        self.say(f"ticked {done}: {size:.3f} of {self.vet.config.max_total_gb:g} GB")
        self.run_worker(
            self._keep, thread=True, exit_on_error=False, group="ticks", description="keep what was ticked"
        )

    def _keep(self) -> bool:
        """Write what was ticked, one at a time and the newest of each; tell whether all of it is kept."""
        with self._writing:
            while self._unsaved:
                record = self._unsaved.popitem()[1]
                try:
                    keep_choice(self.vet.project, self.vet.desk.database, self.vet.desk.book, record)
                except StoreError as error:
                    self._unsaved.clear()
                    self.post_message(messages.Trouble("NOT KEPT", str(error)))
                    return False
        return True

    @on(messages.Trouble)
    def _trouble(self, message: messages.Trouble) -> None:
        self.say(f"{message.title}: {message.reason}", alert=True)
        # What is shown must be what is kept.
        self._ask(quiet=True)

    def action_anew(self) -> None:
        """Ask the archive for a new plan."""
        if self.going:
            self.say("a run is going on; it works by the plan there is", alert=True)
        elif not self.asking:
            self._ask(anew=True)

    def action_start(self) -> None:
        """Start a run that fetches what is ticked."""
        if self.going:
            self.say("a run is going on already", alert=True)
            return
        self.say("starting …")
        self.run_worker(
            self._start,
            thread=True,
            exclusive=True,
            exit_on_error=False,
            group="start",
            description="start a run",
        )

    def _start(self) -> None:
        if not self._keep():
            return
        try:
            run_id = self.vet.start_run()
        except (StoreError, OSError) as error:
            self.post_message(messages.Trouble("the run did not start", str(error)))
            return
        self.vet.follow(run_id)
        self.vet.call_from_thread(self._started)

    def _started(self) -> None:
        """Show how the run goes, on the screen of runs."""
        from tui.screens.run import RunScreen

        below = self.vet.screen_stack[-2]
        if not isinstance(below, RunScreen):
            self.vet.switch_screen(RunScreen())
        else:
            self.app.pop_screen()

    def action_back(self) -> None:
        """Go back to where it was asked for."""
        self.app.pop_screen()
