# mypy: disable-error-code="no-untyped-def, untyped-decorator, no-untyped-call, import-not-found"
"""Chains of small steps, each in one kernel: on a GPU the steps cost more than what they compute.

What is rounded, and to what, is as in the steps. In Triton, see `kernels`.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from copilot.engine.cache import FP8, FP8_MAX

GATED = 1024
"""Numbers that one program of `gated` takes."""


@triton.jit
def _placed(
    qkv,
    turns,
    position,
    query,
    keys,
    values,
    row_stride,
    head_stride,
    window,
    heads: tl.constexpr,
    width: tl.constexpr,
    limit: tl.constexpr,
):
    """One head of one row: its query and key are turned, key and value go to the ring."""
    row, head = tl.program_id(0), tl.program_id(1)
    pair = tl.arange(0, width // 2)
    cos = tl.load(turns + row * width + 2 * pair)
    sin = tl.load(turns + row * width + 2 * pair + 1)
    given = qkv + (row * 3 * heads + head) * width
    even = tl.load(given + 2 * pair).to(tl.float32)
    odd = tl.load(given + 2 * pair + 1).to(tl.float32)
    out = query + (row * heads + head) * width
    tl.store(out + 2 * pair, (even * cos - odd * sin).to(query.dtype.element_ty))
    tl.store(out + 2 * pair + 1, (even * sin + odd * cos).to(query.dtype.element_ty))
    given += heads * width
    even = tl.load(given + 2 * pair).to(tl.float32)
    odd = tl.load(given + 2 * pair + 1).to(tl.float32)
    place = (tl.load(position + row) % window).to(tl.int32)
    base = row.to(tl.int64) * row_stride + head.to(tl.int64) * head_stride + place * width
    _keep(keys + base + 2 * pair, (even * cos - odd * sin).to(qkv.dtype.element_ty), limit)
    _keep(keys + base + 2 * pair + 1, (even * sin + odd * cos).to(qkv.dtype.element_ty), limit)
    dim = tl.arange(0, width)
    _keep(values + base + dim, tl.load(given + heads * width + dim), limit)


@triton.jit
def _keep(place, number, limit: tl.constexpr):
    if limit > 0:
        number = tl.minimum(tl.maximum(number.to(tl.float32), -limit), limit)
    tl.store(place, number.to(place.dtype.element_ty))


def placed(
    qkv: Tensor, turns: Tensor, position: Tensor, keys: Tensor, values: Tensor, window: int
) -> Tensor:
    """Queries [B, heads, dim], turned, of [B, 3, heads, dim]; keys, turned too, and values go to
    place `position` % window of rings [B, heads, places, dim].

    `turns` is float32 [B, dim / 2, 2], the cosine and sine of each pair. What is rounded, and to
    what, is as without this kernel.
    """
    qkv = qkv.contiguous()
    rows, _, heads, dim = qkv.shape
    query = torch.empty((rows, heads, dim), dtype=qkv.dtype, device=qkv.device)
    _placed[(rows, heads)](
        qkv,
        turns,
        position,
        query,
        keys,
        values,
        keys.stride(0),
        keys.stride(1),
        window,
        heads=heads,
        width=dim,
        limit=FP8_MAX if keys.dtype == FP8 else 0.0,
        num_warps=1,
    )
    return query


@triton.jit
def _normed(x, more, alpha, summed, out, width, eps, adds: tl.constexpr, block: tl.constexpr):
    """One row: what is added, and its norm."""
    row = tl.program_id(0).to(tl.int64) * width
    place = tl.arange(0, block)
    inside = place < width
    number = tl.load(x + row + place, mask=inside, other=0.0)
    if adds:
        other = tl.load(more + row + place, mask=inside, other=0.0)
        number = (number.to(tl.float32) + other.to(tl.float32)).to(number.dtype)
        tl.store(summed + row + place, number, mask=inside)
    number = number.to(tl.float32)
    scale = 1 / tl.sqrt(tl.sum(number * number, axis=0) / width + eps)
    gain = tl.load(alpha + place, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + row + place, (number * (gain * scale)).to(out.dtype.element_ty), mask=inside)


def normed(
    x: Tensor, alpha: Tensor, eps: float, more: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """x [..., width] with `more` of the same shape added to it, and the RMSNorm of that."""
    x = x.contiguous()
    width = x.shape[-1]
    out = torch.empty_like(x)
    summed = x if more is None else torch.empty_like(x)
    _normed[(x.numel() // width,)](
        x,
        x if more is None else more.contiguous(),
        alpha,
        summed,
        out,
        width,
        eps,
        adds=more is not None,
        block=triton.next_power_of_2(width),
        num_warps=8 if width > 1024 else 4,
    )
    return summed, out


@triton.jit
def _gated(given, out, width, block: tl.constexpr):
    """A block of silu(first half) * second half."""
    row = tl.program_id(0).to(tl.int64)
    place = tl.program_id(1) * block + tl.arange(0, block)
    inside = place < width
    gate = tl.load(given + row * 2 * width + place, mask=inside, other=0.0).to(tl.float32)
    value = tl.load(given + row * 2 * width + width + place, mask=inside, other=0.0)
    passed = (gate / (1 + tl.exp(-gate))).to(value.dtype)
    result = passed.to(tl.float32) * value.to(tl.float32)
    tl.store(out + row * width + place, result.to(out.dtype.element_ty), mask=inside)


def gated(given: Tensor) -> Tensor:
    """silu(first half) * second half of [..., 2 * width]."""
    given = given.contiguous()
    width = given.shape[-1] // 2
    out = torch.empty((*given.shape[:-1], width), dtype=given.dtype, device=given.device)
    rows = out.numel() // width
    _gated[(rows, triton.cdiv(width, GATED))](given, out, width, block=GATED)
    return out


@triton.jit
def _mixed(x):
    """`sampling._mix`, in the 32 bits that it is made for."""
    x = x + 0x9E3779B9
    x = (x ^ (x >> 16)) * 0x21F0AAAD
    x = (x ^ (x >> 15)) * 0x735A2D97
    return x ^ (x >> 15)


@triton.jit(do_not_specialize=["stream"])
def _drawn(
    best,
    token,
    greedy,
    temperature,
    top_k,
    seed,
    position,
    out,
    stream,
    stride,
    count,
    block: tl.constexpr,
):
    """One row's draw among its best."""
    row, rank = tl.program_id(0), tl.arange(0, block)
    inside = rank < count
    logit = tl.load(best + row * count + rank, mask=inside, other=0.0)
    name = tl.load(token + row * count + rank, mask=inside, other=0)
    key = _mixed(tl.load(seed + row).to(tl.uint32)) ^ tl.load(position + row).to(tl.uint32)
    bits = _mixed(_mixed(_mixed(key) ^ stream.to(tl.uint32)) ^ name.to(tl.uint32))
    uniform = ((bits >> 9).to(tl.float32) + 0.5) / 8388608.0
    noise = -tl.log(-tl.log(uniform))
    heat = tl.load(temperature + row * stride)
    score = logit / tl.maximum(heat, 1e-6) + noise
    score = tl.where(inside & (rank < tl.load(top_k + row * stride)), score, float("-inf"))
    place = tl.argmax(score, axis=0)
    chosen = tl.sum(tl.where(rank == place, name, 0), axis=0)
    tl.store(out + row, tl.where(heat > 0, chosen, tl.load(greedy + row)))


def drawn(
    best: Tensor, token: Tensor, greedy: Tensor, dice: tuple[Tensor, ...], stream: int
) -> Tensor:
    """``sampling.draw``, of the same tensors."""
    temperature, top_k, seed, position = dice
    assert temperature.stride() == top_k.stride()
    out, count = torch.empty_like(greedy), best.shape[1]
    _drawn[(len(best),)](
        best,
        token,
        greedy,
        temperature,
        top_k,
        seed.contiguous(),
        position.contiguous(),
        out,
        stream,
        temperature.stride(0),
        count,
        block=triton.next_power_of_2(count),
    )
    return out
