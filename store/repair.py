"""A project made whole: damage set aside, the index rebuilt from the journals, what is lost said."""

import fcntl
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from store import damage, leases
from store.database import Database
from store.drafts import draft_of
from store.frames import forget_frame
from store.journal import encode, read_journal
from store.project import Project, StoreError
from store.verdicts import VerdictBook
from store.verify import read_all


def repair(project: Project, vetter: str) -> Iterator[str]:
    """Repair what can be repaired and yield a line for each thing done; what must be measured again is said.

    Only the index is written anew. Damaged files are renamed, never deleted; the journals of people are
    written out afresh only where one has lines that cannot be read, and the old file is kept.
    """
    for path in sorted(project.verdicts.glob("*.jsonl")):
        yield from mend_journal(path)
    database = Database(project.database)
    _look_inside(project, database)
    yield from damage.take_fresh()
    with database.write() as cursor:
        cursor.execute("DELETE FROM decisions")
        cursor.execute("DELETE FROM standing")
    book = VerdictBook(project, vetter, database=database)
    count = book.index()
    yield f"{count} journal lines of {len(book.vetters)} vetters are in the index"
    yield from _incomplete_frames(database)


def _look_inside(project: Project, database: Database) -> None:
    """Read the whole database; set it aside where a block of it is damaged though it opens."""
    import duckdb

    with database.read() as cursor:  # sets aside what does not even open, and brings an older one up to date
        cursor.execute("SELECT 1")
    try:
        with leases.untouched(project.database) as connection:
            read_all(connection)
    except duckdb.Error as error:
        reason = leases.one_line(project.database, error).partition(": ")[2][:120]
        leases.manager(project.database).set_aside(reason)
        with database.read() as cursor:
            cursor.execute("SELECT 1")


def _incomplete_frames(database: Database) -> Iterator[str]:
    """Drop frames whose sources are not all there: the next run measures them again."""
    with database.read() as cursor:
        rows = cursor.execute(
            """
            SELECT f.frame FROM frames f LEFT JOIN sources s ON s.frame = f.frame
            WHERE f.state IN ('done', 'saving') GROUP BY f.frame, f.state, f.n_sources
            HAVING f.state = 'saving' OR coalesce(f.n_sources, 0) <> count(s.source_id) ORDER BY f.frame
            """
        ).fetchall()
    for (frame,) in rows:
        forget_frame(database, frame)
        yield f"{frame}: its sources were not all there; `jwst-vet run` measures it again"


def mend_journal(path: Path) -> Iterator[str]:
    """Write the good lines of a journal out afresh where others cannot be read; the old file is kept."""
    try:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            lines, problems = read_journal(path)
            if not problems:
                return
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
            aside = path.with_name(f"{path.name}.damaged-{stamp}")
            draft = draft_of(path)
            with draft.open("xb") as fresh:
                fresh.writelines(encode(line) for line in lines)
                fresh.flush()
                os.fsync(fresh.fileno())
            os.link(path, aside)
            draft.replace(path)
            _fsync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"{path}: cannot be repaired: {error.strerror or error}") from error
    yield f"{path}: {len(lines)} lines kept, {len(problems)} unreadable or out of turn; before: {aside.name}"


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
