"""Versions of the schema: the current one, and the small functions that lead to it from older ones."""

import json
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from store import __version__
from store.project import StoreError

if TYPE_CHECKING:
    import duckdb

Migration = Callable[["duckdb.DuckDBPyConnection"], None]

SCHEMA_VERSION = 8


def _products(connection: "duckdb.DuckDBPyConnection") -> None:
    """Make the tables of the archive's products and of what their plan says."""
    connection.execute(
        """
        CREATE TABLE products (
            uri VARCHAR, name VARCHAR, kind VARCHAR, level INTEGER, instrument VARCHAR, filter VARCHAR,
            program VARCHAR, target VARCHAR, observation VARCHAR, state VARCHAR, reason VARCHAR, size BIGINT,
            sha256 VARCHAR, source VARCHAR, public_from VARCHAR, exclusive BOOLEAN, planned_at VARCHAR,
            finished_at VARCHAR, mtime_ns BIGINT, plan_key VARCHAR, place INTEGER
        )
        """
    )
    connection.execute("CREATE TABLE plan_lines (place INTEGER, line VARCHAR)")


def _total_fluxes(connection: "duckdb.DuckDBPyConnection") -> None:
    """Keep by how much a source's Kron flux was multiplied to be all of its light."""
    connection.execute("ALTER TABLE sources ADD COLUMN kron_correction DOUBLE")


def _frames_and_epochs(connection: "duckdb.DuckDBPyConnection") -> None:
    """Make the tables of what each frame has at each candidate, and of what changed between epochs."""
    connection.execute(
        """
        CREATE TABLE candidate_frames (
            candidate VARCHAR, frame VARCHAR, instrument VARCHAR, filter VARCHAR, state VARCHAR,
            exposures INTEGER, epochs INTEGER, mjd DOUBLE, flux DOUBLE, flux_err DOUBLE, flux_unit VARCHAR,
            snr DOUBLE, limit_mag DOUBLE, simulated BOOLEAN
        )
        """
    )
    connection.execute(
        """
        CREATE TABLE candidate_epochs (
            candidate VARCHAR, exposures INTEGER, epochs_covering INTEGER, epochs_showing INTEGER,
            rolls INTEGER, delta_mag DOUBLE, delta_mag_err DOUBLE, change_sigma DOUBLE, change_days DOUBLE,
            change_filter VARCHAR, motion_arcsec DOUBLE, motion_err_arcsec DOUBLE, motion_pa_deg DOUBLE,
            motion_sigma DOUBLE, motion_days DOUBLE
        )
        """
    )


def _computed_checks(connection: "duckdb.DuckDBPyConnection") -> None:
    """Keep computed checks apart from people's, what people gave as reason, and kept catalogue answers."""
    connection.execute(
        """
        CREATE TABLE computed_checks (
            candidate VARCHAR, name VARCHAR, outcome VARCHAR, number VARCHAR, reason VARCHAR,
            evidence VARCHAR, input_key VARCHAR, digest VARCHAR, computed_at VARCHAR, seconds DOUBLE
        )
        """
    )
    connection.execute(
        """
        CREATE TABLE catalog_answers (
            service VARCHAR, block VARCHAR, path VARCHAR, rows INTEGER, release VARCHAR, asked_at VARCHAR,
            sha256 VARCHAR
        )
        """
    )
    for column in ("check_reasons", "check_evidence"):
        connection.execute(f"ALTER TABLE standing ADD COLUMN {column} VARCHAR")


def _history_and_features(connection: "duckdb.DuckDBPyConnection") -> None:
    """Make the tables of ranks in every ranking so far, and of the features that neighbours are found by."""
    connection.execute(
        """
        CREATE TABLE rank_history (
            made_at VARCHAR, ranking VARCHAR, candidate VARCHAR, rank INTEGER, composite_score DOUBLE
        )
        """
    )
    connection.execute("CREATE TABLE features (candidate VARCHAR, vector FLOAT[])")


def _spectra(connection: "duckdb.DuckDBPyConnection") -> None:
    """Make the tables of spectra, their files, their lines and their scores."""
    connection.execute(
        """
        CREATE TABLE spectrum_files (
            file VARCHAR, path VARCHAR, sha256 VARCHAR, bytes BIGINT, mtime_ns BIGINT, state VARCHAR,
            error_kind VARCHAR, error_reason VARCHAR, stage_key VARCHAR,
            instrument VARCHAR, disperser VARCHAR, program VARCHAR, target VARCHAR,
            date_beg VARCHAR, mjd_beg DOUBLE,
            exposure_s DOUBLE, exp_type VARCHAR, cal_ver VARCHAR, crds_ctx VARCHAR, layout VARCHAR,
            n_spectra INTEGER, simulated BOOLEAN, notes VARCHAR, measured_at VARCHAR, seconds DOUBLE
        );
        CREATE TABLE spectra (
            spectrum VARCHAR, file VARCHAR, n INTEGER, instrument VARCHAR, disperser VARCHAR, source VARCHAR,
            ra DOUBLE, dec DOUBLE, position VARCHAR, source_type VARCHAR, integrations INTEGER,
            variability DOUBLE,
            flux_unit VARCHAR, wavelength_min DOUBLE, wavelength_max DOUBLE, n_valid INTEGER,
            valid_fraction DOUBLE,
            flux_median DOUBLE, flux_err_median DOUBLE, snr DOUBLE, snr_continuum DOUBLE, error_scale DOUBLE,
            slope DOUBLE, curvature DOUBLE, break_wavelength DOUBLE, break_ratio DOUBLE, break_snr DOUBLE,
            break_explained BOOLEAN, redshift DOUBLE, redshift_err DOUBLE, redshift_grade VARCHAR,
            redshift_second DOUBLE, redshift_lead DOUBLE,
            n_emission INTEGER, n_absorption INTEGER, n_matched INTEGER, n_unexplained INTEGER,
            unexplained_snr DOUBLE, n_spikes INTEGER, line_snr DOUBLE, largest_width DOUBLE,
            broad_sigmas DOUBLE, broad_velocity DOUBLE, peak_snr DOUBLE, negative_fraction DOUBLE,
            residual_chi2 DOUBLE, residual_skew DOUBLE, residual_kurtosis DOUBLE, flags VARCHAR,
            simulated BOOLEAN
        );
        CREATE TABLE spectral_lines (
            spectrum VARCHAR, line INTEGER, name VARCHAR, wavelength DOUBLE, wavelength_err DOUBLE,
            rest_wavelength DOUBLE, line_snr DOUBLE, line_flux DOUBLE, line_flux_err DOUBLE,
            line_flux_unit VARCHAR,
            equivalent_width DOUBLE, fwhm DOUBLE, fwhm_err DOUBLE, lsf_fwhm DOUBLE, velocity_fwhm DOUBLE,
            broad_sigmas DOUBLE, explained BOOLEAN
        );
        CREATE TABLE spectrum_scores (
            spectrum VARCHAR, candidate VARCHAR, separation_arcsec DOUBLE, spectrum_rank INTEGER,
            composite_score DOUBLE, anomaly_score DOUBLE, isolation_forest_score DOUBLE, snr_score DOUBLE,
            artifact_score DOUBLE, consistency_score DOUBLE, terms VARCHAR, artifact_probability DOUBLE,
            view_unexplained DOUBLE, view_broad DOUBLE, view_step DOUBLE, view_set DOUBLE
        );
        """
    )


def _candidate_views(connection: "duckdb.DuckDBPyConnection") -> None:
    """Give what each view says of a candidate a table of its own: it was part of the facts of the ranking."""
    connection.execute(
        """
        CREATE TABLE candidate_views (
            candidate VARCHAR, rank_low INTEGER, rank_high INTEGER, draws INTEGER,
            view_spectrum DOUBLE, view_arc DOUBLE, view_colour DOUBLE, view_structure DOUBLE
        )
        """
    )
    row = connection.execute("SELECT info FROM ranking_info").fetchone()
    ensemble = json.loads(row[0]).get("ensemble", {}) if row else {}
    for name, told in ensemble.get("first", {}).items():
        views = [told["views"].get(view) for view in ("spectrum", "arc", "colour", "structure")]
        connection.execute(
            "INSERT INTO candidate_views VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [name, told["rank_low"], told["rank_high"], ensemble["bootstraps"], *views],
        )


# The migration under key n brings a database from version n - 1 to n.
MIGRATIONS: Mapping[int, Migration] = {
    2: _products,
    3: _total_fluxes,
    4: _frames_and_epochs,
    5: _computed_checks,
    6: _history_and_features,
    7: _spectra,
    8: _candidate_views,
}


def is_current(connection: "duckdb.DuckDBPyConnection", path: Path) -> bool:
    """Tell whether the schema is this program's; StoreError where it is newer or not ours."""
    version = _version(connection, path)
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path}: written by a newer jwst-vet (schema {version}, this one knows {SCHEMA_VERSION}); "
            "nothing was changed: update jwst-vet"
        )
    return version == SCHEMA_VERSION


def bring_up_to_date(connection: "duckdb.DuckDBPyConnection", path: Path) -> None:
    """Create the schema in an empty file, or migrate an older one after keeping a copy of it."""
    if is_current(connection, path):
        return
    version = _version(connection, path)
    if version == 0:
        _in_transaction(connection, _create, SCHEMA_VERSION)
    else:
        _keep_copy(connection, path, version)
        for step in range(version + 1, SCHEMA_VERSION + 1):
            _in_transaction(connection, MIGRATIONS[step], step)
    connection.execute("CHECKPOINT")


def _version(connection: "duckdb.DuckDBPyConnection", path: Path) -> int:
    tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if not tables:
        return 0
    if "schema_version" not in tables:
        raise StoreError(f"{path}: a DuckDB file of another program; name other folders under [paths]")
    row = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _create(connection: "duckdb.DuckDBPyConnection") -> None:
    from importlib.resources import files

    connection.execute(files("store").joinpath("schema.sql").read_text(encoding="utf-8"))


def _in_transaction(connection: "duckdb.DuckDBPyConnection", change: Migration, version: int) -> None:
    connection.execute("BEGIN")
    change(connection)
    applied_at = datetime.now(UTC).isoformat(timespec="seconds")
    connection.execute("INSERT INTO schema_version VALUES (?, ?, ?)", [version, applied_at, __version__])
    connection.execute("COMMIT")


def _keep_copy(connection: "duckdb.DuckDBPyConnection", path: Path, version: int) -> None:
    connection.execute("CHECKPOINT")
    copy = path.with_name(f"{path.stem}.schema{version}{path.suffix}")
    # Copied by another process: closing any descriptor of the file in this one would drop DuckDB's lock.
    done = subprocess.run(["cp", "-p", "--", path, copy], capture_output=True, text=True, check=False)
    if done.returncode:
        raise StoreError(f"{path}: no copy could be kept before migrating: {done.stderr.strip()}")
