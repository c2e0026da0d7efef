"""One large frame, pixels to sources with all features, against source-extractor's basic catalogue of it.

    python benchmarks/detection.py [--side 4096] [--workers 2] [--repeats 3] [--seed 5]

Prints a Markdown table of seconds by phase, warm (imports done, processes started, file in the page cache),
of source-extractor on the same frame in turn with it, and their ratio; then the peak memory of a worker. The
frame is a SIMULATED one of half the side, mirrored to four quarters. Both run at the workers' priority; on a
busy machine two processes lose more to others than one, and the ratio says little.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.io import fits

from analysis import executors
from analysis.simulate import simulate_field
from analysis.stages.images import measure_together
from analysis.stages.inputs import Fingerprint, Task

_PARAMETERS = "NUMBER X_IMAGE Y_IMAGE FLUX_AUTO FLUXERR_AUTO FLUX_APER(2) FLUXERR_APER(2) FLUX_RADIUS A_IMAGE"
_SHARED = Path("/usr/share/source-extractor")
_THRESHOLD = "1.5"
"""About what the calibration on the image turned over chooses for this frame."""


def main() -> None:
    """Make the frame, measure it both ways in turn, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=5)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = _large_frame(folder, words.side, words.seed)
        runs, peak = _in_turn(path, folder, words.workers, words.repeats)
    ours, phases, count, _ = min((run[0] for run in runs), key=lambda run: run[0])
    print(f"SIMULATED frame of {words.side} x {words.side} px, {words.workers} workers, seed {words.seed},")
    print(f"best of {words.repeats} in turn; load average now {os.getloadavg()[0]:.1f}\n")
    print("| phase | seconds |\n|---|---:|")
    for phase, seconds in phases.items():
        print(f"| {phase} | {seconds:.2f} |")
    print(f"| all, {count} sources with all features | {ours:.2f} |")
    theirs = [run[1] for run in runs if run[1] is not None]
    if not theirs:
        print("| source-extractor | not installed |")
    else:
        best = min(theirs)
        pairs = ", ".join(f"{run[0][0] / run[1][0]:.2f}" for run in runs if run[1] is not None)
        print(f"| source-extractor, basic catalogue of {best[1]} sources | {best[0]:.2f} |")
        print(f"| ratio of the best (of each pair: {pairs}) | {ours / best[0]:.2f} |")
        least, theirs_least = min(run[0][3] for run in runs), min(run[2] for run in theirs)
        print(f"| processor seconds: ours, source-extractor's | {least:.2f}, {theirs_least:.2f} |")
        alone = least / words.workers / theirs_least
        print(f"| their ratio, were {words.workers} cores ours alone | {alone:.2f} |")
    print(f"\npeak memory of a worker: {peak:.0f} MB")


def _large_frame(folder: Path, side: int, seed: int) -> Path:
    """Simulate a field of half the side and mirror it to four quarters."""
    (source,) = simulate_field(
        folder / "field", size=side // 2, seed=seed, bands=("F200W",), second_epoch=None
    )
    path = folder / "large_f200w_i2d.fits"
    with fits.open(source) as hdus:
        for hdu in hdus:
            if hdu.is_image and hdu.data is not None:
                rows = np.concatenate([hdu.data, hdu.data[..., ::-1]], axis=-1)
                hdu.data = np.concatenate([rows, rows[..., ::-1, :]], axis=-2)
        hdus.writeto(path)
    return path


_Ours = tuple[float, dict[str, float], int, float]
"""Seconds, those by phase, sources, processor seconds of all workers and this process."""
_Theirs = tuple[float, int, float]
"""Seconds, sources, processor seconds."""


def _in_turn(
    path: Path, folder: Path, workers: int, repeats: int
) -> tuple[list[tuple[_Ours, _Theirs | None]], float]:
    """Measure the frame in a warm crew and by source-extractor, one after the other, again and again.

    Returns each run of both, and the peak memory of a worker in MB.
    """
    task = Task("large", path, Fingerprint("large", path.stat().st_size, 0), None, "")
    command = _command(path, folder)
    runs = []
    with executors.crew(workers) as share:
        for _ in range(repeats + 1):  # the first one warms up
            used = sum(cpu for _, cpu in share(_used, [()] * workers)) + time.process_time()
            began = time.perf_counter()
            phases: dict[str, float] = {}
            measurement = measure_together(
                task, 3.0, folder, share=share, progress=lambda *_: None, phases=phases
            )
            seconds = time.perf_counter() - began
            used = sum(cpu for _, cpu in share(_used, [()] * workers)) + time.process_time() - used
            if measurement.sources is None:
                raise SystemExit(measurement.record.error_reason)
            ours = seconds, phases, len(measurement.sources), used
            runs.append((ours, _source_extractor(command, folder)))
        peak = max(peak for peak, _ in share(_used, [()] * workers))
    return runs[1:], peak


def _used() -> tuple[float, float]:
    """Return this process's peak memory in MB and its processor seconds."""
    time.sleep(0.2)  # so that every worker is asked
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3), used.ru_utime + used.ru_stime


def _command(path: Path, folder: Path) -> list[str | Path] | None:
    """Return how source-extractor is called on the frame; None where it is not installed."""
    program = shutil.which("source-extractor") or shutil.which("sex")
    if program is None or not _SHARED.is_dir():
        return None
    parameters = folder / "basic.param"
    parameters.write_text("\n".join(_PARAMETERS.split()))
    with fits.open(path) as hdus:
        fits.writeto(folder / "plain.fits", np.nan_to_num(hdus["SCI"].data), hdus["SCI"].header)
    return [
        "nice", "-n", str(executors.NICE), program,
        folder / "plain.fits", "-c", _SHARED / "default.sex", "-PARAMETERS_NAME", parameters,
        "-FILTER_NAME", _SHARED / "gauss_2.0_5x5.conv", "-STARNNW_NAME", _SHARED / "default.nnw",
        "-CATALOG_NAME", folder / "basic.cat", "-DETECT_THRESH", _THRESHOLD, "-ANALYSIS_THRESH", _THRESHOLD,
        "-DETECT_MINAREA", "5", "-DEBLEND_MINCONT", "0.001", "-CLEAN", "N", "-PHOT_APERTURES", "10,16",
        "-MEMORY_PIXSTACK", "3000000", "-VERBOSE_TYPE", "QUIET",
    ]  # fmt: skip


def _source_extractor(command: list[str | Path] | None, folder: Path) -> _Theirs | None:
    """Run source-extractor once: seconds and number of sources."""
    if command is None:
        return None
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lines = (folder / "basic.cat").read_text().splitlines()
    return seconds, sum(not line.startswith("#") for line in lines), used


if __name__ == "__main__":
    main()
