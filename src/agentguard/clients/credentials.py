# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""With which API key is a request sent?

Two answers. What a client holds is known before a call is decided, unless a program is asked for
it at each request. What a built request carries is known last, and that is what counts: whatever
put it there.

A fingerprint tells keys apart and cannot be turned back into one. Keys of providers are long and
random; something short enough to be guessed could be guessed from its fingerprint, too.

INVARIANT: a key is nowhere kept, told or written down, only its fingerprint
(tests/clients/test_credentials.py).
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agentguard.errors import WrongKey
from agentguard.redaction.telling import names_a_credential
from agentguard.vocabulary import Keys

SIGNS_IN = frozenset({"api-key", "authorization", "x-api-key", "x-goog-api-key"})
_DOMAIN = b"agentguard api key\x00"
_DIGITS = 32
# No provider gives out shorter ones, and most of what headers say is shorter.
_SHORTEST = 8
# Named like credentials, and none.
_NO_CREDENTIALS = frozenset({"connection", "idempotency-key"})
# Whoever is asked for a credential at each request, or whatever makes one of it.
_ASKED = (
    *("_api_key_provider", "_azure_ad_token", "_azure_ad_token_provider", "workload_identity"),
    *("_provider_runtime", "credentials", "custom_auth", "admin_api_key"),
)
# How a request of AWS is signed: only who signs is said, and that is the same in each.
_AWS = re.compile(r"AWS4-[A-Z0-9-]+ +Credential=([^/,\s]+)/.*", re.DOTALL)
_STANDS_FOR_NONE = re.compile(r"<.*>")


def fingerprint_of(key: str) -> str:
    """Return what stands for an API key in a policy."""
    content = _DOMAIN + key.strip().encode("utf-8", "surrogatepass")
    return f"sha256:{hashlib.sha256(content).hexdigest()[:_DIGITS]}"


def known_credential(client: Any, options: Any) -> str | None:
    """Return the fingerprint of the one API key that a client will sign a request with.

    Returns:
        None where that is not certain yet, or the client signs in otherwise.
    """
    if any(getattr(client, name, None) for name in _ASKED):
        return None
    if client._client.auth is not None or _sets_one(client, options):  # noqa: SLF001 - they sign in, too
        return None
    held = [getattr(client, name, None) for name in ("api_key", "auth_token")]
    keys = [key for key in held if key]
    if len(keys) != 1 or not isinstance(keys[0], str) or _STANDS_FOR_NONE.fullmatch(keys[0]):
        return None
    return fingerprint_of(str.__str__(keys[0]))


def _sets_one(client: Any, options: Any) -> bool:
    """Say whether somebody set a header that signs in, which goes before what the client holds."""
    given = getattr(options, "headers", None)
    names = [
        *(given if isinstance(given, Mapping) else ()),
        *getattr(client, "_custom_headers", ()),
        *client._client.headers,  # noqa: SLF001 - they are sent
    ]
    return any(signs_in(str(name).lower()) for name in names)


def signs_in(name: str) -> bool:
    """Say whether a header, by its lower-case name, is there to carry a credential."""
    return name in SIGNS_IN or (name not in _NO_CREDENTIALS and names_a_credential(name))


def refuse_other_keys(
    keys: Keys | None,
    headers: Iterable[tuple[str, str]],
    query: Iterable[tuple[str, str]] = (),
    listed: frozenset[str] = frozenset(),
) -> None:
    """Refuse a request that carries another API key than it may be sent with.

    Args:
        keys: those with which it may be; None for any.
        headers: lower-case names and values, as they are about to be sent.
        query: names and values in its address.
        listed: lower-case names of the headers that the policy lets through.

    Raises:
        WrongKey: it carries another one, or none where one of some is needed.
    """
    if keys is None:
        return
    pairs = tuple(headers)
    signing = [
        value for name, value in pairs if name in SIGNS_IN or (name in listed and signs_in(name))
    ]
    presented = {fingerprint_of(each) for value in signing for each in _held(value)}
    said = (value for _, value in (*pairs, *query))
    if not keys.admit(presented) or (keys.never and _is_said(keys.never, said)):
        raise WrongKey(
            "the request carries an API key that may not be used for this call, or none",
            remedy="use the key that is listed for the caller: see [[provider.key]] in the policy",
        )


def _is_said(never: frozenset[str], said: Iterable[str]) -> bool:
    """Say whether one of these keys stands in a text by itself, or behind a scheme."""
    texts = {each for value in said for each in (value, *_held(value)) if len(each) >= _SHORTEST}
    return not never.isdisjoint(map(fingerprint_of, texts))


def _held(value: str) -> Iterator[str]:
    """Yield the credentials in the value of a header."""
    signed = _AWS.fullmatch(value) if value.startswith("AWS4-") else None
    if signed is not None:
        yield signed[1]
        return
    scheme, blank, rest = value.strip().partition(" ")
    if scheme.lower() == "basic":
        yield from _name_and_password(rest)
    elif blank:
        yield rest
    elif scheme:
        yield scheme


def _name_and_password(text: str) -> Iterator[str]:
    try:
        decoded = base64.b64decode(text.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        decoded = text
    name, _, password = decoded.partition(":")
    yield from (each for each in (name, password) if each)
