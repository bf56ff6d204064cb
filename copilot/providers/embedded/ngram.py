"""Trigram models: counted from sentences, mixed, and written as an ARPA file."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from copilot.providers.embedded.generic import Generic

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]

START, END = "<s>", "</s>"
_FLOOR = 1e-7
"""Probability of a word that a generic model does not know."""


class Model(Protocol):
    """Conditional probabilities over one vocabulary, and the n-grams worth writing down."""

    @property
    def pairs(self) -> Ids:
        """Keys ``h * V + w`` of the bigrams it knows."""
        ...

    @property
    def triples(self) -> Ids:
        """Keys ``(h * V + i) * V + w`` of the trigrams it knows."""
        ...

    def p1(self) -> Floats: ...
    def p2(self, pairs: Ids) -> Floats: ...
    def p3(self, triples: Ids) -> Floats: ...


class Counts(NamedTuple):
    """How often each n-gram occurs, and what that says of its history."""

    keys: Ids
    """Sorted ``history * V + word``."""
    counts: Floats
    histories: Ids
    """Sorted."""
    totals: Floats
    """Occurrences of each history."""
    kinds: Floats
    """Different words seen after each history."""


class Counted:
    """A Witten-Bell trigram model of sentences (Witten and Bell 1991, method C, interpolated)."""

    def __init__(self, sentences: Iterable[tuple[Sequence[int], float]], size: int) -> None:
        """Count `sentences` of word ids with their weights; 0 is ``<s>``, 1 is ``</s>``."""
        self._size = size
        singles, pairs, triples, weights = _grams(sentences, size)
        counts = np.bincount(singles, weights, size)
        kinds = np.count_nonzero(counts)
        uniform = np.full(size, 1 / (size - 1))
        uniform[0] = 0
        self._p1: Floats = (counts + kinds * uniform) / (counts.sum() + kinds)
        self._two = _count(pairs, weights, size)
        inner = triples >= 0  # the first word of a sentence has a history of one
        self._three = _count(triples[inner], weights[inner], size)

    @property
    def pairs(self) -> Ids:
        return self._two.keys

    @property
    def triples(self) -> Ids:
        return self._three.keys

    def p1(self) -> Floats:
        return self._p1

    def p2(self, pairs: Ids) -> Floats:
        return _witten_bell(self._two, pairs, self._size, self._p1[pairs % self._size])

    def p3(self, triples: Ids) -> Floats:
        lower = self.p2(triples % (self._size * self._size))
        return _witten_bell(self._three, triples, self._size, lower)


class Restricted:
    """A generic trigram model cut down to a vocabulary, its lost mass given back by backing off."""

    def __init__(self, generic: Generic, words: Sequence[str], keep: int) -> None:
        """Keep the `keep` bigrams and trigrams that tell most; `words` open with ``<s> </s>``."""
        self._size = size = len(words)
        here = {word: place for place, word in enumerate(words)}
        place = np.array([here.get(word, -1) for word in generic.words])
        p1 = np.full(size, _FLOOR)
        p1[place[place >= 0]] = generic.unigrams[place >= 0]
        p1[0] = 0
        self._p1: Floats = p1 / p1.sum()
        self._keys = self._triples = np.zeros(0, np.int64)
        self._probs = self._trigrams = self._backoff2 = np.zeros(0)
        self._backoff = np.ones(size)
        self._keep_pairs(place[generic.pairs], generic.bigrams, keep)
        self._keep_triples(place[generic.triples], generic.trigrams, keep)

    def _keep_pairs(self, pairs: Ids, probs: Floats, keep: int) -> None:
        inside = (pairs.min(axis=1) >= 0) & (pairs[:, 1] >= 1)
        keys, probs = pairs[inside] @ [self._size, 1], probs[inside]
        weight = self._p1[keys // self._size]
        weight[keys < self._size] = 1  # every sentence starts
        lower = self._p1[keys % self._size]
        self._keys, self._probs = _telling(keys, probs, weight, lower, keep)
        lower = self._p1[self._keys % self._size]
        self._backoff = _backoff(self._keys // self._size, self._probs, lower, self._size)

    def _keep_triples(self, triples: Ids, probs: Floats, keep: int) -> None:
        """Only trigrams both of whose bigrams are kept: their history needs a place to back off."""
        inside = (triples.min(axis=1) >= 0) & (triples[:, 1:].min(axis=1) >= 1)
        square = self._size * self._size
        keys, probs = triples[inside] @ [square, self._size, 1], probs[inside]
        found = _find(self._keys, keys // self._size)[0] & _find(self._keys, keys % square)[0]
        keys, probs = keys[found], probs[found]
        weight = np.maximum(self._p1[keys // square], _FLOOR) * self.p2(keys // self._size)
        self._triples, self._trigrams = _telling(keys, probs, weight, self.p2(keys % square), keep)
        _, history = _find(self._keys, self._triples // self._size)
        lower = self.p2(self._triples % square)
        self._backoff2 = _backoff(history, self._trigrams, lower, len(self._keys))

    @property
    def pairs(self) -> Ids:
        return self._keys

    @property
    def triples(self) -> Ids:
        return self._triples

    def p1(self) -> Floats:
        return self._p1

    def p2(self, pairs: Ids) -> Floats:
        backed = self._backoff[pairs // self._size] * self._p1[pairs % self._size]
        return _known(self._keys, self._probs, pairs, backed)

    def p3(self, triples: Ids) -> Floats:
        ones = np.ones(len(triples))
        weight = _known(self._keys, self._backoff2, triples // self._size, ones)
        backed = weight * self.p2(triples % (self._size * self._size))
        return _known(self._triples, self._trigrams, triples, backed)


class Arpa(NamedTuple):
    """A backed-off trigram model, ready to be written; logarithms to base 10."""

    words: Sequence[str]
    p1: Floats
    b1: Floats
    pairs: Ids
    p2: Floats
    b2: Floats
    triples: Ids
    p3: Floats


def mix(words: Sequence[str], models: Sequence[tuple[float, Model]]) -> Arpa:
    """The linear mixture of `models` over all n-grams that any of them knows; weights sum to 1."""
    size = len(words)
    pairs = np.unique(np.concatenate([model.pairs for _, model in models]))
    triples = np.unique(np.concatenate([model.triples for _, model in models]))
    one = sum((share * model.p1() for share, model in models), np.zeros(size))
    two = sum((share * model.p2(pairs) for share, model in models), np.zeros(len(pairs)))
    three = sum((share * model.p3(triples) for share, model in models), np.zeros(len(triples)))
    b1 = _backoff(pairs // size, two, one[pairs % size], size)
    found, history = _find(pairs, triples // size)
    assert found.all(), "every history of a trigram is a bigram"
    _, lower = _find(pairs, triples % (size * size))
    b2 = _backoff(history, three, two[lower], len(pairs))
    with np.errstate(divide="ignore"):
        logs = [np.maximum(np.log10(part), -99.0) for part in (one, b1, two, b2, three)]
    return Arpa(words, logs[0], logs[1], pairs, logs[2], logs[3], triples, logs[4])


def write(arpa: Arpa, path: Path) -> None:
    """Write the model in ARPA form."""
    words, size = np.array(arpa.words, object), len(arpa.words)
    with path.open("w", encoding="utf-8") as file:
        sizes = (size, len(arpa.pairs), len(arpa.triples))
        file.write("\\data\\\n" + "".join(f"ngram {n}={k}\n" for n, k in enumerate(sizes, 1)))
        file.write("\n\\1-grams:\n")
        file.writelines(
            f"{p:.4f} {w} {b:.4f}\n" for p, w, b in zip(arpa.p1, words, arpa.b1, strict=True)
        )
        file.write("\n\\2-grams:\n")
        history, word = words[arpa.pairs // size], words[arpa.pairs % size]
        file.writelines(
            f"{p:.4f} {h} {w} {b:.4f}\n"
            for p, h, w, b in zip(arpa.p2, history, word, arpa.b2, strict=True)
        )
        file.write("\n\\3-grams:\n")
        first, rest = arpa.triples // (size * size), arpa.triples % (size * size)
        columns = (arpa.p3, words[first], words[rest // size], words[rest % size])
        file.writelines(f"{p:.4f} {a} {b} {c}\n" for p, a, b, c in zip(*columns, strict=True))
        file.write("\n\\end\\\n")


def _grams(
    sentences: Iterable[tuple[Sequence[int], float]], size: int
) -> tuple[Ids, Ids, Ids, Floats]:
    """Every predicted word with its keys as uni-, bi- and trigram (-1: none) and its weight."""
    ones: list[int] = []
    twos: list[int] = []
    threes: list[int] = []
    weights: list[float] = []
    for sentence, weight in sentences:
        older, old = -1, 0
        for word in (*sentence, 1):
            ones.append(word)
            twos.append(old * size + word)
            threes.append(-1 if older < 0 else (older * size + old) * size + word)
            weights.append(weight)
            older, old = old, word
    return np.array(ones, int), np.array(twos, int), np.array(threes, int), np.array(weights, float)


def _count(keys: Ids, weights: Floats, size: int) -> Counts:
    unique, inverse = np.unique(keys, return_inverse=True)
    counts = _sums(inverse, weights, len(unique))
    histories, owner = np.unique(unique // size, return_inverse=True)
    totals = _sums(owner, counts, len(histories))
    kinds = _sums(owner, np.ones(len(owner)), len(histories))
    return Counts(unique, counts, histories, totals, kinds)


def _sums(groups: Ids, values: Floats, size: int) -> Floats:
    return np.bincount(groups, values, size).astype(np.float64, copy=False)


def _find(keys: Ids, wanted: Ids) -> tuple[NDArray[np.bool_], Ids]:
    """Whether each wanted key is there, and where (an unmeaning place if not)."""
    at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    return (keys[at] == wanted if len(keys) else np.zeros(len(wanted), bool)), at


def _known(keys: Ids, values: Floats, wanted: Ids, otherwise: Floats) -> Floats:
    """The value of each wanted key, or the other one where there is no such key."""
    if not len(keys):
        return otherwise
    found, at = _find(keys, wanted)
    return np.where(found, values[at], otherwise)


def _telling(
    keys: Ids, probs: Floats, weight: Floats, lower: Floats, keep: int
) -> tuple[Ids, Floats]:
    """The n-grams whose loss would cost most, by key (Stolcke 1998, less the backoff's share)."""
    gain = weight * probs * np.log(probs / np.maximum(lower, _FLOOR))
    best = np.sort(np.argsort(-gain, kind="stable")[:keep])
    order = best[np.argsort(keys[best])]
    return keys[order], probs[order]


def _witten_bell(seen: Counts, keys: Ids, size: int, lower: Floats) -> Floats:
    if not len(seen.keys):
        return lower
    found, at = _find(seen.keys, keys)
    known, history = _find(seen.histories, keys // size)
    count = np.where(found, seen.counts[at], 0.0)
    total, kinds = seen.totals[history], seen.kinds[history]
    return np.where(known, (count + kinds * lower) / (total + kinds), lower)


def _backoff(histories: Ids, probs: Floats, lower: Floats, size: int) -> Floats:
    """What a history gives away, over what its known words would have had one order below."""
    left = 1 - np.bincount(histories, probs, size)
    free = 1 - np.bincount(histories, lower, size)
    return np.maximum(left, 1e-6) / np.maximum(free, 1e-6)
