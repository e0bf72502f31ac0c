# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a compact signed token hold, before anybody believes it?

Takes one form only: three parts in the URL alphabet without padding, each written the one way it
can be, JSON objects in UTF-8 in which every member stands once. It verifies nothing.

INVARIANT: what two readers could read differently is refused
(tests/issuers/test_parsing.py).
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentguard.issuers.refusing import TokenProblem, refused

LONGEST_TOKEN = 16 * 1024
_PARTS = 3
_PARTS_OF_ENCRYPTED = 5
_PART = re.compile(rb"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token, taken apart; nothing of it is verified.

    Attributes:
        header: what it says about its signature.
        claims: what it says.
        signed: the bytes that the signature is over.
        signature: the signature.
    """

    header: Mapping[str, Any] = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def parse(text: str) -> Token:
    """Take a token apart.

    Raises:
        TokenRefused: it is not a compact signed token, or can be read in two ways.
    """
    if len(text) > LONGEST_TOKEN:
        raise refused(TokenProblem.TOO_LONG)
    if not text.isascii():
        raise refused(TokenProblem.MALFORMED)
    parts = text.encode("ascii").split(b".")
    if len(parts) == _PARTS_OF_ENCRYPTED:
        raise refused(TokenProblem.ENCRYPTED)
    if len(parts) != _PARTS:
        raise refused(TokenProblem.MALFORMED)
    if parts[0] and parts[1] and not parts[2]:
        raise refused(TokenProblem.UNSIGNED)
    header, claims, signature = map(_decoded, parts)
    return Token(
        header=_object(header),
        claims=_object(claims),
        signed=b".".join(parts[:2]),
        signature=signature,
    )


def strict_json(content: bytes) -> object:
    """Return the value of a JSON text in UTF-8.

    Raises:
        DuplicateMember: an object in it holds a member twice.
        ValueError: it is no such text.
    """
    try:
        return json.loads(
            content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_number
        )
    except RecursionError:
        problem = "nested too deep"
    raise ValueError(problem)


class DuplicateMember(ValueError):
    """An object holds a member twice."""


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise DuplicateMember
    return found


def _no_number(_: str) -> object:
    raise ValueError("not a number")


def _decoded(part: bytes) -> bytes:
    # The last character of a part can hold bits that mean nothing: one way of writing counts.
    if _PART.fullmatch(part) is not None:
        decoded = unpadded(part)
        if decoded is not None and base64.urlsafe_b64encode(decoded).rstrip(b"=") == part:
            return decoded
    raise refused(TokenProblem.MALFORMED)


def unpadded(part: bytes) -> bytes | None:
    """Return what base64 in the URL alphabet without padding stands for, None if for nothing."""
    try:
        return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return None


def _object(content: bytes) -> Mapping[str, Any]:
    # The errors of parsing hold the text: they end here.
    problem = TokenProblem.MALFORMED
    try:
        value = strict_json(content)
    except DuplicateMember:
        problem = TokenProblem.DUPLICATE_MEMBER
    except ValueError:
        pass
    else:
        if isinstance(value, dict):
            return value
    raise refused(problem)
