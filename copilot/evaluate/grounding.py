"""How well the support check tells drafts that stand in their passage from drafts that do not.

Pairs are made of public service talk: a passage, and what the human agent then said of it in own
words. Into each draft errors are planted, one at a time: another number, the opposite, another
name, a sentence of another passage. What people said is itself not always in the passage; such
drafts count as false drops.
"""

import random
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct
from rich.table import Table

from copilot.core.vocabulary import Passage
from copilot.core.words import content
from copilot.evaluate.moments import read_lines
from copilot.mind.grounding import Embed, Source, Verdict, sentences
from copilot.mind.wording import denies, statement

KINDS = ("number", "negation", "name", "addition")
_COURTESY = re.compile(
    r"^(?:sure|great|ok(?:ay)?|sorry|thank(?:s| you)|you(?:'re| are) welcome|no problem|of course|"
    r"let me (?:know|check)|please (?:let|hold)|i (?:can|will|would|'ll) |anything |is there |"
    r"would you|shall i|happy to)|\b(?:anything else|let me know|book (?:it|that|this)|"
    r"reservation|help you|assist you)\b", re.I,
)  # fmt: skip


class Pair(Struct, frozen=True):
    """A draft beside the passage it cites."""

    id: str
    passage: Passage
    draft: str
    planted: str = ""
    """The kind of error in it; empty: as the person said it."""


class Figures(Struct, frozen=True):
    """What the check does over pairs."""

    true: int
    dropped: int
    planted: dict[str, int]
    caught: dict[str, int]
    wrong: tuple[tuple[Pair, Verdict], ...] = ()
    """Drafts that were dropped and should not have been, with why."""
    missed: tuple[Pair, ...] = ()

    @property
    def false_drops(self) -> float:
        return self.dropped / max(self.true, 1)

    @property
    def recall(self) -> float:
        return sum(self.caught.values()) / max(sum(self.planted.values()), 1)


class _Knowledge(Struct):
    id: str
    title: str
    body: str
    entity_name: str | None = None


class _Turn(Struct):
    id: str
    gold: list[str] = []
    answer: str | None = None


class Pairs(Struct, frozen=True):
    """Pairs, and the names of everything that their base is about."""

    pairs: tuple[Pair, ...]
    names: tuple[str, ...]


def read_pairs(folder: Path, held_out: bool = True, limit: int = 400) -> Pairs:
    """True drafts and their planted errors; `held_out`: of the quarter that nothing was fitted on.

    Raises DataError for a folder that has no such layout.
    """
    known = {
        one.id: Passage(one.id, one.title, one.body, "", 0, (one.entity_name or "").title())
        for one in read_lines(folder / "knowledge.jsonl.gz", _Knowledge)
    }
    names = sorted({one.entity for one in known.values() if one.entity})
    true: dict[tuple[str, str], Pair] = {}
    for row in read_lines(folder / "turns.jsonl.gz", _Turn):
        if len(row.gold) != 1 or not row.answer or _held_out(row.gold[0]) != held_out:
            continue
        draft = _statements(row.answer)
        if draft:
            true.setdefault((row.gold[0], draft.lower()), Pair(row.id, known[row.gold[0]], draft))
    chosen = sorted(true.values(), key=lambda pair: zlib.crc32(pair.id.encode()))[:limit]
    world = _World(tuple(names), tuple(known.values()))
    pairs = [made for pair in chosen for made in (pair, *_planted(pair, world))]
    return Pairs(tuple(pairs), tuple(names))


def judge(given: Pairs, embed: Embed) -> Figures:
    """Check every pair; a draft is dropped when one of its sentences is."""
    true = dropped = 0
    planted, caught = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    wrong: list[tuple[Pair, Verdict]] = []
    missed: list[Pair] = []
    sources: dict[str, Source] = {}
    for pair in given.pairs:
        if pair.passage.id not in sources:
            sources[pair.passage.id] = Source([pair.passage], embed, given.names)
        verdicts = sources[pair.passage.id].judge(pair.draft)
        fault = next((verdict for verdict in verdicts if verdict.fault), None)
        if pair.planted:
            planted[pair.planted] += 1
            caught[pair.planted] += fault is not None
            missed += [] if fault else [pair]
        else:
            true += 1
            dropped += fault is not None
            wrong += [(pair, fault)] if fault else []
    return Figures(true, dropped, planted, caught, tuple(wrong), tuple(missed))


class _World(Struct, frozen=True):
    names: tuple[str, ...]
    passages: tuple[Passage, ...]


def _held_out(passage: str) -> bool:
    """Whether a quarter, by passage, is kept out of what thresholds and words were fitted on."""
    return zlib.crc32(passage.encode()) % 4 == 3


def _statements(answer: str) -> str:
    """What it states, without questions and courtesies, which commit to nothing."""
    kept = [
        one
        for one in sentences(answer)
        if not one.endswith("?") and not _COURTESY.search(one) and len(content(one)) >= 3
    ]
    return " ".join(kept)


def _planted(pair: Pair, world: _World) -> list[Pair]:
    """Each kind of error that the draft has a place for."""
    dice = random.Random(pair.id)
    made = []
    for kind, plant in PLANTS.items():
        draft = plant(pair, world, dice)
        if draft and draft != pair.draft:
            made.append(Pair(pair.id, pair.passage, draft, kind))
    return made


def _other_number(pair: Pair, world: _World, dice: random.Random) -> str:
    found = list(re.finditer(r"\d+", pair.draft))
    if not found:
        return ""
    one = dice.choice(found)
    value = int(one[0])
    other = str(value + dice.choice([1, 2, 5, 10]))
    while other in pair.passage.text:
        other = str(int(other) + 1)
    return pair.draft[: one.start()] + other + pair.draft[one.end() :]


_BASE = {
    "offers": "offer", "accepts": "accept", "provides": "provide", "allows": "allow",
    "serves": "serve", "requires": "require", "includes": "include", "has": "have",
    "charges": "charge",
}  # fmt: skip
_FLIPS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"\b(does|do|is|are|can|will|did|has|have|was) not\b", r"\1"),
    (r"\b(do|does|is|are|has|have|was|would)n['’]t\b", r"\1"),
    (r"\bcannot\b|\bcan['’]t\b", "can"),
    (r"\bthere is no\b", "there is"),
    (r"\bthere are no\b", "there are"),
    (r"\bno,\s+", ""),
    (r"\b(offers|accepts|provides|allows|serves|requires|includes|has|charges)\b",
     lambda m: f"does not {_BASE.get(m[1].lower(), m[1])}"),
    (r"\b(is|are|can|will|may|must|should|does|do)\b(?! not)", r"\1 not"),
    (r"\b(they|we|you) (offer|accept|provide|allow|serve|have|take|need|charge|require)\b",
     r"\1 do not \2"),
)  # fmt: skip


def _opposite(pair: Pair, world: _World, dice: random.Random) -> str:
    """The draft with one denial taken out or put in, and its yes or no with it."""
    first, *rest = sentences(pair.draft)
    bare = statement(first)
    if sum(denies(part) for part in re.split(r"\s", bare)) > 1:
        return ""  # whoever takes one of two denials away may say the same
    for pattern, instead in _FLIPS:
        flipped, times = re.subn(pattern, instead, bare, count=1, flags=re.I)
        if times:
            return " ".join([flipped[:1].upper() + flipped[1:], *rest])
    return ""


def _other_name(pair: Pair, world: _World, dice: random.Random) -> str:
    own = pair.passage.entity
    if not own or not (found := re.search(re.escape(own), pair.draft, re.I)):
        return ""
    others = [one for one in world.names if not set(one.split()) & set(own.split())]
    return pair.draft[: found.start()] + dice.choice(others) + pair.draft[found.end() :]


def _addition(pair: Pair, world: _World, dice: random.Random) -> str:
    """The draft, and a sentence that another passage says about something else."""
    own = set(content(pair.passage.title + " " + pair.passage.text))
    for _ in range(100):
        other = dice.choice(world.passages)
        said = sentences(other.text)[0]
        words = set(content(said))
        if len(words) >= 3 and len(words & own) * 3 < len(words):
            return f"{pair.draft.rstrip('.')}. {said}"
    return ""


PLANTS: dict[str, Callable[[Pair, _World, random.Random], str]] = {
    "number": _other_number,
    "negation": _opposite,
    "name": _other_name,
    "addition": _addition,
}


def figures(folder: Path, made: Figures) -> dict[str, object]:
    """JSON-able, with the targets beside."""
    return {
        "evaluate": "grounding",
        "data": folder.name,
        "held_out": True,
        "true_drafts": made.true,
        "false_drops_percent": round(100 * made.false_drops, 1),
        "false_drops_target_percent": 10,
        "planted_errors": sum(made.planted.values()),
        "recall_percent": round(100 * made.recall, 1),
        "recall_target_percent": 90,
        "by_kind": {
            kind: {
                "planted": made.planted[kind],
                "found": made.caught[kind],
                "recall_percent": round(100 * made.caught[kind] / max(made.planted[kind], 1), 1),
            }
            for kind in KINDS
        },
    }


def table(result: dict[str, Any]) -> Table:
    """The figures for a terminal."""
    view = Table("drafts", "how many", "dropped", "target")
    drops, recall = result["false_drops_percent"], result["recall_percent"]
    view.add_row("as said", str(result["true_drafts"]), f"{drops} %", "≤ 10 %")
    for kind, row in result["by_kind"].items():
        view.add_row(f"planted: {kind}", str(row["planted"]), f"{row['recall_percent']} %", "")
    view.add_row("planted, all", str(result["planted_errors"]), f"{recall} %", "≥ 90 %")
    return view
