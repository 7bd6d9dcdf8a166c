"""
The octets of a record's data to a typed value, for the form of RFC 3597.

Names in them are never compressed (RFC 3597 section 4).
"""

from __future__ import annotations

import ipaddress
import struct

from maildns.dnsdata import AAAA, A, Caa, Cname, Mx, Ns, Opaque, Ptr, Rdata, Soa, Srv, Tlsa, Txt
from maildns.zonefile.words import full_name


def from_wire(rrtype: str, octets: bytes) -> Rdata | None:
    """
    Read *octets* as the data of an *rrtype* record; None for a type that is not understood.

    Raises `ValueError` or `IndexError` when they are none.
    """
    match rrtype:
        case "A":
            return A(ipaddress.IPv4Address(octets))
        case "AAAA":
            return AAAA(ipaddress.IPv6Address(octets))
        case "TXT":
            return Txt(_strings(octets))
        case "SPF":
            return Opaque("SPF", str(Txt(_strings(octets))))
        case "TLSA" if len(octets) > 3:
            return Tlsa(octets[0], octets[1], octets[2], octets[3:])
        case "CAA":
            return _caa(octets)
        case _:
            return _with_name(rrtype, octets)


def _with_name(rrtype: str, octets: bytes) -> Rdata | None:
    match rrtype:
        case "CNAME":
            return Cname(_name(octets))
        case "NS":
            return Ns(_name(octets))
        case "PTR":
            return Ptr(_name(octets))
        case "MX":
            return Mx(int.from_bytes(octets[:2]), _name(octets[2:]))
        case "SRV" if len(octets) > 6:
            priority, weight, port = struct.unpack("!HHH", octets[:6])
            return Srv(priority, weight, port, _name(octets[6:]))
        case "SOA":
            return _soa(octets)
        case "SRV" | "TLSA":
            raise ValueError("too short")
        case _:
            return None


def _strings(octets: bytes) -> tuple[bytes, ...]:
    strings = []
    at = 0
    while at < len(octets):
        end = at + 1 + octets[at]
        if end > len(octets):
            raise ValueError("a string ends too soon")
        strings.append(octets[at + 1 : end])
        at = end
    if not strings:
        raise ValueError("there is no string")
    return tuple(strings)


def _caa(octets: bytes) -> Caa:
    end = 2 + octets[1]
    tag = octets[2:end].decode("ascii")
    if not tag.isalnum() or len(tag) != octets[1]:
        raise ValueError("no tag")
    return Caa(octets[0], tag, octets[end:])


def _soa(octets: bytes) -> Soa:
    primary, at = _name_at(octets, 0)
    mailbox, at = _name_at(octets, at)
    if len(octets) != at + 20:
        raise ValueError("not five numbers behind the names")
    return Soa(primary, mailbox, *struct.unpack("!IIIII", octets[at:]))


def _name(octets: bytes) -> str:
    text, end = _name_at(octets, 0)
    if end != len(octets):
        raise ValueError("there is more than a name")
    return text


def _name_at(octets: bytes, at: int) -> tuple[str, int]:
    """The name that begins at *at*, and where it ends."""
    words = []
    while (length := octets[at]) != 0:
        label = octets[at + 1 : at + 1 + length]
        if length > 63 or len(label) != length:
            raise ValueError("a label ends too soon")
        words.append("".join(f"\\{octet:03d}" for octet in label))
        at += 1 + length
    return full_name(".".join(words) + ".", "."), at + 1
