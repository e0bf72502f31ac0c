# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where may a call go on, given what the conversation has seen?"""

from dataclasses import dataclass

from agentguard.vocabulary import Effect, Impact, Remember, UserMessages


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSpec:
    """A rule that only tightens: it is asked about what the rules allow or ask about.

    It is about a call if everything that it names fits, and then it asks or denies, unless every
    condition that it has under ``*_from`` and ``unless_asked`` is met.

    Attributes:
        id: unique among rules and flows.
        who: ids, groups and globs of the one who makes the call; empty for everybody.
        tools: the tools: names, groups and globs.
        impacts: the impacts of tools; with ``tools``, of those.
        outward: True for tools that the policy marks as ``outward`` alone.
        after: what must all have happened in the conversation; empty for always.
        targets_from: the origins that every value in the tool's ``targets`` may have.
        addresses_from: the origins that addresses inside other arguments may have.
        arguments_from: the origins that every value of every argument may have.
        unless_asked: True where the user's words must call for the tool.
        effect: ask or deny.
        approval: the approval profile of those who are asked.
        remember: what an approval counts for later.
    """

    id: str
    who: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    impacts: tuple[Impact, ...] = ()
    outward: bool = False
    after: tuple[str, ...] = ()
    targets_from: tuple[str, ...] | None = None
    addresses_from: tuple[str, ...] | None = None
    arguments_from: tuple[str, ...] | None = None
    unless_asked: bool = False
    effect: Effect
    approval: str | None = None
    remember: Remember = Remember.VALUE


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenanceSpec:
    """How it is found out where values come from.

    Attributes:
        user_messages: which messages count as the user's own words.
    """

    user_messages: UserMessages = UserMessages.ALL
