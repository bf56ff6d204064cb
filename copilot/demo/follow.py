"""Follows a call's live stream (server-sent events), across broken connections."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import httpx

from copilot.core.events import CallEnded, Entry, decode_entry
from copilot.demo.children import DemoError

_TRIES = 5
_WAIT_SECONDS = 0.5
_DATA = "data: "


async def follow(url: str, call_id: str) -> AsyncGenerator[Entry, None]:
    """Every entry of the call once and in order, until it has ended.

    Raises DemoError when the stream cannot be had in several tries in a row.
    """
    seen, tries = -1, 0
    timeout = httpx.Timeout(10.0, read=30.0)
    async with httpx.AsyncClient(base_url=url, timeout=timeout, trust_env=False) as http:
        while True:
            try:
                async for entry in _entries(http, f"/calls/{call_id}/live", seen):
                    seen, tries = entry.seq, 0
                    yield entry
                    if isinstance(entry.event, CallEnded):
                        return
                reason = "it ended before the call"
            except httpx.HTTPError as error:
                reason = str(error) or type(error).__name__
            tries += 1
            if tries == _TRIES:
                raise DemoError(f"{url}/calls/{call_id}/live cannot be followed: {reason}")
            await asyncio.sleep(_WAIT_SECONDS)


async def _entries(http: httpx.AsyncClient, path: str, seen: int) -> AsyncIterator[Entry]:
    headers = {"Accept": "text/event-stream"}
    if seen >= 0:
        headers["Last-Event-ID"] = str(seen)
    async with http.stream("GET", path, headers=headers) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if line.startswith(_DATA):
                yield decode_entry(line.removeprefix(_DATA))
