"""Plays a scene over real WebRTC to a real server with its own ear; the network may be bad."""

import asyncio
import contextlib
import fractions
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import urljoin

import av
import httpx
import msgspec
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.stream import Stream

from copilot.audio.opus import RTP_RATE, Encoder
from copilot.bench.timing.network import NETWORKS, Network
from copilot.bench.timing.phone import Listened, Notes
from copilot.bench.timing.play import Kind, Trace
from copilot.bench.timing.result import Result, collect
from copilot.bench.timing.scene import Scene, changed
from copilot.bench.timing.stage import Stage
from copilot.config import Settings
from copilot.core.events import Entry, Input, Speak, decode_event
from copilot.core.vocabulary import Party
from copilot.demo.children import DemoError, serving
from copilot.demo.synth import RATE
from copilot.demo.timing.voices import Voiced, speak
from copilot.sidecar.peer import use_interface
from copilot.sidecar.rtp import munge_answer

PACKET_MS = 20
CONNECT_SECONDS = 15.0
SETTLE_MS = 1500
"""After connecting, before the first line: the ear finds the level of the line."""
LOSSY = 10
"""Percent of loss that the sender's in-band FEC is prepared for."""
Progress = Callable[[str, int, int], None]


class _Microphone(MediaStreamTrack):
    """One party, encoded as it is spoken, on an absolute schedule."""

    kind = "audio"

    def __init__(self, party: Party, voiced: Voiced, now: Callable[[], float]) -> None:
        super().__init__()
        self._party, self._voiced, self._now = party, voiced, now
        self._encoder = Encoder(RATE, 28_000, LOSSY)
        self._next = 0

    async def recv(self) -> "av.Packet[Stream]":
        if self.readyState != "live":
            raise MediaStreamError
        at = self._next * PACKET_MS
        # a packet leaves when its last sample has been spoken
        await asyncio.sleep(max(0.0, at + PACKET_MS - self._now()) / 1000)
        samples = self._voiced.mix(self._party, at, self._encoder.samples)
        packet = av.Packet(self._encoder.encode(samples))
        packet.pts = self._next * RTP_RATE * PACKET_MS // 1000
        packet.time_base = fractions.Fraction(1, RTP_RATE)
        self._next += 1
        return packet


class _Caller:
    """The browser of one call."""

    def __init__(self, scene: Scene, voiced: Voiced, network: Network) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.stage = Stage(scene, voiced.utter)
        self.listened = Listened(self.stage.whispered)
        self.notes = Notes(self.now)
        self._dice = random.Random(scene.name)
        self._network = network
        self._opened = asyncio.Event()
        self._peer = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._tracks = [_Microphone(party, voiced, self.now) for party in Party]
        self._tasks: set[asyncio.Task[None]] = set()
        self._seq = 0

    def now(self) -> float:
        """Milliseconds of the call."""
        return 1000 * (self._loop.time() - self._began)

    async def call(self, url: str, consent: bool) -> float:
        """Place the call, play the scene, hang up; gives its length in seconds."""
        opus = RTCRtpSender.getCapabilities("audio").codecs
        opus = [codec for codec in opus if codec.mimeType.lower() == "audio/opus"]
        for track in self._tracks:
            self._peer.addTransceiver(track, direction="sendonly").setCodecPreferences(opus)
        ear = self._peer.addTransceiver("audio", direction="recvonly")
        ear.setCodecPreferences(opus)
        channel = self._peer.createDataChannel("copilot")
        channel.on("open", self._opened.set)
        channel.on("message", self._message)
        async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
            try:
                place = await self._offer(http, url, consent)
                self._spoil(ear)
                async with asyncio.timeout(CONNECT_SECONDS):
                    await self._opened.wait()
                await self._play()
                seconds = self.now() / 1000
                await http.delete(place)
                return seconds
            finally:
                for track in self._tracks:
                    track.stop()
                await self._peer.close()

    async def _offer(self, http: httpx.AsyncClient, url: str, consent: bool) -> str:
        await self._peer.setLocalDescription(await self._peer.createOffer())
        agent, customer, earpiece = (one.mid for one in self._peer.getTransceivers())
        query = {"agent": agent, "customer": customer, "earpiece": earpiece}
        answer = await http.post(
            urljoin(url, "/calls"),
            params={**query, "consent": str(consent).lower()},
            content=munge_answer(self._peer.localDescription.sdp),
            headers={"Content-Type": "application/sdp"},
        )
        if answer.status_code != httpx.codes.CREATED:
            raise DemoError(f"{url}: the call was refused ({answer.status_code} {answer.text})")
        await self._peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        return urljoin(url, answer.headers["location"])

    def _spoil(self, ear: Any) -> None:
        """Lose and delay packets on their way out and in; hear the earpiece as it comes."""
        transport: Any = ear.receiver.transport
        send = transport._send_rtp

        async def out(data: bytes) -> None:
            self._later(lambda: send(data))

        async def on_rtp(packet: Any, arrival_time_ms: int) -> None:
            async def heard() -> None:
                self.listened.hear(packet.payload, self.now())

            self._later(heard)

        if self._network != Network():
            transport._send_rtp = out
        ear.receiver._handle_rtp_packet = on_rtp

    def _later(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do it after the packet's delay, if it is not lost."""
        if self._dice.random() * 100 < self._network.loss:
            return
        delay = self._dice.uniform(0, self._network.jitter) / 1000

        async def arrive() -> None:
            if delay:
                await asyncio.sleep(delay)
            with contextlib.suppress(ConnectionError):
                await work()

        task = self._loop.create_task(arrive())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self) -> None:
        await asyncio.sleep(SETTLE_MS / 1000)
        offset = self.now()
        self.stage.begin(offset)
        while not (self.stage.over and self.now() >= self.stage.end):
            self.stage.advance(self.now())
            await asyncio.sleep(0.01)

    def _message(self, body: str | bytes) -> None:
        event = decode_event(body)
        if isinstance(event, Input):
            return
        if isinstance(event, Speak):
            self.listened.whisper()
        self.notes.append("", [Entry(self._seq, 0, event)])
        self._seq += 1


def run(
    settings: Settings,
    scenes: Sequence[Scene],
    progress: Progress,
    networks: Sequence[Network] = NETWORKS,
) -> tuple[Result, dict[Kind, list[Trace]]]:
    """The scenes one after the other, each network after the other; raises UserError."""
    use_interface("127.0.0.1")
    loop_traces = asyncio.run(_run(settings, scenes, progress, networks))
    traces = {Kind.COPILOT: loop_traces}
    return collect("live", traces, sum(trace.seconds for trace in loop_traces)), traces


async def _run(
    settings: Settings,
    scenes: Sequence[Scene],
    progress: Progress,
    networks: Sequence[Network],
) -> list[Trace]:
    traces: list[Trace] = []
    total = len(networks) * len(scenes)
    spoken = {scene.name: await speak(scene, settings) for scene in scenes}
    for pack in dict.fromkeys(scene.pack for scene in scenes):
        async with serving(_serving(settings, pack)) as url:
            for network in networks:
                for scene in (one for one in scenes if one.pack == pack):
                    voiced = Voiced(scene, spoken[scene.name])
                    traces.append(await _one(scene, voiced, network, url))
                    progress("calls", len(traces), total)
    return traces


def _serving(settings: Settings, pack: str) -> Settings:
    knowledge = settings.knowledge.model_copy(update={"packs": (pack,)})
    policy = msgspec.structs.replace(settings.policy, voice=True)
    return settings.model_copy(update={"knowledge": knowledge, "policy": policy})


async def _one(scene: Scene, voiced: Voiced, network: Network, url: str) -> Trace:
    caller = _Caller(scene, voiced, network)
    seconds = await caller.call(url, scene.consent)
    named = scene if network == Network() else changed(scene, loss=network.loss)
    if network.jitter:
        named = msgspec.structs.replace(named, name=f"{named.name}, jitter {network.jitter} ms")
    return Trace(
        named,
        Kind.COPILOT,
        tuple(caller.notes.entries),
        tuple(caller.stage.uttered),
        tuple(caller.stage.skipped),
        tuple(caller.listened.heard),
        seconds,
    )
