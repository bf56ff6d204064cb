"""The sizes of a model: from a checkpoint's own config.json, a manifest, or a preset by name."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from copilot.engine.errors import EngineError
from copilot.engine.fields import build, check_kind, read_json, section
from copilot.engine.sizes import (
    DEPTH_KIND,
    LM_KIND,
    MIMI_KIND,
    check_lm,
    check_mimi,
    flat_mimi,
)

FRAME_RATE = 12.5
"""Ticks a second: one column of tokens, 80 ms of audio."""

SILENCE = (948, 243, 1178, 546, 1736, 1030, 1978, 2008)
SINE = (430, 1268, 381, 1611, 1095, 1495, 56, 472)
"""A frame of zeros and one of a 440 Hz sine through the published codec, as the reference of
PersonaPlex has them; a config.json does not tell them."""

SERVER_DELAYS = {0.5: 6, 2.5: 32}
"""Ticks by which words lag the audio in the configurations of the public recognition server; 2.5 s
are 31.25 ticks, so that no rounding gives both."""


ROUNDING = 1e-6
"""Ticks that a float may lack of a whole number of them."""


@dataclass(frozen=True)
class LmConfig:
    """A multistream language model; fields are named as in the public config.json.

    A column of tokens has `rows` rows: the text, then `n_q` audio codebooks. With a depth
    transformer the first half of these is the model's own voice, the second half the user's.
    """

    dim: int
    """Width of the temporal transformer."""
    num_heads: int
    num_layers: int
    text_card: int
    """Text vocabulary; the input table has one row more, the initial token."""
    card: int
    """Codes of a codebook; each input table has one row more, the initial token."""
    n_q: int
    """Audio codebooks in a column."""
    dep_q: int
    """Depth steps as stored: 0 (recognition), n_q / 2 (own voice) or n_q (the user's too)."""
    delays: tuple[int, ...]
    """Of each row of a column, in ticks."""
    context: int
    """Positions that a position sees, its own included."""
    hidden_scale: float = 4.125
    max_period: float = 10_000.0
    """Base of the rotary embedding."""
    depformer_dim: int = 0
    depformer_num_heads: int = 0
    depformer_num_layers: int = 0
    depformer_dim_feedforward: int = 0
    """Before gating."""
    existing_text_padding_id: int = 3
    existing_text_end_padding_id: int = 0
    """A word begins at the next tick."""
    extra_heads_num_heads: int = 0
    extra_heads_dim: int = 0
    audio_delay_seconds: float = 0.0
    """By which the text lags the audio (recognition)."""
    audio_silence_prefix_seconds: float = 0.0
    """Of silence that a recording needs before it (recognition)."""
    silence_tokens: tuple[int, ...] = ()
    """Codes of a silent frame of the own voice; empty where none are known."""
    sine_tokens: tuple[int, ...] = ()
    """Codes that stand for the user while a prompt is fed; empty where none are known."""

    def __post_init__(self) -> None:
        check_lm(self)

    @property
    def head_dim(self) -> int:
        return self.dim // self.num_heads

    @property
    def hidden(self) -> int:
        """Inner width of the gated feed-forward."""
        return gated(int(self.hidden_scale * self.dim), self.dim)

    @property
    def rows(self) -> int:
        """Rows of a column."""
        return 1 + self.n_q

    @property
    def max_delay(self) -> int:
        return max(self.delays)

    @property
    def steps(self) -> int:
        """Depth steps that are run: the user's codes are always given, never predicted."""
        return min(self.dep_q, self.n_q // 2)

    @property
    def user_row(self) -> int:
        """First row of a column that is fed from outside."""
        return 1 + self.steps

    @property
    def text_initial(self) -> int:
        return self.text_card

    @property
    def audio_initial(self) -> int:
        return self.card

    @property
    def depformer_hidden(self) -> int:
        """Inner width of the depth transformer's gated feed-forward."""
        return gated(self.depformer_dim_feedforward, self.depformer_dim)

    @property
    def delay_ticks(self) -> int:
        """Ticks by which the text lags the audio (recognition)."""
        seconds = self.audio_delay_seconds
        return SERVER_DELAYS.get(seconds, int(seconds * FRAME_RATE + ROUNDING))

    @classmethod
    def parse(cls, raw: Mapping[str, Any], source: str = "config") -> Self:
        """From the flat keys of a config.json, or the `config` of a manifest beside which
        `stt_config` may stand; keys that mean nothing here are left alone.

        Raises EngineError with the field, its value and what is expected, also for a kind of model
        that is not known here.
        """
        raw = {**raw, **section(raw, "stt_config", source)}
        check_kind(raw, LM_KIND, source)
        if raw.get("dep_q"):
            check_kind(raw, DEPTH_KIND, source)
        else:
            raw = {key: value for key, value in raw.items() if not key.startswith("depformer_")}
        if (raw.get("n_q"), raw.get("card")) == (16, 2048):
            raw = {"silence_tokens": SILENCE, "sine_tokens": SINE, **raw}
        return build(cls, raw, source)


@dataclass(frozen=True)
class MimiConfig:
    """The codec; fields are named as in the golden fixtures' mimi_config.json."""

    n_filters: int
    """Channels after the first convolution, doubled by every stage."""
    dim: int
    """Latent width."""
    num_heads: int
    num_layers: int
    """Of each of the two transformers."""
    dim_feedforward: int
    n_q: int
    """Codebooks as stored: `n_q_semantic`, then residual levels."""
    bins: int
    """Codes of a codebook."""
    vq_dim: int
    """Width inside the quantizer."""
    context: int = 250
    """Positions that a position of the transformers sees, `downsample_stride` per frame."""
    ratios: tuple[int, ...] = (8, 6, 5, 4)
    """Strides of the decoder in order; the encoder's are these reversed."""
    sample_rate: int = 24_000
    frame_rate: float = FRAME_RATE
    kernel_size: int = 7
    last_kernel_size: int = 3
    residual_kernel_size: int = 3
    n_residual_layers: int = 1
    compress: int = 2
    """Channels of a stage over those inside its residual block."""
    max_period: float = 10_000.0
    downsample_stride: int = 2
    n_q_semantic: int = 1
    cluster_usage_floor: float = 1e-5

    def __post_init__(self) -> None:
        check_mimi(self)

    @property
    def frame_size(self) -> int:
        """Samples of a frame."""
        return math.prod(self.ratios) * self.downsample_stride

    @property
    def head_dim(self) -> int:
        return self.dim // self.num_heads

    @classmethod
    def parse(cls, raw: Mapping[str, Any], source: str = "config") -> Self:
        """From flat keys, or the nested ones of a manifest; raises EngineError as LmConfig's."""
        if "seanet" in raw:
            raw = flat_mimi(raw, source)
        check_kind(raw, MIMI_KIND, source)
        config = build(cls, raw, source)
        check_kind(raw, {"upsample_stride": (config.downsample_stride,)}, source)
        return config


def gated(feedforward: int, dim: int) -> int:
    """Inner width of a gated feed-forward, by the rule of the Python reference."""
    return 21 * dim // 8 if feedforward == 4 * dim else 2 * feedforward // 3


def read_config(path: Path) -> LmConfig:
    """The language model of a checkpoint's config.json.

    PersonaPlex's holds no sizes, only its name and version: they choose the preset.
    Raises EngineError where the file cannot be used.
    """
    raw = read_json(path)
    if raw.get("model_type") == "personaplex" and "dim" not in raw:
        return lm_preset(f"personaplex-{raw.get('version')}")
    return LmConfig.parse(raw, str(path))


def lm_preset(name: str) -> LmConfig:
    """Raises EngineError that names those there are."""
    if name not in LMS:
        raise EngineError(f"preset {name!r}: unknown; there are {', '.join(LMS)}")
    return LMS[name]


def mimi_preset(name: str) -> MimiConfig:
    """Raises EngineError that names those there are."""
    if name not in MIMIS:
        raise EngineError(f"preset {name!r}: unknown; there are {', '.join(MIMIS)}")
    return MIMIS[name]


MOSHI_DELAYS = (0, *(0, *[1] * 7), *(0, *[1] * 7))

MOSHI = LmConfig(
    dim=4096,
    num_heads=32,
    num_layers=32,
    text_card=32_000,
    card=2048,
    n_q=16,
    dep_q=8,
    delays=MOSHI_DELAYS,
    context=3000,
    depformer_dim=1024,
    depformer_num_heads=16,
    depformer_num_layers=6,
    depformer_dim_feedforward=4224,
    silence_tokens=SILENCE,
    sine_tokens=SINE,
)

STT_1B = LmConfig(
    dim=2048,
    num_heads=16,
    num_layers=16,
    text_card=8000,
    card=2048,
    n_q=32,
    dep_q=0,
    delays=(0,) * 33,
    context=750,
    max_period=100_000.0,
    audio_delay_seconds=0.5,
)

LMS: Mapping[str, LmConfig] = {
    "moshiko-7b": MOSHI,
    "moshika-7b": MOSHI,
    "personaplex-7b-v1": replace(MOSHI, dep_q=16),
    "stt-1b-en_fr": STT_1B,
    "stt-1b-en_fr-candle": replace(STT_1B, extra_heads_num_heads=4, extra_heads_dim=6),
    "stt-2.6b-en": replace(
        STT_1B,
        num_heads=32,
        num_layers=48,
        text_card=4000,
        context=375,
        audio_delay_seconds=2.5,
        audio_silence_prefix_seconds=1.0,
    ),
    "tiny": LmConfig(
        dim=64,
        num_heads=4,
        num_layers=2,
        text_card=48,
        card=64,
        n_q=16,
        dep_q=8,
        delays=MOSHI_DELAYS,
        context=24,
        depformer_dim=32,
        depformer_num_heads=4,
        depformer_num_layers=2,
        depformer_dim_feedforward=132,
        silence_tokens=(52, 51, 26, 34, 8, 6, 58, 24),
        sine_tokens=(46, 52, 61, 11, 7, 23, 56, 24),
    ),
    "tiny-stt": LmConfig(
        dim=64,
        num_heads=4,
        num_layers=2,
        text_card=48,
        card=64,
        n_q=32,
        dep_q=0,
        delays=(0,) * 33,
        context=24,
        max_period=100_000.0,
        extra_heads_num_heads=4,
        extra_heads_dim=6,
        audio_delay_seconds=0.5,
    ),
    "small": LmConfig(
        dim=512,
        num_heads=8,
        num_layers=8,
        text_card=2000,
        card=256,
        n_q=16,
        dep_q=8,
        delays=MOSHI_DELAYS,
        context=250,
        depformer_dim=256,
        depformer_num_heads=4,
        depformer_num_layers=3,
        depformer_dim_feedforward=1056,
    ),
}
"""By name; `tiny…` and `small` belong to no checkpoint and serve tests and benches on a CPU."""

MIMI = MimiConfig(
    n_filters=64,
    dim=512,
    num_heads=8,
    num_layers=8,
    dim_feedforward=2048,
    n_q=32,
    bins=2048,
    vq_dim=256,
)

MIMIS: Mapping[str, MimiConfig] = {
    "mimi": MIMI,
    "tiny": MimiConfig(
        n_filters=2,
        dim=32,
        num_heads=4,
        num_layers=2,
        dim_feedforward=64,
        n_q=32,
        bins=64,
        vq_dim=16,
        context=20,
    ),
}
"""By name; `tiny` fits the language models of that name."""
