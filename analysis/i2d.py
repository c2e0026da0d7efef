"""One mosaic: a FITS file comes in, its validated facts and any window of its pixels go out."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from analysis.fitsfile import FrameError, open_fits
from analysis.frame_facts import header_facts
from analysis.frame_planes import PlaneSet, find_planes
from analysis.sky_position import celestial_wcs, pixel_area_deg2, pixel_to_sky, sky_to_pixel
from analysis.zeropoint import flux_scale

__all__ = ["Frame", "FrameError", "Planes", "open_frame"]

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
_WHOLE_PIXELS: Final = 1 << 23
"""Frames up to this many pixels are kept in memory once read: about 100 MB for three planes."""
_STRIP: Final = 256


@dataclass(frozen=True, slots=True)
class Planes:
    """A window of a frame, arrays of one shape (ny, nx).

    Attributes
    ----------
    sci : float32
        Pixel values in the image's unit; NaN or anything where not valid.
    err : float32 or None
        Standard deviation as the file gives it; None where the file has none.
    wht : float32 or None
        Relative weight; None where the file has none.
    valid : bool
        Finite SCI, finite positive ERR and positive WHT, each where there is one.
    """

    sci: FloatArray
    err: FloatArray | None
    wht: FloatArray | None
    valid: BoolArray


@dataclass(frozen=True, eq=False)
class Frame:
    """One open mosaic: facts that never change, and windows of pixels on demand.

    Attributes
    ----------
    path : Path
        The file.
    instrument, filter : str
        Upper case, "unknown" where not recorded.
    shape : tuple[int, int]
        (ny, nx), pixels.
    wcs : astropy.wcs.WCS
        Celestial, pixels counted from 0.
    pixel_scale : float
        Arcsec per pixel, the root of the pixel's area at the reference point.
    flux_unit, to_njy, unit_source
        See `analysis.zeropoint.FluxScale`.
    has_err, has_wht, has_con, simulated : bool
        Which planes there are; whether the pixels are invented.
    program, target, date_beg, cal_ver, crds_ctx, footprint : str
        Header facts; "" where not recorded; `footprint` as in S_REGION.
    mjd_beg, mjd_end, exposure_s, pa_v3 : float
        Days, days, seconds, degrees; NaN where not recorded.
    n_exposures, epochs : int
        Exposures combined, groups of them more than a day apart; -1 where not recorded.
    rolls : tuple[float, ...]
        Distinct PA_V3 of the exposures, degrees, ascending, to 0.1.
    inputs : tuple[tuple[float, float], ...]
        Start (MJD) and PA_V3 (degrees) of each input, in the order of HDRTAB, which is that of the bits of
        the context plane; NaN where not recorded, empty without the table.
    notes : tuple[str, ...]
        What a reader should know: missing planes, unknown unit.
    """

    path: Path
    instrument: str
    filter: str
    shape: tuple[int, int]
    wcs: Any
    pixel_scale: float
    flux_unit: str
    to_njy: float
    unit_source: str
    has_err: bool
    has_wht: bool
    has_con: bool
    simulated: bool
    program: str
    target: str
    date_beg: str
    mjd_beg: float
    mjd_end: float
    exposure_s: float
    n_exposures: int
    pa_v3: float
    rolls: tuple[float, ...]
    epochs: int
    inputs: tuple[tuple[float, float], ...]
    cal_ver: str
    crds_ctx: str
    footprint: str
    notes: tuple[str, ...]
    planes: PlaneSet = field(repr=False)
    _whole: list[Planes] = field(default_factory=list, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and forget its pixels; windows read before stay good."""
        self._whole.clear()
        self.planes.close()

    def read(self, y0: int, y1: int, x0: int, x1: int) -> Planes:
        """Read a window.

        Parameters
        ----------
        y0, y1, x0, x1 : int
            Rows y0..y1-1 and columns x0..x1-1, inside the frame.

        Returns
        -------
        Planes
            Native, contiguous arrays of shape (y1 - y0, x1 - x0).

        Raises
        ------
        ValueError
            The window is empty or leaves the frame.
        FrameError
            The pixels cannot be read.
        """
        ny, nx = self.shape
        if not (0 <= y0 < y1 <= ny and 0 <= x0 < x1 <= nx):
            raise ValueError(
                f"window rows {y0}:{y1}, columns {x0}:{x1} leaves the frame of {ny} by {nx} pixels"
            )
        if ny * nx > _WHOLE_PIXELS:
            return self._window(y0, y1, x0, x1)
        if not self._whole:
            self._whole.append(self._window(0, ny, 0, nx))
        whole, box = self._whole[0], (slice(y0, y1), slice(x0, x1))
        return Planes(
            whole.sci[box].copy(),
            None if whole.err is None else whole.err[box].copy(),
            None if whole.wht is None else whole.wht[box].copy(),
            whole.valid[box].copy(),
        )

    def _window(self, y0: int, y1: int, x0: int, x1: int) -> Planes:
        """Read a window from the file."""
        sci = self.planes.window("sci", y0, y1, x0, x1)
        err = self.planes.window("err", y0, y1, x0, x1) if self.has_err else None
        wht = self.planes.window("wht", y0, y1, x0, x1) if self.has_wht else None
        valid = np.isfinite(sci)
        if err is not None:
            valid &= np.isfinite(err) & (err > 0)
        if wht is not None:
            valid &= wht > 0
        if err is None and wht is None:
            valid &= sci != 0
        return Planes(sci, err, wht, valid)

    def sky(
        self, x: npt.ArrayLike, y: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return ICRS right ascension and declination, degrees, of 0-based pixel positions."""
        return pixel_to_sky(self.wcs, np.asarray(x, float), np.asarray(y, float))

    def pixel(
        self, ra: npt.ArrayLike, dec: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return 0-based x and y of ICRS positions in degrees; NaN where the projection has none."""
        return sky_to_pixel(self.wcs, np.asarray(ra, float), np.asarray(dec, float))

    def valid_at(self, ra: npt.ArrayLike, dec: npt.ArrayLike) -> BoolArray:
        """Tell for ICRS positions, degrees, whether the nearest pixel holds a valid value.

        Parameters
        ----------
        ra, dec : array of shape (n,)
            Degrees.

        Returns
        -------
        bool array of shape (n,)
            False outside the frame and on invalid pixels.
        """
        x, y = self.pixel(np.atleast_1d(np.asarray(ra, float)), np.atleast_1d(np.asarray(dec, float)))
        answer = np.zeros(x.shape, bool)
        for strip, rows, columns in self._strips(x, y):
            x0 = int(columns.min())
            planes = self.read(int(rows.min()), int(rows.max()) + 1, x0, int(columns.max()) + 1)
            answer[strip] = planes.valid[rows - rows.min(), columns - x0]
        return answer

    def exposures_at(self, x: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Count the exposures that contributed to the pixels nearest to 0-based positions.

        The context plane is a bit field: bit k of plane p is input 32 p + k (jwst resample documentation).

        Returns
        -------
        int array of shape (n,)
            -1 outside the frame, and everywhere where the file has no context plane.
        """
        inside, bits = self.context_at(x, y)
        if bits is None:
            return np.full(inside.shape, -1, np.int64)
        return np.where(inside, np.bitwise_count(bits).sum(axis=0, dtype=np.int64), -1)

    def context_at(
        self, x: npt.ArrayLike, y: npt.ArrayLike
    ) -> tuple[BoolArray, npt.NDArray[np.uint32] | None]:
        """Read the context plane at the pixels nearest to 0-based positions.

        Returns
        -------
        inside : bool array of shape (n,)
            Which positions lie in the frame.
        bits : uint32 array of shape (planes, n) or None
            Bit k of plane p is input 32 p + k; 0 outside the frame; None without a context plane.
        """
        x, y = np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float))
        inside = np.zeros(x.shape, bool)
        found: npt.NDArray[np.uint32] | None = None
        for strip, rows, columns in self._strips(x, y):
            inside[strip] = True
            if self.has_con:
                y0, x0 = int(rows.min()), int(columns.min())
                bits = self.planes.context(y0, int(rows.max()) + 1, x0, int(columns.max()) + 1)
                if found is None:
                    found = np.zeros((len(bits), x.size), np.uint32)
                found[:, strip] = bits[:, rows - y0, columns - x0]
        if found is None and self.has_con:
            found = np.zeros((1, x.size), np.uint32)
        return inside, found

    def _strips(self, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> list[tuple[Any, Any, Any]]:
        """Group the positions inside the frame by strips of rows: (their indices, rows, columns)."""
        ny, nx = self.shape
        with np.errstate(invalid="ignore"):
            inside = (x > -0.5) & (y > -0.5) & (x < nx - 0.5) & (y < ny - 0.5)
        index = np.flatnonzero(inside)
        rows = np.rint(y[index]).astype(np.int64)
        columns = np.rint(x[index]).astype(np.int64)
        groups = []
        for strip in np.unique(rows // _STRIP):
            here = rows // _STRIP == strip
            groups.append((index[here], rows[here], columns[here]))
        return groups


def open_frame(path: Path, *, zeropoint: float | None = None, unpack_dir: Path | None = None) -> Frame:
    """Open and validate a pipeline i2d file or a survey mosaic.

    Parameters
    ----------
    path : Path
        A pipeline i2d file, or the science file of a survey mosaic whose ``_wht``, ``_err`` or ``_rms``
        companions lie beside it; ``.gz`` is unpacked once.
    zeropoint : float or None
        AB magnitude of one unit in one pixel; overrides what the file says.
    unpack_dir : Path or None
        Where gzipped files are unpacked; None: a temporary folder.

    Returns
    -------
    Frame
        Open; close it, or use it in a ``with`` statement.

    Raises
    ------
    FrameError
        The file cannot be used; one line says why.
    """
    path = Path(path)
    hdus = open_fits(path, unpack_dir)
    planes: PlaneSet | None = None
    try:
        planes = find_planes(hdus, path, unpack_dir)
        frame = _frame(path, planes, zeropoint)
        _require_pixels(frame)
    except BaseException as error:
        if planes is not None:
            planes.close()
        hdus.close()
        if isinstance(error, FrameError) or not isinstance(error, Exception):
            raise
        # A damaged card, tile or table raises some twenty classes in astropy, wcslib and zlib.
        text = " ".join(str(error).split())[:120]
        raise FrameError(path, "corrupt", f"cannot be read ({type(error).__name__}: {text})") from error
    return frame


def _frame(path: Path, planes: PlaneSet, zeropoint: float | None) -> Frame:
    """Gather the facts of a frame from its headers."""
    header, primary = planes.header, planes.primary
    wcs = celestial_wcs(path, header, planes.shape)
    area_deg2 = pixel_area_deg2(wcs)
    merged = {**dict(primary), **dict(header)}
    scale = flux_scale(merged, area_deg2 * math.radians(1.0) ** 2, zeropoint)
    notes = list(planes.notes)
    if math.isnan(scale.to_njy):
        notes.append(scale.source)
    facts = header_facts(planes, wcs)
    return Frame(
        path=path,
        shape=planes.shape,
        wcs=wcs,
        pixel_scale=math.sqrt(area_deg2) * 3600.0,
        flux_unit=scale.flux_unit,
        to_njy=scale.to_njy,
        unit_source=scale.source,
        has_err=planes.has("err"),
        has_wht=planes.has("wht"),
        has_con=planes.has("con"),
        notes=tuple(notes),
        planes=planes,
        **facts,
    )


def _require_pixels(frame: Frame) -> None:
    """Refuse a frame without one valid pixel; the middle is tried first, so that good files cost little."""
    ny, nx = frame.shape
    if ny * nx <= _WHOLE_PIXELS:
        if frame.read(0, ny, 0, nx).valid.any():
            return
    else:
        starts = sorted(range(0, ny, _STRIP), key=lambda y: abs(y - ny // 2))
        if any(frame.read(y, min(y + 8, ny), 0, nx).valid.any() for y in starts):
            return
        if any(frame.read(y, min(y + _STRIP, ny), 0, nx).valid.any() for y in starts):
            return
    raise FrameError(frame.path, "no valid pixels", "every pixel is NaN, without error or without weight")
