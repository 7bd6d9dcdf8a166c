"""The certificates that mail servers show (RFC 5280, RFC 8461 section 4.2, RFC 9325)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from maildns.audit.checks.talks import mail_talks, place, seen, wants_name, wants_trust, weighed
from maildns.audit.facts import Facts
from maildns.audit.registry import check
from maildns.audit.result import Result, broken, of_findings, ok, unknown
from maildns.finding import Finding, Fix, Severity, rule
from maildns.net.talk import NO_ROOTS, Talk, TlsShown
from maildns.protocols.dane.certificate import (
    EXPIRED,
    WRONG_NAME,
    certificate_problems,
    covers,
)

if TYPE_CHECKING:
    from maildns.audit.certificates import CertificateFacts

UNREADABLE = rule(
    "tls-certificate-unreadable",
    Severity.ERROR,
    "the certificate cannot be read",
    help="""What the server shows is no certificate by the rules of X.509, so whoever looks at it
    refuses it. Replace it by one of an authority, or make one with an up-to-date tool.""",
    reference="RFC 5280 section 4.1",
)
SELF_SIGNED = rule(
    "tls-self-signed",
    Severity.WARN,
    "the certificate is signed by itself",
    help="""Nobody but the server vouches for it. Between mail servers most senders do not look, but
    those that follow an enforced MTA-STS policy do not deliver, and mail programs complain. Get a
    certificate from a public authority, or rely on DANE.""",
    reference="RFC 8461 section 4.2",
)
UNTRUSTED = rule(
    "tls-untrusted",
    Severity.WARN,
    "the certificate's chain does not lead to a trusted root",
    help="""The issuer is not among the authorities that the public trusts. Senders that follow an
    enforced MTA-STS policy do not deliver, and mail programs complain. Get a certificate from a
    public authority, or rely on DANE.""",
    reference="RFC 8461 section 4.2",
)
INCOMPLETE = rule(
    "tls-chain-incomplete",
    Severity.WARN,
    "the server does not send its issuer's certificate",
    help="""Whoever does not happen to know the intermediate cannot find the way to the root, so the
    certificate is trusted by some and not by others. Give the server the file with the whole chain,
    often called fullchain.pem, not the certificate alone.""",
    reference="RFC 8446 section 4.4.2",
)
OLD_ISSUER = rule(
    "tls-issuer-expired",
    Severity.WARN,
    "an issuer's certificate in the chain has expired",
    help="""The server's own certificate is in time, but one that it sends along is not. Some clients
    find another way, others refuse. Take the file with the whole chain from the authority again.""",
    reference="RFC 5280 section 6.1.3",
)
UNFIT = rule(
    "tls-key-usage",
    Severity.WARN,
    "the certificate is not made for servers",
    help="""Its extensions say that the key is for something else, so careful clients refuse it. Order a
    certificate for servers (TLS web server authentication, digital signature).""",
    reference="RFC 5280 section 4.2.1.12",
)
WEAK_KEY = rule(
    "tls-weak-key",
    Severity.ERROR,
    "the certificate's key is weak",
    help="""Keys below 2048 bits of RSA can be broken with means that exist, and TLS libraries refuse
    them. Make a new key, RSA with 3072 bits or ECDSA with P-256, and order a certificate for it.""",
    reference="RFC 9325 section 4.2.1",
)
SHORT_KEY = rule(
    "tls-short-key",
    Severity.INFO,
    "the certificate's key is at the lower limit",
    help="""RSA with 2048 bits is accepted everywhere, but some guidelines want 3072 from now on. Choose
    more, or ECDSA with P-256, when the key is made anew.""",
    reference="RFC 9325 section 4.2.1",
)
WEAK_SIGNATURE = rule(
    "tls-weak-signature",
    Severity.WARN,
    "a certificate is signed with a weak hash",
    help="""Certificates with MD5 or SHA-1 can be forged, and TLS libraries refuse them. Have the
    certificate issued anew; every authority signs with SHA-256 or better.""",
    reference="RFC 9155 section 2",
)
DIFFER = rule(
    "tls-certificates-differ",
    Severity.WARN,
    "the addresses of a host show different certificates",
    help="""Which certificate a sender sees depends on the address that it happens to use. Most often
    one machine was forgotten at a renewal. Load the same certificate everywhere, or publish TLSA
    records that match each of them.""",
    reference="RFC 7671 section 8",
)

# OpenSSL's X509_V_ERR_...: the leaf or the root is self-signed; an issuer is not to be had; dates
_SELF_SIGNED, _NO_ISSUER, _DATES = 18, {2, 20, 21}, {9, 10}


@check("tls")
def certificates(facts: Facts) -> Iterator[Result]:
    """Each certificate shown will do for those who look."""
    for talk in facts.talks or ():
        if talk.tls is not None:
            yield from _certificate(facts, talk, talk.tls)


def _certificate(facts: Facts, talk: Talk, tls: TlsShown) -> Iterator[Result]:
    from maildns.audit.certificates import certificate_facts

    chain = [certificate_facts(der) for der in tls.chain_der[:16]]
    leaf = chain[0]
    if leaf is None:
        yield broken(UNREADABLE, place(talk), "", seen(talk))
        return
    known = [one for one in chain if one is not None]
    yield _dates(facts, talk, leaf)
    yield from _name(facts, talk, tls)
    yield from _trust(facts, talk, tls, known)
    yield from _key(talk, leaf)
    yield from _signatures(talk, known)


def _dates(facts: Facts, talk: Talk, leaf: CertificateFacts) -> Result:
    found = certificate_problems(leaf.certificate, names=(), now=facts.now)
    if found:
        (result,) = of_findings(found[:1], seen(talk))
        return _about(result, talk)
    last = leaf.certificate.not_valid_after_utc
    return ok(EXPIRED, place(talk), f"the certificate is valid until {last:%Y-%m-%d}", seen(talk))


def _about(result: Result, talk: Talk) -> Result:
    return replace(result, subject=place(talk))


def _name(facts: Facts, talk: Talk, tls: TlsShown) -> Iterator[Result]:
    wanted = [talk.host]
    if talk.service:  # RFC 6186 section 6: the target, or the domain that the user gave
        wanted.append(facts.domain)
    if any(covers(tls.names, one) for one in wanted):
        yield ok(WRONG_NAME, place(talk), f"the certificate names {talk.host}", seen(talk))
        return
    has = ", ".join(tls.names[:8]) or "no DNS name at all"
    fix = Fix(f"order a certificate that names {talk.host}")
    finding = WRONG_NAME.finding(place(talk), f"the certificate has {has}", fix=fix)
    yield weighed(finding, wants_name(facts, talk), talk)


def _trust(
    facts: Facts, talk: Talk, tls: TlsShown, chain: list[CertificateFacts]
) -> Iterator[Result]:
    leaf, severity = chain[0], wants_trust(facts, talk)
    late = [one for one in chain[1:] if facts.now > one.certificate.not_valid_after_utc]
    if late:
        shown = late[0].certificate
        says = f"{_title(late[0])} expired on {shown.not_valid_after_utc:%Y-%m-%d}"
        weight = severity if tls.distrust else Severity.INFO
        yield weighed(OLD_ISSUER.finding(place(talk), says), weight, talk)
    if leaf.unfit:
        weight = severity if tls.distrust else Severity.INFO
        yield weighed(UNFIT.finding(place(talk), leaf.unfit), weight, talk)
    if not tls.distrust:
        issuer = leaf.certificate.issuer.rfc4514_string()[:100]
        yield ok(UNTRUSTED, place(talk), f"it is trusted; issued by {issuer}", seen(talk))
        return
    if tls.distrust_code == NO_ROOTS:
        yield unknown(UNTRUSTED, place(talk), tls.distrust, seen(talk))
        return
    # What the dates and the purpose come to was said above.
    told = bool(late or leaf.unfit) or tls.distrust_code in _DATES
    if not told or tls.distrust_code == _SELF_SIGNED:
        yield weighed(_why_not_trusted(talk, tls, chain), severity, talk)


def _why_not_trusted(talk: Talk, tls: TlsShown, chain: list[CertificateFacts]) -> Finding:
    from maildns.audit.certificates import last_link

    subject, last = place(talk), last_link(chain)
    if chain[0].own_issuer:
        return SELF_SIGNED.finding(subject)
    if tls.distrust_code in _NO_ISSUER and last is chain[0]:
        issuer = last.certificate.issuer.rfc4514_string()[:100]
        return INCOMPLETE.finding(subject, f"the certificate of its issuer, {issuer}, is not sent")
    return UNTRUSTED.finding(subject, f"the chain is not trusted: {tls.distrust}")


def _key(talk: Talk, leaf: CertificateFacts) -> Iterator[Result]:
    if leaf.weak_key:
        yield broken(WEAK_KEY, place(talk), f"the key is {leaf.weak_key}", seen(talk))
    elif leaf.short_key:
        yield broken(SHORT_KEY, place(talk), f"the key is {leaf.key}", seen(talk))
    else:
        yield ok(WEAK_KEY, place(talk), f"the key is {leaf.key}", seen(talk))


def _signatures(talk: Talk, chain: list[CertificateFacts]) -> Iterator[Result]:
    # The signature of a root, or of a certificate by itself, proves nothing and is not looked at.
    weak = [one for one in chain if one.weak_signature and not one.own_issuer]
    if weak:
        says = f"{_title(weak[0])} is signed with {weak[0].weak_signature}"
        yield broken(WEAK_SIGNATURE, place(talk), says, seen(talk))
    else:
        yield ok(WEAK_SIGNATURE, place(talk), "no weak hash in the chain", seen(talk))


def _title(one: CertificateFacts) -> str:
    return one.certificate.subject.rfc4514_string()[:100] or "a certificate without a subject"


@check("tls")
def alike(facts: Facts) -> Iterator[Result]:
    """All addresses of a host show the same certificate."""
    shown: dict[str, dict[bytes, Talk]] = {}
    for talk in mail_talks(facts):
        if talk.tls is not None:
            shown.setdefault(talk.host, {}).setdefault(talk.tls.chain_der[0], talk)
    for host, talks in shown.items():
        if len(talks) > 1:
            places = ", ".join(talk.address for talk in talks.values())
            says = f"{host} shows different certificates at {places}"
            yield broken(DIFFER, host, says, *(seen(talk) for talk in talks.values()))
        else:
            yield ok(DIFFER, host, "one certificate at all its addresses")
