"""What a report tells: plain facts gathered by the stage, read by the sections."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from analysis.config import Config
from analysis.instruments import order_key
from analysis.recalled import Injected
from analysis.recovered import Row
from store.blind import Sitting
from store.candidates import CandidateRow, MemberRow
from store.checks import CheckRow
from store.frames import FrameRecord
from store.journal import Problem
from store.oddity import Oddity
from store.products import ProductRecord
from store.spectra import SpectrumFileRecord
from store.verdicts import CHECKS, CONFLICT, VerdictState

TABLE_ROWS = 50
"""Candidates in the ranked table; all are in ranked_candidates.csv."""
PICTURES = 12
"""Candidates shown with their cutouts."""


MOST_BLOCKS = 60
"""Candidates that have a block of their own: the first, and those labelled interesting or in conflict."""


@dataclass(frozen=True)
class Step:
    """One step of the selection: what remains after it, how many, and of what (sources, objects, spectra)."""

    what: str
    left: int
    of: str


@dataclass(frozen=True)
class Entry:
    """One candidate in a report: its rank, composite score, label, and computed outcomes by check."""

    rank: int
    score: float
    label: str
    checks: Mapping[str, str]


Snapshot = Mapping[str, Entry]


@dataclass(frozen=True)
class Facts:
    """Everything the report says.

    Attributes
    ----------
    config : Config
        The parameters as they are now.
    version : str
        Of this program.
    frames : sequence of FrameRecord
        Done and failed, by name.
    info : mapping
        Facts of the last ranking; empty where nothing was ranked.
    n_candidates : int
        How many there are; `candidates` holds the first of them and every one that somebody decided on.
    candidates : sequence of CandidateRow
        In order of rank.
    views : mapping
        By candidate, then frame: "detected", "not detected" or "not covered"; frames away from it are absent.
    members : mapping
        By candidate: its detections, by frame and number.
    figures : mapping
        By candidate: the path of its figure, relative to the report.
    states : sequence of VerdictState
        What stands of everybody's decisions, by candidate and vetter.
    problems : sequence of Problem
        Journal lines that could not be read.
    locations : mapping
        By frame: the file's path, relative to the project folder where it lies inside.
    tables : sequence of str
        Paths of the tables, relative to the report.
    written_at : str
        UTC, ISO 8601.
    products : sequence of ProductRecord
        What the last plan of a download chose or left, and every file ever fetched.
    completeness : sequence of Row
        What was recovered of sources put into the frames; empty where that was not measured.
    completeness_figure : str
        Path of its figure, relative to the report; "" where there is none.
    recall : sequence of Injected
        Anomalies put into the frames and ranked; empty where that was not done for them as they are.
    recall_figure : str
        Path of its figure; "" where there is none.
    spectrum_files : sequence of SpectrumFileRecord
        Files of spectra, done and failed.
    spectra, spectral_lines : sequence of mapping
        The first spectra with their scores, best first, and their lines.
    spectrum_figures : mapping
        By spectrum: the path of its figure, relative to the report.
    computed : mapping
        By candidate, then check: what the program computed, apart from what people say.
    spectrum_locations : mapping
        By file of spectra: its path, relative to the project folder where it lies inside.
    steps : sequence of Step
        The selection in numbers; empty before a ranking.
    before : Snapshot or None
        What the last report that says anything else told; None where there is none.
    before_at : str
        When that one was written, UTC.
    oddities : mapping
        By candidate: what each view says, and the ranks when the population is drawn anew.
    sittings : sequence of Sitting
        Everybody's blind sittings; their labels are no verdicts.
    """

    config: Config
    version: str
    frames: Sequence[FrameRecord]
    info: Mapping[str, Any]
    n_candidates: int
    candidates: Sequence[CandidateRow]
    views: Mapping[str, Mapping[str, str]]
    members: Mapping[str, Sequence[MemberRow]]
    figures: Mapping[str, str]
    states: Sequence[VerdictState]
    problems: Sequence[Problem]
    locations: Mapping[str, str]
    tables: Sequence[str]
    written_at: str
    products: Sequence[ProductRecord] = ()
    completeness: Sequence[Row] = ()
    completeness_figure: str = ""
    recall: Sequence[Injected] = ()
    recall_figure: str = ""
    spectrum_files: Sequence[SpectrumFileRecord] = ()
    spectra: Sequence[Mapping[str, Any]] = ()
    spectral_lines: Sequence[Mapping[str, Any]] = ()
    spectrum_figures: Mapping[str, str] = field(default_factory=dict)
    computed: Mapping[str, Mapping[str, CheckRow]] = field(default_factory=dict)
    spectrum_locations: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    before: Snapshot | None = None
    before_at: str = ""
    oddities: Mapping[str, Oddity] = field(default_factory=dict)
    sittings: Sequence[Sitting] = ()

    @cached_property
    def done(self) -> tuple[FrameRecord, ...]:
        """Frames that were measured, short wavelengths first."""
        done = [frame for frame in self.frames if frame.state == "done"]
        return tuple(sorted(done, key=lambda f: (order_key(f.instrument, f.filter), f.mjd_beg, f.frame)))

    @cached_property
    def failed(self) -> tuple[FrameRecord, ...]:
        """Files that could not be used."""
        return tuple(frame for frame in self.frames if frame.state == "failed")

    @property
    def simulated(self) -> bool:
        """Whether any frame or spectrum is simulated."""
        return any(f.simulated for f in self.frames) or any(f.simulated for f in self.spectrum_files)

    @property
    def all_simulated(self) -> bool:
        """Whether every frame and spectrum that was measured is simulated."""
        spectra = [file for file in self.spectrum_files if file.state == "done"]
        return all(frame.simulated for frame in self.done) and all(file.simulated for file in spectra)

    @cached_property
    def by_candidate(self) -> dict[str, list[VerdictState]]:
        """Decisions by candidate."""
        found: dict[str, list[VerdictState]] = {}
        for state in self.states:
            found.setdefault(state.candidate, []).append(state)
        return found

    def label(self, candidate: str) -> str:
        """Return the label all vetters agree on, "conflict", or nothing."""
        labels = {state.label for state in self.by_candidate.get(candidate, []) if state.label}
        return CONFLICT if len(labels) > 1 else "".join(labels)

    def outcome(self, candidate: str, check: str) -> str:
        """Return the outcome of a check on which all vetters who gave one agree, "conflict", or "not run"."""
        given = {state.checks.get(check, "") for state in self.by_candidate.get(candidate, [])} - {
            "",
            "not run",
        }
        return CONFLICT if len(given) > 1 else "".join(given) or "not run"

    def computed_outcome(self, candidate: str, check: str) -> str:
        """Return the outcome that the program computed, or "not run"."""
        row = self.computed.get(candidate, {}).get(check)
        return row.outcome if row else "not run"

    def computed_outcomes(self, check: str) -> Counter[str]:
        """Count the computed outcomes of a check over all candidates that are ranked now."""
        ranked = {row.candidate for row in self.candidates}
        counts = Counter(
            checks[check].outcome
            for name, checks in self.computed.items()
            if name in ranked and check in checks
        )
        counts["not run"] = self.n_candidates - sum(n for name, n in counts.items() if name != "not run")
        return counts

    def changed_since(self, candidate: str, check: str) -> bool:
        """Tell whether somebody stated an outcome on other evidence than there is now."""
        row = self.computed.get(candidate, {}).get(check)
        return row is not None and any(
            state.checks.get(check) and state.check_evidence.get(check, "") != row.digest
            for state in self.by_candidate.get(candidate, [])
        )

    def outcomes(self, check: str) -> Counter[str]:
        """Count the outcomes of a check over all candidates that are ranked now."""
        ranked = {row.candidate for row in self.candidates}
        counts = Counter(
            self.outcome(candidate, check) for candidate in self.by_candidate if candidate in ranked
        )
        counts["not run"] = self.n_candidates - sum(n for name, n in counts.items() if name != "not run")
        return counts

    @cached_property
    def told(self) -> tuple[CandidateRow, ...]:
        """Candidates with a block of their own: the first, and those labelled interesting or in conflict."""
        chosen = {"interesting", CONFLICT}
        return tuple(
            row
            for place, row in enumerate(self.candidates)
            if place < PICTURES or self.label(row.candidate) in chosen
        )[:MOST_BLOCKS]

    @property
    def checks(self) -> tuple[str, ...]:
        """Names of the verification checks."""
        return CHECKS
