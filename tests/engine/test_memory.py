"""How much memory there is, and what is said where slots do not fit in it."""

import math
from pathlib import Path

import pytest
import torch

from copilot.engine import memory
from copilot.engine.errors import EngineError
from copilot.engine.presets import lm_preset

CPU = torch.device("cpu")


def test_a_container_may_have_less_than_its_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert memory._allowed(tmp_path) == math.inf
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000000\n")
    assert memory._allowed(tmp_path) == math.inf
    (tmp_path / "memory.max").write_text("9000000\n")
    monkeypatch.setattr(memory, "_GROUP", tmp_path)
    assert memory.free_bytes(CPU) == 8_000_000


def test_what_a_slot_takes_and_how_many_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the large model on a card of 80 GB: 32 at the full window beside 15.4 GB of weights."""
    config = lm_preset("personaplex-7b-v1")
    monkeypatch.setattr(memory, "free_bytes", lambda _: 84e9 - 15.4e9 - memory.RESERVE)
    assert memory.slot_bytes(config, 3000, torch.bfloat16) == 3008 * 524_288 + 3000 * 4 * 17
    assert memory.fitting(config, 3000, torch.bfloat16, CPU) == 41
    assert memory.fitting(config, 3000, torch.float8_e4m3fn, CPU) == 82
    memory.check_memory(config, 32, 3000, torch.bfloat16, CPU)
    said = r"64 slots do not fit: 1,577 MB each .* 100.9 GB in all; 65.4 GB are free for 41"
    with pytest.raises(EngineError, match=said):
        memory.check_memory(config, 64, 3000, torch.bfloat16, CPU)
