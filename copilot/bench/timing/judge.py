"""What is right and wrong about a played scene: each expectation with what came of it."""

from collections.abc import Iterator, Sequence
from enum import StrEnum

from msgspec import Struct

from copilot.bench.timing.play import Trace
from copilot.bench.timing.scene import Line
from copilot.bench.timing.stage import Span, Uttered
from copilot.core.events import Effect, ShowCard, Speak, StopSpeaking, WithdrawCard, Withheld
from copilot.core.vocabulary import Party

AFTER_MS = 1500
"""How long after a line that must bring nothing something that comes is its fault."""
AFTER_PAUSE_MS = 80
"""One tick: what begins this long after a pause was decided in it."""
QUIET_MS = 200
"""Silence of the ear that ends a stop."""
STALE_MS = 4000
"""How long after the agent has said it a card may stay on the screen."""


class Must(StrEnum):
    """What is expected."""

    WHISPER = "whisper by"
    SILENT = "stay silent"
    UNSPOKEN = "stay silent in the ear"
    STOP = "stop within"
    NOT_STOP = "not stop, not trigger"
    PAUSE = "not take a pause for an end"


class Verdict(Struct, frozen=True):
    """One expectation and what came of it."""

    must: Must
    party: Party
    said: str
    at_ms: float
    """When its line or pause ended; when it began, of what must stop."""
    met: bool
    """What came was what was expected."""
    got: str
    """What came, in words."""
    ms: float | None = None
    """Of a whisper: lead, from its card to the end of the line; of a stop: how long it took."""
    speak_ms: float | None = None
    """Of a whisper that was heard: from the end of the line to its first sound."""
    early: bool = False
    """Whether the words allow a card before the end of the line."""


def events(trace: Trace, kind: type[Effect]) -> list[tuple[float, Effect]]:
    """Effects of a kind with their times."""
    return [(at, e.event) for at, e in trace.entries if isinstance(e.event, kind)]


def cards(trace: Trace) -> list[tuple[float, ShowCard]]:
    return [(at, e) for at, e in events(trace, ShowCard) if isinstance(e, ShowCard)]


def spoken(trace: Trace) -> list[tuple[float, Speak]]:
    return [(at, e) for at, e in events(trace, Speak) if isinstance(e, Speak)]


def judge(trace: Trace) -> tuple[Verdict, ...]:
    """Every expectation of the scene, in the order of time."""
    found = [verdict for one in trace.uttered for verdict in _line(trace, one)]
    return tuple(sorted(found, key=lambda verdict: verdict.at_ms))


def unneeded(trace: Trace) -> list[tuple[float, ShowCard]]:
    """First cards of an inquiry that no line's need calls for, and their corrections."""
    wanted = [(one.start, one.line.needs) for one in trace.uttered if one.line.needs]
    return [
        (at, card)
        for at, card in cards(trace)
        if not any(
            needs is not None and start <= at and card.cites[0] in needs.passages
            for start, needs in wanted
        )
        and not _allowed(trace, at)
    ]


def _allowed(trace: Trace, at: float) -> bool:
    """A card for a line that only the ear must not answer."""
    return any(
        one.line.unspoken and not one.line.needs and one.start <= at <= one.end + AFTER_MS
        for one in trace.uttered
    )


def _line(trace: Trace, one: Uttered) -> Iterator[Verdict]:
    line = one.line
    if line.needs is not None:
        yield _whisper(trace, one)
    if line.silent:
        came = _came(trace, one, AFTER_MS, (ShowCard, Speak))
        yield _verdict(Must.SILENT, one, not came, came or "silence")
    if line.unspoken:
        came = _came(trace, one, AFTER_MS, (Speak,))
        yield _verdict(Must.UNSPOKEN, one, not came, came or "silence")
    if line.stops is not None and (took := stop_ms(trace, one.start)) is not None:
        met = took <= line.stops and not _again(trace, one)
        said = f"silent after {took:.0f} ms" + ("" if met else f", at most {line.stops}")
        yield _verdict(Must.STOP, one, met, said, took, at=one.start)
    if line.backchannel:
        came = _came(trace, one, AFTER_MS, (ShowCard, Speak)) or _stopped(trace, one)
        yield _verdict(Must.NOT_STOP, one, not came, came or "nothing")
    if line.party is Party.CUSTOMER:
        for pause in one.pauses:
            came = _in_pause(trace, one, pause)
            yield Verdict(
                Must.PAUSE, line.party, line.say, pause.end, not came, came or "nothing", None
            )


def _verdict(
    must: Must, one: Uttered, met: bool, got: str, ms: float | None = None, at: float | None = None
) -> Verdict:
    said = one.line.say or f"({one.line.sound})"
    return Verdict(must, one.line.party, said, one.end if at is None else at, met, got, ms)


def _whisper(trace: Trace, one: Uttered) -> Verdict:
    needs = one.line.needs
    assert needs is not None
    right = [
        (at, card)
        for at, card in cards(trace)
        if at >= one.start and card.cites[0] in needs.passages
    ]
    said = one.line.say
    if not right:
        why = [e.reason.value for at, e in events(trace, Withheld) if isinstance(e, Withheld)]
        got = f"no card ({why[-1]})" if why else "no card"
        return Verdict(Must.WHISPER, one.line.party, said, one.end, False, got, early=needs.early)
    at, card = right[0]
    first = next((a for a, e in spoken(trace) if e.whisper == card.inquiry), None)
    sound = next((span.start for span in trace.heard if first and span.start >= first), None)
    met = at <= one.end + needs.by
    got = f"card {abs(one.end - at):.0f} ms {'before' if at <= one.end else 'after'} the end"
    return Verdict(
        Must.WHISPER,
        one.line.party,
        said,
        one.end,
        met,
        got,
        one.end - at,
        None if sound is None else sound - one.end,
        needs.early,
    )


def _came(trace: Trace, one: Uttered, after: float, kinds: tuple[type[Effect], ...]) -> str:
    """What began because of the line; what an earlier need calls for is not its fault."""
    owed = {
        passage
        for other in trace.uttered
        if other.line.needs and other is not one and other.start < one.end
        for passage in other.line.needs.passages
    }
    told = {card.inquiry: card.cites[0] for _, card in cards(trace)}
    for at, entry in trace.entries:
        event = entry.event
        if not (one.start <= at <= one.end + after and isinstance(event, kinds)):
            continue
        if isinstance(event, ShowCard) and event.cites[0] not in owed:
            return f"card {event.cites[0]}"
        if isinstance(event, Speak) and told.get(event.whisper) not in owed:
            return f"whisper {event.text!r}"
    return ""


def _stopped(trace: Trace, one: Uttered) -> str:
    """A whisper that was stopped while the line was said."""
    for at, event in events(trace, StopSpeaking):
        if isinstance(event, StopSpeaking) and one.start <= at <= one.end + QUIET_MS:
            return f"stopped: {event.reason}"
    return ""


def _again(trace: Trace, one: Uttered) -> bool:
    """Whether what the line cut is said aloud again."""
    before = {e.whisper for at, e in spoken(trace) if at <= one.start}
    return any(e.whisper in before for at, e in spoken(trace) if at > one.start)


def _in_pause(trace: Trace, one: Uttered, pause: Span) -> str:
    """A whisper that began in the pause, or a card that the line has no need of."""
    for at, entry in trace.entries:
        event = entry.event
        if not pause.start <= at <= pause.end + AFTER_PAUSE_MS:
            continue
        if isinstance(event, Speak):
            return f"whisper {event.text!r}"
        needs = one.line.needs
        right = needs.passages if needs else ()
        if isinstance(event, ShowCard) and event.cites[0] not in right and not one.line.unspoken:
            return f"card {event.cites[0]}"
    return ""


def stop_ms(trace: Trace, onset: float) -> float | None:
    """How long a whisper that is heard at `onset` goes on; None where none is, or it was over."""
    playing = next((span for span in trace.heard if span.start <= onset < span.end), None)
    if playing is None:
        return None
    end = playing.end
    for span in trace.heard:
        if span.start > end and span.start - end < QUIET_MS:
            end = span.end
    stopped = any(onset <= at <= end + 1000 for at, _ in events(trace, StopSpeaking))
    return end - onset if stopped else None


def overlaps(trace: Trace) -> dict[Party, float]:
    """Seconds in which a party speaks and the ear is not silent."""
    return {
        party: sum(
            span.overlap(heard.start, heard.end)
            for one in trace.uttered
            if one.line.party is party and one.words
            for span in one.sounding
            for heard in trace.heard
        )
        / 1000
        for party in Party
    }


def stale(trace: Trace) -> int:
    """Cards that stay on the screen long after the agent has gone on to something else."""
    down = {e.inquiry: at for at, e in events(trace, WithdrawCard) if isinstance(e, WithdrawCard)}
    count = 0
    for at, card in cards(trace):
        answered = _answered(trace, at)
        gone = down.get(card.inquiry, 1000 * trace.seconds)
        count += answered is not None and not card.revision and gone - answered > STALE_MS
    return count


def _answered(trace: Trace, shown: float) -> float | None:
    """The end of the agent's next line of some length: he has said what he had to say."""
    return next(
        (
            one.end
            for one in trace.uttered
            if one.line.party is Party.AGENT and one.start > shown and len(one.words) >= 6
        ),
        None,
    )


def interrupting(trace: Trace) -> list[tuple[Line, float]]:
    """Lines that began while a whisper was heard, with how long it went on."""
    found: list[tuple[Line, float]] = []
    for one in trace.uttered:
        if one.words and not one.line.backchannel:
            took = stop_ms(trace, one.start)
            if took is not None:
                found.append((one.line, took))
    return found


def leads(verdicts: Sequence[Verdict]) -> list[float]:
    """Leads of the whispers whose words allow one."""
    return [v.ms for v in verdicts if v.must is Must.WHISPER and v.early and v.ms is not None]
