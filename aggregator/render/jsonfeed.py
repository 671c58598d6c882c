"""Write a merged feed as JSON Feed 1.1."""

from __future__ import annotations

import json

from aggregator.render.characters import language_tag, markup, media_type, plain, rfc3339, web_uri
from aggregator.render.extensions import Json, Other, others, podcast_value
from aggregator.render.merged import MergedFeed, SourceInfo
from aggregator.render.wording import categories_of, shown_title, writers_of
from storage.record import Enclosure, Record

TYPE = "application/feed+json"


def jsonfeed(feed: MergedFeed) -> bytes:
    """Return the feed as a JSON Feed document in UTF-8; what is not known is absent, never null."""
    items: list[Json] = [_item(record, feed.source_of(record), others(feed, record)) for record in feed.records]
    told: dict[str, Json] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": plain(feed.title) or "Merged feed",
        "home_page_url": feed.home_url,
        "feed_url": feed.self_url,
        "next_url": feed.next_url,
        "language": language_tag(feed.language),
    }
    return json.dumps(_known(told) | {"items": items}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _item(record: Record, source: SourceInfo, also: tuple[Other, ...]) -> Json:
    html, summary = markup(record.html), plain(record.summary)
    bodiless = not html.strip()  # one of the two bodies must be there
    return _known(
        {
            "id": plain(record.public_id),
            "url": web_uri(record.link),
            "title": plain(record.title),
            "content_html": "" if bodiless else html,
            "content_text": (summary or shown_title(record)) if bodiless else None,
            "summary": summary,
            "image": web_uri(record.image),
            "date_published": rfc3339(record.published),
            "date_modified": rfc3339(record.updated),
            "authors": [{"name": name} for name in writers_of(record)],
            "tags": list(categories_of(record)),
            "language": language_tag(record.language),
            "attachments": [_attachment(one, url) for one in record.enclosures if (url := web_uri(one.url))],
            "_source": _known({"id": source.id, "title": source.title, "url": source.home, "feed_url": source.url}),
            "_also_in": [_known({"id": one.id, "title": one.title, "url": one.url}) for one in also],
            "_podcast": podcast_value(record),
        }
    )


def _attachment(enclosure: Enclosure, url: str) -> Json:
    seconds = None if enclosure.duration is None else int(enclosure.duration.total_seconds())
    return _known(
        {
            "url": url,
            "mime_type": media_type(enclosure.type, url),
            "title": plain(enclosure.title or ""),
            "size_in_bytes": enclosure.length,
            "duration_in_seconds": seconds,
        }
    )


def _known(fields: dict[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value not in (None, "", [])}
