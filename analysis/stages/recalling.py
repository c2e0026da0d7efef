"""Part of stage `completeness`: anomalies put into a piece of the measured frames, ranked with the rest."""

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.config import Config
from analysis.recalled import Injected
from analysis.stages.cutting import open_recorded
from store.database import Database
from store.frames import FrameRecord, frame_records
from store.project import Project
from store.sources import load_sources

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from analysis.i2d import Frame
    from analysis.simulate.sources import Source

SIDE_ARCSEC = 64.0
"""Side of the piece of sky, at most; it bounds what is written, measured and ranked."""
MOST = 30
DENSITY = 1.0 / 110.0
"""Anomalies per square arcsec, at most: more would be neighbours of each other."""
_SEED = 20260103
_MATCH_ARCSEC = 0.5
_GRID = 72
_LEAST_COVERED = 0.5


def recall_key(records: Sequence[FrameRecord], config: Config) -> str:
    """Return the name of what a recall depends on."""
    facts = [
        sorted((record.frame, record.stage_key) for record in records),
        config.detection_threshold,
        config.min_snr,
        asdict(config.weights),
        asdict(config.ranking),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def measure_recall(
    project: Project,
    config: Config,
    records: Sequence[FrameRecord],
    stopping: Callable[[], bool] = lambda: False,
) -> tuple[list[Injected], str]:
    """Put anomalies into a copy of a piece of the frames, rank all that is found, and say where they came.

    Returns
    -------
    rows : list of Injected
        Empty where it cannot be done.
    reason : str
        Why not; "" where it was done.
    """
    from analysis.i2d import FrameError
    from analysis.injection import usable_band

    usable = [r for r in records if usable_band(r.filter) and math.isfinite(r.to_njy)]
    if not usable:
        return [], "no frame of a NIRCam band with a known flux unit, for which anomalies can be invented"
    folder = project.cache / "recall"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with ExitStack() as stack:
            frames = {
                record.frame: stack.enter_context(open_recorded(project, record)).frame for record in usable
            }
            put, reason = _write_pieces(folder, usable, frames, load_sources(Database(project.database)))
        if reason or stopping():
            return [], reason or "stopped"
        return _rank_pieces(folder, config, put, recall_key(records, config), usable[0].simulated), ""
    except FrameError as error:
        return [], str(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_pieces(
    folder: Path, records: Sequence[FrameRecord], frames: "dict[str, Frame]", sources: Any
) -> "tuple[list[tuple[Source, float, float]], str]":
    """Write a piece of each frame with the anomalies in it; return them with positions, or why not."""
    import numpy as np

    from analysis.alignment import shifted
    from analysis.injection import add_sources, draw_anomalies, draw_places

    names = list(frames)
    middle, half, grid, covered = _patch(frames)
    kept = [name for k, name in enumerate(names) if covered[k].mean() >= _LEAST_COVERED]
    if not kept:
        return [], "no piece of sky that the frames cover together"
    everywhere = np.asarray(covered[[names.index(name) for name in kept]].all(axis=0), dtype=bool)
    good = sources[sources["frame"].isin(kept) & (sources["snr"] >= 5.0)]
    squeeze = math.cos(math.radians(middle[1]))
    east = (np.mod(good["ra"].to_numpy(float) - middle[0] + 180, 360) - 180) * squeeze * 3600
    taken = np.column_stack([east, (good["dec"].to_numpy(float) - middle[1]) * 3600])
    rng = np.random.default_rng(_SEED)
    most = min(MOST, int(DENSITY * (2 * half) ** 2))
    places = draw_places(rng, half, taken, everywhere, grid, most)
    if len(places) < 3:
        return [], "no room for anomalies between the sources of the frames"
    bands = [frames[name].filter for name in kept]
    put = draw_anomalies(rng, places, sorted(set(bands)))
    folder.mkdir(parents=True)
    for name in kept:
        frame = replace(frames[name], to_njy=next(r.to_njy for r in records if r.frame == name))
        box = _box(frame, middle, half)
        if box is not None:
            light = add_sources(frame, box, middle, put)
            _write(folder / f"{name}.fits", frame, box, light)
    spots = [shifted(np.array([middle[0]]), np.array([middle[1]]), s.east, s.north) for s in put]
    return [(s, float(ra[0]), float(dec[0])) for s, (ra, dec) in zip(put, spots, strict=True)], ""


def _patch(
    frames: "dict[str, Frame]",
) -> "tuple[tuple[float, float], float, npt.NDArray[np.float64], npt.NDArray[np.bool_]]":
    """Return middle (degrees), half side (arcsec), points and which frame covers which, of the best patch.

    Best is the square of at most 64 arcsec that most pixels of most frames cover.
    """
    import numpy as np
    from scipy import ndimage

    from analysis.alignment import shifted

    first = min(frames.values(), key=lambda frame: frame.shape[0] * frame.shape[1] * frame.pixel_scale**2)
    ny, nx = first.shape
    span = min(ny, nx) * first.pixel_scale
    half = min(SIDE_ARCSEC, span) / 2
    centre = [float(v[0]) for v in first.sky(np.array([(nx - 1) / 2]), np.array([(ny - 1) / 2]))]
    # points on a grid over the smallest frame, wide enough for any direction of its axes
    reach = max(ny, nx) * first.pixel_scale / 2
    step = max(2 * reach / 160, 0.5)
    axis = np.arange(-reach, reach + step, step)
    east, north = (g.ravel() for g in np.meshgrid(axis, axis, indexing="ij"))
    ra, dec = shifted(np.full(east.size, centre[0]), np.full(east.size, centre[1]), east, north)
    seen = np.stack([frame.valid_at(ra, dec) for frame in frames.values()])
    share = ndimage.uniform_filter(
        seen.mean(axis=0).reshape(len(axis), -1), max(1, round(2 * half / step)), mode="constant"
    )
    i, j = np.unravel_index(int(np.argmax(np.round(share, 6))), share.shape)
    moved = shifted(np.array([centre[0]]), np.array([centre[1]]), float(axis[i]), float(axis[j]))
    middle = (float(moved[0][0]), float(moved[1][0]))
    fine = np.linspace(-half, half, _GRID)
    grid = np.stack([g.ravel() for g in np.meshgrid(fine, fine, indexing="ij")], axis=1)
    ra, dec = shifted(np.full(len(grid), middle[0]), np.full(len(grid), middle[1]), grid[:, 0], grid[:, 1])
    return middle, half, grid, np.stack([frame.valid_at(ra, dec) for frame in frames.values()])


def _box(frame: "Frame", middle: tuple[float, float], half: float) -> tuple[int, int, int, int] | None:
    """Return the window of a frame that holds a square on the sky; None where they do not meet."""
    import numpy as np

    from analysis.alignment import shifted

    corners = np.array([(-half, -half), (-half, half), (half, -half), (half, half)])
    ra, dec = shifted(np.full(4, middle[0]), np.full(4, middle[1]), corners[:, 0], corners[:, 1])
    x, y = frame.pixel(ra, dec)
    ny, nx = frame.shape
    y0, y1 = max(0, math.floor(y.min())), min(ny, math.ceil(y.max()) + 1)
    x0, x1 = max(0, math.floor(x.min())), min(nx, math.ceil(x.max()) + 1)
    return (y0, y1, x0, x1) if y1 - y0 > 16 and x1 - x0 > 16 else None


def _write(path: Path, frame: "Frame", box: tuple[int, int, int, int], light: Any) -> None:
    """Write a window of a frame as an image of its own, in nJy, with light added; says SIMULATED."""
    import numpy as np
    from astropy.io import fits

    y0, y1, x0, x1 = box
    planes = frame.read(y0, y1, x0, x1)
    header = frame.wcs.deepcopy().to_header()
    header["CRPIX1"], header["CRPIX2"] = header["CRPIX1"] - x0, header["CRPIX2"] - y0
    header["BUNIT"] = "nJy"
    for name, value in (("PA_V3", frame.pa_v3), ("MJD-BEG", frame.mjd_beg), ("MJD-END", frame.mjd_end)):
        if math.isfinite(value):
            header[name] = value
    primary = fits.PrimaryHDU()
    primary.header.update(TELESCOP="JWST", INSTRUME=frame.instrument, FILTER=frame.filter, PUPIL="CLEAR")
    primary.header["SIMULATE"] = (True, "anomalies were put in")
    scale = np.float32(frame.to_njy)
    hdus = [primary, fits.ImageHDU(np.where(planes.valid, planes.sci * scale + light, np.nan), header, "SCI")]
    if planes.err is not None:
        hdus.append(fits.ImageHDU(planes.err * scale, header, "ERR"))
    if planes.wht is not None:
        hdus.append(fits.ImageHDU(planes.wht, header, "WHT"))
    if frame.has_con:
        hdus.append(fits.ImageHDU(frame.planes.context(y0, y1, x0, x1).view(np.int32), name="CON"))
    if (inputs := frame.planes.table("HDRTAB")) is not None:
        hdus.append(fits.BinTableHDU(inputs, name="HDRTAB"))
    fits.HDUList(hdus).writeto(path)


def _rank_pieces(
    folder: Path, config: Config, put: "Sequence[tuple[Source, float, float]]", key: str, simulated: bool
) -> list[Injected]:
    """Measure and rank the pieces as any project, without a cap, and find the anomalies in the ranking."""
    import numpy as np

    from analysis.stages.images import images
    from analysis.stages.rank import make_ranking

    inner = Project(folder / "project")
    inner.prepare()
    settings = replace(config, top_anomalies_per_image=0)
    images(inner, settings, _silent, paths=sorted(folder.glob("*.fits")))
    db = Database(inner.database)
    records = frame_records(db, "done")
    found = make_ranking(inner, settings, records, load_sources(db), [], _silent).ranking.candidates
    ra, dec = found["ra"].to_numpy(float), found["dec"].to_numpy(float)
    rank = found["rank"].to_numpy(int)
    bands = {record.filter for record in records}
    rows = []
    for source, at_ra, at_dec in put:
        east = (np.mod(ra - at_ra + 180, 360) - 180) * math.cos(math.radians(at_dec)) * 3600
        near = np.hypot(east, (dec - at_dec) * 3600) <= max(_MATCH_ARCSEC, 1.2 * source.radius)
        brightest = max(source.flux(band) for band in bands)
        rows.append(
            Injected(
                key, source.kind, at_ra, at_dec, 31.4 - 2.5 * math.log10(brightest),
                int(rank[near].min()) if near.any() else 0, len(found), len(bands), simulated,
            )
        )  # fmt: skip
    return rows


def _silent(_event: Mapping[str, object]) -> None:
    """Tell nobody: the pieces are no frames of the project."""
