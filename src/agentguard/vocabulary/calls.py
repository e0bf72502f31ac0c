# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is being called, and with what?"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from agentguard.canonical import Frozen
from agentguard.vocabulary.flow import Utterance


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


class Kind(StrEnum):
    """What an operation of a provider does, as far as the guard cares."""

    INFERENCE = "inference"
    UPLOAD = "upload"
    STATE = "state"
    REMOTE_RUN = "remote-run"
    SOCKET = "socket"
    CREDENTIAL = "credential"
    READ = "read"
    DELETE = "delete"
    ADMIN = "admin"
    LOCAL = "local"


class Reference(StrEnum):
    """What a request makes a provider use or keep beyond the content that it carries."""

    STORED_RESPONSE = "stored_response"
    CONVERSATION = "conversation"
    PROMPT = "prompt"
    FILE = "file"
    VECTOR_STORE = "vector_store"
    CONTAINER = "container"
    ASSISTANT = "assistant"
    URL = "url"
    STORE = "store"
    BACKGROUND = "background"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedTool:
    """A function tool that a request offers to the model.

    Attributes:
        name: the function's name; the caller chose it.
        pointer: where its definition stands in the payload, an item of a list.
    """

    name: str = field(repr=False)
    pointer: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedTool:
    """A tool that would run, or act, at the provider, as a request names it.

    Attributes:
        type: the provider's name for it, such as ``web_search``.
        arguments: its definition without the type; members of members are joined by dots.
        pointer: where it stands in the payload.
        removable: whether it is an item of a list of tools, which could be sent without it.
    """

    type: str = field(repr=False)
    arguments: Mapping[str, Frozen] = field(repr=False)
    pointer: str = field(repr=False)
    removable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """Content that is no text: an image, a recording, a document.

    Attributes:
        pointer: where it stands in the payload, as its label.
        data_class: the class of such content, such as ``image``.
        label: what stands in the payload instead: class, size and digest.
        content: what is sent, in the form in which the request holds it.
    """

    pointer: str = field(repr=False)
    data_class: str
    label: str
    content: str | bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedText:
    """A text that a request holds in base64; the payload holds it decoded.

    Attributes:
        pointer: where it stands in the payload.
        prefix: what stands before the base64, such as ``data:text/plain;base64,``.
        original: how the request holds it, prefix included.
        label: what stands for it in the text around it, the item 0 of the list that holds it;
            empty for a text that is encoded as a whole.
    """

    pointer: str = field(repr=False)
    prefix: str = field(repr=False)
    original: str = field(default="", repr=False)
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Which API keys a request may be sent with, by their fingerprints.

    Attributes:
        only: those with which it may be; None for any but the others.
        never: those that belong to other providers or to other identities alone.
    """

    only: frozenset[str] | None = None
    never: frozenset[str] = frozenset()

    def admit(self, presented: Collection[str]) -> bool:
        """Say whether a request may be sent that signs in with these keys."""
        if not self.never.isdisjoint(presented):
            return False
        return self.only is None or (bool(presented) and self.only.issuperset(presented))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One request to a model provider.

    Attributes:
        id: unique for each call.
        operation: the name of the operation in the semantic conventions, such as ``chat``, or
            verb and path where they name none.
        kind: what the operation does.
        verb: the HTTP verb, or ``WS``.
        path: the path template below the provider's base URL, such as ``/chat/completions``.
        origin: scheme, host and port that the request goes to, such as ``https://host:443``.
        model: the model asked for; empty where an operation takes none.
        payload: the request's content, frozen: its body, with labels for what is no text.
        address: the values in path and query, frozen; they are sent as they are or not at all.
        model_authored: JSON pointers below which the text was written by the model in an
            earlier turn, so that placeholders issued in the session may stand there.
        function_tools: the function tools that the payload offers to the model.
        forced_tool: the function tool that the payload's ``tool_choice`` names, if any.
        hosted_tools: the tools that would run at the provider.
        references: what the provider would use or keep beyond the content.
        keeps: the boolean field that makes the provider keep the content when it is left out.
        inner: the calls that the provider would make of what is sent, such as those of a batch;
            what they hold stands in this call as well.
        attachments: what is no text.
        encoded: what is text in base64.
        streams: whether the answer is asked for as a stream of events.
        answers: where the answer to the user stands in the response, as JSON pointers with
            ``*`` for any segment; only there are placeholders turned back.
        utterances: who said which part of the payload; what no utterance covers was said by
            nobody.
        credential: the fingerprint of the API key that the request is sent with, None where it
            cannot be known before it is sent.
        keys: the API keys that it may be sent with, once that was decided; None for any.
        instructions: the member of the payload in which the model is told how to go about it,
            None where the operation has no such place.
    """

    id: str
    operation: str
    kind: Kind = Kind.INFERENCE
    verb: str
    path: str
    origin: str
    model: str = field(repr=False)
    payload: Frozen = field(repr=False)
    address: Frozen = field(default=(), repr=False)
    model_authored: tuple[str, ...] = ()
    function_tools: tuple[OfferedTool, ...] = field(default=(), repr=False)
    forced_tool: str | None = field(default=None, repr=False)
    hosted_tools: tuple[HostedTool, ...] = field(default=(), repr=False)
    references: frozenset[Reference] = frozenset()
    keeps: str | None = None
    inner: "tuple[ModelCall, ...]" = field(default=(), repr=False)
    attachments: tuple[Attachment, ...] = field(default=(), repr=False)
    encoded: tuple[EncodedText, ...] = field(default=(), repr=False)
    streams: bool = False
    answers: tuple[str, ...] = ()
    utterances: tuple[Utterance, ...] = ()
    credential: str | None = field(default=None, repr=False)
    keys: Keys | None = field(default=None, repr=False)
    instructions: str | None = None

    @property
    def pair(self) -> str:
        """Verb and path template, such as ``POST /chat/completions``."""
        return f"{self.verb} {self.path}"

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
