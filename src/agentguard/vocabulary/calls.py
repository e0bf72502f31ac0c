# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is being called, and with what?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from agentguard.canonical import Frozen


class Boundary(StrEnum):
    """Which boundary a call crosses."""

    MODEL = "model"
    TOOL = "tool"


class Impact(StrEnum):
    """What a tool can do to the world (OWASP AISVS 9.2.3), mildest first."""

    READ_ONLY = "read_only"
    REVERSIBLE = "reversible"
    EXTERNALLY_REVERSIBLE = "externally_reversible"
    IRREVERSIBLE = "irreversible"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One request to a model provider.

    Attributes:
        id: unique for each call.
        operation: the name of the operation in the semantic conventions, such as ``chat``.
        verb: the HTTP verb.
        path: the path template below the provider's base URL, such as ``/chat/completions``.
        origin: scheme, host and port that the request goes to, such as ``https://host:443``.
        model: the model asked for.
        payload: the request's body, frozen.
        model_authored: JSON pointers below which the text was written by the model in an
            earlier turn, so that placeholders issued in the session may stand there.
        function_tools: the names of the function tools in the payload's ``tools``, in order.
        forced_tool: the function tool that the payload's ``tool_choice`` names, if any.
        answers: where the answer to the user stands in the response, as JSON pointers with
            ``*`` for any segment; only there are placeholders turned back.
    """

    id: str
    operation: str
    verb: str
    path: str
    origin: str
    model: str = field(repr=False)
    payload: Frozen = field(repr=False)
    model_authored: tuple[str, ...] = ()
    function_tools: tuple[str, ...] = field(default=(), repr=False)
    forced_tool: str | None = field(default=None, repr=False)
    answers: tuple[str, ...] = ()

    @property
    def boundary(self) -> Boundary:
        """The boundary that the call crosses."""
        return Boundary.MODEL

    @property
    def target(self) -> str:
        """What is called."""
        return self.model


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One execution of a tool.

    Attributes:
        id: unique for each call.
        tool: the tool's name in the policy.
        definition: the digest of the tool's definition.
        received: the arguments as they came, placeholders included.
        resolved: the arguments with placeholders turned back; this view is decided on and
            dispatched. Equal to *received* until the pipeline has resolved it.
    """

    id: str
    tool: str
    definition: str
    received: Mapping[str, Frozen] = field(repr=False)
    resolved: Mapping[str, Frozen] = field(repr=False)

    @property
    def boundary(self) -> Boundary:
        """The boundary that the call crosses."""
        return Boundary.TOOL

    @property
    def operation(self) -> str:
        """The name of the operation in the semantic conventions."""
        return "execute_tool"

    @property
    def target(self) -> str:
        """What is called."""
        return self.tool


Call = ModelCall | ToolCall
