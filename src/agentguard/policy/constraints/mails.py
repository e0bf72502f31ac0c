# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Whose mailbox is an e-mail address?

One plain address in ASCII; names, comments, quotes, lists and routes are no plain address.

INVARIANT: an address that is not plainly another one's is not ruled out
(tests/attacks/test_mail_constraints.py).
"""

import re
from dataclasses import dataclass, field

from agentguard.canonical import Frozen
from agentguard.policy.constraints.grounds import Plain, derive, listed
from agentguard.policy.constraints.hosts import HostIn, plain_name

_LONGEST_ADDRESS = 254
# No '%' and '!', which some servers read as a route, and nothing that a shell reads.
_ATOM = r"[A-Za-z0-9#'*+/=?^_{}~-]+"
_ADDRESS = re.compile(rf"(?P<local>(?!-){_ATOM}(?:\.{_ATOM})*)@(?P<domain>[A-Za-z0-9.-]+)")
_LONGEST_LOCAL = 64


def domain_of(text: str) -> str | None:
    """Return the domain of a plain address in lower case, None for every other text."""
    found = _ADDRESS.fullmatch(text) if len(text) <= _LONGEST_ADDRESS else None
    if found is None or len(found["local"]) > _LONGEST_LOCAL or found["domain"].endswith("."):
        return None
    return plain_name(found["domain"])


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailAt(Plain):
    """One e-mail address at one of the *domains*; ``*.example.com`` is every domain below."""

    domains: tuple[str, ...]
    demand: str = field(init=False, repr=False, compare=False)
    _hosts: HostIn = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what is no domain.

        Raises:
            ValueError: there is no domain, or one that cannot be used.
        """
        if not self.domains:
            raise ValueError("at least one domain is needed")
        for domain in self.domains:
            if plain_name(domain.removeprefix("*.")) is None or domain.endswith("."):
                raise ValueError(f"{domain!r} must be a domain in ASCII, or '*.' and a domain")
        derive(
            self,
            demand=f"must be one plain e-mail address at {listed(self.domains)}",
            _hosts=HostIn(names=self.domains),
        )

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        domain = domain_of(value) if type(value) is str else None
        return None if domain is not None and self._hosts.admits(domain) else self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* is one plain address at another domain."""
        domain = domain_of(value) if type(value) is str else None
        return domain is not None and not self._hosts.admits(domain)

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"email": tuple(sorted(map(str.lower, self.domains)))}

    def shares_an_address_with(self, other: "EmailAt") -> bool:
        """Say whether some address satisfies both."""
        return self._hosts.shares_a_host_with(HostIn(names=other.domains))
