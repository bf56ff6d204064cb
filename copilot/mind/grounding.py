"""Whether a sentence stands in the passages it cites: by meaning, numbers, names, price, denial.

The tests are independent and a sentence must pass all of them: similarity finds what is about
something else, the others find the one word that turns a sentence about the same. For English; in
other languages similarity, digits and names still count.
"""

import re
from collections.abc import Callable, Collection, Sequence
from itertools import pairwise
from typing import NamedTuple

from msgspec import Struct
from rapidfuzz import fuzz

from copilot.core.vocabulary import Passage
from copilot.core.words import content, stem, tokens
from copilot.mind.measures import fault, measures
from copilot.mind.swaps import swapped, tellings
from copilot.mind.wording import costs, denies, numbers, ordinals, plain, statement
from copilot.ports import Vectors
from copilot.retrieval.claims import claims

Embed = Callable[[Sequence[str]], Vectors]

LEAST_SUPPORT = 0.55
"""Of cosine to the nearest piece and `SHARED` times the share of words together; fitted on the
first three quarters of ``copilot evaluate grounding``."""
SHARED = 0.3
_SAME_CLAUSE = 0.3
"""Two clauses less alike than this do not deny each other."""
_SAME_NAME = 80
"""Percent of likeness of two spellings of one name."""
_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\n+")
_CLAUSE = re.compile(
    r"[;:]\s|,\s(?=\w+ \w+)|\s(?:but|however|although|unless|except)\s|\sand\s(?=\w+ \w+ \w+)", re.I
)
_BUT_NOT = re.compile(
    r"([^,;.]{4,60}?)\s(?:in|on|at|for|to|by|with|from)\s[^,;.]{2,60}?,?\sbut not\s"
    r"(in|on|at|for|to|by|with|from)\s([^,;.]+)", re.I,
)  # fmt: skip
"""What is allowed here but not there is not allowed there."""
_NAME = re.compile(r"\b[A-Z][\w'’&-]*")
_HALF = re.compile(r"\d\s*[ap]\.?m\b", re.I)
_DATES = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april june "
    "july august september october november december".split()
)
_NO_NAMES = frozenset(
    "i i'm i'll i've i'd you we they he she it the a an yes no ok okay mr mrs ms sir madam pm am "
    "english unfortunately sorry regrettably sure also".split()
)


class Verdict(Struct, frozen=True):
    """What became of one sentence."""

    sentence: str
    fault: str = ""
    """Why it is not supported; empty: it is."""


class _Clause(NamedTuple):
    text: str
    denies: bool


class Source:
    """Passages, prepared to be held against sentences."""

    def __init__(
        self, passages: Sequence[Passage], embed: Embed, names: Collection[str] = ()
    ) -> None:
        """`names`: what passages of the packs in use are about, so that one of those that are not
        cited is known for a name wherever it stands."""
        pieces = list(dict.fromkeys(_pieces(passages)))
        whole = " \n ".join(pieces)
        self._embed = embed
        self._stems = frozenset(content(plain(whole)))
        words = re.findall(r"\w+", whole.lower())
        pairs = map("".join, pairwise(words))  # master card: mastercard
        self._words = frozenset((*tokens(whole), *words, *pairs))
        self._numbers = numbers(whole) | set(ordinals(whole))
        self._ordinals = ordinals(whole)
        self._measures = measures(whole)
        self._told = [one for passage in passages for one in tellings(_said(passage))]
        self._values = claims(whole).values
        self._costs = costs(whole)
        self._foreign = [name for name in names if name.lower() not in whole.lower()]
        self._clauses = [one for passage in passages for one in _clauses(_said(passage))]
        self._pieces = embed([plain(one) for one in pieces]) if pieces else None
        texts = [one.text for one in self._clauses]
        self._nearby = embed(texts) if texts else None

    def judge(self, text: str) -> list[Verdict]:
        """A verdict on each sentence of the text."""
        return [Verdict(one, self._fault(one)) for one in sentences(text)]

    def _fault(self, sentence: str) -> str:
        if self._pieces is None:
            return "no passage"
        return (
            self._wrong_number(sentence)
            or self._wrong_ordinal(sentence)
            or fault(measures(sentence), self._measures)
            or self._wrong_name(sentence)
            or swapped(sentence, self._told)
            or self._wrong_price(sentence)
            or self._wrong_clause(sentence)
            or self._elsewhere(sentence)
        )

    def _wrong_number(self, sentence: str) -> str:
        for number in sorted(numbers(sentence) - self._numbers):
            return f"number: {number}"
        for unit, values in claims(sentence).values.items():
            known = self._values.get(unit)
            if unit == "time" and known and not _HALF.search(sentence):
                known |= {_other_half(one) for one in known}
            if known is not None and not values <= known:
                return f"{unit}: {', '.join(sorted(values - known))}"
        return ""

    def _wrong_ordinal(self, sentence: str) -> str:
        """The second is not the third; who says first where nothing is counted counts nothing."""
        said, known = ordinals(sentence), self._ordinals or self._numbers
        for number in sorted(said - known - (set() if self._ordinals else {"1"})):
            return f"ordinal: {number}"
        return ""

    def _wrong_name(self, sentence: str) -> str:
        low = sentence.lower()
        for name in self._foreign:
            if re.search(rf"\b{re.escape(name.lower())}\b", low):
                return f"name: {name}"
        for match in _NAME.finditer(sentence):
            word = match[0].strip("'’").lower().removesuffix("'s").removesuffix("’s")
            alone = match.start() == 0 and not re.match(r"\s+[A-Z]", sentence[match.end() :])
            if word in _NO_NAMES or (alone and word not in _DATES):
                continue  # a sentence's first word may be any word
            parts = re.findall(r"\w+", word)
            if not (all(self._has(part) for part in parts) or self._has("".join(parts))):
                return f"name: {match[0]}"
        for word in tokens(sentence):
            if word in _DATES and not self._has(word):
                return f"date: {word}"
        return ""

    def _has(self, word: str) -> bool:
        if word in self._words or stem(word) in self._stems or set(tokens(word)) <= self._words:
            return bool(word)
        if len(word) < 3:
            return False
        known = [other for other in self._words if len(other) >= 3]
        return any(
            other.startswith(word)
            or (word.startswith(other) and len(other) >= 4)
            or (min(len(word), len(other)) >= 5 and fuzz.ratio(word, other) >= _SAME_NAME)
            for other in known
        )

    def _wrong_price(self, sentence: str) -> str:
        """It is free against it is paid; where the passages say neither, other tests decide."""
        told = costs(sentence)
        if not told or not self._costs or told & self._costs:
            return ""
        return f"price: {', '.join(sorted(told))}"

    def _wrong_clause(self, sentence: str) -> str:
        """A clause denies what the clause nearest in meaning affirms, or the other way round; or
        one says free and the other paid."""
        if self._nearby is None:
            return ""
        said = _clauses(sentence)
        if not said:
            return ""
        alike = self._embed([one.text for one in said]) @ self._nearby.T
        for one, row in zip(said, alike, strict=True):
            nearest = int(row.argmax())
            if row[nearest] < _SAME_CLAUSE:
                continue
            if one.denies != self._clauses[nearest].denies:
                return f"denial: {'denies' if one.denies else 'affirms'}"
            told, known = costs(one.text), costs(self._clauses[nearest].text)
            if told and known and not told & known:
                return f"price: {', '.join(sorted(told))}"
        return ""

    def _elsewhere(self, sentence: str) -> str:
        assert self._pieces is not None
        text = plain(statement(sentence))
        alike = float((self._embed([text]) @ self._pieces.T).max())
        words = set(content(text))
        shared = len(words & self._stems) / len(words) if words else 0.0
        support = alike + SHARED * shared
        return f"meaning: {support:.2f}" if support < LEAST_SUPPORT else ""


def _other_half(clock: str) -> str:
    """The time twelve hours on: a clock of twelve hours shows 14:30 as 02:30."""
    hour, minute = clock.split(":")
    return f"{(int(hour) + 12) % 24:02d}:{minute}"


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order; a mere yes or no belongs to the one behind it."""
    found: list[str] = []
    for part in (part.strip() for part in _SENTENCE.split(text)):
        if found and len(tokens(found[-1])) <= 1:
            found[-1] = f"{found[-1].rstrip('.!')}, {part}"
        elif part:
            found.append(part)
    return found


def _pieces(passages: Sequence[Passage]) -> list[str]:
    """Sentences of the passages with what they are about, pairs of them, and spoken lines."""
    found: list[str] = []
    for one in passages:
        about = " ".join(part for part in (one.entity, one.title) if part)
        parts = sentences(one.text)
        found += [*(f"{about} {part}" for part in parts), *parts]
        found += [" ".join(pair) for pair in pairwise(parts)]
        found += [one.say] if one.say else []
    return found


def _said(passage: Passage) -> str:
    return f"{passage.text}\n{passage.say}"


def _clauses(text: str) -> list[_Clause]:
    """The clauses that say something, each with whether it denies it."""
    found = []
    for sentence in sentences(text):
        body = plain(statement(sentence))
        whole = _BUT_NOT.sub(r"\g<0>, \1 not \2 \3", body)
        parts = [part for part in _CLAUSE.split(whole) if len(content(part)) >= 2] or [body]
        found += [_Clause(part, denies(part)) for part in parts if content(part)]
    return found
