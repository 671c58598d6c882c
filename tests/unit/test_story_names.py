"""By which names records of different sources are one story, and by which they are not."""

from __future__ import annotations

import pytest

from storage.pages import page_of
from storage.stories import names_of, words_of

HARBOUR = "https://blog.example/2026/harbour"

SAME = {
    "http for https": "http://blog.example/2026/harbour",
    "a www host": "https://www.blog.example/2026/harbour",
    "a host in capitals": "https://Blog.EXAMPLE/2026/harbour",
    "a host that ends in the root's dot": "https://blog.example./2026/harbour",
    "the default port": "https://blog.example:443/2026/harbour",
    "the default port of http": "http://blog.example:80/2026/harbour",
    "a name and a password": "https://ann:secret@blog.example/2026/harbour",
    "a slash at the end": "https://blog.example/2026/harbour/",
    "doubled slashes": "https://blog.example//2026//harbour",
    "steps up and down": "https://blog.example/2026/./x/../harbour",
    "an index file": "https://blog.example/2026/harbour/index.html",
    "an index file of PHP": "https://blog.example/2026/harbour/index.php",
    "white space round it": " https://blog.example/2026/harbour\n",
    "an empty query": "https://blog.example/2026/harbour?",
    "an empty fragment": "https://blog.example/2026/harbour#",
    "campaign parameters": "https://blog.example/2026/harbour?utm_source=rss&utm_medium=feed",
    "a click's id": "https://blog.example/2026/harbour?fbclid=IwAR0",
    "a French campaign in the fragment": "https://blog.example/2026/harbour#xtor=RSS-1",
    "campaign parameters in the fragment": "https://blog.example/2026/harbour#utm_source=rss",
    "a parameter that says rss": "https://blog.example/2026/harbour?from=rss",
    "a parameter that says rss and more": "https://blog.example/2026/harbour?source=rss----7f60cf5620c9---4",
    "the session of a Java server": "https://blog.example/2026/harbour;jsessionid=0A1B",
    "letters encoded that need not be": "https://blog.example/2026/%68arbour",
    "a place to scroll to": "https://blog.example/2026/harbour#:~:text=opens",
    "the rest of the article": "https://blog.example/2026/harbour#more-12",
    "its comments": "https://blog.example/2026/harbour#comments",
    "the mobile host": "https://m.blog.example/2026/harbour",
    "the host for telephones of old": "http://3g.blog.example/2026/harbour",
    "the mobile host in full": "https://mobile.blog.example/2026/harbour",
    "the host for old telephones": "http://wap.blog.example/2026/harbour",
    "the mobile form": "https://blog.example/2026/harbour?mobile=1",
    "the AMP host": "https://amp.blog.example/2026/harbour",
    "the AMP parameter": "https://blog.example/2026/harbour?amp",
    "the AMP parameter with a value": "https://blog.example/2026/harbour?amp=1",
    "the AMP output": "https://blog.example/2026/harbour?outputType=amp",
    "the AMP file": "https://blog.example/2026/harbour.amp",
    "Google's AMP viewer": "https://www.google.com/amp/s/blog.example/2026/harbour",
    "Google's AMP viewer, by country": "https://www.google.co.uk/amp/s/www.blog.example/2026/harbour/",
    "the AMP cache": "https://blog-example.cdn.ampproject.org/c/s/blog.example/2026/harbour",
    "the AMP cache, as a viewer": "https://blog-example.cdn.ampproject.org/v/s/blog.example/2026/harbour?amp_js_v=0.1&usqp=mq331",
    "the AMP cache of http": "https://cdn.ampproject.org/c/blog.example/2026/harbour",
    "Bing's AMP cache": "https://www.bing-amp.com/c/s/blog.example/2026/harbour",
    "an alert of Google": "https://www.google.com/url?rct=j&sa=t&url=https://blog.example/2026/harbour&ct=ga&usg=AOv",
    "news of Bing": "http://www.bing.com/news/apiclick.aspx?ref=FexRss&url=https%3a%2f%2fblog.example%2f2026%2fharbour&c=1",
}

PAIRS = {
    "an AMP folder below": ("https://blog.example/news/harbour-opens", "https://blog.example/news/harbour-opens/amp/"),
    "an AMP folder above": ("https://blog.example/harbour-opens", "https://blog.example/amp/harbour-opens"),
    "an AMP file beside": ("https://blog.example/harbour-opens.html", "https://blog.example/harbour-opens.amp.html"),
    "an AMP section": ("https://www.bbc.com/news/world-123", "https://www.bbc.com/news/amp/world-123"),
    "the mobile form of a blogspot": (
        "https://ann.blogspot.com/2026/03/harbour.html",
        "https://ann.blogspot.com/2026/03/harbour.html?m=1",
    ),
    "a mobile Wikipedia": ("https://en.wikipedia.org/wiki/Harbour", "https://en.m.wikipedia.org/wiki/Harbour"),
    "parameters in another order": ("https://blog.example/a?id=3&page=2", "https://blog.example/a?page=2&id=3"),
    "spaces written as plus": ("https://blog.example/a?t=one+two", "https://blog.example/a?t=one%20two"),
    "digits of an escape in small letters": ("https://blog.example/a/%E4%B8%AD", "https://blog.example/a/%e4%b8%ad"),
    "letters that stand for themselves": ("https://blog.example/a/%E4%B8%AD", "https://blog.example/a/中"),
    "commas that are encoded": ("https://blog.example/a/b,c", "https://blog.example/a/b%2Cc"),
    "a Chinese host": ("https://例子.cn/a/b", "https://xn--fsqu00a.cn/a/b"),
    "the question of WordPress": ("https://blog.example/?p=12", "http://www.blog.example/index.php?p=12"),
    "a short link of a video": ("https://www.youtube.com/watch?v=dQw4&t=9", "https://youtu.be/dQw4?si=x"),
    "a short video": ("https://www.youtube.com/watch?v=dQw4", "https://www.youtube.com/shorts/dQw4"),
    "the old name of a network": ("https://twitter.com/ann/status/1", "https://x.com/ann/status/1?s=20"),
    "the old form of a forum": (
        "https://www.reddit.com/r/ships/comments/1abc/harbour/",
        "https://old.reddit.com/r/ships/comments/1abc/",
    ),
    "what an account's platform adds": (
        "https://mp.weixin.qq.com/s?__biz=MzI1&mid=22&idx=1&sn=ab&chksm=fa&scene=27#wechat_redirect",
        "https://mp.weixin.qq.com/s?__biz=MzI1&mid=22&idx=1&sn=ab",
    ),
    "the same route of a page that scripts make": ("https://app.example/#!/post/1", "http://www.app.example/#!/post/1"),
}

DIFFERENT = {
    "two numbers in a query": ("https://blog.example/?p=12", "https://blog.example/?p=13"),
    "two ids in a query": ("https://blog.example/article.php?id=1", "https://blog.example/article.php?id=2"),
    "a story's id that looks like a session": (
        "https://blog.example/article.pl?sid=26/1",
        "https://blog.example/article.pl?sid=26/2",
    ),
    "two videos": ("https://www.youtube.com/watch?v=aaaa", "https://www.youtube.com/watch?v=bbbb"),
    "two videos by short links": ("https://youtu.be/aaaa", "https://youtu.be/AAAA"),
    "two routes of one page": ("https://app.example/#!/post/1", "https://app.example/#!/post/2"),
    "two routes without a mark": ("https://app.example/#/post/1", "https://app.example/#/post/2"),
    "two places in a changelog": ("https://tool.example/changelog#v1.2", "https://tool.example/changelog#v1.3"),
    "an article and a comment on it": (HARBOUR, f"{HARBOUR}#comment-7"),
    "an article and what is said of it": (HARBOUR, "https://news.ycombinator.com/item?id=1"),
    "two talks": ("https://news.ycombinator.com/item?id=1", "https://news.ycombinator.com/item?id=2"),
    "a thread and a comment in it": (
        "https://www.reddit.com/r/ships/comments/1abc/harbour/",
        "https://www.reddit.com/r/ships/comments/1abc/harbour/k9/",
    ),
    "two threads": (
        "https://www.reddit.com/r/ships/comments/1abc/harbour/",
        "https://www.reddit.com/r/ships/comments/1abd/harbour/",
    ),
    "paths that differ by a capital": ("https://blog.example/a/Harbour", "https://blog.example/a/harbour"),
    "two ports": ("https://blog.example:8080/a/b", "https://blog.example:8081/a/b"),
    "two people at one host for blogs": (
        "https://m.github.io/posts/hello-world",
        "https://mobile.github.io/posts/hello-world",
    ),
    "two people under a suffix": ("https://m.eu.org/posts/hello-world", "https://eu.org/posts/hello-world"),
    "two people at another": ("https://m.substack.com/p/hello", "https://www.substack.com/p/hello"),
    "two hosts of one site": ("https://en.blog.example/a/b", "https://de.blog.example/a/b"),
    "a slash that is part of a name": ("https://blog.example/a%2Fb/c", "https://blog.example/a/b/c"),
    "a plus that is one": ("https://blog.example/a?t=c%2B%2B", "https://blog.example/a?t=c++"),
    "a project about AMP": ("https://github.com/ampproject/amp", "https://github.com/ampproject"),
    "names that only a reader of old rules takes for one": (
        "https://straße.example/a/b",
        "https://strasse.example/a/b",
    ),
    "articles of an account, for a while only": (
        "https://mp.weixin.qq.com/s?src=11&timestamp=1&signature=a",
        "https://mp.weixin.qq.com/s?src=11&timestamp=1&signature=b",
    ),
    "two branches": ("https://git.example/ann/ship/log?ref=main", "https://git.example/ann/ship/log?ref=next"),
}

NO_NAME = {
    "a front page": "https://blog.example/",
    "a front page without its slash": "https://blog.example",
    "the file of a front page": "https://blog.example/index.html",
    "a front page with a sender": "https://blog.example/?utm_source=rss",
    "a front page in a language": "https://blog.example/zh-cn/",
    "a front page in the language of a parameter": "https://blog.example/?lang=en",
    "a section": "https://blog.example/blog/",
    "a section in a language": "https://blog.example/en/news",
    "a section in Chinese": "https://blog.example/%E5%8D%9A%E5%AE%A2",
    "a category": "https://blog.example/category/ships",
    "a tag": "https://blog.example/tags/open-source/",
    "a writer": "https://blog.example/author/ann",
    "a year": "https://blog.example/2026/",
    "a month": "https://blog.example/archives/2026/03",
    "a page of a list": "https://blog.example/page/2",
    "a feed": "https://blog.example/harbour/feed/",
    "a feed's file": "https://blog.example/atom.xml",
    "the machine itself": "http://localhost:4000/2026/03/01/welcome-to-jekyll.html",
    "the machine's address": "http://127.0.0.1:1313/posts/hello-world/",
    "an address at home": "http://192.168.1.2/posts/hello-world/",
    "an address of version 6 at home": "http://[fd00::1]/posts/hello-world/",
    "a name at home": "http://nas.local/posts/hello-world/",
    "a name without a dot": "http://intranet/posts/hello-world/",
    "another scheme": "ftp://blog.example/a/b",
    "a port that is none": "https://blog.example:99999/a/b",
    "brackets that do not close": "https://[::1/a/b",
    "an address without end": f"https://blog.example/{'a' * 3_000}",
}

NAMED = {
    "an article with a number in an archive": "https://blog.example/archives/003663.html",
    "a topic with a number": "https://blog.example/topics/217084",
    "a page of one word": "https://blog.example/harbour",
    "an address of the whole world": "http://1.1.1.1/a/b",
}


@pytest.mark.parametrize("url", SAME.values(), ids=SAME)
def test_it_is_the_same_article(url: str) -> None:
    assert page_of(url) == "blog.example/2026/harbour"


@pytest.mark.parametrize(("one", "other"), PAIRS.values(), ids=PAIRS)
def test_both_are_one_article(one: str, other: str) -> None:
    assert page_of(one) == page_of(other) != None  # noqa: E711 - both have a name


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_two_articles_stay_two(one: str, other: str) -> None:
    assert page_of(one) != page_of(other)


@pytest.mark.parametrize("url", NO_NAME.values(), ids=NO_NAME)
def test_it_names_no_article(url: str) -> None:
    assert page_of(url) is None


@pytest.mark.parametrize("url", NAMED.values(), ids=NAMED)
def test_it_names_one(url: str) -> None:
    assert page_of(url) is not None


PLAIN = {
    "an article below a year": ("http://www.blog.example/2026/harbour-opens/", "blog.example/2026/harbour-opens"),
    "an article with a number": ("https://blog.example/t/217084", "blog.example/t/217084"),
    "an article of WordPress": ("https://blog.example/?p=12", "blog.example/?p=12"),
    "a language that looks like an article": ("https://blog.example/zh-hans/", None),
    "a tag that looks like one": ("https://blog.example/en-us/tags/open-source/", None),
    "a host at home": ("http://nas.local/posts/hello-world/", None),
    "an address at home": ("http://10.0.0.7/posts/hello-world/", None),
}


@pytest.mark.parametrize(("url", "page"), PLAIN.values(), ids=PLAIN)
def test_addresses_of_the_usual_forms_are_read_as_all_others(url: str, page: str | None) -> None:
    in_full = url.replace("://", "://ann@")  # a name before the host has it taken apart

    assert page_of(url) == page_of(in_full) == page


GUIDS = {
    "a tag": ("tag:blog.example,2026:7", "tag:blog.example,2026:7"),
    "a tag with a day": ("tag:blogger.com,1999:blog-1.post-2", "tag:blogger.com,1999:blog-1.post-2"),
    "a UUID, whatever its letters": ("URN:UUID:0A1B2C3D-0000-4000-8000-00000000000A", "urn:uuid:0a1b2c3d-0000-4000-8000-00000000000a"),
    "a URN that is long enough to be one of its kind": ("urn:isbn:9780141036144", "urn:isbn:9780141036144"),
    "an address": ("http://www.blog.example/?p=12", "blog.example/?p=12"),
}  # fmt: skip

NO_GUIDS = {
    "a number": "12",
    "text with a colon": "post:12",
    "a URN that anybody may use": "urn:post:12",
    "a tag without a date": "tag:blog.example:7",
    "a tag without a name": "tag:blog.example,2026:",
    "a tag of the machine itself": "tag:localhost,2005:Post/12",
    "the UUID that is none": "urn:uuid:00000000-0000-0000-0000-000000000000",
    "the UUID of the specification's example": "urn:uuid:1225c695-cfb8-4ebb-aaaa-80da344efa6a",
    "a front page": "https://blog.example/",
}


@pytest.mark.parametrize(("guid", "name"), GUIDS.values(), ids=GUIDS)
def test_an_id_names_an_article(guid: str, name: str) -> None:
    assert words_of(None, guid) == (name,)


@pytest.mark.parametrize("guid", NO_GUIDS.values(), ids=NO_GUIDS)
def test_an_id_names_nothing(guid: str) -> None:
    assert words_of(None, guid) == ()


def test_an_article_has_the_names_of_its_link_and_of_its_id() -> None:
    assert words_of(HARBOUR, "tag:blog.example,2026:7") == ("blog.example/2026/harbour", "tag:blog.example,2026:7")


def test_a_link_and_an_id_that_say_the_same_are_one_name() -> None:
    assert words_of(f"{HARBOUR}?utm_source=rss", HARBOUR) == ("blog.example/2026/harbour",)


def test_the_names_of_one_site_lie_side_by_side_in_the_store() -> None:
    [one], [other] = names_of(HARBOUR, None), names_of("https://blog.example/2026/other-harbour", "12")

    assert one[:4] == other[:4]
    assert len({one, other}) == 2
    assert one == bytes.fromhex("050706cf7f1896af1c35c562")
