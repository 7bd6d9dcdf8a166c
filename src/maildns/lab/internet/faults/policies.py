"""Faults of MTA-STS, TLS-RPT, CAA, SRV records and of views."""

from __future__ import annotations

from maildns.lab.internet.faults.fault import fault
from maildns.lab.internet.sites import NOBODY, SELECTOR, Site, announce, policy_text, txt


def _set(site: Site, label: str, *texts: str) -> None:
    site.records.set(site.at(label), "TXT", *map(txt, texts))


def _shorter_policy(site: Site) -> None:
    site.policy.text = (site.policy.text or "").replace("2419200", "1209600")


@fault("mtasts-host-not-covered")
def sts_host_not_covered(site: Site) -> None:
    """The MTA-STS policy does not name one of the mail hosts."""
    site.policy.text = policy_text(["mx1.mail.lab"])


@fault("mtasts-policy-not-served")
def sts_policy_unreachable(site: Site) -> None:
    """The MTA-STS policy's host does not listen."""
    site.records.set(site.at("mta-sts"), "A", NOBODY.ipv4)
    site.records.set(site.at("mta-sts"), "AAAA", NOBODY.ipv6)


@fault("mtasts-policy-not-served")
def sts_policy_missing(site: Site) -> None:
    """There is no MTA-STS policy at its host: 404."""
    site.policy.text = None


@fault("mtasts-policy-certificate")
def sts_certificate(site: Site) -> None:
    """The certificate of the MTA-STS policy's host is for another name."""
    site.policy.names = ["www.good.lab"]


@fault("mtasts-policy-not-served")
def sts_redirect(site: Site) -> None:
    """The MTA-STS policy is a redirect."""
    site.policy.redirect = "https://mta-sts.good.lab/.well-known/mta-sts.txt"


@fault("mtasts-policy-invalid", "mtasts-policy-syntax")
def sts_policy_syntax(site: Site) -> None:
    """The MTA-STS policy is not well formed."""
    site.policy.text = (site.policy.text or "").replace("mode: enforce", "mode: strict")


@fault("mtasts-testing")
def sts_testing(site: Site) -> None:
    """The MTA-STS policy is for testing."""
    site.policy.text = (site.policy.text or "").replace("mode: enforce", "mode: testing")


@fault("mtasts-id-unchanged", later=_shorter_policy)
def sts_changed_without_id(_site: Site) -> None:
    """The MTA-STS policy changes, and the id stays: seen by a second check."""


@fault("mtasts-syntax")
def sts_record_syntax(site: Site) -> None:
    """The MTA-STS record is malformed."""
    _set(site, "_mta-sts", "v=STSv1; id=2026-11-25;")


@fault("zone-several-mtasts")
def sts_two_records(site: Site) -> None:
    """There are two MTA-STS records."""
    _set(site, "_mta-sts", "v=STSv1; id=20261125000000;", "v=STSv1; id=20261125000001;")


@fault("zone-several-tlsrpt")
def tlsrpt_two_records(site: Site) -> None:
    """There are two TLS-RPT records."""
    text = f"v=TLSRPTv1; rua=mailto:tls@{site.name}"
    _set(site, "_smtp._tls", text, text.replace("tls@", "reports@"))


@fault("tlsrpt-syntax")
def tlsrpt_syntax(site: Site) -> None:
    """The TLS-RPT record is malformed."""
    _set(site, "_smtp._tls", f"v=TLSRPTv1 rua=mailto:tls@{site.name}")


@fault("view-lacks-record")
def lan_without_dkim(site: Site) -> None:
    """The LAN's name server does not show the DKIM key."""
    site.lan = site.records.copy()
    site.lan.set(site.at(f"{SELECTOR}._domainkey"), "TXT")


@fault("caa-issuer-forbidden", hosts=1)
def caa_forbids(site: Site) -> None:
    """CAA forbids the authority that issued the certificate in use."""
    site.records.set(site.name, "CAA", '0 issue "digicert.com"')


@fault("caa-malformed-issuer")
def caa_syntax(site: Site) -> None:
    """A CAA record is malformed."""
    site.records.add(site.name, "CAA", '0 issue "https://letsencrypt.org/"')


@fault("zone-srv-is-alias", hosts=1)
def srv_alias(site: Site) -> None:
    """An SRV record leads to an alias."""
    alias = site.at("imap")
    site.host.answers_clients = True
    site.host.names.append(alias)
    announce(site.records, site.name, site.host.name)
    site.records.set(alias, "CNAME", f"{site.host.name}.")
    site.records.set(site.at("_imaps._tcp"), "SRV", f"0 1 993 {alias}.")


@fault("zone-srv-without-address")
def srv_without_address(site: Site) -> None:
    """An SRV record leads to a host without address."""
    site.records.set(site.at("_imaps._tcp"), "SRV", f"0 1 993 {site.at('gone')}.")
