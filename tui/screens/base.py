"""What the screens share: the app with its own type, the theme's colours, one answer per question."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, cast

from textual.binding import Binding
from textual.events import Click
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from tui.clicks import choice_in, hint_at
from tui.widgets.palette import Palette, palette

if TYPE_CHECKING:
    from tui.application import VetApp
    from tui.following import RunView


Answer = TypeVar("Answer")


class VetterScreen(Screen[None]):
    """A screen that knows its app, and which keys of the table are its own."""

    WHERE: ClassVar[str] = ""

    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (72, "-narrow"), (100, "-wide"), (160, "-huge")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (34, "-tall")]  # noqa: RUF012

    @property
    def vet(self) -> VetApp:
        """The app, with its own type."""
        return cast("VetApp", self.app)

    @property
    def colours(self) -> Palette:
        """Colours of the theme."""
        return palette(dark=self.app.current_theme.dark)

    def ask(self, question: Question[Answer], taker: Callable[[Answer], None]) -> None:
        """Put a question over the screen; the answer is taken before any key typed after it acts."""
        question.taker = taker
        self.app.push_screen(question)

    def run_seen(self, view: RunView | None, *, ended: bool) -> None:
        """Take note of how the followed run stands."""


class Question(ModalScreen[None], Generic[Answer]):
    """A modal that answers once: `finish` with the answer, None where there is none; escape gives none."""

    BINDINGS = [Binding("escape", "finish", "back", show=False)]  # noqa: RUF012
    taker: Callable[[Answer], None] | None = None
    _answered = False

    @property
    def vet(self) -> VetApp:
        """The app, with its own type."""
        return cast("VetApp", self.app)

    @property
    def colours(self) -> Palette:
        """Colours of the theme."""
        return palette(dark=self.app.current_theme.dark)

    def finish(self, answer: Answer | None = None) -> None:
        """Go away and hand the answer over; a second answer has nobody to go to."""
        if not self._answered:
            self._answered = True
            self.dismiss()
            self.vet.call_later(self._hand_over, answer)

    def _hand_over(self, answer: Answer | None) -> None:
        if answer is not None and self.taker is not None:
            self.taker(answer)
        self.vet.settled()

    def on_click(self, event: Click) -> None:
        """Take a click on a line that begins with its key, or on a hint, as a press of that key."""
        widget = event.widget
        place = event.get_content_offset(widget) if isinstance(widget, Static) else None
        if widget is None or place is None:
            return
        line = widget.render_line(place.y).text
        if name := hint_at(line, place.x) or choice_in(line):
            event.stop()
            self.app.simulate_key(name)

    def action_finish(self) -> None:
        """Go away without an answer."""
        self.finish()
