"""Real calls between two processes: what receiving costs on one core, and how late ticks come."""

import asyncio
import contextlib
import itertools
import multiprocessing
import os
import struct
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np
import psutil
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.stats import RTCInboundRtpStreamStats
from av import AudioFrame, AudioResampler
from msgspec import Struct

from copilot.audio.frames import TICK, frame_samples
from copilot.bench.trace import Spread, percentiles
from copilot.bench.wire import PACKET, STEP, send, speech
from copilot.core.vocabulary import Party
from copilot.sidecar.earpiece import Earpiece
from copilot.sidecar.peer import use_interface
from copilot.sidecar.rtp import CallAudio, munge_answer, opus_only

WARM = 1.0
"""Seconds of every call before measuring."""
PATIENCE = 60.0
"""How long the calls may take to be set up, seconds."""
SLOTS = 20
"""In how many steps the tracks' packets leave within 20 ms."""
PAYLOAD_TYPE = 96
"""What aiortc offers Opus as."""
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
    """For a call whose packets all come."""
    calls_per_core: float
    extrapolated: bool
    """Whether `calls_per_core` follows from fewer calls than that."""
    ticks: int
    ticks_missing_per_1000: float
    ticks_late_per_1000: float
    """By more than 80 ms."""
    tick_late_ms: Spread
    """How much more than 80 ms after the one before of the same call a tick came."""
    packets_percent: float
    """How many packets the sender got out; under 100 it was short of time, and ticks are late."""

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


class _Talkers:
    """Coded speech on all calls' tracks, by one clock and past aiortc's senders.

    Those take about 100 us a packet: a core could not send what a core can receive.
    """

    def __init__(self, peers: Sequence[RTCPeerConnection], payloads: Sequence[bytes]) -> None:
        self._senders = [sender for peer in peers for sender in peer.getSenders()]
        self._payloads = payloads

    async def run(self) -> None:
        """Send for ever, the tracks spread over the 20 ms of a packet."""
        began = time.monotonic()
        for slot in itertools.count():
            await asyncio.sleep(began + slot * PACKET / SLOTS - time.monotonic())
            number = slot // SLOTS
            for track in range(slot % SLOTS, len(self._senders), SLOTS):
                await self._send(track, number)

    async def _send(self, track: int, number: int) -> None:
        sender = self._senders[track]
        payload = self._payloads[(number + 37 * track) % len(self._payloads)]
        # RFC 3550, section 5.1: version 2, no extension, one payload type
        stamp = number * STEP % 2**32
        head = struct.pack("!BBHII", 0x80, PAYLOAD_TYPE, number % 2**16, stamp, sender._ssrc)
        with contextlib.suppress(ConnectionError):
            await sender.transport._send_rtp(head + payload)


def _send(calls: int, pipe: Connection) -> None:
    _pin(receiver=False)
    use_interface("127.0.0.1")
    payloads = [packet.payload for packet in send(speech(SPEECH))]
    asyncio.run(_call(calls, payloads, pipe))


async def _call(calls: int, payloads: Sequence[bytes], pipe: Connection) -> None:
    peers: list[RTCPeerConnection] = []
    for _ in range(calls):
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        for _side in range(2):
            peer.addTransceiver(Earpiece(), direction="sendonly")
        await peer.setLocalDescription(await peer.createOffer())
        pipe.send(peer.localDescription.sdp)
        answer = await asyncio.to_thread(pipe.recv)
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        peers.append(peer)
    await asyncio.to_thread(pipe.recv)
    await _Talkers(peers, payloads).run()


# ---- receiver ----------------------------------------------------------------------------------


class _Ran(NamedTuple):
    times: list[list[float]]
    """When each consumer's ticks came."""
    share: float
    """Of a core."""
    worth: float
    """How many calls' packets came, of the sender's two tracks."""


def _receive(path: Path, calls: int, seconds: float, pipe: Connection, result: Connection) -> None:
    pinned = _pin(receiver=True)
    use_interface("127.0.0.1")
    ran = asyncio.run(_answer(path, calls, seconds, pipe))
    result.send(_figures(path, calls, pinned, seconds, ran))


async def _answer(path: Path, calls: int, seconds: float, pipe: Connection) -> _Ran:
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
    pipe.send("begin")
    await asyncio.sleep(WARM)
    ran = await _watch(peers, times, seconds)
    for task in tasks:
        task.cancel()
    return ran


def _connected(peer: RTCPeerConnection) -> asyncio.Event:
    event = asyncio.Event()

    @peer.on("connectionstatechange")
    def _() -> None:
        if peer.connectionState == "connected":
            event.set()

    return event


async def _watch(
    peers: Sequence[RTCPeerConnection], times: list[list[float]], seconds: float
) -> _Ran:
    """What happens from now on; what came before is forgotten."""
    for one in times:
        one.clear()
    process = psutil.Process()
    packets, before, began = await _packets(peers), process.cpu_times(), time.monotonic()
    await asyncio.sleep(seconds)
    after, ended = process.cpu_times(), time.monotonic()
    used = after.user - before.user + after.system - before.system
    packets = await _packets(peers) - packets
    return _Ran(times, used / (ended - began), packets * PACKET / (ended - began) / 2)


async def _packets(peers: Sequence[RTCPeerConnection]) -> int:
    """How many RTP packets have come."""
    stats = [await one.receiver.getStats() for peer in peers for one in peer.getTransceivers()]
    return sum(
        report.packetsReceived
        for one in stats
        for report in one.values()
        if isinstance(report, RTCInboundRtpStreamStats)
    )


def _figures(path: Path, calls: int, pinned: bool, seconds: float, ran: _Ran) -> Measured:
    times, share, worth = ran
    late = np.concatenate([_lateness(one) for one in times if len(one) > 1] or [np.zeros(1)])
    ticks, expected = sum(map(len, times)), seconds / TICK * len(times)
    return Measured(
        path=path.name,
        rate=path.rate,
        calls=calls,
        pinned=pinned,
        core_percent=round(100 * share, 1),
        core_percent_per_call=round(100 * share / worth, 3),
        calls_per_core=round(worth / share, 1),
        extrapolated=share < FULL,
        ticks=ticks,
        ticks_missing_per_1000=round(1000 * max(0.0, 1 - ticks / expected), 1),
        ticks_late_per_1000=round(1000 * float((late > TICK).mean()), 2),
        tick_late_ms=percentiles(list(late)),
        packets_percent=round(100 * worth / calls, 1),
    )


def _lateness(times: Sequence[float]) -> np.ndarray:
    """How much more than a tick after the one before each tick came, seconds."""
    return np.maximum(0, np.diff(times) - TICK)


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
