"""The tensors of every public checkpoint are known, and others are told exactly."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.engine.codec_door import renamed
from copilot.engine.errors import EngineError
from copilot.engine.header import Stored
from copilot.engine.lm import LanguageModel
from copilot.engine.mimi import Mimi
from copilot.engine.names import check, expected
from copilot.engine.presets import LMS, MIMIS, LmConfig, MimiConfig
from tests.engine.golden import manifest

CHECKPOINTS = (
    "moshiko-7b",
    "personaplex-7b-v1",
    "stt-1b-en_fr",
    "stt-1b-en_fr-candle",
    "stt-2.6b-en",
    "mimi",
)
CONFIGS: Mapping[str, LmConfig | MimiConfig] = {**MIMIS, **LMS}


def stored(name: str) -> dict[str, Stored]:
    told = manifest(name)["tensors"]
    return {key: Stored(tuple(one["shape"]), one["dtype"]) for key, one in told.items()}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_public_checkpoint_has_just_the_tensors_expected(name: str) -> None:
    check(stored(name), expected(CONFIGS[name]), name)
    total = sum(one.numel for one in stored(name).values())
    assert total == manifest(name)["totals"]["parameters"]


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_model_is_built_of_them_on_the_meta_device(name: str) -> None:
    """Nothing of real size is made, and no tensor is asked for that is not there."""
    tensors = {
        key: torch.empty(one.shape, dtype=torch.bfloat16, device="meta")
        for key, one in stored(name).items()
    }
    config = CONFIGS[name]
    if isinstance(config, MimiConfig):
        with torch.device("meta"):
            codec = Mimi(config)
        wanted = {old: tuple(codec.state_dict()[own].shape) for own, old in renamed(config)}
        assert {old: tuple(tensors[old].shape) for old in wanted} == wanted
    else:
        model = LanguageModel(config, tensors)
        assert len(model.blocks) == config.num_layers
        assert (model.depth is not None) == (config.steps > 0)


@pytest.mark.parametrize("name", CHECKPOINTS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_damage_to_a_manifest_is_named_exactly(name: str, data: st.DataObject) -> None:
    found = stored(name)
    three = st.lists(st.sampled_from(list(found)), min_size=3, max_size=3, unique=True)
    lost, bent, odd = data.draw(three)
    del found[lost]
    found[bent] = replace(found[bent], shape=(*found[bent].shape, 7))
    found[odd] = replace(found[odd], dtype="I64")
    found["lora_A"] = Stored((1,), "F32")
    with pytest.raises(EngineError) as caught:
        check(found, expected(CONFIGS[name]), "file")
    said = str(caught.value)
    assert f"file: its tensors are not those of this model: 1 missing ({lost}); " in said
    assert "1 unexpected (lora_A)" in said
    wanted = expected(CONFIGS[name])[bent]
    assert f"1 misshapen ({bent} is {[*wanted, 7]}, expected {list(wanted)})" in said
    assert f"1 of a wrong dtype ({odd} is I64, expected BF16 or F16 or F32)" in said


def test_of_many_faults_a_few_are_named_and_all_counted() -> None:
    with pytest.raises(EngineError) as caught:
        check(stored("moshiko-7b"), expected(LMS["personaplex-7b-v1"]), "file")
    said = str(caught.value)
    assert re.search(r"120 missing \(depformer_emb\.7\.weight, .*, .* and 117 more\)", said)
    assert "12 misshapen (depformer.layers.0.self_attn.in_proj_weight is [24576, 1024]" in said
