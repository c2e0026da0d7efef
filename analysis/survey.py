"""From the configuration to a plan: ask the archive what there is near the target, in the fewest requests."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from analysis.archive import Archive, NotFound, Position
from analysis.config import Config
from analysis.footprints import separation_deg
from analysis.plan import GB, Limits, Plan, choose
from analysis.products import Product, allowed, family, filter_of, region_of
from analysis.rows import Observation

_COMPANIONS = ("cat", "segm")
_LEAST_LISTS = 24
_MOST_SIZES_ASKED = 200
_NEARBY_DEG = 0.5
_MOST_NEARBY = 3


@dataclass(frozen=True)
class Survey:
    """What was found and chosen: the place, the plan, lines that say how it came about."""

    place: Position
    plan: Plan
    lines: tuple[str, ...]


def survey(
    config: Config,
    archive: Archive,
    *,
    headers: Mapping[str, str],
    say: Callable[[str], None] = lambda _line: None,
) -> Survey:
    """Find the target, list what the archive has there, and choose under the limits.

    Parameters
    ----------
    headers : mapping
        Those that carry the token; empty without one, and then exclusive products are left.

    Raises
    ------
    NotFound
        If there is no such object, or nothing of the wanted types near it.
    ArchiveError
        If the archive does not answer.
    """
    place = _place(config, archive)
    say(f"{config.target}: RA {place.ra:.5f} Dec {place.dec:+.5f} ({place.source})")
    rows = archive.observations(place.ra, place.dec, config.radius_deg)
    regions = {row.obs_id: row for row in rows}
    images, lines = _images(config, archive, rows, place, say)
    spectra, more = _spectra(config, archive, rows, place, say)
    companions = _by_stem([p for p in images if p.suffix in _COMPANIONS])
    images = [p for p in images if p.suffix not in _COMPANIONS]
    if not images and not spectra:
        raise NotFound(_nothing(config, archive, place, rows))
    images = [_placed(product, regions) for product in images]
    mosaics = [product for product in images if product.level == 3]
    chosen = _chosen(config, archive, mosaics, spectra, companions, place, headers)
    if len(mosaics) < len(images) and _mosaics(config, chosen) < 2:
        chosen = _chosen(config, archive, images, spectra, companions, place, headers)
    return Survey(place, chosen, (*lines, *more, *chosen.lines))


def _mosaics(config: Config, plan: Plan) -> int:
    """Count the level-3 images of a plan."""
    types = {name.lower() for name in config.product_types_image}
    return sum(product.level == 3 and product.suffix in types for product in plan.products)


def _chosen(
    config: Config,
    archive: Archive,
    images: Sequence[Product],
    spectra: Sequence[Product],
    companions: Mapping[str, tuple[Product, ...]],
    place: Position,
    headers: Mapping[str, str],
) -> Plan:
    """Ask for the sizes that are not known and choose under the limits."""
    stems = {product.stem for product in images}
    groups = {stem: group for stem, group in companions.items() if stem in stems}
    known = _sized(archive, [*images, *spectra, *(c for group in groups.values() for c in group)], headers)
    return choose(
        [known[p.uri] for p in images],
        [known[p.uri] for p in spectra],
        {stem: tuple(known[c.uri] for c in group) for stem, group in groups.items()},
        Limits(config.max_obs, config.max_files, config.max_total_gb * GB),
        (place.ra, place.dec),
        exclusive_too=bool(headers),
    )


def _place(config: Config, archive: Archive) -> Position:
    """Where to look: the coordinates of the configuration, or the position of the name."""
    if config.target_mode == "coords":
        return Position(config.ra_deg, config.dec_deg, "given")
    return archive.resolve(config.target_name.strip())


def _images(
    config: Config, archive: Archive, rows: Sequence[Observation], place: Position, say: Callable[[str], None]
) -> tuple[list[Product], list[str]]:
    """List images, with companions where wanted, of level-3 observations, else of level-2 ones."""
    types = [name.lower() for name in config.product_types_image]
    wanted = [*types, *(_COMPANIONS if config.download.companions else ())]
    mine = [
        row for row in rows if row.kind.lower() in ("image", "") and _row_allowed(config, row, images=True)
    ]
    found: list[Product] = []
    lines: list[str] = []
    for levels in ((3, 4, 0), (2, 1)):
        turn = _in_turn([row for row in mine if row.level in levels], place)
        asked, more = _asked(archive, turn, wanted, config.max_obs, "images", say)
        found += [p for p in asked if p.suffix in _COMPANIONS or _product_allowed(config, p)]
        lines += more
        if any(p.suffix in types for p in found):
            break
    return found, lines


def _spectra(
    config: Config, archive: Archive, rows: Sequence[Observation], place: Position, say: Callable[[str], None]
) -> tuple[list[Product], list[str]]:
    """List spectra of the nearest spectroscopic observations."""
    mine = [
        row
        for row in rows
        if row.kind.lower() not in ("image", "") and _row_allowed(config, row, images=False)
    ]
    mine.sort(key=lambda row: (-min(row.level, 3), round(_distance(row, place), 5), row.obs_id))
    found, lines = _asked(
        archive, mine, config.product_types_spectra, config.max_obs, "spectra", say, least=6
    )
    wanted = {name.lower() for name in config.product_types_spectra}
    return [_at(p, rows) for p in found if p.suffix in wanted], lines


def _asked(
    archive: Archive,
    rows: Sequence[Observation],
    suffixes: Sequence[str],
    max_obs: int,
    what: str,
    say: Callable[[str], None],
    least: int = _LEAST_LISTS,
) -> tuple[list[Product], list[str]]:
    """Ask for the products of observations in turn, one list each, of the first so many."""
    most = max(least, 2 * max_obs)
    found: list[Product] = []
    for number, row in enumerate(rows[:most], start=1):
        say(f"{what}: asking for products {number}/{min(len(rows), most)}: {row.obs_id}")
        found += archive.products(row, suffixes)
    if len(rows) <= most:
        return found, []
    return found, [f"{what}: {len(rows)} observations here, the products of the first {most} were looked at"]


def _row_allowed(config: Config, row: Observation, *, images: bool) -> bool:
    """Tell whether the lists of instruments and, for images, of filters take an observation."""
    names = filter_of("", row.filters)
    filters = config.download.filters if images and names != "unknown" else []
    return allowed(
        family(row.instrument), row.instrument, names, config.download.instruments_allowlist, filters
    )


def _product_allowed(config: Config, product: Product) -> bool:
    """Tell whether an image is of the allowed instruments and filters."""
    lists = config.download
    # The mode ("NIRCAM/IMAGE") is the observation's, which was asked for only where the list takes it.
    instruments = [family(name) for name in lists.instruments_allowlist]
    return allowed(product.instrument, "", product.filter, instruments, lists.filters)


def _in_turn(rows: Sequence[Observation], place: Position) -> list[Observation]:
    """Order observations so that every band comes early: the nearest of each, then the next of each."""
    bands: dict[tuple[str, str], list[Observation]] = defaultdict(list)
    for row in sorted(rows, key=lambda r: (not _holds(r, place), round(_distance(r, place), 4), r.obs_id)):
        bands[family(row.instrument), filter_of("", row.filters)].append(row)
    ordered = [bands[band] for band in sorted(bands)]
    return [group[i] for i in range(max(map(len, ordered), default=0)) for group in ordered if i < len(group)]


def _holds(row: Observation, place: Position) -> bool:
    """Tell whether an observation's footprint holds the target."""
    region = region_of(row.region)
    return region is not None and region.holds(place.ra, place.dec)


def _distance(row: Observation, place: Position) -> float:
    """Degrees from an observation's position to the target; 180 where it has none."""
    if math.isnan(row.ra) or math.isnan(row.dec):
        return 180.0
    return separation_deg(row.ra, row.dec, place.ra, place.dec)


def _placed(product: Product, rows: Mapping[str, Observation]) -> Product:
    """Give a single exposure the footprint and the time of its own row, where the archive has one."""
    row = rows.get(product.stem)
    if row is None or product.region is not None:
        return product
    return replace(product, region=region_of(row.region), epoch=row.epoch)


def _at(product: Product, rows: Sequence[Observation]) -> Product:
    """Give a spectrum the footprint of its observation, so that the nearest come first."""
    row = next((row for row in rows if row.obs_id == product.observation), None)
    return product if row is None else replace(product, region=region_of(row.region))


def _by_stem(products: Sequence[Product]) -> dict[str, tuple[Product, ...]]:
    """Companions of each image, by its stem; of catalogues only the table."""
    groups: dict[str, list[Product]] = defaultdict(list)
    for product in sorted(products, key=lambda p: p.name):
        if product.name.endswith(("_cat.ecsv", "_segm.fits")):
            groups[product.stem].append(product)
    return {stem: tuple({p.uri: p for p in group}.values()) for stem, group in groups.items()}


def _sized(archive: Archive, products: Sequence[Product], headers: Mapping[str, str]) -> dict[str, Product]:
    """Ask for the sizes that the tables lack; what still has none is not chosen."""
    known: dict[str, Product] = {}
    asked = 0
    for product in products:
        if product.uri in known and known[product.uri].size is not None:
            continue
        size = product.size
        if size is None and asked < _MOST_SIZES_ASKED and product.uri not in known:
            asked += 1
            size = archive.size_of(product, headers if product.exclusive else {})
        known[product.uri] = product.sized(size)
    return known


def _nothing(config: Config, archive: Archive, place: Position, rows: Sequence[Observation]) -> str:
    """Say what was searched, what to change, and what does have data nearby."""
    types = ", ".join([*config.product_types_image, *config.product_types_spectra])
    there = f"{len(rows)} observations there have none" if rows else "no observation there"
    limited = config.download.instruments_allowlist or config.download.filters
    change = "the name, radius_deg, the coordinates" + (", [download] lists" if rows and limited else "")
    nearest: dict[str, float] = {}
    for row in archive.observations(place.ra, place.dec, max(_NEARBY_DEG, config.radius_deg)):
        if row.target and row.level >= 2:
            nearest[row.target] = min(nearest.get(row.target, 180.0), _distance(row, place))
    near = sorted(nearest.items(), key=lambda item: (item[1], item[0]))[:_MOST_NEARBY]
    words = "; ".join(f"{name} ({apart:.3f} deg away)" for name, apart in near)
    return (
        f"{config.target}: no JWST product of type {types} within {config.radius_deg:g} deg of "
        f"RA {place.ra:.5f} Dec {place.dec:+.5f} ({there}); change {change}; nearest with data: "
        f"{words or 'none within half a degree'}"
    )
