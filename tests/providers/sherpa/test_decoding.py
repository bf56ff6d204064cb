"""Decoding around a recogniser that counts: batches, words on the axis, late answers."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from copilot.core.events import CallStarted
from copilot.core.policy import Policy
from copilot.core.vocabulary import Party, Word
from copilot.providers.sherpa.decoding import Answer, Decoding, words
from copilot.providers.sherpa.ear import SherpaEar, SherpaListener
from copilot.providers.sherpa.model import Options
from tests.providers.embedded.sound import ASKED, SMALL_TALK, TICK, Speaker, hear, turns

RATE = 16_000


class Stream:
    def __init__(self) -> None:
        self.samples = 0
        self.decoded = 0
        self.finished = False

    def accept_waveform(self, rate: int, samples: Any) -> None:
        assert rate == RATE
        self.samples += len(samples)

    def input_finished(self) -> None:
        self.finished = True


class Result(NamedTuple):
    tokens: list[str]
    timestamps: list[float]


class Counter:
    """Hears a word of two tokens in every half second of sound, in chunks of 320 ms."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    def create_stream(self) -> Stream:
        return Stream()

    def is_ready(self, s: Stream, /) -> bool:
        return s.samples - s.decoded >= 5_120

    def decode_streams(self, ss: list[Stream], /) -> None:
        assert self.gate.wait(10)
        self.batches.append(len(ss))
        for stream in ss:
            stream.decoded += 5_120

    def get_result_all(self, s: Stream, /) -> Result:
        starts = np.arange(0, s.decoded / RATE, 0.5).tolist()
        tokens = [token for number in range(len(starts)) for token in (f"▁WORD{number}", "S")]
        return Result(tokens, [start + more for start in starts for more in (0.0, 0.1)])


def test_tokens_become_words_in_ticks() -> None:
    found = words(["▁HEL", "LO", " W", "ORLD", "'", "S"], [0.0, 0.2, 0.4, 0.5, 0.6, 0.7], 8 * TICK)
    assert found == (Word("hello", 8, 13), Word("world's", 13, 20))


def test_nothing_is_no_word_and_a_word_is_never_shorter_than_a_tick() -> None:
    assert words([], [], 0) == ()
    assert words(["▁", "A", "▁B"], [0.0, 0.0, 0.0], 0) == (Word("a", 0, 1), Word("b", 0, 3))


async def test_streams_of_all_calls_are_decoded_together() -> None:
    counter = Counter()
    decoding = Decoding(counter)
    answers: list[Answer] = []
    for number in range(4):
        utterance = decoding.begin(Party.CUSTOMER, number * TICK)
        utterance.received.append(np.zeros(5_120, np.float32))
        decoding.feed(utterance, answers.append)
    await decoding.idle()
    decoding.close()
    assert counter.batches == [4]
    assert [answer.utterance.at for answer in answers] == [n * TICK for n in range(4)]


async def test_the_loop_goes_on_while_decoding_takes_long() -> None:
    counter = Counter()
    counter.gate.clear()
    decoding = Decoding(counter)
    answers: list[Answer] = []
    utterance = decoding.begin(Party.AGENT, 0)
    for _ in range(3):
        utterance.received.append(np.zeros(5_120, np.float32))
        decoding.feed(utterance, answers.append)
        await asyncio.sleep(0.01)
    assert not answers
    counter.gate.set()
    await decoding.idle()
    decoding.close()
    assert sum(answer.samples for answer in answers) == 3 * 5_120
    assert len(answers) == 2  # what came during the first run was taken together


@pytest.fixture
async def counter() -> Counter:
    return Counter()


@pytest.fixture
async def ear(counter: Counter) -> AsyncIterator[SherpaEar]:
    listener = SherpaListener(counter, Options(), lockstep=True)
    made = await listener.open(CallStarted("call", Policy()))
    yield made
    await made.close()
    await listener.close()


async def test_an_ear_gives_partials_then_words_once(ear: SherpaEar, speak: Speaker) -> None:
    heard = await hear(ear, turns(agent=speak(SMALL_TALK), customer=speak(ASKED)))
    finals = [one for one in heard if one.customer.words]
    assert len(finals) == 1
    texts = [word.text for word in finals[0].customer.words]
    assert texts == [f"word{number}s" for number in range(len(texts))]
    partials = [one.customer.partial for one in heard if one.tick < finals[0].tick]
    assert "word0s word1s" in partials
    assert any(one.agent.words for one in heard)
    assert not heard[-1].customer.partial


async def test_a_late_recogniser_loses_utterances_not_ticks(
    counter: Counter, speak: Speaker
) -> None:
    listener = SherpaListener(counter, Options())
    ear = await listener.open(CallStarted("call", Policy()))
    counter.gate.clear()
    sound = turns(customer=np.tile(speak(ASKED), 6))
    heard = await hear(ear, sound)
    assert len(heard) == len(sound)
    assert ear.dropped > 0
    counter.gate.set()
    await ear.close()
    await listener.close()
