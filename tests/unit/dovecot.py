"""A real Dovecot with a folder, users and a certificate of its own, on free ports of loopback."""

from __future__ import annotations

import imaplib
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from programs import needed

CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
default_internal_user = {internal}
default_login_user = {login}
default_internal_group = {group}
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%u
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={user_group} home={folder}/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {tls}
    ssl = yes
  }}
}}
{unprivileged}"""
UNPRIVILEGED = "".join(
    f"service {one} {{\n  chroot =\n}}\n" for one in ("imap-login", "anvil", "stats")
)


@dataclass
class Dovecot:
    folder: Path
    plain: int
    tls: int
    users: dict[str, str]
    process: subprocess.Popen | None = None

    @property
    def authority(self) -> str:
        return str(self.folder / "certificate.pem")

    def client(self, user: str) -> imaplib.IMAP4_SSL:
        """An ordinary client, logged in."""
        context = ssl.create_default_context(cafile=self.authority)
        made = imaplib.IMAP4_SSL("localhost", self.tls, ssl_context=context, timeout=10)
        made.login(user, self.users[user])
        return made

    def append(self, user: str, *mails: bytes, folder: str = "INBOX", flags: str = "") -> None:
        with self.client(user) as client:
            for mail in mails:
                octets = mail.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
                assert client.append(folder, flags, None, octets)[0] == "OK"

    def flags(self, user: str, folder: str = "INBOX") -> list[str]:
        """The flags of each mail in *folder*, sorted; as a person would see them."""
        with self.client(user) as client:
            if client.select(f'"{folder}"', readonly=True)[0] != "OK":
                return []
            _, found = client.fetch("1:*", "(FLAGS)")
            lines = [line.decode() for line in found if line]
            shown = [line[line.index("FLAGS (") + 7 : -2] for line in lines]
            return [" ".join(sorted(set(one.split()) - {r"\Recent"})) for one in shown]

    def start(self) -> None:
        self.process = subprocess.Popen(
            [needed("dovecot"), "-F", "-c", str(self.folder / "dovecot.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with suppress(OSError, imaplib.IMAP4.error), self.client(next(iter(self.users))):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        log = self.folder / "log"
        self.stop()
        pytest.fail(f"Dovecot did not start: {log.read_text() if log.exists() else 'no log'}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
            self.process = None


def free_port() -> int:
    """A TCP port of loopback that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def write_certificate(folder: Path, name: str = "localhost") -> None:
    """key.pem and certificate.pem in *folder*, good for *name* and 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = [x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    form, bare = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").touch(mode=0o600)
    (folder / "key.pem").write_bytes(key.private_bytes(pem, form, bare))


@contextmanager
def running_dovecot(users: dict[str, str]):
    needed("dovecot")
    # Not below pytest's folders, which other users may not enter: mail belongs to `nobody`.
    folder = Path(tempfile.mkdtemp(prefix="maildns-dovecot-"))
    root = os.geteuid() == 0
    me = pwd.getpwuid(os.geteuid())
    owner = pwd.getpwnam("nobody") if root else me
    names = ("dovecot", "dovenull", "dovecot") if root else (me.pw_name, me.pw_name, me.pw_name)
    try:
        folder.chmod(0o755)
        (folder / "mail").mkdir()
        if root:
            shutil.chown(folder / "mail", owner.pw_uid, owner.pw_gid)
        write_certificate(folder)
        (folder / "users").write_text("".join(f"{u}:{p}\n" for u, p in users.items()))
        made = Dovecot(folder, free_port(), free_port(), users)
        config = CONFIG.format(
            folder=folder,
            internal=names[0],
            login=names[1],
            group=names[2],
            user=owner.pw_uid,
            user_group=owner.pw_gid,
            plain=made.plain,
            tls=made.tls,
            unprivileged="" if root else UNPRIVILEGED,
        )
        (folder / "dovecot.conf").write_text(config)
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
