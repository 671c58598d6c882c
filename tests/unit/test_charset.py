"""Bytes to characters, by the order of evidence of rule 67."""

from __future__ import annotations

import pytest

from aggregator.charset import decode

TITLE = "产品“早读”：数据与设计，朱镕基、囧字"
TRADITIONAL = "產品設計與資料分析的早晨讀物"


def document(title: str, label: str | None) -> str:
    declaration = f'<?xml version="1.0" encoding="{label}"?>' if label else '<?xml version="1.0"?>'
    return f"{declaration}<rss version='2.0'><channel><title>{title}</title></channel></rss>"


@pytest.mark.parametrize("http", [None, "utf-8", "gb2312", "gbk", "big5", "iso-8859-1", "utf-7", "nonsense"])
@pytest.mark.parametrize("declared", [None, "utf-8", "gb2312", "big5", "iso-8859-1"])
def test_utf8_bytes_are_utf8_whatever_the_labels_say(http: str | None, declared: str | None) -> None:
    content_type = f"text/xml; charset={http}" if http else "text/xml"

    decoded = decode(document(TITLE, declared).encode(), content_type)

    assert decoded.text == document(TITLE, declared)
    assert decoded.encoding == "utf-8"


@pytest.mark.parametrize("http", [None, "utf-8", "gb2312", "gbk", "iso-8859-1"])
@pytest.mark.parametrize("declared", ["gb2312", "GBK", "gb18030", "x-gbk"])
def test_gbk_bytes_with_a_true_declaration_are_read(http: str | None, declared: str) -> None:
    content_type = f"text/xml; charset={http}" if http else None

    decoded = decode(document(TITLE, declared).encode("gb18030"), content_type)

    assert decoded.text == document(TITLE, declared)


def test_a_character_beyond_gbk_is_read_under_the_label_gb2312() -> None:
    decoded = decode(document("囧 镕 𠮷", "gb2312").encode("gb18030"), None)

    assert "囧 镕 𠮷" in decoded.text


@pytest.mark.parametrize("declared", [None, "utf-8"])
def test_the_http_charset_is_used_where_the_declaration_is_wrong_or_missing(declared: str | None) -> None:
    decoded = decode(document(TITLE, declared).encode("gb18030"), 'application/rss+xml; charset="gb2312"')

    assert TITLE in decoded.text


def test_a_default_charset_of_the_server_does_not_beat_a_true_declaration() -> None:
    decoded = decode(document(TRADITIONAL, "big5").encode("big5"), "text/xml; charset=ISO-8859-1")

    assert TRADITIONAL in decoded.text


def test_the_http_charset_beats_the_declaration_where_both_decode() -> None:
    decoded = decode(document("Новости о продукте", "iso-8859-5").encode("cp1251"), "text/xml; charset=windows-1251")

    assert "Новости о продукте" in decoded.text


@pytest.mark.parametrize(
    ("codec", "declared"),
    [
        ("utf-8-sig", "gb2312"),
        ("utf-8-sig", None),
        ("utf-16", "utf-16"),
        ("utf-16", "gb2312"),
        ("utf-32", "utf-32"),
    ],
)
def test_a_bom_beats_every_label_and_is_not_part_of_the_text(codec: str, declared: str | None) -> None:
    decoded = decode(document(TITLE, declared).encode(codec), "text/xml; charset=big5")

    assert decoded.text == document(TITLE, declared)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_characters_are_known_without_a_bom(codec: str) -> None:
    decoded = decode(document(TITLE, "utf-16").encode(codec), None)

    assert decoded.text == document(TITLE, "utf-16")


def test_one_broken_byte_costs_one_character_and_not_the_charset() -> None:
    body = document(TITLE * 20, "utf-8").encode()
    place = body.index("早".encode())
    body = body[:place] + b"\xff" + body[place:]

    decoded = decode(body, "text/xml; charset=utf-8")

    assert decoded.text.replace("\ufffd", "") == document(TITLE * 20, "utf-8")
    assert decoded.text.count("\ufffd") == 1
    assert decoded.encoding == "utf-8"
    assert decoded.degraded == "not all of it is utf-8, characters lost: 1"


@pytest.mark.parametrize("declared", [None, "utf-8", "iso-8859-1"])
def test_a_broken_byte_in_utf8_does_not_make_it_latin(declared: str | None) -> None:
    body = document(TITLE * 20, declared).encode().replace("早".encode(), b"\xe6\x97", 1)

    decoded = decode(body, None)

    assert decoded.encoding == "utf-8"
    assert decoded.text.count("\ufffd") <= 2


def test_one_broken_byte_in_gbk_does_not_change_the_charset() -> None:
    body = document(TITLE * 20, "gbk").encode("gb18030").replace("读".encode("gb18030"), b"\xff", 1)

    decoded = decode(body, None)

    assert decoded.encoding == "gb18030"
    assert decoded.text.count(TITLE) == 19


@pytest.mark.parametrize(
    ("label", "codec", "title"),
    [
        ("Shift_JIS", "cp932", "製品ニュース①"),
        ("EUC-JP", "euc_jis_2004", "製品ニュース①"),
        ("ISO-2022-JP", "iso2022_jp", "製品ニュース"),
        ("euc-kr", "cp949", "제품 소식 똠"),
        ("ks_c_5601-1987", "cp949", "제품 소식"),
        ("windows-1251", "cp1251", "Новости"),
        ("KOI8-R", "koi8_r", "Новости"),
        ("koi8-u", "koi8_u", "Новини їжа"),
        ("IBM855", "cp855", "Новости"),
        ("ibm866", "cp866", "Новости"),
        ("MacCyrillic", "mac_cyrillic", "Новости"),
        ("x-mac-cyrillic", "mac_cyrillic", "Новости"),
        ("windows-874", "cp874", "ข่าวสินค้า"),
        ("TIS-620", "cp874", "ข่าวสินค้า"),
        ("iso-8859-1", "cp1252", "café “crème” – 5 €"),
        ("latin1", "cp1252", "naïve “quotes”"),
        ("us-ascii", "cp1252", "it’s"),
        ("windows-1255", "cp1255", "חדשות"),
        ("iso-8859-7", "iso8859_7", "Νέα"),
        ("iso-8859-9", "cp1254", "Haberler İğş"),
    ],
)
def test_a_declared_charset_is_read_by_the_codec_that_publishers_mean(label: str, codec: str, title: str) -> None:
    decoded = decode(document(title, label).encode(codec), None)

    assert title in decoded.text
    assert decoded.degraded is None


def test_a_charset_that_nobody_names_is_guessed_and_said() -> None:
    text = document("Сегодня мы говорим о продуктах, данных и дизайне. " * 10, None)

    decoded = decode(text.encode("koi8_r"), None)

    assert decoded.text == text
    assert decoded.degraded == "no usable charset is declared, read as koi8_r"


@pytest.mark.parametrize("label", ["utf-7", "punycode", "undefined", "rot13", "unicode_escape", "idna", "hex", "zip"])
def test_a_label_that_is_no_charset_of_documents_is_never_looked_up(label: str) -> None:
    text = document("+ADw-script+AD4- \\u0041", label)

    decoded = decode(text.encode(), f"text/xml; charset={label}")

    assert decoded.text == text


@pytest.mark.parametrize(
    "body", [b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xfe\x00", b"\x00", b"\xff", b"\x80\x81\x8d\x90"]
)
def test_no_bytes_are_too_odd_to_decode(body: bytes) -> None:
    assert isinstance(decode(body, None).text, str)
