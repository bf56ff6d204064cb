"""The language: what it takes from the packs, that its numbers add up, and that it is made once."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pocketsphinx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.providers.embedded import generic, language, ngram, phrases
from copilot.providers.embedded.language import Language, Mix
from copilot.providers.embedded.pronounce import Dictionary, lines
from tests.providers.embedded.sound import SENTENCES

SIZE = 1_500


@pytest.fixture(scope="module")
def general() -> generic.Generic:
    return generic.read(language.bundle().language)


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load(language.bundle().dictionary)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Language:
    return language.prepare(tmp_path_factory.mktemp("made"), SENTENCES, SIZE, Mix())


def test_the_bundled_model_is_read_as_pocketsphinx_reads_it(general: generic.Generic) -> None:
    model = pocketsphinx.NGramModel.readfile(str(language.bundle().language))
    assert math.isclose(general.unigrams.sum(), 1, abs_tol=1e-4)
    grams = [*zip(general.pairs[::100_003], general.bigrams[::100_003], strict=True)]
    grams += zip(general.triples[::100_003], general.trigrams[::100_003], strict=True)
    assert len(grams) > 30
    for gram, probability in grams:
        newest_first = [general.words[word] for word in gram[::-1]]
        assert abs(model.prob(newest_first) - math.log(probability) / math.log(1.0001)) < 2


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.lm.bin"
    path.write_bytes(b"\\data\\")
    with pytest.raises(ValueError, match="not a trigram model"):
        generic.read(path)


def test_the_model_adds_up_to_one_as_pocketsphinx_computes_it(made: Language) -> None:
    model = pocketsphinx.NGramModel.readfile(str(made.model))
    words = [line.split("(")[0].split()[0] for line in made.dictionary.read_text().splitlines()]
    for history in (["the"], ["parcel"], ["my", "parcel"], ["how", "long"], ["zone"], ["of", "my"]):
        newest_first = history[::-1]
        total = sum(
            1.0001 ** model.prob([word, *newest_first]) for word in ["</s>", *dict.fromkeys(words)]
        )
        assert 0.98 < total < 1.02, (history, total)


def test_every_word_of_the_packs_can_be_recognised_and_pronounced(made: Language) -> None:
    known = {line.split()[0] for line in made.dictionary.read_text().splitlines()}
    for sentence in SENTENCES:
        assert set(re.findall("[a-z']+", sentence.lower())) <= known
    phones = set(" ".join(line.split(" ", 1)[1] for line in made.dictionary.open()).split())
    allowed = re.findall(r"^(?:\S+) (.+)$", (made.dictionary).read_text(), re.MULTILINE)
    assert phones <= set(" ".join(allowed).split())
    assert len(phones) <= 39


def test_questions_of_the_packs_are_likelier_than_their_scrambling(made: Language) -> None:
    model = pocketsphinx.NGramModel.readfile(str(made.model))

    def score(text: str) -> int:
        words = ["<s>", *text.split(), "</s>"]
        return sum(model.prob(words[max(0, at - 2) : at + 1][::-1]) for at in range(1, len(words)))

    assert score("can i change the delivery address") > score("delivery the can address change i")
    assert score("good morning how are you") > score("morning are good you how")


def test_a_second_start_finds_the_language_made(tmp_path: Path) -> None:
    one = language.prepare(tmp_path, SENTENCES, SIZE, Mix())
    stamp = one.model.stat().st_mtime_ns
    assert language.prepare(tmp_path, SENTENCES, SIZE, Mix()) == one
    assert one.model.stat().st_mtime_ns == stamp
    assert language.prepare(tmp_path, SENTENCES[:2], SIZE, Mix()) != one
    assert [path.name for path in (tmp_path / "language").glob(".building-*")] == []


def test_a_build_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(arpa: ngram.Arpa, path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ngram, "write", full)
    with pytest.raises(OSError, match="No space"):
        language.prepare(tmp_path, SENTENCES, SIZE, Mix())
    assert list((tmp_path / "language").iterdir()) == []


def test_no_packs_leave_everyday_talk(tmp_path: Path) -> None:
    made = language.prepare(tmp_path, (), SIZE, Mix())
    assert "weekend" in made.dictionary.read_text()


def test_patterns_are_written_out() -> None:
    assert list(language.expand("(a|b) c (d|)")) == ["a c d", "a c", "b c d", "b c"]


def test_a_question_is_asked_in_other_ways_too() -> None:
    said = {" ".join(words) for words, _ in phrases.spoken(["How do I track my parcel?"])}
    assert {"how do i track my parcel", "can i track my parcel"} <= said
    assert "i would like to track my parcel" in said


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("parcels", "P AA R S AH L Z"),
        ("postcode", "P OW S T K OW D"),
        ("dhl", "D IY EY CH EH L"),
        ("zorp", "Z AO R P"),
    ],
)
def test_unknown_words_get_a_guess(dictionary: Dictionary, word: str, phones: str) -> None:
    assert phones in dictionary.pronounce(word)


def test_variants_are_numbered(dictionary: Dictionary) -> None:
    assert lines(dictionary, ["the"])[:2] == ["the DH AH", "the(2) DH IY"]


TEXTS = st.lists(
    st.tuples(st.lists(st.integers(2, 7), max_size=6), st.sampled_from([0.5, 1.0, 3.0])),
    min_size=1,
    max_size=12,
)


@given(TEXTS, TEXTS, st.floats(0.05, 0.95))
def test_every_mixture_adds_up_to_one(
    one: list[tuple[list[int], float]], other: list[tuple[list[int], float]], share: float
) -> None:
    words = ["<s>", "</s>", *"abcdef"]
    models = [ngram.Counted(text, len(words)) for text in (one, other)]
    mixed = ngram.mix(words, [(share, models[0]), (1 - share, models[1])])
    for history, total in totals(mixed, len(words)):
        assert math.isclose(total, 1, abs_tol=1e-3), history


def totals(arpa: ngram.Arpa, size: int) -> Iterator[tuple[tuple[int, ...], float]]:
    """Sum over all words for every history, by the backing-off rule of ARPA files."""
    one, b1 = 10**arpa.p1, 10**arpa.b1
    two = dict(zip(arpa.pairs.tolist(), zip(10**arpa.p2, 10**arpa.b2, strict=True), strict=True))
    three = dict(zip(arpa.triples.tolist(), 10**arpa.p3, strict=True))

    def p2(h: int, w: int) -> float:
        key = h * size + w
        return float(two[key][0]) if key in two else float(b1[h] * one[w])

    def p3(h: int, i: int, w: int) -> float:
        key = h * size + i
        if key * size + w in three:
            return float(three[key * size + w])
        return (float(two[key][1]) if key in two else 1.0) * p2(i, w)

    yield (), float(np.sum(one))
    for h in (0, *range(2, size)):
        yield (h,), sum(p2(h, w) for w in range(size))
        for i in range(2, size):
            yield (h, i), sum(p3(h, i, w) for w in range(size))
