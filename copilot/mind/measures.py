"""What turns a number that stands in the passage into an error: its unit, its rate, which side of
it is meant, what is excepted. English."""

import re
from collections.abc import Mapping

from msgspec import Struct

from copilot.core.words import stem, tokens
from copilot.mind.wording import denies, numbers, plain
from copilot.retrieval.claims import claims

_MEASURES = frozenset(
    "second minute hour day night week month year pound euro dollar cent penny percent gram kilo "
    "ounce ton litre liter millilitre milliliter gallon pint metre centimetre millimetre kilometre "
    "mile foot feet inch degree volt watt gigabyte megabyte".split()
)
_OFTEN = {
    "hourly": "hour", "daily": "day", "nightly": "night", "weekly": "week", "monthly": "month",
    "annually": "year", "annual": "year", "yearly": "year",
}  # fmt: skip
_SPAN = r"(second|minute|hour|day|night|week|month|year)"
_RATE = re.compile(
    rf"\b(?:per|each|every|/)\s*{_SPAN}\b"
    rf"|(?:euros?|pounds?|dollars?|percent|%|once|twice|times|\d)\s+(?:for\s+)?an?\s+{_SPAN}\b",
    re.I,
)
_CLAUSE = re.compile(r"(?<=[.!?])\s+|[;,]\s|\s(?:but|unless|except)\s|\n")
_ABOVE = (
    r"after|over|above|at least|more than|older than|longer than|since|beyond|minimum of|"
    r"from(?! [\w:.]+(?: ?[ap]\.?m)?(?: to| until| till|-))"
)
_BELOW = (
    r"before|under|below|at most|fewer than|less than|younger than|shorter than|within|until|till|"
    r"by|up to(?! \d+ \w+ (?:in advance|before|prior|ahead))|no more than|"
    r"not more than|no later than|maximum of"
)
_BOUND = re.compile(rf"\b(?:({_BELOW})|({_ABOVE}))\s+(?:the |a |an |age |of )*([\w.,:]+)", re.I)
_OUT = r"except(?: for| on| in)?|excluding|apart from|other than|unless|but not"
_IN = r"including|even(?: on| if| when| for)?|also(?: on| for)?|only(?: on| for| in)?"
_FILLED = r"\s+(?:(?:the|a|an|it|is|are|on|in|for|of|at|there|if|when)\s+)*(\w+)"


class Measures(Struct, frozen=True):
    """What a text says of its numbers."""

    units: Mapping[str, frozenset[str]]
    """A number to what it measures."""
    rates: frozenset[str]
    """Per what."""
    bounds: Mapping[str, frozenset[bool]]
    """A number to whether what lies above it is affirmed, or what lies below it denied."""
    out: frozenset[str]
    """What is excepted, by stems."""
    within: frozenset[str]
    """What is said to be no exception."""


def measures(text: str) -> Measures:
    flat = plain(text)
    units: dict[str, set[str]] = {}
    for unit, values in claims(flat).values.items():
        if unit in _MEASURES:
            for value in values:
                units.setdefault(value, set()).add(unit)
    rates = {found for pair in _RATE.findall(flat) for found in pair if found}
    rates |= {_OFTEN[word] for word in tokens(flat) if word in _OFTEN}
    return Measures(
        {number: frozenset(found) for number, found in units.items()},
        frozenset(one.lower() for one in rates),
        _bounds(flat),
        _named(_OUT, flat),
        _named(_IN, flat),
    )


def fault(said: Measures, source: Measures) -> str:
    """In what a sentence measures otherwise than its source; empty: in nothing."""
    for number, units in said.units.items():
        known = source.units.get(number)
        if known is not None and not units <= known:
            return f"unit: {number} {', '.join(sorted(units - known))}"
    if source.rates and (other := said.rates - source.rates):
        return f"rate: per {', '.join(sorted(other))}"
    for number, sides in said.bounds.items():
        known_sides = source.bounds.get(number)
        if known_sides is not None and not sides & known_sides:
            return f"bound: {number}"
    if turned := (said.within & source.out) or (said.out & source.within - source.out):
        return f"exception: {', '.join(sorted(turned))}"
    return ""


def _bounds(text: str) -> dict[str, frozenset[bool]]:
    found: dict[str, set[bool]] = {}
    for clause in _CLAUSE.split(text):
        matches = list(_BOUND.finditer(clause))
        denied = bool(matches) and denies(clause)
        for match in matches:
            # What the clause denies of one side it affirms of the other.
            above = bool(match[2]) != denied
            for number in numbers(match[3]):
                found.setdefault(number, set()).add(above)
    return {number: frozenset(sides) for number, sides in found.items()}


def _named(words: str, text: str) -> frozenset[str]:
    return frozenset(
        stem(one.lower()) for one in re.findall(rf"\b(?:{words}){_FILLED}", text, re.I)
    )
