"""How long one step of the core takes, over a synthetic call."""

import random
from collections.abc import Generator
from time import perf_counter_ns

from rich.table import Table

from copilot.core.call import enter
from copilot.core.events import CallStarted, EvidenceFound, Heard, Input, Search
from copilot.core.policy import Policy
from copilot.core.state import CallState
from copilot.core.vocabulary import Hearing, Passage, Word
from copilot.machine import machine

TARGET_US = 1000
"""The design's budget for the 99th percentile of a step."""
_WORDS = (
    "can i change the delivery address of my parcel before it comes tomorrow because we are away "
    "what happens when nobody is at home and how long is it kept at the depot thanks okay mm-hm"
).split()


def run(minutes: float = 60.0, seed: int = 1) -> dict[str, object]:
    """Play a call of `minutes` through `enter`, searches answered a tick later."""
    times: list[int] = []
    state = CallState()
    events = synthetic(minutes, random.Random(seed))
    event = next(events)
    began = perf_counter_ns()
    while True:
        since = perf_counter_ns()
        state, entries = enter(state, event)
        times.append(perf_counter_ns() - since)
        search = next((e.event for e in entries if isinstance(e.event, Search)), None)
        try:
            event = events.send(search)
        except StopIteration:
            break
    seconds = (perf_counter_ns() - began) / 1e9
    times.sort()
    return {
        "bench": "core",
        "machine": machine(),
        "minutes": minutes,
        "steps": len(times),
        "step_us": {
            "mean": round(sum(times) / len(times) / 1000, 2),
            **{f"p{p}": round(times[len(times) * p // 100] / 1000, 2) for p in (50, 95, 99)},
            "max": round(times[-1] / 1000, 2),
        },
        "target_p99_us": TARGET_US,
        "times_real_time": round(minutes * 60 / seconds),
    }


def table(result: dict[str, object]) -> Table:
    """The figures for a terminal."""
    view = Table("steps", "mean µs", "p50", "p95", "p99", "max", "target p99", "x real time")
    step = result["step_us"]
    assert isinstance(step, dict)
    view.add_row(
        str(result["steps"]),
        *(str(step[key]) for key in ("mean", "p50", "p95", "p99", "max")),
        str(result["target_p99_us"]),
        str(result["times_real_time"]),
    )
    return view


def synthetic(minutes: float, dice: random.Random) -> Generator[Input, Search | None, None]:
    """Turns of both parties with words and partials, a tick at a time."""
    yield CallStarted("bench", Policy(), ("bench@0",))
    tick, speaker, left = 0, "customer", 40
    while tick < minutes * 750:
        tick += 1
        left -= 1
        if left <= 0:
            speaker = dice.choice(["agent", "customer", "nobody"])
            left = dice.randint(6, 90)
        hearing = Hearing(95, partial=dice.choice(_WORDS))
        if tick % 4 == 0:
            hearing = Hearing(95, words=(Word(dice.choice(_WORDS), tick - 4, tick),))
        agent = hearing if speaker == "agent" else Hearing()
        customer = hearing if speaker == "customer" else Hearing()
        search = yield Heard(tick, agent, customer)
        if search is not None:
            yield EvidenceFound(search.inquiry, search.revision, _passages(dice))


def _passages(dice: random.Random) -> tuple[Passage, ...]:
    scores = sorted((dice.randint(10, 95) for _ in range(5)), reverse=True)
    return tuple(
        Passage(f"p/f#{dice.randint(0, 400)}", "t", "It costs 5 pounds.", "Say five pounds.", score)
        for score in scores
    )
