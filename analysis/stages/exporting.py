"""Exports: the store and the journals in; one file or folder of a format out, whole or not at all."""

import csv
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.config import Config
from analysis.cutouts import CutoutError, load_cutouts
from analysis.exports.cutting_fits import INDEX
from analysis.exports.formats import Format
from analysis.exports.handing import Cut, ExportError, HandOff, Searched, Vote
from analysis.exports.selection import Selection, select
from analysis.report.naming import field_name
from analysis.stages.cutting import figure_paths, open_recorded
from store import __version__
from store.database import Database
from store.frames import FrameRecord, frame_records
from store.handoff import HANDOFF, load_features, read_typed
from store.matching import match_journals
from store.project import Project
from store.verdicts import VerdictBook

if TYPE_CHECKING:
    from analysis.cutouts import CutoutSet, Panel


def gather(project: Project, config: Config, wanted: Selection) -> HandOff:
    """Collect the chosen candidates with all that an export may say of them.

    Raises
    ------
    ExportError
        Nothing is ranked or decided yet, or the selection asks for what is not there.
    """
    db = Database(project.database)
    book = VerdictBook(project, config.vetting.name(), database=db, labels=config.vetting.labels)
    match_journals(db, book)
    book.index()
    rows = read_typed(db, HANDOFF)
    if not rows.num_rows:
        raise ExportError("no candidate to export yet; `jwst-vet rank` ranks what was measured")
    states = [state for state in book.all_states() if state.label]
    labels = dict.fromkeys([*book.labels, *(state.label for state in states)])
    chosen = select(rows, HANDOFF.columns, wanted, list(labels))
    simulated = any(chosen.column("simulated").to_pylist())
    records = frame_records(db)
    done = [record for record in records if record.state == "done"]
    about = {"program": f"jwst-vet {__version__}", "field": field_name(config, records)}
    about |= {"selection": wanted.told(), "rows": str(chosen.num_rows)}
    about |= {"coordinates": "ICRS", "meaning": "candidates, not discoveries"}
    if simulated:
        about["SIMULATED"] = "rows whose column simulated is true are no observation of the sky"
    named = set(chosen.column("candidate").to_pylist())
    return HandOff(
        rows=chosen,
        columns=HANDOFF.columns,
        about=about,
        simulated=simulated or any(record.simulated for record in done),
        searched=[
            Searched(r.frame, r.path, r.instrument, r.filter, r.footprint, r.depth_5sigma_mag) for r in done
        ],
        votes=[Vote(s.candidate, s.vetter, s.label, s.at) for s in states if s.candidate in named],
        features=load_features(db),
        cut=_Cutting(project, {record.frame: record for record in done}),
    )


def default_path(project: Project, kind: Format, hand: HandOff) -> Path:
    """Return where an export goes; SIMULATED is in the name, since not every format has a place for it."""
    return project.exports / (f"SIMULATED-{kind.file}" if hand.simulated else kind.file)


def write_export(kind: Format, hand: HandOff, path: Path) -> None:
    """Write an export whole or not at all; of a folder, every file is.

    Raises
    ------
    ExportError
        The place cannot be written, or is a folder that no export made.
    """
    if path.is_dir() != kind.folder and path.exists():
        raise ExportError(f"{path}: is {'no ' if kind.folder else 'a '}folder; give another place: --to")
    write = kind.load()
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(hand, draft)
        if kind.folder:
            _put_folder(draft, path)
        else:
            _settle(draft)
            draft.replace(path)
    except OSError as error:
        raise ExportError(
            f"{path}: not written: {error.strerror or error}; free some space or give another place: --to"
        ) from error
    finally:
        if draft.is_dir():
            shutil.rmtree(draft)
        draft.unlink(missing_ok=True)


def _settle(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _put_folder(draft: Path, path: Path) -> None:
    """Move the files of a draft into a folder, the index last; those of an earlier export are removed."""
    before = _listed(path)
    path.mkdir(exist_ok=True)
    made = sorted(p.name for p in draft.iterdir() if p.name != INDEX)
    for name in [*made, INDEX]:
        _settle(draft / name)
        (draft / name).replace(path / name)
    for name in before - set(made):
        (path / name).unlink(missing_ok=True)


def _listed(path: Path) -> set[str]:
    """Return the files that an earlier export put into a folder; refuse a folder that is not of that kind."""
    if not path.is_dir() or not any(path.iterdir()):
        return set()
    try:
        with (path / INDEX).open(encoding="utf-8", newline="") as file:
            names = {row["filename"] for row in csv.DictReader(file)}
    except (OSError, KeyError, csv.Error, UnicodeDecodeError):
        raise ExportError(f"{path}: holds other things than cutouts; give another place: --to") from None
    return {name for name in names if name == Path(name).name and name.endswith(".fits")}


class _Cutting:
    """From names of candidates to their pixels, each frame's file opened once for its WCS."""

    def __init__(self, project: Project, records: dict[str, FrameRecord]) -> None:
        self._project = project
        self._records = records
        self._worlds: dict[str, Any] = {}

    def __call__(self, name: str) -> Cut | None:
        """Return the pixels of a candidate, and the exact WCS of each frame whose file is at hand."""
        try:
            found = load_cutouts(figure_paths(self._project, name)[0])
        except CutoutError:
            return None
        headers = {panel.frame: self._header(found, panel) for panel in found.panels}
        return Cut(found, {frame: header for frame, header in headers.items() if header is not None})

    def _header(self, found: "CutoutSet", panel: "Panel") -> Any:
        """Return the WCS cards of a frame's file moved to the cutout's corner; None without that file."""
        from astropy.wcs import Sip

        world = self._world(panel.frame)
        if world is None:
            return None
        x, y = (float(v) for v in world.world_to_pixel_values(found.ra, found.dec))
        low = (round(x - panel.x), round(y - panel.y))
        moved = world.deepcopy()
        moved.wcs.crpix -= low
        if moved.sip is not None:
            sip = moved.sip
            moved.sip = Sip(sip.a, sip.b, sip.ap, sip.bp, sip.crpix - low)
        return moved.to_header(relax=True)

    def _world(self, name: str) -> Any:
        """Return the WCS of a frame; None where its file is gone or is not the one that was measured."""
        from analysis.i2d import FrameError

        if name not in self._worlds:
            self._worlds[name] = None
            record = self._records.get(name)
            if record is not None and Path(record.path).exists():
                with suppress(FrameError), open_recorded(self._project, record) as frame:
                    self._worlds[name] = frame.wcs.deepcopy()
        return self._worlds[name]
