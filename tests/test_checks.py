"""The five checks: outcomes that can go either way, numbers with units, and what was not asked said so."""

import json
import re
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.checks import other_filters, psf_or_cosmic_ray, thresholds
from analysis.checks.finding import OUTCOMES, Finding, Value, from_json
from analysis.checks.rank_views import COLUMNS, places
from analysis.checks.subject import Place, Stars, Subject, in_order
from analysis.checks.surroundings import FrameFacts, look
from analysis.checks.through_psf import misfit
from analysis.i2d import open_frame
from analysis.instruments import fwhm_arcsec
from analysis.psf import psf
from store.checks import load_checks
from store.database import Database
from store.project import Project
from store.sources import band_sources, load_sources

NO_STARS = Stars(np.empty(0), np.empty(0), np.empty(0))


@pytest.fixture(scope="module")
def frames(small_field):
    """The simulated frames, open, with what is recorded of each."""
    opened = [open_frame(path) for path in sorted(small_field.glob("*_i2d.fits"))]
    yield [
        (
            f,
            FrameFacts(
                f.path.stem, f.instrument, f.filter, fwhm_arcsec(f.instrument, f.filter), f.mjd_beg,
                f.to_njy, f.flux_unit, 1.45,
            ),
        )
        for f in opened
    ]  # fmt: skip
    for f in opened:
        f.close()


@pytest.fixture(scope="module")
def truth(small_field):
    """What was put into the field."""
    return pd.read_csv(small_field / "simulated_truth.csv")


def subject_at(frames, ra, dec, *, only=None, **facts):
    """A candidate at a place, seen by all frames or by those of some filters."""
    chosen = [(f, fact) for f, fact in frames if only is None or fact.filter in only]
    views = in_order([look(f, fact, ra, dec, facts.get("r_kron_arcsec", 0.4)) for f, fact in chosen])
    return Subject(Place("JWST J0", ra, dec, **facts), views, NO_STARS)


def brightest(truth):
    """The simulated lens: bright, and clear of stars and of other bright galaxies in every frame."""
    return truth[truth["kind"] == "lens"].iloc[0]


def test_a_bright_object_passes_and_numbers_have_units(frames, truth):
    """All bands show it, no sign of an artefact, every recipe finds it; each value says its unit."""
    row = brightest(truth)
    subject = subject_at(frames, row["ra"], row["dec"], r50_arcsec=0.2, r_kron_arcsec=0.5)
    found = [other_filters.check(subject), psf_or_cosmic_ray.check(subject), thresholds.check(subject)]
    assert [one.outcome for one in found] == ["pass", "pass", "pass"], [one.reason for one in found]
    assert found[0].number == "4 of 4 bands"
    states = [line[1] for line in found[0].rows[1:6]]
    assert states == ["matched"] * 5
    assert "nJy" in found[0].rows[1][2]
    assert found[2].number.endswith("of 45 recipes")


def test_empty_sky_is_not_detected_to_a_depth_and_beyond_the_frame_is_outside(frames):
    """Four words are kept apart: nothing there has a depth, a place off the frame is outside it."""
    f, _fact = frames[1]
    ra, dec = f.sky(np.array([-400.0]), np.array([100.0]))
    away = subject_at(frames, float(ra[0]), float(dec[0]))
    assert {other_filters.state_of(away, i) for i in range(5)} == {other_filters.OUTSIDE}
    result = other_filters.check(away)
    assert (result.outcome, "no frame has valid pixels" in result.reason) == ("inconclusive", True)
    assert psf_or_cosmic_ray.check(away).outcome == "inconclusive"


def test_one_frame_alone_cannot_pass(frames, truth):
    """With one band, what is in one frame only cannot be told: inconclusive, never a pass."""
    row = brightest(truth)
    subject = subject_at(frames, row["ra"], row["dec"], only={"F277W"}, r50_arcsec=0.2)
    assert other_filters.check(subject).outcome == "inconclusive"
    result = psf_or_cosmic_ray.check(subject)
    assert (result.outcome, result.number) == ("inconclusive", "1 frame")


def test_light_put_into_one_frame_fails(frames, truth, tmp_path):
    """A sharp spike of light in one mosaic only fails the artefact check, and the check of filters."""
    from astropy.io import fits

    row = brightest(truth)
    f = next(f for f, fact in frames if fact.filter == "F277W")
    x, y = (float(v[0]) for v in f.pixel(np.array([row["ra"]]), np.array([row["dec"]])))
    empty = _quiet_place(f, x, y)
    copy = tmp_path / f.path.name
    with fits.open(f.path) as hdus:
        hdus["SCI"].data[empty[1], empty[0]] += 3.0
        for hdu in hdus:
            hdu.header.pop("DATASUM", None)
            hdu.header.pop("CHECKSUM", None)
        hdus.writeto(copy)
    with open_frame(copy) as changed:
        ra, dec = changed.sky(np.array([float(empty[0])]), np.array([float(empty[1])]))
        swapped = [(changed if g is f else g, fact) for g, fact in frames]
        subject = subject_at(swapped, float(ra[0]), float(dec[0]), best_frame=f.path.stem, r_kron_arcsec=0.2)
        result = psf_or_cosmic_ray.check(subject)
        assert result.outcome == "fail", result
        assert other_filters.check(subject).outcome == "fail"


@pytest.mark.parametrize("band_name", ["F200W", "F277W", "F444W"])
def test_a_sharp_pixel_fails_where_one_frame_alone_covers_it(frames, truth, tmp_path, band_name):
    """No sky makes a single bright pixel through the PSF: failed without another frame; a star is not."""
    row = brightest(truth)
    f = next(f for f, fact in frames if fact.filter == band_name)
    x, y = (float(v[0]) for v in f.pixel(np.array([row["ra"]]), np.array([row["dec"]])))
    column, line = _quiet_place(f, x, y)
    noise = float(np.nanmedian(f.read(0, f.shape[0], 0, f.shape[1]).err))
    side = 25
    image = psf(f.filter, f.pixel_scale, side, drizzled=True)
    with changed_copy(f, tmp_path, "hot", lambda sci: sci.__setitem__((line, column), 25 * noise)) as hot:
        result = psf_or_cosmic_ray.check(only_frame(frames, f, hot, column, line))
        assert (result.outcome, "sharper than the PSF" in result.reason) == ("fail", True), result
    box = np.s_[line - side // 2 : line + side // 2 + 1, column - side // 2 : column + side // 2 + 1]
    ny, nx = f.shape
    assert side // 2 <= line < ny - side // 2
    assert side // 2 <= column < nx - side // 2

    def star(sci):
        sci[box] += 400 * noise * image

    with changed_copy(f, tmp_path, "star", star) as starry:
        subject = only_frame(frames, f, starry, column, line)
        found = misfit(subject.views[0])
        assert found.chi2 < psf_or_cosmic_ray.MISFIT_CHI2
        assert psf_or_cosmic_ray.check(subject).outcome == "inconclusive"


def test_an_edge_keeps_it_from_passing(frames, truth):
    """The same bright object passes in the field and is inconclusive where its light reaches the border."""
    row = brightest(truth)
    whole = subject_at(frames, row["ra"], row["dec"], r50_arcsec=0.2, r_kron_arcsec=0.5)
    assert psf_or_cosmic_ray.check(whole).outcome == "pass"
    quality = psf_or_cosmic_ray._quality(whole.views[whole.main])
    wide = subject_at(frames, row["ra"], row["dec"], r50_arcsec=0.2, r_kron_arcsec=50.0)
    assert psf_or_cosmic_ray.edge_limit(wide, wide.main) == psf_or_cosmic_ray.FARTHEST_EDGE_PX
    assert psf_or_cosmic_ray.edge_limit(whole, whole.main) < quality["edge"]
    f = whole.views[whole.main].frame
    planes = f.read(0, f.shape[0], 0, f.shape[1])
    column = int(np.flatnonzero(planes.valid[f.shape[0] // 2]).max()) - 6
    ra, dec = f.sky(np.array([float(column)]), np.array([f.shape[0] // 2 + 0.0]))
    near = subject_at(frames, float(ra[0]), float(dec[0]), best_frame=f.path.stem, r_kron_arcsec=0.2)
    result = psf_or_cosmic_ray.check(near)
    assert result.outcome == "inconclusive"
    assert "pixels without a value" in result.reason


def only_frame(frames, replaced, changed, column, line):
    """A candidate at a pixel of a changed frame that alone covers it."""
    ra, dec = changed.sky(np.array([float(column)]), np.array([float(line)]))
    chosen = [(changed, fact) for f, fact in frames if f is replaced]
    return subject_at(chosen, float(ra[0]), float(dec[0]), r_kron_arcsec=0.2)


@contextmanager
def changed_copy(frame, folder, name, change):
    """A copy of a frame's file with other pixels, open."""
    from astropy.io import fits

    copy = folder / name / frame.path.name
    copy.parent.mkdir()
    with fits.open(frame.path) as hdus:
        change(hdus["SCI"].data)
        for hdu in hdus:
            hdu.header.pop("DATASUM", None)
            hdu.header.pop("CHECKSUM", None)
        hdus.writeto(copy)
    with open_frame(copy) as changed:
        yield changed


def _quiet_place(frame, x, y):
    """The pixel of least light, smoothed, within 30 pixels of a place and 12 of no edge."""
    from scipy import ndimage

    ny, nx = frame.shape
    planes = frame.read(0, ny, 0, nx)
    flat = np.abs(ndimage.uniform_filter(np.where(planes.valid, planes.sci, 9.0), 9))
    rows, columns = np.indices(flat.shape)
    far = np.hypot(rows - y, columns - x) > 30
    far |= (rows < 12) | (columns < 12) | (rows >= ny - 12) | (columns >= nx - 12)
    row, column = np.unravel_index(np.where(far, np.inf, flat).argmin(), flat.shape)
    return int(column), int(row)


numbers = st.floats(allow_nan=True, allow_infinity=False, width=32)


@given(st.sampled_from(OUTCOMES), st.text(max_size=20), numbers, numbers)
def test_a_finding_survives_being_written(outcome, words, value, error):
    """What is read back says the same, NaN included, and has the same digest."""
    before = Finding(
        "thresholds", outcome, words, words, (Value("a", value, "px", error), Value("b", words)), (words,),
        (("x",), (words,)), {"kind": "grid", "found": [[True, False]], "x": value},
    )  # fmt: skip
    after = from_json(before.to_json())
    assert after.digest() == before.digest()
    assert after.outcome == outcome
    assert after.rows == before.rows
    assert json.loads(before.to_json())["check"] == "thresholds"


def test_views_need_a_population():
    """Fewer than 50 sources in a band give no view; an outlier stands at the top of each."""
    from analysis.anomaly import FEATURES

    rng = np.random.default_rng(3)
    table = pd.DataFrame({f.column: 1.0 + rng.random(200) for f in FEATURES})
    table.loc[7] = 50.0
    table = table.assign(
        source_id=[f"s{i}" for i in range(200)], instrument="NIRCAM", filter="F200W", snr=10.0,
        isolation_forest_score=np.nan,
    )  # fmt: skip
    found = places(table, table.iloc[7:9])
    assert set(found["s7"]) == {"LOF", "kNN"}
    assert min(found["s7"].values()) > 0.95
    assert places(table.iloc[:40], table.iloc[7:8]) == {}


def test_a_population_is_thinned_where_it_is_read(finished):
    """Of each band of the named sources at most so many come, spread over brightness; those named apart."""
    db = Database(Project(finished).database)
    every = load_sources(db)
    every = every[every["snr"] >= 5]
    most_common = every["filter"].value_counts().index[0]
    band = every[every["filter"] == most_common].sort_values("snr")
    one = band.iloc[3]
    whole, own = band_sources(db, [one["source_id"]], COLUMNS, 5.0, 5000)
    assert set(whole["source_id"]) == set(band["source_id"])
    assert own["source_id"].tolist() == [one["source_id"]]
    most = len(band) // 3
    few, _ = band_sources(db, [one["source_id"]], COLUMNS, 5.0, most)
    assert len(band) > 12
    assert most // 2 < len(few) <= most
    assert few["snr"].iloc[0] == band["snr"].iloc[0]
    assert few["snr"].iloc[-1] > band["snr"].median()


def test_a_run_computes_every_check_once(finished, finished_copy, jwst_vet):
    """After a run the first candidates have each check; a second time nothing is computed again."""
    project = Project(finished_copy)
    rows = load_checks(Database(project.database))
    ranked = pd.read_csv(finished_copy / "outputs" / "tables" / "ranked_candidates.csv")
    first = ranked["candidate"].tolist()[:30]
    assert set(first) == set(rows)
    for checks in rows.values():
        assert {"other_filters", "psf_or_cosmic_ray", "thresholds", "methods"} <= set(checks)
        assert all(row.number and row.reason for row in checks.values())
    again = jwst_vet("checks", cwd=finished_copy)
    assert again.returncode == 0, again.stderr
    assert "0 candidates examined" in again.stdout
    assert load_checks(Database(project.database)) == rows


CLAIMS = re.compile(
    r"\b(discover\w*|new (object|source|galaxy|star|candidate)s?|novel|first ever|unknown object)\b",
    re.IGNORECASE,
)


def sentences(finding):
    """Every generated text of a finding."""
    values = [part for v in finding.values for part in (v.name, v.words(), v.threshold, v.source)]  # noqa: PD011
    return [
        finding.number,
        finding.reason,
        *finding.asked,
        *values,
        *(c for row in finding.rows for c in row),
    ]


def test_no_generated_sentence_claims_anything(finished):
    """No check, no line of the report calls a candidate new or a discovery, the disclaimer apart."""
    project = Project(finished)
    texts = [
        text
        for checks in load_checks(Database(project.database)).values()
        for row in checks.values()
        for text in sentences(from_json(row.evidence))
    ]
    report = (finished / "outputs" / "report" / "REPORT.md").read_text()
    own = report.partition("## 7")[0].replace("not a\ndiscovery", "").replace("not a discovery", "")
    assert len(texts) > 1000
    assert not [text for text in [*texts, *own.splitlines()] if CLAIMS.search(text)]


def test_4_a_service_not_reached_is_no_answer_never_no_match(finished):
    """Acceptance: with every service out of reach no candidate has a match, or "no match"; all say so."""
    rows = load_checks(Database(Project(finished).database))
    found = [checks["catalogs"] for checks in rows.values()]
    assert found
    for row in found:
        assert row.outcome in {"inconclusive", "not run"}
        assert "no match" not in f"{row.number} {row.reason}"
        assert any("no answer" in line or "not queried" in line for line in from_json(row.evidence).asked)
    table = pd.read_csv(finished / "outputs" / "tables" / "checks.csv")
    assert set(table["check"]) == {"other_filters", "catalogs", "psf_or_cosmic_ray", "thresholds", "methods"}
    assert (table["computed"] == table["outcome"]).all()
    assert json.loads(table["evidence"].iloc[0])["check"] == table["check"].iloc[0]
    report = (finished / "outputs" / "report" / "REPORT.md").read_text()
    assert "no answer from" in report
    assert "| check | computed | decided by | because | asked | people |" in report
