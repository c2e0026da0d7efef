"""One extracted spectrum and the file it came from: plain arrays with units, checked once."""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

MICROJANSKY, MEGAJANSKY_PER_SR = "uJy", "MJy/sr"
"""The two units a spectrum is kept in: of a point source, and of an extended one."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """One source through one disperser.

    Attributes
    ----------
    row : int
        Place among the spectra of its file, from 0, those left out counted too.
    wavelength : float array (n,)
        Micrometres in vacuum, ascending.
    flux, error : float arrays (n,)
        In `flux_unit`; NaN where not valid.
    valid : bool array (n,)
        Samples with a finite flux, an error above 0, no DO_NOT_USE, and light in the aperture.
    flux_unit : str
        "uJy", or "MJy/sr" of an extended source.
    ra, dec : float
        ICRS degrees; NaN where the file does not say. `position` says which keyword told it.
    source_type : str
        POINT, EXTENDED or UNKNOWN, as the file has it.
    integrations : int
        Integrations averaged into it, 1 elsewhere; `variability` is then the largest departure of one
        integration's mean from the mean of all, in robust standard deviations, else NaN.
    """

    row: int
    wavelength: FloatArray
    flux: FloatArray
    error: FloatArray
    valid: BoolArray
    flux_unit: str
    source: str = ""
    ra: float = math.nan
    dec: float = math.nan
    position: str = ""
    source_type: str = "UNKNOWN"
    order: int = 0
    integrations: int = 1
    variability: float = math.nan


@dataclass(frozen=True, eq=False)
class SpectrumFile:
    """What a file of spectra holds; `notes` are one line for each thing left out or put right."""

    instrument: str
    disperser: str
    spectra: tuple[Spectrum, ...]
    program: str = ""
    target: str = ""
    date_beg: str = ""
    mjd_beg: float = math.nan
    exposure_s: float = math.nan
    exp_type: str = ""
    cal_ver: str = ""
    crds_ctx: str = ""
    layout: str = ""
    simulated: bool = False
    notes: tuple[str, ...] = field(default=())
