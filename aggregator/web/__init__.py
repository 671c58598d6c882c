"""Serve the merged feed, the records and the health of sources over HTTP: read-only, GET and HEAD."""

from aggregator.web.app import create_app

__all__ = ["create_app"]
