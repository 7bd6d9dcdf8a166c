"""A TLS-RPT record in plain words."""

from __future__ import annotations

from urllib.parse import unquote

from maildns.protocols.tlsrpt.record import VERSION, TlsRptRecord


def explain(record: TlsRptRecord) -> list[tuple[str, str]]:
    """Say what each field of *record* means, in order."""
    ways = "; ".join(_way(uri) for uri in record.rua)
    return [
        (VERSION, "senders are asked for a daily report on TLS to the mail hosts"),
        ("rua=" + ",".join(record.rua), ways),
        *((f"{key}={value}", "reporters pass over this field") for key, value in record.extensions),
    ]


def _way(uri: str) -> str:
    scheme, _, rest = uri.partition(":")
    if scheme.lower() == "mailto":
        return f"by mail to {unquote(rest.partition('?')[0])}"
    if scheme.lower() == "https":
        return f"by HTTPS POST to {uri}"
    return f"{uri}: reporters do not know this scheme"
