"""Extracted spectra of every instrument and mode, in the layouts before and after pipeline 1.19.

Files are written as the pipeline writes them and read back: fluxes, errors, names, positions, slits left out.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from astropy.io import fits

from analysis.fitsfile import FrameError
from analysis.spectra.x1d import read_spectra

N = 120
FLUX = 2e-6 + 1e-8 * np.sin(np.arange(N))
ERROR = np.full(N, 4e-8)
RA, DEC = 110.8, -73.45


@dataclass(frozen=True)
class Mode:
    """One observing mode: how its files are marked and which wavelengths it covers."""

    instrument: str
    exp_type: str
    keywords: dict[str, str]
    first: float
    last: float
    disperser: str
    targeted: bool = False
    """Whether the position is the target's, where a table gives none."""

    @property
    def wave(self):
        return np.linspace(self.first, self.last, N)


MODES = {
    "NIRSpec MSA": Mode(
        "NIRSPEC", "NRS_MSASPEC", {"FILTER": "F290LP", "GRATING": "G395M"}, 2.9, 5.1, "F290LP-G395M"
    ),
    "NIRSpec fixed slit": Mode(
        "NIRSPEC", "NRS_FIXEDSLIT", {"FILTER": "CLEAR", "GRATING": "PRISM"}, 0.6, 5.3, "CLEAR-PRISM", True
    ),
    "NIRSpec IFU": Mode(
        "NIRSPEC", "NRS_IFU", {"FILTER": "F170LP", "GRATING": "G235H"}, 1.7, 3.1, "F170LP-G235H", True
    ),
    "NIRISS SOSS": Mode(
        "NIRISS", "NIS_SOSS", {"FILTER": "CLEAR", "PUPIL": "GR700XD"}, 0.9, 2.8, "SOSS", True
    ),
    "NIRISS WFSS": Mode(
        "NIRISS", "NIS_WFSS", {"FILTER": "GR150C", "PUPIL": "F200W"}, 1.8, 2.2, "GR150C-F200W"
    ),
    "NIRCam WFSS": Mode(
        "NIRCAM", "NRC_WFSS", {"FILTER": "F444W", "PUPIL": "GRISMR"}, 3.9, 5.0, "GRISMR-F444W"
    ),
    "NIRCam grism time series": Mode(
        "NIRCAM", "NRC_TSGRISM", {"FILTER": "F322W2", "PUPIL": "GRISMR"}, 2.4, 4.0, "GRISMR-F322W2", True
    ),
    "MIRI LRS": Mode("MIRI", "MIR_LRS-FIXEDSLIT", {"FILTER": "P750L"}, 5.0, 13.9, "LRS", True),
    "MIRI MRS": Mode("MIRI", "MIR_MRS", {"CHANNEL": "1", "BAND": "SHORT"}, 4.9, 5.7, "MRS CH1 SHORT", True),
}


def columns_of(mode, flux, *, error="FLUX_ERROR", brightness=0.0, fringes=0.0, combined=False):
    """Give the columns of one spectrum as name → (unit, values); RF_ columns where `fringes` is a factor."""
    sb = brightness * flux * 1e6
    made = {
        "WAVELENGTH": ("um", mode.wave),
        "FLUX": ("Jy", flux),
        error: ("Jy", ERROR),
        "SURF_BRIGHT": ("MJy/sr", sb),
        "SB_ERROR": ("MJy/sr", ERROR * 1e6 * max(brightness, 1.0)),
        "DQ": ("", np.zeros(N, dtype=np.int32)),
    }
    if combined:
        return made | {"WEIGHT": ("s", np.full(N, 100.0)), "N_INPUT": ("", np.full(N, 3.0))}
    made["NPIXELS"] = ("", np.full(N, 6.0))
    if fringes:
        made |= {"RF_FLUX": ("Jy", fringes * flux), "RF_SURF_BRIGHT": ("MJy/sr", fringes * sb)}
    return made


def one_table(columns, *, name="EXTRACT1D", **header):
    """Make the table of one spectrum, a row a sample, as the pipeline wrote them before 1.19."""
    made = [
        fits.Column(key, "J" if values.dtype.kind == "i" else "D", unit or None, array=values)
        for key, (unit, values) in columns.items()
    ]
    table = fits.BinTableHDU.from_columns(made, name=name)
    table.header.update(header)
    return table


def rows_table(spectra, scalars, *, name="EXTRACT1D", longer=15):
    """Make the table with one spectrum a row, vectors filled up beyond N_ALONGDISP, as since 1.19."""
    made = [fits.Column(key, kind, array=np.array(values)) for key, (kind, values) in scalars.items()] + [
        fits.Column("N_ALONGDISP", "J", array=np.full(len(spectra), N))
    ]
    for key, (unit, first) in spectra[0].items():
        whole = first.dtype.kind == "i"
        rows = np.stack([
            np.pad(one[key][1], (0, longer), constant_values=0 if whole else np.nan) for one in spectra
        ])  # fmt: skip
        made.append(fits.Column(key, f"{N + longer}{'J' if whole else 'D'}", unit or None, array=rows))
    return fits.BinTableHDU.from_columns(made, name=name)


def write(path, mode, *tables, **keywords):
    primary = fits.PrimaryHDU()
    primary.header.update(
        {"INSTRUME": mode.instrument, "EXP_TYPE": mode.exp_type, "TARG_RA": RA, "TARG_DEC": DEC}
        | mode.keywords
        | keywords
    )
    fits.HDUList([primary, *tables]).writeto(path)
    return path


def same(spectrum, mode, flux, *, unit="uJy", factor=1e6):
    assert spectrum.flux_unit == unit
    assert spectrum.wavelength == pytest.approx(mode.wave)
    assert spectrum.flux == pytest.approx(flux * factor)
    assert spectrum.valid.all()


SOURCES = ((7, 110.81, -73.46, "POINT"), (8, 110.82, -73.47, "POINT"), (9, 110.83, -73.48, "UNKNOWN"))


@pytest.mark.parametrize("error", ["ERROR", "FLUX_ERROR"])
@pytest.mark.parametrize("suffix", ["x1d", "c1d"])
@pytest.mark.parametrize("mode", MODES)
def test_one_table_a_source(tmp_path, mode, suffix, error):
    """Layout before 1.19: a table a source, SRCRA and SRCDEC or the target's position, SRCTYPE, SOURCEID."""
    mode, combined = MODES[mode], suffix == "c1d"
    tables = []
    for place, (number, ra, dec, kind) in enumerate(SOURCES[: 1 if mode.targeted else 3]):
        columns = columns_of(mode, FLUX * (place + 1), error=error, combined=combined)
        header = {"SOURCEID": number, "SRCNAME": f"p_{number}", "SRCTYPE": kind, "SPORDER": 1}
        if not mode.targeted:
            header |= {"SRCRA": ra, "SRCDEC": dec}
        tables.append(one_table(columns, name="COMBINE1D" if combined else "EXTRACT1D", **header))
    held = read_spectra(write(tmp_path / f"jw_{suffix}.fits", mode, *tables))
    assert (held.instrument, held.disperser) == (mode.instrument, mode.disperser)
    assert held.layout == ("COMBINE1D" if combined else "EXTRACT1D")
    assert len(held.spectra) == len(tables)
    for place, spectrum in enumerate(held.spectra):
        number, ra, dec, kind = SOURCES[place]
        same(spectrum, mode, FLUX * (place + 1))
        assert spectrum.error == pytest.approx(ERROR * 1e6)
        assert (spectrum.source, spectrum.source_type, spectrum.order) == (f"p_{number}", kind, 1)
        assert (spectrum.ra, spectrum.dec) == ((RA, DEC) if mode.targeted else (ra, dec))
        assert spectrum.position == ("TARG_RA of the target" if mode.targeted else "SRCRA")


@pytest.mark.parametrize("suffix", ["x1d", "c1d"])
@pytest.mark.parametrize("mode", ["NIRISS WFSS", "NIRCam WFSS", "NIRSpec MSA"])
def test_one_row_a_source(tmp_path, mode, suffix):
    """Layout since 1.19: a row a source with vectors; filling beyond N_ALONGDISP is no sample."""
    mode, combined = MODES[mode], suffix == "c1d"
    spectra = [columns_of(mode, FLUX * (place + 1), combined=combined) for place in range(3)]
    scalars = {
        "SOURCE_ID": ("J", [one[0] for one in SOURCES]),
        "SOURCE_RA": ("D", [one[1] for one in SOURCES]),
        "SOURCE_DEC": ("D", [one[2] for one in SOURCES]),
        "SOURCE_TYPE": ("10A", [one[3] for one in SOURCES]),
        "SPECTRAL_ORDER": ("J", [1, 1, 2]),
    }
    table = rows_table(spectra, scalars, name="COMBINE1D" if combined else "EXTRACT1D")
    held = read_spectra(write(tmp_path / f"jw_{suffix}.fits", mode, table))
    assert held.layout == ("COMBINE1D" if combined else "EXTRACT1D") + " rows"
    assert [one.row for one in held.spectra] == [0, 1, 2]
    assert [one.order for one in held.spectra] == [1, 1, 2]
    for place, spectrum in enumerate(held.spectra):
        number, ra, dec, kind = SOURCES[place]
        same(spectrum, mode, FLUX * (place + 1))
        assert (spectrum.source, spectrum.ra, spectrum.dec) == (str(number), ra, dec)
        assert (spectrum.source_type, spectrum.position) == (kind, "SOURCE_RA")


@pytest.mark.parametrize("rows", [False, True], ids=["before 1.19", "since 1.19"])
@pytest.mark.parametrize(
    "mode", ["NIRSpec fixed slit", "NIRISS SOSS", "NIRCam grism time series", "MIRI LRS"]
)
def test_integrations_become_one_spectrum_an_order(tmp_path, mode, rows):
    """x1dints: many tables or a row an integration; each order is averaged by itself, errors shrink by √n."""
    mode = MODES[mode]
    orders = (1, 2) if mode.exp_type == "NIS_SOSS" else (1,)
    tables = []
    for order in orders:
        spectra = [columns_of(mode, FLUX * order) for _ in range(6)]
        if rows:
            table = rows_table(spectra, {"INT_NUM": ("J", list(range(1, 7)))})
            table.header["SPORDER"] = order
            tables.append(table)
        else:
            tables += [one_table(columns, SPORDER=order, INT_NUM=k + 1) for k, columns in enumerate(spectra)]
    held = read_spectra(write(tmp_path / "jw_x1dints.fits", mode, *tables))
    assert [one.order for one in held.spectra] == list(orders)
    for spectrum in held.spectra:
        same(spectrum, mode, FLUX * spectrum.order)
        assert spectrum.integrations == 6
        assert spectrum.error == pytest.approx(ERROR * 1e6 / np.sqrt(6))
        assert (spectrum.ra, spectrum.dec) == (RA, DEC)


@pytest.mark.parametrize("where", ["table", "primary"])
@pytest.mark.parametrize("mode", ["NIRSpec IFU", "MIRI MRS", "NIRSpec MSA"])
def test_extended_sources_are_surface_brightness(tmp_path, mode, where):
    """SRCTYPE EXTENDED, in the table or, of old files, in the primary header, takes SURF_BRIGHT."""
    table = one_table(columns_of(MODES[mode], FLUX, brightness=3.0))
    words = {"SRCTYPE": "EXTENDED"} if where == "primary" else {}
    if where == "table":
        table.header["SRCTYPE"] = "EXTENDED"
    spectrum = read_spectra(write(tmp_path / "jw_x1d.fits", MODES[mode], table, **words)).spectra[0]
    same(spectrum, MODES[mode], FLUX, unit="MJy/sr", factor=3e6)
    assert spectrum.error == pytest.approx(ERROR * 3e6)


@pytest.mark.parametrize(("kind", "factor", "unit"), [("POINT", 1.5e6, "uJy"), ("EXTENDED", 3e6, "MJy/sr")])
def test_fringes_of_the_mrs_are_corrected_ones(tmp_path, kind, factor, unit):
    """RF_FLUX and RF_SURF_BRIGHT go before FLUX and SURF_BRIGHT, unless they hold nothing."""
    mode = MODES["MIRI MRS"]
    columns = columns_of(mode, FLUX, brightness=2.0, fringes=1.5)
    spectrum = read_spectra(write(tmp_path / "a_x1d.fits", mode, one_table(columns, SRCTYPE=kind))).spectra[0]
    same(spectrum, mode, FLUX, unit=unit, factor=factor)
    empty = columns | {
        name: (unit, np.zeros(N)) for name, (unit, _) in columns.items() if name.startswith("RF_")
    }
    spectrum = read_spectra(write(tmp_path / "b_x1d.fits", mode, one_table(empty, SRCTYPE=kind))).spectra[0]
    same(spectrum, mode, FLUX, unit=unit, factor=factor / 1.5)


@pytest.mark.parametrize(
    "marks",
    [
        {"SOURCEID": -4, "SRCNAME": "2736_VRT4"},
        {"SOURCEID": 40, "SRCNAME": "background_40", "SRCALIAS": "bkg_40"},
        {"SOURCEID": 41, "SRCNAME": "2736_BKG41"},
        {"SOURCEID": 42, "SRCNAME": "2736_VRT42"},
    ],
)
def test_slits_on_the_sky_are_left_out_and_counted(tmp_path, marks):
    """Background and virtual slits, by number or by name; a file of nothing else is refused in one line."""
    mode = MODES["NIRSpec MSA"]
    source = one_table(columns_of(mode, FLUX), SOURCEID=7, SRCNAME="2736_7")
    sky = one_table(columns_of(mode, FLUX), **marks)
    held = read_spectra(write(tmp_path / "a_x1d.fits", mode, sky, source))
    assert [one.source for one in held.spectra] == ["2736_7"]
    assert held.notes == ("1 with a background or virtual slit",)
    with pytest.raises(FrameError, match="1 with a background or virtual slit") as caught:
        read_spectra(write(tmp_path / "b_x1d.fits", mode, sky))
    assert "\n" not in str(caught.value)


def test_rows_of_sky_slits_are_left_out(tmp_path):
    """A negative SOURCE_ID of a row is a slit on the sky too; rows are counted without it."""
    mode = MODES["NIRSpec MSA"]
    table = rows_table([columns_of(mode, FLUX)] * 3, {"SOURCE_ID": ("J", [3, -2, 5])})
    held = read_spectra(write(tmp_path / "a_x1d.fits", mode, table))
    assert [(one.row, one.source) for one in held.spectra] == [(0, "3"), (1, "5")]


BAD = {
    "every flux NaN": ({"FLUX": ("Jy", np.full(N, np.nan))}, "every flux is NaN or 0"),
    "every flux 0": ({"FLUX": ("Jy", np.zeros(N))}, "every flux is NaN or 0"),
    "every error NaN": ({"FLUX_ERROR": ("Jy", np.full(N, np.nan))}, "every flux error is NaN or 0"),
    "every error 0": ({"FLUX_ERROR": ("Jy", np.zeros(N))}, "every flux error is NaN or 0"),
    "every sample flagged": (
        {"DQ": ("", np.full(N, 5, dtype=np.int32))},
        "flagged DO_NOT_USE or has no pixels",
    ),
    "no pixels": ({"NPIXELS": ("", np.zeros(N))}, "flagged DO_NOT_USE or has no pixels"),
    "wavelengths mixed": ({"WAVELENGTH": ("um", np.roll(np.linspace(2.9, 5.1, N), 9))}, "do not ascend"),
    "wavelengths NaN": ({"WAVELENGTH": ("um", np.full(N, np.nan))}, "do not ascend"),
    "counts": ({"FLUX": ("electron", FLUX)}, "column FLUX is in 'electron', not in a unit of uJy"),
    "nearly all padding": (
        {"FLUX": ("Jy", np.where(np.arange(N) < 12, FLUX, 0.0))},
        "fewer than 20 valid samples",
    ),
}


@pytest.mark.parametrize("rows", [False, True], ids=["before 1.19", "since 1.19"])
@pytest.mark.parametrize("bad", BAD)
def test_bad_spectra_are_one_line_and_the_rest_is_read(tmp_path, bad, rows):
    """Each kind of bad spectrum is one line in either layout, alone or beside a good one."""
    mode, (change, words) = MODES["NIRSpec MSA"], BAD[bad]
    good = columns_of(mode, FLUX)
    spoiled = good | change
    numbers = {"SOURCE_ID": ("J", [1, 2])}
    if rows:
        alone = [rows_table([spoiled], {"SOURCE_ID": ("J", [1])})]
        units = {name: unit for name, (unit, _) in spoiled.items()}
        both = [rows_table([spoiled, {k: (units[k], v) for k, (_, v) in good.items()}], numbers)]
    else:
        alone, both = [one_table(spoiled)], [one_table(spoiled), one_table(good)]
    with pytest.raises(FrameError) as caught:
        read_spectra(write(tmp_path / "alone_x1d.fits", mode, *alone))
    assert words in str(caught.value)
    assert "alone_x1d.fits" in str(caught.value)
    assert "\n" not in str(caught.value)
    if rows and bad == "counts":
        return  # a unit belongs to the column, so to every row
    held = read_spectra(write(tmp_path / "both_x1d.fits", mode, *both))
    assert len(held.spectra) == 1
    assert any(note.startswith("1 of 2 left out: ") and words in note for note in held.notes)


@pytest.mark.parametrize("missing", ["WAVELENGTH", "FLUX", "FLUX_ERROR"])
def test_missing_columns_are_one_line(tmp_path, missing):
    """A table without a column that it needs says which."""
    mode = MODES["NIRSpec MSA"]
    columns = {k: v for k, v in columns_of(mode, FLUX).items() if k != missing and not k.startswith("S")}
    with pytest.raises(FrameError, match=r"no (error )?column") as caught:
        read_spectra(write(tmp_path / "a_x1d.fits", mode, one_table(columns)))
    assert "\n" not in str(caught.value)


def test_an_empty_table_and_a_torn_file_are_one_line(tmp_path):
    """A table without rows, and a file that ends in the middle."""
    mode = MODES["MIRI MRS"]
    columns = {k: (unit, values[:0]) for k, (unit, values) in columns_of(mode, FLUX).items()}
    with pytest.raises(FrameError, match="no usable spectrum"):
        read_spectra(write(tmp_path / "a_x1d.fits", mode, one_table(columns)))
    path = write(tmp_path / "b_x1d.fits", mode, one_table(columns_of(mode, FLUX)))
    path.write_bytes(path.read_bytes()[:7000])
    with pytest.raises(FrameError) as caught:
        read_spectra(path)
    assert "\n" not in str(caught.value)
