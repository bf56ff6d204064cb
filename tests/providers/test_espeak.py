"""The eSpeak voice: real synthesis in its own process, aborts, crashes and odd texts."""

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from copilot.audio.frames import Pcm
from copilot.errors import ConfigError
from copilot.providers import espeak, registry
from copilot.providers.espeak.process import PIECE, Espeak, Manner, VoiceError, pieces

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None,
    reason="espeakng-loader is not installed (pip install 'copilot[espeak]')",
)

LINE = "Your parcel is held at the depot for ten days."


@pytest.fixture
async def voice() -> AsyncIterator[Espeak]:
    made = Espeak(Manner())
    yield made
    await made.close()


async def spoken(voice: Espeak, text: str) -> Pcm:
    chunks = [chunk async for chunk in voice.say(text)]
    return np.concatenate(chunks) if chunks else np.zeros(0, np.float32)


def child_of(voice: Espeak) -> int:
    pid = voice.pid
    assert pid is not None
    return pid


async def test_a_line_becomes_speech_at_22050_hz(voice: Espeak) -> None:
    sound = await spoken(voice, LINE)
    assert voice.rate == 22_050
    assert sound.dtype == np.float32
    assert 2.0 < len(sound) / voice.rate < 5.0
    assert 0.02 < float(np.sqrt(np.mean(sound**2))) < 0.5
    assert float(np.abs(sound).max()) <= 1.0


async def test_first_samples_come_before_the_line_is_made(voice: Espeak) -> None:
    await spoken(voice, "ready")
    sizes = [len(chunk) async for chunk in voice.say(LINE * 5)]
    assert len(sizes) > 100
    assert sizes[0] < voice.rate // 5


async def test_the_same_line_lasts_the_same_and_a_manner_changes_it(voice: Espeak) -> None:
    first, second = await spoken(voice, LINE), await spoken(voice, LINE)
    slow = Espeak(Manner(words_per_minute=120))
    try:
        slower = await spoken(slow, LINE)
    finally:
        await slow.close()
    assert len(first) == len(second)
    assert len(slower) > len(first) * 1.1


async def test_leaving_stops_the_synthesis_and_the_next_line_is_whole(voice: Espeak) -> None:
    whole = await spoken(voice, LINE)
    long = " ".join([LINE[:-1]] * 8)
    began = time.monotonic()
    said = voice.say(long)
    await anext(said)
    await said.aclose()
    assert len(await spoken(voice, LINE)) == len(whole)
    assert time.monotonic() - began < 1.0


async def test_lines_said_at_once_do_not_mix(voice: Espeak) -> None:
    other = "Could you read me the number on the label, please?"
    alone = [await spoken(voice, LINE), await spoken(voice, other)]
    together = await asyncio.gather(spoken(voice, LINE), spoken(voice, other))
    assert [len(sound) for sound in together] == [len(sound) for sound in alone]


async def test_a_killed_process_is_replaced_for_the_next_line(voice: Espeak) -> None:
    whole = await spoken(voice, LINE)
    old = child_of(voice)
    os.kill(old, signal.SIGKILL)
    assert len(await spoken(voice, LINE)) == len(whole)
    assert child_of(voice) != old


async def test_a_kill_in_mid_line_fails_that_line_only(voice: Espeak) -> None:
    said = voice.say(LINE * 200)
    await anext(said)
    process = psutil.Process(child_of(voice))
    process.suspend()
    process.kill()
    with pytest.raises(VoiceError):
        async for _ in said:
            pass
    assert len(await spoken(voice, LINE)) > voice.rate


@pytest.mark.parametrize("text", ["", "   \n\t ", "\x00\x07", "…", "—"])
async def test_a_text_without_words_is_no_speech(voice: Espeak, text: str) -> None:
    assert len(await spoken(voice, text)) < voice.rate


@pytest.mark.parametrize(
    "text",
    [
        "50 £ / 3 % & <speak>tags</speak> [[f@n'i:m]]",
        "naïve café — “quotes” … 🙂 日本 Straße",
        "nul \x00 in the middle, bell \x07, and a lone \ud800 surrogate",
        "a" * 3000,
        "-v de --help; $(reboot) `id`",
    ],
)
async def test_odd_characters_are_spoken_or_passed_over(voice: Espeak, text: str) -> None:
    assert len(await spoken(voice, text)) > voice.rate // 4


async def test_a_very_long_text_is_said_whole_and_in_bounded_pieces(voice: Espeak) -> None:
    text = " ".join(f"This is sentence number {n}." for n in range(400))
    assert max(len(piece) for piece in pieces(text)) <= PIECE
    assert " ".join(pieces(text)) == text
    assert len(await spoken(voice, text)) / voice.rate > 400


async def test_an_unknown_voice_is_named_with_a_remedy() -> None:
    voice = Espeak(Manner(voice="zz-nowhere"))
    with pytest.raises(ConfigError, match=r"zz-nowhere.*en-us\+klatt4"):
        await spoken(voice, LINE)
    await voice.close()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"speed": 3}, "speed"),
        ({"words_per_minute": 5}, "80 to 450"),
        ({"words_per_minute": "fast"}, "words_per_minute"),
        ({"pitch": 100}, "0 to 99"),
    ],
)
def test_a_bad_option_is_named(options: dict[str, object], named: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=named):
        espeak.voice(options, registry.Host(tmp_path))


def test_without_the_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python's own way of saying that a module cannot be imported
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr(importlib.util, "find_spec", _without("espeakng_loader"))
    with pytest.raises(ConfigError, match=r"copilot\[espeak\]"):
        espeak.voice({}, registry.Host(tmp_path))


def _without(name: str):  # type: ignore[no-untyped-def]
    real = importlib.util.find_spec
    return lambda wanted, package=None: None if wanted == name else real(wanted, package)


async def test_closing_ends_the_process() -> None:
    voice = Espeak(Manner())
    await spoken(voice, LINE)
    process = psutil.Process(child_of(voice))
    await voice.close()
    assert not process.is_running()


def test_the_parent_never_loads_the_library() -> None:
    script = (
        "import asyncio, sys\n"
        "from copilot.providers.espeak.process import Espeak, Manner\n"
        "async def main():\n"
        "    voice = Espeak(Manner())\n"
        "    print(sum([len(c) async for c in voice.say('hello')]) > 0)\n"
        "    await voice.close()\n"
        "asyncio.run(main())\n"
        "print('espeakng_loader' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.split() == ["True", "False"]
