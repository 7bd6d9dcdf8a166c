"""
Do an address and its name agree, as receivers see it (RFC 8601 section 3, `iprev`).

The name of the address must have the address: anyone can claim a name for an address of
their own, but not an address for a name of another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from maildns.ask import Answer, Inquiry, Question
from maildns.dnsdata import AAAA, A, Ptr, name, reverse_name
from maildns.errors import RecordSyntaxError, UsageError
from maildns.protocols.addresses.record import IpAddress, address_of

MAX_NAMES = 10  # RFC 7208 section 5.5 looks at ten names of an address, and so do others


class IprevResult(StrEnum):
    """RFC 8601 section 2.7.3."""

    PASS = "pass"  # noqa: S105  # the RFC's word for a result, not a secret
    FAIL = "fail"  # there are names, but none of them has this address, or any
    TEMPERROR = "temperror"  # it cannot be known now
    PERMERROR = "permerror"  # the address has no name


@dataclass(frozen=True, slots=True)
class Iprev:
    """
    What came out for `address`.

    `names` are those that its PTR records give, `confirmed` those of them that have the
    address; `reason` says why it is no pass.
    """

    result: IprevResult
    address: IpAddress
    names: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    reason: str = ""
    ttl_seconds: int | None = None


class HeloResult(StrEnum):
    """Whether a server's HELO name goes with its address."""

    PASS = "pass"  # noqa: S105  # a result, not a secret
    FAIL = "fail"  # the name does not have this address, or is no name
    TEMPERROR = "temperror"  # it cannot be known now


@dataclass(frozen=True, slots=True)
class HeloAgreement:
    """
    What came out for the HELO name.

    `is_ptr_name` says whether it is also the confirmed name of the address, which strict
    receivers want.
    """

    result: HeloResult
    helo: str
    iprev: Iprev
    is_ptr_name: bool = False
    reason: str = ""


def forward_confirmed(ip: str | IpAddress) -> Inquiry[Iprev]:
    """
    Look up the names of the address *ip*, and whether they have it.

    Of more than ten names the first ten, in the alphabet, are looked at. Raises `UsageError`
    when *ip* is no address.
    """
    address = address_of(ip)
    (answer,) = yield (Question(reverse_name(address), "PTR"),)
    if answer.failed:
        return Iprev(IprevResult.TEMPERROR, address, reason=_why(answer))
    ttl = answer.ttl_seconds
    names = tuple(sorted({one.target for one in answer.records if isinstance(one, Ptr)}))
    if not names:
        # RFC 8601 section 2.7.3: no PTR data are published.
        reason = f"there is no PTR record at {answer.question.name}"
        return Iprev(IprevResult.PERMERROR, address, reason=reason, ttl_seconds=ttl)
    answers = yield [Question(one, _forward(address)) for one in names[:MAX_NAMES]]
    confirmed = tuple(one.question.name for one in answers if _holds(one, address))
    result, reason = _judge(address, confirmed, list(answers))
    return Iprev(result, address, names, confirmed, reason, ttl)


def _judge(
    address: IpAddress, confirmed: tuple[str, ...], answers: list[Answer]
) -> tuple[IprevResult, str]:
    if confirmed:
        return IprevResult.PASS, ""
    failed = next((one for one in answers if one.failed), None)
    if failed is not None:
        return IprevResult.TEMPERROR, _why(failed)
    names = ", ".join(one.question.name for one in answers)
    if not any(one.found for one in answers):
        # RFC 8601 section 2.7.3: a forward lookup without a result is a fail; permerror is for PTR
        return IprevResult.FAIL, f"{names} has no {_forward(address)} record"
    return IprevResult.FAIL, f"{names} has addresses, but not {address}"


def helo_agrees(ip: str | IpAddress, helo: str) -> Inquiry[HeloAgreement]:
    """
    Say whether the server at *ip* may well call itself *helo*.

    It passes when the name has the address (RFC 5321 section 2.3.5 wants a name that
    resolves). An address literal such as `[192.0.2.1]` agrees when it is the address. Raises
    `UsageError` when *ip* is no address.
    """
    address = address_of(ip)
    iprev = yield from forward_confirmed(address)
    if helo.startswith("["):
        same = _literal(helo) == str(address)
        result = HeloResult.PASS if same else HeloResult.FAIL
        return HeloAgreement(result, helo, iprev, reason="" if same else f"{helo} is not {address}")
    try:
        host = name(helo)
    except RecordSyntaxError as error:
        return HeloAgreement(HeloResult.FAIL, helo, iprev, reason=f"{helo!r}: {error.problem}")
    if host in iprev.confirmed:
        return HeloAgreement(HeloResult.PASS, host, iprev, is_ptr_name=True)
    (answer,) = yield (Question(host, _forward(address)),)
    if answer.failed:
        return HeloAgreement(HeloResult.TEMPERROR, host, iprev, reason=_why(answer))
    if _holds(answer, address):
        return HeloAgreement(HeloResult.PASS, host, iprev, is_ptr_name=host in iprev.names)
    reason = f"{host} does not have the address {address}"
    return HeloAgreement(HeloResult.FAIL, host, iprev, host in iprev.names, reason)


def _literal(helo: str) -> str:
    """The address in an address literal (RFC 5321 section 4.1.3), in its usual spelling."""
    try:
        return str(address_of(helo.strip("[]").removeprefix("IPv6:")))
    except UsageError:
        return ""


def _forward(address: IpAddress) -> str:
    return "A" if address.version == 4 else "AAAA"


def _holds(answer: Answer, address: IpAddress) -> bool:
    return any(isinstance(one, A | AAAA) and one.address == address for one in answer.records)


def _why(answer: Answer) -> str:
    return f"{answer.question}: {answer.detail or answer.outcome}"
