"""Files of extracted spectra of any JWST instrument (x1d, x1dints, c1d, `.spec.fits`): read and validated."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from analysis.fitsfile import FrameError, open_fits
from analysis.spectra.columns import Columns, SpectrumError, first_number, first_text
from analysis.spectra.integrations import averaged
from analysis.spectra.spectrum import Spectrum, SpectrumFile

LEAST_SAMPLES: Final = 20
"""Fewer valid samples have no continuum to measure against."""
_TABLES: Final = ("EXTRACT1D", "COMBINE1D", "SPEC1D")
_OF_TARGET: Final = (
    "NRS_FIXEDSLIT",
    "NRS_BRIGHTOBJ",
    "NRS_IFU",
    "MIR_MRS",
    "MIR_LRS",
    "NIS_SOSS",
    "NRC_TSGRISM",
)
"""Starts of EXP_TYPE of the modes that observe one target, whose position TARG_RA and TARG_DEC then give."""

_OF_SKY: Final = re.compile(r"BKG|BACKGROUND|VIRTUAL|_VRT\d", re.IGNORECASE)
"""Names of slits on the sky: background_40 of older files, 2736_BKG40 and 2736_VRT4 of later ones."""


def read_spectra(path: Path, unpack_dir: Path | None = None) -> SpectrumFile:
    """Read every usable spectrum of a file.

    Tables of one spectrum each and tables with one row per source (2-D columns) are told apart by their
    shape, not by a version. Integrations of a time series are averaged with inverse variances, source by
    source and order by order.

    Raises
    ------
    FrameError
        It cannot be read, holds no table of spectra, or none of its spectra can be used.
    """
    hdus = open_fits(path, unpack_dir)
    try:
        primary = hdus[0].header
        tables = [hdu for hdu in hdus[1:] if hdu.name.upper() in _TABLES]
        if not tables:
            raise FrameError(path, "no spectra", _what_it_is(hdus))
        exp_type = str(primary.get("EXP_TYPE", "")).strip().upper()
        good: list[Spectrum] = []
        left: Counter[str] = Counter()
        for row, (columns, facts) in enumerate(_rows(tables, primary, exp_type, left)):
            try:
                good.append(_checked(columns, facts, row, left))
            except SpectrumError as error:
                left[str(error)] += 1
        instrument, disperser = _instrument(primary, tables[0].header)
        layout = tables[0].name.upper() + (" rows" if _is_wide(tables[0]) else "")
        simulated = bool(primary.get("SIMULATE", False))
        facts_of_file = _facts(primary, tables[0].header)
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise FrameError(path, "corrupt", f"its tables cannot be read ({_first_line(error)})") from error
    finally:
        hdus.close()
    total = len(good) + sum(n for reason, n in left.items() if not reason.startswith("note "))
    notes = tuple(_note(reason, n, total) for reason, n in sorted(left.items()))
    if not good:
        raise FrameError(path, "no usable spectrum", "; ".join(notes) or "its tables have no rows")
    return SpectrumFile(
        instrument, disperser, averaged(good), layout=layout, simulated=simulated, notes=notes,
        exp_type=exp_type, **facts_of_file,
    )  # fmt: skip


def _rows(
    tables: list[Any], primary: Any, exp_type: str, left: Counter[str]
) -> Iterator[tuple[Columns, Mapping[str, Any]]]:
    """Yield the columns and the facts of each spectrum, background slits left out and counted."""
    for hdu in tables:
        rows = hdu.data
        if rows is None or hdu.columns is None or not len(rows):
            continue
        if _is_wide(hdu):
            for place in range(len(rows)):
                columns = Columns(hdu, place)
                yield from _unless_background(
                    columns, _facts_of_source(hdu.header, primary, exp_type, columns), left
                )
        else:
            columns = Columns(hdu, None)
            yield from _unless_background(
                columns, _facts_of_source(hdu.header, primary, exp_type, columns), left
            )


def _unless_background(
    columns: Columns, facts: Mapping[str, Any], left: Counter[str]
) -> Iterator[tuple[Columns, Mapping[str, Any]]]:
    """Yield the spectrum unless its slit looks at the sky (negative SOURCEID, or a name that says so)."""
    if facts["number"] < 0 or _OF_SKY.search(str(facts["source"])):
        left["note a background or virtual slit"] += 1
        return
    yield columns, facts


def _is_wide(hdu: Any) -> bool:
    """Tell whether each row of a table is a whole spectrum."""
    names = {name.upper(): name for name in (hdu.columns.names if hdu.columns is not None else [])}
    wave = names.get("WAVELENGTH")
    return wave is not None and np.ndim(hdu.data[wave]) == 2


def _facts_of_source(header: Any, primary: Any, exp_type: str, columns: Columns) -> dict[str, Any]:
    """Return what is said of one source: in its row, in its table's header, in the primary header."""
    number = first_number(columns.value("SOURCE_ID"), header.get("SOURCEID"))
    places = [
        (columns.value("SOURCE_RA"), columns.value("SOURCE_DEC"), "SOURCE_RA"),
        (header.get("SRCRA"), header.get("SRCDEC"), "SRCRA"),
    ]
    if exp_type.startswith(_OF_TARGET):
        places.append((primary.get("TARG_RA"), primary.get("TARG_DEC"), "TARG_RA of the target"))
    ra, dec, position = math.nan, math.nan, ""
    for one, other, where in places:
        x, y = first_number(one), first_number(other)
        if 0.0 <= x < 360.0 and -90.0 <= y <= 90.0 and (x, y) != (0.0, 0.0):
            ra, dec, position = x, y, where
            break
    kind = first_text(columns.value("SOURCE_TYPE"), header.get("SRCTYPE"), primary.get("SRCTYPE")).upper()
    return {
        "number": number if number == number else 0.0,  # noqa: PLR0124 - NaN differs from itself
        "source": first_text(
            header.get("SRCNAME"), header.get("SRCALIAS"), columns.value("SOURCE_ID"), header.get("SOURCEID"),
            "the target" if columns.value("INT_NUM") is not None else None,
        ),
        "ra": ra,
        "dec": dec,
        "position": position,
        "source_type": kind if kind in {"POINT", "EXTENDED"} else "UNKNOWN",
        "order": int(np.nan_to_num(first_number(columns.value("SPECTRAL_ORDER"), header.get("SPORDER")))),
    }  # fmt: skip


def _checked(columns: Columns, facts: Mapping[str, Any], row: int, left: Counter[str]) -> Spectrum:
    """Return a spectrum whose every valid sample can be trusted; SpectrumError says why there is none."""
    wave = columns.wavelength()
    flux, error, unit, same_everywhere = columns.light(facts["source_type"])
    n = columns.used(len(wave))
    wave, flux, error = wave[:n], flux[:n], error[:n]
    use = columns.usable(n)
    if not np.isfinite(flux).any() or not np.nan_to_num(flux).any():
        raise SpectrumError("every flux is NaN or 0")
    if not use.any():
        raise SpectrumError("every sample is flagged DO_NOT_USE or has no pixels")
    known = np.isfinite(wave) & (wave > 0.0)
    wave, flux, error, use = wave[known], flux[known], error[known], use[known]
    step = np.diff(wave)
    if len(step) and (step < 0.0).all():
        left["note wavelengths that descend: turned round"] += 1
        wave, flux, error, use = wave[::-1], flux[::-1], error[::-1], use[::-1]
    elif len(step) == 0 or not (step > 0.0).all():
        raise SpectrumError("wavelengths do not ascend")
    padded = _padding(flux)
    valid = use & np.isfinite(flux) & np.isfinite(error) & (error > 0.0) & ~padded
    if not (np.isfinite(error) & (error > 0.0)).any():
        raise SpectrumError("every flux error is NaN or 0")
    if valid.sum() < LEAST_SAMPLES:
        raise SpectrumError(f"fewer than {LEAST_SAMPLES} valid samples")
    if same_everywhere:
        left["note no aperture of its own: surface brightness used"] += 1
    inside = slice(int(np.argmax(valid)), len(valid) - int(np.argmax(valid[::-1])))
    return Spectrum(
        row=row,
        wavelength=np.ascontiguousarray(wave[inside], dtype=float),
        flux=np.where(valid, flux, np.nan)[inside],
        error=np.where(valid, error, np.nan)[inside],
        valid=valid[inside].copy(),
        flux_unit=unit,
        **{key: facts[key] for key in ("source", "ra", "dec", "position", "source_type", "order")},
    )


def _padding(flux: Any) -> Any:
    """Return which samples are the zeros that fill both ends up."""
    real = np.nan_to_num(flux) != 0.0
    inside = np.zeros(len(flux), dtype=bool)
    if real.any():
        inside[int(np.argmax(real)) : len(flux) - int(np.argmax(real[::-1]))] = True
    return ~inside


def _instrument(primary: Any, header: Any) -> tuple[str, str]:
    """Return instrument and disperser: grating with its filter for NIRSpec, channel and band for the MRS."""
    word = lambda key: str(primary.get(key, header.get(key, "")) or "").strip().upper()  # noqa: E731
    instrument = word("INSTRUME")
    exp_type = word("EXP_TYPE")
    if not instrument:  # `.spec.fits` names neither: its sampling does
        return "NIRSPEC", word("GRATING") or "PRISM?"
    if instrument == "NIRSPEC":
        return instrument, "-".join(filter(None, (word("FILTER"), word("GRATING"))))
    if instrument == "MIRI" and "MRS" in exp_type:
        return instrument, f"MRS CH{word('CHANNEL')} {word('BAND')}".strip()
    if instrument == "MIRI":
        return instrument, "LRS"
    if instrument == "NIRISS":
        return instrument, "SOSS" if "SOSS" in exp_type else f"{word('FILTER')}-{word('PUPIL')}"
    return instrument, "-".join(filter(None, (word("PUPIL"), word("FILTER")))) or "unknown"


def _facts(primary: Any, header: Any) -> dict[str, Any]:
    number = lambda *keys: first_number(*(primary.get(key) for key in keys))  # noqa: E731
    return {
        "program": first_text(primary.get("PROGRAM")),
        "target": first_text(primary.get("TARGNAME"), primary.get("TARGPROP"), header.get("SRCNAME")),
        "date_beg": first_text(primary.get("DATE-BEG")),
        "mjd_beg": number("EXPSTART"),
        "exposure_s": number("EFFEXPTM", "XPOSURE"),
        "cal_ver": first_text(primary.get("CAL_VER")),
        "crds_ctx": first_text(primary.get("CRDS_CTX")),
    }


def _what_it_is(hdus: Any) -> str:
    found = ", ".join(hdu.name or "unnamed" for hdu in hdus[1:]) or "no extension"
    return f"no table EXTRACT1D, COMBINE1D or SPEC1D in it, but {found}; give *_x1d.fits or *_c1d.fits"


def _note(reason: str, count: int, total: int) -> str:
    plain = reason.removeprefix("note ")
    if plain != reason:
        return f"{count} with {plain}"
    return f"{count} of {total} left out: {plain}" if total > 1 else plain


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
