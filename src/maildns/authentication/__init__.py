"""
Everything that a receiver checks of one message, and the field that tells it (RFC 8601).

`authenticate` is the inquiry; its `AuthenticationResults` hold each verdict, and are
written as the Authentication-Results field by `str()`. `explain` says why.
"""

from __future__ import annotations

from maildns.authentication.author import Authors, authors_of
from maildns.authentication.evaluate import authenticate
from maildns.authentication.field import MethodResult
from maildns.authentication.results import AuthenticationResults, AuthorVerdict
from maildns.authentication.trace import Because, explain

__all__ = [
    "AuthenticationResults",
    "AuthorVerdict",
    "Authors",
    "Because",
    "MethodResult",
    "authenticate",
    "authors_of",
    "explain",
]
