"""The rules of the audit for SPF: what more than the record's own text is needed to see."""

from __future__ import annotations

from maildns.finding import Severity, rule

RECORD = rule(
    "spf-record",
    Severity.ERROR,
    "there is no SPF record",
    help="""Without SPF nobody can tell the domain's own mail from forged mail by where it comes from,
    and large mailbox providers refuse or distrust it. Publish one that names the hosts that send;
    a domain that sends nothing says v=spf1 -all.""",
    reference="RFC 7208 section 3",
)
INCLUDE_MISSING = rule(
    "spf-include-missing",
    Severity.ERROR,
    "an include leads to a name without an SPF record",
    help="""Evaluation ends there in permerror: mail from hosts that are listed behind the include does
    not pass, nor does any that is not listed. Correct the name, or remove the include when the
    service is no longer used.""",
    reference="RFC 7208 section 5.2",
)
INCLUDE_FAULTY = rule(
    "spf-include-faulty",
    Severity.ERROR,
    "an include or redirect leads to a record that cannot be used",
    help="""A fault in an included record is a fault of this one: evaluation ends in permerror. It is
    the other domain's to mend; tell its owner, and remove the include until then.""",
    reference="RFC 7208 section 5.2",
)
REDIRECT_MISSING = rule(
    "spf-redirect-missing",
    Severity.ERROR,
    "the redirect leads to a name without an SPF record",
    help="""All mail that no term before the redirect lets pass ends in permerror. Correct the name, or
    end the record with -all in place of the redirect.""",
    reference="RFC 7208 section 6.1",
)
LOOP = rule(
    "spf-include-loop",
    Severity.ERROR,
    "the includes go round in a circle",
    help="""Receivers walk the circle until the limit of ten lookups, and the result is permerror.
    Remove the include that leads back.""",
    reference="RFC 7208 section 4.6.4",
)
VOID = rule(
    "spf-void-lookup",
    Severity.WARN,
    "a term looks up a name that has no such record",
    help="""The term never matches, costs a lookup, and of such lookups receivers allow two. Most often
    the host was renamed or is gone. Correct the name or remove the term.""",
    reference="RFC 7208 section 4.6.4",
)
TOO_MANY_VOIDS = rule(
    "spf-too-many-voids",
    Severity.ERROR,
    "more than two terms look up names that have no such record",
    help="""Receivers stop at the third lookup that finds nothing and answer permerror, so mail from
    hosts listed late fails. Remove the terms whose names are gone.""",
    reference="RFC 7208 section 4.6.4",
)
TOO_MANY_EXCHANGERS = rule(
    "spf-too-many-exchangers",
    Severity.ERROR,
    "an mx term looks up a domain with more than ten mail hosts",
    help="""Receivers look at ten mail hosts of an mx term and answer permerror when there are more.
    Name the hosts that send by ip4, ip6 or a.""",
    reference="RFC 7208 section 4.6.4",
)
INCLUDE_PASSES_ALL = rule(
    "spf-include-passes-all",
    Severity.ERROR,
    "an include lets every host in the world send",
    help="""The included record says +all, so everyone passes as this domain too, and DMARC takes
    forged mail for authentic. Remove the include.""",
    reference="RFC 7208 section 5.2",
)
PERMITS_MANY = rule(
    "spf-permits-many",
    Severity.WARN,
    "the record and what it includes permit millions of addresses",
    help="""Each of these hosts can send mail that passes as this domain, and most are not the owner's.
    Services that share their ranges among many customers make up most of it. Remove includes that
    are no longer used, or let such services send from a subdomain.""",
    reference="RFC 7208 section 11.4",
)
LARGE_ANSWER = rule(
    "spf-large-answer",
    Severity.WARN,
    "the domain's TXT records together make a large answer",
    help="""All TXT records of the name come in one answer. Over 512 octets some old resolvers need TCP,
    over 1232 nearly all do, and where TCP is blocked SPF ends in temperror. Remove texts that only
    proved ownership to some service once.""",
    reference="RFC 7208 section 3.4",
)
HELO_MISSING = rule(
    "spf-helo-missing",
    Severity.INFO,
    "the name that a mail host calls itself has no SPF record",
    help="""Bounces have no sender, so receivers check the name in HELO instead. Publish v=spf1 a -all
    at the host's name, so that nobody else can use it.""",
    reference="RFC 7208 section 2.3",
)
HELO_FAILS = rule(
    "spf-helo-fails",
    Severity.WARN,
    "the SPF record of a mail host's own name does not let the host pass",
    help="""Bounces have no sender, so receivers check the name in HELO instead, and those of this host
    fail. Publish v=spf1 a -all at the host's name.""",
    reference="RFC 7208 section 2.3",
)
HOST_NOT_PERMITTED = rule(
    "spf-mail-host-not-permitted",
    Severity.INFO,
    "a mail host of the domain may not send in its name",
    help="""The host takes the domain's mail and the SPF record does not permit its address. That is
    right where it only receives; where it sends as well, its mail fails. Then add mx, or the
    address by ip4 or ip6.""",
    reference="RFC 7208 section 5.4",
)
NOT_PARKED = rule(
    "spf-not-parked",
    Severity.WARN,
    "the domain has no mail and its SPF record does not say so",
    help="""The domain takes no mail and permits nobody to send, yet leaves it open what to do with
    forged mail. A domain without mail publishes v=spf1 -all.""",
    reference="RFC 7208 section 10.1.2",
)
