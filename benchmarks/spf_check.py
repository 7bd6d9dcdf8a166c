"""
How many SPF evaluations are done each second, against pyspf in the same run.

    python benchmarks/spf_check.py

Both get the same DNS answers from a dict, already in the form that each of them wants. Medians
of fifteen runs, taken in turn, in seconds of the processor; the ratio is that of each turn, as
the machine may be busier in another. The limit is three times pyspf in every
case, so the least decides. The distance to what cannot be undercut is shown: a driver that takes
the same questions through the same generator protocol and judges nothing. The last cases have so
many records that each one is read anew, with all its terms, which is what costs most.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import truediv

import spf as pyspf

from maildns.ask import Answer, Inquiry, Outcome, Question
from maildns.dnsdata import Mx, Txt
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols import spf

RUNS, CALLS = 15, 1_500
LIMIT = 3.0
MANY = 9_000  # more records than are remembered
ZONE = """
own.example.            TXT "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"
hosts.example.          TXT "v=spf1 a mx -all"
hosts.example.          A   192.0.2.80
hosts.example.          MX  10 mx1.hosts.example.
hosts.example.          MX  20 mx2.hosts.example.
mx1.hosts.example.      A   192.0.2.25
mx2.hosts.example.      A   192.0.2.26
many.example.           TXT "v=spf1 mx a:web.many.example include:suite.example include:shop.example include:news.example exists:%{i}._ok.many.example ~all"
many.example.           MX  10 mx1.hosts.example.
web.many.example.       A   192.0.2.81
suite.example.          TXT "v=spf1 include:n1.suite.example include:n2.suite.example include:n3.suite.example ~all"
n1.suite.example.       TXT "v=spf1 ip4:35.190.247.0/24 ip4:64.233.160.0/19 ip4:66.102.0.0/20 ip4:66.249.80.0/20 ip4:72.14.192.0/18 ip4:74.125.0.0/16 ip4:108.177.8.0/21 ip4:173.194.0.0/16 ip4:209.85.128.0/17 ip4:216.58.192.0/19 ~all"
n2.suite.example.       TXT "v=spf1 ip6:2001:4860:4000::/36 ip6:2404:6800:4000::/36 ip6:2607:f8b0:4000::/36 ip6:2800:3f0:4000::/36 ~all"
n3.suite.example.       TXT "v=spf1 ip4:172.217.0.0/19 ip4:172.217.32.0/20 ip4:172.217.128.0/19 ip4:172.253.56.0/21 ~all"
shop.example.           TXT "v=spf1 ip4:198.51.100.0/25 -all"
news.example.           TXT "v=spf1 ip4:198.51.100.128/25 -all"
macro.example.          TXT "v=spf1 exists:%{ir}.%{v}.%{l1r-}._spf.%{d2} -all"
7.2.0.192.in-addr.strong._spf.macro.example. A 127.0.0.2
hop.example.            TXT "v=spf1 redirect=n1.suite.example"
told.example.           TXT "v=spf1 a -all exp=why.told.example"
told.example.           A   192.0.2.80
why.told.example.       TXT "%{i} is not one of %{d}'s hosts"
faulty.example.         TXT "v=spf1 a mx ip4:192.0.2.300 -all"
"""
CLIENT = "192.0.2.7"
# Records that are all different: by their networks, or by their names too.
ANEW = {
    "own network, each record anew": "v=spf1 ip4:198.18.{low}.{high} ip4:192.0.2.0/24 a mx -all",
    "refused, each record anew": "v=spf1 +ip4:198.18.{low}.{high} ip6:2001:db8:{low:x}::/48 -all",
    "own hosts, each record anew": "v=spf1 a:mail.d{number}.example mx include:i{number}.example ~all",
}
CASES = {
    "passes by its own network": ("own.example", "192.0.2.7"),
    "passes by the second exchanger": ("hosts.example", "192.0.2.26"),
    "passes behind two includes": ("many.example", "172.253.56.9"),
    "refused after 9 lookups": ("many.example", "203.0.113.9"),
    "passes by a macro": ("macro.example", "192.0.2.7"),
    "passes by its IPv6 network": ("own.example", "2001:db8::25"),
    "passes behind a redirect": ("hop.example", "216.58.192.9"),
    "refused with an explanation": ("told.example", "203.0.113.9"),
    "a record with a fault": ("faulty.example", "203.0.113.9"),
    "no record at all": ("mx1.hosts.example", "203.0.113.9"),
}


@dataclass(frozen=True)
class Case:
    """One evaluation, and the answers that it needs, for both."""

    sender: str
    ip: str
    ours: dict[tuple[str, str], Answer]
    theirs: dict[tuple[str, str], list[object]]

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        known = self.ours
        return [known[one.name, one.rrtype] for one in questions]

    def lookup(self, name: str, rrtype: str, *_options: object) -> list[object]:
        return self.theirs.get((name.lower(), rrtype), [])


def case_of(world: World, domain: str, ip: str) -> Case:
    """What an evaluation asks, asked once."""
    world.asked.clear()
    sender = f"strong-bad@{domain}"
    run(spf.check_host(ip=ip, sender=sender, helo="mx.example"), world)
    asked = [(question.name, question.rrtype) for question in world.asked]
    ours = {key: world.answer([Question(*key)])[0] for key in asked}
    theirs = {
        key: [(key, _value(record)) for record in answer.records] for key, answer in ours.items()
    }
    case = Case(sender, ip, ours, theirs)
    assert maildns(case) == peer(case), (domain, maildns(case), peer(case))
    return case


def _value(record: object) -> object:
    if isinstance(record, Txt):
        return record.strings
    return (record.preference, record.host) if isinstance(record, Mx) else str(record)


def maildns(case: Case) -> str:
    return run(spf.check_host(ip=case.ip, sender=case.sender, helo="mx.example"), case).result.value


def peer(case: Case) -> str:
    pyspf.DNSLookup = case.lookup
    asked = pyspf.query(i=case.ip, s=case.sender, h="mx.example", querytime=0)
    return str(asked.check()[0])


def bare(case: Case) -> bool:
    """Ask what an evaluation asks, one by one, and judge nothing."""

    def inquiry() -> Inquiry[bool]:
        found = False
        for key in case.ours:
            (answer,) = yield (Question(*key),)
            found |= answer.outcome is Outcome.FOUND
        return found

    return run(inquiry(), case)


def seconds(work: Callable[[Case], object], cases: Sequence[Case]) -> float:
    start = time.process_time()
    for case in cases:
        work(case)
    return (time.process_time() - start) / len(cases)


def compared(title: str, cases: Sequence[Case]) -> float:
    """Print the medians of all three, and give the ratio to pyspf."""
    times: dict[str, list[float]] = {"ours": [], "peer": [], "bare": []}
    for _ in range(RUNS):
        for name, work in (("ours", maildns), ("peer", peer), ("bare", bare)):
            times[name].append(seconds(work, cases))
    ours, theirs, least = (statistics.median(times[name]) for name in ("ours", "peer", "bare"))
    ratio = statistics.median(map(truediv, times["peer"], times["ours"]))
    print(
        f"{title:<32} {1 / ours:9,.0f}/s   pyspf {1 / theirs:7,.0f}/s   {ratio:5.1f} x"
        f"   {ours / least:5.1f} x the questions alone"
    )
    return ratio


def many(world: World, form: str) -> list[Case]:
    """So many different records that none is remembered when it comes again."""
    client = CLIENT if "/24" in form else "203.0.113.9"
    for number in range(MANY):
        text = form.format(number=number, low=number % 255 + 1, high=number // 255)
        world.add(f"d{number}.example", "TXT", text.encode())
        if "include" in form:
            world.add(f"mail.d{number}.example", "A", "192.0.2.80")
            world.add(f"d{number}.example", "MX", (10, f"mail.d{number}.example"))
            world.add(
                f"i{number}.example",
                "TXT",
                f"v=spf1 ip4:198.18.0.0/{number % 16 + 16} -all".encode(),
            )
    return [case_of(world, f"d{number}.example", client) for number in range(MANY)]


def main() -> int:
    world = World.from_zone(ZONE)
    ratios = [
        compared(title, [case_of(world, domain, ip)] * CALLS)
        for title, (domain, ip) in CASES.items()
    ]
    ratios += [compared(title, many(World(), form)) for title, form in ANEW.items()]
    least, middle = min(ratios), statistics.median(ratios)
    print(f"the least is {least:.1f} x pyspf, the median {middle:.1f} x; the limit {LIMIT:.1f} x")
    return 0 if least >= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
