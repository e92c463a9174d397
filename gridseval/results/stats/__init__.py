"""Rates, intervals and tests; no files, no tables."""
