"""The client's sound: recordings as Opus packets, sent on an absolute schedule."""

import asyncio
import fractions
import time
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import soundfile
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.stream import Stream

from copilot.errors import AudioError

PACKET_MS = 20
_CLOCK = 48_000
"""RTP clock of Opus (RFC 7587), Hz."""
_BIT_RATE = 28_000
"""At most 32 kb/s, or Opus leaves the mode that has in-band FEC."""
_EXPECTED_LOSS = "10"
"""Percent; the encoder spends bits on FEC only where it expects loss."""


def opus_packets(path: Path) -> list[bytes]:
    """The mono recording as 20 ms Opus packets with in-band FEC.

    Raises AudioError for a file that is not mono WAV at a rate that Opus takes.
    """
    try:
        samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioError(f"{path}: cannot be read as a WAV file ({error})") from None
    if samples.shape[1] != 1 or rate not in (8_000, 12_000, 16_000, 24_000, 48_000):
        raise AudioError(
            f"{path}: {samples.shape[1]} channels at {rate} Hz; the client plays mono at 24,000 Hz"
        )
    return _encode(samples[:, 0], rate)


def _encode(samples: np.ndarray[tuple[int], np.dtype[np.int16]], rate: int) -> list[bytes]:
    codec = av.CodecContext.create("libopus", "w")
    assert isinstance(codec, av.AudioCodecContext)
    codec.sample_rate = rate
    codec.layout = "mono"
    codec.format = "s16"
    codec.bit_rate = _BIT_RATE
    codec.options = {"application": "voip", "fec": "1", "packet_loss": _EXPECTED_LOSS}
    size = rate * PACKET_MS // 1000
    packets: list[bytes] = []
    for start in range(0, len(samples) - size + 1, size):
        block = np.ascontiguousarray(samples[None, start : start + size])
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
        frame.sample_rate = rate
        frame.pts = start
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets + [bytes(packet) for packet in codec.encode(None)]


class Playout:
    """The one clock of both tracks and of everything that is measured against them."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._go = asyncio.Event()

    def begin(self) -> None:
        """Position 0 is now."""
        self._began = time.monotonic()
        self._go.set()

    @property
    def at_ms(self) -> float:
        """The position now; 0 before the beginning."""
        return 0.0 if self._began is None else (time.monotonic() - self._began) * 1000

    async def reach(self, at_ms: int) -> None:
        """Wait for a position; an absolute schedule does not drift, however late one wakes."""
        await self._go.wait()
        await asyncio.sleep(max(0.0, (at_ms - self.at_ms) / 1000))


class PacketTrack(MediaStreamTrack):
    """Ready packets as a track; it ends with them."""

    kind = "audio"

    def __init__(self, packets: Sequence[bytes], playout: Playout) -> None:
        super().__init__()
        self._packets = packets
        self._playout = playout
        self._next = 0

    @property
    def length_ms(self) -> int:
        return len(self._packets) * PACKET_MS

    async def recv(self) -> "av.Packet[Stream]":
        """The next packet when its time has come."""
        if self._next >= len(self._packets):
            self.stop()
            raise MediaStreamError
        at_ms = self._next * PACKET_MS
        await self._playout.reach(at_ms)
        packet = av.Packet(self._packets[self._next])
        packet.pts = at_ms * _CLOCK // 1000
        packet.time_base = fractions.Fraction(1, _CLOCK)
        self._next += 1
        return packet
