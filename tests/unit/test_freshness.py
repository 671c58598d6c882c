from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aggregator.freshness import fresh_for, freshness_hints, http_date, retry_after, with_hints

NOW = datetime(2021, 9, 30, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, None, id="nothing said"),
        pytest.param({"cache-control": "max-age=7200"}, 2 * HOUR, id="max-age"),
        pytest.param({"cache-control": 'MAX-AGE="7200"'}, 2 * HOUR, id="upper case and quoted"),
        pytest.param({"cache-control": "public,max-age = 7200 , must-revalidate"}, 2 * HOUR, id="among others"),
        pytest.param({"cache-control": "max-age=7200", "age": "3600"}, HOUR, id="less its Age"),
        pytest.param({"cache-control": "max-age=60", "age": "3600"}, timedelta(), id="never negative"),
        pytest.param({"cache-control": "max-age=7200", "age": "-5"}, 2 * HOUR, id="an Age that is none"),
        pytest.param({"cache-control": "s-maxage=7200"}, None, id="s-maxage is for shared caches"),
        pytest.param({"cache-control": "max-age=600, max-age=7200"}, 600 * HOUR / 3600, id="the first of two"),
        pytest.param({"cache-control": "max-age=600, no-cache"}, timedelta(), id="no-cache"),
        pytest.param({"cache-control": "No-Store"}, timedelta(), id="no-store"),
        pytest.param({"cache-control": 'private="a, max-age=5", max-age=7200'}, 2 * HOUR, id="a comma in quotes"),
        pytest.param({"cache-control": "max-age=-1"}, None, id="negative"),
        pytest.param({"cache-control": "max-age=soon"}, None, id="text"),
        pytest.param({"cache-control": "max-age"}, None, id="no value"),
        pytest.param({"cache-control": "max-age=1e3"}, None, id="a float"),
        pytest.param({"cache-control": "max-age=٣٦٠٠"}, None, id="digits of another script"),
        pytest.param({"cache-control": f"max-age={2**63}"}, timedelta(seconds=2**31), id="2^63"),
        pytest.param({"cache-control": "max-age=" + "9" * 10_000}, timedelta(seconds=2**31), id="ten thousand digits"),
        pytest.param({"cache-control": "max-age=000000000000600"}, 600 * HOUR / 3600, id="leading zeros"),
        pytest.param(
            {"cache-control": "max-age=600", "expires": "Thu, 30 Sep 2021 22:00:00 GMT"},
            600 * HOUR / 3600,
            id="max-age beats Expires",
        ),
        pytest.param({"expires": "Thu, 30 Sep 2021 15:00:00 GMT"}, 3 * HOUR, id="Expires"),
        pytest.param(
            {"expires": "Thu, 30 Sep 2021 20:00:00 GMT", "date": "Thu, 30 Sep 2021 17:00:00 GMT"},
            3 * HOUR,
            id="Expires by the server's own clock",
        ),
        pytest.param({"expires": "0"}, timedelta(), id="Expires: 0"),
        pytest.param({"expires": "-1"}, timedelta(), id="Expires: -1"),
        pytest.param({"expires": "Wed, 29 Sep 2021 15:00:00 GMT"}, timedelta(), id="Expires in the past"),
        pytest.param(
            {"expires": "Fri, 31 Dec 9999 23:59:59 GMT"},
            datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - NOW,
            id="Expires never",
        ),
    ],
)
def test_a_response_says_how_long_it_stays_fresh(headers: dict[str, str], expected: timedelta | None) -> None:
    assert fresh_for(headers, NOW) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, None, id="nothing asked"),
        pytest.param({"retry-after": "7200"}, 2 * HOUR, id="seconds"),
        pytest.param({"retry-after": " 7200 "}, 2 * HOUR, id="blanks round it"),
        pytest.param({"retry-after": "0"}, None, id="zero"),
        pytest.param({"retry-after": "-5"}, None, id="negative"),
        pytest.param({"retry-after": "1e3"}, None, id="a float"),
        pytest.param({"retry-after": "soon"}, None, id="text"),
        pytest.param({"retry-after": "34560000"}, timedelta(days=400), id="400 days, which are capped elsewhere"),
        pytest.param({"retry-after": str(2**63)}, timedelta(seconds=2**31), id="2^63"),
        pytest.param({"retry-after": "120, 7200"}, 2 * HOUR, id="the longest of two"),
        pytest.param({"retry-after": "Thu, 30 Sep 2021 15:00:00 GMT"}, 3 * HOUR, id="a date"),
        pytest.param({"retry-after": "Thursday, 30-Sep-21 15:00:00 GMT"}, 3 * HOUR, id="a date of RFC 850"),
        pytest.param({"retry-after": "Thu Sep 30 15:00:00 2021"}, 3 * HOUR, id="a date of asctime"),
        pytest.param({"retry-after": "Thu, 30 Sep 2021 11:00:00 GMT"}, None, id="a date in the past"),
        pytest.param(
            {"retry-after": "Thu, 30 Sep 2021 20:00:00 GMT", "date": "Thu, 30 Sep 2021 17:00:00 GMT"},
            3 * HOUR,
            id="a date by the server's own clock",
        ),
        pytest.param(
            {"retry-after": "Thu, 30 Sep 2021 13:00:00 GMT, Thu, 30 Sep 2021 15:00:00 GMT"},
            3 * HOUR,
            id="the longest of two dates",
        ),
    ],
)
def test_an_answer_asks_how_long_to_stay_away(headers: dict[str, str], expected: timedelta | None) -> None:
    assert retry_after(headers, NOW) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sun Nov  6 08:49:37 1994", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("sun, 06 nov 1994 08:49:37 gmt", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Thursday, 30-Sep-71 00:00:00 GMT", datetime(2071, 9, 30, tzinfo=UTC)),
        ("Friday, 30-Sep-72 00:00:00 GMT", datetime(1972, 9, 30, tzinfo=UTC)),
        ("Fri, 31 Dec 2021 23:59:60 GMT", datetime(2021, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Tue, 31 Foo 2021 00:00:00 GMT", None),
        ("Tue, 31 Feb 2021 00:00:00 GMT", None),
        ("Tue, 01 Feb 2021 25:00:00 GMT", None),
        ("2021-09-30T12:00:00Z", None),
        ("0", None),
        ("", None),
    ],
)
def test_an_http_date_is_read_in_its_three_formats(text: str, expected: datetime | None) -> None:
    assert http_date(text, NOW) == expected


def test_a_304_without_freshness_keeps_what_the_whole_answer_said() -> None:
    stored = freshness_hints({"cache-control": "max-age=7200", "etag": '"a"'})

    assert fresh_for(with_hints({"etag": '"a"'}, stored), NOW) == 2 * HOUR


def test_a_304_with_freshness_replaces_what_the_whole_answer_said() -> None:
    stored = freshness_hints({"cache-control": "max-age=7200"})

    assert fresh_for(with_hints({"cache-control": "max-age=60"}, stored), NOW) == timedelta(seconds=60)
