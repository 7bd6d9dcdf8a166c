"""BIND reads zone text as we do, and accepts what we edit."""

from __future__ import annotations

import subprocess

import pytest
from programs import needed

from maildns.dnsdata import RRset
from maildns.publish.conformance import states
from maildns.publish.contract import RRsetChange
from maildns.publish.zone_file import ZoneFilePublisher
from maildns.zonefile import parse_rdata, parse_records, rrsets_of

pytestmark = pytest.mark.server

SOA = "@ SOA ns h 1 2 3 4 50\n"
NS = "  NS ns.example.net.\n"


def named_reads(path):
    """All records of the zone file as BIND has them: (owner, TTL, type, data)."""
    tool = needed("named-checkzone")
    done = subprocess.run(
        [
            tool,
            "-D",
            "-i",
            "none",
            "-k",
            "ignore",
            "-s",
            "full",
            "-o",
            "-",
            "example.com",
            str(path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    records = []
    for line in done.stdout.splitlines():
        parts = line.split(None, 4)
        if len(parts) == 5 and parts[2] == "IN":
            owner, ttl, _, rrtype, data = parts
            records.append((owner.rstrip(".").lower(), int(ttl), rrtype, parse_rdata(rrtype, data)))
    return sorted(set(records), key=str)


def we_read(path):
    sets = rrsets_of(parse_records(path.read_text(), "example.com")).values()
    records = [(s.name, s.ttl_seconds, s.rrtype, rdata) for s in sets for rdata in s.records]
    return sorted(records, key=str)


ZONES = [
    ("", SOA + NS + "a A 192.0.2.1\n", "no TTL at all: the SOA minimum"),
    ("", SOA + NS + "a 7 A 192.0.2.1\nb A 192.0.2.2\n", "the minimum stays the default after a TTL"),
    ("", "@ 9 SOA ns h 1 2 3 4 50\n" + NS + "a 7 A 192.0.2.1\nb A 192.0.2.2\n", "the last TTL goes on"),
    ("$TTL 5\n", SOA + NS + "a 7 A 192.0.2.1\nb A 192.0.2.2\n$TTL 1h1m\nc A 192.0.2.3\n", "$TTL"),
    ("$TTL 5\n", SOA + NS + "$ORIGIN sub\n@ MX 0 .\n$ORIGIN x.example.com.\na MX 5 @\n", "$ORIGIN"),
    ("$TTL 5\n", SOA + NS + 'a TXT ( "x" ; y\n "z" ) v=spf1\\ \\"q\\" "\\010\\200"\n', "strings"),
    ("$TTL 5\n", SOA + NS + "$GENERATE 8-12/2 h${-1,3,x} A 192.0.2.$\n", "$GENERATE"),
    ("$TTL 5\n", SOA + NS + "a TLSA 3 1 1 " + "0F " * 32 + "\n  TYPE52 \\# 35 030101" + "ab" * 32 + "\n", "TLSA"),
    ("$TTL 5\n", SOA + NS + "a 3 A 192.0.2.1\na 4 A 192.0.2.2\n", "the first TTL of a set"),
    ("$TTL 5\n", SOA + NS + "a CAA 0 issue ca.example\n b\\.c SRV 1 2 3 A\n".replace(" b", "b"), "others"),
]  # fmt: skip


@pytest.mark.parametrize("head, body, reason", ZONES)
def test_named_reads_the_same_records(tmp_path, head, body, reason):
    path = tmp_path / "zone"
    path.write_text(head + body)
    assert we_read(path) == named_reads(path), reason


def test_named_accepts_every_edited_state(tmp_path):
    path = tmp_path / "zone"
    path.write_text(SOA + NS + "ns 300 A 192.0.2.53 ; no default TTL\nmail2 A 192.0.2.2\n")
    publisher = ZoneFilePublisher(path, "example.com")
    for state in states("example.com"):
        contents = publisher.read(state.wanted)
        publisher.publish(
            [RRsetChange(*key, contents.get(*key), after) for key, after in state.wanted.items()]
        )
        assert we_read(path) == named_reads(path), state.title


def test_named_loads_an_owner_that_looks_like_a_directive(tmp_path):
    path = tmp_path / "zone"
    path.write_text("$TTL 5\n" + SOA + NS)
    after = RRset.of("$a.example.com", 60, [parse_rdata("A", "192.0.2.1")])
    change = RRsetChange("$a.example.com", "A", None, after)
    ZoneFilePublisher(path, "example.com").publish([change])
    assert "$a.example.com 60 IN A 192.0.2.1" in [
        " ".join(map(str, (r[0].replace("\\", ""), r[1], "IN", r[2], r[3])))
        for r in named_reads(path)
    ]
