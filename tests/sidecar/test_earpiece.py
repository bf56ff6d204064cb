"""Whispers leave on time, stop at once, and cost nothing when there are none."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.audio.frames import Pcm
from copilot.audio.loudness import CEILING, TalkLevel
from copilot.audio.opus import Decoder
from copilot.sidecar.earpiece import TAIL, Earpiece
from tests.virtual_time import VirtualTime, in_virtual_time

RATE = 24000


class Taken(NamedTuple):
    """A packet as aiortc would have taken it."""

    time: float
    pts: int
    payload: bytes


async def chunks(sound: Pcm, size: int = 2000) -> AsyncIterator[Pcm]:
    for at in range(0, sound.size, size):
        yield sound[at : at + size]


def tone(seconds: float, rate: int = RATE) -> Pcm:
    return (0.3 * np.sin(2 * np.pi * 400 * np.arange(int(seconds * rate)) / rate)).astype("f4")


async def take(earpiece: Earpiece, count: int) -> list[Taken]:
    taken = []
    for _ in range(count):
        packet = await asyncio.wait_for(earpiece.recv(), 5)
        assert packet.pts is not None
        assert packet.time_base == pytest.approx(1 / 48000)
        taken.append(Taken(asyncio.get_running_loop().time(), packet.pts, bytes(packet)))
    return taken


def sound(packets: Sequence[Taken]) -> Pcm:
    decoder = Decoder(RATE)
    return np.concatenate([decoder.decode(packet.payload) for packet in packets])


def assert_on_schedule(taken: Sequence[Taken], most: float = 1e-4) -> None:
    """Never early, and what a busy machine made late is not added to what follows."""
    late = [p.time - taken[0].time - (p.pts - taken[0].pts) / 48000 for p in taken]
    assert min(late) > -1e-6
    assert max(late) < most


@in_virtual_time
async def test_a_whisper_leaves_in_packets_of_20_ms_and_says_how_long_it_was(
    time: VirtualTime,
) -> None:
    earpiece = Earpiece()
    playing = asyncio.create_task(earpiece.play(7, chunks(tone(0.5)), RATE))
    taken = await take(earpiece, 25 + TAIL)
    assert await playing == 7
    assert [p.pts - taken[0].pts for p in taken[:25]] == [960 * n for n in range(25)]
    assert_on_schedule(taken)
    heard = sound(taken)
    assert np.argmax(np.abs(np.fft.rfft(heard[2400:12000]))) == pytest.approx(160, abs=1)
    assert np.std(heard[-480:]) < 0.001


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@in_virtual_time
async def test_a_voice_of_any_rate_keeps_its_pitch_and_length(rate: int, time: VirtualTime) -> None:
    earpiece = Earpiece()
    playing = asyncio.create_task(earpiece.play(1, chunks(tone(0.24, rate), 700), rate))
    taken = await take(earpiece, 12)
    assert await playing == 3
    heard = sound(taken)[480 * 2 : 480 * 12]
    assert np.argmax(np.abs(np.fft.rfft(heard))) == pytest.approx(80, abs=1)


@in_virtual_time
async def test_a_cut_empties_the_queue_at_once(time: VirtualTime) -> None:
    earpiece = Earpiece()
    playing = asyncio.create_task(earpiece.play(3, chunks(tone(10)), RATE))
    taken = await take(earpiece, 10)
    earpiece.cut()
    assert await asyncio.wait_for(playing, 1) == 3
    taken += await take(earpiece, 1 + TAIL)
    heard = sound(taken)
    levels = np.std(heard.reshape(-1, 480), axis=1)
    assert min(levels[2:10]) > 0.02
    fading = heard[10 * 480 : 11 * 480]
    assert np.std(fading[: 5 * 24]) > 0.01
    # 5 ms of fading, and 6.5 ms that the encoder looks ahead
    assert np.std(fading[12 * 24 :]) < 0.002
    assert max(levels[11:]) < 0.001
    assert np.abs(np.diff(heard[480:])).max() < 0.01  # it clicks nowhere
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(earpiece.recv(), 0.06)


@in_virtual_time
async def test_only_the_whisper_that_is_meant_is_cut(time: VirtualTime) -> None:
    earpiece = Earpiece()
    playing = asyncio.create_task(earpiece.play(3, chunks(tone(0.1)), RATE))
    await take(earpiece, 2)
    earpiece.cut(whisper=2)
    await take(earpiece, 3)
    assert await playing == 2


@in_virtual_time
async def test_a_newer_whisper_cuts_the_older(time: VirtualTime) -> None:
    earpiece = Earpiece()
    older = asyncio.create_task(earpiece.play(1, chunks(tone(10)), RATE))
    await take(earpiece, 4)
    newer = asyncio.create_task(earpiece.play(2, chunks(tone(0.08)), RATE))
    assert await asyncio.wait_for(older, 1) == 1
    await take(earpiece, 5)
    assert await newer == 1


@in_virtual_time
async def test_a_cut_frees_a_voice_that_hangs(time: VirtualTime) -> None:
    async def hanging() -> AsyncIterator[Pcm]:
        yield tone(0.04)
        await asyncio.Event().wait()

    earpiece = Earpiece()
    playing = asyncio.create_task(earpiece.play(1, hanging(), RATE))
    await take(earpiece, 2)
    earpiece.cut()
    assert await asyncio.wait_for(playing, 1) == 1


@in_virtual_time
async def test_a_voice_that_fails_is_heard_of(time: VirtualTime) -> None:
    async def failing() -> AsyncIterator[Pcm]:
        yield tone(0.04)
        raise OSError("no voice")

    earpiece = Earpiece()
    with pytest.raises(OSError, match="no voice"):
        await earpiece.play(1, failing(), RATE)
    assert await earpiece.play(2, chunks(tone(0)), RATE) == 0


@in_virtual_time
async def test_media_time_goes_on_through_a_silence(time: VirtualTime) -> None:
    earpiece = Earpiece()
    first = asyncio.create_task(earpiece.play(1, chunks(tone(0.04)), RATE))
    before = (await take(earpiece, 2 + TAIL))[-1]
    await first
    await asyncio.sleep(0.15)
    second = asyncio.create_task(earpiece.play(2, chunks(tone(0.04)), RATE))
    after = (await take(earpiece, 2))[0]
    await second
    assert (after.pts - before.pts) / 48000 == pytest.approx(0.15, abs=1e-3)
    assert after.time - before.time == pytest.approx(0.15, abs=1e-3)


@in_virtual_time
async def test_a_busy_loop_does_not_slow_the_voice_down(time: VirtualTime) -> None:
    """A loop that is blocked three quarters of the time: the whole is as long as the sound."""
    earpiece = Earpiece()
    loop = asyncio.get_running_loop()

    def block() -> None:
        time.now += 0.012
        blocking.append(loop.call_later(0.004, block))

    blocking = [loop.call_soon(block)]
    playing = asyncio.create_task(earpiece.play(1, chunks(tone(0.6)), RATE))
    taken = await take(earpiece, 30)
    blocking[-1].cancel()
    await playing
    assert_on_schedule(taken, most=0.02)
    assert taken[-1].time - taken[0].time == pytest.approx(0.58, abs=0.02)


async def test_a_full_default_executor_does_not_matter() -> None:
    earpiece = Earpiece()
    loop = asyncio.get_running_loop()
    release = threading.Event()
    busy = [loop.run_in_executor(None, release.wait) for _ in range(64)]
    try:
        playing = asyncio.create_task(earpiece.play(1, chunks(tone(0.2)), RATE))
        await take(earpiece, 10)
        assert await asyncio.wait_for(playing, 5) == 3
    finally:
        release.set()
        await asyncio.gather(*busy)


@in_virtual_time
async def test_the_track_ends_with_its_connection(time: VirtualTime) -> None:
    earpiece = Earpiece()
    waiting = asyncio.create_task(earpiece.recv())
    await asyncio.sleep(0)
    earpiece.stop()
    with pytest.raises(MediaStreamError):
        await waiting
    assert earpiece.readyState == "ended"


@in_virtual_time
async def test_ten_minutes_of_whisper_do_not_drift(time: VirtualTime) -> None:
    """Sound comes a second at a time; the loop stalls now and then."""

    async def long() -> AsyncIterator[Pcm]:
        for _ in range(600):
            yield tone(1, 8000)

    earpiece = Earpiece()
    playing = asyncio.create_task(earpiece.play(1, long(), 8000))
    first = last = (await take(earpiece, 1))[0]
    for number in range(1, 600 * 50):
        if number % 997 == 0:
            time.now += 0.06
        [last] = await take(earpiece, 1)
    await playing
    assert abs((last.time - first.time) - (last.pts - first.pts) / 48000) < 0.02
    assert abs((last.time - first.time) - (600 - 0.02)) < 0.02


@in_virtual_time
async def test_a_whisper_is_softer_than_the_call_and_never_peaks(time: VirtualTime) -> None:
    talk = TalkLevel()
    for _ in range(200):
        talk.hear(0.04)
    loud = np.concatenate((tone(0.5), 3 * tone(0.1), tone(0.4)))
    earpiece = Earpiece(talk)
    playing = asyncio.create_task(earpiece.play(1, chunks(loud), RATE))
    heard = sound(await take(earpiece, 50))
    await playing
    level = np.std(heard[4800:10000])
    assert 20 * np.log10(level / 0.04) == pytest.approx(-6, abs=1)
    assert np.abs(heard).max() < CEILING * 1.15  # the codec adds a little


@in_virtual_time
async def test_the_first_whisper_is_announced(time: VirtualTime) -> None:
    earpiece = Earpiece()
    playing = asyncio.create_task(earpiece.play(1, chunks(tone(0.1)), RATE, announced=True))
    heard = sound(await take(earpiece, 17))
    assert await playing == 5
    spectrum = np.abs(np.fft.rfft(heard[: RATE // 12]))
    assert np.argmax(spectrum) * 12 == pytest.approx(660, abs=15)


@in_virtual_time
async def test_a_held_whisper_is_silent_and_goes_on_where_it_was(time: VirtualTime) -> None:
    earpiece = Earpiece()
    rising = np.concatenate([tone(0.02) for _ in range(20)])
    playing = asyncio.create_task(earpiece.play(1, chunks(rising), RATE))
    before = await take(earpiece, 5)
    earpiece.hold()
    held = await take(earpiece, 1 + TAIL)
    assert np.std(sound(before + held)[-2 * 480 :]) < 0.001
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(earpiece.recv(), 1)
    assert earpiece.busy
    earpiece.resume()
    after = await take(earpiece, 15)
    assert await playing == 5  # twenty packets in all
    assert np.std(sound(after)[960:]) > 0.02


@given(st.integers(1, 40), st.integers(0, 19), st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_cut_is_silent_within_one_packet(count: int, late_ms: int, held: bool) -> None:
    @in_virtual_time
    async def law(time: VirtualTime) -> None:
        earpiece = Earpiece()
        playing = asyncio.create_task(earpiece.play(1, chunks(tone(2)), RATE))
        taken = await take(earpiece, count)
        await asyncio.sleep(late_ms / 1000)
        if held:
            earpiece.hold()
        else:
            earpiece.cut()
        at = asyncio.get_running_loop().time()
        taken += await take(earpiece, 1 + TAIL)
        after = sound(taken)[count * 480 :].reshape(-1, 480)
        assert np.std(after[0, 12 * 24 :]) < 0.002
        assert np.std(after[1:]) < 0.001
        assert taken[count].time - at <= 0.0201
        earpiece.cut()
        await playing

    law()
