"""The arguments of SMTP commands, as clients write them (RFC 5321 section 4.1.2)."""

from __future__ import annotations

import re
from ipaddress import ip_address

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError

# A path: an optional source route, which is ignored (RFC 5321 appendix C), and the address.
_PATH = re.compile(
    r"""(?ix) (?P<word> FROM | TO ) : [ ]*
    < (?: @ [^<>\s:]* : )? (?P<address> (?: "(?:[^"\\]|\\.)*" @ )? [^<>\s"]* ) >
    (?P<parameters> (?: [ ]+ [^\s<>]+ )* ) [ ]*"""
)
_SIZE_DIGITS = 20
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_UNKNOWN = frozenset({"[UNAVAILABLE]", "[TEMPUNAVAIL]"})
_MOST_HELO = 255


class CommandError(Exception):
    """What a client said cannot be taken; the text is the answer to it."""


def path_of(word: str, argument: str) -> tuple[str, dict[str, str]]:
    """
    Split the argument of MAIL (*word* is FROM) or RCPT (TO) into address and parameters.

    Raises `CommandError`.

    >>> path_of("FROM", "FROM:<a@b.example> SIZE=7 BODY=8BITMIME")
    ('a@b.example', {'SIZE': '7', 'BODY': '8BITMIME'})
    >>> path_of("FROM", "from: <>")
    ('', {})
    """
    found = _PATH.fullmatch(argument)
    if found is None or found["word"].upper() != word:
        raise CommandError(f"501 5.5.4 write {word}:<address>")
    parameters = {}
    for one in found["parameters"].split():
        key, _, value = one.partition("=")
        parameters[key.upper()] = value
    return found["address"], parameters


def check_mail_parameters(parameters: dict[str, str], most: int) -> None:
    """Check the parameters of MAIL; raises `CommandError` for those that cannot be (RFC 1870)."""
    for key, value in parameters.items():
        if key == "SIZE":
            if not (value.isascii() and value.isdigit() and len(value) <= _SIZE_DIGITS):
                raise CommandError("501 5.5.4 SIZE is a number")
            if int(value) > most:
                raise CommandError(f"552 5.3.4 a mail has at most {most} octets here")
        elif key == "BODY":
            if value.upper() not in {"7BIT", "8BITMIME"}:
                raise CommandError("501 5.5.4 BODY is 7BIT or 8BITMIME")
        elif key != "SMTPUTF8" or value:
            raise CommandError("555 5.5.4 a parameter is not known here")


def comparable(address: str) -> str:
    """
    An address as it is compared: in lower case, its domain as A-labels.

    >>> comparable("DMARC@Bücher.example")
    'dmarc@xn--bcher-kva.example'
    """
    local, at, host = address.lower().rpartition("@")
    try:
        return f"{local}{at}{name(host)}"
    except RecordSyntaxError:
        return f"{local}{at}{host}"


def forwarded(argument: str) -> dict[str, str]:
    """
    What a mail server of ours says of its client in XFORWARD: ADDR and HELO, where it knows them.

    Raises `CommandError` for what cannot be.

    >>> forwarded("ADDR=IPV6:2001:db8::1 HELO=mx+2Eexample NAME=[UNAVAILABLE]")
    {'ADDR': '2001:db8::1', 'HELO': 'mx.example'}
    """
    said = {}
    for one in argument.split():
        key, equals, value = one.partition("=")
        if not equals:
            raise CommandError("501 5.5.4 write NAME=value")
        text = _XTEXT.sub(lambda found: chr(int(found[1], 16)), value)
        if key.upper() in {"ADDR", "HELO"}:
            said[key.upper()] = "" if value.upper() in _UNKNOWN else text
    if said.get("ADDR"):
        said["ADDR"] = _address(said["ADDR"])
    if len(helo := said.get("HELO", "")) > _MOST_HELO or not helo.isprintable():
        raise CommandError("501 5.5.4 HELO cannot be this")
    return said


def _address(text: str) -> str:
    bare = text[5:] if text.upper().startswith("IPV6:") else text
    try:
        return str(ip_address(bare))
    except ValueError:
        raise CommandError("501 5.5.4 ADDR is no address") from None
