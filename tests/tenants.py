"""Two teams with somebody in every role, made by the services as people make them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from argon2 import PasswordHasher
from httpx import AsyncClient

from copilot.accounts.caller import Caller
from copilot.accounts.client import Client
from copilot.accounts.office import Office
from copilot.accounts.passwords import Passwords
from copilot.accounts.roles import Role
from copilot.accounts.secrets import derive
from copilot.accounts.service import Accounts
from copilot.config.sections import Accounts as AccountSettings
from copilot.store.accounts.rows import Proof
from copilot.store.log import Store

PASSWORD = "a sentence of several words"
HERE = Client("127.0.0.1", "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36")
OPERATOR = "root"


class Hands:
    """A clock that tests move by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


def make_accounts(
    store: Store, settings: AccountSettings | None = None, now: Callable[[], datetime] | None = None
) -> Accounts:
    """Accounts that must sign in, with passwords that are hashed fast."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    clock = now or Hands()
    return Accounts(Office(store.accounts, settings or AccountSettings(), clock, Passwords(hasher)))


@dataclass
class Tenants:
    """Team ``default`` and team ``other``; `emails` by role, ``other_…`` for the second."""

    accounts: Accounts
    emails: dict[str, str] = field(default_factory=dict)
    teams: dict[str, str] = field(default_factory=dict)

    async def session(self, who: str) -> str:
        """Somebody signs in; the secret of their session."""
        secret = await self.accounts.sessions.sign_in(self.emails[who], PASSWORD, HERE)
        if who.startswith("other_"):
            caller = await self.caller(secret)
            assert caller.team_id == self.teams["other"]
        return secret

    async def caller(self, secret: str) -> Caller:
        found = await self.accounts.sessions.caller(secret, frozenset(Proof), HERE.address)
        assert found is not None
        return found

    async def who(self, who: str) -> Caller:
        """Somebody who has signed in."""
        return await self.caller(await self.session(who))

    async def add(self, admin: Caller, name: str, roles: Sequence[Role]) -> None:
        """Somebody is invited and accepts."""
        self.emails[name] = f"{name}@example.com"
        _, link = await self.accounts.people.invite(admin, self.emails[name], roles)
        await self.accounts.joining.accept(link, "", name, PASSWORD, HERE)


async def make_tenants(accounts: Accounts) -> Tenants:
    made = Tenants(accounts, {OPERATOR: "root@example.com"}, {"default": "default"})
    link = await accounts.joining.first_link()
    assert link is not None
    await accounts.joining.accept(link, made.emails[OPERATOR], "Root", PASSWORD, HERE)
    root = await made.who(OPERATOR)
    for role in Role:
        await made.add(root, role, [role])
    other = await accounts.people.make_team(root, "other")
    made.teams["other"] = other.id
    entered = await made.caller(await accounts.sessions.enter(root, other.id, HERE))
    for role in Role:
        await made.add(entered, f"other_{role}", [role])
    return made


def sign(client: AsyncClient, secret: str) -> None:
    """The client is signed in from here on, and its requests carry the CSRF token."""
    client.cookies.set("copilot", secret)
    client.headers["X-CSRF-Token"] = derive(secret, "csrf")
