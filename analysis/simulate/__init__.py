"""A simulated piece of deep sky as JWST files: the demo, the tests' sky and the benchmark of the ranking."""

from analysis.simulate.anomalies import ANOMALIES
from analysis.simulate.artifacts import ARTIFACTS
from analysis.simulate.bands import BANDS
from analysis.simulate.field import DEFAULT_BANDS, TRUTH_NAME, simulate_field

__all__ = ["ANOMALIES", "ARTIFACTS", "BANDS", "DEFAULT_BANDS", "TRUTH_NAME", "simulate_field"]
