"""Settings: defaults, file, environment, and a clear word for each mistake."""

from pathlib import Path

import pytest

from copilot.config import Settings
from copilot.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    file = folder / "copilot.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_default_needs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.load()
    assert settings.ear.provider == "embedded"
    assert settings.database_url == "sqlite+aiosqlite:///var/copilot.sqlite"


def test_the_environment_comes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, "[server]\nport = 9000\ncapacity = 3\n")
    monkeypatch.setenv("COPILOT_SERVER__PORT", "9001")
    settings = Settings.load(file)
    assert (settings.server.port, settings.server.capacity) == (9001, 3)


def test_the_environment_reaches_into_the_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, "[policy]\nmin_support = 70\nbudget = 100\n")
    monkeypatch.setenv("COPILOT_POLICY__MIN_SUPPORT", "61")
    monkeypatch.setenv("COPILOT_POLICY__VOICE", "true")
    monkeypatch.setenv("COPILOT_POLICY__DO_NOT_TRIGGER", '["speak to a lawyer"]')
    policy = Settings.load(file).policy
    assert (policy.min_support, policy.budget, policy.voice) == (61, 100, True)
    assert policy.do_not_trigger == ("speak to a lawyer",)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("COPILOT_SERVR__PORT", "1", "COPILOT_SERVR__PORT: unknown setting"),
        ("COPILOT_SERVER__PORT", "many", "server.port = 'many'"),
        ("COPILOT_SERVER__PROT", "1", "server.prot: unknown setting"),
        ("COPILOT_POLICY__MIN_SUPPORT", "high", "policy"),
        ("COPILOT_POLICY__MIN_SUPORT", "1", "policy"),
        ("COPILOT_POLICY__DO_NOT_TRIGGER", "[oops", "policy"),
    ],
)
def test_a_mistake_in_the_environment_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        Settings.load()
    assert said in str(caught.value)


def test_other_keys_of_a_provider_are_its_own(tmp_path: Path) -> None:
    settings = Settings.load(write(tmp_path, '[ear]\nprovider = "sherpa"\nmodel = "/m"\n'))
    assert settings.ear.options == {"model": "/m"}


def test_the_policy_is_set_by_its_own_names(tmp_path: Path) -> None:
    settings = Settings.load(
        write(tmp_path, "[policy]\nmin_support = 70\nvoice = true\ndo_not_trigger = ['a']\n")
    )
    assert settings.policy.min_support == 70
    assert settings.policy.do_not_trigger == ("a",)
    assert settings.policy.voice


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("servr = 1", "servr: unknown setting"),
        ("[server]\nprot = 1", "server.prot: unknown setting"),
        ('[server]\nport = "many"', "server.port = 'many'"),
        ("[server]\nport = 70000", "server.port = 70000"),
        ("[server]\ncapacity = 0", "server.capacity = 0"),
        ("[policy]\nmin_suport = 1", "policy"),
        ('[policy]\nmin_support = "high"', "policy"),
        ("[server\n", "not a TOML file"),
    ],
)
def test_a_mistake_is_named_with_its_path_and_value(tmp_path: Path, text: str, said: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        Settings.load(file)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        Settings.load(tmp_path / "none.toml")
