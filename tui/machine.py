"""`check`: Python and packages against those tested, memory, disk, folders, what the terminal draws."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from analysis import config as configuration
from analysis.config import ConfigError
from store.database import StoreError
from store.project import Project
from tui.cli import DONE, UNUSABLE
from tui.text import clean

_PACKAGES = (
    "astropy", "astroquery", "duckdb", "matplotlib", "numpy", "pandas", "photutils", "pillow", "pyarrow",
    "requests", "scikit-learn", "scipy", "sep", "textual", "textual-image", "textual-plotext",
)  # fmt: skip
_LEAST_MEMORY_GB = 2.0
_LEAST_DISK_GB = 2.0
_SERVICES_SECONDS = 5.0


@dataclass(frozen=True)
class Fact:
    """One thing looked at: whether it is fit, and what to do where it is not."""

    name: str
    value: str
    fit: bool
    advice: str = ""
    needed: bool = True


def check_machine(root: Path, *, as_json: bool) -> int:
    """Print every fact; exit code 2 where one of them makes work impossible."""
    facts = [
        _python(),
        *_packages(),
        _cores(),
        _memory(),
        _logout(),
        *_folders(root),
        *_services(root),
        _terminal(),
    ]
    if as_json:
        print(json.dumps([asdict(fact) for fact in facts], indent=2, ensure_ascii=False))
    else:
        for fact in facts:
            word = "ok   " if fact.fit else "look "
            print(clean(f"{word}{fact.name:<18}{fact.value}" + (f"; {fact.advice}" if fact.advice else "")))
    return DONE if all(fact.fit or not fact.needed for fact in facts) else UNUSABLE


def tested_versions() -> dict[str, str]:
    """Package versions that the tests ran with, from the constraints file; empty where it is not at hand."""
    here = Path(__file__).resolve().parent
    for path in (here / "constraints.txt", here.parent / "constraints.txt"):
        if path.is_file():
            return dict(_pins(path.read_text()))
    return {}


def _pins(text: str) -> Iterator[tuple[str, str]]:
    """Yield the pins of a constraints file that hold for this Python."""
    here = f'python_version == "{sys.version_info.major}.{sys.version_info.minor}"'
    for line in text.splitlines():
        pin, _, marker = line.partition(";")
        if "==" in pin and marker.strip() in ("", here):
            name, version = pin.split("==")
            yield name.strip().lower(), version.strip()


def _python() -> Fact:
    version = platform.python_version()
    return Fact(
        "Python", version, sys.version_info >= (3, 11), "" if sys.version_info >= (3, 11) else "3.11 or newer"
    )


def _packages() -> list[Fact]:
    tested = tested_versions()
    facts = []
    for name in _PACKAGES:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            facts.append(Fact(name, "absent", fit=False, advice="install jwst-vet again"))
            continue
        other = tested.get(name, version) != version
        facts.append(Fact(name, version, fit=True, advice=f"tested with {tested[name]}" if other else ""))
    return facts


def _cores() -> Fact:
    from analysis.executors import worker_count

    return Fact("cores", str(worker_count(0)), fit=True)


def _memory() -> Fact:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    fit = total >= _LEAST_MEMORY_GB
    return Fact("memory", f"{total:.1f} GB", fit, "" if fit else f"{_LEAST_MEMORY_GB:g} GB or more is needed")


def _logout() -> Fact:
    """Tell whether runs go on when their user logs out."""
    from tui.lingering import at_logout

    found = at_logout()
    words = "end at logout" if found.ends_runs else "go on after logout"
    return Fact(
        "runs", words + (", in a scope of their own" if found.launcher else ""), not found.ends_runs,
        found.warning, needed=False,
    )  # fmt: skip


def _folders(root: Path) -> list[Fact]:
    """Project's folders: whether they can be written, and the space on their disks."""
    path = root / configuration.FILE_NAME
    if not path.is_file():
        return [
            Fact(
                "project",
                f"no {configuration.FILE_NAME} in {root}",
                fit=True,
                advice="`jwst-vet init` or -C DIR",
            )
        ]
    try:
        config = configuration.load(path)
        project = Project(root, data=root / config.paths.data, outputs=root / config.paths.outputs)
        project.prepare()
    except (ConfigError, StoreError) as error:
        return [Fact("project", str(error), fit=False)]
    free = shutil.disk_usage(project.outputs_dir).free / 1e9
    enough = free >= _LEAST_DISK_GB
    from store.filesystem import file_system

    where = file_system(project.outputs_dir)
    warning = where.warning if where is not None else ""
    kind = f" ({where.kind})" if where is not None else ""
    return [
        Fact("project", str(root), fit=True),
        Fact("outputs", f"{project.outputs_dir}: writable{kind}", not warning, warning, needed=False),
        Fact(
            "disk", f"{free:.1f} GB free", enough, "" if enough else f"{_LEAST_DISK_GB:g} GB or more is wise"
        ),
    ]


def _services(root: Path) -> list[Fact]:
    """Servers that answer; work on files of one's own needs none of them."""
    from analysis.services import services

    path = root / configuration.FILE_NAME
    try:
        config = configuration.load(path) if path.is_file() else configuration.Config()
        found = services(config, _SERVICES_SECONDS)
    except ConfigError as error:
        return [Fact("services", str(error), fit=False)]
    advice = {"MAST": "needed to download", "name resolver": "needed to download by name"}
    return [
        Fact(
            item.name,
            item.words if item.ok else f"not reachable: {item.words} ({item.url})",
            item.ok,
            "" if item.ok else advice.get(item.name, "its check will say: not queried"),
            needed=False,
        )
        for item in found
    ]


def _terminal() -> Fact:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Fact("terminal", "none here", fit=True, advice="the app needs one")
    from tui.terminal import probe

    found = probe()
    size = shutil.get_terminal_size()
    return Fact("terminal", f"{size.columns}x{size.lines}, draws {found.preview}", fit=True)
