"""`merge`: colleagues' journals by copy; good lines kept, bad ones told, the second time nothing changes."""

import json
import os
import re
import shutil
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from vet_project import candidate_table, make_vet_project, name_of, save_table

from analysis.association import carry_names
from analysis.config import Config
from analysis.report.agreement import agreement as agreement_section
from analysis.report.decisions import decisions
from analysis.report.facts import Facts
from store.candidates import known_names, load_candidates
from store.database import Database
from store.foreign import LINE_BYTES, checked, read_foreign
from store.journal import Journal, JournalError, Line, encode, read_journal
from store.matching import indexed_book, mutual_nearest
from store.merging import ASIDE, by_vetter, merge_lines
from store.project import Project, StoreError
from store.tables import write_table
from store.ulid import next_ulid
from store.verdicts import VerdictBook

HOSTILE = (
    "=cmd|' /C calc'!A0 \x1b[2J\x1b]0;gone\x07 <script>alert(1)</script> "
    "[x](javascript:1) | ; \u202e \x00 \n`"
)


def decided(root, vetter, *labels, host=""):
    """Let a vetter decide in a folder of her own, later than whoever did before; give her journal."""
    now = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == now:
        pass  # within one millisecond lines of different pens have no order
    pen = Journal(root, vetter, "0.1.0")
    if host:
        pen._host = host
    for number, label in enumerate(labels):
        pen.append(
            action="label",
            candidate=f"C{number}",
            ra=1.0 + number,
            dec=2.0,
            payload={"label": label},
            rank=number + 1,
            score=0.5,
            seconds=2.0,
        )
    return pen.path


def raw_line(**changes):
    """Write a line with a right checksum whose fields are not what they must be."""
    line = {
        "id": next_ulid(time.time()),
        "at": "2026-11-23T00:00:00.000+00:00",
        "vetter": "bob",
        "action": "label",
        "candidate": "C0",
        "ra": 1.0,
        "dec": 2.0,
        "payload": {"label": "known"},
        "rank": 1,
        "score": 0.5,
        "seconds": 1.0,
        "undoes": "",
        "host": "h",
        "pid": 1,
        "version": "0.1.0",
        "v": 1,
    } | changes
    body = json.dumps(line, sort_keys=True, separators=(",", ":")).encode()
    return json.dumps(line | {"crc32": zlib.crc32(body)}).encode()


def made_up_facts(**known):
    """Make the facts of a report on a project where nothing was measured."""
    return Facts(
        config=Config(),
        version="0.1.0",
        frames=[],
        info={},
        n_candidates=0,
        candidates=[],
        views={},
        members={},
        figures={},
        problems=[],
        locations={},
        tables=[],
        written_at="",
        **known,
    )


def everything(folder):
    """Give the bytes of every file below a folder, by name."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_journal_merges_twice_with_the_same_result(jwst_vet, project_folder, tmp_path):
    """The first time every line is new; the second time nothing is, and no byte changes."""
    path = decided(tmp_path / "bob", "bob", "known", "ordinary")
    first = jwst_vet("merge", path, cwd=project_folder)
    assert first.returncode == 0, first.stderr
    assert "bob: 2 lines new, 0 there already" in first.stdout
    before = everything(project_folder / "outputs")
    second = jwst_vet("merge", path, path.parent, cwd=project_folder)
    assert second.returncode == 0
    assert "bob: 0 lines new, 2 there already" in second.stdout
    assert everything(project_folder / "outputs") == before
    assert (project_folder / "outputs" / "verdicts" / "bob.jsonl").read_bytes() == path.read_bytes()


def test_bad_lines_are_told_one_by_one_and_the_good_ones_kept(jwst_vet, project_folder, tmp_path):
    """Each bad line is one line with file, number and reason; exit code 3; good lines are in the journal."""
    path = decided(tmp_path / "bob", "bob", "known", "ordinary")
    good = path.read_bytes().split(b"\n")[:2]
    flipped = good[0].replace(b"known", b"xnown")
    bad = [flipped, b"not json", raw_line(vetter="../../etc"), raw_line(v=9), raw_line(payload={"label": 3})]
    path.write_bytes(b"\n".join([good[0], *bad, good[1]]) + b"\n")
    done = jwst_vet("merge", path, cwd=project_folder)
    assert done.returncode == 3
    told = done.stderr.splitlines()
    assert [line.split(": ")[2] for line in told] == ["line 2", "line 3", "line 4", "line 5", "line 6"]
    assert all(line.startswith(f"jwst-vet: {path}: ") for line in told)
    for line, needle in zip(told, ("checksum", "JSON", "vetter", "format 9", "label 3"), strict=True):
        assert needle in line
    lines, problems = read_journal(project_folder / "outputs" / "verdicts" / "bob.jsonl")
    assert [line.payload["label"] for line in lines] == ["known", "ordinary"]
    assert problems == []
    assert [p.name for p in (project_folder / "outputs" / "verdicts").iterdir()] == ["bob.jsonl"]


def test_nothing_usable_is_exit_2(jwst_vet, project_folder, tmp_path):
    """A file that is not there, or holds no line, or a folder without journals: a line each, exit code 2."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "junk.jsonl").write_bytes(os.urandom(3000))
    for what in ("nowhere.jsonl", tmp_path / "empty", tmp_path / "junk.jsonl"):
        done = jwst_vet("merge", what, cwd=project_folder)
        assert done.returncode == 2, what
        assert Path(what).name in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("changes", "needle"),
    [
        ({"id": "short"}, "id 'short'"),
        ({"id": next_ulid(time.time() + 400_000)}, "ahead"),
        ({"id": "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"}, "ahead"),
        ({"at": "yesterday"}, "at 'yesterday'"),
        ({"at": "2026-11-23T00:00:00"}, "UTC"),
        ({"vetter": "a/b"}, "vetter"),
        ({"vetter": ["bob"]}, "vetter"),
        ({"action": "sudo"}, "action"),
        ({"action": {}}, "action"),
        ({"candidate": "a\nb"}, "candidate"),
        ({"candidate": "\ud800"}, "candidate"),
        ({"candidate": ""}, "no candidate"),
        ({"candidate": "x" * 200}, "candidate"),
        ({"ra": "1.0"}, "ra '1.0'"),
        ({"ra": True}, "ra True"),
        ({"dec": 91.0}, "dec 91.0"),
        ({"rank": 1.5}, "rank"),
        ({"seconds": -1.0}, "seconds"),
        ({"payload": []}, "payload"),
        ({"pid": -1}, "pid"),
        ({"host": "a\x1b[0m"}, "host"),
        ({"payload": {"label": ""}}, "label"),
        ({"payload": {"label": "known", "reason": ["x"]}}, "reason"),
        ({"action": "grade", "payload": {"grade": "E"}}, "grade 'E'"),
        ({"action": "grade", "payload": {"grade": []}}, "grade"),
        ({"action": "note", "payload": {"text": 3}}, "text 3"),
        ({"action": "check", "payload": {"checks": {"smell": "pass"}}}, "checks"),
        ({"action": "check", "payload": {"checks": {"methods": ["pass"]}}}, "checks"),
        (
            {"action": "check", "payload": {"checks": {"methods": "pass"}, "reasons": {"methods": 1}}},
            "reasons",
        ),
        ({"action": "undo", "payload": {}}, "of which line"),
        ({"action": "undo", "undoes": "x"}, "undoes"),
        ({"action": "view", "payload": {"name": ""}}, "name"),
        ({"action": "view", "payload": {"name": "v", "value": 3}}, "value"),
        ({"colour": "red"}, "fields"),
    ],
)
def test_a_field_that_is_not_what_it_must_be_is_named(changes, needle):
    """A right checksum is not enough: every field is looked at, and the one that is wrong is said."""
    with pytest.raises(JournalError, match=re.escape(needle)) as caught:
        checked(raw_line(**changes), time.time())
    assert "\n" not in str(caught.value)


def test_what_the_app_writes_passes():
    """Every kind of line that this program writes is taken."""
    for action, payload in (
        ("label", {"label": "artifact", "reason": "snowball", "batch": "x"}),
        ("label", {"label": "none"}),
        ("grade", {"grade": ""}),
        (
            "check",
            {"checks": {"methods": "pass"}, "evidence": {"methods": "ab"}, "reasons": {"methods": "w"}},
        ),
        ("note", {"text": HOSTILE * 100}),
        ("view", {"name": "mine", "value": {"label": "known"}}),
        ("view", {"name": "mine", "value": None}),
    ):
        line = checked(raw_line(action=action, payload=payload), time.time())
        assert line.payload == payload


def test_a_line_longer_than_any_note_is_refused():
    """A line of more than 4 MB costs itself."""
    lines, problems = read_foreign(raw_line(payload={"label": "x" * LINE_BYTES}) + b"\n", "f", time.time())
    assert lines == []
    assert "bytes long" in problems[0].reason


def test_a_longer_journal_of_the_same_vetter_extends(tmp_path):
    """What was merged before is not written again; what is new follows it."""
    path = decided(tmp_path / "bob", "bob", "known")
    here = tmp_path / "here"
    here.mkdir()
    merge_lines(here, "bob", read_journal(path)[0])
    decided(tmp_path / "bob", "bob", "ordinary")
    merged = merge_lines(here, "bob", read_journal(path)[0])
    assert (len(merged.taken), merged.known) == (1, 1)
    assert (here / "bob.jsonl").read_bytes() == path.read_bytes()


def test_a_journal_that_contradicts_is_refused_and_set_beside(jwst_vet, project_folder, tmp_path):
    """Same id, another content: nothing of it is taken, a line says so, and it lies beside, once."""
    path = decided(tmp_path / "bob", "bob", "known", "ordinary")
    assert jwst_vet("merge", path, cwd=project_folder).returncode == 0
    verdicts = project_folder / "outputs" / "verdicts"
    before = (verdicts / "bob.jsonl").read_bytes()
    first, second = read_journal(path)[0]
    forged = Line(**{**first.__dict__, "payload": {"label": "interesting"}})
    later = Line(**{**second.__dict__, "id": next_ulid(time.time())})
    path.write_bytes(encode(forged) + encode(second) + encode(later))
    for _ in range(2):
        done = jwst_vet("merge", path, cwd=project_folder)
        assert done.returncode == 2
        assert f"line {first.id} says something else here" in done.stderr
        assert (verdicts / "bob.jsonl").read_bytes() == before
        (aside,) = (verdicts / ASIDE).iterdir()
        assert aside.read_bytes() == path.read_bytes()
    ann = decided(tmp_path / "ann", "ann", "known")
    assert jwst_vet("merge", path, ann, cwd=project_folder).returncode == 3
    assert VerdictBook(Project(project_folder), "ann").vetters == ("ann", "bob")


def test_ones_own_name_on_another_host_overwrites_nothing(jwst_vet, new_project, tmp_path):
    """Lines of a laptop under one's own name stand beside one's own, which stay to the byte; that is said."""
    root = new_project(tmp_path / "p")
    text = (root / "config.toml").read_text()
    (root / "config.toml").write_text(text.replace('vetter = ""', 'vetter = "ann"'))
    verdicts = root / "outputs" / "verdicts"
    laptop = decided(tmp_path / "laptop", "ann", "known", host="laptop")
    decided(verdicts, "ann", "ordinary", "artifact")
    own = (verdicts / "ann.jsonl").read_bytes()
    (verdicts / "ann.jsonl").write_bytes(own + b'{"torn')
    decided(laptop.parent, "ann", "discuss", host="laptop")
    done = jwst_vet("merge", laptop, cwd=root)
    assert done.returncode == 0, done.stderr
    assert "your own name" in done.stdout
    assert "laptop" in done.stdout
    rows = (verdicts / "ann.jsonl").read_bytes().split(b"\n")
    assert all(row in rows for row in (*own.split(b"\n"), b'{"torn'))
    lines, problems = read_journal(verdicts / "ann.jsonl")
    assert [line.payload["label"] for line in lines] == ["known", "ordinary", "artifact", "discuss"]
    assert [problem.reason for problem in problems] == ["not a whole line of JSON"]


def test_a_redo_stands_though_another_machines_line_came_between(tmp_path):
    """Undo and redo of one machine are not cut by a decision of another that is merged in between."""
    here, laptop = Project(tmp_path / "here"), tmp_path / "laptop"
    book = VerdictBook(here, "ann")
    book.decide("label", "C1", 1.0, 2.0, {"label": "known"})
    book.undo()
    decided(laptop, "ann", "ordinary", host="laptop")
    book.redo()
    merge_lines(here.verdicts, "ann", read_journal(laptop / "ann.jsonl")[0])
    book.refresh()
    assert {name: state.label for name, state in book.states().items()} == {"C0": "ordinary", "C1": "known"}


def test_a_book_that_is_open_sees_what_was_merged(tmp_path):
    """The file under a book is replaced twice, by whatever inode: every line is read, and writing goes on."""
    project = Project(tmp_path)
    book = VerdictBook(project, "ann")
    book.decide("label", "C9", 1.0, 2.0, {"label": "known"})
    for label in ("ordinary", "discuss", "artifact"):
        path = decided(tmp_path / "laptop", "ann", label, host="laptop")
        merge_lines(project.verdicts, "ann", read_journal(path)[0])
        book.decide("label", "C9", 1.0, 2.0, {"label": "known"})
    assert [line.payload["label"] for line in book.history("C0")] == ["ordinary", "discuss", "artifact"]
    assert len(book.history("C9")) == 4


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path, monkeypatch):
    """Where the whole new file cannot be written, the old one stays and no draft is left."""
    verdicts = tmp_path / "outputs" / "verdicts"
    decided(verdicts, "bob", "known")
    before = everything(verdicts)
    more = read_journal(decided(tmp_path / "away", "bob", "known"))[0]

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("store.merging.os.fsync", full)
    with pytest.raises(StoreError, match="nothing was merged: No space left"):
        merge_lines(verdicts, "bob", more)
    assert everything(verdicts) == before


def test_lines_go_to_whoever_wrote_them(tmp_path):
    """A file holding lines of two vetters, whatever its name, is sorted by who wrote them."""
    rows = [raw_line(vetter=v, candidate=f"C{n}") for n, v in enumerate(["zoe", "bob", "zoe"])]
    lines, _ = read_foreign(b"\n".join(rows), "x", time.time())
    for vetter, own in by_vetter(lines).items():
        merge_lines(tmp_path, vetter, own)
    assert len(read_journal(tmp_path / "zoe.jsonl")[0]) == 2
    assert len(read_journal(tmp_path / "bob.jsonl")[0]) == 1


def test_hostile_text_stays_text(jwst_vet, tmp_path):
    """A note and a label that would command a terminal, a spreadsheet or a browser do so nowhere."""
    root = tmp_path / "project"
    project, _ = make_vet_project(root, 3)
    name = name_of(0)
    rows = [
        raw_line(candidate=name, action="note", payload={"text": HOSTILE}),
        raw_line(candidate=name, payload={"label": "=<b>x</b>|1+1"}),
        raw_line(candidate="=HYPERLINK(1)|<img src=x>", payload={"label": "known"}, host="<h>"),
        raw_line(candidate="\x1b[2J"),
    ]
    (tmp_path / "bob\x1b[2J.jsonl").write_bytes(b"\n".join(rows))
    done = jwst_vet("merge", tmp_path / "bob\x1b[2J.jsonl", cwd=root)
    assert done.returncode == 3
    assert "\x1b" not in done.stdout + done.stderr
    book, _ = indexed_book(project, "vera", Database(project.database))
    text = "\n".join(decisions(made_up_facts(states=book.all_states())))
    assert "javascript" in text
    assert re.search(r"(?<!\\)<(script|b|img)", text) is None
    assert "](javascript" not in text.replace("\\](", "")
    assert "\x1b" not in text
    status = jwst_vet("status", cwd=root)
    assert "\x1b" not in status.stdout
    assert "places that are no candidates here: =HYPERLINK(1)" in done.stdout
    cells = write_table(project, Database(project.database), "verdicts").read_text()
    assert "'=cmd" in cells
    assert "'=HYPERLINK" in cells
    assert re.search(r'(^|,|")[=+@-][a-zA-Z1]', cells, re.MULTILINE) is None


def test_other_names_of_one_place_are_matched_and_the_first_stays(jwst_vet, tmp_path):
    """A colleague's run named candidates a little elsewhere: her verdicts count for ours, under our names."""
    root = tmp_path / "project"
    project, _ = make_vet_project(root, 4, dec=[10.0, 10.01, 10.02, 10.03])
    db = Database(project.database)
    mine = load_candidates(db)
    away = Journal(tmp_path / "bob", "bob")
    for n in range(3):
        ra, dec = float(mine["ra"][n]), float(mine["dec"][n]) + 0.1 / 3600
        away.append(action="label", candidate=f"B{n}", ra=ra, dec=dec, payload={"label": "known"})
    away.append(
        action="label", candidate="FAR", ra=1.0, dec=float(mine["dec"][0]), payload={"label": "known"}
    )
    done = jwst_vet("merge", away.path, cwd=root)
    assert done.returncode == 0, done.stderr
    assert "3 names are of candidates here, within 0.15″" in done.stdout
    assert "1 are at places that are no candidates here: FAR" in done.stdout
    again = jwst_vet("merge", away.path, cwd=root)
    assert "1 are at places that are no candidates here: FAR" in again.stdout
    book, matched = indexed_book(project, "ann", db)
    assert dict(matched.aliases) == {}
    assert [book.consensus(str(name)) for name in mine["candidate"][:3]] == ["known"] * 3
    known = known_names(db)
    assert {name for name, _, _ in known} == {*mine["candidate"], "FAR"}
    moved = (mine["dec"] + 0.1 / 3600).to_numpy()  # nearer to her names than to ours
    assert carry_names(mine["ra"].to_numpy(), moved, known) == mine["candidate"].tolist()


def test_agreement_is_in_status_and_report_with_both_notes(jwst_vet, tmp_path):
    """Two vetters: the coefficient with its interval, the conflicts, each one's words with who and when."""
    project, _ = make_vet_project(tmp_path / "project", 6, dec=[10.0 + n for n in range(6)])
    db = Database(project.database)
    assert "agreement   " not in jwst_vet("status", cwd=project.root).stdout
    for vetter, labels in (("vera", "kkkooo"), ("bob", "kkooko")):
        pen = Journal(project.verdicts, vetter)
        for n, letter in enumerate(labels):
            label = {"k": "known", "o": "ordinary"}[letter]
            place = {"candidate": name_of(n), "ra": 110.8 + n * 1e-5, "dec": 10.0 + n}
            pen.append(action="label", payload={"label": label}, **place)
            pen.append(action="note", payload={"text": f"{vetter} on {n}: <i>{label}</i>"}, **place)
    facts = json.loads(jwst_vet("status", "--json", cwd=project.root).stdout)
    assert facts["agreement"]["value"] == pytest.approx(1 / 3, abs=1e-4)
    assert facts["agreement"]["conflicts"] == 2
    low, high = facts["agreement"]["interval"]
    assert low < 1 / 3 < high
    shown = jwst_vet("status", cwd=project.root).stdout
    assert "agreement   Cohen's kappa 0.33 (95 % " in shown
    assert "conflicts   2" in shown
    book, _ = indexed_book(project, "vera", db)
    text = "\n".join(agreement_section(made_up_facts(states=book.all_states())))
    assert "Cohen's kappa 0.33" in text
    for n in (2, 4):
        for vetter in ("vera", "bob"):
            assert re.search(rf"\| {vetter} \|.*\| 20\d\d-.* \| {vetter} on {n}: \\<i", text)
    assert "vera on 0" not in text


def test_matching_is_mutual_and_within_its_radius():
    """Of two names near one candidate the nearer has it; at 0.16 arcsec nobody has; RA is a circle."""
    second = 1 / 3600
    names, ra, dec = ["O1", "O2"], np.array([359.99999, 10.0]), np.array([60.0, -80.0])
    places = {
        "near": (0.00001, 60.0),  # 0.036 arcsec across the meridian
        "nearer": (359.99999, 60.0 + 0.01 * second),
        "outside": (10.0, -80.0 + 0.16 * second),
    }
    assert mutual_nearest(places, names, ra, dec) == {"nearer": "O1"}
    assert mutual_nearest(places, names, ra, dec, taken={"O1"}) == {}
    assert mutual_nearest({"x": (10.0, -80.0 + 0.149 * second)}, names, ra, dec) == {"x": "O2"}
    assert mutual_nearest(places, [], ra[:0], dec[:0]) == {}


LABELS = ("interesting", "ordinary", "known", "discuss")
VETTERS = ("ann", "bob")


class Consensus(RuleBasedStateMachine):
    """Two vetters in two projects, whose rankings name the same places differently, against a plain model.

    The model is a dictionary of events by vetter, written by hand: what each has decided, taken back and
    restored, and how much of the other's each project has been given.
    """

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="consensus-"))
        self.projects = {vetter: Project(self.folder / vetter) for vetter in VETTERS}
        self.tables = {}
        self.names = {}
        for number, (vetter, project) in enumerate(self.projects.items()):
            project.verdicts.mkdir(parents=True)
            table = candidate_table(3)
            table["dec"] += number * 0.05 / 3600  # the other run has the same objects 0.05 arcsec away
            table["ra"] = [110.8, 110.9, 111.0]
            table["candidate"] = self.names[vetter] = [f"{vetter}-{n}" for n in range(3)]
            self.tables[vetter] = table
            save_table(Database(project.database), table)
        self.touched = "ann"
        self.standing = {vetter: [] for vetter in VETTERS}
        self.undone = {vetter: [] for vetter in VETTERS}
        self.given = {vetter: {} for vetter in VETTERS}  # what each project was given of the other
        self.books = {
            vetter: indexed_book(project, vetter, Database(project.database))[0]
            for vetter, project in self.projects.items()
        }

    def teardown(self):
        shutil.rmtree(self.folder)

    @rule(vetter=st.sampled_from(VETTERS), place=st.integers(0, 2), label=st.sampled_from(LABELS))
    def decide(self, vetter, place, label):
        self.touched = vetter
        row = self.tables[vetter].iloc[place]
        self.books[vetter].decide("label", row["candidate"], row["ra"], row["dec"], {"label": label})
        self.standing[vetter].append((place, label))
        self.undone[vetter].clear()

    @rule(vetter=st.sampled_from(VETTERS))
    def undo(self, vetter):
        self.touched = vetter
        line = self.books[vetter].undo()
        assert (line is None) == (not self.standing[vetter])
        if line is not None:
            self.undone[vetter].append(self.standing[vetter].pop())

    @rule(vetter=st.sampled_from(VETTERS))
    def redo(self, vetter):
        self.touched = vetter
        line = self.books[vetter].redo()
        assert (line is None) == (not self.undone[vetter])
        if line is not None:
            self.standing[vetter].append(self.undone[vetter].pop())

    @rule(vetter=st.sampled_from(VETTERS), whole_folder=st.booleans())
    def merge(self, vetter, whole_folder):
        """Give a vetter the other's journal, or all that lies in the other's folder: her own lines too."""
        self.touched = vetter
        other = VETTERS[1 - VETTERS.index(vetter)]
        for path in sorted(self.projects[other].verdicts.glob("*.jsonl")):
            if whole_folder or path.stem == other:
                lines, problems = read_foreign(path.read_bytes(), str(path), time.time())
                assert problems == []
                for name, own in by_vetter(lines).items():
                    merged = merge_lines(self.projects[vetter].verdicts, name, own)
                    assert merged.refused == ""
                    assert name == other or merged.taken == ()
        self.given[vetter] = dict(self.standing[other])
        project = self.projects[vetter]
        before = everything(project.verdicts)
        merge_lines(project.verdicts, other, read_journal(project.verdicts / f"{other}.jsonl")[0])
        assert everything(project.verdicts) == before
        self.open_anew(vetter)

    @rule(vetter=st.sampled_from(VETTERS), shift=st.floats(-0.02, 0.02))
    def rerun(self, vetter, shift):
        """Rank again: places move a little, names stay; the book is opened anew, as by a new process."""
        self.touched = vetter
        table = self.tables[vetter].copy()
        table["dec"] += shift / 3600
        project = self.projects[vetter]
        save_table(Database(project.database), table)
        self.open_anew(vetter)

    @invariant()
    def equal(self):
        """What stands where something was done last is what the model says."""
        vetter = self.touched
        other, book = VETTERS[1 - VETTERS.index(vetter)], self.books[vetter]
        mine, theirs = dict(self.standing[vetter]), self.given[vetter]
        names = self.names[vetter]
        assert {n: s.label for n, s in book.states().items()} == {names[p]: x for p, x in mine.items()}
        told = {n: s.label for n, s in book.states(other).items()}
        assert told == {names[p]: x for p, x in theirs.items()}
        for place, name in enumerate(names):
            labels = {given[place] for given in (mine, theirs) if place in given}
            assert book.consensus(name) == ("conflict" if len(labels) > 1 else "".join(labels))

    def open_anew(self, vetter):
        """Open the book as another process would: its index says the same, and every name has its place."""
        db = Database(self.projects[vetter].database)
        book, matched = indexed_book(self.projects[vetter], vetter, db)
        assert matched.unplaced == ()
        with db.read() as cursor:
            rows = cursor.execute("SELECT vetter, candidate, label FROM standing").fetchall()
        assert sorted(rows) == sorted((s.vetter, s.candidate, s.label) for s in book.all_states())
        self.books[vetter] = book


TestConsensus = Consensus.TestCase
TestConsensus.settings = settings(
    max_examples=int(os.environ.get("JWST_VET_EXPLORE", "6")),
    stateful_step_count=10,
    suppress_health_check=list(HealthCheck),
)
