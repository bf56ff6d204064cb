"""What a tap passes on, and the recording that it can be written to."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from copilot.audio.frames import MicroTurn
from copilot.sidecar.recording import record
from copilot.sidecar.tap import BEHIND, Tap, pcm

RATE = 16_000
SIZE = RATE * 80 // 1000


async def turns(count: int) -> AsyncIterator[MicroTurn]:
    for tick in range(count):
        loud = np.full(SIZE, 0.25, np.float32)
        yield MicroTurn(tick, loud, -loud)
        await asyncio.sleep(0)


async def test_everybody_hears_the_same_and_ends_with_the_call() -> None:
    tap = Tap()

    async def hear() -> list[int]:
        return [turn.tick async for turn in tap.listen()]

    listeners = [asyncio.create_task(hear()) for _ in range(2)]
    await asyncio.sleep(0)
    assert tap.listeners == 2
    ear = [turn.tick async for turn in tap.through(turns(10))]
    assert ear == list(range(10))
    assert await asyncio.gather(*listeners) == [ear, ear]
    assert tap.listeners == 0
    assert [turn async for turn in tap.listen()] == [], "nothing is left to hear"


async def test_a_slow_listener_misses_the_oldest_and_holds_nobody_up() -> None:
    tap = Tap()
    slow = tap.listen()

    async def next_one() -> MicroTurn:
        return await anext(slow)

    first = asyncio.create_task(next_one())
    await asyncio.sleep(0)
    assert len([turn async for turn in tap.through(turns(100))]) == 100
    assert (await first).tick == 0
    rest = [turn.tick async for turn in slow]
    assert len(rest) < BEHIND
    assert rest == [] or rest[-1] <= 99


async def test_sound_goes_out_as_stereo_with_the_agent_on_the_left() -> None:
    turn = await anext(turns(1))
    samples = np.frombuffer(pcm(turn), "<i2").reshape(-1, 2)
    assert samples.shape == (SIZE, 2)
    assert samples[0].tolist() == [8191, -8191]


async def test_a_recording_is_an_opus_file_of_both_parties(tmp_path: Path) -> None:
    tap, path = Tap(), tmp_path / "audio" / "call.ogg"
    task = asyncio.create_task(record(tap, path, RATE))
    await asyncio.sleep(0.1)
    async for _ in tap.through(turns(60)):
        await asyncio.sleep(0.001)
    await task
    info = soundfile.info(path)
    assert (info.format, info.subtype, info.channels) == ("OGG", "OPUS", 2)
    assert info.duration == pytest.approx(60 * 0.08, abs=0.2)


async def test_a_disk_that_refuses_ends_the_recording_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "audio").write_text("a file where a folder should be")
    await record(Tap(), tmp_path / "audio" / "call.ogg", RATE)
    assert "the recording ended early" in caplog.text
