"""Stamps of many objects kept in a temporary file: memory holds those asked for, however many there are."""

import os
import tempfile
import weakref
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]

BATCH: Final = 512
"""Objects of which stamps are in memory at once: 14 MB in four bands."""


class StampFile:
    """A file of n square stamps, read and written by their numbers like an array of shape (n, side, side).

    The file has no name in its folder and is gone with the last reference to it, or with the process. What
    was never written is NaN.
    """

    def __init__(self, n: int, side: int, folder: Path | None = None) -> None:
        self.shape = (n, side, side)
        self._written = np.zeros(n, dtype=bool)
        self._bytes = side * side * 4
        self._file, name = tempfile.mkstemp(prefix="stamps-", dir=folder)
        Path(name).unlink()
        weakref.finalize(self, os.close, self._file)

    def __setitem__(self, rows: npt.NDArray[np.int64], stamps: Image) -> None:
        """Write stamps, float32 of shape (m, side, side), at numbers of shape (m,)."""
        for row, stamp in zip(rows.tolist(), np.ascontiguousarray(stamps, dtype=np.float32), strict=True):
            os.pwrite(self._file, stamp.tobytes(), row * self._bytes)
        self._written[rows] = True

    def __getitem__(self, rows: Any) -> Image:
        """Read stamps of numbers of shape (m,); float32, shape (m, side, side)."""
        numbers = np.arange(self.shape[0])[rows]
        found = np.full((len(numbers), *self.shape[1:]), np.nan, dtype=np.float32)
        for place, row in enumerate(numbers.tolist()):
            if self._written[row]:
                content = os.pread(self._file, self._bytes, row * self._bytes)
                found[place] = np.frombuffer(content, dtype=np.float32).reshape(self.shape[1:])
        return found


def batches(n: int, size: int = BATCH) -> list[npt.NDArray[np.int64]]:
    """Return the numbers 0 to n - 1 in runs of at most `size`."""
    return [np.arange(start, min(start + size, n)) for start in range(0, n, size)]
