"""
How one question is put to name servers: which, how often, and what their replies mean.

Like an inquiry it is a generator without input or output: it yields what to
send and is sent the reply, so the same steps run blocking and under asyncio,
and are tested without a socket. What a reply means is exact:

    NXDOMAIN, also at the end of aliases          NO_NAME      (RFC 8020, RFC 6604 section 3)
    nothing of the type                           NO_DATA      (RFC 2308 section 2.2)
    SERVFAIL that CD=1 turns into an answer       BOGUS        (RFC 4035 section 3.2.2)
    time-out, other rcodes, referral, garbage     UNREACHABLE  after all servers and tries

Records at a name that was not asked for are ignored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from maildns.ask import Answer, DnssecStatus, Outcome, Question, Seen
from maildns.errors import UsageError
from maildns.net.convert import (
    name_from_dns,
    name_to_dns,
    rdtype_to_dns,
    records_from_dns,
    ttl_from_dns,
)
from maildns.net.servers import Server, Transport

MAX_ALIASES = 16  # more than any resolver follows; a longer chain is UNREACHABLE
MAX_CHASES = 8  # times that a server is asked again for the target of an alias
UDP_PAYLOAD = 1232  # RFC 9715 section 3.1: no fragments
REFERS = "refers to other servers"
_NO_EDNS = -1


@dataclass(frozen=True, slots=True)
class Send:
    """What the driver must carry: *query* to *server* by *transport*."""

    server: Server
    query: dns.message.QueryMessage
    transport: Transport


@dataclass(frozen=True, slots=True)
class Failure:
    """No usable message came back; `detail` says why, `truncated` that it did not fit."""

    detail: str
    truncated: bool = False


Reply: TypeAlias = dns.message.Message | Failure
Lookup: TypeAlias = Generator[Send, Reply, Answer]
Exchange: TypeAlias = Generator[Send, Reply, Reply]


@dataclass(slots=True)
class Rules:
    """
    How to ask.

    `validating` is memory shared by all lookups: which servers are known to
    validate, found by asking them for the root's SOA, which is signed. With
    `dnssec_ok`, signatures come along. `clock` tells the time of an answer.
    """

    servers: tuple[Server, ...]
    tries: int = 2
    recursive: bool = True
    authoritative: bool = False
    trusted: bool | None = None
    dnssec_ok: bool = False
    validating: dict[Server, bool] = field(default_factory=dict)
    clock: Callable[[], float] = time.time

    def trusts(self, server: Server) -> bool:
        """Whether the AD bit of *server* is to be believed."""
        return server.trustworthy_path if self.trusted is None else self.trusted


def lookup(question: Question, rules: Rules) -> Lookup:
    """
    Find the answer to *question*.

    Raises `UsageError` for a type that no record has; never for what a server
    says. A name that cannot be put on the wire exists nowhere: NO_NAME.
    """
    rdtype = record_type(question.rrtype)
    try:
        qname = name_to_dns(question.name)
    except UsageError as error:
        return Answer(question, Outcome.NO_NAME, detail=error.problem)
    if not rules.servers:
        return Answer(question, Outcome.UNREACHABLE, detail="no name server is configured")
    faults: dict[str, None] = {}
    diagnosed: set[Server] = set()
    seen = None
    for server in rules.servers * rules.tries:
        asking = Asking(question, rdtype, server, rules)
        answer = yield from asking.resolve(qname, 0)
        if answer.outcome is not Outcome.UNREACHABLE:
            return answer
        faults[answer.detail] = None
        seen = answer.seen
        if asking.servfail and server not in diagnosed:
            diagnosed.add(server)
            if (yield from asking.is_bogus()):
                return replace(answer, outcome=Outcome.BOGUS, dnssec=DnssecStatus.BOGUS)
    return Answer(question, Outcome.UNREACHABLE, detail="; ".join(faults), seen=seen)


def record_type(rrtype: str) -> dns.rdatatype.RdataType:
    """The number of a type that records have; raises `UsageError` for another."""
    rdtype = rdtype_to_dns(rrtype)
    if dns.rdatatype.is_metatype(rdtype):
        raise UsageError(f"{rrtype} is not the type of a record")
    return rdtype


@dataclass(slots=True)
class Asking:
    """One question at one server."""

    question: Question
    rdtype: dns.rdatatype.RdataType
    server: Server
    rules: Rules
    servfail: dns.name.Name | None = None  # the name asked when SERVFAIL came back

    def resolve(self, qname: dns.name.Name, chases: int) -> Lookup:
        """Ask for *qname* and, where the server left an alias open, for its target."""
        reply = yield from self.exchange(qname, self.rdtype)
        if isinstance(reply, Failure):
            return self.unreachable(reply.detail, reply)
        fault = self.fault(reply, qname)
        if fault:
            return self.unreachable(fault, reply)
        walk = walk_answer(reply, qname, self.rdtype)
        if isinstance(walk, str):
            return self.unreachable(f"{self.server}: {walk}", reply)
        status = yield from self._status(reply)
        if walk.records is not None or not walk.open_ended:
            return self.answer(walk, reply, status)
        if chases >= MAX_CHASES:
            return self.unreachable(f"{self.server}: aliases without end", reply)
        rest = yield from self.resolve(walk.end, chases + 1)
        return _behind(walk, rest, status)

    def is_bogus(self) -> Generator[Send, Reply, bool]:
        """Whether the SERVFAIL was a failed validation: without checking, there is an answer."""
        if self.servfail is None or not self.rules.recursive:
            return False
        reply = yield from self.exchange(self.servfail, self.rdtype, checking=False)
        if isinstance(reply, Failure):
            return False
        if reply.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
            return False
        return (yield from self._validates())

    def exchange(
        self,
        qname: dns.name.Name,
        rdtype: dns.rdatatype.RdataType,
        *,
        checking: bool = True,
    ) -> Exchange:
        """Put one question; a cut answer is asked for again by TCP, an EDNS refusal without EDNS."""
        transport = self.server.transport
        query = self._query(qname, rdtype, checking=checking)
        reply = yield Send(self.server, query, transport)
        if isinstance(reply, dns.message.Message) and _refuses_edns(reply):
            query = self._query(qname, rdtype, checking=checking, edns=_NO_EDNS)
            reply = yield Send(self.server, query, transport)
        cut = reply.truncated if isinstance(reply, Failure) else bool(reply.flags & dns.flags.TC)
        if cut and transport is Transport.UDP:  # RFC 7766 section 5
            query.id = dns.message.make_query(qname, rdtype).id
            reply = yield Send(self.server, query, Transport.TCP)
        if isinstance(reply, dns.message.Message) and reply.flags & dns.flags.TC:
            return Failure(f"{self.server}: the answer is cut short")
        return reply

    def _query(
        self,
        qname: dns.name.Name,
        rdtype: dns.rdatatype.RdataType,
        *,
        checking: bool,
        edns: int = 0,
    ) -> dns.message.QueryMessage:
        flags = dns.flags.Flag(0)
        if self.rules.recursive:
            # RFC 6840 section 5.7: AD in a query asks for AD in the answer, without signatures.
            flags |= dns.flags.RD | dns.flags.AD
        if not checking:
            flags |= dns.flags.CD
        query = dns.message.make_query(
            qname,
            rdtype,
            use_edns=edns,
            payload=UDP_PAYLOAD,
            want_dnssec=self.rules.dnssec_ok and edns >= 0,
        )
        query.flags = flags
        return query

    def fault(self, reply: dns.message.Message, qname: dns.name.Name) -> str:
        """Why *reply* is no answer; empty when it is one."""
        rcode = reply.rcode()
        if rcode == dns.rcode.SERVFAIL:
            self.servfail = qname
        if rcode not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
            return f"{self.server}: {dns.rcode.to_text(rcode)}{_extended_errors(reply)}"
        if not isinstance(reply, dns.message.QueryMessage):
            return f"{self.server}: not an answer"
        authoritative = bool(reply.flags & dns.flags.AA)
        if self.rules.authoritative and not authoritative:
            return f"{self.server}: not authoritative for {name_from_dns(qname)}"
        recursion = bool(reply.flags & dns.flags.RA)
        if self.rules.recursive and not (recursion or authoritative or reply.answer):
            return f"{self.server}: does not look names up for others"
        return ""

    def _status(self, reply: dns.message.Message) -> Generator[Send, Reply, DnssecStatus]:
        if not self.rules.recursive or not self.rules.trusts(self.server):
            return DnssecStatus.UNKNOWN
        if reply.flags & dns.flags.AD:
            return DnssecStatus.SECURE
        # Silence means "not signed" only from one that validates what it can.
        validates = yield from self._validates()
        return DnssecStatus.INSECURE if validates else DnssecStatus.UNKNOWN

    def _validates(self) -> Generator[Send, Reply, bool]:
        """Whether the server validates: the root is signed, so its SOA must come with AD."""
        known = self.rules.validating
        if self.server not in known:
            reply = yield from self.exchange(dns.name.root, dns.rdatatype.SOA)
            known[self.server] = (
                isinstance(reply, dns.message.Message)
                and reply.rcode() == dns.rcode.NOERROR
                and bool(reply.flags & dns.flags.AD)
            )
        return known[self.server]

    def answer(self, walk: Walk, reply: dns.message.Message, status: DnssecStatus) -> Answer:
        """What *reply* says, whose way *walk* is."""
        aliases = tuple(name_from_dns(alias) for alias in walk.aliases)
        seen = self.seen(reply)
        if walk.records is not None:
            ttl = min([*walk.ttls, ttl_from_dns(walk.records.ttl)])
            records = records_from_dns(walk.records)
            return Answer(self.question, Outcome.FOUND, records, ttl, status, aliases, seen=seen)
        nothing = reply.rcode() == dns.rcode.NXDOMAIN
        outcome = Outcome.NO_NAME if nothing else Outcome.NO_DATA
        ttls = [*walk.ttls, *([] if walk.negative_ttl is None else [walk.negative_ttl])]
        ttl_seconds = min(ttls, default=None)
        detail = str(self.server)
        return Answer(self.question, outcome, (), ttl_seconds, status, aliases, detail, seen)

    def unreachable(self, detail: str, reply: Reply) -> Answer:
        """That nothing can be known, because *reply* is what it is."""
        seen = self.seen(reply)
        return Answer(self.question, Outcome.UNREACHABLE, detail=detail, seen=seen)

    def seen(self, reply: Reply) -> Seen:
        """Where *reply* came from."""
        now = self.rules.clock()
        return Seen(at=now) if isinstance(reply, Failure) else seen_of(self.server, reply, now)


@dataclass(slots=True)
class Walk:
    """The way through an answer section, from the name asked to where the aliases end."""

    end: dns.name.Name
    aliases: list[dns.name.Name] = field(default_factory=list)
    ttls: list[int] = field(default_factory=list)
    records: dns.rrset.RRset | None = None
    negative_ttl: int | None = None
    open_ended: bool = False  # the server has not said what stands at the end


def walk_answer(
    reply: dns.message.Message, qname: dns.name.Name, rdtype: dns.rdatatype.RdataType
) -> Walk | str:
    """Follow the aliases in *reply*; a text says why it makes no sense."""
    sets: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset] = {}
    for rrset in reply.answer:
        if rrset.rdclass == dns.rdataclass.IN and len(rrset):
            # Of signatures there is a set for each type that they cover: the first is taken.
            sets.setdefault((rrset.name, rrset.rdtype), rrset)
    walk = Walk(qname)
    while True:
        walk.records = sets.get((walk.end, rdtype))
        alias = sets.get((walk.end, dns.rdatatype.CNAME))
        if walk.records is not None or alias is None:
            break
        walk.end = alias[0].target
        if walk.end == qname or walk.end in walk.aliases or len(walk.aliases) >= MAX_ALIASES:
            return "aliases without end"
        walk.aliases.append(walk.end)
        walk.ttls.append(ttl_from_dns(alias.ttl))
    nothing = reply.rcode() == dns.rcode.NXDOMAIN
    if walk.records is not None:
        return "says that the name does not exist, and gives its records" if nothing else walk
    soa = _enclosing_soa(reply.authority, walk.end)
    if soa is not None:
        # RFC 2308 section 5
        walk.negative_ttl = min(ttl_from_dns(soa.ttl), ttl_from_dns(soa[0].minimum))
    elif not nothing and is_referral(reply, walk.end):
        return REFERS
    walk.open_ended = bool(walk.aliases) and soa is None and not nothing
    return walk


def _enclosing_soa(
    authority: Iterable[dns.rrset.RRset], name: dns.name.Name
) -> dns.rrset.RRset | None:
    for rrset in authority:
        if rrset.rdtype == dns.rdatatype.SOA and name.is_subdomain(rrset.name):
            return rrset
    return None


def is_referral(reply: dns.message.Message, name: dns.name.Name) -> bool:
    """NS and no SOA in the authority section, without authority (RFC 2308 section 2.2)."""
    if reply.flags & dns.flags.AA or reply.answer:
        return False
    return any(
        rrset.rdtype == dns.rdatatype.NS and name.is_subdomain(rrset.name)
        for rrset in reply.authority
    )


def _refuses_edns(reply: dns.message.Message) -> bool:
    """RFC 6891 section 7: FORMERR, or NOTIMP of old servers, without an OPT record."""
    return reply.edns < 0 and reply.rcode() in {dns.rcode.FORMERR, dns.rcode.NOTIMP}


def _extended_errors(reply: dns.message.Message) -> str:
    """What the server says of its reasons (RFC 8914), cut and cleaned for people."""
    said = []
    for option in reply.options[:4]:
        if isinstance(option, dns.edns.EDEOption):
            words = dns.edns.EDECode.to_text(option.code).lower().replace("_", " ")
            text = "".join(char for char in option.text or "" if char.isprintable())[:100]
            said.append(f"{words}: {text}" if text else words)
    return f" ({'; '.join(said)})" if said else ""


_WEAKNESS = (
    DnssecStatus.SECURE,
    DnssecStatus.INSECURE,
    DnssecStatus.UNKNOWN,
    DnssecStatus.BOGUS,
)


def _behind(walk: Walk, rest: Answer, status: DnssecStatus) -> Answer:
    """Put the aliases of *walk* in front of *rest*; all is as weak as its weakest part."""
    ahead = tuple(name_from_dns(alias) for alias in walk.aliases)
    if rest.outcome is Outcome.UNREACHABLE:
        return replace(rest, detail=f"{rest.detail} (an alias leads to {ahead[-1]})")
    aliases = ahead + rest.aliases
    if len(aliases) > MAX_ALIASES or len(set(aliases)) != len(aliases):
        return Answer(rest.question, Outcome.UNREACHABLE, detail="aliases without end")
    known = walk.ttls + ([] if rest.ttl_seconds is None else [rest.ttl_seconds])
    return replace(
        rest,
        aliases=aliases,
        ttl_seconds=min(known, default=None),
        dnssec=max(status, rest.dnssec, key=_WEAKNESS.index),
    )


def seen_of(server: Server, reply: dns.message.Message, at: float) -> Seen:
    """Where *reply* came from, at the time *at*."""
    return Seen(
        str(server),
        dns.rcode.to_text(reply.rcode()),
        reply.time * 1000,
        at,
        bool(reply.flags & dns.flags.AA),
        len(reply.wire or b""),
    )
