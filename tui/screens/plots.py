"""Plots of the list over the whole screen: the candidate marked, any point chosen by keys or mouse."""

from __future__ import annotations

from functools import partial

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Static
from textual.worker import get_current_worker

from store.project import StoreError
from tui import messages
from tui.listing import Listing
from tui.plotting import KINDS, read_points
from tui.screens.base import Question
from tui.widgets.plot import ScatterPlot, draw

HINT = "1-4: plot   arrows: next point that way   enter, click: go to it   esc: back"


class PlotScreen(Question[str]):
    """One plot at a time; the answer is the candidate to go to."""

    AUTO_FOCUS = ""

    def __init__(self, candidate: str, listing: Listing) -> None:
        super().__init__()
        self.candidate = candidate
        self.listing = listing
        self.kind = 0
        self.turn = 0
        self.chosen = -1

    def compose(self) -> ComposeResult:
        """Show the name of the plot, the plot, and the chosen point."""
        with Vertical(classes="card"):
            yield Static("", classes="title", id="kinds")
            yield ScatterPlot()
            yield Static("", id="point")
            yield Static(HINT, classes="quiet", id="hint")

    @property
    def plot(self) -> ScatterPlot:
        """The plot."""
        return self.query_one(ScatterPlot)

    def on_mount(self) -> None:
        """Draw once the size is known."""
        self.call_after_refresh(self._read)

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self._read)

    def _read(self) -> None:
        title = Text()
        for place, (_, words) in enumerate(KINDS):
            style = self.colours.strong if place == self.kind else self.colours.quiet
            title.append(f"{place + 1} {words}   ", style)
        self.query_one("#kinds", Static).update(title)
        size = self.plot.size
        if size.width < 20 or size.height < 6:
            return
        self.run_worker(
            partial(self._work, KINDS[self.kind][0], self.turn, size.width, size.height),
            thread=True,
            exclusive=True,
            exit_on_error=False,
            group="plot",
            description=f"draw {KINDS[self.kind][1]}",
        )

    def _work(self, kind: str, turn: int, width: int, height: int) -> None:
        worker = get_current_worker()
        try:
            drawn = draw(read_points(self.vet.desk, kind, self.candidate, self.listing, turn), width, height)
        except StoreError as error:
            self.post_message(messages.PlotDrawn(kind, None, str(error)))
            return
        if not worker.is_cancelled:
            self.post_message(messages.PlotDrawn(kind, drawn, ""))

    @on(messages.PlotDrawn)
    def _drawn(self, message: messages.PlotDrawn) -> None:
        if message.kind != KINDS[self.kind][0]:
            return
        self.plot.drawn = message.drawn
        names = list(message.drawn.points.names) if message.drawn else []
        here = [number for number, name in enumerate(names) if name == self.candidate]
        self.choose(here[-1] if here else -1, message.problem)

    def choose(self, number: int, problem: str = "") -> None:
        """Mark a point and say what it is."""
        self.chosen = number
        drawn = self.plot.drawn
        self.plot.show(drawn, self.candidate, number, problem)
        line = Text()
        if drawn is not None:
            points = drawn.points
            if 0 <= number < len(points.names):
                line.append(points.names[number], self.colours.strong)
                line.append(
                    f"  {points.x_label} {points.x[number]:.4g}  {points.y_label} {points.y[number]:.4g}"
                )
            else:
                line.append("the candidate has no place in this plot: not measured", self.colours.alert)
            of = f" of {points.total} listed" if points.total > len(points.names) else ""
            line.append(f"   {len(points.names)} points{of}", self.colours.quiet)
            line.append(f", {points.left_out} not measured" if points.left_out else "", self.colours.quiet)
            line.append(f"   {points.words}" if points.words else "", self.colours.good)
        self.query_one("#point", Static).update(line)

    def on_key(self, event: Key) -> None:
        """Change the plot, move among points, go."""
        if event.key == "escape":
            return
        event.stop()
        if event.character in {"1", "2", "3", "4"}:
            self.kind = int(event.character) - 1
            self.plot.show(None, self.candidate, -1, "drawing …")
            self._read()
        elif event.key == "b" and KINDS[self.kind][0] == "colour":
            self.turn += 1
            self._read()
        elif event.key == "enter":
            self._go(self.chosen)
        else:
            step = {"left": (-1, 0), "h": (-1, 0), "right": (1, 0), "l": (1, 0)}
            step |= {"up": (0, -1), "k": (0, -1), "down": (0, 1), "j": (0, 1)}
            if event.key in step and self.plot.drawn is not None:
                self.choose(self._towards(*step[event.key]))

    def _towards(self, across: int, down: int) -> int:
        """Find the nearest point in a direction: nearer along it than aside of it where there is one."""
        import numpy as np

        drawn = self.plot.drawn
        assert drawn is not None
        if not len(drawn.columns) or self.chosen < 0:
            return 0 if len(drawn.columns) else -1
        right = (drawn.columns - drawn.columns[self.chosen]).astype(float)
        below = 2.0 * (drawn.rows - drawn.rows[self.chosen])
        along, aside = (right * across, below) if across else (below * down, right)
        cost = np.where(along > 0, along + 2.0 * np.abs(aside), np.inf)
        best = int(cost.argmin())
        return best if np.isfinite(cost[best]) else self.chosen

    @on(ScatterPlot.Clicked)
    def _clicked(self, message: ScatterPlot.Clicked) -> None:
        self._go(message.number)

    def _go(self, number: int) -> None:
        if self.plot.drawn is not None and 0 <= number < len(self.plot.drawn.points.names):
            self.finish(self.plot.drawn.points.names[number])
