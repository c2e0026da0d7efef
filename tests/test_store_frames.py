"""Frames and their sources: what goes in comes out, whole, in order, with NaN kept."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from store import bulk, frames
from store.database import Database, StoreError
from store.frames import FrameRecord, fail_frame, forget_frame, frame_name, frame_records, save_frame
from store.project import Project
from store.sources import load_sources

# What a measurement hands over, in this order.
SOURCE_COLUMNS = [
    "source_id",
    "frame",
    "instrument",
    "filter",
    "forced",
    "x",
    "y",
    "ra",
    "dec",
    "flux",
    "flux_err",
    "flux_unit",
    "mag_ab",
    "mag_ab_err",
    "snr",
    "flux_ap1",
    "flux_ap1_err",
    "flux_ap2",
    "flux_ap2_err",
    "r_kron_arcsec",
    "r50_arcsec",
    "semimajor_arcsec",
    "semiminor_arcsec",
    "theta_deg",
    "ellipticity",
    "concentration",
    "asymmetry",
    "gini",
    "m20",
    "peak_ratio",
    "sharpness",
    "r50_psf_ratio",
    "n_peaks",
    "n_pixels",
    "exposures",
    "weight_ratio",
    "edge_distance_px",
    "artifact_probability",
    "flags",
    "invalid_reasons",
    "simulated",
    "kron_correction",
]
SOURCE_TEXT = {
    "instrument": "NIRCAM",
    "filter": "F200W",
    "flux_unit": "nJy",
    "flags": "",
    "invalid_reasons": "",
}
SOURCE_OTHER = {"forced": False, "simulated": True, "n_peaks": 1, "n_pixels": 40, "exposures": -1}


def sources(frame, n, filter_name="F200W"):
    """n sources of one frame; every number differs, asymmetry is never measured."""
    values = np.arange(n, dtype=float)
    data = {name: values + place / 100 for place, name in enumerate(SOURCE_COLUMNS)}
    data |= {name: np.repeat(value, n) for name, value in (SOURCE_TEXT | SOURCE_OTHER).items()}
    data |= {
        "source_id": [f"{frame}-{i + 1}" for i in range(n)],
        "frame": np.repeat(frame, n),
        "filter": np.repeat(filter_name, n),
        "asymmetry": np.full(n, np.nan),
    }
    return pd.DataFrame(data)[SOURCE_COLUMNS]


def record(name="f1", **more):
    facts = {"frame": name, "path": f"/data/{name}.fits", "sha256": "ab" * 32, "bytes": 9, "state": "done"}
    return FrameRecord(**(facts | more))


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    project.prepare()
    return project


@pytest.fixture
def db(project):
    return Database(project.database)


@pytest.fixture
def two(db):
    """Two frames, of four and six sources, the first with scores."""
    save_frame(db, record("f1"), sources("f1", 4))
    save_frame(db, record("f2"), sources("f2", 6))
    ids = [f"f1-{k + 1}" for k in range(4)]
    with db.write() as cursor:
        bulk.insert(
            cursor,
            "scores",
            pd.DataFrame(
                {"source_id": ids, "object": "o1", "anomaly_score": 0.5, "isolation_forest_score": np.nan}
            ),
        )
    return db


def test_a_frame_record_comes_back_equal(db):
    """Text, flags, notes and unknown numbers are the same after the store."""
    full = record(notes=("no WHT", "unit assumed"), has_err=True, ny=7, seconds=0.5, target="a|b'c")
    save_frame(db, full, sources("f1", 3))
    (found,) = frame_records(db)
    assert math.isnan(found.mjd_beg)
    unknown = {
        name: 0.0 for name, value in vars(full).items() if isinstance(value, float) and math.isnan(value)
    }
    assert replace(found, **unknown) == replace(full, **unknown)


def test_sources_come_back_as_they_were_measured(db):
    """Values, NaN, order and text are the same; not yet two is said by "" and NaN."""
    measured = sources("f1", 12)
    save_frame(db, record(), measured.iloc[::-1])
    found = load_sources(db)
    assert list(found.columns) == [*SOURCE_COLUMNS, "object", "anomaly_score", "isolation_forest_score"]
    pd.testing.assert_frame_equal(found[SOURCE_COLUMNS], measured, check_dtype=False)
    assert found["source_id"].iloc[-1] == "f1-12"
    assert set(found["object"]) == {""}
    assert found["anomaly_score"].isna().all()


def test_a_frame_measured_again_replaces_its_sources_and_scores(two):
    """No row of the earlier reading is left, nor a score under a number used again."""
    save_frame(two, record(), sources("f1", 2))
    found = load_sources(two, ["f1"])
    assert len(found) == 2
    assert set(found["object"]) == {""}
    assert len(load_sources(two)) == 8


def test_a_frame_without_sources_is_done(db):
    """Nothing found is a result too."""
    save_frame(db, record(), sources("f1", 0))
    assert [r.state for r in frame_records(db)] == ["done"]
    assert load_sources(db).empty


def test_a_frame_appears_only_once_its_last_lease_is_in(db, monkeypatch):
    """Killed between two leases, the frame is not there; saved again, it is whole."""
    monkeypatch.setattr(frames, "ROWS_PER_LEASE", 5)
    real, calls = bulk.insert, []

    def dies_at_the_second(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(bulk, "insert", dies_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            save_frame(db, record(), sources("f1", 12))
    assert frame_records(db) == []
    assert load_sources(db).empty
    save_frame(db, record(), sources("f1", 12))
    assert len(load_sources(db)) == 12


def test_a_failed_file_keeps_its_reason_and_no_sources(two):
    """What an earlier reading gave is dropped; done and failed can be asked for apart."""
    fail_frame(two, record("f1", state="failed", error_kind="wcs", error_reason="CTYPE1 is missing"))
    assert [r.frame for r in frame_records(two, "done")] == ["f2"]
    (failed,) = frame_records(two, "failed")
    assert (failed.error_kind, failed.error_reason) == ("wcs", "CTYPE1 is missing")
    assert set(load_sources(two)["frame"]) == {"f2"}
    forget_frame(two, "f1")
    assert [r.frame for r in frame_records(two)] == ["f2"]


def test_a_missing_column_is_named(db):
    """Rows that lack a column are refused by its name, and nothing is kept."""
    with pytest.raises(StoreError, match=r"sources.*gini"):
        save_frame(db, record(), sources("f1", 3).drop(columns="gini"))
    assert frame_records(db) == []


@pytest.mark.parametrize(
    ("path", "sha", "expected"),
    [
        ("/new/b_i2d.fits", "1" * 64, "b_i2d"),
        ("/new/b_i2d.fits.gz", "1" * 64, "b_i2d"),
        ("/a/x_i2d.fits", "2" * 64, "x_i2d"),  # edited in place
        ("/moved/x_i2d.fits", "a" * 64, "x_i2d"),  # moved unchanged
        ("/other/x_i2d.fits", "c" * 64, "x_i2d-cccccccc"),  # another file of that stem
        ("/b/x_i2d.fits", "d" * 64, "x_i2d-bbbbbbbb"),  # edited in place, named longer before
        ("/a/two words\n.FITS", "1" * 64, "two_words_"),
    ],
)
def test_frames_are_named_by_their_file(path, sha, expected):
    """The stem names the frame; eight digits of the content tell two files of one stem apart."""
    known = {"x_i2d": ("/a/x_i2d.fits", "a" * 64), "x_i2d-bbbbbbbb": ("/b/x_i2d.fits", "b" * 64)}
    assert frame_name(known, path, sha) == expected


def test_frame_names_may_be_asked_of_the_database(db):
    """The frames known are those of the store."""
    save_frame(db, record(path="/a/f1.fits"), sources("f1", 1))
    assert frame_name(db, "/b/f1.fits", "c" * 64) == "f1-cccccccc"
