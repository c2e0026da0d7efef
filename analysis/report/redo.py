"""Sections 6 and 7 of the report: how to redo it, and whom to cite."""

import math
from collections.abc import Iterable

from analysis.config import as_toml
from analysis.report.facts import Facts
from analysis.report.markdown import command, fenced, listing

CITATIONS = (
    (
        "Images: JWST is described by Gardner et al. 2023, PASP 135, 068001, "
        "doi:10.1088/1538-3873/acd1b5, and Rigby et al. 2023, PASP 135, 048001, "
        "doi:10.1088/1538-3873/acb293. Public images come from the Mikulski Archive for Space "
        "Telescopes (MAST) at the Space Telescope Science Institute, which is operated by the "
        "Association of Universities for Research in Astronomy, Inc., under NASA contract NAS 5-03127 "
        "for JWST; name the programs of section 1 and the DOI that MAST makes for your selection."
    ),
    (
        "JWST Calibration Pipeline: Bushouse et al., Zenodo record of the version in CAL_VER, "
        "github.com/spacetelescope/jwst."
    ),
    "Drizzle, and why its noise is correlated: Fruchter & Hook 2002, PASP 114, 144, doi:10.1086/338393.",
    (
        "astroquery, where it fetched the images: Ginsburg et al. 2019, AJ 157, 98, "
        "doi:10.3847/1538-3881/aafc33."
    ),
    (
        "SEP: Barbary 2016, JOSS 1, 58, doi:10.21105/joss.00058, after SExtractor: Bertin & Arnouts "
        "1996, A&AS 117, 393, doi:10.1051/aas:1996164."
    ),
    (
        "Astropy: Astropy Collaboration 2022, ApJ 935, 167, doi:10.3847/1538-4357/ac7c74; 2018, AJ 156, "
        "123, doi:10.3847/1538-3881/aabc4f; 2013, A&A 558, A33, doi:10.1051/0004-6361/201322068."
    ),
    (
        "Kron apertures: Kron 1980, ApJS 43, 305, doi:10.1086/190669. Concentration and asymmetry: "
        "Conselice 2003, ApJS 147, 1, doi:10.1086/375001. Gini and M20: Lotz, Primack & Madau 2004, AJ "
        "128, 163, doi:10.1086/421849."
    ),
    (
        "Isolation Forest: Liu, Ting & Zhou 2008, Eighth IEEE International Conference on Data Mining, "
        "413, doi:10.1109/ICDM.2008.17, as in scikit-learn: Pedregosa et al. 2011, JMLR 12, 2825."
    ),
    (
        "NumPy: Harris et al. 2020, Nature 585, 357, doi:10.1038/s41586-020-2649-2. SciPy: Virtanen et "
        "al. 2020, Nature Methods 17, 261, doi:10.1038/s41592-019-0686-2. pandas: McKinney 2010, Proc. "
        "9th Python in Science Conference, 56, doi:10.25080/Majora-92bf1922-00a."
    ),
    "DuckDB: Raasveldt & Mühleisen 2019, Proc. SIGMOD, 1981, doi:10.1145/3299869.3320212.",
)


def redo(facts: Facts) -> list[str]:
    """Return the blocks of both sections."""
    return [
        "## 6. How to redo it",
        (
            f"Install jwst-vet {facts.version} and the package versions of section 2. In an empty "
            "folder, put this into `config.toml`:"
        ),
        fenced(_configuration(facts), "toml"),
        "Put the files where the commands name them, relative to that folder, and compare their bytes:",
        fenced(_hashes(facts)),
        "(as `sha256sum -c` reads it; names with control or direction marks are spelt out here). Then:",
        fenced(_commands(facts), "sh"),
        (
            "The same bytes, parameters and versions give the same tables and the same report but for "
            "the lines that hold a time. Decisions are kept in `outputs/verdicts/`, one file per "
            "vetter: copy them along to have them in the new report too."
        ),
        "### Tables",
        listing(facts.tables),
        "## 7. Whom to cite",
        listing(CITATIONS),
    ]


def _configuration(facts: Facts) -> list[str]:
    """Return the configuration without its comments."""
    lines = as_toml(facts.config).splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _hashes(facts: Facts) -> Iterable[str]:
    """Return lines as sha256sum writes them; a name with a backslash or line break is coded as it does."""
    for frame in facts.done:
        name = facts.locations[frame.frame]
        coded = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        yield f"{chr(92) if coded != name else ''}{frame.sha256}  {coded}"
        yield from frame.companions


def _commands(facts: Facts) -> list[str]:
    groups: dict[float | None, list[str]] = {}
    for frame in facts.done:
        given = None if math.isnan(frame.zeropoint) else frame.zeropoint
        groups.setdefault(given, []).append(facts.locations[frame.frame])
    if set(groups) == {None} and all(name.startswith("data/products/") for name in groups[None]):
        return [command("jwst-vet", "run")]
    return [
        command("jwst-vet", "images", *([] if given is None else ["--zeropoint", repr(given)]), *names)
        for given, names in groups.items()
    ] + [
        command("jwst-vet", "rank"),
        command("jwst-vet", "report"),
    ]
