"""Laws of what clients write: every text has an answer, and what is read is what was written."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from maildns.intent.reports import listen_address
from maildns.reports.sources.admission import client_of
from maildns.reports.sources.commands import (
    CommandError,
    check_mail_parameters,
    comparable,
    forwarded,
    path_of,
)

WORDS = st.text(st.sampled_from([*'FROMTO:<>@"\\ .ab+=,[]', "\x00", "é"]), max_size=60)
ANY = st.one_of(st.text(max_size=80), WORDS)


@given(ANY, st.sampled_from(["FROM", "TO"]))
def test_any_argument_is_read_or_refused_with_an_answer(text, word):
    answer, address = "250 2.1.0 heard", ""
    try:
        address, parameters = path_of(word, text)
        check_mail_parameters(parameters, 1000)
    except CommandError as error:
        answer = str(error)
    assert answer[:3].isdigit()
    assert not {"\r", "\n"} & {*answer, *address}
    comparable(address)


@given(ANY)
def test_whatever_a_server_says_of_its_client_is_read_or_refused(text):
    with suppress(CommandError):
        said = forwarded(text)
        assert all(value.isprintable() for value in said.values())


@given(st.ip_addresses())
def test_every_address_is_a_client_and_ours_is_read_as_it_was_written(ip):
    assert client_of(str(ip))
    label = f"IPV6:{ip}" if ip.version == 6 else str(ip)
    assert forwarded(f"ADDR={label}") == {"ADDR": str(ip)}


@given(ANY)
def test_comparing_twice_changes_nothing(text):
    assert comparable(comparable(text)) == comparable(text)


@given(ANY)
def test_any_text_is_a_place_to_listen_or_refused(text):
    with suppress(ValueError):
        host, port = listen_address(text)
        assert host
        assert 0 <= port <= 65535
