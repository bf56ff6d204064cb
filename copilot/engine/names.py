"""The tensors that a model needs, by their published names, and what to say of others."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from copilot.engine.errors import EngineError
from copilot.engine.header import Stored
from copilot.engine.presets import LmConfig, MimiConfig

Shape = tuple[int, ...]

FLOATS = ("BF16", "F16", "F32")
NAMED = 3
"""Tensors that a complaint names; the others are counted."""


def expected(config: LmConfig | MimiConfig) -> dict[str, Shape]:
    """Every tensor of a published file of this model: its name and shape, all of them floats.

    The attention of the depth transformer is packed step-major: `in_proj_weight` is
    [dep_q, 3, d, d] in memory. For a language model as it runs, give ``running(config)``.
    """
    return dict(_lm(config) if isinstance(config, LmConfig) else _mimi(config))


def running(config: LmConfig) -> LmConfig:
    """The same model with just the depth steps that are run, as `weights.load` gives it."""
    return replace(config, dep_q=config.steps)


def check(
    found: Mapping[str, Stored],
    wanted: Mapping[str, Shape],
    source: str,
    dtypes: Collection[str] = FLOATS,
) -> None:
    """Raises EngineError that counts and names what is missing, unexpected, misshapen or of a
    wrong kind of number."""
    both = [name for name in wanted if name in found]
    faults = {
        "missing": [name for name in wanted if name not in found],
        "unexpected": [name for name in found if name not in wanted],
        "misshapen": [
            f"{name} is {list(found[name].shape)}, expected {list(wanted[name])}"
            for name in both
            if found[name].shape != wanted[name]
        ],
        "of a wrong dtype": [
            f"{name} is {found[name].dtype}, expected {' or '.join(dtypes)}"
            for name in both
            if found[name].dtype not in dtypes
        ],
    }
    told = [f"{len(names)} {what} ({_some(names)})" for what, names in faults.items() if names]
    if told:
        raise EngineError(
            f"{source}: its tensors are not those of this model: {'; '.join(told)}; give the "
            "config or preset that belongs to the file"
        )


def _some(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _lm(config: LmConfig) -> Iterator[tuple[str, Shape]]:
    for codebook in range(config.n_q):
        yield f"emb.{codebook}.weight", (config.card + 1, config.dim)
    yield "text_emb.weight", (config.text_card + 1, config.dim)
    yield "text_linear.weight", (config.text_card, config.dim)
    for layer in range(config.num_layers):
        name = f"transformer.layers.{layer}"
        yield from _attention(name, config.dim, 1, "alpha")
        yield from _gating(f"{name}.gating", config.dim, config.hidden)
    yield "out_norm.alpha", (1, 1, config.dim)
    for head in range(config.extra_heads_num_heads):
        yield f"extra_heads.{head}.weight", (config.extra_heads_dim, config.dim)
    if config.dep_q:
        yield from _depth(config)


def _depth(config: LmConfig) -> Iterator[tuple[str, Shape]]:
    dim, steps = config.depformer_dim, config.dep_q
    yield "depformer_text_emb.weight", (config.text_card + 1, dim)
    for step in range(steps):
        yield f"depformer_in.{step}.weight", (dim, config.dim)
        yield f"linears.{step}.weight", (config.card, dim)
        if step < steps - 1:
            yield f"depformer_emb.{step}.weight", (config.card + 1, dim)
    for layer in range(config.depformer_num_layers):
        name = f"depformer.layers.{layer}"
        yield from _attention(name, dim, steps, "alpha")
        for step in range(steps):
            yield from _gating(f"{name}.gating.{step}", dim, config.depformer_hidden)


def _attention(name: str, dim: int, steps: int, gain: str) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.self_attn.in_proj_weight", (steps * 3 * dim, dim)
    yield f"{name}.self_attn.out_proj.weight", (steps * dim, dim)
    for norm in ("norm1", "norm2"):
        if gain == "alpha":
            yield f"{name}.{norm}.alpha", (1, 1, dim)
        else:
            yield f"{name}.{norm}.weight", (dim,)
            yield f"{name}.{norm}.bias", (dim,)


def _gating(name: str, dim: int, hidden: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.linear_in.weight", (2 * hidden, dim)
    yield f"{name}.linear_out.weight", (dim, hidden)


def _mimi(config: MimiConfig) -> Iterator[tuple[str, Shape]]:
    yield from _seanet(config)
    for side in ("encoder", "decoder"):
        for layer in range(config.num_layers):
            name = f"{side}_transformer.transformer.layers.{layer}"
            yield from _attention(name, config.dim, 1, "weight")
            yield f"{name}.linear1.weight", (config.dim_feedforward, config.dim)
            yield f"{name}.linear2.weight", (config.dim, config.dim_feedforward)
            yield f"{name}.layer_scale_1.scale", (config.dim,)
            yield f"{name}.layer_scale_2.scale", (config.dim,)
    kernel = 2 * config.downsample_stride
    yield "downsample.conv.conv.conv.weight", (config.dim, config.dim, kernel)
    yield "upsample.convtr.convtr.convtr.weight", (config.dim, 1, kernel)
    levels = {"first": config.n_q_semantic, "rest": config.n_q - config.n_q_semantic}
    for branch, count in levels.items():
        name = f"quantizer.rvq_{branch}"
        yield f"{name}.input_proj.weight", (config.vq_dim, config.dim, 1)
        yield f"{name}.output_proj.weight", (config.dim, config.vq_dim, 1)
        for level in range(count):
            book = f"{name}.vq.layers.{level}._codebook"
            yield f"{book}._initialized", (1,)
            yield f"{book}.cluster_usage", (config.bins,)
            yield f"{book}.embedding_sum", (config.bins, config.vq_dim)


def _seanet(config: MimiConfig) -> Iterator[tuple[str, Shape]]:
    """Convolutions by their place in the reference's chain, in which every ELU takes one too."""
    width = config.n_filters
    yield from _conv("encoder.model.0", 1, width, config.kernel_size)
    place = 1
    for ratio in reversed(config.ratios):
        yield from _residual(f"encoder.model.{place}", width, config)
        yield from _conv(f"encoder.model.{place + 2}", width, 2 * width, 2 * ratio)
        width, place = 2 * width, place + 3
    yield from _conv(f"encoder.model.{place + 1}", width, config.dim, config.last_kernel_size)
    yield from _conv("decoder.model.0", config.dim, width, config.kernel_size)
    place = 2
    for ratio in config.ratios:
        name = f"decoder.model.{place}.convtr.convtr"
        yield f"{name}.weight", (width, width // 2, 2 * ratio)
        yield f"{name}.bias", (width // 2,)
        yield from _residual(f"decoder.model.{place + 1}", width // 2, config)
        width, place = width // 2, place + 3
    yield from _conv(f"decoder.model.{place}", width, 1, config.last_kernel_size)


def _residual(name: str, width: int, config: MimiConfig) -> Iterator[tuple[str, Shape]]:
    inner = width // config.compress
    yield from _conv(f"{name}.block.1", width, inner, config.residual_kernel_size)
    yield from _conv(f"{name}.block.3", inner, width, 1)


def _conv(name: str, given: int, made: int, kernel: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.conv.conv.weight", (made, given, kernel)
    yield f"{name}.conv.conv.bias", (made,)
