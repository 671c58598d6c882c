"""Write a merged feed as bytes: Atom (canonical), RSS 2.0, JSON Feed 1.1. Pure: the same values give the same bytes."""

from aggregator.render.atom import atom
from aggregator.render.incidents import IncidentFeed, incidents
from aggregator.render.jsonfeed import jsonfeed
from aggregator.render.merged import MergedFeed, SourceInfo, source_info
from aggregator.render.rss import rss

__all__ = ["IncidentFeed", "MergedFeed", "SourceInfo", "atom", "incidents", "jsonfeed", "rss", "source_info"]
