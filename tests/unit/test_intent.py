"""maildns.toml: what it accepts, and what it says of a fault: the line and the mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from maildns.errors import ConfigError
from maildns.intent.load import line_of, load, parse, settings

SMALL = """\
[server."mail.example.com"]
ipv4 = "93.184.216.34"

[domain."example.com"]
dkim = [{ selector = "abc", key = "keys/abc.pem" }]
dmarc = { policy = "none", reports_to = ["postmaster@example.com"] }
"""

FAULTS = [
    # text, the line it names, a word of the problem, a word of the mend
    (SMALL.replace("ipv4 =", "ip4 ="), 2, "no such key", "ipv4"),
    (SMALL.replace("selector =", "selektor ="), 5, "selektor", "selector"),
    (SMALL.replace("policy =", "polcy ="), 6, "polcy", "policy"),
    (SMALL.replace("93.184.216.34", "93.184.216.340"), 2, "IPv4", ""),
    (SMALL.replace('"none"', '"nonee"'), 6, "none", ""),
    (SMALL + 'servers = ["mial.example.com"]\n', 7, "mial.example.com", "mail.example.com"),
    (SMALL + 'senders = ["googel-workspace"]\n', 7, "googel-workspace", "google-workspace"),
    (SMALL + '[view.lan]\npublisher = "bind"\n', 8, "no [publisher.bind]", ""),
    (SMALL + '[view.lan.server."other.example"]\nipv4 = "192.0.2.1"\n', 7, "other.example", ""),
    (
        SMALL + '[publisher.x]\ntype = "rfc2136"\nserver = "192.0.2.1"\ntsig_secret = "x"\n',
        10,
        "secret",
        "file",
    ),
    (SMALL + '[publisher.x]\ntype = "bind"\n', 7, "zonefile", ""),
    (SMALL + "[domain.example]\nservers = [\n", 9, "TOML", ""),
    (SMALL + "ttl = -1\n", 7, "greater", ""),
    (SMALL.replace('"example.com"', '"exa mple.com"'), 4, "cannot stand in a name", ""),
    ("server = 3", 1, "server", ""),
    ("\x00", 1, "TOML", ""),
]


@pytest.mark.parametrize("text, line, problem, mend", FAULTS)
def test_a_fault_names_its_line_and_the_mend(text, line, problem, mend):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert caught.value.line == line
    assert problem in str(caught.value)
    assert mend in caught.value.hint or mend in str(caught.value)


def test_the_small_case_is_under_twelve_lines():
    assert len(SMALL.splitlines()) < 12
    intent = parse(SMALL)
    assert list(intent.server) == ["mail.example.com"]
    assert str(intent.server["mail.example.com"].ipv4[0]) == "93.184.216.34"


def test_names_are_kept_as_a_labels():
    intent = parse('[server."mail.bücher.example"]\n[domain."Bücher.example"]\n')
    assert list(intent.domain) == ["xn--bcher-kva.example"]
    assert list(intent.server) == ["mail.xn--bcher-kva.example"]


def test_defaults_hold_where_a_domain_does_not_say():
    intent = parse(
        '[defaults]\nttl = 300\ntls_rpt = "tls@example.com"\n'
        '[domain."a.example"]\n[domain."b.example"]\nttl = 60\n',
    )
    assert (settings(intent, "a.example").ttl, settings(intent, "b.example").ttl) == (300, 60)
    assert settings(intent, "b.example").tls_rpt == ("tls@example.com",)


def test_short_forms_stand_for_tables():
    intent = parse(
        '[domain."a.example"]\nmta_sts = "enforce"\nclients = true\n'
        '[domain."b.example"]\nclients = false\n',
    )
    own = settings(intent, "a.example")
    assert own.mta_sts is not None
    assert (own.mta_sts.mode, own.mta_sts.max_age_seconds) == ("enforce", 7 * 86400)
    assert own.clients is not None
    assert settings(intent, "b.example").clients is None


def test_servers_may_carry_their_preference():
    intent = parse(
        '[server."a.example"]\n[server."b.example"]\n'
        '[domain."example.com"]\nservers = { "a.example" = 5, "b.example" = 20 }\n',
    )
    assert intent.domain["example.com"].servers == {"a.example": 5, "b.example": 20}


@pytest.mark.parametrize(
    "make, problem",
    [
        (lambda path: None, "cannot read it"),  # no file
        (lambda path: path.mkdir(), "cannot read it"),  # a folder
        (lambda path: path.write_bytes(b"\xff\xfe\n"), "UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_so(tmp_path, make, problem):
    path = tmp_path / "maildns.toml"
    make(path)
    with pytest.raises(ConfigError, match=problem) as caught:
        load(path)
    assert caught.value.path == path


def test_paths_are_relative_to_the_file(tmp_path):
    path = tmp_path / "sub" / "maildns.toml"
    path.parent.mkdir()
    path.write_text(SMALL)
    _, source = load(path)
    assert source.file("keys/abc.pem") == path.parent / "keys/abc.pem"
    assert source.file("/etc/key") == Path("/etc/key")


PLACES = [
    (("server", "mail.example.com", "ipv4"), 2),
    (("domain", "example.com"), 4),
    (("domain", "example.com", "dkim", 0, "key"), 5),  # inside an inline table: its line
    (("domain", "example.com", "nothing"), 4),  # what is not there: where it would be
    (("view", "lan"), None),
]


@pytest.mark.parametrize("place, line", PLACES)
def test_a_place_has_a_line(place, line):
    assert line_of(SMALL, place) == line
