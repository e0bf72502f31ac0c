# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a message on a websocket read by a table of the types of messages?

The tables stand beside this module, one for each kind of websocket. It knows none of them.

INVARIANT: a type of message that is not in the table is refused
(tests/integrations/test_openai_socket_messages.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from agentguard.canonical import Frozen
from agentguard.clients.shapes import MODEL_NAME, TOP, Reading, Shape, refusal
from agentguard.clients.socket_frames import members_of
from agentguard.errors import ContentRefused
from agentguard.vocabulary import ModelCall

# Where a session names the model that it runs.
SESSION = ("session",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """What clients may send on one kind of websocket.

    Attributes:
        path: the path template of its pair.
        types: the shape of each type of message.
        models: where further models are named, which run beside that of the session.
    """

    path: str
    types: Mapping[str, Shape]
    models: tuple[tuple[str, ...], ...] = ()

    def read(
        self, call_id: str, event: Frozen, *, origin: str, extra_fields: frozenset[str]
    ) -> ModelCall:
        """Return the call that a message means; see ``FrameReader``."""
        kind, _ = members_of(event)
        if kind not in self.types:
            raise ContentRefused(
                f"a message on WS {self.path} is of a type that the guard does not know"
            )
        reading = Reading(extra_fields)
        self.types[kind](reading, event, TOP)
        reading.settle_named()
        call = ModelCall(
            id=call_id,
            operation="",
            verb="WS",
            path=self.path,
            origin=origin,
            model=_model_at(event, SESSION),
            payload=event,
        )
        call = reading.noted_on(call)
        return replace(call, inner=tuple(_beside(call, self._other_models(event))))

    def _other_models(self, event: Frozen) -> Iterable[str]:
        return filter(None, (_model_at(event, path) for path in self.models))


def _beside(call: ModelCall, models: Iterable[str]) -> Iterable[ModelCall]:
    """Yield a call for each further model, so that it is decided like the first."""
    for model in models:
        yield replace(call, model=model, payload=None, hosted_tools=())


def _model_at(event: Frozen, path: tuple[str, ...]) -> str:
    """Return the model that is named at a place of a message, empty where none is.

    Raises:
        ContentRefused: what stands there is no name.
    """
    value, at = event, TOP
    for step in (*path, "model"):
        value, at = value.get(step) if isinstance(value, Mapping) else None, at.below(step)
    if value is None:
        return ""
    if not isinstance(value, str) or not MODEL_NAME.fullmatch(value):
        raise refusal(at, "does not hold the name of a model")
    return value
