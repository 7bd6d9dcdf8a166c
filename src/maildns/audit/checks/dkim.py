"""DKIM: the keys that can be found, and what is wrong with them (RFC 6376)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from maildns.ask import Answer, Outcome
from maildns.audit.checks import dkim_rules as own
from maildns.audit.checks.places import (
    MAX_TEXTS,
    cannot_know,
    misplaced,
    of_wildcard,
    resembles,
    strayed,
    texts_of,
    wrong_place,
)
from maildns.audit.facts import DnsFacts, Facts, SelectorFacts
from maildns.audit.registry import check
from maildns.audit.result import Result, broken, not_applicable, of_findings, ok, unknown
from maildns.errors import InputError, RecordSyntaxError
from maildns.finding import Finding, Fix, Severity
from maildns.protocols.dkim import rules
from maildns.protocols.dkim.evaluate import KeyResult
from maildns.protocols.dkim.key import algorithm_of, bits, public_key_from_record
from maildns.protocols.dkim.lint import lint_text
from maildns.protocols.dkim.record import parse_key
from maildns.protocols.mx import MxResult
from maildns.zonelint.rules import SEVERAL

_VERSION = "v=dkim1"
_REVOKED = "v=DKIM1; p="
_SOURCES = {
    "given": "asked for",
    "config": "in the configuration",
    "message": "seen in a message",
    "reports": "seen in reports",
    "common": "a usual selector",
}
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\"';")


@lru_cache(maxsize=8192)
def _linted(text: str) -> tuple[Finding, ...]:
    # Whether there is an RSA key beside it, other selectors tell.
    return tuple(one for one in lint_text(text) if one.rule != rules.ED25519_ALONE.id)


@lru_cache(maxsize=8192)
def _described(text: str) -> str:
    """The type and size of the key in *text*; empty where there is none to be read."""
    try:
        key = public_key_from_record(parse_key(text))
    except (RecordSyntaxError, InputError):
        return ""
    return "Ed25519" if algorithm_of(key) == "ed25519" else f"RSA, {bits(key)} bits"


@check("dkim")
def keys(facts: Facts) -> Iterator[Result]:
    """Each selector that is in use or can be guessed has one good key."""
    for one in facts.dns.selectors:
        yield from _of_selector(facts.dns, one)


def _of_selector(dns: DnsFacts, one: SelectorFacts) -> Iterator[Result]:
    answer = one.answer
    owner = answer.question.name
    in_use = one.source != "common"
    if answer.failed:
        yield cannot_know(own.SELECTOR_MISSING, owner, answer)
    elif answer.found:
        yield from _of_texts(dns, one, list(dict.fromkeys(texts_of(answer))))
    elif answer.aliases:
        says = f"{owner} leads to {answer.owner}, which has no key"
        severity = None if in_use else Severity.WARN
        yield from of_findings([own.ALIAS_BROKEN.finding(owner, says, severity=severity)], answer)
    elif in_use:
        says = f"{one.selector}, {_SOURCES[one.source]}, has no key record"
        yield broken(own.SELECTOR_MISSING, owner, says, answer)


def _of_texts(dns: DnsFacts, one: SelectorFacts, texts: list[str]) -> Iterator[Result]:
    answer = one.answer
    owner = answer.question.name
    candidates = [text for text in texts if _is_key(text)]
    whole = _whole(tuple(texts)) if len(texts) > 1 else None
    if whole is not None:
        says = f"the key is spread over {len(texts)} records"
        yield broken(own.SPLIT, owner, says, answer, fix=Fix("publish as one record", whole))
    elif len(candidates) > 1:
        fix = Fix("keep the key that the server signs with, remove the others")
        says = f"there are {len(candidates)} keys at one selector"
        yield broken(SEVERAL["dkim"], owner, says, answer, fix=fix)
    elif candidates:
        if len(texts) > 1:
            fix = Fix("publish this alone", candidates[0])
            yield broken(own.TEXT_BESIDE, owner, "", answer, fix=fix)
        yield from _of_key(one, candidates[0])
    else:
        if not of_wildcard(dns, answer):
            yield from misplaced(dns, _VERSION, texts[:MAX_TEXTS], answer)
        if one.source != "common":
            says = f"{one.selector}, {_SOURCES[one.source]}: what stands there is no key"
            yield broken(own.SELECTOR_MISSING, owner, says, answer)


def _is_key(text: str) -> bool:
    start = text[:40].lower()
    return resembles(text, _VERSION) or "p=" in start or start.startswith(("k=", "g=", "h="))


@lru_cache(maxsize=512)
def _whole(texts: tuple[str, ...]) -> str | None:
    """The key record whose parts *texts* are; None where they are not parts of one."""
    heads = [text for text in texts if _is_key(text)]
    tails = [text for text in texts if not _is_key(text)]
    if len(heads) != 1 or not 1 <= len(tails) <= 4 or _described(heads[0]):
        return None
    if not all(set(text) <= _BASE64 for text in tails):
        return None
    for order in (tails, tails[::-1]):
        joined = "".join([heads[0], *order])
        if _described(joined):
            return str(parse_key(joined))
    return None


def _of_key(one: SelectorFacts, text: str) -> Iterator[Result]:
    answer = one.answer
    owner = answer.question.name
    faults = _linted(text)
    if one.verdict.result is KeyResult.REVOKED and one.source != "common":
        says = f"{one.selector}, {_SOURCES[one.source]}, is revoked"
        yield broken(own.SELECTOR_REVOKED, owner, says, answer)
        faults = tuple(fault for fault in faults if fault.rule != rules.KEY_REVOKED.id)
    yield from of_findings(faults, answer, subject=owner)
    described = _described(text)
    if described and all(fault.severity is Severity.INFO for fault in faults):
        says = f"{described} ({_SOURCES[one.source]})"
        yield ok(own.SELECTOR_MISSING, owner, says, answer)


@check("dkim")
def known(facts: Facts) -> Iterator[Result]:
    """A domain that sends has a key."""
    dns = facts.dns
    home = dns.answer(f"_domainkey.{dns.domain}", "TXT")
    if dns.exists is False:
        yield not_applicable(own.NO_KEY, dns.domain, "the domain does not exist", home)
        return
    usable = [one.selector for one in dns.selectors if one.verdict.result is KeyResult.MATCH]
    if usable:
        yield ok(own.NO_KEY, dns.domain, f"selectors with a key: {', '.join(usable)}", home)
        return
    if any(one.verdict.result is not KeyResult.REVOKED for one in dns.selectors):
        return  # what is wrong with it was said
    yield _without_key(dns, home)


def _without_key(dns: DnsFacts, home: Answer) -> Result:
    if dns.parked or (dns.sends is False):
        return not_applicable(own.NO_KEY, dns.domain, "the domain sends no mail", home)
    if home.failed:
        return cannot_know(own.NO_KEY, dns.domain, home)
    doubtful = dns.spf.root.temporary or dns.mail.result is MxResult.TEMPERROR
    if dns.sends is None and doubtful:
        says = "there are no keys, and it cannot be known whether the domain sends mail"
        return unknown(own.NO_KEY, dns.domain, says, home)
    if home.outcome is Outcome.NO_NAME:  # RFC 8020: then no selector exists either
        says = f"{home.question.name} does not exist, so mail is not signed"
        return broken(own.NO_KEY, dns.domain, says, home)
    says = "none of the usual selectors has a key; the domain's own may have another name"
    return unknown(own.NO_KEY, dns.domain, says, home)


@check("dkim")
def together(facts: Facts) -> Iterator[Result]:
    """The keys are different, and one of them is of the type that everybody knows."""
    dns = facts.dns
    seen: dict[bytes, tuple[str, str]] = {}
    types = set()
    for one in dns.selectors:
        if one.verdict.result is not KeyResult.MATCH or one.verdict.record is None:
            continue
        types.add(one.verdict.record.key_type)
        key = one.verdict.record.public_key
        other, place = seen.setdefault(key, (one.selector, one.answer.owner))
        # Aliases of one name are one key on purpose.
        if other != one.selector and place != one.answer.owner:
            says = f"{one.selector} and {other} have the same key"
            yield broken(own.SAME_KEY, dns.domain, says, one.answer)
    if types == {"ed25519"}:
        yield broken(own.ONLY_ED25519, dns.domain, "", *(one.answer for one in dns.selectors))


@check("dkim")
def everyone(facts: Facts) -> Iterator[Result]:
    """What stands for all selectors, and what stands beside them."""
    dns = facts.dns
    wildcard = dns.answer(f"*._domainkey.{dns.domain}", "TXT")
    found = [] if of_wildcard(dns, wildcard) else [t for t in texts_of(wildcard) if _is_key(t)]
    if found and all(_is_revoked(text) for text in found):
        yield ok(own.NOT_PARKED, dns.domain, "no selector has a key, by wildcard", wildcard)
    elif found:
        yield broken(own.WILDCARD, wildcard.question.name, "", wildcard)
    elif dns.parked and wildcard.void and not dns.selectors and dns.exists is not False:
        fix = Fix("publish", _REVOKED, wildcard.question.name, "TXT")
        yield broken(own.NOT_PARKED, dns.domain, "", wildcard, fix=fix)
    yield from strayed(dns, _VERSION)
    for name in ("_domainkey", "_adsp._domainkey"):
        yield from _old_policy(dns, dns.answer(f"{name}.{dns.domain}", "TXT"))


def _is_revoked(text: str) -> bool:
    return any(one.rule == rules.KEY_REVOKED.id for one in _linted(text))


def _old_policy(dns: DnsFacts, answer: Answer) -> Iterator[Result]:
    if not answer.found or of_wildcard(dns, answer):
        return
    for text in texts_of(answer):
        if text[:20].lower().startswith(_VERSION) and not answer.question.name.startswith("_adsp"):
            yield wrong_place(dns.domain, _VERSION, text, answer)
        elif "o=" in text or "t=" in text or text.lower().startswith("dkim="):
            says = f"{text[:60]!r} is of a protocol that was given up"
            yield broken(own.OLD_POLICY, answer.question.name, says, answer)
