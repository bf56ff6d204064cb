"""Whether the kernels of our own run on a device: tried once, with numbers that are known."""

from functools import cache
from importlib.util import find_spec
from subprocess import SubprocessError

import torch

FP8_FROM = (8, 9)
"""The compute capability from which a GPU reads e4m3."""


@cache
def fused(device: torch.device) -> bool:
    """A GPU, Triton, and what that needs to build a kernel; without them the engine is slower."""
    if device.type != "cuda" or find_spec("triton") is None:
        return False
    try:
        return _tried(device)
    except (RuntimeError, OSError, ImportError, SubprocessError):
        return False


def attends(device: torch.device, head_dim: int, fp8: bool) -> bool:
    """Whether the kernel for attention takes such heads."""
    if head_dim < 16 or head_dim & (head_dim - 1) or not fused(device):
        return False
    return not fp8 or torch.cuda.get_device_capability(device) >= FP8_FROM


def _tried(device: torch.device) -> bool:
    from copilot.engine import kernels

    ones = torch.ones(2, 2, 64, 16, device=device)
    seen = kernels.attend(ones[:, :, 0], ones, ones, torch.tensor([0, 99], device=device), 64)
    matrix = torch.full((32, 128), 2, dtype=torch.int8, device=device)
    product = kernels.int8_product(
        torch.ones(1, 128, device=device), matrix, torch.full((32,), 0.5, device=device)
    )
    return bool((seen == 1).all()) and bool((product == 128).all())
