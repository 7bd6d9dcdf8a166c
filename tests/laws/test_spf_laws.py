"""Laws of SPF: what holds for every record, text and world."""

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st

from maildns import spf
from maildns.ask import Outcome
from maildns.errors import RecordSyntaxError
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols.spf.program import Program, program

QUICK = settings(max_examples=150, deadline=None)

NAMES = st.sampled_from(
    ["a.example", "b.example", "C.example.", "%{d}", "%{i}.x.%{d2}", "%{p}.example"]
)
SIGNS = st.sampled_from(["", "-", "~", "?"])
NETWORKS4 = st.builds(
    lambda last, prefix: f"ip4:192.0.2.{last}" + (f"/{prefix}" if prefix < 32 else ""),
    st.integers(0, 255),
    st.integers(22, 32),
)
NETWORKS6 = st.builds(
    lambda last, prefix: f"ip6:2001:db8::{last:x}" + (f"/{prefix}" if prefix < 128 else ""),
    st.integers(0, 255),
    st.integers(118, 128),
)
ASKING = st.one_of(
    st.builds("include:{}".format, NAMES),
    st.builds("exists:{}".format, NAMES),
    st.builds("a:{}/{}//{}".format, NAMES, st.integers(0, 32), st.integers(0, 128)),
    st.builds("mx:{}".format, NAMES),
    st.sampled_from(["a", "mx", "ptr", "a/24", "mx//64"]),
)
MECHANISMS = st.builds("{}{}".format, SIGNS, st.one_of(NETWORKS4, NETWORKS6, ASKING))
ALLS = st.builds("{}all".format, SIGNS)


def record_of(terms):
    return spf.parse(" ".join(["v=spf1", *terms]))


RECORDS = st.builds(
    lambda terms, last, more: record_of([*terms, *last, *more]),
    st.lists(MECHANISMS, max_size=8),
    st.lists(ALLS, max_size=1),
    st.sampled_from([[], ["redirect=a.example"], ["exp=b.example"], ["foo=bar%{c}"]]),
)
# Records of networks alone, whose verdicts need no DNS.
NETWORK_RECORDS = st.builds(
    lambda terms, last: record_of([*terms, *last]),
    st.lists(st.builds("{}{}".format, SIGNS, st.one_of(NETWORKS4, NETWORKS6)), max_size=6),
    st.lists(ALLS, min_size=1, max_size=1),
)
PASSING_RECORDS = st.builds(
    lambda terms: record_of([*terms, "-all"]),
    st.lists(st.one_of(NETWORKS4, NETWORKS6, ASKING), max_size=6),
)
CLIENTS = st.one_of(
    st.builds("192.0.2.{}".format, st.integers(0, 255)),
    st.builds("2001:db8::{:x}".format, st.integers(0, 255)),
)


def result_of(record, ip):
    world = World()
    world.add("example.com", "TXT", str(record).encode())
    return run(spf.check_host(ip=ip, sender="a@example.com", helo="h.example"), world).result


@QUICK
@given(RECORDS)
def test_a_record_survives_being_printed_and_read(record):
    assert spf.parse(str(record)) == record


@QUICK
@given(
    st.one_of(st.text(), st.builds("v=spf1 {}".format, st.text("abimpx46:/.-%{}=~+ all\t\u00e4")))
)
def test_any_text_is_read_or_refused_with_a_span_inside_it(text):
    record, fault = read(text)
    if fault is not None:
        start, end = fault.span
        assert 0 <= start <= end <= len(text)
        assert fault.source == text
        assert end > start or not text
    else:
        assert spf.parse(str(record)) == record
        spf.explain(record)
        spf.lint(record)
        spf.permitted(record)
    for finding in spf.lint_text(text):
        start, end = finding.span or (0, 0)
        assert 0 <= start <= end <= len(text)
        if finding.fix and finding.fix.record:
            spf.parse(finding.fix.record)


def read(text):
    try:
        return spf.parse(text), None
    except RecordSyntaxError as error:
        return None, error


@QUICK
@given(RECORDS)
def test_spans_of_findings_are_terms(record):
    text = str(record)
    for finding in spf.lint(record):
        if finding.span:
            assert text[slice(*finding.span)] in text.split(" ")


@QUICK
@given(
    st.dictionaries(
        st.sampled_from(["example.com", "a.example", "b.example", "c.example"]), RECORDS
    ),
    st.lists(st.sampled_from(["a.example", "b.example", "c.example"])),
    CLIENTS,
)
def test_an_evaluation_keeps_its_budget(records, slow, ip):
    world = World()
    for owner, record in records.items():
        world.add(owner, "TXT", str(record).encode())
        world.add(owner, "A", "192.0.2.1")
        world.add(owner, "MX", (10, owner))
    for owner in slow:
        world.fail(owner, Outcome.UNREACHABLE, "A")
    verdict = run(spf.check_host(ip=ip, sender="a@example.com", helo="h.example"), world)
    # RFC 7208 section 4.6.4: the term that passes a limit is counted, and not asked
    assert verdict.lookups <= 11
    assert verdict.void_lookups <= 3
    assert len(world.asked) <= 1 + 10 * 11 + 2
    if verdict.lookups > 10 or verdict.void_lookups > 2:
        assert verdict.result == "permerror"


@QUICK
@given(NETWORK_RECORDS, CLIENTS)
def test_what_a_record_permits_is_what_passes(record, ip):
    permits = spf.permitted(record)
    address = ipaddress.ip_address(ip)
    listed = any(address in network for network in (*permits.ip4, *permits.ip6))
    assert (result_of(record, ip) == "pass") == (
        listed or (permits.others == "pass" and not refused(record, address))
    )


def refused(record, address):
    """Whether a term other than pass covers *address*, before 'all'."""
    first = next(
        (
            directive
            for directive in record.directives
            if directive.mechanism.name != "all" and address in directive.mechanism.network
        ),
        None,
    )
    return first is not None and first.qualifier is not spf.Qualifier.PASS


@QUICK
@given(NETWORK_RECORDS, NETWORK_RECORDS, CLIENTS)
def test_the_meaning_of_a_change_agrees_with_the_verdicts(before, after, ip):
    old, new = result_of(before, ip), result_of(after, ip)
    address = ipaddress.ip_address(ip)
    told = [
        change
        for change in spf.changes(before, after)
        if change.who != "others" and address in ipaddress.ip_network(change.who)
    ]
    assert len(told) <= 1
    if told:
        assert (told[0].before, told[0].after) == (old, new)
    elif old != new:
        others = [change for change in spf.changes(before, after) if change.who == "others"]
        assert [(change.before, change.after) for change in others] == [(old, new)]


@QUICK
@given(RECORDS)
def test_nothing_changes_from_a_record_to_itself(record):
    assert spf.meaning_of_change(record, record) == []


@QUICK
@given(RECORDS, RECORDS)
def test_merging_again_changes_nothing(one, other):
    merged = spf.merge(one, other)
    assert spf.merge(merged, other) == merged
    assert spf.parse(str(merged)) == merged


@QUICK
@given(PASSING_RECORDS, PASSING_RECORDS)
def test_merging_permits_the_same_in_either_order(one, other):
    left, right = spf.permitted(spf.merge(one, other)), spf.permitted(spf.merge(other, one))
    assert (left.ip4, left.ip6) == (right.ip4, right.ip6)
    assert set(map(str.lower, left.includes)) == set(map(str.lower, right.includes))


@QUICK
@given(PASSING_RECORDS, PASSING_RECORDS, CLIENTS)
def test_a_merged_record_passes_what_either_passes(one, other, ip):
    merged = spf.permitted(spf.merge(one, other))
    address = ipaddress.ip_address(ip)
    for record in (one, other):
        permits = spf.permitted(record)
        if any(address in network for network in (*permits.ip4, *permits.ip6)):
            assert any(address in network for network in (*merged.ip4, *merged.ip6))


# Terms as they are written plainly, as they should not be, and as they must not be.
LENGTHS = st.sampled_from(["", "/0", "/24", "/32", "/64", "/128"])
GROUPS = st.lists(st.sampled_from(["1", "db8", "0", "2001"]), min_size=1, max_size=7).map(":".join)
SPELLINGS = st.one_of(
    MECHANISMS,
    st.builds("ip4:{}{}".format, st.ip_addresses(v=4), LENGTHS),
    st.builds("ip6:{}::{}{}".format, GROUPS, GROUPS | st.just(""), LENGTHS),
    ALLS,
    st.builds(
        "{}{}:{}{}".format,
        st.sampled_from(["", "+", "-", "++", "~+"]),
        st.sampled_from(["ip4", "IP4", "ip6", "ip6", "a", "mx", "include", "exists", "ptr", "exp"]),
        st.one_of(
            NAMES,
            st.ip_addresses().map(str),
            st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){2,4}", fullmatch=True),
            st.from_regex(r"[0-9a-fA-F]{0,5}(:{1,2}[0-9a-f]{0,4}){1,8}", fullmatch=True),
            st.from_regex(r"[a-zA-Z0-9_-]{0,3}(\.[a-z0-9-]{0,3}){0,3}\.?", fullmatch=True),
        ),
        st.sampled_from(
            ["", "/0", "/8", "/24", "/32", "/032", "/128", "/129", "/", "//64", "/\u0663"]
        ),
    ),
    st.builds(
        "{}={}".format,
        st.sampled_from(["redirect", "exp", "+exp", "Redirect", "-redirect", "foo", "+ip4", "ip4"]),
        NAMES,
    ),
    st.sampled_from(["", "a", "+mx", "a/24", "+all", "ALL", "a:" + "x" * 64 + ".example", "\tall"]),
)
SPELLED = st.builds(
    lambda version, terms: " ".join([version, *terms]),
    st.sampled_from(["v=spf1", "v=spf1", "V=spf1", "v=spf10", ""]),
    st.lists(SPELLINGS, max_size=4),
)


@settings(QUICK, max_examples=1_000)
@given(SPELLED | st.builds("v=spf1 {}".format, st.text("abimpx46:/.-%{}=~+ all\t\u00e4")))
def test_what_is_read_quickly_is_read_as_by_the_grammar(text):
    record, fault = read(text)
    assert outcome(program(text)) == outcome(fault or Program.of(record))


def outcome(made):
    """All that an evaluation takes of a record, or the fault and its place."""
    if isinstance(made, RecordSyntaxError):
        return made.problem, made.source, made.span
    return [plain(part) for part in (*made.parts, made.redirect, made.exp)]


def plain(part):
    if part is None or isinstance(part, list):
        return part
    return type(part), part._replace(spec=part.spec.text if part.spec and not part.fixed else None)
