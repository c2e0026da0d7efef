"""`verify`, `repair` and `clean` as commands, on healthy projects and on damaged ones."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from vet_project import make_vet_project, name_of

from analysis.cutouts import load_cutouts
from store import damage
from store.database import Database
from store.drafts import draft_of, left_behind
from store.project import Project, slug
from store.verdicts import VerdictBook
from tui.cli import main


@pytest.fixture(autouse=True)
def nothing_told():
    """Start and end without notices of other tests."""
    damage.take_fresh()
    yield
    damage.take_fresh()


@pytest.fixture
def own(finished_copy):
    """A finished project whose records name its own FITS files, with three verdicts of vera."""
    database = Database(Project(finished_copy).database)
    with database.write() as cursor:
        cursor.execute(
            "UPDATE frames SET path = ? || parse_filename(path)", [f"{finished_copy}/data/products/"]
        )
    config = finished_copy / "config.toml"
    config.write_text(config.read_text().replace('vetter = ""', 'vetter = "vera"'))
    project = Project(finished_copy)
    book = VerdictBook(project, "vera", database=database)
    for number in range(3):
        book.decide("label", name_of(number), 1.0, 2.0, {"label": "known"})
    book.index()
    return project


@pytest.fixture
def told(capsys):
    """Run a command in this process: told(project, *words) gives exit code, lines of stdout, stderr."""

    def run(project, *words):
        capsys.readouterr()
        code = main(["-C", str(project.root), *words])
        shown = capsys.readouterr()
        assert "Traceback" not in shown.out + shown.err
        return code, shown.out.splitlines(), shown.err

    return run


def wrong(lines):
    """The lines of `verify` about what is not as it should be."""
    return [line.removeprefix("look ") for line in lines if line.startswith("look ")]


def contents(project):
    return {p: p.read_bytes() for p in project.root.rglob("*") if p.is_file()}


def test_verify_of_a_healthy_project(told, own):
    """Exit code 0; a line each for journal, database, index, inputs and cutouts; JSON says the same."""
    before = contents(own)
    code, lines, errors = told(own, "verify")
    assert (code, errors, wrong(lines)) == (0, "", [])
    for words in ("vera.jsonl: 3 lines", "rows read", "index: 3 of 3", "the bytes that were", "cutouts: "):
        assert any(words in line for line in lines), words
    assert lines[-1].endswith("0 not as they should be")
    assert any("the size that were" in line for line in told(own, "verify", "--quick")[1])
    code, lines, _ = told(own, "verify", "--json")
    findings = json.loads("\n".join(lines))
    assert code == 0
    assert all(finding["fit"] for finding in findings)
    assert contents(own) == before


def flip_journal(project):
    path = project.verdicts / "vera.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"known"', b'"knowm"', 1))


def cut_database(project):
    path = project.database
    path.write_bytes(path.read_bytes()[:20_000])


def lose_database(project):
    project.database.unlink()


def flip_input(project):
    path = next(project.products.glob("*_i2d.fits"))
    raw = bytearray(path.read_bytes())
    raw[-5000] ^= 1
    path.write_bytes(raw)


def grow_input(project):
    with next(project.products.glob("*_i2d.fits")).open("ab") as file:
        file.write(bytes(2880))


def lose_input(project):
    next(project.products.glob("*_i2d.fits")).unlink()


def cut_cutout(project):
    path = next(project.cutout_cache.glob("*.npz"))
    path.write_bytes(path.read_bytes()[:-3000])


def lose_journal(project):
    (project.verdicts / "vera.jsonl").unlink()


@pytest.mark.parametrize(
    ("spoil", "words", "remedy"),
    [
        (flip_journal, "vera.jsonl: line 1: its checksum does not fit", "`jwst-vet repair`"),
        (cut_database, "jwst-vet.duckdb", ""),
        (lose_database, "gone, though there are results", "`jwst-vet repair`"),
        (flip_input, "other bytes than those measured", "`jwst-vet images` measures it again"),
        (grow_input, "were measured", "`jwst-vet images` measures it again"),
        (lose_input, "No such file", "put it back"),
        (cut_cutout, "damaged (", "`jwst-vet rank` cuts it again"),
        (lose_journal, "3 decisions of the index are in no journal", "copy the journal back"),
    ],
)
def test_verify_of_a_damaged_project(told, own, spoil, words, remedy):
    """Exit code 3, one line about what is wrong with its remedy, and nothing is changed."""
    spoil(own)
    before = contents(own)
    code, lines, _ = told(own, "verify")
    found = wrong(lines)
    # A journal line that cannot be read leaves its decision in the index alone, and that is told too.
    assert len(found) == (2 if spoil is flip_journal else 1)
    assert code == 3
    assert words in found[0]
    assert remedy in found[0]
    assert lines[-1].endswith(f"{len(found)} not as they should be")
    assert contents(own) == before


def test_repair_of_a_healthy_project(told, own):
    """Nothing is set aside, nothing has to be measured again: exit code 0."""
    tables = Database(own.database)
    with tables.read() as cursor:
        before = cursor.execute("SELECT count(*), bit_xor(hash(s)) FROM sources s").fetchone()
    code, lines, errors = told(own, "repair")
    assert (code, errors) == (0, "")
    assert lines == ["3 journal lines of 1 vetters are in the index", "nothing else to do"]
    assert list(own.outputs_dir.rglob("*.damaged-*")) == []
    with tables.read() as cursor:
        assert cursor.execute("SELECT count(*), bit_xor(hash(s)) FROM sources s").fetchone() == before


def test_repair_of_a_garbled_journal_keeps_the_others_and_the_old_file(told, own):
    """Exit code 0: the index is whole again; `verify` finds nothing wrong afterwards."""
    flip_journal(own)
    spoilt = (own.verdicts / "vera.jsonl").read_bytes()
    code, lines, _ = told(own, "repair")
    assert code == 0
    assert "2 lines kept, 1 unreadable or out of turn" in lines[0]
    (aside,) = own.verdicts.glob("vera.jsonl.damaged-*")
    assert aside.read_bytes() == spoilt
    assert told(own, "verify")[0] == 0


def ranks(project):
    """Rank, name and score of every candidate."""
    with Database(project.database).read() as cursor:
        return cursor.execute("SELECT rank, candidate, composite_score FROM candidates ORDER BY 1").fetchall()


def test_repair_of_a_lost_database_then_a_run_make_the_project_whole(told, own, jwst_vet):
    """Exit code 3 and the next step; the verdicts are there at once, the candidates after it."""
    ranked = ranks(own)
    cut_database(own)
    code, lines, _ = told(own, "repair")
    assert code == 3
    assert "3 journal lines of 1 vetters are in the index" in lines
    assert lines[-1] == "next: `jwst-vet run` makes the rest again"
    with Database(own.database).read() as cursor:
        assert cursor.execute("SELECT count(*) FROM standing WHERE label = 'known'").fetchone() == (3,)
    for stage in ("images", "rank"):
        assert jwst_vet(stage, cwd=own.root).returncode == 0
    assert told(own, "verify")[0] == 0
    assert ranks(own) == ranked


def test_repair_of_a_database_that_is_gone(told, own):
    """The same words and exit code as for one that is cut."""
    lose_database(own)
    code, lines, _ = told(own, "repair")
    assert (code, lines[-1]) == (3, "next: `jwst-vet run` makes the rest again")
    assert any("was gone and is made anew" in line for line in lines)


def test_repair_while_a_run_goes_on_is_refused(told, own):
    """One line and exit code 2: a run writes what `repair` would read."""
    from analysis.pipeline import claimed

    with claimed(own):
        for command in ("repair", "clean"):
            code, _, errors = told(own, command)
            assert code == 2
            assert errors.count("\n") == 1
            assert "`jwst-vet stop` ends it" in errors


def dead_process():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def litter(project):
    """Put down one of everything that `clean` frees; give their sizes together."""
    draft = draft_of(project.tables / "sources.csv")
    dead = draft.with_name(draft.name.replace(f".{os.getpid()}-", f".{dead_process()}-"))
    places = {
        project.cache / "unpacked" / "jw1_i2d.fits": 5000,
        project.cache / "duckdb-spill" / "page": 700,
        dead: 60,
    }
    for path, size in places.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    return sum(places.values())


def test_clean_says_what_it_would_free_then_frees_it_alone(told, own):
    """--dry-run deletes nothing; `clean` deletes what can be made again and keeps all else."""
    before = contents(own)
    size = litter(own)
    code, lines, _ = told(own, "clean", "--dry-run")
    assert (code, lines[-1]) == (0, f"{size:,} bytes would be freed")
    assert len(contents(own)) == len(before) + 3
    code, lines, _ = told(own, "clean")
    assert (code, lines[-1]) == (0, f"{size:,} bytes freed")
    assert sum(line.startswith("kept ") for line in lines) == 2
    assert contents(own) == before
    assert told(own, "verify")[0] == 0


def test_clean_of_what_was_set_aside(told, own):
    """Damaged files and copies from before migrations go only when asked for by name."""
    aside = own.outputs_dir / "jwst-vet.duckdb.damaged-20261124T000000Z"
    copy = own.outputs_dir / "jwst-vet.schema6.duckdb"
    for path in (aside, copy):
        path.write_bytes(bytes(100))
    assert told(own, "clean")[1][-1] == "0 bytes freed"
    assert aside.exists()
    assert told(own, "clean", "--set-aside")[1][-1] == "200 bytes freed"
    assert not aside.exists()
    assert not copy.exists()


def test_clean_of_cutouts_which_rank_makes_again(told, own, jwst_vet):
    """With every FITS file there, cutouts and figures go when asked for; the next ranking cuts the same."""
    kept = {path.name: path.read_bytes() for path in own.cutout_cache.glob("*.npz")}
    assert kept
    code, lines, _ = told(own, "clean", "--cutouts")
    assert code == 0
    assert list(own.cutout_cache.glob("*.npz")) == list(own.cutout_figures.glob("*.png")) == []
    assert int(lines[-1].split()[0].replace(",", "")) >= sum(map(len, kept.values()))
    assert jwst_vet("rank", cwd=own.root).returncode == 0
    assert {path.name for path in own.cutout_cache.glob("*.npz")} == set(kept)


def test_cutouts_survive_when_the_fits_were_purged(told, own, jwst_vet):
    """A scratch disk was emptied: `clean --cutouts` refuses, a new ranking keeps what it cannot cut again."""
    for path in own.products.glob("*.fits"):
        path.unlink()
    kept = {path: load_cutouts(path).images for path in own.cutout_cache.glob("*.npz")}
    code, lines, _ = told(own, "clean", "--cutouts")
    (line,) = [line for line in lines if "cutouts and figures" in line]
    assert code == 0
    assert line.startswith("kept ")
    assert "FITS files they were cut from are gone" in line
    config = own.root / "config.toml"
    config.write_text(config.read_text().replace("min_snr = 5.0", "min_snr = 20.0"))
    done = jwst_vet("rank", cwd=own.root)
    assert done.returncode == 3, done.stderr
    with Database(own.database).read() as cursor:
        ranked = {
            f"{slug(name)}.npz" for (name,) in cursor.execute("SELECT candidate FROM candidates").fetchall()
        }
    assert {path.name for path in kept} - ranked
    for path, images in kept.items():
        after = load_cutouts(path).images
        assert len(after) == len(images) > 0
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(after, images, strict=True))


def test_commands_on_a_project_where_nothing_was_done(told, project_folder):
    """Nothing there: each says so and fails at nothing."""
    project = Project(project_folder)
    assert told(project, "clean") == (0, [f"{project.outputs_dir}: nothing there yet"], "")
    assert told(project, "verify")[0] == 0
    code, lines, _ = told(project, "repair")
    assert (code, lines[-1]) == (0, "nothing else to do")


def test_drafts_of_the_living_are_left_alone(tmp_path):
    """A process that lives may be writing; one that is gone, or an hour without a touch, is not."""
    living = draft_of(tmp_path / "sources.csv")
    dead = living.with_name(living.name.replace(f".{os.getpid()}-", f".{dead_process()}-"))
    old = draft_of(tmp_path / "REPORT.md")
    for path in (living, dead, old, tmp_path / "jw1_i2d.fits.part", tmp_path / ".x.part"):
        path.write_text("half")
    os.utime(old, (1.0, 1.0))
    assert list(left_behind(tmp_path)) == sorted([dead, old])


KILLED_IN_A_TABLE = """
import os, signal, sys
from pathlib import Path
from store import tables
from store.database import Database
from store.project import Project
project = Project(Path(sys.argv[1]))
real = os.fsync
tables.os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
tables.write_table(project, Database(project.database), "ranked_candidates")
"""


def test_a_half_written_table_of_a_killed_run_is_gone_after_the_next_start(tmp_path, told, jwst_vet):
    """Killed before the table had its name: the old table stands, `clean` and any stage delete the draft."""
    project, _ = make_vet_project(tmp_path / "field")
    table = project.tables / "ranked_candidates.csv"
    table.write_text("the one before\n")
    root = Path(__file__).resolve().parents[1]
    for command in ("clean", "images"):
        done = subprocess.run([sys.executable, "-c", KILLED_IN_A_TABLE, project.root], cwd=root, check=False)
        assert done.returncode == -9
        (draft,) = project.tables.glob(".ranked_candidates.csv.*.part")
        assert draft.stat().st_size > 1000
        assert table.read_text() == "the one before\n"
        jwst_vet(command, cwd=project.root)
        assert list(project.tables.iterdir()) == [table]
    (events,) = project.runs.glob("*/events.jsonl")
    assert "half-written files of a killed process deleted: 1" in events.read_text()


# root without the right to pass over permissions
ORDINARY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []


@pytest.mark.skipif(os.getuid() == 0 and shutil.which("setpriv") is None, reason="root may write anywhere")
def test_r33_a_project_that_may_not_be_written_is_one_line(own):
    """A read-only folder: commands that write end with one line and exit code 2; those that read work."""
    for folder, _, files in os.walk(own.root):
        for name in files:
            Path(folder, name).chmod(0o444)
        Path(folder).chmod(0o555)
    try:
        for words, expected in ((("images",), 2), (("report",), 2), (("repair",), 2), (("status",), 0)):
            done = subprocess.run(
                [*ORDINARY, sys.executable, "-P", "-m", "tui", "-C", str(own.root), *words],
                capture_output=True, text=True, check=False, cwd="/",
                env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"},
            )  # fmt: skip
            assert done.returncode == expected, (words, done.stdout, done.stderr)
            assert "Traceback" not in done.stderr
            if expected:
                assert done.stderr.count("\n") == 1
                assert str(own.root) in done.stderr
                assert "writ" in done.stderr
    finally:
        for folder, _, _ in os.walk(own.root):
            Path(folder).chmod(0o755)
