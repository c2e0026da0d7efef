"""Check 2 of spectra: a redshift of SIMBAD or NED beside the spectrum's, with numbers, or why not."""

import csv
import math

import pytest
from fake_tap import FakeTap
from test_catalogs import NO_OFFSET

from analysis.catalog_entries import OK, Answer, Entry
from analysis.checks.catalogs import Asked, check
from analysis.checks.redshift import SpectralRedshift, away
from analysis.checks.subject import Place
from analysis.simulate.x1d import simulate_spectra

PLACE = Place("JWST J1", 110.8375, -73.4397)
MEASURED = SpectralRedshift("s-0", 7.6600, 0.0010, "secure", 5.2)


def found(z, *, measured=MEASURED, east=0.05, service="NED", others=()):
    """The check where a service has one object with a redshift, some arcseconds away."""
    cosine = math.cos(math.radians(PLACE.dec))
    entries = (Entry("GAL 1", PLACE.ra + east / 3600 / cosine, PLACE.dec, "G", redshift=z), *others)
    answer = Answer(service, "c", OK, PLACE.ra, PLACE.dec, 0.05, entries, asked_at="2030-01-01")
    return check(PLACE, [Asked(answer, 1.0, "hosts", identifies=True)], NO_OFFSET, 2024.0, measured)


def number(finding, name):
    return next(value for value in finding.values if value.name == name).value


def test_a_redshift_that_agrees_leaves_the_object_known():
    """Both redshifts, their difference over 1 + z and what is allowed stand in the evidence."""
    finding = found(7.665)
    assert finding.outcome == "fail"
    assert "agrees with 7.6650 of GAL 1 (NED): Δz/(1+z) = -0.0006, at most 0.0100" in finding.reason
    assert number(finding, "redshift of its spectrum") == 7.66
    assert number(finding, "redshift in the catalogue") == 7.665
    assert number(finding, "difference over 1 + z") == pytest.approx(-0.005 / 8.665)


def test_a_redshift_that_disagrees_is_inconclusive():
    """A known place with another redshift is not simply known; a runner-up that agrees is named."""
    finding = found(1.2)
    assert (finding.outcome, finding.number) == ("inconclusive", "Δz/(1+z) +2.936")
    assert "disagrees with 1.2000 of GAL 1" in finding.reason
    assert "runner-up" not in finding.reason
    assert "the runner-up 5.2000 agrees" in found(5.21).reason


def test_nothing_to_compare_with_is_said_and_changes_nothing():
    """A match without a redshift, no match, and a spectrum without a redshift."""
    plain = found(math.nan, measured=None)
    finding = found(math.nan)
    assert (finding.outcome, finding.reason) == (plain.outcome, plain.reason) == ("fail", plain.reason)
    assert any("no match gives one to compare with" in line for line in finding.asked)
    assert found(7.66, east=30.0).outcome == "pass"
    assert not any(value.name.startswith("redshift") for value in found(1.2, measured=None).values)


def test_a_match_by_chance_decides_nothing():
    """Among many objects a near one with another redshift is listed, and the outcome stays."""
    cosine = math.cos(math.radians(PLACE.dec))
    crowd = tuple(
        Entry(f"X{k}", PLACE.ra + (9.0 + 0.02 * k) / 3600 / cosine, PLACE.dec) for k in range(20_000)
    )
    finding = found(1.2, east=0.9, others=crowd)
    assert finding.outcome == "inconclusive"
    assert "may be so by chance" in finding.reason
    assert "disagrees" not in finding.reason
    assert any("disagrees" in line for line in finding.asked)


def test_the_tolerance_grows_with_the_error():
    """0.01 of 1 + z, or three standard deviations."""
    assert away(1.0, 0.001, 1.0) == (0.0, 0.01)
    assert away(1.1, 0.05, 1.0) == (pytest.approx(0.05), pytest.approx(0.075))
    assert away(1.1, math.nan, 1.0)[1] == 0.01


def test_the_stage_asks_for_spectra_and_compares(tmp_path, new_project, jwst_vet):
    """Services are asked at the places of spectra; what has no position is not run, and says why."""
    root = new_project(tmp_path / "p", target_name="SIMULATED field")
    simulate_spectra(root / "data" / "products", number=12, seed=2)
    assert jwst_vet("spectra", cwd=root).returncode == 0

    def table(name):
        with (root / "outputs" / "tables" / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def outcome(candidate):
        return next(r for r in table("checks.csv") if (r["candidate"], r["check"]) == (candidate, "catalogs"))

    placed = {row["candidate"]: row for row in table("all_spectra.csv")
              if row["ra"] and row["redshift_grade"] in {"secure", "tentative"}}  # fmt: skip
    same, other = list(placed.values())[:2]
    nowhere = next(row["candidate"] for row in table("all_spectra.csv") if row["candidate"] and not row["ra"])
    assert jwst_vet("checks", cwd=root).returncode == 0
    silent = outcome(same["candidate"])  # nobody listens at the addresses of the tests
    assert (silent["outcome"], "no answer from" in silent["computed_because"]) == ("inconclusive", True)
    with FakeTap() as tap:
        tap.rows["ned"] = [["A", float(same["ra"]), float(same["dec"]), "G", float(same["redshift"]) + 0.001]]
        tap.rows["simbad"] = [
            [
                "B",
                float(other["ra"]),
                float(other["dec"]),
                "G",
                None,
                None,
                None,
                float(other["redshift"]) + 1,
            ]
        ]
        assert jwst_vet("checks", cwd=root, JWST_VET_TAP_URLS=tap.variable).returncode == 0
        assert {name for name, _ in tap.asked} >= {"ned", "simbad"}
    first, second = outcome(same["candidate"]), outcome(other["candidate"])
    assert (first["outcome"], "agrees with" in first["computed_because"]) == ("fail", True)
    assert (second["outcome"], "disagrees with" in second["computed_because"]) == ("inconclusive", True)
    assert outcome(nowhere)["outcome"] == "not run"
    assert "gives no position" in outcome(nowhere)["computed_because"]
