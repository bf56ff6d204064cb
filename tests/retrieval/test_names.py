"""Names in talk: plain, misspelled, broken up; and words that only look like one."""

import pytest

from copilot.retrieval.names import Names, sound

NAMES = ["Acorn Guest House", "Gonville Hotel", "Thanh Binh", "Two Rivers", "The Cambridge Belfry"]
ABOUT = [
    "The hotel has rooms",
    "rooms at the hotel",
    "food",
    "hotel rooms and house rules",
    "hotel and rooms",
]


@pytest.fixture(scope="module")
def names() -> Names:
    return Names(NAMES, ABOUT)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("I have booked the Acorn Guest House for you", "Acorn Guest House"),
        ("how about the acorn then", "Acorn Guest House"),
        ("the gonvile hotel is in the centre", "Gonville Hotel"),
        ("that was the gon ville yes", "Gonville Hotel"),
        ("seats are not offered at Thanh Bihn", "Thanh Binh"),
        ("is belfry far from the station", "The Cambridge Belfry"),
    ],
)
def test_the_name_that_was_meant_leads(names: Names, line: str, name: str) -> None:
    found = names.match(line)
    assert NAMES[found.argmax()] == name
    assert found.max() >= 0.35


@pytest.mark.parametrize("line", ["does the hotel have wifi", "to go to the house", "", "?!"])
def test_words_that_many_things_share_name_nothing(names: Names, line: str) -> None:
    assert names.match(line).max(initial=0) < 0.35


def test_a_short_word_must_be_spelled_alike(names: Names) -> None:
    assert names.match("to rivers")[3] < names.match("two rivers")[3]


def test_names_are_found_by_their_sound(names: Names) -> None:
    assert sound("phisher") == sound("fisher")
    assert sound("gonville") == sound("konfille")
    assert names.hear("at the konfille place")[1] > 0.4
    assert names.hear("nothing of the kind").max() < 0.4


def test_without_names_nothing_is_found() -> None:
    assert len(Names([], []).match("anything")) == 0
