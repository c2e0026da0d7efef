"""A project: the folder a person works in, and the name of every place below it."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

PACK_NAME = "pack.json"
"""The list of a pack; where it lies in a project folder, the project is one that was unpacked."""


class StoreError(Exception):
    """What the store cannot do, in one line: the path, the reason and the remedy."""


def slug(candidate: str) -> str:
    """Give the file name of a candidate: its name without blanks or separators."""
    return "".join(c if c.isalnum() or c in "+-._" else "_" for c in candidate)


@dataclass(frozen=True)
class Project:
    """The places of one project; `data` and `outputs` default to folders below `root`."""

    root: Path
    data: Path | None = None
    outputs: Path | None = None

    @property
    def data_dir(self) -> Path:
        """The folder of input files."""
        return self.data if self.data is not None else self.root / "data"

    @property
    def outputs_dir(self) -> Path:
        """The folder of everything the program writes."""
        return self.outputs if self.outputs is not None else self.root / "outputs"

    @property
    def products(self) -> Path:
        """Downloaded or simulated FITS files."""
        return self.data_dir / "products"

    @property
    def tables(self) -> Path:
        """CSV tables."""
        return self.outputs_dir / "tables"

    @property
    def cutout_figures(self) -> Path:
        """PNG cutouts, one per candidate."""
        return self.outputs_dir / "figures" / "cutouts"

    @property
    def spectrum_figures(self) -> Path:
        """PNG plots of spectra."""
        return self.outputs_dir / "figures" / "spectra"

    @property
    def spectrum_cache(self) -> Path:
        """Arrays of spectra, one small file each."""
        return self.cache / "spectra"

    @property
    def report_dir(self) -> Path:
        """The folder of the report."""
        return self.outputs_dir / "report"

    @property
    def report(self) -> Path:
        """The report itself."""
        return self.report_dir / "REPORT.md"

    @property
    def exports(self) -> Path:
        """What is handed to others, in the formats of their tools."""
        return self.outputs_dir / "exports"

    @property
    def database(self) -> Path:
        """The DuckDB file: an index that can be rebuilt."""
        return self.outputs_dir / "jwst-vet.duckdb"

    @property
    def verdicts(self) -> Path:
        """The journals of what people decided, one file per vetter."""
        return self.outputs_dir / "verdicts"

    @property
    def runs(self) -> Path:
        """One folder of events per run."""
        return self.outputs_dir / "runs"

    @property
    def cache(self) -> Path:
        """Files that can be made again."""
        return self.outputs_dir / "cache"

    @property
    def cutout_cache(self) -> Path:
        """Cut pixels, one small file per candidate."""
        return self.cache / "cutouts"

    @property
    def field_cache(self) -> Path:
        """Binned views of whole frames, one small file per frame."""
        return self.cache / "fields"

    @property
    def log(self) -> Path:
        """Log files."""
        return self.outputs_dir / "log"

    @property
    def packed(self) -> bool:
        """Whether this is an unpacked pack: pixels and evidence of candidates, no FITS files."""
        return (self.root / PACK_NAME).is_file()

    def prepare(self) -> None:
        """Make every folder and prove that the outputs can be written, or raise StoreError."""
        folders = (
            self.products,
            self.tables,
            self.cutout_figures,
            self.spectrum_figures,
            self.report_dir,
            self.verdicts,
            self.runs,
            self.cutout_cache,
            self.field_cache,
            self.log,
        )
        for folder in folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(_cannot("make the folder", folder, error)) from error
        # A writable file in a folder that is not lets DuckDB open and then fails at its first commit.
        for folder in (self.outputs_dir, self.verdicts):
            try:
                with tempfile.TemporaryFile(dir=folder) as probe:
                    probe.write(b"1")
                    probe.flush()
                    os.fsync(probe.fileno())
            except OSError as error:
                raise StoreError(_cannot("write in", folder, error)) from error


def _cannot(verb: str, folder: Path, error: OSError) -> str:
    return (
        f"cannot {verb} {folder}: {error.strerror or error}; make it writable, "
        "or name other folders under [paths] in config.toml"
    )
