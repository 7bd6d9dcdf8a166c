"""
TLS as a dialogue: the handshake over memory, and what it showed.

The certificate is only looked at, never relied upon; whether it is trusted is asked by a context
of its own, since OpenSSL does not tell both in one handshake that fails.
"""

from __future__ import annotations

import ssl
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Final

from maildns.errors import UsageError
from maildns.net.dialogue import Dialogue, Opening, TalkEnds
from maildns.net.talk import Stage, TlsShown

MAX_HANDSHAKE_OCTETS: Final = 512 * 1024  # OpenSSL takes 100 KB of certificates
_DER = 2  # _ssl.ENCODING_DER, which the public module has no name for
# Of the lesser ciphers, what this OpenSSL still knows; SECLEVEL=0 lets it offer them.
WEAK_CIPHERS: Final = "aNULL:eNULL:LOW:EXP:RC4:3DES:MD5:@SECLEVEL=0"


class Distrusted(TalkEnds):
    """The chain does not lead to a trusted root; `code` is OpenSSL's number for why."""

    def __init__(self, problem: str, code: int) -> None:
        super().__init__(problem)
        self.code = code


@lru_cache(maxsize=1)
def looking_context() -> ssl.SSLContext:
    """A context that takes any certificate and the oldest TLS, to see what there is."""
    return _looking()


@lru_cache(maxsize=8)
def trusting_context(authorities_pem: str | None = None) -> ssl.SSLContext:
    """
    A context that wants a chain to a root that the system, or *authorities_pem*, trusts.

    Names are not looked at. Raises `UsageError` when there is no certificate in
    *authorities_pem*.
    """
    context = _context()
    if authorities_pem is None:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(cadata=plain_pem(authorities_pem))
    except (OSError, ValueError):
        problem = "there is no certificate among the trusted authorities that were given"
        raise UsageError(problem, "give certificates in PEM (BEGIN CERTIFICATE)") from None
    return context


def plain_pem(text: str) -> str:
    """*text* without the letters, in remarks between certificates, that OpenSSL does not take."""
    return text.encode("ascii", "ignore").decode("ascii")


def has_roots(paths: ssl.DefaultVerifyPaths) -> bool:
    """Whether there are trusted roots at *paths*; a bare container often has none."""
    if paths.cafile and Path(paths.cafile).is_file():
        return True
    folder = Path(paths.capath) if paths.capath else None
    return folder is not None and folder.is_dir() and any(folder.iterdir())


@lru_cache(maxsize=1)
def old_context() -> ssl.SSLContext | None:
    """A context that offers TLS 1.0 and 1.1 alone; None where this OpenSSL cannot."""
    context = _looking()
    # Python rightly warns of these; they are asked for to be complained about.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        except ValueError:
            return None
    return context


@lru_cache(maxsize=8)
def cipher_context(ciphers: str) -> ssl.SSLContext | None:
    """A context that offers *ciphers* of TLS 1.2 and below alone; None where it knows none."""
    context = _looking()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.set_ciphers(ciphers)
    except ssl.SSLError:
        return None
    return context


def _looking() -> ssl.SSLContext:
    context = _context()
    context.verify_mode = ssl.CERT_NONE  # it is looked at, not relied upon
    return context


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # weak keys are to be seen too
    return context


def shake_hands(
    opening: Opening, context: ssl.SSLContext, server_name: str, farewell: bytes = b""
) -> Dialogue[TlsShown]:
    """
    Agree on TLS, asking for *server_name* (RFC 7672 section 8.1: the TLSA base domain).

    Raises `Distrusted` where *context* wants trust and there is none, `TalkEnds` where TLS does
    not come about. *farewell* is what to say within TLS at the end.
    """
    opening.stage = Stage.TLS
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        tls = context.wrap_bio(incoming, outgoing, server_hostname=server_name)
        yield from _agree(tls, incoming, outgoing)
        if farewell:
            tls.write(farewell)
        shown = _shown(tls)
    except ssl.SSLCertVerificationError as error:
        raise Distrusted(error.verify_message, error.verify_code) from None
    except (OSError, ValueError) as error:
        raise _no_handshake(error) from None
    finally:
        opening.farewell = outgoing.read()  # the end of the handshake, or the alert
    if not shown.chain_der:
        raise TalkEnds("it shows no certificate")
    opening.stage = Stage.DONE
    return shown


def _agree(tls: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> Dialogue[None]:
    received = 0
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            octets = yield outgoing.read()
        else:
            return
        received += len(octets)
        if received > MAX_HANDSHAKE_OCTETS:
            raise TalkEnds("it talks without end in the TLS handshake")
        if octets:
            incoming.write(octets)
        else:
            incoming.write_eof()


def _shown(tls: ssl.SSLObject) -> TlsShown:
    cipher = tls.cipher()
    return TlsShown(
        version=tls.version() or "",
        cipher=cipher[0] if cipher else "",
        chain_der=tuple(chain_of(tls)),
    )


def _no_handshake(error: Exception) -> TalkEnds:
    if isinstance(error, ssl.SSLEOFError):
        why = "it closed the connection"
    else:
        why = getattr(error, "reason", None) or str(error) or type(error).__name__
    return TalkEnds(
        f"TLS does not come about: {str(why)[:120].replace('_', ' ').lower()}",
        hint="look into the mail server's log: has it a certificate and its key?",
    )


def chain_of(tls: ssl.SSLObject) -> list[bytes]:
    """All certificates that were sent; the leaf alone where Python does not give the others."""
    public = getattr(tls, "get_unverified_chain", None)  # from Python 3.13 on
    if public is not None:
        return [bytes(der) for der in public()]
    inner = getattr(getattr(tls, "_sslobj", None), "get_unverified_chain", None)
    if inner is not None:
        return [certificate.public_bytes(_DER) for certificate in inner() or ()]
    leaf = tls.getpeercert(binary_form=True)
    return [leaf] if leaf else []
