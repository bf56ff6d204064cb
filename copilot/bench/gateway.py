"""``copilot bench gateway``: what a hedged second request is worth where providers have slow tails.

Against two stand-ins on loopback whose times to the first token are drawn from a lognormal with a
few long stalls among them, by a fixed seed: the shape, not the size, of a provider's latency.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

from rich.table import Table

from copilot.bench import asking
from copilot.bench.standin import Manner, standin
from copilot.machine import machine
from copilot.ports import Prompt
from copilot.providers.gateway.gateway import Gateway
from copilot.providers.gateway.settings import Options, Route
from copilot.providers.redact import Redactor

MEDIAN_S, SPREAD = 0.06, 0.35
STALLS, STALL_S = 0.03, 1.0
"""Share of requests that stall, and for how long."""
TOGETHER = 4
_ASK = Prompt("Answer.", "What does it cost?", 20)


def run(requests: int = 300, seed: int = 7, questions: int = 20) -> dict[str, object]:
    """The figures of both ways, what the gateway itself adds to a provider that is at once, and
    what a question of the agent's takes beside its provider."""
    return asyncio.run(_run(requests, seed, questions))


async def _run(requests: int, seed: int, questions: int) -> dict[str, object]:
    ways: dict[str, object] = {}
    for name, hedge in (("none", False), ("hedged", True)):
        ways[name] = await _measure(requests, hedge, _tailed(seed))
    own = await _measure(requests // 3 or 1, False, lambda: Manner("yes"), together=1)
    none, hedged = ways["none"], ways["hedged"]
    assert isinstance(none, dict)
    assert isinstance(hedged, dict)
    return {
        "bench": "gateway",
        "machine": machine(),
        "requests": requests,
        "latency": {
            "median_ms": 1000 * MEDIAN_S,
            "stalls_percent": 100 * STALLS,
            "stall_ms": 1000 * STALL_S,
        },
        "first_token_ms": ways,
        "own_ms": own,
        "ask": await asking.measure(questions),
        "p99_ratio": round(hedged["p99"] / none["p99"], 3),
    }


def table(result: dict[str, Any]) -> Table:
    """The figures for a terminal."""
    ask = result["ask"]
    beside = ", ".join(f"{name} {ms}" for name, ms in ask["beside_provider_ms"].items())
    view = Table("second request", "p50 ms", "p95", "p99", "max", "requests sent, of asked")
    rows = [*result["first_token_ms"].items(), ("a provider at once", result["own_ms"])]
    for name, row in rows:
        figures = (str(row[key]) for key in ("p50", "p95", "p99", "max"))
        view.add_row(name, *figures, f"{row['sent_percent']} %")
    worked = ask["processor_ms"]["p50"]
    view.caption = (
        f"An agent's question, beside its provider's own time, ms: {beside}; "
        f"of processors, p50: {worked}"
    )
    return view


def _tailed(seed: int) -> Callable[[], Manner]:
    dice = random.Random(seed)

    def manner() -> Manner:
        wait = MEDIAN_S * dice.lognormvariate(0.0, SPREAD)
        return Manner("yes it does", wait + (STALL_S if dice.random() < STALLS else 0.0))

    return manner


async def _measure(
    requests: int, hedge: bool, manner: Callable[[], Manner], together: int = TOGETHER
) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(standin(lambda _: manner())) for _ in range(2)]
        routes = tuple(
            Route(f"model-{at}", server.url, first_token=10.0, timeout=20.0)
            for at, server in enumerate(servers)
        )
        made = Gateway(Options(routes, hedge=hedge, hedge_after=0.3), Redactor())
        stack.push_async_callback(made.close)
        await _first_token(made)  # the library's first request builds its tables
        before = sum(len(server.asked) for server in servers)
        times: list[float] = []
        todo = iter(range(requests))

        async def worker() -> None:
            nonlocal times
            mine = [1000 * await _first_token(made) for _ in todo]
            times += mine  # not before the await: others add meanwhile

        await asyncio.gather(*(worker() for _ in range(together)))
        sent = sum(len(server.asked) for server in servers) - before
    return {**_percentiles(times), "sent_percent": round(100 * sent / requests)}


async def _first_token(made: Gateway) -> float:
    since, first = time.perf_counter(), None
    async for _ in made.answer(_ASK):
        first = first or time.perf_counter()
    assert first is not None
    return first - since


def _percentiles(times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    last = len(ordered) - 1
    places = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(ordered[int(last * share)], 1) for name, share in places.items()}
