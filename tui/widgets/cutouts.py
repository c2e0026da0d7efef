"""The panel of pictures of one candidate: shows what threads composed, blinks it, and reads its pixels."""

from __future__ import annotations

import textwrap
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from tui import look as looks
from tui.look import Look
from tui.pictures import compass
from tui.reading import place_words, value_words
from tui.widgets.composing import Composed, Placed, Scene, Setting, centred, compose
from tui.widgets.kitty import Kitty
from tui.widgets.marks import CURSOR, PLAIN_CURSOR
from tui.widgets.palette import palette

if TYPE_CHECKING:
    from tui.desk import Detail
    from tui.fields import Around
    from tui.terminal import Terminal

__all__ = ["Cutouts", "compass"]

KEPT = 32
FASTEST_BLINK = 3.0
"""Changes a second: more can harm people with photosensitive epilepsy (WCAG 2.2, 2.3.1)."""
CURSOR_STYLE = Style(color="#000000", bgcolor="#ffd166", bold=True)
PICK_CELLS = 3.0


class Cutouts(Widget):
    """Pictures of one candidate. `compose_for` works in threads; `show` never computes a pixel."""

    DEFAULT_CSS = "Cutouts { overflow: hidden; }"

    @dataclass
    class Stale(Message):
        """What is shown was composed for another room: the screen is asked for it anew."""

    @dataclass
    class Noted(Message):
        """What was left out to spare the link."""

        words: str

    @dataclass
    class Picked(Message):
        """A candidate of the field was clicked."""

        candidate: str

    @dataclass
    class CursorSet(Message):
        """The cursor was placed by the mouse."""

    @dataclass
    class _Done(Message):
        candidate: str
        setting: Setting

    def __init__(self, terminal: Terminal, budget: int, blink: float = 2.0) -> None:
        super().__init__(id="cutouts")
        self.terminal = terminal
        self.budget = budget
        self.blink = min(blink, FASTEST_BLINK)
        self.detail: Detail | None = None
        self.look = Look()
        self.waiting = ""
        self.cursor: tuple[float, float] | None = None
        self.composed: Composed | None = None
        self._scene = 0
        self._strips: tuple[Strip, ...] = ()
        self._cache: OrderedDict[tuple[str, Setting], Composed] = OrderedDict()
        self._lock = Lock()
        self._kitty: Kitty | None = None
        self._timer: Timer | None = None
        self._to_send = False
        self._said = ""

    # What threads do.

    def setting(self, look: Look) -> Setting:
        """Give how to paint now."""
        return Setting(
            look,
            self.content_size.width,
            self.content_size.height,
            self.painter,
            self.terminal.cell,
            self.budget,
            dark=self.app.current_theme.dark,
        )

    def ready(self, candidate: str, setting: Setting) -> bool:
        """Say whether a candidate was composed; a field shows verdicts, so it is made anew each time."""
        with self._lock:
            return setting.look.mode not in looks.FIELDS and (candidate, setting) in self._cache

    def compose_for(self, detail: Detail, setting: Setting, around: Around | None = None) -> None:
        """Compose a candidate, in a thread, and tell the panel."""
        composed = compose(detail, setting, around)
        with self._lock:
            self._cache[detail.candidate, setting] = composed
            while len(self._cache) > KEPT:
                self._cache.popitem(last=False)
        self.post_message(self._Done(detail.candidate, setting))

    def forget(self) -> None:
        """Drop what was composed: the candidates were cut anew."""
        with self._lock:
            self._cache.clear()

    # What the event loop does.

    def show(self, detail: Detail | None, look: Look | None = None, *, waiting: str = "") -> None:
        """Show a candidate as far as it was composed, or words while there is nothing."""
        changed = detail is None or self.detail is None or detail.candidate != self.detail.candidate
        if changed and self.cursor is not None:
            self.cursor = (0.0, 0.0)
        self.detail, self.look, self.waiting = detail, look or self.look, waiting
        composed = None
        if detail is not None:
            with self._lock:
                composed = self._cache.get((detail.candidate, self.setting(self.look)))
        if composed is not None or changed:
            self._take(composed)

    def on_cutouts__done(self, message: _Done) -> None:
        """Show what was composed, if it is still wanted."""
        message.stop()
        detail = self.detail
        if (
            detail is not None
            and message.candidate == detail.candidate
            and message.setting == self.setting(self.look)
        ):
            with self._lock:
                composed = self._cache.get((message.candidate, message.setting))
            if composed is not None:
                self._take(composed)

    def _take(self, composed: Composed | None) -> None:
        keeps = composed is not None and self.composed is composed
        self.composed = composed
        if not keeps:
            self._scene = 0
        self._show_scene()
        blinking = composed is not None and len(composed.scenes) > 1
        if blinking and self._timer is None:
            self._timer = self.set_interval(1.0 / self.blink, self._next_scene)
        elif not blinking and self._timer is not None:
            self._timer.stop()
            self._timer = None
        note = composed.note if composed is not None else ""
        if note and note != self._said:
            self.post_message(self.Noted(note))
        self._said = note or self._said

    @property
    def scene(self) -> Scene | None:
        """What is shown now."""
        scenes = self.composed.scenes if self.composed is not None else ()
        return scenes[self._scene % len(scenes)] if scenes else None

    def _next_scene(self) -> None:
        if self.composed is None or not self.screen.is_current:
            return
        self._scene = (self._scene + 1) % len(self.composed.scenes)
        self._show_scene(only_words=self.composed.painter == "sixel")

    def _show_scene(self, *, only_words: bool = False) -> None:
        scene = self.scene
        if scene is None:
            colours = palette(dark=self.app.current_theme.dark)
            words = self.waiting if self.composed is None else self.composed.problem
            self._strips = centred(words, *self.content_size, colours.quiet) if self.content_size else ()
        else:
            self._strips = self._with_kitty(scene)
        if only_words and scene is not None and scene.placed:
            # Blank cells under a sixel picture stay as they are: rewriting them would make it flicker.
            below = max(placed.y + placed.height for placed in scene.placed)
            self.refresh(Region(0, below, self.size.width, max(1, self.size.height - below)))
        else:
            self.refresh()

    def _with_kitty(self, scene: Scene) -> tuple[Strip, ...]:
        """Put kitty's placeholders where its pictures are, and send those that the terminal lacks."""
        if not any(placed.png for placed in scene.placed):
            return scene.strips
        if self._kitty is None:
            self._kitty = Kitty(self._write, passthrough=self.terminal.passthrough)
        strips = list(scene.strips)
        for placed in scene.placed:
            lines = self._kitty.show(placed.key, placed.png, placed.width, placed.height)
            for row, line in enumerate(lines, placed.y):
                strips[row] = laid_over(strips[row], placed.x, Strip(line, placed.width))
        return tuple(strips)

    @property
    def painter(self) -> str:
        """The painter to use: sixel pictures lie over everything, so not while a modal is open."""
        wanted = self.terminal.preview
        return "half" if wanted == "sixel" and not self.screen.is_current else wanted

    def turn(self) -> int | None:
        """Give the first picture of the next page, or None where all are shown."""
        composed = self.composed
        if composed is None or composed.count <= composed.shown - composed.first:
            return None
        return composed.shown if composed.shown < composed.count else 0

    def on_resize(self) -> None:
        """Ask for pictures of the new size."""
        self._show_scene()
        self.post_message(self.Stale())

    def on_unmount(self) -> None:
        """Delete what the terminal holds."""
        if self._kitty is not None:
            self._kitty.close()

    def render_line(self, y: int) -> Strip:
        """Give one prepared line, with the cursor and the read-out over it."""
        width = self.size.width
        first = self.size.height - self.setting(self.look).reading_rows
        strip = self._read_line(y - first) if y >= first else self._prepared(y)
        return strip.adjust_cell_length(width, self.rich_style).apply_style(self.rich_style)

    def _prepared(self, y: int) -> Strip:
        strip = self._strips[y] if y < len(self._strips) else Strip([])
        for column, row in self._cursor_cells():
            if row == y:
                strip = laid_over(strip, column, Strip([Segment(self._cursor_sign, CURSOR_STYLE)], 1))
        return strip

    @property
    def _cursor_sign(self) -> str:
        return PLAIN_CURSOR if self.painter == "plain" else CURSOR

    def _cursor_cells(self) -> list[tuple[int, int]]:
        scene = self.scene
        if self.cursor is None or scene is None:
            return []
        cells = (placed.cell_of(*self.cursor) for placed in scene.placed)
        return [cell for cell in cells if cell is not None]

    def _read_line(self, number: int) -> Strip:
        colours = palette(dark=self.app.current_theme.dark)
        if self.detail is None or self.cursor is None:
            return Strip([])
        if number == 0:
            return Strip([Segment(place_words(self.detail, *self.cursor), colours.strong)])
        skies = self.composed.skies if self.composed is not None else ()
        lines = textwrap.wrap(
            " · ".join(value_words(self.detail, *self.cursor, skies)), max(1, self.size.width)
        )
        return Strip([Segment(lines[number - 1], colours.plain)]) if number <= len(lines) else Strip([])

    # The cursor.

    def move_cursor(self, right: int, up: int, *, cells: bool = False) -> None:
        """Move the cursor by pixels of the first picture, or by cells of the screen."""
        scene = self.scene
        placed = next(iter(scene.placed), None) if scene is not None else None
        east, north = self.cursor or (0.0, 0.0)
        if self.cursor is None or placed is None:
            self.cursor = (east, north)
        else:
            x, y = placed.geometry.shares(east, north)
            view = placed.picture.view
            count = placed.picture.pixels.shape[0]
            if view is not None:
                count = max(1, round(placed.geometry.side / view.panel.pixel_scale))
            wide, high = (placed.width, placed.height) if cells else (count, count)
            x, y = _within(x + right / wide), _within(y + up / high)
            east, north = placed.geometry.offsets(x, y)
            self.cursor = (float(east), float(north))
        self.refresh()

    def hide_cursor(self) -> None:
        """Take the cursor away."""
        self.cursor = None
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Read the pixel clicked, or go to the candidate clicked in the field."""
        at = event.get_content_offset(self)
        scene = self.scene
        if at is None or scene is None:
            return
        for placed in scene.placed:
            offsets = placed.offsets_of(at.x + 0.5, at.y + 0.5)
            if offsets is None:
                continue
            if placed.picture.targets:
                self._pick(placed, offsets)
            else:
                self.cursor = offsets
                self.post_message(self.CursorSet())
                self.refresh()

    def _pick(self, placed: Placed, offsets: tuple[float, float]) -> None:
        east, north = offsets
        nearest = min(placed.picture.targets, key=lambda one: (one[1] - east) ** 2 + (one[2] - north) ** 2)
        reach = PICK_CELLS * placed.geometry.side / placed.width
        if (nearest[1] - east) ** 2 + (nearest[2] - north) ** 2 <= reach**2:
            self.post_message(self.Picked(nearest[0]))

    # Sixel.

    def render_lines(self, crop: Region) -> list[Strip]:
        """Give lines; blank cells were written over sixel pictures, so these are sent again afterwards."""
        drawn = self.composed is not None and self.composed.painter == "sixel"
        if drawn and self.painter == "sixel" and not self._to_send:
            self._to_send = True
            self.call_after_refresh(self._send_sixels)
        return super().render_lines(crop)

    def _send_sixels(self) -> None:
        """Write every picture at its place, and the cursor over it, inside one synchronised update."""
        self._to_send = False
        scene = self.scene
        if self.painter != "sixel" or scene is None:
            return
        corner = self.content_region
        parts = [
            f"\x1b[{corner.y + placed.y + 1};{corner.x + placed.x + 1}H{placed.sixel}"
            for placed in scene.placed
            if placed.sixel
        ]
        if not parts:
            return
        parts += [
            f"\x1b[{corner.y + row + 1};{corner.x + column + 1}H\x1b[0;1;30;43m{CURSOR}\x1b[0m"
            for column, row in self._cursor_cells()
        ]
        self._write("\x1b[?2026h\x1b7" + "".join(parts) + "\x1b8\x1b[?2026l")

    def _write(self, data: str) -> None:
        # The driver's own queue keeps pictures and frames in one order.
        if self.app._driver is not None:  # noqa: SLF001
            self.app._driver.write(data)  # noqa: SLF001


def _within(share: float) -> float:
    return min(max(share, 0.0), 1.0 - 1e-9)


def laid_over(strip: Strip, column: int, over: Strip) -> Strip:
    """Lay a piece over a line from a column on."""
    whole = (
        strip
        if strip.cell_length >= column + over.cell_length
        else strip.extend_cell_length(column + over.cell_length)
    )
    return Strip.join([whole.crop(0, column), over, whole.crop(column + over.cell_length)])
