"""The clipboard of whoever sits at the terminal: text in, words on where it went out.

OSC 52 reaches it through SSH. tmux takes that sequence from programs only with `set-clipboard on`, but hands
on what it is given by `tmux load-buffer -w`; screen hands on what is wrapped for it.
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable, Mapping

PATIENCE = 2.0
LONGEST = 74_994
"""Bytes that terminals take in one sequence, the least of those in use (100,000 in base 64)."""


def osc52(text: str) -> str:
    """Give the sequence that puts a text into the terminal's clipboard."""
    return f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\a"


def copy(
    text: str,
    write: Callable[[str], None],
    multiplexer: str = "",
    environ: Mapping[str, str] | None = None,
) -> str:
    """Copy a text and say in words how; to be called from a thread where tmux is in between.

    `write` takes a sequence for the terminal.
    """
    environ = os.environ if environ is None else environ
    if len(text.encode()) > LONGEST:
        return "NOT copied: too long for a terminal's clipboard"
    if multiplexer == "tmux" and environ.get("TMUX"):
        problem = _load_buffer(text)
        if not problem:
            return "copied, and into tmux's buffer"
        write(osc52(text))
        return f"copied where tmux has set-clipboard on ({problem})"
    if multiplexer == "screen":
        write(f"\x1bP{osc52(text)}\x1b\\")
        return "copied through screen"
    write(osc52(text))
    return "copied (tmux: needs set-clipboard on)" if multiplexer == "tmux" else "copied"


def _load_buffer(text: str) -> str:
    """Hand a text to tmux; give what went wrong."""
    try:
        done = subprocess.run(
            ["tmux", "load-buffer", "-w", "-"],
            input=text.encode(),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"tmux: {error}"
    return done.stderr.decode(errors="replace").strip()
