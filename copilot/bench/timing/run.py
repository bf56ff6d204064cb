"""One run of the bench: every scene under every policy."""

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter

from copilot.assemble import shelves
from copilot.bench.timing.play import Kind, Trace, play
from copilot.bench.timing.result import Result, collect
from copilot.bench.timing.scene import Scene
from copilot.config import Settings
from copilot.ports import Pinned, Shelves

Progress = Callable[[str, int, int], None]
Traces = dict[Kind, list[Trace]]


def simulated(
    settings: Settings,
    scenes: Sequence[Scene],
    progress: Progress,
    kinds: Sequence[Kind] = tuple(Kind),
) -> tuple[Result, Traces]:
    """The scenes in simulated time, with the real packs and search; raises UserError."""
    loop = asyncio.new_event_loop()
    opening = shelves(settings, progress)
    try:
        library = loop.run_until_complete(opening.__aenter__())
        try:
            return over(library, settings, scenes, progress, kinds)
        finally:
            loop.run_until_complete(opening.__aexit__(None, None, None))
    finally:
        loop.close()


def over(
    library: Shelves,
    settings: Settings,
    scenes: Sequence[Scene],
    progress: Progress,
    kinds: Sequence[Kind] = tuple(Kind),
) -> tuple[Result, Traces]:
    """The scenes with this knowledge."""
    pinned: dict[str, Pinned] = {}
    traces: Traces = {kind: [] for kind in kinds}
    since = perf_counter()
    for number, scene in enumerate(scenes, 1):
        if scene.pack not in pinned:
            pinned[scene.pack] = library.pin((scene.pack,))
        for kind in kinds:
            traces[kind].append(play(scene, kind, pinned[scene.pack], settings.policy))
        progress("scenes", number, len(scenes))
    return collect("simulated", traces, perf_counter() - since), traces
