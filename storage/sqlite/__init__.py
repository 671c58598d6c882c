"""The store in one SQLite file."""

from storage.sqlite.examining import VERSION, holder, restore
from storage.sqlite.store import SqliteStore

__all__ = ["VERSION", "SqliteStore", "holder", "restore"]
