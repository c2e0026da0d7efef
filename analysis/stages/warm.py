"""The warm evidence process: names of candidates come in on standard input, a line of JSON goes out for each.

It keeps frames open and libraries loaded, so that one candidate is examined in well under a second, and it
ends when its input does. It writes what it finds into the store; the app reads it from there.
"""

import json
import sys
import time
from concurrent.futures import wait
from pathlib import Path
from typing import Any

from analysis import config as configuration
from analysis.checks.registry import CHECKS
from analysis.stages.asking import Desk, catalog_rows
from analysis.stages.checks import missing, rows_of
from analysis.stages.examining import Examiner, make_bench, places_of
from analysis.stages.examining_spectra import check_spectra, spectrum_places
from store.candidates import candidate_order
from store.checks import check_keys, save_checks
from store.database import Database
from store.frames import frame_records
from store.own_lists import ListProject
from store.project import Project, StoreError


class Warm:
    """Answers one name after another; a new ranking or a new frame opens the frames anew."""

    def __init__(self, root: Path, listed: str = "") -> None:
        self.config = configuration.load(root / configuration.FILE_NAME)
        paths = self.config.paths
        data, outputs = root / paths.data, root / paths.outputs
        self.project = ListProject(root, data, outputs, listed) if listed else Project(root, data, outputs)
        self.db = Database(self.project.database)
        self._examiner: Examiner | None = None
        self._frames: list[tuple[str, str]] = []
        self._desk: Desk | None = None

    def examine(self, name: str) -> dict[str, Any]:
        """Compute what is missing of a candidate from its pixels, and what kept answers of catalogues say."""
        began = time.perf_counter()
        spectra = spectrum_places(self.db, [name])
        if name in spectra:
            done, _ = check_spectra(self.project, self.db, [name], lambda: False)
            save_checks(self.db, catalog_rows(self._asker(), [spectra[name]], check_keys(self.db)))
            return {
                "candidate": name,
                "computed": done,
                "seconds": round(time.perf_counter() - began, 3),
                "unread": [],
            }
        place = places_of(self.db, self.config, [name]).get(name)
        if place is None:
            return {"candidate": name, "problem": "it is no longer ranked"}
        bench = make_bench(self.project, self.config, self.db, [name])
        examiner = self._fresh(bench)
        work = missing(bench, self.db, [place])
        for _place, names in work:
            save_checks(self.db, rows_of(bench, place, examiner.examine(place, names)))
        desk = self._asker()
        save_checks(self.db, catalog_rows(desk, [place], check_keys(self.db)))
        return {
            "candidate": name,
            "computed": sum(len(names) for _, names in work),
            "seconds": round(time.perf_counter() - began, 3),
            "unread": sorted(examiner.failures.values()),
        }

    def ask(self, name: str) -> dict[str, Any]:
        """Ask catalogue services what is not kept about a candidate, and say when that is through."""
        place = places_of(self.db, self.config, [name], with_views=False).get(name)
        place = place or spectrum_places(self.db, [name]).get(name)
        if place is None:
            return {"candidate": name, "problem": "it is no longer ranked"}
        desk = self._asker()
        futures = desk.ask_missing([place])
        wait(futures)
        for future in futures:
            future.result()
        desk.forget_offsets()
        save_checks(self.db, catalog_rows(desk, [place], check_keys(self.db)))
        return {"candidate": name, "asked": len(futures)}

    def _fresh(self, bench: Any) -> Examiner:
        """Return the examiner, made anew where frames changed."""
        frames = [(record.frame, record.stage_key) for record in bench.records]
        if self._examiner is None or frames != self._frames:
            if self._examiner is not None:
                self._examiner.__exit__()
            self._examiner, self._frames = Examiner(bench), frames
        self._examiner.bench = bench
        return self._examiner

    def _asker(self) -> Desk:
        """Return who asks the catalogues, with no memory of who was silent before."""
        self._desk = Desk(self.project, self.config, self.db, frame_records(self.db, "done"))
        return self._desk

    def rehearse(self) -> None:
        """Examine the first candidate and keep nothing: libraries, frames and PSFs are loaded before a name.

        Whatever is wrong with it is said when somebody asks for it.
        """
        try:
            names = candidate_order(self.db)[:1]
            bench = make_bench(self.project, self.config, self.db, names)
            examiner = self._fresh(bench)
            for place in places_of(self.db, self.config, names).values():
                examiner.examine(place, list(CHECKS))
        except (StoreError, OSError, ValueError) as error:
            _say({"rehearsal": " ".join(str(error).split())})


def main() -> None:
    """Answer until the input ends; the arguments are the project's folder and, of a list, its name."""
    warm = Warm(Path(sys.argv[1]), *sys.argv[2:])
    warm.rehearse()
    _say({"ready": True})
    for line in sys.stdin:
        name = line.strip()
        for work in (warm.examine, warm.ask):
            try:
                _say(work(name))
            except (StoreError, OSError, ValueError) as error:
                _say({"candidate": name, "problem": " ".join(str(error).split())})


def _say(words: dict[str, Any]) -> None:
    print(json.dumps(words, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
