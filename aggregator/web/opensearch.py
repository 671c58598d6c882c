"""The description of our search for browsers and readers (OpenSearch 1.1): where to ask, in which formats."""

from __future__ import annotations

from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from aggregator.render.characters import plain
from aggregator.web.site import Site

NAME, LONG_NAME = 16, 48
"""Characters that the two names may have, at most."""

_RESULTS = (
    ("text/html", ""),
    ("application/atom+xml", "feed.atom"),
    ("application/rss+xml", "feed.rss"),
    ("application/feed+json", "feed.json"),
)


def description(site: Site, token: str | None = None) -> bytes:
    """
    Return the description.

    `token` is the one with which it was asked for in its own address: what is made of the description must carry it
    too, and who has it knew it already. Never taken from anywhere else.
    """
    title = plain(site.title) or "Feeds"
    asked = "?q={searchTerms}" + (f"&token={quote(token, safe='')}" if token else "")
    urls = [f"<Url type={quoteattr(kind)} template={quoteattr(site.base + path + asked)}/>" for kind, path in _RESULTS]
    own = site.base + "opensearch.xml" + (f"?token={quote(token, safe='')}" if token else "")
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<OpenSearchDescription xmlns="http://a9.com/-/spec/opensearch/1.1/">',
        f"<ShortName>{escape(title[:NAME].strip())}</ShortName>",
        f"<LongName>{escape(title[:LONG_NAME].strip())}</LongName>",
        f"<Description>{escape(f'Search the entries of {title[:LONG_NAME].strip()}')}</Description>",
        *urls,
        f'<Url type="application/opensearchdescription+xml" rel="self" template={quoteattr(own)}/>',
        f'<Image height="16" width="16" type="image/x-icon">{escape(site.base)}favicon.ico</Image>',
        '<Query role="example" searchTerms="title:news"/>',
        *(["<SyndicationRight>private</SyndicationRight>"] if site.token else []),
        "<Language>*</Language>",
        "<InputEncoding>UTF-8</InputEncoding>",
        "<OutputEncoding>UTF-8</OutputEncoding>",
        "</OpenSearchDescription>",
        "",
    ]
    return "\n".join(lines).encode()
