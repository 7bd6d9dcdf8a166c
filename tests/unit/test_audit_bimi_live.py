"""What the audit makes of the picture and the mark certificate: each rule broken alone, and kept."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from audited import GOOD, complaints, kept, unknown

from maildns import World, run
from maildns.ask import Outcome, Question
from maildns.audit.documents import Request
from maildns.audit.facts import BimiDocuments, Facts
from maildns.audit.gathering import Scope, gather
from maildns.audit.live_checking import Sight, check_live
from maildns.audit.probing import probe
from maildns.audit.registry import judge
from maildns.audit.result import Observation
from maildns.errors import UsageError
from maildns.lab.internet.mark import MARK_TYPE, SUBJECT, MarkAuthority, picture_of
from maildns.net.resolver import Resolver
from maildns.net.web import Fetched, FetchResult
from maildns.protocols.bimi.authorities import known_authorities

NOW = datetime.now(UTC)
LOGO, MARK = "https://example.com/logo.svg", "https://example.com/mark.pem"
AUTHORITY = MarkAuthority()
ROOT = AUTHORITY.root_pem.decode()
PICTURE = picture_of("Example Ltd")
RECORD = "default._bimi TXT"
COMMON = {**SUBJECT, MARK_TYPE: "Modified Registered Mark"}


def file(names=("example.com",), picture=PICTURE, days=300, **more):
    """A file of certificates as the authority sends it."""
    return AUTHORITY.chain_pem(AUTHORITY.issue(list(names), picture, days, **more))


SOUND = file()


def picture(body=PICTURE, **more):
    return Fetched(FetchResult.FETCHED, LOGO, body, final_url=LOGO, **more)


def certificate(body=SOUND):
    return Fetched(FetchResult.FETCHED, MARK, body, final_url=MARK)


def refused(url, reason="the server answers with the status 404", about=""):
    return Fetched(FetchResult.REFUSED, url, reason=reason, about=about)


def silent(url):
    return Fetched(FetchResult.UNREACHABLE, url, reason="it did not answer in time")


def gathered(zone=GOOD):
    world = zone if isinstance(zone, World) else World.from_zone(zone)
    return run(gather("example.com", Scope(servers=False)), world)


DNS = gathered()


def results(*fetched, dns=DNS, now=NOW, authorities=ROOT):
    """The results of the topic for what was fetched: picture, certificate."""
    facts = Facts(dns, now, documents=BimiDocuments(*fetched, authorities))
    return judge(facts)["bimi"]


def test_a_sound_picture_and_certificate_are_found_to_be_so():
    found = results(picture(), certificate())
    assert (complaints(found), unknown(found)) == ({}, set())
    assert kept(found) == {
        "bimi-record",
        "bimi-picture-not-served",
        "bimi-certificate-untrusted",
        "bimi-certificate-names",
        "bimi-certificate-expired",
        "bimi-certificate-picture",
    }
    shown = [one for result in found for one in result.evidence if isinstance(one, Observation)]
    assert any(one.what == MARK and "SHA-256" in one.shows for one in shown)


FAULTS = [
    ((refused(LOGO), certificate()), {"bimi-picture-not-served": "bad"}, "404"),
    (
        (refused(LOGO, "it is larger", "size"), certificate()),
        {"bimi-picture-too-large": "warn"},
        "too large to be fetched",
    ),
    ((picture(b"<html/>"), certificate()), {"bimi-picture-unreadable": "bad"}, "no SVG"),
    (
        (picture(PICTURE.replace(b"tiny-ps", b"full")), None),
        {"bimi-picture-profile": "bad"},
        "another profile",
    ),
    (
        (picture(PICTURE.replace(b"Example Ltd", b"Logo")), None),
        {"bimi-picture-title": "warn"},
        "the title of a template",
    ),
    (
        (picture(PICTURE.replace(b"<title>Example Ltd</title>", b"")), None),
        {"bimi-picture-title": "bad"},
        "no title",
    ),
    (
        (picture(PICTURE.replace(b"0 0 100 100", b"0 0 100 50")), None),
        {"bimi-picture-not-square": "warn"},
        "a banner",
    ),
    (
        (picture(PICTURE.replace(b"<svg ", b'<svg width="100%" ')), None),
        {"bimi-picture-dimensions": "warn"},
        "in percent",
    ),
    (
        (picture(picture_of("Example Ltd", 40_000)), None),
        {"bimi-picture-too-large": "warn"},
        "more than 32 KB",
    ),
    ((picture(), refused(MARK)), {"bimi-certificate-not-served": "bad"}, "404"),
    (
        (picture(), refused(MARK, "it is larger", "size")),
        {"bimi-certificate-not-served": "bad"},
        "no file of certificates is that large",
    ),
    ((picture(), certificate(b"")), {"bimi-certificate-unreadable": "bad"}, "empty"),
    (
        (picture(), certificate(file(extensions=[]))),
        {"bimi-certificate-not-mark": "bad"},
        "a certificate for anything",
    ),
    ((picture(), certificate(file(days=-1))), {"bimi-certificate-expired": "bad"}, "over"),
    ((picture(), certificate(file(days=9))), {"bimi-certificate-expires-soon": "warn"}, "soon"),
    ((picture(), certificate(file(["a.example"]))), {"bimi-certificate-names": "bad"}, "another"),
    (
        (picture(), certificate(SOUND[: SOUND.index(b"-----END") + 26])),
        {"bimi-certificate-untrusted": "bad"},
        "without its issuer",
    ),
    (
        (picture(), certificate(file(subject={**SUBJECT, MARK_TYPE: "Famous Mark"}))),
        {"bimi-certificate-profile": "warn"},
        "a type of mark that there is not",
    ),
    (
        (picture(picture_of("Another")), certificate()),
        {"bimi-certificate-picture": "warn"},
        "another picture",
    ),
    (
        (silent(LOGO), certificate(file(picture=PICTURE.replace(b"tiny-ps", b"full")))),
        {"bimi-picture-profile": "bad"},
        "the picture in the certificate is the one that is shown",
    ),
    (
        (picture(), certificate(file(subject=COMMON))),
        {"bimi-certificate-common": "note"},
        "a CMC",
    ),
]


@pytest.mark.parametrize(("fetched", "rules", "reason"), FAULTS)
def test_each_fault_is_found_by_its_rule_alone(fetched, rules, reason):
    assert complaints(results(*fetched)) == rules, reason


def test_what_cannot_be_reached_is_unknown_and_never_bad():
    found = results(silent(LOGO), silent(MARK))
    assert complaints(found) == {}
    assert unknown(found) == {"bimi-picture-not-served", "bimi-certificate-not-served"}


def test_an_authority_that_is_known_by_name_alone_leaves_it_unknown():
    from pki import make

    title = next(one.name for one in known_authorities() if not one.pem)
    issuer = make(title, authority=True)
    other = MarkAuthority(issuing_key=issuer.key)
    other.issuing = issuer.certificate
    body = other.chain_pem(other.issue(["example.com"], PICTURE)).split(b"-----END")[0]
    found = results(picture(), certificate(body + b"-----END CERTIFICATE-----\n"))
    assert (complaints(found), unknown(found)) == ({}, {"bimi-certificate-untrusted"})


def test_only_the_authorities_that_are_known_or_given_are_trusted():
    found = results(picture(), certificate(), authorities="")
    assert complaints(found) == {"bimi-certificate-untrusted": "bad"}


def test_where_there_is_one_picture_only_nothing_is_compared():
    found = results(silent(LOGO), certificate())
    (told,) = [one for one in found if one.rule == "bimi-certificate-picture"]
    assert told.status == "not applicable"


def test_what_was_not_fetched_is_said_to_be_that():
    found = judge(Facts(DNS, NOW))["bimi"]
    (told,) = [one for one in found if one.rule == "bimi-picture-not-served"]
    assert told.status == "not applicable"


def test_time_is_that_of_the_check():
    found = results(picture(), certificate(), now=NOW + timedelta(days=290))
    assert complaints(found) == {"bimi-certificate-expires-soon": "warn"}


# --- fetching ---------------------------------------------------------------------------


def fetched(dns):
    """What is asked of the fetcher, and what comes of it."""
    asked: list[Request] = []

    async def fetch(request, _seconds):
        asked.append(request)
        return Fetched(FetchResult.FETCHED, request.url, b"x", final_url=request.url)

    probed = asyncio.run(probe(dns, None, documents=fetch))
    return {one.url: one.addresses for one in asked}, probed.documents


def with_record(record, *more, without=RECORD):
    lines = [line for line in GOOD.splitlines() if without not in line]
    plus = [f'{RECORD} "{record}"'] if record else []
    return "\n".join([*lines, "$ORIGIN example.com.", *plus, *more]) + "\n"


def test_both_documents_are_fetched_from_the_addresses_of_their_hosts():
    zone = with_record(
        "v=BIMI1; l=https://a.example.com/l.svg; a=https://b.example.com/m.pem;",
        "a A 203.0.113.5",
        "a AAAA 2001:db8::5",
        "b A 203.0.113.6",
    )
    asked, found = fetched(gathered(zone))
    known = {"a.example.com": ["203.0.113.5", "2001:db8::5"], "b.example.com": ["203.0.113.6"]}
    assert asked == dict.fromkeys(
        ["https://a.example.com/l.svg", "https://b.example.com/m.pem"], known
    )
    assert (found.picture.body, found.certificate.body) == (b"x", b"x")


NOTHING = [
    (with_record(""), "no record"),
    (with_record("v=BIMI1; l=; a=;"), "declined"),
    (with_record("v=BIMI1; a=;"), "malformed"),
]


@pytest.mark.parametrize(("zone", "reason"), NOTHING)
def test_nothing_is_asked_or_fetched_where_nothing_is_named(zone, reason):
    assert fetched(gathered(zone)) == ({}, None), reason


@pytest.mark.parametrize("url", ["http://example.com/l.svg", "https://[::1]/l.svg", "https:l.svg"])
def test_what_is_no_https_address_of_a_host_is_not_fetched(url):
    asked, found = fetched(gathered(with_record(f"v=BIMI1; l={url};")))
    assert (asked, found) == ({}, BimiDocuments())


def test_a_host_without_address_refuses_and_one_that_cannot_be_asked_is_unknown():
    zone = with_record("v=BIMI1; l=https://none.example.com/l.svg;")
    asked, found = fetched(gathered(zone))
    assert (asked, found.picture.result) == ({}, FetchResult.REFUSED)
    assert "no address" in found.picture.reason
    world = World.from_zone(zone)
    for rrtype in ("A", "AAAA"):
        world.fail("none.example.com", Outcome.UNREACHABLE, rrtype)
    asked, found = fetched(gathered(world))
    assert (asked, found.picture.result) == ({}, FetchResult.UNREACHABLE)


def test_no_address_is_asked_for_where_there_is_no_record():
    host = Question("a.example.com", "A")
    zone = with_record("v=BIMI1; l=https://a.example.com/l.svg;")
    assert host in gathered(zone).answers
    assert host not in DNS.answers


def test_a_fetcher_that_does_not_come_back_is_not_waited_for():
    async def never(_request, _seconds):
        await asyncio.sleep(3600)

    probed = asyncio.run(probe(DNS, None, documents=never, deadline_seconds=0.05))
    assert probed.documents.picture.result is FetchResult.UNREACHABLE


def test_authorities_for_marks_that_are_none_are_misuse_before_anything_is_asked():
    sight = Sight(mark_authorities_pem="no certificate")
    with Resolver(servers=["127.0.0.1:1"]) as resolver, pytest.raises(UsageError):
        next(check_live(["example.com"], resolver, sight=sight))
