"""The recogniser's language: vocabulary, pronunciations and trigrams fitted to the packs in use."""

import hashlib
import itertools
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import yaml

from copilot.core.words import tokens
from copilot.providers.embedded import generic, ngram, phrases
from copilot.providers.embedded.pronounce import Dictionary, lines

FORM = "3"
"""Version of the recipe: another one makes the cache anew."""

_KEPT = 200_000
"""Bigrams, and as many trigrams, of general English."""
_PATTERN = 400.0
"""Sentences that a pattern of the everyday talk counts as, whatever the number of its alternatives,
within the weights that follow for one sentence."""
_RAREST, _COMMONEST = 0.5, 40.0
_BREATHS = 6000
"""Pairs of everyday sentences said in one breath."""


class Mix(NamedTuple):
    """Shares of the mixture; they sum to 1."""

    packs: float = 0.4
    talk: float = 0.35
    general: float = 0.25


class Language(NamedTuple):
    """The files of one language."""

    model: Path
    dictionary: Path


class Bundle(NamedTuple):
    """What PocketSphinx brings along."""

    acoustic: Path
    language: Path
    dictionary: Path


def bundle() -> Bundle:
    """Paths inside the installed pocketsphinx package, found without importing it."""
    spec = find_spec("pocketsphinx")
    assert spec is not None, "pocketsphinx is a dependency"
    assert spec.origin is not None
    model = Path(spec.origin).parent / "model" / "en-us"
    return Bundle(model / "en-us", model / "en-us.lm.bin", model / "cmudict-en-us.dict")


def talk() -> list[phrases.Weighted]:
    """Everyday sentences: the alternatives of every pattern, and two of them in one breath."""
    text = (files("copilot.providers.embedded") / "talk.yaml").read_text(encoding="utf-8")
    found: list[phrases.Weighted] = []
    for pattern in yaml.safe_load(text):
        sentences = [tokens(sentence) for sentence in expand(str(pattern))]
        weight = min(max(_PATTERN / len(sentences), _RAREST), _COMMONEST)
        found.extend((sentence, weight) for sentence in sentences)
    stride = len(found) // _BREATHS
    for place in range(0, len(found), stride):
        (one, _), (other, _) = found[place], found[place * 7919 % len(found)]
        found.append((one + other, 1.0))
    return found


def expand(pattern: str) -> Iterator[str]:
    """All sentences of a pattern: ``(a|b) c`` gives ``a c`` and ``b c``."""
    parts = [part.split("|") for part in re.split(r"[()]", pattern)]
    for choice in itertools.product(*parts):
        yield " ".join(" ".join(choice).split())


def prepare(cache: Path, sentences: Sequence[str], size: int, mix: Mix) -> Language:
    """The language for `sentences` with `size` words: from `cache`, or built into it (seconds).

    Processes may prepare at the same time: a folder appears whole or not at all.
    """
    folder = cache / "language" / _key(sentences, size, mix)
    found = Language(folder / "words.lm", folder / "words.dict")
    if not found.dictionary.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".building-") as scratch:
            made = Path(scratch) / "made"
            made.mkdir()
            build(Language(made / "words.lm", made / "words.dict"), sentences, size, mix)
            try:
                made.rename(folder)
            except OSError:
                if not found.dictionary.exists():  # else another process was faster
                    raise
    return found


def build(language: Language, sentences: Sequence[str], size: int, mix: Mix) -> None:
    """Write the language's two files."""
    parts = bundle()
    general = generic.read(parts.language)
    dictionary = Dictionary.load(parts.dictionary)
    pack = phrases.spoken(sentences)
    everyday = talk()
    words = vocabulary((pack, everyday), general, dictionary, size)
    models: list[tuple[float, ngram.Model]] = [
        (mix.talk, ngram.Counted(_numbered(everyday, words), len(words))),
        (mix.general, ngram.Restricted(general, words, keep=_KEPT)),
    ]
    if pack:
        models.append((mix.packs, ngram.Counted(_numbered(pack, words), len(words))))
    whole = sum(share for share, _ in models)
    ngram.write(ngram.mix(words, [(share / whole, m) for share, m in models]), language.model)
    text = "\n".join(lines(dictionary, words[2:])) + "\n"
    language.dictionary.write_text(text, encoding="utf-8")


def vocabulary(
    texts: Iterable[Iterable[tuple[Sequence[str], float]]],
    general: generic.Generic,
    dictionary: Dictionary,
    size: int,
) -> list[str]:
    """Every word of the texts, then the commonest words of general English up to `size`."""
    words = dict.fromkeys((ngram.START, ngram.END))
    for text in texts:
        for sentence, _ in text:
            words.update(dict.fromkeys(sentence))
    for place in (-general.unigrams).argsort():
        if len(words) >= size + 2:
            break
        word = general.words[place]
        if word in dictionary and re.fullmatch(r"[a-z]+('[a-z]+)?", word):
            words.setdefault(word)
    return list(words)


def _numbered(
    text: Iterable[tuple[Sequence[str], float]], words: Sequence[str]
) -> Iterator[tuple[list[int], float]]:
    number = {word: place for place, word in enumerate(words)}
    for sentence, weight in text:
        yield [number[word] for word in sentence], weight


def _key(sentences: Sequence[str], size: int, mix: Mix) -> str:
    digest = hashlib.sha256(f"{FORM} {size} {mix}\n".encode())
    digest.update((files("copilot.providers.embedded") / "talk.yaml").read_bytes())
    for sentence in sentences:
        digest.update(sentence.encode() + b"\n")
    return digest.hexdigest()[:16]
