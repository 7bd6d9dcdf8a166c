"""What docs/reference/results.md says of pyspf and dkimpy is what they return."""

from __future__ import annotations

import dkim as dkimpy
import pytest
import spf as pyspf
from signed_mail import MESSAGE, key, sign, zone

from maildns import Outcome, Question, World, dkim, run, spf
from maildns.protocols.dkim import to_pem

ZONE = """
pass.example.      TXT "v=spf1 ip4:192.0.2.1 -all"
fail.example.      TXT "v=spf1 -all"
softfail.example.  TXT "v=spf1 ~all"
neutral.example.   TXT "v=spf1 ?all"
permerror.example. TXT "v=spf1 ip4:nonsense -all"
none.example.      A 192.0.2.1
"""

SPF = [
    ("pass", 250),
    ("fail", 550),
    ("softfail", 250),
    ("neutral", 250),
    ("none", 250),
    ("permerror", 550),
    ("temperror", 451),
]


def world_of_spf():
    world = World.from_zone(ZONE)
    world.fail("temperror.example", Outcome.UNREACHABLE)
    return world


class Query(pyspf.query):
    """pyspf, which asks a pretended world."""

    def dns(self, name, qtype, *_arguments, **_options):
        (answer,) = world_of_spf().answer([Question(name.rstrip("."), qtype)])
        if answer.failed:
            raise pyspf.TempError("DNS")
        if qtype == "TXT":
            return [record.strings for record in answer.records]
        return [str(record) for record in answer.records]


@pytest.mark.parametrize("result, code", SPF)
def test_pyspf_calls_the_results_by_the_same_words(result, code):
    asked = {"i": "192.0.2.1", "s": f"a@{result}.example", "h": "mx.example"}
    assert Query(**asked, querytime=0).check()[:2] == (result, code)
    verdict = run(spf.check_host(ip=asked["i"], sender=asked["s"], helo=asked["h"]), world_of_spf())
    assert verdict.result == result


def answers_of(world):
    def ask(name, timeout=5):
        (answer,) = world.answer([Question(name.decode().rstrip("."), "TXT")])
        if answer.failed:
            raise dkimpy.DnsTimeoutError("no answer")
        return answer.records[0].text.encode() if answer.found else None

    return ask


def revoked():
    return World.from_zone('test._domainkey.signed.example. TXT "v=DKIM1; p="')


def silent():
    world = World()
    world.fail("test._domainkey.signed.example", Outcome.UNREACHABLE)
    return world


def good():
    return World.from_zone(zone())


def expired():
    validity = {"timestamp": 1_600_000_000, "expires": 1_600_000_100}
    return dkim.sign(MESSAGE, key(), domain="signed.example", selector="test", **validity) + MESSAGE


def signed_with(private, algorithm=b"rsa-sha256"):
    field = dkimpy.sign(
        MESSAGE,
        b"test",
        b"signed.example",
        to_pem(private),
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=[b"from"],
        signature_algorithm=algorithm,
    )
    return field + MESSAGE


DKIM = [
    # message, world, dkimpy, ours
    (lambda: sign(MESSAGE), good, True, ["pass"]),
    (lambda: MESSAGE, good, False, []),
    (lambda: sign(MESSAGE) + b"x", good, False, ["fail"]),
    (lambda: b"DKIM-Signature: v=2\r\n" + MESSAGE, good, False, ["permerror"]),
    (lambda: sign(MESSAGE), World, False, ["permerror"]),  # no key
    (lambda: sign(MESSAGE), revoked, False, ["permerror"]),
    (lambda: sign(MESSAGE), silent, False, ["temperror"]),
    (expired, good, False, ["permerror"]),
    (lambda: signed_with(key(), b"rsa-sha1"), good, True, ["policy"]),
    # dkimpy looks at the topmost one alone
    (lambda: b"DKIM-Signature: v=2\r\n" + sign(MESSAGE), good, False, ["permerror", "pass"]),
]


@pytest.mark.parametrize("message, world, theirs, ours", DKIM, ids=range(len(DKIM)))
def test_dkimpy_says_yes_or_no_where_we_say_why(message, world, theirs, ours):
    octets = message()
    assert dkimpy.verify(octets, dnsfunc=answers_of(world())) is theirs
    verdicts = run(dkim.verify(octets, now=1_800_000_000), world())
    assert [verdict.result for verdict in verdicts] == ours
