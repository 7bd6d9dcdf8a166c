"""
What the lab's name server answers: a message in, a message out, no socket (RFC 1034 section 4.3.2).

Inside its zones it speaks with authority. To a client that asks for recursion it
is also a tiny resolver of those same zones: it sets RA and, where the answer is
signed, AD, as a validating resolver would.
"""

from __future__ import annotations

from collections.abc import Mapping

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset

from maildns.lab.zone import Found, Kind, Zone

MAX_ALIASES = 16
Zones = Mapping[dns.name.Name, Zone]


def zone_for(
    zones: Zones, name: dns.name.Name, rdtype: dns.rdatatype.RdataType | None = None
) -> Zone | None:
    """The zone that speaks for *name*: the closest; for a DS at an apex, its parent."""
    above = name
    if rdtype == dns.rdatatype.DS and name in zones and name != dns.name.root:
        above = name.parent()
    while above not in zones:
        if above == dns.name.root:
            return zones.get(name) if rdtype == dns.rdatatype.DS else None
        above = above.parent()
    return zones[above]


def answer_query(query: dns.message.Message, zones: Zones) -> dns.message.Message:
    """The response to *query*, which has just one question of class IN or ANY."""
    response = dns.message.make_response(query, our_payload=1232)
    question = query.question[0]
    zone = zone_for(zones, question.name, question.rdtype)
    if zone is None or question.rdclass not in {dns.rdataclass.IN, dns.rdataclass.ANY}:
        response.set_rcode(dns.rcode.REFUSED)
        return response
    response.flags |= dns.flags.AA
    if query.flags & dns.flags.RD:
        response.flags |= dns.flags.RA
    composing = _Composing(response, zones, bool(query.ednsflags & dns.flags.DO))
    composing.follow(zone, question.name, question.rdtype)
    asks_ad = query.flags & dns.flags.AD or query.ednsflags & dns.flags.DO
    if composing.all_signed and asks_ad and query.flags & dns.flags.RD:
        response.flags |= dns.flags.AD  # RFC 6840 section 5.8
    return response


class _Composing:
    """One response on its way to being complete."""

    def __init__(self, response: dns.message.Message, zones: Zones, dnssec_ok: bool) -> None:
        self._response = response
        self._zones = zones
        self._dnssec_ok = dnssec_ok
        self.all_signed = True

    def follow(
        self, zone: Zone | None, qname: dns.name.Name, rdtype: dns.rdatatype.RdataType
    ) -> None:
        """Put the answer in, and behind an alias that of its target, while it is ours."""
        for _ in range(MAX_ALIASES):
            if zone is None:
                self.all_signed = False  # the alias leads out of our zones
                return
            found = zone.find(qname, rdtype)
            self.all_signed = self.all_signed and zone.key is not None
            if rdtype == dns.rdatatype.ANY and found.kind is not Kind.REFERRAL:
                self._put_all(zone, qname, found)
                return
            if found.kind is not Kind.ALIAS or found.rdataset is None:
                self._finish(zone, qname, found)
                return
            self._put(self._response.answer, zone, qname, found.source, found.rdataset)
            self._prove_expansion(zone, qname, found)
            qname = found.rdataset[0].target
            zone = zone_for(self._zones, qname, rdtype)

    def _finish(self, zone: Zone, qname: dns.name.Name, found: Found) -> None:
        if found.kind is Kind.DATA and found.rdataset is not None:
            self._put(self._response.answer, zone, qname, found.source, found.rdataset)
            self._prove_expansion(zone, qname, found)
        elif found.kind is Kind.REFERRAL:
            self._refer(zone, found)
        else:
            if found.kind is Kind.NO_NAME:
                self._response.set_rcode(dns.rcode.NXDOMAIN)
            self._deny(zone, qname, found)

    def _put(
        self,
        section: list[dns.rrset.RRset],
        zone: Zone,
        owner: dns.name.Name,
        source: dns.name.Name,
        rdataset: dns.rdataset.Rdataset,
    ) -> None:
        """Add *rdataset* as of *owner*, with its signature where that is asked for."""
        _add(section, owner, rdataset)
        if self._dnssec_ok and zone.key is not None:
            covered = rdataset.rdtype
            signature = zone.signed().get(source, dns.rdatatype.RRSIG, covered)
            if signature is not None:
                _add(section, owner, signature)

    def _put_all(self, zone: Zone, qname: dns.name.Name, found: Found) -> None:
        if found.kind is Kind.NO_NAME:
            self._finish(zone, qname, found)
            return
        sets = zone.sets.get(found.source, {})
        for rdataset in sets.values():
            self._put(self._response.answer, zone, qname, found.source, rdataset)
        if not sets:
            self._deny(zone, qname, found)

    def _refer(self, zone: Zone, found: Found) -> None:
        """Name the servers of the zone below (RFC 1034 section 4.3.2, step 3b)."""
        self._response.flags &= ~dns.flags.AA
        self.all_signed = False
        if found.rdataset is None:
            return
        _add(self._response.authority, found.source, found.rdataset)
        if self._dnssec_ok and zone.key is not None:
            delegation = zone.get(found.source, dns.rdatatype.DS)
            if delegation is not None:
                self._put(self._response.authority, zone, found.source, found.source, delegation)
            else:
                self._put_nsec(zone, found.source)
        for server in found.rdataset:
            for rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
                glue = zone.sets.get(server.target, {}).get(rdtype)
                if glue is not None:
                    _add(self._response.additional, server.target, glue)

    def _deny(self, zone: Zone, qname: dns.name.Name, found: Found) -> None:
        """Say that there is nothing, for how long (RFC 2308 section 3), and prove it."""
        ttl = min(zone.soa.ttl, zone.soa[0].minimum)
        soa = dns.rdataset.from_rdata_list(ttl, list(zone.soa))
        self._put(self._response.authority, zone, zone.origin, zone.origin, soa)
        if not self._dnssec_ok or zone.key is None:
            return
        self._put_nsec(zone, qname)  # RFC 4035 sections 3.1.3.1 and 3.1.3.2
        if found.kind is Kind.NO_NAME and found.encloser is not None:
            self._put_nsec(zone, dns.name.Name((b"*", *found.encloser.labels)))
        elif found.source != qname:
            self._put_nsec(zone, found.source)  # RFC 4035 section 3.1.3.4

    def _prove_expansion(self, zone: Zone, qname: dns.name.Name, found: Found) -> None:
        """Show that a wildcard stood in for *qname* by right (RFC 4035 section 3.1.3.3)."""
        if self._dnssec_ok and zone.key is not None and found.source != qname:
            self._put_nsec(zone, qname)

    def _put_nsec(self, zone: Zone, name: dns.name.Name) -> None:
        owner = zone.signed().covering(name)
        nsec = zone.signed().get(owner, dns.rdatatype.NSEC)
        if nsec is not None:
            self._put(self._response.authority, zone, owner, owner, nsec)


def _add(
    section: list[dns.rrset.RRset], owner: dns.name.Name, rdataset: dns.rdataset.Rdataset
) -> None:
    if any(
        there.name == owner and there.rdtype == rdataset.rdtype and there.covers == rdataset.covers
        for there in section
    ):
        return
    section.append(dns.rrset.from_rdata_list(owner, rdataset.ttl, list(rdataset)))
