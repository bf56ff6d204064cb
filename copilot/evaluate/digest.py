"""What search and analytics read out of a past call: its words, and what its moments came to."""

from collections.abc import Callable, Iterable, Sequence

from copilot.core.events import CallStarted, Entry, Heard
from copilot.core.transcript import Line
from copilot.core.vocabulary import Party, Word
from copilot.evaluate.gaps import asked
from copilot.evaluate.labels import Labelled, labels_of
from copilot.store.console.rows import Digest, Moment
from copilot.store.label import Label

VERSION = 1
"""To be raised when a digest says something else of the same log: then it is made again."""
WORDS = 200_000
"""Characters of a call that can be searched: PostgreSQL takes a megabyte at most."""


def digest(
    call_id: str,
    entries: Sequence[Entry],
    labels: Iterable[Label] = (),
    talk: Callable[[str], str] = str,
    part: Callable[[str], str] = str,
) -> Digest:
    """The digest of a whole log.

    `talk` and `part` are what whole talk, and words out of it, go through before they are kept.
    """
    started = entries[0].event
    assert isinstance(started, CallStarted), "a log begins with call_started"
    return Digest(
        call_id,
        VERSION,
        started.level,
        started.ruling,
        started.policy.budget,
        started.policy.shadow,
        talk(words(entries).replace("\0", "")[:WORDS]),
        tuple(_moment(one, started, part) for one in labels_of(entries, labels)),
    )


def words(entries: Iterable[Entry]) -> str:
    """All that was said, a line a turn, in the order in which the turns began."""
    lines: list[Line] = []
    open_: dict[Party, list[Word]] = {Party.AGENT: [], Party.CUSTOMER: []}
    for entry in entries:
        if isinstance(entry.event, Heard):
            for party, hearing in _hearings(entry.event):
                run = open_[party]
                if run and hearing[0].start - run[-1].end >= GAP:
                    lines.append(Line(party, tuple(run)))
                    run.clear()
                run.extend(hearing)
    lines += [Line(party, tuple(run)) for party, run in open_.items() if run]
    ordered = sorted(lines, key=lambda line: line.start)
    return "\n".join(f"{line.party}: {line.text}" for line in ordered)


GAP = 12
"""Ticks between two words of a party after which a new line begins, as in core/transcript."""


def _hearings(heard: Heard) -> Iterable[tuple[Party, Sequence[Word]]]:
    if heard.agent.words:
        yield Party.AGENT, heard.agent.words
    if heard.customer.words:
        yield Party.CUSTOMER, heard.customer.words


def _moment(one: Labelled, started: CallStarted, clean: Callable[[str], str]) -> Moment:
    case = one.case
    pack = case.passage.split("/")[0] if case.passage else _only(started.packs)
    return Moment(
        case.inquiry,
        case.tick,
        pack[:128],
        case.silence or "",
        one.use,
        one.verdict or "",
        one.needed,
        one.useful,
        asked(one),
        case.support,
        case.need,
        case.seeking is not None,
        case.spent,
        case.lead_ms,
        *(text.replace("\0", "") for text in (case.passage, case.title, clean(case.query))),
    )


def _only(packs: Sequence[str]) -> str:
    """The call's pack; empty where it had several, and any may have been meant."""
    return packs[0].split("@")[0] if len(packs) == 1 else ""
