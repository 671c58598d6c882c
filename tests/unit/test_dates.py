"""Dates as publishers write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aggregator.parse.dates import read_date

NOON = datetime(2021, 9, 30, 12, 0, 0, tzinfo=UTC)
DAY = datetime(2021, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Thu, 30 Sep 2021 12:00:00 GMT",
        "Thu, 30 Sep 2021 12:00:00 +0000",
        "Thu, 30 Sep 2021 20:00:00 +0800",
        "30 Sep 2021 12:00 Z",
        "Thu, 30 September 2021 12:00:00 GMT",
        "Thu,30 Sep 2021 12:00:00 GMT",
        "  Thu, 30 Sep 2021 12:00:00 GMT\n",
        "Thu, 30 Sep 21 12:00:00 GMT",
        "Thu, 30 Sep 2021 08:00:00 EDT",
        "Thu, 30 Sep 2021 12:00:00 GMT+00:00",
        "Thu, 30 Sep 2021 20:00:00 GMT+8",
        "Thu, 30 Sep 2021 12:00:00 Etc/GMT",
        "Thursday, September 30, 2021 12:00 PM UTC",
        "Thu Sep 30 12:00:00 +0000 2021",
        "Thu Sep 30 12:00:00 UTC 2021",
        "Sep 30, 2021 12:00:00 GMT",
        "2021-09-30T12:00:00Z",
        "2021-09-30T12:00:00.123Z",
        "2021-09-30T20:00:00+08:00",
        "2021-09-30T20:00:00+0800",
        "2021-09-30 20:00:00 +0800",
        "2021-09-30T14:00+02",
        "20210930T120000Z",
        "Thu, 30 Sep 2021 13:47+0147",
        "qui, 30 set 2021 12:00:00 +0000",
        "Qui, 30 Set 2021 09:00:00 -0300",
        "gio, 30 set 2021 14:00:00 +0200",
        "jeu., 30 sept. 2021 14:00:00 +0200",
        "Do, 30 September 2021 14:00:00 +0200",
        "чт, 30 сен 2021 15:00:00 +0300",
        "Πεμ, 30 Σεπ 2021 15:00:00 EEST",
        "30. září 2021 14:00 CEST",
        "Paz, 30 Eyl 2021 15:00:00 +0300",
        "2021年9月30日 20:00 +0800",
        "2021/09/30 12:00:00 GMT",
    ],
)
def test_a_date_with_time_and_zone_is_an_exact_instant(text: str) -> None:
    read = read_date(text)

    assert read is not None
    assert read.at.replace(microsecond=0) == NOON
    assert not read.vague


@pytest.mark.parametrize(
    "text",
    [
        "Thu, 30 Sep 2021 12:00:00",
        "2021-09-30 12:00:00",
        "2021-09-30T12:00:00",
        "2021/9/30 12:00",
        "2021年9月30日 12:00",
        "2021年09月30日 12时00分00秒",
        "2021年9月30日 星期四 中午 12:00",
        "2021年9月30日 下午 12:00",
        "２０２１年９月３０日　１２：００",
        "2021년 09월 30일 12:00:00",
        "2021-09-30 오후 12:00:00",
        "30.09.2021 12:00",
        "30/09/2021 12:00:00",
        "09/30/2021 12:00:00 PM",
        "30 de septiembre de 2021 12:00",
        "Thu Sep 30 12:00:00 2021",
    ],
)
def test_a_date_without_a_zone_is_read_as_utc_and_called_vague(text: str) -> None:
    read = read_date(text)

    assert read is not None
    assert read.at == NOON
    assert read.vague


@pytest.mark.parametrize(
    "text",
    [
        "2021-09-30",
        "30 Sep 2021",
        "Thu, 30 Sep 2021",
        "2021年9月30日",
        "20210930",
        "September 30, 2021",
        "30.9.2021",
        "2021/9/30",
    ],
)
def test_a_date_without_a_time_is_midnight_and_called_vague(text: str) -> None:
    read = read_date(text)

    assert read is not None
    assert read.at == DAY
    assert read.vague


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "   ",
        "yesterday",
        "3小时前",
        "Invalid Date",
        "0000-00-00",
        "0000-00-00 00:00:00",
        "0000-00-00T00:00:00Z",
        "Wed, 30 Nov -0001 00:00:00 +0000",
        "Thu, 01 Jan 1970 00:00:00 +0000",
        "1970-01-01T08:00:00+08:00",
        "0001-01-01T00:00:00Z",
        "1989-12-31T23:59:59Z",
        "2021-13-01",
        "2021-02-30T00:00:00Z",
        "30 Sep",
        "03/04/2021 10:00",
        "99999999999999999999",
        "9" * 5000,
        "2021-09-30T25:00:00Z",
        "1633003200",
    ],
)
def test_what_names_no_day_since_1990_is_no_date(text: str | None) -> None:
    assert read_date(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thu, 30 Sep 2021 13:47:03+0900", datetime(2021, 9, 30, 4, 47, 3, tzinfo=UTC)),
        ("Thu, 30 Sep 2021 24:00:00 GMT", datetime(2021, 10, 1, tzinfo=UTC)),
        ("Sat, 31 Dec 2016 23:59:60 GMT", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Mon, 01 Feb 99 10:00:00 GMT", datetime(1999, 2, 1, 10, tzinfo=UTC)),
        ("2021年9月30日 下午 3:05", datetime(2021, 9, 30, 15, 5, tzinfo=UTC)),
        ("2021-09-30 오전 12:10:00", datetime(2021, 9, 30, 0, 10, tzinfo=UTC)),
        ("15 juil. 2020 08:00:00 GMT", datetime(2020, 7, 15, 8, tzinfo=UTC)),
        ("15 juin 2020 08:00:00 GMT", datetime(2020, 6, 15, 8, tzinfo=UTC)),
        ("lun, 4 mag 2020 08:00:00 +0200", datetime(2020, 5, 4, 6, tzinfo=UTC)),
        ("Seg, 3 Fev 2020 08:00:00 -0300", datetime(2020, 2, 3, 11, tzinfo=UTC)),
        ("Mo, 2 Mär 2020 08:00:00 +0100", datetime(2020, 3, 2, 7, tzinfo=UTC)),
        ("Tue, 5 Dec 2034 00:00:00 GMT", datetime(2034, 12, 5, tzinfo=UTC)),
    ],
)
def test_odd_forms_are_read_as_they_are_meant(text: str, expected: datetime) -> None:
    read = read_date(text)

    assert read is not None
    assert read.at == expected
