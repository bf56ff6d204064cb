"""What a slot takes, and whether so many fit."""

import math
import os
import re
from pathlib import Path

import torch

from copilot.engine.cache import FP8, blocks
from copilot.engine.errors import EngineError
from copilot.engine.presets import LmConfig

KINDS = (torch.float32, torch.bfloat16, torch.float16, FP8)
"""Of keys and values."""

_MEMINFO, _GROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")

RESERVE = 3 << 30
"""Bytes of a GPU that are left for graphs, workspaces and the prompts being read."""


def slot_bytes(config: LmConfig, window: int, kv: torch.dtype) -> int:
    """Keys and values of a window of positions, and the columns themselves."""
    keys = 2 * config.num_layers * config.num_heads * config.head_dim * kv.itemsize
    return blocks(window) * keys + window * 4 * config.rows


def fitting(config: LmConfig, window: int, kv: torch.dtype, device: torch.device) -> int:
    """Slots that fit in the memory that is free now."""
    return int(max(0, free_bytes(device)) // slot_bytes(config, window, kv))


def free_bytes(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info(device)[0] - RESERVE
    return min(_available(_MEMINFO), _allowed(_GROUP))


def _available(meminfo: Path) -> int:
    """Of the machine."""
    if meminfo.exists():
        found = re.search(r"^MemAvailable: *(\d+) kB$", meminfo.read_text(), re.MULTILINE)
        if found:
            return int(found[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _allowed(group: Path) -> float:
    """That a container leaves its processes."""
    try:
        most, taken = (group / name for name in ("memory.max", "memory.current"))
        return int(most.read_text()) - int(taken.read_text())
    except (OSError, ValueError):  # none, or "max"
        return math.inf


def check_memory(
    config: LmConfig, slots: int, window: int, kv: torch.dtype, device: torch.device
) -> None:
    """Raises EngineError with what a slot takes and how many fit."""
    if slots < 1 or window < 2:
        raise EngineError(f"{slots} slots of {window} positions: expected 1 slot, 2 positions")
    if kv not in KINDS:
        raise EngineError(
            f"keys and values in {kv}: expected {', '.join(map(str, KINDS[:-1]))} or {KINDS[-1]}"
        )
    one, fit = slot_bytes(config, window, kv), fitting(config, window, kv, device)
    if slots > fit:
        raise EngineError(
            f"{slots} slots do not fit: {one / 1e6:,.4g} MB each with a window of {window} in "
            f"{str(kv).removeprefix('torch.')}, {slots * one / 1e9:.1f} GB in all; "
            f"{free_bytes(device) / 1e9:.1f} GB are free for {fit}: give fewer slots, a shorter "
            "window, or fp8 for the keys and values"
        )
