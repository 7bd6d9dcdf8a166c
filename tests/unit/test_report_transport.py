"""TLS reports: which record, file or certificate made the sessions fail."""

from __future__ import annotations

from datetime import timedelta

import pytest
from report_rows import DOMAIN, TODAY

from maildns.reports.model import TlsFailure
from maildns.reports.transport import _ANY, _NOT_COVERED, cause_of, standings
from maildns.reports.views import TlsDay
from maildns.rules import all_rules

HOST = "mx.example.com"
POLICY = ("version: STSv1", "mode: enforce", "mx: mx.example.com", "max_age: 86400")
ELSEWHERE = ("version: STSv1", "mode: enforce", "mx: *.other.example", "max_age: 86400")
# RFC 8460 section 4.3 and its IANA registry
RESULT_TYPES = [
    "starttls-not-supported",
    "certificate-host-mismatch",
    "certificate-expired",
    "certificate-not-trusted",
    "validation-failure",
    "tlsa-invalid",
    "dnssec-invalid",
    "dane-required",
    "sts-policy-fetch-error",
    "sts-policy-invalid",
    "sts-webpki-invalid",
]


def day(*failures, policy_type="sts", strings=POLICY, good=90, bad=0, **columns):
    bad = bad or sum(one.sessions for one in failures)
    return TlsDay(
        columns.get("domain", DOMAIN),
        columns.get("day", TODAY),
        columns.get("reporter", "r1.example"),
        policy_type,
        good,
        bad,
        strings,
        columns.get("hosts", ()),
        failures,
    )


def failure(result_type="certificate-expired", sessions=7, host=HOST, **columns):
    return TlsFailure(result_type, sessions, receiving_host=host, **columns)


def test_every_result_type_of_the_rfc_has_its_cause():
    assert set(_ANY) == set(RESULT_TYPES)


CAUSES = [
    ("certificate-expired", "sts", POLICY, "the certificate of mx.example.com", "by MTA-STS"),
    ("certificate-expired", "tlsa", (), "the certificate of mx.example.com", "by DANE"),
    ("tlsa-invalid", "tlsa", (), "_25._tcp.mx.example.com TLSA", "the record of the host"),
    ("dnssec-invalid", "tlsa", (), "DNSSEC of mx.example.com", "its zone's signatures"),
    (
        "sts-policy-fetch-error",
        "sts",
        (),
        "https://mta-sts.example.com/.well-known/mta-sts.txt",
        "the policy is the recipient domain's",
    ),
    ("sts-webpki-invalid", "sts", (), "the certificate of mta-sts.example.com", "the web server's"),
    ("certificate-host-mismatch", "sts", POLICY, "the certificate of mx.example.com", "covered"),
    (
        "certificate-host-mismatch",
        "sts",
        ELSEWHERE,
        "https://mta-sts.example.com/.well-known/mta-sts.txt",
        "the policy leaves the host out",
    ),
    (
        "certificate-host-mismatch",
        "sts",
        ("nonsense",),
        "the certificate of mx.example.com",
        "no policy",
    ),
    ("certificate-host-mismatch", "tlsa", ELSEWHERE, "the certificate of mx.example.com", "no STS"),
    ("moon-phase", "sts", POLICY, "mx.example.com", "a type that no RFC knows"),
    ("", "sts", POLICY, "mx.example.com", "no type at all"),
]


@pytest.mark.parametrize("result_type, policy_type, strings, at, reason", CAUSES)
def test_a_failure_leads_to_the_record_that_caused_it(
    result_type, policy_type, strings, at, reason
):
    cause = cause_of(result_type, day(policy_type=policy_type, strings=strings), HOST)
    assert cause.at == at, reason
    assert cause.says
    assert cause.mend
    assert "{" not in cause.at + cause.says + cause.mend


def test_braces_of_a_reporter_are_no_places_to_fill():
    cause = cause_of("certificate-expired", day(domain="{host.x}"), "{domain}")
    assert cause.at == "the certificate of {domain}"


@pytest.mark.parametrize(
    "rule", sorted({r for c in (*_ANY.values(), _NOT_COVERED) for r in c.rules})
)
def test_rules_that_are_named_exist(rule):
    assert rule in all_rules()


def test_sessions_are_folded_by_domain_host_and_type():
    days = [
        day(failure(sessions=3), failure("tlsa-invalid", 2), day=TODAY - timedelta(days=1)),
        day(failure(sessions=4), reporter="r2.example", bad=9),
        day(domain="other.example", good=5),
    ]
    mine, other = standings(days)
    assert (mine.domain, mine.successful, mine.failed, mine.unexplained) == (DOMAIN, 180, 14, 5)
    assert [(one.result_type, one.sessions) for one in mine.troubles] == [
        ("certificate-expired", 7), ("tlsa-invalid", 2),
    ]  # fmt: skip
    worst = mine.troubles[0]
    assert (worst.first, worst.last) == (TODAY - timedelta(days=1), TODAY)
    assert worst.reporters == {"r1.example", "r2.example"}
    assert mine.by_day == {TODAY - timedelta(days=1): (90, 5), TODAY: (90, 9)}
    assert (other.failed, other.troubles) == (0, [])


HOSTS = [
    (failure(host=""), ("mx9.example.com",), "mx9.example.com", "the policy names the host"),
    (failure(host=""), (), DOMAIN, "nobody does"),
    (failure(), ("mx9.example.com",), HOST, "the reporter met one"),
]


@pytest.mark.parametrize("one, hosts, host, reason", HOSTS)
def test_the_host_is_the_one_that_was_met(one, hosts, host, reason):
    (standing,) = standings([day(one, hosts=hosts)])
    assert standing.troubles[0].host == host, reason


def test_what_the_reporter_added_is_kept_once():
    (standing,) = standings([day(failure(reason_code="X509_V_ERR"), failure(information="more"))])
    assert standing.troubles[0].said == "X509_V_ERR"
