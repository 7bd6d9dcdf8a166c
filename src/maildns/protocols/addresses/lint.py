"""Advice on the addresses of a mail server and on the names of addresses."""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from typing import Final, TypeAlias

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError
from maildns.finding import Finding, Fix, Rule, Severity, rule
from maildns.protocols.addresses.evaluate import Iprev, IprevResult
from maildns.protocols.addresses.record import IpAddress, address_of

LOOPBACK = rule(
    "addresses-loopback",
    Severity.ERROR,
    "the address is that of the asking machine itself",
    help="""Whoever follows an address such as 127.0.0.1 or ::1 reaches its own machine, never the
    mail server. Publish the server's public address.""",
    reference="RFC 6890 section 2.2.2",
)
PRIVATE = rule(
    "addresses-private",
    Severity.ERROR,
    "the address is not reachable from the Internet",
    help="""Addresses such as 10.0.0.1, 192.168.1.1, 100.64.0.1 or fd00::1 mean something inside one
    network alone; nobody outside can deliver mail there. Publish the public address, that of the
    router when it passes the port on, and keep the private one for the view of the LAN.""",
    reference="RFC 6890 section 2.2.2",
)
DOCUMENTATION = rule(
    "addresses-documentation",
    Severity.WARN,
    "the address is reserved for examples",
    help="""Addresses such as 192.0.2.1 and 2001:db8::1 stand in books and manuals and are routed
    nowhere. Most often an example was copied. Publish the server's public address.""",
    reference="RFC 6890 section 2.2.2",
)
UNUSABLE = rule(
    "addresses-unusable",
    Severity.ERROR,
    "the address is not that of a host",
    help="""Multicast, link-local, reserved, translated and unspecified addresses cannot be those of a
    mail server on the Internet. Publish the server's public address.""",
    reference="RFC 6890 section 2.2.2",
)
NO_PTR = rule(
    "addresses-no-ptr",
    Severity.ERROR,
    "the address has no name",
    help="""Many receivers, the largest among them, refuse mail from an address without a PTR record.
    Ask the provider of the line to set it to the server's name.""",
    reference="RFC 1912 section 2.1",
)
NOT_CONFIRMED = rule(
    "addresses-ptr-not-confirmed",
    Severity.ERROR,
    "the name of the address does not have the address",
    help="""Anyone can give an address of theirs any name, so receivers look whether the name has the
    address, and refuse mail when it has not. Publish the missing A or AAAA record, or have the
    PTR record set to the server's name.""",
    reference="RFC 8601 section 3",
)
PTR_UNKNOWN = rule(
    "addresses-ptr-unreachable",
    Severity.WARN,
    "it cannot be known whether address and name agree",
    help="""A name server on the way did not answer. Receivers in the same situation put mail off.
    Ask again later; if it stays so, tell whoever runs the reverse zone.""",
    reference="RFC 8601 section 2.7.3",
)
SEVERAL_PTR = rule(
    "addresses-several-ptr",
    Severity.INFO,
    "the address has several names",
    help="""One address should have one name. Receivers that look at the first alone get now one, now
    the other. Have all but the server's own name removed.""",
    reference="RFC 1912 section 2.1",
)
GENERIC_PTR = rule(
    "addresses-generic-ptr",
    Severity.WARN,
    "the name looks like that of a dial-up line",
    help="""Receivers take a name that is made of the address, or says pool, dynamic or dsl, for that
    of a home line and refuse its mail or count it as spam. Ask the provider to set the PTR record
    to the server's name.""",
    reference="RFC 1912 section 2.1",
)

_Spans: TypeAlias = dict[int, list[tuple[int, int]]]


def _spans(*networks: str) -> _Spans:
    """The first and the last address of each, as numbers, by version: many are compared with them."""
    found: _Spans = {4: [], 6: []}
    for one in map(ipaddress.ip_network, networks):
        found[one.version].append((int(one[0]), int(one[-1])))
    return found


# RFC 5737, RFC 3849, RFC 9637
_DOCUMENTATION: Final = _spans(
    "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"
)
_LOOPBACK: Final = _spans("127.0.0.0/8", "::1/128")
_UNUSABLE: Final = _spans(
    *("224.0.0.0/4", "ff00::/8"),  # multicast
    *("169.254.0.0/16", "fe80::/10"),  # of one link
    *("0.0.0.0/32", "::/128"),  # none at all
    "240.0.0.0/4",  # reserved (RFC 1112 section 4)
    # RFC 7526 (6to4 is retired), RFC 4380 (Teredo), RFC 6052 and RFC 8215 (NAT64)
    *("2002::/16", "192.88.99.0/24", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48"),
)
# What else the registries of special-purpose addresses call not global (RFC 6890 and those after
# it), and what they except from that.
_NOT_GLOBAL: Final = _spans(
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),  # RFC 1918, RFC 6598
    *("0.0.0.0/8", "192.0.0.0/24", "198.18.0.0/15", "100::/64", "100:0:0:1::/64", "2001::/23"),
    *("5f00::/16", "fc00::/7", "fec0::/10"),
)
_GLOBAL: Final = _spans(
    *("192.0.0.9/32", "192.0.0.10/32", "2001:1::1/128", "2001:1::2/128", "2001:1::3/128"),
    *("2001:3::/32", "2001:4:112::/48", "2001:20::/28", "2001:30::/28"),
)
_SPEAKS_OF_A_LINE: Final = re.compile(
    r"(?:^|[.-]|\d)(?:dyn|dynamic|dsl|[avsx]dsl|pool|pools|dhcp|dial|dialin|dialup|dip|ppp|pppoe|broadband"
    r"|cable|customer|cust|residential|ftth|fttx)(?=[.-]|\d|$)"
)


def lint_address(address: str | IpAddress, subject: str = "") -> list[Finding]:
    """
    Say whether *address* can be that of a server on the Internet.

    It is a judgement of the public view; inside a LAN private addresses are right. Raises
    `UsageError` when *address* is none.
    """
    one = address_of(address)
    found = _special(one)
    return [] if found is None else [found.finding(subject, f"{one}: {found.title}")]


def _special(address: IpAddress) -> Rule | None:
    starts, verdicts = _ranges()[address.version]
    return verdicts[bisect_right(starts, int(address)) - 1]


@cache
def _ranges() -> dict[int, tuple[list[int], list[Rule | None]]]:
    """The address at which each verdict begins, and the verdict, which holds up to the next one."""
    found: dict[int, tuple[list[int], list[Rule | None]]] = {}
    for version, make in ((4, ipaddress.IPv4Address), (6, ipaddress.IPv6Address)):
        every = (_DOCUMENTATION, _LOOPBACK, _UNUSABLE, _NOT_GLOBAL, _GLOBAL)
        edges = {
            edge for spans in every for low, high in spans[version] for edge in (low, high + 1)
        }
        starts = sorted({0, *edges} - {1 << make(0).max_prefixlen})
        found[version] = starts, [_weighed(make(start)) for start in starts]
    return found


def _weighed(address: IpAddress) -> Rule | None:
    if _is_in(address, _DOCUMENTATION):
        return DOCUMENTATION
    if _is_in(address, _LOOPBACK):
        return LOOPBACK
    if _is_in(address, _UNUSABLE):
        return UNUSABLE
    return PRIVATE if _is_in(address, _NOT_GLOBAL) and not _is_in(address, _GLOBAL) else None


def _is_in(address: IpAddress, spans: _Spans) -> bool:
    point = int(address)
    return any(low <= point <= high for low, high in spans[address.version])


def lint_ptr(address: str | IpAddress, names: Sequence[str], subject: str = "") -> list[Finding]:
    """
    Say what is wrong with the *names* that the PTR records of *address* give.

    Raises `UsageError` when *address* is no address.
    """
    one = address_of(address)
    subject = subject or str(one)
    if not names:
        return [NO_PTR.finding(subject, fix=Fix("ask the provider to set the PTR record"))]
    found = []
    if len(names) > 1:
        says = f"the address has {len(names)} names: {', '.join(names[:5])}"
        found.append(SEVERAL_PTR.finding(subject, says))
    found += [
        GENERIC_PTR.finding(subject, f"{host} looks like the name of a dial-up line")
        for host in names
        if _is_generic(one, host)
    ]
    return found


def lint_iprev(iprev: Iprev, subject: str = "") -> list[Finding]:
    """Say what is wrong with the names of an address, from what `forward_confirmed` found."""
    subject = subject or str(iprev.address)
    if iprev.result is IprevResult.TEMPERROR:
        return [PTR_UNKNOWN.finding(subject, iprev.reason)]
    found = lint_ptr(iprev.address, iprev.names, subject)
    if iprev.names and iprev.result is not IprevResult.PASS:
        rrtype = "A" if iprev.address.version == 4 else "AAAA"
        fix = Fix("publish", f"{iprev.names[0]}. {rrtype} {iprev.address}")
        found.append(NOT_CONFIRMED.finding(subject, iprev.reason, fix=fix))
    return found


def _is_generic(address: IpAddress, host: str) -> bool:
    """Whether *host* is made of the address, or speaks of a line, left of its domain."""
    try:
        left = name(host).rsplit(".", 2)[0]
    except RecordSyntaxError:
        return False
    if host.count(".") < 2:
        return False
    return _is_made_of(address, left) or _SPEAKS_OF_A_LINE.search(left) is not None


def _is_made_of(address: IpAddress, text: str) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        digits = re.sub(r"[^0-9a-f]", "", text)
        nibbles = address.exploded.replace(":", "")
        return nibbles[16:] in digits or nibbles[::-1][:16] in digits
    octets = str(address).split(".")
    numbers = [number.lstrip("0") or "0" for number in re.findall(r"\d+", text)]
    if len(text) >= 8 and address.packed.hex() in text:
        return True
    # Three of the four octets in a row, either way around, are no accident.
    for order in (octets, octets[::-1]):
        for start in (0, 1):
            if _contains(numbers, order[start : start + 3]):
                return True
    return "".join(f"{int(octet):03d}" for octet in octets) in text


def _contains(row: list[str], part: list[str]) -> bool:
    return any(row[at : at + len(part)] == part for at in range(len(row) - len(part) + 1))
