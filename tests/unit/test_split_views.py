"""Split DNS by zone files: each view its own addresses, the same mail records in all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli import run_cli
from planning import MemoryZone

from maildns.ask import Outcome, Question
from maildns.net.world import World
from maildns.plan.contents import ZoneContents
from maildns.publish.zone_world import ZoneWorld

ZONE = '@ 300 IN SOA ns hostmaster 1 3600 900 604800 300\n@ 300 NS ns\n@ TXT "foreign"\n'
CONFIG = """\
[server."mail.example.com"]
ipv4 = "93.184.216.34"
[domain."example.com"]
dmarc = { reports_to = ["postmaster@example.com"] }
[publisher.outside]
type = "zonefile"
path = "outside.zone"
[publisher.inside]
type = "zonefile"
path = "inside.zone"
[view.lan]
publisher = "inside"
[view.lan.server."mail.example.com"]
ipv4 = "192.168.7.25"
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("world").write_text("")
    Path("maildns.toml").write_text(CONFIG)
    for view in ("outside", "inside"):
        Path(f"{view}.zone").write_text(ZONE)


def apply():
    return run_cli("apply", "--yes", "--world", "world")


def test_both_files_are_written_each_with_its_address():
    done = apply()
    assert (done.code, done.err) == (0, "")
    outside, inside = (Path(f"{view}.zone").read_text() for view in ("outside", "inside"))
    assert "93.184.216.34" in outside.replace("ip4:93.184.216.34", "")
    assert "192.168.7.25" not in outside
    assert "192.168.7.25" in inside
    for text in (outside, inside):
        assert '"v=spf1 ip4:93.184.216.34 -all"' in text
        assert '@ TXT "foreign"' in text
    again = apply()
    assert (again.code, "nothing to do" in again.out) == (0, True)


def test_parity_is_proven_and_its_breach_is_a_finding():
    apply()
    proof = json.loads(run_cli("prove", "--world", "world", "--json").out)["checks"]
    parity = [one for one in proof if "same as in public" in one["claim"]]
    assert {one["result"] for one in parity} == {"ok"}
    with Path("inside.zone").open("a") as zone:
        zone.write('@ TXT "inside only"\n')
    proved = run_cli("prove", "--world", "world")
    assert proved.code == 1
    assert "inside only" in proved.out


def test_the_views_are_told_apart_in_what_is_shown():
    planned = run_cli("plan", "--world", "world")
    assert "mail.example.com in view lan" in planned.out
    changes = json.loads(run_cli("plan", "--world", "world", "--json").out)["changes"]
    assert {one["view"] for one in changes} == {"public", "lan"}


def test_an_alias_in_the_inner_zone_leads_into_the_world():
    inner = MemoryZone("mail.example.com. CNAME host.example.net.\n", "example.com")
    world = ZoneWorld([inner], World.from_zone("host.example.net. A 192.0.2.9\n"))
    questions = [Question("mail.example.com", "A"), Question("www.example.com", "A")]
    followed, missing = world.answer(questions)
    assert (followed.outcome, followed.aliases) == (Outcome.FOUND, ("host.example.net",))
    assert missing.outcome is Outcome.NO_DATA


def test_what_the_inner_zone_cannot_tell_is_unreachable():
    class Lost(MemoryZone):
        def read(self, keys):
            return ZoneContents(unknown=dict.fromkeys(keys, "it sleeps"))

    world = ZoneWorld([Lost("", "example.com")], World())
    (answer,) = world.answer([Question("example.com", "MX")])
    assert (answer.outcome, answer.detail) == (Outcome.UNREACHABLE, "it sleeps")


def test_a_lost_inner_file_stops_all_before_anything_is_written():
    Path("inside.zone").unlink()
    lost = apply()
    assert lost.code == 2
    assert "inside.zone" in lost.err
    assert Path("outside.zone").read_text() == ZONE


def test_a_plan_with_a_view_that_is_gone_is_left_to_be_done_by_hand():
    run_cli("plan", "--world", "world", "--out", "plan.json")
    Path("maildns.toml").write_text(CONFIG.partition("[publisher.inside]")[0])
    done = run_cli("apply", "plan.json", "--yes")
    assert done.code == 1
    assert "no publisher holds" in done.out
    assert Path("inside.zone").read_text() == ZONE
