"""Columns of one spectrum, whatever its layout calls them, in units that are known."""

import math
from typing import Any, Final

import numpy as np

from analysis.spectra.spectrum import MEGAJANSKY_PER_SR, MICROJANSKY, FloatArray

DO_NOT_USE: Final = 1
_POINT: Final = (("RF_FLUX", ("FLUX_ERROR", "ERROR")), ("FLUX", ("FLUX_ERROR", "ERROR", "ERR", "FULL_ERR")))
_EXTENDED: Final = (
    ("RF_SURF_BRIGHT", ("SB_ERROR", "ERROR")),
    ("SURF_BRIGHT", ("SB_ERROR", "ERROR")),
)
_DEFAULT_UNITS: Final = {"FLUX": "Jy", "RF_FLUX": "Jy", "SURF_BRIGHT": "MJy/sr", "RF_SURF_BRIGHT": "MJy/sr"}


class SpectrumError(Exception):
    """Why one spectrum cannot be used, in a few words."""


class Columns:
    """The columns of one spectrum: a whole table, or one row of a table whose columns are vectors."""

    def __init__(self, hdu: Any, row: int | None) -> None:
        self._hdu = hdu
        self._row = row
        self._names = {name.upper(): name for name in hdu.columns.names}

    def value(self, name: str) -> Any:
        """Return the scalar of this row, None where the table has one spectrum or no such column."""
        if self._row is None or name not in self._names:
            return None
        return self._hdu.data[self._names[name]][self._row]

    def _array(self, name: str) -> Any:
        data = self._hdu.data[self._names[name]]
        return np.asarray(data if self._row is None else data[self._row])

    def _scaled(self, name: str, wanted: str, otherwise: str) -> FloatArray:
        """Return a column in the unit wanted; SpectrumError where its unit is another kind of quantity."""
        from astropy import units

        text = (self._hdu.columns[self._names[name]].unit or otherwise).strip()
        values = self._array(name).astype(float)
        if text == wanted:
            return values
        try:
            return values * float(units.Unit(text).to(units.Unit(wanted)))
        except (ValueError, units.UnitConversionError):
            raise SpectrumError(f"column {name} is in {text!r}, not in a unit of {wanted}") from None

    def wavelength(self) -> FloatArray:
        """Return wavelengths, micrometres."""
        for name in ("WAVELENGTH", "WAVE"):
            if name in self._names:
                return self._scaled(name, "um", "um")
        raise SpectrumError("there is no column WAVELENGTH")

    def light(self, source_type: str) -> tuple[FloatArray, FloatArray, str, bool]:
        """Return flux, its error, their unit, and whether a point source had surface brightness alone.

        Extended sources are read from SURF_BRIGHT, where it holds anything; residual-fringe corrected
        columns (RF_) go first.
        """
        point: list[tuple[str, tuple[str, ...], str]] = [
            (flux, errors, MICROJANSKY) for flux, errors in _POINT
        ]
        extended: list[tuple[str, tuple[str, ...], str]] = [
            (flux, errors, MEGAJANSKY_PER_SR) for flux, errors in _EXTENDED
        ]
        order = extended + point if source_type == "EXTENDED" else point + extended
        lacking = "there is no column FLUX or SURF_BRIGHT"
        for name, errors, unit in order:
            if name not in self._names:
                continue
            error = next((e for e in errors if e in self._names), None)
            if error is None:
                lacking = f"there is no error column beside {name}"
                continue
            flux = self._scaled(name, unit, _DEFAULT_UNITS.get(name, "Jy"))
            if np.isfinite(flux).any() and np.nan_to_num(flux).any():
                sigma = self._scaled(error, unit, "MJy/sr" if unit == MEGAJANSKY_PER_SR else "Jy")
                return flux, sigma, unit, unit == MEGAJANSKY_PER_SR and source_type != "EXTENDED"
            lacking = "every flux is NaN or 0"
        raise SpectrumError(lacking)

    def used(self, length: int) -> int:
        """Return how many elements of the vectors hold the spectrum: N_ALONGDISP where it is given."""
        n = first_number(self.value("N_ALONGDISP"))
        return int(n) if 0 < n <= length else length

    def usable(self, length: int) -> Any:
        """Return the samples without DO_NOT_USE and with pixels in the aperture."""
        use = np.ones(length, dtype=bool)
        if "DQ" in self._names:
            use &= (self._array("DQ")[:length].astype(np.int64) & DO_NOT_USE) == 0
        if "NPIXELS" in self._names:
            pixels = self._array("NPIXELS")[:length].astype(float)
            use &= (pixels > 0.0) | ~np.isfinite(pixels)
        return use


def first_number(*values: Any) -> float:
    """Return the first of the values that is a finite number, NaN where none is."""
    for value in values:
        try:
            number = float(value)
        except (TypeError, ValueError):
            continue
        if math.isfinite(number):
            return number
    return math.nan


def first_text(*values: Any) -> str:
    """Return the first of the values that says something, as one line."""
    for value in values:
        text = "" if value is None else " ".join(str(value).split())
        if text and text.upper() not in {"N/A", "UNKNOWN", "NONE"}:
            return text
    return ""
