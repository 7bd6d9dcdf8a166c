"""What the audit says of a domain's DKIM keys: each rule broken alone, and kept."""

from base64 import b64encode

import pytest
from audited import (
    GOOD,
    KEY,
    OTHER_KEY,
    PARKED,
    audited,
    changed,
    complaints,
    fix_of,
    kept,
    quoted,
    unknown,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from maildns.ask import Outcome
from maildns.audit.gathering import Scope
from maildns.audit.selectors import common_selectors, sibling_selectors
from maildns.dnsdata import name
from maildns.net.world import World
from maildns.protocols.dkim.rules import _example

ED25519 = b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
WHOLE = _example(2048)
OWN = "s1._domainkey"
NO_KEYS = ((OWN,), "")


def key(text):
    return ((OWN,), f"{OWN} TXT {quoted(text)}")


def scope(selector, source="config", **more):
    return Scope(selectors=((selector, source),), servers=False, **more)


FAULTS = [
    (NO_KEYS, {"dkim-no-key-found": "warn"}, "_domainkey does not exist, and mail is sent"),
    (key(_example(512)), {"dkim-key-too-short": "bad"}, "lint comes through"),
    (key(_example(1024)), {"dkim-key-weak": "warn"}, "lint comes through"),
    (key(_example(2048, "v=DKIM1; t=y; ")), {"dkim-testing": "warn"}, "lint comes through"),
    (key(_example(2048, "v=DKIM1; t=s; ")), {"dkim-strict-identity": "note"}, "good to know"),
    (key(_example(2048, "v=DKIM1; h=sha1; ")), {"dkim-no-usable-hash": "bad"}, "SHA-1"),
    (key(_example(2048, "v=DKIM1; s=tlsrpt; ")), {"dkim-not-for-mail": "bad"}, "not for mail"),
    (key(WHOLE[:198]), {"dkim-key-unreadable": "bad"}, "cut off at a group of four"),
    (key(WHOLE[:199]), {"dkim-syntax": "bad"}, "cut off elsewhere"),
    (key(f"'{WHOLE}'"), {"dkim-syntax": "bad"}, "published with its quotes"),
    (key(f"{WHOLE[:100]} {WHOLE[100:]}"), {"dkim-key-white-space": "note"}, "joined with a space"),
    (
        ((), f"{OWN} TXT {OTHER_KEY}"),
        {"zone-several-dkim": "bad"},
        "two keys at one selector",
    ),
    (((), f'{OWN} TXT "hello"'), {"dkim-text-beside-key": "warn"}, "RFC 6376 3.6.2.2"),
    (
        ((OWN,), f'{OWN} TXT "{WHOLE[:200]}"\n{OWN} TXT "{WHOLE[200:]}"'),
        {"dkim-split-into-records": "bad"},
        "parts as records",
    ),
    (((), f"default._domainkey TXT {KEY}"), {"dkim-same-key": "note"}, "two selectors"),
    (key(f"v=DKIM1; k=ed25519; p={ED25519}"), {"dkim-only-ed25519": "warn"}, "no RSA key"),
    (
        ((), "k1._domainkey CNAME gone.example.net."),
        {"dkim-alias-without-target": "warn"},
        "left over from a service",
    ),
    (((), f"*._domainkey TXT {OTHER_KEY}"), {"dkim-wildcard-key": "note"}, "every selector"),
    (((), '_domainkey TXT "t=y; o=~"'), {"dkim-old-policy": "note"}, "DomainKeys"),
    (((), '_adsp._domainkey TXT "dkim=all"'), {"dkim-old-policy": "note"}, "ADSP"),
    (((), f"@ TXT {KEY}"), {"zone-wrong-place": "bad", "spf-large-answer": "note"}, "at the apex"),
    (((), f"_domainkey TXT {KEY}"), {"zone-wrong-place": "bad"}, "without a selector"),
    (((), 'default._domainkey TXT "v=spf1 -all"'), {"zone-wrong-place": "bad"}, "SPF there"),
    (((), 'default._domainkey TXT "hello"'), {"zone-unrelated-text": "note"}, "any text"),
]


@pytest.mark.parametrize(("change", "rules", "reason"), FAULTS)
def test_each_fault_is_found_by_its_rule_alone(change, rules, reason):
    assert complaints(audited(changed(GOOD, *change))) == rules, reason


IN_USE = [
    (scope("mine"), ((), ""), {"dkim-selector-missing": "bad"}),
    (scope("mine", "reports"), ((), ""), {"dkim-selector-missing": "bad"}),
    (
        scope("mine", "message"),
        ((), 'mine._domainkey TXT "hello"'),
        {"dkim-selector-missing": "bad"},
    ),
    (scope("s1"), ((), ""), {}),
    (
        scope("mine", "given"),
        ((), 'mine._domainkey TXT "v=DKIM1; p="'),
        {"dkim-selector-revoked": "bad"},
    ),
    (scope("k1"), ((), 'k1._domainkey TXT "v=DKIM1; p="'), {"dkim-selector-revoked": "bad"}),
    (
        scope("k1"),
        ((), "k1._domainkey CNAME gone.example.net."),
        {"dkim-alias-without-target": "bad"},
    ),
]


@pytest.mark.parametrize(("asked", "change", "rules"), IN_USE)
def test_a_selector_that_is_in_use_must_have_its_key(asked, change, rules):
    found = complaints(audited(changed(GOOD, *change), scope=asked))
    found.pop("zone-unrelated-text", None)
    assert found == rules


def test_a_usual_selector_that_is_revoked_is_only_told():
    results = audited(changed(GOOD, (), 'k1._domainkey TXT "v=DKIM1; p="'))
    assert complaints(results) == {"dkim-key-revoked": "note"}


def test_aliases_of_one_name_are_one_key_on_purpose():
    plus = f"k1._domainkey CNAME k.example.net.\nk2._domainkey CNAME k.example.net.\nk.example.net. TXT {OTHER_KEY}"
    assert complaints(audited(changed(GOOD, (), plus))) == {}


def test_an_ed25519_key_beside_an_rsa_key_is_fine():
    plus = f'default._domainkey TXT "v=DKIM1; k=ed25519; p={ED25519}"'
    results = audited(changed(GOOD, (), plus))
    assert complaints(results) == {}
    assert any(one.says.startswith("Ed25519") for one in results)


def test_what_the_wildcard_answers_is_no_key_of_a_usual_selector():
    # Without _domainkey the domain's own wildcard answers for every selector.
    results = audited(changed(GOOD, (OWN,), '* TXT "hello"'))
    assert complaints(results) == {}
    assert unknown(results) == {"dkim-no-key-found"}


def test_the_mends_of_keys_are_whole_records():
    split = ((OWN,), f'{OWN} TXT "{WHOLE[:200]}"\n{OWN} TXT "{WHOLE[200:]}"')
    assert fix_of(audited(changed(GOOD, *split)), "dkim-split-into-records") == [("", WHOLE)]
    beside = changed(GOOD, (), f'{OWN} TXT "hello"')
    assert fix_of(audited(beside), "dkim-text-beside-key") == [("", WHOLE)]


def test_a_good_key_is_told_with_its_type_and_where_it_is_known_from():
    results = audited(GOOD)
    assert {"dkim-selector-missing", "dkim-no-key-found"} <= kept(results)
    assert "RSA, 2048 bits (a usual selector)" in {one.says for one in results}


KNOWN = [
    # zone, failing, whether it is known that there is no key
    (changed(GOOD, (OWN,), 'own._domainkey TXT "v=DKIM1; p="'), [], "unknown", "another name"),
    (
        changed(GOOD, (OWN,)),
        [("_domainkey.example.com", "TXT", Outcome.UNREACHABLE)],
        "unknown",
        "made to fail",
    ),
    (
        changed(GOOD, (OWN,)),
        [("example.com", "TXT", Outcome.UNREACHABLE)],
        "unknown",
        "whether the domain sends",
    ),
    (
        changed(GOOD, (OWN, '@ TXT "v=spf1'), '@ TXT "v=spf1 -all"'),
        [],
        "not applicable",
        "sends no mail",
    ),
    (PARKED, [], "not applicable", "sends no mail"),
]


@pytest.mark.parametrize(("zone", "fails", "status", "says"), KNOWN)
def test_no_key_is_bad_only_where_it_is_certain_and_mail_is_sent(zone, fails, status, says):
    results = [one for one in audited(zone, fails=fails) if one.rule == "dkim-no-key-found"]
    assert [one.status for one in results] == [status]
    assert says in results[0].says


def test_a_parked_domain_says_that_it_has_no_keys():
    assert "dkim-not-parked" in kept(audited(PARKED))
    bare = audited(changed(PARKED, ("_domainkey",)))
    assert complaints(bare) == {"dkim-not-parked": "note"}
    assert fix_of(bare, "dkim-not-parked") == [("*._domainkey.example.com", "v=DKIM1; p=")]


@pytest.mark.parametrize("outcome", [Outcome.UNREACHABLE, Outcome.BOGUS])
def test_a_selector_that_cannot_be_asked_is_unknown(outcome):
    fails = [("mine._domainkey.example.com", "TXT", outcome)]
    results = audited(GOOD, fails=fails, scope=scope("mine"))
    assert complaints(results) == {}
    assert unknown(results) == {"dkim-selector-missing"}


def test_the_common_selectors_are_names_each_once_and_enough():
    siblings = [one for others in sibling_selectors().values() for one in others]
    everyone = [*common_selectors(), *siblings]
    assert 60 <= len(everyone) <= 100
    assert len(set(everyone)) == len(everyone)
    assert set(sibling_selectors()) <= set(common_selectors())
    assert all(name(one) == one for one in everyone)


def test_siblings_of_a_selector_are_asked_for_where_it_exists():
    world = World.from_zone(changed(GOOD, (), f"fm2._domainkey TXT {OTHER_KEY}"))
    assert "fm2._domainkey.example.com" not in heard(world)
    assert "s2._domainkey.example.com" in heard(world)
    world = World.from_zone(changed(GOOD, (), f"s2._domainkey TXT {OTHER_KEY}"))
    says = {one.says for one in audited(world)}
    assert "selectors with a key: s1, s2" in says


def heard(world):
    """The names that an audit asks *world* for."""
    audited(world)
    return {question.name for question in world.asked}


def test_a_long_domain_leaves_out_the_selectors_that_do_not_fit():
    domain = ".".join(["a" * 60] * 3 + ["b" * 50])  # 233 octets: none fits before _domainkey
    results = audited(f'{domain}. TXT "v=spf1 mx -all"', domain)
    assert "dkim-selector-missing" not in complaints(results)
