"""Packs: what vetting needs of a project in one zip file, each part with its sha256; no FITS files."""

import hashlib
import json
import os
import stat
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from store import __version__
from store.database import Database
from store.drafts import draft_of
from store.foreign import FILE_BYTES
from store.project import PACK_NAME, Project, StoreError

FORMAT = 1
MANIFEST_BYTES = 64 << 20
MOST_FILES = 200_000
INDEX = "index"
CONFIG = "config.toml"

# Journals are replayed, so their index is not packed; of all sources, those of the candidates.
_REPLAYED = ("decisions", "standing", "schema_version")
_ONLY = {
    "sources": "SELECT s.* FROM sources s WHERE source_id IN ({wanted}) ORDER BY s.rowid",
    "scores": "SELECT c.* FROM scores c WHERE source_id IN ({wanted}) ORDER BY c.rowid",
}
_WANTED = (
    "SELECT source_id FROM scores WHERE object IN (SELECT object FROM candidates) "
    "UNION SELECT best_source FROM candidates UNION SELECT source_id FROM image_candidates"
)
_BLOCK = 1 << 20
_STORED = (".npz", ".png", ".parquet", ".zip", ".gz")


@dataclass(frozen=True)
class Part:
    """One file of a pack: its path from the project folder, its bytes, their sha256."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a pack says of itself: the target, the program, and every part by path."""

    target: str
    program: str
    parts: tuple[Part, ...]

    @property
    def bytes(self) -> int:
        """What the parts occupy unpacked."""
        return sum(part.bytes for part in self.parts)


def write_pack(project: Project, path: Path, config: str, target: str) -> Manifest:
    """Write a pack, whole or not at all; the same project gives the same bytes.

    Parameters
    ----------
    project : Project
        Its folders, wherever they are: in the pack they lie where they are by default.
    path : Path
        The zip file; one that is there is replaced.
    config : str
        The configuration that goes with it.
    target : str
        What it is of, for whoever looks into it.
    """
    draft = draft_of(path)
    try:
        with tempfile.TemporaryDirectory(prefix="jwst-vet-pack-") as scratch:
            sources = {CONFIG: _written(Path(scratch) / CONFIG, config)}
            sources |= _outputs(project) | _tables(Database(project.database), Path(scratch))
            parts = tuple(Part(name, *_measured(sources[name])) for name in sorted(sources))
            manifest = Manifest(target, __version__, parts)
            with draft.open("xb") as raw:
                with zipfile.ZipFile(raw, "w") as packed:
                    packed.writestr(_entry(PACK_NAME), _as_json(manifest), zipfile.ZIP_DEFLATED)
                    for part in parts:
                        _add(packed, part, sources[part.path])
                raw.flush()
                os.fsync(raw.fileno())
        draft.replace(path)
    except OSError as error:
        raise StoreError(f"{path}: not written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """Read what a pack says of itself and prove that it may be unpacked: paths, kinds, sizes, nothing else.

    Raises
    ------
    StoreError
        It is no pack, or holds what no pack may hold: the line names the entry.
    """
    with _opened(path) as packed:
        entries = packed.infolist()
        if len(entries) > MOST_FILES:
            raise StoreError(f"{path}: {len(entries):,} entries; a pack has at most {MOST_FILES:,}")
        if not entries or entries[0].filename != PACK_NAME:
            raise StoreError(f"{path}: not a pack of this program; `jwst-vet pack` makes one")
        manifest = _parsed(path, _contents(packed, entries[0], MANIFEST_BYTES))
        wanted = {part.path: part for part in manifest.parts}
        seen: set[str] = set()
        for entry in entries[1:]:
            why = _unsafe(entry)
            folded = unicodedata.normalize("NFC", entry.filename).casefold()
            if not why and folded in seen:
                why = "is there twice"
            if not why and entry.filename not in wanted:
                why = f"is not in {PACK_NAME}"
            if not why and entry.file_size != wanted[entry.filename].bytes:
                why = f"has {entry.file_size:,} bytes, {PACK_NAME} says {wanted[entry.filename].bytes:,}"
            if why:
                raise StoreError(f"{path}: {entry.filename!r} {why}; nothing was unpacked")
            seen.add(folded)
        missing = sorted(wanted.keys() - {entry.filename for entry in entries})
        if missing:
            raise StoreError(f"{path}: {missing[0]!r} is missing; nothing was unpacked")
        return manifest


def unpack(path: Path, manifest: Manifest, folder: Path, settle: Callable[[Path], None]) -> None:
    """Unpack what `read_manifest` proved into a new folder, comparing every sha256, and make the index of it.

    The folder appears whole or not at all; it must not be there, or be empty. `settle` is given the path of
    the configuration before that, to make it one's own.
    """
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise StoreError(f"{folder}: is there already; name another folder with -C")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            root = Path(scratch) / "project"
            _extract(path, manifest, root)
            settle(root / CONFIG)
            _index(root)
            (root / PACK_NAME).write_bytes(_as_json(manifest))
            if folder.exists():
                folder.rmdir()
            root.rename(folder)
    except OSError as error:
        raise StoreError(f"{folder}: not unpacked: {error.strerror or error}") from error


def packed_journals(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of every journal in a pack."""
    manifest = read_manifest(path)
    digests = {part.path: part.sha256 for part in manifest.parts}
    with _opened(path) as packed:
        for name in sorted(digests):
            if PurePosixPath(name).match("outputs/verdicts/*.jsonl"):
                raw = _contents(packed, packed.getinfo(name), FILE_BYTES)
                if hashlib.sha256(raw).hexdigest() != digests[name]:
                    raise StoreError(f"{path}: {name}: not the bytes that {PACK_NAME} speaks of")
                yield f"{path}: {name}", raw


def _outputs(project: Project) -> dict[str, Path]:
    """Name every file that vetting needs, by its place in a project with default paths."""
    outputs = project.outputs_dir
    patterns = (
        "cache/cutouts/*.npz",
        "cache/fields/*.npz",
        "cache/spectra/*",
        "figures/**/*.png",
        "catalogs/**/*",
        "tables/*.csv",
        "report/*.md",
        "verdicts/*.jsonl",
    )
    found = {one for pattern in patterns for one in outputs.glob(pattern)}
    return {
        f"outputs/{one.relative_to(outputs).as_posix()}": one
        for one in found
        # Not every source is in the index of a pack, so their table is not either.
        if one.is_file()
        and not one.is_symlink()
        and not _hidden(one, outputs)
        and one.name != "all_sources.csv"
    }


def _hidden(path: Path, outputs: Path) -> bool:
    """Tell whether something is a draft; a vetter's name may begin with a dot."""
    inner = path.relative_to(outputs)
    return inner.parts[0] != "verdicts" and any(part.startswith(".") for part in inner.parts)


def _tables(db: Database, scratch: Path) -> dict[str, Path]:
    """Write each table of the index as a Parquet file, in its order."""
    found = {}
    with db.read() as cursor:
        names = [row[0] for row in cursor.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        for name in sorted(set(names) - set(_REPLAYED)):
            query = _ONLY.get(name, f"SELECT * FROM {name} ORDER BY rowid").format(wanted=_WANTED)  # noqa: S608
            path = scratch / f"{name}.parquet"
            cursor.execute(f"COPY ({query}) TO '{_quoted(path)}' (FORMAT parquet, COMPRESSION zstd)")
            found[f"{INDEX}/{name}.parquet"] = path
    return found


def _index(root: Path) -> None:
    """Make the database of an unpacked project from its tables, and put their files away."""
    import duckdb

    project = Project(root)
    project.prepare()
    folder = root / INDEX
    with Database(project.database).write() as cursor:
        known = {row[0] for row in cursor.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        for path in sorted(folder.glob("*.parquet")):
            if path.stem not in known - set(_REPLAYED):
                raise StoreError(f"{INDEX}/{path.name}: no table of this version of the program")
            try:
                cursor.execute(
                    f"INSERT INTO {path.stem} BY NAME SELECT * FROM read_parquet('{_quoted(path)}')"  # noqa: S608
                )
            except duckdb.Error as error:
                reason = " ".join(str(error).split())[:160]
                raise StoreError(f"{INDEX}/{path.name}: not a table of this program: {reason}") from error
            path.unlink()
    if folder.is_dir():
        folder.rmdir()


def _extract(path: Path, manifest: Manifest, root: Path) -> None:
    with _opened(path) as packed:
        for part in manifest.parts:
            target = root / part.path
            target.parent.mkdir(parents=True, exist_ok=True)
            digest, left = hashlib.sha256(), part.bytes
            with packed.open(part.path) as source, target.open("xb") as file:
                for block in _blocks(path, part.path, source):
                    left -= len(block)
                    if left < 0:
                        raise StoreError(
                            f"{path}: {part.path}: more than it says of itself; nothing was unpacked"
                        )
                    digest.update(block)
                    file.write(block)
            if left or digest.hexdigest() != part.sha256:
                raise StoreError(
                    f"{path}: {part.path}: not the bytes that {PACK_NAME} speaks of; nothing was unpacked"
                )


def _blocks(path: Path, name: str, source: IO[bytes]) -> Iterator[bytes]:
    import zlib

    try:
        while block := source.read(_BLOCK):
            yield block
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise StoreError(f"{path}: {name}: damaged: {error}; nothing was unpacked") from error


def _unsafe(entry: zipfile.ZipInfo) -> str:
    """Say why an entry may not be unpacked; "" where it may."""
    name = entry.filename
    parts = name.split("/")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.flag_bits & 1:
        return "is encrypted"
    if kind not in (0, stat.S_IFREG) or entry.is_dir():
        return "is not a plain file"
    if len(name.encode("utf-8", "replace")) > 1024 or any(
        len(part.encode("utf-8", "replace")) > 255 for part in parts
    ):
        return "has too long a name"
    if any(ord(c) < 32 or c in "\\:" or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in name):
        return "has characters in its name that no pack has"
    if any(part in ("", ".", "..") for part in parts):
        return "leads out of the folder"
    if name == CONFIG or (len(parts) == 2 and parts[0] == INDEX and name.endswith(".parquet")):
        return ""
    if parts[0] == "outputs" and len(parts) > 2 and parts[1] in _FOLDERS:
        return ""
    return "is nothing that a pack has"


_FOLDERS = ("cache", "figures", "catalogs", "tables", "report", "verdicts")


def _parsed(path: Path, raw: bytes) -> Manifest:
    try:
        said = json.loads(raw)
        if said["format"] != FORMAT:
            raise StoreError(f"{path}: a pack of format {said['format']!r}; this program reads {FORMAT}")
        parts = tuple(Part(str(one["path"]), int(one["bytes"]), str(one["sha256"])) for one in said["parts"])
        manifest = Manifest(str(said["target"]), str(said["program"]), parts)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"{path}: {PACK_NAME}: not the list of a pack") from error
    if any(part.bytes < 0 for part in parts):
        raise StoreError(f"{path}: {PACK_NAME}: not the list of a pack")
    return manifest


def _as_json(manifest: Manifest) -> bytes:
    body: Mapping[str, Any] = {"format": FORMAT, **asdict(manifest)}
    return (json.dumps(body, indent=1, sort_keys=True) + "\n").encode("ascii")


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise StoreError(f"{path}: there is no such file") from error
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise StoreError(f"{path}: not a zip file that can be read: {error}") from error


def _contents(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """Read one entry into memory, of at most so many bytes."""
    where = Path(str(packed.filename))
    if entry.flag_bits & 1 or entry.file_size > most:
        raise StoreError(f"{where}: {entry.filename}: {entry.file_size:,} bytes; at most {most:,} are read")
    with packed.open(entry) as source:
        return b"".join(_blocks(where, entry.filename, source))


def _entry(name: str) -> zipfile.ZipInfo:
    """Make an entry without a clock's reading, so that the same content gives the same pack."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    entry.create_system = 3
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(_STORED) else zipfile.ZIP_DEFLATED
    return entry


def _add(packed: zipfile.ZipFile, part: Part, source: Path) -> None:
    """Write one part; StoreError where the file changed since it was listed."""
    entry = _entry(part.path)
    entry.file_size = part.bytes
    digest = hashlib.sha256()
    with source.open("rb") as file, packed.open(entry, "w") as target:
        left = part.bytes  # a journal may have grown meanwhile: the pack holds what was listed
        while left and (block := file.read(min(_BLOCK, left))):
            digest.update(block)
            target.write(block)
            left -= len(block)
    if left or digest.hexdigest() != part.sha256:
        raise StoreError(f"{source}: changed while it was packed; pack again")


def _measured(path: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
