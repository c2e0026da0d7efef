"""How well spectra are judged: lines, redshifts, oddities of simulated sets, on seeds nothing was tuned on.

    python benchmarks/spectra.py [SPECTRA_PER_SET]

Prints the table of docs/spectra.md: false lines per spectrum, share of the true lines above 5σ found, secure
redshifts that are right, recall of the odd spectra in the first tenth of the list, time of one spectrum.
"""

import platform
import statistics
import sys
import time
from dataclasses import asdict

import numpy as np
import pandas as pd

from analysis.config import Weights
from analysis.simulate.x1d import DISPERSERS, ODDITIES, simulate_set
from analysis.spectra.measure import measure
from analysis.spectra.oddity import ranked, score_spectra
from analysis.spectra.spectrum import Spectrum

SEEDS = (7001, 7002, 7003, 7004)
MATCH = 0.7
"""A line found within this share of its width from a true one is that one."""


def judged(seed: int, number: int, dispersers: tuple[str, ...]) -> dict[str, float]:
    """Measure and rank one simulated set; counts and shares of it."""
    drawn = simulate_set(seed, number, dispersers=dispersers)
    true = found = false = secure = right = 0
    seconds, rows = [], []
    for place, (disperser, one) in enumerate(drawn):
        spectrum = Spectrum(0, one.wavelength, one.flux, one.error, np.isfinite(one.flux), "uJy")
        began = time.process_time()
        result = measure(spectrum, "NIRSPEC", disperser)
        seconds.append(time.process_time() - began)
        rows.append(result.row | {"spectrum": f"s-{place:05d}"})
        near = [
            [
                abs(at - line["wavelength"]) < MATCH * max(line["fwhm"], line["lsf_fwhm"])
                for at, _ in one.lines
            ]
            for line in result.lines
        ]
        strong = [k for k, (_, snr) in enumerate(one.lines) if snr > 5.0]
        true += len(strong)
        found += sum(any(line[k] for line in near) for k in strong)
        faint = [snr > 2.0 for _, snr in one.lines]
        false += sum(not any(hit and seen for hit, seen in zip(line, faint, strict=True)) for line in near)
        if result.row["redshift_grade"] == "secure":
            secure += 1
            right += abs(result.row["redshift"] - one.z) < 0.01 * (1.0 + one.z)
    table = pd.DataFrame(rows)
    alone = pd.DataFrame({"covering": np.zeros(number, dtype=int), "showing": np.zeros(number, dtype=int)})
    score = ranked(table, score_spectra(table), alone, asdict(Weights()))["composite_score"].to_numpy()
    first = np.zeros(number, dtype=bool)
    first[np.argsort(-score, kind="stable")[: number // 10]] = True
    kinds = np.array([one.oddity for _, one in drawn])
    facts = {
        "true": true, "found": found, "false": false, "secure": secure, "right": right, "number": number,
        "odd": int((kinds != "").sum()), "first": int((first & (kinds != "")).sum()),
        "ms": 1e3 * statistics.median(seconds),
    }  # fmt: skip
    return (
        facts
        | {f"odd {k}": int((kinds == k).sum()) for k in ODDITIES}
        | {f"first {k}": int((first & (kinds == k)).sum()) for k in ODDITIES}
    )


def row(name: str, sets: list[dict[str, float]]) -> str:
    """Sum sets into one row of the table."""
    total = {key: sum(one[key] for one in sets) for key in sets[0]}
    kinds = " / ".join(
        f"{total[f'first {k}'] / total[f'odd {k}']:.2f}" if total[f"odd {k}"] else "–" for k in ODDITIES
    )
    return (
        f"| {name} | {total['number']:.0f} | {total['false'] / total['number']:.3f} | "
        f"{total['found'] / total['true']:.3f} | {total['secure'] / total['number']:.2f} | "
        f"{total['right'] / max(total['secure'], 1):.4f} | {total['first'] / max(total['odd'], 1):.3f} | "
        f"{kinds} | "
        f"{statistics.median(one['ms'] for one in sets):.1f} |"
    )


def main() -> None:
    """Print the table."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    print(
        f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}; seeds {SEEDS}\n"
    )
    print(
        "| set | spectra | false lines a spectrum | true lines > 5σ found | called secure | of these right | "
        "odd ones in the first tenth | of them unexplained / broad / step | CPU ms a spectrum |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---|---:|")
    mixed = [judged(seed, number, tuple(DISPERSERS)) for seed in SEEDS]
    print(row("all dispersers", mixed))
    for disperser in DISPERSERS:
        print(row(disperser, [judged(seed + 50, number // 3, (disperser,)) for seed in SEEDS]))


if __name__ == "__main__":
    main()
