"""The zone-file publisher: whole or not at all, and careful with what is not ours."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from maildns.dnsdata import RRset
from maildns.errors import InputError, PublishError, StalePlan, UsageError
from maildns.publish.conformance import Departure, walk
from maildns.publish.contract import RRsetChange
from maildns.publish.zone_file import ZoneFilePublisher
from maildns.zonefile import parse_rdata, parse_records

ZONE = """\
$TTL 1h
@    SOA ns hostmaster 2024010101 1h 15m 4w 1h
     NS  ns
     TXT "proof=1" ; not ours
ns   A   192.0.2.53
www  CNAME ns
old  NS  ns.elsewhere.example.
"""
LATER = datetime(2024, 5, 6, tzinfo=UTC)


def rrset(owner, rrtype, *texts, ttl=3600):
    return RRset.of(owner, ttl, [parse_rdata(rrtype, text) for text in texts])


def added(owner="a.example.com", text="192.0.2.1"):
    return RRsetChange(owner, "A", None, rrset(owner, "A", text))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "db.example.com"
    path.write_text(ZONE)
    return path


@pytest.fixture
def publisher(path):
    return ZoneFilePublisher(path, "example.com", clock=lambda: LATER)


def test_it_keeps_the_promises_of_every_publisher(path, publisher):
    bare = ZONE.replace('     TXT "proof=1" ; not ours\n', "")
    path.write_text(bare)
    walk(publisher, "example.com")
    assert path.read_text().replace("2024050616", "2024010101") == bare
    assert list(path.parent.iterdir()) == [path]


def test_a_publisher_that_does_nothing_is_found_out(path, publisher):
    class Idle(ZoneFilePublisher):
        def publish(self, changes):
            pass

    with pytest.raises(Departure, match="one TXT, published once"):
        walk(Idle(path, "example.com"), "example.com")


def test_a_publisher_that_does_not_look_first_is_found_out(path):
    class Bold(ZoneFilePublisher):
        def publish(self, changes):
            super().publish(
                [RRsetChange(*c.key, self.read([c.key]).get(*c.key), c.after) for c in changes]
            )

    with pytest.raises(Departure, match="published although"):
        walk(Bold(path, "example.com"), "example.com")


def test_a_new_file_is_made_only_when_asked(tmp_path):
    path = tmp_path / "mail.zone"
    with pytest.raises(InputError, match="no such zone file") as caught:
        ZoneFilePublisher(path, "example.com").publish([added()])
    assert caught.value.hint
    ZoneFilePublisher(path, "example.com", create=True).publish([added()])
    assert path.read_text() == "a.example.com. 3600 IN A 192.0.2.1\n"


def test_reading_tells_what_stands_there(publisher):
    contents = publisher.read([
        ("example.com", "TXT"), ("example.com", "MX"), ("www.example.com", "A"), ("www.example.com", "CNAME"),
        ("x.old.example.com", "A"), ("example.net", "A"),
    ])  # fmt: skip
    assert contents.get("example.com", "TXT") == rrset("example.com", "TXT", '"proof=1"')
    assert contents.get("example.com", "MX") is None
    assert contents.get("www.example.com", "A") is None
    assert set(contents.aliases) == {"www.example.com"}
    assert contents.get("www.example.com", "CNAME") is not None
    assert set(contents.unknown) == {("x.old.example.com", "A"), ("example.net", "A")}


@pytest.mark.parametrize("name, zone", [
    ("example.com", "example.com"),
    ("a.b.example.com", "example.com"),
    ("badexample.com", None),
    ("com", None),
    ("old.example.com", None),  # given away
    ("x.old.example.com", None),
])  # fmt: skip
def test_a_name_is_put_in_its_zone(publisher, name, zone):
    assert publisher.zone_of(name) == zone


def test_the_file_is_read_anew_after_others_changed_it(path, publisher):
    assert publisher.read([("n.example.com", "A")]).get("n.example.com", "A") is None
    path.write_text(ZONE + "n A 192.0.2.1\n")
    assert publisher.read([("n.example.com", "A")]).get("n.example.com", "A") is not None


def test_a_stale_plan_names_the_place_and_both_sides(path, publisher):
    change = RRsetChange(
        "example.com",
        "TXT",
        rrset("example.com", "TXT", '"proof=2"'),
        rrset("example.com", "TXT", "x"),
    )
    with pytest.raises(StalePlan) as caught:
        publisher.publish([added(), change])
    assert caught.value.conflicts == ('TXT at example.com: expected "proof=2", found "proof=1"',)
    assert path.read_text() == ZONE


def test_the_ttl_of_before_is_not_compared(path, publisher):
    before = rrset("example.com", "TXT", '"proof=1"', ttl=1)
    publisher.publish([RRsetChange("example.com", "TXT", before, None)])
    assert "proof" not in path.read_text()


def test_a_signed_zone_is_refused(path, publisher):
    path.write_text(ZONE + "a RRSIG A 13 3 60 20300101000000 20200101000000 1 @ AAAA\n")
    with pytest.raises(PublishError, match="signed zone") as caught:
        publisher.publish([added()])
    assert "RFC 2136" in caught.value.hint


def test_a_zone_with_a_journal_is_refused(path, publisher):
    Path(f"{path}.jnl").touch()
    with pytest.raises(PublishError, match="journal") as caught:
        publisher.publish([added()])
    assert "RFC 2136" in caught.value.hint


def test_data_beside_an_alias_is_refused(path, publisher):
    with pytest.raises(PublishError, match="CNAME and A"):
        publisher.publish([added("www.example.com")])
    assert path.read_text() == ZONE


@pytest.mark.parametrize("owner", ["example.net", "x.old.example.com"])
def test_names_of_other_zones_are_misuse(publisher, owner):
    with pytest.raises(UsageError):
        publisher.publish([added(owner)])


def test_the_wrong_file_is_refused(path):
    path.write_text("example.net. SOA a. b. 1 2 3 4 5\n")
    with pytest.raises(InputError, match=r"this is the zone example\.net, not example\.com"):
        ZoneFilePublisher(path, "example.com").read([("example.com", "MX")])


def test_a_file_that_was_cut_off_is_refused_and_left(path, publisher):
    path.write_text(ZONE + 'k TXT ( "v=DKIM1; p=')
    with pytest.raises(InputError, match=f"^{path}:8: "):
        publisher.publish([added()])


def test_records_made_by_generate_are_refused_with_their_place(path, publisher):
    path.write_text(ZONE + "$GENERATE 1-9 h$ A 192.0.2.$\n")
    before = rrset("h1.example.com", "A", "192.0.2.1")
    with pytest.raises(InputError, match=rf"^{path}:8: A records .* \$GENERATE"):
        publisher.publish([RRsetChange("h1.example.com", "A", before, None)])


def test_mode_links_and_odd_octets_stay(path, publisher):
    octets = ZONE.encode() + b"; caf\xe9 in Latin-1\n"
    path.write_bytes(octets)
    path.chmod(0o640)
    link = path.with_name("link")
    link.symlink_to(path.name)
    ZoneFilePublisher(link, "example.com").publish([added()])
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert b"; caf\xe9 in Latin-1\n" in path.read_bytes()


def test_nothing_to_do_leaves_the_file_untouched(path, publisher):
    before = path.stat()
    publisher.publish([RRsetChange("n.example.com", "A", None, None)])
    publisher.publish([])
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_draft_that_cannot_be_written_is_told(path, publisher):
    path.with_name(".db.example.com.maildns-draft").mkdir()
    with pytest.raises(PublishError, match="cannot be written"):
        publisher.publish([added()])
    assert path.read_text() == ZONE


def test_a_draft_left_by_a_killed_run_is_in_nobodys_way(path, publisher):
    path.with_name(".db.example.com.maildns-draft").write_text("half")
    publisher.publish([added()])
    assert list(path.parent.iterdir()) == [path]


FLIP = """
import sys
from pathlib import Path
from maildns.publish.zone_file import ZoneFilePublisher
from maildns.publish.contract import RRsetChange
from maildns.dnsdata import RRset, Txt
publisher = ZoneFilePublisher(Path(sys.argv[1]), "example.com")
for number in range(int(sys.argv[3])):
    key = (sys.argv[2], "TXT")
    after = RRset.of(key[0], 60, [Txt.of(f"{number} " * 2000)])
    publisher.publish([RRsetChange(*key, publisher.read([key]).get(*key), after)])
    print(number, flush=True)
"""


def flip(path, owner, times):
    return subprocess.Popen(
        [sys.executable, "-c", FLIP, str(path), owner, str(times)], stdout=subprocess.PIPE
    )


def test_a_kill_at_any_time_leaves_the_old_or_the_new_file(path, publisher):
    path.write_text(ZONE + "".join(f"h{n} A 192.0.2.{n % 256}\n" for n in range(500)))
    chance = random.Random(2136)
    for _ in range(12):
        with flip(path, "k.example.com", 10_000) as child:
            child.stdout.readline()
            time.sleep(chance.random() * 0.05)
            child.send_signal(signal.SIGKILL)
        records = parse_records(path.read_text(), "example.com")
        texts = [r.rdata.text.split() for r in records if r.owner == "k.example.com"]
        assert len(records) == 507
        assert [(len(text), len(set(text))) for text in texts] == [(2000, 1)]
    publisher.publish([added()])
    assert list(path.parent.iterdir()) == [path]


def test_two_runs_at_once_lose_nothing(path):
    children = [flip(path, f"k{n}.example.com", 5) for n in range(3)]
    for child in children:
        with child:
            child.stdout.read()
        assert child.returncode == 0
    owners = {record.owner for record in parse_records(path.read_text(), "example.com")}
    assert {"k0.example.com", "k1.example.com", "k2.example.com"} <= owners
