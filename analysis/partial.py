"""A file that is still growing: `<name>.part`, and a note beside it of which version it is a part."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from store.runs import boot_id

_SYNC_EVERY = 1 << 25
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Validator:
    """What tells two versions of a file on a server apart: its ETag, else when it was modified."""

    etag: str = ""
    modified: str = ""

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Validator:
        """Read it from the headers of an answer; a weak ETag says nothing of bytes."""
        etag = headers.get("ETag", "")
        return cls("" if etag.startswith("W/") else etag, headers.get("Last-Modified", ""))

    def allows(self, other: Validator) -> bool:
        """Tell whether bytes of the other version continue this one."""
        if self.etag and other.etag:
            return self.etag == other.etag
        return not (self.modified and other.modified) or self.modified == other.modified


class Partial:
    """The part of one file in a folder; closed until opened for one address and size."""

    def __init__(self, folder: Path, name: str) -> None:
        self.final = folder / name
        self.path = folder / f"{name}.part"
        self.note = folder / f"{name}.part.json"
        self.offset = 0
        self.validator = Validator()
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._facts: dict[str, object] = {}
        self._safe = 0

    def length(self) -> int:
        """Bytes on disk that can be continued, as far as can be told without asking; 0 without a note."""
        return self.path.stat().st_size if self.note.is_file() and self.path.is_file() else 0

    def open(self, url: str, size: int) -> int:
        """Take up what an earlier attempt left of this address and size; return how many bytes that is.

        After a restart of the machine only what had been forced to disk is trusted.
        """
        if self._file is not None:
            if (self._facts.get("url"), self._facts.get("size")) == (url, size):
                return 0
            before = self.offset
            self.drop()
            return -before
        facts = self._read_note()
        if self.path.is_symlink() or facts is None or (facts.get("url"), facts.get("size")) != (url, size):
            self.drop()
            return 0
        self._facts = facts
        self.validator = Validator(str(facts["etag"]), str(facts["modified"]))
        with self.path.open("ab"):
            pass
        length = self.path.stat().st_size
        if facts["boot"] != boot_id():
            length = min(length, int(str(facts["safe"])))
        if length > size:
            self.drop()
            return 0
        os.truncate(self.path, length)
        self._hash = hashlib.sha256()
        with self.path.open("rb") as stream:
            while block := stream.read(_CHUNK):
                self._hash.update(block)
        self._file = self.path.open("ab", buffering=0)
        self.offset = self._safe = length
        return length

    def range_headers(self) -> dict[str, str]:
        """Headers that ask for the rest of this very version."""
        if not self.offset:
            return {}
        version = self.validator.etag or self.validator.modified
        return {"Range": f"bytes={self.offset}-"} | ({"If-Range": version} if version else {})

    def begin(self, url: str, size: int, validator: Validator) -> None:
        """Start an empty part; its note is on disk before its first byte."""
        self.drop()
        self.validator = validator
        self._facts = {"url": url, "size": size, **asdict(validator), "safe": 0, "boot": boot_id()}
        self._write_note()
        self._file = self.path.open("wb", buffering=0)

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        assert self._file is not None
        view = memoryview(chunk)
        while view:
            written = self._file.write(view)
            self._hash.update(view[:written])
            self.offset += written
            view = view[written:]
        if self.offset - self._safe >= _SYNC_EVERY:
            self.sync()

    def sync(self) -> None:
        """Force what was written to disk, and note that it is safe there."""
        assert self._file is not None
        os.fsync(self._file.fileno())
        self._safe = self.offset
        self._facts |= {"safe": self._safe, "boot": boot_id()}
        self._write_note()

    def sha256(self) -> str:
        """SHA-256 of the bytes so far."""
        return self._hash.hexdigest()

    def rename(self) -> None:
        """Give the part its name, for good; whoever has an older file of that name open keeps it."""
        self.close()
        self.path.replace(self.final)
        folder = os.open(self.final.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self.note.unlink(missing_ok=True)

    def drop(self) -> None:
        """Throw part and note away."""
        self.close()
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
        self.offset = self._safe = 0
        self.validator = Validator()
        self._facts = {}
        self._hash = hashlib.sha256()

    def close(self) -> None:
        """Close the file; the part stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read_note(self) -> dict[str, object] | None:
        """Facts of the part there is, or None where there is none that can be trusted."""
        try:
            facts = json.loads(self.note.read_bytes())
        except (OSError, ValueError):  # none, or torn: then the part is begun anew
            return None
        known = {"url", "size", "etag", "modified", "safe", "boot"}
        return facts if isinstance(facts, dict) and known <= facts.keys() else None

    def _write_note(self) -> None:
        """Replace the note as a whole."""
        draft = self.note.with_suffix(".json~")
        draft.write_text(json.dumps(self._facts), encoding="utf-8")
        draft.replace(self.note)
