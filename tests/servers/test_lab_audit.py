"""The audit finds each fault of the pretend internet by its own rule, and complains of nothing else."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from maildns import Resolver, run
from maildns.audit import checks as _registered  # noqa: F401 - its import registers the rules
from maildns.audit.documents import LiveDocumentFetcher
from maildns.audit.facts import DnsFacts, Earlier, Facts
from maildns.audit.gathering import gather
from maildns.audit.probing import LivePolicyFetcher, Probed, probe
from maildns.audit.registry import judge
from maildns.audit.result import Result, Status
from maildns.finding import registered_rules
from maildns.lab.internet import FAULTS, GOOD, Fault, Internet
from maildns.lab.internet.sites import LAN_SERVER, PUBLIC_RESOLVER
from maildns.net.probe import LiveProber, ProbeOptions

pytestmark = pytest.mark.server

COMPLAINTS = {Status.BAD, Status.WARN}


def _gathered(domain: str, server: str) -> DnsFacts:
    with Resolver(servers=[server]) as resolver:
        return run(gather(domain), resolver)


def _probed(dns: DnsFacts, authorities: str, marks: str) -> Probed:
    async def talk() -> Probed:
        prober = LiveProber(ProbeOptions(authorities_pem=authorities, deep=True))
        with (
            closing(LivePolicyFetcher(authorities_pem=authorities)) as fetcher,
            closing(LiveDocumentFetcher(authorities_pem=authorities)) as documents,
        ):
            return await probe(dns, prober, fetcher, documents=documents)

    probed = asyncio.run(talk())
    if probed.documents is None:
        return probed
    return replace(probed, documents=replace(probed.documents, authorities_pem=marks))


def _facts(
    domain: str, authorities: tuple[str, str], lan: bool, earlier: Earlier | None = None
) -> Facts:
    dns = _gathered(domain, PUBLIC_RESOLVER)
    probed = _probed(dns, *authorities)
    views = {"lan": _gathered(domain, LAN_SERVER)} if lan else {}
    now = datetime.now(UTC)
    return Facts(dns, now, probed.talks, probed.policy, views, earlier, probed.documents)


def _audited(
    lab: Internet, domain: str, earlier: Earlier | None = None
) -> tuple[Facts, list[Result]]:
    """All results for *domain*, asked inside."""
    files = (lab.authorities, lab.mark_authorities)
    authorities = tuple(file.read_text(encoding="ascii") for file in files)
    split = lab.sites[domain].lan is not None
    facts = lab.call(_facts, domain, authorities, split, earlier)
    return facts, [result for results in judge(facts).values() for result in results]


def _faulty(lab: Internet, fault: Fault) -> list[Result]:
    facts, results = _audited(lab, fault.domain)
    if fault.later is None:
        return results
    assert _found_by(fault, results) == []  # there is nothing to see yet
    assert facts.dns.sts.record is not None
    assert facts.policy is not None
    site = lab.sites[fault.domain]
    fault.later(site)
    lab.change(site)
    return _audited(lab, fault.domain, Earlier(facts.dns.sts.record.id, facts.policy.text))[1]


def _found_by(fault: Fault, results: list[Result]) -> list[Result]:
    """What the fault's own rule says against the domain."""
    against = COMPLAINTS | {Status.UNKNOWN}
    own = [result for result in results if result.rule == fault.rules[0]]
    return [result for result in own if result.status in against or result.note]


def _shown(results: list[Result]) -> str:
    return "\n".join(f"{one.status} {one.rule} {one.subject}: {one.says}" for one in results)


@pytest.fixture(scope="module")
def good(internet) -> list[Result]:
    """What the audit says of the domain at which nothing is wrong."""
    return _audited(internet, GOOD)[1]


@pytest.mark.parametrize("domain", [GOOD, "mail.lab"])
def test_nothing_is_wrong_with_a_good_domain_and_all_is_known(internet, domain):
    results = _audited(internet, domain)[1]
    against = [one for one in results if one.status in COMPLAINTS | {Status.UNKNOWN}]
    assert against == [], _shown(against)
    assert sum(one.status is Status.OK for one in results) > 30


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_fault_is_found_by_its_rule_and_no_other_complains(internet, good, fault):
    results = _faulty(internet, fault)
    assert _found_by(fault, results), _shown(results)
    others = [one for one in results if one.status in COMPLAINTS and one.rule not in fault.rules]
    assert others == [], _shown(others)
    # Without the fault the rule is silent: the test fails where the fault is taken away.
    assert _found_by(fault, good) == []


def test_rules_that_the_faults_name_exist():
    named = {rule for fault in FAULTS.values() for rule in fault.rules}
    assert named - registered_rules().keys() == set()
