"""Faults of TLSA records, certificates and STARTTLS; `refused` is what RFC 7672 says of the mail."""

from __future__ import annotations

from hashlib import sha512

from cryptography.hazmat.primitives import serialization

from maildns.lab.internet.authority import Key, key_digest, new_key
from maildns.lab.internet.faults.fault import fault
from maildns.lab.internet.sites import Site, tlsa


def _publish(site: Site, *values: str) -> None:
    site.records.set(site.host.tlsa_name, "TLSA", *values)


def _by_authority(site: Site) -> str:
    """A TLSA record of the issuing authority: DANE-TA(2)."""
    return tlsa(2, 1, 1, key_digest(site.authority.issuing_key))


def _digest_512(key: Key) -> str:
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return sha512(spki).hexdigest()


@fault("the TLSA records are of other keys", "dane-mismatch", hosts=1, refused=True)
def wrong_tlsa(site: Site) -> None:
    _publish(site, *(tlsa(3, 1, 1, key_digest(new_key())) for _ in range(2)))


@fault("a TLSA record at one of two mail hosts only", "dane-host-missing", hosts=2)
def tlsa_missing_on_one_mx(site: Site) -> None:
    site.records.set(site.hosts[1].tlsa_name, "TLSA")


@fault("TLSA records in a zone without DNSSEC", "dane-unsigned", hosts=1, refused=False)
def tlsa_unsigned(site: Site) -> None:
    site.signing.signed = False


@fault("the signature of the TLSA records is false", "dane-lookup-bogus", hosts=1, refused=True)
def tlsa_bogus(site: Site) -> None:
    site.signing.broken.add((site.host.tlsa_name, "TLSA"))


@fault(
    "the only TLSA record has usage PKIX-TA(0)", "dane-usage-not-for-mail", hosts=1, refused=False
)
def tlsa_usage_0(site: Site) -> None:
    _publish(site, tlsa(0, 1, 1, key_digest(site.authority.issuing_key)))


@fault(
    "TLSA records with SHA-512 of an old key beside the right ones with SHA-256",
    "dane-digest-agility",
    hosts=1,
    refused=True,
)
def tlsa_stale_digest(site: Site) -> None:
    site.records.add(site.host.tlsa_name, "TLSA", tlsa(3, 1, 2, _digest_512(new_key())))


@fault("one octet of the TLSA record's digest is missing", "dane-digest-length", hosts=1)
def tlsa_digest_short(site: Site) -> None:
    _publish(site, tlsa(3, 1, 1, key_digest(site.host.key)[:-2]))


@fault("only the key in use has a TLSA record", "dane-no-next-record", hosts=1, refused=False)
def tlsa_no_next(site: Site) -> None:
    _publish(site, site.host.tlsa_records[0])


@fault(
    "the certificate has expired; DANE-EE does not mind",
    "dane-certificate-expired",
    hosts=1,
    refused=False,
)
def expired_certificate(site: Site) -> None:
    site.host.days = -3


@fault(
    "the certificate has expired, and DANE-TA minds",
    "dane-certificate-expired",
    hosts=1,
    refused=True,
)
def expired_certificate_dane_ta(site: Site) -> None:
    site.host.days = -3
    _publish(site, _by_authority(site))


@fault("the certificate expires in two days", "dane-certificate-expires-soon", hosts=1)
def certificate_expires_soon(site: Site) -> None:
    site.host.days = 2


@fault(
    "the certificate is for another name, and DANE-TA minds",
    "dane-certificate-wrong-name",
    hosts=1,
    refused=True,
)
def certificate_other_name_dane_ta(site: Site) -> None:
    site.host.names = ["other.good.lab"]
    _publish(site, _by_authority(site))


@fault(
    "the certificate is for another name; DANE-EE does not mind, MTA-STS does",
    "dane-certificate-wrong-name",
    hosts=1,
    refused=False,
)
def certificate_other_name(site: Site) -> None:
    site.host.names = ["other.good.lab"]


@fault(
    "the certificate is self-signed; DANE-EE does not mind, MTA-STS does",
    "tls-self-signed",
    hosts=1,
    refused=False,
)
def self_signed_certificate(site: Site) -> None:
    site.host.self_signed = True


@fault("the mail host does not offer STARTTLS", "tls-starttls-missing", hosts=1, refused=True)
def starttls_missing(site: Site) -> None:
    site.host.settings["smtpd_tls_security_level"] = "none"


@fault("STARTTLS is offered, and the handshake fails", "tls-handshake-fails", hosts=1, refused=True)
def starttls_broken(site: Site) -> None:
    # A server without a certificate has anonymous ciphers alone, which no careful client takes.
    site.host.settings |= {"smtpd_tls_chain_files": "", "smtpd_tls_cert_file": "none"}


@fault("the mail host agrees to TLS 1.0", "tls-old-versions-accepted", hosts=1)
def tls_old_versions(site: Site) -> None:
    site.host.settings |= {
        "smtpd_tls_protocols": ">=TLSv1",
        "tls_medium_cipherlist": "DEFAULT@SECLEVEL=0",
    }


@fault("nothing listens on port 25", "smtp-refused", hosts=1, refused=True)
def port_closed(site: Site) -> None:
    site.host.listening = False


@fault("the mail host greets with a name that does not exist", "smtp-greeting-other-name", hosts=1)
def greeting_name(site: Site) -> None:
    site.host.settings["myhostname"] = f"nothing.{site.name}"
