"""The pictures of clean HTML: which URL is the real one, which are none, and which leads the entry (R4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from aggregator.plain import escaped
from storage.markup import unescape

LAZY = (
    "data-src",
    "data-original",
    "data-lazy-src",
    "data-actualsrc",
    "data-original-src",
    "data-old-src",
    "data-echo",
)
"""Where scripts that load pictures late keep the real URL, best first."""
LAZY_SETS = ("data-srcset", "data-lazy-srcset")

# The sanitiser's own writing: lower-case names, double quotes, `"` `<` `>` escaped inside.
_MEDIA = re.compile(r'<(img|source)((?: [a-z-]+="[^"<>]*")*)>')
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"<>]*)"')
# And what passes as clean already: any white space, either quote, no value at all, a slash at the end.
_IMAGE = re.compile(r"""<img((?:\s+[a-z][a-z-]*(?:="[^"<>]*"|='[^'<>]*')?)*+)\s*/?>""")
_PLAIN_ATTRIBUTE = re.compile(r"""\s([a-z][a-z-]*)(?:="([^"<>]*)"|='([^'<>]*)')?""")

# Names of files that stand in until a script puts the real URL: believed only where there is another URL to take.
_STAND_IN = re.compile(
    r"(?:^|[/_.-])(?:blank|spacer|gr[ae]y|loading|lazy|lazyload|placeholder|transparent|trans|1x1|pixel|default|clear)"
    r"(?:[_-][\w-]*)?\.(?:gif|png|svg|jpe?g|webp)(?:[?#].*)?$",
    re.IGNORECASE,
)
# Names that no real picture has.
_NOTHING = re.compile(
    r"/(?:blank|spacer|transparent|trans|1x1|pixel|clear|placeholder)\.(?:gif|png|svg)(?:[?#].*)?$", re.IGNORECASE
)
_EMOJI = re.compile(r"/(?:core/emoji|twemoji|emoji|smilies|smileys?|emoticons?)/", re.IGNORECASE)
_COUNTER = re.compile(
    r"^https?://(?:feeds\.feedburner\.com/~|[^/]*feedsportal\.com/|pixel\.|stats\.wordpress\.com/|[^/]*doubleclick\.net/"
    r"|[^/]*/(?:b|pixel|beacon|count(?:er)?|track(?:er|ing)?)\.(?:gif|png|php)\b|medium\.com/_/stat)",
    re.IGNORECASE,
)
_ABSOLUTE = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?(?:[/?#]\S*)?")
_PIXEL = 2
"""Pixels, in both directions: as small as this it is a counter and no picture."""
_ICON = 32


def absolute(url: str, base: str | None) -> str | None:
    """Return the URL as an absolute http(s) one; None where it is none, or relative with nothing to stand on."""
    url = url.strip("\0\t\n\f\r ")
    if _ABSOLUTE.fullmatch(url):
        return url
    if not url:
        return None
    try:
        if base is not None:
            url = urljoin(base, url)
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.netloc else None


def mended(html: str, base: str | None) -> str:
    """
    Return the sanitiser's HTML with every picture under its real URL.

    Lazy-load attributes become `src` and `srcset`; counters of 1 or 2 pixels go, as they show nothing and report who
    reads; a picture without a usable URL leaves its alternative text, as in a browser.
    """
    if "<img" not in html and "<source" not in html:
        return html
    return _MEDIA.sub(lambda tag: _mended_tag(tag, base), html)


def lead_image(html: str) -> str | None:
    """Return the URL of the first real picture of clean HTML: no counter, no emoji, no icon; None where there is none."""
    for attributes in _images(html):
        src = attributes.get("src", "")
        is_none = _EMOJI.search(src) or _COUNTER.search(src) or _NOTHING.search(src)
        if src and not is_none and not _at_most(attributes, _ICON):
            return src
    return None


def urls(html: str) -> Iterator[str]:
    """Yield the URL of every picture of clean HTML, in order."""
    return (attributes["src"] for attributes in _images(html) if attributes.get("src"))


def _images(html: str) -> Iterator[dict[str, str]]:
    for tag in _IMAGE.finditer(html):
        found = _PLAIN_ATTRIBUTE.findall(tag[1])
        yield {name: unescape(double or single) for name, double, single in found}


def _attributes(source: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in _ATTRIBUTE.findall(source)}


def _mended_tag(tag: re.Match[str], base: str | None) -> str:
    name, attributes = tag[1], _attributes(tag[2])
    wanted = _source(attributes, base) if name == "source" else _image(attributes, base)
    if isinstance(wanted, str):
        return wanted
    return tag[0] if wanted == attributes else _written(name, wanted)


def _source(attributes: dict[str, str], base: str | None) -> dict[str, str] | str:
    wanted = _with_set(attributes, base)
    return wanted if "src" in wanted or "srcset" in wanted else ""


def _image(attributes: dict[str, str], base: str | None) -> dict[str, str] | str:
    if _at_most(attributes, _PIXEL):
        return ""
    wanted = _with_set(attributes, base)
    if "src" not in wanted or _STAND_IN.search(wanted["src"]):
        real = _real(attributes, base) or _largest(wanted.get("srcset", ""))
        if real:
            wanted["src"] = real
    return wanted if "src" in wanted else escaped(wanted.get("alt", ""))


def _with_set(attributes: dict[str, str], base: str | None) -> dict[str, str]:
    """Return the attributes without the lazy ones, and with a `srcset` of absolute http(s) URLs or none."""
    wanted = {name: value for name, value in attributes.items() if name not in LAZY and name not in LAZY_SETS}
    sets = (attributes.get(name, "") for name in ("srcset", *LAZY_SETS))
    candidates = next(filter(None, (_candidates(value, base) for value in sets if value)), None)
    if candidates:
        wanted["srcset"] = ", ".join(candidates)
    else:
        wanted.pop("srcset", None)
        wanted.pop("sizes", None)
    return wanted


def _real(attributes: dict[str, str], base: str | None) -> str | None:
    found = (absolute(attributes[name], base) for name in LAZY if _is_url(attributes.get(name, "")))
    return next(filter(None, found), None)


def _is_url(value: str) -> bool:
    """Tell whether a lazy attribute holds a URL; some hold a number, JSON or a template."""
    return bool(value) and not re.search(r"[\s{}\[\]<>]", value.strip()) and ("/" in value or "." in value)


_CANDIDATE = re.compile(r"[\s,]*(\S+?)(,+(?=\s|$)|\s+([^,()]*?)\s*(?:,|$)|$)")


def _candidates(value: str, base: str | None) -> list[str]:
    """Return the candidates of a `srcset` (HTML Standard section 4.8.4.2.1) whose URL is http(s), made absolute."""
    kept = []
    for match in _CANDIDATE.finditer(value[:20_000]):
        url = absolute(match[1].strip(","), base)
        if url and not re.search(r"\s", url):
            kept.append(f"{url} {match[3]}" if match[3] else url)
    return kept


def _largest(srcset: str) -> str | None:
    """Return the URL of the candidate with the greatest descriptor."""
    best, size = None, -1.0
    for candidate in srcset.split(", "):
        url, _, descriptor = candidate.partition(" ")
        number = re.match(r"\d+(?:\.\d+)?", descriptor)
        if url and (found := float(number[0]) if number else 1.0) > size:
            best, size = url, found
    return best


def _at_most(attributes: dict[str, str], pixels: int) -> bool:
    """Tell whether the picture says that it is that small in both directions."""
    sizes = [re.fullmatch(r"\s*(\d{1,6})(?:px)?\s*", attributes.get(name, "")) for name in ("width", "height")]
    return all(size is not None and int(size[1]) <= pixels for size in sizes)


def _written(name: str, attributes: dict[str, str]) -> str:
    return f"<{name}{''.join(f' {key}={quoted(value)}' for key, value in attributes.items())}>"


def quoted(value: str) -> str:
    """Return an attribute's value in double quotes, as the HTML serialiser writes it."""
    return f'"{escaped(value).replace(chr(34), "&quot;")}"'
