# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What are people told about where a value comes from?

Puts origins into words that hold nothing of the value: where it was seen, and where it should
have been and was not.

INVARIANT: nothing of an argument's value is told (tests/policy/test_doubting.py).
"""

from collections.abc import Iterable
from dataclasses import replace

from agentguard.policy.sourcing import NOWHERE, TOOL, has_one
from agentguard.vocabulary import (
    Decision,
    Doubt,
    Origins,
    OriginWord,
    Remember,
    TellDoubts,
)

_MOST_SHOWN = 3
_MOST_NAMED = 2
_IN_WORDS = {
    "user": "the user's words",
    "system": "the system prompt",
    "host": "what the program said",
    "approved": "what people agreed to",
    "plan": "the plan",
    "nowhere": "what the model worked out",
}


def doubt_about(
    argument: str, origins: Iterable[Origins], accepted: frozenset[OriginWord]
) -> Doubt:
    """Return what is told about an argument that does not come from where it should.

    Args:
        argument: its name in the policy.
        origins: where its values come from, as far as that is known.
        accepted: where they should come from.
    """
    failing = [each for each in origins if not has_one(accepted, each)]
    return _doubt(argument, failing, accepted)


def doubt_about_unknown(argument: str, origins: Iterable[Origins]) -> Doubt:
    """Return what is told about an argument that comes from nothing that may be relied on."""
    return _doubt(argument, [each for each in origins if not each.words], frozenset({"user"}))


def _doubt(argument: str, failing: Iterable[Origins], accepted: frozenset[OriginWord]) -> Doubt:
    seen = dict.fromkeys(source for each in failing for source in each.sources)
    told = "not seen anywhere before"
    if NOWHERE in accepted:
        told = "perhaps seen before"
    if seen:
        told = f"only seen in {_shown(list(seen))}"
    return Doubt(argument=argument, told=f"{told}, not in {in_words(accepted)}")


def doubt_about_addresses(
    argument: str, origins: Iterable[Origins], accepted: frozenset[OriginWord]
) -> Doubt:
    """Return what is told about an argument that holds an address from elsewhere.

    Args:
        argument: its name in the policy.
        origins: where its values come from, as far as that is known.
        accepted: where addresses in it should come from.
    """
    seen = dict.fromkeys(
        source
        for each in origins
        if each.carries or any(map(accepted.isdisjoint, each.addresses))
        for source in each.sources
    )
    told = "may hold an address, an account or a link"
    if seen:
        told = f"holds an address, an account or a link, and was seen in {_shown(list(seen))}"
    return Doubt(argument=argument, told=f"{told}, not in {in_words(accepted)}")


def doubt_about_asking() -> Doubt:
    """Return what is told about a call that the user's words do not call for."""
    return Doubt(argument="", told="nothing in the user's words calls for this tool")


def in_words(accepted: Iterable[OriginWord]) -> str:
    """Return the origins that a rule accepts as people call them."""
    tools = sorted(each.removeprefix(TOOL) for each in accepted if each.startswith(TOOL))
    named = [_IN_WORDS[each] for each in _IN_WORDS if each in accepted]
    every = [*named, *(f"the trusted result of {tool}" for tool in tools)]
    if len(every) > _MOST_NAMED:
        return f"{every[0]} or anything else that is relied on"
    return " or ".join(every)


def telling(
    decision: Decision, doubts: Iterable[Doubt], remember: Remember = Remember.VALUE
) -> Decision:
    """Return a decision under which people are told of these doubts as well.

    Of an argument they are told once, and what an approval counts for later is the least that
    anybody who asks lets it count for.
    """
    before = next((each for each in decision.obligations if isinstance(each, TellDoubts)), None)
    every: dict[str, Doubt] = {}
    for each in (*(() if before is None else before.doubts), *doubts):
        every.setdefault(each.argument, each)
    if not every:
        return decision
    if before is not None:
        remember = min(before.remember, remember, key=list(Remember).index)
    kept = tuple(each for each in decision.obligations if not isinstance(each, TellDoubts))
    duty = TellDoubts(doubts=tuple(every.values()), remember=remember)
    return replace(decision, obligations=(*kept, duty))


def _shown(sources: list[str]) -> str:
    more = len(sources) - _MOST_SHOWN
    shown = " and ".join(sources[:_MOST_SHOWN]) if more <= 0 else ", ".join(sources[:_MOST_SHOWN])
    return shown + (f" and {more} more" if more > 0 else "")
