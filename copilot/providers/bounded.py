"""A limit on what others' servers may send: an answer that is too long is broken off, not kept."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2


class TooLong(Exception):
    """A server sends more than it may."""


class Bounded(httpx2.AsyncBaseTransport):
    """Passes on so many bytes of each answer; raises TooLong behind them."""

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
