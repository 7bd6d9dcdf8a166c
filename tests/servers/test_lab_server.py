"""The lab's name server as real clients see it: dnspython, delv, and hostile ones."""

from __future__ import annotations

import random
import socket
import struct
import subprocess
import time

import dns.dnssec
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update
import pytest

from maildns.ask import Question
from maildns.dnsdata import RRset, Txt
from maildns.errors import InputError, UsageError
from maildns.lab import LabServer
from maildns.net.resolver import Resolver

pytestmark = pytest.mark.server

RECURSE = dns.flags.RD | dns.flags.AD
SECRET = b"shared with the lab alone"
LONG = " ".join(f'"{letter * 250}"' for letter in "abcdefg")
ZONE = f"""
@ 300 TXT "v=spf1 -all"
@ MX 10 mail
mail A 192.0.2.1
www CNAME mail
dangling CNAME nothing
out CNAME mail.other.example.
hop CNAME target.example.net.
*.wild TXT "w"
*.alias CNAME mail
a.b.c A 192.0.2.9
long TXT {LONG}
child NS ns.child
child NS ns.elsewhere.example.
ns.child A 192.0.2.53
"""
ZONES = {
    "example.com": ZONE,
    "example.net": "target A 192.0.2.77\n",
    "child.example.com": "@ A 192.0.2.3\n",
}


@pytest.fixture(scope="module")
def lab():
    zones = {origin: ZONES[origin] for origin in ("example.com", "example.net")}
    with LabServer(zones, tsig_keys={"mail": SECRET}) as running:
        yield running


def ask(lab, text, *, way=dns.query.udp, **how):
    owner, rrtype = text.split()
    query = dns.message.make_query(owner, rrtype, **how)
    query.flags &= ~dns.flags.RD
    return way(query, "127.0.0.1", port=lab.port, timeout=2)


def shown(section):
    return sorted(
        f"{rrset.name.to_text(omit_final_dot=True).lower()} {dns.rdatatype.to_text(rrset.rdtype)}"
        for rrset in section
    )


ANSWERS = [
    # question, rcode, (answer, authority), AA
    ("example.com TXT", "NOERROR", (["example.com TXT"], []), True),
    ("EXAMPLE.com TXT", "NOERROR", (["example.com TXT"], []), True),
    ("example.com A", "NOERROR", ([], ["example.com SOA"]), True),
    ("www.example.com A", "NOERROR", (["mail.example.com A", "www.example.com CNAME"], []), True),
    ("www.example.com CNAME", "NOERROR", (["www.example.com CNAME"], []), True),
    (
        "dangling.example.com A",
        "NXDOMAIN",
        (["dangling.example.com CNAME"], ["example.com SOA"]),
        True,
    ),
    ("out.example.com A", "NOERROR", (["out.example.com CNAME"], []), True),
    ("hop.example.com A", "NOERROR", (["hop.example.com CNAME", "target.example.net A"], []), True),
    ("x.y.wild.example.com TXT", "NOERROR", (["x.y.wild.example.com TXT"], []), True),
    ("x.wild.example.com A", "NOERROR", ([], ["example.com SOA"]), True),
    (
        "x.alias.example.com A",
        "NOERROR",
        (["mail.example.com A", "x.alias.example.com CNAME"], []),
        True,
    ),
    ("wild.example.com TXT", "NOERROR", ([], ["example.com SOA"]), True),
    ("c.example.com A", "NOERROR", ([], ["example.com SOA"]), True),
    ("x.c.example.com A", "NXDOMAIN", ([], ["example.com SOA"]), True),
    ("child.example.com A", "NOERROR", ([], ["child.example.com NS"]), False),
    ("x.child.example.com TXT", "NOERROR", ([], ["child.example.com NS"]), False),
    ("child.example.com DS", "NOERROR", ([], ["example.com SOA"]), True),
    ("example.org A", "REFUSED", ([], []), False),
    ("com NS", "REFUSED", ([], []), False),
    (". NS", "REFUSED", ([], []), False),
]


@pytest.mark.parametrize("text, rcode, sections, aa", ANSWERS, ids=[a[0] for a in ANSWERS])
def test_a_question_is_answered_as_the_standard_says(lab, text, rcode, sections, aa):
    for way in (dns.query.udp, dns.query.tcp):
        reply = ask(lab, text, way=way)
        assert dns.rcode.to_text(reply.rcode()) == rcode
        assert (shown(reply.answer), shown(reply.authority)) == sections
        assert bool(reply.flags & dns.flags.AA) is aa
        assert not reply.flags & (dns.flags.RA | dns.flags.AD)


def test_a_long_answer_is_cut_by_udp_and_whole_by_tcp(lab):
    assert ask(lab, "long.example.com TXT").flags & dns.flags.TC
    assert ask(lab, "long.example.com TXT", use_edns=0, payload=4096).flags & dns.flags.TC
    whole = ask(lab, "long.example.com TXT", way=dns.query.tcp)
    assert not whole.flags & dns.flags.TC
    assert len(whole.answer[0][0].strings) == 7


def test_an_unknown_edns_version_or_opcode_is_told_so(lab):
    assert ask(lab, "example.com TXT", use_edns=1).rcode() == dns.rcode.BADVERS
    query = dns.message.make_query("example.com", "TXT")
    query.set_opcode(dns.opcode.STATUS)
    assert dns.query.udp(query, "127.0.0.1", port=lab.port, timeout=2).rcode() == dns.rcode.NOTIMP


def test_a_zone_transfer_is_refused(lab):
    query = dns.message.make_query("example.com", "AXFR")
    assert dns.query.tcp(query, "127.0.0.1", port=lab.port, timeout=2).rcode() == dns.rcode.REFUSED


def test_several_questions_travel_on_one_connection(lab):
    with socket.create_connection(("127.0.0.1", lab.port), 2) as connection:
        for text in ("example.com", "mail.example.com"):
            wire = dns.message.make_query(text, "A").to_wire()
            framed = struct.pack("!H", len(wire)) + wire
            for octet in framed:  # a slow client is a client
                connection.sendall(bytes([octet]))
            assert len(connection.recv(4096)) > 20


def test_it_remembers_and_tells_what_it_was_asked():
    told = []
    with LabServer({"example.com": ZONE}, on_query=told.append) as lab:
        ask(lab, "Example.COM MX")
    assert lab.asked == told == [Question("example.com", "MX")]


# --- DNSSEC ---------------------------------------------------------------------------

PROVEN = [
    "example.com TXT", "example.com SOA", "example.com DNSKEY", "www.example.com A", "x.wild.example.com TXT",
    "x.wild.example.com A", "c.example.com A", "nothing.example.com A", "x.c.example.com A", "dangling.example.com A",
    "example.com CAA", "x.alias.example.com A", "long.example.com TXT", "zzz.example.com A", "child.example.com DS",
]  # fmt: skip


def delv(program, lab, anchor, root, text):
    """What delv says of *text*, with the trust anchor *anchor* and *root* as the root of trust."""
    owner, rrtype = text.split()
    command = [
        program("delv"),
        "@127.0.0.1",
        "-p",
        str(lab.port),
        "-a",
        str(anchor),
        f"+root={root}",
    ]
    done = subprocess.run(
        [*command, owner, rrtype], capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout + done.stderr


def write_anchor(lab, origin, path):
    _, _, _, tag, algorithm, digest_type, digest = lab.trust_anchor(origin).split()
    path.write_text(
        f'trust-anchors {{ "{origin.rstrip(".")}." static-ds {tag} {algorithm} {digest_type} "{digest}"; }};\n'
    )
    return path


@pytest.mark.parametrize("text", PROVEN)
def test_delv_validates_answers_and_denials(lab, program, tmp_path, text):
    anchor = write_anchor(lab, "example.com", tmp_path / "anchor")
    assert "fully validated" in delv(program, lab, anchor, "example.com", text)


def test_an_update_is_signed_anew(program, tmp_path):
    with LabServer({"example.com": ZONE}, tsig_keys={"mail": SECRET}) as lab:
        anchor = write_anchor(lab, "example.com", tmp_path / "anchor")
        assert "fully validated" in delv(program, lab, anchor, "example.com", "new.example.com TXT")
        tell(lab, lambda update: update.add("new.example.com.", 60, "TXT", '"new"'))
        said = delv(program, lab, anchor, "example.com", "new.example.com TXT")
    assert "fully validated" in said
    assert '"new"' in said


def test_a_parent_and_its_child_here_make_one_chain_of_trust(program, tmp_path):
    with LabServer(ZONES) as lab:
        anchor = write_anchor(lab, "example.com", tmp_path / "anchor")
        said = delv(program, lab, anchor, "example.com", "child.example.com A")
    assert "fully validated" in said


def test_a_root_of_its_own_is_a_small_internet(program, tmp_path):
    zones = {".": "", "example.com": ZONE, "example.net": ZONES["example.net"]}
    with LabServer(zones) as lab:
        anchor = write_anchor(lab, ".", tmp_path / "anchor")
        for text in ("www.example.com A", "hop.example.com A", "nothing.org A", "com TXT", ". SOA"):
            assert "fully validated" in delv(program, lab, anchor, ".", text), text
        lab.replace_zone("example.org", "@ TXT later")
        assert "fully validated" in delv(program, lab, anchor, ".", "example.org TXT")
        answers = Resolver(servers=[lab.server]).answer(
            [Question("nothing.org", "A"), Question("out.example.com", "A")]
        )
    assert [(str(answer.outcome), str(answer.dnssec)) for answer in answers] == [
        ("no name", "secure"),
        ("no name", "secure"),
    ]


def test_a_client_that_wants_recursion_sees_a_validating_resolver(lab):
    query = dns.message.make_query("www.example.com", "A", flags=RECURSE)
    reply = dns.query.udp(query, "127.0.0.1", port=lab.port, timeout=2)
    assert reply.flags & dns.flags.RA
    assert reply.flags & dns.flags.AD
    assert not [rrset for rrset in reply.answer if rrset.rdtype == dns.rdatatype.RRSIG]
    outside = dns.message.make_query("out.example.com", "A", flags=RECURSE)
    assert not dns.query.udp(outside, "127.0.0.1", port=lab.port, timeout=2).flags & dns.flags.AD


# --- updates --------------------------------------------------------------------------


def key(name="mail", secret=SECRET, algorithm="hmac-sha256"):
    return {dns.name.from_text(name): dns.tsig.Key(name, secret, algorithm)}


def tell(lab, fill, *, keyring=None, zone="example.com", way=dns.query.tcp):
    update = dns.update.UpdateMessage(zone, keyring=key() if keyring is None else keyring or None)
    fill(update)
    return dns.rcode.to_text(way(update, "127.0.0.1", port=lab.port, timeout=2).rcode())


@pytest.fixture
def fresh():
    with LabServer({"example.com": ZONE}, tsig_keys={"mail": SECRET}, signed=False) as running:
        yield running


PREREQUISITES = [
    # what is demanded, rcode (RFC 2136 section 2.4)
    (lambda u: u.present("mail.example.com."), "NOERROR"),
    (lambda u: u.present("nothing.example.com."), "NXDOMAIN"),
    (lambda u: u.present("x.wild.example.com."), "NXDOMAIN"),
    (lambda u: u.present("mail.example.com.", "A"), "NOERROR"),
    (lambda u: u.present("mail.example.com.", "TXT"), "NXRRSET"),
    (lambda u: u.present("mail.example.com.", "A", "192.0.2.1"), "NOERROR"),
    (lambda u: u.present("mail.example.com.", "A", "192.0.2.2"), "NXRRSET"),
    (lambda u: u.present("mail.example.com.", "A", "192.0.2.1", "192.0.2.2"), "NXRRSET"),
    (lambda u: u.absent("nothing.example.com."), "NOERROR"),
    (lambda u: u.absent("mail.example.com."), "YXDOMAIN"),
    (lambda u: u.absent("mail.example.com.", "TXT"), "NOERROR"),
    (lambda u: u.absent("mail.example.com.", "A"), "YXRRSET"),
    (lambda u: u.present("mail.example.net.", "A"), "NOTZONE"),
]


@pytest.mark.parametrize("demand, rcode", PREREQUISITES)
def test_an_update_is_carried_out_whole_or_not_at_all(fresh, demand, rcode):
    def fill(update):
        demand(update)
        update.add("new.example.com.", 60, "TXT", '"new"')

    before = fresh.zone_text("example.com")
    assert tell(fresh, fill) == rcode
    changed = fresh.zone_text("example.com") != before
    assert changed is (fresh.rrset("new.example.com", "TXT") is not None) is (rcode == "NOERROR")


def test_a_condition_with_a_ttl_is_malformed(fresh):
    def fill(update):
        update.present("mail.example.com.", dns.rdataset.from_text("IN", "A", 300, "192.0.2.1"))

    assert tell(fresh, fill) == "FORMERR"


CHANGES = [
    # change, name and type afterwards, its data, why
    (lambda u: u.add("mail.example.com.", 60, "A", "192.0.2.2"), "mail A", "192.0.2.1 192.0.2.2", "added"),
    (lambda u: u.replace("mail.example.com.", 60, "A", "192.0.2.2"), "mail A", "192.0.2.2", "replaced"),
    (lambda u: u.delete("mail.example.com.", "A", "192.0.2.1"), "mail A", "", "the last record"),
    (lambda u: u.delete("mail.example.com.", "A", "192.0.2.9"), "mail A", "192.0.2.1", "was never there"),
    (lambda u: u.delete("mail.example.com."), "mail A", "", "the whole name"),
    (lambda u: u.delete("example.com."), "@ NS", "ns.example.com.", "the apex keeps its NS"),
    (lambda u: u.delete("example.com."), "@ TXT", "", "and nothing else"),
    (lambda u: u.delete("example.com.", "NS", "ns.example.com."), "@ NS", "ns.example.com.", "the last NS stays"),
    (lambda u: u.add("www.example.com.", 60, "A", "192.0.2.2"), "www A", "", "ignored beside an alias"),
    (lambda u: u.add("mail.example.com.", 60, "CNAME", "www"), "mail CNAME", "", "an alias beside data, ignored"),
    (lambda u: u.add("www.example.com.", 60, "CNAME", "x.example.com."), "www CNAME", "x.example.com.", "one alias"),
]  # fmt: skip


@pytest.mark.parametrize("change, place, data, why", CHANGES, ids=[row[-1] for row in CHANGES])
def test_a_change_does_what_the_standard_says(fresh, change, place, data, why):
    owner, rrtype = place.replace("@", "example.com").split()
    owner = owner if owner == "example.com" else f"{owner}.example.com"
    assert tell(fresh, change) == "NOERROR"
    found = fresh.rrset(owner, rrtype)
    assert " ".join(str(record) for record in (found.records if found else ())) == data, why


def test_each_change_has_its_own_serial_and_none_has_none(fresh):
    def serial():
        return fresh.rrset("example.com", "SOA").records[0].serial

    first = serial()
    tell(fresh, lambda u: u.add("a.example.com.", 60, "A", "192.0.2.2"))
    assert serial() == first + 1
    tell(fresh, lambda u: u.add("a.example.com.", 60, "A", "192.0.2.2"))
    assert serial() == first + 1


def test_an_update_that_nobody_may_make_changes_nothing(fresh):
    def change(update):
        update.add("new.example.com.", 60, "A", "192.0.2.2")

    assert tell(fresh, change, keyring={}) == "REFUSED"
    with pytest.raises(dns.tsig.PeerBadSignature):
        tell(fresh, change, keyring=key(secret=b"wrong"))
    with pytest.raises(dns.tsig.PeerBadKey):
        tell(fresh, change, keyring=key("other"))
    with pytest.raises(dns.tsig.PeerBadKey):
        tell(fresh, change, keyring=key(algorithm="hmac-sha512"))
    update = dns.update.UpdateMessage("example.com", keyring=key())
    change(update)
    wire = _signed_long_ago(update)
    with socket.create_connection(("127.0.0.1", fresh.port), 2) as connection:
        connection.sendall(struct.pack("!H", len(wire)) + wire)
        reply = dns.message.from_wire(connection.recv(4096)[2:], keyring=False)
    assert (reply.rcode(), reply.tsig_error) == (dns.rcode.NOTAUTH, dns.rcode.BADTIME)
    assert tell(fresh, change, zone="example.org") == "NOTAUTH"
    assert fresh.rrset("new.example.com", "A") is None


def _signed_long_ago(update):
    update.to_wire()  # makes the TSIG record, with today's time
    plain = dns.update.UpdateMessage("example.com", id=update.id)
    plain.update = update.update
    (secret,) = key().values()
    rdata, _ = dns.tsig.sign(plain.to_wire(), secret, update.tsig[0], int(time.time()) - 3600)
    plain.tsig = dns.rrset.from_rdata(secret.name, 0, rdata)
    return plain.to_wire()


def test_open_updates_are_taken_from_anyone_when_that_was_asked_for():
    with LabServer({"example.com": ""}, open_updates=True) as lab:
        assert (
            tell(lab, lambda u: u.add("a.example.com.", 60, "A", "192.0.2.2"), keyring={})
            == "NOERROR"
        )


# --- its life -------------------------------------------------------------------------


def test_a_second_run_goes_on_where_the_first_stopped(tmp_path):
    folder = tmp_path / "zones"
    with LabServer({"example.com": ZONE}, tsig_keys={"mail": SECRET}, folder=folder) as lab:
        tell(lab, lambda u: u.add("new.example.com.", 60, "TXT", r'"a \"quoted\" \\ \200"'))
        first, anchor = lab.zone_text("example.com"), lab.trust_anchor("example.com")
    with LabServer({"example.com": "@ TXT other\n"}, folder=folder) as lab:
        assert lab.zone_text("example.com") == first
        assert lab.trust_anchor("example.com") == anchor
    with LabServer({}, folder=folder) as lab:
        assert lab.origins == ["example.com"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "example.com.key.pem",
        "example.com.zone",
    ]
    assert (folder / "example.com.key.pem").stat().st_mode & 0o777 == 0o600


def test_an_update_that_cannot_be_kept_is_not_made(tmp_path):
    folder = tmp_path / "zones"
    with LabServer(
        {"example.com": ZONE}, tsig_keys={"mail": SECRET}, folder=folder, signed=False
    ) as lab:
        (folder / "example.com.zone").unlink()
        folder.rmdir()
        folder.touch()  # a file where the folder was: nothing can be put there
        assert tell(lab, lambda u: u.add("new.example.com.", 60, "A", "192.0.2.2")) == "SERVFAIL"
        assert lab.rrset("new.example.com", "A") is None


def test_hostile_packets_never_stop_it(lab):
    chance = random.Random(2136)
    good = dns.message.make_query("example.com", "TXT", want_dnssec=True).to_wire()
    update = dns.update.UpdateMessage("example.com", keyring=key(secret=b"wrong"))
    update.present("mail.example.com.", "A", "192.0.2.1")
    update.add("hostile.example.com.", 60, "TXT", '"x"')
    signed = update.to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", lab.port))
        for wire in (good, signed):
            for _ in range(600):
                octets = bytearray(wire)
                for _ in range(chance.randint(1, 4)):
                    octets[chance.randrange(len(octets))] = chance.randrange(256)
                client.send(
                    bytes(
                        octets[: chance.randint(0, len(octets))]
                        if chance.random() < 0.3
                        else octets
                    )
                )
    for octets in (
        b"",
        b"\x00",
        b"\xff\xff",
        struct.pack("!H", 65535),
        b"\x00\x05abc",
        b"\x00\x00" * 50,
    ):
        with socket.create_connection(("127.0.0.1", lab.port), 2) as connection:
            connection.sendall(octets)
    assert ask(lab, "example.com TXT", way=dns.query.tcp).answer
    asking = Resolver(servers=[lab.server], tries=5)  # its datagram may be lost in the flood
    assert asking.answer([Question("example.com", "TXT")])[0].found
    assert lab.rrset("hostile.example.com", "TXT") is None


def test_ports_are_free_again_when_it_stops():
    with LabServer({"example.com": ""}) as lab:
        port = lab.port
    with LabServer({"example.com": ""}, port=port) as lab:
        assert lab.port == port
        with pytest.raises(UsageError, match=f"port {port}"), LabServer({}, port=port):
            pass


def test_it_can_be_started_again():
    lab = LabServer({"example.com": ZONE})
    for _ in range(2):
        with lab:
            assert ask(lab, "example.com TXT").answer


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1", "::", "localhost", ""])
def test_only_loopback_is_bound_unless_forced(address):
    with pytest.raises(UsageError, match="loopback"):
        LabServer({}, address=address)


def test_ipv6_loopback_is_loopback():
    if not _has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    with LabServer({"example.com": ZONE}, address="::1") as lab:
        assert lab.server == f"[::1]:{lab.port}"
        query = dns.message.make_query("example.com", "TXT")
        assert dns.query.udp(query, "::1", port=lab.port, timeout=2).answer


def _has_ipv6():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
        return True


BAD_ZONES = [
    ("@ A 999.0.0.1\n", "999"),
    ("other.example. A 192.0.2.1\n", "does not lie in the zone"),
    ("a CNAME b\na A 192.0.2.1\n", "CNAME and other records"),
]


@pytest.mark.parametrize("text, says", BAD_ZONES)
def test_a_zone_that_cannot_be_served_is_told_at_once(text, says):
    with pytest.raises(InputError, match=says):
        LabServer({"example.com": text})


def test_a_zone_can_be_given_as_records_and_replaced_while_it_runs():
    rrset = RRset.of("example.com", 60, [Txt.of("one")])
    with LabServer({"example.com": [rrset]}) as lab:
        assert lab.rrset("example.com", "TXT") == rrset
        lab.replace_zone("example.com", "@ TXT two\n")
        assert str(ask(lab, "example.com TXT").answer[0][0]) == '"two"'
        lab.replace_zone("example.org", "@ TXT three\n")
        assert lab.origins == ["example.com", "example.org"]
