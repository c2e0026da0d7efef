"""The book of verdicts: equal to a plain model under any order of decisions, undo, redo and restarts."""

import math
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from store.database import Database, StoreError
from store.journal import Draft
from store.project import Project
from store.verdicts import CHECKS, GRADES, LABELS, OUTCOMES, REASONS, VerdictBook, VerdictState

NAMES = ["JWST J110.83751-73.43968", "JWST J150.10048+01.89301", "JWST J053.00001-27.00001"]
names = st.sampled_from(NAMES)
payloads = st.one_of(
    st.tuples(st.just("label"), st.fixed_dictionaries({"label": st.sampled_from(LABELS)})),
    st.tuples(
        st.just("label"),
        st.fixed_dictionaries({"label": st.just("artifact"), "reason": st.sampled_from(REASONS)}),
    ),
    st.tuples(st.just("grade"), st.fixed_dictionaries({"grade": st.sampled_from(GRADES)})),
    st.tuples(st.just("note"), st.fixed_dictionaries({"text": st.text(max_size=20)})),
    st.tuples(
        st.just("check"),
        st.fixed_dictionaries(
            {"checks": st.dictionaries(st.sampled_from(CHECKS), st.sampled_from(OUTCOMES), min_size=1)}
        ),
    ),
)


class Bookkeeping(RuleBasedStateMachine):
    """The book against two plain lists: what stands, and what was taken back since the last decision."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.project = Project(self.folder)
        self.book = VerdictBook(self.project, "ann")
        self.other = VerdictBook(self.project, "bob")
        self.standing: list = []
        self.undone: list = []
        self.bob: dict = {}
        self.torn = 0
        self.views: dict = {}

    def teardown(self):
        shutil.rmtree(self.folder)

    @rule(name=names, what=payloads)
    def decide(self, name, what):
        self.book.decide(what[0], name, 1.0, 2.0, what[1], rank=1, score=0.5, seconds=1.0)
        self.standing.append([(name, *what)])
        self.undone.clear()

    @rule(chosen=st.lists(names, min_size=1, unique=True), label=st.sampled_from(LABELS))
    def decide_many_at_once(self, chosen, label):
        drafts = [Draft("label", name, 1.0, 2.0, {"label": label}, 1, 0.5) for name in chosen]
        lines = self.book.decide_all(drafts)
        assert [line.candidate for line in lines] == chosen
        assert len({line.payload["batch"] for line in lines}) == 1
        self.standing.append([(name, "label", {"label": label}) for name in chosen])
        self.undone.clear()

    @rule(name=st.sampled_from(["faint", "north"]), value=st.none() | st.just({"band": "F200W"}))
    def keep_a_view(self, name, value):
        self.book.keep("view", name, value)
        self.views.pop(name, None)
        if value is not None:
            self.views[name] = value

    @rule()
    def undo(self):
        lines = self.book.take_back("undo")
        assert bool(lines) == bool(self.standing)
        if self.standing:
            self.undone.append(self.standing.pop())
            assert [line.candidate for line in lines] == [one[0] for one in reversed(self.undone[-1])]

    @rule()
    def redo(self):
        lines = self.book.take_back("redo")
        assert bool(lines) == bool(self.undone)
        if self.undone:
            self.standing.append(self.undone.pop())
            assert [line.candidate for line in lines] == [one[0] for one in self.standing[-1]]

    @rule(name=names, label=st.sampled_from(LABELS[:-1]))
    def another_vetter_decides(self, name, label):
        self.other.decide("label", name, 1.0, 2.0, {"label": label})
        self.bob[name] = label

    @rule()
    def restart(self):
        self.book = VerdictBook(self.project, "ann")

    @rule()
    def another_process_of_the_same_vetter_undoes(self):
        VerdictBook(self.project, "ann").undo()
        if self.standing:
            self.undone.append(self.standing.pop())

    @precondition(lambda self: self.standing or self.undone or self.views)
    @rule(garbage=st.sampled_from([b'{"v":1,"id"', b"\x00" * 8]))
    def crash_in_mid_line(self, garbage):
        path = self.project.verdicts / "ann.jsonl"
        end = b"" if path.read_bytes().endswith(b"\n") else b"\n"
        with path.open("ab") as file:
            file.write(end + garbage)
        self.torn += 1

    @invariant()
    def book_equals_model(self):
        self.book.refresh()
        expected: dict = {}
        assert {kept.name: kept.value for kept in self.book.kept("view")} == self.views
        for name, action, payload in (one for batch in self.standing for one in batch):
            state = expected.setdefault(
                name, {"label": "", "reason": "", "grade": "", "note": "", "checks": {}}
            )
            if action == "label":
                label = payload["label"]
                state |= {"label": "" if label == "none" else label, "reason": payload.get("reason", "")}
            elif action == "check":
                state["checks"] = state["checks"] | payload["checks"]
            elif action == "grade":
                state["grade"] = payload["grade"]
            else:
                state["note"] = payload["text"]
        found = {
            name: {"label": s.label, "reason": s.reason, "grade": s.grade, "note": s.note, "checks": s.checks}
            for name, s in self.book.states().items()
        }
        assert found == expected
        assert {name: s.label for name, s in self.book.states("bob").items()} == self.bob
        assert len(self.book.problems) == self.torn
        for name in NAMES:
            given = {expected.get(name, {}).get("label"), self.bob.get(name)} - {None, ""}
            assert self.book.consensus(name) == ("conflict" if len(given) > 1 else next(iter(given), ""))


TestBookkeeping = Bookkeeping.TestCase
TestBookkeeping.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    project.prepare()
    return project


def rows(db, query):
    with db.read() as cursor:
        return cursor.execute(query).fetchall()


def label(book, name, what, **more):
    return book.decide("label", name, 10.0, -20.0, {"label": what}, **more)


def test_undo_and_redo_survive_a_restart(project):
    """What was undone before a restart can be redone after it."""
    book = VerdictBook(project, "ann")
    label(book, NAMES[0], "known")
    label(book, NAMES[1], "discuss")
    assert book.undo().candidate == NAMES[1]
    later = VerdictBook(project, "ann")
    assert later.redo().candidate == NAMES[1]
    assert later.states()[NAMES[1]].label == "discuss"
    assert later.redo() is None


def test_redo_is_refused_after_a_new_decision(project):
    """A decision made after an undo ends what could be redone."""
    book = VerdictBook(project, "ann")
    label(book, NAMES[0], "known")
    book.undo()
    label(book, NAMES[1], "known")
    assert book.redo() is None
    assert list(book.states()) == [NAMES[1]]


def test_a_state_tells_who_when_and_what_was_seen(project):
    """The state carries the vetter, the times, the rank and score seen and the seconds spent."""
    book = VerdictBook(project, "ann")
    label(book, NAMES[0], "interesting", rank=4, score=0.9, seconds=2.0)
    line = book.decide("check", NAMES[0], 10.0, -20.0, {"checks": {"catalogs": "pass"}}, 4, 0.9, 1.5)
    state = book.state(NAMES[0])
    assert (state.vetter, state.rank, state.score, state.seconds, state.decisions) == ("ann", 4, 0.9, 3.5, 2)
    assert state.checked_at == {"catalogs": line.at} == {"catalogs": state.at}
    assert (state.ra, state.dec) == (10.0, -20.0)
    assert state.decided
    assert not book.state(NAMES[1]).decided


def test_vetters_who_differ_are_a_conflict(project):
    """A label is the project's only if everybody who gave one agrees."""
    ann, bob = VerdictBook(project, "ann"), VerdictBook(project, "bob")
    label(ann, NAMES[0], "known")
    bob.refresh()
    assert bob.consensus(NAMES[0]) == "known"
    label(bob, NAMES[0], "artifact")
    assert bob.consensus(NAMES[0]) == "conflict"
    bob.undo()
    assert bob.consensus(NAMES[0]) == "known"
    assert bob.consensus(NAMES[1]) == ""
    assert bob.vetters == ("ann", "bob")
    assert [(s.vetter, s.label) for s in bob.all_states()] == [("ann", "known")]
    assert [line.action for line in bob.history(NAMES[0])] == ["label", "label", "undo"]


def test_a_copied_journal_merges_whatever_its_file_is_called(project, tmp_path):
    """Lines belong to the vetter they name; a second copy of a file counts once."""
    elsewhere = Project(tmp_path / "elsewhere")
    label(VerdictBook(elsewhere, "bob"), NAMES[0], "known")
    source = elsewhere.verdicts / "bob.jsonl"
    book = VerdictBook(project, "ann")
    for name in ("bob.jsonl", "bob (copy).jsonl"):
        shutil.copy(source, project.verdicts / name)
    book.refresh()
    assert book.states("bob")[NAMES[0]].decisions == 1


def test_an_older_name_of_a_candidate_is_followed(project):
    """A decision made under an alias counts for the first name."""
    book = VerdictBook(project, "ann")
    label(book, NAMES[1], "known")
    book.set_aliases({NAMES[1]: NAMES[0]})
    assert book.state(NAMES[0]).label == book.state(NAMES[1]).label == "known"
    assert list(book.states()) == [NAMES[0]]
    assert len(book.history(NAMES[0])) == 1


def test_a_journal_taken_away_is_noticed(project):
    """Memory follows the files: a journal that is gone decides nothing any more."""
    book = VerdictBook(project, "ann")
    label(VerdictBook(project, "bob"), NAMES[0], "known")
    book.refresh()
    (project.verdicts / "bob.jsonl").unlink()
    book.refresh()
    assert book.all_states() == []


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("label", {"label": "galaxy"}),
        ("label", {"label": "artifact", "reason": "gremlin"}),
        ("grade", {"grade": "Z"}),
        ("check", {"checks": {"horoscope": "pass"}}),
        ("check", {"checks": {"catalogs": "maybe"}}),
        ("note", {"text": None}),
        ("undo", {}),
    ],
)
def test_decisions_that_do_not_exist_are_refused(project, action, payload):
    """Only the labels, grades, checks, outcomes and reasons of the lists are written."""
    book = VerdictBook(project, "ann")
    with pytest.raises(ValueError, match="one of"):
        book.decide(action, NAMES[0], 1.0, 2.0, payload)
    assert not (project.verdicts / "ann.jsonl").exists()


def test_the_index_holds_every_line_once_and_what_stands(project):
    """index writes what is new, is idle when nothing is, and follows undo."""
    db = Database(project.database)
    book = VerdictBook(project, "ann", database=db)
    label(book, NAMES[0], "known", rank=1)
    label(book, NAMES[1], "discuss")
    assert (book.index(), book.index()) == (2, 0)
    book.undo()
    book.decide("check", NAMES[2], math.nan, None, {"checks": {"methods": "fail"}})
    assert book.index() == 2
    assert VerdictBook(project, "ann", database=db).index() == 0
    assert rows(db, "SELECT count(*), count(DISTINCT id) FROM decisions") == [(4, 4)]
    assert rows(db, "SELECT candidate, label, checks FROM standing ORDER BY candidate") == [
        (NAMES[2], "", '{"methods": "fail"}'),
        (NAMES[0], "known", "{}"),
    ]


def test_the_index_is_rebuilt_from_the_journals_when_the_database_is_lost(project):
    """With the database deleted under a running program, the next index writes everything again."""
    db = Database(project.database)
    book = VerdictBook(project, "ann", database=db)
    for name in NAMES:
        label(book, name, "known")
    assert book.index() == 3
    project.database.unlink()
    assert book.index() == 3
    assert rows(db, "SELECT count(*) FROM standing") == [(3,)]


def test_a_decision_never_waits_for_the_database(project):
    """With no usable database decisions are kept and shown; only the index says so."""
    db = Database(project.database)
    with db.write() as cursor:
        cursor.execute("INSERT INTO schema_version VALUES (99, '', '9.0')")
    book = VerdictBook(project, "ann", database=Database(project.database, patience=0.1))
    label(book, NAMES[0], "known")
    with pytest.raises(StoreError, match="newer jwst-vet"):
        VerdictBook(project, "ann", database=Database(shutil.copy(project.database, project.root))).index()
    assert VerdictBook(project, "ann").state(NAMES[0]).label == "known"
    project.database.unlink()
    assert book.index() == 1


def test_an_older_process_does_not_overwrite_newer_states(project):
    """Two processes index the same journal: the states in the database are the newest."""
    db = Database(project.database)
    first, second = (VerdictBook(project, "ann", database=db) for _ in range(2))
    label(first, NAMES[0], "known")
    label(second, NAMES[0], "discuss")
    second.index()
    first.index()
    assert rows(db, "SELECT label FROM standing") == [("discuss",)]


def test_blank_states_compare_by_value():
    """A state is a value: two of the same facts are equal."""
    blank = VerdictState(candidate="C", vetter="ann")
    assert replace(blank, label="known") == VerdictState(candidate="C", vetter="ann", label="known")


def test_a_batch_is_one_line_each_and_taken_back_in_one_go_after_a_restart(project):
    """A thousand candidates: as many lines, one undo, one redo, the notes between them untouched."""
    book = VerdictBook(project, "ann")
    book.decide("note", "C3", 1.0, 2.0, {"text": "before"})
    drafts = [
        Draft("label", f"C{k}", 1.0, 2.0, {"label": "artifact", "reason": "edge"}, k, 0.5)
        for k in range(1000)
    ]
    lines = book.decide_all(drafts)
    assert len({line.id for line in lines}) == len(lines) == 1000
    assert sorted(line.id for line in lines) == [line.id for line in lines]
    again = VerdictBook(project, "ann")
    assert len(again.take_back("undo")) == 1000
    assert [(s.candidate, s.note) for s in again.all_states()] == [("C3", "before")]
    assert len(VerdictBook(project, "ann").take_back("redo")) == 1000
    assert {s.label for s in VerdictBook(project, "ann").all_states()} == {"artifact"}


def test_a_batch_that_cannot_be_written_leaves_nothing(project, monkeypatch):
    """All or none: a full disk in the middle of a batch leaves the journal as it was."""
    book = VerdictBook(project, "ann")
    label(book, NAMES[0], "known")
    before = (project.verdicts / "ann.jsonl").read_bytes()
    write, written = os.write, []

    def full(descriptor, data):
        if written:
            raise OSError(28, "No space left on device")
        written.append(True)
        return write(descriptor, data[: len(data) // 2])

    monkeypatch.setattr("store.journal.os.write", full)
    with pytest.raises(StoreError, match="the 3 decisions were not kept: No space"):
        book.decide_all([Draft("label", name, payload={"label": "known"}) for name in NAMES])
    monkeypatch.undo()
    assert (project.verdicts / "ann.jsonl").read_bytes() == before
    assert len(VerdictBook(project, "ann").all_states()) == 1


def test_views_and_rankings_are_lines_that_undo_passes_by(project):
    """A named ranking outlives undo and restarts; own ones come first; giving up is a line too."""
    book, bob = VerdictBook(project, "ann"), VerdictBook(project, "bob")
    label(book, NAMES[0], "known")
    book.keep("ranking", "shapes", {"anomaly": 1.0})
    bob.keep("ranking", "bright", {"snr": 1.0})
    book.keep("ranking", "shapes", {"anomaly": 0.9})
    assert book.undo().candidate == NAMES[0]
    assert book.undo() is None
    later = VerdictBook(project, "ann")
    assert [(k.name, k.vetter, k.value) for k in later.kept("ranking")] == [
        ("shapes", "ann", {"anomaly": 0.9}),
        ("bright", "bob", {"snr": 1.0}),
    ]
    later.keep("ranking", "shapes", None)
    assert [k.name for k in VerdictBook(project, "ann").kept("ranking")] == ["bright"]
    assert later.kept("view") == []
    with pytest.raises(ValueError, match="name"):
        later.keep("view", " ", {})


def test_labels_and_reasons_of_ones_own(project):
    """The lists given are those that may be written; an earlier label still stands."""
    label(VerdictBook(project, "ann"), NAMES[0], "known")
    book = VerdictBook(project, "ann", labels=["merger"], reasons=["moire"])
    label(book, NAMES[1], "merger")
    book.decide("label", NAMES[2], 1.0, 2.0, {"label": "merger", "reason": "moire"})
    with pytest.raises(ValueError, match="one of merger, none"):
        label(book, NAMES[1], "known")
    with pytest.raises(ValueError, match="moire"):
        book.decide("label", NAMES[2], 1.0, 2.0, {"label": "merger", "reason": "wisp"})
    assert sorted(s.label for s in book.all_states()) == ["known", "merger", "merger"]
