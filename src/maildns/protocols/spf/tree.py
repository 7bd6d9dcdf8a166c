"""
The whole tree of includes and redirects below a domain, with its cost.

An evaluation stops at its first match and sees one path; the limit of ten
lookups (RFC 7208 section 4.6.4) is kept only when the whole tree keeps it, since
a host that is not listed walks through all of it. So all branches are read here,
each level of the tree with one round of questions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from maildns.ask import Answer, Inquiry, Question
from maildns.errors import RecordSyntaxError
from maildns.protocols.spf.macro import DomainSpec, target_name
from maildns.protocols.spf.record import (
    A,
    Directive,
    Exists,
    Include,
    Mx,
    Redirect,
    SpfRecord,
    SpfResult,
    Term,
    parse,
)
from maildns.protocols.spf.verdict import MAX_LOOKUPS, MAX_MX, MAX_VOIDS, Stop, select

MAX_NODES = 100
MAX_DEPTH = 20
MAX_PROBES = 200  # names asked whether they are void


@dataclass(slots=True)
class LookupNode:
    """
    One policy of the tree: that of `domain`, reached by the term `via` (empty at the root).

    `own_cost` is the number of its terms that count towards the limit. `problem`
    says why it could not be read; an evaluation that comes here then ends in an
    error. `voids` are its terms whose lookup finds nothing.
    """

    domain: str
    via: str = ""
    record: SpfRecord | None = None
    problem: str = ""
    temporary: bool = False
    children: list[LookupNode] = field(default_factory=list)
    voids: list[str] = field(default_factory=list)

    @property
    def own_cost(self) -> int:
        """The terms of this policy that ask."""
        return len(self.record.lookup_terms) if self.record else 0

    @property
    def total(self) -> int:
        """The terms of this policy and all below it that ask."""
        return self.own_cost + sum(child.total for child in self.children)

    def walk(self) -> Iterator[LookupNode]:
        """Itself and all below it, in the order of the terms."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class LookupTree:
    """
    The tree below a domain.

    `complete` is False where it was too large to be read to its end; `total` is
    then a lower bound.
    """

    root: LookupNode
    complete: bool = True

    @property
    def total(self) -> int:
        """All terms that ask, over the whole tree."""
        return self.root.total

    @property
    def voids(self) -> tuple[str, ...]:
        """The terms whose lookup finds nothing, each with the domain that has it."""
        return tuple(f"{term} of {node.domain}" for node in self.root.walk() for term in node.voids)

    @property
    def problems(self) -> tuple[str, ...]:
        """What makes an evaluation end in an error: faults, loops, and limits passed."""
        told = [node.problem for node in self.root.walk() if node.problem]
        if self.total > MAX_LOOKUPS:
            told.append(f"{self.total} lookups; receivers stop at {MAX_LOOKUPS}")
        if len(self.voids) > MAX_VOIDS:
            told.append(f"{len(self.voids)} lookups find nothing; receivers stop after {MAX_VOIDS}")
        return tuple(told)

    def costs(self) -> tuple[tuple[str, int], ...]:
        """What each term of the domain's own record costs, with all that it brings along."""
        below = {child.via: 1 + child.total for child in self.root.children}
        terms = self.root.record.lookup_terms if self.root.record else ()
        return tuple((str(term), below.get(str(term), 1)) for term in terms)

    def lines(self) -> list[str]:
        """The tree to be shown, a line for each policy."""
        return list(_lines(self.root, 0))


def _lines(node: LookupNode, depth: int) -> Iterator[str]:
    cost = node.total + (1 if depth else 0)
    words = f"{cost} lookup" + ("" if cost == 1 else "s")
    problem = f"  ! {node.problem}" if node.problem else ""
    yield f"{'  ' * depth}{node.via or node.domain}  {words}{problem}"
    for void in node.voids:
        yield f"{'  ' * (depth + 1)}{void}  ! finds nothing"
    for child in node.children:
        yield from _lines(child, depth + 1)


def lookup_tree(domain: str, record: SpfRecord | str | None = None) -> Inquiry[LookupTree]:
    """
    Read the whole tree below *domain*, whose own record is *record* where it is given.

    A name made by macros is not followed, as it differs from mail to mail; its
    term is counted. A loop, a missing or a faulty policy is a `problem` of its
    node. A tree of more than 100 policies, or 20 deep, is not read to its end.
    """
    root = LookupNode(target_name(domain) or domain)
    known: dict[str, Answer] = {}
    if record is None:
        (answer,) = yield (Question(root.domain, "TXT"),)
        _read(root, answer)
    else:
        _take(root, record)
    level: list[tuple[LookupNode, tuple[str, ...]]] = [(root, (root.domain,))]
    count = 1
    for _ in range(MAX_DEPTH):
        found = [branch for node, path in level for branch in _branches(node, path)]
        complete = count + len(found) <= MAX_NODES
        found = found[: MAX_NODES - count]
        count += len(found)
        yield from _learn(known, [child.domain for _, child, _ in found if not child.problem])
        for parent, child, _path in found:
            parent.children.append(child)
            if not child.problem:
                _read(child, known[child.domain])
        level = [(child, path) for _, child, path in found]
        if not level or not complete:
            break
    else:
        complete = not any(_branches(node, path) for node, path in level)
    yield from _probe(root)
    return LookupTree(root, complete)


def _learn(known: dict[str, Answer], domains: list[str]) -> Inquiry[None]:
    """Ask for the policies that are not *known* yet, together."""
    new = [name for name in dict.fromkeys(domains) if name not in known]
    if new:
        answers = yield tuple(Question(name, "TXT") for name in new)
        known.update(zip(new, answers, strict=True))


def _read(node: LookupNode, answer: Answer) -> None:
    try:
        node.record = select(answer)
    except Stop as stop:
        node.problem = stop.problem
        node.temporary = stop.result is SpfResult.TEMPERROR
        return
    if node.record is None:
        node.problem = f"{node.domain} has no SPF record"


def _take(node: LookupNode, record: SpfRecord | str) -> None:
    if isinstance(record, SpfRecord):
        node.record = record
        return
    try:
        node.record = parse(record)
    except RecordSyntaxError as error:
        node.problem = f"the SPF record of {node.domain} is wrong: {error.problem}"


def _branches(
    node: LookupNode, path: tuple[str, ...]
) -> list[tuple[LookupNode, LookupNode, tuple[str, ...]]]:
    """The parent, the child and the child's path of each include and redirect that counts."""
    branches = []
    for term in node.record.lookup_terms if node.record else ():
        spec = _followed(term)
        if spec is None:
            continue
        child = LookupNode(target_name(spec.text) or spec.text, via=str(term))
        if target_name(spec.text) is None:
            child.problem = f"{spec} cannot be a name"
        elif child.domain in path:
            child.problem = f"{child.domain} includes itself: a loop"
        branches.append((node, child, (*path, child.domain)))
    return branches


def _followed(term: Term) -> DomainSpec | None:
    """Where *term* leads to another policy whose name is fixed."""
    spec = None
    if isinstance(term, Redirect):
        spec = term.domain
    elif isinstance(term, Directive) and isinstance(term.mechanism, Include):
        spec = term.mechanism.domain
    return spec if spec is not None and not spec.letters else None


def _probe(root: LookupNode) -> Inquiry[None]:
    """Find the terms whose lookup is void, with one round of questions."""
    probes = [probe for node in root.walk() for probe in _probes(node)][:MAX_PROBES]
    asked = tuple(dict.fromkeys(question for *_, questions in probes for question in questions))
    if not asked:
        return
    answers = dict(zip(asked, (yield asked), strict=True))
    for node, term, questions in probes:
        if all(answers[question].void for question in questions):
            node.voids.append(str(term))
        elif len(answers[questions[0]].records) > MAX_MX and questions[0].rrtype == "MX":
            node.problem = f"{term} of {node.domain} has more than {MAX_MX} mail exchangers"


def _probes(node: LookupNode) -> Iterator[tuple[LookupNode, Directive, tuple[Question, ...]]]:
    for term in node.record.lookup_terms if node.record else ():
        mechanism = term.mechanism if isinstance(term, Directive) else None
        if not isinstance(term, Directive) or not isinstance(mechanism, A | Mx | Exists):
            continue
        if mechanism.domain is not None and mechanism.domain.letters:
            continue
        target = target_name(mechanism.domain.text) if mechanism.domain else node.domain
        rrtypes = {"a": ("A", "AAAA"), "mx": ("MX",), "exists": ("A",)}[mechanism.name]
        if target is not None:
            yield node, term, tuple(Question(target, rrtype) for rrtype in rrtypes)
