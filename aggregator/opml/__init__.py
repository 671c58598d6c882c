"""
Lists of subscriptions as OPML 2.0: read as far as they can be read, and written so that reading gives the same back.

What feeds.yaml says of a source beyond its title and address stands in attributes of a namespace of our own.
"""

from aggregator.opml.reading import read
from aggregator.opml.values import MAX_BYTES, Listed, Listing, OpmlError, Setting, category, one_line
from aggregator.opml.writing import write

__all__ = ["MAX_BYTES", "Listed", "Listing", "OpmlError", "Setting", "category", "one_line", "read", "write"]
