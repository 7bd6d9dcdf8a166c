"""
What we say of DANE is what Postfix does, in every case of the pretend internet.

Asked thrice: ours, `posttls-finger`, and a message that Postfix sends with
`smtp_tls_security_level = dane`. Each domain is asked for once in each lab, since an smtp(8)
process remembers TLSA records for seconds after their TTL.
"""

from __future__ import annotations

import re
import smtplib
import time

import pytest

from maildns import Resolver, run
from maildns.ask import DnssecStatus
from maildns.lab.internet import FAULTS, GOOD
from maildns.lab.internet.postfix import SEND_PORT
from maildns.net.smtp import MailServerError, fetch_chain
from maildns.protocols import dane, mx
from maildns.protocols.dane import Delivery

pytestmark = pytest.mark.server

CASES = [  # domain, whether its mail waits (RFC 7672)
    (GOOD, False),
    ("mail.lab", False),
    *((fault.domain, fault.refused) for fault in FAULTS.values() if fault.refused is not None),
]


@pytest.fixture(scope="module")
def posted(internet) -> dict[str, str]:
    """What became of a message to each domain: the words of Postfix's log."""
    internet.call(_post, [domain for domain, _ in CASES])
    until = time.monotonic() + 90
    while time.monotonic() < until:
        log = internet.log("mail2")
        found = dict(re.findall(r"to=<postmaster@([^>]+)>,.* (status=\w+ .*)", log))
        if len(found) == len(CASES):
            return found
        time.sleep(0.1)
    pytest.fail(f"no word of {sorted({domain for domain, _ in CASES} - found.keys())}")


def _post(domains: list[str]) -> None:
    for domain in domains:
        with smtplib.SMTP("127.0.0.1", SEND_PORT, timeout=20) as client:
            text = (
                f"From: <a@mail.lab>\r\nTo: <postmaster@{domain}>\r\nSubject: try\r\n\r\nhello\r\n"
            )
            client.sendmail("a@mail.lab", [f"postmaster@{domain}"], text)


def _ours(domain: str) -> tuple[bool, bool]:
    """Whether mail for *domain* goes to a server that is proven, and whether it waits."""
    with Resolver(servers=["127.0.0.1"]) as resolver:
        found = run(dane.domain_lookup(domain), resolver)
        if found.result is dane.DomainResult.DEFER:
            return False, True
        hosts = {host.name: host for host in run(mx.mail_hosts(domain), resolver).hosts}
    verdicts = []
    for lookup in found.hosts:
        chain = None
        try:
            address = str(hosts[lookup.host].addresses[0])
            chain = fetch_chain(lookup.host, address=address, timeout_seconds=10)
        except MailServerError as error:
            if error.may_retry:  # nobody is there
                verdicts.append(Delivery.DEFER)
                continue
        verdicts.append(dane.judge(lookup, chain, next_hops=found.next_hops).delivery)
    first = next((one for one in verdicts if one is not Delivery.DEFER), Delivery.DEFER)
    secure = found.dnssec is DnssecStatus.SECURE  # else anyone may have chosen the hosts
    return first is Delivery.AUTHENTICATED and secure, first is Delivery.DEFER


@pytest.mark.parametrize("domain, waits", CASES)
def test_message_waits_where_we_say_so_and_nowhere_else(internet, posted, domain, waits):
    _, ours = internet.call(_ours, domain)
    assert ours is waits
    assert posted[domain].startswith("status=deferred" if waits else "status=sent")
    taken = re.search(r"queued as (\w+)", posted[domain])
    assert (taken is None) is waits
    if taken:  # the receiving Postfix wrote that down before it said so
        assert f" {taken[1]}: client=" in internet.log("mail1")


@pytest.mark.parametrize("domain, waits", CASES)
def test_posttls_finger_verifies_the_server_where_we_do(internet, domain, waits):
    proven, _ = internet.call(_ours, domain)
    done = internet.run(["posttls-finger", "-c", "-t", "10", "-l", "dane", "-L", "summary", domain])
    # Its exit status is 0 for a wrong TLSA record, too.
    assert ("Verified TLS connection established" in done.stdout + done.stderr) is proven
    assert not (waits and proven)


def test_cases_hold_both_outcomes_and_every_kind_of_tlsa_record():
    assert {waits for _, waits in CASES} == {True, False}
    assert len(CASES) >= 20
