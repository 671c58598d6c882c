"""The parts of feeds.yaml beside its sources and views: `server`, `storage`, `polling`, `rsshub`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from aggregator.config import rsshub, scalars, urls
from aggregator.config.parts import Agent, Part, Secret, Text
from aggregator.config.scalars import Scalar, between, one_of, sized, whole
from aggregator.model import Polling, RecordStyle, Server

FIELDS = ("link", "updated", "tags", "lang", "description", "rss")

_SERVER, _POLLING = Server(), Polling()


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Folder = Annotated[str, Scalar(scalars.folder, "the path of a folder is meant", scalars.TEXT_SHAPE)]


class ServerPart(Part):
    """`server`: where and under which name the merged feed is served."""

    listen: Annotated[str, Scalar(urls.listen, urls.LISTEN_RULE, scalars.TEXT_SHAPE)] = Field(
        default=_SERVER.listen,
        description="Where to listen: host:port, [v6]:port, or unix:/path; port 0 takes a free one.",
    )
    base_url: Annotated[str, Scalar(urls.base_url, "an absolute http(s) URL is meant", scalars.HTTP_SHAPE)] | None = (
        Field(
            default=None,
            description="Where readers reach this server; absolute links are made of it. Default: of `listen`.",
        )
    )
    title: Text = Field(default=_SERVER.title, description="Title of the merged feed and of the pages.")
    access_token: Secret = Field(default="", description="What readers must give, as ?token= or Bearer; empty: public.")


class BackupsPart(Part):
    """`storage.backups`: copies of the database."""

    every: Annotated[timedelta, between(timedelta(minutes=1), timedelta(days=365))] = Field(
        default=timedelta(days=1), description="How often the database is copied."
    )
    keep: Annotated[int, whole(1, 1000)] = Field(default=7, description="How many copies are kept.")


class StoragePart(Part):
    """`storage`: what lies on disk, and where."""

    path: Folder = Field(default="./data", description="Folder of the database; relative to this file.")
    records: Folder | None = Field(default=None, description="Folder of the record files; without it none are written.")
    record_fields: tuple[Annotated[str, one_of(FIELDS)], ...] = Field(
        default=(), description="Keys that a record file has besides the seven."
    )
    record_style: Annotated[RecordStyle, one_of(RecordStyle)] = Field(
        default=RecordStyle.HEXO, description="For which site generators record files are written."
    )
    backups: BackupsPart = Field(default=BackupsPart(), description="Copies of the database.")


class PollingPart(Part):
    """`polling`: how publishers are asked."""

    user_agent: Agent = Field(
        default=_POLLING.user_agent, description="How we name ourselves; {base_url} and {version} are replaced."
    )
    concurrency: Annotated[int, whole(1, 1000)] = Field(
        default=_POLLING.concurrency, description="Attempts at once, in all."
    )
    per_host: Annotated[int, whole(1, 1000)] = Field(
        default=_POLLING.per_host, description="Attempts at once on one site."
    )
    host_delay: Annotated[timedelta, between(timedelta(0), timedelta(hours=1))] = Field(
        default=_POLLING.host_delay, description="Time between two starts on one site."
    )
    allow_private: tuple[Annotated[str, Scalar(urls.private_address, urls.PRIVATE_RULE, scalars.TEXT_SHAPE)], ...] = (
        Field(default=(), description="Exact host:port that may lie in a private network, such as an own RSSHub.")
    )
    max_in_flight: Annotated[int, sized(1024**2, 4 * 1024**3)] | None = Field(
        default=None,
        description="Bytes of all bodies under way together, twice a source's max_body at least. Default 64MB.",
    )
    workers: Annotated[int, whole(1, 16)] = Field(
        default=_POLLING.workers, description="Processes that read what was fetched."
    )
    max_cpu: Annotated[timedelta, between(timedelta(seconds=1), timedelta(minutes=5))] = Field(
        default=_POLLING.max_cpu, description="Processor time to read one body; no more than max_reading."
    )
    max_reading: Annotated[timedelta, between(timedelta(seconds=1), timedelta(minutes=10))] = Field(
        default=_POLLING.max_reading, description="Time to read one body, also where the machine is busy."
    )
    max_memory: Annotated[int, sized(32 * 1024**2, 2 * 1024**3)] | None = Field(
        default=None, description="Memory to read one body. Default 72MB."
    )


class RsshubPart(Part):
    """`rsshub`: where `rsshub:/a/b` leads."""

    base: Annotated[
        tuple[Annotated[str, Scalar(rsshub.base, "an absolute http(s) URL is meant", scalars.HTTP_SHAPE)], ...],
        BeforeValidator(_listed),
        WithJsonSchema({"anyOf": [scalars.HTTP_SHAPE, {"type": "array", "items": scalars.HTTP_SHAPE, "minItems": 1}]}),
    ] = Field(default=(), description="Address of an RSSHub instance, or several that are tried in order.")
    key: Secret = Field(default="", description="Access key of the instance, sent as ?key=; never shown.")
