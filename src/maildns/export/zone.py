"""
The records as zone text that a name server loads (RFC 1035 section 5).

A zone needs an SOA record and name servers, which a description of mail does not name:
stand-ins are written, marked as such, so that the text loads as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from maildns.dnsdata import AAAA, A, Txt, absolute, is_within, quote_string
from maildns.export.record import ExportRecord, ReverseRequest, by_zone, shares_its_set

SERIAL = 1
TIMES = "7200 900 1209600 3600"  # refresh, retry, expire, minimum; as RIPE-203 has them
STRANGER = "ns1.invalid"  # a host that never exists (RFC 6761 section 6.4): replace it


def zone_text(
    records: Sequence[ExportRecord],
    requests: Sequence[ReverseRequest] = (),
    *,
    records_only: bool = False,
) -> str:
    """
    The zones of *records* as one text, each under its `$ORIGIN`.

    With *records_only* no stand-ins for SOA and NS are written, so that the text can be
    pasted into a zone that exists. *requests* become comments.
    """
    parts = [
        "\n".join(_zone_lines(zone, members, records_only=records_only))
        for zone, members in by_zone(records)
    ]
    if requests:
        parts.append("\n".join(request_comments(requests)))
    return "\n\n".join(parts) + "\n" if parts else ""


def _zone_lines(zone: str, records: Sequence[ExportRecord], *, records_only: bool) -> Iterator[str]:
    ttl = _commonest(records)
    yield f"; zone {_comment(zone)}"
    yield f"$ORIGIN {_owner(absolute(zone))}"
    yield f"$TTL {ttl}"
    width = min(max(len(_label(record)) for record in records), 32)
    if not records_only:
        server = name_server(zone, records)
        yield ""
        yield "; Stand-ins: put your own name servers here, and raise the serial with each change."
        yield f"{'@':<{width}} SOA   {server} hostmaster.{absolute(zone)} {SERIAL} {TIMES}"
        yield f"{'@':<{width}} NS    {server}"
    groups = groupby(records, key=lambda record: (record.group, record.kind, record.reason))
    for (group, kind, reason), members in groups:
        yield ""
        yield f"; {_comment(group)}: {_comment(reason or kind)}"
        for record in members:
            if shares_its_set(record) and records_only:
                yield "; it stands beside other TXT records at this name; leave those"
            yield from _record_lines(record, width, ttl)


def name_server(zone: str, records: Sequence[ExportRecord]) -> str:
    """The stand-in for the zone's name server: a host in it with an address, else one of nobody."""
    for record in records:
        if isinstance(record.rdata, A | AAAA) and is_within(record.name, zone):
            return _owner(absolute(record.name))
    return absolute(STRANGER)


def _record_lines(record: ExportRecord, width: int, ttl: int) -> Iterator[str]:
    own_ttl = "" if record.ttl_seconds == ttl else f"{record.ttl_seconds} "
    head = f"{_label(record):<{width}} {own_ttl}{record.rrtype:<5}"
    if not isinstance(record.rdata, Txt) or len(record.rdata.strings) == 1:
        yield f"{head} {record.rdata}"
        return
    indent = " " * (len(head) + 3)
    strings = [quote_string(string) for string in record.rdata.strings]
    yield f"{head} ( {strings[0]}"
    yield from (indent + string for string in strings[1:-1])
    yield f"{indent}{strings[-1]} )"


def request_comments(requests: Sequence[ReverseRequest], mark: str = ";") -> Iterator[str]:
    """The reverse names to ask for, as comments that begin with *mark*."""
    yield f"{mark} Reverse names: the provider of the address publishes these; ask for them."
    for one in requests:
        yield f"{mark} {_comment(one.address)}: {_comment(one.owner)}. PTR {_comment(one.target)}."


def _commonest(records: Sequence[ExportRecord]) -> int:
    ttls = [record.ttl_seconds for record in records]
    return max(sorted(set(ttls)), key=ttls.count)


def _label(record: ExportRecord) -> str:
    return "@" if record.name == record.zone else _owner(record.label)


def _owner(text: str) -> str:
    # A dollar sign at the start of a line makes a directive, a lone @ means the origin.
    return "\\" + text if text.startswith("$") or text == "@" else text


def _comment(text: str) -> str:
    # A line break would end the comment, and what follows would be read as a record.
    return " ".join(text.split()) if text.isprintable() else repr(text)[1:-1]
