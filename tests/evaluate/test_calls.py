"""Precision, recall, burden and calibration of calls, read from files or the database."""

import asyncio
import io
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from copilot.core.events import CallStarted, CardTouched, Entry
from copilot.core.vocabulary import Signals, Silence, Touch
from copilot.errors import LabelError
from copilot.evaluate.calls import Quality, Share, Tally, figures, render
from copilot.evaluate.corpus import Stored, from_files, from_store, read_labels, write_labels
from copilot.evaluate.labels import Use
from copilot.evaluate.logs import write
from copilot.evaluate.questions import Expected, Expects, Question
from copilot.store.label import Label, Verdict
from copilot.store.log import open_store
from tests.helpers import SEEKS, Call, knows, passage

ASKS = "can i change the delivery address of my parcel"
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def call(need: int = 80, touch: Touch | None = None, name: str = "call") -> tuple[Entry, ...]:
    """Support is `need`, for the passage is sure."""
    made = Call(knows(passage(score=100)), need=SEEKS, signals=Signals(seeking=need))
    made.customer(ASKS).quiet(12)
    if touch:
        made.give(CardTouched(1, touch))
    first, *rest = made.quiet(600).end().log
    assert isinstance(first.event, CallStarted)
    started = msgspec.structs.replace(first.event, call_id=name, date="2026-11-26")
    return (Entry(0, 0, started), *rest)


def label(verdict: Verdict, call_id: str = "call", passage: str = "") -> Label:
    return Label(call_id=call_id, inquiry=1, verdict=verdict, by="lea", at=NOON, passage=passage)


def quality(calls: Sequence[Stored]) -> Quality:
    tally = Tally()
    for one in calls:
        tally.add(one)
    return tally.quality()


def text_of(shown: object, width: int = 100) -> str:
    written = io.StringIO()
    Console(file=written, width=width).print(shown)
    return written.getvalue()


def test_the_figures_of_four_calls() -> None:
    found = quality(
        [
            Stored("used", call(touch=Touch.USED)),
            Stored("dismissed", call(90, Touch.DISMISSED)),
            Stored("unknown", call()),
            Stored("missed", call(30), (label(Verdict.MISSED, passage=passage().id),)),
        ]
    )
    assert (found.calls, found.cards, found.judged) == (4, 3, 1)
    assert found.precision == Share(1, 2)
    assert found.recall == Share(0, 1)
    assert found.unneeded == 1
    assert found.unneeded_per_hour == pytest.approx(1 / found.hours)
    assert found.expected_unneeded_per_hour == pytest.approx(0.5 / found.hours)
    assert found.uses == {Use.USED: 1, Use.DISMISSED: 1, Use.IGNORED: 1}
    assert found.silences == {Silence.WEAK: 1}
    pairs = [(one.said, one.came) for one in found.calibration.bins]
    assert pairs == [(0.3, 1.0), (0.8, 1.0), (0.9, 0.0)]
    assert [(one.said, one.came) for one in found.need_calibration.bins] == pairs
    assert found.lead_ms is not None


def test_need_is_not_judged_where_nothing_estimated_it() -> None:
    plain = Call(knows(passage())).customer(ASKS).quiet(12)
    plain.give(CardTouched(1, Touch.DISMISSED))
    found = quality([Stored("a", tuple(plain.end().log))])
    assert (found.calibration.count, found.need_calibration.count) == (1, 0)


def test_recall_counts_what_people_say_only() -> None:
    """A used card came by definition; counting it would make recall perfect without any label."""
    assert quality([Stored("a", call(touch=Touch.USED))]).recall.rate is None
    judged = quality([Stored("a", call(touch=Touch.USED), (label(Verdict.RIGHT),))])
    assert judged.recall == Share(1, 1)


def test_a_question_that_opened_no_inquiry_is_missed_too() -> None:
    lost = Question(asks="?", at_ms=3_000_000, expects=Expects.CARD, passages=("parcel/x#y",))
    found = quality([Stored("a", call(30), expected=Expected((lost,)))])
    assert found.recall == Share(0, 1)


def test_without_calls_nothing_is_known() -> None:
    found = Tally().quality()
    assert (found.calls, found.precision.rate, found.lead_ms) == (0, None, None)
    assert json.loads(json.dumps(figures(found)))["recall"] == {"part": 0, "of": 0, "rate": None}


@pytest.mark.parametrize("width", [60, 120])
def test_the_table_fits_the_terminal(width: int) -> None:
    found = quality([Stored("used", call(touch=Touch.USED)), Stored("weak", call(30))])
    text = text_of(render(found), width)
    assert max(map(len, text.splitlines())) <= width
    plain = " ".join(text.split())
    assert "100 %: 1 of 1 cards" in plain
    assert "nobody has told yet" in plain
    assert "weak 1" in plain


async def test_log_files_take_their_labels_and_questions_from_beside_them(tmp_path: Path) -> None:
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    one.write_bytes(write(call(name="one")))
    other.write_bytes(write(call(30, name="other")))
    expected = Expected((Question(asks="?", at_ms=3000, expects=Expects.SILENCE),))
    (tmp_path / "other.questions.json").write_bytes(msgspec.json.encode(expected))
    labels = [label(Verdict.UNNEEDED, "one"), label(Verdict.RIGHT, "third")]
    found = [call async for call in from_files([one, other], labels)]
    assert [call.labels for call in found] == [(labels[0],), ()]
    assert [call.expected for call in found] == [None, expected]
    assert [call.day for call in found] == [date(2026, 11, 26)] * 2
    assert [one.verdict for call in found for one in call.labelled()] == [
        Verdict.UNNEEDED,
        Verdict.SILENT,
    ]


async def test_questions_that_are_none(tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    log.write_bytes(write(call()))
    (tmp_path / "a.questions.json").write_text("{}")
    with pytest.raises(LabelError, match="not the questions of a call"):
        _ = [call async for call in from_files([log])]


async def test_stored_calls_come_newest_first_since_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copilot.evaluate.corpus.PAGE", 2)
    day = NOON.replace(day=1)
    store = await open_store(f"sqlite:///{tmp_path}/x.sqlite", lambda: day)
    for number in range(1, 6):
        day = NOON.replace(day=number)
        store.append(f"c{number}", list(call(name=f"c{number}")))
    store.append("live", list(call(name="live"))[:5])
    async with asyncio.timeout(10):
        while store.lag:
            await asyncio.sleep(0.01)
    await store.labels.add([label(Verdict.RIGHT, "c3")])
    found = [(one.name, one.day, len(one.labels)) async for one in from_store(store)]
    assert found == [(f"c{n}", date(2026, 11, n), int(n == 3)) for n in (5, 4, 3, 2, 1)]
    since = [one.name async for one in from_store(store, NOON.replace(day=4))]
    assert since == ["c5", "c4"]
    assert [one.name async for one in from_store(store, packs=["test"])][:1] == ["c5"]
    assert [one.name async for one in from_store(store, packs=["hotel"])] == []
    await store.close()


def test_labels_are_read_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    labels = [label(Verdict.WRONG, passage="parcel/x#y"), label(Verdict.SILENT, "b")]
    path.write_bytes(write_labels(labels))
    assert read_labels(path) == labels


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{}", "missing required field `call_id`"),
        ("hello", "JSON is malformed"),
        ('{"call_id":"a","inquiry":1,"verdict":"splendid","by":"l","at":"2026-11-26T12:00:00Z"}',
         "Invalid enum value 'splendid'"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_label_is_named(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_bytes(write_labels([label(Verdict.RIGHT)]) + line.encode())
    with pytest.raises(LabelError, match="line 2: not a label") as caught:
        read_labels(path)
    assert says in str(caught.value)
