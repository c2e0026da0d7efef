"""Changing `config.toml` as a person would: values in, the same file with its comments out, checked first."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.config import Config, ConfigError, KeyFact, from_mapping, key_facts

Name = tuple[str, str]
"""Table ("" at top level) and key."""


@dataclass(frozen=True)
class Setting:
    """One key with its meaning, and its value as a person types it."""

    fact: KeyFact
    text: str

    @property
    def name(self) -> Name:
        """Table and key."""
        return self.fact.table, self.fact.name

    @property
    def label(self) -> str:
        """Table and key as the loader's messages write them."""
        return f"[{self.fact.table}] {self.fact.name}" if self.fact.table else self.fact.name

    @property
    def value(self) -> Any:
        """The value that the text stands for; text that is none stays text, for the loader to refuse."""
        return parse(self.text, self.fact.default)

    @property
    def problem(self) -> str:
        """What the loader says of this key alone; empty where it takes it."""
        table, key = self.name
        values = {table: {key: self.value}} if table else {key: self.value}
        return refusal(values)


def settings(config: Config) -> Iterator[Setting]:
    """Give every key but those of [keys], in the order of the file, as `config` has it."""
    for fact in key_facts():
        holder = getattr(config, fact.table) if fact.table else config
        yield Setting(fact, as_text(getattr(holder, fact.name)))


def as_text(value: Any) -> str:
    """Write a value as it is typed: lists with commas, texts without quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(value)
    return str(value)


def parse(text: str, default: Any) -> Any:
    """Read a typed value of the type that the default has."""
    if isinstance(default, list):
        return [part for part in (part.strip(" \t\"'") for part in text.strip(" []").split(",")) if part]
    if isinstance(default, str):
        return text
    word = text.strip()
    if isinstance(default, bool):
        return {"true": True, "false": False}.get(word, text)
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return text


def refusal(values: Mapping[str, Any]) -> str:
    """Give the loader's line on values without the file's name; empty where it takes them."""
    try:
        from_mapping(values, "")
    except ConfigError as error:
        return str(error).removeprefix(": ")
    return ""


def edited(text: str, changes: Mapping[Name, Any]) -> str:
    """Change keys in the text of a configuration; everything else stays as it is, comments too.

    Raises
    ------
    ConfigError
        If the text cannot be changed so that it says just that.
    """
    import tomlkit

    document = tomlkit.parse(text)
    wanted = tomllib.loads(text)
    for (table, name), value in changes.items():
        place: Any = document
        if table:
            if table not in document:
                document[table] = tomlkit.table()
            place = document[table]
            wanted.setdefault(table, {})[name] = value
        else:
            wanted[name] = value
        place[name] = value
    made = tomlkit.dumps(document)
    if tomllib.loads(made) != wanted:
        raise ConfigError("this file is written in a way that cannot be changed here; edit it by hand")
    return made


def save(path: Path, changes: Mapping[Name, Any]) -> Config:
    """Change keys of a configuration file, all at once or not at all; give what it says then.

    The file is read anew, so that what others changed in it meanwhile stays.

    Raises
    ------
    ConfigError
        If it cannot be read, changed or written, or would not be a good configuration.
    """
    try:
        made = edited(path.read_text(encoding="utf-8"), changes)
        config = from_mapping(tomllib.loads(made), str(path))
        _replace(path.resolve(), made)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not saved: {error}") from None
    return config


def _replace(path: Path, text: str) -> None:
    """Put a whole file in the place of another: it is the old one or the new one, whatever happens."""
    descriptor, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.name}.{os.getpid()}-", suffix=".part"
    )
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(path.stat().st_mode & 0o777)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
