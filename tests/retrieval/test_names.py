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


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("does the restaurant have wifi", "J Restaurant"),
        ("what is the price range there", "Rice House"),
        ("may i get an extra bed in the room", "Bedouin"),
    ],
)
def test_common_words_are_no_misspelled_names(line: str, name: str) -> None:
    texts = ["the price of a bed in a room", "a restaurant, a bed", "its price in the restaurant"]
    found = Names(["J Restaurant", "Rice House", "Bedouin"], texts)
    assert found.match(line).max() < 0.35
    assert found.match(f"is it at {name}").argmax() == found.match(name).argmax()
    assert found.match(f"is it at {name}").max() > 0.6
