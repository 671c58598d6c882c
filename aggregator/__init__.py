"""Polls feeds, normalises every entry into one record format, stores the records, serves one merged feed."""

__version__ = "0.1.0"
