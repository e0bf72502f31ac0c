# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What in a policy is probably not meant?

Finds doubts, not flaws: a policy with doubts is in force as written. What is looked for in rules
and between rules stands in modules of its own, and so does what no rule uses.
"""

from collections.abc import Iterator
from datetime import date

from agentguard.policy.document import TEXT_FAMILIES, PolicyDocument
from agentguard.policy.egress_flaws import egress_doubts
from agentguard.policy.flaws import Flaw
from agentguard.policy.flow_flaws import flow_doubts
from agentguard.policy.hosted_types import KNOWN_TYPES
from agentguard.policy.http_flaws import http_doubts
from agentguard.policy.issuer_flaws import issuer_doubts
from agentguard.policy.overlap_doubts import overlap_doubts
from agentguard.policy.rule_doubts import rule_doubts
from agentguard.policy.rules import compile_rules
from agentguard.policy.tool_schemas import argument_doubts
from agentguard.vocabulary import Action, Profile


def doubts_about(document: PolicyDocument, today: date | None = None) -> tuple[Flaw, ...]:
    """Return the doubts about a document that has no flaws.

    Args:
        document: the document.
        today: by the calendar of UTC; without it no date is taken to be over.
    """
    places = {spec.id: index for index, spec in enumerate(document.rules)}
    rules = sorted(compile_rules(document), key=lambda rule: places[rule.spec.id])
    doubts: list[Flaw] = []
    doubts += rule_doubts(document, rules, today)
    doubts += overlap_doubts(rules)
    doubts += argument_doubts(document)
    doubts += _unknown_types(document)
    doubts += _quiet_detection(document)
    doubts += _passing_classes(document)
    doubts += issuer_doubts(document)
    doubts += flow_doubts(document)
    doubts += egress_doubts(document, today)
    doubts += http_doubts(document)
    return tuple(doubts)


def _unknown_types(document: PolicyDocument) -> Iterator[Flaw]:
    for index, tool in enumerate(document.tools):
        for name in sorted(tool.hosted - KNOWN_TYPES):
            message = f"{name!r} is no type of hosted tool that agentguard knows; is it misspelt?"
            yield Flaw(("tool", index, "hosted"), message)


def _quiet_detection(document: PolicyDocument) -> Iterator[Flaw]:
    if document.detection.profile is Profile.STRICT:
        message = "'strict' misses more than 'balanced' does, for fewer false findings"
        yield Flaw(("detection", "profile"), message)


def _passing_classes(document: PolicyDocument) -> Iterator[Flaw]:
    classes = {each.name: each for each in document.classes}
    for index, source in enumerate(document.class_sources):
        data_class = classes[source.name]
        if data_class.family in TEXT_FAMILIES and data_class.action is Action.LABEL:
            message = f"{source.name!r} leaves as it is, to every provider that 'at' does not name"
            yield Flaw(("class", index, "action"), message)
