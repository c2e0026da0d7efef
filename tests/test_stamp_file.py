"""Stamps in a file: what was written comes back by its number, what was not is NaN."""

import numpy as np

from analysis.stamp_file import StampFile, batches


def test_what_was_written_comes_back_and_the_rest_is_nan(tmp_path):
    """Written out of order, read in any order; the file leaves no name behind."""
    stamps = np.arange(3 * 25, dtype=np.float32).reshape(3, 5, 5)
    kept = StampFile(6, 5, tmp_path)
    kept[np.array([4, 0, 2])] = stamps
    assert np.array_equal(kept[np.array([0, 2, 4])], stamps[[1, 2, 0]])
    assert np.isnan(kept[np.array([1])]).all()
    assert np.array_equal(kept[4:5], stamps[:1])
    assert list(tmp_path.iterdir()) == []


def test_batches_cover_everything_once():
    """Runs of at most the size, in order."""
    runs = batches(10, 4)
    assert [len(run) for run in runs] == [4, 4, 2]
    assert np.concatenate(runs).tolist() == list(range(10))
    assert batches(0) == []
