"""TLS at the mail servers: STARTTLS, versions and ciphers (RFC 3207, RFC 8996, RFC 9325)."""

from __future__ import annotations

from collections.abc import Iterator

from maildns.audit.checks.talks import place, seen, weighed
from maildns.audit.facts import Facts
from maildns.audit.registry import check
from maildns.audit.result import Result, broken, not_applicable, ok, unknown
from maildns.finding import Rule, Severity, rule
from maildns.net.talk import Reached, Stage, Talk, TlsShown

NO_STARTTLS = rule(
    "tls-starttls-missing",
    Severity.ERROR,
    "the server does not offer STARTTLS",
    help="""Mail to this server crosses the Internet in the clear, and senders that insist on TLS do
    not deliver. Give the server a certificate and turn TLS on; where it is on, look for a firewall
    that takes STARTTLS out of the server's words.""",
    reference="RFC 3207 section 4.1",
)
STARTTLS_REFUSED = rule(
    "tls-starttls-refused",
    Severity.ERROR,
    "the server offers STARTTLS and then refuses it",
    help="""Most often the server cannot read its certificate or key. Senders give up or deliver in
    the clear; those that insist on TLS keep the mail. Look into the server's log.""",
    reference="RFC 3207 section 4",
)
TALKS_ON = rule(
    "tls-talks-on-in-clear",
    Severity.ERROR,
    "the server goes on in the clear after STARTTLS",
    help="""What comes before TLS has begun can be put there by anybody on the way, so careful senders
    end the connection. A proxy before the server, or an old mail server, does this. Bring it up to
    date.""",
    reference="RFC 3207 section 6",
)
HANDSHAKE = rule(
    "tls-handshake-fails",
    Severity.ERROR,
    "TLS does not come about",
    help="""The server agrees to TLS, but the handshake fails, so senders deliver in the clear or not
    at all. Look into the server's log: a missing certificate, a key that does not belong to it, or
    versions and ciphers that nobody else speaks.""",
    reference="RFC 9325 section 3.1",
)
OLD_VERSION = rule(
    "tls-version-old",
    Severity.ERROR,
    "the best TLS that the server speaks is outdated",
    help="""Versions below TLS 1.2 are formally withdrawn, and up-to-date senders and mail programs do
    not speak them any more. Bring the TLS library and the settings of the server up to date.""",
    reference="RFC 8996 section 2",
)
OLD_ACCEPTED = rule(
    "tls-old-versions-accepted",
    Severity.WARN,
    "TLS below version 1.2 is accepted as well",
    help="""These versions have known weaknesses and are formally withdrawn. Set the least version of
    the server to TLS 1.2; senders that cannot do that hardly exist any more.""",
    reference="RFC 8996 section 2",
)
WEAK_CIPHERS = rule(
    "tls-weak-ciphers-accepted",
    Severity.WARN,
    "weak ciphers are accepted",
    help="""Ciphers without encryption, or with one that is broken, protect nothing. Take them out of
    the server's list. Ciphers without authentication are said to be there, but do no harm where
    the sender does not look at certificates anyway.""",
    reference="RFC 9325 section 4.1",
)
NO_FORWARD_SECRECY = rule(
    "tls-no-forward-secrecy",
    Severity.WARN,
    "the cipher lacks forward secrecy",
    help="""Whoever records the traffic and comes by the server's key years later can read it all. Let
    the server prefer ciphers with ECDHE, or TLS 1.3, and take those with plain RSA out.""",
    reference="RFC 9325 section 4.1",
)

_CURRENT = {"TLSv1.2", "TLSv1.3"}
_SECRET_FORWARD = ("TLS_", "ECDHE-", "DHE-", "ADH-", "AECDH-")
_WITHOUT_AUTHENTICATION = ("ADH-", "AECDH-")


@check("tls")
def starttls(facts: Facts) -> Iterator[Result]:
    """The server agrees to TLS, and it comes about."""
    if facts.talks is None:
        yield not_applicable(NO_STARTTLS, facts.domain, "the mail servers were not asked")
        return
    for talk in facts.talks:
        yield from _starttls(talk)


def _starttls(talk: Talk) -> Iterator[Result]:
    subject, evidence = place(talk), seen(talk)
    if talk.starttls is False:
        yield broken(NO_STARTTLS, subject, "", evidence)
        return
    if talk.starttls:
        yield ok(NO_STARTTLS, subject, "it offers STARTTLS", evidence)
    if talk.tls is not None:
        yield ok(HANDSHAKE, subject, f"{talk.tls.version} with {talk.tls.cipher}", evidence)
        return
    if talk.stage in {Stage.GREETING, Stage.HELLO} or talk.reached is not Reached.YES:
        # That it cannot be reached, or does not speak SMTP, is said by the rules for that.
        yield unknown(NO_STARTTLS, subject, "the conversation did not come to TLS", evidence)
    elif talk.temporary:
        yield unknown(HANDSHAKE, subject, talk.failure, evidence)
    else:
        yield broken(_what_failed(talk), subject, talk.failure, evidence)


def _what_failed(talk: Talk) -> Rule:
    if talk.talked_on:
        return TALKS_ON
    return STARTTLS_REFUSED if talk.stage is Stage.STARTTLS else HANDSHAKE


@check("tls")
def versions(facts: Facts) -> Iterator[Result]:
    """Nothing below TLS 1.2 (RFC 8996)."""
    for talk in facts.talks or ():
        if talk.tls is None:
            continue
        subject, evidence, version = place(talk), seen(talk), talk.tls.version
        if version not in _CURRENT:
            says = f"the best TLS that it speaks is {version}"
            yield broken(OLD_VERSION, subject, says, evidence)
        elif talk.old_versions:
            says = f"it accepts {', '.join(talk.old_versions)} as well"
            yield broken(OLD_ACCEPTED, subject, says, evidence)
        elif talk.old_versions is not None:
            yield ok(OLD_ACCEPTED, subject, "it accepts nothing below TLS 1.2", evidence)
        else:
            yield ok(OLD_VERSION, subject, version, evidence)


@check("tls")
def ciphers(facts: Facts) -> Iterator[Result]:
    """No cipher that protects less than it seems (RFC 9325 section 4)."""
    for talk in facts.talks or ():
        if talk.tls is not None:
            yield from _forward_secrecy(talk, talk.tls)
            yield from _weak(talk)


def _forward_secrecy(talk: Talk, tls: TlsShown) -> Iterator[Result]:
    if not tls.cipher.startswith(_SECRET_FORWARD):
        yield broken(NO_FORWARD_SECRECY, place(talk), f"it agrees on {tls.cipher}", seen(talk))
        return
    accepted = [one for one in talk.poor_ciphers or () if not one.startswith(_SECRET_FORWARD)]
    plain = [one for one in accepted if not _is_weak(one)]
    if plain:
        says = f"it accepts {', '.join(plain)} as well"
        yield weighed(NO_FORWARD_SECRECY.finding(place(talk), says), Severity.INFO, talk)
    else:
        yield ok(NO_FORWARD_SECRECY, place(talk), tls.cipher, seen(talk))


def _weak(talk: Talk) -> Iterator[Result]:
    if talk.poor_ciphers is None:
        return
    weak = [one for one in talk.poor_ciphers if _is_weak(one)]
    if not weak:
        yield ok(WEAK_CIPHERS, place(talk), "it accepts no weak cipher", seen(talk))
    elif all(one.startswith(_WITHOUT_AUTHENTICATION) for one in weak) and not talk.service:
        says = f"it accepts {', '.join(weak)}, without authentication"
        yield weighed(WEAK_CIPHERS.finding(place(talk), says), Severity.INFO, talk)
    else:
        yield broken(WEAK_CIPHERS, place(talk), f"it accepts {', '.join(weak)}", seen(talk))


def _is_weak(cipher: str) -> bool:
    parts = cipher.split("-")
    if parts[0] in {"ADH", "AECDH", "EXP", "NULL"}:
        return True
    return not {"NULL", "RC4", "DES", "3DES", "MD5", "RC2", "IDEA"}.isdisjoint(parts)
