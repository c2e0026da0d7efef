"""A list of one's own: read from any usual file, refused in one line, and vetted like candidates."""

import csv
import shutil
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_app import app_of, press, settled, text_of
from vet_project import make_vet_project

from analysis.config import load
from analysis.own_list import OwnListError, read_own_list
from store.candidates import candidate_order
from store.checks import load_checks
from store.database import Database
from store.journal import read_journal
from store.own_lists import list_project
from store.project import Project
from tui.desk import Desk
from tui.listing import Query
from tui.warm import WarmProcess


def written(tmp_path, text, name="list.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "ra,dec,z\n110.5,-73.25,1\n",
        "# found by eye\nRA;DEC;z\n110.5;-73.25;1\n",
        "z\traj2000\tdej2000\n1\t7:22:00\t-73:15:00\n",
        "\ufeffz,ra_deg,dec_deg\r\n1,7h22m00s,-73d15m00s\r\n\r\n",
    ],
)
def test_usual_files_are_read(tmp_path, text):
    """Comma, semicolon or tab; comments; degrees or sexagesimal; the further column kept."""
    (row,) = read_own_list(written(tmp_path, text))
    assert (row.ra, row.dec) == pytest.approx((110.5, -73.25), abs=1e-9)
    assert row.columns == {"z": "1"}


@given(
    st.floats(0, 359.999),
    st.floats(-90, 90),
    st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp"))),
)
def test_any_position_and_text_comes_back(tmp_path_factory, ra, dec, text):
    """Whatever a further column says, quotes and commas included."""
    path = tmp_path_factory.mktemp("list") / "l.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["ra", "dec", "note, mine"], [repr(ra), repr(dec), text]])
    (row,) = read_own_list(path)
    assert (row.ra, row.dec) == (ra, dec)
    assert row.columns == {"note, mine": text.strip()}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; its first row names the columns"),
        ("ra,dec\n", "has no rows"),
        ("x,dec\n1,2\n", r"has no column ra \(its columns: x, dec\)"),
        ("ra,y\n1,2\n", "has no column dec"),
        ("ra,dec\n1,2\n400,2\n", "line 3: ra = '400': must be degrees from 0 to 360"),
        ("ra,dec\n1,nan\n", "line 2: dec = 'nan'"),
        ("ra,dec\n1,2,3\n", "line 2 has 3 columns, the first row 2"),
    ],
)
def test_a_list_that_cannot_be_used_is_one_line(tmp_path, text, words):
    """File, row, value, what is allowed."""
    with pytest.raises(OwnListError, match=words) as caught:
        read_own_list(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_bad_lists_and_projects_end_with_2(tmp_path, jwst_vet, project_folder):
    """One line on standard error, nothing made."""
    good = written(tmp_path, "ra,dec\n1,2\n")
    for path, words in (
        (tmp_path / "none.csv", "cannot be read: No such file"),
        (written(tmp_path, "a,b\n1,2\n", "bad.csv"), "has no column ra"),
        (good, "no measured frames yet"),
    ):
        done = jwst_vet("vet", path, "--prepare", cwd=project_folder)
        assert done.returncode == 2
        assert words in done.stderr
        assert done.stderr.count("\n") == 1
    assert "needs a terminal" in jwst_vet("vet", good, cwd=project_folder).stderr


async def test_a_list_goes_through_desk_cutouts_and_journal(finished_copy, tmp_path, jwst_vet):
    """Candidates, plain sources, blank sky and a far place: all are listed in order, with what is known."""
    table = finished_copy / "outputs/tables/ranked_candidates.csv"
    ranked = list(csv.DictReader(table.read_text().splitlines()))
    position = (float(ranked[0]["ra"]), float(ranked[0]["dec"]))
    path = written(
        tmp_path,
        "who,ra,dec,z\n"
        f"one,{ranked[1]['ra']},{ranked[1]['dec']},0.5\n"
        "far,10.0,20.0,\n"
        f"two,{position[0]},{position[1]},重力\n"
        f"blank,{position[0] + 0.0009},{position[1]},7\n",
    )
    done = jwst_vet("vet", path, "--prepare", cwd=finished_copy)
    assert done.returncode == 0, done.stderr
    assert "4 rows" in done.stdout
    assert "1 row lies outside every frame: line 3" in done.stdout
    config = load(finished_copy / "config.toml")
    own = list_project(Project(finished_copy), path)
    desk = Desk(own, config)
    desk.open()
    listing, rows = desk.listed(Query())
    assert listing.names[0] == ranked[1]["candidate"]
    assert listing.names[2] == ranked[0]["candidate"]
    one, far, two, _blank = (rows[name] for name in listing.names)
    assert two.composite_score == pytest.approx(float(ranked[0]["composite_score"]), abs=1e-6)
    assert one.frames_covering >= one.frames_detected >= 1
    assert (far.frames_covering, far.flags) == (0, "outside_footprints")
    assert far.composite_score != far.composite_score
    assert dict(desk.further(listing.names[2])) == {"line": "4", "who": "two", "z": "重力"}
    assert desk.detail(listing.names[0], "asinh").views
    assert "outside of every frame" in desk.detail(listing.names[1], "asinh").problem
    app = app_of((own, config))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert "who one" in text_of(app)
        await press(pilot, "y")
    lines, _ = read_journal(Project(finished_copy).verdicts / f"{config.vetting.name()}.jsonl")
    assert lines[-1].candidate == ranked[1]["candidate"]
    main = Desk(Project(finished_copy), config)
    assert main.open().states[ranked[1]["candidate"]].label == "interesting"
    again = jwst_vet("vet", path, "--prepare", cwd=finished_copy)
    assert again.stdout == done.stdout


def test_checks_on_demand_are_those_of_the_list(finished_copy, tmp_path, jwst_vet):
    """A place that only the list has is examined on demand, and what is found goes into the list's index."""
    ranked = list(
        csv.DictReader((finished_copy / "outputs/tables/ranked_candidates.csv").read_text().splitlines())
    )
    ra, dec = float(ranked[0]["ra"]) + 0.0009, float(ranked[0]["dec"])
    path = written(tmp_path, f"ra,dec\n{ra},{dec}\n")
    assert jwst_vet("vet", path, "--prepare", cwd=finished_copy).returncode == 0
    own = list_project(Project(finished_copy), path)
    name = candidate_order(Database(own.database))[0]
    with Database(own.database).write() as cursor:
        cursor.execute("DELETE FROM computed_checks")
    heard, done = [], threading.Event()

    def listen(words):
        heard.append(words)
        if "seconds" in words or "problem" in words:
            done.set()

    warm = WarmProcess(own, listen)
    warm.request(name)
    try:
        assert done.wait(240)
    finally:
        warm.close()
    assert "seconds" in heard[0], heard
    assert load_checks(Database(own.database))[name]
    assert name not in load_checks(Database(Project(finished_copy).database))


def test_two_lists_of_one_name_stand_apart(tmp_path):
    """The folder of a list says which file it is of."""
    project, _ = make_vet_project(tmp_path / "field", 0)
    one = list_project(project, tmp_path / "a" / "l.csv")
    two = list_project(project, tmp_path / "b" / "l.csv")
    assert one.folder != two.folder
    assert one.verdicts == project.verdicts
    shutil.rmtree(tmp_path / "field")
