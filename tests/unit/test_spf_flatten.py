"""Flatten, optimise and drift: fewer lookups, the same addresses, and a watch on them."""

import json

import pytest
from cli import run_cli

from maildns import spf
from maildns.ask import Outcome
from maildns.dnsdata import Txt
from maildns.net.drivers import run
from maildns.net.world import World

# 14 lookups, as records grow: an office suite, a shop, a CRM, a newsletter, a helpdesk.
RECORD = (
    "v=spf1 mx a:web.example.com include:office.example.net include:crm.example.net "
    "include:news.example.net include:shop.example.net exists:%{i}._ok.example.com ~all"
)
ZONE = f"""
$TTL 3600
example.com.          TXT "{RECORD}"
example.com.          MX 10 mail.example.com.
mail.example.com.     A 192.0.2.25
web.example.com.      A 192.0.2.80
office.example.net.   300 TXT "v=spf1 include:n1.office.example.net include:n2.office.example.net include:n3.office.example.net ~all"
n1.office.example.net. 300 TXT "v=spf1 ip4:198.51.100.0/26 ip4:198.51.100.128/26 ~all"
n2.office.example.net. 300 TXT "v=spf1 ip6:2001:db8:4000::/36 ~all"
n3.office.example.net. 300 TXT "v=spf1 ip4:198.51.100.64/26 ~all"
crm.example.net.      TXT "v=spf1 a:out.crm.example.net include:pool.crm.example.net -all"
pool.crm.example.net. TXT "v=spf1 exists:%{{i}}.ok.crm.example.net ip4:203.0.113.0/25 -all"
out.crm.example.net.  A 203.0.113.200
news.example.net.     TXT "v=spf1 ip4:203.0.113.128/26 -all"
shop.example.net.     TXT "v=spf1 a -all"
shop.example.net.     A 192.0.2.200
"""


def world(extra=""):
    return World.from_zone(ZONE + extra)


def test_a_record_of_14_lookups_becomes_one_of_ten_at_most():
    before = run(spf.networks("example.com"), world())
    assert before.lookups == 14
    flat = run(spf.flatten("example.com"), world())
    assert flat.proven
    assert flat.lookups <= 10
    after = run(spf.networks("example.com", flat.record), world())
    assert spf.difference(before, after).same
    assert all(len(string) <= 255 for string in Txt.of(str(flat.record)).strings)


def test_only_as_much_is_replaced_as_is_needed():
    replaced = [one.term for one in run(spf.flatten("example.com"), world()).expanded]
    rest = [term for term in RECORD.split()[1:-1] if term not in replaced]
    for term in replaced:  # without any one of them it cannot be done
        flat = run(spf.flatten("example.com", keep=[*rest, term]), world())
        assert flat.record is None, term


def test_a_record_within_the_limit_stays_as_it_is():
    flat = run(spf.flatten("example.com", "v=spf1 mx include:news.example.net -all"), world())
    assert str(flat.record) == "v=spf1 mx include:news.example.net -all"
    assert flat.expanded == ()


def test_what_depends_on_the_mail_stays_also_out_of_an_include():
    flat = run(spf.flatten("example.com", max_lookups=2), world())
    text = str(flat.record)
    assert "exists:%{i}._ok.example.com" in text
    assert "exists:%{i}.ok.crm.example.net" in text
    assert "include:" not in text


STAYS = [
    # a term that means something else in another record, RFC 7208 section 7.2
    ("own.example.net", '"v=spf1 exists:%{i}.%{d} ip4:192.0.2.1 -all"'),
    # a match that means fail, before one that means pass
    ("minus.example.net", '"v=spf1 -exists:%{i}.bad.example.net ip4:192.0.2.1 -all"'),
    # a term with macros that counts for some addresses alone
    ("some.example.net", '"v=spf1 -ip4:192.0.2.0/24 exists:%{i}.x.example.net -all"'),
]


@pytest.mark.parametrize("name, text", STAYS)
def test_an_include_that_cannot_be_said_otherwise_stays(name, text):
    record = f"v=spf1 include:{name} -all"
    flat = run(spf.flatten("example.com", record, max_lookups=0), world(f"{name}. TXT {text}\n"))
    assert flat.record is None
    assert flat.problems == (f"it cannot be done with fewer than {flat.lookups_before} lookups",)


REPLACED = [
    # the qualifier of the include is that of its networks
    ("v=spf1 -include:news.example.net +all", "v=spf1 -ip4:203.0.113.128/26 all"),
    ("v=spf1 ?a:web.example.com -all", "v=spf1 ?ip4:192.0.2.80 -all"),
    # order counts between qualifiers, and not within one
    (
        "v=spf1 -a:web.example.com ip4:192.0.2.0/24 mx -all",
        "v=spf1 -ip4:192.0.2.80 ip4:192.0.2.0/24 -all",
    ),
    ("v=spf1 redirect=shop.example.net", "v=spf1 ip4:192.0.2.200 -all"),
    ("v=spf1 mx redirect=news.example.net", "v=spf1 ip4:192.0.2.25 ip4:203.0.113.128/26 -all"),
    # the include's own refusals are no refusals here
    ("v=spf1 include:news.example.net ?all", "v=spf1 ip4:203.0.113.128/26 ?all"),
    ("v=spf1 a:nothing.example.net -all", "v=spf1 -all"),
]


@pytest.mark.parametrize("record, flat", REPLACED)
def test_terms_are_replaced_with_the_same_meaning(record, flat):
    found = run(spf.flatten("example.com", record, max_lookups=0), world())
    assert str(found.record) == flat
    assert found.proven
    assert found.sampled > 0


def test_the_explanation_is_that_of_the_policy_that_holds():
    # RFC 7208 section 6.2: with a redirect, the target's
    extra = 'expl.example.net. TXT "v=spf1 a:web.example.com -all exp=why.example.net"\n'
    record = "v=spf1 redirect=expl.example.net exp=why.example.com"
    flat = run(spf.flatten("example.com", record, max_lookups=0), world(extra))
    assert str(flat.record) == "v=spf1 ip4:192.0.2.80 -all exp=why.example.net"


def test_terms_that_the_owner_keeps_stay():
    for keep in ("include:crm.example.net", "crm.example.net", "CRM.example.net."):
        flat = run(spf.flatten("example.com", max_lookups=5, keep=[keep]), world())
        assert "include:crm.example.net" in str(flat.record)


def test_a_long_record_is_split_into_records_at_free_names():
    blocks = [
        " ".join(f"ip4:198.118.{100 + n}.100" for n in range(at, at + 12))
        for at in range(0, 60, 12)
    ]
    zone = "".join(
        f'b{n}.example.net. TXT "v=spf1 {block} -all"\n' for n, block in enumerate(blocks)
    )
    zone += '_spf1.example.com. TXT "v=spf1 -all"\n'  # taken: what is in use is not changed
    record = f"v=spf1 {' '.join(f'include:b{n}.example.net' for n in range(5))} -all"
    flat = run(spf.flatten("example.com", record, max_lookups=2), world(zone))
    assert [name for name, _ in flat.parts] == ["_spf2.example.com", "_spf3.example.com"]
    assert flat.lookups == 2
    for text in (flat.record, *(part for _, part in flat.parts)):
        assert len(str(text)) <= 450
    assert "include:_spf2.example.com include:_spf3.example.com" in str(flat.record)


UNSOUND = [
    ("v=spf1 include:nowhere.example.net -all", "has no SPF record", False),
    ("v=spf1 include:slow.example.net -all", "cannot be known", True),
]


@pytest.mark.parametrize("record, says, temporary", UNSOUND)
def test_a_record_with_faults_has_no_addresses_to_keep(record, says, temporary):
    slow = world()
    slow.fail("slow.example.net", Outcome.UNREACHABLE)
    flat = run(spf.flatten("example.com", record), slow)
    assert (flat.record, flat.temporary) == (None, temporary)
    assert says in flat.problems[0]


OPTIMISED = [
    ("v=spf1 mx ip4:192.0.2.0/25 mx ip4:192.0.2.128/25 -all", "v=spf1 ip4:192.0.2.0/24 mx -all"),
    ("v=spf1 mx -all a:web.example.com", "v=spf1 mx -all"),  # never reached
    ("v=spf1 a:nothing.example.net mx -all", "v=spf1 mx -all"),  # matches nobody
    ("v=spf1 ip4:192.0.2.1 ip4:192.0.2.0/24 -all", "v=spf1 ip4:192.0.2.0/24 -all"),
    ("v=spf1 -ip4:192.0.2.1 ip4:192.0.2.0/24 -all", "v=spf1 -ip4:192.0.2.1 ip4:192.0.2.0/24 -all"),
    ("v=spf1 mx -all redirect=news.example.net foo=bar", "v=spf1 mx -all foo=bar"),  # idle
    ("v=spf1 include:news.example.net mx ~all", "v=spf1 include:news.example.net mx ~all"),
]


@pytest.mark.parametrize("record, better", OPTIMISED)
def test_an_optimised_record_is_shorter_and_says_the_same(record, better):
    flat = run(spf.optimise("example.com", record), world())
    assert str(flat.record) == better
    assert flat.proven


# --- drift ----------------------------------------------------------------------------

CHANGES = [
    # (what changes in the zone, what is told)
    (("ip4:203.0.113.0/25", "ip4:203.0.113.0/26"), ("lost", ["203.0.113.64/26"])),
    (("ip4:203.0.113.0/25", "ip4:203.0.113.0/25 ip4:192.0.2.77"), ("gained", ["192.0.2.77/32"])),
    (("203.0.113.200", "203.0.113.201"), ("gained", ["203.0.113.201/32"])),
    (("exists:%{i}.ok", "exists:%{i}.other"), ("terms", ["exists:%{i}.other.crm.example.net"])),
]


@pytest.mark.parametrize("change, told", CHANGES)
def test_a_drift_of_what_was_replaced_is_told(change, told):
    flat = run(spf.flatten("example.com", max_lookups=2), world())
    later = World.from_zone(ZONE.replace(*change))
    drifted = [one for one in run(spf.drift("example.com", flat.expanded), later) if one.drifted]
    assert [one.term for one in drifted] == ["include:crm.example.net"]
    assert [str(one) for one in getattr(drifted[0], told[0])] == told[1]


def test_the_policy_behind_a_redirect_is_watched_too():
    record = "v=spf1 redirect=news.example.net"
    flat = run(spf.flatten("example.com", record, max_lookups=0), world())
    later = World.from_zone(ZONE.replace("203.0.113.128/26 -all", "203.0.113.128/26 ~all"))
    (told,) = run(spf.drift("example.com", flat.expanded), later)
    assert told.terms == ("v=spf1 ip4:203.0.113.128/26 ~all",)


def test_a_name_that_does_not_answer_is_no_drift():
    flat = run(spf.flatten("example.com", max_lookups=2), world())
    later = world()
    later.fail("pool.crm.example.net", Outcome.UNREACHABLE)
    told = {one.term: one for one in run(spf.drift("example.com", flat.expanded), later)}
    assert told["include:crm.example.net"].temporary
    assert not any(one.drifted for one in told.values())


def test_each_replaced_term_knows_for_how_long_it_is_sure():
    flat = run(spf.flatten("example.com", max_lookups=2), world())
    ttls = {one.term: one.ttl_seconds for one in flat.expanded}
    assert ttls["include:office.example.net"] == 300
    assert ttls["include:news.example.net"] == 3600


# --- the tree -------------------------------------------------------------------------


def test_the_cost_is_told_of_each_branch_over_the_whole_tree():
    tree = run(spf.lookup_tree("example.com"), world())
    assert tree.total == 14
    assert dict(tree.costs()) == {
        "mx": 1,
        "a:web.example.com": 1,
        "include:office.example.net": 4,
        "include:crm.example.net": 4,
        "include:news.example.net": 1,
        "include:shop.example.net": 2,
        "exists:%{i}._ok.example.com": 1,
    }


# --- the commands ---------------------------------------------------------------------


@pytest.fixture
def zone(tmp_path):
    path = tmp_path / "world.zone"
    path.write_text(ZONE)
    return path


def test_the_command_flattens_remembers_and_finds_the_drift(zone, tmp_path):
    out = tmp_path / "flat.json"
    result = run_cli(
        "spf", "flatten", "example.com", "--max-lookups", "2", "--world", zone, "--out", out
    )
    assert (result.code, result.err) == (0, "")
    assert "lookups: 14 before, 2 now" in result.out
    assert "proven: every address has the result that it had" in result.out
    document = json.loads(out.read_text())
    assert (document["kind"], document["proven"]) == ("spf-flat", True)
    assert run_cli("spf", "drift", out, "--world", zone).code == 0
    zone.write_text(ZONE.replace("203.0.113.128/26", "203.0.113.192/26"))
    told = run_cli("spf", "drift", out, "--world", zone)
    assert told.code == 1
    assert "+ include:news.example.net has 203.0.113.192/26 now" in told.out
    assert "- include:news.example.net has 203.0.113.128/26 no longer" in told.out
    drift = json.loads(run_cli("spf", "drift", out, "--world", zone, "--json").out)
    assert (drift["kind"], drift["drifted"]) == ("spf-drift", True)


def test_the_command_tells_why_it_cannot(zone):
    result = run_cli("spf", "flatten", "example.com", "--max-lookups", "1", "--world", zone)
    assert result.code == 1
    assert "error: it cannot be done with fewer than 2 lookups" in result.out


def test_the_command_optimises(zone):
    record = "v=spf1 mx a:web.example.com mx -all"
    result = run_cli(
        "spf", "optimise", "example.com", "--record", record, "--world", zone, "--json"
    )
    assert result.code == 0
    assert json.loads(result.out)["record"]["value"] == "v=spf1 mx a:web.example.com -all"


DIFFS = [
    # records, domains, and nothing at all
    (
        ["v=spf1 include:news.example.net -all", "v=spf1 include:shop.example.net -all"],
        ["- 203.0.113.128/26 may no longer send", "+ 192.0.2.200 may now send"],
        0,
    ),
    (["news.example.net", "shop.example.net"], ["+ 192.0.2.200 may now send"], 0),
    (["example.com", "example.com"], ["it means the same"], 0),
    (["", "shop.example.net"], ["+ 192.0.2.200 may now send (before: none)"], 0),
    (["example.com", "v=spf1 include:nowhere.example.net"], ["error: after: nowhere"], 1),
    (["nowhere.example.net", "none.example.net"], ["error: before: nowhere.example.net has no"], 1),
]


@pytest.mark.parametrize("sides, told, code", DIFFS)
def test_the_command_tells_the_exact_networks_gained_and_lost(zone, sides, told, code):
    result = run_cli("spf", "diff", *sides, "--world", zone)
    for text in told:
        assert text in result.out
    assert result.code == code


def test_the_diff_says_in_json_that_it_is_exact(zone):
    sides = ["news.example.net", "shop.example.net"]
    document = json.loads(run_cli("spf", "diff", *sides, "--world", zone, "--json").out)
    assert document["exact"]
    assert document["gained"] == ["192.0.2.200/32"]
    assert document["lost"] == ["203.0.113.128/26"]


MISUSE = [
    (["diff", "v=spf1 mx -all", "v=spf1 a -all", "--server", "192.0.2.53"], "whose mx?"),
    (["drift", "/nowhere.json"], "cannot read"),
    (["flatten", "example.com", "--record", "v=spf1 mxx"], "unknown mechanism"),
]


@pytest.mark.parametrize("arguments, says", MISUSE)
def test_misuse_of_the_tree_commands_is_one_clear_message(arguments, says):
    result = run_cli("spf", *arguments)
    assert (result.code, says in result.err) == (2, True)


GARBAGE = ["", "{}", "[1]", '{"kind": "plan"}', "\x00"]


@pytest.mark.parametrize("text", GARBAGE)
def test_a_file_that_is_none_of_ours_is_refused(tmp_path, text):
    path = tmp_path / "flat.json"
    path.write_text(text)
    result = run_cli("spf", "drift", path)
    assert result.code == 2
    assert "Traceback" not in result.err
