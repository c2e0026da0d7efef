"""The report bundled: REPORT.md, tables and figures in; one HTML file, one zip file and a PDF out."""

import secrets
from pathlib import Path

from analysis.report.archive import write_archive
from analysis.report.page import figures_of, page
from analysis.report.printing import print_pdf
from analysis.stages.report import write_whole
from store.project import Project, StoreError

TOP = "jwst-vet-report"


def bundle(project: Project) -> tuple[list[Path], str]:
    """Write report.html, report.zip and, where a converter is there, report.pdf beside REPORT.md.

    Returns
    -------
    paths : list of Path
        What was written.
    trouble : str
        Why there is no PDF; "" where there is one.

    Raises
    ------
    StoreError
        Something cannot be read or written; what was there is untouched.
    """
    try:
        text = project.report.read_text(encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"{project.report}: {error.strerror or error}; `jwst-vet report` writes it"
        ) from error
    html = project.report_dir / "report.html"
    write_whole(html, page(text, lambda name: _figure(project, name)))
    made = [html]
    pdf, trouble = project.report_dir / "report.pdf", ""
    draft = _draft(pdf)
    try:
        print_pdf(html, draft)
        draft.replace(pdf)
        made.append(pdf)
    except LookupError as error:
        pdf.unlink(missing_ok=True)  # one of an earlier report would pass for this one
        trouble = str(error)
    finally:
        draft.unlink(missing_ok=True)
    archive = project.report_dir / "report.zip"
    draft = _draft(archive)
    try:
        write_archive(draft, TOP, _members(project, text))
        draft.replace(archive)
    except OSError as error:
        raise StoreError(f"{archive}: not written: {error.strerror or error}; free some space") from error
    finally:
        draft.unlink(missing_ok=True)
    return [*made, archive], trouble


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")


def _members(project: Project, text: str) -> dict[str, Path]:
    """Return what the zip holds: report, figures, tables, configuration; paths in it stay relative."""
    members = {"report/REPORT.md": project.report, "report/report.html": project.report_dir / "report.html"}
    members |= {f"tables/{path.name}": path for path in project.tables.glob("*.csv")}
    for name in figures_of(text):
        path = _inside(project, name)
        if path is not None and path.is_file():
            members[path.relative_to(project.outputs_dir.resolve()).as_posix()] = path
    configuration = project.root / "config.toml"
    if configuration.is_file():
        members["config.toml"] = configuration
    return members


def _figure(project: Project, name: str) -> bytes | None:
    """Return the bytes of a figure that the report names; None where it is not among the project's own."""
    path = _inside(project, name)
    try:
        return None if path is None else path.read_bytes()
    except OSError:
        return None  # the page says which figure is not there


def _inside(project: Project, name: str) -> Path | None:
    """Return the path of a figure, where it is a PNG below the outputs."""
    path = (project.report_dir / name).resolve()
    return path if path.suffix == ".png" and path.is_relative_to(project.outputs_dir.resolve()) else None
