# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which placeholder stands for which value in this session?

Issues placeholders and remembers what they stand for, in memory only.
Whether a value may be turned back for somebody is not decided here.

INVARIANT: the same class and value give the same placeholder for the whole session, and no
placeholder stands for two values (tests/redaction/test_vault.py).
"""

import base64
import hmac
import re
from dataclasses import dataclass, field, replace

from agentguard.redaction.placeholders import PLACEHOLDER, as_placeholder
from agentguard.vocabulary import DataClass, KnownValue

KEY_BYTES = 32
CODE_BYTES = 5
# Shorter values stand in too many places to be looked for.
SHORTEST_KNOWN = 4

_LONE_SURROGATE = re.compile("[\ud800-\udfff]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What a placeholder stands for.

    Attributes:
        placeholder: as it stands in texts.
        value: what it stands for.
        data_class: the name of the value's class.
        reversible: whether it may ever be turned back.
        source: where the value was first found; a JSON pointer, which can hold keys of the payload.
    """

    placeholder: str
    value: str = field(repr=False)
    data_class: str
    reversible: bool
    source: str = field(repr=False)


class Vault:
    """The placeholders of one session.

    Threads may share it: every change is one operation on a dictionary.
    """

    __slots__ = ("_issued", "_key")

    def __init__(self, key: bytes) -> None:
        """Start an empty vault.

        Args:
            key: 32 random bytes of this session alone.

        Raises:
            ValueError: the key is shorter.
        """
        if len(key) < KEY_BYTES:
            raise ValueError(f"a vault's key must have at least {KEY_BYTES} bytes")
        self._key = key
        self._issued: dict[str, Issued] = {}

    def __repr__(self) -> str:
        return f"Vault({len(self._issued)} values)"

    @property
    def version(self) -> int:
        """Grows with each new value."""
        return len(self._issued)

    def issue(self, *, data_class: DataClass, value: str, reversible: bool, source: str) -> str:
        """Return the placeholder for a value; a value issued one-way stays one-way.

        Raises:
            ValueError: the label does not fit a placeholder, or another value already has this
                placeholder. The message holds no text.
        """
        placeholder = f"[[{data_class.label}:{self._code(data_class.name, value)}]]"
        if PLACEHOLDER.fullmatch(placeholder) is None:
            raise ValueError(f"the name of class {data_class.name!r} does not fit a placeholder")
        issued = self._issued.get(placeholder)
        if issued is None:
            fresh = Issued(
                placeholder=placeholder,
                value=value,
                data_class=data_class.name,
                reversible=reversible,
                source=source,
            )
            issued = self._issued.setdefault(placeholder, fresh)
        if (issued.value, issued.data_class) != (value, data_class.name):
            raise ValueError(f"two values of class {data_class.name!r} share a placeholder")
        if issued.reversible and not reversible:
            self._issued[placeholder] = replace(issued, reversible=False)
        return placeholder

    def issued(self, placeholder: str) -> Issued | None:
        """Return what a placeholder or a mark stands for, None when it was not issued here."""
        return self._issued.get(as_placeholder(placeholder))

    def known_values(self, since: int = 0, until: int | None = None) -> tuple[KnownValue, ...]:
        """Return what was hidden once and is long enough to be looked for, in order.

        No text that leaves holds a lone surrogate, so a value is known by the parts around it.

        Args:
            since: leave out what was issued before the vault had this version.
            until: leave out what was issued after the vault had this version.
        """
        return tuple(
            KnownValue(value=part, data_class=issued.data_class)
            for issued in tuple(self._issued.values())[since:until]
            for part in _LONE_SURROGATE.split(issued.value)
            if len(part.strip()) >= SHORTEST_KNOWN
        )

    def _code(self, name: str, value: str) -> str:
        message = name.encode("utf-8") + b"\0" + value.encode("utf-8", "surrogatepass")
        keyed = hmac.digest(self._key, message, "sha256")
        return base64.b32encode(keyed[:CODE_BYTES]).decode("ascii")
