"""Agreement between vetters: published examples, other people's code, and the cases without a number."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import cohen_kappa_score

from analysis.agreement import (
    COHEN,
    FLEISS,
    KRIPPENDORFF,
    MISSING,
    agreement,
    object_agreement,
    pairs,
    tabulate,
    votes,
)

# Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, example C: four observers, twelve units.
KRIPPENDORFF_2011 = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
"""
# The worked example of Fleiss' kappa in Wikipedia: ten subjects, fourteen raters, five categories.
FOURTEEN = """
0 0 0 0 14
0 2 6 4 2
0 0 3 5 6
0 3 9 2 0
2 2 8 1 1
7 7 0 0 0
3 2 6 3 0
2 5 3 2 2
6 5 2 1 0
0 2 2 3 7
"""


def from_counts(text):
    """Make codes of a table of votes: (objects, vetters)."""
    rows = [[int(word) for word in line.split()] for line in text.split("\n") if line]
    return np.array([np.repeat(np.arange(len(row)), row) for row in rows])


def from_units(text):
    """Make codes of rows of observers, a dot where nothing was given."""
    rows = [[MISSING if w == "." else int(w) - 1 for w in line.split()] for line in text.split("\n") if line]
    return np.array(rows).T


def from_square(square):
    """Make codes of two vetters from a table of pairs."""
    return np.array([(i, j) for i, row in enumerate(square) for j, n in enumerate(row) for _ in range(n)])


def test_cohens_kappa_of_a_worked_example():
    """Fifty proposals, 20 and 15 agreed on, 5 and 10 not: p_o 0.7, p_e 0.5, kappa 0.4 (Wikipedia)."""
    found = agreement(from_square([[20, 5], [10, 15]]))
    assert found.statistic == COHEN
    assert found.value == pytest.approx(0.4)
    assert found.observed == pytest.approx(0.7)
    assert (found.objects, found.vetters) == (50, 2)
    # Its large-sample error is sqrt(0.7 * 0.3 / (50 * 0.25)) = 0.13 (Cohen 1960, eq. 7).
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.13, abs=0.06)
    assert found.low < 0.4 < found.high


def test_fleiss_kappa_of_a_worked_example():
    """Fourteen raters: kappa 0.210, P 0.378."""
    found = agreement(from_counts(FOURTEEN))
    assert found.statistic == FLEISS
    assert found.value == pytest.approx(0.210, abs=5e-4)
    assert found.observed == pytest.approx(0.378, abs=5e-4)


def test_krippendorffs_alpha_of_its_authors_examples():
    """Four observers with gaps: nominal alpha 0.743."""
    found = agreement(from_units(KRIPPENDORFF_2011))
    assert found.statistic == KRIPPENDORFF
    assert found.value == pytest.approx(0.743, abs=5e-4)
    assert found.objects == 11  # the unit with one value tells nothing
    assert found.vetters == 4


@given(hnp.arrays(np.int64, st.tuples(st.integers(5, 40), st.just(2)), elements=st.integers(0, 3)))
def test_cohens_kappa_equals_scikit_learns(codes):
    """For any labels of two vetters, where both define it."""
    found = agreement(codes, resamples=20)
    if found.undefined:
        assert len(np.unique(codes)) == 1
    else:
        assert found.value == pytest.approx(cohen_kappa_score(codes[:, 0], codes[:, 1]), abs=1e-12)


@given(hnp.arrays(np.int64, (12, 3), elements=st.integers(0, 2)), st.permutations([0, 1, 2]))
def test_names_and_order_do_not_matter(codes, order):
    """Vetters in another order and labels with other numbers give the same coefficient."""
    one = agreement(codes, resamples=20)
    two = agreement(np.array(order)[codes[::-1, ::-1]], resamples=20)
    assert one.undefined == two.undefined
    assert one.value == pytest.approx(two.value, nan_ok=True)


def test_the_interval_is_seeded_and_narrows():
    """The same labels give the same interval; ten times as many give one a third as wide."""
    few, many = from_square([[20, 5], [10, 15]]), from_square([[200, 50], [100, 150]])
    assert agreement(few) == agreement(few)
    widths = [agreement(codes).high - agreement(codes).low for codes in (few, many)]
    assert widths[1] == pytest.approx(widths[0] / math.sqrt(10), rel=0.15)


def test_an_interval_covers_what_is_true():
    """Of 200 draws of 60 objects from a known table of pairs, about 95 % of intervals hold its kappa."""
    shares = np.array([[0.4, 0.1], [0.2, 0.3]])
    rng, inside = np.random.default_rng(3), 0
    for _ in range(200):
        found = agreement(from_square(rng.multinomial(60, shares.ravel()).reshape(2, 2)), resamples=400)
        inside += found.low <= 0.4 <= found.high
    assert 180 <= inside <= 199


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (np.zeros((0, 0), dtype=np.int64), "no candidate has labels of two vetters"),
        (np.zeros((9, 1), dtype=np.int64), "no candidate has labels of two vetters"),
        (np.array([[0, MISSING], [MISSING, 1]]), "no candidate has labels of two vetters"),
        (np.array([[0, 1], [1, MISSING]]), "one candidate alone"),
        (np.zeros((9, 2), dtype=np.int64), "one and the same label"),
        (np.zeros((9, 3), dtype=np.int64), "one and the same label"),
        (np.array([[0, 0, MISSING], [0, MISSING, 0], [0, 0, 0]]), "one and the same label"),
    ],
)
def test_what_is_not_defined_is_said_in_words(codes, words):
    """One vetter, one object or one label: no number, neither 1 nor NaN on the screen, but the reason."""
    found = agreement(codes)
    assert words in found.undefined
    assert math.isnan(found.value)
    assert "not defined" in found.words()
    assert "nan" not in found.words()


def test_too_few_that_differ_have_no_interval():
    """Where most resamples hold one label only, there is a value and no interval, and the line says so."""
    found = agreement(np.array([[0, 0], [0, 1]]))
    assert found.value == pytest.approx(0.0)
    assert "nan" not in found.words()


def test_objects_have_their_own_agreement():
    """Pairs that agree, the label given most and its votes."""
    codes = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 2], [1, MISSING, 1], [2, MISSING, MISSING]])
    assert object_agreement(codes) == pytest.approx([1, 1 / 3, 0, 1, math.nan], nan_ok=True)
    most, count, total = votes(codes)
    assert most.tolist() == [0, 0, 0, 1, 2]
    assert count.tolist() == [3, 2, 1, 2, 1]
    assert total.tolist() == [3, 3, 3, 2, 1]


def test_a_table_of_labels():
    """Labels by object and vetter become an array; an empty label is none."""
    table = tabulate(
        [("B", "zoe", "known"), ("A", "ann", "ordinary"), ("B", "ann", "known"), ("C", "ann", "")]
    )
    assert (table.objects, table.vetters, table.labels) == (("A", "B"), ("ann", "zoe"), ("known", "ordinary"))
    assert table.codes.tolist() == [[1, MISSING], [0, 0]]
    assert set(pairs(table.codes)) == {(0, 1)}
