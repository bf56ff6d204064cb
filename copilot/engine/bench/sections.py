"""What is measured: listening, speaking, recognising, prompts; each point is told as it is made."""

import gc
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import torch

from copilot.engine.bench.measure import (
    Batch,
    Budget,
    Times,
    fill,
    key_bytes,
    timed,
    weight_bytes,
)
from copilot.engine.cache import FP8
from copilot.engine.graphs import Runner, capture, sizes
from copilot.engine.lm import LanguageModel
from copilot.engine.memory import fitting, slot_bytes
from copilot.engine.mimi import Mimi
from copilot.engine.presets import LmConfig, lm_preset, mimi_preset
from copilot.engine.prompt import blank
from copilot.engine.rows import Rows
from copilot.engine.weights import invent

SHORT = 128
"""Positions of a short context, 10 s."""

MOST_SLOTS = {"cuda": 256, "cpu": 32}
POINT_COST = {"cuda": 12.0, "cpu": 3.0}
"""Seconds that a point may take with its graph, so that none is begun that cannot end."""

CODEC_ROWS = {"cuda": (1, 8, 32, 64, 128, 256), "cpu": (1, 8, 32)}
"""Two a call are encoded."""

VOICE = 8
"""Codebooks of a voice that is decoded."""

PROMPT = 300
"""Columns of a prompt: a voice and a role."""

Tell = Callable[[dict[str, object]], None]


@dataclass(frozen=True)
class Variant:
    """A model as it is stored and held."""

    preset: str
    weights: str
    """bf16, fp32 or int8."""
    kv: str
    """bf16, fp32 or fp8."""


DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32, "fp8": FP8}


@dataclass(frozen=True)
class Bench:
    """Where figures go, and how long it may take."""

    device: torch.device
    bandwidth: float
    """Bytes a second."""
    budget: Budget
    tell: Tell
    point_seconds: float
    """A measurement ends after this, once it has its least ticks."""

    @property
    def over(self) -> bool:
        """There is no time for another point."""
        return self.budget.left < POINT_COST[self.device.type]

    def timed(self, work: Callable[[], object]) -> Times:
        return timed(work, self.device, self.point_seconds)

    @property
    def float(self) -> str:
        """What models are stored in here."""
        return "bf16" if self.device.type == "cuda" else "fp32"


def invented(preset: str, weights: str, bench: Bench) -> LanguageModel:
    """A model of random weights, made on the device."""
    config = lm_preset(preset)
    dtype = DTYPES["bf16" if weights == "int8" and bench.device.type == "cuda" else bench.float]
    made = invent(config, device=bench.device, dtype=dtype, int8=weights == "int8")
    return LanguageModel(config, made)


def ticks(bench: Bench, preset: str, weights: str, kvs: tuple[str, ...], kinds: str) -> None:
    """Ticks of one model in all sizes of batch up to memory, listening (l) and speaking (s)."""
    if bench.over:
        bench.tell({"left_out": f"{preset} {weights}", "why": "no time left"})
        return
    model = invented(preset, weights, bench)
    for kv in kvs:
        _ticks(bench, model, Variant(preset, weights, kv), kinds)


def _ticks(bench: Bench, model: LanguageModel, variant: Variant, kinds: str) -> None:
    config, kv = model.config, DTYPES[variant.kv]
    fit = fitting(config, config.context, kv, bench.device)
    capacity = min(fit, MOST_SLOTS[bench.device.type])
    if capacity < 1:
        bench.tell({"left_out": asdict(variant), "why": "no memory for one slot"})
        return
    rows = Rows(model, capacity, config.context, kv)
    fill(rows)
    for count in sizes(capacity):
        for kind in kinds:
            if bench.over:
                bench.tell({"left_out": [asdict(variant), count, kind], "why": "no time left"})
                return
            _points(bench, rows, variant, count, kind == "s")


def _points(bench: Bench, rows: Rows, variant: Variant, count: int, speaks: bool) -> None:
    """At short and at full context."""
    config, kv = rows.config, DTYPES[variant.kv]
    runner = Runner(rows, (count,), (speaks,))
    batch = Batch(rows, runner, count, speaks)
    lengths = {"short": min(SHORT, config.context // 4), "full": config.context}
    for context, length in lengths.items():
        batch.stand_at(length - 1)
        times = bench.timed(batch.tick)
        width = 1.0 if variant.weights == "int8" else float(rows.model.dtype.itemsize)
        moved = weight_bytes(config, width, speaks) + count * key_bytes(config, kv, length)
        floor = moved / bench.bandwidth * 1000
        bench.tell(
            {
                "section": "speak" if speaks else "listen" if config.steps else "recognise",
                **asdict(variant),
                "context": context,
                "positions": length,
                "slots": count,
                "p50_ms": times.p50,
                "p99_ms": times.p99,
                "ticks": times.ticks,
                "ms_per_slot": round(times.p50 / count, 3),
                "moved_gb": round(moved / 1e9, 3),
                "floor_ms": round(floor, 3),
                "over_floor": round(times.p50 / floor, 2),
                "tokens_per_s": round(count * config.rows / times.p50 * 1000),
                "slot_mb": round(slot_bytes(config, rows.window, kv) / 1e6, 1),
                "memory_gb": memory_gb(bench.device),
                "own_kernels": rows.cache.fused,
            }
        )


def codec(bench: Bench, preset: str) -> None:
    """A frame of every row through either direction; on a GPU from a graph."""
    mimi = Mimi.random(mimi_preset(preset), device=bench.device)
    size = mimi.config.frame_size
    for count in CODEC_ROWS[bench.device.type]:
        if bench.over:
            bench.tell({"left_out": f"codec, {count} rows", "why": "no time left"})
            return
        pcm = torch.rand(count, 1, size, device=bench.device) - 0.5
        hears, says = mimi.encoder_stream(count), mimi.decoder_stream(count)
        codes = mimi.encode(pcm, hears)
        works = {
            "encode": partial(mimi.encode, pcm, hears),
            "decode": partial(mimi.decode, codes[:, :VOICE], says),
        }
        for name, work in works.items():
            run = work if bench.device.type == "cpu" else capture(work).replay
            times = bench.timed(run)
            bench.tell(
                {"section": "codec", "preset": preset, "what": f"{name} {count} rows",
                 "p50_ms": times.p50, "p99_ms": times.p99, "ticks": times.ticks}
            )  # fmt: skip


def prompts(bench: Bench, preset: str) -> None:
    """A prompt read in one pass, a persona copied to a slot, a fork at full context."""
    if bench.over:
        bench.tell({"left_out": f"prompts of {preset}", "why": "no time left"})
        return
    model = invented(preset, bench.float, bench)
    config: LmConfig = model.config
    rows = Rows(model, 2, config.context, model.dtype)
    count = min(PROMPT, config.context // 2)
    columns = blank(config).columns.repeat(1, count).to(bench.device)
    works: dict[str, Callable[[], object]] = {
        f"prefill of {count} columns": lambda: rows.prefill(0, 0, columns),
        f"persona of {count} columns copied": lambda: rows.copy(rows, 0, 1, count),
        "fork at full context": lambda: rows.copy(rows, 0, 1, config.context),
    }
    for name, work in works.items():
        times = bench.timed(work)
        bench.tell(
            {"section": "prompts", "preset": preset, "what": name, "p50_ms": times.p50,
             "p99_ms": times.p99, "ticks": times.ticks}
        )  # fmt: skip


def memory_gb(device: torch.device) -> float | None:
    """Taken on a GPU by all there is."""
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    return round((total - free) / 1e9, 1)


def release(device: torch.device) -> None:
    """Give memory of a model that nobody holds any more back to the device."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()


def integers(config: LmConfig, count: int, device: torch.device) -> torch.Tensor:
    return torch.randint(0, config.card, (count, config.rows - config.user_row, 1), device=device)
