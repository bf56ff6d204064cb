"""What a call was about: drafted from its log, held against what was said, edited by the agent."""

import asyncio
import json
import re
from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from copilot.core.events import Entry, Search, ShowCard, Withheld
from copilot.core.vocabulary import Party, Passage, Silence
from copilot.core.words import content
from copilot.errors import MindError
from copilot.mind.composer import whole
from copilot.mind.fences import Fence, harmless, orders
from copilot.mind.grounding import Embed, Source, sentences
from copilot.mind.talk import Line, lines
from copilot.ports import Embedder, Mind, Prompt

MOST_LINES = 240
"""The newest lines that a model is given."""
MOST_PARTS = 8
_PROMISE = re.compile(
    r"\b(?:i|we)(?:['’]ll| will| promise|(?:['’]m|['’]re| am| are) going to)\b"
    r"(?! (?:just )?(?:check|look|see|have a look|be right|put you|need|wait))", re.I,
)  # fmt: skip
_GAPS = (Silence.NO_EVIDENCE, Silence.WEAK)
_RULES = (
    "You write up a call-centre call that is over. Answer with one JSON object and nothing else: "
    '{"summary": two or three sentences, "reason": why the customer called, "outcome": how it '
    'ended, "promised": [what the agent promised to do], "gaps": [questions that were not '
    "answered]}. Write plainly, in the third person. Use only what was said; keep numbers, names "
    "and dates exactly; leave a field empty rather than guess."
)


class Recap(Struct, frozen=True, forbid_unknown_fields=True):
    """The write-up, as it is edited and sent on."""

    summary: str = ""
    reason: str = ""
    outcome: str = ""
    promised: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    """Questions of the customer that the packs have not answered."""


class Writer:
    """Drafts write-ups; from the log alone where there is no background model."""

    def __init__(self, mind: Mind | None, embedder: Embedder) -> None:
        self._mind = mind
        self._embedder = embedder

    async def draft(self, entries: Sequence[Entry]) -> Recap:
        """Sentences that the call holds; from its own words where the model has none."""
        said = await asyncio.to_thread(lines, entries)
        own = extracted(said, entries)
        if self._mind is None or not said:
            return own
        fence = Fence()
        latest = said[-MOST_LINES:]
        talk = "\n".join(f"{line.at} {line.party.value}: {harmless(line.text)}" for line in latest)
        prompt = Prompt(f"{_RULES}\n{fence.rule}", fence.put("The call", talk), max_tokens=500)
        try:
            written = _read(await whole(self._mind, prompt))
        except MindError:
            return own
        if written is None:
            return own
        return await asyncio.to_thread(held, written, own, latest, self._embedder.embed)


def extracted(said: Sequence[Line], entries: Sequence[Entry]) -> Recap:
    """The call's own words: its first question, what was promised, what stayed open."""
    customer = [line.text for line in said if line.party is Party.CUSTOMER]
    reason = next((text for text in customer if len(set(content(text))) >= 3), "")
    promised = [
        line.text for line in said if line.party is Party.AGENT and _PROMISE.search(line.text)
    ]
    summary = f"The customer said: {_short(reason)}" if reason else ""
    answers = [entry.event.text for entry in entries if isinstance(entry.event, ShowCard)]
    if answers:
        summary += "" if summary.endswith((".", "!", "?", "…")) else "." * bool(summary)
        summary += f" Shown to the agent: {_short(answers[-1])}"
    return Recap(
        summary=summary.strip(),
        reason=_short(reason),
        promised=tuple(_short(text) for text in promised[:MOST_PARTS]),
        gaps=tuple(_gaps(entries)[:MOST_PARTS]),
    )


def held(written: Recap, own: Recap, said: Sequence[Line], embed: Embed) -> Recap:
    """The sentences of a model's write-up that something said in the call supports.

    What stayed open is known from the log, so that is not the model's to say.
    """
    spoken = [
        Passage(f"line/{at}", "", f"{line.text.capitalize()}.", "", 100, line.party.value)
        for at, line in enumerate(said)
    ]
    source = Source(spoken, embed)

    def keep(text: str) -> str:
        kept = [one for one in sentences(text) if not orders(one) and not _fault(source, one)]
        return " ".join(kept)

    promised = tuple(kept for one in written.promised[:MOST_PARTS] if (kept := keep(one)))
    return Recap(
        keep(written.summary) or own.summary,
        keep(written.reason) or own.reason,
        keep(written.outcome),
        promised or own.promised,
        own.gaps,
    )


def payload(
    event: str, recap: Recap, call: dict[str, object], by: str, at: datetime
) -> dict[str, object]:
    """What a CRM gets: of no vendor's shape, with the call that it belongs to."""
    return {
        "type": event,
        "timestamp": at.isoformat(),
        "data": {"call": call, **msgspec.to_builtins(recap), "confirmed_by": by},
    }


def _fault(source: Source, sentence: str) -> str:
    verdicts = source.judge(sentence)
    return next((one.fault for one in verdicts if one.fault), "" if verdicts else "empty")


def _read(written: str) -> Recap | None:
    """The JSON object in an answer, whatever stands around it; None where there is none."""
    begin, end = written.find("{"), written.rfind("}")
    try:
        given = json.loads(written[begin : end + 1])
        known = {key: given[key] for key in Recap.__struct_fields__ if given.get(key)}
        return msgspec.convert(known, Recap)
    except (ValueError, AttributeError, msgspec.ValidationError):
        return None


def _gaps(entries: Sequence[Entry]) -> list[str]:
    """The questions that ended without a card for want of knowledge, in their own words."""
    answered: set[int] = set()
    open_: dict[int, str] = {}
    queries: dict[int, str] = {}
    for entry in entries:
        match entry.event:
            case Search(inquiry=inquiry, query=query):
                queries[inquiry] = query
            case ShowCard(inquiry=inquiry):
                answered.add(inquiry)
            case Withheld(inquiry=inquiry, reason=reason) if reason in _GAPS:
                open_[inquiry] = queries.get(inquiry, "")
            case _:
                continue
    return _distinct([_short(text) for one, text in open_.items() if text and one not in answered])


def _distinct(texts: Collection[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _short(text: str, most: int = 40) -> str:
    parts = text.split()
    return " ".join(parts) if len(parts) <= most else " ".join(parts[:most]) + " …"
