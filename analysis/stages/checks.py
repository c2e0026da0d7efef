"""Stage `checks`: ranked candidates in; for each of the first ones the outcomes of the checks out."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING

from analysis.catalog_entries import NO_ANSWER
from analysis.config import Config
from analysis.stages import Emit, StageResult
from analysis.stages.asking import Desk, catalog_rows
from analysis.stages.examining import Bench, examine_share, input_key, make_bench, places_of
from analysis.stages.examining_spectra import check_spectra, spectrum_places
from analysis.stages.recording import row_of
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
    bench = make_bench(project, config, db, names)
    catalogs = Desk(project, config, db, bench.records, stopping)
    places = places_of(db, config, names)
    work = missing(bench, db, list(places.values()))
    done, failures = 0, dict[str, str]()
    total = len(places)
    emit(_progress(total - len(work), total))
    on_sky = [*places.values(), *spectrum_places(db, names).values()]
    asking = catalogs.ask_missing(on_sky)
    for candidate_findings, failed in _examined(bench, config, work, stopping):
        keys = {place.candidate: place for place, _ in work}
        save_checks(db, (row for one in candidate_findings for row in rows_of(bench, keys[one[0]], one[1])))
        failures |= failed
        done += len(candidate_findings)
        emit(_progress(total - len(work) + done, total))
    spectra, same = check_spectra(project, db, names, stopping)
    silent = _catalogs(catalogs, db, on_sky, asking, emit, stopping)
    write_table(project, db, "checks")
    left = len(work) - done
    lines = tuple(sorted(failures.values()))
    for line in lines:
        emit({"event": "frame_failed", "stage": "checks", "frame": line.partition(": ")[0], "text": line})
    unchanged = f", {total - len(work)} unchanged" if len(work) < total else ""
    words = (f"{done} candidates examined{unchanged}", *silent)
    if spectra or same:
        words += (f"{spectra} candidates by their spectra, {same} unchanged",)
    skipped = total - len(work) + same
    return StageResult("checks", done + spectra, len(lines), skipped, lines, words, left)


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


def rows_of(bench: Bench, place: "Place", findings: "Iterable[tuple[Finding, float]]") -> list[CheckRow]:
    """Return findings as rows of the store."""
    return [
        row_of(place.candidate, one, seconds, input_key(bench, place, one.check)) for one, seconds in findings
    ]


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


def _catalogs(
    desk: Desk,
    db: Database,
    places: "list[Place]",
    asking: "Sequence[Future[None]]",
    emit: Emit,
    stopping: Callable[[], bool],
) -> list[str]:
    """Keep what is known now, then again once every service has answered or was given up; say who did not.

    The pixels' checks are in the store by now: nobody waits for a service.
    """
    known = check_keys(db)
    unseen = [place for place in places if (place.candidate, "catalogs") not in known]
    save_checks(db, catalog_rows(desk, unseen, known))
    if asking and wait(asking, timeout=0.2).not_done:
        emit({"event": "note", "stage": "checks", "text": "waiting for catalogue services"})
    while not stopping() and wait(asking, timeout=0.2).not_done:
        pass
    for future in asking:
        if future.done():
            future.result()
    desk.forget_offsets()
    save_checks(db, catalog_rows(desk, places, check_keys(db)))
    failed = [answer for answer in desk.failures.values() if answer.state == NO_ANSWER]
    return sorted({f"{answer.service}: no answer: {answer.reason}" for answer in failed})


def _progress(done: int, total: int) -> dict[str, object]:
    return {"event": "progress", "stage": "checks", "done": done, "total": total, "text": "checks"}
