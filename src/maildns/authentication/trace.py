"""Why each result is what it is, in words that the owner of the domain can act on."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

from maildns.authentication.field import cut
from maildns.authentication.results import AuthenticationResults, AuthorVerdict
from maildns.dnsdata import unicode_name
from maildns.protocols.addresses import Iprev
from maildns.protocols.dkim import DkimVerdict, key_name
from maildns.protocols.dmarc import DmarcVerdict, Reader
from maildns.protocols.spf import SpfVerdict

MAX_TOLD = 20  # signatures, or steps of one evaluation; enough to see why
MAX_OCTETS = 400  # of a list of signed fields


@dataclass(frozen=True, slots=True)
class Because:
    """One result: its method, of what it speaks, why in a sentence, and the way in `steps`."""

    method: str
    result: str
    subject: str
    why: str
    steps: tuple[str, ...] = ()


def explain(results: AuthenticationResults) -> tuple[Because, ...]:
    """Say of every result why it came out so, in the order of the field."""
    return tuple(_reasons(results))


def _reasons(results: AuthenticationResults) -> Iterator[Because]:
    yield Because("iprev", results.iprev.result, results.ip, _iprev(results.iprev))
    yield _spf(results.spf, results.ip, "the sender" if results.sender else "the HELO name")
    if results.spf_helo is not None:
        yield _spf(results.spf_helo, results.ip, "the HELO name")
    yield from _dkim(results)
    if results.arc is not None and results.arc.result != "none":
        why = results.arc.reason or "every seal is good; whether to trust the sealers is up to you"
        sealers = cut(", ".join(results.arc.sealers), MAX_OCTETS) or "the chain"
        yield Because("arc", results.arc.result, sealers, why)
    yield from _dmarc(results)
    if results.bimi is not None:
        why = results.bimi.reason or "there is a record; the picture was not fetched"
        yield Because("bimi", results.bimi.result, results.bimi.owner, why)


def _iprev(iprev: Iprev) -> str:
    if iprev.reason:
        return iprev.reason
    return f"its name is {', '.join(iprev.confirmed)}, and that has this address"


def _spf(verdict: SpfVerdict, ip: str, identity: str) -> Because:
    domain = unicode_name(verdict.domain)
    said = {
        "pass": f"the domain of {identity} permits {ip}",
        "fail": f"the domain of {identity} says that {ip} may not send for it",
        "softfail": f"the domain of {identity} says that {ip} should not send for it",
        "neutral": f"the domain of {identity} says nothing of {ip}",
    }.get(verdict.result, verdict.problem)
    if verdict.term and not verdict.problem:
        said += f", by {verdict.term}"
    if verdict.explanation:
        said += f"; it explains: {verdict.explanation}"
    steps = [str(step) for step in verdict.trace]
    return Because("spf", verdict.result, domain or "the envelope", said, _shortened(steps))


def _dkim(results: AuthenticationResults) -> Iterator[Because]:
    if not results.dkim:
        yield Because("dkim", "none", "the message", "it is not signed")
    for verdict in results.dkim[:MAX_TOLD]:
        why = verdict.reason or "the header and the body are as they were signed"
        yield Because("dkim", verdict.result, _signature(verdict), why, tuple(_details(verdict)))
    more = len(results.dkim) - MAX_TOLD
    if more > 0:
        yield Because("dkim", "policy", f"{more} more signatures", "they are not told here")


def _signature(verdict: DkimVerdict) -> str:
    if not verdict.domain:
        return "a signature"
    return f"d={verdict.domain} s={verdict.selector} a={verdict.algorithm}"


def _details(verdict: DkimVerdict) -> Iterator[str]:
    """What the signature says that bears on its result."""
    signature = verdict.signature
    if signature is not None:
        yield f"it signs {cut(':'.join(signature.headers), MAX_OCTETS)} and the body"
        if verdict.result == "fail":
            yield f"bh= in the signature: {b64encode(signature.body_hash).decode('ascii')}"
    if verdict.bits:
        testing = ", which is being tried (t=y)" if verdict.testing else ""
        yield f"with the key of {verdict.bits} bits at {key_name(verdict.selector, verdict.domain)}{testing}"
    yield from verdict.warnings


def _dmarc(results: AuthenticationResults) -> Iterator[Because]:
    whole = results.dmarc
    odd = []
    if results.authors.fields > 1:
        odd.append("there is more than one From field (RFC 5322 section 3.6)")
    if len(results.authors.domains) > 1:
        # RFC 9989 section 11.5
        odd.append("From names several author domains; the strictest verdict counts")
    if not any(author.by_reader[0][1] is whole for author in results.by_author):
        odd.extend(whole.reasons)
    if odd:
        yield Because("dmarc", whole.result, "the message", "; ".join(odd))
    for author in results.by_author:
        yield from _author(author)


def _author(author: AuthorVerdict) -> Iterator[Because]:
    """One for both kinds of receivers where they agree, else one for each."""
    by_reader = author.by_reader
    outcomes = {(verdict.result, verdict.disposition) for _, verdict in by_reader}
    domain = unicode_name(author.domain)
    for reader, verdict in by_reader[:1] if len(outcomes) == 1 else by_reader:
        who = f" ({_title(reader)})" if len(outcomes) > 1 else ""
        yield Because(
            "dmarc", verdict.result, domain + who, _why_dmarc(verdict), _shortened(verdict.reasons)
        )


def _title(reader: Reader) -> str:
    return f"receivers of RFC {reader.removeprefix('rfc')}"


def _why_dmarc(verdict: DmarcVerdict) -> str:
    if verdict.record is None:
        return "no policy applies" if verdict.result == "none" else "the policy is not known"
    passed = [
        mechanism
        for mechanism, aligned in (("SPF", verdict.spf_aligned), ("DKIM", verdict.dkim_aligned))
        if aligned
    ]
    where = f"by the record of {unicode_name(verdict.policy_domain or '')}"
    if passed:
        return f"{' and '.join(passed)} passed for an aligned domain, {where}"
    if verdict.result == "fail":
        return f"{where} such mail is treated with: {verdict.disposition}"
    return where


def _shortened(steps: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    if len(steps) <= MAX_TOLD:
        return tuple(steps)
    return (*steps[:MAX_TOLD], f"and {len(steps) - MAX_TOLD} more")
