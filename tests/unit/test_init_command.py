"""`maildns init`: what it takes over from what is published, what it asks, and what it leaves alone."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from cli import run_cli
from terminal import talk

from maildns.intent.load import load, settings
from maildns.wiring import open_project

START = "$ORIGIN example.com.\n@ 300 IN SOA ns hostmaster 1 3600 900 604800 300\n@ 300 NS ns\n"
FLAGS = (
    "init", "--yes", "--world", "world", "--domain", "example.com", "--host", "mail.example.com",
    "--ipv4", "93.184.216.34", "--selector", "abc",
)  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("world").write_text("")
    return tmp_path


def from_zone(text: str, *more: object):
    """The settings of example.com that init proposes for a zone, and the text it wrote."""
    Path("example.com.zone").write_text(START + text)
    result = run_cli("init", "--yes", "--zone", "example.com.zone", "--selector", "new", *more)
    assert (result.code, result.err) == (0, "")
    intent, source = load(Path("maildns.toml"))
    return settings(intent, "example.com"), intent, source.text


# --- writing --------------------------------------------------------------------------


def test_a_new_description_and_its_key_are_made():
    made = run_cli(*FLAGS, "--dmarc-reports-to", "postmaster@example.com")
    assert (made.code, made.err) == (0, "")
    assert len(Path("maildns.toml").read_text().splitlines()) < 12
    assert Path("keys/abc.example.com.pem").stat().st_mode & 0o777 == 0o600
    assert "next: maildns plan" in made.out
    planned = run_cli("plan", "--world", "world")
    assert (planned.code, planned.err) == (0, "")


def test_a_second_run_refuses_and_force_keeps_the_keys():
    run_cli(*FLAGS)
    key, config = Path("keys/abc.example.com.pem"), Path("maildns.toml")
    before = key.read_bytes(), config.read_text()
    refused = run_cli(*FLAGS, "--policy", "reject")
    assert refused.code == 2
    assert "--force" in refused.err
    assert (key.read_bytes(), config.read_text()) == before
    replaced = run_cli(*FLAGS, "--policy", "reject", "--force")
    assert replaced.code == 0
    assert "kept the key" in replaced.out
    assert key.read_bytes() == before[0]
    assert 'policy = "reject"' in config.read_text()


def test_files_are_named_as_the_config_will_find_them():
    Path("tls.pem").write_text("stands for a certificate")
    run_cli(*FLAGS, "--certificate", "tls.pem", "--config", "sub/maildns.toml")
    project = open_project(Path("sub/maildns.toml"))
    server = project.intent.server["mail.example.com"]
    assert project.source.file(str(server.certificate)).exists()
    assert Path("sub/keys/abc.example.com.pem").exists()


WRONG = [
    # options, a word of the message
    (["--policy", "nonsense"], "none, quarantine, reject"),
    (["--mta-sts", "always"], "'testing', 'enforce' or 'none'"),
    (["--ipv4", "93.184.216"], "IPv4"),
    (["--ipv6", "93.184.216.34"], "IPv6"),
    (["--algorithm", "rsa512"], "rsa512"),
    (["--domain", "exa mple.com"], "cannot stand in a name"),
    (["--host", "93.184.216.34"], "is an address"),
    (["--senders", "googel-workspace"], "googel-workspace"),
    (["--dmarc-reports-to", "no mail"], "no mail"),
    (["--selector", "a b"], "cannot stand in a name"),
    (["--selector", "../../x"], "empty label"),
    (["--certificate", "nowhere.pem"], "nowhere.pem"),
    (["--zone", "nowhere.zone"], "nowhere.zone"),
]


@pytest.mark.parametrize("options, word", WRONG)
def test_a_wrong_option_writes_nothing(home, options, word):
    refused = run_cli(*FLAGS, *options)
    assert refused.code == 2
    assert word in refused.err
    assert "Traceback" not in refused.err
    assert "maildns.toml:" not in refused.err  # there is no such file yet
    assert sorted(path.name for path in home.iterdir()) == ["world"]


# --- taking over ----------------------------------------------------------------------


def test_what_an_spf_record_permits_is_kept_and_the_own_servers_are_not_said_twice():
    own, intent, text = from_zone(
        "@ MX 10 mail\nmail A 93.184.216.34\nmail AAAA 2001:db8::5\n@ A 93.184.216.34\n"
        '@ TXT "v=spf1 mx a +a:mail.example.com ip4:93.184.216.34 include:_spf.google.com '
        '?include:maybe.example ip4:198.51.100.0/24 ~all"\n'
    )
    assert own.senders == ("google-workspace", "ip4:198.51.100.0/24")
    assert own.spf.others == "softfail"
    assert "permits nobody: ?include:maybe.example" in text
    assert [str(a) for a in intent.server["mail.example.com"].ipv6] == ["2001:db8::5"]


@pytest.mark.parametrize(
    "term", ["a", "mx/24", "a:web.example.com", "ptr", "exists:%{i}.x.example", "ip6:2001:db8::/32"]
)
def test_a_term_that_reaches_beyond_the_own_servers_is_kept(term):
    own, _, _ = from_zone(
        "@ MX 10 mail\nmail A 93.184.216.34\n@ A 198.51.100.80\nweb A 198.51.100.81\n"
        f'@ TXT "v=spf1 {term} -all"\n'
    )
    assert own.senders == (term,)


def test_a_backup_of_others_keeps_its_place_and_is_not_made_a_sender():
    own, intent, _ = from_zone(
        '@ MX 10 mail\n@ MX 20 mx.provider.example.\nmail A 93.184.216.34\n@ TXT "v=spf1 mx -all"\n'
    )
    assert own.servers == {"mail.example.com": 10, "mx.provider.example": 20}
    assert own.senders == ("mx",)  # as before: it did permit the backup
    backup = intent.server["mx.provider.example"]
    assert (backup.managed, backup.sends) == (False, False)


def test_an_mx_preference_that_is_not_the_usual_one_is_kept():
    own, _, _ = from_zone("@ MX 5 mail\nmail A 93.184.216.34\n")
    assert own.servers == {"mail.example.com": 5}
    plan = run_cli("plan", "--world", "example.com.zone")
    assert "example.com MX" not in plan.out


def test_a_redirect_becomes_the_include_that_permits_the_same():
    own, _, text = from_zone(
        '@ MX 10 mail\nmail A 93.184.216.34\n@ TXT "v=spf1 redirect=_spf.provider.example"\n'
    )
    assert own.senders == ("include:_spf.provider.example",)
    assert own.spf.others == "softfail"  # no stricter than anybody said
    assert "# was redirect=" in text


def test_two_spf_records_are_taken_as_one_and_one_of_type_99_is_not():
    own, _, text = from_zone(
        '@ MX 10 mail\nmail A 93.184.216.34\n@ TXT "v=spf1 " "include:a.exa" "mple -all"\n'
        '@ TXT v=spf1\\032include:b.example\\032~all\n@ SPF "v=spf1 include:old.example -all"\n'
    )
    assert set(own.senders) == {"include:a.example", "include:b.example"}
    assert "2 SPF records" in text


def test_a_strict_dmarc_policy_is_kept_as_it_is():
    own, _, _ = from_zone(
        '@ MX 10 mail\nmail A 93.184.216.34\n_dmarc TXT "v=DMARC1; p=reject; sp=quarantine; '
        'adkim=s; pct=50; rua=mailto:d@example.com; ruf=mailto:f@example.com; fo=1:d"\n'
    )
    assert own.dmarc is not None
    assert (own.dmarc.policy, own.dmarc.subdomain_policy, own.dmarc.percent) == (
        "reject",
        "quarantine",
        50,
    )
    assert own.dmarc.reports_to == ("d@example.com",)
    plan = run_cli("plan", "--world", "example.com.zone")
    assert "_dmarc.example.com TXT  what" not in plan.out  # nothing to change


def test_published_selectors_are_told_and_not_taken_again():
    Path("example.com.zone").write_text(
        START + '@ MX 10 mail\nmail A 93.184.216.34\ns202611._domainkey TXT "v=DKIM1; p="\n'
        "s1._domainkey CNAME s1.dkim.provider.example.\n"
    )
    assert run_cli("init", "--yes", "--zone", "example.com.zone").code == 0
    text = Path("maildns.toml").read_text()
    assert "DKIM selectors published already: s1, s202611" in text
    (key,) = tomllib.loads(text)["domain"]["example.com"]["dkim"]
    assert key["selector"] not in {"s1", "s202611"}


def test_a_zone_that_says_it_has_no_mail_is_parked_unless_it_is_asked_for():
    own, intent, _ = from_zone('@ MX 0 .\n@ TXT "v=spf1 -all"\n')
    assert own.parked
    assert intent.server == {}
    own, _, _ = from_zone(
        '@ MX 0 .\n@ TXT "v=spf1 -all"\n_dmarc TXT "v=DMARC1; p=reject"\n',
        "--force", "--domain", "example.com", "--ipv4", "93.184.216.34",
    )  # fmt: skip
    assert not own.parked
    assert own.dmarc is not None
    assert own.dmarc.policy == "none"  # a new start


def test_an_issuer_bound_to_an_account_is_left_as_it_is():
    own, _, text = from_zone(
        "@ MX 10 mail\nmail A 93.184.216.34\n"
        '@ CAA 0 issue "ca.example; accounturi=https://ca.example/1"\n@ CAA 0 issue "b.example"\n'
    )
    assert own.caa == ()
    assert "accounturi=https://ca.example/1" in text
    assert "CAA" not in run_cli("plan", "--world", "example.com.zone").out


def test_what_is_published_cannot_write_into_the_config():
    own, intent, text = from_zone(
        "@ MX 10 mail\nmail A 93.184.216.34\n"
        '@ TXT "v=spf1 \\010[server.evil]\\010ipv4=\\"192.0.2.66\\"\\010# -all"\n'
        '_dmarc TXT "v=DMARC1; p=none; rua=mailto:a\\"]}\\010[x]@example.com"\n'
        '@ CAA 0 issue "ca.example\\"]\\010[server.evil2]"\n'
    )
    assert list(intent.server) == ["mail.example.com"]
    assert own.senders == ()
    assert "\n[server.evil" not in text


def test_the_zone_is_found_by_its_soa_its_origin_or_its_name():
    for name, text in (
        ("a.txt", "example.com. 300 SOA ns.example.com. h.example.com. 1 1 1 1 1\n"),
        ("db.example.com", "@ 300 MX 10 mail\nmail 300 A 93.184.216.34\n"),
        ("b", START),
    ):
        Path(name).write_text(text)
        made = run_cli(
            "init", "--yes", "--zone", name, "--ipv4", "93.184.216.34", "--config", f"{name}.toml"
        )
        assert made.code == 0, made.err
        assert list(load(Path(f"{name}.toml"))[0].domain) == ["example.com"]
    Path("c").write_text("@ 300 MX 10 mail\n")
    refused = run_cli("init", "--yes", "--zone", "c", "--config", "c.toml")
    assert (refused.code, "which zone" in refused.err) == (2, True)


# --- the questions --------------------------------------------------------------------

DIALOGUE = [
    # what is asked, what is typed
    ("Domain", "exa mple"),
    ("cannot stand in a name", "example"),
    ("a full name", "example.com"),
    ("Mail server's name [mail.example.com]", ""),
    ("public addresses", "93.184.216"),
    ("not appear to be", "93.184.216.34 2001:db8::1"),
    ("Other services", "googel"),
    ("googel", "google-workspace"),
    ("DMARC reports go to [postmaster@example.com]", ""),
    ("Write maildns.toml", "y"),
]


def test_the_questions_lead_to_a_description_on_a_terminal():
    code, said = talk(("init", "--world", "world"), DIALOGUE)
    assert code == 0, said
    assert "wrote maildns.toml" in said
    intent, _ = load(Path("maildns.toml"))
    assert list(intent.server) == ["mail.example.com"]
    own = settings(intent, "example.com")
    assert own.senders == ("google-workspace",)
    assert own.dmarc is not None
    assert own.dmarc.reports_to == ("postmaster@example.com",)
    assert [key.selector for key in own.dkim] != []


def test_a_no_at_the_end_writes_nothing(home):
    dialogue = [*DIALOGUE[:-1], ("Write maildns.toml", "n")]
    code, said = talk(("init", "--world", "world"), dialogue)
    assert code == 2
    assert "wrote" not in said
    assert sorted(path.name for path in home.iterdir()) == ["world"]


def test_questions_that_nobody_answers_are_misuse():
    result = run_cli("init", "--world", "world", input="")
    assert result.code == 2
    assert "--help" in result.err
