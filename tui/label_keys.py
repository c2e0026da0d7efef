"""Labels of the configuration in the table of keys, and a screen's bindings brought in line with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tui.keys import TABLE, VERDICT, VET, Key, KeymapError

if TYPE_CHECKING:
    from textual.binding import BindingsMap

LABEL_IDS = frozenset({"interesting", "ordinary", "artifact", "known", "discuss"})


def with_labels(
    labels: Iterable[tuple[str, str]], table: Iterable[Key] = TABLE, where: str = "[vetting] labels"
) -> tuple[Key, ...]:
    """Give the table with the labels of the configuration, each a name and its key: "" is the usual one."""
    given = dict(labels)
    made: list[Key] = []
    for key in table:
        if key.id not in LABEL_IDS:
            made.append(key)
        elif key.id in given:
            made.append(dataclasses.replace(key, keys=given[key.id] or key.keys))
        if key.id == "no_label":
            made += [_label_key(name, own, where) for name, own in given.items() if name not in LABEL_IDS]
    return tuple(made)


def _label_key(name: str, own: str, where: str) -> Key:
    if not own:
        raise KeymapError(f'{where}: "{name}" has no key; give one after a blank, for example "{name} M"')
    words = name.replace("_", " ")
    return Key(f"label_{name}", own, f"label('{name}')", words, f"label it {words}", VERDICT, VET, 4)


def fit(bound: BindingsMap, keys: Iterable[Key], where: str) -> None:
    """Bring a screen's bindings to a table that has labels of its own, or lacks some."""
    from textual.binding import Binding

    wanted = {key.id: key for key in keys if key.where == where}
    held: set[str | None] = set()
    for name, entries in list(bound.key_to_bindings.items()):
        kept = [one for one in entries if one.id is None or one.id in wanted]
        held |= {one.id for one in kept}
        bound.key_to_bindings[name] = kept
    for key in wanted.values():
        if key.id not in held:
            for name in key.names():
                entries = bound.key_to_bindings.setdefault(name, [])
                entries.append(Binding(name, key.action, key.help, show=False, priority=True, id=key.id))
