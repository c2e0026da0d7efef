"""Small made-up projects for the tests of the app: candidates, measurements and cutouts without a run."""

import math

import numpy as np
import pandas as pd

from analysis.config import Config, as_toml, load
from analysis.cutouts import CutoutSet, Neighbour, Panel, save_cutouts
from analysis.fields import FieldView, save_field
from store.candidates import COLUMNS, Ranking, save_ranking
from store.database import Database
from store.frames import FrameRecord, save_frame
from store.project import Project, slug

BANDS = (("F115W", 0.031), ("F200W", 0.031), ("F200W", 0.031), ("F277W", 0.063), ("F444W", 0.063))
FRAMES = tuple(
    f"jw99001-o00{1 + (n == 2)}_t001_nircam_clear-{b.lower()}_i2d" for n, (b, _) in enumerate(BANDS)
)
TEXT = {"candidate", "kind", "terms", "filters", "object", "best_source", "best_frame", "flux_unit", "flags"}


def name_of(number):
    """Name the number-th made-up candidate."""
    return f"JWST J{110.8 + number * 1e-5:.5f}-{73.4 + number * 1e-5:.5f}"


def candidate_table(count):
    """Make a table of ranked candidates; the second has no consistency, the third hardly anything."""
    n = np.arange(count)
    table = pd.DataFrame(
        {
            "rank": n + 1,
            "candidate": [name_of(int(k)) for k in n],
            "kind": "image",
            "ra": 110.8 + n * 1e-5,
            "dec": -73.4 - n * 1e-5,
            "composite_score": 0.95 - 0.9 * n / max(count, 10),
            "anomaly_score": 1.0 - n / max(count, 10),
            "isolation_forest_score": 0.7 - 0.3 * n / max(count, 10),
            "snr_score": 0.9 - 0.5 * n / max(count, 10),
            "artifact_score": 0.8,
            "consistency_score": 0.8,
            "terms": "anomaly,snr,artifact,consistency",
            "snr": 60.0 - 50 * n / max(count, 10),
            "frames_detected": 4,
            "frames_covering": 5,
            "filters": "F115W,F200W,F277W,F444W",
            "object": [f"object-{k}" for k in n],
            "best_source": [f"{FRAMES[1]}-{k + 1}" for k in n],
            "best_frame": FRAMES[1],
            "mag_ab": 22.0 + 5 * n / max(count, 10),
            "flux": 5754.0,
            "flux_err": 95.0,
            "flux_unit": "nJy",
            "r50_arcsec": 0.123,
            "ellipticity": 0.31,
            "concentration": 2.9,
            "asymmetry": 0.12,
            "gini": 0.55,
            "m20": -1.7,
            "peak_ratio": 0.08,
            "flags": "",
            "simulated": True,
        }
    )
    if count > 2:
        table.loc[1, ["consistency_score", "terms", "flags"]] = [
            math.nan,
            "anomaly,snr,artifact",
            "blended,edge",
        ]
        table.loc[2, ["mag_ab", "flux_err", "asymmetry", "m20"]] = math.nan
    return table[list(COLUMNS)]


def make_ranking(database, count, *, with_scores=True):
    """Save a ranking of made-up candidates."""
    save_table(database, candidate_table(count), with_scores=with_scores)


def save_table(database, table, *, with_scores=True, key=""):
    """Save a table of candidates as the ranking."""
    scores = pd.DataFrame(
        {
            "source_id": table["best_source"],
            "object": table["object"],
            "anomaly_score": table["anomaly_score"],
            "isolation_forest_score": table["isolation_forest_score"],
        }
    )
    names = pd.DataFrame({"candidate": table["candidate"], "alias": table["candidate"]})
    names["ra"], names["dec"] = table["ra"], table["dec"]
    best = pd.DataFrame({"frame": table["best_frame"], "rank_in_image": table["rank"]})
    best["source_id"], best["candidate"] = table["best_source"], table["candidate"]
    info = {"simulated": True, "weights": {"anomaly": 0.4, "snr": 0.3, "artifact": 0.2, "consistency": 0.1}}
    info |= {"key": key} if key else {}
    if not with_scores:
        scores, best = scores.iloc[:0], best.iloc[:0]
    save_ranking(database, Ranking(scores, table, best, names, info))


def make_frame(database, count):
    """Save one measured frame with a source for each candidate."""
    record = FrameRecord(
        frame=FRAMES[1],
        path="f200w.fits",
        sha256="0" * 64,
        bytes=1,
        state="done",
        instrument="NIRCAM",
        filter="F200W",
        mjd_beg=59700.0,
        flux_unit="nJy",
        n_sources=count,
        simulated=True,
    )
    with database.read() as cursor:
        columns = [row[0] for row in cursor.execute("SELECT * FROM sources LIMIT 0").description]
        types = [str(row[1]) for row in cursor.execute("SELECT * FROM sources LIMIT 0").description]
    defaults = {"VARCHAR": "", "STRING": "", "BOOLEAN": False, "INTEGER": 0, "NUMBER": 1.0}
    n = np.arange(count)
    sources = pd.DataFrame({c: [defaults.get(t, 1.0)] * count for c, t in zip(columns, types, strict=True)})
    sources["source_id"] = [f"{FRAMES[1]}-{k + 1}" for k in n]
    sources["frame"], sources["filter"], sources["instrument"] = FRAMES[1], "F200W", "NIRCAM"
    sources["mag_ab"], sources["snr"], sources["r50_arcsec"] = 24.2, 33.3, 0.123
    sources["flux"], sources["flux_err"], sources["flux_unit"] = 756.0, 22.7, "nJy"
    if "n" in sources:
        sources = sources.drop(columns="n")
    save_frame(database, record, sources)


def cutout_set(number):
    """Make pictures: a blob and a companion, noise, a corner without data, one frame that misses it."""
    rng = np.random.default_rng(number)
    panels, images = [], []
    for place, (band, scale) in enumerate(BANDS):
        # So much more than 3.1 arcsec that it can be turned north up.
        side = 141 if scale < 0.05 else 69
        y, x = np.indices((side, side), dtype=float) - side // 2
        arcsec = np.hypot(x, y) * scale
        image = rng.normal(0, 1, (side, side)) + (60 + 20 * place) * np.exp(-arcsec / 0.15)
        companion = np.hypot(x * scale - 0.7, y * scale - 0.4)
        image += 25 * np.exp(-companion / 0.1)
        if place == 1:
            image[: side // 3, : side // 3] = np.nan
        if place == 4:
            image[:, : side // 2 + 3] = np.nan
        images.append(image.astype(np.float32))
        panels.append(
            Panel(
                frame=FRAMES[place],
                instrument="NIRCAM",
                filter=band,
                mjd=59700.0 + place,
                pixel_scale=scale,
                north_deg=33.0,
                parity=1,
                x=side // 2,
                y=side // 2,
                rms=1.0,
                unit="nJy",
                detected=place < 3,
                covered=place < 4,
                r_kron_arcsec=0.4,
                side_arcsec=3.1,
                rolls_deg=(12.0, 40.0) if place == 2 else (12.0,),
            )
        )
    near = (Neighbour(0.81, 0.05, 24.5, 20.0), Neighbour(-1.1, 0.9, 23.0, 60.0, rank=3))
    return CutoutSet(
        name_of(number),
        110.8 + number * 1e-5,
        -73.4 - number * 1e-5,
        True,
        tuple(panels),
        tuple(images),
        near,
        ((1.3, -1.2),),
    )


def field_view(frame, band):
    """Make the picture of a whole frame of 40 arcsec about the first candidates, north 33 degrees from up."""
    turn = math.radians(33.0)
    per_bin = 0.1
    c, s = math.cos(turn) / per_bin, math.sin(turn) / per_bin
    image = np.random.default_rng(5).normal(0, 1, (400, 400)).astype(np.float32)
    image[190:210, 190:210] += 50
    image[:60, :60] = np.nan
    return FieldView(
        frame, "NIRCAM", band, "key", 2, 110.8, -73.4, 199.5, 199.5, ((-c, -s), (-s, c)), 0.0, image
    )


def make_vet_project(root, count=12, **columns):
    """Make a project folder with so many candidates, and pictures for the first twenty."""
    root.mkdir(parents=True, exist_ok=True)
    text = as_toml(Config()).replace('vetter = ""', 'vetter = "vera"')
    (root / "config.toml").write_text(text)
    config = load(root / "config.toml")
    project = Project(root)
    project.prepare()
    if count:
        database = Database(project.database)
        save_table(database, candidate_table(count).assign(**columns), with_scores=count < 1000)
        if count < 1000:
            make_frame(database, count)
        for number in range(min(count, 20)):
            save_cutouts(project.cutout_cache / f"{slug(name_of(number))}.npz", cutout_set(number))
        for frame, (band, _) in zip(FRAMES, BANDS, strict=True):
            save_field(project.field_cache / f"{slug(frame)}.npz", field_view(frame, band))
    return project, config
