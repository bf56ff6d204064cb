"""The figures as a picture: time of a tick over the number of slots, one line per variant."""

from collections.abc import Mapping, Sequence
from math import ceil, floor, log2
from typing import Any, NamedTuple

WIDTH, HEIGHT = 900, 520
LEFT, RIGHT, TOP, BOTTOM = 70, 280, 50, 60
COLOURS = ("#0b6e99", "#d9730d", "#0f7b6c", "#ad1a72", "#6940a5", "#9f6b00", "#e03e3e", "#64748b")
TICK_MS = 80.0
"""A frame of audio: what a tick must stay under."""

Points = Sequence[Mapping[str, Any]]


class Scale(NamedTuple):
    """Both axes in powers of two."""

    slots: int
    """The most, 1 being the fewest."""
    low: int
    high: int
    """Powers of the least and the most milliseconds."""

    def x(self, slots: float) -> float:
        return LEFT + log2(slots) / max(1.0, log2(self.slots)) * (WIDTH - LEFT - RIGHT)

    def y(self, milliseconds: float) -> float:
        share = (log2(milliseconds) - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def picture(points: Points, title: str) -> str:
    """SVG of the medians, the 99th percentile as a thin line above each."""
    shown = [point for point in points if "slots" in point]
    lines: dict[str, list[Mapping[str, Any]]] = {}
    for point in shown:
        lines.setdefault(_name(point), []).append(point)
    if not lines:
        return _svg(title, "")
    scale = Scale(
        max(point["slots"] for point in shown),
        floor(log2(min(point["p50_ms"] for point in shown))),
        ceil(log2(max(2 * TICK_MS, *(point["p99_ms"] for point in shown)))),
    )
    parts = [_axes(scale)]
    for number, (name, line) in enumerate(sorted(lines.items())):
        colour = COLOURS[number % len(COLOURS)]
        dash = "" if number < len(COLOURS) else ' stroke-dasharray="6 4"'
        line.sort(key=lambda point: point["slots"])
        for key, thick in (("p50_ms", 2.5), ("p99_ms", 0.8)):
            path = " ".join(
                f"{scale.x(point['slots']):.1f},{scale.y(point[key]):.1f}" for point in line
            )
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{colour}" '
                f'stroke-width="{thick}"{dash}/>'
            )
        parts.append(_legend(number, name, f'stroke="{colour}"{dash}'))
    return _svg(title, "\n".join(parts))


def _name(point: Mapping[str, Any]) -> str:
    stored = f"{point['weights']}/{point['kv']}"
    return f"{point['section']} {point['preset']} {stored}, {point['context']}"


def _axes(scale: Scale) -> str:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = [f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="#333"/>']
    slots = 1
    while slots <= scale.slots:
        x = scale.x(slots)
        parts.append(f'<text x="{x:.0f}" y="{bottom + 20}" text-anchor="middle">{slots}</text>')
        slots *= 2
    for power in range(scale.low, scale.high + 1):
        value = 2.0**power
        y = scale.y(value)
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{value:g}</text>')
        parts.append(f'<path d="M{LEFT} {y:.0f}H{right}" stroke="#ddd"/>')
    tick = scale.y(TICK_MS)
    parts.append(
        f'<path d="M{LEFT} {tick:.0f}H{right}" stroke="#e03e3e" stroke-dasharray="4 4"/>'
        f'<text x="{right - 4}" y="{tick - 5:.0f}" text-anchor="end">a tick, 80 ms</text>'
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 18}" text-anchor="middle">slots</text>'
        f'<text x="{LEFT}" y="{TOP - 10}" text-anchor="middle">ms</text>'
    )
    return "\n".join(parts)


def _legend(number: int, name: str, stroke: str) -> str:
    x, y = WIDTH - RIGHT + 15, TOP + 10 + 18 * number
    return (
        f'<path d="M{x} {y}h18" {stroke} stroke-width="3"/>'
        f'<text x="{x + 24}" y="{y + 4}">{name}</text>'
    )


def _svg(title: str, body: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="11">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n'
        f'<text x="{LEFT}" y="22" font-size="14">{title}</text>\n{body}\n</svg>\n'
    )
