"""What a person ticks off and on in the plan of a download: records and limits in, changed records out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from analysis.config import Config
from store.products import PRESENT, TICKED_OFF, TICKED_ON, ProductRecord

GB = 1e9


class NotPossible(Exception):  # noqa: N818 - an answer, not a fault
    """A product that cannot be ticked, with the reason."""


@dataclass(frozen=True)
class Totals:
    """What the products of a plan that are not left come to; `there` is how many bytes are on disk."""

    files: int
    observations: int
    size: int
    there: int

    def over(self, config: Config) -> str:
        """Name the first limit that is exceeded, "" where none is."""
        for name, value, limit in (
            ("max_obs", self.observations, config.max_obs),
            ("max_files", self.files, config.max_files),
            ("max_total_gb", self.size / GB, config.max_total_gb),
        ):
            if value > limit:
                return f"{name} = {limit:g}"
        return ""

    def words(self, config: Config) -> str:
        """Say how much of each limit is used."""
        return (
            f"{self.files} of at most {config.max_files} files, {self.observations} of at most "
            f"{config.max_obs} observations, {self.size / GB:.3f} of at most {config.max_total_gb:g} GB"
        )


def totals(records: Iterable[ProductRecord]) -> Totals:
    """Add up the products that are not left."""
    chosen = [record for record in records if record.state != "skipped"]
    return Totals(
        files=len(chosen),
        observations=len({record.observation for record in chosen}),
        size=sum(max(record.size, 0) for record in chosen),
        there=sum(record.size for record in chosen if record.state in PRESENT),
    )


def tick(records: Sequence[ProductRecord], uri: str, config: Config) -> ProductRecord:
    """Tick a product off, or on where it was left.

    Parameters
    ----------
    records : sequence of ProductRecord
        The whole plan.
    uri : str
        Of the product.
    config : Config
        Whose three limits hold for what is ticked on, too.

    Returns
    -------
    ProductRecord
        The product with its new state.

    Raises
    ------
    NotPossible
        It is on disk already, not public, of unknown size, or would break a limit.
    """
    record = next(record for record in records if record.uri == uri)
    if record.state in PRESENT:
        raise NotPossible("it is on disk already; move the file away to leave it out")
    if record.state != "skipped":
        return replace(record, state="skipped", reason=TICKED_OFF)
    if record.reason != TICKED_OFF and record.exclusive:
        raise NotPossible(record.reason)
    if record.size < 0:
        raise NotPossible("the archive does not say how large it is")
    on = replace(record, state="planned", reason=TICKED_ON)
    limit = totals([on if other is record else other for other in records]).over(config)
    if limit:
        raise NotPossible(f"it would go over {limit}")
    return on


def carried(
    records: Sequence[ProductRecord], choices: Mapping[str, str], config: Config
) -> list[ProductRecord]:
    """Give a new plan the choices made before (`store.products.ticks`), as far as the limits still allow."""
    made = list(records)
    for wanted in (TICKED_OFF, TICKED_ON):
        for place, record in enumerate(made):
            left = record.state == "skipped"
            if choices.get(record.uri) != wanted or left != (wanted == TICKED_ON):
                continue
            try:
                made[place] = tick(made, record.uri, config)
            except NotPossible:
                continue  # on disk by now, or over a limit that was lowered: the plan's own word stands
    return made
