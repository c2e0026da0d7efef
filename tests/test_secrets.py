"""Tokens are nowhere: in no file written, no row of the database, no line printed, no list of processes."""

import asyncio
import base64
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fake_mast import small_fits
from test_download_stage import env, field, project
from vet_project import make_vet_project

from store.database import Database
from store.project import Project

LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the list of processes is read from /proc"
)
SECRET = "tok-5ecret-0f-fifty-odd-characters-nobody-may-read"


def spellings(token):
    """The token as it is and as somebody might write it down: (bytes, ...)."""
    return (token.encode(), base64.b64encode(token.encode()).rstrip(b"="), token.encode("utf-16-le"))


def assert_nowhere(root, token):
    """No file below a folder holds the token, whatever it is called; give the number of files read."""
    count = 0
    for path in root.rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            assert not [one for one in spellings(token) if one in raw], path
            count += 1
    return count


def assert_in_no_row(database, token):
    """No value of any table holds the token: blocks of the file may be compressed."""
    with Database(database).read() as cursor:
        for (table,) in cursor.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            query = f'SELECT count(*) FROM "{table}" t WHERE contains(CAST(t AS VARCHAR), ?)'
            assert cursor.execute(query, [token]).fetchone() == (0,), table


def words_of_processes():
    """The words of every process that may be read, as `ps` shows them to everybody."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes())
        except OSError:  # it ended just now
            continue
    return found


class Watch(threading.Thread):
    """Looks at the list of processes until it is told to end, and keeps those that show a token."""

    def __init__(self, token):
        super().__init__(daemon=True)
        self.token, self.shown, self.looks = token.encode(), [], 0
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.05):
            self.shown += [words for words in words_of_processes() if self.token in words]
            self.looks += 1


@LINUX
@pytest.mark.parametrize("good", [True, False])
def test_the_token_of_the_archive_is_nowhere(good, jwst_vet, mast_server, tmp_path):
    """Accepted or refused, through downloads that are cut or answered by web pages, and in a bug's log."""
    if good:
        mast_server.token = SECRET
    field(mast_server, 3)
    for number in range(2):
        name = f"jw02736-o00{8 + number}_t001_nircam_clear-f480m"
        row = mast_server.observation(name, filters="F480M", dataRights="EXCLUSIVE_ACCESS")
        mast_server.product(row, f"{name}_i2d.fits", small_fits(9, 16))
    mast_server.fault("file", "cut", at=5_000)
    mast_server.fault("file", "html")
    mast_server.fault("observations", "html")
    root = project(tmp_path, mast_server)
    secret = env(mast_server) | {"MAST_API_TOKEN": SECRET}
    watch = Watch(SECRET)
    watch.start()
    printed = ""
    commands = [("download", "--dry-run"), ("download", "--json"), ("status", "--json"), ("verify",)]
    for words in (*commands, *((("check",), ("run",)) if good else ())):
        done = jwst_vet(*words, cwd=root, **secret)
        printed += done.stdout + done.stderr
    bug = "import sys; from tui import cli, status; status.gather = None; sys.exit(cli.main(['status']))"
    done = subprocess.run(
        [sys.executable, "-c", bug], cwd=root, capture_output=True, text=True, check=False,
        env=os.environ | secret | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    watch.over.set()
    watch.join()
    assert done.returncode == 1
    assert "the traceback is in" in done.stderr
    assert (root / "outputs" / "log" / "jwst-vet.log").stat().st_size > 100
    assert SECRET not in printed + done.stdout + done.stderr
    assert any("Cookie" in seen.headers or "Authorization" in seen.headers for seen in mast_server.seen)
    assert watch.looks > 5
    assert watch.shown == []
    assert assert_nowhere(tmp_path, SECRET) >= 8
    assert_in_no_row(Project(root).database, SECRET)


@LINUX
async def test_the_token_of_the_browser_is_nowhere(tmp_path):
    """It is printed once, for the person; files, logs and the words of server and app do not have it."""
    aiohttp = pytest.importorskip("aiohttp", reason="the extra `web` is not installed")
    made = make_vet_project(tmp_path / "field")[0]
    home = tmp_path / "home"
    home.mkdir()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "tui", "-C", str(made.root), "serve", "--port", "0",
        env=os.environ | {"JWST_VET_TOKEN": SECRET, "HOME": str(home), "XDG_STATE_HOME": str(home)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        address = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().split()[1]
        assert SECRET in address
        base = address.partition("?")[0]
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as browser:
            async with browser.get(address) as page:
                assert page.status == 200
                assert SECRET not in await page.text()
            async with browser.get(f"{base}?token={SECRET}x") as refused:
                assert SECRET not in await refused.text()
            async with browser.ws_connect(f"{base}ws?width=100&height=40") as socket:
                await asyncio.wait_for(socket.receive(), 60)
                shown = [words for words in words_of_processes() if SECRET.encode() in words]
    finally:
        process.terminate()
        rest, errors = await process.communicate()
    assert shown == []
    assert SECRET.encode() not in rest + errors
    assert assert_nowhere(tmp_path, SECRET) > 5
