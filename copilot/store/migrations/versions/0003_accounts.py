"""Teams, people and what they sign in with; the calls there are belong to the default team."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from advanced_alchemy.types import DateTimeUTC
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY, DIGEST, NAME, EMAIL = sa.String(32), sa.String(64), sa.String(120), sa.String(254)
TIME = DateTimeUTC(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = (
    "pack_team", "audit", "device", "secret", "credential", "invitation", "membership", "person",
    "team",
)  # fmt: skip


def upgrade() -> None:
    _teams()
    _credentials()
    op.add_column("call", _column("team_id", KEY, server_default="default"))
    op.add_column("call", _column("person_id", KEY, server_default=""))
    op.create_index("ix_call_team_id", "call", ["team_id", "started_at", "call_id"])


def downgrade() -> None:
    op.drop_index("ix_call_team_id", "call")
    for name in ("person_id", "team_id"):
        op.drop_column("call", name)
    for name in TABLES:
        op.drop_table(name)


def _teams() -> None:
    team = op.create_table(
        "team",
        _column("id", KEY),
        _column("name", NAME),
        _column("created_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_team"),
        sa.UniqueConstraint("name", name="uq_team_name"),
    )
    now = datetime.now(UTC)
    op.bulk_insert(team, [{"id": "default", "name": "default", "created_at": now}])
    op.create_table(
        "person",
        _column("id", KEY),
        _column("email", EMAIL),
        _column("name", NAME),
        _column("password", sa.String(255), nullable=True),
        _column("operator", sa.Boolean()),
        _column("issuer", sa.String(255), nullable=True),
        _column("subject", sa.String(255), nullable=True),
        _column("created_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.UniqueConstraint("email", name="uq_person_email"),
        sa.UniqueConstraint("issuer", "subject", name="uq_person_subject"),
    )
    op.create_table(
        "membership",
        _column("team_id", KEY),
        _column("person_id", KEY),
        _column("roles", sa.String(120)),
        _column("joined_at", TIME),
        sa.PrimaryKeyConstraint("team_id", "person_id", name="pk_membership"),
        *_references("membership", "team", "person"),
    )
    op.create_index("ix_membership_person_id", "membership", ["person_id"])
    op.create_table(
        "invitation",
        _column("id", KEY),
        _column("digest", DIGEST),
        _column("team_id", KEY),
        _column("email", EMAIL),
        _column("roles", sa.String(120)),
        _column("operator", sa.Boolean()),
        _column("created_at", TIME),
        _column("created_by", NAME),
        _column("expires_at", TIME),
        _column("closed_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_invitation"),
        sa.UniqueConstraint("digest", name="uq_invitation_digest"),
        *_references("invitation", "team"),
    )
    op.create_index("ix_invitation_team_id", "invitation", ["team_id", "created_at"])
    op.create_table(
        "pack_team",
        _column("pack", sa.String(128)),
        _column("team_id", KEY),
        sa.PrimaryKeyConstraint("pack", name="pk_pack_team"),
        *_references("pack_team", "team"),
    )


def _credentials() -> None:
    op.create_table(
        "credential",
        _column("id", KEY),
        _column("kind", sa.String(8)),
        _column("person_id", KEY),
        _column("team_id", KEY),
        _column("name", NAME),
        _column("scopes", sa.Text()),
        _column("created_at", TIME),
        _column("seen_at", TIME),
        _column("expires_at", TIME, nullable=True),
        _column("closed_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_credential"),
        *_references("credential", "person", "team"),
    )
    op.create_index("ix_credential_person_id", "credential", ["person_id", "team_id"])
    op.create_table(
        "secret",
        _column("digest", DIGEST),
        _column("credential_id", KEY),
        _column("kind", sa.String(8)),
        _column("expires_at", TIME, nullable=True),
        _column("used_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_secret"),
        *_references("secret", "credential"),
    )
    op.create_index("ix_secret_credential_id", "secret", ["credential_id"])
    op.create_table(
        "device",
        _column("digest", DIGEST),
        _column("user_code", sa.String(16)),
        _column("name", NAME),
        _column("address", DIGEST),
        _column("scopes", sa.Text()),
        _column("state", sa.String(8)),
        _column("created_at", TIME),
        _column("expires_at", TIME),
        _column("asked_at", TIME, nullable=True),
        _column("person_id", KEY, nullable=True),
        _column("team_id", KEY, nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_device"),
        sa.UniqueConstraint("user_code", name="uq_device_user_code"),
        *_references("device", "person", "team"),
    )
    op.create_table(
        "audit",
        _column("id", NUMBER),
        _column("at", TIME),
        _column("team_id", KEY),
        _column("person_id", KEY),
        _column("who", EMAIL),
        _column("act", sa.String(40)),
        _column("what", sa.Text()),
        _column("address", DIGEST),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_team_id", "audit", ["team_id", "id"])


def _column(name: str, kind: Any, *, nullable: bool = False, **more: str) -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=nullable, **more)  # type: ignore[arg-type]


def _references(table: str, *others: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([f"{one}_id"], [f"{one}.id"], name=f"fk_{table}_{one}_id_{one}")
        for one in others
    ]
