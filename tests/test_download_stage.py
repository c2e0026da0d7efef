"""The stage and its commands, as a user runs them, against the replica."""

import csv
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from fake_mast import small_fits, square

from analysis.choices import tick
from analysis.config import Config, Download, Services, as_toml
from analysis.stages.telling import Meter, Voice
from store.database import Database
from store.products import product_records, save_product
from store.project import Project
from store.verdicts import VerdictBook
from tui.planning import keep_choice

OBJECT = (110.8375, -73.4397)


def field(mast, count=3, *, size=32, listed="true"):
    """Put a target with mosaics in `count` bands on the replica."""
    mast.objects["smacs 0723"] = OBJECT
    bands = ["F070W", "F090W", "F115W", "F150W", "F200W", "F277W", "F356W", "F410M", "F444W", "F480M"]
    for number in range(count):
        band = bands[number % len(bands)]
        name = f"jw02736-o{number // len(bands) + 1:03d}_t001_nircam_clear-{band.lower()}"
        row = mast.observation(name, filters=band)
        mast.product(row, f"{name}_i2d.fits", small_fits(number, size), size=listed)
    return sorted(mast.files)


def project(tmp_path, mast, **keys):
    """Make a project whose configuration names the replica, with short patience."""
    where = Services(mast_url=mast.url, connect_timeout_s=1.0, read_timeout_s=0.3, retries=2)
    root = tmp_path / "project"
    root.mkdir(exist_ok=True)
    (root / "config.toml").write_text(as_toml(Config(services=where, **({"max_obs": 100} | keys))))
    return root


def env(mast):
    """Environment of a command: the replica's address, here as elsewhere."""
    return {"JWST_VET_MAST_URL": mast.url}


def manifest(root):
    """Rows of the manifest by file name."""
    with (root / "outputs" / "tables" / "download_manifest.csv").open() as stream:
        return {row["file"]: row for row in csv.DictReader(stream)}


def fetched(root):
    return sorted(path.name for path in (root / "data" / "products").iterdir())


def test_download_fetches_verifies_and_lists(jwst_vet, mast_server, tmp_path):
    """From a name to files, each in the manifest with its sha256; a second time asks nothing."""
    field(mast_server)
    root = project(tmp_path, mast_server)
    done = jwst_vet("download", cwd=root, **env(mast_server))
    assert done.returncode == 0, done.stderr
    assert "3 fetched" in done.stdout
    rows = manifest(root)
    assert fetched(root) == sorted(rows)
    for name, row in rows.items():
        data = (root / "data" / "products" / name).read_bytes()
        assert row["sha256"] == hashlib.sha256(data).hexdigest()
        assert (int(row["size"]), row["state"], row["source"]) == (len(data), "done", "archive")
        assert row["uri"] == f"mast:JWST/product/{name}"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:+]+", row["finished_at"])
    mast_server.forget()
    again = jwst_vet("download", cwd=root, **env(mast_server))
    assert again.returncode == 0
    assert "3 already there" in again.stdout
    assert mast_server.seen == []
    assert {row["state"] for row in manifest(root).values()} == {"already there"}


def test_nothing_on_disk_is_asked_for_again_without_a_network(jwst_vet, mast_server, tmp_path):
    """What is verified is there, network or not; replan asks the archive and still fetches nothing."""
    field(mast_server)
    root = project(tmp_path, mast_server)
    jwst_vet("download", cwd=root, **env(mast_server))
    mast_server.forget()
    assert jwst_vet("download", "--replan", cwd=root, **env(mast_server)).returncode == 0
    assert mast_server.count("observations") == 1
    assert mast_server.count("file") == 0
    mast_server.__exit__()
    done = jwst_vet("download", cwd=root, **env(mast_server))
    mast_server.__enter__()
    assert done.returncode == 0
    assert "3 already there" in done.stdout


def test_dry_run_shows_sizes_and_keeps_nothing(jwst_vet, mast_server, tmp_path):
    """The plan before the first byte: names, sizes, limits; no file, no manifest."""
    field(mast_server)
    root = project(tmp_path, mast_server)
    done = jwst_vet("download", "--dry-run", cwd=root, **env(mast_server))
    assert done.returncode == 0
    assert done.stdout.count("_i2d.fits") == 3
    assert "3 of at most 60 files" in done.stdout
    assert mast_server.count("file") == 0
    assert not (root / "outputs" / "tables" / "download_manifest.csv").exists()
    events = jwst_vet("download", "--dry-run", "--json", cwd=root, **env(mast_server)).stdout.splitlines()
    plan = next(event for event in map(json.loads, events) if event["event"] == "plan")
    assert [product["state"] for product in plan["products"]] == ["planned"] * 3
    assert plan["bytes"] == sum(len(data) for data in mast_server.files.values())


def test_one_of_50_fails_for_ever(jwst_vet, mast_server, tmp_path):
    """R18: 49 are done, exit 3, the manifest names file and cause; the next run tries only that one."""
    field(mast_server, 50, size=12)
    root = project(tmp_path, mast_server)
    bad = "jw02736-o003_t001_nircam_clear-f200w_i2d.fits"
    mast_server.fault("file", "status", times=-1, at=500, name=bad)
    done = jwst_vet("download", cwd=root, **env(mast_server))
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert bad in done.stderr
    assert "500" in done.stderr
    states = manifest(root)
    assert sum(row["state"] == "done" for row in states.values()) == 49
    assert states[bad]["state"] == "failed"
    assert "500" in states[bad]["why"]
    mast_server.forget()
    again = jwst_vet("download", cwd=root, **env(mast_server))
    assert again.returncode == 3
    assert {(seen.where, seen.name) for seen in mast_server.seen} == {("file", bad)}
    mast_server.faults.clear()
    assert jwst_vet("download", cwd=root, **env(mast_server)).returncode == 0
    assert manifest(root)[bad]["state"] == "done"


def test_exclusive_products_without_a_token(jwst_vet, mast_server, tmp_path):
    """R19: left with the day they become public and where a token is made; the others are fetched."""
    field(mast_server, 2)
    row = mast_server.observation(
        "jw02736-o009_t001_nircam_clear-f480m",
        filters="F480M",
        dataRights="EXCLUSIVE_ACCESS",
        t_obs_release=61041.0,
    )
    mast_server.product(row, "jw02736-o009_t001_nircam_clear-f480m_i2d.fits", small_fits(9, 16))
    root = project(tmp_path, mast_server)
    done = jwst_vet("download", cwd=root, **env(mast_server))
    assert done.returncode == 0
    assert "https://auth.mast.stsci.edu/token" in done.stdout
    assert "2026-01-01" in done.stdout
    row = manifest(root)["jw02736-o009_t001_nircam_clear-f480m_i2d.fits"]
    assert (row["state"], row["public_from"]) == ("skipped", "2026-01-01")
    assert len(fetched(root)) == 2


@pytest.mark.parametrize(("value", "states"), [("a-good-token", "done"), ("an-old-token", "skipped")])
def test_exclusive_products_with_a_token(value, states, jwst_vet, mast_server, tmp_path):
    """R19: a good token fetches them, an expired one is one line; it is in no log, table or database."""
    mast_server.objects["smacs 0723"] = OBJECT
    row = mast_server.observation(
        "jw02736-o009_t001_nircam_clear-f480m", filters="F480M", dataRights="EXCLUSIVE_ACCESS"
    )
    mast_server.product(row, "jw02736-o009_t001_nircam_clear-f480m_i2d.fits", small_fits(9, 16))
    field(mast_server, 1)
    root = project(tmp_path, mast_server)
    done = jwst_vet("download", cwd=root, MAST_API_TOKEN=value, **env(mast_server))
    assert done.returncode == 0, done.stderr
    assert manifest(root)["jw02736-o009_t001_nircam_clear-f480m_i2d.fits"]["state"] == states
    assert ("not accepted" in done.stdout) == (states == "skipped")
    assert value not in done.stdout + done.stderr
    for path in root.rglob("*"):
        assert path.is_dir() or value.encode() not in path.read_bytes(), path
    public = [seen for seen in mast_server.seen if seen.where == "file" and "f070w" in seen.name]
    assert all("Cookie" not in seen.headers and "Authorization" not in seen.headers for seen in public)


def test_sizes_that_lie_never_break_the_limit(jwst_vet, mast_server, tmp_path):
    """R20: a file listed with 1 kB that is larger is refused; what is on disk stays within max_total_gb."""
    names = field(mast_server, 3)
    listed = mast_server.products[mast_server.observations[0]["obsid"]][0]
    listed["size"] = 1000
    limit = 2.2 * len(mast_server.files[names[0]]) / 1e9
    root = project(tmp_path, mast_server, max_total_gb=limit)
    done = jwst_vet("download", cwd=root, **env(mast_server))
    assert done.returncode == 3
    assert "the archive lists 1000 bytes, the server sends" in done.stderr
    total = sum(path.stat().st_size for path in (root / "data" / "products").iterdir())
    assert total <= limit * 1e9
    assert sum(seen.name == listed["productFilename"] for seen in mast_server.seen) <= 2


@pytest.mark.parametrize(
    ("keys", "most"), [({"max_obs": 2}, 2), ({"max_files": 1}, 1), ({"max_total_gb": 1e-5}, 0)]
)
def test_limits_are_kept(keys, most, jwst_vet, mast_server, tmp_path):
    """R20: each of the three limits alone; where nothing fits that is said and nothing is fetched."""
    field(mast_server, 4)
    root = project(tmp_path, mast_server, **keys)
    done = jwst_vet("download", cwd=root, **env(mast_server))
    assert mast_server.count("file") == most
    assert done.returncode == (0 if most else 2)
    if not most:
        assert "alone larger than max_total_gb" in done.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("radius_deg = -1", "radius_deg"),
        ("radius_deg = nan", "radius_deg"),
        ("radius_deg = 400", "radius_deg"),
        ('target_mode = "coords"\nra_deg = 361', "ra_deg"),
        ('target_mode = "coords"\ndec_deg = 91', "dec_deg"),
        ("max_obs = 0", "max_obs"),
        ("max_files = 0", "max_files"),
        ("max_total_gb = 0", "max_total_gb"),
        ('target_name = "  "', "target_name"),
        ("product_types_image = []", "product_types_image"),
        ('[services]\nmast_url = "mast"', "mast_url"),
        ('[download]\nsource = "ftp"', "source"),
    ],
)
@pytest.mark.parametrize("command", ["download", "run"])
def test_bad_values_are_one_line_and_no_request(command, line, words, jwst_vet, mast_server, tmp_path):
    """R36: exit 2, one line that names the key, nothing sent."""
    (tmp_path / "config.toml").write_text(line + "\n")
    done = jwst_vet(command, cwd=tmp_path, **env(mast_server))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
    assert mast_server.seen == []


@pytest.mark.parametrize("command", ["download", "run"])
def test_unknown_object_is_one_line_and_one_request(command, jwst_vet, mast_server, tmp_path):
    """R36: an unknown name costs one resolver request and no archive query; exit 2 with what to do."""
    root = project(tmp_path, mast_server, target_name="SMASC 0723")
    done = jwst_vet(command, cwd=root, **env(mast_server))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "target_mode" in done.stderr
    assert [seen.where for seen in mast_server.seen] == ["resolver"]


@pytest.mark.parametrize(
    ("variable", "value"), [("JWST_VET_MAST_URL", "not an address"), ("MAST_API_TOKEN", "a token; with more")]
)
def test_bad_environment_is_one_line(variable, value, jwst_vet, mast_server, tmp_path):
    """A variable that cannot be used is named; nothing is sent."""
    root = project(tmp_path, mast_server)
    done = jwst_vet("download", cwd=root, **(env(mast_server) | {variable: value}))
    assert done.returncode == 2
    assert variable in done.stderr.splitlines()[-1]
    assert mast_server.seen == []


def test_too_little_space_is_refused_before_the_first_byte(jwst_vet, mast_server, tmp_path):
    """R21: a plan larger than the disk: one line with both numbers, exit 2, no file asked for."""
    mast_server.objects["smacs 0723"] = OBJECT
    row = mast_server.observation("jw02736-o001_t001_nircam_clear-f277w")
    mast_server.product(row, "jw02736-o001_t001_nircam_clear-f277w_i2d.fits", size=9 * 10**14)
    root = project(tmp_path, mast_server, max_total_gb=1_000_000.0)
    done = jwst_vet("download", cwd=root, **env(mast_server))
    assert done.returncode == 2
    assert "GB are needed" in done.stderr
    assert "[paths] data" in done.stderr
    assert mast_server.count("file", "head") == 0


def test_file_of_unknown_origin_is_checked_or_set_aside(jwst_vet, mast_server, tmp_path):
    """Junk of the right size under a product's name is set aside; the right file is adopted."""
    names = [uri.rpartition("/")[2] for uri in field(mast_server, 3)]
    root = project(tmp_path, mast_server)
    products = root / "data" / "products"
    products.mkdir(parents=True)
    right = mast_server.files[f"mast:JWST/product/{names[0]}"]
    (products / names[0]).write_bytes(right)
    (products / names[1]).write_bytes(b"x" * len(right))
    done = jwst_vet("download", cwd=root, **env(mast_server))
    assert done.returncode == 0
    assert "2 fetched, 1 already there" in done.stdout
    assert (products / f"{names[1]}.unverified").read_bytes() == b"x" * len(right)
    assert {seen.name for seen in mast_server.seen if seen.where == "file"} == set(names[1:])


def test_file_changed_on_disk_is_fetched_again(jwst_vet, mast_server, tmp_path):
    """A verified file that was changed since is noticed and fetched anew."""
    names = [uri.rpartition("/")[2] for uri in field(mast_server, 2)]
    root = project(tmp_path, mast_server)
    jwst_vet("download", cwd=root, **env(mast_server))
    path = root / "data" / "products" / names[0]
    changed = bytearray(path.read_bytes())
    changed[9000] ^= 1
    path.write_bytes(changed)
    os.utime(path, ns=(1, 1))
    mast_server.forget()
    assert "1 fetched, 1 already there" in jwst_vet("download", cwd=root, **env(mast_server)).stdout
    assert path.read_bytes() == mast_server.files[f"mast:JWST/product/{names[0]}"]
    assert mast_server.count("file") == 1


def test_new_limits_make_a_new_plan_and_keep_what_is_there(jwst_vet, mast_server, tmp_path):
    """Raising a limit asks the archive again and fetches only what is new."""
    field(mast_server, 3)
    root = project(tmp_path, mast_server, max_obs=2)
    jwst_vet("download", cwd=root, **env(mast_server))
    mast_server.forget()
    project(tmp_path, mast_server, max_obs=3)
    done = jwst_vet("download", cwd=root, **env(mast_server))
    assert "1 fetched, 2 already there" in done.stdout
    assert mast_server.count("file") == 1
    states = [record.state for record in product_records(Database(root / "outputs" / "jwst-vet.duckdb"))]
    assert sorted(states) == ["already there", "already there", "done"]


def test_killed_in_the_middle_goes_on(mast_server, jwst_vet, tmp_path):
    """kill -9 of the whole command: the next one makes no plan and goes on in the middle of the file."""
    field(mast_server, 1, size=300)
    name = next(iter(mast_server.files)).rpartition("/")[2]
    mast_server.fault("file", "stall", at=500_000)
    root = project(tmp_path, mast_server)
    config = (root / "config.toml").read_text().replace("read_timeout_s = 0.3", "read_timeout_s = 30.0")
    (root / "config.toml").write_text(config)
    part = root / "data" / "products" / f"{name}.part"
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "tui", "download"], cwd=root, env=os.environ | env(mast_server),
        stdout=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        end = time.monotonic() + 30
        while not part.exists() or part.stat().st_size < 500_000:
            assert time.monotonic() < end
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    mast_server.forget()
    assert jwst_vet("download", cwd=root, **env(mast_server)).returncode == 0
    assert [(seen.where, seen.range) for seen in mast_server.seen] == [("file", "bytes=500000-")]


def test_stopped_by_a_signal_keeps_the_part_and_says_so(mast_server, jwst_vet, tmp_path):
    """Ctrl-C: exit 3, the part is kept; the same command goes on."""
    field(mast_server, 1, size=300)
    mast_server.fault("file", "drip", at=500_000)
    root = project(tmp_path, mast_server)
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "tui", "download"], cwd=root, env=os.environ | env(mast_server),
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        end = time.monotonic() + 30
        while not list((root / "data" / "products").glob("*.part")):
            assert time.monotonic() < end
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out = process.communicate(timeout=30)[0]
    assert process.returncode == 3
    assert "1 left for the next time" in out
    assert "goes on from here" in out
    assert jwst_vet("download", cwd=root, **env(mast_server)).returncode == 0


def test_progress_tells_bytes_speed_and_time(jwst_vet, mast_server, tmp_path):
    """Events of a transfer carry bytes done, bytes in all and words for both."""
    field(mast_server, 2, size=200)
    root = project(tmp_path, mast_server)
    done = jwst_vet("download", "--json", cwd=root, **env(mast_server))
    events = [event for event in map(json.loads, done.stdout.splitlines()) if event["event"] == "progress"]
    total = sum(len(data) for data in mast_server.files.values())
    assert events[-1]["done"] == events[-1]["total"] == total
    assert "MB/s" in events[-1]["text"]


def test_run_leaves_own_files_alone(jwst_vet, mast_server, tmp_path, small_field):
    """Files put there by hand and nothing ever downloaded: run works on them and asks nobody."""
    root = project(tmp_path, mast_server)
    products = root / "data" / "products"
    products.mkdir(parents=True)
    path = min(small_field.glob("*f444w*_i2d.fits"))
    (products / path.name).write_bytes(path.read_bytes())
    done = jwst_vet("run", cwd=root, **env(mast_server))
    assert done.returncode == 0, done.stderr
    assert "put there by hand" in done.stdout
    assert mast_server.seen == []


def test_run_goes_from_the_name_to_the_report_twice(jwst_vet, mast_server, tmp_path, small_field):
    """One command, from the target's name to REPORT.md; the second time not one request is sent."""
    from astropy.io import fits

    paths = sorted(small_field.glob("*_i2d.fits"))
    header = fits.getheader(paths[0], "SCI")
    ra, dec = header["CRVAL1"], header["CRVAL2"]
    mast_server.objects["smacs 0723"] = (ra, dec)
    for path in paths:
        band = re.search(r"f\d{3}w", path.name)[0].upper()
        name = path.name.removesuffix("_i2d.fits")
        row = mast_server.observation(name, filters=band, s_ra=ra, s_dec=dec, s_region=square(ra, dec, 0.01))
        mast_server.product(row, path.name, path.read_bytes())
    mast_server.fault("file", "cut", at=50_000)
    mast_server.fault("observations", "html")
    root = project(tmp_path, mast_server, max_obs=3)
    done = jwst_vet("run", cwd=root, **env(mast_server))
    assert done.returncode == 0, done.stderr
    report = root / "outputs" / "report" / "REPORT.md"
    assert "SMACS 0723" in report.read_text()
    assert len(fetched(root)) == 3
    mast_server.forget()
    before = report.read_text()
    again = jwst_vet("run", cwd=root, **env(mast_server))
    assert again.returncode == 0, again.stderr
    assert mast_server.seen == []
    assert "3 already there" in again.stdout
    assert len(report.read_text().splitlines()) == len(before.splitlines())


def test_run_without_a_network_works_on_what_is_there(jwst_vet, mast_server, tmp_path, small_field):
    """A changed target, no network, files there: a note, and the run goes on with exit 0."""
    paths = sorted(small_field.glob("*f444w*_i2d.fits"))
    mast_server.objects["smacs 0723"] = OBJECT
    row = mast_server.observation(paths[0].name.removesuffix("_i2d.fits"), filters="F444W")
    mast_server.product(row, paths[0].name, paths[0].read_bytes())
    root = project(tmp_path, mast_server)
    assert jwst_vet("download", cwd=root, **env(mast_server)).returncode == 0
    project(tmp_path, mast_server, radius_deg=0.03)
    done = jwst_vet("run", cwd=root, JWST_VET_MAST_URL="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    assert "going on with the files that are there" in done.stdout


def test_companions_are_fetched_and_not_taken_for_images(jwst_vet, mast_server, tmp_path):
    """Catalogue and segmentation map lie beside their image; the image is the only one to measure."""
    from analysis.stages.inputs import find_images

    names = [uri.rpartition("/")[2] for uri in field(mast_server, 1)]
    row = mast_server.observations[0]
    stem = names[0].removesuffix("_i2d.fits")
    mast_server.product(row, f"{stem}_cat.ecsv", b"# %ECSV 1.0\n# ---\na b\n1 2\n")
    mast_server.product(row, f"{stem}_segm.fits", small_fits(5, 16))
    root = project(tmp_path, mast_server, download=Download(companions=True))
    assert jwst_vet("download", cwd=root, **env(mast_server)).returncode == 0
    assert len(fetched(root)) == 3
    assert [path.name for path in find_images(root / "data" / "products")] == names


def test_check_tells_services_quickly(jwst_vet, mast_server, tmp_path):
    """`check` says which services answer; those that do not make the machine no less fit."""
    root = project(tmp_path, mast_server)
    dead = "http://127.0.0.1:9"
    taps = f"simbad={dead},gaia={dead},ned={dead},vizier={dead}"
    mast_server.fault("whoami", "stall", times=-1)
    began = time.monotonic()
    done = jwst_vet("check", "--json", cwd=root, JWST_VET_TAP_URLS=taps, **env(mast_server))
    assert time.monotonic() - began < 10
    assert done.returncode == 0
    facts = {fact["name"]: fact for fact in json.loads(done.stdout)}
    assert facts["name resolver"]["fit"]
    assert not facts["MAST"]["fit"]
    assert not facts["SIMBAD"]["fit"]


def test_ticked_off_products_are_not_fetched_and_a_new_plan_keeps_it(jwst_vet, mast_server, tmp_path):
    """The choice made after `--plan` holds for download, and for a new plan after a lost database."""
    from store.products import TICKED_OFF

    names = [uri.rpartition("/")[2] for uri in field(mast_server)]
    root = project(tmp_path, mast_server)
    assert jwst_vet("download", "--plan", cwd=root, **env(mast_server)).returncode == 0
    assert mast_server.count("file") == 0
    database = Database(root / "outputs" / "jwst-vet.duckdb")
    record = next(record for record in product_records(database) if record.name == names[1])
    chosen = tick(product_records(database), record.uri, Config(max_obs=100))
    keep_choice(Project(root), database, VerdictBook(Project(root), "vera"), chosen)
    done = jwst_vet("download", cwd=root, **env(mast_server))
    assert done.returncode == 0, done.stderr
    assert "2 of at most 60 files" in done.stdout
    assert "ticked off: 1" in done.stdout
    database.path.unlink()
    jwst_vet("download", "--replan", cwd=root, **env(mast_server))
    assert fetched(root) == [names[0], names[2]]
    assert (manifest(root)[names[1]]["state"], manifest(root)[names[1]]["why"]) == ("skipped", TICKED_OFF)


def test_every_product_ticked_off_is_a_choice_and_no_failure(jwst_vet, mast_server, tmp_path):
    """Nothing is fetched, and that is said."""
    field(mast_server, 1)
    root = project(tmp_path, mast_server)
    jwst_vet("download", "--plan", cwd=root, **env(mast_server))
    database = Database(root / "outputs" / "jwst-vet.duckdb")
    (record,) = product_records(database)
    save_product(database, tick([record], record.uri, Config(max_obs=100)))
    done = jwst_vet("download", cwd=root, **env(mast_server))
    assert (done.returncode, mast_server.count("file")) == (0, 0)
    assert "every product is ticked off" in done.stdout


def test_the_meter_tells_each_file_and_does_not_take_parts_for_speed():
    """Bytes held from before count as fetched and took no time; the last event is the whole."""
    told = []
    meter = Meter({"a": 10_000_000, "b": 4_000_000}, Voice(told.append), {"a": 6_000_000})
    meter.count("a", 6_000_000)
    assert told[-1]["done"] == 6_000_000
    assert "6.0 of 14.0 MB, 0.0 MB/s" in told[-1]["text"]
    meter.count("b", 4_000_000)
    meter.count("a", 4_000_000)
    assert told[-1]["done"] == told[-1]["total"] == 14_000_000
    assert {file["frame"]: file["done"] for file in told[-1]["files"]} == {"a": 10_000_000, "b": 4_000_000}
