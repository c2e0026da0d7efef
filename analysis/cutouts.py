"""Cutouts of one candidate in every frame: cut from frames, kept as one small file, stretched to grey levels.

The cache file is an uncompressed ``.npz``: arrays ``c0`` … ``cn`` (float32, (y, x), NaN where the pixel is
invalid, row 0 at the bottom) and ``meta``, the UTF-8 bytes of a JSON object. Reading it needs numpy alone, so
that a terminal can show a candidate a moment after it starts.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from analysis.stretches import STRETCHES, Stretch, clipped_rms, to_gray

__all__ = [
    "STRETCHES",
    "CutoutError",
    "CutoutSet",
    "FrameLike",
    "Neighbour",
    "Panel",
    "Stretch",
    "Target",
    "common_side_arcsec",
    "cut_panel",
    "cutout_set",
    "load_cutouts",
    "orientation",
    "save_cutouts",
    "side_arcsec",
    "to_gray",
]

MINIMUM_SIDE_ARCSEC = 3.0
KRON_RADII = 6.0
LARGEST_KRON_SIDE_ARCSEC = 15.0


class CutoutError(Exception):
    """A cutout file that cannot be read: its text names the file and the reason."""


class FrameLike(Protocol):
    """What cutting needs of an open frame; `analysis.i2d.Frame` has it."""

    @property
    def instrument(self) -> str: ...  # noqa: D102
    @property
    def filter(self) -> str: ...  # noqa: D102
    @property
    def shape(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def wcs(self) -> Any: ...  # noqa: D102
    @property
    def pixel_scale(self) -> float: ...  # noqa: D102
    @property
    def flux_unit(self) -> str: ...  # noqa: D102
    @property
    def to_njy(self) -> float: ...  # noqa: D102
    @property
    def mjd_beg(self) -> float: ...  # noqa: D102
    @property
    def rolls(self) -> tuple[float, ...]: ...  # noqa: D102
    def read(self, y0: int, y1: int, x0: int, x1: int) -> Any: ...  # noqa: D102


@dataclass(frozen=True)
class Target:
    """A place on the sky: ICRS degrees, Kron radius in arcsec (NaN unknown), the frames that detected it."""

    candidate: str
    ra: float
    dec: float
    r_kron_arcsec: float = math.nan
    detected_in: frozenset[str] = frozenset()
    simulated: bool = False
    neighbours: "tuple[Neighbour, ...]" = ()
    stars: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Neighbour:
    """Another object near a candidate: offsets in arcsec, AB magnitude and S/N where known, its rank or 0."""

    east: float
    north: float
    mag_ab: float
    snr: float
    rank: int = 0


@dataclass(frozen=True)
class Panel:
    """One frame's view of a candidate.

    `x`, `y` place the candidate in the cutout's own 0-based pixel centres. `north_deg` is the angle of north,
    in degrees counter-clockwise from +y as displayed with row 0 at the bottom; `parity` is +1 where east lies
    counter-clockwise of north (the sky seen from inside), −1 in a mirrored image, 0 unknown. `unit` is that
    of the pixels: nJy per pixel where the frame's scale is known. `rms` is their clipped noise (NaN where
    nothing is valid). `covered` says that the candidate's pixel is valid. `side_arcsec` is the side of the
    square of sky asked for: the image is so much larger that the square can be turned north up in it; NaN
    where it is the image's own. `rolls_deg` are the angles of V3 (east of north) of its exposures, from which
    the directions of spikes follow.
    """

    frame: str
    instrument: str
    filter: str
    mjd: float
    pixel_scale: float
    north_deg: float
    parity: int
    x: float
    y: float
    rms: float
    unit: str
    detected: bool
    covered: bool
    r_kron_arcsec: float
    side_arcsec: float = math.nan
    rolls_deg: tuple[float, ...] = ()


@dataclass(frozen=True)
class CutoutSet:
    """All panels of one candidate and their images, in the same order: float32 (y, x), NaN where invalid.

    `neighbours` are the objects near it, `stars` the offsets (east, north; arcsec) of bright stars whose
    spikes may reach it; both None in files of before they were recorded.
    """

    candidate: str
    ra: float
    dec: float
    simulated: bool
    panels: tuple[Panel, ...]
    images: tuple[npt.NDArray[np.float32], ...]
    neighbours: tuple[Neighbour, ...] | None = None
    stars: tuple[tuple[float, float], ...] | None = None


def side_arcsec(cutout_size: int, pixel_scale: float, r_kron_arcsec: float) -> float:
    """Return the side of a cutout in arcsec: the largest of `cutout_size` pixels, 6 Kron radii and 3″.

    The Kron radii count up to 15″: one bright halo must not make a cutout of the whole field.

    Parameters
    ----------
    cutout_size : int
        The user's side in pixels.
    pixel_scale : float
        Arcsec per pixel of the frame.
    r_kron_arcsec : float
        Kron radius in arcsec; NaN leaves it out.
    """
    kron = min(KRON_RADII * r_kron_arcsec, LARGEST_KRON_SIDE_ARCSEC) if r_kron_arcsec > 0.0 else 0.0
    return max(cutout_size * pixel_scale, kron, MINIMUM_SIDE_ARCSEC)


def common_side_arcsec(cutout_size: int, pixel_scales: Iterable[float], r_kron_arcsec: float) -> float:
    """Return the side (arcsec) that serves every frame: the largest that any of their pixel scales asks for.

    Panels of one candidate then show the same piece of sky, so that its bands can be compared.
    """
    return max(side_arcsec(cutout_size, scale, r_kron_arcsec) for scale in pixel_scales)


def orientation(wcs: Any, x: float, y: float) -> tuple[float, int]:
    """Return the angle of north (degrees counter-clockwise from +y) and the parity (+1: east at its left).

    Measured on the sky at pixel (x, y), 0-based centres, by stepping one pixel along each axis: valid for any
    celestial WCS, distorted ones included.
    """
    ra, dec = (
        np.asarray(v, dtype=float) for v in wcs.pixel_to_world_values([x, x + 1.0, x], [y, y, y + 1.0])
    )
    east = (np.mod(ra - ra[0] + 180.0, 360.0) - 180.0) * math.cos(math.radians(dec[0]))
    north = dec - dec[0]
    determinant = east[1] * north[2] - east[2] * north[1]
    if not math.isfinite(determinant) or determinant == 0.0:
        return math.nan, 0
    # The pixel step (dx, dy) that moves north alone solves east = 0, north = 1.
    dx, dy = -east[2] / determinant, east[1] / determinant
    angle = math.degrees(math.atan2(-dx, dy))
    return angle, 1 if determinant < 0.0 else -1


def _window(frame: FrameLike, x: float, y: float, side_px: int) -> tuple[npt.NDArray[np.float32], int, int]:
    """Return the square of `side_px` pixels about (x, y), NaN where invalid, and its low corner."""
    half = side_px // 2
    y_low, x_low = round(y) - half, round(x) - half
    image = np.full((side_px, side_px), np.nan, dtype=np.float32)
    height, width = frame.shape
    y0, y1 = max(y_low, 0), min(y_low + side_px, height)
    x0, x1 = max(x_low, 0), min(x_low + side_px, width)
    if y0 < y1 and x0 < x1:
        planes = frame.read(y0, y1, x0, x1)
        per_unit = np.float32(frame.to_njy if math.isfinite(frame.to_njy) else 1.0)
        part = np.where(planes.valid, planes.sci * per_unit, np.float32(np.nan))
        image[y0 - y_low : y1 - y_low, x0 - x_low : x1 - x_low] = part
    return image, x_low, y_low


def cut_panel(
    target: Target, name: str, frame: FrameLike, side: float
) -> tuple[Panel, npt.NDArray[np.float32]] | None:
    """Cut one frame about a target; None where no valid pixel of the frame falls inside the square.

    Parameters
    ----------
    target : Target
        The place on the sky.
    name : str
        The frame's name in the store.
    frame : FrameLike
        The open frame.
    side : float
        Side of the square in arcsec; cut is the next odd number of pixels that holds it turned north up, the
        candidate in the middle one.
    """
    x, y = (float(v) for v in frame.wcs.world_to_pixel_values(target.ra, target.dec))
    if not (math.isfinite(x) and math.isfinite(y)):
        return None
    angle, parity = orientation(frame.wcs, x, y)
    turn = math.radians(angle) if parity else 0.0
    spread = abs(math.cos(turn)) + abs(math.sin(turn))
    # The candidate is up to half a pixel from the middle of its own: a corner needs one more.
    whole = side * spread + (frame.pixel_scale if spread > 1.0 + 1e-4 else 0.0)
    side_px = 2 * math.ceil((whole / frame.pixel_scale - 1.0) / 2.0 - 1e-6) + 1
    reach = side_px // 2 + 1
    if not (-reach < x < frame.shape[1] + reach and -reach < y < frame.shape[0] + reach):
        return None
    image, x_low, y_low = _window(frame, x, y, side_px)
    if not np.isfinite(image).any():
        return None
    panel = Panel(
        frame=name,
        instrument=frame.instrument,
        filter=frame.filter,
        mjd=float(frame.mjd_beg),
        pixel_scale=float(frame.pixel_scale),
        north_deg=angle,
        parity=parity,
        x=x - x_low,
        y=y - y_low,
        rms=clipped_rms(image),
        unit=frame.flux_unit,
        detected=name in target.detected_in,
        covered=bool(np.isfinite(image[round(y) - y_low, round(x) - x_low])),
        r_kron_arcsec=target.r_kron_arcsec,
        side_arcsec=side,
        rolls_deg=tuple(float(roll) for roll in frame.rolls),
    )
    return panel, image


def cutout_set(target: Target, cut: Sequence[tuple[Panel, npt.NDArray[np.float32]]]) -> CutoutSet:
    """Return the panels of a target as one set, in the order given."""
    panels, images = tuple(panel for panel, _ in cut), tuple(image for _, image in cut)
    return CutoutSet(
        target.candidate,
        target.ra,
        target.dec,
        target.simulated,
        panels,
        images,
        target.neighbours,
        target.stars,
    )


def save_cutouts(path: Path, cutouts: CutoutSet) -> None:
    """Write a cutout set whole or not at all."""
    panels = [{k: _plain(v) for k, v in asdict(panel).items()} for panel in cutouts.panels]
    meta = {
        "candidate": cutouts.candidate,
        "ra": cutouts.ra,
        "dec": cutouts.dec,
        "simulated": cutouts.simulated,
        "panels": panels,
        "neighbours": _listed(cutouts.neighbours),
        "stars": None if cutouts.stars is None else [list(place) for place in cutouts.stars],
    }
    text = json.dumps(meta, ensure_ascii=False, sort_keys=True, allow_nan=False)
    arrays = {f"c{i}": np.asarray(image, dtype=np.float32) for i, image in enumerate(cutouts.images)}
    arrays["meta"] = np.frombuffer(text.encode(), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_cutouts(path: Path) -> CutoutSet:
    """Read a cutout set.

    Raises
    ------
    CutoutError
        The file is absent, damaged or not a cutout file; the text names it and says how to make it again.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            meta = json.loads(archive["meta"].tobytes().decode())
            images = tuple(archive[f"c{i}"] for i in range(len(meta["panels"])))
        panels = tuple(_panel(values) for values in meta["panels"])
        return CutoutSet(
            str(meta["candidate"]),
            float(meta["ra"]),
            float(meta["dec"]),
            bool(meta["simulated"]),
            panels,
            images,
            _neighbours(meta.get("neighbours")),
            None if meta.get("stars") is None else tuple((float(e), float(n)) for e, n in meta["stars"]),
        )
    except FileNotFoundError as error:
        raise CutoutError(f"{path}: no cutouts here yet: run `jwst-vet rank`") from error
    except Exception as error:  # a zip file can be damaged in more ways than zipfile names
        raise CutoutError(
            f"{path}: not a readable cutout file ({type(error).__name__}): delete it, run `jwst-vet rank`"
        ) from error


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: NaN becomes null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _listed(neighbours: tuple[Neighbour, ...] | None) -> list[list[Any]] | None:
    """Return neighbours as JSON has them."""
    if neighbours is None:
        return None
    return [[_plain(value) for value in asdict(one).values()] for one in neighbours]


def _neighbours(values: Iterable[Sequence[Any]] | None) -> tuple[Neighbour, ...] | None:
    """Return neighbours from their JSON."""
    if values is None:
        return None
    return tuple(
        Neighbour(_number(east), _number(north), _number(mag), _number(snr), int(rank))
        for east, north, mag, snr, rank in values
    )


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


_NUMBERS = ("mjd", "pixel_scale", "north_deg", "x", "y", "rms", "r_kron_arcsec", "side_arcsec")


def _panel(values: Mapping[str, Any]) -> Panel:
    """Return a panel from its JSON object: null becomes NaN, fields of other versions are left out."""
    known = {name: values[name] for name in Panel.__dataclass_fields__ if name in values}
    known.update({name: _number(known[name]) for name in _NUMBERS if name in known})
    known["rolls_deg"] = tuple(known.get("rolls_deg") or ())
    return Panel(**known)
