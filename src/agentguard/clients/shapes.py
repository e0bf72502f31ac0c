# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which members may a request have, at every depth, and what does each of them mean?

A shape reads one value: it refuses what it does not know and notes what it means in a
``Reading``. Integrations put shapes together into tables that follow the SDK's request types.
It does not look at what texts say, and it decides nothing about identities.

INVARIANT: what no shape knows is refused, unless the policy lists the member as an extra field
of the provider (tests/clients/test_shapes.py).
INVARIANT: a refusal shows members that the tables name and indices, never a caller's word.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from agentguard.canonical import Frozen, NotCanonical, escape, freeze, texts_in
from agentguard.errors import ContentRefused
from agentguard.vocabulary import (
    HostedTool,
    ModelCall,
    OfferedTool,
    Reference,
    Speaker,
    Utterance,
)

# A name becomes part of a path at some providers, so that it holds no step upwards.
MODEL_NAME = re.compile(r"(?!.*(?:\.\.|//|/\./))[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
EXTRA_FIELDS = "leave it out, or list it under the provider's extra_fields in the policy"
DATA = "data:"
# A text of one word that is longer may be content.
LONGEST_SETTING = 64


class At(NamedTuple):
    """A place in a request: its JSON pointer, and what of it may be shown."""

    pointer: str
    shown: str

    def below(self, name: str) -> "At":
        """Return the place of a member that a table names."""
        return At(f"{self.pointer}/{name}", f"{self.shown}/{name}")

    def item(self, index: int) -> "At":
        """Return the place of an item of a list."""
        return self.below(str(index))

    def under_key(self, key: str) -> "At":
        """Return the place of a member whose name the caller chose."""
        return At(f"{self.pointer}/{escape(key)}", f"{self.shown}/*")


TOP = At("", "")


class Reading:
    """What the shapes noted while they read one request.

    Attributes:
        extra_fields: members beyond the tables that the policy lets through.
        references: what the provider would use or keep beyond the content.
        authored: where the model wrote in an earlier turn.
        offered: the function tools.
        hosted: the tools that would run at the provider.
        forced: the function tool that the request makes the model use.
        expected: provider-side tools of which one must be among the hosted ones.
        spoken: who said what, beside what the model wrote in an earlier turn.
        asked: by the id of a call that the model made, the name of the tool.
    """

    def __init__(self, extra_fields: frozenset[str]) -> None:
        self.extra_fields = extra_fields
        self.references: set[Reference] = set()
        self.authored: list[str] = []
        self.offered: list[OfferedTool] = []
        self.hosted: list[HostedTool] = []
        self.forced: str | None = None
        self.expected: list[frozenset[str]] = []
        self.spoken: list[Utterance] = []
        self.asked: dict[str, str] = {}

    def says(self, speaker: Speaker, at: At, tool: str | None = None) -> None:
        """Note who said what stands at a place."""
        self.spoken.append(Utterance(pointer=at.pointer, speaker=speaker, tool=tool))

    def include(self, inner: "Reading") -> None:
        """Take in what was noted of a request inside this one, but for the tool it forces."""
        self.authored += inner.authored
        self.offered += inner.offered
        self.hosted += inner.hosted
        self.references |= inner.references
        self.spoken += inner.spoken

    def settle_named(self) -> None:
        """Keep the provider-side tools that the request also names elsewhere from being removed.

        Raises:
            ContentRefused: it names one that it does not offer, so that nothing decided stands
                for it.
        """
        types = {tool.type for tool in self.hosted}
        if not all(types & expected for expected in self.expected):
            raise ContentRefused(
                "the request names a tool at the provider that it does not offer",
                remedy="offer the tool in 'tools', where the policy decides it",
            )
        if self.expected:
            self.keep(frozenset[str]().union(*self.expected))

    def keep(self, types: Collection[str]) -> None:
        """Note that the request makes no sense without its provider-side tools of these types."""
        self.hosted = [
            replace(tool, removable=tool.removable and tool.type not in types)
            for tool in self.hosted
        ]

    def noted_on(self, call: ModelCall) -> ModelCall:
        """Return a call with what was noted while its payload was read."""
        return replace(
            call,
            model_authored=tuple(self.authored),
            function_tools=tuple(self.offered),
            forced_tool=self.forced,
            hosted_tools=tuple(self.hosted),
            references=frozenset(self.references),
            utterances=(
                *self.spoken,
                *(Utterance(pointer=at, speaker=Speaker.MODEL) for at in self.authored),
            ),
        )


Shape: TypeAlias = Callable[[Reading, Frozen, At], None]


def refusal(at: At, problem: str, remedy: str | None = None) -> ContentRefused:
    """Return the refusal of what stands at a place."""
    where = f"field {at.shown[1:]!r}" if at.shown else "the request"
    return ContentRefused(f"{where} {problem}", remedy=remedy)


def frozen_object(body: object, known: Collection[str]) -> Mapping[str, Frozen]:
    """Return a request body frozen.

    Args:
        body: the body as the SDK would serialise it.
        known: the names of its members that may stand in an error.

    Raises:
        ContentRefused: it is no JSON object.
    """
    try:
        payload = freeze(body)
    except NotCanonical as error:
        # Only the first segment: keys further down come from the caller.
        field = error.pointer.split("/")[1] if "/" in error.pointer else ""
        place = f"field {field!r}" if field in known else "the request body"
        raise ContentRefused(f"{place} cannot be inspected: {error.problem}") from None
    if not isinstance(payload, Mapping):
        raise ContentRefused("the request body is no JSON object")
    return payload


def named_model(body: object) -> str:
    """Return the model that a body names; empty unless it reads like a name."""
    name = body.get("model") if isinstance(body, Mapping) else None
    return name if isinstance(name, str) and MODEL_NAME.fullmatch(name) else ""


def model_name(payload: Mapping[str, Frozen]) -> str:
    """Return the model that a request names.

    Raises:
        ContentRefused: it names none, or what is no name.
    """
    name = named_model(payload)
    if not name:
        raise ContentRefused("field 'model' does not hold the name of a model")
    return name


def asks_for_stream(payload: Mapping[str, Frozen]) -> bool:
    """Say whether a request asks for a stream of events.

    Raises:
        ContentRefused: it neither does nor does not.
    """
    stream = payload.get("stream")
    if stream is None or isinstance(stream, bool):
        return stream is True
    raise ContentRefused("field 'stream' is neither true nor false")


def anything(reading: Reading, value: Frozen, at: At) -> None:
    """Read content of any form: a schema, metadata, what a tool returned."""


def plain(_reading: Reading, value: Frozen, at: At) -> None:
    """Read a text, a number, a boolean, null, or a list of them."""
    if isinstance(value, Mapping):
        raise refusal(at, "is an object, where the guard knows none")
    if isinstance(value, tuple) and any(isinstance(item, Mapping | tuple) for item in value):
        raise refusal(at, "is nested, where the guard knows no more than a list")


def _tells(value: Frozen) -> bool:
    """Say whether a member that no table knows may hold content, and not a setting alone."""
    return any(len(text) > LONGEST_SETTING or len(text.split()) > 1 for text in texts_in(value))


def members(
    known: Mapping[str, Shape],
    *,
    authored: Collection[str] = (),
    refused: Mapping[str, str] | None = None,
) -> Shape:
    """Return the shape of an object.

    Args:
        known: the shape of each of its members; null is left to the provider.
        authored: members in which the model wrote in an earlier turn; ``*`` for all of it.
        refused: members that stay refused when the policy lists them, each with the reason.
    """
    reasons = {} if refused is None else refused

    def read(reading: Reading, value: Frozen, at: At) -> None:
        if not isinstance(value, Mapping):
            raise refusal(at, "is no object")
        for name, member in value.items():
            if name in reasons and member is not None:
                raise refusal(at.below(name), reasons[name])
            shape = known.get(name)
            if shape is None:
                if name not in reading.extra_fields and name not in reasons:
                    raise refusal(at, "has a field that the guard does not know", EXTRA_FIELDS)
                if _tells(member):
                    reading.says(Speaker.TOOL, at.under_key(name))
            elif member is not None and shape is not anything:
                shape(reading, member, at.below(name))
        if "*" in authored:
            reading.authored.append(at.pointer)
        else:
            reading.authored += (f"{at.pointer}/{name}" for name in authored if name in value)

    return read


def each(shape: Shape) -> Shape:
    """Return the shape of a list."""

    def read(reading: Reading, value: Frozen, at: At) -> None:
        if not isinstance(value, tuple):
            raise refusal(at, "is no list")
        for index, item in enumerate(value):
            shape(reading, item, at.item(index))

    return read


def each_value(shape: Shape) -> Shape:
    """Return the shape of an object whose keys the caller chose."""

    def read(reading: Reading, value: Frozen, at: At) -> None:
        if not isinstance(value, Mapping):
            raise refusal(at, "is no object")
        for key, item in value.items():
            shape(reading, item, at.under_key(key))

    return read


def spoken(speaker: Speaker, shape: Shape) -> Shape:
    """Return the shape of what somebody said; what was read inside it may say otherwise."""

    def read(reading: Reading, value: Frozen, at: At) -> None:
        shape(reading, value, at)
        reading.says(speaker, at)

    return read


def spoken_text_or(speaker: Speaker, shape: Shape) -> Shape:
    """Return the shape of what is either a text that somebody said or something else."""

    def read(reading: Reading, value: Frozen, at: At) -> None:
        if isinstance(value, str):
            reading.says(speaker, at)
        else:
            shape(reading, value, at)

    return read


def asking(shape: Shape, name: Callable[[Mapping[str, Frozen]], Frozen], id_: str) -> Shape:
    """Return the shape of a call that the model made, so that its result finds its tool.

    Args:
        shape: of the call.
        name: gives the name of the tool.
        id_: the member with the id of the call.
    """

    def read(reading: Reading, value: Frozen, at: At) -> None:
        shape(reading, value, at)
        if isinstance(value, Mapping):
            tool, call = name(value), value.get(id_)
            if isinstance(tool, str) and isinstance(call, str):
                reading.asked[call] = tool

    return read


def answering(shape: Shape, member: str, id_: str) -> Shape:
    """Return the shape of what a tool returned.

    Args:
        shape: of the whole.
        member: where it stands.
        id_: the member with the id of the call that it answers.
    """

    def read(reading: Reading, value: Frozen, at: At) -> None:
        shape(reading, value, at)
        if isinstance(value, Mapping) and member in value:
            call = value.get(id_)
            tool = reading.asked.get(call) if isinstance(call, str) else None
            reading.says(Speaker.TOOL, at.below(member), tool)

    return read


def text_or(shape: Shape) -> Shape:
    """Return the shape of what is either a text or something else."""

    def read(reading: Reading, value: Frozen, at: At) -> None:
        if not isinstance(value, str):
            shape(reading, value, at)

    return read


def by_type(shapes: Mapping[str, Shape], *, remedy: str | None = None) -> Shape:
    """Return the shape of an object whose member ``type`` says what it is."""

    def read(reading: Reading, value: Frozen, at: At) -> None:
        kind = value.get("type") if isinstance(value, Mapping) else None
        shape = shapes.get(kind) if isinstance(kind, str) else None
        if shape is None:
            raise refusal(at, "is of a type that the guard does not know", remedy)
        shape(reading, value, at)

    return read


def refers(reference: Reference, shape: Shape = plain) -> Shape:
    """Return the shape of what makes the provider use or keep something, when it is there."""

    def read(reading: Reading, value: Frozen, at: At) -> None:
        shape(reading, value, at)
        if value != ():
            reading.references.add(reference)

    return read


def switch(reference: Reference) -> Shape:
    """Return the shape of a boolean that makes the provider use or keep something."""

    def read(reading: Reading, value: Frozen, at: At) -> None:
        if not isinstance(value, bool):
            raise refusal(at, "is neither true nor false")
        if value:
            reading.references.add(reference)

    return read


def fetched(reading: Reading, value: Frozen, at: At) -> None:
    """Read an address that the provider would fetch; a data URI carries its content itself."""
    if not isinstance(value, str):
        raise refusal(at, "is no text")
    if value[: len(DATA)].lower() != DATA:
        reading.references.add(Reference.URL)
