# mypy: disable-error-code="no-untyped-def, untyped-decorator, no-untyped-call, import-not-found"
"""The two places where a GPU is left waiting by ordinary operations: keys that are read once per
query, and weights that are stored as int8. In Triton, which comes with torch for CUDA.

Imported only where it is there, see `fused`; so are `chains`.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 64
"""Keys that one program looks at together."""

PROGRAMS = 4096
"""Wanted at least, some ten for each place that a large GPU has, so that few places wait for the
last: a row's keys are split until there are so many."""

MOST_SPLITS = 32


@triton.jit
def _part(
    query,
    keys,
    values,
    position,
    sums,
    totals,
    tops,
    row_stride,
    head_stride,
    scale,
    window,
    heads: tl.constexpr,
    width: tl.constexpr,
    block: tl.constexpr,
    splits: tl.constexpr,
):
    """Softmax-weighted sum of one split of one head's values, with its maximum and total."""
    pair, split = tl.program_id(0), tl.program_id(1)
    row, head = pair // heads, pair % heads
    length = tl.minimum(tl.load(position + row) + 1, window).to(tl.int32)
    chunk = tl.cdiv(tl.cdiv(length, splits), block) * block
    start = split * chunk
    stop = tl.minimum(start + chunk, length)
    dim = tl.arange(0, width)
    q = tl.load(query + pair * width + dim).to(tl.float32) * scale
    base = row.to(tl.int64) * row_stride + head.to(tl.int64) * head_stride
    top = float("-inf")
    total = 0.0
    summed = tl.zeros([width], dtype=tl.float32)
    for first in range(start, stop, block):
        place = first + tl.arange(0, block)
        inside = place < stop
        at = base + place[:, None] * width + dim[None, :]
        # Both are on their way before either is waited for.
        key = tl.load(keys + at, mask=inside[:, None], other=0.0)
        value = tl.load(values + at, mask=inside[:, None], other=0.0)
        score = tl.sum(key.to(tl.float32) * q[None, :], axis=1)
        score = tl.where(inside, score, float("-inf"))
        higher = tl.maximum(top, tl.max(score, axis=0))
        weight = tl.exp(score - higher)
        faded = tl.exp(top - higher)
        summed = summed * faded + tl.sum(weight[:, None] * value.to(tl.float32), axis=0)
        total = total * faded + tl.sum(weight, axis=0)
        top = higher
    out = pair * splits + split
    tl.store(sums + out * width + dim, summed)
    tl.store(totals + out, total)
    tl.store(tops + out, top)


@triton.jit
def _whole(sums, totals, tops, seen, width: tl.constexpr, splits: tl.constexpr):
    """The splits of one head put together."""
    pair = tl.program_id(0)
    split, dim = tl.arange(0, splits), tl.arange(0, width)
    top = tl.load(tops + pair * splits + split)
    weight = tl.exp(top - tl.max(top, axis=0))
    total = tl.sum(tl.load(totals + pair * splits + split) * weight, axis=0)
    part = tl.load(sums + (pair * splits + split)[:, None] * width + dim[None, :])
    out = tl.sum(part * weight[:, None], axis=0) / total
    tl.store(seen + pair * width + dim, out.to(seen.dtype.element_ty))


def attend(query: Tensor, keys: Tensor, values: Tensor, position: Tensor, window: int) -> Tensor:
    """What one query [B, heads, dim] of each row sees of its ring [B, heads, places, dim].

    Of a row at `position` the first min(position + 1, window) places are read, and no more.
    """
    rows, heads, dim = query.shape
    pairs = rows * heads
    splits = min(MOST_SPLITS, triton.next_power_of_2(triton.cdiv(PROGRAMS, pairs)))
    query = query.contiguous()
    sums = torch.empty((pairs, splits, dim), dtype=torch.float32, device=query.device)
    totals, tops = torch.empty((2, pairs, splits), dtype=torch.float32, device=query.device)
    seen = torch.empty_like(query)
    _part[(pairs, splits)](
        query,
        keys,
        values,
        position,
        sums,
        totals,
        tops,
        keys.stride(0),
        keys.stride(1),
        dim**-0.5,
        window,
        heads=heads,
        width=dim,
        block=BLOCK,
        splits=splits,
    )
    _whole[(pairs,)](sums, totals, tops, seen, width=dim, splits=splits)
    return seen


@triton.jit
def _product(
    x,
    weight,
    scale,
    out,
    rows,
    columns,
    inner,
    row_tile: tl.constexpr,
    column_tile: tl.constexpr,
    inner_tile: tl.constexpr,
):
    """A tile of x @ weight.T * scale, the int8 turned to the floats of x on the way."""
    row = tl.program_id(1) * row_tile + tl.arange(0, row_tile)
    column = tl.program_id(0) * column_tile + tl.arange(0, column_tile)
    total = tl.zeros([row_tile, column_tile], dtype=tl.float32)
    for first in range(0, inner, inner_tile):
        k = first + tl.arange(0, inner_tile)
        some = tl.load(
            x + row[:, None] * inner + k[None, :],
            mask=(row < rows)[:, None] & (k < inner)[None, :],
            other=0.0,
        )
        part = tl.load(
            weight + column[None, :] * inner + k[:, None],
            mask=(column < columns)[None, :] & (k < inner)[:, None],
            other=0,
        )
        total = tl.dot(some, part.to(some.dtype), total, input_precision="ieee")
    factor = tl.load(scale + column, mask=column < columns, other=0.0)
    tl.store(
        out + row[:, None] * columns + column[None, :],
        (total * factor[None, :]).to(out.dtype.element_ty),
        mask=(row < rows)[:, None] & (column < columns)[None, :],
    )


def _tiles(columns: int, *, few: bool) -> tuple[int, int]:
    """Columns and depth of a tile: so narrow that there are two programs for each part of a large
    GPU, and the narrower the deeper, so that as many bytes are on their way."""
    if few and columns < 8192:
        return 16, 256
    return (32, 128) if columns < 16384 else (64, 128)


def int8_product(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """x [M, K] @ weight [N, K] transposed, times scale [N]; for few rows, where weights that are
    read once are what takes the time."""
    x = x.contiguous()
    (rows, inner), columns = x.shape, weight.shape[0]
    tile = min(64, max(16, triton.next_power_of_2(rows)))
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    wide, deep = _tiles(columns, few=tile == 16)
    grid = (triton.cdiv(columns, wide), triton.cdiv(rows, tile))
    _product[grid](
        x,
        weight,
        scale,
        out,
        rows,
        columns,
        inner,
        row_tile=tile,
        column_tile=wide,
        inner_tile=deep,
        num_stages=4,
    )
    return out
