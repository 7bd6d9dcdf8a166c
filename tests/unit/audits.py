"""Audits made by hand, to be judged and shown."""

from __future__ import annotations

from datetime import UTC, datetime

from maildns import World, run
from maildns.ask import Answer, DnssecStatus, Outcome, Question, Seen
from maildns.audit.assessment import assess
from maildns.audit.checking import Audit
from maildns.audit.facts import Facts
from maildns.audit.gathering import gather
from maildns.audit.profiles import profile_named
from maildns.audit.registry import TOPICS
from maildns.audit.result import Result, Status
from maildns.dnsdata import Txt
from maildns.finding import Fix

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ANSWER = Answer(
    Question("example.com", "TXT"),
    Outcome.FOUND,
    (Txt.of("v=spf1 +all"),),
    300,
    DnssecStatus.SECURE,
    seen=Seen("192.0.2.53:53", "NOERROR", 12.3, NOW.timestamp()),
)
OK = Result("mx-records", Status.OK, "example.com", "mail.example.com takes its mail")
BAD = Result(
    "spf-pass-all",
    Status.BAD,
    "example.com",
    "every host in the world may send",
    (ANSWER,),
    Fix("end with ~all", "v=spf1 mx ~all"),
)
GONE = Result("zone-domain-missing", Status.BAD, "example.com", "the domain does not exist")
WARN = Result("dmarc-policy-none", Status.WARN, "example.com", "p=none asks receivers for nothing")
UNKNOWN = Result("mx-records", Status.UNKNOWN, "example.com", "no answer within 3 s")
NOTE = Result("spf-upper-case", Status.OK, "example.com", "V=SPF1", note=True)
IDLE = Result("mtasts-testing", Status.NOT_APPLICABLE, "example.com", "there is no policy")


def audit_of(domain: str = "example.com", **topics: list[Result]) -> Audit:
    """An audit of *domain* with just these results."""
    facts = Facts(run(gather(domain), World()), NOW)
    return Audit(domain, {topic: topics.get(topic, []) for topic in TOPICS}, facts)


def assessed(domain: str = "example.com", profile: str = "default", **topics: list[Result]):
    """The same, judged by *profile*."""
    return assess(audit_of(domain, **topics), profile_named(profile))
