"""Simulated spectra as `_x1d` files in both layouts of the pipeline, with a truth table; SIMULATED."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from analysis.spectra.resolution import lsf_fwhm

SPECTRA_TRUTH_NAME: Final = "simulated_truth_spectra.csv"
ODDITIES: Final = ("unexplained_lines", "broad_lines", "strong_break")
PROGRAM: Final = "99001"
_FWHM: Final = 2.354820045
_SKY: Final = (53.1625, -27.8)

DISPERSERS: Final = {
    # filter, grating, first and last wavelength (µm), step (µm); 0: two samples and a bit per resolution.
    "F290LP-G395M": ("F290LP", "G395M", 2.87, 5.10, 1.79e-3),
    "F170LP-G235M": ("F170LP", "G235M", 1.70, 3.07, 1.07e-3),
    "CLEAR-PRISM": ("CLEAR", "PRISM", 0.60, 5.30, 0.0),
}
# Rest wavelength (µm) and flux relative to Hα = 1: Osterbrock & Ferland (2006), case B, and typical ratios of
# star-forming galaxies; the second number is the scatter in dex.
_RATIOS: Final = (
    (0.121567, 0.6, 0.4), (0.372848, 0.7, 0.2), (0.386986, 0.15, 0.15), (0.410289, 0.09, 0.05),
    (0.434168, 0.16, 0.05), (0.486269, 0.35, 0.05), (0.496030, 0.5, 0.0), (0.500824, 1.5, 0.0),
    (0.587725, 0.04, 0.1), (0.656461, 1.0, 0.0), (0.658527, 0.1, 0.3), (0.671829, 0.1, 0.1),
    (0.673267, 0.08, 0.1),
    (0.907109, 0.08, 0.1), (0.953321, 0.2, 0.1), (1.083321, 0.2, 0.15), (1.094116, 0.035, 0.05),
    (1.282158, 0.06, 0.05), (1.875613, 0.12, 0.05),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SimulatedSpectrum:
    """One spectrum with its truth; arrays in µm and µJy."""

    wavelength: NDArray[np.float64]
    flux: NDArray[np.float64]
    error: NDArray[np.float64]
    z: float
    oddity: str
    lines: tuple[tuple[float, float], ...]
    """Observed wavelength and true matched S/N of every line put in, odd ones too."""
    ra: float = np.nan
    dec: float = np.nan
    spikes: tuple[int, ...] = field(default=())


def simulate_spectrum(
    rng: np.random.Generator, disperser: str, *, oddity: str = "", sn: float | None = None
) -> SimulatedSpectrum:
    """Draw one galaxy: redshift, continuum, lines, noise that grows to the ends, and three cosmic rays.

    Parameters
    ----------
    disperser : str
        A key of `DISPERSERS`.
    oddity : str
        One of `ODDITIES`, or "" for an ordinary galaxy.
    sn : float or None
        S/N per sample at the peak of Hα or of [OIII], whichever is stronger; drawn from 3 to 50 where None.
    """
    wave = _grid(disperser)
    lsf = lsf_fwhm("NIRSPEC", disperser, wave)
    z = _redshift(rng, wave, oddity)
    noise = 0.02 * rng.uniform(0.7, 1.4) * (1.0 + 0.8 * ((wave - wave.mean()) / np.ptp(wave) * 2.0) ** 4)
    flux = _continuum(rng, wave, z, noise, oddity)
    peak = float(sn if sn is not None else 10 ** rng.uniform(np.log10(3.0), np.log10(50.0)))
    if oddity in {"unexplained_lines", "broad_lines"}:
        peak = max(peak, 8.0)
    lines = _galaxy_lines(rng, wave, lsf, noise, z, peak, oddity)
    if oddity == "unexplained_lines":
        lines += _strange_lines(rng, wave, lsf, noise, lines)
    truth = []
    for place, area, width in lines:
        sigma = width / _FWHM
        profile = np.exp(-0.5 * ((wave - place) / sigma) ** 2) * area / (sigma * np.sqrt(2.0 * np.pi))
        flux = flux + profile
        truth.append((float(place), float(np.sqrt(np.sum((profile / noise) ** 2)))))
    flux = flux + rng.normal(0.0, 1.0, len(wave)) * noise
    spikes = _cosmic_rays(rng, flux, noise)
    return SimulatedSpectrum(wave, flux, noise, z, oddity, tuple(truth), spikes=spikes)


def _redshift(rng: np.random.Generator, wave: NDArray[np.float64], oddity: str) -> float:
    """Draw a redshift; odd lines need two strong lines beside them, broad ones need one to widen."""
    needed = {"unexplained_lines": 2, "broad_lines": 1}.get(oddity, 0)
    while True:
        z = float(rng.uniform(0.3, 8.0))
        strong = [
            rest for rest, ratio, _ in _RATIOS if ratio >= 0.3 and wave[10] < rest * (1 + z) < wave[-10]
        ]
        if len(strong) >= needed:
            return z


@lru_cache
def _grid(disperser: str) -> NDArray[np.float64]:
    _, _, first, last, step = DISPERSERS[disperser]
    if step > 0.0:
        return np.arange(first, last, step)
    wave, grid = first, []
    while wave < last:
        grid.append(wave)
        here = np.array([wave, wave + 1e-4])
        wave += float(lsf_fwhm("NIRSPEC", disperser, here)[0]) / 2.2
    return np.array(grid)


def _continuum(
    rng: np.random.Generator, wave: NDArray[np.float64], z: float, noise: NDArray[np.float64], oddity: str
) -> NDArray[np.float64]:
    """Return a power law with the Balmer step of an ordinary galaxy, or with a step like few have."""
    level = float(10 ** rng.uniform(-0.5, 1.0)) * float(np.median(noise))
    flux = level * (wave / wave.mean()) ** rng.normal(-0.2, 0.6)
    edges = [(0.3646 * (1 + z), float(rng.uniform(1.0, 1.7)))]
    if oddity == "strong_break":
        flux = flux / level * max(level, 3.0 * float(np.median(noise)))
        low, high = wave[0] + 0.25 * np.ptp(wave), wave[0] + 0.75 * np.ptp(wave)
        edges.append((float(rng.uniform(low, high)), float(rng.uniform(4.0, 10.0))))
    for edge, ratio in edges:
        flux = np.where(wave < edge, flux / np.sqrt(ratio), flux * np.sqrt(ratio))
    return np.where(wave < 0.121567 * (1 + z), 0.0, flux)


def _galaxy_lines(
    rng: np.random.Generator, wave: NDArray[np.float64], lsf: NDArray[np.float64], noise: NDArray[np.float64],
    z: float, peak: float, oddity: str,
) -> list[tuple[float, float, float]]:  # fmt: skip
    """Return place, area (µJy µm) and observed FWHM (µm) of a galaxy's lines within the band."""
    oxygen, own = float(10 ** rng.normal(0.0, 0.25)), float(rng.uniform(50.0, 250.0))
    inside = [
        (
            rest * (1 + z),
            ratio * 10 ** rng.normal(0.0, dex) * (oxygen if rest in {0.496030, 0.500824} else 1.0),
            rest,
        )
        for rest, ratio, dex in _RATIOS
        if wave[0] < rest * (1 + z) < wave[-1]
    ]
    if not inside:
        return []
    # Areas in f_ν: a line's flux × λ²/c, so that ratios of fluxes hold.
    areas = np.array([ratio * place**2 for place, ratio, _ in inside])
    places = np.array([place for place, _, _ in inside])
    speed = np.full(len(inside), own)
    if oddity == "broad_lines":
        strongest = int(np.argmax(areas))
        speed[strongest] = float(rng.uniform(1500.0, 4500.0))
    width = np.hypot(np.interp(places, wave, lsf), places * speed / 299792.458)
    height = areas / width
    leader = strongest if oddity == "broad_lines" else int(np.argmax(height))
    scale = peak * float(np.interp(places[leader], wave, noise)) / height[leader]
    area = areas * scale * np.sqrt(2.0 * np.pi) / _FWHM
    return [(float(p), float(a), float(w)) for p, a, w in zip(places, area, width, strict=True)]


def _strange_lines(
    rng: np.random.Generator, wave: NDArray[np.float64], lsf: NDArray[np.float64], noise: NDArray[np.float64],
    lines: Sequence[tuple[float, float, float]],
) -> list[tuple[float, float, float]]:  # fmt: skip
    """Return one to three lines of peak S/N 6 to 20 where no line of the galaxy is."""
    strange: list[tuple[float, float, float]] = []
    wanted = int(rng.integers(1, 4))
    while len(strange) < wanted:
        at = float(rng.uniform(wave[20], wave[-20]))
        width = float(np.interp(at, wave, lsf)) * 1.1
        if all(abs(at - place) > 5.0 * (width + other) for place, _, other in [*lines, *strange]):
            height = float(rng.uniform(6.0, 20.0)) * float(np.interp(at, wave, noise))
            strange.append((at, height * width * np.sqrt(2.0 * np.pi) / _FWHM, width))
    return strange


def _cosmic_rays(
    rng: np.random.Generator, flux: NDArray[np.float64], noise: NDArray[np.float64]
) -> tuple[int, ...]:
    """Add three spikes of 8 to 60 sigma, one in ten with a lower neighbour; return their samples."""
    spikes = rng.choice(np.arange(12, len(flux) - 12), 3, replace=False)
    for spike in spikes.tolist():
        height = float(rng.uniform(8.0, 60.0)) * noise[spike]
        flux[spike] += height
        if rng.random() < 0.1:
            flux[spike + 1] += 0.5 * height * rng.random()
    return tuple(spikes.tolist())


def simulate_set(
    seed: int, number: int, *, odd_share: float = 0.06, dispersers: Sequence[str] = tuple(DISPERSERS)
) -> list[tuple[str, SimulatedSpectrum]]:
    """Return `number` spectra with their dispersers, the given share odd, kinds in turn."""
    rng = np.random.default_rng(seed)
    odd = set(rng.choice(number, round(odd_share * number), replace=False).tolist())
    drawn, kind = [], 0
    for place in range(number):
        disperser = dispersers[place % len(dispersers)]
        oddity = ""
        if place in odd:
            oddity, kind = ODDITIES[kind % len(ODDITIES)], kind + 1
            if oddity == "broad_lines" and "PRISM" in disperser:  # which does not resolve them
                oddity, kind = ODDITIES[kind % len(ODDITIES)], kind + 1
        drawn.append((disperser, simulate_spectrum(rng, disperser, oddity=oddity)))
    return drawn


def simulate_spectra(
    folder: Path, *, number: int = 60, seed: int = 20260101, centre: tuple[float, float] = _SKY,
    positions: Sequence[tuple[float, float]] = (), odd_share: float = 0.1,
) -> list[Path]:  # fmt: skip
    """Write a set of spectra into a folder: one file per disperser, and the truth beside them.

    G395M goes into a file with one table per source, as the pipeline wrote before 1.19; G235M into one with a
    row per source, as it writes slitless spectra since; PRISM into one file without positions of the sources.
    The first spectra lie at `positions`.

    Parameters
    ----------
    centre : tuple of float
        ra, dec (degrees) about which the other sources lie, within 0.6′.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, 1])
    drawn = simulate_set(seed, number, odd_share=odd_share)
    paths, truth = [], []
    for number_of_file, disperser in enumerate(DISPERSERS):
        mine = [spectrum for name, spectrum in drawn if name == disperser]
        east, north = rng.uniform(-36.0, 36.0, (2, len(mine)))
        ra = centre[0] + east / 3600.0 / np.cos(np.radians(centre[1]))
        dec = centre[1] + north / 3600.0
        if disperser == "F290LP-G395M":
            for place, (x, y) in enumerate(positions[: len(mine)]):
                ra[place], dec[place] = x, y
        if disperser == "CLEAR-PRISM":
            ra[:], dec[:] = np.nan, np.nan
        stem = f"jw{PROGRAM}-o{number_of_file + 11:03d}_s{seed % 10**9:09d}_nirspec_{disperser.lower()}_x1d"
        path = folder / f"{stem}.fits"
        _write(path, disperser, mine, ra, dec, seed, rows=disperser == "F170LP-G235M")
        paths.append(path)
        truth += [
            (
                path.name, place, disperser, f"{one.z:.5f}", one.oddity, f"{ra[place]:.7f}",
                f"{dec[place]:.7f}", ";".join(f"{w:.5f}:{s:.1f}" for w, s in one.lines), "SIMULATED",
            )
            for place, one in enumerate(mine)
        ]  # fmt: skip
    with (folder / SPECTRA_TRUTH_NAME).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "row", "disperser", "z", "oddity", "ra", "dec", "lines_um_snr", "note"))
        writer.writerows(truth)
    return paths


def places_of_truth(path: Path, number: int = 8) -> list[tuple[float, float]]:
    """Return ra, dec (degrees) of the first anomalies of a simulated field's truth table."""
    with path.open(encoding="utf-8", newline="") as file:
        odd = [row for row in csv.DictReader(file) if row["is_anomaly"] == "True"]
    return [(float(row["ra"]), float(row["dec"])) for row in odd[:number]]


def _write(
    path: Path,
    disperser: str,
    spectra: Sequence[SimulatedSpectrum],
    ra: Any,
    dec: Any,
    seed: int,
    *,
    rows: bool,
) -> None:
    """Write one file, whole or not at all, the same bytes for the same spectra."""
    tables = [_wide_table(spectra, ra, dec)] if rows else [
        _table(spectrum, place, float(ra[place]), float(dec[place])) for place, spectrum in enumerate(spectra)
    ]  # fmt: skip
    for version, table in enumerate(tables, 1):
        table.header["EXTVER"] = version
        table.header["SIMULATE"] = (True, "SIMULATED data, not an observation")
    partial = path.with_suffix(".part")
    fits.HDUList([fits.PrimaryHDU(header=_primary(path.name, disperser, seed)), *tables]).writeto(
        partial, overwrite=True
    )
    partial.replace(path)


def _primary(name: str, disperser: str, seed: int) -> fits.Header:
    lens, grating, *_ = DISPERSERS[disperser]
    header = fits.Header()
    cards: list[tuple[str, object, str]] = [
        ("DATE", "2024-06-01T00:00:00.000", "UTC date file created"),
        ("ORIGIN", "jwst-vet simulator", "Organization responsible for creating file"),
        ("SIMULATE", True, "SIMULATED data, not an observation"),
        ("SIMSEED", seed, "Seed of the simulated spectra"),
        ("FILENAME", name, ""),
        ("CAL_VER", "1.20.2", "Calibration software version imitated"),
        ("CRDS_CTX", "jwst_1464.pmap", "CRDS context imitated"),
        ("DATAMODL", "MultiSpecModel", "Type of data model"),
        ("TELESCOP", "JWST", "Telescope imitated"),
        ("PROGRAM", PROGRAM, "Program number (no such program)"),
        ("TARGPROP", "SIMULATED", "Proposer's name for the target"),
        ("TARGNAME", "SIMULATED FIELD", "Standard astronomical catalog name for target"),
        ("INSTRUME", "NIRSPEC", "Instrument imitated"),
        ("EXP_TYPE", "NRS_MSASPEC", "Type of data in the exposure"),
        ("FILTER", lens, "Name of the filter element used"),
        ("GRATING", grating, "Name of grating or prism used"),
        ("DATE-BEG", "2024-05-02T00:00:00.000", "Date-time start of exposure"),
        ("EXPSTART", 60432.0, "[d] exposure start time in MJD"),
        ("EFFEXPTM", 8753.0, "[s] Effective exposure time"),
    ]
    header.extend(cards)
    header.add_history(f"SIMULATED by jwst-vet, seed {seed}: no photon of this file came from the sky")
    return header


def _table(spectrum: SimulatedSpectrum, place: int, ra: float, dec: float) -> fits.BinTableHDU:
    """Return the table of one source, in Jy, with the zeros that fill both ends of a real one."""
    pad = 6
    step = np.median(np.diff(spectrum.wavelength))
    wave = np.concatenate([
        spectrum.wavelength[0] - step * np.arange(pad, 0, -1), spectrum.wavelength,
        spectrum.wavelength[-1] + step * np.arange(1, pad + 1),
    ])  # fmt: skip
    flux = np.pad(spectrum.flux * 1e-6, pad)
    error = np.pad(spectrum.error * 1e-6, pad, constant_values=np.nan)
    columns = [
        fits.Column("WAVELENGTH", "D", "um", array=wave),
        fits.Column("FLUX", "D", "Jy", array=flux),
        fits.Column("FLUX_ERROR", "D", "Jy", array=error),
        fits.Column("SURF_BRIGHT", "D", "MJy/sr", array=np.zeros_like(wave)),
        fits.Column("SB_ERROR", "D", "MJy/sr", array=np.zeros_like(wave)),
        fits.Column("DQ", "J", array=np.zeros(len(wave), dtype=np.int32)),
        fits.Column("NPIXELS", "D", array=np.full(len(wave), 8.0)),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="EXTRACT1D")
    table.header["SOURCEID"] = place + 1
    table.header["SRCNAME"] = f"SIM_{place + 1}"
    table.header["SRCTYPE"] = "POINT"
    if np.isfinite(ra):
        table.header["SRCRA"], table.header["SRCDEC"] = ra, dec
    return table


def _wide_table(spectra: Sequence[SimulatedSpectrum], ra: Any, dec: Any) -> fits.BinTableHDU:
    """Return the table with one row per source."""
    n = max(len(spectrum.wavelength) for spectrum in spectra)
    fill = lambda values: np.stack([np.pad(v, (0, n - len(v)), constant_values=np.nan) for v in values])  # noqa: E731
    columns = [
        fits.Column("SOURCE_ID", "J", array=np.arange(1, len(spectra) + 1)),
        fits.Column("SOURCE_TYPE", "10A", array=np.array(["POINT"] * len(spectra))),
        fits.Column("SOURCE_RA", "D", array=ra),
        fits.Column("SOURCE_DEC", "D", array=dec),
        fits.Column("N_ALONGDISP", "J", array=np.array([len(s.wavelength) for s in spectra])),
        fits.Column("WAVELENGTH", f"{n}D", "um", array=fill([s.wavelength for s in spectra])),
        fits.Column("FLUX", f"{n}D", "Jy", array=fill([s.flux * 1e-6 for s in spectra])),
        fits.Column("FLUX_ERROR", f"{n}D", "Jy", array=fill([s.error * 1e-6 for s in spectra])),
        fits.Column("DQ", f"{n}J", array=np.zeros((len(spectra), n), dtype=np.int32)),
    ]
    return fits.BinTableHDU.from_columns(columns, name="EXTRACT1D")
