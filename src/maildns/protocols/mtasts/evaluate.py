"""What a sender finds when it looks for MTA-STS (RFC 8461 sections 3.1 and 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from maildns.ask import Inquiry, Question
from maildns.dnsdata import Txt, name
from maildns.errors import RecordSyntaxError
from maildns.protocols.mtasts.policy import Mode, StsPolicy
from maildns.protocols.mtasts.record import StsRecord, announces, owner_name, parse


class StsResult(StrEnum):
    """How the lookup of the record ended."""

    FOUND = "found"  # there is one, and it is well formed
    NONE = "none"  # there is none
    PERMERROR = "permerror"  # several, or a malformed one: the same to a sender as none
    TEMPERROR = "temperror"  # it cannot be known now


@dataclass(frozen=True, slots=True)
class StsLookup:
    """The record at `owner`; `reason` says why there is none that counts."""

    result: StsResult
    owner: str
    record: StsRecord | None = None
    reason: str = ""
    ttl_seconds: int | None = None
    texts: tuple[str, ...] = ()


def policy_allows(policy: StsPolicy, host: str) -> bool:
    """
    Whether *policy* lets mail go to the MX *host*, whatever its mode does about it.

    A wildcard stands for exactly one label. A policy with mode none says nothing, so every
    host is allowed. Raises `RecordSyntaxError` when *host* is no name.

    >>> policy = StsPolicy(Mode.ENFORCE, 86400, ("*.example.com",))
    >>> [policy_allows(policy, host) for host in ("mx.example.com", "a.mx.example.com", "example.com")]
    [True, False, False]
    """
    if policy.mode is Mode.NONE:
        return True
    host = name(host)
    _, _, above = host.partition(".")
    # RFC 8461 section 4.1: as in RFC 6125 section 6.4, the wildcard is the leftmost label.
    return host in policy.mx or (bool(above) and f"*.{above}" in policy.mx)


def record_lookup(domain: str) -> Inquiry[StsLookup]:
    """
    Look up the MTA-STS record of *domain*.

    Texts that do not begin with `v=STSv1;` are passed over. Raises `RecordSyntaxError` when
    *domain* is no name.
    """
    owner = owner_name(domain)
    (answer,) = yield (Question(owner, "TXT"),)
    if answer.failed:
        reason = answer.detail or str(answer.outcome)
        return StsLookup(StsResult.TEMPERROR, owner, reason=f"{answer.question}: {reason}")
    texts = tuple(
        record.text
        for record in answer.records
        if isinstance(record, Txt) and announces(record.text)
    )
    if not texts:
        reason = f"there is no MTA-STS record at {owner}"
        return StsLookup(StsResult.NONE, owner, None, reason, answer.ttl_seconds)
    if len(texts) > 1:  # RFC 8461 section 3.1
        reason = f"there are {len(texts)} MTA-STS records at {owner}; senders use none of them"
        return StsLookup(StsResult.PERMERROR, owner, None, reason, answer.ttl_seconds, texts)
    try:
        record = parse(texts[0])
    except RecordSyntaxError as error:
        return StsLookup(StsResult.PERMERROR, owner, None, str(error), answer.ttl_seconds, texts)
    return StsLookup(StsResult.FOUND, owner, record, "", answer.ttl_seconds, texts)


class StsAction(StrEnum):
    """What a sender does with one mail host of a domain that has a policy."""

    DELIVER = "deliver"  # the host keeps the policy, or nothing is asked of it
    REPORT = "report"  # it does not, and mail goes to it all the same (mode testing)
    REFUSE = "refuse"  # it does not, and no mail goes to it (mode enforce)


@dataclass(frozen=True, slots=True)
class StsVerdict:
    """
    What a policy comes to for one mail host.

    `report_as` is the result type of RFC 8460 section 4.3 for the fault, empty where there is
    none; `reason` says in words what the host does not keep.
    """

    action: StsAction
    host: str
    report_as: str = ""
    reason: str = ""


def verdict(
    policy: StsPolicy,
    host: str,
    *,
    starttls: bool = True,
    certificate_names: Sequence[str] | None = None,
    distrust: str = "",
) -> StsVerdict:
    """
    Say what a sender does with the MX *host* under *policy* (RFC 8461 section 4.1).

    *certificate_names* are the DNS names of its certificate, None where it was not looked at;
    *distrust* says why the certificate's chain is not valid, if it is not. A policy says
    nothing of DANE: where that applies and fails, mail waits whatever is said here (RFC 8461
    section 2). Raises `RecordSyntaxError` when *host* is no name.

    >>> policy = StsPolicy(Mode.ENFORCE, 86400, ("mx.example.com",))
    >>> verdict(policy, "mx.example.com", starttls=False).report_as
    'starttls-not-supported'
    """
    host = name(host)
    if policy.mode is Mode.NONE:  # RFC 8461 section 5: as if there were none
        return StsVerdict(StsAction.DELIVER, host)
    fault = _fault(policy, host, starttls, certificate_names, distrust)
    if fault is None:
        return StsVerdict(StsAction.DELIVER, host)
    # RFC 8461 section 5
    action = StsAction.REFUSE if policy.mode is Mode.ENFORCE else StsAction.REPORT
    return StsVerdict(action, host, *fault)


def _fault(
    policy: StsPolicy,
    host: str,
    starttls: bool,
    certificate_names: Sequence[str] | None,
    distrust: str,
) -> tuple[str, str] | None:
    """The first thing that *host* does not keep: how it is reported, and in words."""
    if not policy_allows(policy, host):
        return "validation-failure", f"the policy does not list {host}"
    if not starttls:
        return "starttls-not-supported", f"{host} does not offer STARTTLS"
    if distrust:
        return "certificate-not-trusted", f"the certificate of {host} is not trusted: {distrust}"
    if certificate_names is None or _names(certificate_names, host):
        return None
    shown = ", ".join(certificate_names[:4]) or "nothing"
    return "certificate-host-mismatch", f"the certificate names {shown}, not {host}"


def _names(patterns: Sequence[str], host: str) -> bool:
    """RFC 8461 section 4.2: the name of the MX host; a wildcard is the whole leftmost label."""
    known = {pattern.lower().rstrip(".") for pattern in patterns}
    _, _, above = host.partition(".")
    return host in known or (bool(above) and f"*.{above}" in known)
