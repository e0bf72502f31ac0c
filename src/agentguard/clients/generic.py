# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a request of an operation hold that has no reader of its own?

The operation's documented members are known; below them everything is walked for what reaches
beyond content: tools, references, addresses that the provider fetches, the model. A reader that
knows its operation says more; this one knows the words that all operations share.
It decides nothing, and takes no media out (see ``attachments``).

INVARIANT: a member that the operation does not document is refused, unless the policy lists it
(tests/clients/test_generic.py).
INVARIANT: an item of a list of tools is offered, hosted or refused, at any depth (same file).
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping

from agentguard.canonical import Frozen, escape, freeze
from agentguard.clients.formats import BINARY
from agentguard.clients.multipart import BATCH, JSON, LINES, Form
from agentguard.clients.several import together
from agentguard.clients.shapes import EXTRA_FIELDS, MODEL_NAME, frozen_object
from agentguard.errors import ContentRefused
from agentguard.operations import Operation
from agentguard.vocabulary import (
    Attachment,
    HostedTool,
    Kind,
    ModelCall,
    OfferedTool,
    Reference,
    Speaker,
    Utterance,
)

# Members whose value is the caller's own data or a schema; nothing below them acts.
DATA_MEMBERS = frozenset(
    {
        "arguments", "input_schema", "item", "item_schema", "json_schema", "metadata",
        "output_schema", "parameters", "schema", "state_variables",
    }
)  # fmt: skip

# A text, or a list of texts, in these members names something at the provider.
REFERENCES: Mapping[str, Reference] = {
    "agent": Reference.ASSISTANT,
    "agent_id": Reference.ASSISTANT,
    "agent_ids": Reference.ASSISTANT,
    "assistant_id": Reference.ASSISTANT,
    "container": Reference.CONTAINER,
    "container_id": Reference.CONTAINER,
    "conversation": Reference.CONVERSATION,
    "conversation_id": Reference.CONVERSATION,
    "environment_id": Reference.ASSISTANT,
    "environment_template_id": Reference.ASSISTANT,
    "files": Reference.FILE,
    "prompt_id": Reference.PROMPT,
    "session_id": Reference.CONVERSATION,
    "skill_id": Reference.ASSISTANT,
    "skill_ids": Reference.ASSISTANT,
    "thread": Reference.CONVERSATION,
    "thread_id": Reference.CONVERSATION,
    "training_file": Reference.FILE,
    "upload_id": Reference.FILE,
    "validation_file": Reference.FILE,
    "vault_ids": Reference.ASSISTANT,
    "vector_store_id": Reference.VECTOR_STORE,
    "vector_store_ids": Reference.VECTOR_STORE,
}
ENDINGS = (
    (re.compile(r"(?:.*_)?file_ids?"), Reference.FILE),
    (re.compile(r"(?:.*_)?response_id"), Reference.STORED_RESPONSE),
)
# An object in these members that has an id of its own stands for something at the provider.
BY_ID: Mapping[str, Reference] = {
    "agent": Reference.ASSISTANT,
    "container": Reference.CONTAINER,
    "conversation": Reference.CONVERSATION,
    "environment": Reference.ASSISTANT,
    "prompt": Reference.PROMPT,
    "skills": Reference.ASSISTANT,
}
# So do objects of these types.
BY_TYPE: Mapping[str, Reference] = {
    "file_id": Reference.FILE,
    "item_reference": Reference.STORED_RESPONSE,
    "responses": Reference.STORED_RESPONSE,
    "stored_completions": Reference.STORED_RESPONSE,
}
SWITCHES = {"store": Reference.STORE, "background": Reference.BACKGROUND}
ADDRESS_MEMBER = re.compile(r"(?:.*_)?ur[li]s?|image|audio|video|file|input_reference")
ADDRESS = re.compile(r"(?i)\s*[a-z][a-z0-9+.-]{1,15}://")
# Where a hosted tool itself is reached; a rule constrains it with the tool's other arguments.
OWN_ADDRESS = frozenset({"server_url", "url"})
# What an earlier answer cites is not fetched again.
CITING = frozenset({"url_citation"})

HOSTED_MEMBERS = frozenset({"tool_resources", "web_search_options"})
FUNCTION_TYPES = frozenset({"function", "custom"})
APPROVAL = "mcp_approval_response"
# Lists in which an item may be an earlier turn of the model.
TURNS = frozenset({"additional_messages", "initial_items", "input", "inputs", "items", "messages"})
AUTHORED_TYPES = frozenset({"custom_tool_call", "function_call", "reasoning"})
# Members in which a model is part of what is talked about.
TALK = TURNS | {"content", "data"}

ANSWERS = (
    "/text",
    "/segments/*/text",
    "/choices/*/text",
    "/choices/*/message/content",
    "/output/*/content/*/text",
    "/content/*/text",
)
# Nothing tells who said what, so that nobody is relied on.
_SAID = (Utterance(pointer="", speaker=Speaker.TOOL),)
# Sent as text, these would be parsed by the provider and not by the guard.
STRUCTURED = frozenset({"session"})
# What two parts of an upload share stands whole in neither, so that text is not inspectable there.
PARTS = "/uploads/{}/parts"
# Parts of a form that the SDK itself sends as text without the name of a file.
TEXT_PARTS = frozenset({"sdp"})


def model_call(
    call_id: str,
    operation: Operation,
    body: object,
    *,
    origin: str,
    extra_fields: frozenset[str] = frozenset(),
    address: Frozen = (),
    form: Form | None = None,
) -> ModelCall:
    """Return the call that a request means.

    Args:
        call_id: the id that the call has.
        operation: the operation that the request is for.
        body: the request body as the SDK would serialise it, or None; not looked at with *form*.
        origin: scheme, host and port that the request goes to.
        extra_fields: further members that the policy lets through to this provider.
        address: the values in path, query and headers.
        form: the fields and files, where the request is sent as multipart.

    Raises:
        ContentRefused: the request holds what cannot be inspected or is not documented.
    """
    payload, fields = _contents(operation, body, form)
    _refuse_unknown(fields, operation, extra_fields, form)
    walk = _Walk()
    if form is None:
        walk.node(payload, "", "", talk=False)
    else:
        _walk_form(walk, form, fields)
    call = ModelCall(
        id=call_id,
        operation=operation.label,
        kind=operation.kind,
        verb=operation.verb,
        path=operation.path,
        origin=origin,
        model=_model(fields, walk.models),
        payload=payload,
        address=address,
        model_authored=tuple(walk.authored),
        function_tools=tuple(walk.offered),
        forced_tool=_forced(walk.forced),
        hosted_tools=tuple(walk.hosted),
        references=frozenset(walk.references),
        attachments=() if form is None else _attachments(operation, form),
        encoded=() if form is None else form.encoded,
        streams=_asks_for_events(fields),
        answers=ANSWERS if operation.kind is Kind.INFERENCE and not operation.binary else (),
        utterances=() if payload is None else _SAID,
    )
    return call if form is None else together(call, form.calls)


def _asks_for_events(fields: Mapping[str, Frozen]) -> bool:
    return fields.get("stream") not in (None, False) or fields.get("stream_format") == "sse"


def _contents(
    operation: Operation, body: object, form: Form | None
) -> tuple[Frozen, Mapping[str, Frozen]]:
    """Return the payload, and the members of the request among it."""
    if form is None:
        payload = None if body is None else frozen_object(body, operation.fields)
        return payload, {} if payload is None else payload
    fields = form.payload.get("fields") if isinstance(form.payload, Mapping) else None
    if not isinstance(fields, Mapping):
        raise ContentRefused("the request has no fields")
    return form.payload, fields


def _refuse_unknown(
    fields: Mapping[str, Frozen],
    operation: Operation,
    extra_fields: Collection[str],
    form: Form | None,
) -> None:
    names = [*fields, *(() if form is None else map(_field_of, _files(form)))]
    if any(name not in operation.fields and name not in extra_fields for name in names):
        raise ContentRefused(
            f"the request has a field that {operation.pair} does not document",
            remedy=EXTRA_FIELDS,
        )
    # Its parts come without it, so that no line of the file could be read.
    if operation.path == "/uploads" and fields.get("purpose") == BATCH:
        raise ContentRefused(
            "a batch file is uploaded in parts, which cannot be inspected",
            remedy="upload it whole, with files.create",
        )
    if form is not None:
        _refuse_files_for_fields(form, operation)
        _refuse_text_for_structure(form, fields)


def _refuse_files_for_fields(form: Form, operation: Operation) -> None:
    """Refuse a file that a provider would take for a field which is decided on."""
    for file, codec in zip(_files(form), form.codecs, strict=True):
        name = _field_of(file)
        acts = name in operation.closed or name == "model" or _reference_of(name) is not None
        nameless = not file.get("name") and codec != JSON and name not in TEXT_PARTS
        if (acts and name != "files") or nameless:
            raise ContentRefused(
                "a field of the form is given as a file, or a file without a name",
                remedy="give fields as fields, and each file its name",
            )


def _attachments(operation: Operation, form: Form) -> tuple[Attachment, ...]:
    """Return the media of a form; pieces of a text count as binary, and stay in sight."""
    if operation.path != PARTS:
        return form.attachments
    pieces = (f"/files/{index}/content" for index, codec in enumerate(form.codecs) if codec)
    return (
        *form.attachments,
        *(Attachment(pointer=at, data_class=BINARY, label="", content="") for at in pieces),
    )


def _field_of(file: Mapping[str, Frozen]) -> str:
    return str(file.get("field")).partition("[")[0]


def _files(form: Form) -> Iterator[Mapping[str, Frozen]]:
    files = form.payload.get("files") if isinstance(form.payload, Mapping) else None
    for file in files if isinstance(files, tuple) else ():
        if isinstance(file, Mapping):
            yield file


def _walk_form(walk: "_Walk", form: Form, fields: Mapping[str, Frozen]) -> None:
    """Walk the fields, and what is JSON among the files; the calls of batch files are known."""
    walk.node(fields, "", "/fields", talk=False)
    for index, (file, codec) in enumerate(zip(_files(form), form.codecs, strict=True)):
        content, pointer = file.get("content"), f"/files/{index}/content"
        if codec == JSON:
            walk.node(content, "", pointer, talk=False)
        elif codec == LINES and not form.calls:
            # Examples offer nothing to a model, but may refer to what the provider fetches.
            examples = _Walk()
            examples.node(content, "", pointer, talk=True)
            walk.references |= examples.references
            walk.hosted += examples.hosted


def _refuse_text_for_structure(form: Form, fields: Mapping[str, Frozen]) -> None:
    """Refuse what the provider would parse as part of the request and the guard as a text."""
    parts = {str(file.get("field")): file.get("content") for file in _files(form)}
    for name, value in (*fields.items(), *parts.items()):
        if name in STRUCTURED and not isinstance(value, Mapping):
            raise ContentRefused(
                f"field {name!r} is given as a text or as a file",
                remedy="give it as an object, where its tools can be seen",
            )
    for value in fields.values():
        if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            _refuse_acting(value)


def _refuse_acting(text: str) -> None:
    try:
        value = freeze(json.loads(text))
    except (ValueError, RecursionError):
        return
    walk = _Walk()
    walk.node(value, "", "", talk=False)
    if walk.offered or walk.hosted or walk.references:
        raise ContentRefused(
            "a field of the form holds tools or references as a text",
            remedy="give it as an object, where they can be seen",
        )


def _model(fields: Mapping[str, Frozen], nested: set[str]) -> str:
    given = fields.get("model")
    name = _named_model(given)
    if given is not None and (name is None or MODEL_NAME.fullmatch(name) is None):
        raise ContentRefused("field 'model' does not hold the name of a model")
    models = nested if name is None else {*nested, name}
    if len(models) > 1:
        raise ContentRefused(
            "the request names more than one model", remedy="make a request for each"
        )
    return next(iter(models), "")


def _named_model(value: Frozen) -> str | None:
    """Return the name of a model, which may also stand beside settings for it."""
    name = value.get("id", value.get("name")) if isinstance(value, Mapping) else value
    return name if isinstance(name, str) else None


def _forced(names: set[str]) -> str | None:
    if len(names) > 1:
        raise ContentRefused("the request forces more than one tool")
    return next(iter(names), None)


def flattened(definition: Mapping[str, Frozen]) -> Mapping[str, Frozen]:
    """Return a tool's definition without its type; members of members are joined by dots.

    A member that is null is left to the provider, like one that is not there.

    Raises:
        ContentRefused: a member has a dot in its name, so that it could pass for another.
    """
    return {name: value for name, value in _leaves(definition, "") if value is not None}


def _leaves(definition: Mapping[str, Frozen], above: str) -> Iterator[tuple[str, Frozen]]:
    for name, value in definition.items():
        if "." in name:
            raise ContentRefused("the definition of a tool has a member with a dot in its name")
        if name == "type" and not above:
            continue
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


class _Walk:
    """One walk over one payload, which collects what reaches beyond content."""

    def __init__(self) -> None:
        self.offered: list[OfferedTool] = []
        self.hosted: list[HostedTool] = []
        self.references: set[Reference] = set()
        self.authored: list[str] = []
        self.models: set[str] = set()
        self.forced: set[str] = set()
        self._meanings: dict[str, tuple[Reference | None, bool]] = {}

    def node(self, node: Frozen, key: str, pointer: str, *, talk: bool) -> None:
        """Walk a value that stands in member *key*, in talk or around it."""
        if isinstance(node, tuple):
            for index, item in enumerate(node):
                at = f"{pointer}/{index}"
                if key in TURNS and _is_authored(item):
                    self.authored.append(at)
                self.node(item, key, at, talk=talk)
        elif isinstance(node, Mapping):
            self._object(node, key, pointer, talk=talk)
        elif isinstance(node, str):
            self._text(node, key)

    def _object(self, node: Mapping[str, Frozen], key: str, pointer: str, *, talk: bool) -> None:
        kind = node.get("type")
        if isinstance(kind, str) and kind in BY_TYPE:
            self.references.add(BY_TYPE[kind])
        if key in BY_ID and isinstance(node.get("id"), str):
            self.references.add(BY_ID[key])
        if kind == APPROVAL:
            self._note_hosted(APPROVAL, node, pointer, removable=False)
        cites = isinstance(kind, str) and kind in CITING
        self._members(node, pointer, {"url"} if cites else (), talk=talk)

    def _members(
        self, node: Mapping[str, Frozen], pointer: str, without: Collection[str], *, talk: bool
    ) -> None:
        for name, value in node.items():
            if value is None or name in DATA_MEMBERS or name in without:
                continue
            at = f"{pointer}/{escape(name)}"
            if name == "model" and not talk:
                named = _named_model(value)
                if named is not None and MODEL_NAME.fullmatch(named):
                    self.models.add(named)
            elif not self._acts(name, value, at):
                self.node(value, name, at, talk=talk or name in TALK)

    def _acts(self, name: str, value: Frozen, pointer: str) -> bool:
        """Note a member that is no content at all, and say whether it was one."""
        if name in ("tools", "functions", "mcp_servers"):
            self._tools(name, value, pointer)
            return True
        if name in HOSTED_MEMBERS:
            if not isinstance(value, Mapping):
                raise ContentRefused(f"field {name!r} is no object")
            self._host(name, value, pointer, removable=False)
            return True
        if name == "tool_choice":
            self._choice(value)
            return True
        if name in SWITCHES and value is True:
            self.references.add(SWITCHES[name])
            return True
        return False

    def _text(self, text: str, key: str) -> None:
        meaning = self._meanings.get(key)
        if meaning is None:
            fetches = ADDRESS_MEMBER.fullmatch(key) is not None
            meaning = self._meanings[key] = (_reference_of(key), fetches)
        reference, fetches = meaning
        if fetches and ADDRESS.match(text):
            reference = Reference.URL
        if reference is not None:
            self.references.add(reference)

    def _tools(self, name: str, tools: Frozen, pointer: str) -> None:
        if not isinstance(tools, tuple):
            raise ContentRefused(f"field {name!r} holds no list of tools")
        for index, tool in enumerate(tools):
            self._tool(name, tool, f"{pointer}/{index}")

    def _tool(self, member: str, tool: Frozen, pointer: str) -> None:
        if not isinstance(tool, Mapping):
            raise ContentRefused(f"field {member!r} holds a tool that is no object")
        kind = tool.get("type")
        if member == "mcp_servers":
            self._host("mcp_server", tool, pointer, removable=True)
        elif kind is None or kind in FUNCTION_TYPES:
            inner = tool.get(kind) if isinstance(kind, str) else None
            named = inner if isinstance(inner, Mapping) else tool
            name = named.get("name")
            if not isinstance(name, str) or (named is inner and "name" in tool):
                raise ContentRefused("a function tool has no name, or two")
            self.offered.append(OfferedTool(name=name, pointer=pointer))
        elif kind == "namespace":
            self._tools("tools", tool.get("tools"), f"{pointer}/tools")
        elif isinstance(kind, str):
            self._host(kind, tool, pointer, removable=member == "tools")
        else:
            raise ContentRefused("a tool has a type that is no text")

    def _host(
        self, kind: str, definition: Mapping[str, Frozen], pointer: str, *, removable: bool
    ) -> None:
        self._note_hosted(kind, definition, pointer, removable=removable)
        self._members(definition, pointer, OWN_ADDRESS, talk=True)

    def _note_hosted(
        self, kind: str, definition: Mapping[str, Frozen], pointer: str, *, removable: bool
    ) -> None:
        self.hosted.append(
            HostedTool(
                type=kind, arguments=flattened(definition), pointer=pointer, removable=removable
            )
        )

    def _choice(self, choice: Frozen) -> None:
        if not isinstance(choice, Mapping) or choice.get("type") not in FUNCTION_TYPES:
            return
        inner = choice.get(str(choice.get("type")))
        name = (inner if isinstance(inner, Mapping) else choice).get("name")
        if not isinstance(name, str):
            raise ContentRefused("field 'tool_choice' names no tool")
        self.forced.add(name)


def _reference_of(member: str) -> Reference | None:
    """Return what a text in a member refers to by the member's name."""
    by_ending = (reference for ending, reference in ENDINGS if ending.fullmatch(member))
    return REFERENCES.get(member) or next(by_ending, None)


def _is_authored(item: Frozen) -> bool:
    if not isinstance(item, Mapping):
        return False
    return item.get("role") == "assistant" or item.get("type") in AUTHORED_TYPES
