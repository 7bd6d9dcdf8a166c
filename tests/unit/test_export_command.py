"""`maildns export` from a description to text, files and exit codes."""

from __future__ import annotations

import io
import json
import re
import xml.dom.minidom
from datetime import UTC, datetime

import pytest
from rich.console import Console

from maildns.cli.common import ExitCode, exit_code_of
from maildns.cli.export_command import Format, Order, choose, command
from maildns.cli.show_export import show_table
from maildns.errors import InputError, UsageError
from maildns.export.beside import client_files, policy_files, signing_files
from maildns.export.document import ExportDocument
from maildns.export.forms import fill_in, form_named
from maildns.plan.desired import Scene
from maildns.protocols import dkim, mtasts
from maildns.protocols.dkim import SignerKey
from maildns.wiring import open_project

CONFIG = """
[server."mail.example.com"]
ipv4 = ["192.0.2.1"]
ipv6 = ["2001:db8::1"]

[domain."example.com"]
mta_sts = "enforce"
[domain."example.com".clients]
web = "web.example.com"
pop3 = true
[[domain."example.com".dkim]]
selector = "s1"
key = "dkim/{domain}.pem"

[domain."example.net"]
parked = true

[view.lan.server."mail.example.com"]
ipv4 = ["192.168.1.2"]
ipv6 = []
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "maildns.toml"
    path.write_text(CONFIG)
    (tmp_path / "dkim").mkdir()
    (tmp_path / "dkim" / "example.com.pem").write_bytes(dkim.to_pem(dkim.generate("ed25519")))
    return path


@pytest.fixture
def export(config, capsys):
    def run(**options):
        capsys.readouterr()
        command(config=config, **options)
        return capsys.readouterr().out

    return run


def test_the_default_is_a_table_for_any_form(export):
    head, *lines = export().splitlines()
    assert head.startswith("zone\tname\ttype\tttl\tpriority\tvalue")
    assert any(line.startswith("example.com\t@\tMX\t3600\t10\tmail.example.com") for line in lines)


FORMATS = [
    (Format.ZONE, "$ORIGIN example.com."),
    (Format.TABLE, "example.com\t@\tMX"),
    (Format.HTML, "<!doctype html>"),
    (Format.JSON, '"kind": "export"'),
    (Format.OCTODNS, "    type: MX"),
    (Format.DNSCONTROL, 'D("example.com"'),
    (Format.TERRAFORM, 'resource "dns_mx_record_set"'),
]


@pytest.mark.parametrize("format, piece", FORMATS)
def test_every_format_prints_and_can_be_written_to_a_file(export, tmp_path, format, piece):
    text = export(format=format)
    assert piece in text
    if format is not Format.OCTODNS:
        export(format=format, out=tmp_path / "out")
        assert (tmp_path / "out").read_text() == text
        assert (tmp_path / "out").stat().st_mode & 0o777 == 0o644


def test_every_format_has_a_writer():
    from maildns.cli import export_command

    assert set(export_command._WRITERS) == set(Format)


def test_octodns_writes_a_file_a_zone(export, tmp_path):
    assert "2 written" in export(format=Format.OCTODNS, out=tmp_path / "od")
    assert sorted(path.name for path in (tmp_path / "od").glob("*.yaml")) == [
        "example.com.yaml",
        "example.net.yaml",
    ]


def test_zone_text_into_a_folder_is_a_file_a_zone(export, tmp_path):
    (tmp_path / "zones").mkdir()
    export(format=Format.ZONE, out=tmp_path / "zones")
    assert "$ORIGIN example.net." in (tmp_path / "zones" / "example.net.zone").read_text()
    assert "example.net." not in (tmp_path / "zones" / "example.com.zone").read_text()


def test_a_terminal_shows_every_value_whole_on_its_line(config):
    selection = choose(open_project(config), [], "public")
    console = Console(file=io.StringIO(), width=60, soft_wrap=True, force_terminal=True)
    show_table(selection.records, selection.requests, form_named("strato"), console)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue())
    for record in selection.records:
        value = fill_in(record, form_named("strato")).fields["value"]
        assert f"    {value}\n" in shown
    assert "STRATO's list of types has no" not in shown, "there is nothing that it refuses"
    assert "(empty)" in shown
    assert "Please set the reverse DNS" in shown


def test_a_zone_can_be_picked_as_people_write_it(export):
    text = export(format=Format.ZONE, zone=["Example.NET."], records_only=True)
    assert "$ORIGIN example.net." in text
    assert "example.com" not in text


def test_a_reverse_zone_that_is_named_is_published(export):
    text = export(format=Format.ZONE, zone=["2.0.192.in-addr.arpa"])
    assert "\n1 PTR   mail.example.com.\n" in text


def test_a_view_has_its_own_addresses_and_the_worlds_policy(export):
    text = export(format=Format.ZONE, view="lan")
    assert "192.168.1.2" in text
    assert "ip4:192.0.2.1" in text, "SPF is judged from outside"


def test_json_is_the_document_with_the_forms_fields(export):
    document = ExportDocument.model_validate_json(export(json=True, form="strato"))
    assert document.form == "strato"
    assert [one.address for one in document.reverse] == ["192.0.2.1", "2001:db8::1"]


def test_the_forms_are_listed_without_a_description(capsys, tmp_path):
    command(config=tmp_path / "none.toml", list_forms=True)
    assert "cloudflare\tCloudflare\t" in capsys.readouterr().out
    command(config=tmp_path / "none.toml", list_forms=True, json=True)
    assert json.loads(capsys.readouterr().out)["kind"] == "forms"


MISUSES = [
    ({"form": "nosuch"}, UsageError),
    ({"zone": ["example.org"]}, UsageError),
    ({"view": "nosuch"}, UsageError),
    ({"format": Format.FILES}, UsageError),
    ({"format": Format.TERRAFORM, "form": "strato"}, UsageError),
]


@pytest.mark.parametrize("options, kind", MISUSES)
def test_misuse_is_refused_with_a_hint_and_code_2(export, options, kind):
    with pytest.raises(kind) as caught:
        export(**options)
    assert caught.value.hint
    assert exit_code_of(caught.value) is ExitCode.MISUSE


def test_files_holds_all_that_is_not_dns_and_no_private_key(export, tmp_path):
    folder = tmp_path / "files"
    export(format=Format.FILES, out=folder)
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {
        "README.txt",
        "mta-sts/example.com/.well-known/mta-sts.txt",
        "autoconfig/example.com/mail/config-v1.1.xml",
        "autodiscover/example.com/autodiscover/autodiscover.xml",
        "reverse-dns/mail.example.com.txt",
        "dkim/exim/etc/exim4/dkim/keys",
        "dkim/rspamd/etc/rspamd/local.d/dkim_signing.conf",
    } <= found
    for path in folder.rglob("*"):
        assert path.is_dir() or b"PRIVATE KEY" not in path.read_bytes()
    assert "0 written" in export(format=Format.FILES, out=folder)


def test_an_edited_file_is_kept_until_force_is_said(export, tmp_path):
    folder = tmp_path / "files"
    export(format=Format.FILES, out=folder)
    policy = folder / "mta-sts/example.com/.well-known/mta-sts.txt"
    policy.write_text("mine")
    with pytest.raises(InputError, match="as the last export left it"):
        export(format=Format.FILES, out=folder)
    assert policy.read_text() == "mine"
    assert "1 written" in export(format=Format.FILES, out=folder, force=True)


def test_the_files_are_what_their_readers_accept(config):
    project = open_project(config)
    scene = Scene(project.intent, project.materials)
    (policy,) = policy_files(scene)
    assert mtasts.parse_policy(policy.text).mx == ("mail.example.com",)
    for file in client_files(scene):
        xml.dom.minidom.parseString(file.text)  # our own text
    assert "pop3" in next(iter(client_files(scene))).text.lower()


def test_a_key_path_that_a_signer_cannot_hold_is_said_in_its_place():
    files = list(signing_files([SignerKey("example.com", "s1", "/a path/k.pem")]))
    assert "dkim/opendkim/not-made.txt" in [file.path for file in files]
    assert "dkim/mailplus/mailplus-dkim.txt" in [file.path for file in files]
    assert list(signing_files([])) == []


def test_zones_of_publishers_hold_their_records(config):
    reverse = "2.0.192.in-addr.arpa"
    config.write_text(
        CONFIG + f'\n[publisher.p]\ntype = "zonefile"\npath = "{{zone}}"\nzones = ["{reverse}"]\n'
    )
    selection = choose(open_project(config), [], "public")
    assert [one.zone for one in selection.records if one.rrtype == "PTR"] == [reverse]
    assert [one.address for one in selection.requests] == ["2001:db8::1"]


def test_a_description_is_read_at_the_present_time(config):
    assert open_project(config).now <= datetime.now(UTC)
    assert Order().named_form() is None
