"""A thousand record files of real feeds, built by real site generators: a page a record, with all that it says."""

from __future__ import annotations

import csv
import html
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import frontmatter
import pytest

from plugins.node import installed
from plugins.served_corpus import PolledCorpus
from storage.frontmatter import FrontMatter
from storage.reading import loads

# Whoever comes first polls the whole corpus; the packages of Hexo are installed once.
pytestmark = pytest.mark.timeout(600)
HEXO = Path(__file__).parent / "hexo"
MANY = 1000
PAGE = """\
<html><head><title>{{ .Title }}</title></head><body>
<time>{{ .Date.UTC.Format "2006-01-02T15:04:05.000Z" }}</time><data value="{{ .Params.headimg }}"></data>
<article>{{ .Content }}</article></body></html>
"""
_SHOWN = re.compile(
    r'<title>(.*?)</title>.*?<time>(.*?)</time><data value="(.*?)"></data>\s*<article>(.*)</article>', re.DOTALL
)
Shown = tuple[str, str, str, str]
"""Title, date, lead image, and the body's HTML without white space."""
HUGO = """\
baseURL = "https://site.example/"
buildFuture = true
disableKinds = ["home", "section", "taxonomy", "term", "RSS", "sitemap", "robotsTXT", "404"]
[markup.goldmark.renderer]
unsafe = true
"""
Require = Callable[[str, bool], None]


@dataclass(frozen=True)
class Picked:
    """Record files from every part of the corpus, as the product wrote them."""

    folder: Path
    files: tuple[Path, ...]
    """Relative to the folder."""

    def copy_to(self, folder: Path) -> None:
        for file in self.files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.folder / file, folder / file)

    def read(self, file: Path) -> FrontMatter:
        return loads((self.folder / file).read_text(encoding="utf-8"), str(file))

    def shown(self) -> dict[str, Shown]:
        """Return by the id in its name what a page of the record must show."""
        return {file.stem[-12:]: self._shown(file) for file in self.files}

    def _shown(self, file: Path) -> Shown:
        said = self.read(file)
        assert said.date
        body = (self.folder / file).read_text(encoding="utf-8").split("\n---\n", 2)[2]
        date = f"{said.date.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
        return str(said.text("title")), date, str(said.text("headimg")), "".join(body.split())


@pytest.fixture(scope="module")
def picked(polled_corpus: PolledCorpus) -> Picked:
    records = polled_corpus.home.records
    all_ = sorted(path.relative_to(records) for path in records.rglob("*.md"))
    assert len(all_) >= MANY
    return Picked(records, tuple(all_[number * len(all_) // MANY] for number in range(MANY)))


@pytest.fixture(scope="session")
def hexo(require: Require) -> Path:
    """The folder with Hexo's packages, installed anew only where the lock file is another one."""
    require("npm", shutil.which("npm") is not None)
    return installed(HEXO) / "node_modules"


def run(*command: str, cwd: Path) -> str:
    """Run it to its end, which must be a good one; return what it said."""
    # A zone of its own shows whether a date is shifted on the way.
    around = os.environ | {"NO_COLOR": "1", "CI": "true", "TZ": "Asia/Shanghai"}
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True, timeout=300, env=around)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-2000:]
    return said


def pages(folder: Path) -> dict[str, Shown]:
    """Return by the id in its address what each page shows."""
    shown = {}
    for page in folder.rglob("index.html"):
        found = _SHOWN.search(page.read_text(encoding="utf-8"))
        assert found, page
        title, date, image, body = found.groups()
        shown[page.parent.name[-12:]] = (html.unescape(title), date, html.unescape(image), "".join(body.split()))
    return shown


def test_hexo_makes_a_page_of_each_record(picked: Picked, hexo: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(HEXO, site)
    (site / "node_modules").symlink_to(hexo)
    picked.copy_to(site / "source" / "_posts")

    said = run("node", "node_modules/hexo/bin/hexo", "generate", cwd=site)
    listed = run("node", "node_modules/hexo/bin/hexo", "list", "post", cwd=site)

    assert f"{MANY} files generated" in said
    assert [line for line in said.splitlines() if line.startswith(("ERROR", "WARN", "FATAL"))] == []
    assert len(re.findall(r"_posts/\S", listed)) == MANY
    assert pages(site / "public") == picked.shown()


def test_hugo_makes_a_page_of_each_record(picked: Picked, require: Require, tmp_path: Path) -> None:
    require("hugo", shutil.which("hugo") is not None)
    (tmp_path / "layouts" / "_default").mkdir(parents=True)
    (tmp_path / "layouts" / "_default" / "single.html").write_text(PAGE)
    (tmp_path / "config.toml").write_text(HUGO)
    picked.copy_to(tmp_path / "content")

    said = run("hugo", cwd=tmp_path)
    rows = list(csv.DictReader(run("hugo", "list", "all", cwd=tmp_path).splitlines()))

    assert "WARN" not in said
    assert {row["path"] for row in rows} == {f"content/{file}" for file in picked.files}
    assert pages(tmp_path / "public") == picked.shown()


def test_every_file_of_the_corpus_has_a_name_that_hugo_takes(
    polled_corpus: PolledCorpus, require: Require, tmp_path: Path
) -> None:
    require("hugo", shutil.which("hugo") is not None)
    (tmp_path / "config.toml").write_text(HUGO)
    records = polled_corpus.home.records
    shutil.copytree(records, tmp_path / "content")

    rows = list(csv.DictReader(run("hugo", "list", "all", cwd=tmp_path).splitlines()))

    assert {row["path"] for row in rows} == {f"content/{path.relative_to(records)}" for path in records.rglob("*.md")}


def test_python_frontmatter_reads_each_record_as_we_do(picked: Picked) -> None:
    for file in picked.files:
        ours, theirs = picked.read(file), frontmatter.load(picked.folder / file)

        # YAML 1.1 makes a boolean of it, which our reader leaves as its text.
        assert theirs.metadata.pop("comments") is False
        said = {key: tuple(value) if isinstance(value, list) else value for key, value in theirs.metadata.items()}
        assert said == {key: value for key, value in ours.fields.items() if key != "comments"}, file
        assert loads(f"---\ntitle: t\n---\n{theirs.content}").body == ours.body, file
