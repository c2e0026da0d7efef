"""The stages rank and report on a small project: done once, kept, and honest about what is missing."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from scipy.stats import spearmanr

from analysis.config import Config, Ranking
from analysis.cutouts import load_cutouts
from analysis.stages.rank import rank, ranking_key
from analysis.stages.report import report
from store.candidates import load_candidate_epochs, load_candidate_frames, load_candidates, ranking_info
from store.database import Database
from store.frames import FrameRecord, frame_records, save_frame
from store.oddity import load_oddities
from store.project import Project
from store.sources import load_sources
from store.verdicts import VerdictBook

SHAPE = (300, 300)
SCALE = 0.06
BANDS = {"one_i2d": "F200W", "two_i2d": "F444W"}
DISTANCE = Ranking(method="robust_distance")  # as good as a forest here, and quick
CONFIG = Config(target_name="a | b", top_anomalies_per_image=5, ranking=DISTANCE)


def sky():
    """The tangent plane of both frames."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [150.0, 2.0]
    wcs.wcs.crpix = [SHAPE[1] / 2 + 0.5, SHAPE[0] / 2 + 0.5]
    wcs.wcs.cdelt = [-SCALE / 3600, SCALE / 3600]
    return wcs


def write_frame(path, band, *, hole=None):
    """One i2d file of noise; `hole` is a slice of x without weight."""
    rng = np.random.default_rng(len(band))
    header = sky().to_header()
    header["BUNIT"] = "MJy/sr"
    header["PIXAR_SR"] = (SCALE / 206265.0) ** 2
    weight = np.ones(SHAPE, dtype=np.float32)
    if hole is not None:
        weight[:, hole] = 0.0
    primary = fits.PrimaryHDU()
    primary.header.update({"TELESCOP": "JWST", "INSTRUME": "NIRCAM", "FILTER": band, "PUPIL": "CLEAR"})
    planes = (("SCI", rng.standard_normal(SHAPE)), ("ERR", np.ones(SHAPE)), ("WHT", weight))
    images = [fits.ImageHDU(data.astype(np.float32), header=header, name=name) for name, data in planes]
    fits.HDUList([primary, *images]).writeto(path, overwrite=True)


def sources_of(frame, band, n=70):
    """Sources on a grid of places, the same in both frames, the first of them odd."""
    rng = np.random.default_rng(len(frame) + len(band))
    x, y = np.meshgrid(np.linspace(20, 280, 10), np.linspace(20, 280, 7))
    x, y = x.ravel()[:n], y.ravel()[:n]
    ra, dec = sky().pixel_to_world_values(x, y)
    snr = 10 ** rng.uniform(0.9, 2.0, n)
    floats = {
        name: 1.0 + 0.1 * rng.standard_normal(n)
        for name in (
            "flux_ap1", "flux_ap1_err", "flux_ap2", "flux_ap2_err", "semimajor_arcsec", "semiminor_arcsec",
            "theta_deg", "ellipticity", "concentration", "asymmetry", "gini", "m20", "peak_ratio",
            "sharpness", "r50_psf_ratio", "weight_ratio", "edge_distance_px", "mag_ab_err",
            "kron_correction",
        )
    }  # fmt: skip
    table = pd.DataFrame(
        {
            "source_id": [f"{frame}-{i + 1}" for i in range(n)],
            "frame": frame, "instrument": "NIRCAM", "filter": band, "forced": False, "x": x, "y": y, "ra": ra,
            "dec": dec, "flux": 2.0 * snr, "flux_err": 2.0, "flux_unit": "nJy",
            "mag_ab": 31.4 - 2.5 * np.log10(2.0 * snr), "snr": snr, "r_kron_arcsec": 0.4, "r50_arcsec": 0.1,
            "n_peaks": 1, "n_pixels": 20, "exposures": -1, "artifact_probability": 0.1, "flags": "",
            "invalid_reasons": "", "simulated": True,
        } | floats
    )  # fmt: skip
    table.loc[0, ["asymmetry", "n_peaks", "snr"]] = [9.0, 8, 90.0]
    return table


@pytest.fixture
def project(tmp_path):
    """A measured project of two simulated frames."""
    project = Project(tmp_path)
    project.prepare()
    db = Database(project.database)
    for name, band in BANDS.items():
        path = project.products / f"{name}.fits"
        write_frame(path, band, hole=slice(150, 170) if band == "F444W" else None)
        record = FrameRecord(
            frame=name, path=str(path), sha256=name, bytes=path.stat().st_size, state="done", stage_key=name,
            instrument="NIRCAM", filter=band, nx=SHAPE[1], ny=SHAPE[0], pixel_scale_arcsec=SCALE,
            area_arcmin2=0.09, fwhm_arcsec=0.07, flux_unit="nJy", to_njy=85.0, n_sources=70, simulated=True,
            has_err=True, has_wht=True, measured_at="2030-01-01T00:00:00+00:00", seconds=1.0,
            mtime_ns=path.stat().st_mtime_ns,
        )  # fmt: skip
        save_frame(db, record, sources_of(name, band))
    return project


def ranked(project, config=CONFIG):
    """Run the stage and return its result with the candidates."""
    events = []
    result = rank(project, config, events.append)
    return result, load_candidates(Database(project.database)), events


def test_rank_writes_candidates_tables_cutouts_and_figures(project):
    """The odd source of both frames comes first; every candidate has its files; both frames are done."""
    result, candidates, events = ranked(project)
    assert (result.done, result.failed, result.skipped) == (2, 0, 0)
    assert candidates["best_source"][0].endswith("-1")
    assert candidates["frames_detected"][0] == 2
    assert candidates["simulated"].all()
    assert {event["event"] for event in events} == {"progress"}
    names = {name.replace(" ", "_") for name in candidates["candidate"]}
    assert {path.stem for path in project.cutout_cache.glob("*.npz")} == names
    assert {path.stem for path in project.cutout_figures.glob("*.png")} == names
    for table in ("all_sources", "anomaly_candidates_images", "ranked_candidates"):
        assert (project.tables / f"{table}.csv").exists()


def test_cutouts_hold_both_frames_in_order_of_wavelength(project):
    """Two panels, nJy, marked simulated; 51 pixels are 3.06 arcsec."""
    _, candidates, _ = ranked(project)
    name = candidates["candidate"][0].replace(" ", "_")
    cutouts = load_cutouts(project.cutout_cache / f"{name}.npz")
    assert [panel.filter for panel in cutouts.panels] == ["F200W", "F444W"]
    assert cutouts.simulated
    assert cutouts.panels[0].unit == "nJy"
    assert cutouts.panels[0].rms == pytest.approx(85.0, rel=0.2)
    assert cutouts.images[0].shape == (51, 51)


def test_second_rank_has_nothing_to_do(project):
    """Same frames, same parameters: all skipped, nothing written."""
    ranked(project)
    before = {path: path.stat().st_mtime_ns for path in project.cutout_figures.glob("*.png")}
    result, _, _ = ranked(project)
    assert (result.done, result.skipped) == (0, 2)
    assert before == {path: path.stat().st_mtime_ns for path in project.cutout_figures.glob("*.png")}


def test_lost_figure_or_other_parameters_make_it_again(project):
    """A figure that was removed comes back; fewer candidates leave no stale figures."""
    ranked(project)
    next(project.cutout_figures.glob("*.png")).unlink()
    result, candidates, _ = ranked(project)
    assert result.done == 2
    result, fewer, _ = ranked(project, Config(top_anomalies_per_image=1, ranking=DISTANCE))
    assert result.done == 2
    assert len(fewer) < len(candidates)
    assert len(list(project.cutout_figures.glob("*.png"))) == len(fewer)


def test_coverage_is_what_the_pixels_say(project):
    """A source behind the strip without weight is covered by one frame: no consistency, and terms says so."""
    config = Config(top_anomalies_per_image=0, min_snr=0.0, ranking=DISTANCE)
    db = Database(project.database)
    sources = load_sources(db, ["two_i2d"])
    kept = sources[~sources["x"].between(150, 169)].drop(columns=["object", "anomaly_score"])
    assert len(kept) < len(sources)
    record = next(r for r in frame_records(db) if r.frame == "two_i2d")
    save_frame(db, record, kept.drop(columns="isolation_forest_score"))
    _, candidates, _ = ranked(project, config)
    once = candidates[candidates["frames_covering"] == 1]
    assert len(once) == len(sources) - len(kept)
    assert once["consistency_score"].isna().all()
    assert set(once["terms"]) == {"anomaly,snr,artifact"}
    assert (candidates["frames_covering"] == 2).sum() == len(kept)


def test_each_frame_says_what_it_has_of_each_candidate(project):
    """Detected in one, without a value behind the strip of the other; nobody knows of exposures here."""
    _, candidates, _ = ranked(project, Config(top_anomalies_per_image=0, min_snr=0.0, ranking=DISTANCE))
    db = Database(project.database)
    frames = load_candidate_frames(db)
    assert len(frames) == len(candidates) * 2
    assert set(frames.loc[frames["frame"] == "one_i2d", "state"]) == {"detected"}
    assert set(frames["exposures"]) <= {-1, 0}
    epochs = load_candidate_epochs(db, candidates["candidate"][0])
    assert epochs["epochs_covering"].tolist() == [0]
    assert epochs["motion_sigma"].isna().all()
    table = pd.read_csv(project.tables / "candidate_frames.csv")
    assert table["rank"].is_monotonic_increasing
    assert ranking_info(db)["offsets"]["two_i2d"]["n"] > 20


def test_names_survive_a_new_database(project):
    """Verdicts name the sky: a name that only the journal knows goes to the candidate at its place."""
    ra, dec = (float(v) for v in sky().pixel_to_world_values(20, 20))
    old = "JWST J149.99999+02.00001"
    book = VerdictBook(project, "ada")
    book.decide("label", old, ra + 0.05 / 3600, dec, {"label": "interesting"}, 1, 0.5, 1.0)
    _, candidates, _ = ranked(project)
    assert candidates["candidate"][0] == old
    ranked(project, Config(top_anomalies_per_image=4, ranking=DISTANCE))
    assert load_candidates(Database(project.database))["candidate"][0] == old


def test_forest_and_its_groups_are_recorded(project):
    """With 70 sources in each band two forests are grown; the record names bands, seeds and versions."""
    ranked(project, Config(top_anomalies_per_image=3))
    info = ranking_info(Database(project.database))
    assert [group["bands"] for group in info["groups"]] == [["NIRCAM F200W"], ["NIRCAM F444W"]]
    assert {group["method"] for group in info["groups"]} == {"isolation_forest"}
    assert len(info["seeds"]) >= 5
    assert "scikit-learn" in info["versions"]


def test_frame_that_is_gone_costs_one_line(project):
    """A moved file fails with its path and reason; the ranking stands; the next run tries again."""
    (project.products / "two_i2d.fits").rename(project.products / "elsewhere.fits")
    result, candidates, _ = ranked(project)
    assert (result.done, result.failed) == (1, 1)
    assert "two_i2d.fits: " in result.failures[0]
    assert "\n" not in result.failures[0]
    assert len(candidates)
    (project.products / "elsewhere.fits").rename(project.products / "two_i2d.fits")
    result, _, _ = ranked(project)
    assert (result.done, result.failed) == (2, 0)


def test_frame_that_changed_since_is_refused(project):
    """Other bytes under the same name are not what was measured."""
    path = project.products / "two_i2d.fits"
    path.write_bytes(path.read_bytes() + b"\0" * 2880)
    result, _, _ = ranked(project)
    assert "changed: not the file that was measured" in result.failures[0]


def test_nothing_measured_ranks_and_reports_nothing(tmp_path):
    """Without frames both stages do nothing and say so by their counts."""
    project = Project(tmp_path)
    project.prepare()
    for stage in (rank, report):
        result = stage(project, CONFIG, lambda _event: None)
        assert (result.done, result.failed, result.skipped) == (0, 0, 0)
    assert not project.report.exists()


def test_key_names_all_that_a_ranking_depends_on(project):
    """Weights, limits and frames change the key; the name of the target does not."""
    records = frame_records(Database(project.database))
    key = ranking_key(records, CONFIG)
    assert key == ranking_key(
        records[::-1], Config(target_name="other", top_anomalies_per_image=5, ranking=DISTANCE)
    )
    assert key != ranking_key(records, Config(top_anomalies_per_image=6, ranking=DISTANCE))
    assert key != ranking_key(records, Config(min_snr=6.0, top_anomalies_per_image=5, ranking=DISTANCE))
    assert key != ranking_key(records[:1], CONFIG)


def test_report_tells_ranking_verdicts_and_simulation(project):
    """Tables, pictures by links that exist, the verdict, SIMULATED; a hostile target is only a title."""
    _, candidates, _ = ranked(project)
    row = candidates.iloc[0]
    book = VerdictBook(project, "ada", database=Database(project.database))
    payload = {"label": "artifact", "reason": "snowball"}
    book.decide("label", row["candidate"], row["ra"], row["dec"], payload, 1, 0.5, 1.0)
    book.decide("note", row["candidate"], row["ra"], row["dec"], {"text": "a\n| b"}, 1, 0.5, 1.0)
    result = report(project, CONFIG, lambda _event: None)
    assert result.done == 1
    text = project.report.read_text()
    assert text.startswith("# Anomaly candidates: a \\| b\n")
    assert "> **SIMULATED.**" in text
    assert "snowball" in text
    assert "a ⏎ \\| b" in text
    links = [line.split("](")[1].rstrip(")") for line in text.splitlines() if line.startswith("![")]
    assert links
    assert all((project.report.parent / link).exists() for link in links)
    assert (project.tables / "verdicts.csv").read_text().count("snowball") == 1


def test_report_is_the_same_twice_but_for_its_times(project):
    """Only lines that say Time differ, and only the one of the writing."""
    ranked(project)
    texts = []
    for _ in range(2):
        report(project, CONFIG, lambda _event: None)
        texts.append(
            [line for line in project.report.read_text().splitlines() if "report was written" not in line]
        )
    assert texts[0] == texts[1]


def test_ensemble_is_the_default_and_keeps_the_forest_beside_it(project):
    """By default objects are measured everywhere; views, intervals and the forest's score are recorded."""
    result, candidates, _ = ranked(project, Config(target_name="a", top_anomalies_per_image=0))
    info = ranking_info(Database(project.database))
    assert result.failed == 0
    assert info["method"] == "ensemble"
    assert set(info["ensemble"]["views"]) == {"spectrum", "colour", "structure", "arc"}
    assert "spectrum" in info["ensemble"]["missing_views"]
    names = candidates["candidate"].tolist()
    odd = load_oddities(Database(project.database), names)
    assert list(odd) == names  # of every candidate, not of the first few
    assert all(odd[name].rank_low <= rank <= odd[name].rank_high for rank, name in enumerate(names, 1))
    assert any(odd[name].rank_low < odd[name].rank_high for name in names)
    assert {one.draws for one in odd.values()} == {8}
    assert all(math.isnan(one.views["spectrum"]) for one in odd.values())
    table = pd.read_csv(project.tables / "ranked_candidates.csv")
    assert table["view_structure"].tolist() == pytest.approx([odd[n].views["structure"] for n in names])
    assert table["rank_high"].tolist() == [odd[name].rank_high for name in names]
    assert candidates["isolation_forest_score"].notna().all()
    assert candidates["anomaly_score"].between(0, 1).all()


def changed(project, change):
    """Put every frame's sources into the store again, changed, and rank them with the default method."""
    db = Database(project.database)
    for record in frame_records(db):
        sources = change(sources_of(record.frame, record.filter))
        again = replace(record, stage_key=f"{record.stage_key}+", n_sources=len(sources))
        save_frame(db, again, sources)
    _, candidates, _ = ranked(project, Config(target_name="a", top_anomalies_per_image=0))
    return candidates.set_index("best_source")


def test_8_with_the_ensemble_one_source_a_million_times_brighter_moves_nobody_else(project):
    """Every other candidate keeps its snr_score and artifact_score to the last bit."""
    before = changed(project, lambda sources: sources)

    def louder(sources):
        sources.loc[10, ["flux", "snr"]] *= 1e6
        return sources

    after = changed(project, louder)
    others = before.index[~before.index.str.endswith("-11")]
    assert len(others) >= 60
    assert set(others) <= set(after.index)
    for column in ("snr_score", "artifact_score"):
        assert (before.loc[others, column] == after.loc[others, column]).all()


def test_8_with_the_ensemble_dropping_one_source_keeps_the_order(project):
    """Spearman's rank correlation of the composite over the candidates that remain is at least 0.99."""
    before = changed(project, lambda sources: sources)["composite_score"]
    after = changed(project, lambda sources: sources.drop(index=10))["composite_score"]
    common = before.index.intersection(after.index)
    assert len(common) >= 60
    assert spearmanr(before[common], after[common]).statistic >= 0.99


def test_a_frame_that_cannot_be_forced_costs_itself_only(project):
    """A file that is gone since it was measured is one failure; the ranking goes on without it."""
    (project.products / "two_i2d.fits").unlink()
    result, candidates, _ = ranked(project, Config(target_name="a"))
    assert result.failed == 1
    assert len(candidates) > 0
