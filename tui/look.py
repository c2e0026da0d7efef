"""How pictures are shown: one frozen record of stretch, colours, orientation, mode and overlays."""

from __future__ import annotations

from dataclasses import dataclass, replace

BANDS, BLINK_BANDS, BLINK_EPOCHS, FIELD, FIELD_NEAR = (
    "bands",
    "bands blink",
    "epochs blink",
    "field",
    "1′ around",
)
BLINKING = (BLINK_BANDS, BLINK_EPOCHS)
FIELDS = (FIELD, FIELD_NEAR)


@dataclass(frozen=True)
class Look:
    """What a person chose; `triple` are the labels of the bands for red, green and blue, empty by default.

    `composite` puts the colour picture before the bands; `page` is the first picture shown; `reading` leaves
    room for the read-out below.
    """

    stretch: str = "asinh"
    colours: str = "grey"
    inverted: bool = False
    north_up: bool = True
    mode: str = BANDS
    composite: bool = False
    triple: tuple[str, ...] = ()
    overlays: frozenset[str] = frozenset()
    page: int = 0
    reading: bool = False

    def toggled(self, overlay: str) -> Look:
        """Give the look with an overlay on or off."""
        return replace(self, overlays=self.overlays ^ {overlay})

    def words(self) -> str:
        """Say what differs from the default, in a few words."""
        parts = [self.stretch]
        parts += [self.colours] if self.colours != "grey" else []
        parts += ["inverted"] if self.inverted else []
        parts += [] if self.north_up else ["as on the mosaic"]
        parts += [self.mode] if self.mode != BANDS else []
        return ", ".join([*parts, *sorted(self.overlays)])
