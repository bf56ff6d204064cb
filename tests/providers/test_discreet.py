"""What a discreet ear lets through: words late rather than numbers at all."""

import pytest

from copilot.core.vocabulary import Hearing, Word
from copilot.providers.discreet import HOLD_TICKS, Filter
from copilot.providers.redact import Redactor


def heard(text: str, kinds: tuple[str, ...] = ("card", "account", "name"), gap: int = 4) -> str:
    """The words that come out when these go in, one every `gap` ticks, then silence."""
    out = Filter(Redactor(kinds))
    shown: list[str] = []
    tick = 0
    for word in text.split():
        if word == "…":
            for _ in range(30):
                tick += 1
                shown += [one.text for one in out.take(tick, Hearing()).words]
            continue
        for step in range(gap):
            tick += 1
            words = (Word(word, tick - gap, tick),) if step == gap - 1 else ()
            hearing = Hearing(95, words=words, partial="" if words else word)
            made = out.take(tick, hearing)
            assert made.partial in ("", word)
            shown += [one.text for one in made.words]
    for _ in range(HOLD_TICKS + 2):
        tick += 1
        shown += [one.text for one in out.take(tick, Hearing()).words]
    return " ".join(shown)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("can i change the address", "can i change the address"),
        ("it is 4111 1111 1111 1111 thanks", "it is [card] thanks"),
        ("it is 4111 1111 … 1111 1111 … thanks", "it is [card] thanks"),
        ("four one one one uh one one one one one one one one one one one one", "[card]"),
        ("my order is 12345 can you look", "my order is 12345 can you look"),
        ("i have two parcels and three keys", "i have two parcels and three keys"),
        ("my account number is 12345678 yes", "my account number is [account] yes"),
        ("my name is anna smith and i wait", "my name is [name] and i wait"),
        ("my name is anna", "my name is [name]"),
        ("this is about my parcel", "this is about my parcel"),
    ],
)
def test_words_come_out(said: str, shown: str) -> None:
    assert heard(said) == shown


def test_only_what_the_policy_hides() -> None:
    assert heard("my name is anna", ("card",)) == "my name is anna"
    assert heard("it is 4111 1111 1111 1111", ("name",)) == "it is 4111 1111 1111 1111"


def test_times_span_what_was_said() -> None:
    out = Filter(Redactor(("card",)))
    shown: list[Word] = []
    for at, word in enumerate("4111 1111 1111 1111 ok".split(), 1):
        shown += out.take(at, Hearing(words=(Word(word, at - 1, at),))).words
    assert shown == [Word("[card]", 0, 4), Word("ok", 4, 5)]
