"""Real servers of tools over stdio and HTTP, a bad one among them."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

import pytest

from copilot.config import Tool
from copilot.errors import ConfigError
from copilot.mind.tools import Tools
from copilot.providers.redact import Redactor

SERVER = str(Path(__file__).with_name("toolserver.py"))
ALL = ("order_status", "poisoned", "huge", "long", "slow", "broken", "delete_order")


@asynccontextmanager
async def shop(**more: object) -> AsyncIterator[Tools]:
    given: dict[str, object] = {
        "name": "shop", "command": (sys.executable, SERVER), "allow": ALL, "seconds": 8, **more
    }  # fmt: skip
    made = Tools([Tool.model_validate(given)], Redactor())
    try:
        yield made
    finally:
        await made.close()


async def test_over_stdio_what_is_allowed_answers_and_nothing_else_is_there() -> None:
    async with shop(allow=("order_status", "delete_order")) as tools:
        offered = {one.name: one for one in await tools.offered("default")}
        assert "delete_order" not in offered  # it does not call itself read-only
        assert offered["order_status"].description == "Where an order is."
        found = await tools.use("default", "shop.order_status", {"order": "774192"})
        assert found.fault == ""
        assert found.text == "Order 774192 was shipped on 24 November and arrives on Friday."
        assert (found.source, found.arguments) == ("shop.order_status", '{"order": "774192"}')
        hidden = await tools.use("default", "shop.order_status", {"order": "4111 1111 1111 1111"})
        assert "Order [card 1] was shipped" in hidden.text
        for team, source, given, told in (
            ("default", "shop.delete_order", {"order": "1"}, "no such tool"),
            ("default", "shop.poisoned", {"order": "1"}, "no such tool"),
            ("other", "shop.order_status", {"order": "1"}, "no such tool"),
            ("default", "shop.order_status", {}, "do not fit"),
            ("default", "shop.order_status", {"order": "1", "admin": True}, "do not fit"),
        ):
            refused = await tools.use(team, source, given)
            assert told in refused.fault
            assert refused.text == ""


async def test_a_bad_server_is_contained() -> None:
    async with shop(seconds=2.5, kilobytes=8) as tools:
        await tools.offered("default")
        poisoned = await tools.use("default", "shop.poisoned", {"order": "1"})
        assert poisoned.text == "Order is late."
        cut = await tools.use("default", "shop.long", {})
        assert len(cut.text) <= 8 * 1024
        assert cut.text.startswith("word word")
        broken = await tools.use("default", "shop.broken", {})
        assert (broken.text, broken.fault[:8]) == ("", "it says:")
        for name in ("huge", "slow"):
            since = perf_counter()
            found = await tools.use("default", f"shop.{name}", {})
            assert (found.text, bool(found.fault)) == ("", True)
            assert perf_counter() - since < 9
            # the next question finds it started anew
            async with asyncio.timeout(20):
                while not await tools.offered("default"):
                    await asyncio.sleep(0.1)


async def test_a_tool_over_http() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, SERVER, str(port), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await _listens(port)
        url = f"http://127.0.0.1:{port}/mcp"
        async with shop(command=(), url=url, kilobytes=8) as tools:
            found = await tools.use("default", "shop.order_status", {"order": "12"})
            assert found.text.startswith("Order 12 was shipped")
            huge = await tools.use("default", "shop.huge", {})
            assert (huge.text, bool(huge.fault)) == ("", True)
    finally:
        process.kill()
        await process.wait()


async def _listens(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return


async def test_a_server_that_is_not_there_offers_nothing() -> None:
    async with shop(command=("/no/such/program",)) as tools:
        assert await tools.offered("default") == []
        found = await tools.use("default", "shop.order_status", {"order": "1"})
        assert "no such tool" in found.fault


def test_mistakes_in_settings() -> None:
    both = Tool(name="a", command=("x",), url="http://x")
    with pytest.raises(ConfigError, match=r"tools\[0\] 'a': give either command or url"):
        Tools([both], Redactor())
    one = Tool(name="a", url="http://x")
    with pytest.raises(ConfigError, match="two servers have it"):
        Tools([one, one], Redactor())
