"""The codec's two transformers: a window of fixed length over a ring of keys and values per row."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from copilot.engine.codec_layers import Stream
from copilot.engine.layers import rotate, turns
from copilot.engine.presets import MimiConfig


class Transformer(nn.Module):
    """Layers with a causal window of `context` positions, rotary on interleaved pairs."""

    def __init__(self, config: MimiConfig) -> None:
        super().__init__()
        self.context = config.context
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_layers))
        self.frequency = nn.Parameter(torch.empty(config.head_dim // 2), requires_grad=False)
        """Of `layers.Rope`."""

    def forward(self, x: Tensor, stream: Stream, moves: Tensor | None) -> Tensor:
        """[B, T, dim] to the same; of a ring of `capacity` places T may fill no more than fit.

        With a capacity of context + T - 1 every position sees `context` keys. With one of
        `context` the reference's streaming is met: the later positions of a call have taken the
        place of keys that its earlier ones would have seen.
        """
        capacity = stream.keys[0].shape[1]
        times = stream.offset[:, None] + torch.arange(x.shape[1], device=x.device)
        around = turns(times, self.frequency)
        places = times % capacity
        visible = self._visible(times, capacity)
        for layer, keys, values in zip(self.layers, stream.keys, stream.values, strict=True):
            x = layer(x, (keys, values), around, places, visible, moves)
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
        around: Tensor,
        places: Tensor,
        visible: Tensor,
        moves: Tensor | None,
    ) -> Tensor:
        rows, length, dim = x.shape
        qkv = self.in_proj(self.norm1(x)).view(rows, length, 3, self.heads, -1)
        q, k = rotate(qkv[:, :, :2], around).unbind(2)
        store(ring[0], k.flatten(2), places, moves)
        store(ring[1], qkv[:, :, 2].flatten(2), places, moves)
        shape = (rows, -1, self.heads, dim // self.heads)
        keys, values = (one.view(shape).transpose(1, 2) for one in ring)
        seen = functional.scaled_dot_product_attention(
            q.transpose(1, 2), keys, values, attn_mask=visible
        )
        x = x + self.scale1 * self.out_proj(seen.transpose(1, 2).reshape(rows, length, dim))
        y: Tensor = self.linear2(functional.gelu(self.linear1(self.norm2(x))))
        return x + self.scale2 * y


def store(ring: Tensor, new: Tensor, places: Tensor, moves: Tensor | None) -> None:
    """Write [B, T, dim] to the places [B, T] of the rows that move."""
    index = places[..., None].expand_as(new)
    if moves is not None:
        new = torch.where(moves[:, None, None], new, ring.gather(1, index))
    ring.scatter_(1, index, new)
