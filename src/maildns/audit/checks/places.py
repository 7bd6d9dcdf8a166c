"""
What stands where receivers look for a mail record, and is none.

Readers pass over it in silence. Whether that is a slip of the pen, a record that belongs
somewhere else, or a text of no concern to mail is told apart here, for all kinds of records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from maildns.ask import Answer, Outcome
from maildns.audit.facts import DnsFacts
from maildns.audit.result import Result, broken, of_findings, unknown
from maildns.dnsdata import Mx, Txt
from maildns.finding import Finding, Fix, Rule, Severity, rule
from maildns.protocols.mx import MxResult
from maildns.zonelint.rules import WRONG_PLACE

STRANGER = rule(
    "zone-unrelated-text",
    Severity.INFO,
    "a text that has nothing to do with it stands where receivers look for a mail record",
    help="""Receivers pass over texts that are not the record they look for, so it does no harm but for
    some programs that take the first text they find. Remove it, or move it to a name of its own.""",
    reference="RFC 9989 section 4.10",
)

# How each kind begins; the word that a failed try has in it; what it is called; where it belongs.
_KINDS = {
    "v=spf1": ("spf", "an SPF record", "{domain}"),
    "v=dmarc1": ("dmarc", "a DMARC record", "_dmarc.{domain}"),
    "v=dkim1": ("dkim", "a DKIM key", "SELECTOR._domainkey.{domain}"),
    "v=stsv1": ("stsv", "an MTA-STS record", "_mta-sts.{domain}"),
    "v=tlsrptv1": ("tlsrpt", "a TLS-RPT record", "_smtp._tls.{domain}"),
    "v=bimi1": ("bimi", "a BIMI record", "default._bimi.{domain}"),
}
MAX_TEXTS = 20  # at one name; enough said, they may be hostile
Lint: TypeAlias = Callable[[str], tuple[Finding, ...]]


def texts_of(answer: Answer) -> list[str]:
    """The TXT records of *answer*, as text."""
    return [record.text for record in answer.records if isinstance(record, Txt)]


def of_wildcard(dns: DnsFacts, answer: Answer) -> bool:
    """Whether *answer* is just what the domain's wildcard answers for every name."""
    everyone = dns.answer(f"*.{dns.domain}", "TXT")
    return everyone.found and everyone.records == answer.records


def misplaced(
    dns: DnsFacts, version: str, texts: Iterable[str], answer: Answer
) -> Iterator[Result]:
    """Those of *texts* that belong to another place than that of *version*, or to none of mail."""
    for text in texts:
        start = text[:20].lower()
        kind = next((one for one in _KINDS if start.startswith(one)), "")
        if kind and kind != version:
            yield wrong_place(dns.domain, kind, text, answer)
        elif not kind:
            says = f"{text[:60]!r} has nothing to do with mail here"
            yield broken(STRANGER, answer.question.name, says, answer)


def wrong_place(domain: str, kind: str, text: str, answer: Answer) -> Result:
    """The record *text* of *kind* stands at the name that *answer* is of."""
    _, what, place = _KINDS[kind]
    right = place.format(domain=domain)
    says = f"{what} stands at {answer.question.name}, where nobody looks for it"
    where = "" if "SELECTOR" in right else right
    fix = Fix(f"move it to {right}", text if where else None, where, "TXT" if where else "")
    return broken(WRONG_PLACE, answer.question.name, says, answer, fix=fix)


def strayed(dns: DnsFacts, version: str) -> Iterator[Result]:
    """Records of *version* that were published at the domain itself."""
    answer = dns.answer(dns.domain, "TXT")
    begin = version.encode()
    for record in answer.records:
        if isinstance(record, Txt) and record.strings[0][:12].lower().startswith(begin):
            yield wrong_place(dns.domain, version, record.text, answer)


def beside(
    dns: DnsFacts, version: str, answer: Answer, is_record: Callable[[str], object], lint: Lint
) -> Iterator[Result]:
    """
    What stands in the place of a record of *version*, or should stand there, and is none.

    That is failed tries at the record, records of other kinds, and any other text; and records
    of *version* at the domain itself. What the domain's wildcard answers says nothing.
    """
    texts = [text for text in texts_of(answer) if not is_record(text)][:MAX_TEXTS]
    if texts and not of_wildcard(dns, answer):
        yield from near_misses(version, texts, answer, lint)
        rest = [text for text in texts if not resembles(text, version)]
        yield from misplaced(dns, version, rest, answer)
    yield from strayed(dns, version)


def near_misses(version: str, texts: Iterable[str], answer: Answer, lint: Lint) -> Iterator[Result]:
    """Those of *texts* that were meant to be a record of *version*; readers take none of them for it."""
    for text in texts:
        if resembles(text, version):
            yield from of_findings(lint(text), answer, subject=answer.question.name)


def resembles(text: str, version: str) -> bool:
    """Whether *text* looks like a try at a record of *version*."""
    word = _KINDS[version][0]
    if word != "spf":
        return word in text[:200].lower()
    # SPF shares its place with texts of all sorts, so it must begin like one.
    bare = text[:20].lstrip(" \t\"'").lower()
    return bare.startswith(word) or (bare[:1] == "v" and word in bare[:8])


def takes_mail(dns: DnsFacts, host: str) -> bool | None:
    """Whether mail can go to *host*, as far as it was asked; None where it cannot be known."""
    if host == dns.domain:
        return None if dns.mail.result is MxResult.TEMPERROR else dns.receives
    answer = dns.answer(host, "MX")
    if answer.found:
        return any(isinstance(one, Mx) and one.host != "." for one in answer.records)
    if answer.failed:
        return None
    if answer.outcome is Outcome.NO_NAME:
        return False
    addresses = [dns.answer(host, rrtype) for rrtype in ("A", "AAAA")]
    if any(one.found for one in addresses):
        return True
    return None if any(one.failed for one in addresses) else False


def cannot_know(rule: Rule, subject: str, answer: Answer) -> Result:
    """The answer that decides cannot be had."""
    return unknown(rule, subject, f"{answer.question}: {answer.detail or answer.outcome}", answer)
