"""Elsewhere: addresses of a position, the clipboard through multiplexers, SAMP to a hub on loopback."""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from test_app import app_of, press, settled, text_of
from vet_project import make_vet_project, name_of

from store.project import StoreError
from tui import clipboard, samp
from tui.links import LINKS
from tui.screens.links import LinksScreen, browser_here


@pytest.fixture
def vet(tmp_path):
    """A project of three candidates."""
    return make_vet_project(tmp_path / "field", 3)


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)
@pytest.mark.parametrize(
    ("ra", "dec", "words"),
    [(110.8375, -73.4397, "110.8375000%20-73.4397000"), (1e-7, 5.0, "%20%2B5.0000000")],
)
def test_an_address_holds_the_position_in_degrees_and_nothing_that_a_terminal_would_cut(link, ra, dec, words):
    """A plus sign is quoted, or a server reads it as a blank."""
    address = link.address(ra, dec)
    assert words in address
    assert address.startswith("https://")
    assert address.isascii()
    assert not set(" \"'<>") & set(address)


def sent(multiplexer, environ, text="JWST J1"):
    """Copy; give what went to the terminal and the words."""
    written = []
    words = clipboard.copy(text, written.append, multiplexer, environ)
    return written, words


def test_a_copy_goes_out_as_osc_52():
    """Any bytes of any script come out as they went in."""
    (sequence,), words = sent("", {}, "α 110.8 −73.4")
    assert sequence.startswith("\x1b]52;c;")
    assert sequence.endswith("\a")
    assert base64.b64decode(sequence[7:-1]).decode() == "α 110.8 −73.4"
    assert words == "copied"


def test_screen_gets_it_wrapped_and_a_far_tmux_says_what_it_needs():
    """Only TERM crosses SSH, so tmux on the other side cannot be asked."""
    assert sent("screen", {})[0][0].startswith("\x1bP\x1b]52;c;")
    assert "set-clipboard on" in sent("tmux", {})[1]


def test_tmux_here_that_does_not_answer_falls_back(monkeypatch):
    """The sequence is sent all the same, and the doubt is said."""
    monkeypatch.setenv("PATH", "")
    written, words = sent("tmux", {"TMUX": "/nowhere,1,0"})
    assert len(written) == 1
    assert "set-clipboard" in words


def test_what_no_terminal_takes_is_not_sent():
    """Half a text in the clipboard would be worse."""
    written, words = sent("", {}, "x" * 80_000)
    assert written == []
    assert "NOT copied" in words


@pytest.mark.parametrize(
    ("web", "environ", "here"),
    [
        (False, {"DISPLAY": ":0"}, True),
        (False, {"DISPLAY": ":10", "SSH_CONNECTION": "1.2.3.4 5 6"}, False),
        (False, {}, False),
        (True, {"SSH_CONNECTION": "x"}, True),
    ],
)
def test_a_browser_opens_only_where_the_person_sees_it(web, environ, here, monkeypatch):
    """Over SSH it would open on the remote host."""
    monkeypatch.setattr("sys.platform", "linux")
    assert browser_here(web=web, environ=environ) is here


async def test_the_screen_shows_and_copies_every_address(vet, monkeypatch):
    """Each one whole on the screen; a number copies it; nothing is decided by it."""
    opened = []
    monkeypatch.setattr("tui.screens.links.browser_here", lambda **_words: True)
    app = app_of(vet)
    app.open_url = opened.append
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "l")
        assert isinstance(app.screen, LinksScreen)
        shown = "".join(inside.strip() for inside in re.findall(r"│(.*)│", text_of(app)))
        for number, link in enumerate(LINKS, 1):
            address = link.address(110.8, -73.4)
            assert address in shown
            await press(pilot, str(number))
            assert app.clipboard == address
            assert opened[-1] == address
        await press(pilot, "c")
        assert app.clipboard == f"{name_of(0)} 110.8000000 -73.4000000"
        assert "SIMULATED" in text_of(app)
        await press(pilot, "escape")
        assert app.screen is app.vetting
        assert app.vetting.states == {}


async def test_links_are_links_to_the_terminal(vet):
    """OSC 8: the terminal of the person follows them, wherever the program runs."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "l")
        links = {
            segment.style.link
            for strip in app.screen._compositor.render_strips()
            for segment in strip
            if segment.style and segment.style.link
        }
        assert links == {link.address(110.8, -73.4) for link in LINKS}


async def test_what_cannot_be_sent_over_samp_is_one_line(vet, monkeypatch):
    """No hub, no table yet, and an image that is not there."""
    monkeypatch.setattr(samp, "send", lambda words: samp.NO_HUB)
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "l", "p")
        assert "no SAMP hub" in text_of(app)
        await press(pilot, "t")
        assert "e writes it" in text_of(app)


HUB = """
import json, os, sys
import pyvo.samp
pyvo.samp.conf.use_internet = False
server = pyvo.samp.SAMPHubServer(addr="127.0.0.1", lockfile=sys.argv[1], web_profile=False)
server.start()
os.environ["SAMP_HUB"] = "std-lockurl:" + sys.argv[1]
client = pyvo.samp.SAMPIntegratedClient(name="DS9", addr="127.0.0.1")
client.connect()
def take(private_key, sender_id, mtype, params, extra):
    print(json.dumps([mtype, params]), flush=True)
for mtype in sys.argv[2:]:
    client.bind_receive_notification(mtype, take)
print("ready", flush=True)
sys.stdin.read()
client.disconnect()
server.stop()
"""


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A SAMP hub on loopback with a program that takes positions, images and tables: gives what came next."""
    lockfile = str(tmp_path / "samp")
    # A process of its own: pyvo's hub leaves sockets open when it stops.
    process = subprocess.Popen(
        [sys.executable, "-c", HUB, lockfile, *(kind.mtype for kind in samp.KINDS.values())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "SAMP_HUB"},
    )
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{lockfile}")
    with process:
        said = (line for line in process.stdout if not line.startswith("INFO"))
        assert next(said) == "ready\n"
        yield lambda: json.loads(next(said))
        process.stdin.close()
        process.wait(20)


def test_a_position_reaches_the_programs_at_the_hub(hub):
    """By name, and in degrees."""
    assert samp.send(("position", "110.8375000", "-73.4397000")) == "SAMP: the position sent to DS9"
    assert hub() == ["coord.pointAt.sky", {"ra": "110.8375000", "dec": "-73.4397000"}]


def test_the_table_goes_as_a_votable_with_units(hub, finished_copy):
    """What DS9, Aladin and TOPCAT all load; the columns keep their meaning."""
    from astropy.table import Table

    table = finished_copy / "outputs" / "tables" / "ranked_candidates.csv"
    assert "sent to DS9" in samp.send(("table", str(table)))
    mtype, params = hub()
    assert mtype == "table.load.votable"
    loaded = Table.read(params["url"].removeprefix("file://"), format="votable")
    assert str(loaded["ra"].unit) == "deg"
    assert len(loaded) == len(Table.read(table, format="ascii.csv"))


def test_without_a_hub_it_says_what_to_start(tmp_path, monkeypatch):
    """One line, no traceback."""
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{tmp_path / 'none'}")
    assert samp.send(("position", "1.0", "2.0")) == samp.NO_HUB


async def test_key_by_key_position_image_and_table_reach_the_program_at_the_hub(hub, finished_copy):
    """What the screen says is sent, the program gets: the frame's own file, and a table with it."""
    from astropy.io import fits
    from astropy.table import Table

    from analysis.config import load
    from store.project import Project

    app = app_of((Project(finished_copy), load(finished_copy / "config.toml")))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        row = app.vetting.row
        await press(pilot, "l", "p")
        assert "the position sent to DS9" in text_of(app)
        mtype, params = hub()
        assert mtype == "coord.pointAt.sky"
        assert (float(params["ra"]), float(params["dec"])) == pytest.approx((row.ra, row.dec), abs=1e-7)
        await press(pilot, "i")
        assert "the image sent to DS9" in text_of(app)
        mtype, params = hub()
        assert mtype == "image.load.fits"
        image = url2pathname(urlsplit(params["url"]).path)
        assert params["name"] == Path(image).name
        assert row.best_frame in params["name"]
        assert fits.getheader(image, "SCI")["NAXIS"] == 2
        await press(pilot, "t")
        assert "the table of candidates sent to DS9" in text_of(app)
        mtype, params = hub()
        assert mtype == "table.load.votable"
        loaded = Table.read(url2pathname(urlsplit(params["url"]).path), format="votable")
        assert row.candidate in list(loaded["candidate"])


async def test_the_image_of_the_best_detection_is_named(vet):
    """The frame's own file; a frame that is not measured here is refused."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "l")
        screen = app.screen
        assert screen._words("image") == (str(vet[0].root / "f200w.fits"),)
        with pytest.raises(StoreError):
            screen._words("table")
