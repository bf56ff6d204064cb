"""Calls per core, sound lost and delay added, beside aiortc's own receive path in the same run."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from copilot.audio import opus
from copilot.bench import live, trace
from copilot.bench.machine import machine

TARGETS = {"calls_per_core": 100, "lost_percent": 0, "delay_p95_ms": 65}
"""The design's budgets for media alone at 24 kHz."""
TRACE_SECONDS = 60.0


def run(
    seconds: float = 8, calls: int = 40, trace_seconds: float = TRACE_SECONDS
) -> dict[str, object]:
    """Measure `calls` calls of `seconds` on each path, then replay the networks; JSON-able.

    Raises RuntimeError when the calls cannot be set up.
    """
    before = machine()
    paths = [live.measure(path, calls, seconds) for path in live.PATHS]
    networks = trace.networks(trace_seconds, live.PATHS[0].rate)
    return {
        "bench": "sidecar",
        "machine": before,
        "libopus": opus.version(),
        "calls": calls,
        "seconds": seconds,
        "paths": paths,
        "networks": networks,
        "ratios": {
            "calls_per_core_to_stock": _ratio(paths[0], paths[-1]),
            "calls_per_core_to_target": round(
                _number(paths[0], "calls_per_core") / TARGETS["calls_per_core"], 2
            ),
        },
        "targets": TARGETS,
        "met": _met(paths[0], networks),
    }


def _met(path: Mapping[str, object], networks: list[dict[str, object]]) -> dict[str, bool]:
    owns: list[Any] = [network["own"] for network in networks]
    return {
        "calls_per_core": _number(path, "calls_per_core") >= TARGETS["calls_per_core"],
        "lost_percent": all(one["lost_percent"] <= TARGETS["lost_percent"] for one in owns),
        "delay_p95_ms": all(one["delay_ms"]["p95"] <= TARGETS["delay_p95_ms"] for one in owns),
    }


def _ratio(own: Mapping[str, object], stock: Mapping[str, object]) -> float:
    return round(_number(own, "calls_per_core") / _number(stock, "calls_per_core"), 2)


def _number(row: Mapping[str, object], key: str) -> float:
    value = row[key]
    assert isinstance(value, int | float)
    return value


def table(result: Mapping[str, Any]) -> Group:
    """The result for a terminal."""
    met = ", ".join(f"{key} {'met' if ok else 'missed'}" for key, ok in result["met"].items())
    return Group(
        _paths(result),
        _networks(result["networks"]),
        Text(
            f"{result['ratios']['calls_per_core_to_stock']} times as many calls per core as "
            f"aiortc's own path · targets: {met}"
        ),
    )


def _paths(result: Mapping[str, Any]) -> Table:
    found = Table(title=f"{result['calls']} calls on one core, {result['seconds']:g} s each")
    found.add_column("path")
    for name in ("core % per call", "calls per core", "tick late ms p50 / p95 / p99", "late ‰"):
        found.add_column(name, justify="right")
    for path in result["paths"]:
        late = path["tick_late_ms"]
        mark = " (extrapolated)" if path["extrapolated"] else " (saturated)"
        found.add_row(
            path["path"],
            f"{path['core_percent_per_call']:.2f}",
            f"{path['calls_per_core']:.0f}{mark}",
            f"{late['p50']:.1f} / {late['p95']:.1f} / {late['p99']:.1f}",
            f"{path['ticks_late_per_1000']:.1f}",
        )
    return found


def _networks(networks: list[dict[str, Any]]) -> Table:
    found = Table(title="the same arrivals on both paths")
    found.add_column("network")
    for name in ("lost %", "from FEC %", "concealed %", "delay ms p50 / p95 / p99"):
        found.add_column(name, justify="right")
    for network in networks:
        for side in ("own", "stock"):
            one = network[side]
            delay = one["delay_ms"]
            found.add_row(
                f"{network['network']}, {side}",
                f"{one['lost_percent']:.1f}",
                f"{one['recovered_percent']:.1f}",
                f"{one['concealed_percent']:.1f}",
                f"{delay['p50']:.0f} / {delay['p95']:.0f} / {delay['p99']:.0f}",
            )
    return found
