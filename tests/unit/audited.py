"""A domain that is in order, with a fault put in at a time: what the tests of the audit share."""

from __future__ import annotations

from datetime import UTC, datetime

from maildns.audit.checking import check_domain
from maildns.audit.gathering import Scope
from maildns.audit.result import Status
from maildns.net.world import World
from maildns.protocols import dkim
from maildns.protocols.dkim.rules import _example

SENDER_TOPICS = ("mtasts", "tlsrpt", "spf", "dkim", "dmarc", "bimi")
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def quoted(text):
    """*text* as the strings of one TXT record."""
    return " ".join(f'"{text[at : at + 250]}"' for at in range(0, len(text), 250))


KEY = quoted(_example(2048))
OTHER_KEY = quoted(str(dkim.key_record(dkim.generate())))
GOOD = f"""
$ORIGIN example.com.
@ SOA ns1.example.net. hostmaster 1 1d 2h 4w 1h
@ NS ns1.example.net.
@ MX 10 mx1
@ MX 20 mx2
@ A 203.0.113.80
@ TXT "v=spf1 mx include:_spf.example.net -all"
@ TXT "site-verification=abc"
mx1 A 203.0.113.1
mx1 AAAA 2001:db8::1
mx1 TXT "v=spf1 a -all"
mx2 A 203.0.113.2
mx2 TXT "v=spf1 a -all"
s1._domainkey TXT {KEY}
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:dmarc@example.com,mailto:x@reports.example.org"
_mta-sts TXT "v=STSv1; id=20260601T000000;"
mta-sts A 203.0.113.81
_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls@example.com"
default._bimi TXT "v=BIMI1; l=https://example.com/logo.svg; a=https://example.com/mark.pem;"
$ORIGIN example.net.
_spf TXT "v=spf1 ip4:9.9.9.0/24 ~all"
$ORIGIN example.org.
reports MX 10 mx
mx A 203.0.113.9
example.com._report._dmarc.reports TXT "v=DMARC1;"
"""
PARKED = """
$ORIGIN example.com.
@ SOA ns1.example.net. hostmaster 1 1d 2h 4w 1h
@ NS ns1.example.net.
@ MX 0 .
@ TXT "v=spf1 -all"
*._domainkey TXT "v=DKIM1; p="
_dmarc TXT "v=DMARC1; p=reject"
"""


def changed(zone, without=(), plus=""):
    """*zone* without the lines that hold one of *without*, and with those of *plus*, in example.com."""
    lines = zone.splitlines()
    for part in without:
        assert any(part in line for line in lines), f"no line has {part!r}"
        lines = [line for line in lines if part not in line]
    return "\n".join(lines) + "\n$ORIGIN example.com.\n" + plus


def audited(zone, domain="example.com", *, fails=(), scope=None):
    """All results of the topics of senders, for *domain* in a world of *zone*."""
    world = zone if isinstance(zone, World) else World.from_zone(zone)
    for owner, rrtype, outcome in fails:
        world.fail(owner, outcome, rrtype)
    audit = check_domain(domain, world, scope=scope or Scope(servers=False), now=NOW)
    return [one for topic in SENDER_TOPICS for one in audit.results[topic]]


def complaints(results):
    """The rules that are broken, each with "bad", "warn" or "note"."""
    return {
        one.rule: "note" if one.note else one.status.value
        for one in results
        if one.note or one.status in {Status.BAD, Status.WARN}
    }


def kept(results):
    """The rules of which something good is said."""
    return {one.rule for one in results if one.status is Status.OK and not one.note}


def unknown(results):
    """The rules of which nothing can be known."""
    return {one.rule for one in results if one.status is Status.UNKNOWN}


def fix_of(results, rule):
    """The mend of *rule*: where, and what."""
    fixes = [one.fix for one in results if one.rule == rule and one.fix is not None]
    return [(one.owner, one.record) for one in fixes]
