"""Deciding in the app: labels of one's own, notes of any script, the history, and the closing line."""

import dataclasses
import subprocess
import sys

import pytest
from cards import assert_card
from test_app import app_of, lines_of, press, settled, text_of
from textual.widgets import TextArea
from vet_project import make_vet_project, name_of

from analysis.config import ConfigError, Vetting, from_mapping
from tui.keys import KeymapError, resolve
from tui.label_keys import with_labels
from tui.screens.history import HistoryScreen
from tui.tally import closing_line

NOTES = (
    "two\nlines, and a third:\n\n  indented, trailing blank ",
    "مجرة بعيدة جدا\u200f (z > 6)",
    "重力レンズ？ 弧 0.6″ 東",
    "👩🏽‍🚀 é vs é, ½″, “quoted”, =SUM(A1)",
)


@pytest.fixture
def vet(tmp_path):
    """A project of twelve candidates: (project, config)."""
    return make_vet_project(tmp_path / "field")


@pytest.mark.parametrize("note", NOTES)
async def test_a_note_is_kept_byte_for_byte(vet, note):
    """What is in the editor is in the journal, whatever its script; unchanged it is not written again."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "m")
        app.screen.query_one(TextArea).text = note
        await press(pilot, "enter")
        (line,) = lines_of(vet)
        assert line.payload["text"] == note
        await press(pilot, "m")
        assert app.screen.query_one(TextArea).text == note
        await press(pilot, "enter")
        assert len(lines_of(vet)) == 1


async def test_a_decision_with_its_five_checks_is_two_keys(vet, monkeypatch):
    """C confirms what was computed, y gives the label and moves on."""
    app = app_of(vet)
    computed = dict.fromkeys(
        ("other_filters", "catalogs", "psf_or_cosmic_ray", "thresholds", "methods"), "pass"
    )
    detail = app.desk.detail
    monkeypatch.setattr(
        app.desk,
        "detail",
        lambda *given, **more: dataclasses.replace(detail(*given, **more), computed=computed),
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "C", "y")
        state = app.desk.book.state(name_of(0))
        assert (state.label, dict(state.checks)) == ("interesting", computed)
        assert app.vetting.table.candidate == name_of(1)


def own_labels(vet):
    """The project with two labels of one's own, one key moved, one label dropped, and own reasons."""
    project, config = vet
    vetting = Vetting(
        "vera", ["interesting", "artifact", "merger W", "ring n", "known K"], ["moire", "glow g"]
    )
    return project, dataclasses.replace(config, vetting=vetting)


async def test_labels_of_ones_own_have_keys_footer_and_help(vet):
    """A new label's key gives it, a dropped label's key no longer does, a moved key moves."""
    vet = own_labels(vet)
    app = app_of(vet, table=resolve({}, with_labels(vet[1].vetting.label_keys())))
    async with app.run_test(size=(200, 60)) as pilot:
        await settled(pilot)
        assert all(word in text_of(app).splitlines()[-1] for word in ("W merger", "n ring"))
        await press(pilot, "W", "n", "K", "o", "u", "y")
        assert [line.payload["label"] for line in lines_of(vet)] == ["merger", "ring", "known", "interesting"]
        assert "W merger" in text_of(app)
        await press(pilot, "x", "g", "x", "1")
        assert [line.payload["reason"] for line in lines_of(vet)[4:]] == ["glow", "moire"]
        await press(pilot, "question_mark")
        assert "label it merger" in text_of(app)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["merger"], '"merger" has no key'),
        (["merger j"], "to both next and label_merger|to both label_merger and next"),
    ],
)
def test_a_label_without_a_usable_key_is_one_line(labels, words):
    """It says which label, and how to give it a key."""
    vetting = Vetting(labels=["interesting", *labels])
    with pytest.raises(KeymapError, match=words):
        resolve({}, with_labels(vetting.label_keys()))


@pytest.mark.parametrize(
    "entries",
    [["Merger M"], ["none"], ["conflict x"], ["a b c"], ["known", "known K"], ["a x", "b x"], ["edge ,"], []],
)
def test_labels_and_reasons_that_cannot_be_are_one_line(entries):
    """The key, the value and what is allowed."""
    for name in ("labels", "reasons"):
        with pytest.raises(
            ConfigError, match=rf"\[vetting\] {name} = .*at most 35 different names"
        ) as caught:
            from_mapping({"vetting": {name: entries}})
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_history_shows_every_line_and_what_was_taken_back(vet, size, monkeypatch):
    """Label, reason, check, note, grade, undo and redo, with time, vetter, rank and score seen."""
    monkeypatch.setattr("tui.screens.history.seen", lambda line: f"rank {line.rank}  score {line.score:.3f}")
    app = app_of(vet)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await press(pilot, "x", "3", "home", "1", "G", "b", "z", "m")
        app.screen.query_one(TextArea).text = NOTES[0]
        await press(pilot, "enter", "H")
        assert isinstance(app.screen, HistoryScreen)
        lines = app.screen.lines
        frozen = [dataclasses.replace(line, at="2026-11-24T21:00:00.000+00:00") for line in lines]
        assert [line.action for line in lines] == ["label", "check", "grade", "undo", "note"]
        await press(pilot, "escape")
        app.push_screen(HistoryScreen(name_of(0), frozen))
        await pilot.pause()
        assert_card(app, f"history-{size[0]}x{size[1]}")


async def test_a_candidate_without_decisions_says_so(vet):
    """The history of an untouched candidate."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "H")
        assert "Nobody decided anything on it yet." in text_of(app)
        await press(pilot, "j", "q")
        assert app.screen is app.vetting


async def test_the_closing_line_counts_this_sitting(vet):
    """Two of twelve decided; what was undone does not count, and an earlier sitting does not either."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "y", "n", "u", "z")
        words = app.desk.closing()
    assert words.startswith("2 decided, 10 left, ")
    assert words.endswith(" s each")
    later = app_of(vet)
    async with later.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert later.desk.closing() == "nothing decided, 10 left"


def test_the_closing_line_in_words():
    """Seconds with a decimal only where that tells something; unknown parts are left out."""
    assert closing_line(37, 63, 41.2) == "37 decided, 63 left, 41 s each"
    assert closing_line(1, 0, 2.34) == "1 decided, none left, 2.3 s each"
    assert closing_line(5, None, None) == "5 decided"


def test_no_science_package_comes_with_queue_plots_and_weights(tmp_path):
    """What these screens read and draw loads neither learning nor photometry nor figures."""
    make_vet_project(tmp_path / "field", 30)
    program = """
import sys
from pathlib import Path
from analysis.config import load
from store.project import Project
from tui.desk import Desk
from tui.listing import Query
from tui.plotting import KINDS, read_points
from tui.screens import bulk, filtering, gallery, history, plots, views, weights
from tui.whatif import reweigh
from tui.widgets.plot import draw
root = Path(sys.argv[1])
desk = Desk(Project(root), load(root / "config.toml"))
desk.open()
listing, rows = desk.listed(Query(order=1))
name = listing.names[0]
for kind, _ in KINDS:
    draw(read_points(desk, kind, name, listing), 80, 24)
reweigh(desk.queue, {"anomaly": 1, "snr": 1, "artifact": 0, "consistency": 0}, name)
desk.thumb(name)
desk.decide_all(listing.names, {"label": "ordinary"})
desk.take_back("undo")
desk.closing()
heavy = {"sklearn", "photutils", "matplotlib", "pandas", "astropy", "scipy", "pyarrow"}
print(sorted(heavy & {module.partition(".")[0] for module in sys.modules}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "field")], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr
