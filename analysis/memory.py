"""Memory for workers: what the machine has free, how many workers that allows, and each one's bound."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

LEAST_BYTES = 1_500_000_000
"""What one worker is given at least: the libraries, one tile with its planes, and the tables of a frame."""


@dataclass(frozen=True)
class Allotment:
    """How many workers, the bytes each may take, and what a person is told where that is not as asked."""

    workers: int
    bytes_each: int
    note: str = ""


def allot(workers: int, memory_gb: float, root: Path = Path("/")) -> Allotment:
    """Share the memory among workers.

    Parameters
    ----------
    workers : int
        As many as asked for.
    memory_gb : float
        Bound of all together, GB (10⁹ bytes); 0 means what is free now.
    root : Path
        Where /proc and /sys are.

    Returns
    -------
    Allotment
        At least one worker, whatever there is: a frame that does not fit fails by itself, with the reason.
    """
    free = available_bytes(root)
    total = min(int(memory_gb * 1e9), free) if memory_gb > 0 else free
    fit = max(1, min(workers, total // LEAST_BYTES))
    each = max(total // fit, LEAST_BYTES)
    note = ""
    if fit < workers:
        note = (
            f"{total / 1e9:.1f} GB of memory are enough for {fit} of {workers} workers; "
            "free some, or see [execution] memory_gb"
        )
    if total < LEAST_BYTES:
        note = (
            f"only {total / 1e9:.1f} GB of memory where {LEAST_BYTES / 1e9:.1f} GB are wise for one worker: "
            "large frames may fail"
        )
    return Allotment(fit, each, note)


def available_bytes(root: Path = Path("/")) -> int:
    """Return the memory that can be had without swapping: the machine's, or the control group's if less."""
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    meminfo = root / "proc" / "meminfo"
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    group = root / "sys" / "fs" / "cgroup"
    limit, used = _number(group / "memory.max"), _number(group / "memory.current")
    return min(free, max(limit - used, 0)) if limit else free


def bound(bytes_each: int) -> None:
    """Bound this process: what it asks for beyond raises MemoryError instead of ending the machine."""
    import resource

    if bytes_each > 0 and hasattr(resource, "RLIMIT_DATA"):
        _soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard == resource.RLIM_INFINITY or bytes_each < hard:
            resource.setrlimit(resource.RLIMIT_DATA, (bytes_each, hard))


def _number(path: Path) -> int:
    try:
        text = path.read_text().strip()
    except OSError:  # no such control group
        return 0
    return int(text) if text.isdigit() else 0
