"""Check 3: neither a spike of a bright star, nor a cosmic ray, nor another artefact of the detector."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from analysis.checks.finding import Finding, Outcome, Value
from analysis.checks.light import Light
from analysis.checks.spikes import SPIKE_REACH_ARCSEC, Spike, aligned, nearest_spikes
from analysis.checks.subject import Subject, band
from analysis.checks.surroundings import View
from analysis.checks.through_psf import Misfit, misfit
from analysis.checks.unexplained import Unexplained, unexplained
from analysis.forced import aperture_radius
from analysis.starlight import star_flux

NAME: Final = "psf_or_cosmic_ray"
VERSION: Final = "2"
STAR_SHARE: Final = 0.5
ALONE_SHARE: Final = 0.6
ALONE_SNR: Final = 5.0
PATCH_SHARE: Final = 0.75
PATCH_SNR: Final = 10.0
PATCH_LEAST: Final = 0.25
"""A spot that only one frame has counts where it is no less than this part of all the light."""
CHANGE_SNR: Final = 8.0
CHANGE_SHARE: Final = 0.5
MISFIT_CHI2: Final = 60.0
MISFIT_SHARE: Final = 0.25
EXPECTED_SNR: Final = 5.0
"""Other frames testify only where a flat spectrum would show in them, taken together, at this S/N."""
SHARP_SNR: Final = 4.0
LINE_ARCSEC: Final = 0.2
"""Nearer to a predicted spike line than this, or than 1.5 PSF widths, counts as on it."""
EMPTY_SHARE: Final = 0.25
LOW_WEIGHT: Final = 0.5
EDGE_PX: Final = 10.0
FARTHEST_EDGE_PX: Final = 60.0
_CUTOUT_PX: Final = 50


@dataclass(frozen=True, slots=True)
class Signs:
    """What may speak against a candidate: star light, light in one frame only, spikes, pixels, exposures.

    `misfit` is what no sky can make through the PSF; `change` the share of its light that another frame of
    the same band lacks, and how many sigmas that is.
    """

    star: float
    alone: Unexplained
    expected: float
    misfit: Misfit
    change: tuple[float, float]
    spikes: list[Spike]
    quality: dict[str, float]
    exposures: int


def check(subject: Subject) -> Finding:
    """Look for what speaks against light from the sky.

    Fails where a star's model explains half of the light in its best frame; where a long source lies along a
    predicted spike; where the other frames, deep enough to show it, explain less than 40 per cent of its
    light by any mixture of what they have, or nothing of a bright spot of it (`unexplained`), unless it may
    be a compact drop-out in the reddest band; where another frame of the same band has less than half of its
    light, unless it is compact and may have changed; where it is sharper than the PSF, or has pixels that no
    sky can make through the PSF (`through_psf`). It cannot pass on one frame or one exposure alone, where its
    light reaches pixels without a value, in low weight, or with a quarter of its surroundings empty.

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
        shares[subject.covering.index(main)], _alone(subject, main), _expected(subject, main), misfit(view),
        _change(subject, main), nearest_spikes(subject, view), _quality(view), _exposures(subject),
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
              threshold=f"fails from {ALONE_SHARE} on, at {ALONE_SNR:g} σ", source=ours),
        Value("significance of that light", signs.alone.snr, "σ"),
        Value("share of its brightest spot of such light", signs.alone.patch,
              threshold=f"fails from {PATCH_SHARE} on, at {PATCH_SNR:g} σ", source=ours),
        Value("significance of that spot", signs.alone.patch_snr, "σ"),
        Value("S/N that a flat spectrum would have in the others", signs.expected,
              threshold=f"from {EXPECTED_SNR:g} on they testify", source=ours),
        Value("light that another frame of the same band lacks", signs.change[0],
              threshold=f"fails above {CHANGE_SHARE}, at {CHANGE_SNR:g} σ", source=ours),
        Value("significance of that difference", signs.change[1], "σ"),
        Value("χ² of 25 pixels after the best sky through the PSF", signs.misfit.chi2,
              threshold=f"fails above {MISFIT_CHI2:g} with the share below", source="Lawson & Hanson 1974"),
        Value("light of those pixels that no sky explains", signs.misfit.share,
              threshold=f"fails above {MISFIT_SHARE}", source=ours),
        Value("sharpness in its best frame", light.sharpness, "of the PSF",
              threshold=f"at most {sharp_limit(light):.2f}", source=ours),
        Value("star light in its best frame", signs.star, threshold=f"below {STAR_SHARE}", source=ours),
        Value("distance to the nearest predicted spike", line, "arcsec",
              threshold=f"beyond {LINE_ARCSEC} or 1.5 FWHM", source="jwst-docs: spike angles"),
        Value("weight over local median", signs.quality["weight"], threshold=f"at least {LOW_WEIGHT}"),
        Value("distance to an invalid pixel", signs.quality["edge"], "px",
              threshold=f"at least {edge_limit(subject, main):.0f}"),
        Value("empty share of 50 px around", signs.quality["empty"], threshold=f"at most {EMPTY_SHARE}"),
    )  # fmt: skip


def sharp_limit(light: Light) -> float:
    """Return the sharpness beyond which a point source is excluded: 1.2, and 1.5 over its S/N for noise."""
    snr = light.core / light.core_error if light.core_error > 0 else math.nan
    return 1.2 + 1.5 / max(snr, 1.0) if math.isfinite(snr) else math.inf


def edge_limit(subject: Subject, main: int) -> float:
    """Return how far pixels without a value must be: 10 px, or the Kron radius up to 60 px."""
    kron = subject.place.r_kron_arcsec / subject.views[main].scale
    return max(EDGE_PX, min(kron, FARTHEST_EDGE_PX)) if math.isfinite(kron) else EDGE_PX


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


def _change(subject: Subject, main: int) -> tuple[float, float]:
    """Return the share of its light that another frame of the same band lacks, and its sigmas; NaN: none."""
    light = subject.lights[main]
    others = [subject.lights[i] for i in _same_band(subject, main) if i != main]
    if not others or not light.flux > 0:
        return math.nan, math.nan
    missing = [
        ((light.flux - one.flux) / light.flux, (light.flux - one.flux) / math.hypot(light.error, one.error))
        for one in others
    ]
    return max(missing, key=lambda pair: pair[1])


def _same_band(subject: Subject, main: int) -> list[int]:
    """Return the frames of the main one's band that cover the place, itself among them."""
    return [i for i in subject.covering if band(subject.views[i]) == band(subject.views[main])]


def _compact(light: Light) -> bool:
    """Tell whether it is as compact as a star, a transient or a far galaxy is, and no sharper."""
    return 0.45 < light.sharpness <= sharp_limit(light)


def _may_be_dropout(subject: Subject, main: int) -> bool:
    """Tell whether it is seen in the reddest band only and as compact as far galaxies are."""
    reddest = subject.views[max(subject.covering)]
    return (
        band(subject.views[main]) == band(reddest)
        and _compact(subject.lights[main])
        and all(subject.lights[i].seen for i in _same_band(subject, main))
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
    if on_line and aligned(subject, signs.spikes[0]):
        return "fail", f"{signs.spikes[0].distance:.2f}″ from a spike", "long, and along a predicted spike"
    if sharp := _sharper(light, signs.misfit):
        return "fail", sharp, "sharper than the PSF lets anything on the sky be: a hot pixel or a cosmic ray"
    changed = signs.change[0] > CHANGE_SHARE and signs.change[1] >= CHANGE_SNR
    if changed and not _compact(light):
        number = f"{min(signs.change[0], 1.0):.0%} gone at another time"
        return "fail", number, "another frame of the same band does not show it, and it is not compact"
    alone = _only_here(signs)
    if alone and not _may_be_dropout(subject, main):
        return "fail", alone, "the other frames are deep enough to show it and do not"
    doubts = _doubts(subject, signs, on_line=on_line, seen=seen)
    if changed:
        number = f"{min(signs.change[0], 1.0):.0%} gone at another time"
        doubts.insert(
            0, (number, "compact, and fainter at another time: something that changed, or an artefact")
        )
    if alone:
        doubts.insert(0, ("reddest band only", "in the reddest band only: a drop-out or an artefact"))
    if doubts:
        return "inconclusive", doubts[0][0], "; ".join(reason for _, reason in doubts)
    return "pass", frames, f"{frames}, sharpness {light.sharpness:.2f} × PSF; no sign of an artefact"


def _sharper(light: Light, found: Misfit) -> str:
    """Return the number that says how its light is sharper than the PSF; "" where it is not."""
    core_snr = light.core / light.core_error if light.core_error > 0 else 0.0
    if light.sharpness > sharp_limit(light) and core_snr >= SHARP_SNR:
        return f"sharpness {light.sharpness:.2f} × PSF"
    if found.chi2 > MISFIT_CHI2 and found.share > MISFIT_SHARE:
        return f"{found.share:.0%} sharper than the PSF"
    return ""


def _only_here(signs: Signs) -> str:
    """Return the number that says how much only one frame has; "" where the others explain its light."""
    alone = signs.alone
    if not signs.expected >= EXPECTED_SNR or not alone.snr >= ALONE_SNR:
        return ""
    if alone.share >= ALONE_SHARE:
        return f"{alone.share:.0%} in one frame only"
    spot = alone.patch >= PATCH_SHARE and alone.patch_snr >= PATCH_SNR
    return f"a spot of {alone.share:.0%} in one frame only" if spot and alone.share >= PATCH_LEAST else ""


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
    if subject.main is not None and quality["edge"] < edge_limit(subject, subject.main):
        found.append((f"{quality['edge']:.0f} px to an edge", "its light reaches pixels without a value"))
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
