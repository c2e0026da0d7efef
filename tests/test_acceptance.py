"""The acceptance tests of the whole: what the same specification got wrong elsewhere must be right here."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits


def _table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "outputs" / "tables" / f"{name}.csv")


def _report(folder: Path) -> str:
    return (folder / "outputs" / "report" / "REPORT.md").read_text()


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*?(?=[,\"\n])")


def _timeless(text: str) -> list[str]:
    """The lines of a report without those that hold a time or how long something took."""
    return [
        line
        for line in text.splitlines()
        if not re.search(r"\d{4}-\d\d-\d\dT|\d{4}-\d\d-\d\d \d\d:|seconds", line)
    ]


def test_1_simulated_data_says_so_everywhere(finished):
    """Headers, every row of every table, the report's head: all say that the data are simulated."""
    for path in (finished / "data" / "products").glob("*_i2d.fits"):
        with fits.open(path) as hdus:
            assert hdus[0].header["SIMULATE"] is True
            assert "SIMULATED" in hdus[0].header["TITLE"]
    for name in ("all_sources", "ranked_candidates", "anomaly_candidates_images"):
        table = _table(finished, name)
        assert len(table)
        assert table["simulated"].all()
    head = _report(finished).splitlines()[:12]
    assert any("SIMULATED" in line for line in head)
    assert not re.search(
        r"discover(y|ed) |new object|priority", _report(finished).lower().replace("not a discovery", "")
    )


def test_2_snr_belongs_to_the_source(finished):
    """S/N is each source's own flux over its own measured error: as many values as sources."""
    table = _table(finished, "all_sources")
    assert table["snr"].nunique() > 0.99 * len(table)
    good = table["snr"].notna()
    table = table[good]
    # the error of the total flux also holds that of the light beyond the aperture
    added = 0.06 * (1 - 1 / table["kron_correction"]) * table["snr"]
    ratio = table["flux"] / table["flux_err"] * np.hypot(1, added)
    np.testing.assert_allclose(table["snr"], ratio, rtol=2e-3)
    ranked = _table(finished, "ranked_candidates")
    assert ranked["snr"].nunique() == len(ranked)


def test_5_consistency_varies_with_frames(finished):
    """Consistency is frames showing it over frames covering it, and differs between candidates."""
    ranked = _table(finished, "ranked_candidates")
    assert (ranked["frames_detected"] <= ranked["frames_covering"]).all()
    many = ranked["frames_covering"] >= 2
    expected = ranked["frames_detected"] / ranked["frames_covering"]
    np.testing.assert_allclose(ranked.loc[many, "consistency_score"], expected[many], atol=1e-3)
    assert len(set(ranked.loc[many, "consistency_score"])) > 1
    assert ranked.loc[~many, "consistency_score"].isna().all()


def _rewritten(source: Path, target: Path, *, swap: bool = False, little: bool = False) -> None:
    """Write the same pixels again: ERR and WHT swapped in file order, or in the other byte order."""
    with fits.open(source) as hdus:
        order = [hdu.name for hdu in hdus]
        if swap:
            i, j = order.index("ERR"), order.index("WHT")
            order[i], order[j] = order[j], order[i]
        new = fits.HDUList()
        for name in order:
            hdu = hdus[name]
            data = None if hdu.data is None else hdu.data.copy()
            if little and data is not None and data.dtype.kind == "f":
                data = data.astype(">f8")
            kind = type(hdu)
            new.append(kind(data=data, header=hdu.header.copy()))
        new.writeto(target, output_verify="silentfix+ignore")


@pytest.mark.parametrize("change", [{"swap": True}, {"little": True}])
def test_6_order_of_extensions_and_bytes_changes_nothing(
    change, jwst_vet, new_project, small_field, tmp_path
):
    """The same pixels in another file order or number format give the same table."""
    source = min(small_field.glob("*f444w*_i2d.fits"))
    tables = []
    for name in ("plain", "changed"):
        folder = new_project(tmp_path / name)
        target = folder / "data" / "products" / source.name
        if name == "plain":
            shutil.copy(source, target)
        else:
            _rewritten(source, target, **change)
        assert jwst_vet("run", cwd=folder).returncode == 0
        tables.append(_table(folder, "all_sources"))
    assert len(tables[0])
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)


def test_7_errors_are_finite_and_values_physical_or_explained(finished):
    """Flux errors are finite and positive; concentration is positive; what is NaN has a stated reason."""
    table = _table(finished, "all_sources")
    assert np.isfinite(table["flux_err"]).all()
    assert (table["flux_err"] > 0).all()
    for name in ("concentration", "gini"):
        assert (table[name].dropna() > 0).all()
    assert table["gini"].dropna().between(0, 1).all()
    assert table["ellipticity"].dropna().between(0, 1).all()
    assert set(table["flux_unit"]) == {"nJy"}
    for name in ("concentration", "asymmetry", "gini", "m20", "r50_arcsec"):
        missing = table[table[name].isna()]
        assert missing["invalid_reasons"].fillna("").str.contains(name.removesuffix("_arcsec")).all(), name


def test_whole_thing_twice_gives_the_same_tables_and_report(jwst_vet, new_project, finished, tmp_path):
    """Two runs on the same files in two folders agree to the byte, times aside."""
    again = new_project(tmp_path / "again", target_name="SIMULATED field")
    for path in (finished / "data" / "products").glob("*.fits"):
        shutil.copy(path, again / "data" / "products")
    assert jwst_vet("run", cwd=again).returncode == 0
    for path in sorted((finished / "outputs" / "tables").glob("*.csv")):
        other = again / "outputs" / "tables" / path.name
        assert _TIME.sub("", path.read_text()) == _TIME.sub("", other.read_text()), path.name
    before = [line.replace(str(finished), "") for line in _timeless(_report(finished))]
    after = [line.replace(str(again), "") for line in _timeless(_report(again))]
    assert before == after
    once = (again / "outputs" / "tables" / "ranked_candidates.csv").read_bytes()
    assert jwst_vet("run", cwd=again).returncode == 0
    assert (again / "outputs" / "tables" / "ranked_candidates.csv").read_bytes() == once
    assert [line.replace(str(again), "") for line in _timeless(_report(again))] == after


def test_tables_hold_the_documented_columns(finished):
    """Every table on disk has the registry's columns in the registry's order."""
    from store.tables import TABLES

    tables = TABLES.values() if isinstance(TABLES, dict) else TABLES
    for table in tables:
        path = finished / "outputs" / "tables" / f"{table.name}.csv"
        if path.exists():
            header = path.read_text().splitlines()[0].split(",")
            assert header == [column.name for column in table.columns]


def test_ranked_candidates_are_objects_once_each(finished):
    """Ranks run from 1 without gaps, scores fall, and no two candidates share a place on the sky."""
    ranked = _table(finished, "ranked_candidates")
    assert list(ranked["rank"]) == list(range(1, len(ranked) + 1))
    assert ranked["composite_score"].is_monotonic_decreasing
    assert ranked["candidate"].is_unique
    assert ranked["candidate"].str.fullmatch(r"JWST J\d{3}\.\d{5}[+-]\d\d\.\d{5}").all()
    from scipy.spatial import cKDTree

    cosine = np.cos(np.radians(ranked["dec"].mean()))
    places = np.column_stack([ranked["ra"] * cosine, ranked["dec"]]) * 3600
    assert len(cKDTree(places).query_pairs(0.15)) == 0
    for name in ("composite_score", "anomaly_score", "snr_score", "artifact_score"):
        assert ranked[name].dropna().between(0, 1).all()


def test_every_candidate_has_its_figure_and_the_report_links_exist(finished):
    """Links in the report lead to files that are there."""
    report = finished / "outputs" / "report" / "REPORT.md"
    links = re.findall(r"\]\(([^)#]+)\)", report.read_text())
    local = [link for link in links if not link.startswith("http")]
    assert any(link.endswith(".png") for link in local)
    for link in local:
        assert (report.parent / link.strip("<>")).exists(), link
    ranked = _table(finished, "ranked_candidates")
    assert len(list((finished / "outputs" / "figures" / "cutouts").glob("*.png"))) == len(ranked)


def test_real_frames_give_sources_one_refusal_and_a_report(jwst_vet, new_project, real_data, tmp_path):
    """MIRI and NIRCam files: right positions, one refusal line, exit 3, the ring's lens in four frames."""
    folder = new_project(tmp_path / "real", target_name="real files")
    files = [*sorted((real_data / "i2d").glob("*_i2d.fits")), *sorted((real_data / "ring").glob("*.fits"))]
    done = jwst_vet("images", *files, cwd=folder)
    assert done.returncode == 3
    refused = done.stderr.strip().splitlines()
    assert len(refused) == 1
    assert "no_wcs" in refused[0]
    assert "WCS" in refused[0]
    assert jwst_vet("rank", cwd=folder).returncode == 0
    assert jwst_vet("report", cwd=folder).returncode == 0
    sources = _table(folder, "all_sources")
    assert set(sources["instrument"]) == {"MIRI", "NIRCAM"}
    ring = sources[sources["frame"].str.startswith("cosmos_web_ring")]
    assert ring["frame"].nunique() == 4
    ranked = _table(folder, "ranked_candidates")
    cosdec = np.cos(np.radians(1.89301))
    apart = np.hypot((ranked["ra"] - 150.10048) * cosdec, ranked["dec"] - 1.89301) * 3600
    lens = ranked[apart < 0.1]
    assert len(lens) == 1
    row = lens.iloc[0]
    assert row["frames_detected"] == 4
    assert row["filters"] == "F115W,F150W,F277W,F444W"
    assert row["view_arc"] == 1  # and that is why it is where it is
    assert row["rank_low"] <= row["rank"] <= row["rank_high"]
    text = _report(folder)
    assert re.search(r"Why unusual: spectrum not computed, arc 1\.00, .* Rank \d+ to \d+ when", text)
    assert "50" in text
    assert "robust distance" in text
    assert "SIMULATED" not in text
    facts = json.loads(jwst_vet("status", "--json", cwd=folder).stdout)
    assert facts["frames"] == {"done": 7, "failed": 1}
