# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which placeholder stands for which value in this session?

Issues placeholders and remembers what they stand for.
Whether a value may be turned back for somebody is not decided here, and where values are kept
beyond this process neither: a vault only says which of them are not kept yet.

INVARIANT: the same class and value give the same placeholder for the whole session, and no
placeholder stands for two values (tests/redaction/test_vault.py).
INVARIANT: what was issued and is not kept is given as such, whichever thread issued it
(tests/redaction/test_vault.py).
"""

import base64
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from agentguard.redaction.placeholders import PLACEHOLDER, as_placeholder
from agentguard.redaction.surrogates import Surrogates
from agentguard.vocabulary import DataClass, KnownValue

KEY_BYTES = 32
CODE_BYTES = 5
# Shorter values stand in too many places to be looked for.
SHORTEST_KNOWN = 4
# Begins the source of what was hidden because of where it stood. Such a value may be a word that
# stands everywhere, so only one that stands nowhere by chance is looked for elsewhere.
BY_PLACE = "by place:"
_TELLING = re.compile(r"(?=.*[0-9\s]).{8,}", re.DOTALL)

_LONE_SURROGATE = re.compile("[\ud800-\udfff]+")


class VaultScope(StrEnum):
    """How far a placeholder stands for the same value."""

    SESSION = "session"
    TENANT = "tenant"


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

    __slots__ = ("_issued", "_kept", "_key", "_placeholders", "_unkept", "surrogates")

    def __init__(self, key: bytes, *, durable: bool = False) -> None:
        """Start an empty vault.

        Args:
            key: 32 bytes that nobody can guess, which make the codes of the placeholders.
            durable: whether what is issued is to be kept beyond this process.

        Raises:
            ValueError: the key is shorter.
        """
        if len(key) < KEY_BYTES:
            raise ValueError(f"a vault's key must have at least {KEY_BYTES} bytes")
        self._key = key
        self.surrogates = Surrogates(hmac.digest(key, b"surrogates", "sha256"))
        self._issued: dict[str, Issued] = {}
        self._placeholders: dict[tuple[str, str], str] = {}
        # By placeholder and whether it is reversible, so that a thread that writes what another
        # one has just made one-way takes nothing of that away. None where nothing is kept.
        self._kept: set[tuple[str, bool]] | None = set() if durable else None
        self._unkept: dict[tuple[str, bool], None] = {}

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
        # One that is kept may have been made with an earlier key: it stays what it is.
        placeholder = self._placeholders.get((data_class.name, value))
        if placeholder is None:
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
        self._placeholders[data_class.name, value] = placeholder
        if issued.reversible and not reversible:
            self._issued[placeholder] = issued = replace(issued, reversible=False)
        if self._kept is not None and (placeholder, issued.reversible) not in self._kept:
            self._unkept[placeholder, issued.reversible] = None
        return placeholder

    @property
    def has_unkept(self) -> bool:
        """Whether there is anything to be kept."""
        return bool(self._unkept)

    @property
    def unkept(self) -> tuple[Issued, ...]:
        """What was issued here and is to be kept, but was not yet."""
        placeholders = dict.fromkeys(placeholder for placeholder, _ in tuple(self._unkept))
        return tuple(self._issued[placeholder] for placeholder in placeholders)

    def keep(self, kept: Iterable[Issued]) -> None:
        """Note what is kept now; one that turned out to be one-way is so from now on.

        Raises:
            ValueError: another value has the placeholder.
        """
        if self._kept is None:
            raise ValueError("nothing of this vault is kept")
        for each in kept:
            mine = self._known(each)
            self._kept.add((each.placeholder, each.reversible))
            if mine.reversible is not each.reversible:  # made one-way while it was written
                self._unkept[each.placeholder, mine.reversible] = None
            self._unkept.pop((each.placeholder, each.reversible), None)
            if not each.reversible:
                self._unkept.pop((each.placeholder, True), None)

    def restore(self, kept: Iterable[Issued], *, own: bool) -> None:
        """Take in what was kept by another process, or in another session.

        Args:
            kept: what placeholders stand for.
            own: whether it is kept for this very session, so that it need not be kept again.

        Raises:
            ValueError: another value has a placeholder. The message holds no text.
        """
        for each in kept:
            mine = self._known(each)
            if own and self._kept is not None and mine.reversible is each.reversible:
                self._kept.add((each.placeholder, each.reversible))

    def _known(self, kept: Issued) -> Issued:
        """Return what is known of something kept, one-way if it is so in either place."""
        mine = self._issued.setdefault(kept.placeholder, kept)
        if (mine.value, mine.data_class) != (kept.value, kept.data_class):
            raise ValueError(f"two values of class {kept.data_class!r} share a placeholder")
        self._placeholders.setdefault((kept.data_class, kept.value), kept.placeholder)
        if mine.reversible and not kept.reversible:
            self._issued[kept.placeholder] = mine = replace(mine, reversible=False)
        return mine

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
            and (not issued.source.startswith(BY_PLACE) or _TELLING.fullmatch(part.strip()))
        )

    def _code(self, name: str, value: str) -> str:
        message = name.encode("utf-8") + b"\0" + value.encode("utf-8", "surrogatepass")
        keyed = hmac.digest(self._key, message, "sha256")
        return base64.b32encode(keyed[:CODE_BYTES]).decode("ascii")
