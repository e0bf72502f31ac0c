# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is a model provider?"""

from dataclasses import dataclass, field

from agentguard.policy.document.egress import EvidenceSpec, KeySpec
from agentguard.policy.origins import HostEntry, parse_host, parse_origin


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """A model provider: the hosts it is reached at and what may be sent beside the usual.

    Attributes:
        id: the provider's id in the policy.
        hosts: host entries, such as ``api.openai.com`` or ``127.0.0.1:*``.
        extra_fields: request fields beyond the documented ones that may be sent.
        headers: names of custom headers that may be sent, in lower case.
        environments: those that may call it; empty for every one.
        region: where it processes what it is sent; empty where that is not known.
        evidence: what shows how far it can be relied on.
        keys: the API keys that may be used at it, and by whom; empty for any key.
    """

    id: str
    hosts: tuple[str, ...]
    extra_fields: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()
    environments: frozenset[str] = frozenset()
    region: str = ""
    evidence: tuple[EvidenceSpec, ...] = ()
    keys: tuple[KeySpec, ...] = ()
    _entries: tuple[HostEntry, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Read the host entries.

        Raises:
            ValueError: an entry has none of the known forms.
        """
        object.__setattr__(self, "_entries", tuple(map(parse_host, self.hosts)))

    def serves(self, origin: str) -> bool:
        """Say whether requests to an origin such as ``https://host:443`` go to this provider."""
        parts = parse_origin(origin)
        return parts is not None and any(entry.serves(*parts) for entry in self._entries)
