"""What the settings of the duplex ear and voice come to, and what they are refused for."""

from pathlib import Path

import pytest

from copilot.config import Settings
from copilot.config.sections import Persona
from copilot.errors import ConfigError
from copilot.providers import moshi
from copilot.providers.moshi.settings import EarOptions, plan_of
from copilot.providers.registry import Host

WRONG = [
    ({"calls": 0}, r"\[ear\] calls = 0: expected 1 or more"),
    ({"calls": "many"}, r"\[ear\] Expected `int`"),
    ({"preset": "huge"}, r"preset = 'huge': there is tiny-random"),
    ({"window": 3}, r"window = 3: expected 10 seconds or more, or 0"),
    ({"kv": "int4"}, r"kv = 'int4': there are auto, bf16, fp32, fp8"),
    ({"fallback": "moshi"}, r"fallback = 'moshi': name another ear"),
    ({"fallbck": "embedded"}, r"unknown field `fallbck`"),
    ({"lm": "gpt"}, r"\[ear\] model 'gpt': unknown; there are personaplex"),
]


@pytest.mark.parametrize(("options", "reason"), WRONG, ids=range(len(WRONG)))
def test_wrong_options_are_refused(tmp_path: Path, options: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        moshi.listener(options, Host(tmp_path))


def test_missing_weights_are_named_with_command_and_licence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as told:
        moshi.listener({}, Host(tmp_path, models=tmp_path / "models"))
    text = str(told.value)
    assert f"weights are missing in {tmp_path / 'models'}" in text
    assert "model.safetensors (missing)" in text
    assert "copilot models fetch personaplex-7b-v1 --models" in text
    assert "accept the NVIDIA Open Model License on https://huggingface.co/nvidia" in text
    assert "copilot models fetch stt-1b-en_fr-candle" in text
    assert 'ear.preset = "tiny-random"' in text


def test_a_persona_is_checked_before_anything_is_loaded(tmp_path: Path) -> None:
    host = Host(tmp_path, persona=Persona(voice="NATF9"))
    with pytest.raises(ConfigError, match="voice = 'NATF9': no such voice"):
        moshi.listener({"preset": "tiny-random"}, host)


def test_the_voice_needs_the_ear(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"set ear\.provider = 'moshi' too"):
        moshi.voice({}, Host(tmp_path))
    with pytest.raises(ConfigError, match="name another voice"):
        moshi.voice({"fallback": "moshi"}, Host(tmp_path))


def test_seconds_are_columns() -> None:
    plan = plan_of(EarOptions(window=60, kv="fp8"), Host(Path("cache"), models=Path("m")))
    assert (plan.window, plan.kv, plan.models, plan.calls) == (750, "fp8", "m", 16)


def test_a_persona_in_the_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "copilot.toml"
    file.write_text(
        "[persona]\nrole = 'You work for Northwind.'\n[persona.packs.parcel]\nvoice = 'NATF2'\n"
    )
    persona = Settings.load(file).persona
    assert persona.role == "You work for Northwind."
    assert persona.packs["parcel"].voice == "NATF2"
    file.write_text("[persona]\nrolle = 'x'\n")
    with pytest.raises(ConfigError, match=r"persona\.rolle: unknown setting"):
        Settings.load(file)
