"""Zone text: what each odd form means, and where each fault is pointed at."""

from __future__ import annotations

from datetime import date

import pytest

from maildns.dnsdata import Opaque, RRset, Txt
from maildns.errors import InputError, RecordSyntaxError, UsageError
from maildns.zonefile import (
    edit,
    next_serial,
    parse_rdata,
    parse_records,
    rrsets_of,
    unquoted_words,
)


def lines_of(text, origin="example.com", **more):
    return [
        f"{record.owner} {record.ttl_seconds} {record.rdata.rrtype} {record.rdata}"
        for record in parse_records(text, origin, **more)
    ]


READ = [
    ("a A 192.0.2.1", ["a.example.com 3600 A 192.0.2.1"], "relative to the origin"),
    ("a. A 192.0.2.1", ["a 3600 A 192.0.2.1"], "absolute"),
    ("@ 60 IN A 192.0.2.1", ["example.com 60 A 192.0.2.1"], "@ is the origin; TTL, then class"),
    ("@ IN 60 A 192.0.2.1", ["example.com 60 A 192.0.2.1"], "class, then TTL"),
    ("@ CLASS1 TYPE1 192.0.2.1", ["example.com 3600 A 192.0.2.1"], "RFC 3597 names"),
    ("@ 1h30m A 192.0.2.1", ["example.com 5400 A 192.0.2.1"], "TTL with units"),
    ("@ 1W a 192.0.2.1", ["example.com 604800 A 192.0.2.1"], "units and types in either case"),
    ("a 60 A 192.0.2.1\n  A 192.0.2.2", ["a.example.com 60 A 192.0.2.1", "a.example.com 60 A 192.0.2.2"],
     "blank owner and missing TTL are those before"),
    ("$TTL 5\na 60 A 192.0.2.1\n\tA 192.0.2.2", ["a.example.com 60 A 192.0.2.1", "a.example.com 5 A 192.0.2.2"],
     "$TTL goes before the last TTL"),
    ("@ SOA n h 1 2 3 4 50\na A 192.0.2.1", ["example.com 50 SOA n.example.com. h.example.com. 1 2 3 4 50",
     "a.example.com 50 A 192.0.2.1"], "without any TTL the SOA minimum"),
    ("$ORIGIN sub\na CNAME b", ["a.sub.example.com 3600 CNAME b.sub.example.com."], "a relative $ORIGIN"),
    ('a TXT ( "x" ; why\n  y\n)', ['a.example.com 3600 TXT "x" "y"'], "parentheses over lines"),
    ("a ( TXT x ) ; c (", ['a.example.com 3600 TXT "x"'], "parentheses may open anywhere"),
    ('a TXT "v=DMARC1; p=none"', ['a.example.com 3600 TXT "v=DMARC1; p=none"'], "; in quotes is text"),
    ("a TXT v=DMARC1; p=none", ['a.example.com 3600 TXT "v=DMARC1"'], "; without is a comment"),
    (r'a TXT "\"\\\065\;"', [r'a.example.com 3600 TXT "\"\\A;"'], "escapes"),
    (r"a TXT a\ b", ['a.example.com 3600 TXT "a b"'], "an escaped blank"),
    ('a TXT abc"def"', ['a.example.com 3600 TXT "abc" "def"'], "a quote begins a new string"),
    ('a TXT ""', ['a.example.com 3600 TXT ""'], "an empty string is one"),
    ("a TXT é", [r'a.example.com 3600 TXT "\195\169"'], "UTF-8 octets"),
    ("a A 192.0.2.1\r\nb A 192.0.2.2\r\n", ["a.example.com 3600 A 192.0.2.1", "b.example.com 3600 A 192.0.2.2"], "CRLF"),
    ("\ufeffa A 192.0.2.1", ["a.example.com 3600 A 192.0.2.1"], "a byte order mark"),
    ("bücher MX 0 .", ["xn--bcher-kva.example.com 3600 MX 0 ."], "U-labels; the null MX"),
    (r"joe\.doe A 192.0.2.1", [r"joe\.doe.example.com 3600 A 192.0.2.1"], "a dot within a label"),
    ("IN IN A 192.0.2.1", ["in.example.com 3600 A 192.0.2.1"], "an owner that looks like a class"),
    ("a MX 10 MAIL.Example.NET.", ["a.example.com 3600 MX 10 mail.example.net."], "names in lower case"),
    (r"a TYPE52 \# 4 0301 0100", ["a.example.com 3600 TLSA 3 1 1 00"], "octets of a known type"),
    (r"a TYPE65280 \# 2 AbCd", [r"a.example.com 3600 TYPE65280 \# 2 abcd"], "octets of an unknown one"),
    ("a TLSA 3 1 1 00 FF", ["a.example.com 3600 TLSA 3 1 1 00ff"], "hexadecimal in parts"),
    ("a SPF v=spf1 -all", ['a.example.com 3600 SPF "v=spf1" "-all"'], "type 99 is kept"),
    ("a DNAME b", ["a.example.com 3600 DNAME b.example.com."], "names in other types are absolute"),
    ("$GENERATE 1-3/2 h${0,2} A 192.0.2.$", ["h01.example.com 3600 A 192.0.2.1", "h03.example.com 3600 A 192.0.2.3"],
     "$GENERATE"),
    ("; only\n\n   \n", [], "nothing"),
]  # fmt: skip


@pytest.mark.parametrize("text, records, reason", READ)
def test_zone_text_is_read(text, records, reason):
    assert lines_of(text) == records, reason


REFUSED = [
    ("a A 192.0.2", 1, "192.0.2", "not an IPv4"),
    ("a A 192.0.2.01", 1, "192.0.2.01", "not an IPv4"),
    ("a AAAA fe80::1%eth0", 1, "fe80::1%eth0", "no scope"),
    ("a MX 65536 b", 1, "65536", "0 to 65535"),
    ("a MX ten b", 1, "ten", "0 to 65535"),
    ("a MX 10", 1, "", "ends too soon"),
    ("a MX 10 b c", 1, "c", "too much"),
    ("a MX 10 b..c", 1, ".", "empty label"),
    ("a TXT", 1, "", "ends too soon"),
    ("a TXT " + "x" * 256, 1, "x" * 256, "at most 255 octets"),
    (r'a TXT "\999"', 1, r"\999", "one octet"),
    (r"a TXT \1", 1, "\\", "an escape is"),
    ('ok A 192.0.2.1\na TXT "cut', 2, '"cut', "never closed"),
    ("a TXT x\nb SOA n h (\n 1\n 2", 2, "(", "never closed"),
    ("a A 192.0.2.1 )", 1, ")", "closes nothing"),
    ("a 3600 IN", 1, "", "before its type"),
    ("example", 1, "", "before its type"),
    ("a 60 60 A 192.0.2.1", 1, "60", "two TTLs"),
    ("a 2147483648 A 192.0.2.1", 1, "2147483648", "at most 2147483647"),
    ("a CH TXT x", 1, "CH", "class IN"),
    ("a FOO bar", 1, "FOO", "not a TTL, class or record type"),
    ("  FOO", 1, "FOO", "owner of the line before"),
    ("  A 192.0.2.1", 1, "A", "whose it is"),
    ("a TLSA 3 1 1 0g", 1, "g", "hexadecimal"),
    ("a TLSA 3 1 1 012", 1, "012", "odd number"),
    ("a TLSA 3 1 1", 1, "", "ends too soon"),
    ("a CAA 0 is-sue x", 1, "is-sue", "letters and digits"),
    (r"a TLSA \# 5 0301", 1, "5", "has 2 octets"),
    (r"a TLSA \# 1 03", 1, "03", "no TLSA record"),
    ("a SRV 0 0 99999 b", 1, "99999", "port"),
    ("$TTL never", 1, "never", "not a TTL"),
    ("$ORIGIN", 1, "", "one word"),
    ("$INCLUDE other.db", 1, "$INCLUDE", "not followed"),
    ("$FOO x", 1, "$FOO", "no such directive"),
    ("$GENERATE 0-99999999 a$ A 192.0.2.1", 1, "0-99999999", "at most 65536"),
    ("$GENERATE 3-1 a$ A 192.0.2.1", 1, "3-1", "upwards"),
    ("$GENERATE 1-2 a${0,1,n} A 192.0.2.1", 1, "a${0,1,n}", "bases"),
    ("a..b A 192.0.2.1", 1, ".", "empty label"),
    ('"a" A 192.0.2.1', 1, '"a"', "without quotes"),
]


@pytest.mark.parametrize("text, line, pointed, problem", REFUSED)
def test_a_fault_is_named_with_its_line_and_place(text, line, pointed, problem):
    with pytest.raises(InputError, match=problem) as caught:
        parse_records(text, "example.com")
    _, source, carets = str(caught.value).split("\n")
    at = carets.index("^")
    shown = source.rstrip("…")
    assert caught.value.line == line
    assert shown[at : len(carets)].strip() == pointed[:94]


def test_a_fault_names_the_file():
    with pytest.raises(InputError, match=r"^db\.example:1: "):
        parse_records("a A x", path="db.example")


def test_an_include_says_the_mend():
    with pytest.raises(InputError) as caught:
        parse_records("$INCLUDE other.db")
    assert "paste" in caught.value.hint


def test_records_know_their_lines():
    records = parse_records("; head\na TXT ( x\n y )\nb 5 A 192.0.2.1")
    assert [(r.line, r.last_line, r.ttl_is_written) for r in records] == [
        (2, 3, False),
        (4, 4, True),
    ]


def test_the_first_ttl_of_a_set_is_the_sets():
    rrsets = rrsets_of(parse_records("a 60 A 192.0.2.1\na 90 A 192.0.2.2\na 90 A 192.0.2.1"))
    assert rrsets["a", "A"].ttl_seconds == 60
    assert len(rrsets["a", "A"].records) == 2


def test_unquoted_words_are_told():
    text = 'a TXT v=spf1 -all\nb TXT "v=spf1 -all"\nc TXT one "two"'
    assert [unquoted_words(text, record) for record in parse_records(text)] == [
        ("v=spf1", "-all"),
        (),
        ("one",),
    ]


@pytest.mark.parametrize(
    "rrtype, text, span, problem",
    [
        ("TXT", "v=DMARC1; p=none", (8, 9), "put the text in quotes"),
        ("TXT", '"a', (0, 2), "never closed"),
        ("TXT", "( a", (0, 1), "never closed"),
        ("MX", "10 mail..x", (8, 9), "empty label"),
        ("MX", "10", (2, 2), "ends too soon"),
        ("NONE", "x", (0, 4), "no record type"),
        ("NAPTR", "", (0, 0), "before its data"),
        ("TXT", "\ud800", (0, 1), "surrogate"),
        ("CAA", '0 issue "' + "x" * 65536 + '"', (0, 1), "at most 65535"),
    ],
)
def test_data_is_refused_at_its_place(rrtype, text, span, problem):
    with pytest.raises(RecordSyntaxError, match=problem) as caught:
        parse_rdata(rrtype, text)
    assert caught.value.span == span


@pytest.mark.parametrize(
    "rrtype, octets, text",
    [
        ("A", "c0000201", "192.0.2.1"),
        ("AAAA", "20010db8" + "00" * 11 + "01", "2001:db8::1"),
        ("CNAME", "016100", "a."),
        ("NS", "0161016200", "a.b."),
        ("PTR", "03612e6200", r"a\.b."),
        ("MX", "000a00", "10 ."),
        ("SRV", "00000001000201610 0".replace(" ", ""), "0 1 2 a."),
        ("SOA", "00016100" + "00000001" * 5, ". a. 1 1 1 1 1"),
        ("SPF", "0161", '"a"'),
        ("CAA", "0005697373756561", '0 issue "a"'),
    ],
)
def test_octets_are_read(rrtype, octets, text):
    assert str(parse_rdata(rrtype, rf"\# {len(octets) // 2} {octets}")) == text


@pytest.mark.parametrize("rrtype, octets", [
    ("A", "c00002"), ("TXT", ""), ("TXT", "0261"), ("CNAME", "0161"), ("CNAME", "c00c"), ("MX", "000a"),
    ("SRV", "0000"), ("SOA", "0000"), ("CAA", "0005"), ("CAA", "00012d"), ("NS", "0000"),
])  # fmt: skip
def test_octets_of_no_record_are_refused(rrtype, octets):
    with pytest.raises(RecordSyntaxError, match="these octets are no"):
        parse_rdata(rrtype, rf"\# {len(octets) // 2} {octets}")


def test_other_types_compare_whatever_their_spelling():
    assert parse_rdata("DS", "1 13 2 AB CD") == Opaque("DS", "1 13 2 abcd")
    assert parse_rdata("HINFO", 'a "b c"') == Opaque("HINFO", '"a" "b c"')


# --- editing --------------------------------------------------------------------------

ZONE = """\
$TTL 1h   ; an hour
@  IN SOA ns hostmaster (
        2024010103 ; serial
        2h 30m 4w 10m )
   NS ns
   NS ns.example.net. ; elsewhere

; mail
@  MX 10 mail
   TXT "v=spf1 mx -all" ; ours
   TXT "proof=1"
mail 300 A 192.0.2.1
   AAAA 2001:db8::1
$ORIGIN sub.example.com.
@ TXT hello
"""


def txt(owner, *texts, ttl=3600):
    return RRset.of(owner, ttl, [Txt.of(text) for text in texts])


def changed(changes, text=ZONE, **more):
    """The lines that went (-) and came (+), serial aside."""
    before, after = text.split("\n"), edit(text, "example.com", changes, **more).split("\n")
    gone = [f"-{line}" for line in before if line not in after and "; serial" not in line]
    return gone + [f"+{line}" for line in after if line not in before and "; serial" not in line]


EDITS = [
    ([("example.com", "TXT", txt("example.com", "v=spf1 -all", "proof=1"))],
     ['-   TXT "v=spf1 mx -all" ; ours', '+example.com. 3600 IN TXT "v=spf1 -all"'],
     "the foreign record keeps its line"),
    ([("example.com", "TXT", txt("example.com", "v=spf1 mx -all", "proof=1", "new"))],
     ['+example.com. 3600 IN TXT "new"'], "one more"),
    ([("example.com", "TXT", None)], ['-   TXT "v=spf1 mx -all" ; ours', '-   TXT "proof=1"'], "all removed"),
    ([("mail.example.com", "A", None)], ["-mail 300 A 192.0.2.1", "-   AAAA 2001:db8::1", "+mail.example.com.   AAAA 2001:db8::1"],
     "the next line gets the owner that it took from the removed one"),
    ([("example.com", "TXT", txt("example.com", "v=spf1 mx -all", "proof=1", ttl=60))],
     ['-   TXT "v=spf1 mx -all" ; ours', '-   TXT "proof=1"', '+   60 TXT "v=spf1 mx -all" ; ours', '+   60 TXT "proof=1"'],
     "a TTL is written in, comments stay"),
    ([("mail.example.com", "A", RRset.of("mail.example.com", 60, [parse_rdata("A", "192.0.2.1")]))],
     ["-mail 300 A 192.0.2.1", "+mail 60 A 192.0.2.1"], "a TTL is replaced where it stands"),
    ([("_dmarc.example.com", "TXT", txt("_dmarc.example.com", "v=DMARC1; p=none"))],
     ['+_dmarc.example.com. 3600 IN TXT "v=DMARC1; p=none"'], "a new owner, absolute whatever the $ORIGIN"),
    ([("k.example.com", "TXT", txt("k.example.com", "x" * 300))],
     ['+k.example.com. 3600 IN TXT ( "' + "x" * 255 + '"', '+    "' + "x" * 45 + '" )'], "a long text in lines"),
    ([("$a.example.com", "A", RRset.of("$a.example.com", 60, [parse_rdata("A", "192.0.2.1")]))],
     [r"+\$a.example.com. 60 IN A 192.0.2.1"], "an owner that would make a directive"),
]  # fmt: skip


@pytest.mark.parametrize("changes, difference, reason", EDITS)
def test_an_edit_changes_only_these_lines(changes, difference, reason):
    assert changed(changes) == difference, reason


def test_a_new_record_stands_with_its_owner():
    lines = edit(
        ZONE, "example.com", [("mail.example.com", "TXT", txt("mail.example.com", "x"))]
    ).split("\n")
    assert lines[lines.index('mail.example.com. 3600 IN TXT "x"') - 1] == "   AAAA 2001:db8::1"


@pytest.mark.parametrize("changes", [
    [],
    [("none.example.com", "TXT", None)],
    [("example.com", "TXT", txt("example.com", "proof=1", "v=spf1 mx -all"))],
])  # fmt: skip
def test_what_stands_there_already_changes_nothing(changes):
    assert edit(ZONE, "example.com", changes) == ZONE


def test_line_ends_of_windows_stay():
    text = edit(ZONE.replace("\n", "\r\n"), "example.com", [EDITS[0][0][0]])
    assert text.count("\n") == text.count("\r\n")


@pytest.mark.parametrize("text, after", [
    ("a A 192.0.2.1", 'a A 192.0.2.1\na.example.com. 3600 IN TXT "x"\n'),
    ("", 'a.example.com. 3600 IN TXT "x"\n'),
    ("\ufeff; c\n", '\ufeff; c\na.example.com. 3600 IN TXT "x"\n'),
    ("a TXT y", 'a.example.com. 3600 IN TXT "x"\n'),
])  # fmt: skip
def test_a_text_without_a_last_line_end_gets_one(text, after):
    assert edit(text, "example.com", [("a.example.com", "TXT", txt("a.example.com", "x"))]) == after


def test_the_serial_of_the_zone_concerned_is_raised():
    two = "@ SOA n h 7 1 1 1 1\n$ORIGIN sub.example.com.\n@ SOA n h 9 1 1 1 1 ; sub\na TXT x\n"
    after = edit(two, "example.com", [("a.sub.example.com", "TXT", None)])
    assert after == two.replace(" 9 ", " 10 ").replace("a TXT x\n", "")


@pytest.mark.parametrize("serial, today, after", [
    (2024010103, date(2024, 1, 1), 2024010104),  # the same day
    (2024010103, date(2024, 1, 2), 2024010201),  # a later day
    (2024010103, date(2023, 1, 1), 2024010104),  # a clock that is behind: never backwards
    (2024010199, date(2024, 1, 1), 2024010200),  # a hundred changes in a day
    (2024010103, None, 2024010104),
    (2024139901, date(2024, 1, 2), 2024139902),  # no date
    (1, date(2024, 1, 2), 2),
    (4294967295, None, 1),  # RFC 1982, and never 0
])  # fmt: skip
def test_a_serial_goes_on_in_its_own_style(serial, today, after):
    assert next_serial(serial, today) == after


def test_records_made_by_generate_are_not_edited():
    text = "$GENERATE 1-2 h$ A 192.0.2.$\n"
    with pytest.raises(InputError, match=r"GENERATE") as caught:
        edit(text, "example.com", [("h1.example.com", "A", None)])
    assert (caught.value.line, "write the records out" in caught.value.hint) == (1, True)
    added = edit(text, "example.com", [("a.example.com", "TXT", txt("a.example.com", "x"))])
    assert added.startswith(text)


@pytest.mark.parametrize("changes", [
    [("example.com", "SOA", None)],
    [("a", "TXT", None), ("a", "TXT", None)],
    [("a", "TXT", txt("b", "x"))],
])  # fmt: skip
def test_senseless_changes_are_our_misuse(changes):
    with pytest.raises(UsageError):
        edit(ZONE, "example.com", changes)
