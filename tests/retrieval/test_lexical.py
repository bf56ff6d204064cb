"""BM25: tokens that survive a recogniser, shares that are shares."""

import pytest

from copilot.retrieval.lexical import Lexical, content_words, tokens

TEXTS = ("dogs and cats are welcome", "breakfast is served until ten", "the pool opens at seven")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Um, yes, I'd like BREAKFAST!", ["i'd", "like", "breakfast"]),
        ("it’s the pool's hours", ["pool's", "hours"]),
        ("okay so um", []),
        ("", []),
        ("Größe 30 kg", ["grösse", "thirty", "kg"]),
    ],
)
def test_content_words(said: str, words: list[str]) -> None:
    assert content_words(said) == words


def test_long_words_are_also_cut_into_pieces() -> None:
    assert tokens("the van parcel") == ["van", "parcel", "<pa", "par", "arc", "rce", "cel", "el>"]


def test_a_text_with_the_words_wins() -> None:
    shares = Lexical(TEXTS).shares("when is breakfast")
    assert shares.argmax() == 1
    assert 0 < shares[1] < 1


def test_a_misheard_ending_still_finds_its_text() -> None:
    assert Lexical(TEXTS).shares("break fasts").argmax() == 1


@pytest.mark.parametrize("query", ["", "um okay", "xyzzy qwv"])
def test_a_query_without_known_words_shares_nothing(query: str) -> None:
    assert not Lexical(TEXTS).shares(query).any()


def test_texts_without_words() -> None:
    assert Lexical(["the", ""]).shares("breakfast").tolist() == [0, 0]


def test_numbers_are_compared_as_they_are_spoken() -> None:
    lexical = Lexical(["parcels up to 25 kilos", "parcels up to 30 kilos"])
    shares = lexical.shares("may it weigh twenty five kilos")
    assert shares[0] > shares[1]
