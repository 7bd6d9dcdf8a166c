"""What a fetched MTA-STS policy does to a mail host; the fetch itself meets live servers elsewhere."""

import pytest

from maildns.errors import RecordSyntaxError
from maildns.net.https import fetch_policy
from maildns.protocols import mtasts
from maildns.protocols.mtasts import Mode, StsPolicy

HOST = "mx.example.com"


def policy(mode=Mode.ENFORCE):
    return StsPolicy(mode, 86400, (HOST, "*.example.net"))


VERDICTS = [
    # host, what was seen of it, the fault as reported (RFC 8460 section 4.3)
    (HOST, {}, "", "listed, and its certificate not looked at"),
    (HOST, {"certificate_names": [HOST]}, "", "all is kept"),
    ("MX.Example.COM.", {"certificate_names": ["MX.example.com"]}, "", "names have no case"),
    (HOST, {"certificate_names": ["*.example.com"]}, "", "RFC 8461 section 4.2: a wildcard"),
    ("a.example.net", {"certificate_names": ["a.example.net"]}, "", "by the pattern"),
    ("a.b.example.net", {}, "validation-failure", "the pattern is one label only"),
    ("mx.example.org", {}, "validation-failure", "not listed"),
    (HOST, {"starttls": False}, "starttls-not-supported", "no TLS at all"),
    (HOST, {"distrust": "self-signed"}, "certificate-not-trusted", "nobody vouches for it"),
    (HOST, {"certificate_names": ["example.com"]}, "certificate-host-mismatch", "another name"),
    (HOST, {"certificate_names": []}, "certificate-host-mismatch", "no name"),
    (HOST, {"certificate_names": ["*.com"]}, "certificate-host-mismatch", "one label only"),
]


@pytest.mark.parametrize("host, seen, report_as, reason", VERDICTS)
def test_a_host_is_held_to_the_policy(host, seen, report_as, reason):
    found = mtasts.verdict(policy(), host, **seen)
    assert found.report_as == report_as, reason
    assert found.action == ("refuse" if report_as else "deliver")
    assert bool(found.reason) is bool(report_as)


@pytest.mark.parametrize(
    "mode, action", [(Mode.ENFORCE, "refuse"), (Mode.TESTING, "report"), (Mode.NONE, "deliver")]
)
def test_the_mode_says_what_a_fault_costs(mode, action):
    assert mtasts.verdict(policy(mode), HOST, starttls=False).action == action


def test_what_is_no_name_is_our_misuse():
    with pytest.raises(RecordSyntaxError):
        mtasts.verdict(policy(), "a..b")
    with pytest.raises(RecordSyntaxError):
        fetch_policy("a..b")
