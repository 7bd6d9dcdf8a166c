"""Laws of the wire: whatever comes in, nothing but an answer, a response or a known error goes out."""

from __future__ import annotations

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.update
from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.ask import Answer, Outcome, Question
from maildns.dnsdata import A, Mx, Ptr, RRset, Srv, Tlsa, Txt, name
from maildns.errors import InputError, UsageError
from maildns.lab.service import Service
from maildns.lab.update import Refused, apply_update
from maildns.lab.zone import build_zone
from maildns.net.convert import (
    name_from_dns,
    name_to_dns,
    rdata_from_dns,
    rdata_to_dns,
    rdataset_to_dns,
    rrset_from_dns,
)
from maildns.net.lookup import Failure, Rules, lookup
from maildns.net.servers import parse_server
from maildns.plan.contents import RRsetChange
from maildns.publish.rfc2136 import update_message
from maildns.publish.tsig import read_key_file

quick = settings(max_examples=150, deadline=None)

LABELS = st.sampled_from(["a", "b", "mail", "_25", "_tcp", "*", "xn--bcher-kva"])
NAMES = st.lists(LABELS, min_size=0, max_size=3).map(
    lambda found: ".".join([*found, "example.com"])
)
STRINGS = st.lists(st.binary(max_size=255), min_size=1, max_size=3)
RDATA = st.one_of(
    st.builds(Txt, STRINGS.map(tuple)),
    st.builds(A, st.ip_addresses(v=4)),
    st.builds(Mx, st.integers(0, 65535), NAMES),
    st.builds(Ptr, NAMES),
    st.builds(Srv, *[st.integers(0, 65535)] * 3, NAMES),
    st.builds(Tlsa, *[st.integers(0, 255)] * 3, st.binary(min_size=1, max_size=64)),
)


@quick
@given(RDATA)
def test_a_record_goes_to_the_wire_library_and_back(rdata):
    assert rdata_from_dns(rdata_to_dns(rdata)) == rdata


@quick
@given(NAMES)
def test_a_name_goes_to_the_wire_library_and_back(text):
    assert name_from_dns(name_to_dns(text)) == name(text)


@quick
@given(st.lists(st.binary(min_size=1, max_size=63), max_size=3))
def test_any_name_from_the_wire_has_one_spelling_that_leads_back(labels):
    wire_name = dns.name.Name([*labels, b""])
    assert name_to_dns(name_from_dns(wire_name)) == wire_name


# --- lookups --------------------------------------------------------------------------

WIRES = st.one_of(
    st.binary(max_size=120),
    st.tuples(st.binary(min_size=12, max_size=12), st.binary(max_size=200)).map(b"".join),
)
RECORDS = st.lists(
    st.tuples(NAMES, st.sampled_from(["A", "CNAME", "SOA", "NS", "TXT"]), NAMES), max_size=6
)


def _rrset(owner, rrtype, target):
    data = {
        "A": "192.0.2.1",
        "CNAME": f"{target}.",
        "NS": f"{target}.",
        "SOA": f"{target}. h. 1 2 3 4 5",
        "TXT": '"x"',
    }[rrtype]
    return dns.rrset.from_text(f"{owner}.", 60, "IN", rrtype, data)


@quick
@given(
    st.sampled_from(["A", "CNAME", "SOA"]),
    st.lists(st.tuples(RECORDS, RECORDS, st.integers(0, 10), st.integers(0, 0xFFFF)), max_size=4),
    st.booleans(),
)
def test_any_replies_end_in_an_answer_after_few_questions(rrtype, replies, authoritative):
    rules = Rules(
        (parse_server("127.0.0.1"), parse_server("192.0.2.1")), authoritative=authoritative
    )
    steps = lookup(Question("a.example.com", rrtype), rules)
    count = 0
    try:
        send = next(steps)
        while True:
            count += 1
            assert count < 200
            send = steps.send(
                _made(send, replies[count % len(replies)]) if replies else Failure("x")
            )
    except StopIteration as stop:
        answer = stop.value
    assert isinstance(answer, Answer)
    assert bool(answer.records) == answer.found
    assert answer.outcome is not Outcome.UNREACHABLE or answer.detail


def _made(send, parts):
    answer, authority, rcode, flags = parts
    response = dns.message.make_response(send.query)
    response.flags |= flags & ~0x7800 & ~0x000F
    response.set_rcode(rcode)
    response.answer = [_rrset(*record) for record in answer]
    response.authority = [_rrset(*record) for record in authority]
    return response


# --- the lab --------------------------------------------------------------------------

ZONE = build_zone("example.com", [RRset.of("mail.example.com", 60, [Txt.of("x")])], None)


@quick
@given(WIRES, st.booleans())
def test_any_octets_get_a_response_or_nothing(wire, udp):
    service = Service({ZONE.origin: ZONE}, {}, open_updates=True)
    response = service.handle(wire, udp=udp)
    if response is not None:
        assert response[:2] == wire[:2]
        assert response[2] & 0x80
        assert len(response) <= 1232 or not udp


SETS = st.dictionaries(
    st.tuples(NAMES, st.sampled_from(["TXT", "A"])),
    st.lists(st.integers(1, 9), min_size=1, max_size=3, unique=True),
    max_size=5,
)


def _sets(wanted, ttl=60):
    made = {}
    for (owner, rrtype), numbers in wanted.items():
        texts = [
            Txt.of(str(n)) if rrtype == "TXT" else rdata_from_dns(_address(n)) for n in numbers
        ]
        made[owner, rrtype] = RRset.of(owner, ttl, texts)
    return made


def _address(number):
    return dns.rrset.from_text("x.", 0, "IN", "A", f"192.0.2.{number}")[0]


@quick
@given(SETS, SETS, st.sampled_from([60, 300]))
def test_an_update_leads_from_any_contents_to_any_other(first, second, ttl):
    before, after = _sets(first), _sets(second, ttl)
    zone = build_zone("example.com", before.values(), None)
    keys = sorted(before.keys() | after.keys())
    changes = [RRsetChange(*key, before.get(key), after.get(key)) for key in keys]
    changed = apply_update(zone, _received(update_message("example.com", changes)))
    found = {rrset.key: rrset for rrset in changed.rrsets() if rrset.rrtype in {"TXT", "A"}}
    assert found == after


@quick
@given(SETS, SETS, SETS)
def test_an_update_for_other_contents_is_refused(standing, believed, wanted):
    there, before, after = _sets(standing), _sets(believed), _sets(wanted)
    zone = build_zone("example.com", there.values(), None)
    keys = sorted(before.keys() | after.keys())
    stale = any(before.get(key) != there.get(key) for key in keys)
    message = _received(
        update_message("example.com", [RRsetChange(*k, before.get(k), after.get(k)) for k in keys])
    )
    try:
        apply_update(zone, message)
    except Refused:
        assert stale
    else:
        assert not stale


def _received(message):
    return dns.message.from_wire(message.to_wire())


@quick
@given(SETS)
def test_a_set_goes_to_the_wire_library_and_back(wanted):
    for (owner, _), rrset in _sets(wanted).items():
        assert rrset_from_dns(owner, rdataset_to_dns(rrset)) == rrset


# --- what people write ----------------------------------------------------------------


@quick
@given(st.text(alphabet="0123456789abcdef.:[]@#/%tlshp -", max_size=40))
def test_any_spelling_is_a_server_or_misuse(text):
    try:
        server = parse_server(text)
    except UsageError:
        return
    assert 0 < server.port < 65_536
    assert server.host


@quick
@given(st.text(alphabet='key"{};algorithm hmac-sha256 secret/*#\n=A', max_size=200))
def test_any_key_file_is_a_key_or_an_input_error(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("keys") / "k"
    path.write_text(text)
    try:
        key = read_key_file(path, "k")
    except InputError:
        return
    assert key.secret
