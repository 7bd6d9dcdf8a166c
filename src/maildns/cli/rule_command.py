"""`maildns rule`: the rules behind the findings."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import JsonOption, emit, output

if TYPE_CHECKING:
    from maildns.finding import Rule


def command(
    id: Annotated[
        str,
        typer.Argument(
            metavar="[ID]",
            help="The rule, or a protocol; nothing lists them all.",
            show_default=False,
        ),
    ] = "",
    *,
    json: JsonOption = False,
) -> None:
    """Show what a rule checks, why, and the mend."""
    from maildns.rules import all_rules

    rules = all_rules()
    group = [rule for rule in rules.values() if not id or rule.id.partition("-")[0] == id.lower()]
    if group:
        _show_all(group, json=json)
        return
    rule = rules.get(id.strip().strip("[]").lower())
    if rule is None:
        raise _no_rule(id, rules)
    if json:
        from maildns.cli.documents import RuleDocument, RuleEntry

        emit(RuleDocument(rule=RuleEntry.of(rule)))
    else:
        _show(rule)


def _no_rule(id: str, rules: dict[str, Rule]) -> Exception:
    from maildns.errors import UsageError

    near = get_close_matches(id.lower(), rules, n=3, cutoff=0.5)
    near = near or [known for known in rules if id.lower() in known][:5]
    hint = f"did you mean {' or '.join(near)}?" if near else "`maildns rule` lists them all"
    return UsageError(f"there is no rule {id[:60]!r}", hint)


def _show_all(rules: list[Rule], *, json: bool) -> None:
    if json:
        from maildns.cli.documents import RuleEntry, RulesDocument

        emit(RulesDocument(rules=[RuleEntry.of(rule) for rule in rules]))
        return
    from itertools import groupby

    from rich.text import Text

    from maildns.cli.show_findings import COLOURS

    console = output()
    width = max(len(rule.id) for rule in rules)
    for protocol, members in groupby(rules, key=lambda rule: rule.id.partition("-")[0]):
        console.print(Text(protocol, style="bold"))
        for rule in members:
            line = Text(f"  {rule.id:<{width}}  ")
            line.append(f"{rule.severity:<5}", style=COLOURS[rule.severity])
            line.append(f"  {rule.title}", style="default not bold")
            console.print(line)
    console.print(f"{len(rules)} rules; `maildns rule ID` tells about one")


def _show(rule: Rule) -> None:
    from textwrap import fill

    from rich.text import Text

    from maildns.cli.show_findings import COLOURS

    console = output()
    head = Text(rule.id, style="bold")
    head.append(f"  {rule.severity}", style=COLOURS[rule.severity])
    console.print(head)
    console.print(Text(f"{rule.title}\n", style="italic"))
    console.print(Text(fill(rule.help, min(console.width, 90))))
    for label, example, colour in (("bad", rule.bad, "red"), ("good", rule.good, "green")):
        if example:
            console.print(Text(f"\n{label}:", style=colour))
            console.print(Text("\n".join(f"    {line}" for line in example.splitlines())))
    console.print(Text(f"\n{rule.reference}", style="dim"))
