"""
Rules of the three formats, checked on bytes: RFC 4287, the RSS 2.0 specification, JSON Feed 1.1.

Each fault is a sentence that begins with the W3C validator's word for it where it has one. Warnings count as faults.

| what of its messages | is looked for |
|---|---|
| the document | SAXError UnicodeError UndefinedNamedEntity ContainsSystemEntity BadCharacters InvalidRSSVersion UndefinedElement UnsupportedNamespace (where nothing is of it) |
| presence | MissingElement MissingTitle MissingLink MissingDescription MissingContentOrAlternate MissingGuid MissingSelf MissingAtomSelfLink MissingAttribute MissingHref ItemMustContainTitleOrDescription NeedDescriptionBeforeContent MisplacedItem MissingCurrentInArchive |
| once | DuplicateElement DuplicateValue DuplicateEntries DuplicateAtomLink DuplicateEnclosure DuplicateItemSemantics DuplicateSemantics |
| values | NotBlank AttrNotBlank InvalidRFC3339Date InvalidRFC2822Date IncorrectDOW ImplausibleDate ProblematicalRFC822Date InvalidFullLink InvalidLink InvalidURLAttribute InvalidTAG InvalidURN InvalidUUID InvalidHttpGUID InvalidPermalink NotSufficientlyUnique InvalidMIMEType InvalidMIMEAttribute InvalidInteger InvalidIntegerAttribute InvalidNonNegativeInteger InvalidPositiveInteger UseZeroForUnknown InvalidLanguage InvalidTextType TooLong |
| links | AtomLinkNotEmpty UnregisteredAtomLinkRel SelfNotAtom RelativeSelf FeedRelInCompleteFeed LinkPastEnd |
| podcasts | InvalidDuration InvalidTrueFalse InvalidItunesEpisodeType |

Not looked for: DuplicateUpdated, which many of one minute bring about; ContainsHTML, as a title may speak of `<b>`;
SecurityRisk and ContainsRelRef, as the cleaner's tests hold what a body may have; what is of other vocabularies, of
HTTP, or mere advice. A feed that shows episodes draws UnsupportedNamespace, and
MissingItunesElement, MissingItunesEmail and UnsupportedItunesFormat too: it passes on the words of podcasts and is none.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date, datetime
from urllib.parse import quote, urlsplit

from lxml import etree
from unit import feed_rules_podcast as podcasts

ATOM = "{http://www.w3.org/2005/Atom}"
XHTML = "{http://www.w3.org/1999/xhtml}"
MEDIA = "{http://search.yahoo.com/mrss/}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
FH = "{http://purl.org/syndication/history/1.0}"
DC = "{http://purl.org/dc/elements/1.1/}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_RFC822 = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (\w{3}) \d{4} \d\d:\d\d:\d\d GMT")
_MEDIA_TYPE = re.compile(r"[^\s()<>,;:\\\"/\[\]?=]+/[^\s()<>,;:\\\"/\[\]?=]+")
_URI = re.compile(r"[a-zA-Z][0-9a-zA-Z+\-.]*:(//)?[0-9a-zA-Z;/?:@&=+$.\-_!~*'()%,#]+")
_TAG = re.compile(
    r"tag:([a-z0-9\-._]+@)?[a-z0-9.\-]+,\d{4}(-\d\d(-\d\d)?)?:[0-9a-zA-Z;/?:@&=+$.\-_!~*'()%,]*(#[0-9a-zA-Z;/?:@&=+$.\-_!~*'()%,]*)?"
)
_URN = re.compile(r"urn:[a-zA-Z0-9][a-zA-Z0-9-]{1,31}:([a-zA-Z0-9()+,.:=@;$_!*'\-]|%[0-9A-Fa-f]{2})+")
_UUID = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_ASCII = "".join(map(chr, range(128)))
_BAD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def atom_faults(body: bytes) -> list[str]:
    """Return what is wrong with an Atom document; nothing where all is right."""
    root, faults = _xml(body)
    if root is None:
        return faults
    if root.tag != f"{ATOM}feed":
        return [*faults, f"UndefinedElement: the root is {root.tag}"]
    known = {"id", "title", "updated", "link", "generator", "author", "entry", "subtitle", "icon", "logo"}
    faults += _children(root, "feed", {f"{ATOM}{name}" for name in known} | {f"{XHTML}div", f"{FH}archive"})
    faults += _history(root, "feed") + podcasts.namespace_faults(root)
    faults += _once(root, "feed", ["id", "title", "updated"], at_most=["generator"])
    faults += _self_link(root, "feed", "application/atom+xml")
    faults += _plain_text(root, "feed", "title")
    kinds = [(link.get("rel"), link.get("type"), link.get("hreflang")) for link in root.findall(f"{ATOM}link")]
    faults += [f"DuplicateAtomLink: {kind}" for kind, count in Counter(kinds).items() if count > 1]
    entries = root.findall(f"{ATOM}entry")
    ids = Counter(_said(entry, f"{ATOM}id") for entry in entries)
    faults += [f"DuplicateEntries: {id_}" for id_, count in ids.items() if count > 1]
    newest = max((_said(entry, f"{ATOM}updated") for entry in entries), default=None)
    if newest and _said(root, f"{ATOM}updated") != newest:
        faults.append(f"feed: updated is not that of its newest entry, {newest}")
    for place, entry in enumerate(entries):
        faults += _atom_entry(entry, f"entry {place}", has_feed_author=root.find(f"{ATOM}author") is not None)
    return faults


def _atom_entry(entry: etree._Element, name: str, *, has_feed_author: bool) -> list[str]:
    atom = {"id", "title", "updated", "published", "link", "author", "category", "summary", "content", "source"}
    known = {f"{ATOM}{one}" for one in atom} | {f"{MEDIA}thumbnail"} | podcasts.KNOWN
    faults = _children(entry, name, known) + podcasts.podcast_faults(entry, name, _uri_fault)
    faults += _once(entry, name, ["id", "title", "updated", "published"], at_most=["summary", "content", "source"])
    faults += _plain_text(entry, name, "title") + _plain_text(entry, name, "summary")
    source = entry.find(f"{ATOM}source")
    if (
        not entry.findall(f"{ATOM}author")
        and not has_feed_author
        and (source is None or source.find(f"{ATOM}author") is None)
    ):
        faults.append(f"MissingElement: {name} has no author")
    faults += [f"NotBlank: {name} author" for one in entry.findall(f"{ATOM}author") if not _said(one, f"{ATOM}name")]
    faults += [f"MissingAttribute: {name} term" for one in entry.findall(f"{ATOM}category") if not one.get("term")]
    links = entry.findall(f"{ATOM}link")
    alternates = Counter((one.get("type"), one.get("hreflang")) for one in links if one.get("rel") == "alternate")
    faults += [f"DuplicateAtomLink: {name}" for count in alternates.values() if count > 1]
    content = entry.find(f"{ATOM}content")
    if content is None and not alternates:
        faults.append(f"MissingContentOrAlternate: {name}")
    if content is not None and (content.get("type") != "html" or not (content.text or "").strip()):
        faults.append(f"NotBlank: {name} content")
    if source is not None:
        faults += _once(source, f"{name} source", ["id", "title", "updated"], at_most=[])
        faults += _plain_text(source, f"{name} source", "title")
        if not any(link.get("rel") == "self" for link in source.findall(f"{ATOM}link")):
            faults.append(f"MissingSelf: {name} source")
    faults += _rels(entry, name, {"alternate", "enclosure", "related"})
    return faults + _links(entry, name) + _thumbnails(entry, name) + _language(entry, name)


def rss_faults(body: bytes) -> list[str]:
    """Return what is wrong with an RSS 2.0 document; nothing where all is right."""
    root, faults = _xml(body)
    if root is None:
        return faults
    channels = root.findall("channel")
    if root.tag != "rss" or root.get("version") != "2.0" or len(channels) != 1:
        return [*faults, "InvalidRSSVersion: the root is no rss 2.0 with one channel"]
    channel = channels[0]
    known = {"title", "link", "description", "language", "lastBuildDate", "generator", "item"}
    faults += _children(channel, "channel", known | {f"{ATOM}link", f"{XHTML}div", f"{FH}archive"})
    faults += _history(channel, "channel") + podcasts.namespace_faults(root)
    for name in ("title", "link", "description"):
        faults += _exactly_one(channel, "channel", name)
    faults += _date822(channel, "channel", "lastBuildDate") + _self_link(channel, "channel", "application/rss+xml")
    language = channel.findtext("language")
    faults += [f"InvalidLanguage: {language}"] if language and not _LANGUAGE.fullmatch(language) else []
    faults += _uri_fault("channel link", channel.findtext("link") or "")
    items = channel.findall("item")
    if items and list(channel)[-len(items) :] != items:
        faults.append("MisplacedItem: an item stands before the channel's own elements")
    guids = Counter(item.findtext("guid") for item in items)
    faults += [f"DuplicateValue: guid {guid}" for guid, count in guids.items() if count > 1]
    for place, item in enumerate(items):
        faults += _rss_item(item, f"item {place}")
    return faults


def _rss_item(item: etree._Element, name: str) -> list[str]:
    known = {"title", "link", "guid", "pubDate", "source", "category", "description", "enclosure"}
    more = {f"{ATOM}updated", f"{DC}creator", f"{CONTENT}encoded", f"{MEDIA}thumbnail", f"{MEDIA}content"}
    faults = _children(item, name, known | more | {f"{ATOM}link"} | podcasts.KNOWN)
    faults += podcasts.podcast_faults(item, name, _uri_fault)
    faults += _links(item, name) + _rels(item, name, {"related"})
    faults += _exactly_one(item, name, "guid") + _exactly_one(item, name, "pubDate") + _date822(item, name, "pubDate")
    counts = Counter(child.tag for child in item)
    single = {"title", "link", "source", "description", "enclosure", f"{CONTENT}encoded", f"{ATOM}updated"}
    faults += [f"DuplicateElement: {name} {tag}" for tag in single if counts[tag] > 1]
    if not item.findtext("title") and not item.findtext("description"):
        faults.append(f"ItemMustContainTitleOrDescription: {name}")
    faults += [
        f"NotBlank: {name} {tag}"
        for tag in ("title", "category")
        for one in item.findall(tag)
        if not (one.text or "").strip()
    ]
    tags = [child.tag for child in item]
    if f"{CONTENT}encoded" in tags and "description" not in tags[: tags.index(f"{CONTENT}encoded")]:
        faults.append(f"NeedDescriptionBeforeContent: {name}")
    guid = item.find("guid")
    if guid is not None and guid.get("isPermaLink") != "false":
        faults.append(f"InvalidHttpGUID: {name} guid says that it is a permalink")
    if guid is not None and len(guid.text or "") < 9 and (guid.text or "").isdigit():
        faults.append(f"NotSufficientlyUnique: {name}")
    if (link := item.findtext("link")) is not None:
        faults += _uri_fault(f"{name} link", link)
    if (source := item.find("source")) is not None:
        faults += _uri_fault(f"{name} source", source.get("url") or "")
    for one in item.findall("enclosure"):
        faults += [] if re.fullmatch(r"\d+", one.get("length") or "") else [f"InvalidIntegerAttribute: {name} length"]
        faults += [] if _MEDIA_TYPE.fullmatch(one.get("type") or "") else [f"InvalidMIMEAttribute: {name} type"]
        faults += _uri_fault(f"{name} enclosure", one.get("url") or "")
    for one in item.findall(f"{MEDIA}content"):
        faults += _uri_fault(f"{name} media:content", one.get("url") or "")
        faults += [] if (one.get("fileSize") or "1").strip("0").isdigit() else [f"InvalidInteger: {name} fileSize"]
    updated = item.findtext(f"{ATOM}updated")
    faults += [] if updated is None else _date3339(f"{name} atom:updated", updated)
    return faults + _thumbnails(item, name)


def json_faults(body: bytes) -> list[str]:
    """Return what is wrong with a JSON Feed 1.1; nothing where all is right."""
    try:
        feed = json.loads(body.decode("utf-8"))
    except ValueError as fault:
        return [f"not JSON in UTF-8: {fault}"]
    faults = [] if feed.get("version") == "https://jsonfeed.org/version/1.1" else ["version is not that of 1.1"]
    faults += [f"{name} is missing" for name in ("title", "items") if name not in feed]
    for name in ("home_page_url", "feed_url", "next_url"):
        faults += _uri_fault(name, feed[name]) if name in feed else []
    faults += _no_null(feed, "feed")
    items = feed.get("items", [])
    ids = Counter(item.get("id") for item in items)
    faults += [f"id {id_} stands twice" for id_, count in ids.items() if count > 1]
    for place, item in enumerate(items):
        faults += _json_item(item, f"item {place}")
    return faults


def _json_item(item: dict[str, object], name: str) -> list[str]:
    strings = (
        "id",
        "url",
        "external_url",
        "title",
        "content_html",
        "content_text",
        "summary",
        "image",
        "banner_image",
        "language",
    )
    known = {*strings, "date_published", "date_modified", "authors", "tags", "attachments"}
    faults = [
        f"{name}: {key} is not of the specification" for key in item if key not in known and not key.startswith("_")
    ]
    faults += [f"{name}: {key} is no string" for key in strings if key in item and not isinstance(item[key], str)]
    faults += [] if item.get("id") else [f"{name}: id is missing or empty"]
    faults += [] if item.get("content_html") or item.get("content_text") else [f"{name}: has no content"]
    for key in ("url", "image"):
        faults += _uri_fault(f"{name} {key}", str(item[key])) if key in item else []
    for key in ("date_published", "date_modified"):
        faults += _date3339(f"{name} {key}", str(item[key])) if key in item else []
    authors = item.get("authors", [])
    assert isinstance(authors, list)
    faults += [
        f"{name}: an author has neither name, url nor avatar"
        for one in authors
        if not one.keys() & {"name", "url", "avatar"}
    ]
    attachments = item.get("attachments", [])
    assert isinstance(attachments, list)
    for one in attachments:
        faults += _uri_fault(f"{name} attachment", one.get("url", ""))
        faults += [] if _MEDIA_TYPE.fullmatch(one.get("mime_type", "")) else [f"{name}: attachment without mime_type"]
    for one in item.get("_also_in", []):  # type: ignore[attr-defined] # a list, or the next line fails
        faults += [] if one.get("title") and one.get("id") else [f"{name}: _also_in names no source"]
        faults += _uri_fault(f"{name} _also_in", one["url"]) if "url" in one else []
    return faults + podcasts.json_faults(item.get("_podcast", []), name, _uri_fault)


# --- what the formats share ---


def _xml(body: bytes) -> tuple[etree._Element | None, list[str]]:
    text = body.decode("utf-8")  # raises where the bytes are none
    faults = ["ContainsSystemEntity: a document type"] if "<!DOCTYPE" in text or "<!ENTITY" in text else []
    faults += [f"BadCharacters: U+{ord(found):04X}" for found in _BAD.findall(text)]
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, huge_tree=True))
    except etree.XMLSyntaxError as fault:
        return None, [*faults, f"SAXError: {fault}"]
    texts = [part for element in root.iter() for part in (element.text or "", *map(str, element.attrib.values()))]
    return root, faults + [f"BadCharacters: U+{ord(found):04X}" for part in texts for found in _BAD.findall(part)]


def _children(parent: etree._Element, name: str, known: set[str]) -> list[str]:
    return [f"UndefinedElement: {name} has {child.tag}" for child in parent if child.tag not in known]


def _exactly_one(parent: etree._Element, name: str, tag: str) -> list[str]:
    found = parent.findall(tag)
    if len(found) != 1:
        return [f"MissingElement or DuplicateElement: {name} has {len(found)} {tag}"]
    return [] if (found[0].text or "").strip() else [f"NotBlank: {name} {tag}"]


def _once(parent: etree._Element, name: str, required: list[str], at_most: list[str]) -> list[str]:
    faults = [fault for one in required for fault in _exactly_one(parent, name, f"{ATOM}{one}")]
    faults += [f"DuplicateElement: {name} {one}" for one in at_most if len(parent.findall(f"{ATOM}{one}")) > 1]
    for tag in ("updated", "published"):
        for one in parent.findall(f"{ATOM}{tag}"):
            faults += _date3339(f"{name} {tag}", one.text or "")
    return (
        faults
        + [fault for one in parent.findall(f"{ATOM}id") for fault in _id_fault(f"{name} id", one.text or "")]
        + _links(parent, name)
    )


def _plain_text(parent: etree._Element, name: str, tag: str) -> list[str]:
    found = parent.findall(f"{ATOM}{tag}")
    faults = [f"NotBlank: {name} {tag}" for one in found if not (one.text or "").strip()]
    return faults + [f"{name} {tag} is not of type text" for one in found if one.get("type") != "text" or len(one)]


def _links(parent: etree._Element, name: str) -> list[str]:
    faults: list[str] = []
    for link in parent.findall(f"{ATOM}link"):
        faults += _uri_fault(f"{name} link", link.get("href") or "")
        kind = link.get("type")
        faults += [f"InvalidMIMEType: {name} {kind}"] if kind is not None and not _MEDIA_TYPE.fullmatch(kind) else []
        length = link.get("length")
        faults += [f"InvalidNonNegativeInteger: {name}"] if length is not None and not length.isdigit() else []
        faults += [f"AtomLinkNotEmpty: {name}"] if len(link) or link.text else []
    return faults


def _self_link(parent: etree._Element, name: str, kind: str) -> list[str]:
    found = [link for link in parent.findall(f"{ATOM}link") if link.get("rel") == "self"]
    if len(found) != 1:
        return [f"MissingSelf: {name} has {len(found)} self links"]
    return _links(parent, name) + ([] if found[0].get("type") == kind else [f"SelfNotAtom: {name}"])


def _history(parent: etree._Element, name: str) -> list[str]:
    """Return what is wrong with the links of RFC 5005: an archive names what it is the archive of."""
    links = parent.findall(f"{ATOM}link")
    rels = [link.get("rel") for link in links]
    faults = _rels(
        parent,
        name,
        {"self", "alternate", "next", "previous", "first", "last", "current", "prev-archive", "next-archive"},
    )
    if parent.find(f"{FH}archive") is not None and "current" not in rels:
        faults.append(f"MissingCurrentInArchive: {name}")
    if parent.find(f"{FH}complete") is not None and {"current", "prev-archive", "next-archive"} & set(rels):
        faults.append(f"FeedRelInCompleteFeed: {name}")
    by_rel = {link.get("rel"): link.get("href") for link in links}
    if by_rel.get("prev-archive") and by_rel.get("prev-archive") in {by_rel.get("self"), by_rel.get("next-archive")}:
        faults.append(f"LinkPastEnd: {name} is its own archive")
    return faults


def _rels(parent: etree._Element, name: str, known: set[str]) -> list[str]:
    rels = [link.get("rel") for link in parent.findall(f"{ATOM}link")]
    return [f"UnregisteredAtomLinkRel: {name} {rel}" for rel in rels if rel not in known]


def _thumbnails(parent: etree._Element, name: str) -> list[str]:
    found = parent.findall(f"{MEDIA}thumbnail")
    return [fault for one in found for fault in _uri_fault(f"{name} thumbnail", one.get("url") or "")]


def _language(element: etree._Element, name: str) -> list[str]:
    tag = element.get(LANG)
    return [f"InvalidLanguage: {name} {tag}"] if tag is not None and not _LANGUAGE.fullmatch(tag) else []


def _id_fault(name: str, value: str) -> list[str]:
    # An atom:id is an IRI (RFC 4287 section 4.2.6); tag: and urn: know no letters beyond ASCII.
    return _uri_fault(name, value if value.startswith(("tag:", "urn:")) else quote(value, safe=_ASCII))


def _uri_fault(name: str, value: str) -> list[str]:
    if value.startswith("tag:"):
        return [] if _TAG.fullmatch(value) else [f"InvalidTAG: {name} {value!r}"]
    if value.startswith("urn:uuid:"):
        return [] if _UUID.fullmatch(value) else [f"InvalidUUID: {name} {value!r}"]
    if value.startswith("urn:"):
        return [] if _URN.fullmatch(value) else [f"InvalidURN: {name} {value!r}"]
    sound = _URI.fullmatch(value) and (not value.startswith("http") or urlsplit(value).hostname)
    return [] if sound else [f"InvalidFullLink: {name} {value!r}"]


def _date3339(name: str, value: str) -> list[str]:
    if not _RFC3339.fullmatch(value):
        return [f"InvalidRFC3339Date: {name} {value!r}"]
    return _plausible(name, datetime.fromisoformat(value).date())


def _date822(parent: etree._Element, name: str, tag: str) -> list[str]:
    value = parent.findtext(tag) or ""
    if not _RFC822.fullmatch(value):
        return [f"InvalidRFC2822Date: {name} {value!r}"]
    weekday, day, month, year, *_ = value.replace(",", "").split()
    if month not in _MONTHS:
        return [f"InvalidRFC2822Date: {name} {value!r}"]
    at = date(int(year), _MONTHS.index(month) + 1, int(day))
    wrong = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][at.weekday()] != weekday
    return _plausible(name, at) + ([f"IncorrectDOW: {name} {value!r}"] if wrong else [])


def _plausible(name: str, at: date) -> list[str]:
    return [] if at.year >= 1990 else [f"ImplausibleDate: {name} {at}"]


def _no_null(value: object, name: str) -> list[str]:
    if value is None:
        return [f"{name} is null"]
    if isinstance(value, dict):
        return [fault for key, one in value.items() for fault in _no_null(one, f"{name}.{key}")]
    if isinstance(value, list):
        return [fault for place, one in enumerate(value) for fault in _no_null(one, f"{name}[{place}]")]
    return []


def _said(element: etree._Element, tag: str) -> str:
    return element.findtext(tag) or ""
