"""
One message, both kinds of receivers: what each makes of it, and where and why they differ.

Receivers of RFC 9989 and of RFC 7489 will live side by side for years. They find policies and
organizational domains in different places, and each knows tags that the other ignores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from maildns.ask import Inquiry
from maildns.protocols.dmarc.evaluate import evaluate
from maildns.protocols.dmarc.record import DmarcRecord
from maildns.protocols.dmarc.verdict import DmarcVerdict

_FIELDS = {
    "result": "the result is",
    "disposition": "this mail gets",
    "policy_domain": "the policy is found at",
    "organizational_domain": "the organizational domain is",
    "spf_aligned": "SPF is aligned:",
    "dkim_aligned": "DKIM is aligned:",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """
    One thing that the two readers see differently.

    `field` is the attribute of `DmarcVerdict`, `newer` and `older` what receivers of RFC 9989 and
    of RFC 7489 see there; `str()` says it in words.
    """

    field: str
    newer: str
    older: str

    def __str__(self) -> str:
        return f"{_FIELDS[self.field]} {self.newer} for rfc9989, {self.older} for rfc7489"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both verdicts, where they differ, and the tags and rules that make the difference."""

    newer: DmarcVerdict
    older: DmarcVerdict
    differences: tuple[Difference, ...]
    causes: tuple[str, ...]


def compare(
    *,
    header_from: str,
    spf: tuple[str, str] | None = None,
    dkim: Iterable[tuple[str, str]] = (),
) -> Inquiry[Comparison]:
    """
    Judge a message as each reader does, and say where they differ; see `evaluate`.

    Raises `RecordSyntaxError` when *header_from* is not a domain name.
    """
    signatures = list(dkim)
    newer = yield from evaluate(header_from=header_from, spf=spf, dkim=signatures)
    older = yield from evaluate(header_from=header_from, spf=spf, dkim=signatures, reader="rfc7489")
    found = tuple(differences(newer, older))
    return Comparison(newer, older, found, tuple(causes(newer, older)))


def differences(newer: DmarcVerdict, older: DmarcVerdict) -> list[Difference]:
    """What *newer*, the verdict by RFC 9989, and *older*, that by RFC 7489, do not share."""
    told = []
    for field in _FIELDS:
        nowhere = "nowhere" if field == "policy_domain" else "not known"
        mine, theirs = (_shown(getattr(one, field), nowhere) for one in (newer, older))
        if mine != theirs:
            told.append(Difference(field, mine, theirs))
    return told


def _shown(value: object, nothing: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return nothing if value is None else str(value)


_Cause = Callable[[DmarcRecord], bool]
_TAGS: dict[str, _Cause] = {
    # RFC 9989 section 4.7 brought np, psd and t; section 9.3 made pct historic.
    "t=y lowers the policy for rfc9989 only": lambda record: record.testing,
    "pct is a sample for rfc7489 only": lambda record: record.percent not in {None, 100},
    "np counts for rfc9989 only": lambda record: (
        record.nonexistent_policy is not None
        and record.nonexistent_policy is not record.for_subdomains
    ),
    "a record without p asks for nothing by rfc9989, and is an error by rfc7489": lambda record: (
        record.policy is None
    ),
}


def causes(newer: DmarcVerdict, older: DmarcVerdict) -> list[str]:
    """Why *newer* and *older* differ, as far as the record and the search for it tell."""
    return list(_causes(newer, older)) if differences(newer, older) else []


def _causes(newer: DmarcVerdict, older: DmarcVerdict) -> Iterable[str]:
    if (newer.policy_domain, newer.organizational_domain) != (
        older.policy_domain,
        older.organizational_domain,
    ):
        yield "rfc9989 walks the DNS upwards, rfc7489 looks into the public suffix list"
    # Each reader drops the tags that it does not know, so the newer one sees more of the record.
    seen = [one.record for one in (newer, older) if one.record is not None]
    for says, holds in _TAGS.items():
        if any(holds(record) for record in seen):
            yield says
