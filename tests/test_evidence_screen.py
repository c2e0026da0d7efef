"""The evidence of a check in the app: five lines with their number, the whole of it, and overruling."""

import json

import pytest
from textual.widgets import Input, Static
from vet_project import make_vet_project, name_of

from analysis.checks.finding import Finding, Value, from_json
from store.checks import CheckRow, save_checks
from store.database import Database
from tui.screens.evidence import EvidenceScreen, payload_of
from tui.widgets.figures import FIGURES, figure_lines
from tui.widgets.palette import CHECK_WORDS, DARK


def row_of(number, name, outcome="pass", words="41 of 45 recipes", **figure):
    """One computed outcome of a made-up candidate."""
    one = Finding(
        name, outcome, words, f"because of {words}", (Value("share", 0.9, "", 0.01, "at least 0.8", "docs"),),
        ("F200W, 128 px",), (("method", "answer"), ("DAOFind", "found")), figure,
    )  # fmt: skip
    return CheckRow(
        name_of(number), name, outcome, words, one.reason, one.to_json(), "k", one.digest(),
        "2030-01-01T00:00:00+00:00", 0.1,
    )  # fmt: skip


@pytest.fixture
def checked(tmp_path):
    """A project with computed checks for its first candidate."""
    project, config = make_vet_project(tmp_path / "p", 3)
    save_checks(
        Database(project.database),
        [
            row_of(0, name, "fail" if name == "thresholds" else "pass", f"number of {name}")
            for name in CHECK_WORDS
        ],
    )
    return project, config


def make_app(project, config):
    """Make the app without a terminal of its own."""
    from tui.application import VetApp
    from tui.keys import resolve
    from tui.terminal import Terminal

    return VetApp(
        project, config, table=resolve({}), terminal=Terminal(preview="half"),
        start_run=lambda: "", stop_run=lambda _i: None,
        export=lambda: (0, ""), driver=None,
    )  # fmt: skip


async def until(pilot, condition):
    """Wait for a condition, event by event."""
    for _ in range(400):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError("it did not come to pass")


async def test_evidence_opens_and_a_key_with_a_reason_overrules(checked):
    """E opens the failed check with its values; p and a reason are written with the evidence seen."""
    project, config = checked
    app = make_app(project, config)
    async with app.run_test(size=(200, 60)) as pilot:
        await until(pilot, lambda: app.vetting.opened and app.vetting._details)
        await until(pilot, lambda: any(d.findings for d in app.vetting._details.values()))
        panel = app.vetting.query_one("#evidence")
        await until(pilot, lambda: "number of thresholds" in str(panel.render()))
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, EvidenceScreen))
        text = str(app.screen.query_one("#evidence-text", Static).render())
        assert "because of number of thresholds" in text
        assert "0.9 ± 0.01" in text
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press(*"seen", "space", *"by", "space", *"eye", "enter")
        await until(pilot, lambda: app.vetting.states.get(name_of(0)) is not None)
        state = app.vetting.states[name_of(0)]
        assert (state.checks["thresholds"], state.check_reasons["thresholds"]) == ("pass", "seen by eye")
        assert (
            state.check_evidence["thresholds"]
            == row_of(0, "thresholds", "fail", "number of thresholds").digest
        )
        line = json.loads((project.verdicts / "vera.jsonl").read_text().splitlines()[-1])
        assert line["payload"]["reasons"] == {"thresholds": "seen by eye"}
        save_checks(Database(project.database), [row_of(0, "thresholds", "inconclusive", "another number")])
        from tui import messages

        app.vetting.post_message(messages.Examined(name_of(0)))
        await until(pilot, lambda: "changed since" in str(panel.render()))
        assert app.vetting.states[name_of(0)].checks["thresholds"] == "pass"


def test_every_figure_draws_and_an_unknown_one_is_nothing():
    """Figures of all kinds are lines of text; one of a later version is left out."""
    figures = [
        {"kind": "spectrum", "unit": "nJy", "points": [[2.0, 5.0, 1.0, "matched"], [3.5, None, 1.0, "gap"]]},
        {"kind": "grid", "columns": ["1×"], "rows": [["PSF", 0.001]], "found": [[True]]},
        {"kind": "strip", "methods": [["DAOFind", "found"]], "views": [["LOF", 0.97]]},
        {"kind": "offsets", "points": [[0.2, -0.3, "A 1"]]},
        {"kind": "spikes", "lines": []},
    ]
    assert {figure["kind"] for figure in figures} == set(FIGURES)
    assert all(figure_lines(figure, (), DARK, 80) for figure in figures)
    assert figure_lines({"kind": "hologram"}, (), DARK, 80) == []


def test_the_journal_says_what_was_seen():
    """An overruling carries check, outcome, reason and digest; without a reason none is invented."""
    answer = {"check": "methods", "outcome": "fail", "reason": ""}
    assert payload_of(answer, "abc") == {"checks": {"methods": "fail"}, "evidence": {"methods": "abc"}}
    assert from_json(row_of(0, "methods").evidence).values[0].words() == "0.9 ± 0.01"


def test_the_warm_process_examines_one_candidate(finished_copy):
    """A process of its own computes what is missing of any candidate, and ends with its input."""
    import threading

    import pandas as pd

    from store.checks import load_checks
    from store.project import Project
    from tui.warm import WarmProcess

    project = Project(finished_copy)
    with Database(project.database).write() as cursor:
        cursor.execute("DELETE FROM computed_checks")
    name = pd.read_csv(project.tables / "ranked_candidates.csv")["candidate"].iloc[0]
    heard, done = [], threading.Event()

    def listen(words):
        heard.append(words)
        if "seconds" in words or "problem" in words:
            done.set()

    warm = WarmProcess(project, listen)
    warm.request(name)
    try:
        assert done.wait(120)
    finally:
        warm.close()
    assert heard[0].get("computed") == 4, heard
    assert set(load_checks(Database(project.database))[name]) == set(CHECK_WORDS)
