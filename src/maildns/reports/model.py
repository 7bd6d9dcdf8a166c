"""
Reports as plain values, the same whatever schema or mood the reporter wrote them in.

Times are in UTC, counts are messages or sessions, names are lower case without a final dot.
What a reporter left out is empty or None; what it wrote and nobody understands is kept as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class ReportKind(StrEnum):
    """What a report is about."""

    AGGREGATE = "aggregate"  # RFC 9990 and RFC 7489 section 7.2
    FAILURE = "failure"  # RFC 9991, RFC 6591
    TLS = "tls"  # RFC 8460


@dataclass(frozen=True, slots=True)
class ReportHead:
    """
    Who reports, and of what time (RFC 9990 section 3.1.1.1).

    `reporter` is the organization's name, `contact` its mail address. `errors` are the faults that
    the reporter met; `oddities` what is wrong with the report itself and was overlooked.
    """

    reporter: str
    report_id: str
    begin: datetime
    end: datetime
    contact: str = ""
    extra_contact: str = ""
    generator: str = ""
    errors: tuple[str, ...] = ()
    oddities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishedPolicy:
    """The policy as the reporter saw it; empty where it did not say."""

    domain: str
    policy: str = ""
    subdomain_policy: str = ""
    nonexistent_policy: str = ""
    dkim_alignment: str = ""
    spf_alignment: str = ""
    percent: str = ""
    failure_options: str = ""
    testing: str = ""
    discovery_method: str = ""


class DkimAuth(NamedTuple):
    """One DKIM result, raw: not yet held against the author's domain."""

    domain: str
    selector: str
    result: str


class SpfAuth(NamedTuple):
    """The SPF result, raw; `scope` is mfrom or helo."""

    domain: str
    scope: str
    result: str


class Override(NamedTuple):
    """Why the reporter did not do what the policy asks."""

    type: str
    comment: str


class Row(NamedTuple):
    """
    Messages from one source that were treated alike (RFC 9990 section 3.1.1.5).

    `dkim_aligned` and `spf_aligned` are `pass` or `fail`: the results that DMARC counts.
    """

    source_ip: str
    messages: int
    disposition: str
    dkim_aligned: str
    spf_aligned: str
    header_from: str
    envelope_from: str = ""
    envelope_to: str = ""
    dkim: tuple[DkimAuth, ...] = ()
    spf: tuple[SpfAuth, ...] = ()
    overrides: tuple[Override, ...] = ()

    @property
    def passes(self) -> bool:
        """DMARC passes."""
        return self.dkim_aligned == "pass" or self.spf_aligned == "pass"


@dataclass(frozen=True, slots=True)
class AggregateReport:
    """One DMARC aggregate report; `schema` is `rfc9990` or `rfc7489`."""

    head: ReportHead
    published: PublishedPolicy
    rows: tuple[Row, ...]
    schema: str = "rfc7489"

    @property
    def messages(self) -> int:
        """How many messages it is about."""
        return sum(row.messages for row in self.rows)


@dataclass(frozen=True, slots=True)
class FailureReport:
    """
    One message that failed (RFC 9991, RFC 6591); addresses and bodies are redacted unless asked for.

    `feedback` are the fields of the machine-readable part as they came, in lower case.
    """

    feedback: tuple[tuple[str, str], ...]
    arrived: datetime | None
    source_ip: str = ""
    reported_domain: str = ""
    auth_failure: str = ""
    delivery_result: str = ""
    identity_alignment: str = ""
    dkim_domain: str = ""
    dkim_selector: str = ""
    spf_dns: str = ""
    original_from: str = ""
    original_to: str = ""
    subject: str = ""
    message_id: str = ""
    header_fields: tuple[tuple[str, str], ...] = ()
    redacted: bool = True


class TlsFailure(NamedTuple):
    """Sessions that failed in the same way (RFC 8460 section 4.4)."""

    result_type: str
    sessions: int
    sending_ip: str = ""
    receiving_host: str = ""
    receiving_helo: str = ""
    receiving_ip: str = ""
    information: str = ""
    reason_code: str = ""


class TlsPolicy(NamedTuple):
    """One policy that was applied, and how it went; `type` is tlsa, sts or no-policy-found."""

    type: str
    domain: str
    strings: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    successful: int = 0
    failed: int = 0
    failures: tuple[TlsFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsReport:
    """One TLS report (RFC 8460 section 4)."""

    head: ReportHead
    policies: tuple[TlsPolicy, ...]
