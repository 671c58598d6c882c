"""Image URLs go through the proxy and come back, and nothing else of the text changes (R9)."""

from __future__ import annotations

import pytest

from storage.images import ImagePolicy, original, restore, rewrite, through

PROXY = ImagePolicy("https://p.example/?{url}")
ALL = ImagePolicy("https://p.example/?{url}", all_schemes=True)
ENCODED = ImagePolicy("https://p.example/?w=4&u={url_encoded}")


@pytest.mark.parametrize(
    ("url", "policy", "written"),
    [
        ("http://a.example/x.png", None, "http://a.example/x.png"),
        ("http://a.example/x.png", PROXY, "https://p.example/?http://a.example/x.png"),
        ("HTTP://a.example/x.png", PROXY, "https://p.example/?HTTP://a.example/x.png"),
        ("https://a.example/x.png", PROXY, "https://a.example/x.png"),
        ("https://a.example/x.png", ALL, "https://p.example/?https://a.example/x.png"),
        ("data:image/png;base64,AA", ALL, "data:image/png;base64,AA"),
        (
            "http://a.example/?x=1&y=图",
            ENCODED,
            "https://p.example/?w=4&u=http%3A%2F%2Fa.example%2F%3Fx%3D1%26y%3D%E5%9B%BE",
        ),
        ("https://p.example/?https://a.example/x.png", ALL, "https://p.example/?https://a.example/x.png"),
    ],
)
def test_a_lead_image_goes_through_the_template(url: str, policy: ImagePolicy | None, written: str) -> None:
    assert through(url, policy) == written


@pytest.mark.parametrize(
    ("html", "written"),
    [
        ('<img src="http://a/x">', '<img src="https://p.example/?http://a/x">'),
        ("<img src='http://a/x'>", "<img src='https://p.example/?http://a/x'>"),
        ("<IMG alt=a SRC=http://a/x>", "<IMG alt=a SRC=https://p.example/?http://a/x>"),
        ('<img\n src\t=\n" http://a/x "/>', '<img\n src\t=\n" https://p.example/?http://a/x "/>'),
        ('<img src="http://a/?x=1&amp;y=2">', '<img src="https://p.example/?http://a/?x=1&amp;y=2">'),
        ('<img src="http&#58;//a/x">', '<img src="https://p.example/?http&#58;//a/x">'),
        (
            '<video poster="http://a/x" src="http://a/y">',
            '<video poster="https://p.example/?http://a/x" src="https://p.example/?http://a/y">',
        ),
        (
            '<img srcset="http://a/1 1x, http://a/w_3,h_4/2 2x,http://a/3, https://a/4 4w">',
            '<img srcset="https://p.example/?http://a/1 1x, https://p.example/?http://a/w_3,h_4/2 2x,https://p.example/?http://a/3, https://a/4 4w">',
        ),
        ("<noscript><img src=http://a/x></noscript>", "<noscript><img src=https://p.example/?http://a/x></noscript>"),
        ("a < b <img src=http://a/x>", "a < b <img src=https://p.example/?http://a/x>"),
        ("<p title='>'><img src=http://a/x>", "<p title='>'><img src=https://p.example/?http://a/x>"),
        ("<!-->x<img src=http://a/x>", "<!-->x<img src=https://p.example/?http://a/x>"),
    ],
)
def test_every_http_url_of_an_image_is_rewritten_in_place(html: str, written: str) -> None:
    assert rewrite(html, PROXY) == written
    assert restore(written, PROXY) == html


@pytest.mark.parametrize(
    "html",
    [
        '<img src="https://a/x">',
        '<img src="/x"><img src=""><img src><img src=>',
        '<img data-src="http://a/x" data-original=http://a/x alt="http://a/x">',
        '<a href="http://a/x.png">http://a/x.png</a>',
        '<!-- <img src="http://a/x"> -->',
        "<script>var a = '<img src=http://a/x>'</script>",
        "<style>a { b: url(http://a/x) }</style>",
        "<textarea><img src=http://a/x></textarea>",
        '<p>src="http://a/x"</p>',
        '<p title="<img src=http://a/x>">',
        '<img src="http://a/x',
        "</img src=http://a/x>",
        "<![CDATA[<img src=http://a/x]]>",
        '<img src="https://p.example/?http://a/x">',
    ],
)
def test_everything_else_stays_as_it_is(html: str) -> None:
    assert rewrite(html, PROXY) == html


def test_a_template_is_written_into_an_attribute_as_html() -> None:
    html = '<img src="http://a/?x=1&amp;y=%22">'
    written = rewrite(html, ENCODED)

    assert written == '<img src="https://p.example/?w=4&amp;u=http%3A%2F%2Fa%2F%3Fx%3D1%26y%3D%2522">'
    assert restore(written, ENCODED) == html


def test_a_restored_url_does_not_break_out_of_its_attribute() -> None:
    assert (
        restore('<img src="https://p.example/?w=4&amp;u=http%3A//a/%22%3E%3Cb">', ENCODED)
        == '<img src="http://a/&quot;&gt;&lt;b">'
    )


def test_no_policy_changes_nothing() -> None:
    assert rewrite("<img src=http://a/x>", None) == "<img src=http://a/x>"
    assert restore("<img src=http://a/x>", None) == "<img src=http://a/x>"
    assert original("http://a/x", None) == "http://a/x"


def test_a_lead_image_comes_back() -> None:
    assert original("https://p.example/?http://a/x", PROXY) == "http://a/x"
    assert original("https://other.example/?http://a/x", PROXY) == "https://other.example/?http://a/x"


def test_only_what_is_in_scope_comes_back() -> None:
    assert original("https://p.example/?https://a/x", PROXY) == "https://p.example/?https://a/x"


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    [
        "<img ", "<", '<img src="', "<!--", "<script>", "<a b='", "</", "<img =", "<!x", "<script></script ",
        '<img srcset="http://a (', "<img srcset='", ",", " ", "http://a ", "a, ",
    ],
)  # fmt: skip
def test_hostile_text_takes_time_that_grows_with_its_length(piece: str) -> None:
    megabyte = piece * (1_000_000 // len(piece))

    for html in (megabyte, f'<img srcset="{megabyte}">', f'<img src="{megabyte}">', f"<img {megabyte}"):
        rewrite(html, PROXY)
