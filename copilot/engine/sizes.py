"""What the sizes of a model must obey, and the kinds of model that run here."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from copilot.engine.errors import EngineError
from copilot.engine.fields import check_at_most, check_divides, check_positive, section

if TYPE_CHECKING:
    from copilot.engine.presets import LmConfig, MimiConfig

MOST = 1000
"""Layers, heads or codebooks that a model may have."""

MOST_STAGES = 16
"""Of a codec; each doubles its channels."""

WIDEST = 2**24
"""Of widths and vocabularies: tokens leave the device as float32, which is exact up to here."""

LONGEST = 3600.0
"""Seconds by which a text may lag."""

LM_KIND: Mapping[str, tuple[Any, ...]] = {
    "causal": (True,),
    "layer_scale": (None,),
    "gating": ("silu",),
    "norm": ("rms_norm_f32",),
    "positional_embedding": ("rope",),
    "kv_repeat": (1,),
    "cross_attention": (False, None),
    "conditioners": (None, {}),
    "demux_second_stream": (False, None),
}
"""Keys of a config.json that must have one of these values where they are given."""

DEPTH_KIND: Mapping[str, tuple[Any, ...]] = {
    "depformer_layer_scale": (None,),
    "depformer_multi_linear": (True,),
    "depformer_gating": ("silu",),
    "depformer_pos_emb": ("none",),
    "depformer_weights_per_step": (True,),
    "depformer_low_rank_embeddings": (None,),
}
"""The same for keys that mean nothing without a depth transformer."""

MIMI_KIND: Mapping[str, tuple[Any, ...]] = {
    "channels": (1,),
    "activation": ("ELU",),
    "norm": ("layer_norm",),
    "n_residual_layers": (1,),
    "n_q_semantic": (1,),
}


def check_lm(config: "LmConfig") -> None:
    """Raises EngineError with the first field that cannot be."""
    check_positive(config, "dim", "num_heads", "num_layers", "text_card", "card", "n_q")
    check_positive(config, "context", "hidden_scale", "max_period")
    check_at_most(config, MOST, "num_layers", "n_q", "extra_heads_num_heads", "hidden_scale")
    check_at_most(config, WIDEST, "dim", "text_card", "card", "context", "extra_heads_dim")
    check_positive(config, "hidden")
    _check_heads(config)
    _check_streams(config)
    if config.dep_q:
        _check_depth(config)


def check_mimi(config: "MimiConfig") -> None:
    """Raises EngineError with the first field that cannot be."""
    whole = ("n_filters", "dim", "num_heads", "num_layers", "dim_feedforward", "n_q", "bins")
    check_positive(config, *whole, "vq_dim", "context", "ratios", "sample_rate", "frame_rate")
    check_positive(config, "kernel_size", "last_kernel_size", "residual_kernel_size", "compress")
    check_positive(config, "max_period", "downsample_stride", "cluster_usage_floor")
    check_at_most(config, MOST, "num_layers", "n_q", "kernel_size", "residual_kernel_size")
    check_at_most(config, WIDEST, "dim", "n_filters", "bins", "vq_dim", "dim_feedforward")
    check_divides(config, "compress", "n_filters")
    _check_heads(config)
    if config.n_q <= config.n_q_semantic:
        raise EngineError(f"n_q = {config.n_q}: expected 2 or more, one of them semantic")
    if len(config.ratios) > MOST_STAGES:
        raise EngineError(f"ratios: {len(config.ratios)} stages, expected at most {MOST_STAGES}")
    if config.frame_size * config.frame_rate != config.sample_rate:
        raise EngineError(
            f"ratios = {list(config.ratios)}: with downsample_stride {config.downsample_stride} a "
            f"frame is {config.frame_size} samples; expected sample_rate / frame_rate = "
            f"{config.sample_rate / config.frame_rate:g}"
        )


SEANET = (
    "channels",
    "n_filters",
    "ratios",
    "kernel_size",
    "last_kernel_size",
    "residual_kernel_size",
    "n_residual_layers",
    "compress",
    "activation",
)
TRANSFORMER = ("num_heads", "num_layers", "dim_feedforward", "context", "max_period", "norm")


def flat_mimi(raw: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The flat keys of a config that is written in the parts of the reference's."""
    seanet, quantizer, transformer = (
        section(raw, part, source) for part in ("seanet", "quantizer", "transformer")
    )
    flat = {key: raw[key] for key in ("sample_rate", "frame_rate") if key in raw}
    flat |= {key: seanet[key] for key in SEANET if key in seanet}
    flat |= {key: transformer[key] for key in TRANSFORMER if key in transformer}
    flat |= {key: quantizer[key] for key in ("n_q", "bins") if key in quantizer}
    flat |= {"dim": transformer.get("d_model"), "vq_dim": quantizer.get("dimension")}
    if seanet.get("dimension") != flat["dim"]:
        raise EngineError(
            f"{source}: seanet.dimension = {seanet.get('dimension')!r}: expected "
            f"transformer.d_model = {flat['dim']!r}"
        )
    return flat


def _check_heads(config: "LmConfig | MimiConfig") -> None:
    check_divides(config, "num_heads", "dim")
    if config.head_dim % 2:
        raise EngineError(
            f"num_heads = {config.num_heads}: {config.dim} / {config.num_heads} is odd; rotary "
            "embeddings need an even size of head"
        )


def _check_streams(config: "LmConfig") -> None:
    rows = 1 + config.n_q
    if len(config.delays) != rows or min(config.delays) < 0:
        raise EngineError(
            f"delays = {list(config.delays)}: expected {rows} numbers of 0 or more, one for the "
            f"text and one for each of n_q = {config.n_q} codebooks"
        )
    for name in ("existing_text_padding_id", "existing_text_end_padding_id"):
        if not 0 <= getattr(config, name) < config.text_card:
            raise EngineError(
                f"{name} = {getattr(config, name)}: expected a token of the text vocabulary, "
                f"0 to {config.text_card - 1}"
            )
    seconds = ("audio_delay_seconds", "audio_silence_prefix_seconds")
    for name in ("extra_heads_num_heads", "extra_heads_dim", *seconds):
        if getattr(config, name) < 0:
            raise EngineError(f"{name} = {getattr(config, name)}: expected 0 or more")
    check_at_most(config, LONGEST, *seconds)
    if bool(config.extra_heads_num_heads) != bool(config.extra_heads_dim):
        raise EngineError(
            f"extra_heads_num_heads = {config.extra_heads_num_heads}, extra_heads_dim = "
            f"{config.extra_heads_dim}: expected both or neither"
        )
    _check_codes(config, "silence_tokens")
    _check_codes(config, "sine_tokens")


def _check_codes(config: "LmConfig", name: str) -> None:
    codes = getattr(config, name)
    if codes and (len(codes) != config.n_q // 2 or not 0 <= min(codes) <= max(codes) < config.card):
        raise EngineError(
            f"{name} = {list(codes)}: expected n_q / 2 = {config.n_q // 2} codes, "
            f"0 to {config.card - 1}"
        )


def _check_depth(config: "LmConfig") -> None:
    if config.n_q % 2 or config.dep_q not in (config.n_q // 2, config.n_q):
        raise EngineError(
            f"dep_q = {config.dep_q}: expected 0, half of n_q = {config.n_q} or all of it"
        )
    check_positive(config, "depformer_dim", "depformer_num_heads", "depformer_num_layers")
    check_positive(config, "depformer_dim_feedforward")
    check_at_most(config, MOST, "depformer_num_layers")
    check_at_most(config, WIDEST, "depformer_dim", "depformer_dim_feedforward")
    check_positive(config, "depformer_hidden")
    check_divides(config, "depformer_num_heads", "depformer_dim")
