"""Laws of DMARC records and walks."""

from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.ask import Outcome
from maildns.errors import RecordSyntaxError
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols import dmarc

QUICK = settings(max_examples=150, deadline=None)
PIECES = st.sampled_from(
    [
        "v=DMARC1",
        "p=none",
        "p=reject",
        "sp=quarantine",
        "np=x",
        "t=y",
        "psd=y",
        "fo=0:1",
        "fo=d",
        "rua=mailto:a@example.com",
        "rua=b@example.com!3",
        "ruf=https://h.example/!10M",
        "pct=07",
        "ri=86400",
        "rf=afrf:x-y",
        "x=y",
        "",
        " ",
        "=",
        "p=",
        "p=ä",
        "adkim=S",
        "V=DMARC1",
        "rua=mailto:a@example.com,",
        "ruf=mailto:%",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(PIECES, max_size=8).map("; ".join),
    st.lists(PIECES, max_size=8).map(lambda pieces: "v=DMARC1;" + ";".join(pieces)),
)
POLICIES = st.sampled_from(["none", "quarantine", "reject"])
LABELS = st.sampled_from(["a", "b", "mail", "example"])
NAMES = st.lists(LABELS, min_size=1, max_size=12).map(".".join)


@QUICK
@given(TEXTS)
def test_any_text_parses_or_is_refused_with_a_span_inside_it(text):
    try:
        record = dmarc.parse(text)
    except RecordSyntaxError as error:
        start, end = error.span
        assert 0 <= start <= end <= len(text)
        str(error)
    else:
        assert dmarc.parse(str(record)) == record
        assert dmarc.lint(record) is not None
        assert dmarc.explain(record)


@QUICK
@given(TEXTS)
def test_receivers_read_what_owners_may_write(text):
    try:
        record = dmarc.parse(text)
    except RecordSyntaxError:
        dmarc.lint_text(text)
        dmarc.read(text)
        return
    read = dmarc.read(text)
    assert read is not None
    if record.policy:
        assert (read.policy, read.for_subdomains) == (record.policy, record.for_subdomains)


@QUICK
@given(POLICIES, st.none() | POLICIES, st.none() | POLICIES, st.booleans())
def test_a_ladder_never_steps_down(policy, below, absent, testing):
    record = dmarc.build(
        policy=policy, subdomain_policy=below, nonexistent_policy=absent, testing=testing
    )
    steps = dmarc.ladder(record)
    strength = [(step.policy.rank, not step.testing) for step in steps]
    assert strength == sorted(strength)
    assert steps[-1] == record


@QUICK
@given(
    st.lists(st.tuples(NAMES, st.sampled_from(["", "psd=y", "psd=n", "sp=reject"])), max_size=5),
    NAMES,
    NAMES,
    st.sampled_from(["rfc9989", "rfc7489"]),
    st.none() | NAMES,
)
def test_an_evaluation_asks_at_most_one_walk_for_each_name(
    records, author, signer, reader, failing
):
    world = World()
    for owner, tags in records:
        world.add(f"_dmarc.{owner}", "TXT", f"v=DMARC1; p=reject; {tags}".encode())
    if failing:
        world.fail(f"_dmarc.{failing}", Outcome.UNREACHABLE)
    verdict = run(dmarc.evaluate(header_from=author, dkim=[(signer, "pass")], reader=reader), world)
    assert len(world.asked) == len(set(world.asked)) <= 17
    assert (verdict.disposition == "none") or verdict.result == "fail"
    assert (verdict.result == "pass") == (verdict.spf_aligned or verdict.dkim_aligned)
    if signer == author and verdict.record and verdict.result != "temperror":
        assert verdict.result == "pass"


@QUICK
@given(NAMES)
def test_the_organizational_domain_is_the_name_or_above_it(start):
    world = World()
    world.add("_dmarc.example", "TXT", b"v=DMARC1; p=none; psd=y")
    world.add("_dmarc.mail", "TXT", b"v=DMARC1; p=none")
    for reader in dmarc.READERS:
        found = run(dmarc.organizational_domain(start, reader), world)
        assert start == found or start.endswith("." + found)


def plain_walk(start, tags_at):
    """RFC 9989 sections 4.10 and 4.10.2, one step after the other, as they are written."""
    found = []
    labels = start.split(".")
    target = labels
    while target:
        tags = tags_at.get(".".join(target), [])
        if len(tags) == 1:  # step 2 and 6: several are discarded
            found.append((".".join(target), tags[0]))
            if tags[0]:
                break
        shortened = target is labels and len(labels) >= 8
        target = target[-7:] if shortened else target[1:]
    for owner, psd in found:
        if psd == "psd=n":
            return owner
        if psd == "psd=y" and owner != start:
            return ".".join(labels[-len(owner.split(".")) - 1 :])
    return min((owner for owner, _ in found), key=lambda one: one.count("."), default=start)


@QUICK
@given(
    st.lists(LABELS, min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 11), st.sampled_from(["", "psd=y", "psd=n"])), max_size=6),
)
def test_a_walk_asked_at_once_finds_what_a_walk_step_by_step_finds(labels, records):
    start = ".".join(labels)
    world = World()
    tags_at = {}
    for depth, tags in set(records):
        owner = ".".join(labels[depth:])
        if owner:
            world.add(f"_dmarc.{owner}", "TXT", f"v=DMARC1; p=none; {tags}".encode())
            tags_at.setdefault(owner, []).append(tags)
    assert run(dmarc.organizational_domain(start), world) == plain_walk(start, tags_at)
