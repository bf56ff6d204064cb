"""The tables of the store, and the rows of its calls list."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from advanced_alchemy.base import DefaultBase
from advanced_alchemy.types import DateTimeUTC
from msgspec import Struct
from sqlalchemy import BigInteger, ColumnElement, Index, Integer, Row, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from copilot.core.events import CallEnded, CallStarted, Entry, Heard, ShowCard, Withheld
from copilot.ports import DEFAULT_TEAM

ID_LENGTH = 64
ID = String(ID_LENGTH)
"""A call's id: opaque text, unique among all calls."""
KEY = String(32)
"""Ids of teams, people, invitations and credentials: random hexadecimal text."""
NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up only a plain INTEGER."""


class State(StrEnum):
    """How far a call has come."""

    LIVE = "live"
    ENDED = "ended"
    CUT = "cut"
    """Its process died; the log was closed later."""


class Record(DefaultBase):
    """One entry of a log, only ever added: the truth that the other tables are derived from."""

    __tablename__ = "record"
    __table_args__ = ({"sqlite_with_rowid": False},)

    call_id: Mapped[str] = mapped_column(ID, primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tick: Mapped[int]
    kind: Mapped[str] = mapped_column(String(32))
    body: Mapped[str] = mapped_column(Text)
    """The event as one line of JSON."""


class Call(DefaultBase):
    """An index of one call's records, written together with them."""

    __tablename__ = "call"
    __table_args__ = (
        Index("ix_call_started_at", "started_at", "call_id"),
        Index("ix_call_state", "state"),
        Index("ix_call_team_id", "team_id", "started_at", "call_id"),
    )

    call_id: Mapped[str] = mapped_column(ID, primary_key=True)
    team_id: Mapped[str] = mapped_column(KEY, server_default=DEFAULT_TEAM)
    person_id: Mapped[str] = mapped_column(KEY, server_default="")
    """The agent; empty: not known."""
    writer: Mapped[int] = mapped_column(BigInteger)
    """The store that writes its log; see `copilot.store.lease`."""
    started_at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True))
    state: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)
    packs: Mapped[str] = mapped_column(Text)
    """The packs' names as a JSON list."""
    entries: Mapped[int]
    ticks: Mapped[int]
    cards: Mapped[int]
    silences: Mapped[int]


class LabelTable(DefaultBase):
    """What people think of inquiries, only ever added: several may judge, and judge again."""

    __tablename__ = "label"
    __table_args__ = (Index("ix_label_call_id", "call_id", "inquiry"),)

    id: Mapped[int] = mapped_column(NUMBER, primary_key=True)
    call_id: Mapped[str] = mapped_column(ID)
    inquiry: Mapped[int]
    verdict: Mapped[str] = mapped_column(String(16))
    by: Mapped[str] = mapped_column(String(128))
    at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))
    passage: Mapped[str] = mapped_column(Text, server_default="")
    note: Mapped[str] = mapped_column(Text, server_default="")


class CallRow(Struct, frozen=True, kw_only=True):
    """One line of the calls list."""

    id: str
    started_at: datetime
    """UTC."""
    ended_at: datetime | None = None
    """UTC; of a cut call the end of its last tick, estimated."""
    state: State = State.LIVE
    reason: str = ""
    """Why it ended."""
    version: str = ""
    """Version of the copilot that made the log."""
    packs: tuple[str, ...] = ()
    entries: int = 0
    """Length of the log."""
    ticks: int = 0
    """Length of the call."""
    cards: int = 0
    """Cards shown, without their revisions."""
    silences: int = 0
    """Whispers withheld."""
    team_id: str = DEFAULT_TEAM
    """Nobody else may know of it."""
    person_id: str = ""
    """The agent whose call it is; empty: not known."""


class Within(Struct, frozen=True):
    """Which calls may be known of."""

    team_id: str | None = None
    """None: those of all teams."""
    person_id: str | None = None
    """None: those of all the team's people."""

    def has(self, row: CallRow) -> bool:
        return self.team_id in (None, row.team_id) and self.person_id in (None, row.person_id)

    def clauses(self) -> Iterator[ColumnElement[bool]]:
        """The same as conditions on the table `call`."""
        if self.team_id is not None:
            yield Call.team_id == self.team_id
        if self.person_id is not None:
            yield Call.person_id == self.person_id


EVERYBODY = Within()
"""For whoever owns the machine: commands, evaluation."""


def advance(row: CallRow, entry: Entry, now: datetime) -> CallRow:
    """The row after one more entry of its log."""
    row = msgspec.structs.replace(row, entries=entry.seq + 1)
    match entry.event:
        case CallStarted(packs=packs, version=version):
            return msgspec.structs.replace(row, packs=packs, version=version)
        case Heard(tick=tick):
            return msgspec.structs.replace(row, ticks=tick + 1)
        case ShowCard(revision=0):
            return msgspec.structs.replace(row, cards=row.cards + 1)
        case Withheld():
            return msgspec.structs.replace(row, silences=row.silences + 1)
        case CallEnded(reason=reason):
            state = State.CUT if reason == "cut" else State.ENDED
            return msgspec.structs.replace(row, state=state, reason=reason, ended_at=now)
        case _:
            return row


def pack_row(row: CallRow, writer: int) -> dict[str, object]:
    """The columns of the table `call`."""
    columns = msgspec.structs.asdict(row)
    columns["call_id"] = columns.pop("id")
    for name in ("reason", "version"):
        # PostgreSQL refuses this one character; in records JSON escapes it.
        columns[name] = columns[name].replace("\0", "")
    return {**columns, "writer": writer, "packs": msgspec.json.encode(row.packs).decode()}


def unpack_row(columns: Row[Any]) -> CallRow:
    """The row that `pack_row` stored."""
    return CallRow(
        id=columns.call_id,
        started_at=columns.started_at,
        ended_at=columns.ended_at,
        state=State(columns.state),
        reason=columns.reason,
        version=columns.version,
        packs=msgspec.json.decode(columns.packs, type=tuple[str, ...]),
        entries=columns.entries,
        ticks=columns.ticks,
        cards=columns.cards,
        silences=columns.silences,
        team_id=columns.team_id,
        person_id=columns.person_id,
    )
