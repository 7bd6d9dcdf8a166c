"""Pretended zones, audited: each name server may have its own copy, or be lame or silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import maildns.audit.checks as _registered  # noqa: F401 - registers the checks
from maildns import World, run
from maildns.ask import Answer, DirectQuestion, Outcome, Question, Seen
from maildns.audit.facts import Facts
from maildns.audit.gathering import Scope, gather
from maildns.audit.registry import judge
from maildns.audit.result import Result, Status

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
BASE = """
.                     SOA a.root. hostmaster.root. 1 1800 900 604800 3600
.                     NS  a.root.
a.root.               A   198.41.0.4
example.com.          SOA ns1.example.com. hostmaster.example.com. 7 7200 900 1209600 300
example.com.          NS  ns1.example.com.
example.com.          NS  ns2.example.net.
ns1.example.com.      A   93.184.216.53
ns1.example.com.      AAAA 2606:2800:220:1::53
ns2.example.net.      A   151.101.2.53
ns2.example.net.      AAAA 2a04:4e42::53
example.com.          MX  10 mx.example.com.
mx.example.com.       A   93.184.216.25
mx.example.com.       AAAA 2606:2800:220:1::25
25.216.184.93.in-addr.arpa. PTR mx.example.com.
5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.2.2.0.0.0.8.2.6.0.6.2.ip6.arpa. PTR mx.example.com.
example.com.          TXT "v=spf1 mx -all"
mx.example.com.       TXT "v=spf1 a -all"
_dmarc.example.com.   TXT "v=DMARC1; p=reject; rua=mailto:dmarc@example.com"
s1._domainkey.example.com. TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
example.com.          CAA 0 issue "letsencrypt.org"
"""


class Servers:
    """A world whose name servers, by address, have copies of their own; None is one that is silent."""

    def __init__(self, world: World, own: Mapping[str, World | Outcome | Answer | None]) -> None:
        self.world = world
        self.own = own

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        return [self._one(question) for question in questions]

    def _one(self, question: Question) -> Answer:
        if not isinstance(question, DirectQuestion):
            return self.world.answer([question])[0]
        copy = self.own.get(f"{question.transport}:{question.server}", 0)
        copy = self.own.get(question.server, self.world) if copy == 0 else copy
        if copy is None:
            return Answer(question, Outcome.UNREACHABLE, detail="no answer within 3 s")
        if isinstance(copy, Answer):
            return replace(copy, question=question)
        (answer,) = copy.answer([question])
        return replace(answer, seen=Seen(question.server, "NOERROR", authoritative=True))


LAME = Answer(Question("x", "A"), Outcome.UNREACHABLE, detail="REFUSED", seen=Seen("x", "REFUSED"))
TCP_CLOSED = Answer(Question("x", "A"), Outcome.UNREACHABLE, detail="Connection refused")


def changed(*lines: str, without: Sequence[str] = (), base: str = BASE) -> str:
    """*base* without the lines that begin with one of *without*, and with *lines*."""
    kept = [line for line in base.splitlines() if not line.startswith(tuple(without) or ("\0",))]
    return "\n".join([*kept, *lines]) + "\n"


def facts_of(text: str = BASE, own: Mapping[str, object] | None = None, **more: object) -> Facts:
    """What is known of example.com in the zones of *text*."""
    scope = Scope(selectors=(("s1", "given"),))
    world = Servers(World.from_zone(text), own or {})
    return Facts(run(gather("example.com", scope), world), NOW, **more)


def results_of(facts: Facts) -> list[Result]:
    """Every result."""
    return [result for found in judge(facts).values() for result in found]


def complaints(results: Sequence[Result]) -> dict[str, Status]:
    """The rules that are not kept, with how bad it is; notes and what is unknown included."""
    return {
        one.rule: one.status
        for one in results
        if one.status in {Status.BAD, Status.WARN, Status.UNKNOWN} or one.note
    }
