"""The fetcher against a server with faults: only whole files bear their names, little is sent twice."""

import contextlib
import hashlib
import json
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fake_mast import small_fits

from analysis import download
from analysis.download import Control, DiskFull, Job, Source, check_space, fetch, fetch_all
from analysis.partial import Partial
from analysis.patience import Patience, retry_after_s
from analysis.wholeness import NotWhole, check_whole

QUICK = Patience(connect_s=1.0, read_s=0.3, retries=7)
NAME = "jw02736-o001_t001_nircam_clear-f277w_i2d.fits"


@pytest.fixture
def mast(mast_server):
    mast_server.row = mast_server.observation("jw02736-o001_t001_nircam_clear-f277w")
    return mast_server


def put(mast, name=NAME, data=None, **columns):
    """Put a file on the server and return the job that fetches it."""
    data = small_fits(size=160) if data is None else data
    mast.product(mast.row, name, data, **columns)
    url = f"{mast.url}/api/v0.1/Download/file?uri=mast:JWST/product/{name}"
    return Job(name, len(data), (Source("archive", url),))


def is_right(mast, folder, job):
    """Tell whether a job's file is there, byte for byte, and nothing else of it."""
    path = folder / job.name
    left = [p.name for p in folder.glob(f"{job.name}.*")]
    return path.read_bytes() == mast.files[f"mast:JWST/product/{job.name}"] and not left


def test_whole_file_is_fetched_with_its_sha256(mast, tmp_path):
    """Without faults: one request, the right bytes, their hash, no part left."""
    job = put(mast)
    result = fetch(tmp_path, job, QUICK, Control())
    assert is_right(mast, tmp_path, job)
    assert result.sha256 == hashlib.sha256((tmp_path / NAME).read_bytes()).hexdigest()
    assert (result.source, result.reason, mast.count("file", "head")) == ("archive", "", 1)


def test_resume_after_cuts_at_20_random_offsets(mast, tmp_path):
    """R14: 20 cuts and resets at random places; at most 1 % and a block per cut is sent twice."""
    job = put(mast, data=small_fits(size=420))
    offsets = sorted(random.Random(14).sample(range(2880, job.size - 2880), 20))
    for number, offset in enumerate(offsets):
        mast.fault("file", "reset" if number % 2 else "cut", at=offset)
    result = fetch(tmp_path, job, QUICK, Control())
    assert is_right(mast, tmp_path, job), result.reason
    assert mast.count("file") == 21
    assert mast.sent[NAME] <= 1.01 * job.size + 65536 * 20
    assert result.received <= 1.01 * job.size + 65536 * 10


_KILLED = """
import json, sys
from pathlib import Path
from analysis.download import Control, Job, Source, fetch
from analysis.patience import Patience
folder, job = Path(sys.argv[1]), json.loads(sys.argv[2])
print("ready", flush=True)
job = Job(job["name"], job["size"], (Source("archive", job["url"]),))
done = fetch(folder, job, Patience(1, 5, 7), Control())
print(done.sha256 or done.reason, flush=True)
"""


def test_resume_after_20_kills(mast, tmp_path):
    """R14: kill -9 twenty times; each goes on where the last one was, no wrong file is ever seen."""
    job = put(mast, data=small_fits(size=420))
    words = json.dumps({"name": job.name, "size": job.size, "url": job.sources[0].url})
    command = [sys.executable, "-c", _KILLED, str(tmp_path), words]
    part = tmp_path / f"{NAME}.part"
    for kill in range(1, 21):
        mast.fault("file", "stall", at=kill * job.size // 22)
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            deadline = time.monotonic() + 20
            while not part.exists() or part.stat().st_size < kill * job.size // 22:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
        assert not (tmp_path / NAME).exists()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert is_right(mast, tmp_path, job)
    assert done.stdout.split()[-1] == hashlib.sha256((tmp_path / NAME).read_bytes()).hexdigest()
    assert mast.sent[NAME] <= 1.01 * job.size + 65536 * 20
    assert sum(int(seen.range[6:-1] or 0) > 0 for seen in mast.seen if seen.range) == 20


@pytest.mark.parametrize("fault", ["stall", "silent", "drip"])
def test_stall_is_noticed_and_asked_again(fault, mast, tmp_path):
    """R15: silence before or in the body, or a drip of bytes, costs one timeout and a retry."""
    job = put(mast)
    mast.fault("file", fault, at=40_000)
    began = time.monotonic()
    result = fetch(tmp_path, job, QUICK, Control())
    assert is_right(mast, tmp_path, job), result.reason
    assert time.monotonic() - began < 2.0
    assert mast.count("file") == 2


def test_stall_for_ever_ends_with_a_reason(mast, tmp_path):
    """R15: a server that is silent for ever is given up after the configured tries; the part is kept."""
    job = put(mast)
    mast.fault("file", "stall", at=40_000, times=-1)
    result = fetch(tmp_path, job, Patience(1.0, 0.1, 3), Control())
    assert "silent for 0.1 s" in result.reason
    assert "given up after 4 tries" in result.reason
    assert not (tmp_path / NAME).exists()
    assert (tmp_path / f"{NAME}.part").stat().st_size == 40_000


def test_retry_after_is_obeyed(mast, tmp_path):
    """R16: the next request comes when the server said, within 20 %."""
    job = put(mast)
    mast.fault("file", "later", at=1)
    fetch(tmp_path, job, QUICK, Control())
    assert is_right(mast, tmp_path, job)
    first, second = (seen.at for seen in mast.seen)
    assert 1.0 <= second - first <= 1.2


def test_retry_after_too_long_is_left_for_later(mast, tmp_path):
    """R16: a server that asks for an hour is not held on to."""
    job = put(mast)
    mast.fault("file", "later", at=3600, times=-1)
    result = fetch(tmp_path, job, QUICK, Control())
    assert "60 min" in result.reason
    assert mast.count("file") == 1


def test_retry_after_reads_seconds_and_dates():
    """The header's two forms, and none."""
    assert retry_after_s("7") == 7
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert (
        3000
        < retry_after_s(time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3600)))
        < 3700
    )
    assert retry_after_s("soon") is None
    assert retry_after_s(None) is None


def test_at_most_four_transfers_at_once(mast, tmp_path):
    """R16: of 16 files never more than four are on their way together, and four are."""
    jobs = [put(mast, f"jw02736001001_02101_{n:05d}_nrcb1_i2d.fits", small_fits(n, 16)) for n in range(16)]
    mast.fault("file", "slow", times=-1, at=0.05)
    results = list(fetch_all(tmp_path, jobs, QUICK, Control()))
    assert all(result.path for result in results)
    assert mast.peak == 4


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("html", "web page"),
        ("quiet html", "web page"),
        ("short", "the server sends"),
        ("empty", "the server sends 0"),
        ("longer", "the server sends"),
        ("garbage", "HDU"),
    ],
)
def test_liars_are_never_done(fault, words, mast, tmp_path):
    """R17: what is not the file never bears its name; the reason is said, the next file is fetched."""
    bad, good = put(mast), put(mast, NAME.replace("277", "444"), small_fits(1))
    mast.fault("file", fault, times=-1, name=bad.name)
    results = {
        result.job.name: result for result in fetch_all(tmp_path, [bad, good], Patience(1, 0.1, 2), Control())
    }
    assert words in results[bad.name].reason
    assert not (tmp_path / bad.name).exists()
    assert is_right(mast, tmp_path, good)


@pytest.mark.parametrize("fault", ["html", "short", "empty", "garbage", "close", "chunked", "no range"])
def test_lies_that_pass_are_forgiven(fault, mast, tmp_path):
    """R17: the same faults, once, cost a retry at most."""
    job = put(mast)
    if fault == "no range":
        mast.fault("file", "cut", at=60_000)
    mast.fault("file", fault)
    result = fetch(tmp_path, job, QUICK, Control())
    assert is_right(mast, tmp_path, job), result.reason


def test_flipped_byte_is_found_where_the_file_has_checksums(mast, tmp_path):
    """R17: right size, wrong byte: refused by CHECKSUM."""
    job = put(mast, data=small_fits(checksum=True))
    mast.fault("file", "flip", at=20_000, times=-1)
    result = fetch(tmp_path, job, QUICK, Control())
    assert "checksum" in result.reason
    assert not (tmp_path / NAME).exists()


def test_changed_file_is_not_spliced(mast, tmp_path):
    """R17: a new version in the middle of a transfer is fetched from its start."""
    job = put(mast)
    mast.fault("file", "cut", at=100_000)
    mast.fault("file", "new version")
    result = fetch(tmp_path, job, QUICK, Control())
    assert is_right(mast, tmp_path, job), result.reason
    assert mast.sent[NAME] == 100_000 + job.size


@pytest.mark.parametrize("code", [401, 403, 404])
def test_refusal_is_not_asked_again(code, mast, tmp_path):
    """A definite no costs one request."""
    job = put(mast)
    mast.fault("file", "status", at=code, times=-1)
    assert str(code) in fetch(tmp_path, job, QUICK, Control()).reason
    assert mast.count("file") == 1


def test_server_errors_pass(mast, tmp_path):
    """Three 503 in a row are waited out."""
    job = put(mast)
    mast.fault("file", "status", at=503, times=3)
    fetch(tmp_path, job, QUICK, Control())
    assert is_right(mast, tmp_path, job)
    assert mast.count("file") == 4


def test_space_is_checked_before_the_first_byte(mast, tmp_path):
    """R21: what does not fit is refused with both numbers; a part on disk counts as fetched."""
    job = put(mast)
    with pytest.raises(DiskFull, match=r"0\.10 GB are needed there and 0\.00 GB are free"):
        check_space(tmp_path, [job], 1_000_000)
    check_space(tmp_path, [job], job.size + download.SPARE_BYTES)
    assert mast.count("file") == 0


_FULL_DISK = (
    """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
"""
    + _KILLED
)


def test_disk_that_fills_in_the_middle_keeps_the_part(mast, tmp_path):
    """R21: no room left: said so, the part is kept, and with room again the transfer goes on."""
    job = put(mast, data=small_fits(size=200))
    words = json.dumps({"name": job.name, "size": job.size, "url": job.sources[0].url})
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(tmp_path), words], capture_output=True, text=True, check=True
    )
    assert "disk is full" in done.stdout
    assert (tmp_path / f"{NAME}.part").stat().st_size == 200_000
    fetch(tmp_path, job, QUICK, Control())
    assert is_right(mast, tmp_path, job)
    assert mast.seen[-1].range == "bytes=200000-"


def test_file_replaced_while_mapped_kills_nobody(mast, tmp_path):
    """R22: a process reads a mapped file through 200 replacements of it, and lives."""
    job = put(mast)
    fetch(tmp_path, job, QUICK, Control())
    path = tmp_path / NAME
    reader = (
        "import mmap, sys\n"
        "with open(sys.argv[1], 'rb') as f:\n"
        "    m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "print('ready', flush=True)\n"
        "first = bytes(m)\n"
        "import select\n"
        "while not select.select([sys.stdin], [], [], 0)[0]:\n"
        "    assert bytes(m) == first\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", reader, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        for _ in range(200):
            assert fetch(tmp_path, job, QUICK, Control()).path
        process.stdin.write(b"end\n")
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_memory_does_not_grow_with_the_file(mast, tmp_path):
    """Peak memory of a process that fetches 250 MB stays under 150 MB."""
    planes = b"\0" * (2880 * 90_000)
    cards = {"SIMPLE": "T", "BITPIX": 8, "NAXIS": 1, "NAXIS1": len(planes)}
    header = "".join(f"{key:<8}= {value:>20}".ljust(80) for key, value in cards.items())
    data = (header.ljust(2800) + "END".ljust(80)).encode() + planes
    job = put(mast, data=data)
    words = json.dumps({"name": job.name, "size": job.size, "url": job.sources[0].url})
    # The high-water mark of this process alone; ru_maxrss would hold its parent's.
    tail = "\nprint(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    done = subprocess.run(
        [sys.executable, "-c", _KILLED + tail, str(tmp_path), words],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (tmp_path / NAME).stat().st_size == len(data)
    assert int(done.stdout.split()[-1]) < 150_000


def test_pause_and_go_on(mast, tmp_path):
    """A pause lets go of the connection; going on continues at the same byte."""
    job = put(mast)
    mast.fault("file", "stall", at=100_000)
    control, results = Control(), []
    reached = threading.Event()
    seen = 0

    def count(_name, more):
        nonlocal seen
        seen += more
        if seen >= 100_000:
            reached.set()

    thread = threading.Thread(target=lambda: results.append(fetch(tmp_path, job, QUICK, control, count)))
    thread.start()
    assert reached.wait(5)
    control.pause()
    assert control.paused
    control.go_on()
    thread.join(10)
    assert results[0].path
    assert is_right(mast, tmp_path, job)
    assert mast.seen[-1].range == "bytes=100000-"


def test_stop_keeps_the_part(mast, tmp_path):
    """Asked to stop, a transfer ends at once and the next one goes on from its part."""
    job = put(mast)
    mast.fault("file", "stall", at=100_000)
    control = Control()
    assert fetch(tmp_path, job, QUICK, control, lambda _name, _more: control.stop()).stopped
    kept = (tmp_path / f"{NAME}.part").stat().st_size
    assert kept
    fetch(tmp_path, job, QUICK, Control())
    assert is_right(mast, tmp_path, job)
    assert mast.seen[-1].range == f"bytes={kept}-"


def test_part_of_another_file_is_not_continued(mast, tmp_path):
    """A part without its note, or of another size, is begun anew."""
    job = put(mast)
    (tmp_path / f"{NAME}.part").write_bytes(b"junk" * 1000)
    fetch(tmp_path, job, QUICK, Control())
    assert is_right(mast, tmp_path, job)
    assert mast.seen[0].range == ""


def test_part_of_a_machine_that_went_down_is_trusted_to_its_last_sync(tmp_path):
    """After a restart only what had been forced to disk counts."""
    part = Partial(tmp_path, NAME)
    part.begin("u", 1000, download.Validator('"e"'))
    part.write(b"x" * 400)
    part.sync()
    part.write(b"y" * 200)
    part.close()
    with contextlib.closing(Partial(tmp_path, NAME)) as again:
        assert again.open("u", 1000) == 600
    note = tmp_path / f"{NAME}.part.json"
    facts = json.loads(note.read_text())
    note.write_text(json.dumps(facts | {"boot": "before"}))
    with contextlib.closing(Partial(tmp_path, NAME)) as again:
        assert again.open("u", 1000) == 400
    assert (tmp_path / f"{NAME}.part").read_bytes() == b"x" * 400


def test_wholeness_finds_every_cut_and_flip(tmp_path):
    """A file with checksums: no flipped bit of 200 and no cut of 50 is passed; the good one is."""
    good = small_fits(3, 48, checksum=True)
    path = tmp_path / "x_i2d.fits"
    path.write_bytes(good)
    check_whole(path)
    rng = random.Random(5)
    for _ in range(200):
        bad = bytearray(good)
        bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        path.write_bytes(bad)
        with pytest.raises(NotWhole):
            check_whole(path)
    for _ in range(50):
        path.write_bytes(good[: rng.randrange(len(good))])
        with pytest.raises(NotWhole):
            check_whole(path)


def test_wholeness_of_tables_and_packed_files(tmp_path):
    """An ECSV that ends in a line's middle, a web page, a gzip stream with a wrong byte: all refused."""
    import gzip

    table = tmp_path / "x_cat.ecsv"
    table.write_bytes(b"# %ECSV 1.0\n# ---\na b\n1 2\n")
    check_whole(table)
    table.write_bytes(b"# %ECSV 1.0\n# ---\na b\n1 ")
    with pytest.raises(NotWhole, match="middle of a line"):
        check_whole(table)
    table.write_bytes(b"<html>")
    with pytest.raises(NotWhole, match="web page"):
        check_whole(table)
    packed = bytearray(gzip.compress(small_fits(0, 16), mtime=0))
    path = tmp_path / "y_i2d.fits"
    path.write_bytes(packed)
    check_whole(path)
    packed[len(packed) // 2] ^= 8
    path.write_bytes(packed)
    with pytest.raises(NotWhole):
        check_whole(path)
