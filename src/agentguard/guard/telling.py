# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a host program say where a value comes from?

The guard hears most of it by itself, in requests and in what tools return. This is for the rest:
what the user said elsewhere, what the program knows, and what it read from outside.

INVARIANT: what is told counts in the conversation of the running identity alone
(tests/test_guard_telling.py).
"""

from typing import TYPE_CHECKING

from agentguard.canonical import Frozen, NotCanonical, freeze
from agentguard.errors import IdentityRequired
from agentguard.vocabulary import Speaker

if TYPE_CHECKING:
    from agentguard.provenance import Conversation
    from agentguard.wiring import Parts


class Telling:
    """Tells the conversation of the running identity what the guard cannot hear by itself."""

    _parts: "Parts"

    def from_user(self, text: str) -> None:
        """Say that the user said this: in a form, by voice, with a button.

        Raises:
            GuardFailure: the conversation cannot be reached.
            IdentityRequired: no identity is bound, so there is no conversation.
            TypeError: it is no text.
        """
        if not isinstance(text, str):
            raise TypeError("what a user says is a text")
        self._conversation().user_said(text)

    def from_host(self, value: object) -> None:
        """Say that the program vouches for a value: ``from = ["host"]`` accepts it.

        Args:
            value: a text, a number, or a mapping or a list that holds them.

        Raises:
            GuardFailure, IdentityRequired: as for ``from_user``.
            TypeError: the value holds something else.
        """
        self._conversation().told(_frozen(value))

    def from_outside(self, value: object, source: str = "") -> None:
        """Say that a value was read from outside, so that nothing in it is relied on.

        Args:
            value: a text, a number, or a mapping or a list that holds them.
            source: what people are told it was, such as ``e-mail 12``; no part of the value.

        Raises:
            GuardFailure, IdentityRequired: as for ``from_user``.
            TypeError: the value holds something else, or the source is no text.
        """
        if not isinstance(source, str):
            raise TypeError("a source is named by a text")
        self._conversation().heard(Speaker.TOOL, _frozen(value), source=source)

    def _conversation(self) -> "Conversation":
        enforcer = self._parts.enforcer
        caller = enforcer.identities.ambient()
        if caller is None:
            raise IdentityRequired(
                "no identity is bound, so there is no conversation",
                remedy="call inside 'with guard.identity(...)'",
            )
        return enforcer.conversation(caller)


def _frozen(value: object) -> Frozen:
    try:
        return freeze(value)
    except NotCanonical:
        pass
    raise TypeError("what is told must be a text, a number, or a list or a mapping of them")
