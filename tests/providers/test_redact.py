"""What is masked, what is not, and that a mask comes off again."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.providers.redact import KINDS, Redactor, find

HIDDEN = [
    ("my card is 4111 1111 1111 1111 thanks", "card", "4111 1111 1111 1111"),
    ("it is four one one one one one one one one one one one one one one one ok", "card",
     "four one one one one one one one one one one one one one one one"),
    ("five five double five, forty four twelve, uh, nine nine nine nine triple one two", "card",
     "five five double five, forty four twelve, uh, nine nine nine nine triple one two"),
    ("the security code is three seven one", "card", "three seven one"),
    ("cvv 0123", "card", "0123"),
    ("pay to DE89 3704 0044 0532 0130 00 please", "account", "DE89 3704 0044 0532 0130 00"),
    ("my account number is 12 34 56 78", "account", "12 34 56 78"),
    ("social security 078-05-1120", "account", "078-05-1120"),
    ("write to anna.smith+x@mail.example.org now", "email", "anna.smith+x@mail.example.org"),
    ("it's anna at example dot com", "email", "anna at example dot com"),
    ("call me at +44 20 7946 0958", "phone", "+44 20 7946 0958"),
    ("my phone is five five five oh one nine nine", "phone", "five five five oh one nine nine"),
    ("hi my name is anna smith and i have a question", "name", "anna smith"),
    ("this is Jean-Luc O'Neill calling about my parcel", "name", "Jean-Luc O'Neill"),
    ("good morning Mrs. Miller", "name", "Miller"),
    ("my last name's Okafor", "name", "Okafor"),
]  # fmt: skip
SEEN = [
    "the order number is 1234567890",
    "tracking number one two three four five six seven eight",
    "it takes 5 to 7 working days and costs 12.50",
    "we are open from 9 to 17 on 24 December 2026",
    "my name is",
    "this is about my parcel",
    "this is the wrong one",
    "one or two of them",
    "call me back in ten minutes",
    "it was twenty twenty six",
]


@pytest.mark.parametrize(("text", "kind", "hidden"), HIDDEN)
def test_what_is_hidden(text: str, kind: str, hidden: str) -> None:
    found = find(text)
    assert [(text[one.start : one.end], one.kind) for one in found] == [(hidden, kind)]
    assert find(text, [other for other in KINDS if other != kind]) == []


@pytest.mark.parametrize("text", SEEN)
def test_what_is_not(text: str) -> None:
    assert find(text) == []


def test_the_same_has_the_same_mark_and_a_name_is_hidden_wherever_it_stands() -> None:
    mask = Redactor().mask()
    text = "My name is Anna Smith. Anna Smith, card 4111111111111111, yes 4111111111111111."
    hidden = mask.hide(text)
    assert hidden == "My name is [name 1]. [name 1], card [card 1], yes [card 1]."
    assert mask.reveal(hidden) == text
    assert mask.split("Dear [na") == ("Dear ", "[na")
    assert mask.split("Dear [name 1] x") == ("Dear [name 1] x", "")


@pytest.mark.parametrize(
    "mark", ["[name 1]", "[Name 1]", "[NAME 1]", "[ name 1 ]", "[name_1]", "[name1]"]
)
def test_a_mark_that_a_model_writes_in_its_own_way_comes_off(mark: str) -> None:
    mask = Redactor().mask()
    assert mask.hide("my name is Anna") == "my name is [name 1]"
    assert mask.reveal(f"Dear {mark}, [name 2] [card 1] [1]") == "Dear Anna, [name 2] [card 1] [1]"


def test_a_number_is_told_once_what_it_is() -> None:
    mask = Redactor().mask()
    hidden = mask.hide("My account number is 12345678. Right, 12345678. It takes 3 days.")
    assert hidden == "My account number is [account 1]. Right, [account 1]. It takes 3 days."
    assert (
        mask.hide("the cvv 123 and now I live with my dog at 123 High Street")
        == "the cvv [card 1] and now I live with my dog at 123 High Street"
    )


def test_a_name_that_is_a_kind_is_not_looked_for_in_marks() -> None:
    mask = Redactor().mask()
    hidden = mask.hide("My name is Card. Card pays with 4111111111111111.")
    assert hidden == "My name is [name 1]. [name 1] pays with [card 1]."


LONG = {
    "letters": "a",
    "letters and dots": "a.",
    "digits": "1",
    "digits apart": "1 ",
    "number words": "twenty ",
    "dialled": "+1",
    "addresses": "a@",
    "names": "mr ab cd ",
    "spaces": " ",
    "open marks": "[name ",
}


@pytest.mark.parametrize("unit", LONG.values(), ids=LONG)
def test_a_long_text_takes_time_by_its_length_alone(unit: str) -> None:
    """Four times as long is far from sixteen times as dear: a tool that sends rubbish holds up no
    call. Processor time, so that a busy machine does not matter; some slack for the short one."""

    def spent(letters: int) -> float:
        text = (unit * letters)[:letters]
        mask = Redactor().mask()
        since = time.thread_time()
        mask.reveal(mask.hide(text))
        return time.thread_time() - since

    short = min(spent(8_000) for _ in range(3))
    assert min(spent(32_000) for _ in range(2)) < 8 * short + 0.02


def test_many_names_take_time_by_their_number_alone() -> None:
    def spent(names: int) -> float:
        words = ("".join(chr(97 + n // 26**at % 26) for at in range(4)) for n in range(names))
        text = " ".join(f"mr q{word}" for word in words)
        mask = Redactor().mask()
        since = time.thread_time()
        mask.reveal(mask.hide(text))
        return time.thread_time() - since

    assert min(spent(4_000) for _ in range(2)) < 8 * min(spent(1_000) for _ in range(3)) + 0.02


@given(
    st.lists(
        st.sampled_from([text for text, *_ in HIDDEN] + SEEN) | st.text(max_size=30), max_size=4
    )
)
def test_a_mask_comes_off_as_it_was_put_on(parts: list[str]) -> None:
    text = " | ".join(parts).replace("[", "(")
    mask = Redactor().mask()
    hidden = mask.hide(text)
    assert mask.reveal(hidden).lower() == text.lower()
    assert not [one for one in find(hidden) if one.kind == "card"]


@given(st.integers(10**12, 10**19 - 1), st.sampled_from(["", " ", "-"]))
def test_no_long_number_is_ever_left(number: int, joint: str) -> None:
    digits = str(number)
    grouped = joint.join(digits[at : at + 4] for at in range(0, len(digits), 4))
    assert grouped not in Redactor(["card"]).clean(f"it is {grouped} yes")
