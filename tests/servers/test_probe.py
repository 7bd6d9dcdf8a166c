"""Live servers on loopback, sound and unsound, as the prober sees them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
import warnings
from datetime import UTC, datetime

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from pki import make, server_context

import maildns.audit.checks  # noqa: F401 - its import registers the checks
from maildns.audit.facts import Facts
from maildns.audit.gathering import Scope, gather
from maildns.audit.probing import LivePolicyFetcher, probe
from maildns.audit.registry import judge
from maildns.audit.result import Status
from maildns.net.drivers import run as drive
from maildns.net.probe import ENOUGH_SILENCE, LiveProber, ProbeOptions
from maildns.net.talk import Reached, Stage, Visit
from maildns.net.world import World

pytestmark = pytest.mark.server

HOST = "mail.example.com"
SECONDS = 5.0  # for a whole test; nothing here needs one


@pytest.fixture(scope="module")
def root():
    return make("Test Root", authority=True)


@pytest.fixture(scope="module")
def middle(root):
    return make("Test Issuer", root, authority=True)


@pytest.fixture(scope="module")
def leaf(middle):
    return make(HOST, middle, names=[HOST])


@pytest.fixture(scope="module")
def good(leaf, middle):
    return server_context((leaf, middle))


async def until_gone(reader):
    with contextlib.suppress(OSError):
        while await reader.read(65536):
            pass


async def secured(reader, writer, context):
    """Speak TLS as a server until the client leaves; what it said."""
    with contextlib.suppress(OSError, ssl.SSLError):
        await writer.start_tls(context)
        return await reader.read(100)


class Server:
    """One server on loopback: it plays *play* for each connection, and counts them."""

    def __init__(self, play):
        self.play = play
        self.connections = 0
        self.open = self.most_open = 0

    async def serve(self, reader, writer):
        self.connections += 1
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            with contextlib.suppress(OSError):
                await self.play(reader, writer)
        finally:
            self.open -= 1
            writer.close()


def talk(play, *, options=None, seconds=SECONDS, **visit):
    """What the prober sees of a server that plays *play*, and the server."""

    async def run():
        server = Server(play)
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            prober = LiveProber(options or ProbeOptions(helo="test.example"))
            deadline = asyncio.get_running_loop().time() + seconds
            found = await prober.talk(Visit(HOST, "127.0.0.1", port, **visit), deadline)
        await asyncio.sleep(0.01)
        return found, server

    return asyncio.run(asyncio.wait_for(run(), 20))


def smtp(context, *, banner=b"220 mail.example.com ESMTP\r\n", starttls=b"220 go\r\n", said=None):
    async def play(reader, writer):
        writer.write(banner)
        assert (await reader.readline()) == b"EHLO test.example\r\n"
        writer.write(b"250-mail.example.com\r\n250-SIZE 1000\r\n250 STARTTLS\r\n")
        assert (await reader.readline()) == b"STARTTLS\r\n"
        writer.write(starttls)
        words = await secured(reader, writer, context)
        if said is not None:
            said.append(words)

    return play


def imap(context):
    async def play(reader, writer):
        writer.write(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n")
        assert (await reader.readline()) == b"a CAPABILITY\r\n"
        writer.write(b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\na OK done\r\n")
        assert (await reader.readline()) == b"b STARTTLS\r\n"
        writer.write(b"b OK begin\r\n")
        await secured(reader, writer, context)

    return play


def pop3(context):
    async def play(reader, writer):
        writer.write(b"+OK ready\r\n")
        assert (await reader.readline()) == b"CAPA\r\n"
        writer.write(b"+OK\r\nUIDL\r\nSTLS\r\n.\r\n")
        assert (await reader.readline()) == b"STLS\r\n"
        writer.write(b"+OK begin\r\n")
        await secured(reader, writer, context)

    return play


def at_once(context):
    async def play(reader, writer):
        await secured(reader, writer, context)

    return play


def trusting(root, **more):
    return ProbeOptions(authorities_pem=root.pem, helo="test.example", **more)


WAYS = [
    (smtp, {}),
    (imap, {"way": "imap", "service": "_imap"}),
    (pop3, {"way": "pop3", "service": "_pop3"}),
    (at_once, {"implicit_tls": True, "service": "_submissions"}),
    (at_once, {"way": "imap", "implicit_tls": True, "service": "_imaps"}),
]


@pytest.mark.parametrize("play, visit", WAYS, ids=["smtp", "imap", "pop3", "465", "993"])
def test_a_sound_server_is_seen_in_one_connection(play, visit, good, leaf):
    middle = leaf.issuer
    found, server = talk(play(good), options=trusting(middle.issuer), **visit)
    assert (found.reached, found.stage, found.failure) == (Reached.YES, Stage.DONE, "")
    assert found.tls.version == "TLSv1.3"
    assert found.tls.chain_der == (leaf.der, middle.der)
    assert found.tls.names == (HOST,)
    assert found.tls.distrust == ""
    assert found.service == visit.get("service", "")
    assert found.starttls is (None if visit.get("implicit_tls") else True)
    assert server.connections == 1


def test_what_the_server_says_is_kept(good, root):
    found, _ = talk(smtp(good), options=trusting(root))
    assert (found.banner_code, found.banner) == (220, "mail.example.com ESMTP")
    assert found.greeting_name == "mail.example.com"
    assert found.extensions == ("SIZE 1000", "STARTTLS")
    assert 0 < found.milliseconds < SECONDS * 1000
    assert abs(found.at - time.time()) < 60


def test_the_prober_takes_its_leave(good, root):
    said = []
    talk(smtp(good, said=said), options=trusting(root))
    assert said == [b"QUIT\r\n"]


def test_the_base_domain_is_asked_for_in_tls(leaf, middle, root):
    context, asked = server_context((leaf, middle)), []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    talk(smtp(context), options=trusting(root), server_name="base.example.com")
    assert asked == ["base.example.com"]


def chain(root, middle, *, names=(HOST,), **more):
    return make("leaf", middle, names=names, **more), middle


DISTRUSTED = [
    ("expired", {"days": (-60, -1)}, 10),
    ("not yet valid", {"days": (1, 60)}, 9),
    ("for clients", {"purpose": ExtendedKeyUsageOID.CLIENT_AUTH}, 26),
]


@pytest.mark.parametrize("reason, more, code", DISTRUSTED)
def test_why_a_chain_is_not_trusted_is_told_and_the_chain_all_the_same(
    reason, more, code, root, middle
):
    made = chain(root, middle, **more)
    found, server = talk(smtp(server_context(made)), options=trusting(root))
    assert found.tls.distrust_code == code, (reason, found.tls.distrust)
    assert found.tls.chain_der == tuple(one.der for one in made)
    assert found.failure == ""
    assert server.connections == 2
    assert server.most_open == 1


def test_a_missing_intermediate_is_distrusted(root, leaf):
    found, _ = talk(smtp(server_context((leaf,))), options=trusting(root))
    assert found.tls.distrust_code == 20
    assert found.tls.distrust == "unable to get local issuer certificate"


def test_a_certificate_by_itself_is_distrusted(root):
    alone = make(HOST, names=[HOST])
    found, _ = talk(smtp(server_context((alone,))), options=trusting(root))
    assert found.tls.distrust_code == 18


def test_trust_does_not_ask_for_the_name(root, middle):
    made = chain(root, middle, names=["other.example"])
    found, _ = talk(smtp(server_context(made)), options=trusting(root))
    assert (found.tls.distrust, found.tls.names) == ("", ("other.example",))


def test_the_test_root_is_not_trusted_by_the_system(good):
    found, _ = talk(smtp(good))
    assert found.tls.distrust


def only(context, least, most):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = least, most
    return context


@pytest.fixture
def old(leaf, middle):
    version = ssl.TLSVersion
    return only(server_context((leaf, middle)), version.TLSv1, version.TLSv1_1)


def test_a_server_that_speaks_old_tls_alone_is_seen(old, root):
    found, _ = talk(smtp(old), options=trusting(root))
    assert (found.tls.version, found.tls.distrust) == ("TLSv1.1", "")


def test_old_tls_beside_new_is_looked_for_when_asked(leaf, middle, root):
    version = ssl.TLSVersion
    both = only(server_context((leaf, middle)), version.TLSv1, version.TLSv1_3)
    found, _ = talk(smtp(both), options=trusting(root))
    assert (found.tls.version, found.old_versions) == ("TLSv1.3", None)
    found, server = talk(smtp(both), options=trusting(root, deep=True))
    assert (found.tls.version, found.old_versions) == ("TLSv1.3", ("TLSv1.1",))
    assert server.most_open == 1


def test_a_good_server_refuses_the_lesser_tls(good, root):
    good.minimum_version = ssl.TLSVersion.TLSv1_2
    found, _ = talk(smtp(good), options=trusting(root, deep=True))
    assert (found.old_versions, found.poor_ciphers, found.other_tls) == ((), (), None)


def test_ciphers_without_forward_secrecy_and_a_second_certificate_are_seen(leaf, middle, root):
    other = make(HOST, middle, names=[HOST], rsa_bits=2048)
    double = server_context((leaf, middle), (other, middle))
    found, _ = talk(smtp(double), options=trusting(root, deep=True))
    assert found.poor_ciphers == ("AES256-GCM-SHA384",)
    assert found.tls.chain_der[0] == leaf.der
    assert found.other_tls.chain_der[0] == other.der
    assert found.other_tls.names == (HOST,)


def saying(octets):
    async def play(reader, writer):
        writer.write(octets)
        await until_gone(reader)

    return play


async def silent(reader, _writer):
    await until_gone(reader)


async def gone(_reader, _writer):
    pass


def slowly(octets):
    async def play(_reader, writer):
        for octet in octets:
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0.02)

    return play


HOSTILE = [
    # what it does, where it ends, in what words, whether later may be otherwise
    (silent, Stage.GREETING, "in time", True),
    (gone, Stage.GREETING, "closed", True),
    (slowly(b"220 " + b"x" * 1000), Stage.GREETING, "in time", True),
    (saying(b"220 " + b"x" * 100_000), Stage.GREETING, "without end", False),
    (saying(b"220-x\r\n" * 100_000), Stage.GREETING, "without end", False),
    (saying(bytes(range(256)) * 4), Stage.GREETING, "does not speak SMTP", False),
    (saying(b"554 no\r\n"), Stage.GREETING, "greets with 554 no", False),
    (saying(b"421 later\r\n"), Stage.GREETING, "greets with 421 later", True),
    (saying(b"220 hello\r\n"), Stage.HELLO, "in time", True),
    (smtp(None, starttls=b"454 not now\r\n"), Stage.STARTTLS, "with 454", True),
    (smtp(None, starttls=b"220 go\r\n250 evil\r\n"), Stage.STARTTLS, "in the clear", False),
]


@pytest.mark.parametrize("play, stage, says, temporary", HOSTILE)
def test_a_hostile_server_ends_in_a_talk_that_says_so(play, stage, says, temporary):
    started = time.monotonic()
    found, _ = talk(play, seconds=0.6)
    assert time.monotonic() - started < 3
    assert (found.reached, found.stage, found.temporary) == (Reached.YES, stage, temporary)
    assert says in found.failure


def test_garbage_for_tls_is_a_handshake_that_fails():
    async def play(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await until_gone(reader)

    found, _ = talk(play, implicit_tls=True, service="_submissions")
    assert (found.stage, found.temporary) == (Stage.TLS, False)
    assert found.tls_failure.startswith("TLS does not come about")


def test_a_slow_handshake_ends_at_the_deadline():
    found, _ = talk(slowly(b"\x16\x03\x03\x30\x00" + bytes(500)), seconds=0.5, implicit_tls=True)
    assert (found.stage, found.temporary) == (Stage.TLS, True)


def visits(*pairs, options=None, seconds=2.0):
    async def run():
        prober = LiveProber(options or ProbeOptions(timeout_seconds=1.0))
        deadline = asyncio.get_running_loop().time() + seconds
        return await asyncio.gather(*(prober.talk(one, deadline) for one in pairs))

    return asyncio.run(asyncio.wait_for(run(), 20))


def test_a_closed_port_is_refused():
    (found,) = visits(Visit(HOST, "127.0.0.1", 1))
    assert (found.reached, found.failure) == (Reached.REFUSED, "Connection refused")


def test_who_was_visited_is_not_visited_again(good, root):
    async def run():
        server = Server(smtp(good))
        async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            prober = LiveProber(trusting(root))
            deadline = asyncio.get_running_loop().time() + SECONDS
            visit = Visit(HOST, "127.0.0.1", port)
            found = await asyncio.gather(*(prober.talk(visit, deadline) for _ in range(50)))
        return set(found), server.connections

    found, connections = asyncio.run(asyncio.wait_for(run(), 20))
    assert (len(found), connections) == (1, 1)


def test_an_address_has_one_connection_at_a_time(good, root):
    async def run():
        server = Server(smtp(good))
        async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            prober = LiveProber(trusting(root))
            deadline = asyncio.get_running_loop().time() + SECONDS
            hosts = [Visit(f"mx{number}.example.com", "127.0.0.1", port) for number in range(8)]
            found = await asyncio.gather(*(prober.talk(one, deadline) for one in hosts))
        return found, server

    found, server = asyncio.run(asyncio.wait_for(run(), 20))
    assert all(one.tls for one in found)
    assert (server.connections, server.most_open) == (8, 1)


@pytest.fixture
def deaf():
    """Eight networks in which a port takes no connection and refuses none."""
    with contextlib.ExitStack() as stack:
        port = 0
        for number in range(ENOUGH_SILENCE):
            place = stack.enter_context(socket.socket())
            place.bind((f"127.{number + 1}.0.1", port))
            port = place.getsockname()[1]
            place.listen(0)
            for _ in range(4):  # until its queue is full
                waiting = stack.enter_context(socket.socket())
                waiting.settimeout(0)
                waiting.connect_ex((f"127.{number + 1}.0.1", port))
        yield port


async def visit_all(prober, port, numbers):
    deadline = asyncio.get_running_loop().time() + SECONDS
    places = [Visit(HOST, f"127.{number}.0.1", port) for number in numbers]
    return await asyncio.gather(*(prober.talk(one, deadline) for one in places))


def test_a_port_at_which_nobody_ever_answers_is_given_up(deaf):
    async def run():
        prober = LiveProber(ProbeOptions(connect_seconds=0.3))
        found = await visit_all(prober, deaf, range(1, ENOUGH_SILENCE + 1))
        assert {one.failure for one in found} == {"it did not answer in time"}
        (more,) = await visit_all(prober, deaf, [99])  # it would be refused
        return more

    found = asyncio.run(asyncio.wait_for(run(), 20))
    assert found.reached is Reached.NO_ANSWER
    assert found.failure.startswith("nobody in 8 networks answers")


def test_one_answer_is_enough_to_go_on(deaf):
    async def run():
        prober = LiveProber(ProbeOptions(connect_seconds=0.3))
        await visit_all(prober, deaf, [50])  # refused
        await visit_all(prober, deaf, range(1, ENOUGH_SILENCE + 1))
        (more,) = await visit_all(prober, deaf, [99])
        return more

    assert asyncio.run(asyncio.wait_for(run(), 20)).reached is Reached.REFUSED


def test_who_has_no_time_left_spoils_nothing_for_the_next(good, root):
    async def run():
        server = Server(smtp(good))
        async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
            visit = Visit(HOST, "127.0.0.1", listening.sockets[0].getsockname()[1])
            prober, now = LiveProber(trusting(root)), asyncio.get_running_loop().time()
            late = await prober.talk(visit, now - 1)
            return late, await prober.talk(visit, now + SECONDS)

    late, found = asyncio.run(asyncio.wait_for(run(), 20))
    assert (late.reached, late.temporary) == (Reached.NO_ANSWER, True)
    assert found.stage is Stage.DONE


def test_a_domain_is_seen_whole_from_its_records_to_its_servers(good, root, leaf):
    """Services, policy and rules, without a pretended part but the DNS."""
    policy = b"version: STSv1\r\nmode: testing\r\nmx: mail.example.com\r\nmax_age: 86400\r\n"
    web = server_context((make("mta-sts.example.com", leaf.issuer, names=["mta-sts.example.com"]),
                          leaf.issuer))  # fmt: skip

    async def https(reader, writer):
        await writer.start_tls(web)
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(policy)}\r\n"
        writer.write(head.encode() + b"\r\n" + policy)
        await writer.drain()

    async def run():
        async with contextlib.AsyncExitStack() as stack:
            ports = []
            for play in (at_once(good), https):
                serve = Server(play).serve
                server = await asyncio.start_server(serve, "127.0.0.1", 0)
                await stack.enter_async_context(server)
                ports.append(server.sockets[0].getsockname()[1])
            world = World.from_zone(
                "example.com. MX 0 .\n"
                f"_imaps._tcp.example.com. SRV 0 1 {ports[0]} mail.example.com.\n"
                "mail.example.com. A 127.0.0.1\nmta-sts.example.com. A 127.0.0.1\n"
                '_mta-sts.example.com. TXT "v=STSv1; id=1;"\n',
                origin=".",
            )
            dns = drive(gather("example.com", Scope(common_selectors=False)), world)
            fetcher = LivePolicyFetcher(authorities_pem=root.pem, port=ports[1])
            stack.callback(fetcher.close)
            return dns, await probe(dns, LiveProber(trusting(root)), fetcher, deadline_seconds=5)

    dns, found = asyncio.run(asyncio.wait_for(run(), 20))
    (imaps,) = found.talks
    assert (imaps.service, imaps.stage, imaps.tls.distrust) == ("_imaps", Stage.DONE, "")
    assert found.policy.policy.mode == "testing"
    results = judge(Facts(dns, datetime.now(UTC), found.talks, found.policy))
    seen = [one for topic in ("smtp", "tls", "mtasts") for one in results[topic]]
    assert {one.status for one in seen} == {Status.OK}
    assert "clients-service-fails" in {one.rule for one in seen}
