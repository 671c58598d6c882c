"""
Bytes to characters, by one order of evidence (rule 67).

A publisher's word for a charset is only ever looked up in the table below, never handed to `codecs.lookup`:
that would reach `utf-7`, `punycode` and other codecs that are no charsets of a document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Python's codecs for a charset, in the order in which they are tried, and the labels that mean it:
# the WHATWG Encoding Standard, section 4.2, plus ibm855 and Hong Kong, Mac and Thai names seen in real feeds.
# The second codec of a row holds what vendors added to the first (the circled digits of EUC-JP, the ETEN rows of Big5).
_TABLE: tuple[tuple[tuple[str, ...], str], ...] = (
    (("utf-8",), "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8 utf-8-sig utf8mb4"),
    (("utf-16-le",), "utf-16 utf-16le utf16 utf16le unicode ucs-2 iso-10646-ucs-2 csunicode unicodefeff"),
    (("utf-16-be",), "utf-16be utf16be unicodefffe"),
    (("utf-32-le",), "utf-32 utf-32le utf32 ucs-4 iso-10646-ucs-4"),
    (("utf-32-be",), "utf-32be"),
    (("gb18030",), "gb18030 gbk gb2312 gb_2312 gb_2312-80 gb2312-80 chinese csgb2312 csiso58gb231280 iso-ir-58 x-gbk"),
    (("gb18030",), "cp936 ms936 windows-936 euc-cn euccn gb18030-2000"),
    (("big5hkscs", "cp950"), "big5 big5-hkscs cn-big5 csbig5 x-x-big5 big-5 big5hkscs cp950 ms950 windows-950"),
    (
        ("cp932", "shift_jis_2004"),
        "shift_jis shift-jis sjis x-sjis ms_kanji csshiftjis ms932 windows-31j cp932 sjis-win",
    ),
    (("euc_jp", "euc_jis_2004"), "euc-jp eucjp x-euc-jp x-euc cseucpkdfmtjapanese eucjp-win eucjp-ms"),
    (("iso2022_jp", "iso2022_jp_ext", "iso2022_jp_2004"), "iso-2022-jp csiso2022jp"),
    (("cp949",), "euc-kr euckr cseuckr korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 csksc56011987 iso-ir-149"),
    (("cp949",), "windows-949 cp949 ms949 uhc x-windows-949"),
    (
        ("cp1252",),
        "iso-8859-1 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 latin1 latin-1 l1 csisolatin1 iso-ir-100 cp819",
    ),
    (("cp1252",), "ibm819 us-ascii ascii ansi_x3.4-1968 windows-1252 cp1252 x-cp1252 ansi"),
    (("iso8859_2",), "iso-8859-2 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 latin2 l2 csisolatin2 iso-ir-101"),
    (("iso8859_3",), "iso-8859-3 iso8859-3 iso88593 iso_8859-3 latin3 l3 csisolatin3 iso-ir-109"),
    (("iso8859_4",), "iso-8859-4 iso8859-4 iso88594 iso_8859-4 latin4 l4 csisolatin4 iso-ir-110"),
    (("iso8859_5",), "iso-8859-5 iso8859-5 iso88595 iso_8859-5 cyrillic csisolatincyrillic iso-ir-144"),
    (("iso8859_6",), "iso-8859-6 iso8859-6 iso88596 iso_8859-6 arabic asmo-708 ecma-114 csisolatinarabic iso-ir-127"),
    (
        ("iso8859_7",),
        "iso-8859-7 iso8859-7 iso88597 iso_8859-7 greek greek8 ecma-118 elot_928 csisolatingreek iso-ir-126",
    ),
    (
        ("iso8859_8",),
        "iso-8859-8 iso8859-8 iso88598 iso_8859-8 iso-8859-8-i iso-8859-8-e logical visual hebrew iso-ir-138",
    ),
    (("iso8859_10",), "iso-8859-10 iso8859-10 latin6 l6 csisolatin6 iso-ir-157"),
    (("iso8859_13",), "iso-8859-13 iso8859-13 latin7"),
    (("iso8859_14",), "iso-8859-14 iso8859-14 latin8"),
    (("iso8859_15",), "iso-8859-15 iso8859-15 iso_8859-15 iso885915 latin9 latin-9 l9 csisolatin9"),
    (("iso8859_16",), "iso-8859-16 iso8859-16 latin10"),
    (("koi8_r",), "koi8-r koi8_r koi8 koi cskoi8r"),
    (("koi8_u",), "koi8-u koi8-ru"),
    (("cp855",), "ibm855 cp855 855 csibm855"),
    (("cp866",), "ibm866 cp866 866 csibm866"),
    (("mac_roman",), "macintosh mac x-mac-roman macroman csmacintosh"),
    (("mac_cyrillic",), "maccyrillic mac-cyrillic x-mac-cyrillic x-mac-ukrainian"),
    (("cp874",), "windows-874 cp874 tis-620 tis620 iso-8859-11 iso8859-11 dos-874"),
    (("cp1250",), "windows-1250 cp1250 x-cp1250 cp-1250 win-1250"),
    (("cp1251",), "windows-1251 cp1251 x-cp1251 cp-1251 win-1251 windows1251 win1251"),
    (("cp1253",), "windows-1253 cp1253 x-cp1253"),
    (
        ("cp1254",),
        "windows-1254 cp1254 x-cp1254 iso-8859-9 iso8859-9 iso88599 iso_8859-9 latin5 l5 csisolatin5 iso-ir-148",
    ),
    (("cp1255",), "windows-1255 cp1255 x-cp1255"),
    (("cp1256",), "windows-1256 cp1256 x-cp1256"),
    (("cp1257",), "windows-1257 cp1257 x-cp1257"),
    (("cp1258",), "windows-1258 cp1258 x-cp1258"),
)
_CODECS: dict[str, tuple[str, ...]] = {label: codecs for codecs, labels in _TABLE for label in labels.split()}
_GUESSES = tuple(dict.fromkeys(codec for codecs, _ in _TABLE for codec in codecs[:1] if not codec.startswith("utf")))

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# How the first `<` or `{` looks in an encoding of two or four bytes a character, where there is no BOM.
_WIDE = (
    (re.compile(rb"(?:\s\0\0\0)*[<{\[]\0\0\0"), "utf-32-le"),
    (re.compile(rb"(?:\0\0\0\s)*\0\0\0[<{\[]"), "utf-32-be"),
    (re.compile(rb"(?:\s\0)*[<{\[]\0"), "utf-16-le"),
    (re.compile(rb"(?:\0\s)*\0[<{\[]"), "utf-16-be"),
)
_DECLARATION = re.compile(rb"""<\?xml\b[^>]{0,400}?\bencoding\s*=\s*["']\s*([\w.:-]{1,40})""", re.IGNORECASE)
_HTTP_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
_MARKUP = re.compile(rb"<[^>]*>")
_HIGH = re.compile(r"[^\x00-\x7f]")
_SAMPLE = 32_768
"""Bytes of text that a guess is made from."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A document's characters, its BOM removed."""

    text: str
    encoding: str
    """Python's name of the codec that was used."""
    degraded: str | None = None
    """What is not as declared, or was lost; None where nothing was."""


def decode(body: bytes, content_type: str | None) -> Decoded:
    """
    Return the characters of the body.

    Order of evidence (rule 67): BOM, strict UTF-8 with a multi-byte character in it, the charset of the
    HTTP header, the XML declaration, a guess. A declared charset stands although a few bytes are not of
    it: those become U+FFFD. Never fails: the last resort is windows-1252.
    """
    for bom, codec in _BOMS:
        if body.startswith(bom) and (decoded := _of_declared(body[len(bom) :], (codec,), codec)):
            return decoded
    for pattern, codec in _WIDE if b"\0" in body[:64] else ():
        if pattern.match(body) and (decoded := _of_declared(body, (codec,), codec)):
            return decoded
    http, xml = _http_label(content_type), _xml_label(body)
    if (text := _strict(body, "utf-8")) is not None and not (b"\x1b" in body and _is_escaped(http, xml)):
        return Decoded(text, "utf-8", _contradiction(text, http, xml))
    return _of_labels(body, http, xml) or _guess(body)


def _http_label(content_type: str | None) -> str | None:
    found = _HTTP_CHARSET.search(content_type) if content_type else None
    return found[1].lower() if found else None


def _xml_label(body: bytes) -> str | None:
    found = _DECLARATION.search(body, 0, 2048)
    return found[1].decode("ascii").lower() if found else None


def _is_escaped(*labels: str | None) -> bool:
    """Tell whether a label names an encoding whose bytes are all ASCII."""
    return any(label is not None and "iso-2022" in label for label in labels)


def _strict(body: bytes, codec: str) -> str | None:
    try:
        return body.decode(codec)
    except (UnicodeDecodeError, UnicodeError):
        return None


def _contradiction(text: str, *labels: str | None) -> str | None:
    """Name the label that says another charset than the UTF-8 that the bytes are."""
    if text.isascii():
        return None
    wrong = next((label for label in labels if label and _CODECS.get(label, ("utf-8",))[0] != "utf-8"), None)
    return f"declared as {wrong}, but it is UTF-8" if wrong else None


def _of_labels(body: bytes, http: str | None, xml: str | None) -> Decoded | None:
    """Return what the declared charsets make of a body that is not UTF-8, or None where none of them fits."""
    readings = []
    for label in dict.fromkeys(label for label in (http, xml) if label in _CODECS):
        codecs = tuple(codec for codec in _CODECS[label] if not codec.startswith(("utf-16", "utf-32")))
        if decoded := _of_declared(body, codecs, label):
            readings.append(decoded)
    if not readings:
        # No charset is named, or a wrong one: UTF-8 with a broken byte is still UTF-8.
        return _of_declared(body, ("utf-8",), "utf-8") if not {http, xml} & {"utf-8", "utf8"} else None
    if len(readings) == 2 and _plausible(readings[1].text) > _plausible(readings[0].text) + 0.15:
        # The header of a server's default charset decodes anything; the other word reads like a language.
        return readings[1]
    return readings[0]


def _of_declared(body: bytes, codecs: tuple[str, ...], label: str) -> Decoded | None:
    """Return the body in the first codec that fits, or in the first one with its few bad bytes replaced."""
    for codec in codecs:
        if (text := _strict(body, codec)) is not None:
            return Decoded(text.removeprefix("\ufeff"), codec)
    if not codecs:
        return None
    text = body.decode(codecs[0], "replace").removeprefix("\ufeff")
    bad, high = text.count("\ufffd"), sum(1 for _ in _HIGH.finditer(text))
    good = high - bad
    # "Few" is counted against characters beyond ASCII, as ASCII fits every charset: against all bytes a
    # page of markup with a little GBK in it would pass as UTF-8. A valid multi-byte character of UTF-8 is
    # hardly ever an accident, so there fewer of them will do.
    if bad > (good if codecs[0] == "utf-8" else max(good * 0.01, min(3, good * 0.5))):
        return None
    return Decoded(text, codecs[0], f"not all of it is {label}, characters lost: {bad}")


def _guess(body: bytes) -> Decoded:
    """Return the body in the charset that its bytes look like, for want of a usable declaration."""
    # Loaded where it is needed: nearly all feeds are UTF-8 or say what they are.
    from charset_normalizer import from_bytes  # noqa: PLC0415 - lazy

    sample = _MARKUP.sub(b" ", body[: 8 * _SAMPLE])[:_SAMPLE]
    best = from_bytes(sample, cp_isolation=list(_GUESSES)).best()
    codec = _CODECS.get((best.encoding if best else "ascii").replace("_", "-"), (best.encoding if best else "cp1252",))[
        0
    ]
    text = body.decode(codec, "replace")
    return Decoded(text.removeprefix("\ufeff"), codec, f"no usable charset is declared, read as {codec}")


def _plausible(text: str) -> float:
    """
    Return the share of characters beyond ASCII that look like a written language, 0 to 1.

    Mojibake shows in rare ideographs, controls, private characters and runs of accented Latin letters.
    """
    sample = "".join(run[0] for run in re.finditer(r"[^\x00-\x7f]+", text[: 8 * _SAMPLE]))[:2000]
    if not sample:
        return 1.0
    runs = sum(1 for run in re.finditer(r"[\x80-\u024f]{2,}", text[: 8 * _SAMPLE]) for _ in run[0])
    odd = sum(1 for character in sample if _is_odd(character))
    return 1 - min(1.0, (odd + runs) / len(sample))


def _is_odd(character: str) -> bool:
    if "\u4e00" <= character <= "\u9fff":
        # The everyday ideographs fill the first planes of GB 2312 and Big5.
        simple, full = character.encode("gb2312", "ignore"), character.encode("big5", "ignore")
        return not ((simple and simple[0] <= 0xD7) or (full and full[0] <= 0xC6))
    return character in "\ufffd" or "\x80" <= character <= "\x9f" or "\ue000" <= character <= "\uf8ff"
