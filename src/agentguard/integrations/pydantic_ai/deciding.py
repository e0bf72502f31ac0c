# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does one call of a tool of pydantic-ai pass the guard?

The framework hands over arguments that it has validated. They are read as JSON, decided, and
validated again, so that the tool gets what was decided. It does not know where a tool comes from.

INVARIANT: arguments that are others once they are validated again reach no tool
(tests/attacks/frameworks/test_pydantic_ai_tools.py).
INVARIANT: within a run a model is told of a refusal, and waiting for a person is the framework's
own pause; outside of one the error is raised (tests/frameworks/pydantic_ai/test_pydantic_toolsets.py).
"""

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_ai import RunContext
from pydantic_ai.exceptions import ApprovalRequired, ToolFailed
from pydantic_ai.tools import ToolDefinition
from pydantic_core import PydanticSerializationError, to_jsonable_python

from agentguard.canonical import NotCanonical, freeze
from agentguard.enforcement import Enforcer
from agentguard.errors import AgentGuardError, ApprovalPending, ConfigError, ContentRefused
from agentguard.integrations.pydantic_ai.results import Taken
from agentguard.tools import (
    DescribedTool,
    Description,
    kept_of_pause,
    made_of_checked,
    told_to_model,
)
from agentguard.vocabulary import Caller

SURFACE = "pydantic-ai"

RunTool = Callable[[dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """How the framework validates the arguments of a tool.

    Attributes:
        validator: makes Python values of JSON.
        single: the one parameter of a function whose fields are the arguments, if it is such.
    """

    validator: Any
    single: str | None

    def as_json(self, arguments: Any) -> Any:
        """Return validated arguments as a model would write them, None if that cannot be done."""
        with suppress(PydanticSerializationError, KeyError, TypeError, ValueError, RecursionError):
            value = arguments if self.single is None else arguments[self.single]
            return to_jsonable_python(value, by_alias=True)
        return None

    def again(self, decided: dict[str, Any], tool: str, context: Any) -> dict[str, Any]:
        """Validate decided arguments.

        Raises:
            ContentRefused: they are not valid, or others than those that were decided.
        """
        with suppress(ValidationError, NotCanonical, ValueError):
            validated = self.validator.validate_json(json.dumps(decided), context=context)
            if _given(self.as_json(validated)) == _given(decided):
                return dict(validated)
        raise ContentRefused(
            f"the arguments of tool {tool!r} are others once they are validated again",
            remedy="let validators of a tool's arguments leave alone what they have made",
        )


class Gate:
    """Takes the calls of a framework's tools through one guard, as one caller if it is bound."""

    def __init__(self, enforcer: Enforcer, carried: Caller | None) -> None:
        self.enforcer = enforcer
        self.carried = carried
        self._described: dict[str, tuple[str, DescribedTool]] = {}

    def require_same(self, other: "Gate", what: str) -> None:
        """Refuse to guard once more what passes this gate, for another guard or another caller.

        Raises:
            ConfigError: it would pass another guard, or act as somebody else.
        """
        if other.enforcer is not self.enforcer:
            raise ConfigError(f"{what} is guarded by another guard already")
        if other.carried not in (None, self.carried):
            raise ConfigError(f"{what} is guarded already, without this identity=")

    def offers(self, tool: str) -> bool:
        """Say whether a model may be shown a tool for whoever acts."""
        return tool in self.enforcer.offered_tools(self.carried)

    def described(self, definition: ToolDefinition, *, asynchronous: bool) -> DescribedTool:
        """Return the guarded tool of a definition, checked under the policy in force.

        Raises:
            ConfigError: the policy does not know the tool, or knows it otherwise.
        """
        description = Description(
            tool=definition.name,
            text=definition.description or "",
            schema=definition.parameters_json_schema,
            surface=SURFACE,
        )
        seen = f"{self.enforcer.core.policy.digest} {description.digest} {asynchronous}"
        known = self._described.get(definition.name)
        if known is None or known[0] != seen:
            made = DescribedTool(description, self.enforcer, asynchronous=asynchronous)
            known = self._described[definition.name] = (seen, made)
        return known[1]

    async def call(
        self,
        tool: DescribedTool,
        arguments: dict[str, Any],
        ctx: RunContext[Any],
        validation: Validation,
        run: RunTool,
    ) -> Any:
        """Decide a call, run the tool with what was decided, and return the checked result."""
        taken = Taken(tool.tool)
        given = validation.as_json(arguments)

        async def dispatch(decided: dict[str, Any]) -> Any:
            again = validation.again(decided, tool.tool, ctx.validation_context)
            return await taken.apart(run(again))

        with told(ctx, tool.tool, given):
            checked = await tool.call_async(given, dispatch, carried=self.carried)
            return made_of_checked(tool.tool, lambda: taken.together(checked))


@contextmanager
def told(ctx: RunContext[Any], tool: str, arguments: Any) -> Iterator[None]:
    """Say within a run of an agent what the block raises as the framework does.

    Raises:
        ApprovalRequired: the call waits for a person.
        ToolFailed: the call was refused, and the model is told so.
        AgentGuardError: what is for the program, and everything outside of a run.
    """
    try:
        yield
    except ApprovalPending as pending:
        if ctx.tool_manager is None:
            raise
        raise ApprovalRequired(metadata=kept_of_pause(pending, tool, arguments)) from None
    except AgentGuardError as error:
        message = told_to_model(error)
        if ctx.tool_manager is None or message is None:
            raise
        raise ToolFailed(message) from None


def _given(arguments: Any) -> Any:
    """Return arguments as they are compared; null says that one was left out."""
    if not isinstance(arguments, dict):
        return freeze(arguments)
    return freeze({name: value for name, value in arguments.items() if value is not None})
