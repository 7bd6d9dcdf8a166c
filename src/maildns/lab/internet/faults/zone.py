"""Faults of DNSSEC, of name servers and of delegations."""

from __future__ import annotations

from maildns.lab.internet.faults.fault import fault
from maildns.lab.internet.signing import Algorithm
from maildns.lab.internet.sites import Site, txt
from maildns.lab.internet.zones import ALIAS

_FIRST = "ns1.dns.lab"


def _servers(site: Site, *names: str) -> None:
    """The zone and the delegation name the same servers."""
    site.name_servers = list(names)
    site.delegated_to = list(names)


@fault("dnssec-bogus", refused=True)
def bogus_signature(site: Site) -> None:
    """The signature of the MX records is false."""
    site.signing.broken.add((site.name, "MX"))


@fault("dnssec-bogus", "dnssec-signature-expired", refused=True)
def expired_signature(site: Site) -> None:
    """All signatures have expired."""
    site.signing.until_days = -2


@fault("dnssec-signature-expiring", refused=False)
def signature_expires_soon(site: Site) -> None:
    """The signatures expire tomorrow."""
    site.signing.until_days = 0.9


@fault("dnssec-bogus", "dnssec-ds-stale", refused=True)
def ds_mismatch(site: Site) -> None:
    """The DS record is of a key that the zone does not have."""
    site.signing.ds_matches = False


@fault("dnssec-unsigned", refused=False)
def unsigned(site: Site) -> None:
    """The domain is not signed."""
    site.signing.signed = False


@fault("dnssec-nsec3-iterations", refused=False)
def nsec3_iterations(site: Site) -> None:
    """NSEC3 with 50 iterations."""
    site.signing.iterations = 50


@fault("dnssec-algorithm", "dnssec-ds-uncounted", refused=False)
def algorithm_5(site: Site) -> None:
    """Signed with RSASHA1, algorithm 5."""
    site.signing.algorithm = Algorithm.RSASHA1


@fault("dnssec-algorithm", "dnssec-ds-uncounted", refused=False)
def algorithm_7(site: Site) -> None:
    """Signed with RSASHA1-NSEC3-SHA1, algorithm 7."""
    site.signing.algorithm = Algorithm.RSASHA1NSEC3SHA1
    site.signing.iterations = 0


@fault("zone-server-lame")
def lame_server(site: Site) -> None:
    """The second name server knows nothing of the zone."""
    site.second_lame = True


@fault("zone-servers-disagree")
def old_data(site: Site) -> None:
    """The second name server has yesterday's DMARC record."""
    site.second = site.records.copy()
    site.second_behind = 100
    old = f"v=DMARC1; p=quarantine; rua=mailto:dmarc@{site.name}"
    site.second.set(site.at("_dmarc"), "TXT", txt(old))


@fault("zone-serials-differ")
def serials_differ(site: Site) -> None:
    """The second name server has an older serial."""
    site.second_behind = 1


@fault("zone-server-silent")
def silent_server(site: Site) -> None:
    """The second name server never answers."""
    _servers(site, _FIRST, "ns-silent.dns.lab")


@fault("zone-server-silent")
def garbage_server(site: Site) -> None:
    """The second name server answers with octets that are no message."""
    _servers(site, _FIRST, "ns-garbage.dns.lab")


@fault("zone-server-silent")
def lying_server(site: Site) -> None:
    """The second name server answers with the number of another question."""
    _servers(site, _FIRST, "ns-liar.dns.lab")


@fault("zone-server-without-tcp")
def tcp_refused(site: Site) -> None:
    """The second name server answers over UDP alone."""
    _servers(site, "ns2.dns.lab", "ns-udp.dns.lab")


@fault("zone-few-servers")
def single_server(site: Site) -> None:
    """There is one name server."""
    _servers(site, _FIRST)


@fault("zone-delegation-differs")
def parent_differs(site: Site) -> None:
    """The zone names other servers than the delegation."""
    site.name_servers = [_FIRST, "ns3.dns.lab"]


@fault("zone-server-is-alias")
def ns_alias(site: Site) -> None:
    """The name of a name server is an alias."""
    _servers(site, _FIRST, ALIAS)


@fault("zone-server-without-address")
def ns_without_address(site: Site) -> None:
    """The name of a name server has no address."""
    _servers(site, _FIRST, "nothing.dns.lab")


@fault("spf-large-answer")
def answer_too_large(site: Site) -> None:
    """The TXT records do not fit into a UDP answer."""
    site.records.add(site.name, "TXT", *(txt(f"service-{n}={n:064}") for n in range(40)))
