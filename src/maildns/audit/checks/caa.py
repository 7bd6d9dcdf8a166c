"""Who may issue certificates for the names that mail is protected by (RFC 8659)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files

from maildns.audit.facts import Facts
from maildns.audit.registry import check
from maildns.audit.result import Result, broken, of_findings, ok, unknown
from maildns.finding import Fix, Severity, rule
from maildns.protocols import caa

LOOKUP = rule(
    "caa-records",
    Severity.INFO,
    "any authority may issue certificates",
    help="""Without CAA records every certificate authority may issue for the name. A record that
    names the one in use keeps the others from it, also when they are deceived.""",
    reference="RFC 8659 section 3",
)
FORBIDDEN = rule(
    "caa-issuer-forbidden",
    Severity.ERROR,
    "the authority that issued the certificate in use may not do so again",
    help="""The CAA records do not permit the authority whose certificate the server shows, so the
    next renewal fails, and with it STARTTLS with MTA-STS or DANE. Permit the authority, or move to
    one that is permitted before the certificate ends.""",
    reference="RFC 8659 section 4.2",
)


@check("caa")
def records(facts: Facts) -> Iterator[Result]:
    """The CAA records of each name that needs a certificate are well formed."""
    seen: set[str] = set()
    for host, lookup in facts.dns.caa.items():
        if lookup.result is caa.CaaResult.TEMPERROR:
            yield unknown(LOOKUP, host, f"it cannot be known: {lookup.reason}")
        elif lookup.result is caa.CaaResult.NONE:
            yield broken(LOOKUP, host, "any authority may issue", facts.dns.answer(host, "CAA"))
        elif lookup.owner not in seen:
            seen.add(lookup.owner)
            answer = facts.dns.answer(lookup.owner, "CAA")
            found = caa.lint_rrset(lookup.records, lookup.owner)
            yield from of_findings(found, answer)
            if not any(finding.severity.rank for finding in found):
                yield ok(LOOKUP, host, f"those of {lookup.owner} decide", answer)


@check("caa")
def issuer_in_use(facts: Facts) -> Iterator[Result]:
    """The authority of the certificate that a host shows is permitted."""
    judged: set[tuple[str, str]] = set()
    for talk in facts.talks or ():
        lookup = facts.dns.caa.get(talk.host)
        if talk.tls is None or not talk.tls.chain_der or lookup is None or not lookup.records:
            continue
        issuer = issuer_of(talk.tls.chain_der[0])
        if not issuer or (talk.host, issuer) in judged:
            continue
        judged.add((talk.host, issuer))
        answer = facts.dns.answer(lookup.owner, "CAA")
        why = caa.refusal(lookup.records, issuer)
        if why is None:
            yield ok(
                FORBIDDEN, talk.host, f"{issuer}, whose certificate it shows, may issue", answer
            )
        else:
            fix = Fix("permit it", f'0 issue "{issuer}"', lookup.owner, "CAA")
            yield broken(FORBIDDEN, talk.host, why, answer, fix=fix)


@lru_cache(maxsize=4096)
def issuer_of(certificate_der: bytes) -> str:
    """The name by which CAA records know the authority that issued a certificate; empty: unknown."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        issuer = x509.load_der_x509_certificate(certificate_der).issuer
        found = issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    except ValueError:
        return ""
    return _issuers().get(str(found[0].value).casefold(), "") if found else ""


@lru_cache(maxsize=1)
def _issuers() -> Mapping[str, str]:
    text = (files("maildns.audit") / "issuers.toml").read_text(encoding="utf-8")
    return {key.casefold(): value for key, value in tomllib.loads(text)["issuers"].items()}
