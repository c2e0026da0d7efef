"""Which extension or companion file holds which plane of a mosaic, by name, and windows read from it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from analysis.fitsfile import FrameError, open_fits

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "err": ("ERR", "RMS"),
    "wht": ("WHT", "WEIGHT"),
    "con": ("CON",),
}
_COMPANIONS: Final[Mapping[str, tuple[str, ...]]] = {"err": ("_err", "_rms"), "wht": ("_wht",)}
_NOT_SCIENCE: Final = re.compile(r"_(wht|err|rms|exp|seg|segm|bkg)\.fits(\.gz)?$", re.IGNORECASE)
_STORED: Final[Mapping[int, str]] = {32: ">i4", -32: ">f4", -64: ">f8"}
_ROWS_AT_ONCE: Final = 256
_FITS_ENDING: Final = re.compile(r"\.fits(\.gz)?$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class PlaneSet:
    """The planes of one mosaic and the open files that hold them.

    Attributes
    ----------
    path : Path
        The science file, for messages.
    shape : tuple[int, int]
        (ny, nx).
    header, primary : astropy.io.fits.Header
        Of the science plane and of the primary HDU.
    notes : tuple[str, ...]
        Which planes are missing.
    """

    path: Path
    shape: tuple[int, int]
    header: Any
    primary: Any
    notes: tuple[str, ...]
    units: Mapping[str, Any]
    files: tuple[Any, ...]

    def has(self, name: str) -> bool:
        """Tell whether there is a plane called "err", "wht" or "con"."""
        return name in self.units

    def close(self) -> None:
        """Close every file."""
        for hdus in self.files:
            hdus.close()

    def window(self, name: str, y0: int, y1: int, x0: int, x1: int) -> npt.NDArray[np.float32]:
        """Read a window of a plane as native, contiguous float32, whatever the file stores."""
        if not _is_plain(self.units[name]):
            return np.ascontiguousarray(self._section(name, np.s_[y0:y1, x0:x1]), dtype=np.float32)
        window = np.empty((y1 - y0, x1 - x0), np.float32)
        for y in range(y0, y1, _ROWS_AT_ONCE):
            stop = min(y + _ROWS_AT_ONCE, y1)
            window[y - y0 : stop - y0] = self._rows(name, y, stop)[:, x0:x1]
        return window

    def context(self, y0: int, y1: int, x0: int, x1: int) -> npt.NDArray[np.uint32]:
        """Read a window of the context cube, shape (planes, ny, nx); stored signed, meant unsigned."""
        flat = len(self.units["con"].shape) == 2
        if _is_plain(self.units["con"]):
            planes = 1 if flat else self.units["con"].shape[0]
            rows = [self._rows("con", y0, y1, plane)[:, x0:x1] for plane in range(planes)]
            return np.stack(rows).astype(np.int32).view(np.uint32)
        section = self._section("con", np.s_[y0:y1, x0:x1] if flat else np.s_[:, y0:y1, x0:x1])
        cube = np.atleast_3d(section) if not flat else section[np.newaxis]
        return np.ascontiguousarray(cube, dtype=np.int64).astype(np.uint32)

    def table(self, name: str) -> Any:
        """Return the rows of a table extension, or None."""
        for hdu in self.files[0]:
            if hdu.name == name and not hdu.is_image:
                return hdu.data
        return None

    def _rows(self, name: str, y0: int, y1: int, plane: int = 0) -> npt.NDArray[Any]:
        """Read whole rows of a plane that is stored as it is meant, in the file's byte order.

        One read of many rows: a section of astropy's reads row by row, some 40 microseconds each.
        """
        hdu = self.units[name]
        ny, nx = hdu.shape[-2:]
        kind = np.dtype(_STORED[hdu.header["BITPIX"]])
        where = hdu.fileinfo()
        offset = where["datLoc"] + (plane * ny + y0) * nx * kind.itemsize
        try:
            rows: npt.NDArray[Any] = where["file"].readarray(offset=offset, dtype=kind, shape=(y1 - y0, nx))
        except (OSError, TypeError, ValueError, MemoryError) as error:
            raise self._unreadable(name, error) from error
        return rows

    def _section(self, name: str, box: Any) -> Any:
        """Read part of a plane, turning what astropy raises into one line."""
        try:
            return self.units[name].section[box]
        except Exception as error:  # damaged tiles raise classes of cfitsio, zlib and numpy
            raise self._unreadable(name, error) from error

    def _unreadable(self, name: str, error: Exception) -> FrameError:
        """Say in one line that a plane cannot be read."""
        text = " ".join(str(error).split())[:120]
        return FrameError(self.path, "corrupt", f"{name.upper()} cannot be read ({text})")


def _is_plain(hdu: Any) -> bool:
    """Tell whether an image is stored as it is meant: not packed, not scaled, signed 32 bits or floats."""
    header = hdu.header
    return (
        isinstance(hdu, (fits.ImageHDU, fits.PrimaryHDU))
        and not isinstance(hdu, fits.CompImageHDU)
        and header.get("BITPIX") in _STORED
        and header.get("BSCALE", 1) == 1
        and header.get("BZERO", 0) == 0
        and "BLANK" not in header
        and hdu.fileinfo() is not None
    )


def find_planes(hdus: Any, path: Path, unpack_dir: Path | None = None) -> PlaneSet:
    """Find the science, error, weight and context planes of a mosaic.

    A pipeline file names them by EXTNAME, in any order after SCI. A survey mosaic holds SCI alone, in the
    primary HDU or an extension, and its companions lie beside it: ``x_sci.fits`` has ``x_wht.fits``,
    ``x_err.fits`` or ``x_rms.fits``, each perhaps with ``.gz``.

    Raises
    ------
    FrameError
        No science plane, more than one, not two-dimensional, or planes of different shapes.
    """
    science = _science(hdus, path)
    shape: tuple[int, int] = (int(science.shape[0]), int(science.shape[1]))
    units: dict[str, Any] = {"sci": science}
    files: list[Any] = [hdus]
    for plane, names in _NAMES.items():
        found = [
            hdu for hdu in hdus if hdu.is_image and hdu.name in names and hdu is not science and hdu.shape
        ]
        if found:
            units[plane] = found[0]
    try:
        for plane, endings in _COMPANIONS.items():
            if plane not in units and (companion := _companion(path, endings)) is not None:
                files.append(open_fits(companion, unpack_dir))
                units[plane] = _only_image(files[-1], companion)
        _require_same_shape(units, path)
        _require_scaling(units, path)
        _verify_sums(units, path)
    except FrameError:
        for opened in files[1:]:
            opened.close()
        raise
    return PlaneSet(path, shape, science.header, hdus[0].header, _notes(units), units, tuple(files))


def _science(hdus: Any, path: Path) -> Any:
    """Return the one science image of a file."""
    if _NOT_SCIENCE.search(path.name) and not any(hdu.name == "SCI" for hdu in hdus):
        raise FrameError(path, "not a science image", "a companion plane by its name; give the _sci file")
    named = [hdu for hdu in hdus if hdu.name == "SCI"]
    if len(named) > 1:
        raise FrameError(path, "ambiguous", f"{len(named)} SCI extensions; a mosaic has one")
    if named and not named[0].is_image:
        raise FrameError(path, "no SCI", "the extension called SCI is a table, not an image")
    images = named or [
        hdu for hdu in hdus if hdu.is_image and len(hdu.shape or ()) == 2 and hdu.name in _UNNAMED
    ]
    if not images:
        raise FrameError(path, "no SCI", "no extension called SCI and no image in the primary HDU")
    if len(images) > 1:
        raise FrameError(path, "ambiguous", f"{len(images)} images and none called SCI")
    shape = tuple(images[0].shape or ())
    if not shape or 0 in shape:
        raise FrameError(path, "no SCI", "SCI has a header but no pixels")
    if len(shape) != 2:
        raise FrameError(path, "wrong shape", f"SCI has {len(shape)} axes {shape}; two are needed")
    return images[0]


_UNNAMED: Final = ("", "PRIMARY", "COMPRESSED_IMAGE", "IMAGE")


def _only_image(hdus: Any, path: Path) -> Any:
    """Return the first two-dimensional image of a companion file."""
    for hdu in hdus:
        if hdu.is_image and len(hdu.shape or ()) == 2:
            return hdu
    raise FrameError(path, "wrong shape", "a companion without a two-dimensional image")


def _require_same_shape(units: Mapping[str, Any], path: Path) -> None:
    """Refuse planes that are not the same pixels as SCI; the context may be a cube of such planes."""
    shape = tuple(units["sci"].shape)
    for plane, hdu in units.items():
        if tuple(hdu.shape[-2:]) != shape or len(hdu.shape) > (3 if plane == "con" else 2):
            text = f"{plane.upper()} is {hdu.shape}, SCI {shape}; they must be the same pixels"
            raise FrameError(path, "wrong shape", text)


def _require_scaling(units: Mapping[str, Any], path: Path) -> None:
    """Refuse a plane whose stored numbers cannot be turned into values."""
    for plane, hdu in units.items():
        for keyword in ("BSCALE", "BZERO"):
            value = hdu.header.get(keyword, 1)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or (keyword == "BSCALE" and value == 0):
                text = f"{plane.upper()}: {keyword} is {str(value)[:40]!r}; its pixels have no values"
                raise FrameError(path, "corrupt", text)


def companion_files(path: Path) -> tuple[Path, ...]:
    """Return the companion files that lie beside a science file, errors first."""
    found = (_companion(path, endings) for endings in _COMPANIONS.values())
    return tuple(file for file in found if file is not None)


def _companion(path: Path, endings: tuple[str, ...]) -> Path | None:
    """Return the companion file of a science file that exists, if any."""
    stem = _FITS_ENDING.sub("", path.name)
    bare = stem[: -len("_sci")] if stem.lower().endswith("_sci") else stem
    for ending in endings:
        for suffix in (".fits", ".fits.gz"):
            candidate = path.with_name(f"{bare}{ending}{suffix}")
            if candidate.is_file():
                return candidate
    return None


def _verify_sums(units: Mapping[str, Any], path: Path) -> None:
    """Refuse a plane whose DATASUM, where the file records one, is not that of its pixels."""
    for plane, hdu in units.items():
        if "DATASUM" in hdu.header and hasattr(hdu, "verify_datasum") and hdu.verify_datasum() == 0:
            raise FrameError(path, "corrupt", f"{plane.upper()} does not have its DATASUM; download it again")


def _notes(units: Mapping[str, Any]) -> tuple[str, ...]:
    """Say which planes are missing and what that means."""
    notes = []
    if "err" not in units:
        notes.append("no ERR: noise is measured from the sky alone, without the sources' own")
    if "wht" not in units:
        notes.append("no WHT: low weight cannot be told")
    if "err" not in units and "wht" not in units:
        notes.append("neither ERR nor WHT: pixels of exactly 0 are taken as not covered")
    return tuple(notes)
