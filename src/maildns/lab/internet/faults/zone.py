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


@fault("the signature of the MX records is false", "dnssec-bogus", refused=True)
def bogus_signature(site: Site) -> None:
    site.signing.broken.add((site.name, "MX"))


@fault("all signatures have expired", "dnssec-expired", refused=True)
def expired_signature(site: Site) -> None:
    site.signing.until_days = -2


@fault("the signatures expire tomorrow", "dnssec-expires-soon", refused=False)
def signature_expires_soon(site: Site) -> None:
    site.signing.until_days = 0.9


@fault("the DS record is of a key that the zone does not have", "dnssec-ds-mismatch", refused=True)
def ds_mismatch(site: Site) -> None:
    site.signing.ds_matches = False


@fault("the domain is not signed", "dnssec-unsigned", refused=False)
def unsigned(site: Site) -> None:
    site.signing.signed = False


@fault("NSEC3 with 50 iterations", "dnssec-nsec3-iterations", refused=False)
def nsec3_iterations(site: Site) -> None:
    site.signing.iterations = 50


@fault("signed with RSASHA1, algorithm 5", "dnssec-algorithm", refused=False)
def algorithm_5(site: Site) -> None:
    site.signing.algorithm = Algorithm.RSASHA1


@fault("signed with RSASHA1-NSEC3-SHA1, algorithm 7", "dnssec-algorithm", refused=False)
def algorithm_7(site: Site) -> None:
    site.signing.algorithm = Algorithm.RSASHA1NSEC3SHA1
    site.signing.iterations = 0


@fault("the second name server knows nothing of the zone", "zone-server-lame")
def lame_server(site: Site) -> None:
    site.second_lame = True


@fault("the second name server has yesterday's DMARC record", "zone-servers-disagree")
def old_data(site: Site) -> None:
    site.second = site.records.copy()
    site.second_behind = 100
    old = f"v=DMARC1; p=quarantine; rua=mailto:dmarc@{site.name}"
    site.second.set(site.at("_dmarc"), "TXT", txt(old))


@fault("the second name server has an older serial", "zone-serials-differ")
def serials_differ(site: Site) -> None:
    site.second_behind = 1


@fault("the second name server never answers", "zone-server-silent")
def silent_server(site: Site) -> None:
    _servers(site, _FIRST, "ns-silent.dns.lab")


@fault("the second name server answers over UDP alone", "zone-server-without-tcp")
def tcp_refused(site: Site) -> None:
    _servers(site, "ns2.dns.lab", "ns-udp.dns.lab")


@fault("there is one name server", "zone-few-servers")
def single_server(site: Site) -> None:
    _servers(site, _FIRST)


@fault("the zone names other servers than the delegation", "zone-delegation-differs")
def parent_differs(site: Site) -> None:
    site.name_servers = [_FIRST, "ns3.dns.lab"]


@fault("the name of a name server is an alias", "zone-server-is-alias")
def ns_alias(site: Site) -> None:
    _servers(site, _FIRST, ALIAS)


@fault("the name of a name server has no address", "zone-server-without-address")
def ns_without_address(site: Site) -> None:
    _servers(site, _FIRST, "nothing.dns.lab")


@fault("the TXT records do not fit into a UDP answer", "spf-large-answer")
def answer_too_large(site: Site) -> None:
    site.records.add(site.name, "TXT", *(txt(f"service-{n}={n:064}") for n in range(40)))
