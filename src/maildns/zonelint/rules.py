"""
The rules that need more than one record to see: sets, places and the zone.

Their examples are zone text, not the text of one record.
"""

from __future__ import annotations

from maildns.finding import Rule, Severity, rule

_ORIGIN = "$ORIGIN example.com.\n"
_SOA = _ORIGIN + "@ SOA ns.example.net. hostmaster 1 1d 2h 4w 1h\n@ NS ns.example.net.\n"
_SPF = 'example.com. TXT "v=spf1 mx -all"'
_DKIM = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

SEVERAL: dict[str, Rule] = {
    "spf": rule(
        "zone-several-spf",
        Severity.ERROR,
        "there are several SPF records at one name",
        help="""Receivers that find two SPF records answer permerror: the domain then has no SPF,
        and mail that rests on it is refused or goes to the spam folder. Merge them into one, as the
        fix shows, and remove the others.""",
        reference="RFC 7208 section 4.5",
        bad=f'{_SPF}\nexample.com. TXT "v=spf1 include:_spf.example.net ~all"',
        good='example.com. TXT "v=spf1 mx include:_spf.example.net -all"',
    ),
    "dmarc": rule(
        "zone-several-dmarc",
        Severity.ERROR,
        "there are several DMARC records at one name",
        help="""Receivers that find two DMARC records act as if there were none, so the domain is
        unprotected and no reports come. Keep one; put both report addresses into its rua.""",
        reference="RFC 9989 section 4.10",
        bad=(
            '_dmarc.example.com. TXT "v=DMARC1; p=reject; rua=mailto:a@example.com"\n'
            '_dmarc.example.com. TXT "v=DMARC1; p=none; rua=mailto:b@example.net"'
        ),
        good='_dmarc.example.com. TXT "v=DMARC1; p=reject; rua=mailto:a@example.com"',
    ),
    "dkim": rule(
        "zone-several-dkim",
        Severity.ERROR,
        "there are several DKIM keys at one selector",
        help="""A selector has one key record; with several it is chance which one a receiver
        takes, and signatures fail now and then. Give the second key a selector of its own.""",
        reference="RFC 6376 section 3.6.2.2",
        bad=(
            f'a._domainkey.example.com. TXT "{_DKIM}"\na._domainkey.example.com. TXT "v=DKIM1; p="'
        ),
        good=(
            f'a._domainkey.example.com. TXT "{_DKIM}"\nb._domainkey.example.com. TXT "v=DKIM1; p="'
        ),
    ),
    "mtasts": rule(
        "zone-several-mtasts",
        Severity.ERROR,
        "there are several MTA-STS records",
        help="""Senders that find more than one record act as if there were no policy. Keep the one
        with the newest id.""",
        reference="RFC 8461 section 3.1",
        bad='_mta-sts.example.com. TXT "v=STSv1; id=1;"\n_mta-sts.example.com. TXT "v=STSv1; id=2;"',
        good='_mta-sts.example.com. TXT "v=STSv1; id=2;"',
    ),
    "tlsrpt": rule(
        "zone-several-tlsrpt",
        Severity.WARN,
        "there are several TLS-RPT records",
        help="""Senders that find more than one record send no TLS reports at all. Keep one; its rua
        may list several addresses, parted by commas.""",
        reference="RFC 8460 section 3",
        bad=(
            '_smtp._tls.example.com. TXT "v=TLSRPTv1; rua=mailto:a@example.com"\n'
            '_smtp._tls.example.com. TXT "v=TLSRPTv1; rua=mailto:b@example.com"'
        ),
        good='_smtp._tls.example.com. TXT "v=TLSRPTv1; rua=mailto:a@example.com"',
    ),
    "bimi": rule(
        "zone-several-bimi",
        Severity.WARN,
        "there are several BIMI records at one selector",
        help="""Receivers that find more than one record show no logo. Keep one.""",
        reference="draft-brand-indicators-for-message-identification section 7.2",
        bad=(
            'default._bimi.example.com. TXT "v=BIMI1; l=https://example.com/a.svg"\n'
            'default._bimi.example.com. TXT "v=BIMI1; l=https://example.com/b.svg"'
        ),
        good='default._bimi.example.com. TXT "v=BIMI1; l=https://example.com/a.svg"',
    ),
}
SPF_TYPE = rule(
    "zone-spf-type",
    Severity.WARN,
    "a record of the type SPF is read by nobody",
    help="""The record type SPF (99) was given up in 2014; receivers ask for TXT only. Publish the
    same text as TXT and remove the record of type SPF.""",
    reference="RFC 7208 section 3.1",
    bad='example.com. SPF "v=spf1 mx -all"',
    good=_SPF,
)
RUN_TOGETHER = rule(
    "zone-strings-run-together",
    Severity.ERROR,
    "the strings of the record run together without a blank",
    help="""The strings of a TXT record are joined with nothing between them, and in a zone file
    each word without quotes is a string. So v=spf1 mx -all without quotes is published as
    v=spf1mx-all, which no receiver takes for SPF. Put quotes around the whole text; where it is
    split, leave the blank inside one of the strings.""",
    reference="RFC 7208 section 3.3",
    bad="example.com. TXT v=spf1 mx -all",
    good=_SPF,
)
SEMICOLON = rule(
    "zone-semicolon-is-comment",
    Severity.ERROR,
    "an unquoted semicolon makes a comment of the rest of the record",
    help="""In a zone file a semicolon outside quotes begins a comment, so only what stands before it
    is published. Put quotes around the whole text.""",
    reference="RFC 1035 section 5.1",
    bad="_dmarc.example.com. TXT v=DMARC1; p=reject; rua=mailto:a@example.com",
    good='_dmarc.example.com. TXT "v=DMARC1; p=reject; rua=mailto:a@example.com"',
)
MX_ADDRESS = rule(
    "zone-mx-is-address",
    Severity.ERROR,
    "an MX record names an address instead of a host",
    help="""An MX record names a host; an address in its place is taken for a name, which does not
    exist, and no mail arrives. Name the host, and give the host an A record with this address.""",
    reference="RFC 5321 section 5.1",
    bad=_ORIGIN + "@ MX 10 192.0.2.25",
    good=_ORIGIN + "@ MX 10 mail\nmail A 192.0.2.25",
)
MX_ALIAS = rule(
    "zone-mx-is-alias",
    Severity.ERROR,
    "an MX record names an alias",
    help="""The host of an MX record must have address records of its own and may not be a CNAME.
    Some senders refuse to follow it, and TLSA records are then looked for in another place. Name
    the host behind the alias.""",
    reference="RFC 2181 section 10.3",
    bad=_ORIGIN + "@ MX 10 mail\nmail CNAME host\nhost A 192.0.2.25",
    good=_ORIGIN + "@ MX 10 host\nhost A 192.0.2.25",
)
MX_NO_ADDRESS = rule(
    "zone-mx-without-address",
    Severity.ERROR,
    "an MX record names a host that the zone gives no address",
    help="""The host is inside this zone, and the zone has neither an A nor an AAAA record for it.
    Senders cannot connect, and mail waits and comes back. Add the address, or correct the name: a
    missing final dot puts the zone's name behind it once more.""",
    reference="RFC 5321 section 5.1",
    bad=_SOA + "@ MX 10 mail",
    good=_SOA + "@ MX 10 mail\nmail A 192.0.2.25",
)
SRV_ALIAS = rule(
    "zone-srv-is-alias",
    Severity.WARN,
    "an SRV record names an alias",
    help="""The target of an SRV record must have address records of its own and may not be a CNAME;
    some mail clients do not follow it. Name the host behind the alias.""",
    reference="RFC 2782",
    bad=_ORIGIN + "_imaps._tcp SRV 0 1 993 mail\nmail CNAME host\nhost A 192.0.2.25",
    good=_ORIGIN + "_imaps._tcp SRV 0 1 993 host\nhost A 192.0.2.25",
)
SRV_NO_ADDRESS = rule(
    "zone-srv-without-address",
    Severity.ERROR,
    "an SRV record names a host that the zone gives no address",
    help="""The host is inside this zone, and the zone has neither an A nor an AAAA record for it, so
    mail clients that set themselves up by this record cannot connect. Add the address, or correct
    the name: a missing final dot puts the zone's name behind it once more.""",
    reference="RFC 2782",
    bad=_SOA + "_imaps._tcp SRV 0 1 993 mail",
    good=_SOA + "_imaps._tcp SRV 0 1 993 mail\nmail A 192.0.2.25",
)
ALIAS_BESIDE_DATA = rule(
    "zone-alias-beside-data",
    Severity.ERROR,
    "a CNAME stands beside other records",
    help="""A CNAME says that all records of a name are elsewhere, so nothing may stand beside it.
    Name servers refuse such a zone, or answer now with the one and now with the other; an alias at
    the domain itself makes its MX and SPF vanish. Remove the alias or the other records.""",
    reference="RFC 2181 section 10.1",
    bad=_ORIGIN + "@ CNAME web.example.net.\n@ MX 10 mail.example.net.",
    good=_ORIGIN + "@ A 192.0.2.80\n@ MX 10 mail.example.net.",
)
WRONG_PLACE = rule(
    "zone-wrong-place",
    Severity.ERROR,
    "the record stands at a name where nobody looks for it",
    help="""Each record has its own place: DMARC at _dmarc.DOMAIN, MTA-STS at _mta-sts.DOMAIN, TLS-RPT
    at _smtp._tls.DOMAIN, a DKIM key at SELECTOR._domainkey.DOMAIN, BIMI at SELECTOR._bimi.DOMAIN,
    and SPF at the domain itself. At another name it does nothing. Move it.""",
    reference="RFC 9989 section 4.6, RFC 6376 section 3.6.2.1, RFC 8461 section 3.1",
    bad='example.com. TXT "v=DMARC1; p=reject; rua=mailto:a@example.com"',
    good='_dmarc.example.com. TXT "v=DMARC1; p=reject; rua=mailto:a@example.com"',
)
DOUBLED_NAME = rule(
    "zone-doubled-name",
    Severity.ERROR,
    "the domain's name stands in it twice",
    help="""A name without a final dot is below the zone, so _dmarc.example.com written in the zone
    example.com means _dmarc.example.com.example.com. Nobody looks there. Add the final dot, or
    leave the domain's name out.""",
    reference="RFC 1035 section 5.1",
    bad=_ORIGIN + '_dmarc.example.com TXT "v=DMARC1; p=reject; rua=mailto:a@example.com"',
    good=_ORIGIN + '_dmarc TXT "v=DMARC1; p=reject; rua=mailto:a@example.com"',
)
TLSA_NAME = rule(
    "zone-tlsa-name",
    Severity.ERROR,
    "a TLSA record stands at a name without port and protocol",
    help="""Senders look for the TLSA records of a mail host at _25._tcp.HOST. Without these two
    labels in front, in this order and with their underscores, the record does nothing.""",
    reference="RFC 6698 section 3",
    bad=_ORIGIN + "mail TLSA 3 1 1 " + "ab" * 32,
    good=_ORIGIN + "_25._tcp.mail TLSA 3 1 1 " + "ab" * 32,
)
WILDCARD = rule(
    "zone-wildcard-answers",
    Severity.WARN,
    "a wildcard answers where receivers look for mail records",
    help="""A wildcard TXT or CNAME record answers for every name that the zone does not have, also
    for _dmarc, _mta-sts, _smtp._tls and every DKIM selector. Receivers get a text that has nothing
    to do with what they asked, and names that do not exist seem to. Remove the wildcard, or write
    out the names that it is for.""",
    reference="RFC 4592 section 2.1, RFC 5507 section 3.1",
    bad=_ORIGIN + '* TXT "hello"\n@ MX 10 mail.example.net.',
    good=_ORIGIN
    + '* TXT "hello"\n_dmarc TXT "v=DMARC1; p=none; rua=mailto:a@example.com"\n@ MX 10 mail.example.net.',
)
TTLS_DIFFER = rule(
    "zone-ttls-differ",
    Severity.WARN,
    "records of one name and type have different TTLs",
    help="""The records of one name and type travel together and have one TTL; name servers take the
    first or the least of them. Give them the same TTL.""",
    reference="RFC 2181 section 5.2",
    bad="example.com. 300 MX 10 a.example.net.\nexample.com. 600 MX 20 b.example.net.",
    good="example.com. 300 MX 10 a.example.net.\nexample.com. 300 MX 20 b.example.net.",
)
NO_SPF = rule(
    "zone-no-spf",
    Severity.WARN,
    "the domain takes mail and has no SPF record",
    help="""Without SPF anyone may send in the domain's name, and large mailbox providers refuse or
    distrust its own mail. Publish one, such as v=spf1 mx -all, when the mail hosts are also those
    that send.""",
    reference="RFC 7208 section 2.2",
    bad=_SOA + "@ MX 10 mail.example.net.",
    good=_SOA + '@ MX 10 mail.example.net.\n@ TXT "v=spf1 mx -all"',
)
NO_DMARC = rule(
    "zone-no-dmarc",
    Severity.WARN,
    "the domain takes mail and has no DMARC record",
    help="""Without DMARC receivers have no policy for forged mail and send no reports, and large
    mailbox providers refuse bulk mail. Begin with v=DMARC1; p=none and an address for reports. A
    domain below another may have the other's policy; then this is no fault.""",
    reference="RFC 9989 section 4.10",
    bad=_SOA + "@ MX 10 mail.example.net.",
    good=_SOA
    + '@ MX 10 mail.example.net.\n_dmarc TXT "v=DMARC1; p=none; rua=mailto:a@example.com"',
)
