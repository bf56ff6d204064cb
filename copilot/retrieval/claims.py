"""What an answer commits to: amounts by unit, dates, times, yes or no; and where two clash.

For English; in other languages digits, signs and ISO dates are still compared.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from copilot.core.words import content, spoken, tokens

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = (
    "(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = re.compile(
    rf"\b\d{{4}}-(?P<m>\d\d)-(?P<d>\d\d)\b"
    rf"|\b(?P<d1>\d\d?)(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<m1>{_MONTH})\b"
    rf"|\b(?P<m2>{_MONTH})\.?\s+(?P<d2>\d\d?)(?:st|nd|rd|th)?\b",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\b(\d\d?)(?:[:.](\d\d))?\s*([ap])\.?m\b\.?|\b(\d\d?):(\d\d)\b(?:\s*o'?clock)?", re.IGNORECASE
)
_SIGNS = {"$": "dollar", "€": "euro", "£": "pound", "%": "percent"}
_UNITS = {
    "eur": "euro", "usd": "dollar", "gbp": "pound", "kg": "kilo", "kilogram": "kilo",
    "min": "minute", "hr": "hour", "h": "hour", "km": "kilometre", "kilometer": "kilometre",
    "m": "metre", "meter": "metre", "cm": "centimetre", "centimeter": "centimetre",
}  # fmt: skip
_WORD = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?|[^\W\d_]+(?:'[^\W\d_]+)?|[$€£%]")
_FAR = 4
"""A number's unit is at most so many words behind it: five to seven working days."""
_SKIPPED = frozenset("and to or until up working business calendar full more other further".split())
_SPOKEN = {spoken(number): number for number in range(1, 1000)}
_LONGEST = max(map(len, _SPOKEN))
_CLAUSE = re.compile(r"[,;:.!?]\s|\b(?:but|except|unless|until|because|if|while)\b|\n")
_NUMBER = re.compile(r"\d+|\b[ap]\.?m\b", re.IGNORECASE)
_NEGATIVE = frozenset(
    "no not non never none nothing neither nor cannot without unable impossible unavailable "
    "forbidden prohibited excluded refused closed".split()
)
_ALIKE = 0.5
"""Two clauses speak of the same if they share so much of their words."""
_SAME_START = 0.25
"""The first clauses of two answers to one question need share less."""


class Clause(Struct, frozen=True):
    """What a clause speaks of, and whether it denies it."""

    about: frozenset[str]
    denies: bool


class Claims(Struct, frozen=True):
    """What a text commits to."""

    values: dict[str, frozenset[str]]
    """A unit, ``date`` or ``time`` to what is said of it."""
    opens: bool | None
    """True for yes, False for no; None where it opens with neither."""
    clauses: tuple[Clause, ...]


def claims(text: str) -> Claims:
    text = text.replace("\xa0", " ").replace("’", "'").strip()
    opening = next(iter(tokens(text[:40])), "")
    found = (_clause(part) for part in _CLAUSE.split(text))
    return Claims(
        _values(text),
        {"yes": True, "no": False}.get(opening),
        tuple(clause for clause in found if clause.about),
    )


def clash(one: Claims, other: Claims) -> str:
    """In what two answers to the same question contradict each other; empty where in nothing."""
    for unit in sorted(one.values.keys() & other.values.keys()):
        first, second = one.values[unit], other.values[unit]
        if not (first <= second or second <= first):
            return f"{unit}: {_listed(first)} against {_listed(second)}"
    if one.opens is not None and other.opens is not None:
        return "yes against no" if one.opens != other.opens else ""
    if _starts_against(one, other) or _starts_against(other, one):
        return "one affirms what the other denies"
    if one.opens is None and other.opens is None and _denial(one, other):
        return "one affirms what the other denies"
    return ""


def _starts_against(one: Claims, other: Claims) -> bool:
    """Whether `one` opens with yes or no and the other's first clause says the opposite."""
    if one.opens is None or not one.clauses or not other.clauses:
        return False
    said = frozenset[str]().union(*(clause.about for clause in one.clauses[:2]))
    first = other.clauses[0]
    return first.denies == one.opens and _likeness(said, first.about) >= _SAME_START


def _denial(one: Claims, other: Claims) -> bool:
    return any(
        first.denies != second.denies
        and min(len(first.about), len(second.about)) >= 2
        and _likeness(first.about, second.about) >= _ALIKE
        for first in one.clauses
        for second in other.clauses
    )


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(len(one | other), 1)


def _clause(text: str) -> Clause:
    words = tokens(_NUMBER.sub(" ", text))
    denied = sum(word in _NEGATIVE or word.endswith("n't") for word in words)
    about = frozenset(content(" ".join(word for word in words if word not in _NEGATIVE)))
    return Clause(about, denied % 2 == 1)


# ---- values ------------------------------------------------------------------------------------


def _values(text: str) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for match in _DATE.finditer(text):
        month = match["m"] or match["m1"] or match["m2"]
        name = _MONTHS[(int(month) - 1) % 12] if month.isdigit() else month[:3]
        day = int(match["d"] or match["d1"] or match["d2"])
        found.setdefault("date", set()).add(f"{day} {name.title()}")
    text = _DATE.sub(" ", text)
    for moment in _TIME.finditer(text):
        found.setdefault("time", set()).add(_clock(moment))
    for unit, number in _amounts(_with_digits(_WORD.findall(_TIME.sub(" ", text)))):
        found.setdefault(unit, set()).add(number)
    return {unit: frozenset(values) for unit, values in found.items()}


def _clock(match: re.Match[str]) -> str:
    hour, minute = int(match[1] or match[4]), int(match[2] or match[5] or 0)
    if match[3]:
        hour = hour % 12 + 12 * (match[3].lower() == "p")
    return f"{hour:02d}:{minute:02d}"


def _with_digits(words: list[str]) -> list[str]:
    """The words with spoken numbers in digits: twenty five days as 25 days."""
    written: list[str] = []
    lower = [word.lower() for word in words]
    n = 0
    while n < len(words):
        lengths = range(min(_LONGEST, len(words) - n), 0, -1)
        taken = next((k for k in lengths if tuple(lower[n : n + k]) in _SPOKEN), 0)
        written.append(str(_SPOKEN[tuple(lower[n : n + taken])]) if taken else lower[n])
        n += taken or 1
    return written


def _amounts(words: list[str]) -> Iterator[tuple[str, str]]:
    """``(unit, number)`` of each number that counts something."""
    for n, word in enumerate(words):
        if not word[0].isdigit():
            continue
        number = f"{float(word.replace(',', '')):g}"
        if n and words[n - 1] in "$€£":
            yield _SIGNS[words[n - 1]], number
            continue
        behind = (w for w in words[n + 1 : n + 1 + _FAR] if not w[0].isdigit())
        unit = next((w for w in behind if w not in _SKIPPED), "")
        if unit in _SIGNS:
            yield _SIGNS[unit], number
        elif content(unit):  # "one of them" counts nothing
            singular = unit.removesuffix("s") if len(unit) > 2 else unit
            yield _UNITS.get(unit, _UNITS.get(singular, singular)), number


def _listed(values: frozenset[str]) -> str:
    return " and ".join(sorted(values, key=lambda v: (len(v), v)))
