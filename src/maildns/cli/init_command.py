"""`maildns init`: look at what is published, propose a description, generate keys."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from maildns.cli import init_options as options
from maildns.cli.common import (
    CONFIG,
    ConfigOption,
    ServerOption,
    WorldOption,
    YesOption,
    confirm,
    output,
)

if TYPE_CHECKING:
    from maildns.intent.propose import DomainProposal, KeyProposal, ServerProposal
    from maildns.intent.survey import Survey
    from maildns.net.drivers import BlockingWorld
    from maildns.protocols.dmarc import DmarcRecord

LOOK_SECONDS = 6.0  # what is published is a help, not a must: do not wait long for it


@dataclass(frozen=True, slots=True)
class Answers:
    """What the owner said, by flags or at the prompts; empty where they left it to us."""

    domains: tuple[str, ...]
    host: str = ""
    ipv4: tuple[str, ...] = ()
    ipv6: tuple[str, ...] = ()
    selector: str = ""
    algorithms: tuple[str, ...] = ("rsa2048",)
    reports_to: tuple[str, ...] = ()
    policy: str = ""
    senders: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""
    mta_sts: str = ""
    tls_reports_to: tuple[str, ...] = ()
    clients: bool = False
    parked: tuple[str, ...] = ()
    mend: bool = False  # leave out what works no more, such as a percentage in DMARC


def command(
    *,
    config: ConfigOption = CONFIG,
    domain: options.Domains = None,
    host: options.Host = "",
    ipv4: options.IPv4s = None,
    ipv6: options.IPv6s = None,
    selector: options.Selector = "",
    algorithm: options.Algorithms = None,
    dmarc_reports_to: options.ReportsTo = None,
    policy: options.PolicyName = "",
    senders: options.Senders = None,
    list_senders: options.ListSenders = False,
    certificate: options.Certificate = "",
    key: options.Key = "",
    mta_sts: options.MtaSts = "",
    tls_reports_to: options.TlsReportsTo = None,
    clients: options.Clients = False,
    parked: options.Parked = None,
    zone: options.Zones = None,
    world: WorldOption = None,
    server: ServerOption = None,
    yes: YesOption = False,
    force: options.Force = False,
) -> None:
    """Make a maildns.toml: look at what is published, propose, generate keys."""
    if list_senders:
        _list_senders()
        return
    given = Answers(
        domains=_names(domain),
        host=_names([host])[0] if host else "",
        ipv4=tuple(ipv4 or ()),
        ipv6=tuple(ipv6 or ()),
        selector=selector,
        algorithms=tuple(algorithm or ("rsa2048",)),
        reports_to=tuple(dmarc_reports_to or ()),
        policy=policy,
        senders=tuple(senders or ()),
        certificate=_from_config(certificate, config),
        key=_from_config(key, config),
        mta_sts=mta_sts,
        tls_reports_to=tuple(tls_reports_to or ()),
        clients=clients,
        parked=_names(parked),
    )
    refuse_existing(config, force=force)
    sight = look_around(zone or (), world, server or ())
    if not yes:
        from maildns.cli.init_questions import ask

        given = ask(given, sight)
    describe(given, sight, config, yes=yes, force=force)
    output().print("next: maildns plan", markup=False)


def describe(
    given: Answers, sight: Sight, config: Path, *, yes: bool = False, force: bool = False
) -> None:
    """
    Propose a description, show it, and write it with its keys when that is agreed to.

    Raises `typer.Exit` with 2 when it is not.
    """
    servers, domains = _propose(given, sight)
    _write(config, servers, domains, given, yes=yes, force=force)


# --- looking --------------------------------------------------------------------------


class Sight:
    """What can be seen of the domains: zone files at hand, or the DNS."""

    def __init__(self, world: BlockingWorld, zones: Sequence[str] = ()) -> None:
        self.world = world
        self.zones = tuple(zones)

    def survey(self, domain: str, hosts: Sequence[str] = ()) -> Survey:
        """What is published for *domain*."""
        from dataclasses import replace

        from maildns.intent.survey import selectors_in, survey
        from maildns.net.drivers import run
        from maildns.net.world import World

        found = run(survey(domain, hosts), self.world)
        if isinstance(self.world, World):
            found = replace(found, selectors=selectors_in(self.world.rrsets(), domain))
        return found


def look_around(zones: Sequence[Path], world: Path | None, servers: Sequence[str]) -> Sight:
    """Where to look: the zone files *zones*, the file *world*, *servers*, or the system's resolver."""
    from maildns.net.world import World
    from maildns.wiring import read_text, world_of

    if not zones:
        if world is not None:
            return Sight(world_of(world))
        from maildns.net.resolver import Resolver

        return Sight(Resolver(servers=tuple(servers), tries=1, deadline_seconds=LOOK_SECONDS))
    together = World()
    apexes = []
    for path in zones:
        text = read_text(path)
        apex = apex_of(text, path)
        apexes.append(apex)
        for rrset in World.from_zone(text, origin=apex, path=path).rrsets():
            together.put(rrset)
    return Sight(together, apexes)


def apex_of(text: str, path: Path) -> str:
    """The zone that a file is for: where its SOA stands, as its $ORIGIN says, or as it is called."""
    from maildns.dnsdata import name
    from maildns.errors import InputError, RecordSyntaxError
    from maildns.zonefile import parse_records

    stem = path.name.removesuffix(".zone").removesuffix(".txt").removeprefix("db.")
    try:
        guess = name(stem) if "." in stem else "."
    except RecordSyntaxError:
        guess = "."
    records = parse_records(text, origin=guess, path=path)
    apex = next((record.owner for record in records if record.rdata.rrtype == "SOA"), guess)
    if apex == ".":
        raise InputError(
            "cannot tell which zone this is",
            path=path,
            hint="add a line `$ORIGIN example.com.` at its top",
        )
    return apex


# --- proposing ------------------------------------------------------------------------


def _propose(
    given: Answers,
    sight: Sight,
) -> tuple[list[ServerProposal], list[DomainProposal]]:
    from maildns.errors import UsageError
    from maildns.intent.propose import DomainProposal, takes_no_mail

    names = given.domains or tuple(zone for zone in sight.zones if not zone.endswith(".arpa"))
    if not names and not given.parked:
        raise UsageError("which domain?", hint="maildns init --domain example.com")
    found = {name: sight.survey(name, [given.host] if given.host else []) for name in names}
    parked = dict.fromkeys(given.parked)
    if not given.domains:  # who names a domain wants mail for it; a zone file speaks for itself
        parked.update({name: None for name in names if takes_no_mail(found[name])})
    found = {name: seen for name, seen in found.items() if name not in parked}
    servers = _servers(given, found)
    domains = [_domain(given, seen, servers) for seen in found.values()]
    domains += [DomainProposal(name, parked=True) for name in parked]
    return servers, domains


def _servers(given: Answers, found: dict[str, Survey]) -> list[ServerProposal]:
    """The host that was named, else those that MX records name; raises when none has an address."""
    from maildns.dnsdata import is_within
    from maildns.errors import UsageError
    from maildns.intent.propose import ServerProposal

    if not found:
        return []
    hosts = (
        [given.host] if given.host else list(dict.fromkeys(h for s in found.values() for h in s.mx))
    )
    hosts = hosts or [f"mail.{next(iter(found))}"]
    proposals = []
    for number, host in enumerate(hosts):
        seen = next((s.addresses[host] for s in found.values() if host in s.addresses), ())
        first = number == 0
        v4 = given.ipv4 if first and given.ipv4 else tuple(a for a in seen if ":" not in a)
        v6 = given.ipv6 if first and given.ipv6 else tuple(a for a in seen if ":" in a)
        if first and given.ipv4 and not given.ipv6:
            v6 = ()
        ours = given.host == host or any(is_within(host, domain) for domain in found)
        told = first and bool(given.ipv4 or given.ipv6)
        proposals.append(
            ServerProposal(
                host,
                v4,
                v6,
                given.certificate if first else "",
                given.key if first else "",
                managed=ours,
                # A host of others takes mail for us; who sends for us stands in SPF.
                sends=ours or told,
            ),
        )
    if not any(one.ipv4 or one.ipv6 for one in proposals):
        raise UsageError(
            f"what is the address of {hosts[0]}?",
            hint=f"maildns init --host {hosts[0]} --ipv4 ADDRESS (or --ipv6)",
        )
    return proposals


def _domain(given: Answers, found: Survey, servers: Sequence[ServerProposal]) -> DomainProposal:
    from maildns.intent.propose import DomainProposal, others_of, senders_of

    # A domain that says today that it has no mail holds nothing to take over.
    kept = not found.null_mx
    taken, remarks = senders_of(found, servers) if kept else ((), ())
    remarks = (*found.notes, *remarks)
    if found.selectors:
        remarks = (*remarks, f"DKIM selectors published already: {', '.join(found.selectors)}")
    bound = [issuer for issuer in found.issuers if ";" in issuer.strip(" ;")]
    if bound:
        # An issuer bound to an account or a method stays as it is: nothing is planned for CAA.
        remarks = (*remarks, f"CAA stays as it is, since it says more: {', '.join(bound)}")
    return DomainProposal(
        found.domain,
        servers=_hosts_for(found, servers),
        preferences=found.mx if kept else {},
        senders=tuple(dict.fromkeys((*taken, *given.senders))),
        others=others_of(found) if kept else "fail",
        keys=_keys(given, found),
        dmarc=_dmarc(given, found if kept else None, found.domain),
        mta_sts=given.mta_sts,
        tls_rpt=given.tls_reports_to,
        clients=given.clients,
        issuers=() if bound else found.issuers,
        remarks=remarks,
    )


def _hosts_for(found: Survey, servers: Sequence[ServerProposal]) -> tuple[str, ...]:
    """The servers that its MX records name today; all of them where they name none of these."""
    hosts = tuple(server.host for server in servers)
    return tuple(host for host in hosts if host in found.mx) or hosts


def _keys(given: Answers, found: Survey) -> tuple[KeyProposal, ...]:
    from datetime import datetime

    from maildns.intent.propose import KeyProposal
    from maildns.protocols import dkim

    today = datetime.now(UTC).date()
    taken = list(found.selectors)
    keys: list[KeyProposal] = []
    for algorithm in given.algorithms:
        selector = given.selector or dkim.selector_for(today, taken)
        if given.selector and keys:
            selector = f"{given.selector}-{algorithm}"
        taken.append(selector)
        keys.append(KeyProposal(selector, f"keys/{selector}.{found.domain}.pem"))
    return tuple(keys)


def _dmarc(given: Answers, found: Survey | None, domain: str) -> DmarcRecord:
    from dataclasses import replace

    from maildns.protocols import dmarc

    known = found.dmarc if found is not None and found.dmarc is not None else None
    record = known or dmarc.build()
    unread = () if record.aggregate_reports_to else (f"postmaster@{domain}",)
    reports = given.reports_to or unread
    if reports:
        record = replace(
            record,
            aggregate_reports_to=dmarc.build(reports_to=reports).aggregate_reports_to,
        )
    if given.mend:  # RFC 9989 section 9.3: pct, rf and ri are historic
        record = replace(record, percent=None, report_format=(), report_interval=None)
    if given.policy or record.policy is None:
        record = replace(record, policy=dmarc.build(policy=given.policy or "none").policy)
    return record


# --- writing --------------------------------------------------------------------------


def _write(
    config: Path,
    servers: Sequence[ServerProposal],
    domains: Sequence[DomainProposal],
    given: Answers,
    *,
    yes: bool,
    force: bool,
) -> None:
    from maildns.errors import ConfigError, UsageError
    from maildns.intent.load import parse
    from maildns.intent.propose import config_text
    from maildns.safefile import replace_file

    text = config_text(servers, domains)
    try:
        parse(text, config)  # what we propose must be what we accept
    except ConfigError as error:  # no file holds that line yet: it is an option that is wrong
        raise UsageError(error.problem, error.hint) from None
    console = output()
    console.print(text, markup=False)
    if not confirm(f"Write {config} and its keys?", yes=yes):
        raise typer.Exit(2)
    for domain in domains:
        for number, key in enumerate(domain.keys):
            _make_key(config.parent / key.path, given.algorithms[number])
    replace_file(config, text, fresh=not force)
    console.print(f"wrote {config}", markup=False)


def _make_key(path: Path, algorithm: str) -> None:
    """Generate a key, unless one is there: a key in use is never written over."""
    from maildns.protocols import dkim
    from maildns.safefile import SECRET_MODE, replace_file

    if path.exists():
        output().print(f"kept the key {path}", markup=False)
        return
    octets = dkim.to_pem(dkim.generate(algorithm))
    replace_file(path, octets, mode=SECRET_MODE, fresh=True)
    output().print(f"made the key {path} ({algorithm}, mode 0600)", markup=False)


def refuse_existing(config: Path, *, force: bool) -> None:
    """Raise `InputError` when there is a description already, unless it may be replaced."""
    from maildns.errors import InputError

    if config.exists() and not force:
        hint = "edit it, name another with --config, or replace it with --force"
        raise InputError("it is there already", path=config, hint=hint)


def _from_config(file: str, config: Path) -> str:
    """The path of an option, which is meant from here, as the config means it."""
    from maildns.errors import InputError

    if not file or Path(file).is_absolute():
        return file
    if not Path(file).exists():
        raise InputError("there is no such file", path=file)
    return os.path.relpath(file, config.parent)


def _names(texts: Sequence[str] | None) -> tuple[str, ...]:
    from maildns.dnsdata import name

    return tuple(name(text) for text in texts or ())


def _list_senders() -> None:
    from maildns.intent.senders import presets

    console = output()
    for sender in presets().values():
        terms = " ".join(sender.terms) or "nothing in SPF"
        console.print(f"{sender.key:<20} {sender.title}: {terms}", markup=False)
        if sender.note:
            console.print(f"{'':<20} {sender.note}", style="dim", markup=False)
