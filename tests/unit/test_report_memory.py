"""Hostile reports, read by a process that may take little memory: the reason is said, and the next one read."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import zipfile
import zlib
from random import Random

import pytest
from report_texts import aggregate, packed

from maildns.reports.keeping import Arrival, Kept
from maildns.reports.store import Store

# Read the file with so many megabytes more than the start took; a good report after it shows that
# what it took is free again.
READ = """
import json, resource, sys
from pathlib import Path
from maildns.reports.importing import import_reports
from maildns.reports.store.preparing import prepare
from maildns.reports.store.workers import read_file

path, good, megabytes = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
prepare(read_file(good))
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (megabytes << 20), resource.RLIM_INFINITY))
hostile = prepare(read_file(path))
told = [hostile.faults, sum(one.row_count for one in hostile.reports)]
del hostile
told.append(len(prepare(read_file(good)).reports))
print(json.dumps(told))
"""
HEAD, RECORD = aggregate().split(b"<record>")[0], b"<record>" + aggregate().split(b"<record>")[1]
RECORD = RECORD.split(b"</record>")[0] + b"</record>\n"
PADDED = RECORD + b" " * 6000


def repeated(start, block, times, end=b""):
    """Gzip of *block* many times over, made in a moment: members may follow each other (RFC 1952)."""
    return gzip.compress(start) + gzip.compress(block) * times + gzip.compress(end)


def names():
    """XML of which no two elements have one name."""
    return b"<feedback>" + b"".join(b"<a%x/>" % n for n in range(2_000_000)) + b"</feedback>"


def directory(entries):
    """A zip file that is a directory and nothing else."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a", b"")
    octets = made.getvalue()
    start = octets.index(b"PK\x01\x02")
    end = octets.index(b"PK\x05\x06")
    entry, tail = octets[start:end], bytearray(octets[end:])
    tail[8:12] = b"\xff\xff\xff\xff"
    tail[12:16] = (len(entry) * entries).to_bytes(4, "little")
    return octets[:start] + entry * entries + bytes(tail)


def nested_mail(levels, octets):
    for level in range(levels):
        head = (
            f'From: a@b.example\nContent-Type: multipart/mixed; boundary="{level}"\n\n--{level}\n'
        )
        octets = head.encode() + octets + f"\n--{level}--\n".encode()
    return octets


def zip_bomb():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.xml", HEAD + PADDED * 10_000)
    return made.getvalue()


HOSTILE = {
    "a gzip bomb of 4 GB": (
        lambda: repeated(HEAD, PADDED * 10_000, 64),
        "times its size: no report does",
        40,
    ),
    "a gzip bomb within a gzip": (
        lambda: gzip.compress(repeated(HEAD, PADDED * 10_000, 64)),
        "times its size",
        40,
    ),
    "a zip bomb": (zip_bomb, "times its size: no report does", 40),
    "a name of 64 MB": (
        lambda: HEAD.replace(b"<org_name>", b"<org_name>" + Random(1).randbytes(40 << 20).hex().encode()[: 60 << 20]),
        "an element has more than 1024 kB",
        100,
    ),
    "two million names of elements": (names, "it has more than 1000 names of elements", 80),
    "attributes without end": (
        lambda: b"<feedback>" + b"<a " + b"".join(b'b%x="" ' % n for n in range(2_000_000)) + b"/>",
        "an element has more than 1024 kB",
        90,
    ),
    "elements without end": (
        lambda: HEAD + b"<record>" + b"<a/>" * 8_000_000,
        "an element has more than 1024 kB",
        120,
    ),
    "a billion laughs": (
        lambda: b'<!DOCTYPE f [<!ENTITY a "ha">'
        + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 100) for n in range(9))
        + b"]><feedback>&j;</feedback>",
        "it has a DTD",
        24,
    ),
    "a zip file of half a million entries": (
        lambda: directory(500_000),
        "the zip file has more than 100 members",
        90,
    ),
    "lists in JSON": (
        lambda: b'{"policies": [' + b"[]," * 5_000_000 + b"[]]}",
        "more than 500000 values",
        110,
    ),
    "JSON that nests": (lambda: b'{"policies": ' + b"[" * 5_000_000, "more than 500000 values", 60),
    "a long text in JSON": (lambda: b'{"a": "' + b"\\u1234" * 6_000_000, "more than 16 MB", 90),
    "lines that an expression might go through again and again": (
        lambda: b"From: a@b.example\nContent-Type: text/plain\n\n"
        b"A message claiming to be from you has failed the published DMARC policy.\n"
        + b"-" * 100_000
        + b"\n"
        + b"--- a copy of the headers\n" * 6_000,
        "which domain it is about",
        40,
    ),
    "a header of semicolons": (
        lambda: b'From: a@b.example\nContent-Type: a/b; x="' + b";" * 200_000 + b"\n\n",
        "Content-Type is longer than 8 kB",
        40,
    ),
    "parts in parts": (
        lambda: nested_mail(7, b"Content-Type: text/plain\n\n" + b"a" * (30 << 20)),
        "nest too deep",
        110,
    ),
}  # fmt: skip


def read_in_little_memory(folder, octets, megabytes):
    (folder / "hostile").write_bytes(octets)
    (folder / "good").write_bytes(packed(aggregate()))
    command = [sys.executable, "-c", READ, folder / "hostile", folder / "good", str(megabytes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("make, reason, megabytes", HOSTILE.values(), ids=HOSTILE)
def test_what_is_hostile_is_refused_in_little_memory(make, reason, megabytes, tmp_path):
    faults, rows, after = read_in_little_memory(tmp_path, make(), megabytes)
    assert any(reason in fault for fault in faults), faults
    assert (rows, after) == (0, 1)


def varied(count):
    """Records of different addresses, so that they pack no better than real ones."""
    chance = Random(1)
    addresses = (".".join(str(chance.randrange(1, 255)) for _ in range(4)) for _ in range(count))
    return b"".join(RECORD.replace(b"192.0.2.1", each.encode()) for each in addresses)


def test_100_megabytes_of_records_are_read_in_little_memory(tmp_path):
    block = varied(10_000)
    times = (100 << 20) // len(block)
    octets = repeated(HEAD, block, times, b"</feedback>")
    faults, rows, after = read_in_little_memory(tmp_path, octets, 60)
    assert (faults, rows, after) == ([], times * 10_000, 1)


def test_many_records_that_are_alike_are_few_kinds_however_they_are_written(tmp_path):
    octets = HEAD + (b"<record/>" + b" " * 40) * 150_000 + b"</feedback>"
    faults, rows, after = read_in_little_memory(tmp_path, gzip.compress(octets), 60)
    assert (faults, rows, after) == ([], 150_000, 1)


def test_different_records_without_end_are_refused(tmp_path):
    domains = (b"d%x.example.com" % n for n in range(110_000))
    octets = HEAD + b"".join(RECORD.replace(b"example.com", each) for each in domains)
    faults, rows, after = read_in_little_memory(tmp_path, gzip.compress(octets, 1), 240)
    assert faults == ["it has more different records than any report"]
    assert (rows, after) == (0, 1)


def test_more_records_than_any_report_has_are_refused(tmp_path):
    block = varied(10_000)
    times = (256 << 20) // len(block) + 1
    octets = repeated(HEAD, block, times, b"</feedback>")
    faults, rows, after = read_in_little_memory(tmp_path, octets, 100)
    assert "unpacks to more than 256 MB" in faults[0]
    assert (rows, after) == (0, 1)


def test_the_rest_of_a_batch_is_kept(tmp_path):
    octets = [
        packed(aggregate(report_id="1")),
        repeated(b"<feedback>", b" " * (64 << 20), 8),
        packed(aggregate(report_id="2"))[:-9],
        packed(aggregate(report_id="2")),
        b"<!DOCTYPE f [<!ENTITY a 'b'>]><feedback>&a;</feedback>",
        zlib.compress(b"neither this nor that"),
        packed(aggregate(report_id="3")),
        packed(aggregate(report_id="1")),
        packed(aggregate(report_id="1", domain="other.example")),
    ]
    with Store(tmp_path / "reports.sqlite") as store:
        receipts = store.keep([Arrival(one, f"{n}") for n, one in enumerate(octets)])
    assert [one.kept for one in receipts] == [
        Kept.NEW,
        Kept.BAD,
        Kept.BAD,
        Kept.NEW,
        Kept.BAD,
        Kept.NO_REPORT,
        Kept.NEW,
        Kept.KNOWN,
        Kept.NEW,
    ]
    assert all(one.reason for one in receipts if one.kept is not Kept.NEW)


def test_of_very_many_faults_some_are_told(tmp_path):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(90):
            archive.writestr(f"{number}.xml", b"<feedback>")
    with Store(tmp_path / "reports.sqlite") as store:
        (receipt,) = store.keep([Arrival(made.getvalue(), "many")])
    assert receipt.kept is Kept.BAD
    assert receipt.reason.startswith("0.xml: it is cut off before its end; 1.xml: ")
    assert receipt.reason.endswith("; and 80 more like these")
