"""Section 7 of the report: whom to cite for what was used, and for nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from analysis.checks.finding import from_json
from analysis.report.facts import Facts


@dataclass(frozen=True)
class Citation:
    """Whom to cite, and the test by which it was used."""

    text: str
    used: Callable[[Facts], bool]


def citations(facts: Facts) -> list[str]:
    """Return the citations of what this report rests on."""
    return [one.text for one in CITATIONS if one.used(facts)]


def _observed(facts: Facts) -> bool:
    spectra = any(file.state == "done" and not file.simulated for file in facts.spectrum_files)
    return spectra or any(not frame.simulated for frame in facts.done)


def _pipeline(facts: Facts) -> bool:
    spectra = any(file.cal_ver and not file.simulated for file in facts.spectrum_files)
    return spectra or any(frame.cal_ver and not frame.simulated for frame in facts.done)


def _images(facts: Facts) -> bool:
    return bool(facts.done)


def _fetched(facts: Facts) -> bool:
    return any(product.source for product in facts.products)


def _forest(facts: Facts) -> bool:
    groups = [group["method"] for group in facts.info.get("groups", ())]
    return "isolation_forest" in [*groups, (facts.info.get("spectra") or {}).get("method")]


def _computed(check: str) -> Callable[[Facts], bool]:
    return lambda facts: any(
        check in found and found[check].outcome != "not run" for found in facts.computed.values()
    )


def _answered(service: str) -> Callable[[Facts], bool]:
    """Return the test whether a service answered about any candidate."""

    def test(facts: Facts) -> bool:
        found = (checks.get("catalogs") for checks in facts.computed.values())
        asked = (line for one in found if one is not None for line in from_json(one.evidence).asked)
        return any(
            line.casefold().startswith(service) and "not queried" not in line and "no answer" not in line
            for line in asked
        )

    return test


def _always(_facts: Facts) -> bool:
    return True


CITATIONS: Final = (
    Citation(
        "Images and spectra: JWST is described by Gardner et al. 2023, PASP 135, 068001, "
        "doi:10.1088/1538-3873/acd1b5, and Rigby et al. 2023, PASP 135, 048001, "
        "doi:10.1088/1538-3873/acb293. Public data come from the Mikulski Archive for Space "
        "Telescopes (MAST) at the Space Telescope Science Institute, which is operated by the "
        "Association of Universities for Research in Astronomy, Inc., under NASA contract NAS 5-03127 "
        "for JWST; name the programs of section 1 and the DOI that MAST makes for your selection.",
        _observed,
    ),
    Citation(
        "JWST Calibration Pipeline: Bushouse et al., Zenodo record of the version in CAL_VER, "
        "github.com/spacetelescope/jwst.",
        _pipeline,
    ),
    Citation(
        "Drizzle, and why its noise is correlated: Fruchter & Hook 2002, PASP 114, 144, doi:10.1086/338393.",
        _images,
    ),
    Citation(
        "astroquery, which fetched the files: Ginsburg et al. 2019, AJ 157, 98, "
        "doi:10.3847/1538-3881/aafc33.",
        _fetched,
    ),
    Citation(
        "SEP: Barbary 2016, JOSS 1, 58, doi:10.21105/joss.00058, after SExtractor: Bertin & Arnouts "
        "1996, A&AS 117, 393, doi:10.1051/aas:1996164.",
        _images,
    ),
    Citation(
        "Astropy: Astropy Collaboration 2022, ApJ 935, 167, doi:10.3847/1538-4357/ac7c74; 2018, AJ 156, "
        "123, doi:10.3847/1538-3881/aabc4f; 2013, A&A 558, A33, doi:10.1051/0004-6361/201322068.",
        _always,
    ),
    Citation(
        "photutils, in check 5: Bradley et al., Zenodo, doi:10.5281/zenodo.596036. DAOFind: Stetson 1987, "
        "PASP 99, 191, doi:10.1086/131977.",
        _computed("methods"),
    ),
    Citation(
        "SIMBAD: Wenger et al. 2000, A&AS 143, 9, doi:10.1051/aas:2000332. It asks for the sentence: this "
        "research has made use of the SIMBAD database, operated at CDS, Strasbourg, France.",
        _answered("simbad"),
    ),
    Citation(
        "Gaia DR3: Gaia Collaboration 2016, A&A 595, A1, doi:10.1051/0004-6361/201629272; 2023, A&A 674, A1, "
        "doi:10.1051/0004-6361/202243940.",
        _answered("gaia"),
    ),
    Citation(
        "NED is operated by the California Institute of Technology and funded by NASA, doi:10.26132/NED1.",
        _answered("ned"),
    ),
    Citation(
        "VizieR: Ochsenbein, Bauer & Marcout 2000, A&AS 143, 23, doi:10.1051/aas:2000169, and the papers of "
        "the tables asked.",
        _answered("vizier"),
    ),
    Citation(
        "Kron apertures: Kron 1980, ApJS 43, 305, doi:10.1086/190669. Concentration and asymmetry: "
        "Conselice 2003, ApJS 147, 1, doi:10.1086/375001. Gini and M20: Lotz, Primack & Madau 2004, AJ "
        "128, 163, doi:10.1086/421849.",
        _images,
    ),
    Citation(
        "Isolation Forest: Liu, Ting & Zhou 2008, Eighth IEEE International Conference on Data Mining, "
        "413, doi:10.1109/ICDM.2008.17, as in scikit-learn: Pedregosa et al. 2011, JMLR 12, 2825.",
        _forest,
    ),
    Citation(
        "NumPy: Harris et al. 2020, Nature 585, 357, doi:10.1038/s41586-020-2649-2. SciPy: Virtanen et "
        "al. 2020, Nature Methods 17, 261, doi:10.1038/s41592-019-0686-2. pandas: McKinney 2010, Proc. "
        "9th Python in Science Conference, 56, doi:10.25080/Majora-92bf1922-00a.",
        _always,
    ),
    Citation("DuckDB: Raasveldt & Mühleisen 2019, Proc. SIGMOD, 1981, doi:10.1145/3299869.3320212.", _always),
)
