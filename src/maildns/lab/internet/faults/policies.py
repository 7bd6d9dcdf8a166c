"""Faults of MTA-STS, TLS-RPT, CAA, SRV records and of views."""

from __future__ import annotations

from maildns.lab.internet.faults.fault import fault
from maildns.lab.internet.sites import NOBODY, SELECTOR, Site, policy_text, txt


def _set(site: Site, label: str, *texts: str) -> None:
    site.records.set(site.at(label), "TXT", *map(txt, texts))


def _shorter_policy(site: Site) -> None:
    site.policy.text = (site.policy.text or "").replace("2419200", "1209600")


@fault("the MTA-STS policy does not name one of the mail hosts", "mtasts-host-not-covered")
def sts_host_not_covered(site: Site) -> None:
    site.policy.text = policy_text(["mx1.mail.lab"])


@fault("the MTA-STS policy's host does not listen", "mtasts-policy-not-served")
def sts_policy_unreachable(site: Site) -> None:
    site.records.set(site.at("mta-sts"), "A", NOBODY.ipv4)
    site.records.set(site.at("mta-sts"), "AAAA", NOBODY.ipv6)


@fault("there is no MTA-STS policy at its host: 404", "mtasts-policy-not-served")
def sts_policy_missing(site: Site) -> None:
    site.policy.text = None


@fault("the certificate of the MTA-STS policy's host is for another name", "mtasts-policy-certificate")
def sts_certificate(site: Site) -> None:
    site.policy.names = ["www.good.lab"]


@fault("the MTA-STS policy is a redirect", "mtasts-policy-not-served")
def sts_redirect(site: Site) -> None:
    site.policy.redirect = "https://mta-sts.good.lab/.well-known/mta-sts.txt"


@fault("the MTA-STS policy is not well formed", "mtasts-policy-invalid", "mtasts-policy-syntax")
def sts_policy_syntax(site: Site) -> None:
    site.policy.text = (site.policy.text or "").replace("mode: enforce", "mode: strict")


@fault("the MTA-STS policy is for testing", "mtasts-testing")
def sts_testing(site: Site) -> None:
    site.policy.text = (site.policy.text or "").replace("mode: enforce", "mode: testing")


@fault(
    "the MTA-STS policy changes, and the id stays: seen by a second check",
    "mtasts-id-unchanged",
    later=_shorter_policy,
)
def sts_changed_without_id(_site: Site) -> None:
    """Nothing is wrong before the policy has changed."""


@fault("the MTA-STS record is malformed", "mtasts-syntax")
def sts_record_syntax(site: Site) -> None:
    _set(site, "_mta-sts", "v=STSv1; id=2026-11-25;")


@fault("there are two MTA-STS records", "zone-several-mtasts")
def sts_two_records(site: Site) -> None:
    _set(site, "_mta-sts", "v=STSv1; id=20261125000000;", "v=STSv1; id=20261125000001;")


@fault("there are two TLS-RPT records", "zone-several-tlsrpt")
def tlsrpt_two_records(site: Site) -> None:
    text = f"v=TLSRPTv1; rua=mailto:tls@{site.name}"
    _set(site, "_smtp._tls", text, text.replace("tls@", "reports@"))


@fault("the TLS-RPT record is malformed", "tlsrpt-syntax")
def tlsrpt_syntax(site: Site) -> None:
    _set(site, "_smtp._tls", f"v=TLSRPTv1 rua=mailto:tls@{site.name}")


@fault("the LAN's name server does not show the DKIM key", "view-lacks-record")
def lan_without_dkim(site: Site) -> None:
    site.lan = site.records.copy()
    site.lan.set(site.at(f"{SELECTOR}._domainkey"), "TXT")


@fault("CAA forbids the authority that issued the certificate in use", "caa-issuer-forbidden", hosts=1)
def caa_forbids(site: Site) -> None:
    site.records.set(site.name, "CAA", '0 issue "digicert.com"')


@fault("a CAA record is malformed", "caa-malformed-issuer")
def caa_syntax(site: Site) -> None:
    site.records.add(site.name, "CAA", '0 issue "https://letsencrypt.org/"')


@fault("an SRV record leads to an alias", "zone-srv-is-alias")
def srv_alias(site: Site) -> None:
    site.records.set(site.at("imap"), "CNAME", "mx1.mail.lab.")
    site.records.set(site.at("_imaps._tcp"), "SRV", f"0 1 993 {site.at('imap')}.")


@fault("an SRV record leads to a host without address", "zone-srv-without-address")
def srv_without_address(site: Site) -> None:
    site.records.set(site.at("_imaps._tcp"), "SRV", f"0 1 993 {site.at('gone')}.")
