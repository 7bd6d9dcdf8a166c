"""Certificates fetched from live servers: sound ones, and those that misbehave."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from maildns.cli.main import main
from maildns.net.smtp import MailServerError, fetch_chain
from maildns.protocols import dane

pytestmark = pytest.mark.server

HOST = "mail.example.com"
Talk = Callable[[socket.socket], None]


def _certificate(subject, issuer, key, signer, *, authority):
    now = datetime.now(UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in (subject, issuer)]
    return (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=60))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """A leaf and its issuer: their DER, and a server's TLS context."""
    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate("Test CA", "Test CA", root_key, root_key, authority=True)
    leaf = _certificate(HOST, "Test CA", leaf_key, root_key, authority=False)
    pem = serialization.Encoding.PEM
    folder = tmp_path_factory.mktemp("pki")
    file = folder / "all.pem"
    key = leaf_key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(key + leaf.public_bytes(pem) + root.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    der = serialization.Encoding.DER
    return context, [leaf.public_bytes(der), root.public_bytes(der)]


@contextlib.contextmanager
def serving(talk: Talk) -> Iterator[int]:
    """Run *talk* for the first connection, in a thread of its own; yields the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            connection.settimeout(10)
            with connection:
                talk(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    port = listener.getsockname()[1]
    try:
        yield port
    finally:
        with contextlib.suppress(OSError):  # for a server that nobody came to
            socket.create_connection(("127.0.0.1", port), 1).close()
        thread.join(10)
        listener.close()


def fetch(port: int, seconds: float = 5.0) -> list[bytes]:
    return fetch_chain(
        HOST, port, address="127.0.0.1", timeout_seconds=seconds, helo="test.example"
    )


def line(connection: socket.socket) -> bytes:
    got = b""
    while not got.endswith(b"\n"):
        octet = connection.recv(1)
        if not octet:
            raise ConnectionError
        got += octet
    return got.strip().upper()


def until_gone(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def smtp(
    *,
    tls: ssl.SSLContext | None = None,
    banner: bytes = b"220-hello\r\n220 mail.example.com ESMTP\r\n",
    ehlo: bytes = b"250-mail.example.com\r\n250-SIZE 1000\r\n250 StartTLS\r\n",
    starttls: bytes = b"220 go ahead\r\n",
    then: Talk = until_gone,
) -> Talk:
    """A server that says just this, and then speaks TLS, or does what *then* does."""

    def talk(connection):
        connection.sendall(banner)
        assert line(connection).startswith(b"EHLO ")
        connection.sendall(ehlo)
        said = line(connection)
        if said == b"QUIT":  # what was offered did not do
            return
        assert said == b"STARTTLS"
        connection.sendall(starttls)
        if tls is None:
            then(connection)
            return
        with tls.wrap_socket(connection, server_side=True) as secured:
            until_gone(secured)

    return talk


def test_the_whole_chain_is_fetched_leaf_first(pki):
    context, chain = pki
    with serving(smtp(tls=context)) as port:
        assert fetch(port) == chain


def test_the_name_is_asked_for_in_tls(pki):
    context, _ = pki
    asked = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    try:
        with serving(smtp(tls=context)) as port:
            fetch(port)
    finally:
        context.sni_callback = None
    assert asked == [HOST]


def test_no_certificate_is_verified(pki):
    # It is for another name and by an issuer that nobody trusts: it is shown all the same.
    context, chain = pki
    with serving(smtp(tls=context)) as port:
        found = fetch_chain("other.example", port, address="127.0.0.1", timeout_seconds=5)
    assert found[0] == chain[0]


def test_tls_can_start_at_once(pki):
    context, chain = pki

    def talk(connection):
        with context.wrap_socket(connection, server_side=True) as secured:
            until_gone(secured)

    with serving(talk) as port:
        found = fetch_chain(HOST, port, address="127.0.0.1", timeout_seconds=5, implicit_tls=True)
    assert found == chain


def slow(octets: bytes) -> Talk:
    def talk(connection):
        for octet in octets:
            connection.sendall(bytes([octet]))
            time.sleep(0.02)

    return talk


WAITING = [
    (until_gone, "did not answer in time"),  # an accepted connection, and no word
    (slow(b"220 " + b"x" * 500), "did not answer in time"),  # each octet in time, the reply never
    (smtp(then=slow(b"\x16\x03\x03\x30\x00" + bytes(500))), "in time"),  # likewise within TLS
]


@pytest.mark.parametrize("talk, says", WAITING, ids=["silent", "slow", "slow in TLS"])
def test_one_deadline_holds_for_the_whole_conversation(talk, says):
    with serving(talk) as port:
        started = time.monotonic()
        with pytest.raises(MailServerError, match=says) as caught:
            fetch(port, 0.5)
        assert time.monotonic() - started < 2
    assert caught.value.may_retry


def saying(octets: bytes) -> Talk:
    def talk(connection):
        connection.sendall(octets)
        until_gone(connection)

    return talk


def gone(connection: socket.socket) -> None:
    connection.sendall(b"220 hello\r\n")
    line(connection)


ANSWERED = [
    (saying(b"SSH-2.0-OpenSSH_9.6\r\n"), "does not speak SMTP", False),  # another service
    (saying(bytes(range(256)) * 4), "does not speak SMTP", False),  # garbage
    (saying(b"\n"), "does not speak SMTP", False),  # an empty line
    (saying(b"220 " + b"x" * 1_000_000), "without end", False),  # a banner of 1 MB
    (saying(b"220-x\r\n" * 200_000), "without end", False),  # the same in many lines
    (saying(b"554 5.7.1 no\r\n"), "greets with 554", False),  # a blocked client
    (saying(b"421 later\r\n"), "greets with 421", True),  # a busy server
    (gone, "closed the connection", True),
    (smtp(ehlo=b"250 mail.example.com\r\n"), "does not offer STARTTLS", False),
    (smtp(ehlo=b"250-STARTTLS\r\n250 SIZE\r\n"), "does not offer STARTTLS", False),  # its name
    (smtp(ehlo=b"502 no\r\n"), "answers EHLO with 502", False),
    (smtp(starttls=b"454 not now\r\n"), "answers STARTTLS with 454", True),
    (smtp(starttls=b"220 go\r\n250 evil\r\n"), "in the clear after STARTTLS", False),
    (smtp(starttls=b"501 \x1b[31m\r\n"), "501 ·\\[31m", False),  # no cursor is moved
    (smtp(then=saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")), "in the clear|TLS does not", False),
]


@pytest.mark.parametrize("talk, says, may_retry", ANSWERED)
def test_a_server_that_misbehaves_gives_one_clear_error(talk, says, may_retry):
    with serving(talk) as port, pytest.raises(MailServerError, match=says) as caught:
        fetch(port, 3)
    assert caught.value.may_retry is may_retry
    assert str(caught.value).startswith(f"127.0.0.1 port {port}: ")


def test_a_closed_port_cannot_be_known_and_may_be_tried_again():
    with serving(until_gone) as port:
        pass  # free again now
    with pytest.raises(MailServerError, match="refused") as caught:
        fetch(port)
    assert caught.value.may_retry


def command(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["tlsa", *arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code), out, err


def test_tlsa_records_are_made_of_what_a_live_server_shows(pki, capsys):
    context, chain = pki
    with serving(smtp(tls=context)) as port:
        code, out, _ = command(
            capsys, "make", "--connect", f"127.0.0.1:{port}", "--host", HOST,
            "--parameters", "3 1 1", "--parameters", "2 0 1",
        )  # fmt: skip
    assert out.splitlines()[:2] == [
        f"_25._tcp.{HOST}. IN TLSA {dane.from_certificate(chain[0])}",
        f"_25._tcp.{HOST}. IN TLSA {dane.from_certificate(chain[1], usage=2, selector=0)}",
    ]
    assert code == 0


def test_the_host_is_asked_for_in_tls_whatever_is_connected_to(pki, capsys):
    context, _ = pki
    asked = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    try:
        with serving(smtp(tls=context)) as port:
            command(capsys, "make", "--connect", f"127.0.0.1:{port}", "--host", HOST)
    finally:
        context.sni_callback = None
    assert asked == [HOST]


def test_a_live_server_is_compared_with_its_records(pki, capsys, tmp_path):
    context, chain = pki
    world = tmp_path / "world.zone"
    world.write_text(
        f"{HOST}. A 127.0.0.1\n_25._tcp.{HOST}. TLSA {dane.from_certificate(chain[0])}\n"
        "example.com. DNSKEY 257 3 8 AwEAAcw=\n"
    )
    with serving(smtp(tls=context)) as port:
        code, out, _ = command(
            capsys, "check", HOST, "--connect", f"127.0.0.1:{port}", "--world", str(world)
        )
    assert "match: the server's certificate matches 3 1 1" in out
    assert code == 0


ENDS = [
    (saying(b"421 later\r\n"), 3),  # it cannot be known now
    (smtp(ehlo=b"250 mail.example.com\r\n"), 1),  # this is how it is
]


@pytest.mark.parametrize("talk, code", ENDS, ids=["busy", "no STARTTLS"])
def test_a_server_without_a_certificate_ends_with_the_right_code(capsys, talk, code):
    with serving(talk) as port:
        ended, out, err = command(capsys, "make", "--connect", f"127.0.0.1:{port}", "--host", HOST)
    assert (ended, out) == (code, "")
    assert err.startswith(f"error: 127.0.0.1 port {port}: ")
