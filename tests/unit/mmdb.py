"""A small writer of MaxMind database files (format 2.0), for the tests of who reads them."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

_MARKER = b"\xab\xcd\xefMaxMind.com"
_UINT16, _UINT64 = 5, 9
_SPACE = 16  # zero octets between tree and data


def _sized(kind: int, size: int) -> bytes:
    """The control octets of a value (section "Data Field Format")."""
    extended = b"" if kind <= 7 else bytes([kind - 7])
    head = (kind if kind <= 7 else 0) << 5
    if size < 29:
        return bytes([head | size]) + extended
    if size < 285:
        return bytes([head | 29]) + extended + bytes([size - 29])
    return bytes([head | 30]) + extended + (size - 285).to_bytes(2, "big")


def encoded(value: Any) -> bytes:
    """*value* as the data section has it: maps, texts, unsigned integers, arrays, truths."""
    if isinstance(value, bool):
        return _sized(14, int(value))
    if isinstance(value, str):
        octets = value.encode()
        return _sized(2, len(octets)) + octets
    if isinstance(value, tuple):  # a number of a given kind
        kind, number = value
        octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
        return _sized(kind, len(octets)) + octets
    if isinstance(value, int):
        octets = value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big") if value else b""
        kind = 6 if len(octets) <= 4 else 9 if len(octets) <= 8 else 10
        return _sized(kind, len(octets)) + octets
    if isinstance(value, dict):
        return _sized(7, len(value)) + b"".join(
            encoded(one) for pair in value.items() for one in pair
        )
    return _sized(11, len(value)) + b"".join(map(encoded, value))


def write(path: Path, entries: dict[str, Any], *, version: int = 6) -> Path:
    """Write the file at *path*: what *entries* say of each network; IPv4 stands below ::/96."""
    tree: list[list[Any]] = [[None, None]]
    data = b""
    for text, value in entries.items():
        network = ip_network(text)
        bits = int(network.network_address)
        width, length = network.max_prefixlen, network.prefixlen
        if version == 6 and network.version == 4:
            length, width = length + 96, 128
        at = 0
        for step in range(length):
            side = bits >> (width - 1 - step) & 1
            if step == length - 1:
                tree[at][side] = ("data", len(data))
            else:
                if tree[at][side] is None:
                    tree.append([None, None])
                    tree[at][side] = len(tree) - 1
                at = tree[at][side]
        data += encoded(value)
    nodes = b"".join(_record(one, len(tree)) for node in tree for one in node)
    metadata = {
        "binary_format_major_version": (_UINT16, 2),
        "binary_format_minor_version": (_UINT16, 0),
        "build_epoch": (_UINT64, 1_780_000_000),
        "database_type": "Test",
        "description": {"en": "made by the tests"},
        "ip_version": (_UINT16, version),
        "languages": ["en"],
        "node_count": len(tree),
        "record_size": (_UINT16, 24),
    }
    path.write_bytes(nodes + bytes(_SPACE) + data + _MARKER + encoded(metadata))
    return path


def _record(one: Any, count: int) -> bytes:
    number = count if one is None else one if isinstance(one, int) else count + _SPACE + one[1]
    return number.to_bytes(3, "big")
