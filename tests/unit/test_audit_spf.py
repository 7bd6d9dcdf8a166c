"""What the audit says of a domain's SPF: each rule broken alone, and kept."""

import pytest
from audited import GOOD, PARKED, audited, changed, complaints, fix_of, kept, unknown

from maildns.ask import Outcome

SPF = '@ TXT "v=spf1'
INCLUDED = '_spf TXT "v=spf1'
MANY = " ".join(f"a:h{n}.example.com" for n in range(10))
HOSTS = "\n".join(f"h{n} A 9.9.9.{n}" for n in range(10))
WIDE = " ".join(f"ip4:{n}.0.0.0/12" for n in range(20, 24))
LONG = "\n".join(f'@ TXT "{n}{"x" * 180}"' for n in range(8))


def spf(policy, more=""):
    return ((SPF,), f'@ TXT "v=spf1 {policy}"\n{more}')


def included(policy):
    return ((INCLUDED,), f'_spf.example.net. TXT "v=spf1 {policy}"')


FAULTS = [
    # what is changed, and each rule that complains
    (((SPF,), ""), {"spf-record": "bad"}, "no record"),
    (((SPF,), '@ SPF "v=spf1 mx -all"'), {"zone-spf-type": "bad"}, "published in the old type"),
    (((), '@ SPF "v=spf1 mx -all"'), {"zone-spf-type": "note"}, "in the old type as well"),
    (((), '@ TXT "v=spf1 mx ~all"'), {"zone-several-spf": "bad"}, "two records"),
    (((SPF,), '@ TXT " v=spf1 mx -all"'), {"spf-leading-space": "bad"}, "passed over"),
    (((SPF,), '@ TXT "v=spf10 mx -all"'), {"spf-bad-version": "bad"}, "passed over"),
    (((), '@ TXT "spf2.0/pra mx -all"'), {"spf-sender-id": "note"}, "beside the record"),
    (((SPF,), '@ TXT "spf2.0/pra mx -all"'), {"spf-sender-id": "note", "spf-record": "bad"}, ""),
    (spf("mx ipv4:9.9.9.9 -all"), {"spf-syntax": "bad"}, "lint comes through"),
    (spf("mx ?all"), {"spf-neutral-all": "warn"}, "lint comes through"),
    (spf("mx +all"), {"spf-pass-all": "bad"}, "and nothing of the size"),
    (spf("mx"), {"spf-no-all": "warn"}, "lint comes through"),
    (spf("mx include:gone.example.net -all"), {"spf-include-missing": "bad"}, "no such name"),
    (spf("mx include:mx.example.org -all"), {"spf-include-missing": "bad"}, "no such record"),
    (spf("mx redirect=gone.example.net"), {"spf-redirect-missing": "bad"}, "RFC 7208 6.1"),
    (included("mx ip4:9.9.9 -all"), {"spf-include-faulty": "bad"}, "a fault in the included one"),
    (
        ((), '_spf.example.net. TXT "v=spf1 -all"'),
        {"spf-include-faulty": "bad"},
        "the included one is two",
    ),
    (included("include:gone.example.net -all"), {"spf-include-missing": "bad"}, "further down"),
    (included("include:_spf.example.net -all"), {"spf-include-loop": "bad"}, "itself"),
    (included("include:example.com -all"), {"spf-include-loop": "bad"}, "a circle of two"),
    (spf("mx include:example.com -all"), {"spf-include-self": "bad"}, "the domain itself"),
    (spf("mx include:_spf..example.net -all"), {"spf-bad-name": "bad"}, "lint's, and not twice"),
    (spf(f"mx {MANY} -all", HOSTS), {"spf-too-many-lookups": "bad"}, "in one record"),
    (
        ((INCLUDED,), f'_spf.example.net. TXT "v=spf1 {MANY} -all"\n{HOSTS}'),
        {"spf-too-many-lookups": "bad"},
        "in the tree",
    ),
    (spf("mx a:gone.example.com -all"), {"spf-void-lookup": "warn"}, "a host that is gone"),
    (
        spf("mx a:g1.example.com a:g2.example.com mx:g3.example.com -all"),
        {"spf-too-many-voids": "bad"},
        "the third lookup that finds nothing",
    ),
    (
        spf("mx mx:big.example.com -all", "\n".join(f"big MX {n} mx{n}.b" for n in range(11))),
        {"spf-too-many-exchangers": "bad"},
        "eleven hosts",
    ),
    (included("+all"), {"spf-include-passes-all": "bad"}, "everyone passes"),
    (included(f"{WIDE} -all"), {"spf-permits-many": "warn"}, "millions"),
    (
        spf("redirect=_spf.example.net"),
        {"spf-mail-host-not-permitted": "note"},
        "a redirect ends for it",
    ),
    (
        (
            (SPF, INCLUDED),
            '@ TXT "v=spf1 mx redirect=_r.example.net"\n_r.example.net. TXT "v=spf1 ?all"',
        ),
        {"spf-neutral-all": "warn"},
        "the end is that of the redirect's record",
    ),
    (
        (
            (SPF, INCLUDED),
            '@ TXT "v=spf1 mx redirect=_r.example.net"\n_r.example.net. TXT "v=spf1 ip4:9.9.9.9"',
        ),
        {"spf-no-all": "warn"},
        "the same",
    ),
    (((), LONG), {"spf-large-answer": "warn"}, "over 1232 octets"),
    (((), LONG.split('\n@ TXT "4')[0]), {"spf-large-answer": "note"}, "over 512 octets"),
    ((("mx1 TXT",), ""), {"spf-helo-missing": "note"}, "the name in HELO"),
    ((("mx1 TXT",), 'mx1 TXT "v=spf1 -all"'), {"spf-helo-fails": "warn"}, "and it fails"),
    (
        spf("ip4:203.0.113.1 ip6:2001:db8::1 -all"),
        {"spf-mail-host-not-permitted": "note", "spf-documentation-address": "note"},
        "mx2 only receives",
    ),
    (((), '_dmarc TXT "v=spf1 -all"'), {"zone-wrong-place": "bad"}, "SPF where DMARC belongs"),
]


@pytest.mark.parametrize(("change", "rules", "reason"), FAULTS)
def test_each_fault_is_found_by_its_rule_alone(change, rules, reason):
    assert complaints(audited(changed(GOOD, *change))) == rules, reason


def test_a_domain_in_order_has_no_complaint_and_every_claim_has_evidence():
    results = audited(GOOD)
    assert complaints(results) == {}
    assert unknown(results) == set()
    assert kept(results) >= {
        "spf-record",
        "spf-too-many-lookups",
        "spf-no-all",
        "spf-permits-many",
        "spf-helo-fails",
        "spf-mail-host-not-permitted",
    }
    assert all(one.evidence for one in results if one.rule.startswith("spf-"))


FIXES = [
    (((SPF,), ""), "spf-record", ("example.com", "v=spf1 mx ~all")),
    ((("@ MX", SPF), "@ MX 0 ."), "spf-record", ("example.com", "v=spf1 -all")),
    (
        ((), '@ TXT "v=spf1 a -all"'),
        "zone-several-spf",
        ("", "v=spf1 a mx include:_spf.example.net -all"),
    ),
    (
        spf("mx include:gone.example.net -all"),
        "spf-include-missing",
        ("example.com", "v=spf1 mx -all"),
    ),
    (
        spf("mx redirect=gone.example.net"),
        "spf-redirect-missing",
        ("example.com", "v=spf1 mx -all"),
    ),
    ((("mx1 TXT",), ""), "spf-helo-missing", ("mx1.example.com", "v=spf1 a -all")),
    (((SPF,), '@ SPF "v=spf1 mx -all"'), "zone-spf-type", ("example.com", '"v=spf1 mx -all"')),
]


@pytest.mark.parametrize(("change", "rule", "fix"), FIXES)
def test_the_mend_is_the_whole_record(change, rule, fix):
    assert fix_of(audited(changed(GOOD, *change)), rule) == [fix]


def test_hosts_of_a_service_are_the_service_s_own_affair():
    zone = changed(GOOD, ("MX 10 mx1", "MX 20 mx2"), "@ MX 10 mx.example.org.")
    assert complaints(audited(zone)) == {}


OF_PARKED = [
    ("v=spf1 -all", {}),
    ("v=spf1 ~all", {"spf-not-parked": "warn"}),
    ("v=spf1 ?all", {"spf-neutral-all": "warn"}),  # lint has said it
    ("v=spf1 ip4:9.9.9.9 -all", {}),  # it sends, and takes nothing: not parked
]


@pytest.mark.parametrize(("policy", "rules"), OF_PARKED)
def test_a_domain_without_mail_refuses_all(policy, rules):
    zone = changed(PARKED, ("v=spf1",), f'@ TXT "{policy}"')
    found = complaints(audited(zone))
    assert {rule: how for rule, how in found.items() if rule.startswith("spf-")} == rules


UNKNOWN = [
    ("example.com", "TXT", {"spf-record"}),
    ("_spf.example.net", "TXT", {"spf-include-faulty"}),
    ("mx1.example.com", "TXT", {"spf-helo-fails"}),
]


@pytest.mark.parametrize("outcome", [Outcome.UNREACHABLE, Outcome.BOGUS])
@pytest.mark.parametrize(("name", "rrtype", "rules"), UNKNOWN)
def test_what_cannot_be_asked_is_unknown_and_never_missing(name, rrtype, rules, outcome):
    results = audited(GOOD, fails=[(name, rrtype, outcome)])
    assert complaints(results) == {}
    assert unknown(results) >= rules


def test_of_a_domain_that_does_not_exist_nothing_is_said():
    assert audited(GOOD, "gone.example.com") == []
