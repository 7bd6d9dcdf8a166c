"""
Fetching an MTA-STS policy over HTTPS, as a careful sender does (RFC 8461 section 3.3).

The server is not trusted with anything, see `maildns.net.web`: one deadline holds from the search
for its address to the last octet, no redirect is followed, and of a body no more is read than a
policy may have.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError
from maildns.net.web import (
    FetchResult,
    Wanted,
    WebFault,
    connect,
    get,
    judge_encoding,
    judge_status,
)
from maildns.protocols.mtasts import StsPolicy, parse_policy, policy_url

if TYPE_CHECKING:
    from http.client import HTTPResponse

__all__ = ["FetchResult", "FetchedPolicy", "fetch_policy"]

TIMEOUT_SECONDS: Final = 60.0  # RFC 8461 section 3.3
MAX_POLICY_OCTETS: Final = 64 * 1024  # RFC 8461 section 3.3
PATH: Final = "/.well-known/mta-sts.txt"  # RFC 8461 section 3.2
WANTED: Final = Wanted("the policy", "text/plain", MAX_POLICY_OCTETS, path=PATH)


@dataclass(frozen=True, slots=True)
class FetchedPolicy:
    """
    What came of the fetch of the policy at `url`.

    `text` is what was served, `reason` says why it is not used, `report_as` is the result
    type that a sender reports (RFC 8460 section 4.3.2.2), and `notes` are faults that senders may
    overlook.
    """

    result: FetchResult
    url: str
    policy: StsPolicy | None = None
    text: str = ""
    reason: str = ""
    report_as: str = ""
    notes: tuple[str, ...] = ()


def fetch_policy(
    domain: str,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
    address: str | None = None,
    port: int = 443,
    authorities_pem: str | None = None,
) -> FetchedPolicy:
    """
    Fetch the MTA-STS policy of *domain*.

    The certificate must be issued by an authority that the system trusts (or by one of
    *authorities_pem*) and name `mta-sts.<domain>`, also where the connection goes to another
    *address* or *port*. Whether there is a TXT record
    that announces the policy is not asked: see `mtasts.record_lookup`. Raises `RecordSyntaxError`
    when *domain* is no name; a server's faults are results.
    """
    url = policy_url(domain)
    host = f"mta-sts.{name(domain)}"
    deadline = time.monotonic() + timeout_seconds
    notes: list[str] = []

    def judge_head(response: HTTPResponse) -> None:
        notes.extend(filter(None, [_judge_head(response)]))

    try:
        with closing(connect(host, address or host, port, deadline, authorities_pem)) as connection:
            body = get(connection, WANTED._replace(host=host), deadline, judge_head)
    except WebFault as fault:
        # RFC 8460 section 4.3.2.2
        untrusted = fault.about == "certificate"
        report_as = "sts-webpki-invalid" if untrusted else "sts-policy-fetch-error"
        return FetchedPolicy(fault.result, url, reason=fault.reason, report_as=report_as)
    return _read_policy(url, body, tuple(notes))


def _judge_head(response: HTTPResponse) -> str:
    """What is odd about the head; raises `WebFault` where senders refuse it."""
    # RFC 8461 section 3.3: redirects are not followed, and only 200 will do.
    if 300 <= response.status < 400:
        raise WebFault(FetchResult.REFUSED, "the server redirects, which senders do not follow")
    judge_status(response)
    judge_encoding(response)
    kind = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
    if kind == "text/plain":
        return ""
    # RFC 8461 section 3.3: a SHOULD, so some senders refuse it and some do not.
    shown = "".join(char for char in kind if char.isprintable())[:60]
    return f"the content type is {shown or 'missing'}, not text/plain: some senders refuse that"


def _read_policy(url: str, body: bytes, notes: tuple[str, ...]) -> FetchedPolicy:
    try:
        text = body.decode("utf-8")
        policy = parse_policy(text)
    except (UnicodeDecodeError, RecordSyntaxError) as error:
        shown = body.decode("utf-8", "replace")
        reason = error.problem if isinstance(error, RecordSyntaxError) else "it is not UTF-8 text"
        return FetchedPolicy(
            FetchResult.INVALID, url, None, shown, reason, "sts-policy-invalid", notes
        )
    return FetchedPolicy(FetchResult.FETCHED, url, policy, text, notes=notes)
