"""Conflicts in the app: the queue, what each vetter said with who and when, and how one is ended."""

import pytest
from test_app import app_of, lines_of, press, settled, text_of
from vet_project import make_vet_project, name_of

from store.journal import Journal
from tui.listing import CONFLICT, Query
from tui.screens.views import BUILT_IN

HOSTILE = "\x1b[2J<b>[red]no[/red]\u202e"


@pytest.fixture
def vet(tmp_path):
    """Twelve candidates; vera and bob agree on two and differ on the fourth and the sixth."""
    project, config = make_vet_project(tmp_path / "field")
    for vetter, labels in (("vera", {0: "known", 1: "ordinary", 3: "known", 5: "interesting"}),
                           ("bob", {0: "known", 1: "ordinary", 3: "ordinary", 5: "artifact"})):  # fmt: skip
        pen = Journal(project.verdicts, vetter)
        for number, label in labels.items():
            say(pen, number, "label", {"label": label})
    say(pen, 3, "grade", {"grade": "C"})
    say(pen, 3, "check", {"checks": {"catalogs": "fail", "methods": "pass"}})
    say(pen, 3, "note", {"text": f"a star by its colours\n{HOSTILE}"})
    return project, config


def say(pen, number, action, payload):
    """Let somebody decide something on a made-up candidate."""
    dec = -73.4 - number * 1e-5
    pen.append(action=action, candidate=name_of(number), ra=110.8 + number * 1e-5, dec=dec, payload=payload)


def names(app):
    """Name what is listed."""
    return list(app.vetting.table.listing.names)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_conflicts_are_a_queue_with_everybodys_words(vet, size):
    """D lists them and says how vetters agree; each shows who said what, when; D again goes back."""
    app = app_of(vet)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await press(pilot, "D")
        assert names(app) == [name_of(3), name_of(5)]
        assert "2 conflicts; Cohen's kappa" in app.vetting.message
        text = text_of(app)
        for words in ("bob: ordinary", "grade C", "·✗··✓"):
            assert words in text
        if size[0] >= 120:
            assert "a star by its colours" in text
        assert "\x1b" not in text
        assert "\u202e" not in text
        await press(pilot, "H")
        text = " ".join(text_of(app).split())
        for words in ("labels differ", "vera = known", "bob - ordinary grade C", "a star by its colours"):
            assert words in text
        assert "catalogues fail, methods pass" in text
        assert "UTC" in text
        assert "\x1b" not in text
        await press(pilot, "escape", "D")
        assert app.vetting.table.listing.query == Query()


async def test_a_conflict_ends_by_a_verdict_of_ones_own(vet):
    """Taking bob's label writes a line of vera's journal alone; the sign goes, and so does the row."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "D")
        theirs = (vet[0].verdicts / "bob.jsonl").read_bytes()
        before = len(lines_of(vet))
        await press(pilot, "n")
        line = lines_of(vet)[before]
        assert (line.vetter, line.candidate, line.payload["label"]) == ("vera", name_of(3), "ordinary")
        assert app.vetting.table.conflicts == {name_of(5)}
        assert app.desk.book.consensus(name_of(3)) == "ordinary"
        assert (vet[0].verdicts / "bob.jsonl").read_bytes() == theirs
        await press(pilot, "D", "D")
        assert names(app) == [name_of(5)]
        await press(pilot, "z", "D", "D")
        assert names(app) == [name_of(3), name_of(5)]


async def test_conflicts_are_reached_by_view_filter_and_palette(vet):
    """The view stands beside "needs discussion", the filter knows the word, the palette the key."""
    words = [name for name, _ in BUILT_IN]
    assert words.index("conflicts") == words.index("needs discussion") + 1
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "V", *["j"] * words.index("conflicts"), "enter")
        assert app.vetting.table.listing.query == Query(label=CONFLICT)
        assert names(app) == [name_of(3), name_of(5)]
        await press(pilot, "question_mark", *"vetters differ")
        assert "where vetters differ" in text_of(app)
        await press(pilot, "escape", "ctrl+p", *"conflicts", "enter")
        assert app.vetting.table.listing.query == Query()


async def test_a_journal_copied_while_the_app_is_open_is_seen(vet):
    """A colleague's file that comes meanwhile, with names of another run, counts at the next list."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        pen = Journal(vet[0].verdicts, "zoe")
        pen.append(action="label", candidate="Z", ra=110.8, dec=-73.4, payload={"label": "discuss"})
        await press(pilot, "D")
        assert names(app) == [name_of(0), name_of(3), name_of(5)]
        assert "Krippendorff's alpha" in app.vetting.message
        assert "zoe" in text_of(app)


async def test_alone_there_are_no_conflicts(tmp_path):
    """Without anybody else the key says what would bring others' verdicts."""
    app = app_of(make_vet_project(tmp_path / "field"))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "y", "D")
        assert "jwst-vet merge" in app.vetting.message
        assert names(app) == []
