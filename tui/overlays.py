"""What can be drawn over pictures: the registry of overlays, each from facts to lines on the sky."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from analysis.cutouts import CutoutSet, Panel

    Points = npt.NDArray[np.float64]

STEPS = 160
LEAST_APERTURE_ARCSEC = 0.25
STAR_SPIKE_ARCSEC = 30.0
OWN_SPIKE_ARCSEC = 2.5
WEAK_SHARE = 0.4
DASH, GAP = 0.12, 0.10


@dataclass(frozen=True, eq=False)
class Shape:
    """A line as offsets east and north (arcsec), close enough for any screen; `sign` stands for it in cells.

    An empty sign means: the stroke that goes its way. `plain` is the sign where only ASCII may be used. A
    `point` is one sign in cells, at its middle.
    """

    east: Points
    north: Points
    sign: str
    plain: str
    colour: str
    point: bool = False


Make = Callable[["CutoutSet", "Panel", float], Sequence[Shape]]


@dataclass(frozen=True)
class Overlay:
    """One overlay: its name, what it shows in words, its signs, colour and how it is made."""

    name: str
    meaning: str
    sign: str
    plain: str
    colour: str
    make: Make
    words: Callable[[CutoutSet], str]


def aperture_radius(panel: Panel) -> float:
    """Give the radius drawn, arcsec: the Kron radius, at least 0.25."""
    # max() keeps its first argument against NaN.
    return max(LEAST_APERTURE_ARCSEC, panel.r_kron_arcsec)


def _aperture(_cutouts: CutoutSet, panel: Panel, _side: float) -> Sequence[Shape]:
    return [_circle(0.0, 0.0, aperture_radius(panel), OVERLAYS["aperture"])]


def _circle(east: float, north: float, radius: float, kind: Overlay) -> Shape:
    import numpy as np

    turn = np.linspace(0.0, 2.0 * math.pi, STEPS)
    return Shape(
        east + radius * np.sin(turn), north + radius * np.cos(turn), kind.sign, kind.plain, kind.colour
    )


def _neighbours(cutouts: CutoutSet, _panel: Panel, side: float) -> Sequence[Shape]:
    import numpy as np

    kind = OVERLAYS["neighbours"]
    reach = side / 40.0
    along = np.linspace(0.0, 4.0, 48)
    across = np.interp(along, range(5), (0.0, 1.0, 0.0, -1.0, 0.0))
    up = np.interp(along, range(5), (1.0, 0.0, -1.0, 0.0, 1.0))
    shapes = []
    for one in cutouts.neighbours or ():
        if max(abs(one.east), abs(one.north)) < side:
            sign = "◆" if one.rank else kind.sign
            shapes.append(
                Shape(
                    one.east + reach * across,
                    one.north + reach * up,
                    sign,
                    kind.plain,
                    kind.colour,
                    point=True,
                )
            )
    return shapes


def _spikes(cutouts: CutoutSet, panel: Panel, side: float) -> Sequence[Shape]:
    shapes = []
    for east, north in cutouts.stars or ():
        shapes += _rays(east, north, panel, STAR_SPIKE_ARCSEC, side)
    return [*shapes, *_rays(0.0, 0.0, panel, OWN_SPIKE_ARCSEC, side)]


def _rays(east: float, north: float, panel: Panel, length: float, side: float) -> list[Shape]:
    """Draw the spikes of one star for every roll, dashed, the weak pair shorter; a star far off is a ray."""
    import numpy as np

    from analysis.instruments import PA_SPIKES_STRONG, PA_SPIKES_WEAK

    kind = OVERLAYS["spikes"]
    along = np.arange(0.06, length, side / 400.0)
    along = along[np.mod(along, DASH + GAP) < DASH]
    shapes = []
    for roll in panel.rolls_deg:
        for angles, share in ((PA_SPIKES_STRONG, 1.0), (PA_SPIKES_WEAK, WEAK_SHARE)):
            for angle in angles:
                pa = math.radians(roll + angle)
                reach = along[along < length * share]
                shapes.append(
                    Shape(
                        east + reach * math.sin(pa),
                        north + reach * math.cos(pa),
                        kind.sign,
                        kind.plain,
                        kind.colour,
                    )
                )
    return shapes


def _aperture_words(cutouts: CutoutSet) -> str:
    radius = aperture_radius(cutouts.panels[0]) if cutouts.panels else LEAST_APERTURE_ARCSEC
    return f"circle of {radius:.2f}″, the Kron radius or 0.25″"


def _neighbour_words(cutouts: CutoutSet) -> str:
    if cutouts.neighbours is None:
        return "not recorded in this file: run jwst-vet rank"
    candidates = sum(1 for one in cutouts.neighbours if one.rank)
    return f"{len(cutouts.neighbours)} objects near, {candidates} of them candidates (◆)"


def _spike_words(cutouts: CutoutSet) -> str:
    rolls = sorted({roll for panel in cutouts.panels for roll in panel.rolls_deg})
    if not rolls:
        return "no roll angle is recorded: nothing can be predicted"
    stars = (
        "bright stars not recorded" if cutouts.stars is None else f"bright stars near: {len(cutouts.stars)}"
    )
    return f"V3 at {', '.join(f'{roll:.0f}°' for roll in rolls)}; {stars}; and of the candidate, were it one"


OVERLAYS: Mapping[str, Overlay] = {
    made.name: made
    for made in (
        Overlay("aperture", "the aperture", "·", "o", "#56d6ff", _aperture, _aperture_words),
        Overlay("neighbours", "other objects", "◇", "n", "#ffd166", _neighbours, _neighbour_words),
        Overlay("spikes", "predicted spikes", "", "x", "#ff8c42", _spikes, _spike_words),
    )
}
"""Every overlay by name, the lowest first."""


def shapes_of(names: frozenset[str], cutouts: CutoutSet, panel: Panel, side: float) -> list[Shape]:
    """Make the shapes of some overlays on one panel, the lowest first."""
    return [
        shape
        for name, overlay in reversed(list(OVERLAYS.items()))
        if name in names
        for shape in overlay.make(cutouts, panel, side)
    ]
