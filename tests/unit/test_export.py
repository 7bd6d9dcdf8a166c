"""The records as each format has them, and what each DNS host's form wants."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Address, IPv6Address

import pytest

from maildns.dnsdata import AAAA, A, Caa, Cname, Mx, Opaque, Ptr, Srv, Tlsa, Txt, reverse_name
from maildns.errors import InputError, UsageError
from maildns.export.dnscontrol import dnscontrol_text
from maildns.export.document import document_of, forms_document
from maildns.export.files import OutputFile, read_me, request_files, write_files
from maildns.export.forms import FIELDS, describe, fill_in, form_named, forms
from maildns.export.octodns import octodns_text, zone_files
from maildns.export.page import html_text
from maildns.export.record import (
    ExportRecord,
    ReverseRequest,
    address_of,
    chosen,
    from_wanted,
    without_reverse,
    zone_of,
)
from maildns.export.table import table_text
from maildns.export.terraform import terraform_text
from maildns.export.zone import zone_text
from maildns.finding import Finding, Fix, Severity
from maildns.plan.wanted import Kind, Wanted

HOST = "mail.example.com"
LONG = "v=DKIM1; k=rsa; p=" + "A" * 392


def wanted(kind, name, *records, ttl=None, group="example.com"):
    return Wanted(group, kind, name, records[0].rrtype, records, ttl_seconds=ttl, reason="why")


WISHES = [
    wanted(Kind.MX, "example.com", Mx(10, HOST)),
    wanted(Kind.SPF, "example.com", Txt.of("v=spf1 ip4:192.0.2.1 exists:%{i}.example.net -all")),
    wanted(Kind.DKIM, "s1._domainkey.example.com", Txt.of(LONG)),
    wanted(Kind.CLIENTS, "_imaps._tcp.example.com", Srv(0, 1, 993, HOST)),
    wanted(Kind.CLIENTS, "autoconfig.example.com", Cname(HOST)),
    wanted(Kind.CAA, "example.com", Caa(128, "issue", b"ca.example")),
    wanted(Kind.MX, "example.net", Mx(0, ".")),
    wanted(Kind.ADDRESS, HOST, A(IPv4Address("192.0.2.1")), ttl=600),
    wanted(Kind.ADDRESS, HOST, AAAA(IPv6Address("2001:db8::1"))),
    wanted(Kind.TLSA, f"_25._tcp.{HOST}", Tlsa(3, 1, 1, b"\xab" * 32), Tlsa(3, 1, 1, b"\xcd" * 32)),
    wanted(Kind.PTR, reverse_name("192.0.2.1"), Ptr(HOST)),
    wanted(Kind.PTR, reverse_name("2001:db8::1"), Ptr(HOST)),
]
RECORDS, REQUESTS = without_reverse(from_wanted(WISHES, ["example.com", "example.net"]))


def of_kind(kind):
    return next(record for record in RECORDS if record.kind == kind)


# --- sorting into zones ---------------------------------------------------------------

PLACES = [
    ("mail.example.com", ["example.com"], "example.com", "the domain that it is within"),
    ("a.sub.example.com", ["example.com", "sub.example.com"], "sub.example.com", "the longest"),
    ("badexample.com", ["example.com"], "badexample.com", "no label boundary"),
    ("mx1.provider.example", ["example.com"], "provider.example", "the host's parent"),
    ("_25._tcp.mx1.provider.example", [], "provider.example", "service labels are no host"),
    ("*._domainkey.example.org", [], "example.org", "a wildcard is no host"),
    ("provider.example", [], "provider.example", "a registrable name stays"),
    ("1.2.0.192.in-addr.arpa", ["example.com"], "2.0.192.in-addr.arpa", "a reverse zone"),
    ("1.2.0.192.in-addr.arpa", ["2.0.192.in-addr.arpa", "."], "2.0.192.in-addr.arpa", "named"),
]


@pytest.mark.parametrize("owner, zones, zone, reason", PLACES)
def test_a_record_belongs_to_the_zone_that_holds_its_name(owner, zones, zone, reason):
    assert zone_of(owner, zones) == zone, reason


def test_reverse_names_become_requests_unless_their_zone_is_ours():
    reverse = "2.0.192.in-addr.arpa"
    records = from_wanted(WISHES, ["example.com", reverse])
    ours, requests = without_reverse(records, [reverse])
    assert [one.name for one in ours if one.rrtype == "PTR"] == [reverse_name("192.0.2.1")]
    assert [one.address for one in requests] == ["2001:db8::1"]


def test_records_of_one_set_have_one_ttl():
    wishes = [
        wanted(Kind.MX, "example.com", Mx(10, "a.example"), ttl=600),
        wanted(Kind.MX, "example.com", Mx(20, "b.example"), Mx(10, "a.example"), ttl=60),
    ]
    records = from_wanted(wishes, ["example.com"])
    assert [(str(one.rdata), one.ttl_seconds) for one in records] == [
        ("10 a.example.", 60),
        ("20 b.example.", 60),
    ], "a record that is wished twice stands once"


def test_a_wish_for_absence_is_not_exported():
    assert from_wanted([Wanted("x.example", Kind.FORMER, "x.example", "TXT", ())], []) == []


def test_choosing_an_unknown_zone_is_refused_with_those_there_are():
    with pytest.raises(UsageError) as caught:
        chosen(RECORDS, ["example.org"])
    assert "example.com, example.net" in caught.value.hint


ADDRESSES = [
    (reverse_name("192.0.2.1"), "192.0.2.1"),
    (reverse_name("2001:db8::1"), "2001:db8::1"),
    ("2.0.192.in-addr.arpa", "2.0.192.in-addr.arpa"),
    ("x.y.z.w.in-addr.arpa", "x.y.z.w.in-addr.arpa"),
    ("example.com", "example.com"),
]


@pytest.mark.parametrize("reverse, address", ADDRESSES)
def test_a_reverse_name_is_read_back_to_its_address(reverse, address):
    assert address_of(reverse) == address


def test_a_private_address_is_not_asked_of_a_provider():
    inside = ReverseRequest("192.168.1.2", reverse_name("192.168.1.2"), HOST)
    assert inside.text.startswith("In your own network's DNS")
    assert REQUESTS[0].text.startswith("Please set the reverse DNS")


# --- zone text ------------------------------------------------------------------------


def test_zone_text_is_grouped_with_stand_ins_and_requests():
    text = zone_text(RECORDS, REQUESTS)
    assert text.index("$ORIGIN example.com.") < text.index("$ORIGIN example.net.")
    assert f"NS    {HOST}." in text, "the name server's stand-in has an address in the zone"
    assert "NS    ns1.invalid." in text, "a zone without a host gets one of nobody"
    assert f"; 192.0.2.1: 1.2.0.192.in-addr.arpa. PTR {HOST}." in text
    assert not re.search(r"^[^;].*PTR", text, re.MULTILINE), "a PTR is only asked for"
    assert max(len(line) for line in text.splitlines()) < 320, "long texts are cut into strings"


def test_records_only_leaves_the_stand_ins_out():
    text = zone_text(RECORDS, records_only=True)
    assert " SOA " not in text
    assert " NS " not in text


def test_a_reason_cannot_break_out_of_its_comment():
    evil = ExportRecord("x.example", "g\n@ A 192.0.2.9", "spf", "x.example", "A", 1, A(IPv4Address("192.0.2.1")), "a\nb A 192.0.2.9")  # fmt: skip
    lines = zone_text([evil]).splitlines()
    assert not [line for line in lines if "192.0.2.9" in line and not line.startswith(";")]


def test_nothing_makes_an_empty_text():
    assert zone_text([]) == ""


# --- forms ----------------------------------------------------------------------------

MX = of_kind("mx")
DKIM = of_kind("dkim")
SRV = of_kind("clients")
TLSA = of_kind("tlsa")
CAA = of_kind("caa")

FILLED = [
    ("generic", MX, {"name": "@", "priority": "10", "value": HOST}, "the common way"),
    ("route53", MX, {"name": "", "value": f"10 {HOST}"}, "an @ would be taken literally"),
    ("bind", MX, {"name": "example.com.", "value": f"10 {HOST}."}, "as in a zone file"),
    ("cpanel", MX, {"name": "example.com.", "priority": "10", "value": HOST}, "a whole name"),
    ("hetzner", MX, {"name": "@", "value": f"10 {HOST}."}, "a host without a dot gets the zone"),
    ("cloudflare", DKIM, {"name": "s1._domainkey", "value": LONG}, "it quotes and cuts itself"),
    ("gandi", DKIM, {"value": f'"{LONG}"'}, "quotes, and it cuts itself"),
    ("route53", DKIM, {"value": f'"{LONG[:255]}" "{LONG[255:]}"'}, "strings of 255 octets"),
    ("cloudflare", SRV, {"name": "_imaps._tcp", "priority": "0", "weight": "1", "port": "993", "value": HOST}, "the name as it is"),
    ("godaddy", SRV, {"name": "@", "service": "_imaps", "protocol": "_tcp", "value": HOST}, "fields of their own"),
    ("google", SRV, {"name": "_imaps._tcp", "value": f"0 1 993 {HOST}."}, "all in one"),
    ("cloudflare", TLSA, {"usage": "3", "selector": "1", "matching": "1", "value": "ab" * 32}, "fields"),
    ("gandi", TLSA, {"name": "_25._tcp.mail", "value": "3 1 1 " + "ab" * 32}, "all in one"),
    ("godaddy", CAA, {"flags": "128", "tag": "issue", "value": "ca.example"}, "no quotes in a field"),
    ("bind", CAA, {"value": '128 issue "ca.example"'}, "as in a zone file"),
]  # fmt: skip


@pytest.mark.parametrize("form, record, fields, reason", FILLED)
def test_each_form_gets_what_it_wants(form, record, fields, reason):
    filled = fill_in(record, form_named(form)).fields
    assert {key: filled[key] for key in fields} == fields, reason


def test_the_null_mx_keeps_its_dot_in_every_form():
    null = next(one for one in RECORDS if one.zone == "example.net")
    for form in forms().values():
        assert fill_in(null, form).fields["value"].split()[-1] == ".", form.key


REFUSED = [
    ("synology", TLSA, "no TLSA"),
    ("strato", CAA, "no CAA"),
    ("namecheap", TLSA, "no TLSA"),
    ("cloudflare", TLSA, ""),
]


@pytest.mark.parametrize("form, record, why", REFUSED)
def test_what_a_form_cannot_hold_is_said_with_the_reason(form, record, why):
    refused = fill_in(record, form_named(form)).refused
    assert bool(refused) == bool(why)
    assert why in refused


def test_lengths_that_a_form_cannot_take_are_refused():
    form = form_named("namecheap")
    long_text = ExportRecord("x.example", "", "", "x.example", "TXT", 1, Txt.of("a" * 2501))
    long_name = ExportRecord("x.example", "", "", "a" * 61 + ".x.example", "TXT", 1, Txt.of("a"))
    assert "2501" in fill_in(long_text, form).refused
    assert "61" in fill_in(long_name, form).refused


def test_octets_beyond_ascii_are_escaped_as_each_host_reads_them():
    record = ExportRecord("x.example", "", "", "x.example", "TXT", 1, Txt.of("\u00e9"))
    assert fill_in(record, form_named("route53")).fields["value"] == r'"\303\251"', "octal"
    assert fill_in(record, form_named("desec")).fields["value"] == r'"\195\169"', "decimal"
    assert fill_in(record, form_named("generic")).fields["value"] == "\u00e9"
    raw = ExportRecord("x.example", "", "", "x.example", "TXT", 1, Txt.of(b"\x00"))
    assert fill_in(raw, form_named("generic")).note == "holds octets that cannot be typed"


def test_a_form_without_a_ttl_field_is_told_none():
    assert "ttl" not in fill_in(MX, form_named("strato")).fields


@pytest.mark.parametrize("form", list(forms().values()), ids=lambda form: form.key)
def test_every_form_is_complete_and_says_where_it_is_from(form):
    assert form.title
    assert form.source.startswith("https://") or form.key == "generic"
    assert set(form.refuses) <= {"TLSA", "CAA", "PTR", "SRV"}
    assert form.checked is None or form.source
    assert all(describe(form).values())
    for record in RECORDS:
        fields = fill_in(record, form).fields
        assert list(fields) == [key for key in FIELDS if key in fields], "in the order of a form"
        assert {"name", "type", "value"} <= set(fields)


def test_an_unknown_form_is_refused_with_the_nearest():
    with pytest.raises(UsageError) as caught:
        form_named("cloudflair")
    assert "cloudflare" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        form_named("\u00f1" * 9999)
    assert "--list-forms" in caught.value.hint
    assert form_named("Route53").key == "route53"


def test_the_table_is_for_cut():
    lines = [line.split("\t") for line in table_text(RECORDS, form_named("synology")).splitlines()]
    assert lines[0] == ["zone", "name", "type", "ttl", "priority", "value", "more", "for", "note"]
    rows = {(line[1], line[2]): line for line in lines[1:]}
    assert rows["", "MX"][4:6] in (["10", HOST], ["0", "."])
    assert rows["_imaps._tcp", "SRV"][6] == "weight=1 port=993"
    assert "cannot be entered" in rows["_25._tcp.mail", "TLSA"][8]


# --- other tools ----------------------------------------------------------------------


def test_octodns_gets_a_file_a_zone_with_its_own_escapes():
    files = zone_files(RECORDS)
    assert list(files) == ["example.com.yaml", "example.net.yaml"]
    text = files["example.com.yaml"]
    assert json.dumps(LONG.replace(";", "\\;")) in text, "whole, and semicolons escaped"
    assert text.index('"":') < text.index('"_25._tcp.mail":') < text.index('"mail":'), "sorted"
    assert octodns_text(RECORDS).count("\n---\n") == 1


def test_octodns_gets_everything_in_the_order_that_it_insists_on():
    owners = ["s10", "s9", "9a", "_587._tcp.mail", "_25._tcp.mail"]
    records = [
        ExportRecord("x.example", "", "", f"{one}.x.example", "MX", 1, Mx(1, ".")) for one in owners
    ]
    text = octodns_text(records)
    assert re.findall(r'^"(.*)":$', text, re.MULTILINE) == [
        "9a",
        "_25._tcp.mail",
        "_587._tcp.mail",
        "s9",
        "s10",
    ], "numbers by their size"
    assert (
        text.count('  - ttl: 1\n    type: MX\n    value: {"exchange": ".", "preference": 1}') == 5
    )


def test_records_of_one_zone_that_stand_apart_come_together():
    mixed = [RECORDS[0], next(one for one in RECORDS if one.zone == "example.net"), RECORDS[1]]
    assert zone_text(mixed).count("$ORIGIN") == 2
    assert octodns_text(mixed).count("---\n") == 2


def test_dnscontrol_leaves_other_records_alone():
    text = dnscontrol_text(RECORDS)
    assert text.count("NO_PURGE,") == 2
    assert f'MX("@", 10, "{HOST}.", TTL(3600)),' in text
    assert 'CAA("@", "issue", "ca.example", CAA_CRITICAL, TTL(3600)),' in text
    assert f'TLSA("_25._tcp.mail", 3, 1, 1, "{"ab" * 32}", TTL(3600)),' in text
    odd = ExportRecord("x.example", "", "", "x.example", "HINFO", 1, Opaque("HINFO", "a\nb"))
    assert '// not expressible here: "x.example HINFO a\\nb"' in dnscontrol_text([odd])


TERRAFORM = [
    ("dns", r'txt  = ["v=spf1 ip4:192.0.2.1 exists:%%{i}.example.net -all"]', "no template"),
    ("dns", "# hashicorp/dns has no resource for TLSA: _25._tcp.mail.example.com.", "said"),
    ("dns", 'resource "dns_mx_record_set" "mx_example_com" {\n  zone = "example.com."', "apex"),
    ("cloudflare", 'content = "\\"v=spf1', "Cloudflare keeps texts in quotes"),
    ("cloudflare", f'certificate   = "{"ab" * 32}"', "an object of data"),
    ("route53", f'records = ["{LONG[:255]}\\"\\"{LONG[255:]}"]', "the provider's way to cut"),
    ("google", f'rrdatas      = ["10 {HOST}."]', "presentation text"),
]


@pytest.mark.parametrize("provider, piece, reason", TERRAFORM)
def test_terraform_gets_what_its_provider_wants(provider, piece, reason):
    assert piece in terraform_text(RECORDS, provider), reason


def test_an_unknown_terraform_provider_is_refused():
    with pytest.raises(UsageError, match="strato"):
        terraform_text(RECORDS, "strato")


def test_the_document_holds_the_fields_of_the_form_that_was_named():
    document = document_of(RECORDS, REQUESTS, form=form_named("synology"))
    assert [zone.zone for zone in document.zones] == ["example.com", "example.net"]
    tlsa = next(one for one in document.zones[0].records if one.type == "TLSA")
    assert tlsa.refused
    assert [one.address for one in document.reverse] == ["192.0.2.1", "2001:db8::1"]
    assert document_of(RECORDS).zones[0].records[0].fields is None
    assert len(forms_document().forms) == len(forms())


# --- the page -------------------------------------------------------------------------


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_asks_nothing_of_any_server():
    page = html_text(RECORDS, REQUESTS)
    assert not re.search(r"""\b(?:src|href|action)\s*=\s*["'](?!#)""", page)
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page
    assert not re.search(r"fetch\(|XMLHttpRequest|sendBeacon|import\(", page)


def test_the_page_shows_its_values_without_a_script():
    page = html_text(RECORDS, REQUESTS, form=form_named("route53"))
    plain = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert f"<code>10 {HOST}</code>" in plain
    assert "leave it empty" in plain
    assert "dig +short example.com MX" in plain
    assert "Please set the reverse DNS (PTR) of 192.0.2.1" in plain


def test_the_page_holds_every_form_and_each_look_once():
    page = html_text(RECORDS)
    data = data_of(page)
    assert [form["key"] for form in data["forms"]] == list(forms())
    looks = [json.dumps(look) for look in data["looks"]]
    assert len(looks) == len(set(looks))
    assert all(len(row) == len(forms()) for row in data["records"].values())
    assert len(data["records"]) == len(RECORDS)
    assert html_text(RECORDS) == page, "the same input makes the same page"


def test_the_page_shows_findings_the_worst_first_and_escaped():
    findings = [
        Finding("a-b", Severity.INFO, "x.example", "a trifle"),
        Finding("c-d", Severity.ERROR, "<i>x", "<script>alert(1)</script>", Fix("mend it")),
    ]
    page = html_text(RECORDS, findings=findings)
    assert page.index("&lt;i&gt;x") < page.index("a trifle")
    assert "<script>alert" not in page
    assert "Mend: mend it" in page


def test_a_hostile_record_stays_text_in_the_data_of_the_page():
    text = "</script><script>alert(1)</script>"
    record = ExportRecord("x.example", "", "", "x.example", "TXT", 1, Txt.of(text), text)
    page = html_text([record])
    assert "<script>alert" not in page
    assert text in [value for look in data_of(page)["looks"] for _, value in look["fields"]]


def test_an_empty_page_says_so():
    assert "There is nothing to publish" in html_text([])


# --- files ----------------------------------------------------------------------------


def test_requests_are_grouped_by_server():
    (file,) = request_files(REQUESTS)
    assert file.path == f"reverse-dns/{HOST}.txt"
    assert file.text.count("\n") == 2
    assert file.path in read_me([file]).text


def test_a_file_of_somebody_else_is_not_overwritten_and_nothing_is_half_done(tmp_path):
    (tmp_path / "b.txt").write_text("mine\n")
    files = [OutputFile("a.txt", "new\n"), OutputFile("b.txt", "new\n")]
    with pytest.raises(InputError, match=r"b\.txt"):
        write_files(tmp_path, files)
    assert not (tmp_path / "a.txt").exists()
    assert write_files(tmp_path, files, force=True) == files
    assert (tmp_path / "b.txt").read_text() == "new\n"


def test_a_file_of_ours_is_brought_up_to_date_unless_it_was_edited(tmp_path):
    write_files(tmp_path, [OutputFile("a.txt", "one\n")])
    assert write_files(tmp_path, [OutputFile("a.txt", "two\n")])
    (tmp_path / "a.txt").write_text("edited\n")
    with pytest.raises(InputError):
        write_files(tmp_path, [OutputFile("a.txt", "three\n")])
    assert (tmp_path / "a.txt").read_text() == "edited\n"


def test_files_are_readable_by_all(tmp_path):
    write_files(tmp_path, [OutputFile("a.txt", "one\n")])
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a//b", "a/../b", "", ".", "a\n", ".hidden"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, path):
    with pytest.raises(InputError):
        write_files(tmp_path / "out", [OutputFile(path, "x")])
    assert not (tmp_path / "x").exists()


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").symlink_to(tmp_path)
    with pytest.raises(InputError, match="link"):
        write_files(tmp_path / "out", [OutputFile("a/x.txt", "x")], force=True)


def test_a_damaged_ledger_is_said(tmp_path):
    (tmp_path / ".maildns-files.json").write_text("{")
    with pytest.raises(InputError, match="written before"):
        write_files(tmp_path, [OutputFile("a.txt", "x")])
