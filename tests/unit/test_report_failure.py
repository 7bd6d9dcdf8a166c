"""DMARC failure reports (RFC 9991, RFC 6591), read, and what of them is nobody's business."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from maildns.errors import ReportError
from maildns.reports import parse_failure
from maildns.reports.redaction import redacted_addresses, redacted_field

FEEDBACK = """\
Feedback-Type: auth-failure
User-Agent: Receiver/1.0
Version: 1
Original-Mail-From: <ann.lee@news.example>
Original-Rcpt-To: <peter.pan@receiver.example>
Arrival-Date: Mon, 4 May 2026 11:20:27 +0200
Message-ID: <1@example.org>
Authentication-Results: mx.receiver.example; dmarc=fail (p=none) header.from=example.org;
 spf=pass smtp.mailfrom=ann.lee@news.example; dkim=fail header.i=ann.lee@example.org
Source-IP: 192.0.2.1
Delivery-Result: Delivered
Auth-Failure: dmarc
Identity-Alignment: dkim, spf
DKIM-Domain: Example.org
DKIM-Selector: s1
DKIM-Identity: ann.lee@example.org
DKIM-Canonicalized-Body: SGVsbG8gUGV0ZXI=
SPF-DNS: txt : news.example : "v=spf1 ip4:192.0.2.1 -all"
Reported-Domain: example.org
Reported-URI: mailto:peter.pan@receiver.example
"""
ORIGINAL = """\
Return-Path: <ann.lee@news.example>
Received: from anns-laptop.example ([10.1.2.3] authenticated as ann.lee)
 by mx.receiver.example for <peter.pan@receiver.example>; Mon, 4 May 2026 11:20:27 +0200
DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s1; i=ann.lee@example.org; b=abc=
From: "Ann Lee" <ann.lee@example.org>
To: "Pan, Peter" <peter.pan@receiver.example>, wendy@receiver.example
Subject: Your diagnosis
Message-ID: <1@example.org>
X-Mailer: Ann's own mailer
X-Internal-Id: ann.lee
Content-Type: multipart/mixed; boundary="x"; name="diagnosis of peter.pdf"
List-Id: <list.example.org>
"""
PERSONAL = ("ann", "Lee", "peter", "Pan", "wendy", "10.1.2.3", "SGVsbG8", "diagnosis", "Dear")


def mail(
    feedback=FEEDBACK,
    original=ORIGINAL,
    *,
    head="report-type=feedback-report",
    kind="message/rfc822",
):
    return f"""\
From: noreply@receiver.example
To: dmarc@example.org
Date: Tue, 5 May 2026 00:00:00 +0000
Content-Type: multipart/report; {head}; boundary="b"

--b
Content-Type: text/plain

A mail failed.
--b
Content-Type: message/feedback-report

{feedback}
--b
Content-Type: {kind}

{original}
Dear Peter, we have to tell you
--b--
""".encode()


def test_a_report_is_read():
    read = parse_failure(mail())
    assert read.arrived == datetime(2026, 5, 4, 9, 20, 27, tzinfo=UTC)
    assert (read.source_ip, read.reported_domain) == ("192.0.2.1", "example.org")
    assert (read.auth_failure, read.delivery_result) == ("dmarc", "delivered")
    assert read.identity_alignment == "dkim, spf"
    assert (read.dkim_domain, read.dkim_selector) == ("example.org", "s1")
    assert read.spf_dns == 'txt : news.example : "v=spf1 ip4:192.0.2.1 -all"'
    assert read.message_id == "<1@example.org>"
    assert read.feedback[0] == ("feedback-type", "auth-failure")


def test_personal_data_is_redacted_and_what_explains_is_kept():
    read = parse_failure(mail())
    assert read.redacted
    for word in PERSONAL:
        assert word not in repr(read), word
    fields = dict(read.header_fields)
    assert fields == {
        "Return-Path": "redacted@news.example",
        "Received": "by mx.receiver.example",
        "DKIM-Signature": "v=1; a=rsa-sha256; d=example.org; s=s1; i=redacted@example.org; b=abc=",
        "From": "redacted@example.org",
        "To": "redacted@receiver.example",
        "Message-ID": "<1@example.org>",
        "Content-Type": "multipart/mixed",
        "List-Id": "<list.example.org>",
    }
    told = dict(read.feedback)
    assert told["original-mail-from"] == "<redacted@news.example>"
    assert told["reported-uri"] == "redacted"
    assert told["authentication-results"].endswith(
        "spf=pass smtp.mailfrom=redacted@news.example; dkim=fail header.i=redacted@example.org"
    )
    assert (read.original_from, read.original_to, read.subject) == (
        "<redacted@news.example>",
        "<redacted@receiver.example>",
        "",
    )


def test_whoever_asks_gets_all_of_the_header_but_never_the_body():
    read = parse_failure(mail(), personal=True)
    assert not read.redacted
    assert read.subject == "Your diagnosis"
    assert read.original_to == "<peter.pan@receiver.example>"
    assert dict(read.header_fields)["X-Internal-Id"] == "ann.lee"
    assert "Dear Peter" not in repr(read)


def base64_part(text):
    return base64.encodebytes(text.encode()).decode()


@pytest.mark.parametrize(
    "octets, reason",
    [
        (mail(kind="text/rfc822-headers"), "the header alone"),
        (mail(head="report-type=feedback-report; x=y").replace(b"multipart/report", b"multipart/mixed"), "a mail that is no multipart/report"),
        (mail(head="x=y"), "no report-type"),
        (mail().replace(b"\n", b"\r\n"), "CRLF"),
        (mail(f"Content-Transfer-Encoding: x\n\n{FEEDBACK}").replace(b"Content-Type: message/feedback-report\n\nContent-Transfer-Encoding: x", b"Content-Type: message/feedback-report"), "a blank line more"),
        (mail(base64_part(FEEDBACK)).replace(b"message/feedback-report\n", b"message/feedback-report\nContent-Transfer-Encoding: base64\n"), "base64, as Netease has it"),
        (mail(FEEDBACK.replace("192.0.2.1\nD", "192.0.2.1 (a1.mail.example)\nD")), "the name beside the address"),
        (mail(FEEDBACK.replace("Feedback-Type: auth-failure\n", "")), "no Feedback-Type"),
        (mail(FEEDBACK.replace("Reported-Domain: example.org\n", "")), "no Reported-Domain, but results"),
        (b"From: a@b.example\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: message/rfc822\n\n" + mail() + b"\n--o--\n", "forwarded as an attachment"),
    ],
)  # fmt: skip
def test_whatever_dress_a_report_wears_it_says_the_same(octets, reason):
    read, plain = parse_failure(octets), parse_failure(mail())
    assert read.reported_domain == plain.reported_domain, reason
    assert read.source_ip == plain.source_ip, reason
    assert read.arrived == plain.arrived, reason
    assert read.header_fields == plain.header_fields, reason


PROSE = """\
From: no-reply@gateway.example
Date: Mon, 04 May 2026 23:16:09 +0200
Content-Type: {kind}

{lead}A message claiming to be from you has failed the published DMARC
policy for your domain.

  Sender Domain: example.org
  Sender IP Address: 203.0.113.68
  Received date: Mon, 04 May 2026 23:16:08 +0200
  SPF Alignment: no
  DKIM Alignment: no
  DMARC Results: {result}

------ This is a copy of the headers that were received before the error
       was detected.

Received: from anns-laptop by gateway.example for <ann@example.org>; Mon
From: <ann@example.org>
Subject: secret

"""


@pytest.mark.parametrize(
    "kind, lead, said, result",
    [
        ("text/plain", "", "None, Accept", "delivered"),
        ("text/plain; charset=utf-8", "", "Reject", "reject"),
        ("multipart/report; boundary=b", "--b\nContent-Type: text/plain\n\n", "Quarantine", "policy"),
    ],
)  # fmt: skip
def test_a_report_in_words_is_read_as_gateways_write_it(kind, lead, said, result):
    read = parse_failure(PROSE.format(kind=kind, lead=lead, result=said).encode())
    assert (read.reported_domain, read.source_ip) == ("example.org", "203.0.113.68")
    assert read.identity_alignment == "spf, dkim"
    assert (read.auth_failure, read.delivery_result) == ("dmarc", result)
    assert read.arrived.minute == 16
    assert dict(read.header_fields) == {
        "Received": "by gateway.example",
        "From": "redacted@example.org",
    }


def test_without_an_arrival_date_the_report_is_of_when_it_was_written():
    read = parse_failure(mail(FEEDBACK.replace("Arrival-Date", "X-Date")))
    assert read.arrived == datetime(2026, 5, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "octets, problem",
    [
        (mail(FEEDBACK.replace("auth-failure", "abuse")), "it is feedback of type 'abuse'"),
        (mail("Feedback-Type: auth-failure", "Subject: x"), "which domain it is about"),
        (mail("").replace(b"message/feedback-report", b"text/plain"), "no part of type message/feedback-report"),
        (b"From: a@b.example\nSubject: hello\n\nhello", "nothing in it claims to be a report"),
    ],
)  # fmt: skip
def test_what_is_no_such_report_is_refused_with_its_reason(octets, problem):
    with pytest.raises(ReportError) as caught:
        parse_failure(octets)
    assert problem in caught.value.problem


def test_fields_are_bounded_and_without_control_characters():
    many = "".join(f"X-{n}: {'a' * 5000}\x1b[31m\n" for n in range(300))
    read = parse_failure(mail(original=ORIGINAL + many), personal=True)
    assert len(read.header_fields) <= 200
    assert all(len(value) <= 2048 for _, value in read.header_fields)
    assert all(value.isprintable() for _, value in read.header_fields)


@pytest.mark.parametrize(
    "text, left",
    [
        ("ann@example.org", "redacted@example.org"),
        ('"Ann Lee"@example.org', "redacted@example.org"),
        ("bounce+ann=example.com@news.example", "redacted@news.example"),
        ("SRS0=x=y=example.org=ann@fwd.example", "redacted@fwd.example"),
        ("spf=pass smtp.mailfrom=ann@example.org", "spf=pass smtp.mailfrom=redacted@example.org"),
        ("(domain of ann@example.org designates)", "(domain of redacted@example.org designates)"),
        ('x-sender="ann@example.org"; a=b', "x-sender=redacted@example.org; a=b"),
        ("smtp.auth=ann dkim=pass", "smtp.auth=redacted dkim=pass"),
        ("ännä@example.org", "redacted@example.org"),
        ("no address here", "no address here"),
    ],
)
def test_of_an_address_the_domain_is_left(text, left):
    assert redacted_addresses(text) == left


@pytest.mark.parametrize(
    "name, value",
    [
        ("Subject", "x"),
        ("X-Originating-IP", "10.0.0.1"),
        ("Thread-Topic", "x"),
        ("Comments", "x"),
        ("To", "undisclosed recipients"),
        ("Received", "from a (HELO b)"),
    ],
)
def test_fields_that_nobody_needs_are_left_out(name, value):
    assert redacted_field(name, value) == ""
