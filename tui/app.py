"""The app's front door: asks the terminal while Textual is still being imported, then shows the app.

The project is read after the first paint: the database's own import, in a thread beside Textual's, would take
the interpreter from it and delay the first paint by half.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from analysis.config import Config
from store.project import Project
from tui.keys import KeymapError, resolve
from tui.label_keys import with_labels
from tui.terminal import Probe, in_browser

if TYPE_CHECKING:
    from tui.beside import Beside
    from tui.desk import Desk

UNUSABLE = 2
POLL_SECONDS = 0.2
TRUECOLOUR = ("kitty", "ghostty", "iterm2", "wezterm", "foot", "konsole", "vscode", "alacritty", "contour")


def run_app(
    project: Project,
    config: Config,
    *,
    start_run: Callable[[], str],
    stop_run: Callable[[str], None],
    preview: str = "",
    beside: Beside | None = None,
    make_desk: Callable[[], Desk] | None = None,
) -> int:
    """Show the app on a project until the person leaves; give the exit code.

    `start_run` starts a run in a process of its own and gives its id; `stop_run` stops one by id; `preview`
    goes before [ui] preview; `beside` is a process that works for the same person, and may fail;
    `make_desk` makes another desk than the usual one.
    """
    web = in_browser()
    if not web and not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        message = "jwst-vet: the app needs a terminal on standard input, output and error"
        print(f"{message}; `jwst-vet status`, `run` and `report` do not", file=sys.stderr)
        return UNUSABLE
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    # A browser draws characters only, and there is nobody to ask.
    setting = preview or config.ui.preview
    setting = setting if not web or setting in {"plain", "words"} else "half"
    with Probe(setting) as probe:
        try:
            table = resolve(config.keys, with_labels(config.vetting.label_keys()))
        except KeymapError as error:
            print(f"jwst-vet: {project.root / 'config.toml'}: {error}", file=sys.stderr)
            return UNUSABLE
        from tui.application import VetApp
        from tui.driver import Driver
        from tui.hints import Hints, state_folder

        terminal = probe.finish()
        if web:  # started by hand in tmux or not, the browser is not behind it
            terminal = replace(terminal, multiplexer="", why="in a browser")
        Driver.terminal = terminal
        if terminal.brand.lower().startswith(TRUECOLOUR):
            os.environ.setdefault("COLORTERM", "truecolor")  # SSH does not bring it along
        app = VetApp(
            project,
            config,
            table=table,
            terminal=terminal,
            start_run=start_run,
            stop_run=stop_run,
            export=exporter(project),
            driver=None if web else Driver,
            hints=Hints(state_folder() / "hints.json"),
            beside=beside,
            desk=make_desk() if make_desk is not None else None,
        )
        # A decision is written in a thread while the screen is drawn; its turn comes after this, not 5 ms.
        sys.setswitchinterval(0.0005)
        app.run()
        closing = app.desk.closing() if app.vetting.opened else ""
    if closing:
        print(closing)
    return int(app.return_code or 0)


def exporter(project: Project) -> Callable[[Callable[[], bool]], tuple[int, str]]:
    """Make the export: the report command in a process of its own, so that the keys stay alive."""

    def export(gives_up: Callable[[], bool]) -> tuple[int, str]:
        command = [sys.executable, "-P", "-m", "tui", "-C", str(project.root), "report"]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            while True:
                try:
                    output, _ = process.communicate(timeout=POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    if gives_up():
                        process.terminate()
                else:
                    return process.returncode, output

    return export
