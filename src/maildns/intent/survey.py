"""
What is published for a domain today, as far as a new description can take it over.

An inquiry: the wizard runs it over the live DNS or over a zone file at hand. What it
cannot learn it leaves out; nothing here judges.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from maildns.ask import Answer, Inquiry, Question
from maildns.dnsdata import AAAA, A, Caa, Mx, RRset, Txt, is_within
from maildns.errors import RecordSyntaxError
from maildns.protocols import dmarc, spf

Addresses = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """
    The records of one domain that matter to its mail.

    `mx` maps hosts to preferences, `addresses` each host to its addresses. `selectors`
    are known only where a whole zone was at hand. `unreachable` lists what could not be
    asked; `notes` what was found and cannot be read.
    """

    domain: str
    mx: dict[str, int] = field(default_factory=dict)
    null_mx: bool = False
    addresses: dict[str, Addresses] = field(default_factory=dict)
    spf: spf.SpfRecord | None = None
    dmarc: dmarc.DmarcRecord | None = None
    selectors: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Nothing about mail is published."""
        return not (self.mx or self.null_mx or self.spf or self.dmarc or self.selectors)


def survey(domain: str, hosts: Iterable[str] = ()) -> Inquiry[Survey]:
    """Ask what *domain* publishes about mail, and the addresses of its MX hosts and of *hosts*."""
    questions = [
        Question(domain, "MX"),
        Question(domain, "TXT"),
        Question(f"_dmarc.{domain}", "TXT"),
        Question(domain, "CAA"),
    ]
    mx, txt, policy, caa = yield questions
    notes: list[str] = []
    exchangers = {r.host: r.preference for r in mx.records if isinstance(r, Mx) and r.host != "."}
    named = list(dict.fromkeys([*hosts, *exchangers, domain]))
    asked = [Question(host, rrtype) for host in named for rrtype in ("A", "AAAA")]
    answers = yield asked
    return Survey(
        domain=domain,
        mx=exchangers,
        null_mx=any(isinstance(r, Mx) and r.host == "." for r in mx.records),
        addresses=_addresses(answers),
        spf=_spf(txt, notes),
        dmarc=_dmarc(policy, notes),
        issuers=_issuers(caa),
        unreachable=tuple(
            str(answer.question) for answer in (mx, txt, policy, *answers) if answer.failed
        ),
        notes=tuple(notes),
    )


def selectors_in(rrsets: Iterable[RRset], domain: str) -> tuple[str, ...]:
    """The DKIM selectors that a zone at hand holds for *domain*."""
    home = f"_domainkey.{domain}"
    return tuple(
        rrset.name[: -len(home) - 1]
        for rrset in rrsets
        if rrset.name != home
        and is_within(rrset.name, home)
        and rrset.rrtype in {"TXT", "CNAME"}
        and not rrset.name.startswith("*")
    )


def _addresses(answers: Iterable[Answer]) -> dict[str, Addresses]:
    found: dict[str, Addresses] = {}
    for answer in answers:
        texts = tuple(str(r) for r in answer.records if isinstance(r, A | AAAA))
        if texts:
            owner = answer.question.name
            found[owner] = (*found.get(owner, ()), *texts)
    return found


def _spf(answer: Answer, notes: list[str]) -> spf.SpfRecord | None:
    texts = [r.text for r in answer.records if isinstance(r, Txt) and spf.is_spf(r.text)]
    merged: spf.SpfRecord | None = None
    for text in texts:
        try:
            record = spf.parse(text)
        except RecordSyntaxError as error:
            notes.append(f"the SPF record cannot be read: {error.problem}: {text}")
            continue
        merged = record if merged is None else spf.merge(merged, record)
    if len(texts) > 1:
        notes.append(f"there are {len(texts)} SPF records, which fails; they are taken as one")
    return merged


def _dmarc(answer: Answer, notes: list[str]) -> dmarc.DmarcRecord | None:
    texts = [r.text for r in answer.records if isinstance(r, Txt) and r.text.startswith("v=DMARC1")]
    if len(texts) > 1:
        notes.append(f"there are {len(texts)} DMARC records, so receivers use none of them")
    return dmarc.read(texts[0]) if texts else None


def _issuers(answer: Answer) -> tuple[str, ...]:
    return tuple(
        record.value.decode("utf-8", "replace")
        for record in answer.records
        if isinstance(record, Caa) and record.tag == "issue"
    )
