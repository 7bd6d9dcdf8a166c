"""What receivers of both kinds make of a message, over a pretended world."""

import time

import pytest

from maildns.ask import Outcome, Question
from maildns.errors import RecordSyntaxError, UsageError
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols import dmarc

ZONE = """
_dmarc.example.com.            TXT "v=DMARC1; p=reject; sp=quarantine; np=reject; rua=mailto:d@example.com"
www.example.com.               A   192.0.2.1
_dmarc.mail.example.com.       TXT "v=DMARC1; p=none; rua=mailto:d@example.com"
_dmarc.own.example.com.        TXT "v=DMARC1; p=reject; psd=n"

_dmarc.strict.example.         TXT "v=DMARC1; p=reject; adkim=s; aspf=s"
_dmarc.test.example.           TXT "v=DMARC1; p=reject; t=y; pct=0"
_dmarc.twice.example.          TXT "v=DMARC1; p=reject"
_dmarc.twice.example.          TXT "v=DMARC1; p=none"
_dmarc.sub.twice.example.      TXT "v=DMARC1; p=reject"
_dmarc.sub.twice.example.      TXT "v=DMARC1; p=none"
_dmarc.noise.example.          TXT "v=spf1 -all"
_dmarc.noise.example.          TXT "v=DMARC1; p=reject"
_dmarc.noise.example.          TXT "v=DMARC12; p=none"
_dmarc.split.example.          TXT "v=DMARC1; p=rej" "ect"
_dmarc.alias.example.          CNAME _dmarc.example.com.

_dmarc.bad-rua.example.        TXT "v=DMARC1; p=rejct; rua=mailto:d@bad-rua.example"
_dmarc.bad.example.            TXT "v=DMARC1; p=rejct; rua=d@bad.example"
_dmarc.bad-sp.example.         TXT "v=DMARC1; p=reject; sp=x"
_dmarc.bare.example.           TXT "v=DMARC1"
_dmarc.sloppy.example.         TXT "v = DMARC1 ;; P = Reject; adkim=x; what; =;"
_dmarc.late.example.           TXT " v=DMARC1; p=reject"
_dmarc.lower.example.          TXT "v=dmarc1; p=reject"

_dmarc.bank.                   TXT "v=DMARC1; p=reject; psd=y; np=reject; sp=quarantine"
_dmarc.giant.bank.             TXT "v=DMARC1; p=none"
www.mega.bank.                 A   192.0.2.1

_dmarc.bad-np.example.         TXT "v=DMARC1; p=reject; np=x; t=y"
_dmarc.co.uk.                  TXT "v=DMARC1; p=reject"
"""


def judge(author, spf=None, dkim=(), reader="rfc9989", world=None):
    world = world or World.from_zone(ZONE)
    return run(dmarc.evaluate(header_from=author, spf=spf, dkim=dkim, reader=reader), world)


# author domain, SPF, DKIM, result, disposition, domain of the policy
VERDICTS = [
    # --- alignment
    ("example.com", ("example.com", "pass"), [], "pass", "none", "example.com"),
    ("example.com", ("bounce.example.com", "pass"), [], "pass", "none", "example.com"),
    ("Example.COM.", None, [("EXAMPLE.com", "pass")], "pass", "none", "example.com"),
    ("example.com", ("esp.example", "pass"), [], "fail", "reject", "example.com"),
    ("example.com", ("other.com", "pass"), [], "fail", "reject", "example.com"),
    ("example.com", ("example.com", "softfail"), [], "fail", "reject", "example.com"),
    ("example.com", ("badexample.com", "pass"), [], "fail", "reject", "example.com"),
    ("example.com", ("", "pass"), [], "fail", "reject", "example.com"),  # no domain
    ("example.com", ("a..b", "pass"), [], "fail", "reject", "example.com"),  # no name
    (
        "example.com",
        None,
        [("x.example", "pass"), ("example.com", "pass")],
        "pass",
        "none",
        "example.com",
    ),
    ("mail.example.com", None, [("example.com", "pass")], "pass", "none", "mail.example.com"),
    (
        "own.example.com",
        None,
        [("example.com", "pass")],
        "fail",
        "reject",
        "own.example.com",
    ),  # psd=n
    (
        "example.com",
        None,
        [("own.example.com", "pass")],
        "fail",
        "reject",
        "example.com",
    ),  # likewise
    (
        "strict.example",
        ("a.strict.example", "pass"),
        [("b.strict.example", "pass")],
        "fail",
        "reject",
        "strict.example",
    ),
    ("strict.example", ("strict.example", "pass"), [], "pass", "none", "strict.example"),
    # --- which policy: p, sp or np (RFC 9989 section 4.10.1)
    ("mail.example.com", None, [], "fail", "none", "mail.example.com"),  # its own p
    ("www.example.com", None, [], "fail", "quarantine", "example.com"),  # exists: sp
    ("nowhere.example.com", None, [], "fail", "reject", "example.com"),  # NXDOMAIN: np
    ("own.example.com", None, [], "fail", "reject", "own.example.com"),
    ("x.own.example.com", None, [], "fail", "reject", "own.example.com"),  # not example.com
    ("test.example", None, [], "fail", "quarantine", "test.example"),  # t=y: one lower
    # --- several records, noise and pieces
    ("twice.example", None, [], "none", "none", None),  # several count as none
    ("noise.example", None, [], "fail", "reject", "noise.example"),
    ("split.example", None, [], "fail", "reject", "split.example"),  # strings join with nothing
    ("alias.example", None, [], "fail", "reject", "alias.example"),  # aliases are followed
    # --- faulty records
    ("bad-rua.example", None, [], "fail", "none", "bad-rua.example"),  # acts as p=none
    ("bad.example", None, [], "permerror", "none", "bad.example"),  # and nowhere to report
    ("bad-sp.example", None, [], "permerror", "none", "bad-sp.example"),
    ("bare.example", None, [], "none", "none", "bare.example"),
    ("bad-np.example", None, [], "permerror", "none", "bad-np.example"),
    ("sloppy.example", None, [], "fail", "reject", "sloppy.example"),  # the rest is dropped
    ("late.example", None, [], "none", "none", None),  # v must come first
    ("lower.example", None, [], "none", "none", None),  # and be exact
    # --- public suffixes (RFC 9989 appendix B.4)
    ("giant.bank", ("mail.giant.bank", "pass"), [], "pass", "none", "giant.bank"),
    ("giant.bank", None, [], "fail", "none", "giant.bank"),  # never that of the suffix
    ("mail.mega.bank", None, [], "fail", "reject", "bank"),  # mail.mega.bank does not exist
    ("www.mega.bank", ("mega.bank", "pass"), [], "pass", "none", "bank"),
    ("giant.bank", None, [("mega.bank", "pass")], "fail", "none", "giant.bank"),
    ("bank", None, [], "fail", "reject", "bank"),
]


@pytest.mark.parametrize("author, spf, dkim, result, disposition, policy_domain", VERDICTS)
def test_verdict_follows_rfc_9989(*, author, spf, dkim, result, disposition, policy_domain):
    verdict = judge(author, spf, dkim)
    assert (verdict.result, verdict.disposition) == (result, disposition), verdict.reasons
    assert verdict.policy_domain == policy_domain


OLDER_VERDICTS = [
    ("example.com", ("bounce.example.com", "pass"), [], "pass", "none", "example.com"),
    ("nowhere.example.com", None, [], "fail", "quarantine", "example.com"),  # np is unknown
    (
        "own.example.com",
        None,
        [("example.com", "pass")],
        "pass",
        "none",
        "own.example.com",
    ),  # so is psd
    ("mail.mega.bank", None, [], "none", "none", None),  # and walking
    ("x.giant.bank", None, [], "fail", "none", "giant.bank"),
    ("test.example", None, [], "fail", "quarantine", "test.example"),  # pct=0
    ("twice.example", None, [], "none", "none", None),
    ("sub.twice.example", None, [], "none", "none", None),  # several end the search
    ("bare.example", None, [], "permerror", "none", "bare.example"),  # p is required
    ("bad-np.example", None, [], "fail", "reject", "bad-np.example"),  # np and t are unknown
    ("a.co.uk", None, [("b.co.uk", "pass")], "none", "none", None),  # by the list
    ("strict.example", ("a.strict.example", "pass"), [], "fail", "reject", "strict.example"),
]


@pytest.mark.parametrize("author, spf, dkim, result, disposition, policy_domain", OLDER_VERDICTS)
def test_verdict_follows_rfc_7489(*, author, spf, dkim, result, disposition, policy_domain):
    verdict = judge(author, spf, dkim, reader="rfc7489")
    assert (verdict.result, verdict.disposition) == (result, disposition), verdict.reasons
    assert verdict.policy_domain == policy_domain


ORGANIZATIONAL = [
    ("a.mail.example.com", {"mail.example.com": "", "example.com": ""}, "example.com"),
    ("a.mail.example.com", {"mail.example.com": "psd=n", "example.com": ""}, "mail.example.com"),
    ("a.mail.example.com", {"com": "psd=y"}, "example.com"),
    ("a.mail.example.com", {"com": ""}, "com"),  # not marked as a suffix
    ("a.mail.example.com", {}, "a.mail.example.com"),
    ("com", {"com": "psd=y"}, "com"),  # the start is never one below itself
    ("mail.example.com", {"mail.example.com": "psd=y"}, "mail.example.com"),
    ("a.mail.example.com", {"mail.example.com": "psd=y", "com": "psd=y"}, "a.mail.example.com"),
    ("mail.mega.bank.example", {"bank.example": "psd=y", "giant.bank.example": ""}, "mega.bank.example"),
    # Too deep to be seen: b.c.d... has eight labels.
    ("mail.a.b.c.d.e.f.g.example.com", {"b.c.d.e.f.g.example.com": "psd=n", "example.com": ""}, "example.com"),
    ("mail.a.b.c.d.e.f.g.example.com", {"c.d.e.f.g.example.com": "psd=n", "example.com": ""}, "c.d.e.f.g.example.com"),
]  # fmt: skip


@pytest.mark.parametrize("start, records, expected", ORGANIZATIONAL)
def test_organizational_domain_is_found_by_walking(start, records, expected):
    world = World()
    for owner, tags in records.items():
        world.add(f"_dmarc.{owner}", "TXT", f"v=DMARC1; p=none; {tags}".encode())
    assert run(dmarc.organizational_domain(start), world) == expected


@pytest.mark.parametrize(
    "start, expected",
    [
        ("a.mail.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),  # a suffix is its own
        ("mail.lab.internal", "lab.internal"),  # unknown to the list: two labels
    ],
)
def test_organizational_domain_is_found_in_the_list_without_asking(start, expected):
    world = World()
    assert run(dmarc.organizational_domain(start, reader="rfc7489"), world) == expected
    assert world.asked == []


def test_a_walk_asks_eight_questions_at_most():
    names = dmarc.walk_names("a.b.c.d.e.f.g.h.i.j.mail.example.com")
    assert names == (
        "a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com",
        "i.j.mail.example.com",
        "j.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    )


@pytest.mark.parametrize("count, expected", [(1, 1), (7, 7), (8, 8), (9, 8), (60, 8)])
def test_a_walk_is_as_long_as_the_name_until_eight(count, expected):
    assert len(dmarc.walk_names(".".join("a" * count))) == expected


def asked(author, **identifiers):
    world = World.from_zone(ZONE)
    judge(author, world=world, **identifiers)
    return [question.name for question in world.asked]


def test_one_question_does_when_all_domains_are_the_same():
    assert asked("example.com", spf=("example.com", "pass")) == ["_dmarc.example.com"]


def test_the_organization_is_named_even_where_all_domains_are_the_same():
    zone = "_dmarc.example.com. TXT v=DMARC1;p=none\n_dmarc.news.example.com. TXT v=DMARC1;p=none\n"
    verdict = run(
        dmarc.evaluate(header_from="news.example.com", dkim=[("news.example.com", "pass")]),
        World.from_zone(zone.replace("v=DMARC1;p=none", '"v=DMARC1; p=none"')),
    )
    assert (verdict.result, verdict.organizational_domain) == ("pass", "example.com")


def test_an_identifier_of_another_organization_is_not_walked():
    assert asked("example.com", spf=("esp.net", "pass")) == ["_dmarc.example.com", "_dmarc.com"]


def test_existence_is_asked_only_when_it_matters():
    assert "mail.mega.bank" in asked("mail.mega.bank")
    assert "www.example.com" not in asked("www.example.com", dkim=[("example.com", "pass")])


def test_nothing_is_asked_twice():
    names = asked(
        "www.example.com", spf=("a.example.com", "pass"), dkim=[("b.example.com", "pass")]
    )
    assert len(names) == len(set(names))


UNKNOWN = [
    # what fails, author, SPF, DKIM, result
    ("_dmarc.example.com", "example.com", None, [], "temperror"),  # the record itself
    ("_dmarc.com", "www.example.com", None, [], "temperror"),  # could be a suffix
    ("_dmarc.com", "example.com", ("example.com", "pass"), [], "pass"),  # not needed
    ("_dmarc.com", "example.com", ("a.example.com", "pass"), [], "temperror"),  # alignment unknown
    ("_dmarc.com", "example.com", ("a.example.net", "pass"), [], "fail"),  # cannot be aligned
    ("_dmarc.a.example.com", "example.com", ("a.example.com", "pass"), [], "temperror"),
    ("_dmarc.example.com", "own.example.com", None, [], "fail"),  # above the end of the walk
    ("www.example.com", "www.example.com", None, [], "fail"),  # only NXDOMAIN means absent
]


@pytest.mark.parametrize("failing, author, spf, dkim, result", UNKNOWN)
@pytest.mark.parametrize("outcome", [Outcome.UNREACHABLE, Outcome.BOGUS])
def test_silence_of_the_dns_is_never_taken_for_absence(
    *, failing, author, spf, dkim, result, outcome
):
    world = World.from_zone(ZONE)
    world.fail(failing, outcome)
    verdict = judge(author, spf, dkim, world=world)
    assert verdict.result == result, verdict.reasons
    if result == "temperror":
        assert verdict.disposition == "none"


@pytest.mark.parametrize(
    "failing, author, result",
    [
        ("_dmarc.www.example.com", "www.example.com", "temperror"),
        ("_dmarc.example.com", "www.example.com", "temperror"),
        ("_dmarc.example.com", "mail.example.com", "fail"),  # it has its own
    ],
)
def test_silence_of_the_dns_under_rfc_7489(failing, author, result):
    world = World.from_zone(ZONE)
    world.fail(failing, Outcome.UNREACHABLE)
    assert judge(author, reader="rfc7489", world=world).result == result


@pytest.mark.parametrize("reader", dmarc.READERS)
@pytest.mark.parametrize(
    "spf, dkim, result",
    [
        (("example.com", "temperror"), [], "temperror"),  # it might have passed
        (("esp.example", "temperror"), [], "fail"),  # it would not have been aligned
        (("example.com", "temperror"), [("example.com", "pass")], "pass"),
        (("example.com", "permerror"), [], "fail"),
        (None, [("a.example.com", "temperror")], "temperror"),
    ],
)
def test_what_could_not_be_judged_counts_only_where_it_would_have_been_aligned(
    reader, spf, dkim, result
):
    assert judge("example.com", spf, dkim, reader).result == result


def test_verdict_says_which_mechanism_is_aligned():
    verdict = judge("example.com", ("esp.example", "pass"), [("m.example.com", "pass")])
    assert (verdict.spf_aligned, verdict.dkim_aligned) == (False, True)
    assert verdict.organizational_domain == "example.com"
    assert verdict.record is not None
    assert verdict.reasons == ("dkim passed for m.example.com, which is aligned",)


def test_a_name_that_only_has_names_below_it_exists():
    world = World.from_zone(ZONE + "deep.empty.example.com. A 192.0.2.1\n")
    assert judge("empty.example.com", world=world).disposition == "quarantine"


@pytest.mark.parametrize("wrong", ["a@example.com", "[192.0.2.1]", ""])
@pytest.mark.parametrize("reader", ["rfc9989", "rfc7489"])
def test_an_address_is_not_taken_for_its_domain(wrong, reader):
    with pytest.raises(RecordSyntaxError):
        run(dmarc.evaluate(header_from=wrong, reader=reader), World())
    with pytest.raises(RecordSyntaxError):
        run(dmarc.organizational_domain(wrong, reader=reader), World())


def test_results_are_read_in_either_case_and_nothing_is_needed():
    world = World()
    world.add("_dmarc.example.com", "TXT", b"v=DMARC1; p=reject")
    for spf, dkim, result in [
        (("Example.COM.", "Pass"), None, "pass"),
        (None, [("EXAMPLE.com", "PASS")], "pass"),
        (None, None, "fail"),
        (("example.com", "bestguess"), [("example.com", "")], "fail"),  # no result that passes
    ]:
        verdict = run(dmarc.evaluate(header_from="example.com", spf=spf, dkim=dkim), world)
        assert verdict.result == result


def test_misuse_is_an_exception():
    with pytest.raises(UsageError, match="no reader"):
        judge("example.com", reader="rfc1")
    with pytest.raises(UsageError, match="no reader"):
        run(dmarc.organizational_domain("example.com", reader="rfc1"), World())
    with pytest.raises(RecordSyntaxError):
        judge("a..b")


# --- reports to other domains -----------------------------------------------------------

GRANTS = """
_dmarc.example.com.                            TXT "v=DMARC1; p=none"
_dmarc.third.example.                          TXT "v=DMARC1; p=none"
example.com._report._dmarc.third.example.      TXT "v=DMARC1;"
example.com._report._dmarc.in.third.example.   TXT "v=DMARC1"
*._report._dmarc.all.example.                  TXT "v=DMARC1"
example.com._report._dmarc.many.example.       TXT "v=DMARC1"
example.com._report._dmarc.many.example.       TXT "v=DMARC1; rua=mailto:x@many.example"
example.com._report._dmarc.astray.example.     TXT "v=DMARC1; rua=mailto:x@elsewhere.example"
example.com._report._dmarc.junk.example.       TXT "yes"
"""


@pytest.mark.parametrize(
    "host, external, granted",
    [
        ("example.com", False, True),
        ("reports.example.com", False, True),  # the same organization
        ("third.example", True, True),
        ("in.third.example", True, True),
        ("all.example", True, True),  # a wildcard
        ("many.example", True, True),  # here several records are fine
        ("astray.example", True, False),  # an override must keep the host
        ("junk.example", True, False),
        ("none.example", True, False),
        (
            "x" * 63 + "." + "y" * 63 + "." + "z" * 63 + "." + "w" * 40,
            True,
            False,
        ),  # too long a name
    ],
)
def test_reports_go_elsewhere_only_where_that_is_granted(host, external, granted):
    record = dmarc.build(reports_to=[f"d@{host}"])
    world = World.from_zone(GRANTS)
    (found,) = run(dmarc.external_destinations("example.com", record), world)
    assert (found.external, found.granted) == (external, granted)
    assert found.host == host


def test_a_grant_may_name_another_address_at_the_same_host():
    record = dmarc.build(reports_to=["d@many.example"])
    (found,) = run(dmarc.external_destinations("example.com", record), World.from_zone(GRANTS))
    assert [uri.address for uri in found.override] == ["x@many.example"]


@pytest.mark.parametrize(
    "failing", ["example.com._report._dmarc.none.example", "_dmarc.none.example"]
)
def test_a_grant_that_cannot_be_read_is_unknown(failing):
    world = World.from_zone(GRANTS)
    world.fail(failing, Outcome.UNREACHABLE)
    record = dmarc.build(reports_to=["d@none.example"])
    (found,) = run(dmarc.external_destinations("example.com", record), world)
    assert found.granted is None


def test_reports_to_the_domain_itself_ask_nothing():
    world = World.from_zone(GRANTS)
    record = dmarc.build(reports_to=["d@example.com"], failure_reports_to=["d@example.com"])
    assert len(run(dmarc.external_destinations("example.com", record), world)) == 1
    assert world.asked == []


@pytest.mark.parametrize(
    "policy_domain, host, reader, external",
    [
        ("a.co.uk", "b.co.uk", "rfc7489", True),
        ("x.example.com", "y.example.com", "rfc7489", False),
        ("x.lone.example", "y.lone.example", "rfc9989", True),  # no records: each its own
        ("x.lone.example", "y.lone.example", "rfc7489", False),
    ],
)
def test_readers_differ_in_what_is_external(policy_domain, host, reader, external):
    record = dmarc.build(reports_to=[f"d@{host}"])
    inquiry = dmarc.external_destinations(policy_domain, record, reader=reader)
    (found,) = run(inquiry, World.from_zone(GRANTS))
    assert found.external == external


def test_the_grant_is_asked_for_at_its_name():
    world = World.from_zone(GRANTS)
    run(
        dmarc.external_destinations("example.com", dmarc.build(reports_to=["d@all.example"])), world
    )
    name = dmarc.grant_name("example.com", "all.example")
    assert Question(name, "TXT") in world.asked


def test_evaluation_is_fast():
    """A scan judges thousands of domains each second; an accident would cost 100 times that."""
    world = World.from_zone(ZONE)
    start = time.process_time()
    for _ in range(500):
        judge("example.com", ("example.com", "pass"), world=world)
    assert time.process_time() - start < 1.0
