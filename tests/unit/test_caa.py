"""CAA records: read, built, judged, and climbed to."""

from __future__ import annotations

import pytest

from maildns.ask import Outcome, Question
from maildns.dnsdata import Caa
from maildns.errors import RecordSyntaxError, UsageError
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols import caa


def rules_of(findings):
    return {finding.rule for finding in findings}


def parsed(*texts):
    return [caa.parse(text) for text in texts]


@pytest.mark.parametrize(
    "text, expected",
    [
        ('0 issue "letsencrypt.org"', Caa(0, "issue", b"letsencrypt.org")),
        ("0 issue letsencrypt.org", Caa(0, "issue", b"letsencrypt.org")),  # quotes may be left out
        ('128 issuewild ";"', Caa(128, "issuewild", b";")),
    ],
)
def test_a_record_is_read(text, expected):
    assert caa.parse(text) == expected
    assert caa.parse(str(expected)) == expected


@pytest.mark.parametrize(
    "text", ["", "0", "0 issue", '256 issue "x"', 'x issue "x"', '0 is-sue "x"', '0 issue "x']
)
def test_a_malformed_record_is_refused_at_a_place_within_it(text):
    with pytest.raises(RecordSyntaxError) as caught:
        caa.parse(text)
    start, end = caught.value.span
    assert 0 <= start <= end <= len(text)


@pytest.mark.parametrize(
    "value, expected",
    [
        ("ca.example", caa.Issuer("ca.example")),
        ("  CA.Example  ", caa.Issuer("ca.example")),
        (";", caa.Issuer("")),
        ("", caa.Issuer("")),
        ("ca.example;", caa.Issuer("ca.example")),
        ("ca.example; a = b; c=", caa.Issuer("ca.example", (("a", "b"), ("c", "")))),
        ("%%%%%", None),  # RFC 8659 section 4.2, its own example
        ("ca.example a=b", None),
        ("ca.example; a", None),
        ("ca.example; a=b c", None),
        ("https://ca.example/", None),
        ("ca.example;;", None),
    ],
)
def test_the_issuer_is_read_as_authorities_do(value, expected):
    assert caa.issuer_of(Caa(0, "issue", value.encode())) == expected


def test_records_are_built_of_issuers():
    records = caa.build(
        ["LetsEncrypt.org", "letsencrypt.org"],
        wildcard=[],
        mail=["ca.example"],
        mark=["mark.example"],
        iodef=["security@example.com", "https://r.example/"],
        account_uri="https://acme.example/acct/7",
    )
    assert [str(record) for record in records] == [
        '0 issue "letsencrypt.org; accounturi=https://acme.example/acct/7"',
        '0 issuewild ";"',
        '0 issuemail "ca.example"',
        '0 issuevmc "mark.example"',
        '0 iodef "mailto:security@example.com"',
        '0 iodef "https://r.example/"',
    ]
    assert caa.build([]) == [Caa(0, "issue", b";")]


@pytest.mark.parametrize(
    "wish", [{"iodef": ["nobody"]}, {"account_uri": "a b"}, {"account_uri": "a;b"}]
)
def test_nonsense_is_not_built(wish):
    with pytest.raises(UsageError):
        caa.build(["ca.example"], **wish)
    with pytest.raises(RecordSyntaxError):
        caa.build(["Let's Encrypt"])


LE, OTHER, NOBODY, TELL = (
    '0 issue "le.example"',
    '0 issue "other.example"',
    '0 issue ";"',
    '0 iodef "mailto:a@b"',
)


@pytest.mark.parametrize(
    "texts, how, permitted, reason",
    [
        ([], {}, True, "no records permit everyone"),
        ([LE], {}, True, "named"),
        ([OTHER], {}, False, "another is named"),
        ([OTHER, LE], {}, True, "permissions add up"),
        ([NOBODY], {}, False, "nobody"),
        ([NOBODY, LE], {}, True, "and somebody"),
        ([TELL], {}, True, "iodef alone forbids nothing"),
        (['0 issue "%%%"'], {}, False, "malformed permits nobody"),
        (['0 ISSUE "LE.example"'], {}, True, "tags and names have no case"),
        (['0 issue "le.example; validationmethods=dns-01"'], {}, True, "conditions are not judged"),
        ([LE, '128 future "x"'], {}, False, "RFC 8659 section 4.1: critical and unknown"),
        ([LE, '0 future "x"'], {}, True, "unknown, not critical"),
        ([LE, '128 issuemail ";"'], {}, True, "critical, but known"),
        ([LE], {"wildcard": True}, True, "issue decides for wildcards too"),
        ([LE, '0 issuewild ";"'], {"wildcard": True}, False, "unless there is issuewild"),
        ([OTHER, '0 issuewild "le.example"'], {"wildcard": True}, True, "which takes its place"),
        ([OTHER, '0 issuewild "le.example"'], {}, False, "and decides of nothing else"),
        (['0 issuewild ";"'], {}, True, "no issue record"),
        ([OTHER], {"tag": "issuemail"}, True, "RFC 9495: issue does not decide for mail"),
        (['0 issuemail ";"'], {"tag": "issuemail"}, False, "issuemail does"),
    ],
)
def test_permission_is_judged_as_authorities_do(texts, how, permitted, reason):
    assert caa.permits(parsed(*texts), "le.example", **how) is permitted, reason
    assert (caa.refusal(parsed(*texts), "le.example", **how) is None) is permitted


ZONE = """
example.com.       300 CAA 0 issue "le.example"
deep.example.com.      CAA 0 issue "other.example"
alias.example.com.     CNAME host.example.net.
host.example.net.      A 192.0.2.1
example.net.           CAA 0 issue "net.example"
"""


@pytest.mark.parametrize(
    "host, owner, reason",
    [
        ("example.com", "example.com", "its own"),
        ("mx.example.com", "example.com", "of the name above"),
        ("a.b.mx.example.com", "example.com", "however far"),
        ("mx.deep.example.com", "deep.example.com", "the nearest"),
        ("*.deep.example.com", "deep.example.com", "a wildcard's is the name behind it"),
        ("alias.example.com", "example.com", "the target's parents do not count"),
        ("mx.example.org", "", "none up to the root"),
    ],
)
def test_the_climb_finds_the_nearest_records(host, owner, reason):
    found = run(caa.relevant(host), World.from_zone(ZONE))
    assert found.owner == owner, reason
    assert found.result == ("found" if owner else "none")


def test_the_climb_stops_at_the_first_records_and_before_the_root():
    world = World.from_zone(ZONE)
    run(caa.relevant("mx.example.com"), world)
    run(caa.relevant("x.org"), world)
    names = ["mx.example.com", "example.com", "x.org", "org"]
    assert world.asked == [Question(name, "CAA") for name in names]


def test_what_cannot_be_known_stops_the_climb():
    world = World.from_zone(ZONE)
    world.fail("mx.example.com", Outcome.BOGUS)
    assert run(caa.relevant("mx.example.com"), world).result is caa.CaaResult.TEMPERROR


@pytest.mark.parametrize(
    "texts, expected",
    [
        ([LE, TELL], set()),
        ([LE, '0 issuewild ";"'], {"caa-nobody"}),
        ([LE, NOBODY], {"caa-nobody", "caa-nobody-with-others"}),
        ([LE, '0 contactemail "a@example.com"'], set()),
    ],
)
def test_records_of_one_name_are_judged_together(texts, expected):
    assert rules_of(caa.lint_rrset(parsed(*texts), "example.com")) == expected


def test_an_explanation_has_each_part():
    for text in (LE, NOBODY, TELL, '128 x "%"', '0 issue "%"', '0 issue "le.example; a=b"'):
        parts = caa.explain(caa.parse(text))
        assert len(parts) == 3
        assert all(meaning for _, meaning in parts)
