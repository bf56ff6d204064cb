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
    """A bigram model over its own words."""

    words: list[str]
    unigrams: NDArray[np.float64]
    """Probability of each word, ``[words]``."""
    first: NDArray[np.int64]
    """First word of each bigram, ``[bigrams]``."""
    second: NDArray[np.int64]
    bigrams: NDArray[np.float64]
    """Probability of the second word after the first, ``[bigrams]``."""


def read(path: Path) -> Generic:
    """Read a trigram model in pocketsphinx's binary trie form, without its trigrams.

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
    tables = np.frombuffer(data, "<f4", 3 * _QUANTA, at)
    at += tables.nbytes
    unigrams = np.frombuffer(data, _UNIGRAM, counts[0] + 1, at)
    at += unigrams.nbytes
    word_bits, next_bits = (int(counts[0]).bit_length(), int(counts[2]).bit_length())
    width = word_bits + 32 + next_bits
    packed = np.frombuffer(data, np.uint8, _packed_bytes(counts[1], width), at)
    at += packed.nbytes + _packed_bytes(counts[2], word_bits + 16) + 4  # trigrams, length of names
    words = data[at:].decode("utf-8").split("\0")[: counts[0]]
    spans: NDArray[np.int64] = np.diff(unigrams["next"]).astype(np.int64)
    places = np.arange(spans.sum(), dtype=np.int64) * width
    scores = tables[_bits(packed, places + word_bits + 16, 16)].astype(np.float64)
    return Generic(
        words=words,
        unigrams=np.exp(unigrams["prob"][:-1].astype(np.float64) * _LOG_BASE),
        first=_bits(packed, places, word_bits),
        second=np.repeat(np.arange(counts[0]), spans),
        bigrams=np.exp(scores * _LOG_BASE),
    )


def _packed_bytes(entries: int, width: int) -> int:
    """Size of a bit-packed level: an entry more than there are, in bytes, and a spare word."""
    return ((1 + int(entries)) * width + 7) // 8 + 8


def _bits(packed: NDArray[np.uint8], places: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """Little-endian bit fields of `width` up to 25 bits, each at its bit position."""
    start = places >> 3
    value = np.zeros(len(places), np.int64)
    for byte in range(4):
        value |= packed[start + byte].astype(np.int64) << (8 * byte)
    return (value >> (places & 7)) & ((1 << width) - 1)
