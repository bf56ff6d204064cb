"""The agent's own question, answered from the packs and from what was said in the call so far."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Collection, Sequence
from contextlib import aclosing
from typing import Self

from msgspec import Struct

from copilot.core.compose import line
from copilot.core.events import Entry
from copilot.core.vocabulary import Passage
from copilot.errors import MindError
from copilot.mind.composer import Names, split, supported
from copilot.mind.evidence import Evidence
from copilot.mind.fences import Fence, harmless, harmless_passages
from copilot.mind.talk import Line, lines, nearest
from copilot.ports import Embedder, Mind, Prompt, Retriever

PASSAGES = 4
MOST_WORDS = 120
LOOKED = 4000
"""Letters of a tool's result that are shown and cited: to hold a sentence against eight times as
many takes eight seconds."""
LEAST_SUPPORT = 30
"""Percent; a passage with less is not shown as an answer."""
_RULES = (
    "You answer a call-centre agent's question during a call. Use only the numbered sources: "
    "passages of the knowledge base, lines of this call and results of tools. Answer in at most "
    "three short sentences. End each sentence with the number of its source, like [2]. If the "
    "sources do not answer it, write NONE."
)


class Excerpt(Struct, frozen=True, tag="excerpt"):
    """A line of the call that speaks of the question."""

    source: int
    """Its number in the answer's citations."""
    party: str
    at: str
    """Minutes and seconds into the call."""
    tick: int
    text: str


class Cited(Struct, frozen=True, tag="passage"):
    """A passage that speaks of the question."""

    source: int
    id: str
    title: str
    text: str
    support: int


class Looked(Struct, frozen=True, tag="tool"):
    """What a tool brought, and with which arguments it was asked."""

    source: int
    tool: str
    arguments: str
    text: str
    fault: str = ""


class Told(Struct, frozen=True, tag="answer"):
    """A sentence of the answer; only what its sources hold."""

    text: str
    sources: tuple[int, ...]
    written: bool = True
    """By the background model; False: the source's own words."""


class Done(Struct, frozen=True, tag="done"):
    """The end."""

    notice: str = ""
    """What did not work, in a sentence for people."""


Part = Excerpt | Cited | Looked | Told | Done


class Asked(Struct, frozen=True):
    """A question and what there is to answer it from."""

    question: str
    entries: Sequence[Entry] = ()
    facts: Sequence[str] = ()
    """What is remembered of the customer."""


class Asker:
    """Answers questions; works with the sources' own words where there is no background model."""

    def __init__(self, mind: Mind | None, embedder: Embedder, names: Names = tuple) -> None:
        self._mind = mind
        self._embedder = embedder
        self._names = names

    async def answer(
        self,
        asked: Asked,
        retriever: Retriever,
        tools: Awaitable[Collection[Evidence]] | None = None,
    ) -> AsyncGenerator[Part, None]:
        """Sources first, what tools bring behind them, then the answer, sentence by sentence.

        Nothing waits for the tools but the answer itself: the other sources are shown at once.
        """
        async with (
            _Meanwhile(tools) as looking,
            aclosing(self._answer(asked, retriever, looking)) as parts,
        ):
            async for part in parts:
                yield part

    async def _answer(
        self, asked: Asked, retriever: Retriever, looking: "_Meanwhile"
    ) -> AsyncGenerator[Part, None]:
        said = await asyncio.to_thread(lines, asked.entries)
        find = asyncio.to_thread(nearest, asked.question, said, self._embedder.embed)
        near, found = await asyncio.gather(find, retriever.search(asked.question, PASSAGES))
        passages = [one for one in found.passages if one.score >= LEAST_SUPPORT]
        sources, parts = _sources(near, passages, asked.facts)
        for part in parts:
            yield part
        brought = await looking.found()
        for looked in await asyncio.to_thread(_looked, brought, sources):
            parts.append(looked)
            yield looked
        if not sources:
            yield Done("Neither the knowledge base nor this call says anything about it.")
            return
        notice, answered = "", False
        if self._mind is not None:
            try:
                async with aclosing(self._written(asked, sources)) as sentences:
                    async for one in sentences:
                        answered = True
                        yield one
            except MindError as error:
                notice = str(error)
        if not answered:
            for own in _own(asked, near, passages, parts):
                yield own
        yield Done(notice)

    async def _written(
        self, asked: Asked, sources: Sequence[Passage]
    ) -> AsyncGenerator[Told, None]:
        """The model's sentences as they are whole, those that their sources hold."""
        assert self._mind is not None
        fence = Fence()
        matter = f"{fence.passages(sources)}\n{fence.put('Question', asked.question)}"
        prompt = Prompt(f"{_RULES}\n{fence.rule}", matter, max_tokens=250)
        text, done = "", 0
        names = self._names()
        async with aclosing(self._mind.answer(prompt)) as pieces:
            async for piece in pieces:
                text = piece.text if piece.anew and not done else text + piece.text
                if piece.anew and done:
                    return  # what was shown stays; another route's answer is not mixed in
                whole = _whole(text)
                if len(whole) > done:
                    async for one in self._checked(whole[done:], sources, names):
                        yield one
                    done = len(whole)
        async for one in self._checked(text[done:], sources, names):
            yield one

    async def _checked(
        self, text: str, sources: Sequence[Passage], names: Collection[str]
    ) -> AsyncGenerator[Told, None]:
        embed = self._embedder.embed
        kept = await asyncio.to_thread(supported, split(text), sources, embed, names, MOST_WORDS)
        for one in kept:
            yield Told(one.text, tuple(at + 1 for at in one.cites))


def _whole(text: str) -> str:
    """The sentences that are complete, their citations with them: another one has begun."""
    ends = [match.end() for match in re.finditer(r"[.!?](?:\s*\[[\d, ]+\])*\s+(?=[^\s\[])", text)]
    return text[: ends[-1]] if ends else ""


def _sources(
    near: Sequence[tuple[Line, float]],
    passages: Sequence[Passage],
    facts: Sequence[str],
) -> tuple[list[Passage], list[Part]]:
    """Everything citable as passages, numbered from 1, and as what people see."""
    sources: list[Passage] = []
    parts: list[Part] = []

    def add(title: str, text: str) -> int:
        sources.append(Passage(f"source/{len(sources)}", title, text, "", 100))
        return len(sources)

    for said, _ in near:
        if text := harmless(said.text):
            title = f"The {said.party.value} said at {said.at}"
            number = add(title, text)
            parts.append(Excerpt(number, said.party.value, said.at, said.tick, said.text))
    for one in harmless_passages(passages):
        sources.append(one)
        number = len(sources)
        parts.append(Cited(number, one.id, one.title, one.text, one.score))
    for fact in facts:
        if text := harmless(fact):
            add("Known about the customer", text)
    return sources, parts


def _looked(tools: Collection[Evidence], sources: list[Passage]) -> list[Looked]:
    """What tools have brought, citable behind the other sources."""
    found = []
    for result in tools:
        text, number = harmless(result.text)[:LOOKED], 0
        if text:
            number = len(sources) + 1
            sources.append(Passage(f"source/{number - 1}", result.source, text, "", 100))
        found.append(Looked(number, result.source, result.arguments, text, result.fault))
    return found


class _Meanwhile:
    """Work that goes on beside, and ends with whoever waits for it."""

    def __init__(self, work: Awaitable[Collection[Evidence]] | None) -> None:
        self._work = None if work is None else asyncio.ensure_future(work)

    async def found(self) -> Collection[Evidence]:
        return () if self._work is None else await self._work

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait([self._work])


def _own(
    asked: Asked,
    near: Sequence[tuple[Line, float]],
    passages: Sequence[Passage],
    parts: Sequence[Part],
) -> list[Told]:
    """The best sources' own words: a tool's result, a passage's line, or a line of the call."""
    told: list[tuple[float, Told]] = []
    for part in parts:
        match part:
            case Looked(source=number, text=text) if number and not part.fault:
                told.append((1.0, Told(text[:300], (number,), written=False)))
            case Excerpt(source=number) if near and near[0][1] >= 0.5 and number == 1:
                speaker = "The customer" if part.party == "customer" else "The agent"
                said = f"{speaker} at {part.at}: {part.text}"
                told.append((near[0][1], Told(said, (1,), written=False)))
            case Cited(source=number) if passages and part.id == passages[0].id:
                text = line(passages[0], asked.question)
                told.append((part.support / 100, Told(text, (number,), written=False)))
            case _:
                continue
    told.sort(key=lambda one: -one[0])
    return [one for _, one in told[:2]]
