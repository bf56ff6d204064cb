"""Words for the ear: short, the line's own, and never another meaning."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.core.aloud import CUE, PHRASE, aloud
from copilot.core.words import pivots
from copilot.retrieval.packs import load_packs

KNOWLEDGE = Path(__file__).parents[2] / "knowledge"
words = st.sampled_from(
    "You can not change the address once, free, until midnight before 48 hours; it costs £4.99 "
    "twenty-nine pounds ninety. No parcel within seven days and never more than two kilograms, or "
    "two hundred and fifty people sorry; yes, please tell us".split()
)
lines = st.lists(words, max_size=25).map(" ".join)


@pytest.mark.parametrize(
    ("line", "query", "said"),
    [
        (
            "Keep everything, take photos, and report the damage within seven days.",
            "my parcel arrived damaged what should i do",
            ["report the damage within seven days", "seven days"],
        ),
        (
            "Between two depots there can be no scan for up to 48 hours.",
            "why has the tracking not changed",
            ["be no scan for up to 48 hours", "no scan"],
        ),
        (
            "To the European Union two kilograms cost fourteen pounds ninety with tracking.",
            "how much is a parcel to europe",
            ["European Union two kilograms cost fourteen pounds ninety", "fourteen pounds ninety"],
        ),
        (
            "We cannot deliver to a post office box, but any parcel shop works.",
            "do you deliver to post office boxes",
            ["cannot deliver to a post office box", "cannot deliver"],
        ),
        ("Yes.", "is it", []),
        ("", "is it", []),
    ],
)
def test_what_is_said_of_a_line(line: str, query: str, said: list[str]) -> None:
    assert [one.text for one in aloud(line, query)] == said


@given(lines, lines)
def test_the_words_are_the_lines_own_in_their_order_and_few(line: str, query: str) -> None:
    found = aloud(line, query)
    counts = [len(one.text.split()) for one in found]
    assert all(0 < count <= PHRASE for count in counts)
    assert counts == sorted(set(counts), reverse=True)
    assert len(found) < 2 or counts[-1] <= CUE
    for one in found:
        rest = iter(line.split())
        assert all(any(word in place for place in rest) for word in one.text.split())


def test_every_line_of_the_sample_packs_can_be_whispered_without_turning_it() -> None:
    packs = load_packs(KNOWLEDGE)
    passages = [passage for pack in packs for passage in pack.passages if passage.say]
    assert len(passages) > 90
    silent = [one.say for one in passages if not aloud(one.say, one.title)]
    assert len(silent) <= 2, silent
    for one in passages:
        for form in aloud(one.say, one.title):
            # a number that is said is whole: its neighbours in the line are no numbers
            place = one.say.find(form.text)
            if place > 0 and pivots(form.text):
                before = one.say[:place].split()
                first = form.text.split()[0]
                if before and pivots(first) - {"not"}:
                    assert not pivots(before[-1]) - {"not"}, (one.say, form.text)
