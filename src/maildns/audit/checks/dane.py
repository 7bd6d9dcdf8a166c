"""DANE as a sender meets it: TLSA records beside the certificates shown (RFC 7671, RFC 7672)."""

from __future__ import annotations

from collections.abc import Iterator

from maildns.ask import Answer, DnssecStatus, Outcome
from maildns.audit.checks.talks import dane_verdict, mail_talks, place, seen, weighed
from maildns.audit.facts import Facts
from maildns.audit.live import tlsa_owner
from maildns.audit.registry import check
from maildns.audit.result import Result, broken, not_applicable, of_findings, ok, unknown
from maildns.dnsdata import Tlsa
from maildns.finding import Fix, Severity, rule
from maildns.net.talk import Talk, TlsShown
from maildns.protocols import dane
from maildns.protocols.dane import DaneResult, Delivery, LookupResult, SenderVerdict, TlsaLookup
from maildns.protocols.dane.record import DANE_TA

MISSING = rule(
    "dane-missing",
    Severity.INFO,
    "there are no TLSA records, though the zone is signed",
    help="""Without them anyone on the way can take STARTTLS out, or show another certificate, and no
    sender notices. The zone of the mail host is signed with DNSSEC, so nothing but the records is
    missing.""",
    reference="RFC 7672 section 1.3",
)
HOST_MISSING = rule(
    "dane-host-missing",
    Severity.WARN,
    "a mail host has no TLSA records, though others have",
    help="""Whoever can keep senders from the hosts with TLSA records drives the mail to the one
    without. Publish records for every mail host of the domain, the least preferred too.""",
    reference="RFC 7672 section 2.2.1",
)
UNSIGNED = rule(
    "dane-unsigned",
    Severity.WARN,
    "there are TLSA records in a zone that is not signed",
    help="""Anyone can forge an answer that is not signed, so no sender looks at these records. Sign the
    zone with DNSSEC and have the DS record published in its parent, or remove the records.""",
    reference="RFC 7672 section 2.2",
)
BOGUS = rule(
    "dane-lookup-bogus",
    Severity.ERROR,
    "the answer for the TLSA records fails DNSSEC validation",
    help="""The address of the host is sound, but the answer for its TLSA records is not, whether there
    are any or not. Senders that follow DANE do not deliver to the host. Sign the zone anew; where
    there are no such records, the name server's proof of that is broken: bring it up to date.""",
    reference="RFC 7672 section 2.1.2",
)
MISMATCH = rule(
    "dane-mismatch",
    Severity.ERROR,
    "no TLSA record matches the certificate",
    help="""Senders that follow DANE, some large ones among them, do not deliver to this address; when
    no other host is left, the mail waits and is returned after some days. Publish the record of the
    certificate that the server shows, at once, and remove the others later.""",
    reference="RFC 7672 section 3.1",
)
NOT_SENT = rule(
    "dane-issuer-not-sent",
    Severity.ERROR,
    "the issuer that a TLSA record names is not sent",
    help="""A usage 2 record works only while the server sends the certificate that it names along with
    its own. Give the server the whole chain, or publish a 3 1 1 record of its own key.""",
    reference="RFC 7671 section 5.2.1",
)
PARAMETERS = rule(
    "dane-parameters-unmatched",
    Severity.WARN,
    "of one kind of TLSA record none matches",
    help="""A sender need not know every kind of record. One that knows this kind alone does not
    deliver, though a record of another kind matches. For each combination of usage, selector and
    matching type keep one record that matches.""",
    reference="RFC 7671 section 8",
)
OTHER_CERTIFICATE = rule(
    "dane-other-certificate-unmatched",
    Severity.ERROR,
    "the server's other certificate matches no TLSA record",
    help="""The server has an RSA and an ECDSA certificate and shows the one that the client asks for.
    Records match one of them alone, so some senders deliver and others do not. Publish a 3 1 1
    record for each.""",
    reference="RFC 7671 section 8",
)
MX_UNSIGNED = rule(
    "dane-mx-unsigned",
    Severity.INFO,
    "the MX records are not signed, though the hosts have TLSA records",
    help="""Anyone on the way can name other hosts in the domain's place, so DANE proves that mail comes
    to the host, not that it is the domain's. Sign the domain's own zone, too.""",
    reference="RFC 7672 section 2.2.1",
)


@check("dane")
def records(facts: Facts) -> Iterator[Result]:
    """Each mail host has TLSA records that count."""
    lookups = facts.dns.dane.hosts
    any_dane = any(lookup.result is LookupResult.DANE for lookup in lookups)
    for lookup in lookups:
        yield from _host(facts, lookup, others_have=any_dane)
    if any_dane and facts.dns.dane.dnssec is DnssecStatus.INSECURE:
        yield broken(MX_UNSIGNED, facts.domain, "", facts.dns.answer(facts.domain, "MX"))


def _host(facts: Facts, lookup: TlsaLookup, *, others_have: bool) -> Iterator[Result]:
    """The records of one host; what DNSSEC or the MX rules say of it is not said again."""
    host = lookup.host
    if lookup.result is LookupResult.DANE:
        answer = facts.dns.answer(lookup.owner, "TLSA")
        yield from of_findings(dane.lint_rrset(lookup.records, lookup.owner), answer)
        count = len(lookup.records)
        says = "there is a TLSA record" if count == 1 else f"there are {count} TLSA records"
        yield ok(MISSING, host, f"{says}, signed with DNSSEC", answer)
    elif lookup.result is LookupResult.NO_DANE:
        yield _without(facts, lookup, others_have=others_have)
    elif lookup.result is LookupResult.UNKNOWN:
        yield unknown(MISSING, host, lookup.reason)
    elif lookup.result is LookupResult.DEFER:
        answer = facts.dns.answer(lookup.owner, "TLSA")
        if answer.outcome is Outcome.BOGUS and _addresses_are_sound(facts, host):
            yield broken(BOGUS, host, lookup.reason, answer)
        else:
            yield unknown(MISSING, host, lookup.reason)


def _addresses_are_sound(facts: Facts, host: str) -> bool:
    answers = [facts.dns.answer(host, rrtype) for rrtype in ("A", "AAAA")]
    return all(answer.outcome is not Outcome.BOGUS for answer in answers)


def _without(facts: Facts, lookup: TlsaLookup, *, others_have: bool) -> Result:
    host, owner = lookup.host, lookup.owner or tlsa_owner(lookup.host)
    answer = facts.dns.answer(owner, "TLSA")
    if any(isinstance(record, Tlsa) for record in answer.records):
        return broken(UNSIGNED, host, f"the TLSA records at {owner} are not signed", answer)
    signed = lookup.dnssec is DnssecStatus.SECURE
    fix = _fix(facts, host, owner)
    if others_have:
        return broken(HOST_MISSING, host, "", answer, fix=fix if signed else None)
    if signed:
        return broken(MISSING, host, "", answer, fix=fix)
    return not_applicable(MISSING, host, lookup.reason, answer)


def _fix(facts: Facts, host: str, owner: str) -> Fix | None:
    """The record of the certificate that *host* shows, where it showed one."""
    for talk in mail_talks(facts):
        if talk.host == host and talk.tls is not None:
            return _publish(owner, talk.tls)
    return None


def _publish(owner: str, tls: TlsShown) -> Fix | None:
    from maildns.audit.certificates import certificate_facts

    leaf = certificate_facts(tls.chain_der[0])
    if leaf is None:
        return None
    return Fix("publish", str(dane.from_certificate(leaf.certificate)), owner, "TLSA")


# --- records beside certificates ------------------------------------------------------


@check("dane")
def matches(facts: Facts) -> Iterator[Result]:
    """At every address of every host with records, one of them matches."""
    lookups = {lookup.host: lookup for lookup in facts.dns.dane.hosts}
    counting = [one for one in lookups.values() if one.result is LookupResult.DANE]
    if facts.talks is None:
        for lookup in counting:
            yield not_applicable(MISMATCH, lookup.host, "the mail servers were not asked")
        return
    for talk in mail_talks(facts):
        found = lookups.get(talk.host)
        if found in counting and found is not None:
            yield from _judge(facts, talk, found)


def _judge(facts: Facts, talk: Talk, lookup: TlsaLookup) -> Iterator[Result]:
    if talk.tls is None:
        # That there is no TLS is said by its own rule; of a certificate nobody can tell.
        says = "no certificate was shown, so it is not known whether a record matches"
        yield unknown(MISMATCH, place(talk), says, seen(talk))
        return
    verdict = dane_verdict(facts, talk.tls, lookup)
    if verdict.delivery is Delivery.ENCRYPTED:
        yield not_applicable(MISMATCH, place(talk), verdict.reason, seen(talk))
        return
    if verdict.match is None:
        return
    if verdict.match.result is DaneResult.MATCH:
        yield ok(MISMATCH, place(talk), verdict.reason, _answer(facts, lookup), seen(talk))
        yield from _beside(facts, talk, lookup, verdict)
    else:
        yield _mismatch(facts, talk, talk.tls, lookup)


def _answer(facts: Facts, lookup: TlsaLookup) -> Answer:
    return facts.dns.answer(lookup.owner, "TLSA")


def _mismatch(facts: Facts, talk: Talk, tls: TlsShown, lookup: TlsaLookup) -> Result:
    verdict = dane_verdict(facts, tls, lookup)
    evidence = (_answer(facts, lookup), seen(talk))
    fault = _fault_of_the_certificate(tls, lookup)
    if fault:
        return unknown(MISMATCH, place(talk), f"{fault}: see TLS", *evidence)
    one = NOT_SENT if _not_sent(verdict) else MISMATCH
    fix = _publish(lookup.owner, tls)
    return broken(one, place(talk), verdict.reason, *evidence, fix=fix)


def _fault_of_the_certificate(tls: TlsShown, lookup: TlsaLookup) -> str:
    """What is wrong with the certificate where it, not the record, keeps them from matching."""
    from maildns.audit.certificates import certificate_facts

    leaf = certificate_facts(tls.chain_der[0])
    if leaf is None:
        return "the certificate cannot be read"
    first, last = leaf.certificate.not_valid_before_utc, leaf.certificate.not_valid_after_utc
    names = [f"any{one[1:]}" if one.startswith("*.") else one for one in tls.names]
    # At a better time, and under a name that it has.
    found = dane.match(lookup.usable, tls.chain_der, names, now=first + (last - first) / 2)
    if found.result is not DaneResult.MATCH:
        return ""
    return "the issuer matches, but the certificate's dates or names stand against it"


def _not_sent(verdict: SenderVerdict) -> tuple[Tlsa, ...]:
    """The usage 2 records whose issuer the server does not send."""
    from maildns.protocols.dane.chain import NOT_SENT as WHY

    per_record = verdict.match.per_record if verdict.match is not None else ()
    return tuple(one for one, became in per_record if one.usage == DANE_TA and became == WHY)


def _beside(
    facts: Facts, talk: Talk, lookup: TlsaLookup, verdict: SenderVerdict
) -> Iterator[Result]:
    """What a record that matches leaves open."""
    not_sent = _not_sent(verdict)
    if not_sent:
        shown = ", ".join(f"{one.usage} {one.selector} {one.matching_type}" for one in not_sent)
        finding = NOT_SENT.finding(place(talk), f"the issuer of {shown} is not sent")
        yield weighed(finding, Severity.WARN, talk)
    yield from _parameters(facts, talk, lookup, not_sent)
    if talk.other_tls is not None:
        other = dane_verdict(facts, talk.other_tls, lookup)
        if other.delivery is Delivery.AUTHENTICATED:
            yield ok(OTHER_CERTIFICATE, place(talk), other.reason, seen(talk))
        else:
            fix = _publish(lookup.owner, talk.other_tls)
            yield broken(OTHER_CERTIFICATE, place(talk), other.reason, seen(talk), fix=fix)


def _parameters(
    facts: Facts, talk: Talk, lookup: TlsaLookup, not_sent: tuple[Tlsa, ...]
) -> Iterator[Result]:
    chain = talk.tls.chain_der if talk.tls is not None else ()
    names = lookup.names(*facts.dns.dane.next_hops)
    unmatched = dane.unmatched_parameters(lookup.usable, chain, names, now=facts.now)
    told = {dane.Parameters.of(record) for record in not_sent}
    left = [str(one) for one in unmatched if one not in told]
    if left:
        says = f"no record with {' or '.join(left)} matches"
        fix = Fix(f"publish a record with {left[0]} of the certificate that is shown")
        yield broken(PARAMETERS, place(talk), says, seen(talk), fix=fix)
