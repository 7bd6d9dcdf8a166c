"""Laws of the export: what leaves in any format is just what was put in."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser

import dns.name
import dns.rdatatype
import dns.zone
from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.dnsdata import Caa, Mx, Srv, Tlsa, Txt, name
from maildns.export import octodns, table
from maildns.export.dnscontrol import dnscontrol_text
from maildns.export.document import ExportDocument, document_of
from maildns.export.files import OutputFile, write_files
from maildns.export.forms import fill_in, forms, typed
from maildns.export.page import html_text
from maildns.export.record import ExportRecord
from maildns.export.terraform import hcl, terraform_text
from maildns.export.zone import zone_text
from maildns.finding import Finding, Severity
from maildns.zonefile import parse_rdata, parse_records, rrsets_of

QUICK = settings(max_examples=120, deadline=None)
ZONE = "example.com"

octets = st.binary(max_size=700)
hostile = st.sampled_from(
    [
        b'quo"te',
        b"back\\slash",
        b"semi;colon",
        "Gru\u00df \u2028".encode(),
        b"</script><script>alert(1)</script>",
        b"${x} %{i} \\; \x00\n\t",
        b"v=DKIM1; p=" + b"A" * 700,
    ],
)
numbers = st.integers(0, 65535)
hosts = st.sampled_from(["mail.example.com", "mx.example.net", "."])
rdatas = st.one_of(
    st.builds(Txt.of, octets | hostile),
    st.builds(lambda parts: Txt(tuple(parts)), st.lists(st.binary(max_size=255), min_size=1, max_size=3)),
    st.builds(Mx, numbers, hosts),
    st.builds(Srv, numbers, numbers, numbers, hosts),
    st.builds(Tlsa, st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.binary(min_size=1, max_size=64)),
    st.builds(Caa, st.sampled_from([0, 128]), st.sampled_from(["issue", "iodef"]), octets.map(lambda b: b[:255])),
)  # fmt: skip
LABELS = ["", "_dmarc.", "s1._domainkey.", "$dollar.", "*.", "_25._tcp.mail.", r"dot\.ted.", "@."]
reasons = st.sampled_from(
    ["why", "", "two\nlines", "<img src=x onerror=y>", "; $INCLUDE x", "*/ //"]
)


@st.composite
def exported(draw, data=rdatas, labels=LABELS) -> list[ExportRecord]:
    found = {}
    for rdata in draw(st.lists(data, max_size=6)):
        owner = name(draw(st.sampled_from(labels)) + ZONE)
        found[owner, rdata.rrtype, rdata] = ExportRecord(
            ZONE, draw(reasons), "spf", owner, rdata.rrtype, 300, rdata, draw(reasons)
        )
    return list(found.values())


def as_triples(records):
    return {(one.name, one.rrtype, str(one.rdata)) for one in records}


@QUICK
@given(exported(), st.booleans())
def test_zone_text_reads_back_to_the_same_records(records, bare):
    read = rrsets_of(parse_records(zone_text(records, records_only=bare))).values()
    found = {(s.name, s.rrtype, str(r)) for s in read for r in s.records if s.rrtype not in {"SOA", "NS"}}  # fmt: skip
    assert found == as_triples(records)
    assert all(s.ttl_seconds == 300 for s in read)


@QUICK
@given(exported())
def test_another_library_reads_the_same_records_from_the_zone_text(records):
    origin = dns.name.from_text(ZONE)
    zone = dns.zone.from_text(
        zone_text(records), origin, relativize=False, check_origin=bool(records)
    )
    found = set()
    for owner, _, rdata in zone.iterate_rdatas():
        if rdata.rdtype not in {dns.rdatatype.SOA, dns.rdatatype.NS}:
            kind = dns.rdatatype.to_text(rdata.rdtype)
            found.add(
                (
                    name(re.sub(r"\\([$@])", r"\1", str(owner))),
                    kind,
                    str(parse_rdata(kind, rdata.to_text(origin=None))),
                )
            )
    assert found == as_triples(records)


@QUICK
@given(exported())
def test_the_json_document_reads_back_to_the_same_records(records):
    text = document_of(records, form=forms()["cloudflare"]).model_dump_json()
    document = ExportDocument.model_validate_json(text)
    found = {
        (one.name, one.type, str(parse_rdata(one.type, one.data)))
        for zone in document.zones
        for one in zone.records
    }
    assert found == as_triples(records)


def unescape(text: str) -> bytes:
    def octet(match: re.Match[str]) -> str:
        return chr(int(match[1])) if match[1].isdigit() else match[1]

    return re.sub(r"\\(\d{3}|.)", octet, text).encode("latin-1")


@QUICK
@given(exported(st.builds(Txt.of, octets | hostile)))
def test_octodns_texts_decode_to_the_same_octets(records):
    values = []
    for line in octodns.octodns_text(records).splitlines():
        match = re.match(r'^    (?:value:|-) (".*)$', line)
        if match:
            values.append(unescape(json.loads(match[1])))
            assert not re.search(r"(?<!\\)(\\\\)*;", json.loads(match[1])), "octoDNS refuses these"
    assert sorted(values) == sorted(one.rdata.joined for one in records)


@QUICK
@given(exported())
def test_dnscontrol_texts_decode_to_the_same_records(records):
    text = dnscontrol_text(records)
    calls = re.findall(r"^  ([A-Z]+)\((.*)\),$", text, re.MULTILINE)
    said = [one for one in records if f"not expressible here: {one.name} {one.rrtype} " in text]
    held = [one for one in records if one.rrtype != "TXT" or utf8(one.rdata.joined)]
    assert len(calls) == len(held)
    assert len(said) >= len(records) - len(held)
    for (macro, arguments), record in zip(calls, held, strict=True):
        plain = arguments.replace("CAA_CRITICAL", '"critical"').replace("TTL(300)", "300")
        values = json.loads(f"[{plain}]")
        assert macro == record.rrtype
        assert values[0] == record.label
        if isinstance(record.rdata, Txt):
            assert values[1].encode() == record.rdata.joined


def utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@QUICK
@given(
    st.text(max_size=80) | st.sampled_from(["${a}", "%{i}", "$${a}", "\\u0041", "\U0001f600\b\f"])
)
def test_hcl_strings_hold_no_template_and_only_known_escapes(text):
    quoted = hcl(text)
    assert quoted.isascii()
    assert not re.search(
        r"(?<!\$)(?:\$\$)*\$\{|(?<!%)(?:%%)*%\{", quoted[1:-1].replace("$${", "").replace("%%{", "")
    )
    body = re.sub(r"\\(?:[nrt\"\\]|u[0-9a-f]{4}|U[0-9a-f]{8})", "", quoted[1:-1])
    assert "\\" not in body
    assert '"' not in body


@QUICK
@given(exported(labels=["", "a_b.", "a.b.", "*."]))
def test_terraform_resources_have_different_names(records):
    for provider in ("dns", "cloudflare", "route53", "google"):
        names = re.findall(
            r'^resource "(\w+)" "(\S+)" \{$', terraform_text(records, provider), re.MULTILINE
        )
        assert len(names) == len(set(names))


@QUICK
@given(exported(), st.sampled_from(sorted(forms())))
def test_a_table_has_one_line_of_as_many_fields_for_each_record(records, form):
    lines = table.table_text(records, forms()[form]).split("\n")
    assert len(lines) == len(records) + 2
    assert all(line.count("\t") == len(table.HEADER) - 1 for line in lines[:-1])


@QUICK
@given(st.builds(Txt.of, octets | hostile), st.sampled_from(sorted(forms())))
def test_quoted_forms_hold_the_same_octets(txt, key):
    form = forms()[key]
    record = ExportRecord(ZONE, ZONE, "spf", ZONE, "TXT", 300, txt)
    value = fill_in(record, form).fields["value"]
    if form.octal:
        value = re.sub(r"\\(\d{3})", lambda match: f"\\{int(match[1], 8):03d}", value)
    if form.txt == "chunks":
        assert parse_rdata("TXT", value).joined == txt.joined
    elif form.txt == "quoted":
        assert unescape(value[1:-1]) == txt.joined
    elif typed(txt) is not None:
        assert value.encode() == txt.joined
    else:
        assert unescape(value[1:-1]) == txt.joined


class Tags(HTMLParser):
    """Counts the elements of a page, and collects what it shows as code."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {key for key, _ in attrs}


@settings(max_examples=40, deadline=None)
@given(exported(), st.text(max_size=40))
def test_nothing_from_outside_becomes_markup(records, text):
    finding = Finding("x-y", Severity.WARN, f"<b>{text}", "<script>alert(1)</script>")
    page = Tags()
    source = html_text(records, findings=[finding])
    page.feed(source)
    assert page.tags.count("script") == 2, "the data and the page's own"
    assert not {"img", "b" if not records else "img"} & set(page.tags)
    assert not {key for key in page.attributes if key.startswith("on")}
    assert html.escape("<script>alert(1)</script>") in source


def test_writing_the_same_files_again_changes_nothing(tmp_path):
    files = [OutputFile("a/b.txt", "one\n"), OutputFile(".well-known/c", "two")]
    assert write_files(tmp_path, files) == files
    assert write_files(tmp_path, files) == []
    assert (tmp_path / "a/b.txt").read_text() == "one\n"
