# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is told of the provider that a call goes to, and of the key that it is sent with?

Names and digests alone. A policy whose register decides nothing has nothing to tell.

INVARIANT: neither a key nor payload is told (tests/attacks/test_provider_keys_in_use.py).
"""

from collections.abc import Mapping

from agentguard.pipeline.steps import Progress
from agentguard.vocabulary import ModelCall

TIER, REGISTER, KEY = "provider_tier", "register", "key"


def told_of_provider(progress: Progress) -> Mapping[str, str]:
    """Return the tier of the provider, the digest of the register, and the key's fingerprint."""
    gate, call = progress.core.policy.gate, progress.call
    if gate.digest is None or not isinstance(call, ModelCall):
        return {}
    told = {REGISTER: gate.digest}
    provider = progress.core.policy.provider_of(call.origin)
    if provider is not None:
        known = None if progress.decided is None else progress.decided[1].now
        told[TIER] = gate.tier(provider.id, known or progress.core.now())
    if call.credential is not None:
        told[KEY] = call.credential
    return told
