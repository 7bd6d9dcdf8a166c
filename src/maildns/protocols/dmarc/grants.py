"""
Reports to another domain: has it agreed? (RFC 9990 section 4, RFC 9991 section 5)

Anyone can write anyone's address into `rua`. So before a report goes to a host of
another organizational domain, the reporter looks for that host's word, a TXT
record at `<policy domain>._report._dmarc.<host>`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from maildns.ask import Answer, Inquiry, Question
from maildns.dnsdata import Txt, name
from maildns.protocols.dmarc.older import registered_domain
from maildns.protocols.dmarc.record import DmarcRecord, ReportUri, read_leniently
from maildns.protocols.dmarc.treewalk import Walk, follow_walk, policy_question, walk_names
from maildns.protocols.dmarc.verdict import Reader

GRANT_TEXT = "v=DMARC1;"  # RFC 9990 section 4: what the destination publishes


@dataclass(frozen=True, slots=True)
class Destination:
    """
    One place that reports shall go to.

    `granted` is True where reports may go there, False where the other domain has
    not agreed, and None where it cannot be known now. `name` is where the grant
    stands or should stand, empty for a host of the same organization or one whose
    grant cannot have a name. `override` are the addresses that the grant names instead for
    aggregate reports, where the address is one of `rua`, and `failure_override` those for failure
    reports, where it is one of `ruf` (RFC 9989 appendix B.2.4).
    """

    uri: ReportUri
    host: str
    external: bool
    granted: bool | None
    name: str = ""
    override: tuple[ReportUri, ...] = ()
    failure_override: tuple[ReportUri, ...] = ()


def grant_name(policy_domain: str, host: str) -> str:
    """
    Where *host* says that it takes reports about *policy_domain* (RFC 9990 section 4).

    Raises `RecordSyntaxError` when that is too long for a name.

    >>> grant_name("example.com", "reports.example.net")
    'example.com._report._dmarc.reports.example.net'
    """
    return name(f"{name(policy_domain)}._report._dmarc.{name(host)}")


def external_destinations(
    policy_domain: str, record: DmarcRecord, reader: Reader = "rfc9989"
) -> Inquiry[list[Destination]]:
    """
    Find out for each address of `rua` and `ruf` whether it is external, and granted.

    *reader* says how organizational domains are found: by walks, or by the public
    suffix list (RFC 7489 section 7.1). Each address is listed once; one that
    names no host is left out.
    """
    uris = dict.fromkeys((*record.aggregate_reports_to, *record.failure_reports_to))
    owner = name(policy_domain)
    hosts = list(dict.fromkeys(uri.host for uri in uris if uri.host and uri.host != owner))
    if reader == "rfc7489":
        home = registered_domain(owner)
        foreign: dict[str, bool | None] = {host: registered_domain(host) != home for host in hosts}
    else:
        foreign = yield from _foreign_by_walking(owner, hosts)
    grants = yield from _ask_grants(owner, [host for host in hosts if foreign[host] is not False])
    return [
        _destination(uri, record, foreign.get(uri.host, False), *grants.get(uri.host, ("", None)))
        for uri in uris
        if uri.host
    ]


def _foreign_by_walking(owner: str, hosts: list[str]) -> Inquiry[dict[str, bool | None]]:
    """For each of *hosts*, whether it is of another organization than *owner*; None: cannot be known."""
    if not hosts:
        return {}
    routes = {one: [policy_question(step) for step in walk_names(one)] for one in (owner, *hosts)}
    questions = tuple(dict.fromkeys(question for route in routes.values() for question in route))
    answers = dict(zip(questions, (yield questions), strict=True))
    walks = {
        start: follow_walk(start, [answers[question] for question in route])
        for start, route in routes.items()
    }
    return {host: _is_foreign(walks[host], walks[owner]) for host in hosts}


def _is_foreign(walk: Walk, home: Walk) -> bool | None:
    """Whether the organizational domains differ; None: cannot be known."""
    if walk.failed_at or home.failed_at:
        return None
    return walk.organizational_domain != home.organizational_domain


def _ask_grants(owner: str, hosts: list[str]) -> Inquiry[dict[str, tuple[str, Answer | None]]]:
    """The name and the answer of each host's grant; no name where it would be too long."""
    names = {}
    for host in hosts:
        try:
            names[host] = grant_name(owner, host)
        except ValueError:  # RFC 9990 section 4: too long for the DNS counts as refused
            names[host] = ""
    asked = [host for host in hosts if names[host]]
    if not asked:
        return dict.fromkeys(hosts, ("", None))
    answers = yield tuple(Question(names[host], "TXT") for host in asked)
    given: dict[str, Answer] = dict(zip(asked, answers, strict=True))
    return {host: (names[host], given.get(host)) for host in hosts}


def _destination(
    uri: ReportUri, record: DmarcRecord, foreign: bool | None, grant: str, answer: Answer | None
) -> Destination:
    if foreign is False:
        return Destination(uri, uri.host, external=False, granted=True)
    if answer is not None and answer.failed:
        return Destination(uri, uri.host, external=bool(foreign), granted=None, name=grant)
    texts = [one.text for one in answer.records if isinstance(one, Txt)] if answer else []
    readings = [reading for text in texts if (reading := read_leniently(text))]
    granting = [one.record for one in readings]
    override: tuple[ReportUri, ...] = ()
    failure_override: tuple[ReportUri, ...] = ()
    if uri in record.aggregate_reports_to:
        override = _named(one.aggregate_reports_to for one in granting)
    if uri in record.failure_reports_to:  # RFC 9991 section 5: the same, by the grant's ruf
        failure_override = _named(one.failure_reports_to for one in granting)
    # RFC 9990 section 4: several records are fine; an override must keep the host, or neither gets a report
    kept = all(other.host == uri.host for other in (*override, *failure_override))
    granted = bool(granting) and kept
    if foreign is None and not granted:
        return Destination(uri, uri.host, external=False, granted=None, name=grant)
    return Destination(
        uri,
        uri.host,
        external=True,
        granted=granted,
        name=grant,
        override=override if granted else (),
        failure_override=failure_override if granted else (),
    )


def _named(lists: Iterable[tuple[ReportUri, ...]]) -> tuple[ReportUri, ...]:
    """All addresses of *lists*, each once."""
    return tuple(dict.fromkeys(uri for uris in lists for uri in uris))
