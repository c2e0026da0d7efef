"""What each command does: it opens the project, calls the stages or the app, and returns an exit code."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import config as configuration
from analysis.config import Config, ConfigError
from store.database import StoreError
from store.project import Project
from tui.cli import BUG, DONE, PREVIEW_VARIABLE, PREVIEWS, UNUSABLE
from tui.text import clean

if TYPE_CHECKING:
    from analysis.pipeline import RunResult
    from tui.beside import Beside
    from tui.desk import Desk


def guarded(function: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """Run a command; a known trouble is one line and exit code 2, a bug one line, a log and exit code 1."""
    try:
        return _told(function(arguments))
    except (ConfigError, StoreError) as error:
        return _told(_say_error(str(error)))
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our lines has gone; nothing is left to say
        return DONE
    except KeyboardInterrupt:
        return _say_error("interrupted", 130)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a bug is said and logged
        where = _log_bug(arguments)
        return _say_error(f"a bug: {type(error).__name__}: {error}; the traceback is in {where}", BUG)


def _told(code: int) -> int:
    """Say on stderr what was found damaged on the way and set aside."""
    damage = sys.modules.get("store.damage")
    for line in damage.take_fresh() if damage is not None else ():
        print(f"jwst-vet: {clean(line)}", file=sys.stderr)
    return code


def _say_error(text: str, code: int = UNUSABLE) -> int:
    print(f"jwst-vet: {clean(text)}", file=sys.stderr)
    return code


def _log_bug(arguments: argparse.Namespace) -> str:
    """Write the traceback to the project's log, beside the shell, or where temporary files go."""
    text = f"{datetime.now(UTC).isoformat()} {' '.join(sys.argv)}\n{traceback.format_exc()}\n"
    for folder in ((arguments.folder or Path()) / "outputs" / "log", Path(), Path(tempfile.gettempdir())):
        path = (folder / "jwst-vet.log").absolute()
        try:
            with path.open("a", encoding="utf-8") as stream:
                stream.write(text)
        except OSError:
            continue  # the next folder may take it
        return str(path)
    return f"no file, since none can be written: {text}"


def open_project(arguments: argparse.Namespace) -> tuple[Project, Config]:
    """Open the project folder: its configuration and its paths."""
    root = (arguments.folder or Path()).absolute()
    if not (root / configuration.FILE_NAME).is_file():
        raise ConfigError(
            f"{root}: no {configuration.FILE_NAME} here; `jwst-vet init` writes one, `jwst-vet demo` makes a "
            "simulated project, `jwst-vet -C DIR` opens another folder"
        )
    config = configuration.load(root / configuration.FILE_NAME)
    return Project(root, data=root / config.paths.data, outputs=root / config.paths.outputs), config


def app(arguments: argparse.Namespace) -> int:
    """Open the app on the project."""
    project, config = open_project(arguments)
    from tui.terminal import in_browser

    if not in_browser() and not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _say_error("the app needs a terminal; `jwst-vet status`, `run` and `report` do not")
    return _start_app(project, config, arguments)


def _start_app(
    project: Project,
    config: Config,
    arguments: argparse.Namespace,
    beside: Beside | None = None,
    make_desk: Callable[[], Desk] | None = None,
) -> int:
    """Hand the terminal to the app; `beside` is a process whose troubles it tells of."""
    from tui.app import run_app
    from tui.processes import start_run, stop_run

    preview = _preview(arguments)
    project.prepare()

    def start() -> str:
        _refuse_pack(project, ("run",))
        return start_run(project)

    def stop(run_id: str) -> None:
        stop_run(project, run_id)

    return run_app(
        project,
        config,
        start_run=start,
        stop_run=stop,
        preview=preview,
        beside=beside,
        make_desk=make_desk,
    )


def _preview(arguments: argparse.Namespace) -> str:
    """Give how pictures are to be drawn: by option, else by environment, else "" for the configuration."""
    if arguments.preview:
        return str(arguments.preview)
    wanted = os.environ.get(PREVIEW_VARIABLE, "")
    if wanted and wanted not in PREVIEWS:
        raise ConfigError(f'{PREVIEW_VARIABLE}="{wanted}": must be one of {", ".join(PREVIEWS)}')
    return wanted


def vet(arguments: argparse.Namespace) -> int:
    """Open the app on a list of one's own, or on earlier candidates whose verdicts are hidden."""
    project, config = open_project(arguments)
    if (arguments.list is None) == (arguments.blind is None):
        return _say_error("vet: give LIST.csv, or --blind for candidates decided earlier; one of them")
    if arguments.blind is not None:
        from tui.blind import vet_blind

        def begin(make_desk: Callable[[], Desk]) -> int:
            return _start_app(project, config, arguments, make_desk=make_desk)

        return vet_blind(project, config, arguments.blind, begin)
    from tui.vetting_list import vet as vet_list

    return vet_list(project, config, arguments, _start_app)


def demo(arguments: argparse.Namespace) -> int:
    """Make the simulated project, run it, and open the app or print the top ten."""
    from tui.demo import demo as make

    return make(arguments, _start_app)


def init(arguments: argparse.Namespace) -> int:
    """Write a commented config.toml."""
    root = (arguments.folder or Path()).absolute()
    path = root / configuration.FILE_NAME
    if path.exists():
        return _say_error(f"{path}: is there already; it was left as it is")
    try:
        root.mkdir(parents=True, exist_ok=True)
        path.write_text(configuration.as_toml(), encoding="utf-8")
    except OSError as error:
        return _say_error(f"{path}: cannot be written: {error.strerror}")
    print(
        f"wrote {path}\nname your target in it and type: jwst-vet run; "
        f"or put *_i2d.fits files into {root / 'data' / 'products'} first"
    )
    return DONE


def check(arguments: argparse.Namespace) -> int:
    """Say whether machine, packages, folders and terminal are fit."""
    from tui.machine import check_machine

    return check_machine((arguments.folder or Path()).absolute(), as_json=arguments.json)


def download(arguments: argparse.Namespace) -> int:
    """Fetch the target's products, or show what would be fetched."""
    project, config = open_project(arguments)
    _refuse_pack(project, ("download",))
    console = _console(arguments)
    if not (arguments.dry_run or arguments.plan):
        return _execute(project, config, ("download",), console, replan=arguments.replan)
    from analysis.pipeline import claimed
    from analysis.stages.download import download as stage

    if arguments.dry_run:
        result = stage(project, config, console, dry_run=True, replan=arguments.replan)
    else:
        project.prepare()
        with claimed(project):
            result = stage(project, config, console, plan_only=True, replan=arguments.replan)
    return UNUSABLE if result.failed else DONE


def images(arguments: argparse.Namespace) -> int:
    """Measure the sources of images."""
    project, config = open_project(arguments)
    if arguments.zeropoint is not None and not -100 < arguments.zeropoint < 100:
        return _say_error(f"--zeropoint {arguments.zeropoint}: must be an AB magnitude between -100 and 100")
    console = _console(arguments)
    code = _execute(
        project, config, ("images",), console, paths=arguments.files or None, zeropoint=arguments.zeropoint
    )
    if code == UNUSABLE:
        _say_nothing(project, arguments.files)
    return code


def spectra(arguments: argparse.Namespace) -> int:
    """Measure spectra, and rank them with what there is."""
    project, config = open_project(arguments)
    console = _console(arguments)
    result = _run_stages(project, config, ("spectra", "rank"), console, paths=arguments.files or None)
    if result.stages[0].done + result.stages[0].skipped == 0:
        if arguments.files:
            return _say_error(f"none of the {len(arguments.files)} files could be used")
        return _say_error(
            f"{project.products}: no usable spectra there; put *_x1d.fits files into it, "
            "or name files: jwst-vet spectra FILE..."
        )
    return result.exit_code


def _say_nothing(project: Project, files: Sequence[Path]) -> None:
    """Say why there was nothing to do, and what to do next."""
    if files:
        _say_error(f"none of the {len(files)} files could be used")
    else:
        _say_error(
            f"{project.products}: no usable FITS image there; put *_i2d.fits files into it, "
            "or name files: jwst-vet images FILE..."
        )


def rank(arguments: argparse.Namespace) -> int:
    """Rank what was measured."""
    project, config = open_project(arguments)
    code = _execute(project, config, ("rank",), _console(arguments))
    if code == UNUSABLE:
        _say_error("no measured frames yet; `jwst-vet images` measures them")
    return code


def checks(arguments: argparse.Namespace) -> int:
    """Compute the checks of the first candidates."""
    project, config = open_project(arguments)
    code = _execute(project, config, ("checks",), _console(arguments))
    if code == UNUSABLE:
        _say_error("no candidate to check yet; `jwst-vet rank` ranks what was measured")
    elif not arguments.json:
        print(f"table: {project.tables / 'checks.csv'}; the app and `jwst-vet report` show it")
    return code


def completeness(arguments: argparse.Namespace) -> int:
    """Measure what the images could have shown."""
    project, config = open_project(arguments)
    code = _execute(project, config, ("completeness",), _console(arguments))
    if code == UNUSABLE:
        _say_error("no measured frame could be searched; `jwst-vet images` measures them")
    elif not arguments.json:
        print(f"table: {project.tables / 'completeness.csv'}; `jwst-vet report` tells of it")
    return code


def report(arguments: argparse.Namespace) -> int:
    """Write the tables and the report."""
    project, config = open_project(arguments)
    code = _execute(project, config, ("report",), _console(arguments))
    if code == UNUSABLE:
        return _say_error("nothing to report yet; `jwst-vet run` does all stages")
    if not arguments.json:
        print(f"report: {project.report}")
    if arguments.bundle:
        from analysis.stages.bundling import bundle

        paths, trouble = bundle(project)
        for path in paths:
            print(f"bundle: {path}", file=sys.stderr if arguments.json else sys.stdout)
        if trouble:
            print(f"jwst-vet: {trouble}", file=sys.stderr)
    return code


def export(arguments: argparse.Namespace) -> int:
    """Hand candidates over in a format of the field."""
    from analysis.exports.formats import FORMATS
    from analysis.exports.selection import Selection

    if not arguments.format:
        for one in FORMATS.values():
            print(f"{one.name:<13} {one.what}; read by {one.readers}")
        return DONE
    if arguments.format not in FORMATS:
        return _say_error(f"export {arguments.format}: must be one of {', '.join(FORMATS)}")
    project, config = open_project(arguments)
    from analysis.stages.exporting import default_path, gather, write_export

    kind = FORMATS[arguments.format]
    wanted = Selection(arguments.label, arguments.check, arguments.rank, arguments.where)
    hand = gather(project, config, wanted)
    if not hand.rows.num_rows and kind.name != "moc":
        return _say_error(
            f"export {kind.name}: no candidate is chosen by {wanted.told()}; nothing was written"
        )
    path = arguments.to.absolute() if arguments.to else default_path(project, kind, hand)
    write_export(kind, hand, path)
    print(f"{path}: {hand.rows.num_rows} candidates ({wanted.told()}){'; SIMULATED' * hand.simulated}")
    return DONE


def run(arguments: argparse.Namespace) -> int:
    """Do all stages here, or start them as a run of their own, or follow the one that is going on."""
    project, config = open_project(arguments)
    from tui import processes

    if arguments.run_id:
        processes.settle()
    notes = () if arguments.follow and not arguments.detach else processes.warnings_of(project)
    if not arguments.follow or arguments.detach:
        _refuse_pack(project, ("run",))
    if arguments.detach:
        for note in notes:
            print(f"jwst-vet: {clean(note)}", file=sys.stderr)
        run_id = processes.start_run(project)
        print(f"run {run_id} started; `jwst-vet run --follow` shows it, `jwst-vet stop` ends it")
        return processes.follow(project, run_id, _console(arguments)) if arguments.follow else DONE
    if arguments.follow:
        state = processes.running(project)
        if state is None:
            return _say_error("no run is going on; `jwst-vet status` tells of the last one")
        return processes.follow(project, state.id, _console(arguments))
    from analysis.pipeline import STAGES

    result = _run_stages(project, config, STAGES, _console(arguments), run_id=arguments.run_id, notes=notes)
    code = result.exit_code
    if code == UNUSABLE:
        if len(result.stages) > 1:  # else the download said why
            _say_nothing(project, ())
    elif not arguments.json:
        print(f"report: {project.report}")
    return code


def serve(arguments: argparse.Namespace) -> int:
    """Offer the app in a browser."""
    project, _config = open_project(arguments)
    from tui.serve import make_door
    from tui.serve import serve as offer

    project.prepare()
    offer(project, make_door(arguments.host, arguments.port, no_token=arguments.no_token))
    return DONE


def stop(arguments: argparse.Namespace) -> int:
    """Ask the run that is going on to stop."""
    project, _config = open_project(arguments)
    from tui.processes import stop_run

    state = stop_run(project)
    if state is None:
        print("no run is going on")
    else:
        print(f"run {state.id} (process {state.pid}) was asked to stop; it ends after the frame in hand")
    return DONE


def status(arguments: argparse.Namespace) -> int:
    """Say what is there, what runs and what failed."""
    project, config = open_project(arguments)
    from tui.status import gather, show

    facts = gather(project, config)
    print(json.dumps(facts, indent=2, ensure_ascii=False) if arguments.json else show(facts))
    return DONE


def verify(arguments: argparse.Namespace) -> int:
    """Read everything the project holds."""
    project, _config = open_project(arguments)
    from tui import upkeep

    return upkeep.verify(project, arguments)


def repair(arguments: argparse.Namespace) -> int:
    """Set damaged files aside and rebuild the index."""
    project, config = open_project(arguments)
    _refuse_pack(project, ("repair",))
    from tui import upkeep

    return upkeep.repair(project, config.vetting.name())


def merge(arguments: argparse.Namespace) -> int:
    """Take a colleague's verdicts in."""
    project, config = open_project(arguments)
    from tui.merging import merge as take_in

    return take_in(project, config, arguments.files)


def pack(arguments: argparse.Namespace) -> int:
    """Put what vetting needs into one file."""
    project, config = open_project(arguments)
    from tui.packing import pack as write

    return write(project, config, arguments.file)


def unpack(arguments: argparse.Namespace) -> int:
    """Make a project of a pack."""
    from tui.packing import unpack as read

    return read(arguments.file, arguments.folder, arguments.vetter, arguments.max_gb)


def clean_up(arguments: argparse.Namespace) -> int:
    """Free what can be made again."""
    project, _config = open_project(arguments)
    from tui import upkeep

    return upkeep.clean(project, arguments)


def _refuse_pack(project: Project, stages: Sequence[str]) -> None:
    """Refuse what needs FITS files where there are none by design; the report is made of what there is."""
    if project.packed and tuple(stages) != ("report",):
        from tui.packing import NO_FITS

        raise StoreError(f"{project.root}: {NO_FITS}")


def _console(arguments: argparse.Namespace) -> Any:
    from tui.console import Console

    return Console(as_json=arguments.json)


def _execute(project: Project, config: Config, stages: Sequence[str], console: Any, **more: Any) -> int:
    """Run stages in this process and return the exit code."""
    return _run_stages(project, config, stages, console, **more).exit_code


def _run_stages(
    project: Project, config: Config, stages: Sequence[str], console: Any, **more: Any
) -> RunResult:
    """Run stages in this process and return what they came to."""
    _refuse_pack(project, stages)
    from analysis.pipeline import execute

    if more.get("paths") is not None:
        more = more | {"paths": [Path(p) for p in more["paths"]]}
    return execute(project, config, stages, listener=console, argv=sys.argv, **more)
