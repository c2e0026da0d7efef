"""Why a candidate is where it is, in the app: its views and the range of its rank, at every size."""

import math

import pandas as pd
import pytest
from test_evidence_screen import make_app, until
from vet_project import make_vet_project, name_of

from store import bulk
from store.database import Database
from tui.widgets.evidence import EvidencePanel

VIEWS = {"view_spectrum": [1.0, math.nan], "view_arc": 0.0, "view_colour": 0.42, "view_structure": 0.31}


@pytest.fixture
def told(tmp_path):
    """A project whose first two candidates have views, the second without that of its spectrum."""
    project, config = make_vet_project(tmp_path / "p", 3)
    facts = {"candidate": [name_of(0), name_of(1)], "rank_low": [1, 2], "rank_high": [3, 12], "draws": 8}
    with Database(project.database).write() as cursor:
        bulk.insert(cursor, "candidate_views", pd.DataFrame(facts | VIEWS))
    return project, config


def panel_of(app):
    """The lines of the evidence as they are shown."""
    return str(app.screen.query_one(EvidencePanel).render()).splitlines()


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((80, 24), "spe 1.00 arc 0.00 col 0.42 str 0.31"),
        ((120, 40), "spectrum 1.00 · arc 0.00 · colour 0.42 · structure 0.31"),
        ((200, 60), "spe 1.00 arc 0.00 col 0.42 str 0.31"),  # two columns
    ],
)
async def test_views_and_the_range_of_the_rank_are_shown(told, size, words):
    """Under the anomaly's bar what each view says, whole; beside the rank the ranks of other draws."""
    app = make_app(*told)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: any(words in line for line in panel_of(app)))
        lines = panel_of(app)
        (place,) = [place for place, line in enumerate(lines) if words in line]
        assert "anomaly" in lines[place - 1]
        assert lines[0].startswith(f"#1 (1–3) {name_of(0)}")
        assert max(map(len, lines)) <= app.screen.query_one(EvidencePanel).size.width


async def test_a_view_that_was_not_computed_is_a_dash(told):
    """The second candidate has no spectrum view; the third, without any, has no such line."""
    app = make_app(*told)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("j")
        await until(pilot, lambda: any("spectrum – · arc 0.00" in line for line in panel_of(app)))
        assert panel_of(app)[0].startswith(f"#2 (2–12) {name_of(1)}")
        await pilot.press("j")
        await until(pilot, lambda: panel_of(app)[0].startswith(f"#3 {name_of(2)}"))
        assert not any("structure" in line for line in panel_of(app))
