# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What can be handed to a method of an SDK, so that every text in it is a known one?

Arguments are made from the method's own annotations, so that a method which a new version
brings is driven without anybody writing it down. Where the annotations do not say enough to
pass the method's own checks, ``SPECIAL`` says the rest.
It does not make arguments that mean something: a server that checks them would answer with an
error.

INVARIANT: what can hold a text, a file or a name of a file holds the canary, unless it is left
out (tests/testing/test_sdk_surface.py).
"""

import collections.abc
import inspect
import io
import types
import typing
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, Literal

CANARY = "surface.canary@customers.example"
HARMLESS = "x1"

# As deep as an optional member of a member is still filled; what is required always is.
_OPTIONAL_DEPTH = 4
_DEEPEST = 8
_LISTS = (list, set, tuple, collections.abc.Iterable, collections.abc.Sequence)
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
# What a request carries beside the documented parameters, and what says how it is sent.
EXTRAS = ("extra_headers", "extra_query", "extra_body")
SENDING = (
    *EXTRAS,
    *("timeout", "max_retries", "idempotency_key", "websocket_connection_options"),
    *("on_reconnecting", "security"),
)

_HERE = Path(__file__)
# By the end of the dotted name; each is made from the canary.
SPECIAL: dict[str, Callable[[str], dict[str, Any]]] = {
    "admin.organization.external_keys.create": lambda canary: {
        "external_id": canary,
        "kms_arn": canary,
        "role_arn": canary,
    },
    "audio.voices.create": lambda canary: {"prompt": canary, "type": "prompt"},
    "beta.agents.automations.create": lambda canary: {"expression": canary, "timezone": "UTC"},
    "beta.agents.environments.files.create": lambda canary: {"data": canary},
    "beta.agents.environments.files.prepare": lambda canary: {
        "files": {f"/workspace/{canary}": _HERE},
    },
    "beta.agents.environments.files.prepare_directory": lambda canary: {
        "root": _HERE.parent,
        "destination": f"/workspace/{canary}",
        "include": [_HERE.name],
    },
    "beta.agents.environments.files.upload": lambda canary: {
        "path": f"/workspace/{canary}",
    },
    "responses.stream": lambda canary: {"input": canary, "model": "m"},
    "uploads.upload_file_chunked": lambda canary: {
        "file": canary.encode(),
        "filename": f"{canary}.txt",
        "bytes": len(canary),
    },
    "videos.edit": lambda canary: {"video": (f"{canary}.mp4", canary.encode())},
    "videos.extend": lambda canary: {"video": (f"{canary}.mp4", canary.encode())},
}


# What each of these methods does not take together with its other parameters.
EXCLUDED: dict[str, tuple[str, ...]] = {
    "beta.agents.sessions.create": ("output_type", "tool_handlers"),
    "beta.agents.sessions.stream": ("output_type",),
    "responses.parse": ("text_format",),
    "responses.stream": ("response_id", "starting_after", "text_format"),
    "beta.messages.parse": ("output_format",),
    "beta.messages.stream": ("output_format",),
    "beta.messages.tool_runner": ("output_format", "run_tools_eagerly"),
    "messages.count_tokens": ("output_format",),
    "messages.parse": ("output_format",),
    "messages.stream": ("output_format",),
}


def parameters(method: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the named parameters of a method, without those that say how it is sent."""
    return {
        name: parameter
        for name, parameter in inspect.signature(method).parameters.items()
        if name not in ("self", *SENDING)
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }


def annotations(method: Callable[..., Any]) -> dict[str, Any]:
    """Return what each parameter may be; ``Any`` where the annotation cannot be read."""
    function = inspect.unwrap(method)
    function = getattr(function, "__func__", function)
    return {
        name: _resolved(name, annotation, function.__globals__)
        for name, annotation in function.__annotations__.items()
        if name != "return"
    }


def _resolved(name: str, annotation: Any, names: dict[str, Any]) -> Any:
    holder = types.SimpleNamespace(__annotations__={name: annotation})
    try:
        return typing.get_type_hints(holder, globalns=names)[name]
    except NameError:
        return Any


def alternatives(annotation: Any) -> Iterator[Any]:
    """Yield what an annotation allows, one by one, without the markers around it."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        for each in typing.get_args(annotation):
            yield from alternatives(each)
    elif origin in (typing.Annotated, typing.Required, typing.NotRequired):
        yield from alternatives(typing.get_args(annotation)[0])
    elif isinstance(annotation, typing.TypeVar):
        yield from alternatives(annotation.__bound__ or Any)
    elif not _is_absence(annotation):
        yield annotation


def _is_absence(annotation: Any) -> bool:
    return annotation is type(None) or getattr(annotation, "__name__", "") in ("Omit", "NotGiven")


def is_closed(annotation: Any) -> bool:
    """Say whether a value can be nothing but a number, a boolean or one of some fixed words."""
    return all(_is_closed_alternative(each) for each in alternatives(annotation))


def _is_closed_alternative(annotation: Any) -> bool:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return True
    if origin in _LISTS:
        # A list of numbers is a text in another writing: tokens, or the points of a recording.
        words = [each for arm in inner for each in alternatives(arm)]
        return bool(words) and all(typing.get_origin(each) is Literal for each in words)
    return isinstance(annotation, type) and issubclass(annotation, bool | int | float | Enum)


class Values:
    """Makes values that fit an annotation and hold the canary wherever a text can stand.

    Args:
        canary: the text.
        optional: whether members of objects are filled that could be left out.
        model: the name of a model, which a policy has to know.
    """

    def __init__(self, canary: str, *, optional: bool, model: str = "m") -> None:
        self.canary = canary
        self.optional = optional
        self.model = model

    def of(self, name: str, annotation: Any, depth: int = 0) -> Any:
        """Return a value for what is called *name*."""
        if name == "model":
            return self.model
        if name == "stream":
            return False
        arms = list(alternatives(annotation))
        if not arms or depth > _DEEPEST:
            return self.canary
        return self._one(min(arms, key=_preference), depth)

    def _one(self, annotation: Any, depth: int) -> Any:
        origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
        if _is_object(annotation):
            return self._object(annotation, depth)
        if _is_file(annotation):
            return self.file()
        if origin in _LISTS:
            return [self.of("", inner[0], depth + 1)]
        if origin in _MAPPINGS:
            return {self.canary: self.of("", inner[1], depth + 1)}
        return self._plain(annotation)

    def _plain(self, annotation: Any) -> Any:
        origin = typing.get_origin(annotation)
        if origin is Literal:
            return typing.get_args(annotation)[0]
        if origin is collections.abc.Callable:
            return lambda *_args, **_kwargs: None
        if origin is type:
            return _answer_format()
        for kind, value in ((bool, True), (int, 1), (float, 1.0), (bytes, self.canary.encode())):
            if annotation is kind:
                return value
        # An object of the SDK's own, such as one that is told of events.
        if isinstance(annotation, type) and annotation is not str:
            with suppress(TypeError):
                return {} if annotation is object else annotation()
        return self.canary

    def _object(self, annotation: Any, depth: int) -> dict[str, Any]:
        members = typing.get_type_hints(annotation, include_extras=True)
        everything = self.optional and depth < _OPTIONAL_DEPTH
        return {
            name: self.of(name, member, depth + 1)
            for name, member in members.items()
            if everything or _is_required(annotation, name, member)
        }

    def file(self) -> tuple[str, io.BytesIO]:
        """Return a small file to upload, with the canary as its name and in it."""
        return (f"{self.canary}.txt", io.BytesIO(self.canary.encode()))


def _answer_format() -> type[Any]:
    """Return a class that an answer can be read into."""
    from pydantic import create_model

    return create_model("Answer", text=(str, ...))


def _is_object(annotation: Any) -> bool:
    # The SDKs take their dictionaries from typing_extensions, which typing does not recognise.
    return isinstance(annotation, type) and hasattr(annotation, "__required_keys__")


def _is_required(annotation: Any, name: str, member: Any) -> bool:
    # Where annotations are kept as text, the class itself does not know its markers.
    origin = typing.get_origin(member)
    if origin is typing.Required:
        return True
    return name in annotation.__required_keys__ and origin is not typing.NotRequired


def _is_file(annotation: Any) -> bool:
    origin = typing.get_origin(annotation) or annotation
    return getattr(origin, "__name__", "") in ("IO", "PathLike", "BytesIO", "IOBase")


def _preference(annotation: Any) -> int:
    """Order the arms of a union: what can hold the most, most simply, comes first."""
    origin = typing.get_origin(annotation)
    holds = (
        annotation is str,
        _is_file(annotation),
        _is_object(annotation),
        origin in _LISTS or origin in _MAPPINGS,
        origin is not Literal and annotation not in (bool, int, float),
    )
    return holds.index(True) if True in holds else len(holds)


def made(
    dotted: str,
    method: Callable[..., Any],
    *,
    canary: str = CANARY,
    optional: bool = False,
    leave: Collection[str] = (),
    extras: bool = False,
    model: str = "m",
) -> dict[str, Any]:
    """Return arguments for a method of the SDK.

    Args:
        dotted: its name below the client, such as ``chat.completions.create``.
        method: the method, bound or not.
        canary: the text that stands wherever a text can stand.
        optional: whether what has a default is given too.
        leave: parameters that get a harmless value, such as those of the path.
        extras: whether ``extra_body``, ``extra_query`` and ``extra_headers`` are given too.
        model: the name of a model where one is asked for.
    """
    values = Values(canary, optional=optional, model=model)
    harmless = Values(HARMLESS, optional=False, model=model)
    hints = annotations(method)
    given: dict[str, Any] = {}
    for name, parameter in parameters(method).items():
        wanted = optional and name not in EXCLUDED.get(dotted, ())
        if wanted or parameter.default is inspect.Parameter.empty:
            maker = harmless if name in leave else values
            given[name] = maker.of(name, hints.get(name, Any))
    if dotted in SPECIAL:
        given |= SPECIAL[dotted](canary)
    if extras:
        taken = inspect.signature(method).parameters
        given |= {name: {f"x-{HARMLESS}": canary} for name in EXTRAS if name in taken}
    return given
