"""Signatures and proofs of absence, as the zone's own servers give them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from maildns.ask import Answer, DnssecStatus
from maildns.audit.checks import dnssec_rules as rules
from maildns.audit.checks.dnssec import direct_answers, zone_ds, zone_keys, zone_state
from maildns.audit.facts import Facts
from maildns.audit.facts.dnssec import (
    Hashing,
    Signature,
    denies_compactly,
    hashings,
    keys,
    signatures,
)
from maildns.audit.facts.zone import NameServer
from maildns.audit.registry import check
from maildns.audit.result import Result, broken, ok
from maildns.dnsdata import is_within
from maildns.finding import Fix
from maildns.protocols.dmarc import DmarcRecord, Policy

DAY_SECONDS = 86_400
SOON_SECONDS = 3 * DAY_SECONDS
LONG_SECONDS = 180 * DAY_SECONDS
MAX_ITERATIONS = 150
_STRICTNESS = {Policy.NONE: 0, Policy.QUARANTINE: 1, Policy.REJECT: 2}


def _is_signed(facts: Facts) -> bool:
    """There is a zone with keys whose chain is not broken: broken is said elsewhere, once."""
    return bool(zone_keys(facts)) and zone_state(facts) is not DnssecStatus.BOGUS


@check("dnssec")
def lifetimes(facts: Facts) -> Iterator[Result]:
    """Signatures hold now and for a while, at each server."""
    if not _is_signed(facts):
        return
    now = facts.now.timestamp()
    sound: list[tuple[int, Answer]] = []
    for server in facts.dns.zone.servers:
        signed = [(one, answer) for answer in server.answers for one in _signatures(answer)]
        faults = list(_time_faults(server, signed, now))
        yield from faults
        if signed and not faults:
            first, answer = min(signed, key=lambda pair: pair[0].expiration)
            sound.append((first.expiration, answer))
    if sound:
        until, answer = min(sound, key=lambda pair: pair[0])
        yield ok(
            rules.SIGNATURE_EXPIRING, facts.dns.zone.apex, f"signed until {_when(until)}", answer
        )


def _signatures(answer: Answer) -> tuple[Signature, ...]:
    return signatures(answer.seen.signatures) if answer.seen is not None else ()


def _time_faults(
    server: NameServer, signed: Sequence[tuple[Signature, Answer]], now: float
) -> Iterator[Result]:
    """The worst of each kind: all signatures of a server tend to share a fault."""
    told: set[str] = set()
    for one, answer in sorted(signed, key=lambda pair: pair[0].expiration):
        result = _time_fault(server, one, answer, now)
        if result is not None and result.rule not in told:
            told.add(result.rule)
            yield result


def _time_fault(server: NameServer, one: Signature, answer: Answer, now: float) -> Result | None:
    left = one.expiration - now
    subject = f"{server.host} ({server.address})"
    what = f"the signature of {answer.question.name} {one.covered}"
    if left < 0:
        says = f"{what} expired on {_when(one.expiration)}"
        return broken(rules.SIGNATURE_EXPIRED, subject, says, answer)
    if one.inception > now:
        says = f"{what} is not valid before {_when(one.inception)}"
        return broken(rules.SIGNATURE_EXPIRED, subject, says, answer)
    # Signers for each answer give them a day or two: then the share that is left counts.
    if left < min(SOON_SECONDS, one.span / 4):
        says = f"{what} expires on {_when(one.expiration)}"
        return broken(rules.SIGNATURE_EXPIRING, subject, says, answer)
    if one.span > LONG_SECONDS or one.span < DAY_SECONDS:
        days = f"{one.span / DAY_SECONDS:.3g} days"
        return broken(rules.SIGNATURE_SPAN, subject, f"{what} holds for {days}", answer)
    if one.ttl_seconds > left:
        says = f"{what} has a TTL of {one.ttl_seconds} s and expires on {_when(one.expiration)}"
        return broken(rules.SIGNATURE_TTL, subject, says, answer)
    return None


def _when(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


@check("dnssec")
def servers(facts: Facts) -> Iterator[Result]:
    """All servers give signatures, of all algorithms that must be, and the same keys."""
    if not _is_signed(facts):
        return
    apex = facts.dns.zone.apex
    given = [(server, *_own_records(server, apex)) for server in facts.dns.zone.servers]
    signed = [
        (server, soa, {one.algorithm for one in _signatures(soa)})
        for server, soa, _ in given
        if soa is not None
    ]
    some = any(
        algorithms for _, _, algorithms in signed
    )  # where none signs, it is no server's fault
    wanted = {one.algorithm for one in zone_ds(facts) if one.counts}
    for server, soa, algorithms in signed:
        subject = f"{server.host} ({server.address})"
        missing = ", ".join(map(str, sorted(wanted - algorithms)))
        if some and not algorithms:
            says = f"{apex} SOA comes without signature"
            yield broken(rules.SERVER_UNSIGNED, subject, says, soa)
        elif some and missing:
            says = f"{apex} SOA is not signed with algorithm {missing}"
            yield broken(rules.ALGORITHM_INCOMPLETE, subject, says, soa)
    yield from _same_keys(apex, [answer for _, _, answer in given if answer is not None])


def _own_records(server: NameServer, apex: str) -> tuple[Answer | None, Answer | None]:
    """Its answers for the zone's SOA and DNSKEY, where there are records and it was seen."""
    found = {
        answer.question.rrtype: answer
        for answer in server.answers
        if answer.question.name == apex and answer.found and answer.seen is not None
    }
    return found.get("SOA"), found.get("DNSKEY")


def _same_keys(apex: str, answers: Sequence[Answer]) -> Iterator[Result]:
    sets = {frozenset(keys(answer.records)) for answer in answers}
    if len(sets) > 1:
        shown = " / ".join(", ".join(str(key.tag) for key in sorted(one, key=str)) for one in sets)
        yield broken(rules.KEYS_DIFFER, apex, f"servers give the keys {shown}", *answers[:4])
    elif len(answers) > 1:
        yield ok(
            rules.KEYS_DIFFER, apex, f"all {len(answers)} servers give the same keys", answers[0]
        )


@check("dnssec")
def denial(facts: Facts) -> Iterator[Result]:
    """How the zone proves that a name does not exist."""
    if not _is_signed(facts):
        return
    apex = facts.dns.zone.apex
    answer = facts.dns.answer(apex, "NSEC3PARAM")
    seen = [(one, one.seen.authority) for one in direct_answers(facts) if one.seen is not None]
    proofs = [
        (hashing, one)
        for one, authority in seen
        for rrset in authority
        for hashing in hashings(rrset.records)
    ]
    known = [*((hashing, answer) for hashing in hashings(answer.records)), *proofs]
    if known:
        yield from _hashing_faults(apex, *max(known, key=lambda pair: pair[0].iterations))
    opted = next((one for hashing, one in proofs if hashing.opt_out), None)
    if opted is not None:
        yield broken(rules.OPT_OUT, apex, "its NSEC3 records leave unsigned delegations out", opted)
    compact = next((one for one, authority in seen if denies_compactly(authority)), None)
    if compact is not None:
        yield from _compact(facts, apex, compact)


def _hashing_faults(apex: str, hashing: Hashing, answer: Answer) -> Iterator[Result]:
    fix = Fix(f"let the signer use: {apex}. IN NSEC3PARAM 1 0 0 -")
    if hashing.iterations > MAX_ITERATIONS:
        yield broken(rules.NSEC3_EXCESS, apex, f"{hashing.iterations} iterations", answer, fix=fix)
    elif hashing.iterations:
        yield broken(
            rules.NSEC3_ITERATIONS, apex, f"{hashing.iterations} iterations", answer, fix=fix
        )
    else:
        yield ok(rules.NSEC3_ITERATIONS, apex, "NSEC3 without additional iterations", answer)
    if hashing.salt:
        yield broken(rules.NSEC3_SALT, apex, f"the salt {hashing.salt}", answer, fix=fix)


def _compact(facts: Facts, apex: str, answer: Answer) -> Iterator[Result]:
    verdict = facts.dns.dmarc["rfc9989"]
    record, owner = verdict.record, verdict.policy_domain
    if (
        record is not None
        and owner is not None
        and is_within(owner, apex)
        and _np_is_stricter(record)
    ):
        says = f"np={record.for_nonexistent} never applies, receivers use {record.for_subdomains}"
        mended = replace(record, subdomain_policy=record.for_nonexistent)
        fix = Fix(f"set sp to what np says, at _dmarc.{owner}", str(mended))
        policy = facts.dns.answer(f"_dmarc.{owner}", "TXT")
        yield broken(rules.COMPACT_NP, owner, says, policy, answer, fix=fix)
    yield broken(rules.COMPACT, apex, "", answer)


def _np_is_stricter(record: DmarcRecord) -> bool:
    """Names that do not exist are meant to fare worse than those that do."""
    wanted = record.for_nonexistent or Policy.NONE
    return _STRICTNESS[wanted] > _STRICTNESS[record.for_subdomains or Policy.NONE]
