"""[reports] of maildns.toml: what it becomes, what is refused, and that no secret is shown."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from maildns.errors import ConfigError
from maildns.intent.load import ConfigSource, parse
from maildns.intent.model import Intent
from maildns.intent.secrets import read_secret
from maildns.intent.values import Secret
from maildns.reports import config

SECRET = "geheim&co"
DOMAINS = """\
[domain."example.com"]
dmarc = { reports_to = ["DMARC@example.com", "mailto:rua%2B1@third.example!10m"] }
tls_rpt = ["https://example.com/tlsrpt", "tls@example.com"]
[domain."example.net"]
dmarc = { failure_reports_to = "ruf@bücher.example" }
"""


def given(tmp_path: Path, text: str) -> tuple[Intent, ConfigSource]:
    path = tmp_path / "maildns.toml"
    text = DOMAINS + text
    return parse(text, path), ConfigSource(path, text)


def test_a_config_without_the_table_keeps_reports_beside_it(tmp_path):
    intent, source = given(tmp_path, "")
    settings = config.settings_of(intent, source)
    assert settings.store == str(tmp_path / "reports.db")
    assert settings.keep_days == 400
    assert config.folders_of(intent, source) == []
    assert config.intake_of(intent, source) is None
    assert config.https_of(intent, source) is None
    assert not config.alerts_of(intent, source).tells_anybody


STORES = [
    ('store = "x/y.db"', "{folder}/x/y.db", "a path is relative to the file"),
    ('store = "postgresql://me:p%40ss@host/db"', "postgresql://me:p%40ss@host/db", "as it is"),
    (
        'store = "postgresql://me@host/db?sslmode=require"\nstore_password = { file = "pw" }',
        "postgresql://me:geheim%26co@host/db?sslmode=require",
        "the password comes from its own file",
    ),
    (
        'store = "postgresql://me:old@/db?host=/run"\nstore_password = { command = ["cat", "pw"] }',
        "postgresql://me:geheim%26co@/db?host=/run",
        "and goes before one in the URL",
    ),
]


@pytest.mark.parametrize("text, expected, reason", STORES)
def test_the_store_is_a_file_or_postgresql(tmp_path, text, expected, reason):
    (tmp_path / "pw").write_text(f"{SECRET}\n")
    intent, source = given(tmp_path, f"[reports]\n{text}\n")
    settings = config.settings_of(intent, source)
    assert settings.store == expected.format(folder=tmp_path), reason
    for shown in (repr(settings), repr(intent), str(intent), intent.model_dump_json()):
        assert "geheim" not in shown
        assert "p%40ss" not in shown


def test_all_ways_in_are_told_with_their_paths(tmp_path, monkeypatch):
    monkeypatch.setenv("MAILDNS_TEST_PASSWORD", SECRET)
    intent, source = given(
        tmp_path,
        """
[[reports.imap]]
host = "imap.example.com"
user = "reports"
password = { env = "MAILDNS_TEST_PASSWORD" }
move_to = "Done"
ca_file = "ca.pem"
[[reports.folder]]
path = "drop"
done = "done"
[[reports.maildir]]
path = "/srv/mail"
[[reports.mbox]]
path = "box"
[reports.intake]
listen = ["127.0.0.1:10024", "[::1]:24", "unix:run/lmtp"]
protocol = "smtp"
addresses = "Extra@EXAMPLE.org"
certificate = "cert.pem"
trusted = "10.0.0.0/8"
[reports.https]
listen = "0.0.0.0:8443"
path = "/reports"
[reports.networks]
Office = ["192.0.2.0/24", "2001:db8::/32"]
""",
    )
    account = config.imap_account(intent.reports.imap[0], source)
    assert (account.password, account.move_to) == (SECRET, "Done")
    assert account.ca_file == str(tmp_path / "ca.pem")
    assert SECRET not in repr(account)
    assert [name for name, _ in config.folders_of(intent, source)] == [
        str(tmp_path / "drop"),
        "/srv/mail",
        str(tmp_path / "box"),
    ]
    intake = config.intake_of(intent, source)
    assert [str(one) for one in intake.listen] == [
        "127.0.0.1:10024",
        "[::1]:24",
        f"unix:{tmp_path}/run/lmtp",
    ]
    assert (intake.lmtp, intake.certificate) == (False, tmp_path / "cert.pem")
    assert intake.trusted == (ip_network("10.0.0.0/8"),)
    assert intake.addresses == {
        "dmarc@example.com",
        "rua+1@third.example",
        "tls@example.com",
        "ruf@xn--bcher-kva.example",
        "extra@example.org",
    }
    assert config.https_of(intent, source).path == "/reports"
    assert config.settings_of(intent, source).networks == (
        (ip_network("192.0.2.0/24"), "Office"),
        (ip_network("2001:db8::/32"), "Office"),
    )


def test_alerts_are_told_to_whom_the_config_says(tmp_path):
    (tmp_path / "hook").write_text("https://hooks.example/T0/geheim\n")
    (tmp_path / "pw").write_text(SECRET)
    intent, source = given(
        tmp_path,
        """
[reports.alerts]
mail_to = ["me@example.com"]
smtp_security = "tls"
smtp_user = "me"
smtp_password = { file = "pw" }
webhook = { file = "hook" }
command = ["logger", "-t", "maildns"]
quiet_hours = 12
""",
    )
    alerts = config.alerts_of(intent, source)
    assert alerts.tells_anybody
    assert (alerts.mail_from, alerts.smtp_port, alerts.smtp_password) == (
        "me@example.com",
        465,
        SECRET,
    )
    assert alerts.webhook == "https://hooks.example/T0/geheim"
    assert alerts.quiet == timedelta(hours=12)
    assert "geheim" not in repr(alerts)


REFUSED = [
    ('[reports]\nstore = "mysql://u:geheim@h/d"', "postgresql://", "another database"),
    ('[reports]\nstore = ""', "path of a file", "nowhere"),
    ('[reports]\nstore_password = { env = "X" }', "a file has no password", "SQLite"),
    ("[reports]\nkeep_days = 0", "greater than or equal to 1", "nothing would be kept"),
    ('[reports]\nimap = [{ host = "h", user = "u", password = "geheim" }]', "secrets", "in clear"),
    ('[reports]\nimap = [{ host = "h", user = "u", password = {} }]', "give one of", "no place"),
    ('[reports.intake]\nlisten = "here"', "nowhere to listen", "no port"),
    ('[reports.intake]\nlisten = "mail.example.com:25"', "mail.example.com", "a name"),
    ("[reports.intake]\nrequire_tls = true", "needs a certificate", "TLS without one"),
    ('[reports.intake]\naddresses = "dmarc"', "no mail address", "no host"),
    ('[reports.https]\npath = "tlsrpt"', "begins with /", "no path"),
    ('[reports.alerts]\nwebhook = "file:///geheim"', "https://", "no web"),
    ('[reports.alerts]\nsmtp_user = "me"', "both of", "half of a login"),
    (
        '[reports.alerts]\nsmtp_user = "me"\nsmtp_password = { env = "X" }',
        "over TLS only",
        "a password in clear",
    ),
    ('[reports.alerts]\nmail_to = "a@b.example\\r\\nRCPT TO:<x>"', "no mail address", "a command"),
]


@pytest.mark.parametrize("text, words, reason", REFUSED)
def test_what_cannot_be_is_refused_with_its_line(tmp_path, text, words, reason):
    with pytest.raises(ConfigError, match=words) as caught:
        given(tmp_path, text)
    assert caught.value.line is not None, reason
    assert "geheim" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "text, words, reason",
    [
        ('store_password = { file = "pw" }', "does not say whose", "no user in the URL"),
        ('store_password = { env = "NOT_SET_ANYWHERE" }', "not set", "read when it is needed"),
    ],
)
def test_a_store_without_its_password_is_an_error(tmp_path, text, words, reason):
    (tmp_path / "pw").write_text(SECRET)
    user = "" if "pw" in text else "me@"
    intent, source = given(tmp_path, f'[reports]\nstore = "postgresql://{user}h/d"\n{text}\n')
    with pytest.raises(ConfigError, match=f"{words}|whose") as caught:
        config.settings_of(intent, source)
    assert SECRET not in str(caught.value)


PROGRAMS = [
    (("printf", "one\\ntwo\\n"), b"one", "the first line"),
    (("printf", " spaced \\r\\n"), b"spaced", "without what is around it"),
    (("true",), "printed nothing", "silence"),
    (("sh", "-c", "echo geheim; exit 3"), "ended with status 3", "a failure is no secret"),
    (("no-such-program-anywhere",), "cannot run", "a typing error"),
    (("a\0b",), "cannot run", "no name of a program"),
]


@pytest.mark.parametrize("command, expected, reason", PROGRAMS)
def test_a_program_may_print_the_secret(tmp_path, command, expected, reason):
    source = ConfigSource(tmp_path / "maildns.toml", "")
    secret = Secret(command=command)
    if isinstance(expected, bytes):
        assert read_secret(secret, source, ()) == expected, reason
        return
    with pytest.raises(ConfigError, match=expected) as caught:
        read_secret(secret, source, ())
    assert "geheim" not in str(caught.value), reason
