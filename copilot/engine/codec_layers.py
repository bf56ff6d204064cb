"""Layers of the codec: each is the same offline and streaming, and what it remembers is handed in.

A layer's memory is a tensor with one row per row of the batch, made once and written in place, so
that a step can be captured in a CUDA graph. `moves` is bool [B]: a row that does not move is
computed and keeps its memory. Tensors are [B, channels, T], those of the transformer [B, T, dim].
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from copilot.engine.presets import MimiConfig

Past = tuple[Tensor, ...]
"""What the convolutions of one direction remember, [B, channels, reach] each."""


@dataclass(frozen=True)
class Stream:
    """What one direction of the codec remembers of the rows of a batch; zeros are a new row."""

    past: Past
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    """Of each layer a ring [B, capacity, dim]: place p % capacity holds position p."""
    offset: Tensor
    """int64 [B]: positions that the transformer has seen."""
    frames: int
    """Most frames of one call."""

    @property
    def rows(self) -> int:
        return self.offset.shape[0]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (*self.past, *self.keys, *self.values, self.offset)

    def reset(self, rows: Tensor) -> None:
        """Make the rows of bool [B] new ones."""
        for one in self.tensors:
            one.masked_fill_(rows.view(-1, *[1] * (one.ndim - 1)), 0)

    def copy(self, source: int, target: int) -> None:
        """Make row `target` the same as row `source`, which goes on unchanged."""
        for one in self.tensors:
            one[target].copy_(one[source])


def keep(memory: Tensor, new: Tensor, moves: Tensor | None) -> None:
    """Write `new` over the memory of the rows that move; None moves all."""
    if moves is not None:
        new = torch.where(moves.view(-1, *[1] * (new.ndim - 1)), new, memory)
    memory.copy_(new)


class Remembering(nn.Module):
    """A layer with a memory, `place` among those of its direction."""

    place = 0

    def memory(self) -> tuple[int, int]:
        """Channels and reach of its memory."""
        raise NotImplementedError


def memories(direction: nn.Module) -> list[tuple[int, int]]:
    """Give every layer of a direction its place, and say what memory each needs."""
    layers = [one for one in direction.modules() if isinstance(one, Remembering)]
    for place, layer in enumerate(layers):
        layer.place = place
    return [layer.memory() for layer in layers]


class Conv(Remembering):
    """A causal convolution; its reach into the past begins with zeros."""

    def __init__(self, given: int, made: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(made, given, kernel))
        self.bias = nn.Parameter(torch.empty(made))
        self.stride = stride
        self.reach = kernel - stride

    def memory(self) -> tuple[int, int]:
        return self.weight.shape[1], self.reach

    def forward(self, x: Tensor, past: Past, moves: Tensor | None) -> Tensor:
        if self.reach:
            memory = past[self.place]
            x = torch.cat([memory, x], dim=-1)
            keep(memory, x[..., -self.reach :], moves)
        return functional.conv1d(x, self.weight, self.bias, self.stride)


class Upconv(Remembering):
    """A transposed convolution of kernel 2 * stride; what sticks out is added to the next call's.

    The bias is added once at the end, so that the part that is carried over is free of it.
    """

    def __init__(self, given: int, made: int, stride: int, depthwise: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(given, 1 if depthwise else made, 2 * stride))
        self.bias = None if depthwise else nn.Parameter(torch.empty(made))
        self.made, self.stride = made, stride
        self.groups = given if depthwise else 1

    def memory(self) -> tuple[int, int]:
        return self.made, self.stride

    def forward(self, x: Tensor, past: Past, moves: Tensor | None) -> Tensor:
        memory = past[self.place]
        y = functional.conv_transpose1d(x, self.weight, None, self.stride, groups=self.groups)
        y[..., : self.stride] += memory
        keep(memory, y[..., -self.stride :], moves)
        y = y[..., : -self.stride]
        return y if self.bias is None else y + self.bias[:, None]


class Downsample(Remembering):
    """Halves the frame rate; a row's past begins with copies of its first sample, not zeros."""

    def __init__(self, dim: int, stride: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(dim, dim, 2 * stride))
        self.stride = stride

    def memory(self) -> tuple[int, int]:
        return self.weight.shape[0], self.stride

    def forward(self, x: Tensor, past: Past, moves: Tensor | None, new: Tensor) -> Tensor:
        """`new` is bool [B]: the rows that have no past."""
        memory = past[self.place]
        x = torch.cat([torch.where(new[:, None, None], x[..., :1], memory), x], dim=-1)
        keep(memory, x[..., -self.stride :], moves)
        return functional.conv1d(x, self.weight, None, self.stride)


class Residual(nn.Module):
    def __init__(self, width: int, config: MimiConfig) -> None:
        super().__init__()
        inner = width // config.compress
        self.first = Conv(width, inner, config.residual_kernel_size)
        self.second = Conv(inner, width, 1)

    def forward(self, x: Tensor, past: Past, moves: Tensor | None) -> Tensor:
        inner = self.first(functional.elu(x), past, moves)
        y: Tensor = self.second(functional.elu(inner), past, moves)
        return x + y


class Analysis(nn.Module):
    """Samples to 25 vectors a second: a residual block, then a longer stride, stage by stage."""

    def __init__(self, config: MimiConfig) -> None:
        super().__init__()
        width = config.n_filters
        self.stem = Conv(1, width, config.kernel_size)
        self.residuals, self.downs = nn.ModuleList(), nn.ModuleList()
        for ratio in reversed(config.ratios):
            self.residuals.append(Residual(width, config))
            self.downs.append(Conv(width, 2 * width, 2 * ratio, ratio))
            width *= 2
        self.head = Conv(width, config.dim, config.last_kernel_size)

    def forward(self, x: Tensor, past: Past, moves: Tensor | None) -> Tensor:
        x = self.stem(x, past, moves)
        for residual, down in zip(self.residuals, self.downs, strict=True):
            x = down(functional.elu(residual(x, past, moves)), past, moves)
        made: Tensor = self.head(functional.elu(x), past, moves)
        return made


class Synthesis(nn.Module):
    """25 vectors a second to samples: the analysis mirrored."""

    def __init__(self, config: MimiConfig) -> None:
        super().__init__()
        width = config.n_filters << len(config.ratios)
        self.stem = Conv(config.dim, width, config.kernel_size)
        self.ups, self.residuals = nn.ModuleList(), nn.ModuleList()
        for ratio in config.ratios:
            width //= 2
            self.ups.append(Upconv(2 * width, width, ratio))
            self.residuals.append(Residual(width, config))
        self.head = Conv(width, 1, config.last_kernel_size)

    def forward(self, x: Tensor, past: Past, moves: Tensor | None) -> Tensor:
        x = self.stem(x, past, moves)
        for up, residual in zip(self.ups, self.residuals, strict=True):
            x = residual(up(functional.elu(x), past, moves), past, moves)
        made: Tensor = self.head(functional.elu(x), past, moves)
        return made
