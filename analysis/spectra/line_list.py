"""Spectral lines of galaxies and nebulae: vacuum rest wavelengths, and how strong each usually is."""

from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True)
class RestLine:
    """A line: its name, vacuum wavelength (µm), and weight in the vote for a redshift (0: takes no part)."""

    name: str
    wavelength: float
    weight: float = 0.0


# Wavelengths: NIST Atomic Spectra Database in vacuum; molecular hydrogen: Roueff et al. (2019). Weights are
# typical strengths relative to Hα in star-forming galaxies, square-rooted.
LINES: Final = (
    RestLine("Lyα", 0.121567, 0.6),
    RestLine("NV 1240", 0.1240),
    RestLine("CIV 1549", 0.15495),
    RestLine("HeII 1640", 0.164042),
    RestLine("OIII] 1665", 0.166615),
    RestLine("CIII] 1908", 0.190873, 0.35),
    RestLine("MgII 2799", 0.279912, 0.3),
    RestLine("[NeV] 3427", 0.342685),
    RestLine("[OII] 3728", 0.372848, 0.7),
    RestLine("[NeIII] 3870", 0.386986, 0.4),
    RestLine("Hζ+HeI 3890", 0.388975),
    RestLine("Hε+[NeIII] 3969", 0.396859),
    RestLine("Hδ", 0.410289, 0.3),
    RestLine("Hγ", 0.434168, 0.4),
    RestLine("[OIII] 4364", 0.436444),
    RestLine("HeI 4473", 0.447273),
    RestLine("HeII 4687", 0.468702),
    RestLine("Hβ", 0.486269, 0.6),
    RestLine("[OIII] 4960", 0.496030, 0.7),
    RestLine("[OIII] 5008", 0.500824, 1.0),
    RestLine("HeI 5877", 0.587725, 0.3),
    RestLine("[OI] 6302", 0.630205),
    RestLine("[NII] 6550", 0.654986),
    RestLine("Hα", 0.656461, 1.0),
    RestLine("[NII] 6585", 0.658527, 0.4),
    RestLine("HeI 6680", 0.667999),
    RestLine("[SII] 6718", 0.671829, 0.4),
    RestLine("[SII] 6733", 0.673267, 0.35),
    RestLine("HeI 7067", 0.706714),
    RestLine("[ArIII] 7138", 0.713776),
    RestLine("[OII] 7322", 0.7322),
    RestLine("[ArIII] 7753", 0.775324),
    RestLine("[SIII] 9071", 0.907109, 0.5),
    RestLine("[SIII] 9533", 0.953321, 0.6),
    RestLine("Paδ", 1.005220),
    RestLine("HeI 10833", 1.083321, 0.6),
    RestLine("Paγ", 1.094116, 0.3),
    RestLine("[FeII] 12570", 1.257021),
    RestLine("Paβ", 1.282158, 0.45),
    RestLine("[FeII] 16440", 1.644002),
    RestLine("Paα", 1.875613, 0.7),
    RestLine("H2 1-0 S(3)", 1.957556),
    RestLine("H2 1-0 S(1)", 2.121831),
    RestLine("Brγ", 2.166121, 0.3),
    RestLine("Brβ", 2.625871, 0.3),
    RestLine("Brα", 4.052269, 0.4),
    RestLine("Pfβ", 4.653778),
    RestLine("[ArII] 6.985", 6.985274),
    RestLine("[NeII] 12.81", 12.813548, 0.5),
    RestLine("[NeIII] 15.56", 15.555051, 0.5),
    RestLine("[SIII] 18.71", 18.71303, 0.4),
)
WAVELENGTHS: Final = np.array([line.wavelength for line in LINES])
WEIGHTS: Final = np.array([line.weight for line in LINES])
REST: Final = {line.name: line.wavelength for line in LINES}
VOTERS: Final = tuple(line for line in LINES if line.weight > 0.0)
LARGEST_REDSHIFT: Final = 15.0
