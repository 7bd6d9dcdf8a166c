"""
What signing servers need to know, as the text of their files.

Nothing is written here: the files are data, for the command line to put in place
or to show. All domains of a server go into one set of files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from maildns.dnsdata import name
from maildns.errors import UsageError
from maildns.protocols.dkim.build import key_name

# What none of the file formats below gives a meaning to.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._@+~=-]+")


@dataclass(frozen=True, slots=True)
class SignerKey:
    """
    A key that a server signs with, and where its file lies on that server.

    `algorithm` is `rsa` or `ed25519`; the longer names of `ALGORITHMS` will do.
    """

    domain: str
    selector: str
    key_path: str
    algorithm: str = "rsa"


@dataclass(frozen=True, slots=True)
class SignerFile:
    """A file for a signing server: its usual place, text, mode, and what to know."""

    path: str
    text: str
    mode: int = 0o644
    note: str = ""


def signer_files(kind: str, keys: Sequence[SignerKey]) -> list[SignerFile]:
    """
    Make the files that let a server of *kind* sign with *keys*.

    Kinds are `opendkim`, `rspamd`, `exim` and `mailplus`. The result does not
    depend on the order of the keys.

    Raises `UsageError` for another kind, no keys, one selector given twice for
    a domain, or a path with characters that the files would misread, or
    no RSA key for a server that signs with nothing else;
    `RecordSyntaxError` when a domain or selector is no name.
    """
    if kind not in _KINDS:
        raise UsageError(f"there is no signer {kind!r}", hint=f"one of {', '.join(sorted(_KINDS))}")
    if not keys:
        raise UsageError("there are no keys to sign with")
    known = sorted(
        (_normal(key) for key in keys),
        key=lambda key: (key.domain, key.selector),
    )
    for before, after in pairwise(known):
        if (before.domain, before.selector) == (after.domain, after.selector):
            raise UsageError(f"selector {after.selector} of {after.domain} is given twice")
    for key in known:
        if kind != "mailplus" and not _PLAIN_PATH.fullmatch(key.key_path):
            raise UsageError(
                f"the path {key.key_path!r} cannot be written into the files of {kind}",
                hint="use letters, digits and / . _ @ + ~ = -",
            )
    return _KINDS[kind](known)


def _normal(key: SignerKey) -> SignerKey:
    kind = "rsa" if key.algorithm.startswith("rsa") else key.algorithm
    return SignerKey(name(key.domain), name(key.selector), key.key_path, kind)


def _opendkim(keys: Sequence[SignerKey]) -> list[SignerFile]:
    usable = [key for key in keys if key.algorithm == "rsa"]
    if not usable:
        raise UsageError("OpenDKIM needs an RSA key", hint="Ed25519 alone does not do")
    entries = [(key_name(key.selector, key.domain), key) for key in usable]
    table = [f"{entry} {key.domain}:{key.selector}:{key.key_path}" for entry, key in entries]
    signing = [f"*@{key.domain} {entry}" for entry, key in entries]
    settings = [
        "KeyTable file:/etc/opendkim/key.table",
        "SigningTable refile:/etc/opendkim/signing.table",
        "Canonicalization relaxed/simple",
        *(["MultipleSignatures yes"] if _several_per_domain(usable) else []),
    ]
    # Debian's 2.11 crashes at the first mail that it shall sign with Ed25519.
    left_out = [key_name(key.selector, key.domain) for key in keys if key not in usable]
    note = (
        f"Ed25519 keys are left out, OpenDKIM cannot sign with them: {', '.join(left_out)}."
        if left_out
        else ""
    )
    return [
        SignerFile("/etc/opendkim/key.table", _lines(table), note=note),
        SignerFile("/etc/opendkim/signing.table", _lines(signing)),
        SignerFile(
            "/etc/opendkim.conf",
            _lines(settings),
            note="Lines to add to the file, in place of others with the same first word.",
        ),
    ]


def _rspamd(keys: Sequence[SignerKey]) -> list[SignerFile]:
    # Else rspamd looks for the key of the registered domain, and for files that no one made.
    lines = ["use_esld = false;", "try_fallback = false;", "domain {"]
    for domain, group in groupby(keys, key=lambda key: key.domain):
        lines += [f'  "{domain}" {{', "    selectors ["]
        lines += [f'      {{ path = "{k.key_path}"; selector = "{k.selector}"; }},' for k in group]
        lines += ["    ]", "  }"]
    lines.append("}")
    note = (
        "Some versions of rspamd read an Ed25519 key only as `rspamadm dkim_keygen` writes it."
        if _has_ed25519(keys)
        else ""
    )
    return [SignerFile("/etc/rspamd/local.d/dkim_signing.conf", _lines(lines), note=note)]


def _exim(keys: Sequence[SignerKey]) -> list[SignerFile]:
    selectors = [
        f"{domain}: {' : '.join(key.selector for key in group)}"
        for domain, group in groupby(keys, key=lambda key: key.domain)
    ]
    paths = [f"{key_name(key.selector, key.domain)}: {key.key_path}" for key in keys]
    # ret=key makes the domain untainted, as Exim 4.94 and later want it.
    macros = [
        "DKIM_DOMAIN = ${lookup{${lc:${domain:$h_from:}}}lsearch,ret=key{/etc/exim4/dkim/selectors}}",
        "DKIM_SELECTOR = ${lookup{$dkim_domain}lsearch{/etc/exim4/dkim/selectors}}",
        "DKIM_PRIVATE_KEY = ${lookup{${dkim_selector}._domainkey.$dkim_domain}lsearch{/etc/exim4/dkim/keys}}",
        "DKIM_CANON = relaxed",
    ]
    return [
        SignerFile("/etc/exim4/dkim/selectors", _lines(selectors)),
        SignerFile("/etc/exim4/dkim/keys", _lines(paths)),
        SignerFile(
            "/etc/exim4/exim4.conf.localmacros",
            _lines(macros),
            note="Macros of Debian's configuration; elsewhere set dkim_domain, dkim_selector, "
            "dkim_private_key and dkim_canon of the SMTP transport to their values.",
        ),
    ]


def _mailplus(keys: Sequence[SignerKey]) -> list[SignerFile]:
    lines = ["What to enter in MailPlus Server, for each domain under its DKIM settings:"]
    for domain, group in groupby(keys, key=lambda key: key.domain):
        usable = [key for key in group if key.algorithm == "rsa"]
        if not usable:
            lines += ["", f"{domain}: no RSA key; MailPlus signs with RSA only"]
            continue
        newest = usable[-1]
        lines += [
            "",
            f"Domain: {domain}",
            "  Enable DKIM signing: yes",
            f"  DKIM selector prefix: {newest.selector}",
            f"  Import private key: {newest.key_path}",
        ]
    several = "A domain signs with one key there: the last selector is named. "
    note = (
        f"{several if _several_per_domain(keys) else ''}Enter it after the key record is published."
    )
    return [SignerFile("mailplus-dkim.txt", _lines(lines), note=note)]


def _several_per_domain(keys: Sequence[SignerKey]) -> bool:
    return len({key.domain for key in keys}) < len(keys)


def _has_ed25519(keys: Sequence[SignerKey]) -> bool:
    return any(key.algorithm == "ed25519" for key in keys)


def _lines(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


_KINDS: dict[str, Callable[[Sequence[SignerKey]], list[SignerFile]]] = {
    "opendkim": _opendkim,
    "rspamd": _rspamd,
    "exim": _exim,
    "mailplus": _mailplus,
}
SIGNERS = tuple(sorted(_KINDS))
