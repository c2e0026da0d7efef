"""Make the screenshot of README from a finished demo.

    python docs/screenshot.py jwst-vet-demo docs/desk.svg [120x36]

The app runs headless with half-block cutouts on a copy without verdicts, labels the third and fourth
candidate, states two checks of the fifth, and is drawn as it then stands.
"""

import asyncio
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from analysis import config as configuration
from store.project import Project
from tui.application import VetApp
from tui.keys import resolve
from tui.terminal import Terminal

KEYS = ("j", "j", "y", "n", "1", "3")


async def draw(root: Path, size: tuple[int, int]) -> str:
    """Start the app, press keys, wait for its workers, return the screen as SVG."""
    config = configuration.load(root / configuration.FILE_NAME)
    app = VetApp(
        Project(root),
        config,
        table=resolve(config.keys),
        terminal=Terminal(preview="half"),
        start_run=str,
        stop_run=lambda _run: None,
        export=lambda _gives_up: (0, ""),
    )
    async with app.run_test(size=size) as pilot:
        await _settled(pilot)
        for key in KEYS:
            await pilot.press(key)
            await _settled(pilot)
        # Fonts from elsewhere are left out: whoever looks has a monospaced one.
        drawing = re.sub(r"@font-face \{[^}]*\}\s*", "", app.export_screenshot(title="jwst-vet"))
        return drawing.replace("Fira Code", "monospace")


async def _settled(pilot: Any) -> None:
    """Wait until threads have said what they had to say; the one that follows runs never ends."""
    for _ in range(4):
        await pilot.pause()
        if others := [worker for worker in pilot.app.workers if worker.group != "follow"]:
            await pilot.app.workers.wait_for_complete(others)
    await pilot.pause()


def main(source: str, target: str, size: str = "120x36") -> None:
    """Draw a copy, so that the project keeps its own verdicts."""
    columns, rows = size.split("x")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / Path(source).name
        shutil.copytree(source, root, ignore=shutil.ignore_patterns("*.fits", "verdicts", "figures"))
        drawing = asyncio.run(draw(root, (int(columns), int(rows))))
    Path(target).write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
