"""An outcome as tables for the terminal and as JSON for scripts."""

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from copilot.evaluate.judge import Answer, Card, Outcome
from copilot.store.label import Verdict

GOOD = {Verdict.RIGHT, Verdict.SILENT}
"""Verdicts that need no improvement."""


class Report(msgspec.Struct, frozen=True):
    """What `to_json` writes."""

    passed: bool
    faults: tuple[str, ...]
    right: int
    answerable: int
    needed: int
    delay_ms: float | None
    cards: int
    unneeded: tuple[Card, ...]
    answers: tuple[Answer, ...]
    lead_ms: tuple[float | None, ...]
    """Of each answer: from its right card to the end of its question; null without one."""
    tick_lead_ms: tuple[int | None, ...]
    """The same by ticks, without the way to the screen."""


def to_json(outcome: Outcome) -> bytes:
    """The outcome as one indented JSON object; `Report` names its members."""
    report = Report(
        passed=outcome.passed,
        faults=outcome.faults,
        right=outcome.right,
        answerable=outcome.answerable,
        needed=outcome.needed,
        delay_ms=outcome.delay_ms,
        cards=outcome.cards,
        unneeded=outcome.unneeded,
        answers=outcome.answers,
        lead_ms=tuple(answer.lead_ms for answer in outcome.answers),
        tick_lead_ms=tuple(answer.tick_lead_ms for answer in outcome.answers),
    )
    return msgspec.json.format(msgspec.json.encode(report), indent=2)


def render(outcome: Outcome) -> RenderableType:
    """Questions, unneeded cards, totals and the verdict, for `rich.console.Console.print`."""
    parts: list[RenderableType] = [_questions(outcome)]
    if outcome.unneeded:
        parts.append(_unneeded(outcome))
    return Group(*parts, _totals(outcome), _verdict(outcome))


def _questions(outcome: Outcome) -> Table:
    table = Table(
        "at", "question", "expected", "came", "lead", "card or silence", title="Questions"
    )
    for column in (0, 4):
        table.columns[column].justify = "right"
    for answer in outcome.answers:
        table.add_row(
            clock(answer.question.at_ms),
            Text(answer.question.asks),
            answer.question.expects.value,
            Text(answer.verdict.value, style="green" if answer.verdict in GOOD else "bold red"),
            lead(answer.lead_ms),
            Text(_why(answer)),
        )
    return table


def _why(answer: Answer) -> str:
    if answer.card is not None:
        return answer.card.passage
    reason = answer.silence.value if answer.silence else "nothing was asked"
    return reason if answer.rank is None else f"{reason}, search had it at rank {answer.rank}"


def _unneeded(outcome: Outcome) -> Table:
    table = Table("at", "passage", "card", title="Cards that nobody needed")
    for card in outcome.unneeded:
        table.add_row(clock(card.at_ms), Text(card.passage), Text(card.text))
    return table


def _totals(outcome: Outcome) -> Text:
    delay = "no card" if outcome.delay_ms is None else f"{outcome.delay_ms:.0f} ms"
    return Text(
        f"{outcome.right} of {outcome.answerable} questions got their right card "
        f"({outcome.needed} needed) · median from end of question to card: {delay} "
        f"(at most {outcome.targets.delay_ms}) · {len(outcome.unneeded)} of {outcome.cards} cards "
        f"unneeded (at most {outcome.targets.unneeded})"
    )


def _verdict(outcome: Outcome) -> Text:
    if outcome.passed:
        return Text("passed", style="bold green")
    return Text("failed: " + "; ".join(outcome.faults), style="bold red")


def lead(milliseconds: float | None) -> str:
    """A lead with its sign: ``+0.40 s`` is before the end of the question, ``-0.70 s`` after."""
    return "" if milliseconds is None else f"{milliseconds / 1000:+.2f} s"


def clock(milliseconds: float) -> str:
    """A time in a call: ``2:07``."""
    minutes, seconds = divmod(int(milliseconds // 1000), 60)
    return f"{minutes}:{seconds:02d}"
