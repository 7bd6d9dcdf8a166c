"""What is not written as reports usually are may take a bounded part of the time, whatever arrives."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from dataclasses import replace
from string import ascii_lowercase

import pytest

from maildns.errors import ReportError
from maildns.reports import parse_aggregate, parse_tls
from maildns.reports.aggregate import read_aggregate
from maildns.reports.effort import Effort, pieces_of
from maildns.reports.failure import read_failure
from maildns.reports.limits import LIMITS
from maildns.reports.model import ReportKind
from maildns.reports.unwrapping import open_payloads

HEAD = (
    "<feedback><report_metadata><org_name>x.example</org_name><email>a@x.example</email>"
    "<report_id>r</report_id><date_range><begin>1791158400</begin><end>1791244799</end></date_range>"
    "</report_metadata><policy_published><domain>example.org</domain><p>none</p></policy_published>"
)
USUAL = (
    "<record><row><source_ip>192.0.2.1</source_ip><count>1</count><policy_evaluated>"
    "<disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>"
    "<identifiers><header_from>{name}.example.org</header_from></identifiers><auth_results><spf>"
    "<domain>example.org</domain><result>fail</result></spf></auth_results></record>"
)
PLAIN = USUAL.replace("</auth_results>", "</auth_results><note>{name}</note>")
EXACT = USUAL.replace("<row>", '<!-- by hand --><row kind="{name}">')
TLS = {
    "organization-name": "x.example",
    "report-id": "r",
    "date-range": {
        "start-datetime": "2026-10-01T00:00:00Z",
        "end-datetime": "2026-10-01T23:59:59Z",
    },
    "policies": [],
}


def report(record, rows, *, start=0):
    """A report of so many records, each with a name of its own."""
    records = "".join(record.format(name=f"h{start + number}") for number in range(rows))
    return f"{HEAD}{records}</feedback>".encode()


def allowing(pieces):
    return replace(LIMITS, pieces=pieces)


@pytest.mark.parametrize(
    "text, pieces, reason",
    [
        ("", 0, "nothing"),
        ("x" * 160, 10, "each 16 characters"),
        ("<a>", 1, "a tag"),
        ("<a></a>", 2, "two"),
        ("<a/>", 2, "an empty element is made as one with two tags"),
        ("&amp;&#65;", 2, "entities"),
        ("<!---->", 1, "a comment"),
    ],
)
def test_pieces_are_counted(text, pieces, reason):
    assert pieces_of(text) == pieces, reason


def test_no_more_is_spent_than_there_is():
    effort = Effort(10)
    effort.spend(10)
    with pytest.raises(ReportError, match=r"more than 10 pieces .* not written as reports usually"):
        effort.spend(1)


def test_a_quarter_more_is_kept_for_what_is_usual():
    effort = Effort(100)
    effort.spend(100)
    effort.spend_on_usual(25)
    with pytest.raises(ReportError, match="more than 100 pieces: no reports do"):
        effort.spend_on_usual(1)


def test_what_is_refused_takes_nothing_away():
    effort = Effort(10)
    with pytest.raises(ReportError):
        effort.spend(11)
    effort.spend(10)


@pytest.mark.parametrize(
    "record, rows, allowed, reason",
    [
        (USUAL, 50, 50 * 20, "what is usual"),
        (PLAIN, 20, 20 * 60, "plain elements"),
        (EXACT, 20, 20 * 80, "what only the exact way can read"),
    ],
)
def test_a_report_is_read_where_there_is_enough(record, rows, allowed, reason):
    found = parse_aggregate(report(record, rows, start=allowed), allowing(allowed))
    assert len(found.rows) == rows, reason


@pytest.mark.parametrize(
    "record, rows, allowed, reason",
    [
        (USUAL, 50, 50 * 10, "what is usual, and always another"),
        (USUAL.replace("192.0.2.1", "2001:db8::1"), 50, 50 * 20, "addresses of IPv6 cost more"),
        (PLAIN, 20, 20 * 15, "plain elements"),
        (EXACT, 20, 20 * 40, "what only the exact way can read"),
        ("<record/>", 100, 100 * 5, "records with nothing in them"),
        (EXACT.replace("<row ", "<x/>" * 100 + "<row "), 5, 5 * 200, "empty elements"),
        (EXACT.replace("</spf></auth", "&amp;" * 500 + "</spf></auth"), 5, 5 * 500, "entities"),
    ],
)
def test_a_report_that_would_take_too_long_is_refused(record, rows, allowed, reason):
    with pytest.raises(ReportError, match=r"more than .* pieces"):
        parse_aggregate(report(record, rows, start=1000 + allowed), allowing(allowed))


@pytest.mark.parametrize(
    "record, rows, reason",
    [
        (USUAL, 500_000, "the largest that there are"),
        (EXACT, 100_000, "attributes and comments"),
        (EXACT.replace("<spf>", "<spf><!-- written by a person -->"), 100_000, "600 octets each"),
        (USUAL.replace("</record>", "<!-- by hand --></record>"), 100_000, "it begins as usual"),
    ],
)
def test_the_limit_lets_through_large_reports_of_which_no_record_is_like_another(
    record, rows, reason
):
    """Both are a thousandth of what they are."""
    few = rows // 1000
    data = report(record, few, start=200_000 + rows)
    assert len(parse_aggregate(data, allowing(LIMITS.pieces // 1000)).rows) == few, reason


def test_each_fault_of_the_encoding_is_paid_for():
    """Some decoders take as long for one as for a hundred characters."""
    data = report(USUAL.replace("fail<", "@@@@@<"), 5).replace(b"@", b"\x81" * 100)
    declared = b'<?xml version="1.0" encoding="windows-1252"?>' + data
    assert len(parse_aggregate(declared, allowing(10_000)).rows) == 5
    with pytest.raises(ReportError, match="pieces of it"):
        parse_aggregate(declared, allowing(4000))


def test_a_head_that_comes_again_and_again_is_read_once():
    """Each time it was read anew: 9 kB of mail took hours."""
    names = ["x" + one + other for one in ascii_lowercase for other in ascii_lowercase]
    long = "".join(f"<{name}>1</{name}>" for name in names)
    head = HEAD.replace("<email>", f"{long}<email>")
    again = "<report_metadata/>" * 50
    data = f"{head}{USUAL}{again}{USUAL}</feedback>".encode()
    found = parse_aggregate(data, allowing(2 * pieces_of(head)))
    assert any("several report_metadata" in one for one in found.head.oddities)


def test_what_is_remembered_is_not_paid_for_again():
    records = report(PLAIN, 10, start=5000).decode()
    again = records.replace("</feedback>", "") + records[len(HEAD) :]
    parse_aggregate(records.encode())
    assert len(parse_aggregate(again.encode(), allowing(150)).rows) == 20


def test_all_that_arrives_together_shares_what_there_is():
    """One mail with ten reports is no better than one report ten times as long."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.xml", report(EXACT, 20, start=100 * number))
        archive.writestr("usual.xml", report(USUAL, 10, start=900))
    allowed = int(pieces_of(report(EXACT, 20).decode()) * 1.5)
    read, refused = [], []
    for payload in open_payloads(packed.getvalue(), allowing(allowed)):
        try:
            rows = sum(len(batch) for batch in read_aggregate(payload).batches())
        except ReportError:
            refused.append(payload.name)
        else:
            read.append((payload.name, rows))
    assert read == [("0.xml", 20), ("usual.xml", 10)]
    assert refused == ["1.xml", "2.xml"]


@pytest.mark.parametrize(
    "note, pieces, reason",
    [
        ("x" * 1600, 100, "each 16 characters"),
        ([""] * 100, 200, "texts, each with a comma"),
        ([[]] * 100, 300, "lists"),
        ([{}] * 100, 1000, "objects cost more"),
    ],
)
def test_json_is_paid_for_by_what_is_in_it(note, pieces, reason):
    data = gzip.compress(json.dumps(TLS | {"note": note}).encode())
    assert parse_tls(data, allowing(pieces + 300)).policies == (), reason
    with pytest.raises(ReportError, match="pieces of it"):
        parse_tls(data, allowing(pieces - 1))


def test_brackets_that_close_nothing_are_paid_for_too():
    data = gzip.compress((json.dumps(TLS) + "]" * 1000).encode())
    with pytest.raises(ReportError, match="pieces of it"):
        parse_tls(data, allowing(1000))


def mail(*parts, header="", boundary="b"):
    """A mail of parts, each with its own header."""
    kind = f'Content-Type: multipart/mixed; boundary="{boundary}"'
    return f"From: a@x.example\n{kind}\n{header}\n" + "".join(
        f"--{boundary}\n{part}\n" for part in parts
    )


EMPTY = 'Content-Type: multipart/mixed; boundary="c"\n'
FIELDS = "".join(f"X-{number}: y\n" for number in range(200))


@pytest.mark.parametrize(
    "octets, pieces, reason",
    [
        (mail(*[EMPTY] * 50).encode(), 50 * 60, "parts that hold no part, and so are not counted"),
        (
            mail(
                *[f"Content-Type: message/rfc822\n\n{mail(*['A: b'] * 9, boundary='d')}"] * 9
            ).encode(),
            9 * 9 * 60,
            "mails of mails, of which each is within its limits",
        ),
        (mail(*[f"{FIELDS}\n"] * 9).encode(), 9 * 200, "long headers"),
        (gzip.compress(b"<feedback>") + gzip.compress(b"") * 400, 400 * 3, "members of gzip"),
        (
            mail(*[EMPTY] * 50, header="Subject: x\n")
            .replace("mixed", "report; report-type=feedback-report", 1)
            .encode(),
            50 * 60,
            "a failure report, of which the parts are looked at when it is read",
        ),
    ],
)
def test_what_reports_come_in_has_bounds_of_its_own(octets, pieces, reason):
    def told(allowed):
        found = []
        for payload in open_payloads(octets, replace(LIMITS, wrapping=allowed)):
            try:
                if payload.kind is ReportKind.FAILURE:
                    read_failure(payload)
                assert not payload.kind or list(payload.blocks())
                found.append(payload.problem)
            except ReportError as error:
                found.append(error.problem)
        return "; ".join(found)

    assert "header fields and parts of mails, or members of gzip" in told(pieces), reason
    assert "members of gzip" not in told(LIMITS.wrapping), reason


def test_a_mail_with_a_hundred_forwarded_reports_is_let_through():
    """Each with the header of the mail that it came in."""
    packed = base64.b64encode(gzip.compress(report(USUAL, 2))).decode()
    part = f"Content-Type: application/gzip\nContent-Transfer-Encoding: base64\n\n{packed}"
    one = mail("Content-Type: text/plain\n\nsee below", part, header=FIELDS * 3, boundary="d")
    octets = mail(*[f"Content-Type: message/rfc822\n\n{one}"] * 100).encode()
    kinds = [payload.kind for payload in open_payloads(octets)]
    assert kinds == [ReportKind.AGGREGATE] * 100


def test_what_is_packed_in_very_small_members_is_read_in_blocks():
    """What reads it looks at all that it has each time that something comes."""
    (payload,) = open_payloads(gzip.compress(b"<feedback>") + gzip.compress(b" " * 9) * 2000)
    sizes = [len(block) for block in payload.blocks()]
    assert sizes == [10 + 9 * 2000]
