"""The report bundled: one page that asks for nothing, a zip of the same bytes, a PDF where a converter is."""

import hashlib
import re
import zipfile
from html.parser import HTMLParser

import browser
import pytest
from test_report import HOSTILE, facts
from vet_project import make_vet_project

from analysis.report import printing
from analysis.report.document import render
from analysis.report.page import figures_of, page
from analysis.stages.bundling import bundle
from store.project import StoreError
from tui.cli import DONE, UNUSABLE, main

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100"
    "c9fe92ef0000000049454e44ae426082"
)
EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> " + HOSTILE
TABLE = "| name | value |\n| --- | ---: |\n| b | 10 |\n| a | – |\n| c | −2.5 |\n| d | 9.1 |\n"


class Seen(HTMLParser):
    """Tags with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def hostile_page():
    """The report of facts in which every text that came from elsewhere is hostile."""
    given = facts()
    states = [
        state.__class__(**{**state.__dict__, "note": EVIL, "vetter": f"{state.vetter}{EVIL}"})
        for state in given.states
    ]
    return page(render(facts(states=states)), lambda _name: PNG)


def test_the_page_needs_nothing_from_elsewhere():
    """No address but data:, no style or script but those of the policy, and hostile text is text."""
    text = hostile_page()
    seen = Seen(text)
    policy = next(m["content"] for m in seen.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    assert len(seen.all("script")) == 1
    assert all(image["src"].startswith("data:image/png;base64,") for image in seen.all("img"))
    for tag, attrs in seen.tags:
        assert not [name for name in attrs if name.startswith("on") or name == "style"], tag
        assert not re.match(r"(?!data:|#)", attrs.get("src") or attrs.get("href") or "#"), attrs
    assert "&lt;script&gt;document.title" in text


def test_a_figure_that_is_not_there_leaves_its_words():
    """The description stands where the picture would."""
    assert "<em>(not there: an arc)</em>" in page("![an arc](../figures/x.png)", lambda _name: None)


def test_names_of_figures_come_back_as_they_were_written():
    """Blanks and signs are coded in Markdown; on the disk they are not."""
    assert figures_of("![a](../figures/a%20b%2Bc.png) ![a](../figures/a%20b%2Bc.png)") == [
        "../figures/a b+c.png"
    ]


needs_browser = pytest.mark.skipif(
    browser.found() is None, reason=f"no browser here: none of {', '.join(browser.NAMES)} is installed"
)


@needs_browser
@pytest.mark.long
async def test_a_real_browser_has_no_complaint_asks_for_nothing_and_sorts(tmp_path):
    """No console error, no request but the file and data:, hostile text does nothing, a click sorts."""
    path = tmp_path / "report.html"
    path.write_text(hostile_page().replace("<main>", "<main>" + table_of(TABLE)), encoding="utf-8")
    async with browser.page() as opened:
        await opened.open(path.as_uri())
        assert await opened.evaluate("document.title") != "owned"
        order = (
            "[...document.querySelector('table').tBodies[0].rows].map(r => r.cells[0].textContent).join('')"
        )
        click = "document.querySelector('table').tHead.rows[0].cells[%d].querySelector('button').click()"
        assert await opened.evaluate(order) == "bacd"
        await opened.evaluate(click % 1)
        assert await opened.evaluate(order) == "cdba"
        await opened.evaluate(click % 1)
        assert await opened.evaluate(order) == "bdca"
        await opened.evaluate(click % 0)
        assert await opened.evaluate(order) == "abcd"
        await opened.picture(tmp_path / "phone.png", 390, 844)
        assert await opened.evaluate("document.documentElement.scrollWidth") <= 390
        assert opened.errors == []
        assert {url.split(":")[0] for url in opened.requests} == {"file", "data"}
        assert [url for url in opened.requests if url.startswith("file")] == [path.as_uri()]


@needs_browser
@pytest.mark.long
async def test_the_policy_is_what_stops_a_script(tmp_path):
    """A script put into the page is refused and said: the test above would see one that is not."""
    path = tmp_path / "report.html"
    text = hostile_page().replace("<main>", "<main><script>document.title='owned'</script>")
    path.write_text(text.replace("<main>", '<main><img src="http://127.0.0.1:9/x.png">'), encoding="utf-8")
    async with browser.page() as opened:
        await opened.open(path.as_uri())
        assert await opened.evaluate("document.title") != "owned"
        assert len(opened.errors) >= 2


def table_of(markdown):
    """A table as the page has it."""
    return re.search(r'<div class="wide">.*?</div>', page(markdown, lambda _name: None), re.DOTALL)[0]


@pytest.fixture
def project(tmp_path):
    """A project with a report, two tables and two figures of which the report shows one."""
    project, _ = make_vet_project(tmp_path / "p", 0)
    project.report.write_text(f"# R\n\n![a](../figures/cutouts/a.png)\n\n![x](../../../evil.png)\n\n{TABLE}")
    (tmp_path / "evil.png").write_bytes(b"not ours")
    for name in ("a", "b"):
        (project.cutout_figures / f"{name}.png").write_bytes(PNG)
        (project.tables / f"{name}.csv").write_text(f"{name}\n1\n")
    return project


def test_the_zip_holds_report_tables_and_figures_and_always_the_same_bytes(project, monkeypatch):
    """Relative links hold once it is unpacked; times and owners are not in it; the sums are right."""
    monkeypatch.setattr(printing, "CONVERTERS", ())
    path = bundle(project)[0][-1]
    first = path.read_bytes()
    for file in [*project.tables.iterdir(), *project.cutout_figures.iterdir()]:
        file.write_bytes(file.read_bytes())
        __import__("os").utime(file, (1, 1))
    bundle(project)
    assert path.read_bytes() == first
    with zipfile.ZipFile(path) as found:
        assert found.testzip() is None
        top = "jwst-vet-report/"
        assert [name.removeprefix(top) for name in found.namelist()] == [
            "config.toml", "figures/cutouts/a.png", "report/REPORT.md", "report/report.html", "tables/a.csv",
            "tables/b.csv", "SHA256SUMS",
        ]  # fmt: skip
        for line in found.read(f"{top}SHA256SUMS").decode().splitlines():
            digest, name = line.split("  ")
            assert hashlib.sha256(found.read(top + name)).hexdigest() == digest
    assert "not there: x" in (project.report_dir / "report.html").read_text()


def test_without_a_converter_one_line_says_which_were_tried(project, monkeypatch, capsys):
    """No PDF is no failure; an older PDF does not stay to pass for this report's."""
    (project.report_dir / "report.pdf").write_bytes(b"%PDF-old")
    monkeypatch.setattr(printing.shutil, "which", lambda _name: None)
    paths, trouble = bundle(project)
    assert [path.name for path in paths] == ["report.html", "report.zip"]
    assert trouble == (
        "no PDF: none of chromium, chromium-browser, google-chrome, weasyprint, wkhtmltopdf is installed; "
        "a browser prints report.html"
    )
    assert not (project.report_dir / "report.pdf").exists()


def converter(tmp_path, monkeypatch, body):
    program = tmp_path / "weasyprint"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setattr(printing.shutil, "which", lambda name: str(program) if name == "weasyprint" else None)


def test_a_converter_that_is_there_makes_the_pdf(project, tmp_path, monkeypatch):
    """What it wrote is the PDF."""
    converter(tmp_path, monkeypatch, 'printf "%%PDF-1.7" > "$2"')
    paths, trouble = bundle(project)
    assert [path.name for path in paths] == ["report.html", "report.pdf", "report.zip"]
    assert not trouble


@pytest.mark.parametrize(
    ("body", "why"), [("echo broken >&2; exit 3", "exit code 3 broken"), ("true", "made none")]
)
def test_a_converter_that_fails_is_named_with_its_reason(project, tmp_path, monkeypatch, body, why):
    """The rest of the bundle is there all the same."""
    converter(tmp_path, monkeypatch, body)
    paths, trouble = bundle(project)
    assert [path.name for path in paths] == ["report.html", "report.zip"]
    assert trouble == f"no PDF: weasyprint: {why}; a browser prints report.html"
    assert not [p.name for p in project.report_dir.iterdir() if p.name.startswith(".")]


def test_a_converter_that_never_ends_is_ended(project, tmp_path, monkeypatch):
    """Patience has an end."""
    converter(tmp_path, monkeypatch, "exec sleep 600")
    monkeypatch.setattr(printing, "PATIENCE_S", 0.2)
    assert "not done after 0.2 s" in bundle(project)[1]


@needs_browser
@pytest.mark.long
def test_the_browser_prints_the_page(project):
    """A real PDF of the real page."""
    paths, trouble = bundle(project)
    assert not trouble
    assert paths[1].read_bytes().startswith(b"%PDF-")


def test_a_project_without_a_report_says_what_writes_one(tmp_path, capsys):
    """One line, exit code 2, from the stage and from the command."""
    empty, _ = make_vet_project(tmp_path / "p", 0)
    with pytest.raises(StoreError, match="`jwst-vet report` writes it"):
        bundle(empty)
    assert main(["report", "--bundle", "-C", str(empty.root)]) == UNUSABLE
    assert "nothing to report yet" in capsys.readouterr().err


def test_the_command_names_what_it_wrote(project, monkeypatch, capsys):
    """Report, page, zip; with --json standard output stays JSON."""
    monkeypatch.setattr(printing, "CONVERTERS", ())
    monkeypatch.setattr("tui.commands._execute", lambda *_words, **_more: DONE)  # REPORT.md is there
    where = ["-C", str(project.root)]
    assert main(["report", "--bundle", *where]) == DONE
    said = capsys.readouterr()
    assert f"bundle: {project.report_dir / 'report.zip'}" in said.out
    assert "no PDF" in said.err
    assert main(["report", "--bundle", "--json", *where]) == DONE
    assert capsys.readouterr().out == ""
