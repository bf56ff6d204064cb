"""Settings: ``copilot.toml`` and ``COPILOT_…`` variables, every unknown key refused by its path."""

import ipaddress
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from copilot.config.sections import (
    Accounts,
    Chroma,
    Database,
    Deadlines,
    Knowledge,
    Memory,
    Mind,
    Persona,
    Privacy,
    Provider,
    Reranking,
    Server,
    Tool,
    Webhook,
)
from copilot.core.policy import Policy
from copilot.errors import ConfigError

OTHER_VARIABLES = frozenset(
    {
        "COPILOT_CONFIG",
        "COPILOT_GOLDEN",
        "COPILOT_SOAK",
        "COPILOT_TESTS_NEED_PACKAGES",
        "COPILOT_TOKEN",
    }
)
"""Variables that are no settings: the settings file, the tests' golden data and length, CI's
strictness, the token of ``copilot mcp``."""

UNKNOWN = "unknown setting; remove it or check its spelling"


class Settings(BaseSettings):
    """Everything that an admin sets."""

    model_config = SettingsConfigDict(
        env_prefix="COPILOT_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    data: Path = Path("var")
    """Folder for the database, the vector index and caches."""
    server: Server = Server()
    database: Database = Database()
    knowledge: Knowledge = Knowledge()
    chroma: Chroma = Chroma()
    ear: Provider = Provider(provider="embedded")
    voice: Provider = Provider(provider="espeak")
    embedder: Provider = Provider(provider="minilm")
    reranker: Reranking = Reranking()
    persona: Persona = Persona()
    mind: Mind = Mind()
    memory: Memory = Memory()
    webhooks: tuple[Webhook, ...] = ()
    tools: tuple[Tool, ...] = ()
    privacy: Privacy = Privacy()
    accounts: Accounts = Accounts()
    deadlines: Deadlines = Deadlines()
    policy: Policy = Policy()

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite+aiosqlite:///{self.data / 'copilot.sqlite'}"

    @property
    def sign_in(self) -> bool:
        """Whether people must sign in; raises ConfigError where that cannot be as it is set."""
        required, where = self.accounts.required, _reachable(self.server)
        if required is False and where:
            raise ConfigError(
                f"accounts.required = false: {where}, and everybody who reaches the server would "
                "be its admin; leave it out, or listen on 127.0.0.1 without server.hosts"
            )
        return bool(where) if required is None else required

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file: what `load` passes in stands for the file."""
        return env_settings, init_settings

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Read `path`, else the file that COPILOT_CONFIG names, else ``copilot.toml`` if there is
        one; then the environment.

        Raises ConfigError that names the key, its value and what is wrong with it.
        """
        file = _file(path)
        values = {} if file is None else _read(file)
        _check_environment(cls)
        source = str(file or "settings")
        try:
            policy = _policy(values.get("policy", {}), source)
            found = cls(**{**values, "policy": policy})
        except ValidationError as error:
            raise ConfigError(f"{source}: {_explain(error)}") from None
        except SettingsError as error:
            raise ConfigError(f'{source}: {error}; a list is JSON: ["a"]') from None
        _check_accounts(found.accounts, source)
        return found

    def make_data(self) -> None:
        """Make the data folder; raises ConfigError where that cannot be, or it is not writable."""
        remedy = "choose another folder with --data"
        try:
            self.data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f"the folder cannot be made ({error.strerror})"
            raise ConfigError(f"data = {self.data}: {reason}; {remedy}") from None
        if not os.access(self.data, os.W_OK):
            raise ConfigError(f"data = {self.data}: the folder is not writable; {remedy}")


def _reachable(server: Server) -> str:
    """Why others than the people at this machine reach the server; empty: they do not."""
    if server.hosts:
        return f"server.hosts = {list(server.hosts)} names it to others"
    with suppress(ValueError):
        if ipaddress.ip_address(server.host).is_loopback:
            return ""
    return "" if server.host == "localhost" else f"server.host = {server.host!r} is no loopback"


def _check_accounts(accounts: Accounts, source: str) -> None:
    """Settings that only make sense together; raises ConfigError."""
    oidc = accounts.oidc
    given = {"issuer": oidc.issuer, "client_id": oidc.client_id}
    missing = [name for name, value in given.items() if not value]
    if len(missing) == 1:
        other = next(name for name in given if name not in missing)
        raise ConfigError(
            f"{source}: accounts.oidc.{missing[0]} is missing; set it, or leave {other} out"
        )
    url = urlsplit(oidc.issuer)
    local = url.hostname in ("localhost", "127.0.0.1", "::1")
    if oidc.issuer and not (url.scheme == "https" or (url.scheme == "http" and local)):
        raise ConfigError(
            f"{source}: accounts.oidc.issuer = {oidc.issuer!r}: write the provider's address, "
            "https://…"
        )
    if oidc.join and not accounts.domains:
        raise ConfigError(
            f"{source}: accounts.oidc.join = {oidc.join!r} would let in everybody whom the "
            "provider knows; name accounts.domains beside it"
        )
    for domain in accounts.domains:
        if "." not in domain or "@" in domain or domain != domain.strip().lower():
            raise ConfigError(
                f"{source}: accounts.domains = {domain!r}: write what stands behind the @, in "
                "lower case: example.com"
            )


def _file(path: Path | None) -> Path | None:
    """The settings file; one that is named must exist."""
    named = os.environ.get("COPILOT_CONFIG")
    file = path or Path(named or "copilot.toml")
    if file.exists():
        return file
    if path is not None:
        raise ConfigError(f"{file}: no such file; leave --config out to use the defaults")
    if named:
        raise ConfigError(f"COPILOT_CONFIG = {file}: no such file; unset it to use the defaults")
    return None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not a TOML file ({error})") from None


def policy_changes(given: Mapping[str, object], source: str) -> dict[str, Any]:
    """Values of a policy by their names; raises ConfigError with every one that cannot be used."""
    if faults := "; ".join(_policy_faults(given)):
        raise ConfigError(f"{source}: {faults}")
    values = {key: _list(value) for key, value in given.items()}
    made = msgspec.convert(values, Policy, strict=False)
    return {key: getattr(made, key) for key in given}


def policy_file(path: Path) -> dict[str, Any]:
    """The values of a file's section [policy], or of a file that holds nothing else."""
    values = _read(path)
    section = values.get("policy", values)
    if not isinstance(section, Mapping):
        raise ConfigError(f"{path}: policy = {section!r}: write a section [policy]")
    return policy_changes(section, str(path))


def _policy(given: object, source: str) -> Policy:
    """The policy of the file, then of the environment, whose values are text."""
    if not isinstance(given, Mapping):
        raise ConfigError(f"{source}: policy = {given!r}: write a section [policy]")
    values = {**given, **_environment("policy")}
    if faults := "; ".join(_policy_faults(values)):
        raise ConfigError(f"{source}: {faults}")
    return msgspec.convert(
        {key: _list(value) for key, value in values.items()}, Policy, strict=False
    )


def _policy_faults(values: Mapping[str, object]) -> Iterator[str]:
    for key, value in values.items():
        try:
            msgspec.convert({key: _list(value)}, Policy, strict=False)
        except msgspec.DecodeError as error:
            reason = str(error).split(" - at ")[0]
            known = key in Policy.__struct_fields__
            yield f"policy.{key} = {value!r}: {reason}" if known else f"policy.{key}: {UNKNOWN}"


def _list(value: object) -> object:
    """A list in a variable is JSON; raises msgspec.DecodeError."""
    if isinstance(value, str) and value.startswith("["):
        return msgspec.json.decode(value)
    return value


def _environment(section: str) -> dict[str, str]:
    """The section's variables: pydantic-settings does not look inside a msgspec struct."""
    prefix = f"COPILOT_{section.upper()}__"
    return {
        name.upper().removeprefix(prefix).lower(): value
        for name, value in os.environ.items()
        if name.upper().startswith(prefix)
    }


def _check_environment(settings: type[Settings]) -> None:
    """Refuse variables that name no setting; a mistyped one would be ignored silently."""
    plain = {name for name, field in settings.model_fields.items() if field.annotation is Path}
    sections = settings.model_fields.keys() - plain
    for name in os.environ:
        section, nested, _ = name.upper().removeprefix("COPILOT_").partition("__")
        known = section.lower() in (sections if nested else plain)
        ours = name.upper().startswith("COPILOT_") and name not in OTHER_VARIABLES
        if ours and not known:
            keys = ", ".join(f"COPILOT_{section.upper()}__KEY" for section in sorted(sections))
            raise ConfigError(f"{name}: {UNKNOWN}; there are COPILOT_DATA, {keys}")


def _explain(error: ValidationError) -> str:
    lines = []
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            lines.append(f"{key}: {UNKNOWN}")
        else:
            given = "…" if _is_secret(fault["loc"]) else repr(fault["input"])
            lines.append(f"{key} = {given}: {fault['msg']}")
    return "; ".join(lines)


def _is_secret(place: Sequence[object]) -> bool:
    """Whether what stands there must not be printed, however wrong it is."""
    return any(re.search(r"secret|token|password|(?:^|_)key$", str(part)) for part in place)
