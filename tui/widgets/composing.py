"""Pictures laid out and painted, in threads: a detail and a setting in, lines and what a terminal draws out.

Nothing here touches a widget or the terminal; `tui.widgets.cutouts` shows what comes out without waiting.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui import look as looks
from tui.pictures import NO_DATA, NOT_SEEN, SEEN, Picture, plan
from tui.widgets import painters
from tui.widgets.drawing import PAINTERS
from tui.widgets.painters import Grid, Line
from tui.widgets.palette import palette
from tui.widgets.sixel import SixelError

if TYPE_CHECKING:
    from tui.desk import Detail
    from tui.fields import Around
    from tui.geometry import Geometry
    from tui.look import Look

GAP = 1
LARGEST_SIDE = 100
SEEN_SHORT = {SEEN: "seen", NOT_SEEN: "not seen", NO_DATA: "no data"}
SEEN_WIDTH = 14
WIDE_READING = 130


@dataclass(frozen=True)
class Setting:
    """How to paint: the look, the room in cells, the painter, the size of a cell in pixels, bytes at most."""

    look: Look
    width: int
    height: int
    painter: str
    cell: tuple[int, int] = (10, 20)
    budget: int = 1 << 20
    dark: bool = True

    @property
    def rows(self) -> int:
        """Rows for pictures: the read-out has its own."""
        return max(0, self.height - self.reading_rows)

    @property
    def reading_rows(self) -> int:
        """Rows of the read-out: a narrow panel needs one more for the values."""
        return 0 if not self.look.reading else 2 if self.width >= WIDE_READING else 3


@dataclass(frozen=True, eq=False)
class Placed:
    """A picture, the cells it has in the panel, and its bytes where the terminal draws it."""

    picture: Picture
    x: int
    y: int
    width: int
    height: int
    png: bytes = b""
    sixel: str = ""
    key: Hashable = None

    @property
    def geometry(self) -> Geometry:
        """Where the sky lies in it."""
        return self.picture.geometry

    def cell_of(self, east: float, north: float) -> tuple[int, int] | None:
        """Give column and row of the panel where an offset is, or None outside."""
        x, y = self.geometry.shares(east, north)
        column, row = int(x * self.width // 1), int((1.0 - y) * self.height // 1)
        if 0 <= column < self.width and 0 <= row < self.height:
            return self.x + column, self.y + row
        return None

    def offsets_of(self, column: float, row: float) -> tuple[float, float] | None:
        """Give the offsets at a place of the panel in cells, or None outside the picture."""
        x, y = (column - self.x) / self.width, 1.0 - (row - self.y) / self.height
        if not (0.0 <= x < 1.0 and 0.0 < y <= 1.0):
            return None
        east, north = self.geometry.offsets(x, y)
        return float(east), float(north)


@dataclass(frozen=True, eq=False)
class Scene:
    """Lines of the panel and the pictures in them."""

    strips: tuple[Strip, ...]
    placed: tuple[Placed, ...] = ()


@dataclass(frozen=True, eq=False)
class Composed:
    """One or several scenes; several blink. Of `count` pictures those from `first` to `shown` are in them.

    `note` says what was left out to spare the link, `painter` which one was used; `skies` are level and
    noise of the sky in each frame, where a read-out wants them.
    """

    scenes: tuple[Scene, ...] = ()
    first: int = 0
    shown: int = 0
    count: int = 0
    note: str = ""
    painter: str = "half"
    problem: str = ""
    skies: tuple[tuple[float, float], ...] = ()


def compose(detail: Detail, setting: Setting, around: Around | None = None) -> Composed:
    """Lay out and paint everything that the setting shows of a candidate."""
    if setting.width < 1 or setting.rows < 1:
        return Composed()
    if setting.painter == "words":
        return _in_words(detail, setting)
    if detail.curve is not None and setting.look.mode not in looks.FIELDS:
        from tui.widgets.spectrum_drawing import whole

        strips = whole(detail.curve, palette(dark=setting.dark)).strips(setting.width, setting.rows)
        return Composed((Scene(tuple(strips)),))
    made = plan(detail, setting.look, around)
    if made.problem:
        return Composed(problem=made.problem)
    try:
        composed = _painted(detail, setting, made.scenes)
    except SixelError as error:
        composed = replace(_painted(detail, replace(setting, painter="half"), made.scenes), note=str(error))
    return replace(composed, skies=_skies(detail, setting))


def _skies(detail: Detail, setting: Setting) -> tuple[tuple[float, float], ...]:
    from analysis.composites import sky_of

    if not setting.look.reading:
        return ()
    return tuple(sky_of(view.image) for view in detail.views if view.image is not None)


def _in_words(detail: Detail, setting: Setting) -> Composed:
    from tui.describing import describe

    colours = palette(dark=setting.dark)
    lines = _wrapped(describe(detail, setting.look), setting.width)
    first = setting.look.page if setting.look.page < len(lines) else 0
    last = len(lines) if len(lines) - first <= setting.rows else first + setting.rows - 1
    shown = lines[first:last] + ([f"{len(lines) - last} more lines: b"] if last < len(lines) else [])
    scene = Scene(tuple(Strip([Segment(line, colours.plain)]) for line in shown))
    return Composed((scene,), first, last, len(lines), painter="words", skies=_skies(detail, setting))


def _wrapped(lines: list[str], width: int) -> list[str]:
    import textwrap

    return [piece for line in lines for piece in textwrap.wrap(line, width, subsequent_indent="  ") or [""]]


def _painted(detail: Detail, setting: Setting, scenes: tuple[tuple[Picture, ...], ...]) -> Composed:
    done: list[Scene] = []
    notes: dict[str, None] = {}
    first = shown = count = 0
    for number, pictures in enumerate(scenes):
        first = setting.look.page if setting.look.mode == looks.BANDS and len(scenes) == 1 else 0
        first = first if first < len(pictures) else 0
        grid, label_rows = _layout(len(pictures) - first, setting)
        chosen = pictures[first : first + grid.shown]
        shown, count = first + len(chosen), len(pictures)
        scene, said = _scene(detail.candidate, setting, chosen, grid, label_rows, number)
        hidden = count - len(chosen)
        if hidden and scene.strips:
            more = Strip([Segment(f"  {hidden} more: b", palette(dark=setting.dark).alert)])
            scene = Scene((*scene.strips[:-1], Strip.join([scene.strips[-1], more])), scene.placed)
        done.append(scene)
        notes.update(dict.fromkeys(said))
    return Composed(tuple(done), first, shown, count, "; ".join(filter(None, notes)), setting.painter)


def _layout(count: int, setting: Setting) -> tuple[Grid, int]:
    """Find the grid, with a second row of words where it costs the pictures nothing."""
    width, height = setting.width, setting.rows
    grid = painters.arrange(count, width, height, 1, gap=GAP)
    roomy = painters.arrange(count, width, height, 2, gap=GAP)
    if roomy.cells == grid.cells or height >= 30:
        return roomy, 2
    return grid, 1


def _scene(
    candidate: str, setting: Setting, pictures: tuple[Picture, ...], grid: Grid, label_rows: int, number: int
) -> tuple[Scene, list[str]]:
    width = min(grid.cells[0], LARGEST_SIDE)
    height = width // 2
    draw = PAINTERS[setting.painter]
    share = setting.budget // max(1, len(pictures))
    lines: list[Line] = []
    placed: list[Placed] = []
    notes: list[str] = []
    for row in range(0, len(pictures), grid.columns):
        blocks = []
        for place, picture in enumerate(pictures[row : row + grid.columns]):
            block, png, sixel, note = draw(picture, width, height, share, setting)
            key = (candidate, picture.name, number, setting.look)
            placed.append(Placed(picture, place * (width + GAP), len(lines), width, height, png, sixel, key))
            notes.append(note)
            blocks.append([*block, *_labels(picture, width, label_rows, setting)])
        lines += [_joined(parts) for parts in zip(*blocks, strict=True)]
    return Scene(tuple(Strip(line) for line in lines), tuple(placed)), notes


def _joined(parts: tuple[Line, ...]) -> Line:
    line: Line = []
    for part in parts:
        line += [*part, Segment(" " * GAP)]
    return line


def _labels(picture: Picture, width: int, rows: int, setting: Setting) -> list[Line]:
    colours = palette(dark=setting.dark)
    plain = setting.painter == "plain"
    style = colours.strong if picture.words == SEEN else colours.quiet
    name = _cut(f"{picture.sign}{picture.name}", width)
    scale = painters.scale_bar(picture.geometry.side / width, width - cell_len(name) - 1, plain=plain)
    blank = " " * (width - cell_len(name) - cell_len(scale))
    lines: list[Line] = [[Segment(name, style), Segment(blank), Segment(scale, colours.quiet)]]
    if rows > 1:
        words = picture.words if width >= SEEN_WIDTH else SEEN_SHORT.get(picture.words, picture.words)
        lines.append([Segment(_spread(words, picture.compass, width), colours.quiet)])
    return lines


def _cut(words: str, width: int) -> str:
    return words if cell_len(words) <= width else words[: max(0, width - 1)] + "…"


def _spread(left: str, right: str, width: int) -> str:
    if cell_len(left) + cell_len(right) + 1 > width:
        right = ""
    left = _cut(left, width)
    return left + " " * (width - cell_len(left) - cell_len(right)) + right


def centred(words: str, width: int, height: int, style: Style) -> tuple[Strip, ...]:
    """Lay words out in the middle of the panel."""
    import textwrap

    lines = [
        piece for line in words.splitlines() for piece in textwrap.wrap(line, max(10, width - 4)) or [""]
    ]
    above = max(0, (height - len(lines)) // 2)
    before = " " * max(0, (width - max(map(len, lines), default=0)) // 2)
    return (*[Strip([])] * above, *(Strip([Segment(before + line, style)]) for line in lines))
