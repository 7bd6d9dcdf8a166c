"""
DKIM selectors to look for: DKIM has no way to list a domain's own.

Those in common use are data; those of a message stand in its signatures.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from typing import Any

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError
from maildns.protocols.dkim.message import read_message
from maildns.protocols.dkim.signature import Signature, parse_signature

MAX_SIGNATURES = 100  # of one message that are looked at


@lru_cache(maxsize=1)
def common_selectors() -> tuple[str, ...]:
    """
    The selectors that are tried where nobody has named one, in the order of the file.

    >>> "selector1" in common_selectors()
    True
    """
    return tuple(_file()["selectors"])


@lru_cache(maxsize=1)
def sibling_selectors() -> dict[str, tuple[str, ...]]:
    """
    For some selectors those that their service publishes as well, tried where the first exists.

    >>> sibling_selectors()["fm1"]
    ('fm2', 'fm3')
    """
    return {first: tuple(others) for first, others in _file()["siblings"].items()}


def _file() -> dict[str, Any]:
    text = (files("maildns.audit") / "selectors.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def selectors_of(message: bytes) -> list[tuple[str, str]]:
    r"""
    The domains and selectors that the signatures of *message* name, each once.

    Nothing is verified; a signature that cannot be read is passed over.

    >>> selectors_of(b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=News; h=from; bh=AA==; b=AA==\r\n\r\n")
    [('example.com', 'news')]
    """
    fields = read_message(message).named(b"dkim-signature")[:MAX_SIGNATURES]
    texts = (field.value.decode("utf-8", "replace") for field in fields)
    return list(dict.fromkeys(_named(texts)))


def _named(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    for text in texts:
        try:
            signature: Signature = parse_signature(text)
            yield name(signature.domain), name(signature.selector)
        except RecordSyntaxError:
            continue
