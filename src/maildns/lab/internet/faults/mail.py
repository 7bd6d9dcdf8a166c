"""Faults of MX records, of the hosts they name and of addresses' names."""

from __future__ import annotations

from maildns.lab.internet.authority import key_digest, new_key
from maildns.lab.internet.faults.fault import fault
from maildns.lab.internet.sites import NOBODY, Site, policy_text, tlsa


def _lead_to(site: Site, host: str) -> None:
    """Name *host* as the mail host of the second preference, so that mail still arrives."""
    site.records.set(site.name, "MX", "10 mx1.mail.lab.", f"20 {host}.")
    text = site.policy.text or ""
    site.policy.text = text.replace("mx2.mail.lab", host)


@fault("mx-host-is-alias", hosts=1)
def mx_alias(site: Site) -> None:
    """An MX record names an alias."""
    alias = site.at("mx")
    site.records.set(alias, "CNAME", f"{site.host.name}.")
    site.records.set(site.name, "MX", f"10 {alias}.")
    site.host.names.append(alias)
    site.policy.text = policy_text([alias])


@fault("mx-host-without-address")
def mx_without_address(site: Site) -> None:
    """An MX record names a host without address."""
    _lead_to(site, site.at("mx"))
    site.records.set(site.at("mx"), "TXT", '"v=spf1 -all"')


@fault("mx-host-without-address")
def mx_no_such_host(site: Site) -> None:
    """An MX record names a host that does not exist."""
    _lead_to(site, site.at("mx"))


@fault("mx-host-unreachable-name")
def mx_alias_loop(site: Site) -> None:
    """An MX record names one of two aliases that lead to each other."""
    _lead_to(site, site.at("mx"))
    site.records.set(site.at("mx"), "CNAME", f"{site.at('round')}.")
    site.records.set(site.at("round"), "CNAME", f"{site.at('mx')}.")


@fault("mx-is-address")
def mx_address(site: Site) -> None:
    """An MX record holds an address."""
    _lead_to(site, "77.77.11.1")


@fault("mx-null-with-others")
def null_mx_beside_others(site: Site) -> None:
    """A null MX stands beside others."""
    site.records.add(site.name, "MX", "0 .")


@fault("mx-single-label")
def mx_single_label(site: Site) -> None:
    """An MX record names one label."""
    _lead_to(site, "mail")


@fault("mx-implicit", hosts=1)
def mx_missing(site: Site) -> None:
    """There is no MX record, just an address."""
    place = site.host.place
    site.records.set(site.name, "MX")
    site.records.set(site.name, "A", place.ipv4)
    site.records.set(site.name, "AAAA", place.ipv6)
    site.records.set(f"_25._tcp.{site.name}", "TLSA", *site.host.tlsa_records)
    site.host.names = [site.name, site.host.name]
    site.host.settings["myhostname"] = site.name
    site.host.pointer = site.name
    site.policy.text = (site.policy.text or "").replace(site.host.name, site.name)


@fault("addresses-private")
def private_address(site: Site) -> None:
    """A mail host's address is private."""
    _lead_to(site, site.at("mx"))
    site.records.set(site.at("mx"), "A", "10.0.0.25")
    site.records.set(f"_25._tcp.{site.at('mx')}", "TLSA", tlsa(3, 1, 1, key_digest(new_key())))


@fault("addresses-no-ptr", hosts=1)
def ptr_missing(site: Site) -> None:
    """The addresses of the mail host have no name."""
    site.host.pointer = None


@fault("addresses-ptr-not-confirmed", hosts=1)
def ptr_not_confirmed(site: Site) -> None:
    """The name of the mail host's address has another address."""
    site.host.pointer = site.at("elsewhere")
    site.records.set(site.at("elsewhere"), "A", NOBODY.ipv4)
    site.records.set(site.at("elsewhere"), "AAAA", NOBODY.ipv6)


@fault("addresses-generic-ptr", hosts=1)
def ptr_generic(site: Site) -> None:
    """The name of the mail host's address looks dialled-up."""
    place = site.host.place
    site.host.pointer = site.at(f"{place.ipv4.replace('.', '-')}.dynamic")
    site.records.set(site.host.pointer, "A", place.ipv4)
    site.records.set(site.host.pointer, "AAAA", place.ipv6)
