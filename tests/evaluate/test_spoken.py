"""Typed transcripts: who says what, and a call of it through the real session."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.core.call import replay
from copilot.core.events import Heard, ShowCard
from copilot.core.policy import Policy
from copilot.core.vocabulary import Party
from copilot.evaluate.listen import lines_of
from copilot.evaluate.spoken import (
    TranscriptError,
    Turn,
    read_transcript,
    say,
    script_of,
    transcript_of,
)
from copilot.evaluate.why import explain
from copilot.ports import Found, Pinned
from tests.helpers import Call, passage

A, C = Party.AGENT, Party.CUSTOMER


@pytest.mark.parametrize(
    ("text", "parties"),
    [
        ("where is my parcel", [C]),
        ("where is my parcel\nand when does it come", [C, C]),
        ("Agent: hello\nCustomer: where is it", [A, C]),
        ("customer: where is it\nagent: let me look", [C, A]),
        ("[00:01] Agent: hello\n[0:00:05] Caller: where is it", [A, C]),
        ("12:30 - Rep: hello\n12:31 - Client: where is it", [A, C]),
        ("Maria: hello\nTom Smith: where is it\nMaria: here", [A, C, A]),
        ("Agent: hello\nTom: where is it", [A, C]),
        ("Customer: where is it\nit should be here\nAgent: let me look", [C, A]),
        ("Agent:\nCustomer: where is it", [C]),
        ("my order number is: twelve", [C]),
    ],
)
def test_who_speaks(text: str, parties: list[Party]) -> None:
    assert [turn.party for turn in read_transcript(text).turns] == parties


def test_a_line_without_a_name_goes_on() -> None:
    turns = read_transcript("Customer: where is it\nit should be here").turns
    assert turns == (Turn(C, "where is it it should be here"),)


def test_names_that_are_not_known_are_told_and_can_be_swapped() -> None:
    text = "Maria: hello\nTom: where is it"
    assert read_transcript(text).guessed == "Maria"
    assert [turn.party for turn in read_transcript(text, swap=True).turns] == [C, A]
    assert read_transcript("Agent: hello\nCustomer: hi").guessed == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (" \n ", "Nothing was typed"),
        ("word " * 6001, "over the limit of 6,000"),
        ("Ann: a\nBob: b\nCid: c", "Line 3: 'Cid'"),
        ("Agent: a\nCustomer: b\nBob: c", "Line 3: 'Bob'"),
        ("Agent:", "No words follow"),
    ],
)
def test_what_cannot_be_used_is_told(text: str, told: str) -> None:
    with pytest.raises(TranscriptError, match=told):
        read_transcript(text)


@given(st.text(max_size=400), st.booleans())
def test_any_text_is_read_or_refused_in_words(text: str, swap: bool) -> None:
    try:
        found = read_transcript(text, swap)
    except TranscriptError:
        return
    assert found.turns
    script, over = script_of(found.turns)
    for said in (script.agent, script.customer):
        starts = [word.start for word in said.words]
        assert starts == sorted(starts)
        assert all(word.end <= over for word in said.words)


class Knows:
    """Finds the same passage whatever is asked."""

    async def search(self, query: str, k: int, turns: object = ()) -> Found:
        return Found((passage(),))


async def test_the_words_go_through_a_real_session() -> None:
    text = "Agent: good morning\nCustomer: can i change the delivery address of my parcel"
    done: list[tuple[int, int]] = []
    turns = read_transcript(text).turns
    pinned = Pinned(("parcel@1",), Knows())
    log = await say(turns, pinned, Policy(), lambda n, of: done.append((n, of)))
    assert replay(log) is None
    heard = [entry.event for entry in log if isinstance(entry.event, Heard)]
    words = [word.text for one in heard for word in one.customer.words]
    assert words == turns[1].text.split()
    assert sum(isinstance(entry.event, ShowCard) for entry in log) == 1
    assert done[-1][0] == done[-1][1]
    told = explain(log)
    assert [(line.party, line.text) for line in told.lines] == [(t.party, t.text) for t in turns]
    (decision,) = told.lines[1].decisions
    assert (decision.silence, decision.card) == (None, passage().say)


def test_a_past_call_can_be_typed_again() -> None:
    call = Call().agent("good morning").quiet(20).customer("where is my parcel").quiet(40).end()
    text = transcript_of(lines_of(call.log))
    assert text == "Agent: good morning\nCustomer: where is my parcel"
    assert [turn.party for turn in read_transcript(text).turns] == [A, C]
    assert transcript_of(lines_of(call.log) * 2000).count(" ") < 6000
