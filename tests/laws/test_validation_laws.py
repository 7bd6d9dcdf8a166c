"""Laws of DNSSEC validation: nothing that was touched on the way passes for what was signed."""

from __future__ import annotations

import dns.exception
import dns.message
from dns.rdatatype import RdataType
from hypothesis import given, settings
from hypothesis import strategies as st
from signed_tree import NOW, Tree, ask

from maildns.ask import DnssecStatus
from maildns.net.chain import Trust
from maildns.net.lookup import Failure

TEXT = """
@ 300 MX 10 mail
mail 300 A 192.0.2.1
@ 300 TXT "v=spf1 mx -all"
*.wild 300 TXT "w"
www 300 CNAME mail
a.b 300 A 192.0.2.9
"""
TREE = Tree()
TREE.add(".", "plain 300 NS ns.plain\n")
TREE.add("nsec.", TEXT)
TREE.add("nsec3.", TEXT, nsec3=(1, "ab", False))
TREE.add("plain.", TEXT, signed=False)
TREE.sign()
QUESTIONS = [
    f"{owner}{zone} {rrtype}"
    for zone in ("nsec", "nsec3", "plain")
    for owner, rrtype in (
        ("", "MX"), ("", "TXT"), ("mail.", "A"), ("mail.", "AAAA"), ("x.wild.", "TXT"),
        ("x.wild.", "A"), ("www.", "A"), ("nope.", "A"), ("b.", "A"),
    )
]  # fmt: skip
TRUTH = {
    question: ask(question, TREE, Trust([TREE.anchor], lambda: NOW))[0] for question in QUESTIONS
}
LINKS = ("the answer", "DS", "DNSKEY")


def arrived(query, octets):
    """What the exchange makes of *octets*: a message, or nothing that is an answer."""
    try:
        reply = dns.message.from_wire(octets)
    except (dns.exception.DNSException, ValueError):
        return Failure("garbage")
    return reply if query.is_response(reply) else Failure("another answer")


def said(answer):
    return answer.outcome, answer.records, answer.aliases


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(QUESTIONS), st.sampled_from(LINKS), st.integers(0, 2**14))
def test_no_flipped_bit_yields_other_data_that_is_secure(question, link, at):
    rrtype = question.split()[1]

    def flip(send, reply):
        asked = send.query.question[0]
        wanted = RdataType[rrtype if link == "the answer" else link]
        if asked.rdtype != wanted:
            return reply
        octets = bytearray(reply.to_wire(max_size=65535))
        octets[at // 8 % len(octets)] ^= 1 << at % 8
        return arrived(send.query, bytes(octets))

    answer, _ = ask(question, TREE, Trust([TREE.anchor], lambda: NOW), flip, tries=1)
    if answer.dnssec is DnssecStatus.SECURE:
        assert said(answer) == said(TRUTH[question])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(QUESTIONS), st.sampled_from(QUESTIONS), st.sampled_from([0, 3]))
def test_no_signed_answer_passes_for_that_to_another_question(question, other, rcode):
    """Replay: true records and true proofs, in the wrong place."""
    rrtype = question.split()[1]

    def replay(send, reply):
        if send.query.question[0].rdtype != RdataType[rrtype]:
            return reply
        there, kind = other.split()
        elsewhere = TREE.reply(dns.message.make_query(there, kind, want_dnssec=True))
        reply.answer[:] = elsewhere.answer
        reply.authority[:] = elsewhere.authority
        reply.set_rcode(rcode)
        return reply

    answer, _ = ask(question, TREE, Trust([TREE.anchor], lambda: NOW), replay, tries=1)
    if answer.dnssec is DnssecStatus.SECURE:
        assert said(answer) == said(TRUTH[question])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(QUESTIONS), st.sets(st.integers(0, 11)))
def test_no_records_left_out_make_what_is_signed_insecure(question, dropped):
    def drop(send, reply):
        for start, section in ((0, reply.answer), (6, reply.authority)):
            section[:] = [one for at, one in enumerate(section) if start + at not in dropped]
        return reply

    answer, _ = ask(question, TREE, Trust([TREE.anchor], lambda: NOW), drop, tries=1)
    if TRUTH[question].dnssec is DnssecStatus.SECURE:
        assert answer.dnssec is not DnssecStatus.INSECURE
        assert answer.dnssec is not DnssecStatus.SECURE or said(answer) == said(TRUTH[question])
