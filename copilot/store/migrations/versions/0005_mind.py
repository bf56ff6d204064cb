"""Memory of customers, summaries of calls, deliveries; what is erased leaves no trace."""

import sqlite3
from typing import Any

import sqlalchemy as sa
from advanced_alchemy.types import DateTimeUTC
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID, KEY, PERSON, TIME = sa.String(64), sa.String(32), sa.String(254), DateTimeUTC(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _memory()
    _after()
    if op.get_bind().dialect.name == "sqlite" and sqlite3.sqlite_version_info >= (3, 42):
        op.execute("insert into said(said, rank) values('secure-delete', 1)")


def downgrade() -> None:
    for name in ("delivery", "summary", "caller", "fact"):
        op.drop_table(name)


def _memory() -> None:
    op.create_table(
        "fact",
        _column("id", NUMBER),
        _column("team_id", KEY),
        _column("customer", ID),
        _column("text", sa.Text()),
        _column("call_id", ID),
        _column("tick", sa.Integer()),
        _column("at", TIME),
        _column("by", PERSON),
        _column("expires_at", TIME),
        _column("corrected_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_fact"),
    )
    op.create_index("ix_fact_customer", "fact", ["team_id", "customer"])
    op.create_index("ix_fact_call_id", "fact", ["call_id"])
    op.create_index("ix_fact_expires_at", "fact", ["expires_at"])
    op.create_table(
        "caller",
        _column("call_id", ID),
        _column("team_id", KEY),
        _column("customer", ID),
        _column("at", TIME),
        sa.PrimaryKeyConstraint("call_id", name="pk_caller"),
    )
    op.create_index("ix_caller_customer", "caller", ["team_id", "customer"])


def _after() -> None:
    op.create_table(
        "summary",
        _column("call_id", ID),
        _column("team_id", KEY),
        _column("body", sa.Text()),
        _column("made_at", TIME),
        _column("confirmed_at", TIME, nullable=True),
        _column("by", PERSON),
        sa.PrimaryKeyConstraint("call_id", name="pk_summary"),
    )
    op.create_table(
        "delivery",
        _column("id", NUMBER),
        _column("team_id", KEY),
        _column("call_id", ID),
        _column("hook", sa.Text()),
        _column("message", sa.String(64)),
        _column("event", sa.String(64)),
        _column("body", sa.Text()),
        _column("state", sa.String(16)),
        _column("tries", sa.Integer()),
        _column("status", sa.Integer()),
        _column("told", sa.Text()),
        _column("at", TIME),
        _column("next_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
    )
    op.create_index("ix_delivery_due", "delivery", ["state", "next_at"])
    op.create_index("ix_delivery_team_id", "delivery", ["team_id", "id"])


def _column(name: str, kind: Any, *, nullable: bool = False) -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=nullable)
