"""Published files load under one set of names, and a damaged one is told exactly."""

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from copilot.engine.errors import EngineError
from copilot.engine.header import read_header
from copilot.engine.names import expected, running
from copilot.engine.presets import LMS, MIMIS, LmConfig
from copilot.engine.weights import SCALE, invent, is_quantised, load, quantise
from tests.engine.damage import Change, tensors, written
from tests.engine.golden import golden

MOSHI, STT, MIMI = LMS["tiny"], LMS["tiny-stt"], MIMIS["tiny"]
PERSONAPLEX = replace(MOSHI, dep_q=16)


@pytest.mark.parametrize("config", [MOSHI, PERSONAPLEX, STT])
def test_a_file_loads_as_what_it_holds(config: LmConfig, tmp_path: Path) -> None:
    loaded = load(written(tmp_path / "a.safetensors", config), config)
    assert {name: tuple(one.shape) for name, one in loaded.items()} == expected(running(config))
    for name, tensor in tensors(config).items():
        if name in loaded:
            assert torch.equal(loaded[name], tensor[: len(loaded[name])])


@pytest.mark.parametrize(("held", "asked"), [(MOSHI, PERSONAPLEX), (PERSONAPLEX, MOSHI)])
def test_the_depth_steps_that_are_run_are_the_same_in_both_files(
    held: LmConfig, asked: LmConfig, tmp_path: Path
) -> None:
    file = written(tmp_path / "a.safetensors", held)
    own, other = load(file, held), load(file, asked)
    assert own.keys() == other.keys() == expected(MOSHI).keys()
    assert all(torch.equal(own[name], other[name]) for name in own)


def split(config: LmConfig) -> Change:
    """The names of a model that runs in the newest reference."""

    def change(made: dict[str, Tensor]) -> None:
        for name in list(made):
            steps = config.dep_q if name.startswith("depformer.") else 1
            for old, new in ((".in_proj_weight", ".in_projs"), (".out_proj.weight", ".out_projs")):
                if name.endswith(old):
                    for step, part in enumerate(made.pop(name).chunk(steps)):
                        made[f"{name.removesuffix(old)}{new}.{step}.weight"] = part.clone()

    return change


def dotted(_: LmConfig) -> Change:
    return lambda made: renamed(made, "in_proj_weight", "in_proj.weight")


def renamed(made: dict[str, Tensor], old: str, new: str) -> None:
    for name in list(made):
        if name.endswith(old):
            made[name.removesuffix(old) + new] = made.pop(name)


def same(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> bool:
    assert found.keys() == wanted.keys()
    return all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("form", [split, dotted])
@pytest.mark.parametrize("config", [MOSHI, PERSONAPLEX])
def test_attention_by_its_other_names(
    config: LmConfig, form: Callable[[LmConfig], Change], tmp_path: Path
) -> None:
    other = written(tmp_path / "b.safetensors", config, form(config))
    assert same(load(other, config), load(written(tmp_path / "a.safetensors", config), config))


def test_the_codecs_older_names(tmp_path: Path) -> None:
    def older(made: dict[str, Tensor]) -> None:
        renamed(made, "_initialized", "inited")
        renamed(made, "cluster_usage", "cluster_size")
        renamed(made, "embedding_sum", "embed_sum")

    other = written(tmp_path / "b.safetensors", MIMI, older)
    assert same(load(other, MIMI), load(written(tmp_path / "a.safetensors", MIMI), MIMI))


@pytest.mark.parametrize("form", [split, dotted])
def test_bitsandbytes_int8(form: Callable[[LmConfig], Change], tmp_path: Path) -> None:
    wanted = {}

    def change(made: dict[str, Tensor]) -> None:
        form(MOSHI)(made)
        for name in list(made):
            if is_quantised(name):
                ints, scale = quantise(made[name])
                made[name], made[f"{name}_scb"] = ints, scale * 127
                wanted[name] = ints * scale[:, None]

    file = written(tmp_path / "q8.safetensors", MOSHI, change)
    loaded = load(file, MOSHI)
    whole = load(written(tmp_path / "a.safetensors", MOSHI), MOSHI)
    assert loaded.keys() == whole.keys()
    for name, tensor in loaded.items():
        step = whole[name].abs().amax(dim=-1, keepdim=True) / 127
        assert ((tensor - whole[name]).abs() <= step * 0.51 + 1e-6).all(), name
    assert torch.allclose(loaded["text_linear.weight"], wanted["text_linear.weight"])


def test_int8_weights_are_within_half_a_step() -> None:
    matrix = torch.randn(40, 30, generator=torch.Generator().manual_seed(1))
    matrix[3] = 0
    ints, scale = quantise(matrix.bfloat16())
    assert ints.dtype == torch.int8
    assert ints.abs().amax(dim=1).tolist() == [127] * 3 + [0] + [127] * 36
    error = (ints * scale[:, None] - matrix.bfloat16().float()).abs()
    assert (error <= scale[:, None] / 2 + 1e-7).all()


def test_int8_at_load_keeps_tables_and_gains_as_they_are(tmp_path: Path) -> None:
    file = written(tmp_path / "a.safetensors", STT)
    loaded = load(file, STT, int8=True, dtype=torch.bfloat16)
    for name in expected(STT):
        if name + SCALE in loaded:
            rows = loaded[name].shape[0]
            assert loaded[name].dtype == torch.int8
            assert loaded[name + SCALE].shape == (rows,)
            assert loaded[name + SCALE].dtype == torch.float32
        else:
            assert loaded[name].dtype == torch.bfloat16
            assert "emb" in name or "norm" in name or "extra" in name
    with pytest.raises(EngineError, match="int8 is for language models"):
        load(file, MIMI, int8=True)


def test_random_weights_have_the_shapes_of_a_model_that_runs() -> None:
    for config in (PERSONAPLEX, STT, MIMI):
        kept = running(config) if isinstance(config, LmConfig) else config
        made, again = invent(config, seed=3), invent(config, seed=3)
        assert {name: tuple(one.shape) for name, one in made.items()} == expected(kept)
        assert same(made, again)
    assert not same(made, invent(MIMI, seed=4))


@settings(max_examples=40, deadline=None)
@given(cut=st.floats(0, 1, exclude_max=True), data=st.data())
def test_a_file_cut_short_anywhere(
    cut: float, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = written(tmp_path_factory.mktemp("cut") / "a.safetensors", MIMI)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(cut * len(whole))])
    with pytest.raises(EngineError, match=r"a\.safetensors: .*(cut short|no safetensors file)"):
        load(file, MIMI)


def header(entries: object, data: bytes) -> bytes:
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype: str, shape: list[int], *offsets: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>Access to this model is restricted", "not a safetensors file"),
        (b"", "0 bytes are no safetensors file"),
        (struct.pack("<Q", 4) + b"{{{{", "the header of this safetensors file is damaged"),
        (struct.pack("<Q", 2) + b"[]", "the header of this safetensors file is damaged"),
        (header({"a": entry("F32", [1], 0, 4)}, bytes(8)), "longer than its header says: 8 bytes"),
        (header({"a": entry("F32", [-1], 0, 4)}, bytes(4)), "header .* is damaged"),
        (header({"a": entry("F32", [2], 0, 4)}, bytes(4)), "shapes in its header take 8 bytes"),
        (
            header({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 2, 6)}, bytes(6)),
            "header .* is damaged",
        ),
        (header({"a": {"dtype": "F32"}}, b""), "header .* is damaged"),
        (header({"a": entry("F32", [1], 0, 4, 8)}, bytes(4)), "header .* is damaged"),
        (header({"a": {**entry("F32", [1], 0, 4), "dtype": 32}}, bytes(4)), "header .* is damaged"),
        (struct.pack("<Q", 500_000) + b'{"a":' * 100_000, "header .* is damaged"),
    ],
)
def test_a_file_that_is_damaged_or_none(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)
    with pytest.raises(EngineError, match=f"model.safetensors: .*{said}"):
        read_header(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot be read"):
        load(tmp_path / "model.safetensors", MOSHI)
    with pytest.raises(EngineError, match="cannot be read"):
        load(tmp_path / "model.safetensors", MOSHI, sha256="0" * 64)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(value: float, tmp_path: Path) -> None:
    def change(made: dict[str, Tensor]) -> None:
        made["out_norm.alpha"][0, 0, 5] = value

    file = written(tmp_path / "a.safetensors", MOSHI, change)
    with pytest.raises(EngineError, match=r"out_norm\.alpha holds NaN or infinity"):
        load(file, MOSHI)


def test_a_file_of_another_model(tmp_path: Path) -> None:
    file = written(tmp_path / "a.safetensors", MOSHI)
    with pytest.raises(EngineError, match=r"misshapen \(text_emb.weight is \[49, 64\], expected"):
        load(file, replace(MOSHI, text_card=50))
    with pytest.raises(EngineError, match=r"missing .* unexpected"):
        load(file, MIMI)


def test_the_checksum_is_compared_when_it_is_given(tmp_path: Path) -> None:
    file = written(tmp_path / "a.safetensors", STT)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert load(file, STT, sha256=digest.upper())
    with pytest.raises(EngineError, match=f"its SHA-256 is {digest}, expected 0000"):
        load(file, STT, sha256="0" * 64)


def lost_part(made: dict[str, Tensor]) -> None:
    split(MOSHI)(made)
    del made["depformer.layers.0.self_attn.in_projs.3.weight"]


def twice(made: dict[str, Tensor]) -> None:
    name = "transformer.layers.0.self_attn.in_proj_weight"
    made[name.replace("in_proj_weight", "in_proj.weight")] = made[name].clone()


def bent_part(made: dict[str, Tensor]) -> None:
    split(MOSHI)(made)
    made["depformer.layers.0.self_attn.out_projs.2.weight"] = torch.zeros(3, 32)


def bare_scale(made: dict[str, Tensor]) -> None:
    made["text_linear.weight_scb"] = torch.ones(48)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lost_part, r"in_proj_weight is split in parts \[0, 1, 2, 4, 5, 6, 7\]; expected 0 to 6"),
        (twice, "are the same tensor; expected one"),
        (bent_part, r"out_projs\.2\.weight is F32 \[3, 32\], expected F32 \[32, 32\] as "),
        (bare_scale, r"text_linear\.weight is F32 .* expected a matrix of I8"),
    ],
)
def test_parts_that_do_not_fit_together(change: Change, said: str, tmp_path: Path) -> None:
    file = written(tmp_path / "a.safetensors", MOSHI, change)
    with pytest.raises(EngineError, match=said):
        load(file, MOSHI)


def test_bfloat16_files_load_to_either_kind(tmp_path: Path) -> None:
    made = {name: tensor.bfloat16() for name, tensor in tensors(STT).items()}
    file = tmp_path / "a.safetensors"
    save_file(made, file)
    assert same(load(file, STT, dtype=torch.bfloat16), made)
    wide = load(file, STT)
    assert all(torch.equal(wide[name], made[name].float()) for name in made)


@pytest.mark.parametrize("name", ["moshi_tiny", "personaplex_tiny", "stt_tiny"])
def test_what_the_reference_wrote_loads(name: str) -> None:
    fixture = golden(name)
    config = LmConfig.parse(fixture.raw)
    assert load(fixture.weights, config).keys() == expected(running(config)).keys()
