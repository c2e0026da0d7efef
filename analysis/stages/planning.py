"""The plan of a download as records of the store: made of what the archive has, and shown."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from analysis import addresses
from analysis.archive import Archive, NotFound
from analysis.choices import carried, totals
from analysis.config import Config
from analysis.patience import Stopping
from analysis.plan import GB, Left
from analysis.products import Product
from analysis.stages.telling import NAME, Voice
from analysis.survey import survey
from store.products import PRESENT, TICKED_OFF, ProductRecord

_PLAN_VERSION = "1"
_MOST_LEFT_LISTED = 200


def plan_key(config: Config) -> str:
    """Name what a plan depends on: target, limits, types, lists, server, whether there is a token."""
    place = (
        [config.target_name.strip()] if config.target_mode == "object" else [config.ra_deg, config.dec_deg]
    )
    limits = [config.radius_deg, config.max_obs, config.max_files, config.max_total_gb]
    types = [config.product_types_image, config.product_types_spectra]
    lists = [config.download.companions, config.download.instruments_allowlist, config.download.filters]
    server = [addresses.base_url(config.services), bool(addresses.token()), _PLAN_VERSION]
    text = json.dumps([place, limits, types, lists, server])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_plan(
    config: Config,
    records: Sequence[ProductRecord],
    choices: Mapping[str, str],
    key: str,
    voice: Voice,
    stopping: Stopping,
) -> tuple[list[ProductRecord], tuple[str, ...]]:
    """Ask the archive and make the records of a new plan, and its lines.

    What was fetched before keeps its state, and what a person ticked off or on stays so.
    """
    client = Archive(config, stopping)
    found = survey(config, client, headers=_token_headers(client, voice), say=voice.note)
    if not found.plan.products:
        raise NotFound(f"{config.target}: nothing to fetch: {_why_nothing(found.plan.left)}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    before = {record.uri: record for record in records if record.state in PRESENT}
    made = []
    for place, product in enumerate(found.plan.products):
        record = _record(product, now, key, place)
        held = before.get(product.uri)
        if held is not None and held.size == record.size:
            record = replace(
                held, plan_key=key, place=place, planned_at=now, observation=record.observation, reason=""
            )
        made.append(record)
    for place, left in enumerate(found.plan.left[:_MOST_LEFT_LISTED], start=len(made)):
        if left.product.uri not in before:
            record = _record(left.product, now, key, place)
            made.append(replace(record, state="skipped", reason=left.reason, finished_at=now))
    return carried(made, choices, config), tuple(found.lines)


def _token_headers(client: Archive, voice: Voice) -> dict[str, str]:
    """Headers of the token in the environment, if there is one and the archive accepts it."""
    value = addresses.token()
    if not value:
        return {}
    if client.accepts(value):
        return addresses.token_headers(value)
    voice.note(
        f"{addresses.TOKEN_VARIABLE} was not accepted by the archive (expired?): products not public yet "
        f"are left; a new token: {addresses.TOKEN_PAGE}"
    )
    return {}


def _why_nothing(left: Sequence[Left]) -> str:
    """Say why nothing of what there is can be fetched, and what to change."""
    reasons = sorted({item.reason for item in left}, key=lambda reason: (len(reason), reason))
    words = "; ".join(reasons[:3]) or "no product fits the limits"
    smallest = min((item.product.size for item in left if item.product.size), default=None)
    size = f" (the smallest has {smallest / GB:.2f} GB)" if smallest else ""
    hint = ""
    if any(item.product.exclusive for item in left):
        hint = f"; with access: a token from {addresses.TOKEN_PAGE} in {addresses.TOKEN_VARIABLE}"
    return f"{len(left)} products{size}: {words}{hint}"


def _record(product: Product, now: str, key: str, place: int) -> ProductRecord:
    """Make the store's record of a product."""
    public = ""
    if product.exclusive and not math.isnan(product.public_from):
        public = (datetime(1858, 11, 17, tzinfo=UTC) + timedelta(days=product.public_from)).date().isoformat()
    return ProductRecord(
        uri=product.uri,
        name=product.name,
        kind=product.suffix,
        level=product.level,
        instrument=product.instrument,
        filter=product.filter,
        program=product.program,
        target=product.target,
        observation=product.observation,
        size=product.size if product.size is not None else -1,
        public_from=public,
        exclusive=product.exclusive,
        planned_at=now,
        plan_key=key,
        place=place,
    )


def show_plan(records: Sequence[ProductRecord], lines: Sequence[str], config: Config, voice: Voice) -> None:
    """Show the plan: its own lines, what is fetched with its size, how much of each limit it uses."""
    for line in lines:
        voice.note(line)
    chosen = [record for record in records if record.state != "skipped"]
    for record in chosen:
        single = ", a single exposure" if record.level == 2 else ""
        there = ", already there" if record.state in PRESENT else ""
        voice.note(
            f"{record.size / GB:8.3f} GB  {record.name}  {record.instrument} {record.filter}{single}{there}"
        )
    off = [record for record in records if record.reason == TICKED_OFF]
    if off:
        voice.note(f"ticked off: {len(off)} ({sum(max(r.size, 0) for r in off) / GB:.3f} GB)")
    exclusive = [
        record
        for record in records
        if record.state == "skipped" and record.exclusive and record.reason != TICKED_OFF
    ]
    if exclusive:
        day = min(
            (record.public_from for record in exclusive if record.public_from), default="a day not stated"
        )
        voice.note(
            f"{len(exclusive)} products are not public yet (the first from {day}): left; with access, "
            f"a token from {addresses.TOKEN_PAGE} in {addresses.TOKEN_VARIABLE}"
        )
    total = totals(records)
    voice.tell(
        {
            "event": "plan",
            "stage": NAME,
            "bytes": total.size,
            "key": records[0].plan_key if records else "",
            "lines": list(lines),
            "products": [
                {
                    "name": record.name,
                    "uri": record.uri,
                    "bytes": record.size,
                    "level": record.level,
                    "observation": record.observation,
                    "state": record.state,
                    "why": record.reason,
                }
                for record in records
            ],
        }
    )
    voice.note(f"plan: {total.words(config)}")
