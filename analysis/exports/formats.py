"""The formats there are: name, ending, what it is, who reads it, and the function that writes it."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from analysis.exports.handing import HandOff


@dataclass(frozen=True)
class Format:
    """One format; `writer` is module and function below `analysis.exports`, imported when it is asked for."""

    name: str
    file: str
    what: str
    readers: str
    writer: str
    folder: bool = False

    def load(self) -> Callable[[HandOff, Path], None]:
        """Return the function that writes it whole at a path that does not exist yet."""
        module, _, function = self.writer.partition(":")
        found: Callable[[HandOff, Path], None] = getattr(
            import_module(f"analysis.exports.{module}"), function
        )
        return found


FORMATS: Final = {
    one.name: one
    for one in (
        Format("ecsv", "candidates.ecsv", "table with units and meanings", "astropy", "astro:write_ecsv"),
        Format("csv", "candidates.csv", "table for anything", "pandas, spreadsheets", "plain:write_csv"),
        Format(
            "parquet",
            "candidates.parquet",
            "table with types, units in the fields' metadata and a VOTable header",
            "pandas, pyarrow, DuckDB, astropy, TOPCAT",
            "plain:write_parquet",
        ),
        Format(
            "fits", "candidates.fits", "binary table with units", "astropy, TOPCAT, ds9", "astro:write_fits"
        ),
        Format(
            "votable", "candidates.vot", "VOTable 1.4", "astropy, pyvo, TOPCAT, Aladin", "astro:write_votable"
        ),
        Format(
            "ds9",
            "candidates.reg",
            "circles with rank, name and label",
            "ds9, regions",
            "regions:write_regions",
        ),
        Format(
            "moc", "searched.moc.fits", "searched footprint (MOC 2.0)", "mocpy, Aladin", "coverage:write_moc"
        ),
        Format(
            "cutouts",
            "cutouts",
            "folder: a FITS file per candidate, an image with WCS per frame; cutouts.csv lists them",
            "astropy, ds9, jdaviz, AnomalyMatch",
            "cutting_fits:write_cutouts",
            folder=True,
        ),
        Format(
            "anomalymatch",
            "anomalymatch.csv",
            "id,label,filename: anomaly or normal; undecided ones are left out",
            "AnomalyMatch",
            "labels:write_anomalymatch",
        ),
        Format(
            "coniferest",
            "coniferest.csv",
            "label −1 anomaly, 0 unknown, 1 regular, and features",
            "coniferest through pandas",
            "labels:write_coniferest",
        ),
        Format(
            "consensus",
            "consensus.csv",
            "most_likely, num_votes, agreement, total_votes per candidate",
            "what reads Caesar's consensus; pandas",
            "labels:write_consensus",
        ),
        Format(
            "jdaviz",
            "candidates.ipynb",
            "notebook: the images in Imviz, the candidates one by one",
            "Jupyter, jdaviz 5.0 and 5.1",
            "notebook:write_notebook",
        ),
    )
}


def markdown_table() -> str:
    """Return the formats as docs/handoff.md shows them."""
    rows = ["| format | file | what it is | read by |", "|---|---|---|---|"]
    rows += [f"| `{f.name}` | {f.file} | {f.what} | {f.readers} |" for f in FORMATS.values()]
    return "\n".join(rows)
