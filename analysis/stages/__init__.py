"""One file per stage: the only rooms of this floor that open the store."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Emit = Callable[[Mapping[str, object]], None]
"""Takes one event of a run: see store/runs.py for the words."""


@dataclass(frozen=True)
class StageResult:
    """What a stage did: inputs done, failed, already done and left; a line for each failure."""

    stage: str
    done: int = 0
    failed: int = 0
    skipped: int = 0
    failures: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    left: int = 0
