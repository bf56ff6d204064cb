"""Calls per core, sound lost and delay added, beside aiortc's own receive path in the same run."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct
from rich.console import Group
from rich.table import Table
from rich.text import Text

from copilot.audio import opus
from copilot.bench import live, trace
from copilot.bench.live import Measured
from copilot.bench.trace import Network
from copilot.machine import machine

CALLS_PER_CORE = 100
"""The design's budget for media alone at 24 kHz; aiortc's own path does about 45."""
DELAY_P95_MS = 65
"""The most that loss and jitter may add, milliseconds."""
TRACE_SECONDS = 60.0
"""Length of the traces that are replayed."""


class Met(Struct, frozen=True):
    """Which of the design's budgets the sound path keeps."""

    calls_per_core: bool
    nothing_lost: bool
    delay: bool


class Report(Struct, frozen=True):
    """Everything that was measured."""

    bench: str
    machine: dict[str, object]
    libopus: str
    calls: int
    seconds: float
    paths: list[Measured]
    """This sound path at 24 and 16 kHz, then aiortc's."""
    networks: list[Network]
    calls_per_core_to_stock: float
    """Ratio of the first path to the last."""
    calls_per_core_to_target: float
    met: Met


def run(
    seconds: float = 8, calls: int = 40, trace_seconds: float = TRACE_SECONDS
) -> dict[str, object]:
    """Measure `calls` calls of `seconds` on each path, then replay the networks; JSON-able.

    Raises RuntimeError when the calls cannot be set up.
    """
    before = machine()
    paths = [live.measure(path, calls, seconds) for path in live.PATHS]
    networks = trace.networks(trace_seconds, live.PATHS[0].rate)
    own, stock = paths[0].calls_per_core, paths[-1].calls_per_core
    report = Report(
        bench="sidecar",
        machine=before,
        libopus=opus.version(),
        calls=calls,
        seconds=seconds,
        paths=paths,
        networks=networks,
        calls_per_core_to_stock=round(own / stock, 2),
        calls_per_core_to_target=round(own / CALLS_PER_CORE, 2),
        met=Met(
            calls_per_core=own >= CALLS_PER_CORE,
            nothing_lost=all(one.own.lost_percent == 0 for one in networks),
            delay=all(one.own.delay_ms.p95 <= DELAY_P95_MS for one in networks),
        ),
    )
    plain: dict[str, object] = msgspec.to_builtins(report)
    return plain


def table(result: Mapping[str, object]) -> Group:
    """What `run` gave, for a terminal."""
    report = msgspec.convert(result, Report)
    kept = {
        f"{CALLS_PER_CORE} calls per core": report.met.calls_per_core,
        "nothing lost": report.met.nothing_lost,
        f"delay p95 within {DELAY_P95_MS} ms": report.met.delay,
    }
    budgets = ", ".join(f"{name}: {'yes' if kept[name] else 'NO'}" for name in kept)
    times = f"{report.calls_per_core_to_stock} times the calls per core of aiortc's own path"
    return Group(_paths(report), _networks(report.networks), Text(f"{times}\n{budgets}"))


def _paths(report: Report) -> Table:
    title = f"{report.calls} calls received on one core, {report.seconds:g} s on each path"
    caption = "~ extrapolated   ! the core is saturated   late: in ms, p50 / p95 / p99"
    found = Table(title=title, caption=caption, show_edge=False)
    found.add_column("path")
    for name in (
        "core % / call",
        "calls / core",
        "tick late ms\np50 / p95 / p99",
        "late ‰",
        "sent %",
    ):
        found.add_column(name, justify="right")
    for path in report.paths:
        mark = "!" if path.saturated else "~"
        late = path.tick_late_ms
        found.add_row(
            path.path,
            f"{path.core_percent_per_call:.2f}",
            f"{mark}{path.calls_per_core:.0f}",
            f"{late.p50:.1f} / {late.p95:.1f} / {late.p99:.1f}",
            f"{path.ticks_late_per_1000:.1f}",
            f"{path.packets_percent:.0f}",
        )
    return found


def _networks(networks: list[Network]) -> Table:
    found = Table(title="the same arrivals on both paths", show_edge=False)
    found.add_column("network")
    for name in ("lost %", "from FEC %", "concealed %", "delay ms p50/95/99"):
        found.add_column(name, justify="right")
    for network in networks:
        for side, one in (("own", network.own), ("aiortc", network.stock)):
            delay = one.delay_ms
            found.add_row(
                f"{network.network}, {side}",
                f"{one.lost_percent:.1f}",
                f"{one.recovered_percent:.1f}",
                f"{one.concealed_percent:.1f}",
                f"{delay.p50:.0f} / {delay.p95:.0f} / {delay.p99:.0f}",
            )
    return found
