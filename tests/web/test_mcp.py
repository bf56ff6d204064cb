"""The copilot as a server of tools, asked by the protocol's own client, by people of two teams."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
import uvicorn
from click.testing import CliRunner
from litestar import Litestar
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from copilot.accounts.roles import Role, Scope
from copilot.cli import main
from copilot.store.log import Store
from copilot.store.team import TeamCalls
from copilot.web.app import create_app
from tests.helpers import Call
from tests.tenants import Tenants, make_accounts, make_tenants
from tests.website import QUESTION, make_services


@pytest.fixture
async def tenants(store: Store, asked: Call) -> Tenants:
    made = await make_tenants(make_accounts(store))
    for prefix in ("", "other_"):
        agent = await made.who(f"{prefix}agent")
        TeamCalls(store, agent.owner, False).append(f"{prefix or 'our_'}call", asked.log)
    return made


@pytest.fixture
def app(store: Store, tenants: Tenants, tmp_path: Path) -> Litestar:
    return create_app(make_services(store, tmp_path, accounts=tenants.accounts))


@asynccontextmanager
async def client(app: Litestar, token: str) -> AsyncIterator[Client]:
    transport = httpx2.ASGITransport(cast(Any, app))
    headers = {"authorization": f"Bearer {token}"}
    url = "http://127.0.0.1:8123"
    async with httpx2.AsyncClient(transport=transport, base_url=url, headers=headers) as http:
        link = streamable_http_client(f"{url}/mcp", http_client=http)
        async with Client(link) as made:
            yield made


async def token(tenants: Tenants, who: str, *scopes: Scope) -> str:
    caller = await tenants.who(who)
    _, secret = await tenants.accounts.tokens.make(caller, "tools", list(scopes))
    return secret


async def ask(made: Client, name: str, **given: object) -> Any:
    result = await made.call_tool(name, given)
    assert not result.is_error, result.content
    return json.loads(cast(Any, result.content[0]).text)


async def test_all_tools_only_read(app: Litestar, tenants: Tenants) -> None:
    secret = await token(
        tenants, Role.LEAD, Scope.CALLS_READ, Scope.CALLS_WATCH, Scope.KNOWLEDGE_READ,
        Scope.POLICY_READ,
    )  # fmt: skip
    async with client(app, secret) as made:
        tools = (await made.list_tools()).tools
        assert sorted(tool.name for tool in tools) == [
            "live_calls", "search", "suggestions", "transcript", "what_if",
        ]  # fmt: skip
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
        said = await ask(made, "transcript", call="our_call")
        assert [line["speaker"] for line in said] == ["agent", "customer", "agent"]
        shown = await ask(made, "suggestions", call="our_call")
        assert [one["sources"] for one in shown if "card" in one] == [
            ["parcel/address#change my address"]
        ]
        found = await ask(made, "search", query="change my address")
        assert found[0]["id"] == "parcel/address#change my address"
        tried = await ask(made, "what_if", call="our_call", policy='{"min_support": 99}')
        assert [one for one in tried["as_it_was"] if "card" in one]
        assert not [one for one in tried["would_have_been"] if "card" in one]
        assert await ask(made, "live_calls") == []


async def test_a_token_reaches_as_far_as_its_scopes(app: Litestar, tenants: Tenants) -> None:
    async with client(app, await token(tenants, Role.AGENT, Scope.KNOWLEDGE_READ)) as made:
        assert [tool.name for tool in (await made.list_tools()).tools] == ["search"]
        refused = await made.call_tool("transcript", {"call": "our_call"})
        assert refused.is_error


async def test_other_teams_calls_are_not_there(app: Litestar, tenants: Tenants) -> None:
    async with client(app, await token(tenants, Role.AGENT, Scope.CALLS_READ)) as made:
        for tool in ("transcript", "suggestions"):
            for call in ("other_call", "never"):
                told = await made.call_tool(tool, {"call": call})
                assert told.is_error
                assert "no call" in cast(Any, told.content[0]).text


async def test_nobody_without_a_token(app: Litestar) -> None:
    with pytest.raises((MCPError, ExceptionGroup, httpx2.HTTPError)):
        async with client(app, "wrong"):
            pass


@asynccontextmanager
async def served(app: Litestar) -> AsyncIterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await task


async def test_over_standard_input_and_output_with_the_same_rights(
    app: Litestar, tenants: Tenants, tmp_path: Path
) -> None:
    """`copilot mcp` in a process of its own, in front of the running service."""
    secret = await token(tenants, Role.AGENT, Scope.CALLS_READ)
    file = tmp_path / "copilot.toml"
    file.write_text("")
    async with served(app) as url:
        door = StdioServerParameters(
            command=sys.executable,
            args=["-m", "copilot", "--config", str(file), "mcp", "--url", url],
            env={**os.environ, "COPILOT_TOKEN": secret},
        )
        async with Client(door) as made:
            names = sorted(tool.name for tool in (await made.list_tools()).tools)
            assert names == ["live_calls", "suggestions", "transcript"]
            said = await ask(made, "transcript", call="our_call")
            assert any(QUESTION in line["said"] for line in said)
            for name, given in (("transcript", {"call": "other_call"}), ("search", {"query": "x"})):
                assert (await made.call_tool(name, given)).is_error


def test_the_door_tells_people_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "copilot.toml"
    file.write_text("[accounts]\nrequired = true\n")
    for token_, url, told in (
        ("", "http://127.0.0.1:9", "COPILOT_TOKEN is not set"),
        ("x", "127.0.0.1:9", "write it as http://host:port"),
        ("x", "http://127.0.0.1:9", "no copilot answers"),
    ):
        done = CliRunner(env={"COPILOT_TOKEN": token_}).invoke(
            main, ["--config", str(file), "mcp", "--url", url]
        )
        assert done.exit_code == 2
        assert told in done.output
