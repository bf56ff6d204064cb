"""The tables of accounts; secrets are kept as digests only."""

from datetime import datetime

from advanced_alchemy.base import DefaultBase
from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from copilot.store.models import KEY, NUMBER

DIGEST = String(64)
"""SHA-256 of a secret, hexadecimal."""
EMAIL = String(254)
"""The longest address that mail servers take (RFC 5321, erratum 1690)."""
NAME = String(120)
TIME = DateTimeUTC(timezone=True)


class TeamTable(DefaultBase):
    """A tenant: nobody sees what belongs to another."""

    __tablename__ = "team"
    __table_args__ = (UniqueConstraint("name", name="uq_team_name"),)

    id: Mapped[str] = mapped_column(KEY, primary_key=True)
    name: Mapped[str] = mapped_column(NAME)
    created_at: Mapped[datetime] = mapped_column(TIME)


class PersonTable(DefaultBase):
    """Somebody who signs in, in however many teams."""

    __tablename__ = "person"
    __table_args__ = (
        UniqueConstraint("email", name="uq_person_email"),
        UniqueConstraint("issuer", "subject", name="uq_person_subject"),
    )

    id: Mapped[str] = mapped_column(KEY, primary_key=True)
    email: Mapped[str] = mapped_column(EMAIL)
    """In lower case."""
    name: Mapped[str] = mapped_column(NAME)
    password: Mapped[str | None] = mapped_column(String(255))
    """argon2id in its own encoding; None: signs in through the provider only."""
    operator: Mapped[bool]
    """May make teams."""
    issuer: Mapped[str | None] = mapped_column(String(255))
    subject: Mapped[str | None] = mapped_column(String(255))
    """Who they are at the OpenID provider."""
    created_at: Mapped[datetime] = mapped_column(TIME)


class MembershipTable(DefaultBase):
    """What somebody is in a team."""

    __tablename__ = "membership"
    __table_args__ = (Index("ix_membership_person_id", "person_id"),)

    team_id: Mapped[str] = mapped_column(KEY, ForeignKey("team.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(KEY, ForeignKey("person.id"), primary_key=True)
    roles: Mapped[str] = mapped_column(String(120))
    """Their names with blanks between them."""
    joined_at: Mapped[datetime] = mapped_column(TIME)


class InvitationTable(DefaultBase):
    """A one-time link into a team."""

    __tablename__ = "invitation"
    __table_args__ = (
        UniqueConstraint("digest", name="uq_invitation_digest"),
        Index("ix_invitation_team_id", "team_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(KEY, primary_key=True)
    digest: Mapped[str] = mapped_column(DIGEST)
    team_id: Mapped[str] = mapped_column(KEY, ForeignKey("team.id"))
    email: Mapped[str] = mapped_column(EMAIL)
    """Empty: whoever has the link says who they are."""
    roles: Mapped[str] = mapped_column(String(120))
    operator: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(TIME)
    created_by: Mapped[str] = mapped_column(NAME)
    expires_at: Mapped[datetime] = mapped_column(TIME)
    closed_at: Mapped[datetime | None] = mapped_column(TIME)
    """When it was accepted or taken back."""


class CredentialTable(DefaultBase):
    """Something that acts for somebody in one team: a browser, a program, a device."""

    __tablename__ = "credential"
    __table_args__ = (Index("ix_credential_person_id", "person_id", "team_id"),)

    id: Mapped[str] = mapped_column(KEY, primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    person_id: Mapped[str] = mapped_column(KEY, ForeignKey("person.id"))
    team_id: Mapped[str] = mapped_column(KEY, ForeignKey("team.id"))
    name: Mapped[str] = mapped_column(NAME)
    scopes: Mapped[str] = mapped_column(Text)
    """Their names with blanks between them; empty: all that the person has."""
    created_at: Mapped[datetime] = mapped_column(TIME)
    seen_at: Mapped[datetime] = mapped_column(TIME)
    expires_at: Mapped[datetime | None] = mapped_column(TIME)
    closed_at: Mapped[datetime | None] = mapped_column(TIME)
    """When it was revoked or signed out."""


class SecretTable(DefaultBase):
    """What a credential is proved with; a device has a family of them."""

    __tablename__ = "secret"
    __table_args__ = (Index("ix_secret_credential_id", "credential_id"),)

    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    credential_id: Mapped[str] = mapped_column(KEY, ForeignKey("credential.id"))
    kind: Mapped[str] = mapped_column(String(8))
    expires_at: Mapped[datetime | None] = mapped_column(TIME)
    used_at: Mapped[datetime | None] = mapped_column(TIME)
    """When a refresh token was exchanged for the next."""


class DeviceTable(DefaultBase):
    """A device that asks to be paired (RFC 8628)."""

    __tablename__ = "device"
    __table_args__ = (UniqueConstraint("user_code", name="uq_device_user_code"),)

    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    user_code: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(NAME)
    address: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime] = mapped_column(TIME)
    expires_at: Mapped[datetime] = mapped_column(TIME)
    asked_at: Mapped[datetime | None] = mapped_column(TIME)
    """When it last asked whether it may."""
    person_id: Mapped[str | None] = mapped_column(KEY, ForeignKey("person.id"))
    team_id: Mapped[str | None] = mapped_column(KEY, ForeignKey("team.id"))


class AuditTable(DefaultBase):
    """What was done by whom, only ever added."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_team_id", "team_id", "id"),)

    id: Mapped[int] = mapped_column(NUMBER, primary_key=True)
    at: Mapped[datetime] = mapped_column(TIME)
    team_id: Mapped[str] = mapped_column(KEY)
    """Empty: nobody's, such as a sign-in that failed."""
    person_id: Mapped[str] = mapped_column(KEY)
    who: Mapped[str] = mapped_column(EMAIL)
    """The person's address at that time."""
    act: Mapped[str] = mapped_column(String(40))
    what: Mapped[str] = mapped_column(Text)
    """To whom or what it was done, in words."""
    address: Mapped[str] = mapped_column(String(64))
    """Network address that it came from."""


class PackTeamTable(DefaultBase):
    """Which team a knowledge pack belongs to; one that is not here belongs to the default team."""

    __tablename__ = "pack_team"

    pack: Mapped[str] = mapped_column(String(128), primary_key=True)
    team_id: Mapped[str] = mapped_column(KEY, ForeignKey("team.id"))
