"""
How much of something is read from outside before it is refused.

The defaults let through every report that a real reporter sends: a report of 500,000 rows has
about 250 MB of XML and 10 MB once packed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Bounds in octets, and counts.

    `ratio` is how much larger than its packed form something may be; it counts only past
    `ratio_from` octets, because short repetitive text packs well and harms nobody.
    """

    input_octets: int = 64 << 20
    octets: int = 256 << 20  # of one report, unpacked
    total_octets: int = 512 << 20  # of all reports of one arrival, unpacked
    ratio: int = 250
    ratio_from: int = 16 << 20
    nesting: int = 6  # mail within mail, zip within gzip
    members: int = 100  # of one zip file or of one mail
    packed: int = 1000  # of one arrival, unpacked from gzip or zip
    pieces: int = 12_000_000  # of one arrival, not written as usual; see `effort`
    wrapping: int = 2_000_000  # pieces of one arrival, of the mails and gzip around its reports
    rows: int = 1_000_000
    kinds: int = 100_000  # of records, alike but for address and count; kept beside the rows
    results: int = 250_000  # of DKIM, SPF and overrides in all kinds of records
    depth: int = 24  # of elements or of JSON values
    names: int = 1000  # of elements and attributes, different ones
    element_octets: int = 1 << 20  # of the head, or of one record
    json_octets: int = 16 << 20
    json_values: int = 500_000  # of one TLS report, about
    policies: int = 10_000  # of one TLS report
    failures: int = 100_000  # of one TLS report


LIMITS = Limits()
