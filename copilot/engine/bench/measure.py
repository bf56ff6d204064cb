"""Clocks and bytes: the machine, its bandwidth, and ticks of a batch with their least cost."""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from copilot.engine.cache import FP8
from copilot.engine.edge import Edge, SlotInput
from copilot.engine.graphs import Runner
from copilot.engine.lm import KEEP
from copilot.engine.presets import LmConfig
from copilot.engine.rows import Rows

PACKAGES = ("torch", "triton", "numpy", "safetensors", "sentencepiece", "moshi")
COPIED = {"cuda": 2 << 30, "cpu": 64 << 20}
"""Bytes of the copy by which bandwidth is measured."""

WARM_UP = 3
TICKS = (30, 300)
"""Of a measurement: so many at least, so many at most."""


class Budget:
    """Seconds that a run may take; what does not fit any more is left out and told."""

    def __init__(self, seconds: float) -> None:
        self._end = perf_counter() + seconds

    @property
    def left(self) -> float:
        return self._end - perf_counter()


@dataclass(frozen=True)
class Times:
    """Of ticks, in milliseconds."""

    p50: float
    p99: float
    ticks: int


def machine(device: torch.device) -> dict[str, object]:
    """The device, the processor and versions; JSON-able."""
    told: dict[str, object] = {
        "device": device.type,
        "processor": _processor(),
        "cores": _cores(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.release()}",
        "versions": {"python": platform.python_version(), **_versions()},
    }
    if device.type == "cuda":
        about = torch.cuda.get_device_properties(device)
        told |= {
            "gpu": about.name,
            "gpu_memory_gb": round(about.total_memory / 1e9, 1),
            "multiprocessors": about.multi_processor_count,
            "cuda": torch.version.cuda,
        }
    return told


def bandwidth(device: torch.device) -> float:
    """Bytes a second that a copy reads and writes together."""
    count = COPIED[device.type]
    source = torch.empty(count, dtype=torch.uint8, device=device).fill_(1)
    target = torch.empty_like(source)
    times = timed(lambda: target.copy_(source), device, seconds=1.0)
    return 2 * count / (times.p50 / 1000)


def timed(work: Callable[[], object], device: torch.device, seconds: float) -> Times:
    """Run it again and again for so long, each time waiting for the device."""
    for _ in range(WARM_UP):
        work()
    wait(device)
    taken: list[float] = []
    began = perf_counter()
    least, most = TICKS
    while len(taken) < most and (len(taken) < least or perf_counter() - began < seconds):
        since = perf_counter()
        work()
        wait(device)
        taken.append((perf_counter() - since) * 1000)
    return Times(
        round(float(np.percentile(taken, 50)), 3),
        round(float(np.percentile(taken, 99)), 3),
        len(taken),
    )


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Batch:
    """`count` rows that stand at a position, and ticks of them as `Slots` does them.

    The rows do not take part, which costs the same, so that a context stays as long as it is.
    """

    def __init__(self, rows: Rows, runner: Runner, count: int, speaks: bool) -> None:
        config = rows.config
        self.rows, self.runner, self.count, self.speaks = rows, runner, count, speaks
        self.edge = Edge(config, rows.layout)
        dice = np.random.default_rng(0)
        heard = config.rows - config.user_row
        own = [1] * config.steps if config.steps and not speaks else None
        self.inputs = [
            SlotInput(dice.integers(0, config.card, heard), own, speaks=speaks)
            for _ in range(count)
        ]

    def stand_at(self, position: int) -> None:
        self.position = position
        self.rows.position.fill_(position)

    def tick(self) -> None:
        """Inputs packed, one copy in, the step, one copy out, outputs read."""
        lines = self.runner.given
        lines[:] = KEEP
        for row, what in enumerate(self.inputs):
            self.edge.give(lines[row], what, False, "a row")
        lines[:, self.rows.layout.live] = 0
        self.runner.run(self.count, self.position, self.speaks)
        for told in self.runner.told[: self.count].tolist():
            if self.edge.hear(told, self.position) is None:
                raise AssertionError("the model computed no numbers")


def fill(rows: Rows) -> None:
    """Keys and values that are no zeros, the same in every row."""
    for layer in rows.cache.store:
        noise = torch.randn(layer.shape[2:], device=layer.device, dtype=torch.bfloat16)
        layer.copy_(noise.to(FP8).view(torch.uint8) if rows.cache.fp8 else noise)


def weight_bytes(config: LmConfig, one: float, depth: bool) -> float:
    """Bytes of weights that a tick reads at `one` byte each; of tables only single rows."""
    layer = 4 * config.dim**2 + 3 * config.dim * config.hidden
    total = config.num_layers * layer + config.text_card * config.dim
    if depth:
        width, inner = config.depformer_dim, config.depformer_hidden
        step = config.depformer_num_layers * (4 * width**2 + 3 * width * inner)
        total += config.steps * (step + width * (config.dim + config.card))
    return total * one


def key_bytes(config: LmConfig, kv: torch.dtype, length: int) -> int:
    """Bytes of keys and values that a tick of one row reads."""
    return 2 * config.num_layers * config.dim * kv.itemsize * length


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
