"""The sections of the settings, each with its defaults and what its keys mean."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

EXTENSION = "chrome-extension://blicllejdhfmckoncfgajhnndgmipbdg"
"""Origin of the browser extension: its id follows from the key in its manifest."""

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
