"""Check 3: neither a spike of a bright star, nor a cosmic ray, nor another artefact of the detector."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from analysis.checks.finding import Finding, Outcome, Value
from analysis.checks.light import Light
from analysis.checks.subject import Subject, band
from analysis.checks.surroundings import View
from analysis.checks.unexplained import Unexplained, unexplained
from analysis.forced import aperture_radius
from analysis.instruments import PA_SPIKES_STRONG, PA_SPIKES_WEAK
from analysis.starlight import star_flux

NAME: Final = "psf_or_cosmic_ray"
VERSION: Final = "1"
STAR_SHARE: Final = 0.5
ALONE_SHARE: Final = 0.6
ALONE_SNR: Final = 5.0
EXPECTED_SNR: Final = 5.0
"""Other frames testify only where a flat spectrum would show in them, taken together, at this S/N."""
SHARP_SNR: Final = 4.0
LINE_ARCSEC: Final = 0.2
"""Nearer to a predicted spike line than this, or than 1.5 PSF widths, counts as on it."""
SPIKE_REACH_ARCSEC: Final = 12.0
ALIGNED_DEG: Final = 20.0
ELONGATED: Final = 0.5
EMPTY_SHARE: Final = 0.25
LOW_WEIGHT: Final = 0.5
EDGE_PX: Final = 5.0
_CUTOUT_PX: Final = 50
_FULL_REACH_NJY: Final = 5.0e4


@dataclass(frozen=True, slots=True)
class Spike:
    """A predicted line: distance of the place from it, arcsec, from which star, in which direction.

    `pa` is degrees east of north as seen from the star; `east`, `north` the star's offset from the place.
    """

    distance: float
    pa: float
    east: float
    north: float
    along: float
    strong: bool
    frame: str


@dataclass(frozen=True, slots=True)
class Signs:
    """What may speak against a candidate: star light, light in one frame only, spikes, pixels, exposures."""

    star: float
    alone: Unexplained
    expected: float
    spikes: list[Spike]
    quality: dict[str, float]
    exposures: int


def check(subject: Subject) -> Finding:
    """Look for what speaks against light from the sky.

    Fails where a star's model explains half of the light; where a long source lies along a predicted spike;
    where the other frames, deep enough to show it, explain less than 40 per cent of its light by any mixture
    of what they have (`unexplained`), unless it may be a compact drop-out in the reddest band; where it is
    sharper than the PSF. It cannot pass on one frame or one exposure alone, at an edge, in low weight, or
    with a quarter of its surroundings empty.

    Parameters
    ----------
    subject : Subject
        With its views.

    Returns
    -------
    Finding
    """
    main = subject.main
    if main is None:
        return Finding(NAME, "inconclusive", "no frame covers it", "no frame has valid pixels at the place")
    shares = [_star_share(subject, i) for i in subject.covering]
    view = subject.views[main]
    signs = Signs(
        max(shares), _alone(subject, main), _expected(subject, main), nearest_spikes(subject, view),
        _quality(view), _exposures(subject),
    )  # fmt: skip
    outcome, number, reason = _judge(subject, main, signs)
    return Finding(
        NAME, outcome, number, reason, _values(subject, main, signs), _asked(subject),
        _rows(subject, shares), _figure(signs.spikes),
    )  # fmt: skip


def _values(subject: Subject, main: int, signs: Signs) -> tuple[Value, ...]:
    """Return everything that was measured, with what it is compared with."""
    lights = [subject.lights[i] for i in subject.covering]
    light, ours = subject.lights[main], "docs/checks.md"
    line = signs.spikes[0].distance if signs.spikes else math.nan
    return (
        Value("frames that show it at S/N 3", float(sum(one.seen for one in lights))),
        Value("frames that cover it", float(len(lights)), threshold="two or more"),
        Value("exposures that show it", float(signs.exposures) if signs.exposures >= 0 else "not recorded",
              threshold="two or more", source="CON"),
        Value("light that only its best frame has", signs.alone.share,
              threshold=f"below {ALONE_SHARE}", source=ours),
        Value("significance of that light", signs.alone.snr, "σ",
              threshold=f"below {ALONE_SNR:g}", source=ours),
        Value("S/N that a flat spectrum would have in the others", signs.expected,
              threshold=f"at least {EXPECTED_SNR:g}", source=ours),
        Value("sharpness in its best frame", light.sharpness, "of the PSF",
              threshold=f"at most {sharp_limit(light):.2f}", source=ours),
        Value("largest share of star light", signs.star, threshold=f"below {STAR_SHARE}", source=ours),
        Value("distance to the nearest predicted spike", line, "arcsec",
              threshold=f"beyond {LINE_ARCSEC} or 1.5 FWHM", source="jwst-docs: spike angles"),
        Value("weight over local median", signs.quality["weight"], threshold=f"at least {LOW_WEIGHT}"),
        Value("distance to an invalid pixel", signs.quality["edge"], "px", threshold=f"at least {EDGE_PX:g}"),
        Value("empty share of 50 px around", signs.quality["empty"], threshold=f"at most {EMPTY_SHARE}"),
    )  # fmt: skip


def sharp_limit(light: Light) -> float:
    """Return the sharpness beyond which a point source is excluded: 1.2, and 1.5 over its S/N for noise."""
    snr = light.core / light.core_error if light.core_error > 0 else math.nan
    return 1.2 + 1.5 / max(snr, 1.0) if math.isfinite(snr) else math.inf


def nearest_spikes(subject: Subject, view: View) -> list[Spike]:
    """Return the predicted spikes of bright stars near the place, the nearest line first.

    Six strong spikes of the hexagonal mirror and two weak ones of the vertical strut stand at fixed angles to
    PA_V3 (`analysis.instruments`), for every roll of the frame. A line reaches 12 arcsec for stars of 50 uJy
    and more, less in proportion to the root of the flux; the weak ones 0.4 of that (jwst-docs).
    """
    stars, place = subject.stars, subject.place
    if not len(stars.ra) or not view.rolls:
        return []
    cosine = math.cos(math.radians(place.dec))
    east = (stars.ra - place.ra) * cosine * 3600.0
    north = (stars.dec - place.dec) * 3600.0
    distance = np.hypot(east, north)
    found = []
    for k in np.flatnonzero((distance < SPIKE_REACH_ARCSEC) & (distance > 0.3)):
        flux = float(stars.flux[k])
        reach = SPIKE_REACH_ARCSEC * math.sqrt(min(max(flux, 0.0) / _FULL_REACH_NJY, 1.0))
        towards = math.degrees(math.atan2(-east[k], -north[k]))
        for roll in view.rolls:
            for angle in (*PA_SPIKES_STRONG, *PA_SPIKES_WEAK):
                strong = angle in PA_SPIKES_STRONG
                turn = (towards - roll - angle + 180.0) % 360.0 - 180.0
                along = distance[k] * math.cos(math.radians(turn))
                if along <= 0 or along > reach * (1.0 if strong else 0.4):
                    continue
                across = float(abs(distance[k] * math.sin(math.radians(turn))))
                pa = (roll + angle) % 360.0
                found.append(
                    Spike(across, pa, float(east[k]), float(north[k]), float(along), strong, view.facts.frame)
                )
    return sorted(found, key=lambda spike: (spike.distance, spike.pa))


def _star_share(subject: Subject, number: int) -> float:
    """Return the light of stars in the circle over the light there, 0..1; 0 without stars."""
    view, light = subject.views[number], subject.lights[number]
    stars = subject.stars
    if not len(stars.ra) or view.sky is None:
        return 0.0
    radius = aperture_radius(view.facts.fwhm, subject.reference) / view.scale
    near = np.hypot(
        (stars.ra - subject.place.ra) * math.cos(math.radians(subject.place.dec)),
        stars.dec - subject.place.dec,
    ) < 7.0 / 3600.0  # fmt: skip
    if not near.any():
        return 0.0
    pixels = view.frame.pixel(stars.ra[near], stars.dec[near])
    found = star_flux(view.frame, view.sky, pixels, np.array([view.x]), np.array([view.y]), radius)
    floor = max(light.core, light.core_error)
    return float(np.clip(found[0] * view.to_unit / floor, 0.0, 1.0)) if floor > 0 else 0.0


def _alone(subject: Subject, main: int) -> Unexplained:
    """Return what of the best frame's light the others do not explain."""
    others = [subject.lights[i] for i in subject.covering if i != main]
    return unexplained(subject.lights[main], others)


def _expected(subject: Subject, main: int) -> float:
    """Return the S/N of a flat spectrum in all other frames together; NaN where fluxes do not compare."""
    errors = [subject.lights[i].error for i in subject.covering if i != main]
    if not errors or not subject.one_unit:
        return math.nan
    return subject.lights[main].flux * math.sqrt(sum(1.0 / e**2 for e in errors if e > 0))


def _may_be_dropout(subject: Subject, main: int) -> bool:
    """Tell whether it is seen in the reddest band only and as compact as far galaxies are."""
    reddest = subject.views[max(subject.covering)].facts
    facts = subject.views[main].facts
    sharp = subject.lights[main].sharpness
    same = [i for i in subject.covering if band(subject.views[i]) == band(subject.views[main])]
    return (
        (facts.instrument, facts.filter) == (reddest.instrument, reddest.filter)
        and 0.45 < sharp <= sharp_limit(subject.lights[main])
        and all(subject.lights[i].seen for i in same)
    )


def _quality(view: View) -> dict[str, float]:
    """Return weight over the local median, distance to invalid pixels and the empty share of 50 px around."""
    window = view.window
    assert window is not None
    row, column = round(view.row), round(view.column)
    half = _CUTOUT_PX // 2
    box = np.s_[max(row - half, 0) : row + half + 1, max(column - half, 0) : column + half + 1]
    outside = window.outside
    beyond = 1.0 - outside[box].size / float((2 * half + 1) ** 2)
    empty = beyond + (1.0 - beyond) * float(outside[box].mean())
    edge = float(min(row + window.y0, column + window.x0, view.frame.shape[0] - 1 - row - window.y0,
                     view.frame.shape[1] - 1 - column - window.x0))  # fmt: skip
    if outside.any():
        rows, columns = np.nonzero(outside)
        edge = min(edge, float(np.hypot(rows - row, columns - column).min()))
    weight = math.nan
    if window.weight is not None and (~outside).any():
        middle = float(np.median(window.weight[~outside]))
        local = float(np.median(window.weight[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]))
        weight = local / middle if middle > 0 and math.isfinite(local) else math.nan
    return {"weight": weight, "edge": edge, "empty": empty}


def _exposures(subject: Subject) -> int:
    """Return how many exposures show it, over all frames that do; -1 where no frame records them."""
    counts = [subject.views[i].exposures.count for i in subject.covering if subject.lights[i].seen]
    known = [count for count in counts if count >= 0]
    return sum(known) if known and len(known) == len(counts) else -1


def _aligned(subject: Subject, spike: Spike) -> bool:
    """Tell whether the source is long and lies along a spike."""
    place = subject.place
    main = subject.main
    if main is None or not place.ellipticity >= ELONGATED or not math.isfinite(place.theta_deg):
        return False
    view = subject.views[main]
    angle = math.radians(place.theta_deg)
    ra, dec = view.frame.sky(
        np.array([view.x, view.x + 10 * math.cos(angle)]), np.array([view.y, view.y + 10 * math.sin(angle)])
    )
    pa = math.degrees(math.atan2((ra[1] - ra[0]) * math.cos(math.radians(dec[0])), dec[1] - dec[0]))
    return abs((pa - spike.pa + 90.0) % 180.0 - 90.0) <= ALIGNED_DEG


def _judge(subject: Subject, main: int, signs: Signs) -> tuple[Outcome, str, str]:
    """Return outcome, deciding number and reason."""
    lights = [subject.lights[i] for i in subject.covering]
    seen, light = sum(one.seen for one in lights), subject.lights[main]
    frames = f"in {seen} of {len(lights)} frames"
    on_line = bool(signs.spikes) and signs.spikes[0].distance <= max(
        LINE_ARCSEC, 1.5 * subject.views[main].facts.fwhm
    )
    if signs.star >= STAR_SHARE:
        return "fail", f"{signs.star:.0%} star light", "a bright star's wings or spikes explain the light"
    if on_line and _aligned(subject, signs.spikes[0]):
        return "fail", f"{signs.spikes[0].distance:.2f}″ from a spike", "long, and along a predicted spike"
    core_snr = light.core / light.core_error if light.core_error > 0 else 0.0
    if light.sharpness > sharp_limit(light) and core_snr >= SHARP_SNR:
        number = f"sharpness {light.sharpness:.2f} × PSF"
        return "fail", number, "sharper than a point source can be: a hot pixel or a cosmic ray"
    alone = (
        signs.alone.share >= ALONE_SHARE and signs.alone.snr >= ALONE_SNR and signs.expected >= EXPECTED_SNR
    )
    if alone and not _may_be_dropout(subject, main):
        number = f"{signs.alone.share:.0%} in one frame only"
        return "fail", number, "the other frames are deep enough to show it and do not"
    doubts = _doubts(subject, signs, on_line=on_line, seen=seen)
    if alone:
        doubts.insert(0, ("reddest band only", "in the reddest band only: a drop-out or an artefact"))
    if doubts:
        return "inconclusive", doubts[0][0], "; ".join(reason for _, reason in doubts)
    return "pass", frames, f"{frames}, sharpness {light.sharpness:.2f} × PSF; no sign of an artefact"


def _doubts(subject: Subject, signs: Signs, *, on_line: bool, seen: int) -> list[tuple[str, str]]:
    """Return what keeps the check from passing: a number and a reason each."""
    covering, quality = len(subject.covering), signs.quality
    found = []
    if covering == 1:
        found.append(("1 frame", "one frame alone covers it: what is in one frame only cannot be told"))
    elif seen <= 1:
        found.append((f"in {seen} of {covering} frames", "in one frame only; the others are not deep enough"))
    if signs.exposures == 1:
        found.append(("1 exposure", "one exposure shows it: a cosmic ray cannot be ruled out"))
    if on_line:
        found.append(("on a spike line", "on a predicted spike, but not shaped like one"))
    if quality["edge"] < EDGE_PX:
        found.append((f"{quality['edge']:.0f} px to an edge", "next to pixels without a value"))
    if quality["weight"] < LOW_WEIGHT:
        found.append((f"weight {quality['weight']:.2f}", "in low weight"))
    if quality["empty"] > EMPTY_SHARE:
        found.append((f"{quality['empty']:.0%} empty", "much of its surroundings is empty"))
    return found


def _asked(subject: Subject) -> tuple[str, ...]:
    """Return what was looked at."""
    lines = [f"{len(subject.stars.ra)} bright stars of the field, spikes to {SPIKE_REACH_ARCSEC:g}″"]
    for view in subject.views:
        if view.covers and not view.rolls:
            lines.append(f"{view.facts.frame}: roll angle not recorded, no spikes predicted")
        if view.covers and view.exposures.count < 0:
            lines.append(f"{view.facts.frame}: no CON plane, exposures not known")
    return tuple(lines)


def _rows(subject: Subject, shares: list[float]) -> tuple[tuple[str, ...], ...]:
    """Return one row for each frame that covers the place."""
    head = ("frame", "band", "S/N", "sharpness", "star light", "exposures", "epochs", "rolls")
    rows: list[tuple[str, ...]] = [head]
    for i, share in zip(subject.covering, shares, strict=True):
        view, light = subject.views[i], subject.lights[i]
        e = view.exposures
        rows.append(
            (
                view.facts.frame, band(view), f"{light.snr:.1f}", f"{light.sharpness:.2f}", f"{share:.0%}",
                *("not recorded" if n < 0 else str(n) for n in (e.count, e.epochs, e.rolls)),
            )
        )  # fmt: skip
    return tuple(rows)


def _figure(spikes: list[Spike]) -> dict[str, Any]:
    """Return the lines to draw over the cutout: star offsets and directions, arcsec and degrees."""
    lines = [[s.east, s.north, s.pa, s.along, s.strong] for s in spikes[:12]]
    return {"kind": "spikes", "lines": lines}
