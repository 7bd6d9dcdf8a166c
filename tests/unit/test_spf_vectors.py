"""The 203 cases of the openspf suite for RFC 7208, which nobody on this project wrote."""

import ipaddress
import json
from pathlib import Path

import pytest

from maildns import dnsdata
from maildns.ask import Outcome
from maildns.dnsdata import RRset, Txt
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols.spf.evaluate import check_host
from maildns.protocols.spf.macro import target_name

VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "spf-rfc7208.json"
ASKED_TYPES = ("A", "AAAA", "MX", "PTR", "TXT")


def world_of(zone):
    """A world that holds the scenario's zone; U+0080 to U+00FF in the file stand for octets."""
    world = World()
    for written, records in zone.items():
        owner = target_name(written)
        for rrtype, values in records.items():
            if rrtype in {"A", "AAAA", "PTR", "CNAME"}:
                world.put(RRset.of(owner, 300, [_rdata(rrtype, value) for value in values]))
            elif rrtype == "MX":
                world.put(
                    RRset.of(owner, 300, [dnsdata.Mx(p, target_name(h) or ".") for p, h in values])
                )
            elif rrtype == "TXT":
                texts = [Txt(tuple(s.encode("latin-1") for s in strings)) for strings in values]
                world.put(RRset.of(owner, 300, texts))
        failing = list(records.get("_timeout", ()))
        if records.get("_timeout_other"):
            failing = [rrtype for rrtype in ASKED_TYPES if rrtype not in records]
        for rrtype in failing:
            world.fail(owner, Outcome.UNREACHABLE, rrtype)
    return world


def _rdata(rrtype, value):
    if rrtype == "A":
        return dnsdata.A(ipaddress.IPv4Address(value))
    if rrtype == "AAAA":
        return dnsdata.AAAA(ipaddress.IPv6Address(value))
    return {"PTR": dnsdata.Ptr, "CNAME": dnsdata.Cname}[rrtype](target_name(value))


def cases():
    if not VECTORS.exists():
        return []
    scenarios = json.loads(VECTORS.read_text(encoding="utf-8"))
    return [
        pytest.param(scenario["zone"], case, id=case["id"])
        for scenario in scenarios
        for case in scenario["cases"]
    ]


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not beside the repository")
@pytest.mark.parametrize("zone, case", cases())
def test_every_published_case_ends_as_its_authors_say(zone, case):
    inquiry = check_host(ip=case["ip"], sender=case["mailfrom"], helo=case["helo"])

    verdict = run(inquiry, world_of(zone))

    assert verdict.result in case["expected"], verdict
    if case["explanation"] is not None:
        expected = "" if case["explanation"] == "DEFAULT" else case["explanation"]
        assert verdict.explanation == expected


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not beside the repository")
def test_no_case_was_lost():
    assert len(cases()) == 203
