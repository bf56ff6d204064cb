"""The gateway against a real HTTP server that streams, stalls, drops, refuses and talks rubbish."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from copilot.bench.standin import Answering, Manner, Standin, standin
from copilot.errors import ConfigError, MindError
from copilot.ports import Prompt, Routed, Telling
from copilot.providers.gateway.gateway import Gateway
from copilot.providers.gateway.models import LETTERS
from copilot.providers.gateway.race import Clock
from copilot.providers.gateway.settings import Options, Route, read
from copilot.providers.redact import Redactor

ASK = Prompt("Answer.", "What does it cost?")
RUBBISH = [
    Manner(status="500 Internal Server Error", body='{"error": {"message": "no"}}'),
    Manner(status="429 Too Many Requests", headers={"Retry-After": "30"}, body="{}"),
    Manner(status="401 Unauthorized", body='{"error": {"message": "bad key"}}'),
    Manner(status="302 Found", headers={"Location": "http://127.0.0.1:9/"}, body="x"),
    Manner(body="<html>Welcome to the hotel's WLAN</html>"),
    Manner(body="data: {]\n\ndata: [DONE]\n\n"),
    Manner(text=""),
    Manner(stall_at=0),
    Manner(stall_at=2),
    Manner(drop_at=0),
    Manner(drop_at=2),
    Manner(text="on and " * 4_000),
    Manner(text="x" * 1_500_000),
    Manner(status="500 Internal Server Error", body="x" * 1_500_000),
    Manner(body="data: " + "x" * 1_500_000),
]


@asynccontextmanager
async def gateway(
    *manners: Answering | Manner, now: Clock = time.monotonic, **more: object
) -> AsyncIterator[tuple[Gateway, Sequence[Standin]]]:
    """A gateway over a server a manner, the first preferred; patient enough for a busy machine."""
    keys = {"first_token": 1.0, "timeout": 10.0, **{k: v for k, v in more.items() if k in ROUTE}}
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(standin(manner)) for manner in manners]
        routes = tuple(
            Route(f"acme:{at}", server.url, key="k", priority=at, **keys)  # type: ignore[arg-type]
            for at, server in enumerate(servers)
        )
        options = Options(routes, **{k: v for k, v in more.items() if k not in ROUTE})  # type: ignore[arg-type]
        made = Gateway(options, Redactor(), now)
        stack.push_async_callback(made.close)
        yield made, servers


ROUTE = Route.__struct_fields__


async def said(made: Gateway, prompt: Prompt = ASK) -> str:
    text = ""
    async for piece in made.answer(prompt):
        text = piece.text if piece.anew else text + piece.text
    return text


async def test_streams_as_it_comes() -> None:
    async with gateway(Manner(text="one two three", pace=0.05)) as (made, servers):
        pieces, times = [], []
        async for piece in made.answer(ASK):
            pieces.append(piece)
            times.append(time.perf_counter())
    assert [one.text for one in pieces] == ["one", " two", " three"]
    assert [one.anew for one in pieces] == [True, False, False]
    assert times[-1] - times[0] > 0.08
    assert '"acme:0"' in servers[0].asked[0]  # models named provider:model go as they are


@pytest.mark.parametrize("manner", RUBBISH, ids=map(str, range(len(RUBBISH))))
async def test_a_route_that_fails_is_followed_by_the_next(manner: Manner) -> None:
    async with gateway(manner, Manner(text="from the second"), hedge=False) as (made, _):
        assert await said(made) == "from the second"
        assert made.lanes[0].failures == 1
        stalls = manner.stall_at is not None
        assert made.lanes[0].fault == "silent for 1 s" if stalls else made.lanes[0].fault


async def test_of_an_answer_that_never_ends_little_is_kept() -> None:
    async with gateway(Manner(text="on and " * 4_000), hedge=False) as (made, _):
        pieces: list[str] = []

        async def read() -> None:
            async for piece in made.answer(ASK):
                pieces.extend([piece.text])

        with pytest.raises(MindError, match="longer than it may be"):
            await read()
    # The only route is tried twice.
    assert 0 < len("".join(pieces)) <= 2 * LETTERS * ASK.max_tokens


async def test_all_fail_and_the_error_says_why_without_content() -> None:
    async with gateway(RUBBISH[0], Manner(drop_at=0)) as (made, _):
        with pytest.raises(MindError, match=r"acme:0: HTTP 500.*acme:1") as caught:
            await said(made)
    assert "cost" not in str(caught.value)


async def test_a_late_route_gets_company_and_the_first_token_wins() -> None:
    async with gateway(
        Manner("slow", wait=30.0), Manner("fast"), hedge_after=0.05, first_token=60.0
    ) as (made, servers):
        assert await said(made) == "fast"
        assert [len(server.asked) for server in servers] == [1, 1]
        assert made.lanes[0].failures == 0


async def test_no_company_for_a_route_in_time() -> None:
    async with gateway(Manner("first"), Manner("second"), hedge_after=5.0) as (made, servers):
        assert await said(made) == "first"
        assert [len(server.asked) for server in servers] == [1, 0]


async def test_a_single_route_is_asked_twice() -> None:
    answers = iter([Manner(status="503 Busy", body="{}"), Manner("well again")])
    async with gateway(lambda _: next(answers)) as (made, _):
        assert await said(made) == "well again"


async def test_the_circuit_opens_and_closes() -> None:
    ill, now = True, 1000.0

    def first(_: str) -> Manner:
        return RUBBISH[0] if ill else Manner("the first")

    async with gateway(
        first, Manner("the second", wait=0.2), now=lambda: now, open_seconds=20.0
    ) as (made, servers):
        lane = made.lanes[0]
        for _ in range(3):
            assert await said(made) == "the second"
        assert lane.circuit(now) == "open"
        assert await said(made) == "the second"
        assert len(servers[0].asked) == 3  # an open circuit is not asked
        now += 21
        assert lane.circuit(now) == "trying"
        assert await said(made) == "the second"  # still ill: the trial costs nobody anything
        assert (len(servers[0].asked), lane.circuit(now + 39)) == (4, "open")  # for twice as long
        ill = False
        now += 41
        assert await said(made) == "the first"
        assert lane.circuit(now) == "closed"


async def test_a_trial_that_is_well_closes_the_circuit() -> None:
    answers = [RUBBISH[0]] * 3
    async with gateway(lambda _: answers.pop() if answers else Manner("well")) as (made, _):
        for _ in range(3):
            with pytest.raises(MindError):
                await said(made)
        assert made.state()["notice"]
        made.lanes[0]._open_until = 0.0
        assert await said(made) == "well"
        assert made.lanes[0].circuit(time.monotonic()) == "closed"
        assert "notice" not in made.state()


async def test_too_many_requests_are_waited_for_as_the_provider_asks() -> None:
    async with gateway(RUBBISH[1], Manner("other")) as (made, servers):
        await said(made)
        await said(made)
        assert [len(server.asked) for server in servers] == [1, 2]
        assert made.lanes[0].circuit(time.monotonic() + 29) == "open"
        assert made.lanes[0].circuit(time.monotonic() + 31) == "closed"


async def test_budgets_end_a_route() -> None:
    async with gateway(Manner("first"), Manner("second"), requests_per_minute=2) as (made, _):
        heard = [await said(made) for _ in range(4)]
        assert heard == ["first", "first", "second", "second"]
        with pytest.raises(MindError, match="no route is usable"):
            await said(made)
    async with gateway(Manner("first"), Manner("second"), tokens_per_day=20) as (made, _):
        assert [await said(made) for _ in range(3)] == ["first", "first", "second"]


async def test_the_faster_of_equal_routes_is_preferred() -> None:
    async with gateway(Manner("slow", wait=0.1), Manner("fast"), hedge=False) as (made, _):
        for lane in made.lanes:
            object.__setattr__(lane, "route", lane.route.__class__(**{
                **{name: getattr(lane.route, name) for name in ROUTE}, "priority": 0
            }))  # fmt: skip
        heard = [await said(made) for _ in range(4)]
    assert heard == ["slow", "fast", "fast", "fast"]


async def test_a_remote_route_sees_no_card_number_and_the_answer_has_it_again() -> None:
    prompt = Prompt("Answer.", "Card 4111 1111 1111 1111 of Mr Miller, order 77812")

    def echo(body: str) -> Manner:
        return Manner("Charge [card 1] of [name 1] now")

    async with gateway(echo) as (made, servers):
        assert await said(made, prompt) == "Charge 4111 1111 1111 1111 of Miller now"
        assert "4111" not in servers[0].asked[0]
        assert "Miller" not in servers[0].asked[0]
        assert "77812" in servers[0].asked[0]
    async with gateway(echo, trusted=True) as (made, servers):
        await said(made, prompt)
        assert "4111 1111" in servers[0].asked[0]


async def test_who_leaves_early_leaves_nothing_running() -> None:
    async with gateway(Manner(text="a b c d", pace=0.2), first_token=5.0) as (made, _):
        pieces = made.answer(ASK)
        await anext(pieces)
        await pieces.aclose()
        await asyncio.sleep(0)
        names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]  # type: ignore[union-attr]
        assert not [name for name in names if "Runner" in name]


@pytest.mark.parametrize(
    ("route", "told"),
    [
        ({"model": "gpt"}, r"mind.routes\[0\].model = 'gpt': whose model"),
        ({"model": ""}, r"mind.routes\[0\].model is empty"),
        ({"model": "a", "base_url": "ftp://x"}, r"base_url = 'ftp://x': not a URL"),
        ({"model": "a", "base_url": "https://u:p@x/v1"}, "holds a password"),
        ({"model": "a", "base_url": "https://u:p@x:99999999/v1"}, "holds a password"),
        ({"model": "a:b", "key_env": "NO_SUCH_KEY"}, "key_env = 'NO_SUCH_KEY': that variable"),
        ({"model": "a:b", "timeout": 0}, "timeout = 0: give seconds"),
        ({"model": "a:b", "timout": 1}, "unknown field `timout`"),
        ({"model": "a:b", "requests_per_minute": -1}, "requests_per_minute = -1"),
    ],
)
def test_mistakes_in_settings(route: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read({"routes": [route]})


def test_a_provider_that_there_is_not() -> None:
    for model in ("nobody:x", "openai:gpt-5"):  # the second has no key
        with pytest.raises(ConfigError, match="cannot be used"):
            Gateway(read({"routes": [{"model": model}]}), Redactor())


async def test_native_providers_are_built_and_their_hosts_told() -> None:
    routes = [
        {"model": name, "key": "k"}
        for name in ("openai:gpt-5-mini", "anthropic:claude-haiku-4-5", "google:gemini-2.5-flash")
    ]
    made = Gateway(read({"routes": routes}), Redactor())
    assert [url.split("/")[2] for url in made.destinations] == [
        "api.anthropic.com",
        "api.openai.com",
        "generativelanguage.googleapis.com",
    ]
    await made.close()


async def test_a_route_of_one_team_is_nobody_elses() -> None:
    async with AsyncExitStack() as stack:
        hers, everybodys = [
            await stack.enter_async_context(standin(Manner(text=text))) for text in ("hers", "all")
        ]
        routes = (
            Route("a", hers.url, key="k", teams=("sales",)),
            Route("b", everybodys.url, key="k", priority=1),
        )
        made = Gateway(Options(routes, hedge=False), Redactor())
        stack.push_async_callback(made.close)
        sales, support = made.of("sales"), made.of("support")
        assert sales is not None
        assert support is not None
        assert "".join([one.text async for one in sales.answer(ASK)]) == "hers"
        assert "".join([one.text async for one in support.answer(ASK)]) == "all"
        assert len(hers.asked) == 1
        assert isinstance(support, Routed)
        assert isinstance(support, Telling)
        assert [one.route for one in await support.try_routes(ASK, 9)] == ["b"]
        assert len(hers.asked) == 1
        assert "'a" not in str(support.state())
        only = Gateway(Options(routes[:1]), Redactor())
        assert only.of("support") is None
        assert only.of("sales") is only
        await only.close()


async def test_every_route_is_tried_by_itself() -> None:
    async with gateway(
        Manner(text="yes indeed", wait=0.05), Manner(stall_at=1), Manner(status="500 no", body="{}")
    ) as (made, servers):
        good, slow, bad = await made.try_routes(ASK, 9)
        assert [len(server.asked) for server in servers] == [1, 1, 1]
    assert good.fault == ""
    assert 50 <= good.first_ms <= good.whole_ms
    assert (slow.fault, bad.fault) == ("silent for 1 s", "HTTP 500")


async def test_a_route_that_was_given_up_is_well_again_once_a_test_is_answered() -> None:
    answers = iter([Manner(status="401 Unauthorized", body="{}"), Manner(text="yes")])
    async with gateway(lambda _: next(answers), hedge=False) as (made, _):
        with pytest.raises(MindError):
            await said(made)
        assert "notice" in made.state()
        [tried] = await made.try_routes(ASK, 5)
        assert tried.fault == ""
        assert "notice" not in made.state()
