"""`demo`: a SIMULATED project made, run to the end, and opened in the app or told in ten lines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from analysis import config as configuration
from analysis.config import Config
from store.project import Project, StoreError
from tui.cli import DONE

DEMO_FOLDER = Path("jwst-vet-demo")
STAGES = ("images", "spectra", "rank", "checks", "report")
Start = Callable[[Project, Config, argparse.Namespace], int]
_TOP = 10


def demo(arguments: argparse.Namespace, start: Start) -> int:
    """Make the simulated project, run it, and open the app or print the top ten."""
    root = (arguments.folder or DEMO_FOLDER).absolute()
    path = root / configuration.FILE_NAME
    if path.exists():
        from tui.commands import open_project

        project, config = open_project(argparse.Namespace(folder=root))
        if not config.target.startswith("SIMULATED"):
            raise StoreError(f"{root}: holds a project that is not the demo; give another folder: -C DIR")
    elif root.exists() and any(root.iterdir()):
        raise StoreError(f"{root}: is not empty and not a demo; give another folder: -C DIR")
    else:
        root.mkdir(parents=True, exist_ok=True)
        config = Config(target_name="SIMULATED field")
        path.write_text(configuration.as_toml(config), encoding="utf-8")
        project = Project(root)
    project.prepare()
    from analysis.pipeline import execute
    from analysis.simulate import TRUTH_NAME, simulate_field
    from tui.console import Console

    if not (project.products / TRUTH_NAME).exists():
        print(f"making a SIMULATED field in {project.products}", flush=True)
        simulate_field(project.products)
    from analysis.simulate.x1d import SPECTRA_TRUTH_NAME, places_of_truth, simulate_spectra

    if not (project.products / SPECTRA_TRUTH_NAME).exists():
        places = places_of_truth(project.products / TRUTH_NAME)
        simulate_spectra(project.products, positions=places, centre=places[0])
    code = execute(project, config, STAGES, listener=Console(), argv=sys.argv).exit_code
    if code != DONE or arguments.no_app or not (sys.stdin.isatty() and sys.stdout.isatty()):
        if code == DONE:
            _print_top(project)
            if not arguments.no_app:
                print(f"no terminal here for the app; `jwst-vet -C {root}` opens it")
        return code
    return start(project, config, arguments)


def _print_top(project: Project) -> None:
    """Print the first candidates and where the report is."""
    from store.candidates import candidate_order, candidate_rows
    from store.database import Database

    database = Database(project.database)
    names = candidate_order(database)
    rows = candidate_rows(database, names[:_TOP])
    print(f"\n{'rank':>4}  {'candidate':<28} {'score':>6} {'S/N':>8}  frames  filters")
    for name in names[:_TOP]:
        row = rows[name]
        mark = "  SIMULATED" if row.simulated else ""
        frames = f"{row.frames_detected}/{row.frames_covering}"
        print(
            f"{row.rank:>4}  {row.candidate:<28} {row.composite_score:>6.3f} {row.snr:>8.1f}  {frames:>6}  "
            f"{row.filters}{mark}"
        )
    print(f"\n{len(names)} candidates; report: {project.report}")
