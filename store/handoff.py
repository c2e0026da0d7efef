"""What is handed to others of each candidate: typed rows with units, and who decided what, when."""

from typing import TYPE_CHECKING, Final

from store.database import Database
from store.states import CHECKS
from store.tables import COMPUTED, VOTES, Column, Kind, Table, columns_of, quoted

if TYPE_CHECKING:
    import pyarrow as pa

# Types for programs: NULL is unknown, numbers are numbers, text is as it was written.
_TYPED: Final[dict[Kind, str]] = {
    "text": "nullif({0}::VARCHAR, '')",
    "free text": "nullif({0}::VARCHAR, '')",
    "integer": "{0}::BIGINT",
    "number": "CASE WHEN isfinite({0}) THEN {0}::DOUBLE END",
    "degrees": "CASE WHEN isfinite({0}) THEN {0}::DOUBLE END",
    "yes or no": "{0}::BOOLEAN",
}

_CHECKS = ", ".join(f"coalesce(v.{check}, c.{check}, 'not run') AS {check}" for check in CHECKS)

HANDOFF: Final = Table(
    "candidates",
    "one candidate that is ranked or was decided on",
    (
        *columns_of(
            f"rank candidate kind ra dec label reason grade vetter decided_at {' '.join(CHECKS)} "
            "composite_score anomaly_score snr_score artifact_score consistency_score terms snr "
            "frames_detected frames_covering filters mag_ab flux flux_err flux_unit r50_arcsec ellipticity "
            "concentration asymmetry gini m20 peak_ratio flags exposures_seen epochs_covering "
            "epochs_showing rolls delta_mag delta_mag_err change_sigma change_days change_filter "
            "motion_arcsec motion_err_arcsec motion_pa_deg motion_sigma motion_days best_source best_frame"
        ),
        Column("notes", "free text", "", "each vetter's words behind the name, in order of names"),
        Column("cal_ver", "text", "", "version of the calibration pipeline of the best frame"),
        Column("crds_ctx", "text", "", "context of the reference files of the best frame"),
        *columns_of("simulated"),
    ),
    f"""
    WITH said AS (
        SELECT candidate, any_value(ra) AS ra, any_value(dec) AS dec,
            string_agg(DISTINCT nullif(reason, ''), ',' ORDER BY nullif(reason, '')) AS reason,
            string_agg(vetter || ': ' || note, chr(10) ORDER BY vetter) FILTER (note <> '') AS notes,
            max(decided_at) AS decided_at
        FROM standing GROUP BY candidate
    ), data AS (
        SELECT frame, cal_ver, crds_ctx FROM frames UNION ALL
        SELECT file, cal_ver, crds_ctx FROM spectrum_files
    ), versions AS (SELECT frame, max(cal_ver) AS cal_ver, max(crds_ctx) AS crds_ctx FROM data GROUP BY frame)
    SELECT k.* EXCLUDE (candidate, ra, dec), coalesce(k.candidate, s.candidate) AS candidate,
        coalesce(k.ra, s.ra) AS ra, coalesce(k.dec, s.dec) AS dec,
        v.label, v.grade, v.vetter, s.reason, s.notes, s.decided_at, d.cal_ver, d.crds_ctx,
        e.* EXCLUDE (candidate, exposures), e.exposures AS exposures_seen, {_CHECKS}
    FROM candidates k FULL JOIN said s ON s.candidate = k.candidate
    LEFT JOIN ({VOTES}) v ON v.candidate = coalesce(k.candidate, s.candidate)
    LEFT JOIN ({COMPUTED}) c ON c.candidate = coalesce(k.candidate, s.candidate)
    LEFT JOIN candidate_epochs e ON e.candidate = k.candidate
    LEFT JOIN versions d ON d.frame = k.best_frame
    """,  # noqa: S608
    "rank NULLS LAST, candidate",
)


def read_typed(db: Database, table: Table) -> "pa.Table":
    """Read a table of the registry with its types; NULL where a value is unknown."""
    chosen = ", ".join(f"{_TYPED[c.type].format(quoted(c.name))} AS {quoted(c.name)}" for c in table.columns)
    with db.read() as cursor:
        query = f"SELECT {chosen} FROM ({table.query}) ORDER BY {table.order}"  # noqa: S608
        return cursor.sql(query).to_arrow_table()


def selection_counts(db: Database, min_snr: float) -> dict[str, int]:
    """Count what the selection had before and after each of its steps, in the ranking that stands."""
    queries = {
        "sources": "SELECT count(*) FROM sources s JOIN frames f ON f.frame = s.frame AND f.state = 'done'",
        "objects": "SELECT count(DISTINCT object) FROM scores WHERE object <> ''",
        "objects_snr": "SELECT count(DISTINCT c.object) FROM scores c JOIN sources s "
        "ON s.source_id = c.source_id WHERE c.object <> '' AND s.snr >= ?",
        "images": "SELECT count(*) FROM candidates WHERE kind = 'image'",
        "spectra": "SELECT count(*) FROM spectra",
        "spectra_listed": "SELECT count(*) FROM spectrum_scores WHERE candidate <> ''",
        "spectra_alone": "SELECT count(*) FROM candidates WHERE kind = 'spectrum'",
    }
    with db.read() as cursor:
        return {
            name: int((cursor.execute(query, [min_snr] if "?" in query else []).fetchone() or (0,))[0])
            for name, query in queries.items()
        }


def load_features(db: Database) -> dict[str, list[float | None]]:
    """Read the features of each candidate on one scale; None where one was not measured."""
    with db.read() as cursor:
        rows = cursor.execute("SELECT candidate, vector FROM features ORDER BY candidate").fetchall()
    return {candidate: list(vector) for candidate, vector in rows}
