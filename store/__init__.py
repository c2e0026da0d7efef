"""Nouns: runs, frames, sources, candidates, verdicts; DuckDB and the verdict journal."""

__version__ = "0.1.0"
