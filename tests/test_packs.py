"""Packs: what vetting needs in one file and out of it; nothing that a hostile one holds leaves its folder."""

import hashlib
import json
import os
import shutil
import stat
import struct
import zipfile

import pytest
from test_app import app_of, press, settled, text_of
from vet_project import make_vet_project, name_of

from analysis.config import load
from store.candidates import candidate_order, members
from store.checks import CheckRow, load_checks, save_checks
from store.database import Database
from store.packs import read_manifest, unpack, write_pack
from store.project import PACK_NAME, Project, StoreError
from store.verdicts import VerdictBook
from tui.desk import Detail


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A project with pictures, evidence, an answer of a catalogue and somebody's verdicts; read only."""
    project, _ = make_vet_project(tmp_path_factory.mktemp("origin") / "field", 6)
    row = CheckRow(
        name_of(0), "catalogs", "fail", "0.04 arcsec", "Gaia has it", "{}", "key", "digest", "t", 1.0
    )
    save_checks(Database(project.database), [row])
    (project.outputs_dir / "catalogs").mkdir()
    (project.outputs_dir / "catalogs" / "gaia.ecsv").write_text("answer")
    (project.products / "f200w_i2d.fits").write_bytes(b"SIMPLE" * 100)
    (project.tables / "all_sources.csv").write_text("every source")
    book = VerdictBook(project, "vera")
    book.decide("label", name_of(0), 110.8, -73.4, {"label": "known"})
    return project


@pytest.fixture
def pack(origin, tmp_path):
    """A pack of it."""
    path = tmp_path / "field-pack.zip"
    write_pack(origin, path, (origin.root / "config.toml").read_text(), "SIMULATED field")
    return path


def test_a_pack_lists_its_content_and_is_the_same_each_time(origin, pack, tmp_path):
    """Every part with bytes and sha256 in order of path; no FITS; the same project gives the same file."""
    with zipfile.ZipFile(pack) as packed:
        names = packed.namelist()
        assert names[0] == PACK_NAME
        said = json.loads(packed.read(PACK_NAME))
        assert [part["path"] for part in said["parts"]] == sorted(names[1:]) == names[1:]
        for part in said["parts"]:
            raw = packed.read(part["path"])
            assert (len(raw), hashlib.sha256(raw).hexdigest()) == (part["bytes"], part["sha256"])
    assert sum(name.endswith(".npz") for name in names) >= 6
    assert {"outputs/catalogs/gaia.ecsv", "outputs/verdicts/vera.jsonl", "index/candidates.parquet"} <= set(
        names
    )
    assert not any(name.endswith((".fits", ".duckdb", "all_sources.csv")) for name in names)
    again = tmp_path / "again.zip"
    write_pack(origin, again, (origin.root / "config.toml").read_text(), "SIMULATED field")
    assert again.read_bytes() == pack.read_bytes()


def test_there_and_back(jwst_vet, origin, tmp_path):
    """pack, unpack, vet, merge: the index is as it was, and the verdicts come home, twice with one result."""
    home = Project(shutil.copytree(origin.root, tmp_path / "home"))
    away = tmp_path / "away"
    away.mkdir()
    assert jwst_vet("pack", away / "p.zip", cwd=home.root).returncode == 0
    done = jwst_vet("unpack", "p.zip", "--vetter", "bob", cwd=away)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("p.zip: ")  # how large it gets is said first
    there = Project(away / "p")
    assert there.packed
    assert load(there.root / "config.toml").vetting.vetter == "bob"
    ours, theirs = Database(home.database), Database(there.database)
    assert candidate_order(theirs) == candidate_order(ours)
    assert load_checks(theirs) == load_checks(ours)
    assert members(theirs, name_of(2)) == members(ours, name_of(2))
    book = VerdictBook(there, "bob")
    book.decide("label", name_of(0), 110.8, -73.4, {"label": "ordinary"})
    for word in ("status", "verify"):
        done = jwst_vet(word, cwd=there.root)
        assert done.returncode == 0, done.stdout
        assert "a pack" in done.stdout
    for words in (
        ("run",),
        ("rank",),
        ("images",),
        ("repair",),
        ("checks",),
        ("download",),
        ("run", "--detach"),
    ):
        refused = jwst_vet(*words, cwd=there.root)
        assert refused.returncode == 2, words
        assert "it has no FITS files" in refused.stderr
    assert jwst_vet("pack", "back.zip", cwd=there.root).returncode == 0
    for source in (there.root / "back.zip", there.verdicts, there.root, there.verdicts / "bob.jsonl"):
        assert jwst_vet("merge", source, cwd=home.root).returncode == 0, source
        assert VerdictBook(home, "vera").consensus(name_of(0)) == "conflict"
        assert (home.verdicts / "bob.jsonl").read_bytes() == (there.verdicts / "bob.jsonl").read_bytes()
    again = jwst_vet("unpack", "p.zip", cwd=away)
    assert again.returncode == 2
    assert "is there already" in again.stderr


async def test_an_unpacked_project_opens_with_pixels_and_evidence(pack, tmp_path):
    """The app shows pictures and checks, and says that it is a pack without FITS."""
    unpack(pack, read_manifest(pack), tmp_path / "there", lambda _path: None)
    project = Project(tmp_path / "there")
    app = app_of((project, load(project.root / "config.toml")))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert "PACK, no FITS" in text_of(app)
        assert "0.04 arcsec" in text_of(app)
        detail = app.desk.detail(name_of(0), "asinh")
        assert isinstance(detail, Detail)
        assert len(detail.views) == 5
        await press(pilot, "j", "y")
        assert app.desk.book.state(name_of(1)).label == "interesting"


def rewritten(pack, path, change):
    """Copy a pack, letting a function change the entries: name to (info, bytes)."""
    with zipfile.ZipFile(pack) as packed:
        entries = {info.filename: (info, packed.read(info)) for info in packed.infolist()}
    change(entries)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for info, raw in entries.values():
            packed.writestr(info, raw)
    return path


def listed(entries, name, raw, mode=stat.S_IFREG | 0o644):
    """Put an entry in, and into the list of the pack, as whoever makes a hostile one would."""
    info, listing = entries[PACK_NAME]
    said = json.loads(listing)
    said["parts"].append({"path": name, "bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()})
    entries[PACK_NAME] = (info, json.dumps(said).encode())
    entry = zipfile.ZipInfo(name)
    entry.external_attr, entry.compress_type = mode << 16, zipfile.ZIP_DEFLATED
    entries[name + "#"] = (entry, raw)


HOSTILE_NAMES = (
    "../escaped",
    "/tmp/escaped",
    "outputs/tables/../../../escaped",
    "outputs\\..\\escaped",
    "C:/escaped",
    "outputs/jwst-vet.duckdb",
    "outputs/runs/1/events.jsonl",
    "data/products/x_i2d.fits",
    ".bashrc",
    "index/a/b.parquet",
    "outputs/tables/\x1b[2J.csv",
    "outputs/tables//x.csv",
    "outputs/tables/" + "x" * 300,
)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_path_that_leads_elsewhere_is_refused(pack, tmp_path, name):
    """Nothing is unpacked, and the line names the entry."""
    path = rewritten(pack, tmp_path / "bad.zip", lambda entries: listed(entries, name, b"x"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StoreError, match="nothing was unpacked"):
        read_manifest(path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_what_is_no_plain_file_is_refused(pack, tmp_path, kind):
    """Links, folders, pipes and devices."""
    change = lambda entries: listed(entries, "outputs/tables/x.csv", b"/etc/passwd", kind | 0o777)  # noqa: E731
    with pytest.raises(StoreError, match="not a plain file"):
        read_manifest(rewritten(pack, tmp_path / "bad.zip", change))


def _twice(entries):
    listed(entries, "outputs/tables/x.csv", b"1")
    listed(entries, "outputs/tables/X.csv", b"2")


def _unlisted(entries):
    entries["more"] = (zipfile.ZipInfo("outputs/tables/more.csv"), b"x")


def _missing(entries):
    del entries["outputs/catalogs/gaia.ecsv"]


def _longer(entries):
    info, raw = entries["outputs/catalogs/gaia.ecsv"]
    entries["outputs/catalogs/gaia.ecsv"] = (info, raw + b"more")


def _no_list(entries):
    del entries[PACK_NAME]


def _garbled(entries):
    entries[PACK_NAME] = (entries[PACK_NAME][0], b"[" * 5000)


def _newer(entries):
    entries[PACK_NAME] = (entries[PACK_NAME][0], json.dumps({"format": 99}).encode())


@pytest.mark.parametrize(
    ("change", "needle"),
    [
        (_twice, "is there twice"),
        (_unlisted, "is not in pack.json"),
        (_missing, "is missing"),
        (_longer, "bytes, pack.json says"),
        (_no_list, "not a pack"),
        (_garbled, "not the list of a pack"),
        (_newer, "format 99"),
    ],
)
def test_a_pack_that_is_not_what_its_list_says_is_refused(pack, tmp_path, change, needle):
    """Each in one line that says what is wrong."""
    with pytest.raises(StoreError, match=needle) as caught:
        read_manifest(rewritten(pack, tmp_path / "bad.zip", change))
    assert "\n" not in str(caught.value)


def test_other_bytes_than_listed_leave_nothing_behind(pack, tmp_path):
    """A changed part of the same length is found by its sha256, after which no folder is there."""

    def change(entries):
        info, raw = entries["outputs/catalogs/gaia.ecsv"]
        entries["outputs/catalogs/gaia.ecsv"] = (info, raw[::-1])

    path = rewritten(pack, tmp_path / "bad.zip", change)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StoreError, match="not the bytes"):
        unpack(path, read_manifest(path), tmp_path / "there", lambda _path: None)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_table_of_another_program_is_refused(pack, tmp_path):
    """A Parquet file that is none, or of a table there is not, ends the unpacking in one line."""
    for name in ("index/evil.parquet", "index/decisions.parquet"):
        path = rewritten(pack, tmp_path / "bad.zip", lambda entries, n=name: listed(entries, n, b"PAR1"))
        with pytest.raises(StoreError, match="no table of this version"):
            unpack(path, read_manifest(path), tmp_path / "there", lambda _path: None)
        assert not (tmp_path / "there").exists()


def test_a_bomb_is_refused_by_what_it_claims_and_by_what_it_is(jwst_vet, pack, tmp_path):
    """More than --max-gb is refused before the first byte; one that lies about its size is refused too."""
    bomb = rewritten(
        pack,
        tmp_path / "bomb.zip",
        lambda entries: listed(entries, "outputs/tables/x.csv", bytes(50_000_000)),
    )
    assert bomb.stat().st_size < 10_000_000
    done = jwst_vet("unpack", bomb, "--max-gb", "0.04", cwd=tmp_path)
    assert done.returncode == 2
    assert "more than 0.04 GB unpacked" in done.stderr
    assert not (tmp_path / "bomb").exists()
    # The central directory and the list claim ten bytes; the stream holds fifty million.
    raw = bytearray(bomb.read_bytes())
    wanted = struct.pack("<I", 50_000_000)
    while (place := raw.find(wanted)) >= 0:
        raw[place : place + 4] = struct.pack("<I", 10)
    (tmp_path / "lies.zip").write_bytes(bytes(raw))
    lies = rewritten_list(tmp_path / "lies.zip", b'"bytes": 50000000', b'"bytes": 10      ')
    done = jwst_vet("unpack", lies, cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "lies").exists()


def rewritten_list(path, old, new):
    """Change the list of a pack in place, leaving all other entries as they are byte for byte."""
    with zipfile.ZipFile(path) as packed:
        listing = packed.read(PACK_NAME)
        assert old in listing
        others = [(info, packed) for info in packed.infolist()[1:]]
        out = path.with_name("out.zip")
        with zipfile.ZipFile(out, "w") as made:
            made.writestr(PACK_NAME, listing.replace(old, new))
            for info, _ in others:
                copied = zipfile.ZipInfo(info.filename)
                copied.external_attr = info.external_attr
                # Raw copy: what is compressed stays, its claimed size too.
                with path.open("rb") as file:
                    file.seek(info.header_offset)
                    head = file.read(30)
                    name, extra = struct.unpack("<HH", head[26:30])
                    file.seek(info.header_offset + 30 + name + extra)
                    data = file.read(info.compress_size)
                copied.compress_type, copied.CRC = info.compress_type, info.CRC
                copied.compress_size, copied.file_size = info.compress_size, info.file_size
                copied.header_offset = made.fp.tell()
                made.fp.write(copied.FileHeader(zip64=False))
                made.fp.write(data)
                made.start_dir = made.fp.tell()
                made.filelist.append(copied)
                made.NameToInfo[copied.filename] = copied
                made._didModify = True
    return out.replace(path)


def test_what_is_no_pack_is_one_line(jwst_vet, project_folder, tmp_path):
    """A file that is not there, junk, another zip; and a project with nothing to vet."""
    (tmp_path / "junk.zip").write_bytes(os.urandom(5000))
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("readme", "hello")
    for name in ("nowhere.zip", "junk.zip", "other.zip"):
        for words in (("unpack", name), ("-C", project_folder, "merge", tmp_path / name)):
            done = jwst_vet(*words, cwd=tmp_path)
            assert done.returncode == 2, words
            assert name in done.stderr
            assert "Traceback" not in done.stderr
    done = jwst_vet("pack", cwd=project_folder)
    assert done.returncode == 2
    assert "nothing ranked yet" in done.stderr


def test_paths_in_a_hostile_configuration_are_not_followed(jwst_vet, origin, tmp_path):
    """[paths] of a pack's configuration lead nowhere: the project lies in its folder."""
    text = (origin.root / "config.toml").read_text()
    bad = text.replace('outputs = "outputs"', f'outputs = "{tmp_path}/elsewhere"')
    assert bad != text
    write_pack(origin, tmp_path / "p.zip", bad, "t")
    assert jwst_vet("unpack", "p.zip", cwd=tmp_path).returncode == 0
    config = load(tmp_path / "p" / "config.toml")
    assert (config.paths.outputs, config.vetting.vetter) == ("outputs", "")
    assert not (tmp_path / "elsewhere").exists()
