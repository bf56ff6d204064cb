"""Both parties on one grid, whatever the pieces, clocks and networks."""

import heapq
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.audio.frames import (
    DRIFT,
    HOLD,
    TICK,
    Aligner,
    Framer,
    MicroTurn,
    Pcm,
    frame_samples,
    micro_turns,
)
from copilot.core.vocabulary import Party

RATE = 8000
FRAME = frame_samples(RATE)
BLOCK = RATE // 50
AGENT, CUSTOMER = Party.AGENT, Party.CUSTOMER


def ramp(start: int, count: int) -> Pcm:
    """Samples that tell their own position."""
    return np.arange(start + 1, start + count + 1, dtype=np.float32)


def taken(framer: Framer, count: int) -> list[float]:
    samples = framer.peek(count)
    framer.drop(count)
    return [float(sample) for sample in samples]


def test_a_gap_becomes_silence_and_a_repeat_is_dropped() -> None:
    framer = Framer()
    framer.push(10, ramp(10, 3))
    framer.push(15, ramp(15, 2))
    framer.push(14, ramp(14, 4))
    framer.push(11, ramp(11, 2))
    assert (framer.start, framer.end) == (10, 18)
    assert taken(framer, 8) == [11, 12, 13, 0, 0, 16, 17, 18]
    assert taken(framer, 2) == [0, 0]
    assert framer.start == 18


def test_a_long_gap_takes_no_memory() -> None:
    framer = Framer()
    framer.push(0, ramp(0, 1))
    framer.push(10**12, ramp(0, 1))
    assert framer.have == 10**12 + 1


pieces = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 60)), max_size=12)


@settings(max_examples=50, deadline=None)
@given(pieces, st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_how_sound_is_cut_does_not_matter_to_the_framer(
    given_pieces: list[tuple[int, int]], cuts: list[int]
) -> None:
    whole, cut = Framer(), Framer()
    for at, count in given_pieces:
        whole.push(at, ramp(at, count))
        for start, size in split(count, cuts):
            cut.push(at + start, ramp(at + start, size))
    assert (whole.start, whole.end) == (cut.start, cut.end)
    assert np.array_equal(whole.peek(400), cut.peek(400))


def split(count: int, sizes: list[int]) -> Iterator[tuple[int, int]]:
    start = turn = 0
    while start < count:
        size = min(sizes[turn % len(sizes)], count - start)
        yield start, size
        start, turn = start + size, turn + 1


def aligned(arrivals: Iterable[tuple[float, Party, int, Pcm]], until: float) -> list[MicroTurn]:
    """Push in order of arrival, ask for turns at each and every 20 ms."""
    aligner = Aligner(RATE)
    turns: list[MicroTurn] = []
    beats = ((0.02 * n, None, 0, ramp(0, 0)) for n in range(int(until * 50) + 1))
    for now, party, at, samples in heapq.merge(arrivals, beats, key=lambda item: item[0]):
        if party is not None:
            aligner.push(party, at, samples, now)
        turns += aligner.turns(now)
    assert [turn.tick for turn in turns] == list(range(len(turns)))
    assert all(turn.agent.shape == turn.customer.shape == (FRAME,) for turn in turns)
    return turns


def stream(
    party: Party, sound: Pcm, size: int, delay: float = 0.0, start: float = 0.0
) -> list[tuple[float, Party, int, Pcm]]:
    return [
        (start + min(at + size, sound.size) / RATE + delay, party, at, sound[at : at + size])
        for at in range(0, sound.size, size)
    ]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([20, 40, 60, 160, 320, 640, 1280]), st.sampled_from([160, 320, 640]))
def test_how_sound_is_cut_does_not_matter_to_the_grid(agent: int, customer: int) -> None:
    sound = ramp(0, 6400)
    turns = aligned(
        heapq.merge(
            stream(AGENT, sound, agent), stream(CUSTOMER, -sound, customer), key=lambda x: x[0]
        ),
        until=0.8,
    )
    heard = np.concatenate([turn.agent for turn in turns])
    other = np.concatenate([turn.customer for turn in turns])
    assert np.array_equal(heard[: 9 * FRAME], sound[: 9 * FRAME])
    assert np.array_equal(other, -heard)


def test_a_turn_is_given_as_soon_as_both_parties_are_there() -> None:
    aligner = Aligner(RATE)
    aligner.push(AGENT, 0, ramp(0, FRAME), 0.08)
    assert list(aligner.turns(0.08)) == []
    aligner.push(CUSTOMER, 500, ramp(0, FRAME), 0.08)
    assert [turn.tick for turn in aligner.turns(0.08)] == [0]
    assert aligner.due(0) == pytest.approx(TICK)


def test_who_says_nothing_is_heard_as_silence_after_a_hold() -> None:
    aligner = Aligner(RATE)
    aligner.push(AGENT, 0, ramp(0, 3 * FRAME), 0.24)
    assert list(aligner.turns(TICK + HOLD - 0.001)) == []
    (turn,) = aligner.turns(TICK + HOLD + 0.001)
    assert np.array_equal(turn.agent, ramp(0, FRAME))
    assert not turn.customer.any()


def test_the_grid_goes_on_when_both_have_gone() -> None:
    turns = aligned(stream(AGENT, ramp(0, FRAME), BLOCK), until=4.0)
    assert len(turns) == int((4.0 - HOLD) / TICK)


def test_a_party_that_comes_later_is_laid_where_it_belongs() -> None:
    agent = ramp(0, 3 * RATE)
    customer = -ramp(0, RATE)
    turns = aligned(
        heapq.merge(
            stream(AGENT, agent, BLOCK),
            stream(CUSTOMER, customer, BLOCK, start=1.5),
            key=lambda x: x[0],
        ),
        until=3.0,
    )
    heard = np.concatenate([turn.customer for turn in turns])
    assert np.argmin(heard < 0) == 0
    assert int(np.argmax(heard < 0)) == pytest.approx(1.5 * RATE, abs=2)


def test_sound_after_a_silence_of_a_dead_leg_follows_the_clock() -> None:
    """5 s of nothing, timestamps that went on: no delay is left."""
    agent = ramp(0, 10 * RATE)
    parts = stream(CUSTOMER, -agent, BLOCK)
    gone = [part for part in parts if not 2 * RATE <= part[2] < 7 * RATE]
    turns = aligned(heapq.merge(stream(AGENT, agent, BLOCK), gone, key=lambda x: x[0]), until=10.0)
    last = turns[-1]
    assert abs(float(last.agent[-1] + last.customer[-1])) <= RATE * TICK
    assert not turns[40].customer.any()


def voice(seconds: float, talk: float = 1.2, pause: float = 0.6) -> Pcm:
    """Loud samples that tell their own second, with pauses of faint noise."""
    rng = np.random.default_rng(1)
    time = np.arange(int(seconds * RATE)) / RATE
    loud = (time % (talk + pause)) < talk
    return np.where(loud, 0.1 + time / 1e5, rng.normal(0, 3e-3, time.size)).astype(np.float32)


@pytest.mark.parametrize(("agent_ppm", "customer_ppm"), [(200, -200), (200, 200)])
def test_an_hour_of_skew_keeps_the_parties_together(agent_ppm: int, customer_ppm: int) -> None:
    """Clocks 200 ppm off, 20 ms of jitter: 80 ms apart at most, and no loud sample missing."""
    seconds, size = 3600.0, FRAME
    sound = voice(seconds)
    rng = np.random.default_rng(0)
    arrivals = []
    for party, ppm in ((AGENT, agent_ppm), (CUSTOMER, customer_ppm)):
        ends = np.arange(size, sound.size + 1, size) / RATE / (1 + ppm * 1e-6)
        times = np.maximum.accumulate(ends + np.abs(rng.normal(0, 0.02, ends.size)))
        arrivals.append([(float(time), party, i * size) for i, time in enumerate(times)])
    aligner = Aligner(RATE)
    heard: dict[Party, list[Pcm]] = {AGENT: [], CUSTOMER: []}
    worst = 0.0
    for now, party, at in heapq.merge(*arrivals):
        if now > seconds - 5:
            break  # the quicker clock's call is over first
        aligner.push(party, at, sound[at : at + size], now)
        for turn in aligner.turns(now):
            heard[AGENT].append(turn.agent)
            heard[CUSTOMER].append(turn.customer)
            apart = aligner.drift(AGENT) - aligner.drift(CUSTOMER)
            worst = max(worst, abs(apart))
    assert worst <= 2 * DRIFT + 0.005
    for party in Party:
        all_heard = np.concatenate(heard[party])
        loud = all_heard[all_heard > 0.05]
        said = sound[sound > 0.05][: loud.size]
        assert np.array_equal(loud, said)
        assert loud.size >= np.count_nonzero(sound > 0.05) - 7 * RATE


def test_a_delay_goes_away_in_silence() -> None:
    """1 s of both tracks held up by the network: heard late, and in time again within a minute."""
    sound = voice(60)
    parts = [
        (3.0 if 2 < time < 3 else time, party, at, samples)
        for stream_ in (stream(AGENT, sound, BLOCK), stream(CUSTOMER, sound, BLOCK))
        for time, party, at, samples in stream_
    ]
    aligner = Aligner(RATE)
    heard: list[Pcm] = []
    beats = [(0.02 * n, None, 0, sound[:0]) for n in range(3000)]
    late = []
    for now, party, at, samples in heapq.merge(
        sorted(parts, key=lambda x: x[0]), beats, key=lambda x: x[0]
    ):
        if party is not None:
            aligner.push(party, at, samples, now)
        heard += [turn.agent for turn in aligner.turns(now)]
        late.append(max(aligner.drift(party_) for party_ in Party))
    assert max(late) > 0.5
    assert late[-1] <= DRIFT
    all_heard = np.concatenate(heard)
    loud = all_heard[all_heard > 0.05]
    assert np.array_equal(loud, sound[sound > 0.05][: loud.size])


def test_a_recorded_call_ends_in_silence() -> None:
    turns = list(micro_turns(ramp(0, FRAME + 10), ramp(0, 5), RATE))
    assert [turn.tick for turn in turns] == [0, 1]
    assert np.array_equal(turns[1].agent[:10], ramp(FRAME, 10))
    assert not turns[1].agent[10:].any()
    assert not turns[1].customer.any()
    assert turns[0].agent.dtype == np.float32
