"""The recogniser at work: streams of all calls decoded together, in a thread of its own."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from copilot.audio.frames import Pcm
from copilot.core.vocabulary import Party, Word
from copilot.providers.embedded.listening import TICK_SAMPLES
from copilot.providers.embedded.speech import RATE
from copilot.providers.sherpa.model import Recogniser

_TAIL = np.zeros(RATE // 2, np.float32)
"""Silence after an utterance: it fills the encoder's last chunk, which holds the last word."""
_LAST_TOKEN_S = 0.24
"""Longest time that a word's last token is taken to sound; the model gives only starts."""


class Utterance:
    """One utterance and its stream: `stream` belongs to the thread, the rest to the loop."""

    def __init__(self, party: Party, at: int, stream: Any) -> None:
        self.party = party
        self.at = at
        """Its first sample on the call's axis."""
        self.stream = stream
        self.received: deque[Pcm] = deque()
        self.over = False
        self.last: list[str] = []
        """The hypothesis before."""


class Answer(NamedTuple):
    """What is recognised of an utterance now."""

    utterance: Utterance
    words: tuple[Word, ...]
    final: bool
    samples: int
    """Samples worked through for this answer."""


class _Job(NamedTuple):
    utterance: Utterance
    samples: Pcm
    over: bool


class Decoding:
    """Decodes for all calls of one event loop."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sherpa")
        self._due: dict[Utterance, Callable[[Answer], None]] = {}
        self._task: asyncio.Task[None] | None = None

    def begin(self, party: Party, at: int) -> Utterance:
        return Utterance(party, at, self._recogniser.create_stream())

    def feed(self, utterance: Utterance, answer: Callable[[Answer], None]) -> None:
        """Work on what `utterance` has received, and call `answer` on the loop."""
        self._due[utterance] = answer
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve())

    async def idle(self) -> None:
        """Wait until everything fed is worked off."""
        while self._task is not None:
            await self._task

    def close(self) -> None:
        """Stop the thread after the run it may be in."""
        self._thread.shutdown(wait=True)

    async def _serve(self) -> None:
        """Run until nothing is due; what comes during a run is taken together by the next one."""
        loop = asyncio.get_running_loop()
        try:
            while self._due:
                due, self._due = self._due, {}
                jobs = [_Job(one, _taken(one), one.over) for one in due]
                for answer in await loop.run_in_executor(self._thread, self._run, jobs):
                    due[answer.utterance](answer)
        finally:
            self._task = None

    def _run(self, jobs: Sequence[_Job]) -> list[Answer]:
        streams = [job.utterance.stream for job in jobs]
        for stream, job in zip(streams, jobs, strict=True):
            stream.accept_waveform(RATE, job.samples)
            if job.over:
                stream.accept_waveform(RATE, _TAIL)
                stream.input_finished()
        while ready := [stream for stream in streams if self._recogniser.is_ready(stream)]:
            self._recogniser.decode_streams(ready)
        return [self._answer(job) for job in jobs]

    def _answer(self, job: _Job) -> Answer:
        result = self._recogniser.get_result_all(job.utterance.stream)
        found = words(result.tokens, result.timestamps, job.utterance.at)
        return Answer(job.utterance, found, job.over, len(job.samples))


def words(tokens: Sequence[str], starts: Sequence[float], at: int) -> tuple[Word, ...]:
    """Tokens with their starts in seconds as words in ticks, of a stream from sample `at` on.

    A token that opens with a space, or with the mark ``▁``, begins a word.
    """
    spans: list[tuple[str, float, float]] = []
    for token, start in zip(tokens, starts, strict=True):
        text = token.replace("▁", " ")
        if text.startswith(" ") or not spans:
            spans.append((text.strip(), start, start))
        else:
            head, begin, _ = spans[-1]
            spans[-1] = (head + text, begin, start)
    ends = [begin for _, begin, _ in (*spans[1:], ("", float("inf"), 0.0))]
    return tuple(
        _word(text.lower(), at + begin * RATE, at + min(last + _LAST_TOKEN_S, following) * RATE)
        for (text, begin, last), following in zip(spans, ends, strict=False)
        if text
    )


def _word(text: str, start: float, end: float) -> Word:
    """The word between two places in samples: never shorter than a tick."""
    first = int(start) // TICK_SAMPLES
    return Word(text, first, max(first + 1, -(-int(end) // TICK_SAMPLES)))


def _taken(utterance: Utterance) -> Pcm:
    """All sound received since the last time."""
    samples = [*utterance.received]
    utterance.received.clear()
    return np.concatenate(samples) if samples else np.zeros(0, np.float32)
