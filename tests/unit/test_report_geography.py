"""Country, network and organization of an address, from files of many makers, whole or broken."""

from __future__ import annotations

import random

import pytest
from mmdb import write

from maildns.errors import InputError
from maildns.reports.geography import Geography, Place

COUNTRY = {"country": {"iso_code": "DE", "names": {"en": "Germany"}}}
ASN = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Networks"}
SHAPES = [
    (COUNTRY, Place("DE"), "GeoLite2 Country and City"),
    ({"registered_country": {"iso_code": "FR"}}, Place("FR"), "where nobody lives"),
    (ASN, Place("", 64500, "Example Networks"), "GeoLite2 ASN"),
    (
        {"country_code": "NL", "asn": "AS64501", "as_name": "X"},
        Place("NL", 64501, "X"),
        "IPinfo Lite",
    ),
    ({"asn": "AS99999999999"}, Place(), "no number of a network"),
    ({"asn": "many"}, Place(), "no number at all"),
    ({"country": "DE"}, Place(), "a text where a table should be"),
    (
        {"autonomous_system_organization": "x" * 900},
        Place("", 0, "x" * 199 + "…"),
        "a long text is cut",
    ),
    ({"as_name": "a\x1b[31mb\nc"}, Place("", 0, "a[31mb c"), "nothing that moves a cursor"),
    ("DE", Place(), "an entry that is no table"),
    ({}, Place(), "an entry that says nothing"),
]


@pytest.mark.parametrize("entry, place, reason", SHAPES)
def test_any_of_the_usual_files_will_do(tmp_path, entry, place, reason):
    with Geography(write(tmp_path / "x.mmdb", {"192.0.2.0/24": entry})) as geography:
        assert geography.place("192.0.2.7") == place, reason
        assert geography.place("198.51.100.1") == Place()


def test_what_the_first_file_does_not_say_the_next_may(tmp_path):
    first = write(tmp_path / "country.mmdb", {"192.0.2.0/24": COUNTRY, "2001:db8::/32": COUNTRY})
    second = write(tmp_path / "asn.mmdb", {"192.0.2.0/24": ASN})
    with Geography(first, second) as geography:
        assert geography.place("192.0.2.7") == Place("DE", 64500, "Example Networks")
        assert geography.place("2001:db8::1") == Place("DE")


@pytest.mark.parametrize("address", ["2001:db8::1", "nonsense", "", "192.0.2.7/24"])
def test_what_a_file_cannot_be_asked_for_is_nowhere(tmp_path, address):
    with Geography(write(tmp_path / "x.mmdb", {"192.0.2.0/24": COUNTRY}, version=4)) as geography:
        assert geography.place(address) == Place()


BROKEN = [
    (lambda path: None, "cannot read it", "not there"),
    (lambda path: path.mkdir(), "cannot read it|no MaxMind", "a folder"),
    (lambda path: path.write_bytes(b""), "no MaxMind database", "nothing in it"),
    (lambda path: path.write_bytes(b"no database " * 50), "no MaxMind database", "a text"),
]


@pytest.mark.parametrize("make, said, reason", BROKEN)
def test_a_file_that_is_none_is_refused_by_its_name(tmp_path, make, said, reason):
    path = tmp_path / "x.mmdb"
    make(path)
    with pytest.raises(InputError, match=said) as told:
        Geography(path)
    assert str(path) in str(told.value), reason


def test_a_file_with_faults_costs_answers_and_nothing_else(tmp_path):
    whole = write(tmp_path / "x.mmdb", {"192.0.2.0/24": COUNTRY | ASN}).read_bytes()
    chance = random.Random(1)
    path = tmp_path / "broken.mmdb"
    for _ in range(300):
        octets = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        path.write_bytes(octets)
        try:
            with Geography(path) as geography:
                assert isinstance(geography.place("192.0.2.7"), Place)
        except InputError:
            continue
