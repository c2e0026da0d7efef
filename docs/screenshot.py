"""Make the screenshot of README from a finished demo.

    python docs/screenshot.py jwst-vet-demo docs/desk.svg [120x36]

The app runs headless with half-block cutouts, walks to the seventh candidate, states two checks and a label,
takes both back, and is drawn as it then stands.
"""

import asyncio
import sys
from pathlib import Path

from analysis import config as configuration
from store.project import Project
from tui.application import VetApp
from tui.keys import resolve
from tui.terminal import Terminal


async def draw(root: Path, target: Path, size: tuple[int, int]) -> None:
    """Start the app, press keys, wait for its workers, save the screen."""
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
        for key in ("j", "j", "j", "j", "j", "j", "1", "3", "y"):
            await app.workers.wait_for_complete()
            await pilot.pause()
            await pilot.press(key)
        for key in ("k", "pause", "z"):
            await app.workers.wait_for_complete()
            await pilot.pause()
            if key == "pause":
                target.write_text(app.export_screenshot(title="jwst-vet"), encoding="utf-8")
            else:
                await pilot.press(key)


if __name__ == "__main__":
    columns, rows = (sys.argv[3] if len(sys.argv) > 3 else "120x36").split("x")  # noqa: PLR2004
    asyncio.run(draw(Path(sys.argv[1]), Path(sys.argv[2]), (int(columns), int(rows))))
