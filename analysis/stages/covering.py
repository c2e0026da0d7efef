"""The third part of stage `rank`: what each frame has at each candidate, and what changed between epochs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.stages.cutting import open_recorded
from store.frames import FrameRecord
from store.project import Project

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from analysis.alignment import Offset
    from analysis.association import Objects
    from analysis.exposures import Coverage

SEEN_SNR = 3.0
DETECTED, SHOWN, NOT_DETECTED = "detected", "shown", "not detected"
NOT_MEASURED, NO_VALUE, OUTSIDE, UNKNOWN = "not measured", "no value", "outside", "unknown"


@dataclass(frozen=True, eq=False)
class Fluxes:
    """Forced measurements in one frame of every object, NaN where not made; in the frame's flux unit."""

    flux: "npt.NDArray[np.float64]"
    flux_err: "npt.NDArray[np.float64]"
    core: "npt.NDArray[np.float64]"
    core_err: "npt.NDArray[np.float64]"


@dataclass(frozen=True, eq=False)
class Covering:
    """What the frames (columns) have at the listed objects (rows), in the order of records.

    `covers` is None for a frame that could not be read; `failures` gives the reason.
    """

    listed: "npt.NDArray[np.int64]"
    covers: "tuple[Coverage | None, ...]"
    failures: list[tuple[FrameRecord, str]]

    def of_all(self, n_objects: int) -> "npt.NDArray[np.bool_]":
        """Return which frames have a valid pixel at which of all objects, (n_objects, n_frames)."""
        import numpy as np

        covered = np.zeros((n_objects, len(self.covers)), dtype=bool)
        for column, cover in enumerate(self.covers):
            if cover is not None:
                covered[self.listed, column] = cover.covered
        return covered


def cover_candidates(
    project: Project,
    records: Sequence[FrameRecord],
    objects: "Objects",
    listed: "npt.NDArray[np.int64]",
    offsets: "Mapping[str, Offset]",
) -> Covering:
    """Ask every frame what it has at the listed objects."""
    from analysis.alignment import shifted
    from analysis.exposures import coverage
    from analysis.i2d import FrameError

    covers: list[Coverage | None] = []
    failures = []
    for record in records:
        offset = offsets[record.frame]
        ra, dec = objects.ra[listed], objects.dec[listed]
        if offset.applied:
            ra, dec = shifted(ra, dec, offset.east, offset.north)
        try:
            with open_recorded(project, record) as opened:
                covers.append(coverage(opened.frame, ra, dec))
        except FrameError as error:
            failures.append((record, f"{error.kind}: {error.reason}; its coverage is not counted"))
            covers.append(None)
    return Covering(listed, tuple(covers), failures)


def candidate_tables(
    records: Sequence[FrameRecord],
    sources: "pd.DataFrame",
    of_source: "npt.NDArray[np.int64]",
    objects: "Objects",
    names: Sequence[str],
    covering: Covering,
    offsets: "Mapping[str, Offset]",
    fluxes: Mapping[str, Fluxes],
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the tables candidate_frames and candidate_epochs of the store.

    Parameters
    ----------
    records : sequence of FrameRecord
        In the order of `covering.covers`.
    sources : DataFrame
        All sources.
    of_source : int64
        The object of each, before fragments were joined: a place is that of one source, not of a system.
    objects : Objects
        As ranked, fragments joined.
    names : sequence of str
        Of every object.
    covering : Covering
        From `cover_candidates`.
    offsets : mapping
        Of each frame, from `alignment.measure_offsets`.
    fluxes : mapping
        Forced measurements by frame; empty where none were made.
    """
    import numpy as np

    from analysis.exposures import timeline

    listed = covering.listed
    places = _places(sources, of_source, objects, listed, records, offsets)
    held = [cover if cover is not None else _nothing(len(listed)) for cover in covering.covers]
    time = timeline(held)
    light = _light(records, listed, fluxes, places["flux_ap1"], places["flux_ap1_err"])
    state = _states(covering, _members(sources, objects, listed, records), light)
    chosen = [names[i] for i in listed.tolist()]
    frames = _frame_rows(chosen, records, covering, state, light, time.present.sum(axis=2), time.mean_mjd)
    showing = np.isin(state, (DETECTED, SHOWN))
    epochs = _epoch_rows(chosen, records, covering, time, showing, light, places, objects.ra[listed])
    return frames, epochs


def _nothing(n: int) -> "Coverage":
    """Return the coverage of a frame that could not be read."""
    import numpy as np

    from analysis.exposures import Coverage

    no = np.zeros(n, dtype=bool)
    return Coverage(no, no, np.full(n, -1), np.zeros((n, 0), dtype=bool), np.empty(0), np.empty(0))


def _members(
    sources: "pd.DataFrame",
    objects: "Objects",
    listed: "npt.NDArray[np.int64]",
    records: Sequence[FrameRecord],
) -> "npt.NDArray[np.bool_]":
    """Return which frames (columns) hold a source of which listed object."""
    import numpy as np

    number = {record.frame: i for i, record in enumerate(records)}
    column = sources["frame"].map(number).to_numpy(dtype=np.int64)
    own = objects.of_source >= 0
    members = np.zeros((len(objects.ra), len(records)), dtype=bool)
    members[objects.of_source[own], column[own]] = True
    return np.asarray(members[listed])


def _places(
    sources: "pd.DataFrame",
    of_source: "npt.NDArray[np.int64]",
    objects: "Objects",
    listed: "npt.NDArray[np.int64]",
    records: Sequence[FrameRecord],
    offsets: "Mapping[str, Offset]",
) -> "dict[str, npt.NDArray[np.float64]]":
    """Return east, north, error (arcsec), flux_ap1 and its error of the one source of each object and frame.

    Arrays (n_listed, n_frames); NaN where a frame has none or several, and east and north where the frame's
    offset is unknown or the source shares its island, is cut or holed: its centre is then not its own.
    """
    import numpy as np

    from analysis.changes import centre_error

    n, f = len(listed), len(records)
    row_of = np.full(len(objects.ra), -1, dtype=np.int64)
    row_of[listed] = np.arange(n)
    number = {record.frame: i for i, record in enumerate(records)}
    mine = np.flatnonzero((of_source >= 0) & (row_of[np.maximum(of_source, 0)] >= 0))
    part = sources.iloc[mine]
    row = row_of[of_source[mine]]
    column = part["frame"].map(number).to_numpy(dtype=np.int64)
    cell = row * f + column
    alone = np.bincount(cell, minlength=n * f)[cell] == 1
    part, row, column = part[alone], row[alone], column[alone]
    ra, dec = objects.ra[listed][row], objects.dec[listed][row]
    east = np.mod(part["ra"].to_numpy(float) - ra + 180.0, 360.0) - 180.0
    east = east * np.cos(np.radians(dec)) * 3600.0
    north = (part["dec"].to_numpy(float) - dec) * 3600.0
    laid = [offsets[record.frame] for record in records]
    fwhm = np.array([record.fwhm_arcsec for record in records])
    error = centre_error(fwhm[column], part["r50_arcsec"].to_numpy(float), part["snr"].to_numpy(float))
    error = np.hypot(error, np.array([o.error for o in laid])[column])
    whole = ~part["flags"].astype(str).str.contains("blended|saturated|truncated|nan").to_numpy(dtype=bool)
    values = {
        "east": np.where(whole, east - np.array([o.east for o in laid])[column], np.nan),
        "north": np.where(whole, north - np.array([o.north for o in laid])[column], np.nan),
        "error": error,
        "flux_ap1": part["flux_ap1"].to_numpy(float),
        "flux_ap1_err": part["flux_ap1_err"].to_numpy(float),
        "r50": part["r50_arcsec"].to_numpy(float),
    }
    grids = {}
    for name, value in values.items():
        grids[name] = np.full((n, f), np.nan)
        grids[name][row, column] = value
    return grids


def _light(
    records: Sequence[FrameRecord],
    listed: "npt.NDArray[np.int64]",
    fluxes: Mapping[str, Fluxes],
    aperture: "npt.NDArray[np.float64]",
    aperture_err: "npt.NDArray[np.float64]",
) -> "dict[str, npt.NDArray[np.float64]]":
    """Return forced flux and error, and what epochs are compared by, arrays (n_listed, n_frames).

    Epochs of a band are compared by the light in the same small circle of the frames as they are; where no
    forced measurement was made, by the smaller fixed aperture of what was detected.
    """
    import numpy as np

    shape = len(listed), len(records)
    light = {name: np.full(shape, np.nan) for name in ("flux", "flux_err")}
    light |= {"compared": aperture.copy(), "compared_err": aperture_err.copy()}
    for column, record in enumerate(records):
        if record.frame in fluxes:
            forced = fluxes[record.frame]
            light["flux"][:, column] = forced.flux[listed]
            light["flux_err"][:, column] = forced.flux_err[listed]
    if set(fluxes) >= {record.frame for record in records}:
        for column, record in enumerate(records):
            light["compared"][:, column] = fluxes[record.frame].core[listed]
            light["compared_err"][:, column] = fluxes[record.frame].core_err[listed]
    return light


def _states(
    covering: Covering,
    detected: "npt.NDArray[np.bool_]",
    light: "Mapping[str, npt.NDArray[np.float64]]",
) -> "npt.NDArray[np.object_]":
    """Return in one word what each frame shows of each object, (n_listed, n_frames)."""
    import numpy as np

    state = np.full(detected.shape, UNKNOWN, dtype=object)
    snr = light["flux"] / light["flux_err"]
    for column, cover in enumerate(covering.covers):
        if cover is not None:
            measured = np.isfinite(snr[:, column])
            with np.errstate(invalid="ignore"):
                seen = np.where(snr[:, column] >= SEEN_SNR, SHOWN, NOT_DETECTED)
            at = np.where(measured, seen, NOT_MEASURED)
            state[:, column] = np.where(cover.covered, at, np.where(cover.inside, NO_VALUE, OUTSIDE))
    state[detected] = DETECTED
    return state


def _frame_rows(
    names: Sequence[str],
    records: Sequence[FrameRecord],
    covering: Covering,
    state: "npt.NDArray[np.object_]",
    light: "Mapping[str, npt.NDArray[np.float64]]",
    epochs: "npt.NDArray[np.int64]",
    mjd: "npt.NDArray[np.float64]",
) -> "pd.DataFrame":
    """Return one row per candidate and frame."""
    import numpy as np
    import pandas as pd

    from analysis.zeropoint import AB_ZERO_NJY

    parts = []
    for column, (record, cover) in enumerate(zip(records, covering.covers, strict=True)):
        timed = cover is not None and bool(np.isfinite(cover.starts).any())
        flux, error = light["flux"][:, column], light["flux_err"][:, column]
        limit = np.full(len(names), np.nan)
        if record.flux_unit == "nJy":
            with np.errstate(invalid="ignore", divide="ignore"):
                limit = AB_ZERO_NJY - 2.5 * np.log10(SEEN_SNR * error)
        parts.append(
            pd.DataFrame(
                {
                    "candidate": names, "frame": record.frame, "instrument": record.instrument,
                    "filter": record.filter, "state": state[:, column],
                    "exposures": -1 if cover is None else cover.exposures,
                    "epochs": epochs[:, column] if timed else -1,
                    "mjd": mjd[:, column], "flux": flux, "flux_err": error, "flux_unit": record.flux_unit,
                    "snr": flux / error, "limit_mag": limit, "simulated": record.simulated,
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _epoch_rows(
    names: Sequence[str],
    records: Sequence[FrameRecord],
    covering: Covering,
    time: Any,
    showing: "npt.NDArray[np.bool_]",
    light: "Mapping[str, npt.NDArray[np.float64]]",
    places: "Mapping[str, npt.NDArray[np.float64]]",
    ra: "npt.NDArray[np.float64]",
) -> "pd.DataFrame":
    """Return one row per candidate: exposures, epochs, rolls, and what changed."""
    import numpy as np
    import pandas as pd

    from analysis.changes import flux_change, motion

    keys = sorted({(r.instrument, r.filter, r.flux_unit) for r in records})
    band = np.array([keys.index((r.instrument, r.filter, r.flux_unit)) for r in records])
    change = flux_change(light["compared"], light["compared_err"], time.single, time.mean_mjd, band)
    size = np.full(len(ra), np.nan)
    known = np.isfinite(places["r50"]).any(axis=1)
    size[known] = np.nanmedian(places["r50"][known], axis=1)
    moved = motion(places["east"], places["north"], places["error"], size, time.single, time.mean_mjd, band)
    counts = np.stack(
        [np.full(len(ra), -1) if cover is None else cover.exposures for cover in covering.covers], axis=1
    )
    filters = np.array([*(record.filter for record in records), ""], dtype=object)
    return pd.DataFrame(
        {
            "candidate": names,
            "exposures": np.where((counts >= 0).any(axis=1), np.maximum(counts, 0).sum(axis=1), -1),
            "epochs_covering": time.present.any(axis=1).sum(axis=1),
            "epochs_showing": (time.present & showing[:, :, None]).any(axis=1).sum(axis=1),
            "rolls": time.rolls,
            "delta_mag": change.delta_mag,
            "delta_mag_err": change.delta_mag_err,
            "change_sigma": change.sigma,
            "change_days": change.days,
            "change_filter": filters[change.first],
            "motion_arcsec": moved.offset,
            "motion_err_arcsec": moved.error,
            "motion_pa_deg": np.mod(np.degrees(np.arctan2(moved.east, moved.north)), 360.0),
            "motion_sigma": moved.sigma,
            "motion_days": moved.days,
        }
    )
