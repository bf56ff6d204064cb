"""The multistream language model: a column of tokens in, a hidden state and its readings out.

One code for Moshi, PersonaPlex and the recognisers: they differ in sizes, and in whether a depth
transformer and extra heads are there.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import embedding

from copilot.engine.depth import Depth
from copilot.engine.fused import check_current
from copilot.engine.layers import Attend, Block, Linear, Norm, Rope, Weights
from copilot.engine.presets import LmConfig

ZERO = -1
"""A token that embeds to nothing at all."""

KEEP = -2
"""No token: what is there stays, or the model chooses. It is never fed."""


class LanguageModel:
    """Weights in place; it holds no state of any call.

    `weights` are those of ``names.expected(names.running(config))`` on one device, of one kind of
    float, matrices as int8 where their scales stand beside them.
    """

    def __init__(self, config: LmConfig, weights: Weights) -> None:
        self.config = config
        self.text_table = weights["text_emb.weight"]
        self.audio_table = torch.cat(
            [weights[f"emb.{codebook}.weight"] for codebook in range(config.n_q)]
        )
        self.device, self.dtype = self.text_table.device, self.text_table.dtype
        check_current(self.device)
        first = torch.arange(config.n_q, device=self.device) * (config.card + 1)
        self.first_row = first[:, None]
        self.blocks = [
            Block(f"transformer.layers.{layer}", weights, config.num_heads)
            for layer in range(config.num_layers)
        ]
        self.out_norm = Norm(weights["out_norm.alpha"])
        self.text_linear = Linear.named("text_linear.weight", weights)
        heads = [f"extra_heads.{m}.weight" for m in range(config.extra_heads_num_heads)]
        self.heads = Linear(torch.cat([weights[name] for name in heads])) if heads else None
        self.rope = Rope(config.head_dim, config.max_period, self.device)
        self.depth = Depth(config, weights) if config.steps else None

    def embed(self, columns: Tensor) -> Tensor:
        """[B, T, dim] of columns [B, rows, T]: the sum of all rows, in the reference's order."""
        audio = embedding((columns[:, 1:] + self.first_row).clamp(min=0), self.audio_table)
        audio = audio.masked_fill((columns[:, 1:] < 0)[..., None], 0)
        text = embedding(columns[:, 0].clamp(min=0), self.text_table)
        total = audio[:, 0]
        for codebook in range(1, self.config.n_q):
            total = total + audio[:, codebook]
        return total + text.masked_fill((columns[:, 0] < 0)[..., None], 0)

    def temporal(self, x: Tensor, at: Callable[[int], Attend]) -> Tensor:
        """Hidden states [B, T, dim], normed; `at` gives each layer its attention."""
        for layer, block in enumerate(self.blocks):
            x = block(x, at(layer))
        return self.out_norm(x)

    def text_logits(self, hidden: Tensor) -> Tensor:
        """float32 [..., text_card]."""
        return self.text_linear(hidden).float()

    def head_probabilities(self, hidden: Tensor) -> Tensor:
        """float32 [..., heads, classes]; no heads, no numbers."""
        if self.heads is None:
            return hidden.new_zeros((*hidden.shape[:-1], 0, 1), dtype=torch.float32)
        logits = self.heads(hidden).float()
        split = (*hidden.shape[:-1], self.config.extra_heads_num_heads, -1)
        return logits.view(split).softmax(-1)
