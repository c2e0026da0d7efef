"""Extracted spectra: read, measured, compared, drawn. Files and arrays in, tables out; no store."""
