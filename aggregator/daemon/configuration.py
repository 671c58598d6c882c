"""feeds.yaml as the daemon follows it, with the files that it names: the last good state stays in force."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from aggregator.config import ConfigError, load
from aggregator.model import Settings
from storage.states import Earlier

log = logging.getLogger(__name__)

Stamps = dict[str, tuple[int, int, int] | None]

ANYWAY = 5
"""A state that cannot be used is read again at every so many looks: what it lacks may be a file that nobody watches."""


class Configuration:
    """Tells when what is on disk differs from what was read, and reads it. Blocks: to be used off the event loop."""

    def __init__(self, settings: Settings, data: Path | None) -> None:
        """`settings` is what is in force; `data` stands in for `storage.path` after a reload too."""
        self._path = settings.path
        self._data = data
        self._watched = _watched(settings)
        self._seen: Stamps | None = _stamps(self._watched)
        self._looks = 0
        self.fault: str | None = None
        """Why the newest state was not taken in; None where it was."""

    def look_again(self) -> None:
        """Read at the next look, changed or not."""
        self._seen = None

    def refuse(self, fault: str) -> None:
        """Note why what was read is not in force yet; it is read again at the next look."""
        if self.fault != fault:
            log.error("%s", fault)
        self.fault = fault
        self._seen = None

    def changed(
        self, lists: Callable[[], Mapping[str, bytes]], before: Callable[[], Sequence[Earlier]]
    ) -> Settings | None:
        """
        Return what the files say now where that may differ from what was last read, and can be used; else None.

        `lists` gives what the lists on the web said, by URL; `before` the sources known so far, which keep their ids.
        """
        stamps = _stamps(self._watched)
        self._looks += 1
        if stamps == self._seen and not (self.fault and self._looks % ANYWAY == 0):
            return None
        self._seen = stamps
        try:
            settings = load(self._path, os.environ, lists(), before())
        except ConfigError as error:
            if self.fault != str(error):
                faults = [line for line in str(error).splitlines() if not line.startswith(" ")]  # a line an event
                log.error(
                    "feeds.yaml cannot be used as changed, the last good one stays in force: %s", "; ".join(faults)
                )
            self.fault = str(error)
            return None
        self._watched = _watched(settings)
        # Of files that were saved while they were read the older stamp is kept, so that they are read once more.
        self._seen = {name: stamps.get(name, stamp) for name, stamp in _stamps(self._watched).items()}
        if self._data is not None:
            settings = replace(settings, storage=replace(settings.storage, path=self._data.absolute()))
        return settings

    def taken_in(self) -> None:
        """Note that what was read is in force."""
        self.fault = None


def _watched(settings: Settings) -> frozenset[str]:
    return frozenset((str(settings.path), *settings.watched))


def _stamps(watched: Iterable[str]) -> Stamps:
    """Return what tells one saved state of each file from another; None where it is missing."""
    names = set()
    for name in watched:
        names.add(name)
        if glob.has_magic(name):
            names.update(glob.glob(name, recursive=True))  # noqa: PTH207 # an absolute pattern: Path.glob takes none
    return {name: _stamp(name) for name in sorted(names)}


def _stamp(name: str) -> tuple[int, int, int] | None:
    try:
        stat = Path(name).stat()
    except (OSError, ValueError):
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
