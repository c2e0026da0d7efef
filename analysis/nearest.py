"""The nearest in feature space: scaled features in, nearest rows and distances out. Needs numpy alone."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def nearest(vectors: FloatArray, row: int, count: int) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Return the rows nearest to one row, itself left out, and their distances.

    The distance is the root mean square difference of the features that both have; a row that shares fewer
    than half of this row's features is not compared.

    Parameters
    ----------
    vectors : float array (n, d)
        Scaled features; NaN is not measured.
    row : int
        The row whose neighbours are asked for.
    count : int
        Most neighbours.

    Returns
    -------
    rows : int array (at most `count`,)
        Nearest first, ties by row.
    distances : float array, the same length
    """
    known = np.isfinite(vectors)
    shared = known & known[row]
    enough = shared.sum(axis=1)
    least = max(1, -(-int(known[row].sum()) // 2))
    difference = np.where(shared, np.nan_to_num(vectors) - np.nan_to_num(vectors[row]), 0.0)
    distance = np.sqrt(np.divide((difference**2).sum(axis=1), np.maximum(enough, 1)))
    distance[(enough < least) | (np.arange(len(vectors)) == row)] = np.inf
    order = np.argsort(distance, kind="stable")[:count]
    order = order[np.isfinite(distance[order])]
    return order.astype(np.int64), distance[order]
