"""How much faster than the call a what-if is: read, run again, compare; one core, no audio."""

import asyncio
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

from rich.table import Table

from copilot.bench.core import synthetic
from copilot.core.call import enter
from copilot.core.events import CallEnded, Entry, Input, Search
from copilot.core.state import CallState
from copilot.core.vocabulary import TICK_MS
from copilot.evaluate.corpus import from_files
from copilot.evaluate.experiment import changed, experiment
from copilot.evaluate.logs import read, write
from copilot.evaluate.whatif import rerun
from copilot.machine import machine

TARGET = 100
"""Times real time that a what-if must reach."""
CHANGE = {"min_support": 60, "refresh_ticks": 8, "cooldown_ticks": 100}
"""Another policy, which asks and decides otherwise."""


def run(logs: Sequence[Path] = (), minutes: float = 60.0, seed: int = 1) -> dict[str, object]:
    """Measure each log, and a synthetic call of `minutes`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"synthetic, {minutes:g} min"
        path.write_bytes(write(list(_log(minutes, seed))))
        rows = [asyncio.run(_measure(log)) for log in (*logs, path)]
    return {
        "bench": "whatif",
        "machine": machine(),
        "change": CHANGE,
        "target_times_real_time": TARGET,
        "calls": rows,
    }


async def _measure(path: Path) -> dict[str, object]:
    entries = read(path)
    seconds = (entries[-1].tick + 1) * TICK_MS / 1000
    since = perf_counter()
    again = await rerun(entries, changed(CHANGE))
    alone = perf_counter() - since
    since = perf_counter()
    await experiment(from_files([path]), changed(CHANGE))
    whole = perf_counter() - since
    return {
        "call": path.name,
        "minutes": round(seconds / 60, 2),
        "entries": len(entries),
        "searches_reused": again.reused,
        "searches_unanswered": again.unanswered,
        "rerun_times_real_time": round(seconds / alone),
        "times_real_time": round(seconds / whole),
    }


def _log(minutes: float, seed: int) -> Iterator[Entry]:
    """A whole log whose searches are answered at once."""
    state = CallState()
    events = synthetic(minutes, random.Random(seed))
    event: Input = next(events)
    while True:
        state, entries = enter(state, event)
        yield from entries
        search = next((e.event for e in entries if isinstance(e.event, Search)), None)
        try:
            event = events.send(search)
        except StopIteration:
            break
    yield from enter(state, CallEnded("hang_up"))[1]


def table(result: dict[str, object]) -> Table:
    """The figures for a terminal."""
    view = Table("call", "minutes", "rerun, x real time", "read, rerun, compare", "target")
    rows = result["calls"]
    assert isinstance(rows, list)
    for row in rows:
        figures = (row["minutes"], row["rerun_times_real_time"], row["times_real_time"], TARGET)
        view.add_row(str(row["call"]), *map(str, figures))
    return view
