"""Tables: one registry from which every CSV file, its documentation and its checks are made."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from store.database import Database
from store.drafts import draft_of
from store.project import Project, StoreError
from store.states import CHECKS, CONFLICT

Kind = Literal["text", "free text", "integer", "number", "degrees", "yes or no"]

# How a value is written; no text may start a formula: names of files and vetters come from people too.
_WRITTEN: dict[Kind, str] = {
    "text": "CASE WHEN regexp_matches({0}::VARCHAR, '^[=+@\\t\\r-]') THEN '''' || {0} "
    "ELSE nullif({0}::VARCHAR, '') END",
    "free text": "CASE WHEN regexp_matches({0}, '^[=+@\\t\\r-]') THEN '''' || {0} ELSE nullif({0}, '') END",
    "integer": "{0}::BIGINT",
    "number": "CASE WHEN isfinite({0}) THEN printf('%.7g', {0}) END",
    "degrees": "CASE WHEN isfinite({0}) THEN printf('%.7f', {0}) END",
    "yes or no": "{0}::BOOLEAN",
}


@dataclass(frozen=True)
class Column:
    """One column: its name, how it is written, its unit and its meaning."""

    name: str
    type: Kind
    unit: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """One table: what a row is, its columns, the query that gives them by name, and the order of rows."""

    name: str
    row: str
    columns: tuple[Column, ...]
    query: str
    order: str


# Every column there is, told once; tables name those that they show.
_COLUMNS = {
    column.name: column
    for column in (
        Column("source_id", "text", "", "frame and number of the source in it, in order of y, then x"),
        Column("frame", "text", "", "stem of the file"),
        Column("object", "text", "", "object that the source belongs to, over all frames"),
        Column("instrument", "text", "", "instrument"),
        Column("filter", "text", "", "filter"),
        Column("forced", "yes or no", "", "measured at a given place, not detected"),
        Column("x", "number", "px", "column of the centroid, 0-based pixel centres"),
        Column("y", "number", "px", "row of the centroid, 0-based pixel centres"),
        Column("ra", "degrees", "deg", "right ascension, ICRS"),
        Column("dec", "degrees", "deg", "declination, ICRS"),
        Column("flux", "number", "flux_unit", "all of its light: Kron flux times kron_correction"),
        Column(
            "flux_err",
            "number",
            "flux_unit",
            "its error: empty apertures, photon noise, and 6 % of what was added",
        ),
        Column("flux_unit", "text", "", "nJy, or the image's own unit where no more is known"),
        Column("mag_ab", "number", "mag", "AB magnitude of that flux"),
        Column("mag_ab_err", "number", "mag", "its error"),
        Column(
            "snr",
            "number",
            "",
            "Kron flux over its noise in empty apertures; of an object, in its best frame",
        ),
        Column(
            "kron_correction", "number", "", "what the Kron flux was multiplied by to be all of the light"
        ),
        Column("flux_ap1", "number", "flux_unit", "flux in the smaller fixed aperture"),
        Column("flux_ap1_err", "number", "flux_unit", "its error"),
        Column("flux_ap2", "number", "flux_unit", "flux in the larger fixed aperture"),
        Column("flux_ap2_err", "number", "flux_unit", "its error"),
        Column("r_kron_arcsec", "number", "arcsec", "semi-major axis of the Kron aperture"),
        Column("r50_arcsec", "number", "arcsec", "half-light radius"),
        Column("semimajor_arcsec", "number", "arcsec", "second-moment semi-major axis"),
        Column("semiminor_arcsec", "number", "arcsec", "second-moment semi-minor axis"),
        Column("theta_deg", "number", "deg", "angle of the major axis, counter-clockwise from +x"),
        Column("ellipticity", "number", "", "1 - minor over major axis"),
        Column("concentration", "number", "", "5 log10(r80 / r20)"),
        Column("asymmetry", "number", "", "change under half a turn, background taken off"),
        Column("gini", "number", "", "Gini coefficient of the pixels"),
        Column("m20", "number", "", "second moment of the brightest 20 % of the light"),
        Column("peak_ratio", "number", "", "brightest pixel over Kron flux"),
        Column("sharpness", "number", "", "light within 1.2 px over that within 4 px, relative to the PSF"),
        Column("r50_psf_ratio", "number", "", "half-light radius over that of the PSF"),
        Column("n_peaks", "integer", "", "peaks inside the source"),
        Column("n_pixels", "integer", "px", "pixels above the threshold"),
        Column("exposures", "integer", "", "exposures that saw the brightest pixel; -1 unknown"),
        Column("weight_ratio", "number", "", "weight over the local median"),
        Column("edge_distance_px", "number", "px", "distance to the nearest invalid pixel"),
        Column("artifact_probability", "number", "0 to 1", "how much it looks like an artefact"),
        Column("flags", "text", "", "comma-separated warnings"),
        Column("invalid_reasons", "text", "", "why measures are missing"),
        Column("anomaly_score", "number", "0 to 1", "fractional rank of the anomaly, higher is stranger"),
        Column(
            "isolation_forest_score", "number", "0 to 1", "score of the Isolation Forest; empty if not run"
        ),
        Column("rank_in_image", "integer", "", "place by anomaly score in its image"),
        Column("rank", "integer", "", "place by composite score; empty where no longer ranked"),
        Column("candidate", "free text", "", "name by position; the first one given stays"),
        Column("kind", "text", "", "image or spectrum"),
        Column("composite_score", "number", "0 to 1", "weighted mean of the four terms"),
        Column(
            "snr_score",
            "number",
            "0 to 1",
            "log10(S/N) / 2, clipped; of an object S/N in small circles, root mean square over its bands",
        ),
        Column("artifact_score", "number", "0 to 1", "1 - artifact_probability"),
        Column(
            "consistency_score", "number", "0 to 1", "frames showing it over frames covering it; needs two"
        ),
        Column("terms", "text", "", "which of the four terms could be computed"),
        Column("frames_detected", "integer", "", "frames that show it"),
        Column("frames_covering", "integer", "", "frames whose valid pixels cover it"),
        Column("exposures_seen", "integer", "", "exposures behind its pixels, all frames; -1 unknown"),
        Column("epochs_covering", "integer", "", "groups of exposures over a day apart that cover it"),
        Column("epochs_showing", "integer", "", "those of them that belong to frames that show it"),
        Column("rolls", "integer", "", "distinct roll angles behind its pixels, to 1 degree"),
        Column("delta_mag", "number", "mag", "largest change between epochs of a band, later minus earlier"),
        Column("delta_mag_err", "number", "mag", "its error, with a floor of 0.03"),
        Column("change_sigma", "number", "", "difference of the fluxes over its error, with a floor of 3 %"),
        Column("change_days", "number", "d", "time between the two"),
        Column("change_filter", "text", "", "filter in which it changed"),
        Column("motion_arcsec", "number", "arcsec", "largest shift between epochs, frame offsets taken out"),
        Column("motion_err_arcsec", "number", "arcsec", "its error in each component, floor included"),
        Column("motion_pa_deg", "number", "deg", "its direction, north through east"),
        Column("motion_sigma", "number", "", "shift over its error; above 3 by chance once in 90"),
        Column("motion_days", "number", "d", "time between the two"),
        Column(
            "size_ratio",
            "number",
            "",
            "half-light radius freed of the PSF's in quadrature, in the reddest over that in the bluest band "
            "with S/N of 10 in which it is 1.1 times the PSF's; the ranking does not use it",
        ),
        Column("size_ratio_err", "number", "", "error of size_ratio: radii are good to 1 / S/N and 2 %"),
        Column("size_ratio_bands", "text", "", "the two bands, red / blue; one frame each, of highest S/N"),
        Column("size_ratio_why", "text", "", "why there is no size_ratio; empty where there is one"),
        Column(
            "in_frame",
            "text",
            "",
            "detected; shown (forced S/N at least 3); not detected; not measured; "
            "no value (a gap); outside; unknown (frame not read)",
        ),
        Column("epochs", "integer", "", "epochs behind the pixel; -1 unknown"),
        Column("mjd", "number", "d", "mean start of the exposures behind the pixel, MJD"),
        Column("forced_flux", "number", "flux_unit", "in a small circle at the common PSF, as of a point"),
        Column("forced_flux_err", "number", "flux_unit", "its error"),
        Column("forced_snr", "number", "", "forced flux over its error"),
        Column("limit_mag", "number", "mag", "three times that error as an AB magnitude"),
        Column("filters", "text", "", "comma-separated filters that show it"),
        Column("best_source", "text", "", "its source of highest snr"),
        Column("best_frame", "text", "", "the frame of that source"),
        Column("label", "free text", "", "label if all vetters agree, else conflict; empty if undecided"),
        Column("reason", "free text", "", "kind of artefact"),
        Column("grade", "text", "", "A sure, B probable, C possible, X no"),
        Column("vetter", "free text", "", "who decided, comma-separated"),
        Column("note", "free text", "", "the vetter's words"),
        Column("decided_at", "text", "UTC", "time of the last decision that stands"),
        Column("rank_seen", "integer", "", "rank when it was decided"),
        Column("score_seen", "number", "0 to 1", "composite score when it was decided"),
        Column("seconds", "number", "s", "time spent on the decisions that stand"),
        Column("decisions", "integer", "", "decisions that stand"),
        Column("check", "text", "", f"verification check: {', '.join(CHECKS)}"),
        Column("outcome", "text", "", "pass, fail, inconclusive or not run; the vetter's, else the computed"),
        Column("checked_at", "text", "UTC", "time of the vetter's outcome; empty where nobody stated one"),
        Column("stated_because", "free text", "", "the vetter's reason"),
        Column("evidence_changed", "yes or no", "", "the computed evidence is not what the vetter saw"),
        Column("computed", "text", "", "outcome that the program computed"),
        Column("number", "free text", "", "the one number that decides it, in words"),
        Column("computed_because", "free text", "", "why it came out so"),
        Column("computed_at", "text", "UTC", "when it was computed"),
        Column("evidence", "free text", "", "all of it: values, thresholds, units, what was asked; JSON"),
        *(Column(c, "text", "", "outcome of this check; conflict if vetters differ") for c in CHECKS),
        Column("spectrum", "text", "", "file and row of the spectrum in it"),
        Column("disperser", "text", "", "grating or prism with its filter, channel and band, or grism"),
        Column("row", "integer", "", "place among the spectra of its file, from 0"),
        Column("name_of_source", "free text", "", "the observers' name of the source"),
        Column("position", "text", "", "keyword that the position comes from; empty if none"),
        Column("source_type", "text", "", "POINT, EXTENDED or UNKNOWN"),
        Column("integrations", "integer", "", "integrations averaged into it"),
        Column("variability", "number", "", "largest departure of one integration, in robust deviations"),
        Column("spectrum_unit", "text", "", "unit of its fluxes: uJy, or MJy/sr of an extended source"),
        Column("wavelength_min", "number", "um", "first valid wavelength"),
        Column("wavelength_max", "number", "um", "last valid wavelength"),
        Column("n_valid", "integer", "", "valid samples"),
        Column("valid_fraction", "number", "0 to 1", "valid samples over samples between the first and last"),
        Column("flux_median", "number", "spectrum_unit", "median flux"),
        Column("flux_err_median", "number", "spectrum_unit", "median noise of one sample"),
        Column("snr_continuum", "number", "", "median of continuum over noise, per sample"),
        Column("error_scale", "number", "", "scatter over the file's errors: 1 where these are right"),
        Column("slope", "number", "", "d ln f_nu / d ln wavelength"),
        Column("curvature", "number", "", "quadratic term of ln f_nu against ln wavelength"),
        Column("break_wavelength", "number", "um", "the strongest step of the continuum"),
        Column("break_ratio", "number", "", "its red side over its blue side"),
        Column("break_snr", "number", "", "its significance"),
        Column("break_explained", "yes or no", "", "a usual break at a secure redshift"),
        Column("redshift", "number", "", "redshift by vote of the lines"),
        Column("redshift_err", "number", "", "its error"),
        Column("redshift_grade", "text", "", "secure, tentative or none"),
        Column("redshift_second", "number", "", "the redshift with the next highest vote"),
        Column("redshift_lead", "number", "", "ratio of the two votes, at most 10"),
        Column("n_emission", "integer", "", "emission lines of S/N 5 or more"),
        Column("n_absorption", "integer", "", "absorption lines of S/N 5 or more"),
        Column("n_matched", "integer", "", "lines that the redshift explains"),
        Column("n_unexplained", "integer", "", "emission lines that it does not explain"),
        Column("unexplained_snr", "number", "", "S/N of the strongest of these"),
        Column("n_spikes", "integer", "", "cosmic rays and hot pixels refused"),
        Column("largest_width", "number", "Angstrom", "largest equivalent width, observed frame"),
        Column("broad_sigmas", "number", "", "by how much a line is wider than 2.5 unresolved ones"),
        Column("broad_velocity", "number", "km/s", "FWHM of the broadest such line, instrument taken off"),
        Column("residual_chi2", "number", "", "mean square of the residual without lines, in noise"),
        Column("residual_skew", "number", "", "its skewness"),
        Column("residual_kurtosis", "number", "", "its excess kurtosis"),
        Column("negative_fraction", "number", "0 to 1", "samples more than 3 sigma below zero"),
        Column("spectrum_rank", "integer", "", "place by composite score among spectra"),
        Column("separation_arcsec", "number", "arcsec", "distance to the image candidate it belongs to"),
        Column("rank_low", "integer", "", "best rank when the population is drawn anew"),
        Column("rank_high", "integer", "", "worst rank when the population is drawn anew"),
        Column("draws", "integer", "", "times that it was drawn anew"),
        Column("view_spectrum", "number", "0 to 1", "oddity by fluxes that no ordinary spectrum fits"),
        Column("view_arc", "number", "0 to 1", "oddity by an arc or ring beyond a gap"),
        Column("view_colour", "number", "0 to 1", "oddity by colour; empty if not computed"),
        Column("view_structure", "number", "0 to 1", "oddity by structure; empty if not computed"),
        Column("view_unexplained", "number", "0 to 1", "oddity by unexplained lines"),
        Column("view_broad", "number", "0 to 1", "oddity by broad lines"),
        Column("view_step", "number", "0 to 1", "oddity by an unusual step"),
        Column("view_set", "number", "0 to 1", "oddity among the spectra of the set; empty if too few"),
        Column("line", "integer", "", "number of the line in its spectrum, by wavelength"),
        Column("name", "text", "", "the usual line that it is at the redshift; empty if none"),
        Column("wavelength", "number", "um", "centre, observed, vacuum"),
        Column("wavelength_err", "number", "um", "its error"),
        Column("rest_wavelength", "number", "um", "centre over 1 + redshift"),
        Column("line_snr", "number", "", "matched-filter S/N, negative for absorption"),
        Column("line_flux", "number", "line_flux_unit", "integrated flux"),
        Column("line_flux_err", "number", "line_flux_unit", "its error"),
        Column("line_flux_unit", "text", "", "W/m2, or W/m2/sr of an extended source"),
        Column(
            "equivalent_width",
            "number",
            "Angstrom",
            "observed, emission positive; empty without continuum",
        ),
        Column("fwhm", "number", "um", "width as observed"),
        Column("fwhm_err", "number", "um", "its error"),
        Column("lsf_fwhm", "number", "um", "width of an unresolved line there"),
        Column("velocity_fwhm", "number", "km/s", "width with the instrument's taken off; 0 if unresolved"),
        Column("explained", "yes or no", "", "whether a usual line is there at the redshift"),
        Column("simulated", "yes or no", "", "true where the pixels are SIMULATED"),
        Column("file", "text", "", "name of the file in data/products"),
        Column("product", "text", "", "what it holds: i2d, x1d, cat or segm"),
        Column("level", "integer", "", "3: of several exposures; 2: of a single exposure"),
        Column("program", "text", "", "number of the observing programme"),
        Column("target", "free text", "", "the observers' name of the target"),
        Column(
            "observation", "text", "", "the archive's observation that it came with; max_obs counts these"
        ),
        Column("state", "text", "", "done, already there, planned, failed or skipped"),
        Column("why", "free text", "", "why it failed or was skipped"),
        Column("size", "integer", "bytes", "size as the archive lists it; empty if unknown"),
        Column("sha256", "text", "", "SHA-256 of the bytes received"),
        Column("uri", "text", "", "address at the archive"),
        Column("source", "text", "", "where the bytes came from: archive or cloud"),
        Column("public_from", "text", "UTC", "first public day, for products that are not public yet"),
        Column("planned_at", "text", "UTC", "time of the plan"),
        Column("finished_at", "text", "UTC", "time of its last change of state"),
    )
}


def _agreed(value: str, name: str) -> str:
    """Write the SQL of what all vetters agree on."""
    return f"CASE WHEN count(DISTINCT {value}) > 1 THEN '{CONFLICT}' ELSE max({value}) END AS {name}"


_CHECK_VALUES = [f"(checks::JSON ->> '$.{check}') AS {check}" for check in CHECKS]
_OUTCOMES = [f"coalesce(checks::JSON ->> '$.{check}', 'not run') AS {check}" for check in CHECKS]
VOTES = f"""
    SELECT candidate, {_agreed("nullif(label, '')", "label")}, {_agreed("nullif(grade, '')", "grade")},
        string_agg(DISTINCT vetter, ',' ORDER BY vetter) AS vetter,
        {", ".join(_agreed(check, check) for check in CHECKS)}
    FROM (SELECT *, {", ".join(_CHECK_VALUES)} FROM standing) GROUP BY candidate
"""  # noqa: S608

_PIVOT = ", ".join(f"max(outcome) FILTER (name = '{check}') AS {check}" for check in CHECKS)
COMPUTED = f"SELECT candidate, {_PIVOT} FROM computed_checks GROUP BY candidate"  # noqa: S608

_SOURCE_COLUMNS = (
    "instrument filter forced x y ra dec flux flux_err flux_unit mag_ab snr r50_arcsec ellipticity "
    "anomaly_score isolation_forest_score artifact_probability flags simulated"
)
_SOURCE_EXTRAS = (
    "mag_ab_err flux_ap1 flux_ap1_err flux_ap2 flux_ap2_err r_kron_arcsec semimajor_arcsec semiminor_arcsec "
    "theta_deg concentration asymmetry gini m20 peak_ratio sharpness r50_psf_ratio n_peaks n_pixels "
    "exposures weight_ratio edge_distance_px kron_correction invalid_reasons"
)
_CHECK_COLUMNS = " ".join(CHECKS)


def columns_of(names: str) -> tuple[Column, ...]:
    """Give the columns of these names, separated by blanks."""
    return tuple(_COLUMNS[name] for name in names.split())


_SPECTRUM_COLUMNS = (
    "spectrum file row candidate instrument disperser name_of_source ra dec position redshift redshift_err "
    "redshift_grade redshift_second redshift_lead snr snr_continuum line_snr composite_score anomaly_score "
    "isolation_forest_score snr_score artifact_score consistency_score terms artifact_probability "
    "view_unexplained view_broad view_step view_set n_emission n_absorption n_matched n_unexplained "
    "unexplained_snr largest_width broad_sigmas broad_velocity slope curvature break_wavelength break_ratio "
    "break_snr break_explained n_spikes error_scale residual_chi2 residual_skew residual_kurtosis "
    "negative_fraction n_valid valid_fraction wavelength_min wavelength_max flux_median flux_err_median "
    "spectrum_unit source_type integrations variability flags simulated"
)
_SPECTRA = """
SELECT s.* EXCLUDE (n, source, flux_unit), s.n AS row, s.source AS name_of_source,
    s.flux_unit AS spectrum_unit, c.* EXCLUDE (spectrum)
FROM spectra s
"""

# Sizes per band. A filter's digits are its wavelength in 10 nm, for every instrument. Blends, holes and
# borders have no size of their own. r = sqrt(r50^2 - r50_psf^2), its relative error (r50 / r)^2 that of r50.
_SIZES = """
WITH best AS (
    SELECT c.object, s.filter, try_cast(regexp_extract(s.filter, '[0-9]+') AS INTEGER) AS wavelength,
        arg_max(s.r50_arcsec, s.snr) AS r50, arg_max(s.r50_psf_ratio, s.snr) AS over_psf, max(s.snr) AS snr
    FROM sources s JOIN scores c ON c.source_id = s.source_id
    JOIN frames f ON f.frame = s.frame AND f.state = 'done'
    WHERE NOT s.forced AND s.snr >= 10 AND isfinite(s.r50_arcsec) AND isfinite(s.r50_psf_ratio)
        AND NOT regexp_matches(s.flags, 'blended|nan|saturated|truncated')
    GROUP BY c.object, s.instrument, s.filter
), free AS (
    SELECT *, r50 * sqrt(1 - over_psf ** -2) AS size,
        sqrt(snr ** -2 + 0.02 ** 2) / (1 - over_psf ** -2) AS share
    FROM best WHERE over_psf >= 1.1 AND wavelength IS NOT NULL
), ends AS (
    SELECT object, count(*) AS n, arg_max(size, wavelength) AS red, arg_min(size, wavelength) AS blue,
        arg_max(share, wavelength) AS red_share, arg_min(share, wavelength) AS blue_share,
        arg_max(filter, wavelength) || ' / ' || arg_min(filter, wavelength) AS bands
    FROM free GROUP BY object
)
SELECT a.object, CASE WHEN n > 1 THEN red / blue END AS size_ratio,
    CASE WHEN n > 1 THEN red / blue * sqrt(red_share ** 2 + blue_share ** 2) END AS size_ratio_err,
    CASE WHEN n > 1 THEN bands END AS size_ratio_bands,
    CASE WHEN seen < 2 THEN 'seen whole at S/N 10 in one band'
        ELSE 'as small as the PSF but for at most one band' END AS why
FROM (SELECT object, count(*) AS seen FROM best WHERE wavelength IS NOT NULL GROUP BY object) a
LEFT JOIN ends USING (object)
"""


TABLES = {
    table.name: table
    for table in (
        Table(
            "all_sources",
            "one detection or forced measurement in one frame",
            columns_of(f"source_id frame object {_SOURCE_COLUMNS} {_SOURCE_EXTRAS}"),
            """
            SELECT s.*, c.* EXCLUDE (source_id) FROM sources s
            JOIN frames f ON f.frame = s.frame AND f.state = 'done'
            LEFT JOIN scores c ON c.source_id = s.source_id
            """,
            "frame, n",
        ),
        Table(
            "anomaly_candidates_images",
            "one source that its image put forward as a candidate",
            columns_of(f"frame rank_in_image candidate source_id object {_SOURCE_COLUMNS} {_SOURCE_EXTRAS}"),
            """
            SELECT i.rank_in_image, i.candidate, s.*, c.* EXCLUDE (source_id) FROM image_candidates i
            JOIN sources s ON s.source_id = i.source_id
            JOIN frames f ON f.frame = s.frame AND f.state = 'done'
            LEFT JOIN scores c ON c.source_id = i.source_id
            """,
            "frame, rank_in_image",
        ),
        Table(
            "ranked_candidates",
            "one object, the most interesting first",
            columns_of(
                "rank candidate kind ra dec composite_score anomaly_score snr_score artifact_score "
                "consistency_score terms snr frames_detected frames_covering filters label grade vetter "
                f"{_CHECK_COLUMNS} simulated isolation_forest_score object best_source best_frame mag_ab "
                "flux flux_err flux_unit r50_arcsec ellipticity concentration asymmetry gini m20 peak_ratio "
                "flags exposures_seen epochs_covering epochs_showing rolls delta_mag delta_mag_err "
                "change_sigma change_days change_filter motion_arcsec motion_err_arcsec motion_pa_deg "
                "motion_sigma motion_days size_ratio size_ratio_err size_ratio_bands size_ratio_why rank_low "
                "rank_high draws view_spectrum view_arc view_colour view_structure"
            ),
            f"""
            SELECT k.*, z.* EXCLUDE (object), CASE WHEN k.kind = 'spectrum' THEN 'not seen in an image'
                WHEN z.object IS NULL THEN 'no whole detection at S/N 10 in a known filter'
                WHEN z.size_ratio IS NULL THEN z.why END AS size_ratio_why,
                e.* EXCLUDE (candidate, exposures), e.exposures AS exposures_seen,
                o.* EXCLUDE (candidate),
                v.label, v.grade, v.vetter,
                {", ".join(f"coalesce(v.{check}, c.{check}, 'not run') AS {check}" for check in CHECKS)}
            FROM candidates k LEFT JOIN ({VOTES}) v ON v.candidate = k.candidate
            LEFT JOIN ({COMPUTED}) c ON c.candidate = k.candidate
            LEFT JOIN candidate_epochs e ON e.candidate = k.candidate
            LEFT JOIN ({_SIZES}) z ON z.object = k.object
            LEFT JOIN candidate_views o ON o.candidate = k.candidate
            """,  # noqa: S608
            "rank",
        ),
        Table(
            "candidate_frames",
            "one candidate in one frame, whether it shows there or not",
            columns_of(
                "rank candidate frame instrument filter in_frame exposures epochs mjd forced_flux "
                "forced_flux_err flux_unit forced_snr limit_mag simulated"
            ),
            """
            SELECT c.* EXCLUDE (state, flux, flux_err, snr), c.state AS in_frame, c.flux AS forced_flux,
                c.flux_err AS forced_flux_err, c.snr AS forced_snr, k.rank
            FROM candidate_frames c JOIN candidates k ON k.candidate = c.candidate
            """,
            "rank, frame",
        ),
        Table(
            "all_spectra",
            "one spectrum of one source",
            columns_of(_SPECTRUM_COLUMNS),
            f"{_SPECTRA} LEFT JOIN spectrum_scores c ON c.spectrum = s.spectrum",
            "file, row",
        ),
        Table(
            "spectral_lines",
            "one line of one spectrum",
            columns_of(
                "spectrum line name wavelength wavelength_err rest_wavelength line_snr line_flux "
                "line_flux_err line_flux_unit equivalent_width fwhm fwhm_err lsf_fwhm velocity_fwhm "
                "broad_sigmas explained redshift redshift_grade simulated"
            ),
            """
            SELECT l.*, s.redshift, s.redshift_grade, s.simulated FROM spectral_lines l
            JOIN spectra s ON s.spectrum = l.spectrum
            """,
            "spectrum, line",
        ),
        Table(
            "anomaly_candidates_spectra",
            "one spectrum that is a candidate or belongs to one, the most interesting first",
            columns_of(f"spectrum_rank rank kind separation_arcsec {_SPECTRUM_COLUMNS}"),
            f"""{_SPECTRA} JOIN spectrum_scores c ON c.spectrum = s.spectrum
            JOIN candidates k ON k.candidate = c.candidate""".replace(
                "SELECT ", "SELECT k.rank, k.kind, ", 1
            ),
            "spectrum_rank",
        ),
        Table(
            "verdicts",
            "what stands of one vetter's decisions on one candidate, ranked or not",
            columns_of(
                f"candidate ra dec vetter label reason grade {_CHECK_COLUMNS} note decided_at rank_seen "
                "score_seen seconds decisions rank simulated"
            ),
            f"""
            SELECT s.* EXCLUDE (rank, score, checks, checked_at, check_reasons, check_evidence),
                s.rank AS rank_seen, s.score AS score_seen,
                {", ".join(_OUTCOMES)},
                k.rank, k.simulated
            FROM standing s LEFT JOIN candidates k ON k.candidate = s.candidate
            """,  # noqa: S608
            "candidate, vetter",
        ),
        Table(
            "checks",
            "one check of one candidate: what was computed, and what one vetter says of it where one does",
            columns_of(
                "candidate ra dec check outcome vetter checked_at stated_because evidence_changed computed "
                "number computed_because computed_at evidence rank simulated"
            ),
            f"""
            WITH names AS (
                SELECT unnest({list(CHECKS)}) AS name, unnest(range({len(CHECKS)})) AS place
            ), stated AS (
                SELECT s.candidate, s.ra, s.dec, s.vetter, n.name,
                    s.checks::JSON ->> n.name AS said, s.checked_at::JSON ->> n.name AS checked_at,
                    s.check_reasons::JSON ->> n.name AS stated_because,
                    coalesce(s.check_evidence::JSON ->> n.name, '') AS seen
                FROM standing s CROSS JOIN names n WHERE said IS NOT NULL
            )
            SELECT coalesce(s.candidate, c.candidate) AS candidate, coalesce(s.ra, k.ra) AS ra,
                coalesce(s.dec, k.dec) AS dec, n.name AS check, n.place, coalesce(s.vetter, '') AS vetter,
                coalesce(s.said, c.outcome) AS outcome, s.checked_at, s.stated_because,
                CASE WHEN s.said IS NOT NULL AND c.digest IS NOT NULL THEN s.seen <> c.digest END
                    AS evidence_changed,
                c.outcome AS computed, c.number, c.reason AS computed_because, c.computed_at, c.evidence,
                k.rank, k.simulated
            FROM stated s FULL JOIN computed_checks c ON c.candidate = s.candidate AND c.name = s.name
            JOIN names n ON n.name = coalesce(s.name, c.name)
            LEFT JOIN candidates k ON k.candidate = coalesce(s.candidate, c.candidate)
            """,  # noqa: S608
            "candidate, place, vetter",
        ),
        Table(
            "download_manifest",
            "one product of the archive that the plan chose or left, or that was fetched before",
            columns_of(
                "file product level instrument filter program target observation state why size sha256 uri "
                "source public_from planned_at finished_at"
            ),
            """
            SELECT * EXCLUDE (size), name AS file, kind AS product, reason AS why,
                CASE WHEN size >= 0 THEN size END AS size
            FROM products
            """,
            "place, file",
        ),
    )
}


def write_table(project: Project, db: Database, name: str) -> Path:
    """Write a table as CSV, whole or not at all; decisions are as the database's index has them."""
    table = TABLES[name]
    project.tables.mkdir(parents=True, exist_ok=True)
    path = project.tables / f"{name}.csv"
    written = ", ".join(
        f"{_WRITTEN[c.type].format(quoted(c.name))} AS {quoted(c.name)}" for c in table.columns
    )
    query = f"SELECT {written} FROM ({table.query}) ORDER BY {table.order}"  # noqa: S608
    draft = draft_of(path)
    try:
        with db.read() as cursor:
            target = str(draft).replace("'", "''")
            cursor.execute(f"COPY ({query}) TO '{target}' (FORMAT csv, HEADER)")
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise StoreError(
            f"{path}: {error.strerror or error}; free some space or name other folders"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return path


def describe() -> str:
    """Give the documentation of all tables in Markdown."""
    parts = []
    for table in TABLES.values():
        parts += [f"### {table.name}.csv", "", f"One row: {table.row}.", ""]
        parts += ["| column | type | unit | meaning |", "|---|---|---|---|"]
        parts += [f"| {c.name} | {c.type} | {c.unit} | {c.meaning} |" for c in table.columns]
        parts.append("")
    return "\n".join(parts)


def quoted(name: str) -> str:
    """Write a column's name in SQL."""
    return f'"{name}"'
