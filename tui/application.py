"""The Textual app: it owns the desk, the keys typed ahead, the run that is followed, and how all ends."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import events, on
from textual.app import App, SystemCommand
from textual.driver import Driver as TextualDriver
from textual.filter import LineFilter
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.worker import Worker, WorkerState, get_current_worker

from analysis.config import Config
from store.project import Project
from tui import keys, messages
from tui.desk import Desk
from tui.driver import Driver
from tui.keys import Key
from tui.planning import AskPlan, asker
from tui.screens.base import VetterScreen
from tui.screens.vet import VetScreen
from tui.spoken import WORDS_ONLY
from tui.terminal import Terminal
from tui.themes import NAMES, themes
from tui.warm import WarmProcess
from tui.widgets.palette import use as use_palette

if TYPE_CHECKING:
    from tui.beside import Beside
    from tui.following import RunView
    from tui.hints import Hints

POLL_SECONDS = 0.3
LEAST = (60, 18)
SETTLED_SECONDS = 0.5
Export = Callable[[Callable[[], bool]], tuple[int, str]]
"""Writes tables and report, polling a question whether to give up; gives exit code and output."""


class VetApp(App[int]):
    """One vetting screen, one screen of runs, and modals."""

    CSS_PATH = Path(__file__).parent / "styles" / "app.tcss"
    TITLE = "jwst-vet"
    BINDINGS = keys.bindings(keys.EVERYWHERE)
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        project: Project,
        config: Config,
        *,
        table: Sequence[Key],
        terminal: Terminal,
        start_run: Callable[[], str],
        stop_run: Callable[[str], None],
        export: Export,
        ask_plan: AskPlan | None = None,
        desk: Desk | None = None,
        driver: type[TextualDriver] | None = Driver,
        hints: Hints | None = None,
        beside: Beside | None = None,
    ) -> None:
        super().__init__(driver_class=driver)
        self.project = project
        self.config = config
        self.desk = desk or Desk(project, config)
        self.keys = self.desk.allowed(table)
        self.terminal = terminal
        self.start_run, self.stop_run, self.export = start_run, stop_run, export
        self.ask_plan = ask_plan or asker(project)
        self.hints, self.beside = hints, beside
        self.run_view: RunView | None = None
        self.vetting = VetScreen()
        self.leaving = threading.Event()
        self._warm: WarmProcess | None = None
        self._held: deque[events.Key] = deque()
        self._settling = False
        self._turn = 0
        self._hold = frozenset(
            name for key in self.keys if key.section in keys.HELD_SECTIONS for name in key.names()
        )
        self.animation_level = "none"
        for theme in themes():
            self.register_theme(theme)
        self.set_keymap(keys.keymap(self.keys))

    def get_default_screen(self) -> Screen[None]:
        """Begin with the vetting screen: pushing it later would cost a second layout."""
        return self.vetting

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Draw no lines and no signs where everything is said in words."""
        filters = super().get_line_filters()
        return [*filters, WORDS_ONLY] if self.terminal.preview == "words" else filters

    def on_mount(self) -> None:
        """Take the theme, end with the terminal, and look for a run to follow."""
        theme = "no-colour" if self.no_color else self.config.ui.theme
        if theme in self.available_themes:
            self.theme = theme
        else:
            self.vetting.say(f'[ui] theme = "{theme}" is not one of the themes in ctrl+p', alert=True)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGHUP, self._terminal_gone)
        self.follow(None)
        if self.beside is not None:
            self.run_worker(
                partial(self._hear, self.beside), thread=True, exit_on_error=False, group="beside",
                description=self.beside.what,
            )  # fmt: skip

    def _hear(self, beside: Beside) -> None:
        """Say what went wrong in the process beside the app."""
        if words := beside.trouble(self.leaving.is_set):
            self.post_message(messages.Trouble(beside.what, words))

    def _terminal_gone(self, _number: int, _frame: object) -> None:
        """End at once: a decision is on disk or was never acknowledged, and runs live on their own."""
        os._exit(128 + signal.SIGHUP)

    async def on_event(self, event: events.Event) -> None:
        """Let one key act at a time, in the order typed: each waits for the decision or modal before it."""
        if isinstance(event, events.Key) and not event.is_forwarded:
            if self._held or self._holds(event):
                self._held.append(event)
            else:
                await self._act(event)
            return
        await super().on_event(event)

    def _holds(self, event: events.Key) -> bool:
        if self._settling:
            return True
        if self.screen is not self.vetting:
            return False
        return self.vetting.writing or (not self.vetting.opened and event.key in self._hold)

    async def _act(self, event: events.Key) -> None:
        if self.hints is not None and self.screen is self.vetting:
            self._retire_hints(event.key)
        await super().on_event(event)
        if isinstance(self.screen, ModalScreen):
            self._settle()

    def _retire_hints(self, name: str) -> None:
        """Let go of the hints on a key that is used."""
        assert self.hints is not None
        used = [key.id for key in keys.valid_in(self.keys, keys.VET) if name in key.names()]
        changed = [self.hints.used(key) for key in used]
        if any(changed):
            self.vetting.show_hint()
            self._keep_hints()

    def _keep_hints(self) -> None:
        assert self.hints is not None
        self.run_worker(
            self.hints.keep, thread=True, exit_on_error=False, group="hints", description="remember hints"
        )

    def action_hints(self) -> None:
        """Show no hints any more, or all of them again."""
        if self.hints is not None:
            self.hints.toggle()
            self.vetting.show_hint()
            self._keep_hints()

    def _settle(self) -> None:
        """Hold keys until the one just given to a modal went all the way up."""
        node = self.screen.focused or self.screen
        path = [node, *(one for one in node.ancestors_with_self if isinstance(one, (Widget, Screen)))]
        turn = self._turn = self._turn + 1
        self._settling = True

        def onward(place: int) -> None:
            if place == len(path) or not path[place].call_later(onward, place + 1):
                self.settled(turn)

        onward(0)
        # A widget that is removed on the way never calls back.
        self.set_timer(SETTLED_SECONDS, partial(self.settled, turn))

    def settled(self, turn: int | None = None) -> None:
        """Let keys act again: the one before went all the way, or its answer was taken."""
        if self._settling and turn in (None, self._turn):
            self._settling = False
            self.pump_keys()

    def pump_keys(self) -> None:
        """Let held keys act, now that what they waited for is done."""
        if self._held:
            self.call_later(self._deliver)

    async def _deliver(self) -> None:
        while self._held and not self._holds(self._held[0]):
            await self._act(self._held.popleft())

    def drop_keys(self) -> int:
        """Forget held keys: what they were typed for did not happen. Give their number."""
        count = len(self._held)
        self._held.clear()
        return count

    def on_resize(self, event: events.Resize) -> None:
        """Cover everything while the terminal is too small."""
        small = event.size.width < LEAST[0] or event.size.height < LEAST[1]
        covered = self.screen.id == "too-small"
        if small and not covered:
            from tui.screens.toosmall import TooSmall

            self.push_screen(TooSmall(LEAST))
        elif covered and not small:
            self.pop_screen()

    def follow(self, run_id: str | None) -> None:
        """Follow a run, or the newest one there is; may be called from any thread."""
        self.call_later(
            self.run_worker,
            partial(self._follow, run_id),
            thread=True,
            exclusive=True,
            exit_on_error=False,
            group="follow",
            description="follow a run",
        )

    def _follow(self, run_id: str | None) -> None:
        from tui.following import Follower, latest_run

        worker = get_current_worker()
        follower: Follower | None = None
        while not (worker.is_cancelled or self.leaving.is_set()):
            newest = run_id or latest_run(self.project)
            if newest is not None and (follower is None or follower.run_id < newest):
                follower = Follower(self.project, newest)
            if follower is not None:
                view = follower.poll()
                if view != self.run_view:
                    self.post_message(messages.RunSeen(view))
                if not view.going:
                    run_id = None
            self.leaving.wait(POLL_SECONDS)

    @on(messages.RunSeen)
    def _run_seen(self, message: messages.RunSeen) -> None:
        before, self.run_view = self.run_view, message.view
        ended = bool(before and before.going and message.view and not message.view.going)
        for screen in self.screen_stack:
            if isinstance(screen, VetterScreen):
                screen.run_seen(message.view, ended=ended)

    @on(messages.Trouble)
    def _trouble(self, message: messages.Trouble) -> None:
        self.notify(message.reason, title=message.title, severity="error")

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        """Show what went wrong in any thread: none of them ends the app, and none fails in silence."""
        if event.state is WorkerState.ERROR:
            error = event.worker.error
            self.log.error(event.worker.description, repr(error))
            self.notify(
                f"{type(error).__name__}: {error}",
                title=f"failed: {event.worker.description}",
                severity="error",
            )
            if event.worker.group == "verdicts":
                self.vetting.post_message(messages.DecisionFailed(event.worker.description, repr(error)))

    def reconfigure(self, config: Config) -> None:
        """Go on with a changed configuration, as far as it acts while the app is open."""
        self.config = self.desk.config = config
        if config.ui.theme in self.available_themes:
            self.theme = config.ui.theme

    def watch_theme(self, theme: str) -> None:
        """Let signs and words take the colours of the theme."""
        use_palette(theme)

    def action_next_theme(self) -> None:
        """Go round our themes."""
        place = NAMES.index(self.theme) + 1 if self.theme in NAMES else 0
        self.theme = NAMES[place % len(NAMES)]
        self.vetting.say(f'theme {self.theme}; [ui] theme = "{self.theme}" keeps it')

    def copy(self, text: str) -> str:
        """Put a text into the person's clipboard, from a thread; say in words how."""
        from tui import clipboard

        self._clipboard = text
        driver = self._driver
        assert driver is not None
        return clipboard.copy(text, driver.write, self.terminal.multiplexer)

    def action_help(self) -> None:
        """Show the keys of this screen."""
        from tui.screens.help import HelpScreen

        where = self.screen.WHERE if isinstance(self.screen, VetterScreen) else keys.VET
        drawing = (
            f"{self.terminal.preview} ({self.terminal.why})" if self.terminal.why else self.terminal.preview
        )
        self.push_screen(HelpScreen(self.keys, where, drawing))

    def action_settings(self) -> None:
        """Show the configuration, to change it and start."""
        from tui.screens.settings import SettingsScreen

        self.push_screen(SettingsScreen())

    def action_plan(self) -> None:
        """Show what would be downloaded."""
        from tui.screens.plan import PlanScreen

        self.push_screen(PlanScreen())

    def examine(self, candidate: str) -> None:
        """Have a candidate's checks computed in the evidence process; a message follows."""
        if self._warm is None:
            self._warm = WarmProcess(self.project, self._examined)
        self.run_worker(
            partial(self._warm.request, candidate), thread=True, exit_on_error=False, group="examine",
            description=f"checks of {candidate}",
        )  # fmt: skip

    def _examined(self, words: Mapping[str, Any]) -> None:
        """Pass on what the evidence process said; called in its thread."""
        problem = str(words.get("problem", "")) or "; ".join(words.get("unread", []))
        self.vetting.post_message(messages.Examined(str(words["candidate"]), problem))

    def on_unmount(self) -> None:
        """Let the evidence process go."""
        if self._warm is not None:
            self._warm.close()

    def action_leave(self) -> None:
        """Leave, after the decision in hand is on disk."""
        self.leaving.set()
        self.exit(0)

    async def action_quit(self) -> None:
        """Leave (Textual's own name for it)."""
        self.action_leave()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Offer every action of the screen below, with its key, and the themes."""
        where = screen.WHERE if isinstance(screen, VetterScreen) else keys.VET
        for key in keys.valid_in(self.keys, where):
            title = f"{key.label or key.help} ({key.shown()})"
            yield SystemCommand(
                title[:1].upper() + title[1:], key.help, partial(self.run_action, key.action, screen)
            )
        if where == keys.VET and not self.desk.blind:
            yield SystemCommand(
                "Plan of the download", "what would be fetched; tick products off and on", self.action_plan
            )
            yield SystemCommand(
                "Configuration", "every key of config.toml, checked as typed", self.action_settings
            )
        yield SystemCommand("Theme", "choose the colours", self.action_change_theme)
