"""What the plots show: the candidates of a list as points, read in threads; at most so many are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from store.project import StoreError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tui.desk import Desk
    from tui.listing import Listing

MOST = 2000
KINDS = (
    ("size", "mag, size"),
    ("colour", "colour, colour"),
    ("anomaly", "S/N, anomaly"),
    ("history", "rank history"),
)


@dataclass(frozen=True)
class Points:
    """Points of one plot: finite numbers, a name for each, words for the axes; `left_out` were not measured.

    `y_down` says that small values of y belong at the top.
    """

    title: str
    x_label: str
    y_label: str
    names: Sequence[str]
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    left_out: int = 0
    total: int = 0
    y_down: bool = False
    words: str = ""


def read_points(desk: Desk, kind: str, candidate: str, listing: Listing, turn: int = 0) -> Points:
    """Read the points of a plot; StoreError where the database cannot be read now."""
    if kind == "history":
        return _history(desk, candidate)
    names = _sampled(listing, candidate)
    if kind == "colour":
        return _colours(desk, names, len(listing), turn)
    import numpy as np

    from store.orders import columns_by_rank

    ranks = desk.queue.pool().ranks(names)
    wanted = ("mag_ab", "r50_arcsec") if kind == "size" else ("snr", "anomaly_score")
    columns = columns_by_rank(desk.database, wanted)
    x, y = (columns[name][np.maximum(ranks, 1) - 1] for name in wanted)
    if kind == "size":
        return _points("magnitude against size", "mag AB", "r50 ″", names, x, y, len(listing))
    with np.errstate(divide="ignore", invalid="ignore"):
        return _points(
            "S/N against anomaly", "log10 S/N", "anomaly score", names, np.log10(x), y, len(listing)
        )


def _sampled(listing: Listing, candidate: str) -> list[str]:
    """Give every name of the list, or so many of them evenly by place, the candidate among them."""
    import numpy as np

    if len(listing) <= MOST:
        return list(listing.names)
    places = np.linspace(0, len(listing) - 1, MOST).astype(int).tolist()
    chosen = dict.fromkeys([listing.names[place] for place in places])
    return list(chosen | {candidate: None})


def _points(
    title: str,
    x_label: str,
    y_label: str,
    names: Sequence[str],
    x: Any,
    y: Any,
    total: int,
    words: str = "",
) -> Points:
    import numpy as np

    known = np.isfinite(x) & np.isfinite(y)
    kept = [name for name, use in zip(names, known.tolist(), strict=True) if use]
    return Points(title, x_label, y_label, kept, x[known], y[known], int((~known).sum()), total, words=words)


def _colours(desk: Desk, names: Sequence[str], total: int, turn: int) -> Points:
    """Give two colours of neighbouring bands; each turn takes the next three bands."""
    import numpy as np

    from analysis.instruments import order_key
    from store.magnitudes import magnitudes

    found = magnitudes(desk.database, names)
    bands = sorted(found, key=lambda pair: order_key(*pair))
    triples = [bands[k : k + 3] for k in range(len(bands) - 2)]
    if not triples:
        words = f"colours need three bands; there are {', '.join(band for _, band in bands) or 'none'}"
        empty = np.empty(0)
        return Points("colour against colour", "", "", [], empty, empty, len(names), total, words=words)
    (one, two, three) = triples[turn % len(triples)]
    x, y = found[one] - found[two], found[two] - found[three]
    words = "" if len(triples) == 1 else f"b: the next of {len(triples)} sets of bands"
    title = f"{one[1]}, {two[1]}, {three[1]}"
    return _points(title, f"{one[1]} − {two[1]}", f"{two[1]} − {three[1]}", names, x, y, total, words)


def _history(desk: Desk, candidate: str) -> Points:
    """Give the candidate's rank in each ranking that was made, oldest first."""
    import numpy as np

    from store.magnitudes import rank_history

    steps = rank_history(desk.database, candidate)
    if not steps:
        raise StoreError(f"{candidate}: no ranking has recorded its rank yet; `jwst-vet rank` does")
    x = np.array([step.number for step in steps], dtype=float)
    y = np.array([step.rank for step in steps], dtype=float)
    last = steps[-1]
    words = f"rank {last.rank} in the ranking of {last.made_at[:16].replace('T', ' ')} UTC"
    return Points(
        "rank history", "ranking", "rank", [candidate] * len(x), x, y, 0, len(x), y_down=True, words=words
    )
