"""Different words for the same: what is free, what is denied, how numbers are written."""

import re

from copilot.core.words import tokens

SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
"""Between two sentences."""

_DENIALS = frozenset(
    "no not non never none nothing neither nor cannot without unable impossible unavailable "
    "forbidden prohibited excluded refused closed against restricted lacks lack void isnt arent "
    "doesnt dont cant wont refuse".split()
)
_FREE = re.compile(
    r"\b(?:no|not? (?:\w+ ){0,2}any|without(?: any| an?)?|free of|don't pay(?: any)?)"
    r"(?: (?:additional|addition|extra|further|other|hidden|added|separate|more))* "
    r"(?:charges?|costs?|fees?|prices?)\b|\b(?:complimentary|gratis|at no cost|free of charge)\b",
    re.I,
)
_LIMITS = re.compile(
    r"\b(?:no|not?(?: be)?|cannot be|can't be|not to be) (?:\w+ )?"
    r"(?:larger|bigger|longer|later|more|less|earlier|smaller|fewer|greater|older|younger|sooner)"
    r" than\b|\b(?:not only|no problem|no worries|no doubt|why not|if not|or not|not just)\b",
    re.I,
)
_OPENING = re.compile(
    r"^(?:(?:(?:yes|sure|ok|okay|well|unfortunately|regrettably|sorry|actually|yeah|it looks like|"
    r"it appears(?: that)?|i'm sorry|i'm afraid)[,.;!]?|(?:no|nope)[,.;!])\s+)+", re.I,
)  # fmt: skip
_PAID = re.compile(r"\b(?:fees?|charges?|charged|costs?|surcharges?)\b", re.I)
_IS_FREE = re.compile(r"(?<![-\w])free\b(?! to\b)", re.I)
_FREE_OF = re.compile(
    r"\b(?:gluten|sugar|dairy|smoke|meat|fat|lactose|nut|duty|hands|toll|barrier|feel)[- ]free\b|"
    r"\bfeel free\b|\bfree (?:time|of (?!charge))|\bfreely\b", re.I,
)  # fmt: skip
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_ONES = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
VALUES = (
    {word: str(value) for value, word in enumerate(_ONES, 2)}
    | {word: str(10 * value) for value, word in enumerate(_TENS, 2)}
    | {"hundred": "100", "thousand": "1000", "noon": "12", "midnight": "0"}
)

_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
)
ORDINALS = {word: str(value) for value, word in enumerate(_ORDINALS, 1)}


def plain(text: str) -> str:
    """The text with one way to say that something costs nothing."""
    return _FREE.sub("free", text.replace("’", "'"))


def statement(sentence: str) -> str:
    """The sentence without a yes, a no or a regret before it."""
    return _OPENING.sub("", sentence)


def denies(clause: str) -> bool:
    """Whether the clause denies; two denials cancel each other."""
    words = tokens(_LIMITS.sub(" ", plain(clause)))
    found = [at for at, word in enumerate(words) if word in _DENIALS or word.endswith("n't")]
    found = [at for at in found if words[at] != "non" or words[at + 1 : at + 2] == ("smoking",)]
    if len(found) > 1 and found[0] == 0 and words[0] == "no":
        found.pop(0)  # it answers the question, and the clause behind it says the same
    return len(found) % 2 == 1


def costs(text: str) -> frozenset[str]:
    """``free``, ``paid``, both or neither."""
    text = _FREE_OF.sub(" ", plain(text))
    found = set()
    for clause in re.split(r"[.;,]\s|\bbut\b", text):
        if _IS_FREE.search(clause):
            found.add("paid" if denies(clause) else "free")
        elif _PAID.search(clause) and not denies(clause):
            found.add("paid")
    return frozenset(found)


def numbers(text: str) -> frozenset[str]:
    """Numbers as they compare: 05:00 is 5, 1,000 is 1000, ten is 10; one is mostly no number.

    An hour of the afternoon is also the one that a clock of twelve hours shows.
    """
    found = set()
    for hour, minute in re.findall(r"\b(\d{1,2}):(\d\d)\b", text):
        found |= {f"{int(hour) % 12 or 12}", f"{int(hour)}{minute}"} if int(hour) > 12 else set()
    for written in _NUMBER.findall(text):
        whole = re.sub(r",(?=\d{3}\b)", "", written)
        parts = re.split(r"[:,]", whole) if not re.fullmatch(r"\d+\.\d+", whole) else [whole]
        found |= {f"{float(part):g}" for part in parts if re.fullmatch(r"\d+(?:\.\d+)?", part)}
    found |= {VALUES[word] for word in re.findall(r"[a-z]+", text.lower()) if word in VALUES}
    return frozenset(found - {"0"})


def ordinals(text: str) -> frozenset[str]:
    """The numbers that ordinals stand for: third is 3, 2nd is 2; a second of time is none."""
    words = re.findall(r"(?<!per )(?<!a )(?<!split )\b[a-z]+\b", text.lower())
    written = re.findall(r"\b(\d+)(?:st|nd|rd|th)\b", text.lower())
    return frozenset([*written, *(ORDINALS[word] for word in words if word in ORDINALS)])
