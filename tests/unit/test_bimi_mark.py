"""Mark certificates: what the drafts and the Mark Certificate requirements want of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pki import make

from maildns.errors import InputError, UsageError
from maildns.lab.internet.authority import make_authority
from maildns.lab.internet.mark import (
    LOGOTYPE,
    MARK_TYPE,
    PURPOSE,
    SUBJECT,
    MarkAuthority,
    picture_of,
    usual_extensions,
)
from maildns.protocols.bimi import logotype as reading
from maildns.protocols.bimi.authorities import known_authorities, trusted_roots
from maildns.protocols.bimi.mark import Expected, Trust, judge_mark
from maildns.protocols.dane.certificate import der_of, load_certificates

NOW = datetime.now(UTC)
DOMAIN, OWNER = "news.example.com", "default._bimi.news.example.com"
DOMAINS = (DOMAIN, "example.com")
PICTURE = picture_of("Example Ltd")
AUTHORITY = MarkAuthority()
PEM = serialization.Encoding.PEM
PILOT = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.53087.4.1"), b"\x05\x00")
SOURCE = "1.3.6.1.4.1.53087.5.1"


def chain(*arguments, **more):
    """The file of a mark certificate for `example.com` with PICTURE in it, but for what is given."""
    given = arguments or (["example.com"], PICTURE)
    return AUTHORITY.chain_pem(AUTHORITY.issue(*given, **more))


def judged(octets, *, now=NOW, picture=PICTURE, roots=None, owner=OWNER):
    known = (AUTHORITY.root,) if roots is None else roots
    return judge_mark(octets, Expected(owner, DOMAINS, now, known, picture), "the address")


def subject(*without, **more):
    """The subject of a registered mark, changed: names of fields stand for their identifiers."""
    oids = {"type": MARK_TYPE, "source": SOURCE, "statute": "1.3.6.1.4.1.53087.3.2",
            "citation": "1.3.6.1.4.1.53087.3.5", "country": "1.3.6.1.4.1.53087.1.3",
            "mark": "1.3.6.1.4.1.53087.1.4", "street": "2.5.4.9", "locality": "2.5.4.7"}  # fmt: skip
    fields = {**SUBJECT, **{oids[key]: text for key, text in more.items()}}
    return {key: text for key, text in fields.items() if key not in {oids[one] for one in without}}


def test_a_sound_certificate_is_found_to_be_so():
    mark = judged(chain())
    assert mark.findings == ()
    assert (mark.kind, mark.mark_type, mark.organization) == (
        "VMC",
        "Registered Mark",
        "maildns lab",
    )
    assert (mark.names, mark.picture, mark.trust) == (("example.com",), PICTURE, Trust.KNOWN)
    assert "maildns lab mark root" in mark.trust_says


NAMES = [
    (["news.example.com"], OWNER, True, "the author's domain"),
    (["example.com"], OWNER, True, "its organizational domain"),
    (["EXAMPLE.com"], OWNER, True, "names have no case"),
    (["default._bimi.news.example.com"], OWNER, True, "section 5.2: with the selector"),
    (["default._bimi.example.com"], OWNER, True, "that of the organizational domain"),
    (["other._bimi.example.com"], OWNER, False, "another selector"),
    (["other._bimi.example.com"], "other._bimi.news.example.com", True, "that is the one in use"),
    (["a.example", "example.com"], OWNER, True, "one of several"),
    (["com"], OWNER, False, "what is above"),
    (["www.news.example.com"], OWNER, False, "what is below"),
    (["*.example.com"], OWNER, False, "mark certificates have no wildcards"),
]


@pytest.mark.parametrize(("names", "owner", "fits", "reason"), NAMES)
def test_a_name_must_be_that_of_a_domain_or_of_the_record(names, owner, fits, reason):
    found = judged(chain(names, PICTURE), owner=owner).findings
    assert [one.rule for one in found] == ([] if fits else ["bimi-certificate-names"]), reason


DATES = [
    (-1, "bimi-certificate-expired", "expired on"),
    (13, "bimi-certificate-expires-soon", "13 days"),
    (16, "", ""),
]


@pytest.mark.parametrize(("days", "rule", "words"), DATES)
def test_the_end_of_a_certificate_is_told_before_it_comes(days, rule, words):
    found = judged(chain(["example.com"], PICTURE, days)).findings
    assert [one.rule for one in found] == ([rule] if rule else [])
    assert all(words in one.says for one in found)


def test_a_certificate_that_is_not_valid_yet_or_whose_issuer_is_over_is_out_of_its_time():
    early = chain(since=NOW + timedelta(days=2))
    (found,) = judged(early).findings
    assert found.rule == "bimi-certificate-expired"
    assert "only from" in found.says
    late = judged(chain(), now=NOW + timedelta(days=4000))
    assert "the certificate expired" in late.findings[0].says


def extensions(*more, without=()):
    """Those of a sound certificate, changed."""
    usual = usual_extensions(PICTURE)
    return [*(one for one in usual if one.oid not in without), *more]


EKU = x509.ExtendedKeyUsage([]).oid
NO_CONSTRAINT = x509.NameConstraints([x509.DNSName("example.com")], None)
PROFILES = [
    ({"extensions": extensions(PILOT)}, "pilot", "MCR: none since 2025-03-15"),
    (
        {"extensions": extensions(PILOT), "since": datetime(2025, 3, 14, tzinfo=UTC)},
        "",
        "before that it was allowed",
    ),
    ({"extensions": extensions(NO_CONSTRAINT)}, "name constraints", "are for authorities"),
    (
        {"extensions": extensions(x509.BasicConstraints(ca=True, path_length=None))},
        "of an authority",
        "it could issue others",
    ),
    (
        {
            "extensions": extensions(
                x509.ExtendedKeyUsage([PURPOSE, ExtendedKeyUsageOID.SERVER_AUTH]), without=[EKU]
            )
        },
        "more than BIMI",
        "no other purpose beside",
    ),
    (
        {"extensions": extensions(without=[x509.CRLDistributionPoints([]).oid])},
        "revocations",
        "draft, section 4.5",
    ),
    ({"subject": subject("type")}, "no markType", "required"),
    ({"subject": subject(type="Famous Mark")}, "'Famous Mark'", "there is none such"),
    ({"subject": subject("street")}, "lacks streetAddress", "of any mark"),
    ({"subject": subject("locality")}, "localityName or state", "one of the two"),
    ({"subject": subject("mark")}, "lacks trademarkIdentifier", "of a registered mark"),
    (
        {"subject": {**SUBJECT, "1.3.6.1.4.1.311.60.2.1.1": "Berlin"}},
        "lacks jurisdictionStateOrProvinceName",
        "of a register of a town",
    ),
    ({"subject": subject(statute="DE")}, "has statuteCountryName", "that of another type"),
    ({"subject": subject(type="Modified Registered Mark")}, "", "a CMC has the same"),
    (
        {"subject": subject("country", "mark", type="Government Mark", statute="DE")},
        "lacks statuteCitation",
        "of a government's mark",
    ),
    (
        {
            "subject": subject(
                "country", "mark", type="Government Mark", statute="DE", citation="Art. 22 GG"
            )
        },
        "",
        "with both",
    ),
    (
        {"subject": subject("country", "mark", type="Prior Use Mark")},
        "lacks priorUseMarkSourceURL",
        "required since 2025-04-15",
    ),
    (
        {
            "subject": subject("country", "mark", type="Prior Use Mark"),
            "since": datetime(2025, 4, 14, tzinfo=UTC),
        },
        "",
        "not before",
    ),
    (
        {"subject": subject("country", "mark", type="Prior Use Mark", source="https://e.example")},
        "",
        "with its source",
    ),
]


@pytest.mark.parametrize(("change", "words", "reason"), PROFILES)
def test_what_the_authority_should_have_made_otherwise_is_told(change, words, reason):
    found = judged(chain(**change)).findings
    assert [one.rule for one in found] == (["bimi-certificate-profile"] if words else []), reason
    assert all(words in one.says for one in found), found


@pytest.mark.parametrize(
    ("mark_type", "kind"),
    [
        ("Registered Mark", "VMC"),
        ("Government Mark", "VMC"),
        ("Prior Use Mark", "CMC"),
        ("Modified Registered Mark", "CMC"),
        ("Famous Mark", ""),
    ],
)
def test_the_type_of_the_mark_tells_the_kind_of_certificate(mark_type, kind):
    mark = judged(chain(subject=subject(type=mark_type)))
    assert (mark.kind, mark.mark_type) == (kind, mark_type)


NOT_MARKS = [
    (extensions(without=[EKU]), "extended key usage", "for anything"),
    (extensions(without=[LOGOTYPE]), "no logotype", "without its picture"),
    ([], "extended key usage", "that of a web server, say"),
]


@pytest.mark.parametrize(("said", "words", "reason"), NOT_MARKS)
def test_a_certificate_of_another_kind_is_told_to_be_that(said, words, reason):
    (found,) = judged(chain(extensions=said)).findings
    assert found.rule == "bimi-certificate-not-mark", reason
    assert words in found.says


# --- its picture ------------------------------------------------------------------------


def test_another_picture_than_the_one_that_is_served_is_told_of():
    (found,) = judged(chain(), picture=picture_of("Another Ltd")).findings
    assert found.rule == "bimi-certificate-picture"
    (found,) = judged(chain(), picture=PICTURE.replace(b"\n", b"\r\n")).findings
    assert "spaces and line ends" in found.says
    assert judged(chain(), picture=None).findings == ()


def der(tag, *content):
    inner = b"".join(content)
    assert len(inner) < 128
    return bytes([tag, len(inner)]) + inner


def extension_with(uri, direct=0xA0, logo=0xA2, tag=0x16):
    details = der(0x30, der(0x16, b"image/svg+xml"), der(0x30), der(0x30, der(tag, uri)))
    return der(0x30, der(logo, der(direct, der(0x30, der(0x30, details)))))


READ = [
    (extension_with(b"data:image/svg+xml;base64,PHN2Zy8+"), b"<svg/>", "base64"),
    (extension_with(b"data:image/svg+xml,%3Csvg/%3E"), b"<svg/>", "RFC 2397: or percent"),
    (extension_with(b"data:IMAGE/svg+xml;charset=utf-8;BASE64,PHN2\r\nZy8+"), b"<svg/>", "folded"),
    (extension_with(b"data:image/svg+xml;base64,!"), None, "no base64"),
    (extension_with(b"data:image/png;base64,PHN2Zy8+"), None, "no SVG"),
    (extension_with(b"https://a.example/logo.svg"), None, "not embedded"),
    (extension_with(b"data:image/svg+xml,a", direct=0xA1), None, "indirect"),
    (extension_with(b"data:image/svg+xml,a", logo=0xA1), None, "the logo of the issuer"),
    (extension_with(b"data:image/svg+xml,a", tag=0x0C), None, "not an IA5String"),
    (extension_with(b"data:image/svg+xml,a")[:-3], None, "cut off"),
    (b"", None, "nothing"),
    (b"\x30\x84\xff\xff\xff\xff", None, "longer than it is"),
    (b"\x30\x80" + b"\xa2" * 60, None, "of no length"),
    (b"\x30" * 200, None, "nested"),
]


@pytest.mark.parametrize(("octets", "picture", "reason"), READ)
def test_the_picture_is_taken_out_of_the_logotype(octets, picture, reason):
    if picture is None:
        with pytest.raises(InputError):
            reading.embedded_picture(octets)
    else:
        assert reading.embedded_picture(octets) == picture, reason


def test_a_picture_that_cannot_be_read_is_told_of():
    broken = x509.UnrecognizedExtension(LOGOTYPE, extension_with(b"https://a.example/logo.svg"))
    (found,) = judged(chain(extensions=extensions(broken, without=[LOGOTYPE]))).findings
    assert (found.rule, "picture cannot be read" in found.says) == (
        "bimi-certificate-profile",
        True,
    )


# --- who vouches for it -----------------------------------------------------------------

OTHER = MarkAuthority()
LEAF = AUTHORITY.issue(["example.com"], PICTURE)
ALONE = LEAF.public_bytes(PEM)
ISSUER = AUTHORITY.issuing.public_bytes(PEM)
ROOT = AUTHORITY.root.public_bytes(PEM)


def forged():
    """A mark certificate that a stranger has signed in the name of the authority."""
    stranger = MarkAuthority()
    return stranger.issue(["example.com"], PICTURE).public_bytes(PEM)


CHAINS = [
    (ALONE + ISSUER, Trust.KNOWN, "", "the whole chain"),
    (ALONE + ISSUER + ROOT, Trust.KNOWN, "", "with its root"),
    (ALONE, Trust.NONE, "maildns lab mark CA", "without its issuer"),
    (ALONE + OTHER.issuing.public_bytes(PEM), Trust.NONE, "mark CA", "of the same name alone"),
    (forged() + ISSUER, Trust.NONE, "mark CA", "the signature is another's"),
]


@pytest.mark.parametrize(("octets", "trust", "words", "reason"), CHAINS)
def test_the_chain_must_lead_to_a_known_authority(octets, trust, words, reason):
    mark = judged(octets)
    assert mark.trust is trust, reason
    untrusted = [one.says for one in mark.findings if one.rule == "bimi-certificate-untrusted"]
    assert bool(untrusted) is (trust is Trust.NONE)
    assert all(words in says for says in untrusted)


def test_what_ends_at_a_root_that_nobody_knows_is_not_trusted():
    mark = judged(ALONE + ISSUER + ROOT, roots=(OTHER.root,))
    assert mark.trust is Trust.NONE
    assert "none of the mark verifying authorities known on 20" in mark.trust_says


def test_an_issuer_for_another_purpose_may_not_issue_marks():
    server = [ExtendedKeyUsageOID.SERVER_AUTH]
    other = MarkAuthority()
    issuer = other.issuing.subject
    key = other.issuing_key
    other.issuing = make_authority(issuer, key, other.root.subject, other.root_key, server)
    octets = other.chain_pem(other.issue(["example.com"], PICTURE))
    mark = judged(octets, roots=(other.root,))
    assert (mark.trust, "may not issue" in mark.trust_says) == (Trust.NONE, True)


def test_an_authority_that_is_known_by_name_alone_is_neither_trusted_nor_refused():
    unknown = next(one.name for one in known_authorities() if not one.pem)
    authority = make(unknown, authority=True)
    other = MarkAuthority(issuing_key=authority.key)
    other.issuing = authority.certificate
    mark = judged(other.issue(["example.com"], PICTURE).public_bytes(PEM))
    assert (mark.trust, mark.findings) == (Trust.UNKNOWN, ())
    assert unknown in mark.trust_says


UNORDERED = [
    (ISSUER + ALONE, "not in order"),
    (ALONE + ISSUER + ISSUER, "twice"),
    (ALONE + ISSUER + chain(["a.example"], PICTURE)[: -len(ISSUER)], "more than one"),
]


@pytest.mark.parametrize(("octets", "words"), UNORDERED)
def test_a_file_out_of_order_is_told_of(octets, words):
    (found,) = judged(octets).findings
    assert (found.rule, words in found.says) == ("bimi-certificate-profile", True), found


UNREADABLE = [
    (b"", "no certificate"),
    (b"<html>not found</html>", "no certificate"),
    (der_of(LEAF), "PEM"),
    (ALONE[:-40], "cut off"),
    (ALONE.replace(b"MII", b"AAA", 1), "cannot be read"),
    (b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n", "private key"),
    (b"".join(OTHER.issue([f"{n}.example"], b"").public_bytes(PEM) for n in range(9)), "more than"),
    (b"-" * 300_000, "larger than"),
]


@pytest.mark.parametrize(("octets", "words"), UNREADABLE)
def test_what_is_no_file_of_certificates_is_told_to_be_none(octets, words):
    (found,) = judged(octets).findings
    assert found.rule == "bimi-certificate-unreadable"
    assert words in found.says, found.says


# --- the authorities --------------------------------------------------------------------


def test_the_known_roots_are_those_whose_fingerprints_are_published():
    for one in known_authorities():
        if not one.pem:
            continue
        (root,) = load_certificates(one.pem.encode())
        (common,) = root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert (common.value, sha256(der_of(root)).hexdigest()) == (one.name, one.sha256)
        assert root.issuer == root.subject
        root.verify_directly_issued_by(root)


def test_authorities_of_ones_own_stand_beside_the_known_ones():
    own = trusted_roots(ROOT.decode())
    assert own[:-1] == trusted_roots()
    assert own[-1] == AUTHORITY.root
    with pytest.raises(UsageError):
        trusted_roots("no certificate")
