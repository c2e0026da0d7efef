"""Documents that are made from the code: they cannot drift. APPROVE=1 writes them again."""

import ast
import os
import re
from pathlib import Path

import pytest

from analysis import config
from analysis.exports import formats
from store import tables
from tui import keys

ROOT = Path(__file__).resolve().parents[1]


def _rooms() -> str:
    """ARCHITECTURE's table: every module and the first sentence of what it says of itself."""
    rows = ["| room | holds |", "|---|---|"]
    for floor in ("tui", "analysis", "store"):
        for path in sorted((ROOT / floor).rglob("*.py")):
            if path.name != "__init__.py":
                said = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
                rows.append(f"| `{path.relative_to(ROOT)}` | {said} |")
    return "\n".join(rows)


def _keys() -> str:
    """docs/keys.md: every action, its keys, its name in [keys]."""
    rows = [
        "# Keys",
        "",
        "Made from `tui/keys.py`. The name is what `[keys]` in config.toml knows it by.",
        "",
    ]
    sections = dict.fromkeys(key.section for key in keys.TABLE)
    for section in sections:
        rows += [f"## {section}", "", "| keys | what it does | name |", "|---|---|---|"]
        rows += [
            f"| {' '.join(f'`{name}`' for name in key.shown().split())} | {key.help} | `{key.id}` |"
            for key in keys.TABLE
            if key.section == section
        ]
        rows.append("")
    return "\n".join(rows)


def _tables() -> str:
    """docs/tables.md: every column of every table."""
    head = "# Tables\n\nMade from `store/tables.py`. All are CSV in `outputs/tables`; empty is unknown.\n\n"
    return head + tables.describe()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("ARCHITECTURE.md", _rooms),
        ("README.md", config.markdown_table),
        ("docs/keys.md", _keys),
        ("docs/tables.md", _tables),
        ("docs/handoff.md", formats.markdown_table),
    ],
)
def test_document_says_what_the_code_says(name, make):
    """The part of a document that is made from the code is what the code makes now."""
    path, made = ROOT / name, make()
    if os.environ.get("APPROVE"):
        head = made.splitlines()[0]
        old = path.read_text() if path.exists() else ""
        if made.startswith("# "):
            new = made
        else:
            block = re.escape(head) + r"(\n\|[^\n]*)*"
            new = re.sub(block, lambda _found: made, old)
        path.parent.mkdir(exist_ok=True)
        path.write_text(new)
    assert made in path.read_text()


def test_each_of_the_twenty_wishes_has_its_line_and_the_keys_it_names_are_there():
    """docs/desk.md says of each yes, in part or no, how, and with which keys."""
    rows = re.findall(r"^\| (\d+) \|(.*)\|$", (ROOT / "docs" / "desk.md").read_text(), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 21))
    known = {shown for key in keys.TABLE for shown in key.shown().split()} | {
        "!",
        "A",
        "B",
        "C",
        "p",
        "i",
        "t",
    }
    for number, row in rows:
        _wish, asked, met, how = (part.strip() for part in row.split(" | "))
        assert "#" in asked, number
        assert met in {"yes", "in part", "no"}, number
        assert len(how) > 25, number
        assert set(re.findall(r"`(\S)`", how)) <= known, number


def test_no_document_or_module_names_a_registry_or_a_home():
    """The project speaks of itself alone: no package host, no absolute home path."""
    hosts = ("pythonhosted", "pypi" + ".org", "registry" + ".npmjs", "/ro" + "ot/", "/ho" + "me/")
    for pattern in (
        "*.md",
        "*.toml",
        "*.txt",
        "*.py",
        "tui/**/*.py",
        "analysis/**/*.py",
        "store/**/*.py",
        "docs/*",
    ):
        for path in ROOT.glob(pattern):
            if path.is_file():
                text = path.read_text(errors="replace")
                assert not [host for host in hosts if host in text], path
