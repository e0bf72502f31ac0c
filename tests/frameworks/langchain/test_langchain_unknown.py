# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a model of LangChain whose provider's client nobody knows?"""

import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel, FakeListLLM
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI

from agentguard import (
    ConfigError,
    ContentRefused,
    DeniedByPolicy,
    Guard,
    IdentityRequired,
    UnguardedPath,
)
from agentguard.testing import LoopbackProvider

MAIL = "jane.doe@customers.example"
WARN = '[coverage]\npartial = "warn"\n'
Drive = Callable[[Coroutine[Any, Any, Any]], Any]


class Mirror(BaseChatModel):
    """Says what it heard last, and keeps everything that it was handed."""

    model: str = "fake-mirror"
    handed: list[Any] = []  # noqa: RUF012 - pydantic copies it for each object

    @property
    def _llm_type(self) -> str:
        return "mirror"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """Bind definitions of tools as they are."""
        return self.bind(tools=tools, **kwargs)

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self.handed.append((messages, stop, kwargs))
        said = AIMessage(
            content=messages[-1].text,
            tool_calls=[{"name": "handbook", "args": {"query": messages[-1].text}, "id": "c1"}],
            usage_metadata={"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
            response_metadata={"raw": messages[-1].text},
        )
        return ChatResult(generations=[ChatGeneration(message=said)])

    def _stream(self, messages: Any, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        self.handed.append((messages, None, kwargs))
        for letter in messages[-1].text:
            yield ChatGenerationChunk(message=AIMessageChunk(content=letter))

    def get_num_tokens(self, text: str) -> int:
        """Send a text to count its tokens."""
        self.handed.append(text)
        return 1


class Branded(ChatOpenAI):
    """A class of a program's own above one that is known."""


async def collected(chunks: Any) -> str:
    """Return the text of a stream."""
    return "".join([each.text async for each in chunks])


WAYS: dict[str, Callable[[Any, Drive], str]] = {
    "invoke": lambda model, _: model.invoke(f"I am {MAIL}").text,
    "stream": lambda model, _: "".join(each.text for each in model.stream(f"I am {MAIL}")),
    "batch": lambda model, _: model.batch([f"I am {MAIL}"])[0].text,
    "inside": lambda model, _: (
        model._generate([HumanMessage(f"I am {MAIL}")]).generations[0].message.text
    ),
    "ainvoke": lambda model, drive: drive(model.ainvoke(f"I am {MAIL}")).text,
    "astream": lambda model, drive: drive(collected(model.astream(f"I am {MAIL}"))),
}


@pytest.fixture(scope="module")
def own(lc_guard_of: Callable[[str], Guard]) -> Guard:
    """A guard that knows the provider of the models of this module by its host."""
    package = Mirror.__module__.partition(".")[0].strip("_").replace("_", "-").lower()
    return lc_guard_of(
        WARN
        + f'[[provider]]\nid = "mirror"\nhosts = ["{package}.langchain.invalid"]\n'
        + '[[rule]]\nid = "mirror"\nwho = ["agent:a"]\nprovider = ["mirror"]\nmodel = ["fake-*"]\n'
        + 'operation = ["chat"]\nthen = "allow"\n'
    )


def test_a_model_that_is_not_known_is_refused_unless_the_policy_says_otherwise(
    lc_guard: Guard,
) -> None:
    """By default a model is guarded in full or not taken, and the key that changes it is named."""
    model = Mirror()
    with pytest.raises(ConfigError, match=r'Mirror cannot be guarded in full.*partial = "warn"'):
        lc_guard.wrap(model)
    assert type(model) is Mirror
    with pytest.raises(ConfigError, match="Branded"):
        lc_guard.wrap(Branded(model="gpt-5", api_key="k"))  # type: ignore[arg-type]  # a text


@pytest.mark.parametrize("way", WAYS)
def test_a_model_in_part_is_handed_what_was_admitted(way: str, own: Guard, drive: Drive) -> None:
    """Messages reach the model with what the policy hides hidden, and the answer has it again."""
    model = own.wrap(Mirror())
    with pytest.raises(IdentityRequired):
        WAYS[way](model, drive)
    with own.identity("agent:other"), pytest.raises(DeniedByPolicy):
        WAYS[way](model, drive)
    assert model.handed == []
    with own.identity("agent:a"):
        assert WAYS[way](model, drive) == f"I am {MAIL}"
    assert MAIL not in str(model.handed)


def test_every_part_of_a_conversation_is_looked_at(own: Guard) -> None:
    """No text of a message, of a call of a tool or of an option goes round the guard."""
    model = own.wrap(Mirror())
    said: list[BaseMessage] = [
        SystemMessage(f"for {MAIL}"),
        HumanMessage([{"type": "text", "text": MAIL}, MAIL], name="user"),
        AIMessage(
            content=MAIL,
            tool_calls=[{"name": "handbook", "args": {"query": MAIL}, "id": "c0"}],
            additional_kwargs={"thought": MAIL},
            response_metadata={"raw": MAIL},
        ),
        ToolMessage(MAIL, tool_call_id="c0", artifact={"raw": MAIL}),
        HumanMessage("go on"),
    ]
    with own.identity("agent:a"):
        answer = model.invoke(said, stop=[MAIL], note=MAIL)
    ((messages, stop, kwargs),) = model.handed
    assert MAIL not in str((messages, stop, kwargs))
    assert [type(each) for each in messages] == [type(each) for each in said]
    assert messages[2].tool_calls[0]["name"] == "handbook"
    assert answer.usage_metadata == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


def test_a_tool_call_of_the_answer_keeps_its_placeholder(own: Guard) -> None:
    """Arguments that the model wrote are turned back by the tool, and by nobody before it."""
    model = own.wrap(Mirror())
    with own.identity("agent:a"):
        answer = model.invoke(f"I am {MAIL}")
    assert answer.tool_calls[0]["name"] == "handbook"
    assert MAIL not in str(answer.tool_calls)
    assert "raw" not in answer.response_metadata


def test_tools_that_are_not_offered_are_hidden_from_a_model_in_part(own: Guard) -> None:
    """A definition of a tool that no rule offers does not reach the model."""
    model = own.wrap(Mirror())
    tools = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
        for name in ("handbook", "hidden_tool")
    ]
    with own.identity("agent:a"):
        model.bind_tools(tools).invoke("hello")
    ((_, _, kwargs),) = model.handed
    assert [each["function"]["name"] for each in kwargs["tools"]] == ["handbook"]


@pytest.mark.parametrize(
    "said",
    [
        [HumanMessage([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}])],
        [ChatMessage(content="hello", role="narrator")],
    ],
)
def test_what_cannot_be_read_is_refused(said: list[BaseMessage], own: Guard) -> None:
    """A picture, or a message of a role of its own, does not reach a model in part."""
    model = own.wrap(Mirror())
    with own.identity("agent:a"), pytest.raises(ContentRefused):
        model.invoke(said)
    assert model.handed == []


def test_an_option_that_is_no_json_is_refused(own: Guard) -> None:
    """An object that nobody can look into does not reach a model in part."""
    model = own.wrap(Mirror())
    with own.identity("agent:a"), pytest.raises(ContentRefused):
        model.invoke("hello", form=Mirror)
    assert model.handed == []


def test_a_way_of_its_own_to_count_tokens_is_refused(own: Guard) -> None:
    """What may send a text to count its tokens is not called."""
    model = own.wrap(Mirror())
    with own.identity("agent:a"), pytest.raises(UnguardedPath):
        model.get_num_tokens(MAIL)
    assert model.handed == []


def test_a_model_of_text_is_guarded_in_part(
    lc_guard_of: Callable[[str], Guard], drive: Drive
) -> None:
    """Prompts reach a model of text as they were admitted, sync and async."""
    guard = lc_guard_of(
        WARN
        + '[[rule]]\nid = "texts"\nwho = ["agent:a"]\nprovider = ["unheard"]\nmodel = ["*"]\n'
        + 'operation = ["text_completion"]\nthen = "allow"\n'
    )
    model = guard.wrap(FakeListLLM(responses=["one", "two"]))
    with pytest.raises(IdentityRequired):
        model.invoke(MAIL)
    with guard.identity("agent:a"):
        assert model.invoke(MAIL) == "one"
        assert drive(model.ainvoke(MAIL)) == "two"
        assert list(model.stream(MAIL)) == ["one"]


def test_clients_inside_of_a_class_above_a_known_one_are_guarded(
    own: Guard, lc_provider: LoopbackProvider, lc_closed: Callable[[Any], Any]
) -> None:
    """A program's own subclass of a known model has its requests guarded, once each."""
    settings: dict[str, Any] = {"api_key": "not-a-key", "base_url": lc_provider.base_url}
    model = own.wrap(lc_closed(Branded(model="gpt-5", **settings)))
    before = sum(each.dispatched for each in own.enforcer.counts)
    with pytest.raises(IdentityRequired):
        model.invoke("hello")
    with own.identity("agent:a"):
        assert model.invoke(f"I am {MAIL}").text == f"I am {MAIL}"
    assert sum(each.dispatched for each in own.enforcer.counts) == before + 1
    assert lc_provider.saw(MAIL) == ()


def test_an_identity_is_bound_to_a_model_in_part_at_once_or_not_at_all(own: Guard) -> None:
    """A model in part that carries an identity needs no block, and takes no other one later."""
    model = own.wrap(Mirror(), identity="agent:a")
    assert model.invoke("hello").text == "hello"
    assert own.wrap(model) is model
    with pytest.raises(ConfigError, match="without this identity"):
        own.wrap(model, identity="agent:other")
    with pytest.raises(ConfigError, match="without this identity"):
        own.wrap(own.wrap(Mirror()), identity="agent:a")


def test_a_class_above_a_known_one_fetches_no_pictures(own: Guard) -> None:
    """Counting tokens makes no request for what a message refers to, in a subclass as well."""
    model = own.wrap(Branded(model="gpt-5", api_key="k"))  # type: ignore[arg-type]  # a text
    with pytest.raises(UnguardedPath):
        model.get_num_tokens_from_messages([HumanMessage("hello")], allow_fetching_images=True)


def test_a_model_in_part_is_told_in_the_log(own: Guard, caplog: pytest.LogCaptureFixture) -> None:
    """Who runs the program reads that a model is not guarded in full."""
    with caplog.at_level(logging.WARNING, "agentguard"):
        model = own.wrap(Mirror())
    assert "Mirror are guarded in part only" in caplog.text
    assert own.wrap(model) is model
    told = own.coverage()
    named = f"{Mirror.__module__}.Mirror"
    assert told.partial[named] >= 1
    assert f"! guarded in part only: {told.partial[named]} {named}" in str(told)
