"""What is opened below the records folder is ours, and what is made there is new, whoever else writes into it meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.folders import MOST_BYTES, ForeignError, found, new_file
from storage.sqlite.folder import one_line


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("planted", ["link", "file"])
def test_what_somebody_puts_into_a_temporarys_place_is_not_written_to(
    tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    """Somebody who is quicker than we are: what we take away is there again before we open it."""
    outside = tmp_path / "outside"
    outside.write_text("precious")
    if planted == "link":
        (tmp_path / "a.part").symlink_to(outside)
    else:
        (tmp_path / "a.part").write_text("theirs")
    monkeypatch.setattr(os, "unlink", lambda *_, **__: None)

    with pytest.raises(FileExistsError):
        new_file("a.part", folder)

    assert outside.read_text() == "precious"


def test_a_file_of_more_than_32_mb_is_not_read(tmp_path: Path, folder: int) -> None:
    with (tmp_path / "large.md").open("wb") as file:
        file.truncate(MOST_BYTES + 1)

    with pytest.raises(ForeignError, match="33,554,433 bytes"):
        found("large.md", folder)


def test_what_is_said_of_damage_is_one_line_without_what_stood_in_the_file() -> None:
    said = 'malformed database schema (x) - near "\x1b[2J\n": syntax error with text CREATE s3cret\nforged line'

    told = one_line(said)

    assert "s3cret" not in told
    assert told.isprintable()
    assert len(one_line("x" * 5000)) == 200
