"""What a verdict can be: labels, grades, checks, reasons, and what stands of one vetter on one candidate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from store.journal import Line

LABELS = ("interesting", "ordinary", "artifact", "known", "discuss", "none")
GRADES = ("A", "B", "C", "X")
CHECKS = ("other_filters", "catalogs", "psf_or_cosmic_ray", "thresholds", "methods")
OUTCOMES = ("pass", "fail", "inconclusive", "not run")
REASONS = (
    "diffraction_spike",
    "persistence",
    "snowball",
    "claw",
    "wisp",
    "seam",
    "dragons_breath",
    "scattered_light",
    "ghost",
    "crosstalk",
    "cosmic_ray",
    "hot_pixel",
    "edge",
    "other",
)
CONFLICT = "conflict"

Key = tuple[str, str]  # vetter, candidate


@dataclass(frozen=True)
class VerdictState:
    """What stands of one vetter's decisions on one candidate; "" means not given."""

    candidate: str
    vetter: str
    label: str = ""
    reason: str = ""
    grade: str = ""
    checks: Mapping[str, str] = field(default_factory=dict)
    checked_at: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    at: str = ""
    ra: float | None = None
    dec: float | None = None
    rank: int | None = None
    score: float | None = None
    seconds: float = 0.0
    decisions: int = 0
    check_reasons: Mapping[str, str] = field(default_factory=dict)
    check_evidence: Mapping[str, str] = field(default_factory=dict)
    """By check: the digest of the computed evidence that was seen; "" where none was."""

    @property
    def decided(self) -> bool:
        """Whether a label was given."""
        return bool(self.label)

    def after(self, line: Line) -> "VerdictState":
        """Give the state once one more decision is taken in."""
        state = replace(
            self,
            at=line.at,
            ra=line.ra,
            dec=line.dec,
            rank=line.rank,
            score=line.score,
            seconds=self.seconds + (line.seconds or 0.0),
            decisions=self.decisions + 1,
        )
        payload = line.payload
        if line.action == "label":
            label = str(payload.get("label", ""))
            return replace(
                state, label="" if label == "none" else label, reason=str(payload.get("reason") or "")
            )
        if line.action == "grade":
            return replace(state, grade=str(payload.get("grade") or ""))
        if line.action == "check":
            checks = payload.get("checks", {})
            times = dict.fromkeys(checks, line.at)
            why, seen = payload.get("reasons", {}), payload.get("evidence", {})
            return replace(
                state,
                checks={**state.checks, **checks},
                checked_at={**state.checked_at, **times},
                check_reasons={**state.check_reasons, **{name: str(why.get(name, "")) for name in checks}},
                check_evidence={**state.check_evidence, **{name: str(seen.get(name, "")) for name in checks}},
            )
        if line.action == "note":
            return replace(state, note=str(payload.get("text") or ""))
        return state


def check_payload(
    action: str,
    payload: Mapping[str, Any],
    labels: Sequence[str] = LABELS,
    reasons: Sequence[str] = REASONS,
) -> None:
    """Raise ValueError where a decision is not one of those there are."""
    allowed: dict[str, tuple[object, Sequence[object]]] = {
        "label": (payload.get("label"), labels),
        "grade": (payload.get("grade"), ("", *GRADES)),
        "note": (type(payload.get("text")).__name__, ("str",)),
        "check": (None, (None,)),
    }
    if action not in allowed:
        raise ValueError(f"action {action!r}: one of {', '.join(allowed)}")
    value, choices = allowed[action]
    if value not in choices:
        raise ValueError(f"{action} {value!r}: one of {', '.join(map(str, choices))}")
    if payload.get("reason", "") not in ("", *reasons):
        raise ValueError(f"reason {payload['reason']!r}: one of {', '.join(reasons)}")
    if action == "check":
        for name, outcome in payload["checks"].items():
            if name not in CHECKS or outcome not in OUTCOMES:
                raise ValueError(f"check {name!r}: {outcome!r}: one of {CHECKS} and of {OUTCOMES}")
