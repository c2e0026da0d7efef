"""Blind sittings: nothing of a former verdict on screen, no line that replaces one, agreement at the end."""

import dataclasses
import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_app import app_of, press, settled, text_of
from test_pty import Terminal
from vet_project import candidate_table, make_vet_project, name_of, save_table

from analysis.config import ConfigError, load
from analysis.reagreement import self_agreement, words
from store.blind import beginning, chosen, label_of, problem, sittings, taking_back, verdict
from store.database import Database
from store.foreign import read_foreign
from store.journal import Draft, Journal, Line, read_journal, standing
from store.merging import merge_lines
from store.project import Project
from store.states import LABELS
from store.ulid import next_ulid
from store.verdicts import VerdictBook
from tui.blind import KEYS, BlindDesk, first_labels, sitting_for, unfinished, vet_blind
from tui.desk import Desk
from tui.keys import TABLE

NAMES = tuple(f"C{number}" for number in range(4))
SITTING = next_ulid(1_700_000_000.0)
FIRST = {0: "interesting", 1: "ordinary", 2: "known", 3: "ordinary", 4: "artifact"}
NOTE = "a note of the first look"
OTHERS = "zelda"

labels = st.sampled_from([name for name in LABELS if name != "none"] + ["none"])
steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["decide", "look"]), st.sampled_from(NAMES), labels),
        st.tuples(st.sampled_from(["undo", "redo", "undo look", "redo look"]), st.just(""), st.just("")),
    ),
    max_size=24,
)


def look_back(book, back):
    """Undo or redo the last look of the sitting; False where there is none."""
    record = book.sittings()[0].record
    pairs = (
        [(line, line.id) for line in record.standing]
        if back == "undo"
        else [(line, undo.id) for line, undo in record.undone]
    )
    if pairs:
        book.keep_blind(taking_back(SITTING, back, *pairs[-1]))
    return bool(pairs)


class Model:
    """What decide, undo and redo come to, in plain lists."""

    def __init__(self):
        self.done, self.undone = [], []

    def step(self, what, name, label):
        if what == "undo":
            if self.done:
                self.undone.append(self.done.pop())
        elif what == "redo":
            if self.undone:
                self.done.append(self.undone.pop())
        else:
            self.done.append((name, label))
            self.undone.clear()

    @property
    def labels(self):
        return {name: label for name, label in dict(self.done).items() if label != "none"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_a_blind_label_never_changes_what_stands(tmp_path_factory, sequence):
    """Verdicts and looks in any order equal two plain models; so do a fresh book, a merge, an old reader."""
    project = Project(tmp_path_factory.mktemp("model"))
    book, verdicts, looks = VerdictBook(project, "ann"), Model(), Model()
    book.keep_blind(beginning(SITTING, 7, NAMES, dict.fromkeys(NAMES, "ordinary")))
    for what, name, label in sequence:
        if what == "decide":
            book.decide("label", name, 1.0, 2.0, {"label": label})
            verdicts.step(what, name, label)
        elif what == "look":
            book.keep_blind(verdict(SITTING, name, label, "", 1.5))
            looks.step(what, name, label)
        elif what.endswith("look"):
            look_back(book, what.split()[0])
            looks.step(what.split()[0], "", "")
        else:
            book.take_back(what)
            verdicts.step(what, "", "")
    lines, problems = read_journal(project.verdicts / "ann.jsonl")
    assert not problems
    elsewhere = Project(tmp_path_factory.mktemp("merged"))
    good, bad = read_foreign((project.verdicts / "ann.jsonl").read_bytes(), "ann", time.time())
    assert not bad
    assert len(merge_lines(elsewhere.verdicts, "ann", good).taken) == len(lines)
    assert merge_lines(elsewhere.verdicts, "ann", good).taken == ()
    for one in (book, VerdictBook(project, "ann"), VerdictBook(elsewhere, "bob")):
        states = one.states("ann")
        assert {name: state.label for name, state in states.items() if state.label} == verdicts.labels
        assert sum(state.decisions for state in states.values()) == len(verdicts.done)
        (sitting,) = one.sittings()
        assert {name: label_of(line) for name, line in sitting.second.items()} == looks.labels
        assert sitting.done == (set(looks.labels) == set(NAMES))
        assert [kept.name for kind in ("view", "ranking", "product") for kept in one.kept(kind)] == []
    # Who does not know the mark sees the action alone, which undo and what stands pass by.
    unmarked = [dataclasses.replace(line, payload={}) if "blind" in line.payload else line for line in lines]
    assert [(line.candidate, line.payload["label"]) for line in standing(unmarked)] == verdicts.done


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "value"),
        ({}, "value"),
        ({"candidates": ["a", "a"], "first": {"a": "known"}, "seed": 1}, "candidates"),
        ({"candidates": ["a"], "first": {"b": "known"}, "seed": 1}, "candidates"),
        ({"candidates": ["a"], "first": {"a": "known"}, "seed": True}, "candidates"),
        ({"candidates": [["a"]], "first": {"a": "known"}, "seed": 1}, "candidates"),
        ({"candidate": "a", "label": "\x1b[2J", "reason": "", "seconds": 1}, "label"),
        ({"candidate": "a", "label": "known", "reason": "", "seconds": -1}, "label"),
        ({"candidate": "a", "label": "known", "reason": "", "seconds": 1, "more": 1}, "label"),
        ({"back": "again"}, "back"),
        ({"dropped": []}, "dropped"),
    ],
)
def test_a_line_of_a_sitting_that_is_none_is_refused_in_a_merge(tmp_path, value, why):
    """And passed by where a file was copied into the folder."""
    payload = {"name": "blind:x", "value": value, "blind": SITTING}
    pen = Journal(tmp_path / "outputs" / "verdicts", "eve")
    pen.append_all([beginning(SITTING, 1, ["a"], {"a": "known"}), Draft("product", "", payload=payload)])
    good, bad = read_foreign(pen.path.read_bytes(), "eve.jsonl", time.time())
    assert len(good) == 1
    assert len(bad) == 1
    assert why in bad[0].reason
    assert problem(payload) == bad[0].reason or value is None
    (sitting,) = VerdictBook(Project(tmp_path), "ann").sittings()
    assert sitting.left == ("a",)


@given(st.dictionaries(st.text(max_size=5), st.none() | st.text(max_size=5) | st.lists(st.integers())))
def test_any_payload_is_judged_without_a_crash(value):
    """Whatever a marked line holds."""
    line = Line("0" * 26, "t", "eve", "product", "", payload={"blind": "x", "name": "n", "value": value})
    assert sittings([line]) == []
    assert problem(line.payload)


def test_the_order_is_the_seeds_and_another_one():
    """The same seed gives the same order, whatever the order of verdicts; at most so many."""
    first = dict.fromkeys(map(name_of, range(30)), "known")
    order = chosen(first, 12, 5)
    assert order == chosen(dict(reversed(first.items())), 12, 5)
    assert len(set(order)) == 12
    assert list(order) != sorted(order)
    assert order != chosen(first, 12, 6)
    assert set(chosen(first, 99, 5)) == set(first)


def sitting_of(pairs):
    """Make a sitting of (first, second) labels."""
    lines = [
        beginning(
            SITTING, 1, map(name_of, range(len(pairs))), {name_of(n): a for n, (a, _) in enumerate(pairs)}
        )
    ]
    lines += [verdict(SITTING, name_of(n), b, "", 2.0) for n, (_, b) in enumerate(pairs) if b]
    made = [
        Line(next_ulid(1e9 + n), "2026-11-25", "vera", d.action, "", payload=d.payload)
        for n, d in enumerate(lines)
    ]
    (sitting,) = sittings(made)
    return sitting


def test_self_agreement_is_cohens_kappa_of_the_two_passes():
    """Worked by hand: 3 of 4 alike, 1/2 by chance, kappa 1/2; the interval holds it."""
    found = self_agreement(
        sitting_of(
            [("known", "known"), ("known", "ordinary"), ("ordinary", "ordinary"), ("ordinary", "ordinary")]
            * 10
        )
    )
    assert found.value == pytest.approx(0.5)
    assert found.observed == pytest.approx(0.75)
    assert found.low < 0.5 < found.high
    assert "not done yet" in words(sitting_of([("known", "known"), ("known", "")]))
    assert "kappa" not in words(sitting_of([("known", "known"), ("known", "")]))
    assert "one candidate alone" in words(sitting_of([("known", "known")]))
    assert "not defined" in words(sitting_of([("known", "known")] * 3))


@pytest.fixture
def vet(tmp_path):
    """Twelve candidates: vera decided five, with grade, check and note; another vetter all of those too."""
    project, config = make_vet_project(tmp_path / "field")
    for vetter in ("vera", OTHERS):
        pen = Journal(project.verdicts, vetter)
        for number, label in FIRST.items():
            said = {"label": label if vetter == "vera" else "discuss"}
            say(pen, number, "label", said)
            say(pen, number, "grade", {"grade": "B"})
            say(pen, number, "check", {"checks": {"catalogs": "fail"}})
            say(pen, number, "note", {"text": NOTE})
    return project, config


def say(pen, number, action, payload):
    """Let somebody decide something on a made-up candidate."""
    dec = -73.4 - number * 1e-5
    pen.append(
        action=action,
        candidate=name_of(number),
        ra=110.8 + number * 1e-5,
        dec=dec,
        payload=payload,
        rank=number + 1,
        score=0.5,
    )


def begun(vet, most=50, seed=3):
    """Begin a sitting, or go on; give its desk."""
    desk = Desk(*vet)
    desk.open()
    return BlindDesk(*vet, sitting_for(desk, most, seed).id)


def standing_of(project):
    """What stands, read anew."""
    return VerdictBook(project, "vera").all_states()


async def test_a_sitting_at_80_by_24_from_the_first_label_to_the_agreement(vet):
    """Nothing of before is shown or reached; labels, undo and redo are the sitting's; the end says kappa."""
    before = standing_of(vet[0])
    desk = begun(vet)
    app = app_of(vet, desk=desk)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        order = list(app.vetting.table.listing.names)
        assert sorted(order) == sorted(map(name_of, FIRST))
        assert "5 left" in text_of(app)
        for _ in order:
            text = text_of(app)
            for hidden in (NOTE, OTHERS, "grade", "discuss ", "0.95", "anomaly", "in frames", "✗"):
                assert hidden not in text, hidden
            assert "BLIND" in text
            assert "scores and verdicts hidden" in text
            await press(pilot, "j")
        await press(pilot, "home")
        lines = len(desk.book.history(name_of(0)))
        for key in ("G", "m", "H", "1", "C", "E", "f", "V", "D", "B", "w", "p", "M", "g", "e", "r", "F", "N"):
            await press(pilot, key)
            assert app.screen is app.vetting, key
        assert len(desk.book.history(name_of(0))) == lines
        assert standing_of(vet[0]) == before
        await press(pilot, "o")
        assert desk.sitting.left == tuple(order[1:])
        assert app.vetting.table.candidate == order[1]
        await press(pilot, "z")
        assert desk.sitting.left == tuple(order)
        await press(pilot, "z")
        assert "nothing to undo" in app.vetting.message
        assert standing_of(vet[0]) == before
        await press(pilot, "Z")
        assert label_of(desk.sitting.second[order[0]]) == "known"
        await press(pilot, "tab", "x", "1", "n", "n")
        assert desk.all_decided == ""
        assert "kappa" not in text_of(app)
        await press(pilot, "n")
        assert desk.sitting.done
        assert "self-agreement of vera" in desk.all_decided
        assert "self-agreement of vera" in text_of(app)
        (toast,) = app._notifications
        assert toast.title == "the blind sitting is done"
        assert "kappa" in toast.message
        second = {name: label_of(line) for name, line in desk.sitting.second.items()}
        assert second == dict(
            zip(order, ["known", "artifact", "ordinary", "ordinary", "ordinary"], strict=True)
        )
        assert desk.sitting.second[order[1]].payload["value"]["reason"] == "diffraction_spike"
    assert standing_of(vet[0]) == before
    assert "self-agreement of vera" in desk.closing()
    assert app_of(vet).desk.allowed(TABLE) == TABLE


async def test_help_and_footer_name_only_what_works(vet):
    """The table of keys itself is shorter, so nothing printed is dead."""
    app = app_of(vet, desk=begun(vet))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        ids = {key.id for key in app.keys}
        assert not ids & {
            "note",
            "history",
            "views",
            "filter",
            "weights",
            "runs",
            "export",
            "check_1",
            "go_to",
        }
        assert ids >= KEYS & {key.id for key in TABLE}
        assert "history" not in text_of(app)
        await press(pilot, "question_mark", *"every decision on it")
        assert "by everybody" not in text_of(app)


def test_keys_of_a_sitting_are_keys_of_the_table():
    """A name that is no action would leave it out in silence."""
    assert {key.id for key in TABLE} >= KEYS


def test_a_sitting_goes_on_where_it_was_left(vet):
    """Another process has the same order and what was given; a second one begins only after the end."""
    one = begun(vet, 3)
    opening = one.open()
    names = list(opening.listing.names)
    assert len(names) == 3
    row = opening.rows[names[0]]
    assert row.rank == 1
    assert row.composite_score != row.composite_score
    one.decide(row, "label", {"label": "known"}, 2.0)
    two = begun(vet, 5, seed=9)
    again = two.open()
    assert list(again.listing.names) == names
    assert {name: state.label for name, state in again.states.items()} == {names[0]: "known"}
    assert two.others() == {}
    line, states = two.take_back("undo")
    assert line.candidate == names[0]
    assert states[names[0]].label == ""
    with pytest.raises(ValueError, match="labels alone"):
        two.decide(row, "grade", {"grade": "A"}, 1.0)
    with pytest.raises(ValueError, match="label 'merger'"):
        two.decide(row, "label", {"label": "merger"}, 1.0)
    for name in names:
        two.decide(again.rows[name], "label", {"label": "ordinary"}, 1.0)
    assert "self-agreement" in two.all_decided
    three = begun(vet, 5, seed=9)
    three.open()
    assert len(three.sitting.candidates) == 5
    assert three.sitting.seed == 9


def test_what_is_ranked_no_more_leaves_the_sitting(vet):
    """And is said nowhere as decided; the rest can be finished."""
    one = begun(vet)
    one.open()
    table = candidate_table(12)
    table = table[~table["candidate"].isin([name_of(0), name_of(1)])]
    save_table(Database(vet[0].database), table.assign(rank=range(1, len(table) + 1)))
    two = begun(vet)
    two.open()
    assert two.sitting.id == one.sitting.id
    assert set(two.sitting.candidates) == {name_of(2), name_of(3), name_of(4)}


def test_labels_of_a_verdict_on_many_are_no_looks(vet):
    """What B decided was not looked at one by one, until it is decided alone."""
    desk = Desk(*vet)
    desk.open()
    desk.decide_all([name_of(6), name_of(7)], {"label": "ordinary"})
    assert set(first_labels(desk)) == set(map(name_of, FIRST))
    desk.decide(desk.rows([name_of(6)])[name_of(6)], "label", {"label": "known"}, 1.0)
    assert first_labels(desk)[name_of(6)] == "known"
    assert unfinished(desk.book) is None


def test_bad_usage_is_one_line_and_2(vet, tmp_path, jwst_vet):
    """N, list and --blind, nobody's labels, no terminal; and nothing is written."""
    root = vet[0].root
    journal = (vet[0].verdicts / "vera.jsonl").read_bytes()
    for options, expected in (
        (("--blind", "0"), "--blind 0: must be a whole number from 1 to 5000"),
        (("--blind", "many"), "invalid int value"),
        ((), "give LIST.csv, or --blind"),
        (("list.csv", "--blind"), "one of them"),
        (("--blind",), "needs a terminal"),
    ):
        done = jwst_vet("vet", *options, cwd=root)
        assert done.returncode == 2, options
        assert expected in done.stderr
        assert done.stderr.count("\n") == 1
    assert (vet[0].verdicts / "vera.jsonl").read_bytes() == journal
    fresh = make_vet_project(tmp_path / "fresh")
    with pytest.raises(ConfigError, match="vera gave no label to a ranked candidate"):
        vet_blind(*fresh, 50, lambda _desk: 0)


def test_status_report_tables_and_exports(finished_copy, jwst_vet):
    """The agreement is in status and REPORT.md once it is done; no table, no export has a label of it."""
    root = finished_copy
    vet = (Project(root), load(root / "config.toml"))
    plain = Desk(*vet)
    who = plain.vetter
    top = plain.open().rows
    names = list(top)[:5]
    for number, name in enumerate(names):
        plain.decide(top[name], "label", {"label": FIRST[number]}, 2.0)
    desk = begun(vet)
    order = list(desk.open().listing.names)
    rows = desk.rows(order)
    assert sorted(order) == sorted(names)
    for name in order[:-1]:
        desk.decide(rows[name], "label", {"label": "known"}, 1.0)
    assert "4 of 5 decided again; not done yet" in jwst_vet("status", cwd=root).stdout
    report = root / "outputs" / "report" / "REPORT.md"

    def written():
        assert jwst_vet("report", cwd=root).returncode == 0
        for kind in ("csv", "consensus"):
            assert jwst_vet("export", kind, "--to", root / kind, cwd=root).returncode == 0
        paths = [*vet[0].tables.glob("*.csv"), root / "csv", root / "consensus"]
        return {path: path.read_bytes() for path in sorted(paths)}

    before = written()
    assert len(before) > 5
    assert "Agreement of vetters with themselves" not in report.read_text()
    desk.decide(rows[order[-1]], "label", {"label": "known"}, 1.0)
    (facts,) = json.loads(jwst_vet("status", "--json", cwd=root).stdout)["blind"]
    assert (facts["vetter"], facts["candidates"], facts["left"], facts["seed"]) == (who, 5, 0, 3)
    assert f"self-agreement of {who}: 20% of 5" in jwst_vet("status", cwd=root).stdout
    assert written() == before
    text = report.read_text()
    assert "### Agreement of vetters with themselves" in text
    changed = text.partition("label in the sitting")[2].split("\n\n")[0]
    assert changed.count("| known |") == 4
    (sitting,) = VerdictBook(vet[0], "somebody").sittings()
    assert sitting.first == {name: FIRST[number] for number, name in enumerate(names)}


def test_in_a_terminal_a_sitting_is_left_and_gone_on_with(vet):
    """Typed as a person types: one label, q, and again; exit code 0, and the end says how it came out."""
    app = Terminal(vet[0].root, options=("vet", "--blind", "2"))
    app.until("2 left")
    app.type("n", "1 left")
    app.child.send("q")
    assert app.ends() == (0, None)
    assert b"1 of 2 decided again; not done yet: `jwst-vet vet --blind` goes on" in app.raw
    app = Terminal(vet[0].root, options=("vet", "--blind"))
    app.until("1 left")
    app.type("\t", "#2 JWST")
    app.type("n", "the blind sitting is done")
    app.child.send("q")
    assert app.ends() == (0, None)
    assert b"self-agreement of vera" in app.raw
