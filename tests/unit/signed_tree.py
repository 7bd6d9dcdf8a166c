"""A small tree of signed zones in memory, and a resolver's replies from it: the signatures are real."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rrset
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.NSEC3 import NSEC3, Bitmap
from dns.rdtypes.dnskeybase import Flag

from maildns.ask import Question
from maildns.net.lookup import Rules
from maildns.net.servers import parse_server
from maildns.net.validation import validated_lookup

SERVER = parse_server("192.0.2.53")
NOW = 1_800_000_000
DAY = 86_400
SOA = "@ 300 SOA ns hostmaster 1 3600 900 604800 300\n@ 300 NS ns\nns 300 A 192.0.2.53\n"
_MAKERS = {
    8: lambda: rsa.generate_private_key(65537, 1024),
    13: lambda: ec.generate_private_key(ec.SECP256R1()),
    15: ed25519.Ed25519PrivateKey.generate,
}
_SPARES = {algorithm: maker() for algorithm, maker in _MAKERS.items()}


def name(text):
    return dns.name.from_text(text)


@dataclass
class Tree:
    """Zones by name; `anchor` is the root's DS."""

    zones: dict = field(default_factory=dict)

    def add(self, origin, text, **how):
        zone = SignedZone(name(origin), SOA + text, **how)
        self.zones[zone.origin] = zone
        return zone

    def sign(self):
        """Sign all, the deepest first, each giving its DS to the zone above."""
        for origin in sorted(self.zones, key=len, reverse=True):
            zone = self.zones[origin]
            zone.build()
            above = origin
            while zone.key is not None and above != dns.name.root:
                above = above.parent()
                if above in self.zones:
                    if zone.ds is None:
                        zone.ds = [dns.dnssec.make_ds(origin, zone.dnskey, "SHA256")]
                    self.zones[above].delegations[origin] = zone.ds
                    break
        return self

    @property
    def anchor(self):
        root = self.zones[dns.name.root]
        return f". IN DS {dns.dnssec.make_ds(dns.name.root, root.dnskey, 'SHA256')}"

    def reply(self, query):
        """What a resolver that checks nothing (CD) says."""
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        qname, rdtype = query.question[0].name, query.question[0].rdtype
        for _ in range(8):
            qname = self._zone(qname, rdtype).respond(response, qname, rdtype)
            if qname is None:
                break
        return dns.message.from_wire(response.to_wire(max_size=65535))

    def _zone(self, qname, rdtype):
        above = qname.parent() if rdtype == RdataType.DS and qname in self.zones else qname
        while above not in self.zones:
            above = above.parent()
        return self.zones[above]


@dataclass
class SignedZone:
    """One zone; `window` is when its signatures hold, in seconds from NOW."""

    origin: dns.name.Name
    text: str
    algorithm: int = 13
    signed: bool = True
    nsec3: tuple | None = None  # iterations, salt, opt-out
    window: tuple = (-DAY, 30 * DAY)
    ds: list | None = None  # in place of the right one
    compact: bool = False
    delegations: dict = field(default_factory=dict)
    key: object = None
    dnskey: object = None

    def build(self):
        if self.signed:
            self.key = _MAKERS[self.algorithm]()
            self.dnskey = dns.dnssec.make_dnskey(
                self.key.public_key(), self.algorithm, flags=Flag.ZONE | Flag.SEP
            )
        self._zone = dns.zone.from_text(self.text, self.origin, relativize=False)
        for child, anchors in self.delegations.items():
            rdataset = dns.rdataset.from_rdata_list(300, anchors)
            servers = dns.rdataset.from_text("IN", "NS", 300, f"ns.{child}")
            node = self._zone.find_node(child, create=True)
            node.replace_rdataset(rdataset)
            node.replace_rdataset(servers)
        if self.signed:
            keys = dns.rdataset.from_rdata_list(300, [self.dnskey])
            self._zone.find_node(self.origin).replace_rdataset(keys)
        self._names = set()
        for owner in self._zone:
            self._names.update(self._way_down(owner))
        self._chain = self._hashed() if self.nsec3 else None

    def _way_down(self, owner):
        """*owner* and the names above it, to the zone's apex."""
        return [owner.split(at)[1] for at in range(len(self.origin), len(owner) + 1)]

    def sign(self, rrset, owner=None, **how):
        """The RRSIG set of *rrset*, of a wildcard *owner* where that is given."""
        source = dns.rrset.from_rdata_list(owner or rrset.name, rrset.ttl, list(rrset))
        inception, expiration = (NOW + seconds for seconds in how.pop("window", self.window))
        key, dnskey = how.pop("key", self.key), how.pop("dnskey", self.dnskey)
        signature = dns.dnssec.sign(
            source, key, self.origin, dnskey, inception=inception, expiration=expiration
        )
        return dns.rrset.from_rdata(rrset.name, rrset.ttl, signature)

    def respond(self, response, qname, rdtype):
        """Fill *response*; the target of an alias where there is one."""
        cut = self._cut(qname, rdtype)
        if cut is not None and not self.signed:
            return None
        source = qname
        if qname not in self._names:
            encloser = qname.parent()
            while encloser not in self._names:
                encloser = encloser.parent()
            dname = self._get(encloser, RdataType.DNAME)
            if dname is not None:
                return self._by_dname(response, qname, encloser, dname)
            source = dns.name.Name((b"*", *encloser.labels))
            if source not in self._names and not self.compact:
                response.set_rcode(dns.rcode.NXDOMAIN)
                self._deny(response, qname, encloser, None)
                return None
        rdataset = self._get(source, rdtype)
        alias = None if rdataset is not None else self._get(source, RdataType.CNAME)
        if rdataset is None and alias is None:
            self._deny(response, qname, None if source == qname else source.parent(), source)
            return None
        self._put(response.answer, qname, rdataset or alias, source)
        if self.signed and source != qname:
            self._prove(response, qname, source.parent())
        return alias[0].target if alias is not None else None

    def _by_dname(self, response, qname, owner, dname):
        self._put(response.answer, owner, dname, owner)
        target = qname.relativize(owner).concatenate(dname[0].target)
        made = dns.rdata.from_text(dns.rdataclass.IN, RdataType.CNAME, target.to_text())
        response.answer.append(dns.rrset.from_rdata(qname, dname.ttl, made))
        return target

    def _cut(self, qname, rdtype):
        for owner in self._zone:
            below = qname.is_subdomain(owner) and owner != self.origin
            if below and self._get(owner, RdataType.NS) is not None:
                return None if owner == qname and rdtype == RdataType.DS else owner
        return None

    def _get(self, owner, rdtype):
        return self._zone.get_rdataset(owner, rdtype)

    def _put(self, section, owner, rdataset, source):
        rrset = dns.rrset.from_rdata_list(owner, rdataset.ttl, list(rdataset))
        if any(there.name == owner and there.rdtype == rrset.rdtype for there in section):
            return
        section.append(rrset)
        delegation = rdataset.rdtype == RdataType.NS and owner != self.origin
        if self.signed and not delegation:
            section.append(self.sign(rrset, source))

    def _deny(self, response, qname, encloser, source):
        self._put(
            response.authority, self.origin, self._get(self.origin, RdataType.SOA), self.origin
        )
        if not self.signed:
            return
        if self.compact:
            self._compact(response, qname)
            return
        if source is not None and source != qname:  # a wildcard without the type
            self._prove(response, qname, encloser)
            self.cover(response, source)
        elif source is not None and self._chain and self._hash(source) not in self._chain:
            self._prove(response, source, source.parent())  # opted out
        elif source is not None:
            self.cover(response, source)
        else:
            self._prove(response, qname, encloser)
            self.cover(response, dns.name.Name((b"*", *encloser.labels)))

    def _prove(self, response, qname, encloser):
        """That *qname* does not exist; of NSEC3 its closest encloser and the next closer name."""
        if not self.nsec3:
            self.cover(response, qname)
            return
        self.cover(response, encloser)
        self.cover(response, qname.split(len(encloser) + 1)[1])

    def _types(self, owner):
        node = self._zone.get_node(owner)
        kinds = [rdataset.rdtype for rdataset in node] if node else []
        signs = (
            RdataType.DS in kinds or (kinds and RdataType.NS not in kinds) or owner == self.origin
        )
        return kinds + ([RdataType.RRSIG] if signs and kinds else [])

    def _owners(self):
        cuts = [o for o in self._zone if o != self.origin and self._get(o, RdataType.NS)]
        return [o for o in self._zone if not any(o != c and o.is_subdomain(c) for c in cuts)]

    def cover(self, response, target):
        """Put in the proof that stands at *target* or spans it."""
        if self._chain is not None:
            hashed = self._hash(target)
            owner = max((h for h in self._chain if h <= hashed), default=max(self._chain))
            full = dns.name.Name((owner.lower().encode(), *self.origin.labels))
            self._put(response.authority, full, self._chain[owner], full)
            return
        owners = sorted(o for o in self._owners() if self._types(o))
        at = max(i for i, o in enumerate(owners) if o <= target)
        following = owners[(at + 1) % len(owners)]
        self._nsec(response, owners[at], following, [*self._types(owners[at]), RdataType.NSEC])

    def _nsec(self, response, owner, following, kinds):
        shown = " ".join(RdataType.to_text(kind) for kind in sorted(set(kinds)))
        text = f"{following} {shown}"
        record = dns.rdata.from_text(dns.rdataclass.IN, RdataType.NSEC, text)
        self._put(response.authority, owner, dns.rdataset.from_rdata(300, record), owner)

    def _compact(self, response, qname):
        """RFC 9824: one NSEC at the very name, which is said to exist."""
        there = self._types(qname) if qname in self._names else [RdataType.make(128)]
        following = dns.name.Name((b"\x00", *qname.labels))
        self._nsec(response, qname, following, [*there, RdataType.RRSIG, RdataType.NSEC])

    def _hash(self, owner):
        iterations, salt, _ = self.nsec3
        return dns.dnssec.nsec3_hash(owner, salt, iterations, 1)

    def _hashed(self):
        iterations, salt, opt_out = self.nsec3
        owners = set(self._owners())
        if opt_out:
            insecure = {o for o in owners if RdataType.NS in self._types(o) and o != self.origin}
            owners -= {o for o in insecure if RdataType.DS not in self._types(o)}
        owners = {above for owner in owners for above in self._way_down(owner)}
        hashes = {self._hash(owner): self._types(owner) for owner in owners}
        ordered = sorted(hashes)
        return {
            hashed: dns.rdataset.from_rdata(
                300,
                NSEC3(
                    dns.rdataclass.IN, RdataType.NSEC3, 1, int(opt_out), iterations,
                    bytes.fromhex(salt), base64.b32hexdecode(ordered[(at + 1) % len(ordered)]),
                    Bitmap.from_rdtypes(hashes[hashed]),
                ),
            )
            for at, hashed in enumerate(ordered)
        }  # fmt: skip


def spare_key(algorithm=13):
    """A key that no zone has: private, and as DNSKEY."""
    private = _SPARES[algorithm]
    return private, dns.dnssec.make_dnskey(
        private.public_key(), algorithm, flags=Flag.ZONE | Flag.SEP
    )


def ds_of(zone, digest="SHA256", **changes):
    """The DS of *zone*'s name for a spare key, with some fields changed."""
    policy = dns.dnssec.allow_all_policy
    return dns.dnssec.make_ds(name(zone), spare_key()[1], digest, policy=policy).replace(**changes)


def ask(question, tree, trust, tamper=lambda send, reply: reply, **rules):
    """Run a validated lookup against *tree*, replies changed by *tamper*. Also: what was sent."""
    sent = []
    servers = rules.pop("servers", (SERVER,))
    steps = validated_lookup(Question(*question.split()), Rules(servers, **rules), trust)
    try:
        send = next(steps)
        while True:
            sent.append(send)
            send = steps.send(tamper(send, tree.reply(send.query)))
    except StopIteration as stop:
        return stop.value, [str(send.query.question[0]) for send in sent]
