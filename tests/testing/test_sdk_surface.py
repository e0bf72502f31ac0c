# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is every method of an SDK found, and does every text that it is given hold the canary?"""

import enum
import inspect
import io
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Annotated, Any, Literal, NotRequired, Required, TypedDict

import openai
import pytest
import typing_extensions

from agentguard.testing import LoopbackProvider
from agentguard.testing.sdk_arguments import CANARY as CANARY_OF_A_SWEEP
from agentguard.testing.sdk_arguments import HARMLESS, Values, is_closed
from agentguard.testing.sdk_operations import addressing
from agentguard.testing.sdk_recording import Sent, recording, sent_by
from agentguard.testing.sdk_surface import (
    LOCAL,
    WRAPPERS,
    Method,
    arguments,
    client,
    client_class,
    methods,
)
from agentguard.testing.sdk_sweep import sweep

NOWHERE = "http://127.0.0.1:9/v1"
CANARY = "zq-canary"
CLIENTS = ("OpenAI", "AsyncOpenAI", "AzureOpenAI", "AsyncAzureOpenAI")
# How many public methods a version has, plain, in the raw and in the streaming wrapper.
COUNTED = {
    ("OpenAI", "3.54.0"): (436, 399, 398),
    ("OpenAI", "3.51.0"): (436, 399, 398),
    ("OpenAI", "2.45.0"): (312, 284, 283),
    ("Anthropic", "2.12.0"): (390, 383, 382),
    # Three of its methods are async only: they poll for work and run tools in this process.
    ("AsyncAnthropic", "2.12.0"): (393, 383, 382),
}


LETTER = Literal["a", "b"]


class Word(enum.Enum):
    """Fixed words."""

    ONE = "one"


class Inner(TypedDict):
    """An object inside an object."""

    text: str
    left_out: NotRequired[str]


class Late(typing_extensions.TypedDict, total=False):
    """An object as the SDKs write them."""

    needed: "Required[str]"
    other: str


@pytest.mark.parametrize("name", [*CLIENTS, "Anthropic", "AsyncAnthropic"])
def test_every_method_is_found(name: str) -> None:
    """A version of an SDK that was counted has as many methods as were counted in it."""
    module = pytest.importorskip("anthropic" if "Anthropic" in name else "openai")
    counted = COUNTED.get((name if "Anthropic" in name else "OpenAI", module.__version__))
    if counted is None:
        pytest.skip(f"{module.__name__} {module.__version__} was not counted")
    made = client(name, NOWHERE)
    assert isinstance(made, client_class(name))
    assert tuple(len(methods(made, wrapper)) for wrapper in WRAPPERS) == counted


def test_a_new_method_is_found_without_being_written_down() -> None:
    """A resource and a method that a version brings are found by walking."""

    class Embeddings(openai.resources.Embeddings):
        def invent(self, *, text: str) -> None:
            """Ask for what nobody has thought of."""
            self._post("/inventions", body={"text": text}, cast_to=object)

    made = client("OpenAI", NOWHERE, kind=recording(openai.OpenAI))
    made.__dict__["embeddings"] = Embeddings(made)
    [invent] = [method for method in methods(made) if method.name == "embeddings.invent"]
    sent = sent_by(lambda: invent.call(**arguments(invent, canary=CANARY)))
    expected = Sent(verb="POST", path="/inventions", body="json", fields=frozenset({"text"}))
    assert sent == expected


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (str, CANARY),
        (str | None, CANARY),
        (str | LETTER, CANARY),
        (Literal["a", "b"], "a"),
        (Annotated[Required[str], "mark"], CANARY),
        (list[str] | str, CANARY),
        (list[str], [CANARY]),
        (Iterable[Inner], [{"text": CANARY}]),
        (Inner | list[str], {"text": CANARY}),
        (Late, {"needed": CANARY}),
        (Mapping[str, str], {CANARY: CANARY}),
        (Mapping[str, object], {CANARY: {}}),
        (bytes, CANARY.encode()),
        (bool | None, True),
        (int | None, 1),
        (float, 1.0),
        (None, CANARY),
        (Any, CANARY),
    ],
    ids=str,
)
def test_a_value_holds_the_canary_where_a_text_can_stand(annotation: Any, value: Any) -> None:
    """What an annotation allows is made, with the canary wherever it allows a text."""
    assert Values(CANARY, optional=False).of("x", annotation) == value


def test_members_that_can_be_left_out_are_given_when_asked_for() -> None:
    """With everything asked for, an object has its optional members too."""
    values = Values(CANARY, optional=True)
    assert values.of("x", Inner) == {"text": CANARY, "left_out": CANARY}
    assert values.of("x", Late) == {"needed": CANARY, "other": CANARY}


def test_a_file_holds_the_canary_in_its_name_and_in_itself() -> None:
    """A file to upload has the canary in its name and in its bytes."""
    name, file = Values(CANARY, optional=False).of("x", io.IOBase | tuple[str, io.IOBase])
    assert name == f"{CANARY}.txt"
    assert file.read() == CANARY.encode()


def test_a_callback_can_be_called() -> None:
    """What a method calls back takes anything."""
    call = Values(CANARY, optional=False).of("x", Callable[..., None])
    assert call(1, a=2) is None


@pytest.mark.parametrize(
    ("annotation", "closed"),
    [
        (bool | None, True),
        (int | float, True),
        (Literal["a"] | None, True),
        (list[Literal["a", "b"]], True),
        (Word, True),
        (str, False),
        (str | LETTER, False),
        (list[str], False),
        (list[int], False),
        (Mapping[str, int], False),
        (Inner, False),
        (bytes, False),
        (object, False),
        (Any, False),
    ],
    ids=str,
)
def test_what_can_hold_no_text_is_told(annotation: Any, *, closed: bool) -> None:
    """Numbers, booleans and fixed words are closed; texts, objects and lists of numbers not."""
    assert is_closed(annotation) is closed


def strings(value: Any) -> set[str]:
    """Return every string in a value, keys and the names of files included."""
    if isinstance(value, str | bytes):
        return {value if isinstance(value, str) else value.decode()}
    if isinstance(value, Mapping):
        return strings(list(value)) | strings(list(value.values()))
    if isinstance(value, list | tuple):
        return {text for each in value for text in strings(each)}
    return {value.read().decode()} if hasattr(value, "read") else set()


def required_texts(method: Method) -> set[str]:
    """Return the required parameters of a method that are texts and nothing else."""
    return {
        name
        for name, parameter in inspect.signature(method.plain).parameters.items()
        if parameter.annotation == "str" and parameter.default is parameter.empty
    }


def test_every_required_text_of_every_method_is_the_canary() -> None:
    """No required text of any method is given without the canary in it."""
    for method in methods(client("OpenAI", NOWHERE)):
        given = arguments(method, canary=CANARY)
        plain = {
            name
            for name in required_texts(method) - {"model"}
            if not any(CANARY in text for text in strings(given[name]))
        }
        assert plain == set(), method.name


def test_what_addresses_can_be_left_harmless() -> None:
    """The parameters of the path can be given without the canary, the rest with it."""
    known = addressing("openai")
    for method in methods(client("OpenAI", NOWHERE)):
        given = arguments(method, canary=CANARY, leave=known[method.name])
        for name in known[method.name] & required_texts(method) - {"model"}:
            assert given[name] == HARMLESS


def test_what_goes_beside_the_parameters_is_given_when_asked_for() -> None:
    """Extra body, query and headers hold the canary, where a method takes them."""
    for method in methods(client("OpenAI", NOWHERE)):
        taken = {"extra_body", "extra_query", "extra_headers"} & set(
            inspect.signature(method.plain).parameters
        )
        given = arguments(method, canary=CANARY, extras=True)
        assert taken == {name for name in given if name.startswith("extra_")}
        assert all(strings(given[name]) == {f"x-{HARMLESS}", CANARY} for name in taken)


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("wrapper", WRAPPERS, ids=["plain", *WRAPPERS[1:]])
def test_every_method_is_called_and_its_end_noted(name: str, wrapper: str) -> None:
    """A sweep calls every method once and says of each how it ended."""
    made = client(name, NOWHERE, timeout=1)
    expected = {method.name for method in methods(made, wrapper)}
    swept = sweep(made, wrapper, only=lambda method: method.name in LOCAL)
    assert swept.called == len(expected & LOCAL)
    assert set(swept.raised) | swept.returned == expected & LOCAL
    assert swept.refused == {}


@pytest.mark.parametrize(("name", "silent"), [("OpenAI", 1), ("Anthropic", 0)])
def test_a_sweep_with_everything_puts_the_canary_everywhere(name: str, silent: int) -> None:
    """With all arguments every method sends, and the canary stands in all places of a request."""
    # The websocket of the old beta greets with TLS, so that it sends no request here.
    pytest.importorskip("anthropic" if name == "Anthropic" else "openai")
    everything = partial(arguments, canary=CANARY, optional=True, extras=True)
    with LoopbackProvider() as provider:
        made = client(name, provider.base_url)
        local = LOCAL & {method.name for method in methods(made)}
        swept = sweep(made, given=everything, only=lambda method: method.name not in local)
        assert len(provider.journal) >= swept.called - silent
        received = provider.journal
    assert any(CANARY in request.url_path for request in received)
    assert any(CANARY in value for request in received for _, value in request.query)
    assert any(value == CANARY for request in received for _, value in request.headers)
    assert any(CANARY.encode() in request.body for request in received)
    names = {part.filename for request in received for part in request.parts}
    assert f"{CANARY}.txt" in names


@pytest.mark.parametrize("name", ["AsyncOpenAI", "AsyncAnthropic"])
def test_an_async_sweep_drives_what_it_calls(name: str) -> None:
    """Every method of an async client that can send does."""
    pytest.importorskip("anthropic" if name == "AsyncAnthropic" else "openai")
    with LoopbackProvider() as provider:
        swept = sweep(client(name, provider.base_url), only=lambda each: each.name not in LOCAL)
        # The websocket of the old beta greets with TLS.
        assert len(provider.journal) >= swept.called - (name == "AsyncOpenAI")
        assert provider.saw(CANARY_OF_A_SWEEP)
