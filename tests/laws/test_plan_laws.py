"""Laws of planning: it converges, leaves what it does not own, and never raises for hostile text."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning import MemoryZone, plan_for

from maildns.dnsdata import RRset, Txt
from maildns.errors import MaildnsError
from maildns.intent.load import parse
from maildns.net.world import World
from maildns.plan.document import plan_json, plan_of
from maildns.plan.model import Plan
from maildns.plan.wanted import Kind
from maildns.publish.ledger import LedgerFile
from maildns.zonefile import parse_records, rrsets_of

QUICK = settings(max_examples=100, deadline=None)
ZONES = ("example.com", "example.net", "93.in-addr.arpa")
HOSTS = ("mail.example.com", "mx2.example.com", "mail.example.net", "example.com")

# --- configs --------------------------------------------------------------------------

addresses = st.sampled_from(["93.184.216.34", "93.184.216.35", "198.51.100.7"])
policies = st.sampled_from(["none", "quarantine", "reject"])
senders = st.sampled_from(
    ["google-workspace", "include:spf.example.org", "ip4:203.0.113.0/24", "a:web.example.com", "mx"]
)
lines = {
    "ttl": st.integers(0, 86400).map(str),
    "receives": st.sampled_from(["true", "false"]),
    "parked": st.sampled_from(["true", "false", "false"]),
    "senders": st.lists(senders, max_size=3, unique=True).map(json.dumps),
    "spf": st.sampled_from(['{ others = "softfail" }', '{ ip6 = ["2001:db8::/64"] }']),
    "dkim": st.sampled_from(
        ['[{ selector = "abc", key = "x" }]', '[{ selector = "d.e", key = "x", testing = true }]']
    ),
    "dmarc": policies.map(lambda p: f'{{ policy = "{p}", reports_to = ["r@example.net"] }}'),
    "mta_sts": st.sampled_from(
        ['"testing"', '{ mode = "enforce", web = "192.0.2.80" }', '{ web = "web.example.org" }']
    ),
    "tls_rpt": st.just('"tls@example.com"'),
    "clients": st.sampled_from(["true", "false", '{ web = "web.example.org" }']),
    "caa": st.just('["letsencrypt.org"]'),
}


@st.composite
def configs(draw: st.DrawFn) -> str:
    text = ""
    for host in draw(st.lists(st.sampled_from(HOSTS), max_size=3, unique=True)):
        text += f'[server."{host}"]\n'
        text += f"ipv4 = {json.dumps(draw(st.lists(addresses, max_size=2, unique=True)))}\n"
        if draw(st.booleans()):
            text += 'helo = "out.example.com"\n'
    domains = draw(st.lists(st.sampled_from(ZONES[:2]), min_size=1, max_size=2, unique=True))
    for domain in domains:
        text += f'[domain."{domain}"]\n'
        for key in draw(st.lists(st.sampled_from(sorted(lines)), unique=True, max_size=6)):
            text += f"{key} = {draw(lines[key])}\n"
    return text


# --- zones that others have filled ----------------------------------------------------

OWNERS = (
    "example.com", "mail.example.com", "_dmarc.example.com", "abc._domainkey.example.com",
    "old._domainkey.example.com", "www.example.com", "mta-sts.example.com", "example.net",
    "_dmarc.example.net", "_25._tcp.mail.example.com", "34.216.184.93.in-addr.arpa",
)  # fmt: skip
DATA = (
    'TXT "foreign"', 'TXT "google-site-verification=1"', 'TXT "v=spf1 ~all"', 'TXT " V=SPF1 -all"',
    'TXT "v=DMARC1; p=reject"', 'TXT "v=DKIM1; p=AAAA"', "A 192.0.2.9", "AAAA 2001:db8::9",
    "MX 5 old.example.org.", 'CAA 0 issue "ca.example"', 'CAA 0 iodef "mailto:a@example.com"',
    "CNAME host.example.org.", "PTR old.example.org.", "TLSA 3 1 1 00ff",
    'TXT "v=sp" "f1 include:x.example -all"', "SRV 0 1 993 old.example.org.",
)  # fmt: skip


@st.composite
def zones(draw: st.DrawFn) -> str:
    """Zone text; a name with an alias has nothing else."""
    records = draw(st.lists(st.tuples(st.sampled_from(OWNERS), st.sampled_from(DATA)), max_size=14))
    aliases = {owner for owner, data in records if data.startswith("CNAME")}
    ttl = draw(st.sampled_from([60, 3600]))
    return "".join(
        f"{owner}. {ttl} {data}\n"
        for owner, data in dict.fromkeys(records)
        if owner not in aliases or data.startswith("CNAME")
    )


def plan(config: str, zone: MemoryZone, ledger: LedgerFile) -> Plan:
    return plan_for(
        config, publishers={"public": zone}, world=zone.world, ledger=ledger.of("public")
    )


def carry_out(made: Plan, zone: MemoryZone, ledger: LedgerFile) -> None:
    zone.publish([change.rrset_change for change in made.changes])
    ledger.record(made.changes, made.held)


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def fresh(folder: Path) -> LedgerFile:
    path = folder / "state.json"
    path.unlink(missing_ok=True)
    return LedgerFile(path)


# --- the laws -------------------------------------------------------------------------


@QUICK
@given(configs(), zones())
def test_after_a_plan_is_carried_out_there_is_nothing_to_do(folder, config, text):
    zone, ledger = MemoryZone(text, *ZONES), fresh(folder)
    carry_out(plan(config, zone, ledger), zone, ledger)
    again = plan(config, zone, LedgerFile(ledger.path))
    assert again.changes == ()
    assert again.unknown == ()


@settings(max_examples=60, deadline=None)
@given(configs(), configs(), zones())
def test_from_one_description_to_another_and_back(folder, first, second, text):
    zone, ledger = MemoryZone(text, *ZONES), fresh(folder)
    carry_out(plan(first, zone, ledger), zone, ledger)
    standing = {rrset.key for rrset in zone.world.rrsets()}
    published = dict(ledger.of("public"))
    for config in (second, first):
        ledger = LedgerFile(ledger.path)
        carry_out(plan(config, zone, ledger), zone, ledger)
        assert plan(config, zone, LedgerFile(ledger.path)).changes == ()
    assert {rrset.key for rrset in zone.world.rrsets()} <= standing  # nothing of the second
    assert ledger.of("public") == published


@QUICK
@given(configs(), zones())
def test_foreign_records_are_never_taken_away(folder, config, text):
    zone = MemoryZone(text, *ZONES)
    made = plan(config, zone, fresh(folder))
    for change in made.changes:
        gone = set(change.before.records if change.before else ()) - set(
            change.after.records if change.after else ()
        )
        if change.rrtype == "TXT" and change.kind in {Kind.SPF, Kind.HELO}:
            assert all(b"spf1" in one.joined.lower() for one in gone if isinstance(one, Txt))
        if change.rrtype == "CAA":
            assert all(str(one).startswith("0 issue ") for one in gone)
        assert change.kind is not Kind.FORMER  # the ledger is empty: nothing was ours


@QUICK
@given(configs(), zones())
def test_names_that_are_not_wished_for_are_never_touched(folder, config, text):
    zone = MemoryZone(text, *ZONES)
    before = {rrset.key: rrset for rrset in zone.world.rrsets()}
    ledger = fresh(folder)
    made = plan(config, zone, ledger)
    carry_out(made, zone, ledger)
    after = {rrset.key: rrset for rrset in zone.world.rrsets()}
    changed = {change.key for change in made.changes}
    untouched = {key: rrset for key, rrset in before.items() if key not in changed}
    assert {key: after.get(key) for key in untouched} == untouched
    assert {"old._domainkey.example.com", "www.example.com"}.isdisjoint(name for name, _ in changed)


@QUICK
@given(configs(), zones())
def test_a_plan_survives_being_written_and_read(folder, config, text):
    made = plan(config, MemoryZone(text, *ZONES), fresh(folder))
    again = plan_of("".join(plan_json(made)))
    assert again.changes == made.changes
    assert again.checks == made.checks
    assert again.dangers == made.dangers
    assert again.unknown == made.unknown


@QUICK
@given(configs(), zones(), st.integers())
def test_the_order_of_records_in_the_zone_does_not_matter(folder, config, text, seed):
    shuffled = text.splitlines(keepends=True)
    random.Random(seed).shuffle(shuffled)
    first = plan(config, MemoryZone(text, *ZONES), fresh(folder))
    second = plan(config, MemoryZone("".join(shuffled), *ZONES), fresh(folder))
    assert first == second


@QUICK
@given(configs(), zones())
def test_nothing_ever_stands_beside_an_alias(folder, config, text):
    zone, ledger = MemoryZone(text, *ZONES), fresh(folder)
    carry_out(plan(config, zone, ledger), zone, ledger)
    held = [rrset.key for rrset in zone.world.rrsets()]
    for owner, rrtype in held:
        if rrtype == "CNAME":
            assert [kind for name, kind in held if name == owner] == ["CNAME"]


# --- hostile text ---------------------------------------------------------------------

fragments = st.sampled_from(
    [
        "[server.", '"mail.example.com"', "]\n", "[domain.", '"example.com"', "ipv4 = ", "[[", "{",
        "}", "dkim = [", "selector", "=", "\n", '"', "'", "senders = ", '"include:', "[view.",
        "[publisher.x]\n", 'type = "zonefile"\n', "path", "servers = {", "3", "true", "\x00", "ü",
        "[defaults]\n", "mta_sts = ", "tlsa = ", ",", ".", "#", "1979-05-27", "inf", "\\u0000",
        'spf = { terms = ["', "parked = ", "ttl = ",
    ]
)  # fmt: skip
config_texts = st.one_of(st.text(max_size=80), st.lists(fragments, max_size=24).map("".join))


def told(work: Callable[[], object]) -> str:
    """What *work* says when it refuses, or "fine"; any error that is not ours goes through."""
    try:
        work()
    except MaildnsError as error:
        return str(error)
    return "fine"


@settings(max_examples=400, deadline=None)
@given(config_texts)
def test_any_text_is_a_config_or_refused(text):
    assert told(lambda: parse(text))


@settings(max_examples=200, deadline=None)
@given(configs(), st.text(max_size=12), st.integers(min_value=0))
def test_a_config_with_a_piece_of_nonsense_is_read_or_refused(config, piece, place):
    at = place % (len(config) + 1)
    assert told(lambda: plan_for(config[:at] + piece + config[at:]))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=60), json_values.map(json.dumps)))
def test_any_text_is_a_plan_or_refused(text):
    with pytest.raises(MaildnsError):
        plan_of(text)


GOOD = json.loads("".join(plan_json(plan_for('[domain."example.com"]\nparked = true\n'))))


@settings(max_examples=300, deadline=None)
@given(st.data(), json_values)
def test_a_plan_with_any_value_changed_is_read_or_refused(data, value):
    copy = json.loads(json.dumps(GOOD))
    node = copy
    while isinstance(node, dict | list) and node:
        keys = list(node) if isinstance(node, dict) else range(len(node))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            node[key] = value
            break
        node = node[key]
    assert told(lambda: plan_of(json.dumps(copy)))


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=60), json_values.map(lambda value: json.dumps(value).encode())))
def test_any_octets_are_a_ledger_or_refused(folder, octets):
    path = folder / "damaged.json"
    path.write_bytes(octets)
    said = told(lambda: LedgerFile(path).of("public"))
    assert said == "fine" or "damaged.json" in said


@QUICK
@given(configs(), zones())
def test_what_the_ledger_holds_is_read_back(folder, config, text):
    zone, ledger = MemoryZone(text, *ZONES), fresh(folder)
    carry_out(plan(config, zone, ledger), zone, ledger)
    assert LedgerFile(ledger.path).of("public") == ledger.of("public")
    for key, records in ledger.of("public").items():
        standing = zone.world.rrset(*key)
        assert standing is not None
        assert set(records) <= set(standing.records)


def test_the_strategies_reach_what_they_should():
    # A law over empty cases would hold for any program.
    world = World.of(
        rrsets_of(parse_records("".join(f"{OWNERS[0]}. {d}\n" for d in DATA), ".")).values()
    )
    assert isinstance(world.rrset("example.com", "MX"), RRset)
