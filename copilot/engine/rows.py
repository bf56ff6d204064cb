"""The rows of a batch on the device: what each has heard and said so far, and one tick of them all.

Time is counted in positions. *Forward* p consumes column p and writes column p + 1. A row of a
column with delay d holds frame p - d; until then it holds its initial token. So column 0 is all
initial, and the model never hears frame 0.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from copilot.engine.cache import Chunk, KvCache, Step
from copilot.engine.errors import EngineError
from copilot.engine.lm import KEEP, LanguageModel
from copilot.engine.presets import LmConfig
from copilot.engine.sampling import TEXT, Dice, Sampling, pick

TOP = 5
"""Text candidates that are told of each tick."""


class Layout(NamedTuple):
    """Places of what goes to the device for a row in one tick, int64 [width]."""

    rows: int
    """Of a column."""

    @property
    def live(self) -> int:
        """1 where the row takes part."""
        return 0

    @property
    def text(self) -> slice:
        """The text of column p + 1 where the model's own choice is PAD, EPAD, or any other."""
        return slice(1, 4)

    @property
    def column(self) -> slice:
        """Column p."""
        return slice(4, 4 + self.rows)

    @property
    def following(self) -> slice:
        """The audio rows of column p + 1."""
        return slice(4 + self.rows, self.width)

    @property
    def width(self) -> int:
        return 3 + 2 * self.rows


class Forward(NamedTuple):
    """What forward p of B rows computed; graphs write the same memory again at the next tick."""

    column: Tensor
    """int64 [B, rows]: column p as it was consumed."""
    hidden: Tensor
    """[B, dim]."""
    text_logits: Tensor
    """float32 [B, text_card], for the text of column p + 1."""
    choice: Tensor
    """int64 [B]: the text the model would take."""
    following: Tensor
    """int64 [B, rows]: column p + 1, KEEP where it is not known yet."""
    audio_logits: Tensor | None
    """float32 [B, steps, card], for the own voice in column p + 1; None without the depth."""


class Rows:
    """State of `rows` rows in buffers that are made once; all of it is copied with a row."""

    def __init__(self, model: LanguageModel, rows: int, window: int, kv_dtype: torch.dtype) -> None:
        config, device = model.config, model.device
        check_delays(config)
        self.model, self.config = model, config
        shape = (config.num_layers, rows, config.num_heads, window, config.head_dim)
        self.cache = KvCache(shape, kv_dtype, device)
        self.layout = Layout(config.rows)
        int64 = torch.int64
        self.column = torch.zeros((rows, config.rows), dtype=int64, device=device)
        self.position = torch.zeros(rows, dtype=int64, device=device)
        self.history = torch.zeros((rows, config.rows, window), dtype=torch.int32, device=device)
        self.top_k = torch.ones((rows, 2), dtype=int64, device=device)
        self.seed = torch.zeros(rows, dtype=int64, device=device)
        self.temperature = torch.zeros((rows, 2), device=device)
        self.pad_bias = torch.zeros(rows, device=device)
        self.given = torch.full((rows, self.layout.width), KEEP, dtype=int64, device=device)
        self.given[:, self.layout.live] = 0
        self.told = torch.zeros((rows, told_width(config)), device=device)
        self.delays = torch.tensor(config.delays, device=device)
        self.initial = torch.tensor(
            [config.text_initial] + [config.audio_initial] * config.n_q, device=device
        )

    @property
    def window(self) -> int:
        return self.cache.window

    def tick(self, count: int, reach: int, depth: bool) -> Forward:
        """One forward of the first `count` rows, by `given`, into `told`.

        `reach` places of the rings are read, at least as many as the longest row has. Without
        `depth` no code is chosen. Every shape is fixed by the three arguments, nothing waits for
        the device: this is what a graph captures.
        """
        given, layout = self.given[:count], self.layout
        position = self.position[:count]
        known = given[:, layout.column]
        column = torch.where(known == KEEP, self.column[:count], known)
        column = torch.where(self.delays >= position[:, None], self.initial, column)
        step = Step(self.cache, self.model.rope, position, reach)
        hidden = self.model.temporal(self.model.embed(column[..., None]), step.at)[:, 0]
        forward = self._chosen(column, hidden, given, slice(0, count), depth)
        self._advance(forward, given[:, layout.live] > 0, position)
        self._tell(forward, count)
        return forward

    def prefill(self, row: int, start: int, columns: Tensor, known: Tensor | None = None) -> Tensor:
        """Consume whole columns [rows, T] at positions `start` and after; hidden states [T, dim].

        Equal to T forwards. `known`: [n, dim] embeddings of n columns that come first, of which
        the tokens are not given. The row's column T is left as it was, see `seat`.
        """
        x = self.model.embed(columns[None])
        if known is not None:
            x = torch.cat((known[None].to(x.dtype), x), dim=1)
        hidden = []
        for first in range(0, x.shape[1], CHUNK):
            part = x[:, first : first + CHUNK]
            chunk = Chunk(self.cache, self.model.rope, row, start + first, part.shape[1])
            hidden.append(self.model.temporal(part, chunk.at)[0])
        self._remember(row, start + x.shape[1] - columns.shape[1], columns)
        self.position[row] = start + x.shape[1]
        return torch.cat(hidden)

    def seat(self, row: int, hidden: Tensor, given: Tensor, depth: bool) -> Forward:
        """Let a row that was prefilled choose what follows its last hidden state [dim].

        `given` is as for a tick; of it only what concerns the next column counts.
        """
        one = slice(row, row + 1)
        column = self.initial[None]
        forward = self._chosen(column, hidden[None], given[None], one, depth, ago=1)
        self.column[row] = forward.following[0]
        return forward

    def set_sampling(self, row: int, sampling: Sampling) -> None:
        values = (sampling.text_temperature, sampling.audio_temperature)
        self.temperature[row] = torch.tensor(values, device=self.temperature.device)
        top_k = (sampling.text_top_k, sampling.audio_top_k)
        self.top_k[row] = torch.tensor(top_k, device=self.top_k.device)
        self.seed[row] = sampling.seed
        self.pad_bias[row] = sampling.pad_bias

    def copy(self, origin: "Rows", source: int, target: int, length: int) -> None:
        """All state of a row, of this batch or another, that has consumed `length` columns."""
        self.renew(target, origin, length, source)
        for mine, state in zip(self._chosen_state(), origin._chosen_state(), strict=True):
            mine[target] = state[source]

    def renew(self, target: int, origin: "Rows", length: int, source: int = 0) -> None:
        """What a row remembers, without the column it is to consume next and how it chooses."""
        kept = min(length, self.window)
        mine, other = self.cache.store, origin.cache.store
        mine[:, :, target, :, :kept] = other[:, :, source, :, :kept]
        self.history[target, :, :kept] = origin.history[source, :, :kept]
        self.position[target] = origin.position[source]

    def recent(self, row: int, position: int, count: int) -> Tensor:
        """The last `count` columns before `position`, int64 [rows, count]."""
        places = torch.arange(position - count, position, device=self.position.device)
        return self.history[row][:, places % self.window].long()

    def clear(self, row: int) -> None:
        """Zeros for keys and values, which may be no numbers."""
        self.cache.store[:, :, row].zero_()

    def _chosen_state(self) -> tuple[Tensor, ...]:
        return self.column, self.top_k, self.seed, self.temperature, self.pad_bias

    def _chosen(
        self, column: Tensor, hidden: Tensor, given: Tensor, rows: slice, depth: bool, ago: int = 0
    ) -> Forward:
        config, layout = self.config, self.layout
        logits = self.model.text_logits(hidden)
        pad, epad = config.existing_text_padding_id, config.existing_text_end_padding_id
        biased = logits.clone()
        biased[:, pad] += self.pad_bias[rows]
        choice = pick(biased, self._dice(rows, 0, ago), TEXT)
        kind = torch.where(choice == pad, 0, torch.where(choice == epad, 1, 2))
        forced = given[:, layout.text].gather(1, kind[:, None])[:, 0]
        text = torch.where(forced == KEEP, choice, forced)
        audio, scores = given[:, layout.following], None
        if depth and self.model.depth is not None:
            dice = self._dice(rows, 1, ago)
            own, scores = self.model.depth(
                hidden, text, audio[:, : config.steps], lambda k, one: pick(one, dice, k)
            )
            audio = torch.cat((own, audio[:, config.steps :]), dim=1)
        following = torch.cat((text[:, None], audio), dim=1)
        return Forward(column, hidden, logits, choice, following, scores)

    def _dice(self, rows: slice, kind: int, ago: int) -> Dice:
        """Draws of forward p are numbered p, also where p has been consumed already."""
        return Dice(
            self.temperature[rows, kind],
            self.top_k[rows, kind],
            self.seed[rows],
            self.position[rows] - ago if ago else self.position[rows],
        )

    def _advance(self, forward: Forward, live: Tensor, position: Tensor) -> None:
        """A row that is not live stays as it was; its place in `history` is written again later."""
        count = position.shape[0]
        row = self.cache.row[:count]
        self.history[row, :, position % self.window] = forward.column.int()
        kept = torch.where(live[:, None], forward.following, self.column[:count])
        self.column[:count] = kept
        position += live

    def _remember(self, row: int, start: int, columns: Tensor) -> None:
        kept = columns[:, -self.window :]
        last = start + columns.shape[1]
        place = torch.arange(last - kept.shape[1], last, device=kept.device) % self.window
        self.history[row][:, place] = kept.int()

    def _tell(self, forward: Forward, count: int) -> None:
        """Everything that leaves the device in one tensor of float32: a token is exact in it."""
        own = slice(0, 1 + self.config.steps)
        total = forward.text_logits.logsumexp(1, keepdim=True)
        if forward.audio_logits is not None:  # nothing where all are numbers, else NaN
            total = total + 0 * forward.audio_logits.flatten(1).sum(1, keepdim=True)
        best, token = forward.text_logits.topk(TOP, dim=1)
        pads = [self.config.existing_text_padding_id, self.config.existing_text_end_padding_id]
        marks = torch.stack([forward.text_logits[:, pad] for pad in pads], dim=1)
        told = (
            total,
            torch.exp(marks - total),
            forward.choice[:, None],
            forward.column[:, own],
            forward.following[:, own],
            token,
            torch.exp(best - total),
            self.model.head_probabilities(forward.hidden)[..., 0],
        )
        self.told[:count] = torch.cat([part.float() for part in told], dim=1)


CHUNK = 512
"""Columns that are prefilled at once: a longer prefix goes in several."""


def told_width(config: LmConfig) -> int:
    return 1 + 2 + 1 + 2 * (1 + config.steps) + 2 * TOP + config.extra_heads_num_heads


def check_delays(config: LmConfig) -> None:
    """Raises EngineError where a stream lags by more than a frame, as no model here does."""
    own = config.delays[1 : config.user_row]
    if config.delays[0] or max(config.delays) > 1 or any(own[:1]) or not all(own[1:]):
        raise EngineError(
            f"delays = {list(config.delays)}: expected 0 for the text and the first codebook of "
            "the own voice, 1 for its others, and 0 or 1 for the user's"
        )
