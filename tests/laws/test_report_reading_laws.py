"""Laws of reading reports: whatever arrives is read or refused, and each way of reading says the same."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from dataclasses import replace
from xml.sax.saxutils import escape

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from maildns.errors import ReportError
from maildns.reports import parse_aggregate, parse_failure, parse_tls
from maildns.reports.aggregate import AggregateReader
from maildns.reports.keeping import Arrival
from maildns.reports.model import AggregateReport, DkimAuth, Override, ReportKind, Row, SpfAuth
from maildns.reports.redaction import redacted_feedback, redacted_field
from maildns.reports.small import read_small
from maildns.reports.store.preparing import prepare
from maildns.reports.unwrapping import Payload

quick = settings(deadline=None, max_examples=150)
thorough = settings(deadline=None, max_examples=250)

HEAD = (
    "<report_metadata><org_name>R</org_name><report_id>1</report_id>"
    "<date_range><begin>1777852800</begin><end>1777939199</end></date_range></report_metadata>"
    "<policy_published><domain>example.org</domain><p>none</p></policy_published>"
)
XML = f"<feedback>{HEAD}<record><row><source_ip>192.0.2.1</source_ip><count>2</count></row></record></feedback>"
TLS = json.dumps(
    {
        "organization-name": "R",
        "date-range": {"start-datetime": "2026-05-04T00:00:00Z", "end-datetime": "x"},
        "policies": [{"policy": {"policy-type": "sts", "policy-string": ["a"]}, "summary": {}}],
    }
)
FAILURE = (
    "From: a@b.example\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
    "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: auth-failure\n"
    "Reported-Domain: example.org\n\n--b\nContent-Type: message/rfc822\n\nFrom: a@example.org\n\n--b--\n"
)


def zipped(octets):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.xml", octets)
    return made.getvalue()


def mailed(octets):
    head = (
        b"From: a@b.example\nContent-Type: application/gzip\nContent-Transfer-Encoding: base64\n\n"
    )
    return head + base64.encodebytes(octets)


SOUND = [
    dress(text.encode())
    for text in (XML, TLS, FAILURE)
    for dress in (
        bytes,
        gzip.compress,
        zipped,
        mailed,
        lambda octets: mailed(gzip.compress(octets)),
    )
]


@st.composite
def damaged(draw):
    """A sound report, with some of its octets changed, put in, taken out or cut off."""
    octets = bytearray(draw(st.sampled_from(SOUND)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(octets)))
        length = draw(st.integers(0, 30))
        octets[place : place + length] = draw(
            st.binary(max_size=20)
            | st.sampled_from([b"<", b"&x;", b"]]>", b"\0", b'"', b"{", b"\n\n"])
        )
    return bytes(octets)


anything = damaged() | st.binary(max_size=300) | st.text(max_size=200).map(str.encode)


@thorough
@given(anything)
@example(b"")
@example(b"Content-Type: multipart/x; boundary*0*=klingon'a'b; boundary*99999=c\n\n--b\n")
@example(b"From: a\nContent-Type: a/b; name*" + b"9" * 5000 + b"*=x\n\nx")
@example(b"From: a\nContent-Type: text/xml\nContent-Transfer-Encoding: base64\n\n=")
def test_any_octets_are_a_report_or_are_refused_with_a_reason(octets):
    for parse in (parse_aggregate, parse_tls, parse_failure):
        read, problem = attempt(parse, octets)
        assert (read is None) == bool(problem)
        assert problem.isprintable()
        assert len(problem) < 600
        assert_tidy(read)


def attempt(parse, octets):
    try:
        return parse(octets), ""
    except ReportError as error:
        return None, error.problem


def assert_tidy(value):
    """Every text is one line without control characters, and short; every count is one."""
    if isinstance(value, str):
        assert value.isprintable()
        assert len(value) <= 2048
    elif isinstance(value, int):
        assert 0 <= value <= 10**9
    elif isinstance(value, tuple):
        for one in value:
            assert_tidy(one)
    elif hasattr(value, "__slots__"):
        for name in value.__slots__:
            assert_tidy(getattr(value, name))


@thorough
@given(st.lists(anything, max_size=3))
def test_no_arrival_ends_a_batch(arrived):
    for octets in arrived:
        prepared = prepare(Arrival(octets, "x"))
        for one in prepared.reports:
            assert len(one.addresses) == len(one.messages) == len(one.numbers)
            assert one.total == sum(one.messages)


# --- a report that is written down is read as it was meant -------------------------------

labels = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?\Z")
names = st.lists(labels, min_size=1, max_size=3).map(".".join)
words = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=9
)
alignments = st.sampled_from(["pass", "fail"])
addresses = st.ip_addresses().map(str).filter(lambda one: not one.startswith("::ffff:"))
RESULTS = ["none", "neutral", "pass", "fail", "policy", "temperror", "permerror"]
rows = st.builds(
    Row,
    addresses,
    st.integers(0, 10**9 - 1),
    st.sampled_from(["none", "quarantine", "reject", "pass"]),
    alignments,
    alignments,
    names,
    names | st.just(""),
    names | st.just(""),
    st.lists(st.builds(DkimAuth, names, names | st.just(""), st.sampled_from(RESULTS)), max_size=3).map(tuple),
    st.lists(
        st.builds(SpfAuth, names, st.sampled_from(["mfrom", "helo", ""]), st.sampled_from([*RESULTS, "softfail"])),
        max_size=2,
    ).map(tuple),
    st.lists(st.builds(Override, st.sampled_from(["mailing_list", "other"]), words | st.just("")), max_size=2).map(tuple),
)  # fmt: skip


def leaf(name, text, *, empty=True):
    return f"<{name}>{escape(text)}</{name}>" if text or empty else ""


def record(row, empty=True):
    """A record; what is *empty* is there or left out."""

    def one(name, text):
        return leaf(name, text, empty=empty)

    dkim = "".join(
        f"<dkim>{leaf('domain', each.domain)}{one('selector', each.selector)}{leaf('result', each.result)}</dkim>"
        for each in row.dkim
    )
    spf = "".join(
        f"<spf>{leaf('domain', each.domain)}{one('scope', each.scope)}{leaf('result', each.result)}</spf>"
        for each in row.spf
    )
    reasons = "".join(
        f"<reason>{leaf('type', each.type)}{one('comment', each.comment)}</reason>"
        for each in row.overrides
    )
    return (
        f"<record><row>{leaf('source_ip', row.source_ip)}{leaf('count', str(row.messages))}"
        f"<policy_evaluated>{leaf('disposition', row.disposition)}{leaf('dkim', row.dkim_aligned)}"
        f"{leaf('spf', row.spf_aligned)}{reasons}</policy_evaluated></row>"
        f"<identifiers>{one('envelope_to', row.envelope_to)}{one('envelope_from', row.envelope_from)}"
        f"{leaf('header_from', row.header_from)}</identifiers>"
        f"<auth_results>{dkim}{spf}</auth_results></record>"
    )


def exactly(text):
    """The same report, so written that all of it goes through expat."""
    return f"<!-- exactly -->{text}"


@quick
@given(st.lists(rows, max_size=5), st.booleans(), st.sampled_from(["", "\n", "\r\n\t "]))
def test_a_report_is_read_as_it_was_meant(meant, empty, space):
    text = f"<feedback>{HEAD}{''.join(record(row, empty) for row in meant)}</feedback>"
    text = text.replace("><", f">{space}<")
    for written in (text, exactly(text)):
        read = parse_aggregate(written.encode())
        assert read.rows == tuple(meant)
        assert read.head.oddities == ()


# --- the quick ways and the exact way ----------------------------------------------------

TAGS = ["record", "row", "source_ip", "count", "policy_evaluated", "disposition", "dkim", "spf", "reason",
        "type", "comment", "identifiers", "header_from", "envelope_from", "envelope_to", "auth_results",
        "domain", "selector", "scope", "result", "human_result", "a"]  # fmt: skip
texts = st.sampled_from(
    ["", " ", "pass", "fail", "none", "example.org", "Example.ORG.", "192.0.2.1", "::1", "7", "-7", "a@b.c",
     "hardfail", "x y", "é", "\u2028", "\x85", "]]", "\n pass \n", "mfrom", "mailing_list", ".", "..", "_s.x"]
) | words  # fmt: skip


@st.composite
def odd_record(draw):
    """A record as its schema has it, with some parts doubled, taken out, moved or put within others."""
    text = record(draw(rows), draw(st.booleans()))
    for _ in range(draw(st.integers(0, 3))):
        tag = draw(st.sampled_from(TAGS))
        new = f"<{tag}>{escape(draw(texts))}</{tag}>"
        ends = [place for place, char in enumerate(text) if char == "<"]
        place = draw(st.sampled_from(ends[1:]))
        what = draw(st.sampled_from(["put in", "take the place of a text", "say otherwise"]))
        if what == "put in":
            text = text[:place] + new + text[place:]
        elif what == "say otherwise":
            text = text.replace(
                draw(st.sampled_from(["pass", "fail", "none"])), escape(draw(texts)), 1
            )
        else:
            start = text.rfind(">", 0, place) + 1
            text = text[:start] + escape(draw(texts)) + text[place:]
    return text


@st.composite
def odd_head(draw):
    """A head, with some texts or elements changed, doubled or put within others."""
    text = HEAD
    for _ in range(draw(st.integers(0, 2))):
        tag = draw(
            st.sampled_from(
                ["org_name", "email", "report_id", "begin", "error", "domain", "p", "np", "a"]
            )
        )
        said = escape(
            draw(
                texts
                | st.sampled_from(["1777852801", "4102444800", "0", "1777852800000", "9" * 600])
            )
        )
        ends = [place for place, char in enumerate(text) if char == "<"]
        place = draw(st.sampled_from(ends))
        if draw(st.booleans()):
            text = f"{text[:place]}<{tag}>{said}</{tag}>{text[place:]}"
        else:
            text = text[: text.rfind(">", 0, place) + 1] + said + text[place:]
    return text


@thorough
@given(odd_head(), st.lists(odd_record(), min_size=1, max_size=3))
def test_the_quick_ways_say_what_the_exact_way_says(head, records):
    text = f"<feedback>{head}{''.join(records)}</feedback>"
    assert outcome(text) == outcome(exactly(text))


LEADS = ["", "\n", '<?xml version="1.0"?>', '<?xml version="1.0" encoding="UTF-8" ?>\r\n', "<?xml?>",
         '<?xml version="1.0" encoding="ISO-8859-1"?>', "<!-- -->", "\ufeff", "x"]  # fmt: skip
ROOTS = [
    "",
    ' xmlns="urn:ietf:params:xml:ns:dmarc-2.0"',
    ' xmlns="http://dmarc.org/dmarc-xml/0.1"',
    " a='b'",
]
TAILS = ["", "\n", " \0", "<!-- -->", "</feedback>", "x"]


@thorough
@given(
    st.tuples(st.sampled_from(LEADS), st.sampled_from(ROOTS), st.sampled_from(TAILS)),
    odd_head(),
    st.lists(odd_record() | rows.map(record), max_size=3),
    st.sampled_from([bytes, gzip.compress, lambda octets: gzip.compress(octets) * 2]),
)
def test_what_is_read_in_one_go_is_read_the_same_piece_by_piece(around, head, records, dress):
    lead, root, tail = around
    octets = dress(f"{lead}<feedback{root}>{head}{''.join(records)}</feedback>{tail}".encode())
    assert_same_in_one_go(octets)


@thorough
@given(damaged())
def test_what_is_damaged_is_not_read_in_one_go_unless_it_may_be(octets):
    assert_same_in_one_go(octets)


def assert_same_in_one_go(octets):
    small = read_small(octets)
    if small is not None:
        columns = zip(small.addresses, small.messages, small.meanings, strict=True)
        found = tuple(Row(ip, messages, *meaning) for ip, messages, meaning in columns)
        assert AggregateReport(small.head, small.published, found, small.schema) == parse_aggregate(
            octets
        )


@quick
@given(st.lists(rows, min_size=1, max_size=5), st.sampled_from([bytes, gzip.compress]))
def test_the_usual_report_is_read_in_one_go(meant, dress):
    plain = [row for row in meant if not row.overrides]
    octets = f"<feedback>{HEAD}{''.join(map(record, plain))}</feedback>".encode()
    assert (read_small(dress(octets)) is None) == (not plain)


def outcome(text):
    try:
        read = parse_aggregate(text.encode())
    except ReportError as error:
        return error.problem.partition(" at line ")[0]  # the comment before it moves the place
    return read.rows, set(read.head.oddities), read.published, read.head.begin


@quick
@given(st.lists(odd_record(), min_size=1, max_size=6), st.integers(1, 200), st.booleans())
def test_where_the_blocks_end_changes_nothing(records, size, late):
    parts = [*records, HEAD] if late else [HEAD, *records]  # some write who they are at the end
    octets = f"<feedback>{''.join(parts)}</feedback>".encode()

    def read(length):
        blocks = [octets[place : place + length] for place in range(0, len(octets), length)]
        payload = Payload("x", ReportKind.AGGREGATE, _open=lambda: iter(blocks))
        try:
            whole = AggregateReader(payload).whole()
        except ReportError as error:
            return error.problem.partition(" at line ")[0]
        return replace(whole.head, oddities=tuple(sorted(whole.head.oddities))), whole.rows

    assert read(size) == read(len(octets))


@quick
@given(
    st.lists(rows, min_size=1, max_size=3),
    st.lists(st.sampled_from([gzip.compress, zipped, mailed]), max_size=4),
)
def test_how_it_is_packed_changes_nothing(meant, dresses):
    octets = f"<feedback>{HEAD}{''.join(map(record, meant))}</feedback>".encode()
    plain = parse_aggregate(octets)
    for dress in dresses:
        octets = dress(octets)
    assert parse_aggregate(octets) == plain


@quick
@given(st.lists(rows, min_size=1, max_size=5), st.data())
def test_a_report_that_is_cut_off_is_no_shorter_report(meant, data):
    octets = f"<feedback>{HEAD}{''.join(map(record, meant))}</feedback>".encode()
    cut = octets[: data.draw(st.integers(0, len(octets) - 1))]
    packed = gzip.compress(octets)
    for part in (cut, gzip.compress(cut), packed[: data.draw(st.integers(0, len(packed) - 1))]):
        assume(part)
        assert attempt(parse_aggregate, part)[0] is None


# --- personal data -----------------------------------------------------------------------

locals_ = st.from_regex(r"\A[a-z0-9+=_-]{0,5}secret[a-z0-9+=._-]{0,5}\Z")
surroundings = st.sampled_from(
    ["<{}>", "{}", "smtp.mailfrom={}", "(domain of {} designates)", "i={};", '"x" <{}>, <{}>']
)
headers = st.sampled_from(
    ["From", "To", "Cc", "Return-Path", "Authentication-Results", "Received-SPF", "DKIM-Signature", "Received",
     "Subject", "X-Anything", "Content-Type", "Reply-To", "Sender", "ARC-Authentication-Results"]
)  # fmt: skip
fields = st.sampled_from(
    ["original-mail-from", "original-rcpt-to", "dkim-identity", "authentication-results", "reported-uri",
     "dkim-canonicalized-header", "dkim-canonicalized-body", "removal-recipient", "x-anything"]
)  # fmt: skip


@thorough
@given(locals_, names, surroundings, headers, fields)
def test_nothing_before_the_at_sign_is_kept(local, domain, around, header, field):
    value = around.replace("{}", f"{local}@{domain}")
    assert "secret" not in redacted_field(header, value)
    assert "secret" not in redacted_feedback(field, value)


def test_a_report_compares_by_what_it_says():
    assert isinstance(parse_aggregate(XML.encode()), AggregateReport)
    assert parse_aggregate(XML.encode()) == parse_aggregate(gzip.compress(XML.encode()))
