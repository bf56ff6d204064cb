"""A connection to one server of tools, by the protocol's own library, with a limit on its size."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from copilot.config import Tool

ENVELOPE = 64 * 1024
"""Bytes that a message may have beside its result: names and descriptions of tools."""
_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
"""All that a server's process gets of our environment: no keys."""


@asynccontextmanager
async def connected(server: Tool) -> AsyncIterator[Client]:
    """A client that has shaken hands; nothing is offered to the server: no sampling, no roots."""
    most = 1024 * server.kilobytes + ENVELOPE
    if server.command:
        relay = [sys.executable, "-m", "copilot.mind.sieve", str(most), *server.command]
        environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        target = StdioServerParameters(command=relay[0], args=relay[1:], env=environment)
        async with Client(target, read_timeout_seconds=server.seconds) as client:
            yield client
        return
    token = server.token.get_secret_value()
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(
        headers=headers,
        trust_env=False,
        timeout=max(server.seconds, 5.0),
        transport=_Bounded(httpx2.AsyncHTTPTransport(), most),
    ) as http:
        link = streamable_http_client(server.url, http_client=http, max_sse_event_size=most)
        async with Client(link, read_timeout_seconds=server.seconds) as client:
            yield client


class TooLong(Exception):
    """A server sends more than it may."""


class _Bounded(httpx2.AsyncBaseTransport):
    """Breaks off an answer that is too long instead of keeping it."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, most: int) -> None:
        self._inner = inner
        self._most = most

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        response.stream = _Counted(response.stream, self._most)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, inner: Any, most: int) -> None:
        self._inner = inner
        self._left = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._left -= len(chunk)
            if self._left < 0:
                raise TooLong
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
