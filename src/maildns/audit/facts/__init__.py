"""
What is known of a domain when its rules are judged.

`DnsFacts` come from DNS answers alone; the rest of `Facts` is what live servers showed. Every
answer is kept, so that a result can name its evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from maildns.ask import Answer, Outcome, Question
from maildns.audit.facts.zone import ZoneFacts
from maildns.dnsdata import Txt
from maildns.net.https import FetchedPolicy
from maildns.net.talk import Talk
from maildns.net.web import Fetched
from maildns.protocols.addresses import Iprev
from maildns.protocols.addresses.record import IpAddress
from maildns.protocols.bimi import BimiLookup
from maildns.protocols.caa import CaaLookup
from maildns.protocols.dane import DomainLookup
from maildns.protocols.dkim import KeyResult, KeyVerdict
from maildns.protocols.dmarc import Destination, DmarcVerdict, Reader
from maildns.protocols.mtasts import StsLookup
from maildns.protocols.mx import MailHosts, MxResult
from maildns.protocols.spf import SpfVerdict
from maildns.protocols.spf.tree import LookupTree
from maildns.protocols.tlsrpt import TlsRptLookup


@dataclass(frozen=True, slots=True)
class SelectorFacts:
    """A DKIM selector that was asked for, what came back, and where the selector is known from."""

    selector: str
    source: str  # "given", "config", "message", "reports" or "common"
    answer: Answer
    verdict: KeyVerdict


@dataclass(frozen=True, slots=True)
class DnsFacts:
    """
    What the DNS says of `domain`.

    `answers` holds every answer by its question. `dmarc` is what each reader makes of a message
    that fails everything; `addresses` the names of each address of a mail host; `caa` the records
    that decide for each name that needs a certificate; `helo_spf` the SPF verdict of each address
    of a mail host that calls itself by the host's name, `own_spf` that of the same address when it
    sends in the domain's name; `exists` says whether there is such a domain, None where it cannot be
    known; `reports` the TLS-RPT record of the domain and of each mail host with
    DANE.
    """

    domain: str
    answers: Mapping[Question, Answer]
    mail: MailHosts
    dane: DomainLookup
    spf: LookupTree
    dmarc: Mapping[Reader, DmarcVerdict]
    destinations: tuple[Destination, ...]
    sts: StsLookup
    reports: Mapping[str, TlsRptLookup]
    bimi: BimiLookup
    selectors: tuple[SelectorFacts, ...]
    addresses: Mapping[IpAddress, Iprev]
    helo_spf: Mapping[tuple[str, IpAddress], SpfVerdict]
    caa: Mapping[str, CaaLookup]
    zone: ZoneFacts
    exists: bool | None
    own_spf: Mapping[tuple[str, IpAddress], SpfVerdict] = field(default_factory=dict)

    def answer(self, name: str, rrtype: str) -> Answer:
        """The answer to a question; `UNREACHABLE` for one that was never put."""
        answers: Mapping[Any, Answer] = self.answers  # a question equals the tuple that it is
        try:
            return answers[name, rrtype]
        except KeyError:
            question = Question(name, rrtype)
            return Answer(question, Outcome.UNREACHABLE, detail="it was not asked")

    def texts(self, name: str) -> tuple[str, ...]:
        """The TXT records at *name*, as text."""
        records = self.answer(name, "TXT").records
        return tuple(record.text for record in records if isinstance(record, Txt))

    @property
    def receives(self) -> bool:
        """There are hosts that take its mail."""
        return self.mail.result in {MxResult.FOUND, MxResult.IMPLICIT}

    @property
    def sends(self) -> bool | None:
        """
        Mail is sent in its name: a DKIM key is published, or SPF permits somebody.

        None where nothing is said of it, or it cannot be known.
        """
        if any(one.verdict.result is KeyResult.MATCH for one in self.selectors):
            return True
        record = self.spf.root.record
        return None if record is None else record.permits_somebody

    @property
    def parked(self) -> bool:
        """It takes no mail, and nothing says that mail is sent in its name."""
        takes_none = self.mail.result in {MxResult.NULL, MxResult.NONE}
        return takes_none and not self.sends and not self.spf.root.temporary


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier check saw, as far as faults show only beside it: the MTA-STS id and policy."""

    sts_id: str = ""
    policy_text: str = ""


@dataclass(frozen=True, slots=True)
class BimiDocuments:
    """
    What came of fetching the documents that the BIMI record names, each None where it names none.

    The certificate is judged by the known mark verifying authorities and those of
    `authorities_pem`.
    """

    picture: Fetched | None = None
    certificate: Fetched | None = None
    authorities_pem: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """
    All that is known of `domain`.

    `talks` are the conversations with its mail hosts and the services that it announces, `policy`
    the fetched MTA-STS policy, `documents` what the BIMI record names: None where that was not asked
    for, or there was nobody to ask.
    `views` holds what further views of a split DNS show. `now` is the time that expiry is judged
    by. `previous` is what an earlier check saw, where anyone remembers.
    """

    dns: DnsFacts
    now: datetime
    talks: tuple[Talk, ...] | None = None
    policy: FetchedPolicy | None = None
    views: Mapping[str, DnsFacts] = field(default_factory=dict)
    previous: Earlier | None = None
    documents: BimiDocuments | None = None
    domain: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "domain", self.dns.domain)
