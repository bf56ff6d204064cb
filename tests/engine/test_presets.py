"""Configs of public checkpoints are understood, and those that lie are told what they lie about."""

import json
from pathlib import Path
from typing import Any

import pytest

from copilot.engine.errors import EngineError
from copilot.engine.presets import (
    LMS,
    MIMIS,
    MOSHI,
    LmConfig,
    MimiConfig,
    lm_preset,
    mimi_preset,
    read_config,
)
from tests.engine.golden import golden, manifest

LM_FIXTURES = (
    "moshi_tiny",
    "moshi_tiny_slots",
    "ring",
    "prefill",
    "personaplex_tiny",
    "personaplex_tiny_forced",
    "stt_tiny",
)
TINY: dict[str, Any] = {
    "dim": 64,
    "num_heads": 4,
    "num_layers": 2,
    "text_card": 48,
    "card": 64,
    "n_q": 16,
    "dep_q": 8,
    "delays": [0, 0, *[1] * 7, 0, *[1] * 7],
    "context": 24,
    "depformer_dim": 32,
    "depformer_num_heads": 4,
    "depformer_num_layers": 2,
    "depformer_dim_feedforward": 132,
}


@pytest.mark.parametrize("name", sorted(set(LMS) - {"moshika-7b", "tiny", "tiny-stt", "small"}))
def test_a_preset_is_what_its_manifest_says(name: str) -> None:
    told = manifest(name)
    parsed = LmConfig.parse({**told["config"], "stt_config": told.get("stt_config")})
    assert parsed == lm_preset(name)


def test_the_codec_preset_is_what_its_manifest_says() -> None:
    assert MimiConfig.parse(manifest("mimi")["config"]) == mimi_preset("mimi")


@pytest.mark.parametrize("name", LM_FIXTURES)
def test_derived_sizes_are_the_references(name: str) -> None:
    raw = golden(name).raw
    config = LmConfig.parse(raw)
    assert config.hidden == raw["derived_ffn_hidden"]
    assert config.text_initial == raw["derived_text_initial_token"]
    assert config.audio_initial == raw["derived_audio_initial_token"]
    if config.dep_q:
        assert config.depformer_hidden == raw["derived_depformer_ffn_hidden"]
    if "dep_q_used" in raw:
        assert config.steps == raw["dep_q_used"]


@pytest.mark.parametrize(
    ("name", "hidden", "steps", "user", "delay"),
    [
        ("moshiko-7b", 11_264, 8, 9, 0),
        ("personaplex-7b-v1", 11_264, 8, 9, 0),
        ("stt-1b-en_fr", 5632, 0, 1, 6),
        ("stt-2.6b-en", 5632, 0, 1, 32),
    ],
)
def test_sizes_of_the_public_models(
    name: str, hidden: int, steps: int, user: int, delay: int
) -> None:
    config = lm_preset(name)
    assert (config.hidden, config.steps, config.user_row) == (hidden, steps, user)
    assert config.delay_ticks == delay
    assert config.max_delay == (1 if steps else 0)


@pytest.mark.parametrize(
    ("seconds", "ticks"), [(0.0, 0), (0.4, 5), (0.5, 6), (1.0, 12), (2.32, 29), (2.5, 32)]
)
def test_the_delay_of_a_text_in_ticks(seconds: float, ticks: int) -> None:
    """Whole ticks, where a float holds just less of one too."""
    assert LmConfig.parse({**TINY, "audio_delay_seconds": seconds}).delay_ticks == ticks


def test_personaplexs_own_config_holds_only_its_name(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"model_type": "personaplex", "version": "7b-v1"}')
    assert read_config(file) == LMS["personaplex-7b-v1"]
    file.write_text('{"model_type": "personaplex", "version": "8b"}')
    with pytest.raises(EngineError, match="preset 'personaplex-8b': unknown; there are moshiko-7b"):
        read_config(file)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dim": None}, "dim is null; expected a whole number"),
        ({"dim": "64"}, "dim = '64': expected a whole number"),
        ({"dim": True}, "dim = True: expected a whole number"),
        ({"dim": 64.5}, "dim = 64.5: expected a whole number"),
        ({"dim": float("nan")}, "dim = nan: expected a whole number"),
        ({"dim": -64}, "dim = -64: expected more than 0"),
        ({"num_heads": 5}, "num_heads = 5: expected a divisor of dim = 64"),
        ({"num_heads": 64}, "num_heads = 64: 64 / 64 is odd"),
        ({"context": 0}, "context = 0: expected more than 0"),
        ({"hidden_scale": "4"}, "hidden_scale = '4': expected a number"),
        ({"delays": [0] * 16}, "expected 17 numbers of 0 or more"),
        ({"delays": [0] * 16 + [-1]}, "expected 17 numbers of 0 or more"),
        ({"delays": [0] * 16 + ["1"]}, r"delays\[16\] = '1': expected a whole number"),
        ({"delays": 0}, "delays = 0: expected a list of whole numbers"),
        ({"n_q": 15, "delays": [0] * 16}, "dep_q = 8: expected 0, half of n_q = 15 or all"),
        ({"dep_q": 4}, "dep_q = 4: expected 0, half of n_q = 16 or all of it"),
        (
            {"depformer_num_heads": 5},
            "depformer_num_heads = 5: expected a divisor of depformer_dim",
        ),
        ({"depformer_dim": 0}, "depformer_dim = 0: expected more than 0"),
        ({"existing_text_padding_id": 48}, "existing_text_padding_id = 48: expected a token"),
        ({"extra_heads_num_heads": 4}, "extra_heads_dim = 0: expected both or neither"),
        ({"silence_tokens": [1] * 7}, "expected n_q / 2 = 8 codes, 0 to 63"),
        ({"sine_tokens": [64] * 8}, "expected n_q / 2 = 8 codes, 0 to 63"),
        ({"norm": "layer_norm"}, "norm = 'layer_norm': not a kind of model that runs here"),
        ({"depformer_pos_emb": "rope"}, "depformer_pos_emb = 'rope': .* expected \"none\""),
        ({"stt_config": 3}, "stt_config = 3: expected an object"),
        ({"audio_delay_seconds": -1}, "audio_delay_seconds = -1.0: expected 0 or more"),
        ({"audio_silence_prefix_seconds": -1}, "audio_silence_prefix_seconds = -1.0: expected 0"),
        ({"audio_delay_seconds": 1e308}, "audio_delay_seconds = 1e.308: expected at most 3600"),
        ({"dim": 10**400}, "dim = 10*: expected a whole number"),
        ({"num_layers": 10**9}, "num_layers = 1000000000: expected at most 1000"),
        ({"depformer_num_layers": 10**9}, "depformer_num_layers = 1000000000: expected at most"),
        ({"text_card": 10**9}, "text_card = 1000000000: expected at most 16777216"),
        ({"context": 10**12}, "context = 1000000000000: expected at most"),
        ({"hidden_scale": 1e308}, "hidden_scale = 1e.308: expected at most 1000"),
        ({"hidden_scale": 1e-9}, "hidden = 0: expected more than 0"),
    ],
)
def test_a_config_that_lies_is_told_where(change: dict[str, Any], said: str) -> None:
    assert LmConfig.parse(TINY).dim == 64
    with pytest.raises(EngineError, match=f"config: .*{said}"):
        LmConfig.parse({**TINY, **change})


def test_what_a_config_lacks_is_named() -> None:
    for key in ("dim", "delays", "dep_q"):
        lacking = {name: value for name, value in TINY.items() if name != key}
        with pytest.raises(EngineError, match=f"file: {key} is missing"):
            LmConfig.parse(lacking, "file")


def test_depth_keys_mean_nothing_without_a_depth_transformer() -> None:
    raw = {**TINY, "dep_q": 0, "depformer_pos_emb": "rope", "depformer_dim": "?"}
    assert LmConfig.parse(raw).depformer_dim == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ratios": [8, 6, 5]}, "a frame is 480 samples; expected sample_rate / frame_rate = 1920"),
        ({"ratios": [8, 6, 5, 0]}, "ratios = .*: expected more than 0"),
        ({"num_heads": 3}, "num_heads = 3: expected a divisor of dim = 32"),
        ({"n_q": 1}, "n_q = 1: expected 2 or more"),
        ({"activation": "ReLU"}, "activation = 'ReLU': not a kind of model that runs here"),
        ({"compress": 3}, "compress = 3: expected a divisor of n_filters = 2"),
        ({"bins": None}, "bins is null"),
        ({"upsample_stride": 3}, "upsample_stride = 3: .* expected 2"),
        ({"ratios": [8, 6, 5, 4, *[1] * 99]}, "ratios: 103 stages, expected at most 16"),
        ({"num_layers": 10**9}, "num_layers = 1000000000: expected at most 1000"),
    ],
)
def test_a_codec_config_that_lies_is_told_where(change: dict[str, Any], said: str) -> None:
    tiny = MIMIS["tiny"]
    raw = {name: getattr(tiny, name) for name in tiny.__dataclass_fields__}
    assert MimiConfig.parse(raw) == tiny
    with pytest.raises(EngineError, match=said):
        MimiConfig.parse({**raw, **change})


def test_a_nested_codec_config_whose_parts_disagree() -> None:
    raw = json.loads(json.dumps(manifest("mimi")["config"]))
    raw["seanet"]["dimension"] = 256
    with pytest.raises(EngineError, match=r"seanet.dimension = 256: expected .* = 512"):
        MimiConfig.parse(raw)


@pytest.mark.parametrize("text", ["{", "[]", "\xff", "[" * 100_000, '{"a":' * 100_000])
def test_a_file_that_is_no_config(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(EngineError, match=r"config\.json: (not a JSON file|expected a JSON obj)"):
        read_config(file)
    with pytest.raises(EngineError, match="cannot be read"):
        read_config(tmp_path)


def test_an_unknown_preset_is_answered_with_those_there_are() -> None:
    with pytest.raises(EngineError, match="preset 'moshi': unknown; there are moshiko-7b, "):
        lm_preset("moshi")
    with pytest.raises(EngineError, match="preset 'moshi': unknown; there are mimi, tiny"):
        mimi_preset("moshi")
    assert MOSHI.silence_tokens[0] == 948
