from __future__ import annotations

import pytest

from maildns.errors import UsageError
from maildns.net.resolver import Resolver
from maildns.net.servers import Transport, parse_server, system_resolver

SPELLINGS = [
    # text, (host, port, transport, TLS name), why
    ("192.0.2.53", ("192.0.2.53", 53, "udp", ""), "an address alone"),
    ("192.0.2.53:5353", ("192.0.2.53", 5353, "udp", ""), "with a port"),
    (" 192.0.2.53@5353 ", ("192.0.2.53", 5353, "udp", ""), "with a port, the other way"),
    ("2001:db8::1", ("2001:db8::1", 53, "udp", ""), "IPv6: its last group is no port"),
    ("[2001:db8::1]:5353", ("2001:db8::1", 5353, "udp", ""), "IPv6 with a port"),
    ("2001:db8::1@5353", ("2001:db8::1", 5353, "udp", ""), "IPv6 with a port, the other way"),
    ("fe80::1%eth0", ("fe80::1%eth0", 53, "udp", ""), "IPv6 with a scope"),
    ("tcp://192.0.2.53", ("192.0.2.53", 53, "tcp", ""), "another transport"),
    ("tls://dns.example@853", ("dns.example", 853, "tls", "dns.example"), "TLS by name"),
    ("tls://192.0.2.1", ("192.0.2.1", 853, "tls", "192.0.2.1"), "TLS: the certificate bears the address"),
    ("tls://192.0.2.1#dns.example", ("192.0.2.1", 853, "tls", "dns.example"), "TLS: another name"),
    ("https://dns.example/dns-query", ("dns.example", 443, "https", "dns.example"), "HTTPS"),
    ("https://[2001:db8::1]:8443/q", ("2001:db8::1", 8443, "https", "2001:db8::1"), "HTTPS, IPv6"),
]  # fmt: skip


@pytest.mark.parametrize("text, named, why", SPELLINGS)
def test_a_spelling_names_one_server(text, named, why):
    server = parse_server(text)
    assert (server.host, server.port, server.transport, server.tls_name) == named, why
    assert parse_server(str(server)) == server or server.transport is Transport.TCP, why


MISSPELT = [
    "", " ", "dns.example", "192.0.2.53:0", "192.0.2.53:65536", "192.0.2.53:", "192.0.2.53:x", "ftp://192.0.2.1",
    "1:2:3", "[192.0.2.53", "https://", "https://user@dns.example/", "https://d.example:99999/", "192.0.2.1#name",
    "a" * 5000, "tls://" + ":" * 200, "192.0.2.1 192.0.2.2", "\x00",
]  # fmt: skip


@pytest.mark.parametrize("text", MISSPELT)
def test_a_misspelt_server_is_our_misuse_and_says_how_to_spell(text):
    with pytest.raises(UsageError) as caught:
        Resolver(servers=[text])
    assert "192.0.2.53" in caught.value.hint


@pytest.mark.parametrize(
    "given",
    [{"tries": 0}, {"timeout_seconds": 0}, {"deadline_seconds": -1}, {"transport": "pigeon"}, {"servers": "192.0.2.1"}],
)  # fmt: skip
def test_numbers_that_make_no_sense_are_misuse(given):
    with pytest.raises(UsageError):
        Resolver(**given)


def test_the_transport_holds_for_servers_that_do_not_say():
    resolver = Resolver(servers=["192.0.2.1", "tcp://192.0.2.2"], transport="tls")
    assert [server.transport for server in resolver.servers] == ["tls", "tcp"]
    (https,) = Resolver(servers=["dns.example"], transport="https").servers
    assert https.url == "https://dns.example/dns-query"


def test_the_way_is_trustworthy_over_loopback_tls_and_https_alone():
    ways = [
        "127.0.0.53",
        "[::1]:53",
        "tls://192.0.2.1",
        "https://dns.example/q",
        "192.0.2.1",
        "tcp://192.0.2.1",
    ]
    assert [parse_server(way).trustworthy_path for way in ways] == [
        True,
        True,
        True,
        True,
        False,
        False,
    ]


RESOLV_CONFS = [
    ("nameserver 127.0.0.53\noptions edns0 trust-ad\n", ["127.0.0.53:53"], True),
    ("# nameserver 192.0.2.9\nnameserver 192.0.2.1 # here\nnameserver fe80::1%eth0\n", ["192.0.2.1:53", "[fe80::1%eth0]:53"], False),
    ("nameserver\nnameserver dns.example\nsearch example.com\n", [], False),
    ("".join(f"nameserver 192.0.2.{n}\n" for n in range(9)), [f"192.0.2.{n}:53" for n in range(3)], False),
    ("\xff\x00", [], False),
]  # fmt: skip


@pytest.mark.parametrize("text, servers, trust_ad", RESOLV_CONFS)
def test_the_systems_servers_are_read_from_resolv_conf(tmp_path, text, servers, trust_ad):
    (tmp_path / "resolv.conf").write_text(text, encoding="latin-1")
    system = system_resolver(tmp_path / "resolv.conf")
    assert [str(server) for server in system.servers] == servers
    assert system.trust_ad is trust_ad


def test_a_missing_resolv_conf_names_no_server(tmp_path):
    assert system_resolver(tmp_path / "none").servers == ()
