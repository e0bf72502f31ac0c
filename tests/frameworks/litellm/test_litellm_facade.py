# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does anything leave through LiteLLM that the guard did not decide?"""

import asyncio
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from agentguard import (
    AgentGuardError,
    ConfigError,
    DeniedByPolicy,
    Guard,
    IdentityRequired,
    UnguardedPath,
)
from agentguard.testing.contract.ground import ADDRESS, SECRET, Ground, asks_for, prepared, says

litellm: Any = pytest.importorskip(
    "litellm", reason="LiteLLM needs openai < 3, so it is tested in an environment of its own"
)

SAID = f"I am {ADDRESS}, my key is {SECRET}"
MESSAGES = [{"role": "user", "content": SAID}]

# LiteLLM and what it is made of warn of themselves.
pytestmark = pytest.mark.filterwarnings("ignore")


_RUNNERS: list[asyncio.Runner] = []


@pytest.fixture(scope="module", autouse=True)
def one_loop() -> Iterator[None]:
    """One event loop, since connections of a client stay with the one that they were made in."""
    with asyncio.Runner() as runner:
        _RUNNERS.append(runner)
        yield
        # LiteLLM writes of calls behind their backs.
        runner.run(asyncio.sleep(0))
    _RUNNERS.clear()


def awaited(work: Any) -> Any:
    """Run what is awaited, as whoever acts here."""
    return _RUNNERS[-1].run(work, context=contextvars.copy_context())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A guard and a provider."""
    with prepared(tmp_path_factory.mktemp("litellm")) as made:
        yield made


@pytest.fixture
def ground(shared: Ground, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """The shared ground; whoever makes a client of its own would reach its provider, too."""
    shared.script(says("all done"))
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.setenv(name, shared.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "not-a-key")
    monkeypatch.setenv("ANTHROPIC_API_BASE", shared.base_url.removesuffix("/v1"))
    return shared


@pytest.fixture
def llm(ground: Ground) -> Iterator[Any]:
    """The facade with clients of both kinds."""
    with OpenAI(base_url=ground.base_url, api_key="not-a-key", max_retries=0) as client:
        other = AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key", max_retries=0)
        yield facade(ground.guard, client, other)
        awaited(other.close())


def facade(guard: Guard, client: Any, other: Any = None) -> Any:
    """Return the facade; it can only be imported where LiteLLM is."""
    from agentguard.integrations.litellm import GuardedLiteLLM

    return GuardedLiteLLM(guard, client, async_client=other)


async def _read(work: Any) -> list[Any]:
    return [chunk async for chunk in await work]


USES: dict[str, Callable[..., Any]] = {
    "sync": lambda llm, **more: llm.completion("openai/gpt-5", MESSAGES, **more),
    "sync stream": lambda llm, **more: list(
        llm.completion("gpt-4o", MESSAGES, stream=True, **more)
    ),
    "async": lambda llm, **more: awaited(llm.acompletion("gpt-4o", MESSAGES, **more)),
    "async stream": lambda llm, **more: awaited(
        _read(llm.acompletion("gpt-4o", MESSAGES, stream=True, **more))
    ),
    "embedding": lambda llm, **more: llm.embedding("text-embedding-3-small", [SAID], **more),
    "aembedding": lambda llm, **more: awaited(
        llm.aembedding("text-embedding-3-small", [SAID], **more)
    ),
}


def test_what_is_asked_passes_the_guard(ground: Ground, llm: Any) -> None:
    """Each function hides what may not leave, and without somebody who acts sends nothing."""
    for name, use in USES.items():
        before = len(ground.provider.journal)
        with pytest.raises(IdentityRequired):
            use(llm)
        assert len(ground.provider.journal) == before, name
        with ground.acting():
            use(llm)
        assert len(ground.provider.journal) > before, name
    assert not ground.provider.saw(ADDRESS)
    assert not ground.provider.saw(SECRET)


@pytest.mark.parametrize("stream", [False, True])
def test_the_answer_is_liteLLMs(ground: Ground, llm: Any, *, stream: bool) -> None:  # noqa: N802 - a name
    """Answers, chunks and calls of tools are LiteLLM's own objects, checked."""
    ground.script(says("about operation silver falcon, then"))
    with ground.acting():
        got = llm.completion("gpt-4o", MESSAGES, stream=stream)
        if stream:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in got)
        else:
            text = got.choices[0].message.content
    assert ", then" in text
    assert "silver falcon" not in text


def test_calls_of_tools_come_back(ground: Ground, llm: Any) -> None:
    """A model's call of a tool is in the answer, for the program to make it."""
    ground.script(asks_for("lookup", order="ORD-0001"))
    parameters = {"type": "object", "properties": {"order": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "lookup", "parameters": parameters}}
    with ground.acting():
        got = llm.completion("gpt-4o", MESSAGES, tools=[tool])
    (call,) = got.choices[0].message.tool_calls
    assert call.function.name == "lookup"


@pytest.mark.parametrize(
    "option",
    [
        {"api_base": "https://elsewhere.example"},
        {"base_url": "https://elsewhere.example"},
        {"api_key": "another"},
        {"client": None},
        {"custom_llm_provider": "anthropic"},
        {"fallbacks": ["anthropic/claude"]},
        {"num_retries": 3},
        {"mock_response": "made up"},
        {"extra_headers": {"x-more": ADDRESS}},
        {"extra_body": {"more": ADDRESS}},
        {"metadata": {"more": ADDRESS}},
        {"success_callback": [print]},
        {"caching": True},
        {"model_list": []},
        {"organization": "another"},
        {"guardrails": []},
        {"an_option_of_tomorrow": 1},
    ],
    ids=lambda option: next(iter(option)),
)
def test_an_option_that_is_not_listed_is_refused(
    ground: Ground, llm: Any, option: dict[str, Any]
) -> None:
    """Whatever could choose another way out is refused, in every function."""
    before = ground.provider.connections
    for use in USES.values():
        with ground.acting(), pytest.raises(UnguardedPath, match=next(iter(option))):
            use(llm, **option)
    assert ground.provider.connections == before


@pytest.mark.parametrize("model", ["anthropic/claude-sonnet-5", "openai/azure/gpt-5", "gemini/x"])
def test_a_model_of_another_provider_is_refused(ground: Ground, llm: Any, model: str) -> None:
    """A model for which LiteLLM has clients of its own is not asked."""
    before = ground.provider.connections
    with ground.acting(), pytest.raises(UnguardedPath, match="another provider"):
        llm.completion(model, MESSAGES)
    assert ground.provider.connections == before


@pytest.mark.parametrize(
    "model",
    ["claude-sonnet-4-5", "openai/gpt-5", "meta-llama/Llama-3-8b", "openai/openai/gpt-oss-20b"],
)
def test_a_name_goes_to_the_client(ground: Ground, llm: Any, model: str) -> None:
    """A name that LiteLLM would know as another provider's is asked of the guarded client."""
    with ground.acting():
        llm.completion(model, MESSAGES)
    assert ground.provider.journal[-1].json["model"] == model.removeprefix("openai/")


def test_nothing_but_what_is_enforced_can_be_had(ground: Ground, llm: Any) -> None:
    """Every other function of LiteLLM is refused by its name, and the error says what there is."""
    before = ground.provider.connections
    for name in (
        "responses", "aresponses", "text_completion", "image_generation", "transcription",
        "speech", "moderation", "rerank", "Router", "batch_completion", "anthropic_messages",
        "completion_with_retries", "create_file", "client", "api_key",
    ):  # fmt: skip
        with ground.acting(), pytest.raises(UnguardedPath, match="aembedding, completion"):
            getattr(llm, name)
    with pytest.raises(AttributeError):
        _ = llm.there_is_no_such_function
    assert ground.provider.connections == before


# The hole: LiteLLM answers some chats by its responses, which ignore the client that they are given
# and send by themselves.
@pytest.mark.parametrize("use", ["sync", "async", "sync stream", "async stream"])
def test_a_chat_stays_a_chat(
    ground: Ground, llm: Any, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    """What LiteLLM would answer by its responses is asked of the guarded client, as a chat."""
    monkeypatch.setattr(litellm, "route_all_chat_openai_to_responses", True)
    with ground.acting():
        USES[use](llm)
    assert ground.provider.journal[-1].path.endswith("/chat/completions")
    assert not ground.provider.saw(ADDRESS)


@pytest.mark.parametrize("use", ["sync", "async", "sync stream", "async stream"])
def test_a_way_that_ignores_the_client_reaches_nobody(
    ground: Ground, llm: Any, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    """Where LiteLLM leaves the guarded client aside, the call fails and nothing is sent."""
    monkeypatch.setattr(litellm, "route_all_chat_openai_to_responses", True)
    monkeypatch.setattr("agentguard.integrations.litellm.options.STAY", {})
    before = ground.provider.connections
    with ground.acting(), pytest.raises(Exception, match=r"127\.0\.0\.1|onnect"):
        USES[use](llm, timeout=5)
    assert ground.provider.connections == before


def test_litellm_runs_no_tools_of_mcp_servers(ground: Ground, llm: Any) -> None:
    """Tools of MCP servers, which LiteLLM would list and call by itself, are decided as asked."""
    tool = {"type": "mcp", "server_label": "s", "server_url": "litellm_proxy/mcp/s"}
    before = ground.provider.connections
    for use in ("sync", "async"):
        with ground.acting(), pytest.raises(AgentGuardError):
            USES[use](llm, tools=[{**tool, "require_approval": "never"}])
    assert ground.provider.connections == before


def test_an_answer_that_nobody_gave_is_withheld(
    ground: Ground, llm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that stops asking the client it is given is refused, whatever it returns."""
    before = ground.provider.connections

    async def made_up(**options: Any) -> Any:
        return f"made up of {options['messages']}"

    monkeypatch.setattr(litellm, "completion", lambda **options: "made up")
    monkeypatch.setattr(litellm, "acompletion", made_up)
    for use in ("sync", "sync stream", "async", "async stream"):
        with ground.acting(), pytest.raises(UnguardedPath, match="without asking"):
            USES[use](llm)
    assert ground.provider.connections == before


class Seeing:
    """What would be told of every call."""

    def __call__(self, *args: Any, **options: Any) -> None:
        """Be told of a call."""
        raise AssertionError(f"it was told {args} {options}")


PLACES = ("callbacks", "input_callback", "success_callback", "failure_callback")


@pytest.mark.parametrize("place", [*PLACES, "_async_success_callback"])
@pytest.mark.parametrize("each", [Seeing(), "langfuse"])
def test_who_would_see_a_call_is_refused(
    ground: Ground, llm: Any, monkeypatch: pytest.MonkeyPatch, place: str, each: Any
) -> None:
    """A callback of the process refuses the call, since it would be told prompts as they are."""
    monkeypatch.setattr(litellm, place, [each])
    before = ground.provider.connections
    for use in USES.values():
        with ground.acting(), pytest.raises(UnguardedPath, match="known_observers"):
            use(llm)
    assert ground.provider.connections == before


def test_a_cache_is_refused(ground: Ground, llm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the process, which would answer without the guard, refuses the call."""
    monkeypatch.setattr(litellm, "cache", Seeing())
    with ground.acting(), pytest.raises(UnguardedPath, match="known_observers"):
        USES["sync"](llm)


@pytest.mark.parametrize("use", ["sync", "async", "sync stream", "async stream"])
def test_a_refusal_is_the_guards_own_error(
    ground: Ground,
    llm: Any,
    use: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """What the guard says comes out as it said it, and no log or error tells the prompt."""
    with (
        ground.guard.identity("agent:desk", on_behalf_of="user:carol"),
        pytest.raises(DeniedByPolicy) as caught,
    ):
        USES[use](llm)
    error: BaseException | None = caught.value
    while error is not None:
        assert ADDRESS not in str(error)
        error = error.__cause__ or error.__context__
    assert ADDRESS not in caplog.text
    assert ADDRESS not in "".join(capfd.readouterr())


def test_a_client_is_needed_that_the_function_can_use(ground: Ground) -> None:
    """An asynchronous function needs an asynchronous client, and nothing else is a client."""
    with OpenAI(base_url=ground.base_url, api_key="not-a-key") as client:
        alone = facade(ground.guard, client)
        with ground.acting(), pytest.raises(ConfigError, match="AsyncOpenAI"):
            USES["async"](alone)
        with pytest.raises(ConfigError, match="another guard"):
            facade(ground.elsewhere().guard, client)
    with pytest.raises(TypeError):
        facade(ground.guard, object())
    with pytest.raises(AgentGuardError), ground.acting():
        USES["sync"](facade(ground.guard, None))
