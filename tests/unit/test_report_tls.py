"""TLS reports (RFC 8460), read: as the RFC has them, as reporters write them, and hostile ones."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest

from maildns.errors import ReportError
from maildns.reports import parse_tls
from maildns.reports.cleaning import Oddities
from maildns.reports.limits import Limits
from maildns.reports.model import TlsFailure, TlsPolicy
from maildns.reports.times import moment, spelled_out

DAY = datetime(2026, 5, 4, tzinfo=UTC)
FAILURE = {
    "result-type": "certificate-expired",
    "sending-mta-ip": "2001:db8:abcd:12::1",
    "receiving-mx-hostname": "MX1.mail.example.org.",
    "receiving-mx-helo": "mx1.example.org",
    "receiving-ip": "192.0.2.25",
    "failed-session-count": 100,
    "additional-information": "https://reports.receiver.example/id",
    "failure-reason-code": "X509_V_ERR_CERT_HAS_EXPIRED",
}
POLICY = {
    "policy-type": "sts",
    "policy-string": ["version: STSv1", "mode: testing", "mx: *.mail.example.org"],
    "policy-domain": "Example.org",
    "mx-host": ["*.mail.example.org"],
}
SUMMARY = {"total-successful-session-count": 5326, "total-failure-session-count": 303}


def report(failure=None, policy=None, summary=None, **changed):
    """A report of one policy, with some values changed; None takes one away."""
    told = {
        "organization-name": "Company-X",
        "date-range": {
            "start-datetime": "2026-05-04T00:00:00Z",
            "end-datetime": "2026-05-04T23:59:59Z",
        },
        "contact-info": "sts-reporting@company-x.example",
        "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
        "policies": [
            {
                "policy": _with(POLICY, policy),
                "summary": _with(SUMMARY, summary),
                "failure-details": [_with(FAILURE, failure)],
            }
        ],
    }
    told = _with(told, {name.replace("_", "-"): value for name, value in changed.items()})
    return json.dumps(told).encode()


def _with(told, changed):
    merged = {**told, **(changed or {})}
    return {name: value for name, value in merged.items() if value is not None}


def test_the_report_of_the_rfc_is_read():
    read = parse_tls(report())  # RFC 8460 appendix B
    assert (read.head.reporter, read.head.report_id) == (
        "Company-X",
        "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
    )
    assert (read.head.begin, read.head.end.hour) == (DAY, 23)
    assert read.head.oddities == ()
    failure = TlsFailure(
        "certificate-expired",
        100,
        "2001:db8:abcd:12::1",
        "mx1.mail.example.org",
        "mx1.example.org",
        "192.0.2.25",
        "https://reports.receiver.example/id",
        "X509_V_ERR_CERT_HAS_EXPIRED",
    )
    assert read.policies == (
        TlsPolicy(
            "sts",
            "example.org",
            ("version: STSv1", "mode: testing", "mx: *.mail.example.org"),
            ("*.mail.example.org",),
            5326,
            303,
            (failure,),
        ),
    )


@pytest.mark.parametrize(
    "octets, oddity",
    [
        (
            report(date_range={"start-datetime": "2026-05-04T00:00:00", "end-datetime": "2026-05-04T23:59:59"}),
            "a time without a zone; taken as UTC",  # Microsoft
        ),
        (report(date_range={"start-datetime": "2026-05-04T00:00:00Z"}), "end is '', which is no time"),
        (report(date_range={"start-datetime": f"{int(DAY.timestamp())}"}), "end is ''"),
        (
            report(date_range={"start-datetime": "2026-05-05T00:00:00Z", "end-datetime": "2026-05-04T00:00:00Z"}),
            "taken the other way round",
        ),
        (report(organization_name=None), "no organization-name"),
        (report(report_id=None), "no report-id"),
        (report(policies=[]), "no policies"),
        (report(policies="x"), "policies is not a list"),
        (report(policies=["x"]), "a policy that is no object"),
        (report(policy={"policy-type": "none"}), "policy-type is 'none'"),
        (report(policy={"policy-type": None}), "no policy-type"),
        (report(policy={"policy-domain": None}), "a policy without policy-domain"),
        (report(policy={"policy-string": ["a"] * 101}), "policy-string has more than 100 values"),
        (report(summary={"total-failure-session-count": "303"}), "not written as a whole number"),
        (report(summary={"total-failure-session-count": 303.0}), "not written as a whole number"),
        (report(summary={"total-failure-session-count": -3}), "is '-3'; counts for no session"),
        (report(summary={"total-failure-session-count": 10**17}), "counts for no session"),
        (report(summary={"total-failure-session-count": 10**30}), "counts for no session"),
        (report(summary={"total-failure-session-count": 1e300}), "counts for no session"),
        (report(summary={"total-failure-session-count": True}), "counts for no session"),
        (report(summary={"total-failure-session-count": [1]}), "is 'list'; counts for no session"),
        (report(summary={"total-failure-session-count": None}), "no total-failure-session-count"),
        (report(failure={"failed-session-count": "many"}), "is 'many'; counts for no session"),
        (report(failure={"result-type": None}), "a failure without result-type"),
        (report(failure={"sending-mta-ip": "mx.example"}), "sending-mta-ip is 'mx.example'"),
        (report().replace(b"Company-X", b"Company-\xff"), "octets that are no characters"),
    ],
)  # fmt: skip
def test_what_leaves_no_doubt_is_read_and_said(octets, oddity):
    read = parse_tls(octets)
    assert any(oddity in one for one in read.head.oddities), read.head.oddities
    assert read.head.begin.day == 4
    assert all(0 <= one.failed <= 303 for one in read.policies)


@pytest.mark.parametrize(
    "octets, reason",
    [
        (report(policy={"mx-host": "*.mail.example.org"}), "one host, as before erratum 6241"),
        (report(policy={"mx-host": None, "mx-host-pattern": ["*.mail.example.org"]}), "a draft's name"),
        (report(policy={"policy-string": "\n".join(POLICY["policy-string"])}), "the policy in one text"),
        (b"\xef\xbb\xbf" + report(), "a byte order mark"),
        (report().decode().encode("utf-16"), "UTF-16"),
        (report().decode().encode("utf-16-be"), "UTF-16 without its mark"),
        (b"\n\n" + report() + b"\n\0\0", "blanks and padding around it"),
        (gzip.compress(report()), "gzip"),
        (report(extension={"a": [1, 2, {"b": None}]}), "something that nobody knows"),
    ],
)  # fmt: skip
def test_whatever_dress_a_report_wears_it_says_the_same(octets, reason):
    assert parse_tls(octets) == parse_tls(report()), reason


def test_fields_that_are_empty_or_away_are_empty():
    for value in ("", None, {}, [], True):
        told = {name: value for name in FAILURE if name != "failed-session-count"}
        (policy,) = parse_tls(report(failure=told)).policies
        assert policy.failures == (TlsFailure("", 100),)


def test_a_text_is_one_short_line_whatever_is_in_it():
    told = {"failure-reason-code": "a\x1b[31m\nb\ud800" + "c" * 5000}
    (policy,) = parse_tls(report(failure=told)).policies
    code = policy.failures[0].reason_code
    assert code.startswith("a[31m bc")
    assert len(code) == 512
    assert code.isprintable()


@pytest.mark.parametrize(
    "octets, problem",
    [
        (b"{", "not well-formed JSON at line 1, column 2"),
        (report()[:-20], "not well-formed JSON"),
        (report() + b"x", "not well-formed JSON"),
        (b'{"policies"}', "not well-formed JSON"),
        (b'{"a": 1}', "it has no policies, so it is no TLS report"),
        (report(date_range=None), "its time cannot be told"),
        (report(date_range="today"), "its time cannot be told"),
        (report(date_range={"start-datetime": "9999-12-31T23:59:59Z"}), "its time cannot be told"),
        (report(date_range={"start-datetime": "0001-01-01T00:00:00+14:00"}), "its time cannot be told"),
        (b'{"policies": ' + b"[" * 100_000, "the JSON nests deeper than 24"),
        (b'{"policies": ' + b'{"a":' * 100_000, "the JSON nests deeper than 24"),
        (b'{"policies": [' + b"0," * 600_000 + b"0]}", "the JSON has more than 500000 values"),
        (report(policies=[{}] * 10_001), "it has more than 10000 policies"),
        (b'{"a": "' + b'\\"' * 9_000_000, "the report has more than 16 MB"),
    ],
)  # fmt: skip
def test_what_is_broken_or_hostile_is_refused_with_its_reason(octets, problem):
    with pytest.raises(ReportError) as caught:
        parse_tls(octets)
    assert problem in caught.value.problem


def test_failures_are_limited_over_all_policies():
    one = {"policy": POLICY, "summary": SUMMARY, "failure-details": [FAILURE] * 3}
    with pytest.raises(ReportError, match="more failures than"):
        parse_tls(report(policies=[one, one]), Limits(failures=5))


def test_brackets_within_texts_are_no_depth():
    read = parse_tls(report(organization_name='[{"' * 50))
    assert read.head.reporter.startswith('[{"[{"')


@pytest.mark.parametrize(
    "text, read",
    [
        ("2026-05-04T00:00:00Z", DAY),
        ("2026-05-04t00:00:00z", DAY),
        ("2026-05-04T02:00:00+02:00", DAY),
        ("2026-05-04T02:00:00+0200", DAY),
        ("2026-05-04 00:00:00", DAY),
        ("2026-05-04 00:00:00 UTC", DAY),
        ("2026-05-04T00:00:00.123456789Z", DAY),
        ("2026-05-04T00:00:00,5", DAY),
        ("2026-05-04T00:00", DAY),
        ("2026-05-03T23:59:60Z", DAY),  # a leap second
        ("2026-05-03T24:00:00Z", DAY),
        ("2026-05-04", DAY),
        ("Mon, 4 May 2026 00:00:00 +0000", DAY),
        ("Mon, 04 May 2026 02:00:00 +0200 (CEST)", DAY),
        ("4 May 2026 00:00 GMT", DAY),
        ("", None),
        ("yesterday", None),
        ("2026-13-04T00:00:00Z", None),
        ("2026-05-04T25:00:00Z", None),
        ("2026-05-04T00:00:00+99:99", None),
        ("9999-12-31T24:00:00Z", None),
        ("1971-01-01T00:00:00Z", None),
        ("Mon, 99 May 2026 99:99:99 +9999", None),
        ("0" * 10_000, None),
    ],
)
def test_times_are_read_as_they_are_written(text, read):
    assert spelled_out(text) == read


@pytest.mark.parametrize(
    "text, read",
    [
        ("1777852800", DAY),
        ("1777852800.75", DAY),
        ("1777852800000", DAY),
        ("2026-05-04T00:00:00", DAY),
        ("0", None),
        ("-1", None),
        ("1e999", None),
        ("nan", None),
        ("9" * 5000, None),
        ("253402300799", None),  # year 9999; in milliseconds it is of 1978
        ("１７７７８５２８００", DAY),  # full-width digits are digits to float()
    ],
)  # fmt: skip
def test_seconds_are_read_and_believed_within_reason(text, read):
    assert moment(text, Oddities()) == read
