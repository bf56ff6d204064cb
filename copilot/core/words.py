"""Words as they can be compared: written and recognised text brought to the same spoken form."""

import re
from collections.abc import Iterable, Set
from functools import lru_cache

_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+")
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_DENIALS = frozenset("not no never cannot nothing neither nor without".split())
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()

_NUMBERS = frozenset((*_ONES, *_TENS, "hundred", "thousand"))

BACKCHANNELS = frozenset(
    "mm mhm hmm hm uh huh um aha ah oh yeah yes yep yup okay ok right sure no nope good great "
    "lovely perfect thanks thank you i see alright cool wow really".split()
)
"""Words that alone are no turn: acknowledgements that ask for nothing and say nothing."""

_STOP = frozenset(
    "a an and are as at be been but by can could did do does doing for from get got had has have "
    "he her here him his how i if in into is it its just like me my of on or our out please she so "
    "some than that the their them then there they this to up us was we were what when where which "
    "while who why will with would you your s t d ll m re ve also about any because only not very "
    "well now say said tell know think want need going go actually basically".split()
)


def spoken(number: int) -> tuple[str, ...]:
    """A number below a million in spoken words: 250 -> two hundred fifty."""
    if number < 20:
        return (_ONES[number],)
    if number < 100:
        rest = number % 10
        return (_TENS[number // 10 - 2],) + ((_ONES[rest],) if rest else ())
    unit, name = (100, "hundred") if number < 1000 else (1000, "thousand")
    rest = number % unit
    return (*spoken(number // unit), name, *(spoken(rest) if rest else ()))


@lru_cache(maxsize=4096)
def tokens(text: str) -> tuple[str, ...]:
    """Lower-case words in order, digits spoken out."""
    found: list[str] = []
    for token in _TOKEN.findall(text.lower()):
        if not token.isdigit():
            found.append(token)
        elif len(token) <= 6:
            found.extend(spoken(int(token)))
        else:  # a long number is read digit by digit
            found.extend(_ONES[int(digit)] for digit in token)
    return tuple(found)


def stem(word: str) -> str:
    """The word without the commonest English endings; crude, but the same for both sides."""
    for ending in ("'s", "ing", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


@lru_cache(maxsize=4096)
def content(text: str) -> tuple[str, ...]:
    """Stems of the words that carry meaning, in order and with repeats."""
    return tuple(
        stem(word) for word in tokens(text) if word not in _STOP and word not in BACKCHANNELS
    )


def is_backchannel(text: str) -> bool:
    """Whether the text is an acknowledgement and nothing more."""
    said = tokens(text.replace("-", " "))
    return bool(said) and all(word in BACKCHANNELS for word in said)


def share(line: str, heard: Set[str]) -> int:
    """How much of the line's content is among the heard stems, percent; 0 for an empty line."""
    wanted = set(content(line))
    return 100 * len(wanted & heard) // len(wanted) if wanted else 0


def pivots(text: str) -> frozenset[str]:
    """Words that turn what a line says: its numbers, and whether it denies."""
    said = tokens(text)
    denied = any(word in _DENIALS or word.endswith("n't") for word in said)
    return frozenset(_NUMBERS.intersection(said)) | (frozenset({"not"}) if denied else frozenset())


def stems(texts: Iterable[str]) -> frozenset[str]:
    """All content stems of the texts."""
    return frozenset(word for text in texts for word in content(text))
