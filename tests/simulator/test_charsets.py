"""Cases S49, S50: every charset that publishers send, under every label that they and their servers put on it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from plugins.publisher import Publisher, reply
from plugins.wired import Wired, at

Make = Callable[..., Wired]

HTTP = (None, "utf-8", "gb2312", "gbk", "big5", "iso-8859-1")
DECLARED = (None, "utf-8", "gb2312", "gbk", "big5", "iso-8859-1")
CHINESE = "朱镕基与囧字：𠮷野家的“引号”和‘撇号’，产品经理早读课的新文章"
TAIWANESE = "囧字與臺灣的“引號”和‘撇號’，產品經理早讀課的新文章"
WESTERN = "Ça va? “Déjà vu” – naïve café, für Größe ‘señor’ € 5"
GB, BIG, WEST = {"gb2312", "gbk"}, {"big5"}, {"iso-8859-1"}
LOOSE = {None, "utf-8", "iso-8859-1"}
"""Labels that stand in no true one's way: none, one that the bytes disprove, and the default of old servers."""


def document(title: str, declared: str | None) -> str:
    said = "" if declared is None else f" encoding='{declared}'"
    item = f"<item><guid>1</guid><title>{title}</title><description>{title * 3}</description></item>"
    return f"<?xml version='1.0'{said}?><rss version='2.0'><channel><title>F</title>{item}</channel></rss>"


def anything(http: str | None, declared: str | None) -> bool:
    return True


def named(true: set[str], loose: set[str | None]) -> Callable[[str | None, str | None], bool]:
    """Return whether one label is true and the other one true or loose (rule 67): else no order of evidence tells."""
    return lambda http, declared: bool({http, declared} & true) and {http, declared} <= true | loose


@pytest.mark.parametrize(
    ("codec", "bom", "title", "decodable", "combinations"),
    [
        pytest.param("utf-8", b"", CHINESE, anything, 36, id="UTF-8"),
        pytest.param("utf-8", b"\xef\xbb\xbf", CHINESE, anything, 36, id="UTF-8 with a BOM"),
        pytest.param("utf-16-le", b"\xff\xfe", CHINESE, anything, 36, id="UTF-16 LE with a BOM"),
        pytest.param("utf-16-be", b"\xfe\xff", CHINESE, anything, 36, id="UTF-16 BE with a BOM"),
        pytest.param("gb18030", b"", CHINESE, named(GB, LOOSE), 16, id="GBK, four-byte characters too"),
        pytest.param("big5", b"", TAIWANESE, named(BIG, LOOSE), 7, id="Big5"),
        pytest.param("cp1252", b"", WESTERN, named(WEST, {None, "utf-8"}), 5, id="ISO 8859-1, windows' quotes"),
    ],
)
async def test_a_title_is_exact_under_every_pair_of_labels_that_can_be_read(
    wired: Make,
    publisher: Publisher,
    codec: str,
    bom: bytes,
    title: str,
    decodable: Callable[[str | None, str | None], bool],
    combinations: int,
) -> None:
    """S49: each of 36 pairs of the header's charset and the declaration's, as far as rule 67 can tell."""
    pairs = [pair for pair in product(HTTP, DECLARED) if decodable(*pair)]
    sources = [at(publisher, f"s{number}", f"/{number}") for number in range(len(pairs))]
    for number, (http, declared) in enumerate(pairs):
        said = "application/xml" if http is None else f"application/xml; charset={http}"
        body = bom + document(title, declared).encode(codec)
        publisher.plays(f"/{number}", reply("200 OK", body, f"Content-Type: {said}"))
    w = wired(*sources)

    await w.poll()

    assert len(pairs) == combinations
    assert {pair: w.titles(f"s{number}") for number, pair in enumerate(pairs)} == {pair: [title] for pair in pairs}


@pytest.mark.parametrize(
    ("http", "declared"), [(None, None), (None, "utf-8"), ("utf-8", None), ("utf-8", "utf-8"), ("utf-8", "gbk")]
)
async def test_one_broken_byte_costs_one_character(
    wired: Make, publisher: Publisher, http: str | None, declared: str | None
) -> None:
    """S50."""
    w = wired(at(publisher))
    before, broken, after = "产品经理早读课".encode(), "囧".encode()[:2], "每天早上七点半".encode()
    body = document("TITLE", declared).encode().replace(b"TITLE", before + broken + after)
    said = "application/xml" if http is None else f"application/xml; charset={http}"
    publisher.plays("/feed", reply("200 OK", body, f"Content-Type: {said}"))

    await w.poll()

    assert w.titles() == ["产品经理早读课\ufffd每天早上七点半"]
    assert str(w.health().state) == "degraded"
