"""An erased customer leaves no trace: tables, files, caches, logs of a service that really ran."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest

from copilot.accounts.caller import everybody
from copilot.assemble import services
from copilot.bench.standin import Manner, standin
from copilot.config.sections import Database, Mind, Privacy
from copilot.console.policy import TeamPolicy
from copilot.core.events import CallStarted
from copilot.core.policy import Policy
from copilot.core.vocabulary import Party, TurnText
from copilot.errors import MindError
from copilot.mind.recap import Recap
from copilot.ports import Owner
from copilot.retrieval.learned import Learned
from copilot.retrieval.usage import Usage
from copilot.store.console.rows import Draft
from copilot.store.log import utc_now
from copilot.web import customers
from copilot.web.services import Services
from tests.helpers import Call, knows, passage
from tests.mind.test_egress import made, registered
from tests.mind.test_memory import traces
from tests.postgres import Cluster

__all__ = ["registered"]
WORD = "zanzibarquetzal"
SAID = f"please cancel my {WORD} subscription and send the parcel back to me today"
WHO = "CRM-4711"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return ""
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.new_url()


async def keep(running: Services, call_id: str, said: str) -> None:
    call = Call(knows(passage(score=60)))
    call.customer(said).quiet(60).end()
    first = call.log[0].event
    assert isinstance(first, CallStarted)
    started = msgspec.structs.replace(first, call_id=call_id)
    log = [msgspec.structs.replace(call.log[0], event=started), *call.log[1:]]
    running.store.append(call_id, log, Owner("default", "local"))
    while running.store.lag:
        await asyncio.sleep(0.01)


async def use(running: Services) -> None:
    """Everything that a customer's words come through."""
    mind = running.background
    assert mind is not None
    await keep(running, "mine", SAID)
    await keep(running, "other", "nothing special at all has happened to me here today")
    await mind.memory.bind("default", "mine", WHO)
    await mind.memory.remember("default", "mine", f"Has the {WORD} plan", "anna")
    row = await running.store.call("mine")
    assert row is not None
    await mind.write_up(row)
    await mind.confirm(
        row, Recap(f"Cancelled the {WORD}.", promised=(f"mail about {WORD}",)), "anna"
    )
    await mind.webhooks.test("default", "https://nobody.example/")
    retriever = mind.retriever("mine", running.library.retriever())  # type: ignore[attr-defined]
    await retriever.search(SAID, 5, [TurnText(Party.AGENT, f"about your {WORD}")])
    entries = await running.store.read("mine")
    asked = mind.ask("default", f"what of the {WORD}", retriever, "mine", entries)
    assert [part async for part in asked]
    await running.console.digests.catch_up()
    policy = TeamPolicy(do_not_trigger=("cancel my",))
    body = msgspec.json.encode(policy).decode()
    draft = Draft("default", utc_now(), "anna", body)
    await running.store.console.keep_draft(draft)
    running.console.trials.begin(draft, policy, TeamPolicy())
    await running.console.trials.wait("default")
    tried = await running.store.console.draft("default")
    assert tried is not None
    assert WORD in tried.report
    learned = Learned(running.settings.data, "shop")
    learned.keep(None, None, Usage({"shop/a#other": 1}), 1, ["other"])
    learned.keep(None, None, Usage({f"shop/a#{WORD}": 1}), 2, ["mine"])
    sound = running.console.desk.recording("mine")
    await asyncio.to_thread(_write, sound)


def caches(running: Services) -> list[Any]:
    """What searches remember for speed."""
    retriever: Any = running.library.retriever()  # type: ignore[attr-defined]
    tracker = retriever._tracker
    return [tracker._heard, tracker._names.match]


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(WORD.encode())


async def test_an_erased_customer_leaves_no_trace(
    url: str,
    data: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with standin(Manner("Cancelled [1].")) as server:
        mind = Mind.model_validate({"routes": [{"model": "m", "base_url": server.url}]})
        more: dict[str, Any] = {"database": Database(url=url)} if url else {}
        settings = made(data, tmp_path, mind=mind, privacy=Privacy(), policy=Policy(), **more)
        async with services(settings) as running:
            await use(running)
            assert running.background is not None
            memory = running.background.memory
            customer = memory.customer("default", WHO)
            if url:
                dumped = request.getfixturevalue("cluster").dump(url)
                assert WORD in dumped
            else:
                assert traces(data, WORD)
            assert caches(running)[0].cache_info().currsize
            gone = await customers.erase(running, everybody(), customer)
            assert (gone.calls, gone.learned) == (1, ("shop",))
            assert Learned(data, "shop").current() == 1
            if url:
                dumped = request.getfixturevalue("cluster").dump(url)
                assert "nothing special" in dumped
                assert [word for word in (WORD, customer, WHO) if word in dumped] == []
            assert [file for word in (WORD, customer, WHO) for file in traces(data, word)] == []
            assert running.console.trials._trials == {}
            assert memory._recalled == {}
            assert [one.cache_info().currsize for one in caches(running)] == [0, 0]
    assert traces(data, WORD) == []
    assert WORD not in caplog.text


async def test_nobody_is_erased_while_on_the_line(data: Path, tmp_path: Path) -> None:
    async with services(made(data, tmp_path)) as running:
        assert running.background is not None
        memory = running.background.memory
        running.store.append("live", Call().customer("hello there my friend").log)
        while running.store.lag:
            await asyncio.sleep(0.01)
        await memory.bind("default", "live", WHO)
        with pytest.raises(MindError, match="is on"):
            await customers.erase(running, everybody(), memory.customer("default", WHO))
        assert await running.store.call("live") is not None
