"""Runs: start one, see how far it is, stop it, and go away while it goes on."""

from __future__ import annotations

from functools import partial

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from store.project import StoreError
from tui import keys, messages
from tui.following import RunView
from tui.screens.base import VetterScreen
from tui.widgets.lines import KeyBar, Status, StatusLine
from tui.widgets.progress import failures_text, frames_text, stages_text


class RunScreen(VetterScreen):
    """Follows what the app follows; starting and stopping happen in threads."""

    WHERE = keys.RUNS
    BINDINGS = keys.bindings(keys.RUNS)

    def __init__(self) -> None:
        super().__init__()
        self.following = True
        self.asking_why = False
        self.message = ""
        self.alert = False

    def compose(self) -> ComposeResult:
        """Stages above, frames below them, the log at the end."""
        yield StatusLine()
        yield Static(id="stages", markup=False)
        yield Static(id="frames", markup=False)
        with VerticalScroll(id="log"):
            yield Static(id="lines", markup=False)
        yield KeyBar(self.vet.keys, keys.RUNS)

    def on_mount(self) -> None:
        """Show what is known already."""
        self.run_seen(self.vet.run_view)

    def on_resize(self) -> None:
        """Write the lines for the new size."""
        self.call_after_refresh(self.run_seen, self.vet.run_view)

    def run_seen(self, view: RunView | None, *, ended: bool = False) -> None:  # noqa: ARG002
        """Show how the run stands."""
        width = max(20, self.size.width - 2)
        self.query_one("#stages", Static).update(stages_text(view, width, self.colours))
        room = max(3, self.size.height * 2 // 5)
        frames = self.query_one("#frames", Static)
        frames.update(frames_text(view, width, room, self.colours))
        frames.display = bool(view and view.frames)
        log = Text("\n".join(view.log) if view else "", self.colours.quiet)
        self.query_one("#lines", Static).update(failures_text(view, self.colours) if self.asking_why else log)
        if self.following and not self.asking_why:
            self.query_one("#log", VerticalScroll).scroll_end(animate=False)
        hidden = {"run_start"} if view and view.going else {"run_stop"}
        if not (view and (view.downloading or view.paused)):
            hidden.add("run_pause")
        self.query_one(KeyBar).hide(frozenset(hidden))
        self._refresh_status()

    def _refresh_status(self) -> None:
        self.query_one(StatusLine).show(
            Status(project=f"{self.vet.project.root.name} · runs", message=self.message, alert=self.alert)
        )

    def say(self, words: str, *, alert: bool = False) -> None:
        """Put a message into the status line."""
        self.message, self.alert = words, alert
        self._refresh_status()

    def action_start(self) -> None:
        """Start a run, unless one is going on."""
        if self.vet.run_view is not None and self.vet.run_view.going:
            self.say("a run is going on already; x stops it", alert=True)
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
        try:
            run_id = self.vet.start_run()
        except (StoreError, OSError) as error:
            self.post_message(messages.Trouble("the run did not start", str(error)))
            return
        self.vet.follow(run_id)
        self.post_message(messages.Trouble("", f"run {run_id} started; it goes on without the app"))

    @on(messages.Trouble)
    def _trouble(self, message: messages.Trouble) -> None:
        words = f"{message.title}: {message.reason}" if message.title else message.reason
        self.say(words, alert=bool(message.title))

    def action_stop(self) -> None:
        """Stop the run, after asking."""
        view = self.vet.run_view
        if view is None or not view.going:
            self.say("no run is going on")
            return
        from tui.screens.choices import ConfirmScreen

        self.ask(
            ConfirmScreen(f"Stop run {view.run_id}? Frames that are done are kept."),
            partial(self._stop_if, view.run_id),
        )

    def _stop_if(self, run_id: str, yes: bool) -> None:
        if yes:
            self.say("stopping after the frame in hand …")
            self.run_worker(
                partial(self._stop, run_id),
                thread=True,
                exit_on_error=False,
                group="stop",
                description="stop the run",
            )

    def _stop(self, run_id: str) -> None:
        try:
            self.vet.stop_run(run_id)
        except (StoreError, OSError) as error:
            self.post_message(messages.Trouble("the run was not stopped", str(error)))

    def action_pause(self) -> None:
        """Pause a download, or go on with it.

        A pause is a run that ends and keeps its parts, going on another that takes them up: it outlives the
        app and the machine.
        """
        view = self.vet.run_view
        if view is not None and view.downloading:
            self.say("pausing; what was fetched is kept …")
            self.run_worker(
                partial(self._stop, view.run_id),
                thread=True,
                exit_on_error=False,
                group="stop",
                description="pause the download",
            )
        elif view is not None and view.paused:
            self.action_start()
        else:
            self.say("only a download can be paused; x stops a run")

    def action_plan(self) -> None:
        """Show what would be downloaded."""
        self.vet.action_plan()

    def action_settings(self) -> None:
        """Show the configuration, to change it and start."""
        self.vet.action_settings()

    def action_why(self) -> None:
        """Show what failed and why, whole, or the log again."""
        self.asking_why = not self.asking_why
        self.run_seen(self.vet.run_view)
        if self.asking_why:
            self.query_one("#log", VerticalScroll).scroll_home(animate=False)

    def action_follow(self) -> None:
        """Follow the end of the log, or let it stand."""
        self.following = not self.following
        self.say("following the log" if self.following else "the log stands still; f follows again")
        if self.following:
            self.run_seen(self.vet.run_view)

    def action_scroll(self, lines: int) -> None:
        """Scroll the log; it stops following then."""
        self.following = False
        self.query_one("#log", VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_back(self) -> None:
        """Go back to the candidates."""
        self.app.pop_screen()
