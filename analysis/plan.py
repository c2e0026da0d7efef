"""Which products to fetch: a deterministic choice under the three limits, from facts alone, no network."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from analysis.footprints import overlap, separation_deg
from analysis.products import Product, pointing_of

GB = 1e9
"""Bytes in a gigabyte, as `max_total_gb` counts them."""
_LEAST_OVERLAP = {3: 0.2, 2: 0.5}
_MOST_ANCHORS = 40
_MOST_POOL = 240
_MOST_STEPS = 3
_MJD_ZERO = datetime(1858, 11, 17)  # noqa: DTZ001 - the zero of a day count, no moment


@dataclass(frozen=True)
class Limits:
    """The user's limits: observations, files, bytes; never exceeded by a plan, companions included."""

    max_obs: int
    max_files: int
    max_bytes: float

    def fit(self, units: Iterable[Unit]) -> bool:
        """Tell whether all of these stay within every limit."""
        units = list(units)
        return (
            len({unit.observation for unit in units}) <= self.max_obs
            and sum(unit.files for unit in units) <= self.max_files
            and sum(unit.size for unit in units) <= self.max_bytes
        )


@dataclass(frozen=True)
class Unit:
    """A product with its companions: chosen together or not at all."""

    product: Product
    companions: tuple[Product, ...] = ()

    @property
    def observation(self) -> str:
        """Observation that the product came with."""
        return self.product.observation

    @property
    def files(self) -> int:
        """How many files."""
        return 1 + len(self.companions)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(part.size or 0 for part in (self.product, *self.companions))


@dataclass(frozen=True)
class Left:
    """A product that was not chosen, and why."""

    product: Product
    reason: str


@dataclass(frozen=True)
class Plan:
    """What to fetch, in order; what was left and why; lines for a person."""

    products: tuple[Product, ...]
    left: tuple[Left, ...]
    lines: tuple[str, ...]

    @property
    def total_bytes(self) -> int:
        """Bytes of all products."""
        return sum(product.size or 0 for product in self.products)


def choose(
    images: Sequence[Product],
    spectra: Sequence[Product],
    companions: Mapping[str, tuple[Product, ...]],
    limits: Limits,
    place: tuple[float, float],
    *,
    exclusive_too: bool = False,
) -> Plan:
    """Choose what to fetch.

    Images first: the set of level-3 products that overlap each other, most bands, then most epochs; where no
    two fit the limits, the largest set of single exposures of one pointing in two or more bands. Spectra get
    what is left, and one observation of their own where three or more are allowed.

    Parameters
    ----------
    images, spectra : sequence of Product
        All there are, sizes as far as known; the order does not matter.
    companions : mapping
        Stem of an image to the files fetched with it.
    place : tuple of float
        RA and Dec of the target, ICRS degrees.
    exclusive_too : bool
        Whether products that are not public yet may be fetched.

    Returns
    -------
    Plan
        The same for the same facts, whatever their order.
    """
    pool, refused = _usable([*_unique(images), *_unique(spectra)], exclusive_too=exclusive_too)
    image_names = {p.name for p in images}
    pictures = [_with_companions(p, companions) for p in pool if p.name in image_names]
    slits = sorted(
        (Unit(p) for p in pool if p.name not in image_names), key=lambda u: _spectrum_key(u, place)
    )
    first: list[Unit] = []
    if pictures and limits.max_obs >= 3 and limits.max_files >= 4:
        first = _fill([], slits, Limits(1, limits.max_files // 4, limits.max_bytes / 10))
    chosen, lines = _choose_images(pictures, _less(limits, first), place)
    units = _fill([*chosen, *first], slits, limits)
    if slits and len(units) == len(chosen):
        lines.append(f"none of the {len(slits)} spectra fits beside the images: raise max_obs or max_files")
    taken = tuple(part for unit in units for part in (unit.product, *unit.companions))
    left = [*refused, *_reasons([*pictures, *slits], units, limits)]
    return Plan(taken, tuple(sorted(left, key=lambda item: item.product.name)), tuple(lines))


def _unique(products: Sequence[Product]) -> list[Product]:
    """Drop products listed twice, under other observations or with other sizes: the largest counts."""
    by_name: dict[str, Product] = {}
    for product in sorted(products, key=lambda p: (p.name, -(p.size or 0), p.observation, repr(p))):
        by_name.setdefault(product.name, product)
    return list(by_name.values())


def _usable(products: list[Product], *, exclusive_too: bool) -> tuple[list[Product], list[Left]]:
    """Part what can be fetched from what cannot, with the reason."""
    pool, refused = [], []
    for product in products:
        if product.exclusive and not exclusive_too:
            refused.append(Left(product, f"exclusive access, public {_day(product.public_from)}"))
        elif not product.size or product.size < 0:
            refused.append(Left(product, "the archive does not say how large it is"))
        else:
            pool.append(product)
    return pool, refused


def _day(mjd: float) -> str:
    """Words for a day given as MJD."""
    return "on a day not stated" if math.isnan(mjd) else f"from {_MJD_ZERO + timedelta(days=mjd):%Y-%m-%d}"


def _with_companions(product: Product, companions: Mapping[str, tuple[Product, ...]]) -> Unit:
    """Join a product with those of its companions whose size is known."""
    return Unit(product, tuple(c for c in companions.get(product.stem, ()) if c.size and c.size > 0))


def _less(limits: Limits, units: Sequence[Unit]) -> Limits:
    """Return what the limits leave beside some units of observations of their own."""
    return Limits(
        limits.max_obs - len({unit.observation for unit in units}),
        limits.max_files - sum(unit.files for unit in units),
        limits.max_bytes - sum(unit.size for unit in units),
    )


def _spectrum_key(unit: Unit, place: tuple[float, float]) -> tuple[float, str, int, str]:
    """Order spectra: nearest observation first, level 3 before 2."""
    return (
        round(_distance(unit.product, place), 5),
        unit.observation,
        -unit.product.level,
        unit.product.name,
    )


def _distance(product: Product, place: tuple[float, float]) -> float:
    """Degrees from the target to the centre of a footprint; 0 where that is unknown."""
    return 0.0 if product.region is None else separation_deg(*product.region.centre, *place)


def _fill(units: list[Unit], more: Sequence[Unit], limits: Limits) -> list[Unit]:
    """Add units in order as long as they fit."""
    units = list(units)
    for unit in more:
        if unit not in units and limits.fit([*units, unit]):
            units.append(unit)
    return units


def _choose_images(
    pictures: list[Unit], limits: Limits, place: tuple[float, float]
) -> tuple[list[Unit], list[str]]:
    """Choose images, with lines that say what kind they are and what more bytes would bring."""
    mosaics = [unit for unit in pictures if unit.product.level == 3]
    singles = [unit for unit in pictures if unit.product.level == 2]
    chosen = _best_set(mosaics, limits, place)
    lines: list[str] = []
    if len(chosen) < 2:
        pointing = _best_set(singles, limits, place)
        if len({unit.product.band for unit in pointing}) >= 2 or not chosen:
            chosen = pointing
            if pointing and mosaics:
                lines.append("no two overlapping level-3 products fit the limits: single exposures are taken")
            elif pointing:
                lines.append("no level-3 products here: single exposures are taken")
    if chosen and chosen[0].product.level == 2:
        lines.append("single exposures keep their cosmic rays, and the check for them cannot be passed")
    else:
        rest = [unit for unit in mosaics if unit not in chosen]
        while more := _best_set(rest, _remaining(limits, chosen), place):
            chosen = _fill(chosen, more, limits)
            rest = [unit for unit in rest if unit not in more]
    return chosen, [*lines, *_steps(mosaics, chosen, limits, place)]


def _remaining(limits: Limits, chosen: list[Unit]) -> Limits:
    """Return what the limits leave beside images already chosen."""
    return _less(limits, chosen)


def _best_set(units: Sequence[Unit], limits: Limits, place: tuple[float, float]) -> list[Unit]:
    """Grow a set of overlapping units from each of the nearest, and return the best set."""
    near = sorted(units, key=lambda u: (_distance(u.product, place), u.product.name))[:_MOST_POOL]
    sets = [_grow(anchor, near, limits) for anchor in near[:_MOST_ANCHORS]]
    return min((found for found in sets if found), key=lambda found: _set_key(found, place), default=[])


def _grow(anchor: Unit, pool: Sequence[Unit], limits: Limits) -> list[Unit]:
    """Add to a unit what overlaps it: a new band before a new epoch, the smaller file first."""
    chosen = [anchor]
    if not limits.fit(chosen):
        return []
    rest = [unit for unit in pool if unit is not anchor and _overlapping(anchor.product, unit.product)]
    while True:
        bands = Counter(unit.product.band for unit in chosen)
        nights = {(unit.product.band, unit.product.night) for unit in chosen}
        fitting = [unit for unit in rest if limits.fit([*chosen, unit])]
        if not fitting:
            return chosen
        best = min(
            fitting,
            key=lambda u: (
                bands[u.product.band],
                (u.product.band, u.product.night) in nights,
                u.size,
                u.product.name,
            ),
        )
        chosen.append(best)
        rest.remove(best)


def _overlapping(one: Product, other: Product) -> bool:
    """Tell whether two images show enough of the same sky, by their footprints, else by their names."""
    least = _LEAST_OVERLAP[min(one.level, other.level, 3) if one.level >= 2 else 3]
    if one.region is not None and other.region is not None:
        return overlap(one.region, other.region) >= least
    first, second = pointing_of(one.name), pointing_of(other.name)
    if first and second:
        same_place = first[:2] == second[:2] and first[2][:4] == second[2][:4]
        return same_place and (first[2] == second[2] or "long" in first[2] + second[2])
    return not first and not second and one.name[:12] == other.name[:12]


def _set_key(units: Sequence[Unit], place: tuple[float, float]) -> tuple[object, ...]:
    """Order sets: two bands, the target inside, more bands, more files, fewer bytes, names."""
    bands = len({unit.product.band for unit in units})
    inside = [unit.product.holds(*place) for unit in units]
    outside = sum(1.0 if held is False else 0.5 if held is None else 0.0 for held in inside) / len(inside)
    names = sorted(unit.product.name for unit in units)
    return -min(bands, 2), round(outside, 2), -bands, -len(units), sum(u.size for u in units), names


def _steps(mosaics: list[Unit], chosen: list[Unit], limits: Limits, place: tuple[float, float]) -> list[str]:
    """Say what higher limits would bring: the next level-3 products of the same field and what they cost."""
    taken = [unit for unit in chosen if unit.product.level == 3]
    unlimited = _best_set(mosaics, Limits(limits.max_obs, limits.max_files, math.inf), place)
    lines, total = [], sum(unit.size for unit in taken)
    more = sorted((u for u in unlimited if u not in taken), key=lambda u: (u.size, u.product.name))
    so_far = len(taken)
    for unit in more[:_MOST_STEPS]:
        total, so_far = total + unit.size, so_far + 1
        if so_far >= 2 and total > limits.max_bytes:
            gigabytes = math.ceil(total / GB * 100) / 100
            news = [unit] if taken or so_far > 2 else more[:2]
            words = " and ".join(f"{' '.join(u.product.band)} ({u.size / GB:.2f} GB)" for u in news)
            lines.append(f"max_total_gb of {gigabytes:.2f} would bring level-3 {words}")
    wider = _best_set(mosaics, Limits(10_000, limits.max_files, math.inf), place)
    beyond = [unit for unit in wider if unit not in unlimited]
    if beyond:
        bands = sorted({" ".join(unit.product.band) for unit in beyond})
        lines.append(f"a higher max_obs would bring more level-3 of this field: {', '.join(bands[:8])}")
    return lines


def _reasons(units: Sequence[Unit], chosen: Sequence[Unit], limits: Limits) -> list[Left]:
    """Say for every level-3 product that was not chosen which limit it would break."""
    taken = {part.name for unit in chosen for part in (unit.product, *unit.companions)}
    reasons = []
    for unit in units:
        if unit.product.name in taken or unit.product.level == 2:
            continue
        with_it = [*chosen, unit]
        if unit.size > limits.max_bytes:
            reason = f"alone larger than max_total_gb = {limits.max_bytes / GB:g}"
        elif len({u.observation for u in with_it}) > limits.max_obs:
            reason = f"over max_obs = {limits.max_obs}"
        elif sum(u.files for u in with_it) > limits.max_files:
            reason = f"over max_files = {limits.max_files}"
        elif sum(u.size for u in with_it) > limits.max_bytes:
            reason = f"over max_total_gb = {limits.max_bytes / GB:g}"
        else:
            reason = "shows another part of the sky than what was chosen"
        reasons.append(Left(unit.product, reason))
    return reasons
