"""The summary of a run: judged from a hand-made log, printed and as JSON."""

import io
import json

import pytest
from rich.console import Console

from copilot.core.events import (
    CallEnded,
    CallStarted,
    Entry,
    Event,
    Heard,
    ShowCard,
    Withheld,
    encode,
)
from copilot.core.policy import Policy
from copilot.core.vocabulary import Hearing, Party, Silence, Word
from copilot.demo.notes import Arrived
from copilot.demo.script import Asked, Line, Manner, Parties, Script, expected, place
from copilot.demo.summary import Result, arrivals, document, heard_text, picture
from copilot.evaluate.judge import Arrival, judge
from copilot.evaluate.questions import Expects, Targets

RIGHT = "parcel/delivery#can-i-change-the-delivery-address"
SCRIPT = Script(
    title="short",
    parties=Parties(Manner("low", 150), Manner("high", 150)),
    lines=(
        Line(Party.AGENT, "Good morning.", 0),
        Line(Party.CUSTOMER, "Can I change it?", 500, question=Asked(Expects.CARD, (RIGHT,))),
        Line(Party.AGENT, "Yes, you can.", 1000),
        Line(Party.CUSTOMER, "Any summer jobs?", 500, question=Asked(Expects.SILENCE)),
    ),
    targets=Targets(right=1),
)
PLACED = place(SCRIPT.lines, [1000, 1500, 1000, 14_000])
SHOWN = ShowCard(0, 0, "Title", "Once, free.", (RIGHT,), 81, "can i change it")


def log(*more: tuple[int, Event]) -> list[Entry]:
    agent = Hearing(words=(Word("good", 2, 5), Word("mourning", 6, 12)))
    customer = Hearing(words=(Word("can", 20, 22), Word("i", 23, 24), Word("change", 25, 30)))
    events: list[tuple[int, Event]] = [
        (0, CallStarted("abc", Policy())),
        (14, Heard(14, agent)),
        (32, Heard(32, customer=customer)),
        *more,
        (240, CallEnded("hang_up")),
    ]
    return [Entry(seq, tick, event) for seq, (tick, event) in enumerate(events)]


def result(seen_ms: float | None, *more: tuple[int, Event]) -> Result:
    entries = log(*more)
    found = expected(PLACED, SCRIPT.targets)
    seen = [] if seen_ms is None else [Arrival(0, 0, seen_ms)]
    return Result(SCRIPT, found, entries, judge(entries, found, seen), lag_ms=180)


def printed(one: Result, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(picture(one))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_right_card_in_time_passes() -> None:
    withheld = Withheld(1, Silence.WEAK, "any summer jobs")
    one = result(3400.0, (40, SHOWN), (230, withheld))
    assert one.outcome.passed
    text = printed(one)
    assert "right card" in text
    assert "81 %" in text
    assert "+0.40 s" in text
    assert "-0.28 s" in text
    assert "Right cards 1 of 1 (at least 1)" in text
    assert "Silences: not sure enough 1" in text
    assert "Passed: every target is met." in text


def test_a_missed_card_fails_and_says_so() -> None:
    text = printed(result(None))
    assert "no card" in text
    assert "Not passed: 0 questions got their right card, 1 had to." in text


def test_a_late_card_fails() -> None:
    one = result(4500.0, (53, SHOWN))
    assert not one.outcome.passed
    assert one.outcome.delay_ms == 1500


def test_the_summary_fits_80_columns() -> None:
    lines = printed(result(3400.0, (40, SHOWN))).splitlines()
    assert max(map(len, lines)) <= 80


def test_only_cards_that_arrived_count_and_at_their_arrival() -> None:
    notes = [
        Arrived(3400.5, encode(SHOWN).decode()),
        Arrived(9000.0, encode(Withheld(1, Silence.WEAK, "x")).decode()),
    ]
    assert arrivals(notes) == [Arrival(0, 0, 3400.5)]


def test_words_are_counted_against_the_script() -> None:
    one = result(None)
    assert heard_text(one.entries, Party.AGENT) == "good mourning"
    assert one.errors(Party.AGENT).substituted == 1
    assert one.errors(Party.CUSTOMER).rate == pytest.approx(4 / 7)


def test_the_document_holds_everything_and_is_json() -> None:
    content = json.loads(json.dumps(document(result(3400.0, (40, SHOWN)), {"cores": 2})))
    assert content["passed"] is True
    assert content["outcome"]["delay_ms"] == 400
    assert [answer["verdict"] for answer in content["outcome"]["answers"]] == ["right", "silent"]
    assert content["outcome"]["lead_ms"] == [-400, None]
    assert content["supports"] == {"0": 81}
    assert content["machine"] == {"cores": 2}
    assert content["recognition"]["agent"]["words"] == 5
    assert content["recognition"]["customer"]["heard"] == "can i change"
    assert content["expected"]["questions"][0]["passages"] == [RIGHT]
