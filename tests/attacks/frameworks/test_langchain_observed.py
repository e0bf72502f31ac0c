# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who sees a prompt before anything in it is hidden, and who lets nobody see it?

LangChain tells callbacks and tracers of a run before the run begins: observing is no way to
enforce, and an observer holds the raw prompt although the wire is clean.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import ContextVar
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import (
    AsyncCallbackHandler,
    BaseCallbackHandler,
    BaseCallbackManager,
    CallbackManager,
    UsageMetadataCallbackHandler,
    get_usage_metadata_callback,
)
from langchain_core.globals import set_debug, set_llm_cache, set_verbose
from langchain_core.messages import HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.config import run_in_executor
from langchain_core.tracers.context import _configure_hooks, register_configure_hook
from langchain_core.tracers.langchain import LangChainTracer
from langchain_core.tracers.root_listeners import RootListenersTracer
from langchain_openai import ChatOpenAI, OpenAI
from langsmith import utils as langsmith_utils

from agentguard import DeniedByPolicy, Guard, IdentityRequired, UnguardedPath
from agentguard.testing import Answer, LoopbackProvider, echo

MAIL = "jane.doe@customers.example"
SAID = f"I am {MAIL}"
POLICY = """
version = 1
name = "langchain"

[deployment]
store = "langchain.db"

[[identity]]
id = "agent:a"

[[class]]
name = "email"
action = "tokenise"

[[provider]]
id = "loopback"
hosts = ["127.0.0.1:*"]

[[rule]]
id = "ask"
who = ["agent:a"]
provider = ["loopback"]
model = ["*"]
operation = ["inference"]
then = "allow"
"""


class Watching(BaseCallbackHandler):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.seen = ""

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        """Keep the messages."""
        self.seen += str(messages)

    def on_llm_start(self, serialized: Any, prompts: Any, **kwargs: Any) -> None:
        """Keep the prompts."""
        self.seen += str(prompts)

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        """Keep the inputs."""
        self.seen += str(inputs)


class WatchingAsync(AsyncCallbackHandler):
    """Keeps what it is told, in the event loop."""

    def __init__(self) -> None:
        self.seen = ""

    async def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        """Keep the messages."""
        self.seen += str(messages)


class Usage(UsageMetadataCallbackHandler):
    """Pretends to count tokens only."""


@pytest.fixture(scope="module")
def guard_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Guard]]:
    """Give what makes a guard of the policy with more tables, one for each text."""
    with ExitStack() as guards:
        made: dict[str, Guard] = {}

        def guard_of(more: str) -> Guard:
            if more not in made:
                path = tmp_path_factory.mktemp("observed") / "agentguard.toml"
                path.write_text(POLICY + more)
                made[more] = guards.enter_context(Guard.from_file(path))
            return made[more]

        yield guard_of


@pytest.fixture(scope="module")
def guard(guard_of: Callable[[str], Guard]) -> Guard:
    """A guard that knows no observers."""
    return guard_of("")


@pytest.fixture(scope="module")
def provider() -> Iterator[LoopbackProvider]:
    """A provider for all tests of this module."""
    with LoopbackProvider(echo) as running:
        yield running


@pytest.fixture
def unset() -> Iterator[None]:
    """Leave LangChain's settings of the process as they were."""
    forget: Any = getattr(langsmith_utils.get_env_var, "cache_clear")  # noqa: B009 - typed as overloads
    forget()
    yield
    set_llm_cache(None)
    set_debug(False)
    set_verbose(False)
    forget()


def chat(provider: LoopbackProvider, **settings: Any) -> Any:
    """Return a plain chat model before the provider."""
    given = {"base_url": provider.base_url, "api_key": "not-a-key", "max_retries": 0, **settings}
    return ChatOpenAI(model="gpt-5", **given)


async def finished(chunks: Any) -> None:
    """Read a stream to its end."""
    async for _ in chunks:
        pass


WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "invoke": lambda model, config: model.invoke(SAID, config),
    "batch": lambda model, config: model.batch([SAID], config),
    "stream": lambda model, config: list(model.stream(SAID, config)),
    "generate": lambda model, config: model.generate([[HumanMessage(SAID)]], **config),
    "protocol": lambda model, config: str(model.stream_events(SAID, config, version="v3").text),
    "ainvoke": lambda model, config: asyncio.run(model.ainvoke(SAID, config)),
    "abatch": lambda model, config: asyncio.run(model.abatch([SAID], config)),
    "astream": lambda model, config: asyncio.run(finished(model.astream(SAID, config))),
    "astream_events": lambda model, config: asyncio.run(
        finished(model.astream_events(SAID, config))
    ),
}


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize("way", WAYS)
def test_an_observer_of_the_run_is_refused_before_it_is_told(
    way: str, guard: Guard, provider: LoopbackProvider
) -> None:
    """A callback that the policy does not name sees nothing, and nothing is sent."""
    model, watching = guard.wrap(chat(provider)), Watching()
    sent = provider.connections
    with guard.identity("agent:a"), pytest.raises(UnguardedPath, match=r"Watching would see"):
        WAYS[way](model, {"callbacks": [watching]})
    assert watching.seen == ""
    assert provider.connections == sent


def test_an_observer_is_found_wherever_langchain_takes_it_from(
    guard: Guard, provider: LoopbackProvider, unset: None
) -> None:
    """Callbacks of the model, of a binding, in a manager and of the process are all found."""
    watching, behind = Watching(), WatchingAsync()
    hooked: ContextVar[Any] = ContextVar("hooked", default=None)
    runs: list[Any] = [
        lambda: guard.wrap(chat(provider, callbacks=[watching])).invoke(SAID),
        lambda: (
            guard.wrap(chat(provider))
            .with_config(callbacks=CallbackManager([watching]))
            .invoke(SAID)
        ),
        lambda: asyncio.run(guard.wrap(chat(provider)).ainvoke(SAID, {"callbacks": [behind]})),
        lambda: guard.wrap(chat(provider, verbose=True)).invoke(SAID),
    ]
    with guard.identity("agent:a"):
        for run in runs:
            with pytest.raises(UnguardedPath):
                run()
        register_configure_hook(hooked, inheritable=True)
        try:
            hooked.set(watching)
            with pytest.raises(UnguardedPath):
                guard.wrap(chat(provider)).invoke(SAID)
        finally:
            _configure_hooks.pop()
        set_debug(True)
        with pytest.raises(UnguardedPath, match="ConsoleCallbackHandler"):
            guard.wrap(chat(provider)).invoke(SAID)
    assert watching.seen == behind.seen == ""


def test_an_instrumentation_that_joins_every_run_is_found(
    guard: Guard, provider: LoopbackProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that a patch of LangChain puts into each manager of callbacks is refused."""
    # So do the instrumentations of OpenInference and of OpenLLMetry for LangChain.
    watching, plain = Watching(), BaseCallbackManager.__init__

    def patched(self: Any, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        self.inheritable_handlers.append(watching)

    monkeypatch.setattr(BaseCallbackManager, "__init__", patched)
    with guard.identity("agent:a"), pytest.raises(UnguardedPath, match="Watching would see"):
        guard.wrap(chat(provider)).invoke(SAID)
    assert watching.seen == ""


@pytest.mark.parametrize("name", ["LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"])
def test_tracing_of_the_process_is_refused_before_a_tracer_is_made(
    name: str,
    guard: Guard,
    provider: LoopbackProvider,
    unset: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the variable set that uploads every prompt to LangSmith, no model runs."""
    monkeypatch.setenv(name, "true")
    made: list[str] = []
    monkeypatch.setattr(LangChainTracer, "__init__", lambda *_, **__: made.append("tracer"))
    with guard.identity("agent:a"), pytest.raises(UnguardedPath, match="LangChainTracer"):
        guard.wrap(chat(provider)).invoke(SAID)
    assert made == []


def test_a_subclass_of_a_known_observer_is_not_known(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """An observer is known by its very class, whatever it derives from."""
    with guard.identity("agent:a"), pytest.raises(UnguardedPath, match="Usage would see"):
        guard.wrap(chat(provider)).invoke(SAID, {"callbacks": [Usage()]})


def test_an_observer_that_only_calls_itself_like_a_known_one_is_not_known(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """A class with the name of LangChain's own is not taken for it."""
    posing = type(
        "RootListenersTracer", (Watching,), {"__module__": RootListenersTracer.__module__}
    )
    with guard.identity("agent:a"), pytest.raises(UnguardedPath):
        guard.wrap(chat(provider)).invoke(SAID, {"callbacks": [posing()]})


def test_what_langchain_itself_needs_is_not_in_the_way(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """Counting tokens, listeners of a run and streams of events work without any word of policy."""
    model, heard = guard.wrap(chat(provider)), list[str]()
    with guard.identity("agent:a"), get_usage_metadata_callback() as usage:
        model.invoke(SAID)
        listening = model.with_listeners(on_end=lambda run: heard.append(run.name))
        listening.invoke(SAID)
    assert usage.usage_metadata
    assert heard == ["ChatOpenAI"]


def test_an_observer_that_the_policy_names_sees(
    guard_of: Callable[[str], Guard], provider: LoopbackProvider
) -> None:
    """An operator can let one class see everything, and the others stay out."""
    guard = guard_of('[coverage]\nknown_observers = ["*.Watching"]\n')
    model, watching = guard.wrap(chat(provider)), Watching()
    with guard.identity("agent:a"):
        model.invoke(SAID, {"callbacks": [watching]})
        with pytest.raises(UnguardedPath):
            model.invoke(SAID, {"callbacks": [watching, Usage()]})
    assert MAIL in watching.seen
    assert provider.saw(MAIL) == ()


def test_observers_can_be_told_of_and_let_see(
    guard_of: Callable[[str], Guard], provider: LoopbackProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """With the word warn, each class of observers is told in the log once, and sees the prompt."""
    guard = guard_of('[coverage]\nobservers = "warn"\n')
    model, watching = guard.wrap(chat(provider)), Watching()
    with caplog.at_level(logging.WARNING, "agentguard"), guard.identity("agent:a"):
        model.invoke(SAID, {"callbacks": [watching]})
        model.invoke(SAID, {"callbacks": [watching]})
    assert MAIL in watching.seen
    assert len([each for each in caplog.messages if "Watching sees prompts" in each]) == 1
    assert MAIL not in caplog.text
    assert guard.coverage().observers == (f"{__name__}.Watching",)


def test_a_chain_tells_its_observers_before_its_model_is_reached(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """An observer of a chain has seen its input when the guarded model in it refuses."""
    # Why the documentation says to put no observer on a chain: LangChain gives a part of a chain
    # no say in what the chain itself tells.
    watching = Watching()
    chain = ChatPromptTemplate.from_messages([("user", "{said}")]) | guard.wrap(chat(provider))
    sent = provider.connections
    with guard.identity("agent:a"), pytest.raises(UnguardedPath):
        chain.invoke({"said": SAID}, {"callbacks": [watching]})
    assert MAIL in watching.seen
    assert provider.connections == sent


def test_models_of_text_refuse_observers_of_each_prompt(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """Callbacks that are given prompt by prompt are found, too."""
    key: Any = "not-a-key"
    model = guard.wrap(
        OpenAI(model="gpt-3.5-turbo-instruct", base_url=provider.base_url, api_key=key)
    )
    watching = Watching()
    by_prompt: list[Any] = [[], [watching]]
    with guard.identity("agent:a"):
        assert model.invoke(SAID) == SAID
        with pytest.raises(UnguardedPath):
            model.generate([SAID, SAID], callbacks=by_prompt)
        with pytest.raises(UnguardedPath):
            list(model.stream(SAID, {"callbacks": [watching]}))
    assert watching.seen == ""
    assert provider.saw(MAIL) == ()


@pytest.mark.parametrize("where", ["process", "model"])
@pytest.mark.parametrize("word", ["", '[coverage]\nobservers = "warn"\n'])
def test_no_cache_answers_in_the_place_of_the_guard(
    where: str,
    word: str,
    guard_of: Callable[[str], Guard],
    provider: LoopbackProvider,
    unset: None,
) -> None:
    """A cache, which keeps prompts and answers whoever asks, is refused even where others may see."""
    guard, cache = guard_of(word), InMemoryCache()
    if where == "process":
        set_llm_cache(cache)
    model = guard.wrap(chat(provider, cache=cache if where == "model" else None))
    with guard.identity("agent:a"):
        with pytest.raises(UnguardedPath, match="InMemoryCache keeps prompts"):
            model.invoke(SAID)
        with pytest.raises(UnguardedPath, match="InMemoryCache keeps prompts"):
            asyncio.run(model.ainvoke(SAID))
        model.model_copy(update={"cache": False}).invoke("hello")
    assert cache._cache == {}


def test_a_cache_that_the_policy_names_is_used(
    guard_of: Callable[[str], Guard], provider: LoopbackProvider
) -> None:
    """An operator who names a cache has it."""
    guard = guard_of('[coverage]\nknown_observers = ["langchain_core.caches.InMemoryCache"]\n')
    model = guard.wrap(chat(provider, cache=InMemoryCache()))
    with guard.identity("agent:a"):
        model.invoke("hello")
        before = len(provider.journal)
        model.invoke("hello")
    assert len(provider.journal) == before


def test_a_refused_observer_is_written_down(guard: Guard, provider: LoopbackProvider) -> None:
    """A run that is refused because of who would see it counts among the refused calls."""
    before = sum(sum(each.refused.values()) for each in guard.enforcer.counts)
    with guard.identity("agent:a"), pytest.raises(UnguardedPath):
        guard.wrap(chat(provider)).invoke(SAID, {"callbacks": [Watching()]})
    assert sum(sum(each.refused.values()) for each in guard.enforcer.counts) == before + 1


def test_a_stream_that_is_read_outside_the_block_is_refused(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """A stream is asked for at its first chunk, so it needs the identity there."""
    model = guard.wrap(chat(provider))
    with guard.identity("agent:a"):
        stream = model.stream(SAID)
    with pytest.raises(IdentityRequired):
        next(stream)
    assert provider.saw(MAIL) == ()


def test_a_stream_that_was_opened_in_the_block_is_read_to_its_end(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """What was decided for an identity goes on after its block."""
    model = guard.wrap(chat(provider))
    with guard.identity("agent:a"):
        stream = model.stream(SAID)
        first = next(stream)
    assert first.text + "".join(each.text for each in stream) == SAID


def test_threads_of_langchain_keep_the_identity_and_bare_ones_lose_it(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """A batch runs in threads that carry the identity; what loses it is refused, not guessed."""
    model = guard.wrap(chat(provider))

    async def given(executor: Any) -> Any:
        return await run_in_executor(executor, model.invoke, "hello")

    with ThreadPoolExecutor(1) as bare, guard.identity("agent:a"):
        assert [each.text for each in model.batch(["one", "two", "three"])] == [
            "one",
            "two",
            "three",
        ]
        assert RunnableLambda(lambda said: model.invoke(said).text).batch(["one"]) == ["one"]
        assert asyncio.run(given(None)).text == "hello"
        sent = provider.connections
        with pytest.raises(IdentityRequired):
            bare.submit(model.invoke, "hello").result()
        with pytest.raises(IdentityRequired):
            asyncio.run(given(bare))
        assert provider.connections == sent


def test_a_retry_of_a_form_is_another_call(guard: Guard, provider: LoopbackProvider) -> None:
    """LangChain's retries pass the guard each time, and a refusal is not tried again past it."""
    model = guard.wrap(chat(provider))
    provider.script([Answer("no JSON"), Answer('{"value": 3}')])
    schema = {"title": "Number", "type": "object", "properties": {"value": {"type": "integer"}}}
    asked = model.with_structured_output(schema, method="json_mode").with_retry(
        stop_after_attempt=2, wait_exponential_jitter=False
    )
    before = sum(each.dispatched for each in guard.enforcer.counts)
    with guard.identity("agent:a"):
        assert asked.invoke("JSON") == {"value": 3}
    assert sum(each.dispatched for each in guard.enforcer.counts) == before + 2


def test_a_fallback_does_not_go_past_the_guard(guard: Guard, provider: LoopbackProvider) -> None:
    """A refusal leads LangChain to the fallback, which is a guarded model of its own."""
    other = guard.wrap(chat(provider, base_url="https://other.example/v1"))
    with guard.identity("agent:a"):
        with pytest.raises(DeniedByPolicy):
            other.invoke(SAID)
        assert other.with_fallbacks([guard.wrap(chat(provider))]).invoke(SAID).text == SAID
    assert provider.saw(MAIL) == ()
