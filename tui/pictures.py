"""Which pictures are shown of a candidate: its detail and a look in, pictures with words and overlays out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tui import look as looks
from tui.geometry import Geometry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from analysis.cutouts import CutoutSet, Panel
    from tui.desk import Detail, View
    from tui.fields import Around
    from tui.look import Look
    from tui.overlays import Shape
    from tui.widgets.painters import Gray

_ARROWS = "↑↖←↙↓↘→↗"
NORTH_UP = "N↑ E←"
SEEN, NOT_SEEN, NO_DATA = "detected", "not detected", "no valid pixel"


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture: levels (y, x) with their colour map, or colours (y, x, 3); row 0 at the bottom.

    `sign` and `words` say what is in it; `view` is the frame it is of, None for a composite or a field.
    """

    name: str
    pixels: Gray
    geometry: Geometry
    colours: Gray | None = None
    shapes: tuple[Shape, ...] = ()
    sign: str = ""
    words: str = ""
    compass: str = NORTH_UP
    view: View | None = None
    targets: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Plan:
    """Scenes of pictures, one after another where they blink, or the reason why there are none."""

    scenes: tuple[tuple[Picture, ...], ...] = ()
    problem: str = ""


def plan(detail: Detail, look: Look, around: Around | None = None) -> Plan:
    """Choose and make the pictures; `around` is the field, where the look asks for it."""
    if look.mode in looks.FIELDS:
        if around is None or around.view is None:
            return Plan(problem=around.problem if around else "no view of the field")
        return Plan(((field_picture(detail, look, around),),))
    if not detail.views or detail.cutouts is None:
        return Plan(problem=detail.problem)
    if look.mode == looks.BLINK_BANDS:
        turning = replace(look, north_up=True)
        pictures = [band_picture(detail.cutouts, view, turning) for view in detail.views]
        return Plan(tuple((picture,) for picture in pictures))
    if look.mode == looks.BLINK_EPOCHS:
        return _epochs(detail, look)
    pictures = [band_picture(detail.cutouts, view, look) for view in detail.views]
    if look.composite:
        pictures.insert(0, composite_picture(detail, look))
    return Plan((tuple(pictures),))


def band_picture(
    cutouts: CutoutSet, view: View, look: Look, *, reference: npt.NDArray[np.float32] | None = None
) -> Picture:
    """Make the picture of one frame; the levels are those of all its pixels, turned without being mixed."""
    from analysis.orienting import known, middle, sampling, side_of, turned
    from analysis.stretches import to_gray

    panel, gray = view.panel, view.gray
    if reference is not None and view.image is not None:
        gray = to_gray(view.image, look.stretch, reference=reference)
    side = side_of(panel, gray)
    if look.north_up and known(panel):
        step = sampling(panel)
        pixels = turned(gray, panel, side, step)
        geometry, arrows = Geometry(pixels.shape[0] * step), NORTH_UP
    else:
        pixels, x0, y0 = middle(gray, panel, side)
        geometry = Geometry(
            pixels.shape[1] * panel.pixel_scale, panel, int(x0), int(y0), count=pixels.shape[1]
        )
        arrows = compass(panel.north_deg, panel.parity)
    from tui.overlays import shapes_of

    return Picture(
        view.label,
        _coloured(pixels, look),
        geometry,
        _table(look),
        tuple(shapes_of(look.overlays, cutouts, panel, side)),
        "●" if panel.detected else "○" if panel.covered else "∅",
        SEEN if panel.detected else NOT_SEEN if panel.covered else NO_DATA,
        arrows,
        view,
    )


def _table(look: Look) -> Gray | None:
    from analysis.colormaps import colour_table

    return None if look.colours == "grey" else colour_table(look.colours)


def _coloured(pixels: Gray, look: Look) -> Gray:
    from tui.widgets.painters import inverted

    return inverted(pixels) if look.inverted else pixels


def bands_of(detail: Detail, look: Look) -> tuple[View, View, View] | None:
    """Give the frames for red, green and blue: those asked for if all are there, else the default."""
    from analysis.composites import default_bands

    by_label = {view.label: view for view in detail.views}
    if len(look.triple) == 3 and all(label in by_label for label in look.triple):
        red, green, blue = (by_label[label] for label in look.triple)
        return red, green, blue
    chosen = default_bands([view.panel for view in detail.views])
    if chosen is None:
        return None
    return detail.views[chosen[0]], detail.views[chosen[1]], detail.views[chosen[2]]


def composite_picture(detail: Detail, look: Look) -> Picture:
    """Make the colour composite, north up; fewer than three bands leave it empty, and the words say so."""
    import numpy as np

    from analysis.composites import composite
    from analysis.orienting import side_of
    from tui.overlays import shapes_of

    chosen = bands_of(detail, look)
    first = detail.views[0]
    side = side_of(first.panel, first.gray)
    if chosen is None or any(view.image is None for view in chosen):
        empty = np.zeros((9, 9), dtype=np.uint8)
        return Picture("RGB", empty, Geometry(side), None, (), "∅", "needs three bands")
    images = [view.image for view in chosen if view.image is not None]
    pixels, scale = composite([view.panel for view in chosen], images, side)
    assert detail.cutouts is not None
    shapes = shapes_of(look.overlays, detail.cutouts, chosen[0].panel, side)
    name = " ".join(view.label for view in chosen)
    return Picture(
        f"RGB {name}",
        _coloured(pixels, look),
        Geometry(pixels.shape[0] * scale),
        None,
        tuple(shapes),
        "",
        name,
    )


def epochs_of(detail: Detail) -> list[list[View]]:
    """Group the frames that show one band at several times, by time; bands with one frame are left out."""
    groups: dict[tuple[str, str], list[View]] = {}
    for view in detail.views:
        groups.setdefault((view.panel.instrument, view.panel.filter), []).append(view)
    several = [group for group in groups.values() if len(group) > 1]
    return [sorted(group, key=lambda view: (view.panel.mjd, view.panel.frame)) for group in several]


def _epochs(detail: Detail, look: Look) -> Plan:
    groups = epochs_of(detail)
    if not groups or detail.cutouts is None:
        return Plan(problem="each band has one frame here: there are no epochs to blink")
    group = groups[look.page % len(groups)]
    turning = replace(look, north_up=True)
    scenes = []
    for view in group:
        picture = band_picture(detail.cutouts, view, turning, reference=group[0].image)
        scenes.append((replace(picture, name=f"{view.label} {_when(view.panel.mjd)}"),))
    return Plan(tuple(scenes))


def _when(mjd: float) -> str:
    import datetime as dt

    if not math.isfinite(mjd) or not 0.0 < mjd < 1e6:
        return "time unknown"
    return (dt.datetime(1858, 11, 17) + dt.timedelta(days=mjd)).strftime("%Y-%m-%d")  # noqa: DTZ001


def field_picture(detail: Detail, look: Look, around: Around) -> Picture:
    """Make the picture of the field with every candidate in it marked by what was decided on it."""
    from analysis.orienting import turned
    from analysis.stretches import to_gray

    view = around.view
    assert view is not None
    near = look.mode == looks.FIELD_NEAR
    panel, side, middle = around.placed(near=near)
    gray = to_gray(view.image, look.stretch)
    pixels = turned(gray, panel, side, view.arcsec_per_bin)
    geometry = Geometry(pixels.shape[0] * view.arcsec_per_bin, east=middle[0], north=middle[1])
    inside = around.inside(geometry)
    return Picture(
        view.filter,
        _coloured(pixels, look),
        geometry,
        _table(look),
        tuple(around.shapes(geometry, detail.candidate)),
        "",
        f"{len(inside)} of {len(around.names)} candidates",
        targets=inside,
    )


def compass(north_deg: float, parity: int) -> str:
    """Say where north and east are, by arrows; empty where that is not known."""
    if not math.isfinite(north_deg) or not parity:
        return ""
    north = _ARROWS[round(north_deg / 45) % 8]
    east = _ARROWS[round((north_deg + 90 * parity) / 45) % 8]
    return f"N{north} E{east}"


def view_labels(panels: Sequence[Panel]) -> list[str]:
    """Name each picture by its filter; frames of one filter are numbered in time."""
    labels = []
    for panel in panels:
        same = sorted(
            (other.mjd if other.mjd == other.mjd else 0.0, other.frame)
            for other in panels
            if (other.instrument, other.filter) == (panel.instrument, panel.filter)
        )
        number = [frame for _, frame in same].index(panel.frame) + 1
        labels.append(panel.filter if len(same) == 1 else f"{panel.filter}·{number}")
    return labels
