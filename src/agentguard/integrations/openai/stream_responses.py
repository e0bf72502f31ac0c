# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where do texts stand in the events of a streamed response?

A table of every type of event. Texts that grow are named by their place in the finished
response, so that the events that repeat them whole name them alike. In an event of another type
whatever is called a delta grows, too, and is held until its item ends.
It checks nothing itself.

INVARIANT: every type of event that the SDK knows is in the table
(tests/integrations/test_openai_stream_responses.py).
Source: the streaming reference, and ``openai`` 3.54's event types.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from agentguard.canonical import escape
from agentguard.integrations.openai.stream_channels import Channels
from agentguard.redaction.streams import Event, Slot

ALL = "*"
BEGIN = "response.created"
DONE = ".done"


class _Text(NamedTuple):
    """A text of an event: where it stands, and its name within the output item."""

    pointer: str
    name: str
    growing: bool = False
    answer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """What a type of event holds.

    Attributes:
        texts: its texts, each with a name that may take in other members of the event.
        ends: the names of the texts that end with it; ``*`` for all of its item.
        holds: the member that is a part, an item or a whole response, if any.
        last: whether nothing of the response comes after it.
    """

    texts: tuple[_Text, ...] = ()
    ends: tuple[str, ...] = ()
    holds: str | None = None
    last: bool = False


def _grows(name: str, *pointers: str, answer: bool) -> _Kind:
    texts = (_Text(pointer, name, growing=True, answer=answer) for pointer in pointers)
    return _Kind(texts=tuple(texts))


def _whole(name: str, pointer: str, *, answer: bool) -> _Kind:
    return _Kind(texts=(_Text(pointer, name, answer=answer),), ends=(name,))


TEXT = "content {content_index} text"
REFUSAL = "content {content_index} refusal"
SUMMARY = "summary {summary_index} text"
COMMAND = "command {command_index}"
STDOUT = "stdout {command_index}"
STDERR = "stderr {command_index}"

_NOTHING = _Kind()
_ENDS_ITEM = _Kind(ends=(ALL,))
_RESPONSE = _Kind(holds="response")
_LAST = _Kind(holds="response", last=True)
_PROGRESS = (
    *("code_interpreter_call.completed", "code_interpreter_call.in_progress"),
    *("code_interpreter_call.interpreting", "compaction.compacting"),
    *("file_search_call.completed", "file_search_call.in_progress", "file_search_call.searching"),
    *("image_generation_call.completed", "image_generation_call.generating"),
    *("image_generation_call.in_progress", "image_generation_call.partial_image"),
    *("mcp_call.completed", "mcp_call.failed", "mcp_call.in_progress"),
    *("mcp_list_tools.completed", "mcp_list_tools.failed", "mcp_list_tools.in_progress"),
    *("output_text.annotation.added", "web_search_call.completed"),
    *("web_search_call.in_progress", "web_search_call.searching"),
)

EVENTS: Mapping[str, _Kind] = {
    **{f"response.{name}": _NOTHING for name in _PROGRESS},
    "error": _Kind(last=True),
    "response.created": _RESPONSE,
    "response.queued": _RESPONSE,
    "response.in_progress": _RESPONSE,
    "response.completed": _LAST,
    "response.failed": _LAST,
    "response.incomplete": _LAST,
    "response.output_item.added": _Kind(holds="item"),
    "response.output_item.done": _Kind(holds="item", ends=(ALL,)),
    "response.content_part.added": _Kind(holds="part"),
    "response.content_part.done": _Kind(holds="part", ends=(TEXT, REFUSAL)),
    "response.output_text.delta": _grows(TEXT, "/delta", answer=True),
    "response.output_text.done": _whole(TEXT, "/text", answer=True),
    "response.refusal.delta": _grows(REFUSAL, "/delta", answer=True),
    "response.refusal.done": _whole(REFUSAL, "/refusal", answer=True),
    "response.reasoning_text.delta": _grows(TEXT, "/delta", answer=True),
    "response.reasoning_text.done": _whole(TEXT, "/text", answer=True),
    "response.reasoning_summary_part.added": _Kind(holds="part"),
    "response.reasoning_summary_part.done": _Kind(holds="part", ends=(SUMMARY,)),
    "response.reasoning_summary_text.delta": _grows(SUMMARY, "/delta", answer=True),
    "response.reasoning_summary_text.done": _whole(SUMMARY, "/text", answer=True),
    "response.function_call_arguments.delta": _grows("arguments", "/delta", answer=False),
    "response.function_call_arguments.done": _whole("arguments", "/arguments", answer=False),
    "response.mcp_call_arguments.delta": _grows("arguments", "/delta", answer=False),
    "response.mcp_call_arguments.done": _whole("arguments", "/arguments", answer=False),
    "response.custom_tool_call_input.delta": _grows("input", "/delta", answer=False),
    "response.custom_tool_call_input.done": _whole("input", "/input", answer=False),
    "response.code_interpreter_call_code.delta": _grows("code", "/delta", answer=False),
    "response.code_interpreter_call_code.done": _whole("code", "/code", answer=False),
    "response.shell_call_command.added": _Kind(texts=(_Text("/command", COMMAND),)),
    "response.shell_call_command.delta": _grows(COMMAND, "/delta", answer=False),
    "response.shell_call_command.done": _whole(COMMAND, "/command", answer=False),
    "response.shell_call_output_content.delta": _Kind(
        texts=(
            _Text("/delta/stdout", STDOUT, growing=True),
            _Text("/delta/stderr", STDERR, growing=True),
        )
    ),
    "response.shell_call_output_content.done": _Kind(ends=(STDOUT, STDERR)),
    "response.audio.delta": _grows("audio", "/delta", answer=False),
    "response.audio.done": _Kind(ends=("audio",)),
    "response.audio.transcript.delta": _grows("transcript", "/delta", answer=True),
    "response.audio.transcript.done": _Kind(ends=("transcript",)),
}

# Whole texts of an item or a part, each with its name in the item; '*' stands for any place.
_IN_ITEM = (
    _Text("/content/*/text", "content {} text", answer=True),
    _Text("/content/*/refusal", "content {} refusal", answer=True),
    _Text("/summary/*/text", "summary {} text", answer=True),
    _Text("/arguments", "arguments"),
    _Text("/input", "input"),
    _Text("/code", "code"),
    _Text("/action/commands/*", "command {}"),
    _Text("/output/*/stdout", "stdout {}"),
    _Text("/output/*/stderr", "stderr {}"),
)


class ResponsesForm:
    """The form of one streamed response, or of several that share a connection."""

    def __init__(self) -> None:
        self._channels = Channels()
        self._begun: Counter[str] = Counter()

    def slots(self, event: Event) -> Sequence[Slot]:
        """Return the texts of an event; see ``StreamForm``."""
        content = event.content
        if _type_of(content) == BEGIN:
            self._begun[_stream_of(content)] += 1
        found = tuple(_slots(content, self._top(content)))
        for slot in found:
            if slot.growing:
                self._channels.grow(slot.channel, slot.pointer)
        return found

    def ended(self, event: Event) -> Sequence[str]:
        """Return the channels that end before or in an event; see ``StreamForm``."""
        content = event.content
        kind, top = EVENTS.get(_type_of(content)), self._top(content)
        item = f"{top}{_item_of(content)}"
        if kind is None:
            ends = _type_of(content).endswith(DONE)
            return self._end(f"{item}{_stem(content)} ") if ends else ()
        if _type_of(content) == BEGIN:
            return self._end(_stream_of(content))
        if kind.last:
            stream = _stream_of(content)
            return self._end(stream) if stream else [*self._end(""), ALL]
        if ALL in kind.ends:
            return self._end(item)
        return self._channels.end(f"{item}{_named(name, content)}" for name in kind.ends)

    def carrying(self, channel: str, text: str, last: Event) -> Event:
        """Return an event like *last* that adds *text* to a channel; see ``StreamForm``."""
        kept = {name: value for name, value in last.content.items() if name != "obfuscation"}
        if "logprobs" in kept:
            kept["logprobs"] = []
        return Event(last.name, _with(kept, _steps(self._channels.pointers[channel]), text))

    def _top(self, content: Mapping[str, Any]) -> str:
        """Return what names begin with, so that the next response on a connection has its own."""
        stream = _stream_of(content)
        number = self._begun[stream]
        return f"{stream}response {number} " if number > 1 else stream

    def _end(self, prefix: str) -> list[str]:
        return self._channels.end(self._channels.below(prefix))


def _slots(content: Mapping[str, Any], top: str) -> Iterator[Slot]:
    kind = EVENTS.get(_type_of(content))
    item = f"{top}{_item_of(content)}"
    if kind is None:
        yield from _unknown(content, item)
        return
    for text in kind.texts:
        if isinstance(_at(content, text.pointer), str):
            channel = f"{item}{_named(text.name, content)}"
            yield Slot(channel, text.pointer, growing=text.growing, answer=text.answer)
    if kind.holds is not None:
        yield from _held(kind.holds, content, top)


def _held(member: str, content: Mapping[str, Any], top: str) -> Iterator[Slot]:
    """Yield the whole texts of a part, an item or a response."""
    value = content.get(member)
    item = f"{top}{_item_of(content)}"
    if not isinstance(value, dict):
        return
    if member == "item":
        yield from _in_item(value, "/item", item)
    elif member == "part":
        name = (
            "summary {summary_index}" if "summary_index" in content else "content {content_index}"
        )
        for text in ("text", "refusal"):
            if isinstance(value.get(text), str):
                channel = f"{item}{_named(name, content)} {text}"
                yield Slot(channel, f"/part/{text}", growing=False, answer=True)
    else:
        if isinstance(value.get("output_text"), str):
            yield Slot(f"{top}output_text", "/response/output_text", growing=False, answer=True)
        output = value.get("output")
        for index, each in enumerate(output if isinstance(output, list) else ()):
            yield from _in_item(each, f"/response/output/{index}", f"{top}output {index} ")


def _in_item(value: object, top: str, item: str) -> Iterator[Slot]:
    for text in _IN_ITEM:
        for pointer, places in _places(value, text.pointer.split("/")[1:]):
            channel = f"{item}{text.name.format(*places)}"
            yield Slot(channel, f"{top}{pointer}", growing=False, answer=text.answer)


def _places(value: object, path: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
    """Yield pointer and indices of every string that a path with ``*`` leads to."""
    if not path:
        if isinstance(value, str):
            yield "", []
        return
    step, rest = path[0], path[1:]
    if step == ALL:
        for index, each in enumerate(value if isinstance(value, list) else ()):
            for pointer, places in _places(each, rest):
                yield f"/{index}{pointer}", [index, *places]
    elif isinstance(value, dict) and step in value:
        for pointer, places in _places(value[step], rest):
            yield f"/{step}{pointer}", places


def _unknown(content: Mapping[str, Any], item: str) -> Iterator[Slot]:
    """Yield what is called a delta in an event that is not in the table."""
    delta = content.get("delta")
    texts = {"": delta} if isinstance(delta, str) else delta if isinstance(delta, dict) else {}
    for name, text in texts.items():
        if isinstance(text, str):
            inner = f"/{escape(name)}" if name else ""
            channel = f"{item}{_stem(content)} {content.get('item_id')}{inner}"
            yield Slot(channel, f"/delta{inner}", growing=True, answer=False)


def _stem(content: Mapping[str, Any]) -> str:
    return _type_of(content).removesuffix(".delta").removesuffix(DONE)


def _type_of(content: Mapping[str, Any]) -> str:
    kind = content.get("type")
    return kind if isinstance(kind, str) else ""


def _stream_of(content: Mapping[str, Any]) -> str:
    """Return what the names begin with where several responses share a connection."""
    return f"stream {content['stream_id']} " if content.get("stream_id") is not None else ""


def _item_of(content: Mapping[str, Any]) -> str:
    return f"output {content.get('output_index')} "


def _named(name: str, content: Mapping[str, Any]) -> str:
    indices = ("content_index", "summary_index", "command_index")
    return name.format(**{index: content.get(index) for index in indices})


def _steps(pointer: str) -> list[str]:
    """Return the steps of a JSON pointer."""
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _at(content: Mapping[str, Any], pointer: str) -> Any:
    value: Any = content
    for step in _steps(pointer):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _with(value: Mapping[str, Any], path: Sequence[str], text: str) -> dict[str, Any]:
    """Return an object with *text* at a path, and without what stands beside its last step."""
    step, *rest = path
    return {**value, step: {rest[0]: text} if rest else text}
