"""Settings: ``copilot.toml`` and ``COPILOT_…`` variables, every unknown key refused by its path."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from copilot.core.policy import Policy
from copilot.errors import ConfigError


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Provider(BaseModel):
    """Which provider of the registry is used; the section's other keys are that provider's own."""

    model_config = ConfigDict(extra="allow", frozen=True)

    provider: str

    @property
    def options(self) -> Mapping[str, object]:
        return dict(self.model_extra or {})


class Server(Section):
    host: str = "127.0.0.1"
    """Interface of the web server."""
    port: int = Field(default=8123, ge=0, le=65535)
    """0 takes a free one."""
    hosts: tuple[str, ...] = ()
    """Host names, beside addresses and localhost, under which browsers may reach it."""
    origins: tuple[str, ...] = ()
    """Foreign origins that may place calls: ``chrome-extension://…`` of a packaged extension."""
    media_host: str = "127.0.0.1"
    """Address of this machine that call media uses, or ``0.0.0.0`` for all of them."""
    capacity: int = Field(default=20, ge=1)
    """Calls at once; the next one is answered 503 with Retry-After."""
    resume_seconds: float = Field(default=30.0, ge=0)
    """How long a call whose connection broke waits to be resumed before it is over."""


class Database(Section):
    url: str = ""
    """SQLAlchemy URL; empty means SQLite in the data folder."""


class Knowledge(Section):
    path: Path = Path("knowledge")
    """Folder with one folder a pack."""
    packs: tuple[str, ...] = ()
    """Packs in use; empty means all of them."""


class Chroma(Section):
    url: str = ""
    """A Chroma server, ``http://host:port``; empty means embedded in the data folder."""


class Deadlines(Section):
    """Seconds after which background work has failed."""

    search: float = Field(default=1.0, gt=0)
    compose: float = Field(default=6.0, gt=0)
    speak: float = Field(default=15.0, gt=0)


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
    deadlines: Deadlines = Deadlines()
    policy: Policy = Policy()

    @field_validator("policy", mode="before")
    @classmethod
    def _policy(cls, value: object) -> object:
        """Values of the environment are text: numbers and flags are read, a list is JSON."""
        if isinstance(value, Mapping):
            texts = {k: v for k, v in value.items() if isinstance(v, str) and v.startswith("[")}
            lists = {key: msgspec.json.decode(text) for key, text in texts.items()}
            return msgspec.convert({**value, **lists}, Policy, strict=False)
        return value

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite+aiosqlite:///{self.data / 'copilot.sqlite'}"

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
    def load(cls, path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Self:
        """Read ``copilot.toml`` or `path`, which must exist; then the environment, `overrides`.

        Raises ConfigError that names the key, its value and what is wrong with it.
        """
        values = _read(path)
        _check_environment(cls)
        if policy := {**values.get("policy", {}), **_environment("policy")}:
            values["policy"] = policy
        try:
            settings = cls(**values)
            if overrides:
                settings = settings.model_copy(update=dict(overrides))
            return settings
        except ValidationError as error:
            raise ConfigError(_explain(error, path)) from None


def _read(path: Path | None) -> dict[str, Any]:
    file = path or Path(os.environ.get("COPILOT_CONFIG", "copilot.toml"))
    if not file.exists():
        if path is not None:
            raise ConfigError(f"{file}: no such file; leave --config out to use the defaults")
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not a TOML file ({error})") from None


def _environment(section: str) -> dict[str, str]:
    """The section's variables: pydantic-settings does not look inside a msgspec struct."""
    prefix = f"COPILOT_{section.upper()}__"
    return {
        name.removeprefix(prefix).lower(): value
        for name, value in os.environ.items()
        if name.startswith(prefix)
    }


def _check_environment(settings: type[Settings]) -> None:
    """Refuse variables of sections that there are not; a mistyped one would be ignored silently."""
    for name in os.environ:
        section, nested, _ = name.removeprefix("COPILOT_").partition("__")
        known = section.lower() in settings.model_fields
        if name.startswith("COPILOT_") and nested and not known:
            sections = ", ".join(settings.model_fields)
            raise ConfigError(f"{name}: unknown setting; its section is one of {sections}")


def _explain(error: ValidationError, path: Path | None) -> str:
    lines = []
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            lines.append(f"{key}: unknown setting; remove it or check its spelling")
        else:
            lines.append(f"{key} = {fault['input']!r}: {fault['msg']}")
    return f"{path or 'settings'}: " + "; ".join(lines)
