"""Settings: defaults, file, environment, and a clear word for each mistake."""

import os
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
        ("COPILOT_POLICY__DO_NOT_TRIGGER", "[oops", "policy.do_not_trigger = '[oops'"),
        ("COPILOT_POLICY__BUDGET", "-1", "policy.budget = '-1'"),
        ("COPILOT_POLICY", "3", "COPILOT_POLICY: unknown setting"),
        ("COPILOT_SERVERPORT", "1", "COPILOT_SERVERPORT: unknown setting"),
        ("COPILOT_DATAA", "/x", "COPILOT_DATAA: unknown setting"),
        ("COPILOT_DATA__X", "1", "COPILOT_DATA__X: unknown setting"),
        ("COPILOT_CONFIG__X", "1", "COPILOT_CONFIG__X: unknown setting"),
        ("copilot_serverport", "1", "copilot_serverport: unknown setting"),
        ("COPILOT_SERVER", "{oops", "COPILOT_SERVER: unknown setting"),
        ("COPILOT_SERVER__HOSTS", "here", 'field "server" from'),
        ("COPILOT_CONFIG", "/nonexistent.toml", "/nonexistent.toml: no such file"),
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


def test_variables_that_are_no_settings_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, "[server]\nport = 9000\n")
    monkeypatch.setenv("COPILOT_CONFIG", str(file))
    monkeypatch.setenv("COPILOT_GOLDEN", "/golden")
    monkeypatch.setenv("COPILOT_TESTS_NEED_PACKAGES", "1")
    monkeypatch.setenv("COPILOT_DATA", str(tmp_path))
    monkeypatch.setenv("COPILOT_SERVER__HOSTS", '["here"]')
    monkeypatch.setenv("COPILOT_EAR__PROVIDER", "sherpa")
    monkeypatch.setenv("COPILOT_EAR__MODEL", "/m")
    settings = Settings.load()
    assert (settings.server.port, settings.data) == (9000, tmp_path)
    assert settings.server.hosts == ("here",)
    assert settings.ear.options == {"model": "/m"}


def test_other_keys_of_a_provider_are_its_own(tmp_path: Path) -> None:
    settings = Settings.load(write(tmp_path, '[ear]\nprovider = "sherpa"\nmodel = "/m"\n'))
    assert settings.ear.options == {"model": "/m"}


def test_what_a_reranker_counts_is_no_option_of_its_provider(tmp_path: Path) -> None:
    text = '[reranker]\nprovider = "crossencoder"\nmodel = "/m"\nweight = 2\npassages = 4\n'
    chosen = Settings.load(write(tmp_path, text)).reranker
    assert (chosen.weight, chosen.passages, chosen.options) == (2.0, 4, {"model": "/m"})


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
        ("[reranker]\nweight = 0", "reranker.weight = 0"),
        ("[reranker]\nweight = nan", "reranker.weight = nan"),
        ("[reranker]\npassages = 1", "reranker.passages = 1"),
        ("[server]\nprot = 1", "server.prot: unknown setting"),
        ('[server]\nport = "many"', "server.port = 'many'"),
        ("[server]\nport = 70000", "server.port = 70000"),
        ("[server]\ncapacity = 0", "server.capacity = 0"),
        ("[policy]\nmin_suport = 1", "policy.min_suport: unknown setting"),
        ('[policy]\nmin_support = "high"', "policy.min_support = 'high': Expected `int`"),
        ("[policy]\ndo_not_trigger = [1]", "policy.do_not_trigger = [1]: Expected `str`"),
        ("[policy]\nmin_support = 101", "policy.min_support = 101: Expected `int` <= 100"),
        ("[policy]\nsaid_share = -1", "policy.said_share = -1: Expected `int` >= 0"),
        ("[policy]\nspeech_on_ticks = 0", "policy.speech_on_ticks = 0: Expected `int` >= 1"),
        ("[policy]\ncooldown_ticks = -5", "policy.cooldown_ticks = -5: Expected `int` >= 0"),
        ("[policy]\nquery_words = 0", "policy.query_words = 0: Expected `int` >= 1"),
        ("policy = 3", "policy = 3: "),
        ("server = 3", "server = 3: "),
        ("[data]\nx = 1", "data"),
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


def test_a_settings_file_that_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "copilot.toml").mkdir()
    with pytest.raises(ConfigError, match=r"copilot\.toml: cannot be read"):
        Settings.load()


def test_the_data_folder_is_made(tmp_path: Path) -> None:
    Settings(data=tmp_path / "a" / "b").make_data()
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_data_folder_that_cannot_be_made(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=f"data = {tmp_path / name}: .* --data"):
        Settings(data=tmp_path / name).make_data()


def test_a_data_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(ConfigError, match="not writable"):
        Settings(data=tmp_path).make_data()


@pytest.mark.parametrize(
    ("text", "sign_in"),
    [
        ("", False),
        ("[server]\nhost = '::1'", False),
        ("[server]\nhost = 'localhost'", False),
        ("[server]\nhost = '127.8.9.1'", False),
        ("[server]\nhost = '0.0.0.0'", True),
        ("[server]\nhost = '192.168.1.7'", True),
        ("[server]\nhosts = ['copilot.example.com']", True),
        ("[accounts]\nrequired = true", True),
        ("[accounts]\nrequired = false", False),
    ],
)
def test_people_sign_in_where_others_reach_the_server(
    tmp_path: Path, text: str, sign_in: bool
) -> None:
    assert Settings.load(write(tmp_path, text)).sign_in is sign_in


@pytest.mark.parametrize("where", ["host = '0.0.0.0'", "hosts = ['copilot.example.com']"])
def test_sign_in_cannot_be_off_where_others_reach_the_server(tmp_path: Path, where: str) -> None:
    settings = Settings.load(write(tmp_path, f"[server]\n{where}\n[accounts]\nrequired = false"))
    with pytest.raises(
        ConfigError, match=r"accounts\.required = false: server\.host.*127\.0\.0\.1"
    ):
        _ = settings.sign_in


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("idle_minutes = 1", "accounts.idle_minutes = 1"),
        ("session_hours = 0", "accounts.session_hours = 0"),
        ("domains = ['@example.com']", "accounts.domains = '@example.com'"),
        ("domains = ['Example.com']", "in lower case: example.com"),
        ("oidc = { issuer = 'https://id.example' }", "accounts.oidc.client_id is missing"),
        ("oidc = { client_id = 'x' }", "accounts.oidc.issuer is missing"),
        ("oidc = { issuer = 'http://id.example', client_id = 'x' }", "https://"),
        ("oidc = { issuer = 'id.example', client_id = 'x' }", "https://"),
        ("oidc = { join = 'admin' }", "accounts.oidc.join = 'admin'"),
        ("oidc = { join = 'agent' }", "name accounts.domains beside it"),
        ("oidc = { secret = 'x' }", "accounts.oidc.secret: unknown setting"),
    ],
)
def test_a_mistake_in_accounts_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.load(write(tmp_path, f"[accounts]\n{text}\n"))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "[[webhooks]]\nurl = 'https://x'\nsecret = ['between us']",
        "[[tools]]\nname = 'a'\ntoken = ['between us']",
        "[memory]\nkey = ['between us']",
        "[accounts.oidc]\nclient_secret = ['between us']",
    ],
)
def test_a_secret_is_not_shown_however_wrong_it_is(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="= …: ") as caught:
        Settings.load(write(tmp_path, text))
    assert "between us" not in str(caught.value)


def test_the_providers_secret_comes_from_the_environment_and_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COPILOT_ACCOUNTS__OIDC__ISSUER", "https://id.example")
    monkeypatch.setenv("COPILOT_ACCOUNTS__OIDC__CLIENT_ID", "copilot")
    monkeypatch.setenv("COPILOT_ACCOUNTS__OIDC__CLIENT_SECRET", "between us")
    settings = Settings.load(write(tmp_path, ""))
    assert settings.accounts.oidc.client_secret.get_secret_value() == "between us"
    assert "between us" not in repr(settings)
