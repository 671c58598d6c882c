"""What may stand in a feed: characters, URIs, media types, language tags and dates as the formats want them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

from aggregator.identity import is_sound_id

# XML 1.0 section 2.2 allows less than Unicode: no C0, no surrogates, no U+FFFE/F. DEL to U+009F are allowed there,
# and are what the W3C validator calls BadCharacters.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_LINE_ENDS = re.compile("[\t\r\n\x85\u2028\u2029]+")
_NOT_IN_URI = re.compile(r"[^A-Za-z0-9\-._~:/?@!$&'()*+,;=%]|%(?![0-9A-Fa-f]{2})")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+\-]+/[A-Za-z0-9!#$&^_.+\-]+")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# The interpreter's own table (mimetypes) reads files of the machine: the same store would give other bytes elsewhere.
_TYPES = {
    "aac": "audio/aac",
    "avif": "image/avif",
    "epub": "application/epub+zip",
    "flac": "audio/flac",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "m4a": "audio/mp4",
    "m4v": "video/mp4",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "torrent": "application/x-bittorrent",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
    "zip": "application/zip",
}


def plain(text: str) -> str:
    """Return the text on one line, trimmed, without characters that XML or JSON readers refuse."""
    return _FORBIDDEN.sub("", _LINE_ENDS.sub(" ", text)).strip()


def markup(html: str) -> str:
    """Return the HTML without characters that XML or JSON readers refuse; CR and CRLF become LF."""
    return _FORBIDDEN.sub("", html.replace("\r\n", "\n").replace("\r", "\n"))


def uri(value: str) -> str | None:
    """
    Return the absolute URI in ASCII (RFC 3986), or None where there is none.

    Characters outside of ASCII become percent-encoded UTF-8, an international host its IDNA form:
    RSS and `atom:id` want URIs, and the W3C validator calls anything else an error.
    """
    text = plain(value)
    if not _SCHEME.match(text):
        return None
    try:
        parts = urlsplit(text)
        host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode("ascii")
    except ValueError:  # UnicodeError of an impossible host name is one too
        return None
    path, query, fragment = (_quoted(part) for part in (parts.path, parts.query, parts.fragment))
    return urlunsplit((parts.scheme, host, path, query, fragment))


def sound_id(value: str | None) -> str | None:
    """Return the URI in ASCII where it may be an `atom:id`, else None."""
    found = uri(value) if value else None
    return found if found is not None and is_sound_id(found) else None


def web_uri(value: str | None) -> str | None:
    """Return the URI where it is an http or https one with a host, else None."""
    found = uri(value) if value else None
    if found is None:
        return None
    parts = urlsplit(found)
    try:
        host, _ = parts.hostname, parts.port
    except ValueError:  # a port that is no number up to 65535
        return None
    sound = parts.scheme in ("http", "https") and host and not _NOT_IN_URI.search(parts.netloc.strip("[]"))
    return found if sound else None


def _quoted(part: str) -> str:
    return _NOT_IN_URI.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), part)


def media_type(declared: str | None, url: str) -> str:
    """Return the media type of an enclosure: the declared one if it can be read, else told from the URL's ending."""
    bare = (declared or "").partition(";")[0].strip()
    if _MEDIA_TYPE.fullmatch(bare):
        return bare
    ending = urlsplit(url).path.rpartition(".")[2].lower()
    return _TYPES.get(ending, "application/octet-stream")


def language_tag(value: str | None) -> str | None:
    """Return the tag in the form of RFC 5646, or None where it is none."""
    tag = (value or "").strip().replace("_", "-")
    return tag if _LANGUAGE.fullmatch(tag) else None


def rfc3339(instant: datetime) -> str:
    """Return the instant in UTC to the second (RFC 3339), as Atom and JSON Feed want it."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def rfc822(instant: datetime) -> str:
    """Return the instant in GMT as RSS 2.0 wants it (RFC 822 with four digits of year); English under any locale."""
    at = instant.astimezone(UTC)
    return f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04} {at:%H:%M:%S} GMT"
