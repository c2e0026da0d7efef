"""What footer and help say of the keys: the table of keys in, those that fit or match out, in its order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tui.keys import CHECKS, Key, valid_in


def footer(
    keys: Iterable[Key], where: str, width: int, *, hidden: frozenset[str] = frozenset()
) -> list[tuple[str, str]]:
    """Choose the keys and words that fit in a footer: by importance, shown in the order of the table."""
    by_id = {key.id: key for key in valid_in(keys, where)}
    chosen = footer_keys(by_id.values(), where, width, hidden=hidden)
    return [(_with_partner(key, by_id), key.label) for key in chosen]


def footer_keys(
    keys: Iterable[Key], where: str, width: int, *, hidden: frozenset[str] = frozenset()
) -> list[Key]:
    """Choose the keys that fit in a footer, in the order of the table."""
    by_id = {key.id: key for key in valid_in(keys, where)}
    listed = [key for key in by_id.values() if key.footer and key.id not in hidden]
    room, chosen = width - 1, set()
    for key in sorted(listed, key=lambda key: key.footer):
        needed = len(_with_partner(key, by_id)) + len(key.label) + 3
        if needed <= room:
            chosen.add(key.id)
            room -= needed
    return [key for key in listed if key.id in chosen]


def _with_partner(key: Key, by_id: Mapping[str, Key]) -> str:
    shown = key.shown(all_keys=False)
    if not key.partner:
        return shown
    sign = "-" if key.section == CHECKS else "/"
    return f"{shown}{sign}{by_id[key.partner].shown(all_keys=False)}"


def sections(keys: Iterable[Key], where: str, query: str = "") -> list[tuple[str, list[Key]]]:
    """Group the keys of a screen by section, keeping those that contain every word of the query."""
    words = query.lower().split()
    groups: dict[str, list[Key]] = {}
    for key in valid_in(keys, where):
        text = f"{key.section} {key.id} {key.label} {key.help} {key.shown()}".lower()
        if all(word in text for word in words):
            groups.setdefault(key.section, []).append(key)
    return list(groups.items())
