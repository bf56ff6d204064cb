"""A caller in a process of its own: plays two recordings to a server over WebRTC.

It prints notes (copilot/demo/notes.py) on stdout, one JSON line each; its exit code is 0, or one of
`Exit` with one line on stderr.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine
from enum import IntEnum
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import click
import httpx
import msgspec
import numpy as np
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from copilot.core.events import CardTouched, ShowCard, decode_event
from copilot.core.events import encode as encode_event
from copilot.core.vocabulary import Touch
from copilot.demo.notes import Arrived, Broken, Connected, Ended, Note, Playing, Touched, encode
from copilot.demo.tracks import PacketTrack, Playout, opus_packets
from copilot.errors import AudioError
from copilot.sidecar.peer import use_interface

_CONNECT_SECONDS = 15.0
_REQUEST_SECONDS = 10.0
_LINGER_MS = 1000
"""How long the line is held after the recordings for what still comes."""
_NOTE_MS = 1000
"""Time between two notes of the position."""
_TOUCH_SECONDS = 1.5
"""How long an agent takes to read a card before using it."""


class Exit(IntEnum):
    """Exit codes."""

    UNREACHABLE = 3
    REFUSED = 4
    BROKEN = 5
    BAD_AUDIO = 6


class CallFailed(Exception):
    """The call could not be placed or broke off."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code


class Caller:
    """One call: two sending tracks, the earpiece, the data channel."""

    def __init__(
        self,
        server: str,
        agent: Path,
        customer: Path,
        touch: bool,
        tell: Callable[[Note], None],
    ) -> None:
        self._server = server
        self._touch = touch
        self._tell = tell
        self._playout = Playout()
        self._tracks = [
            PacketTrack(opus_packets(path), self._playout) for path in (agent, customer)
        ]
        self._media_ms = max(track.length_ms for track in self._tracks)
        self._lost = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._earpiece_ms = 0.0
        self._touched: set[int] = set()

    async def call(self) -> None:
        """Place the call, play the recordings, hang up; raises CallFailed."""
        config = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        peer = RTCPeerConnection(config)
        timeout = httpx.Timeout(_REQUEST_SECONDS)
        # trust_env: a proxy of the environment must not stand between this machine and itself
        async with httpx.AsyncClient(timeout=timeout, trust_env=False) as http:
            try:
                opened = self._prepare(peer)
                location = await self._offer(peer, http)
                await self._connect(opened)
                self._tell(Connected(location.rsplit("/", 1)[-1], self._media_ms))
                try:
                    await self._play()
                finally:
                    await self._hang_up(http, location)
                self._tell(Ended(round(self._playout.at_ms), round(self._earpiece_ms)))
            finally:
                for task in self._tasks:
                    task.cancel()
                await peer.close()

    def _prepare(self, peer: RTCPeerConnection) -> asyncio.Event:
        """Tracks and channel in the order agent, customer, earpiece; the event: channel open."""
        opus = [
            codec
            for codec in RTCRtpSender.getCapabilities("audio").codecs
            if codec.mimeType.lower() == "audio/opus"
        ]
        for track in self._tracks:
            peer.addTransceiver(track, direction="sendonly").setCodecPreferences(opus)
        peer.addTransceiver("audio", direction="recvonly").setCodecPreferences(opus)
        channel = peer.createDataChannel("copilot")
        opened = asyncio.Event()
        channel.on("open", opened.set)
        channel.on("message", lambda body: self._message(channel, body))
        channel.on("close", self._lost.set)
        peer.on("track", lambda track: self._start(self._listen(track)))
        peer.on("connectionstatechange", lambda: self._state(peer.connectionState))
        return opened

    def _state(self, state: str) -> None:
        if state in ("failed", "closed"):
            self._lost.set()

    async def _offer(self, peer: RTCPeerConnection, http: httpx.AsyncClient) -> str:
        """WHIP: post the offer, take the answer; gives the call's own URL."""
        await peer.setLocalDescription(await peer.createOffer())
        agent, customer, earpiece = (one.mid for one in peer.getTransceivers())
        url = urljoin(self._server, "/calls")
        parameters = {
            "agent": agent,
            "customer": customer,
            "earpiece": earpiece,
            "consent": "true",
        }
        try:
            response = await http.post(
                url,
                params=parameters,
                content=peer.localDescription.sdp,
                headers={"Content-Type": "application/sdp"},
            )
        except httpx.TransportError as error:
            raise CallFailed(
                Exit.UNREACHABLE, f"{url}: no answer ({error}); is the server running?"
            ) from None
        location = _accepted(url, response)
        try:
            await peer.setRemoteDescription(RTCSessionDescription(response.text, "answer"))
        except ValueError as error:
            raise CallFailed(Exit.REFUSED, f"{url}: its answer is not usable ({error})") from None
        return location

    async def _connect(self, opened: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._unless_lost(opened.wait())
        except TimeoutError:
            raise CallFailed(
                Exit.BROKEN,
                f"{self._server}: no media connection after {_CONNECT_SECONDS:.0f} s; "
                "is UDP between the two blocked?",
            ) from None
        self._playout.begin()

    async def _play(self) -> None:
        """Until the recordings are over and a moment longer."""
        position = 0
        while position < self._media_ms + _LINGER_MS:
            await self._unless_lost(self._playout.reach(position))
            self._tell(Playing(min(position, self._media_ms)))
            position += _NOTE_MS

    async def _unless_lost(self, wanted: Coroutine[Any, Any, object]) -> None:
        """Wait for `wanted`; raises CallFailed if the line goes first."""
        waits = [asyncio.ensure_future(wanted), asyncio.ensure_future(self._lost.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
        if self._lost.is_set():
            raise CallFailed(
                Exit.BROKEN,
                f"{self._server}: the line was lost at {self._playout.at_ms / 1000:.1f} s; "
                "see the server's output for why",
            )

    async def _hang_up(self, http: httpx.AsyncClient, location: str) -> None:
        # a server that is gone has hung up already
        with contextlib.suppress(httpx.TransportError):
            await http.delete(location)

    def _message(self, channel: RTCDataChannel, body: str | bytes) -> None:
        at_ms = self._playout.at_ms
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        self._tell(Arrived(at_ms, text))
        if self._touch:
            self._start(self._use(channel, text))

    async def _use(self, channel: RTCDataChannel, text: str) -> None:
        """Use a card after reading it, once."""
        try:
            event = decode_event(text)
        except msgspec.MsgspecError:
            return
        if isinstance(event, ShowCard) and event.inquiry not in self._touched:
            self._touched.add(event.inquiry)
            await asyncio.sleep(_TOUCH_SECONDS)
            channel.send(encode_event(CardTouched(event.inquiry, Touch.USED)).decode())
            self._tell(Touched(self._playout.at_ms, event.inquiry))

    async def _listen(self, track: MediaStreamTrack) -> None:
        """The earpiece: measure what comes, so that it is drained."""
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, AudioFrame) and np.any(frame.to_ndarray()):
                    self._earpiece_ms += 1000 * frame.samples / frame.sample_rate

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _accepted(url: str, response: httpx.Response) -> str:
    """The call's URL, where the answer is one."""
    if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        wait = response.headers.get("retry-after", "some")
        raise CallFailed(Exit.REFUSED, f"{url}: the server is full; try again in {wait} s")
    if response.status_code != httpx.codes.CREATED or "location" not in response.headers:
        text = response.text.strip()[:200]
        raise CallFailed(
            Exit.REFUSED, f"{url}: the call was refused ({response.status_code} {text})"
        )
    return urljoin(url, response.headers["location"])


@click.command()
@click.option("--url", required=True, help="Server to call, http://127.0.0.1:8123.")
@click.option("--agent", required=True, type=click.Path(path_type=Path), help="Agent's WAV.")
@click.option("--customer", required=True, type=click.Path(path_type=Path), help="Customer's WAV.")
@click.option("--touch", is_flag=True, help="Use each card a moment after it appears.")
def main(url: str, agent: Path, customer: Path, touch: bool) -> None:
    """Place one call with two mono recordings and print what happens, a JSON line each."""
    use_interface("127.0.0.1")

    def tell(note: Note) -> None:
        sys.stdout.buffer.write(encode(note))
        sys.stdout.buffer.flush()

    async def place() -> None:
        await Caller(url, agent, customer, touch, tell).call()

    try:
        asyncio.run(place())
    except AudioError as error:
        _fail(tell, Exit.BAD_AUDIO, str(error))
    except CallFailed as error:
        _fail(tell, error.code, str(error))
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)


def _fail(tell: Callable[[Note], None], code: Exit, message: str) -> None:
    tell(Broken(message))
    click.echo(message, err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
