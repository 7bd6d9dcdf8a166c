"""From where reports shall go to the TLS-RPT record."""

from __future__ import annotations

from collections.abc import Iterable

from maildns.errors import RecordSyntaxError, UsageError
from maildns.protocols.tlsrpt.record import TlsRptRecord, parse

# RFC 8460 section 3: these would end the URI, or be read as something else.
_ENCODED = str.maketrans({",": "%2C", "!": "%21", ";": "%3B"})


def build(rua: Iterable[str] | str) -> TlsRptRecord:
    """
    Make the record that has reports sent to *rua*: mail addresses, `mailto:` or `https:` URIs.

    Commas, semicolons and exclamation marks are percent-encoded, doubles dropped. Raises
    `UsageError` when there is no address, or one that cannot be reported to.

    >>> str(build("tls@example.com"))
    'v=TLSRPTv1; rua=mailto:tls@example.com'
    """
    wanted = [rua] if isinstance(rua, str) else rua
    uris = tuple(dict.fromkeys(_uri(address.strip()) for address in wanted))
    if not uris:
        raise UsageError("there is no address for TLS reports", "give rua, such as tls@example.com")
    return TlsRptRecord(uris)


def _uri(address: str) -> str:
    lower = address.lower()
    if not lower.startswith(("mailto:", "https:")):
        if "://" in address or "@" not in address:
            hint = "give a mail address, or an https address"
            raise UsageError(f"TLS reports cannot be sent to {address!r}", hint)
        address = "mailto:" + address
    address = address.translate(_ENCODED)
    try:
        parse(f"v=TLSRPTv1; rua={address}")
    except RecordSyntaxError as error:
        raise UsageError(f"TLS reports cannot be sent to {address!r}: {error.problem}") from None
    return address
