"""The tables of the configuration: every key of each with its default, its meaning and what is allowed."""

from __future__ import annotations

import getpass
import re
from dataclasses import dataclass, field
from typing import Any

REASON_KEYS = "123456789abcdefghijklmnopqrstuvwxyz"


def key(
    default: Any,
    doc: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    choices: tuple[str, ...] = (),
    pattern: re.Pattern[str] | None = None,
) -> Any:
    """Make a field that carries its meaning and what is allowed."""
    meta = {
        "doc": doc,
        "unit": unit,
        "low": low,
        "high": high,
        "above": above,
        "choices": choices,
        "pattern": pattern,
    }
    if isinstance(default, (list, dict)):
        return field(default_factory=default.copy, metadata=meta)
    return field(default=default, metadata=meta)


@dataclass(frozen=True)
class Weights:
    """Weights of the four terms of the composite score; a term that could not be computed drops out."""

    anomaly: float = key(0.4, "how unusual the shape is among sources of its band", low=0, high=1000)
    snr: float = key(0.3, "how far above the noise: clip(log10(S/N)/2, 0, 1)", low=0, high=1000)
    artifact: float = key(0.2, "how unlike an artefact: 1 - artifact_probability", low=0, high=1000)
    consistency: float = key(
        0.1, "frames that show it / frames that cover it, where two or more do", low=0, high=1000
    )


@dataclass(frozen=True)
class Ranking:
    """How the anomaly score is made."""

    method: str = key(
        "ensemble",
        "anomaly score: spectrum, colour and structure over all bands, or the shapes of each band alone",
        choices=("ensemble", "isolation_forest", "robust_distance"),
    )


@dataclass(frozen=True)
class Download:
    """What is fetched beyond the limits above, and from where."""

    source: str = key(
        "mast",
        "where files come from: the archive, or its public copies in the cloud, the archive where those lack",
        choices=("mast", "s3"),
    )
    companions: bool = key(
        False,
        "also fetch the pipeline's own catalogue (_cat.ecsv) and segmentation map (_segm) of each image",
    )
    instruments_allowlist: list[str] = key(
        [], 'instruments to take, by family or full name ("MIRI" takes "MIRI/IMAGE" too); empty means all'
    )
    filters: list[str] = key([], "filters to take; empty means all")


@dataclass(frozen=True)
class Services:
    """Servers asked, and how patiently."""

    mast_url: str = key(
        "https://mast.stsci.edu",
        "the archive; another server with the same paths serves the name resolver too "
        "(JWST_VET_MAST_URL goes before this)",
        pattern=re.compile(r"https?://[^\s?#]+"),
    )
    connect_timeout_s: float = key(10.0, "longest wait for a connection", unit="s", above=0, high=600)
    read_timeout_s: float = key(
        60.0, "longest silence of a server before it is asked again", unit="s", above=0, high=600
    )
    retries: int = key(
        7, "how often a request that failed is sent again without progress between", low=0, high=100
    )
    catalogs: list[str] = key(
        ["simbad", "gaia", "ned", "vizier", "solar_system"],
        "catalogue services asked about candidates; empty means none (JWST_VET_TAP_URLS names other servers)",
    )
    vizier_tables: list[str] = key(
        [
            "J/ApJS/214/24/3dhstall",  # 3D-HST and CANDELS, five fields (Skelton et al. 2014)
            "J/ApJS/235/14/clugal",  # HFF-DeepSpace, six clusters (Shipley et al. 2018)
            "J/ApJS/258/11/classic",  # COSMOS2020 (Weaver et al. 2022)
            "J/A+A/704/A339/phot",  # COSMOS2025, JWST's COSMOS-Web (Shuntov et al. 2025)
            "J/A+A/691/A240/a2744p",  # ASTRODEEP-JWST, Abell 2744 (Merlin et al. 2024)
            "J/A+A/691/A240/ceersp",  # ASTRODEEP-JWST, CEERS
        ],
        "tables of VizieR that are asked, by their name there; each needs RAJ2000 and DEJ2000, "
        "or RA_ICRS and DE_ICRS",
    )
    own_catalog: str = key(
        "", "a catalogue of your own: ECSV, FITS or CSV with ra, dec in degrees; empty: none"
    )
    catalog_seconds: float = key(
        30.0, "longest time that one answer of a catalogue service may take", unit="s", above=0, high=3600
    )


@dataclass(frozen=True)
class Checks:
    """The five verification checks."""

    top: int = key(
        30, "candidates whose checks are computed after a ranking; any other on demand", low=0, high=100_000
    )


@dataclass(frozen=True)
class Execution:
    """Where the work is done."""

    workers: int = key(0, "worker processes; 0 means one per core", low=0, high=1024)
    memory_gb: float = key(
        0.0,
        "memory of all workers together; 0 means what the machine has free",
        unit="GB",
        low=0,
        high=100_000,
    )


_NAMED_KEY = re.compile(r"(?!(?:none|undecided|conflict)\b)[a-z][a-z0-9_]{0,31}(?: [^\s,])?")


def named_keys(entries: list[str]) -> tuple[tuple[str, str], ...]:
    """Split entries such as "known" and "merger W" into name and key, "" where none is given."""
    return tuple((name, own) for name, _, own in (entry.partition(" ") for entry in entries))


@dataclass(frozen=True)
class Vetting:
    """Who decides, and what a verdict can be."""

    vetter: str = key(
        "",
        "name written with each verdict; empty means the login name",
        pattern=re.compile(r"[A-Za-z0-9._-]{0,64}"),
    )
    labels: list[str] = key(
        ["interesting", "ordinary", "artifact", "known", "discuss"],
        "labels that can be given; one of your own has its key after a blank",
        pattern=_NAMED_KEY,
    )
    reasons: list[str] = key(
        [
            "diffraction_spike", "persistence", "snowball", "claw", "wisp", "seam", "dragons_breath",
            "scattered_light", "ghost", "crosstalk", "cosmic_ray", "hot_pixel", "edge", "other",
        ],
        "kinds of artefact; without a key of their own they get 1 to 9, then a to z",
        pattern=_NAMED_KEY,
    )  # fmt: skip

    def label_keys(self) -> tuple[tuple[str, str], ...]:
        """Give each label and its key, "" where the table of keys has it."""
        return named_keys(self.labels)

    def reason_keys(self) -> tuple[tuple[str, str], ...]:
        """Give each reason and its key; those without one of their own get the free ones in order."""
        given = named_keys(self.reasons)
        taken = {own for _, own in given}
        free = iter([sign for sign in REASON_KEYS if sign not in taken])
        return tuple((name, own or next(free, "")) for name, own in given)

    def name(self) -> str:
        """Vetter's name: the configured one, else the login name made suitable."""
        if self.vetter:
            return self.vetter
        try:
            login = getpass.getuser()
        except (OSError, KeyError):  # no such user in the password database, as in some containers
            login = "vetter"
        return re.sub(r"[^A-Za-z0-9._-]", "_", login)[:64] or "vetter"


@dataclass(frozen=True)
class Ui:
    """How the app draws."""

    preview: str = key(
        "auto",
        "how cutouts are drawn: auto asks the terminal; half-blocks work everywhere; words are for a screen "
        "reader (JWST_VET_PREVIEW, --preview and --plain go before this)",
        choices=("auto", "half", "kitty", "sixel", "plain", "words"),
    )
    theme: str = key("textual-dark", "colour theme of the app, as the command palette lists them")
    byte_budget: int = key(
        0,
        "largest number of bytes one panel of cutouts may send to the terminal; above it pixels are merged, "
        "and that is said; 0 means 131072 over SSH and 2097152 on this machine",
        unit="bytes",
        low=0,
        high=16_777_216,
    )
    blink: float = key(2.0, "how often blinking pictures change", unit="per second", above=0, high=3)


@dataclass(frozen=True)
class Paths:
    """Folders on another disk; relative ones start at the project folder."""

    data: str = key("data", "folder of the FITS files (products/ inside it)")
    outputs: str = key("outputs", "folder of everything that is made")
