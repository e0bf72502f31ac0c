# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Whose is an API key, and at which provider may it be used?

Keys are known by their fingerprints alone. A provider that lists keys takes no other; one that
lists none takes any that no other provider lists. What makes a fingerprint, and which key a
request really carries, is found out elsewhere.

INVARIANT: a key that is listed is used by those it is listed for, where it is listed, or not at
all (tests/policy/test_provider_keys.py).
"""

from dataclasses import dataclass

from agentguard.policy.document import PolicyDocument
from agentguard.policy.rules import expand
from agentguard.vocabulary import Keys, Nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Misused:
    """A key that may not be used for a call.

    Attributes:
        nearest: what is demanded.
        hint: the line of the policy that would allow it.
    """

    nearest: Nearest
    hint: str


class ProviderKeys:
    """The API keys that a policy lists."""

    def __init__(self, document: PolicyDocument) -> None:
        """Look up who stands behind the names in ``who``."""
        self._holders: dict[str, dict[str, frozenset[str]]] = {
            provider.id: {each.fingerprint: expand(each.who, document) for each in provider.keys}
            for provider in document.providers
        }
        every = frozenset(name for listed in self._holders.values() for name in listed)
        self._elsewhere = {
            provider: every.difference(listed) for provider, listed in self._holders.items()
        }
        self._is_listed = bool(every)

    def __bool__(self) -> bool:
        """Say whether any key is listed."""
        return self._is_listed

    def for_call(self, provider: str, actor: str, credential: str | None) -> Keys | Misused:
        """Return the keys that a request may be sent with.

        Args:
            provider: the id of the provider that it goes to.
            actor: the id of who makes the call.
            credential: the fingerprint of the key that it is to be sent with, None where that is
                found out when it is sent.
        """
        listed, elsewhere = self._holders[provider], self._elsewhere[provider]
        held = frozenset(name for name, holders in listed.items() if actor in holders)
        # A provider may take a key from more places than those that are there to sign in.
        never = elsewhere | (frozenset(listed) - held)
        if credential is not None and credential in elsewhere:
            return _misused(
                provider,
                "must not be the key of another provider",
                f"use a key of provider {provider!r}, or list its fingerprint there, too",
            )
        if not listed:
            return Keys(never=elsewhere)
        if credential is None:
            return Keys(only=held, never=never)
        if credential in held:
            return Keys(only=frozenset({credential}), never=never)
        hint = f"list its fingerprint in a [[provider.key]] of provider {provider!r}"
        if credential in listed:
            hint = f"add {actor!r} to 'who' of its [[provider.key]] of provider {provider!r}"
        return _misused(provider, f"must be one that is listed for {actor!r}", hint)


def _misused(provider: str, problem: str, hint: str) -> Misused:
    return Misused(nearest=Nearest(rule=provider, constraint="key", problem=problem), hint=hint)
