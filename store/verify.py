"""What a project holds, read to the last byte: journals, database, inputs, cutouts; nothing is changed."""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from store import damage, leases, migrations
from store.journal import read_journal
from store.project import Project, StoreError

if TYPE_CHECKING:
    import duckdb

_HASH_BLOCK = 1 << 22


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is as it should be, in one line, and what to do where it is not."""

    fit: bool
    text: str
    remedy: str = ""


def verify(project: Project, *, inputs: bool = True) -> Iterator[Finding]:
    """Look at everything and yield one finding after the other.

    Parameters
    ----------
    project : Project
        Its folders.
    inputs : bool
        Whether to compute the sha256 of every FITS file that was measured, which reads all of them.
    """
    yield from _journals(project)
    if project.packed:
        yield Finding(True, f"{project.root}: a pack: it has no FITS files and not every source")
        yield from _cutouts(project)
        return
    if not project.database.exists():
        yield _no_database(project)
        return
    try:
        with leases.untouched(project.database) as connection:
            if not migrations.is_current(connection, project.database):
                yield Finding(True, f"{project.database}: of an older version; the next command migrates it")
                return
            yield from _database(project, connection)
            records = connection.execute(
                "SELECT path, bytes, sha256 FROM frames WHERE state = 'done' ORDER BY path"
            ).fetchall()
    except StoreError as error:
        yield Finding(False, str(error), "")
        return
    for path, size, sha256 in records:
        yield _input(Path(path), size, sha256, read=inputs)
    yield from _cutouts(project)
    for notice in damage.notices(project.outputs_dir):
        yield Finding(True, f"{notice.at}: {notice.text}")


def _journals(project: Project) -> Iterator[Finding]:
    for path in sorted(project.verdicts.glob("*.jsonl")):
        lines, problems = read_journal(path)
        for problem in problems:
            yield Finding(
                False, str(problem), "the other lines count; `jwst-vet repair` writes them out afresh"
            )
        if not problems:
            yield Finding(True, f"{path}: {len(lines)} lines, every checksum fits")


def _no_database(project: Project) -> Finding:
    kept = any(project.tables.glob("*.csv")) or damage.journal_lines(project.database)
    if kept:
        return Finding(False, f"{project.database}: gone, though there are results", "`jwst-vet repair`")
    return Finding(True, f"{project.database}: not made yet")


def _database(project: Project, connection: "duckdb.DuckDBPyConnection") -> Iterator[Finding]:
    import duckdb

    try:
        rows = read_all(connection)
    except duckdb.Error as error:
        yield Finding(False, leases.one_line(project.database, error), "`jwst-vet repair`")
        return
    yield Finding(True, f"{project.database}: {rows} rows read")
    for text in inconsistent(connection):
        yield Finding(False, text, "`jwst-vet repair`, then `jwst-vet run`")
    known = {row[0] for row in connection.execute("SELECT id FROM decisions").fetchall()}
    written = {line.id for path in project.verdicts.glob("*.jsonl") for line in read_journal(path)[0]}
    if known - written:
        text = f"{project.verdicts}: {len(known - written)} decisions of the index are in no journal"
        yield Finding(False, text, "copy the journal back that is missing, or `jwst-vet repair`")
    else:
        late = len(written - known)
        text = f"index: {len(known)} of {len(written)} journal lines"
        yield Finding(True, text + (f"; {late} wait for the next command" if late else ""))
    measured = {row[0] for row in connection.execute("SELECT frame FROM frames").fetchall()}
    lost = sorted(_measured_by_runs(project) - measured)
    if lost:
        text = f"{project.database}: measured by a run and no longer there: {', '.join(lost)}"
        yield Finding(False, text, "`jwst-vet run` measures them again, where their files are still there")


def read_all(connection: "duckdb.DuckDBPyConnection") -> int:
    """Read every value of every table, so that each block's checksum is compared; give the number of rows."""
    tables = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
    rows = 0
    for (table,) in tables:
        found = connection.execute(f'SELECT count(*), bit_xor(hash(t)) FROM "{table}" t').fetchone()  # noqa: S608
        rows += int(found[0]) if found else 0
    return rows


def inconsistent(connection: "duckdb.DuckDBPyConnection") -> list[str]:
    """Say which frames do not have the sources that they should have."""
    counted = connection.execute(
        """
        SELECT f.frame, f.n_sources, count(s.source_id) FROM frames f LEFT JOIN sources s ON s.frame = f.frame
        WHERE f.state = 'done' GROUP BY ALL HAVING coalesce(f.n_sources, 0) <> count(s.source_id)
        ORDER BY f.frame
        """
    ).fetchall()
    texts = [f"{frame}: {found} sources where {meant} were measured" for frame, meant, found in counted]
    texts += [
        f"{frame}: its sources were only saved in part"
        for (frame,) in connection.execute("SELECT frame FROM frames WHERE state = 'saving'").fetchall()
    ]
    return texts


def _measured_by_runs(project: Project) -> set[str]:
    """Name the frames that the last run of each name said it measured."""
    frames: set[str] = set()
    for path in project.runs.glob("*/events.jsonl"):
        for row in path.read_bytes().split(b"\n"):
            if b'"frame_done"' in row and b'"images"' in row:
                try:
                    frames.add(str(json.loads(row)["frame"]))
                except (ValueError, KeyError):
                    continue  # a torn event tells nothing
    return frames


def _input(path: Path, size: int, sha256: str, *, read: bool) -> Finding:
    """Compare one FITS file with what was measured."""
    again = "`jwst-vet images` measures it again"
    try:
        facts = path.stat()
        if facts.st_size != size:
            return Finding(False, f"{path}: {facts.st_size} bytes, {size} were measured", again)
        if read and sha256_of(path) != sha256:
            return Finding(False, f"{path}: other bytes than those measured", again)
    except OSError as error:
        text = f"{path}: {error.strerror or error}"
        return Finding(
            False, text, "its measurements and cutouts are kept; put it back to cut or measure anew"
        )
    return Finding(True, f"{path}: {'the bytes' if read else 'the size'} that were measured")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _cutouts(project: Project) -> Iterator[Finding]:
    whole = 0
    for path in sorted(project.cutout_cache.glob("*.npz")):
        try:
            with zipfile.ZipFile(path) as packed:
                bad = packed.testzip()
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            bad = str(error)
        if bad is None:
            whole += 1
        else:
            yield Finding(False, f"{path}: damaged ({bad})", "delete it; `jwst-vet rank` cuts it again")
    yield Finding(True, f"cutouts: {whole} whole")
