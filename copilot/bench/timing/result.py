"""A run of the bench as figures for machines, and how it compares with an earlier one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from copilot.bench.timing.judge import Verdict, judge, unneeded
from copilot.bench.timing.measure import TARGETS, Figures, Target, figures, value
from copilot.bench.timing.play import Kind, Trace
from copilot.errors import UserError
from copilot.machine import machine


class SceneResult(Struct, frozen=True):
    """One scene under one policy."""

    scene: str
    kind: str
    seconds: float
    verdicts: tuple[Verdict, ...]
    unneeded: tuple[str, ...]
    skipped: int
    """Lines that were to speak into a whisper that did not come."""


class Result(Struct, frozen=True):
    """What ``--json`` writes."""

    mode: str
    """``simulated`` or ``live``."""
    machine: Mapping[str, object]
    figures: dict[str, Figures]
    """By policy."""
    scenes: tuple[SceneResult, ...]
    took_seconds: float = 0.0
    minutes_per_minute: float = 0.0
    """Minutes of call in a minute of the clock."""


class Row(Struct, frozen=True):
    """A figure beside its target, the other policies and an earlier run."""

    target: Target
    got: dict[str, float]
    before: float | None
    met: bool


def collect(mode: str, traces: Mapping[Kind, Sequence[Trace]], took: float) -> Result:
    """The figures of each policy's traces."""
    played = sum(trace.seconds for found in traces.values() for trace in found)
    return Result(
        mode=mode,
        machine=machine(),
        figures={kind.value: figures(found) for kind, found in traces.items()},
        scenes=tuple(_scene(trace) for found in traces.values() for trace in found),
        took_seconds=round(took, 1),
        minutes_per_minute=round(played / took, 1) if took else 0.0,
    )


def _scene(trace: Trace) -> SceneResult:
    return SceneResult(
        trace.scene.name,
        trace.kind.value,
        round(trace.seconds, 2),
        judge(trace),
        tuple(card.cites[0] for _, card in unneeded(trace)),
        len(trace.skipped),
    )


def rows(result: Result, before: Result | None = None) -> tuple[Row, ...]:
    """Each target with what came of it."""
    mine = Kind.COPILOT.value
    earlier = before.figures.get(mine) if before is not None else None
    return tuple(
        Row(
            target,
            {kind: value(found, target.figure) for kind, found in result.figures.items()},
            None if earlier is None else value(earlier, target.figure),
            target.met(value(result.figures[mine], target.figure)),
        )
        for target in TARGETS
    )


def read(path: Path) -> Result:
    """An earlier run's JSON; raises UserError for anything else."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Result)
    except OSError as error:
        raise UserError(f"--baseline {path}: cannot be read ({error.strerror})") from None
    except msgspec.DecodeError as error:
        raise UserError(
            f"--baseline {path}: not a result of this bench ({error}); make it with --json"
        ) from None


def to_json(result: Result) -> bytes:
    """Indented; one scene a line would be longer still."""
    return msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n"
