"""An archive of record files that somebody else made: what is taken of it is clean, and nothing outside it is read."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from plugins.served_corpus import Home, Shelf

pytestmark = pytest.mark.timeout(120)

GOOD = "---\ntitle: {title}\ndate: Mon, 01 Jan 2024 00:00:00 GMT\ncategories: [c, Notes, f]\n---\n\n<div>\n{body}\n</div>\n"
SECRET = "the secret of this machine"
HOSTILE: dict[str, str | bytes] = {
    "laughs": "---\na: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{c}: &{c} [{','.join([f'*{chr(ord(c) - 1)}'] * 9)}]\n" for c in "bcdefghi")
    + "title: *i\n---\nx\n",
    "itself": "---\ntitle: &a [*a]\n---\nx\n",
    "merge": "---\n<<: &a {title: x, <<: *a}\n---\nx\n",
    "python": "---\ntitle: !!python/object/apply:os.system ['touch HIT']\n---\nx\n",
    "new": "---\ntitle: !!python/object/new:os.system ['touch HIT']\n---\nx\n",
    "js": "---\ntitle: !!js/function 'function(){}'\n---\nx\n",
    "deep": "---\ntitle: " + "[" * 50_000 + "\n---\nx\n",
    "braces": "---\n" + "{a: " * 20_000 + "\n---\nx\n",
    "number": "---\ntitle: t\ndate: " + "9" * 100_000 + "\n---\nx\n",
    "year": "---\ntitle: t\ndate: 99999-99-99\n---\nx\n",
    "old": "---\ntitle: t\ndate: 0000-00-00\n---\nx\n",
    "keys": "---\n" + "".join(f"k{n}: v\n" for n in range(50_000)) + "---\nx\n",
    "twice": "---\ntitle: a\ntitle: b\n---\nx\n",
    "list": "---\n- a\n- b\n---\nx\n",
    "scalar": "---\njust text\n---\nx\n",
    "open": "---\ntitle: never closed\n",
    "empty": "",
    "only": "---\n---\n",
    "nul": b"---\ntitle: a\x00b\n---\n\x00\n",
    "latin": b"---\ntitle: caf\xe9\n---\n\xff\xfe\n",
    "utf16": "---\ntitle: t\n---\nx\n".encode("utf-16"),
    "noise": bytes(range(256)) * 400,
    "large": "---\ntitle: t\n---\n" + "<b>" * 4_000_000,
    "away": "---\ntitle: t\nrss:\n  format: 1\n  source: ../../../etc\n  ids: {key: ../../x, public: x, identity: x, alias: x}\n---\nx\n",
    "format": "---\ntitle: t\nrss: {format: 99999999999}\n---\nx\n",
    "types": "---\ntitle: {a: b}\ncategories: {a: b}\ntags: 7\nauthor: [x]\ndate: [1]\nrss: [1]\n---\nx\n",
    "escapes": '---\ntitle: "\\e[2J\\e]0;pwned\\a"\n---\nx\n',
}


@pytest.fixture
def reader(tmp_path: Path, shelf: Shelf) -> Home:
    return Home(tmp_path / "home", shelf, {})


def taken(home: Home) -> list[str]:
    return [str(entry["title"]) for entry in home.entries()]


def test_hostile_files_are_named_and_left_and_the_good_ones_taken(reader: Home, tmp_path: Path) -> None:
    archive = tmp_path / "archive" / "c" / "Notes" / "f"
    archive.mkdir(parents=True)
    for name, text in HOSTILE.items():
        (archive / f"{name}.md").write_bytes(text if isinstance(text, bytes) else text.encode())
    for number in range(3):
        (archive / f"good{number}.md").write_text(GOOD.format(title=f"good {number}", body=f"<p>{number}</p>"))

    done = reader.run("import", "records", str(tmp_path / "archive"), within=100)

    assert done.returncode in {0, 1}, done.stderr[-2000:]
    assert "Traceback" not in done.stderr + done.stdout
    assert "a fault of this program" not in done.stderr
    assert {"good 0", "good 1", "good 2"} <= set(taken(reader))
    assert not list(tmp_path.rglob("HIT"))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", (done.stdout + done.stderr).replace("\n", ""))
    assert len(done.stdout + done.stderr) < 20_000


def test_no_link_pipe_or_device_in_an_archive_is_followed(reader: Home, tmp_path: Path) -> None:
    archive = tmp_path / "archive" / "c" / "Notes" / "f"
    archive.mkdir(parents=True)
    secret = tmp_path / "secret.md"
    secret.write_text(GOOD.format(title=SECRET, body=SECRET))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.md").write_text(GOOD.format(title=SECRET, body=SECRET))
    (archive / "link.md").symlink_to(secret)
    (archive / "folder").symlink_to(tmp_path / "outside")
    (archive / "loop").symlink_to(archive)
    (archive / "dangling.md").symlink_to(tmp_path / "nowhere")
    (archive / "device.md").symlink_to("/dev/zero")
    (archive / "is-a-folder.md").mkdir()
    os.mkfifo(archive / "pipe.md")
    (archive / "good.md").write_text(GOOD.format(title="good", body="<p>x</p>"))

    done = reader.run("import", "records", str(tmp_path / "archive"), within=60)

    assert "Traceback" not in done.stderr
    assert taken(reader) == ["good"], done.stderr
    assert SECRET not in json.dumps(reader.entries())


def test_what_is_taken_of_an_archive_is_clean(reader: Home, tmp_path: Path) -> None:
    archive = tmp_path / "archive" / "c" / "Notes" / "f"
    archive.mkdir(parents=True)
    body = "<p>kept</p><script>pwned()</script><img src=x onerror=pwned()><a href='javascript:pwned()'>x</a><iframe src=//x></iframe>"
    (archive / "a.md").write_text(GOOD.format(title="'<script>pwned()</script>'", body=body))

    done = reader.run("import", "records", str(tmp_path / "archive"))

    [entry] = reader.entries()
    assert done.returncode == 0, done.stderr
    assert "<p>kept</p>" in entry["html"]
    assert not re.search(r"<script|onerror|javascript:|<iframe", entry["html"])
