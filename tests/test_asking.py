"""Catalogues asked for a project: nobody waits for the silent, and only what is missing is asked again."""

import math
import time
from concurrent.futures import wait
from dataclasses import replace

import pytest
from fake_tap import FakeTap, circle_of

from analysis.catalog_entries import NO_ANSWER, NOT_QUERIED, OK, TRUNCATED, cell_of
from analysis.catalogs import MOST_PIECES, SERVICES, ask
from analysis.checks.subject import Place
from analysis.config import Config, Services
from analysis.footprints import separation_deg
from analysis.patience import Patience
from analysis.stages.asking import Desk, catalog_rows
from analysis.tap import Client
from store.checks import check_keys, save_checks
from store.database import Database
from store.frames import frame_records
from store.project import Project

QUICK = Services(connect_timeout_s=1.0, read_timeout_s=0.3, retries=0, catalog_seconds=1.0)
PLACE = Place("JWST J0", 110.8375, -73.4397, r_kron_arcsec=0.5, simulated=True)


@pytest.fixture
def tap(monkeypatch):
    """A replica of all services, which the program takes for the real ones."""
    with FakeTap() as server:
        monkeypatch.setenv("JWST_VET_TAP_URLS", server.variable)
        yield server


def desk_of(tmp_path, records=(), **services):
    """Who asks, for an empty project."""
    config = Config(services=replace(QUICK, **services))
    return Desk(Project(tmp_path), config, Database(tmp_path / "outputs" / "x.duckdb"), records)


def ask_all(desk, *places):
    """Ask and wait until every service has answered or was given up; seconds."""
    began = time.monotonic()
    futures = desk.ask_missing(places)
    wait(futures)
    for future in futures:
        future.result()
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("fault", "state"),
    [("", OK), ("slow", OK), ("hang", NO_ANSWER), ("refuse", NO_ANSWER), ("html", NO_ANSWER),
     ("truncated", NO_ANSWER), ("overflow", TRUNCATED), ("error", NO_ANSWER)],
)  # fmt: skip
def test_the_next_run_asks_only_what_is_missing(tap, tmp_path, fault, state):
    """One of four services fails: it is asked again, those that answered are not, and then all is known."""
    catalogs = ["simbad", "gaia", "ned", "vizier"]
    services = {"catalogs": catalogs, "vizier_tables": ["a/b"], "read_timeout_s": 1.0}
    tap.faults["ned"] = fault
    tap.rows["ned"] = [("N", PLACE.ra, PLACE.dec, "G", None)]
    first = desk_of(tmp_path, **services)
    assert ask_all(first, PLACE) < 5
    assert [one.answer.state for one in first.asked(PLACE) if one.answer.service == "NED"] == [state]
    assert sum(one.answer.state == OK for one in first.asked(PLACE)) == (4 if state == OK else 3)
    tap.faults.clear()
    tap.asked.clear()
    second = desk_of(tmp_path, **services)
    ask_all(second, PLACE)
    assert {name for name, _ in tap.asked} == (set() if state == OK else {"ned"})
    assert [one.answer.state for one in second.asked(PLACE)] == [OK] * 4
    assert len(next(one for one in second.asked(PLACE) if one.answer.service == "NED").answer.entries) == 1


def test_a_refused_table_does_not_silence_the_others(tap, tmp_path):
    """A table of VizieR that is not there is one line; the next table of the same server is asked."""
    tap.missing = {"no/such"}
    tap.rows["vizier"] = [(1, PLACE.ra, PLACE.dec)]
    desk = desk_of(tmp_path, catalogs=["vizier"], vizier_tables=["no/such", "a/b", "a/c"])
    ask_all(desk, PLACE)
    states = {one.answer.service: one.answer for one in desk.asked(PLACE)}
    assert [answer.state for answer in states.values()] == [NO_ANSWER, OK, OK]
    assert "refused the question" in states["VizieR no/such"].reason


def test_a_silent_server_is_asked_once(tap, tmp_path):
    """Five tables of a server that hangs cost one silence, not five."""
    tap.faults["vizier"] = "hang"
    desk = desk_of(tmp_path, catalogs=["vizier"], vizier_tables=["a", "b", "c", "d", "e"])
    assert ask_all(desk, PLACE) < 1.5
    assert len(tap.asked) == 1
    assert {one.answer.state for one in desk.asked(PLACE)} == {NO_ANSWER}


def test_what_is_cut_short_is_asked_again_in_smaller_circles(tap):
    """A server that gives 40 rows at most: all 150 are found by smaller questions, each once, none beyond."""
    name, ra, dec, radius = cell_of(PLACE.ra, PLACE.dec)
    rows = [
        (f"N {i}", ra + 3 * radius * math.sin(i) * (i % 13) / 13,
         dec + radius * math.cos(3 * i) * (i % 7) / 7, "G", None)
        for i in range(150)
    ]  # fmt: skip
    inside = {row[0] for row in rows if separation_deg(ra, dec, row[1], row[2]) <= radius}
    tap.rows["ned"], tap.most = rows, 40
    client = Client(Patience(2.0, 2.0, 0), 5.0)
    answer = ask(SERVICES["ned"], f"{tap.url}/ned", client, (name, ra, dec, radius), "t")
    assert answer.state == OK
    assert {entry.name for entry in answer.entries} == inside
    assert len(answer.entries) == len(inside) > 60
    assert 7 < len(tap.asked) <= MOST_PIECES
    assert {round(circle_of(question)[2] / radius, 2) for _, question in tap.asked} >= {1.0, 0.51}


def test_asking_in_pieces_has_an_end(tap):
    """A server that cuts every answer short is asked a bounded number of times and stays truncated."""
    tap.faults["ned"] = "overflow"
    tap.rows["ned"] = [("N", PLACE.ra, PLACE.dec, "G", None)]
    client = Client(Patience(2.0, 2.0, 0), 5.0)
    answer = ask(SERVICES["ned"], f"{tap.url}/ned", client, cell_of(PLACE.ra, PLACE.dec), "t")
    assert (answer.state, len(answer.entries)) == (TRUNCATED, 1)
    assert len(tap.asked) <= MOST_PIECES
    assert "not known" in answer.reason


def test_small_bodies_are_asked_at_the_time_of_each_frame(tap, finished_copy, monkeypatch):
    """Frames of two epochs, 118 days apart: each moment is asked once, and a body counts at its own."""
    from analysis import minor_planets

    def somewhere(header):
        return float(header["MJD-AVG"]), (1.5e6, 0.0, 0.0, 0.0, 0.0, 0.0)

    monkeypatch.setattr(minor_planets, "observer", somewhere)
    project = Project(finished_copy)
    db = Database(project.database)
    records = frame_records(db, "done")
    days = {int(record.mjd_beg) for record in records}
    assert max(days) - min(days) > 100
    place = replace(PLACE, best_frame=records[0].frame, **centre_of(records[0]))
    desk = Desk(project, Config(services=replace(QUICK, catalogs=["solar_system"])), db, records)
    asked = desk.asked(place)
    assert {one.answer.state for one in asked} == {NOT_QUERIED}
    assert len({one.answer.release for one in asked}) == len(asked) == len(records)
    ask_all(desk, place, place)
    assert len(tap.asked) == len(records)
    assert {int(float(one.answer.block.split("_")[0])) for one in desk.asked(place)} == days
    assert {one.answer.state for one in desk.asked(place)} == {OK}
    spectrum = replace(place, best_frame="")
    assert [one.answer.reason for one in desk.asked(spectrum)] == ["not asked yet"]


def centre_of(record):
    """The middle of a frame's footprint."""
    from analysis.footprints import parse_region

    ra, dec = parse_region(record.footprint).centre
    return {"ra": ra, "dec": dec}


def test_rows_are_written_again_only_when_what_was_said_changed(tap, finished_copy):
    """Silence first, then an answer: the row changes once, and a third time nothing is written."""
    project = Project(finished_copy)
    db = Database(project.database)
    services = replace(QUICK, catalogs=["simbad"])
    place = replace(PLACE, candidate="JWST J1")

    def written():
        desk = Desk(project, Config(services=services), db, frame_records(db, "done"))
        ask_all(desk, place)
        rows = catalog_rows(desk, [place], check_keys(db))
        save_checks(db, rows)
        return [row.outcome for row in rows]

    tap.faults["simbad"] = "refuse"
    assert written() == ["inconclusive"]
    tap.faults.clear()
    assert written() == ["pass"]
    assert written() == []
