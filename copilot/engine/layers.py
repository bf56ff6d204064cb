"""The parts both transformers are made of: norm, products with weights, rotation, feed-forward."""

from collections.abc import Callable, Mapping
from math import log

import torch
from torch import Tensor
from torch.nn.functional import rms_norm, silu

from copilot.engine.fused import fused
from copilot.engine.weights import SCALE

Weights = Mapping[str, Tensor]
"""By published name; beside an int8 matrix stand its row scales, named with `SCALE`."""

FEW_ROWS = 256
"""Up to which a kernel of our own multiplies with int8; more are better served by floats."""

NORM_EPS = 1e-8
"""Of `rms_norm_f32` in the reference; its plain norm has 1e-5."""

Attend = Callable[[Tensor], Tensor]
"""Queries, keys and values [B, T, 3, heads, head_dim] in, what each position saw out
[B, T, heads, head_dim]; it also keeps the keys and values for later positions."""


class Linear:
    """A product with a matrix [out, in] of floats, or of int8 with one scale per row.

    On a CPU the matrix is stored transposed, and one row goes through as two: then every batch
    takes the same kernel, and a row's result does not depend, to the bit, on how many there are
    (with one thread; more of them divide the work by its shape).
    """

    def __init__(self, weight: Tensor, scale: Tensor | None = None) -> None:
        self.on_cpu = weight.device.type == "cpu"
        self.weight = weight.t().contiguous() if self.on_cpu else weight.t()
        self.scale = scale
        self.fused = scale is not None and fused(weight.device)

    @classmethod
    def named(cls, name: str, weights: Weights) -> "Linear":
        return cls(weights[name], weights.get(name + SCALE))

    @classmethod
    def part(cls, name: str, weights: Weights, step: int, steps: int) -> "Linear":
        """One of `steps` matrices that are packed along the rows."""
        scale = weights.get(name + SCALE)
        return cls(
            weights[name].chunk(steps)[step], None if scale is None else scale.chunk(steps)[step]
        )

    def __call__(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        if self.on_cpu and rows.shape[0] == 1:
            y = self._product(rows.expand(2, -1))[:1]
        else:
            y = self._product(rows)
        return y.view(*x.shape[:-1], -1)

    def _product(self, x: Tensor) -> Tensor:
        if self.scale is None:
            return x @ self.weight
        if self.fused and x.shape[0] <= FEW_ROWS:
            from copilot.engine.kernels import int8_product

            return int8_product(x, self.weight.t(), self.scale)
        return ((x @ self.weight.to(x.dtype)) * self.scale).to(x.dtype)


class Norm:
    """RMSNorm, computed in float32 whatever goes in."""

    def __init__(self, alpha: Tensor) -> None:
        self.alpha = alpha.flatten()
        self.fused = fused(alpha.device)

    def __call__(self, x: Tensor) -> Tensor:
        if self.fused:
            from copilot.engine.chains import normed

            return normed(x, self.alpha, NORM_EPS)[1]
        return rms_norm(x, self.alpha.shape, self.alpha, NORM_EPS)

    def after(self, x: Tensor, more: Tensor) -> tuple[Tensor, Tensor]:
        """The sum, and its norm."""
        if self.fused:
            from copilot.engine.chains import normed

            return normed(x, self.alpha, NORM_EPS, more)
        x = x + more
        return x, self(x)


class GatedFeedForward:
    """silu(first half) * second half, between two products."""

    def __init__(self, name: str, weights: Weights) -> None:
        self.inner = Linear.named(f"{name}.linear_in.weight", weights)
        self.outer = Linear.named(f"{name}.linear_out.weight", weights)
        self.fused = fused(self.inner.weight.device)

    def __call__(self, x: Tensor) -> Tensor:
        return self.outer(self._gated(self.inner(x)))

    def _gated(self, x: Tensor) -> Tensor:
        if self.fused:
            from copilot.engine.chains import gated

            return gated(x)
        gate, value = x.chunk(2, dim=-1)
        return silu(gate) * value


class Block:
    """One layer of a transformer: attention, then feed-forward, each added to what came in.

    `step` of `steps`: of a depth transformer's layer, whose norms all steps share.
    """

    def __init__(
        self, name: str, weights: Weights, heads: int, *, step: int = 0, steps: int = 0
    ) -> None:
        attention = f"{name}.self_attn"
        self.heads = heads
        self.norm1 = Norm(weights[f"{name}.norm1.alpha"])
        self.norm2 = Norm(weights[f"{name}.norm2.alpha"])
        count = max(steps, 1)
        self.inner = Linear.part(f"{attention}.in_proj_weight", weights, step, count)
        self.outer = Linear.part(f"{attention}.out_proj.weight", weights, step, count)
        self.feed = GatedFeedForward(
            f"{name}.gating.{step}" if steps else f"{name}.gating", weights
        )

    def __call__(self, x: Tensor, attend: Attend) -> Tensor:
        """[B, T, width] in and out."""
        split = (*x.shape[:2], 3, self.heads, x.shape[2] // self.heads)
        seen = attend(self.inner(self.norm1(x)).view(split))
        x, normed = self.norm2.after(x, self.outer(seen.flatten(2)))
        return x + self.feed(normed)


class Rope:
    """Rotary embedding over interleaved pairs, by absolute position, computed in float32."""

    def __init__(self, head_dim: int, max_period: float, device: torch.device) -> None:
        exponent = torch.arange(0, head_dim, 2, device=device, dtype=torch.float32) / head_dim
        self.frequency = torch.exp(-exponent * log(max_period))

    def turns(self, position: Tensor) -> Tensor:
        return turns(position, self.frequency)


def turns(position: Tensor, frequency: Tensor) -> Tensor:
    """complex64 [B, T, 1, 1, head_dim / 2] for positions [B, T], to be given to `rotate`."""
    angle = position.float()[..., None] * frequency
    return torch.polar(torch.ones_like(angle), angle)[:, :, None, None]


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """[B, T, n, heads, head_dim] with every pair (2i, 2i + 1) turned by its angle."""
    pairs = torch.view_as_complex(x.float().view(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turns).flatten(-2).to(x.dtype)
