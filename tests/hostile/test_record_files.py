"""What a publisher puts into names and front matter: read back equal by two YAML readers, built by Hexo, filed safely."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.node import installed
from plugins.records import plain_record
from storage.frontmatter import EXTRA_FIELDS, RecordForm, written
from storage.posts import Posts, Written
from storage.reading import loads
from storage.record import Enclosure, Record

pytestmark = pytest.mark.timeout(300)
SITE = Path(__file__).parents[1] / "clients" / "hexo"
AT = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
RECORD = plain_record(
    at=AT,
    public_id="tag:a.example,2024:1",
    identity="i",
    categories=("News", "Site", "latest"),
    title="Title",
    link="https://a.example/1",
    guid="g",
    author="Site",
    html="<p>one</p>",
)

HOSTILE = [
    "---", "...", "--- ", "---\nforged: yes", "\n---\n", "a\n---\nb: c", "...\n---", "'", '"', "''", '""', "'''", '"""', "it's \"both\"", "\\", "\\n", "\\u0041", "\\x41\\", "a\\",
    ": ", "a: b", "a : b", "key:", ":", "::", "#", " # comment", "a #b", "#b", "- a", "-", "- - -", "? a", "?", "! tag", "!!python/object/apply:os.system ['true']", "!!binary aGk=", "!!float 1",
    "&anchor", "*alias", "&a [*a]", "<<: *x", "<<", "|", "|2-\n x", ">", ">-", "%YAML 1.2", "%TAG ! tag:x", "@at", "`tick`", "{a: b}", "[a, b]", "{", "}", "[", "]", ",", "{{ x }}", "{% x %}",
    "yes", "no", "on", "off", "true", "null", "~", "NaN", ".inf", "-.INF", "0", "0123", "0x7f", "0b1", "0o17", "1e3", "1_000", "+1", "-1", "12:30:45", "190:20:30", "2001-12-14", "2001-12-14t21:59:43.10-05:00",
    "=", "<", "=cmd|'/c calc'!A1", "\t tab", " lead", "trail ", "a\tb", "a\rb", "a\r\nb", "a\u0085b", "a\u2028b", "a\u2029b", "a\u00a0b", "\ufeffbom", "a\ufeffb", "a\u0000b", "a\u0007b", "a\u001bb", "a\u007fb", "a\u009fb", "a\ufffeb",
    "a\ud800b", "\U0001f468\u200d\U0001f469", "\u202eevil", "\u0301", "e\u0301", "x" * 5000, "a: " * 500, "'" * 999, '"\\' * 400, "[" * 300, "{" * 300, "&a " * 200, "- " * 300, "长" * 3000,
    "*a *a *a", "!<tag:yaml.org,2002:js/function> function(){return 1}", "!!js/function 'function(){}'", "!!js/undefined ''", "!!set {a}", "__proto__", "constructor", "toString", "title: forged\nauthor: forged",
    "layout: false\npublished: false", "permalink: ../../x", "a%0Ab", "<!-- x -->", "<% x %>", "${x}", "$(x)", "`x`", "{#x#}", "/regex/", "=1+1",
]  # fmt: skip


@pytest.fixture(scope="module")
def hexo(require: Any) -> Path:
    """The folder of Hexo's packages, js-yaml among them."""
    require("npm", shutil.which("npm") is not None)
    return installed(SITE) / "node_modules"


FIELDS = ("title", "author", "categories", "tags", "link", "lang", "description")


def record_of(number: int, hostile: str) -> Record:
    return replace(
        RECORD, key=f"{number:012d}aaaa".translate(str.maketrans("0189", "wxyz")), title=hostile, author=hostile, categories=(hostile,) * 3, writers=(hostile,), tags=(hostile, "b"),
        link=f"https://a.example/{hostile}", guid=hostile, summary=hostile, language=hostile, image=f"https://a.example/{hostile}",
        enclosures=(Enclosure(f"https://a.example/{hostile}", type=hostile, title=hostile),), identity=hostile, alias=hostile, html=f"<p>{hostile}</p>",
    )  # fmt: skip


def front_matter(text: str) -> str:
    return text.lstrip().split("---\n", 2)[1]


def as_text(value: object) -> object:
    """Return what a YAML reader gave as our reader gives it."""
    return tuple(map(as_text, value)) if isinstance(value, list) else value


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_what_pyyaml_reads_is_what_was_written(hostile: str, portable: bool) -> None:
    text, said = written(record_of(1, hostile), RecordForm(EXTRA_FIELDS, portable=portable))

    read = yaml.safe_load(front_matter(text))

    assert loads(text) == said
    assert {name: as_text(read[name]) for name in FIELDS} == {name: said.fields[name] for name in FIELDS}
    rss: Any = said.fields["rss"]
    assert (read["rss"]["guid"], read["rss"]["ids"]["identity"]) == (rss["guid"], rss["ids"]["identity"])
    assert list(read) == list(said.fields)


READ = """
const yaml = require('js-yaml'), hexo = require('hexo-front-matter'), fs = require('fs');
const all = JSON.parse(fs.readFileSync(0, 'utf8'));
console.log(JSON.stringify(all.map(([head, whole]) => [yaml.load(head), hexo.parse(whole)])));
"""


def test_what_js_yaml_and_hexo_read_is_what_was_written(hexo: Path) -> None:
    files = [written(record_of(n, one), RecordForm(EXTRA_FIELDS)) for n, one in enumerate(HOSTILE)]
    given = json.dumps([[front_matter(text), text.lstrip()] for text, _ in files])

    done = subprocess.run(
        ["node", "-e", READ], input=given, cwd=hexo.parent, check=False, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr[-2000:]
    for hostile, (_, said), (by_yaml, by_hexo) in zip(HOSTILE, files, json.loads(done.stdout), strict=True):
        wanted = {name: said.fields[name] for name in FIELDS}
        assert {name: as_text(by_yaml[name]) for name in FIELDS} == wanted, hostile
        assert {name: as_text(by_hexo[name]) for name in FIELDS} == wanted, hostile
        assert by_yaml["rss"]["guid"] == said.fields["rss"]["guid"], hostile  # type: ignore[index,call-overload]  # a map
        assert set(by_hexo) - {"_content"} == set(said.fields), hostile


def test_the_collections_are_large() -> None:
    assert len(set(HOSTILE)) >= 100
    assert len(set(INJECTIONS)) >= 30
    assert len(set(NAMES)) >= 60


# --- templates --------------------------------------------------------------------------------------------------

HIT = "global.process.mainModule.require('fs').writeFileSync('HIT','1')"
INJECTIONS = [
    f"<% {HIT} %>", f"<%= {HIT} %>", f"<%- {HIT} %>", "<%- include('/etc/passwd') %>", "<%- include('../../_config.yml') %>", "{% include '/etc/passwd' %}", "{% extends '/etc/passwd' %}", "{% raw %}", "{% endraw %}", "{% raw %}{{ 7 * 191 }}{% endraw %}{{ 7 * 191 }}",
    "{{ 7 * 191 }}", "{{ config }}", "{{ site.title }}", "{{ page.content }}", f"{{{{ range.constructor('{HIT}')() }}}}".replace("'fs'", "\\'fs\\'"), "{{ ''.constructor.constructor('return process')().exit(3) }}", "{{ nope.nope.nope }}", "{{", "}}", "{%", "%}", "{#", "#}", "{# x",
    "{% nope %}", "{% if true %}", "{% for x in y %}", "{% set x = 1 %}", "{% codeblock %}", "{% asset_img /etc/passwd %}", "{% include_code /etc/passwd %}", "{% blockquote %}", "{% post_link x %}", "{% iframe javascript:x %}", "{% jsfiddle x %}", "{%- x -%}",
    "<!-- more -->", "<!--more-->", '<a id="more"></a>', "<escape>{{ 7 * 191 }}</escape>", "<hexoPostRenderCodeBlock>{{ 7 * 191 }}</hexoPostRenderCodeBlock>", "<!--swig\uff1a0-->", "<!--swig0-->", "<!--code\uff1a0-->",
    "```\n{{ 7 * 191 }}\n```", "~~~\n{% x %}\n~~~", "    {{ 7 * 191 }}", "\n\n---\nlayout: x\n---\n", "<script>{{ 7 * 191 }}</script>", "\\{{ 7 * 191 }}", "&#123;&#123; 7 * 191 }}", "{&#123; 7 * 191 }}", "{\u200b{ 7 * 191 }}", "{ { 7 * 191 } }", "{{{{{{{{{{", "}}}}{{{{%%%%{%{%{%",
]  # fmt: skip


def test_no_template_of_a_publisher_is_obeyed(hexo: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(SITE, site)
    (site / "node_modules").symlink_to(hexo)
    posts = Posts(site / "source" / "_posts")
    for number, one in enumerate(INJECTIONS):
        html = f"<p>before</p>{one}<p>after</p>"
        record = replace(
            record_of(number, one),
            html="",
            raw_html=html,
            title=f"{one} {number}",
            categories=("c", "s", "f"),
            tags=(one,),
        )
        assert isinstance(posts.write(record, RecordForm(EXTRA_FIELDS), None), Written)

    done = subprocess.run(
        ["node", "node_modules/hexo/bin/hexo", "generate"],
        cwd=site,
        check=False,
        capture_output=True,
        text=True,
        timeout=200,
    )

    said = done.stdout + done.stderr
    pages = [path.read_text(encoding="utf-8") for path in (site / "public").rglob("index.html")]
    assert done.returncode == 0, said[-2000:]
    assert not re.search(r"ERROR|FATAL|Template render error", said), said[-2000:]
    assert len(pages) == len(INJECTIONS)
    assert not list(tmp_path.rglob("HIT"))
    for page in pages:
        assert "1337" not in page
        assert "root:" not in page
        assert page.count("<p>before</p>") == 1, page
        assert page.count("<p>after</p>") == 1, page


# --- names ------------------------------------------------------------------------------------------------------

NAMES = [
    "..", ".", "../../../../etc/passwd", "..\\..\\x", "/etc/passwd", "//server/share", "C:", "C:\\x", "c:/x", "a/../b", "a/./b", "./a", "a/", "~", "~root", "$HOME", "%SystemRoot%", "-rf", "--help",
    "CON", "con", "Con.txt", "PRN", "AUX", "NUL", "nul.tar.gz", "COM1", "com¹", "LPT9", "CLOCK$", "CONIN$", "desktop.ini", "Thumbs.db", ".git", ".GIT", ".Git ", "git~1", ".gitmodules", ".htaccess", "_config.yml", "node_modules", "index", "INDEX",
    "a", "A", "ä", "a\u0308", "Ä", "A\u0308", "ß", "ss", "SS", "ẞ", "ı", "i", "I", "İ", "ﬁ", "fi", "FI", "K", "\u212a", "Å", "\u212b", "ſ", "s", "µ", "μ", "Σ", "ς", "σ",
    "a.", "a ", "a. .", " a", "a\u00a0", "a\u3000", "a\u200b", "a\u00ad", "a\x00b", "a\nb", "a\tb", "a\rb", "a\x1b[2Jb", "a\x7fb", "a\x85b", "a\u2028b", "a\ufeff", "\ufeffa", "\ud800", "\u202ea", "a:b", "a:b:$DATA", "a|b", "a*b", "a?b", 'a"b', "a<b", "a>b",
    "x" * 300, "长" * 300, "👨‍👩‍👧" * 60, "a\u0301" * 300, "x" * 250 + ".md", "a.md", "a.md.md", "a.", "…", "．．", "／etc", "a／b", "a∕b", "a⁄b", "＼", "#", "#a", "a#b", "%2e%2e%2f", "%00", "a%2fb", "", " ", "...", "???", "untitled",
]  # fmt: skip
_FORBIDDEN = re.compile('[\x00-\x1f\x7f<>:"/\\\\|?*]')
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)", re.IGNORECASE)


def as_windows_sees_it(path: Path) -> str:
    """Return a path as a file system compares it that knows no case and one form of each letter (NTFS, APFS)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", str(path)).upper().casefold())


def test_no_name_leads_out_of_the_tree_or_onto_another(tmp_path: Path) -> None:
    root = tmp_path / "records"
    posts = Posts(root)
    wanted = []
    for place, name in enumerate(NAMES):
        for part in range(4):
            names = [name if part == each else "x" for each in range(4)]
            record = replace(
                record_of(4 * place + part, "t"), title=names[3], categories=(names[0], names[1], names[2])
            )
            wanted.append((record, RecordForm(), None))

    came_to = posts.write_many(wanted)

    files = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    assert all(isinstance(one, Written) for one in came_to)
    assert len(files) == len(wanted) == 4 * len(NAMES)
    assert [path for path in tmp_path.iterdir() if path != root] == []
    assert len({as_windows_sees_it(path) for path in files}) == len(files)
    for path in files:
        assert len(path.parts) == 4, path
        for part in path.parts:
            assert not _FORBIDDEN.search(part), path
            assert not _DEVICES.match(part), path
            assert not part.startswith((".", "~", " ")), path
            assert not part.endswith((".", " ")), path
            assert len(part.encode()) <= 255, path
            assert unicodedata.normalize("NFC", part) == part, path


def test_folders_that_one_system_takes_for_one_are_one_everywhere(tmp_path: Path) -> None:
    posts = Posts(tmp_path / "records")
    spelled = ["Blog", "blog", "BLOG", "bLoG"]
    for number, name in enumerate(spelled):
        posts.write(replace(record_of(number, "t"), categories=("News", name, "latest")), RecordForm(), None)

    folders = [path.relative_to(tmp_path) for path in (tmp_path / "records").rglob("*") if path.is_dir()]

    assert len({as_windows_sees_it(path) for path in folders}) == len(folders)
    assert len(list(tmp_path.rglob("*.md"))) == len(spelled)
