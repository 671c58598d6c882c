"""Lists of subscriptions: what real programs write, and what is left of it where it is broken."""

from __future__ import annotations

import pytest

from aggregator.opml import MAX_BYTES, Listed, OpmlError, category, read, write


def opml(body: str, head: str = "<head><title>Mine</title></head>") -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0">{head}<body>\n{body}\n</body></opml>'.encode()


def urls(data: bytes) -> list[str]:
    return [one.url for one in read(data).feeds]


def test_a_feed_has_its_title_its_site_and_its_folders_outermost_first() -> None:
    listing = read(
        opml(
            '<outline text="Tech"><outline text="Linux">'
            '<outline type="rss" text="LWN" xmlUrl="https://lwn.net/rss" htmlUrl="https://lwn.net/"/>'
            "</outline></outline>"
        )
    )

    assert listing.title == "Mine"
    assert listing.feeds == (Listed("https://lwn.net/rss", "LWN", "https://lwn.net/", ("Tech", "Linux"), line=3),)
    assert (listing.skipped, listing.degraded) == ((), None)


def test_the_innermost_folder_is_the_category() -> None:
    assert category(("Subscriptions", "nerdy")) == "nerdy"
    assert category(()) is None


@pytest.mark.parametrize("name", ["xmlUrl", "xmlurl", "XMLURL", "xmlURL"])
def test_the_address_may_be_spelled_in_any_case(name: str) -> None:
    assert urls(opml(f'<outline text="a" {name}="https://a.example/"/>')) == ["https://a.example/"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("feed://a.example/rss", "http://a.example/rss"),
        ("feed:https://a.example/rss", "https://a.example/rss"),
        ("feed://https://a.example/rss", "https://a.example/rss"),
        ("FEED:http://a.example/rss", "http://a.example/rss"),
        ("pcast://a.example/rss", "http://a.example/rss"),
        ("//a.example/rss", "https://a.example/rss"),
        ("  https://a.example/rss\n", "https://a.example/rss"),
        ("https://a.example/my feed", "https://a.example/my%20feed"),
        ("HTTP://a.example/rss", "HTTP://a.example/rss"),
    ],
)
def test_what_is_plainly_an_address_is_taken_for_one(written: str, meant: str) -> None:
    assert urls(opml(f'<outline text="a" xmlUrl="{written}"/>')) == [meant]


@pytest.mark.parametrize(
    ("outline", "sentence"),
    [
        ('<outline text="A" type="rss"/>', 'line 3: "A" has no xmlUrl, the address of a feed'),
        ('<outline text="A" type="rss" xmlUrl=""/>', 'line 3: "A" has no xmlUrl, the address of a feed'),
        ("<outline/>", "line 3: an outline without a name has no xmlUrl, the address of a feed"),
        ('<outline text="A" type="link" url="https://a.example/"/>', 'line 3: "A" is a link and no feed'),
        (
            '<outline text="A" type="include" url="https://a.example/more.opml"/>',
            'line 3: "A" includes another list, https://a.example/more.opml; it is not fetched: import that one too',
        ),
        (
            '<outline text="A" xmlUrl="file:///etc/passwd"/>',
            'line 3: "A": file: is not fetched, only http and https are',
        ),
        ('<outline text="A" xmlUrl="exec:~/a.sh"/>', 'line 3: "A": exec: is not fetched, only http and https are'),
        ('<outline text="A" xmlUrl="a.example/rss"/>', 'line 3: "A": its address has no scheme'),
        ('<outline xmlUrl="https://"/>', 'line 3: "https://": https: is not fetched, only http and https are'),
    ],
)
def test_what_is_no_feed_is_told_with_its_line(outline: str, sentence: str) -> None:
    listing = read(opml(outline))

    assert (listing.feeds, listing.skipped) == ((), (sentence,))


def test_a_feed_of_an_old_program_may_have_its_address_in_url() -> None:
    assert urls(opml('<outline text="A" type="rss" url="https://a.example/rss"/>')) == ["https://a.example/rss"]


def test_a_feed_that_stands_twice_is_read_once() -> None:
    listing = read(opml('<outline text="A" xmlUrl="https://a.example/"/>\n' * 2))

    assert [one.url for one in listing.feeds] == ["https://a.example/"]
    assert listing.skipped == ("line 4: https://a.example/ stands in line 3 already",)


def test_an_outline_may_be_a_folder_and_a_feed() -> None:
    listing = read(
        opml('<outline text="A" xmlUrl="https://a.example/"><outline text="B" xmlUrl="https://b.example/"/></outline>')
    )

    assert [(one.url, one.folders) for one in listing.feeds] == [
        ("https://a.example/", ()),
        ("https://b.example/", ("A",)),
    ]


@pytest.mark.parametrize("head", ["", "<head/>", "<head><title></title></head>"])
def test_a_list_needs_no_head(head: str) -> None:
    listing = read(opml('<outline text="A" xmlUrl="https://a.example/"/>', head))

    assert (listing.title, len(listing.feeds)) == ("", 1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "windows-1251", "shift_jis"])
def test_a_list_is_read_in_the_encoding_that_it_names(encoding: str) -> None:
    title = "Новости" if encoding == "windows-1251" else "新聞"
    text = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?><opml><body><outline text="{title}" xmlUrl="http://a.b/"/></body></opml>'

    assert [one.title for one in read(text.encode(encoding)).feeds] == [title]


# --- what is not well-formed ---


@pytest.mark.parametrize(
    ("outline", "found"),
    [
        ('<outline text="Q & A" xmlUrl="https://a.example/?a=1&b=2"/>', ("Q & A", "https://a.example/?a=1&b=2")),
        ('<outline text="R&eacute;sum&eacute;" xmlUrl="https://a.example/"/>', ("Résumé", "https://a.example/")),
        ('<outline text="&copy=1" xmlUrl="https://a.example/?x&copy=1"/>', ("&copy=1", "https://a.example/?x&copy=1")),
        ('<outline text="x < 12" xmlUrl="https://a.example/"/>', ("x < 12", "https://a.example/")),
        ('<outline text="a <b>c</b>" xmlUrl="https://a.example/"/>', ("a <b>c</b>", "https://a.example/")),
        ('<outline text="The "Geek" Man" xmlUrl="https://a.example/"/>', ("The", "https://a.example/")),
        ('<outline text="5" disk" xmlUrl="https://a.example/"/>', ("5", "https://a.example/")),
        ("<outline text='A' xmlUrl=https://a.example/x />", ("A", "https://a.example/x")),
        ('<OUTLINE TEXT="A" XMLURL="https://a.example/"/>', ("A", "https://a.example/")),
        ('<outline text="A\x07" xmlUrl="https://a.example/"/>', ("A", "https://a.example/")),
        ('<outline text="A" text="B" xmlUrl="https://a.example/"/>', ("A", "https://a.example/")),
        ('<o:outline text="A" xmlUrl="https://a.example/"/>', ("A", "https://a.example/")),
        ('<outline text="A" xmlUrl="https://a.example/">', ("A", "https://a.example/")),
        ('<outline text="A" xmlUrl="https://a.example/"/></outline></outline>', ("A", "https://a.example/")),
    ],
)
def test_what_is_broken_is_read_as_it_was_meant(outline: str, found: tuple[str, str]) -> None:
    listing = read(opml(outline + "<broken"))

    assert [(one.title, one.url) for one in listing.feeds] == [found]
    assert listing.degraded is not None
    assert listing.degraded.startswith("it is not well-formed XML (")


def test_a_quote_that_is_never_closed_costs_one_feed_and_no_more() -> None:
    listing = read(
        opml('<outline text="A xmlUrl="https://a.example/"/>\n<outline text="B" xmlUrl="https://b.example/"/>')
    )

    assert "https://b.example/" in [one.url for one in listing.feeds]


def test_a_list_that_is_cut_is_read_up_to_where_it_ends() -> None:
    listing = read(
        opml('<outline text="A" xmlUrl="https://a.example/"/>\n<outline text="B" xmlU')[: -len("\n</body></opml>")]
    )

    assert [one.url for one in listing.feeds] == ["https://a.example/"]
    assert listing.skipped == ("line 4: an outline that is never closed; a quote or a > is missing",)


def test_what_stands_in_a_comment_is_no_feed() -> None:
    sound = opml(
        '<!-- <outline text="A" xmlUrl="https://a.example/"/> --><outline text="B" xmlUrl="https://b.example/"/>'
    )

    assert urls(sound) == ["https://b.example/"]
    assert urls(sound + b"<") == ["https://b.example/"]


def test_a_declared_entity_is_not_expanded() -> None:
    bomb = '<!DOCTYPE opml [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY c SYSTEM "file:///etc/hostname">]>'
    listing = read(bomb.encode() + b'<opml><body><outline text="&b;&c;" xmlUrl="https://a.example/"/></body></opml>')

    assert [one.title for one in listing.feeds] == ["&b;&c;"]
    assert listing.degraded == "it is not well-formed XML (an entity is declared: a); it was read tag by tag"


@pytest.mark.parametrize("broken", ["", "<"])
def test_folders_that_nest_without_end_cost_neither_time_nor_the_stack(broken: str) -> None:
    data = opml(
        '<outline text="F">' * 100_000 + '<outline xmlUrl="https://a.example/"/>' + "</outline>" * 100_000 + broken
    )

    listing = read(data)

    assert [(one.url, len(one.folders)) for one in listing.feeds] == [("https://a.example/", 32)]


@pytest.mark.parametrize(
    "piece", ["<!--", '<outline text="', "<outline '", "<outline a=", "<![CDATA[", '<outline "x" ', "&#x"]
)
def test_what_is_never_closed_takes_time_linear_in_its_length(piece: str) -> None:
    assert read(b"<opml>" + piece.encode() * 40_000).degraded is not None


# --- what is no list ---


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"<rss version='2.0'><channel/></rss>", "it is a feed itself, no list of subscriptions"),
        (b"<!doctype html><html><head></head></html>", "it is a web page, no list of subscriptions"),
        (b"", "it is no OPML: there is no <outline> in it"),
        (b"sources:\n  - x\n", "it is no OPML: there is no <outline> in it"),
        (b"\x00\xff" * 50, "it is no OPML: there is no <outline> in it"),
    ],
)
def test_what_is_no_list_says_what_it_is(data: bytes, sentence: str) -> None:
    with pytest.raises(OpmlError) as raised:
        read(data)

    assert str(raised.value).startswith(sentence)


def test_a_list_larger_than_any_is_refused() -> None:
    with pytest.raises(OpmlError, match="larger than 32 MB"):
        read(b" " * (MAX_BYTES + 1))


def test_a_plain_list_of_addresses_is_a_list() -> None:
    listing = read(b"# mine\nhttps://a.example/rss\r\n\r\nfeed://b.example/\nnonsense\n")

    assert [(one.url, one.line) for one in listing.feeds] == [("https://a.example/rss", 2), ("http://b.example/", 4)]
    assert listing.skipped == ('line 5: "nonsense": its address has no scheme',)


# --- writing ---


def test_a_list_is_written_with_folders_and_our_settings() -> None:
    written = write(
        [
            Listed(
                "https://a.example/?x=1&y=2",
                "甲 <b>",
                folders=("新媒体",),
                settings={"every": "2h", "keep": {"days": "30"}},
            ),
            Listed("https://b.example/", settings={"tags": ["eng", "日"]}),
        ]
    )

    assert written.decode() == (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        '<opml xmlns:aggregator="urn:feed-aggregator:opml" version="2.0">\n'
        "  <head>\n    <title>Subscriptions</title>\n  </head>\n  <body>\n"
        '    <outline text="新媒体" title="新媒体">\n'
        '      <outline type="rss" text="甲 &lt;b&gt;" title="甲 &lt;b&gt;" xmlUrl="https://a.example/?x=1&amp;y=2"'
        ' aggregator:every="2h" aggregator:keep="{&quot;days&quot;: &quot;30&quot;}"/>\n'
        "    </outline>\n"
        '    <outline type="rss" text="https://b.example/" title="https://b.example/" xmlUrl="https://b.example/"'
        ' aggregator:tags="[&quot;eng&quot;, &quot;日&quot;]"/>\n'
        "  </body>\n</opml>\n"
    )


def test_the_order_of_sources_outlives_folders_that_part_it() -> None:
    feeds = [
        Listed(f"https://{name}.example/", name, folders=folders)
        for name, folders in [("a", ("X",)), ("b", ()), ("c", ("X",)), ("d", ("Y", "Z")), ("e", ("X", "Z"))]
    ]

    again = read(write(feeds)).feeds

    assert [(one.title, one.folders) for one in again] == [(one.title, one.folders) for one in feeds]


def test_the_same_address_under_two_ids_is_two_feeds() -> None:
    feeds = [Listed("https://a.example/", "a", settings={"id": name}) for name in ("one", "two")]

    assert [one.settings for one in read(write(feeds)).feeds] == [{"id": "one"}, {"id": "two"}]


def test_settings_are_read_where_the_list_is_broken_too() -> None:
    listing = read(write([Listed("https://a.example/", "a", settings={"every": "2h", "tags": ["x"]})]) + b"<")

    assert listing.degraded is not None
    assert listing.feeds[0].settings == {"every": "2h", "tags": ["x"]}


@pytest.mark.parametrize("within", ["&#10;", "&#9;", "&#xFEFF;", "&#x85;", "&#x2028;", "&#x7f;"])
def test_an_address_with_a_character_that_none_may_have_is_left_out_and_told_of(within: str) -> None:
    listing = read(opml(f'<outline text="a" xmlUrl="https://a.example/x{within}y"/>'))

    assert listing.feeds == ()
    assert listing.skipped == ('line 3: "a": its address has characters that none may have',)
