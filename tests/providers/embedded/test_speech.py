"""Silero on real speech: what it finds, and that batching and chunking change nothing."""

import asyncio
import subprocess
import sys

import numpy as np

from copilot.providers.embedded.speech import Channel, Silero, Speech
from tests.providers.embedded.sound import ASKED, SMALL_TALK, TICK, Speaker, turns


def test_speech_is_told_from_silence(speak: Speaker) -> None:
    sound = speak(ASKED, before=1.0, after=1.0)
    (found,) = Silero().hear([Channel()], [sound])
    assert len(found) == len(sound) // 512
    assert max(found[: 16_000 // 512 - 2]) < 0.1
    middle = found[len(found) // 3 : len(found) // 2]
    assert np.mean(middle) > 0.8
    assert max(found[-20:]) < 0.2


def test_channels_of_a_batch_do_not_touch_each_other(speak: Speaker) -> None:
    one, other = speak(ASKED), speak(SMALL_TALK)
    length = min(len(one), len(other))
    silence = np.zeros(length, np.float32)
    together = Silero().hear([Channel() for _ in range(3)], [one[:length], silence, other[:length]])
    alone = [Silero().hear([Channel()], [sound[:length]])[0] for sound in (one, silence, other)]
    for batched, single in zip(together, alone, strict=True):
        np.testing.assert_allclose(batched, single, atol=1e-4)


def test_chunking_does_not_matter(speak: Speaker) -> None:
    sound, silero, channel = speak(ASKED), Silero(), Channel()
    (whole,) = silero.hear([Channel()], [sound])
    pieces: list[float] = []
    for at in range(0, len(sound), 777):
        (found,) = silero.hear([channel], [sound[at : at + 777]])
        pieces.extend(found)
    np.testing.assert_allclose(pieces, whole, atol=1e-5)


async def test_calls_that_ask_together_get_their_own_answers(speak: Speaker) -> None:
    speech = Speech()
    speech.calls = 3
    sound = speak(ASKED)
    loud, quiet = [sound[16_000 : 16_000 + TICK]], [np.zeros(TICK, np.float32)]
    channels = [[Channel()] for _ in range(3)]
    answers = await asyncio.gather(
        speech.hear(channels[0], quiet),
        speech.hear(channels[1], loud),
        speech.hear(channels[2], quiet),
    )
    speech.close()
    assert [len(answer[0]) for answer in answers] == [2, 2, 2]
    assert answers[0] == answers[2] != answers[1]


async def test_a_call_that_gives_up_waiting_does_not_disturb_the_others() -> None:
    speech = Speech()
    silence = [np.zeros(TICK, np.float32)]
    impatient = asyncio.ensure_future(speech.hear([Channel()], silence))
    patient = asyncio.ensure_future(speech.hear([Channel()], silence))
    await asyncio.sleep(0)
    impatient.cancel()
    assert len((await patient)[0]) == 2
    speech.close()


def test_torch_stays_out() -> None:
    code = (
        "import sys; from copilot.providers.embedded.speech import Silero; Silero();"
        "assert 'torch' not in sys.modules and 'silero_vad' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_tick_completes_two_or_three_windows() -> None:
    silero, channel = Silero(), Channel()
    silence = turns(customer=np.zeros(TICK * 10, np.float32))
    counts = [len(silero.hear([channel], [turn.customer])[0]) for turn in silence]
    assert counts == [2, 3] * 5
