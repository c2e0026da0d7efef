"""A notebook for jdaviz: the searched images loaded in Imviz, and the candidates to go to one by one."""

import json
from pathlib import Path
from typing import Any

from analysis.exports.handing import HandOff
from analysis.report.markdown import escape


def write_notebook(hand: HandOff, path: Path) -> None:
    """Write a Jupyter notebook (nbformat 4.5) for jdaviz 5."""
    cells = [_words(_opening(hand))] + [_code(text) for text in (_data(hand), _LOAD, _LOOK, "look(0)\n")]
    document = {
        "cells": [cell | {"id": f"cell-{place}"} for place, cell in enumerate(cells)],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


_LOAD = """\
from pathlib import Path

import astropy.units as u
from astropy.coordinates import SkyCoord
from jdaviz import Imviz

viz = Imviz()
with viz.batch_load():
    for label, path in IMAGES.items():
        if Path(path).exists():
            viz.load(path, format="Image", data_label=label)
viz.link_data(align_by="wcs")
viz.show()
"""

_LOOK = '''\
def look(place):
    """Go to a candidate by its place in the list."""
    rank, name, ra, dec, label = CANDIDATES[place]
    viewer = viz.default_viewer
    viewer.center_on(SkyCoord(ra * u.deg, dec * u.deg))
    print(rank, name, label or "undecided")
'''


def _opening(hand: HandOff) -> str:
    told = "\n".join(f"- {escape(key)}: {escape(value)}" for key, value in hand.about.items())
    return f"# Candidates of jwst-vet\n\n{told}\n\nThe images are loaded from where they were measured."


def _data(hand: HandOff) -> str:
    """Return the candidates and images as Python literals: no text of them is code."""
    names = ("rank", "candidate", "ra", "dec", "label")
    rows = [row for row in zip(*(hand.values(name) for name in names), strict=True) if row[2] is not None]
    lines = ["CANDIDATES = [  # rank, name, RA and Dec (ICRS degrees), label"]
    lines += [f"    {row!a}," for row in rows]
    lines += ["]", "IMAGES = {  # frame: file"]
    lines += [f"    {frame.frame!a}: {frame.path!a}," for frame in hand.searched]
    return "\n".join([*lines, "}"]) + "\n"


def _words(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _code(text: str) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": text, "execution_count": None, "outputs": []}
