# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What stands between a call that rules allow and the provider that it goes to?

The evidence that its data needs, and the API key that it is sent with. Both only tighten what the
rules say.

INVARIANT: a policy without ``[egress]`` and without keys lays no duty on a call
(tests/policy/test_provider_gate.py).
"""

from collections.abc import Mapping
from datetime import datetime

from agentguard.policy.document import PolicyDocument
from agentguard.policy.egress_needs import UNLABELLED, Unmet, finding_unmet
from agentguard.policy.provider_keys import Misused, ProviderKeys
from agentguard.policy.register import day_of, in_words, register_digest, shown_by
from agentguard.vocabulary import (
    Action,
    DataClass,
    Decision,
    Facts,
    MeetNeeds,
    ModelCall,
    Obligation,
    SignWith,
)


class ProviderGate:
    """The register of providers of a policy, as far as it decides.

    Attributes:
        digest: names the register; None where it decides nothing.
        keys: the API keys that it lists.
    """

    def __init__(self, document: PolicyDocument) -> None:
        """Prepare what is asked for every call."""
        self.keys = ProviderKeys(document)
        self._providers = {each.id: each for each in document.providers}
        self._needs = document.egress is not None
        self._unmet = finding_unmet(document)
        says = self._needs or bool(self.keys) or any(each.evidence for each in document.providers)
        self.digest = register_digest(document.providers) if says else None

    def duties(
        self, provider: str, call: ModelCall, actor: str
    ) -> tuple[Obligation, ...] | Misused:
        """Return what must be seen to before a call leaves, or why its key cannot be used."""
        duties: list[Obligation] = []
        if self._needs:
            duties.append(MeetNeeds(provider=provider))
        if self.keys:
            keys = self.keys.for_call(provider, actor, call.credential)
            if isinstance(keys, Misused):
                return keys
            duties.append(SignWith(keys=keys))
        return tuple(duties)

    def unmet(
        self,
        decision: Decision,
        facts: Facts,
        classes: Mapping[str, DataClass],
        now: datetime | None,
    ) -> Unmet | None:
        """Return what data that is left in clear needs and its provider does not meet.

        Args:
            decision: what was decided, with the duty to meet needs where there are any.
            facts: what was found in the call.
            classes: how classes are treated on the way to the provider.
            now: the time; without one no evidence counts.
        """
        asked = (each.provider for each in decision.obligations if isinstance(each, MeetNeeds))
        provider = next(asked, None)
        if provider is None:
            return None
        found = {name for name, count in facts.counts.items() if count} | facts.in_address
        data = {name for name in found if classes[name].action is Action.LABEL}
        if not facts.empty:
            data.add(UNLABELLED)
        return self._unmet(provider, data, day_of(now))

    def tier(self, provider: str, now: datetime | None) -> str:
        """Return the tiers that a provider has evidence of its own for, in words."""
        return in_words(shown_by(self._providers[provider], day_of(now)).tiers)
