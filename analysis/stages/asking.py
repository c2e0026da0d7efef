"""Catalogues asked for candidates: kept answers first, missing ones over the network, kept as they come."""

import hashlib
import json
import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import minor_planets
from analysis.astrometry import Offset, offset
from analysis.catalog_entries import NO_ANSWER, NOT_QUERIED, OK, Answer, cell_of, moved
from analysis.catalog_files import CatalogFileError, keep, kept, read_own
from analysis.catalogs import SERVICES, Service, ask, vizier
from analysis.config import Config
from analysis.footprints import parse_region
from analysis.patience import Patience, Stopped
from analysis.services import catalog_urls, given_urls
from analysis.stages.cutting import open_recorded
from analysis.tap import Client
from store.checks import AnswerRow, CheckRow, save_answer
from store.database import Database
from store.frames import FrameRecord
from store.project import Project
from store.sources import compact_sources
from store.spectra import redshift_rows

if TYPE_CHECKING:
    from analysis.checks.catalogs import Asked
    from analysis.checks.redshift import SpectralRedshift
    from analysis.checks.subject import Place

CODE_VERSION = "2"
SIMULATED_REASON = "the images are SIMULATED: no catalogue knows this sky"
NOWHERE_REASON = "its file gives no position"
LATER_REASON = "not asked yet"
MOST_RETRIES = 1
MOST_TIMES = 6
"""Moments at which solar-system objects are asked for one candidate, at most."""

Observer = tuple[float, tuple[float, ...]]
"""When (MJD) and from where, as `minor_planets.observer` returns it."""

Failures = dict[tuple[str, str], Answer]
"""What became of questions that have no kept answer, by service and block."""


@dataclass
class Desk:
    """Asks catalogues for one project, and remembers within a run who did not answer."""

    project: Project
    config: Config
    db: Database
    records: Sequence[FrameRecord]
    stopping: Callable[[], bool] = lambda: False
    failures: Failures = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _observers: dict[str, Observer | None] = field(default_factory=dict)
    _offsets: dict[str, Offset] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where answers are kept."""
        return self.project.outputs_dir / "catalogs"

    def services(self) -> list[Service]:
        """Return the table services that the configuration names."""
        chosen = self.config.services.catalogs
        found = [service for key, service in SERVICES.items() if key in chosen]
        if "vizier" in chosen:
            found += [vizier(table) for table in self.config.services.vizier_tables]
        return found

    def client(self) -> Client:
        """Return what asks, with the patience of the configuration but few repetitions."""
        services = self.config.services
        read = min(services.read_timeout_s, services.catalog_seconds)
        patience = Patience(services.connect_timeout_s, read, min(services.retries, MOST_RETRIES))
        return Client(patience, services.catalog_seconds, self.stopping)

    def silent(self, place: "Place") -> str:
        """Return why nobody is asked about a candidate; "" where services are."""
        if not math.isfinite(place.ra):
            return NOWHERE_REASON
        return SIMULATED_REASON if place.simulated and not given_urls() else ""

    def ask_missing(self, places: "Iterable[Place]") -> "list[Future[None]]":
        """Begin to ask, one thread for each server, what is not kept; wait for the futures, or do not."""
        wanted = [place for place in places if not self.silent(place)]
        cells = list(dict.fromkeys(cell_of(place.ra, place.dec) for place in wanted))
        urls = catalog_urls()
        pool = ThreadPoolExecutor(8, thread_name_prefix="catalogue")
        servers: dict[str, list[Service]] = {}
        for service in self.services():
            servers.setdefault(service.key, []).append(service)
        futures = [
            pool.submit(self._ask_server, services, urls[_server_name(key)], cells)
            for key, services in servers.items()
        ]
        if minor_planets.KEY in self.config.services.catalogs and wanted:
            futures.append(pool.submit(self._ask_planets, wanted))
        pool.shutdown(wait=False)
        return futures

    def _ask_server(self, services: list[Service], url: str, cells: list[Any]) -> None:
        """Ask one server, a question at a time; after a question without an answer it is left alone.

        A server that refuses one table (its name is wrong, its columns are others) is there for the next one.
        """
        trouble: Answer | None = None
        for service in services:
            for cell in cells:
                if kept(self.folder, service.name, cell[0]) is not None:
                    continue
                if trouble is not None and trouble.refused and trouble.service != service.name:
                    trouble = None
                if trouble is None:
                    try:
                        answer = ask(service, url, self.client(), cell, _now())
                    except Stopped:
                        return
                else:
                    answer = replace(trouble, service=service.name, block=cell[0], release=service.release)
                if answer.state == NO_ANSWER:
                    trouble = answer
                self._take(answer)

    def _ask_planets(self, places: "list[Place]") -> None:
        """Ask for solar-system objects at the times of the frames that cover each candidate."""
        url = given_urls().get("sso", minor_planets.URL)
        trouble: Answer | None = None
        for place, seen in [(one, seen) for one in places for seen in self._times(one)]:
            cell = cell_of(place.ra, place.dec)
            block = minor_planets.block_of(seen[0], cell[0]) if seen else cell[0]
            known = (minor_planets.NAME, block) in self.failures
            if known or kept(self.folder, minor_planets.NAME, block) is not None:
                continue
            if trouble is not None:
                self._take(replace(trouble, block=block, release=_planets_release(seen)))
                continue
            try:
                answer = minor_planets.ask(url, self.client(), seen, cell, _now())
            except Stopped:
                return
            if answer.state == NO_ANSWER:
                trouble = answer
            self._take(answer)

    def _take(self, answer: Answer) -> None:
        """Keep a whole answer as a file and in the index; remember any other for this run only."""
        with self._lock:
            if answer.state != OK:
                self.failures[answer.service, answer.block] = answer
                return
            path, digest = keep(self.folder, answer)
            where = path.relative_to(self.project.outputs_dir).as_posix()
            save_answer(
                self.db,
                AnswerRow(
                    answer.service, answer.block, where, len(answer.entries), answer.release, answer.asked_at,
                    digest,
                ),
            )  # fmt: skip

    def asked(self, place: "Place") -> "list[Asked]":
        """Return what every service said of a candidate, from what is kept and what failed in this run."""
        from analysis.checks.catalogs import Asked

        silent = self.silent(place)
        cell = cell_of(place.ra, place.dec)
        found = [
            Asked(
                self._known(service.name, cell[0], service.release, silent), service.radius_arcsec,
                service.why, service.identifies, hosts=service.key in {"simbad", "ned"},
            )
            for service in self.services()
        ]  # fmt: skip
        if minor_planets.KEY in self.config.services.catalogs:
            for seen in [None] if silent else self._times(place):
                block = minor_planets.block_of(seen[0], cell[0]) if seen else cell[0]
                answer = self._known(minor_planets.NAME, block, _planets_release(seen), silent)
                found.append(Asked(answer, 3.0, "small bodies move while they are exposed", identifies=True))
        own = self._own()
        return [*found, Asked(own, 0.3, "as for surveys", identifies=True)] if own else found

    def _known(self, service: str, block: str, release: str, silent: str) -> Answer:
        """Return a kept answer, else what became of the question."""
        if silent:
            return Answer(service, block, NOT_QUERIED, release=release, reason=silent)
        answer = kept(self.folder, service, block) or self.failures.get((service, block))
        return answer or Answer(service, block, NOT_QUERIED, release=release, reason=LATER_REASON)

    def _own(self) -> Answer | None:
        """Return the user's own catalogue as an answer; why not, where it cannot be read."""
        given = self.config.services.own_catalog
        if not given:
            return None
        path = self.project.root / given
        key = ("own catalogue", str(path))
        if key not in self.failures:
            try:
                self.failures[key] = read_own(path)
            except CatalogFileError as error:
                self.failures[key] = Answer(f"own catalogue {path.name}", "", NO_ANSWER, reason=str(error))
        return self.failures[key]

    def _times(self, place: "Place") -> "list[Observer | None]":
        """Return when and from where a candidate was seen: its best frame, then others that cover it.

        Frames of one moment count once, and `MOST_TIMES` are asked at most; None where no file says. Images
        say nothing of when a spectrum was taken.
        """
        of_images = any(record.frame == place.best_frame for record in self.records)
        covering = [
            record.frame
            for record in self.records
            if of_images
            and ((region := parse_region(record.footprint)) is None or region.holds(place.ra, place.dec))
        ]
        found: dict[str, Observer] = {}
        for frame in dict.fromkeys([place.best_frame, *covering]):
            seen = self._observer(frame)
            if seen is not None:
                found.setdefault(minor_planets.block_of(seen[0], ""), seen)
            if len(found) == MOST_TIMES:
                break  # every further one opens a file
        return list(found.values()) or [None]

    def _observer(self, frame: str) -> "Observer | None":
        """Return time and place of the telescope for a frame; None where its file does not say."""
        from analysis.i2d import FrameError

        with self._lock:
            if frame not in self._observers:
                record = next((r for r in self.records if r.frame == frame), None)
                self._observers[frame] = None
                if record is not None:
                    try:
                        with open_recorded(self.project, record) as opened:
                            self._observers[frame] = minor_planets.observer(opened.frame.planes.header)
                    except FrameError:
                        self._observers[frame] = None  # the stage that needs its pixels says so
            return self._observers[frame]

    def forget_offsets(self) -> None:
        """Measure frames against Gaia anew: more of it may be known now."""
        self._offsets.clear()

    def year(self, place: "Place") -> float:
        """Return the Julian year of the candidate's best frame or spectrum; NaN where not recorded."""
        mjd = next((r.mjd_beg for r in self.records if r.frame == place.best_frame), place.mjd)
        return 2000.0 + (mjd - 51544.5) / 365.25

    def offset(self, place: "Place", places: "Iterable[Place]") -> Offset:
        """Return how far the candidate's best frame is from Gaia, from all cells that were answered."""
        frame = place.best_frame
        if frame in self._offsets:
            return self._offsets[frame]
        import numpy as np

        cells = dict.fromkeys(
            cell_of(p.ra, p.dec)[0] for p in places if p.best_frame == frame and math.isfinite(p.ra)
        )
        answers = [kept(self.folder, SERVICES["gaia"].name, cell) for cell in cells]
        stars = {e.name: moved(e, self.year(place)) for a in answers if a is not None for e in a.entries}
        ra, dec = compact_sources(self.db, frame) if stars else ([], [])
        reference = np.array([[s[0], s[1]] for s in stars.values()], dtype=float).reshape(-1, 2)
        found = offset(np.array(ra, float), np.array(dec, float), reference[:, 0], reference[:, 1])
        self._offsets[frame] = found
        return found


def catalog_rows(
    desk: Desk, places: "Sequence[Place]", known: Mapping[tuple[str, str], str]
) -> list[CheckRow]:
    """Return the check of catalogues of candidates, where what services said of them has changed."""
    from analysis.checks import catalogs, redshift
    from analysis.checks.finding import Finding
    from analysis.stages.recording import row_of

    spectra = redshifts_of(desk.db, [place.candidate for place in places])
    rows = []
    for place in places:
        measured = spectra.get(place.candidate)
        if not math.isfinite(place.ra):
            nowhere = Finding(catalogs.NAME, "not run", "not queried", f"not queried: {NOWHERE_REASON}")
            if known.get((place.candidate, catalogs.NAME)) != NOWHERE_REASON:
                rows.append(row_of(place.candidate, nowhere, 0.0, NOWHERE_REASON))
            continue
        asked, shift, year = desk.asked(place), desk.offset(place, places), desk.year(place)
        facts = [
            CODE_VERSION, catalogs.VERSION, round(place.ra, 8), round(place.dec, 8), round(year, 4),
            shift.words(), place.best_frame, f"{place.r_kron_arcsec:.4g}",
            [[a.answer.service, a.answer.block, a.answer.state, a.answer.asked_at, len(a.answer.entries),
              a.answer.release, a.answer.reason] for a in asked],
        ]  # fmt: skip
        if measured is not None:
            facts.insert(-1, [redshift.VERSION, measured.words, f"{measured.second:.4f}"])
        unclocked = [line if line[2] == OK else [*line[:3], *line[4:]] for line in facts[-1]]  # type: ignore[attr-defined]
        facts[-1] = unclocked
        key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]
        if known.get((place.candidate, catalogs.NAME)) != key:
            rows.append(
                row_of(place.candidate, catalogs.check(place, asked, shift, year, measured), 0.0, key)
            )
    return rows


def redshifts_of(db: Database, names: Sequence[str]) -> "dict[str, SpectralRedshift]":
    """Return the redshift of each candidate's best spectrum that has one, secure ones first."""
    from analysis.checks.redshift import SpectralRedshift

    found: dict[str, SpectralRedshift] = {}
    for row in redshift_rows(db, names):
        found.setdefault(
            row["candidate"],
            SpectralRedshift(
                row["spectrum"], row["redshift"], _or_nan(row["redshift_err"]), row["redshift_grade"],
                _or_nan(row["redshift_second"]),
            ),
        )  # fmt: skip
    return found


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _planets_release(seen: "Observer | None") -> str:
    """Return what an answer on solar-system objects is of; "" where the time is not known."""
    return minor_planets.release_of(seen[0]) if seen else ""


def _server_name(key: str) -> str:
    """Return a service's name as the addresses know it."""
    return {"simbad": "SIMBAD", "gaia": "Gaia", "ned": "NED", "vizier": "VizieR"}[key]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
