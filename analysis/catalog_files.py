"""Catalogues that lie on disk: a person's own, the pipeline's, and answers of services kept as files."""

from __future__ import annotations

import hashlib
import math
import os
import re
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from analysis.catalog_entries import OK, Answer, Entry, answer_from_json

_RA: Final = ("ra", "ra_deg", "raj2000", "ra_icrs", "alpha_j2000", "_raj2000", "sky_centroid.ra")
_DEC: Final = ("dec", "dec_deg", "dej2000", "de_icrs", "delta_j2000", "_dej2000", "sky_centroid.dec")
_NAME: Final = ("name", "id", "main_id", "source_id", "label", "objid", "number")
_TYPE: Final = ("type", "otype", "class", "kind")


class CatalogFileError(Exception):
    """A catalogue file that cannot be used: one line with the file, the reason and what is allowed."""


def read_own(path: Path) -> Answer:
    """Read a catalogue of the user's own: ECSV, FITS or CSV with ra and dec in ICRS degrees.

    Raises
    ------
    CatalogFileError
        No such file, not a table, or no columns of positions.
    """
    from astropy.table import Table

    try:
        data = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = Table.read(path, format=_format(path))
    except FileNotFoundError:
        raise CatalogFileError(f"{path}: no such catalogue; correct own_catalog under [services]") from None
    except Exception as error:  # astropy's readers raise a dozen classes
        text = " ".join(str(error).split())[:120]
        raise CatalogFileError(f"{path}: cannot be read as ECSV, FITS or CSV ({text})") from error
    names = {name.lower(): name for name in table.colnames}
    ra, dec = (next((names[n] for n in known if n in names), None) for known in (_RA, _DEC))
    if ra is None or dec is None:
        listed = ", ".join(table.colnames[:8])
        raise CatalogFileError(f"{path}: needs columns ra and dec (ICRS degrees); it has {listed}")
    name, kind = (next((names[n] for n in known if n in names), None) for known in (_NAME, _TYPE))
    entries = []
    for number, row in enumerate(table, start=1):
        try:
            place = float(row[ra]), float(row[dec])
        except (TypeError, ValueError):
            continue
        if all(map(math.isfinite, place)):
            entries.append(
                Entry(
                    str(row[name]) if name else f"{path.stem} #{number}", *place,
                    str(row[kind]) if kind else "of your own catalogue",
                )
            )  # fmt: skip
    if not entries:
        raise CatalogFileError(f"{path}: no row has a position in ra and dec (ICRS degrees)")
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
    digest = hashlib.sha256(data).hexdigest()[:12]
    return Answer(
        f"own catalogue {path.name}", digest, OK, entries=tuple(entries), release=digest, asked_at=written,
        url=str(path),
    )  # fmt: skip


def _format(path: Path) -> str:
    name = path.name.lower()
    if name.endswith((".fits", ".fit", ".fits.gz")):
        return "fits"
    return "ascii.ecsv" if name.endswith(".ecsv") else "ascii.csv"


@dataclass(frozen=True, slots=True)
class Companion:
    """What the pipeline's own catalogue or segmentation map of a frame says of a place."""

    kind: str
    frame: str
    separation_arcsec: float
    in_segment: bool
    label: str

    @property
    def digest(self) -> list[Any]:
        """What it says, for keys."""
        near = round(self.separation_arcsec, 3) if math.isfinite(self.separation_arcsec) else None
        return [self.kind, self.frame, near, self.in_segment, self.label]


def companions_of(frame: Path, ra: float, dec: float) -> list[Companion]:
    """Return what lies beside an i2d file: `_cat.ecsv` by nearest source, `_segm.fits` by the pixel itself.

    A file that cannot be read counts as not fetched: it is evidence, not input.
    """
    stem = re.sub(r"_i2d\.fits(\.gz)?$", "", frame.name)
    found = []
    catalog, segments = frame.with_name(f"{stem}_cat.ecsv"), frame.with_name(f"{stem}_segm.fits")
    if catalog.is_file():
        found += _nearest(catalog, frame, ra, dec)
    if segments.is_file():
        found += _segment(segments, frame, ra, dec)
    return found


def _nearest(path: Path, frame: Path, ra: float, dec: float) -> list[Companion]:
    from astropy.table import Table

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = Table.read(path, format="ascii.ecsv")
        if "sky_centroid" in table.colnames:
            ras, decs = table["sky_centroid"].ra.deg, table["sky_centroid"].dec.deg
        else:
            ras, decs = (table[f"sky_centroid.{axis}"] for axis in ("ra", "dec"))
    except Exception:  # noqa: BLE001 - see the docstring of companions_of
        return []
    cosine = math.cos(math.radians(dec))
    distances = [
        math.hypot((float(a) - ra) * cosine, float(d) - dec) * 3600.0 for a, d in zip(ras, decs, strict=True)
    ]
    if not distances:
        return [Companion("catalogue", frame.stem, math.nan, False, "it is empty")]
    number = min(range(len(distances)), key=distances.__getitem__)
    label = f"source {table['label'][number]}" if "label" in table.colnames else ""
    return [Companion("catalogue", frame.stem, distances[number], in_segment=False, label=label)]


def _segment(path: Path, frame: Path, ra: float, dec: float) -> list[Companion]:
    from astropy.io import fits
    from astropy.wcs import WCS

    try:
        with warnings.catch_warnings(), fits.open(path) as hdus:
            warnings.simplefilter("ignore")
            hdu = next(h for h in hdus if h.is_image and len(h.shape or ()) == 2)
            x, y = (round(float(v)) for v in WCS(hdu.header, naxis=2).all_world2pix(ra, dec, 0))
            if not (0 <= x < hdu.shape[1] and 0 <= y < hdu.shape[0]):
                return []
            label = int(hdu.data[y, x])
    except Exception:  # noqa: BLE001 - see the docstring of companions_of
        return []
    words = f"segment {label}" if label else "no segment"
    return [Companion("segmentation", frame.stem, math.nan, in_segment=label > 0, label=words)]


def keep(folder: Path, answer: Answer) -> tuple[Path, str]:
    """Write an answer whole or not at all; return its path and sha256."""
    service = re.sub(r"[^A-Za-z0-9._-]+", "_", answer.service)
    path = folder / service / f"{answer.block}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    data = answer.to_json().encode()
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path, hashlib.sha256(data).hexdigest()


def kept(folder: Path, service: str, block: str) -> Answer | None:
    """Return the kept answer to a question; None where there is none or it cannot be read."""
    path = folder / re.sub(r"[^A-Za-z0-9._-]+", "_", service) / f"{block}.json"
    try:
        return answer_from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
