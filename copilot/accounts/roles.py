"""The rule of who may do what: scopes, and the roles that hold them."""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """One thing that may be done; also what a token is limited to."""

    ACCOUNT = "account"
    """One's own password, sessions, tokens and devices; never given to a token."""
    CALLS_PLACE = "calls:place"
    CALLS_READ = "calls:read"
    """One's own calls, live and past."""
    CALLS_WATCH = "calls:watch"
    """All calls of the team, live and past."""
    CALLS_LABEL = "calls:label"
    """Say what a card or a silence was worth."""
    LIVE_WHISPER = "live:whisper"
    """Send an agent a word during a call."""
    LIVE_LISTEN = "live:listen"
    """Hear a call."""
    KNOWLEDGE_READ = "knowledge:read"
    KNOWLEDGE_WRITE = "knowledge:write"
    POLICY_READ = "policy:read"
    POLICY_WRITE = "policy:write"
    ANALYTICS_READ = "analytics:read"
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"
    PEOPLE_READ = "people:read"
    PEOPLE_WRITE = "people:write"
    AUDIT_READ = "audit:read"
    TEAMS_WRITE = "teams:write"
    """Make teams; an operator's, whatever their roles."""


class Role(StrEnum):
    """What somebody is in a team; one may be several."""

    AGENT = "agent"
    LEAD = "team_lead"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"

    @property
    def label(self) -> str:
        """As people say it."""
        return self.value.replace("_", " ").capitalize()


_AGENT = {Scope.ACCOUNT, Scope.CALLS_PLACE, Scope.CALLS_READ, Scope.KNOWLEDGE_READ}
_WATCHER = _AGENT | {Scope.CALLS_WATCH, Scope.CALLS_LABEL, Scope.ANALYTICS_READ, Scope.POLICY_READ}

SCOPES: dict[Role, frozenset[Scope]] = {
    Role.AGENT: frozenset(_AGENT),
    Role.LEAD: frozenset(_WATCHER | {Scope.KNOWLEDGE_WRITE, Scope.POLICY_WRITE}),
    Role.SUPERVISOR: frozenset(_WATCHER | {Scope.LIVE_WHISPER, Scope.LIVE_LISTEN}),
    Role.ADMIN: frozenset(set(Scope) - {Scope.TEAMS_WRITE}),
}
GRANTABLE = frozenset(set(Scope) - {Scope.ACCOUNT})
"""What a token may be given: one that is lost must not make others."""
EXTENSION = frozenset({Scope.CALLS_PLACE, Scope.CALLS_READ, Scope.KNOWLEDGE_READ})
"""What the browser extension asks for unless it says otherwise."""


def scopes_of(roles: Iterable[Role], operator: bool = False) -> frozenset[Scope]:
    """All that somebody with these roles may do."""
    found = frozenset[Scope]().union(*(SCOPES[role] for role in roles))
    return found | {Scope.TEAMS_WRITE} if operator else found


def read_roles(words: str) -> frozenset[Role]:
    """Roles as the database has them; those that this copilot does not know count for nothing."""
    return frozenset(Role(word) for word in words.split() if word in set(Role))


def read_scopes(words: str) -> frozenset[Scope]:
    """Scopes as the database or a request has them; unknown ones are left out."""
    return frozenset(Scope(word) for word in words.split() if word in set(Scope))


def write(words: Iterable[Role] | Iterable[Scope]) -> str:
    """Roles or scopes as the database has them."""
    return " ".join(sorted(words))


def spoken(roles: Iterable[Role]) -> str:
    """Roles as people say them: ``agent and supervisor``."""
    had = frozenset(roles)
    return " and ".join(role.label.lower() for role in Role if role in had)
