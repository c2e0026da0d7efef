"""The command line: words into one of the commands; nothing heavy is imported before a command needs it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

PREVIEWS = ("auto", "half", "kitty", "sixel", "plain", "words")
PREVIEW_VARIABLE = "JWST_VET_PREVIEW"
DONE, BUG, UNUSABLE, PARTLY = 0, 1, 2, 3

_EPILOG = "Exit codes: 0 done; 1 a bug; 2 bad usage, bad configuration or nothing usable; 3 done in part."


@dataclass(frozen=True)
class Command:
    """One word of the command line: its name, what help says, its arguments, the function in tui.commands."""

    name: str
    help: str
    function: str
    arguments: Callable[[argparse.ArgumentParser], None] = lambda _parser: None


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON for a program to read")


def _pictures(parser: argparse.ArgumentParser, default: object = None) -> None:
    drawing = parser.add_mutually_exclusive_group()
    drawing.add_argument(
        "--preview",
        choices=PREVIEWS,
        default=default,
        help=f"how the app draws pictures (default: {PREVIEW_VARIABLE}, else [ui] preview)",
    )
    drawing.add_argument(
        "--plain",
        dest="preview",
        action="store_const",
        const="words",
        default=default,
        help="for a screen reader: no pictures and no line drawing, every picture described in words",
    )


def _demo(parser: argparse.ArgumentParser) -> None:
    _pictures(parser, argparse.SUPPRESS)
    parser.add_argument(
        "--no-app", action="store_true", help="print the top ten and the report's path instead"
    )


def _download(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="show the plan with sizes; fetch and keep nothing"
    )
    parser.add_argument(
        "--plan",
        action="store_true",
        help="make the plan and keep it, so that products can be ticked off in the app; fetch nothing",
    )
    parser.add_argument(
        "--replan",
        action="store_true",
        help="ask the archive again instead of going on with the plan there is",
    )
    _json(parser)


def _images(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FITS", help="images of your own (default: data/products)"
    )
    parser.add_argument(
        "--zeropoint",
        type=float,
        metavar="MAG",
        help="AB magnitude of one unit, where the file has no flux unit",
    )
    _json(parser)


def _report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bundle",
        action="store_true",
        help="also one HTML file, one zip file with tables and figures, and a PDF where a converter is there",
    )
    _json(parser)


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "format",
        metavar="FORMAT",
        nargs="?",
        default="",
        help="what to write; without it: the formats there are",
    )
    parser.add_argument(
        "--label", action="append", default=[], metavar="LABEL", help="with this label, conflict or undecided"
    )
    parser.add_argument(
        "--check",
        action="append",
        default=[],
        metavar="CHECK=OUTCOME",
        help="with this outcome: catalogs=pass",
    )
    parser.add_argument("--rank", type=int, metavar="N", help="the first N ranks")
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="a column of the export compared: snr>=10, filters~F444W, grade=A; all must hold",
    )
    parser.add_argument(
        "--to", type=Path, metavar="PATH", help="where to write it (default: a file in outputs/exports)"
    )


def _spectra(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FITS", help="spectra of your own (default: data/products)"
    )
    _json(parser)


def _run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--detach", action="store_true", help="start it, print its id and return")
    parser.add_argument("--follow", action="store_true", help="show the run that is going on until it ends")
    parser.add_argument("--run-id", help=argparse.SUPPRESS)
    _json(parser)


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host", default="127.0.0.1", help="where to listen (default: 127.0.0.1, this machine alone)"
    )
    parser.add_argument("--port", type=int, default=8000, help="port (default: 8000; 0 takes a free one)")
    parser.add_argument(
        "--no-token", action="store_true", help="let everybody on this machine in; on loopback only"
    )


def _verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="compare sizes of FITS files, not every byte")
    _json(parser)


def _clean(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="say how much it would be; delete nothing")
    parser.add_argument(
        "--cutouts",
        action="store_true",
        help="cutouts and figures too, if every FITS file they were cut from is still there",
    )
    parser.add_argument(
        "--set-aside",
        action="store_true",
        help="damaged files set aside and copies from before migrations too",
    )


def _vet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "list",
        type=Path,
        nargs="?",
        metavar="LIST.csv",
        help="columns ra and dec, and any further ones",
    )
    parser.add_argument(
        "--blind",
        type=int,
        nargs="?",
        const=50,
        metavar="N",
        help="instead of a list: at most N (50) candidates decided earlier, once more, with verdicts, scores "
        "and ranks hidden; then your agreement with yourself",
    )
    parser.add_argument("--prepare", action="store_true", help="cut the positions out, without the app")
    parser.add_argument("--checks", action="store_true", help=argparse.SUPPRESS)


def _merge(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="a journal (<vetter>.jsonl), a folder of journals, another project, or a pack (.zip)",
    )


def _pack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE.zip", help="where to (default: <project>-pack.zip here)"
    )


def _unpack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, metavar="FILE.zip", help="a pack; goes into -C DIR, or a folder of its name"
    )
    parser.add_argument(
        "--vetter", default="", metavar="NAME", help="your name there (default: the login name)"
    )
    parser.add_argument(
        "--max-gb", type=float, default=20.0, help="refuse packs that get larger (default: 20)"
    )


COMMANDS = (
    Command("demo", "a simulated project in ./jwst-vet-demo, run to the end, then the app", "demo", _demo),
    Command("init", "write a commented config.toml", "init"),
    Command("check", "say whether this machine, its packages and this terminal are fit", "check", _json),
    Command("download", "find the target's products at the archive and fetch them", "download", _download),
    Command(
        "vet",
        "open the app on a list of your own (CSV with ra and dec), or --blind on what you decided",
        "vet",
        _vet,
    ),
    Command("images", "detect and measure every source of the images", "images", _images),
    Command("spectra", "measure every spectrum: lines, redshift, oddities; then rank", "spectra", _spectra),
    Command("rank", "join frames into objects, score and rank them, cut out the candidates", "rank", _json),
    Command(
        "checks",
        "compute the five verification checks of the first candidates: filters, catalogues, artefacts, ...",
        "checks",
        _json,
    ),
    Command("report", "write the tables and REPORT.md", "report", _report),
    Command(
        "export",
        "hand candidates to other tools: tables, regions, footprint, cutouts, labels",
        "export",
        _export,
    ),
    Command("merge", "take a colleague's verdicts in: journals, folders of them, packs", "merge", _merge),
    Command("pack", "cutouts, evidence, answers and tables in one file, to vet elsewhere", "pack", _pack),
    Command("unpack", "make a project of a pack, to vet without the FITS files", "unpack", _unpack),
    Command(
        "completeness",
        "put sources into the measured images and say which are found, by magnitude and size",
        "completeness",
        _json,
    ),
    Command("run", "download what the target needs, then images, rank, checks and report", "run", _run),
    Command("serve", "the app in a browser, on this machine unless told otherwise", "serve", _serve),
    Command("stop", "ask the run to stop after the frame in hand", "stop"),
    Command("status", "say what is there, what runs and what failed", "status", _json),
    Command("verify", "read everything the project holds and say what is not right", "verify", _verify),
    Command("repair", "set damaged files aside and rebuild the index from the journals", "repair"),
    Command("clean", "free what can be made again, and say how much", "clean_up", _clean),
)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line that names the next step."""

    def error(self, message: str) -> NoReturn:
        self.exit(UNUSABLE, f"{self.prog}: {' '.join(message.split())}; see `{self.prog} --help`\n")


def build_parser() -> argparse.ArgumentParser:
    """Make the parser from the table of commands."""
    parser = _Parser(
        prog="jwst-vet",
        description="Find candidate anomalies in JWST images and vet them in the terminal. "
        "Without a command: the app.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "-C", dest="folder", type=Path, default=None, metavar="DIR", help="project folder (default: this one)"
    )
    _pictures(parser)
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    words = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for command in COMMANDS:
        word = words.add_parser(command.name, help=command.help, description=command.help, epilog=_EPILOG)
        word.add_argument(
            "-C", dest="folder", type=Path, default=argparse.SUPPRESS, metavar="DIR", help="project folder"
        )
        command.arguments(word)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    if sys.platform == "win32":
        print(
            "jwst-vet: Windows is not supported; it runs in WSL (Windows Subsystem for Linux)",
            file=sys.stderr,
        )
        return UNUSABLE
    arguments = build_parser().parse_args(argv)
    if arguments.version:
        from store import __version__

        print(f"jwst-vet {__version__}")
        return DONE
    from tui import commands

    name = next((c.function for c in COMMANDS if c.name == arguments.command), "app")
    return commands.guarded(getattr(commands, name), arguments)


if __name__ == "__main__":
    sys.exit(main())
