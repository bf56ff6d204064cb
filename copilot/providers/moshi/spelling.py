"""Numbers and signs as words: the duplex model says only what is spelled out."""

import re

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES = ((1_000_000_000, "billion"), (1_000_000, "million"), (1000, "thousand"), (100, "hundred"))
_SIGNS = {
    "%": " percent", "&": " and ", "+": " plus ", "@": " at ", "=": " equals ", "/": " ", "#": " ",
    "°": " degrees ",
}  # fmt: skip
_MONEY = {"$": "dollars", "€": "euros", "£": "pounds"}
_AMOUNT = re.compile(r"([$€£])\s?(\d[\d,]*)(?:\.(\d\d))?")
_CLOCK = re.compile(r"\b(\d{1,2}):(\d\d)\b")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_ONE_BY_ONE = 5
"""Digits from which a number without commas is a code, said digit by digit."""


def spelled(text: str) -> str:
    """`text` without digits and signs, as one says it: ``$4.50`` is four dollars fifty."""
    text = _AMOUNT.sub(_amount, text)
    text = _CLOCK.sub(_clock, text)
    text = _NUMBER.sub(lambda found: _number(found[0]), text)
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    return " ".join(text.split())


def whole(number: int) -> str:
    """A whole number of 0 or more, in words."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens - 2] + (f" {_ONES[ones]}" if ones else "")
    for size, name in _SCALES:
        if number >= size:
            many, rest = divmod(number, size)
            return f"{whole(many)} {name}" + (f" {whole(rest)}" if rest else "")
    raise AssertionError(number)


def _number(found: str) -> str:
    integer, _, fraction = found.partition(".")
    digits = integer.replace(",", "")
    is_code = len(digits) >= _ONE_BY_ONE and "," not in integer and not fraction
    if is_code or (digits.startswith("0") and len(digits) > 1) or len(digits) > 12:
        said = _digits(digits)
    else:
        said = whole(int(digits))
    return said + (f" point {_digits(fraction)}" if fraction else "")


def _digits(digits: str) -> str:
    return " ".join(_ONES[int(digit)] for digit in digits)


def _amount(found: re.Match[str]) -> str:
    units, cents = int(found[2].replace(",", "")), int(found[3] or 0)
    name = _MONEY[found[1]]
    said = f"{whole(units)} {name.removesuffix('s') if units == 1 else name}"
    return said + (f" {whole(cents)}" if cents else "")


def _clock(found: re.Match[str]) -> str:
    hours, minutes = int(found[1]), int(found[2])
    if not minutes:
        return f"{whole(hours)} o'clock"
    return f"{whole(hours)} {'oh ' if minutes < 10 else ''}{whole(minutes)}"
