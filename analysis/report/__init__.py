"""REPORT.md: what was searched, found and decided, what was not, and how to redo it."""
