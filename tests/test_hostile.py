"""Hostile text on its way to the journal and to the terminal."""

import pytest
from vet_project import cutout_set, make_vet_project

from analysis.cutouts import save_cutouts
from analysis.partial import Partial, Validator
from analysis.stages.report import write_whole
from store.database import Database
from store.journal import Journal, read_journal
from store.tables import write_table
from tui.text import clean

HOSTILE = {
    "escape codes": "\x1b[2J\x1b]0;owned\x07\x1b[31mred",
    "pipes and newlines": "a | b\n| c |\r\n# heading",
    "separators of paths": "../../etc/passwd",
    "right to left": "\u202egnp.exe\u2066\u200f",
    "formula": '=HYPERLINK("http://x","y")',
    "another formula": "@SUM(A1)",
    "nothing to see": "\x00\x08\x7f\x9b31m\u2028\u2029",
    "half a character": "\ud800",
}


def test_a_note_of_ten_megabytes_is_one_line_among_others(tmp_path):
    """Order of time holds after it too, though the clock goes back."""
    clock = iter([100.0, 50.0])
    pen = Journal(tmp_path, "ann", clock=lambda: next(clock))
    first = pen.append(action="note", candidate="C", payload={"text": "x" * 10_000_000})
    second = pen.append(action="note", candidate="C", payload={"text": "after"})
    assert read_journal(pen.path) == ([first, second], [])


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_text_for_a_terminal_is_one_line_without_commands(text):
    """What is cleaned prints as it stands, and can be written in any encoding that a terminal speaks."""
    shown = clean(text)
    assert shown.isprintable() or shown == text
    assert "\n" not in shown
    shown.encode("utf-8")


def test_links_lead_no_write_outside_the_project(tmp_path):
    """Tables, report, cutouts and parts of downloads take a link's place; what it leads to is untouched."""
    project, _ = make_vet_project(tmp_path / "field")
    outside = tmp_path / "outside"
    outside.mkdir()

    def led_outside(path):
        target = outside / path.name
        target.write_text("somebody's")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        return path

    table = led_outside(project.tables / "ranked_candidates.csv")
    write_table(project, Database(project.database), "ranked_candidates")
    write_whole(led_outside(project.report), "# report")
    cutouts = led_outside(project.cutout_cache / "a.npz")
    save_cutouts(cutouts, cutout_set(0))
    part = Partial(project.products, "a_i2d.fits")
    part.begin("http://127.0.0.1/a", 8, Validator("x", ""))
    part.write(b"1234")
    part.sync()
    part.close()
    led_outside(part.path)
    led_outside(part.final)
    again = Partial(project.products, "a_i2d.fits")
    assert again.open("http://127.0.0.1/a", 8) == 0
    again.begin("http://127.0.0.1/a", 8, Validator("x", ""))
    again.write(b"12345678")
    again.rename()
    assert {path.read_text() for path in outside.iterdir()} == {"somebody's"}
    assert len(list(outside.iterdir())) == 5
    assert not any(path.is_symlink() for path in (table, project.report, cutouts, part.final))
    assert part.final.read_bytes() == b"12345678"
