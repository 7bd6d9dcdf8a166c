"""The rules that `lint` applies to a DKIM key record, with their help."""

from __future__ import annotations

from base64 import b64encode

from maildns.finding import Severity, rule


def _der(tag: int, content: bytes) -> bytes:
    """One element of DER (X.690), of less than 64 kilobytes."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes(2 if size > 0xFF else 1, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _example(bits: int, tags: str = "v=DKIM1; k=rsa; ") -> str:
    """A record with an RSA key of *bits* bits that no one has the private half of."""
    modulus = _der(0x02, b"\x00" + ((1 << bits) - 1).to_bytes(bits // 8, "big"))
    key = _der(0x30, modulus + _der(0x02, (65537).to_bytes(3, "big")))
    rsa_encryption = bytes.fromhex("300d06092a864886f70d0101010500")
    octets = _der(0x30, rsa_encryption + _der(0x03, b"\x00" + key))
    return f"{tags}p={b64encode(octets).decode('ascii')}"


_GOOD = _example(2048)
_ED25519 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

SYNTAX = rule(
    "dkim-syntax",
    Severity.ERROR,
    "breaks the grammar of a key record",
    help="""Verifiers discard a record that they cannot read, and every signature with the key then
    fails. Most often a form or a copy has added quotes or backslashes, or cut the key off. Correct
    the place under the caret.""",
    reference="RFC 6376 section 3.6.1",
)
WHITE_SPACE = rule(
    "dkim-key-white-space",
    Severity.INFO,
    "there is white space inside the key",
    help="""The standard allows white space within p, and some verifiers stumble over it. It usually
    comes from joining the strings of a long record with a space. Publish the key without.""",
    reference="RFC 6376 section 3.6.1",
)
KEY_UNREADABLE = rule(
    "dkim-key-unreadable",
    Severity.ERROR,
    "p does not hold a key",
    help="""The base64 decodes, yet what comes out is no key of the type that k names: cut off,
    pasted wrongly, or of another type. Every signature with it fails. Publish the record anew.""",
    reference="RFC 6376 section 3.6.1",
    bad="v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCB",
    good=_GOOD,
)
KEY_REVOKED = rule(
    "dkim-key-revoked",
    Severity.INFO,
    "the key is revoked",
    help="""An empty p tells verifiers that the key is withdrawn and signatures with it fail. That is
    right for a key that is no longer used; a server that still signs with it must change to
    another selector first.""",
    reference="RFC 6376 section 3.6.1",
    bad="v=DKIM1; k=rsa; p=",
    good=_GOOD,
)
KEY_TOO_SHORT = rule(
    "dkim-key-too-short",
    Severity.ERROR,
    "the RSA key has less than 1024 bits",
    help="""Verifiers must not accept such a key, and it can be broken in an afternoon. Make a new one
    of 2048 bits under a new selector.""",
    reference="RFC 8301 section 3.2",
    bad=_example(512),
    good=_GOOD,
)
KEY_WEAK = rule(
    "dkim-key-weak",
    Severity.WARN,
    "the RSA key has less than 2048 bits",
    help="""Keys of 1024 bits still pass, and are within reach of those who can spend on breaking
    them; receivers may mark such signatures down. Roll to a key of 2048 bits.""",
    reference="RFC 8301 section 3.2",
    bad=_example(1024),
    good=_GOOD,
)
KEY_LONG = rule(
    "dkim-key-long",
    Severity.INFO,
    "the answer with this key is longer than 512 octets",
    help="""Over 2048 bits the record needs three strings or an answer of more than 512 octets, which
    old resolvers fetch by TCP or not at all. 2048 bits are enough for DKIM.""",
    reference="RFC 6376 section 3.3.3",
    bad=_example(3072),
    good=_GOOD,
)
KEY_TOO_LONG = rule(
    "dkim-key-too-long",
    Severity.WARN,
    "the RSA key has more than 4096 bits",
    help="""Verifiers need not handle keys of more than 4096 bits, so signatures may fail for no
    gain. Roll to a key of 2048 bits.""",
    reference="RFC 8301 section 3.2",
    bad=_example(8192),
    good=_example(4096),
)
ED25519_ALONE = rule(
    "dkim-ed25519",
    Severity.INFO,
    "an Ed25519 key: not all receivers know it",
    help="""Large receivers still do not verify Ed25519, and to them mail that is signed with it alone
    is unsigned. Sign with an RSA key of another selector as well.""",
    reference="RFC 8463 section 5",
    bad=_ED25519,
    good=_GOOD,
)
KEY_TYPE_UNKNOWN = rule(
    "dkim-key-type-unknown",
    Severity.ERROR,
    "the key is of a type that verifiers do not know",
    help="""Verifiers ignore a record whose k is neither rsa nor ed25519, both in lower case. Correct
    k; when it is left out, it means rsa.""",
    reference="RFC 6376 section 3.6.1",
    bad=_example(2048, "v=DKIM1; k=RSA; "),
    good=_GOOD,
)
SHA1_ONLY = rule(
    "dkim-no-usable-hash",
    Severity.ERROR,
    "allows no hash that receivers accept",
    help="""Receivers must not accept SHA-1, and sha256 is the one other that is defined. With an h
    that leaves it out, every signature fails. Leave h out.""",
    reference="RFC 8301 section 3.1",
    bad=_example(2048, "v=DKIM1; h=sha1; "),
    good=_example(2048, "v=DKIM1; h=sha256; "),
)
SHA1 = rule(
    "dkim-sha1",
    Severity.INFO,
    "still allows SHA-1",
    help="""SHA-1 must not be used for signing, nor accepted. Say h=sha256, or leave h out.""",
    reference="RFC 8301 section 3.1",
    bad=_example(2048, "v=DKIM1; h=sha1:sha256; "),
    good=_example(2048, "v=DKIM1; h=sha256; "),
)
TESTING = rule(
    "dkim-testing",
    Severity.WARN,
    "is in test mode, so signatures may count for nothing",
    help="""With t=y verifiers treat signed mail as though it were not signed, so DKIM may bring
    neither a DMARC pass nor a good name. Leave it out once signatures verify.""",
    reference="RFC 6376 section 3.6.1",
    bad=_example(2048, "v=DKIM1; k=rsa; t=y; "),
    good=_GOOD,
)
STRICT_IDENTITY = rule(
    "dkim-strict-identity",
    Severity.INFO,
    "does not cover subdomains in i=",
    help="""With t=s a signature whose i= is in a subdomain of its d= fails. That is a good choice when
    no subdomain sends mail with this key.""",
    reference="RFC 6376 section 3.6.1",
    bad=_example(2048, "v=DKIM1; k=rsa; t=s; "),
    good=_GOOD,
)
NOT_FOR_MAIL = rule(
    "dkim-not-for-mail",
    Severity.ERROR,
    "the key is not for mail",
    help="""Verifiers ignore a record whose s lists neither * nor email. Leave s out, unless the key
    signs nothing but TLS reports.""",
    reference="RFC 6376 section 3.6.1",
    bad=_example(2048, "v=DKIM1; k=rsa; s=tlsrpt; "),
    good=_example(2048, "v=DKIM1; k=rsa; s=email; "),
)
NOT_FOR_REPORTS = rule(
    "dkim-not-for-tls-reports",
    Severity.INFO,
    "the key may not sign TLS reports",
    help="""s=email leaves out tlsrpt, so a report on TLS that this domain sends would not verify.
    Leave s out if the server sends such reports.""",
    reference="RFC 8460 section 3",
    bad=_example(2048, "v=DKIM1; k=rsa; s=email; "),
    good=_GOOD,
)
VERSION_MISSING = rule(
    "dkim-version-missing",
    Severity.INFO,
    "does not say v=DKIM1",
    help="""v may be left out, and a record that has it cannot be mistaken for another. Put v=DKIM1
    first.""",
    reference="RFC 6376 section 3.6.1",
    bad=_example(2048, "k=rsa; "),
    good=_GOOD,
)
GRANULARITY = rule(
    "dkim-granularity",
    Severity.WARN,
    "has the historic tag g",
    help="""g is from RFC 4871 and means nothing today; to old verifiers an empty g means that the key
    may sign for no one. Leave it out.""",
    reference="RFC 6376 appendix C.2",
    bad=_example(2048, "v=DKIM1; k=rsa; g=; "),
    good=_GOOD,
)
UNKNOWN_TAG = rule(
    "dkim-unknown-tag",
    Severity.INFO,
    "has a tag that no verifier knows",
    help="""Verifiers ignore unknown tags, so what was meant does not happen. Correct or remove it.""",
    reference="RFC 6376 section 3.2",
    bad=_example(2048, "v=DKIM1; k=rsa; x=y; "),
    good=_GOOD,
)
