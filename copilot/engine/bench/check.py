"""Whether this machine computes what a CPU does: kernels, graphs, a whole batch, the codec.

It is the first thing that is run, so that figures are told of something that is right.
"""

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import rms_norm, scaled_dot_product_attention, silu

from copilot.engine.bench.sections import Bench, integers
from copilot.engine.cache import FP8, KvCache
from copilot.engine.edge import SlotInput, SlotOutput
from copilot.engine.fused import attends, fused
from copilot.engine.graphs import capture
from copilot.engine.layers import NORM_EPS, Rope, rotate
from copilot.engine.lm import LanguageModel
from copilot.engine.mimi import Mimi
from copilot.engine.presets import LmConfig, lm_preset, mimi_preset
from copilot.engine.rows import Rows
from copilot.engine.sampling import GREEDY, MAX_SEED, TEXT, Dice, draw
from copilot.engine.slots import Slots
from copilot.engine.weights import invent

WINDOW = 300
"""Positions of the rings that kernels are tried on."""
TICKS = 40
HEARD = 5
"""Slots of a batch whose first is compared with itself alone on a CPU."""


class Checked(NamedTuple):
    """One comparison."""

    what: str
    worst: float
    """The largest difference."""
    allowed: float


def check(bench: Bench, preset: str) -> None:
    """Tell each comparison, and whether it fits."""
    exact = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        for one in _all(bench, preset):
            fits = one.worst <= one.allowed
            bench.tell({"section": "check", **one._asdict(), "fits": fits})
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = exact


def _all(bench: Bench, preset: str) -> Iterator[Checked]:
    device = bench.device
    yield _batch(device)
    yield _kept(device)
    yield from _codec(device)
    if not fused(device):
        bench.tell({"left_out": "kernels of our own", "why": f"they do not run on {device}"})
    else:
        yield from kernels(device)
    if device.type == "cuda":
        yield from _graph(device, preset)


def _batch(device: torch.device) -> Checked:
    """A slot among others on the device, and alone on a CPU: the same texts and codes, and so much
    between its probabilities; a token that differs counts as 1."""
    ours, theirs = said(device, HEARD), said(torch.device("cpu"), 1)
    differs = [
        1.0 if (one.text, one.own) != (two.text, two.own) else abs(one.wish - two.wish)
        for one, two in zip(ours, theirs, strict=True)
    ]
    return Checked(f"a slot among {HEARD}, and alone on a CPU", max(differs), 1e-4)


def said(device: torch.device, count: int) -> list[SlotOutput]:
    """What the first of so many slots says that listens and speaks by turns, past its window."""
    config = lm_preset("tiny")
    slots = Slots(LanguageModel(config, _weights(config, device)), count)
    mine = [slots.admit(sampling=GREEDY) for _ in range(count)]
    dice = [np.random.default_rng(slot) for slot in mine]
    return [
        slots.step({slot: _input(config, dice[slot], tick) for slot in mine})[mine[0]]
        for tick in range(TICKS)
    ]


def _weights(config: LmConfig, device: torch.device) -> dict[str, Tensor]:
    """Such that every token depends on the columns before it; made on a CPU, so that any device
    has the same."""
    made = invent(config)
    return {name: (one * 2 if one.ndim == 2 else one).to(device) for name, one in made.items()}


def _input(config: LmConfig, dice: np.random.Generator, tick: int) -> SlotInput:
    user, own = dice.integers(0, config.card, (2, config.steps))
    speaks = tick // 5 % 2 > 0
    return SlotInput(user, None if speaks and tick % 5 else own, speaks=speaks)


def _kept(device: torch.device) -> Checked:
    """What ticks leave behind: of a GPU's memory all that was asked for meanwhile."""
    config = lm_preset("tiny")
    slots = Slots(LanguageModel(config, _weights(config, device)), 4)
    mine = [slots.admit(sampling=GREEDY) for _ in range(4)]
    dice = np.random.default_rng(0)

    def ticks() -> None:
        for tick in range(TICKS):
            slots.step({slot: _input(config, dice, tick) for slot in mine})

    ticks()
    before = _asked(device)
    ticks()
    what = "allocations" if device.type == "cuda" else "tensors left"
    return Checked(f"{what} in {TICKS} ticks", _asked(device) - before, 0)


def _asked(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.memory_stats(device)["allocation.all.allocated"])
    gc.collect()
    return sum(issubclass(type(one), Tensor) for one in gc.get_objects())


def _codec(device: torch.device) -> Iterator[Checked]:
    """Frames through both directions; on a GPU from a graph, and against a CPU."""
    config = mimi_preset("tiny")
    here = Mimi.random(config, device=device)
    there = Mimi.random(config)
    there.load_state_dict({name: one.cpu() for name, one in here.state_dict().items()})
    pcm = torch.rand(6, 2, 1, config.frame_size, generator=torch.Generator().manual_seed(0)) - 0.5
    stream = there.encoder_stream(2)
    latents = torch.stack([there.latent(frame, stream) for frame in pcm])
    codes = there.quantizer.encode(latents.flatten(0, 1))
    stream = there.decoder_stream(2)
    heard = torch.stack([there.decode(one, stream) for one in codes.view(6, 2, -1, 1)])
    found = _graphed(here.latent, here.encoder_stream(2), pcm.to(device))
    off = _off(found, latents) / float(latents.abs().max())
    yield Checked("latents of the codec, and on a CPU", off, 1e-3)
    found = _graphed(here.decode, here.decoder_stream(2), codes.view(6, 2, -1, 1).to(device))
    off = _off(found, heard) / float(heard.abs().max())
    yield Checked("samples of the codec, and on a CPU", off, 1e-3)


def _graphed(work: Callable[..., Tensor], stream: object, frames: Tensor) -> Tensor:
    """Results [n, ...] of frames [n, ...] one by one, on a GPU from a graph."""
    if frames.device.type == "cpu":
        return torch.stack([work(frame, stream) for frame in frames])
    given = frames[0].clone()
    moves = torch.zeros(given.shape[0], dtype=torch.bool, device=given.device)
    made: list[Tensor] = []
    graph = capture(lambda: made.append(work(given, stream, moves)))
    moves.fill_(True)
    results = []
    for frame in frames:
        given.copy_(frame)
        graph.replay()
        results.append(made[-1].clone())
    return torch.stack(results)


def kernels(device: torch.device) -> Iterator[Checked]:
    """Each kernel of our own and the same in plain torch, in every kind of number it is for."""
    for kind in (torch.float32, torch.bfloat16, FP8):
        if attends(device, 64, kind == FP8):
            for rows in (1, 5, 40):
                yield from _attention(device, kind, rows)
    for dtype in (torch.float32, torch.bfloat16):
        yield from _products(device, dtype)
    yield _draws(device)


def _attention(device: torch.device, kind: torch.dtype, rows: int) -> Iterator[Checked]:
    from copilot.engine.chains import placed
    from copilot.engine.kernels import attend

    exact = kind == torch.float32
    compute = torch.float32 if exact else torch.bfloat16
    caches = [KvCache((1, rows + 1, 8, WINDOW, 64), kind, device) for _ in range(2)]
    noise = torch.randn(caches[0].store.shape, device=device)
    for cache in caches:
        cache.store.copy_(noise.to(FP8).view(torch.uint8) if cache.fp8 else noise)
    position = torch.arange(rows, device=device) * 97 % (3 * WINDOW)
    qkv = torch.randn(rows, 3, 8, 64, device=device).to(compute)
    turns = Rope(64, 10_000.0, device).turns(position[:, None])
    turned = rotate(qkv[:, None, :2], turns)[:, 0]
    place = position % WINDOW
    caches[0].write(0, caches[0].row[:rows], place, torch.stack((turned[:, 1], qkv[:, 2]), dim=1))
    wanted, ring = [
        (cache.store.view(FP8) if cache.fp8 else cache.store)[0, :, :rows] for cache in caches
    ]
    query = placed(qkv, torch.view_as_real(turns), position, ring[0], ring[1], WINDOW)
    name = f"{str(kind).removeprefix('torch.')}, {rows} rows"
    spread = 1e-5 if exact else 0.04
    yield Checked(f"queries turned, {name}", _off(query, turned[:, 0]), spread)
    yield Checked(f"rings written, {name}", _off(ring, wanted), spread if exact else 0.5)
    keys, values = ring.float()
    visible = caches[0].place <= position.clamp(max=WINDOW - 1)[:, None]
    plain = scaled_dot_product_attention(
        query[:, :, None].float(), keys, values, attn_mask=visible[:, None, None]
    )[:, :, 0]
    seen = attend(query, ring[0], ring[1], position, WINDOW)
    yield Checked(f"attention, {name}", _off(seen, plain), 1e-4 if exact else 0.02)


def _products(device: torch.device, dtype: torch.dtype) -> Iterator[Checked]:
    from copilot.engine.chains import gated, normed
    from copilot.engine.kernels import int8_product

    name = str(dtype).removeprefix("torch.")
    exact = dtype == torch.float32
    halves = torch.randn(3, 2 * 1500, device=device).to(dtype)
    gate, value = halves.chunk(2, dim=-1)
    off = _off(gated(halves), silu(gate) * value)
    yield Checked(f"gated, {name}", off, 1e-4 if exact else 0.2)
    alpha = torch.rand(3000, device=device).to(dtype)
    summed, found = normed(halves, alpha, NORM_EPS, halves.flip(0))
    plain = rms_norm(halves + halves.flip(0), alpha.shape, alpha, NORM_EPS)
    yield Checked(f"sum, {name}", _off(summed, halves + halves.flip(0)), 0.0)
    yield Checked(f"norm, {name}", _off(found, plain), 1e-5 if exact else 0.04)
    for rows, columns in ((1, 200), (9, 9000), (17, 200), (100, 17_000)):
        x = torch.randn(rows, 300, device=device).to(dtype)
        matrix = torch.randint(-127, 128, (columns, 300), device=device).to(torch.int8)
        scale = torch.rand(columns, device=device) / 2000
        wanted = (x.float() @ matrix.float().T) * scale
        off = _off(int8_product(x, matrix, scale), wanted)
        yield Checked(f"int8 product, {name}, {rows} rows", off, 1e-4 if exact else 0.03)


def _draws(device: torch.device) -> Checked:
    """Logarithms differ in their last bits, so that a draw in many thousands may too."""
    from copilot.engine.chains import drawn

    count = 20_000
    best = torch.randn(count, 200, device=device).sort(dim=1, descending=True).values
    token = torch.randint(0, 32_000, best.shape, device=device)
    row = torch.arange(count, device=device)
    both = torch.rand(count, 2, device=device)
    heat, most = both[:, 0], (both * 199 + 1).long()[:, 1]
    dice = Dice(heat, most, row * 7919 & MAX_SEED, row)
    greedy = token[:, 0].contiguous()
    differ = drawn(best, token, greedy, dice, TEXT) != draw(best, token, greedy, dice, TEXT)
    return Checked("share of draws that differ", float(differ.float().mean()), 1e-3)


def _graph(device: torch.device, preset: str) -> Iterator[Checked]:
    """Ticks at real widths, of two layers: from a graph with kernels of our own, the same without
    a graph, and in plain torch. Of logits up to 5, bfloat16 leaves so much open."""
    config = replace(lm_preset(preset), num_layers=2)
    tensors = invent(config, device=device, dtype=torch.bfloat16)
    depth = config.steps > 0
    made = []
    for graphed, own in ((True, True), (False, True), (False, False)):
        rows = _rows(config, tensors, own)
        work = _ticks(rows, config, depth)
        made.append(_replayed(work) if graphed else torch.stack([work() for _ in range(3)]))
    yield Checked("text logits from a graph, and without", _off(made[0], made[1]), 0.25)
    yield Checked("text logits by our kernels, and without", _off(made[1], made[2]), 0.25)


def _rows(config: LmConfig, tensors: dict[str, Tensor], own: bool) -> Rows:
    """33 rows in the midst of calls of all ages."""
    model = LanguageModel(config, tensors)
    rows = Rows(model, 33, config.context, torch.bfloat16)
    if not own:
        rows.cache.fused = model.out_norm.fused = False
        for block in model.blocks:
            block.norm1.fused = block.norm2.fused = block.feed.fused = False
    noise = torch.Generator(model.device).manual_seed(1)
    for layer in rows.cache.store:
        layer.normal_(generator=noise)
    rows.position.copy_(torch.arange(33) * config.context // 16)
    return rows


def _ticks(rows: Rows, config: LmConfig, depth: bool) -> Callable[[], Tensor]:
    torch.manual_seed(2)
    given, layout = rows.given, rows.layout
    given[:, layout.column][:, config.user_row :] = integers(config, 33, given.device)[..., 0]
    reach = rows.cache.places
    return lambda: rows.tick(33, reach, depth).text_logits


def _replayed(work: Callable[[], Tensor]) -> Tensor:
    """Rows do not take part, so that every tick is the same."""
    made: list[Tensor] = []
    graph = capture(lambda: made.append(work()))
    results = []
    for _ in range(3):
        graph.replay()
        results.append(made[-1].clone())
    return torch.stack(results)


def _off(found: Tensor, wanted: Tensor) -> float:
    """The largest difference; what is no number on one side only is one without end."""
    off = (found.float().cpu() - wanted.float().cpu()).abs().max()
    return float(off.nan_to_num(float("inf")))
