# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which host does a text name?

Compares names, never addresses that names lead to: nothing is looked up. An allow rule takes plain
names in ASCII; whatever else a program may take for a host must be listed letter by letter.

INVARIANT: a host that is not plainly another one is not ruled out
(tests/attacks/test_host_constraints.py).
"""

import re
from dataclasses import dataclass, field

from agentguard.canonical import Frozen
from agentguard.policy.constraints.addresses import Address, meant_by, plain_address
from agentguard.policy.constraints.grounds import Plain, derive, listed

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}")
_LONGEST_NAME = 253
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOOPBACK_NAMES = re.compile(r"(?:.*[.-])?(?:localhost6?|loopback)(?:\.localdomain6?)?")
# Services that answer for every address that is written into a name, such as 127.0.0.1.nip.io.
_ADDRESS_IN_NAME = re.compile(
    r"(?:[0-9]{1,3}[.-]){3}[0-9]{1,3}|(?<![0-9a-z])[0-9a-f]{8}(?![0-9a-z])"
)
_BELOW = "*."


def plain_name(text: str) -> str | None:
    """Return a host name in lower case and without a final dot, None for any other text.

    What is an address, or may be one to some program, is no plain name, and neither is a name
    with an encoded label.
    """
    name = text.lower().removesuffix(".") if text.isascii() else ""
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        return None
    labels = name.split(".")
    if _NUMERIC.fullmatch(labels[-1]) or any(each.startswith("xn--") for each in labels):
        return None
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class HostIn(Plain):
    """A host of the list; ``*.example.com`` is every name below, not ``example.com`` itself.

    For a deny rule only a plain name or address that is certainly another one is another one. An
    address may be any of the names.
    """

    names: tuple[str, ...]
    demand: str = field(init=False, repr=False, compare=False)
    _exact: frozenset[str] = field(init=False, repr=False, compare=False)
    _below: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what is no host.

        Raises:
            ValueError: there is no host, or one that cannot be used.
        """
        if not self.names:
            raise ValueError("at least one host is needed")
        for name in self.names:
            _refuse_host(name)
        derive(
            self,
            demand=f"must be a host of {listed(self.names)}",
            _exact=frozenset(_verbatim(each) for each in self.names if each[:2] != _BELOW),
            _below=tuple(each[1:].lower() for each in self.names if each[:2] == _BELOW),
        )

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        return None if type(value) is str and self.admits(value) else self.demand

    def admits(self, host: str) -> bool:
        """Say whether a host is one of these."""
        if not host.isascii():
            return False
        if _verbatim(host) in self._exact:
            return True
        name = plain_name(host)
        return name is not None and name.endswith(self._below)

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* is a plain host that is certainly none of these."""
        return type(value) is str and self.excludes(value)

    def excludes(self, host: str) -> bool:
        """Say whether a host is plain and certainly none of these."""
        address, name = plain_address(host), plain_name(host)
        if self.admits(host) or (_is_loopback(host) and any(map(_is_loopback, self._exact))):
            return False
        known = [plain_address(each) for each in self._exact]
        if address is not None:
            return not self._below and all(
                each is not None and not _same(address, each) for each in known
            )
        return name is not None and not self._may_become(name, known)

    def _may_become(self, name: str, known: list[Address | None]) -> bool:
        """Say whether a resolver may take another name for one of these.

        It may append a domain that the machine searches, or answer with the address in the name.
        """
        if any(each is not None for each in known) and _ADDRESS_IN_NAME.search(name):
            return True
        if any(each.startswith(f"{name}.") for each in self._exact):
            return True
        return bool(self._below) and "." not in name

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"host": tuple(sorted(map(str.lower, self.names)))}

    def shares_a_host_with(self, other: "HostIn") -> bool:
        """Say whether some host is in both lists."""
        return any(map(other.meets, self.names))

    def meets(self, name: str) -> bool:
        """Say whether some host of an entry is one of these."""
        if not name.startswith(_BELOW):
            return self.admits(name)
        below = name[1:].lower()
        return any(each.endswith(below) for each in self._exact) or any(
            each.endswith(below) or below.endswith(each) for each in self._below
        )


def _verbatim(host: str) -> str:
    """Return a host as it is compared with one that is listed letter by letter."""
    name = host.lower().removesuffix(".")
    is_bracketed = name.startswith("[") and name.endswith("]") and ":" in name
    return name[1:-1] if is_bracketed else name


def _refuse_host(text: str) -> None:
    """Refuse an entry that is no host.

    Raises:
        ValueError: it is none.
    """
    if text == "*":
        raise ValueError("'*' is every host: name the hosts, or use any = true")
    rest = text.removeprefix(_BELOW)
    if rest != text and plain_name(rest) is None:
        raise ValueError(f"{text!r} must be '*.' and a plain host name in ASCII")
    name = rest.lower()
    if not (_NAME.fullmatch(name) and len(name) <= _LONGEST_NAME) and plain_address(rest) is None:
        raise ValueError(
            f"{text!r} is not a host: write a name in ASCII (an encoded one as 'xn--...'),"
            " '*.' and a name, or an address in its usual form, without scheme, port and path"
        )


def _is_loopback(host: str) -> bool:
    address = plain_address(host)
    if address is None:
        return _LOOPBACK_NAMES.fullmatch(host.lower().removesuffix(".")) is not None
    inner = meant_by(address)
    return inner.is_loopback or inner.is_unspecified


def _same(one: Address, other: Address) -> bool:
    return meant_by(one) == meant_by(other)
