"""Frames: what is accepted, what is refused in one line, and which numbers come out."""

import gzip
import os
import pickle

import numpy as np
import pytest
from astropy.io import fits

from analysis.i2d import FrameError, open_frame

SCALE = 0.06


def wcs_header(shape, **cards):
    header = fits.Header()
    header.update(
        CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=150.1, CRVAL2=1.9, RADESYS="ICRS",
        CRPIX1=shape[1] / 2, CRPIX2=shape[0] / 2,
        CD1_1=-SCALE / 3600, CD1_2=0.0, CD2_1=0.0, CD2_2=SCALE / 3600,
    )  # fmt: skip
    header.update(cards)
    return header


def planes(shape=(40, 50)):
    rng = np.random.default_rng(5)
    sci = rng.normal(1, 0.1, shape).astype("f4")
    return {"SCI": sci, "ERR": np.full(shape, 0.1, "f4"), "WHT": np.ones(shape, "f4")}


def write(path, arrays, *, primary=None, extra=(), **cards):
    """Write a pipeline-like file with the given planes in the given order."""
    first = fits.PrimaryHDU()
    first.header.update({"INSTRUME": "NIRCAM", "FILTER": "F444W", "PUPIL": "CLEAR"} | (primary or {}))
    hdus = [first]
    for name, array in arrays.items():
        header = wcs_header(array.shape, BUNIT="MJy/sr", PIXAR_SR=8.46e-14) if name == "SCI" else None
        if header is not None:
            header.update(cards)
        hdus.append(fits.ImageHDU(array, header, name=name))
    fits.HDUList([*hdus, *extra]).writeto(path, overwrite=True)
    return path


def refusal(path, **options):
    with pytest.raises(FrameError) as caught:
        open_frame(path, **options)
    text = str(caught.value)
    assert text.startswith(f"{path}: {caught.value.kind}: ")
    assert "\n" not in text
    return caught.value.kind


def test_facts_come_from_the_headers(tmp_path):
    """Band, scale, unit, exposures, rolls and epochs are those written."""
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("EXPSTART", "D", array=np.array([60000.0, 60000.1, 60118.0])),
            fits.Column("PA_V3", "D", array=np.array([30.0, 30.01, 41.5])),
        ],
        name="HDRTAB",
    )
    path = write(
        tmp_path / "a_i2d.fits", planes(), primary={"PROGRAM": "01234", "CAL_VER": "1.20.2"}, extra=[table]
    )
    with open_frame(path) as frame:
        assert (frame.instrument, frame.filter, frame.shape) == ("NIRCAM", "F444W", (40, 50))
        assert frame.pixel_scale == pytest.approx(SCALE)
        assert frame.flux_unit == "nJy"
        assert frame.to_njy == pytest.approx(84.6)
        assert (frame.n_exposures, frame.epochs, frame.rolls) == (3, 2, (30.0, 41.5))
        assert (frame.program, frame.cal_ver, frame.simulated) == ("01234", "1.20.2", False)
        assert frame.footprint.startswith("POLYGON ICRS")
        assert frame.notes == ()


def test_windows_are_native_float32_and_the_right_pixels(tmp_path):
    """A window equals the slice of the whole, in native byte order."""
    arrays = planes()
    with open_frame(write(tmp_path / "a_i2d.fits", arrays)) as frame:
        window = frame.read(3, 20, 7, 31)
        assert window.sci.dtype == np.dtype("=f4")
        assert window.sci.flags.c_contiguous
        np.testing.assert_array_equal(window.sci, arrays["SCI"][3:20, 7:31])
        with pytest.raises(ValueError, match="leaves the frame"):
            frame.read(0, 41, 0, 10)


def test_a_pixel_is_valid_with_value_error_and_weight(tmp_path):
    """NaN in SCI or ERR, zero ERR and zero WHT each make a pixel invalid."""
    arrays = planes()
    arrays["SCI"][0, 0] = np.nan
    arrays["ERR"][0, 1] = np.nan
    arrays["ERR"][0, 2] = 0
    arrays["WHT"][0, 3] = 0
    with open_frame(write(tmp_path / "a_i2d.fits", arrays)) as frame:
        valid = frame.read(0, 40, 0, 50).valid
    assert not valid[0, :4].any()
    assert valid.sum() == valid.size - 4


def test_absent_planes_drop_their_condition_and_are_said(tmp_path):
    """Without ERR and WHT only finite, non-zero SCI counts, and two notes say so."""
    sci = planes()["SCI"]
    sci[:5] = 0
    with open_frame(write(tmp_path / "a_i2d.fits", {"SCI": sci})) as frame:
        assert (frame.has_err, frame.has_wht, frame.has_con) == (False, False, False)
        assert not frame.read(0, 5, 0, 50).valid.any()
        assert frame.read(5, 40, 0, 50).valid.all()
        assert any("no ERR" in note for note in frame.notes)
        assert any("no WHT" in note for note in frame.notes)


def test_positions_round_trip_and_coverage_is_per_position(tmp_path):
    """Pixel to sky and back; valid_at is False on holes and outside."""
    arrays = planes()
    arrays["SCI"][10, 20] = np.nan
    with open_frame(write(tmp_path / "a_i2d.fits", arrays)) as frame:
        ra, dec = frame.sky([20, 21, 500], [10, 10, 10])
        x, y = frame.pixel(ra, dec)
        np.testing.assert_allclose(x, [20, 21, 500], atol=1e-6)
        np.testing.assert_allclose(y, 10, atol=1e-6)
        assert frame.valid_at(ra, dec).tolist() == [False, True, False]
        assert frame.valid_at([330.1], [-1.9]).tolist() == [False]


def test_positions_are_icrs_whatever_the_header_uses(tmp_path):
    """A galactic WCS answers in right ascension and declination."""
    from astropy.coordinates import SkyCoord

    there = SkyCoord(150.1, 1.9, unit="deg").galactic
    cards = {"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN", "CRVAL1": there.l.deg, "CRVAL2": there.b.deg}
    with open_frame(write(tmp_path / "a_i2d.fits", planes(), **cards)) as frame:
        ra, dec = frame.sky([24.0], [19.0])
        np.testing.assert_allclose([ra[0], dec[0]], [150.1, 1.9], atol=1e-9)
        np.testing.assert_allclose(np.ravel(frame.pixel(ra, dec)), [24, 19], atol=1e-6)


def test_exposures_are_counted_over_all_context_planes(tmp_path):
    """Bits of both planes count, the sign bit too; outside the frame is -1."""
    context = np.zeros((2, 40, 50), "i4")
    context[0, 5, 6] = -(2**31) + 3
    context[1, 5, 6] = 1
    with open_frame(write(tmp_path / "a_i2d.fits", planes() | {"CON": context})) as frame:
        assert frame.exposures_at([6, 7, -3], [5, 5, 5]).tolist() == [4, 0, -1]
    with open_frame(write(tmp_path / "b_i2d.fits", planes())) as frame:
        assert frame.exposures_at([6], [5]).tolist() == [-1]


@pytest.mark.parametrize(
    ("cards", "zeropoint", "njy"),
    [
        ({"BUNIT": "10.0*nanoJansky"}, None, 10.0),
        ({"BUNIT": "10nJy"}, None, 10.0),
        ({"BUNIT": "uJy"}, None, 1000.0),
        ({"BUNIT": "microJansky"}, None, 1000.0),
        ({"BUNIT": "Jy/pixel"}, None, 1e9),
        ({"BUNIT": "MJy/sr"}, 28.9, 10.0),
        ({"BUNIT": "electron/s", "PHOTFNU": 2e-8}, None, 20.0),
        ({"BUNIT": "DN/s"}, None, np.nan),
        ({"BUNIT": "smoot"}, None, np.nan),
        ({"BUNIT": ""}, None, np.nan),
    ],
)
def test_the_unit_of_a_pixel(tmp_path, cards, zeropoint, njy):
    """BUNIT, PHOTFNU or a given zero point tell nJy; anything else stays the image's unit."""
    with open_frame(write(tmp_path / "a_i2d.fits", planes(), **cards), zeropoint=zeropoint) as frame:
        assert frame.to_njy == pytest.approx(njy, nan_ok=True, rel=1e-6)
        assert (frame.flux_unit == "nJy") == np.isfinite(njy)
        if np.isnan(njy):
            assert frame.flux_unit == (cards["BUNIT"] or "image unit")
            assert any("zero point" in note for note in frame.notes)


def test_survey_mosaic_finds_its_companions_and_unpacks_once(tmp_path):
    """x_sci.fits.gz is read with x_wht.fits.gz and x_rms.fits beside it."""
    arrays = planes()
    header = wcs_header((40, 50), BUNIT="10.0*nanoJansky", INSTRUME="NIRCAM", FILTER="F200W")
    for name, key in (("x_sci.fits.gz", "SCI"), ("x_wht.fits.gz", "WHT"), ("x_rms.fits", "ERR")):
        fits.PrimaryHDU(arrays[key], header).writeto(tmp_path / name)
    scratch = tmp_path / "unpacked"
    with open_frame(tmp_path / "x_sci.fits.gz", unpack_dir=scratch) as frame:
        assert frame.has_err
        assert frame.has_wht
        assert frame.filter == "F200W"
        np.testing.assert_array_equal(frame.read(0, 40, 0, 50).err, arrays["ERR"])
    before = {file: file.stat().st_mtime_ns for file in scratch.iterdir()}
    assert len(before) == 2
    open_frame(tmp_path / "x_sci.fits.gz", unpack_dir=scratch).close()
    assert before == {file: file.stat().st_mtime_ns for file in scratch.iterdir()}


def test_what_is_no_file_is_refused(tmp_path):
    """Nothing there, a folder, a pipe, an empty file, a web page, an archive."""
    assert refusal(tmp_path / "absent.fits") == "unreadable"
    assert refusal(tmp_path) == "not a file"
    os.mkfifo(tmp_path / "pipe.fits")
    assert refusal(tmp_path / "pipe.fits") == "not a file"
    for name, content, kind in (
        ("empty.fits", b"", "empty"),
        ("page.fits", b"<!DOCTYPE html><p>504", "not FITS"),
        ("packed.fits", b"PK\x03\x04 something", "packed"),
    ):
        (tmp_path / name).write_bytes(content)
        assert refusal(tmp_path / name) == kind


@pytest.mark.parametrize("missing", [1, 2880, 6000, 15000, 24000])
def test_a_truncated_file_is_called_truncated(tmp_path, missing):
    """Wherever the cut lies, in the last padding, in pixels or in a header."""
    path = write(tmp_path / "a_i2d.fits", planes())
    os.truncate(path, path.stat().st_size - missing)
    assert refusal(path) == "truncated"


def test_damaged_gzip_is_refused_and_leaves_nothing(tmp_path):
    """A flipped byte fails the CRC, a cut stream ends early; no half-unpacked file stays."""
    whole = gzip.compress(write(tmp_path / "a.fits", planes()).read_bytes())
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    scratch = tmp_path / "unpacked"
    for content, kind in ((bytes(flipped), "corrupt"), (whole[:-400], "truncated")):
        path = tmp_path / "b_i2d.fits.gz"
        path.write_bytes(content)
        assert refusal(path, unpack_dir=scratch) == kind
        assert list(scratch.iterdir()) == []


def test_wrong_pixels_are_refused(tmp_path):
    """No SCI, a table called SCI, two SCI, a cube, planes of other shapes, nothing valid."""
    path, arrays = tmp_path / "a_i2d.fits", planes()
    table = fits.BinTableHDU.from_columns([fits.Column("A", "D", array=np.zeros(2))], name="SCI")
    assert refusal(write(path, {"ERR": arrays["ERR"]})) == "no SCI"
    assert refusal(write(path, {}, extra=[table])) == "no SCI"
    assert refusal(write(path, arrays, extra=[fits.ImageHDU(arrays["SCI"], name="SCI")])) == "ambiguous"
    assert refusal(write(path, {"SCI": np.zeros((3, 40, 50), "f4")})) == "wrong shape"
    assert refusal(write(path, arrays | {"ERR": np.ones((4, 5), "f4")})) == "wrong shape"
    assert refusal(write(path, arrays | {"SCI": arrays["SCI"] * np.nan})) == "no valid pixels"
    assert refusal(write(path, arrays | {"WHT": arrays["WHT"] * 0})) == "no valid pixels"


@pytest.mark.parametrize(
    ("cards", "kind"),
    [
        ({"CTYPE1": "PIXEL", "CTYPE2": "PIXEL"}, "no WCS"),
        ({"CD1_1": 0.0, "CD2_2": 0.0}, "bad WCS"),
        ({"CTYPE1": "RA---TAN", "CTYPE2": "GLAT-TAN"}, "bad WCS"),
        ({"CRVAL2": 123.0}, "bad WCS"),
    ],
)
def test_unusable_coordinates_are_refused(tmp_path, cards, kind):
    """No celestial axes, singular ones, axes that do not belong together."""
    assert refusal(write(tmp_path / "a_i2d.fits", planes(), **cards)) == kind


@pytest.mark.parametrize(
    ("key", "value"),
    [("BITPIX", "7"), ("NAXIS1", "-5"), ("NAXIS1", "'abc'"), ("NAXIS", "9"), ("NAXIS1", "2000000000")],
)
def test_nonsense_in_a_header_is_refused(tmp_path, key, value):
    """One line each, never a traceback, and no file left open."""
    path = write(tmp_path / "a_i2d.fits", planes())
    content = path.read_bytes()
    place = content.index(f"{key:8s}=".encode(), content.index(b"XTENSION"))
    card = f"{key:8s}= {value:>20s}".ljust(80).encode()
    path.write_bytes(content[:place] + card + content[place + 80 :])
    assert refusal(path) in {"corrupt", "too large", "truncated"}


def test_a_header_bomb_is_refused_before_memory_is_asked_for(tmp_path):
    """NAXIS of 40000 by 40000 on a tiny file is a truncation."""
    path = write(tmp_path / "a_i2d.fits", planes())
    content = path.read_bytes()
    for axis, length in (("NAXIS1", 50), ("NAXIS2", 40)):
        card = f"{axis}  = {length:20d}".encode()
        assert card in content
        content = content.replace(card, f"{axis}  = {40000:20d}".encode(), 1)
    path.write_bytes(content)
    assert refusal(path) == "truncated"


def test_a_wrong_datasum_is_refused(tmp_path):
    """Where a file records the sum of its pixels, one flipped bit is seen."""
    path = write(tmp_path / "a_i2d.fits", planes())
    with fits.open(path) as hdus:
        hdus.writeto(tmp_path / "b_i2d.fits", checksum=True)
        place = hdus["SCI"].fileinfo()["datLoc"]
    open_frame(tmp_path / "b_i2d.fits").close()
    with fits.open(tmp_path / "b_i2d.fits") as hdus:
        place = hdus["SCI"].fileinfo()["datLoc"]
    content = bytearray((tmp_path / "b_i2d.fits").read_bytes())
    content[place + 401] ^= 1
    (tmp_path / "b_i2d.fits").write_bytes(content)
    assert refusal(tmp_path / "b_i2d.fits") == "corrupt"


def test_tile_compressed_images_are_read(tmp_path):
    """A compressed SCI is a good file."""
    arrays = planes()
    header = wcs_header((40, 50), BUNIT="nJy", INSTRUME="NIRCAM", FILTER="F200W")
    packed = fits.CompImageHDU(arrays["SCI"], header, name="SCI", compression_type="GZIP_1", quantize_level=0)
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(tmp_path / "a_i2d.fits")
    with open_frame(tmp_path / "a_i2d.fits") as frame:
        np.testing.assert_array_equal(frame.read(0, 40, 0, 50).sci, arrays["SCI"])


def test_refusals_cross_process_borders_and_hide_no_control_characters():
    """The error pickles, and a file name cannot forge a second line."""
    from pathlib import Path

    error = FrameError(Path("a\nb.fits"), "no WCS", "x\x1b[31m")
    again = pickle.loads(pickle.dumps(error))
    assert (again.path, again.kind, again.reason) == (error.path, error.kind, error.reason)
    assert str(again) == "a\\x0ab.fits: no WCS: x\\x1b[31m"


def test_real_files_open_and_the_one_without_coordinates_is_refused(real_data):
    """MIRI pixels of zero weight are invalid; the cropped Crab has no WCS."""
    miri = sorted((real_data / "i2d").glob("jw01288*_i2d.fits"))
    for path in miri:
        with open_frame(path) as frame:
            assert frame.instrument == "MIRI"
            assert 0.8 < frame.read(0, *frame.shape[:1], 0, frame.shape[1]).valid.mean() < 0.93
    (crab,) = (real_data / "i2d").glob("*no_wcs*")
    assert refusal(crab) == "no WCS"
