"""
Zone text: records as zone files write them, read and edited (RFC 1035 section 5).

`parse_rdata` reads the data of one record, `parse_records` a whole text, and
`edit` changes some records of a text and leaves all the rest of it as it is.
Everything here is pure: text in, values or text out; files are `maildns.publish`'s.
"""

from maildns.zonefile.data import parse_rdata
from maildns.zonefile.edit import edit
from maildns.zonefile.records import ZoneRecord, parse_records, rrsets_of, unquoted_words
from maildns.zonefile.serial import next_serial

__all__ = [
    "ZoneRecord",
    "edit",
    "next_serial",
    "parse_rdata",
    "parse_records",
    "rrsets_of",
    "unquoted_words",
]
