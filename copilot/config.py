"""Settings: ``copilot.toml`` and ``COPILOT_…`` variables, every unknown key refused by its path."""

import ipaddress
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
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

EXTENSION = "chrome-extension://blicllejdhfmckoncfgajhnndgmipbdg"
"""Origin of the browser extension: its id follows from the key in its manifest."""

UNKNOWN = "unknown setting; remove it or check its spelling"


Hidden = Literal["card", "account", "email", "phone", "name"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Provider(BaseModel):
    """Which provider of the registry is used; the section's other keys are that provider's own."""

    model_config = ConfigDict(extra="allow", frozen=True)

    provider: str

    @property
    def options(self) -> Mapping[str, object]:
        return dict(self.model_extra or {})


class Reranking(Provider):
    """Who reads the first passages of a search again, and what that counts."""

    provider: str = "none"
    """``none``: nobody does."""
    weight: float = Field(default=1.0, gt=0, le=100)
    """Of the reranker's log-odds, against 1 for the ranker's."""
    passages: int = Field(default=8, ge=2, le=100)
    """Those that come first are read."""


class Server(Section):
    host: str = "127.0.0.1"
    """Interface of the web server."""
    port: int = Field(default=8123, ge=0, le=65535)
    """0 takes a free one."""
    hosts: tuple[str, ...] = ()
    """Host names, beside addresses and localhost, under which browsers may reach it."""
    origins: tuple[str, ...] = (EXTENSION,)
    """Foreign origins that may place calls and read answers: the browser extension's."""
    media_host: str = "127.0.0.1"
    """Address of this machine that call media uses, or ``0.0.0.0`` for all of them."""
    capacity: int = Field(default=20, ge=1)
    """Calls at once; the next one is answered 503 with Retry-After."""
    resume_seconds: float = Field(default=60.0, ge=0)
    """How long a call whose connection or process broke waits to be resumed before it is over."""


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


class OwnPersona(Section):
    """Who the agent is in calls of a team, or with a pack; empty: as in all the others."""

    role: str = ""
    voice: str = ""


class Persona(Section):
    """Who the duplex model takes itself for: the agent."""

    role: str = ""
    """Who the agent is, the company, its rules, in plain words."""
    voice: str = ""
    """A voice of the checkpoint by its name (``NATF2``), or a recording of a few seconds."""
    teams: Mapping[str, OwnPersona] = {}
    """By team."""
    packs: Mapping[str, OwnPersona] = {}
    """By pack; a call takes the first of its packs that is named here."""
    file: Path | None = None
    """A TOML file with the keys above instead, read again whenever it has changed."""


class Privacy(Section):
    """What is masked where, by kind: card, account, email, phone, name."""

    egress: tuple[Hidden, ...] = ("card", "account", "email", "phone", "name")
    """Before a text goes to a remote model, tool or webhook; put back in the model's answer."""
    log: tuple[Hidden, ...] = ()
    """Before the words of a call are used at all: neither log, search nor model ever has them."""


class Mind(Provider):
    """The background model; the section's other keys are its provider's own."""

    provider: str = "gateway"
    """A gateway without routes is no background model."""


class Memory(Section):
    """What is remembered of customers."""

    days: int = Field(default=365, ge=1, le=3660)
    """After which a fact is deleted."""
    key: SecretStr = SecretStr("")
    """Hashes customers' ids; empty: one in the data folder. The same for all processes of a
    database."""


class Webhook(Section):
    """A server that is told of calls."""

    url: str
    secret: SecretStr
    """As Standard Webhooks has it: ``whsec_`` and base64."""
    team: str = "default"
    """Whose calls it is told of, by the team's id."""
    events: tuple[str, ...] = ()
    """``call.ended``, ``call.confirmed``; empty: all."""
    private: bool = False
    """Whether it may be inside the house: http, and addresses that are not the internet's."""


class Tool(Section):
    """A server of tools, by the Model Context Protocol."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    command: tuple[str, ...] = ()
    """A program that speaks over its standard input and output; or `url`."""
    url: str = ""
    """A server that speaks over HTTP."""
    token: SecretStr = SecretStr("")
    """Sent to it as Bearer."""
    teams: tuple[str, ...] | Mapping[str, tuple[str, ...]] = ("default",)
    """Who may use it, by the teams' ids; or each team with the tools that it may use itself, in
    the place of `allow`."""
    allow: tuple[str, ...] = ()
    """Its tools that may be used, by name; none but these."""
    writes: bool = False
    """Whether tools that do not call themselves read-only may be used, too."""
    seconds: float = Field(default=4.0, gt=0, le=60)
    kilobytes: int = Field(default=32, ge=1, le=1024)
    """The longest result."""
    trusted: bool = False
    """In the house: arguments are not masked."""

    def allowed(self, team_id: str) -> tuple[str, ...]:
        """The tools that a team may use."""
        if isinstance(self.teams, Mapping):
            return tuple(self.teams.get(team_id, ()))
        return self.allow if team_id in self.teams else ()

    @property
    def named(self) -> frozenset[str]:
        """The tools that any team may use."""
        if isinstance(self.teams, Mapping):
            return frozenset(name for names in self.teams.values() for name in names)
        return frozenset(self.allow)


class Deadlines(Section):
    """Seconds after which background work has failed."""

    search: float = Field(default=1.0, gt=0)
    rewrite: float = Field(default=4.0, gt=0)
    compose: float = Field(default=6.0, gt=0)
    speak: float = Field(default=15.0, gt=0)


class Oidc(Section):
    """An OpenID Connect provider to sign in with; its secret belongs in the environment."""

    issuer: str = ""
    """Its address, ``https://…``, below which its ``.well-known/openid-configuration`` is."""
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    name: str = "single sign-on"
    """How the sign-in page calls it."""
    trust_email: bool = False
    """Take addresses for verified where the provider does not say whether they are."""
    join: Literal["", "agent", "team_lead", "supervisor"] = ""
    """What people of the allowed domains are in the default team when they first come; empty:
    they need an invitation."""


class Accounts(Section):
    """Who may sign in, and for how long."""

    required: bool | None = None
    """False only where the server listens on loopback alone, which also is what is assumed there:
    then everybody is the local admin."""
    domains: tuple[str, ...] = ()
    """E-mail domains that people may have; empty: any."""
    idle_minutes: int = Field(default=480, ge=5, le=43_200)
    """Without a request for so long a session is over."""
    session_hours: int = Field(default=168, ge=1, le=8760)
    """After so long it is over whatever happens."""
    invitation_hours: int = Field(default=72, ge=1, le=8760)
    """How long a link into a team may be used."""
    oidc: Oidc = Oidc()


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
            lines.append(f"{key} = {fault['input']!r}: {fault['msg']}")
    return "; ".join(lines)
