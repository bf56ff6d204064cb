"""Composes a card of passages: short, cited, each sentence supported, and only if it is better."""

import asyncio
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing

from msgspec import Struct

from copilot.core.compose import MAX_WORDS, line
from copilot.core.events import Compose, DraftReady
from copilot.core.vocabulary import Passage
from copilot.core.words import content
from copilot.mind.fences import Fence, harmless, harmless_passages, orders
from copilot.mind.grounding import Embed, Source, sentences
from copilot.ports import Embedder, Mind, Prompt

PASSAGES = 3
"""So many of the passages found are given to the model; the first is the card's own."""
AUTHORED = 0.05
"""By how much a draft must be nearer to the question than a line that a person wrote."""
_CITE = re.compile(r"\s*\[(\d+(?:\s*,\s*\d+)*)\]")
_RULES = (
    "You help a call-centre agent during a call. Write what the agent can say next to answer the "
    f"customer's question: one or two short sentences, at most {MAX_WORDS} words together, plain "
    "spoken English, no greeting. Use only what the passages say; keep numbers, names, dates and "
    "conditions exactly. End each sentence with the number of its passage, like [1]. If the "
    "passages do not answer the question, write NONE."
)

Names = Callable[[], Collection[str]]
"""What the packs in use are about, by name."""


class Sentence(Struct, frozen=True):
    """A sentence of a draft, with the passages that it says it rests on."""

    text: str
    cites: tuple[int, ...]
    """Indices of passages, from 0."""


class GroundedComposer:
    """`copilot.ports.Composer` over a background model."""

    def __init__(self, mind: Mind, embedder: Embedder, names: Names = tuple) -> None:
        self._mind = mind
        self._embedder = embedder
        self._names = names

    async def compose(self, request: Compose, facts: Sequence[str] = ()) -> DraftReady:
        """The draft as far as its passages hold it; empty where that is no better than the card.

        `facts` of the customer tell the model what matters; a draft may not rest on them.
        Raises MindError when no route of the model has answered.
        """
        passages = harmless_passages(request.passages[:PASSAGES])
        if not passages:
            return DraftReady(request.inquiry, "", ())
        written = await whole(self._mind, ask(request, passages, facts))
        names = self._names()
        return await asyncio.to_thread(self._draft, request, passages, written, names)

    def _draft(
        self, request: Compose, passages: Sequence[Passage], written: str, names: Collection[str]
    ) -> DraftReady:
        embed = self._embedder.embed
        kept = supported(split(written), passages, embed, names)
        text = " ".join(one.text for one in kept)
        cites = tuple(dict.fromkeys(passages[at].id for one in kept for at in one.cites))
        if not kept or not _better(text, request, embed):
            return DraftReady(request.inquiry, "", ())
        return DraftReady(request.inquiry, text, cites, checked=True)


def ask(request: Compose, passages: Sequence[Passage], facts: Sequence[str] = ()) -> Prompt:
    """What the model is asked; nothing but the rules is an instruction."""
    fence = Fence()
    parts = [
        fence.passages(passages),
        fence.put("Known about the customer", "\n".join(map(harmless, facts))) if facts else "",
        fence.talk(request.turns),
        fence.put("The customer's question", harmless(request.query)),
    ]
    return Prompt(f"{_RULES}\n{fence.rule}", "\n".join(filter(None, parts)), max_tokens=120)


async def whole(mind: Mind, prompt: Prompt) -> str:
    """The whole answer; raises MindError."""
    text = ""
    async with aclosing(mind.answer(prompt)) as pieces:
        async for piece in pieces:
            text = piece.text if piece.anew else text + piece.text
    return text.strip()


def split(written: str) -> list[Sentence]:
    """Sentences of an answer with their citations; a citation behind the full stop counts too."""
    if re.fullmatch(r"\W*none\W*", written, re.I):
        return []
    tidy = re.sub(r"([.!?])((?:\s*\[\d+(?:\s*,\s*\d+)*\])+)", r"\2\1", written)
    found = []
    for sentence in sentences(tidy):
        numbers = [int(n) for group in _CITE.findall(sentence) for n in group.split(",")]
        text = _CITE.sub("", sentence).strip(" \"'“”*-")
        if text:
            found.append(Sentence(text, tuple(n - 1 for n in numbers)))
    return found


def supported(
    draft: Sequence[Sentence],
    passages: Sequence[Passage],
    embed: Embed,
    names: Collection[str] = (),
    most_words: int = MAX_WORDS,
) -> list[Sentence]:
    """The sentences that the passages they cite hold, as many as there is room for.

    One that cites nothing, or a passage that was not given, is dropped: a false source is no
    source.
    """
    kept: list[Sentence] = []
    sources: dict[tuple[int, ...], Source] = {}
    for one in draft:
        room = most_words - sum(len(other.text.split()) for other in kept)
        cited = one.cites
        if not cited or not all(0 <= at < len(passages) for at in cited):
            continue
        if len(one.text.split()) > room or not content(one.text) or orders(one.text):
            continue
        if cited not in sources:
            sources[cited] = Source([passages[at] for at in cited], embed, names)
        if not any(verdict.fault for verdict in sources[cited].judge(one.text)):
            kept.append(one)
    return kept


def _better(text: str, request: Compose, embed: Embed) -> bool:
    """Whether the draft is nearer to the question than the line on the card, or as near and
    shorter."""
    shown = line(request.passages[0], request.query)
    if text.strip().lower() == shown.strip().lower():
        return False
    asked, draft, card = embed([request.query, text, shown])
    gain = float(asked @ draft) - float(asked @ card)
    if request.passages[0].say:
        return gain > AUTHORED
    shorter = len(text.split()) <= 0.8 * len(shown.split())
    return gain > 0 or (shorter and gain > -AUTHORED)
