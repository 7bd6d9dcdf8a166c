"""Report mail by SMTP and LMTP: acknowledged once it is kept, and hostile clients are borne."""

from __future__ import annotations

import asyncio
import logging
import resource
import smtplib
import socket
import ssl
import stat
import threading
import time
from ipaddress import ip_network

import pytest
from dovecot import write_certificate
from file_keeper import FileKeeper, mail
from intake import ADDRESSES, LOOPBACK, RUA, Talk, running_intake

from maildns.errors import InputError, UsageError
from maildns.reports.config import IntakeSettings, Listening
from maildns.reports.keeping import Kept
from maildns.reports.sources.committing import Committer
from maildns.reports.sources.intake import Intake

pytestmark = pytest.mark.server
MIB = 1 << 20
SMTP = {"lmtp": False}


def wire(text: bytes) -> bytes:
    """As it goes over the wire, before dots are doubled."""
    return text.replace(b"\n", b"\r\n")


@pytest.fixture
def keeper(tmp_path):
    return FileKeeper(tmp_path / "kept")


def test_lmtp_answers_each_recipient_when_the_report_is_kept(keeper):
    with running_intake(keeper) as running:
        assert running.deliver(wire(mail("a")), RUA, "TLS@EXAMPLE.com") == ["250", "250"]
    assert keeper.names == ["a"]
    (arrival,) = keeper.arrivals
    assert arrival.octets == wire(mail("a"))
    assert arrival.sender == "reporter@signed.example"
    assert arrival.ip == "", "a mail server of ours brought it, and did not say from where"
    assert arrival.source.startswith(f"lmtp://127.0.0.1/{RUA}#")


def test_lmtp_has_as_many_answers_as_recipients_were_taken(keeper):
    with running_intake(keeper) as running, running.talk() as client:
        client.hear()
        assert "SIZE" in client.say("LHLO me")
        client.say("MAIL FROM:<>")
        said = [client.say(f"RCPT TO:<{one}>")[:3] for one in (RUA, "x@y.example", *ADDRESSES)]
        assert said == ["250", "550", "250", "250", "250"]
        assert client.say("DATA")[:3] == "354"
        client.send(wire(mail("a")) + b".\r\n")
        assert [client.hear()[:3] for _ in range(4)] == ["250"] * 4
        assert client.say("NOOP")[:3] == "250"


def test_smtp_answers_once(keeper):
    with running_intake(keeper, **SMTP) as running, running.talk() as client:
        assert client.begin("EHLO me", *ADDRESSES)[:3] == "354"
        client.send(wire(mail("a")) + b".\r\n")
        assert client.hear()[:3] == "250"
        assert client.say("QUIT")[:3] == "221"


FATES = [
    (mail("a"), "250", "a report"),
    (b"Subject: report\n\nbroken\n", "250", "kept in quarantine"),
    (b"Subject: lunch?\n\nAt one.\n", "550", "no report: its sender is told, and nothing is kept"),
]


@pytest.mark.parametrize("text, code, reason", FATES)
@pytest.mark.parametrize("lmtp", [True, False])
def test_the_answer_says_what_became_of_it(keeper, lmtp, text, code, reason):
    with running_intake(keeper, lmtp=lmtp) as running:
        assert running.deliver(wire(text)) == [code], reason


def test_while_the_store_is_down_mail_stays_with_its_sender(keeper):
    keeper.down = True
    with running_intake(keeper) as running:
        for expected in (["451"] * 2, ["250"] * 2):
            assert running.deliver(wire(mail("a")), *list(ADDRESSES)[:2]) == expected
            keeper.down = False
    assert keeper.names == ["a"]


def test_nothing_is_acknowledged_before_the_keeper_has_returned(keeper):
    may_return = threading.Event()

    class Waiting:
        def keep(self, arrivals):
            receipts = keeper.keep(arrivals)
            assert may_return.wait(10)
            return receipts

    with running_intake(Waiting()) as running, running.talk(timeout=0.5) as client:
        client.begin()
        client.send(wire(mail("a")) + b".\r\n")
        with pytest.raises(TimeoutError):
            client.connection.recv(10)
        assert keeper.names == ["a"]
        may_return.set()
        client.connection.settimeout(10)
        assert client.connection.recv(3) == b"250"


def test_a_client_that_goes_away_before_the_answer_may_bring_it_again(keeper):
    begun, may_go_on = threading.Event(), threading.Event()

    class Slow:
        def keep(self, arrivals):
            begun.set()
            may_go_on.wait(10)
            return keeper.keep(arrivals)

    with running_intake(Slow()) as running:
        with running.talk() as client:
            client.begin()
            client.send(wire(mail("a")) + b".\r\n")
            assert begun.wait(10)
        may_go_on.set()
        assert running.deliver(wire(mail("a"))) == ["250"]
    assert keeper.names == ["a"]
    assert [one.kept for one in running.receipts] == [Kept.NEW, Kept.KNOWN]


def test_many_mails_at_once_share_transactions_and_each_is_kept_once(keeper):
    names = [f"m{number:02}" for number in range(40)]
    answers = []

    class Slow:
        def keep(self, arrivals):
            time.sleep(0.05)
            return keeper.keep(arrivals)

    with running_intake(Slow()) as running:

        def bring(name):
            answers.extend(running.deliver(wire(mail(name))))

        threads = [threading.Thread(target=bring, args=(one,)) for one in names]
        for one in threads:
            one.start()
        for one in threads:
            one.join(20)
    assert answers == ["250"] * 40
    assert keeper.names == names
    assert len(keeper.batches) < 20


DOTS = [
    (b".\r\n", b"", "nothing but the end"),
    (b"..\r\n.\r\n", b".\r\n", "a dot of the mail's own"),
    (b"a\r\n..b\r\n...\r\n.\r\n", b"a\r\n.b\r\n..\r\n", "doubled once"),
    (b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n", "a bare line feed ends no mail"),
    (b"a\r.\r\n.\r\n", b"a\r.\r\n", "nor does a bare return"),
    (b"x" * 100_000 + b"\r\n.\r\n", b"x" * 100_000 + b"\r\n", "lines may be long"),
    (b"\x00\xff\r\n.\r\n", b"\x00\xff\r\n", "whatever octets"),
]


@pytest.mark.parametrize("sent, octets, reason", DOTS)
def test_a_mail_ends_at_the_dot_and_nowhere_else(keeper, sent, octets, reason):
    for step in (1, 3, 7, len(sent)):
        if len(sent) // step > 1000:
            continue
        with running_intake(keeper) as running, running.talk() as client:
            client.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.begin()
            for at in range(0, len(sent), step):
                client.send(sent[at : at + step])
            client.hear()
        assert keeper.arrivals[-1].octets == octets, reason


# --- who may come, and how much ---------------------------------------------------------------

REFUSED = [
    (["MAIL FROM:<a@b.example>"], "503", "without a greeting"),
    (["EHLO x"], "500", "LMTP has no EHLO (RFC 2033 section 4.1)"),
    (["LHLO"], "501", "nobody"),
    (["LHLO x", "RCPT TO:<dmarc@example.com>"], "503", "no sender"),
    (["LHLO x", "MAIL FROM:<a@b.example>", "MAIL FROM:<a@b.example>"], "503", "two senders"),
    (["LHLO x", "MAIL FROM:<a@b.example>", "DATA"], "503", "no recipient"),
    (["LHLO x", "MAIL FROM:a@b.example"], "501", "no brackets"),
    (["LHLO x", "MAIL TO:<a@b.example>"], "501", "the wrong word"),
    (["LHLO x", "MAIL FROM:<a b@b.example>"], "501", "a space"),
    (["LHLO x", "MAIL FROM:<a@b.example> SIZE=99999999"], "552", "too large, and says so"),
    (["LHLO x", "MAIL FROM:<a@b.example> SIZE=" + "9" * 5000], "500", "a line too long"),
    (["LHLO x", "MAIL FROM:<a@b.example> SIZE=²"], "501", "no number"),
    (["LHLO x", "MAIL FROM:<a@b.example> BODY=BINARYMIME"], "501", "not offered"),
    (["LHLO x", "MAIL FROM:<a@b.example> X=Y"], "555", "unknown"),
    (["LHLO x", "MAIL FROM:<>", "RCPT TO:<dmarc@example.com> NOTIFY=NEVER"], "555", "unknown"),
    (["LHLO x", "MAIL FROM:<>", "RCPT TO:<postmaster>"], "550", "no open relay"),
    (["LHLO x", "MAIL FROM:<>", "RCPT TO:<dmarc@example.com.evil.example>"], "550", "another"),
    (["LHLO x", "MAIL FROM:<>", 'RCPT TO:<"dmarc@example.com"@evil.example>'], "550", "quoted"),
    (["LHLO x", "STARTTLS"], "500", "no certificate"),
    (["LHLO x", "AUTH PLAIN AGEAYg=="], "500", "nobody logs in here"),
    (["VRFY dmarc@example.com"], "252", "says nothing of who is here"),
    (["EXPN list"], "500", "nor of others"),
    (["\x1b[31m"], "500", "garbage"),
    ([""], "500", "nothing"),
]


@pytest.mark.parametrize("lines, code, reason", REFUSED)
def test_what_cannot_be_is_refused_and_the_conversation_goes_on(keeper, lines, code, reason):
    with running_intake(keeper, max_octets=MIB) as running, running.talk() as client:
        client.hear()
        for line in lines:
            said = client.say(line)
        assert said[:3] == code, reason
        assert client.say("NOOP")[:3] == "250"


def test_a_source_route_is_ignored_and_names_are_compared_as_the_dns_does(keeper):
    addresses = frozenset({"dmarc@xn--bcher-kva.example"})
    with running_intake(keeper, addresses=addresses) as running, running.talk() as client:
        client.hear()
        client.say("LHLO x")
        assert client.say("MAIL FROM:<@relay.example:a@b.example> SMTPUTF8")[:3] == "250"
        assert client.say("RCPT TO:<@relay.example:DMARC@Bücher.example>")[:3] == "250"


def test_a_mail_that_is_too_large_is_refused_and_the_next_is_taken(keeper):
    with running_intake(keeper, max_octets=MIB) as running, running.talk() as client:
        client.begin("LHLO me", *list(ADDRESSES)[:2])
        client.send(b"x" * MIB + b"x\r\n.\r\n")
        assert [client.hear()[:3] for _ in range(2)] == ["552"] * 2
        client.say("MAIL FROM:<a@b.example>")
        client.say(f"RCPT TO:<{RUA}>")
        client.say("DATA")
        client.send(b"x" * (MIB - 2) + b"\r\n.\r\n")
        assert client.hear()[:3] == "550"  # no report
    assert [len(one.octets) for one in keeper.arrivals] == [MIB]


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("line", [b"x" * 65536, (b"x" * 62 + b"\r\n") * 1024])
def test_a_mail_without_an_end_is_ended_in_bounded_memory(keeper, line):
    with running_intake(keeper, max_octets=MIB) as running:
        before = peak_mib()
        with running.talk() as client:
            client.begin()
            assert client.flood(line) < 100 * 16
        assert peak_mib() - before < 30
        assert running.intake._held == 0
    assert keeper.arrivals == []


def test_a_command_without_an_end_is_ended_in_bounded_memory(keeper):
    with running_intake(keeper, timeout=0.5) as running:
        before = peak_mib()
        with running.talk() as client:
            client.hear()
            client.flood(b"N" * 65536)
        assert peak_mib() - before < 30


def test_what_is_sent_at_once_by_all_is_bounded(keeper):
    with running_intake(keeper, max_octets=MIB) as running:
        talks = [running.talk() for _ in range(12)]
        for talk in talks:
            talk.begin()
            talk.send(b"x" * (MIB - 100))
        until = time.monotonic() + 10
        while running.intake._held < 8 * MIB and time.monotonic() < until:
            time.sleep(0.01)
        answers = set()
        for talk in talks:
            talk.send(b"\r\n.\r\n")
            answers.add(talk.hear()[:3])
            talk.__exit__()
        assert answers == {"451", "550"}
        assert running.intake._held == 0


def test_a_silent_client_is_told_and_left(keeper):
    with running_intake(keeper, timeout=0.3) as running:
        for lines in ([], ["LHLO x"], ["LHLO x", "MAIL FROM:<>", f"RCPT TO:<{RUA}>", "DATA"]):
            with running.talk() as client:
                client.hear()
                for line in lines:
                    client.say(line)
                assert client.hear()[:3] == "421"
                assert client.hear() == ""
        assert not running.intake._conversations


def test_a_client_that_drips_is_left_when_its_time_is_over(keeper):
    with running_intake(keeper, timeout=5, session_seconds=0.5) as running:
        begun = time.monotonic()
        with running.talk() as client:
            client.begin()
            client.flood(b"x", pause=0.01)
        assert time.monotonic() - begun < 5
    assert keeper.arrivals == []


def test_a_client_that_does_not_listen_is_left(keeper):
    with running_intake(keeper, timeout=0.3) as running:
        with running.talk(timeout=1) as client:
            client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.flood(b"NOOP\r\n" * 1000)
        until = time.monotonic() + 12
        while running.intake._conversations and time.monotonic() < until:
            time.sleep(0.05)
        assert not running.intake._conversations


def test_thousands_of_recipients_are_too_many(keeper):
    with running_intake(keeper, max_recipients=5) as running, running.talk() as client:
        client.hear()
        client.say("LHLO x")
        client.say("MAIL FROM:<>")
        said = [client.say(f"RCPT TO:<{RUA}>")[:3] for _ in range(2000)]
    assert said == ["250"] * 5 + ["452"] * 1995


def test_who_tries_addresses_has_to_go(keeper):
    trusted = (ip_network("10.0.0.0/8"),)
    with running_intake(keeper, trusted=trusted) as running:
        running.intake.is_trusted = lambda address: False
        with running.talk() as client:
            client.hear()
            client.say("LHLO x")
            client.say("MAIL FROM:<>")
            said = []
            while (answer := client.say(f"RCPT TO:<user{len(said)}@example.com>")[:3]) == "550":
                said.append(answer)
        assert (len(said), answer) == (20, "421")


def test_who_talks_another_protocol_has_to_go(keeper):
    with running_intake(keeper) as running, running.talk() as client:
        lines = ["POST / HTTP/1.1", "Host: x", "A: b", "C: d", "E: f", "G: h", ""]
        client.send("\r\n".join([*lines, "LHLO x", "MAIL FROM:<>", "NOOP"]).encode() + b"\r\n")
        said = client.file.read().decode()
    assert said.count("500") == 4
    assert "250" not in said


def test_connections_are_limited_in_all_and_for_each_client(keeper):
    for more, most in ({"max_connections": 3}, 3), ({"connections_per_client": 2, **SMTP}, 2):
        with running_intake(keeper, **more) as running:
            running.intake.is_trusted = lambda address: False
            talks = [running.talk() for _ in range(5)]
            assert [one.hear()[:3] for one in talks] == ["220"] * most + ["421"] * (5 - most)
            talks[0].say("QUIT")
            until = time.monotonic() + 5
            while len(running.intake._conversations) >= most and time.monotonic() < until:
                time.sleep(0.01)
            talks.append(running.talk())
            assert talks[-1].hear()[:3] == "220"
            for one in talks:
                one.__exit__()


def test_mails_of_a_client_are_limited_but_not_those_of_servers_of_ours(keeper):
    for is_ours, expected in ((True, ["250"] * 5), (False, ["250"] * 3 + ["450"] * 2)):
        with running_intake(keeper, mails_per_minute=3) as running:
            running.intake.is_trusted = lambda address, is_ours=is_ours: is_ours
            with running.talk() as client:
                client.hear()
                client.say("LHLO x")
                said = []
                for _ in range(5):
                    said.append(client.say("MAIL FROM:<a@b.example>")[:3])
                    client.say("RSET")
            assert said == expected


def test_commands_that_come_before_the_answer_are_not_carried_out(keeper):
    # what a mail smuggles behind its end would be a mail of somebody else's
    with running_intake(keeper) as running, running.talk() as client:
        client.begin()
        smuggled = f"MAIL FROM:<x@evil.example>\r\nRCPT TO:<{RUA}>\r\nDATA\r\n".encode()
        client.send(wire(mail("a")) + b".\r\n" + smuggled + wire(mail("b")) + b".\r\n")
        assert client.hear()[:3] == "250"
        assert client.hear()[:3] in {"421", ""}
    assert keeper.names == ["a"]


# --- TLS --------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path):
    write_certificate(tmp_path)
    joined = tmp_path / "joined.pem"
    joined.write_bytes(
        (tmp_path / "key.pem").read_bytes() + (tmp_path / "certificate.pem").read_bytes()
    )
    return joined


def trusting(path):
    return ssl.create_default_context(cafile=str(path))


def test_tls_begins_within_the_connection_and_what_was_said_before_is_forgotten(
    keeper, certificate
):
    more = {"certificate": certificate, "require_tls": True, **SMTP}
    with running_intake(keeper, **more) as running, smtplib.SMTP() as client:
        client.connect("127.0.0.1", running.port)
        client._host = "localhost"
        client.ehlo()
        assert client.has_extn("starttls")
        assert client.mail("a@b.example")[0] == 530
        client.starttls(context=trusting(certificate))
        assert client.mail("a@b.example")[0] == 503, "the greeting was said in clear"
        client.ehlo()
        assert not client.has_extn("starttls")
        assert not client.has_extn("auth")
        assert client.docmd("STARTTLS")[0] == 503
        assert client.sendmail("a@b.example", [RUA], wire(mail("a"))) == {}
    assert keeper.names == ["a"]


def test_lmtp_may_have_tls_too(keeper, certificate):
    with running_intake(keeper, certificate=certificate) as running, running.talk() as client:
        client.hear()
        assert "STARTTLS" in client.say("LHLO x")
        assert client.say("STARTTLS")[:3] == "220"
        client.begin_tls(certificate)
        assert client.say("LHLO x")[:3] == "250"


def test_what_is_sent_in_clear_behind_starttls_is_thrown_away(keeper, certificate):
    with running_intake(keeper, certificate=certificate) as running, running.talk() as client:
        client.hear()
        client.say("LHLO x")
        client.send(b"STARTTLS\r\nLHLO injected\r\nMAIL FROM:<injected@evil.example>\r\n")
        assert client.hear()[:3] == "220"
        client.begin_tls(certificate)
        # what was injected would be answered first
        assert client.say("RCPT TO:<dmarc@example.com>")[:3] == "503"
        assert client.say("MAIL FROM:<injected@evil.example>")[:3] == "503"


def test_a_client_that_cannot_tls_harms_nobody(keeper, certificate):
    with running_intake(keeper, certificate=certificate) as running:
        for junk in (b"hello?\r\n" * 10, b"\x16\x03\x01\x00\x05junk!", b""):
            with running.talk() as client:
                client.hear()
                client.say("LHLO x")
                assert client.say("STARTTLS")[:3] == "220"
                client.send(junk)
        assert running.deliver(wire(mail("a"))) == ["250"]


def test_a_renewed_certificate_is_shown_without_a_restart(keeper, certificate, tmp_path):
    with running_intake(keeper, certificate=certificate, **SMTP) as running:
        shown = []
        for _ in range(2):
            with smtplib.SMTP("127.0.0.1", running.port) as client:
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                client.starttls(context=context)
                shown.append(client.sock.getpeercert(binary_form=True))
            write_certificate(tmp_path)
            new = (tmp_path / "key.pem").read_bytes() + (tmp_path / "certificate.pem").read_bytes()
            certificate.write_bytes(new)
    assert shown[0] != shown[1]


# --- mail servers of ours ---------------------------------------------------------------------


def test_a_server_of_ours_says_where_a_mail_came_from(keeper):
    asked = []

    def authenticate(arrival, helo):
        asked.append((arrival.ip, helo, arrival.sender))
        return "pass"

    with running_intake(keeper, authenticate) as running, running.talk() as client:
        client.hear()
        assert "XFORWARD" in client.say("LHLO x")
        for line in ("XFORWARD ADDR=IPV6:2001:db8::25 HELO=mx+2Eexample", "XFORWARD PORT=1"):
            assert client.say(line)[:3] == "250"
        client.say("MAIL FROM:<r@signed.example>")
        assert client.say("XFORWARD ADDR=192.0.2.1")[:3] == "503"
        client.say(f"RCPT TO:<{RUA}>")
        client.say("DATA")
        client.send(wire(mail("a")) + b".\r\n")
        assert client.hear()[:3] == "250"
        assert client.say("XFORWARD ADDR=nowhere")[:3] == "501"
        client.say("MAIL FROM:<r@signed.example>")
        client.say(f"RCPT TO:<{RUA}>")
        client.say("DATA")
        client.send(wire(mail("b")) + b".\r\n")
        client.hear()
    # of the second mail nothing was said
    assert asked == [
        ("2001:db8::25", "mx.example", "r@signed.example"),
        ("", "", "r@signed.example"),
    ]
    assert [one.authentication for one in keeper.arrivals] == ["pass", "pass"]


def test_nobody_else_may_say_so(keeper):
    asked = []
    authenticate = lambda arrival, helo: asked.append((arrival.ip, helo)) or ""  # noqa: E731
    with running_intake(keeper, authenticate, **SMTP) as running:
        running.intake.is_trusted = lambda address: False
        with running.talk() as client:
            client.hear()
            assert "XFORWARD" not in client.say("EHLO me.example")
            assert client.say("XFORWARD ADDR=192.0.2.1")[:3] == "550"
            client.say("MAIL FROM:<r@signed.example>")
            client.say(f"RCPT TO:<{RUA}>")
            client.say("DATA")
            client.send(wire(mail("a")) + b".\r\n")
            client.hear()
    assert asked == [("127.0.0.1", "me.example")]


def test_trust_is_for_loopback_unix_sockets_and_the_networks_named(keeper, tmp_path):
    settings = IntakeSettings(ADDRESSES, trusted=(ip_network("10.0.0.0/8"),))
    intake = Intake(settings, Committer(keeper))
    trusted = {"127.0.0.1", "::1", "", "10.1.2.3", "::ffff:10.0.0.1"}
    strangers = {"192.0.2.1", "2001:db8::1", "fe80::1%eth0"}
    assert {one for one in trusted | strangers if intake.is_trusted(one)} == trusted


# --- listening --------------------------------------------------------------------------------


def test_a_unix_socket_is_taken_over_from_the_dead_and_removed_at_the_end(keeper, tmp_path):
    path = tmp_path / "lmtp"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    listen = (Listening(str(path), 0),)
    with running_intake(keeper, listen=listen):
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(path))
        with Talk(connection) as client:
            client.begin()
            client.send(wire(mail("a")) + b".\r\n")
            assert client.hear()[:3] == "250"
        with pytest.raises(InputError, match="listens there already"):
            asyncio.run(Intake(IntakeSettings(ADDRESSES, listen), Committer(keeper)).start())
        assert path.exists()
    assert not path.exists()
    assert keeper.arrivals[0].source.startswith("lmtp://unix/")


def test_a_place_that_is_taken_is_said_and_nothing_listens(keeper):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        listen = (*LOOPBACK, Listening("127.0.0.1", port))
        intake = Intake(IntakeSettings(ADDRESSES, listen), Committer(keeper))
        with pytest.raises(InputError, match=f"cannot listen on 127.0.0.1:{port}"):
            asyncio.run(intake.start())
        assert intake.listening == []


def test_an_intake_for_nobody_is_refused(keeper):
    with pytest.raises(UsageError, match="no address"):
        Intake(IntakeSettings(frozenset()), Committer(keeper))


CERTIFICATES = [
    (lambda path: None, "cannot read the certificate", "no such file"),
    (lambda path: path.write_text("hello"), "no certificate with its key", "no PEM"),
    (lambda path: write_certificate(path.parent), "no certificate with its key", "without its key"),
]


@pytest.mark.parametrize("make, words, reason", CERTIFICATES)
def test_a_certificate_that_cannot_be_used_is_said_at_once(keeper, tmp_path, make, words, reason):
    path = tmp_path / "certificate.pem"
    make(path)
    with pytest.raises(InputError, match=words):
        Intake(IntakeSettings(ADDRESSES, certificate=path), Committer(keeper))


def test_stopping_answers_the_mail_under_way_and_tells_the_others(keeper):
    slow = threading.Event()

    class Slow:
        def keep(self, arrivals):
            slow.wait(10)
            return keeper.keep(arrivals)

    with running_intake(Slow()) as running, running.talk() as busy, running.talk() as idle:
        busy.begin()
        busy.send(wire(mail("a")) + b".\r\n")
        idle.hear()
        while not any(one.is_busy for one in running.intake._conversations):
            time.sleep(0.01)
        stopping = threading.Thread(target=running.stop)
        stopping.start()
        assert idle.hear()[:3] == "421"
        slow.set()
        assert busy.hear()[:3] == "250"
        assert busy.hear()[:3] == "421"
        stopping.join(10)
        with pytest.raises(IndexError):
            running.talk()


def test_nothing_that_clients_say_is_logged(keeper, caplog):
    caplog.set_level(logging.DEBUG)
    keeper.down = True
    with running_intake(keeper) as running, running.talk() as client:
        client.say("GARBAGE secret@victim.example")
        client.begin()
        client.send(wire(mail("a")) + b".\r\n")
        client.hear()
    assert "victim" not in caplog.text
    assert "signed.example" not in caplog.text
    assert "a mail could not be kept: the disk is full" in caplog.text or "OSError" in caplog.text
