"""
Make examples/reports: six weeks of the mail of example.org, as its receivers report it.

    python tools/make_example_reports.py [FOLDER]

All is invented, by names and addresses that are kept for documentation, and each run makes the
same. examples/reports.md tells the story in words. The last day of it is `LAST`.
"""

from __future__ import annotations

import base64
import io
import json
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "reports"
DOMAIN = "example.org"
FIRST, LAST = date(2026, 10, 5), date(2026, 11, 15)
WAVE = {date(2026, 11, 3): 640, date(2026, 11, 4): 910, date(2026, 11, 5): 350}
EXPIRED = {date(2026, 11, 8): 19, date(2026, 11, 9): 34, date(2026, 11, 10): 12}
NEW_NAMESPACE = ' xmlns="urn:ietf:params:xml:ns:dmarc-2.0"'


@dataclass(frozen=True)
class Stream:
    """Messages from one address that were treated alike."""

    ip: str
    count: int
    dkim: str = "fail"  # aligned
    spf: str = "fail"  # aligned
    signed: tuple[tuple[str, str, str], ...] = ()  # d=, selector, result
    envelope: str = DOMAIN
    spf_raw: str = "fail"
    reason: str = ""
    comment: str = ""
    header_from: str = DOMAIN


OURS = (DOMAIN, "s2026", "pass")
BROKEN = (DOMAIN, "s2026", "fail")


def number(most: int, *what: object) -> int:
    """A number from 0 to *most* that looks random, and is the same for the same *what*."""
    digest = blake2b(repr(what).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") % (most + 1)


def streams(day: date) -> Iterator[Stream]:
    """All mail of *day* that has example.org in its From: field, whoever sent it."""
    busy = 140 if day.weekday() < 5 else 35
    own = busy + number(40, day, "own")
    # The own server: SPF and DKIM pass and are aligned. Some receivers are reached by IPv6.
    yield Stream("192.0.2.25", own, "pass", "pass", (OURS,), spf_raw="pass")
    yield Stream("2001:db8::25", own // 3, "pass", "pass", (OURS,), spf_raw="pass")
    # The newsletter, on Tuesdays: its SPF and its DKIM pass, but for names of its own.
    if day.weekday() == 1:
        for host in (11, 12):
            yield Stream(
                f"198.51.100.{host}",
                400 + number(60, day, host),
                signed=(("newsletter.example", "nl1", "pass"),),
                envelope="bounce.newsletter.example",
                spf_raw="pass",
            )
    # Old members have their mail forwarded: not from our address any more, but still signed by us.
    yield Stream(
        "198.51.100.77", 6 + number(9, day, "forward"), "pass", signed=(OURS,), reason="forwarded"
    )
    # A mailing list changes subject and footer, which breaks our signature, and adds its own.
    yield Stream(
        "198.51.100.200",
        3 + number(8, day, "list"),
        signed=(BROKEN, ("lists.example", "list", "pass")),
        envelope="lists.example",
        spf_raw="pass",
        reason="mailing_list",
        comment="sent on by a mailing list",
    )
    yield from spoofers(day)


def spoofers(day: date) -> Iterator[Stream]:
    """Strangers who write example.org into From: a few each day, and one wave of them."""
    for each in range(1 + number(3, day, "strangers")):
        ip = f"203.0.113.{1 + number(60, day, each)}"
        yield Stream(ip, 1 + number(4, day, each, "count"))
    if day.weekday() in {2, 5}:
        yield Stream("2001:db8:bad::1", 2, envelope="sender.invalid", spf_raw="none")
    for each in range(8 if day in WAVE else 0):
        yield Stream(
            f"203.0.113.{100 + each}",
            WAVE[day] // 8 + number(9, day, each),
            envelope="payroll.invalid",
            spf_raw="none",
            header_from=f"billing.{DOMAIN}" if each % 4 == 3 else DOMAIN,
        )


@dataclass(frozen=True)
class Receiver:
    """One who reports: its name, its share of the mail in percent, and how it writes and packs."""

    name: str
    title: str
    share: int
    packing: str  # the last suffix of its files
    new_schema: bool = False


RECEIVERS = (
    Receiver("bigmail.example", "Bigmail", 55, ".xml.gz", new_schema=True),
    Receiver("post.example", "Post & Mail", 32, ".zip"),
    Receiver("campus.example", "campus.example", 13, ".eml"),
)


def share_of(receiver: Receiver, day: date) -> list[Stream]:
    """The part of the mail of *day* that reached *receiver*."""
    found = []
    for place, stream in enumerate(streams(day)):
        exact = stream.count * receiver.share
        count = exact // 100 + (number(99, receiver.name, day, place) < exact % 100)
        if count:
            found.append(replace(stream, count=count))
    return found


def aggregate(receiver: Receiver, day: date) -> bytes:
    """The report of *receiver* on *day*, as XML (RFC 9990 section 3.1, RFC 7489 appendix C)."""
    begin, end = day_of(day)
    new = receiver.new_schema
    extra = "<np>none</np><testing>n</testing><discovery_method>treewalk</discovery_method>"
    published = f"<domain>{DOMAIN}</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp>"
    published += extra if new else "<pct>100</pct>"
    records = "".join(record(one, new=new) for one in share_of(receiver, day))
    return (
        f"""<?xml version="1.0" encoding="UTF-8"?>
<feedback{NEW_NAMESPACE if new else ""}>
  <version>1.0</version>
  <report_metadata>
    <org_name>{escape(receiver.title)}</org_name>
    <email>noreply-dmarc@{receiver.name}</email>
    <report_id>{begin}.{receiver.name}</report_id>
    <date_range><begin>{begin}</begin><end>{end}</end></date_range>
  </report_metadata>
  <policy_published>{published}</policy_published>
{records}</feedback>
"""
    ).encode()


def record(stream: Stream, *, new: bool) -> str:
    """One record of a report."""
    # RFC 9990 has one name for all who pass mail on and are known to.
    kind = "trusted_forwarder" if new and stream.reason == "forwarded" else stream.reason
    comment = f"<comment>{escape(stream.comment)}</comment>"
    reason = f"<reason><type>{kind}</type>{comment}</reason>" if kind else ""
    signed = "".join(
        f"<dkim><domain>{domain}</domain><selector>{selector}</selector>"
        f"<result>{result}</result></dkim>"
        for domain, selector, result in stream.signed
    )
    return f"""\
  <record>
    <row>
      <source_ip>{stream.ip}</source_ip>
      <count>{stream.count}</count>
      <policy_evaluated><disposition>none</disposition><dkim>{stream.dkim}</dkim>\
<spf>{stream.spf}</spf>{reason}</policy_evaluated>
    </row>
    <identifiers><header_from>{stream.header_from}</header_from>\
<envelope_from>{stream.envelope}</envelope_from></identifiers>
    <auth_results>{signed}<spf><domain>{stream.envelope}</domain><scope>mfrom</scope>\
<result>{stream.spf_raw}</result></spf></auth_results>
  </record>
"""


def tls(title: str, host: str, day: date, sessions: int) -> bytes:
    """A TLS report on *day* (RFC 8460 section 4.4): fine but for three days in November."""
    failed = EXPIRED.get(day, 0)
    failure = {
        "result-type": "certificate-expired",
        "sending-mta-ip": "203.0.113.200",
        "receiving-mx-hostname": "mx2.example.org",
        "receiving-ip": "192.0.2.26",
        "failed-session-count": failed,
    }
    policy = {
        "policy-type": "sts",
        "policy-string": [
            "version: STSv1",
            "mode: testing",
            "mx: mx1.example.org",
            "mx: mx2.example.org",
            "max_age: 604800",
        ],
        "policy-domain": DOMAIN,
        "mx-host": ["mx1.example.org", "mx2.example.org"],
    }
    summary = {
        "total-successful-session-count": sessions,
        "total-failure-session-count": failed,
    }
    report = {
        "organization-name": title,
        "date-range": {
            "start-datetime": f"{day}T00:00:00Z",
            "end-datetime": f"{day}T23:59:59Z",
        },
        "contact-info": f"smtp-tls-reports@{host}",
        "report-id": f"{day}T00:00:00Z_{DOMAIN}",
        "policies": [
            {"policy": policy, "summary": summary, "failure-details": [failure] if failed else []}
        ],
    }
    return json.dumps(report, indent=1).encode()


FAILURE = """\
From: DMARC at campus.example <noreply-dmarc@campus.example>
To: dmarc-failures@example.org
Date: Wed, 04 Nov 2026 09:12:41 +0000
Subject: FW: Your salary statement
Message-ID: <failure-1@campus.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="part"

--part
Content-Type: text/plain

A mail that claims to be from example.org failed DMARC.

--part
Content-Type: message/feedback-report

Feedback-Type: auth-failure
User-Agent: Campus-DMARC/1.0
Version: 1
Original-Mail-From: <hr@payroll.invalid>
Original-Rcpt-To: <ann.student@campus.example>
Arrival-Date: Wed, 04 Nov 2026 09:12:38 +0000
Source-IP: 203.0.113.103
Reported-Domain: example.org
Auth-Failure: dmarc
Identity-Alignment: dkim, spf
Delivery-Result: delivered
Authentication-Results: mx.campus.example; dmarc=fail (p=none) header.from=billing.example.org;
 spf=none smtp.mailfrom=hr@payroll.invalid

--part
Content-Type: text/rfc822-headers

Received: from payroll.invalid ([203.0.113.103]) by mx.campus.example for
 <ann.student@campus.example>; Wed, 04 Nov 2026 09:12:38 +0000
From: "Human Resources" <hr@billing.example.org>
To: Ann Student <ann.student@campus.example>
Subject: Your salary statement
Message-ID: <salary@payroll.invalid>

--part--
"""


def day_of(day: date) -> tuple[int, int]:
    """The first and the last second of *day* (UTC)."""
    begin = int(datetime.combine(day, time(), UTC).timestamp())
    return begin, begin + 86399


def gzipped(octets: bytes) -> bytes:
    """Gzip without the time of packing and the machine's kind (RFC 1952 section 2.3)."""
    packer = zlib.compressobj(9, wbits=-15)
    end = struct.pack("<II", zlib.crc32(octets), len(octets))
    return b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + packer.compress(octets) + packer.flush() + end


def zipped(name: str, octets: bytes) -> bytes:
    """A zip file of one member."""
    made = io.BytesIO()
    member = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
    member.create_system, member.compress_type = 3, zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(member, octets)
    return made.getvalue()


def mailed(receiver: Receiver, name: str, octets: bytes, day: date) -> bytes:
    """The mail that brings a report (RFC 9990 section 3.5)."""
    sent = datetime.combine(day + timedelta(days=1), time(3, 14), UTC)
    body = base64.encodebytes(gzipped(octets)).decode()
    begin, _ = day_of(day)
    return f"""\
From: noreply-dmarc@{receiver.name}
To: dmarc-reports@{DOMAIN}
Date: {sent:%a, %d %b %Y %H:%M:%S} +0000
Subject: Report Domain: {DOMAIN} Submitter: {receiver.name} Report-ID: {begin}.{receiver.name}
Message-ID: <{begin}@{receiver.name}>
MIME-Version: 1.0
Content-Type: application/gzip; name="{name}.xml.gz"
Content-Disposition: attachment; filename="{name}.xml.gz"
Content-Transfer-Encoding: base64

{body}""".encode()


def files() -> Iterator[tuple[str, bytes]]:
    """Each file of the folder: its name and what is in it."""
    for day in (FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)):
        begin, end = day_of(day)
        for receiver in RECEIVERS:
            name = f"{receiver.name}!{DOMAIN}!{begin}!{end}"
            octets = aggregate(receiver, day)
            if receiver.packing == ".zip":
                octets = zipped(f"{name}.xml", octets)
            elif receiver.packing == ".eml":
                octets = mailed(receiver, name, octets, day)
            else:
                octets = gzipped(octets)
            yield name + receiver.packing, octets
    for day in (LAST - timedelta(days=n) for n in reversed(range(14))):
        begin, end = day_of(day)
        report = tls("Bigmail", "bigmail.example", day, 240 + number(60, day, "tls"))
        yield f"bigmail.example!{DOMAIN}!{begin}!{end}!tls.json.gz", gzipped(report)
    yield "failure-report.eml", FAILURE.encode()
    # What a full disk at the sender leaves: half a file. It goes into quarantine, with its reason.
    begin, end = day_of(LAST)
    broken = gzipped(aggregate(Receiver("shop.example", "Shop", 20, ""), LAST))
    yield f"shop.example!{DOMAIN}!{begin}!{end}.xml.gz", broken[: len(broken) // 2]


def main(folder: Path) -> None:
    """Write the files into *folder*; others that are there stay."""
    folder.mkdir(parents=True, exist_ok=True)
    made = dict(files())
    for name, octets in made.items():
        (folder / name).write_bytes(octets)
    print(f"{len(made)} files in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
