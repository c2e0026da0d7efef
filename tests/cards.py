"""Snapshots of a modal's card alone: what lies behind it belongs to other tests."""

import difflib
import os

from approved import SNAPSHOTS, check_screen
from test_app import APPROVE, text_of


def card_text(app, selector=".card"):
    """The card of the screen as plain text."""
    region = app.screen.query_one(selector).region
    lines = text_of(app).splitlines()[region.y : region.bottom]
    return "".join(line.ljust(region.right)[region.x : region.right].rstrip() + "\n" for line in lines)


def assert_card(app, name, selector=".card"):
    """Compare the card with what was approved; VET_SNAPSHOT_UPDATE=1 approves it."""
    check_screen(app, name)
    path, text = SNAPSHOTS / f"{name}.txt", card_text(app, selector)
    if os.environ.get(APPROVE):
        path.write_text(text, encoding="utf-8")
    approved = path.read_text(encoding="utf-8") if path.exists() else ""
    changes = "\n".join(difflib.unified_diff(approved.splitlines(), text.splitlines(), lineterm=""))
    assert text == approved, f"{name} looks different; {APPROVE}=1 approves it\n{changes}"
