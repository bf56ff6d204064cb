"""What must not leave the house or enter the log: found in text by pattern, masked, put back.

English number words count as digits, so that a number that was spoken is found as one that was
typed. A pattern is no proof: what follows none of them is not found (see docs/mind.md).
"""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

KINDS = ("card", "account", "email", "phone", "name")
"""What can be found. ``card``: payment cards and their codes; ``account``: IBAN, bank accounts,
social security; ``name``: where somebody says or writes their name."""

_DIGITS = {
    "zero": "0", "oh": "0", "o": "0", "nought": "0", "one": "1", "two": "2", "three": "3",
    "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10",
    "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15",
    "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19", "twenty": "20",
    "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80",
    "ninety": "90",
}  # fmt: skip
_REPEATS = {"double": 2, "triple": 3, "treble": 3}
_FILLERS = frozenset("uh um er erm dash space hyphen then".split())
"""Said between digits."""
_TOKEN = re.compile(r"\d+|[^\W\d_]+(?:['’][^\W\d_]+)*")
_JOINT = re.compile(r"[\s.,\-–/]*")
"""What may stand between two groups of one number."""

CARD_DIGITS = 13
"""ISO/IEC 7812: card numbers have 13 to 19 digits in use; a misheard one fails its checksum, so
that is not asked for: any number so long is taken for one."""
ACCOUNT_DIGITS = 6
_CODE_DIGITS = (3, 4)
_PHONE_DIGITS = 7
_ACCOUNT = frozenset(
    "account iban sort routing bank konto kontonummer ssn security social passport".split()
)
_CODE = frozenset("cvv cvc cv2 security csc verification".split())
_PHONE = frozenset("phone telephone mobile cell call number reach callback".split())
_VAGUE = frozenset("number call reach".split())
"""Of these a field may be named whatever its number is."""
_OTHER = frozenset("order tracking parcel reference ticket invoice booking case".split())
"""Numbers of these the copilot is there to look up."""
_NEAR = 6
"""Words before a number that may say what it is."""

_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+"
    r"|(?<![\w.])[\w.]++ at [\w-]++ dot (?:com|net|org|de|uk|eu|io)\b", re.I,
)  # fmt: skip
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_SSN = re.compile(r"\b\d{3}-\d{2}-\d{4}\b")
_DIALLED = re.compile(r"(?<![\w])\+\d[\d ()./-]{6,}\d|\(\d{3}\) ?\d{3}[- ]?\d{4}\b")
_WORD = r"[^\W\d_][^\W\d_'’-]*(?:['’-][^\W\d_]+)*"
_NAMED = re.compile(
    rf"\b(?:(?:(?:my|her|his|their|the|first|last|full|customer|caller)\s)+(?:name(?:['’]s| is))"
    rf"|name\s?:|this is|speaking to|i am called|my name)\s+({_WORD}(?:\s{_WORD}){{0,2}})"
    rf"|\b(?:mr|mrs|ms|miss|dr|herr|frau)\.?\s+({_WORD}(?:\s{_WORD})?)",
    re.I,
)
_NO_NAME = frozenset(
    "a an and are about again all am any at but by calling can correct do for from good have here "
    "his her how i if in is it just like me my no not of ok okay on or our please regarding right "
    "she so spelled speaking that the there they this to um uh was we well what when where with "
    "wrong yes you your very really still too because calling why who which only actually".split()
)


class Found(NamedTuple):
    """Something that must not be seen."""

    start: int
    end: int
    kind: str


def find(text: str, kinds: Collection[str] = KINDS) -> list[Found]:
    """What is in the text, in order, without overlap."""
    kept: list[Found] = []
    for one in sorted(_all(text), key=lambda one: (one.start, -one.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return [one for one in kept if one.kind in kinds]


def digits(word: str) -> str:
    """The digits that a word stands for; empty for any other word."""
    return word if word.isdigit() else _DIGITS.get(word.lower(), "")


def is_about(name: str) -> str:
    """The words of a field's name that say what its number is, as they would stand before it."""
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    telling = _ACCOUNT | _CODE | _OTHER | (_PHONE - _VAGUE)
    return " ".join(word for word in words if word in telling)


def continues(word: str) -> bool:
    """Whether the word may stand inside a number that is spoken."""
    low = word.lower()
    return bool(digits(low)) or low in _REPEATS or low in _FILLERS


class Redactor:
    """Knows which kinds a policy hides."""

    def __init__(self, kinds: Collection[str] = KINDS) -> None:
        self.kinds = tuple(kinds)

    def mask(self) -> "Mask":
        """A mask for one exchange."""
        return Mask(self)

    def clean(self, text: str) -> str:
        """The text with masks that cannot be taken off again."""
        return Mask(self).hide(text)


class Mask:
    """Marks in the place of what is hidden, the same for the same, and what they stand for."""

    def __init__(self, redactor: Redactor) -> None:
        self._kinds = redactor.kinds
        self._marks: dict[str, str] = {}
        """By what they stand for, in small letters."""
        self._values: dict[str, str] = {}
        """What a mark stands for."""
        self._numbers: dict[str, int] = {}
        self._longest = 0
        """Words of the longest of them that is known wherever it stands."""

    def hide(self, text: str) -> str:
        """The text with a mark in the place of each thing found, and wherever else it stands: a
        name is introduced once, and a number told once what it is."""
        found = find(text, self._kinds)
        marks = [self._mark(text[one.start : one.end], one.kind) for one in found]
        parts, last = [], 0
        for one, mark in zip(found, marks, strict=True):
            parts += [self._known(text[last : one.start]), mark]
            last = one.end
        return "".join([*parts, self._known(text[last:])])

    def reveal(self, text: str) -> str:
        """What `hide` made invisible, visible again, however a model writes the marks."""
        return _MARK.sub(lambda one: self._values.get(_written(one), one[0]), text)

    def split(self, text: str) -> tuple[str, str]:
        """The part that is whole, and one that may be half a mark."""
        at = text.rfind("[")
        if at < 0 or "]" in text[at:] or len(text) - at > 16:
            return text, ""
        return text[:at], text[at:]

    def _mark(self, value: str, kind: str) -> str:
        low = value.lower()
        if low not in self._marks:
            self._numbers[kind] = self._numbers.get(kind, 0) + 1
            self._marks[low] = mark = f"[{kind} {self._numbers[kind]}]"
            self._values[mark] = value
            if _stands_alone(mark, value):
                self._longest = max(self._longest, len(_RUN.findall(value)))
        return self._marks[low]

    def _known(self, text: str) -> str:
        """The text with marks for what is known by now."""
        if not self._longest:
            return text
        words = list(_RUN.finditer(text))
        parts, last, at = [], 0, 0
        while at < len(words):
            for end in range(min(at + self._longest, len(words)), at, -1):
                start, stop = words[at].start(), words[end - 1].end()
                mark = self._marks.get(text[start:stop].lower(), "")
                if mark and _stands_alone(mark, text[start:stop]):
                    parts += [text[last:start], mark]
                    last, at = stop, end - 1
                    break
            at += 1
        return "".join([*parts, text[last:]])


_RUN = re.compile(r"\w+")
_MARK = re.compile(rf"\[\s?({'|'.join(KINDS)})[\s_-]?(\d{{1,6}})\s?\]", re.I)


def _stands_alone(mark: str, value: str) -> bool:
    """Whether a value is known where nothing says what it is; a card's code is like any number."""
    return mark.startswith("[name") or len(value) >= ACCOUNT_DIGITS


def _written(mark: re.Match[str]) -> str:
    """A mark as `Mask` writes it."""
    return f"[{mark[1].lower()} {int(mark[2])}]"


# ---- finding -----------------------------------------------------------------------------------


def _all(text: str) -> Iterator[Found]:
    for kind, pattern in (
        ("email", _EMAIL), ("account", _IBAN), ("account", _SSN), ("phone", _DIALLED)
    ):  # fmt: skip
        yield from (Found(*match.span(), kind) for match in pattern.finditer(text))
    yield from _numbers(text)
    for match in _NAMED.finditer(text):
        group = 1 if match[1] else 2
        if end := _name_end(text, match.start(group), match.end(group)):
            yield Found(match.start(group), end, "name")


def _name_end(text: str, start: int, end: int) -> int:
    """Where the name stops: before the first word that is none; 0 where there is no name."""
    last = 0
    for match in re.compile(_WORD).finditer(text, start, end):
        if match[0].lower() in _NO_NAME or digits(match[0]):
            break
        last = match.end()
    return last


def _numbers(text: str) -> Iterator[Found]:
    """Runs of digits and number words, by their length and the words before them."""
    before: list[str] = []
    run: list[re.Match[str]] = []
    for token in [*_TOKEN.finditer(text), None]:
        joined = not run or (token and _JOINT.fullmatch(text, run[-1].end(), token.start()))
        if token is not None and joined and continues(token[0]):
            run.append(token)
            continue
        while run and not digits(run[-1][0]):
            before.append(run.pop()[0].lower())
        if run and (kind := _kind(_joined(run), before[-_NEAR:])):
            first = next(i for i, one in enumerate(run) if one[0].lower() not in _FILLERS)
            yield Found(run[first].start(), run[-1].end(), kind)
        if run:
            before.append("#")
        run = [token] if token is not None and continues(token[0]) else []
        if token is not None and not run:
            before.append(token[0].lower())


def _joined(run: list[re.Match[str]]) -> str:
    """The digits of a spoken number: double five is 55, forty two is 42."""
    made, times, before = "", 1, ""
    for token in run:
        last, before = before, token[0].lower()
        word = before
        if word in _REPEATS:
            times = _REPEATS[word]
            continue
        value = digits(word)
        if len(value) == 1 and made.endswith("0") and made[-2:-1] and _ends_ten(last, word):
            made = made[:-1] + value
        else:
            made += value * times
        times = 1
    return made


def _ends_ten(last: str, word: str) -> bool:
    """Whether the word before is a ten: the four of forty four takes the place of its nought."""
    return last.endswith("ty") and not word.isdigit()


def _kind(number: str, before: list[str]) -> str:
    """What a number of so many digits is after such words; empty: nothing to hide."""
    said = set(before)
    if len(number) >= CARD_DIGITS:
        return "card"
    if len(number) in _CODE_DIGITS and said & _CODE and not said & _OTHER:
        return "card"
    if len(number) >= ACCOUNT_DIGITS and said & _ACCOUNT and not said & _OTHER:
        return "account"
    if len(number) >= _PHONE_DIGITS and said & _PHONE and not said & _OTHER:
        return "phone"
    return ""
