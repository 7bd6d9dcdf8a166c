"""Reports as reporters write them, made for the tests."""

from __future__ import annotations

import gzip
import random
from datetime import UTC, date, datetime, timedelta

RECORD = """
  <record>
    <row>
      <source_ip>{ip}</source_ip>
      <count>{count}</count>
      <policy_evaluated><disposition>{disposition}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf></policy_evaluated>
    </row>
    <identifiers><header_from>{domain}</header_from></identifiers>
    <auth_results>
      <dkim><domain>{domain}</domain><selector>{selector}</selector><result>{dkim}</result></dkim>
      <spf><domain>bounce.{domain}</domain><scope>mfrom</scope><result>{spf}</result></spf>
    </auth_results>
  </record>"""
REPORT = """<?xml version="1.0" encoding="UTF-8"?>
<feedback>
  <report_metadata>
    <org_name>{reporter}</org_name><email>dmarc@{reporter}</email><report_id>{report_id}</report_id>
    <date_range><begin>{begin}</begin><end>{end}</end></date_range>
  </report_metadata>
  <policy_published><domain>{domain}</domain><adkim>r</adkim><aspf>r</aspf><p>{policy}</p></policy_published>{records}
</feedback>
"""
DAY = date(2026, 5, 4)


def record(
    ip: str = "192.0.2.1",
    count: int = 1,
    dkim: str = "pass",
    spf: str = "pass",
    disposition: str = "none",
    *,
    selector: str = "s1",
) -> dict[str, object]:
    """A record of a report, for `aggregate`."""
    return {
        "ip": ip,
        "count": count,
        "dkim": dkim,
        "spf": spf,
        "disposition": disposition,
        "selector": selector,
    }


def aggregate(
    *records: dict[str, object],
    domain: str = "example.com",
    report_id: str = "1",
    reporter: str = "reporter.example",
    day: date = DAY,
    policy: str = "none",
) -> bytes:
    """The XML of an aggregate report of *day*."""
    begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    text = REPORT.format(
        reporter=reporter,
        report_id=report_id,
        begin=begin,
        end=begin + 86399,
        domain=domain,
        policy=policy,
        records="".join(RECORD.format(domain=domain, **one) for one in records or (record(),)),
    )
    return text.encode()


def packed(octets: bytes) -> bytes:
    """As mail brings it."""
    return gzip.compress(octets, 6, mtime=0)


def some(seed: int, rows: int, domains: int = 1, days: int = 300) -> bytes:
    """
    A report with *rows* records, as real ones are: mostly from servers that mail often, and in order.

    Of two seeds the reports differ in id; the same seed gives the same report.
    """
    chance = random.Random(seed)
    known = [f"198.51.100.{number}" for number in range(1, 60)]
    records = []
    for _ in range(rows):
        own = chance.random() < 0.3
        rare = f"{chance.randrange(11, 220)}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}"
        fine = own or chance.random() < 0.6
        result = "pass" if fine else "fail"
        records.append(
            record(
                chance.choice(known) if own else rare,
                chance.randrange(1, 40),
                result,
                "pass" if fine and chance.random() < 0.8 else "fail",
                "none" if fine else "reject",
                selector=f"s{chance.randrange(3)}",
            )
        )
    return aggregate(
        *records,
        domain=f"d{seed % domains}.example" if domains > 1 else "example.com",
        report_id=f"id-{seed}",
        reporter=("reporter.example", "other.example", "third.example")[seed % 3],
        day=date(2026, 1, 1) + timedelta(days=seed // domains % days),
    )
