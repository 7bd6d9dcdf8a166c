"""Laws of the audit: what holds whatever the world publishes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.ask import Outcome
from maildns.audit.checking import check_domain
from maildns.audit.gathering import Scope
from maildns.audit.result import Status
from maildns.dnsdata import Txt
from maildns.net.world import World

quick = settings(deadline=None, max_examples=150)
SCOPE = Scope(selectors=(("mine", "config"),), servers=False)
HOSTS = [
    "192.0.2.1.",
    "_x.example.com.",
    r"a\.b.example.com.",
    "example.com.",
    "mx.example.com.",
    "gone.example.com.",
    "mx.example.net.",
    ".",
]
OWNERS = [
    "example.com",
    "_dmarc.example.com",
    "_mta-sts.example.com",
    "_smtp._tls.example.com",
    "default._bimi.example.com",
    "mine._domainkey.example.com",
    "google._domainkey.example.com",
    "_domainkey.example.com",
    "*._domainkey.example.com",
    "*.example.com",
    "mx.example.com",
    "example.net",
    "example.com._report._dmarc.example.net",
    "_dmarc.example.net",
]
PIECES = st.sampled_from(
    [
        *("v=spf1", "mx", "a", "-all", "~all", "+all", "?all", "include:example.net", "ptr"),
        *("redirect=example.net", "include:example.com", "ip4:9.9.9.9", "ip4:8.0.0.0/8"),
        *("exists:%{i}.example.net", "a:gone.example.com", "mx:example.net", "spf2.0/pra"),
        *("v=DMARC1;", "p=reject;", "p=none;", "sp=none;", "pct=50;", "t=y;", "psd=y;", "psd=n;"),
        *("rua=mailto:a@example.net;", "rua=mailto:a@example.com;", "ruf=https://x.example/;"),
        *("v=STSv1;", "id=1;", "v=TLSRPTv1;", "rua=mailto:a@example.net", "v=BIMI1;", "l=;"),
        *("l=https://example.com/l.svg;", "a=;", "v=DKIM1;", "k=rsa;", "k=ed25519;", "p=;", "p="),
        *("p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "t=s;", "h=sha1;", "o=~", "hello", '"'),
    ]
)
TEXTS = st.lists(PIECES, max_size=7).map(" ".join) | st.text(max_size=30)
RECORDS = st.one_of(
    st.tuples(st.sampled_from(OWNERS), st.just("TXT"), TEXTS),
    st.tuples(st.sampled_from(OWNERS), st.just("SPF"), st.just('"v=spf1 mx -all"')),
    st.tuples(
        st.sampled_from(["example.com", "example.net"]), st.just("MX"), st.sampled_from(HOSTS)
    ),
    st.tuples(
        st.sampled_from(["example.com", "mx.example.com", "mta-sts.example.com", "mx.example.net"]),
        st.just("A"),
        st.just("9.9.9.9"),
    ),
    st.tuples(
        st.sampled_from(["k1._domainkey.example.com", "_dmarc.example.com", "*.example.com"]),
        st.just("CNAME"),
        st.sampled_from(HOSTS[3:6]),
    ),
)


def world_of(records):
    world = World()
    for owner, rrtype, data in records:
        if rrtype == "TXT":
            world.add(owner, rrtype, list(Txt.of(data).strings))
        elif rrtype == "MX":
            world.add(owner, rrtype, (10, data))
        else:
            world.add(owner, rrtype, data)
    return world


def all_results(world):
    audit = check_domain("example.com", world, scope=SCOPE)
    return [one for results in audit.results.values() for one in results]


@quick
@given(st.lists(RECORDS, max_size=14))
def test_whatever_is_published_is_judged_and_every_complaint_says_something(records):
    for one in all_results(world_of(records)):
        assert one.says
        assert one.subject
        assert one.fix is None or one.fix.says


@quick
@given(st.lists(RECORDS, max_size=14))
def test_every_result_on_senders_names_its_evidence(records):
    audit = check_domain("example.com", world_of(records), scope=SCOPE)
    for topic in ("mtasts", "tlsrpt", "spf", "dkim", "dmarc", "bimi"):
        assert all(one.evidence for one in audit.results[topic])


class Silence(World):
    """A world that knows all, and of which no question is answered but those of *heard* names."""

    def __init__(self, inner, heard):
        super().__init__()
        self.inner = inner
        self.heard = heard

    def look(self, question):
        if question.name in self.heard:
            return self.inner.look(question)
        self.fail(question.name, Outcome.UNREACHABLE)
        return super().look(question)


@quick
@given(st.lists(RECORDS, max_size=14))
def test_where_nothing_is_answered_nothing_is_complained_of(records):
    results = all_results(Silence(world_of(records), frozenset()))
    assert not [one for one in results if one.status in {Status.BAD, Status.WARN} or one.note]
    assert any(one.status is Status.UNKNOWN for one in results)


@quick
@given(st.lists(RECORDS, max_size=14), st.frozensets(st.sampled_from(OWNERS), max_size=8))
def test_silence_never_makes_a_record_missing(records, heard):
    """What is complained of as missing is missing when everything is answered, too."""
    world = world_of(records)
    missing = {"spf-record", "dmarc-record", "mtasts-record", "tlsrpt-record", "dkim-no-key-found"}
    all_known = {one.rule for one in all_results(world) if one.status is not Status.OK or one.note}
    if "mtasts-host-without-record" in all_known:  # the same, with a host for the policy
        all_known.add("mtasts-record")
    told = {
        one.rule
        for one in all_results(Silence(world, heard))
        if one.status in {Status.BAD, Status.WARN} or one.note
    }
    assert told & missing <= all_known
