"""Make the screenshots of README from a finished demo.

    python docs/screenshot.py jwst-vet-demo docs

The app runs headless with half-block cutouts on a copy without verdicts; each screenshot is what the screen
shows after some keys, as the table below has them.
"""

import asyncio
import contextlib
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from textual.worker import WorkerCancelled

from analysis import config as configuration
from store.project import Project
from tui.application import VetApp
from tui.keys import resolve
from tui.terminal import Terminal

SHOTS: dict[str, tuple[tuple[int, int], tuple[str, ...]]] = {
    "desk": ((120, 36), ("j", "j", "y", "n", "1", "3")),
    "pixels": ((120, 36), ("j", "j", "enter")),
    "evidence": ((120, 36), ("j", "j", "E")),
    "elsewhere": ((120, 36), ("l",)),
    "settings": ((120, 36), ("r", "c", "down", "down", "down", "x")),
}
"""Name, size in cells, and keys; the last ones type a wrong value, to show what is said of it."""


async def draw(root: Path, size: tuple[int, int], keys: tuple[str, ...]) -> str:
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
        for key in keys:
            await pilot.press(key)
            await _settled(pilot)
        # Fonts from elsewhere are left out: whoever looks has a monospaced one.
        drawing = re.sub(r"@font-face \{[^}]*\}\s*", "", app.export_screenshot(title="jwst-vet"))
        return drawing.replace("Fira Code", "monospace")


async def _settled(pilot: Any) -> None:
    """Wait until threads have said what they had to say; the one that follows runs never ends."""
    for _ in range(4):
        await pilot.pause()
        for worker in [worker for worker in pilot.app.workers if worker.group != "follow"]:
            with contextlib.suppress(WorkerCancelled):  # a newer request took its place
                await worker.wait()
    await pilot.pause()


def main(source: str, target: str) -> None:
    """Draw a copy for each, so that the project keeps its own verdicts and no shot sees those of another."""
    leave = shutil.ignore_patterns("*.fits", "verdicts", "figures")
    for name, (size, keys) in SHOTS.items():
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / Path(source).name
            shutil.copytree(source, root, ignore=leave)
            drawing = asyncio.run(draw(root, size, keys))
        Path(target, f"{name}.svg").write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
