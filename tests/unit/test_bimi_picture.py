"""Pictures for BIMI: what SVG Tiny PS wants, and octets that mean harm."""

from __future__ import annotations

import gzip

import pytest

from maildns.protocols.bimi.picture import MAX_OCTETS, MAX_READ_OCTETS, judge_picture

GOOD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'version="1.2" baseProfile="tiny-ps" viewBox="0 0 100 100" width="200" height="200px">\n'
    "<title>Example Ltd</title>\n<desc>A ball</desc>\n"
    '<defs><linearGradient id="g"><stop offset="0" stop-color="#fff"/></linearGradient></defs>\n'
    '<g class="a"><circle cx="50" cy="50" r="40" fill="url(#g)"/><use xlink:href="#g"/></g>\n'
    "</svg>\n"
)
PROFILE, TITLE, UNREADABLE = (
    "bimi-picture-profile",
    "bimi-picture-title",
    "bimi-picture-unreadable",
)


def changed(*pairs):
    text = GOOD
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text.encode()


def within(element):
    return changed(("</g>", f"{element}</g>"))


FAULTS = [
    # SVG Tiny PS, section 2.1
    (changed((' version="1.2"', "")), PROFILE, "version is missing", "required"),
    (changed(('version="1.2"', 'version="1.1"')), PROFILE, '"1.1"', "another version"),
    (changed(('"tiny-ps"', '"tiny"')), PROFILE, 'baseProfile is "tiny"', "as Illustrator writes"),
    (changed(('xmlns="http://www.w3.org/2000/svg" ', "")), PROFILE, "name space", "no xmlns"),
    (changed(("<title>Example Ltd</title>", "")), TITLE, "no title", "required"),
    (changed(("Example Ltd", " \n ")), TITLE, "empty", "of spaces"),
    (changed(("<desc>", "<title>b</title><desc>")), TITLE, "2 titles", "once"),
    (changed(("Example Ltd", "x" * 65)), TITLE, "more than 64", "too long to be read out"),
    (changed(("Example Ltd", "Untitled")), TITLE, "template", "generic"),
    (
        changed(("Example Ltd", "bimi-svg-tiny-12-ps")),
        TITLE,
        "template",
        "what the exporter writes",
    ),
    (changed(("Example Ltd", "LOGO.svg")), "", "", "a file's name is a name of its own, alas"),
    (
        changed(("<title>Example Ltd</title>", ""), ("</g>", "<title>Example</title></g>")),
        TITLE,
        "no title",
        "one of a part is not the picture's",
    ),
    # section 6.2
    (changed(("<svg ", '<svg x="0px" y="0px" ')), PROFILE, "attribute x", "as Illustrator writes"),
    # section 2.3
    (within("<script>alert(1)</script>"), PROFILE, "a script", "runs"),
    (within('<circle onclick="alert(1)"/>'), PROFILE, "onclick=", "runs on a click"),
    (within('<animate attributeName="r" to="1"/>'), PROFILE, "an animation", "moves"),
    (within('<image xlink:href="#a"/>'), PROFILE, "a pixel image", "whatever it shows"),
    (within("<foreignObject/>"), PROFILE, "not SVG", "anything could be in it"),
    (within('<a xlink:href="#g"/>'), PROFILE, "a link", "leads away"),
    (within("<filter/>"), PROFILE, "<filter>", "not in Tiny 1.2"),
    (within("<style>*{}</style>"), PROFILE, "a style sheet", "no CSS"),
    (within('<rect style="fill:#fff"/>'), PROFILE, "style=", "no CSS in an attribute either"),
    (within('<x:b xmlns:x="urn:x"/>'), PROFILE, "<b>", "not SVG at all"),
    (changed(("<svg ", '<svg zoomAndPan="magnify" ')), PROFILE, "zoomAndPan", "only disable"),
    # nothing from elsewhere (RFC 6170 section 5.2)
    (within('<use xlink:href="https://a.example/x#y"/>'), PROFILE, "https://a.example", "fetched"),
    (within('<use href="//a.example/x#y"/>'), PROFILE, "//a.example", "without its scheme too"),
    (
        changed(("url(#g)", "url( 'https://a.example/p#g')")),
        PROFILE,
        "another file",
        "fetched as paint",
    ),
    (within('<use xlink:href="data:image/png;base64,iVBOR"/>'), PROFILE, "within", "pixels"),
    (
        changed(("<svg ", '<?xml-stylesheet href="a.css"?><svg ')),
        PROFILE,
        "style sheet",
        "an instruction",
    ),
    # the view box
    (changed((' viewBox="0 0 100 100"', "")), "bimi-picture-not-square", "no viewBox", "needed"),
    (changed(("0 0 100 100", "0,0 100,50")), "bimi-picture-not-square", "100 wide", "a banner"),
    (changed(("0 0 100 100", "0 0 nan nan")), "bimi-picture-not-square", "malformed", "no number"),
    (changed(("0 0 100 100", "0 0 0 0")), "bimi-picture-not-square", "malformed", "nothing"),
    (changed(('width="200"', 'width="100%"')), "bimi-picture-dimensions", "100%", "Gmail, Apple"),
    (changed(('height="200px"', 'height="32"')), "bimi-picture-dimensions", "32", "Gmail: 96"),
    # the size
    (
        changed(("<g ", f"<!--{'.' * MAX_OCTETS}--><g ")),
        "bimi-picture-too-large",
        "32768",
        "section 2.4",
    ),
    (
        gzip.compress(changed(("<g ", f"<!--{'.' * MAX_OCTETS}--><g "))),
        "bimi-picture-too-large",
        "32768",
        "packing does not help",
    ),
]


@pytest.mark.parametrize(("octets", "rule", "words", "reason"), FAULTS)
def test_each_fault_is_found_by_its_rule_alone(octets, rule, words, reason):
    found = judge_picture(octets).findings
    assert [one.rule for one in found] == ([rule] if rule else []), reason
    assert all(words in one.says for one in found), (words, found)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_sound_picture_is_found_to_be_so_packed_or_not(pack):
    picture = judge_picture(pack(GOOD.encode()))
    assert (picture.findings, picture.title, picture.size) == ((), "Example Ltd", (100.0, 100.0))
    assert picture.svg == GOOD.encode()


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "windows-1252"])
def test_other_encodings_are_read_as_xml_says(encoding):
    text = GOOD.replace("UTF-8", encoding).replace("Example Ltd", "Müller")
    picture = judge_picture(text.encode(encoding))
    assert (picture.findings, picture.title) == ((), "Müller")


def test_what_drawing_programs_keep_in_metadata_is_not_drawn_but_scripts_are_told_of():
    kept = '<metadata><r:RDF xmlns:r="urn:r"><r:a href="#x"/></r:RDF></metadata>'
    assert judge_picture(within(kept)).findings == ()
    hidden = within("<metadata><script/></metadata>")
    assert [one.rule for one in judge_picture(hidden).findings] == [PROFILE]


BOMB = '<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
HOSTILE = [
    (b"", "well-formed", "nothing"),
    (b"\x89PNG\r\n\x1a\n", "well-formed", "a pixel image"),
    (b"<!DOCTYPE html><html></html>", "DOCTYPE", "a page"),
    (b"<html><body/></html>", "root is html", "a page without"),
    (changed(("<svg ", f"{BOMB}<svg ")), "DOCTYPE", "a billion laughs"),
    (
        changed(("<svg ", '<!DOCTYPE svg SYSTEM "file:///etc/passwd"><svg ')),
        "DOCTYPE",
        "a file of the reader's",
    ),
    (changed(("Example Ltd", "&nbsp;")), "undefined entity", "an entity that HTML has"),
    (GOOD[:-9].encode(), "well-formed", "cut off"),
    (GOOD.encode() + b"<svg/>", "junk", "two roots"),
    (GOOD.replace("UTF-8", "utf-7").encode(), "encoding", "of many octets"),
    (GOOD.replace("UTF-8", "x-none").encode(), "encoding", "that nobody knows"),
    (GOOD.replace("Example", "M\xfcller").encode("latin-1"), "well-formed", "said to be UTF-8"),
    (gzip.compress(GOOD.encode())[:-9], "cut off", "packed and cut off"),
    (b"\x1f\x8b" + b"x" * 40, "cannot be unpacked", "not packed at all"),
    (gzip.compress(b" " * 50_000_000), "unpacks to more", "a bomb"),
    (b" " * (MAX_READ_OCTETS + 1), "larger than", "large by itself"),
]


@pytest.mark.parametrize(("octets", "words", "reason"), HOSTILE)
def test_what_is_no_picture_is_refused_before_it_does_harm(octets, words, reason):
    picture = judge_picture(octets)
    (found,) = picture.findings
    assert found.rule == UNREADABLE, reason
    assert words in found.says, found.says
    assert picture.svg == b""


def test_deep_nesting_costs_no_stack():
    deep = within("<g>" * 100_000 + "</g>" * 100_000)
    assert [one.rule for one in judge_picture(deep).findings] == ["bimi-picture-too-large"]


def test_what_is_shown_of_a_picture_moves_no_cursor():
    picture = judge_picture(changed(("Example Ltd", "\u202eevil\u200b"), ('"1.2"', '"\u202e1"')))
    shown = picture.title + "".join(one.says for one in picture.findings)
    assert shown.isprintable()
    assert "evil" in shown


def test_faults_are_told_of_up_to_a_number():
    many = within("".join(f"<bad{n}/>" for n in range(1000)))
    (found,) = judge_picture(many).findings
    assert "more" in found.says
    assert len(found.says) < 1000
