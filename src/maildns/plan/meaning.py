"""What a change means for mail, in sentences, and why somebody should look twice at it."""

from __future__ import annotations

from functools import lru_cache

from maildns.dnsdata import Cname, Mx, Rdata, RRset, Tlsa, Txt, absolute
from maildns.errors import RecordSyntaxError
from maildns.plan.ownership import Settled
from maildns.plan.wanted import Kind
from maildns.protocols import dmarc, spf


def meaning_of(settled: Settled) -> tuple[str, ...]:
    """
    Sentences that say what mail notices; empty where the record says it itself.

    Only what changes is said: a first SPF record says whom it permits, a changed one
    who is gained and lost.
    """
    before, after = settled.before, settled.after
    if settled.rrtype == "CNAME" and after is None and before is not None:
        return (f"the name is no longer an alias of {_target(before)}",)
    if settled.kind is Kind.SPF or (settled.kind is Kind.HELO and before is not None):
        return _spf_meaning(_one(before, spf.is_spf), _one(after, spf.is_spf))
    if settled.kind is Kind.DMARC and before is not None:
        return _dmarc_meaning(_one(before, _is_dmarc), _one(after, _is_dmarc))
    if settled.rrtype == "MX":
        return _mx_meaning(before, after)
    if settled.kind is Kind.TLSA and before is not None:
        return _tlsa_meaning(before, after)
    if settled.kind is Kind.DKIM and before is not None:
        return ("mail signed with the key that stood here no longer verifies",)
    return ()


def caution_of(settled: Settled) -> str:
    """Why this change needs a second word; empty when it needs none."""
    before, after = settled.before, settled.after
    if before is None:
        return ""
    if settled.rrtype == "CNAME" and after is None and settled.kind is not Kind.FORMER:
        return f"takes away an alias (to {_target(before)}) that somebody made on purpose"
    if settled.kind is Kind.FORMER and settled.rrtype == "MX" and after is None:
        return "takes away where the domain's mail goes"
    if settled.lost and settled.kind is Kind.DKIM:
        return "takes the place of a key that maildns did not publish; who signs with it?"
    # At its own name the server is what the owner says; its HELO name may be a web site's.
    if settled.lost and settled.kind is Kind.ADDRESS and settled.name != settled.group:
        gone = ", ".join(str(record) for record in settled.lost)
        return f"takes away {gone}, which others may need: the name is not the server's own"
    return ""


def _target(alias: RRset) -> str:
    record = alias.records[0]
    return record.target if isinstance(record, Cname) else str(record)


def _one(rrset: RRset | None, chosen: object) -> str | None:
    """The only text of our kind; several are as good as none to a receiver."""
    if rrset is None or not callable(chosen):
        return None
    texts = [r.text for r in rrset.records if isinstance(r, Txt) and chosen(r.text)]
    return texts[0] if len(texts) == 1 else None


def _is_dmarc(text: str) -> bool:
    return text.lstrip().lower().startswith("v=dmarc1")


@lru_cache(maxsize=4096)
def _spf_meaning(before: str | None, after: str | None) -> tuple[str, ...]:
    try:
        old = spf.parse(before) if before is not None else None
        new = spf.parse(after) if after is not None else None
    except RecordSyntaxError:
        return ("the record that stands there cannot be read, so SPF fails for all mail",)
    sentences = spf.meaning_of_change(old, new)
    if old is None:
        others = spf.permitted(new).others
        sentences = [one for one in sentences if not one.startswith("others:")]
        sentences.append(f"mail from anywhere else: {others}")
    return tuple(sentences)


def _dmarc_meaning(before: str | None, after: str | None) -> tuple[str, ...]:
    old = dmarc.read(before) if before is not None else None
    new = dmarc.read(after) if after is not None else None
    if new is None:
        return ("receivers apply no policy any more, and report nothing",)
    if old is None:
        return (f"receivers begin to apply p={new.policy or 'none'}",)
    sentences = []
    for label, was, now in (
        ("p", old.policy, new.policy),
        ("sp", old.subdomain_policy, new.subdomain_policy),
        ("np", old.nonexistent_policy, new.nonexistent_policy),
    ):
        if was != now:
            sentences.append(f"{label}: {was or 'unset'} becomes {now or 'unset'}")
    was_to = {uri.uri for uri in old.aggregate_reports_to}
    now_to = {uri.uri for uri in new.aggregate_reports_to}
    sentences.extend(f"reports no longer go to {uri}" for uri in sorted(was_to - now_to))
    sentences.extend(f"reports now go to {uri}" for uri in sorted(now_to - was_to))
    return tuple(sentences)


def _mx_meaning(before: RRset | None, after: RRset | None) -> tuple[str, ...]:
    old, new = _hosts(before), _hosts(after)
    if new == {"."}:
        return ("mail for the domain is refused at once",)
    sentences = [f"mail no longer goes to {_host(host)}" for host in sorted(old - new)]
    sentences.extend(f"mail goes to {_host(host)}" for host in sorted(new - old))
    return tuple(sentences)


def _hosts(rrset: RRset | None) -> set[str]:
    return {record.host for record in rrset.records if isinstance(record, Mx)} if rrset else set()


def _host(host: str) -> str:
    return "nowhere (null MX)" if host == "." else absolute(host).rstrip(".")


def _tlsa_meaning(before: RRset, after: RRset | None) -> tuple[str, ...]:
    old: set[Rdata] = set(before.records)
    new: set[Rdata] = set(after.records) if after else set()
    gone = [record for record in old - new if isinstance(record, Tlsa)]
    come = [record for record in new - old if isinstance(record, Tlsa)]
    sentences = [f"a server that shows {_brief(record)} is refused" for record in sorted(gone)]
    sentences.extend(f"a server that shows {_brief(record)} is trusted" for record in sorted(come))
    return tuple(sentences)


def _brief(record: Tlsa) -> str:
    digest = record.association.hex()
    return f"{record.usage} {record.selector} {record.matching_type} {digest[:16]}…"
