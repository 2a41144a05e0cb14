"""Which trunk and codec carried a call, and what the network said of its end."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TEXTS = ("trunk", "codec", "line_note")


def upgrade() -> None:
    with op.batch_alter_table("call") as call:
        call.add_column(sa.Column("q850_cause", sa.Integer(), nullable=True))
        for name in _TEXTS:
            call.add_column(sa.Column(name, sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("call") as call:
        for name in ("q850_cause", *_TEXTS):
            call.drop_column(name)
