"""Verbs: read, detect, measure, rank, report; science takes arrays and tables and returns them."""
