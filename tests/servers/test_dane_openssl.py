"""Our verdict on a server's chain beside that of OpenSSL, which speaks DANE as a mail server does."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from maildns.dnsdata import Tlsa
from maildns.protocols import dane
from maildns.protocols.dane import DaneResult

pytestmark = pytest.mark.server

HOST = "mx.example.com"
PEM = serialization.Encoding.PEM


class Certificate:
    """A certificate, its key, and the TLSA records that speak of it."""

    def __init__(self, title, signer=None, *, ca=False, names=(HOST,), days=60, **more):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])
        signer = signer or self
        now = datetime.now(UTC)
        limits = x509.BasicConstraints(ca=ca, path_length=more.get("path_length"))
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(signer.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=90))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(limits, critical=True)
        )
        if names and not ca:
            alternative = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
            builder = builder.add_extension(alternative, critical=False)
        if "purpose" in more:
            purpose = x509.ExtendedKeyUsage([more["purpose"]])
            builder = builder.add_extension(purpose, critical=False)
        self.certificate = builder.sign(signer.key, hashes.SHA256())

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def tlsa(self, usage, selector=1, matching_type=1):
        return dane.from_certificate(
            self.certificate, usage=usage, selector=selector, matching_type=matching_type
        )


ROOT = Certificate("root", ca=True)
ISSUER = Certificate("issuer", ROOT, ca=True)
STRANGER = Certificate("stranger", ca=True)
NO_CA = Certificate("no authority", ROOT)
SHORT = Certificate("short", ca=True, path_length=0)
BELOW_SHORT = Certificate("below short", SHORT, ca=True)
OLD_ROOT = Certificate("old root", ca=True, days=-1)
OLD_ISSUER = Certificate("old issuer", ROOT, ca=True, days=-1)
LEAVES = {
    "good": (Certificate("leaf", ISSUER), [ISSUER]),
    "alone": (Certificate("leaf", ISSUER), []),
    "whole": (Certificate("leaf", ISSUER), [ISSUER, ROOT]),
    "mixed": (Certificate("leaf", ISSUER), [ROOT, ISSUER]),
    "gap": (Certificate("leaf", ISSUER), [ROOT]),
    "wildcard": (Certificate("leaf", ISSUER, names=["*.example.com"]), [ISSUER]),
    "wide": (Certificate("leaf", ISSUER, names=["*.com"]), [ISSUER]),
    "other name": (Certificate("leaf", ISSUER, names=["example.com"]), [ISSUER]),
    "common name": (Certificate(HOST, ISSUER, names=[]), [ISSUER]),
    "expired": (Certificate("leaf", ISSUER, days=-1), [ISSUER]),
    "old issuer": (Certificate("leaf", OLD_ISSUER), [OLD_ISSUER, ROOT]),
    "old root": (Certificate("leaf", OLD_ROOT), [OLD_ROOT]),
    "client": (Certificate("leaf", ISSUER, purpose=ExtendedKeyUsageOID.CLIENT_AUTH), [ISSUER]),
    "no ca": (Certificate("leaf", NO_CA), [NO_CA]),
    "too deep": (Certificate("leaf", BELOW_SHORT), [BELOW_SHORT, SHORT]),
    "self-signed": (Certificate("self"), []),
}
ISSUERS = {
    "root": ROOT,
    "issuer": ISSUER,
    "stranger": STRANGER,
    "no ca": NO_CA,
    "short": SHORT,
    "old issuer": OLD_ISSUER,
    "old root": OLD_ROOT,
}
WRONG = bytes(range(32))


def record(text: str, leaf: Certificate) -> Tlsa:
    """`3 1 1` speaks of the leaf, `2 1 1 issuer` of that one, `3 1 1 wrong` of nobody."""
    numbers, who = text[:5], text[6:]
    usage, selector, matching_type = map(int, numbers.split())
    if who == "wrong":
        octets = {0: leaf.der, 1: WRONG, 2: WRONG * 2}[matching_type]
        return Tlsa(usage, selector, matching_type, octets)
    return (ISSUERS[who] if who else leaf).tlsa(usage, selector, matching_type)


# what the server shows, its TLSA records, whether it is authenticated
AGREED = [
    *(("good", [f"3 {s} {m}"], True, "RFC 6698 section 2.1") for s in (0, 1) for m in (0, 1, 2)),
    *(("good", [f"2 {s} {m} issuer"], True, "likewise") for s in (0, 1) for m in (0, 1, 2)),
    ("good", ["3 1 1 wrong"], False, "another key"),
    ("good", ["3 1 1 wrong", "3 1 1"], True, "one that matches suffices"),
    ("good", ["3 1 1 wrong", "2 1 1 issuer"], True, "of whichever usage"),
    ("good", ["3 1 2 wrong", "3 1 1"], False, "RFC 7671 section 9: the weaker digest is hidden"),
    ("good", ["3 0 2 wrong", "3 1 1"], True, "but only one of the same selector"),
    ("good", ["2 1 2 wrong", "3 1 1"], True, "and usage"),
    ("good", ["3 1 1 issuer"], False, "RFC 7671 section 5.1: the leaf alone"),
    ("good", ["2 1 1 stranger"], False, "another issuer"),
    ("good", ["2 1 1 root"], False, "RFC 7671 section 5.2.2: the root is not sent"),
    ("good", ["2 0 0 root"], True, "unless it stands in the record"),
    ("whole", ["2 1 1 root"], True, "two steps up"),
    ("mixed", ["2 1 1 root"], True, "sent in another order"),
    ("gap", ["2 1 1 root"], False, "a step is missing"),
    ("alone", ["2 1 1 issuer"], False, "the issuer is not sent"),
    ("alone", ["2 0 0 issuer"], True, "it stands in the record"),
    ("alone", ["2 1 0 issuer"], True, "its key does"),
    ("alone", ["2 1 0 stranger"], False, "another's key"),
    ("wildcard", ["2 1 1 issuer"], True, "a wildcard of one label"),
    ("wide", ["2 1 1 issuer"], False, "of two"),
    ("other name", ["2 1 1 issuer"], False, "names count with usage 2"),
    ("other name", ["3 1 1"], True, "not with usage 3"),
    ("expired", ["2 1 1 issuer"], False, "dates count with usage 2"),
    ("expired", ["3 1 1"], True, "not with usage 3"),
    ("old issuer", ["2 1 1 root"], False, "the dates of each issuer too"),
    ("old root", ["2 1 1 old root"], False, "and those of the anchor"),
    ("client", ["2 1 1 issuer"], False, "a certificate for clients"),
    ("no ca", ["2 1 1 no ca"], False, "the issuer may not issue"),
    ("too deep", ["2 1 1 short"], False, "nor so deep"),
    ("self-signed", ["3 1 1"], True, "needs nobody above it"),
    ("self-signed", ["2 1 1"], False, "a leaf that may not issue is not its own issuer"),
]
# Settled: what OpenSSL says and we do not, and the reason.
SETTLED = [
    ("common name", ["2 1 1 issuer"], False, True, "RFC 7672 section 3.2.3: OpenSSL falls back to the CN"),
    ("old issuer", ["2 1 1 old issuer"], False, True, "OpenSSL skips the dates of an anchor that is not self-signed; others do not"),
]  # fmt: skip


@contextlib.contextmanager
def showing(leaf, others, folder):
    """A TLS server for one connection."""
    file = folder / "chain.pem"
    key = leaf.key.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(key + b"".join(one.certificate.public_bytes(PEM) for one in (leaf, *others)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def serve():
        with contextlib.suppress(OSError):
            plain, _ = listener.accept()
            plain.settimeout(10)
            with plain, context.wrap_socket(plain, server_side=True) as secure:
                secure.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join(15)
        listener.close()


def openssl_says(program, records, leaf, others, folder):
    """Whether OpenSSL authenticates the server, and what it printed."""
    with showing(leaf, others, folder) as port:
        command = [program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}"]
        command += ["-dane_tlsa_domain", HOST, "-dane_ee_no_namechecks"]
        for one in records:
            command += ["-dane_tlsa_rrdata", str(one)]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert "CONNECTED" in done.stdout, done.stderr
    return "Verification: OK" in done.stdout, done.stdout + done.stderr


def we_say(records, leaf, others):
    return dane.match(records, [leaf.der, *(one.der for one in others)], [HOST])


@pytest.mark.parametrize("shown, texts, expected, reason", AGREED)
def test_we_and_openssl_authenticate_the_same_servers(
    *, program, tmp_path, shown, texts, expected, reason
):
    leaf, others = LEAVES[shown]
    records = [record(text, leaf) for text in texts]
    ours = we_say(records, leaf, others)
    theirs, printed = openssl_says(program, records, leaf, others, tmp_path)
    assert (ours.result is DaneResult.MATCH) is expected, (reason, ours.reason)
    assert theirs is expected, (reason, printed)


@pytest.mark.parametrize("shown, texts, ours, theirs, reason", SETTLED)
def test_where_we_part_ways_it_is_settled(*, program, tmp_path, shown, texts, ours, theirs, reason):
    leaf, others = LEAVES[shown]
    records = [record(text, leaf) for text in texts]
    assert (we_say(records, leaf, others).result is DaneResult.MATCH) is ours, reason
    assert openssl_says(program, records, leaf, others, tmp_path)[0] is theirs, reason
