"""All that authentication says of one message, as a value (RFC 8601)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from maildns.authentication.author import Authors
from maildns.authentication.contracts import ChainVerdict
from maildns.authentication.field import MethodResult, fold
from maildns.protocols.addresses import Iprev
from maildns.protocols.bimi import BimiLookup
from maildns.protocols.bimi.evaluate import BimiResult
from maildns.protocols.dkim import DkimVerdict
from maildns.protocols.dmarc import DmarcResult, DmarcVerdict, Reader
from maildns.protocols.spf import SpfVerdict

MAX_SIGNATURES_TOLD = 20  # in the field; the value holds them all

_BIMI_RESULTS = {
    # The record alone proves no picture, and the picture is not fetched.
    BimiResult.FOUND: "skipped",
    BimiResult.DECLINED: "declined",
    BimiResult.NONE: "none",
    BimiResult.PERMERROR: "fail",
    BimiResult.TEMPERROR: "temperror",
}


@dataclass(frozen=True, slots=True)
class AuthorVerdict:
    """What DMARC says for one author domain, by each kind of receiver that was asked for."""

    domain: str
    by_reader: tuple[tuple[Reader, DmarcVerdict], ...]

    def of(self, reader: Reader) -> DmarcVerdict:
        """The verdict of *reader*; raises `KeyError` when it was not asked for."""
        return dict(self.by_reader)[reader]


@dataclass(frozen=True, slots=True)
class AuthenticationResults:
    """
    The verdicts on one message; `str()` is the value of an Authentication-Results field.

    `spf` is that of the envelope sender, or of the HELO name where the sender is null (RFC
    7208 section 2.4), and then `spf_helo` is None, as it is where no HELO name is known.
    `dkim` has one verdict for each signature. `dmarc` is the verdict for the message: of
    several author domains the strictest. `bimi` is None unless DMARC passes with a policy
    that is enforced, `arc` where it was not evaluated.
    """

    authserv_id: str
    ip: str
    helo: str
    sender: str
    authors: Authors
    iprev: Iprev
    spf: SpfVerdict
    spf_helo: SpfVerdict | None
    dkim: tuple[DkimVerdict, ...]
    arc: ChainVerdict | None
    dmarc: DmarcVerdict
    dmarc_rfc7489: DmarcVerdict | None
    by_author: tuple[AuthorVerdict, ...] = ()
    bimi: BimiLookup | None = None

    @property
    def readers_differ(self) -> bool:
        """Receivers of RFC 9989 and of RFC 7489 treat the message differently."""
        older = self.dmarc_rfc7489
        if older is None:
            return False
        return (older.result, older.disposition) != (self.dmarc.result, self.dmarc.disposition)

    @property
    def methods(self) -> tuple[MethodResult, ...]:
        """The results as the field tells them, in its order."""
        return tuple(self._methods())

    def field(self, newline: str = "\r\n") -> str:
        """The whole field, name and all, without the end of its last line."""
        return f"Authentication-Results: {fold(self.authserv_id, self.methods, newline)}"

    def __str__(self) -> str:
        return fold(self.authserv_id, self.methods)

    def _methods(self) -> Iterator[MethodResult]:
        """RFC 8601 section 2.7."""
        iprev = self.iprev
        yield MethodResult("iprev", iprev.result, iprev.reason, (("policy.iprev", self.ip),))
        yield from self._spf()
        yield from self._dkim()
        if self.arc is not None and self.arc.result != "none":
            told = [("smtp.remote-ip", self.ip)]  # RFC 8617 section 10.2
            if self.arc.result == "pass":
                told.append(("header.oldest-pass", str(self.arc.oldest_pass)))
            yield MethodResult("arc", self.arc.result, self.arc.reason, tuple(told))
        yield from self._dmarc()
        if self.bimi is not None:
            owner = self.bimi.owner
            selector, _, domain = owner.partition("._bimi.")
            named = (("header.d", domain), ("header.selector", selector))
            reason = self.bimi.reason or "the picture was not fetched"
            yield MethodResult("bimi", _BIMI_RESULTS[self.bimi.result], reason, named)

    def _spf(self) -> Iterator[MethodResult]:
        """RFC 8601 section 2.7.2: the property says which identity was checked."""
        identities = [(self.spf, "smtp.mailfrom", self.sender)]
        if not self.sender:
            identities = [(self.spf, "smtp.helo", self.helo)]
        if self.spf_helo is not None:
            identities.append((self.spf_helo, "smtp.helo", self.helo))
        for verdict, key, identity in identities:
            named = ((key, identity),) if identity else ()
            yield MethodResult("spf", verdict.result, verdict.problem, named)

    def _dkim(self) -> Iterator[MethodResult]:
        if not self.dkim:
            yield MethodResult("dkim", "none", "the message is not signed")
        for verdict in self.dkim[:MAX_SIGNATURES_TOLD]:
            named = (
                ("header.d", verdict.domain),
                ("header.i", verdict.identity),
                ("header.s", verdict.selector),
                ("header.a", verdict.algorithm),
                ("header.b", verdict.signature_start),  # RFC 6008 section 4
            )
            yield MethodResult("dkim", verdict.result, verdict.reason, named)

    def _dmarc(self) -> Iterator[MethodResult]:
        """One for each author domain, the strictest first; one alone where not all could be read."""
        first = [(author.by_reader[0][1], author) for author in self.by_author]
        if not any(verdict is self.dmarc for verdict, _ in first):
            reason = "; ".join(self.dmarc.reasons)
            yield MethodResult("dmarc", self.dmarc.result, reason, _policy(self.dmarc))
            return
        for verdict, author in sorted(first, key=lambda pair: -strictness(pair[0])):
            named = (("header.from", author.domain), *_policy(verdict))
            yield MethodResult("dmarc", verdict.result, _reason(author), named)


def strictness(verdict: DmarcVerdict) -> int:
    """A number to compare verdicts on several author domains by; greater is stricter."""
    order = (
        DmarcResult.PASS,
        DmarcResult.NONE,  # nothing proves this author
        DmarcResult.PERMERROR,
        DmarcResult.TEMPERROR,
        DmarcResult.FAIL,
    )
    return 4 * order.index(verdict.result) + verdict.disposition.rank


def _policy(verdict: DmarcVerdict) -> tuple[tuple[str, str], ...]:
    """RFC 9989 section 9.1: what was applied, after all options."""
    return (("policy.dmarc", verdict.disposition),) if verdict.record is not None else ()


def _reason(author: AuthorVerdict) -> str:
    """Why it did not pass, or that the other kind of receiver does something else."""
    (_, first), *others = author.by_reader
    said = [] if first.result is DmarcResult.PASS else list(first.reasons)
    said += [
        f"receivers of {reader.upper().replace('RFC', 'RFC ')} say {other.result}, {other.disposition}"
        for reader, other in others
        if (other.result, other.disposition) != (first.result, first.disposition)
    ]
    return "; ".join(said)
