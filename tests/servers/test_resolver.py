"""The resolver against real sockets: the lab's server, BIND 9, and servers that misbehave."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dns.message
import dns.query
import dns.rcode
import dns.rrset
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from misbehaving import MISBEHAVIOUR, udp_server, with_address

from maildns.ask import DirectQuestion, DnssecStatus, Outcome, Question
from maildns.dnsdata import Soa, Tlsa
from maildns.lab import LabServer
from maildns.net.resolver import Resolver
from maildns.net.world import World

pytestmark = pytest.mark.server

LONG = " ".join(f'"{letter * 250}"' for letter in "abcdefg")
ZONE = f"""
@ 300 TXT "v=spf1 -all"
@ MX 10 mail
mail A 192.0.2.1
mail AAAA 2001:db8::1
www CNAME mail
chain CNAME www
dangling CNAME nothing
*.wild TXT "w"
a.b.c A 192.0.2.9
long TXT {LONG}
_25._tcp.mail TLSA 3 1 1 {"ab" * 32}
brief 1 TXT "brief"
zero 0 TXT "zero"
"""
QUESTIONS = [
    Question(*text.split())
    for text in (
        "example.com TXT", "example.com MX", "mail.example.com A", "mail.example.com AAAA", "example.com A",
        "www.example.com A", "chain.example.com AAAA", "www.example.com CNAME", "dangling.example.com A",
        "x.wild.example.com TXT", "x.wild.example.com A", "b.c.example.com A", "nothing.example.com TXT",
        "long.example.com TXT", "_25._tcp.mail.example.com TLSA", "example.com SOA", "example.com NS",
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def lab():
    with LabServer({"example.com": ZONE}) as running:
        yield running


def resolver(port, **more):
    more.setdefault("timeout_seconds", 2)
    return Resolver(servers=[f"127.0.0.1:{port}"], **more)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_live_world_answers_as_the_pretended_one(lab, transport):
    pretended = World.from_zone(lab.zone_text("example.com"))
    pretended.sign("example.com")
    live = resolver(lab.port, transport=transport).answer(QUESTIONS)
    for expected, found in zip(pretended.answer(QUESTIONS), live, strict=True):
        assert (found.outcome, found.records, found.aliases) == (
            expected.outcome, expected.records, expected.aliases,
        )  # fmt: skip
        assert found.dnssec is DnssecStatus.SECURE
        assert found.ttl_seconds == expected.ttl_seconds


def test_asyncio_gets_the_same_answers(lab):
    blocking = resolver(lab.port).answer(QUESTIONS)
    assert asyncio.run(resolver(lab.port).answer_async(QUESTIONS)) == blocking


def test_an_unsigned_zone_is_not_called_secure():
    with LabServer({"example.com": ZONE}, signed=False) as lab:
        (answer,) = resolver(lab.port).answer([Question("example.com", "TXT")])
    assert answer.found
    assert answer.dnssec is DnssecStatus.UNKNOWN


def test_a_question_is_asked_once_while_its_answer_lives(lab):
    now = [1000.0]
    asking = resolver(lab.port, clock=lambda: now[0])
    question = Question("brief.example.com", "TXT")

    def times():
        return lab.asked.count(question)

    before = times()
    asking.answer([question, question])
    asking.answer([question])
    assert times() == before + 1
    now[0] += 2
    asking.answer([question])
    assert times() == before + 2
    asking.forget()
    asking.answer([question])
    assert times() == before + 3


def test_the_ttl_of_a_cached_answer_runs_down(lab):
    now = [1000.0]
    asking = resolver(lab.port, clock=lambda: now[0])
    question = Question("example.com", "TXT")
    assert asking.answer([question])[0].ttl_seconds == 300
    now[0] += 100
    assert asking.answer([question])[0].ttl_seconds == 200


def test_a_ttl_of_zero_is_not_cached(lab):
    asking = resolver(lab.port)
    question = Question("zero.example.com", "TXT")
    asking.answer([question])
    asking.answer([question])
    assert lab.asked.count(question) == 2


def test_threads_that_ask_the_same_share_one_question():
    with udp_server(lambda query: time.sleep(0.3) or with_address(query)) as (port, asked):
        asking = resolver(port)
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(lambda _: asking.answer([Question("a.example", "A")]), range(8))
            )
    assert all(answer.found for (answer,) in answers)
    assert sum(b"\x01a\x07example" in wire for wire in asked) == 1


def test_independent_questions_go_out_together():
    with udp_server(lambda query: time.sleep(0.2) or with_address(query), threads=8) as (port, _):
        started = time.monotonic()
        answers = resolver(port).answer([Question(f"{n}.example", "A") for n in range(8)])
    assert all(answer.found for answer in answers)
    assert time.monotonic() - started < 1.2


def test_a_record_wrongly_published_is_found_not_unreachable():
    bad = "_25._tcp.mail TLSA 3 1 1 abcd\n"
    question = Question("_25._tcp.mail.example.com", "TLSA")
    with LabServer({"example.com": bad}) as lab:
        for transport in ("udp", "tcp"):
            (answer,) = resolver(lab.port, transport=transport).answer([question])
            assert answer.outcome is Outcome.FOUND
            assert answer.records == (Tlsa(3, 1, 1, bytes.fromhex("abcd")),)


# --- BIND -----------------------------------------------------------------------------


def test_an_authoritative_server_is_asked_as_one(bind):
    asking = resolver(bind.port, authoritative=True)
    found, alias, outside, nothing, child, other = asking.answer(
        [
            Question("example.com", "MX"),
            Question("www.example.com", "A"),
            Question("outside.example.com", "A"),
            Question("dangling.example.com", "A"),
            Question("x.child.example.com", "A"),
            Question("example.org", "A"),
        ]
    )
    assert (found.outcome, found.ttl_seconds) == (Outcome.FOUND, 300)
    assert (alias.outcome, alias.aliases) == (Outcome.FOUND, ("mail.example.com",))
    assert outside.outcome is Outcome.UNREACHABLE
    assert "an alias leads to mail.other.example" in outside.detail
    assert nothing.outcome is Outcome.NO_NAME
    assert child.outcome is Outcome.UNREACHABLE
    assert (other.outcome, "REFUSED" in other.detail) == (Outcome.UNREACHABLE, True)


# --- one server asked by itself -------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_one_server_is_asked_by_itself(bind, transport):
    asking = Resolver(servers=["127.0.0.1:1"], direct_port=bind.port)

    def direct(name, rrtype):
        return DirectQuestion(name, rrtype, "127.0.0.1", transport)

    found, alias, outside, nothing, child, other = asking.answer(
        [
            direct("example.com", "SOA"),
            direct("www.example.com", "A"),
            direct("outside.example.com", "A"),
            direct("nothing.example.com", "A"),
            direct("child.example.com", "NS"),
            direct("example.org", "A"),
        ]
    )
    assert isinstance(found.records[0], Soa)
    assert (found.seen.server, found.seen.rcode) == (bind.server, "NOERROR")
    assert found.seen.authoritative
    assert found.seen.octets > 50
    assert found.seen.milliseconds > 0
    assert abs(found.seen.at - time.time()) < 60
    assert (alias.outcome, alias.aliases) == (Outcome.FOUND, ("mail.example.com",))
    assert (outside.outcome, outside.aliases) == (Outcome.NO_DATA, ("mail.other.example",))
    assert nothing.outcome is Outcome.NO_NAME
    assert child.outcome is other.outcome is Outcome.UNREACHABLE
    assert "refers to other servers" in child.detail
    assert [one.name for one in child.seen.authority] == ["child.example.com"]
    assert [one.name for one in child.seen.additional] == ["ns.child.example.com"]
    assert "REFUSED" in other.detail


def test_a_signed_server_shows_its_signatures(lab):
    asking = Resolver(direct_port=lab.port)
    found, nothing, keys, long = asking.answer(
        [
            DirectQuestion(name, rrtype, "127.0.0.1")
            for name, rrtype in (
                ("example.com", "MX"),
                ("nothing.example.com", "A"),
                ("example.com", "DNSKEY"),
                ("long.example.com", "TXT"),
            )
        ]
    )
    assert [one.rrtype for one in found.seen.signatures] == ["RRSIG"]
    assert {one.rrtype for one in nothing.seen.authority} == {"SOA", "NSEC", "RRSIG"}
    assert keys.records[0].rrtype == "DNSKEY"
    assert long.found


def test_the_words_of_one_server_are_not_taken_for_those_of_another(lab, bind):
    asking = Resolver(servers=[lab.server])
    question = Question("mail.example.com", "A")
    ours, lab_says, bind_says = asking.answer(
        [
            question,
            DirectQuestion("mail.example.com", "A", lab.server),
            DirectQuestion("mail.example.com", "A", bind.server),
        ]
    )
    assert ours.records == lab_says.records != bind_says.records
    assert asking.answer([question])[0].seen.server == lab.server


def test_an_ipv6_server_that_nobody_here_can_reach_is_told_as_such():
    asking = Resolver()
    (answer,) = asking.answer([DirectQuestion("example.com", "A", "2001:db8::53")])
    assert answer.outcome is Outcome.UNREACHABLE
    if not _has_ipv6():
        assert "no way to IPv6 from here" in answer.detail


# --- servers that misbehave -----------------------------------------------------------


def test_silence_is_unreachable_and_takes_no_longer_than_the_deadline(silent):
    asking = resolver(silent, timeout_seconds=0.4, tries=5, deadline_seconds=1)
    started = time.monotonic()
    answers = asking.answer([Question(f"{n}.example", "A") for n in range(40)])
    assert time.monotonic() - started < 2.5
    assert {answer.outcome for answer in answers} == {Outcome.UNREACHABLE}
    assert f"127.0.0.1:{silent}: no answer within 0.4 s" in answers[0].detail


@pytest.mark.parametrize("transport", ["tcp", "tls", "https"])
def test_silence_by_tcp_is_unreachable_too(silent, transport):
    servers = (
        [f"https://127.0.0.1:{silent}/dns-query"]
        if transport == "https"
        else [f"127.0.0.1:{silent}"]
    )
    with Resolver(servers=servers, transport=transport, timeout_seconds=0.3, tries=1) as asking:
        (answer,) = asking.answer([Question("a.example", "A")])
    assert (answer.outcome, bool(answer.detail)) == (Outcome.UNREACHABLE, True)


@pytest.mark.parametrize("server", ["127.0.0.1:1", "tcp://127.0.0.1:1", "tls://127.0.0.1:1", "https://127.0.0.1:1/q",
                                    "tls://no-such-host.invalid"])  # fmt: skip
def test_nobody_listening_is_unreachable(server):
    with Resolver(servers=[server], timeout_seconds=1, tries=1) as asking:
        (answer,) = asking.answer([Question("a.example", "A")])
    assert answer.outcome is Outcome.UNREACHABLE
    assert answer.detail


@pytest.mark.parametrize("name, respond", MISBEHAVIOUR, ids=[name for name, _ in MISBEHAVIOUR])
def test_no_answer_is_never_taken_for_one(name, respond):
    with udp_server(respond) as (port, _):
        (answer,) = resolver(port, timeout_seconds=0.2, tries=1).answer(
            [Question("a.example", "A")]
        )
    assert answer.outcome is Outcome.UNREACHABLE, name


def test_a_forged_datagram_does_not_drown_the_true_one():
    def forged_first(query):
        return [
            struct.pack("!H", query.id ^ 1) + with_address(query)[2:],
            b"garbage",
            with_address(query),
        ]

    with udp_server(forged_first) as (port, _):
        (answer,) = resolver(port, tries=1).answer([Question("a.example", "A")])
    assert answer.found


def test_a_dead_server_in_front_does_not_hide_the_living_one(lab, silent):
    asking = Resolver(servers=[f"127.0.0.1:{silent}", lab.server], timeout_seconds=0.2)
    assert asking.answer([Question("example.com", "TXT")])[0].found


# --- TLS ------------------------------------------------------------------------------


def test_dns_over_tls_checks_the_certificate(lab, tmp_path):
    ca_file = _certificate(tmp_path, "dns.example")
    with _tls_front(lab.port, tmp_path) as port:
        question = [Question("example.com", "TXT")]

        def ask(name, ca_file):
            with Resolver(
                servers=[f"tls://127.0.0.1@{port}#{name}"], ca_file=ca_file, tries=1
            ) as asking:
                return asking.answer(question)[0]

        assert ask("dns.example", ca_file).dnssec is DnssecStatus.SECURE
        wrong_name = ask("other.example", ca_file)
        unknown_ca = ask("dns.example", "")
    assert wrong_name.outcome is unknown_ca.outcome is Outcome.UNREACHABLE
    assert "certificate" in wrong_name.detail.lower()


def test_dns_over_https_checks_the_certificate(lab, tmp_path):
    ca_file = _certificate(tmp_path, "localhost")
    question = [Question("example.com", "TXT"), Question("long.example.com", "TXT")]
    with _https_front(lab.port, tmp_path) as port:
        url = f"https://localhost:{port}/dns-query"
        with Resolver(servers=[url], ca_file=ca_file, tries=1) as asking:
            answers = asking.answer(question)
            awaited = asyncio.run(asking.answer_async([Question("mail.example.com", "A")]))
        with Resolver(servers=[url], tries=1) as asking:
            (unknown_ca,) = asking.answer(question[:1])
        with Resolver(
            servers=[f"https://localhost:{port}/elsewhere"], ca_file=ca_file, tries=1
        ) as asking:
            (not_found,) = asking.answer(question[:1])
    assert {(str(a.dnssec), a.detail) for a in answers + awaited} == {("secure", "")}
    assert unknown_ca.outcome is not_found.outcome is Outcome.UNREACHABLE
    assert "404" in not_found.detail


# --- the servers of these tests -------------------------------------------------------


def _has_ipv6():
    """Whether this machine has a route to other IPv6 networks."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sending:
            sending.connect(("2001:db8::53", 53))
    except OSError:
        return False
    return True


def _certificate(folder, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(folder / "cert.pem")


@contextmanager
def _tls_front(port, folder):
    """TLS in front of the TCP server at *port*: one message in, one out, for each connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)

        def serve():
            while not done.is_set():
                try:
                    plain, _ = listener.accept()
                except TimeoutError:
                    continue
                with plain:
                    plain.settimeout(2)
                    try:
                        with context.wrap_socket(plain, server_side=True) as secure:
                            _pass_on(secure, port)
                    except OSError:
                        continue

        worker = threading.Thread(target=serve)
        worker.start()
        try:
            yield listener.getsockname()[1]
        finally:
            done.set()
            worker.join()


@contextmanager
def _https_front(port, folder):
    """DNS over HTTPS in front of the TCP server at *port*."""

    class Front(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            octets = self.rfile.read(int(self.headers["Content-Length"]))
            query = dns.message.from_wire(octets)
            reply = dns.query.tcp(query, "127.0.0.1", port=port, timeout=2).to_wire()
            self.send_response(200 if self.path == "/dns-query" else 404)
            self.send_header("Content-Type", "application/dns-message")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_):
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):
            """A client that does not like the certificate has gone."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    with Server(("127.0.0.1", 0), Front) as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        worker = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        worker.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            worker.join()


def _pass_on(secure, port):
    with socket.create_connection(("127.0.0.1", port), 2) as behind:
        while octets := secure.recv(4096):
            behind.sendall(octets)
            time.sleep(0.05)
            secure.sendall(behind.recv(65_537))
