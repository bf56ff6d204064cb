"""The bench's figures over many traces, each beside its target."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from copilot.bench.timing.judge import (
    Must,
    Verdict,
    events,
    interrupting,
    judge,
    leads,
    overlaps,
    spoken,
    stale,
    unneeded,
)
from copilot.bench.timing.play import Trace
from copilot.core.events import Withheld
from copilot.core.vocabulary import Party

HOUR_S = 3600


class Spread(Struct, frozen=True):
    """A distribution, milliseconds."""

    count: int
    p5: float
    p50: float
    p95: float
    worst: float


class Figures(Struct, frozen=True):
    """One policy over all scenes."""

    kind: str
    scenes: int
    hours: float
    needed: int
    served_percent: float
    """Needed moments whose right card came in time."""
    lead_ms: Spread
    """From the right card to the end of its line, where the words allow one before it."""
    first_card_ms: Spread
    """From the beginning of the line to its right card."""
    spoken: int
    """Whispers that were begun aloud."""
    first_audio_ms: Spread
    """From the end of the line to the first sound in the ear."""
    interruptions: int
    interrupt_ms: Spread
    """From the first sound of who speaks into a whisper to silence in the ear."""
    whisper_seconds: float
    overlap_customer_seconds: float
    overlap_customer_percent: float
    overlap_agent_seconds: float
    overlap_agent_percent: float
    unneeded: int
    unneeded_per_hour: float
    backchannels: int
    backchannel_percent: float
    """Backchannels that neither bring nor stop anything."""
    pauses: int
    pause_percent: float
    """Pauses inside a customer's turn in which nothing begins."""
    silent_percent: float
    """Lines that must bring nothing, and bring nothing."""
    stale_cards: int
    silences: dict[str, int]
    """Withheld whispers by their reason."""
    met: int
    verdicts: int


def figures(traces: Sequence[Trace]) -> Figures:
    """Sums and spreads; `traces` are one policy's."""
    verdicts = [verdict for trace in traces for verdict in judge(trace)]
    hours = sum(trace.seconds for trace in traces) / HOUR_S
    whispered = sum(span.end - span.start for t in traces for span in t.heard) / 1000
    over = Counter[Party]()
    for trace in traces:
        over.update(overlaps(trace))
    extra = sum(len(unneeded(trace)) for trace in traces)
    stops = [took for trace in traces for _, took in interrupting(trace)]
    silences = Counter(
        event.reason.value
        for trace in traces
        for _, event in events(trace, Withheld)
        if isinstance(event, Withheld)
    )
    return Figures(
        kind=traces[0].kind.value,
        scenes=len(traces),
        hours=round(hours, 3),
        needed=_count(verdicts, Must.WHISPER),
        served_percent=_share(verdicts, Must.WHISPER),
        lead_ms=spread(leads(verdicts)),
        first_card_ms=spread(_first_cards(traces)),
        spoken=sum(len(spoken(trace)) for trace in traces),
        first_audio_ms=spread([v.speak_ms for v in verdicts if v.speak_ms is not None]),
        interruptions=len(stops),
        interrupt_ms=spread(stops),
        whisper_seconds=round(whispered, 2),
        overlap_customer_seconds=round(over[Party.CUSTOMER], 2),
        overlap_customer_percent=_percent(over[Party.CUSTOMER], whispered),
        overlap_agent_seconds=round(over[Party.AGENT], 2),
        overlap_agent_percent=_percent(over[Party.AGENT], whispered),
        unneeded=extra,
        unneeded_per_hour=round(extra / hours, 2),
        backchannels=_count(verdicts, Must.NOT_STOP),
        backchannel_percent=_share(verdicts, Must.NOT_STOP),
        pauses=_count(verdicts, Must.PAUSE),
        pause_percent=_share(verdicts, Must.PAUSE),
        silent_percent=_share(verdicts, Must.SILENT),
        stale_cards=sum(map(stale, traces)),
        silences=dict(sorted(silences.items())),
        met=sum(verdict.met for verdict in verdicts),
        verdicts=len(verdicts),
    )


def spread(values: Sequence[float]) -> Spread:
    """Percentiles of `values`; zeros for none."""
    if not values:
        return Spread(0, 0.0, 0.0, 0.0, 0.0)
    low, middle, high = (round(float(v), 1) for v in np.percentile(values, (5, 50, 95)))
    return Spread(len(values), low, middle, high, round(float(max(values)), 1))


class Target(Struct, frozen=True):
    """A figure that the bench asks for."""

    name: str
    figure: str
    least: float | None = None
    most: float | None = None

    def met(self, got: float) -> bool:
        return (self.least is None or got >= self.least) and (self.most is None or got <= self.most)

    def told(self) -> str:
        return f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"


TARGETS = (
    Target("pause tolerance, %", "pause_percent", least=98),
    Target("backchannel tolerance, %", "backchannel_percent", least=98),
    Target("interrupt latency p95, ms", "interrupt_ms.p95", most=100),
    Target("overlap with the customer, % of whisper time", "overlap_customer_percent", most=2),
    Target("needed moments served, %", "served_percent", least=90),
    Target("median lead, ms", "lead_ms.p50", least=0),
    Target("unneeded whispers per hour", "unneeded_per_hour", most=2),
)


def value(found: Figures, name: str) -> float:
    """A figure by its path, ``lead_ms.p50``."""
    got: object = found
    for part in name.split("."):
        got = getattr(got, part)
    assert isinstance(got, int | float)
    return got


def _first_cards(traces: Sequence[Trace]) -> list[float]:
    found = []
    for trace in traces:
        lengths = {(one.end, one.line.say): one.end - one.start for one in trace.uttered}
        found += [
            lengths[verdict.at_ms, verdict.said] - verdict.ms
            for verdict in judge(trace)
            if verdict.must is Must.WHISPER and verdict.ms is not None
        ]
    return found


def _count(verdicts: Sequence[Verdict], must: Must) -> int:
    return sum(verdict.must is must for verdict in verdicts)


def _share(verdicts: Sequence[Verdict], must: Must) -> float:
    mine = [verdict.met for verdict in verdicts if verdict.must is must]
    return _percent(sum(mine), len(mine)) if mine else 100.0


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2) if whole else 0.0
