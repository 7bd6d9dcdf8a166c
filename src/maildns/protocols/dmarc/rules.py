"""The rules that `lint` applies to a DMARC record, with their help."""

from __future__ import annotations

from maildns.finding import Severity, rule

_GOOD = "v=DMARC1; p=reject; rua=mailto:dmarc@example.com"

NOT_A_RECORD = rule(
    "dmarc-not-a-record",
    Severity.ERROR,
    "is not a DMARC record, so the domain has no policy",
    help="""Receivers look for a text that begins with v=DMARC1, just so: in capitals, with nothing
    before it, a semicolon after it. Anything else at this name is passed over in silence, and
    mail in the domain's name can be forged freely. Publish the record as shown in the fix.""",
    reference="RFC 9989 section 4.7",
)
SYNTAX = rule(
    "dmarc-syntax",
    Severity.ERROR,
    "a part of the record breaks the grammar",
    help="""Receivers drop a faulty tag and use its default, some older ones drop the whole record.
    A faulty p, sp or np turns the policy into none. Correct the place under the caret.""",
    reference="RFC 9989 section 4.8",
)
POLICY_MISSING = rule(
    "dmarc-policy-missing",
    Severity.ERROR,
    "has no p tag",
    help="""Without p the record counts as p=none, and without rua as well it counts for nothing;
    receivers of RFC 7489 may refuse it. Say p=none, p=quarantine or p=reject.""",
    reference="RFC 9989 section 4.10.1",
    bad="v=DMARC1; rua=mailto:dmarc@example.com",
    good=_GOOD,
)
POLICY_NOT_SECOND = rule(
    "dmarc-policy-not-second",
    Severity.WARN,
    "p does not stand right after v",
    help="""RFC 7489 wants p as the second tag, and some receivers that still follow it ignore the
    record otherwise. The order costs nothing: v, then p, then the rest.""",
    reference="RFC 7489 section 6.4",
    bad="v=DMARC1; rua=mailto:dmarc@example.com; p=reject",
    good=_GOOD,
)
POLICY_NONE = rule(
    "dmarc-policy-none",
    Severity.WARN,
    "only watches: p=none",
    help="""With p=none receivers report forged mail and deliver it as usual. That is the right
    first step, and no protection. When the reports show that all of the domain's own mail passes,
    go on to quarantine.""",
    reference="RFC 9989 section 4.7",
    bad="v=DMARC1; p=none; rua=mailto:dmarc@example.com",
    good=_GOOD,
)
SUBDOMAINS_WEAKER = rule(
    "dmarc-subdomains-weaker",
    Severity.WARN,
    "subdomains are protected less than the domain",
    help="""A forger writes from billing.example.com as gladly as from example.com. A weaker sp is
    right only while a subdomain's own mail does not pass yet; better give that subdomain its own
    record and leave sp out.""",
    reference="RFC 9989 section 4.7",
    bad="v=DMARC1; p=reject; sp=none; rua=mailto:dmarc@example.com",
    good="v=DMARC1; p=quarantine; sp=reject; rua=mailto:dmarc@example.com",
)
NONEXISTENT_WEAKER = rule(
    "dmarc-nonexistent-weaker",
    Severity.WARN,
    "names that do not exist are protected less than the domain",
    help="""No honest mail comes from a name that does not exist, so np can be reject long before p
    is. Set np=reject, or leave np out so that the stricter policy holds.""",
    reference="RFC 9989 section 4.7",
    bad="v=DMARC1; p=reject; np=none; rua=mailto:dmarc@example.com",
    good="v=DMARC1; p=quarantine; np=reject; rua=mailto:dmarc@example.com",
)
NONEXISTENT_STRICTER = rule(
    "dmarc-nonexistent-stricter",
    Severity.INFO,
    "np holds only where the DNS says that a name does not exist",
    help="""Name servers that sign as they answer, and wildcards, let every name appear to exist, and
    then sp decides and not np. Where that may be so, give sp the value of np.""",
    reference="RFC 9989 section 4.7, RFC 9824",
    bad="v=DMARC1; p=reject; sp=quarantine; np=reject; rua=mailto:dmarc@example.com",
    good="v=DMARC1; p=reject; sp=reject; np=reject; rua=mailto:dmarc@example.com",
)
TESTING = rule(
    "dmarc-testing",
    Severity.INFO,
    "is in test mode: the policy is applied one level lower",
    help="""With t=y receivers of RFC 9989 treat reject as quarantine and quarantine as none; older
    receivers do not know the tag and apply the policy in full. Take it out when the reports are
    clean.""",
    reference="RFC 9989 section 4.7",
    bad="v=DMARC1; p=reject; t=y; rua=mailto:dmarc@example.com",
    good=_GOOD,
)
TESTING_IDLE = rule(
    "dmarc-testing-idle",
    Severity.INFO,
    "t=y has no effect on p=none",
    help="""There is no level below none, so test mode changes nothing. Leave t out.""",
    reference="RFC 9989 section 4.7",
    bad="v=DMARC1; p=none; t=y; rua=mailto:dmarc@example.com",
    good="v=DMARC1; p=none; rua=mailto:dmarc@example.com",
)
PERCENT_PARTIAL = rule(
    "dmarc-percent-partial",
    Severity.WARN,
    "pct makes receivers disagree about the policy",
    help="""RFC 9989 did away with pct. Its receivers apply the policy to all mail, those of RFC 7489
    to the share that pct names: the same record is strict at one and mild at the other. Leave pct
    out when the reports are clean, or go one level lower and test with t=y.""",
    reference="RFC 9989 appendix A.6",
    bad="v=DMARC1; p=reject; pct=50; rua=mailto:dmarc@example.com",
    good=_GOOD,
)
HISTORIC_TAG = rule(
    "dmarc-historic-tag",
    Severity.INFO,
    "has tags that are historic",
    help="""pct, rf and ri are marked historic in the registry of DMARC tags and receivers of RFC 9989
    ignore them. Leave them out.""",
    reference="RFC 9989 section 9.3",
    bad="v=DMARC1; p=reject; ri=86400; rua=mailto:dmarc@example.com",
    good=_GOOD,
)
FAILURE_OPTIONS_IDLE = rule(
    "dmarc-failure-options-idle",
    Severity.INFO,
    "fo has no effect without ruf",
    help="""fo says when to send a failure report, ruf where to. Without ruf none is sent and fo is
    ignored. Leave fo out, or add ruf if you want such reports.""",
    reference="RFC 9989 section 4.7",
    bad="v=DMARC1; p=reject; fo=1; rua=mailto:dmarc@example.com",
    good="v=DMARC1; p=reject; fo=1; rua=mailto:a@example.com; ruf=mailto:a@example.com",
)
FAILURE_OPTIONS_CLASH = rule(
    "dmarc-failure-options-clash",
    Severity.WARN,
    "the failure options contradict each other",
    help="""fo takes 0 or 1, not both, and each of d and s once. Receivers drop a tag that breaks this
    and use fo=0. Keep 1, which asks for more.""",
    reference="RFC 9989 section 4.8",
    bad="v=DMARC1; p=reject; fo=0:1; rua=mailto:a@example.com; ruf=mailto:a@example.com",
    good="v=DMARC1; p=reject; fo=1:d:s; rua=mailto:a@example.com; ruf=mailto:a@example.com",
)
NO_REPORTS = rule(
    "dmarc-no-reports",
    Severity.WARN,
    "asks for no aggregate reports",
    help="""Without rua no receiver tells what it did with mail in the domain's name, so lost mail and
    forgery stay unseen. Add rua with an address that is read, or processed.""",
    reference="RFC 9989 section 4.7",
    bad="v=DMARC1; p=reject",
    good=_GOOD,
)
NO_REPORTS_AT_NONE = rule(
    "dmarc-no-effect",
    Severity.ERROR,
    "does nothing: no policy and no reports",
    help="""p=none protects no one; its use is the reports that it brings. Without rua there are none,
    and the record has no effect at all. Add rua.""",
    reference="RFC 9989 section 5.1.3",
    bad="v=DMARC1; p=none",
    good="v=DMARC1; p=none; rua=mailto:dmarc@example.com",
)
MANY_REPORT_ADDRESSES = rule(
    "dmarc-many-report-addresses",
    Severity.WARN,
    "names more than two report addresses",
    help="""RFC 7489 obliges a reporter to serve two addresses and lets it drop the rest. Name two, and
    let the mail server of one of them pass reports on.""",
    reference="RFC 7489 section 6.2",
    bad="v=DMARC1; p=reject; rua=mailto:a@example.com,mailto:b@example.com,mailto:c@example.com",
    good=_GOOD,
)
REPORT_ADDRESS_TWICE = rule(
    "dmarc-report-address-twice",
    Severity.INFO,
    "names a report address twice",
    help="""The second has no use, or brings every report twice. Leave it out.""",
    reference="RFC 9989 section 4.7",
    bad="v=DMARC1; p=reject; rua=mailto:a@example.com,mailto:a@example.com",
    good=_GOOD,
)
REPORT_SIZE = rule(
    "dmarc-report-size",
    Severity.INFO,
    "limits the size of reports, which is obsolete",
    help="""A size such as !10m after an address is ignored by receivers of RFC 9989, and some older
    ones then send nothing at all. Leave it out.""",
    reference="RFC 9989 section 4.8",
    bad="v=DMARC1; p=reject; rua=mailto:a@example.com!10m",
    good=_GOOD,
)
REPORT_SCHEME = rule(
    "dmarc-report-scheme",
    Severity.WARN,
    "a report address is not a mailto:",
    help="""Receivers must be able to report by mail and ignore schemes that they do not support, which
    is every other one for nearly all. Give a mailto: address.""",
    reference="RFC 9989 section 4.7",
    bad="v=DMARC1; p=reject; rua=https://example.com/dmarc",
    good=_GOOD,
)
PUBLIC_SUFFIX = rule(
    "dmarc-public-suffix",
    Severity.WARN,
    "says that the domain is a public suffix",
    help="""psd=y is for registries such as .bank: each name below counts as a domain of its own, so
    mail signed by a subdomain is not aligned with its sister or parent. An ordinary domain leaves
    psd out, or says psd=n.""",
    reference="RFC 9989 section 4.7",
    bad="v=DMARC1; p=reject; psd=y; rua=mailto:dmarc@example.com",
    good="v=DMARC1; p=reject; psd=n; rua=mailto:dmarc@example.com",
)
UNKNOWN_TAG = rule(
    "dmarc-unknown-tag",
    Severity.WARN,
    "has a tag that no receiver knows",
    help="""Receivers ignore unknown tags, so what was meant does not happen. Most are slips of the
    pen: correct or remove it.""",
    reference="RFC 9989 section 4.7",
    bad="v=DMARC1; p=reject; rau=mailto:dmarc@example.com; rua=mailto:dmarc@example.com",
    good=_GOOD,
)
UPPER_CASE_TAG = rule(
    "dmarc-upper-case-tag",
    Severity.WARN,
    "a tag name is in upper case",
    help="""The grammar of RFC 9989 allows it, that of DKIM, which DMARC builds upon, does not: some
    receivers see an unknown tag. Write tag names in lower case.""",
    reference="RFC 6376 section 3.2",
    bad="v=DMARC1; P=reject; rua=mailto:dmarc@example.com",
    good=_GOOD,
)
