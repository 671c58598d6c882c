"""Whether anything was committed to a store since it was last asked: for readers that keep what they made of it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable


class Commits:
    """Watches the commits of other connections through one of its own, which reads no page and waits for no lock."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._one_at_a_time = threading.Lock()

    def seen(self) -> int | None:
        """Return a number that differs once another connection has committed; None where SQLite cannot tell."""
        try:
            with self._one_at_a_time:
                if self._connection is None:
                    self._connection = self._connect()
                    self._connection.execute("PRAGMA busy_timeout = 0")
                version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
                return version
        except sqlite3.Error:
            return None

    def close(self) -> None:
        """Watch no more."""
        with self._one_at_a_time:
            if self._connection:
                self._connection.close()
