"""Faults of SPF, DKIM and DMARC records."""

from __future__ import annotations

import base64
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from maildns.lab.internet.faults.fault import fault
from maildns.lab.internet.sites import SELECTOR, Site, txt

_KEY_512: Final = (  # as OpenSSL made it; libraries of today refuse to
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMUr/71UlEi069Cxs5B5p7lJqHRSBf1s"
    "JGcgyGf9rcs7JXD6iaKF6hLR5eBcFKCbHO0txJRrRNl/AbS+hL4aBTMCAwEAAQ=="
)


def _spf(site: Site) -> str:
    return site.records.get(site.name, "TXT")[0].strip('"')


def _set_spf(site: Site, *texts: str) -> None:
    site.records.set(site.name, "TXT", *map(txt, texts))


def _set_dmarc(site: Site, *texts: str) -> None:
    site.records.set(site.at("_dmarc"), "TXT", *map(txt, texts))


def _key_name(site: Site) -> str:
    return site.at(f"{SELECTOR}._domainkey")


def _key(site: Site) -> str:
    """The DKIM record as one text."""
    return "".join(site.records.get(_key_name(site), "TXT")[0].split('"')[1::2])


def _reports(site: Site) -> str:
    return f"rua=mailto:dmarc@{site.name}"


# --- SPF -------------------------------------------------------------------------------------


@fault("spf-record")
def spf_missing(site: Site) -> None:
    """There is no SPF record."""
    _set_spf(site)


@fault("spf-too-many-lookups")
def spf_11_lookups(site: Site) -> None:
    """Evaluating SPF takes 11 lookups."""
    end = _spf(site).removeprefix("v=spf1 ")
    _set_spf(site, f"v=spf1 include:{site.at('_a')} include:{site.at('_b')} {end}")
    for above, count in (("_a", 5), ("_b", 4)):
        below = [site.at(f"_{n}.{above}") for n in range(1, count + 1)]
        includes = " ".join(f"include:{one}" for one in below)
        site.records.set(site.at(above), "TXT", txt(f"v=spf1 {includes} -all"))
        for n, one in enumerate(below):
            site.records.set(one, "TXT", txt(f"v=spf1 ip4:77.77.{200 + count}.{n} -all"))


@fault("zone-several-spf")
def spf_two_records(site: Site) -> None:
    """There are two SPF records."""
    _set_spf(site, _spf(site), "v=spf1 ip4:77.77.201.1 -all")


@fault("spf-syntax")
def spf_syntax(site: Site) -> None:
    """The SPF record has a syntax error."""
    _set_spf(site, _spf(site).replace(" -all", " ip4:77.77.300.1 -all"))


@fault("spf-pass-all")
def spf_pass_all(site: Site) -> None:
    """The SPF record ends in +all."""
    _set_spf(site, _spf(site).replace(" -all", " +all"))


@fault("spf-neutral-all")
def spf_neutral_all(site: Site) -> None:
    """The SPF record ends in ?all."""
    _set_spf(site, _spf(site).replace(" -all", " ?all"))


@fault("spf-include-missing")
def spf_include_nowhere(site: Site) -> None:
    """The SPF record includes a name without one."""
    _set_spf(site, _spf(site).replace("v=spf1", f"v=spf1 include:{site.at('_gone')}"))


@fault("spf-too-many-voids")
def spf_3_void_lookups(site: Site) -> None:
    """Evaluating SPF meets three void lookups."""
    void = " ".join(f"a:{site.at(f'gone{n}')}" for n in (1, 2, 3))
    _set_spf(site, _spf(site).replace("v=spf1", f"v=spf1 {void}"))


@fault("spf-ptr")
def spf_ptr(site: Site) -> None:
    """The SPF record uses ptr."""
    _set_spf(site, _spf(site).replace(" -all", " ptr -all"))


# --- DMARC -----------------------------------------------------------------------------------


@fault("dmarc-record")
def dmarc_missing(site: Site) -> None:
    """There is no DMARC record."""
    _set_dmarc(site)


@fault("zone-several-dmarc")
def dmarc_two_records(site: Site) -> None:
    """There are two DMARC records."""
    _set_dmarc(site, f"v=DMARC1; p=reject; {_reports(site)}", "v=DMARC1; p=none")


@fault("dmarc-percent-partial")
def dmarc_pct_50(site: Site) -> None:
    """The DMARC policy holds for half of the mail."""
    _set_dmarc(site, f"v=DMARC1; p=reject; pct=50; {_reports(site)}")


@fault("dmarc-no-effect")
def dmarc_none_without_reports(site: Site) -> None:
    """The DMARC policy asks for nothing, neither action nor reports."""
    _set_dmarc(site, "v=DMARC1; p=none")


@fault("dmarc-policy-none")
def dmarc_none(site: Site) -> None:
    """The DMARC policy is none."""
    _set_dmarc(site, f"v=DMARC1; p=none; {_reports(site)}")


@fault("dmarc-report-not-granted")
def dmarc_no_grant(site: Site) -> None:
    """DMARC reports go to a domain that has not agreed."""
    _set_dmarc(site, "v=DMARC1; p=reject; rua=mailto:reports@good.lab")


@fault("dmarc-syntax")
def dmarc_syntax(site: Site) -> None:
    """The DMARC record wants an alignment that there is not."""
    _set_dmarc(site, f"v=DMARC1; p=reject; adkim=strict; {_reports(site)}")


@fault("dmarc-testing")
def dmarc_testing(site: Site) -> None:
    """The DMARC policy is being tested, t=y."""
    _set_dmarc(site, f"v=DMARC1; p=reject; t=y; {_reports(site)}")


@fault("dmarc-record", "zone-wildcard-answers")
def wildcard_shadows_dmarc(site: Site) -> None:
    """A wildcard answers in the place of DMARC."""
    _set_dmarc(site)
    site.records.set(site.at("*"), "TXT", txt("foreign-verification=1f2e3d"))


# --- DKIM ------------------------------------------------------------------------------------


def _rsa(bits: int) -> str:
    key = rsa.generate_private_key(65_537, bits).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_bytes(serialization.Encoding.DER, form)).decode()


@fault("dkim-key-unreadable")
def dkim_key_truncated(site: Site) -> None:
    """The end of the DKIM key is missing."""
    start, _, octets = _key(site).rpartition("p=")
    site.records.set(_key_name(site), "TXT", txt(f"{start}p={octets[:200]}"))


@fault("dkim-key-revoked")
def dkim_key_revoked(site: Site) -> None:
    """The DKIM key is revoked."""
    site.records.set(_key_name(site), "TXT", txt("v=DKIM1; k=rsa; p="))


@fault("dkim-key-too-short")
def dkim_key_512(site: Site) -> None:
    """The DKIM key has 512 bits."""
    site.records.set(_key_name(site), "TXT", txt(f"v=DKIM1; k=rsa; p={_KEY_512}"))


@fault("dkim-key-weak")
def dkim_key_1024(site: Site) -> None:
    """The DKIM key has 1024 bits."""
    site.records.set(_key_name(site), "TXT", txt(f"v=DKIM1; k=rsa; p={_rsa(1024)}"))


@fault("dkim-testing")
def dkim_testing(site: Site) -> None:
    """The DKIM key is being tested, t=y."""
    record = _key(site).replace("k=rsa;", "k=rsa; t=y;")
    site.records.set(_key_name(site), "TXT", txt(record))


@fault("zone-several-dkim")
def dkim_two_records(site: Site) -> None:
    """The DKIM selector has two records."""
    site.records.add(_key_name(site), "TXT", txt(f"v=DKIM1; k=rsa; p={_rsa(2048)}"))
