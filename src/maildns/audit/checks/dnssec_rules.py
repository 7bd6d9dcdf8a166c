"""The rules about DNSSEC: what is found stands in `dnssec` and `dnssec_signatures`."""

from __future__ import annotations

from maildns.finding import Severity, rule

UNSIGNED = rule(
    "dnssec-unsigned",
    Severity.INFO,
    "the zone is not signed",
    help="""Without DNSSEC anyone on the way can change where mail goes, and DANE cannot protect it: senders
    ignore TLSA records that are not signed. Switch signing on at the DNS host, then hand the DS record to
    the registrar.""",
    reference="RFC 7672 section 2.2.1",
)
BOGUS = rule(
    "dnssec-bogus",
    Severity.ERROR,
    "the chain of trust is broken",
    help="""Every resolver that validates answers SERVFAIL for such a name: its mail is not delivered, and
    what it sends is not authenticated. Certificate authorities refuse to issue for it, too. Mend the cause
    that is named here, or take the DS record out of the parent until that is done.""",
    reference="RFC 4035 section 5.5",
)
DS_UNCOUNTED = rule(
    "dnssec-ds-uncounted",
    Severity.ERROR,
    "no DS record counts: the zone is taken for unsigned",
    help="""Validators pass over DS records with a SHA-1 digest or a deprecated algorithm. Where no other is
    left, they treat the zone as if it were not signed, and DANE is silently off. Publish a DS with digest
    type 2 for a key of algorithm 13 or 15.""",
    reference="RFC 9905 section 2",
)
DS_DIGEST = rule(
    "dnssec-ds-digest",
    Severity.WARN,
    "a DS record with a deprecated digest",
    help="""SHA-1 and GOST digests may no longer be published in DS records. Validators that know a better one
    ignore them; remove them at the registrar, and keep the DS with digest type 2.""",
    reference="RFC 9905 section 2",
)
DS_STALE = rule(
    "dnssec-ds-stale",
    Severity.WARN,
    "a DS record matches no key of the zone",
    help="""The chain holds by another DS. A DS without its key is right for a while when keys change; left
    behind it is one careless step from a broken chain. Remove it at the registrar.""",
    reference="RFC 6781 section 4.1.2",
)
ISLAND = rule(
    "dnssec-island",
    Severity.WARN,
    "signed, but the parent has no DS record",
    help="""The zone has keys and the parent does not vouch for them, so to everybody it is unsigned: no DANE.
    Hand the DS record to the registrar, or publish it as CDS where the registry looks for that.""",
    reference="RFC 4035 section 2.4",
)
ALGORITHM = rule(
    "dnssec-algorithm",
    Severity.WARN,
    "a key with a deprecated algorithm",
    help="""RSA with SHA-1, DSA, RSA with MD5 and ECC-GOST may not be used for signing any more; validators
    treat a zone that has nothing else as unsigned. Roll over to algorithm 13 (ECDSA P-256) or 15
    (Ed25519).""",
    reference="RFC 9905 section 2",
)
ALGORITHM_UNUSUAL = rule(
    "dnssec-algorithm-unusual",
    Severity.INFO,
    "an algorithm that is not recommended for signing",
    help="""It is not wrong, but not every validator knows it, or others do the same with shorter answers. The
    algorithms recommended for signing are 13 (ECDSA P-256), 15 (Ed25519) and 8 (RSA with SHA-256).""",
    reference="RFC 9904 section 2",
)
ALGORITHM_INCOMPLETE = rule(
    "dnssec-algorithm-incomplete",
    Severity.WARN,
    "records are not signed with every algorithm of the DS records",
    help="""A zone must be signed with each algorithm that its parent's DS records name. Some validators
    insist on it and call the zone bogus. Sign with all, or remove the DS of the missing algorithm first.""",
    reference="RFC 4035 section 2.2",
)
KEY_SIZE = rule(
    "dnssec-key-size",
    Severity.WARN,
    "an RSA key of less than 2048 bits",
    help="""Such keys can be broken by those with means, and then every record of the zone forged, TLSA
    included. Roll over to a key of 2048 bits, or better to algorithm 13, whose answers are shorter.""",
    reference="RFC 6781 section 3.4.2",
)
KEY_COUNT = rule(
    "dnssec-key-count",
    Severity.WARN,
    "more keys than any change of keys needs",
    help="""Each validator fetches all of them, often by TCP because they do not fit, and may have to try each.
    Remove those that sign nothing.""",
    reference="RFC 6781 section 4.1",
)
KEY_TAGS = rule(
    "dnssec-key-tags",
    Severity.WARN,
    "two keys share one tag",
    help="""A validator must then try both for each signature, and since the KeyTrap attack (CVE-2023-50387)
    resolvers give up early. Make a new key in place of one of them.""",
    reference="RFC 4034 section 5.3",
)
SIGNATURE_EXPIRED = rule(
    "dnssec-signature-expired",
    Severity.ERROR,
    "a name server gives signatures that do not hold now",
    help="""Resolvers that ask this server get answers that fail validation. Its copy of the zone is old, its
    clock is wrong, or signing has stopped. Let it fetch the zone again, and see that the signer runs.""",
    reference="RFC 4035 section 5.3.1",
)
SIGNATURE_EXPIRING = rule(
    "dnssec-signature-expiring",
    Severity.WARN,
    "signatures expire soon",
    help="""A signer renews them in time; these are left from the last quarter of their life, and fewer than
    three days. Once they have expired the zone is bogus and mail stops. See that the signer runs.""",
    reference="RFC 6781 section 4.4.2",
)
SIGNATURE_SPAN = rule(
    "dnssec-signature-span",
    Severity.WARN,
    "signatures that hold too long, or too briefly",
    help="""What was signed for more than half a year can be replayed that long after it was changed; what
    is signed for less than a day is lost with the first pause of the signer. One to four weeks are usual.""",
    reference="RFC 6781 section 4.4.2",
)
SIGNATURE_TTL = rule(
    "dnssec-signature-ttl",
    Severity.WARN,
    "a TTL longer than the signature has to live",
    help="""Resolvers cut the TTL short, so all of them come back at the same moment, and one that does not
    keeps records whose signature has expired. Renew signatures earlier, or lower the TTL.""",
    reference="RFC 6781 section 4.4.2",
)
SERVER_UNSIGNED = rule(
    "dnssec-server-unsigned",
    Severity.ERROR,
    "a name server gives no signatures",
    help="""The zone is signed and this server answers without signatures: to resolvers that validate its
    answers are bogus. It has an unsigned copy of the zone, or does not know DNSSEC. Let it fetch the signed
    zone, or take it out of the NS records.""",
    reference="RFC 4035 section 3.1",
)
KEYS_DIFFER = rule(
    "dnssec-keys-differ",
    Severity.WARN,
    "name servers give different keys",
    help="""A resolver may get the keys from one server and the signatures from another. For the minutes in
    which a new zone spreads that is harmless; when it stays, or signers do not know each other's keys,
    answers fail at random.""",
    reference="RFC 8901 section 2.2",
)
NSEC3_ITERATIONS = rule(
    "dnssec-nsec3-iterations",
    Severity.WARN,
    "NSEC3 with additional iterations",
    help="""They cost every server and resolver work, and hide nothing; some resolvers take such a zone for
    insecure. Set the iterations to 0.""",
    reference="RFC 9276 section 3.1",
)
NSEC3_EXCESS = rule(
    "dnssec-nsec3-excess",
    Severity.ERROR,
    "so many NSEC3 iterations that proofs do not count",
    help="""Validators treat the absence of names in such a zone as insecure, or answer SERVFAIL. Set the
    iterations to 0.""",
    reference="RFC 9276 section 3.2",
)
NSEC3_SALT = rule(
    "dnssec-nsec3-salt",
    Severity.INFO,
    "NSEC3 with a salt",
    help="""A salt adds nothing, because the zone's name is part of every hash. Leave it empty; in NSEC3PARAM
    that is written as a hyphen.""",
    reference="RFC 9276 section 3.1",
)
OPT_OUT = rule(
    "dnssec-opt-out",
    Severity.INFO,
    "NSEC3 with opt-out",
    help="""Names may be put in without signature, and that a name does not exist is not proven. It is meant for
    zones with very many unsigned delegations, such as top-level domains; others do better without.""",
    reference="RFC 9276 section 3.1",
)
COMPACT = rule(
    "dnssec-compact-denial",
    Severity.INFO,
    "names that do not exist are said to exist, without records",
    help="""Compact denial is sound, and common where signatures are made for each answer. But receivers that
    look for NXDOMAIN do not find it: the DMARC tag np does not apply to such names.""",
    reference="RFC 9824 section 3",
)
COMPACT_NP = rule(
    "dnssec-compact-np",
    Severity.WARN,
    "the DMARC policy for names that do not exist never applies",
    help="""The zone answers for every name as if it existed (compact denial), so receivers use sp, which is
    weaker than np here. Set sp to what np says.""",
    reference="RFC 9824 section 3",
)
CDS = rule(
    "dnssec-cds",
    Severity.INFO,
    "the zone tells its parent which DS it wants",
    help="""Registries that look for CDS records change the DS by themselves. Where they differ from the DS for
    long, the registry does not look, and the DS has to be handed to the registrar.""",
    reference="RFC 7344 section 3",
)
CDS_DELETE = rule(
    "dnssec-cds-delete",
    Severity.WARN,
    "the zone asks its parent to make it unsigned",
    help="""A CDS record with algorithm 0 makes the registry remove the DS: then DANE is off for the domain.
    Remove the record unless that is what you want.""",
    reference="RFC 8078 section 4",
)
