"""The bench's result for people: a table for the terminal, a page with timelines."""

from collections.abc import Mapping, Sequence

import numpy as np
from jinja2 import Environment, PackageLoader
from msgspec import Struct
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from copilot.bench.timing.judge import (
    Verdict,
    cards,
    events,
    interrupting,
    judge,
    leads,
    unneeded,
)
from copilot.bench.timing.measure import Figures
from copilot.bench.timing.play import Kind, Trace
from copilot.bench.timing.result import Result, Row, rows
from copilot.core.events import WithdrawCard
from copilot.core.vocabulary import Party

WIDTH = 920
"""Of a timeline, in the picture's units."""
BARS = 24


class Mark(Struct, frozen=True):
    """A box on a timeline; `x` and `wide` in the picture's units."""

    x: float
    wide: float
    row: int
    kind: str
    told: str


class Timeline(Struct, frozen=True):
    """A scene under one policy."""

    kind: str
    marks: tuple[Mark, ...]
    seconds: float
    step: int
    """Seconds between two marks of the axis."""
    verdicts: tuple[Verdict, ...]


class Chapter(Struct, frozen=True):
    """A scene under every policy."""

    name: str
    group: str
    shows: str
    met: bool
    timelines: tuple[Timeline, ...]


class Bar(Struct, frozen=True):
    x: float
    high: float
    count: int


class Histogram(Struct, frozen=True):
    """How a figure is spread, per policy."""

    name: str
    kinds: tuple[tuple[str, tuple[Bar, ...]], ...]
    low: float
    high: float
    zero: float | None
    """Where 0 lies, from 0 to 1; None outside."""


def table(result: Result, before: Result | None) -> RenderableType:
    """The figures beside their targets."""
    view = Table("measure", "target", *result.figures, *(["before"] if before else []))
    for column in view.columns[1:]:
        column.justify = "right"
    for row in rows(result, before):
        mine = Kind.COPILOT.value
        texts = [
            Text(f"{got:g}", "" if kind != mine else "green" if row.met else "bold red")
            for kind, got in row.got.items()
        ]
        view.add_row(row.target.name, row.target.told(), *texts, *_before(row))
    told = [_summary(kind, found) for kind, found in result.figures.items()]
    speed = Text(f"{result.minutes_per_minute:g} minutes of call a minute")
    return Group(view, *told, speed if result.mode == "simulated" else Text(""))


def faults(result: Result) -> RenderableType:
    """Every expectation that was not met by the copilot itself."""
    view = Table("scene", "must", "said", "came", title="Not as expected")
    for scene in result.scenes:
        if scene.kind != Kind.COPILOT.value:
            continue
        for verdict in scene.verdicts:
            if not verdict.met:
                view.add_row(scene.scene, verdict.must.value, Text(verdict.said), verdict.got)
        for passage in scene.unneeded:
            view.add_row(scene.scene, "no unneeded whisper", "", Text(passage))
    return view if view.row_count else Text("Everything came as expected.", "green")


def _before(row: Row) -> list[str]:
    return [] if row.before is None else [f"{row.before:g}"]


def _summary(kind: str, found: Figures) -> Text:
    return Text(
        f"{kind}: {found.met} of {found.verdicts} expectations in {found.scenes} scenes, "
        f"{60 * found.hours:.0f} min · {found.spoken} whispers aloud, first sound "
        f"{found.first_audio_ms.p50:.0f} ms after the line (median) · "
        f"{found.interruptions} interruptions · {found.stale_cards} stale cards"
    )


def page(
    result: Result, traces: Mapping[Kind, Sequence[Trace]], before: Result | None = None
) -> str:
    """The report as one HTML file that needs nothing else."""
    loader = Environment(
        loader=PackageLoader("copilot.bench"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return loader.get_template("timing.html").render(
        result=result,
        rows=rows(result, before),
        before=before,
        chapters=chapters(traces),
        histograms=histograms(traces),
        width=WIDTH,
    )


def chapters(traces: Mapping[Kind, Sequence[Trace]]) -> tuple[Chapter, ...]:
    """The scenes in the order of their files."""
    found = []
    for pair in zip(*traces.values(), strict=True):
        scene = pair[0].scene
        timelines = tuple(map(_timeline, pair))
        met = all(verdict.met for verdict in timelines[0].verdicts) and not unneeded(pair[0])
        found.append(Chapter(scene.name, scene.group, scene.shows, met, timelines))
    return tuple(found)


def _timeline(trace: Trace) -> Timeline:
    scale = WIDTH / max(1.0, 1000 * trace.seconds)

    def mark(start: float, end: float, row: int, kind: str, told: str) -> Mark:
        return Mark(
            round(start * scale, 1), round(max(2.0, (end - start) * scale), 1), row, kind, told
        )

    marks = [
        mark(span.start, span.end, int(one.line.party is Party.AGENT), _kind(one.line.sound), said)
        for one in trace.uttered
        for said in [one.line.say or f"({one.line.sound})"]
        for span in one.sounding
    ]
    gone = {e.inquiry: at for at, e in events(trace, WithdrawCard) if isinstance(e, WithdrawCard)}
    extra = {(at, card.inquiry) for at, card in unneeded(trace)}
    for at, card in cards(trace):
        kind = "unneeded" if (at, card.inquiry) in extra else "card"
        marks.append(mark(at, gone.get(card.inquiry, 1000 * trace.seconds), 2, kind, card.text))
    marks += [mark(span.start, span.end, 3, "ear", "whisper") for span in trace.heard]
    step = next(step for step in (1, 2, 5, 10, 20, 60, 120) if trace.seconds / step <= 24)
    return Timeline(trace.kind.value, tuple(marks), trace.seconds, step, judge(trace))


def _kind(sound: object) -> str:
    return "speech" if sound is None else "sound"


def histograms(traces: Mapping[Kind, Sequence[Trace]]) -> tuple[Histogram, ...]:
    """Leads, first sounds and stops, each policy on the same axis."""
    spreads = {
        "lead of the right card, ms": _leads,
        "end of the line to the first sound in the ear, ms": _sounds,
        "speech into a whisper to silence, ms": _stops,
    }
    return tuple(
        _histogram(name, {kind.value: take(found) for kind, found in traces.items()})
        for name, take in spreads.items()
    )


def _leads(traces: Sequence[Trace]) -> list[float]:
    return leads([verdict for trace in traces for verdict in judge(trace)])


def _sounds(traces: Sequence[Trace]) -> list[float]:
    verdicts = (verdict for trace in traces for verdict in judge(trace))
    return [verdict.speak_ms for verdict in verdicts if verdict.speak_ms is not None]


def _stops(traces: Sequence[Trace]) -> list[float]:
    return [took for trace in traces for _, took in interrupting(trace)]


def _histogram(name: str, values: Mapping[str, Sequence[float]]) -> Histogram:
    every = [value for found in values.values() for value in found] or [0.0]
    low, high = float(min(every)), float(max(max(every), min(every) + 1))
    counted = {
        kind: np.histogram(list(found), BARS, (low, high))[0] for kind, found in values.items()
    }
    kinds = []
    for kind, counts in counted.items():
        most = max(1, int(counts.max()))
        bars = tuple(
            Bar(i / BARS, float(n) / most, int(n)) for i, n in enumerate(counts.tolist()) if n
        )
        kinds.append((kind, bars))
    zero = -low / (high - low) if low <= 0 <= high else None
    return Histogram(name, tuple(kinds), low, high, zero)
