"""R24: odd answers of the archive give right rows or one clear line, never a traceback, never half a list."""

import pytest

from analysis.archive import Archive, ArchiveError
from analysis.config import Config, Services


@pytest.fixture
def client(mast_server):
    """An archive on the replica with 13 observations, the first of which has 11 products; short patience."""
    for number in range(13):
        mast_server.observation(f"jw02736-o{number:03d}_t001_nircam_clear-f277w")
    row = mast_server.observations[0]
    for number in range(11):
        mast_server.product(
            row, f"jw02736-o{number:03d}_t001_nircam_clear-f277w_i2d.fits", size=number or None
        )
    where = Services(mast_url=mast_server.url, connect_timeout_s=1, read_timeout_s=0.3, retries=2)
    return Archive(Config(services=where))


def observations(client):
    return client.observations(110.8375, -73.4397, 0.02)


def products(client):
    return client.products(observations(client)[0], ["i2d"])


@pytest.mark.parametrize("ask", [observations, products])
@pytest.mark.parametrize("where", ["columnsconfig", "observations", "products"])
@pytest.mark.parametrize("kind", ["html", "badjson", "error", "cut", "close", "short rows"])
def test_one_bad_answer_is_asked_again(ask, where, kind, client, mast_server):
    """HTML, broken JSON, an ERROR, a cut or short page: once, it costs a retry and the rows are right."""
    if where == "columnsconfig" and kind in ("error", "short rows"):
        kind = "html"
    mast_server.fault(where, kind)
    assert len(ask(client)) == {observations: 13, products: 11}[ask]


@pytest.mark.parametrize("where", ["columnsconfig", "observations", "products"])
@pytest.mark.parametrize(
    "kind", ["html", "badjson", "error", "cut", "close", "short rows", "column obsid=", "status"]
)
def test_bad_answers_for_ever_are_one_line(where, kind, client, mast_server):
    """The same for ever: one line that names the server; the client's exceptions stay inside."""
    if where == "columnsconfig" and kind in ("short rows", "column obsid="):
        kind = "empty"
    if where == "products" and kind == "column obsid=":
        kind = "column dataURI="
    mast_server.fault(where, kind, times=-1, at=500)
    with pytest.raises(ArchiveError) as caught:
        products(client)
    assert mast_server.url in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "kind",
    ["column obsid=obsID", "column s_region=sRegion", "column t_min=", "column =surprise", "column mtFlag="],
)
def test_renamed_missing_and_extra_columns_of_observations(kind, client, mast_server):
    """Columns that were renamed before are known by both names; others may come and go."""
    mast_server.fault("observations", kind, times=-1)
    rows = observations(client)
    assert len(rows) == 13
    assert all(row.obsid and row.obs_id for row in rows)


@pytest.mark.parametrize(
    "kind",
    ["column dataURI=data_uri", "column productFilename=", "column size=contentLength", "column =surprise"],
)
def test_renamed_missing_and_extra_columns_of_products(kind, client, mast_server):
    """The URI alone names a file; the size is found under both names."""
    mast_server.fault("products", kind, times=-1)
    found = products(client)
    assert len(found) == 11
    assert found[3].size == 3
    assert found[0].size is None


def test_column_that_is_needed_and_gone_is_named(client, mast_server):
    """The line names the column that the archive no longer sends."""
    mast_server.fault("products", "column dataURI=", times=-1)
    with pytest.raises(ArchiveError, match="no column dataURI"):
        products(client)


def test_three_pages_are_joined(client, mast_server):
    """13 rows in pages of 5: all 13, each once."""
    mast_server.page = 5
    rows = observations(client)
    assert len({row.obs_id for row in rows}) == 13
    assert mast_server.count("observations") == 3


def test_page_cut_in_the_middle_is_asked_again(client, mast_server):
    """A cut in one of three pages costs a retry, not rows."""
    mast_server.page = 5
    mast_server.fault("observations", "cut")
    assert len(observations(client)) == 13


def test_no_rows_is_no_error(client, mast_server):
    """Nothing there: an empty list, without a warning."""
    assert client.observations(10.0, 10.0, 0.02) == []
    mast_server.products[mast_server.observations[0]["obsid"]] = []
    assert products(client) == []


@pytest.mark.parametrize("code", [500, 503, 504, 429])
def test_server_error_passes(code, client, mast_server):
    """A server that is busy once is asked again."""
    mast_server.fault("observations", "status", at=code)
    assert len(observations(client)) == 13


@pytest.mark.parametrize("kind", ["html", "badjson", "cut", "status", "close"])
def test_resolver_that_answers_nonsense_is_one_line(kind, client, mast_server):
    """A resolver's page of HTML is not "unknown object"."""
    mast_server.fault("resolver", kind, times=-1, at=502)
    with pytest.raises(ArchiveError, match="the name resolver") as caught:
        client.resolve("M 51")
    assert "is called" not in str(caught.value)
