"""The field around a candidate: a frame's small picture, and where all candidates lie in it."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from store.project import Project, StoreError, slug
from tui.overlays import Shape

if TYPE_CHECKING:
    from analysis.cutouts import Panel
    from analysis.fields import FieldView
    from tui.geometry import Geometry

KEPT = 4
NEAR_ARCSEC = 60.0
CURRENT, OTHER = "#ffd166", "#56d6ff"
CANDIDATE, CANDIDATE_PLAIN = "◆", "n"


@dataclass(frozen=True, eq=False)
class Around:
    """The field of one candidate: the frame's picture or why there is none, and the candidates' offsets.

    `east`, `north` are arcsec from the candidate; `signs` what was decided, by name.
    """

    candidate: str
    ra: float
    dec: float
    view: FieldView | None = None
    problem: str = ""
    names: Sequence[str] = ()
    east: Any = ()
    north: Any = ()
    signs: Mapping[str, str] = field(default_factory=dict)

    def placed(self, *, near: bool) -> tuple[Panel, float, tuple[float, float]]:
        """Give the frame as a panel whose origin is the middle shown, the side shown, and that middle."""
        from analysis.cutouts import Panel

        view = self.view
        assert view is not None
        rows, columns = view.image.shape
        x, y = view.place(self.ra, self.dec)
        side, middle = NEAR_ARCSEC, (0.0, 0.0)
        if not near:
            east0, north0 = view.offsets(x, y)
            x, y = (columns - 1) / 2.0, (rows - 1) / 2.0
            east, north = view.offsets(x, y)
            middle = (float(east - east0), float(north - north0))
            turn = math.radians(view.north_deg)
            spread = abs(math.cos(turn)) + abs(math.sin(turn))
            side = max(rows, columns) * spread * view.arcsec_per_bin
        panel = Panel(
            view.frame,
            view.instrument,
            view.filter,
            math.nan,
            view.arcsec_per_bin,
            view.north_deg,
            view.parity,
            float(x),
            float(y),
            math.nan,
            "",
            detected=False,
            covered=True,
            r_kron_arcsec=math.nan,
        )
        return panel, side, middle

    def inside(self, geometry: Geometry) -> tuple[tuple[str, float, float], ...]:
        """Give the candidates in the picture: name and offsets."""
        if not len(self.names):
            return ()
        x, y = geometry.shares(self.east, self.north)
        kept = ((x >= 0) & (x < 1) & (y >= 0) & (y < 1)).nonzero()[0]
        return tuple((self.names[k], float(self.east[k]), float(self.north[k])) for k in kept.tolist())

    def shapes(self, geometry: Geometry, candidate: str) -> list[Shape]:
        """Mark the candidates in the picture, the one looked at last and with a ring."""
        import numpy as np

        reach = geometry.side / 60.0
        along = np.linspace(0.0, 4.0, 40)
        across = reach * np.interp(along, range(5), (0.0, 1.0, 0.0, -1.0, 0.0))
        up = reach * np.interp(along, range(5), (1.0, 0.0, -1.0, 0.0, 1.0))
        shapes = []
        for name, east, north in self.inside(geometry):
            sign = self.signs.get(name, CANDIDATE)
            if name != candidate:
                shapes.append(Shape(east + across, north + up, sign, CANDIDATE_PLAIN, OTHER, point=True))
        turn = np.linspace(0.0, 2.0 * np.pi, 120)
        ring = 2.2 * reach
        shapes.append(Shape(ring * np.sin(turn), ring * np.cos(turn), "·", "o", CURRENT))
        shapes.append(Shape(np.zeros(1), np.zeros(1), "┼", "+", CURRENT, point=True))
        return shapes


class Fields:
    """Pictures of whole frames and the positions of all candidates, kept between requests."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._views: OrderedDict[str, FieldView] = OrderedDict()
        self._positions: tuple[Sequence[str], Any, Any] | None = None
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Drop what a new ranking may have changed."""
        with self._lock:
            self._views.clear()
            self._positions = None

    def around(
        self, database: Any, candidate: str, ra: float, dec: float, frame: str, signs: Mapping[str, str]
    ) -> Around:
        """Give the field of a candidate as one frame shows it."""
        from analysis.fields import FieldError
        from analysis.orienting import offsets_of

        try:
            view = self._view(frame)
            names, all_ra, all_dec = self._all(database)
        except (FieldError, StoreError) as error:
            return Around(candidate, ra, dec, problem=str(error))
        east, north = offsets_of(ra, dec, all_ra, all_dec)
        return Around(candidate, ra, dec, view, "", names, east, north, signs)

    def _view(self, frame: str) -> FieldView:
        from analysis.fields import load_field

        with self._lock:
            if frame in self._views:
                return self._views[frame]
        view = load_field(self.project.field_cache / f"{slug(frame)}.npz")
        with self._lock:
            self._views[frame] = view
            while len(self._views) > KEPT:
                self._views.popitem(last=False)
        return view

    def _all(self, database: Any) -> tuple[Sequence[str], Any, Any]:
        from store.candidates import positions

        if self._positions is None:
            self._positions = positions(database)
        return self._positions
