"""SPF records as texts: what is read, what is refused, and where the refusal points."""

import pytest

from maildns import spf
from maildns.errors import RecordSyntaxError, UsageError
from maildns.protocols.spf.macro import TEXT_LETTERS, DomainSpec, expand, parse_parts

READ = [
    ("v=spf1", "v=spf1", "a record without terms is one"),
    ("V=SpF1 MX -ALL", "v=spf1 mx -all", "names are read in any case"),
    ("v=spf1  a   -all  ", "v=spf1 a -all", "terms are parted by one space or more"),
    ("v=spf1 +a +all", "v=spf1 a all", "a plus says nothing"),
    ("v=spf1 a/32//128", "v=spf1 a", "nor do full prefix lengths"),
    ("v=spf1 mx:Example.COM./24//64", "v=spf1 mx:Example.COM./24//64", "a name keeps its spelling"),
    ("v=spf1 ip6:2001:0DB8::0/32", "v=spf1 ip6:2001:db8::/32", "an address does not"),
    ("v=spf1 ip4:192.0.2.9/24", "v=spf1 ip4:192.0.2.9/24", "host bits are kept for lint to see"),
    (
        "v=spf1 a:foo:bar/baz.example.com",
        "v=spf1 a:foo:bar/baz.example.com",
        "section 7.1 allows it",
    ),
    ("v=spf1 exists:%{l1r-}.%%x.%{d}", "v=spf1 exists:%{l1r-}.%%x.%{d}", "macros stay as they are"),
    ("v=spf1 foo=%{c} -all", "v=spf1 foo=%{c} -all", "an unknown modifier is kept"),
]


@pytest.mark.parametrize("text, printed, reason", READ)
def test_a_record_is_read_and_printed_in_one_spelling(text, printed, reason):
    assert str(spf.parse(text)) == printed, reason


REFUSED = [
    ("v=spf10 -all", "v=spf10", "section 4.5: a space ends the version"),
    ("v=spf1 -all.", "all.", "section 5.1: nothing follows all"),
    ("v=spf1 a:example.com/33 -all", "33", "section 5.6"),
    ("v=spf1 a:example.com//129 -all", "129", "section 5.6"),
    ("v=spf1 mx/024", "024", "no leading zero"),
    ("v=spf1 ipv4:192.0.2.1", "ipv4", "no such mechanism"),
    ("v=spf1 a mx:192.0.2.1", "192.0.2.1", "an address is no name"),
    ("v=spf1 ip4:2001:db8::1", "2001:db8::1", "the other family"),
    ("v=spf1 ip6:fe80::1%eth0", "fe80::1%eth0", "no zone ids"),
    ("v=spf1 include -all", "include", "a name is missing"),
    ("v=spf1 include: -all", "include:", "a name is missing"),
    ("v=spf1 exists:%{x}.example.com", "%{x}", "no such macro letter"),
    ("v=spf1 exists:%{c}.example.com", "%{c}", "section 7.2: c only in explanations"),
    ("v=spf1 exists:%{d0}.example.com", "%{d0}", "section 7.3: never zero parts"),
    ("v=spf1 exists:%(i).example.com", "%(", "a bad percent sign"),
    ("v=spf1 a:example.com-", "com-", "a top label ends in a letter or digit"),
    ("v=spf1 a\tmx", "\t", "spaces alone part terms"),
    ("v=spf1 a:ex\u00e4mple.com", "\u00e4", "ASCII alone"),
    ("v=spf1 -redirect=example.com", "-", "a modifier takes no qualifier"),
    ("v=spf1 redirect=a.example redirect=b.example", "redirect=b.example", "section 6: once"),
    ("v=spf1 exp=a.example exp=b.example", "exp=b.example", "section 6: once"),
    ("v=spf1 =all", "=all", "a modifier has a name"),
    ("v=spf1 exists:%{d" + "9" * 5000 + "x}", "%{", "a hostile number"),
]


@pytest.mark.parametrize("text, place, reason", REFUSED)
def test_a_refusal_points_at_the_fault(text, place, reason):
    with pytest.raises(RecordSyntaxError) as caught:
        spf.parse(text)
    start, end = caught.value.span
    assert caught.value.source == text
    assert text[start:end] == place, reason


def test_a_macro_keeps_no_more_parts_than_a_name_can_have():
    assert expand(parse_parts("%{d" + "9" * 500 + "}", "d"), {"d": "a.b"}) == "a.b"


# RFC 7208 section 7.4, for strong-bad@email.example.com from 192.0.2.3
MAIL = {
    "s": "strong-bad@email.example.com",
    "l": "strong-bad",
    "o": "email.example.com",
    "d": "email.example.com",
    "i": "192.0.2.3",
    "v": "in-addr",
}
MACROS = [
    ("%{s}", "strong-bad@email.example.com"),
    ("%{o}", "email.example.com"),
    ("%{d}", "email.example.com"),
    ("%{d4}", "email.example.com"),
    ("%{d3}", "email.example.com"),
    ("%{d2}", "example.com"),
    ("%{d1}", "com"),
    ("%{dr}", "com.example.email"),
    ("%{d2r}", "example.email"),
    ("%{l}", "strong-bad"),
    ("%{l-}", "strong.bad"),
    ("%{lr}", "strong-bad"),
    ("%{lr-}", "bad.strong"),
    ("%{l1r-}", "strong"),
    ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
    ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
    ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
    ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
    ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
    ("%{S}", "strong-bad%40email.example.com"),
]


@pytest.mark.parametrize("text, expanded", MACROS)
def test_macros_expand_as_the_rfc_shows(text, expanded):
    assert expand(parse_parts(text, TEXT_LETTERS), MAIL) == expanded


def test_a_name_that_is_none_cannot_be_made():
    with pytest.raises(RecordSyntaxError):
        DomainSpec("localhost")


IS_SPF = [
    ("v=spf1", True),
    ("v=SPF1 a", True),
    ("v=spf1\ta", False),
    (" v=spf1 a", False),
    ("v=spf10", False),
    ("", False),
]


@pytest.mark.parametrize("text, is_one", IS_SPF)
def test_receivers_take_only_the_exact_version(text, is_one):
    assert spf.is_spf(text) is is_one


EXPLAINED = [
    ("v=spf1 ip4:192.0.2.1 -all", 1, "the host 192.0.2.1 may send"),
    ("v=spf1 ip4:192.0.2.0/24 -all", 1, "the 256 addresses of 192.0.2.0/24 may send"),
    (
        "v=spf1 a/24 -all",
        1,
        "all addresses in the same /24 (IPv4) as the addresses of the domain itself may send",
    ),
    ("v=spf1 -all", 1, "no other host may send; receivers may refuse it"),
    ("v=spf1 redirect=b.example", 1, "where nothing above matches, the policy of b.example holds"),
]


@pytest.mark.parametrize("text, place, words", EXPLAINED)
def test_a_term_is_told_in_plain_words(text, place, words):
    assert spf.explain(spf.parse(text))[place][1] == words


def test_what_is_never_reached_is_said_to_be():
    told = dict(spf.explain(spf.parse("v=spf1 -all mx redirect=b.example")))
    assert "never reached" in told["mx"]
    assert "never reached" in told["redirect=b.example"]


# --- built ------------------------------------------------------------------------------

BUILT = [
    ({}, "v=spf1 -all"),
    ({"ip4": ["192.0.2.1/32", "192.0.2.0/24"]}, "v=spf1 ip4:192.0.2.1 ip4:192.0.2.0/24 -all"),
    ({"ip6": ["2001:db8::1"], "mx": True, "a": True}, "v=spf1 ip6:2001:db8::1 a mx -all"),
    ({"a": "mail.example.com", "all": "~all"}, "v=spf1 a:mail.example.com ~all"),
    ({"include": ["b\u00fccher.example"]}, "v=spf1 include:xn--bcher-kva.example -all"),
    ({"redirect": "_spf.example.com"}, "v=spf1 redirect=_spf.example.com"),
    ({"ip4": ["192.0.2.1", "192.0.2.1"]}, "v=spf1 ip4:192.0.2.1 -all"),
    ({"terms": ["exists:%{i}.example.com"], "all": None}, "v=spf1 exists:%{i}.example.com"),
]


@pytest.mark.parametrize("wish, text", BUILT)
def test_a_record_is_built_of_a_wish(wish, text):
    assert str(spf.build(**wish)) == text


NONSENSE = [
    {"ip4": ["2001:db8::1"]},
    {"ip6": ["192.0.2.1"]},
    {"ip4": ["mail.example.com"]},
    {"all": "none"},
    {"redirect": "a.example", "all": "~all"},
]


@pytest.mark.parametrize("wish", NONSENSE)
def test_a_wish_that_makes_no_sense_is_refused(wish):
    with pytest.raises(UsageError):
        spf.build(**wish)


MERGED = [
    ("a ~all", "ip4:192.0.2.1 -all", "a ip4:192.0.2.1 -all", "new ones behind, the wanted all"),
    ("a -all", "a -all", "a -all", "no doubles"),
    ("include:A.example -all", "include:a.example. -all", "include:a.example. -all", "nor by case"),
    (
        "?include:a.example -all",
        "include:a.example -all",
        "include:a.example -all",
        "wanted's sign",
    ),
    (
        "-ip4:192.0.2.0/24 -all",
        "ip4:192.0.2.1 -all",
        "ip4:192.0.2.1 -ip4:192.0.2.0/24 -all",
        "before a refusal",
    ),
    (
        "redirect=b.example",
        "a -all",
        "include:b.example a -all",
        "an idle redirect becomes an include",
    ),
    ("redirect=b.example", "a", "a redirect=b.example", "one that counts stays"),
    (
        "redirect=b.example",
        "redirect=c.example",
        "include:b.example redirect=c.example",
        "of two one",
    ),
    ("a redirect=b.example", "redirect=b.example", "a redirect=b.example", "the same one"),
    ("a -all mx", "ip4:192.0.2.1 -all", "a ip4:192.0.2.1 -all", "what was never reached goes"),
    ("a exp=x.example -all", "mx -all", "a mx -all exp=x.example", "the explanation stays"),
]


@pytest.mark.parametrize("existing, wanted, merged, reason", MERGED)
def test_two_records_become_one(existing, wanted, merged, reason):
    made = spf.merge(spf.parse(f"v=spf1 {existing}"), spf.parse(f"v=spf1 {wanted}"))
    assert str(made) == f"v=spf1 {merged}", reason


CHANGES = [
    ("ip4:203.0.113.9 -all", "-all", ["203.0.113.9 may no longer send"]),
    ("-all", "include:_spf.example.com -all", ["include:_spf.example.com may now send"]),
    ("mx ~all", "mx -all", ["others: softfail becomes fail"]),
    ("ip4:192.0.2.0/24 -all", "ip4:192.0.2.0/25 -all", ["192.0.2.128/25 may no longer send"]),
    ("ip4:192.0.2.0/25 ip4:192.0.2.128/25 -all", "ip4:192.0.2.0/24 -all", []),
    ("-all", "+all", ["anyone may now send"]),
    ("?ip4:192.0.2.1 -all", "-all", ["192.0.2.1: neutral becomes fail"]),
    ("~ip4:192.0.2.1 ~all", "-all", ["others: softfail becomes fail"]),
    (
        "a -all",
        "redirect=b.example",
        [
            "the hosts of a may send only where redirect=b.example says so",
            "others: fail becomes redirect=b.example",
        ],
    ),
    ("-ip4:192.0.2.1 ip4:192.0.2.0/31 -all", "ip4:192.0.2.0/31 -all", ["192.0.2.1 may now send"]),
    ("ip6:2001:db8::/32 -all", "ip6:2001:db8::/33 -all", ["2001:db8:8000::/33 may no longer send"]),
]


@pytest.mark.parametrize("before, after, sentences", CHANGES)
def test_a_change_is_told_by_what_it_means(before, after, sentences):
    told = spf.meaning_of_change(spf.parse(f"v=spf1 {before}"), spf.parse(f"v=spf1 {after}"))
    assert told == sentences


def test_the_first_record_of_a_domain_is_a_change_too():
    told = spf.meaning_of_change(None, spf.parse("v=spf1 ip4:192.0.2.1 -all"))
    assert told == ["192.0.2.1 may now send", "others: none becomes fail"]


def test_a_record_for_no_mail_permits_nobody():
    assert spf.permitted(spf.parse("v=spf1 -all")).nobody
    assert not spf.permitted(spf.parse("v=spf1 mx -all")).nobody
    assert not spf.permitted(None).nobody
