"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SMALL = sa.SmallInteger()
_TEXT = sa.Text()
_OCTETS = sa.LargeBinary()


def upgrade() -> None:
    """Make all tables."""
    _heads()
    _details()
    _roll_ups()
    _tls()
    _others()


def _heads() -> None:
    op.create_table(
        "domains",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "reports",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("domain", _NUMBER, sa.ForeignKey("domains.id"), nullable=False),
        sa.Column("day", _NUMBER, nullable=False),
        sa.Column("begins", _NUMBER, nullable=False),
        sa.Column("ends", _NUMBER, nullable=False),
        sa.Column("reporter", _TEXT, nullable=False),
        sa.Column("report_id", _TEXT, nullable=False),
        sa.Column("head", _TEXT, nullable=False),
        sa.Column("published", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("sender", _TEXT, nullable=False),
        sa.Column("ip", _TEXT, nullable=False),
        sa.Column("authentication", _TEXT, nullable=False),
        sa.Column("received", _NUMBER, nullable=False),
        sa.Column("row_count", _NUMBER, nullable=False),
        sa.Column("messages", _NUMBER, nullable=False),
        sa.Column("identity", _OCTETS, nullable=False),
        sa.Column("number", _SMALL, nullable=False),
        sa.Column("content", _OCTETS, nullable=False),
        sa.Column("pruned", _SMALL, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("identity", "number"),
    )
    op.create_index(
        "reports_by_domain",
        "reports",
        ["domain", "kind", "day", "number", "reporter", "messages", "row_count", "pruned"],
    )


def _details() -> None:
    op.create_table(
        "evaluations",
        sa.Column("report", _NUMBER, nullable=False),
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("disposition", _TEXT, nullable=False),
        sa.Column("dkim_aligned", _SMALL, nullable=False),
        sa.Column("spf_aligned", _SMALL, nullable=False),
        sa.Column("header_from", _TEXT, nullable=False),
        sa.Column("envelope_from", _TEXT, nullable=False),
        sa.Column("envelope_to", _TEXT, nullable=False),
        sa.Column("dkim", _TEXT, nullable=False),
        sa.Column("spf", _TEXT, nullable=False),
        sa.Column("overrides", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("report", "number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rows",
        sa.Column("report", _NUMBER, nullable=False),
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("source_ip", _TEXT, nullable=False),
        sa.Column("messages", _NUMBER, nullable=False),
        sa.Column("evaluation", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("report", "number"),
        sqlite_with_rowid=False,
    )


def _roll_ups() -> None:
    op.create_table(
        "source_days",
        sa.Column("domain", _NUMBER, nullable=False),
        sa.Column("day", _NUMBER, nullable=False),
        sa.Column("source_ip", _TEXT, nullable=False),
        sa.Column("disposition", _TEXT, nullable=False),
        sa.Column("dkim_aligned", _SMALL, nullable=False),
        sa.Column("spf_aligned", _SMALL, nullable=False),
        sa.Column("messages", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint(
            "domain", "day", "source_ip", "disposition", "dkim_aligned", "spf_aligned"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "domain_days",
        sa.Column("domain", _NUMBER, nullable=False),
        sa.Column("day", _NUMBER, nullable=False),
        sa.Column("reports", _NUMBER, nullable=False),
        sa.Column("messages", _NUMBER, nullable=False),
        sa.Column("passed", _NUMBER, nullable=False),
        sa.Column("dkim_aligned", _NUMBER, nullable=False),
        sa.Column("spf_aligned", _NUMBER, nullable=False),
        sa.Column("quarantined", _NUMBER, nullable=False),
        sa.Column("rejected", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("domain", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "selector_days",
        sa.Column("domain", _NUMBER, nullable=False),
        sa.Column("day", _NUMBER, nullable=False),
        sa.Column("dkim_domain", _TEXT, nullable=False),
        sa.Column("selector", _TEXT, nullable=False),
        sa.Column("result", _TEXT, nullable=False),
        sa.Column("messages", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("domain", "day", "dkim_domain", "selector", "result"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "first_seen",
        sa.Column("domain", _NUMBER, nullable=False),
        sa.Column("source_ip", _TEXT, nullable=False),
        sa.Column("day", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("domain", "source_ip"),
        sqlite_with_rowid=False,
    )


def _tls() -> None:
    op.create_table(
        "tls_policies",
        sa.Column("report", _NUMBER, sa.ForeignKey("reports.id"), nullable=False),
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("domain", _NUMBER, sa.ForeignKey("domains.id"), nullable=False),
        sa.Column("type", _TEXT, nullable=False),
        sa.Column("strings", _TEXT, nullable=False),
        sa.Column("hosts", _TEXT, nullable=False),
        sa.Column("successful", _NUMBER, nullable=False),
        sa.Column("failed", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("report", "number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tls_failures",
        sa.Column("report", _NUMBER, sa.ForeignKey("reports.id"), nullable=False),
        sa.Column("policy", _NUMBER, nullable=False),
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("result_type", _TEXT, nullable=False),
        sa.Column("sessions", _NUMBER, nullable=False),
        sa.Column("sending_ip", _TEXT, nullable=False),
        sa.Column("receiving_host", _TEXT, nullable=False),
        sa.Column("receiving_helo", _TEXT, nullable=False),
        sa.Column("receiving_ip", _TEXT, nullable=False),
        sa.Column("information", _TEXT, nullable=False),
        sa.Column("reason_code", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("report", "policy", "number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tls_days",
        sa.Column("domain", _NUMBER, nullable=False),
        sa.Column("day", _NUMBER, nullable=False),
        sa.Column("policy_type", _TEXT, nullable=False),
        sa.Column("result_type", _TEXT, nullable=False),
        sa.Column("sessions", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("domain", "day", "policy_type", "result_type"),
        sqlite_with_rowid=False,
    )


def _others() -> None:
    op.create_table(
        "failure_reports",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("content", _OCTETS, nullable=False),
        sa.Column("domain", _NUMBER, sa.ForeignKey("domains.id"), nullable=False),
        sa.Column("day", _NUMBER, nullable=False),
        sa.Column("arrived", _NUMBER),
        sa.Column("source_ip", _TEXT, nullable=False),
        sa.Column("auth_failure", _TEXT, nullable=False),
        sa.Column("delivery_result", _TEXT, nullable=False),
        sa.Column("identity_alignment", _TEXT, nullable=False),
        sa.Column("dkim_domain", _TEXT, nullable=False),
        sa.Column("dkim_selector", _TEXT, nullable=False),
        sa.Column("spf_dns", _TEXT, nullable=False),
        sa.Column("original_from", _TEXT, nullable=False),
        sa.Column("original_to", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("message_id", _TEXT, nullable=False),
        sa.Column("feedback", _TEXT, nullable=False),
        sa.Column("header_fields", _TEXT, nullable=False),
        sa.Column("redacted", _SMALL, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("received", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("content"),
    )
    op.create_index("failure_reports_by_domain", "failure_reports", ["domain", "day"])
    op.create_table(
        "quarantine",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("digest", _OCTETS, nullable=False),
        sa.Column("octets", _OCTETS, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("sender", _TEXT, nullable=False),
        sa.Column("ip", _TEXT, nullable=False),
        sa.Column("authentication", _TEXT, nullable=False),
        sa.Column("received", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "arrivals",
        sa.Column("digest", _OCTETS, nullable=False),
        sa.Column("received", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "memos",
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("text", _TEXT, nullable=False),
        sa.Column("at", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("kind", "key"),
        sqlite_with_rowid=False,
    )
