"""Who we say we are: the User-Agent, filled in from what feeds.yaml says."""

from __future__ import annotations

import re
from dataclasses import replace

from aggregator import __version__
from aggregator.addresses import is_address, is_public
from aggregator.model import Source
from aggregator.outcomes import PollError
from aggregator.targets import locate


def user_agent(template: str, base_url: str | None) -> str:
    """
    Return who we say we are: `feed-aggregator/0.1.0 (+https://news.example.org/)`.

    `{base_url}` and `{version}` are replaced; the program's bare name is given its version. Where there is no
    address that a publisher could open, the parenthesis with it is left out. docs/etiquette.md, rule 55.
    """
    if base_url is None or not _is_public_url(base_url):
        template = re.sub(r"\s*\([^()]*\{base_url\}[^()]*\)", "", template).replace("{base_url}", "")
    else:
        template = template.replace("{base_url}", locate(base_url).text)
    text = re.sub(r"^feed-aggregator(?![/\w-])", f"feed-aggregator/{__version__}", template)
    text = text.replace("{version}", __version__)
    return " ".join("".join(c if "!" <= c <= "~" else " " for c in text).split()) or f"feed-aggregator/{__version__}"


def with_agent(source: Source, base_url: str | None) -> Source:
    """Return the source, the template of its own user agent, if it has one, filled in as `user_agent` does it."""
    own = source.user_agent
    return source if own is None else replace(source, user_agent=user_agent(own, base_url))


def _is_public_url(url: str) -> bool:
    try:
        host = locate(url).url.host
    except (ValueError, PollError):
        return False
    return is_public(host) if is_address(host) else "." in host
