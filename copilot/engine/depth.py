"""The depth transformer: the codebooks of one frame, one after another, from one hidden state."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import embedding, scaled_dot_product_attention

from copilot.engine.layers import Attend, Block, Linear, Weights
from copilot.engine.presets import LmConfig

Pick = Callable[[int, Tensor], Tensor]
"""The code [B] of a codebook, from its number and its logits, float32 [B, card]."""


class Depth:
    """`steps` passes through a few layers; every pass has weights of its own.

    Pass k is given the text (k = 0) or the code of codebook k - 1, and sees the passes before it
    in this frame, nothing of other frames, without positions.
    """

    def __init__(self, config: LmConfig, weights: Weights) -> None:
        self.steps = config.steps
        self.text_table = weights["depformer_text_emb.weight"]
        self.tables = [weights[f"depformer_emb.{k}.weight"] for k in range(self.steps - 1)]
        self.inner = [Linear.named(f"depformer_in.{k}.weight", weights) for k in range(self.steps)]
        self.heads = [Linear.named(f"linears.{k}.weight", weights) for k in range(self.steps)]
        stored = weights["depformer.layers.0.self_attn.out_proj.weight"].shape[0]
        self.blocks = [
            [
                Block(
                    f"depformer.layers.{layer}",
                    weights,
                    config.depformer_num_heads,
                    step=k,
                    steps=stored // config.depformer_dim,
                )
                for layer in range(config.depformer_num_layers)
            ]
            for k in range(self.steps)
        ]

    def __call__(
        self, hidden: Tensor, text: Tensor, forced: Tensor, pick: Pick
    ) -> tuple[Tensor, Tensor]:
        """Codes [B, steps], those that are `forced` and the others as `pick` takes them; and the
        logits of all, float32 [B, steps, card].

        `hidden` [B, dim] and the `text` [B] that was chosen from it; `forced` [B, steps] holds a
        code or a negative number. A forced code conditions the passes after it as a picked one.
        """
        frame = Frame(len(self.blocks[0]))
        codes: list[Tensor] = []
        logits: list[Tensor] = []
        for k in range(self.steps):
            given = embedding(codes[-1], self.tables[k - 1]) if k else self._text(text)
            x = (self.inner[k](hidden) + given)[:, None]
            for layer, block in enumerate(self.blocks[k]):
                x = block(x, frame.at(layer))
            logits.append(self.heads[k](x[:, 0]).float())
            codes.append(torch.where(forced[:, k] < 0, pick(k, logits[k]), forced[:, k]))
        return torch.stack(codes, dim=1), torch.stack(logits, dim=1)

    def _text(self, text: Tensor) -> Tensor:
        return embedding(text, self.text_table)


class Frame:
    """Keys and values of one frame so far: [2, B, heads, passes, head_dim] a layer."""

    def __init__(self, layers: int) -> None:
        self.kept: list[Tensor | None] = [None] * layers

    def at(self, layer: int) -> Attend:
        def attend(qkv: Tensor) -> Tensor:
            new = qkv[:, :, 1:].permute(2, 0, 3, 1, 4)
            before = self.kept[layer]
            kept = new if before is None else torch.cat((before, new), dim=3)
            self.kept[layer] = kept
            query = qkv[:, :, 0].transpose(1, 2)
            return scaled_dot_product_attention(query, kept[0], kept[1]).transpose(1, 2)

        return attend
