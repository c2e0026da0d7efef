"""The archive asked, by way of the replica: positions, observations, products, tokens, who answers."""

import itertools
import time
import warnings

import pytest

from analysis.addresses import base_url, resolver_url, token, token_headers
from analysis.archive import Archive, ArchiveError, NotFound
from analysis.config import Config, ConfigError, Download, Services
from analysis.products import Product
from analysis.services import catalog_urls, services
from analysis.survey import survey


def asked(mast, **keys):
    """A configuration for the replica, with short patience."""
    where = Services(mast_url=mast.url, connect_timeout_s=1.0, read_timeout_s=0.3, retries=2)
    return Config(services=where, **keys)


def field(mast, bands=("F200W", "F277W", "F444W"), megabytes=200):
    """Put the field of SMACS 0723 on the replica: mosaics without bytes, and spectra."""
    mast.objects["smacs 0723"] = (110.8375, -73.4397)
    for band in bands:
        name = f"jw02736-o001_t001_nircam_clear-{band.lower()}"
        row = mast.observation(name, filters=band)
        for end in ("i2d.fits", "cat.ecsv", "segm.fits", "crf.fits"):
            mast.product(row, f"{name}_{end}", size=megabytes * 10**6)
    name = "jw02736-o007_s06355_nirspec_f290lp-g395m"
    row = mast.observation(
        name, dataproduct_type="spectrum", instrument_name="NIRSPEC/MSA", filters="F290LP;G395M"
    )
    mast.product(row, f"{name}_x1d.fits", size=300_000)


def test_field_is_found_and_planned_from_the_name(mast_server):
    """One resolver request, one cone, one list per observation; the plan holds images and a spectrum."""
    field(mast_server)
    config = asked(mast_server)
    found = survey(config, Archive(config), headers={})
    assert [p.suffix for p in found.plan.products] == ["i2d", "i2d", "x1d"]
    assert (mast_server.count("resolver"), mast_server.count("observations")) == (1, 1)
    assert mast_server.count("products") == 4
    assert mast_server.count("head", "file") == 0


def test_coordinates_need_no_resolver(mast_server):
    """target_mode = "coords" never asks for a name."""
    field(mast_server)
    config = asked(mast_server, target_mode="coords")
    assert survey(config, Archive(config), headers={}).plan.products
    assert mast_server.count("resolver") == 0


def test_unknown_object_costs_one_request_and_no_query(mast_server):
    """R36: the refusal names the object and what to do; the archive is not asked."""
    config = asked(mast_server, target_name="SMASC 0723")
    with pytest.raises(NotFound, match=r'"SMASC 0723".*target_mode = "coords"'):
        survey(config, Archive(config), headers={})
    assert [seen.where for seen in mast_server.seen] == ["resolver"]


def test_nothing_found_says_what_to_change_and_what_is_near(mast_server):
    """An empty cone: what was searched, what to change, the nearest target with data."""
    field(mast_server)
    config = asked(mast_server, target_mode="coords", ra_deg=110.8375, dec_deg=-73.2)
    with pytest.raises(NotFound) as caught:
        survey(config, Archive(config), headers={})
    text = str(caught.value)
    for word in ("I2D, X1D", "0.02 deg", "radius_deg", "SMACS-0723 (0.240 deg away)"):
        assert word in text
    assert "\n" not in text


def test_families_of_instruments_are_matched(mast_server):
    """ "MIRI" in the list takes rows called "MIRI" and "MIRI/IMAGE", and no other."""
    field(mast_server)
    for number, called in ((2, "MIRI"), (3, "MIRI/IMAGE")):
        name = f"jw02736-o{number:03d}_t001_miri_f770w"
        row = mast_server.observation(name, filters="F770W", instrument_name=called)
        mast_server.product(row, f"{name}_i2d.fits", size=10**8)
    config = asked(mast_server, download=Download(instruments_allowlist=["MIRI"]))
    plan = survey(config, Archive(config), headers={}).plan
    assert [p.name[8:12] for p in plan.products] == ["o002", "o003"]
    assert mast_server.count("products") == 2


def test_filters_and_companions_of_the_configuration(mast_server):
    """Only the filters named; catalogue and segmentation map with the image, and no other kind."""
    field(mast_server)
    config = asked(mast_server, download=Download(filters=["f277w"], companions=True))
    plan = survey(config, Archive(config), headers={}).plan
    assert [p.name.partition("f277w_")[2] for p in plan.products][:3] == ["i2d.fits", "cat.ecsv", "segm.fits"]
    assert {p.filter for p in plan.products if p.suffix == "i2d"} == {"F277W"}


@pytest.mark.parametrize("size", [None, 0, -999])
def test_unknown_size_is_asked_for(size, mast_server):
    """R20: null, 0 and -999 in the table cost a HEAD each; the answer counts against the limit."""
    field(mast_server, bands=("F277W",))
    row = mast_server.observation("jw02736-o002_t001_nircam_clear-f444w", filters="F444W")
    mast_server.product(row, "jw02736-o002_t001_nircam_clear-f444w_i2d.fits", b"x" * 5000, size=size)
    config = asked(mast_server)
    products = {p.name: p.size for p in survey(config, Archive(config), headers={}).plan.products}
    assert products["jw02736-o002_t001_nircam_clear-f444w_i2d.fits"] == 5000
    assert mast_server.count("head") == 1


def test_level_2_rows_of_their_own_are_used_where_there_is_no_level_3(mast_server):
    """A field with single exposures only is planned from their own rows."""
    for band, activity, detector in (("F277W", "02101", "nrcblong"), ("F200W", "02101", "nrcb1")):
        name = f"jw02736001001_{activity}_00001_{detector}"
        row = mast_server.observation(name, filters=band, calib_level=2)
        mast_server.product(row, f"{name}_i2d.fits", size=10**8)
    config = asked(mast_server, target_mode="coords")
    found = survey(config, Archive(config), headers={})
    assert {p.level for p in found.plan.products} == {2}
    assert len(found.plan.products) == 2
    assert any("single exposures" in line for line in found.lines)


def test_planned_observations_and_unsafe_names_are_left_out(mast_server):
    """calib_level -1 has no data; a name with a path or another mission's is never written to disk."""
    field(mast_server, bands=("F277W",))
    mast_server.observation("jw09999-o001", calib_level=-1)
    row = mast_server.observations[0]
    mast_server.product(
        row, "jw02736/../../evil_i2d.fits", size=5, dataURI="mast:JWST/product/..%2Fevil_i2d.fits"
    )
    mast_server.product(row, "u9o40504m_i2d.fits", size=5, dataURI="mast:HST/product/u9o40504m_i2d.fits")
    config = asked(mast_server)
    names = [p.name for p in survey(config, Archive(config), headers={}).plan.products]
    assert [name for name in names if "i2d" in name] == ["jw02736-o001_t001_nircam_clear-f277w_i2d.fits"]


def test_token_is_asked_about_and_carried(mast_server, monkeypatch):
    """R19: a good token is accepted, a bad one not; one with odd characters is refused unasked."""
    client = Archive(asked(mast_server))
    assert client.accepts("a-good-token")
    assert not client.accepts("an-old-token")
    monkeypatch.setenv("MAST_API_TOKEN", "good\nHeader: evil")
    with pytest.raises(ConfigError, match="no token has"):
        token()
    monkeypatch.setenv("MAST_API_TOKEN", " abc ")
    assert token() == "abc"
    assert token_headers("") == {}


def test_token_goes_with_exclusive_products_only(mast_server):
    """R19: a public file is fetched without the token, and no representation of its address shows one."""
    client = Archive(asked(mast_server))
    public = Product("mast:JWST/product/jw1_i2d.fits", "jw1_i2d.fits")
    secret = token_headers("sesame")
    assert client.source_of(public, secret).headers == {}
    source = client.source_of(Product(public.uri, public.name, exclusive=True), secret)
    assert source.headers == secret
    assert "sesame" not in repr(source)


def test_addresses_come_from_environment_configuration_or_the_archive(monkeypatch):
    """Another server serves the resolver too; by default both are the archive's own."""
    monkeypatch.delenv("JWST_VET_MAST_URL", raising=False)
    assert base_url(Services()) == "https://mast.stsci.edu"
    assert resolver_url(Services()) == "https://mastresolver.stsci.edu/Santa-war/query"
    assert resolver_url(Services(mast_url="http://here:1/")) == "http://here:1/Santa-war/query"
    monkeypatch.setenv("JWST_VET_MAST_URL", "http://there:2/")
    assert base_url(Services(mast_url="http://here:1")) == "http://there:2"
    monkeypatch.setenv("JWST_VET_MAST_URL", "there")
    with pytest.raises(ConfigError, match="JWST_VET_MAST_URL"):
        base_url(Services())


@pytest.mark.parametrize("where", ["resolver", "columnsconfig", "observations", "products"])
def test_stall_of_a_query_is_retried_and_never_hangs(where, mast_server):
    """R15: one silence costs a timeout; silence for ever ends with one line."""
    field(mast_server)
    config = asked(mast_server)
    mast_server.fault(where, "stall")
    began = time.monotonic()
    assert survey(config, Archive(config), headers={}).plan.products
    mast_server.fault(where, "stall", times=-1)
    with pytest.raises(ArchiveError, match=r"silent for 0\.3 s"):
        survey(config, Archive(config), headers={})
    assert time.monotonic() - began < 10


def test_polls_are_a_second_apart(mast_server):
    """R16: a query being executed is asked about once a second, not as fast as the client can."""
    field(mast_server)
    config = asked(mast_server)
    mast_server.fault("observations", "executing", times=2)
    assert survey(config, Archive(config), headers={}).plan.products
    times = [seen.at for seen in mast_server.seen if seen.where == "observations"]
    assert len(times) == 3
    assert all(later - earlier >= 0.99 for earlier, later in itertools.pairwise(times))


def test_executing_for_ever_is_given_up(mast_server):
    """R15: after ten read timeouts of polling the query ends with one line."""
    field(mast_server)
    where = Services(mast_url=mast_server.url, connect_timeout_s=1, read_timeout_s=0.1, retries=0)
    mast_server.fault("observations", "executing", times=-1)
    with pytest.raises(ArchiveError, match="silent"):
        Archive(Config(services=where)).observations(110.8, -73.4, 0.02)


def test_offline_is_one_line_and_quick():
    """No server there: said in one line, after one more try."""
    config = Config(services=Services(mast_url="http://127.0.0.1:9", read_timeout_s=0.3))
    began = time.monotonic()
    with pytest.raises(ArchiveError, match="is the network there"):
        Archive(config).resolve("M 51")
    assert time.monotonic() - began < 2


def test_import_and_warnings_stay_quiet(mast_server, capfd):
    """An empty answer is an answer: no warning, nothing on stdout or stderr."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Archive(asked(mast_server)).observations(10, 10, 0.02) == []
    assert capfd.readouterr() == ("", "")


def test_services_tell_what_answers(mast_server, monkeypatch):
    """Who answers is told, and who refuses or is silent, all within the time given."""
    dead, silent = "http://127.0.0.1:9", mast_server.url
    monkeypatch.setenv("JWST_VET_TAP_URLS", f"simbad={dead},gaia={silent}/slow,ned={dead},vizier={dead}")
    assert catalog_urls()["Gaia"] == f"{silent}/slow"
    mast_server.fault("resolver", "stall", times=-1)
    began = time.monotonic()
    found = {service.name: service for service in services(asked(mast_server), 0.5)}
    assert time.monotonic() - began < 1.5
    assert found["MAST"].ok
    assert found["Gaia"].ok
    assert not found["name resolver"].ok
    assert not found["SIMBAD"].ok
    assert "network" in found["SIMBAD"].words
    assert list(found) == ["MAST", "name resolver", "SIMBAD", "Gaia", "NED", "VizieR"]
