"""A browser's side of a call for tests: two tracks out, the earpiece in, the data channel."""

import asyncio
import json
from typing import Any

from aiortc import (
    AudioStreamTrack,
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

QUERY = {"agent": "0", "customer": "1", "earpiece": "2", "consent": "true"}


class Browser:
    """A real aiortc peer over loopback."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        for _ in range(2):
            self.connection.addTransceiver(AudioStreamTrack(), direction="sendonly")
        self.connection.addTransceiver("audio", direction="recvonly")
        self.channel = self.connection.createDataChannel("copilot")
        self.messages: list[dict[str, Any]] = []
        self.news = asyncio.Event()
        self.opened = asyncio.Event()
        self.heard_packets = 0
        self.tasks: list[asyncio.Task[None]] = []
        self.channel.on("open", self.opened.set)
        self.channel.on("message", self._message)
        self.connection.on("track", lambda track: self.tasks.append(self._drain(track)))

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await asyncio.wait_for(self.opened.wait(), 10)

    async def message(self, kind: str) -> dict[str, Any]:
        """The first message of a kind, waited for."""
        async with asyncio.timeout(10):
            while True:
                found = next((one for one in self.messages if one["type"] == kind), None)
                if found is not None:
                    return found
                self.news.clear()
                await self.news.wait()

    def say(self, message: object) -> None:
        self.channel.send(message if isinstance(message, str) else json.dumps(message))

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await self.connection.close()

    def _message(self, text: str) -> None:
        self.messages.append(json.loads(text))
        self.news.set()

    def _drain(self, track: MediaStreamTrack) -> asyncio.Task[None]:
        async def drain() -> None:
            try:
                while True:
                    await track.recv()
                    self.heard_packets += 1
                    self.news.set()
            except MediaStreamError:
                return

        return asyncio.create_task(drain())
