"""Policies and settings of teams, flags, digests of calls, the full-text index of their words."""

from typing import Any

import sqlalchemy as sa
from advanced_alchemy.types import DateTimeUTC
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID, KEY, PERSON, TIME = sa.String(64), sa.String(32), sa.String(254), DateTimeUTC(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _teams()
    _calls()
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "create virtual table said using "
            "fts5(words, tokenize = 'unicode61 remove_diacritics 2')"
        )
        return
    op.execute(
        "create table said (rowid bigint primary key, words text not null, found tsvector "
        "generated always as (to_tsvector('simple', words)) stored)"
    )
    op.execute("create index ix_said_found on said using gin (found)")


def downgrade() -> None:
    for name in ("said", "moment", "digest", "flag", "team_setting", "draft", "ruling"):
        op.drop_table(name)


def _teams() -> None:
    op.create_table(
        "ruling",
        _column("team_id", KEY),
        _column("number", sa.Integer(), autoincrement=False),
        *_signed(),
        _column("note", sa.Text()),
        _column("body", sa.Text()),
        _column("report", sa.Text()),
        sa.PrimaryKeyConstraint("team_id", "number", name="pk_ruling"),
    )
    for name, more in (("draft", ("body", "report")), ("team_setting", ("body",))):
        op.create_table(
            name,
            _column("team_id", KEY),
            *_signed(),
            *(_column(one, sa.Text()) for one in more),
            sa.PrimaryKeyConstraint("team_id", name=f"pk_{name}"),
        )


def _calls() -> None:
    op.create_table(
        "flag",
        _column("id", NUMBER),
        _column("call_id", ID),
        _column("tick", sa.Integer()),
        *_signed(),
        _column("note", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_flag"),
    )
    op.create_index("ix_flag_call_id", "flag", ["call_id", "tick"])
    op.create_table(
        "digest",
        _column("id", NUMBER),
        _column("call_id", ID),
        _column("version", sa.Integer()),
        _column("level", sa.String(16)),
        _column("ruling", sa.Integer()),
        _column("budget", sa.Integer()),
        _column("shadow", sa.Boolean()),
        sa.PrimaryKeyConstraint("id", name="pk_digest"),
        sa.UniqueConstraint("call_id", name="uq_digest_call_id"),
    )
    op.create_table(
        "moment",
        _column("call_id", ID),
        _column("inquiry", sa.Integer(), autoincrement=False),
        _column("tick", sa.Integer()),
        _column("pack", sa.String(128)),
        *(_column(name, sa.String(16)) for name in ("silence", "use", "verdict")),
        *(_column(name, sa.Boolean(), nullable=True) for name in ("needed", "useful")),
        _column("asked", sa.Boolean()),
        _column("support", sa.Integer()),
        _column("need", sa.Integer()),
        _column("estimated", sa.Boolean()),
        _column("spent", sa.Integer()),
        _column("lead_ms", sa.Integer(), nullable=True),
        *(_column(name, sa.Text()) for name in ("passage", "title", "query")),
        sa.PrimaryKeyConstraint("call_id", "inquiry", name="pk_moment"),
    )


def _signed() -> "tuple[sa.Column[Any], ...]":
    return _column("at", TIME), _column("by", PERSON)


def _column(name: str, kind: Any, *, nullable: bool = False, **more: Any) -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=nullable, **more)
