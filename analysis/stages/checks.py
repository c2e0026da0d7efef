"""Stage `checks`: ranked candidates in; for each of the first ones the outcomes of the checks out."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from analysis.config import Config
from analysis.stages import Emit, StageResult
from analysis.stages.examining import Bench, examine_share, input_key, make_bench, places_of
from store.candidates import candidate_order
from store.checks import CheckRow, check_keys, save_checks
from store.database import Database
from store.project import Project
from store.tables import write_table

if TYPE_CHECKING:
    from analysis.checks.finding import Finding
    from analysis.checks.subject import Place

BATCH = 4
"""Candidates that a worker examines before its findings are kept."""


def checks(
    project: Project, config: Config, emit: Emit, *, stopping: Callable[[], bool] = lambda: False
) -> StageResult:
    """Compute the checks of the first candidates, but for those whose inputs did not change.

    What people decided is untouched. A frame that cannot be opened is one line; it then says nothing.
    """
    db = Database(project.database)
    names = candidate_order(db)[: config.checks.top] if project.database.exists() else []
    if not names:
        return StageResult("checks")
    bench = make_bench(project, config, db)
    places = places_of(db, config, names)
    work = missing(bench, db, list(places.values()))
    done, failures = 0, dict[str, str]()
    total = len(places)
    emit(_progress(total - len(work), total))
    for candidate_findings, failed in _examined(bench, config, work, stopping):
        keys = {place.candidate: place for place, _ in work}
        save_checks(db, (row for one in candidate_findings for row in rows_of(bench, keys[one[0]], one[1])))
        failures |= failed
        done += len(candidate_findings)
        emit(_progress(total - len(work) + done, total))
    write_table(project, db, "checks")
    left = len(work) - done
    lines = tuple(sorted(failures.values()))
    for line in lines:
        emit({"event": "frame_failed", "stage": "checks", "frame": line.partition(": ")[0], "text": line})
    words = f"{done} candidates examined" + (
        f", {len(places) - len(work)} unchanged" if len(work) < total else ""
    )
    return StageResult("checks", done, len(lines), len(places) - len(work), lines, (words,), left)


def missing(bench: Bench, db: Database, places: "Sequence[Place]") -> "list[tuple[Place, list[str]]]":
    """Return the candidates and the checks of each that were not computed from what there is now."""
    from analysis.checks.registry import CHECKS

    known = check_keys(db)
    work = []
    for place in places:
        names = [n for n in CHECKS if known.get((place.candidate, n)) != input_key(bench, place, n)]
        if names:
            work.append((place, names))
    return work


def rows_of(
    bench: Bench, place: "Place", findings: "Iterable[tuple[Finding, float]]", *, key: str = ""
) -> list[CheckRow]:
    """Return findings as rows of the store."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return [
        CheckRow(
            place.candidate, one.check, one.outcome, one.number, one.reason, one.to_json(),
            key or input_key(bench, place, one.check), one.digest(), now, round(seconds, 4),
        )
        for one, seconds in findings
    ]  # fmt: skip


def _examined(
    bench: Bench, config: Config, work: "Sequence[tuple[Place, list[str]]]", stopping: Callable[[], bool]
) -> "Iterable[tuple[list[tuple[str, list[tuple[Finding, float]]]], dict[str, str]]]":
    """Examine candidates, a few at a time, by as many processes as there may be."""
    from analysis.executors import run_tasks, worker_count

    if not work:
        return
    workers = min(worker_count(config.execution.workers), -(-len(work) // BATCH))
    shares = [work[start : start + BATCH] for start in range(0, len(work), BATCH)]
    if workers < 2:
        for share in shares:
            if stopping():
                return
            yield examine_share(bench, share)
        return
    tasks = {share[0][0].candidate: (examine_share, (bench, share)) for share in shares}
    for outcome in run_tasks(tasks, workers, stopping=stopping):
        if outcome.error is not None:
            raise outcome.error
        yield outcome.value


def _progress(done: int, total: int) -> dict[str, object]:
    return {"event": "progress", "stage": "checks", "done": done, "total": total, "text": "checks"}
