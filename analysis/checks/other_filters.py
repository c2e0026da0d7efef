"""Check 1: whether it is there in other filters and at other times, at the same place."""

import math
from itertools import combinations
from typing import Any, Final

from analysis.checks.finding import Finding, Outcome, Value
from analysis.checks.light import LEAST_OFFSET_ARCSEC, SEEN_SNR, Light, depth_words, magnitude
from analysis.checks.subject import Subject, band
from analysis.checks.surroundings import View
from analysis.instruments import wavelength_um

NAME: Final = "other_filters"
VERSION: Final = "2"
EXPECTED_SNR: Final = 5.0
CHANGED_SIGMAS: Final = 5.0
EPOCH_FLOOR: Final = 0.03
"""Share of its flux by which two epochs may differ without a cause on the sky."""
MOVED_SIGMAS: Final = 5.0
_MAG: Final = 2.5 / math.log(10)

MATCHED, NOT_DETECTED, OUTSIDE, GAP = "matched", "not detected", "outside the footprint", "gap or no weight"
"""What a frame can say of a place; four words, never mixed."""


def check(subject: Subject) -> Finding:
    """Measure the light at the place in every frame, and compare bands and epochs.

    A frame is *matched* where forced S/N is 3 or more and the centroid lies within the largest of 0.1 arcsec,
    three sigmas and half the half-light radius. Passes with two matched bands, or two matched frames of one
    band. Fails where only one frame is matched though another would show a flat spectrum at S/N 5.
    Inconclusive where no other frame covers it, or none is deep enough.

    Parameters
    ----------
    subject : Subject
        With its views.

    Returns
    -------
    Finding
    """
    states = [state_of(subject, i) for i in range(len(subject.views))]
    matched = [i for i, state in enumerate(states) if state == MATCHED]
    bands = list(dict.fromkeys(band(subject.views[i]) for i in matched))
    covering = list(dict.fromkeys(band(subject.views[i]) for i in subject.covering))
    outcome, reason = _judge(subject, matched, bands, states)
    if len(bands) == 1 and len(matched) > 1:
        number = f"{len(matched)} frames of one band"
    else:
        number = f"{len(bands)} of {len(covering)} bands"
    changes = _changes(subject, matched)
    notes = [words for words, significant in changes if significant]
    return Finding(
        NAME, outcome, number, "; ".join([reason, *notes]),
        _values(subject, matched, bands, covering), _asked(subject, states), _rows(subject, states, changes),
        _figure(subject, states),
    )  # fmt: skip


def state_of(subject: Subject, number: int) -> str:
    """Return what a frame says of the place, in one of the four words."""
    view, light = subject.views[number], subject.lights[number]
    if not view.inside:
        return OUTSIDE
    if not light.covered:
        return GAP
    return MATCHED if light.seen and light.offset <= tolerance(subject, light) else NOT_DETECTED


def tolerance(subject: Subject, light: Light) -> float:
    """Return how far a centroid may be away, arcsec."""
    return max(
        LEAST_OFFSET_ARCSEC,
        3 * light.offset_error if math.isfinite(light.offset_error) else 0.0,
        0.5 * subject.place.r50_arcsec if math.isfinite(subject.place.r50_arcsec) else 0.0,
    )


def _judge(subject: Subject, matched: list[int], bands: list[str], states: list[str]) -> tuple[Outcome, str]:
    """Return outcome and reason."""
    if len(bands) >= 2:
        return "pass", f"matched in {', '.join(bands)}"
    if len(matched) >= 2:
        return "pass", f"matched in {len(matched)} frames of {bands[0]}; no other band shows it"
    if not subject.covering:
        return "inconclusive", "no frame has valid pixels at the place"
    if len(subject.covering) == 1:
        return "inconclusive", "no other frame covers it"
    if not subject.one_unit:
        return "inconclusive", "fluxes of these frames have no common unit: depths do not compare"
    source = matched[0] if matched else subject.main
    assert source is not None
    flux = subject.lights[source].flux
    deep = [
        i
        for i in subject.covering
        if i != source
        and states[i] == NOT_DETECTED
        and not subject.lights[i].seen
        and subject.lights[i].error > 0
        and flux / subject.lights[i].error >= EXPECTED_SNR
    ]
    if not matched and not math.isfinite(flux):
        return "inconclusive", "its light could not be measured"
    if deep:
        view = subject.views[deep[0]]
        depth = depth_words(subject.lights[deep[0]], view.facts.flux_unit)
        return (
            "fail",
            f"not detected in {band(view)} to {depth}, where a flat spectrum would be S/N 5 or more",
        )
    away = [i for i in subject.covering if states[i] == NOT_DETECTED and subject.lights[i].seen]
    if away:
        return (
            "inconclusive",
            f"light in {len(away)} frames, but its centre is elsewhere than the candidate's",
        )
    return "inconclusive", "the other frames that cover it are not deep enough to show it"


def colour(view: View, light: Light, reference: View, other: Light) -> tuple[float, float]:
    """Return magnitude minus that in a reference frame, AB, and its error; NaN where either has no light."""
    if view.facts.flux_unit != reference.facts.flux_unit or not (light.flux > 0 and other.flux > 0):
        return math.nan, math.nan
    error = _MAG * math.hypot(light.error / light.flux, other.error / other.flux)
    return -2.5 * math.log10(light.flux / other.flux), error


def _changes(subject: Subject, matched: list[int]) -> list[tuple[str, bool]]:
    """Compare frames of one band that both cover it: brightness and place; words, and whether they matter."""
    found = []
    for i, j in combinations(subject.covering, 2):
        one, two = subject.views[i], subject.views[j]
        if band(one) != band(two) or one.facts.flux_unit != two.facts.flux_unit:
            continue
        a, b = subject.lights[i], subject.lights[j]
        floor = EPOCH_FLOOR * max(abs(a.flux), abs(b.flux))
        sigmas = abs(a.flux - b.flux) / math.sqrt(a.error**2 + b.error**2 + floor**2)
        days = abs(two.facts.mjd - one.facts.mjd)
        if a.flux > 0 and b.flux > 0:
            size = f"Δm {-2.5 * math.log10(b.flux / a.flux):+.2f}"
        else:
            size = f"Δflux {b.flux - a.flux:+.3g} {one.facts.flux_unit}"
        words = f"{band(one)}, {days:.1f} d apart: {size} ({sigmas:.1f}σ)"
        found.append((("changed in " if sigmas >= CHANGED_SIGMAS else "") + words, sigmas >= CHANGED_SIGMAS))
        if i in matched and j in matched:
            shift = math.hypot(a.east - b.east, a.north - b.north)
            error = math.hypot(a.offset_error, b.offset_error)
            moved = shift >= max(MOVED_SIGMAS * error, LEAST_OFFSET_ARCSEC)
            words = f"shift {shift:.3f} ± {error:.3f}″ in {days:.1f} d"
            found.append((("moved: " if moved else "") + words, moved))
    return found


def _values(subject: Subject, matched: list[int], bands: list[str], covering: list[str]) -> tuple[Value, ...]:
    """Return the counts and thresholds behind the outcome."""
    offsets = [subject.lights[i].offset for i in matched]
    return (
        Value("bands that show it", float(len(bands)), threshold="two, or two frames of one band"),
        Value("bands that cover it", float(len(covering))),
        Value("frames that show it", float(len(matched)), threshold=f"S/N {SEEN_SNR:g} and at the place"),
        Value("frames that cover it", float(len(subject.covering))),
        Value("largest offset where matched", max(offsets, default=math.nan), "arcsec",
              threshold=f"{LEAST_OFFSET_ARCSEC} arcsec, 3 σ or half of r50, the largest"),
        Value("PSF width the frames were matched to", subject.reference, "arcsec"),
    )  # fmt: skip


def _asked(subject: Subject, states: list[str]) -> tuple[str, ...]:
    """Return how many frames said what."""
    words = (MATCHED, NOT_DETECTED, OUTSIDE, GAP)
    counts = ", ".join(f"{states.count(word)} {word}" for word in words if word in states)
    return (f"{len(subject.views)} frames of the project: {counts}",)


def _rows(
    subject: Subject, states: list[str], changes: list[tuple[str, bool]]
) -> tuple[tuple[str, ...], ...]:
    """Return a row for every frame, and one for each pair of epochs."""
    rows: list[tuple[str, ...]] = [
        (
            "band",
            "what it says",
            "flux",
            "S/N",
            "mag or limit AB",
            "offset ″",
            "colour to best",
            "MJD",
            "frame",
        )
    ]
    best = subject.best
    for i, (view, light, state) in enumerate(zip(subject.views, subject.lights, states, strict=True)):
        unit = view.facts.flux_unit
        if not light.covered:
            rows.append(
                (band(view), state, "–", "–", "–", "–", "–", f"{view.facts.mjd:.2f}", view.facts.frame)
            )
            continue
        words = state if state == MATCHED else f"{state} to depth {depth_words(light, unit)}"
        if state == NOT_DETECTED and light.seen:
            words = f"{state} at the place: light {light.offset:.2f}″ away"
        mag = magnitude(light.flux, unit)
        shade, error = math.nan, math.nan
        if best is not None and i != best:
            shade, error = colour(view, light, subject.views[best], subject.lights[best])
        rows.append(
            (
                band(view), words, f"{light.flux:.4g} ± {light.error:.2g} {unit}", f"{light.snr:.1f}",
                f"{mag:.2f}" if light.seen and math.isfinite(mag) else f"> {depth_words(light, unit)}",
                f"{light.offset:.3f} ± {light.offset_error:.3f}" if light.seen else "–",
                f"{shade:+.2f} ± {error:.2f}" if light.seen and math.isfinite(shade) else "–",
                f"{view.facts.mjd:.2f}", view.facts.frame,
            )
        )  # fmt: skip
    return (*rows, *((words,) for words, _ in changes))


def _figure(subject: Subject, states: list[str]) -> dict[str, Any]:
    """Return the fluxes over wavelength."""
    points = [
        [wavelength_um(v.facts.instrument, v.facts.filter), light.flux, light.error, state]
        for v, light, state in zip(subject.views, subject.lights, states, strict=True)
        if light.covered
    ]
    unit = subject.views[subject.covering[0]].facts.flux_unit if subject.covering else ""
    return {"kind": "spectrum", "points": points, "unit": unit}
