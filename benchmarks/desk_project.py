"""A SIMULATED project of any size for benchmarks of the app: sources go into the store through Arrow."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from vet_project import FRAMES, cutout_set, make_vet_project, name_of

from analysis.cutouts import save_cutouts
from store.database import Database
from store.frames import FrameRecord, save_frame
from store.project import Project, slug

PLAIN = {"VARCHAR": "", "BOOLEAN": False, "INTEGER": 1, "BIGINT": 1, "DOUBLE": 1.0}


def make_project(root: Path, candidates: int, sources: int, pictures: int) -> Project:
    """Make a project of so many candidates and sources, with pictures of the first candidates."""
    project, _config = make_vet_project(root, candidates)
    database = Database(project.database)
    fill_sources(database, sources)
    for number in range(20, pictures):
        save_cutouts(project.cutout_cache / f"{slug(name_of(number))}.npz", cutout_set(number))
    return project


def fill_sources(database: Database, count: int) -> None:
    """Add sources of five frames that are done, one row per source."""
    with database.read() as cursor:
        head = cursor.execute("SELECT * FROM sources LIMIT 0").description
    types = {row[0]: str(row[1]) for row in head}
    rng = np.random.default_rng(1)
    n = np.arange(count)
    frame = pa.array(FRAMES).take(pa.array(n % len(FRAMES)))
    known = {
        "source_id": pa.array([f"{FRAMES[k % len(FRAMES)]}-{k}" for k in n.tolist()]),
        "frame": frame,
        "n": pa.array(n.astype(np.int32)),
        "ra": pa.array(110.8 + rng.uniform(0, 0.05, count)),
        "dec": pa.array(-73.4 + rng.uniform(0, 0.05, count)),
        "snr": pa.array(rng.pareto(2, count) * 5 + 3),
        "mag_ab": pa.array(rng.normal(26, 1.5, count)),
        "simulated": pa.array(np.full(count, True)),
    }
    table = pa.table(
        {
            name: known.get(name, pa.array([PLAIN.get(kind, 1.0)]).take(pa.array(n * 0)))
            for name, kind in types.items()
        }
    )
    records = [
        FrameRecord(
            frame=name, path=f"{name}.fits", sha256=f"{k:064d}", bytes=1, state="done", simulated=True
        )
        for k, name in enumerate(FRAMES)
    ]
    for record in records:
        save_frame(database, record, table.slice(0, 0).to_pandas().drop(columns="n", errors="ignore"))
    with database.write() as cursor:
        cursor.register("made", table)
        cursor.execute("INSERT INTO sources BY NAME SELECT * FROM made")
        cursor.unregister("made")
