"""The tree of record files: written whole, only on change, never over what is not ours, never through a link."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from plugins.records import plain_record
from plugins.rights import without_rights
from storage.frontmatter import RecordForm, dumps
from storage.posts import Kept, Posts, PostsError, Same, Written
from storage.record import Record
from storage.values import RecordFile

AT = datetime(2024, 1, 2, tzinfo=UTC)
FORM = RecordForm()
RECORD = plain_record(at=AT, categories=("News", "Site", "latest"), title="Title", author="Site", html="<p>one</p>")
CHANGED = replace(RECORD, html="<p>two</p>")
PATH = "News/Site/latest/Title-abcdefghijkl.md"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "records"


@pytest.fixture
def posts(root: Path) -> Posts:
    return Posts(root)


def first(posts: Posts) -> RecordFile:
    written = posts.write(RECORD, FORM, None)
    assert isinstance(written, Written)
    return written.file


def quoted_anew(path: Path) -> None:
    """Do as a site tool does: dump the same mapping in PyYAML's form."""
    _, head, body = path.read_text().split("---\n", 2)
    path.write_text(f"---\n{yaml.safe_dump(yaml.safe_load(head), allow_unicode=True)}---\n{body.strip()}\n")


def files_in(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_record_is_written_under_its_three_categories(posts: Posts, root: Path) -> None:
    file = first(posts)

    assert (file.key, file.path) == ("abcdefghijklmnop", PATH)
    assert (root / PATH).read_text() == dumps(RECORD)
    assert files_in(root) == [PATH]


def test_an_unchanged_record_is_not_written_again(posts: Posts, root: Path) -> None:
    file = first(posts)
    before = (root / PATH).stat()

    assert posts.write(RECORD, FORM, file) == Same(file)
    assert (root / PATH).stat().st_ino == before.st_ino


def test_a_file_that_was_written_and_not_remembered_is_the_same(posts: Posts) -> None:
    file = first(posts)

    assert posts.write(RECORD, FORM, None) == Same(file)


def test_a_changed_record_replaces_our_file(posts: Posts, root: Path) -> None:
    outcome = posts.write(CHANGED, FORM, first(posts))

    assert isinstance(outcome, Written)
    assert (root / PATH).read_text() == dumps(CHANGED)


def test_a_path_is_kept_when_title_and_categories_change(posts: Posts, root: Path) -> None:
    renamed = replace(RECORD, title="Other", categories=("A", "B", "C"))
    outcome = posts.write(renamed, FORM, first(posts))

    assert outcome.file.path == PATH
    assert files_in(root) == [PATH]


def test_a_file_in_another_form_is_left_alone(posts: Posts, root: Path) -> None:
    file = first(posts)
    quoted_anew(root / PATH)
    theirs = (root / PATH).read_text()

    assert posts.write(RECORD, FORM, file) == Same(file)
    assert (root / PATH).read_text() == theirs


def test_a_file_in_another_form_is_replaced_when_its_record_changes(posts: Posts, root: Path) -> None:
    file = first(posts)
    quoted_anew(root / PATH)

    assert isinstance(posts.write(CHANGED, FORM, file), Written)
    assert (root / PATH).read_text() == dumps(CHANGED)


@pytest.mark.parametrize("record", [RECORD, CHANGED], ids=["unchanged record", "changed record"])
def test_what_a_person_changed_is_never_written_over(posts: Posts, root: Path, record: Record) -> None:
    file = first(posts)
    mine = (root / PATH).read_text().replace("<p>one</p>", "<p>mine</p>")
    (root / PATH).write_text(mine)
    outcome = posts.write(record, FORM, file)

    assert outcome == Kept(
        file,
        f"{PATH} was changed by hand and is left as it is; delete it to have ours again at the record's next change",
    )
    assert (root / PATH).read_text() == mine


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "was changed, and is no record any more (line 1: there is no front matter: the file does not start with a line `---`); it is left as it is"),
        (b"---\na: 'b\n---\n", "was changed, and is no record any more (line 2: while scanning a quoted scalar found unexpected end of stream); it is left as it is"),
        (b"---\na: \xff\n---\n", "was changed, and is no longer UTF-8; it is left as it is"),
    ],
)  # fmt: skip
def test_what_is_no_record_any_more_is_kept_too(posts: Posts, root: Path, data: bytes, reason: str) -> None:
    file = first(posts)
    (root / PATH).write_bytes(data)

    assert posts.write(CHANGED, FORM, file) == Kept(file, f"{PATH} {reason}")
    assert (root / PATH).read_bytes() == data


def test_a_file_that_was_never_ours_is_kept(posts: Posts, root: Path) -> None:
    (root / PATH).parent.mkdir(parents=True)
    (root / PATH).write_text("---\ntitle: Mine\n---\nmine")
    outcome = posts.write(RECORD, FORM, None)

    assert isinstance(outcome, Kept)
    assert outcome.file == RecordFile("abcdefghijklmnop", PATH, "")
    assert (
        outcome.reason
        == f"{PATH} was there before, with another content, and is left as it is; move it away to have ours"
    )


def test_a_deleted_file_stays_deleted_until_its_record_changes(posts: Posts, root: Path) -> None:
    file = first(posts)
    (root / PATH).unlink()

    assert posts.write(RECORD, FORM, file) == Same(file)
    assert files_in(root) == []
    assert isinstance(posts.write(CHANGED, FORM, file), Written)
    assert files_in(root) == [PATH]


def test_a_kept_file_that_is_deleted_is_written_at_the_next_change(posts: Posts, root: Path) -> None:
    file = first(posts)
    (root / PATH).write_text("mine")
    kept = posts.write(CHANGED, FORM, file)
    (root / PATH).unlink()

    assert isinstance(posts.write(CHANGED, FORM, kept.file), Written)


def test_a_folder_in_another_spelling_is_used_as_it_is(posts: Posts, root: Path) -> None:
    first(posts)
    other = replace(RECORD, key="zzzzzzzzzzzzzzzz", categories=("news", "SITE", "latest"))

    assert posts.write(other, FORM, None).file.path == "News/Site/latest/Title-zzzzzzzzzzzz.md"


def test_folders_that_differ_in_spelling_within_one_batch_become_one(posts: Posts, root: Path) -> None:
    other = replace(RECORD, key="zzzzzzzzzzzzzzzz", categories=("NEWS", "Site", "latest"))
    posts.write_many([(RECORD, FORM, None), (other, FORM, None)])

    assert files_in(root) == [PATH, "News/Site/latest/Title-zzzzzzzzzzzz.md"]


def test_many_records_are_written_and_told_in_their_order(posts: Posts, root: Path) -> None:
    many = [
        replace(
            RECORD,
            key=f"{i:012d}mnop".translate(str.maketrans("0123456789", "abcdefghij")),
            categories=("A", "B", "CDE"[i % 3]),
        )
        for i in range(600)
    ]
    outcomes = posts.write_many((record, FORM, None) for record in many)

    assert [outcome.file.key for outcome in outcomes] == [record.key for record in many]
    assert all(isinstance(outcome, Written) for outcome in outcomes)
    assert len(files_in(root)) == 600


def test_one_record_twice_in_a_batch_is_no_trouble(posts: Posts, root: Path) -> None:
    outcomes = posts.write_many([(RECORD, FORM, None), (RECORD, FORM, None)])

    assert isinstance(outcomes[0], Written)
    assert files_in(root) == [PATH]


@pytest.mark.parametrize("depth", [0, 1, 2], ids=["category", "site", "feed"])
def test_a_linked_folder_is_not_entered(posts: Posts, root: Path, tmp_path: Path, depth: int) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    parent = root.joinpath(*RECORD.categories[:depth])
    parent.mkdir(parents=True)
    (parent / RECORD.categories[depth]).symlink_to(outside)
    outcome = posts.write(RECORD, FORM, None)

    linked = root.joinpath(*RECORD.categories[: depth + 1])
    assert isinstance(outcome, Kept)
    assert outcome.reason == f"{PATH} is not written: {linked} is a link or a file, not a folder; move it away"
    assert list(outside.iterdir()) == []


def test_a_linked_file_is_neither_followed_nor_replaced(posts: Posts, root: Path, tmp_path: Path) -> None:
    file = first(posts)
    target = tmp_path / "target"
    target.write_text(dumps(RECORD))
    (root / PATH).unlink()
    (root / PATH).symlink_to(target)
    outcome = posts.write(CHANGED, FORM, file)

    assert outcome == Kept(file, f"{PATH} is not written: a link or a device lies there; move it away")
    assert target.read_text() == dumps(RECORD)
    assert (root / PATH).is_symlink()


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_not_replaced(posts: Posts, root: Path, make: Callable[[Path], None]) -> None:
    (root / PATH).parent.mkdir(parents=True)
    make(root / PATH)

    assert isinstance(posts.write(RECORD, FORM, None), Kept)


def test_the_records_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    Posts(tmp_path / "link").write(RECORD, FORM, None)

    assert files_in(tmp_path / "real") == [PATH]


@pytest.mark.parametrize("path", ["../x.md", "/etc/x.md", "a/../../x.md", "a//x.md", "..", ""])
def test_a_stored_path_that_leads_out_is_not_used(posts: Posts, root: Path, path: str) -> None:
    outcome = posts.write(RECORD, FORM, RecordFile(RECORD.key, path, "00"))

    assert isinstance(outcome, Kept)
    assert outcome.reason == f"{path} is not written: the path leads out of the records folder"
    assert not root.exists()


def test_temporaries_of_a_killed_process_are_swept_and_nothing_else(posts: Posts, root: Path, tmp_path: Path) -> None:
    first(posts)
    folder = (root / PATH).parent
    for name in (".aggregator-0123456789abcdef01234567.part", ".aggregator-mine.part", ".other.part"):
        (folder / name).write_text("half")
    (tmp_path / ".aggregator-0123456789abcdef01234567.part").write_text("outside")
    (root / "link").symlink_to(tmp_path)

    assert posts.sweep() == 1
    assert files_in(root) == ["News/Site/latest/.aggregator-mine.part", "News/Site/latest/.other.part", PATH]
    assert (tmp_path / ".aggregator-0123456789abcdef01234567.part").exists()


def test_sweeping_a_folder_that_is_not_there_does_nothing(posts: Posts, root: Path) -> None:
    assert posts.sweep() == 0
    assert not root.exists()


def test_a_temporary_of_a_killed_process_is_no_hindrance(posts: Posts, root: Path) -> None:
    part = hashlib.sha256(b"0 Title-abcdefghijkl.md").hexdigest()[:24]
    (root / PATH).parent.mkdir(parents=True)
    (root / PATH).with_name(f".aggregator-{part}.part").symlink_to("/dev/null")
    posts.write(RECORD, FORM, None)

    assert files_in(root) == [PATH]
    assert (root / PATH).read_text() == dumps(RECORD)


def test_a_file_that_is_removed_is_gone_whoever_changed_it(posts: Posts, root: Path) -> None:
    file = first(posts)
    (root / PATH).write_text("mine")

    assert posts.remove(file.path)
    assert not posts.remove(file.path)
    assert files_in(root) == []


def test_new_files_have_the_rights_that_the_umask_gives(posts: Posts, root: Path) -> None:
    old = os.umask(0o027)
    try:
        first(posts)
    finally:
        os.umask(old)

    assert stat.S_IMODE((root / PATH).stat().st_mode) == 0o640


def test_a_file_where_the_records_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "records").write_text("x")

    with pytest.raises(PostsError, match=r"records/News/Site/latest: .*; mend it, and the rest is written by itself"):
        Posts(tmp_path / "records").write(RECORD, FORM, None)


def test_no_space_is_told_and_leaves_no_half_file(require: Callable[[str, bool], None]) -> None:
    require("the device /dev/full", os.access("/dev/full", os.W_OK))
    from storage.folders import fill, way_out

    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OSError, match="No space left") as refused:  # noqa: PTH123
        fill(full.fileno(), b"x")

    assert way_out(refused.value) == "there is no space left; free some, and the rest is written by itself"


@pytest.mark.parametrize("path", [f"a/b/{'x' * 300}.md", f"{'x' * 300}/b/c.md"], ids=["file", "folder"])
def test_a_folder_that_fails_spoils_no_other_and_leaves_no_temporary(posts: Posts, root: Path, path: str) -> None:
    failing = replace(RECORD, key="zzzzzzzzzzzzzzzz"), FORM, RecordFile("zzzzzzzzzzzzzzzz", path, "00")

    with pytest.raises(PostsError, match="the file system takes no name this long"):
        posts.write_many([failing, (RECORD, FORM, None)])

    assert files_in(root) == [PATH]


def test_a_folder_that_cannot_be_made_is_told(posts: Posts, root: Path) -> None:
    root.mkdir()
    (root / "News").touch()
    other = replace(RECORD, key="zzzzzzzzzzzzzzzz", categories=("Other", "Site", "latest"))
    kept, written = posts.write_many([(RECORD, FORM, None), (other, FORM, None)])

    assert isinstance(kept, Kept)
    assert isinstance(written, Written)


def test_a_folder_without_the_right_to_write_is_told() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # nobody may look into it
        root = Path(folder) / "records"
        (root / PATH).parent.mkdir(parents=True)
        (root / PATH).parent.chmod(0o555)

        with without_rights(), pytest.raises(PostsError, match="no right to write here"):
            Posts(root).write(RECORD, FORM, None)
