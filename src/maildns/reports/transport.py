"""
TLS reports joined with what is published: which record or certificate made a session fail, and the mend.

RFC 8460 section 4.3 gives each failure a type; the policy that was applied says whose record it is,
for a policy by DANE is of a mail host and one by MTA-STS of the recipient's domain.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from maildns.errors import RecordSyntaxError
from maildns.protocols import mtasts
from maildns.reports.model import TlsFailure
from maildns.reports.views import TlsDay


@dataclass(frozen=True, slots=True)
class Cause:
    """
    Why sessions fail: `at` names the record, file or certificate, `rules` are those of `maildns rule`.

    In its texts {domain} is the policy domain, {host} the mail host that was met.
    """

    at: str
    says: str
    mend: str
    rules: tuple[str, ...] = ()
    reference: str = "RFC 8460 section 4.3"


_CERTIFICATE = "the certificate of {host}"
_TLSA = "_25._tcp.{host} TLSA"
_POLICY = "https://mta-sts.{domain}/.well-known/mta-sts.txt"

# RFC 8460 section 4.3.1: negotiation
_ANY = {
    "starttls-not-supported": Cause(
        "STARTTLS at {host}",
        "{host} did not offer STARTTLS, though your policy promises TLS",
        "switch STARTTLS on for port 25 of {host}; a proxy that inspects SMTP may take it out",
    ),
    "certificate-host-mismatch": Cause(
        _CERTIFICATE,
        "the certificate does not name {host}",
        "get a certificate for {host}, or let the MX record name the host that is in it",
        ("dane-certificate-wrong-name",),
    ),
    "certificate-expired": Cause(
        _CERTIFICATE,
        "the certificate of {host} has expired",
        "renew it, and have the mail server load the new one",
        ("dane-certificate-expired",),
    ),
    "certificate-not-trusted": Cause(
        _CERTIFICATE,
        "senders do not trust the issuer of the certificate of {host}",
        "send the whole chain, of an authority that the public trusts",
    ),
    "validation-failure": Cause(
        _CERTIFICATE,
        "TLS failed for a reason that the reporter did not break down",
        "look at the reporter's further words; try: maildns tlsa check {host}",
    ),
    # section 4.3.2.1: DANE
    "tlsa-invalid": Cause(
        _TLSA,
        "no TLSA record of {host} can be used or matches its certificate",
        "publish the record of the key in use: maildns tlsa check {host}",
        ("dane-none-usable", "dane-certificate-wrong-key"),
    ),
    "dnssec-invalid": Cause(
        "DNSSEC of {host}",
        "the signatures over the records of {host} do not verify",
        "compare the DS record with the zone's key, and sign anew: until then mail waits",
        reference="RFC 8460 section 4.3.2.1",
    ),
    "dane-required": Cause(
        _TLSA,
        "the sender insists on DANE, and {host} has no usable TLSA record",
        "publish a TLSA record in a signed zone, or take its absence as intended",
        ("dane-none-usable",),
    ),
    # section 4.3.2.2: MTA-STS
    "sts-policy-fetch-error": Cause(
        _POLICY,
        "the policy file could not be fetched",
        "serve it by HTTPS without a redirect, or take the _mta-sts record away",
        ("mtasts-policy-syntax",),
    ),
    "sts-policy-invalid": Cause(
        _POLICY,
        "the policy file breaks its grammar",
        "mend it: maildns lint takes the file",
        ("mtasts-policy-syntax",),
    ),
    "sts-webpki-invalid": Cause(
        "the certificate of mta-sts.{domain}",
        "the web server of the policy shows a certificate that senders do not accept",
        "get one for mta-sts.{domain}, and renew it in time",
    ),
}
RESULT_TYPES = frozenset(_ANY)
_NOT_COVERED = Cause(
    _POLICY,
    "{host} is not among the mx lines of the policy",
    "add an mx line for {host}, and give the record _mta-sts.{domain} a new id",
    ("mtasts-host-not-covered",),
    "RFC 8461 section 4.1",
)
_UNKNOWN = Cause(
    "{host}",
    "the reporter gives a reason that RFC 8460 does not know",
    "ask the reporter; its words may help",
)


@dataclass(slots=True)
class TlsTrouble:
    """One cause at one host, with what it cost."""

    domain: str
    host: str
    result_type: str
    policy_type: str
    cause: Cause
    sessions: int = 0
    first: date = date.max
    last: date = date.min
    reporters: set[str] = field(default_factory=set)
    said: str = ""


@dataclass(slots=True)
class TlsStanding:
    """How TLS to a policy domain went; `by_day` is successful and failed sessions."""

    domain: str
    successful: int = 0
    failed: int = 0
    policies: set[str] = field(default_factory=set)
    reporters: set[str] = field(default_factory=set)
    by_day: dict[date, tuple[int, int]] = field(default_factory=dict)
    troubles: list[TlsTrouble] = field(default_factory=list)

    @property
    def unexplained(self) -> int:
        """Failed sessions that the reporters gave no details of."""
        return max(0, self.failed - sum(trouble.sessions for trouble in self.troubles))


def standings(days: Iterable[TlsDay]) -> list[TlsStanding]:
    """Fold *days* by policy domain, the one with most failures first; each failure with its cause."""
    found: dict[str, TlsStanding] = {}
    troubles: dict[tuple[str, str, str, str], TlsTrouble] = {}
    for day in days:
        one = found.setdefault(day.domain, TlsStanding(day.domain))
        one.successful += day.successful
        one.failed += day.failed
        one.policies.add(day.policy_type)
        one.reporters.add(day.reporter)
        good, bad = one.by_day.get(day.day, (0, 0))
        one.by_day[day.day] = (good + day.successful, bad + day.failed)
        for failure in day.failures:
            _count(troubles, day, failure)
    for trouble in sorted(troubles.values(), key=lambda one: -one.sessions):
        found[trouble.domain].troubles.append(trouble)
    return sorted(found.values(), key=lambda one: (-one.failed, one.domain))


def _count(
    troubles: dict[tuple[str, str, str, str], TlsTrouble], day: TlsDay, failure: TlsFailure
) -> None:
    host = failure.receiving_host or next(iter(day.hosts), "") or day.domain
    key = (day.domain, host, failure.result_type, day.policy_type)
    trouble = troubles.get(key)
    if trouble is None:
        cause = cause_of(failure.result_type, day, host)
        trouble = troubles[key] = TlsTrouble(
            day.domain, host, failure.result_type, day.policy_type, cause
        )
    trouble.sessions += failure.sessions
    trouble.first, trouble.last = min(trouble.first, day.day), max(trouble.last, day.day)
    trouble.reporters.add(day.reporter)
    trouble.said = trouble.said or failure.reason_code or failure.information


def cause_of(result_type: str, day: TlsDay, host: str) -> Cause:
    """
    The cause of a failure of *result_type* under the policy of *day*, at *host*, in words.

    >>> from datetime import date
    >>> day = TlsDay("example.com", date(2026, 5, 1), "r", "sts", 0, 1)
    >>> cause_of("certificate-expired", day, "mx.example.com").at
    'the certificate of mx.example.com'
    """
    cause = _ANY.get(result_type, _UNKNOWN)
    if result_type == "certificate-host-mismatch" and _policy_leaves_out(day, host):
        cause = _NOT_COVERED
    filled = {"domain": day.domain, "host": host}
    return Cause(
        cause.at.format_map(filled),
        cause.says.format_map(filled),
        cause.mend.format_map(filled),
        cause.rules,
        cause.reference,
    )


def _policy_leaves_out(day: TlsDay, host: str) -> bool:
    """Whether the MTA-STS policy that the reporter applied has no line for *host*."""
    if day.policy_type != "sts" or not day.strings:
        return False
    try:
        policy = mtasts.parse_policy("\n".join(day.strings))
        return not mtasts.policy_allows(policy, host)
    except RecordSyntaxError:
        return False
