"""A process beside the app: what goes wrong in it is one line on the screen, and all of it in the log."""

import sys

import pytest
from test_app import app_of, settled
from vet_project import make_vet_project

from tui.beside import LOG_NAME, Beside


@pytest.fixture
def vet(tmp_path):
    """A project of three candidates."""
    return make_vet_project(tmp_path / "field", 3)


def beside(vet, code):
    """Run some Python beside the app."""
    return Beside(vet[0], "checks of l.csv", [sys.executable, "-c", "import os, sys\n" + code])


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print('a.fits: truncated', file=sys.stderr); print('b.fits: no WCS', file=sys.stderr); sys.exit(3)",
         "a.fits: truncated (and 1 more); "),
        ("print('jwst-vet: in use by process 7', file=sys.stderr); sys.exit(2)", "in use by process 7; "),
        ("print('x', file=sys.stderr); print('jwst-vet: a bug: KeyError', file=sys.stderr); sys.exit(1)",
         "a bug: KeyError (and 1 more); "),
        ("os.kill(os.getpid(), 9)", "ended by signal 9; "),
        ("sys.exit(5)", "ended with code 5 without a word; "),
    ],
)  # fmt: skip
async def test_what_goes_wrong_is_one_line_on_the_screen_and_whole_in_the_log(vet, code, words):
    """Which work it was, the first reason, how many more, and where they are."""
    working = beside(vet, code)
    app = app_of(vet, beside=working)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        (note,) = app._notifications
        assert (note.title, note.severity) == ("checks of l.csv", "error")
        assert note.message.startswith(words)
        assert "\n" not in note.message
        assert str(vet[0].log) in note.message
    working.end()
    logged = (vet[0].log / LOG_NAME).read_text().splitlines()
    assert len(logged) == (2 if "more" in words else 1)
    assert all(" checks of l.csv: " in line for line in logged)
    assert words.partition(" (and")[0].removesuffix("; ") in "\n".join(logged)


async def test_what_goes_well_says_nothing(vet):
    """No line, no log."""
    working = beside(vet, "print('so many')")
    app = app_of(vet, beside=working)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert not app._notifications
    working.end()
    assert not (vet[0].log / LOG_NAME).exists()


def test_leaving_waits_for_nothing_and_ends_it(vet):
    """Who leaves has not to wait for what goes on beside."""
    working = beside(vet, "import threading; threading.Event().wait()")
    assert working.trouble(lambda: True) == ""
    working.end()
    assert not (vet[0].log / LOG_NAME).exists()
