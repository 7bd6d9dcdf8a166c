"""
Services that send mail for a domain: what each of them needs in DNS, as data.

`senders = ["google-workspace", "include:spf.example.net"]` in `maildns.toml` names
them, by a preset of `senders.toml` or by an SPF mechanism. SPF looks at the domain of
the envelope sender alone (RFC 7208 section 2.4), so a service with an envelope domain
of its own needs nothing in the customer's record, whatever old guides say; DMARC then
rests on DKIM. Nothing here asks the network, and a mechanism's value is not judged:
that is the business of whoever builds the record.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Literal, TypeAlias

Envelope: TypeAlias = Literal["own", "service"]
DkimDelegation: TypeAlias = Literal["txt", "cname", "none"]

# RFC 7208 section 5, without "all", which names no sender
_WITHOUT_VALUE = ("a", "mx", "ptr")
_EXAMPLES = {
    "include": "include:spf.example.net",
    "ip4": "ip4:192.0.2.1",
    "ip6": "ip6:2001:db8::1",
    "exists": "exists:%{i}.spf.example.net",
}
_MECHANISMS = (*_WITHOUT_VALUE, *_EXAMPLES)
_LONGEST_GUESS = 80  # characters; nothing near a preset's name is longer


@dataclass(frozen=True, slots=True)
class Sender:
    """
    A service, or a mechanism that its owner wrote.

    `terms` go into the customer domain's own SPF record. `envelope` is "own" where
    the envelope sender is the customer's domain, so that SPF aligns, and "service"
    where it is the service's or a subdomain with records of its own, so that only
    DKIM is sure to. `dkim` says how its keys come about: a TXT record that it hands
    out, a CNAME to its own, or none. `checked` is the day on which `source` was last
    compared; None where there is none. `former_terms` are those that it once asked
    for and that do nothing now.
    """

    key: str
    title: str
    terms: tuple[str, ...]
    envelope: Envelope = "own"
    dkim: DkimDelegation = "none"
    note: str = ""
    source: str = ""
    checked: date | None = None
    former_terms: tuple[str, ...] = ()


def presets() -> dict[str, Sender]:
    """
    All presets by name, sorted; a new dict for each caller.

    >>> presets()["google-workspace"].terms
    ('include:_spf.google.com',)
    """
    return dict(_presets())


def sender_named(text: str) -> Sender:
    """
    What *text* in `senders` means: a preset by its name, else one SPF mechanism.

    Names and mechanisms are read in any case; a mechanism keeps its value as written.

    Raises `ValueError` when it is neither, with the nearest name where one is near,
    and for a mechanism that names no sender: `all`, or one that does not permit.

    >>> sender_named("mailchimp").envelope
    'service'
    >>> sender_named("ip4:192.0.2.0/24").terms
    ('ip4:192.0.2.0/24',)
    """
    wanted = text.strip()
    preset = _presets().get(wanted.casefold())
    if preset is not None:
        return preset
    problem = _fault_of_mechanism(wanted)
    if problem:
        raise ValueError(problem)
    return Sender(key=wanted, title=wanted, terms=(wanted,))


def preset_for(term: str) -> Sender | None:
    """
    The preset that *term*, a mechanism of an existing SPF record, stands for.

    None for a term of no preset, and for one with a qualifier other than `+`, since
    it does not permit. A term that a service needs no more stands for no preset, so
    that replacing terms by presets never takes a permission away: see
    `no_longer_needed_by`.

    >>> preset_for("+include:spf.messagingengine.com").key
    'fastmail'
    """
    return _wanted_terms().get(_comparable(term))


def no_longer_needed_by(term: str) -> Sender | None:
    """
    The preset that asked for *term* once and does without it today; None for any other.

    >>> no_longer_needed_by("include:servers.mcsv.net").title
    'Mailchimp'
    """
    return _former_terms().get(_comparable(term))


@cache
def _presets() -> dict[str, Sender]:
    import tomllib
    from importlib.resources import files

    text = files("maildns.intent").joinpath("senders.toml").read_text(encoding="utf-8")
    return {key: _from_table(key, table) for key, table in sorted(tomllib.loads(text).items())}


def _from_table(key: str, table: dict[str, Any]) -> Sender:
    lists = {name: tuple(table.get(name, ())) for name in ("terms", "former_terms")}
    return Sender(key=key, **{**table, **lists})


@cache
def _wanted_terms() -> dict[str, Sender]:
    return {_comparable(term): sender for sender in _presets().values() for term in sender.terms}


@cache
def _former_terms() -> dict[str, Sender]:
    return {
        _comparable(term): sender for sender in _presets().values() for term in sender.former_terms
    }


def _comparable(term: str) -> str:
    # "+" is the default qualifier (RFC 7208 section 4.6.2); names have no case, and the
    # root's dot may be written
    return term.strip().removeprefix("+").removesuffix(".").casefold()


def _fault_of_mechanism(text: str) -> str:
    """Why *text* is not a mechanism that permits a sender; empty when it is."""
    bare = text.removeprefix("+").casefold()
    if not bare:
        return "a sender is a preset's name or an SPF mechanism"
    if ":" in bare and len(bare.split()) > 1:
        return f"{text!r} is not one mechanism: list several one by one, and write no white space"
    if bare[0] in "-~?":
        return f"{text!r} does not permit a sender: leave the {bare[0]!r} out, or the sender"
    name, colon, value = bare.partition(":")
    mechanism = name.partition("/")[0]  # a/24 and mx//64 (RFC 7208 section 5.3)
    if colon:
        return _fault_of_value(text, mechanism, value)
    if mechanism in _WITHOUT_VALUE:
        return ""
    if bare == "all":
        return "'all' names no sender; what mail from elsewhere gets is said by spf.others"
    if bare in _EXAMPLES:
        return f"{text!r} needs a value, such as {_EXAMPLES[bare]}"
    if bare.startswith("redirect="):
        instead = _hint(f"include:{bare.removeprefix('redirect=')}")
        return f"{text!r} hands the whole record over, and so is no sender{instead}"
    return f"there is no sender preset {text!r}{_hint(_nearest_preset(bare))}"


def _fault_of_value(text: str, mechanism: str, value: str) -> str:
    if mechanism not in _MECHANISMS:
        import difflib

        near = difflib.get_close_matches(mechanism[:_LONGEST_GUESS], _MECHANISMS, n=1)
        hint = _hint(f"{near[0]}:{value}") if near else ""
        return f"there is no SPF mechanism {mechanism!r} in {text!r}{hint}"
    return "" if value else f"{text!r} has no value after its colon"


def _nearest_preset(text: str) -> str:
    """The preset whose name or title is like *text*; empty when none is."""
    import difflib

    spoken: dict[str, str] = {sender.title.casefold(): key for key, sender in _presets().items()}
    spoken.update({key: key for key in _presets()})
    near = difflib.get_close_matches(text[:_LONGEST_GUESS], list(spoken), n=1)
    return spoken[near[0]] if near else ""


def _hint(suggestion: str) -> str:
    return f"; did you mean {suggestion!r}?" if suggestion else ""
