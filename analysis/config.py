"""The configuration: every key with its default and what is allowed; `config.toml` in, `Config` out.

The dataclasses below are the only source: the shipped `config.toml`, what `init` writes and README's
table are made from them.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from analysis.config_tables import (
    Checks,
    Download,
    Execution,
    Paths,
    Ranking,
    Services,
    Ui,
    Vetting,
    Weights,
    key,
)

__all__ = [
    "Checks",
    "Config",
    "ConfigError",
    "Download",
    "Execution",
    "Paths",
    "Ranking",
    "Services",
    "Ui",
    "Vetting",
    "Weights",
    "as_toml",
    "from_mapping",
    "key_facts",
    "load",
    "markdown_table",
]

FILE_NAME = "config.toml"
MOST_NAMES = 35
"""Most labels or reasons: as many as there are keys for."""


class ConfigError(Exception):
    """A configuration that cannot be used; the message is one line: the file, the key, what is allowed."""


@dataclass(frozen=True)
class Config:
    """Every key of `config.toml` with its default."""

    target_mode: str = key(
        "object", "whether the target is given by name or by coordinates", choices=("object", "coords")
    )
    target_name: str = key("SMACS 0723", "name of the target; the report's title")
    ra_deg: float = key(110.8375, "right ascension (ICRS)", unit="deg", low=0, high=360)
    dec_deg: float = key(-73.4397, "declination (ICRS)", unit="deg", low=-90, high=90)
    radius_deg: float = key(0.02, "radius of the field around the target", unit="deg", above=0, high=5)
    max_obs: int = key(3, "most observations to download", low=1, high=10_000)
    max_files: int = key(60, "most files to download", low=1, high=100_000)
    max_total_gb: float = key(1.0, "most to download, in 10^9 bytes", unit="GB", above=0, high=1_000_000)
    product_types_image: list[str] = key(["I2D"], "image products to download")
    product_types_spectra: list[str] = key(["X1D"], "spectral products to download")
    detection_threshold: float = key(
        3.0,
        "detection threshold; 3.0 is calibrated per frame to at most 1 % false detections, "
        "other values scale the pixel threshold in proportion",
        above=0,
        high=1000,
    )
    min_snr: float = key(5.0, "least S/N of a candidate", low=0, high=1_000_000)
    top_anomalies_per_image: int = key(
        30, "most candidates per image by anomaly score; 0 means no cap", low=0, high=10_000_000
    )
    cutout_size: int = key(
        50, "least side of a cutout; grows to 6 Kron radii or 3 arcsec", unit="pixel", low=8, high=2000
    )
    weights: Weights = field(default_factory=Weights)
    ranking: Ranking = field(default_factory=Ranking)
    checks: Checks = field(default_factory=Checks)
    download: Download = field(default_factory=Download)
    services: Services = field(default_factory=Services)
    execution: Execution = field(default_factory=Execution)
    vetting: Vetting = field(default_factory=Vetting)
    ui: Ui = field(default_factory=Ui)
    keys: dict[str, str] = key({}, "other keys for actions of the app, by the names that ? shows")
    paths: Paths = field(default_factory=Paths)

    @property
    def target(self) -> str:
        """Words for the target: its name, or its coordinates in degrees."""
        if self.target_mode == "object":
            return self.target_name
        return f"RA {self.ra_deg:.5f} Dec {self.dec_deg:+.5f}"


@dataclass(frozen=True)
class KeyFact:
    """One key of the configuration, for tables and help."""

    table: str
    name: str
    default: Any
    unit: str
    doc: str
    allowed: str


def key_facts(cls: type = Config, table: str = "") -> Iterator[KeyFact]:
    """Yield every key in the order of the file, those of a table after the plain ones."""
    tables: list[tuple[str, type | None]] = []
    for item in fields(cls):
        value = _default(item)
        if dataclasses.is_dataclass(value):
            tables.append((item.name, type(value)))
        elif isinstance(value, dict):
            tables.append((item.name, None))
        else:
            yield KeyFact(
                table, item.name, value, item.metadata["unit"], item.metadata["doc"], _allowed(item)
            )
    for name, inner in tables:
        if inner is not None:
            yield from key_facts(inner, name)


def load(path: Path) -> Config:
    """Read and check a configuration file.

    Raises
    ------
    ConfigError
        With one line: the file, the key, the value, what is allowed and the nearest name.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such file; `jwst-vet init` writes one, `jwst-vet demo` makes a simulated "
            "project, -C DIR names another project folder"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    return from_mapping(values, str(path))


def from_mapping(values: Mapping[str, Any], where: str = FILE_NAME) -> Config:
    """Check plain values, as TOML gives them, and make a Config of them."""
    config: Config = _build(Config, values, "", where)
    if sum(dataclasses.astuple(config.weights)) <= 0:
        raise ConfigError(f"{where}: [weights]: all are 0; at least one must be greater than 0")
    if config.target_mode == "object" and not config.target_name.strip():
        raise ConfigError(
            f'{where}: target_name = {config.target_name!r}: must name the target; or target_mode = "coords"'
        )
    return config


def _build(cls: type, values: Mapping[str, Any], table: str, where: str) -> Any:
    """Make a dataclass of a table of values, each one checked."""
    known = {item.name: item for item in fields(cls)}
    made: dict[str, Any] = {}
    for name, value in values.items():
        label = f"[{table}] {name}" if table else name
        if name not in known:
            raise ConfigError(f"{where}: {label}: no such key{_nearest(name, table)}")
        default = _default(known[name])
        if dataclasses.is_dataclass(default):
            if not isinstance(value, dict):
                raise ConfigError(f"{where}: {label} = {value!r}: this is a table; write [{name}]")
            made[name] = _build(type(default), value, name, where)
        else:
            made[name] = _checked(known[name], default, value, label, where)
    return cls(**made)


def _checked(item: dataclasses.Field[Any], default: Any, value: Any, label: str, where: str) -> Any:
    """One value, checked for type and range."""
    wrong = ConfigError(f"{where}: {label} = {value!r}: must be {_allowed(item)}")
    if isinstance(default, dict):
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise ConfigError(f"{where}: [{label}]: must hold {_allowed(item)}")
        return dict(value)
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise wrong
        return value
    if isinstance(default, list):
        if (
            not isinstance(value, list)
            or (default and not value)
            or not all(isinstance(v, str) for v in value)
        ):
            raise wrong
        pattern = item.metadata["pattern"]
        names = [entry.partition(" ")[0] for entry in value]
        own = [entry.partition(" ")[2] for entry in value if " " in entry]
        if pattern is not None and not (
            all(map(pattern.fullmatch, value))
            and len(set(names)) == len(names)
            and len(set(own)) == len(own)
            and len(value) <= MOST_NAMES
        ):
            raise wrong
        return list(value)
    if isinstance(default, str):
        pattern = item.metadata["pattern"]
        choices = item.metadata["choices"]
        if not isinstance(value, str) or (choices and value not in choices):
            raise wrong
        if pattern is not None and not pattern.fullmatch(value):
            raise wrong
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong
    if isinstance(default, int) and not isinstance(value, int):
        raise wrong
    number = float(value)
    meta = item.metadata
    if (
        not math.isfinite(number)
        or (meta["low"] is not None and number < meta["low"])
        or (meta["high"] is not None and number > meta["high"])
        or (meta["above"] is not None and number <= meta["above"])
    ):
        raise wrong
    return value if isinstance(default, int) else number


def _default(item: dataclasses.Field[Any]) -> Any:
    """Default value of a field."""
    if item.default is not dataclasses.MISSING:
        return item.default
    assert item.default_factory is not dataclasses.MISSING
    return item.default_factory()


def _allowed(item: dataclasses.Field[Any]) -> str:
    """Words for what a key may be."""
    default, meta = _default(item), item.metadata
    if isinstance(default, dict):
        return 'action = "key" pairs'
    if meta["choices"]:
        return " or ".join(f'"{choice}"' for choice in meta["choices"])
    if isinstance(default, bool):
        return "true or false"
    if isinstance(default, list) and meta["pattern"]:
        return (
            f"at most {MOST_NAMES} different names in small letters, digits and _, none of them none, "
            'undecided or conflict; each may have a key of one character after a blank: "merger W"'
        )
    if isinstance(default, list):
        return 'a list of names, for example ["I2D"]' if default else "a list of names, or []"
    if isinstance(default, str) and default.startswith("http"):
        return "an address that begins with http:// or https://"
    if isinstance(default, str):
        return "a text" if meta["pattern"] is None else "at most 64 letters, digits, . _ -"
    kind = "a whole number" if isinstance(default, int) else "a number"
    if meta["above"] is not None:
        return f"{kind} above {meta['above']} and at most {meta['high']}"
    if meta["high"] is not None:
        return f"{kind} from {meta['low']} to {meta['high']}"
    return f"{kind} of {meta['low']} or more"


def _nearest(name: str, table: str) -> str:
    """Words that point to the key that was probably meant, wherever it stands."""
    names = {f"[{f.table}] {f.name}" if f.table else f.name: f.name for f in key_facts()}
    names |= {f"[{item.name}]": item.name for item in fields(Config) if item.name in _tables()}
    close = difflib.get_close_matches(name, list(names.values()), n=1, cutoff=0.6)
    if close:
        here = [
            label
            for label, plain in names.items()
            if plain == close[0] and (not table or label.startswith(f"[{table}]"))
        ]
        label = here[0] if here else next(label for label, plain in names.items() if plain == close[0])
        return f"; the nearest is {label}"
    return "; `jwst-vet init` in another folder writes a file with every key"


def _tables() -> list[str]:
    """Names of the tables of the file."""
    return [
        item.name
        for item in fields(Config)
        if isinstance(
            _default(item), (Weights, Ranking, Download, Services, Execution, Vetting, Ui, Paths, dict)
        )
    ]


def as_toml(config: Config | None = None) -> str:
    """Write the commented `config.toml` that `init` writes, with the values of `config` or the defaults."""
    config = config or Config()
    lines = ["# jwst-vet: every key with its default. `jwst-vet check` says whether the machine is fit.", ""]
    table = ""
    for fact in key_facts():
        if fact.table != table:
            table = fact.table
            lines += ["", f"[{table}]"]
        holder = getattr(config, table) if table else config
        unit = f" ({fact.unit})" if fact.unit else ""
        lines += [f"# {fact.doc}{unit}"]
        lines += [f"#   {fact.allowed}"] if fact.allowed != "a text" else []
        lines.append(f"{fact.name} = {_toml(getattr(holder, fact.name))}")
    lines += ["", "[keys]", "# other keys for actions of the app, by the names that ? shows, for example:"]
    lines += (
        ['# next = "j,down"'] if not config.keys else [f"{k} = {_toml(v)}" for k, v in config.keys.items()]
    )
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """Spell one value in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, str):
        import json

        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def markdown_table() -> str:
    """Write README's table of every key, its default and what is allowed."""
    lines = ["| key | default | what it is | allowed |", "|---|---|---|---|"]
    for fact in key_facts():
        name = f"[{fact.table}] {fact.name}" if fact.table else fact.name
        unit = f" ({fact.unit})" if fact.unit else ""
        lines.append(f"| `{name}` | `{_toml(fact.default)}` | {fact.doc}{unit} | {fact.allowed} |")
    lines.append(
        '| `[keys]` | none | other keys for actions of the app, by the names in ? | action = "key" |'
    )
    return "\n".join(lines)
