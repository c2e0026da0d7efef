"""Plots, the score in parts with other weights, the contact sheet and the nearest neighbours."""

import numpy as np
import pandas as pd
import pytest
from cards import assert_card
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from test_app import app_of, lines_of, press, settled, text_of
from vet_project import candidate_table, cutout_set, make_vet_project, name_of, save_table

from analysis.likeness import feature_vectors
from analysis.nearest import nearest
from analysis.stretches import to_gray
from analysis.weighting import TERMS, composite, weighted
from store.database import Database
from store.magnitudes import magnitudes, rank_history
from tui.desk import Desk
from tui.listing import Query
from tui.plotting import MOST, Points, read_points
from tui.whatif import reweigh
from tui.widgets.contact import fit_cells
from tui.widgets.plot import ScatterPlot, draw

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture
def vet(tmp_path):
    """A project of twelve candidates of different sizes, with features."""
    rng = np.random.default_rng(1)
    return make_vet_project(
        tmp_path / "field",
        r50_arcsec=rng.uniform(0.05, 0.6, 12),
        artifact_score=rng.random(12),
        snr_score=rng.random(12),
    )


@pytest.fixture
def desk(vet):
    """The desk on it, open."""
    made = Desk(*vet)
    made.open()
    return made


def plane(x, y, **more):
    """Points at x and y, named p0, p1 and so on."""
    names = [f"p{n}" for n in range(len(x))]
    return Points("t", "x", "y", names, np.array(x, dtype=float), np.array(y, dtype=float), **more)


def test_points_are_found_where_they_are_drawn():
    """The cell computed for a lone point holds its dot, at every corner and in between, both ways up."""
    for down in (False, True):
        corners = plane([0, 0, 10, 10, 5], [0, 1, 0, 1, 0.5], y_down=down)
        drawn = draw(corners, 70, 20)
        cells = list(zip(drawn.columns.tolist(), drawn.rows.tolist(), strict=True))
        dots = {
            (x, y)
            for y, line in enumerate(drawn.lines)
            for x, sign in enumerate(line)
            if 0x2801 <= ord(sign) <= 0x28FF
        }
        assert len(dots) == 5
        for x, y in cells:
            assert min(abs(x - a) + abs(y - b) for a, b in dots) <= 1
        assert (cells[0][1] < cells[1][1]) is down


def test_points_of_one_value_and_of_none_are_drawn_all_the_same():
    """Limits are never of no width."""
    assert len(draw(plane([3, 3], [7, 7]), 60, 12).columns) == 2
    assert len(draw(plane([], []), 60, 12).columns) == 0


def test_every_plot_reads_its_numbers(desk):
    """Magnitude and size, S/N and anomaly as in the table; not measured is counted, not drawn."""
    listing, rows = desk.listed(Query())
    size = read_points(desk, "size", name_of(0), listing)
    assert size.y.tolist() == [rows[name].r50_arcsec for name in size.names]
    anomaly = read_points(desk, "anomaly", name_of(0), listing)
    assert np.allclose(anomaly.x, np.log10([rows[name].snr for name in anomaly.names]))
    colour = read_points(desk, "colour", name_of(0), listing)
    assert "colours need three bands; there are F200W" in colour.words
    assert colour.left_out == 12
    found = magnitudes(desk.database, [name_of(2), name_of(0)])
    assert {key: values.tolist() for key, values in found.items()} == {("NIRCAM", "F200W"): [24.2, 24.2]}


def test_rank_history_has_a_step_for_each_ranking(desk):
    """Three rankings, the candidate's rank in each, oldest first; the same inputs again add nothing."""
    db = desk.database
    before = len(rank_history(db, name_of(3)))
    for key, order in (("b", [3, 0, 1, 2]), ("b", [3, 0, 1, 2]), ("c", [0, 1, 2, 3])):
        save_table(db, candidate_table(4).assign(rank=[order.index(k) + 1 for k in range(4)]), key=key)
    steps = rank_history(db, name_of(3))
    assert [step.rank for step in steps[before:]] == [1, 4]
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert read_points(desk, "history", name_of(3), desk.listed(Query())[0]).y_down


def test_a_long_list_is_sampled_and_keeps_the_candidate(tmp_path):
    """At most so many points, whatever the list, and the one looked at among them."""
    made = Desk(*make_vet_project(tmp_path / "field", 7001))
    made.open()
    listing, _ = made.listed(Query())
    points = read_points(made, "size", name_of(1234), listing)
    assert len(points.names) in {MOST, MOST + 1}
    assert name_of(1234) in points.names
    assert points.total == 7001


@pytest.mark.parametrize("size", SIZES)
async def test_plots_mark_the_candidate_and_go_where_one_points(vet, size):
    """Keys move to the next point that way, enter goes; a click goes to the nearest point."""
    app = app_of(vet)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await press(pilot, "p")
        assert_card(app, f"plot-{size[0]}x{size[1]}")
        plot = app.screen.query_one(ScatterPlot)
        assert text_of(app).count("◉") == 1
        await press(pilot, "right")
        here = plot.drawn.points.names[plot.chosen]
        assert here != name_of(0)
        assert text_of(app).count("◆") == 1
        await press(pilot, "enter")
        assert app.vetting.table.candidate == here
        await press(pilot, "p", "3")
        plot = app.screen.query_one(ScatterPlot)
        column, row = int(plot.drawn.columns[7]), int(plot.drawn.rows[7])
        await pilot.click(ScatterPlot, offset=(column, row))
        await settled(pilot)
        assert app.vetting.table.candidate == name_of(7)
        await press(pilot, "p", "4", "2", "escape")
        assert app.screen is app.vetting
        assert lines_of(vet) == []


values = arrays(
    float,
    st.tuples(st.integers(1, 30), st.just(4)),
    elements=st.one_of(st.floats(0, 1), st.just(float("nan"))),
)


@given(values, st.lists(st.floats(0, 5), min_size=4, max_size=4))
def test_the_live_score_is_the_ranking_stages_own(values, weights):
    """One formula: a weighted mean of what could be computed; NaN where nothing could."""
    given = dict(zip(TERMS, weights, strict=True))
    score, used = weighted(values, given)
    again, names = composite({name: values[:, k] for k, name in enumerate(TERMS)}, given)
    assert np.array_equal(score, again, equal_nan=True)
    for row, mine in enumerate(values):
        kept = [k for k in range(4) if np.isfinite(mine[k]) and weights[k] > 0]
        assert names[row] == ",".join(TERMS[k] for k in kept)
        assert used[row].nonzero()[0].tolist() == kept
        total = sum(weights[k] for k in kept)
        if total > 1e-9:
            assert score[row] == pytest.approx(sum(mine[k] * weights[k] for k in kept) / total, abs=1e-9)


def test_other_weights_rank_anew(desk):
    """The order by S/N alone is the order of the S/N term; the present weights change nothing."""
    _, rows = desk.listed(Query())
    by_snr = sorted(rows.values(), key=lambda row: -row.snr_score)
    found = reweigh(desk.queue, {"anomaly": 0, "snr": 1, "artifact": 0, "consistency": 0}, name_of(5))
    assert [one.candidate for one in found.top] == [row.candidate for row in by_snr]
    assert found.rank == [row.candidate for row in by_snr].index(name_of(5)) + 1
    assert (found.rank_before, found.total) == (6, 12)
    assert found.score == pytest.approx(rows[name_of(5)].snr_score)


@pytest.mark.parametrize("size", SIZES)
async def test_weights_are_changed_kept_and_listed_by(vet, size):
    """Keys change a weight; s keeps them as a line of the journal; later n and enter list in that order."""
    app = app_of(vet)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await press(pilot, "w", "h", "h", "j", "l", "l")
        assert app.screen.weights == {"anomaly": 0.3, "snr": 0.4, "artifact": 0.2, "consistency": 0.1}
        assert app.screen.shown.weights == app.screen.weights
        assert_card(app, f"weights-{size[0]}x{size[1]}")
        await press(pilot, "s", *"mine", "enter")
        (line,) = lines_of(vet)
        assert (line.action, line.payload["name"], line.payload["value"]["snr"]) == ("ranking", "mine", 0.4)
        await press(pilot, "w", "enter", "n", "enter")
        assert app.vetting.table.listing.query == Query(ranking="mine")
        expected = reweigh(app.desk.queue, line.payload["value"], name_of(0)).top
        assert list(app.vetting.table.listing.names) == [one.candidate for one in expected]
        await press(pilot, "w", "n", "d")
        assert app.desk.book.kept("ranking") == []


def test_features_put_like_with_like():
    """Two families of shapes and colours: neighbours are of one's own; a constant says nothing."""
    n = 20
    family = np.arange(n) % 2
    rng = np.random.default_rng(4)
    bands = ("F115W", "F200W", "F444W")
    rows = []
    for k in range(n):
        for place, band in enumerate(bands):
            rows.append(
                {
                    "source_id": f"s{k}-{band}", "object": f"o{k}", "instrument": "NIRCAM", "filter": band,
                    "snr": 10.0 + place, "mag_ab": 25 - (place if family[k] else 0) + rng.normal(0, 0.05),
                    "concentration": 3 + 2 * family[k] + rng.normal(0, 0.1), "asymmetry": np.nan,
                    "gini": 0.5, "m20": -1.7, "ellipticity": rng.random(), "peak_ratio": 0.1,
                    "sharpness": 1.0, "r50_psf_ratio": 2.0, "n_peaks": 1.0,
                }
            )  # fmt: skip
    names = [f"C{k}" for k in range(n)]
    candidates = pd.DataFrame(
        {
            "candidate": names,
            "object": [f"o{k}" for k in range(n)],
            "best_source": [f"s{k}-F444W" for k in range(n)],
        }
    )
    table = feature_vectors(candidates, pd.DataFrame(rows))
    assert table["candidate"].tolist() == names
    vectors = np.array(table["vector"].tolist(), dtype=float)
    assert vectors.shape == (n, 11)
    assert np.isnan(vectors[:, 1]).all()
    assert (vectors[:, 2] == 0).all()
    for row in range(n):
        found, distances = nearest(vectors, row, 5)
        assert (family[found] == family[row]).all()
        assert (np.diff(distances) >= 0).all()
        assert row not in found


def test_rows_that_share_too_little_are_not_compared():
    """Fewer than half of the features in common is no neighbour; alone there is none."""
    nan = np.nan
    vectors = np.array([[0.0, 0, 0, 0], [1, nan, nan, nan], [2, 2, nan, nan], [1, 1, 1, 1]])
    rows, distances = nearest(vectors, 0, 9)
    assert rows.tolist() == [3, 2]
    assert distances.tolist() == [1.0, 2.0]
    assert nearest(vectors[:1], 0, 9)[0].size == 0


@pytest.mark.parametrize(("width", "height", "rows"), [(76, 18, 0), (116, 34, 0), (196, 54, 0), (76, 9, 1)])
def test_small_pictures_fit_their_room(width, height, rows):
    """A page never overflows, and holds at least one."""
    cell = fit_cells(width, height, least=14, rows=rows)
    assert cell.columns * (cell.width + 1) - 1 <= width
    assert cell.rows * (cell.height + 2) <= height or cell.rows == 1
    assert cell.shown >= 1


@pytest.mark.parametrize("size", SIZES)
async def test_the_contact_sheet_shows_the_list_and_goes_there(vet, size):
    """Keys move over it, enter or a click goes; labels are under the pictures."""
    app = app_of(vet)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await press(pilot, "y", "g")
        assert_card(app, f"gallery-{size[0]}x{size[1]}")
        assert "★ interesting" in text_of(app)
        await press(pilot, "l", "l", "enter")
        assert app.vetting.table.candidate == name_of(3)
        await press(pilot, "g", "home")
        sheet = app.screen.sheet
        await pilot.click(sheet, offset=(sheet.cell.width + 3, 1))
        await settled(pilot)
        assert app.vetting.table.candidate == name_of(1)


@pytest.mark.parametrize("size", SIZES)
async def test_more_like_this_is_a_strip_of_the_nearest(vet, size):
    """Nearest first with their distances; without features it says what makes them."""
    db = Database(vet[0].database)
    app = app_of(vet)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await press(pilot, "M")
        assert "the ranking kept no features" in app.vetting.message
        far = [0, 5, 1, 9, 2, 3, 4, 6, 7, 8, 10, 11]
        with db.write() as cursor:
            for k, value in enumerate(far):
                cursor.execute("INSERT INTO features VALUES (?, ?)", [name_of(k), [float(value), 1.0]])
        app.desk.queue._features = None
        await press(pilot, "M")
        assert app.screen.names[:3] == [name_of(0), name_of(2), name_of(4)]
        assert app.screen.captions[name_of(2)][0].endswith("Δ0.71")
        assert_card(app, f"alike-{size[0]}x{size[1]}")
        await press(pilot, "right", "enter")
        assert app.vetting.table.candidate == name_of(2)


def test_the_picture_of_a_candidate_is_of_a_frame_that_shows_it(desk):
    """Of the frames that detected it the one with most valid pixels; none where there are no cutouts."""
    whole = cutout_set(0).images[0]
    assert np.array_equal(desk.thumb(name_of(0)), to_gray(whole, "asinh"))
    assert desk.thumb("JWST J000.00000+00.00000") is None
