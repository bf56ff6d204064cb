"""The story of a log and the geometry of its picture."""

from copilot.core.events import CallStarted, CardTouched, Entry, Failed, Heard
from copilot.core.policy import Policy
from copilot.core.vocabulary import Hearing, Party, Silence, Touch, Word
from copilot.web.phrases import ENDINGS, SILENCES, clock, duration
from copilot.web.story import Story, Stretch, lines, tell
from copilot.web.timeline import rows
from tests.helpers import Call


def test_a_story_has_stretches_lines_and_the_card(asked: Call) -> None:
    told = tell(asked.log)
    assert [one.party for one in told.stretches] == [Party.AGENT, Party.CUSTOMER, Party.AGENT]
    assert [line.text.split()[0] for line in told.lines] == ["good", "can", "you"]
    [card] = told.cards
    assert card.source is not None
    assert card.source.id == card.cites[0]
    assert card.why_gone == "said"
    assert told.ended == "hang_up"
    assert told.pauses
    assert told.pauses[0].start >= told.stretches[0].end


def test_touches_and_failures_are_told(cut: Call) -> None:
    [card] = tell(cut.log).cards
    log = [entry for entry in cut.log if entry.tick <= card.shown]
    log.append(Entry(0, card.shown, CardTouched(card.inquiry, Touch.USED)))
    log.append(Entry(0, card.shown, CardTouched(99, Touch.DISMISSED)))
    log.append(Entry(0, card.shown, Failed(card.inquiry, "speak", "no voice")))
    told = tell(log)
    assert told.cards[0].used
    assert told.failures[0].error == "no voice"
    assert told.ended == ""


def test_words_become_lines_whatever_their_order() -> None:
    late, early = Word("there", 6, 9), Word("hello", 1, 5)
    far = Word("again", 40, 44)
    found = lines([(Party.AGENT, far), (Party.AGENT, late), (Party.AGENT, early)])
    assert [line.text for line in found] == ["hello there", "again"]


def test_speech_that_crosses_a_row_is_drawn_in_both() -> None:
    story = Story(ticks=1000, stretches=[Stretch(Party.AGENT, 740, 760)])
    first, second = rows(story)
    assert [(bar.x, bar.width) for bar in first.bars] == [(98.67, 1.33)]
    assert [(bar.x, bar.width) for bar in second.bars] == [(0.0, 1.33)]
    assert first.filled == 100
    assert second.filled == 33.33


def test_marks_lie_where_they_happened(asked: Call) -> None:
    told = tell(asked.log)
    [mark] = rows(told)[0].marks
    assert mark.kind == "card"
    assert mark.target == "card-1"
    assert mark.x == round(100 * told.cards[0].shown / 750, 2)


def test_an_empty_log_has_one_empty_row() -> None:
    [row] = rows(tell([]))
    assert (row.filled, row.bars, row.marks) == (0, [], [])


def test_a_call_that_breaks_off_in_speech_keeps_the_speech() -> None:
    ticks = [Heard(tick, agent=Hearing(speech=90)) for tick in range(1, 11)]
    log = [Entry(0, 0, CallStarted("c", Policy()))]
    told = tell(log + [Entry(one.tick, one.tick, one) for one in ticks])
    assert told.stretches == [Stretch(Party.AGENT, 1, 11)]
    assert told.share(Party.AGENT) == 91


def test_every_silence_and_ending_has_words() -> None:
    assert set(SILENCES) == set(Silence)
    assert {"hang_up", "disconnected", "stopped", "cut"} <= set(ENDINGS)


def test_clock_and_duration() -> None:
    assert [clock(tick) for tick in (0, 12, 13, 800, 45_000)] == [
        "0:00",
        "0:00",
        "0:01",
        "1:04",
        "1:00:00",
    ]
    assert [duration(ticks) for ticks in (0, 525, 2325, 46_500)] == [
        "0 s",
        "42 s",
        "3 min 06 s",
        "1 h 02 min",
    ]
