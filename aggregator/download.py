"""Reads a body within its limits: of size on the wire and decoded, of pace, and of what all bodies may hold."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import cast

import httpx

from aggregator import clock
from aggregator.budget import Share
from aggregator.inflate import CodingError, Inflater
from aggregator.outcomes import FailureKind, PollError

_MIB = 1024 * 1024
_TURN = 16
"""Pieces, of 64 KiB at most, after which others may go on."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one attempt may take; the total deadline is the source's own."""

    wire: int = 10 * _MIB
    """Bytes of a body as they come."""
    decoded: int = 16 * _MIB
    """Bytes of a body after its coding was undone."""
    hops: int = 5
    """Redirects in one attempt."""
    slow: int = 100
    """Bytes a second; a body that comes slower for `patience` seconds is given up."""
    patience: float = 10.0


@dataclass(frozen=True, slots=True)
class Body:
    """What came of a body."""

    data: bytes
    truncated: str | None = None
    """How it was seen to end early, in words."""


async def download(response: httpx.Response, limits: Limits, share: Share, deadline: asyncio.Timeout) -> Body:
    """
    Return the decoded body. The share is held when it returns; the deadline stands still while it is waited for.

    Raises PollError: too-large, timeout (too slow), protocol (a coding that was not offered, damaged data),
    connect where the connection broke before the first byte.
    """
    headers = response.headers
    declared = "" if "transfer-encoding" in headers else headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.wire:
        raise _too_large(f"says that it has {int(declared) / _MIB:.1f} MiB", limits.wire, "max_download")
    reader = _Reader(limits, share, deadline)
    truncated = None
    try:
        inflater = Inflater(headers.get("content-encoding", ""))
        try:
            async for chunk in _raw(response):
                await reader.wire(chunk, inflater)
        except httpx.ReadError as error:
            truncated = f"the connection ended within the body ({error})"
        for piece in inflater.finish():
            await reader.take(piece)
    except (CodingError, httpx.RemoteProtocolError) as error:
        raise PollError(FailureKind.PROTOCOL, str(error)) from error
    except httpx.TimeoutException as error:
        raise PollError(FailureKind.TIMEOUT, f"the body stopped coming: {error}") from error
    if truncated and not reader.size:
        raise PollError(FailureKind.CONNECT, "the connection broke after the headers, before the body")
    if not truncated and not inflater.complete:
        truncated = f"the {inflater.name} data end early"
    return Body(reader.body.getvalue(), truncated)


def _raw(response: httpx.Response) -> AsyncIterator[bytes]:
    """Return the bytes as they came; httpx's own decoding is unbounded."""
    return aiter(cast("httpx.AsyncByteStream", response.stream))


class _Reader:
    """Counts while a body comes."""

    def __init__(self, limits: Limits, share: Share, deadline: asyncio.Timeout) -> None:
        self._limits = limits
        self._share = share
        self._deadline = deadline
        self._window_at = clock.awake()
        self._window = 0
        self._wire = 0
        self.size = 0
        self._pieces = 0
        self.body = io.BytesIO()  # whose value needs no second copy, as joining pieces does: 16 MB of a large one

    async def wire(self, chunk: bytes, inflater: Inflater) -> None:
        """Take a chunk off the wire."""
        self._wire += len(chunk)
        if self._wire > self._limits.wire:
            raise _too_large("does not end", self._limits.wire, "max_download")
        self._keep_pace(len(chunk))
        for piece in inflater.feed(chunk):
            await self.take(piece)

    async def take(self, piece: bytes) -> None:
        """Keep a decoded piece."""
        self.size += len(piece)
        if self.size > self._limits.decoded:
            raise _too_large("grows when it is unpacked", self._limits.decoded, "max_body")
        if not self._share.holds(self.size):
            await self._wait()
        self.body.write(piece)
        self._pieces += 1
        if self._pieces % _TURN == 0:  # 32 KiB of a bomb are 16 MiB: whoever is served meanwhile gets a turn
            await asyncio.sleep(0)

    async def _wait(self) -> None:
        """Wait for the share; neither the deadline nor the pace is the publisher's fault meanwhile."""
        started_at, until = clock.awake(), self._deadline.when()
        self._deadline.reschedule(None)
        await self._share.hold(self.size, self._limits.decoded)
        waited = clock.awake() - started_at
        self._window_at += waited
        self._deadline.reschedule(None if until is None else until + waited)

    def _keep_pace(self, size: int) -> None:
        self._window += size
        elapsed = clock.awake() - self._window_at
        if elapsed < self._limits.patience:
            return
        if self._window < self._limits.slow * elapsed:
            raise PollError(
                FailureKind.TIMEOUT, f"the body drips: {self._window} bytes in {elapsed:.0f} s, less than can be read"
            )
        self._window_at, self._window = self._window_at + elapsed, 0


def _too_large(what: str, limit: int, setting: str) -> PollError:
    return PollError(FailureKind.TOO_LARGE, f"the body {what}; at most {limit / _MIB:g} MiB are read ({setting})")
