"""
The store's tables, the same in SQLite and in PostgreSQL.

A report has a head in `reports`; what it says of addresses is cut in two: `rows` has address and
count, `evaluations` the rest, once for all rows of a report that share it. The daily roll-ups
(`source_days`, `domain_days`, `selector_days`, `tls_days`) and `first_seen` are written in the
transaction that writes the report, and stay when its rows go. Of reports with one identity only
`number` 0 counts. Where every row of a report would have to be checked, PostgreSQL is told of no
foreign key: one place writes them all. Days are counted from 1970-01-01, times in seconds from then, both in UTC.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

REVISION = "0001"  # what `migrations` brings a database to

metadata = MetaData()
_Id = BigInteger().with_variant(Integer(), "sqlite")


def _text(name: str, *, key: bool = False) -> Column[str]:
    return Column(name, Text, nullable=False, primary_key=key)


def _number(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, _Id, nullable=False, primary_key=key, autoincrement=False)


def _small(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, SmallInteger, nullable=False, primary_key=key, autoincrement=False)


def _octets(name: str, *, key: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False, primary_key=key)


def _of(table: str, name: str, *, key: bool = False) -> Column[int]:
    return Column(
        name, _Id, ForeignKey(f"{table}.id"), nullable=False, primary_key=key, autoincrement=False
    )


def _clustered(name: str, *parts: Column[str] | Column[int] | Column[bytes]) -> Table:
    """Make a table that is its own primary key's index: what is asked for together lies together."""
    return Table(name, metadata, *parts, sqlite_with_rowid=False)


domains = Table(
    "domains", metadata, _number("id", key=True), _text("name"), UniqueConstraint("name")
)
reports = Table(
    "reports",
    metadata,
    _number("id", key=True),
    _text("kind"),
    _of("domains", "domain"),
    _number("day"),
    _number("begins"),
    _number("ends"),
    _text("reporter"),
    _text("report_id"),
    _text("head"),  # JSON: schema, contact, extra contact, generator, errors, oddities
    _text("published"),  # JSON: `PublishedPolicy` from `policy` on
    _text("source"),
    _text("sender"),
    _text("ip"),
    _text("authentication"),
    _number("received"),
    _number("row_count"),
    _number("messages"),
    _octets("identity"),
    _small("number"),
    _octets("content"),
    _small("pruned"),
    UniqueConstraint("identity", "number"),
    # All that a list of a domain's reporters needs, and what joins of its rows start from.
    Index(
        "reports_by_domain",
        "domain",
        "kind",
        "day",
        "number",
        "reporter",
        "messages",
        "row_count",
        "pruned",
    ),
)
evaluations = _clustered(
    "evaluations",
    _number("report", key=True),
    _number("number", key=True),
    _text("disposition"),
    _small("dkim_aligned"),
    _small("spf_aligned"),
    _text("header_from"),
    _text("envelope_from"),
    _text("envelope_to"),
    _text("dkim"),  # JSON: [[domain, selector, result], ...]
    _text("spf"),  # JSON: [[domain, scope, result], ...]
    _text("overrides"),  # JSON: [[type, comment], ...]
)
rows = _clustered(
    "rows",
    _number("report", key=True),
    _number("number", key=True),
    _text("source_ip"),
    _number("messages"),
    _number("evaluation"),
)
source_days = _clustered(
    "source_days",
    _number("domain", key=True),
    _number("day", key=True),
    _text("source_ip", key=True),
    _text("disposition", key=True),
    _small("dkim_aligned", key=True),
    _small("spf_aligned", key=True),
    _number("messages"),
)
domain_days = _clustered(
    "domain_days",
    _number("domain", key=True),
    _number("day", key=True),
    _number("reports"),
    _number("messages"),
    _number("passed"),
    _number("dkim_aligned"),
    _number("spf_aligned"),
    _number("quarantined"),
    _number("rejected"),
)
selector_days = _clustered(
    "selector_days",
    _number("domain", key=True),
    _number("day", key=True),
    _text("dkim_domain", key=True),
    _text("selector", key=True),
    _text("result", key=True),
    _number("messages"),
)
first_seen = _clustered(
    "first_seen",
    _number("domain", key=True),
    _text("source_ip", key=True),
    _number("day"),
)
tls_policies = _clustered(
    "tls_policies",
    _of("reports", "report", key=True),
    _number("number", key=True),
    _of("domains", "domain"),
    _text("type"),
    _text("strings"),  # JSON
    _text("hosts"),  # JSON
    _number("successful"),
    _number("failed"),
)
tls_failures = _clustered(
    "tls_failures",
    _of("reports", "report", key=True),
    _number("policy", key=True),
    _number("number", key=True),
    _text("result_type"),
    _number("sessions"),
    _text("sending_ip"),
    _text("receiving_host"),
    _text("receiving_helo"),
    _text("receiving_ip"),
    _text("information"),
    _text("reason_code"),
)
tls_days = _clustered(
    "tls_days",
    _number("domain", key=True),
    _number("day", key=True),
    _text("policy_type", key=True),
    _text("result_type", key=True),  # empty for sessions that went well
    _number("sessions"),
)
failure_reports = Table(
    "failure_reports",
    metadata,
    _number("id", key=True),
    _octets("content"),
    _of("domains", "domain"),
    _number("day"),
    Column("arrived", _Id, nullable=True),
    _text("source_ip"),
    _text("auth_failure"),
    _text("delivery_result"),
    _text("identity_alignment"),
    _text("dkim_domain"),
    _text("dkim_selector"),
    _text("spf_dns"),
    _text("original_from"),
    _text("original_to"),
    _text("subject"),
    _text("message_id"),
    _text("feedback"),  # JSON
    _text("header_fields"),  # JSON
    _small("redacted"),
    _text("source"),
    _number("received"),
    UniqueConstraint("content"),
    Index("failure_reports_by_domain", "domain", "day"),
)
quarantine = Table(
    "quarantine",
    metadata,
    _number("id", key=True),
    _octets("digest"),
    _octets("octets"),
    _text("reason"),
    _text("source"),
    _text("sender"),
    _text("ip"),
    _text("authentication"),
    _number("received"),
    UniqueConstraint("digest"),
)
arrivals = _clustered("arrivals", _octets("digest", key=True), _number("received"))
memos = _clustered(
    "memos",
    _text("kind", key=True),
    _text("key", key=True),
    _text("text"),
    _number("at"),
)
