"""The codec's two transformers: a window of fixed length over a ring of keys and values per row."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from copilot.engine.codec_layers import Stream
from copilot.engine.presets import MimiConfig


def rates(config: MimiConfig) -> Tensor:
    """Radians per position of each pair, float32 [head_dim / 2]."""
    powers = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    return torch.exp(-math.log(config.max_period) * powers)


class Transformer(nn.Module):
    """Layers with a causal window of `context` positions, rotary on interleaved pairs."""

    def __init__(self, config: MimiConfig) -> None:
        super().__init__()
        self.context = config.context
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_layers))
        self.rates = nn.Parameter(torch.empty(config.head_dim // 2), requires_grad=False)

    def forward(self, x: Tensor, stream: Stream, moves: Tensor | None) -> Tensor:
        """[B, T, dim] to the same; of a ring of `capacity` places T may fill no more than fit.

        With a capacity of context + T - 1 every position sees `context` keys. With one of
        `context` the reference's streaming is met: the later positions of a call have taken the
        place of keys that its earlier ones would have seen.
        """
        capacity = stream.keys[0].shape[1]
        times = stream.offset[:, None] + torch.arange(x.shape[1], device=x.device)
        angles = times[..., None, None] * self.rates
        turn = torch.cos(angles), torch.sin(angles)
        places = times % capacity
        visible = self._visible(times, capacity)
        for layer, keys, values in zip(self.layers, stream.keys, stream.values, strict=True):
            x = layer(x, (keys, values), turn, places, visible, moves)
        steps = x.shape[1] if moves is None else x.shape[1] * moves
        stream.offset.add_(steps)
        return x

    def _visible(self, times: Tensor, capacity: int) -> Tensor:
        """bool [B, 1, T, capacity]: the places that each position sees, itself included."""
        last = times[:, -1:]
        held = last - (last - torch.arange(capacity, device=times.device)) % capacity
        age = times[..., None] - held[:, None]
        seen = (age >= 0) & (age < self.context) & (held >= 0)[:, None]
        return seen[:, None]


class Layer(nn.Module):
    def __init__(self, config: MimiConfig) -> None:
        super().__init__()
        dim, inner = config.dim, config.dim_feedforward
        self.heads = config.num_heads
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-5), nn.LayerNorm(dim, eps=1e-5)
        self.in_proj = nn.Linear(dim, 3 * dim, bias=False)
        self.out_proj = nn.Linear(dim, dim, bias=False)
        self.linear1 = nn.Linear(dim, inner, bias=False)
        self.linear2 = nn.Linear(inner, dim, bias=False)
        self.scale1, self.scale2 = nn.Parameter(torch.empty(dim)), nn.Parameter(torch.empty(dim))

    def forward(
        self,
        x: Tensor,
        ring: tuple[Tensor, Tensor],
        turn: tuple[Tensor, Tensor],
        places: Tensor,
        visible: Tensor,
        moves: Tensor | None,
    ) -> Tensor:
        rows, length, dim = x.shape
        q, k, v = self.in_proj(self.norm1(x)).view(rows, length, 3, self.heads, -1).unbind(2)
        store(ring[0], rotate(k, turn).flatten(2), places, moves)
        store(ring[1], v.flatten(2), places, moves)
        shape = (rows, -1, self.heads, dim // self.heads)
        keys, values = (one.view(shape).transpose(1, 2) for one in ring)
        q = rotate(q, turn).transpose(1, 2)
        seen = functional.scaled_dot_product_attention(q, keys, values, attn_mask=visible)
        x = x + self.scale1 * self.out_proj(seen.transpose(1, 2).reshape(rows, length, dim))
        y: Tensor = self.linear2(functional.gelu(self.linear1(self.norm2(x))))
        return x + self.scale2 * y


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the pairs (2i, 2i + 1) of [B, T, heads, head_dim], in float32."""
    cos, sin = turn
    real, imaginary = x.float().view(*x.shape[:-1], -1, 2).unbind(-1)
    turned = torch.stack((real * cos - imaginary * sin, real * sin + imaginary * cos), dim=-1)
    return turned.flatten(-2).to(x.dtype)


def store(ring: Tensor, new: Tensor, places: Tensor, moves: Tensor | None) -> None:
    """Write [B, T, dim] to the places [B, T] of the rows that move."""
    index = places[..., None].expand_as(new)
    if moves is not None:
        new = torch.where(moves[:, None, None], new, ring.gather(1, index))
    ring.scatter_(1, index, new)
