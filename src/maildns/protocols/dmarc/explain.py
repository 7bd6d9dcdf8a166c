"""What each tag of a DMARC record means, in plain words."""

from __future__ import annotations

from collections.abc import Callable

from maildns.protocols.dmarc.record import DmarcRecord, Policy, Psd, ReportUri

_POLICY = {
    Policy.NONE: "deliver as usual",
    Policy.QUARANTINE: "treat as suspicious, for instance as spam",
    Policy.REJECT: "refuse",
}
_DEFAULTS = {"t": "t=n", "psd": "psd=u", "adkim": "adkim=r", "aspf": "aspf=r"}
_FAILURE = {
    "0": "when neither SPF nor DKIM passes for an aligned domain",
    "1": "when SPF or DKIM does not pass for an aligned domain",
    "d": "when a DKIM signature fails",
    "s": "when SPF fails",
}


def explain(record: DmarcRecord) -> list[tuple[str, str]]:
    """
    Pair each tag, as published, with what it asks of receivers.

    >>> explain(DmarcRecord(policy=Policy.REJECT))[1]
    ('p=reject', 'mail from this domain that does not pass DMARC: refuse')
    """
    rows = [("v=DMARC1", "this is a DMARC record")]
    rows += [(f"{tag}={value}", _meaning(record, tag)) for tag, value in record.tags()]
    shown = {tag for tag, _ in record.tags()}
    spelled_out = [tag for tag in map(str.lower, record.published) if tag not in shown]
    rows += [(_DEFAULTS[tag], "the default") for tag in spelled_out if tag in _DEFAULTS]
    if record.policy is None:
        rows.append(("(no p)", "no policy: counts as p=none, and as no record at all without rua"))
    return rows


def _meaning(record: DmarcRecord, tag: str) -> str:
    known = _MEANINGS.get(tag)
    return known(record) if known else "not a DMARC tag: receivers ignore it"


def _asked(policy: Policy | None) -> str:
    return _POLICY[policy or Policy.NONE]


def _psd(psd: Psd) -> str:
    if psd is Psd.YES:
        return "this is a public suffix: each name below it belongs to someone else"
    return "this is an organizational domain, whatever stands above it"


def _failure_options(record: DmarcRecord) -> str:
    when = ", and ".join(_FAILURE.get(option, option) for option in record.failure_options)
    return f"send a failure report {when}" + (
        "" if record.failure_reports_to else " (idle: no ruf)"
    )


def _places(uris: tuple[ReportUri, ...]) -> str:
    return ", ".join(uri.address or uri.uri for uri in uris)


_MEANINGS: dict[str, Callable[[DmarcRecord], str]] = {
    "p": lambda r: f"mail from this domain that does not pass DMARC: {_asked(r.policy)}",
    "sp": lambda r: f"the same from subdomains that exist: {_asked(r.subdomain_policy)}",
    "np": lambda r: f"from subdomains that do not exist: {_asked(r.nonexistent_policy)}",
    "t": lambda _: "test mode: apply the policy one level lower",
    "psd": lambda r: _psd(r.psd),
    "adkim": lambda _: "a DKIM signature counts only if its d= is exactly the domain of From:",
    "aspf": lambda _: "SPF counts only if the envelope sender has exactly the domain of From:",
    "fo": _failure_options,
    "rua": lambda r: f"daily summaries go to {_places(r.aggregate_reports_to)}",
    "ruf": lambda r: f"reports on single failures go to {_places(r.failure_reports_to)}",
    "pct": lambda r: f"historic: for {r.percent} % of failing mail; newer receivers ignore it",
    "ri": lambda r: f"historic: a summary every {r.report_interval} seconds",
    "rf": lambda _: "historic: the format of failure reports",
}
