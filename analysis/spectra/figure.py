"""One figure of a spectrum: flux with its error band, S/N, residual, and line labels at the redshift."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from analysis.spectra.plotting import Curve

_INK, _BAND, _LINE, _ODD = "#1f3b57", "#9fb8cf", "#c26a1a", "#b3261e"


def save_figure(path: Path, curve: Curve) -> None:
    """Draw a spectrum into a PNG file, whole or not at all, the same bytes for the same spectrum."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 5.6), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    top, middle, low = figure.subplots(3, 1, sharex=True, height_ratios=(4.0, 1.0, 1.0))
    good = np.isfinite(curve.noise) & np.isfinite(curve.flux)
    wave, flux = curve.wavelength, np.where(good, curve.flux, np.nan)
    noise = np.where(good, curve.noise, np.nan)
    top.fill_between(wave, flux - noise, flux + noise, color=_BAND, alpha=0.6, linewidth=0, step="mid")
    top.step(wave, flux, where="mid", color=_INK, linewidth=0.9)
    top.plot(wave, curve.level, color=_LINE, linewidth=1.0)
    bottom, ceiling = curve.limits()
    top.set_ylim(bottom, ceiling + 0.22 * (ceiling - bottom))
    top.set_ylabel(f"flux ({curve.unit})")
    _label(top, curve, ceiling)
    middle.step(wave, np.where(good, curve.snr, np.nan), where="mid", color=_INK, linewidth=0.7)
    middle.set_ylabel("S/N")
    low.step(wave, np.where(good, curve.residual, np.nan), where="mid", color=_INK, linewidth=0.7)
    for level in (-5.0, 5.0):
        low.axhline(level, color=_LINE, linewidth=0.6, linestyle=":")
    low.set_ylim(-12.0, 12.0)
    low.set_ylabel("residual (σ)")
    low.set_xlabel("wavelength, observed, vacuum (µm)")
    low.set_xlim(*curve.extent())
    facts = curve.facts
    simulated = "SIMULATED  " if facts.get("simulated") else ""
    top.set_title(
        f"{simulated}{facts.get('candidate') or facts.get('spectrum')}   {facts.get('instrument')} "
        f"{facts.get('disperser')}   {curve.redshift_words}",
        fontsize=9, loc="left",
    )  # fmt: skip
    held = io.BytesIO()
    canvas.print_png(held, metadata={"Software": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    draft.write_bytes(held.getvalue())
    draft.replace(path)


def _label(axes: Any, curve: Curve, ceiling: float) -> None:
    """Name the lines: found ones strongly, expected ones faintly, unexplained ones with a question mark."""
    drawn: list[float] = []
    span = curve.extent()[1] - curve.extent()[0]
    for name, at, seen in curve.labels(curve.z):
        axes.axvline(
            at, color=_LINE, linewidth=0.8 if seen else 0.4, linestyle="-" if seen else ":", alpha=0.8
        )
        if all(abs(at - other) > 0.012 * span for other in drawn):
            drawn.append(at)
            axes.text(at, ceiling, name, rotation=90, fontsize=7, va="bottom", ha="right", color=_LINE)
    for line in curve.lines:
        if not line["explained"] and line["line_snr"] > 0:
            axes.axvline(line["wavelength"], color=_ODD, linewidth=0.9)
            axes.text(line["wavelength"], ceiling, "?", fontsize=11, va="bottom", ha="center", color=_ODD)
