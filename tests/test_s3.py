"""R23: the public cloud copies: fetched from there where they are, from the archive where they are not."""

import pytest
from fake_mast import small_fits

from analysis.archive import Archive
from analysis.cloud import cloud_sources, endpoint, key_of
from analysis.config import Config, Download, Services, as_toml
from analysis.products import Product

NAME = "jw02736-o001_t001_nircam_clear-f277w_i2d.fits"
KEY = f"jwst/public/jw02736/L3/t/o001/{NAME}"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (NAME, KEY),
        (
            "jw02736001001_02101_00001_nrcb1_i2d.fits",
            "jwst/public/jw02736/jw02736001001/jw02736001001_02101_00001_nrcb1_i2d.fits",
        ),
        ("jw02736-o007_s06355_nirspec_f290lp-g395m_x1d.fits", None),
        ("jw02736-c1001_t001_nircam_clear-f277w_i2d.fits", None),
    ],
)
def test_keys_come_from_names(name, key):
    """The bucket's layout for level 2 and 3; other names are looked up."""
    assert key_of(name) == key


def test_endpoint_is_the_bucket_or_the_one_in_the_environment(monkeypatch):
    """Plain https to the public bucket; another S3 server by the usual variable."""
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    assert endpoint() == "https://stpubdata.s3.us-east-1.amazonaws.com"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:5/")
    assert endpoint() == "http://127.0.0.1:5/stpubdata"


def test_unknown_places_are_looked_up_once_and_exclusive_ones_never():
    """One look-up for all names whose key cannot be told; what is not public is not in the bucket."""
    asked = []

    def look_up(uris):
        asked.append(list(uris))
        return {uris[0]: "/jwst/public/jw02736/L3/s/o007/x"}

    names = [NAME, "jw02736-o007_s06355_nirspec_f290lp-g395m_x1d.fits", "jw02736-c1001_t1_nircam_f1_i2d.fits"]
    products = [Product(f"mast:JWST/product/{name}", name) for name in names]
    secret = Product("mast:JWST/product/jw02736-o002_t001_nircam_clear-f277w_i2d.fits", NAME, exclusive=True)
    found = cloud_sources([*products, secret], look_up)
    assert asked == [[product.uri for product in products[1:]]]
    assert set(found) == {product.uri for product in products[:2]}
    assert found[products[1].uri].url.endswith("/jwst/public/jw02736/L3/s/o007/x")


def test_paths_are_looked_up_at_the_archive(mast_server):
    """The archive's own look-up; what it does not know is left out."""
    where = Services(mast_url=mast_server.url, connect_timeout_s=1, read_timeout_s=0.3)
    assert Archive(Config(services=where)).paths_of([f"mast:JWST/product/{n}" for n in range(60)]) == {}
    assert mast_server.count("path_lookup") == 2


def _download(jwst_vet, mast_server, tmp_path, cloud=KEY):
    """Run `download` with the cloud as source, on one product."""
    mast_server.objects["smacs 0723"] = (110.8375, -73.4397)
    row = mast_server.observation(NAME.removesuffix("_i2d.fits"))
    mast_server.product(row, NAME, small_fits(4, 200), cloud=cloud)
    where = Services(mast_url=mast_server.url, connect_timeout_s=1, read_timeout_s=0.3, retries=3)
    (tmp_path / "config.toml").write_text(as_toml(Config(services=where, download=Download(source="s3"))))
    done = jwst_vet(
        "download", cwd=tmp_path, JWST_VET_MAST_URL=mast_server.url, AWS_ENDPOINT_URL_S3=mast_server.url
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data" / "products" / NAME).read_bytes() == small_fits(4, 200)
    return done.stdout


def test_file_comes_from_the_cloud(jwst_vet, mast_server, tmp_path):
    """Where the bucket has it the archive sends no byte of it."""
    assert "from the cloud" in _download(jwst_vet, mast_server, tmp_path)
    assert (mast_server.count("cloud"), mast_server.count("file")) == (1, 0)


def test_cut_in_the_cloud_is_resumed_there(jwst_vet, mast_server, tmp_path):
    """Two cuts: resumed by range, nothing twice."""
    mast_server.fault("cloud", "cut", at=100_000)
    mast_server.fault("cloud", "reset", at=200_000)
    assert "from the cloud" in _download(jwst_vet, mast_server, tmp_path)
    assert mast_server.count("cloud") == 3
    assert mast_server.sent[NAME] <= 1.01 * len(small_fits(4, 200)) + 65536


def test_file_missing_in_the_cloud_comes_from_the_archive(jwst_vet, mast_server, tmp_path):
    """No such object: one request there, then the archive."""
    assert "from the archive" in _download(jwst_vet, mast_server, tmp_path, cloud=False)
    assert (mast_server.count("cloud"), mast_server.count("file")) == (1, 1)


@pytest.mark.parametrize("fault", ["stall", "silent", "close", "html", "short", "garbage", "cut", "status"])
def test_cloud_that_fails_for_ever_gives_way_to_the_archive(fault, jwst_vet, mast_server, tmp_path):
    """Slow, cut or lying for ever: after a few tries the archive's file, the same bytes."""
    mast_server.fault("cloud", fault, times=-1, at=503 if fault == "status" else 60_000)
    assert "from the archive" in _download(jwst_vet, mast_server, tmp_path)
    assert mast_server.count("file") == 1
