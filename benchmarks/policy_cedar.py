# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does Cedar decide under an exported policy?"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import cedarpy
from policy_generated import Situation

from agentguard.policy import PolicyDocument
from agentguard.review.cedar import Question, export_to_cedar, questions_about
from agentguard.vocabulary import Effect


class NotAnswered(Exception):
    """Cedar could not evaluate a policy or a request, which an export must not lead to."""


class Cedar:
    """Cedar with the export of one policy; if it validates, against the schema as well."""

    def __init__(self, document: PolicyDocument, *, validates: bool = False) -> None:
        self.exported = export_to_cedar(document)
        self._policies = cedarpy.PolicySet.from_str(self.exported.policies)
        self._schema = cedarpy.Schema.from_str(self.exported.schema) if validates else None
        entities = json.loads(self.exported.entities)
        if not validates:
            entities += _actions(document)
        self._entities = cedarpy.Entities.from_json_str(json.dumps(entities), self._schema)
        if self._schema is not None:
            found = cedarpy.validate_policies(self.exported.policies, self._schema)
            if not found.validation_passed:
                raise NotAnswered(str(found.errors))

    def effects(self, situations: Sequence[Situation]) -> list[Effect]:
        """Return what Cedar decides about each call.

        Raises:
            NotAnswered: it could not evaluate something.
        """
        asked = [questions_about(self.exported, *each) for each in situations]
        every = [question for some in asked for question in some or ()]
        # The questions of one call share their context; it is written down once.
        written = {id(each.context): json.dumps(each.context) for each in every}
        unattended = self._allowed([_request(each, written) for each in every])
        second = [
            each
            for each, allowed in zip(every, unattended, strict=True)
            if not allowed and each.with_approval is not None
        ]
        with_approval = iter(self._allowed([_request(each, written, asks=True) for each in second]))
        answers = iter(
            [
                Effect.ALLOW
                if allowed
                else Effect.APPROVE
                if each.with_approval is not None and next(with_approval)
                else Effect.DENY
                for each, allowed in zip(every, unattended, strict=True)
            ]
        )
        return [
            Effect.DENY if some is None else max((next(answers) for _ in some), key=_SCALE.index)
            for some in asked
        ]

    def _allowed(self, requests: list[dict[str, Any]]) -> list[bool]:
        if not requests:
            return []
        answers = cedarpy.is_authorized_batch(
            requests, self._policies, self._entities, self._schema
        )
        for each in answers:
            if each.decision is cedarpy.Decision.NoDecision or each.diagnostics.errors:
                raise NotAnswered(str(each.diagnostics.errors))
        return [each.decision is cedarpy.Decision.Allow for each in answers]


_SCALE = list(Effect)
GROUPS = ("call_unattended", "call_with_approval", "run_hosted")


def _actions(document: PolicyDocument) -> list[dict[str, Any]]:
    """Return the actions with their groups, which Cedar otherwise reads in the schema."""
    return [
        {
            "uid": {"type": "Action", "id": f"{group}:{tool.name}"},
            "attrs": {},
            "parents": [{"type": "Action", "id": group}],
        }
        for tool in document.tools
        for group in GROUPS
    ]


def _request(
    question: Question, written: Mapping[int, str], *, asks: bool = False
) -> dict[str, Any]:
    return {
        "principal": question.principal,
        "action": question.with_approval if asks else question.unattended,
        "resource": question.resource,
        "context": written[id(question.context)],
    }
