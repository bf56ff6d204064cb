"""The demo: serves, places the sample call, shows it live, judges it."""

import asyncio
import contextlib
import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from copilot.config import Settings
from copilot.core.events import Entry
from copilot.core.vocabulary import TICK_MS
from copilot.demo.children import DemoError, calling, serving
from copilot.demo.follow import follow
from copilot.demo.notes import Arrived, Connected, Playing
from copilot.demo.script import SAMPLE, Script, load
from copilot.demo.summary import Result, arrivals, document, picture
from copilot.demo.synth import SampleCall, sample_call
from copilot.demo.terminal import Terminal
from copilot.evaluate.judge import judge
from copilot.machine import machine

_FRAME_SECONDS = 0.2
"""Time between two pictures of the live view."""
_END_SECONDS = 15.0
"""How long after the hang-up the end of the log is waited for."""


async def demo(
    settings: Settings,
    once: bool,
    json_path: Path | None,
    console: Console,
    touch: bool = False,
    script: Path = SAMPLE,
) -> int:
    """Place the call of `script` on a server of its own; the exit code: 0 if its targets were met.

    With `once` it ends after the summary, else it serves on until it is interrupted. Raises
    UserError where something is missing or fails, with nothing left running.
    """
    _check_writable(json_path)
    with _ended_by_sigterm():
        sample = await _sample(settings, load(script), console)
        settings = _with_packs(settings, sample)
        async with _ready(settings, console) as url:
            result = await _watch(sample, url, console, touch)
            console.print(picture(result))
            if json_path is not None:
                _write_json(json_path, document(result, machine()))
            if not once:
                await _serve_on(url, console)
            return 0 if result.outcome.passed else 1


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Within, SIGTERM is taken as Ctrl-C, so that the children are ended in order."""
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGTERM, signal.raise_signal, signal.SIGINT)
    except NotImplementedError:  # Windows, where SIGTERM cannot be caught
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def _sample(settings: Settings, script: Script, console: Console) -> SampleCall:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as bar:
        task = bar.add_task("Speaking the sample call", total=None)

        def progress(made: int, total: int) -> None:
            bar.update(task, completed=made, total=total)

        return await sample_call(settings.data / "demo", script=script, progress=progress)


def _with_packs(settings: Settings, sample: SampleCall) -> Settings:
    """The script's packs, unless the settings name some."""
    if settings.knowledge.packs:
        return settings
    knowledge = settings.knowledge.model_copy(update={"packs": sample.script.packs})
    return settings.model_copy(update={"knowledge": knowledge})


@contextlib.asynccontextmanager
async def _ready(settings: Settings, console: Console) -> AsyncIterator[str]:
    waiting = console.status("Starting the server (the first start prepares the packs)")
    if console.is_terminal:
        waiting.start()
    try:
        async with serving(settings) as url:
            waiting.stop()
            yield url
    finally:
        waiting.stop()


async def _watch(sample: SampleCall, url: str, console: Console, touch: bool) -> Result:
    """One call from the first note to its end, shown as it goes."""
    messages: list[Arrived] = []
    entries: list[Entry] = []
    lag_ms = 0
    shown: asyncio.Task[None] | None = None
    terminal: Terminal | None = None
    try:
        async with aclosing(calling(sample, url, touch)) as notes:
            async for note in notes:
                match note:
                    case Connected(call_id):
                        page = f"{url}/calls/{call_id}"
                        terminal = Terminal(console, page, sample.script.title)
                        shown = asyncio.create_task(_show(terminal, url, call_id, entries))
                    case Playing(at_ms) if terminal is not None:
                        terminal.position(at_ms)
                        if entries:
                            lag_ms = max(lag_ms, at_ms - entries[-1].tick * TICK_MS)
                    case Arrived():
                        messages.append(note)
                if shown is not None and shown.done():
                    break
        if shown is None:
            raise DemoError("the caller ended before its call was connected; run it again")
        async with asyncio.timeout(_END_SECONDS):
            await shown
    except TimeoutError:
        raise DemoError(
            f"{url}: the call's log did not end {_END_SECONDS:.0f} s after it"
        ) from None
    finally:
        if shown is not None:
            shown.cancel()
            with contextlib.suppress(asyncio.CancelledError, DemoError):
                await shown
    outcome = judge(entries, sample.expected, arrivals(messages))
    return Result(sample.script, sample.expected, entries, outcome, lag_ms)


async def _show(terminal: Terminal, url: str, call_id: str, entries: list[Entry]) -> None:
    """Feed the terminal until the call has ended."""
    with terminal:
        drawing = asyncio.create_task(_draw(terminal))
        try:
            async with aclosing(follow(url, call_id)) as stream:
                async for entry in stream:
                    entries.append(entry)
                    terminal.feed(entry)
        finally:
            drawing.cancel()


async def _draw(terminal: Terminal) -> None:
    while True:
        terminal.refresh()
        await asyncio.sleep(_FRAME_SECONDS)


async def _serve_on(url: str, console: Console) -> None:
    console.print(f"Still serving: open {url} for the calls, {url}/try to call it yourself.")
    console.print("Ctrl-C ends it.")
    await asyncio.Event().wait()


def _check_writable(path: Path | None) -> None:
    """Say before three minutes of call, not after, that the result cannot be written."""
    if path is not None and not os.access(
        path if path.exists() else path.absolute().parent, os.W_OK
    ):
        raise DemoError(f"--json {path}: cannot be written there; give another path")


def _write_json(path: Path, content: dict[str, object]) -> None:
    """Whole or not at all."""
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.absolute().parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2, ensure_ascii=False)
        Path(draft).replace(path)
    except OSError as error:
        raise DemoError(f"--json {path}: cannot be written ({error.strerror})") from None
