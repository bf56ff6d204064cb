"""Plays a scene in simulated time, through the real session or the naive one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from enum import StrEnum

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from copilot import __version__
from copilot.audio.frames import MicroTurn
from copilot.bench.timing.clock import outside, simulate
from copilot.bench.timing.ear import StageEar
from copilot.bench.timing.naive import Naive
from copilot.bench.timing.phone import Hum, Notes, Phone
from copilot.bench.timing.scene import Line, Scene
from copilot.bench.timing.stage import Span, Stage, Uttered
from copilot.core.events import CallStarted, Entry
from copilot.core.policy import Policy
from copilot.core.vocabulary import TICK_MS, TurnText
from copilot.ports import Found, Pinned, Retriever
from copilot.session import Parts, Session
from copilot.trained import gap_model

EAR_MS = 25
"""From the end of a tick to what was heard in it: packets on their way, and the ear's own time."""
SEARCH_MS = 30
"""How long a search takes: the budget of its 95th percentile."""
LONGEST_S = 600
"""A scene that is not over by then is broken."""
_SILENCE = np.zeros(0, np.float32)


class Kind(StrEnum):
    """Who decides when to whisper."""

    COPILOT = "copilot"
    NAIVE = "naive"


class Trace(Struct, frozen=True):
    """What happened in a scene; times are milliseconds of the call."""

    scene: Scene
    kind: Kind
    entries: tuple[tuple[float, Entry], ...]
    uttered: tuple[Uttered, ...]
    skipped: tuple[Line, ...]
    heard: tuple[Span, ...]
    """When the ear was not silent."""
    seconds: float


class Slow:
    """A retriever whose work is done outside of simulated time and takes what it usually takes."""

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever

    async def search(self, query: str, k: int, turns: Sequence[TurnText] = ()) -> Found:
        with outside():
            found = await self._retriever.search(query, k, turns)
        await asyncio.sleep(SEARCH_MS / 1000)
        return found


def play(scene: Scene, kind: Kind, pinned: Pinned, policy: Policy) -> Trace:
    """The scene from its first word to its end."""
    return simulate(_play(scene, kind, pinned, policy))


async def _play(scene: Scene, kind: Kind, pinned: Pinned, policy: Policy) -> Trace:
    loop = asyncio.get_running_loop()
    began = loop.time()

    def now() -> float:
        return 1000 * (loop.time() - began)

    stage = Stage(scene)
    phone, notes = Phone(stage), Notes(now)
    policy = replace(policy, voice=scene.voice)
    started = CallStarted(
        scene.name,
        policy,
        pinned.refs,
        __version__,
        scene.consent,
        need=pinned.need,
        gap=gap_model(),
    )
    ear, knows = StageEar(stage), Slow(pinned.retriever)
    parts = Parts(ear, knows, notes, notes, Hum(), phone)
    listening = asyncio.create_task(phone.listened.listen(phone.earpiece, now))
    sounding = asyncio.create_task(phone.sound(now)) if kind is Kind.COPILOT else None
    session = Session(started, parts) if kind is Kind.COPILOT else Naive(started, parts)
    await session.run(_turns(stage, now))
    seconds = now() / 1000
    phone.earpiece.stop()
    await listening
    if sounding is not None:
        sounding.cancel()
    return Trace(
        scene,
        kind,
        tuple(notes.entries),
        tuple(stage.uttered),
        tuple(stage.skipped),
        tuple(phone.listened.heard),
        seconds,
    )


async def _turns(stage: Stage, now: Callable[[], float]) -> AsyncIterator[MicroTurn]:
    tick = 0
    while not (stage.over and tick * TICK_MS >= stage.end):
        assert tick * TICK_MS < 1000 * LONGEST_S, f"{stage.scene.name} does not end"
        due = (tick + 1) * TICK_MS + EAR_MS
        await asyncio.sleep(max(0.0, due - now()) / 1000)
        stage.advance(now())
        yield MicroTurn(tick, _SILENCE, _SILENCE)
        tick += 1
