# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a batch of requests for messages hold?

Each request in a batch is read like one of its own, so that the policy decides on its tools and
references. A batch is one call: its requests must name one model, and force one tool at most.

INVARIANT: a request inside a batch is read by the same table as a request alone
(tests/integrations/test_anthropic_batches.py).
Source: the Message Batches API reference, and ``anthropic`` 2.12's request types.
"""

from collections.abc import Mapping

from agentguard.canonical import Frozen
from agentguard.clients.shapes import (
    TOP,
    At,
    Reading,
    asks_for_stream,
    each,
    frozen_object,
    members,
    model_name,
    plain,
    refusal,
)
from agentguard.errors import ContentRefused
from agentguard.integrations.anthropic.messages import PATH as MESSAGES
from agentguard.integrations.anthropic.messages import read
from agentguard.vocabulary import Kind, ModelCall

PATH = "/v1/messages/batches"
FIELDS = frozenset({"requests", "user_profile_id", "workspace_id"})


def model_call(
    call_id: str,
    body: object,
    *,
    origin: str,
    extra_fields: frozenset[str],
    path: str = PATH,
) -> ModelCall:
    """Return the call that the body of a batch means.

    Args:
        call_id: the id that the call has.
        body: the request body as the SDK would serialise it.
        origin: scheme, host and port that the request goes to.
        extra_fields: further fields that the policy lets through to this provider.
        path: the path template of the operation.

    Raises:
        ContentRefused: the body holds what cannot be inspected or is not guarded.
    """
    payload = frozen_object(body, FIELDS)
    batch = _Batch()
    reading = Reading(extra_fields)
    members(
        {
            "requests": each(members({"custom_id": plain, "params": batch.request})),
            "user_profile_id": plain,
            "workspace_id": plain,
        }
    )(reading, payload, TOP)
    model, reading.forced = batch.model(), batch.forced()
    message = ModelCall(
        id=call_id,
        operation="chat",
        verb="POST",
        path=MESSAGES,
        origin=origin,
        model=model,
        payload=None,
        references=frozenset(reading.references),
    )
    call = ModelCall(
        id=call_id,
        operation=f"POST {path}",
        kind=Kind.REMOTE_RUN,
        verb="POST",
        path=path,
        origin=origin,
        model=model,
        inner=(message,),
        payload=payload,
    )
    return reading.noted_on(call)


class _Batch:
    """What the requests of one batch must have in common."""

    def __init__(self) -> None:
        self._models: set[str] = set()
        self._forced: set[str] = set()

    def request(self, reading: Reading, value: Frozen, at: At) -> None:
        """Read the parameters of one request."""
        if not isinstance(value, Mapping):
            raise refusal(at, "is no object")
        if asks_for_stream(value):
            raise refusal(at, "asks for a stream, which a batch cannot give")
        inner = Reading(reading.extra_fields)
        read(inner, value, at)
        self._models.add(model_name(value))
        if inner.forced is not None:
            self._forced.add(inner.forced)
        reading.include(inner)

    def model(self) -> str:
        """Return the model of all requests."""
        if len(self._models) != 1:
            raise ContentRefused(
                "the requests of the batch name no model, or several",
                remedy="make one batch for each model, so that the policy can decide on it",
            )
        return next(iter(self._models))

    def forced(self) -> str | None:
        """Return the function tool that requests make the model use."""
        if len(self._forced) > 1:
            raise ContentRefused(
                "the requests of the batch make the model use different tools",
                remedy="make one batch for each tool that tool_choice names",
            )
        return next(iter(self._forced), None)
