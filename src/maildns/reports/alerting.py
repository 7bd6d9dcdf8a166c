"""
Alerts: which remarks are worth waking somebody for, and which of them were told already.

What was told is remembered in the store, for each way of telling by itself, so that a mail is not
sent again because a webhook failed. Nothing here sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from maildns.reports.cleaning import clean
from maildns.reports.remarks import Limits, Remark, Topic
from maildns.reports.views import Memory

ALERT = "alert"  # the kind of memo that holds what was told
PATIENCE = 8
VERSION = 1  # of the JSON that webhooks and commands are given
ALERTED = frozenset(
    {
        Topic.NEW_SOURCE,
        Topic.JUMP,
        Topic.DROP,
        Topic.SILENCE,
        Topic.MISSING_KEY,
        Topic.OLD_KEY,
        Topic.TLS,
        Topic.CERTIFICATE,
    }
)
_MOST_SHOWN = 3_500  # characters
_MOST = 1_000  # alerts in one message; a store in worse trouble needs looking at as a whole


def alerts_among(remarks: Iterable[Remark]) -> list[Remark]:
    """
    Those of *remarks* that are alerts; each trouble once.

    What can wait until somebody looks, such as an include that no mail uses, is none.
    """
    found: dict[str, Remark] = {}
    for remark in remarks:
        if remark.topic in ALERTED:
            found.setdefault(key_of(remark), remark)
    return list(found.values())[:_MOST]


def key_of(remark: Remark) -> str:
    """
    What makes two remarks the same trouble, whatever the day.

    >>> key_of(Remark(Topic.JUMP, "example.com", "messages", "", "", date(2026, 5, 1)))
    'jump example.com messages'
    """
    return f"{remark.topic} {remark.domain} {remark.subject}"


@dataclass(frozen=True, slots=True)
class Told:
    """An alert, and what stands against telling it again; `last` is when it was told."""

    remark: Remark
    last: datetime | None
    due: bool


def weighed(
    alerts: Iterable[Remark], way: str, memory: Memory, now: datetime, quiet: timedelta
) -> list[Told]:
    """
    Say of each of *alerts* whether it is due by *way*: never told, or not for as long as *quiet*.

    What grows worse slowly, such as the age of a key, is told `PATIENCE` times less often.
    """
    by_key = {_memo_key(way, one): one for one in alerts}
    memos = memory.recall(ALERT, by_key)
    told = []
    for key, remark in by_key.items():
        memo = memos.get(key)
        last = memo.at if memo else None
        pause = quiet * PATIENCE if remark.topic is Topic.OLD_KEY else quiet
        told.append(Told(remark, last, due=last is None or now - last >= pause))
    return told


def remember_told(alerts: Iterable[Remark], way: str, memory: Memory, now: datetime) -> None:
    """Note that *alerts* were told by *way*."""
    memory.remember(ALERT, {_memo_key(way, one): one.says[:500] for one in alerts}, now)


def _memo_key(way: str, remark: Remark) -> str:
    return f"{way} {key_of(remark)}"


def certificate_remarks(
    chains: Mapping[str, Sequence[bytes]], today: date, limits: Limits | None = None
) -> list[Remark]:
    """
    What is to be said of certificates by host: DER, the leaf first.

    One that cannot be read is left out: whoever reads the description says so.
    """
    from cryptography.x509 import load_der_x509_certificate

    limits = limits or Limits()
    found = []
    for host, chain in sorted(chains.items()):
        if not chain:
            continue
        try:
            end = load_der_x509_certificate(chain[0]).not_valid_after_utc.date()
        except ValueError:
            continue
        left = (end - today).days
        if left > limits.certificate_days:
            continue
        when = f"ends on {end}, in {left} days" if left >= 0 else f"ended on {end}"
        says = f"the certificate of {host} {when}"
        mend = (
            "renew it, and have the mail server load the new one; then maildns tlsa check " + host
        )
        found.append(Remark(Topic.CERTIFICATE, host, host, says, mend, today, urgent=True))
    return found


# --- what is told ---------------------------------------------------------------------


def headline(alerts: Sequence[Remark]) -> str:
    """
    One line for all of *alerts*.

    >>> headline([Remark(Topic.TLS, "example.com", "x", "7 TLS sessions failed", "", date(2026, 5, 1))])
    'maildns: example.com: 7 TLS sessions failed'
    """
    if len(alerts) == 1:
        return clean(f"maildns: {alerts[0].domain}: {alerts[0].says}", 150)
    domains = sorted({one.domain for one in alerts})
    named = ", ".join(domains[:3]) + (f" and {len(domains) - 3} more" if len(domains) > 3 else "")
    return clean(f"maildns: {len(alerts)} alerts about {named}", 150)


def letter(alerts: Sequence[Remark]) -> str:
    """All of *alerts* as plain text for people."""
    parts = []
    for one in alerts:
        lines = [f"{clean(one.domain)}: {clean(one.says)}"]
        lines += [f"  mend: {clean(one.mend)}"] if one.mend else []
        lines += [f"  {clean(each)}" for each in one.evidence]
        parts.append("\n".join([*lines, f"  seen on {one.day}"]))
    return "\n\n".join(parts) + "\n"


def document(alerts: Sequence[Remark]) -> dict[str, Any]:
    """
    All of *alerts* as JSON has them.

    `text` is there for the webhooks of chat rooms, which show it.
    """
    return {
        "version": VERSION,
        "text": _cut(f"{headline(alerts)}\n\n{letter(alerts)}"),
        "alerts": [
            {
                "topic": str(one.topic),
                "domain": one.domain,
                "subject": one.subject,
                "says": one.says,
                "mend": one.mend,
                "day": one.day.isoformat(),
                "urgent": one.urgent,
                "evidence": list(one.evidence),
            }
            for one in alerts
        ],
    }


def _cut(text: str) -> str:
    """*text*, as long as chat rooms show it."""
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"
