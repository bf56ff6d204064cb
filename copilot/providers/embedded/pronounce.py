"""Pronunciations: the bundled dictionary, and a guess for words that it lacks."""

import re
from collections.abc import Iterable
from pathlib import Path

_VARIANT = re.compile(r"\(\d+\)$")

_LETTERS = {
    "a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY",
    "h": "EY CH", "i": "AY", "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N",
    "o": "OW", "p": "P IY", "q": "K Y UW", "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW",
    "v": "V IY", "w": "D AH B AH L Y UW", "x": "EH K S", "y": "W AY", "z": "Z IY",
}  # fmt: skip

_SOUNDS = {
    "tch": "CH", "igh": "AY", "sch": "SH", "eau": "OW", "tion": "SH AH N", "sion": "ZH AH N",
    "ch": "CH", "sh": "SH", "th": "TH", "ph": "F", "gh": "G", "ck": "K", "ng": "NG", "qu": "K W",
    "wh": "W", "wr": "R", "kn": "N", "dge": "JH", "ee": "IY", "ea": "IY", "oo": "UW", "ou": "AW",
    "ow": "OW", "oi": "OY", "oy": "OY", "ai": "EY", "ay": "EY", "au": "AO", "aw": "AO", "ie": "IY",
    "ei": "EY", "ey": "IY", "oa": "OW", "ue": "UW", "er": "ER", "ir": "ER", "ur": "ER",
    "ar": "AA R", "or": "AO R", "ce": "S", "ci": "S IH", "cy": "S IY", "ge": "JH", "gi": "JH IH",
    "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH",
    "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R",
    "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "IY", "z": "Z",
}  # fmt: skip
"""Commonest sound of each spelling; the longest spelling wins."""

_GRAPHEME = re.compile("|".join(sorted(_SOUNDS, key=len, reverse=True)))
_UNVOICED = frozenset("P T K F TH".split())
_HISSING = frozenset("S Z SH ZH CH JH".split())


class Dictionary:
    """Words and their pronunciations in CMU phones."""

    def __init__(self, entries: dict[str, list[str]]) -> None:
        self._entries = entries

    @classmethod
    def load(cls, path: Path) -> "Dictionary":
        """Read a CMU dictionary: on each line a word or a ``word(2)`` variant, then its phones."""
        entries: dict[str, list[str]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            word, _, phones = line.partition(" ")
            entries.setdefault(_VARIANT.sub("", word), []).append(phones.strip())
        return cls(entries)

    def __contains__(self, word: str) -> bool:
        return word in self._entries

    def pronounce(self, word: str) -> list[str]:
        """All known pronunciations, or one guess: by ending, as a compound, spelt out, by letters.

        `word` holds letters ``a-z`` and apostrophes.
        """
        if known := self._entries.get(word):
            return known
        guess = self._inflected(word) or self._compound(word)
        if guess is None and not re.search("[aeiouy]", word):
            guess = " ".join(_LETTERS[letter] for letter in word if letter in _LETTERS)
        return [guess or _by_letters(word)]

    def _inflected(self, word: str) -> str | None:
        for ending in ("'s", "es", "s", "ed", "ing"):
            stem = word.removesuffix(ending)
            if stem == word or len(stem) < 3:
                continue
            for base in (stem, stem + "e"):
                if base in self._entries:
                    return _inflect(self._entries[base][0], ending)
        return None

    def _compound(self, word: str) -> str | None:
        """Two known words of three letters or more, the split nearest the middle first."""
        for cut in sorted(range(3, len(word) - 2), key=lambda at: abs(at - len(word) / 2)):
            head, tail = word[:cut], word[cut:]
            if head in self._entries and tail in self._entries:
                return f"{self._entries[head][0]} {self._entries[tail][0]}"
        return None


def lines(dictionary: Dictionary, words: Iterable[str]) -> list[str]:
    """A dictionary file for `words`, one line a pronunciation."""
    found = []
    for word in words:
        for number, phones in enumerate(dictionary.pronounce(word), 1):
            found.append(f"{word} {phones}" if number == 1 else f"{word}({number}) {phones}")
    return found


def _inflect(phones: str, ending: str) -> str:
    last = phones.split()[-1]
    match ending:
        case "ing":
            return f"{phones} IH NG"
        case "ed":
            return f"{phones} " + ("IH D" if last in "TD" else "T" if last in _UNVOICED else "D")
        case _:
            return f"{phones} " + (
                "IH Z" if last in _HISSING else "S" if last in _UNVOICED else "Z"
            )


def _by_letters(word: str) -> str:
    silent = len(word) > 3 and word.endswith("e") and word[-2] not in "aeiou"
    return " ".join(_SOUNDS[found] for found in _GRAPHEME.findall(word[:-1] if silent else word))
