"""Unanswered questions of calls become gaps: clustered, named, counted, without small talk."""

import io
import json
import random
from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace
from rich.console import Console

from copilot.core.events import CardTouched
from copilot.core.vocabulary import Signals, Touch
from copilot.evaluate.cases import cases_of
from copilot.evaluate.corpus import Stored
from copilot.evaluate.gaps import Count, Unanswered, gaps, unanswered
from copilot.evaluate.gaptable import figures, render
from copilot.ports import Embedder
from copilot.store.label import Label, Verdict
from tests.helpers import SEEKS, Call, knows, nothing, passage

JOBS = (
    "are there any summer jobs for students",
    "do you have summer jobs for students",
    "is there a summer job for a student like my son",
)
STAMPS = ("can i buy stamps for letters from you", "do you sell stamps for letters")


def row(words: str, call: str = "a", tick: int = 0, **more: str) -> Unanswered:
    made = Unanswered(call, tick, words, "parcel", "2026-W48", "weak", "parcel/x#y", "Near?", 20)
    return replace(made, **more)


def rows() -> list[Unanswered]:
    jobs = [row(words, f"j{n}") for n, words in enumerate(JOBS)]
    stamps = [row(words, f"s{n}", week="2026-W47") for n, words in enumerate(STAMPS)]
    return [*jobs, *stamps, row(STAMPS[0], "s9", pack="hotel", why="dismissed")]


def test_questions_about_the_same_are_one_gap(embedder: Embedder) -> None:
    jobs, stamps = gaps(rows(), embedder)
    assert (jobs.count, jobs.calls, stamps.count, stamps.calls) == (3, 3, 3, 3)
    assert jobs.name in JOBS
    assert sorted([jobs.name, *jobs.quotes]) == sorted(JOBS)
    assert {"summer", "jobs"} & set(jobs.words)
    assert "stamps" in stamps.words
    assert stamps.counts == (
        Count("hotel", "2026-W48", 1),
        Count("parcel", "2026-W47", 2),
    )
    assert stamps.reasons == {"dismissed": 1, "weak": 2}
    assert (stamps.nearest, stamps.title, stamps.support) == ("parcel/x#y", "Near?", 20)


def test_the_order_of_the_questions_does_not_matter(embedder: Embedder) -> None:
    mixed = rows()
    random.Random(3).shuffle(mixed)
    assert gaps(mixed, embedder) == gaps(rows(), embedder)


def test_one_question_and_none(embedder: Embedder) -> None:
    assert gaps([], embedder) == ()
    (gap,) = gaps([row(JOBS[0])], embedder)
    assert (gap.name, gap.count, gap.quotes) == (JOBS[0], 1, ())


def stored(call: Call, *labels: Label) -> Stored:
    return Stored("a", tuple(call.end().log), labels, day=date(2026, 11, 26))


def judged(verdict: Verdict, passage: str = "") -> Label:
    at = datetime(2026, 11, 26, tzinfo=UTC)
    return Label(call_id="call", inquiry=1, verdict=verdict, by="lea", at=at, passage=passage)


def test_what_counts_as_unanswered() -> None:
    weak = Call(knows(passage(score=9))).customer(f"well {JOBS[0]}").quiet(40)
    (one,) = unanswered(stored(weak))
    assert one == Unanswered(
        call="call",
        tick=one.tick,
        words=JOBS[0],
        pack="parcel",
        week="2026-W48",
        why="weak",
        nearest=passage().id,
        title=passage().title,
        support=9,
    )
    none = Call(nothing).customer(JOBS[0]).quiet(40)
    (one,) = unanswered(stored(none))
    assert (one.why, one.pack, one.nearest) == ("no_evidence", "test", "")
    old = Call(knows(passage(valid_until="2026-01-01")), date="2026-11-26")
    (one,) = unanswered(stored(old.customer("can i change the delivery address").quiet(40)))
    assert one.why == "expired"


def carded(*touches: Touch) -> Call:
    call = Call(knows(passage())).customer("can i change the delivery address of my parcel")
    call.quiet(12)
    for how in touches:
        call.give(CardTouched(1, how))
    return call.quiet(20)


def test_a_dismissed_card_did_not_answer_and_a_used_one_did() -> None:
    (one,) = unanswered(stored(carded(Touch.DISMISSED)))
    assert one.why == "dismissed"
    assert list(unanswered(stored(carded(Touch.USED)))) == []
    assert list(unanswered(stored(carded()))) == []


def test_people_say_what_is_a_gap() -> None:
    (one,) = unanswered(stored(carded(), judged(Verdict.WRONG)))
    assert one.why == "wrong"
    assert list(unanswered(stored(carded(), judged(Verdict.WRONG, "parcel/x#y")))) == []
    assert list(unanswered(stored(carded(Touch.DISMISSED), judged(Verdict.UNNEEDED)))) == []

    def chat() -> Call:
        return Call(knows(passage(score=9))).customer("the garden was very dry today").quiet(40)

    assert list(unanswered(stored(chat()))) == []
    (one,) = unanswered(stored(chat(), judged(Verdict.MISSED)))
    assert one.words == "the garden was very dry today"
    jobs = Call(knows(passage(score=9))).customer(JOBS[0]).quiet(40)
    assert list(unanswered(stored(jobs, judged(Verdict.SILENT)))) == []


def test_small_talk_is_no_gap_by_its_form_where_nothing_estimates_it() -> None:
    call = Call(knows(passage(score=9)), signals=Signals(seeking=100))
    call.customer("not too bad it has been raining here all morning").quiet(40)
    call.customer("how are you doing there today my friend daniel").quiet(40)
    assert [case.seeking for case in cases_of(call.log)] == [None, None]
    assert list(unanswered(stored(call))) == []


@pytest.mark.parametrize(("seeking", "found"), [(50, 1), (49, 0)])
@pytest.mark.parametrize("words", ["the garden was very dry today", JOBS[0]])
def test_an_estimate_in_the_log_outweighs_the_form_of_the_words(
    words: str, seeking: int, found: int
) -> None:
    call = Call(knows(passage(score=9)), need=SEEKS, signals=Signals(seeking=seeking))
    call.customer(words).quiet(40)
    assert [case.seeking for case in cases_of(call.log)] == [seeking]
    assert len(list(unanswered(stored(call)))) == found


def test_without_passages_search_estimates_nothing() -> None:
    (one,) = unanswered(stored(Call(nothing, need=SEEKS).customer(JOBS[0]).quiet(40)))
    assert one.why == "no_evidence"


@pytest.mark.parametrize("width", [60, 120])
def test_the_gaps_fit_the_terminal(embedder: Embedder, width: int) -> None:
    found = gaps(rows(), embedder)
    console = Console(file=io.StringIO(), width=width)
    console.print(render(found, 7))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= width
    assert "6 unanswered questions in 7 calls, 2 gaps" in text
    assert "2026-W47" in text
    assert "nearest passage: Near? (20 %)" in text
    written = json.loads(json.dumps(figures(found, 7)))
    assert [gap["count"] for gap in written["gaps"]] == [3, 3]
    console.print(render((), 1))
    assert "No unanswered question in 1 call." in console.file.getvalue()  # type: ignore[attr-defined]
