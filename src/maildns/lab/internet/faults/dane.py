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


@fault("dane-mismatch", hosts=1, refused=True)
def wrong_tlsa(site: Site) -> None:
    """The TLSA records are of other keys."""
    _publish(site, *(tlsa(3, 1, 1, key_digest(new_key())) for _ in range(2)))


@fault("dane-host-missing", hosts=2)
def tlsa_missing_on_one_mx(site: Site) -> None:
    """A TLSA record at one of two mail hosts only."""
    site.records.set(site.hosts[1].tlsa_name, "TLSA")


@fault("dane-unsigned", "dnssec-unsigned", hosts=1, refused=False)
def tlsa_unsigned(site: Site) -> None:
    """TLSA records in a zone without DNSSEC."""
    site.signing.signed = False


@fault("dane-lookup-bogus", "dnssec-bogus", hosts=1, refused=True)
def tlsa_bogus(site: Site) -> None:
    """The signature of the TLSA records is false."""
    site.signing.broken.add((site.host.tlsa_name, "TLSA"))


@fault("dane-usage-not-for-mail", hosts=1, refused=False)
def tlsa_usage_0(site: Site) -> None:
    """A TLSA record with usage PKIX-TA(0) stands beside the right ones."""
    issuer = key_digest(site.authority.issuing_key)
    site.records.add(site.host.tlsa_name, "TLSA", tlsa(0, 1, 1, issuer))


@fault("dane-none-usable", "dane-usage-not-for-mail", hosts=1, refused=False)
def tlsa_none_usable(site: Site) -> None:
    """No TLSA record is usable: the only one has usage PKIX-EE(1)."""
    _publish(site, tlsa(1, 1, 1, key_digest(site.host.key)))


@fault("dane-mismatch", "dane-digest-agility", hosts=1, refused=True)
def tlsa_stale_digest(site: Site) -> None:
    """TLSA records with SHA-512 of an old key beside the right ones with SHA-256."""
    site.records.add(site.host.tlsa_name, "TLSA", tlsa(3, 1, 2, _digest_512(new_key())))


@fault("dane-digest-length", hosts=1, refused=False)
def tlsa_digest_short(site: Site) -> None:
    """A TLSA record with a digest that is too short stands beside the right ones."""
    site.records.add(site.host.tlsa_name, "TLSA", tlsa(3, 1, 1, key_digest(new_key())[:-2]))


@fault("dane-no-next-record", hosts=1, refused=False)
def tlsa_no_next(site: Site) -> None:
    """Only the key in use has a TLSA record."""
    _publish(site, site.host.tlsa_records[0])


@fault("dane-certificate-expired", hosts=1, refused=False)
def expired_certificate(site: Site) -> None:
    """The certificate has expired; DANE-EE does not mind."""
    site.host.days = -3


@fault("dane-certificate-expired", hosts=1, refused=True)
def expired_certificate_dane_ta(site: Site) -> None:
    """The certificate has expired, and DANE-TA minds."""
    site.host.days = -3
    _publish(site, _by_authority(site))


@fault("dane-certificate-expires-soon", hosts=1)
def certificate_expires_soon(site: Site) -> None:
    """The certificate expires in two days."""
    site.host.days = 2


@fault("dane-certificate-wrong-name", hosts=1, refused=True)
def certificate_other_name_dane_ta(site: Site) -> None:
    """The certificate is for another name, and DANE-TA minds."""
    site.host.names = ["other.good.lab"]
    _publish(site, _by_authority(site))


@fault("dane-certificate-wrong-name", hosts=1, refused=False)
def certificate_other_name(site: Site) -> None:
    """The certificate is for another name; DANE-EE does not mind, MTA-STS does."""
    site.host.names = ["other.good.lab"]


@fault("tls-self-signed", hosts=1, refused=False)
def self_signed_certificate(site: Site) -> None:
    """The certificate is self-signed; DANE-EE does not mind, MTA-STS does."""
    site.host.self_signed = True


@fault("tls-chain-incomplete", hosts=1, refused=False)
def chain_incomplete(site: Site) -> None:
    """The certificate's issuer is not sent; DANE-EE does not mind, MTA-STS does."""
    site.host.sends_issuer = False


@fault("dane-issuer-not-sent", "tls-chain-incomplete", hosts=1, refused=True)
def chain_incomplete_dane_ta(site: Site) -> None:
    """The issuer that the DANE-TA record is of is not sent."""
    site.host.sends_issuer = False
    _publish(site, _by_authority(site))


@fault("tls-starttls-missing", hosts=1, refused=True)
def starttls_missing(site: Site) -> None:
    """The mail host does not offer STARTTLS."""
    site.host.settings["smtpd_tls_security_level"] = "none"


@fault("tls-handshake-fails", hosts=1, refused=True)
def starttls_broken(site: Site) -> None:
    """STARTTLS is offered, and the handshake fails."""
    # A server without a certificate has anonymous ciphers alone, which no careful client takes.
    site.host.settings |= {"smtpd_tls_chain_files": "", "smtpd_tls_cert_file": "none"}


@fault("tls-old-versions-accepted", hosts=1)
def tls_old_versions(site: Site) -> None:
    """The mail host agrees to TLS 1.0."""
    site.host.settings |= {
        "smtpd_tls_protocols": ">=TLSv1",
        "tls_medium_cipherlist": "DEFAULT@SECLEVEL=0",
    }


@fault("smtp-refused", hosts=1, refused=True)
def port_closed(site: Site) -> None:
    """Nothing listens on port 25."""
    site.host.listening = False


@fault("smtp-greeting-other-name", hosts=1)
def greeting_name(site: Site) -> None:
    """The mail host greets with a name that does not exist."""
    site.host.settings["myhostname"] = f"nothing.{site.name}"


@fault("smtp-greeting-refuses", hosts=1)
def mute_mail_host(site: Site) -> None:
    """The mail host takes connections and says nothing."""
    site.host.misbehaves = "mute"


@fault("smtp-greeting-refuses", hosts=1)
def dripping_mail_host(site: Site) -> None:
    """The mail host's greeting comes octet by octet and does not end."""
    site.host.misbehaves = "drip"


@fault("smtp-not-smtp", hosts=1)
def flooding_mail_host(site: Site) -> None:
    """The mail host's greeting has lines without end."""
    site.host.misbehaves = "flood"


@fault("smtp-not-smtp", hosts=1)
def garbage_mail_host(site: Site) -> None:
    """What answers on port 25 does not speak SMTP."""
    site.host.misbehaves = "garbage"
