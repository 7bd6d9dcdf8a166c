"""A sound domain and its live servers, made up; tests break one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

from pki import make

import maildns.audit.checks  # noqa: F401 - its import registers the checks
from maildns.audit.facts import Facts
from maildns.audit.gathering import Scope, gather
from maildns.audit.registry import TOPICS, judge
from maildns.audit.result import Status
from maildns.net.drivers import run
from maildns.net.https import FetchedPolicy, FetchResult
from maildns.net.talk import Reached, Stage, Talk, TlsShown
from maildns.net.world import World
from maildns.protocols import dane, mtasts

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DOMAIN, HOST = "example.com", "mx.example.com"
V4, V6 = "8.8.4.25", "2a01:4f8::25"
URL = "https://mta-sts.example.com/.well-known/mta-sts.txt"
POLICY = "version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 1209600\n"


@lru_cache(maxsize=1)
def authorities():
    """A root and its intermediate."""
    root = make("Test Root", authority=True, now=NOW, days=(-900, 900))
    return root, make("Test Issuer", root, authority=True, now=NOW, days=(-900, 900))


@lru_cache(maxsize=1)
def good_leaf():
    return make(HOST, authorities()[1], names=[HOST], now=NOW)


def tls(*chain, **more):
    """A handshake that showed *chain*; by default that of the sound server."""
    chain = chain or (good_leaf(), authorities()[1])
    names = tuple(dane.certificate_names(chain[0].certificate))
    ders = tuple(one.der for one in chain)
    given = {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384"} | more
    return TlsShown(chain_der=ders, names=names, **given)


def talk(**more):
    """What a sound mail server says."""
    given = {
        "host": HOST, "address": V4, "port": 25, "reached": Reached.YES,
        "banner": f"{HOST} ESMTP", "banner_code": 220, "greeting_name": HOST,
        "extensions": ("SIZE 1000", "STARTTLS"), "starttls": True, "stage": Stage.DONE,
        "milliseconds": 80.0,
    }  # fmt: skip
    if not {"tls", "failure"} & set(more):
        given["tls"] = tls()
    return Talk(**given | more)


def ended(stage, failure, **more):
    """A talk that ended at *stage*."""
    early = stage in {Stage.GREETING, Stage.HELLO}
    given = {"starttls": None if early else True, "extensions": (), "greeting_name": ""}
    return talk(stage=stage, failure=failure, **given | more)


def zone(*, without=(), extra=(), records=None):
    """The zone of the sound domain, without the lines that begin so, and with others."""
    records = [dane.from_certificate(good_leaf().certificate)] if records is None else records
    lines = [
        "example.com. DNSKEY 257 3 8 AwEAAcw=",
        "example.com. MX 10 mx.example.com.",
        'example.com. TXT "v=spf1 mx -all"',
        f"mx.example.com. A {V4}",
        f"mx.example.com. AAAA {V6}",
        'mx.example.com. TXT "v=spf1 a -all"',
        '_mta-sts.example.com. TXT "v=STSv1; id=20260601;"',
        "mta-sts.example.com. A 8.8.4.80",
        "25.4.8.8.in-addr.arpa. PTR mx.example.com.",
        f"{'5.2.0.0.' + '0.0.0.0.' * 5}8.f.4.0.1.0.a.2.ip6.arpa. PTR mx.example.com.",
        *(f"_25._tcp.mx.example.com. TLSA {record}" for record in records),
    ]
    kept = [line for line in lines if not line.startswith(tuple(without) or "\0")]
    return "\n".join([*kept, *extra]) + "\n"


def world(**more):
    return World.from_zone(zone(**more), origin=".")


def fetched(text=POLICY, **more):
    return FetchedPolicy(FetchResult.FETCHED, URL, mtasts.parse_policy(text), text, **more)


def facts(*, at=None, talks=None, policy=None, previous=None):
    """Facts of the world *at*; both addresses of the sound server, and its policy."""
    dns = run(gather(DOMAIN, Scope(common_selectors=False, servers=False)), at or world())
    if talks is None:
        talks = (talk(), talk(address=V6))
    return Facts(dns, NOW, talks, policy or fetched(), previous=previous)


LIVE = ("addresses", "smtp", "tls", "dane", "mtasts")


def results(known, topics=LIVE):
    """The results of the topics of live servers."""
    assert set(topics) <= set(TOPICS)
    found = judge(known)
    return [result for topic in topics for result in found[topic]]


def faults(known):
    """The rules that are broken: bad, or warned of."""
    return {one.rule for one in results(known) if one.status in {Status.BAD, Status.WARN}}


def notes(known):
    """The rules of the notes."""
    return {one.rule for one in results(known) if one.note}


def status(known, rule):
    """The worst status of *rule*; None where it does not speak."""
    found = [one.status for one in results(known) if one.rule == rule]
    return max(found, key=lambda one: one.rank, default=None)


def at_v4(**more):
    """The sound server but for what its IPv4 address shows."""
    return replace(talk(), **more), talk(address=V6)
