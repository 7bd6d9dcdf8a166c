"""
The chain of trust: whether names are signed, and what the parent says of the zone's keys.

Where the chain is broken, that is said once with its cause, and nothing else is held against the
zone: what follows from it is no fault of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from maildns.ask import Answer, DnssecStatus, Outcome, weakest
from maildns.audit.checks import dnssec_rules as rules
from maildns.audit.facts import Facts
from maildns.audit.facts.dnssec import (
    COUNTED,
    DEPRECATED,
    DEPRECATED_DIGESTS,
    DIGESTS,
    DelegationSigner,
    Key,
    algorithm_name,
    delegation_signers,
    ds_of,
    keys,
    signatures,
)
from maildns.audit.registry import check
from maildns.audit.result import Result, broken, ok, unknown
from maildns.dnsdata import absolute, is_within
from maildns.finding import Fix

MAX_KEYS = 8
MIN_RSA_BITS = 2048
RECOMMENDED = frozenset({8, 13, 15})  # IANA, use for DNSSEC signing: RECOMMENDED
_DOMAIN_TYPES = ("SOA", "MX", "TXT", "NS", "A", "AAAA", "DNSKEY")


def state_of(answers: Iterable[Answer]) -> DnssecStatus:
    """What is known of a name by *answers* of it; `UNKNOWN` where none came."""
    known = [answer.dnssec for answer in answers if answer.outcome is not Outcome.UNREACHABLE]
    return weakest(known) if known else DnssecStatus.UNKNOWN


def zone_state(facts: Facts) -> DnssecStatus:
    """What is known of the domain itself: bogus as well where its keys do not match the DS."""
    return _state(facts, _domain_answers(facts))


def _domain_answers(facts: Facts) -> list[Answer]:
    return [facts.dns.answer(facts.domain, rrtype) for rrtype in _DOMAIN_TYPES]


def _state(facts: Facts, answers: Sequence[Answer]) -> DnssecStatus:
    state = state_of(answers)
    return DnssecStatus.BOGUS if state is not DnssecStatus.INSECURE and _mismatch(facts) else state


@check("dnssec")
def chain(facts: Facts) -> Iterator[Result]:
    """Each name that mail depends on is signed, and its chain of trust holds."""
    if facts.dns.exists is False:
        return
    answers = _domain_answers(facts)
    state = _state(facts, answers)
    half = state is DnssecStatus.INSECURE and (zone_keys(facts) or zone_ds(facts))
    if not half:  # what is missing is said of the delegation
        yield _judged(facts, facts.domain, state, answers)
    apex = facts.dns.zone.apex or facts.domain
    for name, about in _other_names(facts):
        below = is_within(name, apex) and state_of(about) is state
        if not below:  # what is in the same zone and in the same state has been said
            yield _judged(facts, name, state_of(about), about)


def _other_names(facts: Facts) -> Iterator[tuple[str, list[Answer]]]:
    """Each mail host, and the host of the MTA-STS policy; TLSA records are judged with DANE."""
    for host in dict.fromkeys(facts.dns.mail.names):
        if host != facts.domain:
            yield host, [facts.dns.answer(host, rrtype) for rrtype in ("A", "AAAA")]
    policy = f"mta-sts.{facts.domain}"
    answer = facts.dns.answer(policy, "A")
    if facts.dns.sts.record is not None and answer.outcome is not Outcome.UNREACHABLE:
        yield policy, [answer]


def _judged(facts: Facts, name: str, state: DnssecStatus, answers: Sequence[Answer]) -> Result:
    if state is DnssecStatus.BOGUS:
        bogus = [answer for answer in answers if answer.outcome is Outcome.BOGUS]
        return broken(rules.BOGUS, name, _cause(facts, name, bogus), *bogus[:2] or answers[:1])
    shown = next((answer for answer in answers if answer.dnssec is state), answers[0])
    if state is DnssecStatus.SECURE:
        return ok(rules.BOGUS, name, "signed, and the chain of trust holds", shown)
    if state is DnssecStatus.INSECURE:
        why = f" ({shown.detail})" if shown.detail else ""
        return broken(rules.UNSIGNED, name, f"not signed{why}: no DANE for it", shown)
    if all(answer.outcome is Outcome.UNREACHABLE for answer in answers):
        return unknown(rules.BOGUS, name, shown.detail or "no name server answers", shown)
    why = shown.detail or "the resolver validates nothing, or nobody vouches for what it says"
    return unknown(rules.BOGUS, name, why, shown)


def _cause(facts: Facts, name: str, bogus: Sequence[Answer]) -> str:
    """Why the chain is broken, as closely as can be told."""
    if is_within(name, facts.dns.zone.apex or facts.domain):
        expired = _expired(facts)
        cause = _mismatch(facts) or (f"its signatures expired on {expired}" if expired else "")
        if cause:
            return cause
    said = dict.fromkeys(answer.detail for answer in bogus if answer.detail)
    return "; ".join(said) or "validating resolvers refuse its answers"


def _expired(facts: Facts) -> str:
    """When the signatures expired, where they have at every server that was asked."""
    seen = [answer for answer in direct_answers(facts) if answer.question.rrtype == "SOA"]
    found = [one for answer in seen if answer.seen for one in signatures(answer.seen.signatures)]
    if not found or max(one.expiration for one in found) >= facts.now.timestamp():
        return ""
    last = max(one.expiration for one in found)
    return f"{datetime.fromtimestamp(last, UTC):%Y-%m-%d %H:%M} UTC"


def direct_answers(facts: Facts) -> Iterator[Answer]:
    """What the zone's own servers said, each by itself, where anything was seen of it."""
    for server in facts.dns.zone.servers:
        yield from (answer for answer in server.answers if answer.seen is not None)


def zone_keys(facts: Facts) -> tuple[Key, ...]:
    """The zone's keys: those that a resolver gives, else those of a server of its own."""
    apex = facts.dns.zone.apex
    found = keys(facts.dns.answer(apex, "DNSKEY").records) if apex else ()
    if found:
        return found
    direct = (answer for answer in direct_answers(facts) if answer.question.rrtype == "DNSKEY")
    return next((found for answer in direct if (found := keys(answer.records))), ())


def zone_ds(facts: Facts) -> tuple[DelegationSigner, ...]:
    """What the parent has."""
    apex = facts.dns.zone.apex
    return delegation_signers(facts.dns.answer(apex, "DS").records) if apex else ()


def _mismatch(facts: Facts) -> str:
    """That no key matches a DS that counts, where both are known; else empty."""
    counted = [one for one in zone_ds(facts) if one.counts]
    if not counted:
        return ""
    apex = facts.dns.zone.apex
    found = zone_keys(facts)
    if any(one.vouches_for(apex, key) for one in counted for key in found):
        return ""
    tags = ", ".join(str(one.tag) for one in counted)
    if not found:
        gone = facts.dns.answer(apex, "DNSKEY").void
        return f"the parent has a DS for {tags}, and {apex} has no DNSKEY" if gone else ""
    have = ", ".join(str(key.tag) for key in found)
    return f"no DNSKEY of {apex} ({have}) matches the DS of its parent ({tags})"


# --- the delegation and the keys ----------------------------------------------------------


@check("dnssec")
def delegation(facts: Facts) -> Iterator[Result]:
    """The parent's DS records count, and match the zone's keys."""
    apex = facts.dns.zone.apex
    anchors, found = zone_ds(facts), zone_keys(facts)
    if not apex or not (anchors or found):
        return
    state = zone_state(facts)
    if state is DnssecStatus.BOGUS:
        return
    answer = facts.dns.answer(apex, "DS")
    if not anchors:
        if found and answer.void and state is not DnssecStatus.SECURE:
            yield _island(apex, found, answer)
        return
    if not any(one.counts for one in anchors):
        shown = "; ".join(f"{one.tag} {one.algorithm} {one.digest_type}" for one in anchors)
        fix = _ds_fix(apex, found)
        yield broken(rules.DS_UNCOUNTED, apex, f"none of its DS counts: {shown}", answer, fix=fix)
        return
    yield from _each_ds(apex, anchors, found, answer)


def _each_ds(
    apex: str, anchors: Sequence[DelegationSigner], found: Sequence[Key], answer: Answer
) -> Iterator[Result]:
    faulty = False
    for one in anchors:
        digest = DIGESTS.get(one.digest_type, f"digest {one.digest_type}")
        if one.digest_type in DEPRECATED_DIGESTS:
            fix = Fix(f"remove at the registrar: {absolute(apex)} IN DS {one}")
            yield broken(
                rules.DS_DIGEST, apex, f"the DS {one.tag} is a {digest} digest", answer, fix=fix
            )
        elif found and not any(one.vouches_for(apex, key) is not False for key in found):
            says = f"the DS {one.tag} matches no DNSKEY; another one holds the chain"
            fix = Fix(f"remove at the registrar: {absolute(apex)} IN DS {one}")
            yield broken(rules.DS_STALE, apex, says, answer, fix=fix)
        else:
            continue
        faulty = True
    if not faulty:
        shown = ", ".join(f"{one.tag} ({algorithm_name(one.algorithm)})" for one in anchors)
        yield ok(rules.DS_DIGEST, apex, f"the parent vouches for {shown}", answer)


def _island(apex: str, found: Sequence[Key], answer: Answer) -> Result:
    fix = _ds_fix(apex, found)
    return broken(
        rules.ISLAND, apex, "it has keys, and its parent has no DS for them", answer, fix=fix
    )


def _ds_fix(apex: str, found: Sequence[Key]) -> Fix:
    """The DS to hand in: of a key that is meant for it, and whose algorithm counts."""
    good = [key for key in found if key.algorithm in COUNTED]
    entry = next((key for key in good if key.is_entry_point), next(iter(good), None))
    if entry is None:
        return Fix("sign with algorithm 13 (ECDSA P-256), then hand the new DS to the registrar")
    return Fix(f"hand to the registrar: {ds_of(apex, entry)}")


@check("dnssec")
def zone_keys_are_sound(facts: Facts) -> Iterator[Result]:
    """The keys are of algorithms that count, long enough, and not too many."""
    found = zone_keys(facts)
    apex = facts.dns.zone.apex
    if not found or zone_state(facts) is DnssecStatus.BOGUS:
        return
    answer = facts.dns.answer(apex, "DNSKEY")
    faults = [*_algorithm_faults(apex, found, answer), *_key_faults(apex, found, answer)]
    yield from faults
    if not faults:
        yield ok(rules.ALGORITHM, apex, f"keys {', '.join(map(str, found))}", answer)


def _algorithm_faults(apex: str, found: Sequence[Key], answer: Answer) -> Iterator[Result]:
    for algorithm in sorted({key.algorithm for key in found}):
        shown = f"{algorithm_name(algorithm)} (algorithm {algorithm})"
        if algorithm in DEPRECATED:
            fix = Fix("roll over to algorithm 13 (ECDSA P-256) or 15 (Ed25519)")
            yield broken(rules.ALGORITHM, apex, f"signs with {shown}", answer, fix=fix)
        elif algorithm not in RECOMMENDED:
            yield broken(rules.ALGORITHM_UNUSUAL, apex, f"signs with {shown}", answer)


def _key_faults(apex: str, found: Sequence[Key], answer: Answer) -> Iterator[Result]:
    for key in found:
        if key.modulus_bits and key.modulus_bits < MIN_RSA_BITS and key.algorithm not in DEPRECATED:
            fix = Fix("roll over to a key of 2048 bits, or to algorithm 13 (ECDSA P-256)")
            yield broken(rules.KEY_SIZE, apex, f"the key {key} is short", answer, fix=fix)
    if len(found) > MAX_KEYS:
        yield broken(rules.KEY_COUNT, apex, f"{len(found)} keys", answer)
    tags = Counter((key.tag, key.algorithm) for key in found)
    for (tag, _), count in tags.items():
        if count > 1:
            yield broken(rules.KEY_TAGS, apex, f"{count} keys have the tag {tag}", answer)


@check("dnssec")
def wishes(facts: Facts) -> Iterator[Result]:
    """What the zone asks of its parent."""
    apex = facts.dns.zone.apex
    answer = facts.dns.answer(apex, "CDS")
    wanted = delegation_signers(answer.records) if apex else ()
    if not wanted:
        return
    if any(one.algorithm == 0 for one in wanted):  # RFC 8078 section 4
        yield broken(
            rules.CDS_DELETE, apex, "CDS 0 0 0 00: the parent is asked to remove the DS", answer
        )
        return
    same = set(wanted) == set(zone_ds(facts))
    says = "CDS as the DS of its parent" if same else "CDS other than the DS of its parent"
    yield broken(rules.CDS, apex, says, answer)
