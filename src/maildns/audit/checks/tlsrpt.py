"""TLS-RPT: where senders report how TLS went (RFC 8460)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from maildns.ask import Answer
from maildns.audit.checks.places import beside, cannot_know, takes_mail
from maildns.audit.facts import DnsFacts, Facts
from maildns.audit.registry import check
from maildns.audit.result import (
    Result,
    Status,
    broken,
    not_applicable,
    of_findings,
    ok,
    unknown,
)
from maildns.dnsdata import is_within
from maildns.errors import RecordSyntaxError
from maildns.finding import Finding, Fix, Severity, rule
from maildns.protocols import tlsrpt
from maildns.protocols.dane import LookupResult
from maildns.protocols.dmarc import ReportUri
from maildns.protocols.mtasts import StsResult
from maildns.protocols.mx import MxResult
from maildns.protocols.tlsrpt import TlsRptLookup, TlsRptResult
from maildns.protocols.tlsrpt.record import announces
from maildns.recognise import SYNTAX_RULES
from maildns.zonelint.rules import SEVERAL

RECORD = rule(
    "tlsrpt-record",
    Severity.INFO,
    "nobody is told when TLS to the mail hosts fails",
    help="""Large senders report once a day how TLS to a domain's mail hosts went, when it asks for it.
    With MTA-STS or DANE a fault stops mail, and these reports are the only word of it. Publish
    the record with an address that is read, or processed.""",
    reference="RFC 8460 section 3",
)
OF_HOST = rule(
    "tlsrpt-mail-host-without-record",
    Severity.INFO,
    "a mail host with DANE has no TLS-RPT record of its own",
    help="""Some senders look for the record at the name of the mail host when they find TLSA records
    there. Publish the domain's record at _smtp._tls.HOST, too.""",
    reference="RFC 8460 section 3",
)
HOST_WITHOUT_MAIL = rule(
    "tlsrpt-report-host-without-mail",
    Severity.WARN,
    "TLS reports shall go to a domain that takes no mail",
    help="""The domain of a report address has no mail host, so reports are returned to those who send
    them. Correct the address.""",
    reference="RFC 8460 section 3",
)
_VERSION = "v=tlsrptv1"


@lru_cache(maxsize=2048)
def _linted(text: str) -> tuple[Finding, ...]:
    try:
        return tuple(tlsrpt.lint(tlsrpt.parse(text)))
    except RecordSyntaxError as error:
        return (SYNTAX_RULES["tlsrpt"].finding("", error.problem, span=error.span),)


@check("tlsrpt")
def record(facts: Facts) -> Iterator[Result]:
    """One record asks for reports, to an address that can be reached."""
    dns = facts.dns
    lookup = dns.reports[dns.domain]
    answer = dns.answer(lookup.owner, "TXT")
    if lookup.result is TlsRptResult.TEMPERROR:
        yield cannot_know(RECORD, lookup.owner, answer)
        return
    told = list(beside(dns, _VERSION, answer, announces, _linted))
    yield from told
    if lookup.texts:
        yield from _of_record(dns, lookup, answer)
    elif all(one.status is not Status.BAD for one in told):
        yield _none(dns, lookup, answer)


def _of_record(dns: DnsFacts, lookup: TlsRptLookup, answer: Answer) -> Iterator[Result]:
    texts = list(dict.fromkeys(lookup.texts))
    if len(texts) > 1:
        says = f"there are {len(texts)} TLS-RPT records; reporters use none of them"
        fix = Fix("keep one, with the addresses of all")
        yield broken(SEVERAL["tlsrpt"], lookup.owner, says, answer, fix=fix)
        return
    faults = _linted(texts[0])
    yield from of_findings(faults, answer, subject=lookup.owner)
    if all(one.severity is not Severity.ERROR for one in faults):
        yield ok(RECORD, lookup.owner, texts[0][:300], answer)
    uris = [ReportUri(uri) for uri in lookup.record.rua] if lookup.record is not None else []
    for uri in uris:
        if uri.scheme != "mailto" or not uri.host:
            continue  # a bad address is lint's to tell
        mail = takes_mail(dns, uri.host)
        evidence = dns.answer(uri.host, "MX")
        if mail is None:
            says = f"{uri}: whether {uri.host} takes mail"
            yield unknown(HOST_WITHOUT_MAIL, lookup.owner, says, evidence)
        elif not mail:
            says = f"{uri}: {uri.host} takes no mail"
            yield broken(HOST_WITHOUT_MAIL, lookup.owner, says, evidence)


def _none(dns: DnsFacts, lookup: TlsRptLookup, answer: Answer) -> Result:
    if dns.mail.result is MxResult.TEMPERROR:
        says = "there is none, and it cannot be known whether the domain takes mail"
        return unknown(RECORD, answer.question.name, says, answer)
    if not dns.receives:
        return not_applicable(RECORD, lookup.owner, "the domain takes no mail", answer)
    why = [
        *(["MTA-STS"] if dns.sts.result is StsResult.FOUND else []),
        *(["DANE"] if any(one.result is LookupResult.DANE for one in dns.dane.hosts) else []),
    ]
    says = f"{' and '.join(why)} can stop mail, and nobody would be told" if why else ""
    text = f"v=TLSRPTv1; rua=mailto:postmaster@{dns.domain}"
    fix = Fix("publish, with an address whose mail is read", text)
    severity = Severity.WARN if why else None
    finding = RECORD.finding(lookup.owner, says, fix=fix, severity=severity)
    return next(of_findings([finding], answer))


@check("tlsrpt")
def hosts(facts: Facts) -> Iterator[Result]:
    """Mail hosts of the domain that have TLSA records ask for reports, too."""
    dns = facts.dns
    mine = dns.reports[dns.domain]
    if mine.record is None:
        return
    for one in dns.dane.hosts:
        lookup = dns.reports.get(one.host)
        if one.result is not LookupResult.DANE or lookup is None or one.host == dns.domain:
            continue
        if lookup.result is TlsRptResult.NONE and is_within(one.host, dns.domain):
            fix = Fix("publish there, too", str(mine.record))
            yield broken(OF_HOST, lookup.owner, "", dns.answer(lookup.owner, "TXT"), fix=fix)
        elif lookup.result is TlsRptResult.FOUND:
            yield ok(OF_HOST, lookup.owner, lookup.texts[0][:300], dns.answer(lookup.owner, "TXT"))
