"""
The chain of trust: from an anchor down, zone by zone, by DS and DNSKEY (RFC 4035 section 5.2).

A `Chain` does it for one answer and asks, as a generator, what it needs; a `Trust` remembers what
was proven, for all answers of a resolver.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar, cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.DNSKEY import DNSKEY
from dns.rdtypes.ANY.DS import DS
from dns.rdtypes.ANY.NSEC import NSEC
from dns.rdtypes.ANY.NSEC3 import NSEC3
from dns.rdtypes.ANY.RRSIG import RRSIG

from maildns.ask import Seen
from maildns.net.anchors import ROOT_ANCHORS, Anchors, parse_anchors
from maildns.net.convert import name_from_dns, ttl_from_dns
from maildns.net.denial import Denial, Denied, Nsec3Denial, NsecDenial
from maildns.net.lookup import UDP_PAYLOAD, Failure, Reply, Rules, Send, seen_of
from maildns.net.sections import Name, RRset, Section, is_expanded
from maildns.net.servers import Server, Transport
from maildns.net.signatures import Budget, Untrusted, anchored_keys, usable_anchors, verify

MAX_QUERIES = 64  # for one answer and the chain to it
MAX_KNOWN = 20_000  # names remembered
MAX_KNOWN_SECONDS = 86_400
FAULT_SECONDS = 30  # RFC 9520 section 3.2: failures are remembered, not for long

T = TypeVar("T")
Steps: TypeAlias = Generator[Send, Reply, T]


class OutOfReach(Exception):
    """It cannot be known; its text says why. It never leaves the validator."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone on the way down from an anchor; `keys` is None where the chain ends, `why` says how."""

    name: Name
    keys: tuple[DNSKEY, ...] | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a name: the zone that begins there, if any, or the fault."""

    until: float
    zone: Zone | None = None
    fault: str = ""


class Trust:
    """
    What validation rests on: anchors, a clock, and the zones proven so far.

    *anchors* are DS or DNSKEY records in presentation form, *clock* tells the seconds since 1970
    that signatures are judged by. Threads may share it. Raises `UsageError` for a bad anchor.
    """

    def __init__(
        self, anchors: Iterable[str] = ROOT_ANCHORS, clock: Callable[[], float] = time.time
    ) -> None:
        self.anchors: Anchors = parse_anchors(anchors)
        self.clock = clock
        self._lock = threading.Lock()
        self._known: dict[Name, Known] = {}

    def forget(self) -> None:
        """Prove everything anew."""
        with self._lock:
            self._known.clear()

    def recall(self, name: Name) -> Known | None:
        """What is known of *name* and not yet too old."""
        known = self._known.get(name)
        return known if known is not None and self.clock() < known.until else None

    def learn(self, name: Name, zone: Zone | None, seconds: float, fault: str = "") -> Known:
        """Remember that *zone* begins at *name*, or none, or the *fault*."""
        until = self.clock() + min(max(seconds, 1.0), MAX_KNOWN_SECONDS)
        known = Known(until, zone, fault)
        with self._lock:
            self._known.pop(name, None)
            self._known[name] = known
            while len(self._known) > MAX_KNOWN:
                self._known.pop(next(iter(self._known)))
        return known


@dataclass(slots=True)
class Chain:
    """The way to one answer: what was asked for it, and what that may cost."""

    rules: Rules
    trust: Trust
    budget: Budget = field(default_factory=Budget)
    queries: int = MAX_QUERIES
    refused: bool = False  # the resolver does not know EDNS
    seen: Seen | None = None  # of the first reply

    def zone_of(self, name: Name) -> Steps[Zone]:
        """The zone that *name* is in, as far as the chain leads; raises `Untrusted`, `OutOfReach`."""
        zone = yield from self._anchored(name)
        for length in range(len(zone.name) + 1, len(name) + 1):
            if zone.keys is None:
                break
            zone = (yield from self._below(zone, name.split(length)[1])) or zone
        return zone

    def _anchored(self, name: Name) -> Steps[Zone]:
        """The zone of the closest anchor at or above *name*."""
        above = name
        while above not in self.trust.anchors:
            if above == dns.name.root:
                raise OutOfReach(f"there is no trust anchor for {name_from_dns(name)}")
            above = above.parent()
        known = self.trust.recall(above)
        if known is None:
            anchors = self.trust.anchors[above]
            known = yield from self._learn(above, self._keys_of(above, anchors, "the trust anchor"))
        return cast("Zone", _told(known))

    def _below(self, zone: Zone, name: Name) -> Steps[Zone | None]:
        """The zone that begins at *name*, a name that *zone* speaks for; None where none does."""
        known = self.trust.recall(name)
        if known is None:
            known = yield from self._learn(name, self._delegated(zone, name))
        return _told(known)

    def _learn(self, name: Name, steps: Steps[tuple[Zone | None, float]]) -> Steps[Known]:
        """Remember what *steps* find out of *name*, faults as well."""
        try:
            zone, seconds = yield from steps
        except Untrusted as fault:
            return self.trust.learn(name, None, FAULT_SECONDS, str(fault))
        return self.trust.learn(name, zone, seconds)

    def _delegated(self, zone: Zone, name: Name) -> Steps[tuple[Zone | None, float]]:
        """What the zone above says of *name*, and for how long that holds (RFC 4035 section 5.2)."""
        section = Section((yield from self.fetch(name, RdataType.DS)))
        rrset = section.answer(name, RdataType.DS)
        if rrset is not None:
            signature = self.verify(rrset, section.signatures(rrset), zone)
            ttl = self.lifetime(rrset, signature)
            anchors = tuple(cast("DS", one) for one in rrset)
            found, seconds = yield from self._keys_of(name, anchors, "the DS of its parent")
            return found, min(seconds, ttl)
        alias = section.alias(name)
        if alias is not None:  # a name with an alias is no zone, nor is one below a DNAME
            signature = self.verify(alias, section.signatures(alias), zone)
            self.expansion(section, alias, signature, zone)
            return None, self.lifetime(alias, signature)
        denial, fault = self.denial(section, zone)
        proof = denial and denial.delegation(name)
        ttl = section.negative_ttl(name) or 0
        shown = name_from_dns(name)
        if proof is None:
            above = name_from_dns(zone.name)
            raise Untrusted(
                fault or f"{above} neither gives the DS of {shown} nor proves that there is none"
            )
        if proof is Denied.NO_DATA:
            return None, ttl
        return Zone(name, None, f"{shown} is delegated without DS"), ttl

    def _keys_of(self, name: Name, anchors: Sequence[DS], whose: str) -> Steps[tuple[Zone, float]]:
        """The keys of the zone at *name*, proven by *anchors*."""
        shown = name_from_dns(name)
        usable = usable_anchors(anchors)
        if not usable:
            unknown = f"{shown} is signed by deprecated or unknown algorithms only"
            return Zone(name, None, unknown), MAX_KNOWN_SECONDS
        section = Section((yield from self.fetch(name, RdataType.DNSKEY)))
        rrset = section.answer(name, RdataType.DNSKEY)
        signatures = [] if rrset is None else section.signatures(rrset)
        if name in self.trust.anchors and not signatures:
            raise OutOfReach(f"{shown} DNSKEY comes without signatures: the resolver drops them")
        if rrset is None:
            raise Untrusted(f"{shown} has no DNSKEY, and {whose} says that it is signed")
        keys = [cast("DNSKEY", one) for one in rrset]
        vouched = anchored_keys(name, keys, usable, self.budget)
        if not vouched:
            raise Untrusted(f"no DNSKEY of {shown} matches {whose}")
        signature = self.verify(rrset, signatures, Zone(name, tuple(vouched)))
        return Zone(name, tuple(keys)), self.lifetime(rrset, signature)

    # --- judging what a zone whose keys are known has signed ---------------------------

    def verify(self, rrset: RRset, signatures: Iterable[RRSIG], zone: Zone) -> RRSIG:
        """The signature of *zone* that holds; raises `Untrusted`."""
        now = self.trust.clock()
        keys = zone.keys or ()
        signature = verify(rrset, signatures, zone.name, keys, now=now, budget=self.budget)
        lent = is_expanded(rrset, signature)
        if lent and rrset.rdtype in {RdataType.DS, RdataType.DNSKEY}:
            raise Untrusted(f"a wildcard gives keys to {name_from_dns(rrset.name)}")
        return signature

    def lifetime(self, rrset: RRset, signature: RRSIG) -> int:
        """For how many seconds *rrset* may be kept (RFC 4035 section 5.3.3)."""
        left = max(0, int(signature.expiration - self.trust.clock()))
        return min(ttl_from_dns(rrset.ttl), signature.original_ttl, left)

    def expansion(self, section: Section, rrset: RRset, signature: RRSIG, zone: Zone) -> bool:
        """
        Whether *rrset* is secure as far as wildcards go (RFC 4035 section 5.3.4).

        Raises `Untrusted` when a wildcard lent the records, and it is not shown that there are none
        at the name itself.
        """
        if not is_expanded(rrset, signature):
            return True
        denial, fault = self.denial(section, zone)
        proof = denial and denial.no_match(rrset.name, signature.labels)
        if proof is None:
            shown, what = name_from_dns(zone.name), name_from_dns(rrset.name)
            raise Untrusted(fault or f"{shown} does not prove that a wildcard stands in for {what}")
        return proof is not Denied.INSECURE

    def denial(self, section: Section, zone: Zone) -> tuple[Denial | None, str]:
        """The proofs in *section* that are *zone*'s own, and what is wrong with the others."""
        fault = ""
        plain: list[tuple[Name, NSEC]] = []
        hashed: list[tuple[Name, NSEC3]] = []
        for rrset, signatures in section.proofs():
            if all(signature.signer != zone.name for signature in signatures):
                continue
            try:
                signature = self.verify(rrset, signatures, zone)
            except Untrusted as failure:
                fault = fault or str(failure)
                continue
            if is_expanded(rrset, signature):  # RFC 4034 section 4: an NSEC stands at its own name
                continue
            plain += [(rrset.name, one) for one in rrset if isinstance(one, NSEC)]
            hashed += [(rrset.name, one) for one in rrset if isinstance(one, NSEC3)]
        if plain:
            return NsecDenial(zone.name, plain), fault
        return (Nsec3Denial(zone.name, hashed, self.budget) if hashed else None), fault

    # --- asking --------------------------------------------------------------------------

    def fetch(self, name: Name, rdtype: RdataType) -> Steps[dns.message.Message]:
        """What some server says; raises `OutOfReach` when none says anything of use."""
        faults: dict[str, None] = {}
        for server in self.rules.servers * self.rules.tries:
            reply = yield from self._exchange(server, name, rdtype)
            fault = self._fault(server, reply)
            if not fault and isinstance(reply, dns.message.Message):
                self.seen = self.seen or seen_of(server, reply, self.trust.clock())
                return reply
            faults[fault] = None
            if self.refused:
                break
        what = f"{name_from_dns(name)} {dns.rdatatype.to_text(rdtype)}"
        raise OutOfReach(f"{what}: {'; '.join(faults)}")

    def _exchange(self, server: Server, name: Name, rdtype: RdataType) -> Steps[Reply]:
        """One question with DO and CD (RFC 4035 section 3.2.2), a cut answer again by TCP."""
        self.queries -= 1
        if self.queries < 0:
            raise OutOfReach("the answer takes more questions than any honest one")
        query = dns.message.make_query(name, rdtype, payload=UDP_PAYLOAD, want_dnssec=True)
        query.flags = dns.flags.RD | dns.flags.CD
        reply = yield Send(server, query, server.transport)
        cut = reply.truncated if isinstance(reply, Failure) else bool(reply.flags & dns.flags.TC)
        if cut and server.transport is Transport.UDP:
            reply = yield Send(server, query, Transport.TCP)
        return reply

    def _fault(self, server: Server, reply: Reply) -> str:
        if isinstance(reply, Failure):
            return reply.detail
        rcode = reply.rcode()
        if reply.edns < 0 and rcode in {dns.rcode.FORMERR, dns.rcode.NOTIMP}:
            self.refused = True
        if rcode not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
            return f"{server}: {dns.rcode.to_text(rcode)}"
        if reply.flags & dns.flags.TC:
            return f"{server}: the answer is cut short"
        if not (reply.flags & (dns.flags.RA | dns.flags.AA) or reply.answer):
            return f"{server}: does not look names up for others"
        return ""


def _told(known: Known) -> Zone | None:
    if known.fault:
        raise Untrusted(known.fault)
    return known.zone
