"""
Two Postfix instances with folders of their own, beside whatever the machine has.

The first takes mail for every domain and throws it away; each mail host is a listener of it with
its own name, address and certificate. The second is another mail host of the provider, and sends
what it is handed on port 10025 of loopback as a careful sender does, by DANE.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from maildns.errors import UsageError
from maildns.lab.internet.authority import Authority, key_pem, self_signed
from maildns.lab.internet.sites import MailHost

MASTER: Final = Path("/usr/lib/postfix/sbin/master")
SEND_PORT: Final = 10025
_MAIN: Final = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = {name}
inet_interfaces = {interfaces}
inet_protocols = all
mydestination =
mynetworks = 127.0.0.0/8 [::1]/128
alias_maps =
alias_database =
local_recipient_maps =
smtpd_banner = $myhostname ESMTP
smtpd_peername_lookup = no
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_tls_security_level = may
smtpd_tls_protocols = >=TLSv1.2
smtpd_tls_mandatory_protocols = >=TLSv1.2
smtpd_tls_loglevel = 1
smtpd_tls_auth_only = yes
smtpd_timeout = 60s
"""
_RECEIVES: Final = """\
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:all
virtual_transport = discard
"""
_SENDS: Final = """\
relay_domains = lab
smtp_host_lookup = dns
smtp_dns_support_level = dnssec
smtp_tls_security_level = dane
smtp_tls_CAfile = {authority}
smtp_tls_loglevel = 1
smtp_bind_address = {ipv4}
smtp_bind_address6 = {ipv6}
smtp_connect_timeout = 5s
smtp_helo_timeout = 5s
smtp_starttls_timeout = 5s
"""
# Without limit 0 for cleanup, bounce, defer and trace a client hangs at RCPT, without a word.
_SERVICES: Final = """\
postlog   unix-dgram n - n - 1 postlogd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
"""
_FOLDERS: Final = (
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private",
    "saved", "trace",
)  # fmt: skip


def write_postfix(
    folder: Path, hosts: Sequence[MailHost], authority: Authority, *, sends: bool
) -> list[str]:
    """Write the configuration and certificates for *hosts*; the command that runs the instance."""
    if not MASTER.exists():
        raise UsageError("Postfix is not installed", hint="install the package postfix")
    main = hosts[0]
    interfaces = [*(one for host in hosts for one in host.place.both), "127.0.0.1"]
    text = _MAIN.format(
        folder=folder,
        daemons=MASTER.parent,
        name=main.name,
        interfaces=" ".join(interfaces),
    )
    folder.mkdir()
    (folder / "authority.pem").write_bytes(authority.root_pem)
    ipv4, ipv6 = main.place.both
    roots = folder / "authority.pem"
    text += _SENDS.format(authority=roots, ipv4=ipv4, ipv6=ipv6) if sends else _RECEIVES
    (folder / "main.cf").write_text(text, encoding="utf-8")
    listeners = [line for host in hosts for line in _listeners(folder, host, authority)]
    if sends:
        listeners.append(f"127.0.0.1:{SEND_PORT} inet n - n - - smtpd")
    lines = "".join(f"{line}\n" for line in listeners)
    (folder / "master.cf").write_text(_SERVICES + lines, encoding="utf-8")
    _make_queue(folder)
    return [str(MASTER), "-c", str(folder), "-d"]


def _listeners(folder: Path, host: MailHost, authority: Authority) -> Iterable[str]:
    if not host.listening or host.misbehaves:
        return
    chain = write_certificate(folder / f"{host.name}.pem", host, authority)
    settings = {"myhostname": host.name, "smtpd_tls_chain_files": str(chain), **host.settings}
    ports = {"25": {}, "587": {"smtpd_tls_security_level": "encrypt"}}
    ports["465"] = {"smtpd_tls_wrappermode": "yes"}
    for port, more in ports.items():
        if port != "25" and not host.answers_clients:
            continue
        options = "".join(f" -o {{ {k} = {v} }}" for k, v in {**settings, **more}.items())
        for address in (host.place.ipv4, f"[{host.place.ipv6}]"):
            yield f"{address}:{port} inet n - n - - smtpd{options}"


def write_certificate(path: Path, host: MailHost, authority: Authority) -> Path:
    """Write the key of *host* and its chain to *path*, as Postfix and OpenSSL read them."""
    made = self_signed if host.self_signed else authority.issue
    leaf = made(host.key, host.names, host.days)
    alone = host.self_signed or not host.sends_issuer
    chain = leaf.public_bytes(Encoding.PEM) if alone else authority.chain_pem(leaf)
    path.touch(mode=0o600)
    path.write_bytes(key_pem(host.key) + chain)
    return path


def _make_queue(folder: Path) -> None:
    """The folders of a queue, owned as postfix(1) does at its first start."""
    try:
        owner, group = pwd.getpwnam("postfix").pw_uid, grp.getgrnam("postdrop").gr_gid
    except KeyError:
        raise UsageError(
            "there is no user postfix or no group postdrop", hint="install the package postfix"
        ) from None
    (folder / "queue").mkdir()
    (folder / "queue" / "pid").mkdir()
    (folder / "data").mkdir()
    os.chown(folder / "data", owner, -1)
    for name in _FOLDERS:
        (folder / "queue" / name).mkdir(mode=0o700)
        os.chown(folder / "queue" / name, owner, -1)
    for name, mode in (("maildrop", 0o730), ("public", 0o710)):
        path = folder / "queue" / name
        path.mkdir()
        os.chown(path, owner, group)
        path.chmod(mode)
