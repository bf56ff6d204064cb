"""Real servers of tools over stdio and HTTP, a bad one among them."""

import asyncio
import json
import re
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

import pytest

from copilot.bench.standin import Manner
from copilot.config.sections import Tool
from copilot.core.events import CallStarted
from copilot.core.policy import Policy
from copilot.core.vocabulary import TurnText
from copilot.errors import ConfigError
from copilot.mind.ask import Looked, Told
from copilot.mind.background import Background
from copilot.mind.memory import Memory
from copilot.mind.tools import Tools
from copilot.mind.webhooks import Webhooks
from copilot.ports import Embedder, Found, Mind
from copilot.providers.redact import Redactor
from copilot.session import Parts, Session
from copilot.store.log import Store, open_store, utc_now
from tests.helpers import Call
from tests.mind.conftest import Thinks
from tests.mind.test_background import ticks
from tests.test_session import Notes, Script

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


@pytest.mark.parametrize("http", [False, True])
async def test_a_bad_server_is_contained(http: bool) -> None:
    async with (
        over_http() if http else over_stdio() as way,
        shop(**way, seconds=2.5, kilobytes=8) as tools,
    ):
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


@asynccontextmanager
async def over_stdio() -> AsyncIterator[dict[str, object]]:
    yield {}


@asynccontextmanager
async def over_http() -> AsyncIterator[dict[str, object]]:
    """The same server on a port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, SERVER, str(port), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await _listens(port)
        yield {"command": (), "url": f"http://127.0.0.1:{port}/mcp"}
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


@pytest.mark.parametrize("http", [False, True])
async def test_in_a_call_the_agents_question_is_answered_by_a_tool(
    http: bool, thinking: Thinks, embedder: Embedder, tmp_path: Path
) -> None:
    """Real all through: server of tools, model's endpoint, call, database."""
    notes = Notes()
    ear = Script("my order is seven seven four and it is late".split())
    parts_of = Parts(ear, Nothing(), notes, notes)
    await Session(CallStarted("call", Policy()), parts_of).play(ticks(80))

    def plans(body: str) -> Manner:
        if "decide whether a tool is needed" in body:
            wanted = {"tool": "shop.order_status", "arguments": {"order": "774"}}
            return Manner(json.dumps(wanted))
        number = max(int(one) for one in re.findall(r"Passage \[(\d+)\]", body))
        return Manner(f"The order was shipped on 24 November [{number}]. It costs 9 pounds [1].")

    store = await open_store(f"sqlite:///{tmp_path / 'copilot.sqlite'}")
    async with (
        over_http() if http else over_stdio() as way,
        shop(**way) as tools,
        thinking(plans) as (mind, _),
    ):
        made = thinks(store, mind, embedder, tools)
        asked = made.ask("default", "where is the order", Nothing(), "call", notes.entries)
        parts = [part async for part in asked]
    await store.close()
    [looked] = [part for part in parts if isinstance(part, Looked)]
    assert (looked.tool, looked.arguments) == ("shop.order_status", '{"order": "774"}')
    told = [(part.text, part.sources) for part in parts if isinstance(part, Told)]
    assert told == [("The order was shipped on 24 November.", (looked.source,))]


@pytest.mark.parametrize("http", [False, True])
async def test_one_teams_tool_is_not_called_in_anothers_call(
    http: bool, thinking: Thinks, embedder: Embedder, tmp_path: Path
) -> None:
    """However a model insists on it."""
    call = Call()
    call.customer("my order is seven seven four and it is late").quiet(20)

    def plans(body: str) -> Manner:
        wanted = {"tool": "shop.order_status", "arguments": {"order": "774"}}
        return Manner(json.dumps(wanted) if "decide whether" in body else "NONE")

    teams = {"sales": ("order_status",), "support": ("long",)}
    store = await open_store(f"sqlite:///{tmp_path / 'copilot.sqlite'}")
    async with (
        over_http() if http else over_stdio() as way,
        shop(**way, allow=(), teams=teams) as tools,
        thinking(plans) as (mind, server),
    ):
        made = thinks(store, mind, embedder, tools)
        looked = {}
        for team in ("sales", "support", "default"):
            asked = made.ask(team, "where is the order", Nothing(), "call", call.log)
            looked[team] = [part async for part in asked if isinstance(part, Looked)]
        offered = {team: [one.name for one in await tools.offered(team)] for team in looked}
        prompts = [body for body in server.asked if "decide whether" in body]
    await store.close()
    assert [bool(one.source) for one in looked["sales"]] == [True]
    assert [(bool(one.source), one.fault) for one in looked["support"]] == [
        (False, "there is no such tool for this team")
    ]
    assert looked["default"] == []
    assert offered == {"sales": ["order_status"], "support": ["long"], "default": []}
    assert len(prompts) == 2  # who has no tool asks for none
    assert "order_status" not in prompts[1]


def thinks(store: Store, mind: Mind, embedder: Embedder, tools: Tools) -> Background:
    memory = Memory(store.mind, b"k" * 32, utc_now)
    webhooks = Webhooks(store.mind, (), utc_now)
    return Background(store, mind, embedder, memory, webhooks, tools, Redactor(), utc_now)


class Nothing:
    async def search(self, query: str, k: int, turns: Sequence[TurnText] = ()) -> Found:
        return Found(())


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ({"command": ("/no/such/program",)}, "/no/such/program: there is no such program"),
        ({"command": (sys.executable, "-c", "0")}, "Connection closed"),
        ({"command": (), "url": "http://127.0.0.1:9/mcp"}, "connection attempts failed"),
    ],
)
async def test_a_server_that_is_not_there_offers_nothing_and_the_log_says_why(
    way: dict[str, object], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with shop(**way) as tools:
        assert await tools.offered("default") == []
        found = await tools.use("default", "shop.order_status", {"order": "1"})
        assert "no such tool" in found.fault
        [state] = tools.state("default")
        assert tools.state("others") == []
    assert (state["connected"], state["tools"]) == (False, [])
    assert told in str(state["fault"])
    assert told in caplog.text


async def test_a_server_gets_no_keys_and_no_way_to_our_modules(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another Python would take ours for its own."""
    monkeypatch.setenv("MODELS_KEY", "sk-secret")
    async with shop(allow=("surroundings",)) as tools:
        found = await tools.use("default", "shop.surroundings", {})
    names = set(found.text.split())
    assert "PATH" in names
    assert not names & {"MODELS_KEY", "PYTHONPATH"}


def test_mistakes_in_settings() -> None:
    both = Tool(name="a", command=("x",), url="http://x")
    with pytest.raises(ConfigError, match=r"tools\[0\] 'a': give either command or url"):
        Tools([both], Redactor())
    with pytest.raises(ConfigError, match="write it as https://host/mcp"):
        Tools([Tool(name="a", url="ftp://x")], Redactor())
    one = Tool(name="a", url="http://x")
    with pytest.raises(ConfigError, match="two servers have it"):
        Tools([one, one], Redactor())
    twice = Tool.model_validate(
        {"name": "a", "url": "http://x", "allow": ["x"], "teams": {"t": []}}
    )
    with pytest.raises(ConfigError, match="leave allow out"):
        Tools([twice], Redactor())
