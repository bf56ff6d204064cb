"""The same arrivals through this sound path and through aiortc's jitter buffer, side by side."""

from collections.abc import Iterable, Sequence

import numpy as np
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket

from copilot.audio.reorder import Reorder
from copilot.bench.wire import PACKET, Arrival, Sent, deliver, send, speech

BEAT = 0.02
"""How often the sound path looks at waiting packets, seconds."""
END = 1.0
"""The end of a trace that is not counted: packets that would still be delivered, seconds."""

NETWORKS: dict[str, dict[str, float]] = {
    "clean": {},
    "1 % lost": {"loss": 0.01},
    "5 % lost": {"loss": 0.05},
    "10 % lost": {"loss": 0.1},
    "30 ms jitter": {"jitter": 0.03},
    "DTX sender": {"dtx": True},
}


def networks(seconds: float, rate: int, seed: int = 1) -> list[dict[str, object]]:
    """For each network: sound lost, made good and waiting, on both paths; JSON-able."""
    sound = speech(seconds, seed)
    sent = {dtx: send(sound, dtx=dtx) for dtx in (False, True)}
    rows: list[dict[str, object]] = []
    for name, how in NETWORKS.items():
        packets = sent[bool(how.get("dtx"))]
        arrivals = deliver(packets, how.get("loss", 0.0), how.get("jitter", 0.0), seed=seed)
        rows.append(
            {
                "network": name,
                "packets": len(packets),
                "own": own(packets, arrivals, rate, seconds),
                "stock": stock(packets, arrivals, seconds),
            }
        )
    return rows


def own(
    sent: Sequence[Sent], arrivals: Iterable[Arrival], rate: int, seconds: float
) -> dict[str, object]:
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
    return {
        "lost_percent": percent(max(0, whole - reorder.position), whole),
        "recovered_percent": percent(counts.recovered, len(sent)),
        "concealed_percent": percent(counts.concealed / size, len(sent)),
        "delay_ms": percentiles(delays),
    }


def stock(sent: Sequence[Sent], arrivals: Iterable[Arrival], seconds: float) -> dict[str, object]:
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
    return {
        "lost_percent": percent(len(counted) - heard, len(counted)),
        "recovered_percent": 0.0,
        "concealed_percent": 0.0,
        "delay_ms": percentiles(list(delays.values())),
    }


def percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2)


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and the greatest, milliseconds."""
    values = np.asarray(seconds) * 1000
    found = {f"p{p}": round(float(np.percentile(values, p)), 1) for p in (50, 95, 99)}
    return {**found, "max": round(float(values.max()), 1)}
