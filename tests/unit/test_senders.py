"""Sender presets: the data keeps its promises, and names are read as people write them."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import pytest

from maildns.errors import RecordSyntaxError
from maildns.intent.senders import (
    Sender,
    no_longer_needed_by,
    preset_for,
    presets,
    sender_named,
)

ALL = list(presets().values())
EVERY_PRESET = pytest.mark.parametrize("sender", ALL, ids=[sender.key for sender in ALL])

NAMED_IN_THE_DOCS = [
    "amazon-ses",
    "brevo",
    "fastmail",
    "freshdesk",
    "gandi",
    "google-workspace",
    "helpscout",
    "hubspot",
    "icloud",
    "infomaniak",
    "ionos",
    "mailchimp",
    "mailerlite",
    "mailgun",
    "mailjet",
    "mandrill",
    "microsoft-365",
    "migadu",
    "mxroute",
    "ovh",
    "postmark",
    "protonmail",
    "salesforce",
    "sendgrid",
    "sparkpost",
    "strato",
    "transip",
    "yandex360",
    "zendesk",
    "zoho",
]


def test_the_common_services_have_presets():
    assert set(NAMED_IN_THE_DOCS) <= set(presets())


def test_presets_are_sorted_and_a_caller_cannot_spoil_them():
    taken = presets()
    assert list(taken) == sorted(taken)
    taken.clear()
    assert presets()


@EVERY_PRESET
def test_a_preset_is_complete(sender):
    assert sender.key == sender.key.casefold()
    assert " " not in sender.key
    assert sender.title
    assert sender.envelope in {"own", "service"}
    assert sender.dkim in {"txt", "cname", "none"}
    assert sender.note.endswith(".")
    assert sender.source.startswith("https://")
    assert sender.checked is not None
    assert date(2024, 1, 1) <= sender.checked <= date.today()  # noqa: DTZ011  # a day, not an instant


@EVERY_PRESET
def test_its_terms_make_an_spf_record_that_permits_and_says_nothing_of_the_rest(sender):
    from maildns.protocols import spf

    for term in sender.terms + sender.former_terms:
        text = f"v=spf1 {term} -all"
        assert str(spf.parse(text)) == text  # as published: lower case, no leading "+"
        assert term[0] not in "+-~?"
    text = " ".join(["v=spf1", *sender.terms, "-all"])
    assert str(spf.parse(text)) == text


@EVERY_PRESET
def test_a_service_that_uses_the_customers_envelope_domain_must_be_permitted_there(sender):
    assert sender.terms or sender.envelope == "service"


@EVERY_PRESET
def test_mail_that_spf_does_not_align_is_signed(sender):
    assert sender.envelope == "own" or sender.dkim != "none"


@EVERY_PRESET
def test_a_preset_is_found_by_its_name_and_by_each_of_its_terms(sender):
    assert sender_named(sender.key) is sender
    assert [preset_for(term) for term in sender.terms] == [sender] * len(sender.terms)
    assert [preset_for(term) for term in sender.former_terms] == [None] * len(sender.former_terms)
    assert [no_longer_needed_by(term) for term in sender.former_terms] == [sender] * len(
        sender.former_terms
    )


def test_no_term_stands_for_two_presets():
    terms = [term for sender in ALL for term in sender.terms + sender.former_terms]
    assert len(terms) == len(set(terms))


MECHANISMS = [
    "include:spf.example.net",  # the usual one
    "INCLUDE:spf.Example.net",  # RFC 7208 section 4.6.1: names of mechanisms have no case
    "+include:spf.example.net",  # the default qualifier may be written
    "ip4:192.0.2.0/24",
    "ip6:2001:db8::/32",  # colons in the value
    "exists:%{i}.spf.example.net",
    "a",
    "a/24",  # a prefix length without a name
    "a:mail.example.net",
    "mx",
    "mx//64",
    "mx:example.net//64",
    "ptr",  # advised against (RFC 7208 section 5.5), yet a mechanism: lint says so
]


@pytest.mark.parametrize("text", MECHANISMS)
def test_a_mechanism_is_a_sender_of_its_own(text):
    assert sender_named(text) == Sender(key=text, title=text, terms=(text,))


@pytest.mark.parametrize("text", MECHANISMS)
def test_what_is_taken_for_a_mechanism_is_one(text):
    from maildns.protocols import spf

    spf.parse(f"v=spf1 {text} -all")


def test_white_space_and_case_around_a_name_do_not_count():
    assert sender_named(" Google-Workspace ") is presets()["google-workspace"]
    assert sender_named(" mx ").terms == ("mx",)


FAULTS = [
    # a slip of the keys: the nearest name
    (
        "googel-workspace",
        "there is no sender preset 'googel-workspace'; did you mean 'google-workspace'?",
    ),
    # its title in place of its name
    ("Microsoft 365", "there is no sender preset 'Microsoft 365'; did you mean 'microsoft-365'?"),
    # nothing near: no guess
    ("carrier-pigeon", "there is no sender preset 'carrier-pigeon'"),
    (
        "inclde:spf.example.net",
        (
            "there is no SPF mechanism 'inclde' in 'inclde:spf.example.net'; "
            "did you mean 'include:spf.example.net'?"
        ),
    ),
    # no mechanism is like it
    ("https://example.net", "there is no SPF mechanism 'https' in 'https://example.net'"),
    ("include:", "'include:' has no value after its colon"),
    ("ip4", "'ip4' needs a value, such as ip4:192.0.2.1"),
    ("", "a sender is a preset's name or an SPF mechanism"),
    ("+", "a sender is a preset's name or an SPF mechanism"),
    ("all", "'all' names no sender; what mail from elsewhere gets is said by spf.others"),
    # it would forbid what the owner wants to permit
    (
        "-ip4:192.0.2.1",
        "'-ip4:192.0.2.1' does not permit a sender: leave the '-' out, or the sender",
    ),
    ("~all", "'~all' does not permit a sender: leave the '~' out, or the sender"),
    (
        "mx ip4:192.0.2.1",
        (
            "'mx ip4:192.0.2.1' is not one mechanism: "
            "list several one by one, and write no white space"
        ),
    ),
    # what Yandex shows
    (
        "redirect=_spf.yandex.net",
        (
            "'redirect=_spf.yandex.net' hands the whole record over, "
            "and so is no sender; did you mean 'include:_spf.yandex.net'?"
        ),
    ),
]


@pytest.mark.parametrize("text, says", FAULTS)
def test_what_is_no_sender_is_refused_with_the_mend(text, says):
    with pytest.raises(ValueError) as caught:
        sender_named(text)
    assert str(caught.value) == says
    assert not isinstance(caught.value, RecordSyntaxError)  # it is no published record


def test_an_endless_name_is_refused_without_a_long_search():
    with pytest.raises(ValueError):
        sender_named("x" * 1_000_000)


TERMS = [
    ("include:_spf.google.com", "google-workspace"),  # as published
    ("+include:_spf.google.com", "google-workspace"),  # "+" is the default
    ("Include:_SPF.Google.com.", "google-workspace"),  # names have no case; the root's dot
    ("?include:_spf.google.com", None),  # neutral: it does not permit
    ("-include:_spf.google.com", None),  # it forbids
    ("include:google.com", None),  # another name
    ("include:servers.mcsv.net", None),  # Mailchimp's, but it would be lost in the exchange
    ("mx", None),  # a mechanism of no service
    ("", None),
]


@pytest.mark.parametrize("term, key", TERMS)
def test_a_term_stands_for_a_preset_only_where_the_exchange_keeps_the_permission(term, key):
    found = preset_for(term)
    assert (found.key if found else None) == key


def test_old_advice_is_known_for_what_it_is():
    assert no_longer_needed_by("+include:Servers.mcsv.net").key == "mailchimp"
    assert no_longer_needed_by("include:_spf.google.com") is None


def test_importing_reads_nothing():
    code = (
        "import sys, maildns.intent.senders as senders;"
        "assert not {'tomllib', 'difflib', 'importlib.resources'} & set(sys.modules);"
        "senders.presets(); assert 'tomllib' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
