"""Laws of `authenticate`: any octets and any envelope end in results, within bounds."""

from __future__ import annotations

import time

import authres_grammar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import maildns
from maildns import Answer, Outcome, World, run
from maildns.authentication import authors_of, explain
from maildns.authentication.evaluate import MAX_AUTHORS
from maildns.authentication.field import MethodResult, fold
from maildns.dnsdata import name

QUICK = settings(max_examples=150, deadline=None)

ZONE = """
example.com.         TXT "v=spf1 mx a include:example.net exists:%{l}.example.org ptr -all"
_dmarc.example.com.  TXT "v=DMARC1; p=reject"
example.com.         MX 10 mx.example.com.
example.net.         TXT "v=spf1 ?all"
_dmarc.example.net.  TXT "v=DMARC1; p=quarantine; t=y"
mx.example.com.      A 192.0.2.1
k._domainkey.example.com. TXT "v=DKIM1; p=AAAA"
"""

# --- any octets ---------------------------------------------------------------------------

NAMES = st.sampled_from(["example.com", "a.example.com", "example.net", "x", "bücher.example", ""])
TEXTS = st.one_of(NAMES, st.text(max_size=30))
ADDRESSES = st.builds("{}@{}".format, st.text(max_size=8), NAMES)
TAGS = st.sampled_from(
    ["v=1", "a=rsa-sha256", "d=example.com", "s=k", "h=from", "bh=AAAA", "b=AAAA", "c=relaxed", "x"]
)
LINES = st.one_of(
    st.builds("From: {}".format, st.one_of(ADDRESSES, TEXTS)),
    st.builds("From: {}, X <{}>".format, ADDRESSES, ADDRESSES),
    st.builds(lambda tags: "DKIM-Signature: " + "; ".join(tags), st.lists(TAGS, max_size=9)),
    st.builds(
        lambda n, tags: f"ARC-Seal: i={n}; cv=none; " + "; ".join(tags),
        st.integers(0, 60),
        st.lists(TAGS, max_size=9),
    ),
    st.text(max_size=40),
    st.just(""),
)
HEADERS = st.builds(
    lambda lines, end: end.join(lines).encode("utf-8", "surrogatepass"),
    st.lists(LINES, max_size=8),
    st.sampled_from(["\r\n", "\n", "\r", "\r\n "]),
)
MAILS = st.one_of(
    st.binary(max_size=300),
    HEADERS,
    st.builds(lambda rest: b"From: x@example.com\r\n" + rest, HEADERS),
)
SENDERS = st.one_of(st.just("x@example.com"), ADDRESSES, TEXTS)
IPS = st.one_of(st.just("192.0.2.1"), st.ip_addresses().map(str))


class Failing:
    """A world that answers everything with one outcome."""

    def __init__(self, outcome):
        self.outcome = outcome
        self.asked = []

    def answer(self, questions):
        self.asked.extend(questions)
        return [Answer(question, self.outcome) for question in questions]


WORLDS = st.one_of(
    st.builds(World.from_zone, st.just(ZONE)),
    st.builds(Failing, st.sampled_from([Outcome.UNREACHABLE, Outcome.BOGUS, Outcome.NO_NAME])),
)

SPF_QUESTIONS = 1 + 10 * 11 + 11 + 2  # RFC 7208 section 4.6.4, the names of the client, exp
IPREV_QUESTIONS = 1 + 10
SIGNATURES = 20
ARC_QUESTIONS = 2 * 50
WALK = 8  # RFC 9989 section 4.10
MOST_QUESTIONS = (
    2 * SPF_QUESTIONS
    + IPREV_QUESTIONS
    + SIGNATURES
    + ARC_QUESTIONS
    + WALK * (MAX_AUTHORS + 1 + SIGNATURES)
    + 3 * MAX_AUTHORS  # existence, and two of the older reader
    + WALK
    + 3  # BIMI
)


@given(message=MAILS, world=WORLDS, ip=IPS, helo=TEXTS, sender=SENDERS)
@QUICK
def test_any_octets_end_in_results_whose_field_keeps_the_grammar(message, world, ip, helo, sender):
    results = run(maildns.authenticate(message, ip=ip, helo=helo, sender=sender), world)
    authserv_id, told = authres_grammar.read(str(results))
    assert authserv_id == "localhost"
    assert [(one.method, one.result) for one in results.methods] == [one[:2] for one in told]
    assert {"iprev", "spf", "dkim", "dmarc"} <= {method for method, *_ in told}
    assert len(world.asked) == len(set(world.asked)) <= MOST_QUESTIONS
    assert all(because.result for because in explain(results))
    if results.dmarc.result == "pass":
        passed = {results.spf.result, *(one.result for one in results.dkim)}
        assert "pass" in passed
        assert results.authors.domains
        assert not results.authors.problems


@given(st.binary(max_size=200))
@QUICK
def test_an_author_domain_is_a_name_in_its_one_spelling(body):
    for domain in authors_of(b"From: " + body).domains:
        assert name(domain) == domain


# Mailboxes by the grammar of RFC 5322 section 3.4, of which the domain is known.
DOMAINS = st.sampled_from(["a.example", "b.example", "mail.c.example", "bücher.example"])
ATOMS = st.text("abc!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=5)
QUOTED = st.text('ab @<>,;:()[]."\\', max_size=8).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
COMMENTS = st.recursive(
    st.text('ab @<>,;:."', max_size=6).map("({})".format), lambda inner: inner.map("(x{})".format)
)
BLANKS = st.one_of(st.sampled_from(["", " ", "\r\n ", "\t"]), COMMENTS)
PHRASES = st.lists(st.one_of(ATOMS, QUOTED), min_size=1, max_size=3).map(" ".join)
SPECS = st.builds(
    lambda local, gap, domain: (f"{local}@{gap}{domain}", domain),
    st.one_of(ATOMS, QUOTED, st.builds("{}.{}".format, ATOMS, ATOMS)),
    BLANKS,
    DOMAINS,
)
MAILBOXES = st.one_of(
    st.builds(lambda a, spec, b: (f"{a}{spec[0]}{b}", spec[1]), BLANKS, SPECS, BLANKS),
    st.builds(
        lambda phrase, a, spec, b: (f"{phrase} <{a}{spec[0]}{b}>{b}", spec[1]),
        PHRASES,
        BLANKS,
        SPECS,
        BLANKS,
    ),
)


@given(st.lists(MAILBOXES, min_size=1, max_size=5), st.one_of(st.just(""), PHRASES))
@QUICK
def test_the_domains_of_addresses_in_good_order_are_all_found(mailboxes, group):
    field = ",".join(text for text, _ in mailboxes)
    if group:
        field = f"{group}: {field};"
    found = authors_of(f"From: {field}\r\n\r\n".encode())
    assert found.domains == tuple(dict.fromkeys(name(domain) for _, domain in mailboxes))
    assert found.problems == ()


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
@QUICK
def test_every_value_of_the_field_stays_a_value(authserv_id, reason, value):
    results = [MethodResult("spf", "fail", reason, (("smtp.helo", value), ("smtp.mailfrom", "x")))]
    _, told = authres_grammar.read(fold(authserv_id, results))
    ((_, _, _, properties),) = told
    assert properties["smtp.mailfrom"] == "x"
    if value.isprintable() and value:
        assert properties["smtp.helo"] == value


@given(st.lists(st.text("ab ", max_size=90), min_size=1, max_size=5))
@QUICK
def test_a_line_is_wider_than_mail_wants_only_for_a_word_that_is(values):
    result = MethodResult("spf", "fail", "", tuple((f"smtp.p{n}", v) for n, v in enumerate(values)))
    indent = "        "
    for line in fold("x" * 50, [result, result]).split("\r\n"):
        words = [f"{indent}{word}" for word in result.words if len(indent + word) > 76]
        assert len(line) <= 78 or line.rstrip(";") in words


# --- hostile sizes ------------------------------------------------------------------------

MEGABYTE = 1 << 20
SIGNED = b"DKIM-Signature: v=1; a=rsa-sha256; d=d%d.example.com; s=k; h=from; bh=AAAA; b=AAAA\r\n"
SIZES = {
    "a header line of 1 MB": b"From: a@example.com\r\nX: " + b"x" * MEGABYTE + b"\r\n\r\n",
    "a From of 1 MB of <": b"From: " + b"<" * MEGABYTE + b"\r\n\r\n",
    "a From of 60 kB of (": b"From: " + b"(" * 60_000 + b"\r\n\r\n",
    'a From of 60 kB of "': b"From: " + b'\\"' * 30_000 + b"\r\n\r\n",
    "a From of 60 kB of :": b"From: " + b"a:" * 30_000 + b"\r\n\r\n",
    "a From of 60 kB of @": b"From: @" + b"a@:" * 20_000 + b"\r\n\r\n",
    "a From of 60 kB of blanks": b"From: a@" + b" " * 60_000 + b".com\r\n\r\n",
    "10,000 addresses": b"From: "
    + b",\r\n ".join(b"a@d%d.example.com" % n for n in range(10_000))
    + b"\r\n\r\n",
    "2,000 addresses": b"From: "
    + b",\r\n ".join(b"a@%d.com" % n for n in range(2_000))
    + b"\r\n\r\n",
    "10,000 From fields": b"".join(b"From: a@d%d.example.com\r\n" % n for n in range(10_000)),
    "10,000 signatures": b"".join(SIGNED % n for n in range(10_000))
    + b"From: a@example.com\r\n\r\n",
    "a signature of 1 MB": b"DKIM-Signature: v=1; h=" + b"from:" * (MEGABYTE // 5) + b"\r\n\r\n",
    "1 MB of folds": b"From: a@example.com\r\nX: " + b"\r\n " * (MEGABYTE // 3) + b"\r\n\r\n",
    "1 MB of bare CR": b"\r" * MEGABYTE,
    "a MIME bomb": b"From: a@example.com\r\n\r\n"
    + b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" * 20_000,
    "10,000 seals": b"".join(
        b"ARC-Seal: i=%d; cv=pass; a=rsa-sha256; d=d%d.example; s=k; b=AAAA\r\n" % (n, n)
        for n in range(10_000)
    ),
}
SECONDS = 5.0


@pytest.mark.parametrize("outcome", [Outcome.UNREACHABLE, Outcome.NO_NAME])
@pytest.mark.parametrize("size", SIZES)
def test_a_hostile_message_costs_bounded_time_and_questions(size, outcome):
    world = Failing(outcome)
    started = time.process_time()
    envelope = {"ip": "192.0.2.1", "helo": "x" * 10_000, "sender": "a" * 10_000 + "@example.com"}
    results = run(maildns.authenticate(SIZES[size], **envelope), world)
    authres_grammar.read(str(results))
    assert time.process_time() - started < SECONDS
    assert len(world.asked) <= MOST_QUESTIONS
    assert results.dmarc.result != "pass"


def test_a_walk_for_each_signature_is_bounded_too():
    deep = "a.b.c.d.e.f.g.h.i.j"
    message = b"".join(
        b"DKIM-Signature: v=1; a=rsa-sha256; d=%d.%s.example.com; s=k; h=from; bh=AAAA; b=AAAA\r\n"
        % (n, deep.encode())
        for n in range(100)
    )
    world = World.from_zone('_dmarc.example.com. TXT "v=DMARC1; p=reject"')
    for n in range(100):
        world.fail(f"k._domainkey.{n}.{deep}.example.com", Outcome.UNREACHABLE)
    run(
        maildns.authenticate(
            message + b"From: a@example.com\r\n\r\n", ip="192.0.2.1", helo="x.example", sender="<>"
        ),
        world,
    )
    policies = [one for one in world.asked if one.name.startswith("_dmarc.")]
    assert SIGNATURES < len(policies) <= WALK * (SIGNATURES + 2)
