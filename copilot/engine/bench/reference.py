"""The same sizes in the reference implementation, where it can be imported: ``moshi`` 0.2.13.

It may lie in a folder of its own (``pip install --no-deps --target DIR moshi==0.2.13 einops``). It
uses its own CUDA graphs and, where there is a C compiler, its own compiled parts.
"""

import importlib
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from copilot.engine.bench.sections import Bench, integers, memory_gb, release
from copilot.engine.memory import RESERVE, free_bytes, slot_bytes
from copilot.engine.presets import LmConfig, lm_preset

COUNTS = (1, 2, 4, 8, 16, 32)


def reference(bench: Bench, preset: str, folder: Path | None) -> None:
    """Ticks of a batch in lockstep; listening skips its depth transformer by given codes."""
    if folder is not None:
        sys.path.insert(0, str(folder))
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang")):
        os.environ.setdefault("NO_TORCH_COMPILE", "1")
    try:
        lm = importlib.import_module("moshi.models.lm")
    except ImportError as error:
        bench.tell({"left_out": "reference", "why": f"moshi cannot be imported: {error}"})
        return
    config = lm_preset(preset)
    model = _model(lm, config, bench)
    for count in COUNTS:
        room = free_bytes(bench.device) + RESERVE // 2
        if bench.over or count * _row_bytes(config, bench) > room:
            bench.tell({"left_out": f"reference, {count} slots", "why": "no time or no memory"})
            break
        _points(bench, lm, model, config, count)
        release(bench.device)


def _row_bytes(config: LmConfig, bench: Bench) -> int:
    dtype = torch.bfloat16 if bench.device.type == "cuda" else torch.float32
    return slot_bytes(config, config.context, dtype)


def _points(bench: Bench, lm: Any, model: Any, config: LmConfig, count: int) -> None:
    codes = integers(config, count, bench.device)
    given = torch.zeros((count, config.steps, 1), dtype=torch.int64, device=bench.device)
    for section in ("listen", "speak"):
        generator = lm.LMGen(model, support_out_of_sync=True)
        extra = {"depformer_replace_tokens": given} if section == "listen" else {}
        with torch.no_grad(), generator.streaming(count):
            times = bench.timed(lambda: generator.step(codes, **extra))  # noqa: B023
            memory = memory_gb(bench.device)
        bench.tell(
            {
                "section": section,
                "preset": "moshi 0.2.13",
                "weights": bench.float,
                "kv": bench.float,
                "context": "full",
                "positions": config.context,
                "slots": count,
                "p50_ms": times.p50,
                "p99_ms": times.p99,
                "ticks": times.ticks,
                "memory_gb": memory,
                "compiled": "NO_TORCH_COMPILE" not in os.environ,
            }
        )


def _model(lm: Any, config: LmConfig, bench: Bench) -> Any:
    config = replace(config, dep_q=config.steps)
    dtype = torch.bfloat16 if bench.device.type == "cuda" else torch.float32
    model = lm.LMModel(
        device=bench.device,
        dtype=dtype,
        delays=list(config.delays),
        n_q=config.n_q,
        dep_q=config.dep_q,
        card=config.card,
        text_card=config.text_card,
        dim=config.dim,
        num_heads=config.num_heads,
        num_layers=config.num_layers,
        hidden_scale=config.hidden_scale,
        context=config.context,
        max_period=config.max_period,
        existing_text_padding_id=config.existing_text_padding_id,
        causal=True,
        gating="silu",
        norm="rms_norm_f32",
        positional_embedding="rope",
        depformer_dim=config.depformer_dim,
        depformer_dim_feedforward=config.depformer_dim_feedforward,
        depformer_num_heads=config.depformer_num_heads,
        depformer_num_layers=config.depformer_num_layers,
        depformer_multi_linear=True,
        depformer_weights_per_step=True,
        depformer_pos_emb="none",
        depformer_gating="silu",
        depformer_context=config.steps,
    )
    return model.eval()
