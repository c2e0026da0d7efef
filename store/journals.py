"""The folder of journals: every vetter's file followed as it grows, each line taken once."""

from dataclasses import dataclass, field
from pathlib import Path

from store.journal import JournalError, Line, Problem, decode, parse

_REMEMBERED = 64


@dataclass
class _File:
    """How far one journal was read, and the bytes before that place."""

    path: Path
    inode: int
    offset: int = 0
    newlines: int = 0
    last: str = ""
    end: bytes = b""
    problems: list[Problem] = field(default_factory=list)
    torn: Problem | None = None


class JournalFolder:
    """Lines of all journals of a project, whichever file a copy or a merge put them in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[Path, _File] = {}
        self._lines: dict[str, Line] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with single lines, by file and number."""
        found = [problem for file in self._files.values() for problem in file.problems]
        found += [file.torn for file in self._files.values() if file.torn]
        return tuple(sorted(found, key=lambda problem: (problem.path, problem.line_number)))

    def lines(self) -> list[Line]:
        """Give all lines read so far in order of time."""
        return sorted(self._lines.values(), key=lambda line: line.id)

    def holds(self, line: Line) -> bool:
        """Tell whether a line was read, as it was written."""
        return self._lines.get(line.id) == line

    def read_new(self) -> tuple[list[Line], bool]:
        """Read what was added since last time, in order of time, and whether a file was replaced."""
        present = {path: path.stat() for path in sorted(self._folder.glob("*.jsonl")) if path.is_file()}
        replaced = any(
            path not in present
            or present[path].st_ino != file.inode
            or present[path].st_size < file.offset
            or (present[path].st_size > file.offset and not _continues(file))
            for path, file in self._files.items()
        )
        if replaced:
            self._files.clear()
            self._lines.clear()
        fresh: list[Line] = []
        for path, facts in present.items():
            file = self._files.setdefault(path, _File(path, facts.st_ino))
            if facts.st_size > file.offset:
                fresh += self._read(file)
        return sorted(fresh, key=lambda line: line.id), replaced

    def _read(self, file: _File) -> list[Line]:
        with file.path.open("rb") as opened:
            opened.seek(file.offset)
            raw = opened.read()
        raw = self._without_torn_end(file, raw)
        lines, problems = parse(raw, str(file.path), file.newlines + 1, file.last)
        file.offset += len(raw)
        file.end = (file.end + raw)[-_REMEMBERED:]
        file.newlines += raw.count(b"\n")
        file.problems += problems
        taken = []
        for line in lines:
            file.last = max(file.last, line.id)
            if line.id not in self._lines:
                self._lines[line.id] = line
                taken.append(line)
        return taken

    @staticmethod
    def _without_torn_end(file: _File, raw: bytes) -> bytes:
        """Leave a last line that is not whole for later: its writer may be in the middle of it."""
        whole = raw.rfind(b"\n") + 1
        end = raw[whole:]
        file.torn = None
        if not end:
            return raw
        try:
            decode(end)
        except JournalError:
            number = file.newlines + raw.count(b"\n") + 1
            file.torn = Problem(number, "torn: the writer was cut off in it", str(file.path))
            return raw[:whole]
        return raw


def _continues(file: _File) -> bool:
    """Tell whether what was read is still before what comes: an inode's number is given to new files too."""
    with file.path.open("rb") as opened:
        opened.seek(file.offset - len(file.end))
        return opened.read(len(file.end)) == file.end
