"""check_host and lookup_tree: verdicts, economy, limits and words, over pretended worlds."""

import pickle
import tracemalloc

import pytest

from maildns import spf
from maildns.ask import Outcome, Question
from maildns.errors import UsageError
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols.spf import program

ZONE = """
example.com.        TXT  "v=spf1 ip4:192.0.2.0/24 mx include:inc.example.com -all"
example.com.        MX   10 mx1.example.com.
example.com.        MX   20 mx2.example.com.
mx1.example.com.    A    198.51.100.1
mx2.example.com.    A    198.51.100.2
mx2.example.com.    AAAA 2001:db8::25
inc.example.com.    TXT  "v=spf1 ip4:203.0.113.0/24 ~all"
soft.example.com.   TXT  "v=spf1 ~all"
open.example.com.   TXT  "v=spf1 ?all"
two.example.com.    TXT  "v=spf1 -all"
two.example.com.    TXT  "v=spf1 mx -all"
wrong.example.com.  TXT  "v=spf1 ipv4:192.0.2.1 -all"
other.example.com.  TXT  "some other text"
loop.example.com.   TXT  "v=spf1 include:loop.example.com -all"
dangling.example.com. TXT "v=spf1 include:none.example.com -all"
hop.example.com.    TXT  "v=spf1 redirect=example.com"
badhop.example.com. TXT  "v=spf1 redirect=none.example.com"
null.example.com.   TXT  "v=spf1 mx -all"
null.example.com.   MX   0 .
late.example.com.   TXT  "v=spf1 ip4:192.0.2.1 a:slow.example.com -all"
local.example.com.  TXT  "v=spf1 exists:%{l}.users.example.com -all"
*.users.example.com. A   127.0.0.2
ptr.example.com.    TXT  "v=spf1 ptr:example.net -all"
pmacro.example.com. TXT  "v=spf1 exists:%{p}.ok.example.com -all"
host.example.net.ok.example.com. A 127.0.0.2
9.2.0.192.in-addr.arpa. PTR host.example.net.
9.2.0.192.in-addr.arpa. PTR elsewhere.example.org.
host.example.net.   A    192.0.2.9
voids.example.com.  TXT  "v=spf1 a:n1.example.com a:n2.example.com exists:n3.example.com -all"
xn--bcher-kva.example. TXT "v=spf1 ip4:192.0.2.1 -all exp=why.%{d}"
why.xn--bcher-kva.example. TXT "%{o} does not send from %{c}: %{h} %{r} %{t}"
"""


@pytest.fixture
def world():
    made = World.from_zone(ZONE)
    made.fail("slow.example.com", Outcome.UNREACHABLE)
    made.fail("bogus.example.com", Outcome.BOGUS)
    return made


def check(world, ip, domain, **more):
    inquiry = spf.check_host(ip=ip, sender=f"a@{domain}", helo="mx.example.org", **more)
    return run(inquiry, world)


VERDICTS = [
    ("192.0.2.7", "example.com", "pass", "a network"),
    ("::ffff:192.0.2.7", "example.com", "pass", "section 5: a mapped address is IPv4"),
    ("198.51.100.2", "example.com", "pass", "a mail exchanger"),
    ("2001:db8::25", "example.com", "pass", "and by IPv6"),
    ("203.0.113.7", "example.com", "pass", "an include that passes matches"),
    ("9.9.9.9", "example.com", "fail", "an include that does not pass does not"),
    ("9.9.9.9", "EXAMPLE.com.", "fail", "names have no case, and a final dot"),
    ("192.0.2.7", "hop.example.com", "pass", "section 6.1: the other policy holds"),
    ("9.9.9.9", "hop.example.com", "fail", "for good and ill"),
    ("9.9.9.9", "badhop.example.com", "permerror", "section 6.1: a redirect to nothing"),
    ("9.9.9.9", "soft.example.com", "softfail", ""),
    ("9.9.9.9", "open.example.com", "neutral", ""),
    ("9.9.9.9", "other.example.com", "none", "section 4.5: no record"),
    ("9.9.9.9", "none.example.com", "none", "section 4.3: no name"),
    ("9.9.9.9", "[192.0.2.1]", "none", "section 4.3: an address literal"),
    ("9.9.9.9", "localhost", "none", "section 4.3: a single label"),
    ("9.9.9.9", "two.example.com", "permerror", "section 4.5: several records"),
    ("192.0.2.1", "wrong.example.com", "permerror", "section 4.6: a fault anywhere"),
    ("9.9.9.9", "loop.example.com", "permerror", "section 4.6.4: the limit ends a loop"),
    ("9.9.9.9", "dangling.example.com", "permerror", "section 5.2: an include of nothing"),
    ("9.9.9.9", "null.example.com", "fail", "RFC 7505: a null MX is no host"),
    ("192.0.2.1", "late.example.com", "pass", "what failed was never asked"),
    ("9.9.9.9", "late.example.com", "temperror", "section 5: cannot know"),
    ("9.9.9.9", "slow.example.com", "temperror", "section 4.4"),
    ("9.9.9.9", "bogus.example.com", "temperror", "an answer that cannot be trusted"),
    ("192.0.2.9", "ptr.example.com", "pass", "a validated name within the target"),
    ("192.0.2.8", "ptr.example.com", "fail", "no reverse name"),
    ("192.0.2.9", "pmacro.example.com", "pass", "section 7.3: the validated name"),
    ("9.9.9.9", "voids.example.com", "permerror", "section 4.6.4: three lookups find nothing"),
    ("192.0.2.1", "b\u00fccher.example", "pass", "RFC 8616: by its A-labels"),
]


@pytest.mark.parametrize("ip, domain, result, reason", VERDICTS)
def test_the_verdict_follows_the_published_policy(world, ip, domain, result, reason):
    verdict = check(world, ip, domain)
    assert verdict.result == result, (reason, verdict)
    assert bool(verdict.problem) == (result in {"none", "temperror", "permerror"})


def test_a_null_sender_is_checked_by_the_helo_name(world):
    verdict = run(spf.check_host(ip="192.0.2.7", sender="<>", helo="example.com"), world)
    assert (verdict.result, verdict.domain) == ("pass", "example.com")


def test_a_path_is_read_without_its_brackets():
    world = World.from_zone('example.com. TXT "v=spf1 exists:%{l}.e.example -all"')
    world.add("ann.e.example", "A", "127.0.0.2")
    for sender in ("ann@example.com", "<ann@example.com>"):
        assert (
            run(spf.check_host(ip="192.0.2.1", sender=sender, helo="h.example"), world).result
            == "pass"
        )


def test_macros_do_not_multiply_what_a_stranger_sends():
    world = World()
    world.add(
        "example.com",
        "TXT",
        b"v=spf1 exists:" + b"%{l}" * 15_000 + b".e.example exp=x.example -all",
    )
    world.add("x.example", "TXT", b"%{s}" * 15_000)
    tracemalloc.start()
    verdict = run(
        spf.check_host(ip="192.0.2.1", sender="l" * 200_000 + "@example.com", helo="h"), world
    )
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert verdict.result == "fail"
    assert len(verdict.explanation) <= 1_000
    assert most < 100_000_000  # all of it would be gigabytes


def test_an_address_that_is_none_is_our_misuse(world):
    with pytest.raises(UsageError):
        check(world, "192.0.2.256", "example.com")


def test_an_explanation_is_filled_in(world):
    verdict = check(world, "9.9.9.9", "b\u00fccher.example", receiver="mx.example.org", timestamp=7)
    assert verdict.explanation == (
        "xn--bcher-kva.example does not send from 9.9.9.9: mx.example.org mx.example.org 7"
    )


def test_a_local_part_that_is_not_ascii_never_matches(world):
    ask = spf.check_host(ip="9.9.9.9", sender="user@local.example.com", helo="h.example")
    assert run(ask, world).result == "pass"
    ask = spf.check_host(ip="9.9.9.9", sender="us\u00e9r@local.example.com", helo="h.example")
    assert run(ask, world).result == "fail"  # RFC 8616 section 4


ECONOMY = [
    ("192.0.2.7", "example.com", ["example.com TXT"]),
    (
        "198.51.100.1",
        "example.com",
        ["example.com TXT", "example.com MX", "mx1.example.com A", "mx2.example.com A"],
    ),
    ("9.9.9.9", "null.example.com", ["null.example.com TXT", "null.example.com MX"]),
    ("9.9.9.9", "localhost", []),
    (
        "192.0.2.9",
        "ptr.example.com",
        ["ptr.example.com TXT", "9.2.0.192.in-addr.arpa PTR", "host.example.net A"],
    ),
]


@pytest.mark.parametrize("ip, domain, asked", ECONOMY)
def test_nothing_is_asked_that_cannot_matter(world, ip, domain, asked):
    check(world, ip, domain)
    assert [str(question) for question in world.asked] == asked


def test_the_addresses_of_all_mail_exchangers_are_asked_together(world):
    inquiry = spf.check_host(ip="9.9.9.9", sender="a@example.com", helo="h.example")
    rounds = []
    questions = next(inquiry)
    while len(rounds) < 3:
        rounds.append(len(questions))
        questions = inquiry.send(world.answer(questions))
    assert rounds == [1, 1, 2]


def test_the_trace_tells_every_term_that_was_tried(world):
    verdict = check(world, "203.0.113.7", "example.com")
    told = [(step.depth, step.term, step.cost, step.matched) for step in verdict.trace]
    assert told == [
        (0, "ip4:192.0.2.0/24", 0, False),
        (0, "mx", 1, False),
        (0, "include:inc.example.com", 1, True),
        (1, "ip4:203.0.113.0/24", 0, True),
    ]
    assert (verdict.lookups, verdict.void_lookups) == (2, 0)
    assert verdict.term == "include:inc.example.com"
    assert verdict.trace[2].answer == "inc.example.com says pass"


def test_a_verdict_with_its_trace_is_a_value(world):
    verdict = check(world, "203.0.113.7", "example.com")
    again = check(world, "203.0.113.7", "example.com")
    sent = pickle.loads(pickle.dumps(again))
    assert verdict == again == sent
    assert hash(verdict) == hash(sent)
    assert verdict != check(world, "192.0.2.7", "example.com")
    assert verdict.trace == tuple(verdict.trace)
    assert verdict.trace[1:3] == tuple(verdict.trace)[1:3]
    assert len(verdict.trace) == 4
    assert repr(verdict.trace) == repr(tuple(verdict.trace))


def test_records_are_kept_from_the_second_time_on_and_no_more_than_so_many():
    text = "v=spf1 ip4:192.0.2.77 mx -all"
    first, second, third = (program.program(text) for _ in range(3))
    assert first is not second
    assert second is third
    for number in range(2 * program.MAX_KEPT):
        some = f"v=spf1 ip6:2001:db8:{number:x}::/48 -all"
        program.program(some)
        program.program(some)
    assert len(program._kept) <= program.MAX_KEPT


def test_a_step_that_was_cut_short_says_why(world):
    verdict = check(world, "9.9.9.9", "late.example.com")
    assert "slow.example.com A" in verdict.problem
    assert verdict.trace[-1].answer == verdict.problem


@pytest.mark.parametrize("terms, result", [(10, "fail"), (11, "permerror")])
def test_ten_terms_may_ask_and_no_more(terms, result):
    world = World()
    world.add("example.com", "A", "198.51.100.1")
    world.add("example.com", "TXT", b"v=spf1" + b" a" * terms + b" -all")
    assert check(world, "9.9.9.9", "example.com").result == result


@pytest.mark.parametrize(
    "hosts, ip, result",
    [
        (10, "9.9.9.9", "fail"),
        (11, "9.9.9.9", "permerror"),  # section 4.6.4
        (11, "198.51.100.3", "pass"),  # the first ten have it, so no more are asked
    ],
)
def test_ten_mail_exchangers_are_looked_at_and_no_more(hosts, ip, result):
    world = World()
    world.add("example.com", "TXT", b"v=spf1 mx -all")
    for number in range(hosts):
        world.add("example.com", "MX", (number, f"mx{number}.example.com"))
        world.add(f"mx{number}.example.com", "A", f"198.51.100.{number}")
    assert check(world, ip, "example.com").result == result
    assert sum(question.rrtype == "A" for question in world.asked) == 10


def test_a_void_host_of_an_mx_does_not_count_as_a_void_lookup():
    world = World()
    world.add("example.com", "TXT", b"v=spf1 mx -all")
    for number in range(4):
        world.add("example.com", "MX", (number, f"mx{number}.example.com"))
    verdict = check(world, "9.9.9.9", "example.com")
    assert (verdict.result, verdict.void_lookups) == ("fail", 0)


# --- the tree ---------------------------------------------------------------------------


def test_the_tree_counts_all_branches_and_not_one_path():
    world = World.from_zone("""
example.com.   TXT "v=spf1 mx include:a.example.com include:b.example.com -all"
example.com.   MX  10 mx.example.com.
a.example.com. TXT "v=spf1 include:c.example.com a:gone.example.com ~all"
b.example.com. TXT "v=spf1 include:c.example.com redirect=d.example.com"
c.example.com. TXT "v=spf1 exists:%{i}.c.example.com -all"
d.example.com. TXT "v=spf1 ip4:9.9.9.9 -all"
""")
    tree = run(spf.lookup_tree("example.com"), world)
    assert tree.total == 9
    assert tree.costs() == (("mx", 1), ("include:a.example.com", 4), ("include:b.example.com", 4))
    assert tree.voids == ("a:gone.example.com of a.example.com",)
    assert tree.problems == ()
    assert tree.lines() == [
        "example.com  9 lookups",
        "  include:a.example.com  4 lookups",
        "    a:gone.example.com  ! finds nothing",
        "    include:c.example.com  2 lookups",
        "  include:b.example.com  4 lookups",
        "    include:c.example.com  2 lookups",
        "    redirect=d.example.com  1 lookup",
    ]
    assert world.asked.count(Question("c.example.com", "TXT")) == 1


def test_a_planned_record_stands_for_the_published_one(world):
    tree = run(spf.lookup_tree("example.com", "v=spf1 include:inc.example.com -all"), world)
    assert tree.total == 1
    assert world.asked == [Question("inc.example.com", "TXT")]


TROUBLE = [
    ("include:loop.example.com", "loop.example.com includes itself: a loop", False),
    ("include:none.example.com", "none.example.com has no SPF record", False),
    ("include:slow.example.com", "cannot be known", True),
    ("include:two.example.com", "2 SPF records", False),
    ("include:wrong.example.com", "unknown mechanism", False),
    ("include:a..example.com", "cannot be a name", False),
    ("a:n1.example a:n2.example a:n3.example", "3 lookups find nothing", False),
    ("mx " * 11, "11 lookups; receivers stop at 10", False),
]


@pytest.mark.parametrize("terms, problem, temporary", TROUBLE)
def test_what_ends_in_an_error_is_a_problem_of_the_tree(world, terms, problem, temporary):
    tree = run(spf.lookup_tree("example.com", f"v=spf1 {terms} -all"), world)
    assert any(problem in told for told in tree.problems), tree.problems
    assert any(node.temporary for node in tree.root.walk()) is temporary


def test_a_hostile_tree_is_not_read_to_its_end():
    world = World()
    wide = " ".join(f"include:h{n}.example.com" for n in range(60))
    for number in range(60):
        world.add(f"h{number}.example.com", "TXT", f"v=spf1 {wide} -all".encode())
    tree = run(spf.lookup_tree("h0.example.com"), world)
    assert not tree.complete
    assert sum(1 for _ in tree.root.walk()) <= 100
    assert len(world.asked) <= 100


def test_a_deep_tree_is_not_read_to_its_end():
    world = World()
    for number in range(40):
        world.add(
            f"h{number}.example.com", "TXT", f"v=spf1 include:h{number + 1}.example.com".encode()
        )
    assert not run(spf.lookup_tree("h0.example.com"), world).complete
