"""The spectra of one candidate, drawn large: zoom, pan, slide the redshift, go from one to the next."""

from __future__ import annotations

import math

from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Static

from store.project import StoreError
from tui import keys
from tui.screens.base import VetterScreen
from tui.spectra import Spectra, read_spectra
from tui.terminal import budget_of
from tui.text import clean
from tui.widgets.lines import KeyBar
from tui.widgets.spectrum import SpectrumPlot


class SpectrumScreen(VetterScreen):
    """Reads in a thread, draws in another, and waits for neither."""

    WHERE = keys.SPECTRUM
    BINDINGS = keys.bindings(keys.SPECTRUM)

    class Read(Message):
        """The spectra were read, or could not be."""

        def __init__(self, spectra: Spectra) -> None:
            super().__init__()
            self.spectra = spectra

    def __init__(self, candidate: str) -> None:
        super().__init__()
        self.candidate = candidate
        self.spectra = Spectra(candidate)
        self.place = 0

    def compose(self) -> ComposeResult:
        """Lay out the words above, the plot, and the keys."""
        yield Static(id="about", markup=False)
        yield SpectrumPlot(self.vet.terminal, budget_of(self.vet.config.ui))
        yield KeyBar(self.vet.keys, keys.SPECTRUM)

    @property
    def plot(self) -> SpectrumPlot:
        """The plot."""
        return self.query_one(SpectrumPlot)

    def on_mount(self) -> None:
        """Read the spectra."""
        self.plot.show(None, waiting="reading …")
        self.run_worker(
            self._read, thread=True, exclusive=True, exit_on_error=False, group="spectra",
            description="read spectra",
        )  # fmt: skip

    def _read(self) -> None:
        desk = self.vet.desk
        try:
            spectra = read_spectra(desk.project, desk.database, self.candidate)
        except StoreError as error:
            spectra = Spectra(self.candidate, problem=str(error))
        self.post_message(self.Read(spectra))

    def on_screen_suspend(self) -> None:
        """Sixel pictures would lie over whatever comes now."""
        self.plot.repaint()

    def on_screen_resume(self) -> None:
        """Draw in pixels again."""
        self.plot.repaint()

    @on(SpectrumPlot.Noted)
    def _left_out(self, message: SpectrumPlot.Noted) -> None:
        self.notify(message.words, severity="warning")

    @on(Read)
    def _arrived(self, message: Read) -> None:
        self.spectra = message.spectra
        self._show(0)

    def _show(self, place: int) -> None:
        curves = self.spectra.curves
        if not curves:
            self.plot.show(None, waiting=self.spectra.problem)
        else:
            self.place = place % len(curves)
            self.plot.show(curves[self.place])
        self.refresh_about()

    def refresh_about(self) -> None:
        """Say what is shown, at which redshift."""
        self.query_one("#about", Static).update("\n".join(map(clean, self.about().split("\n"))))

    def about(self) -> str:
        """Give two lines of facts on the spectrum that is shown, what a narrow screen may lose last."""
        curves = self.spectra.curves
        if not curves:
            return self.candidate
        curve = curves[self.place]
        facts = curve.facts
        z = self.plot.z
        moved = math.isfinite(z) and not math.isclose(z, curve.z, abs_tol=1e-9)
        parts = [
            f"labels at z = {z:.4f}" if moved or (not math.isfinite(curve.z) and math.isfinite(z)) else "",
            f"{facts['instrument']} {facts['disperser']}",
            f"S/N {facts['snr']:.1f}",
            f"lines {facts['n_emission']}, unexplained {facts['n_unexplained']}",
            facts["flags"] or "",
            facts["spectrum"],
        ]
        named = [
            "SIMULATED" if facts["simulated"] else "",
            self.candidate,
            f"{self.place + 1} of {len(curves)}" if len(curves) > 1 else "",
            curve.redshift_words,
        ]
        return "\n".join("  ".join(filter(None, line)) for line in (named, parts))

    def action_pan(self, share: float) -> None:
        """Move the range."""
        self.plot.pan(share)

    def action_zoom(self, factor: float) -> None:
        """Narrow or widen the range."""
        self.plot.zoom(factor)

    def action_slide(self, share: float) -> None:
        """Move the redshift of the labels."""
        self.plot.slide(share)
        self.refresh_about()

    def action_second(self) -> None:
        """Label at the runner-up redshift, and back."""
        if not self.spectra.curves:
            return
        curve = self.spectra.curves[self.place]
        second = curve.facts["redshift_second"]
        if second is not None:
            self.plot.label_at(curve.z if math.isclose(self.plot.z, second) else float(second))
            self.refresh_about()

    def action_reset(self) -> None:
        """Show everything at the measured redshift again."""
        self._show(self.place)

    def action_turn(self, step: int) -> None:
        """Show the next spectrum of the candidate."""
        self._show(self.place + step)

    def action_back(self) -> None:
        """Go back to the candidates."""
        self.app.pop_screen()
