"""What peers do: whisper at the end of every utterance of the customer what search puts first.

No gate, no query before the utterance is over, no gap waited for; the voice stops as a voice agent
does, at speech of either party.
"""

import asyncio
from collections.abc import AsyncIterator

from copilot.audio.frames import MicroTurn
from copilot.core.compose import line, title
from copilot.core.events import (
    CallEnded,
    CallStarted,
    Effect,
    Entry,
    EvidenceFound,
    Heard,
    Input,
    Search,
    ShowCard,
    Speak,
    StopSpeaking,
    WhisperPlayed,
    WithdrawCard,
)
from copilot.session import Parts

FINAL_TICKS = 4
"""Silence after which an utterance is final: the 300 ms of a streaming recogniser's endpoint."""
STOP_TICKS = 2
"""Speech that stops the voice, as voice agents are set to."""
SPEECH = 50


class Naive:
    """A session of that kind; it writes the same log."""

    def __init__(self, started: CallStarted, parts: Parts) -> None:
        self._parts = parts
        self._call = started.call_id
        self._voice = started.policy.voice
        self._tick = self._seq = 0
        self._silent = self._loud = 0
        self._said: list[str] = []
        self._inquiry = 0
        self._shown = False
        self._task: asyncio.Task[None] | None = None
        self._note(started)

    async def run(self, turns: AsyncIterator[MicroTurn]) -> None:
        async for turn in turns:
            self._hear(await self._parts.ear.hear(turn))
        self._stop("call_ended")
        self._note(CallEnded("disconnected"))
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _hear(self, heard: Heard) -> None:
        self._tick = heard.tick
        self._note(heard)
        self._said += [word.text for word in heard.customer.words]
        self._silent = 0 if heard.customer.speech >= SPEECH else self._silent + 1
        loud = max(heard.agent.speech, heard.customer.speech) >= SPEECH
        self._loud = self._loud + 1 if loud else 0
        if self._loud >= STOP_TICKS:
            self._stop("speech")
        if self._said and self._silent >= FINAL_TICKS:
            text, self._said = " ".join(self._said), []
            self._stop("replaced")
            self._task = asyncio.create_task(self._whisper(text))

    async def _whisper(self, text: str) -> None:
        self._inquiry += 1
        number = self._inquiry
        self._note(Search(number, 1, text))
        found = await self._parts.retriever.search(text, 1)
        self._note(EvidenceFound(number, 1, found.passages, found.signals))
        if not found.passages:
            return
        if self._shown:
            self._note(WithdrawCard(number - 1, "replaced"))
        self._shown = True
        top = found.passages[0]
        said = line(top, text)
        self._note(ShowCard(number, 0, title(top), said, (top.id,), top.score, text))
        if self._voice and self._parts.voice is not None and self._parts.mouth is not None:
            self._note(Speak(number, said))
            voice = self._parts.voice
            ticks = await self._parts.mouth.play(number, voice.say(said), voice.rate)
            self._note(WhisperPlayed(number, ticks))

    def _stop(self, reason: str) -> None:
        if self._task is not None and not self._task.done() and self._parts.mouth is not None:
            self._note(StopSpeaking(self._inquiry, reason))
            self._parts.mouth.stop()
            self._task.cancel()

    def _note(self, event: Input | Effect) -> None:
        self._parts.log.append(self._call, [Entry(self._seq, self._tick, event)])
        self._seq += 1
