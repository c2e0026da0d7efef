"""Pieces of one frame, done one after another here or by several processes at once: the same results."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from analysis.i2d import Frame

__all__ = ["Piece", "Spread", "one_by_one"]

Piece = Callable[[Frame, Any], Any]
"""A pure function at module level: the open frame and one item in, a picklable result out."""


class Spread(Protocol):
    """Whatever does pieces of one frame."""

    def __call__(self, piece: Piece, items: Sequence[Any]) -> Iterator[Any]:
        """Do a piece of work for every item and yield the results in the order of the items."""


def one_by_one(frame: Frame) -> Spread:
    """Do the pieces in this process, each when its result is asked for."""

    def spread(piece: Piece, items: Sequence[Any]) -> Iterator[Any]:
        return (piece(frame, item) for item in items)

    return spread
