"""A redshift from lines by vote, graded by how much it can be trusted, with the runner-up beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.spectra.line_list import LARGEST_REDSHIFT, LINES, REST, VOTERS, WAVELENGTHS, WEIGHTS
from analysis.spectra.lines import THRESHOLD, Line
from analysis.spectra.spectrum import FloatArray

SECURE, TENTATIVE, NONE = "secure", "tentative", "none"
LEAD: Final = 1.15
LEAD_OF_TWO: Final = 1.3
"""Least lead of the best vote over the runner-up's of a secure redshift, and where two lines carry it."""
LEAST_EXPLAINED: Final = 0.6
"""Least share of the lines' summed S/N that a secure redshift explains."""
LEAST_VOTE: Final = 4.0
MATCH_FWHM: Final = 0.5
"""A line is a rest line's where it lies within this share of its width, or 3 σ of its centre."""
PEAKS: Final = 8
"""Highest votes of which the one that explains most of the lines found is taken."""
_CLIP: Final = (-1.5, 8.0)
_STEPS_PER_FWHM: Final = 5.0


@dataclass(frozen=True)
class Redshift:
    """A redshift and its grade; `names` are those of the lines it explains, by place in the list given.

    `second` is the redshift that got the next highest vote elsewhere; NaN where there is none. `lead` is the
    ratio of the two votes.
    """

    z: float
    z_err: float
    grade: str
    second: float
    lead: float
    names: tuple[str, ...]

    @property
    def matched(self) -> int:
        """Lines that it explains."""
        return sum(1 for name in self.names if name)


def vote(
    wavelength: FloatArray,
    narrow: FloatArray,
    fwhm: FloatArray,
    lines: Sequence[Line],
) -> Redshift:
    """Find the redshift at which the usual lines of galaxies have the highest summed S/N.

    Each line of `VOTERS` gives its S/N at the place it would have, clipped to −1.5…8 and weighted; the sum
    over lines is the vote. Of the highest votes the one that also explains most of the found lines is taken.
    It is secure if two or more found emission lines are explained, they hold 60 % of
    the S/N of all found, no stronger partner of a doublet is missing, and the best vote leads over any other
    redshift by 15 %, by 30 % where only two lines are explained;
    tentative if one line is explained; none without emission lines.

    Parameters
    ----------
    wavelength, narrow, fwhm : float arrays (n,)
        µm, S/N of the unresolved template, line-spread function (µm).
    lines : sequence of Line
        All found; absorption takes no part.
    """
    names = [""] * len(lines)
    emission = [line for line in lines if line.snr >= THRESHOLD]
    if not emission:
        return Redshift(np.nan, np.nan, NONE, np.nan, np.nan, tuple(names))
    grid, votes = _votes(wavelength, narrow, fwhm)
    near = 3.0 * float(np.max(fwhm / wavelength))
    peaks = _peaks_of(grid, votes, emission, near)
    fits = [_settled(lines, float(np.expm1(grid[k]))) for k in peaks]
    value = [
        max(float(votes[k]), 0.0)
        * (0.5 + _share(lines, names))
        * (0.5 if _missing(lines, names, z, wavelength, narrow) else 1.0)
        for k, (z, _, names) in zip(peaks, fits, strict=True)
    ]
    chosen = int(np.argmax(value))
    best, (z, error, names) = peaks[chosen], fits[chosen]
    elsewhere = votes.copy()
    elsewhere[_around(best, near, float(grid[1] - grid[0]))] = -np.inf
    second = int(np.argmax(elsewhere))
    lead = float(votes[best] / votes[second]) if votes[second] > 0.0 else 10.0
    grade = _grade(lines, names, z, float(votes[best]), lead, wavelength, narrow)
    return Redshift(z, error, grade, float(np.exp(grid[second]) - 1.0), min(lead, 10.0), tuple(names))


def _votes(wavelength: FloatArray, narrow: FloatArray, fwhm: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return ln(1+z) and the vote at each."""
    u = np.log(wavelength)
    delta = float(np.min(fwhm / wavelength)) / _STEPS_PER_FWHM
    observed = np.arange(u[0], u[-1], delta)
    series = np.clip(np.interp(observed, u, narrow), *_CLIP)
    size = int(np.log1p(LARGEST_REDSHIFT) / delta) + 1
    votes = np.zeros(size)
    for line in VOTERS:
        offset = round((np.log(line.wavelength) - u[0]) / delta)  # place in `series` at z = 0
        start, stop = max(-offset, 0), min(len(series) - offset, size)
        if stop > start:
            votes[start:stop] += line.weight * series[start + offset : stop + offset]
    return (np.arange(size) * delta).astype(np.float64), votes


def _peaks_of(grid: FloatArray, votes: FloatArray, emission: Sequence[Line], near: float) -> list[int]:
    """Return the highest votes, well apart, at which the strongest line found is a line of the list."""
    strongest = max(emission, key=lambda line: line.snr)
    could = np.log(strongest.wavelength / np.array([line.wavelength for line in VOTERS]))
    delta = grid[1] - grid[0]
    reach = max(strongest.fwhm / strongest.wavelength, 2.0 * delta)
    allowed = np.full(len(grid), -np.inf)
    for v in could[(could > -reach) & (could < grid[-1])].tolist():
        part = slice(max(int((v - reach) / delta), 0), int((v + reach) / delta) + 2)
        allowed[part] = votes[part]
    if not np.isfinite(allowed).any():
        allowed = votes.copy()
    peaks: list[int] = []
    while len(peaks) < PEAKS and np.isfinite(allowed).any():
        peaks.append(int(np.argmax(allowed)))
        allowed[_around(peaks[-1], near, delta)] = -np.inf
    return peaks


def _around(place: int, near: float, delta: float) -> slice:
    """Return the places of the grid that are no farther than `near` from one."""
    reach = int(near / delta)
    return slice(max(place - reach, 0), place + reach + 1)


def _share(lines: Sequence[Line], names: Sequence[str]) -> float:
    """Return the share of the emission lines' summed S/N, each at most 30, that is explained."""
    worth = [
        (min(line.snr, 30.0), name) for line, name in zip(lines, names, strict=True) if line.snr >= THRESHOLD
    ]
    total = sum(snr for snr, _ in worth)
    return sum(snr for snr, name in worth if name) / total if total > 0.0 else 0.0


def _settled(lines: Sequence[Line], z: float) -> tuple[float, float, list[str]]:
    """Return redshift, error and names after matching loosely, then again at the redshift that came of it."""
    near, _ = _refined(lines, matches(lines, z, 2.0 * MATCH_FWHM), float(np.log1p(z)))
    names = matches(lines, near)
    return (*_refined(lines, names, float(np.log1p(near))), names)


def matches(lines: Sequence[Line], z: float, share: float = MATCH_FWHM) -> list[str]:
    """Return the name of the rest line that each line is at a redshift, "" where it is none.

    Of several within reach the usually strongest is taken, then the nearest.
    """
    if not lines:
        return []
    at = np.array([line.wavelength for line in lines])
    tolerance = np.array([
        max(share * max(min(line.fwhm, 4.0 * line.lsf_fwhm), line.lsf_fwhm), 3.0 * line.wavelength_err)
        for line in lines
    ])  # fmt: skip
    away = np.abs(WAVELENGTHS * (1.0 + z) - at[:, None])
    # No two places lie 1000 µm apart: a heavier line goes before any nearer one.
    order = np.where(away <= tolerance[:, None], away - 1e5 * WEIGHTS, np.inf)
    best = np.argmin(order, axis=1).tolist()
    return [LINES[k].name if math.isfinite(order[row, k]) else "" for row, k in enumerate(best)]


def _refined(lines: Sequence[Line], names: Sequence[str], v: float) -> tuple[float, float]:
    """Return the weighted mean redshift of the explained lines and its error."""
    values, weights = [], []
    for line, name in zip(lines, names, strict=True):
        if name and line.snr > 0.0:
            values.append(line.wavelength / REST[name])
            weights.append(((line.wavelength_err + 0.05 * line.lsf_fwhm) / REST[name]) ** -2.0)
    if not values:
        return float(np.exp(v) - 1.0), float("nan")
    w = np.array(weights)
    return float((np.array(values) * w).sum() / w.sum() - 1.0), float(w.sum() ** -0.5)


def _grade(
    lines: Sequence[Line], names: Sequence[str], z: float, best: float, lead: float,
    wavelength: FloatArray, narrow: FloatArray,
) -> str:  # fmt: skip
    emission = [(line, name) for line, name in zip(lines, names, strict=True) if line.snr >= THRESHOLD]
    explained = [(line, name) for line, name in emission if name]
    if not explained or best < LEAST_VOTE:
        return NONE
    share = _share(lines, names)
    strong = {name for _, name in explained if any(name == voter.name for voter in VOTERS)}
    needed = LEAD if len(explained) > 2 else LEAD_OF_TWO
    secure = len(strong) >= 2 and share >= LEAST_EXPLAINED and lead >= needed and z >= -0.001
    return SECURE if secure and not _missing(lines, names, z, wavelength, narrow) else TENTATIVE


_PARTNERS: Final = (
    # (line, its partner, least flux ratio partner / line): what must be seen if the first one is.
    ("[OIII] 4960", 0.500824, 2.0),
    ("[OIII] 5008", 0.496030, 0.25),
    ("Hβ", 0.656461, 1.5),
    ("Hγ", 0.486269, 1.2),
    ("[SIII] 9071", 0.953321, 1.2),
    ("[NII] 6585", 0.656461, 0.3),
    ("[SII] 6718", 0.656461, 0.3),
    ("Paγ", 1.282158, 1.0),
    ("Paβ", 1.875613, 1.0),
)


def _missing(
    lines: Sequence[Line], names: Sequence[str], z: float, wavelength: FloatArray, narrow: FloatArray
) -> bool:
    """Tell whether a line is named whose partner should stand out well at its place, and does not."""
    for line, name in zip(lines, names, strict=True):
        for first, rest, ratio in _PARTNERS:
            place = rest * (1.0 + z)
            if name != first or not wavelength[0] < place < wavelength[-1]:
                continue
            at = int(np.searchsorted(wavelength, place))
            seen = float(np.max(narrow[max(at - 2, 0) : at + 3], initial=0.0))
            expected = line.snr * ratio
            if (
                expected > 6.0
                and seen < 0.3 * expected
                and not np.all(narrow[max(at - 2, 0) : at + 3] == 0.0)
            ):
                return True
    return False
