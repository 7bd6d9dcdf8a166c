"""The rules of the audit for DMARC: what more than the record's own text is needed to see."""

from __future__ import annotations

from maildns.finding import Severity, rule

RECORD = rule(
    "dmarc-record",
    Severity.ERROR,
    "no DMARC record applies to the domain",
    help="""Anyone can write the domain into From: and no receiver is asked to refuse it; large mailbox
    providers want a record from everyone who sends to many. Begin with p=none and read the reports;
    a domain without mail says p=reject at once.""",
    reference="RFC 9989 section 4.10.1",
)
NOT_GRANTED = rule(
    "dmarc-report-not-granted",
    Severity.WARN,
    "reports shall go to another domain, which has not agreed",
    help="""So that nobody can have reports poured over others, the receiving domain publishes that it
    takes them. Without that reporters send nothing to the address. Publish the record at the
    destination, ask its owner to, or give an address of this domain.""",
    reference="RFC 9990 section 4",
)
HOST_WITHOUT_MAIL = rule(
    "dmarc-report-host-without-mail",
    Severity.WARN,
    "reports shall go to a domain that takes no mail",
    help="""The domain of a report address has no mail host, so reports are returned to those who send
    them. Correct the address.""",
    reference="RFC 9990 section 4",
)
READERS_DIFFER = rule(
    "dmarc-readers-differ",
    Severity.WARN,
    "older and newer receivers find another record or organization",
    help="""Receivers of RFC 9989 walk up the DNS; those of RFC 7489 look into the public suffix list.
    Here they come out at different places, so mail that is aligned at one is not at the other.
    Publish a record at the organizational domain and at each domain that stands in From:.""",
    reference="RFC 9989 section 8",
)
TOO_DEEP = rule(
    "dmarc-too-deep",
    Severity.WARN,
    "a name of more than eight labels has no record of its own",
    help="""Receivers walk up the DNS in eight steps and leave out names on the way, so that a record
    just above may not be seen. A name as long as that needs its own record.""",
    reference="RFC 9989 section 5.1.8",
)
NOT_PARKED = rule(
    "dmarc-not-parked",
    Severity.WARN,
    "the domain has no mail and its DMARC policy is not reject",
    help="""All mail in the name of a domain that sends none is forged, so there is nothing to wait for.
    Publish p=reject.""",
    reference="RFC 9989 section 5.1",
)
