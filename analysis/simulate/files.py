"""Simulated mosaics as `_i2d` files: extensions and keywords like the archive's, SIMULATED throughout."""

from pathlib import Path
from typing import Final

import numpy as np
from astropy.io import fits
from astropy.time import Time, TimeDelta

from analysis.simulate.exposures import Mosaic
from analysis.simulate.pointing import V3_DEG, Pointing, offset_to_radec

CAL_VER: Final = "1.20.2"
CRDS_CTX: Final = "jwst_1464.pmap"
PROGRAM: Final = "99001"
_DAY_S: Final = 86400.0


def write_i2d(
    folder: Path, pointing: Pointing, mosaic: Mosaic, centre: tuple[float, float], seed: int
) -> Path:
    """Write one mosaic and return its path.

    The file appears whole or not at all and is the same, byte for byte, for the same arguments. Extensions
    are SCI, ERR, CON, WHT and HDRTAB; the variance planes, optional in the pipeline too, are left out.

    Parameters
    ----------
    folder : Path
        An existing folder.
    pointing, mosaic : Pointing, Mosaic
        Where the mosaic lies, and its planes.
    centre : tuple of float
        ra, dec of the field, ICRS degrees.
    seed : int
        Seed of the field, noted in the header.
    """
    path = folder / f"{pointing.stem}.fits"
    hdus = fits.HDUList(
        [
            fits.PrimaryHDU(header=_primary(pointing, seed)),
            fits.ImageHDU(mosaic.sci, _science(pointing, centre), name="SCI"),
            fits.ImageHDU(
                mosaic.err, fits.Header([("BUNIT", "MJy/sr", "physical units of the array values")]), "ERR"
            ),
            fits.ImageHDU(mosaic.con, name="CON"),
            fits.ImageHDU(mosaic.wht, name="WHT"),
            _exposure_table(pointing, centre),
        ]
    )
    for hdu in hdus[1:]:
        hdu.header["EXTVER"] = (1, "extension value")
        hdu.header["SIMULATE"] = (True, "SIMULATED data, not an observation")
    partial = path.with_suffix(".part")
    hdus.writeto(partial, overwrite=True)
    partial.replace(path)
    return path


def _times(pointing: Pointing) -> list[tuple[float, float]]:
    """Return start and end of each exposure, MJD; some 60 s lie between two."""
    step = (pointing.exposure_s + 60) / _DAY_S
    starts = [pointing.mjd + k * step for k in range(len(pointing.dithers))]
    return [(start, start + pointing.exposure_s / _DAY_S) for start in starts]


def _iso(mjd: float) -> str:
    """Return an MJD as the header writes times."""
    return str((Time("2000-01-01T00:00:00", scale="utc") + TimeDelta(mjd - 51544.0, format="jd")).isot)


def _primary(pointing: Pointing, seed: int) -> fits.Header:
    """Return the primary header."""
    times = _times(pointing)
    begin, end = times[0][0], times[-1][1]
    exposure = pointing.exposure_s * len(times)
    observation = f"{pointing.epoch:03d}"
    header = fits.Header()
    cards: list[tuple[str, object, str]] = [
        ("DATE", "2024-06-01T00:00:00.000", "UTC date file created"),
        ("ORIGIN", "jwst-vet simulator", "Organization responsible for creating file"),
        ("SIMULATE", True, "SIMULATED data, not an observation"),
        ("SIMSEED", seed, "Seed of the simulated field"),
        ("TIMESYS", "UTC", "principal time system for time-related keywords"),
        ("FILENAME", f"{pointing.stem}.fits", "Name of the file"),
        ("CAL_VER", CAL_VER, "Calibration software version imitated"),
        ("CRDS_CTX", CRDS_CTX, "CRDS context imitated"),
        ("DATAMODL", "ImageModel", "Type of data model"),
        ("TELESCOP", "JWST", "Telescope imitated"),
        ("TITLE", "SIMULATED deep field with known anomalies", "Proposal title"),
        ("PI_NAME", "SIMULATED", "Principal investigator name"),
        ("CATEGORY", "SIM", "Program category"),
        ("DATE-OBS", _iso(begin)[:10], "[yyyy-mm-dd] UTC date at start of exposure"),
        ("TIME-OBS", _iso(begin)[11:], "[hh:mm:ss.sss] UTC time at start of exposure"),
        ("DATE-BEG", _iso(begin), "Date-time start of exposure"),
        ("DATE-END", _iso(end), "Date-time end of exposure"),
        ("PROGRAM", PROGRAM, "Program number (no such program)"),
        ("OBSERVTN", observation, "Observation number"),
        ("VISIT", "001", "Visit number"),
        ("VISIT_ID", f"{PROGRAM}{observation}001", "Visit identifier"),
        ("TARGPROP", "SIMULATED", "Proposer's name for the target"),
        ("TARGNAME", "SIMULATED FIELD", "Standard astronomical catalog name for target"),
        ("TARGTYPE", "FIXED", "Type of target (fixed, moving, generic)"),
        ("INSTRUME", "NIRCAM", "Instrument imitated"),
        ("DETECTOR", "MULTIPLE", "Name of detector used to acquire the data"),
        ("MODULE", "B", "NIRCam module"),
        ("CHANNEL", "SHORT" if pointing.camera.short else "LONG", "Instrument channel"),
        ("FILTER", pointing.band, "Name of the filter element used"),
        ("PUPIL", "CLEAR", "Name of the pupil element used"),
        ("EXP_TYPE", "NRC_IMAGE", "Type of data in the exposure"),
        ("EXPSTART", begin, "[d] exposure start time in MJD"),
        ("EXPMID", (begin + end) / 2, "[d] exposure mid time in MJD"),
        ("EXPEND", end, "[d] exposure end time in MJD"),
        ("READPATT", "MEDIUM8", "Readout pattern"),
        ("EFFEXPTM", exposure, "[s] Effective exposure time"),
        ("DURATION", exposure, "[s] Total duration of exposure"),
        ("SUBARRAY", "FULL", "Subarray used"),
        ("NUMDTHPT", len(times), "Total number of points in dither pattern"),
        ("S_RESAMP", "COMPLETE", "Image resampling"),
        ("S_TWKREG", "COMPLETE", "Tweakreg image alignment"),
        ("S_OUTLIR", "COMPLETE", "Outlier detection"),
        ("NDRIZ", len(times), "Number of groups/pointings included in resample"),
        ("RESWHT", "ivm", "Type of drizzle weighting"),
        ("PIXFRAC", 1.0, "Drizzle parameter describing pixel shrinking"),
        ("PXSCLRT", 1.0, "Pixel scale ratio relative to native detector s"),
    ]
    header.extend(cards)
    header.add_history(f"SIMULATED by jwst-vet, seed {seed}: no photon of this file came from the sky")
    return header


def _science(pointing: Pointing, centre: tuple[float, float]) -> fits.Header:
    """Return the header of SCI: units, photometry, roll, WCS and footprint."""
    times = _times(pointing)
    camera = pointing.camera
    x0, y0 = pointing.pixel(0.0, 0.0)
    (xe, ye), (xn, yn) = pointing.to_sky
    pa_v3 = pointing.pa_deg + V3_DEG
    header = fits.Header()
    cards: list[tuple[str, object, str]] = [
        ("MJD-BEG", times[0][0], "[d] exposure start time in MJD"),
        ("MJD-AVG", (times[0][0] + times[-1][1]) / 2, "[d] exposure mid-point in MJD"),
        ("MJD-END", times[-1][1], "[d] exposure end time in MJD"),
        ("XPOSURE", pointing.exposure_s * len(times), "[s] Effective exposure time"),
        ("PA_APER", pointing.pa_deg, "[deg] Position angle of aperture used"),
        ("BUNIT", "MJy/sr", "physical units of the array values"),
        ("PHOTMJSR", camera.photmjsr, "Flux density (MJy/steradian) producing 1 cps"),
        ("PHOTUJA2", camera.photmjsr * 23.5044305, "Flux density (uJy/arcsec2) producing 1 cps"),
        ("PIXAR_SR", camera.pixel_sr, "Nominal pixel area in steradians"),
        ("PIXAR_A2", camera.scale**2, "Nominal pixel area in arcsec^2"),
        ("RADESYS", "ICRS", "Name of the coordinate reference frame"),
        ("RA_V1", centre[0], "[deg] RA of telescope V1 axis"),
        ("DEC_V1", centre[1], "[deg] Dec of telescope V1 axis"),
        ("PA_V3", pa_v3, "[deg] Position angle of telescope V3 axis"),
        ("ROLL_REF", pa_v3, "[deg] V3 roll angle at the ref point (N over E)"),
        ("WCSAXES", 2, "number of World Coordinate System axes"),
        ("CRPIX1", x0 + 1, "axis 1 coordinate of the reference pixel"),
        ("CRPIX2", y0 + 1, "axis 2 coordinate of the reference pixel"),
        ("CRVAL1", centre[0], "first axis value at the reference pixel"),
        ("CRVAL2", centre[1], "second axis value at the reference pixel"),
        ("CTYPE1", "RA---TAN", "Axis 1 type"),
        ("CTYPE2", "DEC--TAN", "Axis 2 type"),
        ("CUNIT1", "deg", "Axis 1 units"),
        ("CUNIT2", "deg", "Axis 2 units"),
        ("CDELT1", camera.scale / 3600, "Axis 1 coordinate increment at reference point"),
        ("CDELT2", camera.scale / 3600, "Axis 2 coordinate increment at reference point"),
        ("PC1_1", xe, "linear transformation matrix element"),
        ("PC1_2", ye, "linear transformation matrix element"),
        ("PC2_1", xn, "linear transformation matrix element"),
        ("PC2_2", yn, "linear transformation matrix element"),
        ("S_REGION", _footprint(pointing, centre, (0.0, 0.0)), "spatial extent of the observation"),
    ]
    header.extend(cards)
    return header


def _footprint(pointing: Pointing, centre: tuple[float, float], dither: tuple[float, float]) -> str:
    """Return the grid's outline, moved by a dither (arcsec along x and y), as the archive's polygon text."""
    low, high = -0.5, pointing.size - 0.5
    shift = [step / pointing.camera.scale for step in dither]
    corners = [(low, low), (low, high), (high, high), (high, low)]
    places = [offset_to_radec(centre, *pointing.sky(x + shift[0], y + shift[1])) for x, y in corners]
    return "POLYGON ICRS  " + " ".join(f"{ra:.9f} {dec:.9f}" for ra, dec in places)


def _exposure_table(pointing: Pointing, centre: tuple[float, float]) -> fits.BinTableHDU:
    """Return HDRTAB: row k is the exposure of bit k of CON."""
    times = _times(pointing)
    n = len(times)
    pa_v3 = pointing.pa_deg + V3_DEG
    detector = "NRCB1" if pointing.camera.short else "NRCBLONG"
    visit = f"jw{PROGRAM}{pointing.epoch:03d}001"
    names = [f"{visit}_02101_{k + 1:05d}_{detector.lower()}_cal.fits" for k in range(n)]
    regions = [_footprint(pointing, centre, dither) for dither in pointing.dithers]
    text: dict[str, list[str]] = {
        "FILENAME": names,
        "DETECTOR": [detector] * n,
        "FILTER": [pointing.band] * n,
        "PUPIL": ["CLEAR"] * n,
        "DATE-BEG": [_iso(start) for start, _ in times],
        "S_REGION": regions,
    }
    numbers: dict[str, list[float]] = {
        "EXPSTART": [start for start, _ in times],
        "EXPEND": [end for _, end in times],
        "EFFEXPTM": [pointing.exposure_s] * n,
        "XPOSURE": [pointing.exposure_s] * n,
        "PA_V3": [pa_v3] * n,
        "ROLL_REF": [pa_v3] * n,
        "PHOTMJSR": [pointing.camera.photmjsr] * n,
    }
    columns = [
        fits.Column(name=name, format=f"{max(map(len, values))}A", array=np.array(values))
        for name, values in text.items()
    ]
    columns += [
        fits.Column(name=name, format="D", array=np.array(values)) for name, values in numbers.items()
    ]
    return fits.BinTableHDU.from_columns(columns, name="HDRTAB")
