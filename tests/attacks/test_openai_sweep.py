# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does any method of the OpenAI clients reach the provider past the guard?

The story: the SDK went from 154 to 436 methods in a year, so a list of guarded methods rots.
Every public method of every resource is called with dummy arguments, plain and through both
response wrappers, and what comes back is driven to its end, so that lazy requests happen.
"""

import asyncio
import inspect
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai._resource import AsyncAPIResource, SyncAPIResource

from agentguard import CallRefused, Guard
from agentguard.testing import LoopbackProvider

CANARY = "sweep.canary@customers.example"
WRAPPERS = ("", "with_raw_response", "with_streaming_response")
# How many public methods a version has, plain, in the raw and in the streaming wrapper.
METHODS = {"3.54.0": (436, 399, 398), "2.45.0": (312, 284, 283)}
# What sends nothing: these only read what a webhook or an earlier answer brought.
LOCAL = {
    "webhooks.unwrap",
    "webhooks.verify_signature",
    "beta.agents.sessions.artifacts.for_result",
}
# These report a refused upload with an error of their own.
WRAPPING = {
    "beta.agents.environments.files.prepare",
    "beta.agents.environments.files.prepare_directory",
}
CHAT_METHODS = {
    "chat.completions.create",
    "chat.completions.parse",
    "beta.chat.completions.create",  # the same resource, kept under its old name
    "beta.chat.completions.parse",
}
# This websocket ignores the scheme of the base URL and greets with TLS, which is no request.
SOCKETS_OVER_TLS = {"beta.realtime.connect"}
SECONDS_A_METHOD = 5

HERE = Path(__file__)
# Where a dummy made from the signature alone does not pass the method's own checks.
SPECIAL: dict[str, dict[str, Any]] = {
    "admin.organization.external_keys.create": {
        "external_id": CANARY, "kms_arn": CANARY, "role_arn": CANARY,
    },
    "audio.voices.create": {"prompt": CANARY, "type": "prompt"},
    "beta.agents.automations.create": {"expression": CANARY, "timezone": "UTC"},
    "beta.agents.environments.files.create": {"data": CANARY},
    "beta.agents.environments.files.prepare": {"files": {"/workspace/canary": HERE}},
    "beta.agents.environments.files.prepare_directory": {
        "root": HERE.parent, "destination": "/workspace", "include": [HERE.name],
    },
    "beta.agents.environments.files.upload": {"path": "/workspace/canary"},
    "responses.stream": {"input": CANARY, "model": "m"},
    "uploads.upload_file_chunked": {
        "file": CANARY.encode(), "filename": "canary.txt", "bytes": len(CANARY),
    },
    "videos.edit": {"video": ("canary.mp4", CANARY.encode())},
    "videos.extend": {"video": ("canary.mp4", CANARY.encode())},
}  # fmt: skip


def resources(holder: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Walk the resources below a client or a resource."""
    for name in dir(type(holder)):
        if isinstance(inspect.getattr_static(type(holder), name), cached_property):
            found = getattr(holder, name)
            if isinstance(found, SyncAPIResource | AsyncAPIResource):
                dotted = f"{path}.{name}" if path else name
                yield dotted, found
                yield from resources(found, dotted)


def methods(client: Any) -> Iterator[tuple[str, Any, str]]:
    """Return every public method: its dotted name, its resource and its name there."""
    for path, resource in resources(client):
        for name, _ in inspect.getmembers(type(resource), inspect.isfunction):
            if not name.startswith("_"):
                yield f"{path}.{name}", resource, name


def file() -> tuple[str, io.BytesIO]:
    """Return a small file to upload."""
    return ("canary.txt", io.BytesIO(CANARY.encode()))


# By the parameter's name, then by what the text of its annotation holds; the first that fits.
BY_NAME: dict[str, Callable[[], Any]] = {
    "messages": lambda: [{"role": "user", "content": CANARY}],
    "model": lambda: "m",
    "stream": lambda: False,
    "files": lambda: [file()],
    "file": file,
    "image": file,
    "data": file,
}
BY_ANNOTATION: dict[str, Callable[[], Any]] = {
    "FileTypes": file,
    "Callable": lambda: lambda *_args, **_kwargs: None,
    "Iterable": lambda: [CANARY],
    "List": lambda: [CANARY],
    "Sequence": lambda: [CANARY],
    "str": lambda: CANARY,
    "Literal": lambda: CANARY,
    "bool": lambda: True,
    "int": lambda: 1,
    "float": lambda: 1.0,
    "Param": lambda: {"value": CANARY},
}


def dummy(name: str, annotation: str) -> Any:
    """Return an argument for a parameter."""
    if name in BY_NAME:
        return BY_NAME[name]()
    fitting = (make() for text, make in BY_ANNOTATION.items() if text in annotation)
    return next(fitting, CANARY)


def arguments(method: Any) -> dict[str, Any]:
    """Return dummy arguments for every required parameter."""
    given = {}
    for name, parameter in inspect.signature(method).parameters.items():
        required = parameter.default is inspect.Parameter.empty
        variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if name != "self" and required and not variadic:
            given[name] = dummy(name, str(parameter.annotation))
    return given


def drive(result: Any) -> None:
    """Drive what a sync method returned: enter it, or take its first items."""
    if hasattr(result, "__enter__") and not hasattr(result, "read"):
        with result as entered:
            if hasattr(entered, "__next__"):
                next(entered, None)
    elif inspect.isgenerator(result) or hasattr(result, "__next__"):
        next(result, None)


async def drive_async(result: Any) -> None:
    """Drive what an async method returned: await it, enter it, or take its first item."""
    if inspect.isawaitable(result):
        result = await result
    if hasattr(result, "__aenter__"):
        async with result as entered:
            if hasattr(entered, "__anext__"):
                await anext(entered, None)
    elif hasattr(result, "__anext__"):
        await anext(result, None)


class Sweep:
    """What became of each method that was called."""

    def __init__(self) -> None:
        self.called = 0
        self.refused: set[str] = set()
        self.raised: dict[str, BaseException] = {}
        self.returned: set[str] = set()

    @contextmanager
    def one(self, name: str) -> Iterator[None]:
        """Note how the call of one method ended."""
        self.called += 1
        try:
            yield
        except CallRefused:
            self.refused.add(name)
        except Exception as error:  # noqa: BLE001 - dummy arguments may fail anywhere
            self.raised[name] = error
        else:
            self.returned.add(name)


def wrapped(resource: Any, name: str, wrapper: str) -> Any:
    """Return the method, or what the wrapper has in its place, or None."""
    return getattr(getattr(resource, wrapper, None) if wrapper else resource, name, None)


def calls(client: Any, wrapper: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Return every method as a call that is ready to be made."""
    for dotted, resource, name in methods(client):
        method = wrapped(resource, name, wrapper)
        if method is None:
            continue
        given = arguments(getattr(resource, name)) | SPECIAL.get(dotted, {})
        yield dotted, partial(method, **given)


def swept(client: OpenAI, wrapper: str) -> Sweep:
    """Call every method of a sync client."""
    sweep = Sweep()
    for name, call in calls(client, wrapper):
        with sweep.one(name):
            drive(call())
    return sweep


async def swept_async(client: AsyncOpenAI, wrapper: str) -> Sweep:
    """Call every method of an async client."""
    sweep = Sweep()
    async with client:
        for name, call in calls(client, wrapper):
            with sweep.one(name):
                await asyncio.wait_for(drive_async(call()), SECONDS_A_METHOD)
    return sweep


def sweep_of(kind: Any, provider: LoopbackProvider, guard: Guard | None, wrapper: str) -> Sweep:
    """Sweep a client of the provider, guarded if there is a guard."""
    made = kind(base_url=provider.base_url, api_key="k", admin_api_key="a", max_retries=0)
    client = made if guard is None else guard.wrap(made)
    if isinstance(client, AsyncOpenAI):
        return asyncio.run(swept_async(client, wrapper))
    with client:
        return swept(client, wrapper)


# Half of the SDK's assistants warn that they are deprecated; they are swept all the same.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
KINDS = pytest.mark.parametrize("kind", [OpenAI, AsyncOpenAI])
EACH_WRAPPER = pytest.mark.parametrize("wrapper", WRAPPERS, ids=["plain", *WRAPPERS[1:]])


@KINDS
@EACH_WRAPPER
def test_no_method_reaches_the_provider_without_an_identity(
    kind: Any, wrapper: str, guard: Guard, provider: LoopbackProvider
) -> None:
    """Without an identity every method is refused, and not one connection is made."""
    sweep = sweep_of(kind, provider, guard, wrapper)
    assert provider.connections == 0
    assert provider.received_bytes() == b""
    assert sweep.returned == set()
    assert set(sweep.raised) <= LOCAL | WRAPPING
    assert len(sweep.refused) == sweep.called - len(sweep.raised)


@KINDS
@EACH_WRAPPER
def test_chat_completions_alone_reach_the_provider_with_an_identity(
    kind: Any, wrapper: str, guard: Guard, provider: LoopbackProvider
) -> None:
    """With an identity that may chat, chat completions arrive redacted and nothing else does."""
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        sweep = sweep_of(kind, provider, guard, wrapper)
    expected = set() if wrapper == "with_streaming_response" else CHAT_METHODS
    arrived = [(request.method, request.path) for request in provider.journal]
    assert sweep.returned == expected
    assert arrived == [("POST", "/v1/chat/completions")] * len(expected)
    assert CANARY.encode() not in provider.received_bytes()
    assert set(sweep.raised) <= LOCAL | WRAPPING
    assert len(sweep.refused) == sweep.called - len(sweep.raised) - len(expected)


@KINDS
def test_the_sweep_would_show_a_leak(kind: Any, provider: LoopbackProvider) -> None:
    """On an unguarded client the same calls put bytes on the wire for every method but three."""
    made = kind(base_url=provider.base_url, api_key="k", admin_api_key="a", max_retries=0)
    reached = sweep_of(kind, provider, None, "")
    assert set(reached.raised) >= LOCAL & {name for name, _, _ in methods(made)}
    assert len(provider.journal) >= reached.called - len(LOCAL) - len(SOCKETS_OVER_TLS)
    assert CANARY.encode() in provider.received_bytes()


@KINDS
def test_the_sweep_is_of_the_sdk_that_was_counted(kind: Any) -> None:
    """A version of the SDK that was counted has as many methods as were counted in it."""
    client = kind(base_url="http://127.0.0.1:1/v1", api_key="k")
    if openai.__version__ not in METHODS:
        pytest.skip(f"openai {openai.__version__} was not counted")
    found = tuple(sum(1 for _ in calls(client, wrapper)) for wrapper in WRAPPERS)
    assert found == METHODS[openai.__version__]
