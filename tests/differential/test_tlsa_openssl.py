"""TLSA association data beside what the `openssl` program computes, for certificates of every kind."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import needed

from maildns.protocols import dane

KEYS = {
    "rsa-2048": lambda: rsa.generate_private_key(65537, 2048),
    "p-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
}


@pytest.fixture(scope="module")
def openssl():
    path = needed("openssl")

    def say(*arguments, given=b""):
        return subprocess.run(
            [path, *arguments], input=given, capture_output=True, check=True
        ).stdout

    return say


@pytest.fixture(scope="module")
def keys():
    return {title: make() for title, make in KEYS.items()}


def certificate(key, *, title, names, serial, days):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
        builder = builder.add_extension(alternative, critical=False)
    edwards = isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return builder.sign(key, None if edwards else hashes.SHA256())


def by_openssl(openssl, pem, selector, matching_type):
    """RFC 6698 section 2.1, done by another program."""
    if selector == 0:
        octets = openssl("x509", "-outform", "DER", given=pem)
    else:
        public = openssl("x509", "-pubkey", "-noout", given=pem)
        octets = openssl("pkey", "-pubin", "-outform", "DER", given=public)
    if matching_type == 0:
        return octets
    digest = "-sha256" if matching_type == 1 else "-sha512"
    return openssl("dgst", digest, "-binary", given=octets)


@settings(
    max_examples=18, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from(sorted(KEYS)),
    title=st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=40),
    names=st.lists(st.from_regex(r"[a-z]{1,9}\.example", fullmatch=True), max_size=4, unique=True),
    serial=st.integers(1, 2**150),
    days=st.integers(1, 4000),
)
def test_association_data_is_what_openssl_computes(
    openssl, keys, *, kind, title, names, serial, days
):
    made = certificate(keys[kind], title=title, names=names, serial=serial, days=days)
    pem, der = made.public_bytes(Encoding.PEM), made.public_bytes(Encoding.DER)
    for selector in (0, 1):
        octets = by_openssl(openssl, pem, selector, 0)
        expected = {
            0: octets,
            1: hashlib.sha256(octets).digest(),
            2: hashlib.sha512(octets).digest(),
        }
        for matching_type in (0, 1, 2):
            record = dane.from_certificate(
                made, usage=3, selector=selector, matching_type=matching_type
            )
            assert record.association == expected[matching_type]
            assert dane.match([record], [der], ["any.example"]).result == "match"


@pytest.mark.parametrize("kind", sorted(KEYS))
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching_type", [1, 2])
def test_digests_are_those_of_openssl(openssl, keys, kind, selector, matching_type):
    made = certificate(keys[kind], title="mail", names=["mx.example"], serial=7, days=90)
    record = dane.from_certificate(made, usage=3, selector=selector, matching_type=matching_type)
    pem = made.public_bytes(Encoding.PEM)
    assert record.association == by_openssl(openssl, pem, selector, matching_type)
