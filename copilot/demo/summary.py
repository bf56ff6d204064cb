"""What came of the sample call, for people as a table and for machines as JSON."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, to_builtins
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from copilot.core.events import Entry, Heard, ShowCard, Withheld, decode_event
from copilot.core.vocabulary import Party, Silence
from copilot.demo.notes import Arrived
from copilot.demo.script import Script
from copilot.evaluate import report
from copilot.evaluate.judge import Answer, Arrival, Outcome
from copilot.evaluate.metrics import WordErrors, word_errors
from copilot.evaluate.questions import Expected
from copilot.store.label import Verdict
from copilot.web.phrases import SILENCES

_OUTCOMES = {
    Verdict.RIGHT: "right card",
    Verdict.WRONG: "wrong card",
    Verdict.MISSED: "no card",
    Verdict.SILENT: "silent, rightly",
    Verdict.UNNEEDED: "unneeded card",
}


class Result(Struct, frozen=True):
    """One run of the sample call."""

    script: Script
    expected: Expected
    entries: Sequence[Entry]
    outcome: Outcome
    lag_ms: int = 0
    """The largest distance between what was played and what the log held."""

    def errors(self, party: Party) -> WordErrors:
        """The recognised words of `party` against the script."""
        return word_errors(self.script.text(party), heard_text(self.entries, party))

    @property
    def silences(self) -> Counter[Silence]:
        events = (entry.event for entry in self.entries)
        return Counter(event.reason for event in events if isinstance(event, Withheld))


def heard_text(entries: Sequence[Entry], party: Party) -> str:
    """All final words of `party`, in their order."""
    hearings = (
        entry.event.agent if party is Party.AGENT else entry.event.customer
        for entry in entries
        if isinstance(entry.event, Heard)
    )
    return " ".join(word.text for hearing in hearings for word in hearing.words)


def supports(entries: Sequence[Entry]) -> dict[int, int]:
    """Support of the first text of each card, percent, by inquiry."""

    found: dict[int, int] = {}
    for entry in entries:
        if isinstance(entry.event, ShowCard):
            found.setdefault(entry.event.inquiry, entry.event.support)
    return found


def picture(result: Result) -> RenderableType:
    """The summary as it is printed."""
    table = Table(title="The questions", title_justify="left", expand=True)
    table.add_column("Question", ratio=3)
    table.add_column("Outcome", ratio=2)
    for name in ("Support", "Delay", "Lead"):
        table.add_column(name, justify="right", no_wrap=True)
    known = supports(result.entries)
    for answer in result.outcome.answers:
        table.add_row(*_row(answer, known))
    return Group(table, *_facts(result), _verdict(result.outcome))


def _row(answer: Answer, known: Mapping[int, int]) -> tuple[Text, ...]:
    style = "green" if answer.verdict in report.GOOD else "red"
    support = known.get(answer.card.inquiry) if answer.card is not None else None
    lead = answer.lead_ms
    outcome = _OUTCOMES[answer.verdict]
    if answer.silence is not None and answer.card is None:
        outcome += f": {SILENCES[answer.silence].label.lower()}"
    return (
        Text(answer.question.asks),
        Text(outcome, style=style),
        Text("" if support is None else f"{support} %"),
        Text("" if lead is None else f"{-lead / 1000:+.2f} s"),
        Text("" if answer.tick_lead_ms is None else f"{answer.tick_lead_ms / 1000:+.2f} s"),
    )


def _facts(result: Result) -> Iterator[Text]:
    outcome = result.outcome
    delay = "none" if outcome.delay_ms is None else f"{outcome.delay_ms / 1000:.2f} s"
    yield Text(
        f"Right cards {outcome.right} of {outcome.answerable} (at least {outcome.needed}); "
        f"median from the end of a question to its card {delay} "
        f"(at most {outcome.targets.delay_ms / 1000:.2f} s, by the caller's clock)"
    )
    yield Text(f"Unneeded cards {len(outcome.unneeded)} (at most {outcome.targets.unneeded})")
    for card in outcome.unneeded:
        yield Text(f"  unneeded at {card.at_ms / 1000:.1f} s: {card.passage}")
    counted = ", ".join(
        f"{SILENCES[reason].label.lower()} {count}" for reason, count in result.silences.items()
    )
    yield Text(f"Silences: {counted or 'none'}")
    rates = ", ".join(f"{party} {100 * result.errors(party).rate:.0f} %" for party in Party)
    yield Text(f"Words recognised wrongly: {rates}; largest lag {result.lag_ms / 1000:.1f} s")


def _verdict(outcome: Outcome) -> Text:
    if outcome.passed:
        return Text("Passed: every target is met.", style="bold green")
    return Text("Not passed: " + "; ".join(outcome.faults) + ".", style="bold red")


def document(result: Result, machine: object) -> dict[str, object]:
    """Everything about the run, ready for JSON; `copilot.evaluate.report.Report` is its outcome."""
    return {
        "title": result.script.title,
        "passed": result.outcome.passed,
        "outcome": json.loads(report.to_json(result.outcome)),
        "supports": {str(card): support for card, support in supports(result.entries).items()},
        "silences": {str(reason): count for reason, count in result.silences.items()},
        "largest_lag_ms": result.lag_ms,
        "recognition": {str(party): _recognition(result, party) for party in Party},
        "expected": to_builtins(result.expected),
        "machine": to_builtins(machine),
    }


def _recognition(result: Result, party: Party) -> dict[str, object]:
    errors = result.errors(party)
    heard = heard_text(result.entries, party)
    return {"word_error_rate": round(errors.rate, 4), **to_builtins(errors), "heard": heard}


def arrivals(notes: Sequence[Arrived]) -> list[Arrival]:
    """The cards among the client's messages, each when it first came."""

    found = []
    for note in notes:
        event = decode_event(note.body)
        if isinstance(event, ShowCard):
            found.append(Arrival(event.inquiry, event.revision, note.at_ms))
    return found
