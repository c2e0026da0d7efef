"""What a check found: outcome, the one number that decides, values with thresholds, what was asked."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

Outcome = Literal["pass", "fail", "inconclusive", "not run"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("pass", "fail", "inconclusive", "not run")
_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Value:
    """One quantity behind an outcome.

    Attributes
    ----------
    name : str
        In plain words.
    value : float or str
        NaN where it could not be measured.
    unit : str
        "" for a pure number.
    error : float
        One standard deviation in the same unit; NaN where none is known.
    threshold : str
        What it is compared with, in words; "" where it decides nothing.
    source : str
        Where the threshold comes from.
    """

    name: str
    value: float | str
    unit: str = ""
    error: float = math.nan
    threshold: str = ""
    source: str = ""

    def words(self) -> str:
        """Return the value with its error and unit."""
        if isinstance(self.value, str):
            return self.value
        if not math.isfinite(self.value):
            return "not measured"
        text = f"{self.value:.4g}"
        if math.isfinite(self.error):
            text += f" ± {self.error:.2g}"
        return f"{text} {self.unit}".rstrip()


@dataclass(frozen=True)
class Finding:
    """The result of one check on one candidate.

    Attributes
    ----------
    check : str
        Name of the check.
    outcome : str
        pass; fail; inconclusive, which is computed but undecidable; not run, which is never computed.
    number : str
        The one number that decides, with its words.
    reason : str
        Why the outcome is what it is.
    values : tuple of Value
        What was measured.
    asked : tuple of str
        What was looked at or asked, and what became of that; one line each.
    rows : tuple of tuple of str
        A table of the evidence; the first row names the columns.
    figure : mapping
        Plain values from which a small figure is drawn; `kind` says which.
    """

    check: str
    outcome: Outcome
    number: str
    reason: str
    values: tuple[Value, ...] = ()
    asked: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    figure: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the finding as one line of JSON; NaN becomes null, numbers keep six digits."""
        return json.dumps(_plain(asdict(self)), ensure_ascii=False, sort_keys=True, allow_nan=False)

    def digest(self) -> str:
        """Return twelve hexadecimal digits that change when anything found changes."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]


def from_json(text: str) -> Finding:
    """Read a finding back; ValueError where the text is none."""
    try:
        raw = json.loads(text)
        values = tuple(Value(**{k: _number(k, v) for k, v in one.items()}) for one in raw.pop("values"))
        rows = tuple(tuple(row) for row in raw.pop("rows"))
        return Finding(**raw | {"values": values, "asked": tuple(raw["asked"]), "rows": rows})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a finding: {error}") from error


def _number(name: str, value: Any) -> Any:
    """Return NaN for a null number."""
    return math.nan if value is None and name in {"value", "error"} else value


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.item() if hasattr(value, "item") and not isinstance(value, str) else value
