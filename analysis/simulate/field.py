"""A whole simulated field: sources drawn, seen in each band and epoch, written with their truth."""

import csv
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.simulate.anomalies import Place, draw_anomalies
from analysis.simulate.artifacts import Artifact, add_artifacts
from analysis.simulate.bands import BANDS
from analysis.simulate.exposures import coverage, expose
from analysis.simulate.files import write_i2d
from analysis.simulate.galaxies import draw_galaxy
from analysis.simulate.pointing import Pointing, offset_to_radec, plan
from analysis.simulate.population import REFERENCE, draw_magnitudes, draw_star
from analysis.simulate.render import render
from analysis.simulate.sources import Source

DEFAULT_BANDS: Final = ("F115W", "F200W", "F277W", "F444W")
TRUTH_NAME: Final = "simulated_truth.csv"
_REFERENCE_SIZE: Final = 2048  # the default numbers are for this side, and go with the area
_GALAXIES, _STARS, _ANOMALIES, _ARTIFACTS = 3200, 28, 30, 36
_CLUSTERED: Final = 0.2
"""Share of galaxies that stand in the neighbourhood of another."""
_STREAMS: Final = ("galaxies", "stars", "anomalies", "noise", "artifacts")


def simulate_field(
    folder: Path,
    *,
    size: int = 1024,
    seed: int = 1,
    bands: Sequence[str] = DEFAULT_BANDS,
    second_epoch: str | None = REFERENCE,
    n_galaxies: int | None = None,
    n_stars: int | None = None,
    n_anomalies: int | None = None,
    n_artifacts: int | None = None,
    centre: tuple[float, float] = (110.8375, -73.4397),
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Simulate one patch of sky in several bands and write it as i2d files.

    Same arguments, same bytes. Beside the files stands `simulated_truth.csv`, one row per thing put in.

    Parameters
    ----------
    folder : Path
        Where to write; made if absent.
    size : int
        Side of the short-wave mosaics, pixels of 0.031 arcsec; long-wave ones cover the same sky with 0.063.
    seed : int
        Seed of everything drawn.
    bands : Sequence[str]
        Filter names from `BANDS`.
    second_epoch : str or None
        The band seen again 118 days later, 11.5 degrees turned; None for no second epoch.
    n_galaxies, n_stars, n_anomalies, n_artifacts : int or None
        How many of each; None takes 3200, 28, 30 and 36 per 2048 x 2048 pixels, by area.
    centre : tuple of float
        ra, dec of the field, ICRS degrees.
    progress : callable or None
        Called with (files written, files in all) after each file.

    Returns
    -------
    list of Path
        The FITS files, first epoch first, in the order of `bands`.

    Raises
    ------
    ValueError
        A size under 128, no band, or one that is not in `BANDS`.
    """
    _check(size, bands, second_epoch)
    share = (size / _REFERENCE_SIZE) ** 2
    rngs = dict(zip(_STREAMS, np.random.default_rng(seed).spawn(len(_STREAMS)), strict=True))
    pointings = plan(size, tuple(bands), second_epoch)
    sources = draw_sources(
        rngs,
        pointings,
        galaxies=round(_GALAXIES * share) if n_galaxies is None else n_galaxies,
        stars=max(2, round(_STARS * share)) if n_stars is None else n_stars,
        anomalies=max(2, round(_ANOMALIES * share)) if n_anomalies is None else n_anomalies,
    )
    folder.mkdir(parents=True, exist_ok=True)
    wanted = max(2, round(_ARTIFACTS * share)) if n_artifacts is None else n_artifacts
    # Artefacts are dealt out before the mosaics are made, so that only one mosaic is in memory at a time.
    dealt = np.bincount(rngs["artifacts"].integers(len(pointings), size=wanted), minlength=len(pointings))
    paths: list[Path] = []
    artifacts: list[Artifact] = []
    for pointing, count in zip(pointings, dealt, strict=True):
        mosaic = expose(pointing, render(pointing, sources), rngs["noise"])
        artifacts += add_artifacts(rngs["artifacts"], pointing, mosaic, int(count), len(artifacts))
        paths.append(write_i2d(folder, pointing, mosaic, centre, seed))
        if progress is not None:
            progress(len(paths), len(pointings))
    _write_truth(folder / TRUTH_NAME, sources, artifacts, tuple(bands), centre)
    return paths


def _check(size: int, bands: Sequence[str], second_epoch: str | None) -> None:
    """Raise ValueError for a field that cannot be simulated."""
    wanted = [*bands, *([second_epoch] if second_epoch else [])]
    unknown = [name for name in wanted if name not in BANDS]
    if unknown or not bands:
        raise ValueError(f"simulate_field: bands {wanted}: each must be one of {', '.join(BANDS)}")
    if size < 128:
        raise ValueError(f"simulate_field: size {size} must be at least 128")


def draw_sources(
    rngs: dict[str, np.random.Generator],
    pointings: Sequence[Pointing],
    *,
    galaxies: int,
    stars: int,
    anomalies: int,
) -> list[Source]:
    """Return everything on the sky of the given mosaics: galaxies, stars, anomalies, in this order.

    Anomalies stand where all mosaics see them with at least half of their exposures, clear of the bright
    stars and galaxies and of each other; everything else falls where it falls.
    """
    bands = tuple(dict.fromkeys(p.band for p in pointings))
    half = pointings[0].half
    reach = half + 1.0
    rng = rngs["galaxies"]
    drawn: list[Source] = []
    for magnitude in draw_magnitudes(rng, galaxies):
        place = _somewhere(rng, reach)
        if drawn and rng.random() < _CLUSTERED:
            place = _beside(rng, drawn[int(rng.integers(len(drawn)))])
        drawn.append(draw_galaxy(rng, float(magnitude), bands, place))
    rng = rngs["stars"]
    for k in range(stars):
        # One in six is bright enough to lose its core.
        magnitude = rng.uniform(16.4, 18.6) if k % 6 == 0 else rng.uniform(19.5, 27.0)
        drawn.append(draw_star(rng, float(magnitude), bands, _somewhere(rng, reach if k else 0.7 * half)))
    rng = rngs["anomalies"]
    places = _clear_places(rng, pointings, drawn, anomalies)
    return drawn + draw_anomalies(rng, places, bands)


def _somewhere(rng: np.random.Generator, reach: float) -> Place:
    """Return a random offset (east, north) inside a circle that holds the turned square, arcsec."""
    radius, turn = reach * math.sqrt(2 * rng.random()), rng.uniform(0, 2 * math.pi)
    return radius * math.sin(turn), radius * math.cos(turn)


def _beside(rng: np.random.Generator, other: Source) -> Place:
    """Return a place near a galaxy, with the slope -0.8 of the angular correlation function, to 6 arcsec."""
    distance, turn = 6.0 * rng.random() ** (1 / 1.2), rng.uniform(0, 2 * math.pi)
    return other.east + distance * math.sin(turn), other.north + distance * math.cos(turn)


def _clear_places(
    rng: np.random.Generator, pointings: Sequence[Pointing], around: Sequence[Source], count: int
) -> list[Place]:
    """Return places for anomalies; the distances asked for shrink when the field is too full."""
    weights = [(p, coverage(p).mean(axis=0)) for p in pointings]
    bright = [
        (s.east, s.north, 3.0 if s.kind == "star" else 1.0)
        for s in around
        if max(s.flux(p.band) for p in pointings) > (3e4 if s.kind == "star" else 2e3)
    ]
    places: list[Place] = []
    patience = 1.0
    while len(places) < count:
        place = _somewhere(rng, 0.9 * pointings[0].half)
        patience *= 0.995
        taken = [*bright, *((e, n, 2.2) for e, n in places)]
        far = all(math.hypot(place[0] - e, place[1] - n) > distance * patience for e, n, distance in taken)
        if far and all(_well_seen(p, weight, place) for p, weight in weights):
            places.append(place)
            patience = 1.0
    return places


def _well_seen(pointing: Pointing, weight: NDArray[np.float64], place: Place) -> bool:
    """Return whether a place and its surroundings lie inside a mosaic and were seen by half the exposures."""
    x, y = pointing.pixel(*place)
    margin = min(1.0, 0.15 * pointing.half) / pointing.camera.scale
    low, high = margin, pointing.size - 1 - margin
    if not (low <= x <= high and low <= y <= high):
        return False
    rows, columns = (
        slice(round(y - margin), round(y + margin) + 1),
        slice(round(x - margin), round(x + margin) + 1),
    )
    return bool(weight[rows, columns].min() > 0 and weight[round(y), round(x)] >= 0.5)


def _write_truth(
    path: Path,
    sources: Sequence[Source],
    artifacts: Sequence[Artifact],
    bands: tuple[str, ...],
    centre: tuple[float, float],
) -> None:
    """Write the truth table: one row per source and artefact, every row marked SIMULATED.

    Columns: id, kind, ra, dec (ICRS degrees), mag_<band> (AB; empty: no light), radius_arcsec, z, is_anomaly,
    is_artifact, bands (all, or the one an artefact is in), frame (of an artefact), origin.
    """
    header = ["id", "kind", "ra", "dec", *(f"mag_{name.lower()}" for name in bands)]
    header += ["radius_arcsec", "z", "is_anomaly", "is_artifact", "bands", "frame", "origin"]
    partial = path.with_suffix(".part")
    with partial.open("w", newline="", encoding="utf-8") as handle:
        table = csv.writer(handle, lineterminator="\n")
        table.writerow(header)
        for k, s in enumerate(sources, start=1):
            ra, dec = offset_to_radec(centre, s.east, s.north)
            fluxes = [s.flux(name) for name in bands]
            magnitudes = [f"{31.4 - 2.5 * math.log10(f):.4f}" if f > 1e-4 else "" for f in fluxes]
            facts = [f"{s.radius:.4f}", f"{s.z:.4f}", s.anomaly, False, ",".join(bands), "", "SIMULATED"]
            table.writerow([k, s.kind, f"{ra:.8f}", f"{dec:.8f}", *magnitudes, *facts])
        for k, a in enumerate(artifacts, start=len(sources) + 1):
            ra, dec = offset_to_radec(centre, a.east, a.north)
            facts = ["", "", False, True, a.band, a.stem, "SIMULATED"]
            table.writerow([k, a.kind, f"{ra:.8f}", f"{dec:.8f}", *([""] * len(bands)), *facts])
    partial.replace(path)
