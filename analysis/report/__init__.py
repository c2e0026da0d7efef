"""REPORT.md: what was searched, found and decided, and how to redo it."""
