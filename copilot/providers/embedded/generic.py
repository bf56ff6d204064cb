"""The general English that PocketSphinx bundles: unigrams and bigrams, read from its file."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"Trie Language Model"
_LOG_BASE = np.log(1.0001)
"""The file's scores are logarithms to this base (pocketsphinx, ``logbase``)."""
_QUANTA = 1 << 16
_UNIGRAM = np.dtype([("prob", "<f4"), ("backoff", "<f4"), ("next", "<u4")])


class Generic(NamedTuple):
    """A trigram model over its own words; n-grams are rows of word numbers, oldest first."""

    words: list[str]
    unigrams: NDArray[np.float64]
    """Probability of each word, ``[words]``."""
    pairs: NDArray[np.int64]
    """``[bigrams, 2]``."""
    bigrams: NDArray[np.float64]
    """Probability of the second word after the first, ``[bigrams]``."""
    triples: NDArray[np.int64]
    """``[trigrams, 3]``."""
    trigrams: NDArray[np.float64]
    """Probability of the third word after the first two, ``[trigrams]``."""


def read(path: Path) -> Generic:
    """Read a trigram model in pocketsphinx's binary trie form.

    ``NGramModel.write`` of pocketsphinx 5.1.1 crashes on this model, hence a reader of our own. The
    trie is stored backwards: below each word stand the words that come *before* it. Raises
    ValueError for a file of another form.
    """
    data = path.read_bytes()
    if not data.startswith(_MAGIC) or data[len(_MAGIC)] != 3:
        raise ValueError(f"{path}: not a trigram model in pocketsphinx's binary form")
    at = len(_MAGIC) + 1
    counts = np.frombuffer(data, "<u4", 3, at).astype(np.int64)
    at += 12 + 4  # three counts, and the kind of quantisation
    tables = np.frombuffer(data, "<f4", 3 * _QUANTA, at).astype(np.float64).reshape(3, _QUANTA)
    at += 3 * _QUANTA * 4
    unigrams = np.frombuffer(data, _UNIGRAM, counts[0] + 1, at)
    at += unigrams.nbytes
    word_bits, next_bits = int(counts[0]).bit_length(), int(counts[2]).bit_length()
    middle = _Level(data, at, int(counts[1]), word_bits + 32 + next_bits)
    at += middle.packed.nbytes
    longest = _Level(data, at, int(counts[2]), word_bits + 16)
    at += longest.packed.nbytes + 4  # length of the names
    newest = _spread(unigrams["next"].astype(np.int64))
    before = middle.fields(len(newest), 0, word_bits)
    parent = _spread(middle.fields(len(newest) + 1, word_bits + 32, next_bits))
    oldest = longest.fields(len(parent), 0, word_bits)
    return Generic(
        words=data[at:].decode("utf-8").split("\0")[: counts[0]],
        unigrams=_probabilities(unigrams["prob"][:-1].astype(np.float64)),
        pairs=np.stack((before, newest), axis=1),
        bigrams=_probabilities(tables[0][middle.fields(len(newest), word_bits + 16, 16)]),
        triples=np.stack((oldest, before[parent], newest[parent]), axis=1),
        trigrams=_probabilities(tables[2][longest.fields(len(parent), word_bits, 16)]),
    )


class _Level:
    """The bit-packed entries of one order; the file counts a few more than there are."""

    def __init__(self, data: bytes, at: int, count: int, width: int) -> None:
        size = ((1 + count) * width + 7) // 8 + 8  # a closing entry, whole bytes, a spare word
        self.packed = np.frombuffer(data, np.uint8, size, at)
        self._width = width

    def fields(self, count: int, offset: int, width: int) -> NDArray[np.int64]:
        """The field of up to 25 bits at `offset` of the first entries; they are little-endian."""
        start = np.arange(count, dtype=np.int64) * self._width + offset
        value = np.zeros(count, np.int64)
        for byte in range(4):
            value |= self.packed[(start >> 3) + byte].astype(np.int64) << (8 * byte)
        return (value >> (start & 7)) & ((1 << width) - 1)


def _spread(starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each child the number of its parent, from where each parent's children start."""
    return np.repeat(np.arange(len(starts) - 1), np.diff(starts))


def _probabilities(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(scores * _LOG_BASE), np.float64)
