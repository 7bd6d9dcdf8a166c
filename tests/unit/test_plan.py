"""The plan: what is wanted, what is left alone, what it means, and when it refuses."""

from __future__ import annotations

import pytest
from planning import CONFIG, KEY, SERVER, MemoryZone, lines, plan_for

from maildns.ask import Outcome
from maildns.dnsdata import Txt
from maildns.errors import ConfigError
from maildns.net.world import World
from maildns.plan.document import plan_json, plan_of
from maildns.plan.model import Action
from maildns.plan.proof import Result


def test_a_first_plan_has_all_that_mail_needs():
    assert lines(plan_for(CONFIG)) == {
        "example.com MX": ["10 mail.example.com."],
        "example.com TXT": ['"v=spf1 ip4:93.184.216.34 -all"'],
        "abc._domainkey.example.com TXT": [f'"{KEY}"'],
        "_dmarc.example.com TXT": ['"v=DMARC1; p=none; rua=mailto:postmaster@example.com"'],
        "mail.example.com A": ["93.184.216.34"],
        "mail.example.com TXT": ['"v=spf1 a -all"'],
    }


WISHES = [
    # what the owner adds to the domain, a name and type, and what stands there then
    ("parked = true", "example.com MX", ["0 ."]),  # RFC 7505
    ("parked = true", "example.com TXT", ['"v=spf1 -all"']),
    ("parked = true", "*._domainkey.example.com TXT", ['"v=DKIM1; p="']),
    ("parked = true", "_dmarc.example.com TXT", ['"v=DMARC1; p=reject; sp=reject; np=reject"']),
    ("receives = false", "example.com MX", ["0 ."]),
    ('senders = ["google-workspace"]', "example.com TXT", ['"v=spf1 ip4:93.184.216.34 include:_spf.google.com -all"']),
    ('senders = ["ip4:203.0.113.0/24"]', "example.com TXT", ['"v=spf1 ip4:93.184.216.34 ip4:203.0.113.0/24 -all"']),
    ('spf = { others = "softfail" }', "example.com TXT", ['"v=spf1 ip4:93.184.216.34 ~all"']),
    ('dmarc = { policy = "reject", dkim_alignment = "strict" }', "_dmarc.example.com TXT", ['"v=DMARC1; p=reject; adkim=s"']),
    ("dmarc = { percent = 50 }", "_dmarc.example.com TXT", ['"v=DMARC1; p=none; pct=50"']),
    ('tls_rpt = "tls@example.com"', "_smtp._tls.example.com TXT", ['"v=TLSRPTv1; rua=mailto:tls@example.com"']),
    ('mta_sts = { mode = "enforce", web = "192.0.2.80" }', "mta-sts.example.com A", ["192.0.2.80"]),
    ('mta_sts = { mode = "enforce", web = "www.example.net" }', "mta-sts.example.com CNAME", ["www.example.net."]),
    ("clients = true", "_imaps._tcp.example.com SRV", ["0 1 993 mail.example.com."]),
    ("clients = true", "_pop3._tcp.example.com SRV", ["0 0 0 ."]),  # RFC 6186: not offered
    ('caa = ["letsencrypt.org"]', "example.com CAA", ['0 issue "letsencrypt.org"']),
    ('bimi = { logo = "https://example.com/logo.svg" }', "default._bimi.example.com TXT", None),
]  # fmt: skip


@pytest.mark.parametrize("added, where, records", WISHES)
def test_a_wish_becomes_its_record(added, where, records):
    found = lines(plan_for(f'{SERVER}[domain."example.com"]\n{added}\n'))
    assert where in found
    if records is not None:
        assert found[where] == records


def test_a_parked_domain_asks_for_no_server_and_no_key():
    plan = plan_for('[domain."parked.example"]\nparked = true\n')
    assert {change.rrtype for change in plan.changes} == {"MX", "TXT"}
    assert not [check for check in plan.checks if check.result is not Result.OK]


def test_foreign_records_at_the_apex_stay():
    zone = 'example.com. 300 TXT "google-site-verification=abc"\nexample.com. TXT "v=spf1 ~all"\n'
    plan = plan_for(CONFIG, zone)
    assert lines(plan)["example.com TXT"] == [
        '"google-site-verification=abc"',
        '"v=spf1 ip4:93.184.216.34 -all"',
    ]


def test_two_spf_records_become_one():
    zone = 'example.com. TXT "v=spf1 ~all"\nexample.com. TXT "v=spf1 ip4:192.0.2.1 -all"\n'
    assert lines(plan_for(CONFIG, zone))["example.com TXT"] == ['"v=spf1 ip4:93.184.216.34 -all"']


def test_an_spf_record_with_a_stray_blank_is_ours_to_mend():
    plan = plan_for(CONFIG, 'example.com. TXT " V=SPF1 -all"\n')
    assert lines(plan)["example.com TXT"] == ['"v=spf1 ip4:93.184.216.34 -all"']


def test_what_is_published_already_needs_no_change():
    zone = MemoryZone("", "example.com")
    first = plan_for(CONFIG, publishers={"public": zone}, world=zone.world)
    zone.publish([change.rrset_change for change in first.changes])
    second = plan_for(CONFIG, publishers={"public": zone}, world=zone.world)
    assert second.empty
    assert second.unchanged == len(first.changes)


def test_a_key_cut_into_other_strings_is_the_same_key():
    text = str(KEY)
    cut = f'"{text[:20]}" "{text[20:]}"'
    plan = plan_for(CONFIG, f"abc._domainkey.example.com. TXT {cut}\n")
    assert "abc._domainkey.example.com TXT" not in lines(plan)


def test_a_change_says_who_may_send_no_longer():
    plan = plan_for(CONFIG, 'example.com. TXT "v=spf1 ip4:203.0.113.9 -all"\n')
    change = next(one for one in plan.changes if one.name == "example.com" and one.rrtype == "TXT")
    assert "203.0.113.9 may no longer send" in change.meaning
    assert "93.184.216.34 may now send" in change.meaning


def test_a_change_says_where_mail_goes_now():
    plan = plan_for(CONFIG, "example.com. MX 10 old.example.net.\n")
    change = next(one for one in plan.changes if one.rrtype == "MX")
    assert change.meaning == (
        "mail no longer goes to old.example.net",
        "mail goes to mail.example.com",
    )


def test_the_ttl_that_stands_there_stays_unless_the_owner_has_one():
    zone = MemoryZone("mail.example.com. 77 A 192.0.2.9\n", "example.com")
    change = next(
        c for c in plan_for(CONFIG, publishers={"public": zone}).changes if c.rrtype == "A"
    )
    assert change.after is not None
    assert change.after.ttl_seconds == 77
    wish = CONFIG.replace("ipv4 =", "ttl = 600\nipv4 =")
    change = next(c for c in plan_for(wish, publishers={"public": zone}).changes if c.rrtype == "A")
    assert change.after is not None
    assert change.after.ttl_seconds == 600


def test_the_rest_of_a_cached_ttl_is_no_reason_for_a_change():
    plan = plan_for(
        CONFIG.replace("ipv4 =", "ttl = 3600\nipv4 ="), "mail.example.com. 17 A 93.184.216.34\n"
    )
    assert "mail.example.com A" not in lines(plan)


def test_a_name_held_elsewhere_does_not_hide_the_ttl_of_our_own_zone():
    zone = MemoryZone("mail.example.com. 77 A 93.184.216.34\n", "example.com")
    wish = CONFIG.replace("ipv4 =", "ttl = 600\nipv4 =") + '[domain."example.net"]\n'
    plan = plan_for(wish, "example.net. 5 MX 10 mail.example.com.\n", publishers={"public": zone})
    assert "mail.example.com A" in lines(plan)
    assert "example.net MX" not in lines(plan)


def test_what_cannot_be_read_is_unknown_and_never_missing():
    world = World()
    world.fail("_dmarc.example.com", Outcome.UNREACHABLE)
    plan = plan_for(CONFIG, world=world)
    assert [(one.name, one.rrtype) for one in plan.unknown] == [("_dmarc.example.com", "TXT")]
    assert "_dmarc.example.com TXT" not in lines(plan)


def test_an_alias_in_the_way_is_taken_away_only_with_a_second_word():
    plan = plan_for(CONFIG, "mail.example.com. CNAME nas.example.net.\n")
    alias = next(change for change in plan.changes if change.rrtype == "CNAME")
    assert alias.action is Action.REMOVE
    assert any("alias" in danger for danger in plan.dangers)


def test_an_alias_is_not_put_beside_other_records():
    wish = CONFIG + 'mta_sts = { mode = "testing", web = "www.example.net" }\n'
    plan = plan_for(wish, "mta-sts.example.com. A 192.0.2.1\n")
    assert "mta-sts.example.com CNAME" not in lines(plan)
    assert [f.rule for f in plan.findings if f.severity == "error"] == ["plan-alias-beside-data"]


def test_what_we_published_and_want_no_more_goes():
    record = Txt.of("v=DKIM1; k=ed25519; p=old")
    zone = 'old._domainkey.example.com. TXT "v=DKIM1; k=ed25519; p=old"\n'
    key = ("old._domainkey.example.com", "TXT")
    assert lines(plan_for(CONFIG, zone, ledger={key: (record,)}))[" ".join(key)] == []
    # Not ours, or changed by somebody since: it stays.
    assert " ".join(key) not in lines(plan_for(CONFIG, zone))
    other = {key: (Txt.of("v=DKIM1; k=ed25519; p=another"),)}
    assert " ".join(key) not in lines(plan_for(CONFIG, zone, ledger=other))


def test_a_plan_survives_being_written_down():
    plan = plan_for(CONFIG, 'example.com. TXT "say \\"hi\\"; ok"\nexample.com. MX 10 a.example.\n')
    again = plan_of("".join(plan_json(plan)))
    assert again.changes == plan.changes
    assert again.checks == plan.checks


def test_reports_to_another_of_our_domains_are_granted_there():
    plan = plan_for(
        CONFIG + '[domain."example.net"]\ndmarc = { reports_to = ["postmaster@example.com"] }\n',
    )
    assert lines(plan)["example.net._report._dmarc.example.com TXT"] == ['"v=DMARC1;"']
    assert "example.com._report._dmarc.example.com TXT" not in lines(plan)


def test_a_ptr_is_planned_where_we_hold_the_reverse_zone_alone():
    held = MemoryZone("", "example.com", "216.184.93.in-addr.arpa")
    plan = plan_for(CONFIG, publishers={"public": held})
    assert lines(plan)["34.216.184.93.in-addr.arpa PTR"] == ["mail.example.com."]
    assert "34.216.184.93.in-addr.arpa PTR" not in lines(plan_for(CONFIG))


def test_a_host_that_others_publish_is_left_alone():
    wish = CONFIG.replace("ipv4 =", "managed = false\nipv4 =")
    assert not [where for where in lines(plan_for(wish)) if where.startswith("mail.")]


def test_the_helo_policy_yields_to_the_domains_own():
    config = CONFIG.replace("mail.example.com", "example.com")
    assert lines(plan_for(config))["example.com TXT"] == ['"v=spf1 ip4:93.184.216.34 -all"']


def test_a_text_that_makes_no_record_names_its_domain():
    with pytest.raises(ConfigError, match=r"example\.com") as caught:
        plan_for(CONFIG + 'spf = { terms = ["ipv4:192.0.2.1"] }\n')
    assert caught.value.keys == ("domain", "example.com")


def test_a_plan_that_would_break_mail_says_so():
    # An include that does not exist makes SPF fail for all mail.
    plan = plan_for(CONFIG + 'senders = ["include:gone.example"]\n')
    assert any("SPF" in danger for danger in plan.dangers)


LAN = (
    CONFIG + '[view.lan.server."mail.example.com"]\nipv4 = "192.168.1.10"\n'
    '[view.lan]\npublisher = "x"\n[publisher.x]\ntype = "zonefile"\npath = "x"\n'
)


def test_a_view_has_its_own_addresses_and_the_same_mail_records():
    held = {"public": MemoryZone("", "example.com"), "lan": MemoryZone("", "example.com")}
    plan = plan_for(LAN, publishers=held)
    by_view = {
        view: {(c.name, c.rrtype): c.after for c in plan.changes if c.view == view}
        for view in ("public", "lan")
    }
    assert str(by_view["lan"]["mail.example.com", "A"].records[0]) == "192.168.1.10"
    assert by_view["lan"]["example.com", "TXT"] == by_view["public"]["example.com", "TXT"]
    parity = [check for check in plan.checks if "same as in public" in check.claim]
    assert parity
    assert {check.result for check in parity} == {Result.OK}


def test_parity_fails_where_a_view_shows_another_record():
    held = {
        "public": MemoryZone("", "example.com"),
        # A second policy that the plan cannot claim: it stands at the name as foreign data.
        "lan": MemoryZone('example.com. TXT "lan only"\n', "example.com"),
    }
    plan = plan_for(LAN, publishers=held)
    bad = [check for check in plan.checks if check.failed]
    assert [(check.view, check.subject) for check in bad] == [("lan", "example.com")]


ADVICE = [
    # what is described, the rule that speaks, how gravely
    (f'{SERVER}[domain."a.example"]\n', "plan-no-dkim", "warn"),
    (f'{SERVER}[domain."a.example"]\n', "plan-no-dmarc-reports", "warn"),
    (CONFIG, "plan-dmarc-ladder", "info"),
    (CONFIG + 'mta_sts = "testing"\n', "plan-sts-policy-file", "info"),
    ('[domain."a.example"]\n', "plan-no-server", "error"),
    ('[server."mx.a.example"]\n[domain."a.example"]\n', "plan-server-without-address", "warn"),
    (CONFIG.replace("reports_to", "percent = 50, reports_to"), "dmarc-percent-partial", "warn"),
]


@pytest.mark.parametrize("config, rule, severity", ADVICE)
def test_a_description_that_lacks_something_is_told(config, rule, severity):
    found = {finding.rule: finding.severity for finding in plan_for(config).findings}
    assert found.get(rule) == severity


def test_a_complete_description_is_only_told_the_next_step():
    found = plan_for(CONFIG.replace("reports_to", 'policy = "quarantine", reports_to')).findings
    assert list(found) == []


def test_an_alias_in_the_way_goes_once_and_the_proof_sees_it_gone():
    plan = plan_for(CONFIG, "mail.example.com. CNAME host.example.net.\n")
    gone = [change for change in plan.changes if change.rrtype == "CNAME"]
    assert [(one.name, one.after) for one in gone] == [("mail.example.com", None)]
    assert [one for one in plan.checks if one.failed] == []
    assert ["alias" in danger for danger in plan.dangers] == [True]


WEB = CONFIG + 'mta_sts = { mode = "testing", web = "%s" }\n'


@pytest.mark.parametrize(
    "first, second", [("192.0.2.80", "web.example.net"), ("web.example.net", "192.0.2.80")]
)
def test_our_own_alias_and_address_take_each_others_place(first, second):
    zone = MemoryZone("", "example.com")
    published = plan_for(WEB % first, publishers={"public": zone}, world=zone.world)
    zone.publish([change.rrset_change for change in published.changes])
    ledger = {change.key: change.ours for change in published.changes}
    plan = plan_for(WEB % second, publishers={"public": zone}, world=zone.world, ledger=ledger)
    assert plan.dangers == ()
    assert [finding for finding in plan.findings if finding.rule == "plan-alias-beside-data"] == []
    here = [change for change in plan.changes if change.name == "mta-sts.example.com"]
    assert sorted(change.action for change in here) == [Action.ADD, Action.REMOVE]


def test_an_alias_and_an_address_of_one_name_cannot_both_be_had():
    config = WEB % "web.example.net" + '[server."mta-sts.example.com"]\nipv4 = "93.184.216.35"\n'
    plan = plan_for(config)
    assert [f.subject for f in plan.findings if f.rule == "plan-alias-beside-data"] == [
        "mta-sts.example.com CNAME"
    ]
    assert "mta-sts.example.com CNAME" not in lines(plan)


SAME = [
    # what stands at a name, and whether it says what is wanted there
    ("_dmarc", "v=DMARC1;rua=mailto:postmaster@example.com; p=none", True),
    ("_dmarc", "v=DMARC1; p=none; rua=mailto:postmaster@example.com; x=1", False),  # not ours alone
    ("_dmarc", "v=DMARC1; p=none; p=reject; rua=mailto:postmaster@example.com", False),
    ("abc._domainkey", str(KEY).replace("; ", ";"), True),
    ("abc._domainkey", str(KEY) + "; t=y", False),
]


@pytest.mark.parametrize("where, text, same", SAME)
def test_tags_in_another_order_are_no_reason_for_a_change(where, text, same):
    plan = plan_for(CONFIG, f'{where}.example.com. TXT "{text}"\n')
    assert (f"{where}.example.com TXT" not in lines(plan)) is same


HELO = CONFIG.replace("ipv4 =", 'helo = "example.com"\nipv4 =')
LOST = [
    # config, zone, the name and type of the change, whether it asks for a second word
    (HELO, "example.com. A 192.0.2.80\n", "example.com A", True),  # the web site
    (HELO, "example.com. A 192.0.2.80\nexample.com. A 93.184.216.34\n", "example.com A", True),
    (HELO, "", "example.com A", False),
    (CONFIG, "mail.example.com. A 192.0.2.80\n", "mail.example.com A", False),  # it has moved
    (CONFIG, 'abc._domainkey.example.com. TXT "v=DKIM1; p=AAAA"\n', "abc._domainkey.example.com TXT", True),
]  # fmt: skip


@pytest.mark.parametrize("config, zone, where, asks", LOST)
def test_what_others_may_need_is_not_taken_away_unasked(config, zone, where, asks):
    plan = plan_for(config, zone)
    (change,) = [one for one in plan.changes if f"{one.name} {one.rrtype}" == where]
    assert bool(change.caution) is asks
    assert any(where in danger for danger in plan.dangers) is asks


def test_what_we_published_ourselves_is_replaced_unasked():
    zone = MemoryZone("", "example.com")
    first = plan_for(HELO, publishers={"public": zone}, world=zone.world)
    zone.publish([change.rrset_change for change in first.changes])
    ledger = {change.key: change.ours for change in first.changes}
    moved = HELO.replace("93.184.216.34", "93.184.216.35")
    plan = plan_for(moved, publishers={"public": zone}, world=zone.world, ledger=ledger)
    assert "example.com A" in lines(plan)
    assert plan.dangers == ()


@pytest.mark.parametrize("data", ["A 192.0.2.9", 'TXT "x"', 'CAA 0 issue "x"', "SRV 0 1 1 x."])
def test_an_alias_is_not_planned_beside_what_others_published(data):
    zone = MemoryZone(f"mta-sts.example.com. {data}\n", "example.com")
    plan = plan_for(WEB % "web.example.net", publishers={"public": zone}, world=zone.world)
    assert "plan-alias-beside-data" in {finding.rule for finding in plan.findings}
    assert "mta-sts.example.com CNAME" not in lines(plan)
