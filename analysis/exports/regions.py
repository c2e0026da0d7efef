"""ds9 regions: candidates in, one circle each with its rank, name and label out."""

from pathlib import Path
from typing import Final

from analysis.exports.handing import HandOff
from analysis.report.markdown import visible

LEAST_RADIUS_ARCSEC: Final = 0.5
RADII: Final = 3.0
COLOURS: Final = {"interesting": "orange", "artifact": "gray", "": "cyan"}
"""Blue, orange and grey differ for colour-blind eyes too; the label stands beside the circle as well."""


def write_regions(hand: HandOff, path: Path) -> None:
    """Write circles in ICRS degrees: three half-light radii, at least 0.5 arcsec.

    A candidate without a position has no circle.
    """
    lines = ["# Region file format: DS9 version 4.1"]
    lines += [f"# {key}: {visible(value)}" for key, value in hand.about.items()]
    lines += ["global width=1", "icrs"]
    wanted = ("rank", "candidate", "ra", "dec", "r50_arcsec", "label")
    for rank, name, ra, dec, r50, label in zip(*(hand.values(w) for w in wanted), strict=True):
        if ra is None or dec is None:
            continue
        radius = max(LEAST_RADIUS_ARCSEC, RADII * (r50 or 0.0))
        text = " ".join(
            filter(None, (None if rank is None else str(rank), _plain(name), _plain(label or "")))
        )
        colour = COLOURS.get(label or "", COLOURS[""])
        lines.append(
            f'circle({ra:.7f},{dec:.7f},{radius:.3f}") # color={colour} text={{{text}}} '
            f"tag={{{_plain(label or 'undecided')}}}"
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _plain(text: str) -> str:
    """Return text that cannot end its braces or its line."""
    return visible(text).translate(str.maketrans("{}", "()"))
