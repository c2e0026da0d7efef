"""Further columns of a list of one's own: conditions on them and orders by them, as numbers and as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_app import app_of, press, settled, text_of
from textual.widgets import Input, Select
from vet_project import make_vet_project, name_of

from store.own_lists import ListProject, write_columns
from tui.listing import Query, query_of
from tui.own_columns import SIGNS, ColumnError, Condition, in_order, parse_conditions

NAMES = ("line", "z", "z error", "class, mine")


@pytest.mark.parametrize(
    ("text", "cells", "passes"),
    [
        ("z > 0.5", {"z": "0.51"}, True),
        ("z > 0.5", {"z": "10"}, True),
        ("z > 0.5", {"z": "5e-1"}, False),
        ("z >= 0.5", {"z": "5e-1"}, True),
        ("z = 0.50", {"z": "5e-1"}, True),
        ("z > 0.5", {"z": ""}, False),
        ("z != 0.5", {"z": ""}, False),
        ("z =", {"z": ""}, True),
        ("z !=", {"z": "lens"}, True),
        ("z < 2", {"z": "unknown"}, False),
        ("Z ERROR<1", {"z": "7", "z error": "0.2"}, True),
        ("class, mine = LENS", {"class, mine": "lens"}, True),
        ("class, mine ~ en", {"class, mine": "Lens"}, True),
        ("class, mine > k", {"class, mine": "lens"}, True),
        ("z > 1 and class, mine != star", {"z": "2", "class, mine": "lens"}, True),
        ("z > 1 and class, mine != star", {"z": "2", "class, mine": "Star"}, False),
    ],
)
def test_conditions_are_numbers_where_both_are_and_else_text(text, cells, passes):
    """An empty cell is not known, and passes only where emptiness is asked for."""
    assert all(one.passes(cells) for one in parse_conditions(text, NAMES)) is passes


@pytest.mark.parametrize("text", ["w > 1", "z", "z 5", "> 5", "z > 1 and"])
def test_a_condition_that_means_nothing_names_the_columns(text):
    """One line."""
    with pytest.raises(ColumnError, match=r"there are line, z, z error|after z comes one of <= >="):
        parse_conditions(text, NAMES)


@given(st.lists(st.one_of(st.integers(-9, 9).map(str), st.sampled_from(["", "b", "A", "nan"]))))
def test_an_order_has_numbers_then_words_and_what_is_empty_last(cells):
    """Backwards too, and every row once."""
    for backwards in (False, True):
        order = in_order(cells, backwards=backwards)
        assert sorted(order) == list(range(len(cells)))
        placed = [cells[place] for place in order]
        filled = [cell for cell in placed if cell]
        assert placed[len(filled) :] == [""] * (len(cells) - len(filled))
        numbers = [int(cell) for cell in filled if cell.lstrip("-").isdigit()]
        assert numbers == sorted(numbers, reverse=backwards)


@given(st.sampled_from(SIGNS), st.text(max_size=5), st.text(max_size=5))
def test_no_cell_and_no_value_breaks_a_condition(sign, cell, value):
    """Whatever a file holds; "not" is the opposite wherever both are known."""
    passes = Condition("z", sign, value).passes({"z": cell})
    if sign == "=" and cell and value:
        assert Condition("z", "!=", value).passes({"z": cell}) is not passes


@pytest.fixture
def own(tmp_path):
    """A list of four candidates with further columns, as `vet LIST.csv` prepares it."""
    project, config = make_vet_project(tmp_path / "field", 4)
    made = ListProject(project.root, project.data, project.outputs, name="mine-00000000")
    made.prepare()
    made.folder.mkdir(parents=True, exist_ok=True)
    made.database.write_bytes(project.database.read_bytes())
    rows = [("2.5", "lens"), ("", "star"), ("10", "Lens"), ("0.3", "")]
    write_columns(
        made,
        {name_of(n): {"line": str(n + 2), "z": z, "class": kind} for n, (z, kind) in enumerate(rows)},
    )
    return made, config


async def test_a_list_is_filtered_and_ordered_by_its_further_columns(own):
    """Typed once in the filter; a view keeps it; what means nothing keeps the form open."""
    app = app_of(own)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "f")
        field = app.screen.query_one("#where", Input)
        field.value = "y > 1"
        field.focus()
        await press(pilot, "enter")
        assert "no such column; there are line, z, class" in text_of(app)
        field.value = "class = lens"
        await press(pilot, "enter")
        assert list(app.vetting.table.listing.names) == [name_of(0), name_of(2)]
        assert "class = lens" in text_of(app)
        await press(pilot, "f")
        app.screen.query_one("#where", Input).value = ""
        app.screen.query_one("#order", Select).value = "column:z"
        app.screen.query_one("#text", Input).focus()
        await press(pilot, "enter")
        assert [name_of(n) for n in (3, 0, 2, 1)] == list(app.vetting.table.listing.names)
        assert "by z" in text_of(app)
        query = app.vetting.table.listing.query
        assert query == Query(column="z")
        assert query_of(query.as_value()) == query


async def test_a_project_that_is_no_list_has_no_field_for_columns(tmp_path):
    """Nothing is asked that means nothing."""
    app = app_of(make_vet_project(tmp_path / "field", 3))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "f")
        assert not app.screen.query("#where")
