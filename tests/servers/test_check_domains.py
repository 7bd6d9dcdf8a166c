"""Many domains checked in one call, on the lab's name server: each as if it were alone."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
import time

import pytest

from maildns.ask import Outcome
from maildns.audit.checking import check_domain, check_domains
from maildns.audit.sharing import processes_for
from maildns.errors import MaildnsError, RecordSyntaxError
from maildns.lab import LabServer
from maildns.net.resolver import Resolver

pytestmark = pytest.mark.server

ZONE = """
@ NS ns1.example.
@ A 192.0.2.80
@ MX 10 mail
@ TXT "v=spf1 mx include:_spf.other.example -all"
mail A 192.0.2.25
_dmarc TXT "v=DMARC1; p=reject"
_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls@one.example"
mail._domainkey TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
"""
ZONES = {
    ".": "",
    "example": "ns1 A 127.0.0.1\n",
    "one.example": ZONE,
    "two.example": ZONE.replace("MX 10 mail", "MX 10 nothing"),
    "three.example": '@ MX 0 .\n@ TXT "v=spf1 -all"\n',
    "other.example": '_spf TXT "v=spf1 ip4:198.51.100.0/24 -all"\n',
}
DOMAINS = ["one.example", "two.example", "three.example", "nothing.example", "Two.Example."]


@pytest.fixture(scope="module")
def lab():
    with LabServer(ZONES) as running:
        yield running


def resolver_of(lab):
    return Resolver(servers=[lab.server], direct_port=lab.port, timeout_seconds=2)


def shown(audit):
    """What must be the same, whoever checked: results, their evidence, and the facts."""
    results = {
        topic: [(one.rule, one.status, one.subject, one.says, one.fix, one.evidence) for one in found]
        for topic, found in audit.results.items()
    }  # fmt: skip
    return (
        audit.domain,
        results,
        audit.facts.dns.answers,
        audit.facts.dns.mail,
        audit.facts.dns.zone,
    )


@pytest.mark.parametrize("processes", [1, 2])
def test_each_of_many_is_checked_as_if_it_were_alone(lab, processes):
    alone = {name: shown(check_domain(name, resolver_of(lab))) for name in DOMAINS[:4]}
    audits = list(check_domains(DOMAINS, resolver_of(lab), processes=processes))
    assert sorted(audit.domain for audit in audits) == sorted([*DOMAINS[:4], "two.example"])
    for audit in audits:
        domain, results, answers, mail, zone = alone[audit.domain]
        found = shown(audit)
        assert found[:2] == (domain, results)
        assert {str(question) for question in found[2]} == {str(question) for question in answers}
        assert found[3] == mail
        assert (found[4].apex, found[4].hosts) == (zone.apex, zone.hosts)


def test_evidence_comes_whole_from_another_process(lab):
    (audit,) = check_domains(["one.example"], resolver_of(lab), processes=2)
    evidence = [
        one for found in audit.results.values() for result in found for one in result.evidence
    ]
    assert evidence
    assert {one.seen.server for one in evidence} == {lab.server}
    direct = audit.facts.dns.zone.servers[0].answers[0]
    assert direct.seen.authoritative
    assert [one.rrtype for one in direct.seen.signatures] == ["RRSIG"]
    results = pickle.loads(pickle.dumps(dict(audit.results)))
    assert [one.evidence for one in results["mx"]] == [one.evidence for one in audit.results["mx"]]


def test_it_works_from_a_program_of_several_threads(lab):
    """There a fork is not safe; and the resolver is handed over as a value."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        audits = list(check_domains(DOMAINS[:2], resolver_of(lab), processes=2))
    finally:
        done.set()
        thread.join()
    assert sorted(audit.domain for audit in audits) == ["one.example", "two.example"]


def test_a_domain_that_never_answers_stops_no_other(lab, silent):
    """Its delegation leads to a server that says nothing."""
    resolver = Resolver(servers=[f"127.0.0.1:{silent}"], timeout_seconds=0.5, tries=50)
    started = time.monotonic()
    audits = list(check_domains(DOMAINS[:3], resolver, deadline_seconds=1))
    assert time.monotonic() - started < 5
    for audit in audits:
        outcomes = {answer.outcome for answer in audit.facts.dns.answers.values()}
        assert outcomes == {Outcome.UNREACHABLE}


@pytest.mark.parametrize("processes", [1, 2])
def test_no_name_is_told_before_anything_is_asked(lab, processes):
    before = len(lab.asked)
    with pytest.raises(RecordSyntaxError):
        check_domains(["one.example", "a..example"], resolver_of(lab), processes=processes)
    assert len(lab.asked) == before


def test_nothing_runs_on_when_nobody_wants_more(lab):
    audits = check_domains(DOMAINS * 20, resolver_of(lab), processes=2)
    next(audits)
    audits.close()
    assert multiprocessing.active_children() == []


def test_a_process_that_is_killed_is_no_end_of_the_work(silent):
    """As the system does when memory is short: its domains must not be missing without a word."""
    resolver = Resolver(servers=[f"127.0.0.1:{silent}"], timeout_seconds=5, tries=1)
    audits = check_domains(DOMAINS[:4], resolver, processes=2, deadline_seconds=60)
    killer = threading.Thread(target=kill_one_soon)
    killer.start()
    with pytest.raises(MaildnsError, match="ended from outside"):
        list(audits)
    killer.join()
    assert multiprocessing.active_children() == []


def kill_one_soon():
    until = time.monotonic() + 30
    while not multiprocessing.active_children() and time.monotonic() < until:
        time.sleep(0.01)
    multiprocessing.active_children()[0].kill()


def test_few_domains_are_not_worth_a_process():
    assert processes_for(1) == processes_for(200) == 1
    assert 1 <= processes_for(1000) <= 8
