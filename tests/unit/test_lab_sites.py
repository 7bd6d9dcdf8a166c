"""Domains of the pretend internet before any server starts: zones, signatures, certificates."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime

import dns.dnssec
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.zone
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import DNSName, SubjectAlternativeName

from maildns.errors import UsageError
from maildns.lab.internet.authority import Authority, key_digest, new_key, self_signed
from maildns.lab.internet.faults import FAULTS, faults_named, sound_site
from maildns.lab.internet.signing import Signing, ZoneKey, sign
from maildns.lab.internet.sites import Common, Site, provider_hosts, txt
from maildns.lab.internet.zones import serve

TEXT = """\
z.lab. 300 SOA ns.z.lab. h.z.lab. 1 2 3 4 5
z.lab. 300 NS ns.z.lab.
ns.z.lab. 300 A 77.77.1.1
a.b.z.lab. 300 TXT "below an empty name"
"""
ORIGIN = dns.name.from_text("z.lab")
APEX_SETS = ["SOA", "NS", "DNSKEY"]


def _zone(key: ZoneKey, signing: Signing) -> dns.zone.Zone:
    return dns.zone.from_text(sign(TEXT, "z.lab", key, signing), ORIGIN, relativize=False)


def _validate(zone: dns.zone.Zone, key: ZoneKey, name: str, rrtype: str, now: float = 0) -> None:
    owner = dns.name.from_text(name)
    of = dns.rdatatype.from_text(rrtype)
    rrset = (owner, zone.find_rdataset(owner, of))
    signatures = (owner, zone.find_rdataset(owner, dns.rdatatype.RRSIG, covers=of))
    keys = {ORIGIN: dns.rdataset.from_rdata(300, key.dnskey)}
    dns.dnssec.validate(
        rrset, signatures, keys, now=now or time.time(), policy=dns.dnssec.allow_all_policy
    )


@pytest.mark.parametrize("iterations", [None, 0, 12])  # NSEC, NSEC3, NSEC3 with too many
@pytest.mark.parametrize("rrtype", APEX_SETS)
def test_signatures_are_valid(iterations, rrtype):
    key = ZoneKey.new()
    _validate(_zone(key, Signing(iterations=iterations)), key, "z.lab", rrtype)


def test_broken_set_alone_is_bogus():
    key = ZoneKey.new()
    zone = _zone(key, Signing(broken={("ns.z.lab", "A")}))
    _validate(zone, key, "a.b.z.lab", "TXT")
    with pytest.raises(dns.dnssec.ValidationFailure):
        _validate(zone, key, "ns.z.lab", "A")


@pytest.mark.parametrize("days, valid", [(1, True), (-1, False)])
def test_signatures_hold_as_long_as_is_said(days, valid):
    key = ZoneKey.new()
    zone = _zone(key, Signing(until_days=days))
    if valid:
        _validate(zone, key, "z.lab", "SOA")
        return
    with pytest.raises(dns.dnssec.ValidationFailure):
        _validate(zone, key, "z.lab", "SOA")


def test_nsec3_chain_is_a_ring_over_every_name_and_the_empty_one():
    """RFC 5155 section 7.1: also b.z.lab, which has no records, has a link."""
    zone = _zone(ZoneKey.new(), Signing(iterations=2))
    links = {
        owner.labels[0].decode(): rdata.next
        for owner, _, rdata in zone.iterate_rdatas(dns.rdatatype.NSEC3)
    }
    names = ("z.lab", "ns.z.lab", "b.z.lab", "a.b.z.lab")
    hashes = {dns.dnssec.nsec3_hash(name, None, 2, 1).lower() for name in names}
    assert links.keys() == hashes
    following = {base64.b32hexencode(one).decode().lower() for one in links.values()}
    assert following == hashes


def test_ds_is_that_of_the_key_unless_it_is_to_differ():
    key = ZoneKey.new()
    ds = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.DS, key.ds("z.lab"))
    assert ds.key_tag == dns.dnssec.key_id(key.dnskey)


# --- domains and faults ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def common() -> Common:
    key = rsa.generate_private_key(65_537, 2048).public_key()
    octets = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Common(Authority(), provider_hosts(), base64.b64encode(octets).decode())


def _state(site: Site) -> str:
    """Everything of a site that servers show, keys aside."""
    hosts = [
        (
            h.pointer,
            h.names,
            h.days,
            h.self_signed,
            h.sends_issuer,
            h.listening,
            h.misbehaves,
            h.settings,
        )
        for h in site.hosts
    ]
    servers = (site.name_servers, site.delegated_to, site.second_behind, site.second_lame)
    return repr((site.records.text(), hosts, site.policy, site.signing, servers, site.lan is None))


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_fault_changes_its_domain_and_the_zone_can_still_be_served(common, fault):
    site = sound_site(fault, common, 7)
    sound = _state(site)
    fault.change(site)
    assert (_state(site) == sound) is (fault.later is not None)  # or it comes later
    if fault.later is not None:
        fault.later(site)
        assert _state(site) != sound
    served = serve([site], [*common.provider, *site.hosts])
    assert (site.name in served.zones["second"]) is not site.second_lame
    assert served.anchor


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_fault_is_a_label_and_told_in_one_line(fault):
    assert len(fault.name) <= 63  # RFC 1035 section 2.3.4
    assert fault.name == fault.name.lower()
    assert fault.says
    assert "\n" not in fault.says


def test_faults_are_chosen_by_name_in_the_order_given_once():
    chosen = faults_named(["wrong-tlsa", "mx-alias", "wrong-tlsa"])
    assert [fault.name for fault in chosen] == ["wrong-tlsa", "mx-alias"]
    assert len(faults_named(["all"])) == len(FAULTS) >= 40
    with pytest.raises(UsageError, match="there is no fault 'tlsa'"):
        faults_named(["tlsa"])


def test_long_texts_are_cut_into_strings_that_give_the_text():
    text = 'v=spf1 "quoted\\' + "x" * 600
    rdata = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.TXT, txt(text))
    assert b"".join(rdata.strings).decode() == text


# --- certificates ------------------------------------------------------------------------------


@pytest.mark.parametrize("days, expired", [(30, False), (-2, True)])
def test_certificate_is_issued_by_the_authority_for_the_names(days, expired):
    authority, key = Authority(), new_key()
    leaf = authority.issue(key, ["mx.z.lab", "z.lab"], days)
    leaf.verify_directly_issued_by(authority.issuing)
    authority.issuing.verify_directly_issued_by(authority.root)
    names = leaf.extensions.get_extension_for_class(SubjectAlternativeName).value
    assert names.get_values_for_type(DNSName) == ["mx.z.lab", "z.lab"]
    assert (leaf.not_valid_after_utc < datetime.now(UTC)) is expired
    assert len(key_digest(key)) == 64


def test_self_signed_certificate_is_issued_by_itself():
    leaf = self_signed(new_key(), ["mx.z.lab"])
    leaf.verify_directly_issued_by(leaf)
