"""Mimi, the codec: 24 kHz speech to 12.5 columns of codes a second and back, many rows at a time.

A frame is 1920 samples (80 ms) and gives one column of up to 32 codes, with no look-ahead. The two
directions share the codebooks and nothing else: each has a `Stream` of its own. One call may take
any number of frames that its stream was made for, so that offline is one long call.

The attention window is exact here: every position sees `context` keys. The reference's own
streaming sees one key less at the first position of each frame once its ring is full;
``exact=False`` gives that window.

On a GPU cuDNN may round the inputs of convolutions to TF32, as it does for the reference; codes
agree with those of a CPU where ``torch.backends.cudnn.allow_tf32`` is false.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from copilot.engine.codec_attention import Transformer
from copilot.engine.codec_door import audible, check_codes, check_pcm, codebooks_of, renamed
from copilot.engine.codec_layers import Analysis, Downsample, Stream, Synthesis, Upconv, memories
from copilot.engine.errors import EngineError
from copilot.engine.layers import Rope
from copilot.engine.presets import MimiConfig
from copilot.engine.weights import invent, load


class Encoder(nn.Module):
    """[B, 1, frames * 1920] to latents [B, dim, frames]."""

    def __init__(self, config: MimiConfig) -> None:
        super().__init__()
        self.analysis = Analysis(config)
        self.transformer = Transformer(config)
        self.downsample = Downsample(config.dim, config.downsample_stride)
        self.memories = memories(self)

    def forward(self, pcm: Tensor, stream: Stream, moves: Tensor | None) -> Tensor:
        new = stream.offset == 0
        x = self.analysis(pcm, stream.past, moves).transpose(1, 2)
        x = self.transformer(x, stream, moves).transpose(1, 2)
        latent: Tensor = self.downsample(x, stream.past, moves, new)
        return latent


class Decoder(nn.Module):
    """Latents [B, dim, frames] to [B, 1, frames * 1920]."""

    def __init__(self, config: MimiConfig) -> None:
        super().__init__()
        self.upsample = Upconv(config.dim, config.dim, config.downsample_stride, depthwise=True)
        self.transformer = Transformer(config)
        self.synthesis = Synthesis(config)
        self.memories = memories(self)

    def forward(self, latent: Tensor, stream: Stream, moves: Tensor | None) -> Tensor:
        x = self.upsample(latent, stream.past, moves).transpose(1, 2)
        x = self.transformer(x, stream, moves).transpose(1, 2)
        pcm: Tensor = self.synthesis(x, stream.past, moves)
        return pcm


class Quantizer(nn.Module):
    """Two branches over the same latent: one semantic code, and levels of what each one leaves.

    It is float32 whatever the rest is: codes are decisions.
    """

    def __init__(self, config: MimiConfig, codebooks: int) -> None:
        super().__init__()
        self.codebooks, self.bins = codebooks, config.bins
        inner, outer = config.vq_dim, config.dim
        self.first_in = nn.Parameter(torch.empty(inner, outer))
        self.first_out = nn.Parameter(torch.empty(outer, inner))
        self.rest_in = nn.Parameter(torch.empty(inner, outer))
        self.rest_out = nn.Parameter(torch.empty(outer, inner))
        self.centroids = nn.Parameter(torch.empty(codebooks, config.bins, inner))
        self.halves = nn.Parameter(torch.empty(codebooks, config.bins))
        """Half of each centroid's squared length."""

    def encode(self, latent: Tensor) -> Tensor:
        """[B, dim, T] to int64 [B, codebooks, T]: of each codebook the nearest centroid."""
        x = latent.float().transpose(1, 2)
        codes = [self._nearest(functional.linear(x, self.first_in), 0)]
        left = functional.linear(x, self.rest_in)
        for level in range(1, self.codebooks):
            codes.append(self._nearest(left, level))
            left = left - functional.embedding(codes[-1], self.centroids[level])
        return torch.stack(codes, dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        """int64 [B, K, T], K codebooks or fewer, to [B, dim, T]; ids are brought into range, as
        those of rows that do not move may be anything."""
        levels = codes.shape[1]
        first = torch.arange(0, levels * self.bins, self.bins, device=codes.device)
        ids = codes.clamp(0, self.bins - 1) + first[:, None]
        parts = functional.embedding(ids, self.centroids.flatten(0, 1))
        latent = functional.linear(parts[:, 0], self.first_out)
        if levels > 1:
            latent = latent + functional.linear(parts[:, 1:].sum(dim=1), self.rest_out)
        return latent.transpose(1, 2)

    def _nearest(self, x: Tensor, level: int) -> Tensor:
        """By Euclidean distance, without the part of it that is the same for all."""
        return (functional.linear(x, self.centroids[level]) - self.halves[level]).argmax(dim=-1)


class Mimi(nn.Module):
    """The codec with its weights; `codebooks` of those stored are used."""

    def __init__(self, config: MimiConfig, codebooks: int | None = None) -> None:
        super().__init__()
        codebooks = config.n_q if codebooks is None else codebooks
        if not 1 <= codebooks <= config.n_q:
            raise EngineError(f"codebooks = {codebooks}: expected 1 to {config.n_q}")
        self.config, self.codebooks = config, codebooks
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        self.quantizer = Quantizer(config, codebooks)

    @classmethod
    def load(
        cls,
        path: Path,
        config: MimiConfig,
        *,
        codebooks: int | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        sha256: str | None = None,
    ) -> Self:
        """From a published file; raises EngineError as `weights.load` does."""
        stored = load(path, config, device=device, sha256=sha256)
        return cls._assigned(stored, config, codebooks, dtype)

    @classmethod
    def random(
        cls,
        config: MimiConfig,
        *,
        codebooks: int | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        seed: int = 0,
    ) -> Self:
        """Weights that say nothing, for tests and benches."""
        return cls._assigned(invent(config, device=device, seed=seed), config, codebooks, dtype)

    @classmethod
    def _assigned(
        cls,
        stored: Mapping[str, Tensor],
        config: MimiConfig,
        codebooks: int | None,
        dtype: torch.dtype,
    ) -> Self:
        with torch.device("meta"):
            codec = cls(config, codebooks)
        named = {name: stored[old].to(dtype) for name, old in renamed(config)}
        device = stored["downsample.conv.conv.conv.weight"].device
        frequency = Rope(config.head_dim, config.max_period, device).frequency
        named |= {f"{side}.transformer.frequency": frequency for side in ("encoder", "decoder")}
        named |= codebooks_of(stored, config, codec.codebooks)
        codec.load_state_dict(named, assign=True)
        return codec.eval().requires_grad_(False)

    def encoder_stream(self, rows: int, *, frames: int = 1, exact: bool = True) -> Stream:
        """For calls of `encode` with at most `frames` frames; all rows are new."""
        return self._stream(self.encoder.memories, rows, frames, exact)

    def decoder_stream(self, rows: int, *, frames: int = 1, exact: bool = True) -> Stream:
        """For calls of `decode` with at most `frames` frames; all rows are new."""
        return self._stream(self.decoder.memories, rows, frames, exact)

    @torch.no_grad()
    def encode(self, pcm: Tensor, stream: Stream, moves: Tensor | None = None) -> Tensor:
        """float [B, 1, frames * 1920] within ±1 to int64 [B, codebooks, frames].

        `moves` is bool [B]; of a row that does not move the codes mean nothing. Raises EngineError
        as `check_pcm` does, and then no row has moved.
        """
        return self.quantizer.encode(self.latent(pcm, stream, moves))

    @torch.no_grad()
    def latent(self, pcm: Tensor, stream: Stream, moves: Tensor | None = None) -> Tensor:
        """What `encode` quantises, [B, dim, frames]."""
        check_pcm(pcm, stream, self.config, moves)
        pcm = pcm if pcm.device.type == "cpu" else audible(pcm)
        latent: Tensor = self.encoder(pcm.to(stream.past[0].dtype), stream, moves)
        return latent

    @torch.no_grad()
    def decode(self, codes: Tensor, stream: Stream, moves: Tensor | None = None) -> Tensor:
        """int64 [B, K, frames] of the first K codebooks to float [B, 1, frames * 1920].

        Raises EngineError as `check_codes` does, and then no row has moved.
        """
        check_codes(codes, stream, self.codebooks, self.config, moves)
        latent = self.quantizer.decode(codes).to(stream.past[0].dtype)
        pcm: Tensor = self.decoder(latent, stream, moves)
        return pcm

    def _stream(
        self, memories: list[tuple[int, int]], rows: int, frames: int, exact: bool
    ) -> Stream:
        config = self.config
        width = frames * config.downsample_stride
        if rows < 1 or frames < 1:
            raise EngineError(f"rows = {rows}, frames = {frames}: expected 1 or more of both")
        if not exact and width > config.context:
            raise EngineError(f"frames = {frames}: they do not fit a window of {config.context}")
        zeros = self.encoder.downsample.weight.new_zeros
        capacity = _rounded(config.context + width - 1) if exact else config.context
        ring = (rows, capacity, config.dim)
        return Stream(
            past=tuple(zeros(rows, *memory) for memory in memories),
            keys=tuple(zeros(ring) for _ in range(config.num_layers)),
            values=tuple(zeros(ring) for _ in range(config.num_layers)),
            offset=zeros(rows, dtype=torch.int64),
            frames=frames,
        )


def _rounded(places: int) -> int:
    """Up to a multiple of 16, as fused attention likes the length of a mask."""
    return -(-places // 16) * 16
