"""The tables of the background mind."""

from datetime import datetime

from advanced_alchemy.base import DefaultBase
from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from copilot.store.models import ID, KEY, NUMBER

PERSON = String(254)
TIME = DateTimeUTC(timezone=True)


class FactTable(DefaultBase):
    """What is known of a customer; a correction takes the place of what was wrong."""

    __tablename__ = "fact"
    __table_args__ = (
        Index("ix_fact_customer", "team_id", "customer"),
        Index("ix_fact_call_id", "call_id"),
        Index("ix_fact_expires_at", "expires_at"),
    )

    id: Mapped[int] = mapped_column(NUMBER, primary_key=True)
    team_id: Mapped[str] = mapped_column(KEY)
    customer: Mapped[str] = mapped_column(ID)
    """A keyed hash of the team and the customer's id outside; the id itself is nowhere."""
    text: Mapped[str] = mapped_column(Text)
    call_id: Mapped[str] = mapped_column(ID)
    """The call that it is from; empty: entered without one."""
    tick: Mapped[int]
    at: Mapped[datetime] = mapped_column(TIME)
    by: Mapped[str] = mapped_column(PERSON)
    expires_at: Mapped[datetime] = mapped_column(TIME)
    corrected_at: Mapped[datetime | None] = mapped_column(TIME)


class CallerTable(DefaultBase):
    """Which customer a call was with."""

    __tablename__ = "caller"
    __table_args__ = (Index("ix_caller_customer", "team_id", "customer"),)

    call_id: Mapped[str] = mapped_column(ID, primary_key=True)
    team_id: Mapped[str] = mapped_column(KEY)
    customer: Mapped[str] = mapped_column(ID)
    at: Mapped[datetime] = mapped_column(TIME)


class SummaryTable(DefaultBase):
    """What a call was about; it counts once an agent has read and confirmed it."""

    __tablename__ = "summary"

    call_id: Mapped[str] = mapped_column(ID, primary_key=True)
    team_id: Mapped[str] = mapped_column(KEY)
    body: Mapped[str] = mapped_column(Text)
    """JSON."""
    made_at: Mapped[datetime] = mapped_column(TIME)
    confirmed_at: Mapped[datetime | None] = mapped_column(TIME)
    by: Mapped[str] = mapped_column(PERSON)
    """Who confirmed it; empty: nobody yet."""


class DeliveryTable(DefaultBase):
    """One message to one webhook, and what has become of it."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_due", "state", "next_at"),
        Index("ix_delivery_team_id", "team_id", "id"),
    )

    id: Mapped[int] = mapped_column(NUMBER, primary_key=True)
    team_id: Mapped[str] = mapped_column(KEY)
    call_id: Mapped[str] = mapped_column(ID)
    hook: Mapped[str] = mapped_column(Text)
    """The webhook's URL."""
    message: Mapped[str] = mapped_column(String(64))
    """The message's id, the same for every try and every replay."""
    event: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    """``due``, ``delivered`` or ``failed``."""
    tries: Mapped[int]
    status: Mapped[int]
    """The last HTTP status; 0: none."""
    told: Mapped[str] = mapped_column(Text)
    """What went wrong last."""
    at: Mapped[datetime] = mapped_column(TIME)
    next_at: Mapped[datetime] = mapped_column(TIME)


class HookTable(DefaultBase):
    """A team's webhook that its admins have added."""

    __tablename__ = "hook"
    __table_args__ = (Index("ix_hook_team_id", "team_id", "url", unique=True),)

    id: Mapped[int] = mapped_column(NUMBER, primary_key=True)
    team_id: Mapped[str] = mapped_column(KEY)
    url: Mapped[str] = mapped_column(String(500))
    secret: Mapped[str] = mapped_column(String(128))
    """Signs what is sent, so it must be had again: sealed under the installation's key."""
    events: Mapped[str] = mapped_column(String(254))
    """Their names with a space between; empty: all."""
    at: Mapped[datetime] = mapped_column(TIME)
    by: Mapped[str] = mapped_column(PERSON)


OF_CALLS = (FactTable, CallerTable, SummaryTable, DeliveryTable)
"""Those that hold something of calls, by ``call_id``: erased with them."""
