"""
Reading a zone from the server that holds it: its own records, not what it makes of them.

A query is answered from wildcards, too (RFC 4592); what a wildcard lends to a name
does not stand there, and a change that expects it would be stale. So where one could
have lent, the server is asked by an update without changes whether the set exists
(RFC 2136 section 2.4.1).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataset
import dns.rdatatype
import dns.update

from maildns.dnsdata import RRset
from maildns.errors import PublishError
from maildns.net.convert import (
    name_from_dns,
    name_to_dns,
    rdtype_to_dns,
    rrset_from_dns,
)
from maildns.plan.contents import Key, ZoneContents
from maildns.publish.conversation import Conversation, NoReply

DnsKey = tuple[dns.name.Name, dns.rdatatype.RdataType]


@dataclass
class ZoneReader:
    """
    Reads sets over one `conversation`.

    `believed` are zones whose server need not claim authority; `zone_of` finds the
    zone of a name.
    """

    conversation: Conversation
    believed: tuple[str, ...]
    zone_of: Callable[[str], str | None]
    _rrsets: dict[Key, RRset] = field(default_factory=dict)
    _aliases: dict[str, RRset] = field(default_factory=dict)
    _unknown: dict[Key, str] = field(default_factory=dict)
    _asked: dict[DnsKey, dns.rdataset.Rdataset | None] = field(default_factory=dict)
    _authoritative: bool = True

    def read(self, keys: Collection[Key]) -> ZoneContents:
        """
        What stands at *keys*; a server that cannot be asked makes them unknown.

        Raises `PublishError` when the server refuses the key.
        """
        lost = ""
        for key in sorted(keys):
            if lost:
                self._unknown[key] = lost
                continue
            try:
                self._read_one(key)
            except NoReply as error:  # the others would only wait as long
                self._unknown[key] = lost = error.problem
            except PublishError as error:
                if not error.may_retry:  # our key is wrong: that is misuse, and known
                    raise
                self._unknown[key] = lost = f"{error.problem}: {error.hint}"
        return ZoneContents(
            self._rrsets, self._aliases, self._unknown, authoritative=self._authoritative
        )

    def _read_one(self, key: Key) -> None:
        owner, rdtype = name_to_dns(key[0]), rdtype_to_dns(key[1])
        reply = self.conversation.ask(_query(owner, rdtype))
        fault = self._fault(reply, key)
        if fault:
            self._unknown[key] = fault
            return
        for kind in (rdtype, dns.rdatatype.CNAME):
            rdataset = _set_at(reply, owner, kind)
            if rdataset is None:
                continue
            if self._stands(owner, rdataset, key):
                self._keep(key[0], rdataset)
            return

    def _keep(self, owner: str, rdataset: dns.rdataset.Rdataset) -> None:
        rrset = rrset_from_dns(owner, rdataset)
        if rrset.rrtype == "CNAME":
            self._aliases[owner] = rrset
        else:
            self._rrsets[rrset.key] = rrset

    def _fault(self, reply: dns.message.Message, key: Key) -> str:
        rcode = reply.rcode()
        label = self.conversation.label
        if rcode not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
            mend = "; its policy may want a TSIG key" if self.conversation.key is None else ""
            return f"{label} answers {dns.rcode.to_text(rcode)} for {key[0]}{mend}"
        if reply.flags & dns.flags.AA:
            return ""
        self._authoritative = False
        if reply.answer and self.zone_of(key[0]) in self.believed:
            return ""
        return f"{label} has no authority over {key[0]}"

    # --- wildcards ----------------------------------------------------------------

    def _stands(self, owner: dns.name.Name, rdataset: dns.rdataset.Rdataset, key: Key) -> bool:
        """Whether the set is the name's own; False, too, when that stays unknown."""
        zone = self.zone_of(key[0])
        apex = name_to_dns(zone) if zone else owner
        lent = any(
            set(self._wildcard(wildcard, rdataset.rdtype) or ()) == set(rdataset)
            for wildcard in wildcards_above(owner, apex)
        )
        if not lent:
            return True
        probe = dns.update.UpdateMessage(apex)
        probe.present(owner, rdataset.rdtype)
        rcode = self.conversation.tell(probe).rcode()
        if rcode not in {dns.rcode.NOERROR, dns.rcode.NXRRSET, dns.rcode.NXDOMAIN}:
            self._unknown[key] = (
                f"a wildcard answers for {key[0]}, and {self.conversation.label} does not say "
                f"whether the records are its own ({dns.rcode.to_text(rcode)})"
            )
        return rcode == dns.rcode.NOERROR

    def _wildcard(
        self, wildcard: dns.name.Name, rdtype: dns.rdatatype.RdataType
    ) -> dns.rdataset.Rdataset | None:
        key = (wildcard, rdtype)
        if key not in self._asked:
            reply = self.conversation.ask(_query(wildcard, rdtype))
            self._asked[key] = _set_at(reply, wildcard, rdtype)
        return self._asked[key]


def find_apex(conversation: Conversation, owner: str) -> str | None:
    """
    The zone of that server which holds *owner*, by asking for SOA records up the tree.

    None when it has none. Raises `PublishError` when it cannot be asked.
    """
    qname = name_to_dns(owner)
    while True:
        reply = conversation.ask(_query(qname, dns.rdatatype.SOA))
        sections = (*reply.answer, *reply.authority) if reply.flags & dns.flags.AA else ()
        for rrset in sections:
            if rrset.rdtype == dns.rdatatype.SOA and qname.is_subdomain(rrset.name):
                return name_from_dns(rrset.name)
        if qname == dns.name.root:
            return None
        qname = qname.parent()


def wildcards_above(owner: dns.name.Name, zone: dns.name.Name) -> list[dns.name.Name]:
    """
    The wildcards within *zone* that could lend to *owner*, the closest first.

    >>> apex = dns.name.from_text("example.com.")
    >>> [str(name) for name in wildcards_above(dns.name.from_text("a.b.example.com."), apex)]
    ['*.b.example.com.', '*.example.com.']
    """
    found = []
    above = owner
    while above not in {zone, dns.name.root}:
        above = above.parent()
        found.append(dns.name.Name((b"*", *above.labels)))
    return [wildcard for wildcard in found if wildcard != owner]


def _query(owner: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> dns.message.QueryMessage:
    query = dns.message.make_query(owner, rdtype)
    query.flags &= ~dns.flags.RD  # its own zone, not what it could find out
    return query


def _set_at(
    reply: dns.message.Message, owner: dns.name.Name, rdtype: dns.rdatatype.RdataType
) -> dns.rdataset.Rdataset | None:
    for rrset in reply.answer:
        if rrset.name == owner and rrset.rdtype == rdtype:
            return rrset
    return None
