"""Keys and values of the last positions of every row, in one buffer, and attention over them.

Each row is a ring: position p lies in place p % window, so that with one new position at a time
every place written is visible and nothing is ever moved. The buffer is made once.
"""

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from copilot.engine.fused import attends
from copilot.engine.layers import Attend, Rope, rotate

FP8 = torch.float8_e4m3fn
FP8_MAX = 448.0

BLOCK = 64
"""Places are made and read in whole blocks. A CPU sums so many in one order, so that how far the
other rows of a batch reach does not change the bits of a row."""


class KvCache:
    """[layers, 2, rows, heads, places, head_dim], zero at first; `window` places are used.

    In fp8 (e4m3, no scale: rotated keys and values of these models are far below 448) it is kept as
    bytes, because tensors of that kind cannot be written by index.
    """

    def __init__(
        self,
        shape: tuple[int, int, int, int, int],
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        layers, rows, heads, window, head_dim = shape
        self.fp8 = dtype == FP8
        self.fused = attends(device, head_dim, self.fp8)
        """Whether a kernel of our own reads it, of each row no more than there is."""
        self.window = window
        self.places = blocks(window)
        self.store = torch.zeros(
            (layers, 2, rows, heads, self.places, head_dim),
            dtype=torch.uint8 if self.fp8 else dtype,
            device=device,
        )
        self.row = torch.arange(rows, device=device)
        self.place = torch.arange(self.places, device=device)

    def write(self, layer: int, row: Tensor, place: Tensor, kv: Tensor) -> None:
        """Keys and values [n, 2, heads, head_dim] to place[i] of row[i]."""
        self.store[layer][:, row, :, place] = self._stored(kv)

    def loaded(self, kept: Tensor, dtype: torch.dtype) -> Tensor:
        """What is kept, as numbers to compute with."""
        return kept.view(FP8).to(dtype) if self.fp8 else kept.to(dtype)

    def _stored(self, kv: Tensor) -> Tensor:
        if self.fp8:
            return kv.clamp(-FP8_MAX, FP8_MAX).to(FP8).view(torch.uint8)
        return kv.to(self.store.dtype)


def blocks(places: int) -> int:
    """So many places in whole blocks."""
    return -(-places // BLOCK) * BLOCK


class Step:
    """Attention of one new position in each of the first rows.

    `position` [B] is each row's own; `reach` places are read, which must be all that are written.
    A row that is not to move writes where its next position will write again, which no position
    sees in between. Everything here is of a fixed shape and waits for nothing.
    """

    def __init__(self, cache: KvCache, rope: Rope, position: Tensor, reach: int) -> None:
        self.cache, self.reach, self.position = cache, reach, position
        self.rows = position.shape[0]
        self.turns = rope.turns(position[:, None])
        if cache.fused:
            return
        self.place = position % cache.window
        last = position.clamp(max=cache.window - 1)[:, None]
        self.visible = (cache.place[:reach] <= last)[:, None, None]

    def at(self, layer: int) -> Attend:
        if self.cache.fused:
            return self._fused(layer)

        def attend(qkv: Tensor) -> Tensor:
            qk = rotate(qkv[:, :, :2], self.turns)
            kv = torch.stack((qk[:, 0, 1], qkv[:, 0, 2]), dim=1)
            self.cache.write(layer, self.cache.row[: self.rows], self.place, kv)
            kept = self.cache.store[layer, :, : self.rows, :, : self.reach]
            keys, values = self.cache.loaded(kept, qkv.dtype)
            query = qk[:, :, 0].transpose(1, 2)
            seen = scaled_dot_product_attention(query, keys, values, attn_mask=self.visible)
            return seen.transpose(1, 2)

        return attend

    def _fused(self, layer: int) -> Attend:
        from copilot.engine.chains import placed
        from copilot.engine.kernels import attend

        kept = self.cache.store[layer, :, : self.rows]
        keys, values = kept.view(FP8) if self.cache.fp8 else kept
        turns, window = torch.view_as_real(self.turns), self.cache.window

        def through(qkv: Tensor) -> Tensor:
            query = placed(qkv[:, 0], turns, self.position, keys, values, window)
            return attend(query, keys, values, self.position, window)[:, None]

        return through


class Chunk:
    """Attention of `count` new positions of one row at once, equal to stepping through them.

    Keys of the chunk are not yet in the ring when it is read, so that early positions still see
    what late ones evict.
    """

    def __init__(self, cache: KvCache, rope: Rope, row: int, start: int, count: int) -> None:
        device = cache.store.device
        self.cache, self.row = cache, row
        self.before = min(start, cache.window)
        new = torch.arange(start, start + count, device=device)
        old = cache.place[: self.before]
        # The youngest position before `start` whose place this is.
        old = start - 1 - (start - 1 - old) % cache.window
        distance = new[:, None] - torch.cat((old, new))
        self.visible = (distance >= 0) & (distance < cache.window)
        self.turns = rope.turns(new[None])
        self.kept = min(count, cache.window)
        self.place = new[-self.kept :] % cache.window

    def at(self, layer: int) -> Attend:
        def attend(qkv: Tensor) -> Tensor:
            qk = rotate(qkv[:, :, :2], self.turns)
            new = torch.stack((qk[0, :, 1], qkv[0, :, 2]), dim=1)
            old = self.cache.store[layer, :, self.row, :, : self.before]
            keys, values = torch.cat((self.cache.loaded(old, qkv.dtype), self._rounded(new)), dim=2)
            query = qk[0, :, 0].transpose(0, 1)
            seen = scaled_dot_product_attention(
                query[None], keys[None], values[None], attn_mask=self.visible
            )
            row = self.cache.row[self.row].expand(self.kept)
            self.cache.write(layer, row, self.place, new[-self.kept :])
            return seen.transpose(1, 2)

        return attend

    def _rounded(self, new: Tensor) -> Tensor:
        """[2, heads, count, head_dim] as it will be read from the ring."""
        kept = self.cache._stored(new)
        return self.cache.loaded(kept, new.dtype).permute(1, 2, 0, 3)
