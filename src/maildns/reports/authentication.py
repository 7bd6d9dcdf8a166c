"""
Who sent a report? The mail that it came in says so, if its authentication says that it may.

A report of DMARC is judged as any mail is: by DMARC, from SPF where the client's address is known,
and from DKIM (RFC 9990 section 3.6). A TLS report needs a DKIM signature of the domain that
reports, over all of the mail (RFC 8460 section 3); SPF cannot stand for it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from maildns.ask import Inquiry
from maildns.authentication import authenticate, authors_of
from maildns.authentication.author import header_section
from maildns.net.drivers import BlockingWorld, run
from maildns.protocols import dkim, dmarc
from maildns.protocols.dkim import DkimResult, DkimVerdict
from maildns.reports.keeping import Arrival

# RFC 8460 section 3: a key may be for TLS reports alone; one for mail signs mail.
SERVICES = ("email", "tlsrpt")
_TEMPERROR = "temperror"
_TEMPERRORS = 16  # in a row: some domains' servers are always away, but not those of so many
_AWAY_SECONDS = 300.0
_FIELD = re.compile(rb"[A-Za-z0-9-]{1,76}[ \t]*:")
# What makes a mail a TLS report, by its own word or by the name of what is attached.
_TLS = re.compile(rb'(?i)application/tlsrpt|report-type="?tlsrpt|\.json(?:\.gz)?"?[\s;]')
_TLS_FIELD = re.compile(rb"(?im)^TLS-Report-(?:Domain|Submitter)[ \t]*:")


@dataclass(frozen=True, slots=True)
class Reporter:
    """
    What is proven of who sent a mail.

    `result` is one of DMARC's words, or empty where there is too little to know: no mail, or
    no signature and no client's address. `domain` is the author's domain as far as it is one;
    believe it when the result is `pass`. `reason` says why it is so.
    """

    result: str = ""
    domain: str = ""
    reason: str = ""


def is_mail(octets: bytes) -> bool:
    """
    Whether *octets* begin as a message does, with a header field.

    >>> is_mail(b"Received: from mx"), is_mail(b"<?xml"), is_mail(b'{"a": 1}')
    (True, False, False)
    """
    return _FIELD.match(octets) is not None


def is_tls_report(mail: bytes) -> bool:
    """Whether *mail* seems to bring a TLS report (RFC 8460 section 5.3)."""
    return bool(_TLS_FIELD.search(header_section(mail)) or _TLS.search(mail))


def authenticate_reporter(
    octets: bytes, *, ip: str = "", helo: str = "", sender: str = "", now: float | None = None
) -> Inquiry[Reporter]:
    """
    Judge the mail *octets*, which came from *ip* with the envelope sender *sender*.

    Without *ip* nothing is said of SPF. *now*, in seconds since 1970, is what the expiry of
    signatures is measured by. Any octets have an answer; `UsageError` is raised when *ip* is no
    address.
    """
    if not is_mail(octets):
        return Reporter(reason="this is no mail")
    authors = authors_of(octets)
    if authors.problems or len(authors.domains) != 1:
        reason = "; ".join(authors.problems) or "it has several authors"
        return Reporter("permerror", reason=reason)
    (author,) = authors.domains
    if is_tls_report(octets):
        return (yield from _of_tls_report(octets, author, now))
    if ip:
        results = yield from authenticate(
            octets, ip=ip, helo=helo, sender=sender, readers=("rfc9989",), now=now
        )
        verdict = results.dmarc
        return Reporter(verdict.result.value, author, "; ".join(verdict.reasons))
    return (yield from _of_signatures(octets, author, now))


def _of_signatures(octets: bytes, author: str, now: float | None) -> Inquiry[Reporter]:
    """DMARC without SPF: a pass is a pass, and a fail means that nothing is known."""
    signatures = yield from dkim.verify(octets, now=now)
    identifiers = [(one.domain, one.result.value) for one in signatures]
    verdict = yield from dmarc.evaluate(header_from=author, dkim=identifiers)
    reason = "; ".join(verdict.reasons)
    if verdict.result.value == "fail":
        return Reporter("", author, f"the client's address is not known; {reason}")
    return Reporter(verdict.result.value, author, reason)


# --- TLS reports --------------------------------------------------------------------------


def _of_tls_report(octets: bytes, author: str, now: float | None) -> Inquiry[Reporter]:
    signatures = yield from dkim.verify(octets, now=now, services=SERVICES)
    whole = [one for one in signatures if one.result is DkimResult.PASS and _is_whole(one)]
    for one in whole:
        if (yield from _is_of(one.domain, author)):
            return Reporter("pass", author, f"signed by {one.domain}")
    if any(one.result is DkimResult.TEMPERROR for one in signatures):
        return Reporter("temperror", author, "a key cannot be fetched now")
    return Reporter("fail", author, _why_not(signatures, whole))


def _is_whole(verdict: DkimVerdict) -> bool:
    """RFC 8460 section 3: the signature MUST NOT have l=, which leaves the rest to anybody."""
    return verdict.signature is not None and verdict.signature.body_length is None


def _is_of(signer: str, author: str) -> Inquiry[bool]:
    """Whether *signer* speaks for *author*: they are of one organization."""
    if signer == author:
        return True
    ours = yield from dmarc.organizational_domain(author)
    theirs = yield from dmarc.organizational_domain(signer)
    return ours == theirs


def _why_not(signatures: Sequence[DkimVerdict], whole: Sequence[DkimVerdict]) -> str:
    if not signatures:
        return "a TLS report must be signed (RFC 8460 section 3), and this is not"
    if whole:
        return "it is signed by another domain than its author's"
    if any(one.result is DkimResult.PASS for one in signatures):
        return "its signature covers a part of it only (l=)"
    return "; ".join(dict.fromkeys(one.reason for one in signatures if one.reason))


# --- the port of the sources --------------------------------------------------------------


def authenticator(
    world: BlockingWorld, clock: Callable[[], float] = time.monotonic
) -> Callable[[Arrival, str], str]:
    """
    What sources ask of each arrival, given what its client said in HELO: `Reporter.result`.

    An address of loopback is that of a mail server of our own which passed the mail on, and says
    nothing of who sent it. *world* is asked from several threads at once. When the DNS is away, as
    many temporary errors in a row show, it is not asked for a while, and all get temperror.
    """
    outage = _Outage(clock)

    def said_of(arrival: Arrival, helo: str) -> str:
        if not is_mail(arrival.octets):
            return ""
        if outage.lasts():
            return _TEMPERROR
        ip = "" if not arrival.ip or ip_address(arrival.ip).is_loopback else arrival.ip
        inquiry = authenticate_reporter(arrival.octets, ip=ip, helo=helo, sender=arrival.sender)
        result = run(inquiry, world).result
        outage.heard(result)
        return result

    return said_of


class _Outage:
    """Whether the DNS seems to be away: each mail would wait for it in vain."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._in_a_row = 0
        self._until = 0.0

    def lasts(self) -> bool:
        return self._clock() < self._until

    def heard(self, result: str) -> None:
        self._in_a_row = self._in_a_row + 1 if result == _TEMPERROR else 0
        if self._in_a_row >= _TEMPERRORS:
            self._in_a_row, self._until = 0, self._clock() + _AWAY_SECONDS
