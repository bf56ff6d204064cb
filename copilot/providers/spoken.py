"""English text as it is said: the duplex models know words by sound, not numbers and signs.

Written forms are found from the longest to the shortest, each by one rule; what no rule knows
stays as it is.
"""

import re
from collections.abc import Callable

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES = (
    (10**12, "trillion"),
    (10**9, "billion"),
    (10**6, "million"),
    (1000, "thousand"),
    (100, "hundred"),
)
_MOST_DIGITS = 15
"""Of a number that is said as one; longer ones are said digit by digit."""
_CODE_DIGITS = 5
"""From so many without a comma it is a code, as of an order, and said digit by digit."""
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
    "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip
_MONEY = {
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "$": ("dollar", "dollars", "cent", "cents"),
}
_LARGE = {"k": "thousand", "m": "million", "bn": "billion", "b": "billion", "tn": "trillion"}
_UNITS = {
    "kb": "kilobyte", "mb": "megabyte", "gb": "gigabyte", "tb": "terabyte", "kg": "kilogram",
    "km": "kilometre", "cm": "centimetre", "mm": "millimetre", "ml": "millilitre",
    "kwh": "kilowatt hour", "kw": "kilowatt", "ms": "millisecond", "sec": "second",
    "secs": "second", "min": "minute", "mins": "minute", "hr": "hour", "hrs": "hour",
    "mbps": "megabit per second", "gbps": "gigabit per second",
}  # fmt: skip
_FRACTIONS = {
    "1/2": "a half", "1/3": "a third", "2/3": "two thirds", "1/4": "a quarter",
    "3/4": "three quarters", "½": "a half", "¼": "a quarter", "¾": "three quarters",
}  # fmt: skip
_SIGNS = {
    "%": "percent", "‰": "per mille", "&": "and", "+": "plus", "@": "at", "=": "equals",
    "£": "pounds", "€": "euros", "$": "dollars", "°": "degrees", "×": "times", "≈": "about",
    "<": "less than", ">": "more than",
    "§": "section", "/": "", "#": "", "*": "", "_": "", "|": "", "~": "", "^": "", "\\": "",
    "–": "", "—": "",
}  # fmt: skip
_IN_ADDRESSES = {".": "dot", "@": "at", "/": "slash", "-": "dash", "_": "underscore"}

_MONTHS = (
    "January February March April May June July August September October November December"
).split()

_NUMBER = r"\d{1,3}(?:,\d{3}){1,9}(?:\.\d+)?|\d+(?:\.\d+)?"


def spoken(text: str) -> str:
    """`text` with its numbers, amounts, times, codes and signs in words.

    >>> spoken("£5 until 10:30, SW1A, v2.1: 50%")
    'five pounds until ten thirty, S W one A, version two point one: fifty percent'
    """
    for pattern, said in _RULES:
        text = pattern.sub(lambda found: f" {said(found)} ", text)  # noqa: B023
    for sign, word in _SIGNS.items():
        text = text.replace(sign, f" {word} ")
    text = " ".join(text.split())
    return re.sub(r" ([,.;:!?)\]])", r"\1", re.sub(r"([(\[]) ", r"\1", text))


def whole(number: int) -> str:
    """A whole number of 0 or more."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens - 2] + (f" {_ONES[ones]}" if ones else "")
    size, name = next(scale for scale in _SCALES if number >= scale[0])
    many, rest = divmod(number, size)
    joint = " and " if size == 100 or rest < 100 else " "
    return f"{whole(many)} {name}" + (joint + whole(rest) if rest else "")


def _digits(found: str) -> str:
    return " ".join(_ONES[int(one)] for one in found if one.isdigit())


def _number(found: str) -> str:
    """As one number, or digit by digit where it is too long for one or begins with 0."""
    integer, _, fraction = found.partition(".")
    figures = integer.replace(",", "")
    is_code = "," not in integer and not fraction and len(figures) >= _CODE_DIGITS
    if is_code or len(figures) > _MOST_DIGITS or (figures.startswith("0") and len(figures) > 1):
        said = _digits(figures)
    else:
        said = whole(int(figures))
    return said + (f" point {_digits(fraction)}" if fraction else "")


def _year(found: re.Match[str]) -> str:
    return _year_said(int(found[0]))


def _year_said(year: int) -> str:
    century, rest = divmod(year, 100)
    if century == 20 and rest < 10:
        return whole(year)
    low = "hundred" if not rest else f"oh {whole(rest)}" if rest < 10 else whole(rest)
    return f"{whole(century)} {low}"


def _date(year: str, month: int, day: int) -> str:
    told = f"{_nth(day)} of {_MONTHS[month - 1]}"
    return f"{told} {_year_said(int(year))}" if year else told


def _iso(found: re.Match[str]) -> str:
    return _date(found[1], int(found[2]), int(found[3]))


def _slashed(found: re.Match[str]) -> str:
    """Day and month as only one order allows it, day first where both would do."""
    first, second = int(found[1]), int(found[2])
    day, month = (second, first) if second > 12 else (first, second)
    return _date(found[3], month, day) if 1 <= month <= 12 and 1 <= day <= 31 else found[0]


def _month_of(text: str) -> int:
    return next(n for n, name in enumerate(_MONTHS, 1) if name.startswith(text[:3].title()))


def _day_month(found: re.Match[str]) -> str:
    return _date(found[3] or "", _month_of(found[2]), int(found[1]))


def _month_day(found: re.Match[str]) -> str:
    return _date(found[3] or "", _month_of(found[1]), int(found[2]))


def _parts(found: re.Match[str]) -> str:
    """A number in groups, as of an order, digit by digit."""
    return _digits(found[0])


def _ordinal(found: re.Match[str]) -> str:
    return _nth(int(found[1].replace(",", "")))


def _nth(number: int) -> str:
    *before, last = whole(number).split()
    ending = _ORDINALS.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")
    return " ".join((*before, ending))


def _money(found: re.Match[str]) -> str:
    one, many, small, smalls = _MONEY[found[1]]
    amount, large = found[2], found[3]
    if large:
        return f"{_number(amount)} {_LARGE[large.lower()]} {many}"
    units, _, cents = amount.partition(".")
    if len(cents) not in (0, 2) or len(units) > _MOST_DIGITS:
        return f"{_number(amount)} {many}"
    unit, cent = int(units.replace(",", "")), int(cents or 0)
    whole_part = f"{whole(unit)} {one if unit == 1 else many}"
    if not cent:
        return whole_part
    small_part = f"{whole(cent)} {small if cent == 1 else smalls}"
    if not unit:
        return small_part
    return f"{whole_part} {whole(cent)}" if cent >= 10 else f"{whole_part} and {small_part}"


def _clock(found: re.Match[str]) -> str:
    hours, minutes = int(found[1]), int(found[2])
    half = " ".join((found[3] or "").replace(".", "").lower())
    if minutes:
        said = f"{whole(hours)} {'oh ' if minutes < 10 else ''}{whole(minutes)}"
    elif half:
        said = whole(hours)
    else:
        said = f"{whole(hours)} " + ("hundred" if hours > 12 else "o'clock")
    return f"{said} {half}".strip()


def _hour(found: re.Match[str]) -> str:
    return f"{whole(int(found[1]))} {' '.join(found[2].replace('.', '').lower())}"


def _range(found: re.Match[str]) -> str:
    return f"{_number(found[1])} to {_number(found[2])}"


def _sized(found: re.Match[str]) -> str:
    """A number with what it counts, written as one word."""
    said, unit = _number(found[1]), found[2].lower()
    if unit in _LARGE:
        return f"{said} {_LARGE[unit]}"
    name = _UNITS[unit]
    if found[1] == "1":
        return f"{said} {name}"
    first, *rest = name.split(" per ")
    return " per ".join((f"{said} {first}s", *rest))


def _address(found: re.Match[str]) -> str:
    text = found[0]
    for sign, word in _IN_ADDRESSES.items():
        text = text.replace(sign, f" {word} ")
    return re.sub(r"\d+", lambda digits: f" {_digits(digits[0])} ", text)


def _version(found: re.Match[str]) -> str:
    return "version " + " point ".join(map(_number, found[1].split(".")))


def _code(found: re.Match[str]) -> str:
    """Letters and digits one by one."""
    return " ".join(_ONES[int(one)] if one.isdigit() else one.upper() for one in found[0])


_UNIT = "|".join((*_UNITS, "KB", "MB", "GB", "TB", "kWh", "Mbps", "Gbps", "kW"))
_MONTH = (
    r"(Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|"
    r"Sep(?:t(?:ember)?)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_DAY = r"(3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_SITE = r"(?:com|org|net|uk|io|eu|gov)\b"
_MERIDIEM = r"([ap]\.?m\b\.?)"

_WRITTEN: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"[\w.+-]+@[\w-]+(?:\.[a-zA-Z]\w*)+", _address),
    (rf"(?<![\w.])(?:[a-zA-Z][\w-]*\.)+{_SITE}[\w/.-]*\b", _address),
    (r"\b((?:19|20)\d\d)-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\b", _iso),
    (r"\b(\d{1,2})/(\d{1,2})/((?:19|20)\d\d)\b", _slashed),
    (rf"\b{_DAY} (?:of )?{_MONTH}(?:,? ((?:19|20)\d\d)\b)?", _day_month),
    (rf"\b{_MONTH} {_DAY}\b(?:,? ((?:19|20)\d\d)\b)?", _month_day),
    (r"(?<![\d.,£€$-])(?:\d{4,6}-\d{3}|\d{2,6}(?:-\d{2,6}){2,4})\b(?![.,-]?\d)", _parts),
    (r"(?<=\d) ?[-–] ?(?=[£€$] ?\d)", lambda _: "to"),
    (rf"([£€$]) ?({_NUMBER}) ?(?:(k|m|bn|b|tn|K|M)\b)?", _money),
    (r"\b24/7\b", lambda _: "twenty four seven"),
    (r"\b(?:1/2|1/3|2/3|1/4|3/4)\b|[½¼¾]", lambda found: _FRACTIONS[found[0]]),
    (rf"\b([01]?\d|2[0-3]):([0-5]\d)(?: ?{_MERIDIEM})?", _clock),
    (rf"\b(1[0-2]|[1-9]) ?{_MERIDIEM}", _hour),
    (r"\+\d{1,3}(?: ?\d{2,5}){2,5}\b", lambda found: f"plus {_digits(found[0])}"),
    (r"\b0\d{2,5}(?:[ -]\d{2,4})+\b", lambda found: _digits(found[0])),
    (r"\b[vV](\d+(?:\.\d+)*)\b", _version),
    (r"\b(\d{1,3}(?:,\d{3}){0,4})(?:st|nd|rd|th)\b", _ordinal),
    (rf"\b({_NUMBER}) ?({_UNIT})\b", _sized),
    (rf"\b({_NUMBER})(k|bn|m)\b", _sized),
    (r"\b(?=\w*\d)(?=\w*[A-Za-z])[A-Za-z0-9]+\b", _code),
    (r"(?<![\d.])(\d+(?:\.\d+)?) ?[-–] ?(\d+(?:\.\d+)?)(?![\d-])", _range),
    (r"(?<=\w)-(?=\d)|(?<=\d)-(?=\w)", lambda _: ""),
    (r"[-−](?=\d)", lambda _: "minus"),
    (r"#(?=\d)", lambda _: "number"),
    (r"\b(?:19|20)\d\d\b(?![.,]\d)", _year),
    (_NUMBER, lambda found: _number(found[0])),
)
_RULES = tuple((re.compile(pattern), said) for pattern, said in _WRITTEN)
"""What is written how, in the order in which it is looked for, and how it is said."""
