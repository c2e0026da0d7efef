"""Tables of astronomy: ECSV, FITS table and VOTable, with units and meanings. Typed rows in, one file out."""

import io
import warnings
from pathlib import Path
from typing import Any

from analysis.exports.cutting_fits import write_hdus
from analysis.exports.handing import HandOff, unit_of
from analysis.report.markdown import visible


def astropy_table(hand: HandOff) -> Any:
    """Return the rows as an astropy Table: units, descriptions, and masks where a value is unknown."""
    import numpy as np
    from astropy.table import MaskedColumn, Table

    table = Table(meta=dict(hand.about))
    blanks: dict[str, tuple[Any, Any]] = {
        "text": (str, ""), "free text": (str, ""), "integer": (np.int64, -1), "number": (np.float64, np.nan),
        "degrees": (np.float64, np.nan), "yes or no": (np.bool_, False),
    }  # fmt: skip
    for column in hand.columns:
        kind, blank = blanks[column.type]
        values = hand.values(column.name)
        table[column.name] = MaskedColumn(
            np.array([blank if value is None else value for value in values], dtype=kind),
            mask=[value is None for value in values],
            unit=unit_of(column, hand.rows) or None,
            description=column.meaning,
        )
    return table


def write_ecsv(hand: HandOff, path: Path) -> None:
    """Write ECSV 1.0: units and meanings in its header, text as written but for invisible characters."""
    table = _seen(astropy_table(hand), keep="\n")
    table.write(path, format="ascii.ecsv", delimiter=",")


def write_votable(hand: HandOff, path: Path) -> None:
    """Write VOTable 1.4; XML has no control characters, so they are shown instead."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # units of the column are those of the standard, astropy warns of its own
        _votable(hand, _seen(astropy_table(hand), keep="\n")).to_xml(str(path), tabledata_format="tabledata")


def votable_header(hand: HandOff) -> str:
    """Return the VOTable of no rows: what VOParquet keeps beside the data."""
    text = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _votable(hand, astropy_table(hand)[:0]).to_xml(text)
    return text.getvalue().decode()


def _votable(hand: HandOff, table: Any) -> Any:
    from astropy.io.votable import from_table
    from astropy.io.votable.tree import Info

    document = from_table(table, table_id="candidates")
    document.description = "; ".join(f"{key}: {visible(value)}" for key, value in hand.about.items())
    for name, value in hand.about.items():
        document.infos.append(Info(name=name, value=visible(value)))
    for field in document.get_first_table().fields:
        if field.name in {"ra", "dec"}:
            field.ucd = f"pos.eq.{field.name};meta.main"
    return document


def write_fits(hand: HandOff, path: Path) -> None:
    r"""Write a FITS binary table; its text is printable ASCII, all else becomes \x1b, \u2026; \ is \\."""
    from astropy.io import fits

    table = astropy_table(hand)
    for name in _texts(table):
        table[name] = _mapped(table[name], _ascii)
    table.meta = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        made = fits.table_to_hdu(table, character_as_bytes=False)
        made.name = "CANDIDATES"
        for number, column in enumerate(hand.columns, 1):
            made.header[f"TCOMM{number}"] = column.meaning
        made.header["SIMULATD"] = (hand.simulated, "any row from SIMULATED data")
        made.header["RADESYS"] = ("ICRS", "of ra and dec")
        for key, value in hand.about.items():
            made.header["COMMENT"] = f"{key}: {_ascii(value)}"
        write_hdus([fits.PrimaryHDU(), made], path)


def _ascii(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")


def _seen(table: Any, keep: str) -> Any:
    """Return the table with text in which what cannot be seen is shown; line breaks stay."""
    for name in _texts(table):
        table[name] = _mapped(
            table[name],
            lambda text: keep.join(visible(line) for line in text.replace("\r\n", "\n").split(keep)),
        )
    table.meta = {key: visible(value) for key, value in table.meta.items()}
    return table


def _texts(table: Any) -> list[str]:
    return [name for name in table.colnames if table[name].dtype.kind == "U"]


def _mapped(column: Any, change: Any) -> Any:
    """Return a text column with every value changed; its mask and meaning stay."""
    import numpy as np
    from astropy.table import MaskedColumn

    texts = column.filled("").tolist()
    changed = {text: change(text) for text in set(texts)}
    data = np.array([changed[text] for text in texts], dtype=str)
    return MaskedColumn(data, name=column.name, mask=column.mask, description=column.description)
