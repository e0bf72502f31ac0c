# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which data may go to a provider in clear on a day, and why may other data not?

Only of what is not hidden on the way there: classes that pass, and text in which nothing was found.

INVARIANT: what is said here is what settling a decision does (tests/review/test_told_destinations.py).
"""

from collections.abc import Mapping
from datetime import date

from agentguard.policy import PolicyDocument
from agentguard.policy.egress_needs import UNLABELLED, Unmet, finding_unmet
from agentguard.vocabulary import Action, DataClass


def clear_data(
    document: PolicyDocument, provider: str, classes: Mapping[str, DataClass], day: date | None
) -> Mapping[str, Unmet | None]:
    """Return, by class and ``unlabelled``, the need that a provider does not meet, if any.

    Args:
        document: the policy; without ``[egress]`` everything may go.
        provider: the id of the provider.
        classes: how classes are treated on the way there.
        day: the day; None for one that is not known.
    """
    find = finding_unmet(document)
    passing = sorted(each.name for each in classes.values() if each.action is Action.LABEL)
    return {name: find(provider, (name,), day) for name in (UNLABELLED, *passing)}
