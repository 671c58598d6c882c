"""The border of the allow-list, in words of its own: what may never pass, whatever the list says of itself."""

from __future__ import annotations

import re

import pytest

from aggregator.clean import ATTRIBUTES, TAGS, clean

BASE = "https://a.example/post"

NEVER = [
    "applet", "base", "body", "button", "canvas", "dialog", "embed", "fencedframe", "fieldset", "font", "form", "frame", "frameset",
    "head", "html", "iframe", "input", "keygen", "label", "layer", "legend", "link", "listing", "map", "marquee", "math", "menu", "meta",
    "meter", "noembed", "noframes", "noscript", "object", "optgroup", "option", "output", "param", "plaintext", "portal", "progress",
    "script", "select", "selectedcontent", "slot", "style", "svg", "template", "textarea", "title", "track", "xml", "xmp", "x-own",
]  # fmt: skip
HONEST = [
    "ruby",
    "rt",
    "rp",
    "details",
    "summary",
    "figure",
    "figcaption",
    "audio",
    "video",
    "source",
    "table",
    "td",
    "code",
    "pre",
]
PASSING = ["http://b.example/", "https://b.example/", "HTTPS://b.example/", "mailto:ann@b.example", "tel:+4912345"]
STOPPED = [
    "data:text/html,x", "data:text/html;base64,eA==", "DATA:,x", " data:,x", "da\nta:,x", "javascript:x", "JaVaScRiPt:x", "java\tscript:x",
    "&#106;avascript:x", "javascript&colon;x", "\x01javascript:x", "vbscript:x", "livescript:x", "ftp://b.example/", "file:///etc/passwd",
    "blob:https://b.example/1", "filesystem:https://b.example/1", "ws://b.example/", "wss://b.example/", "gopher://b.example/", "about:blank",
    "view-source:https://b.example/", "chrome://x", "jar:https://b.example!/x", "intent://x#Intent;end", "itms-services://?x", "sms:123", "callto:x",
    "magnet:?x", "steam://x", "ms-word:x", "x-apple:x", "cid:1", "mid:1", "urn:x:y", "feed:https://b.example/", "mocha:x", "mhtml:x", "res://x",
]  # fmt: skip
SAYS = [
    "style", "class", "id", "name", "onclick", "onerror", "onload", "onmouseover", "onfocus", "autofocus", "tabindex", "accesskey", "contenteditable",
    "action", "formaction", "ping", "target", "download", "srcdoc", "background", "lowsrc", "dynsrc", "usemap", "ismap", "is", "slot", "part",
    "popovertarget", "xmlns", "xlink:href", "http-equiv", "autoplay", "itemprop", "role", "aria-label", "data-x", "nonce", "integrity", "crossorigin",
]  # fmt: skip


@pytest.mark.parametrize("tag", NEVER)
def test_an_element_that_acts_never_passes(tag: str) -> None:
    result = clean(f"<p>a</p><{tag} src=x href=x data=x content=x>b</{tag}><p>c</p>", BASE)

    assert f"<{tag}" not in result
    assert "<p>a</p>" in result
    assert tag not in TAGS


@pytest.mark.parametrize("tag", HONEST)
def test_what_honest_feeds_need_passes(tag: str) -> None:
    assert tag in TAGS


@pytest.mark.parametrize("url", PASSING)
def test_a_link_may_lead_to_the_web_and_to_people(url: str) -> None:
    assert f'href="{url}"' in clean(f'<a href="{url}" id=x>a</a>', BASE)


@pytest.mark.parametrize("url", STOPPED)
def test_a_link_leads_nowhere_else(url: str) -> None:
    result = clean(f'<a href="{url}" id=x>a</a>', BASE)

    assert ":" not in result.replace("https://a.example/", "")


@pytest.mark.parametrize("url", [*STOPPED, "mailto:ann@b.example", "tel:+4912345"])
@pytest.mark.parametrize("form", ["<img src='{}'>", "<img srcset='{} 1x'>", "<video src='{}' poster='{}'></video>", "<audio src='{}'></audio>", "<video><source src='{}'></video>"])  # fmt: skip
def test_media_come_from_the_web_alone(form: str, url: str) -> None:
    result = clean(form.replace("{}", url), BASE)

    told = re.findall(r' (?:src|srcset|poster)="([^"]*)"', result)
    places = [place for value in told for place in value.split(", ")]
    assert [place for place in places if not place.startswith("https://a.example/")] == []


@pytest.mark.parametrize("name", SAYS)
def test_no_element_says_what_acts_or_what_pages_go_by(name: str) -> None:
    html = "".join(f'<{tag} {name}="x" title="t">' for tag in sorted(TAGS))

    assert f' {name}="' not in clean(html, BASE).lower().replace(f' {name}="t"', "")
    assert not any(name in allowed for tag, allowed in ATTRIBUTES.items() if (tag, name) != ("img", "loading"))
