"""`merge`: journals of others out of files, folders and packs into the project, line by line."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analysis.config import Config
from store.foreign import FILE_BYTES, read_foreign
from store.merging import Merged, by_vetter, merge_lines
from store.project import Project, StoreError
from tui.cli import DONE, PARTLY, UNUSABLE
from tui.text import clean

TOLD = 1000
"""Bad lines of one file that are told one by one."""
NAMED = 5


@dataclass
class Tally:
    """What a merge came to so far."""

    read: int = 0
    bad: int = 0
    refused: int = 0
    taken: int = 0
    vetters: set[str] = field(default_factory=set)


def merge(project: Project, config: Config, paths: Sequence[Path]) -> int:
    """Take in what the paths hold, say what became of it, and return the exit code."""
    tally = Tally()
    project.verdicts.mkdir(parents=True, exist_ok=True)
    for path in paths:
        try:
            for name, raw in _journals(path):
                _take(project, config, name, raw, tally)
        except (OSError, StoreError) as error:
            tally.bad += 1
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            _complain(reason if isinstance(error, StoreError) else f"{path}: {reason}")
    if not tally.read:
        _complain("nothing to merge: no line of a journal that could be used")
        return UNUSABLE
    _tell_names(project, config)
    _say(f"{tally.taken} new lines of {len(tally.vetters)} vetter{'s' * (len(tally.vetters) != 1)}")
    if tally.refused and not tally.vetters:
        return UNUSABLE
    return PARTLY if tally.bad or tally.refused else DONE


def _take(project: Project, config: Config, name: str, raw: bytes, tally: Tally) -> None:
    """Check one journal, merge the good lines, and tell of the others."""
    lines, problems = read_foreign(raw, name, time.time())
    for problem in problems[:TOLD]:
        _complain(str(problem))
    if len(problems) > TOLD:
        _complain(f"{name}: {len(problems) - TOLD} further lines are bad too")
    tally.bad += len(problems)
    tally.read += len(lines)
    for vetter, own in by_vetter(lines).items():
        merged = merge_lines(project.verdicts, vetter, own)
        if merged.refused:
            tally.refused += 1
            _complain(f"{name}: {vetter}: {merged.refused}")
            continue
        tally.vetters.add(vetter)
        tally.taken += len(merged.taken)
        _say(f"{name}: {vetter}: {len(merged.taken)} lines new, {merged.known} there already")
        if vetter == config.vetting.name():
            _tell_own(merged)


def _tell_own(merged: Merged) -> None:
    """Say that lines under one's own name were written elsewhere: they might be a namesake's."""
    hosts = sorted({line.host for line in merged.taken})
    if hosts:
        _say(
            f"{merged.vetter}: that is your own name: lines from {', '.join(hosts)} now stand beside those "
            "written here, in order of time; none of yours was changed. If they are a namesake's, take "
            'another name: [vetting] vetter = "..." in config.toml'
        )


def _tell_names(project: Project, config: Config) -> None:
    """Bring the index up to the journals, and say which names were matched by position and which were not."""
    if not project.database.exists():
        _say("nothing ranked here yet: the verdicts wait for `jwst-vet run`")
        return
    from store.database import Database
    from store.matching import indexed_book

    _, matched = indexed_book(project, config.vetting.name(), Database(project.database))
    if matched.aliases:
        _say(f"{len(matched.aliases)} names are of candidates here, within 0.15″: the names here stay")
    if matched.unplaced:
        first = ", ".join(matched.unplaced[:NAMED])
        more = f" and {len(matched.unplaced) - NAMED} more" if len(matched.unplaced) > NAMED else ""
        _say(
            f"{len(matched.unplaced)} are at places that are no candidates here: {first}{more}; "
            "their verdicts are kept, and count once a ranking lists them"
        )


def _journals(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of every journal that a path leads to; StoreError where it leads to none."""
    if path.is_dir():
        inner = path / "outputs" / "verdicts"
        folder = path if any(path.glob("*.jsonl")) or not inner.is_dir() else inner
        found = sorted(one for one in folder.glob("*.jsonl") if one.is_file())
        if not found:
            raise StoreError(f"{path}: no *.jsonl in this folder; name a folder of journals or a project")
        for one in found:
            yield str(one), _read(one)
    elif path.suffix.lower() == ".zip":
        from store.packs import packed_journals

        yield from packed_journals(path)
    else:
        yield str(path), _read(path)


def _read(path: Path) -> bytes:
    """Read a journal; StoreError where it is larger than any can be, or no plain file."""
    if not path.exists():
        raise StoreError(f"{path}: there is no such file")
    if not path.is_file():
        raise StoreError(f"{path}: not a file; name a journal (<vetter>.jsonl), a folder of them or a pack")
    size = path.stat().st_size
    if size > FILE_BYTES:
        raise StoreError(f"{path}: {size:,} bytes; a journal has at most {FILE_BYTES:,}")
    return path.read_bytes()


def _say(text: str) -> None:
    print(clean(text), flush=True)


def _complain(text: str) -> None:
    print(f"jwst-vet: {clean(text)}", file=sys.stderr, flush=True)
