"""Labels name the passage that would have been right, and may carry a note."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LABEL = sa.table("label", sa.column("verdict", sa.String))


def upgrade() -> None:
    for name in ("passage", "note"):
        op.add_column("label", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    _rename("helpful", "right")


def downgrade() -> None:
    _rename("right", "helpful")
    for name in ("note", "passage"):
        op.drop_column("label", name)


def _rename(old: str, new: str) -> None:
    op.execute(LABEL.update().where(LABEL.c.verdict == old).values(verdict=new))
