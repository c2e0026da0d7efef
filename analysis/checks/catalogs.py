"""Check 2: whether it is a known object; a service that gave no answer is never taken for "no match"."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from analysis.astrometry import Offset
from analysis.catalog_entries import NO_ANSWER, NOT_QUERIED, OK, TRUNCATED, Answer, Entry, chance, moved
from analysis.checks.finding import Finding, Outcome, Value
from analysis.checks.redshift import SpectralRedshift, compared
from analysis.checks.subject import Place

NAME: Final = "catalogs"
VERSION: Final = "1"
POINTING_ARCSEC: Final = 0.1
"""JWST's absolute pointing, 1 sigma radial (jwst-docs), where the frame was not measured against Gaia."""
LIKELY: Final = 0.05
LARGEST_HOST_ARCSEC: Final = 3.0
LEAST_SEPARATION_ARCSEC: Final = 0.05


@dataclass(frozen=True)
class Asked:
    """What one service said, how wide it was searched and whether a match there names the object."""

    answer: Answer
    radius_arcsec: float
    why: str
    identifies: bool
    hosts: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """One entry near the candidate: how far, within what radius, and how likely by chance."""

    service: str
    entry: Entry
    separation: float
    radius: float
    chance: float
    identifies: bool
    release: str
    asked_at: str


def check(
    place: Place,
    asked: Sequence[Asked],
    offset: Offset,
    year: float,
    measured: SpectralRedshift | None = None,
) -> Finding:
    """Compare a candidate with what services answered.

    Fails where an entry that names objects lies within the radius with a chance probability below 5 per cent.
    Passes where every service answered wholly and none has such an entry. Inconclusive where a service gave
    no answer or a truncated one, or where only unlikely matches are near. Not run where none was asked.

    Parameters
    ----------
    place : Place
        The candidate.
    asked : sequence of Asked
        Every service there is, asked or not.
    offset : Offset
        Of the frame against Gaia; taken off the place where it was measured.
    year : float
        Julian year of the frame, to which entries with a proper motion are moved.
    measured : SpectralRedshift or None
        The redshift of the candidate's best spectrum: where a match gives one too, they are compared.

    Returns
    -------
    Finding
    """
    ra, dec, sigma = corrected(place, offset)
    matches = [match for one in asked for match in matches_of(one, place, ra, dec, sigma, year)]
    matches.sort(key=lambda m: (not m.identifies, m.chance, m.separation))
    outcome, number, reason = _judge(asked, matches)
    nearest = matches[0] if matches else None
    values = (
        Value("services that answered", float(sum(a.answer.state == OK for a in asked)), f"of {len(asked)}"),
        Value("matches within the radius", float(len(matches))),
        Value("separation of the likeliest match", nearest.separation if nearest else math.nan, "arcsec",
              threshold="the service's radius"),
        Value("its chance probability", nearest.chance if nearest else math.nan,
              threshold=f"below {LIKELY} is a match", source="Downes et al. 1986"),
        Value("offset of the frame from Gaia", offset.words(), source="taken off before matching"
              if offset.measured else "pointing of 0.1 arcsec assumed"),
        Value("error of the place", sigma, "arcsec"),
    )  # fmt: skip
    finding = Finding(
        NAME, outcome, number, reason, values, tuple(said(one) for one in asked), _rows(matches),
        _figure(matches, ra, dec, year),
    )  # fmt: skip
    return finding if measured is None else compared(finding, matches, measured, LIKELY)


def corrected(place: Place, offset: Offset) -> tuple[float, float, float]:
    """Return the place with the frame's offset taken off, ICRS degrees, and its error, arcsec."""
    if not offset.measured:
        return place.ra, place.dec, POINTING_ARCSEC
    cosine = max(math.cos(math.radians(place.dec)), 1e-9)
    return (
        place.ra - offset.east / 3600.0 / cosine,
        place.dec - offset.north / 3600.0,
        math.hypot(offset.error, 0.02),
    )


def matches_of(asked: Asked, place: Place, ra: float, dec: float, sigma: float, year: float) -> list[Match]:
    """Return the entries of one answer within its radius, three sigmas or the host's size, the largest."""
    found = []
    circle = math.isfinite(asked.answer.radius_deg)
    density = asked.answer.density_per_arcsec2() if circle else _own_density(asked.answer)
    cosine = math.cos(math.radians(dec))
    widest = max(asked.radius_arcsec, LARGEST_HOST_ARCSEC) / 3600.0 * 4
    for entry in asked.answer.entries:
        if abs(entry.dec - dec) > widest + 0.01:
            continue
        at_ra, at_dec, drift = moved(entry, year)
        east = ((at_ra - ra + 180.0) % 360.0 - 180.0) * cosine * 3600.0
        separation = math.hypot(east, (at_dec - dec) * 3600.0)
        known = entry.error_arcsec if math.isfinite(entry.error_arcsec) else 0.0
        radius = max(asked.radius_arcsec, min(3 * math.hypot(sigma, known, drift), LARGEST_HOST_ARCSEC))
        if asked.hosts and math.isfinite(place.r_kron_arcsec):
            radius = max(radius, min(place.r_kron_arcsec, LARGEST_HOST_ARCSEC))
        if separation <= radius:
            near = max(separation, LEAST_SEPARATION_ARCSEC)
            found.append(
                Match(
                    asked.answer.service, entry, separation, radius,
                    chance(near, density),
                    asked.identifies, asked.answer.release, asked.answer.asked_at,
                )
            )  # fmt: skip
    return found


def _own_density(answer: Answer) -> float:
    """Return the density of a catalogue without a circle: its entries over the box that holds them."""
    ras, decs = [e.ra for e in answer.entries], [e.dec for e in answer.entries]
    if len(answer.entries) < 2:
        return 0.0
    middle = math.cos(math.radians(sum(decs) / len(decs)))
    area = max((max(ras) - min(ras)) * middle, 1 / 3600.0) * max(max(decs) - min(decs), 1 / 3600.0)
    return len(answer.entries) / (area * 3600.0**2)


def said(asked: Asked) -> str:
    """Say what became of one question, in words that cannot be taken for each other."""
    a = asked.answer
    where = f"{a.service} ({a.release})" if a.release else a.service
    if a.state == NOT_QUERIED:
        return f"{where}: not queried: {a.reason}"
    if a.state == NO_ANSWER:
        return f"{where}: no answer: {a.reason}"
    when = f"asked {a.asked_at}"
    count = f"{len(a.entries)} entries around"
    if a.state == TRUNCATED:
        return f"{where}: truncated: {a.reason}; {when}"
    none = "; none at all: perhaps outside of what it covers" if not a.entries else ""
    return f"{where}: searched {asked.radius_arcsec:g}″ or more ({asked.why}), {count}{none}; {when}"


def _judge(asked: Sequence[Asked], matches: list[Match]) -> tuple[Outcome, str, str]:
    """Return outcome, deciding number and reason."""
    queried = [one for one in asked if one.answer.state != NOT_QUERIED]
    silent = [one.answer.service for one in asked if one.answer.state == NO_ANSWER]
    short = [one.answer.service for one in asked if one.answer.state == TRUNCATED]
    likely = [m for m in matches if m.identifies and m.chance < LIKELY]
    if likely:
        first = likely[0]
        kind = f" ({first.entry.type})" if first.entry.type else ""
        number = f"{first.entry.name} at {first.separation:.2f}″"
        return "fail", number, f"known to {first.service}{kind}; chance probability {first.chance:.2g}"
    if not queried:
        reason = asked[0].answer.reason if asked else "no service is configured"
        return "not run", "not queried", f"no catalogue was queried: {reason}"
    answered = f"{len(queried) - len(silent) - len(short)} of {len(queried)} answered"
    if silent or short:
        words = [f"no answer from {', '.join(dict.fromkeys(silent))}"] if silent else []
        words += [f"truncated answer of {', '.join(dict.fromkeys(short))}"] if short else []
        return "inconclusive", answered, "; ".join(words)
    unlikely = [m for m in matches if m.identifies]
    if unlikely:
        first = unlikely[0]
        number = f"P chance {first.chance:.2f}"
        return "inconclusive", number, f"{first.entry.name} is near, but may be so by chance"
    listed = f"; listed by {matches[0].service} as {matches[0].entry.name}" if matches else ""
    return "pass", answered, f"no match within the radius in any of them{listed}"


def _rows(matches: list[Match]) -> tuple[tuple[str, ...], ...]:
    """Return a row for each match."""
    rows: list[tuple[str, ...]] = [
        ("service", "object", "type", "separation ″", "radius ″", "P chance", "mag", "z", "release", "asked")
    ]
    for m in matches[:12]:
        mag = f"{m.entry.magnitude:.2f} {m.entry.band}" if math.isfinite(m.entry.magnitude) else "–"
        z = f"{m.entry.redshift:.4f}" if math.isfinite(m.entry.redshift) else "–"
        rows.append(
            (
                m.service, m.entry.name, m.entry.type or "–", f"{m.separation:.3f}", f"{m.radius:.2f}",
                f"{m.chance:.2g}", mag, z, m.release, m.asked_at,
            )
        )  # fmt: skip
    return tuple(rows)


def _figure(matches: list[Match], ra: float, dec: float, year: float) -> dict[str, Any]:
    """Return the offsets of the matches, arcsec east and north."""
    points = []
    for m in matches[:12]:
        at_ra, at_dec, _ = moved(m.entry, year)
        east = ((at_ra - ra + 180.0) % 360.0 - 180.0) * math.cos(math.radians(dec)) * 3600.0
        points.append([east, (at_dec - dec) * 3600.0, m.entry.name])
    return {"kind": "offsets", "points": points}
