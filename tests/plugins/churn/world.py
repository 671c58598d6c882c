"""Publishers that churn: what each lists, what an operator writes of them into feeds.yaml, and all that happens to both."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any
from xml.sax.saxutils import escape

LISTED = 12
"""Entries that a publisher lists; the oldest make room for the new."""
TOPICS = ["harbour", "kettle", "水温", "queue", "茶席"]
AD = "Sponsored"


@dataclass
class Article:
    """An article as its publisher lists it now; `uid` stands in its title and never changes."""

    uid: str
    topic: str
    link: str
    guid: str | None
    date: datetime | None
    enclosure: str = ""
    title_edits: int = 0
    body_edits: int = 0
    ad: bool = False
    through: str = ""
    """What another publisher of the same article adds to its title."""
    updated: datetime | None = None

    @property
    def title(self) -> str:
        edited = f", edited {self.title_edits} times" if self.title_edits else ""
        return f"{f'{AD}: ' if self.ad else ''}On {self.topic} & “more” <{self.uid}>{edited}{self.through}"

    @property
    def body(self) -> str:
        return f"<p>Text of {self.uid} on {self.topic}, state {self.body_edits}{self.through}.</p>"


@dataclass
class Publisher:
    """One publisher; its documents are played by the fake."""

    name: str
    kind: str
    """rss, atom, json, midnight (rss with dates without times) or undated (rss without guids and dates)."""
    path: str
    listed: list[Article] = field(default_factory=list)
    gone: list[Article] = field(default_factory=list)
    """What it lists no more."""
    scheme: int = 0
    secure: bool = False
    empty: bool = False
    down: bool = False

    def link(self, uid: str) -> str:
        return f"http{'s' if self.secure else ''}://{self.name}.example/{uid}"

    def guid(self, uid: str) -> str | None:
        version = f"v{self.scheme}-" if self.scheme else ""
        match self.kind:
            case "atom":
                return f"tag:{self.name}.example,2026:{version}{uid}"
            case "json":
                return f"urn:example:{self.name}:{version}{uid}"
            case "undated":
                return None
        return f"{version}{uid}"

    def document(self) -> bytes:
        """Return what it serves."""
        articles = [] if self.empty else self.listed
        if self.kind == "json":
            items = [_json_item(one) for one in articles]
            return json.dumps(
                {"version": "https://jsonfeed.org/version/1.1", "title": self.name, "items": items}
            ).encode()
        write, head, foot = _ATOM if self.kind == "atom" else _RSS
        return (head.format(self.name) + "".join(map(write, articles)) + foot).encode()


def _json_item(one: Article) -> dict[str, Any]:
    assert one.date
    item = {
        "id": one.guid,
        "url": one.link,
        "title": one.title,
        "content_html": one.body,
        "date_published": one.date.isoformat(),
    }
    attached = (
        {"attachments": [{"url": one.enclosure, "mime_type": "audio/mpeg", "size_in_bytes": 48}]}
        if one.enclosure
        else {}
    )
    return item | attached


def _rss_item(one: Article) -> str:
    guid = f"<guid isPermaLink='false'>{one.guid}</guid>" if one.guid else ""
    date = f"<pubDate>{format_datetime(one.date)}</pubDate>" if one.date else ""
    enclosure = f"<enclosure url='{one.enclosure}' type='audio/mpeg' length='48'/>" if one.enclosure else ""
    said = f"<title>{escape(one.title)}</title><description>{escape(one.body)}</description>"
    return f"<item>{guid}{said}<link>{escape(one.link)}</link>{date}{enclosure}</item>"


def _atom_entry(one: Article) -> str:
    assert one.date
    enclosure = f"<link rel='enclosure' href='{one.enclosure}' type='audio/mpeg'/>" if one.enclosure else ""
    dates = f"<published>{one.date.isoformat()}</published><updated>{(one.updated or one.date).isoformat()}</updated>"
    said = f"<title>{escape(one.title)}</title><content type='html'>{escape(one.body)}</content>"
    return f"<entry><id>{one.guid}</id>{said}<link href='{escape(one.link)}'/>{dates}{enclosure}</entry>"


_RSS = (
    _rss_item,
    "<rss version='2.0'><channel><title>{0}</title><link>https://{0}.example/</link>",
    "</channel></rss>",
)
_ATOM = (
    _atom_entry,
    "<feed xmlns='http://www.w3.org/2005/Atom'><title>{0}</title><id>tag:{0}.example,2026:feed</id>",
    "</feed>",
)


@dataclass(frozen=True)
class ViewRules:
    """A view of feeds.yaml."""

    name: str
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    query: str | None = None
    per_source: int | None = None
    entries: int = 50
    hours: int = 48
    drop: str | None = None
    """What titles may not hold."""

    def written(self) -> dict[str, Any]:
        """Return it as feeds.yaml has it."""
        said: dict[str, Any] = {"title": f"View {self.name}", "entries": self.entries, "window": f"{self.hours}h"}
        said |= {"sources": list(self.sources)} if self.sources else {}
        said |= {"tags": list(self.tags)} if self.tags else {}
        said |= {"query": self.query} if self.query else {}
        said |= {"per_source": self.per_source} if self.per_source else {}
        return said | ({"filters": [{"drop": {"title": self.drop}}]} if self.drop else {})


@dataclass
class Subscribed:
    """A source of feeds.yaml."""

    id: str
    publisher: Publisher
    more: dict[str, Any] = field(default_factory=dict)
    """Keys beyond id and url."""
    pinned: bool = True
    """Whether feeds.yaml names its id; else it is known by what the product first called it."""


VIEWS = [
    ViewRules("desk", sources=("tea", "notebook", "midnight")),
    ViewRules("desk", sources=("tea", "notebook", "midnight"), per_source=5),
    ViewRules("desk", sources=("tea", "notebook", "walks"), query="harbour"),
    ViewRules("desk", tags=("loud",), entries=20, hours=12),
    ViewRules("desk", query="水温", entries=10, hours=24),
    ViewRules("desk", drop=AD, per_source=8, entries=30),
    ViewRules("desk", sources=("tea", "wire", "notes"), entries=7, hours=9),
]
"""What the view becomes, one after the other."""


class World:
    """Everybody whose doings reach a subscriber; all chance comes from one seed."""

    def __init__(self, seed: int, now: datetime) -> None:
        self.random = Random(seed)
        self.now = now
        self.count = 0
        self.told: list[str] = []
        """What happened in this round."""
        self.busy: set[str] = set()
        """Publishers to whom something has happened in this round."""
        kinds = {
            "tea": "rss",
            "notebook": "atom",
            "walks": "json",
            "midnight": "midnight",
            "notes": "undated",
            "wire": "rss",
        }
        self.publishers = {name: Publisher(name, kind, f"/{name}") for name, kind in kinds.items()}
        self.subscribed = [
            Subscribed(name, one, {"tags": ["loud"] if name in "tea wire" else []})
            for name, one in self.publishers.items()
        ]
        self.left: list[Subscribed] = []
        """Sources that feeds.yaml names no more."""
        self.views_seen = 0
        self.read: set[str] = set()
        """Articles that have come to the product through any source."""
        self.settled: set[str] = set()
        """Publishers that keep their ids: the operator hides an entry of theirs."""
        for publisher in self.publishers.values():
            for back in range(LISTED, 0, -1):
                self.publish(publisher, ago=timedelta(hours=9 * back))

    @property
    def view(self) -> ViewRules:
        """The view as feeds.yaml has it: it names no source that is removed."""
        wished = VIEWS[self.views_seen % len(VIEWS)]
        there = {one.id for one in self.subscribed}
        return replace(wished, sources=tuple(name for name in wished.sources if name in there))

    # --- what publishers do ---

    def publish(self, publisher: Publisher, ago: timedelta) -> Article:
        """Put a new article on top of its list, dated so long ago."""
        self.count += 1
        uid = f"w{self.count:04d}"
        date = (self.now - ago).replace(microsecond=0) - timedelta(seconds=self.count)
        if publisher.kind == "midnight":
            date = date.replace(hour=0, minute=0, second=0)
        enclosure = f"https://{publisher.name}.example/{uid}.mp3" if self.count % 3 == 0 else ""
        shown = None if publisher.kind == "undated" else date
        article = Article(
            uid, TOPICS[self.count % len(TOPICS)], publisher.link(uid), publisher.guid(uid), shown, enclosure
        )
        article.ad = self.count % 7 == 0
        publisher.listed.insert(0, article)
        publisher.gone += publisher.listed[LISTED:]
        del publisher.listed[LISTED:]
        return article

    def begin(self, now: datetime) -> None:
        """Begin a round."""
        self.now, self.told, self.busy = now, [], set()
        for publisher in self.publishers.values():
            publisher.empty = publisher.down = False

    def new(self) -> None:
        """Everybody may publish; now and then something is dated long ago."""
        for publisher in self.publishers.values():
            for _ in range(self.random.choice([0, 0, 1, 1, 2])):
                late = self.random.random() < 0.1 and publisher.kind != "undated"
                ago = timedelta(days=12) if late else timedelta(minutes=self.random.randrange(200))
                self.told.append(
                    f"{publisher.name} publishes {self.publish(publisher, ago).uid}{' dated long ago' if late else ''}"
                )

    def _one(self, *but: str) -> Publisher | None:
        """Return a publisher to whom nothing else has happened in this round."""
        subscribed = {one.publisher.name for one in self.subscribed}
        free = [one for name, one in self.publishers.items() if name in subscribed - self.busy and one.kind not in but]
        if not free:
            return None
        self.busy.add((chosen := self.random.choice(free)).name)
        return chosen

    def edit(self) -> None:
        """Titles and bodies change."""
        if not (publisher := self._one()):
            return
        for article in self.random.sample(publisher.listed, 3):
            article.body_edits += 1
            # Without a guid and with its link unchanged it is the same entry.
            article.title_edits += self.random.randrange(2)
            article.updated = self.now if publisher.kind == "atom" else None
            self.told.append(f"{publisher.name} edits {article.uid}")

    def vanish(self) -> None:
        """Some are listed no more, for a while or for ever."""
        if publisher := self._one():
            for article in self.random.sample(publisher.listed, min(4, len(publisher.listed) - 3)):
                publisher.listed.remove(article)
                publisher.gone.append(article)
                self.told.append(f"{publisher.name} drops {article.uid}")

    def return_(self) -> None:
        """What was dropped is listed again, lowest."""
        if (publisher := self._one()) and publisher.gone:
            for article in self.random.sample(publisher.gone, min(4, len(publisher.gone))):
                publisher.gone.remove(article)
                publisher.listed.append(article)
                self.told.append(f"{publisher.name} lists {article.uid} again")

    def reorder(self) -> None:
        """The same entries in another order."""
        if publisher := self._one():
            self.random.shuffle(publisher.listed)
            self.told.append(f"{publisher.name} lists in another order")

    def migrate(self) -> None:
        """Every guid is another one."""
        if (publisher := self._one("undated")) and publisher.name not in self.settled:
            publisher.scheme += 1
            for article in publisher.listed:
                article.guid = publisher.guid(article.uid)
            self.told.append(f"{publisher.name} gives all its entries new ids")

    def secure(self) -> None:
        """Every link goes from http to https, or back."""
        if publisher := self._one():
            publisher.secure = not publisher.secure
            for article in publisher.listed:
                scheme, _, rest = article.link.partition("://")
                article.link = f"{'http' if scheme == 'https' else 'https'}://{rest}"
            self.told.append(f"{publisher.name} moves between http and https")

    def fail(self) -> None:
        """A publisher answers 404 once."""
        if publisher := self._one():
            publisher.down = True
            self.told.append(f"{publisher.name} is down")

    def silence(self) -> None:
        """A publisher answers with an empty document once."""
        if publisher := self._one():
            publisher.empty = True
            self.told.append(f"{publisher.name} lists nothing")

    def story(self) -> None:
        """What one publisher has listed comes through another one too."""
        wire = self.publishers["wire"]
        if "wire" in self.busy or all(one.publisher is not wire for one in self.subscribed):
            return
        if (first := self._one("undated")) is None:
            return
        known = {article.uid for article in (*wire.listed, *wire.gone)}
        fresh = [article for article in first.listed if article.uid in self.read - known]
        if first is wire or not fresh:
            return
        told = self.random.choice(fresh)
        self.busy.add("wire")
        address = (
            told.link.replace("https://", "http://www.")
            if "https" in told.link
            else told.link.replace("http://", "https://")
        )
        again = replace(
            told, link=f"{address}/?utm_source=wire", guid=wire.guid(f"{told.uid}-wire"), through=", by wire"
        )
        again.date = self.now.replace(microsecond=0) - timedelta(seconds=self.count)
        wire.listed.insert(0, again)
        self.told.append(f"wire lists {told.uid} of {first.name}")

    # --- what the operator does ---

    def rename(self) -> None:
        """A source has another name, and is filed elsewhere."""
        one = self.random.choice(self.subscribed)
        one.more |= {
            "name": f"Renamed {self.count}",
            "site": f"Site {self.count}",
            "category": f"Category {self.count % 5}",
        }
        self.told.append(f"{one.id} is renamed")

    def move(self) -> None:
        """A publisher has another address, and feeds.yaml says so."""
        if publisher := self._one():
            publisher.path = f"/{publisher.name}/{self.count}"
            self.told.append(f"{publisher.name} has another URL in feeds.yaml")

    def edit_view(self) -> None:
        """The view chooses otherwise."""
        self.views_seen += 1
        self.told.append(f"the view is now {self.view}")

    def add(self) -> None:
        """A new source comes, with more than enters at once; or one that was there before."""
        if self.left and self.random.random() < 0.5:
            self.subscribed.append(back := self.left.pop())
            self.told.append(f"{back.id} is subscribed again")
            return
        if len(self.subscribed) > 8:
            return
        publisher = Publisher(f"new{self.count}", "rss", f"/new{self.count}")
        self.publishers[publisher.name] = publisher
        articles = [self.publish(publisher, timedelta(hours=5 * back)) for back in range(28, 0, -1)]
        publisher.listed, publisher.gone = articles[::-1], []
        self.subscribed.insert(1, Subscribed(publisher.name, publisher))
        self.busy.add(publisher.name)
        self.told.append(f"{publisher.name} is subscribed, with {len(articles)} entries")

    def remove(self) -> None:
        """A source is subscribed to no more; what it brought stays."""
        kept = [one for one in self.subscribed if one.id != "tea"]  # whose own feed is read
        if len(self.subscribed) > 6:
            one = self.random.choice(kept)
            self.subscribed.remove(one)
            self.left.append(one)
            self.told.append(f"{one.id} is removed")

    def shuffle(self) -> None:
        """The sources stand in another order."""
        self.random.shuffle(self.subscribed)
        self.told.append("feeds.yaml in another order")

    def filters(self) -> None:
        """A source hides its advertisements, or shows them again."""
        one = self.random.choice(self.subscribed)
        if one.more.pop("filters", None) is None:
            one.more["filters"] = [{"drop": {"title": AD}}]
        self.told.append(f"{one.id} has {'filters' if 'filters' in one.more else 'no filters'}")
