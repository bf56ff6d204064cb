"""The tables of the console."""

from datetime import datetime

from advanced_alchemy.base import DefaultBase
from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from copilot.store.models import ID, KEY, NUMBER

PERSON = String(254)
"""Who did it, as people know them."""
TIME = DateTimeUTC(timezone=True)


class RulingTable(DefaultBase):
    """Published policies of teams, only ever added: the newest counts."""

    __tablename__ = "ruling"

    team_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(TIME)
    by: Mapped[str] = mapped_column(PERSON)
    note: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    """The policy as JSON."""
    report: Mapped[str] = mapped_column(Text)
    """What its what-if told before it was published, as JSON; empty: it was rolled back to."""


class DraftTable(DefaultBase):
    """The policy that a team is working on, one at most."""

    __tablename__ = "draft"

    team_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    at: Mapped[datetime] = mapped_column(TIME)
    by: Mapped[str] = mapped_column(PERSON)
    body: Mapped[str] = mapped_column(Text)
    report: Mapped[str] = mapped_column(Text)
    """The what-if of this very text; empty: none yet."""


class SettingTable(DefaultBase):
    """What a team's admins have set."""

    __tablename__ = "team_setting"

    team_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    at: Mapped[datetime] = mapped_column(TIME)
    by: Mapped[str] = mapped_column(PERSON)
    body: Mapped[str] = mapped_column(Text)


class FlagTable(DefaultBase):
    """Moments of calls that somebody wants to come back to."""

    __tablename__ = "flag"
    __table_args__ = (Index("ix_flag_call_id", "call_id", "tick"),)

    id: Mapped[int] = mapped_column(NUMBER, primary_key=True)
    call_id: Mapped[str] = mapped_column(ID)
    tick: Mapped[int]
    by: Mapped[str] = mapped_column(PERSON)
    at: Mapped[datetime] = mapped_column(TIME)
    note: Mapped[str] = mapped_column(Text)


class DigestTable(DefaultBase):
    """Calls whose logs have been read for search and analytics; can be made again from the logs."""

    __tablename__ = "digest"

    id: Mapped[int] = mapped_column(NUMBER, primary_key=True)
    """The row of its words in the full-text index."""
    call_id: Mapped[str] = mapped_column(ID, unique=True)
    version: Mapped[int]
    """Of what is read out of a log; an older one is read again."""
    level: Mapped[str] = mapped_column(String(16))
    ruling: Mapped[int]
    budget: Mapped[int]
    """Unneeded cards that the call's policy allowed an hour, in hundredths."""
    shadow: Mapped[bool]


class MomentTable(DefaultBase):
    """One decided inquiry of a call, and what is known about it."""

    __tablename__ = "moment"

    call_id: Mapped[str] = mapped_column(ID, primary_key=True)
    inquiry: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tick: Mapped[int]
    pack: Mapped[str] = mapped_column(String(128))
    silence: Mapped[str] = mapped_column(String(16))
    """Empty: a card came."""
    use: Mapped[str] = mapped_column(String(16))
    verdict: Mapped[str] = mapped_column(String(16))
    needed: Mapped[bool | None]
    useful: Mapped[bool | None]
    asked: Mapped[bool]
    """Whether the words were a question."""
    support: Mapped[int]
    need: Mapped[int]
    estimated: Mapped[bool]
    """Whether anything estimated the need."""
    spent: Mapped[int]
    lead_ms: Mapped[int | None]
    passage: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    query: Mapped[str] = mapped_column(Text)
