"""Whether the kernels of our own run on a device: tried once, with numbers that are known."""

from functools import cache
from importlib.util import find_spec
from subprocess import SubprocessError

import torch
from torch import Tensor

from copilot.engine.errors import EngineError

FP8_FROM = (8, 9)
"""The compute capability from which a GPU reads e4m3."""


@cache
def fused(device: torch.device) -> bool:
    """A GPU, Triton, and what that needs to build a kernel; without them the engine is slower."""
    if device.type != "cuda" or find_spec("triton") is None:
        return False
    try:
        return _tried(device)
    except failures():
        return False


def failures() -> tuple[type[Exception], ...]:
    """What a GPU, its libraries and compilers raise where they cannot do what is asked."""
    known = (RuntimeError, OSError, ImportError, SubprocessError)
    if find_spec("triton") is None:
        return known
    from triton.errors import TritonError  # type: ignore[import-not-found]

    return (*known, TritonError)


def attends(device: torch.device, head_dim: int, fp8: bool) -> bool:
    """Whether the kernels for attention take such heads."""
    if head_dim < 16 or head_dim & (head_dim - 1) or not fused(device):
        return False
    return not fp8 or torch.cuda.get_device_capability(device) >= FP8_FROM


def check_current(device: torch.device) -> None:
    """Raises EngineError for a GPU that is not the current one: kernels and graphs go to that."""
    if device.type == "cuda" and device.index not in (None, torch.cuda.current_device()):
        raise EngineError(
            f"{device}: the current GPU is cuda:{torch.cuda.current_device()}; give the engine a "
            f"process that sees its own GPU alone: CUDA_VISIBLE_DEVICES={device.index}"
        )


def _tried(device: torch.device) -> bool:
    """One program or two of each kernel, where every number is known."""
    from copilot.engine import chains, kernels

    ones = torch.ones(2, 2, 64, 16, device=device)
    position = torch.tensor([0, 99], device=device)
    seen = kernels.attend(ones[:, :, 0], ones, ones, position, 64)
    matrix = torch.full((32, 128), 2, dtype=torch.int8, device=device)
    product = kernels.int8_product(
        torch.ones(1, 128, device=device), matrix, torch.full((32,), 0.5, device=device)
    )
    ring = torch.zeros(2, 2, 2, 64, 16, device=device)
    turns = torch.tensor([0.0, 1.0], device=device).expand(2, 8, 2).contiguous()
    qkv = torch.ones(2, 3, 2, 16, device=device)
    query = chains.placed(qkv, turns, position, ring[0], ring[1], 64)
    gated = chains.gated(torch.tensor([[0.0, 20.0, 5.0, 3.0]], device=device))
    summed, normed = chains.normed(ones[0, 0], ones[0, 0, 0] * 3, 0.0, ones[0, 0])
    dice = [torch.tensor([one], device=device) for one in (0.5, 2, 7, 9)]
    best = torch.tensor([[500.0, 1.0, 700.0]], device=device)
    token, greedy = torch.tensor([[4, 8, 6]], device=device), torch.tensor([1], device=device)
    drawn = chains.drawn(best, token, greedy, tuple(dice), 3)
    return (
        _all(seen, 1)
        and _all(product, 128)
        and _all(query[..., ::2], -1)
        and _all(ring[0, [0, 1], :, [0, 35], ::2], -1)
        and bool(ring.abs().sum() == 4 * 2 * 16)
        and gated.round().tolist() == [[0.0, 60.0]]
        and _all(summed, 2)
        and _all(normed, 3)
        and _all(drawn, 4)
    )


def _all(found: Tensor, wanted: float) -> bool:
    return bool((found == wanted).all())
