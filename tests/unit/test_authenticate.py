"""`maildns.authenticate`: all methods over one message, and the field that tells them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import authres_grammar
import pytest
from signed_mail import MESSAGE, NOW, sign, signing_world

import maildns
from maildns import Outcome, Question, World, run
from maildns.ask import Together
from maildns.authentication import authors_of, explain
from maildns.authentication.author import MAX_FIELDS, MAX_OCTETS, header_section
from maildns.authentication.evaluate import MAX_AUTHORS
from maildns.authentication.field import MethodResult, fold
from maildns.authentication.results import MAX_SIGNATURES_TOLD
from maildns.authentication.trace import MAX_TOLD
from maildns.errors import UsageError

ZONE = """
example.com.            TXT "v=spf1 ip4:192.0.2.0/24 -all"
_dmarc.example.com.     TXT "v=DMARC1; p=reject; sp=quarantine"
default._bimi.example.com. TXT "v=BIMI1; l=https://example.com/logo.svg"
example.net.            TXT "v=spf1 -all"
_dmarc.example.net.     TXT "v=DMARC1; p=quarantine"
mx.example.com.         A 192.0.2.1
mx.example.com.         TXT "v=spf1 a -all"
1.2.0.192.in-addr.arpa. PTR mx.example.com.
xn--bcher-kva.example.  TXT "v=spf1 ip4:192.0.2.0/24 -all"
_dmarc.xn--bcher-kva.example. TXT "v=DMARC1; p=reject"
tried.example.          TXT "v=spf1 ip4:192.0.2.0/24 -all"
_dmarc.tried.example.   TXT "v=DMARC1; p=reject; t=y"
"""


def check(message, world=None, **envelope):
    given = {"ip": "192.0.2.1", "helo": "mx.example.com", "sender": "a@example.com", "now": NOW}
    return run(maildns.authenticate(message, **(given | envelope)), world or World.from_zone(ZONE))


def mail(*lines):
    return "\r\n".join([*lines, "Subject: x", "", "body", ""]).encode()


# --- author domains -----------------------------------------------------------------------

AUTHORS = [
    ("a@example.com", "example.com"),
    ("<a@example.com>", "example.com"),
    ("Ann <a@Example.COM.>", "example.com"),  # names have one spelling
    ('"evil@example.net" <a@example.com>', "example.com"),  # a display name is no address
    ("evil@example.net <a@example.com>", "example.com"),  # not even unquoted
    ('"<evil@example.net>" <a@example.com>', "example.com"),
    ("=?utf-8?q?evil=40example=2Enet?= <a@example.com>", "example.com"),  # no more than a name
    ("a@example.com (evil@example.net (nested) \\) <b@example.net>)", "example.com"),
    ("a@(why)example(not).(ever)com", "example.com"),  # comments and blanks of RFC 822
    ("a @ example . com", "example.com"),
    ('"a@b"@example.com', "example.com"),  # a quoted local part
    ("<@relay.example,@other.example:a@example.com>", "example.com"),  # a route, obsolete
    ("Group: a@example.com, b@example.net;", "example.com example.net"),  # RFC 6854
    ("undisclosed-recipients:;", ""),
    ("a@example.com, b@example.net", "example.com example.net"),
    ("a@example.com, b@Example.com", "example.com"),  # one domain
    ("Doe, Ann <a@example.com>", "example.com"),  # a comma that should be quoted
    ("ann", ""),
    ("", ""),
    ("a@bücher.example", "xn--bcher-kva.example"),  # RFC 6532, RFC 9989 section 5.3.1
    ("ä@bücher.example", "xn--bcher-kva.example"),
    ("a@b@example.com", "example.com !"),  # which @?
    ("a@example.com <b@example.net> <c@example.org>", "example.net example.org !"),
    ("a@[192.0.2.1]", "!"),
    ("a@exam\x00ple.com", "!"),
    ("a@example.com\\.example.net", "!"),  # an escape of zone files is none here
    ("a@" + "x" * 64 + ".example", "!"),
    ('"a <a@example.com>', "!"),  # the quotation swallows the address: tell it
    ("(a <a@example.com>", "!"),
    ("Ann <a@example.com", "example.com !"),
    ("b@example.net: a@example.com;", "example.com !"),  # an address as a group's name
    (r"a@example.com \<b@example.net>", "example.net"),
]


@pytest.mark.parametrize("field, expected", AUTHORS)
def test_the_author_domains_are_those_a_mail_program_might_show(field, expected):
    found = authors_of(mail(f"From: {field}"))
    shown = [*found.domains, *(["!"] if found.problems and found.domains else [])]
    if not found.domains and found.problems != ("the From field has no address with a domain",):
        shown = ["!"]
    assert " ".join(shown) == expected


FIELDS = [
    (b"From: a@example.com\n\nFrom: b@example.net\n", 1),  # the body is no header; LF alone
    (b"From: a@example.com\r\n\r\nFrom: b@example.net\r\n", 1),
    (b"FROM : a@example.com\r\n\r\n", 1),  # RFC 5322 section 4.5.1: blanks before the colon
    (b"X: y\r\nFrom:\r\n a@example.com\r\n\r\n", 1),  # folded
    (b"From: a@example.com", 1),  # neither an end of line nor a body
    (b"From: a@example.com\r\nFrom: a@example.com\r\n\r\n", 2),
    (b"X: y\rFrom: a@example.com\r\n\r\n", 1),  # a bare CR is a line's end for some
    (b"Not a field\r\nFrom: a@example.com\r\n\r\n", 1),
    (b"Fromage: a@example.com\r\nX-From: a@example.com\r\n\r\n", 0),
    (b"\r\nFrom: a@example.com\r\n", 0),  # the header is empty
    (b"", 0),
]


@pytest.mark.parametrize("message, count", FIELDS)
def test_a_from_field_is_found_wherever_a_mail_program_would(message, count):
    found = authors_of(message)
    assert (found.fields, found.domains) == (count, ("example.com",) if count else ())


def test_the_header_ends_at_the_first_empty_line():
    assert header_section(b"A: b\n\nC: d\r\n\r\n") == b"A: b\n"
    assert header_section(b"A: b\r\n \r\nC: d\r\n\r\nE: f") == b"A: b\r\n \r\nC: d\r\n"


def test_an_address_without_a_domain_name_is_told_for_what_it_is():
    (problem,) = authors_of(mail("From: a@[192.0.2.1]")).problems
    assert problem == "an address of the From field has an IP address for a domain"


def test_more_from_fields_than_anyone_reads_are_told():
    found = authors_of(mail(*["From: a@example.com"] * (MAX_FIELDS + 5)))
    assert found.domains == ("example.com",)
    assert found.problems == (f"only the first {MAX_FIELDS} From fields were looked at",)
    long = authors_of(mail("From: " + "a@example.com," * MAX_OCTETS))
    assert long.domains == ()
    assert long.problems == (f"a From field has more than {MAX_OCTETS} octets",)


# --- verdicts -----------------------------------------------------------------------------

VERDICTS = [
    # From, sender, address: dmarc, disposition
    ("a@example.com", "a@example.com", "192.0.2.1", "pass", "none"),
    ("a@example.com", "b@mx.example.com", "192.0.2.1", "pass", "none"),  # relaxed
    ("a@example.com", "<>", "192.0.2.1", "pass", "none"),  # postmaster@mx.example.com
    ("a@example.com", "a@example.com", "198.51.100.1", "fail", "reject"),
    ("a@mail.example.com", "a@example.net", "192.0.2.1", "fail", "quarantine"),  # sp
    ("a@example.com", "a@tried.example", "192.0.2.1", "fail", "reject"),  # HELO alone never counts
    ("a@bücher.example", "a@bücher.example", "192.0.2.1", "pass", "none"),
    ("a@unknown.example", "a@example.com", "192.0.2.1", "none", "none"),
    ("nobody", "a@example.com", "192.0.2.1", "none", "none"),
    ("a@example.com, b@example.net", "a@example.com", "192.0.2.1", "fail", "quarantine"),
    ("b@example.net, a@example.com", "a@x.example", "192.0.2.1", "fail", "reject"),  # strictest
    ("a@example.com, b@unknown.example", "a@example.com", "192.0.2.1", "none", "none"),
    ("a@example.com, b@[192.0.2.1]", "a@example.com", "192.0.2.1", "permerror", "none"),
    ("a@tried.example", "b@x.example", "192.0.2.1", "fail", "quarantine"),  # t=y
]


@pytest.mark.parametrize("author, sender, ip, result, disposition", VERDICTS)
def test_dmarc_rests_on_the_author_and_the_envelope(author, sender, ip, result, disposition):
    results = check(mail(f"From: {author}"), sender=sender, ip=ip)
    assert (results.dmarc.result, results.dmarc.disposition) == (result, disposition)
    told = [one for one in authres_grammar.read(str(results))[1] if one[0] == "dmarc"]
    assert told[0][1] == result


def test_the_two_kinds_of_receivers_are_told_apart_where_they_differ():
    results = check(mail("From: a@tried.example"), sender="b@x.example")
    assert (results.dmarc.disposition, results.dmarc_rfc7489.disposition) == (
        "quarantine",
        "reject",
    )
    assert results.readers_differ
    assert "receivers of RFC 7489 say fail, reject" in str(results)
    subjects = [one.subject for one in explain(results) if one.method == "dmarc"]
    assert subjects == [
        "tried.example (receivers of RFC 9989)",
        "tried.example (receivers of RFC 7489)",
    ]


def test_one_kind_of_receiver_can_be_asked_for():
    results = check(mail("From: a@tried.example"), sender="b@x.example", readers=["rfc7489"])
    assert (results.dmarc.disposition, results.readers_differ) == ("reject", False)
    results = check(mail("From: a@tried.example"), sender="b@x.example", readers=["rfc9989"])
    assert (results.dmarc.disposition, results.dmarc_rfc7489) == ("quarantine", None)


ODD = [
    (["From: a@example.com"], None),
    (["From: a@example.com", "From: b@example.com"], ("pass", "more than one From field")),
    (["From: a@example.com, b@example.net"], ("fail", "several author domains")),
    (["From: a@example.com, b@[192.0.2.1]"], ("permerror", "an IP address for a domain")),
    (["X: y"], ("none", "there is no From field")),
]


@pytest.mark.parametrize("fields, said", ODD)
def test_what_is_odd_with_the_authors_is_said_first(fields, said):
    first = next(one for one in explain(check(mail(*fields))) if one.method == "dmarc")
    if said is None:
        assert first.subject == "example.com"
    else:
        assert (first.subject, first.result) == ("the message", said[0])
        assert said[1] in first.why


def test_more_authors_than_are_looked_at_prove_nothing():
    zone = "\n".join(
        f'd{n}.example. TXT "v=spf1 ip4:192.0.2.1 -all"\n_dmarc.d{n}.example. TXT "v=DMARC1; p=none"'
        for n in range(MAX_AUTHORS + 1)
    )
    world = World.from_zone(zone)
    authors = ", ".join(f"a@d{n}.example" for n in range(MAX_AUTHORS + 1))
    results = check(mail(f"From: {authors}"), world, sender="a@d0.example")
    assert results.dmarc.result == "fail"  # of the others
    assert len(results.by_author) == MAX_AUTHORS


def test_a_name_server_that_is_silent_is_no_missing_policy():
    world = World.from_zone(ZONE)
    world.fail("_dmarc.example.com", Outcome.UNREACHABLE)
    world.fail("1.2.0.192.in-addr.arpa", Outcome.UNREACHABLE)
    results = check(mail("From: a@example.com"), world)
    assert (results.dmarc.result, results.iprev.result) == ("temperror", "temperror")
    assert results.spf.result == "pass"


def test_questions_that_do_not_depend_on_each_other_are_asked_at_once():
    world = World.from_zone(ZONE)
    rounds = []

    class Counting:
        def answer(self, questions):
            rounds.append(len(questions))
            return world.answer(questions)

    run(
        maildns.authenticate(
            mail("From: a@example.com"),
            ip="192.0.2.1",
            helo="mx.example.com",
            sender="a@example.com",
        ),
        Counting(),
    )
    assert len(rounds) <= 5  # SPF of HELO asks twice, then DMARC, then BIMI
    assert len(world.asked) == len(set(world.asked))  # nothing twice


def test_nothing_is_asked_of_bimi_unless_the_policy_is_enforced():
    assert check(mail("From: a@tried.example"), sender="a@tried.example").bimi is None
    assert check(mail("From: a@example.com"), ip="198.51.100.1").bimi is None
    world = World.from_zone(ZONE)
    results = check(mail("From: a@example.com"), world)
    assert results.bimi.result == "found"
    assert 'bimi=skipped reason="the picture was not fetched"' in str(results)


GATES = [
    # the author's record, the organizational domain's: is a picture looked for?
    ("v=DMARC1; p=reject", "", True),
    ("v=DMARC1; p=none", "", False),
    ("v=DMARC1; p=none; sp=reject", "", False),
    ("v=DMARC1; p=quarantine; sp=none", "", False),
    ("v=DMARC1; p=quarantine; t=y", "", False),
    ("v=DMARC1; p=quarantine; pct=50", "", False),
    ("v=DMARC1; p=quarantine; pct=100", "", True),
    ("", "v=DMARC1; p=reject", True),
    ("", "v=DMARC1; p=reject; sp=none", False),
    ("v=DMARC1; p=reject", "v=DMARC1; p=reject", True),
    ("v=DMARC1; p=reject", "v=DMARC1; p=none", False),  # both must ask for it
]


@pytest.mark.parametrize("own, above, looked", GATES)
def test_a_picture_is_looked_for_where_both_policies_are_enforced(own, above, looked):
    world = World.from_zone('news.bank.example. TXT "v=spf1 +all"')
    for owner, text in (("news.bank.example", own), ("bank.example", above)):
        if text:
            world.add(f"_dmarc.{owner}", "TXT", text.encode())
    results = check(mail("From: a@news.bank.example"), world, sender="a@news.bank.example")
    assert results.dmarc.result == "pass"
    assert any("_bimi" in question.name for question in world.asked) is looked


def test_a_silent_name_server_above_shows_no_picture():
    world = World.from_zone(ZONE)
    world.fail("_dmarc.com", Outcome.UNREACHABLE)
    results = check(mail("From: a@example.com"), world)
    assert (results.dmarc.result, results.bimi) == ("pass", None)


def test_two_authors_have_no_picture():
    zone = ZONE.replace("sp=quarantine", "") + 'example.org. TXT "v=spf1 +all"'
    zone += '\n_dmarc.www.example.com. TXT "v=DMARC1; p=reject"'
    results = check(mail("From: a@example.com, b@www.example.com"), World.from_zone(zone))
    assert (results.dmarc.result, results.bimi) == ("pass", None)


ONE_AUTHOR = [
    # the header, the record that is found
    (["From: Ann <ann@example.com>"], "ann._bimi.example.com"),
    (["From: bob@example.com"], "default._bimi.example.com"),
    (['From: "ann"@example.com'], "default._bimi.example.com"),  # quoted: no selector
    (["From: ann@example.com, bob@example.com"], None),  # two authors of one domain
    (["From: ann@example.com", "From: ann@example.com"], None),
]


@pytest.mark.parametrize("header, owner", ONE_AUTHOR)
def test_the_picture_is_that_of_the_one_author(header, owner):
    zone = ZONE.replace("sp=quarantine", "").replace("logo.svg", "logo.svg; lps=ann")
    zone += '\nann._bimi.example.com. TXT "v=BIMI1; l=https://example.com/ann.svg"'
    results = check(mail(*header), World.from_zone(zone))
    assert results.dmarc.result == "pass"
    assert (results.bimi.owner if results.bimi else None) == owner


def test_the_check_of_a_null_sender_is_that_of_helo_and_made_once():
    results = check(mail("From: a@example.com"), sender="<>")
    assert results.spf_helo is None
    spf = [one for one in authres_grammar.read(str(results))[1] if one[0] == "spf"]
    assert spf == [("spf", "pass", "", {"smtp.helo": "mx.example.com"})]


MISUSE = [
    {"ip": "not an address"},
    {"authserv_id": " "},
    {"readers": []},
    {"readers": ["rfc1"]},
]


@pytest.mark.parametrize("wrong", MISUSE, ids=str)
def test_nonsense_of_the_caller_is_refused(wrong):
    with pytest.raises(UsageError):
        check(mail("From: a@example.com"), **wrong)


@pytest.mark.parametrize("nothing", [None, "", "<>"])
def test_without_an_envelope_the_message_is_judged_all_the_same(nothing):
    results = check(sign(MESSAGE), signing_world(), sender=nothing, helo=nothing and "")
    assert [one.result for one in results.dkim] == ["pass"]
    assert (results.spf.result, results.spf.problem) == ("none", "no domain is known")
    assert "spf=none" in str(results)


def test_under_asyncio_the_results_are_the_same():
    message, envelope = mail("From: a@example.com"), {"ip": "192.0.2.1", "helo": "", "sender": "<>"}
    world = World.from_zone(ZONE)
    inquiry = maildns.authenticate(message, **envelope)
    awaited = asyncio.run(maildns.run_async(inquiry, world))
    assert awaited == run(maildns.authenticate(message, **envelope), world)


def test_a_message_is_octets():
    with pytest.raises(UsageError):
        check("From: a@example.com")
    assert check(memoryview(mail("From: a@example.com"))).dmarc.result == "pass"


# --- ARC, which may be there --------------------------------------------------------------

CHAINS = [
    ("pass", "", "arc=pass smtp.remote-ip=192.0.2.1 header.oldest-pass=0"),
    ("fail", "seal 2 is broken", 'arc=fail reason="seal 2 is broken" smtp.remote-ip=192.0.2.1'),
    ("none", "", ""),  # not worth a word
]


@pytest.mark.parametrize("result, reason, told", CHAINS)
def test_a_chain_of_seals_is_told_where_there_is_one(result, reason, told):
    chain = SimpleNamespace(result=result, reason=reason, sealers=("list.example",), oldest_pass=0)
    results = replace(check(mail("From: a@example.com")), arc=chain)
    assert [str(one) for one in results.methods if one.method == "arc"] == [told] * bool(told)
    assert [one.method for one in explain(results)].count("arc") == bool(told)


# --- several inquiries --------------------------------------------------------------------


def counting(*names):
    for one in names:
        yield (Question(one, "TXT"), Question("shared.example", "TXT"))
    return len(names)


def test_inquiries_run_in_step_and_share_their_answers():
    world, rounds = World(), []

    class Noting:
        def answer(self, questions):
            rounds.append([str(question) for question in questions])
            return world.answer(questions)

    long, short = counting("a.example", "b.example", "c.example"), counting("a.example")
    assert run(Together().run([long, short, counting()]), Noting()) == [3, 1, 0]
    assert rounds == [["a.example TXT", "shared.example TXT"], ["b.example TXT"], ["c.example TXT"]]


# --- signatures ---------------------------------------------------------------------------


def test_a_message_signed_by_dkimpy_passes():
    results = check(sign(MESSAGE), signing_world(), ip="198.51.100.1", sender="b@list.example")
    assert [one.result for one in results.dkim] == ["pass"]
    assert (results.dmarc.result, results.dmarc.dkim_aligned) == ("pass", True)
    (told,) = [one for one in authres_grammar.read(str(results))[1] if one[0] == "dkim"]
    assert told[1] == "pass"
    assert told[3]["header.d"] == "signed.example"
    assert told[3]["header.s"] == "test"
    assert told[3]["header.a"] == "rsa-sha256"
    assert len(told[3]["header.b"]) == 8


CHANGES = [
    (b"body of", b"bOdy of", "body"),  # one octet of the body
    (b"Subject: a", b"Subject: b", "header"),  # one of a signed field
]


@pytest.mark.parametrize("old, new, changed", CHANGES)
def test_one_octet_changed_fails_and_it_is_said_which_hash_differs(old, new, changed):
    signed = sign(MESSAGE)
    assert old in signed
    results = check(
        signed.replace(old, new), signing_world(), ip="198.51.100.1", sender="b@list.example"
    )
    assert (results.dkim[0].result, results.dmarc.result) == ("fail", "fail")
    (because,) = [one for one in explain(results) if one.method == "dkim"]
    assert changed in because.why.split(":")[0]
    assert any(step.startswith("bh= in the signature: ") for step in because.steps)


# --- the field ----------------------------------------------------------------------------

HOSTILE = [
    "a\r\nBcc: victim@example.com",
    'a"; dmarc=pass header.from="bank.example',
    "a\\",
    'a\\" x',
    "(comment",
    "a;b=c d",
    "\x00\x7f\x85\u2028\u202e",
    "ä@bücher.example",
    "x" * 5000,
    "ü" * 5000,
    '"' * 5000,
    "a..b@example.com",
    "a@-example.com",
    "a@example.com.",
    "2001:db8::1",
    "=?utf-8?q?x?=",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_value_breaks_out_of_the_field(text):
    results = [
        MethodResult("spf", "fail", text, (("smtp.mailfrom", text),)),
        MethodResult("dmarc", "fail"),
    ]
    authserv_id, told = authres_grammar.read(fold(text, results))
    assert authserv_id
    assert [(method, result) for method, result, *_ in told] == [("spf", "fail"), ("dmarc", "fail")]


def test_what_a_stranger_says_cannot_forge_a_result():
    forged = 'x" ; dmarc=pass header.from=example.net\r\nX-Other: y'
    results = check(mail("From: a@example.net"), helo=forged, sender=f"{forged}@example.com")
    _, told = authres_grammar.read(str(results))
    assert [result for method, result, *_ in told if method == "dmarc"] == ["fail"]
    assert "\n" not in str(results).replace("\r\n    ", "")


def test_a_thousand_signatures_do_not_fill_the_field():
    signature = "DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=k; h=from; bh=AAAA; b=AAAA"
    results = check(mail(*[signature] * 1000, "From: a@example.com"))
    assert len(results.dkim) == 1000
    told = [one for one in authres_grammar.read(str(results))[1] if one[0] == "dkim"]
    assert len(told) == MAX_SIGNATURES_TOLD
    subjects = [one.subject for one in explain(results) if one.method == "dkim"]
    assert subjects[-1] == f"{1000 - MAX_TOLD} more signatures"


def test_lines_are_folded_to_the_width_of_mail():
    value = str(check(mail("From: a@example.com")))
    assert max(len(line) for line in value.split("\r\n")) <= 78
    assert fold("mx.example.com", []) == "mx.example.com; none"


def test_the_field_is_told_with_its_name_and_any_newline():
    results = check(mail("From: a@example.com"), authserv_id="mx.example.org")
    assert results.field("\n").startswith("Authentication-Results: mx.example.org;\n    iprev=pass")
    assert results.field() == f"Authentication-Results: {results}"
