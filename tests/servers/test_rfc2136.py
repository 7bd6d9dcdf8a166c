"""Publishing by dynamic update to a real BIND 9 and to the lab's own server."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager

import dns.flags
import dns.message
import pytest

from maildns.dnsdata import A, Cname, RRset, Txt
from maildns.errors import PublishError, StalePlan, UsageError
from maildns.lab import LabServer
from maildns.publish.conformance import walk
from maildns.publish.contract import RRsetChange
from maildns.publish.rfc2136 import Rfc2136Publisher
from maildns.zonefile import parse_rdata

pytestmark = pytest.mark.server


def rrset(name, rrtype, *texts, ttl=300):
    return RRset.of(name, ttl, [parse_rdata(rrtype, text) for text in texts])


def publisher(bind, key="mail", secret=None, **more):
    secret = bind.secrets.get(key, b"") if secret is None else secret
    return Rfc2136Publisher(
        "127.0.0.1", bind.port, key_name=key, key_secret=secret, timeout_seconds=5, **more
    )


def add(name, text='"new"', rrtype="TXT"):
    return RRsetChange(name, rrtype, None, rrset(name, rrtype, text))


def test_bind_keeps_every_promise_of_a_publisher(bind):
    walk(publisher(bind, zones=["walk.example"]), "walk.example")
    walk(publisher(bind), "walk.example")


def test_the_lab_keeps_every_promise_of_a_publisher():
    with LabServer({"walk.example": ""}, tsig_keys={"mail": b"secret"}) as lab:
        at_lab = Rfc2136Publisher("127.0.0.1", lab.port, key_name="mail", key_secret=b"secret")
        walk(at_lab, "walk.example")


def test_a_foreign_string_in_a_shared_set_survives(bind):
    there = publisher(bind)
    before = there.read([("example.com", "TXT")]).get("example.com", "TXT")
    after = rrset("example.com", "TXT", '"v=spf1 -all"', '"foreign-verification=1f"')
    there.publish([RRsetChange("example.com", "TXT", before, after)])
    assert there.read([("example.com", "TXT")]).get("example.com", "TXT") == after
    there.publish([RRsetChange("example.com", "TXT", after, before)])


def test_a_stale_change_is_refused_with_nothing_applied(bind):
    there = publisher(bind)
    there.publish([add("stale.example.com", '"theirs"')])
    expected = rrset("stale.example.com", "TXT", '"ours"')
    wanted = rrset("stale.example.com", "TXT", '"newer"')
    with pytest.raises(StalePlan) as caught:
        there.publish(
            [add("beside.example.com"), RRsetChange("stale.example.com", "TXT", expected, wanted)]
        )
    assert caught.value.conflicts == ('stale.example.com TXT: expected "ours", there is "theirs"',)
    assert there.read([("beside.example.com", "TXT")]).get("beside.example.com", "TXT") is None


def test_what_is_there_already_is_left_out_and_the_rest_is_published(bind):
    there = publisher(bind)
    there.publish([add("half.example.com")])
    there.publish([add("half.example.com"), add("otherhalf.example.com")])
    found = there.read([("otherhalf.example.com", "TXT")])
    assert found.get("otherhalf.example.com", "TXT") == rrset(
        "otherhalf.example.com", "TXT", '"new"'
    )


REFUSALS = [
    # key, secret, what the person reads, the mend
    ("mail", b"not the secret", "does not accept the signature of the key 'mail'", "secret"),
    ("nobody", b"secret", "does not know the key 'nobody'", "name and algorithm"),
    (
        "",
        b"",
        "does not let an update without a TSIG key change TXT at a.example.com",
        "give the key",
    ),
    (
        "limited",
        None,
        "does not let the key 'limited' change TXT at a.example.com",
        "update-policy",
    ),
]


@pytest.mark.parametrize("key, secret, says, mend", REFUSALS)
def test_a_refusal_says_whose_fault_it_is_and_the_mend(bind, key, secret, says, mend):
    there = publisher(bind, key, secret, zones=["example.com"])
    with pytest.raises(PublishError) as caught:
        there.publish([add("a.example.com")])
    assert says in caught.value.problem
    assert mend in caught.value.hint
    assert not caught.value.may_retry
    assert publisher(bind).read([("a.example.com", "TXT")]).get("a.example.com", "TXT") is None


def test_a_key_for_one_name_may_publish_that_name(bind):
    publisher(bind, "limited").publish([add("only.example.com")])
    assert publisher(bind).read([("only.example.com", "TXT")]).get("only.example.com", "TXT")


def test_the_key_chooses_the_view_that_is_read_and_changed(bind):
    lan, public = publisher(bind, "lan"), publisher(bind)
    key = ("mail.example.com", "A")
    assert lan.read([key]).get(*key).records == (parse_rdata("A", "10.0.0.25"),)
    assert public.read([key]).get(*key).records == (parse_rdata("A", "192.0.2.25"),)
    lan.publish([add("inside.example.com")])
    assert public.read([("inside.example.com", "TXT")]).get("inside.example.com", "TXT") is None
    assert lan.read([("inside.example.com", "TXT")]).get("inside.example.com", "TXT") is not None


def test_a_zone_that_takes_no_updates_is_named(bind):
    with pytest.raises(PublishError, match=r"static\.example") as caught:
        publisher(bind).publish([add("a.static.example")])
    assert caught.value.hint


def test_when_a_later_zone_fails_the_hint_names_what_is_published(bind):
    with pytest.raises(PublishError) as caught:
        publisher(bind).publish([add("several.example.com"), add("several.static.example")])
    assert "example.com is published already, static.example is not" in caught.value.hint


def test_a_name_in_no_zone_of_the_server_is_refused_before_anything_is_sent(bind):
    there = publisher(bind)
    assert there.zone_of("a.elsewhere.invalid") is None
    with pytest.raises(PublishError, match=r"holds no zone for a\.elsewhere\.invalid"):
        there.publish([add("a.elsewhere.invalid")])


def test_the_zone_of_a_name_is_found_also_through_an_alias_and_an_empty_name(bind):
    there = publisher(bind)
    assert there.zone_of("www.example.com") == "example.com"
    assert there.zone_of("a.b.c.walk.example") == "walk.example"
    assert there.zone_of("example.com") == "example.com"


def test_three_hundred_sets_go_in_one_message_and_come_back(bind):
    there = publisher(bind, zones=["walk.example"])
    names = [f"n{number}.many.walk.example" for number in range(300)]
    there.publish([add(name) for name in names])
    found = there.read([(name, "TXT") for name in names])
    assert not found.unknown
    assert all(found.get(name, "TXT") for name in names)
    there.publish([RRsetChange(name, "TXT", found.get(name, "TXT"), None) for name in names])
    assert there.read([(names[0], "TXT")]).get(names[0], "TXT") is None


def test_too_much_for_one_message_is_refused_whole(bind):
    there = publisher(bind, zones=["walk.example"])
    names = [f"n{number}.large.walk.example" for number in range(300)]
    big = str(Txt.of("x" * 400))
    with pytest.raises(PublishError, match="larger than one message"):
        there.publish([add(name, big) for name in names])
    assert there.read([(names[0], "TXT")]).get(names[0], "TXT") is None


def test_what_a_wildcard_lends_does_not_stand_at_the_name(bind):
    there = publisher(bind)
    lent = ("any.wild.example.com", "TXT")
    assert there.read([lent]).get(*lent) is None
    assert there.read([("*.wild.example.com", "TXT")]).get("*.wild.example.com", "TXT")
    there.publish([add("any.wild.example.com", '"lent by a wildcard"')])
    assert there.read([lent]).get(*lent) is not None


def test_an_alias_is_learned_and_data_beside_it_refused(bind):
    there = publisher(bind)
    found = there.read([("www.example.com", "TXT")])
    assert found.alias("www.example.com") == "mail.example.com"
    assert found.get("www.example.com", "TXT") is None
    with pytest.raises(StalePlan, match=r"www\.example\.com TXT: the name is an alias"):
        there.publish([add("www.example.com")])


def test_an_alias_beside_data_is_refused_not_silently_ignored(bind):
    there = publisher(bind)
    with pytest.raises(StalePlan, match=r"mail\.example\.com CNAME: other records"):
        there.publish([add("mail.example.com", "ns.example.com.", "CNAME")])


def test_an_alias_gives_way_to_data_and_comes_back_in_one_message(bind):
    there = publisher(bind)
    there.publish([add("turn.example.com", "mail.example.com.", "CNAME")])
    alias = RRset.of("turn.example.com", 300, [Cname("mail.example.com")])
    data = rrset("turn.example.com", "A", "192.0.2.1")
    there.publish(
        [
            RRsetChange("turn.example.com", "A", None, data),
            RRsetChange("turn.example.com", "CNAME", alias, None),
        ]
    )
    assert isinstance(
        there.read([("turn.example.com", "A")]).get("turn.example.com", "A").records[0], A
    )
    there.publish(
        [
            RRsetChange("turn.example.com", "CNAME", None, alias),
            RRsetChange("turn.example.com", "A", data, None),
        ]
    )
    assert there.read([("turn.example.com", "A")]).alias("turn.example.com") == "mail.example.com"


def test_a_record_wrongly_published_can_be_mended(bind):
    name = "_25._tcp.bad.example.com"
    bad, good = rrset(name, "TLSA", "3 1 1 abcd"), rrset(name, "TLSA", "3 1 1 " + "ab" * 32)
    there = publisher(bind)
    there.publish([RRsetChange(name, "TLSA", None, bad)])
    assert there.read([(name, "TLSA")]).get(name, "TLSA") == bad
    there.publish([RRsetChange(name, "TLSA", bad, good)])
    assert there.read([(name, "TLSA")]).get(name, "TLSA") == good


def test_a_delegated_name_is_unknown_not_absent(bind):
    found = publisher(bind).read([("a.child.example.com", "TXT")])
    assert (
        "has no authority over a.child.example.com" in found.unknown["a.child.example.com", "TXT"]
    )


def test_a_silent_server_may_be_tried_again_and_reading_it_is_unknown(silent):
    there = Rfc2136Publisher("127.0.0.1", silent, zones=["example.com"], timeout_seconds=0.3)
    with pytest.raises(PublishError, match="may or may not have been carried out") as caught:
        there.publish([add("a.example.com")])
    assert caught.value.may_retry
    found = there.read([("a.example.com", "TXT"), ("b.example.com", "TXT")])
    assert set(found.unknown) == {("a.example.com", "TXT"), ("b.example.com", "TXT")}


def test_a_server_that_is_not_there_was_not_told_anything(bind):
    del bind
    there = Rfc2136Publisher("127.0.0.1", 1, zones=["example.com"], timeout_seconds=1)
    with pytest.raises(PublishError, match="does not accept TCP connections") as caught:
        there.publish([add("a.example.com")])
    assert caught.value.may_retry


@contextmanager
def lossy(port, loses):
    """A way to the server at *port* on which each update is lost: its `reply` or its `request`."""
    done = threading.Event()

    def serve(listener):
        while not done.is_set():
            try:
                client, _ = listener.accept()
            except TimeoutError:
                continue
            with client, socket.create_connection(("127.0.0.1", port), 2) as server:
                client.settimeout(2)
                while (message := read(client)) is not None:
                    update = message[4] >> 3 & 0x0F == 5
                    if update and loses == "request":
                        break
                    server.sendall(message)
                    reply = read(server)
                    if update:
                        break
                    client.sendall(reply)

    def read(connection):
        octets = b""
        while len(octets) < 2 or len(octets) < 2 + struct.unpack("!H", octets[:2])[0]:
            part = connection.recv(65_537)
            if not part:
                return None
            octets += part
        return octets

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        worker = threading.Thread(target=serve, args=(listener,))
        worker.start()
        try:
            yield listener.getsockname()[1]
        finally:
            done.set()
            worker.join()


@pytest.mark.parametrize("loses", ["reply", "request"])
def test_after_a_lost_answer_the_zone_itself_says_what_became_of_the_update(loses):
    with (
        LabServer({"example.com": ""}, tsig_keys={"mail": b"secret"}) as lab,
        lossy(lab.port, loses) as port,
    ):
        there = Rfc2136Publisher(
            "127.0.0.1",
            port,
            zones=["example.com"],
            key_name="mail",
            key_secret=b"secret",
            timeout_seconds=1,
        )
        if loses == "reply":
            there.publish([add("a.example.com")])
        else:
            with pytest.raises(PublishError, match="was not carried out") as caught:
                there.publish([add("a.example.com")])
            assert caught.value.may_retry
        assert bool(lab.rrset("a.example.com", "TXT")) is (loses == "reply")


def test_an_answer_that_someone_else_signed_is_not_believed():
    with impostor() as port:
        there = Rfc2136Publisher(
            "127.0.0.1",
            port,
            zones=["example.com"],
            key_name="mail",
            key_secret=b"secret",
            timeout_seconds=1,
        )
        with pytest.raises(PublishError, match="may or may not") as caught:
            there.publish([add("a.example.com")])
        assert "not signed with the key" in caught.value.problem
        found = there.read([("a.example.com", "TXT")])
        assert "not signed with the key" in found.unknown["a.example.com", "TXT"]


@contextmanager
def impostor():
    """A server that says yes to everything, without a signature."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)

        def serve():
            while not done.is_set():
                try:
                    client, _ = listener.accept()
                except TimeoutError:
                    continue
                with client:
                    wire = client.recv(65_537)[2:]
                    reply = dns.message.make_response(dns.message.from_wire(wire, keyring=False))
                    reply.flags |= dns.flags.AA
                    client.sendall(struct.pack("!H", len(reply.to_wire())) + reply.to_wire())

        worker = threading.Thread(target=serve)
        worker.start()
        try:
            yield listener.getsockname()[1]
        finally:
            done.set()
            worker.join()


def test_the_secret_is_never_shown(bind):
    there = publisher(bind)
    shown = repr(there) + str(vars(there)) + there.label
    assert "the secret" not in shown
    assert "dGhlIHNl" not in shown


@pytest.mark.parametrize(
    "given, says",
    [
        ({"key_name": "k"}, "no secret"),
        ({"key_secret": b"s"}, "name of its key"),
        ({"key_name": "k", "key_secret": b"s", "algorithm": "hmac-md5"}, "not a TSIG algorithm"),
        ({"zones": ["a..b"]}, "zone's name"),
    ],
)
def test_nonsense_is_refused_when_the_publisher_is_made(given, says):
    with pytest.raises(UsageError, match=says):
        Rfc2136Publisher("127.0.0.1", **given)
