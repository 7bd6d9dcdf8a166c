"""
Who is to be talked to: the live servers that a domain's DNS names.

What has to be asked of the DNS for it is asked while the facts are gathered, so that the talks
need no DNS of their own and see the same world.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from maildns.ask import Answer, Inquiry, Question
from maildns.audit.facts import DnsFacts
from maildns.dnsdata import AAAA, A, Srv
from maildns.errors import RecordSyntaxError
from maildns.net.talk import Visit
from maildns.net.web import place_of
from maildns.protocols.addresses.record import IpAddress
from maildns.protocols.bimi import BimiLookup, BimiResult
from maildns.protocols.clients import SERVICES
from maildns.protocols.dane import owner_name

MAX_MAIL_ADDRESSES: Final = 40  # of all mail hosts together
MAX_SERVICE_ADDRESSES: Final = 24  # of all announced services together
MAX_TARGETS: Final = 4  # of one service; mail programs try hardly more


def service_owners(domain: str) -> list[str]:
    """The names at which *domain* announces its services to mail programs (RFC 6186)."""
    return [f"{one.label}._tcp.{domain}" for one in SERVICES]


def live_questions(
    services: Sequence[str], web_hosts: Sequence[str], mail_hosts: Sequence[str]
) -> Inquiry[None]:
    """
    Ask for the addresses of web servers and of the services that are announced, and for TLSA records.

    *services* are the names at which they may be, `service_owners`; a name that is empty is none.
    """
    answers = yield [Question(owner, "SRV") for owner in services]
    hosts = [record.target for answer in answers for record in targets(answer)]
    asked = [host for host in dict.fromkeys([*hosts, *web_hosts]) if host]
    yield [
        *(Question(host, rrtype) for host in asked for rrtype in ("A", "AAAA")),
        # Also where no sender asks for them, since the zone is not signed: to say so.
        *(Question(owner, "TLSA") for host in mail_hosts if (owner := tlsa_owner(host))),
    ]


def document_urls(lookup: BimiLookup | None) -> tuple[str, ...]:
    """The addresses of the picture and the mark certificate, as far as the record names them."""
    if lookup is None or lookup.result is not BimiResult.FOUND or lookup.record is None:
        return ()
    record = lookup.record
    return tuple(url for url in (record.location, record.authority_evidence) if url)


def document_hosts(lookup: BimiLookup | None) -> tuple[str, ...]:
    """The hosts of these addresses, each once."""
    places = (place_of(url) for url in document_urls(lookup))
    return tuple(dict.fromkeys(place.host for place in places if place))


def tlsa_owner(host: str) -> str:
    """Where the TLSA records of the mail host *host* stand; empty where that is no name."""
    try:
        return owner_name(host)
    except RecordSyntaxError:
        return ""


def targets(answer: Answer) -> tuple[Srv, ...]:
    """The places that the SRV records of *answer* name, the first to be tried first (RFC 2782)."""
    if not answer.records:
        return ()
    found = [one for one in answer.records if isinstance(one, Srv)]
    found = [one for one in found if one.target != "." and one.port]
    return tuple(sorted(found, key=lambda one: (one.priority, -one.weight))[:MAX_TARGETS])


def addresses_of(dns: DnsFacts, host: str) -> tuple[IpAddress, ...]:
    """The addresses of *host*, as far as they were asked for."""
    return tuple(
        record.address
        for rrtype in ("A", "AAAA")
        for record in dns.answer(host, rrtype).records
        if isinstance(record, A | AAAA)
    )


def mail_visits(dns: DnsFacts) -> Iterator[Visit]:
    """One visit for each address of each mail host."""
    bases = {lookup.host: lookup.base_domain for lookup in dns.dane.hosts}
    pairs = [(host.name, address) for host in dns.mail.hosts for address in host.addresses]
    for host, address in dict.fromkeys(pairs[:MAX_MAIL_ADDRESSES]):
        # RFC 7672 section 8.1: SNI is the TLSA base domain
        yield Visit(host, str(address), server_name=bases.get(host, host))


def service_visits(dns: DnsFacts) -> Iterator[Visit]:
    """One visit for each address of each service that the domain announces by SRV records."""
    left = MAX_SERVICE_ADDRESSES
    for service in SERVICES:
        for srv in targets(dns.answer(f"{service.label}._tcp.{dns.domain}", "SRV")):
            places = addresses_of(dns, srv.target)[:left]
            left -= len(places)
            for address in places:
                yield Visit(
                    srv.target,
                    str(address),
                    srv.port,
                    service.kind,
                    service.implicit_tls,
                    service=service.label,
                )
