"""What another policy, strict alignment or a smaller SPF record would have done to each source."""

from __future__ import annotations

import pytest
from report_rows import DOMAIN, row

from maildns.ask import Outcome
from maildns.errors import RecordSyntaxError, UsageError
from maildns.net.world import World
from maildns.protocols import dmarc
from maildns.reports.model import DkimAuth
from maildns.reports.replay import Change, Judge, Quiet, changed_record, replay

OWN, SHOP, FORGER = "192.0.2.1", "198.51.100.7", "203.0.113.77"
BOTH = ("rfc9989", "rfc7489")
WATCH = dmarc.parse("v=DMARC1; p=none; rua=mailto:a@example.com")


def record(text):
    return dmarc.parse(f"v=DMARC1; {text}")


def tried(rows, policy, *, now=WATCH, reader="rfc9989", world=None, without=()):
    change = Change(changed_record(now, policy), without)
    return replay(rows, change, domain=DOMAIN, now=now, reader=reader, world=world)


def one(rows, policy, **more):
    (source,) = tried(rows, policy, **more)
    return source


OUTCOMES = [
    # row, policy, hit by readers of RFC 9989, of RFC 7489, reason
    (row(messages=7), "p=reject", 7, 7, "nothing passes"),
    (row(messages=7), "p=reject; t=y", 7, 7, "a test of reject quarantines"),
    (row(messages=7), "p=quarantine; t=y", 0, 7, "RFC 7489 knows no test"),
    (row(messages=7), "p=reject; pct=0", 7, 7, "a share is history; of none, one level lower"),
    (row(messages=7), "p=quarantine; pct=0", 7, 0, "likewise"),
    (row(messages=7, dkim=DOMAIN), "p=reject", 0, 0, "signed by us"),
    (row(messages=7, spf="b.example.com"), "p=reject", 0, 0, "permitted, relaxed"),
    (row(messages=7, spf="b.example.com"), "p=reject; aspf=s", 7, 7, "not the very domain"),
    (row(messages=7, dkim="m.example.com"), "p=reject; adkim=s", 7, 7, "not the very domain"),
    (
        row(messages=7, dkim=DOMAIN, spf="b.example.com"),
        "p=reject; aspf=s",
        0,
        0,
        "DKIM carries it",
    ),
    (row(messages=7, header_from="s.example.com"), "p=none; sp=reject", 7, 7, "a subdomain"),
    (row(messages=7, header_from="s.example.com"), "p=reject; sp=none", 0, 0, "sp spares it"),
    (row(messages=7), "p=none; sp=reject", 0, 0, "the domain itself is spared"),
    (row(messages=7, header_from="not a name"), "p=reject", 0, 0, "no policy is found for it"),
    (row(messages=7, header_from=""), "p=reject", 0, 0, "likewise"),
    (row(messages=7, header_from="other.example"), "p=reject", 0, 0, "not below the record"),
]


@pytest.mark.parametrize("mail, policy, newer, older, reason", OUTCOMES)
def test_mail_is_judged_by_the_receivers_own_algorithm(mail, policy, newer, older, reason):
    assert [one([mail], policy, reader=reader).hit for reader in BOTH] == [newer, older], reason


TEMPERROR = row()._replace(dkim=(DkimAuth(DOMAIN, "s1", "temperror"),))
WORDS = [
    # what the reporter found aligned against its raw results, policy, hit, reason
    (row(aligned="pass,fail"), "p=reject", 0, "its results are left out, its word is not"),
    (row(aligned="fail,pass"), "p=reject", 0, "likewise of SPF"),
    (row(dkim="m.example.com", aligned="fail,fail"), "p=reject", 0, "it may have been strict then"),
    (row(dkim=DOMAIN, aligned="fail,fail"), "p=reject", 10, "no mode of alignment explains that"),
    (row(spf=DOMAIN, aligned="fail,fail"), "p=reject", 10, "likewise of SPF"),
    (row(dkim="m.example.com"), "p=reject; adkim=s; aspf=s", 10, "strict is judged by raw results"),
    (row(aligned="pass,fail"), "p=reject; adkim=s", 10, "of which none proves strict alignment"),
    (TEMPERROR, "p=reject", 10, "what a reporter could not find out failed for it"),
]


@pytest.mark.parametrize("mail, policy, hit, reason", WORDS)
def test_a_reporters_word_counts_where_no_mode_could_change_it(mail, policy, hit, reason):
    assert one([mail], policy).hit == hit, reason


@pytest.mark.parametrize("reader", BOTH)
def test_rows_without_details_are_taken_at_their_counts(reader):
    mail = [
        row(OWN, dkim=DOMAIN)._replace(detailed=False, dkim=(), spf=()),
        row(FORGER)._replace(detailed=False, dkim=(), spf=()),
    ]
    told = {each.ip: each.hit for each in tried(mail, "p=reject", reader=reader)}
    assert told == {OWN: 0, FORGER: 10}


def test_what_is_freed_and_what_fails_newly_is_counted_apart():
    now = record("p=reject")
    mail = [row(FORGER, 4), row(OWN, 6, spf="b.example.com")]
    told = {each.ip: each for each in tried(mail, "p=none; aspf=s", now=now)}
    assert (told[FORGER].freed, told[FORGER].hit) == (4, 0)
    assert (told[OWN].newly_failing, told[OWN].hit) == (6, 0)


def test_mail_that_lists_passed_on_is_counted_among_those_hit():
    assert one([row(override="mailing_list"), row(override="local_policy")], "p=reject").lists == 10


def test_the_hardest_hit_source_comes_first():
    told = tried([row(OWN, 500, dkim=DOMAIN), row(FORGER, 5), row(SHOP, 9)], "p=reject")
    assert [each.ip for each in told] == [SHOP, FORGER, OWN]


def test_alike_rows_are_judged_once():
    world = Counting(World())
    judge = Judge(DOMAIN, record("p=reject"), world, "rfc9989")
    for messages in range(50):
        judge.judge(row(FORGER, messages, spf="x.example"))
    assert 0 < world.rounds <= 3


class Counting:
    """A world that counts how often it is asked."""

    def __init__(self, world):
        self.world, self.rounds = world, 0

    def answer(self, questions):
        self.rounds += 1
        return self.world.answer(questions)


# --- includes -------------------------------------------------------------------------

ZONE = f"""\
example.com.         IN TXT "v=spf1 ip4:{OWN} include:shop.example include:idle.example -all"
b.example.com.       IN TXT "v=spf1 include:shop.example include:twin.example -all"
shop.example.        IN TXT "v=spf1 ip4:{SHOP} -all"
twin.example.        IN TXT "v=spf1 ip4:{SHOP} -all"
idle.example.        IN TXT "v=spf1 ip4:100.64.0.0/10 -all"
"""
INCLUDES = [
    # row, includes removed, hit, newly failing, reason
    (row(SHOP, spf=DOMAIN), ("shop.example",), 10, "SPF alone carried it"),
    (row(SHOP, spf=DOMAIN, dkim=DOMAIN), ("shop.example",), 0, "DKIM carries it still"),
    (row(OWN, spf=DOMAIN), ("shop.example",), 0, "permitted by another term"),
    (row(SHOP, spf="b.example.com"), ("shop.example",), 0, "permitted by another include"),
    (row(SHOP, spf="b.example.com"), ("shop.example", "twin.example"), 10, "both are gone"),
    (row(SHOP, spf=DOMAIN), ("idle.example",), 0, "an include that no mail used"),
    (
        row("100.100.100.200", spf="shop.example", dkim=DOMAIN),
        ("idle.example",),
        0,
        "another's record",
    ),
    (row(FORGER, spf=DOMAIN), ("shop.example",), 0, "what is not permitted today is not its work"),
]


@pytest.mark.parametrize("mail, without, hit, reason", INCLUDES)
def test_an_include_is_missed_by_the_mail_that_it_alone_permits(mail, without, hit, reason):
    mail = [
        mail,
        row(OWN, 1, spf=DOMAIN, dkim=DOMAIN),
        row(OWN, 1, spf="b.example.com", dkim=DOMAIN),
    ]
    told = tried(
        mail, "p=reject", now=record("p=reject"), world=World.from_zone(ZONE), without=without
    )
    assert sum(each.hit for each in told) == hit, reason


def test_an_include_that_no_record_has_is_refused():
    with pytest.raises(UsageError, match=r"includes nobody\.example"):
        tried([row(OWN, spf=DOMAIN)], "", world=World.from_zone(ZONE), without=("nobody.example",))


def test_an_include_cannot_be_judged_without_the_dns():
    with pytest.raises(UsageError, match="stands in the DNS"):
        tried([row(OWN, spf=DOMAIN)], "", without=("shop.example",))


def test_where_the_dns_is_silent_nothing_is_said_to_be_safe():
    world = World.from_zone(ZONE)
    world.fail("idle.example", Outcome.UNREACHABLE)
    told = one(
        [row(SHOP, spf=DOMAIN)],
        "p=reject",
        now=record("p=reject"),
        world=world,
        without=("shop.example",),
    )
    assert (told.hit, told.newly_failing, told.unsure) == (0, 0, 10)


def test_what_retention_let_go_of_is_said_to_be_unsure():
    mail = [row(SHOP, spf=DOMAIN), row(SHOP, 3, spf=DOMAIN)._replace(detailed=False, spf=())]
    told = one(
        mail,
        "p=reject",
        now=record("p=reject"),
        world=World.from_zone(ZONE),
        without=("shop.example",),
    )
    assert (told.hit, told.unsure) == (10, 3)


# --- the record -----------------------------------------------------------------------

CHANGES = [
    (
        "p=none; rua=mailto:a@b.example",
        "p=reject",
        "p=reject; rua=mailto:a@b.example",
        "the rest stays",
    ),
    ("p=quarantine; t=y; pct=5", "p=reject", "p=reject", "a new p ends the test"),
    ("p=quarantine; t=y", "P=reject; T=y", "p=reject; t=y", "tags have no case"),
    ("p=none", "sp=reject; np=reject", "p=none; sp=reject; np=reject", "others alone"),
    ("p=none", "psd=n", "p=none; psd=n", "of RFC 9989"),
    ("p=none; ruf=mailto:a@b.example", "v=DMARC1; p=reject", "p=reject", "a whole record is whole"),
    ("p=none", "  ", "p=none", "nothing"),
    ("p=reject; t=y", "t=n", "p=reject", "a default said aloud"),
]


@pytest.mark.parametrize("now, policy, then, reason", CHANGES)
def test_named_tags_change_and_others_stay(now, policy, then, reason):
    assert changed_record(record(now), policy) == record(then), reason


@pytest.mark.parametrize(
    "policy, error", [("p=rejct", RecordSyntaxError), ("spp=none", UsageError)]
)
def test_what_is_no_policy_is_refused(policy, error):
    with pytest.raises(error):
        changed_record(WATCH, policy)


def test_strict_makes_both_alignments_strict():
    assert (
        str(changed_record(record("p=none"), "", strict=True))
        == "v=DMARC1; p=none; adkim=s; aspf=s"
    )


def test_the_quiet_world_knows_every_name_and_no_record():
    from maildns.ask import Question

    (answer,) = Quiet().answer([Question("x.example", "A")])
    assert answer.outcome is Outcome.NO_DATA
