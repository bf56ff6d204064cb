"""What an agent's question takes beside the provider's own time, in a long call.

The provider is a stand-in on loopback that begins and speaks at a fixed pace. Its own time is
measured through the gateway alone; then the same sentence is waited for through everything: lines
of the call found by meaning, a passage, the prompt, the sentence held against its sources. Search
over packs has a benchmark of its own (``copilot bench search``) and answers at once here.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from copilot.bench.standin import Manner, standin
from copilot.config.sections import Provider
from copilot.core.events import Entry, Heard
from copilot.core.vocabulary import Hearing, Passage, TurnText, Word
from copilot.mind.ask import Asked, Asker, Told
from copilot.mind.composer import whole
from copilot.ports import Embedder, Found, Mind, Prompt
from copilot.providers import registry
from copilot.providers.gateway.gateway import Gateway
from copilot.providers.gateway.settings import Options, Route
from copilot.providers.redact import Redactor
from copilot.providers.registry import Host

LINES = 750
"""Of the call: an hour of talk."""
FIRST_S, PACE_S = 0.3, 0.01
"""The provider's first token, and each later one."""
ANSWER = "A payment abroad costs 1.5 percent, at least 1 euro [{number}]."
QUESTION = "what does a payment abroad cost"
FEES = Passage(
    "bank/fees#abroad",
    "What does a payment abroad cost?",
    "A payment abroad costs 1.5 percent, at least 1 euro. Cash costs 4 euros.",
    "",
    90,
)
_TALK = (
    "i have waited for the parcel since last week and nobody has told me anything",
    "let me have a look at the order for you one moment please",
    "it was the blue one with the long handle that we had bought in spring",
    "the invoice went to the old address and i never got a letter about it",
)


async def measure(questions: int = 20) -> dict[str, object]:
    """Milliseconds: to the first source; to the first sentence, beside the provider's own time; and
    of processors, stand-in included, which other programs of the machine do not add to."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Host(Path(folder))
        embedder = registry.embedder(Provider(provider="minilm"), cache)
        async with standin(lambda body: Manner(_answer(body), FIRST_S, PACE_S)) as server:
            route = Route("model", server.url, first_token=10.0, timeout=20.0)
            made = Gateway(Options((route,), hedge=False), Redactor())
            try:
                return await _measure(questions, made, embedder)
            finally:
                await made.close()


async def _measure(questions: int, mind: Mind, embedder: Embedder) -> dict[str, object]:
    entries = list(_call())
    await whole(mind, Prompt("Answer.", "1", 20))  # the library's first request builds its tables
    await _ask(mind, embedder, entries)
    provider, sources, sentences, worked = [], [], [], []
    for _ in range(questions):
        since = time.perf_counter()
        await whole(mind, Prompt("Answer.", "1", 20))
        provider.append(time.perf_counter() - since)
        before = time.process_time()
        source, sentence = await _ask(mind, embedder, entries)
        worked.append(time.process_time() - before)
        sources.append(source)
        sentences.append(sentence)
    own = _middle(provider)
    return {
        "lines": LINES,
        "questions": questions,
        "provider_first_token_ms": round(1000 * FIRST_S),
        "provider_sentence_ms": own,
        "first_source_ms": _figures(sources),
        "first_sentence_ms": _figures(sentences),
        "beside_provider_ms": _figures([one - own / 1000 for one in sentences]),
        "processor_ms": _figures(worked),
    }


async def _ask(mind: Mind, embedder: Embedder, entries: Sequence[Entry]) -> tuple[float, float]:
    """Seconds to the first source and to the first written sentence."""
    since, source = time.perf_counter(), 0.0
    asker = Asker(mind, embedder)
    async for part in asker.answer(Asked(QUESTION, entries), _AtOnce()):
        if isinstance(part, Told) and part.written:
            return source, time.perf_counter() - since
        source = source or time.perf_counter() - since
    raise RuntimeError("the stand-in's sentence was dropped: the benchmark measures nothing")


class _AtOnce:
    async def search(self, query: str, k: int, turns: Sequence[TurnText] = ()) -> Found:
        return Found((FEES,))


def _answer(body: str) -> str:
    """A sentence that cites the passage, whose number in the prompt is the last."""
    return ANSWER.format(number=max(body.count("Passage ["), 1))


def _call() -> Iterator[Entry]:
    """Lines of both parties by turns, a second apart."""
    tick = 0
    for at in range(LINES):
        said = f"{_TALK[at % len(_TALK)]} {at}".split()
        words = tuple(Word(word, tick + 4 * n, tick + 4 * n + 4) for n, word in enumerate(said))
        tick = words[-1].end + 25
        hearing = Hearing(words=words)
        heard = Heard(tick, agent=hearing) if at % 2 else Heard(tick, customer=hearing)
        yield Entry(at, tick, heard)


def _middle(seconds: Sequence[float]) -> float:
    return round(1000 * sorted(seconds)[len(seconds) // 2], 1)


def _figures(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    last = len(ordered) - 1
    places = {"p50": 0.5, "p95": 0.95, "max": 1.0}
    return {name: round(1000 * ordered[int(last * share)], 1) for name, share in places.items()}
