# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may an argument of a tool call be?

One class for each kind of constraint. A constraint is asked two questions that are not each
other's negation: does this value positively satisfy it (for allow and approve), and is it certain
that it does not (for deny).

    grounds        what every kind answers, and how texts and numbers are compared
    scalars        numbers, listed values, any value and none
    texts          patterns, prefixes and lengths
    paths, hosts, urls, mails     what a text means
    lists          lists, objects, and several constraints at once
    addresses      the IP address that a text stands for
    claims         what is known of the caller
    comparison     can one value satisfy two constraints
    samples        values that satisfy one, and values that nearly do
    pattern_texts  texts that a pattern matches

Some depend on who calls or on the file system: ``in_context`` gives them as they are for one call.
Asked without that, they are satisfied by nothing and rule nothing out.
"""

from agentguard.policy.constraints.claims import EqualsClaim, Holder
from agentguard.policy.constraints.comparison import are_disjoint, types_of, values_of
from agentguard.policy.constraints.grounds import Constraint, Scalar
from agentguard.policy.constraints.hosts import HostIn
from agentguard.policy.constraints.lists import AllOf, Each, Items, Members
from agentguard.policy.constraints.mails import EmailAt
from agentguard.policy.constraints.paths import UNLINKED, PathBelow, roots_in
from agentguard.policy.constraints.samples import near_misses, witnesses
from agentguard.policy.constraints.scalars import (
    Anything,
    Const,
    DecimalBetween,
    Forbidden,
    IntBetween,
    NumberBetween,
    OneOf,
    plain_decimal,
)
from agentguard.policy.constraints.texts import Length, Match, Prefix
from agentguard.policy.constraints.urls import UrlParts

__all__ = [
    "UNLINKED",
    "AllOf",
    "Anything",
    "Const",
    "Constraint",
    "DecimalBetween",
    "Each",
    "EmailAt",
    "EqualsClaim",
    "Forbidden",
    "Holder",
    "HostIn",
    "IntBetween",
    "Items",
    "Length",
    "Match",
    "Members",
    "NumberBetween",
    "OneOf",
    "PathBelow",
    "Prefix",
    "Scalar",
    "UrlParts",
    "are_disjoint",
    "near_misses",
    "plain_decimal",
    "roots_in",
    "types_of",
    "values_of",
    "witnesses",
]
