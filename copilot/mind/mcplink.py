"""A connection to one server of tools, by the protocol's own library, with a limit on its size; and
the way for others to our own over standard input and output."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams

from copilot.config.sections import Tool
from copilot.errors import MindError
from copilot.providers.bounded import Bounded

ENVELOPE = 64 * 1024
"""Bytes that a message may have beside its result: names and descriptions of tools."""
RELAY_S = 120.0
"""For an answer that is passed on: a what-if takes its time."""
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
        transport=Bounded(httpx2.AsyncHTTPTransport(), most),
    ) as http:
        link = streamable_http_client(server.url, http_client=http, max_sse_event_size=most)
        async with Client(link, read_timeout_seconds=server.seconds) as client:
            yield client


async def relay(url: str, token: str) -> None:
    """Pass on the tools of the server at `url` over standard input and output, until that ends.

    Nothing is kept here: rights and limits are the server's own. Raises MindError where nothing
    answers there, or the token is refused.
    """
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(headers=headers, trust_env=False, timeout=RELAY_S) as http:
        await _knock(http, url)
        async with Client(streamable_http_client(url, http_client=http)) as there:

            async def listed(_: Any, given: PaginatedRequestParams | None) -> ListToolsResult:
                return await there.list_tools(cursor=given.cursor if given else None)

            async def called(_: Any, given: CallToolRequestParams) -> CallToolResult:
                return await there.call_tool(given.name, given.arguments)

            here = Server("copilot", on_list_tools=listed, on_call_tool=called)
            async with stdio_server() as (read, write):
                await here.run(read, write, here.create_initialization_options())


async def _knock(http: httpx2.AsyncClient, url: str) -> None:
    """A fault is told as a sentence, not as whatever the library makes of it."""
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accepts = {"accept": "application/json, text/event-stream"}
    try:
        answer = await http.post(url, json=ping, headers=accepts)
    except httpx2.HTTPError as error:
        raise MindError(f"{url}: no copilot answers ({type(error).__name__})") from None
    if answer.status_code in (401, 403):
        raise MindError(f"{url}: the token is not good (any more); make one under /account")
    if answer.status_code == 404:
        raise MindError(f"{url}: what answers there is no copilot")
