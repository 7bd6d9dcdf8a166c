"""
Trust anchors: the keys that validation starts from, as DS data (RFC 4033 section 2, RFC 7958).

The root's own are built in: KSK 20326, in use since 2018, and KSK 38696, which signs from
2026-10-11 on. A lab, or a private tree beneath any name, gives its own instead. A zone's DNSKEY
records are taken as well, for that is how many programs write anchors down.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import dns.dnssec
import dns.dnssectypes
import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
from dns.rdtypes.ANY.DNSKEY import DNSKEY
from dns.rdtypes.ANY.DS import DS

from maildns.errors import UsageError
from maildns.net.convert import name_to_dns

Anchors: TypeAlias = Mapping[dns.name.Name, tuple[DS, ...]]

# https://data.iana.org/root-anchors/root-anchors.xml
ROOT_ANCHORS = (
    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
    ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
)


def parse_anchors(lines: Iterable[str]) -> Anchors:
    """
    Read anchors, each a DS or DNSKEY record as a zone file has it; a TTL is optional.

    Raises `UsageError` for a line that is neither.

    >>> [anchor.key_tag for anchor in parse_anchors(ROOT_ANCHORS)[dns.name.root]]
    [20326, 38696]
    """
    found: dict[dns.name.Name, list[DS]] = defaultdict(list)
    for line in lines:
        owner, anchor = _parse(line)
        found[owner].append(anchor)
    return {owner: tuple(anchors) for owner, anchors in found.items()}


def _parse(line: str) -> tuple[dns.name.Name, DS]:
    words = line.split()
    middle = [word.upper() for word in words[1:4]]
    kind = next((word for word in middle if word in {"DS", "DNSKEY"}), "")
    try:
        at = words.index(next(word for word in words[1:4] if word.upper() == kind))
        rdata = dns.rdata.from_text(dns.rdataclass.IN, kind, " ".join(words[at + 1 :]))
        owner = name_to_dns(words[0].removesuffix(".") or ".")
        if isinstance(rdata, DNSKEY):
            return owner, dns.dnssec.make_ds(owner, rdata, dns.dnssectypes.DSDigest.SHA256)
    except (StopIteration, dns.exception.DNSException, ValueError):
        rdata = None
    if not isinstance(rdata, DS):
        raise UsageError(
            f"{line[:100]!r} is not a trust anchor", hint="write a DS record, such as: . IN DS ..."
        )
    return owner, rdata
