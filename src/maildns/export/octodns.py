"""
The records as octoDNS's YAML, one file a zone.

The text is written, not dumped: YAML takes JSON's strings as they are, so that no YAML
library is needed and nothing in a record can be taken for YAML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from maildns.dnsdata import Caa, Mx, Rdata, Srv, Tlsa, Txt, absolute
from maildns.export.record import ExportRecord, by_set, by_zone

_HEAD = """\
---
# octoDNS, zone {zone}: its mail records.
# octoDNS removes what its files do not name: add the zone's other records first, and at
# {zone} the other TXT values.
"""


def zone_files(records: Sequence[ExportRecord]) -> dict[str, str]:
    """The file of each zone, by the name that octoDNS's YamlProvider looks for."""
    return {
        f"{zone}.yaml": _HEAD.format(zone=zone) + "\n".join(_names(members)) + "\n"
        for zone, members in by_zone(records)
    }


def octodns_text(records: Sequence[ExportRecord]) -> str:
    """All files in one text; each begins with a `---` line, so they are YAML documents."""
    return "".join(zone_files(records).values())


def _names(records: Sequence[ExportRecord]) -> Iterator[str]:
    """Every name once, sorted, as octoDNS wants; the zone itself is the empty name."""
    names: dict[str, list[list[ExportRecord]]] = {}
    for _, members in by_set(records):
        label = "" if members[0].name == members[0].zone else members[0].label
        names.setdefault(label, []).append(members)
    for label in sorted(names, key=_natural):
        yield f"{_quoted(label)}:"
        for members in sorted(names[label], key=lambda one: one[0].rrtype):
            yield from _set(members)


def _set(records: Sequence[ExportRecord]) -> Iterator[str]:
    first = records[0]
    values = [_value(record.rdata) for record in records]
    yield f"  # {' '.join((first.reason or first.kind).split())}"
    yield f"  - ttl: {first.ttl_seconds}"
    yield f"    type: {first.rrtype}"
    if len(values) == 1:
        yield f"    value: {_quoted(values[0])}"
    else:
        yield "    values:"
        yield from (f"    - {_quoted(value)}" for value in values)


def _value(rdata: Rdata) -> Any:
    match rdata:
        case Mx(preference, host):
            return {"preference": preference, "exchange": absolute(host)}
        case Srv(priority, weight, port, target):
            return {
                "priority": priority,
                "weight": weight,
                "port": port,
                "target": absolute(target),
            }
        case Tlsa(usage, selector, matching, association):
            return {
                "certificate_usage": usage,
                "selector": selector,
                "matching_type": matching,
                "certificate_association_data": association.hex(),
            }
        case Caa(flags, tag, value):
            return {"flags": flags, "tag": tag, "value": value.decode("utf-8", "replace")}
        case Txt():
            return escape(rdata)
    return str(rdata)


def escape(txt: Txt) -> str:
    r"""
    A text as octoDNS wants it: whole, with semicolons and backslashes escaped.

    Octets beyond printable ASCII become zone-file escapes; octoDNS cuts it itself.

    >>> print(escape(Txt.of("v=DMARC1; p=none")))
    v=DMARC1\; p=none
    """
    special = {0x3B: "\\;", 0x5C: "\\\\"}
    return "".join(
        special.get(octet) or (chr(octet) if 0x20 <= octet < 0x7F else f"\\{octet:03d}")
        for octet in txt.joined
    )


def _quoted(value: Any) -> str:
    # octoDNS refuses mappings whose keys are not sorted.
    return json.dumps(value, sort_keys=True)


def _natural(label: str) -> tuple[str | int, ...]:
    """
    The order in which octoDNS wants names: numbers in them by their size.

    >>> sorted(["s10", "s9", "_25._tcp", ""], key=_natural)
    ['', '_25._tcp', 's9', 's10']
    """
    parts = [part for part in re.split(r"([0-9]+)", label) if part]
    # A text comes first, so that a text is never compared with a number.
    lead = [""] if parts and parts[0].isdigit() else []
    return tuple(int(part) if part.isdigit() else part for part in [*lead, *parts])
