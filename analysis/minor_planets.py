"""Solar-system objects as JWST saw them: asked of JPL with the telescope's own place, not the Earth's.

At 2 au the direction differs by 0.29 degrees between JWST and the Earth: a question from the Earth's centre
would answer for another piece of sky.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

from analysis.catalog_entries import NO_ANSWER, NOT_QUERIED, OK, Answer, Entry
from analysis.tap import Client, NoAnswer

NAME: Final = "solar system"
URL: Final = "https://ssd-api.jpl.nasa.gov/sb_ident.api"
KEY: Final = "solar_system"
_STATE: Final = ("JWST_X", "JWST_Y", "JWST_Z", "JWST_DX", "JWST_DY", "JWST_DZ")


def observer(header: Any) -> tuple[float, tuple[float, ...]] | None:
    """Return the time (MJD, UTC) and JWST's geocentric place and velocity (km, km/s, equatorial J2000).

    The header has them with respect to the solar system's centre at MJD-AVG; the Earth's are taken off.
    None where it does not say.
    """
    state = [header.get(name) for name in _STATE]
    mjd = header.get("MJD-AVG", header.get("EXPMID"))
    if not all(isinstance(v, (int, float)) and math.isfinite(v) for v in [*state, mjd]):
        return None
    from astropy import units
    from astropy.coordinates import get_body_barycentric_posvel
    from astropy.time import Time

    place, speed = get_body_barycentric_posvel("earth", Time(mjd, format="mjd", scale="utc"))
    earth = [*place.xyz.to_value(units.km), *speed.xyz.to_value(units.km / units.s)]
    return float(mjd), tuple(float(a - b) for a, b in zip(state, earth, strict=True))


def release_of(mjd: float) -> str:
    """Return what an answer is of: today's orbits, at the time of the images."""
    return f"orbits of the day asked, at MJD {mjd:.3f}"


def block_of(mjd: float, cell: str) -> str:
    """Return the name of the question: the time to 1.4 minutes, and the cell."""
    return f"{mjd:.3f}_{cell}"


def ask(
    url: str,
    client: Client,
    seen: tuple[float, tuple[float, ...]] | None,
    cell: tuple[str, float, float, float],
    now: str,
) -> Answer:
    """Ask which small bodies were in a cell at a time, by the numerical second pass of JPL's service."""
    name, ra, dec, radius = cell
    if seen is None:
        reason = "the file does not say where the telescope was (JWST_X ... JWST_DZ, MJD-AVG)"
        return Answer(NAME, name, NOT_QUERIED, ra, dec, radius, asked_at=now, url=url, reason=reason)
    from astropy.time import Time

    mjd, state = seen
    words = {
        "xobs": ",".join(f"{value:.8E}" for value in state),
        "obs-time": Time(mjd, format="mjd").strftime("%Y-%m-%d_%H:%M:%S"),
        "two-pass": "true",
        "suppress-first-pass": "true",
        "fov-ra-center": _sexagesimal(ra / 15.0),
        "fov-dec-center": ("M" if dec < 0 else "") + _sexagesimal(abs(dec)),
        "fov-ra-hwidth": f"{radius / max(math.cos(math.radians(dec)), 1e-6):.5f}",
        "fov-dec-hwidth": f"{radius:.5f}",
    }
    block = block_of(mjd, name)
    asked: dict[str, Any] = {"asked_at": now, "url": url, "release": release_of(mjd)}
    try:
        entries = parse(client.fetch("GET", url, params=words))
    except NoAnswer as error:
        return Answer(NAME, block, NO_ANSWER, ra, dec, radius, reason=str(error), **asked)
    return Answer(NAME, block, OK, ra, dec, radius, entries, **asked)


def parse(body: bytes) -> tuple[Entry, ...]:
    """Read the service's JSON; NoAnswer where it is none, or an error."""
    try:
        raw = json.loads(body)
    except ValueError:
        raise NoAnswer("its answer is not JSON") from None
    if not isinstance(raw, dict) or "signature" not in raw:
        raise NoAnswer(f"it refused the question ({str(raw)[:80]})")
    if "data_second_pass" not in raw:
        if raw.get("n_second_pass") == 0 or raw.get("n_first_pass") == 0:
            return ()
        raise NoAnswer(f"its answer has no list of bodies ({', '.join(sorted(raw))[:80]})")
    fields = [str(name).lower() for name in raw.get("fields_second", [])]
    try:
        columns = [
            next(i for i, name in enumerate(fields) if word in name)
            for word in ("object name", "astrometric ra", "astrometric dec", "magnitude")
        ]
        return tuple(_entry([row[i] for i in columns]) for row in raw["data_second_pass"])
    except (StopIteration, IndexError, ValueError) as error:
        raise NoAnswer(f"its list of bodies cannot be read ({error})") from error


def _entry(row: list[Any]) -> Entry:
    try:
        magnitude = float(row[3])
    except (TypeError, ValueError):
        magnitude = math.nan
    return Entry(str(row[0]), 15.0 * _degrees(row[1]), _degrees(row[2]), "small body", magnitude, "V", 0.5)


def _degrees(text: str) -> float:
    """Return hh:mm:ss.s or dd mm'ss" as hours or degrees."""
    parts = [float(part) for part in re.findall(r"\d+(?:\.\d+)?", text)]
    if len(parts) != 3:
        raise ValueError(f"{text!r} is no angle")
    value = parts[0] + parts[1] / 60.0 + parts[2] / 3600.0
    return -value if text.strip().startswith(("-", "M")) else value


def _sexagesimal(value: float) -> str:
    """Return a number of degrees or hours as dd-mm-ss.ss."""
    total = round(value * 360_000)
    return f"{total // 360_000:02d}-{total // 6000 % 60:02d}-{total % 6000 / 100:05.2f}"
