"""The extension in a real call: how soon words, cards and whispers come, and what it costs.

The ear is scripted, so that the figures are of everything but recognition: capture, network,
search, decision, log, voice and pages.
"""

import asyncio
import base64
import bisect
import functools
import hashlib
import http.server
import json
import os
import re
import sys
import tempfile
import threading
import wave
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import psutil
from playwright.async_api import Page
from rich.table import Table

from copilot.bench.chromium import Extension, with_extension
from copilot.core.vocabulary import TICK_MS
from copilot.errors import UserError
from copilot.machine import machine

EXTENSION = Path("extension")
RATE = 48_000
"""What Chromium's fake microphone reads, Hz."""
NOISE_DB = -66
"""Level of both parties' sound: an open line on which nobody speaks, so that whispers may."""
EVERY_TICKS = 200
"""From one question of the customer's to the next: 16 s."""
_NEAR_TICKS = 125
QUESTIONS = (
    "can i change the delivery address of my parcel",
    "how do i claim for a damaged parcel",
    "what happens if i am not at home",
    "how much does it cost to send a parcel abroad",
    "can i collect my parcel from a locker",
)
FRAMES_S = 6.0
"""How long frames are counted without and with the overlay."""
PAGE = b"""<!doctype html><title>Call</title><button>Play</button>
<audio src="/customer.wav" loop></audio>
<script src="/play.js"></script>"""
PLAY = (
    b"""document.querySelector("button").onclick = () => document.querySelector("audio").play();"""
)
_NOW = "performance.timeOrigin + performance.now()"
_FRAMES = """(seconds) => new Promise((resolve) => {
  const gaps = [];
  let last = performance.now();
  const end = last + 1000 * seconds;
  const step = (now) => {
    gaps.push(now - last);
    last = now;
    if (now < end) requestAnimationFrame(step); else resolve(gaps.slice(2));
  };
  requestAnimationFrame(step);
})"""
_PANEL = """() => {
  globalThis.words = [];
  const lines = document.getElementById("lines");
  new MutationObserver(() => {
    if (lines.textContent) words.push(performance.timeOrigin + performance.now());
  }).observe(lines, { childList: true, subtree: true, characterData: true });
}"""
_WATCH = """(() => {
  globalThis.seen = { heard: [], words: [], speaks: [], ear: [] };
  const now = () => performance.timeOrigin + performance.now();
  const { entries } = desk.show;
  desk.show.entries = (batch) => {
    for (const { event } of batch) {
      if (event.type === "heard") seen.heard.push([event.tick, now()]);
      for (const party of ["agent", "customer"]) {
        for (const word of event[party]?.words ?? []) seen.words.push([word.end, now()]);
      }
      if (event.type === "speak" && seen.speaks.at(-1)?.[0] !== event.whisper) {
        seen.speaks.push([event.whisper, now()]);
      }
    }
    entries(batch);
  };
  const scope = new AnalyserNode(desk.ear.context, { fftSize: 512 });
  desk.ear.loud.connect(scope);
  const samples = new Float32Array(512);
  setInterval(() => {
    scope.getFloatTimeDomainData(samples);
    if (samples.some((one) => Math.abs(one) > 0.003)) seen.ear.push(now());
  }, 5);
})()"""


def run(minutes: float = 10.0, folder: Path = EXTENSION) -> dict[str, object]:
    """Measure a call of `minutes` in which the customer asks every 16 seconds; JSON-able.

    Raises UserError where Chromium or the extension is missing.
    """
    with tempfile.TemporaryDirectory() as work:
        return asyncio.run(_run(minutes, folder, Path(work)))


async def _run(minutes: float, folder: Path, work: Path) -> dict[str, object]:
    _sounds(work)
    async with (
        _served(work, folder, minutes) as url,
        with_extension(folder, work / "microphone.wav") as extension,
    ):
        await extension.save("local", "account", {"server": url, "refresh": "", "user": {}})
        ear = {"on": True, "loudness": 1, "duck": True}
        await extension.save("local", "prefs", {"consent": "announced", "ear": ear})
        with _pages(work) as pages:
            figures = await _call(extension, pages, minutes)
    return {"bench": "extension", "machine": machine(), "minutes": minutes, **figures}


async def _call(extension: Extension, pages: str, minutes: float) -> dict[str, object]:
    page = await extension.context.new_page()
    await page.goto(pages)
    before: Sequence[float] = await page.evaluate(_FRAMES, FRAMES_S)
    panel = await extension.page("panel/panel.html")
    await panel.evaluate(_PANEL)
    await page.bring_to_front()
    await page.get_by_role("button").click()
    since, clicked = perf_counter(), await page.evaluate(_NOW)
    await extension.click(page)
    await extension.phase("live", 30)
    live = perf_counter() - since
    await extension.desk(_WATCH)
    first = await _first_word(panel)
    during: Sequence[float] = await page.evaluate(_FRAMES, FRAMES_S)
    cost = await _cost(extension, panel, 60 * minutes)
    seen: Mapping[str, Any] = await extension.desk("seen")
    drawn: Sequence[float] = await panel.evaluate("words")
    await extension.desk("desk.end('hang_up')", awaiting=True)
    return {
        "click_to_live_ms": round(1000 * live),
        "click_to_first_word_ms": round(first - clicked),
        "word_to_panel_ms": _spread(_word_delays(seen)),
        "log_to_panel_ms": _spread(_panel_delays(seen, drawn)),
        "whisper_to_ear_ms": _spread(_whisper_delays(seen)),
        "whispers": len(seen["speaks"]),
        "frame_ms_without": _spread(before),
        "frame_ms_with_overlay": _spread(during),
        **cost,
    }


async def _first_word(panel: Page) -> float:
    """When the first words stood in the panel, ms of the clock."""
    for _ in range(1200):
        if found := await panel.evaluate("words[0] ?? 0"):
            return float(found)
        await asyncio.sleep(0.05)
    raise UserError("no word came within a minute: see whether `copilot demo` works")


def _word_delays(seen: Mapping[str, Any]) -> list[float]:
    """From the end of a spoken word to its final form in the panel.

    Where the call's ticks lie on the clock is told by the quickest of the ten seconds before, so
    the least way of the sound is left out, and so is what sound cards drift apart.
    """
    places = {tick: at - TICK_MS * (tick + 1) for tick, at in seen["heard"]}
    found = []
    for end, at in seen["words"]:
        near = [places[tick] for tick in range(end - _NEAR_TICKS, end + 1) if tick in places]
        if near:
            found.append(at - min(near) - TICK_MS * end)
    return found


def _panel_delays(seen: Mapping[str, Any], drawn: Sequence[float]) -> list[float]:
    """From a word's entry of the log in the browser to the panel: the extension's own share."""
    found = []
    for _, at in seen["words"]:
        place = bisect.bisect_left(drawn, at)
        if place < len(drawn):
            found.append(drawn[place] - at)
    return found


def _whisper_delays(seen: Mapping[str, Any]) -> list[float]:
    """From the message that a whisper comes to its first sound in the ear."""
    ear = seen["ear"]
    firsts = ((at, next((one for one in ear if one >= at), None)) for _, at in seen["speaks"])
    return [one - at for at, one in firsts if one is not None and one - at < 8000]


async def _cost(extension: Extension, panel: Page, seconds: float) -> dict[str, object]:
    """Of the processes that hold the extension's own pages: its desk, worker and panel.

    Heaps and elements are counted once garbage is collected, at the beginning and at the end; of
    the memory "last" and "most" are with what the browser has not collected yet.
    """
    heaps, nodes = [await extension.heaps()], [await _elements(extension, panel)]
    processes = [one for one in psutil.Process().children(True) if _is_extension(one)]
    used = sum(sum(one.cpu_times()[:2]) for one in processes)
    memory = [_memory(processes)]
    since = perf_counter()
    while perf_counter() - since < seconds:
        await asyncio.sleep(min(5.0, seconds))
        memory.append(_memory(processes))
    spent = sum(sum(one.cpu_times()[:2]) for one in processes) - used
    percent = round(100 * spent / (perf_counter() - since), 1)
    heaps.append(await extension.heaps())
    nodes.append(await _elements(extension, panel))
    await asyncio.sleep(1)  # the browser gives memory back a little later
    collected = _memory(processes)
    return {
        "extension_cpu_percent": percent,
        **{
            f"{context}_{what}_mib": {"first": heaps[0][context][what], "last": last}
            for context, kinds in heaps[1].items()
            for what, last in kinds.items()
        },
        "panel_nodes": {"first": nodes[0], "last": nodes[1]},
        "extension_memory_mib": {"first": memory[0], "last": memory[-1], "most": max(memory)},
        "extension_memory_collected_mib": collected,
    }


async def _elements(extension: Extension, panel: Page) -> int:
    """Nodes of all documents in the panel's process, those that are in no tree among them."""
    cdp = await extension.context.new_cdp_session(panel)
    found: int = (await cdp.send("Memory.getDOMCounters"))["nodes"]
    await cdp.detach()
    return found


def _is_extension(process: psutil.Process) -> bool:
    try:
        return "--extension-process" in process.cmdline()
    except psutil.Error:
        return False


def _memory(processes: Sequence[psutil.Process]) -> float:
    return round(sum(one.memory_full_info().uss for one in processes) / 2**20, 1)


def _spread(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    p50, p95 = np.percentile(values, (50, 95))
    most = max(values)
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1), "max": round(most, 1)}


@asynccontextmanager
async def _served(work: Path, folder: Path, minutes: float) -> AsyncIterator[str]:
    """The service with a scripted ear and a voice, in a process of its own.

    It whispers wherever it may: how soon a whisper is heard is measured, not when one is worth it.
    """
    (work / "script.json").write_text(json.dumps(_script(minutes)))
    key = (folder / "manifest.json").read_text(encoding="utf-8")
    env = {
        **os.environ,
        "COPILOT_EAR__PROVIDER": "scripted",
        "COPILOT_EAR__SCRIPT": str(work / "script.json"),
        "COPILOT_POLICY__VOICE": "true",
        "COPILOT_POLICY__SPEAK_RISK": "100",
        "COPILOT_POLICY__SPEAK_WORTH": "0",
        "COPILOT_SERVER__ORIGINS": f'["chrome-extension://{identity(key)}"]',
    }
    command = ["-m", "copilot", "--data", str(work / "data"), "serve", "--port", "0"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, env=env
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(180):
            while not (found := re.search(rb"serving on (\S+)", await process.stdout.readline())):
                assert process.returncode is None, "the service did not start"
        yield found.group(1).decode()
    finally:
        process.terminate()
        await process.wait()


def identity(manifest: str) -> str:
    """The extension's id: of its key's hash the first 32 hexadecimal digits, as letters from a."""
    digest = hashlib.sha256(base64.b64decode(json.loads(manifest)["key"])).hexdigest()
    return "".join(chr(ord("a") + int(digit, 16)) for digit in digest[:32])


def _script(minutes: float) -> dict[str, object]:
    """A question every 16 seconds, three ticks a word, and the first at once."""
    words: list[dict[str, object]] = []
    for place in range(int(minutes * 60 * 12.5 / EVERY_TICKS) + 3):
        at = 3 + place * EVERY_TICKS
        for word in QUESTIONS[place % len(QUESTIONS)].split():
            words.append({"text": word, "start": at, "end": at + 3})
            at += 3
    return {"customer": {"words": words}}


def _sounds(work: Path) -> None:
    """The noise of an open line, for the page and for the microphone."""
    noise = np.random.default_rng(1).normal(0, 32768 * 10 ** (NOISE_DB / 20), RATE * 10)
    for name in ("customer", "microphone"):
        with wave.open(str(work / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(noise.astype("<i2").tobytes())


@contextmanager
def _pages(work: Path) -> Iterator[str]:
    """A page that plays the customer, on a port of this machine."""
    (work / "index.html").write_bytes(PAGE)
    (work / "play.js").write_bytes(PLAY)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *given: object) -> None: ...

    handler = functools.partial(Quiet, directory=str(work))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()


def table(result: Mapping[str, Any]) -> Table:
    """What `run` gave, for a terminal."""
    found = Table(title=f"the extension over {result['minutes']:g} min", show_edge=False)
    for name in ("figure", "p50", "p95", "max"):
        found.add_column(name, justify="left" if name == "figure" else "right")
    for name, value in result.items():
        if name in ("bench", "machine", "minutes"):
            continue
        label = name.replace("_", " ")
        if isinstance(value, dict):
            cells = [str(one) for one in value.values()] or ["none"]
            found.add_row(label, *cells)
        else:
            found.add_row(label, str(value))
    return found
