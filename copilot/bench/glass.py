"""From glass to glass in a real Chromium: mouth to micro-turn, and Speak to the loudspeaker.

The page's clock and this process's are one machine's. Mouth: a sample enters the page's track; the
microphone's own driver is not in it. Loudspeaker: the page's own account of when a sample comes
out. A sample waits up to 80 ms for its micro-turn to be full; that is counted.
"""

import asyncio
import contextlib
import random
import shutil
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from importlib.resources import files
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from rich.table import Table

from copilot.audio.frames import Pcm
from copilot.bench.timing.measure import Spread, spread
from copilot.bench.timing.network import Network
from copilot.errors import UserError
from copilot.machine import machine
from copilot.sidecar.line import Line
from copilot.sidecar.offer import read
from copilot.sidecar.peer import Peer, connect, use_interface

RATE = 24_000
EVERY = 0.9
"""Seconds between two beeps; a whisper is played in between."""
WARM = 4.0
"""Seconds in which the browser's buffer finds its length."""
LOUD = 0.05
TARGETS = {"calm": (80.0, 120.0), "bad": (150.0, 0.0)}
"""In and out, milliseconds; 0: none is asked for."""
NETWORKS = {"calm": Network(), "bad": Network(5, 30)}
_QUERY = {"agent": "0", "customer": "1", "earpiece": "2", "consent": "true"}


class Glass(Struct, frozen=True):
    """One network's latencies, milliseconds."""

    network: str
    mouth_to_turn: Spread
    speak_to_loudspeaker: Spread
    early_in: float
    """Median of the first third, to compare with the last: no delay may stay."""
    late_in: float
    early_out: float
    late_out: float


def run(seconds: float = 20.0) -> dict[str, object]:
    """Each network for so long; raises UserError where Chromium or playwright is missing."""
    found = asyncio.run(_run(seconds))
    return {
        "bench": "glass",
        "machine": machine(),
        "targets_ms": {name: list(target) for name, target in TARGETS.items()},
        "networks": {name: msgspec.to_builtins(glass) for name, glass in found.items()},
    }


def table(result: dict[str, object]) -> Table:
    """The figures beside their targets."""
    view = Table("network", "way", "target p50", "p50 ms", "p95", "first third", "last third")
    networks, targets = result["networks"], result["targets_ms"]
    assert isinstance(networks, dict)
    assert isinstance(targets, dict)
    for name, one in networks.items():
        for way, key, place in (
            ("mouth to micro-turn", "in", 0),
            ("Speak to loudspeaker", "out", 1),
        ):
            figures = one["mouth_to_turn" if key == "in" else "speak_to_loudspeaker"]
            target = targets[name][place]
            view.add_row(
                f"{name}: {one['network']}",
                way,
                f"{target:g}" if target else "",
                f"{figures['p50']:g}",
                f"{figures['p95']:g}",
                f"{one['early_' + key]:g}",
                f"{one['late_' + key]:g}",
            )
    return view


async def _run(seconds: float) -> dict[str, Glass]:
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        raise UserError("playwright: not installed; run pip install playwright") from None
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise UserError("chromium: not found; install it (Debian: chromium)")
    use_interface("127.0.0.1")
    found: dict[str, Glass] = {}
    async with async_playwright() as playwright:
        for name, network in NETWORKS.items():
            browser = await playwright.chromium.launch(
                executable_path=path,
                args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
                ignore_default_args=["--mute-audio"],
            )
            try:
                found[name] = await _Run(network).measure(await browser.new_page(), seconds)
            finally:
                await browser.close()
    return found


class _Run:
    """One call of one page."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._dice = random.Random(5)
        self._line = Line(RATE)
        self._peer: Peer | None = None
        self._connection: Any = None
        self._turns: list[float] = []
        """When the micro-turn came in which a beep begins."""
        self._loud: list[float] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def measure(self, page: Any, seconds: float) -> Glass:
        html = (files("copilot.bench") / "templates" / "glass.html").read_text(encoding="utf-8")

        async def fulfil(route: Any) -> None:
            await route.fulfill(body=html, content_type="text/html")

        await page.route("http://localhost/", fulfil)
        await page.expose_function("answer", self._answer)
        await page.expose_function("heard", lambda at: self._loud.append(at))
        await page.goto("http://localhost/")
        await page.wait_for_function("window.ready")
        listening = asyncio.create_task(self._listen())
        try:
            await page.evaluate("connect()")
            await asyncio.sleep(WARM)
            return await self._beeps(page, seconds)
        finally:
            self._line.audio.close()
            await listening
            if self._peer is not None:
                await self._peer.close()

    async def _beeps(self, page: Any, seconds: float) -> Glass:
        into: list[float] = []
        out: list[float] = []
        until = time.time() + seconds
        number = 0
        while time.time() < until:
            self._turns.clear()
            spoken = float(await page.evaluate("beep()"))
            await asyncio.sleep(EVERY)
            into += [came - spoken for came in self._turns[:1]]
            self._loud.clear()
            number += 1
            began = 1000 * time.time()
            await self._line.play(number, _burst(), RATE)
            await asyncio.sleep(EVERY)
            out += [at - began for at in self._loud[:1]]
        third_in, third_out = max(1, len(into) // 3), max(1, len(out) // 3)
        return Glass(
            self._network.name,
            spread(into),
            spread(out),
            spread(into[:third_in]).p50,
            spread(into[-third_in:]).p50,
            spread(out[:third_out]).p50,
            spread(out[-third_out:]).p50,
        )

    async def _listen(self) -> None:
        async for turn in self._line.audio.turns():
            came = 1000 * time.time()
            loud = np.flatnonzero(np.abs(turn.customer) > LOUD)
            if loud.size and not self._turns:
                self._turns.append(came)

    async def _answer(self, sdp: str) -> str:
        offer = read(sdp, _QUERY)
        self._peer = await connect(offer, self._line, lambda act: None, lambda: None)
        self._spoil(self._peer._connection)
        return self._peer.answer

    def _spoil(self, connection: Any) -> None:
        if self._network == Network():
            return
        for transceiver in connection.getTransceivers():
            receiver = transceiver.receiver
            take = receiver._handle_rtp_packet

            async def late(packet: Any, arrival_time_ms: int, take: Any = take) -> None:
                self._later(lambda: take(packet, arrival_time_ms))

            receiver._handle_rtp_packet = late
        transport: Any = connection.getTransceivers()[0].receiver.transport
        send = transport._send_rtp

        async def out(data: bytes) -> None:
            self._later(lambda: send(data))

        transport._send_rtp = out

    def _later(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._dice.random() * 100 < self._network.loss:
            return
        delay = self._dice.uniform(0, self._network.jitter) / 1000

        async def arrive() -> None:
            await asyncio.sleep(delay)
            with contextlib.suppress(ConnectionError):
                await work()

        task = asyncio.create_task(arrive())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _burst() -> AsyncIterator[Pcm]:
    at = np.arange(RATE // 5) / RATE
    sound: Pcm = (0.3 * np.sin(2 * np.pi * 600 * at)).astype(np.float32)
    yield sound
