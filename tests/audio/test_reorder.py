"""Packets as networks deliver them in, sound without holes out."""

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.audio.frames import Pcm
from copilot.audio.opus import Decoder
from copilot.audio.reorder import HOLD, Counts, Piece, Reorder
from copilot.bench.wire import PACKET, Arrival, Sent, deliver, send, speech

RATE = 24000
SIZE = RATE // 50
SOUND = speech(12)
SENT = send(SOUND)
PAUSING = send(SOUND, dtx=True)


class Out(NamedTuple):
    """A piece and when it was out."""

    time: float
    piece: Piece

    @property
    def delay(self) -> float:
        assert self.piece.arrival is not None
        return self.time - self.piece.arrival


class Replayed(NamedTuple):
    out: list[Out]
    counts: Counts
    reorder: Reorder

    @property
    def sound(self) -> Pcm:
        return np.concatenate([item.piece.samples for item in self.out])

    @property
    def delays(self) -> list[float]:
        return [item.delay for item in self.out if item.piece.arrival is not None]


def replay(arrivals: Iterable[Arrival], until: float = 0.0, ssrc: int = 7) -> Replayed:
    """Push the packets as they arrive and poll every 20 ms, after the last one up to `until`."""
    reorder = Reorder(RATE)
    out: list[Out] = []
    ticks = itertools.count()
    tick = next(ticks) * PACKET

    def polls(now: float) -> Iterator[Out]:
        nonlocal tick
        while tick <= now:
            yield from (Out(tick, piece) for piece in reorder.poll(tick))
            tick = next(ticks) * PACKET

    for time, packet in arrivals:
        out += polls(time)
        pieces = reorder.push(time, packet.seq, packet.timestamp, packet.payload, ssrc)
        out += [Out(time, piece) for piece in pieces]
    out += polls(until)
    assert_whole(out)
    return Replayed(out, reorder.counts, reorder)


def assert_whole(out: list[Out]) -> None:
    """Every sample of the timeline is there once."""
    position = 0
    for item in out:
        assert item.piece.at == position
        assert item.piece.samples.size
        position += item.piece.samples.size


def decoded(packets: Iterable[Sent]) -> Pcm:
    decoder = Decoder(RATE)
    return np.concatenate([decoder.decode(packet.payload) for packet in packets])


def test_packets_in_order_come_out_at_once_and_unchanged() -> None:
    result = replay(deliver(SENT))
    assert max(result.delays) == 0.0
    assert np.array_equal(result.sound, decoded(SENT))
    assert result.counts == Counts(received=len(SENT))


def test_packets_that_overtake_each_other_are_put_in_order() -> None:
    arrivals = deliver(SENT, jitter=0.012)
    assert [a.packet for a in arrivals] != SENT
    result = replay(arrivals, until=12.1)
    assert np.array_equal(result.sound[: len(SENT) * SIZE], decoded(SENT))
    assert result.counts.lost == 0


def test_one_lost_packet_costs_one_packet_and_the_delay_goes_back_to_nothing() -> None:
    lost = next(n for n in range(200, 300) if np.std(SOUND[n * SIZE :][:SIZE]) > 0.05)
    result = replay(deliver(SENT[:lost] + SENT[lost + 1 :]))
    assert result.counts.lost == 1
    assert result.counts.recovered == 1
    assert result.sound.size == len(SENT) * SIZE
    assert max(result.delays) <= HOLD + 0.006
    assert [round(delay, 3) for delay in result.delays[lost : lost + 5]] == [0.06, 0.04, 0.02, 0, 0]
    assert max(result.delays[lost + 3 :]) == 0.0
    after = slice((lost + 10) * SIZE, None)
    assert np.allclose(result.sound[after], decoded(SENT)[after], atol=0.05)


@pytest.mark.parametrize(
    ("loss", "burst", "jitter"),
    [(0.01, 1, 0), (0.05, 1, 0), (0.1, 1, 0), (0.076, 4, 0), (0, 1, 0.03), (0.05, 1, 0.03)],
)
@pytest.mark.parametrize("dtx", [False, True])
def test_nothing_is_missing_on_the_timeline(
    loss: float, burst: float, jitter: float, dtx: bool
) -> None:
    arrivals = deliver(PAUSING if dtx else SENT, loss, jitter, burst, seed=3)
    result = replay(arrivals, until=12.2)
    assert result.sound.size == pytest.approx(12.1 * RATE, abs=0.1 * RATE)
    played = len(result.delays) + result.counts.late
    assert played == len(arrivals)
    assert result.counts.late <= 0.005 * len(arrivals)
    assert np.percentile(result.delays, 95) <= 0.065
    assert max(result.delays) <= HOLD + PACKET + 1e-6


def test_the_voice_stays_where_it_was_said() -> None:
    """With 10 % lost the loudness over time is still that of the call."""
    result = replay(deliver(SENT, 0.1, seed=5), until=12.0)
    said, heard = envelope(SOUND), envelope(result.sound)
    count = min(said.size, heard.size)
    assert np.corrcoef(said[:count], heard[:count])[0, 1] > 0.9


def envelope(sound: Pcm) -> np.ndarray:
    blocks = sound[: sound.size // SIZE * SIZE].reshape(-1, SIZE)
    return np.asarray(np.sqrt(np.square(blocks).mean(axis=1)))


def test_the_last_word_before_a_pause_is_out_within_100_ms() -> None:
    """A DTX sender goes silent: what it said last must not wait for its next packet."""
    result = replay(deliver(PAUSING), until=12.2)
    assert max(result.delays) == 0.0
    gaps = np.diff([item.time for item in result.out])
    assert max(gaps) < 0.1
    assert result.counts.lost == 0
    assert result.counts.filled > 0.1 * len(SENT) * SIZE


def test_a_pause_is_filled_with_noise_first_and_then_with_silence() -> None:
    result = replay(deliver(SENT[:100]), until=6.0)
    assert result.sound.size == pytest.approx((6.0 - 0.06) * RATE, abs=SIZE)
    assert not result.sound[4 * RATE :].any()


def test_numbers_wrap() -> None:
    sent = send(SOUND[: 4 * RATE], seq=65_500, timestamp=2**32 - 30_000)
    result = replay(deliver(sent, 0.05))
    assert result.counts.restarts == 0
    assert np.array_equal(replay(deliver(sent)).sound, decoded(sent))


def test_repeats_are_dropped() -> None:
    twice = [arrival for arrival in deliver(SENT) for _ in range(2)]
    result = replay(twice)
    assert result.counts.repeats == len(SENT)
    assert np.array_equal(result.sound, decoded(SENT))


def test_a_packet_after_its_time_is_dropped() -> None:
    arrivals = deliver(SENT[:50])
    slow = arrivals.pop(20)
    arrivals.insert(30, Arrival(arrivals[29].time, slow.packet))
    result = replay(arrivals)
    assert (result.counts.lost, result.counts.late) == (1, 1)
    assert result.sound.size == 50 * SIZE


def shifted(sent: Iterable[Sent], later: float, seq: int = 0, timestamp: int = 0) -> list[Sent]:
    return [
        Sent(p.time + later, (p.seq + seq) % 2**16, (p.timestamp + timestamp) % 2**32, p.payload)
        for p in sent
    ]


@pytest.mark.parametrize("seq", [-40, 20_000])
def test_another_source_goes_on_by_the_clock(seq: int) -> None:
    """A new SSRC 3 s later, its numbers anywhere: the wall clock is kept."""
    first, second = SENT[:100], shifted(SENT[:100], 5.0, seq, 1_234_567)
    result = Reorder(RATE)
    pieces = [
        piece
        for ssrc, packets in ((1, first), (2, second))
        for packet in packets
        for piece in result.push(packet.time, packet.seq, packet.timestamp, packet.payload, ssrc)
    ]
    assert result.counts.restarts == 1
    assert pieces[100].at == 2 * RATE
    assert pieces[-1].at + SIZE == 7 * RATE
    assert sum(p.samples.size for p in pieces) == 7 * RATE


def test_a_straggler_of_the_source_before_is_dropped() -> None:
    reorder = Reorder(RATE)
    for ssrc, packet in zip([1] * 50 + [2] * 50, SENT, strict=False):
        reorder.push(packet.time, packet.seq, packet.timestamp, packet.payload, ssrc)
    straggler = SENT[50]
    assert not reorder.push(2.01, straggler.seq, straggler.timestamp, straggler.payload, 1)
    assert (reorder.counts.restarts, reorder.counts.late) == (1, 1)


@pytest.mark.parametrize("timestamp", [2**31 - 1, 10**9, -(10**9), 5 * 48000])
def test_timestamps_that_jump_do_not_move_the_clock(timestamp: int) -> None:
    packets = SENT[:100] + shifted(SENT[100:200], 0, 0, timestamp)
    result = replay(deliver(packets))
    assert result.sound.size == 200 * SIZE
    assert len(result.delays) == 200


def test_a_hold_that_stops_the_timestamps_is_silence_of_its_length() -> None:
    packets = SENT[:100] + shifted(SENT[100:200], 5.0)
    result = replay(deliver(packets))
    assert result.sound.size == pytest.approx(9 * RATE, abs=0.07 * RATE)
    assert len(result.delays) == 200


def test_numbers_that_step_back_begin_anew() -> None:
    packets = SENT[:200] + shifted(SENT[200:300], 0, -150)
    result = replay(deliver(packets))
    assert result.counts.restarts == 1
    assert len(result.delays) >= 285


def test_a_stalled_network_loses_nothing() -> None:
    """Packets held up for 1.5 s and delivered at once are heard late, not dropped."""
    arrivals = [
        Arrival(max(a.time, 3.5) if a.time > 2 else a.time, a.packet) for a in deliver(SENT)
    ]
    result = replay(arrivals)
    assert len(result.delays) == len(SENT)
    assert result.sound.size == pytest.approx((12 + 1.44) * RATE, abs=0.05 * RATE)


def test_a_broken_packet_and_an_empty_one_leave_no_hole() -> None:
    packets = list(SENT[:100])
    packets[40] = packets[40]._replace(payload=b"\xff\xff\xff")
    packets[60] = packets[60]._replace(payload=b"")
    result = replay(deliver(packets))
    assert result.counts.broken == 1
    assert result.sound.size == 100 * SIZE


def test_a_timestamp_maps_to_its_place() -> None:
    reorder = replay(deliver(SENT[:50])).reorder
    assert [reorder.place(SENT[n].timestamp) for n in (10, 49, 60)] == [
        10 * SIZE,
        49 * SIZE,
        60 * SIZE,
    ]


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_positions_count_in_the_listeners_rate(rate: int) -> None:
    reorder = Reorder(rate)
    for packet in SENT[:10]:
        reorder.push(packet.time, packet.seq, packet.timestamp, packet.payload)
    assert reorder.position == rate // 5


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 0.2),
            st.one_of(st.integers(0, 60), st.integers(0, 65535)),
            st.one_of(st.integers(0, 100_000), st.integers(0, 2**32 - 1)),
            st.one_of(st.sampled_from(range(40)), st.binary(max_size=8)),
            st.integers(0, 2),
        ),
        max_size=40,
    )
)
def test_whatever_arrives_the_timeline_has_no_holes(
    packets: list[tuple[float, int, int, int | bytes, int]],
) -> None:
    reorder = Reorder(8000)
    out: list[Out] = []
    now = 0.0
    for wait, seq, timestamp, payload, ssrc in packets:
        now += wait
        data = payload if isinstance(payload, bytes) else SENT[payload].payload
        pieces = reorder.poll(now) + reorder.push(now, seq, timestamp, data, ssrc)
        out += [Out(now, piece) for piece in pieces]
    out += [Out(now, piece) for piece in reorder.poll(now + 1)]
    assert_whole(out)
    # an odd packet may hold 120 ms; beyond that the timeline follows the clock
    assert reorder.position <= (now + 1 + 0.12 * len(packets)) * 8000
