"""The looking half of the vetting screen: stretch, colours, blink, field, overlays and read-out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from textual import on

from tui import look as looks
from tui.look import Look
from tui.overlays import OVERLAYS
from tui.screens.deciding import Deciding
from tui.widgets.cutouts import Cutouts

One = TypeVar("One")
PANELS = {"cutouts": "pictures", "evidence": "evidence", "table": "list"}
"""What `enter` enlarges in turn, by the widget's id."""


def after(names: Sequence[One], name: One) -> One:
    """Give the next of some names, round and round; one that is not among them counts as the first."""
    return names[((names.index(name) if name in names else 0) + 1) % len(names)]


class Picturing(Deciding):
    """Every change makes another look; pictures of it come from threads, and nothing is decided here."""

    def on_screen_suspend(self) -> None:
        """Paint in characters while something lies over pictures that cover everything."""
        self.call_later(self.show_candidate)

    def on_screen_resume(self) -> None:
        """Paint with the best painter again."""
        self.call_after_refresh(self.show_candidate)
        self.refresh_status()

    @on(Cutouts.Stale)
    def _pictures_stale(self) -> None:
        self.show_candidate()

    @on(Cutouts.Noted)
    def _pictures_noted(self, message: Cutouts.Noted) -> None:
        self.say(message.words, alert=True)

    @on(Cutouts.CursorSet)
    def _cursor_set(self) -> None:
        self.take_look(replace(self.look, reading=True))

    @on(Cutouts.Picked)
    def _candidate_picked(self, message: Cutouts.Picked) -> None:
        place = self.table.listing.places.get(message.candidate)
        if place is None:
            self.say(f"{message.candidate} is hidden by the filter", alert=True)
        else:
            self.table.move_to(place)

    def take_look(self, look: Look, words: str = "") -> None:
        """Show the pictures in another way."""
        self.look = look
        if words:
            self.say(words)
        self.show_candidate()

    def action_stretch(self) -> None:
        """Take the next stretch."""
        from analysis.stretches import STRETCHES

        name = after(list(STRETCHES), self.look.stretch)
        self.take_look(replace(self.look, stretch=name), f"stretch {name}: {STRETCHES[name].meaning}")

    def action_colours(self) -> None:
        """Take the next colour map."""
        from analysis.colormaps import COLOUR_MAPS

        name = after(list(COLOUR_MAPS), self.look.colours)
        self.take_look(replace(self.look, colours=name), f"colours {name}: {COLOUR_MAPS[name].meaning}")

    def action_invert(self) -> None:
        """Exchange dark and bright."""
        inverted = not self.look.inverted
        self.take_look(
            replace(self.look, inverted=inverted), "dark on bright" if inverted else "bright on dark"
        )

    def action_north_up(self) -> None:
        """Turn the pictures north up, or as the mosaics have them."""
        up = not self.look.north_up
        words = (
            "north up, each pixel with its own value"
            if up
            else "as on the mosaic; arrows show north and east"
        )
        self.take_look(replace(self.look, north_up=up), words)

    def action_composite(self) -> None:
        """Put the colour composite before the bands, or take it away."""
        shown = not self.look.composite
        look = replace(self.look, composite=shown, mode=looks.BANDS, page=0)
        self.take_look(look, "red, green, blue: T chooses the bands" if shown else "bands alone")

    def action_choose_bands(self) -> None:
        """Ask which bands are red, green and blue."""
        detail = self.cutouts.detail
        if detail is None or len(detail.views) < 3:
            self.say("a composite needs three bands", alert=True)
            return
        from tui.screens.triple import TripleScreen

        def take(triple: tuple[str, ...]) -> None:
            self.take_look(replace(self.look, triple=triple, composite=True, mode=looks.BANDS, page=0))

        self.ask(TripleScreen([view.label for view in detail.views]), take)

    def action_blink(self) -> None:
        """Blink the bands, then the epochs of one band, then stand still."""
        mode = after((looks.BANDS, *looks.BLINKING), self.look.mode)
        words = {
            looks.BLINK_BANDS: f"blinking the bands, {self.cutouts.blink:g} a second",
            looks.BLINK_EPOCHS: "blinking the epochs of one band on one scale; b takes the next band",
        }
        self.take_look(replace(self.look, mode=mode, page=0), words.get(mode, "standing still"))

    def action_field(self) -> None:
        """Show the whole field, then one arcminute of it, then the bands again."""
        mode = after((looks.BANDS, *looks.FIELDS), self.look.mode)
        words = {
            looks.FIELD: "the field, every candidate marked; a click goes there, b takes the next frame",
            looks.FIELD_NEAR: "one arcminute around",
        }
        self.take_look(replace(self.look, mode=mode, page=0), words.get(mode, "the bands"))

    def action_overlay(self, name: str) -> None:
        """Draw an overlay, or take it away."""
        overlay = OVERLAYS[name]
        look = self.look.toggled(name)
        cutouts = self.cutouts.detail.cutouts if self.cutouts.detail else None
        words = f"{overlay.meaning}: off"
        if name in look.overlays:
            words = f"{overlay.meaning}: {overlay.words(cutouts) if cutouts else 'on'}"
        self.take_look(look, words)

    def action_more_bands(self) -> None:
        """Show the pictures that did not fit, or the next frame where one is shown at a time."""
        if self.look.mode != looks.BANDS:
            self.take_look(replace(self.look, page=self.look.page + 1))
            return
        page = self.cutouts.turn()
        if page is None:
            self.say("all frames are shown")
        else:
            self.take_look(replace(self.look, page=page))

    def action_pixel(self) -> None:
        """Show the cursor and the values under it, or hide them."""
        if self.look.reading:
            self.cutouts.hide_cursor()
            self.take_look(replace(self.look, reading=False))
        else:
            self.cutouts.move_cursor(0, 0)
            self.take_look(
                replace(self.look, reading=True), "shift and arrows move by pixels, alt by cells; or click"
            )

    def action_cursor(self, right: int, up: int, cells: int = 0) -> None:
        """Move the cursor of the read-out."""
        if not self.look.reading:
            self.action_pixel()
        else:
            self.cutouts.move_cursor(right, up, cells=bool(cells))

    def action_zoom(self) -> None:
        """Give the pictures the whole screen, then the evidence, then the list, then all their own places."""
        names = ("", *PANELS)
        name = after(names, next((name for name in PANELS if self.has_class(f"-large-{name}")), ""))
        for other in PANELS:
            self.set_class(other == name, f"-large-{other}")
        self.say(f"{PANELS[name]} enlarged: enter goes on, esc goes back" if name else "")

    def action_unzoom(self) -> None:
        """Give every panel its own place; else hide the read-out; else end what blinks."""
        if any(self.has_class(f"-large-{name}") for name in PANELS):
            self.remove_class(*(f"-large-{name}" for name in PANELS))
            self.say("")
        elif self.look.reading:
            self.action_pixel()
        elif self.look.mode != looks.BANDS:
            self.take_look(replace(self.look, mode=looks.BANDS, page=0), "the bands")
