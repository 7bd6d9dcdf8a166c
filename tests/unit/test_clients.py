"""What mail programs find: SRV records and settings files."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from maildns.dnsdata import Cname, Srv
from maildns.errors import RecordSyntaxError
from maildns.protocols import clients

HOST = "mail.example.com"
ABSENT = "0 0 0 ."


def rules_of(findings):
    return [finding.rule for finding in findings]


def published(**wish):
    return {
        owner.partition(".")[0]: str(record)
        for owner, record in clients.service_records("example.com", host=HOST, **wish)
    }


def test_what_is_not_offered_is_said_to_be_so():
    assert published() == {
        "_submissions": f"0 1 465 {HOST}.",
        "_submission": f"0 1 587 {HOST}.",
        "_imaps": f"0 1 993 {HOST}.",
        "_imap": ABSENT,
        "_pop3s": ABSENT,
        "_pop3": ABSENT,
    }


@pytest.mark.parametrize(
    "wish, offered",
    [
        ({"pop3": True}, {"_submissions", "_submission", "_imaps", "_pop3s"}),
        ({"starttls": {"smtp", "imap"}}, {"_submissions", "_submission", "_imaps", "_imap"}),
        ({"starttls": ()}, {"_submissions", "_imaps"}),
        ({"imap": False, "submission": False}, set()),
    ],
)
def test_each_service_is_offered_by_wish(wish, offered):
    records = published(**wish)
    assert {label for label, record in records.items() if record != ABSENT} == offered
    assert len(records) == 6


def test_the_settings_files_are_found_at_the_web_host():
    records = dict(
        clients.service_records("Example.com", host=HOST, web_host="autoconfig.example.com")
    )
    assert records["_autodiscover._tcp.example.com"] == Srv(0, 1, 443, "autoconfig.example.com")
    assert records["autodiscover.example.com"] == Cname("autoconfig.example.com")
    assert "autoconfig.example.com" not in records  # a name is no alias of itself


def test_what_is_built_raises_no_complaint():
    for owner, record in clients.service_records("example.com", host=HOST, pop3=True):
        assert clients.lint(record, owner) == []
        assert clients.parse(str(record)) == record


@pytest.mark.parametrize(
    "text", ["", "0 1 993", "0 1 x mail.", "0 1 65536 mail.", "0 1 993 mail. x"]
)
def test_a_malformed_record_is_refused_at_a_place_within_it(text):
    with pytest.raises(RecordSyntaxError) as caught:
        clients.parse(text)
    start, end = caught.value.span
    assert 0 <= start <= end <= len(text)


def test_autoconfig_offers_the_preferred_way_first():
    tree = ET.fromstring(clients.autoconfig_xml("example.com", host=HOST))
    servers = [
        (
            one.get("type"),
            one.findtext("port"),
            one.findtext("socketType"),
            one.findtext("hostname"),
        )
        for one in tree.iter()
        if one.tag.endswith("Server")
    ]
    assert servers == [
        ("imap", "993", "SSL", HOST),
        ("smtp", "465", "SSL", HOST),
        ("smtp", "587", "STARTTLS", HOST),
    ]
    assert tree.find("emailProvider/domain").text == "example.com"


def test_autodiscover_offers_one_way_of_each_kind():
    text = clients.autodiscover_xml(
        "example.com", host=HOST, email="a@example.com", offer=clients.Offer(pop3=True)
    )
    space = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"
    tree = ET.fromstring(text)
    found = [
        tuple(one.findtext(space + tag) for tag in ("Type", "Port", "Encryption", "LoginName"))
        for one in tree.iter(space + "Protocol")
    ]
    assert found == [
        ("IMAP", "993", "SSL", "a@example.com"),
        ("POP3", "995", "SSL", "a@example.com"),
        ("SMTP", "465", "SSL", "a@example.com"),
    ]
    without = clients.autodiscover_xml("example.com", host=HOST)
    assert "LoginName" not in without


@pytest.mark.parametrize(
    "hostile", ["</displayName><x/>", 'a"b&c', "]]>", "\x00\x1b[2J", "\ud800", "&#0;"]
)
def test_hostile_text_stays_text(hostile):
    shown = "".join(char for char in hostile if char >= " " and char != "\ud800")
    one = clients.autoconfig_xml("example.com", host=HOST, display_name=hostile, username=hostile)
    assert (ET.fromstring(one).findtext("emailProvider/displayName") or "") == shown
    ET.fromstring(
        clients.autodiscover_xml("example.com", host=HOST, email=hostile, display_name=hostile)
    )


def test_a_host_that_is_no_name_is_refused():
    with pytest.raises(RecordSyntaxError):
        clients.autoconfig_xml("example.com", host="a b")


@pytest.mark.parametrize(
    "label, texts, expected",
    [
        ("_imaps", ["0 1 993 a.example.", "0 1 993 b.example."], []),
        ("_imaps", ["0 1 143 a.example."], ["clients-unusual-port"]),
        ("_imap", ["0 1 143 a.example."], ["clients-starttls-service"]),
        ("_submission", ["0 1 587 a.example."], []),
        ("_imaps", ["0 1 993 a.example.", "0 0 0 ."], ["clients-absent-with-others"]),
        ("_sip", ["0 1 5060 a.example."], []),  # not ours to judge
    ],
)
def test_records_of_one_service_are_judged_together(label, texts, expected):
    records = [clients.parse(text) for text in texts]
    assert rules_of(clients.lint_rrset(records, f"{label}._tcp.example.com")) == expected


def test_an_explanation_tells_an_absent_service_from_others():
    assert [part for part, _ in clients.explain(clients.parse("0 1 993 a.example."))] == [
        "0",
        "1",
        "993",
        "a.example.",
    ]
    assert "not offered" in clients.explain(clients.parse(ABSENT))[3][1]
