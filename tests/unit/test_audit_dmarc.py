"""What the audit says of a domain's DMARC: each rule broken alone, and kept."""

import pytest
from audited import GOOD, PARKED, audited, changed, complaints, fix_of, kept, unknown

from maildns.ask import Outcome

DMARC = "_dmarc TXT"
GRANT = "_report._dmarc.reports"
RUA = "rua=mailto:dmarc@example.com"
DEEP = "a.b.c.d.e.f.g.example.com"


def dmarc(text, more=""):
    return ((DMARC,), f'_dmarc TXT "{text}"\n{more}')


FAULTS = [
    (((DMARC,), ""), {"dmarc-record": "bad"}, "no record"),
    (((), '_dmarc TXT "v=DMARC1; p=none"'), {"zone-several-dmarc": "bad"}, "two records"),
    (dmarc(f"v=dmarc1; p=reject; {RUA}"), {"dmarc-not-a-record": "bad"}, "passed over"),
    (dmarc(f"p=reject; v=DMARC1; {RUA}"), {"dmarc-not-a-record": "bad"}, "v is not first"),
    (dmarc(f"v=DMARC1; p=rejct; {RUA}"), {"dmarc-syntax": "bad"}, "and not what follows from it"),
    (dmarc("v=DMARC1; p=reject; rua=dmarc@example.com"), {"dmarc-syntax": "bad"}, "the same"),
    (
        dmarc(f"v=DMARC1; p=reject; sp=none; {RUA}"),
        {"dmarc-subdomains-weaker": "warn", "bimi-dmarc-too-weak": "bad"},
        "",
    ),
    (dmarc(f"v=DMARC1; p=reject; np=none; {RUA}"), {"dmarc-nonexistent-weaker": "warn"}, "lint"),
    (dmarc(f"v=DMARC1; p=reject; pct=50; {RUA}"), {"dmarc-percent-partial": "warn"}, "once"),
    (dmarc("v=DMARC1; p=reject"), {"dmarc-no-reports": "warn"}, "lint"),
    (dmarc(f"v=DMARC1; {RUA}; p=reject"), {"dmarc-policy-not-second": "warn"}, "lint"),
    (
        ((DMARC,), f'@ TXT "v=DMARC1; p=reject; {RUA}"'),
        {"zone-wrong-place": "bad"},
        "at the domain itself, and it is not said to be missing as well",
    ),
    (((), '_dmarc TXT "hello"'), {"zone-unrelated-text": "note"}, "beside it"),
    (((GRANT,), ""), {"dmarc-report-not-granted": "warn"}, "the destination has not agreed"),
    (
        (
            (GRANT,),
            'example.com._report._dmarc.reports.example.org. TXT "v=DMARC1; rua=mailto:a@b.example"',
        ),
        {"dmarc-report-not-granted": "warn"},
        "an override to another host",
    ),
    ((("reports MX",), ""), {"dmarc-report-host-without-mail": "warn"}, "no mail host"),
    (
        (("reports MX",), "reports.example.org. MX 0 ."),
        {"dmarc-report-host-without-mail": "warn"},
        "null MX",
    ),
    (
        (("reports MX", GRANT), ""),
        {"dmarc-report-host-without-mail": "warn"},
        "then the grant is no matter",
    ),
]


@pytest.mark.parametrize(("change", "rules", "reason"), FAULTS)
def test_each_fault_is_found_by_its_rule_alone(change, rules, reason):
    assert complaints(audited(changed(GOOD, *change))) == rules, reason


def test_a_domain_in_order_is_told_what_protects_it():
    results = audited(GOOD)
    assert complaints(results) == {}
    assert kept(results) >= {
        "dmarc-record",
        "dmarc-policy-none",
        "dmarc-report-not-granted",
        "dmarc-readers-differ",
    }


def test_watching_only_is_a_warning_until_it_is_finished():
    zone = changed(GOOD, (DMARC, "_bimi"), f'_dmarc TXT "v=DMARC1; p=none; {RUA}"')
    assert complaints(audited(zone)) == {"dmarc-policy-none": "warn"}


def test_what_the_wildcard_answers_is_said_once():
    results = audited(changed(GOOD, (DMARC,), '* TXT "v=spf1 -all"'))
    assert complaints(results) == {"dmarc-record": "bad"}
    assert any("wildcard" in one.says for one in results if one.rule == "dmarc-record")


def test_a_report_host_without_mx_takes_mail_at_its_address():
    zone = changed(GOOD, ("reports MX",), "reports.example.org. A 9.9.9.9")
    assert complaints(audited(zone)) == {}


BELOW = [
    # the record at _dmarc.example.com, what is told of sub.example.com
    (f"v=DMARC1; p=reject; {RUA}", {}, "rejected by inheritance"),
    (f"v=DMARC1; p=reject; sp=none; {RUA}", {"dmarc-policy-none": "warn"}, "sp counts for it"),
    (f"v=DMARC1; p=none; sp=reject; {RUA}", {}, "and p does not"),
    (
        "v=DMARC1; p=reject; pct=50",
        {"dmarc-percent-partial": "warn", "dmarc-no-reports": "warn"},
        "",
    ),
]
SUB = 'sub MX 10 mx1\nsub TXT "v=spf1 mx -all"\nx._domainkey.sub TXT "v=DKIM1; p="'


@pytest.mark.parametrize(("text", "rules", "reason"), BELOW)
def test_a_subdomain_is_told_of_the_policy_that_it_inherits(text, rules, reason):
    zone = changed(GOOD, (DMARC,), f'{SUB}\n_dmarc TXT "{text}"')
    results = audited(zone, "sub.example.com")
    found = {rule: how for rule, how in complaints(results).items() if rule.startswith("dmarc")}
    assert found == rules, reason
    assert any(one.says.startswith("inherited from example.com") for one in results)


def test_several_records_of_the_organization_are_told_to_its_subdomains():
    zone = changed(GOOD, (), f'{SUB}\n_dmarc TXT "v=DMARC1; p=none"')
    assert complaints(audited(zone, "sub.example.com"))["zone-several-dmarc"] == "bad"


def test_a_record_at_a_subdomain_alone_parts_older_and_newer_receivers():
    zone = changed(
        GOOD, (DMARC,), f'{SUB}\n_dmarc.sub TXT "v=DMARC1; p=reject; rua=mailto:a@sub.example.com"'
    )
    found = complaints(audited(zone, "sub.example.com"))
    assert {rule for rule in found if rule.startswith("dmarc")} == {"dmarc-readers-differ"}


def test_a_name_of_more_than_eight_labels_needs_its_own_record():
    zone = changed(GOOD, (), f'{DEEP}. MX 10 mx1\n{DEEP}. TXT "v=spf1 mx -all"')
    results = audited(zone, DEEP)
    assert complaints(results)["dmarc-too-deep"] == "warn"
    assert fix_of(results, "dmarc-too-deep")[0][0] == f"_dmarc.{DEEP}"
    own = f'{zone}\n_dmarc.{DEEP}. TXT "v=DMARC1; p=reject; {RUA}"'
    assert "dmarc-too-deep" not in complaints(audited(own, DEEP))


OF_PARKED = [
    ("v=DMARC1; p=reject", {}),
    ("v=DMARC1; p=quarantine", {"dmarc-not-parked": "warn"}),
    ("v=DMARC1; p=none", {"dmarc-not-parked": "warn"}),
    ("v=DMARC1; p=reject; t=y", {"dmarc-not-parked": "warn"}),
    ("", {"dmarc-record": "bad"}),
]


@pytest.mark.parametrize(("text", "rules"), OF_PARKED)
def test_a_domain_without_mail_rejects_at_once(text, rules):
    plus = f'_dmarc TXT "{text}"' if text else ""
    results = audited(changed(PARKED, (DMARC,), plus))
    assert complaints(results) == rules
    if rules:
        (rule,) = rules
        assert fix_of(results, rule) == [("_dmarc.example.com", "v=DMARC1; p=reject")]


def test_the_mends_say_what_to_publish_where():
    (fix,) = fix_of(audited(changed(GOOD, (DMARC,))), "dmarc-record")
    assert fix == ("_dmarc.example.com", "v=DMARC1; p=none; rua=mailto:postmaster@example.com")
    (fix,) = fix_of(audited(changed(GOOD, (GRANT,))), "dmarc-report-not-granted")
    assert fix == ("example.com._report._dmarc.reports.example.org", "v=DMARC1;")
    at_apex = changed(GOOD, (DMARC,), f'@ TXT "v=DMARC1; p=reject; {RUA}"')
    (fix,) = fix_of(audited(at_apex), "zone-wrong-place")
    assert fix == ("_dmarc.example.com", f"v=DMARC1; p=reject; {RUA}")


UNKNOWN = [
    ("_dmarc.example.com", "TXT", "dmarc-record"),
    ("example.com._report._dmarc.reports.example.org", "TXT", "dmarc-report-not-granted"),
    ("reports.example.org", "MX", "dmarc-report-host-without-mail"),
    ("_dmarc.reports.example.org", "TXT", "dmarc-report-not-granted"),
]


@pytest.mark.parametrize("outcome", [Outcome.UNREACHABLE, Outcome.BOGUS])
@pytest.mark.parametrize(("name", "rrtype", "rule"), UNKNOWN)
def test_what_cannot_be_asked_is_unknown_and_never_missing(name, rrtype, rule, outcome):
    zone = changed(GOOD, (GRANT,)) if name == "_dmarc.reports.example.org" else GOOD
    results = audited(zone, fails=[(name, rrtype, outcome)])
    assert complaints(results) == {}
    assert rule in unknown(results)


def test_of_a_subdomain_nothing_is_missing_while_the_organization_does_not_answer():
    fails = [("_dmarc.example.com", "TXT", Outcome.UNREACHABLE)]
    results = audited(changed(GOOD, (), SUB), "sub.example.com", fails=fails)
    assert "dmarc-record" in unknown(results)
    assert not {rule for rule in complaints(results) if rule.startswith("dmarc")}
