"""Excerpts around what was found, and judgements that fit their moment."""

from datetime import UTC, datetime

import pytest

from copilot.console.review import Excerpt, excerpt, judge, pattern_of
from copilot.errors import LabelError
from copilot.evaluate.labels import labels_of
from copilot.store.label import Verdict
from tests.console.calls import asked

NOW = datetime(2026, 11, 26, tzinfo=UTC)
TALK = "agent: good morning\ncustomer: i want a refund for my broken parcel\nagent: let me see"


def found(words: str, text: str = TALK) -> Excerpt | None:
    pattern = pattern_of(words)
    assert pattern is not None
    return excerpt(text, pattern)


def test_an_excerpt_is_of_the_line_that_was_found() -> None:
    assert found("refu") == Excerpt("customer: i want a ", "refund", " for my broken parcel")
    assert found('"Broken parcel"') == Excerpt(
        "customer: i want a refund for my ", "broken parcel", ""
    )
    assert found("elephant") is None
    assert pattern_of('" "') is None
    long = "word " * 40 + "needle " + "word " * 40
    cut = found("needle", long)
    assert cut is not None
    assert cut.before.startswith("… ")
    assert cut.after.endswith(" …")


def test_a_verdict_fits_its_moment() -> None:
    shown = labels_of(asked().end().log)
    held = labels_of(asked(answered=False).end().log)
    made = judge(shown, "c", 1, "right", "lead", NOW)
    assert (made.verdict, made.by) == (Verdict.RIGHT, "lead")
    assert judge(held, "c", 1, "missed", "lead", NOW, "p/a#b").passage == "p/a#b"
    for cases, verdict, told in (
        (shown, "missed", "it had a card; say right or wrong or unneeded"),
        (held, "right", "it had no card; say missed or silent"),
        (held, "great", "it had no card"),
    ):
        with pytest.raises(LabelError, match=told):
            judge(cases, "c", 1, verdict, "lead", NOW)
    with pytest.raises(LabelError, match="no such moment"):
        judge(shown, "c", 2, "right", "lead", NOW)
    with pytest.raises(LabelError, match="nothing answers"):
        judge(shown, "c", 1, "right", "lead", NOW, "none")
    [case] = shown
    with pytest.raises(LabelError, match="is the one that was shown"):
        judge(shown, "c", 1, "wrong", "lead", NOW, case.passage)
    with pytest.raises(LabelError, match="cannot be kept"):
        judge(shown, "c", 1, "right", "lead", NOW, note="x" * 2001)
