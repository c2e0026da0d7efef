"""The configuration as a form: every key with its value, checked as it is typed; saved, and a run started."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from analysis.config import FILE_NAME, Config, ConfigError
from analysis.config_edit import Setting, as_text, refusal, save, settings
from store.project import StoreError
from tui import keys, messages
from tui.following import RunView
from tui.screens.base import VetterScreen
from tui.widgets.lines import KeyBar, Status, StatusLine
from tui.widgets.palette import Palette

LATER = frozenset({("vetting", "vetter"), ("ui", "preview"), ("paths", "data"), ("paths", "outputs")})
"""Keys that the app reads when it starts."""
LABEL_WIDTH = 34


def setting_line(setting: Setting, before: Setting, colours: Palette) -> Text:
    """Write one key: a sign, its name, its value, and the default where it is another."""
    problem = setting.problem
    sign = "✗" if problem else "•" if setting.text != before.text else " "
    line = Text(f"{sign} ", colours.alert if problem else colours.good)
    line.append(f"{setting.label:<{LABEL_WIDTH}}", colours.plain)
    line.append(setting.text or '""', colours.alert if problem else colours.strong)
    default = as_text(setting.fact.default)
    if setting.text != default:
        line.append(f"   default {default or 'empty'}", colours.faint)
    return line


def about_text(setting: Setting, colours: Palette) -> Text:
    """Say what a key is, what is allowed, and what is wrong with what was typed."""
    unit = f" ({setting.fact.unit})" if setting.fact.unit else ""
    lines = [Text(f"{setting.fact.doc}{unit}", colours.plain)]
    lines.append(Text(setting.problem or f"must be {setting.fact.allowed}", colours.quiet))
    if setting.problem:
        lines[-1].stylize(colours.alert)
    if setting.name in LATER:
        lines[0].append("; acts at the next start of the app", colours.quiet)
    return Text("\n").join(lines)


class SettingsScreen(VetterScreen):
    """One list of keys and one field; the field edits the key under the cursor."""

    WHERE = keys.SETTINGS
    BINDINGS = keys.bindings(keys.SETTINGS)

    def __init__(self) -> None:
        super().__init__()
        self.before: list[Setting] = []
        self.now: list[Setting] = []
        self.message = ""
        self.alert = False
        self.saving = False

    def compose(self) -> ComposeResult:
        """Keys above, what is known of one below, and the field."""
        yield StatusLine()
        listed = OptionList(id="settings", markup=False, compact=True)
        listed.can_focus = False
        yield listed
        yield Static(id="about", markup=False)
        yield Input(id="value", compact=True)
        yield KeyBar(self.vet.keys, keys.SETTINGS)

    def on_mount(self) -> None:
        """Show the configuration as the app has it."""
        self.take(self.vet.config)
        self.query_one("#value", Input).focus()
        self.run_seen(self.vet.run_view, ended=False)

    def take(self, config: Config) -> None:
        """Begin anew from a configuration."""
        self.before = list(settings(config))
        self.now = list(self.before)
        listed = self.query_one("#settings", OptionList)
        place = listed.highlighted or 0
        listed.set_options([Option(self._line(n)) for n in range(len(self.now))])
        listed.highlighted = place
        self._show(place)
        self.say(self.message, alert=self.alert)

    def _line(self, place: int) -> Text:
        return setting_line(self.now[place], self.before[place], self.colours)

    @property
    def place(self) -> int:
        """Where the cursor is."""
        return self.query_one("#settings", OptionList).highlighted or 0

    @property
    def changes(self) -> dict[tuple[str, str], object]:
        """What was typed differently."""
        pairs = zip(self.now, self.before, strict=True)
        return {now.name: now.value for now, before in pairs if now.text != before.text}

    @property
    def problem(self) -> str:
        """The loader's first complaint, key by key and then on the whole."""
        alone = next((setting.problem for setting in self.now if setting.problem), "")
        values: dict[str, object] = {}
        for setting in self.now:
            table, key = setting.name
            if table:
                values.setdefault(table, {})[key] = setting.value  # type: ignore[index]
            else:
                values[key] = setting.value
        return alone or refusal(values)

    def _show(self, place: int) -> None:
        """Put the key under the cursor into the field."""
        setting = self.now[place]
        field = self.query_one("#value", Input)
        with self.prevent(Input.Changed):
            field.value = setting.text
        field.cursor_position = len(setting.text)
        self.query_one("#about", Static).update(about_text(setting, self.colours))

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._show(event.option_index)

    @on(Input.Changed, "#value")
    def _typed(self, event: Input.Changed) -> None:
        place = self.place
        if event.value == self.now[place].text:
            return
        self.now[place] = replace(self.now[place], text=event.value)
        self.query_one("#settings", OptionList).replace_option_prompt_at_index(place, self._line(place))
        self.query_one("#about", Static).update(about_text(self.now[place], self.colours))
        problem = self.problem
        self.say(problem or f"{len(self.changes)} changed, not saved", alert=bool(problem))

    @on(Input.Submitted, "#value")
    def _submitted(self) -> None:
        self.action_move(1)

    def say(self, words: str, *, alert: bool = False) -> None:
        """Put a message into the status line."""
        self.message, self.alert = words, alert
        self.query_one(StatusLine).show(
            Status(project=f"{self.vet.project.root.name} · {FILE_NAME}", message=words, alert=alert)
        )

    def run_seen(self, view: RunView | None, *, ended: bool) -> None:  # noqa: ARG002
        """Offer a start only where no run is going on."""
        hidden = {"help", "quit"}  # their keys are typed into the field here
        if view is not None and view.going:
            hidden.add("settings_start")
        self.query_one(KeyBar).hide(frozenset(hidden))

    def action_move(self, lines: int) -> None:
        """Go to another key."""
        listed = self.query_one("#settings", OptionList)
        listed.highlighted = min(max(self.place + lines, 0), len(self.now) - 1)

    def action_reset(self) -> None:
        """Give the key its default again."""
        self.query_one("#value", Input).value = as_text(self.now[self.place].fact.default)

    def action_save(self) -> None:
        """Write what was changed."""
        self._save(start=False)

    def action_start(self) -> None:
        """Write what was changed, then start a run by it."""
        if self.vet.run_view is not None and self.vet.run_view.going:
            self.say("a run is going on; it works by the configuration it began with", alert=True)
        else:
            self._save(start=True)

    def _save(self, *, start: bool) -> None:
        if self.saving:
            return
        if problem := self.problem:
            self.action_move(next((n for n, s in enumerate(self.now) if s.problem), self.place) - self.place)
            self.say(f"NOT SAVED: {problem}", alert=True)
            return
        self.saving = True
        self.run_worker(
            partial(self._save_in_thread, self.changes, start),
            thread=True,
            exit_on_error=False,
            group="settings",
            description="save the configuration",
        )

    def _save_in_thread(self, changes: dict[tuple[str, str], object], start: bool) -> None:
        path = self.vet.project.root / FILE_NAME
        try:
            config = save(path, changes) if changes else self.vet.config
        except ConfigError as error:
            self.post_message(messages.ConfigSaved(None, f"NOT SAVED: {error}"))
            return
        words = f"saved {len(changes)} to {FILE_NAME}" if changes else "nothing was changed"
        if not start:
            self.post_message(messages.ConfigSaved(config, words))
            return
        try:
            run_id = self.vet.start_run()
        except (StoreError, OSError) as error:
            self.post_message(messages.ConfigSaved(config, f"{words}, but the run did not start: {error}"))
            return
        self.vet.follow(run_id)
        self.post_message(messages.ConfigSaved(config, f"{words}; run {run_id} started", started=True))

    @on(messages.ConfigSaved)
    def _saved(self, message: messages.ConfigSaved) -> None:
        self.saving = False
        self.message, self.alert = message.words, message.config is None
        if message.config is not None:
            self.vet.reconfigure(message.config)
            self.take(message.config)
        self.say(message.words, alert=message.config is None)
        if message.started:
            self._show_run()

    def _show_run(self) -> None:
        """Show how the run goes, on the screen of runs, from wherever the form was opened."""
        from tui.screens.run import RunScreen

        if isinstance(self.vet.screen_stack[-2], RunScreen):
            self.app.pop_screen()
        else:
            self.vet.switch_screen(RunScreen())

    def action_back(self) -> None:
        """Go back; what was typed and not saved asks once."""
        if self.changes and not self.message.startswith("esc again"):
            self.say(f"esc again drops {len(self.changes)} unsaved changes; f2 saves them", alert=True)
        else:
            self.app.pop_screen()
