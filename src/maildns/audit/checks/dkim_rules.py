"""The rules of the audit for DKIM: what more than one key record is needed to see."""

from __future__ import annotations

from maildns.finding import Severity, rule

NO_KEY = rule(
    "dkim-no-key-found",
    Severity.WARN,
    "the domain sends mail and no DKIM key of it can be found",
    help="""Mail that is not signed cannot pass DMARC once it is forwarded, and large mailbox providers
    want bulk mail signed. Make a key on the server that sends, and publish it at
    SELECTOR._domainkey. Where it signs already, name the selector, since the DNS has no list.""",
    reference="RFC 6376 section 3.6.2.1",
)
SELECTOR_MISSING = rule(
    "dkim-selector-missing",
    Severity.ERROR,
    "a selector in use has no key record",
    help="""Signatures that name this selector fail, so the mail counts as unsigned, or worse. Publish
    the key that the server signs with, or let it sign with the selector that is published.""",
    reference="RFC 6376 section 6.1.2",
)
SELECTOR_REVOKED = rule(
    "dkim-selector-revoked",
    Severity.ERROR,
    "a selector in use has its key revoked",
    help="""An empty p tells verifiers that the key is withdrawn, and signatures with it fail. Let the
    server sign with another selector, and publish that one's key first.""",
    reference="RFC 6376 section 3.6.1",
)
ALIAS_BROKEN = rule(
    "dkim-alias-without-target",
    Severity.ERROR,
    "a selector is an alias of a name that has no key",
    help="""The service that the alias leads to has not published the key, has taken it away, or the
    alias has a slip of the pen. Signatures with the selector fail. Finish the set-up at the service,
    or remove the alias when the service is no longer used.""",
    reference="RFC 6376 section 3.6.2",
)
SPLIT = rule(
    "dkim-split-into-records",
    Severity.ERROR,
    "the key is spread over several records",
    help="""A long key is cut into several strings of one record, never into several records: their
    order is not kept, and verifiers read one alone. Publish the parts as strings of one record.""",
    reference="RFC 6376 section 3.6.2.2",
)
TEXT_BESIDE = rule(
    "dkim-text-beside-key",
    Severity.WARN,
    "another text stands beside the key",
    help="""A selector has one TXT record. With a second one the result is undefined: some verifiers
    take the first that comes, which changes from answer to answer. Remove the other text.""",
    reference="RFC 6376 section 3.6.2.2",
)
SAME_KEY = rule(
    "dkim-same-key",
    Severity.INFO,
    "two selectors publish the same key",
    help="""Selectors are there to roll keys: when one key is lost, both are. Make a key of its own for
    each, unless one is on its way out.""",
    reference="RFC 6376 section 3.1",
)
ONLY_ED25519 = rule(
    "dkim-only-ed25519",
    Severity.WARN,
    "no RSA key could be found beside the Ed25519 key",
    help="""Large receivers still do not verify Ed25519, and to them mail signed with it alone is
    unsigned. Sign with an RSA key of another selector as well.""",
    reference="RFC 8463 section 5",
)
WILDCARD = rule(
    "dkim-wildcard-key",
    Severity.INFO,
    "a wildcard publishes a key for every selector",
    help="""Every selector that anyone makes up has this key, so none of them can be withdrawn. A
    wildcard is of use to say that there is no key: v=DKIM1; p=.""",
    reference="RFC 6376 section 3.6.2.1",
)
NOT_PARKED = rule(
    "dkim-not-parked",
    Severity.INFO,
    "the domain has no mail and does not say that it has no keys",
    help="""A wildcard with an empty key tells verifiers at once that no signature in the domain's name
    is real. Publish v=DKIM1; p= at *._domainkey.""",
    reference="RFC 6376 section 3.6.1",
)
OLD_POLICY = rule(
    "dkim-old-policy",
    Severity.INFO,
    "a signing policy of DomainKeys or ADSP is read by nobody",
    help="""Both were given up, and DMARC says today what they were to say. Remove the record.""",
    reference="RFC 5617, RFC 9989",
)
