"""The first tables: campaigns, contacts, refusals, calls, turns, survey answers, do-not-call list."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("script_id", sa.String(), nullable=False),
        sa.Column("script_version", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wall_time_s", sa.Float(), nullable=False),
        sa.Column("max_tick_lateness_ms", sa.Float(), nullable=False),
        sa.Column("tick_lateness_p99_ms", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_campaign"),
    )
    op.create_index("ix_campaign_name", "campaign", ["name"], unique=True)

    op.create_table(
        "contact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("consent", sa.String(), nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_contact_campaign_id_campaign"),
        sa.PrimaryKeyConstraint("id", name="pk_contact"),
        sa.UniqueConstraint("campaign_id", "number", name="uq_contact_campaign_id_number"),
    )
    op.create_index("ix_contact_campaign_id", "contact", ["campaign_id"])
    op.create_index("ix_contact_number", "contact", ["number"])
    op.create_index("ix_contact_due", "contact", ["campaign_id", "state", "due_at"])

    op.create_table(
        "call",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=True),
        sa.Column("contact_id", sa.Integer(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("to", sa.String(), nullable=False),
        sa.Column("leg_id", sa.String(), nullable=False),
        sa.Column("script_id", sa.String(), nullable=False),
        sa.Column("script_version", sa.String(), nullable=False),
        sa.Column("models", sa.JSON(), nullable=False),
        sa.Column("dialled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ringing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_connected", sa.String(), nullable=False),
        sa.Column("connected", sa.String(), nullable=False),
        sa.Column("sip_status", sa.Integer(), nullable=True),
        sa.Column("party", sa.String(16), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("slots", sa.JSON(), nullable=False),
        sa.Column("answer_to_greeting_ms", sa.Float(), nullable=True),
        sa.Column("user_hangup_after_greeting_s", sa.Float(), nullable=True),
        sa.Column("barge_ins", sa.Integer(), nullable=False),
        sa.Column("false_stops", sa.Integer(), nullable=False),
        sa.Column("recording", sa.String(), nullable=False),
        sa.Column("media", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_call_campaign_id_campaign"),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_call_contact_id_contact"),
        sa.PrimaryKeyConstraint("id", name="pk_call"),
        sa.UniqueConstraint("contact_id", "attempt", name="uq_call_contact_id_attempt"),
    )
    op.create_index("ix_call_campaign_id", "call", ["campaign_id"])
    op.create_index("ix_call_contact_id", "call", ["contact_id"])

    op.create_table(
        "refusal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_refusal_campaign_id_campaign"),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_refusal_contact_id_contact"),
        sa.PrimaryKeyConstraint("id", name="pk_refusal"),
    )
    op.create_index("ix_refusal_campaign_id", "refusal", ["campaign_id"])
    op.create_index("ix_refusal_contact_id", "refusal", ["contact_id"])

    op.create_table(
        "donotcall",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name="fk_donotcall_call_id_call"),
        sa.PrimaryKeyConstraint("number", name="pk_donotcall"),
    )
    op.create_table(
        "surveyanswer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name="fk_surveyanswer_call_id_call"),
        sa.PrimaryKeyConstraint("id", name="pk_surveyanswer"),
    )
    op.create_index("ix_surveyanswer_call_id", "surveyanswer", ["call_id"])

    op.create_table(
        "turn",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("speaker", sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("planned_text", sa.String(), nullable=False),
        sa.Column("start_ms", sa.Float(), nullable=False),
        sa.Column("end_ms", sa.Float(), nullable=False),
        sa.Column("interrupted", sa.Boolean(), nullable=False),
        sa.Column("intent", sa.String(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("asr_mode", sa.String(), nullable=False),
        sa.Column("digits", sa.String(), nullable=False),
        sa.Column("answered_by", sa.String(), nullable=False),
        sa.Column("reply_latency_ms", sa.Float(), nullable=True),
        sa.Column("endpoint_ms", sa.Float(), nullable=True),
        sa.Column("asr_ms", sa.Float(), nullable=True),
        sa.Column("decide_ms", sa.Float(), nullable=True),
        sa.Column("tts_ms", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name="fk_turn_call_id_call"),
        sa.PrimaryKeyConstraint("id", name="pk_turn"),
    )
    op.create_index("ix_turn_call_id", "turn", ["call_id"])


def downgrade() -> None:
    for table in ("turn", "surveyanswer", "donotcall", "refusal", "call", "contact", "campaign"):
        op.drop_table(table)
