# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a call keep within what was handed to those who make it?

A grant only narrows: what it covers must be allowed by a rule as well. Who may hand out and take
up a grant says ``identity.grants``.

INVARIANT: a call must keep within every grant of its circumstances, and what is not known of a
grant covers nothing (tests/policy/test_grants.py).
INVARIANT: nothing that is told holds what the call or the grant holds, since the program may have
made the grant from data (same file).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal

from agentguard.canonical import Frozen
from agentguard.policy.constraints import roots_in
from agentguard.policy.document import ArgumentSpec, PolicyDocument, ToolSpec
from agentguard.policy.flaws import key_of
from agentguard.policy.limits import amount_of
from agentguard.policy.targets import finding_tools
from agentguard.vocabulary import (
    Call,
    Chain,
    Charge,
    Circumstances,
    Covers,
    Effect,
    Grant,
    ModelCall,
    Nearest,
    ToolCall,
)

# Of the module's own: the host may have set another precision for its threads.
_EXACT = Context(prec=60)

_LONGEST_NAME_SHOWN = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Covered:
    """What a grant covers of one tool.

    Attributes:
        arguments: what its arguments may be; None where the rules alone decide that.
        without: arguments that no rule lets it have.
        by: what covers it, in the words of whoever is refused.
    """

    arguments: tuple[ArgumentSpec, ...] | None = field(repr=False)
    without: frozenset[str] = field(default=frozenset(), repr=False)
    by: str = "grant"

    def __call__(
        self, arguments: Mapping[str, Frozen], chain: Chain, paths: Mapping[str, str | None]
    ) -> tuple[str, str] | None:
        """Return what is not covered, without what it holds."""
        if self.arguments is None:
            return None
        circumstances = Circumstances(paths=paths)
        for each in self.arguments:
            if each.name not in arguments:
                if each.optional:
                    continue
                return _place(each.name), f"is missing and demanded by the {self.by}"
            demanded = each.constraint.in_context(chain, circumstances)
            if demanded.problem_with(arguments[each.name]) is not None:
                return _place(each.name), f"is not as the {self.by} demands"
        if arguments.keys() - {each.name for each in self.arguments}:
            return "args", f"must hold only what the {self.by} lists"
        return None

    def lists(self, argument: str) -> bool:
        """Say whether a call that is covered and allowed can have this argument."""
        if self.arguments is None:
            return argument not in self.without
        return any(each.name == argument for each in self.arguments)

    @property
    def roots(self) -> frozenset[str]:
        """The folders that arguments are compared with."""
        return frozenset(roots_in(self.arguments or ()))


def grant_problem(
    call: Call, chain: Chain, circumstances: Circumstances, hosted: Mapping[str, ToolSpec]
) -> Nearest | None:
    """Return the first grant that a call does not keep within; ``rule`` names its holder.

    Args:
        call: the call.
        chain: who makes it.
        circumstances: with the grants, the time, and what is used up of them.
        hosted: the tools that run at a provider, by the provider's types.
    """
    for grant in circumstances.grants:
        problem = _problem(grant, call, chain, circumstances, hosted)
        if problem is not None:
            place, told = problem
            return Nearest(rule=f"grant for {grant.holder}", constraint=place, problem=told)
    return None


def charges_of(grants: Iterable[Grant], call: Call) -> tuple[Charge, ...]:
    """Return what a call uses up of grants that it keeps within."""
    if isinstance(call, ModelCall):
        return ()
    return tuple(
        charge for grant in grants for charge in _counted(grant).charges(call, grant.tools) or ()
    )


def keys_of_grant(grant: Grant) -> tuple[str, ...]:
    """Return the keys of the accounts that a grant has."""
    return _counted(grant).keys


def covered_tools(grants: Iterable[Grant], tools: frozenset[str]) -> frozenset[str]:
    """Return those of the tools that every grant covers."""
    for grant in grants:
        tools = tools & grant.tools.keys()
    return tools


def roots_of(grants: Iterable[Grant], tool: str) -> frozenset[str]:
    """Return the folders that grants compare a tool's arguments with."""
    covers = [grant.tools[tool] for grant in grants if tool in grant.tools]
    return frozenset().union(*(each.roots for each in covers if isinstance(each, Covered)))


def never_listed(arguments: Iterable[str], tool: str, document: PolicyDocument) -> frozenset[str]:
    """Return those of the arguments that no rule lets a tool have."""
    tools_of = finding_tools(document)
    listed = {
        each.name
        for rule in document.rules
        if rule.effect is not Effect.DENY and tool in tools_of(rule)
        for each in rule.arguments
    }
    return frozenset(arguments) - listed


def _problem(
    grant: Grant,
    call: Call,
    chain: Chain,
    circumstances: Circumstances,
    hosted: Mapping[str, ToolSpec],
) -> tuple[str, str] | None:
    now = circumstances.now
    if now is None or now.utcoffset() is None or grant.expires_at <= now:
        return "within", "has ended"
    if isinstance(call, ModelCall):
        return _model_problem(grant, call, chain, circumstances, hosted)
    cover = grant.tools.get(call.tool)
    if cover is None:
        return "tools", "must list the tool"
    return uncovered(cover, call.resolved, chain, circumstances) or _counted(grant).unpaid(
        call, grant.tools, circumstances.spent
    )


def _model_problem(
    grant: Grant,
    call: ModelCall,
    chain: Chain,
    circumstances: Circumstances,
    hosted: Mapping[str, ToolSpec],
) -> tuple[str, str] | None:
    for each in call.hosted_tools:
        tool = hosted.get(each.type)
        cover = None if tool is None else grant.tools.get(tool.name)
        if cover is None:
            return "tools", "must list every tool that would run at the provider"
        if grant.calls is not None or grant.sums:
            return "calls", "cannot be counted where a tool runs at the provider"
        problem = uncovered(cover, each.arguments, chain, circumstances)
        if problem is not None:
            return problem
    for inner in call.inner:
        problem = _model_problem(grant, inner, chain, circumstances, hosted)
        if problem is not None:
            return problem
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What is counted of the calls that something covers.

    Attributes:
        prefix: what the keys of its accounts begin with.
        calls: how many calls in all, None for as many as may be.
        sums: what an argument may add up to.
    """

    prefix: str
    calls: int | None
    sums: Mapping[str, Decimal] = field(repr=False)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the accounts."""
        sums = tuple(f"{self.prefix}:sum:{argument}" for argument in self.sums)
        return sums if self.calls is None else (f"{self.prefix}:calls", *sums)

    def charges(
        self, call: ToolCall, tools: Mapping[str, Covers] | None
    ) -> tuple[Charge, ...] | None:
        """Return what a call uses up, None where that cannot be counted."""
        charges = []
        if self.calls is not None:
            most = Decimal(self.calls)
            charges.append(Charge(key=f"{self.prefix}:calls", amount=Decimal(1), most=most))
        cover = None if tools is None else tools.get(call.tool)
        for argument, most in self.sums.items():
            # Rules that came into force since it was made may let a tool have the argument.
            there = argument in call.resolved
            if not there and isinstance(cover, Covered) and not cover.lists(argument):
                continue
            amount = amount_of(call.resolved.get(argument))
            if amount is None:
                return None
            charges.append(Charge(key=f"{self.prefix}:sum:{argument}", amount=amount, most=most))
        return tuple(charges)

    def unpaid(
        self, call: ToolCall, tools: Mapping[str, Covers] | None, spent: Mapping[str, Decimal]
    ) -> tuple[str, str] | None:
        """Return why there is not enough left for a call, None where there is."""
        charges = self.charges(call, tools)
        if charges is None:
            return "sums", "needs a number that is not negative in the argument that is added up"
        for charge in charges:
            before = spent.get(charge.key)
            if before is None or _EXACT.add(before, charge.amount) > charge.most:
                return ("sums" if ":sum:" in charge.key else "calls"), "has not that much left"
        return None


def _counted(grant: Grant) -> Counted:
    return Counted(prefix=f"grant:{grant.id}", calls=grant.calls, sums=grant.sums)


def uncovered(
    cover: Covers, arguments: Mapping[str, Frozen], chain: Chain, circumstances: Circumstances
) -> tuple[str, str] | None:
    """Return what is not covered of arguments; where that cannot be said, all of them."""
    try:
        return cover(arguments, chain, circumstances.paths)
    except Exception:  # noqa: BLE001 - whatever went wrong, the answer is the strict one
        return "args", "cannot be compared with what is covered"


def _place(name: str) -> str:
    """Return the place of an argument; text in place of a name is not repeated."""
    known = name.isidentifier() and len(name) <= _LONGEST_NAME_SHOWN
    return key_of(("args", name)) if known else "args"
