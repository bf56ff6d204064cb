"""Making the sample call: level, timing, caching, and that a broken run leaves nothing behind."""

from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from copilot.audio.frames import Pcm
from copilot.core.vocabulary import Party
from copilot.demo.script import Line, Manner, Parties, Script, load
from copilot.demo.synth import RATE, SampleCall, sample_call
from copilot.errors import AudioError

SCRIPT = Script(
    title="short",
    parties=Parties(Manner("low", 150), Manner("high", 150)),
    lines=(
        Line(Party.AGENT, "good morning to you", 500),
        Line(Party.CUSTOMER, "good morning", -200),
        Line(Party.AGENT, "a long hold begins", 1000),
    ),
)


class Tone:
    """A voice that hums: a tenth of a second a character, between two silences."""

    def __init__(self, manner: Manner, fail_on: str = "") -> None:
        self.hertz = {"low": 300, "high": 700}[manner.voice]
        self.fail_on = fail_on
        self.closed = False

    @property
    def rate(self) -> int:
        return 22_050

    async def say(self, text: str) -> AsyncGenerator[Pcm, None]:
        if text == self.fail_on:
            raise ConnectionError("the voice is gone")
        time = np.arange(len(text) * self.rate // 10) / self.rate
        silence = np.zeros(self.rate // 5, np.float32)
        yield silence
        yield (0.05 * np.sin(2 * np.pi * self.hertz * time)).astype(np.float32)
        yield silence

    async def close(self) -> None:
        self.closed = True


def read(path: Path) -> Pcm:
    sound, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    assert sound.ndim == 1
    kept: Pcm = sound
    return kept


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def rms(sound: Pcm) -> float:
    return float(np.sqrt(np.mean(sound**2)))


async def test_lines_stand_at_their_places_at_one_level_over_a_faint_noise(tmp_path: Path) -> None:
    made = await sample_call(tmp_path, Tone, SCRIPT)
    agent, customer = read(made.agent), read(made.customer)
    assert len(agent) == len(customer) == made.duration_ms * RATE // 1000
    for one in made.placed:
        assert one.end_ms - one.start_ms == pytest.approx(100 * len(one.line.text), abs=30)
        track = agent if one.line.party is Party.AGENT else customer
        said = track[one.start_ms * RATE // 1000 : one.end_ms * RATE // 1000]
        assert 20 * np.log10(rms(said)) == pytest.approx(-23, abs=0.5)
    quiet = agent[: RATE // 2]
    assert 0 < rms(quiet) < 5e-4
    assert made.placed[1].start_ms == made.placed[0].end_ms - 200


async def test_a_second_call_uses_what_is_there(tmp_path: Path) -> None:
    first = await sample_call(tmp_path, Tone, SCRIPT)
    stamp = first.agent.stat().st_mtime_ns

    def refuse(manner: Manner) -> Tone:
        raise AssertionError("nothing was to be said")

    assert await sample_call(tmp_path, refuse, SCRIPT) == first
    assert first.agent.stat().st_mtime_ns == stamp


async def test_another_text_is_another_recording(tmp_path: Path) -> None:
    first = await sample_call(tmp_path, Tone, SCRIPT)
    other = msgspec.structs.replace(SCRIPT, lines=SCRIPT.lines[:2])
    assert (await sample_call(tmp_path, Tone, other)).agent != first.agent


async def test_questions_and_title_are_no_part_of_the_sound(tmp_path: Path) -> None:
    first = await sample_call(tmp_path, Tone, SCRIPT)
    other = msgspec.structs.replace(SCRIPT, title="another title")
    assert (await sample_call(tmp_path, Tone, other)).agent == first.agent


async def test_a_voice_that_dies_leaves_nothing_and_voices_are_closed(tmp_path: Path) -> None:
    opened: list[Tone] = []

    def voices(manner: Manner) -> Tone:
        opened.append(Tone(manner, fail_on="a long hold begins"))
        return opened[-1]

    with pytest.raises(ConnectionError):
        await sample_call(tmp_path / "cache", voices, SCRIPT)
    assert names(tmp_path) == []
    assert [voice.closed for voice in opened] == [True, True]


async def test_a_half_written_folder_of_a_killed_run_is_replaced(tmp_path: Path) -> None:
    first = await sample_call(tmp_path, Tone, SCRIPT)
    (first.agent.parent / "lengths.json").unlink()
    first.agent.write_bytes(b"half")
    again = await sample_call(tmp_path, Tone, SCRIPT)
    assert len(read(again.agent)) == again.duration_ms * RATE // 1000
    assert names(tmp_path) == [first.agent.parent.name]


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AudioError, match="file"):
        await sample_call(tmp_path / "file", Tone, SCRIPT)


async def test_progress_counts_the_lines(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    await sample_call(tmp_path, Tone, SCRIPT, lambda made, total: seen.append((made, total)))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


async def test_the_sample_call_is_real_speech_of_at_least_three_minutes(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="eSpeak NG is not installed: copilot[espeak]")
    made = await sample_call(tmp_path)
    assert isinstance(made, SampleCall)
    assert made.duration_ms >= 180_000
    assert len(made.placed) == len(load().lines)
    agent, customer = read(made.agent), read(made.customer)
    hold = max(made.placed[1:], key=lambda one: one.line.after)
    silent = slice((hold.start_ms - 15_000) * RATE // 1000, (hold.start_ms - 50) * RATE // 1000)
    assert rms(agent[silent]) < 5e-4
    assert rms(customer[silent]) < 5e-4
    both = (np.abs(agent) > 0.02) & (np.abs(customer) > 0.02)
    assert both.sum() > RATE // 10
    assert [question.at_ms for question in made.expected.questions] == sorted(
        question.at_ms for question in made.expected.questions
    )
