"""What `add`, `remove` and `import` share: the file to edit, whether a source is there already, how an edit is shown."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import click

from aggregator.cli import Options
from aggregator.cli.common import known_before, settings_of, stored_lists
from aggregator.config.edit import Edited, Setting
from aggregator.health import public_url
from aggregator.model import Settings, Source

SHOWN = 40
"""Lines of an edit that are printed; an import may have tens of thousands."""


def setting_of(options: Options) -> tuple[Setting, Settings]:
    """Return what feeds.yaml is edited with, and what it says now. Raises ConfigError."""
    settings = settings_of(options, warn=False)
    lists = stored_lists(options.data or settings.storage.path) if settings.lists else {}
    return Setting(options.config_path(), os.environ, lists, known_before(options)), settings


class Known:
    """The sources that there are, by their addresses in any form."""

    def __init__(self, settings: Settings) -> None:
        self._by_form = {_form(url): source for source in every(settings) for url in (source.url, *source.fallback)}

    def has(self, *urls: str) -> Source | None:
        """Return the source that has one of these addresses, http or https, with `www.` or without, `/` at its end or not."""
        return next((found for url in urls if (found := self._by_form.get(_form(url)))), None)


def every(settings: Settings) -> Iterator[Source]:
    """Yield all sources, paused ones too."""
    yield from settings.sources
    yield from settings.paused


def shown(edited: Edited, sign: str) -> Iterator[str]:
    """Yield the edit as a diff shows it: the place, and each line behind its sign."""
    yield f"{click.format_filename(_near(edited.file))}:{edited.line}"
    yield from (f"{sign} {line}" for line in edited.lines[:SHOWN])
    if len(edited.lines) > SHOWN:
        yield f"{sign} ... and {len(edited.lines) - SHOWN:,} more lines"


def plain(sources: Iterable[Source]) -> list[dict[str, str]]:
    """Return the sources as `--json` shows them."""
    return [{"id": source.id, "url": public_url(source.url, source.secrets), "name": source.name} for source in sources]


def _near(path: Path) -> Path:
    """Return the path as it is seen from here, where that is shorter."""
    try:
        return path.absolute().relative_to(Path.cwd())
    except ValueError:
        return path


def _form(url: str) -> str:
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    return f"{host}{port}{parts.path.rstrip('/')}?{parts.query}"
