"""A folder of the records that cannot be written keeps nobody else's files waiting."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from aggregator.config import load
from aggregator.filing import Filer
from plugins.daemons import rss
from plugins.rights import without_rights
from plugins.served_corpus import Home, Shelf
from storage.posts import Posts
from storage.sqlite import SqliteStore

pytestmark = pytest.mark.timeout(120)


def test_a_folder_that_cannot_be_written_keeps_no_file_of_another_waiting(
    home: Home, shelf: Shelf, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Three hundred entries of it stand before those of the others: more than are written at once."""
    home.sources = {"a": "/a.xml", "b": "/b.xml"}
    home.more = {"a": {"category": "shut"}, "b": {"category": "open"}}
    home.settings = {"storage": {"path": "./data"}}  # files are written below, under other rights
    home.write()
    shelf.files = {"/a.xml": rss(*map(str, range(300))), "/b.xml": rss("x", "y")}
    assert [home.run("poll", name).returncode for name in ("a", "b")] == [0, 0]
    settings = load(home.config, {})
    settings = replace(settings, storage=replace(settings.storage, records=home.records))
    (home.records / "shut").mkdir(parents=True)
    (home.records / "open").mkdir()
    (home.records / "open").chmod(0o777)
    shut = home.records / "shut"
    # Of each worker that runs tests beside others the folder lies one deeper.
    base = tmp_path_factory.getbasetemp()
    top = base.parents[1] if base.name.startswith("popen-") else base.parent
    for folder in (home.records, *home.records.parents):
        if folder.is_relative_to(top):
            folder.chmod(0o755)
    shut.chmod(0o555)

    with closing(SqliteStore.open(home.folder / "data")) as store:
        for path in (home.folder / "data", *(home.folder / "data").rglob("*")):
            path.chmod(0o777)  # the store is not what is shut here
        filer = Filer(store, Posts(home.records))
        with without_rights():
            done = filer.bring_up_to_date(settings)
            again = filer.bring_up_to_date(settings)
        waiting, trouble = len(store.unwritten(1000)), filer.trouble
        shut.chmod(0o777)
        mended = Filer(store, Posts(home.records))
        rest = mended.bring_up_to_date(settings)

    assert (done.written, again.written, waiting) == (2, 0, 300)
    assert trouble is not None
    assert trouble.startswith(f"{shut}")
    assert "no right to write here; give it to the user that this runs as" in trouble
    assert (rest.written, mended.trouble) == (300, None)
    assert len(home.tree()) == 302
