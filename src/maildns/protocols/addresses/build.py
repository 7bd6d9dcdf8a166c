"""What is needed to get the PTR record set: a request to the provider, or a line for one's own zone."""

from __future__ import annotations

from maildns.dnsdata import absolute, name, reverse_name
from maildns.errors import UsageError
from maildns.protocols.addresses.record import IpAddress, address_of

_REQUEST = """\
Subject: Reverse DNS (PTR record) for {address}

Hello,

please set the reverse DNS entry of our IP address {address} to {host}

The record is:

    {line}

It should be the only PTR record of this address. The name {host} already has,
or will have, the matching {forward} record:

    {host}. {forward} {address}

We run a mail server at this address; other mail servers refuse mail from an
address whose name and address do not agree.

Thank you.
"""


def ptr_request(address: str | IpAddress, hostname: str) -> str:
    """
    Write the request for a PTR record, ready to be sent to whoever owns the address.

    Raises `UsageError` when *address* is none, `RecordSyntaxError` when *hostname* is no name.
    """
    one, host = address_of(address), name(hostname)
    return _REQUEST.format(
        address=one,
        host=host,
        line=f"{absolute(reverse_name(one))} IN PTR {absolute(host)}",
        forward="A" if one.version == 4 else "AAAA",
    )


def reverse_line(
    address: str | IpAddress, hostname: str, ttl: int = 3600, *, zone: str = ""
) -> str:
    """
    Write the PTR record of *address* as the line of a zone file, with absolute names.

    Where the provider has delegated less than a whole reverse zone (RFC 2317), give the
    delegated *zone*, such as `64-71.2.0.192.in-addr.arpa`: the record then stands below it,
    and the provider's CNAME leads there. Raises `UsageError` when *address* is none or
    cannot stand in *zone*, `RecordSyntaxError` when a name is none.

    >>> reverse_line("192.0.2.65", "mx.example.com")
    '65.2.0.192.in-addr.arpa. 3600 IN PTR mx.example.com.'
    >>> reverse_line("192.0.2.65", "mx.example.com", zone="64-71.2.0.192.in-addr.arpa")
    '65.64-71.2.0.192.in-addr.arpa. 3600 IN PTR mx.example.com.'
    """
    owner = reverse_name(address_of(address))
    if zone:
        owner = _classless(owner, name(zone))
    return f"{absolute(owner)} {ttl} IN PTR {absolute(name(hostname))}"


def _classless(owner: str, zone: str) -> str:
    """The name below a zone that is delegated by RFC 2317 section 4."""
    if owner.endswith("." + zone):
        return owner
    last, _, network = owner.partition(".")
    if not zone.endswith("." + network):
        raise UsageError(f"{owner} cannot stand in {zone}", f"the zone ends in {network}")
    return f"{last}.{zone}"
