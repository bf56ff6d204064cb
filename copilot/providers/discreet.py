"""An ear in front of another that forgets numbers and names before anybody sees them.

What is hidden here never reaches the core, so neither log, search nor model has it, and a log still
replays. Words that may belong to a number are held back until it is known what they are: a word
that does not go on ends the number at once, silence after some seconds.
"""

import re
from collections.abc import Mapping

from msgspec.structs import replace

from copilot.audio.frames import MicroTurn
from copilot.core.events import CallStarted, Heard
from copilot.core.vocabulary import Hearing, Word
from copilot.ports import Ear, Listener, Telling
from copilot.providers.redact import Redactor, continues, digits, find

HOLD_TICKS = 60
"""A number that is read in groups goes on within 4.8 s."""
NAME_TICKS = 12
_CONTEXT = 8
"""Words before that say what a number is."""
_AFTER_NAME = re.compile(
    r"\b(?:name|name['’]s|name is|this is|speaking to|mr|mrs|ms|miss|dr)\.?(?: [^\W\d]\S*){0,2}$",
    re.I,
)


class DiscreetListener:
    """Opens discreet ears."""

    def __init__(self, listener: Listener, redactor: Redactor) -> None:
        self._listener = listener
        self._redactor = redactor

    @property
    def rate(self) -> int:
        return self._listener.rate

    def state(self) -> Mapping[str, object]:
        """What the listener behind it tells."""
        return self._listener.state() if isinstance(self._listener, Telling) else {}

    async def open(self, call: CallStarted) -> "DiscreetEar":
        return DiscreetEar(await self._listener.open(call), self._redactor)

    async def close(self) -> None:
        await self._listener.close()


class DiscreetEar:
    """Hears as the ear behind it does, but for what must not be known."""

    def __init__(self, ear: Ear, redactor: Redactor) -> None:
        self._ear = ear
        self._redactor = redactor
        self._agent, self._customer = Filter(redactor), Filter(redactor)

    async def hear(self, turn: MicroTurn) -> Heard:
        heard = await self._ear.hear(turn)
        return replace(
            heard,
            agent=self._agent.take(heard.tick, heard.agent),
            customer=self._customer.take(heard.tick, heard.customer),
            upcoming=self._redactor.clean(heard.upcoming),
        )

    async def close(self) -> None:
        await self._ear.close()


class Filter:
    """One party's words, those held back that may be part of something to hide."""

    def __init__(self, redactor: Redactor) -> None:
        self._kinds = redactor.kinds
        self._held: list[Word] = []
        self._before: list[str] = []
        self._latest = 0
        """Tick of the latest word or partial."""

    def take(self, tick: int, hearing: Hearing) -> Hearing:
        if hearing.words or hearing.partial:
            self._latest = tick
        self._held += hearing.words
        waits = self._open()
        quiet = tick - self._latest
        limit = HOLD_TICKS if self._held and continues(self._held[-1].text) else NAME_TICKS
        if waits and quiet > limit:
            waits = 0
        ready, self._held = self._held[: len(self._held) - waits], self._held[-waits or 9999 :]
        if not waits:
            self._held = []
        shown = self._hide(ready)
        self._before = [*self._before, *(word.text for word in ready)][-_CONTEXT:]
        return replace(hearing, words=tuple(shown), partial=self._partial(hearing.partial))

    def _open(self) -> int:
        """How many words at the end may still belong to something that goes on."""
        count = 0
        while count < len(self._held) and continues(self._held[-1 - count].text):
            count += 1
        if count or "name" not in self._kinds:
            return count
        texts = [*self._before, *(word.text for word in self._held)]
        found = _AFTER_NAME.search(" ".join(texts))
        return min(len(found[0].split()), len(self._held)) if found else 0

    def _hide(self, words: list[Word]) -> list[Word]:
        """The words, with one mark in the place of each thing to hide."""
        before = " ".join(self._before)
        text, places = before, []
        for word in words:
            start = len(text) + 1 if text else 0
            text = f"{text} {word.text}" if text else word.text
            places.append((start, len(text)))
        shown: list[Word] = []
        marked = -1
        spans = [one for one in find(text, self._kinds) if one.end > len(before)]
        for word, (start, end) in zip(words, places, strict=True):
            at = next((n for n, one in enumerate(spans) if one.start < end and start < one.end), -1)
            if at < 0:
                shown.append(word)
            elif at == marked:
                shown[-1] = replace(shown[-1], end=word.end)
            else:
                shown.append(replace(word, text=f"[{spans[at].kind}]"))
            marked = at
        return shown

    def _partial(self, partial: str) -> str:
        """The guess without numbers and what may follow a name: it is replaced in any case."""
        words = partial.split()
        if self._held:
            return ""
        for at, word in enumerate(words):
            if digits(word.strip(".,")) and all(map(continues, words[at : at + 3])):
                return " ".join(words[:at])
        cut = _AFTER_NAME.search(partial) if "name" in self._kinds else None
        return partial[: cut.start()].strip() if cut else partial
