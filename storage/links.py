"""The one form of a link within its source: what tracking leaves behind goes, and nothing that says which page it is."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from w3lib.url import canonicalize_url

TRACKING = re.compile(
    r"utm_\w+|fbclid|gclid|dclid|msclkid|yclid|igshid|mc_[ce]id|_hs(?:enc|mi)|mkt_tok|wt[._]\w+|cmpid|spm|ref_?src"
    r"|vero_id|oly_\w+_id|guccounter|rss_?id|at_(?:medium|campaign)|pk_\w+|mtm_\w+|ncid|sr_share",
    re.IGNORECASE,
)
"""What senders add to tell where a click came from: the page is the same."""
_PLAIN_URL = re.compile(r"https?://[a-z0-9.-]+(?:/[A-Za-z0-9_./~-]*)")
_PLAIN_QUERY = re.compile(
    r"(https?://[a-z0-9.-]+/[A-Za-z0-9_./~-]*)\?([A-Za-z0-9_.~-]+=[A-Za-z0-9_.~-]*(?:&[A-Za-z0-9_.~-]+=[A-Za-z0-9_.~-]*)*)"
)


def canonical_link(url: str) -> str:
    """
    Return the one form of the addresses of a page: host in lower case, query sorted, tracking parameters gone.

    The fragment stays: some changelogs link each entry to a place in one page.
    """
    if _PLAIN_URL.fullmatch(url):
        return url
    # Most other links are of a form for which sorting is all that there is to do: a tenth of the time.
    if "/." not in url and (plain := _PLAIN_QUERY.fullmatch(url)) and not TRACKING.search(plain[2]):
        pairs = sorted(pair.partition("=") for pair in plain[2].split("&"))
        return f"{plain[1]}?{'&'.join(map(''.join, pairs))}"
    try:
        parts = urlsplit(url)
        if parts.query and TRACKING.search(parts.query):
            kept = [
                (key, value)
                for key, value in parse_qsl(parts.query, keep_blank_values=True)
                if not TRACKING.fullmatch(key)
            ]
            url = urlunsplit(parts._replace(query=urlencode(kept)))
        return str(canonicalize_url(url, keep_fragments=True))
    except ValueError:
        return url
