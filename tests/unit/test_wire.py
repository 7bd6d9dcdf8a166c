"""The compact codec against dnspython: what it writes and what it reads, and what it leaves alone."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rrset
import pytest

from maildns.net import wire
from maildns.net.convert import records_from_dns, rrset_from_dns

NAME = "a.mail.example.com"


def section(name=NAME, rdtype=1):
    return wire.question_to_wire(name, rdtype)


def reply(*lines, rdtype="A", name=NAME, **sections):
    """The octets of a reply; each line is one of a zone file."""
    response = dns.message.make_response(dns.message.make_query(name, rdtype, use_edns=0))
    for where, texts in {"answer": lines, **sections}.items():
        for text in texts:
            owner, ttl, data = text.split(None, 2)
            rdclass, kind, data = ("IN", *data.split(None, 1))
            getattr(response, where).append(
                dns.rrset.from_text(owner, int(ttl), rdclass, kind, data)
            )
    return response.to_wire()


@pytest.mark.parametrize(
    "flags, dnssec_ok", [(0, True), (wire.RECURSION_WANTED | wire.AUTHENTIC, False)]
)
@pytest.mark.parametrize("name", ["example.com", "_25._tcp.mail.example.com", "*.x", "x"])
def test_dnspython_reads_the_queries_that_are_written(name, flags, dnssec_ok):
    head, tail = wire.query_ends(flags, dnssec_ok=dnssec_ok)
    query = dns.message.from_wire(b"\x12\x34" + head + section(name, 15) + tail)
    assert query.id == 0x1234
    assert str(query.question[0]) == f"{name}. IN MX"
    assert (int(query.flags), query.edns, query.payload) == (flags, 0, 1232)
    assert bool(query.ednsflags & dns.flags.DO) == dnssec_ok


@pytest.mark.parametrize(
    "name, why",
    [
        (".", "the root"),
        ("", "nothing"),
        ("A.example", "a capital"),
        ("a\\.b.example", "an escape"),
        ("a..example", "an empty label"),
        (".example", "an empty label in front"),
        ("a.example.", "a final dot"),
        ("x" * 64, "a label too long"),
        (f"{'x' * 64}.example", "a first label too long"),
        (".".join(["x" * 60] * 5), "a name too long"),
        ("bücher.example", "a letter that is none of ASCII"),
    ],
)
def test_a_name_that_is_not_plain_is_left_to_others(name, why):
    assert section(name) is None, why


RECORDS = [
    "a.mail.example.com. 300 A 192.0.2.1",
    "a.mail.example.com. 300 AAAA 2001:db8::1",
    "a.mail.example.com. 300 MX 10 MX.example.com.",
    "a.mail.example.com. 300 MX 0 .",
    'a.mail.example.com. 300 TXT "v=spf1 -all" "" "more"',
    "a.mail.example.com. 300 CNAME b.mail.example.com.",
    "a.mail.example.com. 300 PTR example.com.",
    "a.mail.example.com. 300 NS ns.other.",
    "a.mail.example.com. 300 SOA ns.example.com. host.example.com. 1 2 3 4 4294967295",
    "a.mail.example.com. 300 SRV 1 2 65535 imap.example.com.",
    "a.mail.example.com. 300 TLSA 3 1 1 " + "ab" * 32,
    "a.mail.example.com. 300 TLSA 3 1 1 ab",
    'a.mail.example.com. 300 CAA 128 issue "ca.example; x=1"',
    'a.mail.example.com. 300 CAA 0 iodef ""',
    "a.mail.example.com. 300 DS 1 13 2 " + "cd" * 32,
    "a.mail.example.com. 300 DNSKEY 257 3 13 " + "AAAA" * 16,
    "a.mail.example.com. 300 RP a.example. b.example.",
    "a.mail.example.com. 300 TYPE65280 \\# 3 010203",
]


@pytest.mark.parametrize("line", RECORDS, ids=lambda line: line.split(None, 2)[2][:30])
def test_a_record_is_read_as_dnspython_reads_it(line):
    octets = reply(line)
    message = wire.parse(octets, NAME, section())
    (record,) = message.answer
    expected = dns.message.from_wire(octets).answer[0]
    assert record[:3] == (NAME, int(expected.rdtype), 300)
    assert wire.rdata(message, record) == records_from_dns(expected)[0]


def test_the_other_sections_are_read_as_dnspython_reads_them():
    octets = reply(
        authority=[
            "example.com. 300 NS ns.example.com.",
            "example.com. 300 NS ns2.example.com.",
            "example.com. 200 RRSIG NS 13 2 300 20300101000000 20200101000000 1 example.com. AAAA",
            "example.com. 200 RRSIG DS 13 2 300 20300101000000 20200101000000 1 example.com. AAAA",
        ],
        additional=["ns.example.com. 60 A 192.0.2.1", "ns.example.com. 60 AAAA 2001:db8::1"],
    )
    message = wire.parse(octets, NAME, section())
    expected = dns.message.from_wire(octets)
    for ours, theirs in (
        (message.authority, expected.authority),
        (message.additional, expected.additional),
    ):
        owned = [rrset_from_dns(str(one.name).rstrip("."), one) for one in theirs]
        assert list(wire.rrsets(message, ours)) == owned


def test_a_ttl_with_the_top_bit_set_counts_as_zero():
    octets = reply("a.mail.example.com. 300 A 192.0.2.1").replace(
        (300).to_bytes(4, "big"), b"\xff\xff\xff\xff"
    )
    (record,) = wire.parse(octets, NAME, section()).answer
    assert record[2] == 0


# --- hostile octets -------------------------------------------------------------------

START = b"\x00\x01\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + (section() or b"")
AT = len(START)  # where the first record begins
FIXED = b"\x00\x01\x00\x01\x00\x00\x01\x2c"  # type A, class IN, TTL 300


def pointer(to):
    return (0xC000 | to).to_bytes(2, "big")


HOSTILE = [
    (START, "the record is missing"),
    (START + pointer(12), "half a record"),
    (START + pointer(12) + FIXED + b"\x00\x04\xc0\x00", "data that ends too early"),
    (START + pointer(12) + FIXED + b"\x00\x04\xc0\x00\x02\x01!", "more than was announced"),
    (START + pointer(AT) + FIXED + b"\x00\x04\xc0\x00\x02\x01", "a pointer to itself"),
    (START + pointer(AT + 4) + FIXED + b"\x00\x04\xc0\x00\x02\x01", "a pointer forwards"),
    (START + b"\x01x" + pointer(AT) + FIXED + b"\x00\x04\xc0\x00\x02\x01", "a name in a circle"),
    (START + pointer(2) + FIXED + b"\x00\x04\xc0\x00\x02\x01", "a pointer into the header"),
    (START + b"\x40x\x00" + FIXED + b"\x00\x04\xc0\x00\x02\x01", "a label type that is none"),
    (START + b"\x3f" + b"x" * 10, "a label beyond the end"),
    (START + (b"\x3f" + b"x" * 63) * 5 + b"\0" + FIXED + b"\x00\x04\xc0\x00\x02\x01", "a name too long"),
    (START + b"\x03a.b\x00" + FIXED + b"\x00\x04\xc0\x00\x02\x01", "a dot within a label"),
    (START + b"\x01\x1b\x00" + FIXED + b"\x00\x04\xc0\x00\x02\x01", "a control character"),
    (START[:6] + b"\xff\xff" + START[8:], "65,535 records announced"),
    (START + pointer(12) + b"\x00\x01\x00\x03" + FIXED[4:] + b"\x00\x04\xc0\x00\x02\x01", "class CH"),
    (START[:2] + b"\xa8" + START[3:] + pointer(12) + FIXED + b"\x00\x04\xc0\x00\x02\x01", "an update"),
    (b"", "nothing"),
    (START[:11], "half a header"),
]  # fmt: skip


@pytest.mark.parametrize("octets, why", HOSTILE, ids=[why for _, why in HOSTILE])
def test_what_makes_no_sense_is_left_alone(octets, why):
    assert wire.parse(octets, NAME, section()) is None, why


BAD_DATA = [
    (1, b"\xc0\x00\x02", "an address of three octets"),
    (28, b"\xc0\x00\x02\x01", "an IPv6 address of four"),
    (15, b"\x00", "half a preference"),
    (15, b"\x00\x0a\x01x", "a host without an end"),
    (15, b"\x00\x0a\x01x\x00!", "more behind the host"),
    (15, b"\x00\x0a" + pointer(AT + 14), "a host that points to itself"),
    (16, b"", "no string"),
    (16, b"\x05abc", "a string beyond the end"),
    (6, b"\x00\x00" + b"\x00" * 19, "an SOA that is too short"),
    (33, b"\x00\x01\x00\x02", "half an SRV"),
    (52, b"\x03\x01", "half a TLSA"),
    (257, b"\x00\x05is", "a tag beyond the end"),
    (257, b"\x00\x02a-x", "a tag that is no word"),
    (48, b"\x01", "half a DNSKEY"),
]


@pytest.mark.parametrize("rdtype, data, why", BAD_DATA, ids=[why for *_, why in BAD_DATA])
def test_data_that_makes_no_sense_is_no_record(rdtype, data, why):
    fixed = rdtype.to_bytes(2, "big") + FIXED[2:]
    octets = START + pointer(12) + fixed + len(data).to_bytes(2, "big") + data
    message = wire.parse(octets, NAME, section())
    assert wire.rdata(message, message.answer[0]) is None, why
    assert wire.rrsets(message, message.answer) == ()


def test_a_reply_is_known_by_its_question():
    right = reply("a.mail.example.com. 300 A 192.0.2.1")
    assert wire.is_reply(right, section())
    assert wire.is_reply(right.replace(b"mail", b"mAiL", 1), section())
    for wrong, why in (
        (reply(name="b.mail.example.com"), "another name"),
        (reply(rdtype="MX"), "another type"),
        (right[:2] + b"\x01" + right[3:], "a query"),
        (right[:20], "half of one"),
        (right[:4] + b"\x00\x00" + right[6:], "without a question, and no failure"),
    ):
        assert not wire.is_reply(wrong, section()), why
    bare = right[:3] + b"\x05\x00\x00" + right[6:12]
    assert wire.is_reply(bare, section()), "REFUSED by one that did not read the question"
