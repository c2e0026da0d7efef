-- A project as schema 7 left it: its tables, one frame with two sources, one candidate, its rank's interval and views.
CREATE TABLE schema_version (version INTEGER, applied_at VARCHAR, program VARCHAR);

CREATE TABLE frames (
    frame VARCHAR, path VARCHAR, sha256 VARCHAR, bytes BIGINT, state VARCHAR,
    error_kind VARCHAR, error_reason VARCHAR, stage_key VARCHAR,
    instrument VARCHAR, filter VARCHAR, program VARCHAR, target VARCHAR,
    date_beg VARCHAR, mjd_beg DOUBLE, mjd_end DOUBLE, exposure_s DOUBLE, n_exposures INTEGER, pa_v3 DOUBLE,
    nx INTEGER, ny INTEGER, pixel_scale_arcsec DOUBLE, area_arcmin2 DOUBLE, fwhm_arcsec DOUBLE,
    flux_unit VARCHAR, to_njy DOUBLE, unit_source VARCHAR, cal_ver VARCHAR, crds_ctx VARCHAR,
    has_err BOOLEAN, has_wht BOOLEAN, has_con BOOLEAN, footprint VARCHAR,
    n_sources INTEGER, threshold_k DOUBLE, false_rate DOUBLE, sky_rms DOUBLE, depth_5sigma_mag DOUBLE,
    simulated BOOLEAN, notes VARCHAR, companions VARCHAR, zeropoint DOUBLE, mtime_ns BIGINT,
    measured_at VARCHAR, seconds DOUBLE
);

CREATE TABLE sources (
    source_id VARCHAR, frame VARCHAR, n INTEGER, instrument VARCHAR, filter VARCHAR, forced BOOLEAN,
    x DOUBLE, y DOUBLE, ra DOUBLE, dec DOUBLE,
    flux DOUBLE, flux_err DOUBLE, flux_unit VARCHAR, mag_ab DOUBLE, mag_ab_err DOUBLE, snr DOUBLE,
    flux_ap1 DOUBLE, flux_ap1_err DOUBLE, flux_ap2 DOUBLE, flux_ap2_err DOUBLE,
    r_kron_arcsec DOUBLE, r50_arcsec DOUBLE, semimajor_arcsec DOUBLE, semiminor_arcsec DOUBLE, theta_deg DOUBLE,
    ellipticity DOUBLE, concentration DOUBLE, asymmetry DOUBLE, gini DOUBLE, m20 DOUBLE,
    peak_ratio DOUBLE, sharpness DOUBLE, r50_psf_ratio DOUBLE,
    n_peaks INTEGER, n_pixels INTEGER, exposures INTEGER, weight_ratio DOUBLE, edge_distance_px DOUBLE,
    artifact_probability DOUBLE, flags VARCHAR, invalid_reasons VARCHAR, simulated BOOLEAN,
    kron_correction DOUBLE
);

CREATE TABLE scores (
    source_id VARCHAR, object VARCHAR, anomaly_score DOUBLE, isolation_forest_score DOUBLE
);

CREATE TABLE candidates (
    rank INTEGER, candidate VARCHAR, kind VARCHAR, ra DOUBLE, dec DOUBLE,
    composite_score DOUBLE, anomaly_score DOUBLE, isolation_forest_score DOUBLE,
    snr_score DOUBLE, artifact_score DOUBLE, consistency_score DOUBLE, terms VARCHAR,
    snr DOUBLE, frames_detected INTEGER, frames_covering INTEGER, filters VARCHAR,
    object VARCHAR, best_source VARCHAR, best_frame VARCHAR,
    mag_ab DOUBLE, flux DOUBLE, flux_err DOUBLE, flux_unit VARCHAR, r50_arcsec DOUBLE,
    ellipticity DOUBLE, concentration DOUBLE, asymmetry DOUBLE, gini DOUBLE, m20 DOUBLE, peak_ratio DOUBLE,
    flags VARCHAR, simulated BOOLEAN
);

CREATE TABLE image_candidates (frame VARCHAR, rank_in_image INTEGER, source_id VARCHAR, candidate VARCHAR);

CREATE TABLE candidate_frames (
    candidate VARCHAR, frame VARCHAR, instrument VARCHAR, filter VARCHAR, state VARCHAR,
    exposures INTEGER, epochs INTEGER, mjd DOUBLE, flux DOUBLE, flux_err DOUBLE, flux_unit VARCHAR, snr DOUBLE,
    limit_mag DOUBLE, simulated BOOLEAN
);

CREATE TABLE candidate_epochs (
    candidate VARCHAR, exposures INTEGER, epochs_covering INTEGER, epochs_showing INTEGER,
    rolls INTEGER, delta_mag DOUBLE, delta_mag_err DOUBLE, change_sigma DOUBLE, change_days DOUBLE,
    change_filter VARCHAR, motion_arcsec DOUBLE, motion_err_arcsec DOUBLE, motion_pa_deg DOUBLE, motion_sigma DOUBLE, motion_days DOUBLE
);

CREATE TABLE names (candidate VARCHAR, alias VARCHAR, ra DOUBLE, dec DOUBLE);

CREATE TABLE ranking_info (info VARCHAR);

CREATE TABLE decisions (
    id VARCHAR, decided_at VARCHAR, vetter VARCHAR, host VARCHAR, pid BIGINT, action VARCHAR, candidate VARCHAR,
    ra DOUBLE, dec DOUBLE, payload VARCHAR, rank INTEGER, score DOUBLE, seconds DOUBLE,
    undoes VARCHAR, version VARCHAR
);

CREATE TABLE standing (
    vetter VARCHAR, candidate VARCHAR, ra DOUBLE, dec DOUBLE, label VARCHAR, reason VARCHAR, grade VARCHAR,
    checks VARCHAR, checked_at VARCHAR, note VARCHAR, decided_at VARCHAR, rank INTEGER, score DOUBLE, seconds DOUBLE, decisions INTEGER,
    check_reasons VARCHAR, check_evidence VARCHAR
);

CREATE TABLE products (
    uri VARCHAR, name VARCHAR, kind VARCHAR, level INTEGER, instrument VARCHAR, filter VARCHAR, program VARCHAR,
    target VARCHAR, observation VARCHAR, state VARCHAR, reason VARCHAR, size BIGINT, sha256 VARCHAR,
    source VARCHAR, public_from VARCHAR, exclusive BOOLEAN, planned_at VARCHAR, finished_at VARCHAR,
    mtime_ns BIGINT, plan_key VARCHAR, place INTEGER
);

CREATE TABLE plan_lines (place INTEGER, line VARCHAR);

CREATE TABLE computed_checks (
    candidate VARCHAR, name VARCHAR, outcome VARCHAR, number VARCHAR, reason VARCHAR, evidence VARCHAR,
    input_key VARCHAR, digest VARCHAR, computed_at VARCHAR, seconds DOUBLE
);

CREATE TABLE catalog_answers (
    service VARCHAR, block VARCHAR, path VARCHAR, rows INTEGER, release VARCHAR, asked_at VARCHAR, sha256 VARCHAR
);

CREATE TABLE rank_history (
    made_at VARCHAR, ranking VARCHAR, candidate VARCHAR, rank INTEGER, composite_score DOUBLE
);

CREATE TABLE features (candidate VARCHAR, vector FLOAT[]);

CREATE TABLE spectrum_files (
    file VARCHAR, path VARCHAR, sha256 VARCHAR, bytes BIGINT, mtime_ns BIGINT, state VARCHAR,
    error_kind VARCHAR, error_reason VARCHAR, stage_key VARCHAR,
    instrument VARCHAR, disperser VARCHAR, program VARCHAR, target VARCHAR, date_beg VARCHAR, mjd_beg DOUBLE,
    exposure_s DOUBLE, exp_type VARCHAR, cal_ver VARCHAR, crds_ctx VARCHAR, layout VARCHAR,
    n_spectra INTEGER, simulated BOOLEAN, notes VARCHAR, measured_at VARCHAR, seconds DOUBLE
);

CREATE TABLE spectra (
    spectrum VARCHAR, file VARCHAR, n INTEGER, instrument VARCHAR, disperser VARCHAR, source VARCHAR,
    ra DOUBLE, dec DOUBLE, position VARCHAR, source_type VARCHAR, integrations INTEGER, variability DOUBLE,
    flux_unit VARCHAR, wavelength_min DOUBLE, wavelength_max DOUBLE, n_valid INTEGER, valid_fraction DOUBLE,
    flux_median DOUBLE, flux_err_median DOUBLE, snr DOUBLE, snr_continuum DOUBLE, error_scale DOUBLE,
    slope DOUBLE, curvature DOUBLE, break_wavelength DOUBLE, break_ratio DOUBLE, break_snr DOUBLE,
    break_explained BOOLEAN, redshift DOUBLE, redshift_err DOUBLE, redshift_grade VARCHAR,
    redshift_second DOUBLE, redshift_lead DOUBLE,
    n_emission INTEGER, n_absorption INTEGER, n_matched INTEGER, n_unexplained INTEGER,
    unexplained_snr DOUBLE, n_spikes INTEGER, line_snr DOUBLE, largest_width DOUBLE,
    broad_sigmas DOUBLE, broad_velocity DOUBLE, peak_snr DOUBLE, negative_fraction DOUBLE,
    residual_chi2 DOUBLE, residual_skew DOUBLE, residual_kurtosis DOUBLE, flags VARCHAR, simulated BOOLEAN
);

CREATE TABLE spectral_lines (
    spectrum VARCHAR, line INTEGER, name VARCHAR, wavelength DOUBLE, wavelength_err DOUBLE,
    rest_wavelength DOUBLE, line_snr DOUBLE, line_flux DOUBLE, line_flux_err DOUBLE, line_flux_unit VARCHAR,
    equivalent_width DOUBLE, fwhm DOUBLE, fwhm_err DOUBLE, lsf_fwhm DOUBLE, velocity_fwhm DOUBLE,
    broad_sigmas DOUBLE, explained BOOLEAN
);

CREATE TABLE spectrum_scores (
    spectrum VARCHAR, candidate VARCHAR, separation_arcsec DOUBLE, spectrum_rank INTEGER,
    composite_score DOUBLE, anomaly_score DOUBLE, isolation_forest_score DOUBLE, snr_score DOUBLE,
    artifact_score DOUBLE, consistency_score DOUBLE, terms VARCHAR, artifact_probability DOUBLE,
    view_unexplained DOUBLE, view_broad DOUBLE, view_step DOUBLE, view_set DOUBLE
);

INSERT INTO schema_version VALUES (7, '2026-01-01T00:00:00+00:00', '0.1.0');
INSERT INTO frames (frame, path, sha256, bytes, state, n_sources, instrument, filter, notes, companions)
    VALUES ('f', 'f_i2d.fits', 'ab', 1, 'done', 2, 'NIRCAM', 'F200W', '[]', '[]');
INSERT INTO sources (source_id, frame, n, ra, dec, flux) VALUES ('f-1', 'f', 1, 10.0, -20.0, 5.5), ('f-2', 'f', 2, 10.1, -20.0, 6.5);
INSERT INTO candidates (rank, candidate, kind, ra, dec, composite_score) VALUES (1, 'JWST J010.00000-20.00000', 'image', 10.0, -20.0, 0.5);
INSERT INTO names VALUES ('JWST J010.00000-20.00000', 'JWST J010.00000-20.00000', 10.0, -20.0);
INSERT INTO ranking_info VALUES ('{"ensemble": {"bootstraps": 8, "first": {"JWST J010.00000-20.00000": {"rank_low": 1, "rank_high": 3, "variability": null, "views": {"spectrum": null, "colour": 0.25, "structure": 0.5, "arc": 1.0}}}}}');
