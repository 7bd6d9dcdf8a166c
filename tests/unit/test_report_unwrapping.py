"""What arrives, unpacked: gzip, zip and mail of every kind that reporters send, and bombs."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import quopri
import random
import zipfile

import pytest
from report_texts import aggregate, packed

from maildns.errors import ReportError
from maildns.reports import parse_aggregate, parse_failure, parse_tls, unwrapping
from maildns.reports.effort import wrapping
from maildns.reports.limits import Limits
from maildns.reports.unwrapping import open_payloads

XML = aggregate()
JSON = b'{"organization-name": "R", "date-range": {"start-datetime": "2026-05-04T00:00:00Z"}, "policies": []}'


def zipped(*members, method=zipfile.ZIP_DEFLATED):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, octets in members:
            archive.writestr(name, octets)
    return made.getvalue()


def mail(*parts, kind="multipart/mixed", boundary="b", end=True):
    """A mail; each part is its header fields and its body."""
    body = b"".join(
        b"--b\r\n" + fields + b"\r\n\r\n" + octets + b"\r\n" for fields, octets in parts
    )
    head = f'From: r@r.example\r\nSubject: Report domain: a\r\nContent-Type: {kind}; boundary="{boundary}"'
    return head.encode() + b"\r\n\r\nprose\r\n" + body + (b"--b--\r\n" if end else b"")


def encoded(octets, kind="application/gzip", name="a.xml.gz"):
    fields = f'Content-Type: {kind}; name="{name}"\r\nContent-Transfer-Encoding: base64'
    return fields.encode(), base64.encodebytes(octets)


def whole(octets, kind="application/gzip"):
    """A mail that is the attachment itself, as large receivers send it."""
    head = f"From: r@r.example\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head.encode() + base64.encodebytes(octets)


TEXT = (b"Content-Type: text/plain", b"This is a report.")
READ = [
    (XML, "bare"),
    (gzip.compress(XML), "gzip"),
    (gzip.compress(XML[:300]) + gzip.compress(XML[300:]), "gzip of two members (RFC 1952)"),
    (gzip.compress(XML) + b"\0" * 512, "gzip with padding"),
    (gzip.compress(gzip.compress(XML)), "gzip in gzip"),
    (zipped(("a.xml", XML)), "zip"),
    (zipped(("a.xml", XML), method=zipfile.ZIP_STORED), "zip that packs nothing"),
    (zipped(("a.xml.gz", gzip.compress(XML))), "gzip in zip"),
    (gzip.compress(zipped(("a.xml", XML))), "zip in gzip"),
    (zipped(("__MACOSX/._a.xml", b"\0\5"), ("dir/", b""), ("dir/a.xml", XML)), "zip of a Mac"),
    (b"\r\n" + XML, "a blank line before it"),
    (mail(TEXT, encoded(packed(XML))), "mail"),
    (mail(TEXT, encoded(packed(XML)), end=False), "mail without its last boundary"),
    (mail(TEXT, encoded(packed(XML))).replace(b"\r\n", b"\n"), "mail with bare line feeds"),
    (b"From r@r Mon May  4 00:00:00 2026\n" + mail(encoded(packed(XML))), "as an mbox has it"),
    (b"\r\n\r\n" + mail(encoded(packed(XML))), "mail after blank lines"),
    (mail(encoded(packed(XML), "application/octet-stream", "report")), "no type, no name"),
    (mail(encoded(packed(XML), "application/zip", "a.zip")), "gzip that is called zip"),
    (mail(encoded(zipped(("a.xml", XML)), "application/gzip", "a.gz")), "zip that is called gzip"),
    (mail(encoded(packed(XML), "text/plain", "a.txt")), "gzip that is called text"),
    (mail(encoded(packed(XML), "application/x-zip-compressed", "=?utf-8?q?a=2Ezip?=")), "odd name"),
    (mail(encoded(packed(XML), "application/gzip; charset=klingon")), "odd charset"),
    (mail((b"Content-Type: text/xml", XML)), "XML in the open"),
    (mail((b"", XML)), "a part without a type"),
    (
        mail((b"Content-Type: text/xml\r\nContent-Transfer-Encoding: quoted-printable", quopri.encodestring(XML))),
        "quoted-printable",
    ),
    (whole(packed(XML)), "the mail is the attachment"),
    (whole(zipped(("a.xml", XML)), "application/zip; name=a.zip"), "likewise, zip"),
    (whole(packed(XML)).replace(b"=\n", b"\n"), "base64 without its padding"),
    (whole(packed(XML)) + b"\nSent from my phone\n", "base64 with a line after it"),
    (
        mail((b"Content-Type: message/rfc822", mail(TEXT, encoded(packed(XML))))),
        "a mail that was forwarded as an attachment",
    ),
    (mail((b"Content-Type: multipart/mixed; boundary=c", b"--c\r\n\r\n" + XML + b"\r\n--c--")), "parts in parts"),
    (zipped(("report.eml", mail(encoded(packed(XML))))), "a mail in a zip file"),
]  # fmt: skip


@pytest.mark.parametrize("octets, reason", READ, ids=[reason for _, reason in READ])
def test_a_report_is_found_however_it_is_packed(octets, reason):
    assert parse_aggregate(octets).head == parse_aggregate(XML).head


@pytest.mark.parametrize(
    "octets, kinds",
    [
        (XML, ["aggregate"]),
        (JSON, ["tls"]),
        (gzip.compress(b"\xef\xbb\xbf" + JSON), ["tls"]),
        (mail(TEXT, encoded(gzip.compress(JSON), "application/tlsrpt+gzip", "a")), ["tls"]),
        (mail(TEXT, (b"Content-Type: application/tlsrpt+json", JSON), kind="multipart/report"), ["tls"]),
        (zipped(("a.xml", XML), ("b.xml", XML), ("c.json", JSON)), ["aggregate", "aggregate", "tls"]),
        (mail(TEXT, encoded(packed(XML)), encoded(b"\x1f\x8bbroken")), ["aggregate", None]),
        (mail(TEXT), []),
        (b"hello", []),
        (b'{"not": "ours", "but": "JSON"}', ["tls"]),  # it is refused where it is read
        (mail((b"Content-Type: text/html", b"<html><body>Hello</body></html>")), []),
        (mail((b"Content-Type: application/pdf; name=a.pdf", b"%PDF-1.4")), []),
        (mail(encoded(b"unused", "application/gzip")), [None]),
        (mail(encoded(b"", "application/gzip")), [None]),
        (zipped(), []),
    ],
)  # fmt: skip
def test_what_is_in_it_is_told_by_content(octets, kinds):
    assert [one.kind for one in open_payloads(octets)] == kinds


def test_a_report_of_another_kind_is_said_to_be_that():
    for parse, octets, there in ((parse_aggregate, JSON, "tls"), (parse_tls, XML, "aggregate")):
        with pytest.raises(ReportError, match=rf"of another kind \({there}, not"):
            parse(octets)
    with pytest.raises(ReportError, match="of another kind"):
        parse_failure(mail(encoded(packed(XML))))


GZIP = gzip.compress(XML)
BAD = [
    (GZIP[:-20], "the gzip is cut off before its end"),
    (GZIP[:40] + b"\xff\xff\xff" + GZIP[43:], "the gzip is damaged"),
    (GZIP[:-8] + bytes(4) + GZIP[-4:], "the gzip is damaged"),  # a wrong checksum
    (b"\x1f\x8b", "the gzip is cut off before its end"),
    (GZIP + gzip.compress(b"") * 10_000, "the gzip has more than 10000 members"),
    (zipped(("a.xml", XML))[:-30], "the zip file is damaged"),
    (b"PK\x03\x04" + bytes(100), "the zip file is damaged"),
    (zipped(("a.xml", XML)).replace(b"PK\x01\x02", b"PK\x01\x03"), "the zip file is damaged"),
    (zipped(("a.xml", XML), method=zipfile.ZIP_LZMA), "by method 14, not deflate"),
    (zipped(("a.xml", XML), method=zipfile.ZIP_BZIP2), "by method 12, not deflate"),
    (zipped(*((f"{n}.xml", XML) for n in range(101))), "has 101 members; 100 at most"),
    (zipped(*((f"{n}", b"") for n in range(3000))), "more than 100 members"),
    (mail(*[TEXT] * 101), "the mail has more than 100 parts"),
    (mail(TEXT).replace(b'; boundary="b"', b""), "no boundary"),
    (b"Subject: " + b"a" * 400_000, "header is longer than 256 kB"),
    (b'From: a@b\r\nContent-Type: a/b; x="' + b";" * 9000 + b"\r\n\r\n", "Content-Type is longer"),
]  # fmt: skip


@pytest.mark.parametrize("octets, problem", BAD, ids=[problem for _, problem in BAD])
def test_what_cannot_be_unpacked_is_refused_with_its_reason(octets, problem):
    with pytest.raises(ReportError) as caught:
        parse_aggregate(octets)
    assert problem in caught.value.problem


def test_an_encrypted_zip_file_is_refused():
    octets = bytearray(zipped(("a.xml", XML)))
    octets[6] |= 1  # the flag in the member's header, and in the directory
    octets[octets.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ReportError, match="encrypted"):
        parse_aggregate(bytes(octets))


def nested(pack, times):
    octets = XML
    for _ in range(times):
        octets = pack(octets)
    return octets


@pytest.mark.parametrize(
    "octets, problem",
    [
        (nested(gzip.compress, 7), "packed within too many others"),
        (nested(lambda octets: zipped(("a.zip", octets)), 7), "packed within too many others"),
        (
            nested(lambda octets: whole(octets, "message/rfc822"), 7),
            "packed within too many others",
        ),
    ],
)
def test_what_is_packed_too_deep_is_refused(octets, problem):
    problems = [one.problem for one in open_payloads(octets)]
    assert len(problems) == 1
    assert problem in problems[0]


SMALL = Limits(octets=1 << 20, total_octets=3 << 20, ratio_from=1 << 18, ratio=100, packed=20)


BOMB = b"<feedback>" + b" " * (2 << 20)


@pytest.mark.parametrize(
    "octets, problem",
    [
        (gzip.compress(BOMB), "it unpacks to more than 100 times its size"),
        (zipped(("a.xml", BOMB)), "it unpacks to more than 100 times its size"),
        (gzip.compress(gzip.compress(BOMB)), "it unpacks to more than 100 times its size"),
        (gzip.compress(zipped(("a.xml", BOMB))), "it unpacks to more than 100 times its size"),
        (zipped(("a.xml", gzip.compress(BOMB))), "it unpacks to more than 100 times its size"),
        (zipped(("a.zip", zipped(("a.xml", BOMB)))), "it unpacks to more than 100 times its size"),
        (mail(encoded(gzip.compress(BOMB))), "it unpacks to more than 100 times its size"),
        (zipped(*((f"{n}.xml", BOMB[:9]) for n in range(30))), "more than 20 are packed in it"),
        (zipped(("a.gz", gzip.compress(random.Random(1).randbytes(2 << 20)))), "neither XML nor JSON"),
    ],
)  # fmt: skip
def test_a_bomb_is_let_go_as_soon_as_it_is_one(octets, problem):
    assert any(problem in one for one in problems_of(octets))


def problems_of(octets):
    problems = []
    for payload in open_payloads(octets, SMALL):
        try:
            payload.octets()
        except ReportError as error:
            problems.append(error.problem)
    return problems


def test_many_small_bombs_are_one():
    octets = zipped(*((f"{n}.xml", b"<feedback>" + b" " * (200 << 10)) for n in range(9)))
    assert any("all in it unpacks to more than 100 times" in one for one in problems_of(octets))


def test_nothing_is_unpacked_of_what_is_no_report():
    zeros = gzip.compress(bytes(64 << 20))
    assert list(open_payloads(zeros)) == []


def test_members_that_share_their_octets_are_counted_each():
    # As in an overlapping zip bomb: many names for the same stretch of the file.
    report = b"<feedback>" + base64.b64encode(random.Random(1).randbytes(600 << 10))
    with pytest.warns(UserWarning, match="Duplicate name"):
        octets = zipped(*(("same.xml", report) for _ in range(5)))
    problems = problems_of(octets)
    assert problems
    assert all("all reports in it together have more than 3 MB" in one for one in problems)


@pytest.mark.parametrize(
    "name",
    ["../../../etc/cron.d/x", "/etc/passwd", "..\\..\\boot.xml", "a/../../b.xml", "C:\\x.xml"],
)
def test_a_path_in_a_zip_file_leads_nowhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    octets = zipped((name, XML))
    (payload,) = open_payloads(octets)
    assert "/" not in payload.name
    assert "\\" not in payload.name
    assert parse_aggregate(octets).rows
    assert list(tmp_path.iterdir()) == []


def test_members_of_gzip_may_be_cut_at_any_block():
    first, second = gzip.compress(XML[:300]), gzip.compress(XML[300:])
    for size in (1, 2, 7, len(first), len(first) + 1, len(first) + 2):
        whole = first + second + bytes(9)
        blocks = [whole[place : place + size] for place in range(0, len(whole), size)]
        assert b"".join(octets for _, octets in unwrapping._gunzip(iter(blocks), wrapping())) == XML


def test_names_carry_no_control_characters():
    (payload,) = open_payloads(zipped(("a\x1b[31m\n.xml", XML)))
    assert payload.name.isprintable()


def test_a_part_that_is_broken_costs_no_other():
    octets = zipped(("1.xml", XML), ("2.gz", GZIP[:-9]), ("3.xml", XML[:-200]), ("4.xml", XML))
    read, refused = 0, []
    for payload in open_payloads(octets):
        try:
            parse_aggregate(payload.octets())
            read += 1
        except ReportError as error:
            refused.append(error.problem)
    assert read == 2
    assert ["cut off before its end" in one for one in refused] == [True, True]


def test_bzip2_is_not_taken_for_anything_it_might_be():
    assert list(open_payloads(bz2.compress(XML))) == []
