"""Labels for programs that learn, and what several vetters agree on: votes in, CSV out."""

from collections import Counter
from pathlib import Path
from typing import Final

from analysis.exports.cutting_fits import file_name
from analysis.exports.handing import HandOff, Vote
from analysis.exports.plain import write_rows
from store.states import CONFLICT

ANOMALY: Final = frozenset({"interesting"})
REGULAR: Final = frozenset({"ordinary", "artifact"})
"""What a learner should see less of. `known` and `discuss` say neither, nor do labels of one's own."""


def write_anomalymatch(hand: HandOff, path: Path) -> None:
    """Write `id,label,filename` for AnomalyMatch: anomaly or normal, and the cutout file; no others."""
    words = dict.fromkeys(ANOMALY, "anomaly") | dict.fromkeys(REGULAR, "normal")
    pairs = zip(hand.values("candidate"), hand.values("label"), strict=True)
    rows = ((name, words[label], file_name(name)) for name, label in pairs if label in words)
    write_rows(path, ("id", "label", "filename"), rows)


def write_coniferest(hand: HandOff, path: Path) -> None:
    """Write candidate, label and features for coniferest: -1 anomaly, 0 unknown, 1 regular.

    Features are in units of their spread about the median, so that an unmeasured one, written empty, may be
    taken as 0.
    """
    width = max((len(vector) for vector in hand.features.values()), default=0)
    names = ("candidate", "label", *(f"feature_{place}" for place in range(width)), "simulated")
    wanted = (hand.values("candidate"), hand.values("label"), hand.values("simulated"))
    write_rows(
        path,
        names,
        (
            (
                name,
                -1 if label in ANOMALY else 1 if label in REGULAR else 0,
                *hand.features.get(name, [None] * width),
                simulated,
            )
            for name, label, simulated in zip(*wanted, strict=True)
        ),
    )


def write_consensus(hand: HandOff, path: Path) -> None:
    """Write one row per candidate that anybody labelled, as Caesar's consensus has it.

    most_likely is the label with the most votes ("conflict" where two share the lead), num_votes its votes,
    agreement their share of total_votes.
    """
    votes: dict[str, list[Vote]] = {}
    for vote in hand.votes:
        votes.setdefault(vote.candidate, []).append(vote)
    wanted = (hand.values(name) for name in ("candidate", "ra", "dec", "simulated"))
    write_rows(
        path,
        (
            "candidate", "ra", "dec", "most_likely", "num_votes", "agreement", "total_votes", "votes",
            "vetters", "last_vote_at", "simulated",
        ),
        (
            (name, ra, dec, *_counted(votes[name]), simulated)
            for name, ra, dec, simulated in zip(*wanted, strict=True)
            if name in votes
        ),
    )  # fmt: skip


def _counted(votes: list[Vote]) -> tuple[object, ...]:
    """Return the columns that one candidate's votes give."""
    counts = Counter(vote.label for vote in votes).most_common()
    most = counts[0][1]
    tied = len(counts) > 1 and counts[1][1] == most
    told = ",".join(f"{label}:{number}" for label, number in sorted(counts))
    who = ",".join(sorted(vote.vetter for vote in votes))
    label = CONFLICT if tied else counts[0][0]
    return label, most, most / len(votes), len(votes), told, who, max(vote.at for vote in votes)
