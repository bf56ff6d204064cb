"""Makes written lines look as a recogniser would have heard them, the same at every run."""

import random
import re

_VOWELS = "aeiou"
_SOUNDS = {
    "b": "p", "p": "b", "d": "t", "t": "d", "g": "k", "k": "c", "c": "k", "s": "z", "z": "s",
    "f": "v", "v": "f", "m": "n", "n": "m", "y": "i", "w": "u",
}  # fmt: skip
_FILLERS = ("uh", "um", "so", "yeah", "like", "you know", "okay", "well")
_WORD = re.compile(r"[a-z0-9']+")


def spoken_words(text: str) -> list[str]:
    """Lower-case words without punctuation."""
    return _WORD.findall(text.lower())


def misheard(text: str, rate: float, dice: random.Random) -> str:
    """The line with about `rate` of its words lost, broken up, or heard as like-sounding ones."""
    heard: list[str] = []
    for word in spoken_words(text):
        roll = dice.random()
        if roll >= rate * (1.6 if len(word) > 5 else 0.8):
            heard.append(word)
        elif roll < rate * 0.15:
            continue
        else:
            heard.append(_alike(word, dice))
        if dice.random() < 0.03:
            heard.append(dice.choice(_FILLERS))
    return " ".join(heard)


def _alike(word: str, dice: random.Random) -> str:
    letters = list(word)
    for _ in range(1 + len(word) // 5):
        place = dice.randrange(len(letters))
        letter = letters[place]
        if letter in _VOWELS:
            letters[place] = dice.choice(_VOWELS)
        elif letter in _SOUNDS:
            letters[place] = _SOUNDS[letter]
    if len(letters) > 5 and dice.random() < 0.4:
        letters.insert(dice.randrange(2, len(letters) - 2), " ")
    return "".join(letters)
