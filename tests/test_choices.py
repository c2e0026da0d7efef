"""Ticking off and on: the three limits hold, what is on disk stays, and a new plan keeps the choice."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.choices import NotPossible, carried, tick, totals
from analysis.config import Config
from store.database import Database
from store.products import (
    TICKED_OFF,
    TICKED_ON,
    ProductRecord,
    plan_lines,
    product_records,
    save_plan,
    save_product,
)

LIMITS = Config(max_obs=2, max_files=3, max_total_gb=1.0)


def product(number, size=0.3, **facts):
    """Make a product of so many GB."""
    name = f"jw0-o00{number}_i2d.fits"
    known = {"observation": f"o{number % 2}", "size": round(size * 1e9), "plan_key": "k", "place": number}
    return ProductRecord(f"mast:JWST/product/{name}", name, **known | facts)


def test_ticked_off_and_on_again_is_as_before():
    """The total goes down by the product's size and up again."""
    plan = [product(0), product(1), product(2)]
    assert totals(plan).size == 900_000_000
    off = tick(plan, plan[1].uri, LIMITS)
    assert (off.state, off.reason) == ("skipped", TICKED_OFF)
    plan[1] = off
    assert (totals(plan).files, totals(plan).size) == (2, 600_000_000)
    assert tick(plan, off.uri, LIMITS).state == "planned"


def test_a_product_left_by_the_plan_can_take_the_place_of_another():
    """Over the limit it is refused with the limit's name; after one was ticked off there is room."""
    plan = [product(0), product(1), product(2), product(3, state="skipped", reason="over max_files = 3")]
    with pytest.raises(NotPossible, match=r"go over max_files = 3"):
        tick(plan, plan[3].uri, LIMITS)
    plan[0] = tick(plan, plan[0].uri, LIMITS)
    on = tick(plan, plan[3].uri, LIMITS)
    assert (on.state, on.reason) == ("planned", TICKED_ON)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"state": "done"}, "on disk already"),
        ({"state": "already there"}, "on disk already"),
        ({"state": "skipped", "exclusive": True, "reason": "exclusive access, public from 2030"}, "2030"),
        ({"state": "skipped", "size": -1}, "does not say how large"),
    ],
)
def test_what_cannot_be_ticked_says_why(facts, words):
    """Files on disk, products not public, sizes unknown."""
    record = product(0, **facts)
    with pytest.raises(NotPossible, match=words):
        tick([record], record.uri, LIMITS)


def test_a_new_plan_keeps_what_was_ticked():
    """Off stays off, on stays on where it fits; what came onto the disk in between is not undone."""
    before = {product(0).uri: TICKED_OFF, product(1).uri: TICKED_OFF, product(3).uri: TICKED_ON}
    new = [product(0), product(1, state="done"), product(2), product(3, state="skipped", reason="over")]
    made = carried(new, before, LIMITS)
    assert [record.state for record in made] == ["skipped", "done", "planned", "planned"]
    small = dataclasses.replace(LIMITS, max_files=2)
    assert [record.state for record in carried(new, before, small)][3] == "skipped"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 7), max_size=30))
def test_no_sequence_of_ticks_goes_over_a_limit(places):
    """Whatever is pressed, the three limits hold."""
    plan = [product(n, 0.1 + 0.07 * n, observation=f"o{n}", state="skipped") for n in range(8)]
    for place in places:
        try:
            plan[place] = tick(plan, plan[place].uri, LIMITS)
        except NotPossible:
            assert plan[place].state == "skipped"
        assert totals(plan).over(LIMITS) == ""


def test_the_store_keeps_choice_and_lines(tmp_path):
    """What was ticked and what the plan says of itself are there for the next program."""
    database = Database(tmp_path / "p.duckdb")
    save_plan(database, [product(0), product(1)], ["a line", "another"])
    save_product(database, tick([product(0)], product(0).uri, LIMITS))
    assert [record.reason for record in product_records(database)] == [TICKED_OFF, ""]
    assert plan_lines(database) == ("a line", "another")
