"""What a description asks for beside DNS: policy files, client settings, signers' files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from maildns.errors import UsageError
from maildns.export.files import OutputFile
from maildns.intent.load import settings
from maildns.intent.model import Clients
from maildns.plan.desired import Scene, sts_policy
from maildns.protocols import clients, mtasts
from maildns.protocols.dkim import SIGNERS, SignerKey, signer_files


def policy_files(scene: Scene) -> Iterator[OutputFile]:
    """The MTA-STS policy of each domain that has one, where its web server looks for it."""
    for domain in scene.intent.domain:
        policy = sts_policy(scene, settings(scene.intent, domain))
        if policy is not None:
            path = f"mta-sts/{domain}/.well-known/mta-sts.txt"
            yield OutputFile(path, str(policy), f"to be served at {mtasts.policy_url(domain)}")


def client_files(scene: Scene) -> Iterator[OutputFile]:
    """The settings files of each domain whose description names a web server for them."""
    for domain in scene.intent.domain:
        own = settings(scene.intent, domain)
        if own.parked or own.clients is None or not own.clients.web:
            continue
        host = own.clients.host or next(iter(scene.servers_of(own)), None)
        if host is not None:
            yield from _settings_files(domain, host, own.clients)


def _settings_files(domain: str, host: str, wish: Clients) -> Iterator[OutputFile]:
    offer = clients.Offer(
        imap=wish.imap,
        submission=wish.submission,
        pop3=wish.pop3,
        starttls=wish.starttls,
    )
    yield OutputFile(
        f"autoconfig/{domain}/mail/config-v1.1.xml",
        clients.autoconfig_xml(domain, host=host, offer=offer),
        f"to be served at https://autoconfig.{domain}/mail/config-v1.1.xml",
    )
    yield OutputFile(
        f"autodiscover/{domain}/autodiscover/autodiscover.xml",
        clients.autodiscover_xml(domain, host=host, offer=offer),
        f"to be served at https://autodiscover.{domain}/autodiscover/autodiscover.xml",
    )


def signing_files(keys: Sequence[SignerKey]) -> Iterator[OutputFile]:
    """
    The files by which each known signing server signs with *keys*.

    A kind whose files cannot hold the keys' paths is left out, with a file that says why.
    """
    for kind in SIGNERS if keys else ():
        try:
            made = signer_files(kind, keys)
        except UsageError as error:
            why = f"{error.problem}\n{error.hint}\n"
            yield OutputFile(f"dkim/{kind}/not-made.txt", why, f"why there is none for {kind}")
            continue
        for file in made:
            note = f"{kind}: belongs to {file.path}. {file.note}".rstrip(". ")
            yield OutputFile(f"dkim/{kind}/{file.path.lstrip('/')}", file.text, note)
