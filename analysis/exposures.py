"""Which exposures, epochs and roll angles stand behind the pixels at given places, from CON and HDRTAB."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from analysis.frame_facts import EPOCH_GAP_DAYS
from analysis.i2d import Frame

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
ROLL_STEP_DEG: Final = 1.0
"""Roll angles closer than this put spikes in the same place: they count once."""


@dataclass(frozen=True, eq=False)
class Coverage:
    """What one frame has at n places; k inputs.

    Attributes
    ----------
    inside : bool, shape (n,)
        Inside the image, with a value or not.
    covered : bool, shape (n,)
        The nearest pixel holds a valid value.
    exposures : int64, shape (n,)
        Inputs that contributed to the nearest pixel; -1 where the file does not tell, 0 where not covered.
    used : bool, shape (n, k)
        Which inputs contributed; where the file has no usable context plane, every input of a covered place.
    starts, rolls : float64, shape (k,)
        Start (MJD) and PA_V3 (degrees) of each input; NaN unknown. Without a table of inputs the mosaic's own
        stand for them all.
    """

    inside: BoolArray
    covered: BoolArray
    exposures: IntArray
    used: BoolArray
    starts: Array
    rolls: Array


def coverage(frame: Frame, ra: Array, dec: Array) -> Coverage:
    """Ask a frame what it has at places.

    Row k of HDRTAB is the input whose bit k is set in the context plane: the pipeline's resample step fills
    both in one loop (jwst documentation, "Resample: output"). Where a bit is set beyond the table's end the
    two do not belong together, and the exposures are counted without saying which they were.

    Parameters
    ----------
    frame : Frame
        Open.
    ra, dec : float64, shape (n,)
        ICRS degrees.

    Returns
    -------
    Coverage
    """
    x, y = frame.pixel(ra, dec)
    covered = frame.valid_at(ra, dec)
    inside, bits = frame.context_at(x, y)
    inputs = np.array(frame.inputs or ((frame.mjd_beg, frame.pa_v3),), dtype=np.float64)
    used = np.repeat(covered[:, None], len(inputs), axis=1)
    exposures = np.where(covered, -1, 0)
    if bits is not None:
        contributed = unpack(bits)
        exposures = np.where(covered, contributed.sum(axis=1, dtype=np.int64), 0)
        fits = frame.inputs and not contributed[:, len(inputs) :].any()
        if fits:
            room = np.zeros(used.shape, dtype=bool)
            width = min(contributed.shape[1], len(inputs))
            room[:, :width] = contributed[:, :width]
            used &= room
    return Coverage(inside, covered, exposures, used, inputs[:, 0], inputs[:, 1])


def unpack(bits: npt.NDArray[np.uint32]) -> BoolArray:
    """Return context bits (planes, n) as booleans (n, 32 planes): bit k of plane p is input 32 p + k."""
    shifts = np.arange(32, dtype=np.uint32)
    flags = (bits[:, :, None] >> shifts) & np.uint32(1)
    return np.concatenate(list(flags.astype(bool)), axis=1) if len(bits) else np.zeros((0, 0), dtype=bool)


@dataclass(frozen=True, eq=False)
class Timeline:
    """Epochs and roll angles over f frames at n places.

    Attributes
    ----------
    mjd : float64, shape (e,)
        First start of each epoch, in time.
    present : bool, shape (n, f, e)
        Epochs whose exposures made the pixel; none where the frame does not cover it or knows no time.
    mean_mjd : float64, shape (n, f)
        Mean start of the exposures behind the pixel; NaN unknown.
    rolls : int64, shape (n,)
        Distinct roll angles over all frames, to 1 degree.
    """

    mjd: Array
    present: BoolArray
    mean_mjd: Array
    rolls: IntArray

    @property
    def single(self) -> IntArray:
        """The epoch of each pixel, shape (n, f): -1 where none is known or exposures of several are mixed."""
        number = self.present @ np.arange(len(self.mjd), dtype=np.int64)
        return np.where(self.present.sum(axis=2) == 1, number, -1)


def timeline(covers: Sequence[Coverage]) -> Timeline:
    """Put the frames' exposures into one order of time; see `Timeline`.

    Exposures of any frame that began within a day of the one before belong to the same epoch.
    """
    n = len(covers[0].covered) if covers else 0
    starts = np.concatenate([np.empty(0), *(cover.starts for cover in covers)])
    times = np.unique(starts[np.isfinite(starts)])
    first = times[np.r_[True, np.diff(times) > EPOCH_GAP_DAYS]] if times.size else times
    present = np.zeros((n, len(covers), len(first)), dtype=bool)
    mean = np.full((n, len(covers)), np.nan)
    for place, cover in enumerate(covers):
        known = np.isfinite(cover.starts)
        if not known.any():
            continue
        used = cover.used[:, known]
        number = np.searchsorted(first, cover.starts[known], side="right") - 1
        for epoch in np.unique(number):
            present[:, place, epoch] = used[:, number == epoch].any(axis=1)
        count = used.sum(axis=1)
        total = used.astype(float) @ (cover.starts[known] - first[0])
        mean[:, place] = np.where(count > 0, first[0] + total / np.maximum(count, 1), np.nan)
    return Timeline(first, present, mean, _distinct_rolls(covers, n))


def _distinct_rolls(covers: Sequence[Coverage], n: int) -> IntArray:
    """Count roll angles that differ by more than 1 degree from the next, at each place."""
    angles = np.concatenate([np.empty(0), *(np.mod(cover.rolls, 360.0) for cover in covers)])
    angles = np.unique(angles[np.isfinite(angles)])
    if not angles.size:
        return np.zeros(n, dtype=np.int64)
    first = angles[np.r_[True, np.diff(angles) > ROLL_STEP_DEG]]
    seen = np.zeros((n, len(first)), dtype=bool)
    for cover in covers:
        for column, roll in enumerate(np.mod(cover.rolls, 360.0).tolist()):
            if math.isfinite(roll):
                group = int(np.searchsorted(first, roll, side="right")) - 1
                # 359.9 and 0.1 are one roll
                wraps = group == len(first) - 1 and 360.0 - roll + first[0] <= ROLL_STEP_DEG
                seen[:, 0 if wraps else group] |= cover.used[:, column]
    return seen.sum(axis=1, dtype=np.int64)
