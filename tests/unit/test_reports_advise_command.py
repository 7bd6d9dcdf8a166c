"""`maildns reports advise` and `replay`: the next safe step, and what a step would have done."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, timedelta

import pytest
from cli import run_cli
from report_story import LAST, OWN, SHOP, imported, reports
from report_texts import aggregate, record
from terminal import talk

from maildns.cli.config_policy import diff, with_policy
from maildns.cli.documents import model_of
from maildns.errors import ConfigError
from maildns.protocols import dmarc

UNTIL = ["--until", LAST]
CONFIG = f"""\
# our servers
[server."mail.example.com"]
ipv4 = "{OWN}"

[domain."example.com"]
dmarc = {{ policy = "none", reports_to = ["dmarc@example.com"] }}  # watch first

[domain."shop.example"]
parked = true
"""
ZONE = f"""\
example.com.          IN TXT "v=spf1 ip4:{OWN} include:_spf.shop.example -all"
bounce.example.com.   IN TXT "v=spf1 ip4:{OWN} include:_spf.shop.example -all"
_spf.shop.example.    IN TXT "v=spf1 ip4:{SHOP} -all"
_dmarc.example.com.   IN TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.com; ruf=mailto:f@example.com"
"""


def told(*args, kind):
    """What a command prints as JSON, read back by the model that its schema is of; its exit code."""
    result = run_cli("reports", *args, "--json")
    return model_of(kind).model_validate_json(result.out), result.code


@pytest.fixture
def store(tmp_path):
    return imported(tmp_path, reports())


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "maildns.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def world(tmp_path):
    path = tmp_path / "world.zone"
    path.write_text(ZONE)
    return path


# --- advise ---------------------------------------------------------------------------


def test_from_reports_alone_the_tags_are_advised_and_no_whole_record(store):
    document, code = told("advise", *UNTIL, "--store", store, kind="reports-advice")
    (one,) = document.domains
    assert (one.now, one.step, one.changes) == (
        "v=DMARC1; p=none", "v=DMARC1; p=quarantine; t=y", "p=quarantine; t=y",
    )  # fmt: skip
    assert (one.complete, one.record, one.ready, code) == (False, None, True, 0)
    assert one.known_from == "a report of big.example of 2026-05-31"
    assert (one.since, one.days_covered) == (date(2026, 4, 20), 30)
    assert (one.wanted.messages, one.strangers.messages) == (3000, 180)


def test_the_evidence_is_that_of_the_days_looked_at(store):
    document, _ = told("advise", *UNTIL, "--store", store, kind="reports-advice")
    (one,) = document.domains
    assert (one.reports, one.reporters) == (60, ["big.example", "small.example"])


def test_the_dns_gives_the_whole_record(store, world):
    args = [*UNTIL, "--store", store, "--world", world]
    document, _ = told("advise", *args, kind="reports-advice")
    (one,) = document.domains
    assert one.known_from == "the DNS"
    assert one.record.name == "_dmarc.example.com"
    assert one.record.value == (
        "v=DMARC1; p=quarantine; t=y; rua=mailto:dmarc@example.com; ruf=mailto:f@example.com"
    ) or set(one.record.value.split("; ")) == {
        "v=DMARC1", "p=quarantine", "t=y", "rua=mailto:dmarc@example.com", "ruf=mailto:f@example.com",
    }  # fmt: skip


def test_the_description_gives_the_record_and_its_change_is_proposed(store, config):
    args = [*UNTIL, "--store", store, "--config", config]
    document, code = told("advise", *args, kind="reports-advice")
    (one,) = document.domains
    assert (one.known_from, one.ready, code) == ("maildns.toml", True, 0)
    changed = [line for line in one.config_change.splitlines() if line[0] in "+-"][2:]
    assert [line[:36] for line in changed] == [
        '-dmarc = { policy = "none", reports_',
        '+dmarc = { policy = "quarantine", re',
    ]
    assert config.read_text() == CONFIG


def test_words_give_the_step_its_record_its_evidence_and_how_to_take_it(store, config):
    result = run_cli("reports", "advise", *UNTIL, "--store", store, "--config", config)
    assert "next step     p=quarantine; t=y: now" in result.out
    assert '_dmarc.example.com. IN TXT "v=DMARC1; p=quarantine; ' in result.out
    assert "30 of 30 days; 60 reports of 2 reporters" in result.out
    assert "3,000 messages, 100 % pass DMARC" in result.out
    assert '+dmarc = { policy = "quarantine"' in result.out
    assert (
        "maildns reports advise example.com --write; then maildns plan, maildns apply" in result.out
    )
    assert result.code == 0


def test_old_reports_are_judged_as_of_their_last_day_and_advise_nothing_today(store):
    document, _ = told("advise", "--store", store, kind="reports-advice")
    assert document.today == LAST
    assert document.stale_days == (datetime.now(UTC).date() - LAST).days
    assert not document.domains[0].ready
    shown = run_cli("reports", "advise", "--store", store).out
    assert "p=quarantine; t=y: safe as of 2026-05-31" in shown
    assert "days ago: what follows is as of then" in shown


def unsigned(day, reporter):
    """The owner's second server: permitted by SPF for half of its mail, and never signing."""
    return aggregate(
        record(OWN, 40),
        record("192.0.2.2", 10, dkim="fail", spf="pass"),
        record("192.0.2.2", 10, dkim="fail", spf="fail"),
        report_id=f"{day}",
        reporter=reporter,
        day=day,
    )


def test_mail_of_ones_own_that_would_be_hit_speaks_against_a_step(tmp_path):
    days = [LAST - timedelta(days=n) for n in range(40)]
    store = imported(tmp_path, [unsigned(day, "big.example") for day in days])
    document, code = told("advise", *UNTIL, "--store", store, kind="reports-advice")
    (one,) = document.domains
    assert (one.ready, code) == (False, 1)
    (reason,) = one.against
    assert reason.says == "300 of 600 messages of 192.0.2.2 (50 %) would be hit"
    assert reason.mend == "let 192.0.2.2 sign its mail with a DKIM key of yours"
    shown = run_cli("reports", "advise", *UNTIL, "--store", store)
    assert "next step     p=quarantine; t=y: not yet" in shown.out
    assert "against it    300 of 600 messages" in shown.out


def test_a_step_that_was_just_taken_has_to_stand_first(tmp_path):
    store = imported(tmp_path, reports(days=28))
    document, code = told("advise", *UNTIL, "--store", store, kind="reports-advice")
    (one,) = document.domains
    assert (one.ready, one.not_before, code) == (False, date(2026, 6, 3), 0)
    shown = run_cli("reports", "advise", *UNTIL, "--store", store).out
    assert "p=quarantine; t=y: not before 2026-06-03" in shown


def test_a_description_that_is_ahead_of_what_is_published_is_told(tmp_path, config):
    store = imported(tmp_path, reports())
    config.write_text(CONFIG.replace('policy = "none"', 'policy = "quarantine"'))
    args = [*UNTIL, "--store", store, "--config", config]
    document, _ = told("advise", *args, kind="reports-advice")
    (one,) = document.domains
    assert (one.seen, one.since, one.ready) == ("p=none", None, False)
    shown = run_cli("reports", "advise", *args).out
    assert "not what reporters see: the newest report saw p=none" in shown


def test_at_the_top_nothing_is_left_to_do(tmp_path):
    store = imported(tmp_path, reports(policy="reject"))
    document, code = told("advise", *UNTIL, "--store", store, kind="reports-advice")
    assert (document.domains[0].step, document.domains[0].not_before, code) == (None, None, 0)
    assert "none is left" in run_cli("reports", "advise", *UNTIL, "--store", store).out


def test_the_goal_may_be_quarantine(tmp_path):
    store = imported(tmp_path, reports(policy="quarantine"))
    args = [*UNTIL, "--store", store]
    assert told("advise", *args, kind="reports-advice")[0].domains[0].changes == "p=reject"
    document, _ = told("advise", "--goal", "quarantine", *args, kind="reports-advice")
    assert document.domains[0].step is None
    assert run_cli("reports", "advise", "--goal", "none", *args).code == 2


def test_of_many_domains_there_is_a_line_each(tmp_path):
    texts = [text for n in range(7) for text in reports(f"d{n}.example", days=2)]
    store = imported(tmp_path, texts)
    shown = run_cli("reports", "advise", *UNTIL, "--store", store).out
    assert shown.count("p=quarantine; t=y") == 7
    assert "0 may take a step, 0 wait for their day, 7 have something against it" in shown
    assert "maildns reports advise DOMAIN" in shown


# --- the description is changed only when asked ---------------------------------------


def test_the_step_is_written_when_it_is_asked_for_and_the_plan_carries_it_out(store, config, world):
    args = [*UNTIL, "--store", store, "--config", config]
    result = run_cli("reports", "advise", "--write", "--yes", *args)
    assert result.code == 0
    assert "maildns plan, maildns apply" in result.err
    written = tomllib.loads(config.read_text())
    assert written["domain"]["example.com"]["dmarc"] == {
        "policy": "quarantine", "testing": True, "reports_to": ["dmarc@example.com"],
    }  # fmt: skip
    assert "# watch first" in config.read_text()
    plan = run_cli("plan", "--config", config, "--world", world)
    assert '+ "v=DMARC1; p=quarantine; ' in plan.out


def test_nobody_who_can_answer_means_no(store, config):
    args = [*UNTIL, "--store", store, "--config", config]
    result = run_cli("reports", "advise", "--write", *args)
    assert result.code == 2
    assert config.read_text() == CONFIG


@pytest.mark.parametrize("answer, code", [("y", 0), ("n", 2)])
def test_a_person_is_asked(store, config, answer, code):
    args = ["reports", "advise", "--write", *UNTIL, "--store", store, "--config", config]
    left, said = talk(args, [("Write ", answer)])
    assert left == code
    assert '+dmarc = { policy = "quarantine"' in said
    assert (config.read_text() == CONFIG) is (answer == "n")


@pytest.mark.parametrize(
    "args, says",
    [
        ([], "nothing is changed on such ground"),
        (["--until", "2026-05-10"], "no step is safe today"),
    ],
)
def test_what_is_not_safe_is_never_written(tmp_path, config, args, says):
    store = imported(tmp_path, reports())
    result = run_cli(
        "reports", "advise", "--write", "--yes", "--store", store, "--config", config, *args
    )
    assert says in result.err
    assert config.read_text() == CONFIG


def test_without_a_description_there_is_nothing_to_write(tmp_path, store, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run_cli("reports", "advise", "--write", "--yes", *UNTIL, "--store", store)
    assert result.code == 2
    assert "there is no maildns.toml to change" in result.err


QUARANTINE = dmarc.parse("v=DMARC1; p=quarantine; sp=none; t=y")
HEAD = '[server."m.example"]\nipv4 = "192.0.2.1"\n'
EDITS = [
    ('[domain."a.example"]\n', {"policy": "quarantine", "subdomain_policy": "none", "testing": True},
     "none there: one is made"),
    ('[domain."a.example"]\ndmarc = { percent = 5, reports_to = "d@a.example" }\n',
     {"policy": "quarantine", "subdomain_policy": "none", "testing": True, "reports_to": "d@a.example"},
     "pct goes: RFC 9989 knows it no more"),
    ('[domain."a.example"]\n[domain."a.example".dmarc]\npolicy = "none"\n[domain."b.example"]\n',
     {"policy": "quarantine", "subdomain_policy": "none", "testing": True}, "a table of its own"),
    ('[defaults]\ndmarc = { reports_to = "d@a.example" }\n[domain."a.example"]\n[domain."b.example"]\n',
     {"policy": "quarantine", "subdomain_policy": "none", "testing": True, "reports_to": "d@a.example"},
     "what was inherited is written out; the others stay"),
]  # fmt: skip


@pytest.mark.parametrize("text, expected, reason", EDITS)
def test_only_the_policy_of_one_domain_changes(tmp_path, text, expected, reason):
    after = with_policy(HEAD + text, tmp_path / "m.toml", "a.example", QUARANTINE)
    domains = tomllib.loads(after)["domain"]
    assert domains.pop("a.example")["dmarc"] == expected, reason
    assert all(domain == {} for domain in domains.values())
    assert "quarantine" in diff(HEAD + text, after, tmp_path / "m.toml")


def test_t_goes_when_the_test_is_over(tmp_path):
    text = HEAD + '[domain."a.example"]\ndmarc = { policy = "quarantine", testing = true }\n'
    after = with_policy(
        text, tmp_path / "m.toml", "a.example", dmarc.parse("v=DMARC1; p=quarantine")
    )
    assert tomllib.loads(after)["domain"]["a.example"]["dmarc"] == {"policy": "quarantine"}


@pytest.mark.parametrize(
    "text, says",
    [
        ('[domain."b.example"]\n', "it does not name the domain"),
        ('[domain."a.example"]\nparked = true\n', "parked"),
    ],
)
def test_a_description_that_cannot_take_a_step_is_refused(tmp_path, text, says):
    with pytest.raises(ConfigError, match=says):
        with_policy(HEAD + text, tmp_path / "m.toml", "a.example", QUARANTINE)


# --- replay ---------------------------------------------------------------------------


def test_a_policy_that_hits_strangers_alone_is_fine(store):
    args = ["--policy", "v=DMARC1; p=reject", "--store", store]
    document, code = told("replay", *args, kind="reports-replay")
    assert (document.domain, document.wanted_hit, code) == ("example.com", 0, 0)
    assert [one.reader for one in document.readers] == ["rfc9989", "rfc7489"]
    for reader in document.readers:
        first, *others = reader.senders
        assert (first.sender_kind, first.hit, first.after) == ("stranger", 180, {"reject": 180})
        assert {one.hit for one in others} == {0}
    shown = run_cli("reports", "replay", "--policy", "p=reject", "--store", store)
    assert "0 messages of 3,000 that you want would have been hit" in shown.out
    assert "180 messages of strangers would have been stopped" in shown.out
    assert "180 refused" in shown.out


def test_a_policy_that_hits_mail_of_ones_own_is_a_finding(tmp_path):
    store = imported(tmp_path, [unsigned(LAST, "big.example")])
    document, code = told("replay", "--policy", "p=reject", "--store", store, kind="reports-replay")
    assert (document.wanted_hit, code) == (10, 1)
    shown = run_cli("reports", "replay", "--policy", "p=reject", "--store", store)
    assert "10 messages of 60 that you want would have been hit (16.7 %)" in shown.out


def test_a_test_mode_hits_only_with_the_older_receivers(store):
    args = ["--policy", "p=quarantine; t=y", "--store", store]
    shown = run_cli("reports", "replay", *args).out
    assert "as receivers of RFC 9989 would have judged" in shown
    assert "as receivers of the older RFC 7489 would have judged" in shown


def test_strict_alignment_fails_what_a_subdomain_proved(tmp_path):
    only_spf = aggregate(record(OWN, 10, dkim="fail", spf="pass"), policy="reject", day=LAST)
    store = imported(tmp_path, [only_spf])
    document, code = told("replay", "--strict", "--store", store, kind="reports-replay")
    assert document.tried == "v=DMARC1; p=reject; adkim=s; aspf=s"
    assert (document.wanted_hit, code) == (10, 1)
    assert document.readers[0].senders[0].newly_failing == 10


def test_without_an_include_its_mail_fails_spf(tmp_path, world):
    only_spf = aggregate(
        record(OWN, 10, dkim="fail"), record(SHOP, 7, dkim="fail"), policy="reject", day=LAST
    )
    store = imported(tmp_path, [only_spf])
    args = ["--without-include", "_spf.shop.example", "--policy", "p=reject", "--store", store]
    document, code = told("replay", *args, "--world", world, kind="reports-replay")
    assert (document.without, code) == (["_spf.shop.example"], 1)
    hit = {one.addresses[0]: one.newly_failing for one in document.readers[0].senders}
    assert hit == {SHOP: 7, OWN: 0}


def test_what_cannot_be_judged_is_told(tmp_path, world):
    today = datetime.now(UTC).date()
    old, new = (
        aggregate(record(SHOP, 7, dkim="fail"), day=today - timedelta(days=n), report_id=str(n))
        for n in (20, 2)
    )
    store = imported(tmp_path, [old, new])
    assert run_cli("reports", "prune", "--keep-days", "9", "--yes", "--store", store).code == 0
    args = ["--without-include", "_spf.shop.example", "--store", store, "--world", world]
    document, _ = told("replay", *args, kind="reports-replay")
    assert document.readers[0].senders[0].unsure == 7
    shown = run_cli("reports", "replay", *args).out
    assert "7 messages cannot be judged: the DNS did not answer, or their details are gone" in shown


@pytest.mark.parametrize(
    "args, says",
    [
        ([], "what is to be tried?"),
        (["--policy", "p=maybe"], "p=maybe"),
        (["--policy", "v=DMARC2"], "v=DMARC2"),
        (["--without-include", "_spf.shop.example"], "stands in the DNS"),
        (["--without-include", "x y"], "x y"),
        (["example.net", "--strict"], "is about example.net"),
    ],
)
def test_a_replay_that_cannot_be_is_misuse(store, args, says):
    result = run_cli("reports", "replay", *args, "--store", store)
    assert (result.code, result.out) == (2, "")
    assert says in result.err


def test_an_include_that_no_record_has_is_misuse(store, world):
    args = ["--without-include", "_spf.other.example", "--store", store, "--world", world]
    result = run_cli("reports", "replay", *args)
    assert result.code == 2
    assert "maildns spf tree example.com shows" in result.err


def test_of_several_domains_one_must_be_named(tmp_path):
    store = imported(tmp_path, [*reports(days=2), *reports("example.org", days=2)])
    result = run_cli("reports", "replay", "--strict", "--store", store)
    assert result.code == 2
    assert "which domain?" in result.err
    assert "example.com, example.org" in result.err
