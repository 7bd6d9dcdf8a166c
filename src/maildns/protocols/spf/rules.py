"""The rules of SPF records, one by one; `lint` and `mistakes` find who breaks them."""

from __future__ import annotations

from maildns.finding import Severity, rule

# --- the whole record -----------------------------------------------------------------

TOO_MANY_LOOKUPS = rule(
    "spf-too-many-lookups",
    Severity.ERROR,
    "the record has more than ten terms that need DNS",
    help="""Receivers stop at the eleventh include, a, mx, ptr, exists or redirect and answer
    permerror, so mail from hosts listed late fails, and DMARC gets no help from SPF. What the
    includes bring along counts, too. Remove senders no longer used, or name networks by ip4 and
    ip6, which cost nothing.""",
    reference="RFC 7208 section 4.6.4",
    bad="v=spf1 mx " + " ".join(f"a:h{n}.example.com" for n in range(10)) + " -all",
    good="v=spf1 mx a:h1.example.com include:_spf.example.net -all",
)
PASS_ALL = rule(
    "spf-pass-all",
    Severity.ERROR,
    "every host in the world may send",
    help="""'+all', or 'all' without a sign, lets anyone send as the domain, and DMARC takes such
    mail for authentic. Write -all, or ~all while senders are still being found.""",
    reference="RFC 7208 section 5.1",
    bad="v=spf1 mx +all",
    good="v=spf1 mx -all",
)
NEUTRAL_ALL = rule(
    "spf-neutral-all",
    Severity.WARN,
    "nothing is said of hosts that are not listed",
    help="""'?all' treats a forger's host as if there were no record. Write ~all while senders are
    still being found, then -all.""",
    reference="RFC 7208 section 8.2",
    bad="v=spf1 mx ?all",
    good="v=spf1 mx ~all",
)
NO_ALL = rule(
    "spf-no-all",
    Severity.WARN,
    "the record does not end in 'all' or a redirect",
    help="""Hosts that are not listed get the result neutral, as if there were no record. End it
    with -all, or ~all while senders are still being found.""",
    reference="RFC 7208 section 4.7",
    bad="v=spf1 mx",
    good="v=spf1 mx -all",
)
AFTER_ALL = rule(
    "spf-term-after-all",
    Severity.WARN,
    "a mechanism stands behind 'all' and is never reached",
    help="""'all' matches every host, so mechanisms behind it are ignored: the senders they name
    are refused. Move 'all' to the end.""",
    reference="RFC 7208 section 5.1",
    bad="v=spf1 mx -all include:_spf.example.net",
    good="v=spf1 mx include:_spf.example.net -all",
)
REDIRECT_IGNORED = rule(
    "spf-redirect-ignored",
    Severity.WARN,
    "a redirect stands beside 'all' and is ignored",
    help="""A redirect counts only where no mechanism matches, and 'all' always matches. Take the
    'all' out for the redirect to count, write an include in its place, or remove it.""",
    reference="RFC 7208 section 6.1",
    bad="v=spf1 mx redirect=_spf.example.net -all",
    good="v=spf1 mx redirect=_spf.example.net",
)
LONG = rule(
    "spf-long-record",
    Severity.WARN,
    "the record is longer than 450 octets",
    help="""The record shares one DNS answer with all other TXT records of its name. Over 512
    octets the answer may need TCP, which some networks block, and then SPF ends in temperror. Name
    fewer or larger networks, or move some to a name of its own with an include.""",
    reference="RFC 7208 section 3.4",
    bad="v=spf1 " + " ".join(f"ip4:9.9.{n}.0/24" for n in range(40)) + " -all",
    good="v=spf1 ip4:9.9.9.0/24 -all",
)

# --- terms ----------------------------------------------------------------------------

PTR = rule(
    "spf-ptr",
    Severity.WARN,
    "ptr is not to be published",
    help="""It is slow, loads the reverse zones of strangers, and some receivers do not evaluate it
    or answer permerror. Name the hosts by ip4, ip6 or a.""",
    reference="RFC 7208 section 5.5",
    bad="v=spf1 ptr -all",
    good="v=spf1 a -all",
)
HUGE_NETWORK = rule(
    "spf-huge-network",
    Severity.ERROR,
    "a network so large that strangers can send",
    help="""The term lets millions of hosts send that cannot all be the owner's; forged mail from
    there passes. Most often a prefix length was mistyped. Name the networks really used.""",
    reference="RFC 7208 section 11.4",
    bad="v=spf1 ip4:9.0.0.0/8 -all",
    good="v=spf1 ip4:9.9.9.0/24 -all",
)
PRIVATE = rule(
    "spf-private-address",
    Severity.WARN,
    "an address that no receiver can ever see",
    help="""Receivers see the public address that mail comes from; a private, loopback, link-local
    or otherwise special address never matches. Name the address that the network shows to the
    world.""",
    reference="RFC 6890 section 2.2",
    bad="v=spf1 ip4:192.168.1.10 -all",
    good="v=spf1 ip4:9.9.9.9 -all",
)
DOCUMENTATION = rule(
    "spf-documentation-address",
    Severity.INFO,
    "an address that is set aside for examples",
    help="""The address is one of those that documentation uses, and belongs to nobody. Put the
    server's own in its place.""",
    reference="RFC 5737 section 3, RFC 3849",
    bad="v=spf1 ip4:192.0.2.1 -all",
    good="v=spf1 ip4:9.9.9.9 -all",
)
MAPPED = rule(
    "spf-mapped-address",
    Severity.WARN,
    "an IPv4 address in IPv6 form never matches",
    help="""Receivers treat an IPv4-mapped client as IPv4 and compare it with ip4 terms alone.
    Write the address with ip4.""",
    reference="RFC 7208 section 5",
    bad="v=spf1 ip6:::ffff:9.9.9.9 -all",
    good="v=spf1 ip4:9.9.9.9 -all",
)
HOST_BITS = rule(
    "spf-host-bits",
    Severity.INFO,
    "a host with a prefix length stands for its whole network",
    help="""The bits behind the prefix length are ignored, so the term lets the whole network send.
    Drop the prefix length if one host is meant; write the first address of the network if not.""",
    reference="RFC 7208 section 5.6",
    bad="v=spf1 ip4:9.9.9.9/24 -all",
    good="v=spf1 ip4:9.9.9.0/24 -all",
)
DUPLICATE = rule(
    "spf-duplicate-term",
    Severity.WARN,
    "a term stands twice",
    help="""Only the first counts; the second costs room, and its lookups again. Remove it.""",
    reference="RFC 7208 section 4.6.2",
    bad="v=spf1 mx a mx -all",
    good="v=spf1 mx a -all",
)
COVERED = rule(
    "spf-covered-network",
    Severity.INFO,
    "a network lies within an earlier one",
    help="""The earlier term has already decided for all its addresses, so this one says nothing.
    Remove it.""",
    reference="RFC 7208 section 4.6.2",
    bad="v=spf1 ip4:9.9.9.0/24 ip4:9.9.9.9 -all",
    good="v=spf1 ip4:9.9.9.0/24 -all",
)
BAD_NAME = rule(
    "spf-bad-name",
    Severity.ERROR,
    "a name that cannot exist in DNS",
    help="""The grammar lets it through, but a label is empty or over 63 octets. Behind include or
    redirect it makes every evaluation a permerror; elsewhere it never matches. Correct the name.""",
    reference="RFC 7208 section 4.3",
    bad="v=spf1 include:_spf..example.net -all",
    good="v=spf1 include:_spf.example.net -all",
)
INCLUDE_SELF = rule(
    "spf-include-self",
    Severity.ERROR,
    "the record includes itself",
    help="""Receivers go round until the limit of ten lookups and answer permerror. Remove the
    include or redirect of the domain's own name.""",
    reference="RFC 7208 section 4.6.4",
)
MECHANISM_AS_MODIFIER = rule(
    "spf-equals-for-colon",
    Severity.ERROR,
    "a mechanism written with '=' is ignored",
    help="""A mechanism takes a colon. With '=' it is a modifier that no receiver knows, and
    receivers ignore it without a word: the senders it names are not permitted. Write the colon.""",
    reference="RFC 7208 section 6",
    bad="v=spf1 ip4=9.9.9.9 -all",
    good="v=spf1 ip4:9.9.9.9 -all",
)
UNKNOWN_MODIFIER = rule(
    "spf-unknown-modifier",
    Severity.INFO,
    "a modifier that receivers ignore",
    help="""Only redirect and exp have a meaning; all others are ignored. Remove it, unless a
    service asks for it.""",
    reference="RFC 7208 section 6",
    bad="v=spf1 mx foo=bar -all",
    good="v=spf1 mx -all",
)
EXP_UNUSED = rule(
    "spf-exp-unused",
    Severity.INFO,
    "the explanation is never shown",
    help="""An explanation goes with the result fail alone, and no term of this record gives that.
    Remove exp, or let a term say fail, such as -all.""",
    reference="RFC 7208 section 6.2",
    bad="v=spf1 mx exp=why.example.com ~all",
    good="v=spf1 mx exp=why.example.com -all",
)
QUALIFIED_INCLUDE = rule(
    "spf-qualified-include",
    Severity.INFO,
    "an include that does not say pass",
    help="""The sign says what a pass of the other policy becomes here: with '-' its senders are
    refused, with '~' and '?' they do not pass. Mail of a service in use then fails DMARC unless
    DKIM saves it. Drop the sign if its senders are wanted.""",
    reference="RFC 7208 section 5.2",
    bad="v=spf1 ?include:_spf.example.net -all",
    good="v=spf1 include:_spf.example.net -all",
)
FIXED_EXISTS = rule(
    "spf-exists-without-macro",
    Severity.WARN,
    "exists with a fixed name says the same of every host",
    help="""The name is the same for all mail, so either everyone may send or the term does
    nothing. Put a macro such as %{i} in the name, or write a for the addresses of a host.""",
    reference="RFC 7208 section 5.7",
    bad="v=spf1 exists:mail.example.com -all",
    good="v=spf1 exists:%{i}._spf.example.com -all",
)
P_MACRO = rule(
    "spf-p-macro",
    Severity.WARN,
    "the macro %{p} is not to be used",
    help="""It makes receivers look up and validate the client's reverse names, which is slow and
    counts as a lookup of its own; many answer 'unknown'. Use %{i} or %{d}.""",
    reference="RFC 7208 section 7.2",
    bad="v=spf1 exists:%{p}._spf.example.com -all",
    good="v=spf1 exists:%{i}._spf.example.com -all",
)
LOCAL_PART_MACRO = rule(
    "spf-local-part-macro",
    Severity.INFO,
    "the sender's local part is put into DNS names",
    help="""Every address is then asked for by name, which shows it to resolvers on the way and
    defeats their caches; addresses that are not ASCII never match. Use %{d} or %{i} where that
    will do.""",
    reference="RFC 8616 section 4",
    bad="v=spf1 exists:%{l}._users.example.com -all",
    good="v=spf1 exists:%{i}._spf.example.com -all",
)

# --- texts that are not, or hardly, a record ------------------------------------------

SYNTAX = rule(
    "spf-syntax",
    Severity.ERROR,
    "the record breaks the grammar",
    help="""One fault anywhere makes every evaluation a permerror: no mail passes SPF, and some
    receivers refuse it. Correct the place that is shown.""",
    reference="RFC 7208 section 4.6",
)
LEADING_SPACE = rule(
    "spf-leading-space",
    Severity.ERROR,
    "white space or a sign stands before 'v=spf1'",
    help="""Receivers look for records that begin with v=spf1 and pass over any other text, so the
    domain has no SPF record. Remove what stands before it.""",
    reference="RFC 7208 section 4.5",
)
BAD_VERSION = rule(
    "spf-bad-version",
    Severity.ERROR,
    "the version is not 'v=spf1' and a space",
    help="""Receivers take a text for an SPF record only if it begins with v=spf1 followed by a
    space or the end. Anything else, such as v=spf1; or v=spf10, is passed over, and the domain has
    no SPF record.""",
    reference="RFC 7208 section 4.5",
)
SENDER_ID = rule(
    "spf-sender-id",
    Severity.INFO,
    "a Sender ID record is read by no one",
    help="""Records that begin with spf2.0/ belong to an experiment that is dead. Remove it; the
    v=spf1 record is the one that counts.""",
    reference="RFC 6686 section 6",
)
SEVERAL = rule(
    "spf-several-records",
    Severity.ERROR,
    "several records stand in one",
    help="""A domain has one SPF record. A second v=spf1 within the text breaks the grammar, and
    two records at one name are a permerror. Publish one record with the terms of both.""",
    reference="RFC 7208 section 3.2",
)
UPPER_CASE = rule(
    "spf-upper-case",
    Severity.INFO,
    "the version is not in lower case",
    help="""Case does not count in the standard, but some programs look for v=spf1 in lower case.
    Write it so.""",
    reference="RFC 7208 section 4.5",
)
EXTRA_SPACE = rule(
    "spf-extra-space",
    Severity.INFO,
    "more white space than needed",
    help="""Several spaces between terms, or spaces at the end, are allowed and only cost room.
    Write one space between terms.""",
    reference="RFC 7208 section 4.6.1",
)
MISSING_SPACE = rule(
    "spf-missing-space",
    Severity.ERROR,
    "a space is missing before 'all'",
    help="""Without the space, 'all' is read as a part of the term before it: that names the wrong
    hosts or breaks the grammar, and nothing is said of all others. Put a space before it.""",
    reference="RFC 7208 section 4.6.1",
)
