"""What the audit says of MTA-STS and TLS-RPT records, and of BIMI: each rule broken alone, and kept."""

import pytest
from audited import GOOD, PARKED, audited, changed, complaints, fix_of, kept, unknown

from maildns.ask import Outcome
from maildns.net.world import World

STS = "_mta-sts TXT"
RPT = "_smtp._tls TXT"
BIMI = "default._bimi"
PICTURE = "l=https://example.com/logo.svg; a=https://example.com/mark.pem;"

FAULTS = [
    # MTA-STS
    (((STS, "mta-sts A"), ""), {"mtasts-record": "note"}, "no record"),
    (((STS,), ""), {"mtasts-host-without-record": "note"}, "a web server for it, though"),
    (
        ((STS, "mta-sts A"), "mta-sts A 203.0.113.80"),
        {"mtasts-record": "note"},
        "just the web server",
    ),
    (
        ((STS, "mta-sts A"), "* CNAME example.com."),
        {"mtasts-record": "note"},
        "a wildcard is no host",
    ),
    ((("mta-sts A",), ""), {"mtasts-policy-host-without-address": "bad"}, "nothing to fetch from"),
    (((), '_mta-sts TXT "v=STSv1; id=2;"'), {"zone-several-mtasts": "bad"}, "two records"),
    (((STS,), '_mta-sts TXT "v=STSv1; id=2026-06;"'), {"mtasts-syntax": "bad"}, "a malformed id"),
    (
        ((STS,), '_mta-sts TXT "v=STSV1; id=2026;"'),
        {"mtasts-syntax": "bad"},
        "passed over by senders",
    ),
    (((STS,), '_mta-sts TXT "v=STSv1; id=2; a=b;"'), {"mtasts-unknown-field": "note"}, "lint"),
    (((), '_mta-sts TXT "hello"'), {"zone-unrelated-text": "note"}, "beside it"),
    (((STS,), '@ TXT "v=STSv1; id=2;"'), {"zone-wrong-place": "bad"}, "at the domain itself"),
    # TLS-RPT
    (((RPT, STS, "mta-sts A"), ""), {"mtasts-record": "note", "tlsrpt-record": "note"}, "neither"),
    (((RPT,), ""), {"tlsrpt-record": "warn"}, "MTA-STS can stop mail"),
    (
        ((), '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:a@example.com"'),
        {"zone-several-tlsrpt": "warn"},
        "two",
    ),
    (
        ((RPT,), '_smtp._tls TXT "v=TLSRPTv1; rua:mailto:a@example.com"'),
        {"tlsrpt-syntax": "bad"},
        "",
    ),
    (
        ((RPT,), '_smtp._tls TXT "v=tlsrptv1; rua=mailto:a@example.com"'),
        {"tlsrpt-syntax": "bad"},
        "",
    ),
    (
        ((RPT,), '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:a@example.com,ftp://example.com/"'),
        {"tlsrpt-unknown-scheme": "warn"},
        "lint",
    ),
    (
        ((RPT,), '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:a@gone.example.net"'),
        {"tlsrpt-report-host-without-mail": "warn"},
        "reports are returned",
    ),
    (((), '_smtp._tls TXT "hello"'), {"zone-unrelated-text": "note"}, "beside it"),
    (((RPT,), '@ TXT "v=TLSRPTv1; rua=mailto:a@example.com"'), {"zone-wrong-place": "bad"}, "apex"),
    # BIMI
    (((BIMI,), ""), {"bimi-record": "note"}, "strict DMARC, and no picture"),
    (
        ((), f'{BIMI} TXT "v=BIMI1; l=https://b.example/l.svg;"'),
        {"zone-several-bimi": "warn"},
        "two",
    ),
    (((BIMI,), f'{BIMI} TXT "v=BIMI1; a=;"'), {"bimi-syntax": "bad"}, "l is missing"),
    (((BIMI,), f'{BIMI} TXT "v=bimi1; {PICTURE}"'), {"bimi-syntax": "bad"}, "must not be repaired"),
    (((BIMI,), f'{BIMI} TXT "v=BIMI1; l=; a=;"'), {"bimi-declined": "note"}, "wants none"),
    (
        ((BIMI,), f'{BIMI} TXT "v=BIMI1; l=http://example.com/l.svg; a=https://a.example/m.pem"'),
        {"bimi-not-https": "bad"},
        "lint",
    ),
    (((), f'{BIMI} TXT "hello"'), {"zone-unrelated-text": "note"}, "beside it"),
    (((BIMI,), f'@ TXT "v=BIMI1; {PICTURE}"'), {"zone-wrong-place": "bad"}, "apex"),
    (
        (("_dmarc TXT",), '_dmarc TXT "v=DMARC1; p=reject; t=y; rua=mailto:a@example.com"'),
        {"bimi-dmarc-too-weak": "bad", "dmarc-testing": "note"},
        "not shown while DMARC is tried out",
    ),
    ((("_dmarc TXT",), ""), {"dmarc-record": "bad"}, "without DMARC it is DMARC's fault alone"),
]


@pytest.mark.parametrize(("change", "rules", "reason"), FAULTS)
def test_each_fault_is_found_by_its_rule_alone(change, rules, reason):
    assert complaints(audited(changed(GOOD, *change))) == rules, reason


def test_a_domain_in_order_keeps_them_all():
    results = audited(GOOD)
    assert complaints(results) == {}
    assert kept(results) >= {
        "mtasts-record",
        "mtasts-policy-host-without-address",
        "tlsrpt-record",
        "bimi-record",
    }


@pytest.mark.parametrize(
    ("without", "plus", "status", "owner", "reason"),
    [
        ((), "", "ok", "example.com", "that of the organization counts"),
        ((), f'{BIMI}.news TXT "v=BIMI1; {PICTURE}"', "ok", "news.example.com", "its own first"),
        ((), f'{BIMI}.news TXT "hello"', "ok", "example.com", "what is no record hides none"),
        ((BIMI,), "", "ok", "news.example.com", "there is none: a note for the domain itself"),
    ],
)
def test_a_subdomain_shows_the_picture_of_its_organization(without, plus, status, owner, reason):
    news = 'news MX 10 mx1\nnews TXT "v=spf1 mx -all"\n'
    results = audited(changed(GOOD, without, news + plus), "news.example.com")
    found = [(one.status, one.subject) for one in results if one.rule == "bimi-record"]
    assert found == [(status, f"{BIMI}.{owner}")], reason


def test_nothing_of_it_is_asked_of_a_domain_without_mail():
    results = audited(PARKED)
    assert complaints(results) == {}
    told = {one.rule: one.status for one in results}
    assert told["mtasts-record"] == told["tlsrpt-record"] == told["bimi-record"] == "not applicable"


TLSA = f"_25._tcp.mx1 TLSA 3 1 1 {'ab' * 32}\n"


def signed(plus, without=()):
    world = World.from_zone(changed(GOOD, without, plus))
    world.sign("example.com")
    return world


def test_with_dane_the_mail_hosts_want_their_own_record():
    results = audited(signed(TLSA))
    assert complaints(results) == {"tlsrpt-mail-host-without-record": "note"}
    (fix,) = fix_of(results, "tlsrpt-mail-host-without-record")
    assert fix == ("", "v=TLSRPTv1; rua=mailto:tls@example.com")
    plus = f'{TLSA}_smtp._tls.mx1 TXT "v=TLSRPTv1; rua=mailto:tls@example.com"'
    assert complaints(audited(signed(plus))) == {}
    assert "tlsrpt-mail-host-without-record" in kept(audited(signed(plus)))


def test_with_dane_and_no_record_at_all_that_is_the_one_complaint():
    results = audited(signed(TLSA, (RPT, STS, "mta-sts A")))
    assert complaints(results) == {"tlsrpt-record": "warn", "mtasts-record": "note"}


def test_the_mends_are_whole_records():
    (fix,) = fix_of(audited(changed(GOOD, (RPT,))), "tlsrpt-record")
    assert fix[1] == "v=TLSRPTv1; rua=mailto:postmaster@example.com"
    (fix,) = fix_of(audited(changed(GOOD, (STS, "mta-sts A"))), "mtasts-record")
    assert fix[1].startswith("v=STSv1; id=")


def test_no_policy_is_proposed_for_hosts_that_cannot_stand_in_one():
    zone = changed(GOOD, (STS, "mta-sts A", "@ MX"), "@ MX 10 _x\n_x A 9.9.9.9")
    results = audited(zone)
    assert complaints(results)["mtasts-record"] == "note"
    assert fix_of(results, "mtasts-record") == []


UNKNOWN = [
    ("_mta-sts.example.com", "TXT", "mtasts-record"),
    ("_smtp._tls.example.com", "TXT", "tlsrpt-record"),
    ("default._bimi.example.com", "TXT", "bimi-record"),
]


@pytest.mark.parametrize("outcome", [Outcome.UNREACHABLE, Outcome.BOGUS])
@pytest.mark.parametrize(("name", "rrtype", "rule"), UNKNOWN)
def test_what_cannot_be_asked_is_unknown_and_never_missing(name, rrtype, rule, outcome):
    results = audited(GOOD, fails=[(name, rrtype, outcome)])
    assert complaints(results) == {}
    assert unknown(results) == {rule}


def test_the_policy_host_that_cannot_be_asked_is_unknown():
    fails = [("mta-sts.example.com", None, Outcome.UNREACHABLE)]
    assert unknown(audited(GOOD, fails=fails)) == {"mtasts-policy-host-without-address"}


@pytest.mark.parametrize("gone", [STS, RPT])
def test_without_mx_it_is_not_known_whether_a_record_is_wanted(gone):
    fails = [("example.com", "MX", Outcome.UNREACHABLE)]
    results = audited(changed(GOOD, (gone,)), fails=fails)
    assert {"mtasts-record", "tlsrpt-record"} & unknown(results)
    assert not {"mtasts-record", "tlsrpt-record"} & complaints(results).keys()


def test_a_report_address_elsewhere_that_cannot_be_asked_is_unknown():
    plus = '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:a@slow.example.net"'
    fails = [("slow.example.net", "MX", Outcome.UNREACHABLE)]
    results = audited(changed(GOOD, (RPT,), plus), fails=fails)
    assert complaints(results) == {}
    assert unknown(results) == {"tlsrpt-report-host-without-mail"}
