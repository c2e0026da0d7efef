"""Blind sittings: candidates decided once more without the former verdict; their lines in, sittings out.

A line of a sitting is kept under the action `product` with a mark `blind` in its payload: whoever does not
know the mark passes it by in undo, in what stands and in merges, as it does a tick in a plan of a download
that has no such product. So no line of a sitting can ever replace a verdict.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from store.journal import CARRIER, MARK, Draft, Line, Record

LONGEST = 5_000
"""The most candidates that one sitting holds."""
_NAME = 128


@dataclass(frozen=True)
class Sitting:
    """One vetter's blind sitting; `first` are the labels that stood when it began."""

    id: str
    vetter: str
    at: str
    seed: int
    candidates: tuple[str, ...]
    first: Mapping[str, str]
    record: Record = field(default_factory=Record)

    @property
    def second(self) -> dict[str, Line]:
        """The line that stands on each candidate in this sitting; those without a label are absent."""
        found = {str(line.payload["value"]["candidate"]): line for line in self.record.standing}
        return {name: line for name, line in found.items() if label_of(line)}

    @property
    def left(self) -> tuple[str, ...]:
        """Candidates without a new label, in order."""
        given = self.second
        return tuple(name for name in self.candidates if name not in given)

    @property
    def done(self) -> bool:
        """Whether every candidate has a new label."""
        return not self.left


def label_of(line: Line) -> str:
    """Give the label of a line of a sitting; "" where it takes one away."""
    label = str(line.payload["value"]["label"])
    return "" if label == "none" else label


def sittings(lines: Iterable[Line]) -> list[Sitting]:
    """Give the sittings that marked lines tell of, oldest first; lines that tell of none are passed by."""
    found: dict[tuple[str, str], Sitting] = {}
    for line in lines:
        if problem(line.payload):
            continue
        key, value = (line.vetter, str(line.payload[MARK])), line.payload["value"]
        if "candidates" in value:
            names, first = tuple(value["candidates"]), value["first"]
            found.setdefault(key, Sitting(key[1], line.vetter, line.at, value["seed"], names, first))
        elif key not in found:
            continue
        elif "dropped" in value:
            gone = set(value["dropped"])
            kept = tuple(name for name in found[key].candidates if name not in gone)
            found[key] = replace(found[key], candidates=kept)
        else:
            found[key].record.apply(replace(line, action=value.get("back", "label")))
    return [one for one in found.values() if one.candidates]


def chosen(first: Mapping[str, str], most: int, seed: int) -> tuple[str, ...]:
    """Draw at most so many of the candidates that have a label, in an order that the seed alone makes."""
    names = sorted(first)
    drawn = random.Random(seed)  # noqa: S311 - an order that can be made again, no secret
    return tuple(drawn.sample(names, min(most, len(names))))


def beginning(sitting: str, seed: int, names: Iterable[str], first: Mapping[str, str]) -> Draft:
    """Make the line that begins a sitting: its seed, its order, and the labels that stand."""
    names = list(names)
    return _draft(sitting, "", {"seed": seed, "candidates": names, "first": {n: first[n] for n in names}})


def dropping(sitting: str, names: Iterable[str]) -> Draft:
    """Make the line that takes candidates out of a sitting which no ranking lists any more."""
    return _draft(sitting, "", {"dropped": list(names)})


def verdict(sitting: str, candidate: str, label: str, reason: str, seconds: float) -> Draft:
    """Make the line of one new label."""
    value = {"candidate": candidate, "label": label, "reason": reason, "seconds": seconds}
    return _draft(sitting, candidate, value)


def taking_back(sitting: str, back: str, decision: Line, undoes: str) -> Draft:
    """Make the line that undoes or redoes (`back`) a label of this sitting."""
    candidate = str(decision.payload["value"]["candidate"])
    return _draft(sitting, candidate, {"back": back}, undoes)


def _draft(sitting: str, candidate: str, value: Mapping[str, Any], undoes: str = "") -> Draft:
    name = f"{MARK}:{sitting}:{candidate}".rstrip(":")
    return Draft(CARRIER, "", payload={"name": name, "value": dict(value), MARK: sitting}, undoes=undoes)


def problem(payload: Mapping[str, Any]) -> str:
    """Say what is wrong with a marked payload, whoever wrote it; "" where nothing is."""
    value = payload.get("value")
    if not _word(payload.get(MARK), 64):
        return "blind: must be the name of a sitting"
    if not isinstance(value, Mapping):
        return "value: must be a table"
    for name, keys, fits in _KINDS:
        if name in value:
            return "" if set(value) == keys and fits(value) else f"{name}: not a line of a blind sitting"
    return "value: not a line of a blind sitting"


def _begins(value: Mapping[str, Any]) -> bool:
    names, first, seed = value["candidates"], value["first"], value["seed"]
    return (
        isinstance(seed, int)
        and not isinstance(seed, bool)
        and _names(names)
        and isinstance(first, Mapping)
        and set(first) == set(names)
        and all(_word(label, 64) for label in first.values())
    )


def _names(names: Any) -> bool:
    return (
        isinstance(names, list)
        and 0 < len(names) <= LONGEST
        and all(_word(name, _NAME) for name in names)
        and len(set(names)) == len(names)
    )


def _decides(value: Mapping[str, Any]) -> bool:
    seconds = value["seconds"]
    return (
        _word(value["candidate"], _NAME)
        and _word(value["label"], 64)
        and (value["reason"] == "" or _word(value["reason"], 64))
        and isinstance(seconds, (int, float))
        and not isinstance(seconds, bool)
        and 0 <= seconds < 1e300
    )


def _word(value: Any, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()


_KINDS: tuple[tuple[str, set[str], Callable[[Mapping[str, Any]], bool]], ...] = (
    ("candidates", {"seed", "candidates", "first"}, _begins),
    ("dropped", {"dropped"}, lambda value: _names(value["dropped"])),
    ("back", {"back"}, lambda value: value["back"] in ("undo", "redo")),
    ("label", {"candidate", "label", "reason", "seconds"}, _decides),
)
"""Lines of a sitting: the word that tells each, all its words, and the test of them."""
