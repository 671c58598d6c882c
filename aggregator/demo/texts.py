"""What the built-in publisher publishes: short texts of our own, in Chinese and English."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Piece:
    """One text: its place in the feed's addresses, title, HTML body, day."""

    slug: str
    title: str
    html: str
    day: datetime
    writer: str = ""


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NEWEST = _day("2026-03-02T14:05:00")
"""Day of the newest of these texts."""

PRODUCT = (
    Piece(
        "small-screen",
        "把一个功能做小：一次减法的记录",
        '<p><img src="{base}pictures/1.svg" alt="三块渐变的色板" width="640" height="320"></p>'
        "<p>上线三个月后，我们删掉了首页的一半按钮。留下来的两个，点击反而多了。</p>"
        "<h2>先问谁会想念它</h2><p>删之前，我们给每个按钮写了一张“讣告”：它为谁而生，谁会想念它。"
        "写不出名字的，就删。</p><blockquote><p>少，不是目的；看得清，才是。</p></blockquote>",
        _day("2026-03-02T09:30:00"),
        "林小满",
    ),
    Piece(
        "interview",
        "访谈提纲不要超过七个问题",
        "<p>第八个问题开始，受访者就在猜你想听什么。把问题排好序，前三个问不完，就别问后面的。</p>"
        "<ul><li>他上一次做这件事是什么时候？</li><li>中途停下来过吗？</li><li>后来怎么绕过去的？</li></ul>",
        _day("2026-03-01T08:00:00"),
        "周舟",
    ),
    Piece(
        "metrics",
        "指标：“日活”之外，还能看什么",
        '<p><img src="{base}pictures/2.svg" alt="一条缓慢上升的曲线" width="640" height="320"></p>'
        "<p>我们换了一个指标：一周之内，回来把同一件事做完的人有多少。数字小得多，却第一次能解释续费。</p>",
        _day("2026-02-26T08:00:00"),
        "林小满",
    ),
)

NOTEBOOK = (
    Piece(
        "quiet-queues",
        "Queues that say when they are full",
        '<p><img src="{base}pictures/3.svg" alt="Boxes in a row, the last one open"></p>'
        "<p>A queue without a bound is a promise you cannot keep. Ours now refuses the 1,001st job "
        "and says <em>how long</em> to wait; the callers turned out to prefer that.</p>"
        "<pre><code>if len(queue) &gt;= 1000:\n    raise Full(retry_after=eta())\n</code></pre>",
        _day("2026-03-02T14:05:00"),
        "Imogen Hale",
    ),
    Piece(
        "clock",
        "One module reads the clock",
        "<p>Every test that slept is gone. The code that decides takes <code>now</code> as an argument, "
        "and the one module that reads the clock has eleven lines.</p>",
        _day("2026-02-27T10:20:00"),
        "Imogen Hale",
    ),
    Piece(
        "names",
        "Names: a table beats a debate",
        "<table><thead><tr><th>word</th><th>is</th></tr></thead><tbody><tr><td>source</td>"
        "<td>what we poll</td></tr><tr><td>feed</td><td>what we serve</td></tr></tbody></table>"
        "<p>We argued about names for a year. Then we wrote the table, and stopped.</p>",
        _day("2026-02-20T07:45:00"),
        "Tomás Prieto",
    ),
)

WALKS = (
    Piece(
        "harbour",
        "Harbour, before the ferries",
        "<p>Four minutes of gulls, one bell, and the first ferry clearing its throat.</p>",
        _day("2026-03-01T06:10:00"),
    ),
    Piece(
        "market",
        "Market hall, closing time",
        "<p>Shutters, crates, a broom. Somebody whistles the same bar three times.</p>",
        _day("2026-02-22T18:30:00"),
    ),
)

TEA = (
    Piece(
        "longjing",
        "明前茶的水温",
        "<p>八十度太低，九十度太高？其实差别更多在壶，而不在水。我们用同一把壶，量了十天。</p>",
        _day("2026-02-28T04:00:00"),
        "顾南",
    ),
    Piece(
        "cups",
        "杯子的薄厚与香气",
        "<p>薄胎的杯子散热快，香气先到；厚杯留得久。喝绿茶用薄的，喝岩茶用厚的。</p>",
        _day("2026-02-18T04:00:00"),
        "顾南",
    ),
)

SLOW = (
    Piece(
        "patience",
        "This feed takes three seconds to answer",
        "<p>It holds up nobody but itself: the others were polled while you waited for it.</p>",
        _day("2026-02-25T12:00:00"),
    ),
)

TICKER = (
    ("A new entry, just now", "<p>The publisher adds one every few seconds, so that you can watch it arrive.</p>"),
    ("又来了一条", "<p>每隔几秒，这个内置的发布者就会多发一条，你可以看着它出现在合并后的订阅里。</p>"),
    (
        "Reload, or let your reader poll",
        "<p>Its date is its publisher's, its place in the merged feed is by that date.</p>",
    ),
    ("没有一条会重复", "<p>刷新多少次、重启多少次，旧的不会变成新的。</p>"),
)
