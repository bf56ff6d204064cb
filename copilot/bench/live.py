"""Real calls between two processes: what receiving costs on one core, and how late ticks come."""

import asyncio
import contextlib
import multiprocessing
import os
import time
from collections.abc import Sequence
from fractions import Fraction
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np
import psutil
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, AudioResampler, Packet
from av.stream import Stream
from msgspec import Struct

from copilot.audio.frames import TICK, frame_samples
from copilot.audio.opus import RTP_RATE
from copilot.bench.trace import Spread, percentiles
from copilot.bench.wire import PACKET, STEP, send, speech
from copilot.core.events import Party
from copilot.sidecar.peer import use_interface
from copilot.sidecar.rtp import CallAudio, munge_answer, opus_only

WARM = 1.5
"""Seconds of every call before measuring, at most."""
PATIENCE = 60.0
"""How long the calls may take to be set up, seconds."""
SPEECH = 20.0
"""Length of the speech that is sent over and over, seconds."""
FULL = 0.95
"""Share of a core from which it counts as saturated: the cost is then more than what is seen."""


class Path(NamedTuple):
    """One way to receive calls."""

    name: str
    rate: int
    stock: bool


PATHS = (
    Path("own, 24 kHz", 24000, False),
    Path("own, 16 kHz", 16000, False),
    Path("aiortc recv(), 24 kHz", 24000, True),
)


class Measured(Struct, frozen=True):
    """What receiving calls on one path cost, and how its ticks came."""

    path: str
    rate: int
    calls: int
    pinned: bool
    """Whether the receiver had a core to itself, as far as this machine's own load goes."""
    core_percent: float
    core_percent_per_call: float
    calls_per_core: float
    extrapolated: bool
    """Whether `calls_per_core` follows from fewer calls than that."""
    ticks: int
    ticks_missing_per_1000: float
    ticks_late_per_1000: float
    """Later than 80 ms."""
    tick_late_ms: Spread
    """Behind the most punctual tick of the same call."""

    @property
    def saturated(self) -> bool:
        return self.core_percent >= 100 * FULL


def measure(path: Path, calls: int, seconds: float) -> Measured:
    """Cost and lateness of one path; a receiver and a sender process are started for it.

    Raises RuntimeError when the calls cannot be set up.
    """
    context = multiprocessing.get_context("spawn")
    offers, answers = context.Pipe()
    mine, theirs = context.Pipe(duplex=False)
    receiver = context.Process(target=_receive, args=(path, calls, seconds, answers, theirs))
    sender = context.Process(target=_send, args=(calls, offers), daemon=True)
    receiver.start()
    sender.start()
    theirs.close()
    try:
        if not mine.poll(PATIENCE + seconds + calls):
            raise RuntimeError(f"{path.name}: no result of {calls} calls in time; try fewer calls")
        result: Measured = mine.recv()
    except EOFError:
        raise RuntimeError(f"{path.name}: {calls} calls could not be set up") from None
    finally:
        for process in (sender, receiver):
            process.terminate()
            process.join()
    return result


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _pin(receiver: bool) -> bool:
    """Put the receiver on one core by itself and the sender on the others, where there are two."""
    cores = _cores()
    if len(cores) < 2:
        return False
    os.sched_setaffinity(0, cores[:1] if receiver else cores[1:])
    return True


# ---- sender ------------------------------------------------------------------------------------


class _Talker(MediaStreamTrack):
    """Sends coded speech over and over, on an absolute schedule."""

    kind = "audio"

    def __init__(self, payloads: Sequence[bytes], first: int, delay: float) -> None:
        super().__init__()
        self._payloads = payloads
        self._first = first
        self._delay = delay
        self._began = 0.0
        self._sent = 0

    async def recv(self) -> "Packet[Stream]":
        now = time.monotonic()
        self._began = self._began or now + self._delay
        await asyncio.sleep(self._began + self._sent * PACKET - now)
        packet = Packet(self._payloads[(self._first + self._sent) % len(self._payloads)])
        packet.pts, packet.time_base = self._sent * STEP, Fraction(1, RTP_RATE)
        self._sent += 1
        return packet


def _send(calls: int, pipe: Connection) -> None:
    _pin(receiver=False)
    use_interface("127.0.0.1")
    payloads = [packet.payload for packet in send(speech(SPEECH))]
    asyncio.run(_call(calls, payloads, pipe))


async def _call(calls: int, payloads: Sequence[bytes], pipe: Connection) -> None:
    peers = []
    for call in range(calls):
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        for side in range(2):
            talker = _Talker(payloads, call * 37 + side * 411, call % 20 / 1000)
            peer.addTransceiver(talker, direction="sendonly")
        await peer.setLocalDescription(await peer.createOffer())
        pipe.send(peer.localDescription.sdp)
        answer = await asyncio.to_thread(pipe.recv)
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        peers.append(peer)
    await asyncio.Event().wait()


# ---- receiver ----------------------------------------------------------------------------------


def _receive(path: Path, calls: int, seconds: float, pipe: Connection, result: Connection) -> None:
    pinned = _pin(receiver=True)
    use_interface("127.0.0.1")
    times, share = asyncio.run(_answer(path, calls, seconds, pipe))
    result.send(_figures(path, calls, pinned, seconds, times, share))


async def _answer(
    path: Path, calls: int, seconds: float, pipe: Connection
) -> tuple[list[list[float]], float]:
    """When each consumer's ticks came, and the share of a core that all of it took."""
    times: list[list[float]] = []
    tasks: list[asyncio.Task[None]] = []
    connected: list[asyncio.Event] = []
    peers = []
    for _ in range(calls):
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peers.append(peer)
        connected.append(_connected(peer))
        offer = await asyncio.to_thread(pipe.recv)
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        opus_only(peer)
        for consumer in _consumers(peer, path):
            times.append([])
            tasks.append(asyncio.create_task(consumer.run(times[-1])))
        await peer.setLocalDescription(await peer.createAnswer())
        pipe.send(munge_answer(peer.localDescription.sdp))
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(event.wait() for event in connected))
    await asyncio.sleep(min(WARM, seconds))
    share = await _cost(times, seconds)
    for task in tasks:
        task.cancel()
    return times, share


def _connected(peer: RTCPeerConnection) -> asyncio.Event:
    event = asyncio.Event()

    @peer.on("connectionstatechange")
    def _() -> None:
        if peer.connectionState == "connected":
            event.set()

    return event


async def _cost(times: list[list[float]], seconds: float) -> float:
    """Share of a core that this process uses from now on; what came before is forgotten."""
    for one in times:
        one.clear()
    process = psutil.Process()
    before, began = process.cpu_times(), time.monotonic()
    await asyncio.sleep(seconds)
    after, ended = process.cpu_times(), time.monotonic()
    used = after.user - before.user + after.system - before.system
    return used / (ended - began)


def _figures(
    path: Path,
    calls: int,
    pinned: bool,
    seconds: float,
    times: Sequence[Sequence[float]],
    share: float,
) -> Measured:
    late = np.concatenate([_lateness(one) for one in times if one] or [np.zeros(1)])
    ticks, expected = sum(map(len, times)), seconds / TICK * len(times)
    return Measured(
        path=path.name,
        rate=path.rate,
        calls=calls,
        pinned=pinned,
        core_percent=round(100 * share, 1),
        core_percent_per_call=round(100 * share / calls, 3),
        calls_per_core=round(calls / share, 1),
        extrapolated=share < FULL,
        ticks=ticks,
        ticks_missing_per_1000=round(1000 * max(0.0, 1 - ticks / expected), 1),
        ticks_late_per_1000=round(1000 * float((late > TICK).mean()), 2),
        tick_late_ms=percentiles(list(late)),
    )


def _lateness(times: Sequence[float]) -> np.ndarray:
    """How much later than the most punctual tick of its call each tick came, seconds."""
    off = np.asarray(times) - TICK * np.arange(len(times))
    return np.asarray(off - off.min())


class _Own:
    """Both parties as micro-turns."""

    def __init__(self, peer: RTCPeerConnection, rate: int) -> None:
        self._audio = CallAudio(rate)
        for transceiver, party in zip(peer.getTransceivers(), Party, strict=True):
            self._audio.tap(transceiver.receiver, party)

    async def run(self, times: list[float]) -> None:
        note = times.append
        async for _ in self._audio.turns():
            note(time.monotonic())


class _Stock:
    """One track through aiortc's buffer, decoder and resampler to the same 80 ms frames."""

    def __init__(self, track: MediaStreamTrack, rate: int) -> None:
        self._track = track
        self._resampler = AudioResampler("flt", "mono", rate, frame_size=frame_samples(rate))

    async def run(self, times: list[float]) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await self._track.recv()
                assert isinstance(frame, AudioFrame)
                for out in self._resampler.resample(frame):
                    out.to_ndarray()
                    times.append(time.monotonic())


def _consumers(peer: RTCPeerConnection, path: Path) -> list[_Own] | list[_Stock]:
    if not path.stock:
        return [_Own(peer, path.rate)]
    return [_Stock(one.receiver.track, path.rate) for one in peer.getTransceivers()]
