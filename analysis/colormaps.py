"""Colour maps: tables of 256 colours, dark to bright for every kind of sight. Needs numpy alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

ColourTable = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ColourMap:
    """One colour map: a few words, and colours at equal steps between which it is linear.

    Lightness rises from end to end, so that grey prints and people who confuse hues see the same order.
    """

    name: str
    meaning: str
    anchors: str


COLOUR_MAPS: Final[Mapping[str, ColourMap]] = {
    made.name: made
    for made in (
        ColourMap("grey", "no hue at all", "000000 ffffff"),
        # Nunez, Anderton & Renslow 2018, PLoS ONE 13, e0199239, at eighteen steps.
        ColourMap(
            "cividis",
            "blue to yellow, the same to the colour-blind",
            "00224e 002d68 163770 2e416d 3f4c6c 4e566c 5c616e 696b71 767676 "
            "838179 928c78 a09875 afa471 bfb06b cfbd62 dfca57 f0d846 fee838",
        ),
        # Smith & van der Walt 2015 (CC0), at eighteen steps; so is inferno.
        ColourMap(
            "viridis",
            "violet to yellow, even steps",
            "440154 481769 472a7a 433d84 3d4e8a 355e8d 2e6d8e 297b8e 23898e "
            "1f978b 21a585 2eb37c 46c06f 65cb5e 89d548 b0dd2f d8e219 fde725",
        ),
        ColourMap(
            "inferno",
            "black to yellow through red, for faint light",
            "000004 0a0722 1e0c45 380962 510e6c 69166e 801f6c 982766 b0315b "
            "c63d4d d94d3d e9612b f47918 fa9407 fcb014 f8cd37 f2ea69 fcffa4",
        ),
    )
}
"""Every colour map by name; the first is the default."""


@lru_cache(maxsize=len(COLOUR_MAPS))
def colour_table(name: str) -> ColourTable:
    """Return the colours of grey levels: uint8, shape (256, 3), level 1 the darkest and 255 the brightest.

    Level 0 is the invalid pixel and has the colour of level 1 here; painters hatch it instead.

    Raises
    ------
    KeyError
        No such colour map.
    """
    anchors = np.array([list(bytes.fromhex(code)) for code in COLOUR_MAPS[name].anchors.split()], dtype=float)
    steps = np.linspace(0.0, 1.0, len(anchors))
    at = (np.maximum(np.arange(256), 1) - 1) / 254.0
    table = np.stack([np.interp(at, steps, anchors[:, channel]) for channel in range(3)], axis=1)
    table = np.rint(table).astype(np.uint8)
    table.setflags(write=False)
    return table
