"""Sections 6 and 7 of the report: how to redo it, and whom to cite."""

import math
from collections.abc import Iterable

from analysis.config import as_toml
from analysis.report.citing import citations
from analysis.report.facts import Facts
from analysis.report.markdown import command, fenced, listing
from store.spectra import SpectrumFileRecord


def redo(facts: Facts) -> list[str]:
    """Return the blocks of both sections."""
    return [
        "## 6. How to redo it",
        (
            f"Take the source of jwst-vet {facts.version}, put the versions of the packages into "
            "`versions.txt` beside it, and install both with `python3 -m pip install -c versions.txt .`:"
        ),
        fenced(_pins(facts)),
        "In an empty folder, put this into `config.toml`:",
        fenced(_configuration(facts), "toml"),
        "Put the files where the commands name them, relative to that folder, and compare their bytes:",
        fenced(_hashes(facts)),
        "(as `sha256sum -c` reads it; names with control or direction marks are spelt out here). Then:",
        fenced(_commands(facts), "sh"),
        (
            "The same bytes, parameters and versions give the same tables and the same report but for "
            "section 8, which compares with the report that was there before, and lines that hold a time. "
            "Checks against catalogues ask services, whose answers may have changed. Decisions are kept in "
            "`outputs/verdicts/`, one file per vetter: copy them along to have them in the new report too."
        ),
        "### Tables",
        listing(facts.tables),
        "## 7. Whom to cite",
        listing(citations(facts)),
    ]


def _configuration(facts: Facts) -> list[str]:
    """Return the configuration without its comments."""
    lines = as_toml(facts.config).splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _hashes(facts: Facts) -> Iterable[str]:
    """Return lines as sha256sum writes them; a name with a backslash or line break is coded as it does."""
    spectra = [(facts.spectrum_locations[f.file], f.sha256, ()) for f in _spectra(facts)]
    images = [(facts.locations[f.frame], f.sha256, f.companions) for f in facts.done]
    for name, digest, companions in [*images, *spectra]:
        coded = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        yield f"{chr(92) if coded != name else ''}{digest}  {coded}"
        yield from companions


def _spectra(facts: Facts) -> list[SpectrumFileRecord]:
    """Return the files of spectra that were measured and whose place is known."""
    return [f for f in facts.spectrum_files if f.state == "done" and f.file in facts.spectrum_locations]


def _pins(facts: Facts) -> list[str]:
    """Return the packages of the ranking as pip's constraints."""
    versions = facts.info.get("versions", {})
    python = f"# Python {facts.info['python']}" if facts.info else "# nothing was ranked yet"
    return [python, *(f"{name}=={version}" for name, version in versions.items())]


def _commands(facts: Facts) -> list[str]:
    groups: dict[float | None, list[str]] = {}
    for frame in facts.done:
        given = None if math.isnan(frame.zeropoint) else frame.zeropoint
        groups.setdefault(given, []).append(facts.locations[frame.frame])
    place = "data/products/"
    if set(groups) == {None} and all(name.startswith(place) for name in groups[None]):
        commands = [command("jwst-vet", "images")]
    else:
        commands = [
            command("jwst-vet", "images", *([] if given is None else ["--zeropoint", repr(given)]), *names)
            for given, names in groups.items()
        ]
    files = [facts.spectrum_locations[file.file] for file in _spectra(facts)]
    if files:
        named = [] if all(name.startswith(place) for name in files) else files
        commands.append(command("jwst-vet", "spectra", *named))
    commands.append(command("jwst-vet", "rank"))
    commands += [command("jwst-vet", "checks")] * bool(facts.computed)
    commands += [command("jwst-vet", "completeness")] * bool(facts.completeness)
    return [*commands, command("jwst-vet", "report")]
