"""CSV tables: their columns, how values are written, and that a table is whole or not there."""

import csv
import hashlib

import numpy as np
import pandas as pd
import pytest

from store.candidates import Ranking, candidate_order, save_ranking
from store.database import Database, StoreError
from store.frames import FrameRecord, save_frame
from store.project import Project
from store.tables import TABLES, describe, write_table
from store.verdicts import VerdictBook


def sample(db, table, n, **columns):
    """n rows with every column of a table: numbers 0.0, text "", but for the columns given."""
    blank = {"VARCHAR": "", "DOUBLE": 0.0, "INTEGER": 1, "BOOLEAN": True}
    with db.read() as cursor:
        kinds = {row[0]: row[1] for row in cursor.execute(f"DESCRIBE {table}").fetchall()}
    return pd.DataFrame({name: columns.get(name, [blank[kind]] * n) for name, kind in kinds.items()})


def sources(db, frame, n, **columns):
    ids = [f"{frame}-{k + 1}" for k in range(n)]
    return sample(db, "sources", n, source_id=ids, frame=[frame] * n, **columns)


def ranking(db, n, *, first=0, frames_of=("f1",)):
    """n candidates; the k-th is the k-th source of every frame named; every second one is in one filter."""
    i = np.arange(n)
    objects = [f"o{k}" for k in i]
    ranked = sample(
        db,
        "candidates",
        n,
        rank=i + 1,
        candidate=[f"JWST J{100 + (k + first) / 1e4:.5f}-01.00000" for k in i],
        ra=100 + i / 1e4,
        dec=[-1.0] * n,
        snr=(i * 37) % n + 1.5,
        consistency_score=np.where(i % 2, 0.5, np.nan),
        filters=np.where(i % 2, "F200W", "F200W,F444W"),
        flags=np.where(i % 3, "", "edge,nan"),
        object=objects,
    )
    ids = [f"{frame}-{k + 1}" for frame in frames_of for k in i]
    scores = sample(db, "scores", len(ids), source_id=ids, object=objects * len(frames_of))
    images = sample(
        db,
        "image_candidates",
        n,
        frame=["f1"] * n,
        rank_in_image=i + 1,
        source_id=ids[:n],
        candidate=ranked["candidate"],
    )
    names = ranked[["candidate", "ra", "dec"]].assign(alias=ranked["candidate"])
    return Ranking(scores, ranked, images, names, {"seeds": [1, 2], "n": n})


def record(name, **more):
    return FrameRecord(name, f"/data/{name}.fits", "ab" * 32, 9, "done", **more)


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    project.prepare()
    return project


@pytest.fixture
def db(project):
    return Database(project.database)


@pytest.fixture
def ranked(db):
    """Two frames of four sources each, ranked as four candidates."""
    save_frame(db, record("f1", mjd_beg=60000.5), sources(db, "f1", 4, asymmetry=[np.nan] * 4, ra=[1.07] * 4))
    save_frame(db, record("f2"), sources(db, "f2", 4))
    save_ranking(db, ranking(db, 4, frames_of=("f1", "f2")))
    return db


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_tables_have_the_columns_of_the_registry(project, ranked):
    """Every table has its header, without rows too, and every column is documented once."""
    for name, table in TABLES.items():
        path = write_table(project, ranked, name)
        header = path.read_text().splitlines()[0].split(",")
        assert header == [column.name for column in table.columns]
        assert len(set(header)) == len(header)
        assert f"### {name}.csv" in describe()
        assert all(column.meaning for column in table.columns)
    assert sorted(p.name for p in project.tables.iterdir()) == sorted(f"{name}.csv" for name in TABLES)


def test_the_contract_of_column_order_holds():
    """The first columns are those that users of the tables rely on, in that order."""
    expected = {
        "all_sources": "source_id frame object instrument filter forced x y ra dec flux flux_err flux_unit "
        "mag_ab snr r50_arcsec ellipticity anomaly_score isolation_forest_score artifact_probability flags "
        "simulated",
        "ranked_candidates": "rank candidate kind ra dec composite_score anomaly_score snr_score "
        "artifact_score consistency_score terms snr frames_detected frames_covering filters label grade "
        "vetter other_filters catalogs psf_or_cosmic_ray thresholds methods simulated",
    }
    for name, columns in expected.items():
        found = [column.name for column in TABLES[name].columns]
        assert found[: len(columns.split())] == columns.split()


def test_positions_have_seven_decimals_and_the_unmeasured_is_empty(project, ranked):
    """ra and dec to 1e-7 degrees; no "nan" in any table; simulated says so in each row."""
    rows = read(write_table(project, ranked, "all_sources"))
    assert len(rows) == 8
    assert (rows[1]["ra"], rows[1]["asymmetry"], rows[1]["flags"]) == ("1.0700000", "", "")
    assert (rows[1]["object"], rows[1]["simulated"], rows[1]["n_pixels"]) == ("o1", "true", "1")
    assert "nan" not in (project.tables / "all_sources.csv").read_text().lower()
    images = read(write_table(project, ranked, "anomaly_candidates_images"))
    assert [row["rank_in_image"] for row in images] == ["1", "2", "3", "4"]


def test_the_same_content_gives_the_same_bytes(project, ranked):
    """A table is a function of the store."""
    digests = {
        hashlib.sha256(write_table(project, ranked, "all_sources").read_bytes()).hexdigest() for _ in range(3)
    }
    assert len(digests) == 1


def test_decisions_appear_in_their_tables(project, ranked):
    """Agreed labels, conflicts, checks, notes and verdicts on what is no longer ranked."""
    a, b, *_ = candidate_order(ranked)
    ann, bob = (VerdictBook(project, vetter, database=ranked) for vetter in ("ann", "bob"))
    for book, label in ((ann, "known"), (bob, "artifact")):
        book.decide("label", a, 100.0, -1.0, {"label": label}, rank=1, score=0.5, seconds=2.0)
    for book in (ann, bob):
        book.decide("grade", b, 100.0, -1.0, {"grade": "B"})
    line = ann.decide("check", b, 100.0, -1.0, {"checks": {"methods": "fail", "catalogs": "pass"}})
    ann.decide("note", "JWST J099.00000-01.00000", 99.0, -1.0, {"text": '=1+1, "é"\nnext'})
    ann.index()
    first, second, *_ = read(write_table(project, ranked, "ranked_candidates"))
    assert (first["label"], first["vetter"], first["methods"]) == ("conflict", "ann,bob", "not run")
    assert (second["label"], second["grade"], second["methods"], second["thresholds"]) == (
        "",
        "B",
        "fail",
        "not run",
    )
    orphan, *verdicts = read(write_table(project, ranked, "verdicts"))
    assert (orphan["candidate"], orphan["rank"]) == ("JWST J099.00000-01.00000", "")
    assert orphan["note"] == '\'=1+1, "é"\nnext'
    assert [(v["candidate"], v["vetter"], v["label"], v["rank_seen"]) for v in verdicts[:2]] == [
        (a, "ann", "known", "1"),
        (a, "bob", "artifact", "1"),
    ]
    checks = read(write_table(project, ranked, "checks"))
    assert [(c["candidate"], c["check"], c["outcome"], c["checked_at"]) for c in checks] == [
        (b, "catalogs", "pass", line.at),
        (b, "methods", "fail", line.at),
    ]


def test_a_table_that_cannot_be_written_leaves_the_old_one(project, ranked, monkeypatch):
    """Whole or not at all: with the disk full the file of before is untouched and no draft stays."""
    path = write_table(project, ranked, "all_sources")
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("store.tables.os.fsync", full)
    with pytest.raises(StoreError, match=r"all_sources\.csv: No space left"):
        write_table(project, ranked, "all_sources")
    assert path.read_bytes() == before
    assert [p.name for p in project.tables.iterdir()] == ["all_sources.csv"]


def test_sizes_are_compared_between_the_reddest_and_the_bluest_band(project, db):
    """Freed of the PSF, with an error; where there is none it says why; blends do not count."""
    bands = {"f1": "F200W", "f2": "F444W", "f3": "F1000W", "f4": "F277W"}
    sizes = {  # of four objects in each frame: half-light radius, over the PSF's, S/N, flags
        "f1": ([0.1, 0.2, 0.1, 0.1], [2.0, 2.0, 1.0, 2.0], [50.0, 50.0, 50.0, 9.0], ["", "", "", ""]),
        "f2": ([0.2, 0.2, 0.1, 0.1], [2.0, 2.0, 1.5, 2.0], [50.0, 5.0, 50.0, 9.0], ["", "", "edge", ""]),
        "f3": ([0.9, 0.9, 0.9, 0.9], [3.0, 3.0, 3.0, 3.0], [50.0] * 4, ["blended"] * 4),
        "f4": ([0.9, 0.9, 0.1, 0.9], [np.nan, np.nan, 1.0, np.nan], [50.0] * 4, [""] * 4),
    }
    for frame, (r50, over_psf, snr, flags) in sizes.items():
        save_frame(
            db,
            record(frame),
            sources(
                db, frame, 4, filter=[bands[frame]] * 4, r50_arcsec=r50, r50_psf_ratio=over_psf, snr=snr,
                flags=flags, forced=[False] * 4,
            ),
        )  # fmt: skip
    save_ranking(db, ranking(db, 4, frames_of=tuple(bands)))
    rows = read(write_table(project, db, "ranked_candidates"))
    assert float(rows[0]["size_ratio"]) == pytest.approx(2.0)
    share = np.hypot(1 / 50, 0.02) / 0.75
    assert float(rows[0]["size_ratio_err"]) == pytest.approx(2 * share * 2**0.5, rel=1e-4)
    assert [row["size_ratio_bands"] for row in rows] == ["F444W / F200W", "", "", ""]
    assert [row["size_ratio_why"] for row in rows] == [
        "", "seen whole at S/N 10 in one band", "as small as the PSF but for at most one band",
        "no whole detection at S/N 10 in a known filter",
    ]  # fmt: skip
