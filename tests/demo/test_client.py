"""The client process against a small WebRTC answerer: what it sends, hears and reports."""

import asyncio
import re
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import aioice.ice
import numpy as np
import pytest
import soundfile
import uvicorn
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack

from copilot.core.events import CardTouched, ShowCard, decode_event, encode
from copilot.core.vocabulary import Touch
from copilot.demo.client import Exit
from copilot.demo.notes import Arrived, Broken, Connected, Ended, Note, Playing, Touched, decode
from copilot.demo.tracks import PACKET_MS, opus_packets
from copilot.errors import AudioError

RATE = 24_000
CARD = ShowCard(3, 0, "Tracking", "There can be no scan for two days.", ("parcel/a#b",), 80, "why")


class Answerer:
    """Takes one WHIP call as a sidecar would, keeps what it got, sends one card."""

    def __init__(self) -> None:
        self.peer: RTCPeerConnection | None = None
        self.query: dict[str, str] = {}
        self.offer = ""
        self.sound: dict[str, list[np.ndarray[Any, Any]]] = {}
        self.touches: list[CardTouched] = []
        self.deleted = False
        self.answer_with = 201
        self.drop_after: float | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    async def app(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status, headers, text = await self.handle(scope, body.decode())
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": text.encode()})

    async def handle(self, scope: dict[str, Any], body: str) -> tuple[int, dict[str, str], str]:
        if scope["method"] == "DELETE":
            self.deleted = True
            return 200, {}, ""
        if self.answer_with != 201:
            return self.answer_with, {"retry-after": "7"}, "no room"
        assert dict(scope["headers"])[b"content-type"] == b"application/sdp"
        self.query = {k: v[0] for k, v in parse_qs(scope["query_string"].decode()).items()}
        self.offer = body
        return 201, {"location": "/calls/abc123"}, await self.take(body)

    async def take(self, offer: str) -> str:
        self.peer = peer = RTCPeerConnection()
        peer.on("track", self.hear)
        peer.on("datachannel", self.talk)
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        earpiece = next(t for t in peer.getTransceivers() if t.mid == self.query["earpiece"])
        earpiece.sender.replaceTrack(AudioStreamTrack())
        earpiece.direction = "sendonly"
        await peer.setLocalDescription(await peer.createAnswer())
        return peer.localDescription.sdp

    def hear(self, track: MediaStreamTrack) -> None:
        assert self.peer is not None
        mid = next(t.mid for t in self.peer.getTransceivers() if t.receiver.track is track)
        self.run(self.keep(track, self.sound.setdefault(str(mid), [])))

    async def keep(self, track: MediaStreamTrack, into: list[np.ndarray[Any, Any]]) -> None:
        try:
            while True:
                into.append((await track.recv()).to_ndarray()[0, ::2])  # type: ignore[union-attr]
        except MediaStreamError:
            return

    def talk(self, channel: Any) -> None:
        channel.on("message", lambda body: self.touches.append(self.touch(body)))
        self.run(self.show(channel))

    async def show(self, channel: Any) -> None:
        channel.send(encode(CARD).decode())
        if self.drop_after is not None:
            await asyncio.sleep(self.drop_after)
            assert self.peer is not None
            await self.peer.close()

    @staticmethod
    def touch(body: str) -> CardTouched:
        event = decode_event(body)
        assert isinstance(event, CardTouched)
        return event

    def run(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        if self.peer is not None:
            await self.peer.close()


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Answerer, str]]:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    answerer = Answerer()
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(answerer.app, log_level="error", lifespan="off", interface="asgi3")
    web = uvicorn.Server(config)
    serving = asyncio.ensure_future(web.serve(sockets=[listening]))
    port = listening.getsockname()[1]
    yield answerer, f"http://127.0.0.1:{port}"
    await answerer.close()
    web.should_exit = True
    await serving


@pytest.fixture
def recordings(tmp_path: Path) -> tuple[Path, Path]:
    """Two seconds: a 400 Hz tone of the agent, 900 Hz of the customer."""
    return wav(tmp_path / "agent.wav", 400), wav(tmp_path / "customer.wav", 900)


def wav(path: Path, hertz: float, seconds: float = 2.0) -> Path:
    time = np.arange(int(RATE * seconds)) / RATE
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hertz * time), RATE, subtype="PCM_16")
    return path


async def run_client(url: str, files: tuple[Path, Path], *more: str) -> tuple[int, list[Note], str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "copilot.demo.client", "--url", url),
        *("--agent", str(files[0]), "--customer", str(files[1]), *more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode is not None
    return process.returncode, [decode(line) for line in out.splitlines()], err.decode()


def loudest_hertz(blocks: list[np.ndarray[Any, Any]]) -> float:
    sound = np.concatenate(blocks).astype(np.float64)
    return float(np.argmax(np.abs(np.fft.rfft(sound))) * 48_000 / len(sound))


async def test_a_call_from_offer_to_hang_up(
    server: tuple[Answerer, str], recordings: tuple[Path, Path]
) -> None:
    answerer, url = server
    code, notes, err = await run_client(url, recordings, "--touch")
    assert (code, err) == (0, "")
    assert answerer.query == {"agent": "0", "customer": "1", "earpiece": "2", "consent": "true"}
    assert any(isinstance(note, Arrived) and note.body == encode(CARD).decode() for note in notes)
    assert Connected("abc123", 2020) in notes
    positions = [note.at_ms for note in notes if isinstance(note, Playing)]
    assert positions == [0, 1000, 2000, 2020]
    assert answerer.touches == [CardTouched(3, Touch.USED)]
    touched = next(note for note in notes if isinstance(note, Touched))
    assert 1400 < touched.at_ms < 2500
    ended = notes[-1]
    assert isinstance(ended, Ended)
    assert 2000 <= ended.at_ms < 4500
    assert answerer.deleted
    assert abs(loudest_hertz(answerer.sound["0"]) - 400) < 10
    assert abs(loudest_hertz(answerer.sound["1"]) - 900) < 10


async def test_the_offer_names_only_this_machine_and_only_opus(
    server: tuple[Answerer, str], recordings: tuple[Path, Path]
) -> None:
    answerer, url = server
    await run_client(url, recordings)
    addresses = re.findall(r"a=candidate:\S+ \d udp \d+ (\S+)", answerer.offer)
    assert set(addresses) == {"127.0.0.1"}
    assert set(re.findall(r"a=rtpmap:\d+ (\w+)/", answerer.offer)) == {"opus"}
    directions = re.findall(r"a=(sendonly|recvonly|sendrecv)", answerer.offer)
    assert directions == ["sendonly", "sendonly", "recvonly"]


async def test_an_absent_server_is_one_message(recordings: tuple[Path, Path]) -> None:
    code, notes, err = await run_client("http://127.0.0.1:9", recordings)
    assert code == Exit.UNREACHABLE
    assert err.count("\n") == 1
    assert "is the server running?" in err
    assert [type(note) for note in notes] == [Broken]


@pytest.mark.parametrize(("status", "said"), [(503, "try again in 7 s"), (400, "400 no room")])
async def test_a_refusal_is_one_message(
    server: tuple[Answerer, str], recordings: tuple[Path, Path], status: int, said: str
) -> None:
    answerer, url = server
    answerer.answer_with = status
    code, _, err = await run_client(url, recordings)
    assert code == Exit.REFUSED
    assert said in err
    assert "Traceback" not in err


async def test_a_lost_line_ends_the_call_with_a_message(
    server: tuple[Answerer, str], tmp_path: Path
) -> None:
    answerer, url = server
    answerer.drop_after = 0.5
    files = (wav(tmp_path / "a.wav", 400, 20), wav(tmp_path / "c.wav", 900, 20))
    code, notes, err = await run_client(url, files)
    assert code == Exit.BROKEN
    assert "line was lost" in err
    assert answerer.deleted
    assert isinstance(notes[-1], Broken)


async def test_a_bad_recording_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "text.wav"
    bad.write_text("not sound")
    code, _, err = await run_client("http://127.0.0.1:9", (bad, bad))
    assert code == Exit.BAD_AUDIO
    assert str(bad) in err


def test_packets_are_opus_at_a_rate_that_keeps_fec(tmp_path: Path) -> None:
    packets = opus_packets(wav(tmp_path / "tone.wav", 300))
    assert len(packets) in (100, 101)
    assert sum(map(len, packets)) * 8 / (len(packets) * PACKET_MS / 1000) < 40_000


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 1), (24_000, 2)])
def test_a_recording_of_another_shape_is_refused(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "other.wav"
    soundfile.write(path, np.zeros((rate, channels)), rate, subtype="PCM_16")
    with pytest.raises(AudioError, match=f"{channels} channels at {rate} Hz"):
        opus_packets(path)
