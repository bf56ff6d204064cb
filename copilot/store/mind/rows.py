"""The rows of the background mind's tables as values."""

from datetime import datetime

from msgspec import Struct


class Fact(Struct, frozen=True):
    """Something known of a customer, with where it is from."""

    id: int
    team_id: str
    customer: str
    text: str
    call_id: str
    tick: int
    at: datetime
    by: str
    expires_at: datetime
    corrected_at: datetime | None = None


class Summary(Struct, frozen=True):
    """What a call was about, as JSON; it counts once it is confirmed."""

    call_id: str
    team_id: str
    body: str
    made_at: datetime
    confirmed_at: datetime | None = None
    by: str = ""


class Delivery(Struct, frozen=True):
    """One message to one webhook."""

    id: int
    team_id: str
    call_id: str
    hook: str
    message: str
    event: str
    body: str
    state: str
    tries: int
    status: int
    told: str
    at: datetime
    next_at: datetime


class Hook(Struct, frozen=True):
    """A team's webhook that its admins have added."""

    id: int
    team_id: str
    url: str
    secret: str
    events: str
    """Their names with a space between; empty: all."""
    at: datetime
    by: str
