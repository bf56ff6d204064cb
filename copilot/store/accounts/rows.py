"""Rows of accounts as the rest of the copilot sees them; roles and scopes stand as words."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """What a credential is."""

    SESSION = "session"
    """A browser that somebody signed in with."""
    TOKEN = "token"
    """A program with a token that somebody made for it."""
    DEVICE = "device"
    """A paired browser extension."""


class Proof(StrEnum):
    """What a secret proves."""

    SESSION = "session"
    TOKEN = "token"
    ACCESS = "access"
    REFRESH = "refresh"


class Pairing(StrEnum):
    """How far a device's question has come."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"
    USED = "used"


class Team(Struct, frozen=True):
    id: str
    name: str
    created_at: datetime


class Person(Struct, frozen=True):
    id: str
    email: str
    name: str
    password: str | None
    operator: bool
    issuer: str | None
    subject: str | None
    created_at: datetime


class Member(Struct, frozen=True):
    """Somebody in one team."""

    id: str
    email: str
    name: str
    operator: bool
    roles: str
    joined_at: datetime


class Invitation(Struct, frozen=True):
    id: str
    team_id: str
    email: str
    roles: str
    operator: bool
    created_at: datetime
    created_by: str
    expires_at: datetime
    closed_at: datetime | None


class Credential(Struct, frozen=True):
    id: str
    kind: str
    person_id: str
    team_id: str
    name: str
    scopes: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime | None
    closed_at: datetime | None


class Secret(Struct, frozen=True):
    digest: str
    credential_id: str
    kind: str
    expires_at: datetime | None
    used_at: datetime | None


class Device(Struct, frozen=True):
    digest: str
    user_code: str
    name: str
    address: str
    scopes: str
    state: str
    created_at: datetime
    expires_at: datetime
    asked_at: datetime | None
    person_id: str | None
    team_id: str | None


class Holder(Struct, frozen=True):
    """A credential with the person behind it and what they are in its team now."""

    credential: Credential
    email: str
    name: str
    operator: bool
    team: str
    """The team's name."""
    roles: str


class Deed(Struct, frozen=True):
    """One line of the audit log."""

    id: int
    at: datetime
    team_id: str
    person_id: str
    who: str
    act: str
    what: str
    address: str
