"""
Everything at once: what a receiver learns of a message that a client brings (RFC 8601).

SPF, DKIM, ARC and the name of the client's address do not depend on each other
and are asked together; DMARC builds on them, and BIMI on DMARC.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from maildns.ask import Inquiry, Together
from maildns.authentication.author import Authors, authors_of
from maildns.authentication.contracts import ChainVerdict
from maildns.authentication.results import AuthenticationResults, AuthorVerdict, strictness
from maildns.errors import RecordSyntaxError, UsageError
from maildns.protocols import addresses, bimi, dkim, dmarc, spf
from maildns.protocols.addresses import Iprev
from maildns.protocols.addresses.record import address_of
from maildns.protocols.dkim import DkimVerdict
from maildns.protocols.dmarc import READERS, DmarcResult, DmarcVerdict, Policy, Reader
from maildns.protocols.dmarc.treewalk import tree_walk
from maildns.protocols.spf import SpfVerdict

MAX_AUTHORS = 5  # RFC 9989 section 11.5: limiting them avoids the denial of service

# What is evaluated besides: each its own folder, which can be deleted.
_OPTIONAL = {"arc": "maildns.protocols.arc"}


def authenticate(
    message: bytes | bytearray | memoryview,
    *,
    ip: str,
    helo: str | None,
    sender: str | None,
    authserv_id: str = "localhost",
    readers: Sequence[Reader] = READERS,
    now: float | None = None,
) -> Inquiry[AuthenticationResults]:
    """
    Judge *message* as it came from *ip*, which said *helo* and gave *sender* as MAIL FROM.

    A null *sender* is None, empty or ``<>``, an unknown *helo* None or empty; *authserv_id* names the receiver in the field. DMARC
    is evaluated for each of *readers*; the first of them decides. *now*, in seconds since
    1970, is what the expiry of signatures is measured by; the clock's time when left out. Any
    octets are a message. Results of others that stand in it are not looked at.

    Raises `UsageError` when *message* is not octets, *ip* is no address, *authserv_id* is
    empty or a reader is unknown.
    """
    if not isinstance(message, bytes | bytearray | memoryview):
        raise UsageError("a message is octets", hint="open the file in binary mode")
    if not authserv_id.strip():
        raise UsageError("the authserv-id is empty", hint="the name of the host that checks")
    if not readers or not set(readers) <= set(READERS):
        raise UsageError("which receivers?", hint=f"readers are {', '.join(READERS)}")
    client = str(address_of(ip))
    given = _Given(bytes(message), client, (helo or "").strip(), _bare(sender or ""), now)
    return (yield from _authenticate(given, authserv_id, tuple(dict.fromkeys(readers))))


@dataclass(frozen=True, slots=True)
class _Given:
    """A message and its envelope."""

    message: bytes
    ip: str
    helo: str
    sender: str
    now: float | None


def _bare(sender: str) -> str:
    """The path without its angle brackets (RFC 5321 section 4.1.2)."""
    text = sender.strip()
    return text[1:-1] if text.startswith("<") and text.endswith(">") else text


def _authenticate(
    given: _Given, authserv_id: str, readers: Sequence[Reader]
) -> Inquiry[AuthenticationResults]:
    together = Together()
    found = yield from _independent(given, together)
    authors = authors_of(given.message)
    by_author = yield from _dmarc(authors, found, readers, together)
    verdict = _of_message(authors, by_author, readers[0])
    older = _of_message(authors, by_author, "rfc7489") if "rfc7489" in readers else None
    return AuthenticationResults(
        authserv_id=authserv_id,
        ip=given.ip,
        helo=given.helo,
        sender=given.sender,
        authors=authors,
        iprev=found.iprev,
        spf=found.spf,
        spf_helo=found.spf_helo,
        dkim=found.signatures,
        arc=found.arc,
        dmarc=verdict,
        dmarc_rfc7489=older,
        by_author=by_author,
        bimi=(yield from _bimi(authors, verdict, together)),
    )


# --- what does not depend on each other ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Independent:
    iprev: Iprev
    spf: SpfVerdict
    spf_helo: SpfVerdict | None
    signatures: tuple[DkimVerdict, ...]
    arc: ChainVerdict | None


def _independent(given: _Given, together: Together) -> Inquiry[_Independent]:
    inquiries: dict[str, Inquiry[Any]] = {
        "iprev": addresses.forward_confirmed(given.ip),
        "spf": spf.check_host(ip=given.ip, sender=given.sender, helo=given.helo),
        "dkim": dkim.verify(given.message, now=given.now),
    }
    if given.sender and given.helo:
        # RFC 7208 section 2.3; with a null sender it is that of section 2.4, made already.
        postmaster = f"postmaster@{given.helo}"
        inquiries["spf_helo"] = spf.check_host(
            ip=given.ip, sender=postmaster, helo=given.helo, domain=given.helo
        )
    for method, verify in _optional().items():
        inquiries[method] = verify(given.message, now=given.now)
    verdicts = yield from together.run(list(inquiries.values()))
    named = dict(zip(inquiries, verdicts, strict=True))
    return _Independent(
        iprev=named["iprev"],
        spf=named["spf"],
        spf_helo=named.get("spf_helo"),
        signatures=tuple(named["dkim"]),
        arc=named.get("arc"),
    )


@cache
def _optional() -> dict[str, Callable[..., Inquiry[Any]]]:
    """The methods of `_OPTIONAL` whose folders are there."""
    return {
        method: import_module(module).verify
        for method, module in _OPTIONAL.items()
        if _is_there(module)
    }


def _is_there(module: str) -> bool:
    """A folder that was deleted may leave its bytecode behind; that is no package."""
    spec = find_spec(module)
    return spec is not None and spec.origin is not None


# --- DMARC --------------------------------------------------------------------------------


def _dmarc(
    authors: Authors, found: _Independent, readers: Sequence[Reader], together: Together
) -> Inquiry[tuple[AuthorVerdict, ...]]:
    """Each author domain by each reader (RFC 9989 section 11.5, RFC 7489 section 6.6.1)."""
    # RFC 9989 section 4.4.2: the envelope sender alone, or what stands for a null one
    sender = (found.spf.domain, str(found.spf.result))
    signatures = [(one.domain, str(one.result)) for one in found.signatures]
    signatures = [one for one in dict.fromkeys(signatures) if one[1] in {"pass", "temperror"}]
    domains = authors.domains[:MAX_AUTHORS]
    verdicts = yield from together.run(
        [
            dmarc.evaluate(header_from=domain, spf=sender, dkim=signatures, reader=reader)
            for domain in domains
            for reader in readers
        ]
    )
    each = len(readers)
    return tuple(
        AuthorVerdict(
            domain, tuple(zip(readers, verdicts[at * each : (at + 1) * each], strict=True))
        )
        for at, domain in enumerate(domains)
    )


def _of_message(
    authors: Authors, by_author: Sequence[AuthorVerdict], reader: Reader
) -> DmarcVerdict:
    """The verdict for the message: of several author domains the strictest."""
    if not by_author:
        # RFC 7489 section 11.2: none, where no aligned identifier could be extracted
        return DmarcVerdict(DmarcResult.NONE, reasons=authors.problems)
    strictest = max((author.of(reader) for author in by_author), key=strictness)
    missing = list(authors.problems)
    if len(authors.domains) > MAX_AUTHORS:
        missing.append(f"From names {len(authors.domains)} domains; {MAX_AUTHORS} were looked at")
    if not missing or strictness(strictest) > strictness(_INCOMPLETE):
        return strictest
    # RFC 9989 section 11.5: the evaluation is incomplete, so it proves nothing.
    return replace(_INCOMPLETE, reasons=tuple(missing))


_INCOMPLETE = DmarcVerdict(DmarcResult.PERMERROR)


# --- BIMI ---------------------------------------------------------------------------------


def _bimi(
    authors: Authors, verdict: DmarcVerdict, together: Together
) -> Inquiry[bimi.BimiLookup | None]:
    """The assertion record, where DMARC lets a picture be shown; the selector is `default`."""
    if verdict.result is not DmarcResult.PASS or len(authors.domains) != 1:
        return None
    # Draft section 7.1: several From fields or addresses, and no picture is looked for.
    if authors.fields != 1 or len(authors.local_parts) != 1:
        return None
    if verdict.record is None or not _enforces(verdict.record):
        return None
    (author,) = authors.domains
    # DMARC itself may have needed no walk.
    (walk,) = yield from together.run([tree_walk(author)])
    organizational = walk.organizational_domain
    above = walk.record_at(organizational)
    if walk.failed_at or above is None or not _enforces(above):
        return None
    try:
        lookup = bimi.record_lookup(
            author, organizational_domain=organizational, local_part=authors.local_parts[0]
        )
        (found,) = yield from together.run([lookup])
    except RecordSyntaxError:  # the name is too long to have a record
        return None
    made: bimi.BimiLookup = found
    return made


def _enforces(record: dmarc.DmarcRecord) -> bool:
    """Whether the policy is one that BIMI asks for (draft-brand-indicators, section 7.1)."""
    return (
        record.policy not in {None, Policy.NONE}
        and record.for_subdomains is not Policy.NONE
        and not record.testing
        and record.percent in {None, 100}
    )
