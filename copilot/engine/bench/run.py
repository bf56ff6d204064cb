"""One run: the sections that are asked for, in order, each written as soon as it is there."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from copilot.engine.bench.check import check
from copilot.engine.bench.measure import Budget, bandwidth, machine
from copilot.engine.bench.picture import TICK_MS, picture
from copilot.engine.bench.reference import reference
from copilot.engine.bench.sections import Bench, codec, prompts, release, ticks
from copilot.engine.errors import EngineError
from copilot.engine.fused import failures

SECTIONS = ("check", "float", "stt", "codec", "reference", "fp8", "int8", "prompts")
"""In the order of what is missed most where time runs out."""

TOLD = (
    "section", "preset", "weights", "kv", "context", "slots", "what", "p50_ms", "p99_ms",
    "floor_ms", "over_floor", "worst", "allowed", "fits", "left_out", "why",
)  # fmt: skip
"""Of a point, in the terminal."""

REFERENCE = "moshi 0.2.13"


class Report:
    """Figures of a run, on disk after each of them."""

    def __init__(self, out: Path | None, head: dict[str, Any], say: Callable[[str], None]) -> None:
        self.out, self.say = out, say
        self.figures: dict[str, Any] = {**head, "points": [], "left_out": []}
        if out is not None:
            try:
                out.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise EngineError(f"{out}: cannot be made ({error.strerror})") from None

    def tell(self, point: dict[str, object]) -> None:
        self.figures["left_out" if "left_out" in point else "points"].append(point)
        self.say("  ".join(str(point[key]) for key in TOLD if key in point))
        self.write()

    def write(self) -> None:
        self.figures["ratios"] = ratios(self.figures["points"])
        if self.out is None:
            return
        title = f"{self.figures['machine'].get('gpu', 'CPU')}: time of a tick, median and p99"
        for name, text in (
            ("engine.json", json.dumps(self.figures, indent=1) + "\n"),
            ("engine.svg", picture(self.figures["points"], title)),
        ):
            part = self.out / (name + ".part")
            part.write_text(text, encoding="utf-8")
            part.replace(self.out / name)


def run(
    *,
    preset: str | None = None,
    stt: str | None = None,
    sections: Sequence[str] = SECTIONS,
    seconds: float = 540.0,
    out: Path | None = None,
    moshi: Path | None = None,
    device: str | None = None,
    point_seconds: float = 2.0,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Measure; the figures, JSON-able. Raises EngineError for a preset or section not known.

    `moshi` is a folder that holds the reference, where it is not installed.
    """
    unknown = sorted(set(sections) - set(SECTIONS))
    if unknown:
        raise EngineError(f"section {unknown[0]!r}: unknown; there are {', '.join(SECTIONS)}")
    on = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    on_gpu = on.type == "cuda"
    preset = preset or ("personaplex-7b-v1" if on_gpu else "small")
    stt = stt or ("stt-1b-en_fr-candle" if on_gpu else "tiny-stt")
    budget, copied = Budget(seconds), bandwidth(on)
    head = {
        "bench": "engine",
        "machine": machine(on),
        "preset": preset,
        "tick_ms": TICK_MS,
        "copy_gb_s": round(copied / 1e9, 1),
    }
    report = Report(out, head, say)
    bench = Bench(on, copied, budget, report.tell, point_seconds)
    works: dict[str, Callable[[], None]] = {
        "check": lambda: check(bench, preset),
        "float": lambda: ticks(bench, preset, bench.float, (bench.float,), "ls"),
        "stt": lambda: ticks(bench, stt, bench.float, (bench.float,), "l"),
        "codec": lambda: codec(bench, "mimi" if on_gpu else "tiny"),
        "reference": lambda: reference(bench, preset, moshi),
        "fp8": lambda: ticks(bench, preset, bench.float, ("fp8",), "l"),
        "int8": lambda: ticks(bench, preset, "int8", (bench.float,), "l"),
        "prompts": lambda: prompts(bench, preset),
    }
    for name in SECTIONS:
        if name in sections:
            _measure(name, works[name], report)
            release(on)
    report.write()
    return report.figures


def _measure(name: str, work: Callable[[], None], report: Report) -> None:
    """What a section cannot do on this machine is told, and the next one is begun."""
    try:
        work()
    except failures() as error:  # no memory, or no compiler for the reference
        why = (str(error) or type(error).__name__).splitlines()[0]
        report.tell({"left_out": f"the rest of {name}", "section": name, "why": why})


def wrong(figures: dict[str, Any]) -> int:
    """Checks that did not fit, or could not be made."""
    unmade = [one for one in figures["left_out"] if one.get("section") == "check"]
    return len(unmade) + sum(not point.get("fits", True) for point in figures["points"])


def ratios(points: Sequence[dict[str, Any]]) -> dict[str, object]:
    """How many times faster than the reference with as many slots, at full context; and the cost
    of a slot alone over one among the most."""
    told: dict[str, object] = {}
    ours = [point for point in points if "slots" in point and point["preset"] != REFERENCE]
    theirs = [point for point in points if point.get("preset") == REFERENCE]
    for point in theirs:
        for mine in ours:
            same = all(point[key] == mine[key] for key in ("section", "slots", "context"))
            if same and mine["weights"] == point["weights"] and mine["kv"] == point["kv"]:
                name = f"{point['section']}, {point['slots']} slots: reference over ours"
                told[name] = round(point["p50_ms"] / mine["p50_ms"], 2)
    for name, line in _lines(ours).items():
        first, last = line[0], line[-1]
        if first["slots"] == 1 < last["slots"]:
            told[f"{name}: a slot alone over one of {last['slots']}"] = round(
                first["ms_per_slot"] / last["ms_per_slot"], 1
            )
    return told


def _lines(points: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    lines: dict[str, list[dict[str, Any]]] = {}
    for point in sorted(points, key=lambda point: point["slots"]):
        keys = ("section", "preset", "weights", "kv", "context")
        lines.setdefault(" ".join(str(point[key]) for key in keys), []).append(point)
    return lines
