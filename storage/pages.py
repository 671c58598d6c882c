"""The one address of an article, whichever way its publisher, a sender or a cache writes it: host, path and query."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from storage.links import TRACKING

LONGEST = 2_000
"""Characters of an address or an id beyond which it names nothing."""

# --- tables -----------------------------------------------------------------------------------------------------

_ELSEWHERE = {"www", "m", "mobile", "wap", "3g", "amp"}
"""First labels under which a site shows the same pages once more."""
_TENANTS = re.compile(
    r"(?:github|gitlab|itch|codeberg|readthedocs)\.(?:io|page)|(?:\w+\.)?blogspot\.\w+(?:\.\w+)?|netlify\.(?:app|com)|vercel\.app"
    r"|pages\.dev|workers\.dev|(?:herokuapp|wordpress|tumblr|substack|medium|livejournal|typepad|weebly|wixsite|hatenablog"
    r"|posthaven|lofter|wikidot|fandom|bandcamp|firebaseapp|azurewebsites|cloudfront|amazonaws|appspot|over-blog"
    r"|blogs|squarespace|webnode|jimdo|myshopify|ghost)\.(?:com|net|io|org)|bearblog\.dev|mataroa\.blog|micro\.blog"
    r"|hatenablog\.jp|hatenadiary\.\w+|ameblo\.jp|neocities\.org|dreamwidth\.org|web\.app|deno\.dev|fly\.dev|onrender\.com"
    r"|surge\.sh|glitch\.me|tilde\.\w+|eu\.org|(?:br|cn|de|eu|gb|in|jpn|ru|uk|us)\.com"
    r"|sourceforge\.(?:io|net)|(?:co|com|net|org|gov|edu|ac|or|ne|go)\.\w\w"
)
"""Hosts whose subdomains are each another's: there `m.` and `mobile.` are somebody's name."""
_NOBODYS = re.compile(r".*\.(?:localhost|local|localdomain|internal|intranet|lan|home|corp|invalid)|[^.]*")
"""Hosts that every machine has for itself: what lies there in one feed is not what lies there in another."""
_SAME_HOST = {
    "youtube-nocookie.com": "youtube.com",
    "x.com": "twitter.com",
    "old.reddit.com": "reddit.com",
    "np.reddit.com": "reddit.com",
}

_WRAPPED = (
    # The host of the cache says which it is of; its path says so more plainly.
    (re.compile(r"[a-z0-9-]+\.cdn\.ampproject\.org"), re.compile(r"/(?:[cv]|wp)/(s/)?(.+)"), None),
    (re.compile(r"cdn\.ampproject\.org"), re.compile(r"/(?:[cv]|wp)/(s/)?(.+)"), None),
    (re.compile(r"(?:www\.)?bing-amp\.com"), re.compile(r"/[cv]/(s/)?(.+)"), None),
    (re.compile(r"(?:www\.)?google\.[a-z.]{2,6}"), re.compile(r"/amp/(s/)?(.+)"), None),
    (re.compile(r"(?:www\.)?google\.[a-z.]{2,6}"), re.compile(r"/url"), ("url", "q")),
    (re.compile(r"(?:www\.)?bing\.com"), re.compile(r"/news/apiclick\.aspx"), ("url",)),
)
"""Hosts that show or lead to a page of others, whose address stands in their own: in the path, or in a parameter."""

_SENDERS = re.compile(
    r"xtor|ns_(?:mchannel|source|campaign|linkname)|ftag|ocid|smid|smtyp|_ga|_gl|gbraid|wbraid|twclid|ttclid|li_fat_id"
    r"|rb_clickid|share_(?:source|medium|from)|vd_source|hmsr|hmpl|hmcu|__twitter_impression|amp_(?:js_v|gsa|kit)|usqp|_?amp"
    r"|jsessionid|phpsessid|traffic_source|wpmm|cndid|mbid|_openstat|ck_subscriber_id",
    re.IGNORECASE,
)
"""Parameters that tell where a click came from, besides those of `storage.links`; `amp` ones ask for another form."""
_SENDER_IF = re.compile(
    r"(?i)(?:from|source|src|ref|referer|referrer|via|f|mod|cid|partner|emc|origin|medium|campaign|rss)=(?:rss|feed|atom|public-rss)(?:[\W_\d].*)?"
)
"""Parameters that tell it where their value says so."""
_FORM_IF = re.compile(
    r"(?i)(?:output(?:type)?|view|format|mode|type)=amp|mobile=(?:1|true|yes|0|false)|(?:app|device)=mobile"
)
"""Parameters that ask for the AMP or the mobile form."""
_OF_HOST = {
    "youtube.com": re.compile(r"(?:feature|si|pp|ab_channel|t|app)=.*"),
    "nytimes.com": re.compile(r"(?:partner|emc|ref)=.*"),
    "medium.com": re.compile(r"source=.*"),
    "twitter.com": re.compile(r"(?:s|t|ref_src|ref_url|cxt)=.*"),
    "reddit.com": re.compile(r"(?:ref|share_id|rdt)=.*"),
    "bilibili.com": re.compile(r"(?:spm_id_from|from_spmid|share_\w+|from|timestamp|unique_k|bbid|ts)=.*"),
}
"""Parameters of single hosts that do not choose the page."""

_WEIXIN = {"__biz", "mid", "idx", "sn"}
"""What chooses an article there; a link without the first is for a while only, and all of it counts."""

_IN_PAGE = re.compile(
    r"(?i):~:.*|top|main|content|main-content|more|more-\d+|read-?more|comments?|respond|disqus_thread|wechat_redirect|start|body|article|story"
    r"|rss|feed|ref=rss.*|xtor=.*|(?:utm|at|mtm|pk)_\w+=.*|ftag=.*|intcid=.*|mc_[ce]id=.*|_=_"
)
"""Fragments that lead into a page; all others are kept, as single pages and changelogs tell entries apart by them."""

_AMP_SEGMENT = {"amp", "amphtml"}
_SLUG = re.compile(r".*[\d_.-].*|.{24,}")
"""A segment that names an article rather than a section."""
_AMP_FILE = re.compile(r"(.+?)(?:\.amp(\.x?html?)|\.amp|\.amphtml)")
_INDEX = re.compile(r"(?i)(?:index|default|home)\.(?:x?html?|s?html|php\d?|aspx?|jsp|cgi|cfm|do)")
_SESSION = re.compile(r"(?i);(?:jsessionid|phpsessid|sid)=[^/;]*")

_LOCALE = re.compile(r"(?:[a-z]{2}|zh|pt|en|es|fr)(?:[-_](?:[a-z]{2}|hans|hant|latn|419))?", re.IGNORECASE)
_SECTION_WORDS = {
    *("about", "archive", "archives", "art", "article", "articles", "arts", "blog", "blogs", "books"),
    *("business", "categories", "category", "changelog", "comments", "community", "contact", "content"),
    *("culture", "discussion", "docs", "documentation", "download", "downloads", "engineering", "entries"),
    *("entry", "events", "explore", "featured", "feed", "feeds", "film", "food", "forum", "forums", "games"),
    *("headlines", "health", "help", "history", "home", "issues", "journal", "latest", "library", "life"),
    *("lifestyle", "links", "list", "log", "magazine", "main", "media", "members", "money", "music", "new"),
    *("newest", "news", "newsletter", "newsletters", "newsroom", "notes", "opinion", "page", "pages", "photos"),
    *("podcast", "podcasts", "politics", "portfolio", "post", "posts", "press", "products", "projects"),
    *("publications", "rants", "release", "releases", "reports", "research", "reviews", "rss", "science"),
    *("search", "section", "sections", "series", "sport", "sports", "stories", "story", "tag", "tags", "tech"),
    *("technology", "thoughts", "topic", "topics", "travel", "tutorials", "tv", "updates", "video", "videos"),
    *("weblog", "weekly", "wiki", "work", "world", "writing", "xml", "博客", "新闻", "首页", "文章", "归档", "关于"),
}
"""One of these alone is a section, not an article."""
_LISTS = {
    *("category", "categories", "tag", "tags", "label", "labels", "section", "sections", "topic", "topics"),
    *("author", "authors", "user", "users", "archive", "archives", "page"),
}
"""What stands directly below one of these is a list too, but for articles that are filed there:"""
_FILED = re.compile(r"(?i)(?:archives?|topics?|sections?)/(?!(?:19|20)\d\d$).*(?:\d|\.\w{3,5}$).*")
_YEAR_LIST = re.compile(r"(?:(?:archives?|blog|posts?|news|articles)/)?(?:19|20)\d\d(?:/\d\d?){0,2}")
_FEED_FILE = re.compile(r"(?i)feeds?|rss2?|atom|(?:rss|atom|feed|feeds|index)\.(?:xml|rss|atom|json|rdf)")
_ROOT_KEYS = re.compile(
    r"(?i)(?:lang|language|locale|hl|l|setlang|page|paged|p?no|feed|cat|category|tag|author|s|q|search|sort|order|view)=.*"
)
"""Parameters with which a front page is one still."""

# --- addresses --------------------------------------------------------------------------------------------------

_SCHEME = re.compile(r"(?i)https?://")


def page_of(url: str) -> str | None:
    """
    Return the one form of all addresses of an article, without scheme; None for what is no address of an article.

    Equal for http and https, with and without `www.`, a slash at the end, a default port, an index file, tracking
    parameters, in AMP and mobile form, however encoded. None for front pages, sections, lists and feeds, for hosts
    that are nobody's (`localhost`, private addresses), and what cannot be read. docs/feeds-yaml.md has the table.
    """
    if plain := _plain_page(url):
        return plain
    url = url.strip()
    if len(url) > LONGEST or not _SCHEME.match(url):
        return None
    try:
        return _page(url, unwraps=3)
    except ValueError:
        return None


# Most addresses are of two forms that need no taking apart: a tenth of the time.
_PLAIN = re.compile(
    r"https?://([a-z0-9.-]+)(?:((?:/[A-Za-z0-9_-]+)*/(?:(?=[A-Za-z0-9_-]{9})[A-Za-z0-9_]+-[A-Za-z0-9_-]+(?:\.html?|\.php)?|\d{5,}))/?"
    r"|(/\?p=\d+))"
)
_NOT_PLAIN = re.compile(
    r"(?i)/(?:amp|amphtml|categor(?:y|ies)|tags?|labels?|sections?|topics?|authors?|users?|archives?|page)/"
)


def _plain_page(url: str) -> str | None:
    found = _PLAIN.fullmatch(url)
    if found is None or len(url) > LONGEST:
        return None
    host, path, asked = found.groups()
    if path and _NOT_PLAIN.search(path):
        return None
    site = _plain_site(host)
    return site and f"{site}{path or asked}"


@lru_cache(maxsize=4096)
def _plain_site(host: str) -> str | None:
    """Return the host of a site about which there is nothing to know beyond its name, None for others."""
    try:
        site = None if host.endswith(".") or _wrappings(host) else _site_of(host)
    except ValueError:
        return None
    return None if site in {"youtu.be", "youtube.com", "reddit.com", "mp.weixin.qq.com"} else site


_SIMPLE = re.compile(r"https?://([a-z0-9.-]+)(/[A-Za-z0-9_.~/-]*)(?:\?([A-Za-z0-9_.~=&-]*))?")
"""An address whose parts are where this says: a fifth of the time of `urlsplit`."""


def _parts(url: str) -> tuple[str, int | None, str, str, str]:
    """Return host, port, path, query and fragment. Raises ValueError."""
    if simple := _SIMPLE.fullmatch(url):
        return simple[1], None, simple[2], simple[3] or "", ""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port, parts.path, parts.query, parts.fragment


def _page(url: str, unwraps: int) -> str | None:
    named, port, path, asked, fragment = _parts(url)
    host = _host(named)
    if unwraps and (inner := _wrapped(host, path, asked)):
        return _page(inner, unwraps - 1)
    site = _site_of(host)
    if site is None:
        return None
    host, segments, query = _own_forms(site, _segments(path), _query(site, asked))
    fragment = "" if not fragment or _IN_PAGE.fullmatch(fragment) else _encoded(fragment)
    if not fragment and _is_list(segments, query):
        return None
    place = host if port in {None, 80, 443} else f"{host}:{port}"
    kept = f"?{'&'.join(query)}" if query else ""
    return f"{place}/{'/'.join(segments)}{kept}{fragment and f'#{fragment}'}"


def _wrapped(host: str, path: str, query: str) -> str | None:
    """Return the address of the page that a cache shows or a redirect leads to."""
    for paths, keys in _wrappings(host):
        if not (found := paths.fullmatch(path)):
            continue
        if keys is None:
            return f"http{'s' if found[1] else ''}://{found[2]}{query and '?'}{query}"
        said = dict(parse_qsl(query))
        return next((said[key] for key in keys if _SCHEME.match(said.get(key, ""))), None)
    return None


@lru_cache(maxsize=4096)
def _wrappings(host: str) -> tuple[tuple[re.Pattern[str], tuple[str, ...] | None], ...]:
    """Return how the host writes addresses of others."""
    return tuple((paths, keys) for hosts, paths, keys in _WRAPPED if hosts.fullmatch(host))


def _host(host: str) -> str:
    """Return the host in lower case and in ASCII, by its letters as they are (no transitional mapping)."""
    host = host.lower().replace("\u3002", ".").rstrip(".")
    if host.isascii():
        return host
    return ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}" for label in host.split(".")
    )


def is_nobodys(host: str) -> bool:
    """Return whether every machine may have a host of this name for itself: `localhost`, `nas.local`, `192.168.1.2`."""
    if ":" in host or host.replace(".", "").isdecimal():
        return not ip_address(host).is_global
    return _NOBODYS.fullmatch(host) is not None


@lru_cache(maxsize=4096)
def _site_of(host: str) -> str | None:
    """Return the host under which the site shows its pages in their usual form; None where the host is nobody's."""
    return None if is_nobodys(host) else _site(host)


def _site(host: str) -> str:
    """Return the host under which the site shows its pages in their usual form."""
    first, _, rest = host.partition(".")
    if first == "www" and "." in rest:
        host = rest
        first, _, rest = host.partition(".")
    if first in _ELSEWHERE and "." in rest and not _TENANTS.fullmatch(rest):
        host = rest
    elif found := re.fullmatch(r"([a-z-]+)\.m\.(wik[a-z]+\.org)", host):
        host = f"{found[1]}.{found[2]}"
    return _SAME_HOST.get(host, host)


def _segments(path: str) -> list[str]:
    """Return what stands between the slashes, without what only another form of the page has."""
    kept: list[str] = []
    for segment in _encoded(_SESSION.sub("", path) if ";" in path else path).split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in {"", "."}:
            kept.append(segment)
    if kept and _INDEX.fullmatch(kept[-1]):
        kept.pop()
    return _without_amp(kept)


def _without_amp(segments: list[str]) -> list[str]:
    if not segments:
        return segments
    *before, last = segments
    if before and last.lower() in _AMP_SEGMENT and _SLUG.fullmatch(before[-1]):
        return before
    if found := _AMP_FILE.fullmatch(last):
        return [*before, f"{found[1]}{found[2] or ''}"]
    if before and before[0].lower() in _AMP_SEGMENT and _SLUG.fullmatch(last):
        return segments[1:]
    if before[:2] == ["news", "amp"]:
        return ["news", *segments[2:]]
    return segments


def _query(host: str, query: str) -> list[str]:
    """Return the parameters that choose the page, sorted."""
    if not query:
        return []
    own = _OF_HOST.get(host)
    kept = set()
    for said in query.replace("+", "%20").split("&"):
        one = _encoded(said)
        key = one.partition("=")[0]
        sent = _is_senders(key) or _SENDER_IF.fullmatch(one) or _FORM_IF.fullmatch(one)
        if one and not sent and not (own and own.fullmatch(one)) and not (key == "m" and "blogspot." in host):
            kept.add(one)
    return sorted(kept)


@lru_cache(maxsize=1024)
def _is_senders(key: str) -> bool:
    """Return whether a parameter of that name tells where a click came from, whatever it says."""
    return bool(TRACKING.fullmatch(key) or _SENDERS.fullmatch(key))


def _own_forms(host: str, segments: list[str], query: list[str]) -> tuple[str, list[str], list[str]]:
    """Return the one form of what a few great hosts show under several addresses."""
    match host, segments:
        case "youtu.be", [video]:
            return "youtube.com", ["watch"], [f"v={video}"]
        case "youtube.com", ["shorts" | "embed" | "live" | "v", video]:
            return host, ["watch"], [f"v={video}"]
        case "youtube.com", ["watch"]:
            return host, segments, [one for one in query if one.startswith("v=")] or query
        case "mp.weixin.qq.com", ["s"] if any(one.startswith("__biz=") for one in query):
            return host, segments, [one for one in query if one.partition("=")[0] in _WEIXIN]
        case "reddit.com", ["r", _, "comments", post, *rest] if len(rest) < 2:
            return host, ["comments", post], query
        case _:
            return host, segments, query


def _is_list(segments: list[str], query: list[str]) -> bool:
    """Return whether it is a front page, a section, a list of articles or a feed: no article of its own."""
    if segments and _FEED_FILE.fullmatch(segments[-1]):
        return True
    if not all(_ROOT_KEYS.fullmatch(one) for one in query):
        return False
    if segments and _LOCALE.fullmatch(segments[0]):
        segments = segments[1:]
    path = "/".join(segments)
    if not segments or _YEAR_LIST.fullmatch(path):
        return True
    if len(segments) == 1:
        return unquote(path).lower() in _SECTION_WORDS
    return len(segments) == 2 and segments[0].lower() in _LISTS and not query and not _FILED.fullmatch(path)


_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_LITERAL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$'()*,;:@")


_UNCODED = re.compile(r"[A-Za-z0-9_.~/?=+-]*")


def _encoded(text: str) -> str:
    """Return the text in one percent-encoding: what needs none has none, the rest has it, in capitals."""
    if _UNCODED.fullmatch(text):
        return text
    if "%" in text:
        text = _ESCAPE.sub(lambda found: _unescaped(found[1]), text)
    return quote(text, safe="%/?=+&#[]{}|^!$'()*,;:@~", errors="surrogatepass") if text else ""


def _unescaped(digits: str) -> str:
    character = chr(int(digits, 16))
    return character if character in _LITERAL else f"%{digits.upper()}"
