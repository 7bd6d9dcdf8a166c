"""The worked examples of RFC 9989: sections 4.10 and 5.1.8, appendices B.1, B.2 and B.4; both readers beside."""

import pytest

from maildns.ask import Question
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols import dmarc
from maildns.protocols.dmarc import Psd

RELAXED = "v=DMARC1; p=reject"
STRICT = "v=DMARC1; p=reject; adkim=s; aspf=s"


def world_of(records):
    world = World()
    for owner, text in records.items():
        world.add(f"_dmarc.{owner}", "TXT", text.encode())
    return world


def judge(world, author, spf=None, dkim=()):
    given = (spf, "pass") if spf else None
    signatures = [(one, "pass") for one in dkim]
    return run(dmarc.evaluate(header_from=author, spf=given, dkim=signatures), world)


# --- appendix B.1: alignment --------------------------------------------------------------

ALIGNMENT = [
    # author, identifier, aligned when relaxed, when strict
    ("example.com", "example.com", True, True, "example 1: identical"),
    ("example.com", "child.example.com", True, False, "B.1.1 example 2: a child"),
    ("child.example.com", "example.com", True, False, "B.1.2 example 2: a parent"),
    ("child.example.com", "example.net", False, False, "example 3: neither"),
]


@pytest.mark.parametrize("mechanism", ["spf", "dkim"])
@pytest.mark.parametrize("author, identifier, relaxed, strict, reason", ALIGNMENT)
def test_appendix_b_1_alignment(*, author, identifier, relaxed, strict, reason, mechanism):
    how = {"spf": identifier} if mechanism == "spf" else {"dkim": [identifier]}
    for text, expected in ((RELAXED, relaxed), (STRICT, strict)):
        verdict = judge(world_of({"example.com": text}), author, **how)
        assert (verdict.result == "pass") is expected, (reason, text)
        assert getattr(verdict, f"{mechanism}_aligned") is expected


# --- appendix B.2: records and grants -----------------------------------------------------

RECORDS = [
    ("B.2.1", "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com", "none", 1, 0, False),
    (
        "B.2.2",
        "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com; ruf=mailto:auth-reports@example.com",
        "none",
        1,
        1,
        False,
    ),
    (
        "B.2.3",
        "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com; ruf=mailto:auth-reports@thirdparty.example.net",
        "none",
        1,
        1,
        False,
    ),
    (
        "B.2.5 first",
        "v=DMARC1; p=quarantine; rua=mailto:dmarc-feedback@example.com,mailto:tld-test@thirdparty.example.net; t=y",
        "quarantine",
        2,
        0,
        True,
    ),
    (
        "B.2.5 then",
        "v=DMARC1; p=reject; rua=mailto:dmarc-feedback@example.com,mailto:tld-test@thirdparty.example.net",
        "reject",
        2,
        0,
        False,
    ),
]


@pytest.mark.parametrize("section, text, policy, aggregate, failure, testing", RECORDS)
def test_appendix_b_2_records(*, section, text, policy, aggregate, failure, testing):
    record = dmarc.parse(text)
    assert (record.policy, record.testing) == (policy, testing), section
    counts = len(record.aggregate_reports_to), len(record.failure_reports_to)
    assert counts == (aggregate, failure)
    assert dmarc.parse(str(record)) == record


THIRD = dmarc.parse(RECORDS[2][1])
GRANT = "example.com._report._dmarc.thirdparty.example.net"


def destinations(world, record=THIRD):
    found = run(dmarc.external_destinations("example.com", record), world)
    return {one.uri.address: one for one in found}


def test_appendix_b_2_3_a_third_party_takes_failure_reports_by_its_record():
    world = world_of({"example.com": str(THIRD)})
    refused = destinations(world)["auth-reports@thirdparty.example.net"]
    assert (refused.external, refused.granted, refused.name) == (True, False, GRANT)
    world.add(GRANT, "TXT", b"v=DMARC1;")
    assert destinations(world)["auth-reports@thirdparty.example.net"].granted
    home = destinations(world)["dmarc-feedback@example.com"]
    assert (home.external, home.granted) == (False, True)


OVERRIDE = (
    b"v=DMARC1; rua=mailto:aggregate-reports@thirdparty.example.net; "
    b"ruf=mailto:failure-reports@thirdparty.example.net"
)


def test_appendix_b_2_4_only_the_kind_that_was_sent_there_is_overridden():
    world = world_of({"example.com": str(THIRD)})
    world.add(GRANT, "TXT", OVERRIDE)
    found = destinations(world)["auth-reports@thirdparty.example.net"]
    assert found.granted
    assert found.override == ()
    assert [one.address for one in found.failure_override] == [
        "failure-reports@thirdparty.example.net"
    ]


@pytest.mark.parametrize(
    "grant, granted, reason",
    [
        (b"v=DMARC1; ruf=mailto:x@elsewhere.example", False, "an override must keep the host"),
        (b"v=DMARC1; rua=mailto:x@elsewhere.example", True, "of the kind that goes there"),
    ],
)
def test_an_override_to_another_host_takes_the_grant_back(grant, granted, reason):
    world = world_of({"example.com": str(THIRD)})
    world.add(GRANT, "TXT", grant)
    found = destinations(world)["auth-reports@thirdparty.example.net"]
    assert found.granted is granted, reason


# --- section 4.10 and appendix B.4: the walk ----------------------------------------------

B41 = {"example.com": RELAXED, "signing.example.com": "v=DMARC1; p=none"}
B43 = {"bank.example": "v=DMARC1; p=reject; psd=y", "giant.bank.example": "v=DMARC1; p=quarantine"}
WALKS = [
    # records, author, MAIL FROM, d=, SPF aligned, DKIM aligned, policy domain, organizational domain
    ("B.4.1", B41, "example.com", "example.com", "signing.example.com", True, True, "example.com", "example.com"),
    ("B.4.2", B41, "a.b.c.d.e.f.g.h.i.j.k.example.com", "example.com", "signing.example.com", True, True, "example.com", "example.com"),
    ("B.4.3", B43, "giant.bank.example", "mail.giant.bank.example", "mail.mega.bank.example", True, False, "giant.bank.example", "giant.bank.example"),
    ("B.4.3 backwards", B43, "mail.mega.bank.example", "mail.giant.bank.example", "mega.bank.example", False, True, "bank.example", "mega.bank.example"),
]  # fmt: skip


@pytest.mark.parametrize(
    "section, records, author, spf, dkim, spf_aligned, dkim_aligned, policy_domain, organizational",
    WALKS,
)
def test_appendix_b_4_walks(
    *,
    section,
    records,
    author,
    spf,
    dkim,
    spf_aligned,
    dkim_aligned,
    policy_domain,
    organizational,
):
    verdict = judge(world_of(records), author, spf, [dkim])
    assert verdict.result == "pass", section
    assert (verdict.spf_aligned, verdict.dkim_aligned) == (spf_aligned, dkim_aligned)
    assert verdict.policy_domain == policy_domain
    assert verdict.organizational_domain == organizational


@pytest.mark.parametrize(
    "start, organizational",
    [
        ("giant.bank.example", "giant.bank.example"),
        ("mail.giant.bank.example", "giant.bank.example"),
        ("mail.mega.bank.example", "mega.bank.example"),
    ],
)
def test_appendix_b_4_3_below_a_public_suffix_each_is_its_own(start, organizational):
    assert run(dmarc.organizational_domain(start), world_of(B43)) == organizational


ROUTES = [
    (
        "section 4.10",
        "a.b.c.d.e.f.g.h.i.j.mail.example.com",
        (
            "g.h.i.j.mail.example.com h.i.j.mail.example.com i.j.mail.example.com "
            "j.mail.example.com mail.example.com example.com com"
        ),
    ),
    (
        "appendix B.4.2",
        "a.b.c.d.e.f.g.h.i.j.k.example.com",
        (
            "g.h.i.j.k.example.com h.i.j.k.example.com i.j.k.example.com j.k.example.com "
            "k.example.com example.com com"
        ),
    ),
    (
        "section 5.1.8",
        "mail.a.b.c.d.e.f.g.example.com",
        (
            "c.d.e.f.g.example.com d.e.f.g.example.com e.f.g.example.com f.g.example.com "
            "g.example.com example.com com"
        ),
    ),
]


@pytest.mark.parametrize("section, start, above", ROUTES)
def test_a_walk_goes_where_the_examples_go(section, start, above):
    expected = [start, *above.split()]
    world = World()
    assert judge(world, start).result == "none"
    assert [one.name for one in world.asked] == [f"_dmarc.{one}" for one in expected], section


SECTION_4_10_2 = [
    ({"mail.example.com": RELAXED, "example.com": RELAXED}, "example.com", "the fewest labels"),
    ({"mail.example.com": RELAXED + "; psd=n"}, "mail.example.com", "psd=n"),
    ({"com": RELAXED + "; psd=y"}, "example.com", "one below psd=y"),
]


@pytest.mark.parametrize("records, organizational, reason", SECTION_4_10_2)
def test_section_4_10_2_examples(records, organizational, reason):
    found = run(dmarc.organizational_domain("a.mail.example.com"), world_of(records))
    assert found == organizational, reason


def test_section_4_10_2_the_name_below_a_suffix_in_the_middle():
    walk = run(dmarc.tree_walk("mail.example.com"), world_of({"example.com": RELAXED + "; psd=y"}))
    assert walk.organizational_domain == "mail.example.com"
    assert walk.record_at("example.com").psd is Psd.YES


def test_section_5_1_8_a_deep_name_is_heard_only_by_its_own_record():
    records = {"example.com": RELAXED, "b.c.d.e.f.g.example.com": "v=DMARC1; p=none; psd=n"}
    author = "mail.a.b.c.d.e.f.g.example.com"
    assert judge(world_of(records), author).policy_domain == "example.com"
    own = world_of({**records, author: "v=DMARC1; p=none"})
    assert judge(own, author).policy_domain == author


def test_a_suffix_has_no_word_where_the_organization_has_one():
    """Section 4.10.1, the note: neither its policy nor its addresses are used."""
    records = {"gov": "v=DMARC1; p=reject; psd=y; rua=mailto:d@gov", "cisa.gov": "v=DMARC1; p=none"}
    verdict = judge(world_of(records), "example.cisa.gov")
    assert (verdict.policy_domain, verdict.policy) == ("cisa.gov", "none")


@pytest.mark.parametrize(
    "records",
    [
        {"example.com": STRICT},  # strict: a comparison of strings
        {"example.com": RELAXED},  # all domains are the same, and have a record
    ],
)
def test_section_4_10_2_no_walk_is_made_where_none_is_needed(records):
    world = world_of(records)
    assert judge(world, "example.com", "example.com", ["example.com"]).result == "pass"
    assert world.asked == [Question("_dmarc.example.com", "TXT")]


def test_each_identifier_costs_one_walk_however_often_it_comes():
    world = world_of({"example.com": RELAXED})
    judge(world, "example.com", "x.example.com", ["y.example.com"] * 1000)
    assert len(world.asked) == len(set(world.asked)) == 4


def test_the_number_of_walks_is_bounded_however_many_signatures_there_are():
    world = world_of({"example.com": RELAXED})
    signatures = [f"a.b.c.d.e.f.{number}.example.com" for number in range(10_000)]
    assert judge(world, "example.com", None, signatures).result == "pass"
    assert len(world.asked) < 102 * 8


# --- both readers -------------------------------------------------------------------------

COMPARED = [
    # records, author, SPF, the fields that differ, a word of the cause
    ({"example.com": "v=DMARC1; p=reject"}, "example.com", None, [], ""),
    ({"example.com": "v=DMARC1; p=reject; t=y"}, "example.com", None, ["disposition"], "t=y"),
    ({"example.com": "v=DMARC1; p=reject; pct=0"}, "example.com", None, ["disposition"], "pct"),
    (
        {"example.com": "v=DMARC1; p=quarantine; np=reject"},
        "no.example.com",
        None,
        ["disposition"],
        "np",
    ),
    (
        {"example.com": RELAXED, "a.example.com": RELAXED + "; psd=n"},
        "a.example.com",
        "example.com",
        ["result", "disposition", "organizational_domain", "spf_aligned"],
        "walks",
    ),
    (
        {"a.example.com": RELAXED},
        "b.a.example.com",
        None,
        ["result", "disposition", "policy_domain", "organizational_domain"],
        "walks",
    ),
    ({"example.com": "v=DMARC1"}, "example.com", None, ["result"], "without p"),
]


@pytest.mark.parametrize("records, author, spf, fields, cause", COMPARED)
def test_both_readers_are_compared_and_the_cause_is_told(records, author, spf, fields, cause):
    given = (spf, "pass") if spf else None
    found = run(dmarc.compare(header_from=author, spf=given), world_of(records))
    assert [one.field for one in found.differences] == fields
    assert bool(found.causes) is bool(fields)
    assert any(cause in one for one in found.causes) or not fields
    assert all("rfc9989" in str(one) for one in found.differences)
