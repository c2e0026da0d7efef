"""Export: says what is undecided and unchecked, and writes tables and report all the same."""

from __future__ import annotations

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.events import Key
from textual.widgets import Static
from textual.worker import get_current_worker

from store.project import StoreError
from tui import messages
from tui.screens.base import Question
from tui.tally import Summary
from tui.widgets.palette import Palette


class ExportScreen(Question[None]):
    """Counts first, then enter exports, then what came out of it."""

    def __init__(self) -> None:
        super().__init__()
        self.state = "counting"

    def compose(self) -> ComposeResult:
        """Show a place for the counts and one for the output."""
        with Vertical(classes="card"):
            yield Static("Export tables and REPORT.md", classes="title")
            yield Static("counting …", id="summary")
            with VerticalScroll(can_focus=False):
                yield Static("", id="output", markup=False)
            yield Static("enter: export   esc: back", classes="quiet", id="hint")

    def on_mount(self) -> None:
        """Count in a thread."""
        self.run_worker(
            self._count, thread=True, exit_on_error=False, group="count", description="count what is open"
        )

    def _count(self) -> None:
        try:
            self.post_message(messages.Summarised(self.vet.desk.summary()))
        except StoreError as error:
            self.post_message(messages.Exported(2, str(error)))

    @on(messages.Summarised)
    def _summarised(self, message: messages.Summarised) -> None:
        self.state = "ready"
        self.query_one("#summary", Static).update(summary_text(message.summary, self.colours))

    def on_key(self, event: Key) -> None:
        """Export on enter, leave on enter afterwards; an export that has begun ends by itself."""
        if event.key == "enter" and self.state == "done":
            self.finish()
        elif event.key == "enter" and self.state == "ready":
            self.state = "exporting"
            self.query_one("#hint", Static).update("writing …   esc: back, it goes on")
            self.app.run_worker(
                self._export, thread=True, exit_on_error=False, group="export", description="export"
            )

    def _export(self) -> None:
        app = self.vet
        worker = get_current_worker()
        code, output = app.export(lambda: worker.is_cancelled)
        if not self.post_message(messages.Exported(code, output)):
            app.post_message(messages.Trouble("export", f"ended with code {code}"))

    @on(messages.Exported)
    def _exported(self, message: messages.Exported) -> None:
        self.state = "done"
        words = {0: "done", 3: "done in part"}.get(message.code, f"failed (code {message.code})")
        output = "\n".join(message.output.strip().splitlines()[-40:])
        self.query_one("#output", Static).update(output)
        self.query_one("#hint", Static).update(f"export {words}   esc: back")


def summary_text(summary: Summary, colours: Palette) -> Text:
    """Say how far the vetting came, and what the report will say of the rest."""
    text = Text()
    if not summary.total:
        return Text("There are no candidates yet; the report will say so.")
    text.append(f"{summary.total} candidates, {summary.interesting} of them labelled interesting.\n")
    if summary.undecided:
        text.append(f"{summary.undecided} are undecided.\n", style=colours.alert)
    else:
        text.append("All have a label.\n")
    if summary.unchecked:
        text.append(f"{summary.unchecked} have checks that nobody stated.\n", style=colours.alert)
    text.append("The report says both, and is written all the same.")
    return text
