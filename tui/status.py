"""`status`: what is in the project, what runs, what failed; as facts for a program, as lines for a person."""

from __future__ import annotations

from typing import Any

from analysis.config import Config
from analysis.stages.staleness import stale
from store import __version__
from store.candidates import aliases, candidate_order
from store.damage import notices
from store.database import Database
from store.frames import frame_records
from store.project import Project
from store.runs import list_runs
from store.verdicts import VerdictBook
from tui.text import clean


def gather(project: Project, config: Config) -> dict[str, Any]:
    """Collect the facts; a project where nothing was done yet has zeros."""
    facts: dict[str, Any] = {
        "version": __version__,
        "project": str(project.root),
        "target": config.target,
        "frames": {"done": 0, "failed": 0},
        "sources": 0,
        "candidates": 0,
        "decided": 0,
        "simulated": False,
        "failed_files": [],
        "report": str(project.report) if project.report.exists() else None,
        "run": None,
        "journal_problems": [],
        "stale": [],
        "pack": project.packed,
        "vetters": [],
        "agreement": None,
        "blind": [],
        "damage": [f"{notice.at}: {notice.text}" for notice in notices(project.outputs_dir)],
    }
    if project.database.exists():
        database = Database(project.database)
        records = frame_records(database)
        done = [r for r in records if r.state == "done"]
        facts["stale"] = stale(project, config)
        failed = [r for r in records if r.state == "failed"]
        names = candidate_order(database)
        facts |= {
            "frames": {"done": len(done), "failed": len(failed)},
            "sources": sum(r.n_sources or 0 for r in done),
            "candidates": len(names),
            "simulated": any(r.simulated for r in done),
            "failed_files": [f"{r.path}: {r.error_kind}: {r.error_reason}" for r in failed],
        }
    if project.verdicts.is_dir():
        first = aliases(Database(project.database)) if project.database.exists() else {}
        book = VerdictBook(project, config.vetting.name(), resolve=first)
        facts["decided"] = sum(state.decided for state in book.states().values())
        facts["journal_problems"] = [str(problem) for problem in book.problems]
        facts["vetters"] = list(book.vetters)
        facts["blind"] = _blind(book)
        if len(book.vetters) > 1:
            facts["agreement"] = _agreement(book)
    runs = list_runs(project)
    if runs:
        last = max(runs, key=lambda state: state.id)
        facts["run"] = {"id": last.id, "state": last.state, "started": last.started, "text": last.text}
    return facts


def _agreement(book: VerdictBook) -> dict[str, Any]:
    """Say how well the vetters agree, and on how many candidates they do not."""
    from analysis.agreement import agreement, tabulate

    given = tabulate([(state.candidate, state.vetter, state.label) for state in book.all_states()])
    found = agreement(given.codes)
    defined = not found.undefined
    return {
        "statistic": found.statistic,
        "value": round(found.value, 4) if defined else None,
        "interval": [round(found.low, 4), round(found.high, 4)] if found.low == found.low else None,
        "candidates": found.objects,
        "words": found.words(),
        "conflicts": len(book.conflicts()),
    }


def _blind(book: VerdictBook) -> list[dict[str, Any]]:
    """Say how each blind sitting came out, or how far it is."""
    sittings = book.sittings()
    if not sittings:
        return []
    from analysis.reagreement import words

    return [
        {
            "sitting": one.id,
            "vetter": one.vetter,
            "seed": one.seed,
            "candidates": len(one.candidates),
            "left": len(one.left),
            "words": words(one),
        }
        for one in sittings
    ]


def show(facts: dict[str, Any]) -> str:
    """Put the facts into lines."""
    frames = facts["frames"]
    mark = "  (SIMULATED data)" if facts["simulated"] else ""
    mark += "  (a pack: no FITS files)" if facts["pack"] else ""
    lines = [
        f"project     {facts['project']}{mark}",
        f"target      {facts['target']}",
        f"frames      {frames['done']} measured, {frames['failed']} refused",
        f"sources     {facts['sources']}",
        f"candidates  {facts['candidates']}, {facts['decided']} decided by anyone",
        f"report      {facts['report'] or 'not written yet'}",
    ]
    run = facts["run"]
    lines.append(
        f"last run    {run['id']} {run['state']}, started {run['started']}{_onward(run)}"
        if run
        else "last run    none"
    )
    lines += [f"changed     {line}" for line in facts["stale"]]
    if facts["agreement"]:
        lines.append(f"vetters     {', '.join(facts['vetters'])}")
        lines.append(f"agreement   {facts['agreement']['words']}")
        lines.append(f"conflicts   {facts['agreement']['conflicts']}")
    lines += [f"blind       {one['words']}" for one in facts["blind"]]
    lines += [f"refused     {line}" for line in facts["failed_files"]]
    lines += [f"journal     {line}" for line in facts["journal_problems"]]
    lines += [f"damage      {line}" for line in facts["damage"]]
    return "\n".join(clean(line) for line in lines)


def _onward(run: dict[str, Any]) -> str:
    """Say why a run is over before its end, and what goes on from there."""
    if run["state"] not in ("interrupted", "stopped", "failed"):
        return ""
    return f": {run['text'] or 'it ended without a word'}; `jwst-vet run` goes on with what is left"
