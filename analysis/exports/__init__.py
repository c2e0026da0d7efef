"""Exports: candidates in the formats that the field's tools read; whole files out."""
