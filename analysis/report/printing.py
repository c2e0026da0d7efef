"""The page as a PDF, by whichever converter the machine has: one HTML file in, one PDF or a reason out."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PATIENCE_S: Final = 180.0


@dataclass(frozen=True)
class Converter:
    """A program that prints HTML, and its arguments from page, PDF and a folder to be thrown away."""

    program: str
    arguments: Callable[[Path, Path, Path], list[str]]


def _chromium(page: Path, pdf: Path, scratch: Path) -> list[str]:
    # Its sandbox refuses to run as root; the page is our own and its policy lets nothing in.
    rooted = ["--no-sandbox"] if os.geteuid() == 0 else []
    return [
        "--headless", "--disable-gpu", "--disable-background-networking", "--no-first-run", *rooted,
        f"--user-data-dir={scratch}", "--no-pdf-header-footer", f"--print-to-pdf={pdf}", page.as_uri(),
    ]  # fmt: skip


CONVERTERS: Final = (
    *(Converter(name, _chromium) for name in ("chromium", "chromium-browser", "google-chrome")),
    Converter("weasyprint", lambda page, pdf, _: [str(page), str(pdf)]),
    Converter("wkhtmltopdf", lambda page, pdf, _: ["--quiet", "--disable-javascript", str(page), str(pdf)]),
)


def print_pdf(page: Path, pdf: Path) -> str:
    """Print a page; return which program did it.

    Raises
    ------
    LookupError
        None of the programs is there, or none of them made a PDF; the text says which were tried and why not.
    """
    tried = []
    for converter in CONVERTERS:
        program = shutil.which(converter.program)
        if program is None:
            continue
        with tempfile.TemporaryDirectory(prefix="jwst-vet-pdf-", ignore_cleanup_errors=True) as scratch:
            reason = _run([program, *converter.arguments(page, pdf, Path(scratch))])
        if not reason and pdf.is_file() and pdf.read_bytes()[:5] == b"%PDF-":
            return converter.program
        tried.append(f"{converter.program}: {reason or 'made none'}")
        pdf.unlink(missing_ok=True)
    names = ", ".join(converter.program for converter in CONVERTERS)
    if not tried:
        raise LookupError(f"no PDF: none of {names} is installed; a browser prints report.html")
    raise LookupError(f"no PDF: {'; '.join(tried)}; a browser prints report.html")


def _run(command: list[str]) -> str:
    """Run a converter; return why it failed, or nothing."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        return f"not done after {PATIENCE_S:g} s"
    except OSError as error:
        return str(error.strerror or error)
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [""]
        return f"exit code {done.returncode} {last[0]}".strip()
    return ""
