"""A scripted lossy wire: speech-like sound in Opus packets, and when which of them arrive."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from copilot.audio.frames import Pcm
from copilot.audio.opus import RTP_RATE, Encoder

RATE = 24000
"""Sample rate of the sound that is sent, Hz."""
PACKET = 0.02
"""Seconds in a packet."""
STEP = round(PACKET * RTP_RATE)
"""RTP time of a packet."""
BACKGROUND = 0.001
"""Root mean square of the room's noise, -60 dB of full scale."""


class Sent(NamedTuple):
    """A packet as it left."""

    time: float
    """When, seconds from the start of the call: the end of its sound."""
    seq: int
    timestamp: int
    payload: bytes


class Arrival(NamedTuple):
    """A packet as it came."""

    time: float
    packet: Sent


def speech(seconds: float, seed: int = 0) -> Pcm:
    """Something with a voice's shape: syllables of harmonics under two formants, in talk spurts."""
    rng = np.random.default_rng(seed)
    samples = int(seconds * RATE)
    sound = rng.normal(0, BACKGROUND, samples)
    at = int(0.3 * RATE)
    while at < samples:
        for _ in range(int(rng.integers(4, 16))):
            syllable = _syllable(rng)[: max(0, samples - at)]
            sound[at : at + syllable.size] += syllable
            at += syllable.size + int(rng.uniform(0, 0.04) * RATE)
        at += int(rng.uniform(0.4, 1.4) * RATE)
    return sound.astype(np.float32)


def _syllable(rng: np.random.Generator) -> NDArray[np.float64]:
    time = np.arange(int(rng.uniform(0.12, 0.28) * RATE)) / RATE
    pitch = rng.uniform(90, 220) * (1 + rng.uniform(-0.3, 0.3) * time)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    first, second = rng.uniform(300, 800), rng.uniform(900, 2300)
    tone = np.zeros_like(time)
    for harmonic in range(1, 16):
        frequency = harmonic * pitch[0]
        gain = np.exp(-(((frequency - first) / 200) ** 2)) + 0.5 * np.exp(
            -(((frequency - second) / 300) ** 2)
        )
        tone += (gain + 0.02) * np.sin(harmonic * phase)
    tone += 0.1 * rng.normal(0, 1, time.size) * (time < 0.05)
    return 0.15 * tone * np.sin(np.pi * np.arange(time.size) / time.size)


def send(
    sound: Pcm, dtx: bool = False, seq: int = 1000, timestamp: int = 160_000, loss: int = 10
) -> list[Sent]:
    """The packets of a sender; `loss` is what its FEC is prepared for, percent.

    With `dtx`, packets of a pause stay away: sequence numbers go on without gap, timestamps jump.
    """
    encoder = Encoder(RATE, bitrate=24000, expected_loss=loss, dtx=dtx)
    sent: list[Sent] = []
    for number in range(sound.size // encoder.samples):
        payload = encoder.encode(sound[number * encoder.samples :][: encoder.samples])
        if dtx and len(payload) <= 2:
            continue
        stamp = (timestamp + number * STEP) % 2**32
        sent.append(Sent((number + 1) * PACKET, (seq + len(sent)) % 2**16, stamp, payload))
    return sent


def deliver(
    sent: Sequence[Sent], loss: float = 0.0, jitter: float = 0.0, burst: float = 1.0, seed: int = 0
) -> list[Arrival]:
    """What arrives, in order of arrival.

    `loss` is a share of the packets, lost in runs of `burst` on average; `jitter` the standard
    deviation, in seconds, of a half-normal delay for each packet by itself, so that they overtake.
    """
    rng = np.random.default_rng(seed)
    arrivals: list[Arrival] = []
    lost = False
    for packet in sent:
        enter = loss / (burst * (1 - loss)) if loss < 1 else 1.0
        lost = rng.random() < (1 - 1 / burst if lost and burst > 1 else enter)
        if not lost:
            delay = abs(rng.normal(0, jitter)) if jitter else 0.0
            arrivals.append(Arrival(packet.time + delay, packet))
    return sorted(arrivals, key=lambda arrival: arrival.time)
