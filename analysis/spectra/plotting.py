"""What is drawn of a spectrum, whatever draws it: arrays, limits, labels at a redshift. Needs numpy alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analysis.spectra.line_list import LINES

FloatArray = npt.NDArray[np.float64]
LIMITS_PERCENT: Final = (1.0, 99.5)
LABEL_WEIGHT: Final = 0.35
"""Lines of at least this weight are labelled where nothing was found at them."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A spectrum ready to be drawn.

    Attributes
    ----------
    wavelength, flux, noise, level : float arrays (n,)
        µm; flux, its noise (inf where not valid) and the continuum in `unit`.
    facts : mapping
        The columns of the spectrum and of its scores, None where not known.
    lines : sequence of mapping
        The columns of the lines found.
    """

    wavelength: FloatArray
    flux: FloatArray
    noise: FloatArray
    level: FloatArray
    facts: Mapping[str, Any]
    lines: Sequence[Mapping[str, Any]]

    @staticmethod
    def load(path: Path, facts: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> "Curve":
        """Read the arrays that the stage kept.

        Raises
        ------
        OSError, ValueError, KeyError
            The file is not there or is no such file.
        """
        with np.load(path, allow_pickle=False) as held:
            arrays = {name: held[name].astype(float) for name in ("wavelength", "flux", "noise", "level")}
        return Curve(**arrays, facts=facts, lines=lines)

    @property
    def unit(self) -> str:
        """The unit of the flux as a person reads it."""
        return {"uJy": "µJy"}.get(str(self.facts.get("flux_unit")), str(self.facts.get("flux_unit") or ""))

    @property
    def z(self) -> float:
        """The measured redshift, NaN where there is none."""
        value = self.facts.get("redshift")
        return float(value) if value is not None else math.nan

    @property
    def redshift_words(self) -> str:
        """The redshift with its grade and the runner-up."""
        if not math.isfinite(self.z):
            return "no redshift"
        second = self.facts.get("redshift_second")
        words = f"z = {self.z:.4f} {self.facts.get('redshift_grade')}"
        return words + (f" (next {float(second):.3f})" if second is not None else "")

    @property
    def residual(self) -> FloatArray:
        """(flux − continuum) / noise; 0 where not valid."""
        good = np.isfinite(self.noise) & np.isfinite(self.flux)
        return np.where(good, (np.nan_to_num(self.flux) - self.level) / np.where(good, self.noise, 1.0), 0.0)

    @property
    def snr(self) -> FloatArray:
        """Flux / noise; 0 where not valid."""
        good = np.isfinite(self.noise) & np.isfinite(self.flux)
        return np.where(good, np.nan_to_num(self.flux) / np.where(good, self.noise, 1.0), 0.0)

    def extent(self) -> tuple[float, float]:
        """Return first and last wavelength."""
        return float(self.wavelength[0]), float(self.wavelength[-1])

    def inside(self, low: float, high: float) -> "Curve":
        """Return the part between two wavelengths, at least four samples of it."""
        first = int(np.searchsorted(self.wavelength, low))
        last = int(np.searchsorted(self.wavelength, high, side="right"))
        first = max(min(first, len(self.wavelength) - 4), 0)
        part = slice(first, max(last, first + 4))
        return Curve(
            self.wavelength[part], self.flux[part], self.noise[part], self.level[part], self.facts, self.lines
        )

    def rows_for(self, columns: FloatArray) -> npt.NDArray[np.int64]:
        """Return which sample stands in each column of a drawing; −1 in gaps.

        Of several in one column the one farthest from the continuum, else the nearest one.

        Parameters
        ----------
        columns : float array (k,)
            Wavelengths of the columns' middles, µm, evenly spaced, at least two.
        """
        pitch = float(columns[1] - columns[0])
        after = np.clip(np.searchsorted(self.wavelength, columns), 1, len(self.wavelength) - 1)
        nearer = columns - self.wavelength[after - 1] < self.wavelength[after] - columns
        rows = np.where(nearer, after - 1, after)
        step = float(np.median(np.diff(self.wavelength)))
        rows[np.abs(self.wavelength[rows] - columns) > max(2.0 * step, pitch)] = -1
        column = np.round((self.wavelength - columns[0]) / pitch).astype(np.int64)
        inside = np.flatnonzero((column >= 0) & (column < len(columns)))
        ordered = inside[np.argsort(np.abs(self.residual[inside]), kind="stable")]
        rows[column[ordered]] = ordered  # the last one assigned stays: the farthest
        return rows.astype(np.int64)

    def limits(self) -> tuple[float, float]:
        """Return limits of the flux axis: 1 to 99.5 % of the valid samples, lines found always inside."""
        good = self.flux[np.isfinite(self.flux) & np.isfinite(self.noise)]
        if not len(good):
            return 0.0, 1.0
        low, high = np.percentile(good, LIMITS_PERCENT)
        for line in self.lines:
            near = np.abs(self.wavelength - line["wavelength"]) <= line["fwhm"]
            peak = self.flux[near & np.isfinite(self.flux)]
            if len(peak):
                low, high = min(low, float(peak.min())), max(high, float(peak.max()))
        room = 0.08 * (high - low) or 1.0
        return float(low - room), float(high + room)

    def labels(self, z: float) -> list[tuple[str, float, bool]]:
        """Return name, observed wavelength and whether a line was found there, of the usual lines inside.

        Lines found come first, the usually stronger ones before others: whoever lacks room stops there.
        """
        if not math.isfinite(z):
            return []
        low, high = self.extent()
        found = [(line["wavelength"], line["fwhm"]) for line in self.lines]
        labels = []
        for line in sorted(LINES, key=lambda line: -line.weight):
            at = line.wavelength * (1.0 + z)
            if low <= at <= high:
                seen = any(abs(at - place) <= 0.7 * width for place, width in found)
                if seen or line.weight >= LABEL_WEIGHT:
                    labels.append((line.name, at, seen))
        return sorted(labels, key=lambda label: not label[2])
