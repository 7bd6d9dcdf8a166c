"""The picture and the mark certificate as mailbox providers fetch them (BIMI draft section 7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from maildns.audit.facts import BimiDocuments, Facts
from maildns.audit.live import document_urls
from maildns.audit.registry import check
from maildns.audit.result import (
    Observation,
    Result,
    broken,
    not_applicable,
    of_findings,
    ok,
    unknown,
)
from maildns.finding import Rule, Severity, rule
from maildns.net.web import Fetched, FetchResult
from maildns.protocols.bimi import mark_rules as certificate_rules
from maildns.protocols.bimi.authorities import trusted_roots
from maildns.protocols.bimi.picture import TOO_LARGE, Picture, judge_picture

if TYPE_CHECKING:
    from maildns.protocols.bimi.mark import Mark

_DRAFT = "draft-brand-indicators-for-message-identification-14"

PICTURE_NOT_SERVED = rule(
    "bimi-picture-not-served",
    Severity.ERROR,
    "the picture cannot be fetched",
    help="""The record names a picture, but the server does not hand it out: over HTTPS, with a
    certificate of a public authority for its name, and with the status 200. So none is shown. Serve
    the file at the very address of the tag l.""",
    reference=f"{_DRAFT} section 7.5",
)
CERTIFICATE_NOT_SERVED = rule(
    "bimi-certificate-not-served",
    Severity.ERROR,
    "the mark certificate cannot be fetched",
    help="""The record names a mark certificate, but the server does not hand it out: over HTTPS, with a
    certificate of a public authority for its name, and with the status 200. Providers that want one
    show no picture. Serve the file at the very address of the tag a.""",
    reference=f"{certificate_rules.FETCH_DRAFT} section 3.2",
)


@check("bimi")
def documents(facts: Facts) -> Iterator[Result]:
    """What the record names can be fetched, and is what providers show."""
    found = facts.documents
    if found is None:
        if document_urls(facts.dns.bimi):
            subject = facts.dns.bimi.owner
            yield not_applicable(PICTURE_NOT_SERVED, subject, "what it names was not fetched")
        return
    picture = None
    if found.picture is not None:
        yield from _fetch(found.picture, PICTURE_NOT_SERVED)
        if found.picture.result is FetchResult.FETCHED:
            picture = _judged(found.picture.body)
            yield from _picture(found.picture, picture)
    if found.certificate is not None:
        yield from _fetch(found.certificate, CERTIFICATE_NOT_SERVED)
        if found.certificate.result is FetchResult.FETCHED:
            yield from _certificate(facts, found, found.certificate, picture)


def _seen(found: Fetched) -> Observation:
    if found.result is not FetchResult.FETCHED:
        return Observation(found.url, found.reason)
    moved = f", at {found.final_url}" if found.final_url != found.url else ""
    digest = sha256(found.body).hexdigest()
    return Observation(found.url, f"{len(found.body)} octets{moved}, SHA-256 {digest}")


def _fetch(found: Fetched, not_served: Rule) -> Iterator[Result]:
    """Whether it is served; one that is too large is told of by its own rule, if there is one."""
    evidence = _seen(found)
    if found.result is FetchResult.UNREACHABLE:
        yield unknown(not_served, found.url, found.reason, evidence)
    elif found.about == "size" and not_served is PICTURE_NOT_SERVED:
        yield broken(TOO_LARGE, found.url, found.reason, evidence)
    elif found.result is not FetchResult.FETCHED:
        yield broken(not_served, found.url, found.reason, evidence)


@lru_cache(maxsize=256)
def _judged(octets: bytes) -> Picture:
    return judge_picture(octets)


def _picture(found: Fetched, picture: Picture) -> Iterator[Result]:
    evidence = _seen(found)
    yield from of_findings(picture.findings, evidence, subject=found.url)
    if all(one.severity is not Severity.ERROR for one in picture.findings):
        says = f"the picture {picture.title!r} is served, {len(picture.svg)} octets of SVG Tiny PS"
        yield ok(PICTURE_NOT_SERVED, found.url, says, evidence)


def _certificate(
    facts: Facts, documents: BimiDocuments, found: Fetched, picture: Picture | None
) -> Iterator[Result]:
    # The module loads `cryptography`, which is not for domains without a certificate.
    from maildns.protocols.bimi.mark import Expected, Trust, judge_mark

    evidence = _seen(found)
    expected = Expected(
        owner=facts.dns.bimi.owner,
        domains=_domains(facts),
        now=facts.now,
        roots=trusted_roots(documents.authorities_pem),
        picture=picture.svg or None if picture is not None else None,
    )
    mark = judge_mark(found.body, expected, found.url)
    yield from of_findings(mark.findings, evidence)
    if mark.until is None:
        return
    yield from _picture_within(mark, picture, found.url, evidence)
    kind = f"{mark.kind or 'certificate'} ({mark.mark_type or 'of no mark type'})"
    kept = {
        certificate_rules.NAMES: f"it is for {', '.join(mark.names[:8])}",
        certificate_rules.EXPIRED: _until(mark.until, facts.now),
    }
    if mark.trust is Trust.KNOWN:
        says = f"a {kind} of {mark.organization}: {mark.trust_says}"
        kept[certificate_rules.UNTRUSTED] = says
    elif mark.trust is Trust.UNKNOWN:
        yield unknown(certificate_rules.UNTRUSTED, found.url, mark.trust_says, evidence)
    wrong = {one.rule for one in mark.findings}
    for one, says in kept.items():
        if one.id not in wrong:
            yield ok(one, found.url, says, evidence)
    if mark.kind == "CMC":
        yield broken(certificate_rules.COMMON, found.url, f"it is a {kind}", evidence)


def _picture_within(
    mark: Mark, picture: Picture | None, url: str, evidence: Observation
) -> Iterator[Result]:
    """The picture in the certificate is the one that is served; otherwise it is judged by itself."""
    rule = certificate_rules.OTHER_PICTURE
    if picture is not None and picture.svg and picture.svg == mark.picture:
        yield ok(rule, url, "the picture in it is the one that is served", evidence)
        return
    if picture is None or not picture.svg or not mark.picture:
        yield not_applicable(rule, url, "there are no two pictures to compare", evidence)
    if mark.picture:
        # Providers that want a certificate show the picture in it (section 5.3, step 6).
        yield from of_findings(_judged(mark.picture).findings, evidence, subject=url)


def _until(until: datetime, now: datetime) -> str:
    return f"it is valid for {(until - now).days} days, until {until:%Y-%m-%d}"


def _domains(facts: Facts) -> tuple[str, ...]:
    """The domain, and its organizational domain as each reader of DMARC finds it."""
    above = (verdict.organizational_domain for verdict in facts.dns.dmarc.values())
    return tuple(dict.fromkeys([facts.domain, *(one for one in above if one)]))
