"""A whole frame as one small picture, and where the sky lies in it. Reading one needs numpy alone.

The file is a ``.npz``: `image` (float32, (y, x), mean of the valid pixels of each bin, NaN where none is) and
`meta`, the UTF-8 bytes of a JSON object.
"""

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from analysis.orienting import offsets_of

LARGEST_SIDE: Final = 640
"""Most bins along a side: more than any terminal shows."""
STRIP: Final = 512
"""Rows read at a time, so that memory does not grow with the mosaic."""


class FieldError(Exception):
    """A field view that cannot be read: its text names the file and the reason."""


class Readable(Protocol):
    """What binning needs of an open frame."""

    @property
    def shape(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def wcs(self) -> Any: ...  # noqa: D102
    def read(self, y0: int, y1: int, x0: int, x1: int) -> Any: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class FieldView:
    """A frame in bins of `bin` × `bin` pixels.

    `matrix` takes gnomonic offsets (east, north; arcsec) from (`ra`, `dec`) to offsets in bins from
    (`x`, `y`), 0-based bin centres; it is fitted to the frame's WCS and leaves at most `residual` bins.
    """

    frame: str
    instrument: str
    filter: str
    stage_key: str
    bin: int
    ra: float
    dec: float
    x: float
    y: float
    matrix: tuple[tuple[float, float], tuple[float, float]]
    residual: float
    image: npt.NDArray[np.float32]

    def place(self, ra: Any, dec: Any) -> tuple[Any, Any]:
        """Return x and y (0-based bin centres) of positions in degrees."""
        east, north = offsets_of(self.ra, self.dec, ra, dec)
        (a, b), (c, d) = self.matrix
        return self.x + a * east + b * north, self.y + c * east + d * north

    def offsets(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return the offsets east and north (arcsec) of a place in bins."""
        (a, b), (c, d) = self.matrix
        inverse = 1.0 / (a * d - b * c)
        dx, dy = x - self.x, y - self.y
        return inverse * (d * dx - b * dy), inverse * (a * dy - c * dx)

    @property
    def arcsec_per_bin(self) -> float:
        """The side of a bin on the sky."""
        (a, b), (c, d) = self.matrix
        return 1.0 / math.sqrt(abs(a * d - b * c))

    @property
    def north_deg(self) -> float:
        """The angle of north, counter-clockwise from +y."""
        (_, b), (_, d) = self.matrix
        return math.degrees(math.atan2(-b, d))

    @property
    def parity(self) -> int:
        """+1 where east lies counter-clockwise of north."""
        (a, b), (c, d) = self.matrix
        return 1 if a * d - b * c < 0 else -1


def binned(frame: Readable, factor: int) -> npt.NDArray[np.float32]:
    """Return the mean of the valid pixels of each `factor` × `factor` square, NaN where none is."""
    height, width = frame.shape
    rows, columns = -(-height // factor), -(-width // factor)
    image = np.full((rows, columns), np.nan, dtype=np.float32)
    step = max(1, STRIP // factor)
    for row in range(0, rows, step):
        y0, y1 = row * factor, min((row + step) * factor, height)
        planes = frame.read(y0, y1, 0, width)
        sums = _blocks(np.where(planes.valid, planes.sci, 0.0), factor)
        counts = _blocks(planes.valid.astype(np.float64), factor)
        with np.errstate(invalid="ignore", divide="ignore"):
            image[row : row + sums.shape[0]] = np.where(counts > 0, sums / counts, np.nan)
    return image


def _blocks(values: npt.NDArray[Any], factor: int) -> npt.NDArray[np.float64]:
    down = np.add.reduceat(values.astype(np.float64), np.arange(0, values.shape[0], factor), axis=0)
    across: npt.NDArray[np.float64] = np.add.reduceat(down, np.arange(0, values.shape[1], factor), axis=1)
    return across


def view_field(frame: Readable, *, name: str, instrument: str, filter_name: str, stage_key: str) -> FieldView:
    """Return the view of an open frame."""
    height, width = frame.shape
    factor = max(1, -(-max(height, width) // LARGEST_SIDE))
    across, along = np.linspace(0, width - 1, 9), np.linspace(0, height - 1, 9)
    x, y = (grid.ravel() for grid in np.meshgrid(across, along))
    middle = (float(v) for v in frame.wcs.pixel_to_world_values((width - 1) / 2, (height - 1) / 2))
    ra0, dec0 = middle
    ra, dec = (np.asarray(v, dtype=float) for v in frame.wcs.pixel_to_world_values(x, y))
    bx, by = (x + 0.5) / factor - 0.5, (y + 0.5) / factor - 0.5
    east, north = offsets_of(ra0, dec0, ra, dec)
    design = np.stack([east, north, np.ones_like(east)], axis=1)
    found, *_ = np.linalg.lstsq(design, np.stack([bx, by], axis=1), rcond=None)
    residual = float(np.abs(design @ found - np.stack([bx, by], axis=1)).max())
    (a, c), (b, d), (x0, y0) = found.tolist()
    matrix = ((a, b), (c, d))
    image = binned(frame, factor)
    return FieldView(
        name, instrument, filter_name, stage_key, factor, ra0, dec0, x0, y0, matrix, residual, image
    )


def save_field(path: Path, view: FieldView) -> None:
    """Write a view whole or not at all."""
    meta = {key: value for key, value in asdict(view).items() if key != "image"}
    text = np.frombuffer(json.dumps(meta, sort_keys=True, allow_nan=False).encode(), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as stream:
            np.savez(stream, image=view.image, meta=text)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_field(path: Path) -> FieldView:
    """Read a view.

    Raises
    ------
    FieldError
        It is absent or damaged; the text names it and says how to make it again.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            meta = json.loads(archive["meta"].tobytes().decode())
            image = archive["image"]
        (a, b), (c, d) = meta.pop("matrix")
        return FieldView(**meta, matrix=((a, b), (c, d)), image=image)
    except FileNotFoundError as error:
        raise FieldError(f"{path}: no view of this frame yet: run `jwst-vet rank`") from error
    except Exception as error:  # a zip file can be damaged in more ways than zipfile names
        raise FieldError(
            f"{path}: not a readable view ({type(error).__name__}): delete it, run `jwst-vet rank`"
        ) from error
