"""Catalogues: what services say, and that silence is never taken for "no match"."""

import math
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from astropy.table import Table
from fake_tap import FakeTap, circle_of, votable
from hypothesis import given
from hypothesis import strategies as st

from analysis import minor_planets
from analysis.astrometry import offset
from analysis.catalog_entries import (
    NO_ANSWER,
    NOT_QUERIED,
    OK,
    TRUNCATED,
    Answer,
    Entry,
    answer_from_json,
    cell_of,
    chance,
    moved,
)
from analysis.catalog_files import CatalogFileError, companions_of, keep, kept, read_own
from analysis.catalogs import SERVICES, ask, vizier
from analysis.checks.catalogs import Asked, check
from analysis.checks.subject import Place
from analysis.patience import Patience
from analysis.tap import Client, NoAnswer, parse

PLACE = Place("JWST J0", 110.8375, -73.4397, r_kron_arcsec=0.5)
NO_OFFSET = offset(np.empty(0), np.empty(0), np.empty(0), np.empty(0))
QUICK = Client(Patience(2.0, 0.3, 1), 1.0)


@pytest.fixture
def tap():
    with FakeTap() as server:
        yield server


def near(east=0.0, north=0.0, place=PLACE):
    """A place some arcseconds from the candidate."""
    return (
        place.ra + east / 3600 / math.cos(math.radians(place.dec)),
        place.dec + north / 3600,
    )


def asked_of(tap, key, client=QUICK):
    """Ask one service of the replica about the candidate's cell."""
    service = vizier("J/ApJS/214/24/3dhstall") if key == "vizier" else SERVICES[key]
    cell = cell_of(PLACE.ra, PLACE.dec)
    answer = ask(service, f"{tap.url}/{key}", client, cell, "2030-01-01T00:00:00+00:00")
    return Asked(answer, service.radius_arcsec, service.why, service.identifies)


def test_importing_touches_no_network():
    """With every socket forbidden the rooms of catalogues can be imported."""
    code = """
import socket
def no(*_a, **_k): raise AssertionError("network at import")
socket.socket.connect = socket.socket.connect_ex = socket.create_connection = socket.getaddrinfo = no
import analysis.catalogs, analysis.tap, analysis.catalog_files, analysis.minor_planets
import analysis.astrometry, analysis.checks.catalogs, analysis.stages.asking
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_match_names_the_object_with_its_probability(tap):
    """A SIMBAD galaxy at 0.2 arcsec: fail, with name, type, separation, chance, service and time."""
    ra, dec = near(0.2, 0.0)
    tap.rows["simbad"] = [("A 1", ra, dec, "Galaxy", 100.0, None, None, 0.39)]
    tap.rows["simbad"] += [(f"far {i}", *near(30 + i, 10), "Star", None, None, None, None) for i in range(9)]
    found = check(PLACE, [asked_of(tap, "simbad")], NO_OFFSET, 2024.0)
    assert (found.outcome, found.number) == ("fail", "A 1 at 0.20″")
    assert "Galaxy" in found.reason
    row = dict(zip(found.rows[0], found.rows[1], strict=True))
    assert row["service"] == "SIMBAD"
    assert 0 < float(row["P chance"]) < 1e-3
    assert row["asked"] == "2030-01-01T00:00:00+00:00"
    assert circle_of(tap.asked[0][1])[2] < 0.06


def test_no_match_says_how_far_was_searched(tap):
    """Services that answered without an entry near: pass, and the radius with its reason is said."""
    asked = [asked_of(tap, key) for key in ("simbad", "gaia", "ned", "vizier")]
    found = check(PLACE, asked, NO_OFFSET, 2024.0)
    assert (found.outcome, found.number) == ("pass", "4 of 4 answered")
    assert all("searched" in line and "″" in line for line in found.asked)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("refuse", "503"),
        ("html", "web page"),
        ("truncated", "cut short"),
        ("cut", ""),
        ("error", "refused the question"),
        ("close", ""),
        ("hang", "silent"),
        ("drip", "not whole"),
    ],
)
def test_one_dead_among_four_is_no_answer_not_no_match(tap, fault, words):
    """Whatever one service does, its check is inconclusive and says so; the three others are used."""
    tap.faults["ned"] = fault
    tap.rows["ned"] = [("N", *near(0.1), "G", None)] * 40
    began = time.monotonic()
    asked = [asked_of(tap, key) for key in ("simbad", "gaia", "ned", "vizier")]
    assert time.monotonic() - began < 8
    assert [a.answer.state for a in asked] == [OK, OK, NO_ANSWER, OK]
    assert words in asked[2].answer.reason
    found = check(PLACE, asked, NO_OFFSET, 2024.0)
    assert (found.outcome, found.number) == ("inconclusive", "3 of 4 answered")
    assert "no answer from NED" in found.reason
    assert any(line.startswith("NED") and "no answer" in line for line in found.asked)
    assert not any("no match" in text for text in (found.reason, found.number))


def test_slow_is_an_answer_and_overflow_is_never_whole(tap):
    """A slow service is waited for; one that cut its table short is truncated and cannot make a pass."""
    tap.faults = {"simbad": "slow", "gaia": "overflow"}
    tap.rows["gaia"] = [(5, *near(40.0), 0.1, 0.1, 0.0, 0.0, 2016.0, 20.0)]
    patient = Client(Patience(2.0, 5.0, 1), 10.0)
    asked = [asked_of(tap, "simbad", patient), asked_of(tap, "gaia", patient)]
    assert [a.answer.state for a in asked] == [OK, TRUNCATED]
    found = check(PLACE, asked, NO_OFFSET, 2024.0)
    assert found.outcome == "inconclusive"
    assert "truncated answer of Gaia" in found.reason


def test_nobody_asked_is_not_run():
    """Not queried is a word of its own, and no outcome."""
    answer = Answer("SIMBAD", "1_1", NOT_QUERIED, reason="not asked yet")
    found = check(PLACE, [Asked(answer, 1.0, "", identifies=True)], NO_OFFSET, 2024.0)
    assert (found.outcome, found.number) == ("not run", "not queried")


def test_a_star_is_moved_to_the_epoch_of_the_frame(tap):
    """400 mas a year move a star by 3.2 arcsec until 2024: it is found where it was then, not at 2016."""
    ra, dec = near(0.0, -3.2)
    tap.rows["gaia"] = [(77, ra, dec, 0.1, 0.1, 0.0, 400.0, 2016.0, 18.0)]
    asked = [asked_of(tap, "gaia")]
    assert check(PLACE, asked, NO_OFFSET, 2024.0).outcome == "fail"
    assert check(PLACE, asked, NO_OFFSET, 2016.0).outcome == "pass"
    entry = Entry("g", 10.0, 60.0, "Gaia source", pmra=1000.0, pmdec=0.0, epoch=2016.0)
    assert moved(entry, 2017.0)[0] == pytest.approx(10.0 + 1 / 3600 / 0.5, abs=1e-9)


def test_the_offset_of_a_frame_is_found_among_chance_pairs():
    """A frame 1.2 arcsec off: measured from twelve stars among sixty chance sources, and taken off."""
    rng = np.random.default_rng(5)
    ra, dec = 110.8 + rng.uniform(-0.02, 0.02, 12), -73.4 + rng.uniform(-0.006, 0.006, 12)
    shift = 1.2 / 3600 / math.cos(math.radians(73.4))
    seen_ra = np.r_[ra + shift + rng.normal(0, 3e-6, 12), 110.8 + rng.uniform(-0.02, 0.02, 60)]
    seen_dec = np.r_[dec + rng.normal(0, 3e-6, 12), -73.4 + rng.uniform(-0.006, 0.006, 60)]
    found = offset(seen_ra, seen_dec, ra, dec)
    assert found.measured
    assert found.east == pytest.approx(1.2, abs=0.03)
    assert abs(found.north) < 0.03
    assert not offset(seen_ra[:3], seen_dec[:3], ra[:3], dec[:3]).measured


@given(st.floats(0, 5), st.floats(0, 1))
def test_chance_is_a_probability_and_grows(separation, density):
    """1 - exp(-pi r^2 n): between 0 and 1, the more the wider and the more crowded."""
    p = chance(separation, density)
    assert 0 <= p <= 1
    assert chance(separation + 0.1, density) >= p


def test_chance_of_the_textbook_example():
    """1000 per square arcmin at 0.3 arcsec are 0.076; 10 are 8e-4."""
    assert chance(0.3, 1000 / 3600) == pytest.approx(0.0755, abs=1e-3)
    assert chance(0.3, 10 / 3600) == pytest.approx(7.85e-4, rel=1e-2)


@given(st.floats(0, 359.999), st.floats(-90, 90))
def test_a_cell_covers_its_places(ra, dec):
    """Every place lies within its cell's circle with the margin to spare."""
    from analysis.footprints import separation_deg

    _name, middle_ra, middle_dec, radius = cell_of(ra, dec)
    assert separation_deg(ra, dec, middle_ra, middle_dec) <= radius - 19 / 3600


def test_answers_are_kept_whole(tmp_path):
    """A kept answer reads back equal; a damaged file is asked again, not believed."""
    answer = Answer("Gaia", "1_2", OK, 1.0, 2.0, 0.05, (Entry("a", 1.0, 2.0),), "DR3", "t", "u")
    path, _digest = keep(tmp_path, answer)
    again = kept(tmp_path, "Gaia", "1_2")
    assert again is not None
    assert answer_from_json(answer.to_json()).to_json() == again.to_json()
    path.write_text(path.read_text()[:-20])
    assert kept(tmp_path, "Gaia", "1_2") is None


@pytest.mark.parametrize("ending", ["csv", "ecsv", "fits"])
def test_a_catalogue_of_ones_own(tmp_path, ending):
    """ECSV, FITS and CSV with ra and dec are one more service; a match there counts."""
    ra, dec = near(0.1)
    path = tmp_path / f"mine.{ending}"
    Table({"name": ["my lens"], "RA": [ra], "Dec": [dec]}).write(path)
    answer = read_own(path)
    found = check(PLACE, [Asked(answer, 0.3, "", identifies=True)], NO_OFFSET, 2024.0)
    assert (found.outcome, found.number) == ("fail", "my lens at 0.10″")


def test_a_bad_catalogue_is_one_line(tmp_path):
    """No file, no positions: the file, what is wrong and what is needed."""
    with pytest.raises(CatalogFileError, match="own_catalog"):
        read_own(tmp_path / "none.csv")
    path = tmp_path / "bad.csv"
    path.write_text("x,y\n1,2\n")
    with pytest.raises(CatalogFileError, match="needs columns ra and dec"):
        read_own(path)


def test_the_pipelines_own_catalogue(tmp_path):
    """A `_cat.ecsv` beside the image tells its nearest source."""
    from astropy.coordinates import SkyCoord

    ra, dec = near(0.05)
    Table({"label": [4], "sky_centroid": SkyCoord([ra], [dec], unit="deg")}).write(
        tmp_path / "a_cat.ecsv", format="ascii.ecsv"
    )
    (found,) = companions_of(tmp_path / "a_i2d.fits", PLACE.ra, PLACE.dec)
    assert (found.kind, found.label) == ("catalogue", "source 4")
    assert found.separation_arcsec == pytest.approx(0.05, abs=1e-3)


def test_solar_system_is_asked_from_where_jwst_was(tap):
    """The question carries JWST's geocentric place; without it nobody is asked, and that is said."""
    header = {"JWST_X": 149662334.0, "JWST_Y": 1.0e7, "JWST_Z": 4.0e6, "JWST_DX": 1.9, "JWST_DY": 27.0,
              "JWST_DZ": 11.0, "MJD-AVG": 60000.0}  # fmt: skip
    seen = minor_planets.observer(header)
    assert seen is not None
    cell = cell_of(150.0, 2.0)
    tap.rows["sso"] = [["433 Eros", "10:00:00.00", "+02 00'00.0\"", "14.2"]]
    answer = minor_planets.ask(f"{tap.url}/sso", QUICK, seen, cell, "t")
    assert (answer.state, answer.entries[0].name) == (OK, "433 Eros")
    assert answer.entries[0].ra == pytest.approx(150.0)
    assert "xobs=" in tap.asked[0][1]
    silent = minor_planets.ask(f"{tap.url}/sso", QUICK, minor_planets.observer({}), cell, "t")
    assert silent.state == NOT_QUERIED
    assert "where the telescope was" in silent.reason


def test_what_is_no_table_is_refused():
    """Text, an empty body and a table without an end are no answer."""
    for body in (b"", b"hello", votable(("ra",), [(1.0,)])[:-12]):
        with pytest.raises(NoAnswer):
            parse(body)
    assert parse(votable(("ra",), [(1.0,)])).rows == 1


def test_a_closed_port_is_quick():
    """Nobody listening is known at once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NoAnswer, match="connection"):
        QUICK.query(f"http://127.0.0.1:{port}", "SELECT 1")
