"""Journals of several vetters at several places, copied from one to the other, against a plain model."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from store.journal import read_journal
from store.project import Project
from store.verdicts import VerdictBook

PLACES = ("here", "there")
VETTERS = ("ann", "bob")
NAMES = ("JWST J110.83751-73.43968", "JWST J150.10048+01.89301")
places, vetters, names = st.sampled_from(PLACES), st.sampled_from(VETTERS), st.sampled_from(NAMES)
labels = st.sampled_from(("interesting", "ordinary", "known"))


def fold(facts, vetter):
    """Plain model: a vetter's decisions (id, name, label) that stand, and those taken back by which undo."""
    stands, taken = [], []
    for number, by, action, name, label, about in sorted(facts):
        if by != vetter:
            continue
        if action == "label":
            stands.append((number, name, label))
            taken = []
        elif action == "undo":
            taken += [(number, one) for one in stands if one[0] == about]
            stands = [one for one in stands if one[0] != about]
        else:
            stands += [one for undo, one in taken if undo == about]
            taken = [(undo, one) for undo, one in taken if undo != about]
    return stands, taken


class Merging(RuleBasedStateMachine):
    """Two folders in which the same two people decide, and whose files are copied into one another."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.projects = {place: Project(self.folder / place) for place in PLACES}
        self.books = {
            (place, who): VerdictBook(self.projects[place], who) for place in PLACES for who in VETTERS
        }
        self.facts: dict[str, set] = {place: set() for place in PLACES}
        self.written: dict[tuple[str, str], set] = {
            (place, who): set() for place in PLACES for who in VETTERS
        }

    def teardown(self):
        shutil.rmtree(self.folder)

    def add(self, place, who, fact):
        self.facts[place].add(fact)
        self.written[place, who].add(fact)

    @rule(place=places, who=vetters, name=names, label=labels)
    def decide(self, place, who, name, label):
        line = self.books[place, who].decide("label", name, 1.0, 2.0, {"label": label})
        self.add(place, who, (line.id, who, "label", name, label, ""))

    @rule(place=places, who=vetters)
    def undo(self, place, who):
        stands, _ = fold(self.facts[place], who)
        lines = self.books[place, who].take_back("undo")
        assert [line.undoes for line in lines] == [one[0] for one in stands[-1:]]
        for line in lines:
            self.add(place, who, (line.id, who, "undo", "", "", line.undoes))

    @rule(place=places, who=vetters)
    def redo(self, place, who):
        _, taken = fold(self.facts[place], who)
        lines = self.books[place, who].take_back("redo")
        assert [line.undoes for line in lines] == [undo for undo, _ in taken[-1:]]
        for line in lines:
            self.add(place, who, (line.id, who, "redo", "", "", line.undoes))

    @rule(source=places, who=vetters, as_new=st.booleans())
    def copy_a_journal_into_the_other_place(self, source, who, as_new):
        """Under a name of its own; a later copy replaces the earlier one, or lies beside it."""
        path = self.projects[source].verdicts / f"{who}.jsonl"
        if not path.exists():
            return
        target = self.projects[PLACES[1 - PLACES.index(source)]]
        count = len(list(target.verdicts.glob("*.jsonl"))) if as_new else 0
        target.verdicts.mkdir(parents=True, exist_ok=True)
        draft = target.verdicts / ".copy"
        shutil.copy(path, draft)
        draft.replace(target.verdicts / f"{who} from {source} {count}.jsonl")
        self.facts[target.root.name] |= self.written[source, who]

    @precondition(lambda self: any(self.written.values()))
    @rule(place=places, who=vetters)
    def restart(self, place, who):
        self.books[place, who] = VerdictBook(self.projects[place], who)

    @invariant()
    def every_book_equals_the_model(self):
        for place in PLACES:
            expected = {
                (who, name): label for who in VETTERS for _, name, label in fold(self.facts[place], who)[0]
            }
            fresh = VerdictBook(self.projects[place], "eve")
            for book in (fresh, *(self.books[place, who] for who in VETTERS)):
                book.refresh()
                assert {(s.vetter, s.candidate): s.label for s in book.all_states()} == expected
                assert book.problems == ()
            found = {
                line.id
                for path in self.projects[place].verdicts.glob("*.jsonl")
                for line in read_journal(path)[0]
            }
            assert found == {fact[0] for fact in self.facts[place]}


TestMerging = Merging.TestCase
TestMerging.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
