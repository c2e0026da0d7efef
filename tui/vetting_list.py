"""`vet LIST.csv`: a list of one's own made ready by a process of its own, then the app on it."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.config import Config, ConfigError
from analysis.own_list import OwnListError, read_own_list
from store.own_lists import list_project
from store.project import Project
from tui.beside import Beside, own_command
from tui.cli import DONE, PARTLY

if TYPE_CHECKING:
    from analysis.stages.own_list import Prepared

LISTED = 10
Start = Callable[[Project, Config, argparse.Namespace, Beside], int]


def vet(project: Project, config: Config, arguments: argparse.Namespace, start: Start) -> int:
    """Prepare the list, and open the app on it by `start`; give the exit code."""
    path: Path = arguments.list
    own = list_project(project, path)
    try:
        read_own_list(path)
    except OwnListError as error:
        raise ConfigError(str(error)) from error
    if arguments.checks:
        return _check(own, config)
    if arguments.prepare:
        return _prepare(project, config, path)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError("the app needs a terminal; `jwst-vet vet LIST.csv --prepare` does not")
    # In a process of its own, so that the app's own never loads what reads FITS files.
    code = subprocess.run(own_command(project, "vet", str(path), "--prepare"), check=False).returncode
    if code not in {DONE, PARTLY}:
        return code
    checking = Beside(project, f"checks of {path.name}", own_command(project, "vet", str(path), "--checks"))
    try:
        return start(own, config, arguments, checking)
    finally:
        checking.end()


def _check(own: Project, config: Config) -> int:
    """Compute the checks of the list's first candidates; say on stderr what could not be read."""
    from analysis.stages.checks import checks

    result = checks(own, config, lambda _event: None)
    for line in result.failures:
        print(line, file=sys.stderr)
    return PARTLY if result.failures else DONE


def _prepare(project: Project, config: Config, path: Path) -> int:
    from analysis.stages.own_list import prepare_list

    def tell(event: Mapping[str, object]) -> None:
        if sys.stderr.isatty() and event.get("event") == "progress":
            print(f"\r{event['done']} of {event['total']} cut out", end="", file=sys.stderr, flush=True)

    prepared = prepare_list(project, list_project(project, path), config, path, tell)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for line in words(path, prepared):
        print(line)
    return PARTLY if prepared.problems else DONE


def words(path: Path, prepared: Prepared) -> list[str]:
    """Say what became of a list."""
    lines = [
        f"{path.name}: {prepared.rows} rows, {prepared.measured} of them measured objects of this project"
    ]
    if prepared.outside:
        first = ", ".join(map(str, prepared.outside[:LISTED]))
        more = ", …" if len(prepared.outside) > LISTED else ""
        count = len(prepared.outside)
        rows = "1 row lies" if count == 1 else f"{count} rows lie"
        lines.append(f"{rows} outside every frame: line{'s' * (count > 1)} {first}{more}")
    return [*lines, *prepared.problems]
