"""
Own DNSSEC validation, for resolvers whose AD bit nobody can vouch for (RFC 4035 section 5).

Like `maildns.net.lookup` it is a generator without input or output. The resolver is asked with
DO and CD: it hands the signatures on and judges nothing. What an answer comes to:

    SECURE      a chain of signatures from an anchor to the records, or to the proof of their absence
    INSECURE    an anchored zone proves that the chain ends above, or only unknown algorithms lead on
    BOGUS       there should be a chain and it is broken; `detail` names the zone and the fault
    UNKNOWN     no anchor, no answer on the way, or a resolver that hands no signatures on
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import cast

import dns.name
import dns.rcode
import dns.rdatatype
from dns.rdatatype import RdataType

from maildns.ask import Answer, DirectQuestion, DnssecStatus, Outcome, Question, weakest
from maildns.errors import UsageError
from maildns.net.chain import Chain, OutOfReach, Steps, Trust, Zone
from maildns.net.convert import (
    name_from_dns,
    name_to_dns,
    rdtype_to_dns,
    records_from_dns,
    ttl_from_dns,
)
from maildns.net.denial import Denied
from maildns.net.lookup import MAX_ALIASES, Lookup, Rules, lookup
from maildns.net.sections import Name, RRset, Section, home_of, signers_of
from maildns.net.signatures import Untrusted


def validated_lookup(question: Question, rules: Rules, trust: Trust) -> Lookup:
    """
    Find the answer to *question* as `lookup` does, and validate it.

    Where one server's answer is bogus the next is asked. A resolver too old for EDNS is asked the
    plain way; its answers are UNKNOWN. A question to one server is not validated. Raises
    `UsageError` for a type that no record has.
    """
    rdtype = rdtype_to_dns(question.rrtype)
    try:
        qname = name_to_dns(question.name)
    except UsageError:
        return (yield from lookup(question, rules))
    plain = dns.rdatatype.is_metatype(rdtype) or rdtype == RdataType.RRSIG
    if plain or not rules.servers or isinstance(question, DirectQuestion):
        return (yield from lookup(question, rules))
    answer: Answer | None = None
    for first in rules.servers:
        order = (first, *(server for server in rules.servers if server != first))
        chain = Chain(replace(rules, servers=order), trust)
        answer = yield from _Validation(question, rdtype, chain).run(qname)
        if chain.refused:
            return (yield from lookup(question, replace(rules, trusted=False)))
        if answer.outcome is not Outcome.BOGUS:
            break
    return cast("Answer", answer)


@dataclass(slots=True)
class _Validation:
    """One question, on its way to an answer that has been judged."""

    question: Question
    rdtype: RdataType
    chain: Chain
    aliases: list[Name] = field(default_factory=list)
    ttls: list[int] = field(default_factory=list)
    statuses: list[DnssecStatus] = field(default_factory=list)
    records: RRset | None = None
    outcome: Outcome = Outcome.NO_DATA
    why: str = ""  # why it is no more than it is

    def run(self, qname: Name) -> Lookup:
        """The answer; what is wrong becomes a part of it."""
        try:
            yield from self._follow(qname)
        except Untrusted as fault:
            return self._failed(Outcome.BOGUS, DnssecStatus.BOGUS, str(fault))
        except OutOfReach as fault:
            return self._failed(Outcome.UNREACHABLE, DnssecStatus.UNKNOWN, str(fault))
        return Answer(
            self.question,
            self.outcome,
            () if self.records is None else records_from_dns(self.records),
            min(self.ttls, default=None),
            weakest(self.statuses),
            tuple(name_from_dns(alias) for alias in self.aliases),
            self.why,
            self.chain.seen,
        )

    def _failed(self, outcome: Outcome, status: DnssecStatus, detail: str) -> Answer:
        seen = self.chain.seen
        detail = detail.removeprefix(f"{self.question}: ")  # which everybody knows who asked
        return Answer(self.question, outcome, dnssec=status, detail=detail, seen=seen)

    def _follow(self, qname: Name) -> Steps[None]:
        """From alias to alias, each step judged, to the records or their absence."""
        section = Section((yield from self.chain.fetch(qname, self.rdtype)))
        name, asked = qname, qname
        while True:
            rrset = section.answer(name, self.rdtype)
            alias = None if rrset is not None else section.alias(name)
            if alias is not None:
                yield from self._take(section, alias)
                name = _target(alias, name)
                if name in (qname, *self.aliases) or len(self.aliases) >= MAX_ALIASES:
                    raise OutOfReach("aliases without end")
                self.aliases.append(name)
            elif rrset is not None:
                if section.nothing:
                    raise OutOfReach(
                        "the answer says that the name does not exist, and gives records"
                    )
                yield from self._take(section, rrset)
                self.records, self.outcome = rrset, Outcome.FOUND
                return
            elif name == asked or section.speaks_of(name):
                yield from self._take_nothing(section, name)
                return
            else:  # the resolver has left the alias open
                section = Section((yield from self.chain.fetch(name, self.rdtype)))
                asked = name

    def _take(self, section: Section, rrset: RRset) -> Steps[None]:
        """Records, as far as they can be judged."""
        try:
            yield from self._judge(section, rrset)
        except OutOfReach as fault:
            self._judged(DnssecStatus.UNKNOWN, ttl_from_dns(rrset.ttl), str(fault))

    def _take_nothing(self, section: Section, name: Name) -> Steps[None]:
        """The absence of records, as far as it can be judged."""
        self.outcome = Outcome.NO_NAME if section.nothing else Outcome.NO_DATA
        ttl = section.negative_ttl(name)
        try:
            yield from self._judge_nothing(section, name, ttl)
        except OutOfReach as fault:
            self._judged(DnssecStatus.UNKNOWN, ttl, str(fault))

    def _judged(self, status: DnssecStatus, ttl: int | None, why: str = "") -> None:
        self.statuses.append(status)
        self.ttls += [] if ttl is None else [ttl]
        self.why = self.why or why

    def _judge(self, section: Section, rrset: RRset) -> Steps[None]:
        """Whether *rrset* is secure; raises `Untrusted`, `OutOfReach`."""
        fault = ""
        signatures = section.signatures(rrset)
        for signer in signers_of(rrset, signatures):
            zone = yield from self.chain.zone_of(signer)
            if self._is_insecure(zone, ttl_from_dns(rrset.ttl)):
                return
            if zone.name != signer:
                continue
            try:
                signature = self.chain.verify(rrset, signatures, zone)
                secure = self.chain.expansion(section, rrset, signature, zone)
            except Untrusted as failure:
                fault = fault or str(failure)
                continue
            status = DnssecStatus.SECURE if secure else DnssecStatus.INSECURE
            self._judged(status, self.chain.lifetime(rrset, signature))
            return
        zone = yield from self.chain.zone_of(home_of(rrset.name, rrset.rdtype))
        if not self._is_insecure(zone, ttl_from_dns(rrset.ttl)):
            what = f"{name_from_dns(rrset.name)} {dns.rdatatype.to_text(rrset.rdtype)}"
            shown = name_from_dns(zone.name)
            raise Untrusted(
                fault or f"{what} comes without a signature, and the zone {shown} is signed"
            )

    def _is_insecure(self, zone: Zone, ttl: int | None) -> bool:
        """Whether the chain ended above; then that is the verdict."""
        if zone.keys is None:
            self._judged(DnssecStatus.INSECURE, ttl, zone.why)
        return zone.keys is None

    def _judge_nothing(self, section: Section, name: Name, ttl: int | None) -> Steps[None]:
        """Whether the absence of records is proven; raises `Untrusted`, `OutOfReach`."""
        fault = ""
        home = home_of(name, self.rdtype)
        for signer in section.deniers(home):
            zone = yield from self.chain.zone_of(signer)
            if self._is_insecure(zone, ttl):
                return
            proof, failure = self._proof(section, name, zone) if zone.name == signer else (None, "")
            fault = fault or failure
            if proof is not None:
                opted_out = proof is Denied.INSECURE
                self._judged(DnssecStatus.INSECURE if opted_out else DnssecStatus.SECURE, ttl)
                return
        zone = yield from self.chain.zone_of(home)
        if not self._is_insecure(zone, ttl):
            absent = name_from_dns(name) + ("" if section.nothing else f" {self.question.rrtype}")
            shown = name_from_dns(zone.name)
            raise Untrusted(fault or f"{shown} does not prove that there is no {absent}")

    def _proof(self, section: Section, name: Name, zone: Zone) -> tuple[Denied | None, str]:
        denial, fault = self.chain.denial(section, zone)
        if denial is None:
            return None, fault
        if section.nothing:
            return denial.no_name(name), fault
        return denial.no_data(name, self.rdtype), fault


def _target(alias: RRset, name: Name) -> Name:
    """Where a CNAME, or a DNAME above *name*, leads (RFC 6672 section 2.2)."""
    target = cast("Name", alias[0].target)
    if alias.rdtype == RdataType.CNAME:
        return target
    try:
        return name.relativize(alias.name).concatenate(target)
    except dns.name.NameTooLong:
        raise OutOfReach(
            f"the DNAME at {name_from_dns(alias.name)} makes too long a name"
        ) from None
