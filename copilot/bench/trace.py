"""The same arrivals through this sound path and through aiortc's jitter buffer, side by side."""

from collections.abc import Iterable, Sequence

import numpy as np
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket
from msgspec import Struct

from copilot.audio.reorder import Reorder
from copilot.bench.wire import PACKET, Arrival, Sent, deliver, send, speech

BEAT = 0.02
"""How often the sound path looks at waiting packets, seconds."""
END = 1.0
"""The end of a trace that is not counted: packets that would still be delivered, seconds."""


class How(Struct, frozen=True):
    """What a network does to packets."""

    loss: float = 0.0
    """Share of them."""
    jitter: float = 0.0
    """Standard deviation of a half-normal delay, seconds."""
    dtx: bool = False
    """Whether the sender leaves pauses out."""


NETWORKS = {
    "clean": How(),
    "1 % lost": How(loss=0.01),
    "5 % lost": How(loss=0.05),
    "10 % lost": How(loss=0.1),
    "30 ms jitter": How(jitter=0.03),
    "DTX sender": How(dtx=True),
}


class Spread(Struct, frozen=True):
    """Percentiles, milliseconds."""

    p50: float
    p95: float
    p99: float
    max: float


class Outcome(Struct, frozen=True):
    """What one path made of a trace; shares of the packets sent, percent."""

    lost_percent: float
    """Not on the timeline at all."""
    recovered_percent: float
    """From the copy in the next packet."""
    concealed_percent: float
    """Made up in their place."""
    delay_ms: Spread
    """From a packet's arrival to its sound."""


class Network(Struct, frozen=True):
    """Both paths on one trace."""

    network: str
    packets: int
    own: Outcome
    stock: Outcome


def networks(seconds: float, rate: int, seed: int = 1) -> list[Network]:
    """Each network's trace of `seconds` on both paths."""
    sound = speech(seconds, seed)
    sent = {dtx: send(sound, dtx=dtx) for dtx in (False, True)}
    rows: list[Network] = []
    for name, how in NETWORKS.items():
        packets = sent[how.dtx]
        arrivals = deliver(packets, how.loss, how.jitter, seed=seed)
        mine, theirs = own(packets, arrivals, rate), stock(packets, arrivals, seconds)
        rows.append(Network(name, len(packets), mine, theirs))
    return rows


def own(sent: Sequence[Sent], arrivals: Iterable[Arrival], rate: int) -> Outcome:
    """This sound path with a beat of 20 ms, as live."""
    reorder = Reorder(rate)
    delays: list[float] = []
    beats = 0
    for time, packet in arrivals:
        while beats * BEAT <= time:
            now = beats * BEAT
            delays += [now - p.arrival for p in reorder.poll(now) if p.arrival is not None]
            beats += 1
        pieces = reorder.push(time, packet.seq, packet.timestamp, packet.payload)
        delays += [time - piece.arrival for piece in pieces if piece.arrival is not None]
    last = max(packet.time for packet in sent)
    reorder.poll(last + END)
    whole = round((last - sent[0].time + PACKET) * rate)
    counts, size = reorder.counts, round(rate * PACKET)
    return Outcome(
        lost_percent=percent(max(0, whole - reorder.position), whole),
        recovered_percent=percent(counts.recovered, len(sent)),
        concealed_percent=percent(counts.concealed / size, len(sent)),
        delay_ms=percentiles(delays),
    )


def stock(sent: Sequence[Sent], arrivals: Iterable[Arrival], seconds: float) -> Outcome:
    """aiortc's jitter buffer, as its receiver makes it; it has neither FEC nor concealment."""
    buffer = JitterBuffer(capacity=16, prefetch=4)
    came: dict[int, float] = {}
    delays: dict[int, float] = {}
    for time, packet in arrivals:
        came[packet.timestamp] = time
        rtp = RtpPacket(sequence_number=packet.seq, timestamp=packet.timestamp)
        rtp._data = packet.payload  # type: ignore[attr-defined]
        _, frame = buffer.add(rtp)
        if frame is not None:
            delays[frame.timestamp] = time - came[frame.timestamp]
    counted = [packet for packet in sent if packet.time < seconds - END]
    heard = sum(packet.timestamp in delays for packet in counted)
    return Outcome(
        lost_percent=percent(len(counted) - heard, len(counted)),
        recovered_percent=0.0,
        concealed_percent=0.0,
        delay_ms=percentiles(list(delays.values())),
    )


def percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2)


def percentiles(seconds: Sequence[float]) -> Spread:
    """How times in seconds are spread."""
    values = np.asarray(seconds) * 1000
    found = [round(float(value), 1) for value in np.percentile(values, (50, 95, 99, 100))]
    return Spread(*found)
