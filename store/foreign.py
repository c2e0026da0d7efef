"""Lines of a journal written elsewhere: bytes in, checked lines out, and for each bad line why."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from store.blind import problem
from store.journal import ACTIONS, CARRIER, KEPT, MARK, VETTER, JournalError, Line, Problem, decode
from store.states import CHECKS, GRADES, OUTCOMES

LINE_BYTES = 4 << 20
"""The longest line that is taken: a note of some million characters."""
FILE_BYTES = 512 << 20
"""The largest journal that is read: more than a million decisions."""
AHEAD_SECONDS = 86_400.0
"""How far the clock of another machine may go ahead of this one's."""

_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_WORD = 64
_NAME = 128
_WHOLE = 2**31


def read_foreign(raw: bytes, path: str, now: float) -> tuple[list[Line], list[Problem]]:
    """Read a journal that somebody handed over: the good lines as they come, and what is wrong with others.

    Parameters
    ----------
    raw : bytes
        The file.
    path : str
        What it is called in the problems.
    now : float
        This machine's clock, seconds of Unix time: a line from the future would put all later ones there.
    """
    lines, problems = list[Line](), list[Problem]()
    for number, row in enumerate(raw.split(b"\n"), 1):
        if not row.strip():
            continue
        try:
            lines.append(checked(row, now))
        except JournalError as error:
            problems.append(Problem(number, str(error), path))
    return lines, problems


def checked(row: bytes, now: float) -> Line:
    """Read one line and look at every field of it; JournalError says which one is not what it must be."""
    if len(row) > LINE_BYTES:
        raise JournalError(f"{len(row):,} bytes long; a line has at most {LINE_BYTES:,}")
    line = decode(row)
    for name, wanted, fits in _FIELDS:
        if not fits(getattr(line, name)):
            raise JournalError(f"{name} {_short(getattr(line, name))}: must be {wanted}")
    if _milliseconds(line.id) > (now + AHEAD_SECONDS) * 1000:
        raise JournalError(f"id {line.id}: more than a day ahead of this machine's clock")
    if line.action in KEPT:
        _check_kept(line.payload)
        if line.action == CARRIER and MARK in line.payload and (wrong := problem(line.payload)):
            raise JournalError(wrong)
        return line
    if not line.candidate:
        raise JournalError(f"{line.action}: it names no candidate")
    if line.action in ("undo", "redo"):
        if not line.undoes:
            raise JournalError(f"{line.action}: it does not say of which line")
        return line
    _PAYLOADS[line.action](line.payload)
    return line


def _check_label(payload: Mapping[str, Any]) -> None:
    # Labels and reasons are each project's own: any short word passes.
    _must(payload, "label", "a word of 1 to 64 characters", lambda v: _is_text(v, _WORD) and bool(v))
    _must(payload, "reason", "a word of at most 64 characters", lambda v: v is None or _is_text(v, _WORD))


def _check_grade(payload: Mapping[str, Any]) -> None:
    _must(payload, "grade", f"one of {', '.join(GRADES)}, or empty", lambda v: v in (None, "", *GRADES))


def _check_note(payload: Mapping[str, Any]) -> None:
    _must(payload, "text", "text", lambda v: v is None or isinstance(v, str))


def _check_checks(payload: Mapping[str, Any]) -> None:
    checks = payload.get("checks")
    if not isinstance(checks, dict) or not all(
        name in CHECKS and isinstance(outcome, str) and outcome in OUTCOMES
        for name, outcome in checks.items()
    ):
        raise JournalError(
            f"checks {_short(checks)}: must be outcomes ({', '.join(OUTCOMES)}) by name ({', '.join(CHECKS)})"
        )
    for name in ("reasons", "evidence"):
        _must(payload, name, "words by check", _are_words)


def _check_kept(payload: Mapping[str, Any]) -> None:
    _must(payload, "name", "a name", lambda v: isinstance(v, str) and 0 < len(v.strip()) <= LINE_BYTES)
    _must(payload, "value", "a table, or nothing", lambda v: v is None or isinstance(v, dict))


_PAYLOADS: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "label": _check_label,
    "grade": _check_grade,
    "check": _check_checks,
    "note": _check_note,
}


def _must(payload: Mapping[str, Any], name: str, wanted: str, fits: Callable[[Any], bool]) -> None:
    if not fits(payload.get(name)):
        raise JournalError(f"{name} {_short(payload.get(name))}: must be {wanted}")


def _are_words(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict) and all(isinstance(v, str) and k in CHECKS for k, v in value.items())
    )


def _is_text(value: Any, longest: int) -> bool:
    """Tell whether something is a short text without control characters that can be written as UTF-8."""
    return (
        isinstance(value, str)
        and len(value) <= longest
        and not any(ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in value)
    )


def _is_ulid(value: Any) -> bool:
    return isinstance(value, str) and _ULID.fullmatch(value) is not None


def _is_time(value: Any) -> bool:
    if not isinstance(value, str) or len(value) > _WORD:
        return False
    try:
        return datetime.fromisoformat(value).utcoffset() == datetime.now(UTC).utcoffset()
    except ValueError:
        return False


def _is_number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: (
        value is None
        or (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and math.isfinite(value)
            and low <= value <= high
        )
    )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _WHOLE


_FIELDS: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("id", "a ULID", _is_ulid),
    ("at", "a time in UTC", _is_time),
    (
        "vetter",
        "1 to 64 letters, digits, dots, hyphens or underscores",
        lambda v: isinstance(v, str) and VETTER.fullmatch(v) is not None,
    ),
    (
        "action",
        f"one of {', '.join(ACTIONS)}",
        lambda v: isinstance(v, str) and v in ACTIONS,
    ),
    ("candidate", f"a name of at most {_NAME} characters in one line", lambda v: _is_text(v, _NAME)),
    ("ra", "degrees from 0 to 360", _is_number(0.0, 360.0)),
    ("dec", "degrees from -90 to 90", _is_number(-90.0, 90.0)),
    ("payload", "a table", lambda v: isinstance(v, dict)),
    ("rank", "a whole number, or nothing", lambda v: v is None or _is_whole(v)),
    ("score", "a number, or nothing", _is_number(-1e300, 1e300)),
    ("seconds", "seconds, or nothing", _is_number(0.0, 1e300)),
    ("undoes", "a ULID, or empty", lambda v: v == "" or _is_ulid(v)),
    ("host", "a name of a machine", lambda v: _is_text(v, 255)),
    ("pid", "a whole number", _is_whole),
    ("version", "a version", lambda v: _is_text(v, _NAME)),
)
"""Every field of a line: what it must be, in words, and the test of it."""


def _milliseconds(ulid: str) -> int:
    value = 0
    for character in ulid[:10]:
        value = value << 5 | _DIGITS.index(character)
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 48 else f"{text[:45]}..."
