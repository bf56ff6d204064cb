"""One-time links, and what is typed of people."""

import re
from collections.abc import Collection
from datetime import timedelta

from copilot.accounts.audit import Act, record
from copilot.accounts.caller import Caller
from copilot.accounts.office import Office
from copilot.accounts.roles import Role, write
from copilot.accounts.secrets import digest, new_id, new_secret
from copilot.errors import AccountError
from copilot.store.accounts.database import Tables
from copilot.store.accounts.rows import Invitation

NAME_LENGTH = 120
USED = "This link has been used, was taken back, or is out of date. Ask for a new one."
_EMAIL = re.compile(r"[^@\s\x00]{1,64}@[^@\s\x00]+\.[^@\s\x00]{2,}")


def make_link(
    office: Office,
    team_id: str,
    email: str,
    roles: Collection[Role],
    by: str,
    operator: bool = False,
) -> tuple[Invitation, str]:
    """An invitation that is not kept yet, and its secret."""
    now, secret = office.now(), new_secret("invitation")
    until = now + timedelta(hours=office.settings.invitation_hours)
    made = Invitation(
        new_id(), team_id, email, write(roles), operator, now, by[:NAME_LENGTH], until, None
    )
    return made, secret


async def add_password_link(
    office: Office, tables: Tables, caller: Caller, email: str
) -> tuple[Invitation, str]:
    """A link that leads into no team, but to a new password of somebody who has an account."""
    made, secret = make_link(office, caller.team_id, email, [], caller.known_as)
    await tables.people.add_invitation(made, digest(secret))
    await record(tables, caller, Act.PASSWORD_LINK, email, office.now())
    return made, secret


def for_password(invitation: Invitation) -> bool:
    """Whether it is such a link."""
    return not invitation.roles


def read_email(office: Office, typed: str) -> str:
    """In lower case; raises AccountError for what is no address, or none that may join."""
    email = typed.strip().lower()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise AccountError(f"{typed!r} is no e-mail address.")
    domains = office.settings.domains
    if domains and email.rpartition("@")[2] not in domains:
        raise AccountError(f"{email}: only addresses of {', '.join(domains)} are allowed here.")
    return email


def read_name(typed: str) -> str:
    """A person's or a team's, with single blanks; raises AccountError."""
    name = " ".join(typed.split())
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise AccountError(f"A name has 1 to {NAME_LENGTH} printable characters.")
    return name
