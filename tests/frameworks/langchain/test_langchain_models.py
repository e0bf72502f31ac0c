# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does every way to run a guarded model of LangChain pass the guard, once for each request?"""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_core.runnables import ConfigurableField, RunnableLambda
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from agentguard import ConfigError, DeniedByPolicy, Guard, IdentityRequired
from agentguard.testing import Answer, LoopbackProvider, ToolRequest

MAIL = "jane.doe@customers.example"
KINDS = ("chat", "responses", "azure", "anthropic")
SAID = f"I am {MAIL}"

Drive = Callable[[Coroutine[Any, Any, Any]], Any]
Make = Callable[[str], BaseChatModel]


class Number(BaseModel):
    """A number."""

    value: int


async def collected(chunks: Any) -> str:
    """Return the text of a stream."""
    return "".join([each.text async for each in chunks])


async def from_events(model: Any, said: str) -> str:
    """Return the text of the chunks among the events of a run."""
    events = [each async for each in model.astream_events(said)]
    chunks = [each for each in events if each["event"] == "on_chat_model_stream"]
    return "".join(each["data"]["chunk"].text for each in chunks)


async def from_protocol(model: Any, said: str) -> str:
    """Return the text of a run that is read by the newest protocol."""
    stream = await model.astream_events(said, version="v3")
    text: str = await stream.text
    return text


async def several(model: Any, said: str) -> str:
    """Return one of two answers that are asked for together."""
    answers = await model.abatch([said, "another"])
    text: str = answers[0].text
    return text


FAILING: Any = RunnableLambda(lambda _: 1 / 0)
SYNC: dict[str, Callable[[Any, str], str]] = {
    "invoke": lambda model, said: model.invoke(said).text,
    "stream": lambda model, said: "".join(each.text for each in model.stream(said)),
    "transform": lambda model, said: "".join(each.text for each in model.transform(iter([said]))),
    "batch": lambda model, said: model.batch([said, "another"])[0].text,
    "generate": lambda model, said: (
        model.generate([[HumanMessage(said)]]).generations[0][0].message.text
    ),
    "stream_events": lambda model, said: str(model.stream_events(said, version="v3").text),
    "bound": lambda model, said: model.bind(stop=["never"]).invoke(said).text,
    "configured": lambda model, said: model.with_config(tags=["t"]).invoke(said).text,
    "copied": lambda model, said: model.model_copy().invoke(said).text,
    "in a chain": lambda model, said: (RunnableLambda(str) | model).invoke(said).text,
    "as a fallback": lambda model, said: FAILING.with_fallbacks([model]).invoke(said).text,
}
ASYNC: dict[str, Callable[[Any, str], Coroutine[Any, Any, str]]] = {
    "astream": lambda model, said: collected(model.astream(said)),
    "astream_events": from_events,
    "astream_events v3": from_protocol,
    "abatch": several,
}


# The ways of a class are the same whatever it speaks to; both classes take all of them.
CASES = [(kind, way) for kind in ("chat", "anthropic") for way in [*SYNC, *ASYNC]] + [
    (kind, way) for kind in ("responses", "azure") for way in ("invoke", "stream", "astream")
]


@pytest.fixture(scope="module")
def guarded(lc_models: Make, lc_guard: Guard) -> Callable[[str], BaseChatModel]:
    """Give the guarded model of a kind, one for the module."""
    made: dict[str, BaseChatModel] = {}

    def model_of(kind: str) -> BaseChatModel:
        if kind not in made:
            made[kind] = lc_guard.wrap(lc_models(kind))
        return made[kind]

    return model_of


def dispatched(guard: Guard) -> int:
    """Return how many calls of models this guard has let happen."""
    return sum(each.dispatched for each in guard.enforcer.counts)


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize(("kind", "way"), CASES)
def test_every_way_to_run_a_model_passes_the_guard_once(
    kind: str,
    way: str,
    guarded: Make,
    lc_guard: Guard,
    lc_provider: LoopbackProvider,
    drive: Drive,
) -> None:
    """An e-mail address is hidden on its way out, and is there again in the answer."""
    model = guarded(kind)
    before, sent = dispatched(lc_guard), len(lc_provider.journal)
    with lc_guard.identity("agent:a"):
        text = SYNC[way](model, SAID) if way in SYNC else drive(ASYNC[way](model, SAID))
    assert text == SAID
    assert lc_provider.saw(MAIL) == ()
    assert dispatched(lc_guard) - before == len(lc_provider.journal) - sent > 0


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize("way", [*sorted(SYNC.keys() - {"as a fallback"}), *ASYNC])
@pytest.mark.parametrize("who", ["nobody", "agent:other"])
def test_nothing_leaves_for_nobody_or_for_whom_no_rule_allows(
    who: str, way: str, guarded: Make, lc_guard: Guard, lc_provider: LoopbackProvider, drive: Drive
) -> None:
    """Without an identity, or without a rule for it, no way to run a model sends a byte."""
    model, sent = guarded("chat"), lc_provider.connections
    run = (
        (lambda: SYNC[way](model, SAID)) if way in SYNC else lambda: drive(ASYNC[way](model, SAID))
    )
    if who == "nobody":
        with pytest.raises(IdentityRequired):
            run()
    else:
        with lc_guard.identity(who), pytest.raises(DeniedByPolicy):
            run()
    assert lc_provider.connections == sent


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_structured_output_passes_the_guard(
    method: str,
    lc_models: Make,
    lc_guard_of: Callable[[str], Guard],
    lc_provider: LoopbackProvider,
    drive: Drive,
    *,
    asynchronous: bool,
) -> None:
    """An answer in a given form is asked for through the guard, whichever way it is asked for."""
    guard = lc_guard_of(
        '[[tool]]\nname = "Number"\nimpact = "read_only"\n'
        '[[rule]]\nid = "form"\nwho = ["agent:a"]\ntool = "Number"\nargs.value = { int = [0, 9] }\n'
        'then = "allow"\n'
    )
    model = guard.wrap(lc_models("chat"))
    calls = method == "function_calling"
    lc_provider.script(
        [
            Answer(tool_calls=(ToolRequest("Number", {"value": 3}),))
            if calls
            else Answer('{"value": 3}')
        ]
    )
    form, said = model.with_structured_output(Number, method=method), f"JSON for {MAIL}"
    with guard.identity("agent:a"):
        found = drive(form.ainvoke(said)) if asynchronous else form.invoke(said)
    assert found == Number(value=3)
    assert lc_provider.saw(MAIL) == ()


@pytest.mark.parametrize("way", ["invoke", "stream", "astream"])
def test_a_tool_that_no_rule_offers_is_not_shown_to_the_model(
    way: str, guarded: Make, lc_guard: Guard, lc_provider: LoopbackProvider, drive: Drive
) -> None:
    """Of the tools that are bound to a model, those that the policy does not offer are left out."""

    def hidden_tool(text: str) -> str:
        """Do what nobody may."""
        return text

    def handbook(query: str) -> str:
        """Look into the handbook."""
        return query

    bound = guarded("chat").bind_tools([hidden_tool, handbook])
    with lc_guard.identity("agent:a"):
        text = drive(ASYNC[way](bound, SAID)) if way in ASYNC else SYNC[way](bound, SAID)
    assert text == SAID
    sent = lc_provider.journal[-1].body
    assert b"handbook" in sent
    assert b"hidden_tool" not in sent


def test_a_wrap_keeps_the_object_and_a_second_one_changes_nothing(
    lc_models: Make, lc_guard: Guard, lc_guard_of: Callable[[str], Guard]
) -> None:
    """The guarded model is the program's own object, and belongs to one guard."""
    model = lc_models("chat")
    assert lc_guard.wrap(model) is model
    kind = type(model)
    assert lc_guard.wrap(model) is model
    assert type(model) is kind
    assert isinstance(model, ChatOpenAI)
    assert kind.__name__ == "ChatOpenAI"
    with pytest.raises(ConfigError, match="another guard"):
        lc_guard_of("# another").wrap(model)


@pytest.mark.parametrize("kind", KINDS)
def test_an_identity_can_be_bound_to_a_model(
    kind: str, lc_models: Make, lc_guard: Guard, lc_provider: LoopbackProvider
) -> None:
    """A model that carries an identity needs no block, and takes no second identity."""
    model = lc_guard.wrap(lc_models(kind), identity="agent:a")
    assert model.invoke("hello").text == "hello"
    with lc_guard.identity("agent:other"), pytest.raises(IdentityRequired):
        model.invoke("hello")
    with pytest.raises(ConfigError):
        lc_guard.wrap(model, identity="agent:other")


def test_a_bound_model_is_guarded_where_it_is_bound(
    lc_models: Make, lc_guard: Guard, lc_provider: LoopbackProvider
) -> None:
    """A model with arguments bound to it is guarded like the model itself, and returned."""
    model = lc_models("chat")
    bound = model.bind(stop=["never"])
    assert lc_guard.wrap(bound) is bound
    with pytest.raises(IdentityRequired):
        bound.invoke("hello")
    with pytest.raises(IdentityRequired):
        model.invoke("hello")


def test_a_chain_is_refused_and_its_parts_are_named(lc_models: Make, lc_guard: Guard) -> None:
    """What is put together of several parts is not guarded as a whole."""
    model = lc_models("chat")
    chosen_later: Any = init_chat_model(configurable_fields="any")
    for chain in (RunnableLambda(str) | model, model.with_fallbacks([model]), chosen_later):
        with pytest.raises(TypeError, match=r"models, tools and retrievers in them to guard\.wrap"):
            lc_guard.wrap(chain)


def test_settings_that_are_chosen_at_the_run_make_no_unguarded_model(
    guarded: Make, lc_guard: Guard, lc_provider: LoopbackProvider
) -> None:
    """A model that LangChain makes anew for other settings is a guarded one."""
    model = guarded("chat").configurable_fields(
        model_name=ConfigurableField(id="model"), openai_api_base=ConfigurableField(id="base")
    )
    config: Any = {"configurable": {"model": "gpt-6"}}
    with pytest.raises(IdentityRequired):
        model.invoke("hello", config)
    with lc_guard.identity("agent:a"):
        assert model.invoke(SAID, config).text == SAID
    assert b'"gpt-6"' in lc_provider.journal[-1].body
    assert lc_provider.saw(MAIL) == ()


def test_counting_tokens_at_the_provider_passes_the_guard(
    guarded: Make, lc_guard: Guard, lc_provider: LoopbackProvider
) -> None:
    """Tokens that a provider counts are counted of what may leave."""
    model = guarded("anthropic")
    with pytest.raises(IdentityRequired):
        model.get_num_tokens_from_messages([HumanMessage(SAID)])
    with lc_guard.identity("agent:a"):
        model.get_num_tokens_from_messages([HumanMessage(SAID)])
    assert lc_provider.journal[-1].path.endswith("/count_tokens")
    assert lc_provider.saw(MAIL) == ()
