"""Pictures in words, for whoever hears the screen: what each cutout shows, with numbers and units."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tui import look as looks
from tui.overlays import OVERLAYS, aperture_radius

if TYPE_CHECKING:
    from store.candidates import MemberRow
    from tui.desk import Detail, View
    from tui.look import Look


def describe(detail: Detail, look: Look) -> list[str]:
    """Describe every cutout of a candidate, a sentence each, then what the overlays would show."""
    if not detail.views:
        return [detail.problem]
    members = {row.frame: row for row in detail.members}
    side = detail.views[0].panel.side_arcsec
    size = f", {side:.1f} arcsec wide" if math.isfinite(side) else ""
    lines = [f"{len(detail.views)} cutouts{size}. Pictures are off; this is what they show."]
    lines += [describe_view(view, members.get(view.panel.frame)) for view in detail.views]
    if detail.cutouts is not None:
        for name in sorted(look.overlays):
            words = OVERLAYS[name].words(detail.cutouts)
            lines.append(f"{OVERLAYS[name].meaning}: {words}".replace("″", " arcsec").replace("(◆)", ""))
        if "neighbours" in look.overlays:
            lines += nearest_neighbours(detail)
    if look.mode in looks.BLINKING:
        lines.append("Blinking shows nothing in words.")
    return lines


def describe_view(view: View, member: MemberRow | None) -> str:
    """Describe one cutout: found or not, S/N, size, peak, and how much of it has no valid pixel."""
    panel = view.panel
    if not panel.covered:
        found = "no valid pixel at the candidate"
    elif member is not None:
        found = f"detected, S/N {_number(member.snr, 1)}, "
        found += f"half-light radius {_number(member.r50_arcsec, 3)} arcsec"
        if math.isfinite(member.mag_ab):
            found += f", AB magnitude {member.mag_ab:.2f}"
    else:
        found = "detected" if panel.detected else "not detected"
    parts = [f"{view.label}: {found}"]
    if view.image is not None:
        if panel.covered:
            parts.append(_peak(view))
        parts.append(f"{100 * masked_share(view):.3g} percent without valid pixels")
    return "; ".join(parts) + "."


def _peak(view: View) -> str:
    """Say how far the brightest pixel within the aperture stands over the sky, in its noise."""
    import numpy as np

    from analysis.composites import sky_of

    panel, image = view.panel, view.image
    assert image is not None
    y, x = np.indices(image.shape)
    inside = np.hypot(x - panel.x, y - panel.y) * panel.pixel_scale <= aperture_radius(panel)
    values = image[inside & np.isfinite(image)]
    sky, rms = sky_of(image)
    if not values.size or not rms > 0:
        return "brightest pixel unknown"
    return f"brightest pixel {min(float(values.max() - sky) / rms, 1e6):.1f} sigma over the sky"


def masked_share(view: View) -> float:
    """Give the share of the square of sky shown that has no valid pixel."""
    from analysis.orienting import known, middle, side_of, turned

    side = side_of(view.panel, view.gray)
    if known(view.panel):
        shown = turned(view.gray, view.panel, side, view.panel.pixel_scale)
    else:
        shown, _, _ = middle(view.gray, view.panel, side)
    return float((shown == 0).mean())


def nearest_neighbours(detail: Detail, count: int = 3) -> list[str]:
    """Name the nearest other objects: distance, direction, magnitude."""
    lines = []
    for one in ((detail.cutouts.neighbours if detail.cutouts else None) or ())[:count]:
        distance = math.hypot(one.east, one.north)
        bright = f", AB magnitude {one.mag_ab:.1f}" if math.isfinite(one.mag_ab) else ""
        rank = f", candidate of rank {one.rank}" if one.rank else ""
        lines.append(f"{distance:.2f} arcsec {_direction(one.east, one.north)}{bright}{rank}.")
    return lines


def _direction(east: float, north: float) -> str:
    names = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
    return names[round(math.degrees(math.atan2(east, north)) / 45.0) % 8]


def _number(value: float, digits: int) -> str:
    return "unknown" if math.isnan(value) else f"{value:.{digits}f}"
