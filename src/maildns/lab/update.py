"""
Dynamic update as a server does it: a zone and a message in, a zone or a refusal out (RFC 2136 section 3).

All prerequisites hold or nothing is done; all changes are made or none. Whether
the sender may update at all is decided before.
"""

from __future__ import annotations

import dns.exception
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset
import dns.update

from maildns.lab.zone import Zone

Node = dict[dns.rdatatype.RdataType, dns.rdataset.Rdataset]
Key = tuple[dns.name.Name, dns.rdatatype.RdataType]

_MAX_SERIAL = 2**32
_MADE_BY_SIGNING = frozenset(
    {dns.rdatatype.RRSIG, dns.rdatatype.NSEC, dns.rdatatype.NSEC3, dns.rdatatype.DNSKEY}
)


class Refused(Exception):
    """The update is not carried out, for this rcode; it never leaves the lab."""

    def __init__(self, rcode: dns.rcode.Rcode) -> None:
        super().__init__(dns.rcode.to_text(rcode))
        self.rcode = rcode


def apply_update(zone: Zone, message: dns.update.UpdateMessage) -> Zone:
    """
    The zone as *message* makes it; the very same object when nothing changes.

    Raises `Refused` with the rcode of RFC 2136 when a prerequisite does not hold
    or the message is malformed.
    """
    _check_prerequisites(zone, message.prerequisite)
    _prescan(zone, message.update)
    nodes = {owner: dict(sets) for owner, sets in zone.sets.items()}
    for rrset in message.update:
        _carry_out(zone, nodes, rrset)
    nodes = {owner: sets for owner, sets in nodes.items() if sets}
    if _same(nodes, zone):
        return zone
    _raise_serial(zone, nodes)
    return Zone(zone.origin, nodes, zone.key)


# --- prerequisites, section 3.2 -------------------------------------------------------


def _check_prerequisites(zone: Zone, section: list[dns.rrset.RRset]) -> None:
    wanted: dict[Key, set[dns.rdata.Rdata]] = {}
    for rrset in section:
        if rrset.ttl != 0:  # section 3.2.1
            raise Refused(dns.rcode.FORMERR)
        if not rrset.name.is_subdomain(zone.origin):
            raise Refused(dns.rcode.NOTZONE)
        node = zone.sets.get(rrset.name, {})
        if rrset.deleting is None:
            wanted.setdefault((rrset.name, rrset.rdtype), set()).update(rrset)
        elif rrset.rdtype == dns.rdatatype.ANY:
            _check_name(rrset, in_use=bool(node))
        else:
            _check_set(rrset, present=rrset.rdtype in node)
    for (owner, rdtype), rdatas in wanted.items():
        # Section 3.2.3: the whole set is compared, its TTL is not.
        if set(zone.sets.get(owner, {}).get(rdtype, ())) != rdatas:
            raise Refused(dns.rcode.NXRRSET)


def _check_name(rrset: dns.rrset.RRset, *, in_use: bool) -> None:
    if rrset.deleting == dns.rdataclass.ANY and not in_use:  # section 2.4.4
        raise Refused(dns.rcode.NXDOMAIN)
    if rrset.deleting == dns.rdataclass.NONE and in_use:  # section 2.4.5
        raise Refused(dns.rcode.YXDOMAIN)


def _check_set(rrset: dns.rrset.RRset, *, present: bool) -> None:
    if rrset.deleting == dns.rdataclass.ANY and not present:  # section 2.4.1
        raise Refused(dns.rcode.NXRRSET)
    if rrset.deleting == dns.rdataclass.NONE and present:  # section 2.4.3
        raise Refused(dns.rcode.YXRRSET)


# --- changes, section 3.4 -------------------------------------------------------------


def _prescan(zone: Zone, section: list[dns.rrset.RRset]) -> None:
    """Section 3.4.1.3: refuse the message before anything is touched."""
    for rrset in section:
        if not rrset.name.is_subdomain(zone.origin):
            raise Refused(dns.rcode.NOTZONE)
        any_type = rrset.rdtype == dns.rdatatype.ANY
        deletes_sets = rrset.deleting == dns.rdataclass.ANY
        if any_type and not deletes_sets:
            raise Refused(dns.rcode.FORMERR)
        if not any_type and dns.rdatatype.is_metatype(rrset.rdtype):
            raise Refused(dns.rcode.FORMERR)
        if rrset.deleting is not None and rrset.ttl != 0:
            raise Refused(dns.rcode.FORMERR)
        if rrset.rdtype in _MADE_BY_SIGNING and zone.key is not None:
            raise Refused(dns.rcode.REFUSED)  # this server makes those itself


def _carry_out(zone: Zone, nodes: dict[dns.name.Name, Node], rrset: dns.rrset.RRset) -> None:
    node = nodes.setdefault(rrset.name, {})
    apex = rrset.name == zone.origin
    if rrset.deleting is None:
        _add(zone, node, rrset)
    elif rrset.deleting == dns.rdataclass.ANY:
        kept = {dns.rdatatype.SOA, dns.rdatatype.NS} if apex else set()  # section 3.4.2.3
        gone = list(node) if rrset.rdtype == dns.rdatatype.ANY else [rrset.rdtype]
        for rdtype in gone:
            if rdtype not in kept:
                node.pop(rdtype, None)
    else:
        _delete(node, rrset, apex=apex)


def _add(zone: Zone, node: Node, rrset: dns.rrset.RRset) -> None:
    """Section 3.4.2.2: a CNAME and other data never stand together; then the add is ignored."""
    rdtype = rrset.rdtype
    alias = dns.rdatatype.CNAME
    if (rdtype == alias and set(node) - {alias}) or (rdtype != alias and alias in node):
        return
    if rdtype == dns.rdatatype.SOA:
        newer = _is_newer(rrset[0].serial, zone.soa[0].serial)
        if rrset.name != zone.origin or not newer:
            return
    single = rdtype in {alias, dns.rdatatype.SOA}
    there = [] if single else list(node.get(rdtype, ()))
    # One TTL for the whole set (RFC 2181 section 5.2): the newest.
    node[rdtype] = dns.rdataset.from_rdata_list(rrset.ttl, [*there, *rrset])


def _delete(node: Node, rrset: dns.rrset.RRset, *, apex: bool) -> None:
    there = node.get(rrset.rdtype)
    if there is None or (apex and rrset.rdtype == dns.rdatatype.SOA):
        return
    gone = set(rrset)
    left = [rdata for rdata in there if rdata not in gone]
    if left:
        node[rrset.rdtype] = dns.rdataset.from_rdata_list(there.ttl, left)
    elif not (apex and rrset.rdtype == dns.rdatatype.NS):  # section 3.4.2.4: the last NS stays
        del node[rrset.rdtype]


def _same(nodes: dict[dns.name.Name, Node], zone: Zone) -> bool:
    def flat(
        sets: dict[dns.name.Name, Node],
    ) -> dict[Key, tuple[int, frozenset[dns.rdata.Rdata]]]:
        return {
            (owner, rdtype): (rdataset.ttl, frozenset(rdataset))
            for owner, node in sets.items()
            for rdtype, rdataset in node.items()
        }

    return flat(nodes) == flat({owner: dict(sets) for owner, sets in zone.sets.items()})


def _is_newer(serial: int, than: int) -> bool:
    """RFC 1982 section 3.2."""
    return serial != than and (serial - than) % _MAX_SERIAL < _MAX_SERIAL // 2


def _raise_serial(zone: Zone, nodes: dict[dns.name.Name, Node]) -> None:
    """Section 3.6: every change has its own serial."""
    soa = nodes[zone.origin][dns.rdatatype.SOA]
    if _is_newer(soa[0].serial, zone.soa[0].serial):
        return  # the update has brought its own
    serial = (soa[0].serial + 1) % _MAX_SERIAL or 1
    raised = soa[0].replace(serial=serial)
    nodes[zone.origin][dns.rdatatype.SOA] = dns.rdataset.from_rdata_list(soa.ttl, [raised])
