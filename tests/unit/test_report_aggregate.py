"""DMARC aggregate reports, read: both schemas, what the wild makes of them, and what is refused."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest

from maildns.errors import ReportError
from maildns.reports import parse_aggregate
from maildns.reports.aggregate import read_aggregate
from maildns.reports.limits import Limits
from maildns.reports.model import DkimAuth, Override, SpfAuth
from maildns.reports.unwrapping import open_payloads

DRAFT = 'xmlns="http://dmarc.org/dmarc-xml/0.1"'
RFC9990 = 'xmlns="urn:ietf:params:xml:ns:dmarc-2.0"'
DAY = datetime(2026, 5, 4, tzinfo=UTC)
BEGIN, END = int(DAY.timestamp()), int(DAY.timestamp()) + 86399
META = (
    "<report_metadata><org_name>Receiver</org_name><email>d@receiver.example</email>"
    f"<report_id>1</report_id><date_range><begin>{BEGIN}</begin><end>{END}</end></date_range>"
    "</report_metadata>"
)
POLICY = "<policy_published><domain>example.org</domain><p>none</p></policy_published>"
EVALUATED = "<policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated>"
NAMES = "<identifiers><header_from>example.org</header_from></identifiers>"
RESULTS = (
    "<auth_results><dkim><domain>example.org</domain><selector>s1</selector><result>pass</result></dkim>"
    "<spf><domain>mail.example.org</domain><result>fail</result></spf></auth_results>"
)


def row(ip="192.0.2.1", count="2", evaluated=EVALUATED):
    return f"<row><source_ip>{ip}</source_ip><count>{count}</count>{evaluated}</row>"


ROW = row()


def record(row=ROW, names=NAMES, results=RESULTS):
    return f"<record>{row}{names}{results}</record>"


def feedback(*records, meta=META, policy=POLICY, root="feedback", lead="", tail=""):
    end = root.partition(" ")[0]
    return f"{lead}<{root}>{meta}{policy}{''.join(records or [record()])}</{end}>{tail}".encode()


def meta(begin=BEGIN, end=END, name="Receiver"):
    return (
        f"<report_metadata><org_name>{name}</org_name><report_id>1</report_id>"
        f"<date_range><begin>{begin}</begin><end>{end}</end></date_range></report_metadata>"
    )


def prefixed(octets):
    """The same report with a prefix on every name."""
    text = octets.decode().replace("</", "</d:").replace("<", "<d:").replace("<d:/d:", "</d:")
    return text.replace("<d:feedback>", f"<d:feedback {RFC9990.replace('xmlns', 'xmlns:d')}>")


def test_the_schema_of_rfc_7489_is_read():
    report = parse_aggregate(feedback(lead='<?xml version="1.0" encoding="UTF-8" ?>\n'))
    assert report.schema == "rfc7489"
    assert (report.head.reporter, report.head.report_id) == ("Receiver", "1")
    assert report.head.contact == "d@receiver.example"
    assert (report.head.begin, report.head.end.second) == (DAY, 59)
    assert report.published.domain == "example.org"
    (only,) = report.rows
    assert only[:6] == ("192.0.2.1", 2, "none", "pass", "fail", "example.org")
    assert only.dkim == (DkimAuth("example.org", "s1", "pass"),)
    assert only.spf == (SpfAuth("mail.example.org", "", "fail"),)
    assert only.passes
    assert report.messages == 2
    assert report.head.oddities == ()


def test_the_schema_of_rfc_9990_is_read():
    policy = (
        "<policy_published><domain>Example.ORG.</domain><p>quarantine</p><sp>none</sp><np>reject</np>"
        "<adkim>s</adkim><aspf>r</aspf><fo>1</fo><testing>y</testing>"
        "<discovery_method>treewalk</discovery_method></policy_published>"
        '<extension><x:a xmlns:x="urn:x">kept for later</x:a></extension>'
    )
    evaluated = (
        "<policy_evaluated><disposition>pass</disposition><dkim>fail</dkim><spf>pass</spf>"
        "<reason><type>policy_test_mode</type><comment>t=y</comment></reason>"
        "<reason><type>mailing_list</type></reason></policy_evaluated>"
    )
    names = (
        "<identifiers><envelope_to>b.example</envelope_to><envelope_from></envelope_from>"
        "<header_from>news.example.org</header_from></identifiers>"
    )
    results = (
        "<auth_results><dkim><domain>example.org</domain><selector>s1</selector>"
        '<result>permerror</result><human_result lang="en">no key</human_result></dkim>'
        "<spf><domain>example.org</domain><scope>mfrom</scope><result>pass</result></spf></auth_results>"
        '<ext xmlns="urn:y">of a record</ext>'
    )
    records = record(row(evaluated=evaluated), names, results)
    report = parse_aggregate(feedback(records, policy=policy, root=f"feedback {RFC9990}"))
    assert report.schema == "rfc9990"
    assert report.published.domain == "example.org"
    assert report.published.nonexistent_policy == "reject"
    assert (report.published.testing, report.published.discovery_method) == ("y", "treewalk")
    (only,) = report.rows
    assert only.disposition == "pass"
    assert only.overrides == (Override("policy_test_mode", "t=y"), Override("mailing_list", ""))
    assert (only.header_from, only.envelope_from, only.envelope_to) == (
        "news.example.org",
        "",
        "b.example",
    )
    assert report.head.oddities == ()


SAME = [
    (feedback(root=f"feedback {DRAFT}"), "the namespace of the first draft"),
    (feedback(root='feedback xmlns="urn:nobody:knows"'), "any other namespace"),
    (prefixed(feedback()).encode(), "a prefix on every name"),
    (feedback(root="feedback version='1'"), "an attribute"),
    (feedback().replace(b"><", b">\r\n\t<"), "line breaks between all elements"),
    (feedback(lead="\ufeff"), "a byte order mark"),
    (feedback(lead="\n\n  <?xml version='1.0'?>"), "space before the declaration"),
    (feedback(lead="<!-- made by hand -->"), "a comment"),
    (feedback(tail="\n\n\0\0"), "padding after the end"),
    (feedback().decode().encode("utf-16"), "UTF-16 with its mark"),
    (
        feedback(lead='<?xml version="1.0" encoding="windows-1252"?>'),
        "an encoding that expat does not know",
    ),
    (
        feedback().replace(b"192.0.2.1", b"<![CDATA[192.0.2.1]]>"),
        "CDATA",
    ),
    (feedback().replace(b"example.org", b"ex&#97;mple.org"), "a character reference"),
    (
        f"<feedback>{POLICY}{record()}{META}</feedback>".encode(),
        "who reports stands after the records",
    ),
    (feedback(record(RESULTS and f"{row()}{RESULTS}", NAMES, "")), "another order in the record"),
    (feedback().replace(b"identifiers>", b"identities>"), "an old name of identifiers"),
]


@pytest.mark.parametrize("octets, reason", SAME, ids=[reason for _, reason in SAME])
def test_whatever_dress_a_report_wears_it_says_the_same(octets, reason):
    plain, dressed = parse_aggregate(feedback()), parse_aggregate(octets)
    assert dressed.rows == plain.rows
    assert dressed.published == plain.published
    assert dressed.head.begin == plain.head.begin


# What reporters have really sent, and what is made of it: text in the report, what it becomes.
WILD = [
    (
        feedback(lead='<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'),
        "a tag of an XML schema stands in it",
    ),
    (feedback(meta=meta(name="Fish & Chips")), "'&' that is not escaped"),
    (feedback(meta=META.replace("d@receiver.example", "<d@r.example>")), "'<' that is not escaped"),
    (feedback(meta=meta(name="A\x0bB")), "characters that XML does not allow"),
    (feedback(meta=meta(name="A&#11;B")), "characters that XML does not allow"),
    (feedback(meta=meta(name="A\ufffe")), "characters that XML does not allow"),
    (
        feedback(meta=meta(name="A\N{NO-BREAK SPACE}B")).replace(b"\xc2", b""),
        "octets that are no characters of its encoding",
    ),
    (feedback(lead='<?xml version="1.0" encoding="klingon"?>'), "encoding 'klingon'"),
    (feedback(meta=META.replace("<org_name>Receiver</org_name>", "")), "no org_name"),
    (feedback(meta=META.replace("<report_id>1</report_id>", "")), "no report_id"),
    (feedback(meta=meta(BEGIN * 1000, END * 1000)), "a time in milliseconds"),
    (feedback(meta=meta("2026-05-04T00:00:00Z")), "a time that is not written in whole seconds"),
    (feedback(meta=meta(f"{BEGIN}.0")), "a time that is not written in whole seconds"),
    (feedback(meta=meta("yesterday")), "begin is 'yesterday', which is no time"),
    (feedback(meta=meta(END, BEGIN)), "the time ends before it begins; taken the other way round"),
    (feedback(meta=meta(BEGIN - 10**8)), "it is about more than 35 days"),
    (feedback(policy=""), "no policy_published"),
    (feedback(policy=POLICY.replace("none", "noen")), "p is 'noen', which is no policy"),
    (feedback(policy=POLICY * 2 + POLICY.replace("none", "reject")), "several policy_published"),
    (feedback(record(row("localhost"))), "source_ip is 'localhost', which is no address"),
    (feedback(record(row(""))), "no source_ip"),
    (feedback(record(row(count="-5"))), "count is '-5'; the record counts for no message"),
    (feedback(record(row(count="9" * 40))), "the record counts for no message"),
    (feedback(record(row(count="2.0"))), "a count that is not written as a whole number"),
    (feedback(record(row(count="NaN"))), "the record counts for no message"),
    (feedback(record(row(count=""))), "no count"),
    (feedback(record(row(evaluated=""))), "a record without policy_evaluated"),
    (feedback(record(names="")), "a record without header_from"),
    (feedback(record(results=RESULTS.replace("fail", "hardfail"))), "read as fail"),
    (feedback(record(results=RESULTS.replace("fail", "unknown"))), "read as permerror"),
    (feedback(record(results=RESULTS.replace("fail", "maybe"))), "result 'maybe'"),
    (feedback(record(row(evaluated=EVALUATED.replace("none", "eaten")))), "disposition is 'eaten'"),
    (
        feedback(record(row(evaluated=EVALUATED.replace("pass", "none")))),
        "dkim in policy_evaluated is 'none'; taken as fail",
    ),
    (feedback(tail="<p>Sent by ScanMail</p>"), "something stands after its end"),
    (feedback(lead="HTTP/1.1 200 OK "), "stands before the XML"),
    (
        feedback(record(results=f"<auth_results>{'<dkim><domain>a.example</domain></dkim>' * 101}</auth_results>")),
        "more than 100 DKIM results",
    ),
]  # fmt: skip


@pytest.mark.parametrize("octets, oddity", WILD, ids=[oddity for _, oddity in WILD])
def test_what_leaves_no_doubt_is_read_and_said(octets, oddity):
    report = parse_aggregate(octets)
    assert any(oddity in one for one in report.head.oddities), report.head.oddities
    assert len(report.rows) == 1
    assert 0 <= report.messages <= 2


REFUSED = [
    (b"<feedback>" + META.encode() + record().encode(), "cut off before its end"),
    (feedback()[:-30], "cut off before its end"),
    (feedback(meta=""), "its time cannot be told: begin is '', end is ''"),
    (feedback(meta=meta("soon", "later")), "its time cannot be told"),
    (feedback(meta=meta(253402300799, 253402300799)), "its time cannot be told"),  # year 9999
    (feedback(meta=meta("9999-12-31T23:59:59-12:00", "x")), "its time cannot be told"),
    (feedback(meta=meta("0001-01-01T00:00:00+14:00", "x")), "its time cannot be told"),
    (feedback(meta=meta("1e999", "-1e999")), "its time cannot be told"),
    (feedback(meta=meta("nan", "inf")), "its time cannot be told"),
    (feedback(root="feedback").replace(b"</row>", b"</raw>"), "not well-formed XML at line"),
    (feedback(root="feed").replace(b"<feed>", b"<feed><feedback/>"), "its root is 'feed'"),
    (b"<html><body>Moved</body></html>", "nothing in it claims to be"),
    (b"unused", "nothing in it claims to be"),
    (b"", "nothing in it claims to be"),
    (feedback(record("<a>" * 40 + "</a>" * 40)), "nest deeper than 24"),
    (
        feedback(
            lead='<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]>', meta=meta(name="&x;")
        ),
        "it has a DTD",
    ),
    (feedback(lead='<!DOCTYPE feedback SYSTEM "http://192.0.2.1/x.dtd">'), "it has a DTD"),
    (feedback(lead="<!DOCTYPE feedback>"), "it has a DTD"),
    (
        feedback(
            lead='<!DOCTYPE f [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>',
            meta=meta(name="&c;"),
        ),
        "it has a DTD",  # billion laughs
    ),
    (
        feedback(lead='<!DOCTYPE f [<!ENTITY % p SYSTEM "http://192.0.2.1/"> %p;]>'),
        "it has a DTD",
    ),
]


@pytest.mark.parametrize("octets, problem", REFUSED, ids=range(len(REFUSED)))
def test_what_is_broken_or_hostile_is_refused_with_its_reason(octets, problem):
    with pytest.raises(ReportError) as caught:
        parse_aggregate(octets)
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    "limits, octets, problem",
    [
        (Limits(rows=2), feedback(*[record()] * 3), "more than 2 records"),
        (
            Limits(element_octets=1 << 10),
            feedback(meta=meta(name="&#65;" * 400_000)),
            "an element has more than 1 kB",
        ),
        (
            Limits(element_octets=1 << 18),
            feedback(meta=f"<a{'b' * 500_000}/>"),
            "an element has more than 256 kB",
        ),
        (Limits(input_octets=100), feedback(), "octets arrived; 100 octets at most"),
        (Limits(octets=200), gzip.compress(feedback()), "it unpacks to more than 200 octets"),
    ],
)
def test_limits_are_kept_and_said(limits, octets, problem):
    with pytest.raises(ReportError) as caught:
        parse_aggregate(octets, limits)
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    "name, kept",
    [
        ("<b>ACME</b> <script>alert(1)</script>", "ACME alert(1)"),
        ("&lt;img src=x onerror=alert(1)&gt;", "<img src=x onerror=alert(1)>"),
        ("A\x1b[31mB&#9;C\n D", "A\ufffd[31mB C D"),
        ("x" * 5000, "x" * 511 + "…"),
        ("\u202eevil\u200b", "evil"),
    ],
)
def test_a_name_is_one_short_line_of_text_whatever_is_in_it(name, kept):
    assert parse_aggregate(feedback(meta=meta(name=name))).head.reporter == kept


@pytest.mark.parametrize(
    "written, address",
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("IPv6:2001:db8::1", "2001:db8::1"),
        ("192.0.2.1/32", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("192.0.2.001", ""),  # leading zeros: octal to some, so nobody knows
        ("192.0.2.256", ""),
        ("1.2.3", ""),
        ("&lt;192.0.2.1&gt;", ""),
    ],
)
def test_an_address_has_one_spelling(written, address):
    (only,) = parse_aggregate(feedback(record(row(written)))).rows
    assert only.source_ip == address


def test_of_a_mail_address_in_a_name_only_the_domain_is_kept():
    names = (
        "<identifiers><header_from>News &lt;ann@example.org&gt;</header_from>"
        "<envelope_from>bounce+ann@news.example</envelope_from>"
        "<envelope_to>a@b.example, c@d.example</envelope_to></identifiers>"
    )
    (only,) = parse_aggregate(feedback(record(names=names))).rows
    assert only.header_from == "example.org"
    assert only.envelope_from == "news.example"
    assert only.envelope_to == "b.example,d.example"


def test_the_rows_come_in_lists_and_the_head_first():
    octets = feedback(*(record(row(f"192.0.2.{n % 250}")) for n in range(5000)))
    (payload,) = open_payloads(gzip.compress(octets))
    reader = read_aggregate(payload)
    assert reader.head.reporter == "Receiver"
    sizes = [len(batch) for batch in reader.batches()]
    assert sum(sizes) == 5000
    assert max(sizes) < 1000


def test_oddities_are_counted_not_repeated():
    report = parse_aggregate(feedback(*[record(row("x"))] * 70))
    assert report.head.oddities == ("source_ip is 'x', which is no address (70 times)",)
    many = parse_aggregate(feedback(*(record(row(f"x{n}")) for n in range(500))))
    assert len(many.head.oddities) == 20
