"""Name the file of a record and the folders it lies in (R10): safe on every file system, told apart by a short id."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from base64 import b32encode

from storage.record import Record

NAME_BYTES = 200
"""A name's length at most, `.md` counted; file systems take 255."""
ID_LENGTH = 12
"""Characters of the id in a name: 60 bits, so that 100,000 records of one title share a name with a chance of 4e-9."""

_FORBIDDEN = str.maketrans(dict.fromkeys('/\\:*?"<>|%', "_"))
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSEEN = frozenset("\u200b\u2060\ufeff")
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])[ ]*(?=\.|$)", re.IGNORECASE
)
_ID = re.compile(r"[a-z2-7]{12,}")
_LOOKED_AT = 2000
"""Characters of a title that a name may come from: bringing a heap of combining marks into order is quadratic."""
_FIRST = "_.-~# "
_LAST = ".~ "
"""Hexo passes over names that begin with `_` or `.`, Hugo over those with `#` before or `~` behind; Windows cuts `. `."""


def path_of(record: Record) -> str:
    """
    Return where a record's file lies, relative to the records folder, with `/`.

    The path is that of a record filed for the first time; one that has a file keeps its path for ever.
    """
    folders = (folder_name(category) for category in record.categories)
    return "/".join((*folders, file_name(record.title, record.key)))


def file_name(title: str, key: str) -> str:
    """Return `<title>-<id>.md`, at most 200 bytes; the id makes it unique under casefold and NFC."""
    end = f"-{_short_id(key)}.md"
    return _cleaned(title, NAME_BYTES - len(end)) + end


def is_name_of(name: str, key: str) -> bool:
    """Return whether a name, or a path, ends as that of the record with this key does."""
    return name.endswith(f"-{_short_id(key)}.md")


def folder_name(name: str) -> str:
    """Return the name of a category, site or feed as one folder: never empty, never `..`, at most 200 bytes."""
    return _cleaned(name, NAME_BYTES)


def _cleaned(text: str, limit: int) -> str:
    kept = "".join(filter(None, map(_character, unicodedata.normalize("NFC", text[:_LOOKED_AT]))))
    spaced = " ".join(unicodedata.normalize("NFC", kept.translate(_FORBIDDEN)).split())
    # A first mark belongs to nothing, and would join what stands before it in a path.
    name = spaced.lstrip(_FIRST)
    while name and _extends(name[0]):
        name = name[1:].lstrip(_FIRST)
    name = (
        _RESERVED.sub(lambda device: device[0].rstrip() + "_", name[:limit], count=1) if _RESERVED.match(name) else name
    )
    return cut(name, limit).rstrip(_LAST) or "untitled"


def _character(character: str) -> str:
    if character in _BIDI or character in _UNSEEN:
        return ""
    category = unicodedata.category(character)
    if category in {"Zl", "Zp", "Zs"} or character in "\t\n\r\x0b\x0c\x85":
        return " "
    # Control characters, halves of surrogate pairs, and code points that no character has.
    return "" if category in {"Cc", "Cs", "Cn"} else character


def _short_id(key: str) -> str:
    if _ID.fullmatch(key):
        return key[:ID_LENGTH]
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    return b32encode(digest).decode("ascii").lower()[:ID_LENGTH]


def cut(text: str, limit: int) -> str:
    """
    Return the longest start of the text that has at most `limit` bytes of UTF-8 and splits no visible character.

    A cautious form of Unicode's extended grapheme clusters (UAX 29): where it is unsure it cuts earlier.
    """
    whole = text.encode("utf-8", "replace")
    if len(whole) <= limit:
        return text
    end = len(whole[: max(limit, 0)].decode("utf-8", "ignore"))
    while end > 0 and not _may_part(text, end):
        end -= 1
    return text[:end]


def _may_part(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if _extends(after) or before in "\u200d\u200c" or unicodedata.combining(before) == 9:  # a virama joins letters
        return False
    if "\u0600" <= before <= "\u0605" or before in "\u06dd\u070f\u08e2":  # signs that stand in front of a number
        return False
    if _is_leading_jamo(before) and (_is_leading_jamo(after) or "\uac00" <= after <= "\ud7a3"):
        return False
    if _is_flag_letter(before) and _is_flag_letter(after):
        return _flag_letters_before(text, at) % 2 == 0
    return True


def _extends(character: str) -> bool:
    """Tell whether a character belongs to the one before it."""
    return (
        unicodedata.category(character) in {"Mn", "Me", "Mc"}
        or character in "\u200c\u200d\u0e33\u0eb3\uff9e\uff9f"
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # tags that spell a flag
        or "\u1160" <= character <= "\u11ff"  # Hangul vowels and final consonants
        or "\ud7b0" <= character <= "\ud7ff"
    )


def _is_leading_jamo(character: str) -> bool:
    return "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97c"


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_letters_before(text: str, at: int) -> int:
    count = 0
    while count < at and _is_flag_letter(text[at - count - 1]):
        count += 1
    return count
