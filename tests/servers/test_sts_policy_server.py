"""MTA-STS policies fetched from live HTTPS servers: sound ones, and those that misbehave."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from maildns.net.https import MAX_POLICY_OCTETS, FetchResult, fetch_policy
from maildns.protocols.mtasts import Mode

pytestmark = pytest.mark.server

DOMAIN, HOST = "example.com", "mta-sts.example.com"
POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx.example.com\r\nmax_age: 604800\r\n"
TEXT = b"Content-Type: text/plain\r\n"
FETCHED, INVALID, REFUSED, UNREACHABLE = (
    FetchResult.FETCHED,
    FetchResult.INVALID,
    FetchResult.REFUSED,
    FetchResult.UNREACHABLE,
)


def head(body: bytes, status: bytes = b"200 OK", fields: bytes = TEXT) -> bytes:
    return announcing(len(body), status, fields)


def announcing(length: int, status: bytes = b"200 OK", fields: bytes = TEXT) -> bytes:
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n" % (status, fields, length)


CERTIFICATE_SIGNING = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


class Pki:
    """An authority, and what it issues."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._issue("Test CA", self.key, self.key, authority=True)
        self.count = itertools.count()
        self.root_pem = self.root.public_bytes(serialization.Encoding.PEM).decode()

    def _issue(self, title, key, signer, *, authority=False, alternative="", days=60):
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=90))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            # RFC 5280 section 4.2.1: strict verifiers, such as Python 3.13's, want these.
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                critical=False,
            )
        )
        if authority:
            builder = builder.add_extension(CERTIFICATE_SIGNING, critical=True)
        if alternative:
            names = x509.SubjectAlternativeName([x509.DNSName(alternative)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(signer, hashes.SHA256())

    def server(self, title=HOST, alternative=HOST, *, days=60, signer=None):
        """A server's TLS context, with a certificate of these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._issue(title, key, signer or self.key, alternative=alternative, days=days)
        pem = serialization.Encoding.PEM
        file = self.folder / f"{next(self.count)}.pem"
        private = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + leaf.public_bytes(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def sound(pki):
    return pki.server()


@contextlib.contextmanager
def serving(talk, context):
    """Let *talk* answer the first connection, after its request; yields the port and the requests."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    requests = []

    def serve():
        with contextlib.suppress(OSError):
            plain, _ = listener.accept()
            plain.settimeout(10)
            with plain:
                if context is None:
                    talk(plain)
                    return
                with context.wrap_socket(plain, server_side=True) as secure:
                    requests.append(secure.recv(4096))
                    talk(secure)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], requests
    finally:
        thread.join(15)
        listener.close()
    assert not thread.is_alive()


def says(*pieces: bytes, close=True):
    """Something to say, then the end; without *close*, silence until the other side leaves."""

    def talk(connection):
        for piece in pieces:
            connection.sendall(piece)
        if not close:
            connection.recv(1)
        elif isinstance(connection, ssl.SSLSocket):
            connection.unwrap()

    return talk


def fetch(pki, talk, context, **how):
    with serving(talk, context) as (port, requests):
        found = fetch_policy(
            DOMAIN,
            address="127.0.0.1",
            port=port,
            authorities_pem=pki.root_pem,
            timeout_seconds=5,
            **how,
        )
    return found, requests


def chunks(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


CHUNKED = b"HTTP/1.1 200 OK\r\n" + TEXT + b"Transfer-Encoding: chunked\r\n\r\n"
LARGEST = POLICY + b"x: " + b"y" * (MAX_POLICY_OCTETS - len(POLICY) - 5) + b"\r\n"
ANSWERS = [
    (head(POLICY) + POLICY, FETCHED, "", "as it should be"),
    (CHUNKED + chunks(POLICY, 7), FETCHED, "", "in chunks"),
    (b"HTTP/1.0 200 OK\r\n" + TEXT + b"\r\n" + POLICY, FETCHED, "", "ended by a proper close"),
    (b"HTTP/1.1 100 Continue\r\n\r\n" + head(POLICY) + POLICY, FETCHED, "", "after a 100"),
    (head(POLICY, fields=b"Content-type: Text/Plain; charset=utf-8\r\n") + POLICY, FETCHED, "", "with a charset"),
    (head(LARGEST) + LARGEST, FETCHED, "", "64 KiB is allowed"),
    (head(LARGEST + b"\r\n") + LARGEST + b"\r\n", REFUSED, "larger", "one octet more is not"),
    (CHUNKED + chunks(LARGEST + b"\r\n", 4096), REFUSED, "larger", "nor in chunks"),
    (b"HTTP/1.1 302 Found\r\nLocation: https://example.com/\r\nContent-Length: 0\r\n\r\n", REFUSED, "redirect", "RFC 8461 section 3.3"),
    (b"HTTP/1.1 301 Moved\r\nLocation: /.well-known/mta-sts.txt\r\nContent-Length: 0\r\n\r\n", REFUSED, "redirect", "not even to itself"),
    (head(POLICY, b"404 Not Found") + POLICY, REFUSED, "404", "a policy on an error page"),
    (head(POLICY, b"203 Other") + POLICY, REFUSED, "203", "200 alone will do"),
    (head(b"", b"503 Busy"), UNREACHABLE, "503", "a server's own trouble passes"),
    (head(b"", b"429 Slowly"), UNREACHABLE, "429", "so does its limit"),
    (head(POLICY, fields=TEXT + b"Content-Encoding: gzip\r\n") + POLICY, REFUSED, "compress", "was not asked for"),
    (head(b"<html></html>") + b"<html></html>", INVALID, "name: value", "a page for every path"),
    (head(b"\xff\xfe") + b"\xff\xfe", INVALID, "UTF-8", "no text"),
    (head(b""), INVALID, "", "nothing"),
    (head(POLICY + b"more") + POLICY, UNREACHABLE, "ends before", "cut off"),
    (CHUNKED + b"100\r\n" + POLICY, UNREACHABLE, "ends before", "cut off within a chunk"),
    (b"220 mail.example.com ESMTP\r\n", REFUSED, "HTTP", "another protocol"),
    (b"", UNREACHABLE, "", "silence, then the end"),
    (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200, REFUSED, "HTTP", "headers without end"),
    (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000, REFUSED, "HTTP", "a header without end"),
    (CHUNKED + b"zz\r\n", UNREACHABLE, "ends before", "no chunk"),
]  # fmt: skip


@pytest.mark.parametrize("answer, result, why, reason", ANSWERS, ids=[row[3] for row in ANSWERS])
def test_an_answer_is_taken_as_a_sender_takes_it(*, pki, sound, answer, result, why, reason):
    found, _ = fetch(pki, says(answer), sound)
    assert found.result is result, found.reason
    assert why in found.reason
    assert (found.policy is not None) is (result is FETCHED)
    assert bool(found.report_as) is (result is not FETCHED)


def test_the_request_names_the_policy_host_and_nothing_else(pki, sound):
    found, (request,) = fetch(pki, says(head(POLICY) + POLICY), sound)
    assert request.startswith(
        b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.com\r\n"
    )
    assert found.url == "https://mta-sts.example.com/.well-known/mta-sts.txt"
    assert found.policy.mode is Mode.ENFORCE
    assert found.notes == ()


@pytest.mark.parametrize("fields", [b"Content-Type: text/html\r\n", b""])
def test_a_wrong_content_type_is_noted_since_only_some_senders_refuse_it(pki, sound, fields):
    found, _ = fetch(pki, says(head(POLICY, fields=fields) + POLICY), sound)
    assert found.result is FETCHED
    assert "text/plain" in found.notes[0]


CERTIFICATES = [
    ({"alternative": "*.example.com"}, FETCHED, "", "RFC 8461 section 3.3: a wildcard will do"),
    ({"alternative": "example.com"}, REFUSED, "does not name", "the domain is another name"),
    ({"alternative": "mx.example.com"}, REFUSED, "does not name", "so is its mail host"),
    ({"alternative": ""}, REFUSED, "does not name", "a common name does not count"),
    ({"days": -1}, REFUSED, "expired", "its last day is over"),
]


@pytest.mark.parametrize("how, result, why, reason", CERTIFICATES)
def test_the_certificate_must_be_that_of_the_policy_host(pki, how, result, why, reason):
    found, _ = fetch(pki, says(head(POLICY) + POLICY), pki.server(**how))
    assert found.result is result, reason
    assert why in found.reason
    assert found.report_as == ("" if result is FETCHED else "sts-webpki-invalid")


def test_a_certificate_of_a_stranger_is_refused(pki, tmp_path):
    found, _ = fetch(pki, says(head(POLICY) + POLICY), Pki(tmp_path).server())
    assert (found.result, found.report_as) == (REFUSED, "sts-webpki-invalid")
    assert "not trusted" in found.reason


def without_end(piece: bytes, pause: float = 0.0):
    """Say *piece* again and again until the other side has gone; None is what was said first."""

    def talk(connection):
        until = time.monotonic() + 8
        while time.monotonic() < until:
            connection.sendall(piece)
            time.sleep(pause)

    return talk


def first(start: bytes, then):
    def talk(connection):
        connection.sendall(start)
        then(connection)

    return talk


SLOW = [
    (says(close=False), "says nothing"),
    (says(b"HTTP/1.1 200", close=False), "stops within its first line"),
    (says(head(POLICY) + POLICY[:9], close=False), "stops within the policy"),
    (without_end(b"H", 0.1), "an octet now and then, in the head"),
    (first(announcing(60_000), without_end(b"x", 0.1)), "and in the body"),
]


@pytest.mark.parametrize("talk, reason", SLOW, ids=[row[1] for row in SLOW])
def test_one_deadline_holds_however_slowly_a_server_talks(pki, sound, talk, reason):
    with serving(talk, sound) as (port, _):
        start = time.monotonic()
        found = fetch_policy(
            DOMAIN,
            address="127.0.0.1",
            port=port,
            authorities_pem=pki.root_pem,
            timeout_seconds=0.7,
        )
        took = time.monotonic() - start
    assert found.result is UNREACHABLE, reason
    assert took < 2.5
    assert "in time" in found.reason


def test_a_server_that_never_starts_tls_is_left(pki):
    with serving(says(close=False), None) as (port, _):
        found = fetch_policy(
            DOMAIN,
            address="127.0.0.1",
            port=port,
            authorities_pem=pki.root_pem,
            timeout_seconds=0.5,
        )
    assert found.result is UNREACHABLE


def test_a_server_without_tls_is_refused(pki):
    found, _ = fetch(pki, says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), None)
    assert found.result in {REFUSED, UNREACHABLE}
    assert found.policy is None


ENDLESS = [
    first(announcing(1_000_000_000), without_end(b"x" * 65_536)),
    first(CHUNKED, without_end(b"1\r\nx\r\n" * 1000)),
    without_end(b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
]


@pytest.mark.parametrize("talk", ENDLESS, ids=["a gigabyte", "tiny chunks", "always continue"])
def test_no_more_is_read_than_a_policy_may_have(pki, sound, talk):
    start = time.monotonic()
    found, _ = fetch(pki, talk, sound)
    assert found.result is REFUSED, found.reason
    assert time.monotonic() - start < 4


def test_nobody_at_the_port_is_unreachable(pki):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = fetch_policy(DOMAIN, address="127.0.0.1", port=port, timeout_seconds=2)
    assert found.result is UNREACHABLE
    assert found.report_as == "sts-policy-fetch-error"
