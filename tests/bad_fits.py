"""More than seventy ways for a FITS image to be bad, each made from one small good file."""

import bz2
import functools
import gzip
import io
import lzma
import os
import socket
import zipfile
from pathlib import Path

import numpy as np
from astropy.io import fits

SHAPE = (40, 50)
SCALE = 0.06


def header(**cards):
    """A header of a pipeline's SCI extension."""
    made = fits.Header()
    made.update(
        CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=150.1, CRVAL2=1.9, RADESYS="ICRS",
        CRPIX1=SHAPE[1] / 2, CRPIX2=SHAPE[0] / 2, CD1_1=-SCALE / 3600, CD1_2=0.0, CD2_1=0.0,
        CD2_2=SCALE / 3600, BUNIT="MJy/sr", PIXAR_SR=8.46e-14,
    )  # fmt: skip
    made.update(cards)
    return made


def planes():
    """Pixels of a small field: noise, and nothing else."""
    sci = np.random.default_rng(5).normal(1, 0.1, SHAPE).astype("f4")
    return {"SCI": sci, "ERR": np.full(SHAPE, 0.1, "f4"), "WHT": np.ones(SHAPE, "f4")}


def image(arrays=None, extra=(), checksum=False, primary=None, **cards):
    """The bytes of a file with these planes."""
    first = fits.PrimaryHDU()
    first.header.update({"INSTRUME": "NIRCAM", "FILTER": "F444W", "PUPIL": "CLEAR"} | (primary or {}))
    hdus = [first]
    for name, array in (planes() if arrays is None else arrays).items():
        hdus.append(fits.ImageHDU(array, header(**cards) if name == "SCI" else None, name=name))
    stream = io.BytesIO()
    fits.HDUList([*hdus, *extra]).writeto(stream, checksum=checksum)
    return stream.getvalue()


@functools.cache
def good():
    """The one good file."""
    return image()


def with_card(key, value, where=b"XTENSION", raw=None):
    """The good file with one card of its SCI header written over; None takes the card out."""
    raw = good() if raw is None else raw
    place = raw.index(f"{key:8s}=".encode(), raw.index(where))
    card = b" " * 80 if value is None else f"{key:8s}= {value:>20}".ljust(80).encode()[:80]
    return raw[:place] + card + raw[place + 80 :]


def with_cards(**cards):
    """The good file with several cards written over."""
    raw = good()
    for key, value in cards.items():
        raw = with_card(key, value, raw=raw)
    return raw


def flipped(raw, place):
    """One bit turned over."""
    spoilt = bytearray(raw)
    spoilt[place] ^= 1
    return bytes(spoilt)


def changed(**arrays):
    """The good file with planes replaced, or left out where None."""
    return image({k: v for k, v in (planes() | arrays).items() if v is not None})


def table(name):
    """A small table extension."""
    return fits.BinTableHDU.from_columns([fits.Column("A", "D", array=np.zeros(2))], name=name)


def compressed(**cards):
    """A tile-compressed SCI, the cards of its table written over."""
    packed = fits.CompImageHDU(
        planes()["SCI"], header(), name="SCI", compression_type="GZIP_1", quantize_level=0
    )
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(stream)
    raw = stream.getvalue()
    for key, value in cards.items():
        raw = with_card(key, value, raw=raw)
    return raw


def zipped(raw):
    """A zip archive with one member, whose name would lead outside."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../../outside.fits", raw)
    return stream.getvalue()


def _sci_data():
    return good().index(b"END" + b" " * 77, good().index(b"XTENSION")) // 2880 * 2880 + 2880


NAN, ZERO = np.full(SHAPE, np.nan, "f4"), np.zeros(SHAPE, "f4")

BAD = {
    "empty": lambda: b"",
    "one byte": lambda: b"S",
    "only the magic": lambda: b"SIMPLE",
    "magic and blanks": lambda: b"SIMPLE  =                    T".ljust(2880),
    "html": lambda: b"<!DOCTYPE html><p>504 Gateway Time-out</p>",
    "json": lambda: b'{"status": "ERROR", "msg": "no"}',
    "xml": lambda: b"<?xml version='1.0'?><VOTABLE/>",
    "png": lambda: b"\x89PNG\r\n\x1a\n" + bytes(100),
    "text": lambda: b"SIMPLICISSIMUS " * 300,
    "zeros": lambda: bytes(5760),
    "0xff": lambda: b"\xff" * 5760,
    "zip": lambda: zipped(good()),
    "bzip2": lambda: bz2.compress(good()),
    "xz": lambda: lzma.compress(good()),
    "gzip of html": lambda: gzip.compress(b"<html>"),
    "gzip cut": lambda: gzip.compress(good())[:-500],
    "gzip without its end": lambda: gzip.compress(good())[:-8],
    "gzip with a flipped byte": lambda: flipped(gzip.compress(good()), 4000),
    "gzip header only": lambda: b"\x1f\x8b\x08",
    "gzip within gzip": lambda: gzip.compress(gzip.compress(good())),
    "simple is F": lambda: with_card("SIMPLE", "F", b"SIMPLE"),
    "cut in primary header": lambda: good()[:1000],
    "cut in sci header": lambda: good()[: 2880 + 900],
    "cut after sci header": lambda: good()[: _sci_data()],
    "cut in sci": lambda: good()[: _sci_data() + 3000],
    "cut in err": lambda: good()[:-15000],
    "cut in wht": lambda: good()[:-3000],
    "last byte missing": lambda: good()[:-1],
    "last block missing": lambda: good()[:-2880],
    "no END": lambda: good()[:2880] + good()[2880:].replace(b"END" + b" " * 77, b" " * 80),
    "bitpix 7": lambda: with_card("BITPIX", "7"),
    "bitpix text": lambda: with_card("BITPIX", "'abc'"),
    "bitpix missing": lambda: with_card("BITPIX", None),
    "naxis enormous": lambda: with_card("NAXIS", "123456789012"),
    "naxis 9": lambda: with_card("NAXIS", "9"),
    "naxis 0": lambda: with_card("NAXIS", "0"),
    "naxis 1": lambda: with_card("NAXIS", "1"),
    "naxis missing": lambda: with_card("NAXIS", None),
    "naxis text": lambda: with_card("NAXIS", "'two'"),
    "naxis1 negative": lambda: with_card("NAXIS1", "-5"),
    "naxis1 zero": lambda: with_card("NAXIS1", "0"),
    "naxis1 text": lambda: with_card("NAXIS1", "'abc'"),
    "naxis1 not whole": lambda: with_card("NAXIS1", "50.5"),
    "naxis1 missing": lambda: with_card("NAXIS1", None),
    "bomb 40000": lambda: with_cards(NAXIS1="40000", NAXIS2="40000"),
    "bomb 2e9": lambda: with_cards(NAXIS1="2000000000", NAXIS2="2000000000"),
    "bomb 1e18": lambda: with_card("NAXIS1", "1000000000000000000"),
    "pcount": lambda: with_card("PCOUNT", "1000000000000"),
    "pcount negative": lambda: with_card("PCOUNT", "-1000000"),
    "gcount": lambda: with_card("GCOUNT", "1000000"),
    "xtension unknown": lambda: good().replace(b"XTENSION= 'IMAGE   '", b"XTENSION= 'FOO     '", 1),
    "xtension blank": lambda: good().replace(b"XTENSION= 'IMAGE   '", b"        = 'IMAGE   '", 1),
    "no sci": lambda: changed(SCI=None),
    "sci called wht": lambda: good().replace(b"'SCI     '", b"'WHT     '"),
    "primary only": lambda: good()[:2880],
    "sci is a table": lambda: image({}, extra=[table("SCI")]),
    "two sci": lambda: image(extra=[fits.ImageHDU(planes()["SCI"], name="SCI")]),
    "two unnamed": lambda: image({}, extra=[fits.ImageHDU(planes()["SCI"]) for _ in range(2)]),
    "sci of one axis": lambda: changed(SCI=np.zeros(50, "f4")),
    "sci a cube": lambda: changed(SCI=np.zeros((3, *SHAPE), "f4")),
    "sci without pixels": lambda: image({}, extra=[fits.ImageHDU(None, header(), name="SCI")]),
    "sci all nan": lambda: changed(SCI=NAN),
    "sci all inf": lambda: changed(SCI=ZERO + np.inf),
    "sci zero alone": lambda: changed(SCI=ZERO, ERR=None, WHT=None),
    "err zero": lambda: changed(ERR=ZERO),
    "err negative": lambda: changed(ERR=ZERO - 1),
    "err nan": lambda: changed(ERR=NAN),
    "err of another shape": lambda: changed(ERR=np.ones((4, 5), "f4")),
    "wht zero": lambda: changed(WHT=ZERO),
    "wht of another shape": lambda: changed(WHT=np.ones((50, 40), "f4")),
    "no wcs": lambda: image(CTYPE1="PIXEL", CTYPE2="PIXEL"),
    "ctype mixed": lambda: image(CTYPE1="RA---TAN", CTYPE2="GLAT-TAN"),
    "ctype unknown": lambda: image(CTYPE1="RA---XYZ", CTYPE2="DEC--XYZ"),
    "ctype twice": lambda: image(CTYPE1="RA---TAN", CTYPE2="RA---TAN"),
    "cd zero": lambda: image(CD1_1=0.0, CD2_2=0.0),
    "cd singular": lambda: image(CD1_1=1e-5, CD1_2=1e-5, CD2_1=1e-5, CD2_2=1e-5),
    "declination 123": lambda: image(CRVAL2=123.0),
    "pixels of ten degrees": lambda: image(CD1_1=-10.0, CD2_2=10.0),
    "pixels of an atom": lambda: image(CD1_1=-1e-20, CD2_2=1e-20),
    "crval text": lambda: image(CRVAL1="here"),
    "crpix 1e300": lambda: image(CRPIX1=1e300),
    "datasum wrong": lambda: flipped(image(checksum=True), len(image(checksum=True)) - 30_001 + 2880),
    "compressed cut": lambda: compressed()[:-4000],
    "compressed bomb": lambda: compressed(ZNAXIS1="200000", ZNAXIS2="200000"),
    "compressed unknown": lambda: compressed(ZCMPTYPE="'FOO'"),
    "compressed tile 0": lambda: compressed(ZTILE1="0"),
    "compressed bitpix": lambda: compressed(ZBITPIX="5"),
    "bzero text": lambda: scaled("BZERO", "'nan'"),
    "bscale zero": lambda: scaled("BSCALE", "0.0"),
    "bscale text": lambda: scaled("BSCALE", "'one'"),
}
"""Bad files: each must be refused in one line."""

ODD = {
    "primary naxis": lambda: with_card("NAXIS", "-1", b"SIMPLE"),
    "primary bitpix": lambda: with_card("BITPIX", "7", b"SIMPLE"),
    "not ascii": lambda: good()[:200] + b"\xe9\xff\x00" + good()[203:],
    "trailing zeros": lambda: good() + bytes(2880),
    "trailing junk": lambda: good() + b"junk" * 720,
    "unknown unit": lambda: image(BUNIT="smoot"),
    "unit a number": lambda: image(BUNIT=7),
    "pixar negative": lambda: image(PIXAR_SR=-1.0),
    "compressed": compressed,
    "gzip named fits": lambda: gzip.compress(good()),
    "hostile names": lambda: image(primary={"TARGNAME": "x'; DROP TABLE |`$(id)`", "PROGRAM": "../../etc"}),
    "dates of nothing": lambda: image(primary={"DATE-BEG": "yesterday", "EXPSTART": "never"}),
    "odd table": lambda: image(extra=[table("HDRTAB")]),
}
"""Files that are odd and yet have usable pixels: accepted or refused, but in one line and without harm."""


def scaled(key, value):
    """The good file with a scaling card in its SCI header, in the place of one that is not needed."""
    raw = good()
    place = raw.index(b"PIXAR_SR=")
    return raw[:place] + f"{key:8s}= {value:>20}".ljust(80).encode() + raw[place + 80 :]


def special(folder: Path):
    """Make what is no regular file; give the paths."""
    paths = {name: folder / f"{name}_i2d.fits" for name in ("pipe", "folder", "loop", "dangling", "socket")}
    os.mkfifo(paths["pipe"])
    paths["folder"].mkdir()
    paths["loop"].symlink_to(paths["loop"])
    paths["dangling"].symlink_to(folder / "nowhere")
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(folder)  # the address of a socket is short
        try:
            made.bind(paths["socket"].name)
        finally:
            os.chdir(here)
    return paths
