"""Rows of the archive's tables made into observations and products, whatever their columns are called."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.products import SAFE_NAME, Product, filter_of, instrument_of, level_of, region_of, suffix_of

FIELDS: Mapping[str, tuple[str, ...]] = {
    "obsid": ("obsid", "obsID"),
    "obs_id": ("obs_id", "observation_id"),
    "kind": ("dataproduct_type", "dataProductType"),
    "instrument": ("instrument_name", "instrument"),
    "filters": ("filters", "filter"),
    "level": ("calib_level", "calibLevel"),
    "region": ("s_region", "sRegion"),
    "ra": ("s_ra", "ra"),
    "dec": ("s_dec", "dec"),
    "epoch": ("t_min", "tMin"),
    "public_from": ("t_obs_release", "tObsRelease"),
    "rights": ("dataRights", "data_rights"),
    "program": ("proposal_id", "program"),
    "target": ("target_name", "target"),
    "uri": ("dataURI", "data_uri", "dataUri", "uri"),
    "size": ("size", "contentLength", "content_length"),
}
"""Our name of a column to those that the archive has given it; they have changed before."""
_NOT_PUBLIC = ("EXCLUSIVE_ACCESS", "RESTRICTED")


@dataclass(frozen=True)
class Observation:
    """One row of the archive's observations; NaN and "" where it does not say."""

    obsid: str
    obs_id: str
    kind: str = ""
    instrument: str = ""
    filters: str = ""
    level: int = 0
    region: str = ""
    ra: float = math.nan
    dec: float = math.nan
    epoch: float = math.nan
    public_from: float = math.nan
    rights: str = ""
    program: str = ""
    target: str = ""

    @property
    def exclusive(self) -> bool:
        """Tell whether its products are not public."""
        return self.rights.upper() in _NOT_PUBLIC


def _text(value: Any) -> str:
    """Text of a cell, "" where it is masked."""
    return "" if value is None else str(value).strip()


def _number(value: Any) -> float:
    """Return the number of a cell, NaN where it is masked or none."""
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan


def observation_of(row: Mapping[str, Any]) -> Observation:
    """Make an observation of a row."""
    level = _number(row.get("level"))
    return Observation(
        obsid=_text(row.get("obsid")),
        obs_id=_text(row.get("obs_id")),
        level=0 if math.isnan(level) else int(level),
        kind=_text(row.get("kind")),
        instrument=_text(row.get("instrument")),
        filters=_text(row.get("filters")),
        region=_text(row.get("region")),
        rights=_text(row.get("rights")),
        program=_text(row.get("program")),
        target=_text(row.get("target")),
        ra=_number(row.get("ra")),
        dec=_number(row.get("dec")),
        epoch=_number(row.get("epoch")),
        public_from=_number(row.get("public_from")),
    )


def product_of(row: Mapping[str, Any], observation: Observation) -> Product | None:
    """Make a product of a row; None for what is not JWST's, or has a name that is not safe on disk."""
    uri = _text(row.get("uri"))
    name = uri.rpartition("/")[2]
    if not uri.startswith("mast:JWST/") or not SAFE_NAME.fullmatch(name):
        return None
    size = _number(row.get("size"))
    own = name.split(".")[0].rpartition("_")[0] == observation.obs_id
    rights = _text(row.get("rights")).upper()
    return Product(
        uri=uri,
        name=name,
        observation=observation.obs_id,
        suffix=suffix_of(name),
        instrument=instrument_of(name, observation.instrument),
        filter=filter_of(name, _text(row.get("filters")), observation.filters),
        level=level_of(name),
        size=int(size) if size > 0 else None,
        region=region_of(observation.region) if own else None,
        epoch=observation.epoch if own else math.nan,
        exclusive=rights in _NOT_PUBLIC if rights else observation.exclusive,
        public_from=observation.public_from,
        program=observation.program,
        target=observation.target,
    )
