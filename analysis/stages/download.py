"""Stage `download`: from a target to verified files in data/products, each with a row in the manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from analysis import addresses
from analysis.archive import Archive, ArchiveError
from analysis.cloud import cloud_sources
from analysis.config import Config
from analysis.download import Control, DiskFull, Fetched, Job, check_space, fetch_all, free_bytes
from analysis.partial import Partial
from analysis.patience import Stopped
from analysis.products import Product
from analysis.stages import Emit, StageResult
from analysis.stages.inputs import find_images, sha256_of
from analysis.stages.planning import make_plan, plan_key, show_plan
from analysis.stages.telling import NAME, Meter, Voice
from analysis.wholeness import NotWhole, check_whole
from store.database import Database
from store.products import PRESENT, ProductRecord, plan_lines, product_records, save_plan, save_product, ticks
from store.project import Project
from store.tables import write_table


def download(
    project: Project,
    config: Config,
    emit: Emit,
    *,
    dry_run: bool = False,
    replan: bool = False,
    plan_only: bool = False,
    politely: bool = False,
    stopping: Callable[[], bool] = lambda: False,
    control: Control | None = None,
) -> StageResult:
    """Fetch what the plan chose and is not on disk yet.

    Parameters
    ----------
    dry_run : bool
        Show the plan with sizes; fetch and keep nothing.
    replan : bool
        Ask the archive again, although the plan for this configuration is there.
    plan_only : bool
        Make the plan and keep it; fetch nothing.
    politely : bool
        As part of a whole run: files put there by hand are left alone, and an archive that does not answer
        stops nothing where files lie there already.
    stopping : callable
        Once true, transfers end and their parts are kept.
    control : Control, optional
        Lets a caller pause and go on.

    Returns
    -------
    StageResult
        A failure is one line "file: class: reason"; everything present needs no network at all.
    """
    database = Database(project.database)
    control = control or Control(stopping)
    voice = Voice(emit)
    records = product_records(database) if project.database.exists() else []
    files_there = bool(find_images(project.products)) if project.products.is_dir() else False
    if politely and files_there and not records:
        voice.note(
            f"{project.products} holds files that were put there by hand: nothing is downloaded; "
            "`jwst-vet download` asks the archive"
        )
        return StageResult(NAME, lines=("nothing asked for",))
    try:
        key = plan_key(config)
        wanted = [record for record in records if record.plan_key == key]
        if replan or not wanted:
            wanted, lines = make_plan(config, records, ticks(project.verdicts), key, voice, control.stopping)
            if not dry_run:
                save_plan(database, wanted, lines)
        else:
            lines = plan_lines(database)
        show_plan(wanted, lines, config, voice)
        if dry_run or plan_only:
            return StageResult(NAME, skipped=len(wanted), lines=("nothing was fetched",))
        if all(record.state == "skipped" for record in wanted):
            write_table(project, database, "download_manifest")
            return StageResult(NAME, skipped=len(wanted), lines=("every product is ticked off",))
        return _carry_out(project, config, database, wanted, voice, control)
    except ArchiveError as error:
        if politely and files_there:
            voice.note(f"{error}; going on with the files that are there")
            return StageResult(NAME, lines=("the archive gave no plan",))
        hand = f"; or put *_i2d.fits files into {project.products}, or name files: jwst-vet images FILE..."
        return _refused(voice, config.target, "archive", str(error) + (hand if politely else ""))
    except DiskFull as error:
        return _refused(voice, config.target, "disk", str(error))
    except Stopped:
        return StageResult(NAME, lines=("stopped; parts are kept",), left=1)  # the plan itself


def _refused(voice: Voice, what: str, kind: str, reason: str) -> StageResult:
    """Say in one line why nothing was done."""
    line = f"{what}: {kind}: {reason}" if not reason.startswith(what) else reason
    voice.failed(what, line)
    return StageResult(NAME, failed=1, failures=(line,), lines=("nothing was fetched",))


def _carry_out(
    project: Project,
    config: Config,
    database: Database,
    records: Sequence[ProductRecord],
    voice: Voice,
    control: Control,
) -> StageResult:
    """Fetch what is missing and write the manifest, whatever happens."""
    project.products.mkdir(parents=True, exist_ok=True)
    missing: list[ProductRecord] = []
    there = 0
    for record in records:
        if record.state == "skipped":
            continue
        found = _on_disk(project, record, voice)
        if found is None:
            missing.append(record)
            continue
        there += 1
        if found != record:
            save_product(database, found)
        voice.skipped(record.name, "already there")
    failures: list[str] = []
    done = 0
    try:
        if missing:
            for record, result in _fetched(project, config, missing, voice, control):
                if result.stopped:
                    continue
                after = _after(project, record, result)
                save_product(database, after)
                if after.state == "done":
                    done += 1
                    voice.done(record.name, f"{record.size / 1e6:.1f} MB from the {after.source}, whole")
                else:
                    failures.append(f"{project.products / record.name}: download: {after.reason}")
                    voice.failed(record.name, failures[-1])
    finally:
        write_table(project, database, "download_manifest")
    counts = [f"{done} fetched", f"{there} already there"] + ([f"{len(failures)} failed"] if failures else [])
    left = len(missing) - done - len(failures) if control.stopping() else 0
    if left:
        counts.append(f"{left} left for the next time")
    return StageResult(NAME, done, len(failures), there, tuple(failures), (", ".join(counts),), left)


def _on_disk(project: Project, record: ProductRecord, voice: Voice) -> ProductRecord | None:
    """Tell whether a product's file is on disk and verified; its record then, None else.

    A file that was verified before and has not been touched is not read again. One that nobody verified is
    checked, and set aside where it is not what the archive lists: what we did not write is not overwritten.
    """
    path = project.products / record.name
    if not path.is_file():
        return None
    facts = path.stat()
    known = record.state in PRESENT
    if facts.st_size == record.size:
        if known and facts.st_mtime_ns == record.mtime_ns:
            return replace(record, state="already there")
        try:
            check_whole(path)
            sha256 = sha256_of(path)
        except (NotWhole, OSError):
            sha256 = ""
        if sha256 and (not known or sha256 == record.sha256):
            now = datetime.now(UTC).isoformat(timespec="seconds")
            return replace(
                record,
                state="already there",
                sha256=sha256,
                mtime_ns=facts.st_mtime_ns,
                finished_at=now,
                reason="",
            )
    aside = path.with_name(f"{path.name}.unverified")
    path.replace(aside)
    voice.note(f"{path}: not the file that the archive lists; set aside as {aside.name}")
    return None


def _fetched(
    project: Project, config: Config, missing: Sequence[ProductRecord], voice: Voice, control: Control
) -> Iterable[tuple[ProductRecord, Fetched]]:
    """Fetch files and yield each record with what became of it."""
    client = Archive(config, control.stopping)
    headers = addresses.token_headers(addresses.token())
    products = {
        record.uri: Product(record.uri, record.name, exclusive=record.exclusive) for record in missing
    }
    clouds = {}
    if config.download.source == "s3":
        try:
            clouds = cloud_sources(list(products.values()), client.paths_of)
        except ArchiveError as error:
            voice.note(f"{error}; fetching from the archive")
    by_name = {record.name: record for record in missing}
    jobs = []
    for record in missing:
        cloud = clouds.get(record.uri)
        own = client.source_of(products[record.uri], headers)
        jobs.append(Job(record.name, record.size, (cloud, own) if cloud else (own,)))
    check_space(project.products, jobs, free_bytes(project.products))
    sizes = {job.name: job.size for job in jobs}
    meter = Meter(sizes, voice, {name: Partial(project.products, name).length() for name in sizes})
    for result in fetch_all(
        project.products, jobs, addresses.patience_of(config.services), control, meter.count
    ):
        yield by_name[result.job.name], result


def _after(project: Project, record: ProductRecord, result: Fetched) -> ProductRecord:
    """Return the record of a product after its transfer."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if result.path is None:
        reason = result.reason
        if " 401 " in f"{reason} " or " 403 " in f"{reason} ":
            reason += (
                f"; not public: a token from {addresses.TOKEN_PAGE} in {addresses.TOKEN_VARIABLE} is needed"
            )
        return replace(record, state="failed", reason=reason, finished_at=now)
    mtime = (project.products / record.name).stat().st_mtime_ns
    return replace(
        record,
        state="done",
        reason=result.reason,
        sha256=result.sha256,
        source=result.source,
        mtime_ns=mtime,
        finished_at=now,
    )
