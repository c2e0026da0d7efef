"""Exports: each format is read back by the library that its users have, with its units; text stays text."""

import csv
import json
import math
import os

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.table import Table
from astropy.wcs import WCS
from vet_project import FRAMES, candidate_table, cutout_set, make_vet_project, name_of

from analysis.cutouts import Target, save_cutouts
from analysis.cutouts import cutout_set as joined
from analysis.exports import cutting_fits
from analysis.exports.formats import FORMATS
from analysis.exports.handing import Cut, ExportError
from analysis.exports.selection import Selection, select
from analysis.stages.cutting import cut_batch, figure_paths
from analysis.stages.exporting import gather, write_export
from store.database import Database
from store.frames import FrameRecord, save_frame
from store.handoff import HANDOFF
from store.verdicts import VerdictBook
from tui.cli import DONE, UNUSABLE, main

HOSTILE = "=HYPERLINK(\"evil\")\n</TD><script>alert(1)</script>, 'q' {b}; \\n é — 𝛼 \u202e\x1b[31m"
CORNERS = "POLYGON ICRS 110.79 -73.41 110.81 -73.41 110.81 -73.39 110.79 -73.39"


def decide(project, config, vetter, number, label, note=""):
    book = VerdictBook(project, vetter, labels=config.vetting.labels)
    book.decide("label", name_of(number), 110.8, -73.4, {"label": label}, number + 1, 0.9, 4.0)
    if note:
        book.decide("note", name_of(number), 110.8, -73.4, {"text": note}, number + 1, 0.9, 4.0)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Twelve candidates; three vetters; the first agreed on, the second in conflict, the third regular."""
    project, config = make_vet_project(tmp_path_factory.mktemp("exports"))
    db = Database(project.database)
    frame = FrameRecord(
        frame=FRAMES[1], path=str(project.products / "f200w.fits"), sha256="0" * 64, bytes=1, state="done",
        instrument="NIRCAM", filter="F200W", footprint=CORNERS, flux_unit="nJy", cal_ver="1.20.2",
        crds_ctx="jwst_1464.pmap", simulated=True,
    )  # fmt: skip
    with db.read() as cursor:
        sources = cursor.sql("SELECT * EXCLUDE (n) FROM sources").df()
    save_frame(db, frame, sources)
    decide(project, config, "ada", 0, "interesting", HOSTILE)
    decide(project, config, "bob", 0, "interesting", "an arc")
    decide(project, config, "ada", 1, "artifact")
    decide(project, config, "bob", 1, "interesting")
    decide(project, config, "eve", 1, "artifact")
    decide(project, config, "ada", 2, "ordinary")
    decide(project, config, "ada", 3, "known")
    return project


def export(project, name, tmp_path, **wanted):
    """Export and return the path and what was handed over."""
    from analysis.config import load

    hand = gather(project, load(project.root / "config.toml"), Selection(**wanted))
    path = tmp_path / FORMATS[name].file
    write_export(FORMATS[name], hand, path)
    return path, hand


def check_table(table, *, seen):
    """What every table of astronomy must still say, once astropy has read it."""
    assert len(table) == 12
    assert table["ra"].unit == u.deg
    assert table["dec"].unit == u.deg
    assert table["flux"].unit == u.nJy
    assert table["mag_ab"].unit == u.mag
    assert table["r50_arcsec"].unit == u.arcsec
    assert table["motion_pa_deg"].unit == u.deg
    assert table["snr"].unit is None
    assert np.allclose(table["ra"], 110.8 + 1e-5 * np.arange(12), atol=1e-12)
    assert list(table["rank"]) == list(range(1, 13))
    assert bool(np.ma.getmaskarray(table["mag_ab"])[2]) or math.isnan(table["mag_ab"][2])
    assert list(table["label"][:4]) == ["interesting", "conflict", "ordinary", "known"]
    assert table["vetter"][1] == "ada,bob,eve"
    assert table["cal_ver"][0] == "1.20.2"
    assert table["crds_ctx"][0] == "jwst_1464.pmap"
    assert all(table["simulated"])
    assert seen in str(table["notes"][0])


SEEN = "é — 𝛼 (U+202E)␛[31m"


def test_ecsv_is_read_by_astropy_with_units_and_meanings(project, tmp_path):
    """Units, descriptions, masks and unicode notes come back; what is invisible is shown."""
    path, _ = export(project, "ecsv", tmp_path)
    table = Table.read(path)
    check_table(table, seen=SEEN)
    assert table["composite_score"].description == "weighted mean of the four terms"
    assert "SIMULATED" in table.meta
    assert table["notes"][0].startswith("ada: =HYPERLINK")
    assert table["notes"][0].endswith("\nbob: an arc")


def test_votable_is_read_by_astropy_and_is_wellformed(project, tmp_path):
    """Units, UCDs and a note with markup and control characters."""
    path, _ = export(project, "votable", tmp_path)
    table = parse_single_table(path, verify="exception")
    check_table(table.to_table(), seen=SEEN)
    assert table.get_field_by_id("ra").ucd == "pos.eq.ra;meta.main"
    assert "SIMULATED" in path.read_text(encoding="utf-8")


def test_fits_table_is_read_by_astropy_and_its_text_can_be_had_back(project, tmp_path):
    """TUNIT, TCOMM, checksum; text is ASCII with escapes that turn back into what was written."""
    path, _ = export(project, "fits", tmp_path)
    with fits.open(path, checksum=True) as found:
        found.verify("exception")
        assert found[1].header["SIMULATD"] is True
        assert found[1].header["TCOMM4"] == "right ascension, ICRS"
    table = Table.read(path)
    check_table(table, seen="\\u202e\\x1b[31m")
    said = table["notes"][0].encode("ascii").decode("unicode_escape")
    assert said == f"ada: {HOSTILE}\nbob: an arc"


def test_parquet_is_read_by_pyarrow_pandas_and_astropy(project, tmp_path):
    """Types and text are exact; units are in the fields' metadata, and in the VOTable that astropy takes."""
    path, _ = export(project, "parquet", tmp_path)
    schema = pq.read_schema(path)
    assert schema.field("ra").metadata[b"unit"] == b"deg"
    assert schema.field("flux").metadata[b"unit"] == b"nJy"
    frame = pd.read_parquet(path)
    assert frame["notes"][0] == f"ada: {HOSTILE}\nbob: an arc"
    assert frame["rank"].tolist() == list(range(1, 13))
    assert math.isnan(frame["mag_ab"][2])
    assert frame["simulated"].all()
    check_table(Table.read(path, format="parquet.votable"), seen=HOSTILE[-20:])


def test_csv_is_read_by_pandas_and_no_cell_is_a_formula(project, tmp_path):
    """Numbers are numbers, and no text begins as a spreadsheet's formula does."""
    path, _ = export(project, "csv", tmp_path)
    frame = pd.read_csv(path)
    assert frame["dec"].dtype == float
    assert np.allclose(frame["ra"], 110.8 + 1e-5 * np.arange(12), atol=1e-12)
    assert frame["notes"][0] == f"ada: {HOSTILE}\nbob: an arc"
    with path.open(encoding="utf-8", newline="") as file:
        cells = [(name, cell) for row in csv.DictReader(file) for name, cell in row.items()]
    texts = {column.name for column in HANDOFF.columns if column.type in {"text", "free text"}}
    assert not [cell for name, cell in cells if name in texts and cell[:1] in "=+-@\t\r" and cell]


def test_a_formula_in_a_csv_cell_stays_text(tmp_path):
    """Every way that a spreadsheet begins a formula gets an apostrophe."""
    from analysis.exports.plain import write_rows

    texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "plain", "1=1"]
    write_rows(tmp_path / "x.csv", ["text", "number"], [(text, -1.5) for text in texts])
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert [row[0] for row in rows] == [f"'{text}" for text in texts[:6]] + texts[6:]
    assert {row[1] for row in rows} == {"-1.5"}


def test_ds9_regions_are_read_by_regions(project, tmp_path):
    """One circle per candidate, at its place, three half-light radii or half an arcsecond wide."""
    from regions import Regions

    path, _ = export(project, "ds9", tmp_path)
    found = Regions.read(path, format="ds9")
    assert len(found) == 12
    places = SkyCoord([region.center for region in found])
    assert np.allclose(places.ra.deg, 110.8 + 1e-5 * np.arange(12), atol=1e-7)
    assert places.frame.name == "icrs"
    assert found[0].radius.to_value(u.arcsec) == pytest.approx(0.5)
    assert found[0].meta["text"] == f"1 {name_of(0)} interesting"


def test_text_cannot_end_a_region():
    """Braces and line breaks in a name stay inside its text."""
    assert regions_text("a} # {b\ncircle(0,0,1)") == "a) # (b ⏎ circle(0,0,1)"


def regions_text(name):
    from analysis.exports.regions import _plain

    return _plain(name)


def test_moc_is_read_by_mocpy_and_is_the_footprint(project, tmp_path):
    """Every corner is in, half an arcminute away is out, the area is that of the polygon within 1 %."""
    from mocpy import MOC

    path, _ = export(project, "moc", tmp_path)
    moc = MOC.load(path, format="fits")
    inside = moc.contains_lonlat([110.8, 110.7905, 110.8095] * u.deg, [-73.4, -73.4095, -73.3905] * u.deg)
    assert inside.all()
    assert not moc.contains_lonlat([110.8, 110.75] * u.deg, [-73.38, -73.4] * u.deg).any()
    area = moc.sky_fraction * 4 * np.pi * (180 / np.pi) ** 2
    expected = 0.02 * 0.02 * math.cos(math.radians(73.4))
    assert area == pytest.approx(expected, rel=0.06)
    assert area > expected  # cells at the edge are whole
    with fits.open(path) as found:
        header = found[1].header
        assert (header["MOCVERS"], header["MOCDIM"], header["COORDSYS"]) == ("2.0", "SPACE", "C")


def test_moc_without_mocpy_is_one_line(project, tmp_path, monkeypatch):
    """What is missing and what brings it; nothing is written."""
    monkeypatch.setitem(__import__("sys").modules, "mocpy", None)
    with pytest.raises(ExportError, match=r"needs mocpy; pip install 'jwst-vet\[moc\]'"):
        export(project, "moc", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def tilted(project, tmp_path):
    """A file with its own WCS, turned and mirrored nowhere, and a candidate cut from it."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [110.81, -73.395], [40.0, 260.0]
    turn, scale = math.radians(33.0), 0.031 / 3600
    wcs.wcs.cd = scale * np.array([[-math.cos(turn), math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    image = np.arange(300 * 320, dtype=np.float32).reshape(300, 320)
    sci = fits.ImageHDU(image, wcs.to_header(), name="SCI")
    sci.header["BUNIT"] = "MJy/sr"
    path = tmp_path / "jw_tilted_i2d.fits"
    primary = fits.PrimaryHDU()
    primary.header.update({"TELESCOP": "JWST", "INSTRUME": "NIRCAM", "FILTER": "F200W"})
    fits.HDUList([primary, sci]).writeto(path)
    facts = path.stat()
    record = FrameRecord(
        frame=FRAMES[0], path=str(path), sha256="0" * 64, bytes=facts.st_size, mtime_ns=facts.st_mtime_ns,
        state="done", instrument="NIRCAM", filter="F200W", pixel_scale_arcsec=0.031, flux_unit="nJy",
        to_njy=2.0, nx=320, ny=300, simulated=True,
    )  # fmt: skip
    ra, dec = (float(v) for v in wcs.pixel_to_world_values(150.3, 140.6))
    target = Target(name_of(4), ra, dec, 0.3, frozenset({FRAMES[0]}), simulated=True)
    db = Database(project.database)
    with db.read() as cursor:
        none = cursor.sql("SELECT * EXCLUDE (n) FROM sources LIMIT 0").df()
    save_frame(db, record, none)
    panels = cut_batch(project, 50, [record], [target])[0]
    cache, _ = figure_paths(project, name_of(4))
    save_cutouts(cache, joined(target, panels))
    yield path, wcs, image, (ra, dec)
    save_cutouts(cache, cutout_set(4))


def corners_of(shape):
    return np.array([0, shape[1] - 1, 0, shape[1] - 1, shape[1] / 2]), np.array(
        [0, 0, shape[0] - 1, shape[0] - 1, shape[0] / 2]
    )


def off_by_px(cut, wcs, low):
    """How far the cutout's coordinates lead from where its pixels came from, in pixels of the frame."""
    x, y = corners_of(cut.data.shape)
    back = wcs.world_to_pixel(WCS(cut.header).pixel_to_world(x, y))
    return float(np.hypot(back[0] - (x + low[0]), back[1] - (y + low[1])).max())


@pytest.mark.parametrize("file_at_hand", [True, False])
def test_fits_cutouts_carry_the_sky_of_the_frame(project, tilted, tmp_path, file_at_hand):
    """Each pixel's position is that in the frame: exactly with the file, within 0.01 px without it."""
    path, wcs, image, (ra, dec) = tilted
    if not file_at_hand:
        path.unlink()
    folder, _ = export(project, "cutouts", tmp_path, where=[f"candidate={name_of(4)}"])
    index = pd.read_csv(folder / "cutouts.csv")
    assert list(index.columns) == ["filename", "sourceID", "ra", "dec"]
    with fits.open(folder / index["filename"][0], checksum=True) as found:
        found.verify("exception")
        assert found[0].header["SIMULATD"] is True
        cut = found["SCI", 1]
        assert (cut.header["FILTER"], cut.header["BUNIT"], cut.header["FRAME"]) == ("F200W", "nJy", FRAMES[0])
        low = [round(v) for v in np.argwhere(image * 2.0 == cut.data[0, 0])[0][::-1]]
        height, width = cut.data.shape
        assert np.array_equal(cut.data, 2.0 * image[low[1] : low[1] + height, low[0] : low[0] + width])
        assert off_by_px(cut, wcs, low) < (1e-6 if file_at_hand else 0.01)
        x, y = WCS(cut.header).world_to_pixel(SkyCoord(ra * u.deg, dec * u.deg))
        assert abs(x - (150.3 - low[0])) < 0.01
        assert abs(y - (140.6 - low[1])) < 0.01


@pytest.mark.parametrize("parity", [1, -1])
@pytest.mark.parametrize("north", [0.0, 33.0, -120.0])
def test_the_grid_of_a_panel_points_north_and_east(parity, north):
    """A step north and a step east on the sky go where the panel says, mirrored images too."""
    from dataclasses import replace

    found = cutout_set(0)
    panel = replace(found.panels[0], north_deg=north, parity=parity)
    wcs = WCS(cutting_fits.grid(panel, Cut(found, {})))
    centre = SkyCoord(found.ra * u.deg, found.dec * u.deg)
    x0, y0 = wcs.world_to_pixel(centre)
    assert (float(x0), float(y0)) == pytest.approx((panel.x, panel.y), abs=1e-6)
    for angle, turn in ((0, north), (90, north + 90 * parity)):
        x, y = wcs.world_to_pixel(centre.directional_offset_by(angle * u.deg, 1 * u.arcsec))
        step = (-math.sin(math.radians(turn)), math.cos(math.radians(turn)))
        assert ((x - x0) * 0.031, (y - y0) * 0.031) == pytest.approx(step, abs=1e-4)


def test_cutouts_of_an_earlier_export_leave_and_other_files_stay(project, tmp_path):
    """The folder holds what its index lists; what a person put there is not touched."""
    folder, _ = export(project, "cutouts", tmp_path)
    assert len(list(folder.glob("*.fits"))) == 12
    (folder / "mine.txt").write_text("keep")
    export(project, "cutouts", tmp_path, rank=2)
    assert sorted(p.name for p in folder.glob("*.fits")) == sorted(
        cutting_fits.file_name(name_of(n)) for n in (0, 1)
    )
    assert (folder / "mine.txt").read_text() == "keep"


def test_a_folder_of_other_things_is_refused(project, tmp_path):
    """A folder that no export made is left as it is."""
    (tmp_path / "cutouts").mkdir()
    (tmp_path / "cutouts" / "thesis.tex").write_text("x")
    with pytest.raises(ExportError, match="holds other things than cutouts"):
        export(project, "cutouts", tmp_path)
    assert [p.name for p in (tmp_path / "cutouts").iterdir()] == ["thesis.tex"]
    assert [p.name for p in tmp_path.iterdir()] == ["cutouts"]


def test_anomalymatch_gets_those_that_are_decided(project, tmp_path):
    """anomaly or normal; conflicts, known objects and undecided ones say nothing to a learner."""
    frame = pd.read_csv(export(project, "anomalymatch", tmp_path)[0])
    assert frame.to_dict("list") == {
        "id": [name_of(0), name_of(2)],
        "label": ["anomaly", "normal"],
        "filename": [cutting_fits.file_name(name_of(0)), cutting_fits.file_name(name_of(2))],
    }


def test_coniferest_gets_a_label_for_everybody(project, tmp_path):
    """-1 anomaly, 0 unknown, 1 regular: numbers of one column that pandas reads as integers."""
    frame = pd.read_csv(export(project, "coniferest", tmp_path)[0])
    assert frame["label"].dtype == np.int64
    assert frame["label"].tolist() == [-1, 0, 1, *[0] * 9]


def test_consensus_counts_votes_as_caesar_does(project, tmp_path):
    """One row per object: top label, votes, agreement; who voted and when."""
    frame = pd.read_csv(export(project, "consensus", tmp_path)[0]).set_index("candidate")
    assert len(frame) == 4
    first, second = frame.loc[name_of(0)], frame.loc[name_of(1)]
    assert (first.most_likely, first.num_votes, first.agreement, first.total_votes) == (
        "interesting",
        2,
        1.0,
        2,
    )
    assert (second.most_likely, second.num_votes, second.total_votes) == ("artifact", 2, 3)
    assert second.agreement == pytest.approx(2 / 3)
    assert second.votes == "artifact:2,interesting:1"
    assert second.vetters == "ada,bob,eve"


def test_the_notebook_is_one_and_goes_to_each_candidate(project, tmp_path, monkeypatch):
    """nbformat accepts it; run with a stand-in for Imviz, it loads the images and centres on a candidate."""
    import sys
    import types

    import nbformat

    path, hand = export(project, "jdaviz", tmp_path)
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    (project.products / "f200w.fits").write_bytes(b"")
    said = []

    class Imviz:
        default_viewer = types.SimpleNamespace(center_on=lambda place: said.append(("centre", place)))

        def batch_load(self):
            return __import__("contextlib").nullcontext()

        def load(self, path, data_label, **how):
            said.append(("load", path, data_label, how["format"]))

        def link_data(self, align_by):
            said.append(("link", align_by))

        def show(self):
            said.append(("show",))

    monkeypatch.setitem(sys.modules, "jdaviz", types.SimpleNamespace(Imviz=Imviz))
    names = {}
    for cell in book.cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, "cell", "exec"), names)
    assert ("load", str(project.products / "f200w.fits"), FRAMES[1], "Image") in said
    assert ("link", "wcs") in said
    assert said[-1][1].ra.deg == pytest.approx(110.8)
    assert len(names["CANDIDATES"]) == 12
    assert hand.simulated
    assert "SIMULATED" in book.cells[0].source


def test_hostile_names_are_no_code_in_the_notebook(project, tmp_path):
    """Names and paths are literals; whatever is in them, the cells compile and hold no call of theirs."""
    from dataclasses import replace

    from analysis.exports.notebook import write_notebook

    _, hand = export(project, "csv", tmp_path)
    evil = '"; import os; os.abort() #\n\u202e'
    write_notebook(replace(hand, searched=[replace(hand.searched[0], frame=evil, path=evil)]), tmp_path / "n")
    cell = json.loads((tmp_path / "n").read_text())["cells"][1]["source"]
    names = {}
    exec(compile(cell, "cell", "exec"), {"__builtins__": {}}, names)
    assert names["IMAGES"] == {evil: evil}


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({"labels": ["interesting"]}, [0]),
        ({"labels": ["interesting", "conflict"]}, [0, 1]),
        ({"labels": ["undecided"]}, list(range(4, 12))),
        ({"rank": 3}, [0, 1, 2]),
        ({"checks": ["catalogs=not run"], "rank": 1}, [0]),
        ({"checks": ["catalogs=pass"]}, []),
        ({"where": ["mag_ab="]}, [2]),
        ({"where": ["rank>=11"]}, [10, 11]),
        ({"where": ["flags~BLEND"]}, [1]),
        ({"where": ["vetter!=", "label=known"]}, [3]),
        ({"where": ["simulated=no"]}, []),
        ({"where": ["mag_ab>23", "rank<=5"]}, [3, 4]),
    ],
)
def test_what_is_chosen(project, tmp_path, wanted, numbers):
    """Labels are any of, all else is all of; unknown values pass no comparison."""
    _, hand = export(project, "csv", tmp_path, **wanted)
    assert hand.values("candidate") == [name_of(number) for number in numbers]


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ({"labels": ["pretty"]}, r"--label pretty: must be one of .*interesting.*undecided"),
        ({"checks": ["catalogs"]}, r"--check catalogs: must be CHECK=OUTCOME"),
        ({"checks": ["catalogs=maybe"]}, r"outcomes: pass, fail"),
        ({"rank": 0}, r"--rank 0: must be 1 or more"),
        ({"where": ["snr"]}, r"--where snr: must be COLUMN, then one of"),
        ({"where": ["colour>1"]}, r"no column colour; there are rank, candidate"),
        ({"where": ["snr>high"]}, r"snr is a number, 'high' is none"),
        ({"where": ["simulated=perhaps"]}, r"simulated is true, yes, false, no"),
    ],
)
def test_a_wrong_word_is_one_line(project, tmp_path, wanted, line):
    """The value, what is allowed; nothing is written."""
    with pytest.raises(ExportError, match=line):
        export(project, "csv", tmp_path, **wanted)
    assert not list(tmp_path.iterdir())


def test_select_keeps_all_without_words(project, tmp_path):
    """No word, no choice."""
    _, hand = export(project, "csv", tmp_path)
    assert select(hand.rows, hand.columns, Selection(), ()).num_rows == 12


def test_the_same_candidates_give_the_same_bytes(project, tmp_path, monkeypatch):
    """No clock and no random order in any file."""
    for name, kind in FORMATS.items():
        one, _ = export(project, name, tmp_path / "one")
        monkeypatch.setattr("astropy.io.fits.hdu.base._ValidHDU._get_timestamp", lambda _self: "later")
        other, _ = export(project, name, tmp_path / "other")
        monkeypatch.undo()
        files = sorted(one.iterdir()) if kind.folder else [one]
        for path in files:
            twin = other / path.name if kind.folder else other
            assert path.read_bytes() == twin.read_bytes(), path


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_disk_leaves_what_was_there(project, tmp_path, monkeypatch, name):
    """The former export stays, no draft does, and the line says what to do."""
    export(project, name, tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExportError, match="not written: No space left on device"):
        export(project, name, tmp_path, rank=5)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_flux_units_that_differ_stay_in_their_column(tmp_path):
    """A unit for the column is given only where all rows agree on it."""
    project, _ = make_vet_project(tmp_path / "p", flux_unit=["nJy", "DN/s"] * 6)
    path, _ = export(project, "ecsv", tmp_path)
    table = Table.read(path)
    assert table["flux"].unit is None
    assert list(table["flux_unit"][:2]) == ["nJy", "DN/s"]


def test_the_command_says_what_it_wrote(project, capsys):
    """Path, number, selection; SIMULATED in the name of the file."""
    where = ["-C", str(project.root)]
    assert main(["export", "ecsv", "--label", "interesting", *where]) == DONE
    said = capsys.readouterr().out
    assert "SIMULATED-candidates.ecsv: 1 candidate" in said
    assert len(Table.read(project.exports / "SIMULATED-candidates.ecsv")) == 1
    assert main(["export"]) == DONE
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(FORMATS)


def test_the_command_refuses_in_one_line(project, tmp_path, capsys):
    """Unknown format, nothing chosen, nothing ranked: exit code 2."""
    where = ["-C", str(project.root)]
    assert main(["export", "xlsx", *where]) == UNUSABLE
    assert "must be one of ecsv, csv" in capsys.readouterr().err
    assert main(["export", "csv", "--where", "snr>1e9", *where]) == UNUSABLE
    assert "no candidate is chosen by snr>1e9; nothing was written" in capsys.readouterr().err
    empty, _ = make_vet_project(tmp_path / "empty", 0)
    assert main(["export", "csv", "-C", str(empty.root)]) == UNUSABLE
    assert "`jwst-vet rank`" in capsys.readouterr().err


def test_a_candidate_no_longer_ranked_is_handed_over_with_its_verdict(tmp_path):
    """What was decided is exported, ranked or not."""
    project, config = make_vet_project(tmp_path / "p", 3)
    VerdictBook(project, "ada", labels=config.vetting.labels).decide(
        "label", "JWST J001.00000+02.00000", 1.0, 2.0, {"label": "interesting"}
    )
    frame = pd.read_csv(export(project, "csv", tmp_path, labels=["interesting"])[0])
    assert frame["candidate"].tolist() == ["JWST J001.00000+02.00000"]
    assert frame["rank"].isna().all()
    assert frame["ra"].tolist() == [1.0]


def test_candidates_as_many_as_a_survey_has(tmp_path):
    """A thousand rows keep their number and order."""
    project, _ = make_vet_project(tmp_path / "p", 1000)
    path, _ = export(project, "parquet", tmp_path)
    assert pq.read_table(path).column("candidate").to_pylist() == candidate_table(1000)["candidate"].tolist()
