"""
Between dnspython's objects and the values of `maildns.dnsdata`: the one place that does it.

Wire data is hostile until it is a plain value: names are lower-cased, a record
of a type that mail has no use for becomes `Opaque`, and what comes out no longer
knows the library it came from. Importing this imports dnspython; import it late.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rdtypes.ANY.TLSA
import dns.rdtypes.ANY.TXT

from maildns.dnsdata import (
    AAAA,
    A,
    Caa,
    Cname,
    Mx,
    Ns,
    Opaque,
    Ptr,
    Rdata,
    RRset,
    Soa,
    Srv,
    Tlsa,
    Txt,
    absolute,
)
from maildns.errors import UsageError

# dnspython refuses a TLSA record whose digest has the wrong length, and the whole message
# with it: a record wrongly published would look like a server that cannot be reached. It
# is kept, so that `dane` can complain and a publisher mend it. This holds for the process.
dns.rdtypes.ANY.TLSA.TLSA._cert_length_by_mtype = {}  # noqa: SLF001 - there is no public way

MAX_TTL_SECONDS = 2**31 - 1  # RFC 2181 section 8

_PLAIN = re.compile(rb"[A-Za-z0-9_*.-]+")


def name_from_dns(dns_name: dns.name.Name) -> str:
    r"""
    Make the one spelling of *dns_name*: lower case, no final dot, the root is ``"."``.

    >>> name_from_dns(dns.name.from_text("Mail.Example.COM."))
    'mail.example.com'
    """
    labels = dns_name.labels
    joined = b".".join(labels[:-1] if labels and not labels[-1] else labels)
    # A label may itself hold a dot; then the slow way writes it escaped.
    if joined.count(b".") == len(labels) - 2 and _PLAIN.fullmatch(joined):
        return joined.decode("ascii").lower()
    return dns_name.to_text(omit_final_dot=True).lower()


@lru_cache(maxsize=16384)
def name_to_dns(text: str) -> dns.name.Name:
    """
    Make dnspython's name of *text*, which is taken as absolute.

    Raises `UsageError` when it cannot be one (RFC 1035 section 2.3.4).
    """
    try:
        return dns.name.from_text(absolute(text))
    except (dns.exception.DNSException, UnicodeError) as error:
        raise UsageError(f"{text[:80]!r} is not a domain name: {error}") from None


def rdtype_to_dns(rrtype: str) -> dns.rdatatype.RdataType:
    """
    The number of a type's name; raises `UsageError` for one that is not known.

    >>> int(rdtype_to_dns("TLSA")), int(rdtype_to_dns("TYPE65280"))
    (52, 65280)
    """
    try:
        return dns.rdatatype.from_text(rrtype)
    except (dns.exception.DNSException, ValueError):
        raise UsageError(f"{rrtype!r} is not a record type") from None


# Each converter is given a record whose class dnspython has already chosen by its type;
# the classes share no type that would name these attributes, hence Any.
_CONVERTERS: dict[int, Callable[[Any], Rdata]] = {
    dns.rdatatype.A: lambda r: A(ipaddress.IPv4Address(r.address)),
    dns.rdatatype.AAAA: lambda r: AAAA(ipaddress.IPv6Address(r.address)),
    dns.rdatatype.MX: lambda r: Mx(r.preference, name_from_dns(r.exchange)),
    dns.rdatatype.TXT: lambda r: Txt(tuple(r.strings)),
    dns.rdatatype.CNAME: lambda r: Cname(name_from_dns(r.target)),
    dns.rdatatype.PTR: lambda r: Ptr(name_from_dns(r.target)),
    dns.rdatatype.NS: lambda r: Ns(name_from_dns(r.target)),
    dns.rdatatype.SOA: lambda r: Soa(
        name_from_dns(r.mname),
        name_from_dns(r.rname),
        r.serial,
        r.refresh,
        r.retry,
        r.expire,
        r.minimum,
    ),
    dns.rdatatype.SRV: lambda r: Srv(r.priority, r.weight, r.port, name_from_dns(r.target)),
    dns.rdatatype.TLSA: lambda r: Tlsa(r.usage, r.selector, r.mtype, r.cert),
    dns.rdatatype.CAA: lambda r: Caa(r.flags, r.tag.decode("ascii", "replace"), r.value),
}


def rdata_from_dns(rdata: dns.rdata.Rdata) -> Rdata:
    """Make a plain value of *rdata*; a type without a class of its own becomes `Opaque`."""
    converter = _CONVERTERS.get(rdata.rdtype)
    if converter is None or isinstance(rdata, dns.rdata.GenericRdata):
        return Opaque(dns.rdatatype.to_text(rdata.rdtype), rdata.to_text())
    return converter(rdata)


def records_from_dns(rdatas: Iterable[dns.rdata.Rdata]) -> tuple[Rdata, ...]:
    """Plain values of *rdatas*, sorted and without doubles as in an `RRset`."""
    records = [rdata_from_dns(rdata) for rdata in rdatas]
    return tuple(records) if len(records) == 1 else tuple(sorted(set(records), key=str))


def rrset_from_dns(owner: str, rdataset: dns.rdataset.Rdataset) -> RRset:
    """Make an `RRset` at *owner*; raises `ValueError` when *rdataset* is empty."""
    return RRset.of(owner, ttl_from_dns(rdataset.ttl), [rdata_from_dns(r) for r in rdataset])


def ttl_from_dns(ttl: int) -> int:
    """The TTL in seconds; one with the top bit set counts as zero (RFC 2181 section 8)."""
    return ttl if 0 <= ttl <= MAX_TTL_SECONDS else 0


def rdata_to_dns(rdata: Rdata) -> dns.rdata.Rdata:
    """
    Make dnspython's record of *rdata*.

    Raises `UsageError` when the value cannot be a record, for instance a TXT
    string over 255 octets.
    """
    try:
        if isinstance(rdata, Txt):
            return dns.rdtypes.ANY.TXT.TXT(
                dns.rdataclass.IN, dns.rdatatype.TXT, list(rdata.strings)
            )
        return dns.rdata.from_text(dns.rdataclass.IN, rdata.rrtype, str(rdata))
    except (dns.exception.DNSException, ValueError, TypeError) as error:
        raise UsageError(f"{rdata.rrtype} {str(rdata)[:80]!r} is not a record: {error}") from None


def rdataset_to_dns(rrset: RRset) -> dns.rdataset.Rdataset:
    """Make dnspython's set of the records of *rrset*; raises `UsageError` as `rdata_to_dns`."""
    return dns.rdataset.from_rdata_list(
        rrset.ttl_seconds, [rdata_to_dns(record) for record in rrset.records]
    )
