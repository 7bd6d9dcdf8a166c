"""The mail servers themselves: whether they answer, and what they say (RFC 5321)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from maildns.audit.checks.talks import came_to_hello, mail_talks, place, seen, service_talks
from maildns.audit.facts import Facts
from maildns.audit.registry import check
from maildns.audit.result import Result, broken, not_applicable, ok, unknown
from maildns.finding import Severity, rule
from maildns.net.talk import Reached, Stage, Talk

SLOW_MILLISECONDS = 8000
_VERSION = re.compile(r"[A-Za-z][ /-]?v?\d+\.\d+")

REFUSED = rule(
    "smtp-refused",
    Severity.ERROR,
    "no mail host takes connections",
    help="""Nothing listens at port 25 of any address that the MX records lead to, so all mail waits
    with its senders and is returned after some days. Start the mail server, let it listen on these
    addresses, or mend the addresses. Where every domain seems to have this fault, it is the network
    that you ask from which refuses port 25.""",
    reference="RFC 5321 section 4.5.4.1",
)
ADDRESS_REFUSED = rule(
    "smtp-address-refused",
    Severity.WARN,
    "one address takes no connections",
    help="""Nothing listens at port 25 of this address, though others of the domain take mail. Senders
    lose time with it, and mail waits when the others are away. Let the server listen there, or
    take the address out of the DNS.""",
    reference="RFC 5321 section 5.1",
)
NOT_SMTP = rule(
    "smtp-not-smtp",
    Severity.ERROR,
    "what answers does not speak SMTP",
    help="""Something answers at port 25, but its words are not those of a mail server, so senders
    give up. Look which program listens there, and whether a firewall answers in its place.""",
    reference="RFC 5321 section 4.2",
)
TURNED_AWAY = rule(
    "smtp-greeting-refuses",
    Severity.WARN,
    "the server turns the asking machine away",
    help="""The first reply refuses the connection for good. It may be meant for the asking machine
    alone, whose address can be on a block list, or be what every sender gets; then no mail comes
    in. Check again from another network, and look into the server's log.""",
    reference="RFC 5321 section 3.1",
)
NO_NAME = rule(
    "smtp-greeting-without-name",
    Severity.WARN,
    "the greeting does not begin with the server's name",
    help="""The first word of the greeting is to be the server's full name. Some senders take note, and
    a server that does not know its name here most often greets others with the wrong one, which
    receivers refuse. Set the server's host name to its full name.""",
    reference="RFC 5321 section 4.2",
)
OTHER_NAME = rule(
    "smtp-greeting-other-name",
    Severity.INFO,
    "the server calls itself by another name",
    help="""The name is neither that of the MX record nor that of the address. For receiving mail this
    does no harm; where the same server sends, it should greet by the name of its address.""",
    reference="RFC 5321 section 4.1.4",
)
VERSION = rule(
    "smtp-greeting-version",
    Severity.INFO,
    "the greeting tells the version of the software",
    help="""It spares an attacker the search for servers with a known hole. Most mail servers can leave
    the version out of the greeting.""",
    reference="RFC 5321 section 4.2",
)
NO_EHLO = rule(
    "smtp-ehlo-refused",
    Severity.ERROR,
    "the server does not take EHLO",
    help="""Without EHLO there are no extensions: no TLS, no sizes, no 8-bit mail, and some senders
    give up. Most often a firewall that rewrites SMTP stands in the way; switch its inspection off.""",
    reference="RFC 5321 section 2.2.1",
)
SLOW = rule(
    "smtp-slow",
    Severity.WARN,
    "the server is slow to talk",
    help="""Senders wait for minutes, but many hurry on to the next host, and tests give up. A DNS
    server that the mail server waits for is the most frequent cause; a greeting that is kept back on
    purpose should be kept back for some seconds alone.""",
    reference="RFC 5321 section 4.5.3.2",
)
AUTH_IN_CLEAR = rule(
    "smtp-auth-in-clear",
    Severity.WARN,
    "passwords are asked for without TLS",
    help="""The server offers AUTH before TLS has begun, so mail programs may send passwords that
    anybody on the way can read. Offer AUTH within TLS alone.""",
    reference="RFC 8314 section 3",
)
EXPN = rule(
    "smtp-expn",
    Severity.INFO,
    "the server offers to list the members of lists",
    help="""EXPN tells anyone the addresses behind a list or alias, which spammers like. Switch it
    off.""",
    reference="RFC 5321 section 7.3",
)
SERVICE = rule(
    "clients-service-fails",
    Severity.ERROR,
    "an announced service does not answer as it should",
    help="""The SRV record sends mail programs to a port where nothing listens, or where something
    speaks another protocol, so setting up an account fails. Start the service, or publish the
    record with the target "." to say that it is not offered.""",
    reference="RFC 6186 section 3.4",
)


@check("smtp")
def reachable(facts: Facts) -> Iterator[Result]:
    """Every address of every mail host takes connections."""
    if facts.talks is None:
        yield not_applicable(REFUSED, facts.domain, "the mail servers were not asked")
        return
    talks = mail_talks(facts)
    answering = any(talk.reached is Reached.YES for talk in talks)
    refused = ADDRESS_REFUSED if answering else REFUSED
    unsure = any(talk.reached not in {Reached.YES, Reached.REFUSED} for talk in talks)
    for talk in talks:
        if talk.reached is Reached.YES:
            yield ok(REFUSED, place(talk), "it answers", seen(talk))
        elif talk.reached is Reached.REFUSED:
            # An address that did not answer may be the one that takes all mail.
            one = ADDRESS_REFUSED if unsure else refused
            yield broken(one, place(talk), "nothing listens at port 25", seen(talk))
        else:
            yield unknown(REFUSED, place(talk), talk.failure or str(talk.reached), seen(talk))


@check("smtp")
def greeting(facts: Facts) -> Iterator[Result]:
    """The server greets and tells its extensions, in time."""
    for talk in mail_talks(facts):
        if talk.reached is not Reached.YES:
            continue
        if talk.stage in {Stage.GREETING, Stage.HELLO} and talk.failure and talk.starttls is None:
            yield _broken_off(talk)
        else:
            yield ok(NO_EHLO, place(talk), f"it greets: {talk.banner[:100]}", seen(talk))
        # One that never came so far is not slow but broken.
        if talk.milliseconds > SLOW_MILLISECONDS and talk.stage is Stage.DONE:
            says = f"it took {talk.milliseconds / 1000:.0f} seconds to come to TLS"
            yield broken(SLOW, place(talk), says, seen(talk))


def _broken_off(talk: Talk) -> Result:
    """The result of a talk that ended before the server had said what it can do."""
    if talk.temporary:
        return unknown(TURNED_AWAY, place(talk), talk.failure, seen(talk))
    one = NO_EHLO
    if talk.stage is Stage.GREETING:
        one = TURNED_AWAY if talk.banner_code else NOT_SMTP
    return broken(one, place(talk), talk.failure, seen(talk))


@check("smtp")
def words(facts: Facts) -> Iterator[Result]:
    """What the server says of itself."""
    for talk in mail_talks(facts):
        if came_to_hello(talk):
            yield from _names(facts, talk)
            yield from _software(talk)
    for talk in (*mail_talks(facts), *service_talks(facts)):
        words = [line.partition(" ")[0].partition("=")[0] for line in talk.extensions]
        if "AUTH" in words and talk.banner_code:
            yield broken(AUTH_IN_CLEAR, place(talk), "", seen(talk))


def _names(facts: Facts, talk: Talk) -> Iterator[Result]:
    first = talk.banner.partition(" ")[0].lower().rstrip(".")
    calls_itself = (talk.greeting_name or first).lower().rstrip(".")
    if not _is_full_name(first):
        says = f"the greeting begins with {first[:80] or 'nothing'}, not with a full name"
        yield broken(NO_NAME, place(talk), says, seen(talk))
    elif calls_itself not in (good := {talk.host, *_confirmed(facts, talk)}):
        says = f"it calls itself {calls_itself[:120]}, not {' or '.join(sorted(good))}"
        yield broken(OTHER_NAME, place(talk), says, seen(talk))
    else:
        yield ok(OTHER_NAME, place(talk), f"it calls itself {calls_itself}", seen(talk))


def _confirmed(facts: Facts, talk: Talk) -> tuple[str, ...]:
    known = (one for one in facts.dns.addresses.values() if str(one.address) == talk.address)
    return next((one.confirmed for one in known), ())


def _is_full_name(word: str) -> bool:
    parts = word.split(".")
    return len(parts) > 1 and all(part.replace("-", "").isalnum() for part in parts)


def _software(talk: Talk) -> Iterator[Result]:
    rest = talk.banner.partition(" ")[2]
    if _VERSION.search(rest):
        yield broken(VERSION, place(talk), f"the greeting says {rest[:100]}", seen(talk))
    if "EXPN" in talk.extensions:
        yield broken(EXPN, place(talk), "", seen(talk))


@check("smtp")
def services(facts: Facts) -> Iterator[Result]:
    """The services that SRV records announce are there."""
    for talk in service_talks(facts):
        subject = f"{talk.service} {place(talk)}"
        if came_to_hello(talk) or talk.stage is Stage.TLS:
            yield ok(SERVICE, subject, "it answers", seen(talk))
        elif talk.temporary:
            yield unknown(SERVICE, subject, talk.failure, seen(talk))
        else:
            yield broken(SERVICE, subject, talk.failure or "nothing listens there", seen(talk))
