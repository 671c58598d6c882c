"""What cleaning keeps, what it drops, and that a body which is clean already passes as it was written."""

from __future__ import annotations

import time

import pytest

from aggregator.clean import LONGEST, clean

BASE = "https://blog.example/posts/1"
REL = 'rel="noopener noreferrer nofollow"'


@pytest.mark.parametrize(
    "html",
    [
        pytest.param('<p><img src="https://a.example/b.png" alt></p>', id="an attribute without a value"),
        pytest.param('<p>one<br/>two &amp; three&copy; "four" it\'s</p>', id="a slash, entities and quotes"),
        pytest.param("<p>one\r\ntwo</p>\r\n<pre>\nthree</pre>", id="CRLF, and the newline after pre"),
        pytest.param("<img src='https://a.example/b.png' alt='a \"b\"'>", id="single quotes"),
        pytest.param(f'<a href="https://a.example/?a=1&b=2" {REL}>x</a>', id="a link that has its rel"),
        pytest.param("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>", id="ruby"),
        pytest.param("<details open><summary>一</summary><p>二</p></details>", id="details"),
        pytest.param('<table><tbody><tr><td colspan="2">1</td></tr></tbody></table>', id="a table"),
        pytest.param('<audio controls src="https://a.example/b.mp3"></audio>', id="a player"),
        pytest.param("plain text with a > b & c", id="text alone"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_body_that_is_clean_passes_verbatim(html: str) -> None:
    assert clean(html, BASE) == html


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<p class="a" id="b" style="color:red" data-x="1" onclick="x()">y</p>', "<p>y</p>"),
        ("<form action=/x><button>Send</button></form>", "Send"),
        ("a<!-- b -->c", "ac"),
        ("<script>x</script><style>y</style><svg><path d=''/></svg><iframe src=x>z</iframe>k", "k"),
        ("<template>x</template><title>y</title><textarea><b>z</b></textarea>", "&lt;b&gt;z&lt;/b&gt;"),
        ("<b>open", "<b>open</b>"),
        ("</div></div>x", "x"),
        ('<a href="/y">x</a>', f'<a href="https://blog.example/y" {REL}>x</a>'),
        ('<a href="mailto:a@b.example">x</a>', f'<a href="mailto:a@b.example" {REL}>x</a>'),
        ('<a href="tel:+123">x</a>', f'<a href="tel:+123" {REL}>x</a>'),
        ('<a href="ftp://b.example/">x</a>', f"<a {REL}>x</a>"),
        (
            '<a rel="author me" target="_blank" href="https://b.example/">x</a>',
            f'<a href="https://b.example/" {REL}>x</a>',
        ),
        ('<video src="v.mp4" autoplay></video>', '<video src="https://blog.example/posts/v.mp4" controls=""></video>'),
        ('<video src="mailto:x" poster="data:x"></video>', '<video controls=""></video>'),
        (
            '<picture><source srcset="data:x 1x"><img src="i.png"></picture>',
            '<picture><img src="https://blog.example/posts/i.png"></picture>',
        ),
        ("<center><font color=red>x</font></center>", "<center>x</center>"),
        ("<p>a\x00b\x0cc\ud800&#1;d</p>", "<p>abcd</p>"),
    ],
)
def test_what_the_list_does_not_name_goes(html: str, expected: str) -> None:
    assert clean(html, BASE) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        pytest.param(
            '<img src="data:image/gif;base64,R0" data-src="/r.jpg">',
            '<img src="https://blog.example/r.jpg">',
            id="data-src",
        ),
        pytest.param(
            '<img data-original="https://c.example/r.jpg">', '<img src="https://c.example/r.jpg">', id="no src at all"
        ),
        pytest.param(
            '<img src="/blank.gif" data-lazy-src="r.jpg">',
            '<img src="https://blog.example/posts/r.jpg">',
            id="a placeholder file",
        ),
        pytest.param(
            '<img src="data:," data-actualsrc="https://c.example/r.jpg">',
            '<img src="https://c.example/r.jpg">',
            id="data-actualsrc",
        ),
        pytest.param(
            '<img src="https://c.example/s.jpg" data-original="https://c.example/full.jpg">',
            '<img src="https://c.example/s.jpg">',
            id="a real src stays",
        ),
        pytest.param(
            '<img src="data:," data-src="javascript:alert(1)" alt="gone">', "gone", id="a script is no picture"
        ),
        pytest.param(
            '<img src="data:," data-srcset="/s.jpg 300w, /l.jpg 900w" sizes="100vw">',
            '<img sizes="100vw" srcset="https://blog.example/s.jpg 300w, https://blog.example/l.jpg 900w" src="https://blog.example/l.jpg">',
            id="a lazy srcset gives the largest",
        ),
        pytest.param(
            '<img src="i.png" srcset="javascript:x 1x, data:y 2x">',
            '<img src="https://blog.example/posts/i.png">',
            id="a srcset of nothing usable",
        ),
        pytest.param(
            '<img src="data:," data-src="/r.jpg"><noscript><img src="/r.jpg"></noscript>',
            '<img src="https://blog.example/r.jpg">',
            id="noscript repeats it",
        ),
        pytest.param(
            '<noscript><img src="/r.jpg"></noscript>',
            '<img src="https://blog.example/r.jpg">',
            id="noscript alone has it",
        ),
        pytest.param('<img width="1" height="1" src="https://t.example/p.gif">x', "x", id="a counter"),
        pytest.param(
            '<img src="data:image/png;base64,AA" alt="E = mc²">', "E = mc²", id="an embedded picture leaves its text"
        ),
        pytest.param('<img src="">', "", id="an empty src is not the page"),
    ],
)
def test_pictures_stand_under_their_real_url(html: str, expected: str) -> None:
    assert clean(html, BASE) == expected


def test_without_a_base_relative_urls_are_dropped() -> None:
    assert clean('<a href="/x">a</a><img src="/b.png" alt="b">', None) == f"<a {REL}>a</a>b"
    assert clean('<a href="/x">a</a>', "urn:x") == f"<a {REL}>a</a>"


def test_a_body_beyond_a_megabyte_is_cut_at_a_tag_and_says_so() -> None:
    html = "<p>" + "一" * 999 + "</p>"
    result = clean(html * 1200, BASE)

    assert len(result) <= LONGEST
    assert result.endswith("</p><p>[…]</p>")
    assert clean(result, BASE) == result


def test_text_that_grows_when_escaped_stays_within_a_megabyte() -> None:
    result = clean("<p>" + ">" * 900_000, BASE)

    assert len(result) <= LONGEST
    assert clean(result, BASE) == result


def test_what_nests_too_deep_comes_back_as_its_text() -> None:
    assert clean("<div>" * 256 + "x" + "</div>" * 256, BASE) == "<div>" * 256 + "x" + "</div>" * 256
    assert clean("<div>" * 257 + "x &lt;y" + "</div>" * 257, BASE) == "<p>x &lt;y</p>"


def test_a_long_list_without_end_tags_is_no_deep_document() -> None:
    assert clean("<ul>" + "<li>x" * 2000 + "</ul>", BASE) == "<ul>" + "<li>x</li>" * 2000 + "</ul>"


def test_the_65th_attribute_of_an_element_is_not_read() -> None:
    many = " ".join(f"a{n}=1" for n in range(64))

    assert clean(f'<p {many} title="late">x</p>', BASE) == "<p>x</p>"
    assert clean(f'<p title="early" {many}>x</p>', BASE) == '<p title="early">x</p>'


HOSTILE = {
    "elements in elements": "<div>" * 200_000,
    "attributes": "<p " + " ".join(f"a{n}" for n in range(150_000)) + ">x",
    "attributes behind quoted brackets": '<p x=">" ' + " ".join(f"a{n}" for n in range(150_000)) + ">x",
    "closed in comments only": "<div><!--</div>-->" * 50_000,
    "reopened formatting": "<p>" + "".join(f"<b title={n}>" for n in range(250)) + "</p>" + "<p>x</p>" * 90_000,
    "ampersands": "&" * 999_999,
    "unfinished tags": "<a " * 333_333,
    "unfinished quotes": '<a b="' * 160_000,
    "unfinished comments": "<!-- -" * 160_000,
    "noscript": '<noscript><img src="a">' * 40_000,
    "noscript closed": '<noscript><img src="a"></noscript>' * 25_000,
    "tables in links": "<a href=x><table>" * 50_000,
    "a srcset of blanks": '<img srcset="' + "a " * 400_000 + '">',
    "a srcset of commas": '<img srcset="' + "," * 900_000 + '">',
    "a srcset of brackets": '<img srcset="' + "a b(" * 200_000 + '">',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_html_costs_seconds_at_most(name: str) -> None:
    before = time.process_time()
    clean(HOSTILE[name], BASE)

    assert time.process_time() - before < 4


@pytest.mark.parametrize("rel", ["noopener noreferrer nofollow", "noopener&#32;noreferrer nofollow"])
def test_a_link_that_says_what_every_link_is_to_say_stays_as_it_was_written(rel: str) -> None:
    written = f"<p><a rel='{rel}' href='https://blog.example/'>a harbour</a></p>"

    assert clean(written, None) == written
