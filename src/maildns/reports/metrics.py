"""
What the store tells as Prometheus metrics, in the text format (version 0.0.4).

Labels come from bounded sets: results, dispositions and topics that we know, and at most
`MOST_DOMAINS` domains, the rest of which are `other`. An address is never a label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time

from maildns.reports.alerting import ALERTED
from maildns.reports.remarks import Remark, Topic
from maildns.reports.transport import RESULT_TYPES
from maildns.reports.views import DomainDay, TlsDay, Window

MOST_DOMAINS = 1_000
OTHER = "other"
_Samples = Mapping[tuple[str, ...], float]


def metrics(
    days: Iterable[DomainDay], tls: Iterable[TlsDay], alerts: Iterable[Remark], window: Window
) -> str:
    """
    All metrics over *window*, whose daily counts are *days* and *tls*; they end with a newline.

    Counts are gauges: they are of the days of the window, and old days leave it.
    """
    counted, sessions, told = list(days), list(tls), list(alerts)
    named = _named(counted, sessions)
    span = f"in the last {window.days} days that reports are about"
    parts = [*_of_dmarc(counted, named, span), *_of_tls(sessions, named, span)]
    parts += _of_alerts(told, named)
    return "".join(parts)


def _of_dmarc(days: list[DomainDay], named: frozenset[str], span: str) -> Iterator[str]:
    yield _family(
        "maildns_dmarc_messages",
        f"Messages {span}, by the result of DMARC.",
        ("domain", "result"),
        _results(days, named),
    )
    yield _family(
        "maildns_dmarc_aligned_messages",
        f"Messages {span} that pass by the mechanism.",
        ("domain", "mechanism"),
        _aligned(days, named),
    )
    yield _family(
        "maildns_dmarc_disposed_messages",
        f"Messages {span} that receivers quarantined or rejected.",
        ("domain", "disposition"),
        _disposed(days, named),
    )
    yield _family(
        "maildns_dmarc_newest_day_timestamp_seconds",
        "The newest day that an aggregate report is about.",
        ("domain",),
        _newest(days, named),
    )


def _of_tls(days: list[TlsDay], named: frozenset[str], span: str) -> Iterator[str]:
    yield _family(
        "maildns_tls_sessions",
        f"TLS sessions {span}, by result.",
        ("domain", "result"),
        _tls(days, named),
    )
    yield _family(
        "maildns_tls_failures",
        f"Failed TLS sessions {span}, by the type that RFC 8460 gives them.",
        ("domain", "type"),
        _failures(days, named),
    )


def _of_alerts(alerts: list[Remark], named: frozenset[str]) -> Iterator[str]:
    yield _family(
        "maildns_reports_alerts",
        "Alerts that hold now, whether they were told or not.",
        ("topic",),
        _alerts(alerts),
    )
    yield _family(
        "maildns_reports_domain_alerts",
        "The same by domain, for domains that have any.",
        ("domain", "topic"),
        Counter((_label(one.domain, named), _topic(one.topic)) for one in alerts),
    )


def _named(days: Iterable[DomainDay], tls: Iterable[TlsDay]) -> frozenset[str]:
    """The domains that have a label of their own: the busiest."""
    busy: Counter[str] = Counter()
    for day in days:
        busy[day.domain] += day.messages
    for one in tls:
        busy[one.domain] += one.successful + one.failed
    ranked = sorted(busy, key=lambda domain: (-busy[domain], domain))
    return frozenset(ranked[:MOST_DOMAINS])


def _label(domain: str, named: frozenset[str]) -> str:
    return domain if domain in named else OTHER


def _results(days: Iterable[DomainDay], named: frozenset[str]) -> _Samples:
    found: Counter[tuple[str, ...]] = Counter()
    for day in days:
        domain = _label(day.domain, named)
        found[domain, "pass"] += day.passing
        found[domain, "fail"] += day.messages - day.passing
    return found


def _aligned(days: Iterable[DomainDay], named: frozenset[str]) -> _Samples:
    found: Counter[tuple[str, ...]] = Counter()
    for day in days:
        domain = _label(day.domain, named)
        found[domain, "dkim"] += day.dkim_aligned
        found[domain, "spf"] += day.spf_aligned
    return found


def _disposed(days: Iterable[DomainDay], named: frozenset[str]) -> _Samples:
    found: Counter[tuple[str, ...]] = Counter()
    for day in days:
        domain = _label(day.domain, named)
        found[domain, "quarantine"] += day.quarantined
        found[domain, "reject"] += day.rejected
    return found


def _newest(days: Iterable[DomainDay], named: frozenset[str]) -> _Samples:
    newest: dict[tuple[str, ...], date] = {}
    for day in days:
        key = (_label(day.domain, named),)
        newest[key] = max(newest.get(key, day.day), day.day)
    return {key: datetime.combine(day, time(), UTC).timestamp() for key, day in newest.items()}


def _tls(days: Iterable[TlsDay], named: frozenset[str]) -> _Samples:
    found: Counter[tuple[str, ...]] = Counter()
    for day in days:
        domain = _label(day.domain, named)
        found[domain, "success"] += day.successful
        found[domain, "failure"] += day.failed
    return found


def _failures(days: Iterable[TlsDay], named: frozenset[str]) -> _Samples:
    found: Counter[tuple[str, ...]] = Counter()
    for day in days:
        for failure in day.failures:
            known = failure.result_type in RESULT_TYPES
            kind = failure.result_type if known else OTHER
            found[_label(day.domain, named), kind] += failure.sessions
    return found


def _alerts(alerts: Iterable[Remark]) -> _Samples:
    """By topic, those without any too: a gauge that is not there raises no alarm when it comes."""
    found: Counter[tuple[str, ...]] = Counter({(_topic(topic),): 0 for topic in ALERTED})
    for one in alerts:
        found[_topic(one.topic),] += 1
    return found


def _topic(topic: Topic) -> str:
    return topic.value.replace(" ", "_")


def _family(name: str, help: str, labels: tuple[str, ...], samples: _Samples) -> str:
    """One metric with all its samples, sorted; nothing where it has none."""
    if not samples:
        return ""
    lines = [f"# HELP {name} {help}", f"# TYPE {name} gauge"]
    for values, count in sorted(samples.items()):
        pairs = zip(labels, values, strict=True)
        told = ",".join(f'{label}="{escaped(value)}"' for label, value in pairs)
        lines.append(f"{name}{{{told}}} {count:.0f}")
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    r"""
    Give *text* as it may stand in a label's value: a backslash, a quote, an end of line are escaped.

    >>> print(escaped('a"b\\c'))
    a\"b\\c
    """
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
